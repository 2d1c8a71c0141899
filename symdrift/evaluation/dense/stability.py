"""Mean-square stability by full matrices: any teacher, any inputs.

Of a deviation ``Z = [V, Y']`` of the layers a sample reads the rows ``V``, ``M = Y W + U V`` and
``F = Y' E``, and its Hessian makes of it ``(U' M - F) x x'`` in the first layer and
``M x x' W' - E x x' V'`` in the second; label noise adds ``-Y' eps x'`` and ``-eps x' V'``.  Second
moments of a step then need, of pairs of rows with the second moment ``P``, only
``E[X P X]`` for ``X = x x' - Sigma``.  Axes are the singular ones of ``U W``.

A deviation along the orbit is no deviation: what a step has of it is taken up by the point of the
orbit from which deviations are counted, so that the map is that of their part across the orbit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import scipy.sparse
from scipy.sparse.linalg import ArpackError, LinearOperator, eigsh

from symdrift.evaluation.dense.families import fastest_within_families, single_axes
from symdrift.evaluation.dense.frame import CanonicalFrame, Indices, reached_hessian
from symdrift.evaluation.dense.landscape import MinimumPoint
from symdrift.evaluation.dense.lyapunov import NormalFluctuation
from symdrift.evaluation.dense.sizes import MOMENTS, require_validity_memory
from symdrift.evaluation.dense.sparse import (
    ROUNDING,
    Entry,
    Sparse,
    Turns,
    around,
    assembled,
    blocks,
    is_sparse,
    pruned,
    turned,
    uncoupled,
)
from symdrift.evaluation.dense.spectrum import eigensystem
from symdrift.evaluation.lanczos import largest_eigenvalue
from symdrift.evaluation.validity import Validity
from symdrift.inputs.distribution import QuarticMap
from symdrift.study.problem import Array, LearningProblem

PARTS = 8
"""Into which the rows are cut."""

FEWER = 4
"""The search begins with one of so many outputs."""

FEW = 4
"""Least number of outputs with which it begins; with fewer it takes no time from the start."""

ABOUT = 1e-3
"""Relative residual to which their second moments are found."""

ELSEWHERE = 1e-3
"""Length of what the start has in all directions, so that none is left out."""


def dense_validity(
    problem: LearningProblem, minimum: MinimumPoint, fluctuation: NormalFluctuation
) -> Validity:
    """What the leading order assumes to be small, and the critical rate.

    Parameters
    ----------
    problem : LearningProblem
    minimum : MinimumPoint
        Of that problem.
    fluctuation : NormalFluctuation
        By gradient noise, around that minimum.

    Raises
    ------
    RequestError
        When memory does not suffice.
    """
    outputs, inputs = problem.teacher.shape
    stability = MeanSquare.of(problem, minimum)
    require_validity_memory(inputs, outputs, minimum.rank, len(stability.roots))
    critical, rate = stability.critical_rate(), problem.learning_rate
    power = float(np.trace(problem.input_covariance))
    return Validity(
        rate_times_curvature=rate * minimum.certificate.hessian_max,
        multiplicative_noise=rate * float(minimum.singular_values[0]) * power / problem.batch,
        imbalance=float(np.abs(np.linalg.eigvalsh(stability.imbalance)).max()),
        threshold=_threshold(problem, minimum, fluctuation),
        critical_rate=critical,
        rate_over_critical=rate / critical,
    )


def _threshold(
    problem: LearningProblem, minimum: MinimumPoint, fluctuation: NormalFluctuation
) -> float:
    """``Gamma_ii / s_i``, the largest of the learned axes."""
    frame, own = minimum.frame, np.arange(minimum.rank)
    directions = np.zeros((len(frame.pairs[0]), minimum.rank))
    directions[frame.positions[own, own], own] = 1.0
    along = fluctuation.basis.T @ frame.weights(directions)
    variance = np.einsum("ai,ab,bi->i", along, fluctuation.covariance, along)
    synaptic = problem.synaptic_noise / (2 * problem.learning_rate)
    variance += synaptic * np.sum(along**2 / fluctuation.stiffness[:, np.newaxis], axis=0)
    return float(np.max(variance / frame.singular_values))


@dataclass(frozen=True, eq=False)
class MeanSquare:
    """The map of second moments of deviations across the orbit.

    Attributes
    ----------
    problem : LearningProblem
    minimum : MinimumPoint
        Of that problem.
    silent : bool
        Whether a silent hidden unit is followed too: with synaptic noise it fluctuates.
    followed : int
        Of how many outputs the deviations are followed: with all ``m`` also imbalances are.
    """

    problem: LearningProblem
    minimum: MinimumPoint
    silent: bool
    followed: int

    @classmethod
    def of(cls, problem: LearningProblem, minimum: MinimumPoint) -> MeanSquare:
        silent = bool(problem.synaptic_noise > 0 and problem.hidden > minimum.rank)
        return cls(problem, minimum, silent, problem.teacher.shape[0])

    @property
    def frame(self) -> CanonicalFrame:
        return self.minimum.frame

    @cached_property
    def roots(self) -> Array:
        """``sqrt(s)`` of the hidden units that are followed, shape ``(q,)``."""
        return np.append(np.sqrt(self.frame.singular_values), [0.0] * self.silent)

    @cached_property
    def places(self) -> Indices:
        """Number of a weight of hidden unit ``k``: inputs, then outputs, ``(q, n + m)``."""
        size = self.frame.inputs + self.frame.outputs
        return np.arange(len(self.roots) * size).reshape(len(self.roots), size)

    @cached_property
    def covariance(self) -> Array:
        """``R' Sigma R``."""
        axes = self.frame.input_axes
        return uncoupled(axes.T @ self.problem.input_covariance @ axes)

    @property
    def diagonal(self) -> bool:
        """Whether the input axes are principal ones."""
        return not (self.covariance - np.diag(np.diag(self.covariance))).any()

    @property
    def excess(self) -> float:
        """``kappa`` of the inputs, and -1 where fourth moments are not those of a Gaussian.

        `scattered` leaves ``kappa`` times what the expected Hessian does to be added.
        """
        kurtosis = self.problem.inputs.kurtosis
        return -1.0 if kurtosis is None else kurtosis

    @cached_property
    def error_map(self) -> Array:
        """``P' E R``, without what is rounding."""
        turned = self.frame.turned(self.minimum.error_map)
        return np.where(np.abs(turned) > ROUNDING * np.abs(turned).max(), turned, 0.0)

    @cached_property
    def label_noise(self) -> Array:
        """Covariance of the label noise on the output axes."""
        axes = self.frame.output_axes
        return np.asarray((axes.T * self.problem.label_noise) @ axes)

    @cached_property
    def slope(self) -> Array:
        """``E Sigma``, shape ``(m, n)``."""
        return np.asarray(self.minimum.error_map @ self.problem.input_covariance)

    @cached_property
    def hessian(self) -> Array:
        """On the directions that gradient noise reaches, as far as they are followed."""
        problem, kept = self.problem, self.directions
        whole = reached_hessian(
            self.frame, self.slope, problem.input_covariance, problem.weight_decay
        )
        return uncoupled(whole[np.ix_(kept, kept)])

    @property
    def directions(self) -> Indices:
        """Numbers of the reached directions that are followed."""
        positions = self.frame.positions[: self.followed]
        return positions[positions >= 0]

    @cached_property
    def modes(self) -> tuple[Array, Turns]:
        """Curvatures, and the eigenvectors of the Hessian that are not coordinates `across`."""
        frame, gamma = self.frame, self.problem.weight_decay
        reached, axes = eigensystem(self.hessian)
        turns = [(slice(0, len(axes)), axes)]
        if self.followed < frame.outputs:
            return reached, tuple(turns)
        # Imbalances are eigenvectors.
        imbalances = len(self.minimum.spectrum.imbalance)
        curvatures = [reached, np.full(imbalances, 2 * gamma)]
        if self.silent:
            rank = frame.rank
            left_out = frame.turned(self.slope)[rank:, rank:]
            inputs = left_out.shape[1]
            silent = gamma * np.eye(sum(left_out.shape))
            silent[inputs:, :inputs], silent[:inputs, inputs:] = -left_out, -left_out.T
            values, axes = np.linalg.eigh(silent)
            curvatures += [np.full(rank, 2 * gamma), values]
            before = len(reached) + imbalances + rank
            turns.append((slice(before, before + len(values)), axes))
        return np.concatenate(curvatures), tuple(turns)

    @cached_property
    def turns(self) -> Turns:
        """Those of `modes` that `normal` has not in it."""
        turns = self.modes[1]
        return () if all(is_sparse(turn) for _, turn in turns) else blocks(turns)

    @cached_property
    def normal(self) -> Sparse:
        """Weight vectors, one per column: the modes, or `across` where these have no structure."""
        if self.turns:
            return self.across
        count, turns = self.across.shape[1], self.modes[1]
        kept = np.ones(count, dtype=bool)
        entries: list[Entry] = []
        for place, turn in turns:
            kept[place] = False
            rows, columns = np.nonzero(turn)
            entries.append((place.start + rows, place.start + columns, turn[rows, columns]))
        left = np.flatnonzero(kept)
        return self.across @ assembled((count, count), [*entries, (left, left, 1.0)])

    @cached_property
    def across(self) -> Sparse:
        """Coordinates across the orbit, one weight vector per column."""
        frame, places, roots = self.frame, self.places, self.roots
        rank, inputs, outputs = frame.rank, frame.inputs, frame.outputs
        entries: list[Entry] = []
        first = frame.positions[:rank]
        entries.append((places[:rank, :inputs], first, frame.first_shares))
        second = frame.positions[:, :rank].T
        entries.append((places[:rank, inputs:], second, frame.second_shares.T))
        count = len(frame.pairs[0])
        i, j = np.triu_indices(rank)
        # On the diagonal both contributions are to the same weight.
        scale = np.where(i == j, 0.5, np.sqrt(0.5)) / frame.lengths[i, j]
        number = count + np.arange(len(i))
        for one, other in ((i, j), (j, i)):
            entries.append((places[one, other], number, scale * roots[other]))
            entries.append((places[other, inputs + one], number, -scale * roots[one]))
        count += len(i)
        if self.followed < outputs:
            return assembled((places.size, count), entries)[:, self.directions]
        if self.silent:
            own = np.arange(rank)
            entries.append((places[rank, own], count + own, np.sqrt(0.5)))
            entries.append((places[rank, inputs + own], count + own, -np.sqrt(0.5)))
            count += rank
            rest = np.concatenate([
                places[rank, rank:inputs], places[rank, inputs + rank : inputs + outputs]
            ])  # fmt: skip
            entries.append((rest, count + np.arange(len(rest)), 1.0))
            count += len(rest)
        return assembled((places.size, count), entries)

    @cached_property
    def _rows(self) -> tuple[Sparse, Sparse]:
        """How rows are read, and what they times ``X`` do to deviations.

        Rows of all ``F``, of all ``V`` and of those ``M`` that belong to learned axes, where they
        do both; outputs not learned take part by ``V``.
        """
        frame, places, roots = self.frame, self.places, self.roots
        rank, inputs, units = frame.rank, frame.inputs, len(roots)
        weights = scipy.sparse.eye_array(places.size).tocsr()
        first, second = (weights[part.ravel()] for part in np.split(places, [inputs], axis=1))
        numbers = np.arange(rank * inputs).reshape(rank, inputs)
        learned = assembled(
            (rank * inputs, places.size),
            [
                (numbers, places[:rank, :inputs], roots[:rank, np.newaxis]),
                (numbers[:, :rank], places[:rank, inputs : inputs + rank].T, roots[:rank]),
            ],
        )
        errors = scipy.sparse.kron(np.eye(units), self.error_map.T) @ second
        reading = pruned(scipy.sparse.vstack([errors, first, learned]) @ self.normal)
        writing = pruned(scipy.sparse.vstack([-first, -errors, learned]) @ self.normal)
        # By blocks, one of `inputs` rows for each.
        there = np.all(
            [np.diff(part.indptr).reshape(-1, inputs).any(axis=1) for part in (reading, writing)],
            axis=0,
        ).repeat(inputs)
        return reading[there], writing[there].T.tocsr()

    @property
    def reading(self) -> Sparse:
        """Rows, of deviations in the coordinates of `normal`."""
        return self._rows[0]

    @property
    def writing(self) -> Sparse:
        """What the rows times ``X`` do to these coordinates."""
        return self._rows[1]

    @cached_property
    def _parts(self) -> list[tuple[slice, Sparse, Sparse]]:
        """Some rows, and all from them on as they are read and written: each pair of rows once."""
        rows, inputs = self.reading.shape[0], self.frame.inputs
        whole = max(1, min(MOMENTS // (rows * inputs), -(-rows // inputs // PARTS))) * inputs
        return [
            (slice(start, start + whole), self.reading[start:], self.writing[:, start:])
            for start in range(0, rows, whole)
        ]

    @cached_property
    def unlearned(self) -> Indices:
        """Weights from learned units to outputs that are not, ``(m - r, r)``."""
        frame = self.frame
        first = frame.inputs + frame.rank
        return self.places[: frame.rank, first : frame.inputs + self.followed].T

    @cached_property
    def products(self) -> Array:
        """``E[x_a x_b x_c x_d] - (1 + kappa) Sigma_ab Sigma_cd``, shape ``(r, r, n, n)``.

        Of learned axes ``a, b``; `excess` is ``kappa``.
        """
        rank, covariance = self.frame.rank, self.covariance
        forms = np.zeros((rank, rank, *covariance.shape))
        own = np.arange(rank)
        forms[own[:, np.newaxis], own, own[:, np.newaxis], own] = 1.0
        known = covariance[:rank, :rank, None, None] * covariance
        return self.quartic(forms) - (1 + self.excess) * known

    @cached_property
    def quartic(self) -> QuarticMap:
        """Fourth moments of the inputs on the input axes."""
        return self.problem.inputs.fourth_moments(self.frame.input_axes)

    def spread(self, forms: Array) -> Array:
        """``E[x x' P x x'] - (1 + kappa) Sigma P Sigma`` of blocks ``P``.

        For Gaussian inputs that is ``Sigma P' Sigma + Sigma tr(P Sigma)``; what is left out is of
        the expected Hessian, which in its own modes needs no product of matrices.

        Parameters
        ----------
        forms : Array
            Shape ``(a, n, b, n)``.

        Returns
        -------
        Array
            Of the same shape.
        """
        if self.problem.inputs.kurtosis is None:
            return self.quartic(forms.swapaxes(1, 2)).swapaxes(1, 2)
        covariance, inputs = self.covariance, self.frame.inputs
        powers = (1 + self.excess) * np.einsum("aibj,ij->ab", forms, covariance, optimize=True)
        if self.diagonal:
            variances = np.diag(covariance)
            spread = forms.swapaxes(1, 3) * ((1 + self.excess) * variances)
            spread *= variances[:, np.newaxis, np.newaxis]
            np.einsum("aibi->iab", spread)[:] += np.multiply.outer(variances, powers)
            return spread
        # Long axes last: few products of large matrices.
        left = covariance @ forms.reshape(len(forms), inputs, -1)
        around = (left.reshape(-1, inputs) @ ((1 + self.excess) * covariance)).reshape(forms.shape)
        return np.asarray(
            powers[:, np.newaxis, :, np.newaxis] * covariance[:, np.newaxis] + around.swapaxes(1, 3)
        )

    def scattered(self, moments: Array) -> Array:
        """``E[Delta G Delta'] - kappa (H - gamma) G (H - gamma)``, in coordinates of `normal`.

        For second moments ``G``; `excess` is ``kappa``.
        """
        inputs = self.frame.inputs
        rows = self.reading @ moments
        for part, readings, writings in self._parts:
            forms = readings @ rows[part].T
            count = forms.shape[1] // inputs
            spread = self.spread(forms.reshape(-1, inputs, count, inputs))
            # Pairs within the part are there in both orders.
            spread[:count] *= 0.5
            # What is read of these rows is not needed any more.
            rows[part] = (writings @ spread.reshape(-1, count * inputs)).T
        half = self.writing @ rows
        total: Array = half + half.T
        if len(self.unlearned):
            self._add_unlearned(total, moments)
        if self.problem.label_noise.any():
            weights = self._label_response(around(self.normal, moments))
            total += around(self.normal.T, weights)
        return total

    def _add_unlearned(self, total: Array, moments: Array) -> None:
        """What outputs that are not learned do through ``Y_oc W_c``."""
        rank, inputs = self.frame.rank, self.frame.inputs
        places, roots, products = self.unlearned, self.roots[: self.frame.rank], self.products
        outputs, flat = len(places), places.ravel()
        # Rows by pairs of learned axes, so that sums over both are one product of matrices.
        weighted = products * roots[:, None, None, None] * roots[None, :, None, None]
        onto = self.normal[flat]
        sent = (onto @ moments).T
        of_rows = (self.reading @ sent).reshape(-1, inputs, outputs, rank)
        by_row = np.einsum("zcoe,ekcb->zbok", of_rows, weighted, optimize=True)
        crossed = self.writing @ by_row.reshape(-1, len(flat))
        inner = (onto.T @ crossed.T).T
        total += inner + inner.T
        inside = weighted[:, :, :rank, :rank] * roots[:, None] * roots
        among = (onto @ sent).reshape(outputs, rank, outputs, rank)
        changed = np.einsum("oepf,ekfl->okpl", among, inside, optimize=True)
        total += around(onto.T, changed.reshape(len(flat), len(flat)))

    def _label_response(self, moments: Array) -> Array:
        """What label noise makes of second moments of all weights."""
        inputs, units, size = self.frame.inputs, *self.places.shape
        by_unit = moments.reshape(units, size, units, size)
        added = np.zeros_like(by_unit)
        first, second = slice(inputs), slice(inputs, size)
        noise, covariance = self.label_noise, self.covariance
        received = np.einsum("koIp,op->kI", by_unit[:, second, :, second], noise)
        added[:, first, :, first] += np.einsum("kI,bd->kbId", received, covariance)
        power = np.einsum("kcId,cd->kI", by_unit[:, first, :, first], covariance)
        added[:, second, :, second] += np.einsum("kI,op->koIp", power, noise)
        mixed = np.einsum(
            "kpId,db,po->kbIo", by_unit[:, second, :, first], covariance, noise, optimize=True
        )
        added[:, first, :, second] += mixed
        added[:, second, :, first] += mixed.transpose(2, 3, 0, 1)
        return added.reshape(moments.shape)

    @property
    def imbalance(self) -> Array:
        """``S^(-1/2) E[W W' - U'U] S^(-1/2)``, shape ``(r, r)``.

        With the error ``e = E x + eps`` of a sample ``E[g_W g_W' - g_U' g_U]`` is, without weight
        decay and so scaled, ``E[e e' |x|^2 - x x' |e|^2]`` on the learned axes.
        """
        problem, rank, covariance = self.problem, self.frame.rank, self.covariance
        errors = self.error_map
        size = np.eye(len(covariance))
        left = errors @ self.quartic(size) @ errors.T + np.trace(covariance) * self.label_noise
        right = self.quartic(errors.T @ errors) + np.trace(self.label_noise) * covariance
        fed = (left[:rank, :rank] - right[:rank, :rank]) / problem.batch
        # Independent noise of every weight, more of them in the larger layer.
        surplus = self.frame.inputs - self.frame.outputs
        synaptic = surplus * problem.synaptic_noise / problem.learning_rate**2
        fed[np.diag_indices(rank)] += synaptic / self.frame.singular_values
        return np.asarray(problem.learning_rate / (2 * problem.weight_decay) * fed)

    def critical_rate(self) -> float:
        """Smallest learning rate at which second moments have no stationary value.

        Where the map of second moments has the eigenvalue 1, ``H Gamma + Gamma H`` is ``eta``
        times ``H Gamma H + E[Delta Gamma Delta'] / B``.
        """
        growth = self._growth_of_single_axes()
        if growth is None:
            growth = largest_eigenvalue(self._growth, self._first_guess().ravel())
        return 1 / growth

    def _growth_of_single_axes(self) -> float | None:
        """Largest eigenvalue of `_growth` if no sample, nor its label, couples many weights."""
        problem, rank, inputs = self.problem, self.frame.rank, self.frame.inputs
        if problem.inputs.kurtosis is not None or problem.label_noise.any() or self.turns:
            return None
        fourth = single_axes(self.quartic, inputs)
        if fourth is None:
            return None
        hessians = []
        for axis, size in enumerate(np.sqrt(fourth / problem.batch)):
            rows = slice(axis, None, inputs)
            hessian = self.writing[:, rows] @ self.reading[rows]
            if axis < rank:
                onto = self.normal[self.unlearned[:, axis]]
                hessian += self.frame.singular_values[axis] * (onto.T @ onto)
            hessians.append(size * hessian)
        return fastest_within_families(hessians, self._scale, 2 * self._half_expected)

    @cached_property
    def _scale(self) -> Array:
        """``sqrt(h_x + h_y)`` of the modes."""
        curvatures = self.modes[0]
        return np.sqrt(curvatures[:, np.newaxis] + curvatures)

    @cached_property
    def _half_expected(self) -> Array:
        """Half of what the expected Hessian does to moments times `_scale`."""
        curvatures = self.modes[0]
        beyond = curvatures - self.problem.weight_decay
        expected = np.outer(curvatures, curvatures)
        expected += self.excess / self.problem.batch * np.outer(beyond, beyond)
        return np.asarray(expected / self._scale**2 / 2)

    def _growth(self, vector: Array) -> Array:
        """Of moments times `_scale`, in the modes."""
        back = tuple((place, turn.T) for place, turn in self.turns)
        moments = vector.reshape(self._scale.shape)
        found = turned(back, self.scattered(turned(self.turns, moments / self._scale)))
        found /= 2 * self.problem.batch * self._scale
        found += self._half_expected * moments
        # Rounding that is not symmetric is no second moment, and may grow faster than these.
        return np.asarray(found + found.T).ravel()

    def _first_guess(self) -> Array:
        """About the moments that grow fastest, times `_scale`.

        As much along each curvature: what grows fastest has its share, however slow it decays.  In
        a large network that is little beside what grows fastest of the strongest outputs alone,
        which is most of it and costs little: about a third of the steps are saved.
        """
        size = len(self._scale)
        everywhere: Array = np.eye(size) / np.sqrt(size)
        if (count := self.frame.rank // FEWER) < FEW:
            return everywhere
        quiet = replace(self.problem, label_noise=np.zeros_like(self.problem.label_noise))
        few = replace(self, problem=quiet, silent=False, followed=count)
        start = np.eye(len(few._scale))

        def growth(vector: Array) -> Array:
            # What is not symmetric is no second moment: none of it returns.
            return few._growth(_symmetric(vector.reshape(start.shape)).ravel())

        operator = LinearOperator((start.size, start.size), growth, dtype=start.dtype)
        try:
            vectors: Array = eigsh(operator, 1, which="LA", v0=start.ravel(), tol=ABOUT)[1]
        except ArpackError:
            return everywhere
        found = vectors.reshape(start.shape)
        reached = self.modes[1][0][1]
        onto = reached[few.directions].T @ few.modes[1][0][1]
        moments = np.sign(np.trace(found)) * found / few._scale
        guess = ELSEWHERE * everywhere
        among = slice(len(reached))
        guess[among, among] += onto @ moments @ onto.T * self._scale[among, among]
        return _symmetric(guess)


def _symmetric(matrix: Array) -> Array:
    return np.asarray(0.5 * (matrix + matrix.T))

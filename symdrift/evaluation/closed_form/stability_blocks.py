"""Mean-square stability of aligned networks with Gaussian inputs.

Second moments of a deviation ``n`` from the minimum are multiplied in one step by
``Gamma -> (1 - eta H) Gamma (1 - eta H) + eta^2 E[Delta Gamma Delta'] / B``, where ``Delta`` is
what the Hessian of a sample differs by from the expected one, across the orbit.  Flipping the sign
of an axis everywhere changes nothing, so that the moments that grow fastest fall into blocks: the
weights between two axes, and the weights of all axes to themselves.  What a sample does is a row of
the deviation times its centred ``x x'``,

``rho_ab = sum_c alpha_ac (x_c x_b - Sigma_cb)``, for ``alpha`` one of ``F``, ``M`` and ``V``,

with ``M = dU W + U dW``, ``F = dU' E`` and ``V = dW``: the gradient changes by
``U' rho^M - rho^F`` in the first layer, by ``rho^M W' - E rho^V'`` in the second, which is to read
them again with ``F`` and ``V`` in the place of each other's opposite.
Axes with the same numbers are one kind.

Every block has a matrix of its own, and blocks that have an axis in common are coupled by one
more thing only: by the power ``sum_c lambda_c <alpha_ac alpha_ac'>`` of its rows.  The map is
therefore block diagonal and of low rank beside, six numbers for each kind of axis.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import ArrayLike

from symdrift.evaluation.closed_form.axis_kinds import Indices, Kinds
from symdrift.evaluation.closed_form.coupled_powers import Coarse, Coupling, largest_of_powers
from symdrift.evaluation.closed_form.moment_map import (
    MomentMap,
    Pairs,
    rooted_sums,
)
from symdrift.evaluation.closed_form.printed_aligned import (
    _own_curvature,
    _pair_block,
    _unreached_curvature,
)
from symdrift.evaluation.conjugate_directions import largest_eigenvalues
from symdrift.memory import require_memory
from symdrift.study.problem import Array

ROUNDING = 1e-14
"""Relative size of what is left of a difference of equal numbers."""

FEW_KINDS = 64
"""Of axes, up to which the map is kept, and searched as it is."""

PAIRS_TOGETHER = 2**12
"""Pairs of axes, of all networks, whose part of the map stays in the cache."""

PAIR_MEMORY = 290
"""Bytes that two axes take: how they couple their powers, and which axes they are."""

TOGETHER_MEMORY = 5400
"""Bytes that two axes take while their part of the map is made."""

FED_BACK = np.array([[0.0, 0.0, -1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])
"""Of the rows ``F, M, V`` that a step writes those that it reads."""


@dataclass(frozen=True, eq=False)
class _Block:
    """Weights in modes of the Hessian and what samples read of them.

    All blocks at once, along the last axis: long axes last, for speed.

    Attributes
    ----------
    curvatures : Array
        Of the modes, shape ``(d, blocks)``.
    weights : Array
        Weights of a mode, shape ``(w, d, blocks)``; zero where a mode does not exist.
    rows : Array
        ``F, M, V`` of a mode, those of one axis after those of the other, shape
        ``(sides, 3, d, blocks)``.
    """

    curvatures: Array
    weights: Array
    rows: Array

    def of(self, blocks: Indices) -> _Block:
        """Some of the blocks."""
        return _Block(*(part[..., blocks] for part in (self.curvatures, self.weights, self.rows)))


@dataclass(frozen=True, eq=False)
class MeanSquare:
    """The map of second moments in blocks.

    Attributes
    ----------
    kinds : Kinds
    weight_decay, batch : Array
        Of each network, shape ``(networks,)``.
    """

    kinds: Kinds
    weight_decay: Array
    batch: Array

    @property
    def axes(self) -> int:
        """That differ, in each network."""
        return len(self.kinds.count) // self.networks

    @property
    def networks(self) -> int:
        return len(self.weight_decay)

    @cached_property
    def pairs(self) -> tuple[Indices, Indices, Array]:
        """Kinds ``a`` (learned) and ``b`` of two different axes, and how many such pairs."""
        networks = np.arange(self.networks)
        count = self.kinds.count[:: self.networks]
        active = self.kinds.singular_value[:: self.networks] > 0
        a, b = np.triu_indices(len(count))
        number = np.where(a == b, count[a] * (count[a] - 1) / 2, count[a] * count[b])
        kept = (active[a] | active[b]) & (number > 0)
        a, b = a[kept], b[kept]
        learned, other = np.where(active[a], [a, b], [b, a])
        return (
            (learned[:, np.newaxis] * self.networks + networks).ravel(),
            (other[:, np.newaxis] * self.networks + networks).ravel(),
            np.repeat(number[kept], self.networks),
        )

    def between(self, a: Indices, b: Indices) -> _Block:
        """Weights ``W_ab, W_ba, U_ab, U_ba`` in the two reached modes and the imbalance.

        Rows are those of ``ab``, then those of ``ba``.
        """
        kinds = self.kinds
        noise, values = kinds.label_noise, kinds.singular_value
        one, other = kinds.roots[a], kinds.roots[b]
        gamma = np.tile(self.weight_decay, len(a) // self.networks)
        first, second, coupling, *_ = _pair_block(
            kinds.variance[a], noise[a], values[a], kinds.variance[b], noise[b], values[b],
            kinds.residual[b], gamma,
        )  # fmt: skip
        half = (first - second) / 2
        apart = np.hypot(half, coupling)
        upper = (first + second) / 2 + apart
        # The determinant without the difference of equal numbers.
        bare, bare_l = second - gamma, first - gamma
        slack = (gamma - coupling) * (gamma + coupling)
        determinant = bare * bare_l + gamma * (bare + bare_l) + slack
        lower = determinant / upper
        # Half of the angle of (half, -coupling), again without a difference.
        reach = np.where(apart > 0, apart + np.abs(half), 1.0)
        cosine, sine = np.where(half >= 0, (reach, -coupling), (coupling, -reach))
        cosine, sine = np.stack([cosine, sine]) / np.hypot(reach, coupling)
        length = np.sqrt(values[a] + values[b])
        from_a, from_b = one / length, other / length
        both = np.where(values[b] > 0, np.sqrt(0.5), 0.0)
        into_a, into_b = from_a * (kinds.variance[b] > 0), from_a * kinds.output[b]
        weights = np.stack([
            [into_a * cosine, into_a * -sine, both * from_b],
            [from_b * sine, from_b * cosine, both * from_a],
            [from_b * cosine, from_b * -sine, both * -from_a],
            [into_b * sine, into_b * cosine, both * -from_b],
        ])  # fmt: skip
        rows = np.stack([
            [kinds.residual[b] * weights[3], one * weights[0] + other * weights[2], weights[0]],
            [kinds.residual[a] * weights[2], other * weights[1] + one * weights[3], weights[1]],
        ])  # fmt: skip
        # To the last bit.
        rows[:, 1, 2] = 0.0
        return _Block(np.stack([upper, lower, _unreached_curvature(gamma)]), weights, rows)

    @cached_property
    def own(self) -> _Block:
        """Weights ``W_aa, U_aa`` in their sum and their difference."""
        kinds = self.kinds
        active = kinds.singular_value > 0
        curvatures = np.ones((2, len(active)))
        gamma = np.tile(self.weight_decay, len(active) // self.networks)[active]
        curvatures[:, active] = (
            _own_curvature(*kinds.learned(), gamma), _unreached_curvature(gamma)
        )  # fmt: skip
        there = np.sqrt(0.5) * active
        weights = np.array([[there, there], [there, -there]])
        maps = np.array([2 * kinds.roots * there, np.zeros(len(there))])
        return _Block(
            curvatures, weights, np.array([[kinds.residual * weights[1], maps, weights[0]]])
        )

    @cached_property
    def map(self) -> MomentMap:
        """``E[R Gamma R]`` with the Hessian ``R`` of a step, its mean included.

        In coordinates in which ``H Gamma + Gamma H`` is the identity, each block as often as it
        occurs.
        """
        kinds, alone = self.kinds, self.own
        root_batch = np.sqrt(np.tile(self.batch, len(kinds.variance) // self.networks))
        inputs, labels = (
            np.sqrt(part / root_batch) for part in (kinds.variance, kinds.label_noise)
        )
        roots, rows = rooted_sums(alone.curvatures), inputs * alone.rows[0]
        own, fed_back = _squared(_sampled(rows, rows)), _FED
        if kinds.label_noise.any():
            fed = _symmetric(inputs * alone.weights[0], labels * alone.weights[1])
            own += fed[:, np.newaxis] * fed
            rows = np.append(rows, labels * alone.weights[1:], axis=0)
            # The power of V feeds what labels are received by, and is fed by it.
            fed_back = np.pad(fed_back, (0, 1))
            fed_back[-1, -2] = fed_back[-2, -1] = 1.0
        own /= roots[:, np.newaxis] * roots
        # An axis that is not learned has no weights to itself, and stands there with none.
        _add_expected(own, alone.curvatures, kinds.singular_value > 0)
        parts = _Parts(self)
        return MomentMap(
            parts=tuple(parts) if self.axes <= FEW_KINDS else parts,
            own=own,
            power=_read(rows) / roots * np.sqrt(kinds.count),
            fed_back=fed_back,
            count=kinds.count,
            networks=self.networks,
        )

    def _part(self, pairs: slice) -> Pairs:
        """The map of some pairs."""
        a, b, number = self.pairs
        a, b, number = a[pairs], b[pairs], number[pairs]
        kinds, between = self.kinds, self.between(a, b)
        root_batch = np.sqrt(np.tile(self.batch, len(a) // self.networks))
        alone_a, alone_b = self.own.of(a), self.own.of(b)
        roots = rooted_sums(between.curvatures)
        cross_roots = np.sqrt(_outer(np.add, alone_a.curvatures, alone_b.curvatures))
        # What a sample is there in each of two factors.
        input_a, input_b = (np.sqrt(kinds.variance[each] / root_batch) for each in (a, b))
        rows_a, rows_b = input_b * between.rows[0], input_a * between.rows[1]
        pair = _squared(_sampled(rows_a, rows_a))
        pair += _squared(_sampled(rows_b, rows_b))
        exchange = _symmetric(
            np.repeat(_sampled(input_a * alone_a.rows[0], rows_a), 2, axis=0),
            np.tile(_sampled(input_b * alone_b.rows[0], rows_b), (2, 1, 1)),
        )
        if kinds.label_noise.any():
            # -dU' eps x' in the first layer, -eps x' dW' in the second.
            label_a, label_b = (np.sqrt(kinds.label_noise[each] / root_batch) for each in (a, b))
            wab, wba, uab, uba = between.weights
            maps = np.array([label_b * uba, label_a * uab])
            fed = _symmetric(np.array([input_b * wab, input_a * wba]), maps)
            pair += np.einsum("kxp,kyp->xyp", fed, fed)
            received = _symmetric(np.array([input_a * wba, input_b * wab]), maps)
            reached = np.array(
                [
                    _outer(np.multiply, input_a * alone_a.weights[0], label_b * alone_b.weights[1]),
                    _outer(np.multiply, label_a * alone_a.weights[1], input_b * alone_b.weights[0]),
                ]
            ).reshape(2, 4, len(number))
            exchange += np.einsum("kcp,kxp->cxp", reached, received)
            rows_a, rows_b = (
                np.append(rows_a, maps[:1], axis=0),
                np.append(rows_b, maps[1:], axis=0),
            )
        pair /= roots[:, np.newaxis] * roots
        _add_expected(pair, between.curvatures, 1.0)
        active = kinds.singular_value > 0
        cross = _outer(np.multiply, alone_a.curvatures, alone_b.curvatures) / cross_roots**2
        exchange /= cross_roots.reshape(4, 1, len(number)) * roots
        counted = np.sqrt(number) / roots
        return Pairs(
            curvatures=between.curvatures,
            pair=pair,
            cross=((active[a] & active[b]) * cross).reshape(4, len(number)),
            exchange=exchange,
            powers=((_read(rows_a) * counted, a), (_read(rows_b) * counted, b)),
            number=number,
        )

    def critical_rates(self) -> Array:
        """Smallest learning rates at which second moments have no stationary value, by network.

        Where the map of second moments has the eigenvalue 1, ``H Gamma + Gamma H`` is ``eta``
        times what a step makes of them: the inverse rate is the largest eigenvalue of the map.

        Raises
        ------
        RequestError
            When the axes are too many for the memory that is left.
        """
        if self.axes <= FEW_KINDS:
            values, vectors = self._of_moments()
            moments = vectors.reshape(-1, self.networks)
            for k in np.flatnonzero(np.isnan(values)).tolist():
                # Many eigenvalues next to the largest: powers tell them apart.
                values[k], _ = self._single(k)._about(np.ascontiguousarray(moments[:, k]))
            return 1 / values
        require_memory(
            "network", foreseen_memory(self.axes),
            f"has {self.axes} axes that differ, whose critical learning rate would need",
            "fewer axes fit, or more that are alike",
        )  # fmt: skip
        return np.array([1 / self._single(k)._of_powers()[0] for k in range(self.networks)])

    def _single(self, network: int) -> MeanSquare:
        """One of the networks."""
        one = slice(network, None, self.networks)
        kinds = Kinds(*(getattr(self.kinds, each.name)[one] for each in fields(Kinds)))
        return MeanSquare(kinds, self.weight_decay[[network]], self.batch[[network]])

    def _of_moments(self) -> tuple[Array, Array]:
        """Largest eigenvalues and their moments."""
        moments = self.map
        return largest_eigenvalues(
            moments, moments.identity(), moments.preconditioner, self.networks
        )

    def _about(self, moments: Array) -> tuple[float, Array]:
        """Largest eigenvalue of one network, and its powers, from moments, settled or not."""
        value, powers = float(moments @ self.map(moments)), self.map.powers_in(moments)
        return largest_of_powers(self.map, value, powers)

    def _of_powers(self) -> tuple[float, Array]:
        """Of one network, and its powers, which change little from an axis to its neighbour."""
        if self.axes <= FEW_KINDS:
            return self._about(self._of_moments()[1])
        places, fewer = self.kinds.fewer()
        about = MeanSquare(fewer, self.weight_decay, self.batch)
        value, powers = about._of_powers()
        if np.isnan(value):
            return largest_of_powers(self.map, 0.0, self.map.powers_in(self.map.identity()))
        coarse = Coarse(places, powers, Coupling.of(about.map, value))
        return largest_of_powers(self.map, value, coarse.on(self.axes, powers), coarse)


@dataclass(frozen=True, eq=False)
class _Parts:
    """Parts of the map, made each time that they are asked for."""

    square: MeanSquare

    def __iter__(self) -> Iterator[Pairs]:
        networks = self.square.networks
        step = max(1, PAIRS_TOGETHER // networks) * networks
        for start in range(0, len(self.square.pairs[0]), step):
            yield self.square._part(slice(start, start + step))


def foreseen_memory(axes: int) -> int:
    """Bytes that the critical rate of a network takes which has so many axes that differ."""
    return PAIR_MEMORY * (axes * (axes + 1) // 2) + TOGETHER_MEMORY * PAIRS_TOGETHER


def _sampled(left: Array, right: Array) -> Array:
    """``M' M - F' V - V' F``: what a sample's power on an axis does between modes, ``(u, x, p)``.

    It stands on both sides of the moments.
    """
    found = _outer(np.multiply, left[1], right[1])
    found -= _outer(np.multiply, left[0], right[2])
    found -= _outer(np.multiply, left[2], right[0])
    return found


def _add_expected(matrices: Array, curvatures: Array, there: ArrayLike) -> None:
    """Add what the expected Hessian does, where there are such moments."""
    np.einsum("iip->ip", matrices)[:] += np.asarray(there) * _expected(curvatures)


def _outer(combine: np.ufunc, left: Array, right: Array) -> Array:
    """Of all modes of one with all of the other, block by block."""
    return np.asarray(combine(left[:, np.newaxis], right))


def _expected(curvatures: Array) -> Array:
    """``h_x h_y / (h_x + h_y)`` on the upper triangle, block by block."""
    x, y = np.triu_indices(len(curvatures))
    return np.asarray(curvatures[x] * curvatures[y] / (curvatures[x] + curvatures[y]))


def _symmetric(left: Array, right: Array) -> Array:
    """``l r' + r l'`` of rows ``(..., d, p)`` in the coordinates of `_upper`."""
    size = left.shape[-2]
    places = list(combinations_with_replacement(range(size), 2))
    found = np.empty((*left.shape[:-2], len(places), left.shape[-1]))
    for k, (x, y) in enumerate(places):
        out = found[..., k, :]
        np.multiply(left[..., x, :], right[..., y, :], out=out)
        if x == y:
            out *= np.sqrt(2)
        else:
            out += left[..., y, :] * right[..., x, :]
    return found


def _squared(factor: Array, places: tuple[Indices, Indices] | None = None) -> Array:
    """``F X F'`` as a matrix on the coordinates of `_upper`, or rows of it, block by block."""
    i, j = places or np.triu_indices(len(factor))
    lengths = np.where(i == j, np.sqrt(0.5), 1.0)[:, np.newaxis, np.newaxis]
    return _symmetric(lengths * factor[i], factor[j])


def _read(rows: Array) -> Array:
    """Powers of ``F, M, V`` and, beside them, of ``U``, where it is a fourth row."""
    x, y = np.triu_indices(3)
    alone = np.arange(3, len(rows))
    return _squared(rows, (np.append(x, alone), np.append(y, alone)))


_FED = _squared(FED_BACK[..., np.newaxis])[..., 0]
"""The same of powers of rows."""

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
from symdrift.evaluation.closed_form.moment_map import (
    MomentMap,
    Pairs,
    largest_of_powers,
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

TOGETHER_MEMORY = 7000
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

    def moments(self, upper: Array) -> Array:
        """Second moments of the weights from coordinates in which the map is symmetric."""
        x, y = np.triu_indices(len(self.curvatures))
        full = np.empty((len(self.curvatures), *self.curvatures.shape))
        shares = np.where(x == y, 1.0, np.sqrt(0.5))[:, np.newaxis]
        full[x, y] = full[y, x] = shares * upper / rooted_sums(self.curvatures)
        return _sandwiched(self.weights, full, self.weights)


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
        noise, values, roots = kinds.label_noise, kinds.singular_value, kinds.roots
        gamma = np.tile(self.weight_decay, len(a) // self.networks)
        first, second, coupling, *_ = _pair_block(
            kinds.variance[a], noise[a], values[a], kinds.variance[b], noise[b], values[b],
            kinds.residual[b], gamma,
        )  # fmt: skip
        half = (first - second) / 2
        upper = (first + second) / 2 + np.hypot(half, coupling)
        # The determinant without the difference of equal numbers.
        bare, bare_l = second - gamma, first - gamma
        slack = (gamma - coupling) * (gamma + coupling)
        determinant = bare * bare_l + gamma * (bare + bare_l) + slack
        lower = determinant / upper
        curvatures = np.stack([upper, lower, _unreached_curvature(gamma)], axis=1)
        angle = np.arctan2(-coupling, half) / 2
        axes = np.zeros((len(a), 3, 3))
        axes[:, 0, 0] = axes[:, 1, 1] = np.cos(angle)
        axes[:, 1, 0], axes[:, 0, 1] = np.sin(angle), -np.sin(angle)
        axes[:, 2, 2] = 1.0
        length = np.sqrt(values[a] + values[b])
        from_a, from_b = roots[a] / length, roots[b] / length
        both = np.where(values[b] > 0, np.sqrt(0.5), 0.0)
        weights = np.zeros((len(a), 4, 3))
        weights[:, 0, 0] = from_a * (kinds.variance[b] > 0)
        weights[:, 1, 1], weights[:, 2, 0] = from_b, from_b
        weights[:, 3, 1] = from_a * kinds.output[b]
        weights[:, :, 2] = (both * np.array([from_b, from_a, -from_a, -from_b])).T
        reading = np.zeros((len(a), 2, 3, 4))
        for here, there, one, other in ((0, 1, a, b), (1, 0, b, a)):
            reading[:, here, 0, 2 + there] = kinds.residual[other]
            reading[:, here, 1, here] = roots[one]
            reading[:, here, 1, 2 + here] = roots[other]
            reading[:, here, 2, here] = 1.0
        return _block(curvatures, weights @ axes, reading)

    @cached_property
    def own(self) -> _Block:
        """Weights ``W_aa, U_aa`` in their sum and their difference."""
        kinds, roots = self.kinds, self.kinds.roots
        active = kinds.singular_value > 0
        curvatures = np.ones((len(active), 2))
        gamma = np.tile(self.weight_decay, len(active) // self.networks)[active]
        curvatures[active] = np.stack(
            [_own_curvature(*kinds.learned(), gamma), _unreached_curvature(gamma)], axis=1
        )
        modes = np.sqrt(0.5) * np.array([[1.0, 1.0], [1.0, -1.0]]) * active[:, None, None]
        reading = np.zeros((len(active), 1, 3, 2))
        reading[:, 0, 0, 1], reading[:, 0, 1] = kinds.residual, roots[:, np.newaxis]
        reading[:, 0, 2, 0] = 1.0
        return _block(curvatures, modes, reading)

    @cached_property
    def map(self) -> MomentMap:
        """``E[R Gamma R]`` with the Hessian ``R`` of a step, its mean included.

        In coordinates in which ``H Gamma + Gamma H`` is the identity, each block as often as it
        occurs.
        """
        kinds, alone = self.kinds, self.own
        variance, noise, noisy = kinds.variance, kinds.label_noise, kinds.label_noise.any()
        batch = np.tile(self.batch, len(variance) // self.networks)
        roots = rooted_sums(alone.curvatures)
        weights = _squared(alone.weights) / roots
        power = variance * _squared(alone.rows[0]) / roots / np.sqrt(batch)
        # An axis that is not learned has no weights to itself, and stands there with none.
        own = _with_expected(_fed(power), alone.curvatures, kinds.singular_value > 0)
        fed_back = _FED
        if noisy:
            row = weights[1]
            own += noise * variance / batch * row[:, np.newaxis] * row
            power = np.concatenate([power, (noise * weights[2])[np.newaxis] / np.sqrt(batch)])
            # The power of V feeds what labels are received by, and is fed by it.
            fed_back = np.pad(fed_back, (0, 1))
            fed_back[-1, -2] = fed_back[-2, -1] = 1.0
        parts = _Parts(self)
        return MomentMap(
            parts=tuple(parts) if self.axes <= FEW_KINDS else parts,
            own=own,
            power=power * np.sqrt(kinds.count),
            fed_back=fed_back,
            count=kinds.count,
            networks=self.networks,
        )

    def _part(self, pairs: slice) -> Pairs:
        """The map of some pairs."""
        a, b, number = self.pairs
        a, b, number = a[pairs], b[pairs], number[pairs]
        kinds, between = self.kinds, self.between(a, b)
        variance, noise = kinds.variance, kinds.label_noise
        batch = np.tile(self.batch, len(a) // self.networks)
        alone_a, alone_b = self.own.of(a), self.own.of(b)
        roots = rooted_sums(between.curvatures)
        cross_roots = np.sqrt(_outer(np.add, alone_a.curvatures, alone_b.curvatures))
        weights = _squared(between.weights) / roots
        powers = [
            variance[b] * _squared(between.rows[0]) / roots / np.sqrt(batch),
            variance[a] * _squared(between.rows[1]) / roots / np.sqrt(batch),
        ]
        pair = _with_expected(_fed(powers[0]) + _fed(powers[1]), between.curvatures, 1.0)
        read_a, read_b = (
            np.einsum("iup,ij,jxp->uxp", one.rows[0], FED_BACK, rows, optimize=True)
            for one, rows in zip((alone_a, alone_b), between.rows, strict=True)
        )
        exchange = variance[a] * variance[b] * _crossed(read_a, read_b)
        if kinds.label_noise.any():
            # -dU' eps x' in the first layer, -eps x' dW' in the second.
            at = {place: k for k, place in enumerate(combinations_with_replacement(range(4), 2))}
            for row, strength in (
                (weights[at[0, 3]], noise[b] * variance[b]),
                (weights[at[1, 2]], noise[a] * variance[a]),
            ):
                pair += strength / batch * row[:, np.newaxis] * row
            for row, strength, first, second in (
                (at[1, 3], noise[b] * variance[a], 0, 1),
                (at[0, 2], noise[a] * variance[b], 1, 0),
            ):
                received = np.sqrt(0.5) * strength * weights[row] * roots
                reached = _outer(np.multiply, alone_a.weights[first], alone_b.weights[second])
                exchange += reached.reshape(4, 1, len(number)) * received
            powers = [
                np.concatenate([part, row[np.newaxis] / np.sqrt(batch)])
                for part, row in zip(
                    powers, (noise[b] * weights[at[3, 3]], noise[a] * weights[at[2, 2]]),
                    strict=True,
                )
            ]  # fmt: skip
        active = kinds.singular_value > 0
        counted = np.sqrt(number)
        return Pairs(
            curvatures=between.curvatures,
            pair=pair,
            cross=(
                (active[a] & active[b])
                * _outer(np.multiply, alone_a.curvatures, alone_b.curvatures)
                / cross_roots**2
            ).reshape(4, len(number)),
            exchange=np.sqrt(2)
            / batch
            * exchange
            / (roots * cross_roots.reshape(4, 1, len(number))),
            powers=((powers[0] * counted, a), (powers[1] * counted, b)),
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
            values, vectors = self.of_moments()
            moments = vectors.reshape(-1, self.networks)
            for k in np.flatnonzero(np.isnan(values)).tolist():
                # Many eigenvalues next to the largest: powers tell them apart.
                alone = self._single(k).map
                start = np.ascontiguousarray(moments[:, k])
                about = float(start @ alone(start))
                values[k], _ = largest_of_powers(alone, about, alone.powers_in(start))
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

    def of_moments(self) -> tuple[Array, Array]:
        """Largest eigenvalues and their moments."""
        moments = self.map
        return largest_eigenvalues(
            moments, moments.identity(), moments.preconditioner, self.networks
        )

    def weight_moments(self, vector: Array) -> Iterator[tuple[Indices, Indices, Array]]:
        """Second moments of weights, of one network that has one axis of each kind.

        Parameters
        ----------
        vector : Array
            Moments in the coordinates of `map`.

        Yields
        ------
        rows, columns : Indices
            Numbers of weights, shape ``(w, blocks)`` and ``(v, blocks)``: by hidden unit, in each
            by layer, in each by the axis of the input or output.
        moments : Array
            Shape ``(w, v, blocks)``.
        """
        parts, own = self.map.split(vector)
        layers = np.array([0, 0, 1, 1])[:, np.newaxis]
        axes = np.arange(self.axes)
        alone = (2 * axes + layers[1:3]) * self.axes + axes
        yield alone, alone, self.own.moments(own)
        start = 0
        for pair, cross in parts:
            here = slice(start, start := start + pair.shape[1])
            a, b = self.pairs[0][here], self.pairs[1][here]
            units, others = np.array([a, b, b, a]), np.array([b, a, a, b])
            numbers = (2 * units + layers) * self.axes + others
            yield numbers, numbers, self.between(a, b).moments(pair)
            one, other = self.own.of(a), self.own.of(b)
            sums = _outer(np.add, one.curvatures, other.curvatures)
            shared = cross.reshape(sums.shape) / np.sqrt(2 * sums)
            shared = _sandwiched(one.weights, shared, other.weights)
            yield alone[:, a], alone[:, b], shared
            yield alone[:, b], alone[:, a], shared.swapaxes(0, 1)

    def _of_powers(self) -> tuple[float, Array]:
        """Of one network, and its powers, which change little from an axis to its neighbour."""
        if self.axes <= FEW_KINDS:
            # A start, settled or not: what is found from it is held to the whole map.
            _, vector = self.of_moments()
            return float(vector @ self.map(vector)), self.map.powers_in(vector)
        places, fewer = self.kinds.fewer()
        value, powers = MeanSquare(fewer, self.weight_decay, self.batch)._of_powers()
        if np.isnan(value):
            return value, powers
        axes = np.arange(self.axes)
        start = np.array([np.interp(axes, places, row) for row in powers])
        return largest_of_powers(self.map, value, start)


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


def _block(curvatures: Array, modes: Array, reading: Array) -> _Block:
    """A block from weights and rows; of the rows ``M`` no imbalance has a part, to the last bit."""
    rows = reading @ modes[:, np.newaxis]
    maps = rows[:, :, 1]
    maps[np.abs(maps) < ROUNDING * np.abs(maps).max(initial=0.0)] = 0.0
    parts = (curvatures, modes, rows)
    return _Block(*(np.ascontiguousarray(np.moveaxis(part, 0, -1)) for part in parts))


def _fed(powers: Array) -> Array:
    """What powers of rows feed back to the moments that they are of, block by block."""
    return np.asarray(np.einsum("ixp,iyp->xyp", powers, np.tensordot(_FED, powers, 1)))


def _with_expected(matrices: Array, curvatures: Array, there: ArrayLike) -> Array:
    """With what the expected Hessian does beside, where there are such moments."""
    np.einsum("iip->ip", matrices)[:] += np.asarray(there) * _expected(curvatures)
    return matrices


def _sandwiched(left: Array, moments: Array, right: Array) -> Array:
    """``F X G'``, block by block."""
    return np.asarray(np.einsum("wxp,xyp,vyp->wvp", left, moments, right, optimize=True))


def _outer(combine: np.ufunc, left: Array, right: Array) -> Array:
    """Of all modes of one with all of the other, block by block."""
    return np.asarray(combine(left[:, np.newaxis], right))


def _expected(curvatures: Array) -> Array:
    """``h_x h_y / (h_x + h_y)`` on the upper triangle, block by block."""
    x, y = np.triu_indices(len(curvatures))
    return np.asarray(curvatures[x] * curvatures[y] / (curvatures[x] + curvatures[y]))


def _squared(factor: Array) -> Array:
    """``F X F'`` as a matrix on the coordinates of `_upper`, block by block."""
    i, j = np.triu_indices(len(factor))
    x, y = np.triu_indices(factor.shape[1])
    first, second = factor[:, x], factor[:, y]
    sums = first[i] * second[j] + second[i] * first[j]
    lengths = np.where(i == j, np.sqrt(0.5), 1.0)[:, np.newaxis] * np.where(
        x == y, np.sqrt(0.5), 1.0
    )
    return np.asarray(lengths[..., np.newaxis] * sums)


def _crossed(left: Array, right: Array) -> Array:
    """``F X G'`` as a matrix on the coordinates of `_upper`, block by block."""
    x, y = np.triu_indices(left.shape[1])
    first = _outer(np.multiply, left[:, x], right[:, y])
    second = _outer(np.multiply, left[:, y], right[:, x])
    lengths = np.where(x == y, 0.5, np.sqrt(0.5))[:, np.newaxis]
    product = np.asarray(lengths * (first + second))
    return product.reshape(product.shape[0] * product.shape[1], *product.shape[2:])


_FED = _squared(FED_BACK[..., np.newaxis])[..., 0]
"""The same of powers of rows."""

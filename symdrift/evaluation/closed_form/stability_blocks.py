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

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations_with_replacement

import numpy as np

from symdrift.evaluation.closed_form.axis_kinds import Indices, Kinds
from symdrift.evaluation.closed_form.printed_aligned import (
    _own_curvature,
    _pair_block,
    _unreached_curvature,
)
from symdrift.evaluation.conjugate_directions import Operator, largest_eigenvalues
from symdrift.study.problem import Array

Moments = tuple[Array, Array, Array]
"""Second moments between two axes, of an axis by itself, and of two by themselves."""

ROUNDING = 1e-14
"""Relative size of what is left of a difference of equal numbers."""

FEW_KINDS = 64
"""Of axes, up to which the map is not first taken of a quarter of them."""

SMALLEST_SHARE = 0.05
"""Of the eigenvalue, below which a diagonal of the preconditioner is not taken."""

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
class _Map:
    """The map of second moments, in coordinates in which it is symmetric.

    Attributes
    ----------
    pair, own, cross : Array
        What it does to moments between two axes, shape ``(6, 6, pairs)``, to those of an axis by
        itself, ``(3, 3, g)``, and to those of two by themselves, a factor, ``(4, pairs)``.
    exchange : Array
        From moments between two axes to those of the two by themselves, ``(4, 6, pairs)``.
    powers : tuple of (Array, Indices)
        Power of rows by axis, shape ``(k, 6 or 3, blocks)``, and the kind of that axis: of both
        axes of a pair, and of one by itself.
    fed_back : Array
        What powers do, shape ``(k, k)``.
    count : Array
        Axes of each kind.
    networks : int
        How many maps these are at once: along the last axes the networks are fastest.
    """

    pair: Array
    own: Array
    cross: Array
    exchange: Array
    powers: tuple[tuple[Array, Indices], ...]
    fed_back: Array
    count: Array
    networks: int

    def _split(self, vector: Array) -> tuple[Array, Array, Array]:
        pairs, kinds = self.cross.shape[1], len(self.count)
        ends = (6 * pairs, 6 * pairs + 3 * kinds)
        pair, own, cross = np.split(vector, ends)
        return pair.reshape(6, pairs), own.reshape(3, kinds), cross.reshape(4, pairs)

    def powers_in(self, vector: Array) -> Array:
        """Powers of the rows of every axis, by kind, shape ``(k, g)``."""
        pair, own, _ = self._split(vector)
        return self._read(pair, own) / self.count

    def from_powers(self, powers: Array) -> Array:
        """Moments that powers of the rows of every axis lead to, but for a factor."""
        pair, own = self._written(powers * self.count)
        return _joined((pair, own, np.zeros_like(self.cross)))

    def _read(self, pair: Array, own: Array) -> Array:
        """Powers of the rows of every kind, shape ``(k, g)``."""
        size, total = len(self.count), np.zeros((len(self.fed_back), len(self.count)))
        for (reading, kinds), moments in zip(self.powers, (pair, pair, own), strict=True):
            for sums, row in zip(total, _applied(reading, moments), strict=True):
                sums += np.bincount(kinds, row, size)
        return total

    def _written(self, powers: Array) -> tuple[Array, Array]:
        """What powers of rows do to moments between two axes and of one by itself."""
        fed = self.fed_back @ powers / self.count
        first, second, own = (
            _applied(reading.swapaxes(0, 1), fed[:, kinds]) for reading, kinds in self.powers
        )
        return first + second, own

    def __call__(self, vector: Array) -> Array:
        pair, own, cross = self._split(vector)
        on_pair, on_own = self._written(self._read(pair, own))
        return _joined((
            on_pair + _applied(self.pair, pair) + _applied(self.exchange.swapaxes(0, 1), cross),
            on_own + _applied(self.own, own),
            _applied(self.exchange, pair) + self.cross * cross,
        ))  # fmt: skip

    def preconditioner(self, value: Array) -> Operator:
        """About the inverse of ``value`` less the map, by network.

        The diagonal of every block is inverted with what each axis' power feeds back to itself;
        what it passes on to other axes is left out.
        """
        rest = [
            np.maximum(above - diagonal, SMALLEST_SHARE * above)
            for diagonal in (
                np.einsum("iip->ip", self.pair), np.einsum("iip->ip", self.own), self.cross
            )
            for above in (np.tile(value, diagonal.shape[1] // self.networks),)
        ]  # fmt: skip
        size, width = len(self.count), len(self.fed_back)
        passed = np.zeros((width * width, size))
        for (reading, kinds), divisor in zip(self.powers, (rest[0], rest[0], rest[1]), strict=True):
            through = np.einsum("ixp,kxp->ikp", reading, reading / divisor)
            for sums, row in zip(passed, through.reshape(width * width, -1), strict=True):
                sums += np.bincount(kinds, row, size)
        by_kind = np.moveaxis(passed.reshape(width, width, size), -1, 0)
        left = np.eye(width) - by_kind @ self.fed_back / self.count[:, np.newaxis, np.newaxis]

        def apply(vector: Array) -> Array:
            pair, own, cross = (
                part / divisor for part, divisor in zip(self._split(vector), rest, strict=True)
            )
            powers = self._read(pair, own).T[..., np.newaxis]
            found = np.asarray(np.linalg.solve(left, powers), dtype=np.float64)[..., 0].T
            on_pair, on_own = self._written(found)
            return _joined((pair + on_pair / rest[0], own + on_own / rest[1], cross))

        return apply


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

    @cached_property
    def pair(self) -> _Block:
        """Weights ``W_ab, W_ba, U_ab, U_ba`` in the two reached modes and the imbalance.

        Rows are those of ``ab``, then those of ``ba``.
        """
        kinds = self.kinds
        a, b, _ = self.pairs
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
    def map(self) -> _Map:
        """``E[R Gamma R]`` with the Hessian ``R`` of a step, its mean included.

        In coordinates in which ``H Gamma + Gamma H`` is the identity, each block as often as it
        occurs.
        """
        a, b, number = self.pairs
        kinds, between, alone = self.kinds, self.pair, self.own
        variance, noise, noisy = kinds.variance, kinds.label_noise, kinds.label_noise.any()
        batch, own_batch = (
            np.tile(self.batch, blocks // self.networks) for blocks in (len(a), len(variance))
        )
        alone_a, alone_b = alone.of(a), alone.of(b)
        roots, own_roots = (_rooted_sums(part.curvatures) for part in (between, alone))
        cross_roots = np.sqrt(_outer(np.add, alone_a.curvatures, alone_b.curvatures))
        fed_back = _squared(FED_BACK[..., np.newaxis])[..., 0]
        weights = _squared(between.weights) / roots
        own_weights = _squared(alone.weights) / own_roots

        powers = [
            variance[b] * _squared(between.rows[0]) / roots / np.sqrt(batch),
            variance[a] * _squared(between.rows[1]) / roots / np.sqrt(batch),
            variance * _squared(alone.rows[0]) / own_roots / np.sqrt(own_batch),
        ]

        def fed(reading: Array) -> Array:
            return np.asarray(
                np.einsum("ixp,iyp->xyp", reading, np.tensordot(fed_back, reading, 1))
            )

        pair = fed(powers[0]) + fed(powers[1])
        own = fed(powers[2])
        # An axis that is not learned has no weights to itself, and stands there with none.
        active = kinds.singular_value > 0
        for block, part, there in ((between, pair, 1.0), (alone, own, active)):
            np.einsum("iip->ip", part)[:] += there * _expected(block.curvatures)
        read_a, read_b = (
            np.einsum("iup,ij,jxp->uxp", one.rows[0], FED_BACK, rows, optimize=True)
            for one, rows in zip((alone_a, alone_b), between.rows, strict=True)
        )
        exchange = variance[a] * variance[b] * _crossed(read_a, read_b)
        if noisy:
            # -dU' eps x' in the first layer, -eps x' dW' in the second.
            at = {place: k for k, place in enumerate(combinations_with_replacement(range(4), 2))}
            for row, strength in (
                (weights[at[0, 3]], noise[b] * variance[b]),
                (weights[at[1, 2]], noise[a] * variance[a]),
            ):
                pair += strength / batch * row[:, np.newaxis] * row
            row = own_weights[1]
            own += noise * variance / own_batch * row[:, np.newaxis] * row
            for row, strength, first, second in (
                (at[1, 3], noise[b] * variance[a], 0, 1),
                (at[0, 2], noise[a] * variance[b], 1, 0),
            ):
                received = np.sqrt(0.5) * strength * weights[row] * roots
                reached = _outer(np.multiply, alone_a.weights[first], alone_b.weights[second])
                exchange += reached.reshape(4, 1, len(number)) * received
            received = [
                noise[b] * weights[at[3, 3]],
                noise[a] * weights[at[2, 2]],
                noise * own_weights[2],
            ]
            powers = [
                np.concatenate([part, row[np.newaxis] / np.sqrt(samples)])
                for part, row, samples in zip(
                    powers, received, (batch, batch, own_batch), strict=True
                )
            ]
            # The power of V feeds what labels are received by, and is fed by it.
            fed_back = np.pad(fed_back, (0, 1))
            fed_back[-1, -2] = fed_back[-2, -1] = 1.0
        counted = (np.sqrt(number), np.sqrt(number), np.sqrt(kinds.count))
        return _Map(
            pair=pair,
            own=own,
            cross=(
                (active[a] & active[b])
                * _outer(np.multiply, alone_a.curvatures, alone_b.curvatures)
                / cross_roots**2
            ).reshape(4, len(number)),
            exchange=np.sqrt(2)
            / batch
            * exchange
            / (roots * cross_roots.reshape(4, 1, len(number))),
            powers=tuple(
                (part * often, kind)
                for part, often, kind in zip(
                    powers, counted, (a, b, np.arange(len(kinds.count))), strict=True
                )
            ),
            fed_back=fed_back,
            count=kinds.count,
            networks=self.networks,
        )

    def critical_rates(self) -> Array:
        """Smallest learning rates at which second moments have no stationary value, by network.

        Where the map of second moments has the eigenvalue 1, ``H Gamma + Gamma H`` is ``eta``
        times what a step makes of them: the inverse rate is the largest eigenvalue of the map.
        """
        return 1 / self._largest()[0]

    def _largest(self) -> tuple[Array, Array]:
        return largest_eigenvalues(self.map, self._start(), self.map.preconditioner, self.networks)

    def _start(self) -> Array:
        """About the moments that grow fastest: those of fewer axes, else the same for all weights.

        Powers of the rows change little from an axis to its neighbour.
        """
        kinds, networks = self.kinds, self.networks
        axes = np.arange(len(kinds.count) // networks)
        if len(axes) > FEW_KINDS:
            places, fewer = kinds.quarter(networks)
            coarse = MeanSquare(fewer, self.weight_decay, self.batch)
            powers = coarse.map.powers_in(coarse._largest()[1])
            between = [
                [
                    np.interp(axes, place, known)
                    for place, known in zip(places.T, row.T, strict=True)
                ]
                for row in powers.reshape(len(powers), -1, networks)
            ]
            return self.map.from_powers(np.swapaxes(between, 1, 2).reshape(len(powers), -1))
        number, count = self.pairs[2], kinds.count
        identity = [_upper(np.eye(3)), _upper(np.eye(2))]
        return _joined((
            identity[0][:, np.newaxis] * _rooted_sums(self.pair.curvatures) * np.sqrt(number),
            identity[1][:, np.newaxis] * _rooted_sums(self.own.curvatures) * np.sqrt(count),
            np.zeros((4, len(number))),
        ))  # fmt: skip


def _block(curvatures: Array, modes: Array, reading: Array) -> _Block:
    """A block from weights and rows; of the rows ``M`` no imbalance has a part, to the last bit."""
    rows = reading @ modes[:, np.newaxis]
    maps = rows[:, :, 1]
    maps[np.abs(maps) < ROUNDING * np.abs(maps).max(initial=0.0)] = 0.0
    parts = (curvatures, modes, rows)
    return _Block(*(np.ascontiguousarray(np.moveaxis(part, 0, -1)) for part in parts))


def _applied(matrices: Array, vectors: Array) -> Array:
    return np.asarray(np.einsum("ixp,xp->ip", matrices, vectors))


def _outer(combine: np.ufunc, left: Array, right: Array) -> Array:
    """Of all modes of one with all of the other, block by block."""
    return np.asarray(combine(left[:, np.newaxis], right))


def _upper(matrix: Array) -> Array:
    """Coordinates of a symmetric matrix, an orthonormal basis: its upper triangle."""
    x, y = np.triu_indices(len(matrix))
    return np.asarray(np.where(x == y, 1.0, np.sqrt(2)) * matrix[x, y])


def _rooted_sums(curvatures: Array) -> Array:
    """Square root of ``h_x + h_y`` on the upper triangle, block by block."""
    x, y = np.triu_indices(len(curvatures))
    return np.asarray(np.sqrt(curvatures[x] + curvatures[y]))


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


def _joined(parts: Iterable[Array]) -> Array:
    return np.concatenate([part.ravel() for part in parts])

"""Mean-square stability of aligned networks with Gaussian inputs.

Second moments of a deviation ``n`` from the minimum are multiplied in one step by
``Gamma -> (1 - eta H) Gamma (1 - eta H) + eta^2 E[Delta Gamma Delta'] / B``, where ``Delta`` is
what the Hessian of a sample differs by from the expected one, across the orbit.  Flipping the sign
of an axis everywhere changes nothing, so that the moments that grow fastest fall into blocks: the
weights between two axes, and the weights of all axes to themselves.  What a sample does is a row of
the deviation times its centred ``x x'``,

``rho_ab = sum_c alpha_ac (x_c x_b - Sigma_cb)``, for ``alpha`` one of ``F``, ``M`` and ``V``,

with ``M = dU W + U dW``, ``F = dU' E`` and ``V = dW``: the gradient changes by
``U' rho^M - rho^F`` in the first layer, by ``rho^M W' - E rho^V'`` in the second.
Axes with the same numbers are one kind.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symdrift.evaluation.closed_form.printed_aligned import (
    _own_curvature,
    _own_fluctuation,
    _pair_block,
    _unreached_curvature,
)
from symdrift.evaluation.lanczos import largest_eigenvalue
from symdrift.study.problem import Array

Indices = NDArray[np.intp]
Axis = tuple[Array, Array, Array]
Moments = tuple[Array, ...]
"""Second moments between two axes, of an axis by itself, and of two by themselves."""

ROUNDING = 1e-14
"""Relative size of what is left of a difference of equal numbers."""


@dataclass(frozen=True, eq=False)
class Kinds:
    """Different axes of a network, shape ``(g,)`` each.

    Attributes
    ----------
    variance, label_noise, residual, singular_value : Array
        ``lambda``, ``sigma^2``, ``E`` and ``s``; 0 where there is no such input or output.
    output : Array
        1 where there is an output, else 0.
    count : Array
        How many axes there are of each kind.
    """

    variance: Array
    label_noise: Array
    residual: Array
    singular_value: Array
    output: Array
    count: Array

    def learned(self) -> Axis:
        """Variance, label noise and singular value of the learned axes."""
        active = self.singular_value > 0
        return self.variance[active], self.label_noise[active], self.singular_value[active]

    @property
    def roots(self) -> Array:
        return np.asarray(np.sqrt(self.singular_value))

    @property
    def power(self) -> float:
        """``E|x|^2``, the trace of the covariance."""
        return float(self.count @ self.variance)

    @property
    def multiplicative_noise(self) -> float:
        """``s_1 E|x|^2``: what the curvature of a sample fluctuates by."""
        return float(self.singular_value.max()) * self.power

    @classmethod
    def of(
        cls, variance: Array, label_noise: Array, gains: Array, values: Array, weight_decay: float
    ) -> Kinds:
        """Axes of a network gathered by kind.

        Parameters
        ----------
        variance, gains, values : Array
            By input axis, shapes ``(n,)``, ``(min(n, m),)`` and ``(n,)``.
        label_noise : Array
            By output, shape ``(m,)``.
        """
        size = max(len(variance), len(label_noise))
        table = np.zeros((5, size))
        table[0, : len(variance)] = variance
        table[1, : len(label_noise)] = label_noise
        table[2, : len(gains)] = gains
        table[3, : len(values)] = values
        table[4, : len(label_noise)] = 1.0
        active = table[3] > 0
        table[2, active] = weight_decay / table[0, active]
        kinds, count = np.unique(table, axis=1, return_counts=True)
        return cls(kinds[0], kinds[1], kinds[2], kinds[3], kinds[4], count.astype(float))


@dataclass(frozen=True, eq=False)
class _Block:
    """Weights in modes of the Hessian, what samples read of them and what they change.

    Attributes
    ----------
    curvatures : Array
        Of the modes, shape ``(..., d)``.
    weights : Array
        Weights of a mode, shape ``(..., w, d)``; zero where a mode does not exist.
    reading : Array
        Rows ``alpha`` of a mode, shape ``(..., q, d)``.
    writing : Array
        What rows ``rho`` do to a mode, shape ``(..., d, q)``.
    """

    curvatures: Array
    weights: Array
    reading: Array
    writing: Array

    def __getitem__(self, index: Any) -> _Block:
        parts = (self.curvatures, self.weights, self.reading, self.writing)
        return _Block(*(part[index] for part in parts))


@dataclass(frozen=True, eq=False)
class MeanSquare:
    """The map of second moments in blocks.

    Attributes
    ----------
    kinds : Kinds
    weight_decay : float
    batch : int
    """

    kinds: Kinds
    weight_decay: float
    batch: int

    @cached_property
    def pairs(self) -> tuple[Indices, Indices, Array]:
        """Kinds ``a`` (learned) and ``b`` of two different axes, and how many such pairs."""
        count, active = self.kinds.count, self.kinds.singular_value > 0
        a, b = np.triu_indices(len(count))
        number = np.where(a == b, count[a] * (count[a] - 1) / 2, count[a] * count[b])
        kept = (active[a] | active[b]) & (number > 0)
        a, b = a[kept], b[kept]
        swapped = ~active[a]
        return np.where(swapped, b, a), np.where(swapped, a, b), number[kept]

    @cached_property
    def pair(self) -> _Block:
        """Weights ``W_ab, W_ba, U_ab, U_ba`` in the two reached modes and the imbalance.

        Rows are ``F_ab, F_ba, M_ab, M_ba, V_ab, V_ba``.
        """
        kinds = self.kinds
        a, b, _ = self.pairs
        noise, values, roots = kinds.label_noise, kinds.singular_value, kinds.roots
        first, second, coupling, *_ = _pair_block(
            kinds.variance[a], noise[a], values[a], kinds.variance[b], noise[b], values[b],
            kinds.residual[b], np.asarray(self.weight_decay),
        )  # fmt: skip
        hessian = np.zeros((len(a), 3, 3))
        hessian[:, 0, 0], hessian[:, 1, 1] = first, second
        hessian[:, 0, 1] = hessian[:, 1, 0] = -coupling
        hessian[:, 2, 2] = _unreached_curvature(np.asarray(self.weight_decay))
        curvatures, axes = np.linalg.eigh(hessian)
        length = np.sqrt(values[a] + values[b])
        from_a, from_b = roots[a] / length, roots[b] / length
        both = np.where(values[b] > 0, np.sqrt(0.5), 0.0)
        weights = np.zeros((len(a), 4, 3))
        weights[:, 0, 0] = from_a * (kinds.variance[b] > 0)
        weights[:, 1, 1], weights[:, 2, 0] = from_b, from_b
        weights[:, 3, 1] = from_a * kinds.output[b]
        weights[:, :, 2] = (both * np.array([from_b, from_a, -from_a, -from_b])).T
        reading, writing = np.zeros((len(a), 6, 4)), np.zeros((len(a), 4, 6))
        for here, there, one, other in ((0, 1, a, b), (1, 0, b, a)):
            reading[:, 2 + here, here] = roots[one]
            reading[:, 2 + here, 2 + here] = roots[other]
            reading[:, here, 2 + there] = kinds.residual[other]
            reading[:, 4 + here, here] = 1.0
            writing[:, here, here] = -1.0
            writing[:, here, 2 + here] = roots[one]
            writing[:, 2 + here, 2 + here] = roots[other]
            writing[:, 2 + here, 4 + there] = -kinds.residual[one]
        modes = weights @ axes
        return _block(curvatures, modes, reading, writing, slice(2, 4))

    @cached_property
    def own(self) -> _Block:
        """Weights ``W_aa, U_aa`` in their sum and their difference; rows ``F, M, V``."""
        kinds, roots = self.kinds, self.kinds.roots
        active = kinds.singular_value > 0
        curvatures = np.ones((len(active), 2))
        gamma = np.asarray(self.weight_decay)
        curvatures[active] = np.stack(
            np.broadcast_arrays(
                _own_curvature(*kinds.learned(), gamma),
                _unreached_curvature(gamma),
            ),
            axis=1,
        )
        modes = np.sqrt(0.5) * np.array([[1.0, 1.0], [1.0, -1.0]]) * active[:, None, None]
        reading, writing = np.zeros((len(active), 3, 2)), np.zeros((len(active), 2, 3))
        reading[:, 0, 1], reading[:, 1], reading[:, 2, 0] = kinds.residual, roots[:, None], 1.0
        writing[:, 0, 0], writing[:, :, 1], writing[:, 1, 2] = -1.0, roots[:, None], -kinds.residual
        return _block(curvatures, modes, reading, writing, slice(1, 2))

    def _sum_over_partners(self, of_a: Array, of_b: Array, of_own: Array) -> Array:
        """Sum over all axes ``c`` of a property of ``(a, c)``, shape ``(g, ...)``.

        Parameters
        ----------
        of_a, of_b : Array
            Of ``(a, b)`` and of ``(b, a)``, by pair.
        of_own : Array
            Of ``(a, a)``, by kind.
        """
        a, b, _ = self.pairs
        count = self.kinds.count
        # Two axes of one kind meet from both sides.
        alike = a == b
        partners_a = np.where(alike, (count[b] - 1) / 2, count[b])
        partners_b = np.where(alike, (count[a] - 1) / 2, count[a])
        total = of_own.copy()
        room = (slice(None), *[np.newaxis] * (of_own.ndim - 1))
        np.add.at(total, a, partners_a[room] * of_a)
        np.add.at(total, b, partners_b[room] * of_b)
        return total

    def response(self, pair: Array, own: Array, cross: Array) -> Moments:
        """``E[R Gamma R]`` with the Hessian ``R`` of a step, its mean included.

        Parameters
        ----------
        pair : Array
            Second moments of the modes between two axes, shape ``(pairs, 3, 3)``.
        own : Array
            Of the modes of an axis by itself, shape ``(g, 2, 2)``.
        cross : Array
            Between those of two different axes, shape ``(pairs, 2, 2)``.
        """
        a, b, _ = self.pairs
        variance = self.kinds.variance
        blocks = self.pair, self.own
        in_a, in_b = variance[a, None, None], variance[b, None, None]
        rows = _around(blocks[0].reading, pair)
        rows_own = _around(blocks[1].reading, own)
        alone_a, alone_b = blocks[1][a], blocks[1][b]
        rows_cross = alone_a.reading @ cross @ alone_b.reading.swapaxes(1, 2)
        of_a, of_b = rows[:, ::2, ::2], rows[:, 1::2, 1::2]
        powers = self._sum_over_partners(
            in_b * of_a, in_a * of_b, variance[:, None, None] * rows_own
        )
        changed = np.empty_like(rows)
        changed[:, ::2, ::2] = in_b * (powers[a] + in_b * of_a)
        changed[:, 1::2, 1::2] = in_a * (powers[b] + in_a * of_b)
        changed[:, ::2, 1::2] = in_a * in_b * rows_cross
        changed[:, 1::2, ::2] = changed[:, ::2, 1::2].swapaxes(1, 2)
        each = variance[:, None, None]
        scattered: Moments = (
            _around(blocks[0].writing, changed),
            _around(blocks[1].writing, each * (powers + each * rows_own)),
            alone_a.writing
            @ (in_a * in_b * rows[:, ::2, 1::2])
            @ alone_b.writing.swapaxes(1, 2),
        )
        if self.kinds.label_noise.any():
            from_labels = self._label_response(pair, own, cross, powers[:, 2, 2])
            scattered = tuple(x + y for x, y in zip(scattered, from_labels, strict=True))
        expected = (
            _weighted(blocks[0].curvatures, blocks[0].curvatures, pair),
            _weighted(blocks[1].curvatures, blocks[1].curvatures, own),
            _weighted(alone_a.curvatures, alone_b.curvatures, cross),
        )
        return tuple(x + y / self.batch for x, y in zip(expected, scattered, strict=True))

    def _label_response(
        self, pair: Array, own: Array, cross: Array, power: Array
    ) -> Moments:
        """What label noise adds: ``-dU' eps x'`` in the first layer, ``-eps x' dW'`` in the second.

        Parameters
        ----------
        power : Array
            ``sum_c lambda_c <W_ac^2>``, shape ``(g,)``.
        """
        a, b, _ = self.pairs
        variance, noise = self.kinds.variance, self.kinds.label_noise
        between, alone = self.pair.weights, self.own.weights
        moments, moments_own = _around(between, pair), _around(alone, own)
        moments_cross = alone[a] @ cross @ alone[b].swapaxes(1, 2)
        received = self._sum_over_partners(
            noise[b] * moments[:, 3, 3], noise[a] * moments[:, 2, 2], noise * moments_own[:, 1, 1]
        )
        changed = np.zeros_like(moments)
        changed[:, 0, 0], changed[:, 1, 1] = variance[b] * received[a], variance[a] * received[b]
        changed[:, 2, 2], changed[:, 3, 3] = noise[a] * power[b], noise[b] * power[a]
        for row, column, value in (
            (0, 2, noise[a] * variance[b] * moments_cross[:, 1, 0]),
            (1, 3, noise[b] * variance[a] * moments_cross[:, 0, 1]),
            (0, 3, noise[b] * variance[b] * moments[:, 0, 3]),
            (1, 2, noise[a] * variance[a] * moments[:, 1, 2]),
        ):
            changed[:, row, column] = changed[:, column, row] = value
        changed_own = np.zeros_like(moments_own)
        changed_own[:, 0, 0], changed_own[:, 1, 1] = variance * received, noise * power
        changed_own[:, 0, 1] = changed_own[:, 1, 0] = noise * variance * moments_own[:, 0, 1]
        changed_cross = np.zeros_like(moments_cross)
        changed_cross[:, 0, 1] = noise[b] * variance[a] * moments[:, 1, 3]
        changed_cross[:, 1, 0] = noise[a] * variance[b] * moments[:, 0, 2]
        return (
            _around(between.swapaxes(1, 2), changed),
            _around(alone.swapaxes(1, 2), changed_own),
            alone[a].swapaxes(1, 2) @ changed_cross @ alone[b],
        )

    @property
    def imbalance(self) -> float:
        """``E[W W' - U'U]`` over the singular value, the largest by size, per learning rate.

        With ``e = E x + eps`` it is ``E[e_i^2 |x|^2 - x_i^2 |e|^2] / (2 gamma B)``.
        """
        kinds, active = self.kinds, self.kinds.singular_value > 0
        left = kinds.residual**2 * kinds.variance + kinds.label_noise
        fed = left * kinds.power - kinds.variance * float(kinds.count @ left)
        return float(np.abs(fed[active]).max()) / (2 * self.weight_decay * self.batch)

    @property
    def threshold(self) -> float:
        """``Gamma_ii / s_i``, the largest of the learned axes, per learning rate."""
        learned = self.kinds.learned()
        variance, _ = _own_fluctuation(*learned, np.asarray(self.weight_decay))
        return float(np.max(variance / learned[-1])) / self.batch

    def critical_rate(self) -> float:
        """Smallest learning rate at which second moments have no stationary value.

        Where the map of second moments has the eigenvalue 1, ``H Gamma + Gamma H`` is ``eta``
        times `response`: the inverse rate is the largest eigenvalue of a symmetric operator.
        """
        a, b, number = self.pairs
        pair, own = self.pair.curvatures, self.own.curvatures
        scales = (
            _rooted(pair, pair) * np.sqrt(number)[:, None, None],
            _rooted(own, own) * np.sqrt(self.kinds.count)[:, None, None],
            _rooted(own[a], own[b]) * np.sqrt(2 * number)[:, None, None],
        )
        # Of the map in coordinates in which it is symmetric: numbers of blocks over curvatures.
        weights = (number, self.kinds.count, 2 * number)
        ends = np.cumsum([part.size for part in scales])[:-1]

        def apply(vector: Array) -> Array:
            parts = np.split(vector, ends)
            moments = (
                part.reshape(scale.shape) / scale
                for part, scale in zip(parts, scales, strict=True)
            )
            changed = self.response(*moments)
            return np.concatenate([
                (weight[:, None, None] * part / scale).ravel()
                for weight, part, scale in zip(weights, changed, scales, strict=True)
            ])  # fmt: skip

        start = [
            (scale * np.eye(scale.shape[-1]) * strength).ravel()
            for scale, strength in zip(scales, (1.0, 1.0, 0.0), strict=True)
        ]
        return 1 / largest_eigenvalue(apply, np.concatenate(start))


def _block(
    curvatures: Array, modes: Array, reading: Array, writing: Array, maps: slice
) -> _Block:
    """A block from rows and weights; of the rows ``M`` no imbalance has a part, to the last bit."""
    read, written = reading @ modes, modes.swapaxes(1, 2) @ writing
    for part in (read[:, maps], written[:, :, maps]):
        part[np.abs(part) < ROUNDING * np.abs(part).max(initial=0.0)] = 0.0
    return _Block(curvatures, modes, read, written)


def _around(factor: Array, moments: Array) -> Array:
    """``F X F'``, matrix by matrix."""
    return np.asarray(factor @ moments @ factor.swapaxes(-1, -2))


def _weighted(left: Array, right: Array, moments: Array) -> Array:
    return np.asarray(left[:, :, None] * right[:, None, :] * moments)


def _rooted(left: Array, right: Array) -> Array:
    """Square root of ``h_x + h_y``."""
    return np.asarray(np.sqrt(left[:, :, None] + right[:, None, :]))

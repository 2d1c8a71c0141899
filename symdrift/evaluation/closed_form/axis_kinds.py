"""Axes of aligned networks gathered by kind: axes with the same numbers are one kind."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from symdrift.evaluation.closed_form.printed_aligned import _own_fluctuation
from symdrift.study.problem import Array

Indices = NDArray[np.intp]
Axis = tuple[Array, Array, Array]

OUTERMOST = 8
"""Axes at each end that are not gathered with their neighbours."""


def different_axes(variances: Array, gains: Array, label_noise: Array) -> int:
    """How many shared axes of a network differ in any of their numbers, shape ``(n,)`` each."""
    common = len(gains)
    parts = (variances[:common], gains, label_noise[:common])
    return len(np.unique(np.stack(parts), axis=1).T)


@dataclass(frozen=True, eq=False)
class Kinds:
    """Different axes of a network, shape ``(g,)`` each.

    Or of several networks that have as many of each, then ``(g networks,)``, the networks fastest.

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

    def fewer(self) -> tuple[Indices, Kinds]:
        """Of every five neighbours the middle one in the place of all, and which it is.

        Of one network; the one most learned where that in the middle is not learned.  Label noise
        is that of all, so that none is lost.  The outermost axes stand for themselves: often they
        grow fastest.
        """
        size = len(self.count)
        first = np.r_[:OUTERMOST, OUTERMOST : size - OUTERMOST : 5, size - OUTERMOST : size]
        values = self.singular_value
        place = np.array([
            middle if values[middle := (start + stop - 1) // 2] > 0
            else start + np.argmax(values[start:stop])
            for start, stop in pairwise([*first, size])
        ])  # fmt: skip
        lam, residual, values, output = (
            part[place]
            for part in (self.variance, self.residual, self.singular_value, self.output)
        )  # fmt: skip
        count, noise = (
            np.add.reduceat(part, first) for part in (self.count, self.count * self.label_noise)
        )
        return place, Kinds(lam, noise / count, residual, values, output, count)

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

    @classmethod
    def of_networks(
        cls, variance: Array, label_noise: Array, residual: Array, values: Array, outputs: int
    ) -> Kinds:
        """Of several networks, axes that are alike in each of them as one kind.

        Parameters
        ----------
        variance, label_noise, residual, values : Array
            Shape ``(networks, axes)``; the same axes are learned in all.
        outputs : int
            Axes that have an output: the first ones.
        """
        table = np.stack([variance, label_noise, residual, values])
        flat = np.concatenate([table.reshape(-1, table.shape[2]), _leading(table, outputs)])
        _, first, count = np.unique(flat, axis=1, return_index=True, return_counts=True)
        networks = len(variance)
        lam, sig, left, val = (np.ascontiguousarray(part[:, first].T).ravel() for part in table)
        output = np.repeat((first < outputs).astype(float), networks)
        return cls(lam, sig, left, val, output, np.repeat(count.astype(float), networks))


def imbalance(
    variance: Array,
    label_noise: Array,
    residual: Array,
    singular_value: Array,
    count: Array,
    weight_decay: Array,
) -> Array:
    """``E[W W' - U'U]`` over the singular value, the largest by size, per learning rate.

    Of a batch of one sample; axes along the last axis, each there so often.
    With ``e = E x + eps`` it is ``E[e_i^2 |x|^2 - x_i^2 |e|^2] / (2 gamma)``.
    """
    left = residual**2 * variance + label_noise
    power = (count * variance).sum(axis=-1, keepdims=True)
    fed = left * power - variance * (count * left).sum(axis=-1, keepdims=True)
    largest = np.where(singular_value > 0, np.abs(fed), 0.0).max(axis=-1)
    return np.asarray(largest / (2 * weight_decay))


def threshold(
    variance: Array, label_noise: Array, singular_value: Array, weight_decay: Array
) -> Array:
    """``Gamma_ii / s_i``, the largest of the learned axes, per learning rate.

    Of a batch of one sample; axes along the last axis.
    """
    active = singular_value > 0
    learned = np.where(active, variance, 1.0), label_noise, np.where(active, singular_value, 1.0)
    spread, _ = _own_fluctuation(*learned, weight_decay[..., np.newaxis])
    return np.asarray(np.where(active, spread / learned[-1], 0.0).max(axis=-1))


def _leading(table: Array, many: int) -> Array:
    """1 for the first axes, else 0."""
    return (np.arange(table.shape[2]) < many).astype(float)[np.newaxis]

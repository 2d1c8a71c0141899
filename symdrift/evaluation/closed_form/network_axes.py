"""Directions of networks: what their spectra, gains and sizes say of each, and which are active."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from symdrift.evaluation.closed_form.printed_aligned import (
    _residual,
    _singular_value,
)

Array = NDArray[np.float64]
Axis = tuple[Array, Array, Array]
"""Variance, label noise and singular value of directions: what the formulas know of an index."""


class NetworkAxes(NamedTuple):
    """Directions of the network, padded to max(n, m); arrays of shape (..., max(n, m)).

    A direction that is worth learning and left out has the singular value that it would have as
    ``missed_value``.  The strength ``lambda s^2`` of both is in two parts, the second of which is
    what rounding takes off the first.
    """

    variance: Array
    label_noise: Array
    singular_value: Array
    residual: Array
    slack: Array
    missed_value: Array
    strength: Array
    strength_rest: Array
    active: NDArray[np.bool_]

    def networks_last(self) -> NetworkAxes:
        """The same in memory where networks lie side by side."""
        parts: list[Any] = list(map(np.asfortranarray, self))
        return NetworkAxes(*parts)

    def at(self, *index: Any) -> Axis:
        """Directions picked by an index of the last axis."""
        place = (..., *index)
        return self.variance[place], self.label_noise[place], self.singular_value[place]

    def pairs(self) -> tuple[Array, Array, Array, Array]:
        """All directions l of pairs (i, l), with their residual, along axis -1."""
        return (*self.at(None, slice(None)), self.residual[..., None, :])

    def closeness(self, strength: Array, rest: Array) -> tuple[Array, Array, Array]:
        """How close all directions l are to their threshold and to directions i of a strength."""
        slack, missed, other, other_rest = (part[..., None, :] for part in self[4:8])
        return closeness(strength, rest, slack, missed, other, other_rest)


def network_axes(
    covariance: ArrayLike,
    weight_decay: ArrayLike,
    gains: ArrayLike,
    label_noise: ArrayLike,
    inputs: int,
    outputs: int,
    hidden: int,
    learned: ArrayLike | None,
) -> NetworkAxes:
    """Directions of each network; arguments are those of the formulas.

    Raises
    ------
    ValueError
        When the last axis of an argument has another length, or an entry is no number, not
        positive, or a negative label noise.
    """
    size, aligned = max(inputs, outputs), min(inputs, outputs)
    weight_decay = np.asarray(weight_decay, dtype=float)
    parts = []
    for name, given, length in (
        ("covariance", covariance, inputs),
        ("gains", gains, aligned),
        ("label_noise", label_noise, outputs),
    ):
        part = np.asarray(given, dtype=float)
        if part.ndim == 0:
            part = np.full(length, part)
        if part.shape[-1] != length:
            raise ValueError(f"{name} has {part.shape[-1]} entries on its last axis, not {length}")
        if length < size:
            part = np.concatenate([part, np.zeros((*part.shape[:-1], size - length))], axis=-1)
        parts.append(part)
    variance, gain, noise = parts
    gain = np.abs(gain)
    # Among what is no number the least is none either, and in no relation.
    least, slowest, weakest, quietest = (
        np.min(part, initial=np.inf) for part in (variance[..., :inputs], weight_decay, gain, noise)
    )
    if not (least > 0 and slowest > 0):
        raise ValueError("covariance and weight_decay must be positive")
    if not (weakest >= 0 and quietest >= 0):
        raise ValueError("gains must be numbers, and label_noise must not be negative")
    lead = np.broadcast_shapes(*(part.shape[:-1] for part in parts), weight_decay.shape)
    gamma = np.broadcast_to(weight_decay, lead)[..., None]
    variance, gain, noise, excess = (
        np.broadcast_to(part, (*lead, size))
        for part in (variance, gain, noise, excess_over(variance, gain, gamma))
    )
    learnable = excess > 0
    if learned is None and size <= hidden and learnable.all():
        value, none = _singular_value(variance, excess), np.broadcast_to(0.0, variance.shape)
        residual, strength = _residual(variance, gamma), variance * value**2
        return NetworkAxes(variance, noise, value, residual, none, none, strength, none, learnable)
    known = np.where(learnable, variance, 1.0)
    value = np.where(learnable, _singular_value(known, excess), 0.0)
    active, strength, rest = learnable, variance * value**2, np.zeros((*lead, size))
    crowded = size > hidden and learnable.sum(axis=-1).max(initial=0) > hidden
    if learned is not None or crowded:
        strength, rest = (
            np.where(learnable, part, 0.0) for part in strength_of(known, gain, gamma)
        )
        if learned is None:
            # What a direction that is learned takes off the loss decides who passes a bottleneck.
            order = np.argsort(-strength, axis=-1, kind="stable")
            active = learnable & (np.argsort(order, axis=-1, kind="stable") < hidden)
        else:
            active = learnable & np.pad(np.asarray(learned, dtype=bool), (0, size - aligned))
    value, missed = (np.where(where, value, 0.0) for where in (active, ~active))
    residual, slack = (
        np.where(active, _residual(known, gamma), gain),
        np.where(active, 0.0, -excess),
    )
    return NetworkAxes(variance, noise, value, residual, slack, missed, strength, rest, active)


def closeness(
    strength: Array, rest: Array, slack: Array, missed: Array, other: Array, other_rest: Array
) -> tuple[Array, Array, Array]:
    """Slack, missed value and gap of pairs of a direction i and another one l.

    Parameters
    ----------
    strength, rest : array_like
        Of the direction i, which is active.
    slack, missed, other, other_rest : array_like
        Slack, missed value and strength of the direction l.
    """
    left_out = missed > 0
    gap = np.where(left_out, (strength - other) + (rest - other_rest), strength)
    return np.where(left_out, 0.0, slack), missed, gap


def strength_of(variance: Array, gain: Array, gamma: Array) -> tuple[Array, Array]:
    """``(lambda a - gamma)^2 / lambda``, and what rounding takes off it.

    Strengths of two directions that are as good as equal then differ by the right number.
    """
    product, left = _product(variance, gain)
    excess, low = _sum(product, -gamma)
    excess, low = _sum(excess, low + left)
    square, left = _product(excess, excess)
    strength = square / variance
    back, more = _product(strength, variance)
    return strength, (((square - back) - more) + left + 2 * excess * low) / variance


def excess_over(variance: Array, gain: Array, gamma: Array) -> Array:
    """``lambda a - gamma`` to the last digit, close to the threshold too."""
    if np.all(gain == 1):
        return np.asarray(variance - gamma)
    product, left = _product(variance, gain)
    return (product - gamma) + left


def _sum(first: Array, second: Array) -> tuple[Array, Array]:
    """A sum, and what rounding takes off it (Knuth)."""
    total = first + second
    added = total - first
    return total, (first - (total - added)) + (second - added)


def _product(first: Array, second: Array) -> tuple[Array, Array]:
    """A product, and what rounding takes off it: both factors are split in halves (Dekker)."""
    product = first * second
    with np.errstate(over="ignore", invalid="ignore"):
        halves = []
        for factor in (first, second):
            upper = _SPLIT * factor - (_SPLIT * factor - factor)
            halves.append((upper, factor - upper))
        (a, b), (c, d) = halves
        left: Array = b * d - (((product - a * c) - b * c) - a * d)
    return product, np.where(np.isfinite(left), left, 0.0)


_SPLIT = 2.0**27 + 1.0

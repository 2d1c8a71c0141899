"""Directions of networks: what their spectra, gains and sizes say of each, and which are active."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from symdrift.evaluation.closed_form.printed_aligned import (
    _loss_reduction,
    _residual,
    _singular_value,
)

Array = NDArray[np.float64]
Axis = tuple[Array, Array, Array]
"""Variance, label noise and singular value of directions: what the formulas know of an index."""


class NetworkAxes(NamedTuple):
    """Directions of the network, padded to max(n, m); arrays of shape (..., max(n, m))."""

    variance: Array
    label_noise: Array
    singular_value: Array
    residual: Array
    slack: Array
    active: NDArray[np.bool_]

    def at(self, *index: Any) -> Axis:
        """Directions picked by an index of the last axis."""
        place = (..., *index)
        return self.variance[place], self.label_noise[place], self.singular_value[place]

    def pairs(self) -> tuple[Array, Array, Array, Array, Array]:
        """All directions l of pairs (i, l), with residual and slack, along axis -1."""
        here = (..., None, slice(None))
        return (*self.at(None, slice(None)), self.residual[here], self.slack[here])


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
        When the last axis of an argument has another length, or a number is not positive.
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
        parts.append(np.concatenate([part, np.zeros((*part.shape[:-1], size - length))], axis=-1))
    variance, gain, noise = parts
    if np.any(variance[..., :inputs] <= 0) or np.any(weight_decay <= 0):
        raise ValueError("covariance and weight_decay must be positive")
    gain = np.abs(gain)
    lead = np.broadcast_shapes(*(part.shape[:-1] for part in parts), weight_decay.shape)
    variance, gain, noise = (
        np.broadcast_to(part, (*lead, size)) for part in (variance, gain, noise)
    )
    gamma = np.broadcast_to(weight_decay, lead)[..., None]
    excess = excess_over(variance, gain, gamma)
    learnable = excess > 0
    known = np.where(learnable, variance, 1.0)
    value = np.where(learnable, _singular_value(known, excess), 0.0)
    if learned is None:
        active = learnable
        if learnable.sum(axis=-1).max(initial=0) > hidden:
            # What a direction that is learned takes off the loss decides who passes a bottleneck.
            order = np.argsort(-_loss_reduction(variance, value), axis=-1, kind="stable")
            active = learnable & (np.argsort(order, axis=-1, kind="stable") < hidden)
    else:
        active = learnable & np.pad(np.asarray(learned, dtype=bool), (0, size - aligned))
    value = np.where(active, value, 0.0)
    residual, slack = (
        np.where(active, _residual(known, gamma), gain),
        np.where(active, 0.0, -excess),
    )
    return NetworkAxes(variance, noise, value, residual, slack, active)


def excess_over(variance: Array, gain: Array, gamma: Array) -> Array:
    """``lambda a - gamma`` to the last digit, close to the threshold too.

    What rounding takes off the product is found by splitting both factors in halves (Dekker).
    """
    product = variance * gain
    with np.errstate(over="ignore", invalid="ignore"):
        halves = []
        for factor in (variance, gain):
            upper = _SPLIT * factor - (_SPLIT * factor - factor)
            halves.append((upper, factor - upper))
        (a, b), (c, d) = halves
        left: Array = b * d - (((product - a * c) - b * c) - a * d)
    return (product - gamma) + np.where(np.isfinite(left), left, 0.0)


_SPLIT = 2.0**27 + 1.0

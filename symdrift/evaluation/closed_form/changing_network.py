"""One aligned network whose arguments change: exact derivatives of what its directions are made of.

The chain rule around the printed derivatives of single directions, blocks and planes.  A number
has its value and its changes, one for each of ``k`` parameters along the first axis.  Equal
directions that change equally are counted once, as in `planes`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from symdrift.evaluation.closed_form.network_axes import NetworkAxes, closeness
from symdrift.evaluation.closed_form.planes import _kinds
from symdrift.evaluation.closed_form.printed_gradients import (
    _batch_share_gradient,
    _diffusion_gradient,
    _excess_loss_gradient,
    _joint_area_gradient,
    _learned_value_gradient,
    _loss_gradient,
    _own_area_gradient,
    _own_noise_gradient,
    _own_variance_gradient,
    _pair_noise_gradient,
    _pair_variance_gradient,
    _residual_gradient,
    _slack_gradient,
)

Array = NDArray[np.float64]

TERMS_AT_A_TIME = 2**11
"""Numbers that one operation is about: hundreds of intermediate results stay in the cache."""

Gradient = Callable[..., tuple[Any, ...]]


class Changing(NamedTuple):
    """Values of any shape, and their changes, with an axis of ``k`` parameters before it."""

    value: Array
    change: Array

    def at(self, *index: Any) -> Changing:
        return Changing(self.value[index], self.change[(slice(None), *index)])

    def sum(self) -> Changing:
        """Over the last axis."""
        return Changing(self.value.sum(axis=-1), self.change.sum(axis=-1))

    def times(self, other: Changing) -> Changing:
        return Changing(
            self.value * other.value, self.change * other.value + self.value * other.change
        )

    def over(self, other: Changing) -> Changing:
        """The quotient, zero where it has no divisor."""
        divisor = np.where(other.value == 0, 1.0, other.value)
        value = np.where(other.value == 0, 0.0, self.value / divisor)
        change = (self.change - value * other.change) / divisor
        return Changing(value, np.where(other.value == 0, 0.0, change))

    def scaled(self, factor: float) -> Changing:
        return Changing(self.value * factor, self.change * factor)


class ChangingDirections(NamedTuple):
    """What the terms know of directions, padded to ``max(n, m)``."""

    variance: Changing
    label_noise: Changing
    singular_value: Changing
    residual: Changing
    slack: Changing
    missed_value: Changing
    strength: Changing
    strength_rest: Changing

    def at(self, index: Any) -> ChangingDirections:
        return ChangingDirections(*(part.at(index) for part in self))

    def gaps(self, i: Any) -> Array:
        """Of directions i and all directions l."""
        others = (part.value for part in self[4:])
        return closeness(self.strength.value[i], self.strength_rest.value[i], *others)[2]

    @property
    def lost(self) -> Array:
        """By how much the strength that each direction takes off a gap changes."""
        return np.where(self.missed_value.value > 0, self.strength.change, 0.0)


def changing_directions(
    axes: NetworkAxes,
    variances: Array,
    gains: Changing,
    label_noise: Array,
    weight_decay: Changing,
) -> ChangingDirections:
    """Directions of one network with their changes.

    Parameters
    ----------
    axes : NetworkAxes
    variances, label_noise : Array
        Changes of those of inputs and of outputs, shape ``(k, n)`` and ``(k, m)``.
    gains : Changing
        Magnitudes, shape ``(min(n, m),)``.
    weight_decay : Changing
        A single number.
    """
    size = axes.variance.size

    def padded(change: Array) -> Array:
        return np.pad(change, ((0, 0), (0, size - change.shape[1])))

    gain = np.pad(gains.value, (0, size - gains.value.size))
    # The root of a variance that is nothing has no derivative; it is the same for all parameters.
    variance = Changing(np.maximum(axes.variance, np.finfo(float).tiny), padded(variances))
    learnable = axes.active | (axes.missed_value > 0)
    arguments = (
        Changing(np.where(learnable, axes.variance, 1.0), variance.change),
        Changing(gain, padded(gains.change)),
        weight_decay,
    )
    # Values to the last digit are those of the formulas.
    value, left = (
        chained(gradient, *some).change
        for gradient, some in (
            (_learned_value_gradient, arguments),
            (_residual_gradient, arguments[::2]),
        )
    )
    slack = chained(_slack_gradient, variance, *arguments[1:]).change
    worth = Changing(axes.singular_value + axes.missed_value, np.where(learnable, value, 0.0))
    strength = variance.times(worth).times(worth)
    return ChangingDirections(
        variance,
        Changing(axes.label_noise, padded(label_noise)),
        Changing(axes.singular_value, np.where(axes.active, value, 0.0)),
        Changing(axes.residual, np.where(axes.active, left, arguments[1].change)),
        Changing(np.where(learnable, 0.0, axes.slack), np.where(learnable, 0.0, slack)),
        Changing(axes.missed_value, np.where(axes.missed_value > 0, value, 0.0)),
        Changing(axes.strength, strength.change),
        Changing(axes.strength_rest, np.zeros_like(strength.change)),
    )


def chained(gradient: Gradient, *arguments: Changing) -> Changing:
    """A printed formula and its change; single numbers go with arrays of any shape."""
    value, *partials = gradient(*(each.value for each in arguments))
    value = np.asarray(value)
    many = len(arguments[0].change)
    change = np.zeros((many, *value.shape))
    for partial, (own, moved) in zip(partials, arguments, strict=True):
        change += partial * moved.reshape(many, *(1,) * (value.ndim - own.ndim), *own.shape)
    return Changing(value, change)


class ChangingNetwork(NamedTuple):
    """Directions and learning of one network."""

    directions: ChangingDirections
    weight_decay: Changing
    learning_rate: Changing
    batch: Changing

    def loss(self) -> Changing:
        """Expected loss at the minimum."""
        return chained(_loss_gradient, *self.directions[:4], self.weight_decay).sum()

    def fluctuation(self, active: NDArray[np.intp]) -> tuple[Changing, Changing]:
        """Weight variance and excess loss, row by row of active directions."""
        axes, gamma = self.directions, self.weight_decay
        active_ones = axes.singular_value.value > 0
        alone = Changing((~active_ones).astype(float), np.zeros_like(axes.variance.change))
        totals = []
        for own, pair in (
            (_own_variance_gradient, _pair_variance_gradient),
            (_own_noise_gradient, _pair_noise_gradient),
        ):
            value, change = 0.0, np.zeros(gamma.change.shape)
            for i in active.tolist():
                row = axes.at(i)[:3]
                single = chained(own, *row, gamma)
                others = np.arange(active_ones.size) != i
                gaps = Changing(axes.gaps(i), axes.strength.change[:, i, np.newaxis] - axes.lost)
                known = (*axes.at(others)[:6], gaps.at(others), gamma, alone.at(others))
                met = chained(pair, *row, *known).sum()
                value += float(single.value + met.value)
                change += single.change + met.change
            totals.append(Changing(np.asarray(value), change))
        return (
            chained(_batch_share_gradient, totals[0], self.learning_rate, self.batch),
            chained(_excess_loss_gradient, totals[1], self.learning_rate, self.batch),
        )

    def diffusion(self, active: NDArray[np.intp]) -> Changing:
        """Diffusion coefficients of all pairs of active directions, shape ``(r, r)``."""
        rest = np.setdiff1d(np.arange(self.directions.variance.value.size), active)
        axes = self.directions.at(np.concatenate([active, rest]))
        parts = [np.concatenate([part.value[np.newaxis], part.change]) for part in axes]
        first, kind, count = _kinds(parts)
        rows = int(np.searchsorted(first, active.size))
        axes, gamma = axes.at(first), self.weight_decay
        area = _swept_areas(axes, gamma, count, rows)
        value = axes.singular_value.at(slice(rows))
        diffusion = chained(
            _diffusion_gradient,
            area,
            Changing(value.value[:, np.newaxis], value.change[:, :, np.newaxis]),
            Changing(value.value[np.newaxis], value.change[:, np.newaxis]),
            self.learning_rate,
            self.batch,
        )
        kind = kind[: active.size]
        found = diffusion.at(kind[:, np.newaxis], kind)
        apart = 1.0 - np.eye(active.size)
        return Changing(found.value * apart, found.change * apart)


def _swept_areas(axes: ChangingDirections, gamma: Changing, count: Any, rows: int) -> Changing:
    """Swept areas of all pairs of the first directions, with the derivatives by all others."""
    size, many = len(count), len(gamma.change)
    areas, changes = np.zeros((rows, rows)), np.zeros((many, rows, rows))
    values = [part.value for part in axes]
    moved = [part.change for part in axes]
    step = max(1, TERMS_AT_A_TIME // size)
    for start in range(0, rows, step):
        for j in range(start, rows):
            met = np.arange(start, min(start + step, rows, j + 1))
            others = np.broadcast_to(count, (met.size, size)).astype(float)
            others[np.arange(met.size), met] -= 1
            others[:, j] -= 1
            others = np.maximum(others, 0.0)
            known = [part[at] for at in ((met, None), (j,)) for part in values[:4]]
            known += [*values[:6], axes.gaps((met, None)), axes.gaps(j), gamma.value]
            area, *partials = _joint_area_gradient(*known)
            total = (area * others).sum(axis=1)
            partials = [np.broadcast_to(part, others.shape) * others for part in partials]
            change = gamma.change[:, np.newaxis] * partials[-1].sum(axis=1)
            for k in range(4):
                change += moved[k][:, met] * partials[k].sum(axis=1)
                change += moved[k][:, j, np.newaxis] * partials[4 + k].sum(axis=1)
            for k in range(6):
                change += moved[k] @ partials[8 + k].T
            for at, by_gap in ((met, partials[14]), (np.full(met.size, j), partials[15])):
                strength = axes.strength.change[:, at]
                change += strength * by_gap.sum(axis=1) - axes.lost @ by_gap.T
            for one, other in ((met, np.full(met.size, j)), (np.full(met.size, j), met)):
                own = chained(_own_area_gradient, *axes.at(one)[:4], *axes.at(other)[:4], gamma)
                total, change = total + own.value, change + own.change
            single = (met == j) & (count[j] < 2)
            areas[met, j] = areas[j, met] = np.where(single, 0.0, total)
            changes[:, met, j] = changes[:, j, met] = np.where(single, 0.0, change)
    return Changing(areas, changes)

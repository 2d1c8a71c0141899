"""How the numbers of an aligned network change with its arguments: exact derivatives.

The chain rule around the printed derivatives of single directions, blocks and planes.  A number
has its value and its changes, one for each of ``k`` parameters along the first axis.  Equal
directions that change equally are counted once, as in `planes`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from symdrift.evaluation.closed_form.formula_road import AlignedNetwork
from symdrift.evaluation.closed_form.network_axes import network_axes
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
    _squared_component_gradient,
)
from symdrift.evaluation.strict_minima import active_axes
from symdrift.study.problem import Array, LearningProblem

AT_A_TIME = 2**11
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


@dataclass(frozen=True, eq=False)
class Changes:
    """Changes of the arguments of an aligned network with ``k`` parameters.

    Attributes
    ----------
    variances, gains, label_noise : Array
        Shape ``(k, n)``, ``(k, min(n, m))`` and ``(k, m)``; those of the gains' magnitudes.
    weight_decay, learning_rate, batch : Array
        Shape ``(k,)``.
    stimuli : mapping of str to Array
        By name, shape ``(k, n)``.
    """

    variances: Array
    gains: Array
    label_noise: Array
    weight_decay: Array
    learning_rate: Array
    batch: Array
    stimuli: dict[str, Array]


def changing_numbers(problem: LearningProblem, changes: Changes) -> dict[str, Changing]:
    """Numbers of an evaluation, by their dotted names, with their changes.

    Parameters
    ----------
    problem : LearningProblem
        Of which covariance and teacher are diagonal.
    changes : Changes
        In the units of the problem.

    Raises
    ------
    RequestError
        When the minimum is not strict, or no direction is active.
    """
    given = AlignedNetwork.of(problem)
    units, back = given.units, given.units.inverse
    learning = [
        Changing(np.asarray(float(value)), change * factor)
        for value, change, factor in (
            (given.minimum["weight_decay"], changes.weight_decay, units.curvature),
            (given.learning["learning_rate"], changes.learning_rate, back.curvature),
            (given.learning["batch"], changes.batch, 1.0),
        )
    ]
    directions = _directions(given, changes, learning[0])
    network = _Network(directions, *learning)
    found: dict[str, Changing] = {}
    variance, label_noise, value, residual, _ = directions
    order = active_axes(value.value[: changes.variances.shape[1]])
    for place, axis in enumerate(order, start=1):
        found[f"minimum.singular_values.{place}"] = value.at(axis).scaled(back.maps)
    loss = _chained(_loss_gradient, variance, label_noise, value, residual, network.weight_decay)
    found["minimum.loss"] = loss.sum().scaled(back.loss)
    weight_variance, excess = network.fluctuation(order)
    found["fluctuation.weight_variance"] = weight_variance.scaled(back.maps)
    found["fluctuation.excess_loss"] = excess.scaled(back.loss)
    diffusion = network.diffusion(order)
    for i in range(order.size):
        for j in range(i + 1, order.size):
            found[f"drift.diffusion.{i + 1}-{j + 1}"] = diffusion.at(i, j)
    rates = diffusion.sum()
    for stimulus in given.natural.stimuli:
        name = f"stimuli.{stimulus.name}"
        component = _chained(
            _squared_component_gradient,
            Changing(stimulus.vector, changes.stimuli[stimulus.name] * units.inputs).at(order),
            value.at(order),
        )
        norm, moved = component.sum(), component.times(rates).sum()
        found[f"{name}.squared_norm"] = norm.scaled(back.curvature)
        found[f"{name}.diffusion"] = moved.scaled(back.curvature)
        found[f"{name}.decay_rate"] = moved.over(norm)
    return found


class _Directions(NamedTuple):
    """What the terms know of directions, padded to ``max(n, m)``."""

    variance: Changing
    label_noise: Changing
    singular_value: Changing
    residual: Changing
    slack: Changing

    def at(self, index: Any) -> _Directions:
        return _Directions(*(part.at(index) for part in self))


def _directions(given: AlignedNetwork, changes: Changes, weight_decay: Changing) -> _Directions:
    """Directions with their changes, in natural units."""
    units = given.units
    axes = network_axes(**given.minimum, label_noise=given.learning["label_noise"])
    size = axes.variance.size

    def padded(change: Array, factor: float) -> Array:
        return np.pad(change * factor, ((0, 0), (0, size - change.shape[1])))

    gain = np.pad(given.minimum["gains"], (0, size - given.minimum["gains"].size))
    variance = Changing(axes.variance, padded(changes.variances, units.inputs**2))
    arguments = (
        Changing(np.where(axes.active, axes.variance, 1.0), variance.change),
        Changing(gain, padded(changes.gains, units.maps)),
        weight_decay,
    )
    # Values to the last digit are those of the formulas.
    value, left = (
        _chained(gradient, *some).change
        for gradient, some in (
            (_learned_value_gradient, arguments),
            (_residual_gradient, arguments[::2]),
        )
    )
    slack = _chained(_slack_gradient, variance, *arguments[1:]).change
    return _Directions(
        variance,
        Changing(axes.label_noise, padded(changes.label_noise, units.loss)),
        Changing(axes.singular_value, np.where(axes.active, value, 0.0)),
        Changing(axes.residual, np.where(axes.active, left, arguments[1].change)),
        Changing(axes.slack, np.where(axes.active, 0.0, slack)),
    )


def _chained(gradient: Gradient, *arguments: Changing) -> Changing:
    """A printed formula and its change; single numbers go with arrays of any shape."""
    value, *partials = gradient(*(each.value for each in arguments))
    value = np.asarray(value)
    many = len(arguments[0].change)
    change = np.zeros((many, *value.shape))
    for partial, (own, moved) in zip(partials, arguments, strict=True):
        change += partial * moved.reshape(many, *(1,) * (value.ndim - own.ndim), *own.shape)
    return Changing(value, change)


class _Network(NamedTuple):
    """Directions and learning of one network."""

    directions: _Directions
    weight_decay: Changing
    learning_rate: Changing
    batch: Changing

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
                single = _chained(own, *row, gamma)
                others = np.arange(active_ones.size) != i
                met = _chained(pair, *row, *axes.at(others), gamma, alone.at(others)).sum()
                value += float(single.value + met.value)
                change += single.change + met.change
            totals.append(Changing(np.asarray(value), change))
        return (
            _chained(_batch_share_gradient, totals[0], self.learning_rate, self.batch),
            _chained(_excess_loss_gradient, totals[1], self.learning_rate, self.batch),
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
        diffusion = _chained(
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


def _swept_areas(axes: _Directions, gamma: Changing, count: Any, rows: int) -> Changing:
    """Swept areas of all pairs of the first directions, with the derivatives by all others."""
    size, many = len(count), len(gamma.change)
    areas, changes = np.zeros((rows, rows)), np.zeros((many, rows, rows))
    values = [part.value for part in axes]
    moved = [part.change for part in axes]
    step = max(1, AT_A_TIME // size)
    for start in range(0, rows, step):
        for j in range(start, rows):
            met = np.arange(start, min(start + step, rows, j + 1))
            others = np.broadcast_to(count, (met.size, size)).astype(float)
            others[np.arange(met.size), met] -= 1
            others[:, j] -= 1
            others = np.maximum(others, 0.0)
            known = [part[at] for at in ((met, None), (j,)) for part in values[:4]]
            known += [*values, gamma.value]
            area, *partials = _joint_area_gradient(*known)
            total = (area * others).sum(axis=1)
            partials = [np.broadcast_to(part, others.shape) * others for part in partials]
            change = gamma.change[:, np.newaxis] * partials[-1].sum(axis=1)
            for k in range(4):
                change += moved[k][:, met] * partials[k].sum(axis=1)
                change += moved[k][:, j, np.newaxis] * partials[4 + k].sum(axis=1)
            for k in range(5):
                change += moved[k] @ partials[8 + k].T
            for one, other in ((met, np.full(met.size, j)), (np.full(met.size, j), met)):
                own = _chained(_own_area_gradient, *axes.at(one)[:4], *axes.at(other)[:4], gamma)
                total, change = total + own.value, change + own.change
            single = (met == j) & (count[j] < 2)
            areas[met, j] = areas[j, met] = np.where(single, 0.0, total)
            changes[:, met, j] = changes[:, j, met] = np.where(single, 0.0, change)
    return Changing(areas, changes)

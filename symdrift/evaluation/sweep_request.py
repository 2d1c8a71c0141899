"""What a sweep asks for of each of its points, and one part of the work after the other."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from symdrift.errors import RequestError
from symdrift.evaluation.sweep_axes import Axis
from symdrift.evaluation.swept_numbers import SweptNumbers, joined, numbers_of
from symdrift.execution import Meter
from symdrift.progress import Progress
from symdrift.study import Study
from symdrift.study.varied import VariedStudy

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from symdrift.evaluation.any_rule import RuleEvaluation
    from symdrift.evaluation.result import Evaluation, Quantity
    from symdrift.evaluation.swept_numbers import Setting
    from symdrift.study.problem import Array

GROUPS = ("minimum", "fluctuation", "validity", "drift", "stimuli")
"""What can be asked for of many points; the critical rates of validity take the longest."""

_AT_A_TIME = 2**18
"""Pairs of axes of the points that are evaluated together."""

_LOOKED_AT = 2**20
"""Axes of the points that are looked at together."""

_ONE_BY_ONE, _MOST_TOGETHER = 16, 8192
"""Points of a part that are evaluated one by one, and at most of one evaluated together."""


@dataclass(frozen=True)
class SweepPoint:
    """One point of a sweep.

    Attributes
    ----------
    swept : Mapping of str to float
        Where the point lies on each axis; empty for a single evaluation.
    symbols : Mapping of str to float
        Values of the study's symbols at the point.
    outcome : Evaluation, RuleEvaluation or RequestError
        The evaluation, or why there is none.
    """

    swept: Mapping[str, float]
    symbols: Mapping[str, float]
    outcome: Evaluation | RuleEvaluation | RequestError

    @property
    def evaluation(self) -> Evaluation | RuleEvaluation:
        """The evaluation.

        Raises
        ------
        RequestError
            Where the point is refused.
        """
        if isinstance(self.outcome, RequestError):
            raise self.outcome
        return self.outcome

    @property
    def refused(self) -> str:
        """Why the point is a gap; empty where it is none."""
        return str(self.outcome) if isinstance(self.outcome, RequestError) else ""

    def to_dict(self) -> dict[str, Any]:
        """The JSON record of the evaluation, whose parameters include the point."""
        here = {**self.swept, **self.symbols}
        if self.refused:
            return {"parameters": here, "refused": self.refused}
        record = self.evaluation.to_dict()
        record["parameters"] = {**here, **record["parameters"]}
        return record


@dataclass(frozen=True, eq=False)
class SweptPart:
    """Numbers of consecutive points and, where they were evaluated one by one, these points."""

    numbers: SweptNumbers
    points: Mapping[int, SweepPoint]


@dataclass(frozen=True)
class SweepRequest:
    """What is asked for of every point of a grid; does a part of the work, in any process.

    Attributes
    ----------
    study : Study
    axes : tuple of Axis
        The last one varies fastest.
    method, approximation, quantities, order
        As for :func:`symdrift.evaluation.evaluate.evaluate`.
    groups : tuple of str
        Of `GROUPS`.
    full : bool
        Whether the covariance of rotations is a matrix where it is diagonal too.
    """

    study: Study
    axes: tuple[Axis, ...]
    method: str = "auto"
    approximation: str = "exact"
    quantities: str = "all"
    order: int | None = 1
    groups: tuple[str, ...] = GROUPS
    full: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(len(axis.values) for axis in self.axes)

    @property
    def total(self) -> int:
        """Number of points."""
        return math.prod(self.shape)

    @cached_property
    def by_arrays(self) -> bool:
        """Whether all points are evaluated together, by kernels on arrays.

        That needs a closed form, and leaves the next order in the learning rate out.
        """
        from symdrift.evaluation.next_order.cost import AT_ONCE, LEAST

        corrected = self.order == 2 or (self.order is None and AT_ONCE / self.total > LEAST)
        other = corrected or self.method == "dense" or not self.study.is_plain
        if not self.axes or other:
            return False
        varied = self.varied(0, self.total)
        if varied.study.missing:
            return False
        # Few at a time: whether all points fit into memory is asked later.
        step = max(1, _LOOKED_AT // self.most_axes)
        return all(
            varied.at(points[start : start + step]).diagonal_problems() is not None
            for points in varied.by_size()
            for start in range(0, len(points), step)
        )

    @property
    def at_a_time(self) -> int:
        """Points of a part: the same on every machine, and with them the rounding of sums."""
        if not self.by_arrays:
            return _ONE_BY_ONE
        # An interrupt waits for the end of a part: where networks are large, for one only.
        together = max(_AT_A_TIME // self.most_axes**2, 1)
        if together < self.shape[-1]:
            together = max(together, self.total // self.networks)
        return min(together, _MOST_TOGETHER)

    @cached_property
    def networks(self) -> int:
        """Points that are evaluated apart: those along a last axis of the learning rate are one."""
        alike = self.shape[-1] if self.moves_rate_alone(self.axes[-1].path) else 1
        return self.total // alike

    def moves_rate_alone(self, path: str) -> bool:
        """Whether the learning rate is all that changes along an axis."""
        axis = [each.path for each in self.axes].index(path)
        return not any(
            np.any(np.diff(values.reshape(self.shape), axis=axis))
            for field, values in self.varied(0, self.total).numbers.items()
            if values.ndim and field != "learning.rate"
        )

    @cached_property
    def most_axes(self) -> int:
        """Inputs or outputs of the largest network."""
        numbers = self.varied(0, self.total).numbers
        # A size that is no number is refused at its own points.
        return max(
            int(np.fmax.reduce(numbers[f"network.{name}"], axis=None, initial=1))
            for name in ("inputs", "outputs")
        )

    def swept(self, place: int) -> dict[str, float]:
        """Where a point lies on each axis."""
        indices = np.unravel_index(place, self.shape)
        return {
            axis.path: axis.values[index] for axis, index in zip(self.axes, indices, strict=True)
        }

    def __call__(self, first: int, count: int, meter: Meter | None = None) -> SweptPart:
        """Points ``first, ..., first + count - 1``; ends early when the meter asks for that."""
        if self.by_arrays:
            numbers = self._by_arrays(first, count)
            if meter is not None:
                meter.add(count)
            return SweptPart(numbers, {})
        found, held = [], {}
        for place in range(first, first + count):
            if meter is not None and meter.stopped.is_set():
                break
            point = self.point(place)
            found.append(numbers_of({**point.swept, **point.symbols}, point.outcome))
            held[place] = point
            if meter is not None:
                meter.add(1)
        return SweptPart(joined(found), held)

    def varied(self, first: int, count: int) -> VariedStudy:
        """The study at some of the points.

        Raises
        ------
        RequestError
            When an axis is no field or symbol of the study.
        """
        places = np.unravel_index(np.arange(first, first + count), self.shape)
        return VariedStudy.of(
            self.study,
            {
                axis.path: np.array(axis.values)[index]
                for axis, index in zip(self.axes, places, strict=True)
            },
        )

    def _by_arrays(self, first: int, count: int) -> SweptNumbers:
        """Points that have a closed form, together."""
        from symdrift.evaluation.closed_form.parameter_grid import grid_numbers

        varied = self.varied(first, count)
        groups = set(self.groups) - ({"drift"} if self.quantities == "stimuli" else set())
        settings: dict[str, list[Setting]] = {
            name: np.broadcast_to(values, count).tolist()
            for name, values in {**varied.swept, **varied.symbols}.items()
        }
        columns: dict[Quantity, Array] = {}
        refused, warned = [""] * count, [""] * count
        usable = varied.in_range
        left = set(np.flatnonzero(~usable).tolist())

        def enter(points: NDArray[np.intp], found: Mapping[Quantity, Array]) -> None:
            for quantity, values in found.items():
                if quantity not in columns:
                    columns[quantity] = np.full(count, np.nan)
                columns[quantity][points] = values

        for size in varied.by_size():
            points = size[usable[size]]
            problems = varied.at(points).diagonal_problems() if points.size else None
            if problems is None:
                continue
            found = grid_numbers(problems, self.approximation, groups, self.total / count)
            enter(points, found.columns)
            for place, error in found.refused.items():
                refused[points[place]] = error
            left.update(points[list(found.left)].tolist())
            for place in np.flatnonzero(found.warned).tolist():
                warned[points[place]] = str(found.warned[place])
            for name, values in problems.settings().items():
                kept = settings.setdefault(name, [None] * count)
                for place, value in zip(points.tolist(), values, strict=True):
                    kept[place] = value
        road = {"method": "closed-form", "approximation": self.approximation}
        for name, value in road.items():
            settings[name] = [value] * count
        for place in sorted(left):
            alone = numbers_of({}, self.point(first + place).outcome)
            enter(np.array([place]), {
                quantity: value
                for quantity, value in alone.columns.items()
                if quantity.group in groups
            })  # fmt: skip
            refused[place], warned[place] = alone.refused[0], alone.warned[0]
            for name, (value,) in alone.settings.items():
                settings.setdefault(name, [None] * count)[place] = value
        for place, reason in enumerate(refused):
            if reason:
                for name in settings.keys() - varied.swept.keys() - varied.symbols.keys():
                    settings[name][place] = None
        return SweptNumbers(settings, columns, refused, warned)

    def point(self, place: int) -> SweepPoint:
        """One point, evaluated by itself."""
        from symdrift.evaluation.next_order.cost import AT_ONCE

        swept = self.swept(place) if self.axes else {}
        symbols: dict[str, float] = {}
        try:
            here = self.study.with_values(swept) if swept else self.study
            symbols = {
                name: here.values[name].evaluate({}) for name in here.symbols if name in here.values
            }
            evaluation = self.evaluated(here, None, AT_ONCE / self.total)
        except RequestError as error:
            return SweepPoint(swept, symbols, error)
        return SweepPoint(swept, symbols, evaluation)

    def evaluated(
        self, here: Study, progress: Progress | None, longest: float
    ) -> Evaluation | RuleEvaluation:
        """What is asked for of the study at a point; arguments as for `evaluate_study`."""
        from symdrift.evaluation.evaluate import evaluate_study
        from symdrift.evaluation.result import Evaluation

        evaluation = evaluate_study(
            here, self.method, self.approximation, progress, self.quantities, self.order, longest
        )
        if self.full and self.quantities == "all" and isinstance(evaluation, Evaluation):
            return evaluation.with_full_covariance()
        return evaluation


def place_of(swept: Mapping[str, float]) -> str:
    """Where a point lies, in words."""
    return ", ".join(f"{path} = {value:g}" for path, value in swept.items())

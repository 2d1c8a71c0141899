"""Evaluations over a grid of parameters."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from symdrift.datasets import Coordinate, Entry, dataset
from symdrift.errors import RequestError, require_known
from symdrift.evaluation.overview import listed, quantities
from symdrift.expressions import parse_number, whole_number
from symdrift.memory import require_memory
from symdrift.progress import log_stage
from symdrift.quoting import shown
from symdrift.tables import Row, Table, record_table

if TYPE_CHECKING:
    from xarray import Dataset

    from symdrift.evaluation.result import Evaluation
    from symdrift.study import Study
    from symdrift.study.problem import LearningProblem

MOST_POINTS = 100_000
"""Points of one sweep."""

_INDEX = re.compile(r"\.\d+(-\d+)?$")
_NUMBER = re.compile(r"\d[\d.]*(e[-+]\d+)?")
_CLAUSE = re.compile(r"[;,]")
_PLANE, _STIMULUS, _LISTED = 176, 640, 40
"""Bytes of a plane beside its variance, of a stimulus, and of a number in a list."""


@dataclass(frozen=True)
class Axis:
    """Values that one field or symbol of a study takes.

    Attributes
    ----------
    path : str
        Dotted field or symbol, as :meth:`Study.with_values` takes it.
    values : tuple of float
    logarithmic : bool
        Whether the values are equally spaced in their logarithm.
    """

    path: str
    values: tuple[float, ...]
    logarithmic: bool = False


@dataclass(frozen=True)
class SweepPoint:
    """One point of a sweep.

    Attributes
    ----------
    swept : Mapping of str to float
        Where the point lies on each axis; empty for a single evaluation.
    symbols : Mapping of str to float
        Values of the study's symbols at the point.
    evaluation : Evaluation
    """

    swept: Mapping[str, float]
    symbols: Mapping[str, float]
    evaluation: Evaluation

    def to_dict(self) -> dict[str, Any]:
        """The JSON record of the evaluation, whose parameters include the point."""
        record = self.evaluation.to_dict()
        record["parameters"] = {**self.swept, **self.symbols, **record["parameters"]}
        return record


@dataclass(frozen=True, eq=False)
class Sweep(Sequence[SweepPoint]):
    """Evaluations over the grid that some axes span.

    Attributes
    ----------
    axes : tuple of Axis
    points : tuple of SweepPoint
        The last axis varies fastest.
    """

    axes: tuple[Axis, ...]
    points: tuple[SweepPoint, ...]

    def __len__(self) -> int:
        return len(self.points)

    def __getitem__(self, place: Any) -> Any:
        return self.points[place]

    def in_days(self, steps_per_day: float) -> Sweep:
        """The same, where it is known how long a day is."""
        return replace(
            self,
            points=tuple(
                replace(point, evaluation=replace(point.evaluation, steps_per_day=steps_per_day))
                for point in self.points
            ),
        )

    def to_dataset(self) -> Dataset:
        """Every quantity as an array over the axes of the sweep and its own.

        Own axes are ``plane``, ``stimulus`` and ``hidden_axis``; what exists at some points only
        is NaN at the others, and of the covariance of rotations there is the diagonal.  Parameters
        that vary are coordinates, the others attributes.

        Raises
        ------
        RequestError
            Without xarray, or where an axis of the sweep is called as one of these.
        """
        return _dataset(self)


def linear_axis(path: str, low: float, high: float, count: int) -> Axis:
    """Equally spaced values, both ends included; decimal steps stay decimal."""
    first, last = Fraction(repr(low)), Fraction(repr(high))
    step = (last - first) / max(count - 1, 1)
    return Axis(path, tuple(float(first + index * step) for index in range(count)))


def logarithmic_axis(path: str, low: float, high: float, count: int) -> Axis:
    """Values in equal ratios, both ends included; the ends must be positive."""
    ratio = math.log(high / low) / max(count - 1, 1)
    inner = tuple(low * math.exp(index * ratio) for index in range(1, count - 1))
    return Axis(path, (low, *inner, high)[:count], logarithmic=True)


def parse_axis(text: str) -> Axis:
    """Axis of a ``--sweep`` argument, ``PATH=LO:HI:NUM`` or ``PATH=LO:HI:NUM:log``.

    Raises
    ------
    RequestError
        When the text has another form.
    """
    path, equals, values = text.partition("=")
    parts = [part.strip() for part in values.split(":")]
    if not equals or not path.strip() or len(parts) not in (3, 4) or parts[3:] not in ([], ["log"]):
        raise RequestError(
            "--sweep", f'"{text[:80]}" must have the form PATH=LO:HI:NUM or PATH=LO:HI:NUM:log'
        )
    path = path.strip()
    field = f"--sweep {path}"
    low, high, count = parse_range(parts, field, "points", 1, MOST_POINTS)
    if len(parts) == 3:
        return linear_axis(path, low, high, count)
    if low <= 0 or high <= 0:
        raise RequestError(
            field, f"from {low:g} to {high:g} cannot be logarithmic: both ends must be positive"
        )
    return logarithmic_axis(path, low, high, count)


def parse_range(
    parts: Sequence[str], field: str, what: str, fewest: int, most: int
) -> tuple[float, float, int]:
    """Ends and number of values of ``LO:HI:NUM``, given in its parts.

    Raises
    ------
    RequestError
        When an end is no number, or there are not from ``fewest`` to ``most`` of these values.
    """
    low, high = (parse_number(part, field) for part in parts[:2])
    count = whole_number(parts[2])
    if not fewest <= count <= most:
        allowed = f"a whole number from {fewest} to {most}"
        raise RequestError(field, f"= {shown(parts[2])} {what} must be {allowed}")
    return low, high, count


def sweep(
    study: Study,
    axes: Sequence[Axis],
    method: str = "auto",
    approximation: str = "exact",
    progress: Callable[[int, int], None] | None = None,
    quantities: str = "all",
    records: bool = False,
    order: int | None = 1,
    full: bool = False,
) -> Sweep:
    """Evaluate a study at every point of the grid that the axes span.

    Parameters
    ----------
    study : Study
    axes : sequence of Axis
        None gives a single point; the last axis varies fastest.
    method, approximation : str
        As for :func:`symdrift.evaluation.evaluate.evaluate`.
    progress : callable, optional
        Called with the number of finished points and of all points or, for a single point,
        of finished planes and all.
    quantities : {"all", "stimuli"}
        As for :func:`symdrift.evaluation.evaluate.evaluate`.
    records : bool
        Whether the points will become JSON records: refused before the work where they do not fit.
    order : {1, 2} or None
        As for :func:`symdrift.evaluation.evaluate.evaluate`; with None all points together take
        under a second more.
    full : bool
        Whether the covariance of rotations is a matrix where it is diagonal too.

    Raises
    ------
    RequestError
        When the grid is too large, or one of its points cannot be evaluated; the
        message names the point.  When the evaluations do not fit into memory together.
    """
    from symdrift.evaluation.evaluate import corrected_at_once, evaluate, require_record_memory
    from symdrift.evaluation.next_order.cost import AT_ONCE
    from symdrift.evaluation.result import QUANTITIES

    require_known("quantities", quantities, QUANTITIES)
    paths = [axis.path for axis in axes]
    repeated = [path for path in paths if paths.count(path) > 1]
    if repeated:
        raise RequestError("--sweep", f"names {repeated[0]} twice; each axis must be another field")
    total = math.prod(len(axis.values) for axis in axes)
    if total > MOST_POINTS:
        raise RequestError("--sweep", f"asks for {total} points; at most {MOST_POINTS} are allowed")
    if axes:
        log_stage(f"evaluating {total} points")
    points: list[SweepPoint] = []
    for values in product(*(axis.values for axis in axes)):
        swept = dict(zip(paths, values, strict=True))
        try:
            here = study.with_values(swept) if swept else study
            within = progress if not swept else None
            problem = here.problem()
            if records and quantities == "all" and not points:
                require_record_memory(problem, method, full=full)
            evaluation = evaluate(problem, method, approximation, within, quantities, order or 1)
            if order is None:
                evaluation = corrected_at_once(problem, evaluation, AT_ONCE / total)
        except RequestError as error:
            if not swept:
                raise
            where = ", ".join(f"{path} = {value:g}" for path, value in swept.items())
            raise RequestError("--sweep", f"fails at {where}: {error}") from None
        if full and quantities == "all":
            evaluation = evaluation.with_full_covariance()
        symbols = {name: here.values[name].evaluate({}) for name in here.symbols}
        if not points:
            _require_memory(evaluation, total)
        points.append(SweepPoint(swept, symbols, evaluation))
        if progress is not None and swept:
            progress(len(points), total)
    return Sweep(tuple(axes), tuple(points))


def held_memory(evaluation: Evaluation) -> int:
    """Bytes of an evaluation: its arrays, its planes, and its parameters as plain numbers."""
    from symdrift.evaluation.result import DeferredDrift, IndependentDrift

    drift = evaluation.drift
    needed = _STIMULUS * len(evaluation.stimuli)
    for name in ("input_covariance", "teacher"):
        rows = evaluation.parameters[name]
        needed += _LISTED * len(rows) * len(rows[0])
    needed += evaluation.decay_matrix.nbytes + evaluation.mean_rotation.nbytes
    if isinstance(drift, DeferredDrift):
        return needed + _problem_memory(drift.problem)
    planes = len(drift.variances)
    held = drift.variances if isinstance(drift, IndependentDrift) else drift.covariance
    return needed + held.nbytes + (_PLANE * planes if evaluation.quantities == "all" else 0)


def _problem_memory(problem: LearningProblem) -> int:
    """Bytes of the arrays of a problem."""
    held = (problem, problem.inputs, *problem.stimuli)
    return sum(getattr(value, "nbytes", 0) for part in held for value in vars(part).values())


def _require_memory(evaluation: Evaluation, total: int) -> None:
    """Refuse a grid whose evaluations, all of the size of the first, do not fit."""
    advice = "take fewer"
    if evaluation.quantities == "all":
        advice += ", or leave out the planes: --quantities stimuli"
    problem = f"asks for {total} points, whose results would take"
    require_memory("--sweep", total * held_memory(evaluation), problem, advice)


def parameters(point: SweepPoint) -> dict[str, float | int | str]:
    """Parameters of a point: where it lies, its symbols, settings of one value, and the road."""
    evaluation = point.evaluation
    settings = {
        name: value
        for name, value in evaluation.parameters.items()
        if isinstance(value, (int, float, str))
    }
    road = {"method": evaluation.method, "approximation": evaluation.approximation}
    return {**point.swept, **point.symbols, **settings, **road}


def sweep_warnings(points: Sequence[SweepPoint]) -> Iterator[str]:
    """Every warning once, as it is where it begins; in a sweep with how many points have it.

    Warnings are one whose first clauses differ in their numbers only.
    """
    found: dict[str, list[tuple[SweepPoint, str]]] = {}
    for point in points:
        kinds = {
            _NUMBER.sub("#", _CLAUSE.split(said)[0]): said for said in point.evaluation.warnings
        }
        for kind, said in kinds.items():
            found.setdefault(kind, []).append((point, said))
    for each in found.values():
        first, said = each[0]
        place = ", ".join(f"{path} = {value:g}" for path, value in first.swept.items())
        if place and len(each) > 1:
            many = "all" if len(each) == len(points) else f"{len(each)} of"
            place = f"{many} {len(points)} points, the first at {place}"
        yield f"at {place}: {said}" if place else said


def sweep_rows(points: Sequence[SweepPoint]) -> tuple[list[str], Iterator[Row]]:
    """Columns, one per parameter and per quantity, and one row per point.

    Quantities that exist at some points only (the rank may change) are missing elsewhere.
    """
    # Made twice rather than held: a row takes many times the memory of its numbers.
    return _columns(map(_row, points)), map(_row, points)


def _row(point: SweepPoint) -> Row:
    return parameters(point) | quantities(point.evaluation)


def _columns(rows: Iterable[Mapping[str, object]]) -> list[str]:
    """Names of all rows: kinds in order of appearance, indices of one kind in order."""
    kinds: dict[str, int] = {}
    order: dict[str, tuple[int, list[int]]] = {}
    for row in rows:
        for name in row:
            index = _INDEX.search(name)
            kind = name[: index.start()] if index else name
            numbers = _numbers(index.group()[1:]) if index else []
            order[name] = (kinds.setdefault(kind, len(kinds)), numbers)
    return sorted(order, key=order.__getitem__)


def _numbers(label: str) -> list[int]:
    """Of the axes in the label of a plane or an axis."""
    return [int(part) for part in label.split("-")]


def _dataset(sweep: Sweep) -> Dataset:
    """Quantities of every point, where the point lies in the grid."""
    paths = tuple(axis.path for axis in sweep.axes)
    shape = tuple(len(axis.values) for axis in sweep.axes)
    found = [tuple(listed(point.evaluation)) for point in sweep.points]
    own: dict[str, dict[str, int]] = {"hidden_axis": {}, "plane": {}, "stimulus": {}}
    for of, places in own.items():
        labels = dict.fromkeys(each.label for some in found for each in some if each.of == of)
        ordered = labels if of == "stimulus" else sorted(labels, key=_numbers)
        places.update((label, place) for place, label in enumerate(ordered))
    records = [parameters(point) for point in sweep.points]
    values = {name: [record[name] for record in records] for name in records[0]}
    varying = [name for name in values if name not in paths and len(set(values[name])) > 1]
    for name in (*paths, *varying):
        if name in own:
            raise RequestError("to_dataset", f'has an axis "{name}" of its own; rename the symbol')
    grid = product(*(range(size) for size in shape))
    return dataset(
        (
            Entry(
                f"{each.group}_{each.name}".replace(".", "_"),
                each.unit,
                dict(zip(paths, place, strict=True))
                | ({each.of: own[each.of][each.label]} if each.of else {}),
                each.value,
            )
            for place, some in zip(grid, found, strict=True)
            for each in some
        ),
        {axis.path: Coordinate((axis.path,), axis.values) for axis in sweep.axes}
        | {of: Coordinate((of,), tuple(places)) for of, places in own.items()}
        | {name: Coordinate(paths, np.reshape(values[name], shape)) for name in varying},
        {"study": sweep[0].evaluation.study}
        | {name: every[0] for name, every in values.items() if name not in (*paths, *varying)},
    )


def sweep_table(points: Sequence[SweepPoint], most_columns: int) -> tuple[Table, int]:
    """Table of a sweep, and how many of its quantities did not fit.

    One row per point: where it lies, then the diffusion of each plane (rad^2/step) and
    the decay rate of each stimulus (1/step).
    """
    shown = {("drift", "diffusion"): "D ", ("stimuli", "decay_rate"): ""}
    found = [
        [each for each in listed(point.evaluation) if (each.group, each.name) in shown]
        for point in points
    ]
    headings = {
        each.column: f"{shown[each.group, each.name]}{each.label}\n{each.unit}"
        for some in found
        for each in some
    }
    records = [{each.column: each.value for each in some} for some in found]
    names = _columns(records)
    axes = list(points[0].swept)
    kept = names[: max(most_columns - len(axes), 1)]
    columns = {axis: axis for axis in axes} | {name: headings[name] for name in kept}
    rows = ({**record, **point.swept} for point, record in zip(points, records, strict=True))
    return record_table("Diffusion and decay rates", columns, rows), len(names) - len(kept)

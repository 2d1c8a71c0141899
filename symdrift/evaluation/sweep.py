"""Evaluations over a grid of parameters."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from symdrift.errors import RequestError, require_known
from symdrift.evaluation.sweep_axes import MOST_POINTS, Axis
from symdrift.evaluation.sweep_request import (
    GROUPS,
    SweepPoint,
    SweepRequest,
    SweptPart,
    place_of,
)
from symdrift.evaluation.swept_numbers import SweptNumbers, joined, numbers_of
from symdrift.execution import Meter, available_processors, run_blocks
from symdrift.memory import DIAGONAL_TEXT, MATRIX_TEXT, require_memory
from symdrift.progress import Progress, log_stage
from symdrift.study.values import require_values

if TYPE_CHECKING:
    from xarray import Dataset

    from symdrift.evaluation.any_rule import RuleEvaluation
    from symdrift.evaluation.result import Evaluation
    from symdrift.evaluation.sweep_file import SweepFile
    from symdrift.study import Study
    from symdrift.study.problem import LearningProblem

_WAVE = 32
"""Parts that an executor is given together; threads have one each, so that what is finished is
kept and shown at once.
"""

_HELD_COPIES, _OTHERS = 3, 12
"""Copies of the numbers of all points, in parts, joined, and what is said of points beside them;
numbers of a point beside those of planes, stimuli and axes.
"""

_PLANE, _STIMULUS, _LISTED = 176, 640, 40
"""Bytes of a plane beside its variance, of a stimulus, and of a number in a list."""


@dataclass(frozen=True, eq=False)
class Sweep(Sequence[SweepPoint]):
    """Evaluations over the grid that some axes span.

    Attributes
    ----------
    request : SweepRequest
    swept : SweptNumbers or None
        Numbers of all points; None for a single point, whose are made when they are asked for.
    points : Mapping of int to SweepPoint
        Those that are held; others are evaluated when they are asked for.
    steps_per_day : float or None
        Where it is known how long a day is.
    """

    request: SweepRequest
    swept: SweptNumbers | None
    points: Mapping[int, SweepPoint] = field(default_factory=dict, repr=False)
    steps_per_day: float | None = None

    @property
    def axes(self) -> tuple[Axis, ...]:
        return self.request.axes

    @cached_property
    def numbers(self) -> SweptNumbers:
        """Of all points, the last axis varying fastest; a refused point is a gap in them."""
        if self.swept is not None:
            return self.swept
        point = self.points[0]
        return numbers_of({**point.swept, **point.symbols}, point.outcome)

    def __len__(self) -> int:
        return self.request.total

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return tuple(self[each] for each in range(len(self))[place])
        return self._point(range(len(self))[place])

    def _point(self, place: int) -> SweepPoint:
        point = self.points.get(place) or self.request.point(place)
        if self.steps_per_day is None or isinstance(point.outcome, RequestError):
            return point
        return replace(point, outcome=replace(point.outcome, steps_per_day=self.steps_per_day))

    def in_days(self, steps_per_day: float) -> Sweep:
        """The same, where it is known how long a day is."""
        return replace(self, steps_per_day=steps_per_day)

    def to_dataset(self) -> Dataset:
        """Every quantity as an array over the axes of the sweep and its own.

        Own axes are ``plane``, ``stimulus`` and ``hidden_axis``; what exists at some points only
        is NaN at the others, and of the covariance of rotations there is the diagonal.  Parameters
        that vary are coordinates, the others attributes; ``refused`` says why a point is a gap.

        Raises
        ------
        RequestError
            Without xarray, or where an axis of the sweep is called as one of these.
        """
        from symdrift.evaluation.swept_dataset import sweep_dataset

        return sweep_dataset(self.request, self.numbers)


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
    *,
    groups: Sequence[str] = GROUPS,
    executor: Executor | None = None,
    kept: SweepFile | None = None,
) -> Sweep:
    """Evaluate a study at every point of the grid that the axes span.

    Points that have a closed form are evaluated together, as arrays, unless the next order is
    wanted too; others one by one.  A point that is refused is a gap.

    Parameters
    ----------
    study : Study
    axes : sequence of Axis
        None gives a single point; the last axis varies fastest.
    method, approximation : str
        As for :func:`symdrift.evaluation.evaluate.evaluate`.
    progress : callable, optional
        Called with the number of finished points and of all or, for a single point,
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
    groups : sequence of str
        Which numbers are wanted of points that are evaluated together, some of `GROUPS`.
    executor : concurrent.futures.Executor, optional
        Does parts of the work; numbers are the same, to the last bit, whoever does it.
    kept : SweepFile, optional
        Where finished parts are kept, and found again.

    Raises
    ------
    RequestError
        When the grid is too large, or none of its points can be evaluated; the message names the
        first.  When the evaluations do not fit into memory together.
    """
    from symdrift.evaluation.result import QUANTITIES

    require_known("quantities", quantities, QUANTITIES)
    paths = [axis.path for axis in axes]
    repeated = [path for path in paths if paths.count(path) > 1]
    if repeated:
        raise RequestError("--sweep", f"names {repeated[0]} twice; each axis must be another field")
    request = SweepRequest(
        study, tuple(axes), method, approximation, quantities, order, tuple(groups), full
    )
    if request.total > MOST_POINTS:
        raise RequestError(
            "--sweep", f"asks for {request.total} points; at most {MOST_POINTS} are allowed"
        )
    if axes:
        log_stage(f"evaluating {request.total} points")
        _require_sensible(request, records)
    if kept is not None:
        kept.require_own(request)
    if not axes:
        return _single(request, progress, records)
    result = _evaluated(request, progress, executor, kept)
    if all(result.numbers.refused):
        where = place_of(result.request.swept(0))
        every = f"every one of {len(result)} points, the first " if len(result) > 1 else ""
        raise RequestError("--sweep", f"fails at {every}{where}: {result.numbers.refused[0]}")
    return result


def _single(
    request: SweepRequest, progress: Callable[[int, int], None] | None, records: bool
) -> Sweep:
    """The study as it is."""
    from symdrift.evaluation.evaluate import require_record_memory
    from symdrift.evaluation.next_order.cost import AT_ONCE

    if records and request.quantities == "all" and request.study.is_plain:
        require_record_memory(request.study.problem(), request.method, full=request.full)
    evaluation = request.evaluated(request.study, progress, AT_ONCE)
    _require_memory(evaluation, 1, request.quantities)
    values = request.study.values
    symbols = {name: values[name].evaluate({}) for name in request.study.symbols}
    point = SweepPoint({}, symbols, evaluation)
    return Sweep(request, None, {0: point})


def _require_sensible(request: SweepRequest, records: bool) -> None:
    """Refuse axes that the study does not have, and results that do not fit."""
    from symdrift.evaluation.evaluate import METHODS, require_record_memory
    from symdrift.evaluation.parts import APPROXIMATIONS

    require_known("method", request.method, METHODS)
    require_known("approximation", request.approximation, APPROXIMATIONS)
    try:
        varied = request.varied(0, 1)
        require_values(varied.study)
    except RequestError as error:
        where = place_of(request.swept(0))
        raise RequestError("--sweep", f"fails at {where}: {error}") from None
    if records and request.quantities == "all":
        try:
            problem = request.study.with_values(request.swept(0)).problem()
        except RequestError:
            return
        require_record_memory(problem, request.method, full=request.full)


def _evaluated(
    request: SweepRequest,
    progress: Progress | None,
    executor: Executor | None,
    kept: SweepFile | None,
) -> Sweep:
    """All parts, those that are kept in a file not again."""
    step, total = request.at_a_time, request.total
    blocks = [(first, min(step, total - first)) for first in range(0, total, step)]
    parts = {} if kept is None else kept.parts(request, blocks)
    done = sum(map(len, parts.values()))
    points: dict[int, SweepPoint] = {}
    if request.by_arrays:
        from symdrift.evaluation.next_order.cost import expected_duration
        from symdrift.evaluation.sweep_cost import require_time, sweep_seconds

        _require_arrays(request)
        # Of others' machines nobody knows how many there are.
        if executor is None:
            seconds = sweep_seconds(request)
            require_time(request, seconds)
            if foreseen := expected_duration(seconds):
                log_stage(f"evaluating {total} points{foreseen}")
    elif request.order == 2 and executor is None:
        from symdrift.evaluation.sweep_cost import require_next_orders

        require_next_orders(request)
    left = [block for block in blocks if block not in parts]
    together = executor is not None or request.by_arrays
    with ExitStack() as threads:
        wave = 1 if executor is None else _WAVE
        if executor is None and request.by_arrays:
            wave = min(_WAVE, available_processors())
            # The same threads for all waves: what they work in is there after the first.
            executor = threads.enter_context(ThreadPoolExecutor(wave))
        for start in range(0, len(left), wave):
            meter = _Shown(total, done, None if together else progress)
            these = left[start : start + wave]
            if together:
                found, interrupted = run_blocks(request, these, meter, executor=executor)
                if interrupted:
                    raise KeyboardInterrupt
            else:
                found = [request(*these[0], meter)]
            for block, part in zip(these, found, strict=True):
                parts[block] = part.numbers
                done += len(part.numbers)
                if kept is not None:
                    kept.keep(block, part.numbers)
                elif part.points:
                    if not points:
                        _require_held(part, total, request.quantities)
                    points |= part.points
            if together and progress is not None:
                progress(done, total)
    return Sweep(request, joined([parts[block] for block in blocks]), points)


class _Shown(Meter):
    """A meter that shows each point, after those that were done before."""

    def __init__(self, total: int, done: int, progress: Progress | None) -> None:
        super().__init__(total)
        self._progress, self.done = progress, done

    def add(self, steps: int) -> None:
        super().add(steps)
        if self._progress is not None:
            self._progress(self.done, self.total)


def _require_arrays(request: SweepRequest) -> None:
    """Refuse numbers of all points that do not fit."""
    axes = request.most_axes
    planes = 3 * axes * (axes - 1) // 2 if request.quantities == "all" else 0
    stimuli = 4 * (len(request.study.stimulus) or axes)
    settings = _LISTED * (len(request.axes) + len(request.study.values))
    point = 8 * (planes + stimuli + axes + _OTHERS) + settings
    needed = _HELD_COPIES * request.total * point
    require_memory("--sweep", needed, *_too_many(request.total, request.quantities))


def _require_held(part: SweptPart, total: int, quantities: str) -> None:
    """Refuse a grid whose evaluations, all of the size of the first, do not fit."""
    first = next((point.outcome for point in part.points.values() if not point.refused), None)
    if first is not None and not isinstance(first, RequestError):
        _require_memory(first, total, quantities)


def held_memory(evaluation: Evaluation | RuleEvaluation) -> int:
    """Bytes of an evaluation: its arrays, its planes, and its parameters as plain numbers."""
    from symdrift.evaluation.parts import DeferredDrift, IndependentDrift
    from symdrift.evaluation.result import Evaluation

    if not isinstance(evaluation, Evaluation):
        return evaluation.held_memory
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


def matrix_text(points: Sweep) -> int:
    """Bytes of JSON that the covariances between all planes of all points will be, about."""
    from symdrift.evaluation.parts import FullDrift, IndependentDrift
    from symdrift.evaluation.result import Evaluation

    first = next(iter(points.points.values()), None) or points[0]
    found = first.outcome
    if not isinstance(found, Evaluation) or found.quantities != "all":
        return 0
    full = isinstance(found.drift, FullDrift)
    if isinstance(found.drift, IndependentDrift) and not full:
        return 0
    entry = DIAGONAL_TEXT if full else MATRIX_TEXT
    copies = len(points) * (1 if found.next_order is None else 2)
    return copies * entry * len(found.drift.variances) ** 2


def _problem_memory(problem: LearningProblem) -> int:
    """Bytes of a problem: of small ones Python's objects are most of it."""
    held = [vars(part) for part in (problem, problem.inputs, *problem.stimuli)]
    return sum(sys.getsizeof(value) for part in held for value in (part, *part.values()))


def _require_memory(evaluation: Evaluation | RuleEvaluation, total: int, quantities: str) -> None:
    """Refuse as many evaluations of this size as do not fit."""
    needed = total * held_memory(evaluation)
    require_memory("--sweep", needed, *_too_many(total, quantities))


def _too_many(total: int, quantities: str) -> tuple[str, str]:
    """What is too large, and what fits."""
    advice = "take fewer"
    if quantities == "all":
        advice += ", or leave out the planes: --quantities stimuli"
    return f"asks for {total} points, whose results would take", advice

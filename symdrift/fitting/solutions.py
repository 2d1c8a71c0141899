"""The best fit, what else fits as well, and intervals around all of these."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from symdrift.errors import RequestError, counted
from symdrift.evaluation.evaluate import evaluate
from symdrift.fitting.combinations import Directions
from symdrift.fitting.free_numbers import FreeNumber, sizes
from symdrift.fitting.least_squares import (
    THRESHOLD,
    Descent,
    Problem,
    Profile,
    best_descents,
    profile,
    scan,
)
from symdrift.fitting.other_solutions import Ends, intervals, is_new, joined
from symdrift.progress import log_stage
from symdrift.study.problem import Array

if TYPE_CHECKING:
    from symdrift.evaluation.result import Evaluation

_MOST_ROUNDS, _LOWER = 3, 1e-3
"""Of profiles, and by how much chi-squared must fall along one for another round."""
_SCANNED_ALONE, _SCANNED = 48, 12
"""Coordinates over the range of the only free number, or of each of several, at which valleys of
chi-squared are looked for."""
_ENDS_TRIED = 4
"""Ends of descents from which these are followed."""
_MOST_OTHERS = 8
"""Other solutions that are named."""
_SHORT, _LONG = 1e-6, 0.3
"""Of the box: steps with which a search for the ends of an interval begins."""


@dataclass(frozen=True, eq=False)
class Solutions:
    """The best fit, derivatives of the residuals there, errors and profiles of the coordinates,
    other solutions, and the intervals around all of them.
    """

    best: Descent
    jacobian: Array
    evaluation: Evaluation
    errors: Array
    profiles: tuple[Profile | None, ...]
    others: list[Descent]
    intervals: list[list[Ends]]


def search(problem: Problem, places: Sequence[Array], done: Callable[[], None]) -> Solutions:
    """Descend from places, also from the valleys over the range of each free number, and follow
    the profiles of the best, again where they lead lower; then those of what is as good.
    """
    numbers = problem.predictions.numbers
    log_stage(f"descending from {counted(len(places), 'start')}")
    descents = []
    for place in places:
        descents.append(problem.descend(place))
        done()
    descents += _from_valleys(problem, best_descents(descents), done)
    log_stage(f"following {counted(len(numbers), 'profile')}")
    for _ in range(_MOST_ROUNDS):
        best, jacobian, evaluation = _accepted(problem, best_descents(descents))
        errors = coordinate_errors(jacobian, numbers)
        profiles = tuple(
            _profile(problem, best, index, error, done)
            for index, error in enumerate(errors.tolist())
        )
        lowest = min(
            (one.lowest for one in profiles if one), key=lambda each: each.chi_squared, default=best
        )
        if lowest.chi_squared > best.chi_squared - _LOWER:
            break
        descents.append(problem.descend(lowest.place))
    others, found = _others(problem, best, profiles, best_descents(descents))
    return Solutions(best, jacobian, evaluation, errors, profiles, others, found)


def coordinate_errors(jacobian: Array, numbers: Sequence[FreeNumber]) -> Array:
    """Standard errors of the coordinates, infinite where the data leave them open."""
    directions = Directions.of(jacobian * sizes(numbers))
    return np.sqrt(np.diagonal(directions.covariance(numbers)))


def _from_valleys(
    problem: Problem, ended: Sequence[Descent], done: Callable[[], None]
) -> list[Descent]:
    """Descents from the valleys over the whole range of each free number that is not open."""
    numbers = problem.predictions.numbers
    log_stage(f"looking for other solutions over {counted(len(numbers), 'range')}")
    _, jacobian, _ = _accepted(problem, ended)
    known = [each.place for each in ended[:_ENDS_TRIED]]
    count = _SCANNED_ALONE if len(numbers) == 1 else _SCANNED
    found = []
    for index, error in enumerate(coordinate_errors(jacobian, numbers).tolist()):
        if np.isfinite(error):
            valleys = scan(problem, index, count, known)
            found += [problem.descend(each.place) for each in valleys]
        done()
    return found


def _others(
    problem: Problem,
    best: Descent,
    profiles: Sequence[Profile | None],
    descents: Sequence[Descent],
) -> tuple[list[Descent], list[list[Ends]]]:
    """Minima as good as the best and apart from it, and the intervals around all."""
    found = intervals(profiles)
    others: list[Descent] = []
    for each in descents:
        if each.chi_squared >= best.chi_squared + THRESHOLD or len(others) == _MOST_OTHERS:
            break
        if not is_new(each.place, found):
            continue
        try:
            there, jacobian, _ = _accepted(problem, [each])
        except RequestError:
            continue
        others.append(there)
        log_stage("following the profiles of another solution")
        errors = coordinate_errors(jacobian, problem.predictions.numbers)
        for index, error in enumerate(errors.tolist()):
            if found[index]:
                step = _step(problem, index, error)
                own = profile(problem, there, index, step, lambda: None, least=best.chi_squared)
                found[index] = joined([*found[index], (own.low, own.high)])
    return others, found


def _accepted(problem: Problem, descents: Sequence[Descent]) -> tuple[Descent, Array, Evaluation]:
    """The lowest place that descents found at which the study can be evaluated as a whole, with
    the derivatives of the residuals there.
    """
    reasons = []
    for each in descents:
        jacobian = problem.jacobian(each.place)
        if np.isfinite(jacobian).all():
            try:
                there = problem.predictions.problem(each.place)
                return each, jacobian, evaluate(there, quantities="stimuli", order=None)
            except RequestError as error:
                reasons.append(str(error))
    reason = reasons[0] if reasons else "predictions do not change smoothly where descents end"
    raise RequestError("--free", f"leads out of the theory, whose best fit fails: {reason}")


def _profile(
    problem: Problem, best: Descent, index: int, error: float, done: Callable[[], None]
) -> Profile | None:
    """Profile of a free number; None where the data leave it open."""
    if not np.isfinite(error):
        done()
        done()
        return None
    return profile(problem, best, index, _step(problem, index, error), done)


def _step(problem: Problem, index: int, error: float) -> float:
    """Where the end of an interval is expected."""
    size = sizes(problem.predictions.numbers)[index]
    return float(np.clip(np.sqrt(THRESHOLD) * error, _SHORT * size, _LONG * size))

"""Free numbers of a study that explain measured rates of drift, with their intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import chi2

from symdrift.errors import RequestError, counted
from symdrift.evaluation.evaluate import evaluate
from symdrift.fitting.combinations import Directions, OpenNumbers, open_numbers
from symdrift.fitting.free_numbers import Free, FreeNumber, released, sizes
from symdrift.fitting.least_squares import (
    LEVEL,
    Problem,
    starts,
)
from symdrift.fitting.measurements import (
    FIELD,
    RATES,
    Measurement,
    checked,
    of_study,
    read_measurements,
    unit_of_lags,
)
from symdrift.fitting.next_measurement import NextMeasurement, next_measurements, sentence
from symdrift.fitting.other_solutions import Ends, OtherSolution, Span, other_solution
from symdrift.fitting.predictions import Predictions
from symdrift.fitting.range_ends import ends_said, errors_inside, known_to_one_side
from symdrift.fitting.solutions import search
from symdrift.progress import log_stage
from symdrift.records import Record
from symdrift.study import Study
from symdrift.study.problem import Array
from symdrift.tables import Table, as_sentence, html_page, record_table

if TYPE_CHECKING:
    from symdrift.evaluation.result import Evaluation
    from symdrift.progress import Progress

POOR = 0.01
"""Probability of so large a chi-squared below which a fit is poor."""
_ELSEWHERE = 4
"""Other points of the box at which a combination is looked at, at most."""
_OTHER_UNITS = 100.0
"""Factor between all measured and fitted rates from which units are the likely reason."""
OPEN = "open"
"""What an interval without ends is called."""


@dataclass(frozen=True)
class Estimate(Record):
    """One free number.

    Attributes
    ----------
    name : str
    value : float
    standard_error : float or None
        From the curvature of chi-squared at the best fit, with numbers at an end of their box held
        there; None at such an end, and where the data leave it open.
    low, high : float or None
        95 % interval by the profile of the likelihood, the part that holds ``value``; None where
        it is not closed within the box.
    further : tuple of Span
        Other parts of it, around other solutions.
    lowest, highest : float
        The box.
    """

    name: str
    value: float
    standard_error: float | None
    low: float | None
    high: float | None
    further: tuple[Span, ...]
    lowest: float
    highest: float


@dataclass(frozen=True)
class FittedDatum(Record):
    """A measurement beside what the best fit predicts; ``deviation`` is in standard errors."""

    stimulus: str
    quantity: str
    value: float
    standard_error: float
    predicted: float
    deviation: float


@dataclass(frozen=True)
class Goodness(Record):
    """How well the theory explains the data.

    Attributes
    ----------
    chi_squared : float
    degrees_of_freedom : int
        Measurements less directions of the free numbers that they depend on.
    p_value : float or None
        Probability of a chi-squared as large; None without degrees of freedom.
    """

    chi_squared: float
    degrees_of_freedom: int
    p_value: float | None

    @property
    def poor(self) -> bool:
        """Whether that is too small to be chance."""
        return self.p_value is not None and self.p_value < POOR


@dataclass(frozen=True, eq=False)
class Trace(Record):
    """Profile of one free number: least chi-squared above its minimum, shape ``(T,)``."""

    name: str
    values: Array
    excess: Array


@dataclass(frozen=True, eq=False)
class Fit(Record):
    """What measurements say about the free numbers of a study.

    Attributes
    ----------
    study : str
    method : {"closed-form", "dense"}
        The road to the predictions.
    estimates : tuple of Estimate
    goodness : Goodness
    open : tuple of OpenNumbers
        Free numbers that the data do not tell apart, and what of them is determined.
    others : tuple of OtherSolution
        Other minima within the 95 % threshold of the best, the lowest first.
    data : tuple of FittedDatum
    profiles : tuple of Trace
    next_measurements : tuple of NextMeasurement or None
        What to measure next, best first; None where nobody asked.
    advice : str
        The same in a sentence.
    level : float
        Of the intervals.
    steps_per_day : float or None
        Where it is given, all times are in days, those of ``next_measurements`` too: rates per
        day, lags in days; else in SGD steps.
    warnings : tuple of str
    """

    study: str
    method: str
    estimates: tuple[Estimate, ...]
    goodness: Goodness
    open: tuple[OpenNumbers, ...]
    others: tuple[OtherSolution, ...]
    data: tuple[FittedDatum, ...]
    profiles: tuple[Trace, ...]
    next_measurements: tuple[NextMeasurement, ...] | None
    advice: str
    level: float
    steps_per_day: float | None
    warnings: tuple[str, ...]

    @property
    def units(self) -> str:
        """What times in its tables are in, for a caption."""
        day = (
            "SGD step" if self.steps_per_day is None else f"day of {self.steps_per_day:g} SGD steps"
        )
        unit = unit_of_lags(self.steps_per_day)
        return f"Rates are per {day}; the lag of displacement@LAG is in {unit}."

    def written(self) -> tuple[str, ...]:
        """Without the design where nobody asked for one."""
        names = super().written()
        if self.next_measurements is not None:
            return names
        return tuple(name for name in names if name not in ("next_measurements", "advice"))

    def _repr_html_(self) -> str:
        return html_page(fit_head(self), fit_tables(self), fit_remarks(self) + self.warnings)


Measured = str | Path | Sequence[Measurement]
"""A file, or measurements themselves."""


def fit(
    study: Study,
    data: Measured,
    free: Free,
    steps_per_day: float | None = None,
    design: bool = False,
    seed: int = 0,
    progress: Progress | None = None,
) -> Fit:
    """Fit free numbers of a study to measurements; see :func:`symdrift.fit`."""
    measurements = _measurements(data)
    opened, numbers = released(study, free)
    if len(measurements) < len(numbers):
        raise RequestError(
            FIELD,
            f"has {counted(len(measurements), 'measurement')} for "
            f"{counted(len(numbers), 'free number')}; at least as many measurements are needed",
        )
    given = _given(numbers)
    there = Predictions(opened, numbers, ()).problem(given)
    measurements = of_study(measurements, [stimulus.name for stimulus in there.stimuli])
    predictions = Predictions(opened, numbers, measurements, steps_per_day)
    predictions.require_affordable(there)
    problem = Problem(
        predictions,
        np.array([each.value for each in measurements]),
        np.array([each.standard_error for each in measurements]),
    )
    done = _Counter(progress)
    log_stage("looking at chi-squared over the box")
    places = starts(problem, given[np.newaxis], seed)
    if not places:
        raise RequestError("--free", f"leaves no place for the theory: {_reason(problem, given)}")
    done.total = len(places) + 3 * len(numbers)
    try:
        found = search(problem, places, done)
    except RequestError as error:
        first = _fitted(measurements, predictions.values(places[0][np.newaxis])[0])
        told = "; ".join((error.problem, *_other_units(first, "at a start", steps_per_day)))
        raise RequestError(error.field, told) from None
    best, jacobian, errors, profiles = found.best, found.jacobian, found.errors, found.profiles
    rank = Directions.of(jacobian * sizes(numbers)).rank
    elsewhere = [(place, problem.jacobian(place)) for place in places[:_ELSEWHERE]]
    left_open = open_numbers(
        numbers,
        (best.place, jacobian),
        [each for each in elsewhere if np.isfinite(each[1]).all()],
    )
    predicted = predictions.values(best.place[np.newaxis])[0]
    estimates = tuple(
        _estimate(*each)
        for each in zip(
            numbers,
            best.place.tolist(),
            errors_inside(jacobian, numbers, best.place).tolist(),
            found.intervals,
            strict=True,
        )
    )
    fitted = _fitted(measurements, predicted)
    goodness = _goodness(best.chi_squared, len(measurements) - rank)
    others = tuple(other_solution(each, numbers) for each in found.others)
    to_measure, advice = None, ""
    if design:
        log_stage("looking for what to measure next")
        known = known_to_one_side(
            jacobian, problem.residuals(best.place[np.newaxis])[0], numbers, best.place
        )
        apart = [each.place for each in found.others]
        to_measure = next_measurements(predictions, best.place, known, apart)
        left = len(numbers) - Directions.of(known[0]).known
        advice = sentence(to_measure, left, unit_of_lags(steps_per_day))
    return Fit(
        study=study.name,
        method=found.evaluation.method,
        estimates=estimates,
        goodness=goodness,
        open=tuple(each for each in left_open if _is_left_open(each, estimates)),
        others=others,
        data=fitted,
        profiles=tuple(
            Trace(
                each.name,
                np.array([each.at(coordinate) for coordinate in one.coordinates.tolist()]),
                one.excess,
            )
            for each, one in zip(numbers, profiles, strict=True)
            if one is not None
        ),
        next_measurements=to_measure,
        advice=advice,
        level=LEVEL,
        steps_per_day=steps_per_day,
        warnings=(
            *_warnings(goodness, fitted, found.evaluation),
            *(_other_units(fitted, "of the best fit", steps_per_day) if goodness.poor else ()),
            *_far_off(problem, best.place, goodness, fitted),
            *ends_said(numbers, best.place, errors),
            *found.evaluation.warnings,
        ),
    )


def _measurements(data: Measured) -> tuple[Measurement, ...]:
    if isinstance(data, str | Path):
        return read_measurements(data)
    return tuple(checked(each, f"measurement {place}: ") for place, each in enumerate(data, 1))


def _given(numbers: Sequence[FreeNumber]) -> Array:
    """Coordinates of the study's values within the box; its middle without a value."""
    return np.array(
        [
            sum(each.box) / 2
            if each.value is None or not each.low <= each.value <= each.high
            else each.coordinate(each.value)
            for each in numbers
        ]
    )


def _reason(problem: Problem, place: Array) -> str:
    """Why the study cannot be evaluated at a place."""
    try:
        evaluate(problem.predictions.problem(place), quantities="stimuli")
    except RequestError as error:
        return str(error)
    return "predictions are beyond double precision"


def _estimate(
    number: FreeNumber, coordinate: float, error: float, found: Sequence[Ends]
) -> Estimate:
    spans = [Span(*(None if end is None else number.at(end) for end in ends)) for ends in found]
    first, *further = spans or [Span(None, None)]
    return Estimate(
        name=number.name,
        value=number.at(coordinate),
        standard_error=error * number.slope(coordinate) if np.isfinite(error) else None,
        low=first.low,
        high=first.high,
        further=tuple(further),
        lowest=number.low,
        highest=number.high,
    )


def _is_left_open(found: OpenNumbers, estimates: Sequence[Estimate]) -> bool:
    """Whether profiles say so too: the curvature may be too weak to see what these do along a box,
    and at an end of it.
    """
    own = [each for each in estimates if each.name in found.numbers]
    return any(
        interval(each) == OPEN
        # That of an estimate at an end, which has no error, is not closed there.
        or (len(own) > 1 and each.standard_error is not None and None in (each.low, each.high))
        for each in own
    )


def _fitted(measurements: Sequence[Measurement], predicted: Array) -> tuple[FittedDatum, ...]:
    return tuple(
        FittedDatum(
            each.stimulus, each.quantity, each.value, each.standard_error, value,
            (each.value - value) / each.standard_error,
        )
        for each, value in zip(measurements, predicted.tolist(), strict=True)
    )  # fmt: skip


def _goodness(chi_squared: float, freedom: int) -> Goodness:
    p_value = float(chi2.sf(chi_squared, freedom)) if freedom > 0 else None
    return Goodness(chi_squared, freedom, p_value)


def _warnings(
    goodness: Goodness,
    data: Sequence[FittedDatum],
    evaluation: Evaluation,
) -> tuple[str, ...]:
    """Where a fit should not be believed as it stands."""
    said = []
    if goodness.poor:
        freedom = counted(goodness.degrees_of_freedom, "degree")
        said.append(
            f"the theory does not explain the data: a chi-squared of {goodness.chi_squared:.3g} "
            f"with {freedom} of freedom has probability {goodness.p_value:.1g}; standard errors "
            "may be too small, or the study another"
        )
    errors = [
        (evaluation.expected_error(f"stimuli.{each.stimulus}.{each.quantity}"), each)
        for each in data
        if each.quantity in RATES
    ]
    beyond = [
        (error, each) for error, each in errors if error * abs(each.predicted) > each.standard_error
    ]
    if beyond:
        error, worst = max(beyond, key=lambda found: found[0])
        said.append(
            "the leading order in the learning rate may be off by more than the standard error of "
            f"{counted(len(beyond), 'measurement')}, most of all by {error:.0%} in the "
            f"{worst.quantity} of {worst.stimulus}: estimates may be off by as much"
        )
    return tuple(said)


def _other_units(
    data: Sequence[FittedDatum], where: str, steps_per_day: float | None
) -> tuple[str, ...]:
    """Rates that are all of another size than those of the theory, as per another time."""
    times = [
        each.value / each.predicted
        for each in data
        if each.quantity in RATES and each.predicted > 0 < each.value
    ]
    if not times or (max(times) > 1 / _OTHER_UNITS and min(times) < _OTHER_UNITS):
        return ()
    given = "per step" if steps_per_day is None else f"per day of {steps_per_day:g} steps"
    return (
        f"measured rates are {np.median(times):.2g} times those {where}, which are {given}: the "
        "data may be per another time (--steps-per-day)",
    )


def _far_off(
    problem: Problem, place: Array, goodness: Goodness, data: Sequence[FittedDatum]
) -> tuple[str, ...]:
    """The measurement without which the theory explains the data, where a fit is poor."""
    freedom = goodness.degrees_of_freedom - 1
    if not (goodness.poor and freedom):
        return ()
    worst = max(range(len(data)), key=lambda index: abs(data[index].deviation))
    others = [index for index in range(len(data)) if index != worst]
    found = problem.of(others).descend(place).chi_squared
    if chi2.sf(found, freedom) < POOR:
        return ()
    return (
        f"without the {data[worst].quantity} of {data[worst].stimulus} the theory explains the "
        f"data: chi-squared would be {found:.3g} with {counted(freedom, 'degree')} of freedom; "
        "look at that measurement",
    )


class _Counter:
    """Counts what is done, for whoever watches."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress, self._done, self.total = progress, 0, 1

    def __call__(self) -> None:
        self._done += 1
        if self._progress is not None:
            self._progress(min(self._done, self.total), self.total)


def fit_head(found: Fit) -> str:
    """What was fitted, and how well, in a line."""
    goodness = found.goodness
    chance = "" if goodness.p_value is None else f", p = {goodness.p_value:.2g}"
    return (
        f"{found.study}: {counted(len(found.estimates), 'free number')}, "
        f"{counted(len(found.data), 'measurement')} in units of "
        f"{unit_of_lags(found.steps_per_day)}, {found.method} method; "
        f"chi-squared {goodness.chi_squared:.4g} with "
        f"{counted(goodness.degrees_of_freedom, 'degree')} of freedom{chance}"
    )


def fit_remarks(found: Fit) -> tuple[str, ...]:
    """What the data leave open, what else fits, and what to measure next, in sentences."""
    texts = [each.text for each in found.open] + [each.text for each in found.others]
    return tuple(map(as_sentence, filter(None, [*texts, found.advice])))


def fit_tables(found: Fit) -> list[Table]:
    """Tables of a fit: estimates, data beside predictions, and what to measure next."""
    tables = [
        Table(
            "Estimates",
            ("free number", "estimate", "standard error", "95 % interval", "range"),
            tuple(
                (
                    each.name,
                    f"{each.value:.5g}",
                    without_error(each)
                    if each.standard_error is None
                    else f"{each.standard_error:.2g}",
                    interval(each),
                    f"{each.lowest:.5g} to {each.highest:.5g}",
                )
                for each in found.estimates
            ),
            "Standard errors from the curvature at the best fit, with numbers at an end of their "
            "range held there; intervals by the profile of the likelihood.",
        ),
        record_table(
            "Measured and fitted",
            {
                "stimulus": "stimulus", "quantity": "quantity", "value": "measured",
                "standard_error": "standard error", "predicted": "fitted",
                "deviation": "deviation\n(standard errors)",
            },
            (each.to_dict() for each in found.data),
            {"standard_error": ".2g", "deviation": ".2f"},
            found.units,
        ),
    ]  # fmt: skip
    if found.next_measurements:
        apart = {"separation": "from other solutions\n(standard errors)"} if found.others else {}
        tables.append(
            record_table(
                "What to measure next",
                {
                    "stimulus": "stimulus", "quantity": "quantity", "predicted": "predicted",
                    "standard_error": "with a\nstandard error of", "gain": "gain (bits)",
                    "still_open": "directions\nleft open",
                    **apart,
                },
                (each.to_dict() for each in found.next_measurements),
                {"standard_error": ".2g", "gain": ".2f", "separation": ".2g"},
                found.units,
            )
        )  # fmt: skip
    return tables


def without_error(each: Estimate) -> str:
    """Why an estimate has no standard error."""
    return OPEN if interval(each) == OPEN else "at an end"


def interval(each: Estimate) -> str:
    """The interval in words, where it ends within the box, part by part."""
    parts = sorted((Span(each.low, each.high), *each.further), key=_beginning)
    return " or ".join(_part(part, each) for part in parts)


def _beginning(each: Span) -> float:
    return -np.inf if each.low is None else each.low


def _part(each: Span, within: Estimate) -> str:
    low, high, lowest, highest = (
        None if end is None else f"{end:.5g}"
        for end in (each.low, each.high, within.lowest, within.highest)
    )
    if low is None and high is None:
        return OPEN
    if low is None:
        return f"{lowest} alone" if high == lowest else f"below {high}"
    if high is None:
        return f"{highest} alone" if low == highest else f"above {low}"
    return f"{low} to {high}"

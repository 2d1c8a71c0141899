"""Which further measurement would tell most about the free numbers that the data leave open."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from symdrift.fitting.combinations import Directions
from symdrift.fitting.measurements import DISPLACEMENT, RATES, Measurement
from symdrift.fitting.predictions import Predictions
from symdrift.fitting.range_ends import UNIFORM
from symdrift.observables.displacement import slowest_rate
from symdrift.observables.process import drift_process
from symdrift.records import Record
from symdrift.study.problem import Array

MOST_LISTED = 8
_LAGS = 3
"""Lags of displacements that are tried, from the slowest relaxation to decorrelation."""
_MOST_LAGS = 10
"""Lags of the data that are tried too."""
_TELLING = 4.0
"""Standard errors between predictions that tell one solution from another: with a measurement
half way between them neither is within its 95 % interval."""
_LEAST_GAIN = 1e-3
"""Bits that count as nothing."""


@dataclass(frozen=True)
class NextMeasurement(Record):
    """A measurement that could be made.

    Attributes
    ----------
    stimulus, quantity : str
        As of a `Measurement`: per SGD step and with a lag in steps, or in days where a fit has a
        day.
    predicted : float
        At the best fit.
    standard_error : float
        What is assumed: the median of the relative errors of the data.
    gain : float
        Bits that it adds to what is known of the free numbers, or of those left open if there are
        any; before the data they are known to lie in their box.
    still_open : int
        Directions that the data would leave open with it.
    separation : float or None
        Standard errors by which predictions of other solutions differ from it at least; None
        where there are none.
    """

    stimulus: str
    quantity: str
    predicted: float
    standard_error: float
    gain: float
    still_open: int
    separation: float | None


def next_measurements(
    predictions: Predictions,
    place: Array,
    known: tuple[Array, Array],
    others: Sequence[Array] = (),
) -> tuple[NextMeasurement, ...]:
    """The measurements that tell most, best first; none where none tells anything.

    Parameters
    ----------
    predictions : Predictions
        Of the data.
    place : Array
        Coordinates of the best fit.
    known : tuple of Array
        What the data say of the free numbers there, in units of their ranges, and these
        (`known_to_one_side`).
    others : sequence of Array
        Coordinates of other solutions, which a measurement should tell from the best fit first.
    """
    data = predictions.measurements
    rows, units = known
    relative = [each.standard_error / abs(each.value) for each in data if each.value] or [1.0]
    asked = replace(predictions, measurements=_possible(predictions, place))
    values = asked.values(place[np.newaxis])[0]
    errors = np.median(relative) * np.abs(values)
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = np.abs(asked.values(np.array([place, *others])) - values) / errors
        told = asked.jacobian(place) / errors[:, np.newaxis] * units
    directions = Directions.of(rows)
    # As many rows as numbers hold all that the data say.
    data_rows = np.linalg.qr(rows, mode="r")
    found = []
    # The closest of the others; nothing differs from what cannot be predicted.
    least = np.nan_to_num(apart[1:].min(axis=0, initial=np.inf), nan=0.0, posinf=np.inf)
    for measurement, value, error, row, separation in zip(
        asked.measurements, values.tolist(), errors.tolist(), told, least.tolist(), strict=True
    ):
        if not np.isfinite(row).all():
            continue
        more = Directions.of(np.vstack([data_rows, row]))
        gain = _gain(row, directions)
        separates = bool(others) and separation > _TELLING
        if _LEAST_GAIN < gain < math.inf or separates:
            found.append(
                NextMeasurement(
                    measurement.stimulus, measurement.quantity, value, error, gain,
                    len(place) - more.known, separation if others else None,
                )
            )  # fmt: skip
    found.sort(key=lambda each: (each.still_open, -(each.separation or 0.0), -each.gain))
    return tuple(found[:MOST_LISTED])


def _gain(row: Array, directions: Directions) -> float:
    """Bits, ``log2(1 + g C g') / 2``: ``C`` is what is known, of uniform numbers in a box before.

    Where the data leave something open, only that counts.
    """
    known = directions.known
    vectors, strengths = directions.vectors, directions.strengths
    if known < len(vectors):
        vectors, strengths = vectors[known:], strengths[known:]
    with np.errstate(over="ignore"):
        variance = np.sum((vectors @ row) ** 2 / (strengths**2 + UNIFORM))
    return float(np.log1p(variance) / np.log(4))


def _possible(predictions: Predictions, place: Array) -> tuple[Measurement, ...]:
    """Every stimulus with rates and displacements, at lags of the data and at typical ones."""
    problem = predictions.problem(place)
    process = drift_process(problem)
    days = predictions.steps_per_day or 1.0
    first = 1 / float(process.rates.min())
    last = max(1 / slowest_rate(process), 10 * first)
    lags = [float(f"{lag / days:.1g}") for lag in np.geomspace(first, last, _LAGS)]
    measured = {each.lag for each in predictions.measurements if each.lag is not None}
    lags += sorted(measured)[:_MOST_LAGS]
    quantities = (*RATES, *(f"{DISPLACEMENT}@{lag:g}" for lag in sorted(set(lags))))
    return tuple(
        Measurement(stimulus.name, quantity, 0.0, 1.0)
        for stimulus in problem.stimuli
        for quantity in quantities
    )


def sentence(found: Sequence[NextMeasurement], left_open: int, unit: str) -> str:
    """What to measure next, in words, with the unit of its lag."""
    if not found:
        return "none of the measurements that are possible tells more than those made"
    best = found[0]
    lag = f" (lag in {unit})" if best.quantity not in RATES else ""
    what = f'{best.quantity} of "{best.stimulus}"{lag}'
    if best.separation is not None and best.separation > _TELLING:
        return f"{what} would tell the best fit from what else fits as well"
    if not left_open:
        return f"most would be learned from {what}"
    if best.still_open == 0:
        return f"{what} would tell apart what the data leave open"
    if best.still_open < left_open:
        return f"{what} would tell most of what the data leave open, and not all of it"
    return f"{what} would tell most, and not enough at an error like that of the data"

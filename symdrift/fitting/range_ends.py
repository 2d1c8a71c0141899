"""Free numbers at an end of their range, of which data tell something to one side only."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress

import numpy as np
from numpy.typing import NDArray

from symdrift.fitting.combinations import NOT_AT_ALL
from symdrift.fitting.free_numbers import FreeNumber, sizes
from symdrift.fitting.solutions import coordinate_errors
from symdrift.study.problem import Array

UNIFORM = 12.0
"""One over the variance of a number that may lie anywhere in its range, in units of the range."""
_AT_AN_END = 1e-4
"""Of the box: estimates that close to an end lie on it."""
_BEYOND, _POINTS = 40.0, 2001
"""Decay lengths after which nothing is left of a density, and points at which it is summed."""


def inside(numbers: Sequence[FreeNumber], place: Array) -> NDArray[np.bool_]:
    """Which coordinates do not lie at an end of their box."""
    low, high = np.array([each.box for each in numbers]).T
    return np.asarray(np.minimum(place - low, high - place) > _AT_AN_END * (high - low))


def errors_inside(jacobian: Array, numbers: Sequence[FreeNumber], place: Array) -> Array:
    """Standard errors of the coordinates with all at an end of their box held there; infinite for
    these, and where the data leave one open.
    """
    found, within = np.full(len(numbers), np.inf), inside(numbers, place)
    if within.any():
        found[within] = coordinate_errors(jacobian[:, within], list(compress(numbers, within)))
    return found


def known_to_one_side(
    jacobian: Array, residuals: Array, numbers: Sequence[FreeNumber], place: Array
) -> tuple[Array, Array]:
    """What data say of free numbers, as if each could go on beyond the end at which it lies.

    Chi-squared rises from an end to one side, with a slope and a curvature.  The likelihood of
    residuals that are linear is then a Gaussian cut off there: given the number, that of the others
    stays as it is, and its own variance is that of the part that is left.  A row that knows the
    number alone stands for what the end adds.

    Parameters
    ----------
    jacobian : Array
        Derivatives of the residuals by the coordinates, shape ``(M, k)``.
    residuals : Array
        At the best fit, shape ``(M,)``.
    numbers : sequence of FreeNumber
    place : Array
        Coordinates of the best fit.

    Returns
    -------
    tuple of Array
        Derivatives in units of the ranges and below them a row for each number at an end, shape
        ``(M + E, k)``; and these units, shape ``(k,)``, by which derivatives by the coordinates are
        multiplied.  Ranges are those of the values at an end, where a logarithm may be
        that of nearly nothing, and of the coordinates elsewhere.
    """
    within = inside(numbers, place)
    ranges = np.array([each.high - each.low for each in numbers])
    slopes = np.array([each.slope(at) for each, at in zip(numbers, place.tolist(), strict=True)])
    units = np.where(within, sizes(numbers), ranges / slopes)
    rows = jacobian * units
    held = rows[:, within]
    added = []
    for index in np.flatnonzero(~within):
        own = rows[:, index]
        left = own - held @ np.linalg.lstsq(held, own, rcond=NOT_AT_ALL)[0]
        curvature = float(left @ left)
        variance = _cut_off_variance(abs(float(own @ residuals)), curvature)
        row = np.zeros(len(numbers))
        row[index] = np.sqrt(max(1 / variance - curvature - UNIFORM, 0.0))
        added.append(row)
    return np.vstack([rows, *added]), units


def _cut_off_variance(slope: float, curvature: float) -> float:
    """Of a number between 0 and 1 with density ``exp(-slope t - curvature t**2 / 2)``."""
    last = min(1.0, _BEYOND / max(slope, np.sqrt(curvature), _BEYOND))
    places = np.linspace(0.0, last, _POINTS)
    weights = np.exp(-slope * places - curvature * places**2 / 2)
    mean, square = (np.average(places**power, weights=weights) for power in (1, 2))
    return float(square - mean**2)


def ends_said(numbers: Sequence[FreeNumber], place: Array, errors: Array) -> tuple[str, ...]:
    """Free numbers that the data push to an end of their box."""
    return tuple(
        f"{each.name} lies at the {name} end of its range, {value:g}; widen it where that is "
        "possible"
        for each, coordinate, error in zip(numbers, place.tolist(), errors.tolist(), strict=True)
        for name, end, value in zip(
            ("lower", "upper"), each.box, (each.low, each.high), strict=True
        )
        if abs(coordinate - end) <= _AT_AN_END * (each.box[1] - each.box[0]) and np.isfinite(error)
    )

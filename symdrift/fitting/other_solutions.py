"""Other solutions that explain measurements as well as the best fit does.

Rates do not rise or fall with a parameter all the way, so that chi-squared can have several valleys
as deep; an interval is then several.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from symdrift.fitting.free_numbers import FreeNumber
from symdrift.fitting.least_squares import Descent, Profile
from symdrift.records import Record
from symdrift.study.problem import Array


@dataclass(frozen=True)
class OtherSolution(Record):
    """A minimum of chi-squared beside the best, within the 95 % threshold of it.

    Attributes
    ----------
    values : dict of str to float
        By free number.
    chi_squared : float
    text : str
        The same in a sentence.
    """

    values: dict[str, float]
    chi_squared: float
    text: str


@dataclass(frozen=True)
class Span(Record):
    """A part of a 95 % interval; None where it is not closed within the box."""

    low: float | None
    high: float | None


Ends = tuple[float | None, float | None]
"""Coordinates of an interval; None at an end of the box."""


def is_new(place: Array, intervals: Sequence[Sequence[Ends]]) -> bool:
    """Whether a place lies outside the intervals of some free number, none being no bound."""
    return any(
        bool(own) and not any(_holds(each, coordinate) for each in own)
        for coordinate, own in zip(place.tolist(), intervals, strict=True)
    )


def _holds(ends: Ends, coordinate: float) -> bool:
    low, high = ends
    return (low is None or low <= coordinate) and (high is None or coordinate <= high)


def joined(found: Sequence[Ends]) -> list[Ends]:
    """Intervals that share a point as one, the first of those given first."""
    united: list[Ends] = []
    for ends in found:
        low, high = ends
        apart = []
        place = len(united)
        for at, (other_low, other_high) in enumerate(united):
            below = high is not None and other_low is not None and high < other_low
            above = low is not None and other_high is not None and low > other_high
            if below or above:
                apart.append((other_low, other_high))
                continue
            place = min(place, at)
            low = None if low is None or other_low is None else min(low, other_low)
            high = None if high is None or other_high is None else max(high, other_high)
        apart.insert(place, (low, high))
        united = apart
    return united


def intervals(profiles: Sequence[Profile | None]) -> list[list[Ends]]:
    """Of each free number, none where it is open."""
    return [[] if one is None else [(one.low, one.high)] for one in profiles]


def other_solution(found: Descent, numbers: Sequence[FreeNumber]) -> OtherSolution:
    """A descent as a record."""
    values = {
        each.name: each.at(coordinate)
        for each, coordinate in zip(numbers, found.place.tolist(), strict=True)
    }
    where = ", ".join(f"{name} = {value:.4g}" for name, value in values.items())
    chi = f"{found.chi_squared:.3g}" if found.chi_squared >= 1e-6 else "0"
    text = f"another solution fits as well: {where} (chi-squared {chi})"
    return OtherSolution(values, found.chi_squared, text)

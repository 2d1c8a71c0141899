"""When theory and simulation agree, when they do not, and when nothing is decided.

A number of the theory is *wrong* where the simulation misses it by more standard errors than chance
explains.  That it is not found wrong says nothing where the errors are large: it is *right* where
its error, whatever the errors of the simulation hide, is smaller than what matters.  Otherwise it
is undecided.
"""

from __future__ import annotations

import math
from enum import StrEnum
from statistics import NormalDist

from scipy.special import stdtrit

TOLERATED_ERRORS = 3.0
"""Standard errors by which a single number may be missed, were they known exactly."""

MATTERING_MISS = 0.1
"""Relative error of a theory, at least, that a run must have been able to find."""

CONFIDENCE = 0.95
"""Probability with which a theory that is wrong by `MATTERING_MISS` is not called right."""


class Verdict(StrEnum):
    """What a simulation says of a theory."""

    AGREE = "agree"
    DISAGREE = "disagree"
    UNDECIDED = "undecided"


def critical_z(rows: int, units: float) -> float:
    """Standard errors allowed per row.

    Chosen so that all rows together fail by chance as rarely as a single one at
    `TOLERATED_ERRORS`; by Student's distribution, as standard errors are estimated themselves.

    Parameters
    ----------
    rows : int
    units : float
        Independent units, two at least, whose scatter gave the standard errors; infinite where
        these are known.
    """
    tail = NormalDist().cdf(-TOLERATED_ERRORS) / max(1, rows)
    return -float(stdtrit(units - 1, tail))


def chance(errors: float, rows: int) -> float:
    """Probability that one of so many independent normal numbers is off by so many errors."""
    return -math.expm1(rows * math.log1p(-2 * NormalDist().cdf(-errors)))


def is_confirmed(deviation: float, error: float, units: int) -> bool:
    """Whether a number is right to within `MATTERING_MISS`, by a one-sided interval.

    Parameters
    ----------
    deviation, error : float
        Of the simulation from the theory and its standard error, relative to the number's size.
    units : int
        As for `critical_z`.
    """
    return abs(deviation) + float(stdtrit(units - 1, CONFIDENCE)) * error <= MATTERING_MISS


def is_refuted(first: float, found: float, error: float, excused: float, units: int) -> bool:
    """Whether further networks show no deviation, and exclude one as large as the first showed.

    Parameters
    ----------
    first, found, error : float
        Deviation that the first networks have shown, that of the others, and its standard error.
    excused : float
        Deviation that higher orders may account for.
    units : int
        Of the others, as for `critical_z`.
    """
    margin = float(stdtrit(units - 1, CONFIDENCE)) * error
    smaller = math.copysign(1.0, first) * (first - found) > margin
    return smaller and abs(found) <= margin + excused


def rule(rows: int, units: int, exempted: str) -> str:
    """The end of a sentence that says when numbers agree, and what else is asked for."""
    return (
        f"within {critical_z(rows, units):.2f} standard errors ({TOLERATED_ERRORS:g} for a single "
        f"row, raised for {rows} rows and {units} independent units){exempted}. Errors of "
        f"{100 * MATTERING_MISS:g} % must be excluded, with {100 * CONFIDENCE:g} % confidence."
    )

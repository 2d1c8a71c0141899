"""Columns of a table that number or name its rows, or tell the time: no inputs."""

from __future__ import annotations

import math
import re

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_FEW_STEPS, _MANY_ROWS, _MANY_COUNTS = 5, 10, 30
"""Rows from which equal steps, growth, and counting again and again are no chance."""
_COUNTER = re.compile(
    r"(?:trial|time|t|timestamp|index|idx|id|no|nr|number|row|sample|frame|step|block|session|day)"
    r"s?[ _.]?(?:no|nr|number|id|index|s|ms|sec|seconds)?[ .]?(?:[(\[].{0,20})?",
    re.IGNORECASE,
)
"""Names of columns that count or tell the time."""
_IDENTIFIER = re.compile(
    r"(?:id|index|idx|subject|subj|participant|patient|animal|mouse|trial|session|block|run|row)"
    r"s?(?:[ _.]?(?:no|nr|number|id|index|code))?|\w{1,30}[ _.]id",
    re.IGNORECASE,
)
"""Names of columns that hold names where they hold whole numbers only."""
_FEW_NAMES = 10
"""Different whole numbers, each in equally many rows, from which these number something."""
_EQUAL = 1e-6
LAST_PLACES = 2e-10
"""Spread of a column, relative to its size, that is rounding: a million units in the last place."""
_CHANCE = 1e-6
"""Probability that random samples grow, or never repeat a number, below which these count."""


def tells_rows(column: Array, name: str) -> str:
    """How a column tells rows apart, in words; empty where it does not.

    Parameters
    ----------
    column : Array
        Shape ``(rows,)``.
    name : str
        Of the column, or empty.
    """
    return (
        ""
        if _rests(column)
        else _growth(column) or _shuffled(column, name) or _identifies(column, name)
    )


def _rests(column: Array) -> bool:
    """Whether a column only varies in its last places, which whole numbers never do by chance."""
    noise = LAST_PLACES * np.abs(column).max()
    return bool(np.ptp(column) <= noise and np.any(column != np.round(column)))


def _growth(column: Array) -> str:
    """How a column grows or counts from row to row, in words; empty where it does not."""
    steps = np.diff(column)
    ends = f"{column[0]:.12g} to {column[-1]:.12g}"
    if len(column) < _FEW_STEPS:
        return ""
    if steps[0] != 0 and np.all(np.abs(steps - steps[0]) <= _EQUAL * abs(steps[0])):
        return f"goes from {ends} in equal steps"
    if len(column) < _MANY_ROWS:
        return ""
    if np.all(steps >= 0) or np.all(steps <= 0):
        repeats = np.unique(column, return_counts=True)[1]
        chance = sum(math.lgamma(count + 1) for count in repeats) - math.lgamma(len(column) + 1)
        if len(repeats) > 2 and chance + math.log(2) < math.log(_CHANCE):
            return f"never {'falls' if steps.sum() > 0 else 'rises'} from row to row, {ends}"
    if len(column) < _MANY_COUNTS or np.all(steps <= 0):
        return ""
    least, most = column.min(), column.max()
    one = steps[steps > 0].min()
    again = (np.abs(steps - one) <= _EQUAL * one) | (column[1:] == least)
    if np.all(again) and most - least > one:
        return f"counts from {least:.12g} to {most:.12g} again and again"
    return ""


def _shuffled(column: Array, name: str) -> str:
    """How a column numbers the rows, or under the name of a counter counts, in another order."""
    steps, count = np.sort(column), len(column)
    gaps, least, most = np.diff(steps), float(steps[0]), float(steps[-1])
    if count < _FEW_STEPS or gaps.min() <= 0:
        return ""
    equal = bool(np.all(np.abs(gaps - gaps[0]) <= _EQUAL * gaps[0]))
    numbered = count >= _MANY_ROWS and least in (0, 1) and most == least + count - 1
    if equal and (numbered or _COUNTER.fullmatch(name)):
        return f"holds each step from {least:.12g} to {most:.12g} once"
    if least < 0 or np.any(column != np.round(column)):
        return ""
    places = most + 1
    chance = math.lgamma(places + 1) - math.lgamma(places - count + 1) - count * math.log(places)
    if chance < math.log(_CHANCE):
        return f"holds {count} of the whole numbers from {least:.12g} to {most:.12g}, none twice"
    return ""


def _identifies(column: Array, name: str) -> str:
    """How a column tells what rows belong to; empty where it does not."""
    if column.min() < 0 or np.any(column != np.round(column)):
        return ""
    values, repeats = np.unique(column, return_counts=True)
    many, least, most, each = len(values), values[0], values[-1], int(repeats[0])
    numbered = many >= _FEW_NAMES and least in (0, 1) and most == least + many - 1
    if numbered and each > 1 and np.all(repeats == each):
        return f"holds each whole number from {least:.12g} to {most:.12g} {each} times"
    if _IDENTIFIER.fullmatch(name):
        return "holds whole numbers only, as identifiers do"
    return ""

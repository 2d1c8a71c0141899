"""Axes of a sweep: values that one field or symbol of a study takes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from symdrift.errors import RequestError
from symdrift.expressions import parse_number, whole_number
from symdrift.quoting import shown

MOST_POINTS = 100_000
"""Points of one sweep."""


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


def linear_axis(path: str, low: float, high: float, count: int) -> Axis:
    """Equally spaced values, both ends included; decimal steps stay decimal."""
    first, last = Fraction(repr(low)), Fraction(repr(high))
    step = (last - first) / max(count - 1, 1)
    return Axis(path, tuple(float(first + index * step) for index in range(count)))


def logarithmic_axis(path: str, low: float, high: float, count: int) -> Axis:
    """Values in equal ratios, both ends included; the ends must be positive."""
    ratio = math.log(high / low) / max(count - 1, 1)
    # Fifteen digits, so that 10 lies between 1 and 100, not next to it.
    inner = tuple(float(f"{low * math.exp(k * ratio):.15g}") for k in range(1, count - 1))
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
            field,
            f"from {shown(parts[0])} to {shown(parts[1])} cannot be logarithmic: both ends must be "
            "positive",
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

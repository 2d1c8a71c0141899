"""Numbers of a study that are set free, and the boxes in which they may lie."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from symdrift.errors import RequestError
from symdrift.expressions import number, parse_number
from symdrift.quoting import shown
from symdrift.study import Study
from symdrift.study.fields import whole_numbers
from symdrift.study.kinds import suggest
from symdrift.study.problem import Array
from symdrift.study.reader import checked

FIELD = "--free"
DECADE = 10.0
"""Factor below and above the value of the study, where no range is given."""
MOST_FREE = 20
_NEAR_ZERO = 1e-3
"""Of the end of a box that begins with zero."""
_ROUNDED = 1e-14
"""Of the same end: what is left of a coordinate of zero."""
_MOMENTUM = "learning.momentum"
_FORM = "must have the form NAME or NAME=LO:HI"


@dataclass(frozen=True)
class FreeNumber:
    """A number of the study that measurements determine.

    Attributes
    ----------
    name : str
        A symbol, or a dotted field.
    symbol : str
        What stands for it in the study.
    low, high : float
        The box.
    value : float or None
        In the study, where it has one.
    """

    name: str
    symbol: str
    low: float
    high: float
    value: float | None

    @property
    def shift(self) -> float | None:
        """What is added before the logarithm is taken; None where the box goes below zero.

        Drift depends on most numbers by powers, whose valleys of chi-squared are straight in
        logarithms; a box that begins with zero is one from a thousandth of its end.
        """
        if self.low < 0:
            return None
        return 0.0 if self.low > 0 else _NEAR_ZERO * self.high

    @property
    def box(self) -> tuple[float, float]:
        """Lowest and highest coordinate."""
        return self.coordinate(self.low), self.coordinate(self.high)

    def coordinate(self, value: float) -> float:
        """Where a value lies on the axis on which it is fitted."""
        return value if self.shift is None else math.log(value + self.shift)

    def at(self, coordinate: float) -> float:
        """The value at a coordinate, in the box whatever rounding does."""
        value = coordinate if self.shift is None else math.exp(coordinate) - self.shift
        if self.low == 0 and value < _ROUNDED * self.high:
            return 0.0
        return min(max(value, self.low), self.high)

    def slope(self, coordinate: float) -> float:
        """Change of the value with its coordinate."""
        return 1.0 if self.shift is None else self.at(coordinate) + self.shift


Free = Sequence[str] | Mapping[str, tuple[float, float] | None]
"""``NAME`` or ``NAME=LO:HI`` each, or ends by name."""


def released(study: Study, free: Free) -> tuple[Study, tuple[FreeNumber, ...]]:
    """The study with a symbol in the place of each free number, and these numbers.

    Raises
    ------
    RequestError
        When a name is no number of the study, or its range is none.
    """
    ranges = _ranges(free)
    values = {name: value.evaluate({}) for name, value in study.values.items()}
    whole = whole_numbers(study)
    symbols, known = {}, {}
    for place, name in enumerate(ranges, start=1):
        if name not in study.symbols and name not in study.numbers:
            raise RequestError(
                f"{FIELD} {name}",
                f"is no number of the study; {suggest(name, _names(study), 'allowed')}",
            )
        if name in whole:
            raise RequestError(
                f"{FIELD} {name}", "is a whole number; fit the others for each of its values"
            )
        own = name in study.symbols
        symbols[name] = name if own else _unused(study, place)
        expression = None if own else study.numbers[name]
        if own:
            known[name] = values.get(name)
        elif expression is not None and all(part in values for part in expression.symbols):
            known[name] = expression.evaluate(values, name)
        else:
            known[name] = None
    placed = {name: symbol for name, symbol in symbols.items() if name != symbol}
    opened = study.with_values(placed) if placed else study
    if not opened.is_plain:
        raise RequestError(
            f"{FIELD} {_MOMENTUM}", "cannot be free: fits are of two-layer SGD without momentum"
        )
    for name in symbols:
        if name not in placed and name not in opened.symbols:
            raise RequestError(
                f"{FIELD} {name}",
                "stands only in a field that is free itself; leave one of the two out",
            )
    numbers = tuple(
        FreeNumber(name, symbols[name], *_box(name, ranges[name], known[name]), known[name])
        for name in ranges
    )
    base = {each.symbol: number(each.value) for each in numbers if each.value is not None}
    opened = replace(opened, values={**opened.values, **base})
    for each in numbers:
        for end in (each.low, each.high):
            try:
                checked(at(opened, {each.symbol: end}))
            except RequestError as error:
                raise RequestError(
                    f"{FIELD} {each.name}",
                    f"reaches {end:g}, which the study refuses: {error}; give another range",
                ) from None
    return opened, numbers


def at(study: Study, values: Mapping[str, float]) -> Study:
    """The study at other values of its symbols, unchecked."""
    found = {name: number(float(value), name) for name, value in values.items()}
    moved = replace(study, values={**study.values, **found})
    # Neither depends on the values, and both take longer than all of these.
    vars(moved).update(numbers=study.numbers, symbols=study.symbols)
    return moved


def sizes(numbers: Sequence[FreeNumber]) -> Array:
    """Lengths of the box along the coordinates, shape ``(k,)``."""
    return np.array([each.box[1] - each.box[0] for each in numbers])


def _ranges(free: Free) -> dict[str, tuple[float, float] | None]:
    """Ends of each range by name; None where none is given."""
    ranges: dict[str, tuple[float, float] | None] = {}
    given = free.items() if isinstance(free, Mapping) else map(_parsed, free)
    for name, ends in given:
        if name in ranges:
            raise RequestError(FIELD, f"names {name} twice")
        ranges[name] = None if ends is None else (float(ends[0]), float(ends[1]))
    if not ranges:
        raise RequestError(FIELD, "is missing; name a number of the study that the data determine")
    if len(ranges) > MOST_FREE:
        raise RequestError(FIELD, f"names {len(ranges)} numbers; at most {MOST_FREE} can be free")
    return ranges


def _parsed(text: str) -> tuple[str, tuple[float, float] | None]:
    name, equals, ends = text.partition("=")
    name, parts = name.strip(), ends.split(":")
    if not name or (equals and len(parts) != 2):
        raise RequestError(FIELD, f'"{shown(text)}" {_FORM}')
    if not equals:
        return name, None
    low, high = (parse_number(part.strip(), f"{FIELD} {name}") for part in parts)
    _require_range(name, low, high, *parts)
    return name, (low, high)


def _require_range(name: str, low: float, high: float, *typed: str) -> None:
    if not (math.isfinite(low) and math.isfinite(high)) or low >= high:
        first, last = (shown(end.strip()) for end in typed)
        raise RequestError(
            f"{FIELD} {name}",
            f"from {first} to {last} is no range; LO must be below HI, both finite",
        )


def _box(name: str, ends: tuple[float, float] | None, value: float | None) -> tuple[float, float]:
    """The range of a free number, checked; a decade to both sides of the study's value."""
    field = f"{FIELD} {name}"
    if ends is None:
        if value is None or value <= 0:
            what = "has no value in the study" if value is None else f"= {value:g} in the study"
            raise RequestError(
                field, f"{what}, from which no range follows; give one: {name}=LO:HI"
            )
        return value / DECADE, value * DECADE
    _require_range(name, *ends, *(f"{end:g}" for end in ends))
    return ends


def _names(study: Study) -> list[str]:
    """What can be free: symbols, and the fields that hold a number of their own."""
    whole = whole_numbers(study)
    fields = [path for path, held in study.numbers.items() if not held.symbols]
    return [name for name in (*study.symbols, *fields) if name not in {*whole, _MOMENTUM}]


def _unused(study: Study, place: int) -> str:
    name = f"free_{place}"
    while name in study.symbols:
        name += "_"
    return name

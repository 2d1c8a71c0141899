"""What one field of a study may hold: read, refused in one sentence, told to editors."""

from __future__ import annotations

import json
import math
import re
import reprlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, time
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from symdrift.errors import RequestError, did_you_mean, enumerated
from symdrift.expressions import LONGEST_TEXT, Array, Expression, is_name, number, parse
from symdrift.quoting import LONGEST_SHOWN, shown

Vector = tuple[Expression, ...]
Matrix = tuple[Vector, ...]
Entries = Expression | Vector | Matrix
Schema = dict[str, Any]

LARGEST_SIZE = 4096
"""Units of one layer; beyond that the arrays of a study alone take gigabytes."""
LONGEST_LABEL = 200
"""Characters of a title, or of the LaTeX of a symbol."""
_BARE = re.compile(r"[A-Za-z0-9_-]{1,60}")
"""Keys that TOML takes without quotes."""
_MOST_NAMED = 30
"""Names that a message lists."""
_EXPRESSION = {
    "type": "string",
    "pattern": r"^[\sA-Za-z0-9_.+*/()-]*[A-Za-z0-9_.)]\s*$",
    "maxLength": LONGEST_TEXT,
}


class Kind(NamedTuple):
    """What a field may hold, in words and in JSON Schema, and how it is read.

    ``read`` takes a value of a parsed TOML file and its dotted field, and refuses with a
    :class:`RequestError`; ``advice`` is what the refusal of a missing field adds.
    """

    read: Callable[[Any, str], Any]
    allowed: str
    schema: Schema
    advice: str = ""


class Range(NamedTuple):
    """Values that a number may have, by keywords of JSON Schema and as what follows "must"."""

    words: str
    schema: Schema

    def holds(self, value: float | Array) -> bool | NDArray[np.bool_]:
        """Whether a number is one of them, or which of several are."""
        least, most = self.schema.get("minimum", -math.inf), self.schema.get("maximum", math.inf)
        held: bool | NDArray[np.bool_] = (value >= least) & (value <= most)
        held &= value > self.schema.get("exclusiveMinimum", -math.inf)
        held &= value < self.schema.get("exclusiveMaximum", math.inf)
        if self.schema.get("type") == "integer":
            held &= value % 1 == 0
        return held


ANY = Range("", {})
POSITIVE = Range("be positive", {"exclusiveMinimum": 0})
NOT_NEGATIVE = Range("not be negative", {"minimum": 0})
VARIANCE = Range(
    "be positive: it is a variance; leave out inputs that do not vary", POSITIVE.schema
)
SHARE = Range("be at least 0 and below 1", {"minimum": 0, "exclusiveMaximum": 1})
SIZE = Range(
    f"be a whole number from 1 to {LARGEST_SIZE}",
    {"type": "integer", "minimum": 1, "maximum": LARGEST_SIZE},
)
COUNT = Range(
    "be a positive whole number below 2^53",
    {"type": "integer", "minimum": 1, "maximum": 2**53 - 1},
)


@dataclass(frozen=True)
class Numbers:
    """A kind: a number, a list or a matrix of them, each perhaps an expression in symbols.

    Attributes
    ----------
    range : Range
        Of one number and of those of a list; entries of a matrix are free.
    shapes : tuple
        Each a tuple of axes, none for one number; an axis is the field that says how long it is,
        empty where that is free.
    word : str
        What may stand in the place of numbers.
    entries : str
        What the numbers of a list are called.
    """

    range: Range = ANY
    shapes: tuple[tuple[str, ...], ...] = ((),)
    word: str = ""
    entries: str = "numbers"
    advice: str = ""

    @property
    def allowed(self) -> str:
        """See :class:`Kind`."""
        names = ("a number", f"a list of {self.entries}", "a matrix")
        words = [f'"{self.word}"'] * bool(self.word) + [names[len(s)] for s in self.shapes]
        must = f"; must {self.range.words.split(':')[0]}" if self.range.words else ""
        return enumerated(words, "or") + must

    @property
    def schema(self) -> Schema:
        """See :class:`Kind`."""
        one: Schema = {"anyOf": [{"type": "number", **self.range.schema}, _EXPRESSION]}
        free: Schema = {"anyOf": [{"type": "number"}, _EXPRESSION]}
        by_depth = (one, _list_schema(one), _list_schema(_list_schema(free)))
        words: list[Schema] = [{"const": self.word}] * bool(self.word)
        return {"anyOf": words + [by_depth[len(shape)] for shape in self.shapes]}

    def read(self, value: Any, field: str) -> str | Entries:
        """See :class:`Kind`."""
        depths = [len(shape) for shape in self.shapes]
        if self.word and not isinstance(value, list):
            if value == self.word:
                return self.word
            raise RequestError(field, f"= {quoted(value)} must be {self.allowed}")
        depth = depths[0]
        if isinstance(value, list) and depths[-1] > 0:
            nested = any(isinstance(row, list) for row in value)
            depth = 2 if 2 in depths and (nested or 1 not in depths) else 1
        return (_scalar, _vector, _matrix)[depth](value, field)


def _list_schema(entry: Schema) -> Schema:
    return {"type": "array", "minItems": 1, "items": entry}


def leaves(entries: Expression | tuple[Any, ...], field: str) -> Iterator[tuple[str, Expression]]:
    """Each number of a field, by its own dotted field."""
    if isinstance(entries, Expression):
        yield field, entries
    else:
        for index, entry in enumerate(entries):
            yield from leaves(entry, f"{field}.{index}")


def text(longest: int = LONGEST_LABEL) -> Kind:
    """One line of text."""
    allowed = f"text of 1 to {longest} characters"

    def read(value: Any, field: str) -> str:
        if not isinstance(value, str) or not value.strip() or len(value) > longest:
            raise RequestError(field, f"= {quoted(value)} must be {allowed}")
        if not value.isprintable():
            raise RequestError(field, f"= {quoted(value)} must be one line of printable text")
        return value

    return Kind(read, allowed, {"type": "string", "pattern": r"\S", "maxLength": longest})


def _flag(value: Any, field: str) -> bool:
    if isinstance(value, str):
        # Set on the command line.
        value = {"true": True, "false": False}.get(value.lower(), value)
    if not isinstance(value, bool):
        raise RequestError(field, f"= {quoted(value)} must be true or false")
    return value


FLAG = Kind(_flag, "true or false", {"type": "boolean"})


def _scalar(value: Any, field: str) -> Expression:
    if isinstance(value, str):
        return parse(value, field)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return number(value, field)
    raise RequestError(
        field, f"= {quoted(value)} must be a number, or a quoted symbol or expression"
    )


def _vector(value: Any, field: str) -> Vector:
    if not isinstance(value, list) or not value:
        raise RequestError(field, f"= {quoted(value)} must be a list of numbers")
    return tuple(_scalar(entry, f"{field}.{index}") for index, entry in enumerate(value))


def _matrix(value: Any, field: str) -> Matrix:
    if not isinstance(value, list) or not value or not all(isinstance(row, list) for row in value):
        raise RequestError(field, f"= {quoted(value)} must be a matrix: a list of rows")
    rows = tuple(_vector(row, f"{field}.{index}") for index, row in enumerate(value))
    for index, row in enumerate(rows):
        if len(row) != len(rows[0]):
            raise RequestError(
                f"{field}.{index}",
                f"has {len(row)} entries and the first row has {len(rows[0])}; "
                "all rows must be equally long",
            )
    return rows


def _columns(value: Any, field: str) -> tuple[str | int, ...]:
    if not isinstance(value, list) or not value:
        raise RequestError(field, f"= {quoted(value)} must be a list of columns")
    for index, column in enumerate(value):
        place = isinstance(column, int) and not isinstance(column, bool) and 0 < column < 10**9
        if not place and not isinstance(column, str):
            raise RequestError(
                f"{field}.{index}",
                f"= {quoted(column)} must be the name of a column, or its number, counted from 1",
            )
    return tuple(value)


COLUMNS = Kind(
    _columns,
    "a list of names, or of numbers counted from 1",
    _list_schema({"anyOf": [{"type": "string"}, {"type": "integer", "minimum": 1}]}),
)


def _data_file(value: Any, field: str) -> Path:
    if not isinstance(value, str) or "\0" in value:
        raise RequestError(field, f"= {quoted(value)} must be the path of a file")
    if Path(value).suffix.lower() not in (".csv", ".npy"):
        raise RequestError(field, f"= {quoted(value)} must be a .csv or .npy file")
    return Path(value)


DATA_FILE = Kind(
    _data_file,
    "a .csv or .npy file",
    {"type": "string", "pattern": r"\.([cC][sS][vV]|[nN][pP][yY])$"},
)


@dataclass(frozen=True)
class NamedNumbers:
    """A kind: numbers by name, each perhaps an expression in symbols."""

    allowed: str = "a number for each name"
    advice: str = ""
    each: Numbers = Numbers()

    @property
    def schema(self) -> Schema:
        """See :class:`Kind`."""
        return table_of(self.each.schema)

    def read(self, value: Any, field: str) -> dict[str, Expression]:
        """See :class:`Kind`."""
        found = {}
        for name, given in as_table(value, field).items():
            place = f"{field}.{key(name)}"
            if not is_name(name):
                raise RequestError(
                    place, "is not a name: letters, digits and underscores are allowed"
                )
            found[name] = _scalar(given, place)
        return found


def table_of(entry: Schema) -> Schema:
    """JSON Schema of a table with names for keys."""
    return {
        "type": "object",
        "propertyNames": {"pattern": "^[A-Za-z_][A-Za-z0-9_]*$"},
        "additionalProperties": entry,
    }


def _values(value: Any, field: str) -> dict[str, Expression]:
    values = NamedNumbers().read(value, field)
    for symbol, given in values.items():
        if given.symbols:
            raise RequestError(
                f"{field}.{symbol}", f"= {quoted(value[symbol])} must be a number without symbols"
            )
    return values


VALUES = Kind(_values, "a number for each symbol", NamedNumbers().schema)


def one_of(*names: str) -> Kind:
    """One of some words."""

    def read(value: Any, field: str) -> str:
        if value not in names:
            raise RequestError(
                field, f"= {quoted(value)} is unknown; {suggest(str(value), names, 'these')}"
            )
        return str(value)

    return Kind(read, " or ".join(f'"{name}"' for name in names), {"enum": list(names)})


def as_table(value: Any, field: str) -> Mapping[str, Any]:
    """The value, refused where it is no table."""
    if not isinstance(value, Mapping):
        raise RequestError(field, f"= {quoted(value)} must be a [{field}] table")
    return value


def suggest(word: str, known: Collection[str], what: str) -> str:
    """What a refused word may have meant, and what is known."""
    more = len(known) - _MOST_NAMED
    named = ", ".join(islice(known, _MOST_NAMED)) + (f" and {more} more" if more > 0 else "")
    return f"{did_you_mean(word, known)}{what} are {named or 'none'}"


def key(name: str) -> str:
    """A key as messages name it: quoted where it would not be seen for what it is."""
    bare = name == shown(name).strip() != "" and "." not in name
    return name if bare else shown(f'"{name}"')


class _Short(reprlib.Repr):
    """Values as TOML writes them, in bounded time however deep and long they are."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlist = self.maxdict = LONGEST_SHOWN
        self.maxstring = self.maxother = 2 * LONGEST_SHOWN

    def repr_int(self, value: int, level: int) -> str:
        return repr(value) if value.bit_length() < LONGEST_SHOWN * 4 else hex(value)

    def repr_bool(self, value: bool, level: int) -> str:
        return str(value).lower()

    def repr_str(self, value: str, level: int) -> str:
        return json.dumps(value[: self.maxstring], ensure_ascii=False)

    def repr_dict(self, value: dict[str, Any], level: int) -> str:
        if level <= 0:
            return "{...}"
        entries = (
            f"{name if _BARE.fullmatch(name) else self.repr_str(name, level)} = "
            f"{self.repr1(entry, level - 1)}"
            for name, entry in islice(value.items(), self.maxdict)
        )
        return f"{{{', '.join(entries)}}}"

    def repr_date(self, value: date | time, level: int) -> str:
        return value.isoformat()

    repr_datetime = repr_time = repr_date


def quoted(value: Any) -> str:
    """A value as an error message quotes it: one line, not too long."""
    return shown(f'"{value}"' if isinstance(value, str) else _Short().repr(value))

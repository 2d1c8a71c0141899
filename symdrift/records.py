"""Results as records, and records as JSON text that passes by in parts, as fast as it can."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from functools import cache
from types import MappingProxyType
from typing import Any, ClassVar

_PLAIN = {str, int, float, bool, type(None)}

_BREAKING = (dict, list, tuple)
"""Values that have a line for each of their entries."""


class Record:
    """A frozen dataclass whose JSON record is its fields.

    Attributes
    ----------
    behind : Mapping of str to str
        Names that stand behind another one: properties that are written like fields, and fields
        that have another place in the record.
    unwritten : tuple of str
        Fields that are not written.  Every other one is.
    """

    behind: ClassVar[Mapping[str, str]] = MappingProxyType({})
    unwritten: ClassVar[tuple[str, ...]] = ()

    def to_dict(self) -> dict[str, Any]:
        """The JSON record, in plain Python types."""
        return {name: plain(getattr(self, name)) for name in self.written()}

    def written(self) -> tuple[str, ...]:
        """Names of what is written, in their order."""
        return written_names(type(self))  # type: ignore[arg-type]


@cache
def written_names(kind: type[Record]) -> tuple[str, ...]:
    """Names of what records of a kind have, as far as their class says."""
    moved = {*kind.unwritten, *kind.behind}
    names = [field.name for field in fields(kind) if field.name not in moved]  # type: ignore[arg-type]
    for name, before in kind.behind.items():
        names.insert(names.index(before) + 1, name)
    return tuple(names)


def plain(value: Any) -> Any:
    """A value in plain Python types: records as dictionaries, arrays and tuples as lists."""
    if isinstance(value, Record):
        return value.to_dict()
    if isinstance(value, Mapping):
        return {key: plain(entry) for key, entry in value.items()}
    if isinstance(value, tuple | list):
        # Rows of numbers are many, and what is in them need not be looked at one by one.
        return list(value) if _PLAIN.issuperset(map(type, value)) else list(map(plain, value))
    return _listed(value) if hasattr(value, "tolist") else value


def _listed(array: Any) -> Any:
    """Lists of an array.  Where most of a matrix is zero these are one object, not one each."""
    nonzero = array.nonzero() if array.ndim == 2 and array.dtype.kind == "f" else ()
    if not nonzero or 4 * len(nonzero[0]) > array.size or _has_negative_zeros(array):
        return array.tolist()
    rows = [[0.0] * array.shape[1] for _ in range(array.shape[0])]
    places = (part.tolist() for part in (*nonzero, array[nonzero]))
    for row, column, value in zip(*places, strict=True):
        rows[row][column] = value
    return rows


def _has_negative_zeros(array: Any) -> bool:
    import numpy as np

    return bool((np.signbit(array) & (array == 0)).any())


class DiagonalRows(Sequence[list[Any]]):
    """Rows of a diagonal matrix, each made when it is asked for: nobody holds the matrix.

    Parameters
    ----------
    diagonal : sequence
        Plain numbers.
    beside
        What stands everywhere else.
    """

    def __init__(self, diagonal: Sequence[Any], beside: Any = 0.0) -> None:
        self._diagonal, self._beside = diagonal, beside

    def __len__(self) -> int:
        return len(self._diagonal)

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return [self[each] for each in range(len(self))[place]]
        row = [self._beside] * len(self)
        row[place] = self._diagonal[place]
        return row


def json_parts(record: Any, indent: int = 2, *, ascii_only: bool = True) -> Iterator[str]:
    """The text of ``json.dumps(record, indent=indent, allow_nan=False)``, in parts.

    The standard library writes with line breaks entry by entry; here a list without lists in it
    is one part, of compiled code.

    Parameters
    ----------
    record : Any
        Plain Python types with text as keys, and objects with a ``to_dict`` of such, which are
        made into records one after the other.
    indent : int
        Spaces by which each level is set in.
    ascii_only : bool
        Whether other characters are escaped.

    Yields
    ------
    str

    Raises
    ------
    ValueError
        At a number that is not finite.
    """
    yield from _parts(record, "\n", " " * indent, ascii_only)


def _parts(value: Any, line: str, step: str, ascii_only: bool) -> Iterator[str]:
    """Text of a value that stands on a line which begins like this."""
    # A sequence of another kind makes its entries, with records of their own, one after the other.
    made = isinstance(value, Sequence) and not isinstance(value, (*_BREAKING, str))
    if not made and not isinstance(value, (*_BREAKING, str, int, float, type(None))):
        value = value.to_dict()
    inner = line + step
    encoder = _encoder("," + inner, ascii_only)
    if made and not value:
        yield "[]"
    elif not made and (not isinstance(value, _BREAKING) or not value):
        yield encoder.encode(value)
    elif isinstance(value, dict):
        opening = "{"
        for key, entry in value.items():
            yield opening + inner + encoder.encode(key) + ": "
            yield from _parts(entry, inner, step, ascii_only)
            opening = ","
        yield line + "}"
    elif not made and _PLAIN.issuperset(map(type, value)):
        yield "[" + inner + encoder.encode(value)[1:-1] + line + "]"
    else:
        opening = "["
        for entry in value:
            yield opening + inner
            yield from _parts(entry, inner, step, ascii_only)
            opening = ","
        yield line + "]"


@cache
def _encoder(separator: str, ascii_only: bool) -> json.JSONEncoder:
    """By depth of the record: there are few."""
    return json.JSONEncoder(separators=(separator, ": "), ensure_ascii=ascii_only, allow_nan=False)

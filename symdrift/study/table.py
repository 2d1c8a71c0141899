"""Tables of numbers in files, as they stand there.

CSV: UTF-8, numbers with a decimal point, separated by commas, semicolons, tabs, bars or, where
there is none of these, spaces, or by what a first line ``sep=;`` names.  Empty lines and lines that
begin with ``#`` are skipped, and so are delimiters at the ends of lines.  The first row is a header
when it holds names, none of which is a number, or when it numbers the columns.  A row below names
is a sample, and where it could number the columns too, that is said.  NPY: a real matrix,
read without unpickling anything.
"""

from __future__ import annotations

import csv
import math
import re
import warnings
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from os import SEEK_END
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from symdrift.quoting import shown
from symdrift.study.file_kinds import BEGINNING, NPY, kind_of

Array = NDArray[np.float64]

_DELIMITERS = ";\t|,"
"""In the order of preference: numbers never contain the first three."""
_MISSING = {
    *("", "na", "n/a", "#n/a", "#na", "<na>", "n.a.", "nan", "-nan", "null", "none", "nil"),
    *("missing", "nd", "n.d.", "-", "--", "?", ".", "1.#ind", "-1.#ind", "1.#qnan", "-1.#qnan"),
    *("#value!", "#div/0!", "#ref!", "#num!", "#null!", "#name?", "nat"),
    *("#nv", "#wert!", "#bezug!", "#zahl!"),
}
"""What stands for a value that is not there, in small letters."""
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_OTHER = re.compile(r"[^0-9+\-.eE \t]")
"""Without such a character, whatever ``float`` accepts is a decimal number."""
_NOT_ZERO = re.compile(r"[^eE]*[1-9]")
_DAMAGED = re.compile(r"[-+−]?[0-9][0-9., ']*(?:[eE][-+−]?[0-9]+)?")
_DECIMAL_COMMA = re.compile(r"[+-]?[0-9]+,0[0-9]+|-0,[0-9]+")
"""Two whole numbers of which one begins as only a fraction, or what is left of it, does."""
SEPARATOR = re.compile(r'"?sep=([^\w"])"?\s*', re.IGNORECASE)
"""First line with which spreadsheets say what separates entries."""
_SHEET_ERROR = re.compile(r"\s*#(?:n/a|na|nv|[a-z0/]+[!?])\s*(?:[;,\t\n]|$)", re.IGNORECASE)
"""What a spreadsheet writes for a value that it could not compute: no comment."""
_QUOTED = re.compile(r'"[^"]*"')
_LOOKED_AT = 20
"""Lines that decide what separates entries."""
_CERTAIN = 5
"""Numbers in equal steps that no first sample holds by chance."""
_CHANCE = 1e-2
"""With which a first sample may hold rounder numbers than others and nothing is said about it."""
_MANY = 20
"""Rows from which the order of numbers in one row only is no chance."""
_EQUAL = 1e-9
_LEAST = 5e-324
"""Stands for numbers that are not zero and too small for a double."""


@dataclass(frozen=True)
class Fault:
    """Entries of one column that are no numbers: the first, its line, and how many."""

    line: int
    entry: str
    count: int = 1

    def joined(self, other: Fault) -> Fault:
        """Both together."""
        first = min(self, other, key=lambda fault: fault.line)
        return replace(first, count=self.count + other.count)


@dataclass(frozen=True)
class Header:
    """Names of the columns, empty where one has none.

    ``kind`` is ``"names"`` or, when the columns are numbered, ``"numbers"``.
    """

    kind: str
    line: int
    names: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Table:
    """What a file holds.

    Attributes
    ----------
    values : Array
        Shape ``(rows, columns)``, ``nan`` where there is no number; other shapes from NPY.
    lines : Sequence of int
        Where each row stands.
    header : Header or None
    missing, wrong : Mapping of int to Fault
        By column: values that are missing, and entries that are neither numbers nor missing.
    remark : str
        What was decided about the first row, where it could have been read otherwise.
    place : {"line", "row"}
        What ``lines`` count.
    """

    values: Array
    lines: Sequence[int]
    header: Header | None = None
    missing: Mapping[int, Fault] = field(default_factory=dict)
    wrong: Mapping[int, Fault] = field(default_factory=dict)
    remark: str = ""
    place: str = "line"


def read_table(path: Path) -> Table:
    """Table of a ``.csv`` or ``.npy`` file.

    Raises
    ------
    ValueError
        With the rest of a sentence, when the file is no table.
    OSError
        When it cannot be read.
    """
    with path.open("rb") as stream:
        is_npy = path.suffix.lower() == ".npy"
        kind = kind_of(stream.read(BEGINNING))
        if kind is not None and not (is_npy and kind is NPY):
            raise ValueError(f"it is {kind.name}, not {'NPY' if is_npy else 'CSV'}; {kind.advice}")
        if is_npy:
            stream.seek(0)
            return _npy_table(path, stream)
    # Spreadsheets put a byte order mark first.
    with path.open(encoding="utf-8-sig") as text:
        return _csv_table(enumerate(text, start=1))


def is_damaged(entry: str) -> bool:
    """Whether an entry is meant as a number and written in another way, such as ``1,5``."""
    return _DAMAGED.fullmatch(entry) is not None


def counted(values: Array) -> Sequence[bool]:
    """Which rows go on in equal steps that are not zero."""
    with np.errstate(invalid="ignore"):
        steps = np.diff(values, axis=1)
        same = np.abs(steps - steps[:, :1]) <= _EQUAL * np.abs(steps[:, :1])
    found: list[bool] = (np.all(same, axis=1) & (steps[:, 0] != 0)).tolist()
    return found


class _Rows:
    """Rows of numbers as they are read, and what is no number in them."""

    def __init__(self) -> None:
        self.numbers: list[array[float]] = []
        self.lines: list[int] = []
        self.missing: dict[int, Fault] = {}
        self.wrong: dict[int, Fault] = {}
        self.blank: dict[int, int] = {}

    def add(self, entries: Sequence[str], line: int) -> None:
        """Convert a row and put it behind the others."""
        self.numbers.append(self._converted(entries, line))
        self.lines.append(line)

    def put_first(self, entries: Sequence[str], line: int) -> None:
        """Convert a row and put it before the others."""
        self.numbers.insert(0, self._converted(entries, line))
        self.lines.insert(0, line)

    def _converted(self, entries: Sequence[str], line: int) -> array[float]:
        if not _OTHER.search("".join(entries)):
            try:
                row = array("d", map(float, entries))
            except ValueError:
                row = self._one_by_one(entries, line)
        else:
            row = self._one_by_one(entries, line)
        if 0.0 in row:
            for column, value in enumerate(row):
                if value == 0 and _NOT_ZERO.match(entries[column]):
                    row[column] = _LEAST
        return row

    def _one_by_one(self, entries: Sequence[str], line: int) -> array[float]:
        row = array("d", [math.nan]) * len(entries)
        for column, entry in enumerate(entries):
            text = entry.strip()
            if _NUMBER.fullmatch(text):
                row[column] = float(text)
                continue
            if not text:
                self.blank[column] = self.blank.get(column, 0) + 1
            faults = self.missing if text.lower() in _MISSING else self.wrong
            fault = Fault(line, text)
            faults[column] = faults[column].joined(fault) if column in faults else fault
        return row


def entry_at(path: Path, line: int, column: int) -> str:
    """What stands in a CSV file that was read before, as it is written there."""
    with path.open(encoding="utf-8-sig") as text:
        records, _ = _all_records(enumerate(text, start=1))
        return next(entries for number, entries in records if number == line)[column].strip()


def _all_records(
    lines: Iterator[tuple[int, str]],
) -> tuple[Iterator[tuple[int, list[str]]], str]:
    """Rows of entries of a whole file, and what separates these."""
    head = list(islice(_kept(lines), 1))
    hint = SEPARATOR.fullmatch(head[0][1].rstrip("\n")) if head else None
    looked_at = list(islice(lines, _LOOKED_AT))
    if not hint:
        looked_at = head + looked_at
    delimiter = hint.group(1) if hint else _delimiter(looked_at)
    return _records(chain(looked_at, lines), delimiter), delimiter


def _csv_table(lines: Iterator[tuple[int, str]]) -> Table:
    records, delimiter = _all_records(lines)
    line, first = next(records, (0, []))
    if not first:
        raise ValueError("it holds no samples")
    rows = _Rows()
    second: list[str] = []
    width = commas = 0
    for number, entries in records:
        second = second or entries
        width = width or len(entries)
        if len(entries) > width and not any(map(str.strip, entries[width:])):
            del entries[width:]
        if len(entries) != width:
            _refuse_line_breaks(entries, number)
            raise _unequal(number, len(entries), rows.lines[0], width)
        rows.add(entries, number)
        if width == 2 and delimiter == "," and _DECIMAL_COMMA.fullmatch(",".join(entries)):
            commas = commas or number
    if commas:
        raise _decimal_comma(commas)
    while first and not first[-1].strip() and _is_empty(rows, width - 1, len(first)):
        first.pop()
        width = min(width, len(first)) if width else 0
    return _with_first(rows, width, first, line, second)


def _is_empty(rows: _Rows, last: int, width: int) -> bool:
    """Whether the last column of the first row is in no other row, or empty in all of them."""
    return last < width - 1 or rows.blank.get(last, 0) == len(rows.lines)


def _with_first(
    rows: _Rows, width: int, first: list[str], line: int, second: Sequence[str]
) -> Table:
    """Take the first row as a header or as a sample."""
    unnamed = ""
    while width > len(first) and rows.blank.get(width - 1, 0) == len(rows.lines):
        width -= 1
    if width == len(first) + 1 and not any(_NUMBER.fullmatch(name.strip()) for name in first):
        # R leaves out the name of the column of row names.
        if not _names_rows(rows, width):
            raise ValueError(
                f"line {line} has {len(first)} name{'s'[: len(first) > 1]} above rows of {width} "
                "numbers, of which the first are no names or numbers of rows; give every column "
                "a name"
            )
        first = ["", *first]
        unnamed = f"line {line} has no name for the first column, taken as that of the rows"
    if width and width != len(first):
        raise _unequal(rows.lines[0], width, line, len(first))
    values = _matrix(rows.numbers, width)
    kind, remark = _role_of_first(first, values, line)
    if kind == "names" and len(rows.lines) > 1:
        remark = _doubt_below_names(second[:width], values[1:], rows.lines[0])
    remark = "; ".join(filter(None, (unnamed, remark)))
    header = Header(kind, line, tuple(" ".join(name.split()) for name in first)) if kind else None
    if header is None:
        _refuse_line_breaks(first, line)
        rows.put_first(first, line)
        values = _matrix(rows.numbers, len(first))
    if not rows.lines:
        raise ValueError("it holds no samples")
    inside = range(len(first))
    return Table(
        values,
        rows.lines,
        header,
        {column: fault for column, fault in rows.missing.items() if column in inside},
        {column: fault for column, fault in rows.wrong.items() if column in inside},
        remark,
    )


def _names_rows(rows: _Rows, width: int) -> bool:
    """Whether the first column holds names of the rows, or their numbers in some order."""
    count = len(rows.lines)
    faults = rows.wrong.get(0)
    if faults is not None and faults.count == count:
        return True
    numbers = np.sort(_matrix(rows.numbers, width)[:, 0])
    return bool(np.array_equal(numbers - numbers[0], np.arange(count)) and numbers[0] in (0, 1))


def _matrix(rows: Sequence[array[float]], width: int) -> Array:
    values = np.empty((len(rows), width))
    for index, row in enumerate(rows):
        values[index] = row[:width]
    return values


def _role_of_first(first: Sequence[str], values: Array, line: int) -> tuple[str, str]:
    """Kind of header that the first row is, empty for a sample, and a remark on that."""
    texts = [entry.strip() for entry in first]
    numbers = [float(text) for text in texts if _NUMBER.fullmatch(text)]
    if not numbers:
        named = any(text.lower() not in _MISSING and not is_damaged(text) for text in texts)
        return ("names" if named else ""), ""
    others = [text for text in texts if not _NUMBER.fullmatch(text)]
    start = numbers[0]
    follows = start in (0, 1) and numbers == [start + k for k in range(max(2, len(numbers)))]
    certain = len(numbers) >= _CERTAIN and counted(np.array([numbers]))[0]
    taken = f"line {line} ({_listed(texts)}) was taken as a header that numbers the columns"
    if others:
        told = all(text.lower() not in _MISSING for text in others) and len(numbers) > 1
        if (follows or certain) and (told or (texts[0] == "" and len(others) == 1)):
            return "numbers", taken
        return "", ""
    whole = len(numbers) > 2 and all(number.is_integer() for number in numbers)
    steps = whole and counted(np.array([numbers]))[0]
    if not len(values):
        return "", ""
    if certain and not any(counted(values)):
        return "numbers", f"{taken}; if it is a sample, put a line of names above it"
    # Few whole numbers in a row may be a sample, but not among rows that all have fractions.
    fractions = np.any(values != np.round(values), axis=1)
    if (follows or steps) and len(values) > 2 and np.all(fractions):
        return "numbers", f"{taken}; if it is a sample, put a line of names above it"
    # As many decimals as are written here, and how many entries of the other rows need no more.
    decimals = max(len(text.lower().partition("e")[0].partition(".")[2]) for text in texts)
    with np.errstate(invalid="ignore", over="ignore"):
        short = np.count_nonzero(values == np.round(values, decimals)) + 1
    if follows or certain:
        doubt = "it numbers the columns"
    elif (short / (values.size + 2)) ** len(numbers) < _CHANCE:
        doubt = "it alone holds whole numbers only"
        if decimals:
            doubt = f"it alone holds numbers of at most {decimals} decimal{'s'[: decimals > 1]}"
    elif _grows_alone(numbers, values):
        doubt = f"it alone {'rises' if numbers[0] < numbers[-1] else 'falls'} from column to column"
    else:
        return "", ""
    return "", _taken_as_sample(texts, line, doubt)


def _doubt_below_names(second: Sequence[str], values: Array, line: int) -> str:
    """What speaks for a second header in the row below the names; empty for nothing."""
    texts = [entry.strip() for entry in second]
    numbers = [float(text) for text in texts if _NUMBER.fullmatch(text)]
    # Recordings may begin at zero.
    if len(numbers) < len(texts) or not any(numbers):
        return ""
    kind, remark = _role_of_first(texts, values, line)
    return _taken_as_sample(texts, line, "it numbers the columns") if kind else remark


def _taken_as_sample(texts: Sequence[str], line: int, doubt: str) -> str:
    return (
        f"line {line} ({_listed(texts)}) was taken as a sample, although {doubt}; delete it if it "
        "is a header"
    )


def _listed(texts: Sequence[str]) -> str:
    return shown(", ".join(texts if len(texts) <= 4 else [*texts[:3], "...", texts[-1]]))


def _grows_alone(numbers: Sequence[float], values: Array) -> bool:
    """Whether the first row rises or falls over all columns and none of many others does."""
    if len(numbers) < 3 or len(values) < _MANY:
        return False
    steps = np.sign(np.diff(np.vstack([numbers, values]), axis=1))
    ordered = np.all(steps == steps[:, :1], axis=1) & (steps[:, 0] != 0)
    return list(np.flatnonzero(ordered)) == [0]


def _kept(lines: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Lines without empty ones and comments."""
    for number, line in lines:
        if line.strip() and (not line.lstrip().startswith("#") or _SHEET_ERROR.match(line)):
            yield number, line


def _delimiter(lines: Sequence[tuple[int, str]]) -> str:
    """What stands between the entries of all lines, outside of quotes."""
    text = _QUOTED.sub("", "".join(line for _, line in _kept(lines)))
    kept = [line for line in text.splitlines() if line.strip()]
    for mark in _DELIMITERS:
        if kept and all(mark in line for line in kept):
            return mark
    if kept and not any(mark in text for mark in _DELIMITERS):
        return " " if all(len(line.split()) > 1 for line in kept) else ","
    return next((mark for mark in _DELIMITERS if kept and mark in kept[0]), ",")


def _records(lines: Iterator[tuple[int, str]], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Rows of entries with the lines that they begin in; a quoted entry may go over lines."""
    for number, line in _kept(lines):
        if delimiter == " " and '"' not in line:
            yield number, line.split()
            continue
        more = (text for _, text in lines)
        try:
            entries = next(csv.reader(chain([line], more), delimiter=delimiter, strict=True))
        except csv.Error:
            raise _open_quote(number) from None
        if any(map(str.strip, entries)):
            yield number, entries


def _refuse_line_breaks(entries: Sequence[str], line: int) -> None:
    """A header may have names of several lines; a sample has not."""
    if any("\n" in entry for entry in entries):
        raise _open_quote(line)


def _open_quote(line: int) -> ValueError:
    return ValueError(
        f"line {line} opens a quote that is not closed where its entry ends; close or remove it"
    )


def _decimal_comma(line: int) -> ValueError:
    return ValueError(
        f"line {line} reads as one number with a decimal comma, or as two of which one has zeros "
        "in front; numbers have a decimal point and no zeros in front"
    )


def _unequal(line: int, entries: int, other: int, expected: int) -> ValueError:
    return ValueError(
        f"line {line} has {entries} entries and line {other} has {expected}; all need equally many"
    )


def _npy_table(path: Path, stream: BinaryIO) -> Table:
    shape, fortran, dtype = _npy_header(stream)
    if dtype.kind not in "fiub":
        raise ValueError(f"its numbers are of type {shown(str(dtype))}; real numbers are needed")
    start = stream.tell()
    held, promised = path.stat().st_size - start, math.prod(shape) * dtype.itemsize
    if held < promised:
        size = f", {promised} bytes" if promised < 10**18 else ""
        raise ValueError(
            f"it is cut short: {held} bytes of numbers are there and its header promises "
            f"more{size}; copy it again, or save it again with numpy.save"
        )
    if held > promised:
        raise ValueError(
            f"{held - promised} bytes follow the numbers that its header promises; save one array "
            "alone with numpy.save"
        )
    if not promised:
        raise ValueError("it holds no samples")
    numbers = np.frombuffer(stream.read(promised), dtype=dtype)
    with np.errstate(all="ignore"):
        numbers = np.asarray(numbers, dtype=np.float64)
    values = numbers.reshape(shape, order="F" if fortran else "C")
    rows = range(1, len(values) + 1) if values.ndim == 2 else range(0)
    missing = {}
    if values.ndim == 2:
        absent = np.isnan(values)
        for column in np.flatnonzero(absent.any(axis=0)):
            places = np.flatnonzero(absent[:, column])
            missing[int(column)] = Fault(int(places[0]) + 1, "nan", len(places))
    return Table(values, rows, missing=missing, place="row")


def _npy_header(stream: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype[np.generic]]:
    if _ends_in_its_header(stream):
        raise ValueError(
            "it is cut short: it ends within its header; copy it again, or save it again with "
            "numpy.save"
        )
    read = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            shape, fortran, dtype = read[np.lib.format.read_magic(stream)](stream)
        usable = not dtype.hasobject and all(size >= 0 for size in shape)
    # NumPy hands the header to Python's parser, which fails in many ways.
    except Exception:
        usable = False
    if not usable:
        raise ValueError(
            "it is no NPY file of numbers; write one with numpy.save from an array of floats"
        )
    return shape, fortran, dtype


def _ends_in_its_header(stream: BinaryIO) -> bool:
    """Whether the file begins as NPY and ends before its header does; back at the start."""
    beginning = stream.read(12)
    version = beginning[6:7]
    size = stream.seek(0, SEEK_END)
    stream.seek(0)
    if not beginning or beginning[:6] != np.lib.format.MAGIC_PREFIX[: len(beginning)]:
        return False
    if version not in (b"", b"\x01", b"\x02", b"\x03"):
        return False
    width = 2 if version == b"\x01" else 4
    if len(beginning) < 8 + width:
        return True
    promised = 8 + width + int.from_bytes(beginning[8 : 8 + width], "little")
    return size < promised

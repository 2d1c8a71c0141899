"""What was measured: rates of drift of stimuli with their standard errors, from a table."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from symdrift.errors import RequestError, counted
from symdrift.expressions import LARGEST_NUMBER
from symdrift.quoting import shown
from symdrift.records import Record
from symdrift.study.file_kinds import BEGINNING, kind_of
from symdrift.study.kinds import suggest
from symdrift.study.table import SEPARATOR

FIELD = "--data"
COLUMNS = ("stimulus", "quantity", "value", "standard_error")
RATES = ("decay_rate", "diffusion")
DISPLACEMENT = "displacement"
LARGEST_FILE = 2_000_000
MOST_ROWS = 5_000
FINEST = 1e-12
"""Standard error, relative to the value, below which a double holds no digits of it."""

_DELIMITERS = ";\t|,"
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_ALLOWED = "allowed are decay_rate, diffusion and displacement@LAG, LAG a positive number"


@dataclass(frozen=True)
class Measurement(Record):
    """One measured number.

    Attributes
    ----------
    stimulus : str
        Name of a stimulus of the study.
    quantity : str
        ``"decay_rate"`` or ``"diffusion"``, per step, or ``"displacement@LAG"``, the mean-squared
        displacement after so many steps; days instead of steps where a fit has a day.
    value, standard_error : float
    """

    stimulus: str
    quantity: str
    value: float
    standard_error: float

    @property
    def lag(self) -> float | None:
        """Lag of a displacement; None for a rate."""
        kind, _, lag = self.quantity.partition("@")
        return float(lag) if kind == DISPLACEMENT else None


def unit_of_lags(steps_per_day: float | None) -> str:
    """Unit of lags, where a day has so many steps or none is given; rates are per one of them."""
    return "SGD steps" if steps_per_day is None else "days"


def read_measurements(path: str | Path) -> tuple[Measurement, ...]:
    """Measurements of a CSV file with the columns of `COLUMNS`; further columns are left alone.

    Entries are separated by commas, semicolons, tabs or bars, or by what a first line ``sep=;``
    names; empty lines and lines that begin with ``#`` are skipped.

    Raises
    ------
    RequestError
        Naming the file, the line, the value and what is allowed.
    """
    path = Path(path)
    rows = _rows(path)
    try:
        _, head = next(rows)
    except StopIteration:
        raise _refused(path, f"is empty; its first line must be {','.join(COLUMNS)}") from None
    names = [" ".join(name.split()).lower() for name in head]
    missing = [name for name in COLUMNS if name not in names]
    if missing:
        what = "column" if len(missing) == 1 else "columns"
        raise _refused(
            path,
            f"has no {what} {' and '.join(missing)}; its first line must name the columns "
            f'{", ".join(COLUMNS)}, and is "{shown(", ".join(head))}"',
        )
    twice = [name for name in COLUMNS if names.count(name) > 1]
    if twice:
        raise _refused(path, f"has the column {twice[0]} twice; leave one of them out")
    places = [names.index(name) for name in COLUMNS]
    found: list[Measurement] = []
    for line, entries in rows:
        if len(found) == MOST_ROWS:
            raise _refused(path, f"has more than {MOST_ROWS} measurements; average some")
        if len(entries) != len(head):
            raise _refused(
                path,
                f"line {line} has {counted(len(entries), 'entry', 'entries')}; the first line has "
                f"{len(head)}",
            )
        stimulus, *others = (entries[place] for place in places)
        quantity, *numbers = (entry.strip() for entry in others)
        value, error = (
            _number(path, line, name, text) for name, text in zip(COLUMNS[2:], numbers, strict=True)
        )
        try:
            found.append(checked(Measurement(stimulus, quantity, value, error), f"line {line}: "))
        except RequestError as refusal:
            raise _refused(path, refusal.problem) from None
    return tuple(found)


def checked(measurement: Measurement, where: str = "") -> Measurement:
    """The measurement, where its quantity is known and its numbers make sense.

    Raises
    ------
    RequestError
    """
    kind, at, lag = measurement.quantity.partition("@")
    positive = _NUMBER.fullmatch(lag) is not None and 0 < float(lag) <= LARGEST_NUMBER
    if not (measurement.quantity in RATES or (kind == DISPLACEMENT and at and positive)):
        raise RequestError(
            FIELD, f'{where}quantity "{shown(measurement.quantity)}" is unknown; {_ALLOWED}'
        )
    value, error = measurement.value, measurement.standard_error
    if not math.isfinite(value):
        raise RequestError(FIELD, f"{where}value = {value:g} must be a finite number")
    if not (error > 0 and math.isfinite(error)):
        raise RequestError(FIELD, f"{where}standard_error = {error:g} must be positive and finite")
    if error < FINEST * abs(value):
        raise RequestError(
            FIELD,
            f"{where}standard_error = {error:g} is below {FINEST:g} of its value {value:g}, more "
            "digits than a number of double precision has; give the error of the measurement",
        )
    return measurement


def of_study(
    measurements: Sequence[Measurement], stimuli: Collection[str]
) -> tuple[Measurement, ...]:
    """The measurements, each of a stimulus of the study; spaces around its name do not count.

    Raises
    ------
    RequestError
        For a stimulus that the study does not have.
    """
    names = {name.strip(): name for name in stimuli} | {name: name for name in stimuli}
    for each in measurements:
        if each.stimulus.strip() not in names:
            raise RequestError(
                FIELD,
                f'has the stimulus "{shown(each.stimulus)}", which is none of the study; '
                f"{suggest(each.stimulus, stimuli, 'stimuli')}",
            )
    return tuple(
        replace(each, stimulus=names.get(each.stimulus) or names[each.stimulus.strip()])
        for each in measurements
    )


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Rows of entries and the lines where they stand."""
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise _refused(path, f"is larger than {LARGEST_FILE} bytes; average measurements")
        content = path.read_bytes()
    except OSError as error:
        raise _refused(path, f"cannot be read: {error.strerror}") from None
    except ValueError as error:
        if isinstance(error, RequestError):
            raise
        raise _refused(path, "cannot be the path of a file") from None
    if (kind := kind_of(content[:BEGINNING])) is not None:
        raise _refused(path, f"is {kind.name}, not CSV; {kind.advice}")
    try:
        # Spreadsheets put a byte order mark first.
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _refused(path, f"is not UTF-8 text (byte {error.start})") from None
    kept = [
        (number, line)
        for number, line in enumerate(text.splitlines(), start=1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    said = SEPARATOR.fullmatch(kept[0][1]) if kept else None
    kept = kept[1:] if said else kept
    guessed = next((mark for mark in _DELIMITERS if kept and mark in kept[0][1]), ",")
    delimiter = said[1] if said else guessed
    for number, line in kept:
        try:
            yield number, next(csv.reader([line], delimiter=delimiter, strict=True))
        except (csv.Error, StopIteration):
            raise _refused(
                path, f"line {number} cannot be read: a quote is not closed where its entry ends"
            ) from None


def _number(path: Path, line: int, name: str, text: str) -> float:
    if not _NUMBER.fullmatch(text):
        what = f'"{shown(text)}"' if text else "missing"
        raise _refused(
            path,
            f"line {line}: {name} is {what}; it must be a finite number with a decimal point",
        )
    value = float(text)
    if value and not 1 / LARGEST_NUMBER <= abs(value) <= LARGEST_NUMBER:
        raise _refused(
            path,
            f"line {line}: {name} = {shown(text)} must be 0 or between {1 / LARGEST_NUMBER:g} and "
            f"{LARGEST_NUMBER:g} in magnitude",
        )
    return value


def _refused(path: Path, problem: str) -> RequestError:
    return RequestError(FIELD, f'= "{shown(path.name)}" {problem}')

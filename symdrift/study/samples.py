"""Samples from a file: a table of numbers, one sample per row.

CSV: UTF-8, numbers with a decimal point, separated by commas, semicolons or tabs; the first row
may hold column names, none of which is a number; empty lines and lines that begin with ``#``
are skipped.  NPY: a real matrix, read without unpickling anything.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from symdrift.errors import RequestError

Array = NDArray[np.float64]

LARGEST_FILE = 500_000_000
"""Bytes; every numerical stage goes through all samples."""

_FIELD = "inputs.file"
_DELIMITERS = ";\t,"
"""In the order of preference: numbers never contain the first two."""


def read_samples(path: Path, inputs: int) -> Array:
    """Samples of a file, checked.

    Parameters
    ----------
    path : Path
        A ``.csv`` or ``.npy`` file.
    inputs : int
        Numbers that each sample must have.

    Returns
    -------
    Array
        Shape ``(samples, inputs)``.

    Raises
    ------
    RequestError
        When the file cannot be read, has another shape, holds numbers that are not finite,
        has a constant column, or leaves some direction of the inputs without variation.
    """
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise _refusal(path, f"is larger than {LARGEST_FILE} bytes; keep fewer samples")
        rows, lines = _read_npy(path) if path.suffix.lower() == ".npy" else _read_csv(path)
    except UnicodeDecodeError as error:
        raise _refusal(
            path, f"is not UTF-8 text (byte {error.start}); save it with that encoding"
        ) from None
    except OSError as error:
        raise _refusal(path, f"cannot be read: {error.strerror or error}") from None
    except (ValueError, csv.Error) as error:
        raise _refusal(path, f"cannot be read: {error}") from None
    _check_shape(path, rows, inputs)
    _check_finite(path, rows, lines)
    _check_variation(path, rows)
    return rows


def _read_npy(path: Path) -> tuple[Array, Sequence[int]]:
    # Mapped, so that a header that promises more than the file holds allocates nothing.
    try:
        stored = np.lib.format.open_memmap(path, mode="r")
    except ValueError:
        raise ValueError(
            "it is no NPY file of numbers; write one with numpy.save from an array of floats"
        ) from None
    if stored.dtype.kind not in "fiub":
        raise ValueError(f"its numbers are of type {stored.dtype}; real numbers are needed")
    return np.array(stored, dtype=np.float64), range(1, len(stored) + 1 if stored.ndim else 1)


def _read_csv(path: Path) -> tuple[Array, Sequence[int]]:
    # Spreadsheets put a byte order mark first.
    text = path.read_text(encoding="utf-8-sig")
    kept = [
        (number, line)
        for number, line in enumerate(text.splitlines(), start=1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    delimiter = next((mark for mark in _DELIMITERS if kept and mark in kept[0][1]), ",")
    entries = list(csv.reader((line for _, line in kept), delimiter=delimiter, strict=True))
    lines = [number for number, _ in kept]
    if entries and not any(map(_is_number, entries[0])):
        del entries[0], lines[0]
    rows = []
    for number, row in zip(lines, entries, strict=True):
        if len(row) != len(entries[0]):
            raise ValueError(
                f"line {number} has {len(row)} entries and line {lines[0]} has "
                f"{len(entries[0])}; all need equally many"
            )
        rows.append([_number(entry, number, column) for column, entry in enumerate(row, start=1)])
    if not rows:
        raise ValueError("it holds no samples")
    return np.array(rows, dtype=np.float64), lines


def _number(entry: str, line: int, column: int) -> float:
    try:
        return float(entry)
    except ValueError:
        shown = entry.strip()[:20]
        raise ValueError(
            f'line {line}, column {column} holds "{shown}", which is not a number; numbers have a '
            "decimal point and are separated by commas, semicolons or tabs"
            if shown
            else f"line {line}, column {column} is empty; fill it or leave the sample out"
        ) from None


def _is_number(entry: str) -> bool:
    try:
        float(entry)
    except ValueError:
        return False
    return True


def _check_shape(path: Path, rows: Array, inputs: int) -> None:
    if rows.ndim != 2 or rows.shape[1] != inputs or not len(rows):
        shape = " x ".join(map(str, rows.shape))
        turned = rows.ndim == 2 and rows.shape[0] == inputs
        raise _refusal(
            path,
            f"holds {shape} numbers; rows of network.inputs = {inputs} numbers are needed"
            + (": transpose it, a sample is a row" if turned else ""),
        )
    if len(rows) < inputs:
        raise _refusal(
            path,
            f"has {len(rows)} rows and {inputs} columns, and as many rows as columns are the "
            "least that can vary in every direction; add samples, or reduce the columns, for "
            "example to principal components",
        )


def _check_finite(path: Path, rows: Array, lines: Sequence[int]) -> None:
    bad = np.argwhere(~np.isfinite(rows))
    if len(bad):
        row, column = bad[0]
        raise _refusal(
            path,
            f"has {rows[row, column]} in row {lines[row]}, column {column + 1}; every number must "
            "be finite: correct it or leave the sample out",
        )


def _check_variation(path: Path, rows: Array) -> None:
    constant = np.flatnonzero(np.all(rows == rows[0], axis=0))
    if len(constant):
        raise _refusal(
            path,
            f"has {rows[0, constant[0]]:g} in every row of column {constant[0] + 1}; leave out "
            "columns that do not vary, and lower network.inputs accordingly",
        )
    rank = int(np.linalg.matrix_rank(rows))
    if rank < rows.shape[1]:
        raise _refusal(
            path,
            f"does not vary in all directions: its {rows.shape[1]} columns depend linearly on each "
            f"other (rank {rank}); leave some out, or reduce them to {rank} principal components",
        )


def _refusal(path: Path, problem: str) -> RequestError:
    return RequestError(_FIELD, f'= "{path.name}" {problem}')

"""Files of sweeps, CSV or NetCDF, and the parts of a sweep that is not finished yet.

Finished parts are kept beside the file, under its name with ``.partial``: lines of JSON, with all
digits, below one that says which sweep they belong to.  A line that was cut off counts for nothing.
"""

from __future__ import annotations

import csv
import hashlib
import json
import time
from collections.abc import Collection, Mapping, Sequence
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from symdrift.errors import RequestError
from symdrift.evaluation.sweep_request import SweepRequest
from symdrift.evaluation.swept_numbers import SweptNumbers
from symdrift.files import replacing, require_file
from symdrift.progress import log_stage

Block = tuple[int, int]
"""First point and number of points of a part."""

SUFFIXES = (".csv", ".nc")

_SECONDS = 1.0
"""After which finished parts are written down."""


class SweepFile:
    """Where the numbers of a sweep go.

    Parameters
    ----------
    target : Path
        CSV or NetCDF, by suffix.

    Raises
    ------
    RequestError
        When the suffix is neither, the file cannot be written, or what writes it is missing.
    """

    def __init__(self, target: Path) -> None:
        self.target, self.partial = target, target.with_name(f"{target.name}.partial")
        if target.suffix not in SUFFIXES:
            raise RequestError("--out", f'= "{target}" must end in {" or ".join(SUFFIXES)}')
        if target.suffix == ".nc" and not all(map(find_spec, ("xarray", "h5netcdf", "h5py"))):
            raise RequestError(
                "--out", "needs xarray, h5netcdf and h5py for NetCDF: pip install 'symdrift[data]'"
            )
        require_file(target, "--out")
        self._head = ""
        self._pending: list[tuple[int, SweptNumbers]] = []
        self._written = time.monotonic()

    def require_own(self, request: SweepRequest) -> None:
        """Refuse to replace what another sweep has written.

        Raises
        ------
        RequestError
            When the file that is there has other axes, points or symbols.
        """
        if not self.target.exists() or not self.target.stat().st_size:
            return
        symbols = {} if not request.axes else request.varied(0, 1).symbols
        wanted = {axis.path: tuple(dict.fromkeys(axis.values)) for axis in request.axes} | {
            name: (float(value),)
            for name, value in symbols.items()
            if value.ndim == 0 and np.isfinite(value)
        }
        try:
            points, found = _held(self.target, wanted)
            other = _difference(request.total, points, wanted, found)
        except (OSError, KeyError, ValueError, csv.Error):
            other = "is no file of a sweep"
        if other:
            raise RequestError(
                "--out", f"= {self.target} is there already and {other}; remove that file, or give "
                "another one"
            )  # fmt: skip

    def parts(self, request: SweepRequest, blocks: Sequence[Block]) -> dict[Block, SweptNumbers]:
        """Finished parts of this sweep that an earlier run left.

        Raises
        ------
        RequestError
            When those that are there belong to another sweep.
        """
        self._head = _identity(request)
        found: dict[Block, SweptNumbers] = {}
        try:
            lines = self.partial.read_text(encoding="utf-8").split("\n")
        except (OSError, UnicodeError):
            return found
        if lines[0] != self._head:
            raise RequestError(
                "--out", f"= {self.target} has parts of another sweep in {self.partial.name}"
                f"{_other(lines[0], self._head)}; remove that file, or give another one"
            )  # fmt: skip
        known = dict(blocks)
        for line in lines[1:-1]:
            first, _, record = line.partition(" ")
            try:
                block = int(first), known[int(first)]
                part = SweptNumbers.of_line(record)
            except (ValueError, KeyError):
                break
            if len(part) != block[1]:
                break
            found[block] = part
        log_stage(f"going on after {sum(map(len, found.values()))} points of {self.partial.name}")
        # Whatever is behind the last whole line goes.
        self._pending = [(first, part) for (first, _), part in found.items()]
        self._write("w")
        return found

    def keep(self, block: Block, part: SweptNumbers) -> None:
        """Write a finished part down, soon."""
        self._pending.append((block[0], part))
        if time.monotonic() - self._written > _SECONDS:
            self._write("a")

    def _write(self, mode: str) -> None:
        parts, self._pending = self._pending, []
        try:
            self.target.parent.mkdir(parents=True, exist_ok=True)
            fresh = mode == "w" or not self.partial.exists()
            with self.partial.open("w" if fresh else "a", encoding="utf-8") as stream:
                stream.writelines([f"{self._head}\n"] * fresh)
                stream.writelines(f"{first} {part.line()}\n" for first, part in parts)
        except OSError as error:
            raise RequestError(
                "--out", f"= {self.target} cannot be written: {error.strerror}"
            ) from None
        self._written = time.monotonic()

    def finish(self, request: SweepRequest, numbers: SweptNumbers) -> None:
        """Write the whole, and forget the parts."""
        with replacing(self.target, "--out") as temporary:
            if self.target.suffix == ".csv":
                from symdrift.tables import write_cells

                with temporary.open("w", encoding="utf-8", newline="") as stream:
                    write_cells(numbers.cells_in_parts(), stream)
            else:
                from symdrift.evaluation.swept_dataset import sweep_dataset

                sweep_dataset(request, numbers).to_netcdf(temporary, engine="h5netcdf")
        self.partial.unlink(missing_ok=True)


def _held(target: Path, names: Collection[str]) -> tuple[int, dict[str, tuple[float, ...]]]:
    """How many points a file has, and the different values of some of its columns, in order."""
    columns: dict[str, list[float]] = {}
    if target.suffix == ".csv":
        with target.open(encoding="utf-8", newline="") as stream:
            rows = csv.DictReader(stream)
            if "refused" not in (rows.fieldnames or ()):
                raise ValueError("not a table of a sweep")
            cells = [[row.get(name) for name in names] for row in rows]
        points = len(cells)
        for name, column in zip(names, zip(*cells, strict=True), strict=False):
            columns[name] = [float(cell) for cell in column if cell]
    else:
        import xarray

        with xarray.open_dataset(target, engine="h5netcdf") as data:
            points = data["refused"].size
            for name in names:
                if name in data.variables or name in data.attrs:
                    held = data[name] if name in data.variables else data.attrs[name]
                    columns[name] = np.ravel(np.asarray(held, dtype=float)).tolist()
    return points, {
        name: tuple(dict.fromkeys(values)) for name, values in columns.items() if values
    }


def _difference(
    total: int,
    points: int,
    wanted: Mapping[str, tuple[float, ...]],
    found: Mapping[str, tuple[float, ...]],
) -> str:
    """In what a file is another sweep's, in words; empty where it is in nothing."""
    for name, values in wanted.items():
        if name not in found:
            return f"has no {name}"
        if found[name] != values:
            return f"has {_told(name, found[name])}, not {_told(name, values)}"
    return "" if points == total else f"has {points} points, not {total}"


def _told(name: str, values: tuple[float, ...]) -> str:
    if len(values) == 1:
        return f"{name} = {values[0]:.15g}"
    return f"{len(values)} values of {name} from {values[0]:g} to {values[-1]:g}"


_OTHER = {
    "symdrift": "another version of symdrift wrote them",
    "study": "the study, or what was set in it, was another one then",
    "data": "the data files of the study were others then",
    "axes": "its axes have other points",
    "how": "it was asked for other quantities, or another way",
}
"""What is said of each part of the identity in which another sweep differs."""


def _identity(request: SweepRequest) -> str:
    """One line for the same sweep of the same study by the same version."""
    study = request.study
    how = (request.method, request.approximation, request.quantities, request.order)
    asked: Mapping[str, object] = {
        "study": study.document,
        "data": study.data_digest(),
        "axes": [(axis.path, axis.values) for axis in request.axes],
        "how": (how, request.groups),
    }
    digests = {name: _digest(part) for name, part in asked.items()}
    return json.dumps({"symdrift": version("symdrift"), **digests})


def _digest(part: object) -> str:
    text = json.dumps(part, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _other(found: str, own: str) -> str:
    """In what the sweep of a first line differs from ours; empty where it is no such line."""
    try:
        there, here = json.loads(found), json.loads(own)
        return next(f": {told}" for name, told in _OTHER.items() if there[name] != here[name])
    except (ValueError, KeyError, TypeError, StopIteration):
        return ""

"""Samples from a file: a table of numbers, one sample per row, made ready for a study."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from symdrift.errors import RequestError, counted, did_you_mean
from symdrift.expressions import LARGEST_NUMBER
from symdrift.inputs import Samples, SampleSource, percentage, varying_share
from symdrift.quoting import shown
from symdrift.study.model import LONGEST_NAME
from symdrift.study.row_labels import LAST_PLACES, tells_rows
from symdrift.study.table import Fault, Table, entry_at, is_damaged, read_table

Array = NDArray[np.float64]

LARGEST_FILE = 500_000_000
"""Bytes; every numerical stage goes through all samples."""

_FIELD = "inputs.file"
_MOST_COLUMNS = 4096
"""Columns or samples, whichever are fewer, from which principal components are computed."""
_MOST_NAMED = 50
"""Columns that a message names."""
_LONGEST_LIST = 400
"""Characters of a list of columns that a message proposes."""
_PLAIN = re.compile(r'[^"\\\x00-\x1f\x7f-\x9f]*')
"""Names that can be quoted as they are."""
_ROUNDING, _NOISE = 1e-8, 1e-5
"""Spread of a column, relative to its size, that is none, and that may be none."""
_COLLINEAR = 1e-5
"""Size of a combination of columns of size 1, below which one nearly is one of the others."""
SMALLEST_SPREAD = 1e-7
"""Share of the power of inputs that must not be their mean: less is lost in rounding."""
_LARGE_MEAN = 0.95
"""Share of the power that a mean has by oversight."""
_CODES = tuple(float(sign * nines) for nines in (99, 999, 9999, 99999) for sign in (-1, 1))
_FAR = 20.0
"""Such a number is a code where it exceeds all others of its column so many times."""


def read_samples(
    path: Path,
    inputs: int,
    columns: Sequence[str | int] = (),
    center: bool = False,
    components: int | None = None,
) -> Samples:
    """Samples of a file, checked.

    Parameters
    ----------
    path : Path
        A ``.csv`` or ``.npy`` file.
    inputs : int
        Numbers that each sample must have, where they are no principal components.
    columns : sequence of str or int
        Columns to take, in this order, by name or counted from 1; none stands for all.
        Columns that are named here may grow or count from row to row.
    center : bool
        Take the mean of each column out.
    components : int, optional
        Replace the columns by so many leading principal components: the axes of their
        second moment, about the mean if that was taken out.

    Raises
    ------
    RequestError
        When the file cannot be read, a column is not there, grows or counts from row to row
        or does not vary, values are missing or out of range, the samples have another number
        of entries, or some direction of the inputs is left without variation.
    """
    table = _table(path)
    if table.values.ndim != 2:
        raise _refusal(path, _shape(table.values, inputs))
    chosen = _chosen(table, columns, path)
    _check_faults(path, table, chosen)
    _check_range(path, table, chosen)
    _check_codes(path, table, chosen)
    rows = table.values[:, chosen]
    if not columns:
        _check_growth(path, table, chosen)
    if components is None:
        _check_constant(path, table, chosen, center)
    if components is None and len(chosen) != inputs:
        raise _refusal(path, _shape(rows, inputs))
    if center:
        rows = rows - rows.mean(axis=0)
    explained = None
    if components is not None:
        rows, explained = _principal(path, rows, components)
    _check_mean(path, rows, center)
    _check_variation(path, table, chosen, rows)
    header, names = table.header, _input_names(table, chosen, bool(columns), components)
    remarks = [table.remark, *_doubts(table, chosen, rows, components is not None, center)]
    remarks += [_renamed(table, chosen, names)] if components is None else []
    source = SampleSource(
        file=path.name,
        header=header.kind if header else "none",
        header_line=header.line if header else None,
        columns=table.values.shape[1],
        used=tuple(_name(table, column) for column in chosen),
        names=names,
        centred=center,
        components=components,
        explained=explained,
        remark="; ".join(f"{_FIELD}: {remark}" for remark in remarks if remark),
    )
    return Samples(rows, source)


def _table(path: Path) -> Table:
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise _refusal(path, f"is larger than {LARGEST_FILE} bytes; keep fewer samples")
        return read_table(path)
    except UnicodeDecodeError:
        raise _refusal(
            path,
            f"is not UTF-8 text (byte {_first_undecodable(path)}); save it with that encoding",
        ) from None
    except OSError as error:
        raise _refusal(path, f"cannot be read: {error.strerror or error}") from None
    except ValueError as error:
        raise _refusal(path, f"cannot be read: {error}") from None


def _first_undecodable(path: Path) -> int:
    try:
        path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return error.start
    return 0


def _chosen(table: Table, columns: Sequence[str | int], path: Path) -> list[int]:
    """Positions of the columns that a study takes."""
    count = table.values.shape[1]
    if not columns:
        return list(range(count))
    names = table.header.names if table.header else ()
    named: dict[str, list[int]] = {}
    for place, name in enumerate(names):
        named.setdefault(name, []).append(place)
    chosen: dict[int, None] = {}
    for index, column in enumerate(columns):
        field = f"inputs.columns.{index}"
        given = f'= "{shown(column)}"' if isinstance(column, str) else f"= {column}"
        if isinstance(column, str):
            places = named.get(" ".join(column.split()), []) if column.strip() else []
            if not names:
                raise RequestError(
                    field,
                    f'{given} is a name, and "{shown(path.name)}" has no header that is known as '
                    f"one; give numbers from 1 to {count}, without quotes, or put a line of names "
                    "that are no numbers above the samples",
                )
            if len(places) > 1:
                numbers = " and ".join(str(place + 1) for place in places[:3])
                raise RequestError(
                    field, f"{given} names the columns {numbers}; give the number of one of them"
                )
            if not places:
                hint = (
                    did_you_mean(column, names[:_MOST_COLUMNS])
                    if column.strip()
                    else "give the number of a column without a name; "
                )
                raise RequestError(
                    field,
                    f"{given} is no column; {hint}columns are {_list(map(_quoted, names))}",
                )
            place = places[0]
        else:
            place = column - 1
            if not 0 <= place < count:
                raise RequestError(field, f"{given} must be a name, or a number from 1 to {count}")
            text = str(column)
            if text in named and names[place] != text:
                raise RequestError(
                    field,
                    f'{given} may mean the column named "{text}" or the one in place {column}, '
                    f'named "{shown(names[place])}"; give its name in quotes',
                )
        if place in chosen:
            raise RequestError(field, f"{given} is taken twice; columns must differ")
        chosen[place] = None
    return list(chosen)


def _name(table: Table, column: int) -> str:
    """What the file calls a column: its name, or else its number."""
    name = table.header.names[column] if table.header else ""
    return name or str(column + 1)


def _called(table: Table, column: int) -> str:
    """What a message calls a column."""
    name = table.header.names[column] if table.header else ""
    return f'column "{shown(name)}"' if name else f"column {column + 1}"


def _quoted(name: str) -> str:
    return f'"{shown(name)}"'


def _list(names: Iterable[str]) -> str:
    found = list(names)
    more = len(found) - _MOST_NAMED
    return ", ".join(found[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _input_names(
    table: Table, chosen: Sequence[int], selected: bool, components: int | None
) -> tuple[str, ...]:
    """What the axes of the inputs are called: by the header, where it has usable names."""
    if components is not None:
        return tuple(f"PC {k + 1}" for k in range(components))
    axes = tuple(f"axis {k + 1}" for k in range(len(chosen)))
    names = [_name(table, column) for column in chosen]
    if table.header is None or table.header.kind == "numbers":
        numbered = tuple(f"column {name}" for name in names)
        return numbered if selected and _usable(numbered) else axes
    own = tuple(
        name if table.header.names[column] and _usable((name,)) else f"column {column + 1}"
        for name, column in zip(names, chosen, strict=True)
    )
    times = Counter(own)
    own = tuple(
        f"column {column + 1}" if times[name] > 1 else name
        for name, column in zip(own, chosen, strict=True)
    )
    return own if _usable(own) else axes


def _renamed(table: Table, chosen: Sequence[int], names: Sequence[str]) -> str:
    """Which columns have a name in the header that their axes cannot have; empty where none."""
    given = table.header.names if table.header and table.header.kind == "names" else ()
    pairs = zip(chosen, names, strict=True) if given else ()
    other = [c for c, name in pairs if given[c] not in ("", name)]
    what = _list(f"column {c + 1} ({_quoted(given[c])})" for c in other)
    return what and (
        f"{what} cannot be called by the name in the header: names must differ, be printable and "
        f"have at most {LONGEST_NAME} characters; rename what is to be known by its name"
    )


def _usable(names: Sequence[str]) -> bool:
    """Whether all names could be those of stimuli."""
    fit = all(name.isprintable() and len(name) <= LONGEST_NAME for name in names)
    return fit and len(set(names)) == len(names)


def _check_faults(path: Path, table: Table, chosen: Sequence[int]) -> None:
    wrong = {column: table.wrong[column] for column in chosen if column in table.wrong}
    if wrong:
        column, fault = min(wrong.items(), key=lambda item: (item[1].line, item[0]))
        where = f"{table.place} {fault.line}, {_called(table, column)}"
        if "\n" in fault.entry:
            raise _refusal(
                path,
                f"cannot be read: line {fault.line} opens a quote that is not closed where its "
                "entry ends; close or remove it",
            )
        if fault.count == len(table.lines) > 1 and not is_damaged(fault.entry):
            remedy = f"it holds text in every row: leave it out with {_advice(table, [column])}"
        elif fault.line == table.lines[0] and not is_damaged(fault.entry) and table.header:
            remedy = (
                f"below the names of the columns, line {fault.line} holds text such as units: "
                "delete it"
                if all(c in wrong and wrong[c].line == fault.line for c in chosen)
                else f"correct it, or delete line {fault.line} if it holds units or other text"
            )
        elif fault.line == table.lines[0] and fault.count == 1 and not is_damaged(fault.entry):
            remedy = "correct it, or give every column a name if this line is a header"
        else:
            remedy = (
                "numbers have a decimal point and are separated by commas, semicolons, tabs, "
                "bars or spaces"
            )
        raise _refusal(
            path, f'{where} holds "{shown(fault.entry)}", which is not a number; {remedy}'
        )
    missing = {column: table.missing[column] for column in chosen if column in table.missing}
    if missing:
        raise _refusal(path, _missing(table, missing))


def _missing(table: Table, missing: dict[int, Fault]) -> str:
    column, fault = min(missing.items(), key=lambda item: (item[1].line, item[0]))
    total = sum(fault.count for fault in missing.values())
    entry = f'holds "{shown(fault.entry)}"' if fault.entry else "is empty"
    where = f"{table.place} {fault.line}, {_called(table, column)}"
    advice = _advice(table, list(missing))
    if total == 1:
        return (
            f"misses 1 value: {where}, {entry}; fill it, leave that {table.place} out, or leave "
            f"the column out with {advice}"
        )
    columns = _list(_called(table, other) for other in sorted(missing))
    return (
        f"misses {total} values, in {columns}: the first, {where}, {entry}; fill them, leave "
        f"those {table.place}s out, or leave the columns out with {advice}"
    )


def _check_range(path: Path, table: Table, chosen: Sequence[int]) -> None:
    size = np.abs(table.values[:, chosen])
    bad = np.argwhere(((size > LARGEST_NUMBER) | (size < 1 / LARGEST_NUMBER)) & (size != 0))
    if len(bad):
        row, column = bad[0]
        line = table.lines[row]
        entry = entry_at(path, line, chosen[column]) if table.place == "line" else ""
        value = f"{table.values[row, chosen[column]]:g}"
        raise _refusal(
            path,
            f"has {shown(entry) or value} in {table.place} {line}, "
            f"{_called(table, chosen[column])}; numbers other than 0 must be between "
            f"{1 / LARGEST_NUMBER:g} and {LARGEST_NUMBER:g} in magnitude: rescale or correct them",
        )


def _check_codes(path: Path, table: Table, chosen: Sequence[int]) -> None:
    """Refuse numbers that stand for missing values, far from all others of their column."""
    found: dict[int, Fault] = {}
    for column in chosen:
        values = table.values[:, column]
        coded = np.isin(values, _CODES)
        others = np.abs(values[~coded])
        if coded.any() and len(others) and np.abs(values[coded]).min() > _FAR * others.max():
            first = int(np.argmax(coded))
            entry = f"{values[first]:g}"
            found[column] = Fault(table.lines[first], entry, int(np.count_nonzero(coded)))
    if found:
        raise _refusal(path, _missing(table, found))


def _check_growth(path: Path, table: Table, chosen: Sequence[int]) -> None:
    names = table.header.names if table.header else ()
    grown = {
        column: tells_rows(table.values[:, column], names[column] if names else "")
        for column in chosen
    }
    suspicious = [column for column in chosen if grown[column]]
    if suspicious:
        what = _list(f"{_called(table, column)} {grown[column]}" for column in suspicious)
        remark = f" ({table.remark.split(';')[0]})" if table.remark else ""
        raise _refusal(
            path,
            f"has columns that look like a row number, a counter or a time: {what}{remark}; leave "
            f"them out with {_advice(table, suspicious)}, or list them there too, by name or "
            "number, to keep them",
        )


def _check_mean(path: Path, rows: Array, center: bool) -> None:
    """Refuse samples whose variation is lost beside their mean; a single one has none."""
    share = varying_share(rows, np.full(len(rows), 1 / len(rows)))
    if not center and len(rows) > 1 and share < SMALLEST_SPREAD:
        raise RequestError(
            "inputs",
            f'of "{shown(path.name)}" have a mean so large that only {share:.1e} of their power is '
            f"variation about it, and {SMALLEST_SPREAD:g} is the least that is told from rounding; "
            "take the mean out with inputs.center = true, or subtract it from the file",
        )


def _doubts(
    table: Table, chosen: Sequence[int], rows: Array, reduced: bool, center: bool
) -> Iterator[str]:
    """What samples that are taken as they are may not have been meant to be."""
    share = varying_share(rows, np.full(len(rows), 1 / len(rows)))
    if not center and len(rows) > 1 and share < 1 - _LARGE_MEAN:
        yield (
            f"the mean of the samples has {percentage(1 - share)} of their power, so that it is "
            "the first thing that is learned; inputs.center = true takes it out"
        )
    if reduced or len(rows) < 2:
        return
    values = table.values[:, chosen]
    spread = np.ptp(values, axis=0) / np.abs(values).max(axis=0)
    still = [column for column, each in zip(chosen, spread, strict=True) if each <= _NOISE]
    if still and not (center and len(still) == len(chosen)):
        yield (
            f"{_list(_called(table, column) for column in still)} hardly varies, by "
            f"{spread.min():.1e} of its size; leave it out if that is noise, with "
            f"{_advice(table, still, chosen)}"
        )
        return
    scaled = rows / np.sqrt(np.mean(rows**2, axis=0))
    squares, axes = np.linalg.eigh(scaled.T @ scaled / len(rows))
    if len(chosen) > 1 and squares[0] < _COLLINEAR**2:
        weights = np.abs(axes[:, 0])
        order = [place for place in np.argsort(-weights) if weights[place] > 0.01]
        named, *others = (_called(table, chosen[place]) for place in order)
        yield (
            f"{named} is nearly a linear combination of {_list(others)}, to "
            f"{math.sqrt(max(squares[0], 0.0)):.1e} of their size; leave it out if it was computed "
            f"from them, with {_advice(table, [chosen[order[0]]], chosen)}"
        )


def _check_constant(path: Path, table: Table, chosen: Sequence[int], center: bool) -> None:
    size = np.abs(table.values).max(axis=0)
    # A single sample varies about zero, but not about its mean.
    spread = np.ptp(table.values, axis=0) if center or len(table.values) > 1 else size
    noise = LAST_PLACES if center else _ROUNDING
    dead = [c for c in chosen if spread[c] <= noise * size[c]]
    if dead:
        what = _list(f"{_called(table, c)} ({table.values[0, c]:g})" for c in dead)
        noisy = any(spread[c] > 0 for c in dead) and len(table.values) > 1
        offset = not center and any(spread[c] > LAST_PLACES * size[c] for c in dead)
        raise _refusal(
            path,
            f"has the same number in every row of {what}"
            f"{f', but for noise below {noise:g} of it' if noisy else ''}; leave out columns "
            f"that do not vary, with {_advice(table, dead, chosen)}"
            f"{', or take means out with inputs.center = true if that is no noise' * offset}",
        )


def _advice(table: Table, left_out: Sequence[int], chosen: Sequence[int] = ()) -> str:
    """The fields that leave columns out."""
    dropped = set(left_out)
    kept = [c for c in chosen or range(table.values.shape[1]) if c not in dropped]
    if not kept:
        return "inputs.columns and network.inputs"
    names = Counter(table.header.names if table.header else ())
    entries = []
    for column in kept:
        name = _name(table, column)
        plain = names[name] == 1 and _PLAIN.fullmatch(name)
        entries.append(f'"{name}"' if plain else str(column + 1))
    text = ", ".join(entries)
    text = f"[{text}]" if len(text) <= _LONGEST_LIST else f"(the other {len(kept)})"
    return f"inputs.columns = {text} and network.inputs = {len(kept)}"


def _shape(rows: Array, inputs: int) -> str:
    turned = rows.ndim == 2 and rows.shape[0] == inputs
    return (
        f"holds {' x '.join(map(str, rows.shape)) or 'a single'} number{'s'[: rows.ndim]}; rows of "
        f"network.inputs = {inputs} numbers are needed"
        f"{': transpose it, a sample is a row' if turned else ''}"
    )


def _principal(path: Path, rows: Array, components: int) -> tuple[Array, float]:
    """Leading principal components, and the share of the variance that they hold."""
    count, columns = rows.shape
    if min(count, columns) > _MOST_COLUMNS:
        raise RequestError(
            "inputs.components",
            f"needs {count} samples of {columns} columns reduced; {_MOST_COLUMNS} samples or "
            "columns are the most: choose some with inputs.columns",
        )
    # Both products have the same eigenvalues.
    tall = count >= columns
    variances, vectors = np.linalg.eigh((rows.T @ rows if tall else rows @ rows.T) / count)
    variances, vectors = variances[::-1], vectors[:, ::-1]
    reached = int(np.sum(variances > len(vectors) * np.finfo(float).eps * variances[0]))
    if components > reached:
        raise RequestError(
            "inputs.components",
            f"= {components} is more than the {reached} directions in which "
            f'"{shown(path.name)}" varies; give at most that many',
        )
    axes = vectors[:, :components] if tall else rows.T @ vectors[:, :components]
    axes /= np.linalg.norm(axes, axis=0)
    largest = axes[np.abs(axes).argmax(axis=0), np.arange(components)]
    explained = float(variances[:components].sum() / variances.clip(min=0).sum())
    return rows @ (axes * np.sign(largest)), explained


def _check_variation(path: Path, table: Table, chosen: Sequence[int], rows: Array) -> None:
    """Refuse inputs of which some direction does not vary; ``rows`` may be components."""
    count, columns = rows.shape
    if count < columns:
        raise _refusal(
            path,
            f"has {counted(count, 'row')} and {counted(columns, 'column')}, and as many rows as "
            "columns are the least that can vary in every direction; add samples, or reduce the "
            "columns, for example to principal components: inputs.components",
        )
    rank = int(np.linalg.matrix_rank(rows))
    if rank < columns:
        sizes = np.abs(rows).max(axis=0)
        if np.linalg.matrix_rank(rows / sizes) == columns == len(chosen):
            large, small = int(np.argmax(sizes)), int(np.argmin(sizes))
            line = table.lines[int(np.argmax(np.abs(rows[:, large])))]
            raise _refusal(
                path,
                f"has columns of sizes too far apart for double precision: "
                f"{_called(table, chosen[large])} reaches {sizes[large]:.3g} ({table.place} "
                f"{line}), {_called(table, chosen[small])} only {sizes[small]:.3g}; correct them, "
                "or give both in units that suit them",
            )
        raise _refusal(
            path,
            f"does not vary in all directions: its {columns} columns depend linearly on each "
            f"other (rank {rank}); leave some out, or reduce them to principal components with "
            f"inputs.components = {rank} and network.inputs = {rank}",
        )


def _refusal(path: Path, problem: str) -> RequestError:
    return RequestError(_FIELD, f'= "{shown(path.name)}" {problem}')

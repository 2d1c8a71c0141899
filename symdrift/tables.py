"""Records as tables of text, whatever shows them, and as CSV."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TextIO

from symdrift.quoting import csv_cell

Row = Mapping[str, object]
"""Numbers and texts by column."""


LARGEST_ERROR = 1e6
"""Standard error of a ratio or of its slope from which on the number is not known."""

ROUNDING = 1e-12
"""Error of a number, relative to it, that double precision makes."""

MOST_DECIMALS = 8
"""That are printed of a number with an error."""


@dataclass(frozen=True)
class Table:
    """Rows under headings, which may have several lines; ``caption`` stands below them."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""


def record_table(
    title: str,
    columns: Mapping[str, str],
    rows: Iterable[Row],
    formats: Mapping[str, str] | None = None,
    caption: str = "",
) -> Table:
    """Table with a row for each record.

    Parameters
    ----------
    columns : mapping of str to str
        Heading of each column, by its name in the records; a cell that is missing is blank.
    formats : mapping of str to str, optional
        How numbers of a column are printed, where it is not with five digits.
    """
    formats = formats or {}
    return Table(
        title,
        tuple(columns.values()),
        tuple(
            tuple(printed(row.get(name), formats.get(name, ".5g")) for name in columns)
            for row in rows
        ),
        caption,
    )


def printed(value: object, digits: str = ".5g") -> str:
    """A number with the digits that a reader compares; nothing for None; else as it prints."""
    if isinstance(value, float):
        return format(value, digits)
    return "" if value is None else str(value)


def short(value: float) -> str:
    """A number to three digits, without a power of ten where it has few."""
    return f"{float(f'{value:.3g}'):.6g}"


def with_error(value: float, error: float) -> str:
    """A number and its standard error, to the first digit of that, or two where it begins with 1.

    ``200 ± 200`` and ``1.50 ± 0.07``; an error beyond `LARGEST_ERROR` leaves nothing to say, and
    one that is `ROUNDING` is none.
    """
    if not error < LARGEST_ERROR:
        return "not known"
    if 0 < error < ROUNDING * abs(value):
        return short(value)
    mantissa, power = f"{error:.1e}".split("e")
    decimals = (1 if mantissa.startswith("1") else 0) - int(power)
    if error == 0 or decimals > MOST_DECIMALS:
        # All digits of the number that the error leaves, however small both are.
        size = math.floor(math.log10(abs(value))) if value and error else -decimals
        return f"{value:.{max(3, decimals + 1 + size)}g} ± {error:.2g}"
    shown = (f"{round(number, decimals) + 0.0:.{max(0, decimals)}f}" for number in (value, error))
    return " ± ".join(shown)


def with_band(value: float, error: float) -> str:
    """A computed number and how far off it may be: it keeps its digits where that is farther."""
    shown = with_error(value, error)
    if abs(value) < error < LARGEST_ERROR:
        return f"{short(value)} ± {short(float(f'{error:.1g}'))}"
    return shown


def write_csv(columns: Iterable[str], rows: Iterable[Row], stream: TextIO) -> None:
    """Write a line for each record; a cell that is missing or None is blank."""
    columns = tuple(columns)
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(map(csv_cell, columns))
    writer.writerows([csv_cell(row.get(name)) for name in columns] for row in rows)


def write_cells(parts: Iterable[Mapping[str, Sequence[object]]], stream: TextIO) -> None:
    """Write columns side by side, part below part; a cell that is None is blank.

    Columns are the same in all parts, and in each of them of equal length.
    """
    writer = csv.writer(stream, lineterminator="\n")
    for number, cells in enumerate(parts):
        if number == 0:
            writer.writerow(map(csv_cell, cells))
        # Numbers pass by as they are: there are many of them.
        columns = (
            map(csv_cell, column) if str in set(map(type, column)) else column
            for column in cells.values()
        )
        writer.writerows(zip(*columns, strict=True))


def as_sentence(text: str) -> str:
    """A remark that stands by itself: with a capital and a full stop."""
    return f"{text[:1].upper()}{text[1:]}."


def html_page(head: str, tables: Iterable[Table], remarks: Iterable[str]) -> str:
    """Tables for a notebook, with the content that a terminal shows."""
    parts = [f"<p><b>{escape(head)}</b></p>", *map(_html, tables)]
    return "".join([*parts, *(f"<p>{escape(remark)}</p>" for remark in remarks)])


def _html(table: Table) -> str:
    heads = "".join(f"<th>{_plain(heading)}</th>" for heading in table.head)
    body = "".join(
        "<tr>" + "".join(f"<td>{_plain(cell)}</td>" for cell in row) + "</tr>" for row in table.rows
    )
    below = f"<p>{_plain(table.caption)}</p>" if table.caption else ""
    return (
        f"<table><caption>{_plain(table.title)}</caption>"
        f"<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>{below}"
    )


def _plain(text: str) -> str:
    return escape(text).replace("\n", "<br>")

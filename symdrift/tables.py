"""Tables of text, whatever shows them: a terminal, a notebook, a file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

Record = dict[str, float | int | str]
"""Numbers and settings by name."""


@dataclass(frozen=True)
class Table:
    """Rows under headings, which may have several lines; ``caption`` stands below them."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""


def printed(value: object) -> str:
    """A number with the digits that a reader compares; anything else as it prints."""
    return f"{value:.5g}" if isinstance(value, float) else str(value)


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

"""Displayed equations as environments of LaTeX."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from symdrift.typesetting.formula import Formula
from symdrift.typesetting.lines import Layout

_WHOLE_ROWS = 4
"""Equations of up to so many rows are not divided between two pages."""


def align(rows: Iterable[tuple[Formula, Formula]], label: str = "") -> str:
    """An ``align`` whose last row carries the number when there is a label."""
    return _aligned([tuple(rows)], label)


def align_parts(parts: Iterable[Layout]) -> str:
    """An ``align*`` with the rows of several equations, such as the definitions of parts."""
    return _aligned([part.rows for part in parts], "")


def _aligned(groups: Sequence[Sequence[tuple[Formula, Formula]]], label: str) -> str:
    environment = "align" if label else "align*"
    silent = r" \notag" if label else ""
    lines = []
    for rows in groups:
        for position, (left, right) in enumerate(rows):
            following = len(rows) - position - 1
            # No page ends after the first row of an equation or before its last one.
            together = following and (len(rows) <= _WHOLE_ROWS or position == 0 or following == 1)
            line = f"{left.latex} & {right.latex}".strip()
            lines.append(line + silent + (r" \\*" if together else r" \\"))
    body = "\n".join(lines).removesuffix(r" \\").removesuffix(silent)
    number = f" \\label{{{label}}}" if label else ""
    return f"\\begin{{{environment}}}\n{body}{number}\n\\end{{{environment}}}"


def align_chain(
    links: Iterable[tuple[str, Sequence[tuple[Formula, Formula]]]], label: str, *, beside: bool
) -> str:
    """A chain of equalities with a reason in text at each of its signs.

    Parameters
    ----------
    links : iterable of tuple
        LaTeX of a reason, and the rows that it leads to.
    label : str
        Of the number on the last row.
    beside : bool
        Whether the reasons stand behind the rows rather than above them.
    """
    lines: list[str] = []
    for reason, rows in links:
        # A reason and what it leads to stand on one page.
        if not beside:
            lines.append(rf"& {reason} \notag \\*")
        for position, (left, right) in enumerate(rows):
            behind = f" && {reason}" if beside and position == 0 else ""
            end = r" \\*" if position < len(rows) - 1 else r" \\"
            lines.append(f"{left.latex} & {right.latex}{behind}".strip() + r" \notag" + end)
    body = "\n".join(lines).removesuffix(r" \notag \\")
    environment, columns = ("alignat", "{2}") if beside else ("align", "")
    begin, end = f"\\begin{{{environment}}}{columns}", f"\\end{{{environment}}}"
    return f"{begin}\n{body} \\label{{{label}}}\n{end}"

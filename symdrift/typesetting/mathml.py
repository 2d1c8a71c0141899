"""Formulas on a page."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from markupsafe import Markup

from symdrift.typesetting.formula import Formula

_PUNCTUATED = re.compile(r"\(?<math>(?:(?!</math>).)*</math>[.,;:?!)]+")


def inline(formula: Formula) -> Markup:
    """Inline ``<math>`` of a formula."""
    return Markup(f"<math>{formula.mathml}</math>")


def joined(pieces: Iterable[str]) -> Markup:
    """Prose with inline formulas, none of which leaves its punctuation to the next line."""
    text = str(Markup("").join(pieces))
    return Markup(_PUNCTUATED.sub(r'<span class="unbroken">\g<0></span>', text))


def chain(
    links: Iterable[tuple[str, Sequence[tuple[Formula, Formula]]]], *, beside: bool
) -> Markup:
    """Display ``<math>`` of a chain of equalities, each row behind or below its reason in text."""
    lines = []
    for reason, rows in links:
        told = f'<mtd class="reason"><mtext><span>{reason}</span></mtext></mtd>'
        if not beside:
            lines.append(f"<mtr><mtd></mtd>{told}</mtr>")
        for position, row in enumerate(rows):
            lines.append(f"<mtr>{_cells(*row)}{told if beside and position == 0 else ''}</mtr>")
    return _table("".join(lines), "right left left")


def block(rows: Sequence[tuple[Formula, Formula]]) -> Markup:
    """Display ``<math>`` of aligned rows, left and right of their alignment point."""
    return _table("".join(f"<mtr>{_cells(*row)}</mtr>" for row in rows), "right left")


def _cells(left: Formula, right: Formula) -> str:
    return f'<mtd class="left">{left.mathml}</mtd><mtd class="right">{right.mathml}</mtd>'


def _table(lines: str, columns: str) -> Markup:
    return Markup(
        f'<math display="block"><mtable displaystyle="true" columnalign="{columns}">'
        f"{lines}</mtable></math>"
    )

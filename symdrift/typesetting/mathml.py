"""Formulas on a page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from markupsafe import Markup, escape

from symdrift.typesetting.formula import Formula

_PUNCTUATION = ".,;:?!)"


class InlineFormula(Markup):
    """A formula within a line of text."""


def inline(formula: Formula) -> InlineFormula:
    """Inline ``<math>`` of a formula."""
    return InlineFormula(f"<math>{formula.mathml}</math>")


def joined(pieces: Iterable[str]) -> Markup:
    """Prose with inline formulas, none of which leaves its punctuation to the next line."""
    text = formula = ""
    for piece in pieces:
        rest = str(escape(piece))
        if formula and not isinstance(piece, InlineFormula):
            behind = rest[: len(rest) - len(rest.lstrip(_PUNCTUATION))]
            rest = rest.removeprefix(behind)
            if behind:
                before = "(" if text.endswith("(") else ""
                text = text.removesuffix("(")
                formula = f'<span class="unbroken">{before}{formula}{behind}</span>'
        text += formula
        formula = rest if isinstance(piece, InlineFormula) else ""
        text += "" if formula else rest
    return Markup(text + formula)


def chain(
    links: Iterable[tuple[str, Sequence[tuple[Formula, Formula]]]], *, beside: bool
) -> Markup:
    """A chain of equalities, each row before or below its reason in text.

    A table: inside of ``<math>`` links in reasons would be hidden from who does not see.
    """
    lines = []
    for reason, rows in links:
        told = f'<td class="reason">{reason}</td>'
        if not beside:
            lines.append(f"<tr><td></td>{told}</tr>")
        for position, row in enumerate(rows):
            sides = "".join(
                f'<td class="{side}"><math displaystyle="true">{formula.mathml}</math></td>'
                for side, formula in zip(("left", "right"), row, strict=True)
            )
            lines.append(f"<tr>{sides}{told if beside and position == 0 else ''}</tr>")
    return Markup(f'<table class="chain" role="presentation">{"".join(lines)}</table>')


def block(rows: Sequence[tuple[Formula, Formula]]) -> Markup:
    """Display ``<math>`` of aligned rows, left and right of their alignment point."""
    lines = "".join(
        f'<mtr><mtd class="left">{left.mathml}</mtd><mtd class="right">{right.mathml}</mtd></mtr>'
        for left, right in rows
    )
    return Markup(
        '<math display="block"><mtable displaystyle="true" columnalign="right left">'
        f"{lines}</mtable></math>"
    )

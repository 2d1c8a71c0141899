"""A derivation as a LaTeX article."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from symdrift.derivation import Derivation
from symdrift.documents.assembly import assemble, cell
from symdrift.documents.numbers import NO_NUMBERS, Numbers, Table
from symdrift.documents.rendering import Latex, escape_latex, render_latex
from symdrift.documents.typesetting import Layout, align

TEXT_WIDTH = 41.5
"""Width of the text in em: that of an equation, its number, and the gap between them."""


class LatexMedium:
    """How an article writes the parts of a derivation."""

    def text(self, text: str) -> Latex:
        """Plain text, escaped."""
        return escape_latex(text)

    def math(self, latex: str) -> Latex:
        """Inline mathematics."""
        return Latex(f"${latex}$")

    def equation_reference(self, label: str, number: int) -> Latex:
        """Reference to an equation, numbered by LaTeX."""
        return Latex(rf"\eqref{{eq:{label}}}")

    def step_reference(self, identifier: str, number: str) -> Latex:
        """Reference to a step, numbered by LaTeX."""
        return Latex(rf"section~\ref{{step:{identifier}}}")

    def join(self, pieces: Iterable[Latex]) -> Latex:
        """Pieces one after the other."""
        return Latex("".join(pieces))

    def display(self, layout: Layout, label: str, number: int) -> Latex:
        """A numbered equation with the definitions of the parts named in it."""
        text = _numbered(layout.rows, f"eq:{label}")
        parts = layout.all_definitions()
        if parts:
            text += "\nwhere\n" + align(row for part in parts for row in part.rows)
        remarks = (escape_latex(piece.remark) for piece in (layout, *parts) if piece.remark)
        return Latex("\n".join([text, *remarks]))


def _numbered(rows: Sequence[tuple[str, str]], label: str) -> str:
    if len(rows) == 1:
        body = " ".join(rows[0]).strip()
        return f"\\begin{{equation}}\\label{{{label}}}\n{body}\n\\end{{equation}}"
    return align(rows, label)


@dataclass(frozen=True)
class LatexTable:
    """A table, ready to print."""

    caption: str
    columns: Latex
    head: Latex
    rows: tuple[Latex, ...]


def _table(table: Table, medium: LatexMedium) -> LatexTable:
    columns = "".join(_column(title) for title in table.head)
    return LatexTable(
        caption=table.caption,
        columns=Latex(f"@{{}}{columns}@{{}}"),
        head=Latex(" & ".join(escape_latex(title) for title in table.head)),
        rows=tuple(Latex(" & ".join(cell(entry, medium) for entry in row)) for row in table.rows),
    )


def _column(title: str) -> str:
    if title == "meaning":
        return r">{\raggedright\arraybackslash}p{15em}"
    return "l" if title in ("symbol", "quantity", "value") else "r"


def derivation_latex(derivation: Derivation, numbers: Numbers = NO_NUMBERS) -> str:
    """LaTeX source of the article that tells a derivation.

    Parameters
    ----------
    derivation : Derivation
    numbers : Numbers
        Tables and figures that follow the derivation; figures as PDF.

    Raises
    ------
    DocumentError
        When the prose refers to something that the derivation lacks.
    RequestError
        When the notation holds something else than mathematics.
    """
    medium = LatexMedium()
    assembly = assemble(derivation, medium)
    return render_latex(
        "article.tex.jinja",
        title=derivation.title,
        study=derivation.study,
        text_width=f"{TEXT_WIDTH}em",
        checks=sum(len(step.checks) for step in derivation.steps),
        equations=sum(len(step.equations) for step in derivation.steps),
        notation=assembly.notation,
        sections=assembly.sections,
        tables=[_table(table, medium) for table in numbers.tables],
        figures=[
            {"path": Latex(f"{figure.path}.pdf"), "caption": figure.caption}
            for figure in numbers.figures
        ],
        warnings=numbers.warnings,
    )

"""A derivation as a LaTeX article."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sympy as sp

from symdrift.derivation import Check, Derivation, Equation, Step
from symdrift.documents.mathlist import NotMathematics, parse
from symdrift.documents.numbers import NO_NUMBERS, Cell, Formula, Numbers, Table, shape
from symdrift.documents.printer import TheoryPrinter
from symdrift.documents.prose import (
    EquationReference,
    Index,
    Inline,
    Paragraph,
    StepReference,
    Text,
    index,
    read_prose,
)
from symdrift.documents.rendering import Latex, escape_latex, render_latex
from symdrift.documents.typesetting import Layout, Names, align, lay_out
from symdrift.errors import RequestError

TEXT_WIDTH = 41.5
"""Width of the text, in em; 11 pt type on A4."""
EQUATION_WIDTH = 38.0
"""Room for an equation: the text less its number and the gap before it."""

_SMALL_ROLES = ("weight_decay", "learning_rate")


@dataclass(frozen=True)
class NotationRow:
    """One line of the notation table, ready to print."""

    symbol: Latex
    meaning: Latex
    shape: Latex


@dataclass(frozen=True)
class StepView:
    """One step, ready to print."""

    identifier: str
    title: str
    paragraphs: tuple[Latex, ...]
    displays: tuple[Latex, ...]
    assumptions: tuple[Latex, ...]
    checks: tuple[Latex, ...]


@dataclass(frozen=True)
class SectionView:
    """The steps under one heading."""

    title: str
    steps: tuple[StepView, ...]


def theory_printer(derivation: Derivation) -> TheoryPrinter:
    """Printer with the notation of a derivation; sums ascend in its small parameters.

    Raises
    ------
    RequestError
        When the notation holds something else than mathematics.
    """
    for name in derivation.symbol_names.values():
        try:
            parse(name)
        except NotMathematics as error:
            raise RequestError(
                "notation", f"holds {name!r}, which cannot be printed: {error}"
            ) from error
    small = [row.symbol for role in _SMALL_ROLES for row in derivation.notation if row.role == role]
    return TheoryPrinter(derivation.symbol_names, small)


def sections(derivation: Derivation) -> dict[str, list[Step]]:
    """Steps by section, sections in the order of their first step."""
    grouped: dict[str, list[Step]] = {}
    for step in derivation.steps:
        grouped.setdefault(step.section, []).append(step)
    return grouped


class LatexTypesetter:
    """Turns the parts of one derivation into LaTeX, with names unique in the document."""

    def __init__(self, derivation: Derivation) -> None:
        self._derivation = derivation
        self._printer = theory_printer(derivation)
        self._names = Names(set(derivation.symbol_names.values()))
        self._index: Index = index(derivation)

    def math(self, expression: sp.Basic) -> Latex:
        """Inline mathematics."""
        return Latex(f"${self._printer.doprint(expression)}$")

    def prose(self, text: str, step: Step) -> tuple[Latex, ...]:
        """Paragraphs of a step's prose."""
        paragraphs = read_prose(text, step.symbols, self._index.labels, self._index.steps)
        return tuple(self._paragraph(paragraph) for paragraph in paragraphs)

    def _paragraph(self, paragraph: Paragraph) -> Latex:
        pieces = []
        for fragment in paragraph:
            match fragment:
                case Text(text=text):
                    pieces.append(escape_latex(text.replace(" - ", " – ")))
                case Inline(expression=expression):
                    pieces.append(self.math(expression))
                case EquationReference(label=label):
                    pieces.append(Latex(rf"\eqref{{eq:{label}}}"))
                case StepReference(identifier=identifier):
                    pieces.append(Latex(rf"section~\ref{{step:{identifier}}}"))
        return Latex("".join(pieces))

    def display(self, equation: Equation) -> Latex:
        """A numbered equation with the definitions of the parts named in it."""
        layout = lay_out(
            equation.expression, self._printer, EQUATION_WIDTH, self._names, equation.condition
        )
        return Latex(numbered(layout, f"eq:{equation.label}"))

    def _check(self, check: Check, step: Step) -> Latex:
        (statement,) = self.prose(check.statement, step)
        method = escape_latex(check.method)
        return Latex(f"{statement.rstrip('. ')} ({method}).")

    def step(self, step: Step) -> StepView:
        """One step."""
        return StepView(
            identifier=step.identifier,
            title=step.title,
            paragraphs=self.prose(step.prose, step),
            displays=tuple(self.display(equation) for equation in step.equations),
            assumptions=tuple(
                paragraph for text in step.assumptions for paragraph in self.prose(text, step)
            ),
            checks=tuple(self._check(check, step) for check in step.checks),
        )

    def sections(self) -> tuple[SectionView, ...]:
        """The whole derivation."""
        return tuple(
            SectionView(title, tuple(self.step(step) for step in steps))
            for title, steps in sections(self._derivation).items()
        )

    def notation(self) -> tuple[NotationRow, ...]:
        """Rows of the notation table."""
        return tuple(
            NotationRow(self.math(row.symbol), escape_latex(row.meaning), _cell(shape(row.shape)))
            for row in self._derivation.notation
        )


def numbered(layout: Layout, label: str) -> str:
    """Display of a layout whose last row carries the number."""
    parts = layout.all_definitions()
    text = _display(layout.rows, label)
    if parts:
        rows = [row for part in parts for row in part.rows]
        text += "\nwhere\n" + align(rows)
        remarks = [piece.remark for piece in (layout, *parts) if piece.remark]
        text = "\n".join([text, *remarks])
    return text


def _display(rows: Sequence[tuple[str, str]], label: str) -> str:
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


def _table(table: Table) -> LatexTable:
    columns = "".join(_column(title) for title in table.head)
    return LatexTable(
        caption=table.caption,
        columns=Latex(f"@{{}}{columns}@{{}}"),
        head=Latex(" & ".join(escape_latex(title) for title in table.head)),
        rows=tuple(Latex(" & ".join(_cell(cell) for cell in row)) for row in table.rows),
    )


def _column(title: str) -> str:
    if title == "meaning":
        return r">{\raggedright\arraybackslash}p{14em}"
    return "l" if title in ("symbol", "quantity", "value") else "r"


def _cell(cell: Cell) -> Latex:
    return Latex(f"${cell.latex}$") if isinstance(cell, Formula) else escape_latex(cell)


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
    """
    typesetter = LatexTypesetter(derivation)
    return render_latex(
        "article.tex.jinja",
        title=derivation.title,
        study=derivation.study,
        text_width=f"{TEXT_WIDTH}em",
        checks=sum(len(step.checks) for step in derivation.steps),
        equations=sum(len(step.equations) for step in derivation.steps),
        notation=typesetter.notation(),
        sections=typesetter.sections(),
        tables=[_table(table) for table in numbers.tables],
        figures=[
            {"path": Latex(f"{figure.path}.pdf"), "caption": figure.caption}
            for figure in numbers.figures
        ],
        warnings=numbers.warnings,
    )

"""A derivation as one self-contained HTML page with MathML."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup, escape

from symdrift.derivation import Check, Derivation, Equation, Step
from symdrift.documents import mathml
from symdrift.documents.latex import EQUATION_WIDTH, sections, theory_printer
from symdrift.documents.numbers import NO_NUMBERS, Cell, Formula, Numbers, shape
from symdrift.documents.prose import (
    EquationReference,
    Inline,
    Paragraph,
    StepReference,
    Text,
    index,
    read_prose,
)
from symdrift.documents.rendering import render_html
from symdrift.documents.typesetting import Names, lay_out


@dataclass(frozen=True)
class EquationView:
    """A numbered display and the definitions of its parts."""

    label: str
    number: int
    main: Markup
    definitions: Markup
    remarks: tuple[str, ...]


@dataclass(frozen=True)
class StepView:
    """One step, ready to print."""

    identifier: str
    number: str
    title: str
    paragraphs: tuple[Markup, ...]
    equations: tuple[EquationView, ...]
    assumptions: tuple[Markup, ...]
    checks: tuple[Markup, ...]


@dataclass(frozen=True)
class SectionView:
    """The steps under one heading."""

    number: int
    title: str
    steps: tuple[StepView, ...]


class _Page:
    def __init__(self, derivation: Derivation) -> None:
        self._derivation = derivation
        self._printer = theory_printer(derivation)
        self._names = Names(set(derivation.symbol_names.values()))
        self._index = index(derivation)
        self._equation_numbers: dict[str, int] = {}
        self._step_numbers: dict[str, str] = {}
        for first, steps in enumerate(sections(derivation).values(), start=1):
            for second, step in enumerate(steps, start=1):
                self._step_numbers[step.identifier] = f"{first}.{second}"
                for equation in step.equations:
                    self._equation_numbers[equation.label] = len(self._equation_numbers) + 1

    def _prose(self, text: str, step: Step) -> tuple[Markup, ...]:
        paragraphs = read_prose(text, step.symbols, self._index.labels, self._index.steps)
        return tuple(self._paragraph(paragraph) for paragraph in paragraphs)

    def _paragraph(self, paragraph: Paragraph) -> Markup:
        pieces = []
        for fragment in paragraph:
            match fragment:
                case Text(text=text):
                    pieces.append(escape(text.replace(" - ", " – ")))
                case Inline(expression=expression):
                    pieces.append(mathml.inline(self._printer.doprint(expression)))
                case EquationReference(label=label):
                    pieces.append(
                        Markup('<a href="#eq-{}">({})</a>').format(
                            label, self._equation_numbers[label]
                        )
                    )
                case StepReference(identifier=identifier):
                    pieces.append(
                        Markup('<a href="#step-{}">section {}</a>').format(
                            identifier, self._step_numbers[identifier]
                        )
                    )
        return Markup("").join(pieces)

    def _equation(self, equation: Equation) -> EquationView:
        layout = lay_out(
            equation.expression, self._printer, EQUATION_WIDTH, self._names, equation.condition
        )
        parts = layout.all_definitions()
        rows = [row for part in parts for row in part.rows]
        return EquationView(
            equation.label,
            self._equation_numbers[equation.label],
            mathml.block(layout.rows),
            mathml.block(rows) if rows else Markup(""),
            tuple(piece.remark for piece in (layout, *parts) if piece.remark),
        )

    def _check(self, check: Check, step: Step) -> Markup:
        (statement,) = self._prose(check.statement, step)
        return Markup("{} ({})").format(statement, check.method)

    def _step(self, step: Step) -> StepView:
        return StepView(
            step.identifier,
            self._step_numbers[step.identifier],
            step.title,
            self._prose(step.prose, step),
            tuple(self._equation(equation) for equation in step.equations),
            tuple(paragraph for text in step.assumptions for paragraph in self._prose(text, step)),
            tuple(self._check(check, step) for check in step.checks),
        )

    def sections(self) -> tuple[SectionView, ...]:
        grouped = sections(self._derivation).items()
        return tuple(
            SectionView(number, title, tuple(self._step(step) for step in steps))
            for number, (title, steps) in enumerate(grouped, start=1)
        )

    def notation(self) -> tuple[tuple[Markup, str, Markup], ...]:
        return tuple(
            (mathml.inline(self._printer.doprint(row.symbol)), row.meaning, _cell(shape(row.shape)))
            for row in self._derivation.notation
        )


def _cell(cell: Cell) -> Markup:
    return mathml.inline(cell.latex) if isinstance(cell, Formula) else escape(cell)


def derivation_html(derivation: Derivation, numbers: Numbers = NO_NUMBERS) -> str:
    """HTML page that tells a derivation; no script, nothing loaded but its own figures.

    Parameters
    ----------
    derivation : Derivation
    numbers : Numbers
        Tables and figures that follow the derivation; figures as SVG.

    Raises
    ------
    DocumentError
        When the prose refers to something that the derivation lacks.
    """
    page = _Page(derivation)
    return render_html(
        "page.html.jinja",
        title=derivation.title,
        study=derivation.study,
        notation=page.notation(),
        sections=page.sections(),
        tables=[
            {
                "caption": table.caption,
                "head": table.head,
                "rows": [[_cell(cell) for cell in row] for row in table.rows],
            }
            for table in numbers.tables
        ],
        figures=[
            {"path": f"{figure.path}.svg", "caption": figure.caption} for figure in numbers.figures
        ],
        warnings=numbers.warnings,
    )

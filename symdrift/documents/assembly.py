"""A derivation put together for a medium: the same parts for every kind of document."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import sympy as sp

from symdrift.derivation.steps import Check, Derivation, Equation, Notation, Stem, Step
from symdrift.documents.numbers import Cell, shape
from symdrift.documents.pages import EQUATION_WIDTH
from symdrift.documents.prose import (
    EquationReference,
    Inline,
    Paragraph,
    StepReference,
    Text,
    index,
    read_prose,
)
from symdrift.errors import RequestError
from symdrift.study.roles import ROLES
from symdrift.typesetting.formula import TEXT, Formula
from symdrift.typesetting.lines import Layout, Names, lay_out, lay_out_chain
from symdrift.typesetting.printer import TheoryPrinter
from symdrift.typesetting.reading import NotMathematics, read

_REASON_CHARACTER, _REASON_REFERENCE, _REASON_SIZE, _REASON_GAP = 0.46, 1.9, 0.92, 2.0
"""Of the reasons in a chain: widths in em of text of a character and of a number, their size
against that of the text, and the room between them and what they explain."""

_SMALL_ROLES = ("weight_decay", "learning_rate")

Markup = TypeVar("Markup")


class Medium(Protocol[Markup]):
    """How one kind of document writes the parts of a derivation."""

    def text(self, text: str) -> Markup:
        """Plain text, escaped."""

    def math(self, formula: Formula) -> Markup:
        """Inline mathematics."""

    def equation_reference(self, label: str, number: int) -> Markup:
        """Reference to an equation."""

    def step_reference(self, identifier: str, number: str) -> Markup:
        """Reference to a step."""

    def join(self, pieces: Iterable[Markup]) -> Markup:
        """Pieces one after the other."""

    def display(self, layout: Layout, label: str, number: int, brief: Layout | None) -> Markup:
        """A numbered equation with the definitions of the parts named in it.

        ``brief`` describes an equation that is too long to read.
        """

    def chain(self, chain: ChainView[Markup], label: str, number: int) -> Markup:
        """A numbered chain of equalities, each with its reason."""


@dataclass(frozen=True)
class LinkView(Generic[Markup]):
    """A line of a chain and its reason, of about so many em of width, ready to print."""

    layout: Layout
    reason: Markup
    width: float


@dataclass(frozen=True)
class ChainView(Generic[Markup]):
    """A chain of equalities, ready to print.

    Its reasons stand ``beside`` its lines where all have room there, otherwise above them, where
    they have ``room`` in em.
    """

    links: tuple[LinkView[Markup], ...]
    beside: bool
    room: float


@dataclass(frozen=True)
class StepView(Generic[Markup]):
    """One step, ready to print."""

    identifier: str
    number: str
    title: str
    paragraphs: tuple[Markup, ...]
    displays: tuple[Markup, ...]
    assumptions: tuple[Markup, ...]
    checks: tuple[Markup, ...]
    rules: tuple[Markup, ...]


@dataclass(frozen=True)
class SectionView(Generic[Markup]):
    """The steps under one heading."""

    number: int
    title: str
    steps: tuple[StepView[Markup], ...]


@dataclass(frozen=True)
class NotationView(Generic[Markup]):
    """One line of the notation table, ready to print, with the step that is first to use it."""

    symbol: Markup
    meaning: Markup
    shape: Markup
    step: str
    number: str


@dataclass(frozen=True)
class Assembly(Generic[Markup]):
    """A whole derivation, ready to print."""

    notation: tuple[NotationView[Markup], ...]
    sections: tuple[SectionView[Markup], ...]

    @property
    def notation_by_section(self) -> list[NotationView[Markup]]:
        """Rows of the notation in the order in which the text first uses their symbols."""
        steps = [*(step.identifier for section in self.sections for step in section.steps), ""]
        return sorted(self.notation, key=lambda row: steps.index(row.step))


def assemble(
    derivation: Derivation,
    medium: Medium[Markup],
    width: float = EQUATION_WIDTH,
    text_width: float = EQUATION_WIDTH,
) -> Assembly[Markup]:
    """Write every part of a derivation in a medium.

    Parameters
    ----------
    derivation : Derivation
    medium : Medium
    width : float
        Room for an equation, in em.
    text_width : float
        Room for what is read in the place of an equation that is too long, at most ``width``.

    Raises
    ------
    DocumentError
        When the prose refers to something that the derivation lacks.
    RequestError
        When the notation holds something else than mathematics.
    """
    return _Assembler(derivation, medium, width, min(text_width, width)).assembly()


def cell(content: Cell, medium: Medium[Markup]) -> Markup:
    """Cell of a table."""
    return medium.math(content) if isinstance(content, Formula) else medium.text(content)


def theory_printer(derivation: Derivation) -> TheoryPrinter:
    """Printer with the notation of a derivation; sums ascend in its small parameters.

    Raises
    ------
    RequestError
        When the notation holds something else than mathematics.
    """
    for name in derivation.symbol_names.values():
        try:
            read(name)
        except NotMathematics as error:
            raise RequestError(
                "notation", f"holds {name!r}, which cannot be printed: {error}"
            ) from error
    small = [row.symbol for role in _SMALL_ROLES for row in derivation.notation if row.role == role]
    return TheoryPrinter(derivation.symbol_names, small)


class _Assembler(Generic[Markup]):
    def __init__(
        self, derivation: Derivation, medium: Medium[Markup], width: float, text_width: float
    ) -> None:
        self._derivation = derivation
        self._medium = medium
        self._width = width
        self._text_width = text_width
        self._printer = theory_printer(derivation)
        self._names = Names(set(derivation.symbol_names.values()))
        self._index = index(derivation)
        self._sections: dict[str, list[Step]] = {}
        for step in derivation.steps:
            self._sections.setdefault(step.section, []).append(step)
        self._equations: dict[str, int] = {}
        self._steps: dict[str, str] = {}
        for first, steps in enumerate(self._sections.values(), start=1):
            for second, step in enumerate(steps, start=1):
                self._steps[step.identifier] = f"{first}.{second}"
                for equation in step.equations:
                    self._equations[equation.label] = len(self._equations) + 1

    def assembly(self) -> Assembly[Markup]:
        sizes = {
            ROLES[row.role].latex: self._printer.doprint(row.symbol)
            for row in self._derivation.notation
            if row.role in ("inputs", "outputs", "hidden")
        }
        places = self._first_places()
        return Assembly(
            notation=tuple(
                NotationView(
                    self._math(row.symbol),
                    self._medium.text(row.meaning),
                    cell(shape(row.shape, sizes), self._medium),
                    step := self._first_place(row, places),
                    self._steps.get(step, ""),
                )
                for row in self._derivation.notation
            ),
            sections=tuple(
                SectionView(number, title, tuple(self._step(step) for step in steps))
                for number, (title, steps) in enumerate(self._sections.items(), start=1)
            ),
        )

    def _first_places(self) -> dict[sp.Basic | Stem, str]:
        """For each symbol, and for its print without an index, the first step that uses it."""
        found: dict[sp.Basic | Stem, str] = {}
        for step in self._derivation.steps:
            for item in self._derivation.shown_in(step.shown):
                found.setdefault(item, step.identifier)
                found.setdefault(self._derivation.stem(item), step.identifier)
        return found

    def _first_place(self, row: Notation, places: Mapping[sp.Basic | Stem, str]) -> str:
        item = row.symbol.base if isinstance(row.symbol, sp.Indexed) else row.symbol
        key = self._derivation.stem(item) if row.role in ROLES else item
        return places.get(key, "")

    def _step(self, step: Step) -> StepView[Markup]:
        return StepView(
            identifier=step.identifier,
            number=self._steps[step.identifier],
            title=step.title,
            paragraphs=self._prose(step.prose, step),
            displays=tuple(self._display(equation, step) for equation in step.equations),
            assumptions=tuple(
                paragraph for text in step.assumptions for paragraph in self._prose(text, step)
            ),
            checks=tuple(self._check(check, step) for check in step.checks),
            rules=tuple(
                self._medium.text(rule)
                for rule in dict.fromkeys(applied.rule for applied in step.simplifications)
            ),
        )

    def _math(self, expression: sp.Basic) -> Markup:
        return self._medium.math(self._printer.doprint(expression))

    def _prose(self, text: str, step: Step) -> tuple[Markup, ...]:
        paragraphs = read_prose(text, step.symbols, self._index.labels, self._index.steps)
        return tuple(self._paragraph(paragraph) for paragraph in paragraphs)

    def _paragraph(self, paragraph: Paragraph) -> Markup:
        return self._medium.join(self._pieces(paragraph))

    def _pieces(self, paragraph: Paragraph) -> Iterable[Markup]:
        for fragment in paragraph:
            match fragment:
                case Text(text=text):
                    yield self._medium.text(text.replace(" - ", "\u00a0– "))
                case Inline(expression=sp.And() as conditions):
                    yield from self._conditions(conditions)
                case Inline(expression=expression):
                    yield self._math(expression)
                case EquationReference(label=label):
                    yield self._medium.equation_reference(label, self._equations[label])
                case StepReference(identifier=identifier):
                    yield self._medium.step_reference(identifier, self._steps[identifier])

    def _conditions(self, conditions: sp.And) -> Iterable[Markup]:
        """Several conditions as a list in a sentence."""
        *others, last = sorted(conditions.args, key=sp.default_sort_key)
        for position, condition in enumerate(others):
            yield self._math(condition)
            yield self._medium.text(", " if position < len(others) - 1 else " and ")
        yield self._math(last)

    def _chain(self, equation: Equation, step: Step) -> Markup:
        start, lines = equation.expression.args[0], [link.expression for link in equation.links]
        layouts = lay_out_chain(start, lines, self._printer, self._width, self._names)
        links = tuple(
            LinkView(layout, *self._reason(link.reason, step))
            for layout, link in zip(layouts, equation.links, strict=True)
        )
        left = layouts[0].rows[0][0].width
        longest = max(right.width for layout in layouts for _, right in layout.rows)
        reasons = max(link.width for link in links)
        beside = left + longest + _REASON_GAP + reasons <= self._width
        view = ChainView(links, beside, self._width - left)
        return self._medium.chain(view, equation.label, self._equations[equation.label])

    def _reason(self, text: str, step: Step) -> tuple[Markup, float]:
        """A reason, and about how wide it is."""
        (paragraph,) = read_prose(text, step.symbols, self._index.labels, self._index.steps)
        width = 0.0
        for fragment in paragraph:
            match fragment:
                case Text(text=text):
                    width += _REASON_CHARACTER * len(text)
                case Inline(expression=expression):
                    width += self._printer.doprint(expression).box_in(TEXT).width
                case EquationReference() | StepReference():
                    width += _REASON_REFERENCE
        return self._paragraph(paragraph), _REASON_SIZE * width

    def _display(self, equation: Equation, step: Step) -> Markup:
        if equation.links:
            return self._chain(equation, step)
        layout = lay_out(
            equation.expression, self._printer, self._width, self._names, equation.condition
        )
        brief = None
        if equation.brief is not None:
            width = self._text_width
            brief = lay_out(equation.brief, self._printer, width, self._names, equation.condition)
        return self._medium.display(layout, equation.label, self._equations[equation.label], brief)

    def _check(self, check: Check, step: Step) -> Markup:
        paragraphs = self._prose(check.statement.rstrip(". "), step)
        method = self._medium.text(f" ({check.method}).")
        return self._medium.join([*paragraphs, method])

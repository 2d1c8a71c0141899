"""Exercises in LaTeX and HTML: the same parts, written by one pen per medium."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import sympy as sp
from markupsafe import Markup

from symdrift.derivation.steps import Derivation
from symdrift.derivation.symbols import latex_names
from symdrift.documents.assembly import theory_printer
from symdrift.documents.inline import InlineHtml, InlineLatex
from symdrift.documents.prose import Inline, Text, read_prose
from symdrift.quoting import Latex
from symdrift.study.letters import in_notation
from symdrift.study.roles import ROLES
from symdrift.teaching.exercises.exercise import Answer, Exercise, Passage, is_plain
from symdrift.teaching.exercises.sheets import Sheet
from symdrift.teaching.exercises.statements import LATEX, legend
from symdrift.typesetting import mathml
from symdrift.typesetting.align import align
from symdrift.typesetting.formula import Formula, letter, row
from symdrift.typesetting.lines import Layout, Names, lay_out
from symdrift.typesetting.printer import TheoryPrinter, decimal

WIDTH = 36.0
"""Room for an equation, in em."""

DIGITS = 6
"""Digits of a number that is too long to be written exactly."""

_EQUALS, _NEARLY = letter("="), letter(r"\approx")


class Pen(Protocol):
    """How a medium writes text, inline mathematics and displays."""

    def text(self, text: str) -> str:
        """Plain text, escaped."""

    def math(self, formula: Formula) -> str:
        """Inline mathematics."""

    def join(self, pieces: Sequence[str]) -> str:
        """Pieces one after the other."""

    def display(self, layouts: Sequence[Layout]) -> str:
        """Displayed equations, one below the other."""


class LatexPen(InlineLatex):
    """Writes LaTeX."""

    def display(self, layouts: Sequence[Layout]) -> Latex:
        """Displayed equations, aligned with each other."""
        return Latex(align(_rows(layouts)))


class HtmlPen(InlineHtml):
    """Writes HTML with MathML."""

    def display(self, layouts: Sequence[Layout]) -> Markup:
        """Displayed equations, aligned with each other."""
        return mathml.block(_rows(layouts))


def _rows(layouts: Sequence[Layout]) -> list[tuple[Formula, Formula]]:
    """Rows of equations and of the parts that they name."""
    return [
        row for layout in layouts for part in (layout, *layout.all_definitions())
        for row in part.rows
    ]  # fmt: skip


def sheet_view(sheet: Sheet, derivation: Derivation, pen: Pen) -> dict[str, Any]:
    """A sheet ready to be printed by a template: tasks, solutions, answers."""
    writer = _Writer(derivation, pen)
    return {
        "student": sheet.student,
        "exercises": [writer.exercise(exercise) for exercise in sheet.exercises],
    }


class _Writer:
    def __init__(self, derivation: Derivation, pen: Pen) -> None:
        self._derivation, self._pen = derivation, pen
        by_role = {
            row.role: derivation.symbol_names[row.symbol]
            for row in derivation.notation
            if row.role in ROLES
        }
        self._roles = {role: by_role.get(role, ROLES[role].latex) for role in ROLES}

    def exercise(self, exercise: Exercise) -> dict[str, Any]:
        passages = (exercise.task, legend(exercise), *exercise.solution)
        found: set[sp.Basic] = {answer.symbol for answer in exercise.answers}
        for passage in passages:
            for part in (*passage.symbols.values(), *passage.equations):
                found |= part.free_symbols
        ordered = sorted((item for item in found if isinstance(item, sp.Symbol)), key=str)
        names = self._derivation.symbol_names
        extra = {k: v for k, v in latex_names(self._roles, ordered).items() if k not in names}
        own = {item: in_notation(latex, self._roles) for item, latex in LATEX.items()}
        printer = theory_printer(self._derivation).with_names(extra | own)
        fresh = Names(set(names.values()))

        def math(expression: sp.Basic) -> str:
            return self._pen.math(printer.doprint(expression))

        def written(passage: Passage) -> dict[str, Any]:
            (paragraph,) = read_prose(passage.prose, passage.symbols, (), ())
            pieces = [
                math(piece.expression) if isinstance(piece, Inline) else self._pen.text(piece.text)
                for piece in paragraph
                if isinstance(piece, Inline | Text)
            ]
            layouts = [
                _rounded(equation, printer) or lay_out(equation, printer, WIDTH, fresh)
                for equation in passage.equations
            ]
            return {
                "text": self._pen.join(pieces),
                "display": self._pen.display(layouts) if layouts else None,
            }

        def answer(entry: Answer) -> str:
            left = printer.doprint(entry.symbol)
            exact = printer.doprint(entry.value)
            near = decimal(f"{entry.decimal:.6g}")
            if entry.exact is None:
                return self._pen.math(row(left, _NEARLY, near))
            if entry.value.is_Integer:
                return self._pen.math(row(left, _EQUALS, exact))
            rounded = sp.Rational(f"{entry.decimal:.6g}") != entry.value
            relation = _NEARLY if rounded else _EQUALS
            return self._pen.math(row(left, _EQUALS, exact, relation, near))

        return {
            "title": exercise.title,
            "difficulty": exercise.difficulty,
            "task": written(exercise.task),
            "legend": written(legend(exercise)),
            "solution": [written(passage) for passage in exercise.solution],
            "answers": [answer(entry) for entry in exercise.answers],
        }


def _rounded(equation: sp.Basic, printer: TheoryPrinter) -> Layout | None:
    """An equation with a number that is rounded, or too long to be written exactly."""
    if not isinstance(equation, sp.Eq) or equation.rhs.free_symbols:
        return None
    right = equation.rhs

    def short(number: sp.Expr) -> sp.Expr:
        return number if is_plain(number) else sp.N(number, DIGITS)

    matrix = isinstance(right, sp.MatrixBase)
    shown = right.applyfunc(short) if matrix else short(right)
    if not shown.has(sp.Float):
        return None
    if matrix:
        # Entries are read against each other: none stays a fraction beside decimals.
        shown = right.applyfunc(lambda entry: sp.N(entry, DIGITS))
    return Layout(((printer.doprint(equation.lhs), row(_NEARLY, printer.doprint(shown))),))

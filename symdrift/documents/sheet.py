"""The formulas of a derivation on one page."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from symdrift.derivation import marks
from symdrift.derivation.steps import Derivation, Notation
from symdrift.documents.assembly import Assembly, SectionView, assemble
from symdrift.documents.levels import essential_labels, notation_of, without_links
from symdrift.documents.measured import LINE, MeasuredMedium, Piece, display_height
from symdrift.documents.rendering import render_latex
from symdrift.quoting import Latex
from symdrift.typesetting.align import align, align_parts
from symdrift.typesetting.formula import Formula
from symdrift.typesetting.lines import Layout

EQUATION_WIDTH = 25.0
"""Room for an equation in a column of the sheet, in em of its text."""

_ROOM = 188.0
"""Height of the formulas on the page, both columns together, in em."""
_HEADING, _GAP = 1.8, 0.6
_TALLEST = 12.0
_HAS_ROOM_FIRST = frozenset(["momentum-rate"])
"""Labels of formulas that say how the others are to be read."""


@dataclass(frozen=True)
class SheetSection:
    """Formulas under one heading, ready to print."""

    title: str
    displays: tuple[Latex, ...]


def sheet_latex(derivation: Derivation) -> str:
    """LaTeX source of one page with the formulas of a derivation and their numbers in it.

    Of a chain of equalities it shows what it begins and ends with.

    Raises
    ------
    DocumentError
        When the prose refers to something that the derivation lacks.
    RequestError
        When the notation holds something else than mathematics.
    """
    derivation = without_links(derivation)
    assembly = assemble(derivation, MeasuredMedium(_display), EQUATION_WIDTH)
    shown = _selection(derivation, assembly)
    told = _told(derivation, shown)
    sections = []
    for section in assembly.sections:
        displays = tuple(
            piece.latex for label, piece in _labelled(derivation, section) if label in shown
        )
        if displays:
            sections.append(SheetSection(section.title, displays))
    return render_latex(
        "sheet.tex.jinja",
        title=derivation.title,
        study=derivation.study,
        notation=[
            (view.symbol.latex, view.meaning.latex)
            for row, view in zip(derivation.notation, assembly.notation, strict=True)
            if row in told
        ],
        sections=sections,
    )


def _display(layout: Layout, label: str, number: int, brief: Layout | None) -> Piece:
    """An equation with its number in the derivation."""
    layout = brief or layout
    (*rows, (left, right)) = layout.rows
    text = align([*rows, (left, right + Formula(rf" \tag{{{number}}}"))])
    if parts := layout.all_definitions():
        text += "\nwhere\n" + align_parts(parts)
    return Piece(Latex(text), display_height(layout, _GAP))


def _labelled(derivation: Derivation, section: SectionView[Piece]) -> list[tuple[str, Piece]]:
    return [
        (equation.label, piece)
        for step in section.steps
        for equation, piece in zip(
            derivation[step.identifier].equations, step.displays, strict=True
        )
    ]


def _told(derivation: Derivation, labels: Iterable[str]) -> list[Notation]:
    """Rows of the notation for the symbols in some equations, with or without an index.

    The room is for formulas: signs and indices are explained in the derivation.
    """
    shown = (derivation.equation(label).expression for label in labels)
    return [row for row in notation_of(derivation, shown) if row.symbol not in marks.LATEX]


def _selection(derivation: Derivation, assembly: Assembly[Piece]) -> frozenset[str]:
    """Labels of what the page has room for: the essential, the results, then the rest in order."""
    labels = essential_labels(derivation)
    essential: list[tuple[str, float, int]] = []
    others: list[list[tuple[str, float, int]]] = []
    for section in assembly.sections:
        labelled = [
            (label, piece.height, section.number)
            for label, piece in _labelled(derivation, section)
            if piece.height <= _TALLEST
        ]
        chosen = [row for row in labelled if row[0] in labels]
        essential += chosen
        others += [] if chosen else [labelled]
    essential.sort(key=lambda row: row[0] not in _HAS_ROOM_FIRST)
    # The results of the study stand in the last section, and come first here.
    rest = (row for section in (*others[-1:], *others[:-1]) for row in section)
    shown: list[str] = []
    headed: set[int] = set()
    used = 0.0
    for label, height, section_number in (*essential, *rest):
        needed = used + height + (0 if section_number in headed else _HEADING)
        # The notation is running text over both columns, about four symbols a line.
        told = 2 * LINE * math.ceil(len(_told(derivation, [*shown, label])) / 4)
        if needed + told <= _ROOM:
            shown.append(label)
            headed.add(section_number)
            used = needed
    return frozenset(shown)

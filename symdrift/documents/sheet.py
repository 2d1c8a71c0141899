"""The formulas of a derivation on one page."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import sympy as sp

from symdrift.derivation.steps import Derivation, Notation, Step
from symdrift.documents.assembly import Assembly, SectionView, assemble
from symdrift.documents.measured import LINE, MeasuredMedium, Piece, display_height
from symdrift.documents.rendering import render_latex
from symdrift.quoting import Latex
from symdrift.study.roles import ROLES
from symdrift.typesetting.align import align, align_parts
from symdrift.typesetting.formula import Formula
from symdrift.typesetting.lines import Layout

EQUATION_WIDTH = 25.0
"""Room for an equation in a column of the sheet, in em of its text."""

ESSENTIAL = frozenset([
    "sample-loss", "update", "residual", "balance", "singular-value", "axis-residual", "active",
    "reduction", "generator", "metric", "dimension", "hessian-pair", "coupling", "hessian-own",
    "noise-pair", "noise-own", "batch", "lyapunov", "lyapunov-solution", "fluctuation-own",
    "excess-loss", "rotation-step", "sylvester", "covariance", "mean", "overlap", "own-overlap",
    "sylvester-left", "sylvester-right", "term", "own-sylvester", "own-term", "total",
    "mean-rotation", "axis-decay", "representation-diffusion", "decay-rate", "displacement",
    "isotropic", "isotropic-quiet", "next-rotation", "irrelevant", "critical-noise", "exponents",
    "learned-map", "factored", "slope", "slope-form", "reach", "map-hessian", "map-noise",
    "map-noise-elliptical", "stimulus-noise", "map-turn", "map-equations", "map-covariance",
    "map-mean", "decay-matrix", "diffusion", "rate", "speed", "synaptic", "silent-metric",
    "frame-mean", "frame-variance", "angle-correlation", "angle-rate",
])  # fmt: skip
"""Labels of the formulas that a sheet shows, where a derivation has them.

Of the results of the study, and then of a section without any of them, it shows what fits.
"""

ON_SHARED_AXES = {
    "learned-map": "singular-value", "factored": "singular-value", "slope": "axis-residual",
    "slope-form": "axis-residual", "reach": "hessian-pair", "map-noise": "noise-pair",
    "decay-matrix": "axis-decay", "diffusion": "representation-diffusion", "rate": "decay-rate",
    "speed": "no-mean",
}  # fmt: skip
"""Formulas of any task, and what stands for them where teacher and inputs share axes."""

_ROOM = 188.0
"""Height of the formulas on the page, both columns together, in em."""
_HEADING, _GAP = 1.8, 0.6
_TALLEST = 12.0


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
    derivation = _without_links(derivation)
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


def _without_links(derivation: Derivation) -> Derivation:
    def ends(step: Step) -> Step:
        return replace(step, equations=tuple(replace(e, links=()) for e in step.equations))

    return replace(derivation, steps=tuple(ends(step) for step in derivation.steps))


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
    """Rows of the notation for the symbols in some equations, with or without an index."""
    kinds = sp.Symbol, sp.MatrixSymbol, sp.IndexedBase
    shown = [derivation.equation(label).expression for label in labels]
    used = {item for expression in shown for item in expression.atoms(*kinds)}

    def stem(item: sp.Basic) -> str:
        return derivation.symbol_names.get(item, str(item)).partition("_")[0]

    names = {stem(item) for item in used}
    return [
        row
        for row in derivation.notation
        if (row.symbol.base if isinstance(row.symbol, sp.Indexed) else row.symbol) in used
        or (row.role in ROLES and stem(row.symbol) in names)
    ]


def _selection(derivation: Derivation, assembly: Assembly[Piece]) -> frozenset[str]:
    """Labels of what the page has room for: the essential, the results, then the rest in order."""
    stated = {equation.label for step in derivation.steps for equation in step.equations}
    labels = ESSENTIAL - {label for label, own in ON_SHARED_AXES.items() if own in stated}
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

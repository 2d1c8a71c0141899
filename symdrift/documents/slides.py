"""A derivation as slides for a talk: every step a frame, or a few."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from symdrift.derivation.steps import Derivation
from symdrift.documents.assembly import ChainView, StepView, assemble
from symdrift.documents.latex import LatexMedium, reference_items
from symdrift.documents.measured import LINE, MeasuredMedium, Piece, display_height
from symdrift.documents.rendering import render_latex
from symdrift.quoting import Latex, escape_latex
from symdrift.typesetting.lines import Layout

EQUATION_WIDTH = 34.0
"""Room for an equation on a slide of 16 by 9, in em of its text."""

_TEXT_WIDTH = 39.0
_HEIGHT = 22.5
"""Height that the content of a frame may take, in em."""
_STEP = 0.1
"""What a frame has to become emptier by when frames are evened out, in em."""
_PARAGRAPH_GAP, _DISPLAY_GAP = 0.6, 1.1


@dataclass(frozen=True)
class Frame:
    """One slide: its title, where links to the step lead, and its blocks."""

    title: Latex
    target: Latex
    blocks: tuple[Latex, ...]


def slides_latex(derivation: Derivation) -> str:
    """LaTeX source of slides (Beamer) that tell a derivation.

    Raises
    ------
    DocumentError
        When the prose refers to something that the derivation lacks.
    RequestError
        When the notation holds something else than mathematics.
    """
    assembly = assemble(derivation, _SlideMedium(_display), EQUATION_WIDTH)
    return render_latex(
        "slides.tex.jinja",
        title=derivation.title,
        study=derivation.study,
        sections=[
            {
                "title": section.title,
                "frames": [frame for step in section.steps for frame in _frames(step)],
            }
            for section in assembly.sections
        ],
        references=reference_items(),
    )


class _SlideMedium(MeasuredMedium):
    def chain(self, chain: ChainView[Piece], label: str, number: int) -> Piece:
        """A chain of equalities; one that is taller than a slide is only announced."""
        piece = super().chain(chain, label, number)
        if piece.height + _DISPLAY_GAP <= _HEIGHT - 2 * LINE:
            return Piece(piece.latex, piece.height + _DISPLAY_GAP)
        return _announced([link.layout for link in chain.links], label)


def _display(layout: Layout, label: str, number: int, brief: Layout | None) -> Piece:
    """A numbered equation; one that is taller than a slide is only announced."""
    height = display_height(brief or layout, _DISPLAY_GAP) + (2 * LINE if brief else 0.0)
    if height <= _HEIGHT - 2 * LINE:
        return Piece(LatexMedium().display(layout, label, number, brief), height)
    return _announced([layout], label)


def _announced(layouts: Sequence[Layout], label: str) -> Piece:
    rows = sum(len(part.rows) for top in layouts for part in (top, *top.all_definitions()))
    text = (
        rf"\refstepcounter{{equation}}\label{{eq:{label}}}"
        rf"Equation~\eqref{{eq:{label}}} takes {rows} lines; the article has it."
    )
    return Piece(Latex(text), LINE + _PARAGRAPH_GAP)


def _frames(step: StepView[Piece]) -> Iterator[Frame]:
    """The prose of a step and its equations, divided into frames that they fit."""
    title = escape_latex(f"{step.number} {step.title}")
    target = Latex(f"step:{step.identifier}")
    parts = [
        *(Piece(piece.latex, _prose_height(piece.width)) for piece in step.paragraphs),
        *step.displays,
    ]
    for blocks in _balanced(parts):
        yield Frame(title, target, tuple(piece.latex for piece in blocks))
        target = Latex("")


def _balanced(parts: Sequence[Piece]) -> list[list[Piece]]:
    """As few frames as will do, none much fuller than the others.

    Filled one after the other, they would leave a single equation to the last.
    """
    groups = _filled(parts, _HEIGHT)
    while len(groups) > 1:
        fullest = _fullest(groups)
        evener = _filled(parts, fullest - _STEP)
        if len(evener) > len(groups) or _fullest(evener) >= fullest:
            break
        groups = evener
    return groups


def _fullest(groups: Sequence[Sequence[Piece]]) -> float:
    return max(sum(piece.height for piece in group) for group in groups)


def _filled(parts: Sequence[Piece], limit: float) -> list[list[Piece]]:
    """Parts in groups no higher than ``limit``, unless a single part is."""
    groups: list[list[Piece]] = [[]]
    height = 0.0
    for piece in parts:
        if groups[-1] and height + piece.height > limit:
            groups.append([])
            height = 0.0
        groups[-1].append(piece)
        height += piece.height
    return groups


def _prose_height(width: float) -> float:
    return LINE * math.ceil(width / _TEXT_WIDTH) + _PARAGRAPH_GAP

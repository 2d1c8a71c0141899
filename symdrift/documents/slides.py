"""A derivation as slides for a talk: every step a frame, or a few."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

from symdrift.derivation import Derivation
from symdrift.documents.assembly import StepView, assemble
from symdrift.documents.latex import LatexMedium, reference_items
from symdrift.documents.measured import LINE, MeasuredMedium, Piece, display_height
from symdrift.documents.rendering import Latex, escape_latex, render_latex
from symdrift.documents.typesetting import Layout

EQUATION_WIDTH = 34.0
"""Room for an equation on a slide of 16 by 9, in em of its text."""

_TEXT_WIDTH = 39.0
_HEIGHT = 22.5
"""Height that the content of a frame may take, in em."""
_CHARACTER = 0.5
_PARAGRAPH_GAP, _DISPLAY_GAP = 0.6, 1.1
_MARKUP = re.compile(r"\\[A-Za-z]+|[{}$^_\\]")


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
    assembly = assemble(derivation, MeasuredMedium(_display), EQUATION_WIDTH)
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


def _display(layout: Layout, label: str, number: int, brief: Layout | None) -> Piece:
    """A numbered equation; one that is taller than a slide is only announced."""
    height = display_height(brief or layout, _DISPLAY_GAP) + (2 * LINE if brief else 0.0)
    if height <= _HEIGHT - 2 * LINE:
        return Piece(LatexMedium().display(layout, label, number, brief), height)
    rows = sum(len(part.rows) for part in (layout, *layout.all_definitions()))
    text = (
        rf"\refstepcounter{{equation}}\label{{eq:{label}}}"
        rf"Equation~\eqref{{eq:{label}}} takes {rows} lines; the article has it."
    )
    return Piece(Latex(text), LINE + _PARAGRAPH_GAP)


def _frames(step: StepView[Piece]) -> Iterator[Frame]:
    """The prose of a step and its equations, divided into frames that they fit."""
    title = escape_latex(f"{step.number} {step.title}")
    target = Latex(f"step:{step.identifier}")
    blocks: list[Latex] = []
    height = 0.0
    parts = [(piece.latex, _prose_height(piece.latex)) for piece in step.paragraphs]
    parts += [(piece.latex, piece.height) for piece in step.displays]
    for latex, needed in parts:
        if blocks and height + needed > _HEIGHT:
            yield Frame(title, target, tuple(blocks))
            blocks, height, target = [], 0.0, Latex("")
        blocks.append(latex)
        height += needed
    yield Frame(title, target, tuple(blocks))


def _prose_height(latex: Latex) -> float:
    letters = len(_MARKUP.sub("", latex))
    return LINE * math.ceil(letters * _CHARACTER / _TEXT_WIDTH) + _PARAGRAPH_GAP

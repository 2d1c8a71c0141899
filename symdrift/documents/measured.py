"""LaTeX whose height on the page is known before TeX runs, to fill slides and sheets."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from symdrift.documents.assembly import ChainView, LinkView
from symdrift.documents.latex import LatexMedium
from symdrift.quoting import Latex
from symdrift.typesetting.formula import TEXT, Formula, row
from symdrift.typesetting.lines import Layout

LINE = 1.25
"""Height of a line of text, in em."""

CHARACTER = 0.5
"""About the width of a character of text, in em."""

_ROW_GAP, _REASON_GAP = 0.35, 0.6


@dataclass(frozen=True)
class Piece:
    """A part of a page: its LaTeX, and in em its height as a display, its width in a text."""

    latex: Latex
    height: float = 0.0
    width: float = 0.0


class DisplayWriter(Protocol):
    """How a displayed equation is written."""

    def __call__(self, layout: Layout, label: str, number: int, brief: Layout | None) -> Piece:
        """The equation with the definitions of the parts named in it, or its description."""


class MeasuredMedium:
    """How the parts of a derivation are written where room is short.

    Parameters
    ----------
    display : DisplayWriter
    """

    def __init__(self, display: DisplayWriter) -> None:
        self._latex = LatexMedium()
        self.display = display

    def text(self, text: str) -> Piece:
        """Plain text, escaped."""
        return Piece(self._latex.text(text), width=CHARACTER * len(text))

    def math(self, formula: Formula) -> Piece:
        """Inline mathematics."""
        return Piece(self._latex.math(formula), width=formula.box_in(TEXT).width)

    def equation_reference(self, label: str, number: int) -> Piece:
        """Reference to an equation."""
        written = self._latex.equation_reference(label, number)
        return Piece(written, width=CHARACTER * len(f"({number})"))

    def step_reference(self, identifier: str, number: str) -> Piece:
        """Link to a step by its number."""
        written = Latex(rf"\hyperlink{{step:{identifier}}}{{section~{number}}}")
        return Piece(written, width=CHARACTER * len(f"section {number}"))

    def chain(self, chain: ChainView[Piece], label: str, number: int) -> Piece:
        """A chain of equalities with its reasons."""
        links = tuple(LinkView(link.layout, link.reason.latex, link.width) for link in chain.links)
        view = ChainView(links, chain.beside, chain.room)
        return Piece(self._latex.chain(view, label, number), chain_height(chain))

    def join(self, pieces: Iterable[Piece]) -> Piece:
        """Pieces one after the other."""
        joined = list(pieces)
        written = Latex("".join(piece.latex for piece in joined))
        return Piece(written, width=sum(piece.width for piece in joined))


def display_height(layout: Layout, gap: float) -> float:
    """Height of an equation with the definitions of its parts and ``gap`` around it, in em."""
    definitions = layout.all_definitions()
    heights = [_rows_height(part) for part in (layout, *definitions)]
    return sum(heights) + gap + (gap + LINE if definitions else 0.0)


def chain_height(chain: ChainView[Piece]) -> float:
    """Height of the lines of a chain, and of its reasons where they stand above these, in em."""
    height = sum(display_height(link.layout, 0.0) for link in chain.links)
    if not chain.beside:
        lines = sum(math.ceil(link.width / chain.room) for link in chain.links)
        height += LINE * lines + _REASON_GAP * len(chain.links)
    return height


def _rows_height(layout: Layout) -> float:
    boxes = [row(left, right).box for left, right in layout.rows]
    return sum(max(LINE, box.height) + _ROW_GAP for box in boxes)

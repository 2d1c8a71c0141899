"""What follows the derivation in a report: tables and figures, without their layout."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from symdrift.typesetting.formula import BLANK, Formula, joined, letter, numeral

Cell = Formula | str
"""Mathematics or text."""


def shape(text: str, letters: Mapping[str, Formula]) -> Cell:
    """Shape of a symbol: ``p by n`` and ``n`` are mathematics, anything else is text.

    Parameters
    ----------
    text : str
    letters : mapping of str to Formula
        How a study writes the default letters of the sizes.
    """
    sizes = text.split(" by ")
    if all(len(size) == 1 and size.isalnum() for size in sizes):
        times = BLANK + letter(r"\times") + BLANK
        return joined(times, (_size(size, letters) for size in sizes))
    return text.replace("^2", "²")


def _size(size: str, letters: Mapping[str, Formula]) -> Formula:
    return numeral(size) if size.isdigit() else letters.get(size) or letter(size)


@dataclass(frozen=True)
class Table:
    """A table with a caption."""

    caption: str
    head: tuple[Cell, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True)
class FigureFile:
    """A figure: its file beside the document, without suffix, its caption, and its SVG."""

    path: str
    caption: str
    svg: str


@dataclass(frozen=True)
class Numbers:
    """Tables, figures and warnings of one report, and whether some come from a simulation."""

    tables: tuple[Table, ...]
    figures: tuple[FigureFile, ...]
    warnings: tuple[str, ...]
    simulated: bool = True


NO_NUMBERS = Numbers((), (), ())
"""Of a document that only derives."""

"""What is asked of a document: its formats, how much it tells, and its page; without SymPy."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal, TypeAlias, get_args

from symdrift.errors import RequestError, require_known
from symdrift.quoting import Latex

FORMATS = ("tex", "html", "pdf")
"""Formats of a report."""

ReportFigure: TypeAlias = Literal[
    "area",
    "blocks",
    "counterparts",
    "decay_rates",
    "fit",
    "fluctuation",
    "frequency",
    "irrelevant_variance",
    "learning_rate",
    "observables",
    "scaling",
    "slopes",
    "standstill",
    "validation",
    "weight_decay",
]
"""Figures that a report can have."""

REPORT_SUFFIXES = (".pdf", ".svg")
"""Of a figure: PDF for the article, SVG for the page."""

REPORT_FILES = (
    "kernels.py",
    "numbers.json",
    "references.bib",
    *(f"report.{name}" for name in FORMATS),
    *(
        f"figures/{name}{layer}{suffix}"
        for name in get_args(ReportFigure)
        for layer in ("", "_hidden_[0-9]", "_hidden_[0-9][0-9]")
        for suffix in REPORT_SUFFIXES
    ),
)
"""Patterns of the names of all files that a report can have."""

DERIVATION_FORMATS: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(FORMATS, "the article"),
        "fragment": "to \\input into a paper",
        "graph": "what rests on what: an SVG that leads into the html, which comes with it",
        "slides": "Beamer",
        "sheet": "formulas on one page",
        "lean": "identities as theorems, for Lean to prove again",
    }
)
"""Formats of a derivation, and what each is."""

LEVELS = ("results", "outline", "paper", "full")
"""From the least to the most."""

EQUATION_WIDTH = 38.0
"""Room for an equation in every medium, in em."""


def require_formats(formats: Collection[str], allowed: Collection[str]) -> None:
    """Refuse formats that a document does not have, and none at all."""
    for name in formats:
        require_known("format", name, allowed)
    if not formats:
        raise RequestError("format", f"is empty; give some of {', '.join(allowed)}")


def require_level(level: str) -> None:
    """Refuse a level that there is not."""
    require_known("level", level, LEVELS)


@dataclass(frozen=True)
class Page:
    """How a page is divided.

    Attributes
    ----------
    options : str
        Options of the document class.
    text_width : str
        Width of the text: that of an equation, its number and the gap between them, or
        twice that and the gap between the columns.
    equation_width : float
        Room for an equation, in em.
    notation : str
        Template of the notation; a table with page breaks needs the whole width.
    before_tables : Latex
        Command that makes room for tables of the whole width.
    compact : bool
        Whether titles of steps stand on the first line of their text, and short equations of a
        step beside each other.
    """

    options: Latex
    text_width: Latex
    equation_width: float
    notation: str
    before_tables: Latex
    compact: bool = False


PAGES: Mapping[str, Page] = MappingProxyType(
    {
        "article": Page(
            options=Latex("11pt,a4paper"),
            text_width=Latex("41.5em"),
            equation_width=EQUATION_WIDTH,
            notation="notation_table.tex.jinja",
            before_tables=Latex(""),
        ),
        # A column of 23.5 em is that of the usual conference styles (3.25 in at 10 pt).
        "column": Page(
            options=Latex("10pt,a4paper,twocolumn"),
            text_width=Latex("48.5em"),
            equation_width=20.0,
            notation="notation_list.tex.jinja",
            before_tables=Latex(r"\onecolumn"),
        ),
    }
)
"""Pages by name of their width."""

NARROWEST, WIDEST = 19.5, 60.0
"""Widths of equations, in em, for which there is a page."""

NUMBER_ROOM = 3.5
"""What an equation number takes beside the equation, in em."""

POINTS: Mapping[str, float] = MappingProxyType(
    {"pt": 1.0, "in": 72.27, "cm": 72.27 / 2.54, "mm": 72.27 / 25.4}
)
"""TeX's points in each unit of length."""

TYPE_SIZES: Mapping[str, float] = MappingProxyType(
    {"9pt": 9.25, "10pt": 10.0, "11pt": 10.95, "12pt": 11.75}
)
"""Points in an em of LaTeX's own type, by the size option of a document class."""

_LENGTH = re.compile(
    rf"(?P<number>\d{{1,5}}(?:\.\d{{1,5}})?|\.\d{{1,5}})"
    rf"(?:(?:em)?|(?P<unit>{'|'.join(POINTS)})(?:@(?P<size>{'|'.join(TYPE_SIZES)}))?)",
    re.ASCII,
)


def page_of(width: str, level: str = "full") -> Page:
    """Page by the name of its width, or for a width of the text.

    A document that leaves lines out has smaller type, longer lines and run-in headings.

    Parameters
    ----------
    width : str
        "article", "column", or the width of the text that the equations stand in, of which
        3.5 em go to their numbers: a number of em, or a length in pt, in, cm or mm.  A length
        is divided by the em of LaTeX's type of 10 pt, or of the size behind an ``@``:
        "252pt" are 25.2 em, "12cm@11pt" are 31.2 em.
    level : {"full", "paper", "outline", "results"}

    Raises
    ------
    RequestError
        For an unknown name, or when equations get less room than :data:`NARROWEST` or more
        than :data:`WIDEST`.
    """
    page = PAGES[width] if width in PAGES else _page_of_length(width)
    if level == "full":
        return page
    return replace(
        page,
        options=Latex(page.options.replace("11pt", "10pt")) if width in PAGES else page.options,
        text_width=Latex("47em") if width == "article" else page.text_width,
        notation="notation_text.tex.jinja",
        compact=True,
    )


def _room_of(width: str) -> tuple[str, float]:
    """Size of the type, and em that equations have in it; nan for what is no length."""
    length = _LENGTH.fullmatch(width)
    if length is None:
        return "10pt", math.nan
    size = length["size"] or "10pt"
    points = POINTS[length["unit"]] / TYPE_SIZES[size] if length["unit"] else 1.0
    return size, float(length["number"]) * points - NUMBER_ROOM


def _page_of_length(width: str) -> Page:
    size, room = _room_of(width)
    if not NARROWEST <= room <= WIDEST:
        # What is offered is a width: the given one only where it becomes one.
        larger = f"{width}@11pt"
        example = larger if NARROWEST <= _room_of(larger)[1] <= WIDEST else "252pt@11pt"
        raise RequestError(
            "width",
            f'= "{width}" is no width; allowed are {", ".join(PAGES)}, and widths of the text from '
            f"{NARROWEST + NUMBER_ROOM:g} to {WIDEST + NUMBER_ROOM:g} em, in em, "
            f"{', '.join(POINTS)}; the em is that of type of 10 pt, or write {example}",
        )
    return replace(
        PAGES["article"],
        # The class has no type smaller than 10 pt.
        options=Latex(f"{'10pt' if size == '9pt' else size},a4paper"),
        text_width=Latex(f"{room + NUMBER_ROOM:.5g}em"),
        equation_width=room,
        notation=PAGES["column"].notation,
    )

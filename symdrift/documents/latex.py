"""A derivation as a LaTeX article, or as a fragment of somebody else's."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType

from symdrift import __version__
from symdrift.derivation.steps import Derivation
from symdrift.documents.assembly import (
    EQUATION_WIDTH,
    Assembly,
    ChainView,
    LinkView,
    SectionView,
    assemble,
    cell,
)
from symdrift.documents.bibliography import REFERENCES
from symdrift.documents.inline import InlineLatex
from symdrift.documents.numbers import NO_NUMBERS, Cell, Numbers, Table
from symdrift.documents.rendering import render_latex
from symdrift.errors import RequestError
from symdrift.quoting import Latex, escape_latex, printed_length
from symdrift.typesetting.align import align, align_chain, align_parts
from symdrift.typesetting.formula import Formula, row
from symdrift.typesetting.lines import Layout


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

_NUMBER_ROOM = 3.5
"""What an equation number takes beside the equation, in em."""

_MOST_ABREAST, _ABREAST_GAP = 3, 1.0
"""Equations beside each other, and the least room between them, in em."""

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

    A document that leaves lines out has smaller type and run-in headings.

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
    return size, float(length["number"]) * points - _NUMBER_ROOM


def _page_of_length(width: str) -> Page:
    size, room = _room_of(width)
    if not NARROWEST <= room <= WIDEST:
        # What is offered is a width: the given one only where it becomes one.
        larger = f"{width}@11pt"
        example = larger if NARROWEST <= _room_of(larger)[1] <= WIDEST else "252pt@11pt"
        raise RequestError(
            "width",
            f'= "{width}" is no width; allowed are {", ".join(PAGES)}, and widths of the text from '
            f"{NARROWEST + _NUMBER_ROOM:g} to {WIDEST + _NUMBER_ROOM:g} em, in em, "
            f"{', '.join(POINTS)}; the em is that of type of 10 pt, or write {example}",
        )
    return replace(
        PAGES["article"],
        # The class has no type smaller than 10 pt.
        options=Latex(f"{'10pt' if size == '9pt' else size},a4paper"),
        text_width=Latex(f"{room + _NUMBER_ROOM:.5g}em"),
        equation_width=room,
        notation=PAGES["column"].notation,
    )


_LONGEST_UNBROKEN, _SHORTEST_BROKEN = 34, 11
"""Characters of a quantity that a table with `_MOST_NUMBERS` columns of numbers keeps on one
line, and the width in em of one that is broken."""

_MOST_NUMBERS, _CHARACTERS_OF_NUMBER, _WIDTH_OF_NUMBER = 5, 12, 6
"""Columns of numbers in the widest table; what one fewer leaves to the first column."""

_LONGEST_VALUE = 28, 15
"""Letters of a value that is not broken, and the width in em of one that is, beside a matrix."""

_LONGEST_WHOLE_TABLE = 30
"""Rows of a table that stays in one piece."""

_WHOLE = (
    r"{\par\noindent\footnotesize Multiplied out: in the HTML page of this derivation, as \LaTeX{} "
    r"and Python.\par}"
)
"""Where an equation is that is told in named quantities."""


class OneLine(Latex):
    """A numbered equation on one line, which may stand beside others.

    Attributes
    ----------
    formula : Formula
        What stands on the line.
    label : str
    """

    formula: Formula
    label: str

    @classmethod
    def of(cls, text: str, sides: tuple[Formula, Formula], label: str) -> OneLine:
        """The equation on its own as text, and what it takes to set it beside others."""
        found = cls(text)
        found.formula, found.label = row(*sides), label
        return found


def abreast(displays: Sequence[Latex], width: float) -> Iterator[Latex]:
    """Displays of a step, with short equations that follow each other side by side.

    Parameters
    ----------
    displays : sequence of Latex
    width : float
        Room for equations and their numbers together, in em.
    """
    line: list[OneLine] = []
    for display in displays:
        if not isinstance(display, OneLine):
            yield from _beside(line)
            line = []
            yield display
            continue
        taken = sum(other.formula.width + _NUMBER_ROOM + _ABREAST_GAP for other in line)
        if len(line) == _MOST_ABREAST or taken + display.formula.width + _NUMBER_ROOM > width:
            yield from _beside(line)
            line = []
        line.append(display)
    yield from _beside(line)


def _beside(line: Sequence[OneLine]) -> Iterator[Latex]:
    if len(line) < 2:
        yield from line
        return
    cells = [rf"\abreastcell{{{one.label}}}{{{one.formula.latex}}}" for one in line]
    yield Latex("\n".join([r"\abreast{%", *(f"{cell}%" for cell in cells), "}"]))


class LatexMedium(InlineLatex):
    """How an article writes the parts of a derivation.

    Parameters
    ----------
    prefix : str
        What every label begins with.
    """

    def __init__(self, prefix: str = "") -> None:
        self._prefix = prefix

    def equation_reference(self, label: str, number: int) -> Latex:
        """Reference to an equation, numbered by LaTeX."""
        return Latex(rf"\eqref{{{self._prefix}eq:{label}}}")

    def step_reference(self, identifier: str, number: str) -> Latex:
        """Reference to a step, numbered by LaTeX."""
        return Latex(rf"section~\ref{{{self._prefix}step:{identifier}}}")

    def display(self, layout: Layout, label: str, number: int, brief: Layout | None) -> Latex:
        """A numbered equation with the definitions of the parts named in it."""
        layout = brief or layout
        name = f"{self._prefix}eq:{label}"
        text = _completed(_numbered(layout.rows, name), [layout])
        if brief:
            return Latex("\n".join([text, _WHOLE]))
        if len(layout.rows) > 1 or layout.remark or any(layout.all_definitions()):
            return Latex(text)
        return OneLine.of(text, layout.rows[0], name)

    def chain(self, chain: ChainView[Latex], label: str, number: int) -> Latex:
        """A numbered chain of equalities, each with its reason in small type."""
        reasons = [self._reason(link, chain) for link in chain.links]
        rows = [link.layout.rows for link in chain.links]
        text = align_chain(
            zip(reasons, rows, strict=True), f"{self._prefix}eq:{label}", beside=chain.beside
        )
        return Latex(_completed(text, [link.layout for link in chain.links]))

    def _reason(self, link: LinkView[Latex], chain: ChainView[Latex]) -> str:
        if chain.beside:
            return rf"\qquad\text{{\small {link.reason}}}"
        if link.width <= chain.room:
            return rf"\text{{\small {link.reason}}}"
        return rf"\parbox[t]{{{chain.room:.1f}em}}{{\raggedright\small {link.reason}\strut}}"


def _completed(text: str, layouts: Sequence[Layout]) -> str:
    """An equation with the definitions of the parts named in it."""
    parts = [part for layout in layouts for part in layout.all_definitions()]
    if parts:
        # No page ends between an equation and what completes it.
        text = f"\\begingroup\\postdisplaypenalty=10000\n{text}\n\\endgroup\nwhere\n"
        text += align_parts(parts)
    remarks = (escape_latex(piece.remark) for piece in (*layouts, *parts) if piece.remark)
    return "\n".join([text, *remarks])


def _numbered(rows: Sequence[tuple[Formula, Formula]], label: str) -> str:
    if len(rows) == 1:
        body = row(*rows[0]).latex
        return f"\\begin{{equation}}\\label{{{label}}}\n{body}\n\\end{{equation}}"
    return align(rows, label)


@dataclass(frozen=True)
class LatexTable:
    """A table, ready to print; a ``long`` one may be broken at the end of a page."""

    caption: str
    columns: Latex
    head: Latex
    rows: tuple[Latex, ...]
    long: bool


def _table(table: Table, medium: LatexMedium) -> LatexTable:
    spare = _MOST_NUMBERS - (len(table.head) - 1)
    titles = [title for title in table.head[1:] if isinstance(title, str)]
    longer = sum(max(len(title) - _CHARACTERS_OF_NUMBER, 0) for title in titles)
    columns = "".join(
        _column(title, [row[place] for row in table.rows], spare, longer)
        for place, title in enumerate(table.head)
    )
    return LatexTable(
        caption=table.caption,
        columns=Latex(f"@{{}}{columns}@{{}}"),
        head=Latex(" & ".join(cell(title, medium) for title in table.head)),
        rows=tuple(Latex(" & ".join(cell(entry, medium) for entry in row)) for row in table.rows),
        long=len(table.rows) > _LONGEST_WHOLE_TABLE,
    )


def _column(title: Cell, entries: Sequence[Cell], spare: int, longer: int) -> str:
    """Alignment of a column, in a table that has so many columns to spare.

    The heads of the columns of numbers are so many characters ``longer`` than these.
    """
    if title == "meaning":
        return r">{\raggedright\arraybackslash}p{15em}"
    longest = max((printed_length(entry) for entry in entries if isinstance(entry, str)), default=0)
    room, width = _LONGEST_VALUE
    if title == "quantity":
        room = _LONGEST_UNBROKEN + _CHARACTERS_OF_NUMBER * spare - longer
        width = _SHORTEST_BROKEN + _WIDTH_OF_NUMBER * spare
    if longest > room:
        return rf">{{\raggedright\arraybackslash}}p{{{width}em}}"
    return "l" if title in ("symbol", "quantity", "value", "rate") else "r"


def derivation_latex(
    derivation: Derivation, numbers: Numbers = NO_NUMBERS, page: Page = PAGES["article"]
) -> str:
    """LaTeX source of the article that tells a derivation.

    Parameters
    ----------
    derivation : Derivation
    numbers : Numbers
        Tables and figures that follow the derivation, on pages of one column; figures as PDF.
    page : Page

    Raises
    ------
    DocumentError
        When the prose refers to something that the derivation lacks.
    RequestError
        When the notation holds something else than mathematics.
    """
    medium = LatexMedium()
    assembly = assemble(derivation, medium, page.equation_width)
    return render_latex(
        "article.tex.jinja",
        title=derivation.title,
        study=derivation.study,
        page=page,
        prefix=Latex(""),
        results_only=derivation.results_only,
        checks=sum(len(step.checks) for step in derivation.steps),
        equations=sum(len(step.equations) for step in derivation.steps),
        notation=assembly.notation,
        sections=_sections(assembly, page),
        tables=[_table(table, medium) for table in numbers.tables],
        figures=[
            {"path": Latex(f"{figure.path}.pdf"), "caption": figure.caption}
            for figure in numbers.figures
        ],
        warnings=numbers.warnings,
        simulated=numbers.simulated,
        any_rule=any(step.identifier == "rule-orbit" for step in derivation.steps),
        references=reference_items(),
    )


def _sections(assembly: Assembly[Latex], page: Page) -> tuple[SectionView[Latex], ...]:
    """The sections as they stand on a page."""
    if not page.compact:
        return assembly.sections
    return tuple(map(partial(_compact, width=page.equation_width), assembly.sections))


def _compact(section: SectionView[Latex], width: float) -> SectionView[Latex]:
    """A section with short equations beside each other."""
    steps = (
        replace(step, displays=tuple(abreast(step.displays, width + _NUMBER_ROOM)))
        for step in section.steps
    )
    return replace(section, steps=tuple(steps))


def reference_items() -> list[dict[str, Latex]]:
    """The list of references, ready to print."""
    return [{"key": Latex(work.key), "item": Latex(work.item)} for work in REFERENCES]


def fragment_latex(derivation: Derivation, page: Page = PAGES["article"]) -> str:
    r"""LaTeX source to be read by ``\input`` inside another document.

    It has no preamble, names the packages that it needs in a comment, begins every label
    with the name of the study, and leaves nothing changed behind itself.

    Parameters
    ----------
    derivation : Derivation
    page : Page
        Whose equation width the fragment keeps.

    Raises
    ------
    DocumentError
        When the prose refers to something that the derivation lacks.
    RequestError
        When the notation holds something else than mathematics.
    """
    # Labels of ASCII letters and digits survive every package that handles labels.
    prefix = re.sub(r"[^A-Za-z0-9]+", "-", derivation.study) + ":"
    assembly = assemble(derivation, LatexMedium(prefix), page.equation_width)
    return render_latex(
        "fragment.tex.jinja",
        title=derivation.title,
        study=derivation.study,
        compact=page.compact,
        results_only=derivation.results_only,
        version=__version__,
        width=f"{page.equation_width:g}",
        prefix=Latex(prefix),
        checks=any(step.checks for step in derivation.steps),
        notation=assembly.notation,
        sections=_sections(assembly, page),
    )

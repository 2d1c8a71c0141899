"""A derivation as a LaTeX article, or as a fragment of somebody else's."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from symdrift import __version__
from symdrift.derivation.steps import Derivation, Method
from symdrift.documents.assembly import (
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
from symdrift.documents.pages import NUMBER_ROOM, PAGES, Page
from symdrift.documents.rendering import render_latex
from symdrift.quoting import Latex, escape_latex, printed_length
from symdrift.typesetting.align import align, align_chain, align_parts
from symdrift.typesetting.formula import Formula, row
from symdrift.typesetting.lines import Layout

_MOST_ABREAST, _ABREAST_GAP = 3, 1.0
"""Equations beside each other, and the least room between them, in em."""

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
    r"{\par\noindent\footnotesize In full, as \LaTeX{} and Python: in the HTML page of this "
    r"derivation, which \texttt{symdrift derive} writes.\par}"
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
        taken = sum(other.formula.width + NUMBER_ROOM + _ABREAST_GAP for other in line)
        if len(line) == _MOST_ABREAST or taken + display.formula.width + NUMBER_ROOM > width:
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
    found = {check.method for step in derivation.steps for check in step.checks}
    return render_latex(
        "article.tex.jinja",
        title=derivation.title,
        study=derivation.study,
        page=page,
        prefix=Latex(""),
        results_only=derivation.results_only,
        underived=derivation.underived,
        checks=sum(len(step.checks) for step in derivation.steps),
        methods=[method for method in Method if method in found],
        equations=sum(len(step.equations) for step in derivation.steps),
        notation=assembly.notation_by_section,
        sections=_sections(assembly, page),
        tables=[_table(table, medium) for table in numbers.tables],
        figures=[
            {"path": Latex(f"{figure.path}.pdf"), "caption": figure.caption}
            for figure in numbers.figures
        ],
        warnings=numbers.warnings,
        simulated=numbers.simulated,
        any_rule=derivation.of_any_rule,
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
        replace(step, displays=tuple(abreast(step.displays, width + NUMBER_ROOM)))
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
        any_rule=derivation.of_any_rule,
        version=__version__,
        width=f"{page.equation_width:g}",
        prefix=Latex(prefix),
        checks=any(step.checks for step in derivation.steps),
        notation=assembly.notation_by_section,
        sections=_sections(assembly, page),
    )

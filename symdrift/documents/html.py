"""A derivation as one HTML page with MathML."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from importlib import resources
from types import MappingProxyType

from markupsafe import Markup

from symdrift import __version__
from symdrift.derivation.steps import Derivation, Equation
from symdrift.documents.assembly import ChainView, assemble, cell
from symdrift.documents.inline import InlineHtml
from symdrift.documents.numbers import NO_NUMBERS, FigureFile, Numbers
from symdrift.documents.pycode import python_source
from symdrift.documents.reliance_graph import reliance_graph
from symdrift.documents.rendering import render_html
from symdrift.documents.svg import embedded
from symdrift.typesetting import mathml
from symdrift.typesetting.align import align
from symdrift.typesetting.lines import Layout

_PHONE_WIDTH = 18.0
"""Room for words in an equation on the screen of a phone, in em."""

_NO_EQUATIONS: Mapping[str, Equation] = MappingProxyType({})


class HtmlMedium(InlineHtml):
    """How a page writes the parts of a derivation.

    Parameters
    ----------
    equations : mapping of str to Equation
        Equations that offer their Python and say where they are derived and what they rest on,
        by label, in the order of their numbers.
    """

    def __init__(self, equations: Mapping[str, Equation] = _NO_EQUATIONS) -> None:
        self._equations = equations
        self._numbers = {label: number for number, label in enumerate(equations, start=1)}
        self._used_by: dict[str, list[str]] = {label: [] for label in equations}
        for label, equation in equations.items():
            for name in equation.rests_on:
                self._used_by[name].append(label)

    def _links(self, labels: Iterable[str]) -> Markup:
        links = (self.equation_reference(label, self._numbers[label]) for label in labels)
        return Markup(", ").join(links)

    def equation_reference(self, label: str, number: int) -> Markup:
        """Link to an equation."""
        return Markup('<a href="#eq-{}">({})</a>').format(label, number)

    def step_reference(self, identifier: str, number: str) -> Markup:
        """Link to a step."""
        return Markup('<a href="#step-{}">section {}</a>').format(identifier, number)

    def display(self, layout: Layout, label: str, number: int, brief: Layout | None) -> Markup:
        """A numbered equation with the definitions of the parts named in it.

        An equation that is too long to read is folded behind its description.
        """
        return self._display([layout], mathml.block(layout.rows), label, number, brief)

    def chain(self, chain: ChainView[Markup], label: str, number: int) -> Markup:
        """A numbered chain of equalities with its reasons."""
        layouts = [link.layout for link in chain.links]
        reasons = [(link.reason, link.layout.rows) for link in chain.links]
        return self._display(
            layouts, mathml.chain(reasons, beside=chain.beside), label, number, None
        )

    def _display(
        self,
        layouts: Sequence[Layout],
        main: Markup,
        label: str,
        number: int,
        brief: Layout | None,
    ) -> Markup:
        parts = [part for layout in layouts for part in layout.all_definitions()]
        rows = [row for part in parts for row in part.rows]
        latex = align([row for layout in layouts for row in layout.rows])
        latex += f"\nwhere\n{align(rows)}" if rows else ""
        sources = [("LaTeX", latex)]
        equation = self._equations.get(label)
        if equation is not None:
            sources.append(("Python", python_source(equation)))
        text = render_html(
            "equation.html.jinja",
            label=label,
            number=number,
            main=main,
            definitions=mathml.block(rows) if rows else None,
            brief=mathml.block(brief.rows) if brief else None,
            brief_definitions=_definitions(brief) if brief else None,
            remarks=[piece.remark for piece in (*layouts, *parts) if piece.remark],
            sources=sources,
            place=equation.source if equation is not None else None,
            rests_on=self._links(equation.rests_on if equation is not None else ()),
            used_by=self._links(self._used_by.get(label, ())),
            needs=", ".join(equation.needs if equation is not None else ()),
        )
        return Markup(text)


def _definitions(layout: Layout) -> Markup | None:
    """The parts that are named in an equation, below each other."""
    rows = [row for part in layout.all_definitions() for row in part.rows]
    return mathml.block(rows) if rows else None


def derivation_html(derivation: Derivation, numbers: Numbers = NO_NUMBERS) -> str:
    """HTML page that tells a derivation: one file that loads nothing.

    Parameters
    ----------
    derivation : Derivation
    numbers : Numbers
        Tables and figures that follow the derivation; figures become part of the page.

    Raises
    ------
    DocumentError
        When the prose refers to something that the derivation lacks.
    RequestError
        When the notation holds something else than mathematics.
    """
    medium = HtmlMedium({e.label: e for step in derivation.steps for e in step.equations})
    assembly = assemble(derivation, medium, text_width=_PHONE_WIDTH)
    script = (resources.files("symdrift.documents") / "report.js").read_text("utf-8")
    return render_html(
        "page.html.jinja",
        title=derivation.title,
        study=derivation.study,
        version=__version__,
        underived=derivation.underived,
        any_rule=derivation.of_any_rule,
        checks=sum(len(step.checks) for step in derivation.steps),
        script=Markup(script),
        script_digest=_digest(script),
        notation=assembly.notation_by_section,
        sections=assembly.sections,
        reliance=reliance_graph(derivation) if derivation.steps else None,
        tables=[
            {
                "caption": table.caption,
                "head": [cell(title, medium) for title in table.head],
                "rows": [[cell(entry, medium) for entry in row] for row in table.rows],
            }
            for table in numbers.tables
        ],
        figures=[_figure(number, file) for number, file in enumerate(numbers.figures, start=1)],
        warnings=numbers.warnings,
        simulated=numbers.simulated,
    )


def _figure(number: int, file: FigureFile) -> dict[str, str]:
    first, _, _ = file.caption.partition(". ")
    label = f"Figure {number}: {first.rstrip('.')}."
    return {"image": embedded(file.svg, f"figure-{number}", label), "caption": file.caption}


def _digest(script: str) -> str:
    """What the page's policy allows to run: this script and no other."""
    return f"sha256-{base64.b64encode(sha256(script.encode()).digest()).decode()}"

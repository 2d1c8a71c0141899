"""A derivation as one HTML page with MathML."""

from __future__ import annotations

from collections.abc import Iterable

from markupsafe import Markup, escape

from symdrift.derivation import Derivation
from symdrift.documents import mathml
from symdrift.documents.assembly import assemble, cell
from symdrift.documents.numbers import NO_NUMBERS, Numbers
from symdrift.documents.rendering import render_html
from symdrift.documents.typesetting import Layout


class HtmlMedium:
    """How a page writes the parts of a derivation."""

    def text(self, text: str) -> Markup:
        """Plain text, escaped."""
        return escape(text)

    def math(self, latex: str) -> Markup:
        """Inline mathematics."""
        return mathml.inline(latex)

    def equation_reference(self, label: str, number: int) -> Markup:
        """Link to an equation."""
        return Markup('<a href="#eq-{}">({})</a>').format(label, number)

    def step_reference(self, identifier: str, number: str) -> Markup:
        """Link to a step."""
        return Markup('<a href="#step-{}">section {}</a>').format(identifier, number)

    def join(self, pieces: Iterable[Markup]) -> Markup:
        """Pieces one after the other."""
        return Markup("").join(pieces)

    def display(self, layout: Layout, label: str, number: int) -> Markup:
        """A numbered equation with the definitions of the parts named in it."""
        parts = layout.all_definitions()
        rows = [row for part in parts for row in part.rows]
        text = render_html(
            "equation.html.jinja",
            label=label,
            number=number,
            main=mathml.block(layout.rows),
            definitions=mathml.block(rows) if rows else None,
            remarks=[piece.remark for piece in (layout, *parts) if piece.remark],
        )
        return Markup(text)


def derivation_html(derivation: Derivation, numbers: Numbers = NO_NUMBERS) -> str:
    """HTML page that tells a derivation; no script, nothing loaded but its own figures.

    Parameters
    ----------
    derivation : Derivation
    numbers : Numbers
        Tables and figures that follow the derivation; figures as SVG.

    Raises
    ------
    DocumentError
        When the prose refers to something that the derivation lacks.
    RequestError
        When the notation holds something else than mathematics.
    """
    medium = HtmlMedium()
    assembly = assemble(derivation, medium)
    return render_html(
        "page.html.jinja",
        title=derivation.title,
        study=derivation.study,
        notation=assembly.notation,
        sections=assembly.sections,
        tables=[
            {
                "caption": table.caption,
                "head": table.head,
                "rows": [[cell(entry, medium) for entry in row] for row in table.rows],
            }
            for table in numbers.tables
        ],
        figures=[
            {"path": f"{figure.path}.svg", "caption": figure.caption} for figure in numbers.figures
        ],
        warnings=numbers.warnings,
    )

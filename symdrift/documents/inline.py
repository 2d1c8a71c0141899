"""Text and inline mathematics in LaTeX and in HTML."""

from __future__ import annotations

from collections.abc import Iterable

from markupsafe import Markup

from symdrift.quoting import Latex, escape_latex
from symdrift.typesetting import mathml
from symdrift.typesetting.formula import Formula


class InlineLatex:
    """Writes LaTeX."""

    def text(self, text: str) -> Latex:
        """Plain text, escaped."""
        return escape_latex(text)

    def math(self, formula: Formula) -> Latex:
        """Inline mathematics."""
        return Latex(f"${formula.latex}$")

    def join(self, pieces: Iterable[str]) -> Latex:
        """Pieces one after the other."""
        return Latex("".join(pieces))


class InlineHtml:
    """Writes HTML with MathML."""

    def text(self, text: str) -> Markup:
        """Plain text, escaped."""
        return Markup.escape(text)

    def math(self, formula: Formula) -> Markup:
        """Inline mathematics."""
        return mathml.inline(formula)

    def join(self, pieces: Iterable[str]) -> Markup:
        """Pieces one after the other."""
        return mathml.joined(pieces)

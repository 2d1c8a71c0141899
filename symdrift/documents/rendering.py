"""The one place where templates are rendered.

Templates hold layout, never algebra and never an equation.  Every plain string that
reaches one is escaped for its language; prepared mark-up is marked as such by its type
(:class:`Latex`, :class:`markupsafe.Markup`).  An undefined name is an error.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from jinja2 import PackageLoader, StrictUndefined
from jinja2.sandbox import SandboxedEnvironment


class Latex(str):
    """LaTeX that is ready to be printed."""

    __slots__ = ()


_SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#",
    "%": r"\%", "_": r"\_", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"\textquotedbl{}",
    "–": "--", "—": "---", "‘": "`", "’": "'", "“": "``", "”": "''", "…": r"\ldots{}",
    "\u00a0": "~", "\u2009": r"\,", "\u202f": r"\,", "−": "$-$", "×": r"$\times$",
    "±": r"$\pm$", "·": r"$\cdot$", "²": "$^2$", "³": "$^3$", "⁴": "$^4$", "½": r"$\frac{1}{2}$",
    "≤": r"$\leq$", "≥": r"$\geq$", "≠": r"$\neq$", "≈": r"$\approx$", "→": r"$\to$",
    "∞": r"$\infty$", "∝": r"$\propto$", "√": r"$\surd$", "∂": r"$\partial$", "°": r"$^\circ$",
    "ᵀ": r"$^{\mathsf{T}}$", "‖": r"$\Vert$", "⟨": r"$\langle$", "⟩": r"$\rangle$",
    "≪": r"$\ll$", "≫": r"$\gg$", "∈": r"$\in$", "∑": r"$\sum$",
}  # fmt: skip
_GREEK = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "varepsilon", "ζ": "zeta",
    "η": "eta", "θ": "theta", "ι": "iota", "κ": "kappa", "λ": "lambda", "μ": "mu", "ν": "nu",
    "ξ": "xi", "π": "pi", "ρ": "rho", "ς": "varsigma", "σ": "sigma", "τ": "tau",
    "υ": "upsilon", "φ": "varphi", "χ": "chi", "ψ": "psi", "ω": "omega", "Γ": "Gamma",
    "Δ": "Delta", "Θ": "Theta", "Λ": "Lambda", "Ξ": "Xi", "Π": "Pi", "Σ": "Sigma",
    "Υ": "Upsilon", "Φ": "Phi", "Ψ": "Psi", "Ω": "Omega",
}  # fmt: skip
_SPECIAL |= {letter: rf"$\{name}$" for letter, name in _GREEK.items()}
_PERCENT = re.compile(r"([0-9]) %")
# What pdfTeX's UTF-8 input and the T1 encoding print: Latin letters and common punctuation.
_PRINTABLE = re.compile(r"[ -~¡-¬®-ÿĀ-ąĆ-ćČ-ěĞ-ğİ-ıĹ-ŉŐ-ŕŘ-śŞ-ťŮ-űŸ-ž]")


def escape_latex(text: str) -> Latex:
    """Plain text as LaTeX text; characters that LaTeX lacks appear by their code point.

    No line ends between a number and its per cent sign.
    """
    text = _PERCENT.sub("\\g<1>\u00a0%", text)
    return Latex("".join(_escape_character(character) for character in text))


def _escape_character(character: str) -> str:
    if character in _SPECIAL:
        return _SPECIAL[character]
    if character.isspace():
        return " "
    if _PRINTABLE.fullmatch(character):
        return character
    return rf"\texttt{{U+{ord(character):04X}}}"


def _finalize_latex(value: object) -> object:
    return value if isinstance(value, Latex) else escape_latex(str(value))


@cache
def _latex_environment() -> SandboxedEnvironment:
    # Delimiters that cannot occur in LaTeX text: jinja's own clash with {# and {{.
    return SandboxedEnvironment(
        loader=PackageLoader("symdrift.documents"),
        undefined=StrictUndefined,
        finalize=_finalize_latex,
        autoescape=False,
        block_start_string=r"\BLOCK{",
        block_end_string="}",
        variable_start_string=r"\VAR{",
        variable_end_string="}",
        comment_start_string=r"\COMMENT{",
        comment_end_string="}",
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


@cache
def _html_environment() -> SandboxedEnvironment:
    return SandboxedEnvironment(
        loader=PackageLoader("symdrift.documents"),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def render_latex(template: str, **context: Any) -> str:
    """Render a LaTeX template.

    Raises
    ------
    jinja2.UndefinedError
        When the template uses a name that the context lacks.
    """
    return _latex_environment().get_template(template).render(**context)


def render_html(template: str, **context: Any) -> str:
    """Render an HTML template.

    Raises
    ------
    jinja2.UndefinedError
        When the template uses a name that the context lacks.
    """
    return _html_environment().get_template(template).render(**context)

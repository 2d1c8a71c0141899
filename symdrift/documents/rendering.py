"""The one place where templates are rendered.

Templates hold layout, never algebra and never an equation.  Every plain string that
reaches one is escaped for its language; prepared mark-up is marked as such by its type
(:class:`symdrift.quoting.Latex`, :class:`markupsafe.Markup`).  An undefined name is an error.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from jinja2 import PackageLoader, StrictUndefined
from jinja2.sandbox import SandboxedEnvironment

from symdrift.quoting import Latex, escape_latex, unbroken_latex


def _finalize_latex(value: object) -> object:
    return value if isinstance(value, Latex) else escape_latex(str(value))


@cache
def _latex_environment() -> SandboxedEnvironment:
    # Delimiters that cannot occur in LaTeX text: jinja's own clash with {# and {{.
    environment = SandboxedEnvironment(
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
    environment.filters["unbroken"] = unbroken_latex
    return environment


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

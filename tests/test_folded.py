"""Equations too long to read: told in named quantities, folded on the page, the same objects."""

from __future__ import annotations

import pickle
from dataclasses import replace

import sympy as sp
from documents_example import GAMMA, L1, L2, L3, V, example_derivation

from symdrift.derivation.steps import Derivation, Equation, Step
from symdrift.documents.html import derivation_html
from symdrift.documents.latex import derivation_latex, fragment_latex
from symdrift.documents.levels import at_level
from symdrift.documents.pages import PAGES
from symdrift.documents.pycode import python_source
from symdrift.documents.sheet import sheet_latex
from symdrift.documents.slides import slides_latex

WHOLE = sp.expand((L1 + L2 + L3 + GAMMA) ** 4)
NAMED = sp.Symbol("T") * (L1 + L2)


def with_long_equation(section: str = "Huge") -> Derivation:
    shown, told = (sp.Eq(V[1, 2], right, evaluate=False) for right in (WHOLE, NAMED))
    equation = Equation("huge", shown, brief=told)
    step = Step("huge", section, "Huge", "See [eq:huge].", equations=(equation,))
    short = Equation("short", sp.Eq(V[1, 1], L1, evaluate=False))
    other = Step("short", section, "Short", "See [eq:short].", equations=(short,))
    return replace(example_derivation(), steps=(step, other))


def test_paper_tells_and_the_page_folds_the_same_equation() -> None:
    derivation = with_long_equation()
    last, told = r"\lambda_{1}^{3} \lambda_{2}", r"T (\lambda_{1} + \lambda_{2})"
    for paper in (
        derivation_latex(derivation),
        derivation_latex(derivation, page=PAGES["column"]),
        fragment_latex(derivation),
        slides_latex(derivation),
        sheet_latex(derivation),
    ):
        assert told in paper
        assert last not in paper
    page = derivation_html(derivation)
    folded = page.partition('<details class="whole">')[2].partition("</details>")[0]
    assert folded.count("<msubsup") + folded.count("<msup") > 30
    assert last in page, "the button copies the whole"
    assert python_source(derivation.equation("huge")).splitlines()[-1] in page


def test_what_is_told_survives_the_cache() -> None:
    equation = with_long_equation().equation("huge")
    assert pickle.loads(pickle.dumps(equation)) == equation
    assert equation.told == equation.brief


def test_the_outline_leaves_out_what_must_be_folded() -> None:
    outline = at_level(with_long_equation(), "outline")
    assert [e.label for step in outline.steps for e in step.equations] == ["short"]

"""Equations too long to read: described on paper, folded on the page, the same objects."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
import sympy as sp
from documents_example import GAMMA, L1, L2, L3, SYMBOL_NAMES, V, example_derivation
from tex import needs_tex

from symdrift.derivation.steps import Derivation, Equation, Step
from symdrift.documents.html import derivation_html
from symdrift.documents.latex import PAGES, derivation_latex, fragment_latex
from symdrift.documents.pdf import compile_pdf
from symdrift.documents.pycode import python_source
from symdrift.documents.sheet import sheet_latex
from symdrift.documents.slides import slides_latex
from symdrift.files import write_text
from symdrift.typesetting.abridgement import abridged
from symdrift.typesetting.formula import row
from symdrift.typesetting.lines import Layout, Names
from symdrift.typesetting.printer import TheoryPrinter

PRINTER = TheoryPrinter(SYMBOL_NAMES, [GAMMA])
# Binomial counts: 220 terms of degree 9 in four symbols, each at most to the ninth power.
POWER = sp.expand((L1 + L2 + L3 + GAMMA) ** 9)


def brief(expression: sp.Basic, width: float = 38.0) -> Layout:
    found = abridged(expression, PRINTER, width, Names())
    assert found is not None
    return found


def words(layout: Layout) -> str:
    printed = " ".join(f"{left.latex} {right.latex}" for left, right in layout.rows)
    return " ".join(re.sub(r"\\text\{([^}]*)\}|\\quad", r"\1", printed).split())


def long_equation(right: sp.Expr) -> Derivation:
    equation = Equation("huge", sp.Eq(V[1, 2], right, evaluate=False))
    step = Step("huge", "Huge", "Huge", "See [eq:huge].", equations=(equation,))
    return replace(example_derivation(), steps=(step,))


def test_a_polynomial_is_described_by_what_the_binomial_theorem_says_of_it() -> None:
    text = words(brief(sp.Eq(V[1, 2], sp.expand(GAMMA**2 * POWER))))
    assert text.startswith("V_{12} = a polynomial of degree 11 with 220 terms in ")
    assert text.endswith("with coefficients of one sign, of order 2 to 11 in \\gamma")


def test_signs_are_counted() -> None:
    mixed = sp.expand((L1 - L2 + L3) ** 7)
    assert "of both signs" in words(brief(sp.Eq(V[1, 2], mixed)))
    assert "of one sign" in words(brief(sp.Eq(V[1, 2], -POWER)))


def test_only_the_long_parts_of_a_quotient_are_named() -> None:
    quotient = GAMMA**3 * (L1 - GAMMA) * POWER / (L2 * sp.expand((L1 + L2 + L3) ** 6))
    layout = brief(sp.Eq(V[1, 2], quotient, evaluate=False))
    assert r"\gamma^{3}" in words(layout)
    numerator, denominator = (words(part) for part in layout.definitions)
    assert "degree 9 with 220 terms" in numerator
    # Seven over two minors minus one: 28 monomials of degree six in three symbols.
    assert "degree 6 with 28 terms" in denominator
    assert "order" not in denominator, "the small parameter does not occur in it"


@pytest.mark.parametrize("width", [18.0, 20.0, 25.0, 38.0])
def test_a_description_fits_its_line(width: float) -> None:
    for left, right in brief(sp.Eq(V[1, 2], POWER), width).rows:
        assert row(left, right).width <= width


def test_what_has_no_long_polynomial_is_not_described() -> None:
    assert abridged(sp.Eq(V[1, 2], L1 + L2), PRINTER, 38.0, Names()) is None
    assert abridged(POWER, PRINTER, 38.0, Names()) is None


@pytest.mark.slow
def test_paper_describes_and_the_page_folds_the_same_equation() -> None:
    derivation = long_equation(POWER)
    last = r"\lambda_{1}^{5} \lambda_{2}^{4}"
    papers = [
        derivation_latex(derivation),
        derivation_latex(derivation, page=PAGES["column"]),
        fragment_latex(derivation),
        slides_latex(derivation),
        sheet_latex(derivation),
    ]
    for paper in papers:
        assert "220" in paper
        assert last not in paper
    page = derivation_html(derivation)
    folded = page.partition('<details class="whole">')[2].partition("</details>")[0]
    assert folded.count("<msubsup") + folded.count("<msup") > 220
    assert last in page, "the button copies the whole"
    assert python_source(derivation.equation("huge")).splitlines()[-1] in page


def test_twelve_rows_are_printed_as_they_are() -> None:
    derivation = long_equation(sp.expand((L1 + L2 + L3) ** 6))
    assert r"\text{a polynomial" not in derivation_latex(derivation)
    assert 'details class="whole"' not in derivation_html(derivation)


@needs_tex
def test_descriptions_compile_in_a_column(tmp_path_factory: pytest.TempPathFactory) -> None:
    quotient = GAMMA**3 * POWER / (L2 * sp.expand((L1 + L2 + L3) ** 6))
    source = derivation_latex(long_equation(quotient), page=PAGES["column"])
    folder = tmp_path_factory.mktemp("column")
    assert compile_pdf(write_text(folder / "column.tex", source)).problems == ()

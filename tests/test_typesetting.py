"""Equations fit their line as TeX measures it, and still say what they said."""

from __future__ import annotations

import random
import re
import unicodedata
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import documents_example as example
import pytest
import sympy as sp
from latex_tree import characters, parse
from latex_value import Reader
from tex import needs_tex, widths

from symdrift.typesetting.formula import (
    Formula,
    brackets,
    cases,
    fence,
    letter,
    matrix,
    row,
    scripts,
    word,
)
from symdrift.typesetting.lines import Layout, Names, lay_out
from symdrift.typesetting.printer import Stationary, TheoryPrinter
from symdrift.typesetting.reading import NotMathematics, read

ETA, GAMMA = example.ETA, example.GAMMA
L1, L2, L3 = example.EIGENVALUES
ROW, COLUMN = sp.MatrixSymbol("a", 1, 2), sp.MatrixSymbol("b", 2, 1)
NAMES = example.SYMBOL_NAMES

GRIDS = (
    matrix([[letter(r"\gamma"), read(r"\lambda_{1}")],
            [read(r"\lambda_{2}"), read(r"\frac{\gamma}{\lambda_{1}}")]]),
    cases(
        [
            (read(r"1 - \frac{\gamma}{\lambda_{1}}"), read(r"\text{if } \lambda_1 > \gamma")),
            (read("0"), word("text", "otherwise")),
        ]
    ),
)  # fmt: skip
SAMPLES = (
    r"\lambda_{1} (s_{i} + s_{l}) + \gamma",
    r"\frac{\eta^{2}}{4 (s_{i} + s_{l})^{2}} \sum_{l=1}^{n} V_{il} (\lambda_{1} + \gamma)",
    r"e^{- \gamma (\lambda_{1} + \lambda_{2})}",
    r"\operatorname{tr}\left(Y^{\mathsf{T}} C Y \Gamma\right)",
    r"\frac{\sqrt{s_{i} + s_{j}}}{\sqrt{s_{l}}}",
    r"\Bigl[ 3265920 \lambda_{1} \lambda_{2}^{5} + 4898880 \lambda_{1} \lambda_{2}^{4} \Bigr]",
    r"\left(\frac{\frac{a}{b}+1}{\frac{c}{d}}\right)^{2}",
    r"\mathcal{Q}_{12} = \mathcal{P}_{3}",
    "a b c d e f g h i j k l m n o p q r s t u v w x y z",
    "A B C D E F G H I J K L M N O P Q R S T U V W X Y Z",
    r"\alpha\beta\gamma\delta\epsilon\zeta\eta\theta\iota\kappa\lambda\mu\nu\xi\pi\rho\sigma\tau",
    r"\Gamma\Delta\Theta\Lambda\Xi\Pi\Sigma\Upsilon\Phi\Psi\Omega\infty",
    r"0123456789 \leq \geq \neq \in \approx \times \cdot \propto",
    r"x \leq y, \quad\text{and}\quad z \neq 0",
    r"\hat{W} + \tilde{U} - \bar{Q}",
    r"\sqrt[3]{x+y} \ldots \max_{i} \lambda_i",
    r"\lVert W \rVert^2 + \langle A, B \rangle",
    r"a_{i_{j}} + b^{c^{d}}",
)


def printer() -> TheoryPrinter:
    return TheoryPrinter(NAMES, [GAMMA])


def latex(layout: Layout) -> list[tuple[str, str]]:
    """LaTeX of the rows, left and right of their alignment point."""
    return [(left.latex, right.latex) for left, right in layout.rows]


def named(layout: Layout) -> list[str]:
    """Names of the parts that are defined below an equation."""
    return [latex(part)[0][0] for part in layout.definitions]


def rows_of(layout: Layout) -> list[str]:
    parts = (layout, *layout.all_definitions())
    return [left + right for part in parts for left, right in latex(part)]


@needs_tex
def test_estimated_widths_are_never_below_those_of_tex_and_rarely_far_above(tmp_path: Path) -> None:
    samples = [*map(read, SAMPLES), *GRIDS, *composed()]
    true_widths = widths([sample.latex for sample in samples], tmp_path)
    for sample, true in zip(samples, true_widths, strict=True):
        assert true - 0.15 <= sample.width <= 1.15 * true + 0.1, sample


def composed() -> list[Formula]:
    """Formulas of every kind that the printer composes."""
    x, y = sp.symbols("x y")
    function = sp.Function("f")
    expressions = [
        example.rational_function(2), example.wide_block(), example.hidden_area().args[1],
        example.sum_over_inputs(), sp.Piecewise((1 - GAMMA / L1, L1 > GAMMA), (0, True)),
        sp.Matrix([[L1, GAMMA / L1], [0, sp.Rational(-1, 2)]]), sp.And(L1 > GAMMA, L2 <= L3),
        sp.exp(-x / 2) + sp.cos(x) ** 2, function(x, y) ** 2, sp.root(x + y, 3) + 1 / sp.sqrt(x),
        sp.KroneckerDelta(example.FIRST, example.SECOND), sp.Tuple(x, 2, -sp.Rational(3, 7)),
        sp.Float("1.25e-7", 3) * x, sp.MatrixSymbol("W^{(1)}", 3, 3).T, sp.oo,
        sp.Determinant(sp.MatrixSymbol("H", 2, 2)), sp.MatrixSymbol("H", 2, 2) ** -1,
    ]  # fmt: skip
    return [printer().doprint(expression) for expression in expressions]


def test_the_page_shows_the_same_letters_as_the_article() -> None:
    for formula in (*map(read, SAMPLES), *GRIDS, *composed()):
        shown = "".join(ElementTree.fromstring(formula.mathml).itertext())
        # Script capitals and double-struck ones are letters of an alphabet in Unicode.
        plain = unicodedata.normalize("NFKC", shown)
        written = unicodedata.normalize("NFKC", "".join(characters(parse(formula.latex))))
        assert plain.replace(" ", "") == written.replace(" ", ""), formula


def test_scripts_belong_to_the_last_atom_and_are_given_once() -> None:
    base, index, mark = read("a b"), letter("i"), letter("*")
    both = scripts(scripts(base, sup=mark), sub=index)
    assert both.latex == "a b^{*}_{i}"
    found = ElementTree.fromstring(both.mathml).find("msubsup")
    assert found is not None
    assert ["".join(part.itertext()) for part in found] == ["b", "i", "∗"]
    with pytest.raises(ValueError, match="double script"):
        scripts(both, sub=index)


def test_brackets_grow_with_their_body() -> None:
    body = read(r"\frac{a}{b}")
    assert fence("(", body, ")").box.reach == body.box.reach
    assert [brackets(letter("a"), size).latex for size in range(3)] == [
        "(a)", r"\bigl(a\bigr)", r"\Bigl(a\Bigr)"
    ]  # fmt: skip
    widths_of = [brackets(letter("a"), size).width for size in range(5)]
    assert widths_of == sorted(widths_of)


def test_a_sign_takes_room_on_both_sides_only_between_two_terms() -> None:
    a, minus = letter("a"), letter("-")
    sign = minus.width
    # Medium space is 4/18 em (The TeXbook, page 167).
    assert row(a, minus, a).width - 2 * a.width - sign == pytest.approx(2 * 4 / 18, abs=1e-3)
    assert row(minus, a).width == pytest.approx(sign + a.width)


@pytest.mark.slow
@needs_tex
@pytest.mark.parametrize("room", [18.0, 30.0, 38.0])
def test_no_row_of_a_broken_equation_is_wider_than_its_room_in_tex(
    room: float, tmp_path: Path
) -> None:
    equations = [
        sp.Eq(example.V[1, 2], ETA**3 * example.rational_function(7)),
        sp.Eq(example.V[1, 2], GAMMA / sp.expand((L1 + L2 + L3 + GAMMA) ** 4)),
        sp.Eq(sp.MatrixSymbol("H", 2, 2), example.wide_block(), evaluate=False),
        example.hidden_area(),
        example.sum_over_inputs(),
        sp.Eq(sp.Symbol("x"), (L1 + GAMMA) ** 2 * sp.expand((L1 + L2 + L3) ** 4), evaluate=False),
    ]
    for equation in equations:
        layout = lay_out(equation, printer(), room, Names())
        for part in (layout, *layout.all_definitions()):
            left = max(widths([line for line, _ in latex(part)], tmp_path))
            right = max(widths(["{}" + line for _, line in latex(part)], tmp_path))
            assert left + right <= room, equation.lhs


def test_a_short_equation_stays_on_one_row() -> None:
    layout = lay_out(sp.Eq(example.V[1, 2], GAMMA / L1), printer(), 38.0, Names())
    assert latex(layout) == [("V_{12}", r"= \frac{\gamma}{\lambda_{1}}")]
    assert layout.definitions == ()


def monomials(latex: str) -> int:
    """Number of terms of a sum of monomials with integer coefficients, grouped or not."""
    return len(re.findall(r"[+-]", latex)) + 1


def test_every_term_of_a_long_numerator_is_printed_exactly_once() -> None:
    fraction = example.rational_function(6)
    terms = sp.Poly(sp.numer(fraction), *example.EIGENVALUES, GAMMA).terms()
    layout = lay_out(sp.Eq(example.V[1, 2], fraction), printer(), 38.0, Names())
    text = " ".join(rows_of(layout)).split("[", 1)[1]
    assert len(layout.rows) > 5
    # Inside the brackets: as many monomials as the polynomial has; its groups add no signs.
    assert monomials(text) == len(terms)
    numbers = {int(number) for number in re.findall(r"(?<![\w{^])\d+(?= )", text)}
    lost = {abs(int(c)) for _, c in terms} - numbers - {1}
    assert not lost


def test_long_sums_are_grouped_by_powers_of_the_weight_decay() -> None:
    layout = lay_out(sp.Eq(sp.Symbol("P"), sp.expand((L1 + L2 + L3 + GAMMA) ** 5)), printer(),
                     38.0, Names())  # fmt: skip
    text = " ".join(rows_of(layout))
    positions = [text.index(rf"+ \gamma{power}") for power in (" ", "^{2} ", "^{3} ", "^{4} ")]
    assert positions == sorted(positions)
    assert text.count(r"\gamma^{3}") == 1


def test_brackets_are_balanced_across_rows() -> None:
    equation = sp.Eq(example.V[1, 2], ETA**3 * example.rational_function(8))
    text = " ".join(rows_of(lay_out(equation, printer(), 38.0, Names())))
    for size in ("big", "Big", "bigg", "Bigg"):
        assert len(re.findall(rf"\\{size}l\W", text)) == len(re.findall(rf"\\{size}r\W", text))
    assert text.count(r"\left") == text.count(r"\right")


def test_a_denominator_that_is_too_wide_is_named_and_defined() -> None:
    denominator = sp.expand((L1 + L2 + L3 + GAMMA) ** 5)
    layout = lay_out(sp.Eq(sp.Symbol("x"), ETA / denominator), printer(), 38.0, Names())
    assert latex(layout) == [("x", r"= \frac{\eta}{\mathcal{Q}_{1}}")]
    assert named(layout) == [r"\mathcal{Q}_{1}"]


def test_equal_wide_entries_of_a_matrix_share_one_name() -> None:
    block = sp.Eq(sp.MatrixSymbol("H", 2, 2), example.wide_block(), evaluate=False)
    layout = lay_out(block, printer(), 30.0, Names())
    ((_, right),) = latex(layout)
    assert right.count("h_{12}") == 2
    assert named(layout).count("h_{12}") == 1


def test_entries_of_a_matrix_are_named_alike_and_share_names_up_to_their_sign() -> None:
    first, second = L1 * L2 * L3, L1**2 * L2
    noise = sp.Matrix([[first, second, -first], [second, L1, -second], [-first, -second, L2]])
    block = sp.Eq(sp.Symbol(r"\mathcal{C}"), noise, evaluate=False)
    layout = lay_out(block, printer(), 13.0, Names())
    ((_, grid),) = latex(layout)
    parts = {left: right for part in layout.definitions for left, right in latex(part)}
    assert set(parts) == {"c_{11}", "c_{12}"}
    assert parts["c_{11}"] == r"= \lambda_{1} \lambda_{2} \lambda_{3}"
    cells = [line.split(" & ") for line in grid.split("matrix}")[1].split(r" \\ ")]
    assert [[cell.removesuffix(r" \end{").strip() for cell in row] for row in cells] == [
        ["c_{11}", "c_{12}", "- c_{11}"],
        ["c_{12}", r"\lambda_{1}", "- c_{12}"],
        ["- c_{11}", "- c_{12}", r"\lambda_{2}"],
    ]


def test_a_long_fraction_in_a_matrix_is_named_instead_of_set_in_small_type() -> None:
    fraction = GAMMA * L2 / (L1 * L2 - L3**2)
    block = sp.Eq(
        sp.MatrixSymbol("H", 2, 2), sp.Matrix([[L1, fraction], [GAMMA / L1, L2]]), evaluate=False
    )
    layout = lay_out(block, printer(), 38.0, Names())
    ((_, grid),) = latex(layout)
    assert grid.count(r"\frac") == 1
    assert named(layout) == ["h_{12}"]


def test_a_name_is_given_once_per_document() -> None:
    names = Names({"h_{12}"})
    assert names.entry("h", 1, 2).latex == "h^{(2)}_{12}"
    assert names.entry("h", 1, 2).latex == "h^{(3)}_{12}"
    assert names.part("Q").latex == r"\mathcal{Q}_{1}"
    assert names.part("Q").latex == r"\mathcal{Q}_{2}"


def test_a_matrix_with_too_many_columns_becomes_a_list_of_its_entries() -> None:
    matrix = sp.diag(*[L1**k for k in range(1, 31)])
    layout = lay_out(sp.Eq(sp.MatrixSymbol("H", 30, 30), matrix, evaluate=False), printer(),
                     38.0, Names())  # fmt: skip
    assert len(layout.definitions) == 30
    assert layout.remark == "All other entries vanish."


def test_a_part_that_occurs_again_keeps_its_name_and_is_defined_with_each_equation() -> None:
    denominator = sp.expand((L1 + L2 + L3 + GAMMA) ** 5)
    names = Names()
    layouts = [
        lay_out(sp.Eq(sp.Symbol("x"), numerator / denominator), printer(), 38.0, names)
        for numerator in (ETA, L1, 1 + L2)
    ]
    defined = [[part.rows for part in layout.definitions] for layout in layouts]
    assert len(defined[0]) == 1
    assert defined[0] == defined[1] == defined[2]
    other = lay_out(sp.Eq(sp.Symbol("x"), ETA / (1 + denominator)), printer(), 38.0, names)
    assert named(other) == [r"\mathcal{Q}_{2}"]


SYMBOLS = (ETA, GAMMA, *example.EIGENVALUES, *sp.symbols("s_i s_j", positive=True))
VALUES = dict(zip(SYMBOLS, (0.31, 0.27, 1.9, 1.3, 0.6, 0.85, 0.45), strict=True))


def random_expression(rng: random.Random, depth: int) -> sp.Expr:
    """A nested expression of the kinds that occur in the theory."""
    if depth == 0:
        return rng.choice(
            [*SYMBOLS, sp.Integer(rng.randint(1, 40)), sp.Rational(rng.randint(1, 9), 7)]
        )
    parts = [random_expression(rng, depth - 1) for _ in range(rng.randint(2, 6))]
    kind = rng.random()
    if kind < 0.4:
        return sp.Add(*(rng.choice([1, -1]) * part for part in parts))
    if kind < 0.7:
        return sp.Mul(*parts)
    if kind < 0.9:
        return parts[0] / (parts[1] + GAMMA**3)
    if kind < 0.95:
        return sp.sqrt(parts[0] ** 2 + GAMMA)
    return parts[0] ** rng.randint(2, 3)


@pytest.mark.parametrize("seed", range(40))
def test_a_broken_equation_still_means_what_it_meant(seed: int) -> None:
    rng = random.Random(seed)
    expression = random_expression(rng, rng.randint(2, 4))
    layout = lay_out(sp.Eq(sp.Symbol("y"), expression, evaluate=False), printer(),
                     rng.choice([16.0, 24.0, 38.0]), Names())  # fmt: skip
    reader = Reader({printer().doprint(symbol).latex: value for symbol, value in VALUES.items()})
    parts = layout.all_definitions()
    # A part may use parts that are defined after it, never the other way round.
    for part in reversed(parts):
        reader.define(latex(part)[0][0], reader.value(" ".join(line for _, line in latex(part))))
    printed = reader.value(" ".join(line for _, line in latex(layout)))
    assert printed == pytest.approx(float(expression.subs(VALUES)), rel=1e-9)


def test_a_condition_stands_behind_its_equation() -> None:
    layout = lay_out(sp.Eq(sp.Symbol("x"), L1), printer(), 38.0, Names(), L1 > GAMMA)
    assert latex(layout) == [("x", r"= \lambda_{1}, \qquad \lambda_{1} > \gamma")]


def test_breaking_is_deterministic_and_complete() -> None:
    equation = sp.Eq(example.V[1, 2], GAMMA / sp.expand((L1 + L2 + L3 + GAMMA) ** 5))
    first, second = (lay_out(equation, printer(), 30.0, Names()) for _ in range(2))
    assert rows_of(first) == rows_of(second)
    assert first.definitions


@pytest.mark.parametrize(
    ("expression", "printed"),
    [
        (GAMMA + L1 * (L2 + L3), r"\lambda_{1} (\lambda_{2} + \lambda_{3}) + \gamma"),
        (1 - GAMMA / L1, r"1 - \frac{\gamma}{\lambda_{1}}"),
        (GAMMA - L1, r"\gamma - \lambda_{1}"),
        (L1 - GAMMA, r"\lambda_{1} - \gamma"),
        (ETA * (GAMMA - L1) * (GAMMA - L2), r"\eta (\lambda_{1} - \gamma) (\lambda_{2} - \gamma)"),
        (
            ETA * (GAMMA - L1) * (L1 - L2),
            r"- \eta (\lambda_{1} - \gamma) (\lambda_{1} - \lambda_{2})",
        ),
        (ETA / (GAMMA - L1) ** 2, r"\frac{\eta}{(\lambda_{1} - \gamma)^{2}}"),
        (-1 / (GAMMA - L1), r"\frac{1}{\lambda_{1} - \gamma}"),
        (ETA - (GAMMA - L1) ** 3, r"\eta + (\lambda_{1} - \gamma)^{3}"),
        (ETA**3 * GAMMA**4 * L1, r"\eta^{3} \gamma^{4} \lambda_{1}"),
        (example.V[1, 2], "V_{12}"),
        (sp.MatrixSymbol("W", 3, 3)[0, 1], "W_{12}"),
        (
            sp.Trace(sp.MatrixSymbol("Y", 2, 2).T * sp.MatrixSymbol("C", 2, 2)),
            r"\operatorname{tr}(Y^{\mathsf{T}} C)",
        ),
        # The trace of a number is that number, and a product of two is not one product of matrices.
        (ETA * sp.Trace(ROW * COLUMN) ** 2, r"\eta (a b)^{2}"),
        (sp.Trace(ROW * COLUMN) * COLUMN, r"(a b) b"),
        (
            ETA * sp.Trace(ROW * COLUMN) * sp.Trace((ROW + COLUMN.T) * ROW.T),
            r"\eta \, (a + b^{\mathsf{T}}) a^{\mathsf{T}} \, a b",
        ),
        (ETA * sp.Trace(-ROW * COLUMN), r"\eta \operatorname{tr}(- a b)"),
        # What follows a determinant or a derivative is no part of it.
        (
            sp.Determinant(sp.MatrixSymbol("H", 2, 2)) * sp.MatrixSymbol("C", 2, 2),
            r"\det(H) C",
        ),
        (
            sp.MatrixSymbol(r"\partial L", 2, 2) * sp.MatrixSymbol("W", 2, 2).T,
            r"(\partial L) W^{\mathsf{T}}",
        ),
        (sp.MatrixSymbol("W^{(1)}", 2, 2).T, r"W^{(1)\mathsf{T}}"),
        (2**example.N * 3, r"3 \cdot 2^{n}"),
        (ETA / (-L1 - L2) ** 3, r"- \frac{\eta}{(\lambda_{1} + \lambda_{2})^{3}}"),
        (-(L1 + L2) * GAMMA / 2, r"- \frac{\gamma (\lambda_{1} + \lambda_{2})}{2}"),
    ],
)
def test_terms_and_factors_stand_in_the_order_of_the_theory(
    expression: sp.Basic, printed: str
) -> None:
    assert printer().doprint(expression).latex == printed


def test_unknown_latex_is_refused_not_guessed() -> None:
    for text in (r"\input{secret}", "x^2^3", r"\left( x", "{x", r"\text{a$b}", "γ", "a & b"):
        with pytest.raises(NotMathematics):
            read(text)


def test_what_the_theory_does_not_use_is_refused_not_printed_somehow() -> None:
    with pytest.raises(TypeError, match="Integral has no print in the theory"):
        printer().doprint(sp.Integral(GAMMA, (GAMMA, 0, 1)))


def test_an_indexed_symbol_prints_in_the_notation_like_any_other() -> None:
    moments = sp.IndexedBase("fourth")
    named = TheoryPrinter({moments: r"\mathcal{K}"})
    assert named.doprint(moments[example.FIRST, example.SECOND]).latex == r"\mathcal{K}_{ij}"
    assert printer().doprint(example.V[1, 2]).latex == "V_{12}"


def test_a_mean_carries_its_index_without_further_brackets() -> None:
    moment, other = sp.IndexedBase("moment"), sp.IndexedBase("other")
    named = TheoryPrinter({moment: r"\langle \delta_a \rangle", other: r"\delta_a"})
    assert named.doprint(moment[1]).latex == r"\langle \delta_a \rangle_{1}"
    assert named.doprint(other[1]).latex == r"(\delta_a)_{1}"
    assert named.doprint(Stationary(other[1]) ** 2).latex == r"{\langle (\delta_a)_{1}\rangle}^{2}"

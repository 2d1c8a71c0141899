"""Expressions mean what arithmetic says, exactly, and nothing else can be written."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from symdrift.derivation.symbolic import symbolic
from symdrift.errors import RequestError
from symdrift.expressions import (
    Expression,
    Number,
    Operation,
    Symbol,
    expanded_terms,
    is_name,
    number,
    parse,
    parse_number,
    whole_number,
)

NAMES = ("a", "lambda", "x_1")
SYMBOLS = {name: sp.Symbol(name, positive=True) for name in NAMES}

numbers = st.one_of(
    st.integers(0, 10**99).map(str),
    st.decimals(0, 1, places=30, allow_nan=False, allow_infinity=False).map(str),
    st.integers(0, 10**6).map(str),
    st.decimals(0, 1000, places=3, allow_nan=False, allow_infinity=False).map(str),
)


def _texts(operators: str, wrappers: tuple[str, ...]) -> st.SearchStrategy[str]:
    return st.recursive(
        st.one_of(numbers, st.sampled_from(NAMES)),
        lambda inner: st.one_of(
            st.builds("({} {} {})".format, inner, st.sampled_from(operators), inner),
            st.builds(str.format, st.sampled_from(wrappers), inner),
        ),
        max_leaves=8,
    )


texts = _texts(
    "+-*/",
    ("-{}", "({})**2", "({})**-1", "({})**(-2/3)", "sqrt({})", "cos({})", "sin({})"),
)
# Without signs nothing cancels, and floats are accurate to rounding.
positive_texts = _texts("+*/", ("({})**2", "({})**-1", "sqrt({})"))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 2*3", 7),
        ("2 - 3 - 4", -5),
        ("8/4/2", 1),
        ("-2**2", -4),
        ("(-2)**2", 4),
        ("2**-1", 0.5),
        ("2*-3", -6),
        ("--3", 3),
        ("4**(1/2) + sqrt(9)", 5),
        ("cos(0) + 2*sin(0)", 1),
        ("2*cos(1/2)**2 - 1", math.cos(1)),
        ("-sin(2 - 3)", math.sin(1)),
        ("8**(-1/3)", 0.5),
        ("1.5e-3*2", 0.003),
        (".5 + 5.", 5.5),
    ],
)
def test_arithmetic_has_its_usual_precedence(text: str, value: float) -> None:
    assert parse(text).evaluate({}) == pytest.approx(value, rel=1e-15)
    assert float(symbolic(parse(text), {})) == pytest.approx(value, rel=1e-15)


@pytest.mark.parametrize(
    ("text", "exact"),
    [("0.2", Fraction(1, 5)), ("0.7", Fraction(7, 10)), ("1e-3", Fraction(1, 1000))],
)
def test_decimals_are_exact_rationals(text: str, exact: Fraction) -> None:
    assert parse(text) == Number(exact)
    assert number(float(text)) == Number(exact)
    assert symbolic(parse(text), {}) == sp.Rational(exact.numerator, exact.denominator)


def test_symbols_come_in_order_of_appearance() -> None:
    assert parse("z*a + b/z - a").symbols == ("z", "a", "b")


def test_cosine_and_sine_are_functions_of_expressions() -> None:
    rotated = parse("a*cos(2*x_1) - sin(x_1/3)**2")
    assert rotated.symbols == ("a", "x_1")
    assert str(rotated) == "a*cos(2*x_1) - sin(x_1/3)**2"
    assert rotated.evaluate({"a": 3.0, "x_1": 0.4}) == pytest.approx(
        3 * math.cos(0.8) - math.sin(0.4 / 3) ** 2, rel=1e-15
    )
    a, x = SYMBOLS["a"], SYMBOLS["x_1"]
    assert symbolic(rotated, SYMBOLS) == a * sp.cos(2 * x) - sp.sin(x / 3) ** 2


def test_python_keywords_are_names() -> None:
    assert parse("lambda/2").evaluate({"lambda": 3.0}) == 1.5


def test_names_are_letters_digits_and_underscores() -> None:
    assert all(map(is_name, ("lambda_1", "_x", "E2")))
    assert not any(map(is_name, ("1a", "a.b", "", "a b", "λ", "sqrt", "cos", "sin")))


@given(texts)
def test_an_expression_is_read_again_as_it_was(text: str) -> None:
    expression = _parsed(text)
    assert expression is None or parse(str(expression)) == expression


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("123456789012345678901234567890**2", "123456789012345678901234567890**2"),
        ("x/123456789012345678901", "x/123456789012345678901"),
        ("0.1000000000000000000001*x", "1000000000000000000001e-22*x"),
        ("(x**2)**-3", "(x**2)**-3"),
        ("-" * 39 + "x", "-" * 39 + "x"),
        ("x - (-3)*-y", "x - -3*-y"),
        ("(-2)**2", "(-2)**2"),
        ("x**(3/2) + x**(-1/3)", "x**1.5 + x**(-1/3)"),
    ],
)
def test_an_expression_prints_no_more_than_it_needs(text: str, printed: str) -> None:
    assert str(parse(text)) == printed
    assert parse(printed) == parse(text)


def test_numbers_that_no_text_can_name_are_printed_as_quotients() -> None:
    third = Operation("*", Symbol("x"), Number(Fraction(-1, 3)))
    assert parse(str(third)).evaluate({"x": 3.0}) == -1.0


@given(positive_texts)
def test_floats_agree_with_exact_algebra(text: str) -> None:
    expression = _parsed(text)
    if expression is None:
        return
    values = dict(zip(NAMES, (0.25, 1.5, 3.0), strict=True))
    try:
        ours = expression.evaluate(values)
        theirs = symbolic(expression, SYMBOLS)
    except RequestError as error:
        assert "divides by zero" in str(error) or "double precision" in str(error)
        return
    exact = theirs.xreplace({SYMBOLS[name]: sp.Rational(value) for name, value in values.items()})
    assert ours == pytest.approx(float(exact.evalf(30)), rel=1e-12)


def _parsed(text: str) -> Expression | None:
    """The expression, unless the generated text went beyond a stated bound."""
    try:
        return parse(text)
    except RequestError as error:
        assert "powers" in str(error) or "at most" in str(error)
        return None


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "a b",
        "2x",
        "a +",
        "* a",
        "(a",
        "a)",
        "()",
        "a.b",
        "f(a)",
        "sqrt",
        "sqrt a",
        "sqrt(a, b)",
        "cos",
        "sin a",
        "tan(a)",
        "cos()",
        "x**sin(1)",
        "cos(x**65)",
        "x**y",
        "2**2**a",
        "a^2",
        "a == b",
        "a if b else c",
        "a[0]",
        "a;b",
        "λ",
        "1_000",
        "1e",
        "0x10",
        "1j",
        "__import__('os').system('true')",
        "(lambda: 0)()",
        "exp(a)",
        "a\n+\0",
    ],
)
def test_everything_else_is_refused(text: str) -> None:
    reasons = r"^learning\.rate = .* (is not an arithmetic|has powers that|has the number)"
    with pytest.raises(RequestError, match=reasons):
        parse(text, "learning.rate")


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("a", 1),
        ("a + b - 2*a", 3),
        ("(a + b)*(a - b)/(a + x_1)", 8),
        ("(a + b)**64", 65),
        ("-(a + b + x_1)**-2", 6),
        ("sqrt(a + b)", 2),
        ("((((a + b)**2)**2)**2)**8", math.comb(28, 8)),
    ],
)
def test_terms_of_a_product_are_counted_without_multiplying(text: str, terms: int) -> None:
    assert expanded_terms(parse(text)) == terms


@given(st.text(max_size=40) | st.text("a1.+-*/() sqrt", max_size=40))
def test_any_text_is_an_expression_or_is_refused(text: str) -> None:
    try:
        expression = parse(text)
    except RequestError:
        return
    assert all(map(is_name, expression.symbols))
    assert parse(str(expression)).symbols == expression.symbols


@pytest.mark.parametrize("text", ["x" * 501, "(" * 41 + "x" + ")" * 41, "-" * 41 + "x"])
def test_length_and_nesting_are_bounded(text: str) -> None:
    with pytest.raises(RequestError, match=r"500|40"):
        parse(text)


@pytest.mark.parametrize("text", ["x**65", "(x**9)**9", "9**9**9", "2**-65", "2**0.001", "x**1e99"])
def test_powers_that_would_explode_are_refused(text: str) -> None:
    with pytest.raises(RequestError):
        parse(text)


@pytest.mark.parametrize("text", ["1e999", "1e-400", "1e-999999999", "0.0000001e-200", "2/1e-101"])
def test_numbers_that_doubles_do_not_hold_are_refused(text: str) -> None:
    with pytest.raises(RequestError, match="outside the range 1e-100 to 1e\\+100"):
        parse(text)


def test_zero_is_zero_however_it_is_written() -> None:
    assert parse("0e-400").evaluate({}) == parse("0.000E99").evaluate({}) == number(0).value == 0


@pytest.mark.parametrize("text", ["inf", "-Infinity", "NaN + x", "sqrt(nan)"])
def test_what_is_no_number_is_no_symbol_either(text: str) -> None:
    with pytest.raises(RequestError, match="is no finite number"):
        parse(text)
    assert not any(map(is_name, ("inf", "nan", "Infinity")))


def test_an_argument_that_must_be_a_number_names_no_symbol() -> None:
    assert parse_number("2/4", "--sweep gamma") == 0.5
    with pytest.raises(RequestError, match=r'^--sweep gamma = "2/n" must be a number'):
        parse_number("2/n", "--sweep gamma")
    assert whole_number("17") == 17
    assert {whole_number(text) for text in ("9" * 5000, "-1", "1.5", "", "١")} == {-1}


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, -math.inf, 1e300, 10**400, pytest.param(-(16**5000), id="long")]
)
def test_numbers_must_be_finite_and_sane(value: float) -> None:
    with pytest.raises(RequestError):
        number(value)


@pytest.mark.parametrize(
    ("text", "value"), [("1/x", 0.0), ("sqrt(x)", -1.0), ("x**-1", 0.0), ("x**64", 1e90)]
)
def test_results_must_be_finite_real_numbers(text: str, value: float) -> None:
    with pytest.raises(RequestError, match=r"divides by zero|finite real"):
        parse(text).evaluate({"x": value})


@pytest.mark.parametrize("text", ["x**-64", "1e-99**8", "x/1e99*1e-99*1e-99*1e-99*1e-99"])
def test_a_result_too_small_for_doubles_is_not_zero(text: str) -> None:
    with pytest.raises(RequestError, match="is not zero, and too small for double precision"):
        parse(text).evaluate({"x": 1e10})
    assert parse("x*0 + 0**2 + 0/x").evaluate({"x": 1e10}) == 0


def test_a_missing_value_is_named() -> None:
    with pytest.raises(RequestError, match="needs a value for beta"):
        parse("alpha + beta").evaluate({"alpha": 1.0})


def test_division_by_an_identical_zero_is_refused_in_algebra() -> None:
    with pytest.raises(RequestError, match="divides by zero"):
        symbolic(parse("a/(1 - 1)"), SYMBOLS)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("2**2**2", r'exponent "2\*\*2" must be a number, or a sum, product or quotient of num'),
        ("x**sqrt(2)", r'exponent "sqrt\(2\)" must be a number, or a sum, product or quotient'),
        ("x**-(2**-1)", r'exponent "2\*\*-1" must be a number, or a sum, product or quotient'),
        ("10**400", '= "10\\*\\*400" has powers that multiply to more than 64'),
        ("1e-400", '= "1e-400" has the number 1e-400, outside the range'),
    ],
)
def test_what_is_out_of_range_is_called_so(text: str, sentence: str) -> None:
    with pytest.raises(RequestError, match=sentence):
        parse(text)


def test_a_power_of_nothing_is_one() -> None:
    """As in Python and in SymPy."""
    assert parse("0**0").evaluate({}) == 1
    with pytest.raises(RequestError, match="divides by zero"):
        parse("0**(-1)").evaluate({})

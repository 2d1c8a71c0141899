from __future__ import annotations

import pytest
import sympy as sp
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from symdrift.algebra.matrices import product
from symdrift.algebra.rational import (
    RationalField,
    cancel,
    distinct_parts,
    factor,
    is_zero,
    leading_term,
    replaced,
    solve_linear,
)

X, Y, Z = sp.symbols("x y z", positive=True)


def combined(children: st.SearchStrategy[sp.Expr]) -> st.SearchStrategy[sp.Expr]:
    pairs = st.tuples(children, children)
    return st.one_of(
        pairs.map(lambda pair: pair[0] + pair[1]),
        pairs.map(lambda pair: pair[0] * pair[1]),
        pairs.map(lambda pair: pair[0] - pair[1]),
        pairs.map(lambda pair: pair[0] / pair[1] if pair[1] != 0 else pair[0]),
        st.tuples(children, st.integers(2, 3)).map(lambda pair: pair[0] ** pair[1]),
    )


LEAVES = st.sampled_from([X, Y, Z]) | st.fractions(-3, 3, max_denominator=4).map(
    lambda value: sp.Rational(value.numerator, value.denominator)
)
EXPRESSIONS = st.recursive(LEAVES, combined, max_leaves=8)
ROOTED = st.recursive(LEAVES | st.just(sp.sqrt(X)), combined, max_leaves=6)


def defined(expression: sp.Expr) -> sp.Expr:
    """SymPy's own normal form, unless a denominator vanishes identically."""
    assume(not expression.has(sp.zoo, sp.nan))
    reduced = sp.cancel(sp.together(expression))
    assume(not reduced.has(sp.zoo, sp.nan))
    assume(sp.denom(reduced) != 0)
    return reduced


@settings(max_examples=150)
@given(EXPRESSIONS)
def test_cancel_gives_the_quotient_that_sympy_gives(expression: sp.Expr) -> None:
    reference = defined(expression)
    found = cancel(expression)
    assert sp.expand(sp.numer(found) * sp.denom(reference)) == sp.expand(
        sp.numer(reference) * sp.denom(found)
    )
    numerator, denominator = sp.fraction(found)
    assert sp.Poly(numerator, X, Y, Z).gcd(sp.Poly(denominator, X, Y, Z)).is_ground
    assert is_zero(expression) == (reference == 0)


@settings(max_examples=60)
@given(ROOTED)
def test_square_roots_of_symbols_are_generators(expression: sp.Expr) -> None:
    """With ``x = r^2`` everything is rational in ``r``, which SymPy can cancel."""
    root = sp.Symbol("r", positive=True)
    reference = defined(sp.sympify(expression).subs(X, root**2))
    found = cancel(expression)
    assert sp.cancel(sp.sympify(found).subs(X, root**2) - reference) == 0


@settings(max_examples=60)
@given(EXPRESSIONS)
def test_factors_multiply_to_the_expression_and_are_irreducible(expression: sp.Expr) -> None:
    reference = defined(expression)
    found = factor(expression)
    assert sp.cancel(found - reference) == 0
    for part in (sp.numer(found), sp.denom(found)):
        for base in sp.Mul.make_args(part):
            base = base.base if base.is_Pow else base
            if base.free_symbols:
                _, factors = sp.factor_list(base)
                assert sum(multiplicity for _, multiplicity in factors) == 1


@pytest.mark.parametrize("exponent", [10, 19, 100])
def test_numbers_beyond_machine_integers_are_factored(exponent: int) -> None:
    large = sp.Integer(10) ** exponent
    parts = large * X + 1, X + Y, (large + 3) * X**2 - Y
    found = factor(parts[0] * parts[1] ** 2 / parts[2])
    assert found == parts[0] * parts[1] ** 2 / parts[2]


def test_common_factors_go() -> None:
    expression = (X**2 - Y**2) / (X - Y) + (Z - 1) / (Z**2 - 1) * (Z + 1)
    assert cancel(expression) == X + Y + 1
    assert cancel((sp.sqrt(X) - sp.sqrt(Y)) / (X - Y)) == 1 / (sp.sqrt(X) + sp.sqrt(Y))


@pytest.mark.parametrize(
    ("expression", "zero"),
    [
        ((X + Y) ** 5 - sp.expand((X + Y) ** 5), True),
        (1 / (X - Y) - 1 / (X + Y) - 2 * Y / (X**2 - Y**2), True),
        (sp.sqrt(X) * sp.sqrt(Y) - sp.sqrt(Y) * X / sp.sqrt(X), True),
        (X / sp.sqrt(X + Y) + Y / sp.sqrt(X + Y) - sp.sqrt(X + Y), True),
        (sp.sqrt(2) * sp.sqrt(X + 1) / 2 - sp.sqrt(X + 1) / sp.sqrt(2), True),
        (X / sp.sqrt(X + Y) + Y / sp.sqrt(X + Y) - sp.sqrt(X - Y), False),
        # A difference that floating-point evaluation cannot see.
        ((X + sp.Integer(10) ** 40) / X - sp.Integer(10) ** 40 / X - 1, True),
        ((X + sp.Integer(10) ** 40 + 1) / X - sp.Integer(10) ** 40 / X - 1, False),
        (X - Y, False),
        (sp.Integer(0), True),
    ],
)
def test_zero_is_decided(expression: sp.Expr, zero: bool) -> None:
    assert is_zero(expression) is zero


@pytest.mark.parametrize(
    ("expression", "lowest"),
    [
        ((sp.cos(X) ** 2 - Y**2) / (sp.cos(X) - Y), sp.cos(X) + Y),
        ((sp.sin(X * Y) + 1) * X / (X * Y), (sp.sin(X * Y) + 1) / Y),
        ((sp.sqrt(X + 1) + 1) * Y / (Y * sp.sqrt(X + 1) ** 3),
         (sp.sqrt(X + 1) + 1) / (sp.sqrt(X + 1) * (X + 1))),
    ],
)  # fmt: skip
def test_cosines_sines_and_roots_of_sums_cancel_as_symbols_do(
    expression: sp.Expr, lowest: sp.Expr
) -> None:
    difference = cancel(expression) - lowest
    assert abs(difference.subs({X: sp.Rational(3, 7), Y: sp.Rational(5, 3)}).evalf(30)) < 1e-25
    numerator, _ = sp.fraction(cancel(expression))
    assert not numerator.has(Y) or lowest.has(Y)


@pytest.mark.parametrize(
    ("expression", "zero"),
    [
        (sp.cos(X) ** 2 + sp.sin(X) ** 2 - 1, True),
        ((Y * sp.cos(X)) ** 2 + (Y * sp.sin(X)) ** 2 - Y**2, True),
        (sp.sin(2 * X) - sp.cos(X), False),
        (sp.cos(X) ** 2 + sp.sin(Y) ** 2 - 1, False),
        (sp.cos(X) - sp.sin(X), False),
        (sp.sin(X) / (1 + sp.cos(X)) - (1 - sp.cos(X)) / sp.sin(X), True),
    ],
)
def test_cosine_and_sine_of_an_angle_are_related(expression: sp.Expr, zero: bool) -> None:
    assert is_zero(expression) is zero


@pytest.mark.parametrize("expression", [sp.tan(X), X**Y, sp.cbrt(X + 1), sp.exp(X), sp.pi * X])
def test_what_is_not_rational_is_refused(expression: sp.Expr) -> None:
    with pytest.raises(TypeError, match="not a rational function"):
        cancel(expression)


def test_division_by_an_identical_zero_is_refused() -> None:
    vanishing = sp.Add(X**2, -(X**2 + X) * X / (X + 1), evaluate=False)
    with pytest.raises(ZeroDivisionError):
        cancel(1 / vanishing)


@pytest.mark.parametrize(
    "expression",
    [
        (X**2 * Y + X**3) / (X + Y * X**4),
        (Z + X) / (X**2 * Y + X**3),
        (X * Y + X**2) / ((X + Z) * (X - Y)),
        sp.Integer(3) * Y,
    ],
)
def test_leading_term_is_the_limit(expression: sp.Expr) -> None:
    coefficient, exponent = leading_term(expression, X)
    assert X not in coefficient.free_symbols
    assert coefficient != 0
    assert sp.cancel(sp.limit(expression / X**exponent, X, 0) - coefficient) == 0


def test_a_linear_system_of_rational_functions_is_solved() -> None:
    a, b, c = sp.symbols("a b c", positive=True)
    matrix = sp.Matrix([[a, b, 0], [1 / b, c, a], [0, a, b + c]])
    right = sp.Matrix([1, a / c, b])
    found = sp.Matrix(solve_linear(matrix, right))
    assert all(is_zero(entry) for entry in matrix * found - right)


def test_a_system_without_leading_pivot_is_solved() -> None:
    a = sp.Symbol("a", positive=True)
    assert solve_linear(sp.Matrix([[0, a], [1, 1]]), sp.Matrix([a, 3])) == [2, 1]


def test_a_singular_system_is_refused() -> None:
    a, b = sp.symbols("a b", positive=True)
    with pytest.raises(ValueError, match="singular"):
        solve_linear(sp.Matrix([[a, b], [2 * a, 2 * b]]), sp.Matrix([1, 1]))


def test_sums_of_products_and_quotients_are_in_lowest_terms() -> None:
    a, b = sp.symbols("a b", positive=True)
    field = RationalField([a, b])
    total = field.contract([a, 1 / b], [b, -a * b**2])
    assert total[0] == 0
    quotient = field.divide(field.fraction(a**2 - b**2), field.fraction(a - b))
    assert field.expand(quotient[0]) / field.expand(quotient[1]) == a + b


@settings(max_examples=150)
@given(ROOTED, ROOTED, ROOTED)
def test_what_is_replaced_once_is_what_sympy_replaces_everywhere(
    expression: sp.Expr, first: sp.Expr, second: sp.Expr
) -> None:
    rules = {X: first, Y * Z: second, sp.sqrt(X): Z}
    assert replaced(expression, rules) == expression.xreplace(rules)


@settings(max_examples=150)
@given(ROOTED)
def test_distinct_parts_are_all_that_a_walk_finds(expression: sp.Expr) -> None:
    assert distinct_parts([expression]) == set(sp.preorder_traversal(expression))


def test_what_stands_in_many_places_is_visited_once() -> None:
    nested = X
    for _ in range(200):
        nested = sp.Mul(nested, sp.Add(nested, 1, evaluate=False), evaluate=False)
    assert len(distinct_parts([nested])) == 402
    assert distinct_parts([replaced(nested, {X: sp.Integer(0)})]) == {sp.Integer(0)}


def test_a_product_without_its_zeros_is_that_of_sympy() -> None:
    x, y = sp.symbols("x y", positive=True)
    left = sp.ImmutableMatrix([[x, 0, 1 / (x + y)], [0, 0, y]])
    right = sp.ImmutableMatrix([[0, 2], [x, 0], [y, x - y]])
    assert product(2 * x, left, right, y) == 2 * x * left * right * y
    assert product(left.T, left) == left.T * left

from __future__ import annotations

from itertools import product

import pytest
import sympy as sp

from symdrift.algebra.wick import expectation

VARIABLES = sp.symbols("z_1:4", real=True)
COVARIANCE = {
    (VARIABLES[a], VARIABLES[b]): sp.Symbol(f"c_{min(a, b)}{max(a, b)}")
    for a in range(3)
    for b in range(3)
}


def moment_of_generating_function(exponents: tuple[int, ...]) -> sp.Expr:
    """Derivative of ``exp(t' C t / 2)`` at ``t = 0``, from its terms of that order."""
    order = sum(exponents)
    if order % 2:
        return sp.Integer(0)
    arguments = sp.symbols("t_1:4")
    quadratic = sum(
        COVARIANCE[VARIABLES[a], VARIABLES[b]] * arguments[a] * arguments[b] / 2
        for a, b in product(range(3), repeat=2)
    )
    term = sp.expand(quadratic ** (order // 2) / sp.factorial(order // 2))
    for argument, exponent in zip(arguments, exponents, strict=True):
        term = sp.diff(term, argument, exponent)
    return sp.expand(term)


@pytest.mark.parametrize(
    "exponents", [k for k in product(range(5), repeat=3) if sum(k) <= 6], ids=str
)
def test_moments_are_derivatives_of_the_generating_function(exponents: tuple[int, ...]) -> None:
    monomial = sp.Mul(*(v**k for v, k in zip(VARIABLES, exponents, strict=True)))
    found = sp.expand(expectation(monomial, COVARIANCE))
    assert found == moment_of_generating_function(exponents)


def test_expectation_is_linear_and_leaves_constants() -> None:
    a, b = sp.symbols("a b")
    first, second, third = VARIABLES
    polynomial = a * first**2 * second**2 + sp.sqrt(b) * third + b
    c11, c22, c12 = (sp.Symbol(name) for name in ("c_00", "c_11", "c_01"))
    assert sp.expand(expectation(polynomial, COVARIANCE) - (a * (c11 * c22 + 2 * c12**2) + b)) == 0


def test_absent_pairs_are_uncorrelated() -> None:
    first, second, _ = VARIABLES
    v, w = sp.symbols("v w")
    diagonal = {(first, first): v, (second, second): w}
    assert expectation(first**4 * second**2, diagonal) == 3 * v**2 * w
    assert expectation(first * second, diagonal) == 0


def test_a_pair_may_be_given_in_either_order() -> None:
    first, second, _ = VARIABLES
    c = sp.Symbol("c")
    assert expectation(first * second, {(second, first): c}) == c
    assert expectation(first * second, {(first, second): c}) == c

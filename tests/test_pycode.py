"""Copied Python rebuilds the very expression of the equation."""

from __future__ import annotations

import re
from typing import Any

import pytest
import sympy as sp
from documents_example import example_derivation

from symdrift.derivation.steps import Derivation, Equation
from symdrift.documents.pycode import python_source
from symdrift.study import read_study
from symdrift.theory.derive import derive

GAMMA = sp.Symbol("gamma", positive=True)
LAMBDA = sp.Symbol("lambda", positive=True)
A, B = sp.symbols("a b")
SQUARE = sp.MatrixSymbol("E", 2, 2)


def run(equation: Equation) -> dict[str, Any]:
    """Names that the source of an equation binds."""
    bound: dict[str, Any] = {}
    exec(compile(python_source(equation), equation.label, "exec"), bound)
    return bound


def require_rebuilt(derivation: Derivation) -> None:
    for step in derivation.steps:
        for equation in step.equations:
            bound = run(equation)
            assert bound["equation"] == equation.expression, equation.label
            assert bound.get("condition") == equation.condition, equation.label


def test_every_equation_of_the_example_is_rebuilt() -> None:
    require_rebuilt(example_derivation())


@pytest.mark.slow
def test_every_equation_of_a_shipped_study_is_rebuilt() -> None:
    require_rebuilt(derive(read_study("isotropic_autoencoder")))


@pytest.mark.parametrize(
    "expression",
    [
        # SymPy would change each of these if it were written with operators only.
        sp.Mul(2, A + B, evaluate=False),
        (SQUARE + SQUARE.T) * sp.MatrixSymbol("v", 2, 1),
        sp.Mul(sp.Rational(1, 2), A + B, evaluate=False),
        sp.Mul(-1, A + B, evaluate=False),
        sp.Add(B, A, evaluate=False),
        sp.Add(A, sp.Add(A, B, evaluate=False), evaluate=False),
        sp.Mul(2, 3, evaluate=False),
        sp.Mul(2, sp.Pow(3, -1, evaluate=False), evaluate=False),
        sp.Pow(2, 3, evaluate=False),
        sp.Pow(sp.Integer(2), -1, evaluate=False),
        sp.Eq(A, A, evaluate=False),
        # And these not: signs, quotients, roots, powers of powers.
        -A - B,
        A - (A + B) ** 2 / 3,
        -A / (B * (A + B)),
        sp.Rational(-3, 4) * A * sp.sqrt(GAMMA) / LAMBDA**2,
        1 / sp.sqrt(GAMMA + LAMBDA),
        (A**B) ** A,
        (-A) ** 3,
        (A + B) ** -2,
        sp.Pow(2, A) * sp.sqrt(2) / 3,
        sp.exp(-GAMMA * (A - 1)),
        sp.Matrix([[A, 0], [GAMMA / 2, -B]]),
        SQUARE.T * SQUARE - 2 * GAMMA * (SQUARE + SQUARE.T),
        SQUARE[0, 1] * A,
        sp.Trace(SQUARE * SQUARE.T) + sp.KroneckerDelta(A, B),
        sp.Sum(sp.IndexedBase("T")[A] ** 2, (A, 1, B)),
        sp.Piecewise((A, GAMMA > LAMBDA), (0, True)),
        sp.And(A > B, sp.Ne(A, 1)),
        sp.Function("f")(A, B) - sp.Function("f")(B, A),
    ],
    ids=str,
)
def test_expressions_are_rebuilt_as_they_stand(expression: sp.Basic) -> None:
    rebuilt = run(Equation("one", expression))["equation"]
    assert rebuilt == expression
    assert sp.srepr(rebuilt) == sp.srepr(
        sp.sympify(expression).as_immutable()
        if isinstance(expression, sp.MatrixBase)
        else expression
    )


def test_symbols_keep_their_assumptions_and_get_names_that_python_allows() -> None:
    text = python_source(Equation("one", sp.Eq(sp.Symbol("Eq"), LAMBDA * GAMMA, evaluate=False)))
    assert 'lambda_ = Symbol("lambda", positive=True)' in text
    assert re.search(r"^equation = Eq\(Eq_, gamma\*lambda_\)$", text, re.MULTILINE)


def test_symbols_of_one_name_and_different_assumptions_stay_apart() -> None:
    loose = sp.Symbol("gamma")
    assert run(Equation("one", GAMMA - loose))["equation"] == GAMMA - loose


def test_what_cannot_be_written_is_refused() -> None:
    with pytest.raises(TypeError, match="Str cannot be written"):
        python_source(Equation("one", sp.Tuple(A, sp.core.symbol.Str("text"))))

"""Numbers of a study as exact SymPy expressions."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

import sympy as sp

from symdrift.errors import RequestError
from symdrift.expressions import (
    Expression,
    Function,
    Negation,
    Number,
    Operation,
    Power,
    Symbol,
)


def symbolic(expression: Expression, symbols: Mapping[str, sp.Symbol]) -> sp.Expr:
    """The same arithmetic, exactly.

    Parameters
    ----------
    expression : Expression
    symbols : Mapping of str to sympy.Symbol
        A symbol for each of ``expression.symbols``.

    Raises
    ------
    RequestError
        When the expression divides by something that is identically zero.
    KeyError
        When a symbol is missing.
    """
    result = _converted(expression, symbols)
    if result.has(sp.zoo, sp.nan):
        raise RequestError("the expression", f'= "{expression}" divides by zero')
    return result


def _converted(expression: Expression, symbols: Mapping[str, sp.Symbol]) -> sp.Expr:
    match expression:
        case Number(value=value):
            return _rational(value)
        case Symbol(name=name):
            return symbols[name]
        case Negation(operand=operand):
            return -_converted(operand, symbols)
        case Power(base=base, exponent=exponent):
            return _converted(base, symbols) ** _rational(exponent)
        case Function(name=name, operand=operand):
            function = sp.cos if name == "cos" else sp.sin
            return function(_converted(operand, symbols))
        case Operation(operator=operator, left=left, right=right):
            first, second = _converted(left, symbols), _converted(right, symbols)
            if operator in "+-":
                return first + second if operator == "+" else first - second
            return first * second if operator == "*" else first / second
    raise TypeError(f"no expression: {expression!r}")


def _rational(value: Fraction) -> sp.Rational:
    return sp.Rational(value.numerator, value.denominator)

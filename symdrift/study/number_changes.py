"""How the numbers of a study change with one of its symbols, or of its own numbers."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from symdrift.errors import RequestError
from symdrift.expressions import (
    Array,
    Expression,
    Function,
    Negation,
    Number,
    Operation,
    Power,
)
from symdrift.study.assignments import mirrored
from symdrift.study.fields import whole_numbers
from symdrift.study.kinds import suggest
from symdrift.study.model import Specification

BATCH = "learning.batch"
"""A whole number by which there are derivatives all the same: noise goes with its inverse."""
_TOGETHER = ("inputs.probabilities.", "inputs.stimuli.", "stimulus.")
"""Numbers that make sense together only, or of which there are many: asked for by name."""


def derivative(expression: Expression, symbol: str) -> Expression:
    """Derivative by a symbol; what does not change has no part in it."""
    if symbol not in expression.symbols:
        return Number(Fraction(0))
    match expression:
        case Negation(operand=operand):
            return Negation(derivative(operand, symbol))
        case Power(base=base, exponent=exponent):
            outer = Operation("*", Number(exponent), Power(base, exponent - 1))
            return Operation("*", outer, derivative(base, symbol))
        case Function(name=name, operand=operand):
            other = Function("cos" if name == "sin" else "sin", operand)
            outer_one = other if name == "sin" else Negation(other)
            return Operation("*", outer_one, derivative(operand, symbol))
        case Operation():
            return _of_operation(expression, symbol)
        case _:
            return Number(Fraction(1))


def _of_operation(expression: Operation, symbol: str) -> Expression:
    sign, left, right = expression.operator, expression.left, expression.right
    first, second = derivative(left, symbol), derivative(right, symbol)
    if sign == "*":
        first, second = Operation("*", first, right), Operation("*", left, second)
    elif sign == "/":
        first = Operation("/", first, right)
        second = Operation("/", Operation("*", expression, second), right)
    if symbol not in right.symbols:
        return first
    if symbol not in left.symbols:
        return Negation(second) if sign in "-/" else second
    return Operation("+" if sign in "+*" else "-", first, second)


def parameters(study: Specification, named: Sequence[str] = ()) -> dict[str, float]:
    """Values of the numbers by which there are derivatives.

    Parameters
    ----------
    study : Specification
        With a value for each symbol.
    named : sequence of str
        Symbols or dotted fields; else all symbols, and the numbers of inputs, teacher and learning
        that are no symbols.

    Raises
    ------
    RequestError
        When a name is no number of the study, or a whole one.
    """
    values = {name: value.evaluate({}, name) for name, value in study.values.items()}
    whole = whole_numbers(study, BATCH)
    own = {
        path: held.evaluate({}, path)
        for path, held in study.numbers.items()
        # What has derivatives here is two-layer SGD, which has no momentum.
        if not held.symbols and path != "learning.momentum"
    }
    allowed = {name: values[name] for name in study.symbols} | own
    allowed = {name: value for name, value in allowed.items() if name not in whole}
    if not named:
        return {name: value for name, value in allowed.items() if _is_one(name, value)}
    for name in named:
        if name in whole:
            raise RequestError(name, "is a whole number, by which there are no derivatives")
        if name not in allowed:
            raise RequestError(
                name, f"is no number of the study; {suggest(name, list(allowed), 'allowed')}"
            )
    return {name: allowed[name] for name in dict.fromkeys(named)}


def _is_one(name: str, value: float) -> bool:
    """Whether a number is a parameter without being asked for; of a covariance half are."""
    if name.startswith(_TOGETHER) or name > mirrored(name):
        return False
    # Zeros of matrices, and noise that is not there, are what kind of study it is.
    structure = name.count(".") > 2 or name == "learning.synaptic_noise"
    return bool(value) or not structure


def number_changes(study: Specification, names: Sequence[str]) -> dict[str, Array]:
    """Derivatives of every number of a study by some of its parameters, shape ``(k,)``.

    Raises
    ------
    RequestError
        Where one is not finite, as that of a square root at zero.
    """
    values = {name: value.evaluate({}, name) for name, value in study.values.items()}
    return {
        path: np.array(
            [
                float(name in (path, mirrored(path)))
                if "." in name
                else derivative(held, name).evaluate(values, f"{path}, by {name},")
                for name in names
            ]
        )
        for path, held in study.numbers.items()
    }

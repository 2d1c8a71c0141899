"""Formulas in matrix symbols, with explicit matrices in their place."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from typing import Any

import sympy as sp


def evaluate_matrix(
    expression: sp.Basic, entries: Mapping[sp.Basic, sp.ImmutableMatrix]
) -> sp.ImmutableMatrix:
    """Sums, products, powers, transposes, traces and determinants of matrix symbols."""
    if expression in entries or isinstance(expression, sp.MatrixSymbol):
        return entries[expression]
    if isinstance(expression, sp.Transpose):
        return evaluate_matrix(expression.arg, entries).T
    if isinstance(expression, sp.Trace):
        return evaluate_matrix(expression.arg, entries).trace()
    if isinstance(expression, sp.Determinant):
        return evaluate_matrix(expression.arg, entries).det()
    if isinstance(expression, (sp.Pow, sp.MatPow)):
        return evaluate_matrix(expression.base, entries) ** expression.exp
    if isinstance(expression, sp.Identity):
        return sp.ImmutableMatrix(sp.eye(int(expression.rows)))
    if isinstance(expression, (sp.Add, sp.MatAdd)):
        parts = [evaluate_matrix(part, entries) for part in expression.args]
        total = parts[0]
        for part in parts[1:]:
            total = total + part
        return total
    if isinstance(expression, (sp.Mul, sp.MatMul)):
        return product(*(evaluate_matrix(part, entries) for part in expression.args))
    return expression


def product(*factors: Any) -> Any:
    """Product of numbers and explicit matrices, zeros left out.

    Of what it multiplies by zero SymPy asks whether it is finite, which of a long sum takes longer
    than all other products.
    """
    return reduce(_without_zeros, factors)


def _without_zeros(left: Any, right: Any) -> Any:
    if not isinstance(left, sp.MatrixBase):
        left, right = right, left
    if not isinstance(left, sp.MatrixBase):
        return left * right
    if not isinstance(right, sp.MatrixBase):
        return left.applyfunc(lambda entry: entry * right if entry != 0 else entry)
    rows = [
        [(j, entry) for j, entry in enumerate(left.row(i)) if entry != 0] for i in range(left.rows)
    ]
    return sp.ImmutableMatrix(
        left.rows,
        right.cols,
        lambda i, k: sp.Add(*(entry * right[j, k] for j, entry in rows[i] if right[j, k] != 0)),
    )

"""Formulas in matrix symbols, with explicit matrices in their place."""

from __future__ import annotations

from collections.abc import Mapping

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
        product = sp.Integer(1)
        for part in expression.args:
            product = product * evaluate_matrix(part, entries)
        return product
    return expression

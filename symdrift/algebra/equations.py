"""Lyapunov and Sylvester equations, solved exactly.

For blocks of one or two rows they have closed solutions in traces, determinants and adjugates
(Cayley-Hamilton), which stay small where a general linear solve does not; rational matrices
of any size are solved as linear systems.
"""

from __future__ import annotations

from typing import Any

import sympy as sp
from sympy.polys.domains import QQ
from sympy.polys.matrices import DomainMatrix


def solve_lyapunov(operator: sp.Matrix, source: sp.Matrix) -> sp.Matrix:
    """Solve ``A X + X A = Q`` for symmetric ``A`` of one or two rows.

    ``X = (det(A) Q + adj(A) Q adj(A)) / (2 tr(A) det(A))`` for two rows.
    """
    if operator.rows == 1:
        return source / (2 * operator[0])
    determinant, adjugate = operator.det(), operator.adjugate()
    return (determinant * source + adjugate * source * adjugate) / (
        2 * operator.trace() * determinant
    )


def solve_sylvester(left: sp.Matrix, right: sp.Matrix, source: sp.Matrix) -> sp.Matrix:
    """Solve ``A Y + Y B = F`` for square ``A`` and ``B`` of one or two rows.

    By Cayley-Hamilton for ``A``, ``Y (B^2 + tr(A) B + det(A)) = F B + adj(A) F``, and
    ``B^2 = tr(B) B - det(B)`` leaves a matrix of two rows to invert.
    """
    if left.rows == 1:
        shifted = left[0] * sp.eye(right.rows) + right
        return source * shifted.adjugate() / shifted.det()
    if right.rows == 1:
        shifted = right[0] * sp.eye(left.rows) + left
        return shifted.adjugate() * source / shifted.det()
    pencil = (left.trace() + right.trace()) * right + (left.det() - right.det()) * sp.eye(2)
    return (source * right + left.adjugate() * source) * pencil.adjugate() / pencil.det()


def solve_operator(
    left: sp.MatrixBase, right: sp.MatrixBase, source: sp.MatrixBase
) -> sp.ImmutableMatrix:
    """Solve ``A X + X B = F`` over the rational numbers, exactly.

    Raises
    ------
    DMNonInvertibleMatrixError
        When ``A`` and ``-B`` share an eigenvalue.
    """
    rows, columns = source.shape
    system: dict[int, dict[int, Any]] = {}
    for i in range(rows):
        for j in range(columns):
            entries: dict[int, Any] = {}
            for k in range(rows):
                _accumulate(entries, k * columns + j, left[i, k])
            for k in range(columns):
                _accumulate(entries, i * columns + k, right[k, j])
            system[i * columns + j] = entries
    size = rows * columns
    matrix = DomainMatrix(system, (size, size), QQ).to_dense()
    known = DomainMatrix([[_rational(entry)] for entry in source], (size, 1), QQ)
    solution = matrix.lu_solve(known).to_list_flat()
    return sp.ImmutableMatrix(rows, columns, [QQ.to_sympy(value) for value in solution])


def _accumulate(entries: dict[int, Any], position: int, value: sp.Expr) -> None:
    if value != 0:
        entries[position] = entries.get(position, QQ(0)) + _rational(value)


def _rational(value: sp.Expr) -> Any:
    return QQ(int(value.p), int(value.q))

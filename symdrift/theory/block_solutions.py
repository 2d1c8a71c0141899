"""Solutions of the equations of two blocks, in traces and determinants of their Hessians."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sympy as sp

from symdrift.algebra.matrices import evaluate_matrix
from symdrift.derivation.symbols import symbol
from symdrift.derivation.vocabulary import (
    BLOCK_HESSIAN,
    LEFT_SOLUTION,
    OWN_HESSIAN,
    RIGHT_SOLUTION,
    TERM,
)

MIXED_HESSIAN = sp.MatrixSymbol("H_ji", 2, 2)
ONES = sp.MatrixSymbol("ones", 1, 2)
ROW_LEFT, ROW_RIGHT = sp.MatrixSymbol("y", 1, 2), sp.MatrixSymbol("z", 1, 2)
RESULTANT, OWN_RESULTANT = sp.symbols("resultant own_resultant", positive=True)
UNIT = sp.Identity(2)

LATEX: dict[sp.Basic, str] = {
    ONES: r"\mathbf{1}",
    RESULTANT: r"\mathcal{R}_{ijl}",
    OWN_RESULTANT: r"\mathcal{R}_{iji}",
}

MEANINGS: tuple[tuple[sp.Basic, str, str], ...] = (
    (RESULTANT, "resultant of two blocks", "scalar"),
    (ONES, "row of ones", "1 by 2"),
    (LEFT_SOLUTION, "solution of the Sylvester equation of two blocks", "2 by 2"),
    (RIGHT_SOLUTION, "that of the other Sylvester equation", "2 by 2"),
    (ROW_LEFT, "solution for an axis with itself and a block", "1 by 2"),
    (ROW_RIGHT, "that of the other equation", "1 by 2"),
)


@dataclass(frozen=True)
class Solution:
    """A displayed solution of one of two Sylvester equations; both add up to twice ``unit``.

    Attributes
    ----------
    name : sympy.Symbol
        Symbol of the resultant.
    resultant : sympy.Expr
        In traces and determinants of the blocks.
    left : sympy.MatrixExpr
        The solution, with the symbol of the resultant in it.
    unit : sympy.MatrixExpr
    """

    name: sp.Symbol
    resultant: sp.Expr
    left: sp.MatrixExpr
    unit: sp.MatrixExpr

    def right(self, left: sp.MatrixSymbol) -> sp.MatrixExpr:
        """The solution of the other equation, by that of the first."""
        return 2 * self.unit - left

    def at(
        self,
        blocks: Mapping[sp.MatrixSymbol, sp.ImmutableMatrix],
        numbers: Mapping[sp.Symbol, sp.Expr] | None = None,
    ) -> tuple[sp.ImmutableMatrix, sp.ImmutableMatrix]:
        """Both solutions with explicit blocks in the place of their symbols."""
        entries = {**blocks, ONES: sp.ImmutableMatrix(sp.ones(1, 2))}
        known = dict(numbers or {})
        size = evaluate_matrix(self.resultant.xreplace(known), entries)
        left = evaluate_matrix(self.left.xreplace(known | {self.name: size}), entries)
        return left, evaluate_matrix(2 * self.unit, entries) - left


def _of_two_blocks() -> Solution:
    p, q = BLOCK_HESSIAN["il"], BLOCK_HESSIAN["jl"]
    t_p, t_q, d_p, d_q = sp.Trace(p), sp.Trace(q), sp.Determinant(p), sp.Determinant(q)
    mixed, adjugate = t_p * d_q + t_q * d_p, t_p * UNIT - p
    left = (2 / RESULTANT) * (
        mixed * q + (t_p + t_q) * d_q * adjugate + (d_p - d_q) * (adjugate * q - d_q * UNIT)
    )
    return Solution(RESULTANT, (t_p + t_q) * mixed + (d_p - d_q) ** 2, left, UNIT)


def _of_one_axis() -> Solution:
    trace, determinant = sp.Trace(MIXED_HESSIAN), sp.Determinant(MIXED_HESSIAN)
    row = (2 / OWN_RESULTANT) * ONES * (OWN_HESSIAN * MIXED_HESSIAN + determinant * UNIT)
    return Solution(OWN_RESULTANT, OWN_HESSIAN**2 + OWN_HESSIAN * trace + determinant, row, ONES)


OF_TWO_BLOCKS, OF_ONE_AXIS = _of_two_blocks(), _of_one_axis()
"""Solutions for the blocks ``(i, l)`` and ``(j, l)``, and for an axis and the block ``(j, i)``."""


def term(i: int | str, j: int | str, l: int | str) -> tuple[sp.Expr, sp.Expr]:
    """What the axis ``l`` adds to the covariance of the plane of ``i`` and ``j``: both sides.

    The axis is a third one, or ``i`` or ``j``.
    """
    entry = TERM[tuple(_index(k) for k in (i, j, l))]
    if l in (i, j):
        return entry, _own(*((i, j) if l == i else (j, i)))
    left, right = (sp.MatrixSymbol(_name(stem, i, j, l), 2, 2) for stem in "YZ")
    (noise_p, moved_p), (noise_q, moved_q) = (_block(k, l) for k in (i, j))
    area = sp.Trace(left.T * noise_p * left * moved_q) + sp.Trace(
        right * noise_q * right.T * moved_p
    )
    return entry, sp.Symbol(_name("o", i, j, l), positive=True) ** 2 * area


def _own(i: int | str, j: int | str) -> sp.Expr:
    noise, moved = _block(j, i)
    own_noise, own_moved = (
        symbol(role, _name("", i, i)) for role in ("gradient_noise", "fluctuation")
    )
    return sp.Symbol(_name("o", i, j, i), positive=True) ** 2 * (
        own_noise * sp.Trace(ROW_LEFT * moved * ROW_LEFT.T)
        + own_moved * sp.Trace(ROW_RIGHT * noise * ROW_RIGHT.T)
    )


def _index(k: int | str) -> sp.Basic:
    return sp.Symbol(k, integer=True, positive=True) if isinstance(k, str) else sp.Integer(k)


def _block(i: int | str, l: int | str) -> tuple[sp.MatrixSymbol, sp.MatrixSymbol]:
    """Noise and fluctuation of a block."""
    noise, moved = (sp.MatrixSymbol(_name(stem, i, l), 2, 2) for stem in ("C", "Gamma"))
    return noise, moved


def _name(stem: str, *indices: int | str) -> str:
    joint = "_" if any(isinstance(k, int) and k > 9 for k in indices) else ""
    return f"{stem}{'_' if stem else ''}{joint.join(map(str, indices))}"

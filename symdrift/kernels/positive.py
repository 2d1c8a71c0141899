"""The equations of the blocks, solved by sums of positive terms.

Differences of nearly equal numbers cost digits where curvatures differ by orders of magnitude.
The solutions of `symdrift.algebra.equations` are rewritten here for blocks of two rows
whose entry beside the diagonal is ``-kappa``, so that no digits are lost: by Cayley-Hamilton, with
``t, d`` and ``u, e`` for trace and determinant of ``P`` and ``Q``,

``P Y + Y Q = 2 Q`` has ``Y = 2 diag(Q_11 + P_22, Q_22 + P_11) M / R`` with
``M = [[(t + Q_22) e + Q_11 d, kappa (e - d)], [kappa (e - d), (t + Q_11) e + Q_22 d]]`` and
``R = (d - e)^2 + (t + u) (t e + u d)``.
"""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from symdrift.derivation.symbols import GAMMA


@dataclass(frozen=True)
class PositiveBlock:
    """A block of two rows, by quantities that are not negative.

    Attributes
    ----------
    first, second : sympy.Expr
        Diagonal of the Hessian.
    coupling : sympy.Expr
        ``kappa``: the Hessian has ``-kappa`` beside its diagonal.
    determinant : sympy.Expr
        Of the Hessian.
    noise : sympy.ImmutableMatrix
    named_trace : sympy.Expr, optional
        The trace of the Hessian, where it has a name of its own.
    """

    first: sp.Expr
    second: sp.Expr
    coupling: sp.Expr
    determinant: sp.Expr
    noise: sp.ImmutableMatrix
    named_trace: sp.Expr | None = None

    @property
    def trace(self) -> sp.Expr:
        return self.first + self.second if self.named_trace is None else self.named_trace

    @property
    def adjugate(self) -> sp.Matrix:
        return sp.Matrix([[self.second, self.coupling], [self.coupling, self.first]])

    @property
    def fluctuation(self) -> sp.Matrix:
        """``Gamma`` with ``H Gamma + Gamma H = C``."""
        noise = sp.Matrix(self.noise)
        doubled = self.determinant * noise + self.adjugate * noise * self.adjugate
        return doubled / (2 * self.trace * self.determinant)


def determinant(hessian: sp.ImmutableMatrix) -> sp.Expr:
    """Of ``A + gamma`` with a diagonal ``A``: ``A_11 A_22 + gamma tr(A) + gamma^2 - kappa^2``."""
    first, second = (sp.expand(hessian[k, k] - GAMMA) for k in (0, 1))
    coupling = -hessian[0, 1]
    return first * second + GAMMA * (first + second) + (GAMMA - coupling) * (GAMMA + coupling)


@dataclass(frozen=True)
class Coloured:
    """``Y = 2 diag(scales) weights / resultant``, with symmetric weights.

    Attributes
    ----------
    scales : tuple of sympy.Expr
    weights : sympy.Matrix
    resultant : sympy.Expr
    """

    scales: tuple[sp.Expr, sp.Expr]
    weights: sp.Matrix
    resultant: sp.Expr

    @property
    def solution(self) -> sp.Matrix:
        """``Y``."""
        return 2 * sp.diag(*self.scales) * self.weights / self.resultant


def coloured(left: PositiveBlock, right: PositiveBlock) -> Coloured:
    """``Y`` with ``P Y + Y Q = 2 Q`` for two blocks of one coupling."""
    difference = right.determinant - left.determinant
    moved, kept = left.trace * right.determinant, right.trace * left.determinant
    beside = right.coupling * difference
    ahead, behind = (
        moved + one * right.determinant + other * left.determinant
        for one, other in ((right.second, right.first), (right.first, right.second))
    )
    return Coloured(
        scales=(right.first + left.second, right.second + left.first),
        weights=sp.Matrix([[ahead, beside], [beside, behind]]),
        resultant=difference**2 + (left.trace + right.trace) * (moved + kept),
    )


def coloured_row(curvature: sp.Expr, block: PositiveBlock, kept: sp.Matrix) -> sp.Matrix:
    """``Y`` with ``h Y + Y H = 2 (1 1) H``, a row.

    Parameters
    ----------
    curvature : sympy.Expr
        ``h``.
    block : PositiveBlock
        With the Hessian ``H``.
    kept : sympy.Matrix
        ``(1 1) H``, without differences.
    """
    doubled = 2 * (block.determinant * sp.ones(1, 2) + curvature * kept)
    return doubled / shifted_determinant(curvature, block)


def coloured_column(curvature: sp.Expr, block: PositiveBlock) -> sp.Matrix:
    """``Z`` with ``H Z + Z h = 2 h (1 1)'``, a column."""
    moved = (block.adjugate + curvature * sp.eye(2)) * sp.ones(2, 1)
    return 2 * curvature * moved / shifted_determinant(curvature, block)


def shifted_determinant(curvature: sp.Expr, block: PositiveBlock) -> sp.Expr:
    """``det(H + h)``."""
    return curvature**2 + curvature * block.trace + block.determinant

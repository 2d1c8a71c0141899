"""The equations of the blocks, solved by sums of positive terms.

Differences of nearly equal numbers cost digits where curvatures differ by orders of magnitude.
The solutions of `symdrift.algebra.equations` are rewritten here for blocks of two rows
whose entry beside the diagonal is ``-kappa``, so that no digits are lost: by Cayley-Hamilton, with
``t, d`` and ``u, e`` for trace and determinant of ``P`` and ``Q``,

``P Y + Y Q = 2 Q`` has ``Y = 2 diag(Q_11 + P_22, Q_22 + P_11) M / R`` with
``M = [[(t + Q_22) e + Q_11 d, kappa (e - d)], [kappa (e - d), (t + Q_11) e + Q_22 d]]``, the first
entry of which is ``P_11 e + Q_11 d + (P_22 + Q_22) e``, and
``R = (d - e)^2 + (t + u) (t e + u d) = (Q_11 + P_22) M_11 + (Q_22 + P_11) N_11``, where ``N`` is
``M`` with the blocks exchanged.

A block is nearly singular close to a threshold or to a tie for the last hidden unit.  Its
fluctuation ``Gamma_Q`` is large there, and ``Y Gamma_Q Y'`` is not: with ``W`` that solves
``P W + W Q = 2``, so that ``Y = W Q`` and ``Z = P W``, it is ``(Y C Y' + e W C W') / (2 u)``,
from the noise ``C`` of the block and without a division by ``e``.
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
    """

    first: sp.Expr
    second: sp.Expr
    coupling: sp.Expr
    determinant: sp.Expr
    noise: sp.ImmutableMatrix

    @property
    def trace(self) -> sp.Expr:
        return self.first + self.second

    @property
    def adjugate(self) -> sp.Matrix:
        return sp.Matrix([[self.second, self.coupling], [self.coupling, self.first]])

    @property
    def fluctuation(self) -> sp.Matrix:
        """``Gamma`` with ``H Gamma + Gamma H = C``."""
        noise = sp.Matrix(self.noise)
        doubled = self.determinant * noise + self.adjugate * noise * self.adjugate
        return doubled / (2 * self.trace * self.determinant)


@dataclass(frozen=True)
class Forgetting:
    """What a block forgets of its fluctuation, by the eigenvalues ``h_1 <= h_2`` of its Hessian.

    Attributes
    ----------
    lower, upper : sympy.Expr
        ``h_1`` and ``h_2``.
    ahead, behind : sympy.Expr
        ``h_2 - H_11`` and ``h_2 - H_22``.
    slow, fast : sympy.Expr
        ``g(h) = (1 - exp(-c h)) / h`` at ``h_1`` and at ``h_2``.
    apart : sympy.Expr
        ``(g(h_1) - g(h_2)) / (h_2 - h_1)``.
    """

    lower: sp.Expr
    upper: sp.Expr
    ahead: sp.Expr
    behind: sp.Expr
    slow: sp.Expr
    fast: sp.Expr
    apart: sp.Expr

    def variance(self, block: PositiveBlock) -> sp.Expr:
        """First entry of ``(1 - exp(-c H)) Gamma``, without the determinant as a divisor.

        It is ``g(H) H Gamma``, and ``H Gamma = C / 2 + (H C - C H) / (2 tr(H))``.
        """
        noise, second, coupling = block.noise, block.second, block.coupling
        slow = self.slow * self.ahead * (second + self.lower)
        fast = self.fast * self.behind * (second + self.upper)
        beside = self.apart * coupling * (2 * second * noise[0, 1] + coupling * noise[1, 1])
        own = noise[0, 0] * (slow + fast) / (self.ahead + self.behind)
        return (own + beside) / (2 * block.trace)


@dataclass(frozen=True)
class CloseAxes:
    """A learned axis ``i`` and another one ``l``, by what tells how close they are to a tie.

    The block of the two is ``[[s lambda_l + gamma, -kappa], [-kappa, s lambda_i + gamma]]``.  Where
    ``l`` would be worth learning and is left out, ``kappa = gamma + lambda_l missed``; else
    ``kappa = gamma - slack``, with a slack of 0 where ``l`` is learned.

    Attributes
    ----------
    variance, other_variance : sympy.Expr
        ``lambda_i`` and ``lambda_l``.
    total : sympy.Expr
        ``s``, the sum of both singular values.
    missed : sympy.Expr
        The singular value that ``l`` would have, 0 where it is not left out.
    slack : sympy.Expr
        ``gamma - kappa``, 0 where ``l`` is left out.
    coupling : sympy.Expr
        ``kappa``.
    gap : sympy.Expr
        ``lambda_i s^2 - lambda_l missed^2``, twice what separates the losses of the minima that
        learn one of two axes.
    root : sympy.Expr
        ``sqrt(lambda_i lambda_l)``.
    """

    variance: sp.Expr
    other_variance: sp.Expr
    total: sp.Expr
    missed: sp.Expr
    slack: sp.Expr
    coupling: sp.Expr
    gap: sp.Expr
    root: sp.Expr

    @property
    def spread(self) -> sp.Expr:
        """``(sqrt(lambda_i) + sqrt(lambda_l))^2``."""
        return self.variance + self.other_variance + 2 * self.root

    @property
    def worth(self) -> sp.Expr:
        """``sqrt(lambda_i)`` times the sum of both roots of what the gap is between."""
        return self.variance * self.total + self.root * self.missed

    @property
    def determinant(self) -> sp.Expr:
        """Of the block; no term is negative in the lowest minimum."""
        unequal = self.total * (self.variance - self.other_variance) ** 2
        close = unequal * self.worth + 2 * self.root * self.gap * self.spread
        return (
            self.other_variance * self.gap
            + GAMMA * (close / (self.spread * self.worth))
            + self.slack * (self.coupling + GAMMA)
        )


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
        """``Y``, or what else solves an equation of the two blocks."""
        return 2 * sp.diag(*self.scales) * self.weights / self.resultant


def coloured(left: PositiveBlock, right: PositiveBlock) -> Coloured:
    """``Y`` with ``P Y + Y Q = 2 Q`` for two blocks of one coupling."""
    difference = right.determinant - left.determinant
    moved, kept = left.trace * right.determinant, right.trace * left.determinant
    beside = right.coupling * difference
    firsts, seconds = left.first + right.first, left.second + right.second
    ahead, behind = (
        one * right.determinant + other * left.determinant + right.determinant * summed
        for one, other, summed in (
            (left.first, right.first, seconds), (left.second, right.second, firsts)
        )
    )  # fmt: skip
    return Coloured(
        scales=(right.first + left.second, right.second + left.first),
        weights=sp.Matrix([[ahead, beside], [beside, behind]]),
        resultant=difference**2 + (left.trace + right.trace) * (moved + kept),
    )


def resting(left: PositiveBlock, right: PositiveBlock) -> Coloured:
    """``W`` with ``P W + W Q = 2`` for two blocks of one coupling, in the same form."""
    found = coloured(left, right)
    first, second = found.scales
    beside = right.coupling * (left.trace + right.trace)
    ahead, behind = second * (left.second + right.second), first * (left.first + right.first)
    return Coloured(found.scales, sp.Matrix([[ahead, beside], [beside, behind]]), found.resultant)


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

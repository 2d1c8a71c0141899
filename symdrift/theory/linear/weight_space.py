"""An exact minimum in all weights, without use of the operators on learned maps."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import sympy as sp

from symdrift.algebra.equations import solve_operator
from symdrift.theory.linear.curvature import hessian
from symdrift.theory.linear.minimum import Minimum, Plane


@dataclass(frozen=True)
class WeightSpace:
    """The matrices of an exact minimum in all weights.

    Attributes
    ----------
    minimum : Minimum
        With rational entries.
    noise : sympy.ImmutableMatrix
        Gradient noise ``C``, shape ``(p (n + m), p (n + m))``.
    """

    minimum: Minimum
    noise: sp.ImmutableMatrix

    @cached_property
    def hessian(self) -> sp.ImmutableMatrix:
        """Second derivatives of the expected loss."""
        return hessian(self.minimum)

    @cached_property
    def stiffened(self) -> sp.ImmutableMatrix:
        """The Hessian with unit stiffness added along the orbit, where it has none.

        It commutes with the projector on the orbit, so that nothing normal changes.
        """
        tangents = sp.Matrix.hstack(*(self.minimum.tangent(plane) for plane in self.minimum.planes))
        return sp.ImmutableMatrix(self.hessian + tangents * tangents.T)

    @cached_property
    def fluctuation(self) -> sp.ImmutableMatrix:
        """``Gamma`` with ``H Gamma + Gamma H = C``, per unit of learning rate."""
        return solve_operator(self.stiffened, self.stiffened, self.noise)

    def corrector(self, plane: Plane) -> sp.ImmutableMatrix:
        """``K`` with ``H K + K H = (H Omega - Omega H) / 2``."""
        rotation = self.minimum.network.rotation(*plane)
        bracket = (self.stiffened * rotation - rotation * self.stiffened) / 2
        return solve_operator(self.stiffened, self.stiffened, bracket)

    def coloured(self, plane: Plane) -> sp.ImmutableMatrix:
        """``Y = Omega - 2 K``, which solves ``H Y + Y H = 2 Omega H``."""
        rotation = self.minimum.network.rotation(*plane)
        return sp.ImmutableMatrix(rotation - 2 * self.corrector(plane))

    def mean(self, plane: Plane) -> sp.Expr:
        """``tr(H Omega Gamma) / G``, the mean rotation per ``eta^2``."""
        turn = self.minimum.network.rotation(*plane)
        return (self.stiffened * turn * self.fluctuation).trace() / self.minimum.metric(plane)

    def variance(self, plane: Plane) -> sp.Expr:
        """``tr(Y' C Y Gamma) / G^2``, per ``eta^3``."""
        coloured = self.coloured(plane)
        swept = coloured.T * self.noise * coloured * self.fluctuation
        return swept.trace() / self.minimum.metric(plane) ** 2

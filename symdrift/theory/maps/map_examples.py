"""Misaligned networks with exact entries, on which the general theory is checked.

Axes, singular values and covariances are rational; the teacher follows from them, so that
the minimum is exact.  One network learns every direction it can, one leaves a direction
out, and one of two axes keeps its parameters as symbols.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import sympy as sp

from symdrift.algebra.equations import solve_operator
from symdrift.theory.linear.curvature import hessian
from symdrift.theory.linear.maps import MapDrift, elliptical_noise
from symdrift.theory.linear.minimum import Minimum, Plane
from symdrift.theory.linear.network import LinearNetwork
from symdrift.theory.linear.points import ChosenMinimum
from symdrift.theory.linear.two_axes import TwoAxes
from symdrift.theory.setting import explicit_network

EXAMPLE_KURTOSIS = sp.Rational(1, 2)


def turned(size: int, i: int, j: int, half_tangent: sp.Rational) -> sp.ImmutableMatrix:
    """Rotation of two axes by an angle whose half has a rational tangent."""
    cosine = (1 - half_tangent**2) / (1 + half_tangent**2)
    sine = 2 * half_tangent / (1 + half_tangent**2)
    matrix = sp.eye(size)
    matrix[i, i] = matrix[j, j] = cosine
    matrix[i, j], matrix[j, i] = -sine, sine
    return sp.ImmutableMatrix(matrix)


@dataclass(frozen=True)
class WeightSpace:
    """The matrices of an exact minimum in all weights, without use of the learned map.

    Attributes
    ----------
    minimum : Minimum
        With rational entries.
    noise : sympy.ImmutableMatrix
        Gradient noise ``C``, shape ``(r (n + m), r (n + m))``.
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


@dataclass(frozen=True)
class MapExamples:
    """Exact networks, each computed once."""

    @cached_property
    def generic(self) -> LinearNetwork:
        """Three inputs, two hidden units, two outputs; every entry is a symbol."""
        return explicit_network(3, 2, 2)

    @cached_property
    def rectangular(self) -> ChosenMinimum:
        """Three inputs, two outputs, both directions learned."""
        right = turned(3, 0, 2, sp.Rational(1, 2)) * turned(3, 0, 1, sp.Rational(1, 4))
        return ChosenMinimum(
            left=turned(2, 0, 1, sp.Rational(1, 3)),
            right=sp.ImmutableMatrix(right[:, :2]),
            singular_values=(sp.Rational(9, 4), sp.Integer(1)),
            input_covariance=_covariance(),
            weight_decay=sp.Rational(1, 4),
            unlearned_slope=sp.ImmutableMatrix(sp.zeros(2, 3)),
            label_noise=(sp.Rational(1, 3), sp.Rational(1, 5)),
        )

    @cached_property
    def left_out(self) -> ChosenMinimum:
        """Three inputs and outputs, two directions learned, one below the threshold."""
        left = turned(3, 0, 1, sp.Rational(1, 3)) * turned(3, 1, 2, sp.Rational(1, 2))
        right = turned(3, 0, 2, sp.Rational(1, 2)) * turned(3, 0, 1, sp.Rational(1, 4))
        return ChosenMinimum(
            left=sp.ImmutableMatrix(left[:, :2]),
            right=sp.ImmutableMatrix(right[:, :2]),
            singular_values=(sp.Rational(9, 4), sp.Integer(1)),
            input_covariance=_covariance(),
            weight_decay=sp.Rational(1, 4),
            unlearned_slope=sp.ImmutableMatrix(left[:, 2:] * right[:, 2:].T / 10),
            label_noise=(sp.Rational(1, 3), sp.Rational(1, 5), sp.Integer(0)),
        )

    @cached_property
    def rational(self) -> tuple[ChosenMinimum, ...]:
        """The networks with rational entries."""
        return self.rectangular, self.left_out

    @cached_property
    def drifts(self) -> tuple[MapDrift, ...]:
        """Fluctuation and rotation of each, with elliptical inputs."""
        return tuple(
            MapDrift(minimum, elliptical_noise(minimum, EXAMPLE_KURTOSIS))
            for minimum in self.rational
        )

    @cached_property
    def weight_spaces(self) -> tuple[WeightSpace, ...]:
        """The same in all weights."""
        return tuple(
            WeightSpace(
                drift.minimum,
                sp.ImmutableMatrix(drift.minimum.reach * drift.noise * drift.minimum.reach.T),
            )
            for drift in self.drifts
        )

    @cached_property
    def two_axes(self) -> TwoAxes:
        """Two axes in their canonical frame: everything is a symbol."""
        return TwoAxes()


def _covariance() -> sp.ImmutableMatrix:
    half, quarter, fifth = (sp.Rational(1, k) for k in (2, 4, 5))
    return sp.ImmutableMatrix([[2, half, quarter], [half, 1, fifth], [quarter, fifth, 3 * quarter]])

"""Noise, fluctuation and rotation on learned maps: the theory of any task without its weights."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import sympy as sp

from symdrift.algebra.equations import solve_operator
from symdrift.derivation.vocabulary import (
    ANY_MAP,
    INPUT_COVARIANCE,
    KURTOSIS,
    NOISE_COVARIANCE,
    RESIDUAL,
    SLOPE,
)
from symdrift.theory.linear.minimum import Minimum, Plane

_MISSED = RESIDUAL * INPUT_COVARIANCE * RESIDUAL.T * ANY_MAP * INPUT_COVARIANCE
_CROSSED = SLOPE * ANY_MAP.T * SLOPE
_LABELS = NOISE_COVARIANCE * ANY_MAP * INPUT_COVARIANCE
GAUSSIAN_ON_MAPS = _MISSED + _CROSSED + _LABELS
"""What the noise of Gaussian inputs makes of a map."""
ELLIPTICAL_ON_MAPS = (
    sp.MatMul(1 + KURTOSIS, _MISSED + _CROSSED, evaluate=False)
    + KURTOSIS * sp.Trace(SLOPE.T * ANY_MAP) * SLOPE
    + _LABELS
)
"""What that of elliptical inputs makes of it."""


def elliptical_noise(minimum: Minimum, kurtosis: sp.Expr) -> sp.ImmutableMatrix:
    """Covariance of ``F = e x'`` for elliptical inputs, flattened.

    Parameters
    ----------
    minimum : Minimum
    kurtosis : sympy.Expr
        ``kappa``; zero for Gaussian inputs.

    Returns
    -------
    sympy.ImmutableMatrix
        Shape ``(m n, m n)``.
    """
    return minimum.operator(ELLIPTICAL_ON_MAPS).xreplace({KURTOSIS: kurtosis})


@dataclass(frozen=True)
class MapDrift:
    """Fluctuation and rotation of an exact minimum, computed on learned maps.

    Rates are for one sample per step; ``V`` in units of ``eta^3`` and ``mu`` in units of
    ``eta^2``.

    Attributes
    ----------
    minimum : Minimum
        With rational entries.
    noise : sympy.ImmutableMatrix
        Covariance of ``F = e x'``, shape ``(m n, m n)``.
    """

    minimum: Minimum
    noise: sp.ImmutableMatrix

    @cached_property
    def fluctuation(self) -> sp.ImmutableMatrix:
        """``X`` with ``B X + X B' = C``, per unit of learning rate."""
        curvature = self.minimum.curvature
        return solve_operator(curvature, curvature.T, self.noise)

    def coloured(self, plane: Plane) -> sp.ImmutableMatrix:
        """``Y`` with ``B' Y + Y B = 2 O B``."""
        curvature = self.minimum.curvature
        source = 2 * self.minimum.turn(plane) * curvature
        return solve_operator(curvature.T, curvature, source)

    def covariance(self, first: Plane, second: Plane) -> sp.Expr:
        """``tr(Y' C Y X) / (G G')``, the covariance of two rotations per ``eta^3``."""
        swept = self.coloured(first).T * self.noise * self.coloured(second) * self.fluctuation
        return swept.trace() / (self.minimum.metric(first) * self.minimum.metric(second))

    def mean(self, plane: Plane) -> sp.Expr:
        """``tr(B' O X) / G``, the mean rotation per ``eta^2``."""
        pulled = self.minimum.curvature.T * self.minimum.turn(plane) * self.fluctuation
        return pulled.trace() / self.minimum.metric(plane)

"""From rotations of the hidden layer to what happens to the representation of a stimulus.

The representation of ``x`` is ``h = Q_t (W* + n_t) x``: slow rotation ``Q_t``, fast
stationary fluctuation ``n_t``.
"""

from __future__ import annotations

from collections.abc import Mapping

import sympy as sp

from symdrift.derivation.symbols import ETA, TIME
from symdrift.theory.linear.minimum import Plane
from symdrift.theory.linear.network import generator


def decay_matrix(variances: Mapping[Plane, sp.Expr], rank: int) -> sp.ImmutableMatrix:
    """``Delta = -1/2 sum V_ij Omega_ij^2`` for independent planes.

    ``E[Q_t] = exp(-t Delta)`` when the mean rotation vanishes.

    Returns
    -------
    sympy.ImmutableMatrix
        Shape ``(rank, rank)``, per step.
    """
    total = sp.zeros(rank, rank)
    for plane, variance in variances.items():
        total -= variance * generator(rank, *plane) ** 2 / 2
    return sp.ImmutableMatrix(total)


def drift_displacement(squared_component: sp.Expr, decay: sp.Expr) -> sp.Expr:
    """Mean-squared displacement ``2 w_i^2 (1 - exp(-Delta_i tau))`` along one hidden axis.

    Parameters
    ----------
    squared_component : sympy.Expr
        ``w_i^2`` of the representation ``w = W* x``.
    decay : sympy.Expr
        Diagonal entry ``Delta_i`` of the decay matrix, per step.
    """
    return 2 * squared_component * (1 - sp.exp(-decay * TIME))


def splitting(hessian: sp.ImmutableMatrix) -> sp.Expr:
    """Half the distance of the two eigenvalues of a symmetric block of two rows."""
    return sp.sqrt(((hessian[0, 0] - hessian[1, 1]) / 2) ** 2 + hessian[0, 1] ** 2)


def propagator(hessian: sp.ImmutableMatrix, half_distance: sp.Expr) -> sp.ImmutableMatrix:
    """``exp(-eta tau H)`` for a symmetric block of two rows.

    ``exp(-c h) (cosh(c rho) - sinh(c rho) (H - h) / rho)`` with the mean eigenvalue ``h``,
    half their distance ``rho`` and ``c = eta tau``; written with decaying exponentials
    so that it does not overflow.

    Parameters
    ----------
    hessian : sympy.ImmutableMatrix
        Shape ``(2, 2)``.
    half_distance : sympy.Expr
        ``rho``, see :func:`splitting`.
    """
    mean = hessian.trace() / 2
    slow = sp.exp(-ETA * TIME * (mean - half_distance))
    fast = sp.exp(-ETA * TIME * (mean + half_distance))
    traceless = sp.Matrix(hessian) - mean * sp.eye(2)
    return sp.ImmutableMatrix(
        (slow + fast) / 2 * sp.eye(2) - (slow - fast) / (2 * half_distance) * traceless
    )


def forgotten_variance(
    hessian: sp.ImmutableMatrix, fluctuation: sp.ImmutableMatrix, half_distance: sp.Expr
) -> sp.Expr:
    """First entry of ``(1 - exp(-eta tau H)) Gamma``: variance no longer remembered.

    A fluctuating weight ``n`` has ``E[(n_{t+tau} - n_t)^2]`` twice this.
    """
    if hessian.rows == 1:
        return fluctuation[0] * (1 - sp.exp(-ETA * TIME * hessian[0]))
    kept = propagator(hessian, half_distance) * sp.Matrix(fluctuation)
    return fluctuation[0, 0] - kept[0, 0]

"""Moments of the Brownian rotation ``Q_tau``: exact at every lag.

Rotations of successive steps multiply, ``Q_{t+1} = Q_t exp(X)`` with independent
skew-symmetric ``X`` of mean ``mu`` and covariance ``V``, so that moments of ``Q`` are
exponentials of generators.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from symdrift.evaluation import Drift
from symdrift.problem import Array

if TYPE_CHECKING:
    from symdrift.observables.process import DriftProcess

LARGEST_SQUARE = 24
"""Hidden axes up to which second moments of the rotation are computed."""


def plane_generators(drift: Drift, rank: int) -> Array:
    """``Omega_ij = E_ij - E_ji`` of every plane, shape ``(planes, r, r)``."""
    matrices = np.zeros((len(drift.planes), rank, rank))
    for plane, (i, j) in enumerate(drift.planes):
        matrices[plane, i - 1, j - 1] = 1
        matrices[plane, j - 1, i - 1] = -1
    return matrices


def rotation_generator(drift: Drift, rank: int) -> tuple[Array, Array]:
    """``Delta = -1/2 sum V_kq Omega_k Omega_q`` and ``sum mu_k Omega_k``, per step.

    Returns
    -------
    Array, Array
        Shape ``(r, r)`` each.
    """
    skew = plane_generators(drift, rank)
    planes = len(skew)
    paired = (drift.covariance @ skew.reshape(planes, rank**2)).reshape(skew.shape)
    decay = -0.5 * np.einsum("kab,kbc->ac", skew, paired)
    return decay, np.einsum("k,kab->ab", drift.mean_rotation, skew)


def expected_rotation(process: DriftProcess, lags: Array) -> Array:
    """``E[Q_tau] = exp(tau L)``, shape ``(T, r, r)``."""
    identity = np.eye(len(process.decay))
    return identity + process.rotation.change(identity, lags)


def conjugation_change(process: DriftProcess, matrix: Array, lags: Array) -> Array:
    """``E[Q_tau B Q_tau'] - B`` of a symmetric matrix ``B``, exact at every lag.

    ``B_tau = E[Q_tau B Q_tau']`` obeys ``dB/dtau = L B + B L' + sum V_kq Omega_k B Omega_q'``,
    the generator of ``Q (x) Q``, here on the ``q = r (r + 1) / 2`` dimensional symmetric
    square.  Its trace is conserved.  Costs one eigendecomposition of order ``q`` for each
    process (``q^3`` operations, a second at the limit `LARGEST_SQUARE`) and ``q^2`` for
    each matrix and lag.

    Parameters
    ----------
    process : DriftProcess
    matrix : Array
        ``B``, shape ``(r, r)``, symmetric.
    lags : Array
        Shape ``(T,)``.

    Returns
    -------
    Array
        Shape ``(T, r, r)``.

    Raises
    ------
    ValueError
        Beyond `LARGEST_SQUARE` hidden axes.
    """
    rank = len(matrix)
    square = symmetric_basis(rank).reshape(-1, rank**2)
    changed = process.conjugation.change(square @ matrix.ravel(), lags)
    return np.asarray((changed @ square).reshape(-1, rank, rank))


def symmetric_basis(rank: int) -> Array:
    """Orthonormal symmetric matrices, shape ``(q, r, r)``."""
    first, second = np.triu_indices(rank)
    basis = np.zeros((len(first), rank, rank))
    places = np.arange(len(first))
    entry = np.where(first == second, 1.0, np.sqrt(0.5))
    basis[places, first, second] = entry
    basis[places, second, first] = entry
    return basis


def conjugation_generator(drift: Drift, generator: Array) -> Array:
    """``B -> L B + B L' + sum V_kq Omega_k B Omega_q'`` on symmetric matrices.

    Returns
    -------
    Array
        In the basis of `symmetric_basis`, shape ``(q, q)``, per step.
    """
    rank, planes = len(generator), len(drift.planes)
    skew = plane_generators(drift, rank).reshape(planes, rank**2)
    # sum_k Omega_k[a, c] (V Omega)_k[b, d], as one matrix from (c, d) to (a, b).
    paired = (skew.T @ (drift.covariance @ skew)).reshape(rank, rank, rank, rank)
    kernel = paired.transpose(0, 2, 1, 3).reshape(rank**2, rank**2)
    basis = symmetric_basis(rank)
    square = basis.reshape(-1, rank**2)
    turned = generator @ basis
    moved = (turned + turned.swapaxes(1, 2)).reshape(-1, rank**2) + square @ kernel.T
    return np.asarray(square @ moved.T)

"""Moments of the Brownian rotation ``Q_tau``: exact at every lag.

Rotations of successive steps multiply, ``Q_{t+1} = Q_t exp(X)`` with independent
skew-symmetric ``X`` of mean ``mu`` and covariance ``V``, so that moments of ``Q`` are
exponentials of generators.
"""

from __future__ import annotations

import numpy as np
import scipy.linalg

from symdrift.observables.process import DriftProcess
from symdrift.problem import Array

LARGEST_SQUARE = 24
"""Hidden axes up to which second moments of the rotation are computed."""


def generators(process: DriftProcess) -> Array:
    """``Omega_ij = E_ij - E_ji`` of every plane, shape ``(planes, r, r)``."""
    rank = len(process.decay)
    matrices = np.zeros((len(process.drift.planes), rank, rank))
    for plane, (i, j) in enumerate(process.drift.planes):
        matrices[plane, i - 1, j - 1] = 1
        matrices[plane, j - 1, i - 1] = -1
    return matrices


def turned(generator: Array, vector: Array, lags: Array) -> Array:
    """``(exp(tau L) - 1) v`` without cancellation at small lags.

    Parameters
    ----------
    generator : Array
        ``L``, shape ``(d, d)``, per step.
    vector : Array
        ``v``, shape ``(d,)``.
    lags : Array
        ``tau``, shape ``(T,)``.

    Returns
    -------
    Array
        Shape ``(T, d)``: the last column of the exponential of ``[[tau L, tau L v], [0, 0]]``.
    """
    size = len(vector)
    augmented = np.zeros((size + 1, size + 1))
    augmented[:size, :size] = generator
    augmented[:size, size] = generator @ vector
    return np.stack([scipy.linalg.expm(lag * augmented)[:size, size] for lag in lags])


def expected_rotation(process: DriftProcess, lags: Array) -> Array:
    """``E[Q_tau] = exp(tau L)``, shape ``(T, r, r)``."""
    return np.asarray(scipy.linalg.expm(lags[:, np.newaxis, np.newaxis] * process.generator))


def conjugation_change(process: DriftProcess, matrix: Array, lags: Array) -> Array:
    """``E[Q_tau B Q_tau'] - B`` of a symmetric matrix ``B``, exact at every lag.

    ``B_tau = E[Q_tau B Q_tau']`` obeys ``dB/dtau = L B + B L' + sum V_kq Omega_k B Omega_q'``,
    the generator of ``Q (x) Q``, here on the ``q = r (r + 1) / 2`` dimensional symmetric
    square.  Its trace is conserved.  Costs of order ``q^3`` operations per lag: about 0.1 s
    at the limit `LARGEST_SQUARE`.

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
    if rank > LARGEST_SQUARE:
        raise ValueError(f"{rank} hidden axes exceed {LARGEST_SQUARE}")
    basis = _symmetric_basis(rank)
    square = basis.reshape(-1, rank**2)
    operator = square @ _conjugation_generator(process, basis).reshape(-1, rank**2).T
    changed = turned(operator, square @ matrix.ravel(), lags)
    return np.asarray((changed @ square).reshape(-1, rank, rank))


def _symmetric_basis(rank: int) -> Array:
    """Orthonormal symmetric matrices, shape ``(q, r, r)``."""
    first, second = np.triu_indices(rank)
    basis = np.zeros((len(first), rank, rank))
    places = np.arange(len(first))
    entry = np.where(first == second, 1.0, np.sqrt(0.5))
    basis[places, first, second] = entry
    basis[places, second, first] = entry
    return basis


def _conjugation_generator(process: DriftProcess, basis: Array) -> Array:
    """``L B + B L' + sum V_kq Omega_k B Omega_q'`` of each ``B``, shape ``(q, r, r)``."""
    skew = generators(process)
    left = process.generator @ basis
    paired = np.einsum("kq,qab->kab", process.drift.covariance, skew)
    planes, rank = len(skew), basis.shape[-1]
    # sum_k Omega_k[a,c] (V Omega)_k[b,d], as one matrix from (c, d) to (a, b).
    kernel = skew.reshape(planes, -1).T @ paired.reshape(planes, -1)
    kernel = kernel.reshape(rank, rank, rank, rank).transpose(0, 2, 1, 3)
    crossed = basis.reshape(-1, rank**2) @ kernel.reshape(rank**2, rank**2).T
    return np.asarray(left + left.swapaxes(1, 2) + crossed.reshape(basis.shape))

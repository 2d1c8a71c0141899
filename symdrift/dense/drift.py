"""Rotation of the hidden layer as the stochastic area swept by the fluctuation."""

from __future__ import annotations

import numpy as np

from symdrift.dense.coordinates import hidden_planes, tangent_vectors
from symdrift.dense.fluctuation import NormalFluctuation
from symdrift.evaluation import Drift
from symdrift.problem import Array


def hidden_drift(
    point: Array, fluctuation: NormalFluctuation, learning_rate: float, approximation: str
) -> Drift:
    """Covariance and mean of the rotation per step in every plane of active hidden axes.

    The rotation of one step is ``xi = -G^-1 <n' - n, Omega n>``.  With ``Omega~`` the matrix
    of ``Omega`` on the normal space and ``H Y + Y H = 2 Omega~ H``,

    ``V = eta^2 G^-1 tr(Y' C Y Gamma) G^-1`` and ``mu = eta G^-1 tr(H Omega~ Gamma)``.

    Parameters
    ----------
    point : Array
        ``Z = [W*, U*']`` in the canonical frame, shape ``(r, n + m)``.
    fluctuation : NormalFluctuation
    learning_rate : float
        ``eta``.
    approximation : {"exact", "white"}
        ``"white"`` takes ``Omega~`` for ``Y``; the mean rotation is the same in both.

    Returns
    -------
    Drift
        Rates per SGD step; planes in lexicographic order, counted from 1.
    """
    rank, size = point.shape
    planes = hidden_planes(rank)
    tangents = tangent_vectors(point, planes)
    inverse_metric = np.linalg.inv(tangents.T @ tangents)
    stiffness = fluctuation.stiffness
    reached = len(stiffness)
    rows = fluctuation.basis.reshape(rank, size, reached)
    weighting = 2 * stiffness / (stiffness[:, np.newaxis] + stiffness)
    restoring = stiffness[:, np.newaxis] * fluctuation.covariance.T

    response = np.empty((len(planes), reached, reached))
    area_rate = np.empty(len(planes))
    for plane, (i, j) in enumerate(planes):
        generator = rows[i].T @ rows[j]
        generator -= generator.T.copy()
        area_rate[plane] = np.sum(restoring * generator)
        response[plane] = generator if approximation == "white" else generator * weighting
    flat = response.reshape(len(planes), reached**2)
    area_covariance = np.empty((len(planes), len(planes)))
    for plane in range(len(planes)):
        swept = fluctuation.noise @ response[plane] @ fluctuation.covariance
        area_covariance[plane] = flat @ swept.ravel()

    covariance = learning_rate**2 * inverse_metric @ area_covariance @ inverse_metric
    return Drift(
        planes=tuple((i + 1, j + 1) for i, j in planes),
        covariance=0.5 * (covariance + covariance.T),
        mean_rotation=learning_rate * inverse_metric @ area_rate,
    )


def angular_matrices(drift: Drift, rank: int) -> tuple[Array, Array]:
    """Drift as matrices on the hidden layer: ``Delta`` and the mean rotation.

    Returns
    -------
    Array
        ``Delta = -1/2 sum V_kq Omega_k Omega_q``, shape ``(r, r)``, per step.
    Array
        ``sum mu_k Omega_k``, shape ``(r, r)``, per step.
    """
    generators = np.zeros((len(drift.planes), rank, rank))
    for plane, (i, j) in enumerate(drift.planes):
        generators[plane, i - 1, j - 1] = 1
        generators[plane, j - 1, i - 1] = -1
    weighted = np.einsum("kq,qab->kab", drift.covariance, generators)
    delta = -0.5 * np.einsum("kab,kbc->ac", generators, weighted)
    return delta, np.einsum("k,kab->ab", drift.mean_rotation, generators)

"""Rotation of the hidden layer as the stochastic area swept by the fluctuation.

The rotation of one step is ``xi = -G^-1 <n' - n, Omega n>``.  With ``Omega~`` the matrix of
``Omega`` on the normal space and ``H Y + Y H = 2 Omega~ H``,

``V = eta^2 G^-1 tr(Y' C Y Gamma) G^-1`` and ``mu = eta G^-1 tr(H Omega~ Gamma)``.

With ``C = L L'`` the *response* ``L' Y`` of a plane is all that its covariances need.  Responses
are formed plane by plane, for a block of noise directions at a time, and no ``Y`` is kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from symdrift.evaluation.dense.coordinates import hidden_planes
from symdrift.evaluation.dense.lyapunov import NormalFluctuation
from symdrift.evaluation.dense.sizes import BLOCK
from symdrift.evaluation.parts import Drift, moving_planes
from symdrift.progress import Progress
from symdrift.study.problem import Array

PLANES_AT_A_TIME = 32
"""Planes whose responses are multiplied by the fluctuation in one go."""

CANCELLED = 1e-13
"""Sum, relative to the sum of its absolute terms, that is rounding."""

STILL = 2e-14
"""Root of a variance, relative to the largest that is possible, that is rounding."""


def hidden_drift(
    point: Array,
    fluctuation: NormalFluctuation,
    learning_rate: float,
    approximation: str,
    progress: Progress | None = None,
) -> Drift:
    """Covariance and mean of the rotation per step in every plane of active hidden axes.

    Parameters
    ----------
    point : Array
        ``Z = [W*, U*']`` in the canonical frame, shape ``(r, n + m)``.
    fluctuation : NormalFluctuation
        Of the gradient noise.
    learning_rate : float
        ``eta``.
    approximation : {"exact", "white"}
        ``"white"`` takes ``Omega~`` for ``Y``; the mean rotation is the same in both.
    progress : callable, optional

    Returns
    -------
    Drift
        Rates per SGD step; planes in lexicographic order, counted from 1.  Exactly 0 in planes
        where variances are rounding.
    """
    rank = len(point)
    planes = moving_planes(rank, rank)
    area_covariance = np.zeros((len(planes), len(planes)))
    for responses in _responses(rank, fluctuation, approximation, progress):
        flat = responses.reshape(len(planes), -1)
        for start in range(0, len(planes), PLANES_AT_A_TIME):
            some = slice(start, start + PLANES_AT_A_TIME)
            area_covariance[some] += _spread(responses[some], fluctuation.covariance) @ flat.T
    first, second = np.triu_indices(rank, 1)
    lengths = _squared_lengths(point)[first, second]
    covariance = learning_rate**2 * area_covariance / lengths / lengths[:, np.newaxis]
    _round_off(covariance, learning_rate**2 * _possible_area(fluctuation) / lengths**2)
    return Drift(
        planes=planes,
        covariance=0.5 * (covariance + covariance.T),
        mean_rotation=mean_rotation_matrix(point, fluctuation, learning_rate)[first, second],
    )


def decay_matrix(
    point: Array,
    fluctuation: NormalFluctuation,
    learning_rate: float,
    approximation: str,
    progress: Progress | None = None,
) -> Array:
    """``Delta = -1/2 sum V_kq Omega_k Omega_q`` without the covariance of all planes.

    ``Delta_ac = 1/2 sum_b E[X_ab X_cb]`` for the rotation ``X`` of a step: only planes that
    share an axis meet.

    Parameters
    ----------
    point, fluctuation, learning_rate, approximation, progress
        As for `hidden_drift`.

    Returns
    -------
    Array
        Symmetric, shape ``(r, r)``, per step.
    """
    rank = len(point)
    position, sign = plane_positions(rank, moving_planes(rank, rank))
    lengths = _squared_lengths(point)
    delta = np.zeros((rank, rank))
    for responses in _responses(rank, fluctuation, approximation, progress):
        for shared in range(rank):
            others = np.delete(np.arange(rank), shared)
            turned = responses[position[others, shared]]
            turned *= (sign / lengths)[others, shared, np.newaxis, np.newaxis]
            flat = turned.reshape(len(others), -1)
            delta[np.ix_(others, others)] += _spread(turned, fluctuation.covariance) @ flat.T
    _round_off(delta, _possible_area(fluctuation) * np.sum(1 / lengths**2, axis=1))
    delta *= 0.5 * learning_rate**2
    return np.asarray(0.5 * (delta + delta.T))


def mean_rotation_matrix(
    point: Array, fluctuation: NormalFluctuation, learning_rate: float
) -> Array:
    """``sum mu_k Omega_k`` with ``mu = eta G^-1 tr(H Omega~ Gamma)``, shape ``(r, r)``.

    Exactly 0 in planes where the terms of the trace cancel up to rounding, or to how far hidden
    axes of nearly equal singular values are from orthogonal.
    """
    rank = len(point)
    rows = fluctuation.basis.reshape(rank, -1)
    restoring = fluctuation.basis @ (fluctuation.stiffness[:, np.newaxis] * fluctuation.covariance)
    restoring = restoring.reshape(rank, -1)
    torque, terms = restoring @ rows.T, np.abs(restoring) @ np.abs(rows).T
    turning = torque - torque.T
    # Of its own terms, or of the largest, which the basis of the normal space mixes in.
    floor = len(rows.T) * np.finfo(float).eps * terms.max()
    overlaps = point @ point.T
    skew = np.abs(overlaps - np.diag(np.diag(overlaps))).max(initial=0.0) / overlaps.max()
    rounding = np.maximum((CANCELLED + skew) * (terms + terms.T), floor)
    turning[np.abs(turning) <= rounding] = 0.0
    return np.asarray(learning_rate * turning / _squared_lengths(point))


def angular_matrices(drift: Drift, rank: int) -> tuple[Array, Array]:
    """Drift as matrices on the active hidden axes: ``Delta`` and the mean rotation.

    Parameters
    ----------
    drift : Drift
        In all planes of ``rank`` active axes and, with synaptic noise, in those of an active
        and a silent axis, which only add to ``Delta``.
    rank : int
        ``r``.

    Returns
    -------
    Array
        ``Delta = -1/2 sum V_kq Omega_k Omega_q``, shape ``(r, r)``, per step.
    Array
        ``sum mu_k Omega_k``, shape ``(r, r)``, per step.
    """
    size = max((j for _, j in drift.planes), default=rank)
    position, sign = plane_positions(size, drift.planes)
    delta = np.zeros((rank, rank))
    for shared in range(size):
        others = np.delete(np.arange(rank), shared) if shared < rank else np.arange(rank)
        planes, signs = position[others, shared], sign[others, shared]
        delta[np.ix_(others, others)] += 0.5 * (
            signs * drift.covariance[np.ix_(planes, planes)] * signs[:, np.newaxis]
        )
    mean = np.zeros((rank, rank))
    for (i, j), speed in zip(drift.planes, drift.mean_rotation, strict=True):
        if j <= rank:
            mean[i - 1, j - 1], mean[j - 1, i - 1] = speed, -speed
    return delta, mean


def _responses(
    rank: int, fluctuation: NormalFluctuation, approximation: str, progress: Progress | None
) -> Iterator[Array]:
    """``L' Y`` of every plane for a block of noise directions, shape ``(planes, block, k)``.

    ``Y_xy = (N - N')_xy 2 h_y / (h_x + h_y)`` where ``N`` pairs the rows of ``Omega``'s two axes.
    """
    planes = hidden_planes(rank)
    stiffness, factor = fluctuation.stiffness, fluctuation.noise_factor
    reached, directions = factor.shape
    if not planes or not directions:
        return
    rows = np.ascontiguousarray(fluctuation.basis.reshape(rank, -1, reached))
    white = approximation == "white"
    memory = 1.0 if white else 1 / (stiffness[:, np.newaxis] + stiffness)
    weights = np.ones(reached) if white else 2 * stiffness
    block = max(1, BLOCK // (len(planes) * reached))
    total = len(planes) * -(-directions // block)
    paired = np.empty((reached, reached))
    for number, start in enumerate(range(0, directions, block)):
        some = np.ascontiguousarray(factor[:, start : start + block])
        responses = np.empty((len(planes), some.shape[1], reached))
        for plane, (i, j) in enumerate(planes):
            np.matmul(rows[i].T, rows[j], out=paired)
            paired *= memory
            np.matmul(some.T, paired, out=responses[plane])
            responses[plane] -= (paired @ some).T
            responses[plane] *= weights
            if progress is not None:
                progress(number * len(planes) + plane + 1, total)
        yield responses


def _spread(responses: Array, covariance: Array) -> Array:
    """``L' Y Gamma`` of some planes, each flattened: one product of matrices for all of them."""
    reached = len(covariance)
    return (responses.reshape(-1, reached) @ covariance).reshape(len(responses), -1)


def _possible_area(fluctuation: NormalFluctuation) -> float:
    """``tr C tr Gamma``: what areas are as large as where noise is along the fluctuation."""
    return float(np.sum(fluctuation.noise_factor**2) * np.trace(fluctuation.covariance))


def _round_off(variances: Array, possible: Array) -> None:
    """Make zeros of rows and columns whose diagonal is the square of rounding."""
    still = np.diagonal(variances) <= STILL**2 * possible
    variances[still] = variances[:, still] = 0.0


def _squared_lengths(point: Array) -> Array:
    """``G_ij = <Omega_ij Z, Omega_ij Z>``, shape ``(r, r)``; the planes are orthogonal.

    In the canonical frame ``Z Z' = 2 diag(s)``, hence ``G_ij = 2 (s_i + s_j)``.
    """
    norms = np.sum(point**2, axis=1)
    return np.asarray(norms[:, np.newaxis] + norms)


def plane_positions(size: int, planes: Sequence[tuple[int, int]]) -> tuple[NDArray[np.intp], Array]:
    """Position of plane ``{i, j}`` in the list, and its sign, shape ``(size, size)`` each.

    The sign is that of entry ``ij`` in the generator of the plane: 1 above the diagonal, -1
    below, 0 where there is no plane.
    """
    position = np.zeros((size, size), dtype=np.intp)
    sign = np.zeros((size, size))
    for place, (i, j) in enumerate(planes):
        position[i - 1, j - 1] = position[j - 1, i - 1] = place
        sign[i - 1, j - 1], sign[j - 1, i - 1] = 1.0, -1.0
    return position, sign

"""Operators in all weights, which the package builds on the directions that noise reaches."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from symdrift.evaluation.dense import MinimumPoint, NormalFluctuation
from symdrift.evaluation.dense.lyapunov import _stationary
from symdrift.study.problem import Array


def tangent_vectors(point: Array, planes: tuple[tuple[int, int], ...]) -> Array:
    """Tangent vectors ``Omega_ij Z`` of the orbit, ``Omega_ij = E_ij - E_ji``.

    Parameters
    ----------
    point : Array
        ``Z``, shape ``(p, n + m)``.
    planes : tuple of (int, int)

    Returns
    -------
    Array
        One tangent vector per column, shape ``(p (n + m), planes)``.
    """
    tangents = np.zeros((len(planes), *point.shape))
    for plane, (i, j) in enumerate(planes):
        tangents[plane, i] = point[j]
        tangents[plane, j] = -point[i]
    return tangents.reshape(len(planes), point.size).T


def reachable_basis(minimum: MinimumPoint) -> Array:
    """Orthonormal basis of the directions that gradient noise of any kind can reach.

    Every sample's gradient is ``-(U'F, F W')`` with ``F = e x'``.  The image of all
    matrices ``F`` is orthogonal to the orbit and invariant under the Hessian, so noise and
    fluctuation live in it.  Its dimension is ``r (n + m - r)``.

    Returns
    -------
    Array
        Shape ``(r (n + m), r (n + m - r))``, one direction per column (see `CanonicalFrame`).
    """
    return minimum.frame.weights(np.eye(len(minimum.frame.pairs[0])))


def stationary_fluctuation(
    hessian: Array, noise: Array, reachable: Array, learning_rate: float
) -> NormalFluctuation:
    """Solve ``H Gamma + Gamma H = eta C`` on the directions that noise can reach.

    Parameters
    ----------
    hessian, noise : Array
        ``H`` and ``C`` on the weights, shape ``(K, K)``.
    reachable : Array
        Orthonormal basis of a subspace that holds the range of ``C``, is invariant under
        ``H`` and on which ``H`` is positive, shape ``(K, k)``.
    learning_rate : float
        ``eta``.
    """
    inside = _stationary(
        reachable.T @ hessian @ reachable, reachable.T @ noise @ reachable, learning_rate
    )
    return replace(inside, basis=reachable @ inside.basis)

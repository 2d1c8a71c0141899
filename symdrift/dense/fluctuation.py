"""Stationary fluctuation around the manifold, in the eigenbasis of the Hessian."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from symdrift.problem import Array


@dataclass(frozen=True, eq=False)
class NormalFluctuation:
    """Noise and fluctuation in the eigenbasis of the Hessian.

    Attributes
    ----------
    basis : Array
        Hessian eigenvectors that noise can reach, one per column, shape ``(K, k)``.
    stiffness : Array
        Their eigenvalues ``h``, shape ``(k,)``.
    noise : Array
        Gradient-noise covariance ``C`` in that basis, shape ``(k, k)``.
    covariance : Array
        Stationary covariance ``Gamma`` in that basis, shape ``(k, k)``.
    """

    basis: Array
    stiffness: Array
    noise: Array
    covariance: Array

    @property
    def weight_variance(self) -> float:
        """``tr(Gamma)``."""
        return float(np.trace(self.covariance))

    @property
    def excess_loss(self) -> float:
        """``tr(H Gamma) / 2``."""
        return 0.5 * float(self.stiffness @ np.diagonal(self.covariance))


def stationary_fluctuation(
    hessian: Array, noise: Array, reachable: Array, learning_rate: float
) -> NormalFluctuation:
    """Solve ``H Gamma + Gamma H = eta C`` on the directions that noise can reach.

    Parameters
    ----------
    hessian, noise : Array
        ``H`` and ``C`` on all weights, shape ``(K, K)``.
    reachable : Array
        Orthonormal basis of a subspace that holds the range of ``C``, is invariant under
        ``H`` and on which ``H`` is positive, shape ``(K, k)``.
    learning_rate : float
        ``eta``.
    """
    stiffness, rotation = np.linalg.eigh(reachable.T @ hessian @ reachable)
    basis = reachable @ rotation
    projected = basis.T @ noise @ basis
    covariance = learning_rate * projected / (stiffness[:, np.newaxis] + stiffness)
    return NormalFluctuation(basis, stiffness, projected, covariance)

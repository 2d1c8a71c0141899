"""Stationary fluctuation around the manifold, in the eigenbasis of the Hessian."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from symdrift.evaluation.dense.frame import reached_hessian
from symdrift.evaluation.dense.landscape import MinimumPoint
from symdrift.evaluation.dense.noise_factors import noise_factor, reached_noise
from symdrift.evaluation.dense.spectrum import eigensystem
from symdrift.study.problem import Array, LearningProblem


@dataclass(frozen=True, eq=False)
class NormalFluctuation:
    """Noise and fluctuation in the eigenbasis of the Hessian.

    Attributes
    ----------
    basis : Array
        Hessian eigenvectors that noise can reach, one per column, shape ``(K, k)``.
    stiffness : Array
        Their eigenvalues ``h``, shape ``(k,)``.
    noise_factor : Array
        ``L`` with the gradient-noise covariance ``C = L L'`` in that basis, shape ``(k, q)``.
    covariance : Array
        Stationary covariance ``Gamma`` in that basis, shape ``(k, k)``.
    """

    basis: Array
    stiffness: Array
    noise_factor: Array
    covariance: Array

    @property
    def noise(self) -> Array:
        """Gradient-noise covariance ``C`` in that basis, shape ``(k, k)``."""
        return self.noise_factor @ self.noise_factor.T

    @property
    def weight_variance(self) -> float:
        """``tr(Gamma)``."""
        return float(np.trace(self.covariance))

    @property
    def excess_loss(self) -> float:
        """``tr(H Gamma) / 2``."""
        return 0.5 * float(self.stiffness @ np.diagonal(self.covariance))


def gradient_fluctuation(problem: LearningProblem, minimum: MinimumPoint) -> NormalFluctuation:
    """What gradient noise makes of the weights, on the directions that it reaches.

    Solves ``H Gamma + Gamma H = eta C``.

    Parameters
    ----------
    problem : LearningProblem
    minimum : MinimumPoint
        Of that problem.

    Returns
    -------
    NormalFluctuation
        ``K = r (n + m)`` weights of active hidden units, ``k = r (n + m - r)``.
    """
    noise = reached_noise(minimum, problem.inputs, problem.label_noise, problem.batch)
    reached = _stationary(_hessian(problem, minimum), noise, problem.learning_rate)
    return replace(reached, basis=minimum.frame.weights(reached.basis))


def synaptic_fluctuation(problem: LearningProblem, minimum: MinimumPoint) -> NormalFluctuation:
    """What synaptic noise makes of the weights of active hidden units.

    Independent noise of variance ``varsigma^2`` on every weight acts like gradient noise of
    covariance ``(varsigma / eta)^2`` times the identity on the whole normal space, where the
    Hessian is ``H``: ``Gamma = varsigma^2 / (2 eta) H^-1``.  It adds to the fluctuation of
    `gradient_fluctuation`, from which it is independent.

    Parameters
    ----------
    problem : LearningProblem
    minimum : MinimumPoint
        Of that problem.

    Returns
    -------
    NormalFluctuation
        ``K = r (n + m)`` weights; ``k = r (n + m) - r (r - 1) / 2``, the dimension of their
        normal space.
    """
    reached, axes = eigensystem(_hessian(problem, minimum))
    basis = np.hstack([minimum.frame.weights(axes), _imbalances(minimum)])
    return _with_equal_noise(basis, np.concatenate([reached, minimum.spectrum.imbalance]), problem)


def silent_fluctuation(problem: LearningProblem, minimum: MinimumPoint) -> NormalFluctuation:
    """What synaptic noise makes of the weights of one silent hidden unit.

    All silent units fluctuate alike and independently.  The Hessian of a unit's weights is
    ``gamma`` with ``-Sigma E'`` between the layers; its ``r`` flat directions ``(r_i, p_i)`` are
    tangent.

    Returns
    -------
    NormalFluctuation
        ``K = n + m`` weights; ``k = n + m - r``.
    """
    frame = minimum.frame
    slope = minimum.error_map @ problem.input_covariance
    matrix = problem.weight_decay * np.eye(frame.inputs + frame.outputs)
    matrix[: frame.inputs, frame.inputs :] = -slope.T
    matrix[frame.inputs :, : frame.inputs] = -slope
    curvature, directions = np.linalg.eigh(matrix)
    # Where every unit is used there is no silent one, and its Hessian may be negative.
    size = np.abs(curvature)
    normal = np.sort(np.argsort(size, kind="stable")[frame.rank :])
    return _with_equal_noise(directions[:, normal], size[normal], problem)


def _hessian(problem: LearningProblem, minimum: MinimumPoint) -> Array:
    covariance = problem.input_covariance
    slope = minimum.error_map @ covariance
    return reached_hessian(minimum.frame, slope, covariance, problem.weight_decay)


def _with_equal_noise(
    basis: Array, curvature: Array, problem: LearningProblem
) -> NormalFluctuation:
    """Fluctuation by synaptic noise along eigenvectors of the Hessian."""
    variance, rate = problem.synaptic_noise, problem.learning_rate
    return NormalFluctuation(
        basis=basis,
        stiffness=curvature,
        noise_factor=np.sqrt(variance) / rate * np.eye(len(curvature)),
        covariance=np.diag(variance / (2 * rate * curvature)),
    )


def _stationary(hessian: Array, noise: Array, learning_rate: float) -> NormalFluctuation:
    """Solution of Lyapunov's equation for a positive Hessian, in the coordinates given."""
    stiffness, axes = eigensystem(hessian)
    factor = axes.T @ noise_factor(noise)
    covariance = factor @ factor.T
    covariance *= learning_rate / (stiffness[:, np.newaxis] + stiffness)
    return NormalFluctuation(axes, stiffness, factor, covariance)


def _imbalances(minimum: MinimumPoint) -> Array:
    """Directions that change ``W W' - U'U`` only, shape ``(r (n + m), r (r + 1) / 2)``."""
    frame = minimum.frame
    rank, values = frame.rank, frame.singular_values
    roots = np.sqrt(values)
    first, second = np.triu_indices(rank)
    vectors = np.zeros((len(first), rank, frame.inputs + frame.outputs))
    for index, (i, j) in enumerate(zip(first, second, strict=True)):
        for one, other in {(i, j), (j, i)}:
            # Row `one` of W along R_other, column `other` of U along P_one.
            vectors[index, one, : frame.inputs] += roots[other] * frame.input_axes[:, other]
            vectors[index, other, frame.inputs :] -= roots[one] * frame.output_axes[:, one]
    flat = vectors.reshape(len(first), -1)
    return np.asarray((flat / np.linalg.norm(flat, axis=1, keepdims=True)).T)

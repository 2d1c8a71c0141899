"""How fast fluctuations around the minimum relax, without building the full Hessian."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.sparse.linalg import LinearOperator, eigsh

from symdrift.evaluation.dense.landscape import MinimumPoint
from symdrift.study.problem import Array, LearningProblem

DENSE_UP_TO = 400
"""Reached directions up to which all eigenvalues are computed, not the extreme ones."""


@dataclass(frozen=True)
class Relaxation:
    """Extreme Hessian eigenvalues on the directions that noise reaches.

    A mode of eigenvalue ``h`` relaxes by ``exp(-eta h)`` per SGD step.

    Attributes
    ----------
    slowest, fastest : float
    """

    slowest: float
    fastest: float


def relaxation(problem: LearningProblem, minimum: MinimumPoint) -> Relaxation:
    """Slowest and fastest modes of the fluctuation.

    Synaptic noise reaches every mode.  Otherwise, every gradient at the minimum has the form
    ``(U' B, B W')`` with ``B`` an ``m x n`` matrix, and the Hessian maps this space into itself.
    In the singular frame of ``U W`` the matrix ``b_ol = sqrt(s_o + s_l) B_ol`` is an orthonormal
    coordinate, in which the Hessian acts by
    ``H b = f (f b Sigma) - (K B' S + S B' K) / f + gamma b`` with ``f = sqrt(s_o + s_l)`` and
    ``K = E Sigma`` (products with ``f`` entry by entry).
    """
    if problem.synaptic_noise > 0:
        certificate = minimum.certificate
        return Relaxation(slowest=certificate.hessian_min, fastest=certificate.hessian_max)
    outputs, inputs = problem.teacher.shape
    product = minimum.second_layer @ minimum.first_layer
    left, values, right = np.linalg.svd(product)
    values[minimum.rank :] = 0.0
    strengths = np.zeros((outputs, inputs))
    np.fill_diagonal(strengths, values)
    by_output = np.zeros(outputs)
    by_input = np.zeros(inputs)
    by_output[: len(values)] = values
    by_input[: len(values)] = values
    root = np.sqrt(by_output[:, np.newaxis] + by_input)
    reached = root > 0
    inverse = np.divide(1.0, root, out=np.zeros_like(root), where=reached)
    covariance = right @ problem.input_covariance @ right.T
    slope = left.T @ (minimum.error_map @ problem.input_covariance) @ right.T

    def apply(coordinates: Array) -> Array:
        b = np.zeros((outputs, inputs))
        b[reached] = np.ravel(coordinates)
        change = inverse * b
        crossed = slope @ change.T @ strengths + strengths @ change.T @ slope
        result = root * ((root * b) @ covariance) - inverse * crossed
        return np.asarray((result + problem.weight_decay * b)[reached])

    size = int(reached.sum())
    if size <= DENSE_UP_TO:
        matrix = np.stack([apply(unit) for unit in np.eye(size)])
        eigenvalues = np.linalg.eigvalsh(matrix)
    else:
        operator = LinearOperator((size, size), matvec=apply, dtype=np.float64)
        start = np.ones(size)
        eigenvalues = np.sort(
            eigsh(operator, k=2, which="BE", v0=start, tol=1e-2, return_eigenvectors=False)
        )
    return Relaxation(slowest=float(eigenvalues[0]), fastest=float(eigenvalues[-1]))


def ceiling(number: float) -> int:
    """The next whole number; one that is whole up to rounding is taken as it is.

    Processors round differently, and no run must become a step longer by that.
    """
    return math.ceil(number * (1 - 1e-9))

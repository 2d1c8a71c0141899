"""Balanced points ``W W' = U'U``, and Newton's method among them.

Every minimum is balanced, and a balanced point is its product ``U W`` up to a hidden rotation.
At a balanced point the gradient has components on the reached directions only, so Newton's
equations are those of `reached_hessian`.
"""

from __future__ import annotations

import numpy as np

from symdrift.evaluation.dense.coordinates import separated
from symdrift.evaluation.dense.frame import frame_of, reached_hessian
from symdrift.evaluation.dense.operator import expected_gradient
from symdrift.study.problem import Array

NEWTON_ITERATIONS = 30

UNCERTAINTY = 1e-6
"""Relative change that a further Newton step may make at a minimum."""

EPSILON = float(np.finfo(np.float64).eps)


def factored(product: Array) -> Array:
    """Balanced layers ``Z = [S^(1/2) R', S^(1/2) P']`` of the product ``P S R'``.

    Parameters
    ----------
    product : Array
        ``U W``, shape ``(m, n)``.

    Returns
    -------
    Array
        Shape ``(r, n + m)``, by decreasing singular value; those that are rounding are left out.
    """
    left, values, right = np.linalg.svd(product, full_matrices=False)
    rank = int(np.count_nonzero(values > max(product.shape) * EPSILON * values[0]))
    root = np.sqrt(values[:rank])[:, np.newaxis]
    return np.hstack([root * right[:rank], root * left.T[:rank]])


def relative_gradient(
    point: Array, teacher: Array, covariance: Array, weight_decay: float
) -> float:
    """Norm of the gradient relative to that of its terms."""
    gradient = expected_gradient(point, teacher, covariance, weight_decay)
    terms = np.linalg.norm(teacher @ covariance, 2) * np.linalg.norm(point)
    return float(np.linalg.norm(gradient) / terms)


def polished(point: Array, teacher: Array, covariance: Array, weight_decay: float) -> Array:
    """Newton steps among balanced points, as long as they lower the gradient or become shorter.

    Parameters
    ----------
    point : Array
        ``Z``, shape ``(p, n + m)``; it is balanced first.

    Returns
    -------
    Array
        Balanced ``Z`` of the same product rank or, where a direction vanishes, a lower one.
    """
    inputs = teacher.shape[1]
    problem = (teacher, covariance, weight_decay)
    point = _rebalanced(point, inputs)
    gradient, shortest = np.linalg.norm(expected_gradient(point, *problem)), np.inf
    for _ in range(NEWTON_ITERATIONS):
        try:
            step, length = newton_step(point, *problem)
        except np.linalg.LinAlgError:
            break
        moved = _rebalanced(point + step, inputs)
        following = np.linalg.norm(expected_gradient(moved, *problem))
        # Of curvatures that differ by orders of magnitude the gradient shows the largest only.
        if not (following < gradient or length < min(0.5 * shortest, 0.1)):
            break
        point, gradient, shortest = moved, following, min(length, shortest)
    return point


def _rebalanced(point: Array, inputs: int) -> Array:
    first, second = separated(point, inputs)
    return factored(second @ first)


def is_located(point: Array, teacher: Array, covariance: Array, weight_decay: float) -> bool:
    """Whether a further Newton step would change nothing that matters."""
    try:
        _, length = newton_step(point, teacher, covariance, weight_decay)
    except np.linalg.LinAlgError:
        return False
    return length <= UNCERTAINTY


def newton_step(
    point: Array, teacher: Array, covariance: Array, weight_decay: float
) -> tuple[Array, float]:
    """Step along the reached directions of a balanced point.

    Returns
    -------
    Array
        Shape ``(r, n + m)``.
    float
        Its largest change of an entry of ``P' U W R``, relative to ``s_a + s_b``.

    Raises
    ------
    numpy.linalg.LinAlgError
        When the Hessian is singular.
    """
    first, second = separated(point, teacher.shape[1])
    frame = frame_of(first, second)
    slope = (teacher - second @ first) @ covariance
    hessian = reached_hessian(frame, slope, covariance, weight_decay)
    downhill = frame.turned(slope)
    downhill[np.diag_indices(frame.rank)] -= weight_decay
    downhill *= frame.lengths
    scale = np.sqrt(np.abs(np.diagonal(hessian)))
    scale[scale == 0] = 1.0
    solved = np.linalg.solve(
        hessian / scale / scale[:, np.newaxis], downhill[frame.pairs] / scale
    ).astype(np.float64, copy=False)
    coefficients = solved / scale
    length = float(np.max(np.abs(coefficients) / frame.lengths[frame.pairs], initial=0.0))
    return frame.weights(coefficients[:, np.newaxis]).reshape(point.shape), length

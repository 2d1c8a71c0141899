"""Balanced points ``W W' = U'U``, and Newton's method among them.

Every minimum is balanced, and a balanced point is its product ``U W`` up to a hidden rotation.
At a balanced point the gradient has components on the reached directions only, so Newton's
equations are those of `reached_hessian`.
"""

from __future__ import annotations

import numpy as np

from symdrift.dense.coordinates import separated
from symdrift.dense.frame import frame_of, reached_hessian
from symdrift.dense.hessian import expected_gradient
from symdrift.dense.tolerances import THRESHOLD_TOLERANCE
from symdrift.problem import Array

NEWTON_ITERATIONS = 30


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
    rank = int(np.count_nonzero(values > THRESHOLD_TOLERANCE * values[0]))
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
    """Newton steps among balanced points, as long as they lower the gradient.

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
    gradient = expected_gradient(point, *problem)
    for _ in range(NEWTON_ITERATIONS):
        try:
            step = _newton_step(point, *problem)
        except np.linalg.LinAlgError:
            break
        moved = _rebalanced(point + step, inputs)
        following = expected_gradient(moved, *problem)
        if not np.linalg.norm(following) < np.linalg.norm(gradient):
            break
        point, gradient = moved, following
    return point


def _rebalanced(point: Array, inputs: int) -> Array:
    first, second = separated(point, inputs)
    return factored(second @ first)


def _newton_step(point: Array, teacher: Array, covariance: Array, weight_decay: float) -> Array:
    """Step along the reached directions of a balanced point, shape ``(r, n + m)``."""
    first, second = separated(point, teacher.shape[1])
    frame = frame_of(first, second)
    slope = (teacher - second @ first) @ covariance
    hessian = reached_hessian(frame, slope, covariance, weight_decay)
    downhill = frame.turned(slope)
    downhill[np.diag_indices(frame.rank)] -= weight_decay
    downhill *= frame.lengths
    coefficients = np.linalg.solve(hessian, downhill[frame.pairs]).astype(np.float64, copy=False)
    return frame.weights(coefficients[:, np.newaxis]).reshape(point.shape)

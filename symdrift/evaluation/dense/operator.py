"""Expected loss, its gradient and its full Hessian at any point of weight space."""

from __future__ import annotations

import numpy as np

from symdrift.evaluation.dense.coordinates import joined, separated
from symdrift.study.problem import Array


def expected_loss(point: Array, teacher: Array, covariance: Array, weight_decay: float) -> float:
    """``1/2 tr(E Sigma E') + gamma/2 (|W|^2 + |U|^2)`` without the constant of the label noise.

    Parameters
    ----------
    point : Array
        ``Z = [W, U']``, shape ``(p, n + m)``.
    teacher : Array
        ``A``, shape ``(m, n)``; the error map is ``E = A - U W``.
    covariance : Array
        ``Sigma``, shape ``(n, n)``.
    """
    first, second = separated(point, teacher.shape[1])
    error = teacher - second @ first
    return float(0.5 * np.sum((error @ covariance) * error) + 0.5 * weight_decay * np.sum(point**2))


def expected_gradient(
    point: Array, teacher: Array, covariance: Array, weight_decay: float
) -> Array:
    """Gradient ``(-U' E Sigma + gamma W, -E Sigma W' + gamma U)``, shape ``(p, n + m)``."""
    first, second = separated(point, teacher.shape[1])
    slope = (teacher - second @ first) @ covariance
    return joined(-second.T @ slope, -slope @ first.T) + weight_decay * point


def hessian_matrix(point: Array, teacher: Array, covariance: Array, weight_decay: float) -> Array:
    """Full Hessian of the expected loss, from its second variation.

    ``delta^2 L = tr[(dU W + U dW) Sigma (dU W + U dW)'] - 2 tr[Sigma E' dU dW]
    + gamma (|dU|^2 + |dW|^2)``, valid at every point, minimum or not.

    Parameters
    ----------
    point : Array
        ``Z = [W, U']``, shape ``(p, n + m)``.
    teacher : Array
        Shape ``(m, n)``.
    covariance : Array
        Shape ``(n, n)``.

    Returns
    -------
    Array
        Symmetric, shape ``(p (n + m), p (n + m))``.
    """
    outputs, inputs = teacher.shape
    hidden = len(point)
    first, second = separated(point, inputs)
    slope = (teacher - second @ first) @ covariance
    projected = first @ covariance
    size = inputs + outputs

    second_variation = np.zeros((hidden, size, hidden, size))
    second_variation[:, :inputs, :, :inputs] = np.einsum(
        "kl,ab->kalb", second.T @ second, covariance
    )
    second_variation[:, inputs:, :, inputs:] = np.einsum(
        "kl,oq->kolq", projected @ first.T, np.eye(outputs)
    )
    crossed = np.einsum("ol,kb->lbko", second, projected)
    crossed -= np.einsum("lk,ob->lbko", np.eye(hidden), slope)
    second_variation[:, :inputs, :, inputs:] = crossed
    second_variation[:, inputs:, :, :inputs] = crossed.transpose(2, 3, 0, 1)
    matrix = second_variation.reshape(hidden * size, hidden * size)
    matrix[np.diag_indices_from(matrix)] += weight_decay
    return matrix

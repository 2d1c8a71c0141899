"""Axes that teacher, input covariance and label noise share, if there are any."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from symdrift.study.problem import Array, LearningProblem

TOLERANCE = 1e-12
"""Relative size below which an off-diagonal entry counts as rounding."""

CORRELATION = 1e-10
"""Correlation of two turned inputs that counts as rounding."""

CORRELATED_NOISE = "the label noise is correlated between the output axes of the teacher"


@dataclass(frozen=True)
class Alignment:
    """A problem in the axes that teacher and inputs share.

    Attributes
    ----------
    input_axes : Array
        Right axes as columns, shape ``(n, n)``, orthogonal.
    input_variances : Array
        Eigenvalues of the input covariance on these axes, shape ``(n,)``.
    gains : Array
        Gains of the teacher, not negative, shape ``(min(n, m),)``.
    label_noise : Array
        Variance of the label noise on the output axes, shape ``(m,)``.
    """

    input_axes: Array
    input_variances: Array
    gains: Array
    label_noise: Array


def align(problem: LearningProblem) -> Alignment | str:
    """Find the shared axes, or say in a sentence why there are none.

    The teacher must map some eigenbasis of the input covariance to orthogonal output
    axes on which the label noise is uncorrelated.
    """
    covariance, teacher = problem.input_covariance, problem.teacher
    outputs, inputs = teacher.shape
    if _leaves_axes_apart(covariance) and _leaves_axes_apart(teacher):
        return Alignment(
            np.eye(inputs),
            np.diagonal(covariance).copy(),
            np.abs(np.diagonal(teacher)),
            problem.label_noise.copy(),
        )
    task, noise = teacher.T @ teacher, np.diag(problem.label_noise)
    # Generic weights: an eigenvector of the sum is one of each, unless they do not commute.
    blend = covariance / np.linalg.norm(covariance)
    for weight, part in (
        (0.618033988749895, task),
        (0.414213562373095, teacher.T @ noise @ teacher),
    ):
        blend = blend + weight * part / max(float(np.linalg.norm(part)), 1e-300)
    _, axes = np.linalg.eigh(blend)
    turned = axes.T @ covariance @ axes
    images = teacher @ axes
    if not _leaves_axes_apart(turned, CORRELATION) or not _is_diagonal(images.T @ images):
        commutator = covariance @ task - task @ covariance
        if np.linalg.norm(commutator) <= CORRELATION * np.linalg.norm(covariance @ task):
            return CORRELATED_NOISE
        return "the teacher and the input covariance share no axes"
    order = np.argsort(-np.linalg.norm(images, axis=0), kind="stable")
    axes, images = axes[:, order], images[:, order]
    largest = np.argmax(np.abs(axes), axis=0)
    axes = axes * np.where(axes[largest, np.arange(inputs)] < 0, -1.0, 1.0)
    gains = np.linalg.norm(images, axis=0)[: min(inputs, outputs)]
    known = gains > TOLERANCE * max(gains.max(), 1e-300)
    # Orthogonal to rounding, strong images first: what is left of them in weak ones goes.
    seen = np.count_nonzero(known)
    output_axes = np.linalg.qr(images[:, :seen], mode="complete")[0]
    # Output axes outside the image of the teacher are free: take those of the noise.
    free = output_axes[:, seen:]
    output_axes[:, seen:] = free @ np.linalg.eigh(free.T @ noise @ free)[1]
    turned_noise = output_axes.T @ noise @ output_axes
    if not _is_diagonal(turned_noise):
        return CORRELATED_NOISE
    return Alignment(
        axes,
        np.einsum("ia,ij,ja->a", axes, covariance, axes),
        np.where(known, gains, 0.0),
        np.diagonal(turned_noise).clip(0.0),
    )


def _leaves_axes_apart(matrix: Array, tolerance: float = TOLERANCE) -> bool:
    """Whether every entry beside the diagonal is small beside the two that it couples."""
    off, size = np.abs(matrix), np.zeros(max(matrix.shape))
    diagonal = np.sqrt(np.diagonal(off))
    size[: len(diagonal)] = diagonal
    np.fill_diagonal(off, 0.0)
    rows, columns = matrix.shape
    return bool(np.all(off <= tolerance * size[:rows, np.newaxis] * size[:columns]))


def _is_diagonal(matrix: Array) -> bool:
    off = matrix.copy()
    np.fill_diagonal(off, 0.0)
    return bool(np.abs(off).max(initial=0.0) <= TOLERANCE * np.abs(matrix).max(initial=0.0))

"""The lowest minimum where hidden units are fewer than directions worth learning.

The rank is capped below that of the convex minimum, and the problem is no longer convex:
descent from many starts, and the lowest loss wins.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np
import scipy.optimize

from symdrift.dense.balanced import factored, polished
from symdrift.dense.coordinates import separated
from symdrift.dense.hessian import expected_gradient, expected_loss
from symdrift.problem import Array

EXCHANGES = 24
"""Exchanges of a kept for a dropped direction that are tried as starts."""

RANDOM_STARTS = 6
"""Random displacements that are tried as starts."""


def capped_minimum(
    relaxed: Array, hidden: int, teacher: Array, covariance: Array, weight_decay: float
) -> tuple[Array, int, float | None]:
    """Lowest minimum with ``hidden`` units.

    Parameters
    ----------
    relaxed : Array
        Balanced point ``Z`` of the convex minimum, with more than ``hidden`` rows.
    hidden : int
        Hidden units ``p``.

    Returns
    -------
    Array
        ``Z``, shape ``(p, n + m)``.
    int
        Number of starts.
    float or None
        Distance in loss of the best different stationary point, relative to the loss of an
        untrained network; ``None`` without any.
    """
    problem = (teacher, covariance, weight_decay)
    ends = [_descended(start, *problem) for start in _starts(relaxed, hidden, *problem)]
    losses = np.array([expected_loss(end, *problem) for end in ends])
    inputs = teacher.shape[1]
    scale = 0.5 * float(np.sum((teacher @ covariance) * teacher))
    near = [index for index in np.argsort(losses) if losses[index] - losses.min() < 1e-6 * scale]
    refined = [polished(ends[index], *problem) for index in near]
    exact = [expected_loss(end, *problem) for end in refined]
    best = int(np.argmin(exact))
    others = [loss for index, loss in enumerate(losses) if index not in near]
    for loss, end in zip(exact, refined, strict=True):
        if _different(end, refined[best], inputs):
            others.append(loss)
    runner_up = float(min(others) - exact[best]) / scale if others else None
    return refined[best], len(ends), runner_up


def _different(one: Array, other: Array, inputs: int) -> bool:
    first, second = separated(one, inputs)
    other_first, other_second = separated(other, inputs)
    product_one, product_other = second @ first, other_second @ other_first
    return bool(np.linalg.norm(product_one - product_other) > 1e-5 * np.linalg.norm(product_other))


def _starts(
    relaxed: Array, hidden: int, teacher: Array, covariance: Array, weight_decay: float
) -> Iterator[Array]:
    """Starts for a capped rank.

    The directions of the convex solution that are worth most, the exchanges of one kept
    for one dropped direction that cost least, the truncated whitened teacher, and random
    displacements of the first (a fixed seed: the same answer on every run).
    """

    def loss_without(direction: int) -> float:
        point = np.delete(relaxed, direction, axis=0)
        return expected_loss(point, teacher, covariance, weight_decay)

    worth = np.array([loss_without(direction) for direction in range(len(relaxed))])
    order = np.argsort(-worth, kind="stable")
    chosen, dropped = order[:hidden].tolist(), order[hidden:].tolist()
    best = relaxed[chosen]
    yield best
    exchanges = sorted(product(chosen, dropped), key=lambda pair: worth[pair[0]] - worth[pair[1]])
    for removed, added in exchanges[:EXCHANGES]:
        kept = [direction for direction in chosen if direction != removed] + [added]
        yield relaxed[kept]

    eigenvalues, axes = np.linalg.eigh(covariance)
    root = np.sqrt(np.maximum(eigenvalues, 0))
    whitened_left, whitened_values, whitened_right = np.linalg.svd(teacher @ axes * root)
    kept_values = whitened_values[:hidden]
    with np.errstate(divide="ignore"):
        unwhitened = np.where(root > 1e-6 * root[-1], 1 / root, 0.0)
    truncated = (whitened_left[:, :hidden] * kept_values) @ whitened_right[:hidden]
    yield factored(truncated * unwhitened @ axes.T)

    generator = np.random.default_rng(0)
    spread = np.sqrt(np.mean(best**2))
    for _ in range(RANDOM_STARTS):
        yield best + spread * generator.standard_normal(best.shape)


def _descended(start: Array, teacher: Array, covariance: Array, weight_decay: float) -> Array:
    """Local minimum below a start (limited-memory quasi-Newton)."""
    problem = (teacher, covariance, weight_decay)

    def loss_and_gradient(flat: Array) -> tuple[float, Array]:
        point = flat.reshape(start.shape)
        return expected_loss(point, *problem), expected_gradient(point, *problem).ravel()

    end = scipy.optimize.minimize(
        loss_and_gradient,
        start.ravel(),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": 20_000, "maxfun": 20_000, "ftol": 1e-15, "gtol": 1e-9, "maxcor": 20},
    )
    return np.asarray(end.x).reshape(start.shape)

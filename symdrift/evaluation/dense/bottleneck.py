"""The lowest minimum where hidden units are fewer than directions worth learning.

The rank is capped below that of the convex minimum, and the problem is no longer convex:
descent from many starts, and the lowest loss wins.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np

from symdrift.evaluation.dense.balanced import factored, is_located, polished
from symdrift.evaluation.dense.coordinates import separated
from symdrift.evaluation.dense.operator import expected_gradient, expected_loss
from symdrift.evaluation.result import THRESHOLD_TOLERANCE
from symdrift.study.problem import Array

EXCHANGES = 24
"""Exchanges of a kept for a dropped direction that are tried as starts."""

RANDOM_STARTS = 6
"""Random displacements that are tried as starts."""


@dataclass(frozen=True, eq=False)
class CappedMinimum:
    """The lowest minimum that was found.

    Attributes
    ----------
    point : Array
        Balanced ``Z``, shape ``(p, n + m)``.
    starts : int
    runner_up : float or None
        Distance in loss of the best different stationary point, relative to the loss of an
        untrained network; ``None`` without any.
    tied : bool
        Whether that distance vanishes beside what the least hidden unit takes off the loss.
    """

    point: Array
    starts: int
    runner_up: float | None
    tied: bool


def capped_minimum(
    relaxed: Array, hidden: int, teacher: Array, covariance: Array, weight_decay: float
) -> CappedMinimum:
    """Lowest minimum with ``hidden`` units.

    Parameters
    ----------
    relaxed : Array
        Balanced point ``Z`` of the convex minimum, with more than ``hidden`` rows.
    hidden : int
        Hidden units ``p``.

        In natural units (see `symdrift.evaluation.units`), as all arguments.
    """
    problem = (teacher, covariance, weight_decay)
    ends = [_descended(start, *problem) for start in _starts(relaxed, hidden, *problem)]
    losses = np.array([expected_loss(end, *problem) for end in ends])
    scale = 0.5 * float(np.sum((teacher @ covariance) * teacher))
    near = [index for index in np.argsort(losses) if losses[index] - losses.min() < 1e-6 * scale]
    refined = [polished(ends[index], *problem) for index in near]
    # Descent may stop short of a stationary point where curvatures differ by orders of magnitude.
    refined = [end for end in refined if is_located(end, *problem)] or refined
    worths = [_worths(end, *problem) for end in refined]
    best = 0
    for index, worth in enumerate(worths):
        if _difference(worth, worths[best]) > 0:
            best = index
    least = float(worths[best].min())
    distances = [float(losses[index] - losses.min()) for index in range(len(ends))]
    others = [distance for index, distance in enumerate(distances) if index not in near]
    others += [
        _difference(worths[best], worth)
        for worth, end in zip(worths, refined, strict=True)
        if _different(end, refined[best], teacher.shape[1], covariance, least)
    ]
    nearest = min(others, default=None)
    return CappedMinimum(
        point=refined[best],
        starts=len(ends),
        runner_up=None if nearest is None else nearest / scale,
        tied=nearest is not None and nearest < THRESHOLD_TOLERANCE * least,
    )


def _worths(point: Array, teacher: Array, covariance: Array, weight_decay: float) -> Array:
    """By how much each hidden unit of a stationary balanced point lowers the loss.

    ``(p'A Sigma r - gamma) s / 2``: their sum is the loss of an untrained network less that of
    the point, without the rounding of the two.
    """
    first, second = separated(point, teacher.shape[1])
    slopes = np.sum(second * (teacher @ covariance @ first.T), axis=0)
    return np.asarray(0.5 * (slopes - weight_decay * np.sum(first**2, axis=1)))


def _difference(one: Array, other: Array) -> float:
    """Sum of the first less that of the second; what they share cancels exactly."""
    return math.fsum([*one, *-other])


def _different(one: Array, other: Array, inputs: int, covariance: Array, least: float) -> bool:
    """Whether the outputs of two points differ by more than rounding of the least unit."""
    first, second = separated(one, inputs)
    other_first, other_second = separated(other, inputs)
    apart = second @ first - other_second @ other_first
    return bool(np.sum((apart @ covariance) * apart) > 1e-6 * least)


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
    # A third of the time of a small network, most of which have no bottleneck.
    import scipy.optimize

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

"""The minima where hidden units are fewer than directions worth learning.

The rank is capped below that of the convex minimum, and the problem is no longer convex:
descent from many starts, whose ends are strict minima or not; the lowest loss comes first.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np

from symdrift.evaluation.dense.balanced import factored, is_located, polished, relative_gradient
from symdrift.evaluation.dense.coordinates import separated
from symdrift.evaluation.dense.frame import frame_of, reached_hessian
from symdrift.evaluation.dense.operator import expected_gradient, expected_loss
from symdrift.evaluation.parts import THRESHOLD_TOLERANCE
from symdrift.study.problem import Array

CHOICES = 64
"""Choices of directions up to which all are tried as starts."""

EXCHANGES = 24
"""Exchanges of a kept for a dropped direction that are tried as starts where choices are more."""

RANDOM_STARTS = 6
"""Random displacements that are tried as starts."""


@dataclass(frozen=True, eq=False)
class CappedMinima:
    """The strict minima that were found.

    Attributes
    ----------
    points : tuple of Array
        Balanced ``Z``, shape ``(p, n + m)`` each, in the order of losses; whether the first is
        strict is not asked.
    starts : int
    runner_up : float or None
        Distance in loss from the lowest to the best different stationary point, relative to the
        loss of an untrained network; ``None`` without any.
    tied : bool
        Whether that distance vanishes beside what the least hidden unit takes off the loss.
    """

    points: tuple[Array, ...]
    starts: int
    runner_up: float | None
    tied: bool


def capped_minima(
    relaxed: Array, hidden: int, teacher: Array, covariance: Array, weight_decay: float
) -> CappedMinima:
    """Strict minima with ``hidden`` units, the lowest first.

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
    # Rounding in the loss is larger than what a descent that stopped short differs by.
    same = [
        index
        for index, end in enumerate(refined)
        if not _different(end, refined[best], teacher.shape[1], covariance, least)
    ]
    best = min(same, key=lambda index: relative_gradient(refined[index], *problem))
    distances = [float(losses[index] - losses.min()) for index in range(len(ends))]
    others = [distance for index, distance in enumerate(distances) if index not in near]
    others += [
        _difference(worths[best], worth)
        for worth, end in zip(worths, refined, strict=True)
        if _different(end, refined[best], teacher.shape[1], covariance, least)
    ]
    nearest = min(others, default=None)
    lowest = refined[best]
    return CappedMinima(
        points=(lowest, *_others(lowest, least, [ends[k] for k in np.argsort(losses)], *problem)),
        starts=len(ends),
        runner_up=None if nearest is None else nearest / scale,
        tied=nearest is not None and nearest < THRESHOLD_TOLERANCE * least,
    )


def _others(
    lowest: Array,
    least: float,
    ends: list[Array],
    teacher: Array,
    covariance: Array,
    weight_decay: float,
) -> list[Array]:
    """Strict minima among the ends of descents but for the lowest, in the order of losses."""
    problem, inputs = (teacher, covariance, weight_decay), teacher.shape[1]
    found = [lowest]

    def is_new(point: Array) -> bool:
        return all(_different(point, known, inputs, covariance, least) for known in found)

    for end in filter(is_new, ends):
        point = polished(end, *problem)
        if len(point) == len(lowest) and is_new(point) and _is_strict(point, *problem):
            found.append(point)
    return sorted(found[1:], key=lambda point: -math.fsum(_worths(point, *problem)))


def _is_strict(point: Array, teacher: Array, covariance: Array, weight_decay: float) -> bool:
    """Whether a balanced point without silent units is a minimum, and no flatter than a tie."""
    if not is_located(point, teacher, covariance, weight_decay):
        return False
    first, second = separated(point, teacher.shape[1])
    slope = (teacher - second @ first) @ covariance
    hessian = reached_hessian(frame_of(first, second), slope, covariance, weight_decay)
    diagonal = np.diagonal(hessian)
    if np.any(diagonal <= 0):
        return False
    scaled = hessian / np.sqrt(diagonal) / np.sqrt(diagonal)[:, np.newaxis]
    try:
        np.linalg.cholesky(scaled - THRESHOLD_TOLERANCE * np.eye(len(scaled)))
    except np.linalg.LinAlgError:
        return False
    return True


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

    The directions of the convex solution that are worth most, all other choices of them or,
    where these are many, the exchanges of one kept for one dropped direction that cost least,
    the truncated whitened teacher, and random
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
    if math.comb(len(relaxed), hidden) <= CHOICES:
        for choice in combinations(order.tolist(), hidden):
            if list(choice) != chosen:
                yield relaxed[list(choice)]
    else:
        pairs = sorted(product(chosen, dropped), key=lambda pair: worth[pair[0]] - worth[pair[1]])
        for removed, added in pairs[:EXCHANGES]:
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

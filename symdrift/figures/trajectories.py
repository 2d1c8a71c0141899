"""Single networks that are followed for a while: their deviation from the manifold apart."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from symdrift.evaluation.dense.frame import towards_axes
from symdrift.evaluation.dense.landscape import MinimumPoint
from symdrift.evaluation.dense.lyapunov import NormalFluctuation
from symdrift.evaluation.evaluate import validity
from symdrift.evaluation.parts import subspaces
from symdrift.simulation.trajectory import Trajectory
from symdrift.study.problem import Array, LearningProblem

SEED = 0
SHOWN_STIFFNESS = 0.1
"""Learning rate times largest Hessian eigenvalue at which single networks are shown."""

LARGEST_SHARE = 0.4
"""Of the critical learning rate, beyond which they are not: wide networks diverge early."""


@dataclass(frozen=True)
class Unrotated:
    """A trajectory as rotation along the manifold and deviation from it.

    Attributes
    ----------
    rotation : Array
        ``Q_t``, the polar factor of ``Z_t Z*'``, shape ``(..., r, r)``.
    deviation : Array
        ``n_t = Q_t' Z_t - Z*``, shape ``(..., r, n + m)``.
    """

    rotation: Array
    deviation: Array


def unrotated(run: Trajectory, minimum: MinimumPoint) -> Unrotated:
    """Rotation and deviation of every record and replica of a run."""
    found = points(run, minimum.rank)
    left, _, right = np.linalg.svd(found @ minimum.point.T)
    rotation = left @ right
    return Unrotated(rotation, rotation.swapaxes(-1, -2) @ found - minimum.point)


def points(run: Trajectory, rank: int) -> Array:
    """``Z = [W, U']`` of every record and replica, shape ``(records, replicas, r, n + m)``."""
    layers = [run.first_layer, run.second_layer.swapaxes(-1, -2)]
    return np.concatenate(layers, axis=-1)[..., :rank, :]


def settled(fluctuation: NormalFluctuation) -> NormalFluctuation:
    """The fluctuation along eigenvectors that rounding does not choose where curvatures agree."""
    turn = np.zeros_like(fluctuation.covariance)
    for run in subspaces(fluctuation.stiffness[::-1]):
        axes = slice(len(turn) - run.stop, len(turn) - run.start)
        turn[axes, axes] = towards_axes(fluctuation.basis[:, axes].T)
    return replace(
        fluctuation,
        basis=fluctuation.basis @ turn.T,
        noise_factor=turn @ fluctuation.noise_factor,
        covariance=turn @ fluctuation.covariance @ turn.T,
    )


def at_stiffness(
    problem: LearningProblem, minimum: MinimumPoint, stiffness: float
) -> LearningProblem:
    """The problem at a learning rate at which a single network visibly drifts, or its own."""
    stable = LARGEST_SHARE * validity(problem).critical_rate
    rate = min(stiffness / minimum.certificate.hessian_max, stable)
    return replace(problem, learning_rate=max(rate, problem.learning_rate))


def completed(run: Trajectory) -> Trajectory:
    """A run that was not interrupted."""
    if run.interrupted:
        raise KeyboardInterrupt
    return run

"""Area that the fluctuation of one network sweeps, which becomes rotation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

from symdrift.evaluation.dense.landscape import minimum_of
from symdrift.evaluation.dense.lyapunov import NormalFluctuation, gradient_fluctuation
from symdrift.evaluation.result import Evaluation
from symdrift.figures.style import COLOURS, WIDTH, drawing, label_in_units
from symdrift.figures.trajectories import (
    SEED,
    SHOWN_STIFFNESS,
    at_stiffness,
    completed,
    settled,
    unrotated,
)
from symdrift.rounding import first_largest
from symdrift.simulation.trajectory import simulate
from symdrift.study.problem import Array, LearningProblem

_AREA_STEPS, _PATH_STEPS = 1000, 150


@dataclass(frozen=True)
class SweptArea:
    """Fluctuation of one network in one plane, its area, and the rotation.

    Attributes
    ----------
    plane : tuple of int
        Hidden axes, from 1.
    learning_rate : float
        Of this network.
    path : Array
        Deviation along two Hessian eigenvectors, shape ``(points, 2)``, a point per step.
    time : Array
        Steps, shape ``(records,)``.
    area, angle : Array
        Swept area divided by the metric, summed up, and angle by which the hidden layer has
        turned, in rad, shape ``(records,)``.
    """

    plane: tuple[int, int]
    learning_rate: float
    path: Array
    time: Array
    area: Array
    angle: Array


def numbers(problem: LearningProblem, evaluation: Evaluation) -> SweptArea | None:
    """Area that the deviation of one network sweeps, and how far its hidden layer turns.

    ``xi_t = -<n_{t+1} - n_t, Omega n_t> / G`` in the plane that turns fastest; None without
    planes, and with synaptic noise, whose deviations have parts that gradients do not reach.
    """
    if not evaluation.drift.planes or problem.synaptic_noise > 0:
        return None
    minimum = minimum_of(problem)
    fast = at_stiffness(problem, minimum, SHOWN_STIFFNESS)
    fastest = first_largest(evaluation.drift.diffusion)
    first, second = (axis - 1 for axis in evaluation.drift.planes[fastest])
    if max(first, second) >= minimum.rank:
        return None
    run = completed(simulate(fast, _AREA_STEPS - 1, 1, SEED, threads=1))
    moved = unrotated(run, minimum)
    rotation, deviation = moved.rotation[:, 0], moved.deviation[:, 0]
    turned = np.zeros_like(deviation)
    turned[:, first], turned[:, second] = deviation[:, second], -deviation[:, first]
    change = np.diff(deviation, axis=0)
    metric = 2 * (minimum.singular_values[first] + minimum.singular_values[second])
    area = -np.sum(change * turned[:-1], axis=(1, 2)) / metric
    steps = rotation[:-1].swapaxes(-1, -2) @ rotation[1:]
    angle = 0.5 * (steps[:, first, second] - steps[:, second, first])
    fluctuation = settled(gradient_fluctuation(fast, minimum))
    coordinates = _largest_pair(fluctuation, minimum.rank, first, second)
    path = deviation.reshape(len(deviation), -1) @ coordinates
    return SweptArea(
        plane=(first + 1, second + 1),
        learning_rate=fast.learning_rate,
        path=path[:_PATH_STEPS],
        time=run.steps.astype(np.float64),
        area=np.concatenate([[0.0], np.cumsum(area)]),
        angle=np.concatenate([[0.0], np.cumsum(angle)]),
    )


def draw(data: SweptArea) -> Figure:
    """Path of the fluctuation with the triangles that it sweeps, beside what they add up to."""
    with drawing():
        figure = Figure(figsize=(WIDTH, 2.9), layout="constrained")
        plane, sums = figure.subplots(1, 2, width_ratios=(2, 3))
        steps = np.stack([data.path[:-1], data.path[1:]], axis=1)
        triangles = np.concatenate([np.zeros_like(steps[:, :1]), steps], axis=1)
        signs = np.sign(steps[:, 0, 0] * steps[:, 1, 1] - steps[:, 0, 1] * steps[:, 1, 0])
        for sign, shade in ((1, COLOURS[0]), (-1, COLOURS[1])):
            plane.add_collection(
                PolyCollection(list(triangles[signs == sign]), facecolor=shade, alpha=0.18)
            )
        plane.plot(*data.path.T, color="0.3", linewidth=0.7)
        plane.plot(0, 0, marker="+", color="black", markersize=8)
        plane.tick_params(labelsize=8)
        label_in_units(plane, "x", "deviation, one direction", "")
        label_in_units(plane, "y", "another direction", "")
        sums.plot(data.time, data.angle, color=COLOURS[1], linewidth=2.4, label="rotation")
        sums.plot(
            data.time, data.area, color=COLOURS[0], linestyle="--", linewidth=1.1,
            label="swept area / metric",
        )  # fmt: skip
        label_in_units(sums, "x", "time", "SGD steps")
        label_in_units(sums, "y", "angle", "rad")
        sums.legend()
    return figure


def caption(data: SweptArea) -> str:
    """What the figure shows."""
    one, other = data.plane
    return (
        "Area that becomes rotation, in one simulated network. Left: the first steps of the "
        "deviation from the manifold along two of its normal directions; each step sweeps a "
        "triangle with the minimum (cross), counted positive in one sense of turning and "
        f"negative in the other. Right: twice the areas of all such pairs, each weighted by what "
        f"the rotation in the plane ({one}, {other}) of hidden axes does to the pair, added up "
        f"and divided by the metric, are the angle by which the hidden layer has turned. "
        f"Learning rate {data.learning_rate:.2g}."
    )


def _largest_pair(fluctuation: NormalFluctuation, rank: int, first: int, second: int) -> Array:
    """The two eigenvectors whose common plane adds most to the area, shape ``(K, 2)``."""
    rows = fluctuation.basis.reshape(rank, -1, len(fluctuation.stiffness))
    turn = rows[first].T @ rows[second]
    scale = np.sqrt(np.diagonal(fluctuation.covariance))
    reach = np.abs(turn - turn.T) * np.outer(scale, scale)
    one, other = np.unravel_index(first_largest(reach.ravel()), reach.shape)
    return fluctuation.basis[:, [one, other]]

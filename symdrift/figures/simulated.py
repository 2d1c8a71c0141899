"""Points from simulations upon the lines of the theory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from symdrift.errors import RequestError
from symdrift.evaluation.dense.landscape import minimum_of
from symdrift.evaluation.evaluate import evaluate
from symdrift.evaluation.parts import Drift
from symdrift.evaluation.result import Evaluation
from symdrift.figures.style import percent
from symdrift.study.problem import Array, LearningProblem
from symdrift.validation.one_look import run_planned
from symdrift.validation.plan import schedule_of
from symdrift.validation.rows import Row
from symdrift.validation.validate import Validation

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FEW_WEIGHTS = 40
"""Weights up to which the dense road and the simulator are cheap."""

MOST_WEIGHT_STEPS = 2.5e9
"""Steps times weights times batch of all networks of one point: about two seconds."""

_REPLICAS, _WINDOWS = 256, 16
"""Networks of one point and windows of each: a standard error of about 4 %."""

Plane = tuple[int, int]


@dataclass(frozen=True)
class SimulatedPoints:
    """Diffusion measured in simulations, beside that of one line of the theory.

    Attributes
    ----------
    line : int
        Which line of its panel, from 0.
    values : Array
        Of the parameter on the axis, shape ``(points,)``.
    theory, simulation, standard_error : Array
        Diffusion in rad^2/step, shape ``(points,)``.
    """

    line: int
    values: Array
    theory: Array
    simulation: Array
    standard_error: Array


@dataclass(frozen=True)
class Simulations:
    """Simulations of one panel.

    Attributes
    ----------
    points : tuple of SimulatedPoints
    left_out : int
        Simulations that would have taken too long.
    expected_error : float
        Relative size of the corrections to the theory, the largest of all points.
    """

    points: tuple[SimulatedPoints, ...]
    left_out: int
    expected_error: float


@dataclass(frozen=True)
class Measured:
    """Rotation variance of each plane at one value of a parameter, and its expected error."""

    value: float
    variances: dict[Plane, Row]
    expected_error: float


def weights_of(problem: LearningProblem) -> int:
    """How many weights a network has."""
    return problem.hidden * sum(problem.teacher.shape)


def turning_planes(drift: Drift) -> tuple[Plane, ...]:
    """Planes that do not stand still."""
    found = zip(drift.planes, drift.variances, strict=True)
    return tuple(plane for plane, variance in found if variance > 0)


def measured(value: float, run: Validation, evaluation: Evaluation) -> Measured:
    """What one run found of each plane; the evaluation may be that of another learning rate."""
    planes = turning_planes(evaluation.drift)
    share = run.learning_rate / evaluation.parameters["learning_rate"]
    errors = [evaluation.expected_error(f"drift.diffusion.{i}-{j}", share) for i, j in planes]
    variances = [
        row for row in run.rows if row.quantity.startswith("V[") and ";" not in row.quantity
    ]
    return Measured(value, dict(zip(planes, variances, strict=True)), max(errors, default=0.0))


def simulated(problems: Iterable[tuple[float, LearningProblem]]) -> list[Measured | None]:
    """Simulation of each problem that is inside the theory; None where it would take too long."""
    found: list[Measured | None] = []
    for seed, (value, problem) in enumerate(problems, start=1):
        # Displacements are not wanted, and other stimuli turn with the hidden layer too.
        followed = replace(problem, stimuli=problem.stimuli[:1])
        try:
            evaluation = evaluate(followed)
            minimum = minimum_of(followed)
        except RequestError:
            continue
        schedule = replace(
            schedule_of(followed, minimum, followed.learning_rate, _WINDOWS, _REPLICAS),
            halvings=0,
        )
        weights = weights_of(followed) * followed.batch
        if schedule.steps * _REPLICAS * weights > MOST_WEIGHT_STEPS:
            found.append(None)
            continue
        run = run_planned(followed, evaluation, schedule, _REPLICAS, seed)
        found.append(measured(value, run, evaluation))
    return found


def upon_lines(found: Sequence[Measured | None], lines: Mapping[Plane, int]) -> Simulations:
    """Points of the planes that have a line; the diffusion is half the variance."""
    made = [entry for entry in found if entry is not None]
    points = []
    for plane, line in lines.items():
        there = [entry for entry in made if plane in entry.variances]
        rows = [entry.variances[plane] for entry in there]
        points.append(
            SimulatedPoints(
                line=line,
                values=np.array([entry.value for entry in there]),
                theory=0.5 * np.array([row.theory for row in rows]),
                simulation=0.5 * np.array([row.simulation for row in rows]),
                standard_error=0.5 * np.array([row.standard_error for row in rows]),
            )
        )
    return Simulations(
        points=tuple(points),
        left_out=len(found) - len(made),
        expected_error=max((entry.expected_error for entry in made), default=0.0),
    )


def draw_points(axes: Axes, simulations: Simulations | None, colours: Sequence[str]) -> None:
    """Points with error bars in the colours of their lines, ringed so that they stand out.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    simulations : Simulations or None
        None draws nothing.
    colours : sequence of str
        By line.
    """
    for series in simulations.points if simulations is not None else ():
        axes.errorbar(
            series.values, series.simulation, series.standard_error, fmt="o", markersize=5,
            markeredgecolor="white", markeredgewidth=0.8, capsize=2, elinewidth=1,
            color=colours[series.line], zorder=3,
        )  # fmt: skip


def caption_points(simulations: Sequence[Simulations]) -> str:
    """Sentences about points, their errors and those of the theory; empty without points.

    Parameters
    ----------
    simulations : sequence of Simulations
        Of all panels.
    """
    points = [series for panel in simulations for series in panel.points if len(series.values)]
    left_out = sum(panel.left_out for panel in simulations)
    text = ""
    if points:
        ratios = np.concatenate([series.simulation / series.theory for series in points])
        errors = np.concatenate([series.standard_error / series.theory for series in points])
        expected = max(panel.expected_error for panel in simulations)
        text = (
            " Points are direct simulations with their standard errors, which are at most "
            f"{100 * errors.max():.2g} % of the theory and hardly reach beyond the markers. They "
            f"are {ratios.min():.2f} to {ratios.max():.2f} times the lines: the theory is of "
            "leading order in the learning rate, and corrections of up to "
            f"{percent(expected)} are expected at these points."
        )
    if left_out == 1:
        text += " One point is left out because its simulation would take too long."
    elif left_out:
        text += f" {left_out} points are left out because their simulations would take too long."
    return text

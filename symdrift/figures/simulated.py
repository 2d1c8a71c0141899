"""Points from simulations upon the lines of the theory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from symdrift.study.problem import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes


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
    stiffness : float
        Learning rate times largest Hessian eigenvalue, the largest of all points: the size of
        the corrections to the theory.
    """

    points: tuple[SimulatedPoints, ...]
    left_out: int
    stiffness: float


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


def caption_points(simulations: Sequence[Simulations], also: str = "") -> str:
    """Sentences about points, their errors and those of the theory; empty without points.

    Parameters
    ----------
    simulations : sequence of Simulations
        Of all panels.
    also : str
        A further size of corrections, with its own conjunction.
    """
    points = [
        series for panel in simulations for series in panel.points if len(series.values)
    ]
    left_out = sum(panel.left_out for panel in simulations)
    text = ""
    if points:
        ratios = np.concatenate([series.simulation / series.theory for series in points])
        errors = np.concatenate([series.standard_error / series.theory for series in points])
        stiffness = max(panel.stiffness for panel in simulations)
        text = (
            " Points are direct simulations of SGD with their standard errors, which are at most "
            f"{100 * errors.max():.2g} % of the theory and hardly reach beyond the markers. They "
            f"are {ratios.min():.2f} to {ratios.max():.2f} times the lines: the theory is of "
            "leading order in the learning rate, and its corrections are of the order of the "
            f"learning rate times the largest Hessian eigenvalue, here up to {stiffness:.2g}{also}."
        )
    if left_out == 1:
        text += " One point is left out because its simulation would take too long."
    elif left_out:
        text += f" {left_out} points are left out because their simulations would take too long."
    return text

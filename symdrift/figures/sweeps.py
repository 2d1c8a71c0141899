"""Rates against one parameter of the learning rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from symdrift.figures.style import COLOURS, STYLE, WIDTH, capitalised, colour, literal, one_panel
from symdrift.problem import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_CURVES = 10


@dataclass(frozen=True)
class WeightDecaySweep:
    """Diffusion of each plane against the weight decay.

    Attributes
    ----------
    weight_decay : Array
        Shape ``(points,)``.
    diffusion : tuple of (str, Array)
        Plane, or planes that share a line, and their diffusion in rad^2/step, shape
        ``(points,)``; NaN where the plane does not exist.
    exponent : int or None
        Power of the weight decay that the theory has for small weight decay; None
        where there is none to compare with.
    at : float
        Weight decay of the study.
    """

    weight_decay: Array
    diffusion: tuple[tuple[str, Array], ...]
    exponent: int | None
    at: float


@dataclass(frozen=True)
class LearningRateSweep:
    """Theory and simulation against the learning rate.

    Attributes
    ----------
    learning_rate, theory : Array
        The line of the theory for one quantity, shape ``(points,)``.
    simulated_rate, simulation, standard_error : Array
        Simulated points, shape ``(runs,)``.
    extrapolated_ratio, ratio_error : float
        Simulation over theory in the limit of a vanishing learning rate, one standard
        error.
    quantity, unit : str
        What is plotted, such as ``"diffusion of plane (1, 2)"``, ``"rad^2 / step"``.
    """

    learning_rate: Array
    theory: Array
    simulated_rate: Array
    simulation: Array
    standard_error: Array
    extrapolated_ratio: float
    ratio_error: float
    quantity: str
    unit: str


def draw_weight_decay_sweep(data: WeightDecaySweep) -> Figure:
    """Diffusion against weight decay on logarithmic axes, with the power law as a guide."""
    with one_panel() as (figure, axes):
        curves = data.diffusion[:_MOST_CURVES]
        for style, (plane, values) in enumerate(curves):
            axes.plot(data.weight_decay, values, color=colour(style), label=f"plane {plane}")
        if data.exponent is not None and curves:
            _guide(axes, data)
        axes.axvline(data.at, color="0.4", linewidth=0.8, linestyle=":")
        axes.set(xscale="log", yscale="log")
        axes.set_xlabel(r"weight decay $\gamma$")
        axes.set_ylabel(r"diffusion $D_{ij}$ (rad$^2$ / step)")
        axes.legend()
    return figure


def caption_weight_decay_sweep(data: WeightDecaySweep) -> str:
    """What the figure shows."""
    text = (
        "Diffusion of the hidden rotation against the weight decay, one line per plane of hidden "
        "axes (planes of equal diffusion share one); the dotted line marks the study. A line "
        "ends where one of its directions is no longer learned."
    )
    if data.exponent is not None:
        text += (
            " For small weight decay the lines become parallel to the dashed guide, power "
            f"{data.exponent} of the weight decay, as the expansion in small weight decay has it."
        )
    return text


def draw_learning_rate_sweep(data: LearningRateSweep) -> Figure:
    """Theory as a line, simulations as points, with their ratio below."""
    with rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 4.2), layout="constrained")
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
        upper.plot(data.learning_rate, data.theory, color=COLOURS[0], label="theory")
        upper.errorbar(
            data.simulated_rate, data.simulation, data.standard_error, fmt="o", capsize=2,
            color=COLOURS[1], label="simulation",
        )  # fmt: skip
        upper.set(xscale="log", yscale="log")
        upper.set_ylabel(f"{literal(data.quantity)}\n({literal(data.unit)})")
        upper.legend()
        theory = np.interp(data.simulated_rate, data.learning_rate, data.theory)
        lower.axhline(1.0, color=COLOURS[0])
        lower.errorbar(
            data.simulated_rate, data.simulation / theory, data.standard_error / theory, fmt="o",
            capsize=2, color=COLOURS[1],
        )  # fmt: skip
        lower.xaxis.set_minor_formatter(NullFormatter())
        lower.set_xlabel(r"learning rate $\eta$")
        lower.set_ylabel("simulation / theory")
    return figure


def caption_learning_rate_sweep(data: LearningRateSweep) -> str:
    """What the figure shows."""
    return (
        f"{capitalised(data.quantity)} against the learning rate: theory (line) and direct "
        "simulation of SGD (points, one standard error), and their ratio below. The theory is of "
        "leading order in the learning rate, so the ratio must approach 1 on the left; "
        "extrapolated to a vanishing learning rate it is "
        f"{data.extrapolated_ratio:.3f} ± {data.ratio_error:.3f}."
    )


def _guide(axes: Axes, data: WeightDecaySweep) -> None:
    """A dashed power law below the first curve, over the lower half of its range."""
    values = data.diffusion[0][1]
    there = np.flatnonzero(np.isfinite(values) & (values > 0))
    lower = there[: max(2, len(there) // 2)]
    if len(lower) < 2:
        return
    abscissa = data.weight_decay[lower]
    power = (abscissa / abscissa[0]) ** float(data.exponent or 0)
    axes.plot(
        abscissa, 0.4 * values[lower[0]] * power, color="0.3", linestyle="--",
        label=rf"$\propto \gamma^{{{data.exponent}}}$",
    )  # fmt: skip

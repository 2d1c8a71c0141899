"""Rates against the weight decay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from symdrift.figures.simulated import Simulations, caption_points, draw_points
from symdrift.figures.style import colour, one_panel
from symdrift.study.problem import Array

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
    simulations : Simulations or None
        None when there are none.
    """

    weight_decay: Array
    diffusion: tuple[tuple[str, Array], ...]
    exponent: int | None
    at: float
    simulations: Simulations | None = None


def draw_weight_decay_sweep(data: WeightDecaySweep) -> Figure:
    """Diffusion against weight decay on logarithmic axes, with the power law as a guide."""
    with one_panel() as (figure, axes):
        curves = data.diffusion[:_MOST_CURVES]
        for style, (plane, values) in enumerate(curves):
            axes.plot(data.weight_decay, values, color=colour(style), label=f"plane {plane}")
        draw_points(axes, data.simulations, [colour(style) for style in range(len(curves))])
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
    if data.simulations is not None:
        text += caption_points(
            [data.simulations],
            ", and of the learning rate over the weight decay, largest on the left",
        )
    return text


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

"""Diffusion against the parameters that it depends on, but for the weight decay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, NullLocator, StrMethodFormatter

from symdrift.figures.simulated import Simulations, caption_points, draw_points
from symdrift.figures.style import STYLE, WIDTH, colour, drawing
from symdrift.study.problem import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class ScalingPanel:
    r"""Diffusion of some planes against one parameter.

    Attributes
    ----------
    parameter : str
        In Matplotlib's mark-up, such as ``"learning rate $\eta$"``.
    values : Array
        Shape ``(points,)``.
    diffusion : tuple of (str, Array)
        Line and its diffusion in rad^2/step, shape ``(points,)``; NaN where a plane does
        not exist.
    exponent : int or None
        Power law of the theory, drawn as a guide; None where there is none.
    at : float or None
        Value of the study, marked; None where the panel is of other networks.
    simulations : Simulations or None
        None when there are none.
    """

    parameter: str
    values: Array
    diffusion: tuple[tuple[str, Array], ...]
    exponent: int | None
    at: float | None
    simulations: Simulations | None = None


@dataclass(frozen=True)
class Isotropic:
    """The autoencoders in the panel of the number of inputs: variance and learning rate."""

    input_variance: float
    learning_rate: float


@dataclass(frozen=True)
class Scaling:
    """Diffusion against learning rate, batch size and number of inputs.

    Attributes
    ----------
    panels : tuple of ScalingPanel
    isotropic : Isotropic or None
        None without the panel of the number of inputs.
    """

    panels: tuple[ScalingPanel, ...]
    isotropic: Isotropic | None


def draw_scaling(data: Scaling) -> Figure:
    """A panel for each parameter, on logarithmic axes."""
    columns = len(data.panels)
    with drawing({**STYLE, "font.size": 9, "legend.fontsize": 8}):
        figure = Figure(figsize=(WIDTH, 2.6), layout="constrained")
        grid = figure.subplots(1, columns, squeeze=False)
        for axes, panel in zip(grid.flat, data.panels, strict=True):
            for place, (name, diffusion) in enumerate(panel.diffusion):
                # The first lines are wider, so that lines upon them do not hide them.
                width = 2.8 - 0.8 * min(place, 2)
                axes.plot(panel.values, diffusion, color=colour(place), linewidth=width, label=name)
            lines = [colour(place) for place in range(len(panel.diffusion))]
            draw_points(axes, panel.simulations, lines)
            if panel.exponent is not None and panel.diffusion:
                ends = panel.values[[0, -1]]
                middle = len(panel.values) // 2
                height = 0.3 * panel.diffusion[0][1][middle]
                guide = height * (ends / panel.values[middle]) ** float(panel.exponent)
                axes.plot(
                    ends, guide, color="0.3", linestyle="--", linewidth=1, label=_power(panel)
                )
            if panel.at is not None:
                axes.axvline(panel.at, color="0.4", linewidth=0.8, linestyle=":")
            axes.set(xscale="log", yscale="log", xlabel=panel.parameter)
            if np.all(panel.values == np.rint(panel.values)):
                axes.xaxis.set_major_locator(LogLocator(base=4))
                axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
                axes.xaxis.set_minor_locator(NullLocator())
            axes.xaxis.set_minor_formatter(NullFormatter())
            _legend(axes)
        planes = [line for line in grid[0, 0].lines if str(line.get_label()).startswith("plane")]
        if planes:
            figure.legend(handles=planes, loc="outside upper center", ncols=len(planes))
        figure.supylabel("diffusion (rad$^2$ / step)", fontsize=9)
    return figure


def caption_scaling(data: Scaling) -> str:
    """What the figure shows."""
    text = (
        "Diffusion of the hidden rotation against the parameters of learning, by theory (lines); "
        "dotted lines mark the study. It grows with the third power of the learning rate and "
        "falls with the square of the batch size (dashed guides)."
    )
    if data.isotropic is not None:
        text += (
            " The panel of the number of inputs is of autoencoders with equal variances "
            f"{data.isotropic.input_variance:.3g}, the mean of the study, in which all planes are "
            f"alike, at learning rate {data.isotropic.learning_rate:.2g}."
        )
    return text + caption_points(
        [panel.simulations for panel in data.panels if panel.simulations is not None]
    )


def _legend(axes: Axes) -> None:
    """Names of what only this panel has: planes are named once for all panels."""
    own = [line for line in axes.lines if not str(line.get_label()).startswith(("_", "plane"))]
    if own:
        axes.legend(handles=own, handlelength=1.4)


def _power(panel: ScalingPanel) -> str:
    return rf"power ${panel.exponent}$"

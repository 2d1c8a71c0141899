"""Diffusion against each parameter that it depends on."""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from symdrift.figures.style import STYLE, WIDTH, colour
from symdrift.problem import Array


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
    """

    parameter: str
    values: Array
    diffusion: tuple[tuple[str, Array], ...]
    exponent: int | None
    at: float | None


@dataclass(frozen=True)
class Scaling:
    """Diffusion against learning rate, weight decay, number of inputs and batch size.

    ``isotropic_variance`` is the input variance of the isotropic autoencoders in the panel
    of the number of inputs; None without that panel.
    """

    panels: tuple[ScalingPanel, ...]
    isotropic_variance: float | None


def draw_scaling(data: Scaling) -> Figure:
    """A panel for each parameter, on logarithmic axes."""
    rows = -(-len(data.panels) // 2)
    with rc_context({**STYLE, "font.size": 9, "legend.fontsize": 8}):
        figure = Figure(figsize=(WIDTH, 0.4 + 2.1 * rows), layout="constrained")
        grid = figure.subplots(rows, 2, squeeze=False)
        for axes, panel in zip(grid.flat, data.panels, strict=False):
            for place, (name, diffusion) in enumerate(panel.diffusion):
                # The first lines are wider, so that lines upon them do not hide them.
                width = 2.8 - 0.8 * min(place, 2)
                axes.plot(panel.values, diffusion, color=colour(place), linewidth=width, label=name)
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
            axes.xaxis.set_minor_formatter(NullFormatter())
            axes.legend(handlelength=1.4)
        for axes in list(grid.flat)[len(data.panels) :]:
            axes.set_visible(False)
        figure.supylabel("diffusion (rad$^2$ / step)", fontsize=9)
    return figure


def caption_scaling(data: Scaling) -> str:
    """What the figure shows."""
    text = (
        "Diffusion of the hidden rotation against the parameters of learning, by theory; dotted "
        "lines mark the study. It grows with the third power of the learning rate and falls with "
        "the square of the batch size (dashed guides)."
    )
    if data.isotropic_variance is not None:
        text += (
            " The panel of the number of inputs is of autoencoders with equal variances "
            f"{data.isotropic_variance:.3g}, the mean of the study, in which all planes are alike."
        )
    return text


def _power(panel: ScalingPanel) -> str:
    return rf"power ${panel.exponent}$"

"""Drift of a set of stimuli against how often one of them is shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from symdrift.figures.style import WIDTH, caption_short, colour, drawing, literal, short_names
from symdrift.study.problem import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class FrequencyCurve:
    """Decay rate of the representation of one stimulus, per step.

    Attributes
    ----------
    stimulus : str
    theory : Array
        Shape ``(points,)``; NaN where the theory does not apply.
    simulation, standard_error : Array
        Shape ``(simulated points,)``.
    """

    stimulus: str
    theory: Array
    simulation: Array
    standard_error: Array


@dataclass(frozen=True)
class FrequencySweep:
    """Decay rates while one stimulus is shown more and more often.

    Attributes
    ----------
    frequency, simulated_frequency : Array
        Probability of that stimulus, shapes ``(points,)`` and ``(simulated points,)``.
    curves : tuple of FrequencyCurve
        That stimulus first, then the others.
    balanced : float or None
        Probability at which all stimuli of the set are equally frequent.
    """

    frequency: Array
    simulated_frequency: Array
    curves: tuple[FrequencyCurve, ...]
    balanced: float | None


def draw_frequency_sweep(data: FrequencySweep) -> Figure:
    """Decay rates, and below those of the stimulus in question over those of the others."""
    with drawing():
        figure = Figure(figsize=(WIDTH, 4.8), layout="constrained")
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
        names = list(map(literal, short_names([curve.stimulus for curve in data.curves])))
        for index, curve in enumerate(data.curves):
            _draw_curve(upper, data, curve.theory, curve.simulation, curve.standard_error, index)
            upper.plot([], [], color=colour(index), marker="o", label=names[index])
        own = data.curves[0]
        for index, other in enumerate(data.curves[1:], start=1):
            ratio = own.simulation / other.simulation
            # Both come from one simulation; their errors are not quite independent.
            error = ratio * np.hypot(
                own.standard_error / own.simulation, other.standard_error / other.simulation
            )
            _draw_curve(lower, data, own.theory / other.theory, ratio, error, index)
        lower.axhline(1.0, color="0.5", linewidth=0.8)
        for axes in (upper, lower):
            axes.set_yscale("log")
            if data.balanced is not None:
                axes.axvline(data.balanced, color="0.4", linewidth=0.8, linestyle=":")
        upper.set_ylabel("decay rate (1 / step)")
        upper.legend()
        lower.set_ylabel("ratio to the others")
        lower.set_xlabel(f"probability of “{names[0]}”")
    return figure


def caption_frequency_sweep(data: FrequencySweep) -> str:
    """What the figure shows."""
    own = data.curves[0]
    known = np.isfinite(own.theory)
    least = float(data.frequency[known][np.argmin(own.theory[known])])
    inner = data.frequency[known][0] < least < data.frequency[known][-1]
    shown = "theory (lines)"
    if len(data.simulated_frequency):
        shown += (
            " and direct simulation of SGD at the study's learning rate (points, one standard "
            "error)"
        )
    text = (
        f"Decay rate of the representation of “{own.stimulus}” and of other stimuli, from rare to "
        f"dominant: {shown}. Below, its rate over that of the others."
    )
    if data.balanced is not None:
        text += " At the dotted line all stimuli are shown equally often."
    if inner:
        text += f" Its own rate is lowest at a probability of {least:.2f}."
    return text + caption_short([curve.stimulus for curve in data.curves])


def _draw_curve(
    axes: Axes, data: FrequencySweep, theory: Array, simulation: Array, error: Array, index: int
) -> None:
    axes.plot(data.frequency, theory, color=colour(index))
    axes.errorbar(
        data.simulated_frequency, simulation, error, fmt="o", capsize=2, color=colour(index)
    )

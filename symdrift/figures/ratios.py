"""Simulation over theory against the learning rate, and displacements against time."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from symdrift.figures.style import (
    COLOURS,
    PLAIN,
    drawing,
    literal,
    save,
    short_names,
    short_quantities,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure

    from symdrift.validation.extrapolate import Extrapolation
    from symdrift.validation.rows import ExtrapolatedRow

_PANELS_PER_ROW = 3
_MOST_PANELS = 24


def plot_extrapolation(extrapolation: Extrapolation, path: Path) -> None:
    """Draw ratios against the learning rate, and displacements against time.

    Ratios have the fitted line; the displacement of each stimulus has a colour for each rate,
    a line for the theory and points for the simulation.

    Parameters
    ----------
    extrapolation : Extrapolation
    path : Path
        PNG, SVG or PDF, by suffix.

    Raises
    ------
    RequestError
        When the file cannot be written.
    """
    with drawing(PLAIN):
        save(_drawn(extrapolation), path, PLAIN, "--plot")


def _drawn(extrapolation: Extrapolation) -> Figure:
    rows = [row for row in extrapolation.rows if row.ratio is not None][:_MOST_PANELS]
    own = extrapolation.runs[extrapolation.own]
    curves = own.displacement[:_MOST_PANELS]
    heights = [max(1, math.ceil(len(shown) / _PANELS_PER_ROW)) for shown in (rows, curves)]
    heights = heights[: 2 if curves else 1]
    figure = Figure(figsize=(10, 2.4 * sum(heights) + 0.6 * len(heights)), layout="constrained")
    parts = figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)
    upper, *below = np.ravel(parts)
    panels = _panels(upper, heights[0], len(rows))
    names = short_quantities([row.quantity for row in rows])
    for panel, row, name in zip(panels, rows, names, strict=True):
        _draw(panel, extrapolation, row)
        panel.set_title(literal(name), fontsize="medium")
    upper.supxlabel(rf"learning rate times {own.fastest}, $\eta h_\mathrm{{max}}$")
    upper.supylabel("simulation / theory")
    names = short_names([curve.stimulus for curve in curves])
    for lower in below:
        for index, panel in enumerate(_panels(lower, heights[1], len(curves))):
            _draw_displacement(panel, extrapolation, index)
            panel.set_title(literal(names[index]), fontsize="medium")
        lower.supxlabel("lag (SGD steps)")
        lower.supylabel("mean-squared displacement")
    return figure


def _panels(figure: SubFigure, lines: int, used: int) -> list[Axes]:
    """The first panels of a grid; the others are hidden."""
    panels = np.ravel(figure.subplots(lines, _PANELS_PER_ROW, sharey=True, squeeze=False))
    for panel in panels[used:]:
        panel.set_visible(False)
    return list(panels[:used])


def _draw_displacement(panel: Axes, extrapolation: Extrapolation, stimulus: int) -> None:
    for index, run in enumerate(extrapolation.runs):
        if stimulus >= len(run.displacement):
            continue
        curve = run.displacement[stimulus]
        colour = COLOURS[index % len(COLOURS)]
        panel.plot(curve.lags, curve.theory, color=colour, linewidth=0.8)
        panel.errorbar(
            curve.lags,
            curve.simulation,
            yerr=curve.standard_error,
            fmt=".",
            capsize=2,
            color=colour,
            label=rf"$\eta = {run.learning_rate:.3g}$",
        )
    panel.set_xscale("log")
    panel.set_yscale("log")
    if stimulus == 0:
        panel.legend(fontsize="x-small")


def _draw(panel: Axes, extrapolation: Extrapolation, row: ExtrapolatedRow) -> None:
    runs = extrapolation.fitted_runs
    stiffness = np.array([run.stiffness for run in runs])
    found = [run.row(row.quantity) for run in runs]
    ratios = np.array([one.simulation / one.theory for one in found])
    errors = np.array([abs(one.standard_error / one.theory) for one in found])
    panel.axhline(1.0, color="0.6", linewidth=0.8)
    panel.errorbar(stiffness, ratios, yerr=errors, fmt="o", capsize=2, color=COLOURS[0])
    if row.ratio is not None and (slope := row.ratio_slope) is not None:
        ends = np.array([0.0, 1.05 * stiffness.max()])
        panel.plot(ends, row.ratio.value + slope * ends, color=COLOURS[1], linestyle="--")
        panel.errorbar(
            [0.0],
            [row.ratio.value],
            yerr=[row.ratio.standard_error],
            fmt="s",
            capsize=2,
            color=COLOURS[1],
        )

"""An extrapolated validation as a terminal table and as a picture."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from rich import box
from rich.table import Table
from rich.text import Text

from symdrift.extrapolation import ExtrapolatedRow, Extrapolation
from symdrift.figures.style import COLOURS, PLAIN, drawing, literal, save
from symdrift.quoting import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

_COLUMNS = (
    *("quantity", "theory", "simulation", "standard error"),
    *("ratio", "ratio at 0", "z", "slope"),
)
_PANELS_PER_ROW = 3
_MOST_PANELS = 24


def extrapolation_table(extrapolation: Extrapolation) -> Table:
    """Theory beside simulation at the study's learning rate, and the ratio at rate zero."""
    table = Table(
        title="Theory and simulation", title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False
    )
    table.add_column(_COLUMNS[0], overflow="fold")
    for heading in _COLUMNS[1:]:
        table.add_column(heading, justify="right", overflow="fold")
    for row in extrapolation.rows:
        measured = row.measured
        table.add_row(
            Text(printable(row.quantity)),
            f"{measured.theory:.5g}",
            f"{measured.simulation:.5g}",
            f"{measured.standard_error:.2g}",
            "" if measured.ratio is None else f"{measured.ratio:.4f}",
            "" if row.ratio is None else f"{row.ratio.value:.4f} ± {row.ratio.standard_error:.4f}",
            "" if row.z is None else f"{row.z:.2f}",
            "" if row.slope is None else f"{row.slope.value:.2g} ± {row.slope.standard_error:.1g}",
        )
    return table


def summary(extrapolation: Extrapolation) -> str:
    """What was run, how precise it is, and what it rejects, in sentences."""
    runs = ", ".join(
        f"{run.learning_rate:.4g}{'' if fitted else ' (not fitted)'}"
        for run, fitted in zip(extrapolation.runs, extrapolation.fitted, strict=True)
    )
    own = extrapolation.runs[extrapolation.own]
    sentences = [
        f"{own.replicas} replicas at learning rates {runs}",
        "ratio at 0, z and slope: extrapolated against learning rate times largest Hessian "
        "eigenvalue",
        extrapolation.rule,
    ]
    if extrapolation.undecided:
        sentences.append(
            f"the learning rates are too large for a linear extrapolation of "
            f"{', '.join(printable(name) for name in extrapolation.undecided)}"
        )
    if extrapolation.precision is not None:
        sentences.append(f"standard errors are at most {extrapolation.precision:.2g}")
    if extrapolation.white_noise:
        quantity, errors = max(extrapolation.white_noise, key=lambda entry: abs(entry[1]))
        sentences.append(
            f"the white-noise approximation of {quantity} misses these data by {abs(errors):.1f} "
            "standard errors"
        )
    if any(extrapolation.synaptic_noise):
        sentences.append(
            "synaptic noise is scaled with the third power of the learning rate, as diffusion by "
            "gradient noise is"
        )
    if any(run.displacements for run in extrapolation.runs):
        sentences.append(
            f"displacements are those in half a window, {own.window // 2} steps"
        )
    return "; ".join(sentences)


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
    from matplotlib.figure import Figure

    rows = [row for row in extrapolation.rows if row.ratio is not None][:_MOST_PANELS]
    stimuli = len(extrapolation.runs[extrapolation.own].displacements[:_MOST_PANELS])
    heights = [max(1, math.ceil(count / _PANELS_PER_ROW)) for count in (len(rows), stimuli)]
    figure = Figure(figsize=(10, 2.4 * sum(heights) + 1.2), layout="constrained")
    upper, lower = np.ravel(figure.subfigures(2, 1, height_ratios=heights, squeeze=False))
    panels = _panels(upper, heights[0], len(rows))
    for panel, row in zip(panels, rows, strict=True):
        _draw(panel, extrapolation, row)
    upper.supxlabel(r"learning rate times largest Hessian eigenvalue, $\eta h_\mathrm{max}$")
    upper.supylabel("simulation / theory")
    for index, panel in enumerate(_panels(lower, heights[1], stimuli)):
        _draw_displacement(panel, extrapolation, index)
    lower.supxlabel("SGD steps")
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
        if stimulus >= len(run.displacements):
            continue
        curve = run.displacements[stimulus]
        found, colour = curve.simulation, COLOURS[index % len(COLOURS)]
        panel.plot(found.lags, curve.theory, color=colour, linewidth=0.8)
        panel.errorbar(
            found.lags,
            found.mean,
            yerr=found.standard_error,
            fmt=".",
            capsize=2,
            color=colour,
            label=rf"$\eta = {run.learning_rate:.3g}$",
        )
    panel.set_xscale("log")
    panel.set_yscale("log")
    panel.set_title(
        literal(extrapolation.runs[extrapolation.own].displacements[stimulus].stimulus),
        fontsize="medium",
    )
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
    if row.ratio is not None and row.slope is not None:
        slope = row.slope.value * row.measured.scale / row.measured.theory
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
    panel.set_title(literal(row.quantity), fontsize="medium")

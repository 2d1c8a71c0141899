"""Measured rates beside fitted ones, and how sharply the data determine each free number."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from symdrift.figures.style import (
    HEIGHT,
    caption_short,
    colour,
    drawing,
    literal,
    short_names,
)
from symdrift.fitting import Fit
from symdrift.fitting.least_squares import THRESHOLD
from symdrift.fitting.measurements import RATES, unit_of_lags

_MOST_NAMED = 24
"""Measurements that have their names at the axis."""
_HIGHEST = 2.2
"""Of the axis of chi-squared, in units of the threshold."""
_PAGE_WIDTH = 6.4
"""Inches of a figure that takes all of a page's width."""
_FINE = 401
"""Points of a curve."""
_ROW = 0.16
"""Inches of a measurement's name."""


def draw(data: Fit) -> Figure:
    """Measured over fitted values, and the profile of each free number in standard errors."""
    rows = min(len(data.data), _MOST_NAMED)
    with drawing():
        figure = Figure(figsize=(_PAGE_WIDTH, max(HEIGHT, 1.2 + _ROW * rows)), layout="constrained")
        left, right = figure.subplots(1, 2, width_ratios=(1, 1.2))
        _draw_data(left, data)
        _draw_profiles(right, data)
    return figure


def caption(data: Fit) -> str:
    """What the figure shows."""
    goodness = data.goodness
    chance = "" if goodness.p_value is None else f" (p = {goodness.p_value:.2g})"
    text = (
        "Left: measured values over fitted ones, with standard errors; chi-squared is "
        f"{goodness.chi_squared:.3g} with {goodness.degrees_of_freedom} degrees of freedom"
        f"{chance}. Right: least chi-squared above its minimum against each free number, the "
        "others fitted, in standard errors from the best fit; below the dashed line lies its 95 % "
        "interval, and the dotted parabola is what a linear theory would give."
    )
    names = [each.name for each in data.estimates if each.standard_error is None]
    if names:
        text += f" The data leave {', '.join(names)} open."
    if data.others:
        text += " The best fit is shown; " + "; ".join(each.text for each in data.others) + "."
    return text + caption_short([each.stimulus for each in data.data])


def _draw_data(axes: Axes, data: Fit) -> None:
    scale = np.array([each.predicted or math.nan for each in data.data])
    values = np.array([each.value for each in data.data]) / scale
    errors = np.array([each.standard_error for each in data.data]) / np.abs(scale)
    places = np.arange(len(values))
    axes.axvline(1.0, color="0.4", linewidth=1)
    axes.errorbar(values, places, xerr=errors, fmt="o", color=colour(0), capsize=2)
    names = short_names([each.stimulus for each in data.data])
    labels = [
        f"{literal(name)}: {each.quantity.replace('_', ' ')}"
        for name, each in zip(names, data.data, strict=True)
    ]
    if len(labels) <= _MOST_NAMED:
        axes.set_yticks(places, labels)
    else:
        axes.set_ylabel("measurement")
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    displaced = any(each.quantity not in RATES for each in data.data)
    lags = f" (lags in {unit_of_lags(data.steps_per_day)})" if displaced else ""
    axes.set_xlabel(f"measured over fitted{lags}")


def _draw_profiles(axes: Axes, data: Fit) -> None:
    estimates = {each.name: each for each in data.estimates}
    reach = 0.0
    for index, one in enumerate(data.profiles):
        estimate = estimates[one.name]
        error = estimate.standard_error or math.inf
        places = (one.values - estimate.value) / error
        # Its root with the sign of the distance is almost a straight line.
        roots = np.copysign(np.sqrt(one.excess), places)
        grid = np.linspace(places[0], places[-1], _FINE)
        curve = np.interp(grid, places, roots) ** 2
        axes.plot(grid, curve, color=colour(index), label=literal(one.name))
        axes.plot(places, one.excess, "o", color=colour(index), markersize=3)
        shown = one.excess <= _HIGHEST * THRESHOLD
        reach = max(reach, float(np.abs(places[shown]).max(initial=0.0)))
    axes.set_xlabel("distance from the best fit (standard errors)")
    axes.set_ylabel("chi-squared above its minimum")
    if not data.profiles:
        axes.text(0.5, 0.5, "every free number is left open", ha="center", transform=axes.transAxes)
        axes.set(xticks=[], yticks=[])
        return
    reach = min(max(reach, 2.5), 10.0)
    grid = np.linspace(-reach, reach, 101)
    axes.plot(grid, grid**2, ":", color="0.4", linewidth=1)
    axes.axhline(THRESHOLD, color="0.4", linestyle="--", linewidth=1)
    axes.set(ylim=(0, _HIGHEST * THRESHOLD), xlim=(-reach, reach))
    axes.legend(loc="upper center")

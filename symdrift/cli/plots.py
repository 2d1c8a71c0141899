"""Pictures of what ``symdrift evaluate`` computes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from symdrift.evaluation.overview import listed
from symdrift.figures.style import PLAIN, check_suffix, colour, drawing, save, short_names, turn
from symdrift.files import require_file
from symdrift.quoting import figure_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from symdrift.evaluation.sweep import Sweep, SweepPoint

_MOST_LEGEND_ENTRIES = 12
_LONGEST_LABEL = 60
_LEGEND_COLUMNS = ((4, 14), (2, 34), (1, math.inf))
"""Columns of a legend, and the longest name with which they fit below a panel."""
_LINE_STYLES: tuple[Literal["-", "--", ":", "-."], ...] = ("-", "--", ":", "-.")
_MARKERS = ".sv^D"
_MOST_UPRIGHT, _ROOM = 8, 45
"""Bars, and letters of all their names, that stand beside each other."""
_LOG_FROM = 20
"""Ratio of largest to smallest value from which an axis is logarithmic."""
_SAME = 1e-6
"""Relative difference below which two curves are one."""
_PANELS = (
    ("drift", "diffusion", "diffusion by plane (rad$^2$/step)", "plane"),
    ("stimuli", "decay_rate", "decay rate by stimulus (1/step)", "stimulus"),
)
_ROTATION = ("drift", "mean_rotation", "mean rotation by plane (rad/step)", "plane")
_NO_ROTATION = 1e-9
"""Mean rotation, relative to the root of the diffusion, that is rounding."""


def require_picture(path: Path) -> None:
    """Refuse a picture that cannot be drawn or written, before long work is done for it.

    Raises
    ------
    RequestError
        When the suffix names no supported format, or the file cannot be written.
    """
    check_suffix(path, "--plot")
    require_file(path, "--plot")


def plot(points: Sweep, path: Path) -> None:
    """Plot diffusion by plane, decay rate by stimulus and, where there is one, mean rotation.

    Parameters
    ----------
    points : Sweep
        Its first axis is the abscissa, each combination of the others a set of lines; none
        gives a bar chart.
    path : Path
        PNG, SVG or PDF, by suffix.

    Raises
    ------
    RequestError
        When the suffix is none of these, or the file cannot be written.
    """
    with drawing(PLAIN):
        save(_drawn(points), path, PLAIN, "--plot")


def _drawn(points: Sweep) -> Figure:
    shown = (*_PANELS, _ROTATION) if any(map(_rotates, points)) else _PANELS
    figure = Figure(figsize=(5 * len(shown), 4.8), layout="constrained")
    panels = figure.subplots(1, len(shown))
    for panel, (group, kind, label, what) in zip(panels, shown, strict=True):
        if not any(_selected(point, group, kind) for point in points):
            panel.text(0.5, 0.5, "nothing can drift", ha="center", transform=panel.transAxes)
            panel.set(xticks=[], yticks=[])
        elif points.axes:
            _lines(panel, points, group, kind)
            panel.set_xlabel(figure_text(points.axes[0].path))
        else:
            _bars(panel, points[0], group, kind)
            panel.set_xlabel(what)
        panel.set_ylabel(label)
    study = figure_text(points[0].evaluation.study)
    shown_errors = any(point.evaluation.next_order for point in points)
    figure.suptitle(
        f"{study}: drift of the hidden representation"
        + (", with its expected error" if shown_errors else "")
    )
    return figure


def _rotates(point: SweepPoint) -> bool:
    diffusion = _selected(point, *_PANELS[0][:2]).values()
    rotation = _selected(point, *_ROTATION[:2]).values()
    largest = math.sqrt(max(diffusion, default=0.0))
    return max(map(abs, rotation), default=0.0) > _NO_ROTATION * largest


def _lines(panel: Axes, points: Sweep, group: str, kind: str) -> None:
    """Draw curves: colours tell quantities apart, line styles the values of the other axes."""
    axes = points.axes
    found = list(dict.fromkeys(name for point in points for name in _selected(point, group, kind)))
    short = dict(zip(found, short_names(found), strict=True))
    groups: dict[str, list[SweepPoint]] = {}
    for point in points:
        others = ", ".join(f"{axis.path} = {point.swept[axis.path]:g}" for axis in axes[1:])
        groups.setdefault(others, []).append(point)
    colours: dict[str, str] = {}
    legend: list[Line2D] = []
    everything: list[float] = []
    for index, (others, members) in enumerate(groups.items()):
        style = _LINE_STYLES[index % len(_LINE_STYLES)]
        marker = _MARKERS[index // len(_LINE_STYLES) % len(_MARKERS)]
        for names, places, heights in _curves(members, axes[0].path, group, kind):
            label = ", ".join(short[name] for name in names)
            shade = colours.setdefault(label, colour(len(colours)))
            everything += heights
            panel.plot(places, heights, color=shade, linestyle=style, marker=marker, markersize=4)
            errors = {
                point.swept[axes[0].path]: _errors(point, group, kind).get(names[0])
                for point in members
            }
            if all(errors[place] is not None for place in places):
                spread = np.multiply(heights, [errors[place] or 0.0 for place in places])
                panel.fill_between(
                    places, heights - spread, heights + spread, color=shade, alpha=0.2, linewidth=0
                )
        if others:
            legend.append(
                Line2D(
                    [], [], color="0.4", linestyle=style, marker=marker, label=figure_text(others)
                )
            )
    names_first = [
        Line2D([], [], color=shade, label=figure_text(_fitting(label)))
        for label, shade in colours.items()
    ]
    _legend(panel, names_first + legend)
    if everything and 0 < _LOG_FROM * min(everything) < max(everything):
        panel.set_yscale("log")
    if axes[0].logarithmic:
        panel.set_xscale("log")
    elif all(value.is_integer() for value in axes[0].values):
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    panel.grid(alpha=0.3)


def _curves(
    points: Sequence[SweepPoint], path: str, group: str, kind: str
) -> list[tuple[list[str], list[float], list[float]]]:
    """Curves of the quantities, those that coincide as one: names, abscissae, heights."""
    by_name: dict[str, tuple[list[float], list[float]]] = {}
    for point in points:
        # A plane exists only where both of its directions are active.
        for name, height in _selected(point, group, kind).items():
            places, heights = by_name.setdefault(name, ([], []))
            places.append(point.swept[path])
            heights.append(height)
    curves: list[tuple[list[str], list[float], list[float]]] = []
    for name, (places, heights) in by_name.items():
        for names, other_places, other_heights in curves:
            if places == other_places and np.allclose(heights, other_heights, _SAME, atol=0):
                names.append(name)
                break
        else:
            curves.append(([name], places, heights))
    return curves


def _fitting(label: str) -> str:
    """As many of the names of curves that coincide as a row of the legend holds."""
    if len(label) <= _LONGEST_LABEL:
        return label
    return label[:_LONGEST_LABEL].rpartition(", ")[0] + ", …"


def _legend(panel: Axes, entries: list[Line2D]) -> None:
    """Put a legend below the panel, where it hides no data."""
    hidden = len(entries) - _MOST_LEGEND_ENTRIES
    longest = max(len(str(entry.get_label())) for entry in entries)
    panel.legend(
        handles=entries[:_MOST_LEGEND_ENTRIES],
        title=f"and {hidden} more" if hidden > 0 else None,
        loc="upper center",
        bbox_to_anchor=(0.5, -0.14),
        ncols=next(columns for columns, most in _LEGEND_COLUMNS if longest <= most),
        fontsize="small",
        frameon=False,
    )


def _bars(panel: Axes, point: SweepPoint, group: str, kind: str) -> None:
    row = _selected(point, group, kind)
    names = short_names(list(row))
    panel.bar(list(map(figure_text, names)), list(row.values()), color=colour(0))
    errors = _errors(point, group, kind)
    if errors:
        spread = [abs(height) * errors[label] for label, height in row.items()]
        panel.errorbar(range(len(row)), list(row.values()), spread, fmt="none", ecolor="black",
                       capsize=4)  # fmt: skip
    panel.grid(axis="y", alpha=0.3)
    turned = len(row) > _MOST_UPRIGHT or turn(names, _ROOM)
    panel.tick_params(axis="x", labelrotation=90 if turned else 0)


def _selected(point: SweepPoint, group: str, kind: str) -> dict[str, float]:
    return {
        each.label: float(each.value)
        for each in listed(point.evaluation)
        if (each.group, each.name) == (group, kind)
    }


def _errors(point: SweepPoint, group: str, kind: str) -> dict[str, float]:
    """Relative expected errors, where the next order in the learning rate is known."""
    if point.evaluation.next_order is None:
        return {}
    return {
        each.label: point.evaluation.expected_error(each.column)
        for each in listed(point.evaluation)
        if (each.group, each.name) == (group, kind)
    }

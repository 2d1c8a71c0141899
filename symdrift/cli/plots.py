"""Pictures of what ``symdrift evaluate`` computes."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from symdrift.evaluation.validity import towards_critical
from symdrift.figures.bands import draw_band
from symdrift.figures.phase_diagram import draw, has_phases
from symdrift.figures.style import PLAIN, check_suffix, colour, drawing, save, short_names, turn
from symdrift.files import require_file
from symdrift.quoting import figure_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from symdrift.evaluation.sweep import Sweep
    from symdrift.study.problem import Array

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
        Its first axis is the abscissa, each combination of the others a set of lines; two long
        axes give a phase diagram, none a bar chart.
    path : Path
        PNG, SVG or PDF, by suffix.

    Raises
    ------
    RequestError
        When the suffix is none of these, or the file cannot be written.
    """
    with drawing(PLAIN):
        save(draw(points) if has_phases(points) else _drawn(points), path, PLAIN, "--plot")


def _drawn(points: Sweep) -> Figure:
    shown = (*_PANELS, _ROTATION) if _rotates(points) else _PANELS
    figure = Figure(figsize=(5 * len(shown), 4.8), layout="constrained")
    panels = figure.subplots(1, len(shown))
    for panel, (group, kind, label, what) in zip(panels, shown, strict=True):
        if not _selected(points, group, kind):
            panel.text(0.5, 0.5, "nothing can drift", ha="center", transform=panel.transAxes)
            panel.set(xticks=[], yticks=[])
        elif points.axes:
            _lines(panel, points, group, kind)
            panel.set_xlabel(figure_text(points.axes[0].path))
        else:
            _bars(panel, points, group, kind)
            panel.set_xlabel(what)
        panel.set_ylabel(label)
    study = figure_text(points.request.study.name)
    figure.suptitle(f"{study}: drift of the hidden representation, with its expected error")
    return figure


def _rotates(points: Sweep) -> bool:
    """Whether some point has a mean rotation that is more than rounding."""
    diffusion, rotation = (
        list(_selected(points, *of[:2]).values()) for of in (_PANELS[0], _ROTATION)
    )
    if not diffusion:
        return False
    size = np.sqrt(np.fmax.reduce(diffusion))
    return bool(np.any(np.fmax.reduce(np.abs(rotation)) > _NO_ROTATION * size))


def _lines(panel: Axes, points: Sweep, group: str, kind: str) -> None:
    """Draw curves: colours tell quantities apart, line styles the values of the other axes."""
    first, others = points.axes[0], points.axes[1:]
    found = _selected(points, group, kind)
    errors = _errors(points, group, kind)
    short = dict(zip(found, short_names(list(found)), strict=True))
    colours: dict[str, str] = {}
    legend: list[Line2D] = []
    everything: list[float] = []
    grid = np.arange(len(points)).reshape(len(first.values), -1)
    for index, members in enumerate(grid.T):
        style = _LINE_STYLES[index % len(_LINE_STYLES)]
        marker = _MARKERS[index // len(_LINE_STYLES) % len(_MARKERS)]
        for names, there in _curves({name: found[name][members] for name in found}):
            label = ", ".join(short[name] for name in names)
            shade = colours.setdefault(label, colour(len(colours)))
            places, heights = np.array(first.values)[there], found[names[0]][members][there]
            everything += heights.tolist()
            panel.plot(places, heights, color=shade, linestyle=style, marker=marker, markersize=4)
            draw_band(panel, places, heights, errors[names[0]][members][there], shade)
        if others:
            swept = points.request.swept(int(members[0]))
            words = ", ".join(f"{axis.path} = {swept[axis.path]:g}" for axis in others)
            legend.append(
                Line2D(
                    [], [], color="0.4", linestyle=style, marker=marker, label=figure_text(words)
                )
            )
    names_first = [
        Line2D([], [], color=shade, label=figure_text(_fitting(label)))
        for label, shade in colours.items()
    ]
    _legend(panel, names_first + legend)
    if everything and 0 < _LOG_FROM * min(everything) < max(everything):
        panel.set_yscale("log")
    if first.logarithmic:
        panel.set_xscale("log")
    elif all(value.is_integer() for value in first.values):
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    panel.grid(alpha=0.3)


def _curves(found: dict[str, Array]) -> list[tuple[list[str], NDArray[np.bool_]]]:
    """Quantities by name, those that coincide as one, and where along the axis they exist."""
    curves: list[tuple[list[str], NDArray[np.bool_]]] = []
    for name, heights in found.items():
        # A plane exists only where both of its directions are active.
        there = ~np.isnan(heights)
        for names, others in curves:
            if np.array_equal(there, others) and np.allclose(
                heights[there], found[names[0]][there], _SAME, atol=0
            ):
                names.append(name)
                break
        else:
            if there.any():
                curves.append(([name], there))
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


def _bars(panel: Axes, points: Sweep, group: str, kind: str) -> None:
    row = {label: float(values[0]) for label, values in _selected(points, group, kind).items()}
    names = short_names(list(row))
    panel.bar(list(map(figure_text, names)), list(row.values()), color=colour(0))
    errors = _errors(points, group, kind)
    spread = [abs(height) * float(errors[label][0]) for label, height in row.items()]
    panel.errorbar(range(len(row)), list(row.values()), spread, fmt="none", ecolor="black",
                   capsize=4)  # fmt: skip
    panel.grid(axis="y", alpha=0.3)
    turned = len(row) > _MOST_UPRIGHT or turn(names, _ROOM)
    panel.tick_params(axis="x", labelrotation=90 if turned else 0)


def _selected(points: Sweep, group: str, kind: str) -> dict[str, Array]:
    """Numbers of one kind by label, of every point; NaN where a point has none."""
    columns = points.numbers.columns
    return {
        each.label: columns[each]
        for each in points.numbers.ordered
        if (each.group, each.name) == (group, kind)
    }


def _errors(points: Sweep, group: str, kind: str) -> dict[str, Array]:
    """Relative expected errors by label, as those of a single evaluation.

    By the next order in the learning rate where a point has it, else by its validity.
    """
    corrections = _selected(points, f"next_order.{group}", kind)
    size, unknown = np.zeros(len(points)), np.full(len(points), np.nan)
    known = np.zeros(len(points), dtype=bool)
    for each, values in points.numbers.columns.items():
        if each.group.startswith("next_order"):
            known |= ~np.isnan(values)
    rough, ratio = (
        _selected(points, "validity", name).get("", unknown)
        for name in ("expected_error", "rate_over_critical")
    )
    rates = np.array(points.numbers.settings["learning_rate"], dtype=float)

    def error(label: str) -> Array:
        # What is zero has no correction, and no error.
        change = rates * np.abs(np.nan_to_num(corrections.get(label, size)))
        with np.errstate(invalid="ignore"):  # Where a point is a gap.
            later = np.vectorize(towards_critical, otypes=[float])(change, ratio)
        return np.asarray(np.where(known, change + later, rough))

    return {label: error(label) for label in _selected(points, group, kind)}

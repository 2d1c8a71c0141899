"""Pictures of what ``symdrift evaluate`` computes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from symdrift.evaluation.sweep_request import place_of
from symdrift.evaluation.validity import towards_critical
from symdrift.figures.bands import draw_band
from symdrift.figures.phase_diagram import draw, has_phases
from symdrift.figures.style import (
    COLOURS,
    PLAIN,
    check_suffix,
    colour,
    drawing,
    save,
    short_names,
    turn,
)
from symdrift.figures.sweep_sections import Sections, left_out, sections, spread
from symdrift.files import require_file
from symdrift.quoting import figure_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from symdrift.evaluation.sweep import Sweep
    from symdrift.study.problem import Array

_MOST_CURVES, _MOST_VALUES = 12, 8
"""Curves of one panel, about, and values of the second axis among them."""
_LONGEST_LABEL = 60
_LEGEND_COLUMNS = ((3, 16), (2, 34), (1, math.inf))
"""Columns of a legend, and the longest name with which they fit below a panel."""
_LINE_STYLES = ("-", "--", ":", "-.")
_MARKERS = ".sv^D"
_MOST_BARS = 45
"""Of one panel: the planes of ten axes."""
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
        Its first axis is the abscissa, values of the second are lines; where both are long they
        span a phase diagram.  Values of further axes have panels; no axis gives a bar chart.
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
    parts, lines = sections(points), len(points) > 1
    count = len(parts.labels)
    figure = Figure(figsize=(5 * len(shown), 1.4 + 3.4 * count), layout="constrained")
    panels = figure.subplots(count, len(shown), squeeze=False, sharex=lines, sharey="col")
    for column, (group, kind, label, what) in zip(panels.T, shown, strict=True):
        column[-1].set_xlabel(figure_text(parts.axes[0].path) if lines else what)
        for panel in column:
            panel.set_ylabel(label)
        if not _selected(points, group, kind):
            for panel in column:
                panel.text(0.5, 0.5, "nothing can drift", ha="center", transform=panel.transAxes)
                panel.tick_params(left=False, labelleft=False, which="both")
        elif lines:
            _lines(column, points, parts, group, kind)
        else:
            _bars(column[0], points, group, kind)
    study = points.request.study.name
    notes = [f"{study}: drift of the hidden representation, with its expected error"]
    notes.append(parts.left_out if lines else place_of(points.request.swept(0)))
    if any(points.numbers.refused):
        notes.append("gaps are refused points, whose reasons are printed")
    figure.suptitle("\n".join(figure_text(note) for note in notes if note))
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


def _lines(column: Sequence[Axes], points: Sweep, parts: Sections, group: str, kind: str) -> None:
    """Draw few curves at few values of the second axis, a panel for each section.

    Of the two, colours tell the more numerous apart, line styles the other.  A point that is
    refused is a gap.  Where the axis is logarithmic, what is zero stands at its lower end.
    """
    first, second = parts.axes[0], parts.axes[1:]
    found = _selected(points, group, kind)
    curves = _curves(found)
    few = [curves[place] for place in spread(len(curves), _MOST_CURVES)]
    everything = np.array([found[names[0]] for names in few])
    # Values of the second axis at which all is refused have no curve.
    there = np.flatnonzero(np.isfinite(everything[:, parts.places]).any(axis=(0, 1, 2)))
    most = min(max(_MOST_CURVES // len(few), 2), _MOST_VALUES)
    values = there[spread(len(there), most)].tolist()
    errors = _errors(points, group, kind, [names[0] for names in few])
    logarithmic = _spans_decades(everything)
    look = partial(_look, curves=len(few), values=len(values))
    places = np.array(first.values)
    for panel, label, members in zip(column, parts.labels, parts.places, strict=True):
        panel.set_title(figure_text(label), fontsize="medium")
        for (row, (name, *_)), (step, value) in product(enumerate(few), enumerate(values)):
            style, heights = look(row, step), found[name][members[:, value]]
            zero = (heights == 0) & logarithmic
            line = np.where(zero, np.nan, heights)
            panel.plot(places, line, **style)
            draw_band(panel, places, line, errors[name][members[:, value]], style["color"])
            if zero.any():
                panel.plot(
                    places[zero], np.zeros(zero.sum()), "v", color=style["color"],
                    transform=panel.get_xaxis_transform(), clip_on=False, in_layout=False,
                )  # fmt: skip
        # Gaps at the ends of the axis are seen too.
        panel.dataLim.update_from_data_x(places, ignore=False)
        panel.set(
            xscale="log" if first.logarithmic else "linear",
            yscale="log" if logarithmic else "linear",
        )
        if not first.logarithmic and all(value.is_integer() for value in first.values):
            panel.xaxis.set_major_locator(MaxNLocator(integer=True))
        panel.grid(alpha=0.3)
    short = dict(zip(found, short_names(list(found)), strict=True))
    names = [_fitting(", ".join(short[name] for name in together)) for together in few]
    entries = [(name, look(row, None)) for row, name in enumerate(names)]
    for axis in second:
        entries += [
            (f"{axis.path} = {axis.values[value]:g}", look(None, step))
            for step, value in enumerate(values)
        ]
    if logarithmic and (everything == 0).any():
        entries.append(("no drift", {"color": "0.4", "marker": "v", "linestyle": "none"}))
    some = [left_out(second, [values] * len(second))]
    if len(few) < len(curves):
        some.append(f"{len(few)} of {len(curves)} curves")
    _legend(column[-1], entries, ", ".join(filter(None, some)))


def _spans_decades(numbers: Array) -> bool:
    """Whether an axis is logarithmic, by what drifts."""
    positive = numbers[numbers > 0]
    return (
        not (numbers < 0).any()
        and positive.size > 0
        and bool(positive.max() > _LOG_FROM * positive.min())
    )


def _look(curve: int | None, value: int | None, *, curves: int, values: int) -> dict[str, Any]:
    """How a curve is drawn at a value of the second axis; with None, what does not depend on it."""
    style: dict[str, Any] = {"marker": ".", "markersize": 4, "color": "0.4"}
    if 1 < values >= curves:
        style["linestyle"] = _LINE_STYLES[curve or 0]
        if value is not None:
            style["color"] = to_hex(colormaps["viridis"](0.9 * value / (values - 1)))
        return style
    style["linestyle"] = _LINE_STYLES[value or 0]
    if curve is not None:
        style |= {"color": colour(curve), "marker": _MARKERS[curve // len(COLOURS)]}
    return style


def _curves(found: Mapping[str, Array]) -> list[list[str]]:
    """Quantities by name, those that coincide everywhere as one."""
    curves: list[list[str]] = []
    for name, heights in found.items():
        for names in curves:
            if np.allclose(heights, found[names[0]], _SAME, atol=0, equal_nan=True):
                names.append(name)
                break
        else:
            curves.append([name])
    return curves


def _fitting(label: str) -> str:
    """As many of the names of curves that coincide as a row of the legend holds."""
    if len(label) <= _LONGEST_LABEL:
        return label
    return label[:_LONGEST_LABEL].rpartition(", ")[0] + ", …"


def _legend(panel: Axes, entries: Sequence[tuple[str, Mapping[str, Any]]], title: str) -> None:
    """Put a legend below the panel, where it hides no data."""
    longest = max(len(label) for label, _ in entries)
    panel.legend(
        handles=[Line2D([], [], label=figure_text(label), **style) for label, style in entries],
        title=figure_text(title) or None,
        loc="upper center",
        bbox_to_anchor=(0.5, -0.14),
        ncols=next(columns for columns, most in _LEGEND_COLUMNS if longest <= most),
        fontsize="small",
        frameon=False,
    )


def _bars(panel: Axes, points: Sweep, group: str, kind: str) -> None:
    found = _selected(points, group, kind)
    labels = list(found)
    row = {labels[at]: float(found[labels[at]][0]) for at in spread(len(labels), _MOST_BARS)}
    if len(row) < len(found):
        panel.set_xlabel(f"{panel.get_xlabel()} ({len(row)} of {len(found):,})")
    names = short_names(list(row))
    panel.bar(list(map(figure_text, names)), list(row.values()), color=colour(0))
    errors = _errors(points, group, kind, list(row))
    spreads = [abs(height) * float(errors[label][0]) for label, height in row.items()]
    panel.errorbar(range(len(row)), list(row.values()), spreads, fmt="none", ecolor="black",
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


def _errors(points: Sweep, group: str, kind: str, labels: Sequence[str]) -> dict[str, Array]:
    """Relative expected errors of some numbers by label, as those of a single evaluation.

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

    return {label: error(label) for label in labels}

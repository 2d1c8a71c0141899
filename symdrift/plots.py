"""Pictures of what ``symdrift evaluate`` computes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from symdrift.errors import RequestError
from symdrift.files import replacing
from symdrift.tables import quantities

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from symdrift.sweeps import Axis, SweepPoint

SUFFIXES = (".png", ".svg", ".pdf")
_MOST_LEGEND_ENTRIES = 12
# Okabe and Ito: distinguishable with every kind of colour vision.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_LINE_STYLES = ("-", "--", ":", "-.")
_PANELS = (
    ("drift.diffusion.", "", "diffusion of the plane (rad$^2$/step)", "plane"),
    ("stimuli.", ".decay_rate", "decay rate of the stimulus (1/step)", "stimulus"),
)


def check_suffix(path: Path) -> None:
    """Refuse a file name whose suffix names no supported picture format.

    Raises
    ------
    RequestError
    """
    if path.suffix.lower() not in SUFFIXES:
        raise RequestError("--plot", f'= "{path}" must end in {", ".join(SUFFIXES)}')


def plot(points: Sequence[SweepPoint], axes: Sequence[Axis], path: Path) -> None:
    """Plot diffusion by plane and decay rate by stimulus.

    Parameters
    ----------
    points : sequence of SweepPoint
    axes : sequence of Axis
        The first is the abscissa, each combination of the others a set of lines; none
        gives a bar chart.
    path : Path
        PNG, SVG or PDF, by suffix.

    Raises
    ------
    RequestError
        When the suffix is none of these, or the file cannot be written.
    """
    from matplotlib.figure import Figure

    check_suffix(path)
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    for panel, (prefix, suffix, label, what) in zip(figure.subplots(1, 2), _PANELS, strict=True):
        if axes:
            _lines(panel, points, axes, prefix, suffix, what)
            panel.set_xlabel(_literal(axes[0].path))
            if axes[0].logarithmic:
                panel.set_xscale("log")
        else:
            _bars(panel, points[0], prefix, suffix)
            panel.set_xlabel(what)
        panel.set_ylabel(label)
    study = _literal(points[0].evaluation.study)
    figure.suptitle(f"{study}: drift of the hidden representation")
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=150)


def _lines(
    panel: Axes,
    points: Sequence[SweepPoint],
    axes: Sequence[Axis],
    prefix: str,
    suffix: str,
    what: str,
) -> None:
    groups: dict[str, list[SweepPoint]] = {}
    for point in points:
        others = ", ".join(f"{axis.path} = {point.swept[axis.path]:g}" for axis in axes[1:])
        groups.setdefault(others, []).append(point)
    positive = True
    for style, (others, members) in enumerate(groups.items()):
        rows = [_selected(point, prefix, suffix) for point in members]
        names = list(dict.fromkeys(name for row in rows for name in row))
        for colour, name in enumerate(names):
            # A plane exists only where both of its directions are active.
            there = [index for index, row in enumerate(rows) if name in row]
            heights = [rows[index][name] for index in there]
            positive = positive and min(heights) > 0
            panel.plot(
                [members[index].swept[axes[0].path] for index in there],
                heights,
                color=_COLOURS[colour % len(_COLOURS)],
                linestyle=_LINE_STYLES[style % len(_LINE_STYLES)],
                marker="." if len(members) <= 40 else "",
                label=_literal(f"{what} {name}" + (f", {others}" if others else "")),
            )
    lines = panel.get_lines()
    if lines and positive:
        panel.set_yscale("log")
    if lines:
        panel.legend(handles=lines[:_MOST_LEGEND_ENTRIES], fontsize="small", frameon=False)
    panel.grid(alpha=0.3)


def _bars(panel: Axes, point: SweepPoint, prefix: str, suffix: str) -> None:
    row = _selected(point, prefix, suffix)
    panel.bar([_literal(name) for name in row], list(row.values()), color=_COLOURS[0])
    panel.grid(axis="y", alpha=0.3)
    panel.tick_params(axis="x", labelrotation=90 if len(row) > 8 else 0)


def _literal(text: str) -> str:
    """Text that Matplotlib prints as it is: dollar signs start no mathematics."""
    return text.replace("$", r"\$")


def _selected(point: SweepPoint, prefix: str, suffix: str) -> dict[str, float]:
    return {
        name.removeprefix(prefix).removesuffix(suffix): float(value)
        for name, value in quantities(point.evaluation).items()
        if name.startswith(prefix) and name.endswith(suffix)
    }

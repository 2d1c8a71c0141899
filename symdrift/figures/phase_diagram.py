"""Phase diagrams of sweeps over two axes: how fast a stimulus drifts, and which drifts faster."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.path import Path
from matplotlib.ticker import Locator, LogFormatter, LogLocator, MaxNLocator
from matplotlib.transforms import Affine2D, Bbox, BboxTransformTo

from symdrift.figures.style import POINTS_PER_INCH, short_names
from symdrift.figures.sweep_sections import sections
from symdrift.quoting import figure_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.collections import QuadMesh
    from matplotlib.contour import ContourSet
    from matplotlib.transforms import BboxBase
    from numpy.typing import NDArray

    from symdrift.evaluation.sweep import Sweep
    from symdrift.evaluation.sweep_axes import Axis as SweptAxis
    from symdrift.study.problem import Array

FEWEST = 8
"""Values along each of two axes from which contours say more than lines."""

_TOLD_APART = 0.9
"""Share of the ratios of two decay rates that colours tell apart."""

_LEAST = 1.01
"""Ratio of the ends of a colour bar, at least."""

_SAME = 1e-9
"""Distance from 1 of a ratio that is rounding."""

_GAP = "0.75"

_HATCHES = {
    "...": ("none", "leading order is rough"),
    "///": (_GAP, "refused (reasons are printed)"),
}
"""What is below a hatch, and what it means."""

_LIGHT = 0.45
"""Luminance above which dark letters are read more easily than light ones."""

_SIZE, _LETTER, _CANDIDATES = 7.0, 0.62, 24
"""Of labels of contours: points, width of a letter over height, places that are tried."""

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


class _Powers(LogFormatter):
    """Short labels, with powers of ten in raised letters.

    Matplotlib's mathematics would take a fifth of the drawing. Which places have a label is said
    by the base class.
    """

    def __call__(self, x: float, pos: int | None = None) -> str:
        """Label of a place."""
        return _power(x) if super().__call__(x, pos) else ""


def has_phases(sweep: Sweep) -> bool:
    """Whether the first two axes of a sweep are long, and a stimulus drifts."""
    lengths = [len(set(axis.values)) for axis in sections(sweep).axes]
    return len(lengths) == 2 and min(lengths) >= FEWEST and bool(_rates(sweep))


def draw(sweep: Sweep) -> Figure:
    """Decay rate of the first stimulus and, where another is followed, over that of the last one.

    The line of equal rates is where the order of the two changes.  Every contour is a line of the
    colour bar too, and has a label where there is room.  Grey is where nothing drifts, hatched
    where the theory has no number; where a warning applies numbers of leading order are rough, and
    the panels are dotted.  Values of further axes have panels below each other.
    """
    rates = _rates(sweep)
    first, *others = rates
    names = dict(zip(rates, map(figure_text, short_names(list(rates))), strict=True))
    shown = {f"decay rate of {names[first]} (1/step)": rates[first]}
    if others:
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = rates[first] / rates[others[-1]]
        title = f"decay rate of {names[first]} over that of {names[others[-1]]}"
        shown[title] = np.where(np.abs(ratio - 1) < _SAME, 1.0, ratio)
    parts = sections(sweep)
    count = len(parts.labels)
    size = (5.4 + 5.2 * bool(others), 4.8 * count)
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(count, len(shown), squeeze=False)
    contours: list[tuple[ContourSet, QuadMesh]] = []
    for index, (title, values) in enumerate(shown.items()):
        drift = np.where((values > 0) & np.isfinite(values), values, np.nan)
        norm = _norm(drift[parts.places], around_one=index > 0)
        for panel, label, places in zip(panels[:, index], parts.labels, parts.places, strict=True):
            panel.set_title(figure_text(label), fontsize="medium")
            x, y = _grid(panel, parts.axes)
            if norm is not None:
                cells = drift[places].T
                contours += _coloured(panel, x, y, cells, norm, title, around_one=index > 0)
            for pattern, where in _hatched(sweep, drift, places).items():
                edges = _to_ends(x, panel.get_xlim()), _to_ends(y, panel.get_ylim())
                cells = np.pad(where.T, 1, "edge")
                panel.contourf(*edges, cells, [0.5, 1.5], colors="none", hatches=[pattern])
    _legend(figure, sweep, parts.places, [lines for lines, _ in contours])
    study, some = sweep.request.study.name, parts.left_out
    figure.suptitle(
        figure_text(f"{study}: drift of the hidden representation" + (some and f" at {some}"))
    )
    # Where labels fit is known once the panels have their places.
    engine = figure.get_layout_engine()
    assert engine is not None
    engine.execute(figure)
    for lines, image in contours:
        _label(lines, image)
    return figure


def _rates(sweep: Sweep) -> dict[str, Array]:
    """Decay rates of all points by stimulus, of those that drift somewhere."""
    return {
        each.label: values
        for each, values in sweep.numbers.columns.items()
        if (each.group, each.name) == ("stimuli", "decay_rate") and (values > 0).any()
    }


def _grid(panel: Axes, axes: Sequence[SweptAxis]) -> tuple[Array, Array]:
    """Prepare a panel over two axes; their values are returned."""
    panel.set_facecolor(_GAP)
    for axis, name in zip(axes, "xy", strict=True):
        getattr(panel, f"set_{name}label")(figure_text(axis.path))
        if axis.logarithmic:
            getattr(panel, f"set_{name}scale")("log")
            _label_powers(getattr(panel, f"{name}axis"))
    x, y = (np.array(axis.values) for axis in axes)
    return x, y


def _to_ends(values: Array, limits: tuple[float, float]) -> Array:
    """Values, and the ends of their axis."""
    low, high = limits if values[0] < values[-1] else limits[::-1]
    return np.array([low, *values, high])


def _coloured(
    panel: Axes, x: Array, y: Array, cells: Array, norm: LogNorm, title: str, *, around_one: bool
) -> list[tuple[ContourSet, QuadMesh]]:
    """Draw numbers in colours, with a bar; their contours, if there are any, are returned."""
    image = panel.pcolormesh(
        x, y, cells, norm=norm, cmap="RdBu_r" if around_one else "viridis", shading="nearest",
        rasterized=True,
    )  # fmt: skip
    bar = panel.figure.colorbar(image, ax=panel, extend="both" if around_one else "neither")
    bar.set_label(title)
    levels = _levels(norm)
    bar.set_ticks(levels, labels=[_power(level) for level in levels], minor=False)
    bar.minorticks_off()
    levels = [level for level in levels if (cells < level).any() and (cells > level).any()]
    if not levels:
        return []
    equal = [around_one and np.isclose(level, 1, rtol=_SAME) for level in levels]
    found = map(_ink, image.to_rgba(np.array(levels)))
    inks = ["black" if each else ink for each, ink in zip(equal, found, strict=True)]
    widths = [2.0 if each else 0.6 for each in equal]
    # Between points, rates are nearer to powers of the parameters than to straight lines.
    lines = panel.contour(
        x, y, np.log(cells), np.log(levels), colors=inks, linewidths=widths, linestyles="solid"
    )
    bar.add_lines(levels, inks, widths)
    return [(lines, image)]


def _levels(norm: LogNorm) -> list[float]:
    """Round numbers along a colour bar, one of them 1 where 1 is its middle."""
    low, high = norm.vmin, norm.vmax
    assert low is not None and high is not None
    places = _round_places(norm).tick_values(low, high)
    return [float(place) for place in places if low <= place <= high]


def _round_places(norm: LogNorm) -> Locator:
    """Round numbers about equally spaced, above a decade in their logarithm."""
    assert norm.vmin is not None and norm.vmax is not None
    span = norm.vmax / norm.vmin
    if span < 9:
        return MaxNLocator(7, steps=[1, 2, 5, 10])
    return LogLocator(subs=(1.0, 2.0, 5.0) if span < 900 else (1.0,))


def _norm(drift: Array, *, around_one: bool) -> LogNorm | None:
    """Colours, logarithmic; None where nothing drifts."""
    there = drift[np.isfinite(drift)]
    if not len(there):
        return None
    if around_one:
        # A few extreme ratios, near a threshold, would leave no colours to the others.
        most = float(np.quantile(np.exp(np.abs(np.log(there))), _TOLD_APART))
        return LogNorm(1 / max(most, _LEAST), max(most, _LEAST))
    low, high = float(there.min()), float(there.max())
    return LogNorm(low, max(high, _LEAST * low))


def _ink(colour: Array) -> str:
    """Dark on a light colour, light on a dark one."""
    luminance = np.dot(colour[:3], (0.2126, 0.7152, 0.0722))
    return "0.1" if luminance > _LIGHT else "0.95"


def _label(lines: ContourSet, image: QuadMesh) -> None:
    """Label contours, but that of equal rates, where a label is clear of all else."""
    panel = image.axes
    assert panel is not None and panel.figure is not None
    paths = [path.transformed(panel.transData) for path in lines.get_paths()]
    names = {level: _power(np.exp(level)) for level in lines.levels}
    height = _SIZE * panel.figure.dpi / POINTS_PER_INCH
    within = panel.bbox.padded(-height / 2)
    places: list[tuple[float, float]] = []
    taken: list[Path] = []
    for own, (level, name) in zip(paths, names.items(), strict=True):
        if abs(level) < _SAME:
            continue
        others = [*taken, *(path for path in paths if path is not own)]
        label = Bbox.from_bounds(0, 0, _LETTER * len(name) * height, height)
        label = label.translated(-label.width / 2, -label.height / 2)
        for turn in _along(own, label.width, panel.bbox):
            if _clear(label, turn, own, others, within):
                back = turn.inverted()
                x, y = (back + panel.transData.inverted()).transform((0, 0))
                places.append((x, y))
                taken.append(Path.unit_rectangle().transformed(BboxTransformTo(label) + back))
                break
    values = {name: np.exp(level) for level, name in names.items()}
    for text in lines.clabel(fmt=names, fontsize=_SIZE, manual=places):
        # Hides the dots below, in the colour that is there.
        colour = image.to_rgba(values[text.get_text()])
        text.set_bbox({"facecolor": colour, "edgecolor": "none", "pad": 1})


def _along(path: Path, length: float, bounds: BboxBase) -> list[Affine2D]:
    """What brings places along a path, with the path there, to the origin and the abscissa.

    The nearest to the middle of the bounds first; a length about each place is on the path.
    """
    found: list[tuple[float, float, float, float]] = []
    centre = bounds.get_points().mean(axis=0)
    for piece in map(np.asarray, path.to_polygons(closed_only=False)):
        along = np.append(0, np.hypot(*np.diff(piece, axis=0).T).cumsum())
        if along[-1] <= length:
            continue
        at = np.linspace(length / 2, along[-1] - length / 2, _CANDIDATES)
        start, middle, end = (
            np.transpose([np.interp(at + shift, along, each) for each in piece.T])
            for shift in (-length / 2, 0, length / 2)
        )
        angles = np.arctan2(*(end - start).T[::-1])
        apart = np.linalg.norm(middle - centre, axis=1)
        found += zip(apart, angles, *middle.T, strict=True)
    return [
        Affine2D().translate(-x, -y).rotate(-angle)
        for _, angle, x, y in sorted(found)[:_CANDIDATES]
    ]


def _clear(
    label: Bbox, turn: Affine2D, own: Path, others: Sequence[Path], bounds: BboxBase
) -> bool:
    """Whether a label is within bounds, and crossed by no line but its own, from end to end."""
    around = label.transformed(turn.inverted())
    if not (bounds.contains(*around.min) and bounds.contains(*around.max)):
        return False
    straight = own.transformed(turn)
    for side in (-0.85, 0.85):
        if straight.intersects_bbox(label.translated(0, side * label.height), filled=False):
            return False
    room = label.padded(label.height / 4)
    return not any(path.transformed(turn).intersects_bbox(room, filled=False) for path in others)


def _power(value: float) -> str:
    """A positive number, by its power of ten where it has many places."""
    if 1e-3 <= value < 1e4:
        return f"{value:g}"
    factor, exponent = f"{value:.5e}".split("e")
    power = f"10{str(int(exponent)).translate(_RAISED)}"
    return power if float(factor) == 1 else f"{float(factor):g}×{power}"


def _label_powers(axis: Axis) -> None:
    """Label a logarithmic axis."""
    axis.set_major_formatter(_Powers())
    axis.set_minor_formatter(_Powers())


def _hatched(sweep: Sweep, drift: Array, places: NDArray[np.int_]) -> dict[str, NDArray[np.bool_]]:
    """Where something is hatched, if it is anywhere at some places, by its pattern."""
    warned, refused = (
        np.array(each, bool) for each in (sweep.numbers.warned, sweep.numbers.refused)
    )
    found = {"...": (warned & np.isfinite(drift))[places], "///": refused[places]}
    return {pattern: where for pattern, where in found.items() if where.any()}


def _legend(
    figure: Figure, sweep: Sweep, places: NDArray[np.int_], contours: Sequence[ContourSet]
) -> None:
    """What line, hatches and grey mean, where there are any."""
    entries: list[Line2D | Patch] = []
    rates = np.array(list(_rates(sweep).values()))
    if any(abs(level) < _SAME for lines in contours for level in lines.levels):
        entries.append(Line2D([], [], color="black", linewidth=2, label="both drift alike"))
    entries += [
        Patch(facecolor=_HATCHES[pattern][0], hatch=pattern, label=_HATCHES[pattern][1])
        for pattern in _hatched(sweep, np.where(rates[0] > 0, 0, np.nan), places)
    ]
    if (rates[[0, -1]][:, places] == 0).any():
        entries.append(Patch(facecolor=_GAP, label="no drift"))
    if entries:
        figure.legend(handles=entries, loc="outside lower center", ncols=4, frameon=False)

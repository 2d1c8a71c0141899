"""Phase diagrams of sweeps over two axes: how fast a stimulus drifts, and which drifts faster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import (
    FormatStrFormatter,
    Locator,
    LogFormatter,
    LogLocator,
    MaxNLocator,
)

from symdrift.figures.style import short_names
from symdrift.quoting import figure_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.contour import ContourSet

    from symdrift.evaluation.sweep import Sweep
    from symdrift.study.problem import Array

FEWEST = 8
"""Values along each of two axes from which contours say more than lines."""

_TOLD_APART = 0.9
"""Share of the ratios of two decay rates that colours tell apart."""

_RATIOS = (0.1, 0.2, 0.5, 0.8, 0.9, 1.1, 1.25, 2.0, 5.0, 10.0)
"""Contours beside that of equal rates."""

_GAP = "0.75"

_LIGHT = 0.45
"""Luminance above which dark letters are read more easily than light ones."""

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
    """Whether a sweep is over two axes, both of them long, and follows a stimulus."""
    shape = sweep.request.shape
    return len(shape) == 2 and min(shape) >= FEWEST and bool(_rates(sweep))


def draw(sweep: Sweep) -> Figure:
    """Decay rate of the first stimulus and, where another is followed, over that of the last one.

    The line of equal rates is where the order of the two changes.  Grey is where nothing drifts or
    the theory has no number; where a warning applies numbers of leading order are rough, and the
    panels are dotted.
    """
    rates = _rates(sweep)
    first, *others = rates
    names = dict(zip(rates, short_names(list(rates)), strict=True))
    figure = Figure(figsize=(5.4 + 5.2 * bool(others), 4.8), layout="constrained")
    panels = figure.subplots(1, 1 + bool(others), squeeze=False)[0]
    _panel(panels[0], sweep, rates[first], f"decay rate of {figure_text(names[first])} (1/step)")
    if others:
        last = others[-1]
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = rates[first] / rates[last]
        title = f"decay rate of {figure_text(names[first])} over that of {figure_text(names[last])}"
        _panel(panels[1], sweep, ratio, title, around_one=True)
    _legend(figure, sweep, bool(others))
    figure.suptitle(f"{figure_text(sweep.request.study.name)}: drift of the hidden representation")
    return figure


def _rates(sweep: Sweep) -> dict[str, Array]:
    """Decay rates by stimulus over the grid, the first axis along the abscissa."""
    return {
        each.label: values.reshape(sweep.request.shape).T
        for each, values in sweep.numbers.columns.items()
        if (each.group, each.name) == ("stimuli", "decay_rate")
    }


def _panel(
    panel: Axes, sweep: Sweep, values: Array, title: str, *, around_one: bool = False
) -> None:
    x, y = (np.array(axis.values) for axis in sweep.axes)
    shown = np.where(values > 0, values, np.nan)
    panel.set_facecolor(_GAP)
    for axis, name in zip(sweep.axes, "xy", strict=True):
        getattr(panel, f"set_{name}label")(figure_text(axis.path))
        if axis.logarithmic:
            getattr(panel, f"set_{name}scale")("log")
            _label_powers(getattr(panel, f"{name}axis"))
    norm, ticks = _norm(shown, around_one)
    if norm is not None:
        image = panel.pcolormesh(
            x, y, shown, norm=norm, cmap="RdBu_r" if around_one else "viridis",
            shading="nearest", rasterized=True,
        )  # fmt: skip
        bar = panel.figure.colorbar(image, ax=panel, extend="both" if around_one else "neither")
        bar.set_label(title)
        if around_one:
            bar.locator = _round_ratios(norm)
            bar.formatter = FormatStrFormatter("%g")
            bar.minorticks_off()
        else:
            _label_powers(bar.ax.yaxis)
        levels = [level for level in ticks if np.nanmin(shown) < level < np.nanmax(shown)]
        if levels:
            inks = [_ink(image.cmap(norm(level))) for level in levels]
            lines = panel.contour(x, y, shown, levels, colors=inks, linewidths=0.6)
            panel.clabel(lines, fmt=_level, fontsize="x-small", manual=_places(panel, lines))
        if around_one and np.nanmin(shown) < 1 < np.nanmax(shown):
            panel.contour(x, y, shown, [1.0], colors="black", linewidths=2)
    rough = _rough(sweep) & np.isfinite(shown)
    if rough.any():
        panel.contourf(x, y, rough.astype(float), [0.5, 1.5], colors="none", hatches=["..."])


def _ink(colour: tuple[float, float, float, float]) -> str:
    """Dark on a light colour, light on a dark one."""
    luminance = np.dot(colour[:3], (0.2126, 0.7152, 0.0722))
    return "0.1" if luminance > _LIGHT else "0.95"


def _places(panel: Axes, lines: ContourSet) -> list[tuple[float, float]]:
    """Where labels are not cut off: of each contour the point nearest to the middle of a panel."""
    within = panel.transScale + panel.transLimits
    places = []
    for points in (np.asarray(path.vertices, dtype=float) for path in lines.get_paths()):
        if len(points):
            apart = np.linalg.norm(within.transform(points) - 0.5, axis=1)
            x, y = points[np.argmin(apart)]
            places.append((x, y))
    return places


def _norm(shown: Array, around_one: bool) -> tuple[Normalize | None, Any]:
    """Colours, logarithmic, and levels of contours."""
    if np.isnan(shown).all():
        return None, ()
    low, high = float(np.nanmin(shown)), float(np.nanmax(shown))
    if around_one:
        sizes = np.exp(np.abs(np.log(shown[np.isfinite(shown)])))
        # A few extreme ratios, near a threshold, would leave no colours to the others.
        most = max(float(np.quantile(sizes, _TOLD_APART)), 1.01)
        return LogNorm(1 / most, most), _RATIOS
    return LogNorm(low, high if high > low else 2 * low), _levels(low, high)


def _levels(low: float, high: float) -> Any:
    """Round numbers between two, about equally spaced in their logarithm."""
    if high < 20 * low:
        return [level for level in MaxNLocator(7).tick_values(low, high) if level > 0]
    return LogLocator(subs=(1.0,)).tick_values(low, high)


def _round_ratios(norm: Normalize) -> Locator:
    """Places of labels, one of them at equal rates, where colours cover less than a decade too."""
    most = norm.vmax
    assert most is not None
    if most < 2:
        return MaxNLocator(7, steps=[1, 2, 5, 10])
    return LogLocator(subs=(1.0, 2.0, 5.0) if most < 30 else (1.0,))


def _level(value: float) -> str:
    """A level as a label."""
    return f"{value:.3g}" if 1e-3 <= value < 1e4 else _power(value)


def _power(value: float) -> str:
    """A positive number, by its power of ten where it has many places."""
    if 1e-3 <= value < 1e4:
        return f"{value:g}"
    factor, exponent = f"{value:.2e}".split("e")
    power = f"10{str(int(exponent)).translate(_RAISED)}"
    return power if float(factor) == 1 else f"{float(factor):g}×{power}"


def _label_powers(axis: Axis) -> None:
    """Label a logarithmic axis."""
    axis.set_major_formatter(_Powers())
    axis.set_minor_formatter(_Powers())


def _rough(sweep: Sweep) -> Any:
    """Where some warning applies."""
    warned = np.array([bool(kind) for kind in sweep.numbers.warned])
    return warned.reshape(sweep.request.shape).T


def _legend(figure: Figure, sweep: Sweep, compared: bool) -> None:
    """What line, dots and grey mean, where there are any."""
    entries: list[Any] = []
    if compared:
        entries.append(Line2D([], [], color="black", linewidth=2, label="both drift alike"))
    drifts = np.nan_to_num(next(iter(_rates(sweep).values()))) > 0
    if (_rough(sweep) & drifts).any():
        entries.append(Patch(facecolor="none", hatch="...", label="leading order is rough"))
    if not drifts.all():
        entries.append(Patch(facecolor=_GAP, label="no drift, or refused"))
    if entries:
        figure.legend(handles=entries, loc="outside lower center", ncols=3, frameon=False)

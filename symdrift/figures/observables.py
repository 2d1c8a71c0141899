"""What an experimenter would measure, a panel for each observable."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from symdrift.figures.style import (
    COLOURS,
    STYLE,
    caption_short,
    drawing,
    literal,
    percent,
    short_names,
    width,
)
from symdrift.observables import (
    Displacement,
    Observation,
    RepresentationalSimilarity,
    TuningChange,
)
from symdrift.observables.decoding import TARGETS
from symdrift.rounding import quiet
from symdrift.study.problem import Array

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes
    from matplotlib.typing import HashableList

MOST_STIMULI = 6
"""Stimuli whose curves are drawn, the first of the study."""

_LOG_FROM = 100
"""Ratio of last to first time from which the axis of times is logarithmic."""
_PANEL_HEIGHT = 1.9
_PAGE_WIDTH = 6.2
_SEEN = 1e-12
"""Share of the largest displacement below which a part is rounding."""
_MOST_TICKS = 10
_NOT_REPRESENTED = "0.8"
"""Colour of what has no cosine."""
_LONGEST_TICK = 8
"""Letters of a stimulus's name beside a row of the matrix; longer ones give way to numbers."""
_LEGEND_ROOM, _LEGEND_SIGN = 120, 10
"""Letters of a row of the legend, and those that the line before each name takes."""
_BAND, _SHADE = "expected error", 0.3
_STRETCHES = 9
"""Of the lag, from the least to the most that the expected error of the rates allows."""
_PARTS = (("fluctuation", ":"), ("rotation", "-."), ("diffusion", "--"))


def draw(data: Observation) -> Figure:
    """Displacement, autocorrelation, angle, similarity, decoder and tuning against the lag."""
    off = data.rates_off
    data = _in_days(data)
    panels = ["displacement", "autocorrelation", "angle", "matrix", "similarity"]
    panels += ["decoder"] if data.decoder else []
    panels += ["tuning"] if data.tuning is not None else []
    rows = [panels[start : start + 2] for start in range(0, len(panels), 2)]
    # A last panel on its own takes the whole row.
    mosaic: list[HashableList[str]] = [[*row] if len(row) == 2 else [*row, *row] for row in rows]
    with drawing({**STYLE, "legend.fontsize": 7.5, "font.size": 9}):
        figure = Figure(
            figsize=(_PAGE_WIDTH, _PANEL_HEIGHT * len(rows) + 0.5), layout="constrained"
        )
        axes = figure.subplot_mosaic(mosaic)
        unit = "SGD steps" if data.steps_per_day is None else "days"
        names = list(map(literal, short_names(_shown_names(data))))
        _draw_displacement(axes["displacement"], data, names[0])
        _draw_autocorrelation(axes["autocorrelation"], data)
        _draw_angle(axes["angle"], data)
        _draw_matrix(figure, axes["matrix"], data.similarity)
        _draw_similarity(axes["similarity"], data)
        if data.decoder:
            _draw_decoder(axes["decoder"], data)
        if data.tuning is not None:
            _draw_tuning(axes["tuning"], data.tuning, off)
        for name, panel in axes.items():
            if name != "matrix":
                _draw_time(panel, data.times, unit)
        figure.legend(
            handles=[
                *(Line2D([], [], color=COLOURS[k], label=name) for k, name in enumerate(names)),
                Patch(color="0.5", alpha=_SHADE, linewidth=0, label=_BAND),
            ],
            title="stimulus",
            loc="outside lower center",
            ncols=min(
                len(names) + 1,
                int(_LEGEND_ROOM / (max(map(width, [*names, _BAND])) + _LEGEND_SIGN)),
            ),
        )
    return figure


def _in_days(data: Observation) -> Observation:
    """The same with every lag in days, where it is known how long they are."""
    if (steps := data.steps_per_day) is None:
        return data

    def scaled(part: Any) -> Any:
        if isinstance(part, tuple):
            return tuple(map(scaled, part))
        if not hasattr(part, "lags"):
            return part
        changes = {"lags": part.lags / steps}
        if getattr(part, "decorrelation_time", None) is not None:
            changes["decorrelation_time"] = part.decorrelation_time / steps
        return replace(part, **changes)

    seen = {name: scaled(part) for name, part in vars(data).items()}
    return Observation(**seen | {"times": data.times / steps})


def caption(data: Observation) -> str:
    """What to see in the figure."""
    rotates = _is_seen(data.displacement[0], "rotation")
    later = "diffusion (dashed), which takes"
    if rotates:
        later = "steady rotation (dash-dotted) and diffusion (dashed), which take"
    of = f" of {data.layer}" if data.layer else ""
    text = (
        f"What an experimenter would measure{of}, against the lag in SGD steps. Displacement of "
        "each stimulus (solid) and, for the first, its parts: fluctuation around the manifold "
        f"(dotted), which saturates, and {later} over. Autocorrelation over its value at lag 0, "
        "with circles where it has fallen to 1/e. Angle between the population vectors of two "
        "days, with one standard deviation (dashed) for the first stimulus. Cosines between "
        "stimuli stay: their Gram matrix changes by the order of the learning rate, while the "
        "representations change completely."
    )
    if not np.diagonal(data.similarity.cosine).all():
        text += " Stimuli without a representation at the minimum have none (grey)."
    if data.decoder:
        text += (
            " A linear decoder that is fitted once (solid) fails on the drifting code; one that "
            "is fitted anew (dotted) does not."
        )
    if data.tuning is not None:
        text += (
            " Tuning curves of single neurons lose their correlation with day 0: mean, with its "
            "expected error (grey), and the ranges that hold 50 % and 90 % of the neurons."
        )
    text += _caption_bands(data)
    hidden = len(data.displacement) - MOST_STIMULI
    if hidden > 0:
        text += f" Curves of {hidden} further stimuli are not drawn."
    return text + caption_short(_shown_names(data))


def _caption_bands(data: Observation) -> str:
    """What the bands are, and where curves end."""
    error = data.expected_error
    largest, (least, most) = error.largest, _widths(data)
    shares = [(largest.decay, "rates of diffusion"), (largest.squared, "squared representations")]
    if largest.turning:
        shares.insert(1, (largest.turning, "steady rotation"))
    parts = [f"{percent(share)} of {words}" for share, words in shares]
    text = (
        f" Shaded bands are the expected error: {', '.join(parts[:-1])} and {parts[-1]}; bands of "
        f"displacements reach {least} to {most} from their curves. "
    )
    if error.next_order:
        text += (
            "The curves carry the next order in the learning rate; later ones are expected to go "
            "on as it begins, or as they grow towards the critical rate."
        )
    else:
        text += (
            "The next order is not computed here; the error is estimated from the numbers that the "
            "theory takes to be small."
        )
    if error.known_until is not None and error.known_until < 2 * data.times[-1]:
        text += f" From lag {error.known_until:.2g} on they cover everything, and nothing is drawn."
    if any(band.covers_everything.any() for band in data.bands):
        text += " Where the band of a curve covers all that is possible, the curve is not drawn."
    return text


def _widths(data: Observation) -> tuple[str, str]:
    """How far bands of displacements are from their curves at least and at most, in percent."""
    curves = {moved.stimulus: moved.total for moved in data.displacement[:MOST_STIMULI]}
    shares = [0.0]
    for band in data.bands:
        if band.observable == "displacement" and band.subject in curves:
            curve = curves[band.subject]
            far, some = np.maximum(band.high - curve, curve - band.low), curve > 0
            shares += (far[some] / curve[some]).tolist()
    return percent(min(shares[1:], default=0.0)), percent(max(shares))


def _shown_names(data: Observation) -> list[str]:
    return [moved.stimulus for moved in data.displacement[:MOST_STIMULI]]


def _draw_displacement(axes: Axes, data: Observation, first: str) -> None:
    shown = data.displacement[:MOST_STIMULI]
    for k, moved in enumerate(shown):
        _draw_curve(
            axes, data, ("displacement", moved.stimulus), _positive(moved.total), COLOURS[k]
        )
    for part, style in _PARTS:
        if _is_seen(shown[0], part):
            values = _positive(getattr(shown[0], part))
            axes.plot(data.times, values, style, color="0.35", linewidth=1.0, label=part)
    totals = np.concatenate([moved.total for moved in shown])
    if np.any(totals > 0):
        axes.set_yscale("log")
        axes.set_ylim(0.3 * totals[totals > 0].min(), 3 * totals.max())
    axes.set_ylabel("displacement\n" r"$\langle\|h_{t+\tau} - h_t\|^2\rangle$")
    axes.legend(title=f"parts, {first}", title_fontsize=7.5)


def _is_seen(moved: Displacement, part: str) -> bool:
    """Whether a part of a displacement is more than rounding."""
    return bool(np.any(getattr(moved, part) > _SEEN * moved.total.max()))


def _draw_autocorrelation(axes: Axes, data: Observation) -> None:
    level = float(np.exp(-1))
    axes.axhline(level, color="0.6", linewidth=0.8, linestyle=":")
    for k, kept in enumerate(data.autocorrelation[:MOST_STIMULI]):
        curve = ("autocorrelation", kept.stimulus, "normalised")
        drawn = _draw_curve(axes, data, curve, kept.normalised, COLOURS[k])
        time = np.nan if kept.decorrelation_time is None else kept.decorrelation_time
        if np.isfinite(np.interp(time, data.times, drawn, left=np.nan, right=np.nan)):
            axes.plot([time], [level], "o", color=COLOURS[k], markerfacecolor="white")
    axes.set_ylabel("autocorrelation\n(normalised)")


def _draw_angle(axes: Axes, data: Observation) -> None:
    order = _shown_names(data)
    shown = [angle for angle in data.angle if angle.stimulus in order]
    for angle in shown:
        colour = COLOURS[order.index(angle.stimulus)]
        _draw_curve(axes, data, ("angle", angle.stimulus), angle.angle, colour, units=np.degrees)
    if shown and (spread := shown[0].spread) is not None:
        edges = [np.clip(shown[0].cosine + side * spread, -1, 1) for side in (1, -1)]
        colour = COLOURS[order.index(shown[0].stimulus)]
        for edge in np.degrees(np.arccos(edges)):
            axes.plot(data.times, edge, "--", color=colour, linewidth=0.8)
    axes.set_ylabel("angle of population\nvectors (degrees)")


def _draw_matrix(figure: Figure, axes: Axes, similarity: RepresentationalSimilarity) -> None:
    # The colour of what vanishes is that of zero, not one of those at its sides.
    known = np.diagonal(similarity.cosine) > 0
    cosine = np.where(np.outer(known, known), quiet(similarity.cosine, 1.0), np.nan)
    axes.set_facecolor(_NOT_REPRESENTED)
    image = axes.imshow(cosine, cmap="RdBu_r", norm=Normalize(-1, 1))
    figure.colorbar(image, ax=axes, shrink=0.9, label="cosine")
    count = len(similarity.stimuli)
    ticks = range(count) if count <= _MOST_TICKS else []
    names = [literal(similarity.stimuli[tick]) for tick in ticks]
    if max(map(len, similarity.stimuli)) > _LONGEST_TICK:
        names = [str(tick + 1) for tick in ticks]
    axes.set_xticks(ticks, names, rotation=90 if max(map(len, names), default=0) > 2 else 0)
    axes.set_yticks(ticks, names)
    axes.grid(visible=False)
    axes.set_xlabel("stimulus")
    axes.set_ylabel("stimulus")


def _draw_similarity(axes: Axes, data: Observation) -> None:
    curves = (
        ("representations", "representation_change", COLOURS[1]),
        ("their Gram matrix", "gram_change", COLOURS[0]),
    )
    for label, part, colour in curves:
        values = getattr(data.similarity, part)
        curve = ("similarity", "all stimuli", part)
        _draw_curve(axes, data, curve, _positive(values), colour, label)
    axes.set_yscale("log")
    axes.set_ylabel("mean-squared\nrelative change")
    axes.legend()


def _draw_decoder(axes: Axes, data: Observation) -> None:
    for k, decoder in enumerate(data.decoder):
        colour = COLOURS[2 + k]
        curve = ("decoder", decoder.target)
        _draw_curve(axes, data, curve, decoder.r_squared, colour, TARGETS[decoder.target])
        axes.axhline(decoder.refitted, color=colour, linestyle=":", linewidth=1.0)
    axes.set_ylabel("$R^2$ of the decoder")
    axes.legend(title="target", title_fontsize=7.5)


def _draw_tuning(axes: Axes, tuning: TuningChange, off: Array) -> None:
    """Of all neurons; an error of the rates stretches the lag of the mean."""
    low, lower, _, upper, high = tuning.quantiles.T
    axes.fill_between(
        tuning.lags, low, high, color=COLOURS[5], alpha=0.25, linewidth=0, label="90 %"
    )
    axes.fill_between(
        tuning.lags, lower, upper, color=COLOURS[5], alpha=0.5, linewidth=0, label="50 %"
    )
    axes.plot(tuning.lags, tuning.mean, color="black", label="mean")
    known = (1 + off) * tuning.lags <= tuning.lags[-1]
    inside, off = tuning.lags[known], off[known]
    stretched = inside * np.linspace(np.maximum(0.0, 1 - off), 1 + off, _STRETCHES)
    swept = np.interp(stretched, tuning.lags, tuning.mean)
    axes.fill_between(
        inside, swept.min(axis=0), swept.max(axis=0), color="black", alpha=_SHADE, linewidth=0
    )
    axes.set_ylabel("correlation of tuning\nwith day 0")
    axes.legend(title="neurons", title_fontsize=7.5)


def _draw_curve(
    axes: Axes,
    data: Observation,
    curve: tuple[str, ...],
    values: Array,
    colour: str,
    label: str | None = None,
    units: Callable[[Array], Array] = np.asarray,
) -> Array:
    """A curve and its band, by observable, subject and, where there are several, part.

    Where the band covers everything there is no curve: what is drawn of it, shape ``(T,)``.
    """
    for band in data.bands:
        if (band.observable, band.subject, band.part)[: len(curve)] == curve:
            values = np.where(band.covers_everything, np.nan, values)
            axes.fill_between(
                data.times, units(band.low), units(band.high), color=colour, alpha=_SHADE,
                linewidth=0,
            )  # fmt: skip
    axes.plot(data.times, units(values), color=colour, label=label)
    return values


def _draw_time(axes: Axes, times: Array, unit: str) -> None:
    if 0 < _LOG_FROM * times[0] < times[-1]:
        axes.set_xscale("log")
    axes.set_xlabel(rf"lag $\tau$ ({unit})")


def _positive(values: Array) -> Array:
    """Values with gaps where a logarithmic axis has no place for them."""
    return np.where(values > 0, values, np.nan)

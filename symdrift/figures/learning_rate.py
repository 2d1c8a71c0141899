"""Theory and simulation at several learning rates, and the limit of their ratio."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from symdrift.figures.bands import SHADE
from symdrift.figures.style import (
    colour,
    drawing,
    label_in_units,
    label_of_quantity,
    literal,
    percent,
    short_names,
    short_quantities,
)
from symdrift.rounding import SIMULATION_DIGITS, rounded
from symdrift.study.problem import Array
from symdrift.validation.extrapolate import Extrapolation
from symdrift.validation.rows import ExtrapolatedRow
from symdrift.validation.validate import Validation

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.typing import HashableList

_SIZE = (6.2, 5.0)
_MOST_SERIES = 3
_LONGEST_OF_LEGEND = 9
"""Letters of a name that fit into the legend of a small panel."""
_LABEL_SPAN = 0.25
"""Share of an axis that the label of a learning rate takes."""
_DODGE = 0.012
"""Sideways shift of the quantities of one panel, relative to its width: error bars stay apart."""


@dataclass(frozen=True)
class RateSeries:
    """One quantity at every learning rate; arrays have shape ``(rates,)``.

    ``label`` is Matplotlib's mark-up; ``predicted`` has the next order, NaN where it is not known.
    """

    label: str
    theory: Array
    predicted: Array
    simulation: Array
    standard_error: Array


@dataclass(frozen=True)
class RatioLimit:
    """Ratio of simulation and theory of one quantity, and its limit at rate zero.

    Attributes
    ----------
    label : str
        Matplotlib's mark-up.
    ratio, standard_error : Array
        At the rates of the fit, shape ``(fitted rates,)``.
    limit, limit_error : float
        Extrapolated to a vanishing learning rate.
    slope : float
        Of the line to that limit, against the stiffness.
    """

    label: str
    ratio: Array
    standard_error: Array
    limit: float
    limit_error: float
    slope: float


@dataclass(frozen=True)
class DisplacementCurve:
    """Mean-squared displacement at one learning rate; arrays have shape ``(lags,)``.

    ``predicted`` has the next order, NaN where it is not known.
    """

    learning_rate: float
    lags: Array
    theory: Array
    predicted: Array
    simulation: Array
    standard_error: Array


@dataclass(frozen=True)
class LearningRateLimit:
    """Theory and simulation at several learning rates.

    Attributes
    ----------
    learning_rate : Array
        Increasing, shape ``(rates,)``.
    stiffness : Array
        ``eta h_max`` at the rates of the fit, which are the smallest, shape ``(fitted rates,)``.
    variances, rotations : tuple of RateSeries
        Rotation variance in rad^2/step and mean rotation in rad/step of some planes.
    synaptic : bool
        Whether there is synaptic noise, which falls with the learning rate here.
    stimulus : str
        Whose displacement is shown.
    displacements : tuple of DisplacementCurve
        One per rate.
    ratios : tuple of RatioLimit
    fastest : str
        What the learning rate is multiplied with in ``stiffness``, in words.
    """

    learning_rate: Array
    stiffness: Array
    variances: tuple[RateSeries, ...]
    rotations: tuple[RateSeries, ...]
    synaptic: bool
    stimulus: str
    displacements: tuple[DisplacementCurve, ...]
    ratios: tuple[RatioLimit, ...]
    fastest: str = "largest Hessian eigenvalue"


def numbers(extrapolation: Extrapolation) -> LearningRateLimit | None:
    """Variance, mean rotation and displacement at every learning rate; None without planes.

    Of the planes those with the largest variance and mean rotation are shown, of the stimuli
    the first that moves, and of the ratios those of the first of each and of the fluctuation.
    """
    runs, fitted = (
        sorted(given, key=lambda run: run.learning_rate)
        for given in (extrapolation.runs, extrapolation.fitted_runs)
    )
    quantities = [row.quantity for row in extrapolation.rows]
    variances = [name for name in quantities if name.startswith("V[") and ";" not in name]
    rotations = [name for name in quantities if name.startswith("mu[")]
    if not variances:
        return None
    # Of equal ones the first come first, which rounding would decide.
    own = {
        row.quantity: rounded(abs(row.measured.theory), SIMULATION_DIGITS)
        for row in extrapolation.rows
    }
    variances.sort(key=own.__getitem__, reverse=True)
    rotations.sort(key=own.__getitem__, reverse=True)
    first = next(
        (k for k, curve in enumerate(runs[0].displacement) if np.any(curve.theory > 0)), None
    )
    stimulus = "" if first is None else runs[0].displacement[first].stimulus
    limits = {row.quantity: row for row in extrapolation.rows if row.ratio is not None}
    fluctuation = "excess loss" if "excess loss" in limits else "weight variance"
    shown = [variances[0], *rotations[:1], f"displacement of {stimulus}", fluctuation]
    return LearningRateLimit(
        learning_rate=np.array([run.learning_rate for run in runs]),
        stiffness=np.array([run.stiffness for run in fitted]),
        variances=tuple(_rate_series(name, runs) for name in variances[:_MOST_SERIES]),
        rotations=tuple(_rate_series(name, runs) for name in rotations[:_MOST_SERIES]),
        synaptic=any(extrapolation.synaptic_noise),
        stimulus=stimulus,
        displacements=() if first is None else tuple(_curve(run, first) for run in runs),
        ratios=tuple(_ratio_limit(limits[name], fitted) for name in shown if name in limits),
        fastest=runs[0].fastest,
    )


def draw(data: LearningRateLimit) -> Figure:
    """Variance, mean rotation and displacement at each rate, and the ratios against the rate."""
    last = "displacement" if data.displacements else "ratio"
    mosaic: list[HashableList[str]] = [["variance", "rotation"], [last, "ratio"]]
    with drawing():
        figure = Figure(figsize=_SIZE, layout="constrained")
        panels = figure.subplot_mosaic(mosaic)
        variance, rotation = panels["variance"], panels["rotation"]
        _draw_series(variance, data, data.variances, 3)
        label_in_units(variance, "y", "rotation variance\n" r"$/\,\eta^3$", "rad$^2$ / step")
        _draw_series(rotation, data, data.rotations, 2)
        label_in_units(rotation, "y", "mean rotation\n" r"$/\,\eta^2$", "rad / step")
        if data.displacements:
            _draw_displacements(panels["displacement"], data)
        _draw_ratios(panels["ratio"], data)
    return figure


def caption(data: LearningRateLimit) -> str:
    """What the figure shows."""
    limits = ", ".join(f"{limit.limit:.3f} ± {limit.limit_error:.3f}" for limit in data.ratios)
    still = all(not np.any(series.theory) for series in data.rotations)
    rotation = (
        "mean rotation, which the theory says vanishes" if still else "mean rotation, with its sign"
    )
    synaptic = (
        "; the variance of the synaptic noise is scaled with the third power of the rate, too"
        if data.synaptic
        else ""
    )
    few = len(data.stiffness)
    smallest = f" at the {few} smallest rates" if few < len(data.learning_rate) else ""
    displaced, place = (
        (f"Bottom left: mean-squared displacement of “{data.stimulus}” against the time lag, at "
         "each rate. ", "Bottom right")
        if data.displacements
        else ("", "Bottom")
    )  # fmt: skip
    return (
        f"Theory (lines) and direct simulation (points, one standard error) at "
        f"{len(data.learning_rate)} learning rates. Top: rotation variance and "
        f"{rotation}, each over the power of the learning rate with which the theory scales, so "
        f"that the theory is level{synaptic}. {displaced}{_caption_shades(data)}"
        f"{place}: ratio of simulation and theory{smallest} against the learning rate times the "
        f"{data.fastest}, and the line through the points. The theory is of leading order in the "
        "learning rate, so the ratio must approach 1 on the left; "
        f"there it is {limits} (in the order of the legend)."
    )


def _caption_shades(data: LearningRateLimit) -> str:
    """By how much the next order changes the lines that cannot vanish."""
    lines = (*data.variances, *data.displacements)
    theory, predicted = (
        np.concatenate([np.ravel(getattr(line, name)) for line in lines])
        for name in ("theory", "predicted")
    )
    changed = np.abs(predicted / theory - 1)
    if np.isnan(changed).all():
        return "How much the next order in the learning rate changes them is not computed here. "
    what = "variances and displacements" if data.displacements else "variances"
    return (
        "Shades reach from the lines to what the next order in the learning rate predicts, up to "
        f"{percent(np.nanmax(changed))} of {what}; later orders are not in them. "
    )


def _rate_series(name: str, runs: Sequence[Validation]) -> RateSeries:
    rows = [run.row(name) for run in runs]
    return RateSeries(
        label=label_of_quantity(name),
        theory=np.array([row.theory for row in rows]),
        predicted=np.array([row.predicted for row in rows], dtype=float),
        simulation=np.array([row.simulation for row in rows]),
        standard_error=np.array([row.standard_error for row in rows]),
    )


def _curve(run: Validation, stimulus: int) -> DisplacementCurve:
    moved = run.displacement[stimulus]
    return DisplacementCurve(
        run.learning_rate, moved.lags, moved.theory, moved.theory + moved.following,
        moved.simulation, moved.standard_error,
    )  # fmt: skip


def _ratio_limit(row: ExtrapolatedRow, runs: Sequence[Validation]) -> RatioLimit:
    rows = [run.row(row.quantity) for run in runs]
    assert row.ratio is not None
    assert row.ratio_slope is not None
    return RatioLimit(
        label=label_of_quantity(*short_quantities([row.quantity], _LONGEST_OF_LEGEND)),
        ratio=np.array([entry.simulation / entry.theory for entry in rows]),
        standard_error=np.array([abs(entry.standard_error / entry.theory) for entry in rows]),
        limit=row.ratio.value,
        limit_error=row.ratio.standard_error,
        slope=row.ratio_slope,
    )


def _draw_series(
    axes: Axes, data: LearningRateLimit, shown: tuple[RateSeries, ...], power: int
) -> None:
    unit = data.learning_rate**power
    for index, series in enumerate(shown):
        shifted = data.learning_rate * (1 + 4 * _DODGE * (index - (len(shown) - 1) / 2))
        axes.plot(data.learning_rate, series.theory / unit, color=colour(index))
        _shade(axes, data.learning_rate, series.theory / unit, series.predicted / unit, index)
        axes.errorbar(
            shifted, series.simulation / unit, series.standard_error / unit, fmt="o", capsize=2,
            color=colour(index), label=series.label,
        )  # fmt: skip
    axes.set_xscale("log")
    axes.set_xticks(data.learning_rate, _tick_labels(data.learning_rate))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel(r"learning rate $\eta$")
    axes.margins(y=0.35)
    axes.legend(ncols=3, loc="upper center", fontsize=8, columnspacing=1.0, handletextpad=0.3)


def _shade(axes: Axes, values: Array, theory: Array, predicted: Array, index: int) -> None:
    """From the leading order to the next."""
    axes.fill_between(values, theory, predicted, color=colour(index), alpha=SHADE, linewidth=0)


def _tick_labels(rates: Array) -> list[str]:
    """Labels of the rates, from the smallest on; none where it would touch the one before."""
    place = np.log(rates / rates.min())
    labels = [""] * len(rates)
    shown = -np.inf
    for index in np.argsort(rates):
        if place[index] - shown >= _LABEL_SPAN * place.max():
            labels[index] = f"{rates[index]:.3g}"
            shown = place[index]
    return labels


def _draw_displacements(axes: Axes, data: LearningRateLimit) -> None:
    for index, curve in enumerate(data.displacements):
        axes.plot(curve.lags, curve.theory, color=colour(index))
        _shade(axes, curve.lags, curve.theory, curve.predicted, index)
        axes.errorbar(
            curve.lags, curve.simulation, curve.standard_error, fmt="o", markersize=3, capsize=2,
            color=colour(index), label=rf"$\eta = {curve.learning_rate:.3g}$",
        )  # fmt: skip
    axes.set(xscale="log", yscale="log")
    axes.set_xlabel(r"time lag $\tau$ (steps)")
    axes.set_ylabel("mean-squared displacement\n" r"$\langle\|h_{t+\tau} - h_t\|^2\rangle$")
    axes.margins(y=0.3)
    axes.legend(fontsize=7, ncols=2, loc="lower right", columnspacing=1.0, handletextpad=0.3)
    axes.set_title(literal(*short_names([data.stimulus])), fontsize=9)


def _draw_ratios(axes: Axes, data: LearningRateLimit) -> None:
    furthest = float(data.stiffness.max())
    axes.axhline(1.0, color="0.5", linewidth=0.8)
    for index, limit in enumerate(data.ratios):
        shift = _DODGE * furthest * (index - (len(data.ratios) - 1) / 2)
        ends = np.array([0.0, furthest])
        axes.plot(ends, limit.limit + limit.slope * ends, color=colour(index), linestyle="--")
        axes.errorbar(
            data.stiffness + shift, limit.ratio, limit.standard_error, fmt="o", capsize=2,
            color=colour(index), label=limit.label,
        )  # fmt: skip
        axes.errorbar(
            shift, limit.limit, limit.limit_error, fmt="s", capsize=2, color=colour(index),
            markerfacecolor="white",
        )  # fmt: skip
    narrow = bool(data.displacements)
    axes.set_xlabel(r"$\eta\, h_{\max}$" if narrow else f"learning rate times {data.fastest}")
    axes.set_ylabel("simulation / theory")
    axes.margins(y=0.35)
    axes.legend(fontsize=8, ncols=2, loc="upper center", columnspacing=1.0, handletextpad=0.3)

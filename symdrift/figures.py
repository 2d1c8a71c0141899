"""Figures of a report: what they show comes in as plain numbers, nothing is computed here.

One style for all, colours that every kind of colour vision can tell apart, and files whose
bytes depend on the numbers only.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import rc_context
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from symdrift.errors import RequestError
from symdrift.files import replacing
from symdrift.problem import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.typing import RcKeyType

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Palette of Okabe and Ito."""
SUFFIXES = (".pdf", ".svg", ".png")

_STYLE: dict[RcKeyType, Any] = {
    "font.family": "STIXGeneral",
    "mathtext.fontset": "stix",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "lines.linewidth": 1.4,
    "lines.markersize": 4.5,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "pdf.fonttype": 42,
    "svg.fonttype": "path",
    "svg.hashsalt": "symdrift",
}
_WIDTH, _HEIGHT = 5.6, 3.2
_MOST_CURVES = 10
_METADATA: dict[str, dict[str, str | None]] = {
    ".pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    ".svg": {"Date": None, "Creator": None},
    ".png": {"Software": None},
}


@dataclass(frozen=True)
class WeightDecaySweep:
    """Diffusion of each plane against the weight decay.

    Attributes
    ----------
    weight_decay : Array
        Shape ``(points,)``.
    diffusion : tuple of (str, Array)
        Plane, or planes that share a line, and their diffusion in rad^2/step, shape
        ``(points,)``; NaN where the plane does not exist.
    exponent : int or None
        Power of the weight decay that the theory has for small weight decay; None
        where there is none to compare with.
    at : float
        Weight decay of the study.
    """

    weight_decay: Array
    diffusion: tuple[tuple[str, Array], ...]
    exponent: int | None
    at: float


@dataclass(frozen=True)
class LearningRateSweep:
    """Theory and simulation against the learning rate.

    Attributes
    ----------
    learning_rate, theory : Array
        The line of the theory for one quantity, shape ``(points,)``.
    simulated_rate, simulation, standard_error : Array
        Simulated points, shape ``(runs,)``.
    extrapolated_ratio, ratio_error : float
        Simulation over theory in the limit of a vanishing learning rate, one standard
        error.
    quantity, unit : str
        What is plotted, such as ``"diffusion of plane (1, 2)"``, ``"rad^2 / step"``.
    """

    learning_rate: Array
    theory: Array
    simulated_rate: Array
    simulation: Array
    standard_error: Array
    extrapolated_ratio: float
    ratio_error: float
    quantity: str
    unit: str


@dataclass(frozen=True)
class DecayRates:
    """Decay rate of the representation of each stimulus, per step."""

    stimuli: tuple[str, ...]
    exact: Array
    white: Array


@dataclass(frozen=True)
class BlockStructure:
    """Hessian and gradient-noise covariance in one basis of the weights.

    Attributes
    ----------
    hessian, noise : Array
        Shape ``(K, K)``, the basis ordered so that coupled vectors are neighbours.
    blocks : tuple of int
        Sizes of the blocks, in order.
    """

    hessian: Array
    noise: Array
    blocks: tuple[int, ...]


@dataclass(frozen=True)
class Displacement:
    """Mean-squared displacement of the representation of one stimulus.

    Attributes
    ----------
    stimulus : str
    time : Array
        Time lags in steps, shape ``(points,)``.
    drift, fluctuation : Array
        The two components of the theory, shape ``(points,)``.
    """

    stimulus: str
    time: Array
    drift: Array
    fluctuation: Array


@dataclass(frozen=True)
class ValidationRatios:
    """Simulation over theory with one standard error, a row per quantity.

    ``quantities`` holds labels in Matplotlib's mark-up.
    """

    quantities: tuple[str, ...]
    ratio: Array
    standard_error: Array


def save(figure: Figure, path: Path) -> Path:
    """Write a figure as PDF, SVG or PNG by the suffix; the bytes depend on its content only.

    Raises
    ------
    RequestError
        For another suffix, or when the file cannot be written.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise RequestError("out", f"= {path} must end in {', '.join(SUFFIXES)}")
    with rc_context(_STYLE), replacing(path) as temporary:
        figure.savefig(temporary, metadata=_METADATA[suffix], dpi=150)
    return path


def draw_weight_decay_sweep(data: WeightDecaySweep) -> Figure:
    """Diffusion against weight decay on logarithmic axes, with the power law as a guide."""
    with _axes() as (figure, axes):
        curves = data.diffusion[:_MOST_CURVES]
        for style, (plane, values) in enumerate(curves):
            axes.plot(data.weight_decay, values, color=_colour(style), label=f"plane {plane}")
        if data.exponent is not None and curves:
            _guide(axes, data)
        axes.axvline(data.at, color="0.4", linewidth=0.8, linestyle=":")
        axes.set(xscale="log", yscale="log")
        axes.set_xlabel(r"weight decay $\gamma$")
        axes.set_ylabel(r"diffusion $D_{ij}$ (rad$^2$ / step)")
        axes.legend()
    return figure


def caption_weight_decay_sweep(data: WeightDecaySweep) -> str:
    """What the figure shows."""
    text = (
        "Diffusion of the hidden rotation against the weight decay, one line per plane of hidden "
        "axes (planes of equal diffusion share one); the dotted line marks the study. A line "
        "ends where one of its directions is no longer learned."
    )
    if data.exponent is not None:
        text += (
            " For small weight decay the lines become parallel to the dashed guide, power "
            f"{data.exponent} of the weight decay, as the expansion in small weight decay has it."
        )
    return text


def draw_learning_rate_sweep(data: LearningRateSweep) -> Figure:
    """Theory as a line, simulations as points, with their ratio below."""
    with rc_context(_STYLE):
        figure = Figure(figsize=(_WIDTH, 4.2), layout="constrained")
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
        upper.plot(data.learning_rate, data.theory, color=COLOURS[0], label="theory")
        upper.errorbar(
            data.simulated_rate, data.simulation, data.standard_error, fmt="o", capsize=2,
            color=COLOURS[1], label="simulation",
        )  # fmt: skip
        upper.set(xscale="log", yscale="log")
        upper.set_ylabel(f"{literal(data.quantity)}\n({literal(data.unit)})")
        upper.legend()
        theory = np.interp(data.simulated_rate, data.learning_rate, data.theory)
        lower.axhline(1.0, color=COLOURS[0])
        lower.errorbar(
            data.simulated_rate, data.simulation / theory, data.standard_error / theory, fmt="o",
            capsize=2, color=COLOURS[1],
        )  # fmt: skip
        lower.xaxis.set_minor_formatter(NullFormatter())
        lower.set_xlabel(r"learning rate $\eta$")
        lower.set_ylabel("simulation / theory")
    return figure


def caption_learning_rate_sweep(data: LearningRateSweep) -> str:
    """What the figure shows."""
    return (
        f"{_capitalised(data.quantity)} against the learning rate: theory (line) and direct "
        "simulation of SGD (points, one standard error), and their ratio below. The theory is of "
        "leading order in the learning rate, so the ratio must approach 1 on the left; "
        "extrapolated to a vanishing learning rate it is "
        f"{data.extrapolated_ratio:.3f} ± {data.ratio_error:.3f}."
    )


def draw_decay_rates(data: DecayRates) -> Figure:
    """Decay rate per stimulus, exact beside the white-noise approximation."""
    with _axes() as (figure, axes):
        places = np.arange(len(data.stimuli))
        axes.bar(places - 0.2, data.exact, 0.4, color=COLOURS[0], label="exact")
        axes.bar(
            places + 0.2, data.white, 0.4, color="white", edgecolor=COLOURS[1], hatch="///",
            label="white-noise approximation",
        )  # fmt: skip
        names = [literal(name) for name in data.stimuli]
        axes.set_xticks(places, names, rotation=0 if sum(map(len, names)) < 60 else 60)
        axes.grid(axis="x", visible=False)
        axes.set_xlabel("stimulus")
        axes.set_ylabel("decay rate (1 / step)")
        axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2, borderaxespad=0.2)
    return figure


def caption_decay_rates(data: DecayRates) -> str:
    """What the figure shows."""
    text = (
        "Rate at which the representation of each stimulus decorrelates by rotation, beside the "
        "white-noise approximation, which ignores that noise and fluctuation are correlated in "
        "time."
    )
    if len(data.stimuli) > 1 and not np.allclose(data.exact, data.exact[0]):
        slowest = data.stimuli[int(np.argmin(data.exact))]
        fastest = data.stimuli[int(np.argmax(data.exact))]
        text += f" The slowest is “{slowest}”, the fastest “{fastest}”."
    return text


def draw_block_structure(data: BlockStructure) -> Figure:
    """Hessian and noise covariance side by side, zeros blank, blocks framed."""
    with rc_context({**_STYLE, "axes.grid": False}):
        figure = Figure(figsize=(_WIDTH, 2.9), layout="constrained")
        panels = figure.subplots(1, 2)
        titles = ("Hessian $H$", "gradient noise $C$")
        for axes, matrix, title in zip(panels, (data.hessian, data.noise), titles, strict=True):
            largest = float(np.max(np.abs(matrix), initial=0.0)) or 1.0
            shown = np.ma.masked_where(np.abs(matrix) <= 1e-12 * largest, matrix)
            norm = TwoSlopeNorm(0.0, -largest, largest)
            image = axes.imshow(shown, cmap="RdBu_r", norm=norm, interpolation="nearest")
            start = 0
            for size in data.blocks:
                _frame(axes, start, size)
                start += size
            axes.set_title(title, fontsize=10)
            axes.set_xlabel("direction in weight space")
            axes.set_xticks([])
            axes.set_yticks([])
            axes.spines[:].set_visible(True)
            figure.colorbar(image, ax=axes, shrink=0.8)
    return figure


def caption_block_structure(data: BlockStructure) -> str:
    """What the figure shows."""
    sizes = sorted(set(data.blocks))
    kinds = ", ".join(f"{data.blocks.count(size)} of size {size}" for size in sizes)
    return (
        "Hessian and covariance of the gradient noise on the normal space of the manifold, in the "
        "basis of the derivation; blank entries vanish. The blocks (framed) were found as "
        f"connected components of both matrices together, not assumed: {kinds}."
    )


def draw_displacement(data: Displacement) -> Figure:
    """Mean-squared displacement and its two components against time."""
    with _axes() as (figure, axes):
        total = data.drift + data.fluctuation
        axes.plot(data.time, total, color=COLOURS[0], label="total")
        axes.plot(data.time, data.drift, color=COLOURS[1], linestyle="--", label="drift")
        axes.plot(
            data.time, data.fluctuation, color=COLOURS[2], linestyle=":",
            label="normal fluctuation",
        )  # fmt: skip
        axes.set(xscale="log", yscale="log")
        axes.set_xlabel(r"time lag $\tau$ (steps)")
        axes.set_ylabel(r"$\langle\|h_{t+\tau} - h_t\|^2\rangle$")
        axes.legend()
    return figure


def caption_displacement(data: Displacement) -> str:
    """What the figure shows."""
    return (
        f"Mean-squared displacement of the representation of “{data.stimulus}” against the time "
        "lag. The fluctuation around the manifold saturates after the relaxation time of the loss; "
        "the rotation along the manifold keeps growing, in proportion to time, and takes over, "
        "until the representation has lost all memory of its direction."
    )


def draw_validation(data: ValidationRatios) -> Figure:
    """Ratio of simulation and theory, a row per quantity."""
    rows = len(data.quantities)
    with rc_context(_STYLE):
        figure = Figure(figsize=(_WIDTH, 0.9 + 0.26 * rows), layout="constrained")
        axes = figure.subplots()
        places = np.arange(rows)[::-1]
        axes.axvline(1.0, color=COLOURS[0])
        axes.errorbar(
            data.ratio, places, xerr=data.standard_error, fmt="o", capsize=2, color=COLOURS[1]
        )
        axes.set_yticks(places, data.quantities)
        axes.set_ylim(-0.7, rows - 0.3)
        axes.set_xlabel("simulation / theory")
    return figure


def caption_validation(data: ValidationRatios) -> str:
    """What the figure shows."""
    return (
        "Direct simulation of SGD over theory, with one standard error. The line at 1 is the "
        "theory, which has no free parameter; corrections of the relative order of learning "
        "rate times largest Hessian eigenvalue are expected."
    )


@contextmanager
def _axes() -> Iterator[tuple[Figure, Axes]]:
    with rc_context(_STYLE):
        figure = Figure(figsize=(_WIDTH, _HEIGHT), layout="constrained")
        yield figure, figure.subplots()


def _colour(index: int) -> str:
    return COLOURS[index % len(COLOURS)]


def _guide(axes: Axes, data: WeightDecaySweep) -> None:
    """A dashed power law below the first curve, over the lower half of its range."""
    values = data.diffusion[0][1]
    there = np.flatnonzero(np.isfinite(values) & (values > 0))
    lower = there[: max(2, len(there) // 2)]
    if len(lower) < 2:
        return
    abscissa = data.weight_decay[lower]
    power = (abscissa / abscissa[0]) ** float(data.exponent or 0)
    axes.plot(
        abscissa, 0.4 * values[lower[0]] * power, color="0.3", linestyle="--",
        label=rf"$\propto \gamma^{{{data.exponent}}}$",
    )  # fmt: skip


def _frame(axes: Axes, start: int, size: int) -> None:
    low, high = start - 0.5, start + size - 0.5
    axes.plot(
        [low, high, high, low, low], [low, low, high, high, low], color="black", linewidth=0.7
    )


def literal(text: str) -> str:
    """Plain text in which Matplotlib sees no mathematics, with raised powers."""
    return text.replace("$", r"\$").replace("^2", "$^2$")


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]

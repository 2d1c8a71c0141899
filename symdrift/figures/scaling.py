"""Diffusion against the parameters that it depends on, but for the weight decay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, NullLocator, StrMethodFormatter

from symdrift.errors import RequestError
from symdrift.evaluation.evaluate import evaluate
from symdrift.evaluation.result import Evaluation
from symdrift.figures.bands import Evaluated, caption_bands, draw_band, expected_errors
from symdrift.figures.simulated import (
    FEW_WEIGHTS,
    Plane,
    Simulations,
    caption_points,
    draw_points,
    measured,
    simulated,
    turning_planes,
    upon_lines,
    weights_of,
)
from symdrift.figures.style import STYLE, WIDTH, colour, drawing
from symdrift.inputs import Gaussian
from symdrift.study.problem import Array, LearningProblem, Stimulus
from symdrift.validation.extrapolate import Extrapolation

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_PLANES = 3
MOST_INPUTS = 64

_POINTS, _FEW_POINTS = 17, 5
_RATE_RANGE = (0.1, 3.0)
_BATCHES = (1, 2, 4, 8, 16, 32, 64)
_SIZES = (2, 3, 4, 6, 8, 12, 16, 24, 32, 48, MOST_INPUTS)

_SIMULATED_BATCHES = (2, 8)
_SIMULATED_SIZES = (2, 4, 8)

_MOST_TICKS = 6
"""Of whole numbers along an axis; left to itself a narrow panel names two."""

_ISOTROPIC_STIFFNESS = 0.03
"""Learning rate times ``lambda (n + 2)``, the size of corrections, of the largest simulated n."""


@dataclass(frozen=True)
class ScalingPanel:
    r"""Diffusion of some planes against one parameter.

    Attributes
    ----------
    parameter : str
        In Matplotlib's mark-up, such as ``"learning rate $\eta$"``.
    values : Array
        Shape ``(points,)``.
    diffusion : tuple of (str, Array)
        Line and its diffusion in rad^2/step, shape ``(points,)``; NaN where a plane does
        not exist.
    errors : tuple of Array
        Relative expected error of each of these, shape ``(points,)``.
    exponent : int or None
        Power law of the theory, drawn as a guide; None where there is none.
    at : float or None
        Value of the study, marked; None where the panel is of other networks.
    simulations : Simulations or None
        None when there are none.
    """

    parameter: str
    values: Array
    diffusion: tuple[tuple[str, Array], ...]
    errors: tuple[Array, ...]
    exponent: int | None
    at: float | None
    simulations: Simulations | None = None


@dataclass(frozen=True)
class Isotropic:
    """The autoencoders in the panel of the number of inputs: variance and learning rate."""

    input_variance: float
    learning_rate: float


@dataclass(frozen=True)
class Scaling:
    """Diffusion against learning rate, batch size and number of inputs.

    Attributes
    ----------
    panels : tuple of ScalingPanel
    isotropic : Isotropic or None
        None without the panel of the number of inputs.
    """

    panels: tuple[ScalingPanel, ...]
    isotropic: Isotropic | None


def numbers(
    problem: LearningProblem, evaluation: Evaluation, extrapolation: Extrapolation | None
) -> Scaling | None:
    """Diffusion against learning rate, batch size and number of inputs, with simulations.

    None without planes, or with synaptic noise, whose diffusion follows none of these laws.

    Parameters
    ----------
    problem : LearningProblem
    evaluation : Evaluation
        Of that problem.
    extrapolation : Extrapolation or None
        Its simulations at several learning rates, one of them that of the problem; without
        them nothing is simulated at all.
    """
    planes = turning_planes(evaluation.drift)
    if not planes or problem.synaptic_noise > 0:
        return None
    rate = problem.learning_rate
    cheap = weights_of(problem) <= FEW_WEIGHTS or evaluation.method == "closed-form"
    points = _POINTS if cheap else _FEW_POINTS
    batches = _BATCHES if cheap else _BATCHES[::3]
    rates = rate * np.geomspace(*_RATE_RANGE, points)
    lines = {plane: line for line, plane in enumerate(planes[:MOST_PLANES])}
    at_rates = at_batches = None
    if extrapolation is not None:
        runs = extrapolation.runs
        known = [measured(run.learning_rate, run, evaluation) for run in runs]
        own = measured(float(problem.batch), runs[extrapolation.own], evaluation)
        larger = [problem.batch * factor for factor in _SIMULATED_BATCHES]
        more = simulated((float(batch), replace(problem, batch=batch)) for batch in larger)
        at_rates, at_batches = upon_lines(known, lines), upon_lines([own, *more], lines)
    panels = [
        ScalingPanel(
            r"learning rate $\eta$",
            rates,
            *_curves(
                planes, rates, [replace(problem, learning_rate=float(value)) for value in rates]
            ),
            3,
            rate,
            at_rates,
        ),
        ScalingPanel(
            "batch size $B$",
            np.array(batches, dtype=np.float64),
            *_curves(
                planes,
                np.array(batches, dtype=np.float64),
                [replace(problem, batch=value) for value in batches],
            ),
            -2,
            float(problem.batch),
            at_batches,
        ),
    ]
    variance = float(np.trace(problem.input_covariance)) / len(problem.input_covariance)
    if variance <= problem.weight_decay:
        return Scaling(tuple(panels), None)
    small = float(f"{_ISOTROPIC_STIFFNESS / (variance * (max(_SIMULATED_SIZES) + 2)):.2g}")
    slow = replace(problem, learning_rate=min(rate, small))
    at_sizes = None
    if extrapolation is not None:
        sizes = [(float(size), _isotropic(slow, variance, size)) for size in _SIMULATED_SIZES]
        at_sizes = upon_lines(simulated(sizes), {(1, 2): 0})
    every = np.array(_SIZES, dtype=np.float64)
    ((_, diffusion),), errors = _curves(
        [(1, 2)], every, [_isotropic(slow, variance, size) for size in _SIZES]
    )
    panel = ScalingPanel(
        "number of inputs $n$",
        every,
        (("every plane", diffusion),),
        errors,
        None,
        None,
        at_sizes,
    )
    return Scaling((*panels, panel), Isotropic(variance, slow.learning_rate))


def draw(data: Scaling) -> Figure:
    """A panel for each parameter, on logarithmic axes."""
    columns = len(data.panels)
    with drawing({**STYLE, "font.size": 9, "legend.fontsize": 8}):
        figure = Figure(figsize=(WIDTH, 2.6), layout="constrained")
        grid = figure.subplots(1, columns, squeeze=False)
        for axes, panel in zip(grid.flat, data.panels, strict=True):
            for place, (name, diffusion) in enumerate(panel.diffusion):
                # The first lines are wider, so that lines upon them do not hide them.
                width = 2.8 - 0.8 * min(place, 2)
                axes.plot(panel.values, diffusion, color=colour(place), linewidth=width, label=name)
                draw_band(axes, panel.values, diffusion, panel.errors[place], colour(place))
            lines = [colour(place) for place in range(len(panel.diffusion))]
            draw_points(axes, panel.simulations, lines)
            if panel.exponent is not None and panel.diffusion:
                ends = panel.values[[0, -1]]
                middle = len(panel.values) // 2
                height = 0.3 * panel.diffusion[0][1][middle]
                guide = height * (ends / panel.values[middle]) ** float(panel.exponent)
                axes.plot(
                    ends, guide, color="0.3", linestyle="--", linewidth=1, label=_power(panel)
                )
            if panel.at is not None:
                axes.axvline(panel.at, color="0.4", linewidth=0.8, linestyle=":")
            axes.set(xscale="log", yscale="log", xlabel=panel.parameter)
            axes.set_ylabel(r"diffusion $D_{ij}$ (rad$^2$ / step)")
            if np.all(panel.values == np.rint(panel.values)):
                axes.xaxis.set_major_locator(LogLocator(base=4, numticks=_MOST_TICKS))
                axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
                axes.xaxis.set_minor_locator(NullLocator())
            axes.xaxis.set_minor_formatter(NullFormatter())
            _legend(axes)
        planes = [line for line in grid[0, 0].lines if str(line.get_label()).startswith("plane")]
        if planes:
            figure.legend(handles=planes, loc="outside upper center", ncols=len(planes))
    return figure


def caption(data: Scaling) -> str:
    """What the figure shows."""
    text = (
        "Diffusion of the hidden rotation against the parameters of learning, by theory (lines); "
        "dotted lines mark the study. It grows with the third power of the learning rate and "
        "falls with the square of the batch size (dashed guides)."
    )
    if data.isotropic is not None:
        text += (
            " The panel of the number of inputs is of autoencoders with equal variances "
            f"{data.isotropic.input_variance:.3g}, the mean of the study, in which all planes are "
            f"alike, at learning rate {data.isotropic.learning_rate:.2g}."
        )
    text += caption_bands([error for panel in data.panels for error in panel.errors])
    return text + caption_points(
        [panel.simulations for panel in data.panels if panel.simulations is not None]
    )


def _curves(
    planes: Sequence[Plane], values: Array, problems: Sequence[LearningProblem]
) -> tuple[tuple[tuple[str, Array], ...], tuple[Array, ...]]:
    """Diffusion of the first planes in each problem and their errors; NaN where one is missing."""
    shown = planes[:MOST_PLANES]
    evaluated = [_evaluated(problem) for problem in problems]
    diffusion = [{} if found is None else _diffusion(found[1]) for found in evaluated]
    columns = [f"drift.diffusion.{i}-{j}" for i, j in shown]
    lines = tuple(
        (f"plane {plane}", np.array([found.get(plane, np.nan) for found in diffusion]))
        for plane in shown
    )
    return lines, tuple(expected_errors(values, evaluated, columns).values())


def _evaluated(problem: LearningProblem) -> Evaluated | None:
    """None outside the theory."""
    try:
        return problem, evaluate(problem)
    except RequestError:
        return None


def _diffusion(evaluation: Evaluation) -> dict[Plane, float]:
    drift = evaluation.drift
    return dict(zip(drift.planes, drift.diffusion.tolist(), strict=True))


def _isotropic(problem: LearningProblem, variance: float, size: int) -> LearningProblem:
    """An autoencoder of this size whose inputs all have the same variance."""
    return replace(
        problem,
        hidden=size,
        inputs=Gaussian(variance * np.eye(size)),
        teacher=np.eye(size),
        label_noise=np.full(size, float(np.mean(problem.label_noise))),
        stimuli=(Stimulus("axis 1", np.eye(size)[0]),),
        minimum=1,
    )


def _legend(axes: Axes) -> None:
    """Names of what only this panel has: planes are named once for all panels."""
    own = [line for line in axes.lines if not str(line.get_label()).startswith(("_", "plane"))]
    if own:
        axes.legend(handles=own, handlelength=1.4)


def _power(panel: ScalingPanel) -> str:
    return rf"power ${panel.exponent}$"

"""Diffusion against the weight decay."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

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
    upon_lines,
    weights_of,
)
from symdrift.figures.style import colour, one_panel
from symdrift.study.problem import Array, LearningProblem
from symdrift.validation.extrapolate import Extrapolation

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SWEEP_POINTS, _FEW_POINTS = 41, 9
_SIMULATED = (0.3, 2.0)
"""Weight decays of simulations, over that of the study."""
_MOST_CURVES = 10


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
    errors : tuple of Array
        Relative expected error of each of these, shape ``(points,)``.
    exponent : int or None
        Power of the weight decay that the theory has for small weight decay; None
        where there is none to compare with.
    at : float
        Weight decay of the study.
    simulations : Simulations or None
        None when there are none.
    """

    weight_decay: Array
    diffusion: tuple[tuple[str, Array], ...]
    errors: tuple[Array, ...]
    exponent: int | None
    at: float
    simulations: Simulations | None = None


def numbers(
    problem: LearningProblem, evaluation: Evaluation, extrapolation: Extrapolation | None = None
) -> WeightDecaySweep:
    """Diffusion of every plane from a thirtieth of the weight decay to the last threshold.

    Synaptic noise turns learned axes into silent ones too.  A plane of the study that changes
    from one kind to the other at a threshold ends there.

    Parameters
    ----------
    problem : LearningProblem
    evaluation : Evaluation
        Of that problem.
    extrapolation : Extrapolation or None
        Its simulations; with them, others stand beside the first plane of each line.
    """
    strongest = float(np.linalg.norm(problem.teacher @ problem.input_covariance, 2))
    cheap = weights_of(problem) <= FEW_WEIGHTS or evaluation.method == "closed-form"
    grid = np.geomspace(
        problem.weight_decay / 30, 0.98 * strongest, _SWEEP_POINTS if cheap else _FEW_POINTS
    )
    planes: dict[Plane, Array] = {}
    known = set(evaluation.drift.planes)
    evaluated: list[Evaluated | None] = []
    for place, weight_decay in enumerate(grid):
        here = replace(problem, weight_decay=float(weight_decay))
        try:
            found = evaluate(here)
        except RequestError:
            # A threshold met with equality, or an unstable rate: a gap in the line.
            evaluated.append(None)
            continue
        evaluated.append((here, found))
        for plane, diffusion in zip(found.drift.planes, found.drift.diffusion, strict=True):
            learned = max(plane) <= found.minimum.rank
            alike = plane not in known or learned == (max(plane) <= evaluation.minimum.rank)
            if alike and diffusion > 0:
                planes.setdefault(plane, np.full(len(grid), np.nan))[place] = diffusion
    diffusion, firsts = _distinct(sorted(planes.items()))
    columns = [f"drift.diffusion.{i}-{j}" for i, j in firsts]
    errors = tuple(expected_errors(grid, evaluated, columns).values())
    exponent = 4 if _noise_vanishes_with_weight_decay(problem) else None
    sweep = WeightDecaySweep(grid, diffusion, errors, exponent, problem.weight_decay)
    if extrapolation is None:
        return sweep
    names = [name for name, _ in diffusion]
    simulations = _simulations(problem, evaluation, extrapolation, names)
    return replace(sweep, simulations=simulations)


def draw(data: WeightDecaySweep) -> Figure:
    """Diffusion against weight decay on logarithmic axes, with the power law as a guide."""
    with one_panel() as (figure, axes):
        curves = data.diffusion[:_MOST_CURVES]
        for style, (plane, values) in enumerate(curves):
            axes.plot(data.weight_decay, values, color=colour(style), label=f"plane {plane}")
            draw_band(axes, data.weight_decay, values, data.errors[style], colour(style))
        draw_points(axes, data.simulations, [colour(style) for style in range(len(curves))])
        if data.exponent is not None and curves:
            _guide(axes, data)
        axes.axvline(data.at, color="0.4", linewidth=0.8, linestyle=":")
        axes.set(xscale="log", yscale="log")
        axes.set_xlabel(r"weight decay $\gamma$")
        axes.set_ylabel(r"diffusion $D_{ij}$ (rad$^2$ / step)")
        axes.legend()
    return figure


def caption(data: WeightDecaySweep) -> str:
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
    text += caption_bands(data.errors[:_MOST_CURVES])
    if data.simulations is not None:
        text += caption_points([data.simulations])
    return text


def _simulations(
    problem: LearningProblem,
    evaluation: Evaluation,
    extrapolation: Extrapolation,
    names: Sequence[str],
) -> Simulations:
    """Simulations beside the first plane of each line, which its name begins with."""
    planes = evaluation.drift.planes
    lines = {
        plane: line
        for line, name in enumerate(names)
        for plane in planes
        if name.startswith(str(plane))
    }
    values = [problem.weight_decay * factor for factor in _SIMULATED]
    more = simulated((value, replace(problem, weight_decay=value)) for value in values)
    own = measured(problem.weight_decay, extrapolation.runs[extrapolation.own], evaluation)
    return upon_lines([own, *more], lines)


def _distinct(
    curves: Iterable[tuple[Plane, Array]],
) -> tuple[tuple[tuple[str, Array], ...], list[Plane]]:
    """Curves with those that coincide joined under one name, and the first plane of each."""
    joined: list[tuple[list[Plane], Array]] = []
    for plane, values in curves:
        for planes, known in joined:
            if np.allclose(values, known, rtol=1e-9, atol=0.0, equal_nan=True):
                planes.append(plane)
                break
        else:
            joined.append(([plane], values))
    named = tuple((_abbreviated(planes), values) for planes, values in joined)
    return named, [planes[0] for planes, _ in joined]


def _abbreviated(planes: list[Plane]) -> str:
    names = list(map(str, planes))
    return ", ".join(names if len(names) <= 3 else [*names[:2], "…", names[-1]])


def _noise_vanishes_with_weight_decay(problem: LearningProblem) -> bool:
    """Whether the errors left at the minimum are of the order of the weight decay.

    Then noise and fluctuation both go with its square, the diffusion with its fourth power.
    """
    learnable = int(np.linalg.matrix_rank(problem.teacher))
    quiet = not np.any(problem.label_noise) and problem.synaptic_noise == 0
    return quiet and problem.hidden >= learnable


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

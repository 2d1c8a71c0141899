"""Diffusion under any rule against the variance of one input that is not learned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from matplotlib.figure import Figure

from symdrift.errors import RequestError
from symdrift.evaluation.any_rule import RuleEvaluation
from symdrift.evaluation.evaluate import evaluate_any_rule
from symdrift.figures.bands import caption_bands, draw_band
from symdrift.figures.simulated import (
    FEW_WEIGHTS,
    SimulatedPoints,
    Simulations,
    caption_points,
    draw_points,
)
from symdrift.figures.style import colour, one_panel
from symdrift.inputs import Gaussian
from symdrift.study.learner import Learner
from symdrift.study.problem import Array
from symdrift.validation.extrapolate import Extrapolation
from symdrift.validation.validate import Validation
from symdrift.validation.validate_rule import validate_rule_rate

_POINTS, _FEW_POINTS = 33, 7
_RANGE = (0.03, 0.9)
"""Variances over the smallest that is learned."""
_SIMULATED = (0.4, 1.4)
"""Variances of simulations, over that of the study."""
_REPLICAS, _PRECISION = 256, 0.04
_MOST_PLANES = 3
_SILENT = 1e-9
"""Response to an axis, over the largest to any, of one that is not learned."""


@dataclass(frozen=True)
class IrrelevantVariance:
    """Diffusion of some planes against the variance of an input axis.

    Attributes
    ----------
    axis : int
        From 1.
    variance : Array
        Shape ``(points,)``.
    diffusion : tuple of (str, Array)
        Plane, and its diffusion in rad^2/step, shape ``(points,)``; NaN where the axis is learned
        or there is no theory.
    error : Array
        Relative expected error, shape ``(points,)``.
    at : float
        Variance of the study.
    simulations : Simulations or None
        None when there are none.
    """

    axis: int
    variance: Array
    diffusion: tuple[tuple[str, Array], ...]
    error: Array
    at: float
    simulations: Simulations | None


def numbers(
    learner: Learner, exact: RuleEvaluation, extrapolation: Extrapolation | None
) -> IrrelevantVariance | None:
    """Diffusion up to where the axis would be learned; None where every axis is, or nothing turns.

    Of the axes that are not learned the one of the largest variance; inputs are Gaussian and
    independent.

    Parameters
    ----------
    learner : Learner
    exact : RuleEvaluation
        Its numbers.
    extrapolation : Extrapolation or None
        Its simulations; without them nothing is simulated.
    """
    covariance = learner.inputs.covariance
    independent = not np.any(covariance - np.diag(np.diagonal(covariance)))
    if not (isinstance(learner.inputs, Gaussian) and independent and exact.drift.covariance.any()):
        return None
    variances, learned = np.diagonal(covariance), _learned(exact)
    if learned.all() or not learned.any():
        return None
    axis = int(np.argmax(np.where(learned, 0.0, variances)))
    at, least = float(variances[axis]), float(variances[learned].min())
    weights = sum(matrix.size for matrix in exact.minimum.orbit.point)
    points = _POINTS if weights <= FEW_WEIGHTS else _FEW_POINTS
    low, high = (share * least for share in _RANGE)
    grid = np.geomspace(min(low, 0.5 * at), max(high, at), points)
    found = [_at_variance(learner, axis, float(value)) for value in grid]
    turning = np.flatnonzero(exact.drift.diffusion > 0)[:_MOST_PLANES].tolist()
    several = len(exact.layers) > 1
    names = [
        f"{plane.layer} ({plane.i}, {plane.j})" if several else f"({plane.i}, {plane.j})"
        for plane in (exact.drift.planes[place] for place in turning)
    ]
    missing = np.full(len(exact.drift.planes), np.nan)
    lines = np.array([missing if each is None else each.drift.diffusion for each in found])
    return IrrelevantVariance(
        axis=axis + 1,
        variance=grid,
        diffusion=tuple(
            (name, lines[:, place]) for name, place in zip(names, turning, strict=True)
        ),
        error=np.array([np.nan if e is None else e.validity.expected_error for e in found]),
        at=at,
        simulations=(
            None
            if extrapolation is None
            else _simulations(learner, exact, axis, extrapolation, len(turning))
        ),
    )


def draw(data: IrrelevantVariance) -> Figure:
    """Diffusion against the variance on logarithmic axes."""
    with one_panel() as (figure, axes):
        for place, (name, values) in enumerate(data.diffusion):
            axes.plot(data.variance, values, color=colour(place), label=f"plane {name}")
            draw_band(axes, data.variance, values, data.error, colour(place))
        draw_points(axes, data.simulations, [colour(k) for k in range(len(data.diffusion))])
        axes.axvline(data.at, color="0.4", linewidth=0.8, linestyle=":")
        axes.set(xscale="log", yscale="log")
        axes.set_xlabel(rf"variance $\lambda_{{{data.axis}}}$ of an input that is not learned")
        axes.set_ylabel(r"diffusion $D_{ij}$ (rad$^2$ / step)")
        axes.legend()
    return figure


def caption(data: IrrelevantVariance) -> str:
    """What the figure shows."""
    first, values = data.diffusion[0]
    there = np.isfinite(values) & (values > 0)
    powers = np.gradient(np.log(values[there]), np.log(data.variance[there]))
    here = float(np.interp(np.log(data.at), np.log(data.variance[there]), powers))
    text = (
        f"Diffusion of the hidden rotation against the variance of input axis {data.axis}, which "
        "is not learned, with all else as in the study, which the dotted line marks. In plane "
        f"{first} it goes with the power {powers[0]:.2f} of that variance at the left end and with "
        f"the power {here:.2f} at the study; the smaller the power, the more of the drift would "
        "go on without this input."
    )
    text += caption_bands([data.error])
    return text if data.simulations is None else text + caption_points([data.simulations])


def _learned(found: RuleEvaluation) -> Array:
    """Whether any hidden layer responds to each input axis, shape ``(n,)``."""
    sizes = [np.abs(response) / np.abs(response).max() for response in _responses(found)]
    return np.array(np.concatenate(sizes).max(axis=0) > _SILENT)


def _responses(found: RuleEvaluation) -> Iterator[Array]:
    return (response for response in found.minimum.orbit.responses.values() if response.any())


def _with_variance(learner: Learner, axis: int, variance: float) -> Learner:
    covariance = learner.inputs.covariance.copy()
    covariance[axis, axis] = variance
    return replace(learner, inputs=Gaussian(covariance))


def _at_variance(learner: Learner, axis: int, variance: float) -> RuleEvaluation | None:
    """None where there is no theory, or the axis is learned."""
    try:
        found = evaluate_any_rule(_with_variance(learner, axis, variance))
    except RequestError:
        return None
    return None if _learned(found)[axis] else found


def _simulations(
    learner: Learner, exact: RuleEvaluation, axis: int, extrapolation: Extrapolation, planes: int
) -> Simulations:
    """Simulations at the study and beside it, on the lines of the first planes that turn."""
    at = float(learner.inputs.covariance[axis, axis])
    runs = [(at, extrapolation.runs[extrapolation.own])]
    errors = [exact.validity.expected_error]
    for seed, factor in enumerate(_SIMULATED, start=1):
        other = _with_variance(learner, axis, factor * at)
        if (found := _at_variance(learner, axis, factor * at)) is None:
            continue
        errors.append(found.validity.expected_error)
        run = validate_rule_rate(other, None, _REPLICAS, seed, precision=_PRECISION)
        if run.interrupted:
            raise KeyboardInterrupt
        runs.append((factor * at, run))
    return Simulations(tuple(_points(runs, line) for line in range(planes)), 0, max(errors))


def _points(runs: Sequence[tuple[float, Validation]], line: int) -> SimulatedPoints:
    # What does not turn has no row.
    rows = [
        [row for row in run.rows if row.quantity.startswith("V[") and ";" not in row.quantity][line]
        for _, run in runs
    ]
    return SimulatedPoints(
        line=line,
        values=np.array([value for value, _ in runs]),
        theory=0.5 * np.array([row.theory for row in rows]),
        simulation=0.5 * np.array([row.simulation for row in rows]),
        standard_error=0.5 * np.array([row.standard_error for row in rows]),
    )

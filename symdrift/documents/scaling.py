"""Numbers of the figures of diffusion against the parameters of learning."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from symdrift.documents.series import FEW_WEIGHTS
from symdrift.errors import RequestError
from symdrift.evaluation.evaluate import evaluate
from symdrift.evaluation.result import Evaluation
from symdrift.figures import (
    Isotropic,
    Scaling,
    ScalingPanel,
    SimulatedPoints,
    Simulations,
    WeightDecaySweep,
)
from symdrift.inputs import Gaussian
from symdrift.study.problem import Array, LearningProblem, Stimulus
from symdrift.validation.extrapolate import Extrapolation
from symdrift.validation.plan import minimum_of, schedule_of
from symdrift.validation.validate import Row, Validation, run_planned

MOST_PLANES = 3
MOST_INPUTS = 64

MOST_WEIGHT_STEPS = 2.5e9
"""Steps times weights times batch of all networks of one point: about two seconds."""

_POINTS, _FEW_POINTS = 17, 5
_RATE_RANGE = (0.1, 3.0)
_BATCHES = (1, 2, 4, 8, 16, 32, 64)
_SIZES = (2, 3, 4, 6, 8, 12, 16, 24, 32, 48, MOST_INPUTS)

_SIMULATED_BATCHES = (2, 8)
_SIMULATED_SIZES = (2, 4, 8)
_SIMULATED_WEIGHT_DECAYS = (0.3, 2.0)
_REPLICAS, _WINDOWS = 256, 16
"""Networks of one point and windows of each: a standard error of about 4 %."""

_ISOTROPIC_STIFFNESS = 0.03
"""Learning rate times ``lambda (n + 2)``, the size of corrections, of the largest simulated n."""

Plane = tuple[int, int]


@dataclass(frozen=True)
class _Measured:
    """Rotation variance of each plane at one value of a parameter, and ``eta h_max``."""

    value: float
    variances: dict[Plane, Row]
    stiffness: float


def scaling(
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
    if not evaluation.drift.planes or problem.synaptic_noise > 0:
        return None
    rate = problem.learning_rate
    weights = problem.hidden * sum(problem.teacher.shape)
    cheap = weights <= FEW_WEIGHTS or evaluation.method == "closed-form"
    points = _POINTS if cheap else _FEW_POINTS
    batches = _BATCHES if cheap else _BATCHES[::3]
    rates = rate * np.geomspace(*_RATE_RANGE, points)
    planes = evaluation.drift.planes
    lines = {plane: line for line, plane in enumerate(planes[:MOST_PLANES])}
    at_rates = at_batches = None
    if extrapolation is not None:
        known = [_measured(run.learning_rate, planes, run) for run in extrapolation.runs]
        own = _measured(float(problem.batch), planes, extrapolation.runs[extrapolation.own])
        larger = [problem.batch * factor for factor in _SIMULATED_BATCHES]
        more = _simulated((float(batch), replace(problem, batch=batch)) for batch in larger)
        at_rates, at_batches = _simulations(known, lines), _simulations([own, *more], lines)
    panels = [
        ScalingPanel(
            r"learning rate $\eta$",
            rates,
            _curves(evaluation, (replace(problem, learning_rate=float(value)) for value in rates)),
            3,
            rate,
            at_rates,
        ),
        ScalingPanel(
            "batch size $B$",
            np.array(batches, dtype=np.float64),
            _curves(evaluation, (replace(problem, batch=value) for value in batches)),
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
    diffusion = np.array(
        [_diffusion(_isotropic(slow, variance, size)).get((1, 2), np.nan) for size in _SIZES]
    )
    at_sizes = None
    if extrapolation is not None:
        sizes = [(float(size), _isotropic(slow, variance, size)) for size in _SIMULATED_SIZES]
        at_sizes = _simulations(_simulated(sizes), {(1, 2): 0})
    panel = ScalingPanel(
        "number of inputs $n$",
        np.array(_SIZES, dtype=np.float64),
        (("every plane", diffusion),),
        None,
        None,
        at_sizes,
    )
    return Scaling((*panels, panel), Isotropic(variance, slow.learning_rate))


def with_simulations(
    sweep: WeightDecaySweep,
    problem: LearningProblem,
    evaluation: Evaluation,
    extrapolation: Extrapolation,
) -> WeightDecaySweep:
    """The sweep of the weight decay with simulations beside the first plane of each line."""
    planes = evaluation.drift.planes
    lines = {
        plane: line
        for line, (name, _) in enumerate(sweep.diffusion)
        for plane in planes
        if name.startswith(str(plane))
    }
    values = [problem.weight_decay * factor for factor in _SIMULATED_WEIGHT_DECAYS]
    more = _simulated((value, replace(problem, weight_decay=value)) for value in values)
    own = _measured(problem.weight_decay, planes, extrapolation.runs[extrapolation.own])
    return replace(sweep, simulations=_simulations([own, *more], lines))


def _simulated(problems: Iterable[tuple[float, LearningProblem]]) -> list[_Measured | None]:
    """Simulation of each problem that is inside the theory; None where it would take too long."""
    found: list[_Measured | None] = []
    for seed, (value, problem) in enumerate(problems, start=1):
        # Displacements are not wanted, and other stimuli turn with the hidden layer too.
        followed = replace(problem, stimuli=problem.stimuli[:1])
        try:
            evaluation = evaluate(followed)
            minimum = minimum_of(followed)
        except RequestError:
            continue
        schedule = replace(
            schedule_of(followed, minimum, followed.learning_rate, _WINDOWS, _REPLICAS),
            halvings=0,
        )
        weights = followed.hidden * sum(followed.teacher.shape) * followed.batch
        if schedule.steps * _REPLICAS * weights > MOST_WEIGHT_STEPS:
            found.append(None)
            continue
        run = run_planned(followed, evaluation, schedule, _REPLICAS, seed, None, None, None)
        if run.interrupted:
            raise KeyboardInterrupt
        found.append(_measured(value, evaluation.drift.planes, run))
    return found


def _measured(value: float, planes: Sequence[Plane], run: Validation) -> _Measured:
    variances = [
        row for row in run.rows if row.quantity.startswith("V[") and ";" not in row.quantity
    ]
    return _Measured(value, dict(zip(planes, variances, strict=True)), run.stiffness)


def _simulations(measured: Sequence[_Measured | None], lines: dict[Plane, int]) -> Simulations:
    """Points of the planes that have a line; the diffusion is half the variance."""
    made = [entry for entry in measured if entry is not None]
    points = []
    for plane, line in lines.items():
        there = [entry for entry in made if plane in entry.variances]
        rows = [entry.variances[plane] for entry in there]
        points.append(
            SimulatedPoints(
                line=line,
                values=np.array([entry.value for entry in there]),
                theory=0.5 * np.array([row.theory for row in rows]),
                simulation=0.5 * np.array([row.simulation for row in rows]),
                standard_error=0.5 * np.array([row.standard_error for row in rows]),
            )
        )
    return Simulations(
        points=tuple(points),
        left_out=len(measured) - len(made),
        stiffness=max((entry.stiffness for entry in made), default=0.0),
    )


def _curves(
    evaluation: Evaluation, problems: Iterator[LearningProblem]
) -> tuple[tuple[str, Array], ...]:
    """Diffusion of the first planes of the study in each problem; NaN where one is missing."""
    planes = evaluation.drift.planes[:MOST_PLANES]
    columns = [_diffusion(problem) for problem in problems]
    return tuple(
        (f"plane {plane}", np.array([column.get(plane, np.nan) for column in columns]))
        for plane in planes
    )


def _diffusion(problem: LearningProblem) -> dict[Plane, float]:
    """Diffusion by plane; nothing outside the theory."""
    try:
        drift = evaluate(problem).drift
    except RequestError:
        return {}
    return {plane: float(value) for plane, value in zip(drift.planes, drift.diffusion, strict=True)}


def _isotropic(problem: LearningProblem, variance: float, size: int) -> LearningProblem:
    """An autoencoder of this size whose inputs all have the same variance."""
    return replace(
        problem,
        hidden=size,
        inputs=Gaussian(variance * np.eye(size)),
        teacher=np.eye(size),
        label_noise=np.full(size, float(np.mean(problem.label_noise))),
        stimuli=(Stimulus("axis 1", np.eye(size)[0]),),
    )

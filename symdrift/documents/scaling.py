"""Numbers of the figure of diffusion against the parameters of learning."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from symdrift.documents.series import FEW_WEIGHTS
from symdrift.errors import RequestError
from symdrift.evaluation import Evaluation
from symdrift.figures import Scaling, ScalingPanel
from symdrift.inputs import Gaussian
from symdrift.problem import Array, LearningProblem
from symdrift.roads import evaluate

MOST_PLANES = 3
MOST_INPUTS = 64

_POINTS, _FEW_POINTS = 17, 5
_RATE_RANGE = (0.1, 3.0)
_BATCHES = (1, 2, 4, 8, 16, 32, 64)
_SIZES = (2, 3, 4, 6, 8, 12, 16, 24, 32, 48, MOST_INPUTS)


def scaling(problem: LearningProblem, evaluation: Evaluation) -> Scaling | None:
    """Diffusion against learning rate, batch size and number of inputs.

    None without planes, or with synaptic noise, whose diffusion follows none of these laws.
    """
    if not evaluation.drift.planes or problem.synaptic_noise > 0:
        return None
    rate = problem.learning_rate
    weights = problem.hidden * sum(problem.teacher.shape)
    cheap = weights <= FEW_WEIGHTS or evaluation.method == "closed-form"
    points = _POINTS if cheap else _FEW_POINTS
    batches = _BATCHES if cheap else _BATCHES[::3]
    rates = rate * np.geomspace(*_RATE_RANGE, points)
    panels = [
        ScalingPanel(
            r"learning rate $\eta$",
            rates,
            _curves(evaluation, (replace(problem, learning_rate=float(value)) for value in rates)),
            3,
            rate,
        ),
        ScalingPanel(
            "batch size $B$",
            np.array(batches, dtype=np.float64),
            _curves(evaluation, (replace(problem, batch=value) for value in batches)),
            -2,
            float(problem.batch),
        ),
    ]
    variance = float(np.trace(problem.input_covariance)) / len(problem.input_covariance)
    if variance <= problem.weight_decay:
        return Scaling(tuple(panels), None)
    sizes = np.array(_SIZES, dtype=np.float64)
    diffusion = np.array([_isotropic(problem, variance, size) for size in _SIZES])
    panel = ScalingPanel("number of inputs $n$", sizes, (("every plane", diffusion),), None, None)
    return Scaling((*panels, panel), variance)


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


def _diffusion(problem: LearningProblem) -> dict[tuple[int, int], float]:
    """Diffusion by plane; nothing outside the theory."""
    try:
        drift = evaluate(problem).drift
    except RequestError:
        return {}
    return {plane: float(value) for plane, value in zip(drift.planes, drift.diffusion, strict=True)}


def _isotropic(problem: LearningProblem, variance: float, size: int) -> float:
    """Diffusion in an autoencoder of this size whose inputs all have the same variance."""
    network = replace(
        problem,
        hidden=size,
        inputs=Gaussian(variance * np.eye(size)),
        teacher=np.eye(size),
        label_noise=np.full(size, float(np.mean(problem.label_noise))),
        stimuli=(),
    )
    return _diffusion(network).get((1, 2), np.nan)

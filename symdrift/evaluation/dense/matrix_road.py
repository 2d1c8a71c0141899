"""All stages of the dense road in a row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from symdrift.evaluation.dense.landscape import MinimumPoint, in_units, solve_minimum
from symdrift.evaluation.dense.lyapunov import NormalFluctuation, gradient_fluctuation
from symdrift.evaluation.dense.rotation_covariance import (
    angular_matrices,
    decay_matrix,
    hidden_drift,
    mean_rotation_matrix,
)
from symdrift.evaluation.dense.sizes import require_stimulus_memory, require_tensor_memory
from symdrift.evaluation.result import (
    Evaluation,
    Fluctuation,
    Minimum,
    StimulusDrift,
    StimulusEvaluation,
    check_approximation,
    parameters_of,
    stillness_warnings,
    stimulus_drift,
    validity_warnings,
)
from symdrift.evaluation.synapses import synaptic_decay, synaptic_warnings, with_synaptic_noise
from symdrift.evaluation.units import Units, natural_units
from symdrift.progress import Progress
from symdrift.study.problem import Array, LearningProblem

UNSEEN_TOLERANCE = 1e-9
"""Relative size below which what the teacher does where no input occurs counts as zero."""


def evaluate(
    problem: LearningProblem, approximation: str = "exact", progress: Progress | None = None
) -> Evaluation:
    """Every number of a problem from full matrices: any teacher, any inputs.

    Parameters
    ----------
    problem : LearningProblem
    approximation : {"exact", "white"}
        ``"white"`` treats noise and fluctuation as uncorrelated in time.
    progress : callable, optional
        Called with the number of finished planes and of all.

    Raises
    ------
    RequestError
        When the approximation is unknown, the learning rate is unstable, the minimum is
        refused (see `solve_minimum`), or memory does not suffice.
    """
    
    def require_memory(inputs: int, outputs: int, rank: int) -> None:
        planes = rank * (rank - 1) // 2
        if problem.synaptic_noise > 0:
            planes += rank * (problem.hidden - rank)
        require_tensor_memory(inputs, outputs, rank, planes)

    stages = _stages(problem, approximation, require_memory)
    minimum, natural = stages.minimum, stages.problem
    rate = natural.learning_rate
    drift = hidden_drift(minimum.point, stages.fluctuation, rate, approximation, progress)
    if problem.synaptic_noise > 0:
        drift = with_synaptic_noise(
            drift, minimum.singular_values, problem.hidden, natural.synaptic_noise
        )
    delta, mean_rotation = angular_matrices(drift, minimum.rank)
    return Evaluation(
        study=problem.study,
        method="dense",
        approximation=approximation,
        parameters=parameters_of(problem),
        minimum=stages.numbers,
        fluctuation=stages.fluctuation_numbers,
        drift=drift,
        stimuli=_stimuli(stages, delta, mean_rotation),
        warnings=stages.warnings,
    )


def evaluate_stimuli(
    problem: LearningProblem, approximation: str = "exact", progress: Progress | None = None
) -> StimulusEvaluation:
    """The numbers of the stimuli, without the covariance of rotations between all planes.

    Parameters
    ----------
    problem, approximation, progress
        As for `evaluate`.

    Raises
    ------
    RequestError
        As for `evaluate`.
    """
    stages = _stages(problem, approximation, require_stimulus_memory)
    minimum, natural = stages.minimum, stages.problem
    rate = natural.learning_rate
    delta = decay_matrix(minimum.point, stages.fluctuation, rate, approximation, progress)
    if problem.synaptic_noise > 0:
        delta[np.diag_indices(minimum.rank)] += synaptic_decay(
            minimum.singular_values, problem.hidden, natural.synaptic_noise
        )
    mean_rotation = mean_rotation_matrix(minimum.point, stages.fluctuation, rate)
    return StimulusEvaluation(
        study=problem.study,
        method="dense",
        approximation=approximation,
        parameters=parameters_of(problem),
        minimum=stages.numbers,
        fluctuation=stages.fluctuation_numbers,
        decay_matrix=delta,
        mean_rotation=mean_rotation,
        stimuli=_stimuli(stages, delta, mean_rotation),
        warnings=stages.warnings,
    )


@dataclass(frozen=True)
class _Stages:
    """What every evaluation begins with, the first three in natural units."""

    units: Units
    problem: LearningProblem
    minimum: MinimumPoint
    numbers: Minimum
    fluctuation: NormalFluctuation
    fluctuation_numbers: Fluctuation
    warnings: tuple[str, ...]


def _stages(
    problem: LearningProblem, approximation: str, require_memory: Callable[[int, int, int], None]
) -> _Stages:
    """Minimum and fluctuation, refused before anything that does not fit is begun."""
    check_approximation(approximation)
    minimum = solve_minimum(
        problem.teacher, problem.input_covariance, problem.weight_decay, problem.hidden
    )
    certificate = minimum.certificate
    warnings = validity_warnings(problem, certificate.hessian_max) + unseen_warnings(problem)
    warnings += stillness_warnings(problem, minimum.rank)
    if problem.synaptic_noise > 0:
        warnings += synaptic_warnings(
            problem, certificate.hessian_min, float(minimum.singular_values[-1])
        )
    numbers = Minimum(
        rank=minimum.rank,
        singular_values=minimum.singular_values,
        loss=minimum.loss + 0.5 * float(np.sum(problem.label_noise)),
        hessian_min=certificate.hessian_min,
        hessian_max=certificate.hessian_max,
        certificate=certificate,
    )
    outputs, inputs = problem.teacher.shape
    require_memory(inputs, outputs, minimum.rank)
    units = natural_units(problem.teacher, problem.input_covariance)
    natural, minimum = units.problem(problem), in_units(minimum, units)
    fluctuation = gradient_fluctuation(natural, minimum)
    return _Stages(
        units=units,
        problem=natural,
        minimum=minimum,
        numbers=numbers,
        fluctuation=fluctuation,
        fluctuation_numbers=units.inverse.fluctuation(_fluctuation(natural, minimum, fluctuation)),
        warnings=warnings,
    )


def _stimuli(stages: _Stages, delta: Array, mean_rotation: Array) -> tuple[StimulusDrift, ...]:
    return tuple(
        stages.units.inverse.stimulus(
            stimulus_drift(stimulus, stages.minimum.first_layer, delta, mean_rotation)
        )
        for stimulus in stages.problem.stimuli
    )


def _fluctuation(
    problem: LearningProblem, minimum: MinimumPoint, fluctuation: NormalFluctuation
) -> Fluctuation:
    """Fluctuation by gradient noise and by synaptic noise, ``varsigma^2 / (2 eta) H^-1``."""
    variance = problem.synaptic_noise / (2 * problem.learning_rate)
    spectrum = minimum.spectrum
    return Fluctuation(
        weight_variance=fluctuation.weight_variance + variance * spectrum.inverse_trace,
        excess_loss=fluctuation.excess_loss + 0.5 * variance * spectrum.dimension,
    )


def unseen_warnings(problem: LearningProblem) -> tuple[str, ...]:
    """Warn when the teacher acts on inputs that never occur: nothing of it is learned."""
    if problem.inputs.full_rank:
        return ()
    variances, axes = np.linalg.eigh(problem.input_covariance)
    size = len(variances)
    unseen = variances <= size * np.finfo(float).eps * variances[-1]
    acted_on = np.linalg.norm(problem.teacher @ axes[:, unseen])
    if acted_on <= UNSEEN_TOLERANCE * np.linalg.norm(problem.teacher):
        return ()
    return (
        f"inputs span {size - np.count_nonzero(unseen)} of {size} dimensions; what the teacher "
        "does in the others is not learned and has no representation: add stimuli that span "
        "them, or leave those inputs out",
    )

"""All stages of the dense road in a row."""

from __future__ import annotations

import numpy as np

from symdrift.dense.drift import angular_matrices, hidden_drift
from symdrift.dense.fluctuation import stationary_fluctuation
from symdrift.dense.hessian import hessian_matrix
from symdrift.dense.minimum import solve_minimum
from symdrift.dense.noise import gradient_noise, reachable_basis
from symdrift.errors import RequestError
from symdrift.evaluation import (
    Evaluation,
    Fluctuation,
    Minimum,
    parameters_of,
    stimulus_drift,
    validity_warnings,
)
from symdrift.problem import LearningProblem

APPROXIMATIONS = ("exact", "white")


def evaluate(problem: LearningProblem, approximation: str = "exact") -> Evaluation:
    """Every number of a problem from full matrices: any teacher, any inputs.

    Parameters
    ----------
    problem : LearningProblem
    approximation : {"exact", "white"}
        ``"white"`` treats noise and fluctuation as uncorrelated in time.

    Raises
    ------
    RequestError
        When the approximation is unknown, synaptic noise is present, the learning rate
        is unstable, or the minimum is refused (see `solve_minimum`).
    """
    if approximation not in APPROXIMATIONS:
        allowed = ", ".join(APPROXIMATIONS)
        raise RequestError(
            "approximation", f'= "{approximation}" is unknown; allowed are {allowed}'
        )
    if problem.synaptic_noise != 0:
        raise RequestError(
            "learning.synaptic_noise",
            f"= {problem.synaptic_noise:g} is not covered by the dense road yet and must be 0",
        )
    covariance = problem.input_covariance
    minimum = solve_minimum(problem.teacher, covariance, problem.weight_decay, problem.hidden)
    certificate = minimum.certificate
    warnings = validity_warnings(problem, certificate.hessian_max)
    fluctuation = stationary_fluctuation(
        hessian_matrix(minimum.point, problem.teacher, covariance, problem.weight_decay),
        gradient_noise(minimum, problem.inputs, problem.label_noise, problem.batch),
        reachable_basis(minimum),
        problem.learning_rate,
    )
    drift = hidden_drift(minimum.point, fluctuation, problem.learning_rate, approximation)
    delta, mean_rotation = angular_matrices(drift, minimum.rank)
    return Evaluation(
        study=problem.study,
        method="dense",
        approximation=approximation,
        parameters=parameters_of(problem),
        minimum=Minimum(
            rank=minimum.rank,
            singular_values=minimum.singular_values,
            loss=minimum.loss + 0.5 * float(np.sum(problem.label_noise)),
            hessian_min=certificate.hessian_min,
            hessian_max=certificate.hessian_max,
        ),
        fluctuation=Fluctuation(
            weight_variance=fluctuation.weight_variance,
            excess_loss=fluctuation.excess_loss,
        ),
        drift=drift,
        stimuli=tuple(
            stimulus_drift(stimulus, minimum.first_layer, delta, mean_rotation)
            for stimulus in problem.stimuli
        ),
        warnings=warnings,
    )

"""The two roads to the numbers, and which one a problem can take."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from symdrift.errors import RequestError

if TYPE_CHECKING:
    from symdrift.evaluation import Evaluation
    from symdrift.problem import LearningProblem

METHODS = ("auto", "closed-form", "dense")
APPROXIMATIONS = ("exact", "white")


def evaluate(
    problem: LearningProblem, method: str = "auto", approximation: str = "exact"
) -> Evaluation:
    """Every number of a problem: minimum, fluctuation, drift, stimuli.

    Parameters
    ----------
    problem : LearningProblem
    method : {"auto", "closed-form", "dense"}
        ``"closed-form"`` evaluates the derived formulas, which need a teacher aligned
        with Gaussian inputs; ``"dense"`` solves full matrix equations for any problem;
        ``"auto"`` takes the closed form where it applies.
    approximation : {"exact", "white"}
        ``"white"`` treats noise and fluctuation as uncorrelated in time; it is off by
        tens of percent and is there for comparison.

    Returns
    -------
    Evaluation
        All rates per SGD step, at leading order in the learning rate.

    Raises
    ------
    RequestError
        When an argument is unknown, the closed form is asked for and does not apply, or
        the problem is outside the theory.
    """
    if method not in METHODS:
        raise RequestError("method", f'= "{method}" is unknown; allowed are {", ".join(METHODS)}')
    if approximation not in APPROXIMATIONS:
        allowed = ", ".join(APPROXIMATIONS)
        raise RequestError(
            "approximation", f'= "{approximation}" is unknown; allowed are {allowed}'
        )
    # Overflow shows in the result, which is checked as a whole.
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        evaluation = _evaluate(problem, method, approximation)
    if not _is_finite(evaluation):
        raise RequestError(
            "study", f'"{problem.study}" leads to numbers beyond double precision; rescale it'
        )
    return evaluation


def _evaluate(problem: LearningProblem, method: str, approximation: str) -> Evaluation:
    if method != "dense":
        from symdrift.closed_form import applies
        from symdrift.closed_form import evaluate as evaluate_closed_form

        obstacle = applies(problem)
        if obstacle is None:
            return evaluate_closed_form(problem, approximation)
        if method == "closed-form":
            raise RequestError("method", f'= "closed-form" does not apply: {obstacle}')
    from symdrift.dense import evaluate as evaluate_dense

    return evaluate_dense(problem, approximation)


def _is_finite(evaluation: Evaluation) -> bool:
    minimum, fluctuation, drift = evaluation.minimum, evaluation.fluctuation, evaluation.drift
    scalars = [minimum.loss, minimum.hessian_min, minimum.hessian_max]
    scalars += [fluctuation.weight_variance, fluctuation.excess_loss]
    for stimulus in evaluation.stimuli:
        scalars += [stimulus.squared_norm, stimulus.diffusion]
        scalars += [stimulus.decay_rate, stimulus.mean_speed]
    arrays = (scalars, minimum.singular_values, drift.covariance, drift.mean_rotation)
    return all(np.isfinite(array).all() for array in arrays)

"""The two roads to the numbers, and which one a problem can take."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from symdrift.errors import RequestError
from symdrift.evaluation import check_approximation

if TYPE_CHECKING:
    from collections.abc import Callable

    from symdrift.evaluation import Evaluation, StimulusEvaluation
    from symdrift.problem import Array, LearningProblem

METHODS = ("auto", "closed-form", "dense")


def evaluate(
    problem: LearningProblem,
    method: str = "auto",
    approximation: str = "exact",
    progress: Callable[[int, int], None] | None = None,
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
    progress : callable, optional
        Called on the dense road with the number of finished planes and of all.

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
    closed = _takes_closed_form(problem, method, approximation)
    # Overflow shows in the result, which is checked as a whole.
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        if closed:
            from symdrift.closed_form import evaluate as evaluate_closed_form

            evaluation = evaluate_closed_form(problem, approximation)
        else:
            from symdrift.dense import evaluate as evaluate_dense

            evaluation = evaluate_dense(problem, approximation, progress)
    drift = evaluation.drift
    _require_finite(evaluation, drift.covariance, drift.mean_rotation)
    return evaluation


def evaluate_stimuli(
    problem: LearningProblem,
    method: str = "auto",
    approximation: str = "exact",
    progress: Callable[[int, int], None] | None = None,
) -> StimulusEvaluation:
    """Minimum, fluctuation and stimuli of a problem, without the drift by plane.

    On the dense road the covariance of rotations between all planes is by far the largest
    part; stimuli need its contraction ``Delta`` only.

    Parameters
    ----------
    problem, method, approximation, progress
        As for :func:`evaluate`.

    Returns
    -------
    StimulusEvaluation
        All rates per SGD step, at leading order in the learning rate.

    Raises
    ------
    RequestError
        As for :func:`evaluate`.
    """
    closed = _takes_closed_form(problem, method, approximation)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        if closed:
            from symdrift.closed_form import evaluate_stimuli as evaluate_closed_form

            evaluation = evaluate_closed_form(problem, approximation)
        else:
            from symdrift.dense import evaluate_stimuli as evaluate_dense

            evaluation = evaluate_dense(problem, approximation, progress)
    _require_finite(evaluation, evaluation.decay_matrix, evaluation.mean_rotation)
    return evaluation


def _takes_closed_form(problem: LearningProblem, method: str, approximation: str) -> bool:
    """Check the arguments and choose the road."""
    if method not in METHODS:
        raise RequestError("method", f'= "{method}" is unknown; allowed are {", ".join(METHODS)}')
    check_approximation(approximation)
    if method == "dense":
        return False
    from symdrift.closed_form import applies

    obstacle = applies(problem)
    if obstacle is not None and method == "closed-form":
        raise RequestError(
            "method", f'= "closed-form" does not apply: {obstacle}; use dense or auto'
        )
    return obstacle is None


def _require_finite(evaluation: Evaluation | StimulusEvaluation, *arrays: Array) -> None:
    minimum, fluctuation = evaluation.minimum, evaluation.fluctuation
    scalars = [minimum.loss, minimum.hessian_min, minimum.hessian_max]
    scalars += [fluctuation.weight_variance, fluctuation.excess_loss]
    for stimulus in evaluation.stimuli:
        scalars += [stimulus.squared_norm, stimulus.diffusion]
        scalars += [stimulus.decay_rate, stimulus.mean_speed]
    checked = (np.array(scalars), minimum.singular_values, *arrays)
    if not all(np.isfinite(array).all() for array in checked):
        raise RequestError(
            "study", f'"{evaluation.study}" leads to numbers beyond double precision; rescale it'
        )

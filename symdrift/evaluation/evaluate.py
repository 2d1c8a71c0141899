"""The two roads to the numbers, and which one a problem can take."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from math import comb
from typing import TYPE_CHECKING

import numpy as np

from symdrift.errors import RequestError, require_known
from symdrift.evaluation.corrections import rough_numbers, turning_later
from symdrift.evaluation.next_order.cost import AT_ONCE, LEAST, LONGEST
from symdrift.evaluation.parts import APPROXIMATIONS, IndependentDrift
from symdrift.evaluation.result import QUANTITIES
from symdrift.evaluation.strict_minima import active_axes
from symdrift.evaluation.units import beyond_double_precision
from symdrift.memory import (
    DIAGONAL_TEXT,
    LARGEST_TEXT,
    PLANE_ENTRY,
    require_memory,
    size_left,
    size_needed,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from symdrift.evaluation.any_rule import RuleEvaluation
    from symdrift.evaluation.parts import Drift
    from symdrift.evaluation.result import Evaluation
    from symdrift.evaluation.validity import Validity
    from symdrift.study import Study
    from symdrift.study.learner import Learner
    from symdrift.study.problem import Array, LearningProblem

ORDERS = (None, 1, 2)
"""In the learning rate; None: 2 where that takes under a second."""

CLOSE = 1e-9
"""Relative distance of singular values beyond which axes differ for the next order too."""

ENTRY = 1e-6
"""Seconds that the correction of one covariance takes in a record."""

PLANE = 1e-5
"""The same of a plane that turns independently of others, with all that is printed of it."""

METHODS = ("auto", "closed-form", "dense")

SMALLEST = float(np.finfo(np.float64).tiny)
"""Numbers below it have fewer digits."""


SLOWEST = 1e-90
"""Learning rate times fastest return; covariances are of the order of its cube."""


def evaluate(
    problem: LearningProblem,
    method: str = "auto",
    approximation: str = "exact",
    progress: Callable[[int, int], None] | None = None,
    quantities: str = "all",
    order: int | None = 1,
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
    quantities : {"all", "stimuli"}
        What is computed at once, or refused: with ``"stimuli"`` the dense road leaves the drift by
        plane, by far its largest part, until it is asked for.
    order : {1, 2} or None
        With 2 the evaluation has the corrections of the next order in the learning rate too;
        with None it has them where that takes under a second, as foreseen by counting.

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
    require_known("quantities", quantities, QUANTITIES)
    if order not in ORDERS:
        raise RequestError("order", f"= {order} must be 1 or 2, or None for what takes no time")
    closed = _takes_closed_form(problem, method, approximation)
    with _checked_afterwards(problem.study):
        if closed:
            from symdrift.evaluation.closed_form import evaluate as evaluate_closed_form

            evaluation = evaluate_closed_form(problem, approximation)
        else:
            from symdrift.evaluation.dense import evaluate as evaluate_dense

            if order == 2:
                require_next_order(problem)
            by_plane = partial(_drift, method=method, approximation=approximation)
            later = None if quantities == "all" else by_plane
            evaluation = evaluate_dense(problem, approximation, progress, later)
    evaluation = replace(evaluation, quantities=quantities)
    _require_in_range(problem, evaluation)
    if order is None:
        return corrected_at_once(problem, evaluation)
    return evaluation if order == 1 else _corrected(problem, evaluation, LONGEST)


def evaluate_study(
    study: Study,
    method: str = "auto",
    approximation: str = "exact",
    progress: Callable[[int, int], None] | None = None,
    quantities: str = "all",
    order: int | None = 1,
    longest: float = AT_ONCE,
) -> Evaluation | RuleEvaluation:
    """Every number of a study, whatever its learning rule.

    Parameters
    ----------
    study : Study
    method, approximation, progress, quantities, order
        As for `evaluate`; rules other than two-layer SGD have one road and the leading order.
    longest : float
        Seconds that the next order may take where ``order`` is None, as foreseen by counting.

    Raises
    ------
    RequestError
        As `evaluate`, or when the rule has not what is asked for.
    """
    if study.is_plain:
        problem = study.problem()
        found = evaluate(problem, method, approximation, progress, quantities, order or 1)
        return found if order is not None else corrected_at_once(problem, found, longest)
    require_any_rule_has(method, approximation, quantities, order)
    return evaluate_any_rule(study.learner(), progress)


def evaluate_any_rule(
    learner: Learner, progress: Callable[[int, int], None] | None = None
) -> RuleEvaluation:
    """Every number of a learner by the engine of any rule.

    Raises
    ------
    RequestError
        Also where double precision does not hold them.
    """
    from symdrift.evaluation.any_rule import evaluate_rule

    with _checked_afterwards(learner.study):
        evaluation = evaluate_rule(learner, progress)
    numbers = np.array([each.value for each in evaluation.listed()])
    if not np.isfinite(numbers).all() or evaluation.validity.rate_times_curvature < SLOWEST:
        raise beyond_double_precision(learner.study)
    return evaluation


def require_any_rule_has(
    method: str = "auto",
    approximation: str = "exact",
    quantities: str = "all",
    order: int | None = None,
) -> None:
    """Refuse what is known of two-layer SGD only."""
    require_known("method", method, METHODS)
    require_known("approximation", approximation, APPROXIMATIONS)
    require_known("quantities", quantities, QUANTITIES)
    needs = 'is there for learning.rule = "sgd" without momentum only'
    for name, value, known in (
        ("method", method, ("auto", "dense")),
        ("approximation", approximation, ("exact",)),
        ("quantities", quantities, ("all",)),
    ):
        if value not in known:
            raise RequestError(name, f'= "{value}" {needs}; {" or ".join(known)} is allowed')
    if order == 2:
        raise RequestError("order", f"= 2 {needs}: of other rules the next order is not known yet")


def corrected_at_once(
    problem: LearningProblem, evaluation: Evaluation, longest: float = AT_ONCE
) -> Evaluation:
    """The evaluation with the next order where there is one that takes no longer; else as it is.

    Parameters
    ----------
    problem : LearningProblem
    evaluation : Evaluation
        Of this problem.
    longest : float
        Seconds, as foreseen by counting: the clock has no say.
    """
    if evaluation.approximation != "exact":
        return evaluation
    rank = evaluation.minimum.rank
    planes = rank * (rank - 1) // 2 if evaluation.quantities == "all" else 0
    recording, expansions = ENTRY * planes**2, 0
    if evaluation.method == "closed-form":
        recording = PLANE * planes
        # Any two axes that differ have one of their own: what is far too long is not prepared.
        values = np.sort(evaluation.minimum.singular_values)
        expansions = comb(np.count_nonzero(np.diff(values) > CLOSE * values[1:]), 2)
    if recording + expansions * LEAST < longest:
        with suppress(RequestError):
            return _corrected(problem, evaluation, longest - recording)
    return evaluation


def validity(problem: LearningProblem) -> Validity:
    """How far numbers hold at the learning rate of a problem, without computing them.

    Parameters
    ----------
    problem : LearningProblem

    Raises
    ------
    RequestError
        When the problem is outside the theory.
    """
    with _checked_afterwards(problem.study):
        if _takes_closed_form(problem, "auto", "exact"):
            from symdrift.evaluation.closed_form import AlignedNetwork

            return AlignedNetwork.of(problem).validity()
        from symdrift.evaluation.dense.matrix_road import validity as dense_validity

        return dense_validity(problem)


def _corrected(problem: LearningProblem, evaluation: Evaluation, longest: float) -> Evaluation:
    """The evaluation with its corrections, and a warning where one of them is large."""
    from symdrift.evaluation.next_order.corrected import corrections

    if evaluation.approximation != "exact":
        raise RequestError("order", "= 2 needs the exact approximation: white noise has no next")
    with _checked_afterwards(problem.study):
        found = corrections(problem, evaluation, longest)
    corrected = replace(evaluation, next_order=found)
    if not np.isfinite(list(corrected.errors.values())).all():
        raise beyond_double_precision(problem.study)
    said = (
        *rough_numbers(corrected.errors, evaluation.validity.expected_error),
        *turning_later(found, problem.learning_rate),
    )
    return replace(corrected, warnings=(*evaluation.warnings, *said))


def require_next_order(problem: LearningProblem, longest: float = LONGEST) -> None:
    """Refuse a problem whose next order takes too long before its leading order is computed.

    Parameters
    ----------
    problem : LearningProblem
    longest : float
        Seconds that it may take, as foreseen.

    Raises
    ------
    RequestError
        Also where the minimum is refused.
    """
    from symdrift.evaluation.closed_form import applies
    from symdrift.evaluation.next_order.corrected import affordable_minimum
    from symdrift.evaluation.next_order.subnetworks import require_few_axes

    # Shared axes have their own way to the next order, whatever the road of the leading one.
    if applies(replace(problem, synaptic_noise=0.0)) is None:
        require_few_axes(problem, longest)
    else:
        affordable_minimum(problem, longest)


def _drift(problem: LearningProblem, method: str, approximation: str) -> Drift:
    return evaluate(problem, method, approximation).drift


def require_record_memory(
    problem: LearningProblem, method: str = "auto", *, full: bool = False
) -> None:
    """Refuse a problem whose JSON record would not fit, before it is evaluated.

    The closed form has variances by plane.  The dense road refuses matrices by their own size,
    record included.

    Parameters
    ----------
    problem, method
        As for :func:`evaluate`.
    full : bool
        Whether the record will have the covariance between all planes in any case: it is
        written row by row, and may only be too long.

    Raises
    ------
    RequestError
        Also when the problem is outside the theory.
    """
    if not _takes_closed_form(problem, method, "exact"):
        return
    from symdrift.evaluation.closed_form import AlignedNetwork

    axes = active_axes(AlignedNetwork.of(problem).singular_values).size
    planes = axes * (axes - 1) // 2
    many = f"with {axes} active hidden units has {planes} planes, and JSON with the"
    without = "and --quantities stimuli leaves the planes out"
    if full and (text := DIAGONAL_TEXT * planes**2) > LARGEST_TEXT:
        raise RequestError(
            "network",
            f"{many} covariance between all of them would be about {size_needed(text)} (at most "
            f"{size_left(LARGEST_TEXT)}); without --full-covariance it has the diagonal, {without}",
        )
    require_memory(
        "network",
        planes_memory(planes),
        f"{many} variances of their rotations would need",
        f"fewer units fit, {without}",
    )


def planes_memory(planes: int) -> int:
    """Bytes of planes that turn independently, and as many of their next order by itself."""
    return PLANE_ENTRY * planes * (2 if PLANE * planes < AT_ONCE else 1)


def _takes_closed_form(problem: LearningProblem, method: str, approximation: str) -> bool:
    """Check the arguments and choose the road."""
    require_known("method", method, METHODS)
    require_known("approximation", approximation, APPROXIMATIONS)
    if method == "dense":
        return False
    from symdrift.evaluation.closed_form import applies

    obstacle = applies(problem)
    if obstacle is not None and method == "closed-form":
        raise RequestError(
            "method", f'= "closed-form" does not apply: {obstacle}; use dense or auto'
        )
    return obstacle is None


@contextmanager
def _checked_afterwards(study: str) -> Iterator[None]:
    """Overflow shows in the result, which is checked as a whole, or ends an iteration."""
    try:
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            yield
    except (np.linalg.LinAlgError, OverflowError, ZeroDivisionError):
        raise beyond_double_precision(study) from None


def _require_in_range(problem: LearningProblem, evaluation: Evaluation) -> None:
    """Refuse results of which double precision holds none or only a few digits.

    Results are sums of products: one that is too small for its digits may be wrong altogether.
    Of a few stimuli every sample may be learned without an error, and nothing drifts; Gaussian
    and heavy-tailed inputs always leave noise, hence rates, diagonal entries of the arrays.
    """
    minimum, fluctuation, drift = evaluation.minimum, evaluation.fluctuation, evaluation.drift
    arrays: tuple[Array, ...] = (evaluation.decay_matrix, evaluation.mean_rotation)
    rates = np.diagonal(evaluation.decay_matrix)
    if evaluation.quantities == "all":
        rates = drift.variances
        independent = isinstance(drift, IndependentDrift)
        arrays = () if independent else (drift.covariance, drift.mean_rotation)
    positive = [minimum.loss, minimum.hessian_min, minimum.hessian_max, *minimum.singular_values]
    scalars = [fluctuation.weight_variance, fluctuation.excess_loss]
    for stimulus in evaluation.stimuli:
        scalars += [stimulus.squared_norm, stimulus.diffusion]
        scalars += [stimulus.decay_rate, stimulus.mean_speed]
    if problem.inputs.always_noisy:
        positive += [*scalars[:2], *(rates if minimum.rank > 1 else ())]
    sizes = [np.abs(array) for array in (np.array(scalars), rates, *arrays)]
    if not all(
        np.isfinite(size).all() and np.all((size == 0) | (size >= SMALLEST)) for size in sizes
    ) or not np.all((np.array(positive) >= SMALLEST) & np.isfinite(positive)):
        raise beyond_double_precision(evaluation.study)

"""What a study can be asked for in numbers: one function each, which takes the study."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, overload

from symdrift.study.problem import LearningProblem

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Executor

    from symdrift.evaluation.any_rule import RuleEvaluation
    from symdrift.evaluation.result import Evaluation
    from symdrift.evaluation.sensitivities import Sensitivities
    from symdrift.fitting import Fit
    from symdrift.fitting.best_fit import Measured
    from symdrift.fitting.free_numbers import Free
    from symdrift.observables import Observation
    from symdrift.observables.compare import ComparedStudy
    from symdrift.observables.side_by_side import SideBySide
    from symdrift.progress import Progress
    from symdrift.simulation import Trajectory
    from symdrift.simulation.rule_trajectory import RuleTrajectory
    from symdrift.study import Study
    from symdrift.study.problem import Array
    from symdrift.validation.extrapolate import Extrapolation
    from symdrift.validation.validate import Validation


def evaluate(
    study: Study,
    method: str = "auto",
    approximation: str = "exact",
    progress: Progress | None = None,
    quantities: str = "all",
    order: int | None = None,
) -> Evaluation:
    """Minimum, fluctuation, drift and stimuli of a study.

    Parameters
    ----------
    study : Study
    method : {"auto", "closed-form", "dense"}
        ``"closed-form"`` evaluates the derived formulas, which need a teacher aligned with
        Gaussian inputs; ``"dense"`` solves full matrix equations for any study; ``"auto"``
        takes the closed form where it applies.
    approximation : {"exact", "white"}
        ``"white"`` treats noise and fluctuation as uncorrelated in time; it is off by tens of
        percent and is there for comparison.
    progress : callable, optional
        Called on the dense road with the number of finished planes and of all.
    quantities : {"all", "stimuli"}
        ``"stimuli"``: the drift by plane, by far the largest part for wide networks, is computed
        when it is asked for, and tables and records leave it out.
    order : {1, 2} or None
        2: with the corrections of the next order in the learning rate; by default where they take
        under a second.

    Returns
    -------
    Evaluation
        All rates per SGD step, at leading order in the learning rate.

    Raises
    ------
    RequestError
        When a symbol lacks a value, an argument is unknown, the closed form is asked for and
        does not apply, or the study is outside the theory.
    """
    from symdrift.evaluation.evaluate import evaluate as evaluated

    return evaluated(_numbers(study), method, approximation, progress, quantities, order)


def evaluate_rule(study: Study, progress: Progress | None = None) -> RuleEvaluation:
    """Orbit, fluctuation, drift and stimuli of a study, whatever its learning rule.

    Parameters
    ----------
    study : Study
    progress : callable, optional
        Called with the number of finished planes and of all.

    Returns
    -------
    RuleEvaluation
        All rates per step, at leading order in the learning rate.

    Raises
    ------
    RequestError
        When a symbol lacks a value, the rule has no orbit at which learning ends, or it is
        unstable at the learning rate.
    """
    from symdrift.evaluation.evaluate import evaluate_any_rule

    return evaluate_any_rule(study.learner(), progress)


def evaluate_stimuli(
    study: Study,
    method: str = "auto",
    approximation: str = "exact",
    progress: Progress | None = None,
) -> Evaluation:
    """Former name of ``evaluate(study, quantities="stimuli")``."""
    warnings.warn(
        'symdrift.evaluate_stimuli(study) is evaluate(study, quantities="stimuli") from the next '
        "release on",
        DeprecationWarning,
        stacklevel=2,
    )
    return evaluate(study, method, approximation, progress, "stimuli")


def observe(
    study: Study,
    times: Array | None = None,
    approximation: str = "exact",
    seed: int = 0,
    progress: Progress | None = None,
    layer: str | None = None,
) -> Observation:
    """What an experiment sees of the drift: every observable of :mod:`symdrift.observables`.

    Parameters
    ----------
    study : Study
    times : Array, optional
        Lags in SGD steps, shape ``(T,)``, increasing; default: as far as the drift goes.
    approximation : {"exact", "white"}
        ``"white"`` is there for two-layer SGD only.
    seed : int
        Of the random networks whose neurons are followed.
    progress : callable, optional
        Called with the number of finished parts and of all.
    layer : str, optional
        Hidden layer that is observed, where a rule has several; default: the first.

    Raises
    ------
    RequestError
        When an argument is refused, the study is outside the theory, numbers leave double
        precision, or memory does not suffice.
    """
    from symdrift.observables import observe as observed

    numbers = study.learner() if _has_another_rule(study) else _numbers(study)
    return observed(numbers, times, approximation, seed, progress, layer)


@overload
def compare(study: Study) -> ComparedStudy: ...
@overload
def compare(study: Study, other: Study, /, *more: Study) -> SideBySide: ...
def compare(study: Study, *others: Study) -> ComparedStudy | SideBySide:
    """The study beside synaptic noise, white noise and isotropic inputs, or beside other studies.

    Parameters
    ----------
    study : Study
    *others : Study
        Whatever they learn by; hidden axes are numbered within each.

    Returns
    -------
    ComparedStudy or SideBySide
        All rates per SGD step; a comparison that does not apply is ``None`` and has a warning.

    Raises
    ------
    RequestError
        When the study cannot be evaluated.
    """
    if others:
        from symdrift.observables.side_by_side import side_by_side

        return side_by_side((study, *others))
    if _has_another_rule(study):
        from symdrift.observables.compare_rule import compare_learner

        return compare_learner(study.learner())
    from symdrift.observables.compare import compare_study

    return compare_study(_numbers(study))


def fit(
    study: Study,
    data: Measured,
    free: Free,
    steps_per_day: float | None = None,
    design: bool = False,
    seed: int = 0,
    progress: Progress | None = None,
) -> Fit:
    """Free numbers of a study that explain measured rates of drift.

    Parameters
    ----------
    study : Study
    data : path or sequence of Measurement
        A CSV file with the columns stimulus, quantity, value, standard_error, or its rows.
    free : sequence of str, or mapping of str to pairs of float
        Symbols or dotted fields, with a range where wanted: ``["gamma", "learning.rate=0.001:1"]``
        or ``{"gamma": None, "learning.rate": (0.001, 1)}``; without one a decade to both sides.
    steps_per_day : float, optional
        Where data are in days: rates per day, lags in days.
    design : bool
        Whether to look for the measurement that would tell most of what the data leave open; its
        lag is in the unit of the data, SGD steps or days.
    seed : int
        Of the points of the box from which descents start.
    progress : callable, optional
        Called with the number of finished descents and profiles and of all.

    Returns
    -------
    Fit
        Estimates with standard errors and 95 % intervals, goodness of fit, and the combinations
        that the data leave open.

    Raises
    ------
    RequestError
        When data are incomplete or too few, a name is no number of the study or its range none,
        or the study cannot be evaluated in it.
    """
    from symdrift.fitting.best_fit import fit as fitted

    return fitted(study, data, free, steps_per_day, design, seed, progress)


def sensitivities(study: Study, parameters: Sequence[str] = ()) -> Sensitivities:
    """Which parameter moves which number: derivatives, and exponents ``d ln / d ln``.

    Parameters
    ----------
    study : Study
    parameters : sequence of str
        Symbols or dotted fields; by default all symbols, and the numbers of inputs, teacher and
        learning that are no symbols.

    Returns
    -------
    Sensitivities
        Of minimum, fluctuation, planes and stimuli; derivatives of the formulas where the closed
        form applies, else of numbers evaluated close by.

    Raises
    ------
    RequestError
        When a name is no number of the study, or the study is outside the theory.
    """
    from symdrift.evaluation.sensitivities import sensitivities as found

    return found(study, parameters)


def simulate(
    study: Study,
    steps: int | None = None,
    replicas: int | None = None,
    seed: int = 0,
    threads: int | None = None,
    progress: Progress | None = None,
    *,
    executor: Executor | None = None,
) -> Trajectory:
    """Run online SGD from the minimum and record weights.

    Parameters
    ----------
    study : Study
    steps : int, optional
        SGD steps after the burn-in; default: several slowest relaxation times.
    replicas : int, optional
        Independent networks.
    seed : int
        Results depend neither on the number of replicas nor on threads.
    threads : int, optional
        Default: all processors.
    progress : callable, optional
        Receives replica-steps done and planned.
    executor : concurrent.futures.Executor, optional
        Runs the replicas instead of this process; results are the same to the last bit.

    Raises
    ------
    RequestError
        When there is no strict minimum, arguments are not positive, the run would not end, the
        records do not fit into memory, or SGD diverges.
    """
    from symdrift.simulation import simulate as simulated

    return simulated(_numbers(study), steps, replicas, seed, threads, progress, executor=executor)


def simulate_rule(
    study: Study,
    steps: int | None = None,
    replicas: int | None = None,
    seed: int = 0,
    threads: int | None = None,
    progress: Progress | None = None,
    *,
    executor: Executor | None = None,
) -> RuleTrajectory:
    """Let networks learn from where learning ends, whatever the rule, and record weights.

    Parameters are those of :func:`simulate`.

    Raises
    ------
    RequestError
        When there is no such end, or for the reasons of :func:`simulate`.
    """
    from symdrift.simulation.rule_trajectory import simulate_rule as simulated

    return simulated(study.learner(), steps, replicas, seed, threads, progress, executor=executor)


def validate(
    study: Study,
    replicas: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    *,
    precision: float | None = None,
    windows: int | None = None,
    budget: float | None = None,
    threads: int | None = None,
    executor: Executor | None = None,
) -> Extrapolation:
    """Compare theory and simulation where the theory is exact: at a vanishing learning rate.

    Parameters
    ----------
    study : Study
    replicas : int, optional
        Independent networks.
    seed : int
    progress : callable, optional
        Receives replica-steps done and planned, of all runs together.
    precision : float, optional
        Standard error of every extrapolated ratio to plan for.
    windows : int, optional
        Of each network at the largest rate, as the result says in what it calls ``repeat``.
    budget : float, optional
        Seconds that this may take, but for compiling.
    threads, executor
        As for :func:`simulate`.

    Raises
    ------
    RequestError
        When the theory does not apply, the budget is too small, or SGD diverges.
    """
    from symdrift.validation.clock import Clock

    clock = None if budget is None else Clock(budget)
    if _has_another_rule(study):
        from symdrift.validation.validate_rule import validate_rule_limit

        return validate_rule_limit(
            study.learner(), replicas, seed, progress,
            precision=precision, windows=windows, clock=clock, threads=threads, executor=executor,
        )  # fmt: skip
    from symdrift.validation.extrapolate import validate_limit

    return validate_limit(
        _numbers(study), replicas, seed, progress,
        precision=precision, windows=windows, clock=clock, threads=threads, executor=executor,
    )  # fmt: skip


def validate_rate(
    study: Study,
    steps: int | None = None,
    replicas: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    *,
    threads: int | None = None,
    executor: Executor | None = None,
) -> Validation:
    """Compare theory and simulation at the study's own learning rate, corrections included.

    Parameters
    ----------
    study : Study
    steps, replicas : int, optional
        SGD steps of each network (burn-in included), and networks; default: planned from the
        theory's time scales.
    seed : int
    progress : callable, optional
        Receives replica-steps done and planned.
    threads, executor
        As for :func:`simulate`.

    Raises
    ------
    RequestError
        When the theory does not apply, the run is too short, or SGD diverges.
    """
    if _has_another_rule(study):
        from symdrift.validation.validate_rule import validate_rule_rate

        return validate_rule_rate(
            study.learner(), steps, replicas, seed, progress, threads=threads, executor=executor
        )
    from symdrift.validation.validate import validate_rate as validated

    return validated(
        _numbers(study), steps, replicas, seed, progress, threads=threads, executor=executor
    )


def _has_another_rule(study: Study | LearningProblem) -> bool:
    return not isinstance(study, LearningProblem) and not study.is_plain


def _numbers(study: Study | LearningProblem) -> LearningProblem:
    """The study with every number filled in; what already is, is taken for one release more."""
    if isinstance(study, LearningProblem):
        warnings.warn(
            "functions of symdrift take the study itself, without .problem()",
            DeprecationWarning,
            stacklevel=3,
        )
        return study
    return study.problem()

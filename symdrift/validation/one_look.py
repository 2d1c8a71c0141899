"""Simulations that are not judged, and so need no second look: all of them, or nothing."""

from __future__ import annotations

from symdrift.evaluation.dense.landscape import minimum_of
from symdrift.evaluation.result import Evaluation
from symdrift.simulation.ensemble import Schedule
from symdrift.study.problem import LearningProblem
from symdrift.validation.expected import theory_of
from symdrift.validation.plan import DEFAULT_REPLICAS, SINGLE_BUDGET_SECONDS, plan_single
from symdrift.validation.validate import Run, Validation, one_look


def run_planned(
    problem: LearningProblem,
    theory: Evaluation,
    schedule: Schedule,
    replicas: int,
    seed: int,
) -> Validation:
    """Simulate a problem as planned, all of it, and compare with a theory: one look, no second."""
    run = Run(problem, theory, schedule, replicas, seed)
    found = one_look(run, 0, replicas, None, None, None)
    if found.interrupted:
        raise KeyboardInterrupt
    return found


def planned_rate(
    problem: LearningProblem,
    precision: float,
    seed: int,
    theory: Evaluation | None = None,
    seconds: float = SINGLE_BUDGET_SECONDS,
) -> Validation:
    """One look, as `run_planned`, as long as a precision needs and a number of seconds allows."""
    replicas, minimum = DEFAULT_REPLICAS, minimum_of(problem)
    schedule = plan_single(problem, minimum, None, replicas, precision, seconds=seconds)
    theory = theory_of(problem) if theory is None else theory
    return run_planned(problem, theory, schedule, replicas, seed)

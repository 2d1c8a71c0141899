"""Theory and simulation of any rule: at its learning rate, and extrapolated to rate zero.

As for two-layer SGD, but that no next order is known: a line of unknown slope leads to rate zero,
and rates are planned by how fast deviations return and by the critical rate, where that is known.
"""

from __future__ import annotations

import math
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial

from symdrift.errors import RequestError
from symdrift.evaluation.any_rule import RuleEvaluation, critical_rate, evaluate_rule
from symdrift.evaluation.any_rule.traced_rule import Point
from symdrift.execution import MOST_STEPS, available_processors, require_counts
from symdrift.precision import double_precision
from symdrift.progress import Progress
from symdrift.simulation.ensemble import Schedule
from symdrift.simulation.orbit_gauge import orbit_of
from symdrift.simulation.rule_ensemble import measure_rule, rule_model
from symdrift.simulation.step_program import Combine, step_program
from symdrift.study.learner import Learner
from symdrift.validation.clock import Clock, used_up
from symdrift.validation.extrapolate import Extrapolation, extrapolated, require_plannable
from symdrift.validation.in_rounds import TooSlow
from symdrift.validation.ladder import (
    BURN_IN_RELAXATIONS,
    COARSEST_AIM,
    DECIDING_AIM,
    FEWEST_WINDOWS,
    affordable_plan,
    laddered,
    timed_schedule,
)
from symdrift.validation.plan import (
    BUDGET_SECONDS,
    CORRECTION_PER_STIFFNESS,
    DEFAULT_REPLICAS,
    FEWEST_REPLICAS,
    INTERCEPT_VARIANCE,
    PRECISION,
    SAFETY,
    SINGLE_BUDGET_SECONDS,
    WINDOW_RELAXATIONS,
    followed_rate,
    largest_linear_rate,
    too_little,
    warn_of_coarse,
    window_variance,
)
from symdrift.validation.rounds import Plan, seed_of_run
from symdrift.validation.rule_run import RuleRun, plane_drift, returns
from symdrift.validation.speed import MODEL_PROCESSORS, Speed, measured_speed
from symdrift.validation.validate import Validation, at_one_rate


@dataclass(frozen=True, eq=False)
class Pace:
    """What a plan has to know of a rule.

    Attributes
    ----------
    learner : Learner
    point : tuple of Array
        ``theta*``, without velocities.
    slowest, fastest : float
        Rates of return per unit of the learning rate.
    correction : float
        Relative correction to the theory per unit of the learning rate, at most, and roughly.
    followed : float
        Learning rate up to which no window turns by more than can be followed.
    single : float
        Largest relative variance of a quantity estimated from one window.
    """

    learner: Learner
    point: Point
    slowest: float
    fastest: float
    correction: float
    followed: float
    single: float

    def schedule(self, rate: float, windows: int, replicas: int) -> Schedule:
        """A run of so many windows at a rate; displacements have no lags here."""
        found = timed_schedule(
            rate, self.slowest, self.fastest, self.slowest, windows, replicas, WINDOW_RELAXATIONS
        )
        return replace(found, halvings=0)

    def plan(self, aim: float, replicas: int, windows: int | None = None) -> Plan:
        """Rates for a precision, and schedules for it or for a number of windows."""
        top = min(largest_linear_rate(self.correction, aim), self.followed)
        if windows is None:
            windows = math.ceil(SAFETY * INTERCEPT_VARIANCE * self.single / aim**2 / replicas)

        def schedule(rate: float, count: int) -> Schedule:
            return self.schedule(rate, count, replicas)

        return laddered(self.learner.learning_rate, top, schedule, aim, replicas, windows)


def pace_of(learner: Learner) -> Pace:
    """What a plan has to know of a rule.

    Raises
    ------
    RequestError
        As `evaluate_rule`, or when the shortest run would not end.
    """
    found = evaluate_rule(learner)
    point, drift, rate = found.minimum.orbit.point, found.drift, learner.learning_rate
    slowest, fastest = returns(learner, drift)
    times = BURN_IN_RELAXATIONS / slowest + FEWEST_WINDOWS * WINDOW_RELAXATIONS / slowest
    if times > rate * MOST_STEPS:
        raise RequestError(
            "learning.rate",
            f"= {rate:g} is too small to be simulated: deviations return by {slowest:.2g} times "
            f"the learning rate per step, so that burn-in and {FEWEST_WINDOWS} windows would take "
            f"more than {MOST_STEPS:.0e} steps",
        )
    return Pace(
        learner=learner,
        point=point,
        slowest=slowest,
        fastest=fastest,
        correction=max(CORRECTION_PER_STIFFNESS * fastest, _sampled(found, learner)),
        followed=followed_rate(plane_drift(drift), rate, slowest),
        single=window_variance(plane_drift(drift), rate, slowest),
    )


def _sampled(found: RuleEvaluation, learner: Learner) -> float:
    """Correction per learning rate by the curvature of single samples.

    One over the critical rate, which of a rule with momentum is that without it at its larger rate;
    where it is not known the size of the fluctuation relative to the weights.
    """
    (core, share), point = learner.rule.core, found.minimum.orbit.point
    critical = found.validity.critical_rate
    if share != 1:
        critical = critical_rate(replace(learner, rule=core), point)
    if critical is not None:
        return share / critical
    size = sum(float((matrix**2).sum()) for matrix in point)
    return found.drift.weight_variance / size / learner.learning_rate


def modelled_speed(learner: Learner, processors: int = MODEL_PROCESSORS) -> float:
    """Replica-steps per second to plan with."""
    vectors = 40 * learner.batch * (len(learner.inputs.covariance) + len(learner.label_noise))
    program = step_program(learner)
    for operation in program.operations:
        if isinstance(operation, Combine):
            vectors += 3 * operation.target.rows * operation.target.columns * operation.terms
        else:
            vectors += 3 * operation.target.rows**3
    if learner.rule.weight_noise > 0:
        vectors += 40 * sum(view.rows * view.columns for view in program.weights)
    return 4e10 / vectors * processors / MODEL_PROCESSORS


@double_precision()
def validate_rule_rate(
    learner: Learner,
    steps: int | None = None,
    replicas: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    *,
    threads: int | None = None,
    precision: float = PRECISION,
    executor: Executor | None = None,
) -> Validation:
    """Simulate a rule at its own learning rate and compare with the theory.

    Parameters are those of `validate_rate`.

    Raises
    ------
    RequestError
        When the theory does not apply, nothing turns, the run is too short for its windows, or
        learning diverges.
    """
    require_counts(steps=steps, replicas=replicas, threads=threads, seed=seed)
    replicas = DEFAULT_REPLICAS if replicas is None else replicas
    pace = pace_of(learner)
    rate = learner.learning_rate
    shortest = pace.schedule(rate, FEWEST_WINDOWS, replicas)
    if steps is None:
        wanted = math.ceil(pace.single / precision**2 / replicas)
        affordable = SINGLE_BUDGET_SECONDS * modelled_speed(learner) / replicas
        windows = min(wanted, int((affordable - shortest.burn_in) / shortest.window))
    else:
        windows = (steps - shortest.burn_in) // shortest.window
        if windows < shortest.windows:
            raise RequestError(
                "steps",
                f"= {steps} is too short: {shortest.burn_in} steps of burn-in and "
                f"{shortest.windows} windows of {shortest.window} steps "
                f"({WINDOW_RELAXATIONS:g} relaxation times) need at least {shortest.steps}",
            )
    schedule = pace.schedule(rate, windows, replicas)
    run = RuleRun(learner, pace.point, schedule, replicas, seed)
    return at_one_rate(run, replicas, progress, threads, executor)


@double_precision()
def validate_rule_limit(
    learner: Learner,
    replicas: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    *,
    precision: float | None = None,
    windows: int | None = None,
    clock: Clock | None = None,
    threads: int | None = None,
    executor: Executor | None = None,
) -> Extrapolation:
    """Validate a rule at learning rates that its time scales suggest, and extrapolate.

    Parameters are those of `validate_limit`.

    Raises
    ------
    RequestError
        As `validate_rule_rate`, or when the budget is too small.
    """
    require_counts(replicas=replicas, threads=threads, seed=seed)
    require_plannable(precision, windows, clock)
    pace, aim = pace_of(learner), PRECISION if precision is None else precision
    speed, processors = Speed(*2 * (modelled_speed(learner),)), MODEL_PROCESSORS
    if clock is not None:
        processors = available_processors() if threads is None else threads
        speed = _measured_speed(pace, threads, clock)
        clock.be_ready()
    seconds, spent = (BUDGET_SECONDS, 0.0) if clock is None else (clock.seconds, clock.spent)

    def fits(planned: Plan) -> bool:
        left = seconds if clock is None else clock.left
        return planned.fits(left, speed.now, processors)

    counts = [DEFAULT_REPLICAS, DEFAULT_REPLICAS // 4, FEWEST_REPLICAS]
    if replicas is not None:
        counts = [replicas]
    if windows is not None:
        plan, fitting = pace.plan(aim, counts[0], windows), True
    else:
        coarsest = COARSEST_AIM if clock is None else DECIDING_AIM
        plan, fitting = affordable_plan(pace.plan, fits, aim, counts, coarsest)
        warn_of_coarse(plan, precision)
    if not fitting:
        raise too_little(plan, seconds, spent, speed, processors)
    planned = [
        RuleRun(
            learner.at_rate(rate), pace.point, schedule, plan.replicas, seed_of_run(seed, index)
        )
        for index, (rate, schedule) in enumerate(zip(plan.rates, plan.schedules, strict=True))
    ]
    try:
        return extrapolated(
            planned, plan, learner.learning_rate, seed, progress, threads, executor, clock
        )
    except TooSlow:
        # Only a budget is.
        assert clock is not None
        raise used_up(clock) from None


def _measured_speed(pace: Pace, threads: int | None, clock: Clock) -> Speed:
    """As `measured_speed`; compiling comes on top of a budget."""
    learner, rate = pace.learner, pace.learner.learning_rate
    slow, orbit = learner.at_rate(1e-3 * rate), orbit_of(learner, pace.point)
    simulate = partial(measure_rule, rule_model(slow, pace.point), orbit)
    before = clock.spent
    simulate(Schedule(1, 1, 2, 1), 1, 0, 1)
    clock.forgive(clock.spent - before)
    return measured_speed(simulate, pace.schedule(rate, FEWEST_WINDOWS, 1).window, threads)

"""How long to simulate, at which learning rates: from the theory's own time scales.

Three costs meet.  The relative variance of a rotation variance estimated from ``N`` windows is
``6 / N``; a window of three relaxation times takes ``3 / (eta h_slow)`` steps; and the ratio of
simulation to theory deviates from 1 by ``c eta + O(eta^2)``, of which a line to rate zero removes
the first term only.  So the rates are just small enough for the second term to be negligible beside
the standard error that is asked for.  Unless a precision is asked for, it is also made fine enough
to tell the theory from the white-noise approximation.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from symdrift.errors import RequestError, counted
from symdrift.evaluation.dense.landscape import MinimumPoint, minimum_of
from symdrift.evaluation.dense.noise_factors import gradient_variances
from symdrift.evaluation.evaluate import evaluate
from symdrift.evaluation.parts import Drift
from symdrift.evaluation.result import Evaluation
from symdrift.execution import MOST_STEPS, available_processors, require_counts
from symdrift.memory import available_memory, size_left, size_needed
from symdrift.simulation.ensemble import (
    WINDOWS_AT_A_TIME,
    Schedule,
    replicas_per_block,
)
from symdrift.simulation.estimators import Observables
from symdrift.simulation.lags import OVERLAP
from symdrift.simulation.lanes import LANES
from symdrift.simulation.setup import model_of, simulated_hidden
from symdrift.simulation.stretches import HALVES
from symdrift.simulation.timescales import ceiling, relaxation
from symdrift.study.problem import Array, LearningProblem
from symdrift.validation.speed import MODEL_PROCESSORS, modelled_speed, occupied

WINDOW_RELAXATIONS = 3.0
"""Window length in units of the slowest relaxation time."""

BURN_IN_RELAXATIONS = 6.0
"""Steps before the first window, in units of the slowest relaxation time of any mode."""

PRECISION = 0.01
"""Relative standard error that a planned run aims at."""

FINEST_PRECISION = 1e-6
"""Finest standard error that can be asked for: years of simulation."""

COARSEST_PRECISION = 1.0
"""Largest standard error of a ratio that is one."""

REJECTING_ERRORS = 10.0
"""Standard errors planned between data and white-noise approximation; `SAFETY` adds two."""

BUDGET_SECONDS = 150.0
"""Time that a planned extrapolation may take."""

BUDGET_MARGIN = 1.3
"""Least budget that is named, over the time that the cheapest plan takes.

The speed is measured again when that budget is given, and machines that others use vary.
"""

BISECTIONS = 6
"""Of the precision that a budget allows: to a few percent."""

SINGLE_BUDGET_SECONDS = 10.0
"""Time that a single planned run may take on two cores, by a rough model of the speed."""

DEFAULT_REPLICAS = 512
FEWEST_REPLICAS = 32
"""Networks that a small budget is kept with: fewer would leave the standard error uncertain."""

COARSEST_AIM = 0.1
"""Standard error that a small budget is kept with: a larger one says nothing of a ratio."""

SHORTEST_LAG = 0.5
"""Shortest lag of a displacement, at most, in units of the fastest relaxation time."""

FEWEST_WINDOWS = 8
UNITS = 64
"""Independent units that standard errors should rest on at least."""

VARIANCE_PER_WINDOW = 6.0
"""Relative variance of ``Var(X_k) + 2 Cov(X_k, X_{k+1})`` from one window of a random walk."""

SAFETY = 1.5
"""More windows than the theory asks for, since rotations are not quite Gaussian."""

LADDER = (1.0, 0.5, 0.25)
"""Learning rates of an extrapolation, relative to the largest."""

LADDER_SHARES = (1.0, 0.5, 2.0)
"""Windows at these rates: the ends fix the line, and steps are cheapest at the largest."""

INTERCEPT_VARIANCE = 0.952
"""Variance of the intercept of a line through `LADDER`, in units of that of the first point."""

LARGEST_CORRECTION = 0.9
"""Relative correction at the largest rate of a ladder, over the root of the precision."""

CORRECTION_PER_STIFFNESS = 3.0
"""Relative correction to the theory, over ``eta h_max``, where the next order is not known."""

SLOWEST_MEAN_ROTATION = 0.05
"""Mean rotation, over what diffusion does in a relaxation time, that is worth a percentage."""


@dataclass(frozen=True)
class Plan:
    """Learning rates of an extrapolation to zero, and how long to run at each.

    Attributes
    ----------
    rates : tuple of float
        At least two learning rates, decreasing.
    schedules : tuple of Schedule
        One per rate.
    fitted : tuple of bool
        Which rates are small enough for the extrapolation.
    replicas : int
    """

    rates: tuple[float, ...]
    schedules: tuple[Schedule, ...]
    fitted: tuple[bool, ...]
    replicas: int

    @property
    def replica_steps(self) -> int:
        """Steps of all replicas in all runs."""
        return self.replicas * sum(schedule.steps for schedule in self.schedules)

    def seconds(self, speed: float, processors: int) -> float:
        """Time that all runs take.

        Parameters
        ----------
        speed : float
            Replica-steps per second of all processors, each with full vectors.
        processors : int
        """
        steps = sum(schedule.steps for schedule in self.schedules)
        return steps * occupied(self.replicas, processors) / speed


def require_precision_and_budget(precision: float | None, budget: float | None) -> None:
    """Refuse a precision or a budget that no plan can have.

    Raises
    ------
    RequestError
        When one is not positive, or the precision is coarser than `COARSEST_PRECISION` or finer
        than `FINEST_PRECISION`.
    """
    for field, value in (("precision", precision), ("budget", budget)):
        if value is not None and not (math.isfinite(value) and value > 0):
            raise RequestError(field, f"= {value:g} must be a positive number")
    if precision is not None and precision > COARSEST_PRECISION:
        raise RequestError(
            "precision",
            f"= {precision:g} is no precision: a ratio must be known to {COARSEST_PRECISION:g} at "
            "least",
        )
    if precision is not None and precision < FINEST_PRECISION:
        raise RequestError(
            "precision",
            f"= {precision:g} would take years of simulation; at least {FINEST_PRECISION:g} is "
            "possible",
        )


def plan_extrapolation(
    problem: LearningProblem,
    theory: Evaluation,
    *,
    precision: float | None = None,
    budget: float = BUDGET_SECONDS,
    spent: float = 0.0,
    replicas: int | None = None,
    speed: float | None = None,
    processors: int = MODEL_PROCESSORS,
) -> Plan:
    """Plan runs whose extrapolated ratios have a given standard error.

    The study's own rate is always among them; it takes part in the extrapolation when it is
    small enough.  Where the budget is too small, precision is given up, and rates grow with
    the standard error they need not exceed; in the end replicas are given up, each of which
    has a burn-in of its own.

    Parameters
    ----------
    problem : LearningProblem
    theory : Evaluation
        Of that problem.
    precision : float, optional
        Standard error of every extrapolated ratio.  Default: `PRECISION`, or finer where the
        white-noise approximation differs by less than `REJECTING_ERRORS` times that, and the
        budget suffices.
    budget, spent : float
        Seconds, and how many of them are gone.
    replicas : int, optional
        Default: `DEFAULT_REPLICAS`, or what the budget allows, at least `FEWEST_REPLICAS`.
    speed : float, optional
        Replica-steps per second; default: a rough model of two cores, so that the plan is the
        same on every machine.
    processors : int
        What has that speed together.

    Raises
    ------
    RequestError
        When precision or budget are not positive, the precision is below `FINEST_PRECISION`, the
        budget is too small for any extrapolation (the message names the least), or the study's
        own learning rate needs more than `MOST_STEPS` steps.
    """
    require_precision_and_budget(precision, budget)
    minimum = minimum_of(problem)
    require_time(problem, minimum)
    shape = model_of(problem, simulated_hidden(problem, minimum)).shape
    speed = modelled_speed(shape) if speed is None else speed
    single = window_variance(problem, theory)
    correction = _correction_per_rate(problem, theory, minimum)

    def plan(aim: float, replicas: int) -> Plan:
        top = _largest_linear_rate(correction, aim)
        own = problem.learning_rate
        if 0.5 * top <= own <= top:
            top = own
        rates = [top * factor for factor in LADDER]
        windows = math.ceil(SAFETY * INTERCEPT_VARIANCE * single / aim**2 / replicas)
        schedules = [
            schedule_of(problem, minimum, rate, math.ceil(share * windows), replicas)
            for rate, share in zip(rates, LADDER_SHARES, strict=True)
        ]
        fitted = [True] * len(rates)
        if own != top:
            # The own rate, when tiny, gets no more steps than the smallest rate of the ladder.
            longest = schedules[-1].steps
            wish = schedule_of(problem, minimum, own, windows, replicas)
            affordable = (longest - wish.burn_in) // wish.window
            if wish.windows > affordable:
                fewest = max(FEWEST_WINDOWS, affordable)
                wish = schedule_of(problem, minimum, own, fewest, replicas)
            rates.append(own)
            schedules.append(wish)
            fitted.append(own <= top)
        order = sorted(range(len(rates)), key=lambda index: -rates[index])
        return Plan(
            rates=tuple(rates[index] for index in order),
            schedules=tuple(schedules[index] for index in order),
            fitted=tuple(fitted[index] for index in order),
            replicas=replicas,
        )

    halvings = int(math.log2(DEFAULT_REPLICAS // FEWEST_REPLICAS))
    counts = [DEFAULT_REPLICAS >> halving for halving in range(halvings + 1)]
    if replicas is not None:
        counts = [replicas]
    if precision is None:
        precision = PRECISION
        # Rounded, so that the plan does not depend on the last bits of a machine.
        wish = float(f"{white_noise_difference(problem, theory) / REJECTING_ERRORS:.3g}")
        if 0 < wish < precision:
            planned = plan(wish, counts[0])
            if spent + planned.seconds(speed, processors) <= budget:
                return planned
    planned = plan(precision, counts[0])
    if spent + planned.seconds(speed, processors) <= budget:
        return planned
    coarsest = max(precision, COARSEST_AIM)
    for count in counts:
        planned = plan(coarsest, count)
        if spent + planned.seconds(speed, processors) <= budget:
            finest = precision
            for _ in range(BISECTIONS):
                aim = math.sqrt(finest * coarsest)
                finer = plan(aim, count)
                if spent + finer.seconds(speed, processors) <= budget:
                    coarsest, planned = aim, finer
                else:
                    finest = aim
            return planned
    least = math.ceil(BUDGET_MARGIN * (spent + planned.seconds(speed, processors)))
    raise RequestError(
        "budget",
        f"= {budget:g} s is too little: burn-in and windows at {len(planned.rates)} learning rates "
        f"would take {least} s for {counted(planned.replicas, 'replica')}; "
        f"--budget {least}s is the least",
    )


def shortened(
    schedules: Sequence[Schedule], replicas: int, seconds: float, speed: float, processors: int
) -> tuple[Schedule, ...]:
    """Runs that end within a time, by leaving out windows.

    Parameters
    ----------
    schedules : sequence of Schedule
        Runs that are still to be made.
    replicas : int
    seconds : float
        What is left for them.
    speed, processors
        As for `plan_extrapolation`.

    Returns
    -------
    tuple of Schedule
        As they are where time suffices; at least `FEWEST_WINDOWS` in each.
    """
    affordable = seconds * speed / occupied(replicas, processors)
    burn_in = sum(schedule.burn_in for schedule in schedules)
    measured = sum(schedule.window * schedule.windows for schedule in schedules)
    share = (affordable - burn_in) / measured
    if share >= 1:
        return tuple(schedules)
    counts = [max(FEWEST_WINDOWS, int(share * schedule.windows)) for schedule in schedules]
    return tuple(
        replace(schedule, windows=windows, segments=_segments(windows, replicas))
        for schedule, windows in zip(schedules, counts, strict=True)
    )


def _segments(windows: int, replicas: int) -> int:
    """Parts of a run that are independent enough for the scatter of their estimates."""
    return max(1, min(windows // FEWEST_WINDOWS, -(-UNITS // replicas)))


def linear_rate(problem: LearningProblem, theory: Evaluation, precision: float) -> float:
    """The study's learning rate, halved until a line through it and smaller ones reaches zero.

    That is, until corrections of second order, of which the line knows nothing, are small beside
    the precision of the ratios.

    Parameters
    ----------
    problem : LearningProblem
    theory : Evaluation
        Of that problem.
    precision : float
        Standard error of a ratio at one rate.
    """
    correction = _correction_per_rate(problem, theory, minimum_of(problem))
    largest = _largest_linear_rate(correction, precision)
    rate = problem.learning_rate
    while rate > largest:
        rate /= 2
    return rate


def white_noise_difference(problem: LearningProblem, theory: Evaluation) -> float:
    """Largest relative error of the white-noise approximation in a rotation variance."""
    exact = theory.drift.variances
    white = evaluate(problem, "auto", "white").drift.variances
    return float(np.max(np.abs(white / exact - 1.0), initial=0.0))


def window_variance(problem: LearningProblem, theory: Evaluation) -> float:
    """Largest relative variance of a quantity estimated from one window."""
    slowest = relaxation(problem, minimum_of(problem)).slowest
    window = WINDOW_RELAXATIONS / (problem.learning_rate * slowest)
    largest = VARIANCE_PER_WINDOW
    scales = mean_rotation_scales(theory.drift, problem.learning_rate * slowest)
    for variance, scale in zip(theory.drift.variances, scales, strict=True):
        largest = max(largest, float(variance / (window * scale**2)))
    return largest


def mean_rotation_scales(drift: Drift, slowest_rate: float) -> Array:
    """Sizes beside which errors of the mean rotation are judged, one per plane, rad/step.

    The fastest mean rotation, where there is one worth the name; otherwise what diffusion in
    that plane does in a relaxation time, per step.

    Parameters
    ----------
    drift : Drift
    slowest_rate : float
        ``eta h_slow``, per step.
    """
    natural = np.sqrt(drift.variances * slowest_rate)
    fastest = float(np.max(np.abs(drift.mean_rotation), initial=0.0))
    if fastest > SLOWEST_MEAN_ROTATION * float(np.max(natural, initial=0.0)):
        return np.full(len(natural), fastest)
    return np.asarray(natural)


def at_learning_rate(problem: LearningProblem, rate: float) -> LearningProblem:
    """The problem at another learning rate, with synaptic noise in the same proportion.

    Gradient noise makes the hidden layer diffuse with the third power of the learning rate,
    synaptic noise with its own variance, whatever the rate.  A variance that were kept would
    take over as the rate falls, and what is to be checked at the study's rate, the sum of the
    two, would leave the data.  So the variance goes with the third power as well.

    Parameters
    ----------
    problem : LearningProblem
    rate : float
        The other learning rate ``eta'``; the synaptic variance becomes ``(eta'/eta)^3`` of
        what it is.
    """
    variance = problem.synaptic_noise * (rate / problem.learning_rate) ** 3
    return replace(problem, learning_rate=rate, synaptic_noise=variance)


def _largest_linear_rate(correction: float, precision: float) -> float:
    """Learning rate up to which the square of the correction is small beside the precision."""
    return LARGEST_CORRECTION * math.sqrt(min(precision, 0.1)) / correction


def _correction_per_rate(
    problem: LearningProblem, theory: Evaluation, minimum: MinimumPoint
) -> float:
    """Relative correction to the theory per unit of learning rate, at most, and roughly.

    Three effects: the finite step, of order ``eta h_max``, or the corrections of the next order
    where they are known; the imbalance ``W W' - U' U``, which noise feeds at the rate
    ``eta^2 C`` and weight decay removes at the rate ``2 eta gamma``, so that singular values
    ``s`` are off by ``eta C / (2 gamma)``, and displacements with them; and the curvature of single
    samples, by which fluctuations grow as ``1 / (1 - eta / eta_c)`` towards the critical rate.
    """
    noise = gradient_variances(minimum, problem.inputs, problem.label_noise, problem.batch)
    inputs = problem.teacher.shape[1]
    unbalanced = noise[:, :inputs].sum(axis=1) - noise[:, inputs:].sum(axis=1)
    imbalance = float(np.max(np.abs(unbalanced) / theory.minimum.singular_values))
    finite_step = CORRECTION_PER_STIFFNESS * theory.minimum.hessian_max
    if (found := theory.next_order) is not None:
        finite_step = max(abs(correction) for _, correction in found.listed())
    return max(
        finite_step + imbalance / (2 * problem.weight_decay), 1 / theory.validity.critical_rate
    )


def schedule_of(
    problem: LearningProblem,
    minimum: MinimumPoint,
    rate: float,
    windows: int,
    replicas: int,
    relaxations: float = WINDOW_RELAXATIONS,
) -> Schedule:
    """A run of so many windows per replica at a learning rate."""
    modes = relaxation(problem, minimum)
    slowest_of_all = min(modes.slowest, minimum.certificate.hessian_min, 2 * problem.weight_decay)
    windows = max(FEWEST_WINDOWS, windows)
    window = ceiling(relaxations / (rate * modes.slowest))
    halvings = ceiling(math.log2(relaxations * modes.fastest / modes.slowest / SHORTEST_LAG))
    return Schedule(
        burn_in=ceiling(BURN_IN_RELAXATIONS / (rate * slowest_of_all)),
        window=window,
        windows=windows,
        segments=_segments(windows, replicas),
        halvings=max(0, min(halvings, window.bit_length() - 1)),
    )


def require_time(
    problem: LearningProblem, minimum: MinimumPoint, relaxations: float = WINDOW_RELAXATIONS
) -> None:
    """Refuse a learning rate at which the shortest run would not end.

    Raises
    ------
    RequestError
    """
    modes = relaxation(problem, minimum)
    slowest_of_all = min(modes.slowest, minimum.certificate.hessian_min, 2 * problem.weight_decay)
    times = BURN_IN_RELAXATIONS / slowest_of_all + FEWEST_WINDOWS * relaxations / modes.slowest
    if times > problem.learning_rate * MOST_STEPS:
        raise RequestError(
            "learning.rate",
            f"= {problem.learning_rate:g} is too small to be simulated with learning.weight_decay "
            f"= {problem.weight_decay:g}: deviations relax by {slowest_of_all:.2g} times the "
            f"learning rate per step, so that burn-in and {FEWEST_WINDOWS} windows would take more "
            f"than {MOST_STEPS:.0e} steps; raise one of them",
        )


def plan_single(
    problem: LearningProblem,
    minimum: MinimumPoint,
    steps: int | None,
    replicas: int,
    precision: float,
    relaxations: float = WINDOW_RELAXATIONS,
) -> Schedule:
    """A run at the problem's own learning rate: of given length, or for a given precision.

    Raises
    ------
    RequestError
        When the steps do not suffice for burn-in and windows, or are more than `MOST_STEPS`, or
        the learning rate is so small that any run would take more.
    """
    rate = problem.learning_rate
    require_time(problem, minimum, relaxations)
    shortest = schedule_of(problem, minimum, rate, FEWEST_WINDOWS, replicas, relaxations)
    if steps is None:
        speed = modelled_speed(model_of(problem, simulated_hidden(problem, minimum)).shape)
        wanted = math.ceil(VARIANCE_PER_WINDOW / precision**2 / replicas)
        affordable = SINGLE_BUDGET_SECONDS * speed / replicas - shortest.burn_in
        windows = min(wanted, int(affordable / shortest.window))
    else:
        require_counts(steps=steps)
        windows = (steps - shortest.burn_in) // shortest.window
        if windows < FEWEST_WINDOWS:
            raise RequestError(
                "steps",
                f"= {steps} is too short: {shortest.burn_in} steps of burn-in and "
                f"{FEWEST_WINDOWS} windows of {shortest.window} steps ({relaxations:g} relaxation "
                f"times) need at least {shortest.steps}",
            )
    return schedule_of(problem, minimum, rate, windows, replicas, relaxations)


def require_memory(
    problem: LearningProblem, hidden: int, observed: Observables, schedule: Schedule, replicas: int
) -> None:
    """Refuse a run whose sums would not fit into memory.

    Raises
    ------
    RequestError
    """
    outputs, inputs = problem.teacher.shape
    stimuli, weights = len(problem.stimuli), hidden * (inputs + outputs)
    lags = len(schedule.lags)
    per_unit = len(observed.planes) + 2 * len(observed.pairs) + 2 * hidden**2 + weights
    per_unit += stimuli * (hidden + 1 + stimuli) + (stimuli + 1) * lags
    # The sums of all units, the same while they are joined, and the weights themselves.
    kept = replicas * (2 * schedule.segments * per_unit + 2 * weights)
    # In every thread: rotations of some windows as matrices, products of inputs.
    block = min(replicas, max(LANES, replicas_per_block(model_of(problem, hidden))))
    passing = block * (2 * WINDOWS_AT_A_TIME * (hidden**2 + hidden) + 2 * inputs**2 + 2 * weights)
    passing += block * stimuli * hidden * (OVERLAP * lags + HALVES + 2)
    needed = 8 * (kept + available_processors() * passing)
    available = available_memory()
    if needed > available:
        raise RequestError(
            "replicas",
            f"= {replicas} is too many: they would take about {size_needed(needed)} of memory, "
            f"and {size_left(available)} are available",
        )

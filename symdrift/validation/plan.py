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
from dataclasses import replace

import numpy as np

from symdrift.errors import RequestError, counted
from symdrift.evaluation.dense.landscape import MinimumPoint, minimum_of
from symdrift.evaluation.dense.noise_factors import gradient_variances
from symdrift.evaluation.evaluate import evaluate
from symdrift.evaluation.parts import Drift
from symdrift.evaluation.result import Evaluation
from symdrift.execution import MOST_STEPS, available_processors, require_counts
from symdrift.memory import available_memory, size_left, size_needed
from symdrift.progress import log_warning
from symdrift.simulation.ensemble import (
    LARGEST_ROTATION,
    WINDOWS_AT_A_TIME,
    Schedule,
    refuse_rotation,
    replicas_per_block,
)
from symdrift.simulation.estimators import Observables
from symdrift.simulation.lags import OVERLAP
from symdrift.simulation.lanes import LANES
from symdrift.simulation.setup import model_of
from symdrift.simulation.stretches import HALVES
from symdrift.simulation.timescales import relaxation
from symdrift.study.problem import Array, LearningProblem
from symdrift.validation.ladder import (
    BURN_IN_RELAXATIONS,
    DECIDING_AIM,
    FEWEST_WINDOWS,
    affordable_plan,
    laddered,
    timed_schedule,
)
from symdrift.validation.rounds import Plan
from symdrift.validation.speed import FASTEST, MODEL_PROCESSORS, UNMEASURED, Speed, modelled_speed

WINDOW_RELAXATIONS = 3.0
"""Window length in units of the slowest relaxation time."""

PRECISION = 0.01
"""Relative standard error that a planned run aims at."""

FINEST_PRECISION = 1e-6
"""Finest standard error that can be asked for: years of simulation."""

COARSEST_PRECISION = 1.0
"""Largest standard error of a ratio that is one."""

REJECTING_ERRORS = 10.0
"""Standard errors planned between data and white-noise approximation; `SAFETY` adds two."""

BUDGET_SECONDS = 225.0
"""Time that a planned extrapolation may take, a third of it for a second look."""

LEAST_MARGIN = 1.6
"""Least budget that is named, over the time that the cheapest plan takes on a machine of its own.

The speed is measured again when that budget is given, and machines that others use vary.
"""

COARSER = 1.1
"""Times the precision that was asked for from which on another one is said."""

BUSY = 0.6
"""Share of the processors below which a machine is called busy."""

BUDGET_MARGIN = 1.3
"""Slowness by which a budget must suffice before a next order that takes seconds is computed.
"""

SINGLE_BUDGET_SECONDS = 10.0
"""Time that a single planned run may take on two cores, by a rough model of the speed."""

DEFAULT_REPLICAS = 512
FEWEST_REPLICAS = 32
"""Networks that a small budget is kept with: fewer would leave the standard error uncertain."""

VARIANCE_PER_WINDOW = 6.0
"""Relative variance of ``Var(X_k) + 2 Cov(X_k, X_{k+1})`` from one window of a random walk."""

SAFETY = 1.5
"""More windows than the theory asks for, since rotations are not quite Gaussian."""

INTERCEPT_VARIANCE = 0.952
"""Variance of the intercept of a line through `LADDER`, in units of that of the first point."""

LARGEST_CORRECTION = 0.9
"""Relative correction at the largest rate of a ladder, over the root of the precision."""

CORRECTION_PER_STIFFNESS = 3.0
"""Relative correction to the theory, over ``eta h_max``, where the next order is not known."""

SLOWEST_MEAN_ROTATION = 0.05
"""Mean rotation, over what diffusion does in a relaxation time, that is worth a percentage."""

RARE_ROTATION = 6.0
"""Standard deviations that no rotation of a planned run exceeds."""


def require_precision(precision: float | None) -> None:
    """Refuse a precision that no plan can have.

    Raises
    ------
    RequestError
        When it is not positive, coarser than `COARSEST_PRECISION` or finer than
        `FINEST_PRECISION`.
    """
    if precision is not None and not (math.isfinite(precision) and precision > 0):
        raise RequestError("precision", f"= {precision:g} must be a positive number")
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
    replicas: int | None = None,
    windows: int | None = None,
    speed: Speed | None = None,
    processors: int = MODEL_PROCESSORS,
    spent: float = 0.0,
    coarsest: float = DECIDING_AIM,
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
    budget : float
        Seconds, of which some are `spent`.
    replicas : int, optional
        Default: `DEFAULT_REPLICAS`, or what the budget allows, at least `FEWEST_REPLICAS`.
    windows : int, optional
        Of each replica, at the largest rate; no budget is then looked at.  Default: as many as
        the precision needs.
    speed : Speed, optional
        Default: a rough model of two cores, so that the plan is the same on every machine.
    processors : int
        What has that speed together.
    spent : float
    coarsest : float
        Standard error up to which precision is given up.

    Raises
    ------
    RequestError
        When the precision is not positive or below `FINEST_PRECISION`, the budget is too small for
        any extrapolation (the message names the least), or the study's own learning rate or the
        windows need more than `MOST_STEPS` steps.
    """
    require_precision(precision)
    minimum = minimum_of(problem)
    require_time(problem, minimum)
    if speed is None:
        speed = Speed(*2 * (modelled_speed(problem),))
    if windows is not None:
        aim = PRECISION if precision is None else precision
        count = DEFAULT_REPLICAS if replicas is None else replicas
        return _planned(problem, theory, minimum, aim, count, windows)

    def plan(aim: float, replicas: int) -> Plan:
        return _planned(problem, theory, minimum, aim, replicas)

    def fits(planned: Plan) -> bool:
        return planned.fits(budget - spent, speed.now, processors)

    halvings = int(math.log2(DEFAULT_REPLICAS // FEWEST_REPLICAS))
    counts = [DEFAULT_REPLICAS >> halving for halving in range(halvings + 1)]
    if replicas is not None:
        counts = [replicas]
    if precision is None:
        precision = PRECISION
        # Rounded, so that the plan does not depend on the last bits of a machine.
        wish = float(f"{white_noise_difference(problem, theory) / REJECTING_ERRORS:.3g}")
        if 0 < wish < precision and fits(planned := plan(wish, counts[0])):
            return planned
    planned, fitting = affordable_plan(plan, fits, precision, counts, coarsest)
    if fitting:
        return planned
    raise too_little(planned, budget, spent, speed, processors)


def warn_of_coarse(planned: Plan, asked: float | None) -> None:
    """Say what precision a plan was not given the time for, or that it may decide nothing."""
    if asked is not None and planned.precision > COARSER * asked:
        log_warning(
            f"the time suffices for standard errors of {planned.precision:.2g} where {asked:g} "
            "was asked for"
        )
    elif planned.precision > max(DECIDING_AIM, asked or 0.0):
        log_warning(
            f"{BUDGET_SECONDS:g} s, taken where no --budget is given, suffice for standard errors "
            f"of {planned.precision:.2g} only, which may decide nothing"
        )


def too_little(
    planned: Plan,
    budget: float,
    spent: float,
    speed: Speed,
    processors: int,
    how: str = "on this machine while it does little else",
) -> RequestError:
    """Names a budget that will do for a plan, the cheapest that decides.

    That is what the machine needs where it does little else, which is said; what it needs as busy
    as it is now comes beside it, and is all that is named where it alone is the reason.
    """
    needed = LEAST_MARGIN * (speed.share * spent + planned.seconds_kept(speed.alone, processors))
    least, now = _in_steps(needed), _in_steps(needed / speed.share)
    named = f"--budget {least}s is the least {how}"
    while_busy = f"while other work leaves it {100 * speed.share:.0f} % of its processors, as now"
    if needed <= budget:
        named = f"--budget {now}s is the least on this machine {while_busy}"
    elif speed.share < BUSY:
        named += f", and --budget {now}s {while_busy}"
    return RequestError(
        "budget",
        f"= {budget:g} s is too little: burn-in and windows at {len(planned.rates)} learning rates "
        f"of {counted(planned.replicas, 'replica')} must show a standard error of "
        f"{planned.precision:.2g}, and {named}",
    )


def _in_steps(seconds: float) -> str:
    """Seconds in whole numbers that are soon read, rounded up."""
    unit = max(1.0, 5 * 10.0 ** (math.floor(math.log10(seconds)) - 1))
    return f"{unit * math.ceil(seconds / unit):.0f}"


def require_budget(
    problem: LearningProblem,
    theory: Evaluation,
    precision: float | None,
    replicas: int | None,
    budget: float,
    processors: int,
    spent: float,
) -> None:
    """Refuse what no machine with so many processors can do in time, before anything is compiled.

    Parameters
    ----------
    problem, theory, precision, replicas, budget, processors, spent
        As for `plan_extrapolation`; the theory need not have its next order.

    Raises
    ------
    RequestError
        When even the cheapest plan takes longer at `FASTEST` times the speed of the rough model, by
        which the least is named; or the rotation at the study's own rate is too fast.
    """
    minimum = minimum_of(problem)
    require_time(problem, minimum)
    aim = max(DECIDING_AIM, precision or 0.0)
    count = FEWEST_REPLICAS if replicas is None else replicas
    cheapest = _planned(problem, theory, minimum, aim, count)
    require_slow_rotation(
        theory.drift, cheapest.schedules[cheapest.rates.index(problem.learning_rate)], count,
        problem.learning_rate, problem.synaptic_noise,
    )  # fmt: skip
    speed = modelled_speed(problem, processors)
    if spent + cheapest.seconds(FASTEST * speed, processors) > budget:
        how = "to be sure of it on an ordinary machine that does little else (of unmeasured speed)"
        ordinary = Speed(*2 * (speed / UNMEASURED,))
        raise too_little(cheapest, budget, spent, ordinary, processors, how)


def _planned(
    problem: LearningProblem,
    theory: Evaluation,
    minimum: MinimumPoint,
    aim: float,
    replicas: int,
    windows: int | None = None,
) -> Plan:
    """Rates for a precision, and schedules for it or for a number of windows."""
    rate, slowest = problem.learning_rate, relaxation(problem, minimum).slowest
    top = min(
        largest_linear_rate(_correction_per_rate(problem, theory, minimum), aim),
        followed_rate(theory.drift, rate, slowest),
    )
    if windows is None:
        single = window_variance(theory.drift, rate, slowest)
        windows = math.ceil(SAFETY * INTERCEPT_VARIANCE * single / aim**2 / replicas)

    def schedule(rate: float, count: int) -> Schedule:
        return schedule_of(problem, minimum, rate, count, replicas)

    return laddered(rate, top, schedule, aim, replicas, windows)


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
    largest = largest_linear_rate(correction, precision)
    rate = problem.learning_rate
    while rate > largest:
        rate /= 2
    return rate


def white_noise_difference(problem: LearningProblem, theory: Evaluation) -> float:
    """Largest relative error of the white-noise approximation in a rotation variance."""
    exact = theory.drift.variances
    white = evaluate(problem, "auto", "white").drift.variances
    moves = exact > 0
    return float(np.max(np.abs(white[moves] / exact[moves] - 1.0), initial=0.0))


def window_variance(drift: Drift, rate: float, slowest: float) -> float:
    """Largest relative variance of a quantity estimated from one window.

    Parameters
    ----------
    drift : Drift
        At that rate.
    rate : float
    slowest : float
        At which deviations return, per unit of the learning rate.
    """
    scales = mean_rotation_scales(drift, rate * slowest)
    turning = scales > 0
    window = WINDOW_RELAXATIONS / (rate * slowest)
    single = drift.variances[turning] / (window * scales[turning] ** 2)
    return max(VARIANCE_PER_WINDOW, float(np.max(single, initial=0.0)))


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


def largest_linear_rate(correction: float, precision: float) -> float:
    """Learning rate up to which the square of the correction is small beside the precision."""
    return LARGEST_CORRECTION * math.sqrt(min(precision, 0.1)) / correction


def followed_rate(drift: Drift, rate: float, slowest: float) -> float:
    """Learning rate up to which no window turns by more than can be followed.

    A window ``T`` is in proportion to the inverse of the rate, the variance ``V`` of the rotation
    to the third power of it (see `at_learning_rate`), the mean ``mu`` to the second, as the
    fluctuation that it averages is to the first: ``k sqrt(V T)`` and ``mu T`` are both linear.

    Parameters are those of `window_variance`.
    """
    window = WINDOW_RELAXATIONS / (rate * slowest)
    turned = RARE_ROTATION * math.sqrt(float(np.max(drift.variances, initial=0.0)) * window)
    turned += float(np.max(np.abs(drift.mean_rotation), initial=0.0)) * window
    return rate * LARGEST_ROTATION / turned if turned > 0 else math.inf


def require_slow_rotation(
    drift: Drift, schedule: Schedule, replicas: int, rate: float, synaptic_noise: float = 0.0
) -> None:
    """Refuse a run in which some window will turn further than can be followed.

    The largest of ``N`` independent rotations is about ``sqrt(2 ln N)`` standard deviations.

    Raises
    ------
    RequestError
    """
    deviations = math.sqrt(2 * math.log(replicas * schedule.windows))
    turned = np.abs(drift.mean_rotation) * schedule.window
    turned += deviations * np.sqrt(drift.variances * schedule.window)
    largest = float(np.max(turned, initial=0.0))
    share = LARGEST_ROTATION / max(largest, LARGEST_ROTATION)
    beside = (
        f", with learning.synaptic_noise = {synaptic_noise:.3g} lowered like its third power"
        if synaptic_noise > 0
        else ""
    )
    refuse_rotation(largest, rate, possible=share, beside=beside)


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
        finite_step = max(
            abs(correction)
            for name, correction in found.listed()
            if not name.endswith("squared_norm")
        )
        # Of a norm that hardly differs from zero it says nothing that matters.
        norms = np.array([stimulus.squared_norm for stimulus in theory.stimuli])
        changes = [stimulus.squared_norm or 0.0 for stimulus in found.stimuli]
        if norms.any():
            finite_step = max(finite_step, float(np.max(np.abs(norms * changes)) / norms.max()))
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
    return timed_schedule(
        rate, modes.slowest, modes.fastest, slowest_of_all, windows, replicas, relaxations
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
    seconds: float = SINGLE_BUDGET_SECONDS,
) -> Schedule:
    """A run at the problem's own learning rate: of given length, or for a precision and a time.

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
        speed = modelled_speed(problem)
        wanted = math.ceil(VARIANCE_PER_WINDOW / precision**2 / replicas)
        affordable = seconds * speed / replicas - shortest.burn_in
        windows = min(wanted, int(affordable / shortest.window))
    else:
        require_counts(steps=steps)
        windows = (steps - shortest.burn_in) // shortest.window
        if windows < shortest.windows:
            raise RequestError(
                "steps",
                f"= {steps} is too short: {shortest.burn_in} steps of burn-in and "
                f"{shortest.windows} windows of {shortest.window} steps ({relaxations:g} "
                f"relaxation times) need at least {shortest.steps}",
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
    per_unit += stimuli * (2 * (hidden + 1) + stimuli) + (stimuli + 1) * lags
    # The sums of all units, the same while they are joined, and the weights themselves.
    kept = replicas * (2 * schedule.segments * per_unit + 2 * weights)
    # In every thread: rotations of some windows as matrices, products of inputs.
    block = min(replicas, max(LANES, replicas_per_block(model_of(problem, hidden))))
    passing = block * (2 * WINDOWS_AT_A_TIME * (hidden**2 + hidden) + 2 * inputs**2 + 2 * weights)
    passing += block * stimuli * hidden * (OVERLAP * lags + 2 * (HALVES + 2))
    needed = 8 * (kept + available_processors() * passing)
    available = available_memory()
    if needed > available:
        raise RequestError(
            "replicas",
            f"= {replicas} is too many: they would take about {size_needed(needed)} of memory, "
            f"and {size_left(available)} are available",
        )

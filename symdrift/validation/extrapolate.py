"""Theory beside simulations at several learning rates, extrapolated to rate zero.

The theory holds at leading order in the learning rate, so that a simulation at any one rate
misses it by a few percent; what must be 1 is the limit of the ratio.  Where the next order is
known, the slope with which the ratio leaves 1 is too: then only the limit is free, and it is found
more sharply; the slope of the data is set beside the predicted one.  Noise on the synapses
falls with the learning rate in these simulations, see `planning.at_learning_rate`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from symdrift.errors import RequestError
from symdrift.evaluation.dense.landscape import minimum_of
from symdrift.evaluation.evaluate import evaluate
from symdrift.evaluation.result import Evaluation
from symdrift.execution import available_processors, require_counts
from symdrift.precision import double_precision
from symdrift.progress import Progress, log_stage
from symdrift.simulation.estimators import Estimate
from symdrift.study.problem import LearningProblem
from symdrift.validation.clock import Clock
from symdrift.validation.expected import theory_of
from symdrift.validation.plan import (
    DEFAULT_REPLICAS,
    PRECISION,
    Plan,
    at_learning_rate,
    plan_extrapolation,
    plan_single,
    require_precision_and_budget,
)
from symdrift.validation.rows import READ_OFF, Row
from symdrift.validation.speed import highest_speed, measured_speed
from symdrift.validation.straight_line import weighted_limit, weighted_line
from symdrift.validation.validate import (
    FOUND_MISS,
    TOLERATED_ERRORS,
    Validation,
    compile_for,
    critical_z,
    run_planned,
)

CERTAIN_RATIO = 0.1
"""Standard error of an extrapolated ratio beyond which it says nothing."""


@dataclass(frozen=True)
class ExtrapolatedRow:
    """One quantity at the study's learning rate, and its ratio as the rate goes to zero.

    Attributes
    ----------
    measured : Row
        At the study's learning rate.
    deviation : Estimate or None
        ``(simulation - theory) / scale`` extrapolated to rate zero, where theory says 0;
        ``None`` when an interrupt left fewer than two learning rates.
    slope : Estimate or None
        Of that deviation against ``eta h_max``, as the simulations have it: per ``scale``, which
        is not the theory for mean rotations and what vanishes (`of_ratio`).
    curvature : float
        What the order behind that of the line may do to the extrapolated deviation: the square of
        the correction at each rate, as far as the line takes it for a deviation at rate zero.
    predicted_slope : float or None
        By the next order in the learning rate, where it is known; the line to rate zero has it.
    """

    measured: Row
    deviation: Estimate | None
    slope: Estimate | None
    curvature: float = 0.0
    predicted_slope: float | None = None

    @property
    def quantity(self) -> str:
        return self.measured.quantity

    @property
    def ratio(self) -> Estimate | None:
        """Extrapolated simulation over theory, where theory is large enough for a ratio."""
        if self.deviation is None:
            return None
        theory, scale = self._theory, self.measured.scale
        if abs(theory) * CERTAIN_RATIO < self.deviation.standard_error * scale:
            return None
        factor = scale / theory
        return Estimate(
            1.0 + factor * self.deviation.value, abs(factor) * self.deviation.standard_error
        )

    @property
    def z(self) -> float | None:
        """Extrapolated deviation in standard errors."""
        if self.deviation is None:
            return None
        return self.deviation.value / self.deviation.standard_error

    @property
    def ratio_slope(self) -> float | None:
        """Of the line by which the ratio was extrapolated, against ``eta h_max``."""
        slope = self.predicted_slope
        if slope is None:
            if self.slope is None:
                return None
            slope = self.slope.value
        return self.of_ratio * slope

    @property
    def of_ratio(self) -> float:
        """Slope of the ratio over that of the deviation: the scale over the theory."""
        return self.measured.scale / self._theory

    @property
    def _theory(self) -> float:
        """Of which the ratio at rate zero is one."""
        at_zero = self.measured.at_zero
        return self.measured.theory if at_zero is None else at_zero

    def hidden_by_curvature(self, allowed: float) -> bool:
        """Whether the next order could account for more than ``allowed`` standard errors."""
        if self.deviation is None or self.z is None or abs(self.z) <= allowed:
            return False
        return abs(self.deviation.value) <= (
            allowed * self.deviation.standard_error + self.curvature
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain Python types, for JSON; slopes and curvature are per ``scale``, which is there."""
        ratio = self.ratio
        return {
            **self.measured.to_dict(),
            "extrapolated_ratio": None if ratio is None else ratio.value,
            "extrapolated_standard_error": None if ratio is None else ratio.standard_error,
            "extrapolated_z": self.z,
            "slope": None if self.slope is None else self.slope.value,
            "slope_standard_error": None if self.slope is None else self.slope.standard_error,
            "predicted_slope": self.predicted_slope,
            "curvature": self.curvature,
            "scale": self.measured.scale,
        }


@dataclass(frozen=True)
class Extrapolation:
    """Simulations at several learning rates beside the theory, extrapolated to rate zero.

    Deviations are fitted by ``intercept + slope * (eta h_max)``, weighted by the standard
    errors, with the slope of the next order where that is known; the theory is exact at leading
    order, so every intercept should be 0, that is, every ratio 1.

    Attributes
    ----------
    runs : tuple of Validation
        In the order in which they were made.
    fitted : tuple of bool
        Which of them are at rates small enough for the fit.
    own : int
        Index of the run at the study's learning rate (or at that nearest to it).
    rows : tuple of ExtrapolatedRow
    seed : int
    white_noise : tuple of pairs of str and float
        Rotation variances, and by how many standard errors the same data miss the white-noise
        approximation.
    completed : float
        Fraction of the planned steps that was made.
    synaptic_noise : tuple of float
        Variance of the synaptic noise in each run, per weight and step.
    """

    runs: tuple[Validation, ...]
    fitted: tuple[bool, ...]
    own: int
    rows: tuple[ExtrapolatedRow, ...]
    seed: int
    white_noise: tuple[tuple[str, float], ...]
    completed: float
    synaptic_noise: tuple[float, ...]

    @property
    def fitted_runs(self) -> tuple[Validation, ...]:
        """Runs at rates small enough for the fit."""
        return tuple(run for run, used in zip(self.runs, self.fitted, strict=True) if used)

    @property
    def quantities(self) -> tuple[str, ...]:
        """Quantities that have an extrapolated ratio."""
        return tuple(row.quantity for row in self.rows if row.ratio is not None)

    @property
    def intercepts(self) -> tuple[Estimate, ...]:
        """Extrapolated ratio of each of `quantities`."""
        return tuple(ratio for row in self.rows if (ratio := row.ratio) is not None)

    @property
    def stiffness(self) -> tuple[float, ...]:
        """``eta h_max`` of each run."""
        return tuple(run.stiffness for run in self.runs)

    @property
    def precision(self) -> float | None:
        """Largest standard error of an extrapolated deviation of what runs are planned for.

        What is read off representations, beside their fluctuation, is known less well.
        """
        return self._largest_error(read_off=False)

    @property
    def precision_read_off(self) -> float | None:
        """The same of what is read off representations."""
        return self._largest_error(read_off=True)

    def _largest_error(self, read_off: bool) -> float | None:
        errors = [
            row.deviation.standard_error
            for row in self.rows
            if row.deviation is not None and row.quantity.startswith(READ_OFF) == read_off
        ]
        return max(errors, default=None)

    @property
    def interrupted(self) -> bool:
        return self.completed < 1

    @property
    def rule(self) -> str:
        """When the validation counts as passed, in a sentence."""
        return (
            f"passed when every extrapolated ratio is 1 within {self._allowed:.2f} "
            f"standard errors ({TOLERATED_ERRORS:g} for a single row, raised for "
            f"{len(self.rows)} rows)"
        )

    @property
    def passed(self) -> bool:
        """Whether theory and simulation agree in the limit; see `rule`."""
        return not (self._missing or self.imprecise)

    @property
    def undecided(self) -> tuple[str, ...]:
        """Quantities that stand between the validation and passing, where they decide nothing.

        Those that miss the limit by no more than the next order may account for: then the rates
        were too large for a line.  Where none misses, those that are `imprecise`.
        """
        if not all(row.hidden_by_curvature(self._allowed) for row in self._missing):
            return ()
        return tuple(row.quantity for row in self._missing) or self.imprecise

    @property
    def imprecise(self) -> tuple[str, ...]:
        """Quantities known so badly that a theory wrong by half would pass.

        Of those that runs are planned for, not of what is read off representations.
        """
        return tuple(
            row.quantity
            for row in self.rows
            if row.deviation is not None
            and self._allowed * row.deviation.standard_error > FOUND_MISS
            and not row.quantity.startswith(READ_OFF)
        )

    @property
    def _allowed(self) -> float:
        return critical_z(len(self.rows))

    @property
    def _missing(self) -> tuple[ExtrapolatedRow, ...]:
        return tuple(row for row in self.rows if (z := row.z) is None or abs(z) > self._allowed)

    def _repr_html_(self) -> str:
        from symdrift.validation.verdict import extrapolation_html

        return extrapolation_html(self)

    def to_dict(self) -> dict[str, Any]:
        """The JSON record of ``symdrift validate``."""
        own = self.runs[self.own]
        return {
            "rows": [row.to_dict() for row in self.rows],
            "steps": own.steps,
            "replicas": own.replicas,
            "window": own.window,
            "seed": self.seed,
            "passed": self.passed,
            "undecided": list(self.undecided),
            "rule": self.rule,
            "interrupted": self.interrupted,
            "completed": self.completed,
            "precision": self.precision,
            "precision_read_off": self.precision_read_off,
            "white_noise_z": dict(self.white_noise),
            "runs": [
                {
                    "learning_rate": run.learning_rate,
                    "stiffness": run.stiffness,
                    "synaptic_noise": synaptic_noise,
                    "fitted": fitted,
                    **run.to_dict(),
                }
                for run, fitted, synaptic_noise in zip(
                    self.runs, self.fitted, self.synaptic_noise, strict=True
                )
            ],
        }


@double_precision()
def validate_limit(
    problem: LearningProblem,
    replicas: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    *,
    precision: float | None = None,
    budget: float | None = None,
    begun: float | None = None,
    threads: int | None = None,
    executor: Executor | None = None,
) -> Extrapolation:
    """Validate at learning rates that the theory's time scales suggest, and extrapolate.

    Parameters
    ----------
    problem : LearningProblem
    replicas : int, optional
    seed : int
    progress : callable, optional
        Receives replica-steps done and planned, of all runs together.
    precision : float, optional
        Standard error of every extrapolated ratio to plan for.  Default: as
        `planning.plan_extrapolation`.
    budget : float, optional
        Seconds for all of it but compiling, which comes on top, at the speed that this machine
        is found to have; where it turns out slower, windows are left out.  Default:
        `planning.BUDGET_SECONDS` by a rough model of the speed, so that the same study gives
        the same numbers on every machine.
    begun : float, optional
        Since when the budget is spent, by `time.monotonic`; default: since the call.

    Raises
    ------
    RequestError
        As `validate` and `planning.plan_extrapolation`.
    """
    require_counts(replicas=replicas, threads=threads, seed=seed)
    require_precision_and_budget(precision, budget)
    processors = available_processors() if threads is None else threads
    clock = None if budget is None else Clock(budget, processors, begun)
    theory = theory_of(problem)
    if clock is None:
        plan = plan_extrapolation(problem, theory, precision=precision, replicas=replicas)
        return _extrapolate(problem, theory, plan, seed, progress, threads, executor)
    # What no machine could do is refused before anything is compiled.
    clock.count_on(highest_speed(problem, processors))
    clock.plan(problem, theory, replicas, precision)
    log_stage("compiling the simulator, which is kept, and measuring its speed")
    with clock.stopped():
        compile_for(problem)
    clock.count_on(measured_speed(problem, threads))
    plan = clock.plan(problem, theory, replicas, precision)
    return _extrapolate(problem, theory, plan, seed, progress, threads, executor, clock)


@double_precision()
def extrapolate(
    problem: LearningProblem,
    rates: Sequence[float],
    replicas: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    *,
    threads: int | None = None,
    precision: float = PRECISION,
    unfitted: Sequence[float] = (),
    executor: Executor | None = None,
) -> Extrapolation:
    """Validate at several learning rates and extrapolate the ratio to rate zero.

    Parameters
    ----------
    problem : LearningProblem
    rates : sequence of float
        At least two different learning rates.
    precision : float
        Relative standard error of rotation variances at each rate.
    unfitted : sequence of float
        Further learning rates to validate at, too large for the extrapolation.

    Notes
    -----
    Synaptic noise of the problem is that at its own learning rate; at the others its variance
    is scaled with the third power of the rate.

    Raises
    ------
    RequestError
        With fewer than two rates, or as `validate`.
    """
    if len(set(rates)) < 2:
        raise RequestError("rates", "must be at least two different learning rates")
    require_counts(replicas=replicas, threads=threads, seed=seed)
    replicas = DEFAULT_REPLICAS if replicas is None else replicas
    minimum = minimum_of(problem)
    schedules = tuple(
        plan_single(
            at_learning_rate(problem, rate), minimum, None, replicas, precision
        )
        for rate in (*rates, *unfitted)
    )
    fitted = (True,) * len(rates) + (False,) * len(unfitted)
    plan = Plan((*rates, *unfitted), schedules, fitted, replicas)
    theory = theory_of(problem)
    return _extrapolate(problem, theory, plan, seed, progress, threads, executor)


def _extrapolate(
    problem: LearningProblem,
    theory: Evaluation,
    plan: Plan,
    seed: int,
    progress: Progress | None,
    threads: int | None,
    executor: Executor | None,
    clock: Clock | None = None,
) -> Extrapolation:
    runs: list[Validation] = []
    planned = [schedule.steps * plan.replicas for schedule in plan.schedules]
    end = -math.inf
    reached = 0
    # When the first of it was done, threads and kernels had been started.
    begun = (0.0, 0)
    thought = 0.0 if clock is None else clock.spent

    def report(done: int, _: int) -> None:
        nonlocal reached, begun
        reached = sum(planned[: len(runs)]) + done
        if clock is not None and not begun[1]:
            begun = clock.spent, reached
        if progress is not None:
            progress(reached, sum(planned))
        if clock is not None and clock.left < end:
            raise KeyboardInterrupt

    for index, rate in enumerate(plan.rates):
        schedules = plan.schedules[index:]
        began = 0.0
        if clock is not None:
            schedules = clock.shortened(schedules, plan.replicas)
            planned[index:] = [schedule.steps * plan.replicas for schedule in schedules]
            end, began = clock.end_of(schedules), clock.left
        at_rate = at_learning_rate(problem, rate)
        # Runs of one seed are independent of each other and of those of other seeds.
        own_seed = int(np.random.SeedSequence((seed, index)).generate_state(1)[0])
        try:
            run = run_planned(
                at_rate,
                replace(evaluate(at_rate), next_order=theory.next_order),
                schedules[0],
                plan.replicas,
                own_seed,
                report,
                threads,
                executor,
            )
        except KeyboardInterrupt:
            if clock is not None and clock.left < end:
                if reached > begun[1]:
                    steps = (reached - begun[1]) / plan.replicas
                    clock.learn(steps, plan.replicas, clock.spent - begun[0])
                    # At that speed the plan is refused, with the least that it needs.
                    clock.plan(problem, theory, plan.replicas, spent=thought)
                raise RequestError(
                    "budget",
                    "was used up before anything was measured: the machine is busier than when "
                    "its speed was measured; give it more time",
                ) from None
            if not runs:
                raise
            break
        if clock is not None:
            if run.interrupted and clock.left < end:
                # Cut, not interrupted: what was measured by then is all that was to be.
                planned[index] = int(planned[index] * run.completed)
                run = replace(run, interrupted=False, completed=1.0)
            steps = planned[index] / plan.replicas
            clock.learn(steps, plan.replicas, began - clock.left)
        runs.append(run)
        if run.interrupted:
            break
    done = sum(steps * run.completed for steps, run in zip(planned, runs, strict=False))
    own = min(
        range(len(runs)), key=lambda index: abs(runs[index].learning_rate - problem.learning_rate)
    )
    rows = tuple(_extrapolated_rows(runs, plan.fitted, own))
    return Extrapolation(
        runs=tuple(runs),
        fitted=plan.fitted[: len(runs)],
        own=own,
        rows=rows,
        seed=seed,
        white_noise=_white_noise(problem, rows),
        completed=done / sum(planned),
        synaptic_noise=tuple(
            at_learning_rate(problem, run.learning_rate).synaptic_noise for run in runs
        ),
    )


def _extrapolated_rows(
    runs: Sequence[Validation], fitted: Sequence[bool], own: int
) -> Iterator[ExtrapolatedRow]:
    used = [run for run, small in zip(runs, fitted, strict=False) if small]
    rates = np.array([run.learning_rate for run in used])
    stiffness = np.array([run.stiffness for run in used])
    by_quantity = [
        {row.quantity: row for row in (*run.rows, *run.displacement_rows)} for run in used
    ]
    for measured in (*runs[own].rows, *runs[own].displacement_rows):
        # A run cut short may lack displacements.
        has = np.array([measured.quantity in rows for rows in by_quantity], dtype=bool)
        if np.count_nonzero(has) < 2:
            yield ExtrapolatedRow(measured, None, None)
            continue
        rows = [rows[measured.quantity] for rows in by_quantity if measured.quantity in rows]
        at = stiffness[has]
        deviations = np.array([(row.simulation - row.theory) / row.scale for row in rows])
        errors = np.array([row.standard_error / row.scale for row in rows])
        deviation, slope, curvature = weighted_line(at, deviations, errors)
        predicted = None
        # A displacement's term depends on its lag: that nearest to the limit counts.
        nearest = int(np.argmin(at))
        term = rows[nearest].correction
        if term is not None:
            predicted = term * rates[has][nearest] / at[nearest]
            deviation, curvature = weighted_limit(at, deviations, errors, predicted)
        yield ExtrapolatedRow(measured, deviation, slope, curvature, predicted)


def _white_noise(
    problem: LearningProblem, rows: Sequence[ExtrapolatedRow]
) -> tuple[tuple[str, float], ...]:
    """Standard errors between extrapolated variances and the white-noise approximation."""
    variances = evaluate(problem, "auto", "white").drift.variances
    exact = evaluate(problem).drift.variances
    return tuple(
        (row.quantity, float((ratio.value - white / variance) / ratio.standard_error))
        for row, white, variance in zip(rows, variances, exact, strict=False)
        if (ratio := row.ratio) is not None
    )

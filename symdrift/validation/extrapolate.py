"""Theory beside simulations at several learning rates, extrapolated to rate zero.

The theory holds at leading order in the learning rate, so that a simulation at any one rate
misses it by a few percent; what must be 1 is the limit of the ratio.  Where the next order is
known, the slope with which the ratio leaves 1 is too: then only the limit is free, and it is found
more sharply; the slope of the data is set beside the predicted one.  Noise on the synapses
falls with the learning rate in these simulations, see `planning.at_learning_rate`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from symdrift.errors import RequestError, counted
from symdrift.evaluation.dense.landscape import minimum_of
from symdrift.evaluation.evaluate import evaluate
from symdrift.evaluation.next_order.cost import QUICK
from symdrift.evaluation.result import Evaluation
from symdrift.execution import MOST_STEPS, available_processors, require_counts
from symdrift.precision import double_precision
from symdrift.progress import Progress, log_stage
from symdrift.simulation.estimators import Estimate
from symdrift.study.problem import Array, LearningProblem
from symdrift.tables import as_sentence, html_page
from symdrift.validation.clock import Clock, used_up
from symdrift.validation.expected import patience, theory_at, theory_at_once, theory_of
from symdrift.validation.in_rounds import TooSlow, in_rounds
from symdrift.validation.judgement import TOLERATED_ERRORS, rule
from symdrift.validation.ladder import COARSEST_AIM, FEWEST_WINDOWS
from symdrift.validation.plan import (
    BUDGET_MARGIN,
    DEFAULT_REPLICAS,
    PRECISION,
    at_learning_rate,
    plan_extrapolation,
    plan_single,
    require_budget,
    require_precision,
    schedule_of,
    warn_of_coarse,
)
from symdrift.validation.rounds import Plan, cut_to, further, occupied, seed_of_run
from symdrift.validation.rows import READ_OFF, ExtrapolatedRow
from symdrift.validation.second_look import SecondLook
from symdrift.validation.speed import Speed, at_small_rate, compile_for, measured_speed
from symdrift.validation.straight_line import partly_known_limit, weighted_limit, weighted_line
from symdrift.validation.validate import RateRun, Run, Validation
from symdrift.validation.verdict import (
    AGREED,
    MATTERING,
    Judged,
    extrapolation_table,
    listed,
)


@dataclass(frozen=True)
class Extrapolation(Judged[ExtrapolatedRow]):
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
    units : int
        Independent units that the standard errors rest on, at least.
    seed : int
    white_noise : tuple of pairs of str and float
        Rotation variances, and by how many standard errors the same data miss the white-noise
        approximation.
    completed : float
        Fraction of the planned steps that was made.
    synaptic_noise : tuple of float
        Variance of the synaptic noise in each run, per weight and step.
    repeat : str or None
        Options of ``symdrift validate`` that repeat this run to the last bit, on however fast a
        machine; ``None`` where rates were given.
    second : SecondLook or None
        At the rows that these networks miss.
    """

    runs: tuple[Validation, ...]
    fitted: tuple[bool, ...]
    own: int
    rows: tuple[ExtrapolatedRow, ...]
    units: int
    seed: int
    white_noise: tuple[tuple[str, float], ...]
    completed: float
    synaptic_noise: tuple[float, ...]
    repeat: str | None = None
    second: SecondLook[ExtrapolatedRow] | None = None

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

    def confirmed_by(self, other: Extrapolation) -> Extrapolation:
        """The same, where rows that these networks miss are judged by others."""
        replicas = other.runs[other.own].replicas
        return replace(
            self,
            runs=tuple(
                run.confirmed_by(again) for run, again in zip(self.runs, other.runs, strict=True)
            ),
            second=SecondLook.at(self.missed, other.rows, replicas, other.units),
        )

    @property
    def rule(self) -> str:
        """When the validation counts as passed, in sentences."""
        return (
            "The validation passes when every extrapolated ratio that decides is 1, and every "
            f"slope the predicted one, {rule(len(self.rows), self.units, '')} "
            f"{self.rows_that_decide}"
        )

    @property
    def slopes(self) -> str | None:
        """Whether fitted slopes are the predicted ones, in words, and how many no table shows.

        ``None`` where none is known, and of an interrupted run.
        """
        known = [] if self.interrupted else [row for row in self.rows if row.slope_z is not None]
        apart = [row.quantity for row in known if abs(row.slope_z or 0.0) > TOLERATED_ERRORS]
        if not known:
            return None
        hidden = sum(row.ratio is None for row in known)
        unseen = f"; the table leaves out {hidden} of them, with no ratio at 0" if hidden else ""
        return (
            f"of {counted(len(known), 'fitted slope')} that the next order predicts "
            f"{len(apart) or 'none'} {'is' if len(apart) < 2 else 'are'} further than "
            f"{TOLERATED_ERRORS:g} standard errors from that{': ' if apart else ''}{listed(apart)}"
            f"{unseen}"
        )

    @property
    def doubts(self) -> str:
        """Of what the runs decide nothing, why, and what would decide.

        Standard errors are too large, or the rates: the limit is missed by no more than the next
        order may account for, or the predicted slope.
        """
        why = self._doubted(
            missed="the learning rates are too large for a linear extrapolation of {}: higher "
            "orders may account for what is missed",
            vague=f"the theory of {{}} may be wrong by {MATTERING} for all that the simulations "
            "show",
        )
        return f"{why}; a finer --precision takes smaller rates and more windows"

    @property
    def compared(self) -> tuple[str, ...]:
        """What was simulated, and what the columns of the table are, in sentences."""
        runs = ", ".join(
            f"{run.learning_rate:.4g}{'' if fitted else ' (not fitted)'}"
            for run, fitted in zip(self.runs, self.fitted, strict=True)
        )
        own = self.runs[self.own]
        sentences = [
            f"{counted(own.replicas, 'replica')} at learning rates {runs}, seed {self.seed}.",
            f"Ratio at 0 and z are extrapolated against learning rate times {own.fastest}, by the "
            "slope of the next order where that is known.",
            "Slopes are those of the ratio; their errors allow for the order behind the next.",
        ]
        if any(run.displacement for run in self.runs):
            sentences.append(f"Displacements are those in half a window, {own.window // 2} steps.")
        if any(self.synaptic_noise):
            sentences.append(
                "Synaptic noise is scaled with the third power of the learning rate, as diffusion "
                "by gradient noise is; its share in fluctuations has a slope of its own."
            )
        return tuple(sentences)

    @property
    def found(self) -> tuple[str, ...]:
        """What comes of it, how precise it is, and what it rejects, in sentences."""
        sentences = [*super().found]
        if self.slopes is not None:
            sentences.append(as_sentence(self.slopes))
        if self.precision is not None:
            sentences.append(f"Standard errors at rate 0 are {_at_most(self.precision)}.")
        if self.precision_read_off is not None:
            sentences.append(
                f"They are {_at_most(self.precision_read_off)} where diffusion and norm are read "
                "off the representations themselves, which fluctuate more than they diffuse."
            )
        if self.white_noise:
            quantity, errors = max(self.white_noise, key=lambda entry: abs(entry[1]))
            sentences.append(
                f"The white-noise approximation of {quantity} misses these data by "
                f"{abs(errors):.1f} standard errors."
            )
        return tuple(sentences)

    def _repr_html_(self) -> str:
        table = extrapolation_table(self.rows, self.said, self.interrupted)
        return html_page(self.objection or AGREED, [table], self.summary.splitlines())

    def to_dict(self) -> dict[str, Any]:
        """The JSON record of ``symdrift validate``."""
        own = self.runs[self.own]
        return {
            "rows": [row.to_dict() for row in self.rows],
            "steps": own.steps,
            "replicas": own.replicas,
            "window": own.window,
            "seed": self.seed,
            "repeat": self.repeat,
            "units": self.units,
            "passed": self.passed,
            "verdict": self.verdict,
            "undecided": list(self.undecided),
            "shown_only": list(self.shown_only),
            "slopes": self.slopes,
            "rule": self.rule,
            "second": None if self.second is None else self.second.to_dict(),
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


def _at_most(error: float) -> str:
    """Of the largest relative standard error."""
    return f"at most {error:.2g}" if error <= 1 else "up to more than the numbers themselves"


@double_precision()
def validate_limit(
    problem: LearningProblem,
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
        `plan.plan_extrapolation`.
    windows : int, optional
        Of each replica at the largest rate, instead of as many as the precision needs.
    clock : Clock, optional
        Time for all of this, but for compiling.  Networks are simulated in rounds, and only the
        rounds are made that end in time.  Default: `plan.BUDGET_SECONDS` by a rough model
        of the speed, so that the same study gives the same numbers on every machine.

    Raises
    ------
    RequestError
        As `validate` and `plan.plan_extrapolation`.
    """
    require_counts(replicas=replicas, threads=threads, seed=seed)
    require_plannable(precision, windows, clock)
    if clock is None:
        theory = theory_of(problem, patience(None))
        plan = plan_extrapolation(
            problem,
            theory,
            precision=precision,
            replicas=replicas,
            windows=windows,
            coarsest=COARSEST_AIM,
        )
        warn_of_coarse(plan, precision)
        return _extrapolate(problem, theory, plan, seed, progress, threads, executor)
    processors = available_processors() if threads is None else threads

    def planned(theory: Evaluation, speed: Speed, ahead: float = 0.0) -> Plan:
        return plan_extrapolation(
            problem,
            theory,
            precision=precision,
            budget=clock.seconds,
            replicas=replicas,
            speed=speed,
            processors=processors,
            spent=clock.seconds - clock.left + ahead,
        )

    def require_time_left() -> None:
        require_budget(
            problem, leading, precision, replicas, clock.seconds, processors, clock.spent
        )

    leading = evaluate(problem)
    require_time_left()
    log_stage(
        "reading the simulator; for a kind of network that is new to this machine it is compiled "
        "first, which comes on top of the budget"
    )
    before = clock.spent
    if compile_for(problem):
        clock.forgive(clock.spent - before)
    require_time_left()
    minimum, rate = minimum_of(problem), problem.learning_rate
    window = schedule_of(problem, minimum, rate, FEWEST_WINDOWS, 1).window
    speed = measured_speed(at_small_rate(problem), window, threads)
    require_time_left()
    longest = patience(clock.seconds)
    theory, ahead = theory_at_once(problem, leading, longest)
    if ahead:
        # Its next order takes seconds, and would come too late for a refusal.
        try:
            planned(leading, replace(speed, now=speed.now / BUDGET_MARGIN), ahead)
        except RequestError:
            if ahead <= QUICK:
                raise
        else:
            theory = theory_of(problem, longest)
    clock.be_ready()
    plan = planned(theory, speed)
    warn_of_coarse(plan, precision)
    try:
        return _extrapolate(problem, theory, plan, seed, progress, threads, executor, clock)
    except TooSlow as found:
        # At that speed the plan is refused, with the least that it needs.
        clock.forgive(found.seconds)
        steps = found.share * sum(schedule.steps for schedule in plan.schedules)
        round_ = occupied(plan.rounds(processors)[0][1], processors)
        planned(theory, replace(speed, now=steps * round_ / found.seconds))
        raise used_up(clock) from None


def require_plannable(precision: float | None, windows: int | None, clock: Clock | None) -> None:
    """Refuse a precision or a number of windows that is none, and windows beside a budget."""
    require_precision(precision)
    if windows is not None and not 1 <= windows <= MOST_STEPS:
        raise RequestError("windows", f"= {windows} must be at least 1, and at most {MOST_STEPS:g}")
    if windows is not None and clock is not None:
        raise RequestError("windows", "and a budget exclude each other")


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
        plan_single(at_learning_rate(problem, rate), minimum, None, replicas, precision)
        for rate in (*rates, *unfitted)
    )
    fitted = (True,) * len(rates) + (False,) * len(unfitted)
    plan = Plan((*rates, *unfitted), schedules, fitted, replicas, precision, None)
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
    # Before the simulations: an interrupt after these loses nothing.
    approximate = evaluate(problem, "auto", "white").drift.variances
    exact = evaluate(problem).drift.variances
    planned = []
    for index, (rate, schedule) in enumerate(zip(plan.rates, plan.schedules, strict=True)):
        at_rate = at_learning_rate(problem, rate)
        expected = theory_at(at_rate, theory)
        planned.append(Run(at_rate, expected, schedule, plan.replicas, seed_of_run(seed, index)))
    found = extrapolated(
        planned, plan, problem.learning_rate, seed, progress, threads, executor, clock
    )
    return replace(found, white_noise=_white_noise(approximate, exact, found.rows))


def extrapolated(
    planned: Sequence[RateRun],
    plan: Plan,
    own_rate: float,
    seed: int,
    progress: Progress | None,
    threads: int | None,
    executor: Executor | None,
    clock: Clock | None = None,
) -> Extrapolation:
    """What the runs of a plan show as the rate goes to zero; what is missed is judged by others.

    Parameters
    ----------
    planned : sequence of RateRun
        At the rates of the plan.
    plan : Plan
    own_rate : float
        The study's own, or near it.
    seed, progress, threads, executor, clock
        As for `validate_limit`.
    """

    def shown(rounds: Sequence[tuple[int, int]], progress: Progress | None) -> Extrapolation:
        sums, replicas, cut = in_rounds(
            planned, rounds, own_rate, progress, threads, executor, clock
        )
        runs = [run.compare(found, replicas) for run, found in zip(planned, sums, strict=False)]
        done = replicas * sum(
            run.schedule.steps * made.completed for run, made in zip(planned, runs, strict=False)
        )
        own = min(range(len(runs)), key=lambda index: abs(runs[index].learning_rate - own_rate))
        fitted = plan.fitted[: len(runs)]
        used = [run for run, small in zip(runs, fitted, strict=True) if small]
        return Extrapolation(
            runs=tuple(runs),
            fitted=fitted,
            own=own,
            rows=tuple(_extrapolated_rows(runs, used, own)),
            units=min(run.units for run in used or runs),
            seed=seed,
            white_noise=(),
            completed=cut_to(done / plan.replica_steps) if cut else 1.0,
            synaptic_noise=tuple(run.synaptic_noise for run in planned[: len(runs)]),
            repeat=None if cut else plan.options(replicas, seed),
        )

    rounds = [(0, plan.replicas)]
    if clock is not None:
        rounds = plan.rounds(available_processors() if threads is None else threads)
    found = shown(rounds, progress)
    if found.interrupted or not (found.missed or found.runs[found.own].missed):
        return found
    replicas = found.runs[found.own].replicas
    try:
        # As at one rate, progress is that of the first look; a stage is named for these.
        other = shown([(replicas, further(replicas))], None)
    except TooSlow:
        # There was no time for them, and what is missed is not decided.
        return found
    except KeyboardInterrupt:
        other = replace(found, completed=0.0)
    if other.interrupted:
        return replace(found, completed=cut_to(1.0))
    return found.confirmed_by(other)


def _extrapolated_rows(
    runs: Sequence[Validation], used: Sequence[Validation], own: int
) -> Iterator[ExtrapolatedRow]:
    """Of the quantities of one run, by those runs whose rates are small enough."""
    rates = np.array([run.learning_rate for run in used])
    stiffness = np.array([run.stiffness for run in used])
    by_quantity = [
        {row.quantity: row for row in (*run.rows, *run.displacement_rows)} for run in used
    ]
    displaced = {row.quantity for row in runs[own].displacement_rows}
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
        # A displacement's term depends on its lag: that nearest to the limit counts.
        nearest = int(np.argmin(at))
        terms = np.array([row.correction for row in rows], dtype=float)
        # Where synaptic noise has a large share of a number at a larger rate it is not known there.
        known = np.isfinite(terms if measured.quantity not in displaced else terms[nearest])
        term = float(terms[nearest]) if known.all() else None
        predicted = None if term is None else term * rates[has][nearest] / at[nearest]
        # Beyond what is allowed of a prediction at each rate no slope excuses what is missed.
        largest = np.array([np.inf if row.predicted is None else row.excused for row in rows])
        deviation, slope, curvature = weighted_line(at, deviations, errors, predicted, largest)
        if parts := [row.parts for row in rows if row.parts is not None]:
            changed, share = np.array(parts).T
            deviation, curvature = partly_known_limit(at, deviations, errors, changed, share)
        elif predicted is not None:
            deviation, curvature = weighted_limit(at, deviations, errors, predicted)
        yield ExtrapolatedRow(measured, deviation, slope, curvature, predicted)


def _white_noise(
    approximate: Array, exact: Array, rows: Sequence[ExtrapolatedRow]
) -> tuple[tuple[str, float], ...]:
    """Standard errors between extrapolated variances and the white-noise approximation."""
    moves = exact > 0
    return tuple(
        (row.quantity, float((ratio.value - white / variance) / ratio.standard_error))
        for row, white, variance in zip(rows, approximate[moves], exact[moves], strict=False)
        if (ratio := row.ratio) is not None
    )

"""Theory beside simulation, with standard errors."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Protocol

import numpy as np

from symdrift.errors import RequestError, counted
from symdrift.evaluation.dense.landscape import MinimumPoint, minimum_of
from symdrift.evaluation.dense.operator import expected_loss
from symdrift.evaluation.next_order.cost import AT_ONCE
from symdrift.evaluation.result import Evaluation
from symdrift.execution import Diverged, require_counts
from symdrift.observables import drift_process, mean_squared_displacement
from symdrift.observables.process import NextProducts
from symdrift.precision import double_precision
from symdrift.progress import Progress, log_stage
from symdrift.records import Record
from symdrift.simulation.ensemble import Schedule, measure, too_fast
from symdrift.simulation.estimators import (
    Estimate,
    WindowSums,
    decay_rates,
    estimate,
    measured_displacements,
    observables,
)
from symdrift.simulation.setup import (
    model_of,
    padded_layers,
    rows_of_stimuli,
    simulated_hidden,
)
from symdrift.simulation.stretches import half_stretch
from symdrift.simulation.timescales import relaxation
from symdrift.study.problem import Array, LearningProblem
from symdrift.tables import html_page
from symdrift.validation.expected import theory_of
from symdrift.validation.judgement import rule
from symdrift.validation.plan import (
    DEFAULT_REPLICAS,
    PRECISION,
    WINDOW_RELAXATIONS,
    plan_single,
    require_memory,
    require_slow_rotation,
)
from symdrift.validation.rounds import cut_to, further
from symdrift.validation.rows import (
    SECOND_ORDER,
    TOLERATED_STIFFNESS,
    Row,
    row_of,
    rows_of,
)
from symdrift.validation.second_look import SecondLook
from symdrift.validation.verdict import (
    AGREED,
    MATTERING,
    Judged,
    validation_table,
)

MOST_DIRECTIONS = 200
"""Directions reached by noise, ``r (n + m - r)``, up to which displacements have a theory here."""


@dataclass(frozen=True, eq=False)
class Similarity(Record):
    """Similarity matrix ``h_a . h_b`` of the stimuli, which drift leaves alone.

    Attributes
    ----------
    minimum : Array
        At the minimum, shape ``(stimuli, stimuli)``; so are the others.
    simulation, standard_error : Array
        Mean over the run, which differs from the minimum at first order in the rate.
    """

    minimum: Array
    simulation: Array
    standard_error: Array


@dataclass(frozen=True, eq=False)
class Displacement(Record):
    """Mean-squared displacement ``E|h_{t+lag} - h_t|^2`` of one stimulus against the lag.

    Attributes
    ----------
    stimulus : str
    lags : Array
        In SGD steps, shape ``(lags,)``; so are the others.
    theory : Array
        At leading order in the rate.
    fluctuation : Array
        What of it is not rotation, which within a relaxation time is smaller by an order.
    following : Array
        What the next order adds; not a number where it is not known.
    simulation, standard_error : Array
    """

    unwritten = ("fluctuation", "following")

    stimulus: str
    lags: Array
    theory: Array
    fluctuation: Array
    following: Array
    simulation: Array
    standard_error: Array


@dataclass(frozen=True)
class Validation(Record, Judged[Row]):
    """A simulation set beside the theory.

    Attributes
    ----------
    study : str
    learning_rate : float
    rows : tuple of Row
    steps, replicas : int
        SGD steps of each replica, and replicas.
    window : int
        Steps between measurements.
    seed : int
    stiffness : float
        ``eta * h_max``: the relative order of corrections to the theory.
    completed : float
        Fraction of the planned windows that was measured, a second look included.
    units : int
        Independent networks, or segments of few, that the standard errors rest on.
    similarity : Similarity
    displacement : tuple of Displacement
        One per stimulus; none beyond `MOST_DIRECTIONS`, where their theory at every rate would
        take longer than the simulation.
    decay_rates : tuple of Estimate
        Of the stimuli as the minimum represents them, by the measured rotation of the hidden
        layer.
    fastest : str
        What the learning rate is multiplied with in ``stiffness``, in words.
    second : SecondLook or None
        At the rows that these networks miss; written where there is one.
    """

    behind = MappingProxyType(
        {"passed": "seed", "verdict": "passed", "undecided": "verdict"}
        | {"shown_only": "undecided", "rule": "shown_only", "interrupted": "rule"}
    )
    unwritten = ("study", "learning_rate", "stiffness", "decay_rates", "fastest")

    study: str
    learning_rate: float
    rows: tuple[Row, ...]
    steps: int
    replicas: int
    window: int
    seed: int
    stiffness: float
    completed: float
    units: int
    similarity: Similarity
    displacement: tuple[Displacement, ...]
    decay_rates: tuple[Estimate, ...]
    fastest: str = "largest Hessian eigenvalue"
    second: SecondLook[Row] | None = None

    def written(self) -> tuple[str, ...]:
        """Names of what is written, in their order."""
        return tuple(name for name in super().written() if name != "second" or self.second)

    def confirmed_by(self, other: Validation) -> Validation:
        """The same, where rows that these networks miss are judged by others."""
        missed = self.missed
        if not missed:
            return self
        second = SecondLook.at(missed, other.rows, other.replicas, other.units)
        return replace(self, second=second)

    @property
    def rule(self) -> str:
        """When the validation counts as passed, in sentences."""
        known = [row.predicted is not None and not row.unknown for row in self.rows]
        parts = []
        if any(known):
            parts.append(
                f"what the orders behind may add, {SECOND_ORDER:g} times the square of its "
                "correction of next order, or more towards the critical rate"
            )
        if not all(known):
            where = "where that is not known" if any(known) else "for corrections of higher order"
            hides = any(row.unknown for row in self.rows)
            parts.append(
                f"{100 * TOLERATED_STIFFNESS * self.stiffness:.2g} % {where} "
                f"({TOLERATED_STIFFNESS:g} times learning rate times {self.fastest})"
                + (", which may hide as large an error" if hides else "")
            )
        allowed = ", or ".join(parts)
        limits = rule(len(self.rows), self.units, f" plus {allowed}")
        with_next = "" if self.rows[0].predicted is None else ", its next order included"
        return (
            "The validation passes when every row that decides agrees with the theory"
            f"{with_next}, {limits} {self.rows_that_decide}"
        )

    @property
    def compared(self) -> tuple[str, ...]:
        """What was simulated, in a sentence."""
        return (
            f"{counted(self.replicas, 'replica')} of {self.steps} steps, windows of {self.window} "
            f"steps, seed {self.seed}.",
        )

    @property
    def doubts(self) -> str:
        """Of what one learning rate decides nothing, why, and what would decide."""
        return self._doubted(
            missed="deviations of {} may be due to higher orders in the learning rate, and a "
            "smaller one would decide",
            vague=f"the theory of {{}} may be wrong by {MATTERING} for all that the simulation "
            "shows, and more steps or more replicas would decide",
        )

    def _repr_html_(self) -> str:
        table = validation_table(self.rows, self.said)
        return html_page(self.objection or AGREED, [table], self.summary.splitlines())

    @property
    def displacement_rows(self) -> tuple[Row, ...]:
        """Displacement of each stimulus in half a window, for an extrapolation.

        They are not among `rows`: so soon after a start the fluctuation decides, whose corrections
        may exceed ``eta h_max`` by far.
        """
        return tuple(
            displacement_row(
                curve.stimulus,
                (curve.theory[index], curve.fluctuation[index], curve.following[index]),
                Estimate(float(curve.simulation[index]), float(curve.standard_error[index])),
                self.learning_rate,
                self.stiffness,
            )
            for curve in self.displacement
            for index in np.flatnonzero(curve.lags == self.window // 2)
            if curve.fluctuation[index] > 0
        )

    def row(self, quantity: str) -> Row:
        """Row of a quantity, those of displacements included.

        Raises
        ------
        KeyError
            When there is none.
        """
        return {row.quantity: row for row in (*self.rows, *self.displacement_rows)}[quantity]


@double_precision()
def validate_rate(
    problem: LearningProblem,
    steps: int | None = None,
    replicas: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    *,
    threads: int | None = None,
    precision: float = PRECISION,
    theory: Evaluation | None = None,
    relaxations: float = WINDOW_RELAXATIONS,
    executor: Executor | None = None,
) -> Validation:
    """Simulate a problem at its own learning rate and compare with the theory.

    What is missed is simulated again, half as long, for the verdict.

    Parameters
    ----------
    problem : LearningProblem
    steps, replicas : int, optional
        SGD steps of each replica (burn-in included), and replicas.  Default: planned from the
        theory's time scales for the precision, within `SINGLE_BUDGET_SECONDS`.
    seed : int
    progress : callable, optional
        Receives replica-steps done and planned.
    threads : int, optional
        Default: all processors.  Results do not depend on it.
    precision : float
        Relative standard error of rotation variances to plan for.
    theory : Evaluation, optional
        What to compare with.  Default: the exact theory by the road that applies.
    relaxations : float
        Length of a window in slowest relaxation times.
    executor : concurrent.futures.Executor, optional
        Runs the replicas instead of this process; results are the same.

    Raises
    ------
    RequestError
        When the theory does not apply, the run is too short for its windows, or SGD diverges.
    """
    require_counts(replicas=replicas, threads=threads, seed=seed)
    replicas = DEFAULT_REPLICAS if replicas is None else replicas
    schedule = plan_single(problem, minimum_of(problem), steps, replicas, precision, relaxations)
    theory = theory_of(problem) if theory is None else theory
    run = Run(problem, theory, schedule, replicas, seed)
    return at_one_rate(run, replicas, progress, threads, executor)


def _averaging(problem: LearningProblem, theory: Evaluation, schedule: Schedule) -> Schedule:
    """The schedule with stretches that suit the stimulus in the middle.

    The fluctuation is taken to be shared by all weights alike.
    """
    moving = [
        (float(stimulus.vector @ stimulus.vector), found.diffusion)
        for stimulus, found in zip(problem.stimuli, theory.stimuli, strict=True)
        if found.diffusion > 0
    ]
    if not moving:
        return schedule
    shared = theory.fluctuation.weight_variance / sum(problem.teacher.shape)
    ratio = float(np.median([shared * size / diffusion for size, diffusion in moving]))
    windows = schedule.windows // schedule.segments
    return replace(schedule, half_stretch=half_stretch(ratio, 2.0 * schedule.window, windows))


class RateRun(Protocol):
    """Networks at one learning rate, to be simulated some after others."""

    schedule: Schedule

    @property
    def rate(self) -> float:
        """Learning rate."""

    @property
    def synaptic_noise(self) -> float:
        """Variance of the noise on each weight at each step."""

    def simulate(
        self,
        first: int,
        count: int,
        progress: Progress | None,
        threads: int | None,
        executor: Executor | None,
    ) -> tuple[WindowSums, bool]:
        """Sums over the windows of some replicas, and whether an interrupt ended them early.

        Parameters
        ----------
        first, count : int
            Replicas ``first, ..., first + count - 1``, whose numbers do not depend on how many
            are simulated at a time.
        progress, threads, executor
            As for `validate`.
        """

    def compare(self, sums: WindowSums, replicas: int) -> Validation:
        """What so many replicas have shown, beside the theory."""


def at_one_rate(
    run: RateRun,
    replicas: int,
    progress: Progress | None,
    threads: int | None,
    executor: Executor | None,
) -> Validation:
    """Simulate replicas and, where they miss a number, further ones."""
    found = one_look(run, 0, replicas, progress, threads, executor)
    if found.missed and not found.interrupted:
        with suppress(KeyboardInterrupt):
            other = one_look(run, replicas, further(replicas), None, threads, executor)
            if not other.interrupted:
                return found.confirmed_by(other)
        return replace(found, completed=cut_to(1.0))
    return found


def one_look(
    run: RateRun,
    first: int,
    count: int,
    progress: Progress | None,
    threads: int | None,
    executor: Executor | None,
) -> Validation:
    """Simulate replicas and compare, or as many of their windows as an interrupt leaves."""
    log_stage(
        f"simulating {counted(count, 'replica')} of {run.schedule.steps} steps at learning "
        f"rate {run.rate:.4g}"
    )
    sums, interrupted = run.simulate(first, count, progress, threads, executor)
    if sums.units < 2:
        # A standard error needs two independent units: nothing was measured yet.
        raise KeyboardInterrupt
    try:
        found = run.compare(sums, count)
    except KeyboardInterrupt:
        # What was measured is not lost: it takes a moment to compare.
        found, interrupted = run.compare(sums, count), True
    return replace(found, completed=cut_to(found.completed)) if interrupted else found


class Run:
    """Networks of one problem at its learning rate, to be simulated some after others.

    Parameters
    ----------
    problem : LearningProblem
    theory : Evaluation
        What to compare with.
    schedule : Schedule
    replicas : int
        How many there may be in all.
    seed : int

    Raises
    ------
    RequestError
        When their sums would not fit into memory, or they turn further in a window than can be
        followed.
    """

    def __init__(
        self,
        problem: LearningProblem,
        theory: Evaluation,
        schedule: Schedule,
        replicas: int,
        seed: int,
    ) -> None:
        self.problem = problem
        self._theory = theory
        self.schedule = _averaging(problem, theory, schedule)
        self._seed = seed
        self._minimum = minimum_of(problem)
        self._hidden = simulated_hidden(problem, self._minimum)
        self._observed = observables(self._minimum.rank, self._hidden)
        self._stimuli = rows_of_stimuli(problem)
        require_memory(problem, self._hidden, self._observed, self.schedule, replicas)
        require_slow_rotation(
            theory.drift, self.schedule, replicas, problem.learning_rate, problem.synaptic_noise
        )
        self._displaced = expected_displacements(
            problem, self._minimum, np.array(self.schedule.lags, dtype=np.float64)
        )

    def simulate(
        self,
        first: int,
        count: int,
        progress: Progress | None,
        threads: int | None,
        executor: Executor | None,
    ) -> tuple[WindowSums, bool]:
        """As `RateRun.simulate`."""
        try:
            return measure(
                model_of(self.problem, self._hidden),
                self._minimum,
                self._observed,
                self._stimuli,
                self.schedule,
                count,
                self._seed,
                threads,
                progress,
                executor,
                first=first,
            )
        except Diverged as error:
            critical = self._theory.validity.critical_rate
            raise too_fast(error, self.rate, critical, "SGD") from error

    @property
    def rate(self) -> float:
        return self.problem.learning_rate

    @property
    def synaptic_noise(self) -> float:
        return self.problem.synaptic_noise

    @property
    def _stiffness(self) -> float:
        return self.problem.learning_rate * self._theory.minimum.hessian_max

    def compare(self, sums: WindowSums, replicas: int) -> Validation:
        """What so many replicas have shown, beside the theory."""
        problem, theory, schedule = self.problem, self._theory, self.schedule
        minimum, window = self._minimum, schedule.window
        completed = float(sums.windows.sum()) / (schedule.windows * replicas)
        representations = self._stimuli @ padded_layers(minimum, self._hidden)[0].T
        minimum_loss = expected_loss(
            minimum.point, problem.teacher, problem.input_covariance, problem.weight_decay
        )
        measured = estimate(
            self._observed, sums, window, minimum_loss, schedule.half_stretch, representations
        )
        rate = problem.learning_rate
        slowest_rate = rate * relaxation(problem, minimum).slowest
        return Validation(
            study=problem.study,
            learning_rate=rate,
            rows=tuple(rows_of(theory, self._observed, measured, rate, slowest_rate)),
            steps=schedule.steps,
            replicas=replicas,
            window=window,
            seed=self._seed,
            stiffness=self._stiffness,
            completed=completed,
            units=sums.units,
            similarity=Similarity(
                representations @ representations.T,
                np.array([[entry.value for entry in row] for row in measured.similarity]),
                np.array([[entry.standard_error for entry in row] for row in measured.similarity]),
            ),
            displacement=tuple(self._displacements(sums)),
            decay_rates=decay_rates(self._observed, sums, window, representations),
        )

    def _displacements(self, sums: WindowSums) -> Iterator[Displacement]:
        """Simulated displacement of each stimulus with that of the theory, where both are known."""
        curves = measured_displacements(sums, self.schedule.lags)
        for stimulus, curve, expected in zip(
            self.problem.stimuli, curves, self._displaced, strict=False
        ):
            if curve.lags.size:
                seen = np.isin(self.schedule.lags, curve.lags)
                theory, fluctuation, following = (values[seen] for values in expected)
                yield Displacement(
                    stimulus=stimulus.name,
                    lags=curve.lags,
                    theory=theory,
                    fluctuation=fluctuation,
                    following=following,
                    simulation=curve.mean,
                    standard_error=curve.standard_error,
                )


def displacement_row(
    stimulus: str,
    expected: tuple[float, float, float],
    found: Estimate,
    rate: float,
    stiffness: float,
) -> Row:
    """Of a stimulus, whose displacement is expected as `expected_displacements` has it."""
    total, still, following = map(float, expected)
    row = row_of(
        f"displacement of {stimulus}", total, found, still, following / rate, rate, stiffness
    )
    return replace(row, at_zero=still)


def expected_displacements(
    problem: LearningProblem, minimum: MinimumPoint, lags: Array
) -> tuple[tuple[Array, Array, Array], ...]:
    """Of each stimulus at each lag: displacement, its fluctuation, and what the next order adds.

    None of any stimulus beyond `MOST_DIRECTIONS`.
    """
    directions = minimum.rank * (sum(problem.teacher.shape) - minimum.rank)
    if directions > MOST_DIRECTIONS or not (problem.stimuli and lags.size):
        return ()
    process, carrying = drift_process(problem), None
    with suppress(RequestError):
        later = NextProducts(problem)
        later.matrices(np.append(0.0, lags), AT_ONCE)
        carrying = replace(process, later=later)
    found = []
    for stimulus in problem.stimuli:
        moved, added = (
            mean_squared_displacement(process, stimulus, lags),
            np.full(len(lags), np.nan),
        )
        if carrying is not None:
            start, kept = carrying.following(stimulus, lags)
            added = 2 * (start - kept)
        found.append((moved.total, moved.fluctuation, added))
    return tuple(found)

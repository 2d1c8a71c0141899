"""Theory beside simulation, with standard errors."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass, replace
from statistics import NormalDist
from types import MappingProxyType

import numpy as np

from symdrift.errors import RequestError, counted
from symdrift.evaluation.dense.landscape import minimum_of
from symdrift.evaluation.dense.operator import expected_loss
from symdrift.evaluation.next_order.cost import AT_ONCE
from symdrift.evaluation.result import Evaluation
from symdrift.execution import Diverged, require_counts
from symdrift.observables import drift_process, mean_squared_displacement
from symdrift.observables.process import NextProducts
from symdrift.precision import double_precision
from symdrift.progress import Progress, log_stage
from symdrift.records import Record
from symdrift.simulation.ensemble import Schedule, measure, refuse_rotation
from symdrift.simulation.estimators import (
    DisplacementCurve,
    Estimate,
    decay_rates,
    estimate,
    measured_displacements,
    observables,
)
from symdrift.simulation.setup import model_of, padded_layers, simulated_hidden
from symdrift.simulation.stretches import half_stretch
from symdrift.simulation.timescales import relaxation
from symdrift.study.problem import Array, LearningProblem, Stimulus
from symdrift.validation.expected import theory_of
from symdrift.validation.plan import (
    DEFAULT_REPLICAS,
    PRECISION,
    WINDOW_RELAXATIONS,
    plan_single,
    require_memory,
)
from symdrift.validation.rows import (
    READ_OFF,
    SECOND_ORDER,
    TOLERATED_STIFFNESS,
    Row,
    row_of,
    rows_of,
)

TOLERATED_ERRORS = 3.0
MOST_DIRECTIONS = 200
"""Directions reached by noise, ``r (n + m - r)``, up to which displacements have a theory here."""

FOUND_MISS = 0.5
"""Relative miss of a theory that a validation must be able to find, or it decides nothing."""



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
class Validation(Record):
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
    interrupted : bool
        Whether the run was ended before its time; ``completed`` says how far it came.
    completed : float
        Fraction of the planned windows that was measured.
    similarity : Similarity
    displacement : tuple of Displacement
        One per stimulus; none beyond `MOST_DIRECTIONS`, where their theory at every rate would
        take longer than the simulation.
    decay_rates : tuple of Estimate
        Of the stimuli as the minimum represents them, by the measured rotation of the hidden
        layer.
    """

    behind = MappingProxyType({"passed": "seed", "undecided": "passed", "rule": "undecided"})
    unwritten = ("study", "learning_rate", "stiffness", "decay_rates")

    study: str
    learning_rate: float
    rows: tuple[Row, ...]
    steps: int
    replicas: int
    window: int
    seed: int
    stiffness: float
    interrupted: bool
    completed: float
    similarity: Similarity
    displacement: tuple[Displacement, ...]
    decay_rates: tuple[Estimate, ...]

    @property
    def critical_z(self) -> float:
        """Standard errors allowed per row."""
        return critical_z(len(self.rows))

    @property
    def rule(self) -> str:
        """When the validation counts as passed, in a sentence."""
        allowed = (
            f"{100 * TOLERATED_STIFFNESS * self.stiffness:.2g} % for corrections of higher order "
            f"({TOLERATED_STIFFNESS:g} times learning rate times largest Hessian eigenvalue)"
        )
        if self.rows[0].correction is not None:
            allowed = (
                f"{SECOND_ORDER:g} times the square of its correction of next order, for the "
                "orders behind that"
            )
        return (
            f"passed when every row agrees within {self.critical_z:.2f} standard errors "
            f"({TOLERATED_ERRORS:g} for a single row, raised for {len(self.rows)} rows) plus "
            f"{allowed}"
        )

    @property
    def passed(self) -> bool:
        """Whether theory and simulation agree; see `rule`."""
        return not self.imprecise and all(map(self._agrees, self.rows))

    @property
    def undecided(self) -> tuple[str, ...]:
        """Quantities that decide nothing, where none misses."""
        return self.imprecise if all(map(self._agrees, self.rows)) else ()

    @property
    def imprecise(self) -> tuple[str, ...]:
        """Quantities known so badly that a theory wrong by half would pass.

        Of those that runs are planned for, not of what is read off representations.
        """
        return tuple(
            row.quantity
            for row in self.rows
            if self._allowed(row) > FOUND_MISS * row.scale
            and not row.quantity.startswith(READ_OFF)
        )

    def _allowed(self, row: Row) -> float:
        return self.critical_z * row.standard_error + row.allowance

    def _agrees(self, row: Row) -> bool:
        following = self.learning_rate * (row.correction or 0.0) * row.scale
        return abs(row.simulation - row.theory - following) <= self._allowed(row)

    def _repr_html_(self) -> str:
        from symdrift.validation.verdict import validation_html

        return validation_html(self)

    @property
    def displacement_rows(self) -> tuple[Row, ...]:
        """Displacement of each stimulus in half a window, for an extrapolation.

        They are not among `rows`: so soon after a start the fluctuation decides, whose corrections
        may exceed ``eta h_max`` by far.
        """
        rows = []
        for curve in self.displacement:
            for index in np.flatnonzero(curve.lags == self.window // 2):
                if (still := float(curve.fluctuation[index])) > 0:
                    found = Estimate(
                        float(curve.simulation[index]), float(curve.standard_error[index])
                    )
                    row = row_of(
                        f"displacement of {curve.stimulus}",
                        float(curve.theory[index]),
                        found,
                        still,
                        float(curve.following[index]) / self.learning_rate,
                        self.learning_rate,
                        self.stiffness,
                    )
                    rows.append(replace(row, at_zero=still))
        return tuple(rows)

    def row(self, quantity: str) -> Row:
        """Row of a quantity, those of displacements included.

        Raises
        ------
        KeyError
            When there is none.
        """
        return {row.quantity: row for row in (*self.rows, *self.displacement_rows)}[quantity]


def critical_z(rows: int) -> float:
    """Standard errors allowed per row.

    Chosen so that all rows together fail by chance as rarely as a single one at
    `TOLERATED_ERRORS`.
    """
    tail = NormalDist().cdf(-TOLERATED_ERRORS) / max(1, rows)
    return -NormalDist().inv_cdf(tail)


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

    Parameters
    ----------
    problem : LearningProblem
    steps, replicas : int, optional
        SGD steps of each replica (burn-in included), and replicas.  Default: planned from the
        theory's time scales for the precision, within `planning.SINGLE_BUDGET_SECONDS`.
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
    schedule = plan_single(
        problem, minimum_of(problem), steps, replicas, precision, relaxations
    )
    return run_planned(
        problem,
        theory_of(problem) if theory is None else theory,
        schedule,
        replicas,
        seed,
        progress,
        threads,
        executor,
    )


def compile_for(problem: LearningProblem) -> None:
    """Compile what a run needs, or read it from the cache of an earlier run."""
    # A small rate: a few steps must not diverge.
    slow = replace(problem, learning_rate=1e-3 * problem.learning_rate)
    minimum = minimum_of(slow)
    hidden = simulated_hidden(slow, minimum)
    schedule = Schedule(burn_in=1, window=2, windows=4, segments=2, halvings=1)
    model, observed = model_of(slow, hidden), observables(minimum.rank, hidden)
    measure(model, minimum, observed, _rows_of_stimuli(slow), schedule, 1, 0, 1, None, None)


def _rows_of_stimuli(problem: LearningProblem) -> Array:
    count, inputs = len(problem.stimuli), problem.teacher.shape[1]
    return np.array([stimulus.vector for stimulus in problem.stimuli]).reshape(count, inputs)


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


def run_planned(
    problem: LearningProblem,
    theory: Evaluation,
    schedule: Schedule,
    replicas: int,
    seed: int,
    progress: Progress | None,
    threads: int | None,
    executor: Executor | None,
) -> Validation:
    """Simulate a problem as planned and compare with a theory; otherwise as `validate`."""
    minimum = minimum_of(problem)
    hidden = simulated_hidden(problem, minimum)
    stimuli, observed = _rows_of_stimuli(problem), observables(minimum.rank, hidden)
    representations = stimuli @ padded_layers(minimum, hidden)[0].T
    schedule = _averaging(problem, theory, schedule)
    require_memory(problem, hidden, observed, schedule, replicas)
    stiffness = problem.learning_rate * theory.minimum.hessian_max
    _require_small_rotations(theory, schedule)
    log_stage(
        f"simulating {counted(replicas, 'replica')} of {schedule.steps} steps at learning rate "
        f"{problem.learning_rate:.4g}"
    )
    try:
        sums, interrupted = measure(
            model_of(problem, hidden),
            minimum,
            observed,
            stimuli,
            schedule,
            replicas,
            seed,
            threads,
            progress,
            executor,
        )
    except Diverged as error:
        raise RequestError(
            "learning.rate",
            f"= {problem.learning_rate:g} makes SGD diverge within {error.step} steps (learning "
            f"rate times the largest Hessian eigenvalue is {stiffness:.3g}); lower it",
        ) from error
    if interrupted and np.count_nonzero(sums.neighbours) < 2:
        # A standard error needs two units with windows beside each other: nothing was measured yet.
        raise KeyboardInterrupt
    minimum_loss = expected_loss(
        minimum.point, problem.teacher, problem.input_covariance, problem.weight_decay
    )
    measured = estimate(observed, sums, schedule.window, minimum_loss, schedule.half_stretch)
    slowest_rate = problem.learning_rate * relaxation(problem, minimum).slowest
    displacements: tuple[Displacement, ...] = ()
    if minimum.rank * (sum(problem.teacher.shape) - minimum.rank) <= MOST_DIRECTIONS:
        displacements = _displacements(problem, measured_displacements(sums, schedule.lags))
    return Validation(
        study=problem.study,
        learning_rate=problem.learning_rate,
        rows=tuple(rows_of(theory, observed, measured, problem.learning_rate, slowest_rate)),
        steps=schedule.steps,
        replicas=replicas,
        window=schedule.window,
        seed=seed,
        stiffness=stiffness,
        interrupted=interrupted,
        completed=float(sums.windows.sum()) / (schedule.windows * replicas),
        similarity=Similarity(
            representations @ representations.T,
            np.array([[entry.value for entry in row] for row in measured.similarity]),
            np.array([[entry.standard_error for entry in row] for row in measured.similarity]),
        ),
        displacement=displacements,
        decay_rates=decay_rates(observed, sums, schedule.window, representations),
    )


def _require_small_rotations(theory: Evaluation, schedule: Schedule) -> None:
    """Refuse windows in which a rotation of ordinary size is already too large to be followed.

    Raises
    ------
    RequestError
    """
    steady = np.abs(theory.drift.mean_rotation) * schedule.window
    expected = steady + np.sqrt(theory.drift.variances * schedule.window)
    refuse_rotation(float(np.max(expected, initial=0.0)))


def _displacements(
    problem: LearningProblem, curves: Sequence[DisplacementCurve]
) -> tuple[Displacement, ...]:
    """Simulated displacement of each stimulus with that of the theory."""
    if not any(curve.lags.size for curve in curves):
        return ()
    process, later = drift_process(problem), NextProducts(problem)

    def following(stimulus: Stimulus, lags: Array) -> Array:
        with suppress(RequestError):
            start, kept = later.of(stimulus, lags, AT_ONCE)
            return 2 * (start - kept)
        return np.full(lags.shape, np.nan)

    found = []
    for stimulus, curve in zip(problem.stimuli, curves, strict=True):
        moved = mean_squared_displacement(process, stimulus, curve.lags)
        found.append(
            Displacement(
                stimulus.name,
                curve.lags,
                moved.total,
                moved.fluctuation,
                following(stimulus, curve.lags),
                curve.mean,
                curve.standard_error,
            )
        )
    return tuple(found)

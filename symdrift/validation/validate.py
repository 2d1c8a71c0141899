"""Theory beside simulation, with standard errors."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass, replace
from statistics import NormalDist

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
from symdrift.simulation.ensemble import Schedule, measure
from symdrift.simulation.estimators import (
    DisplacementCurve,
    Estimate,
    Estimates,
    Observables,
    decay_rates,
    estimate,
    measured_displacements,
    observables,
)
from symdrift.simulation.setup import model_of, padded_layers, simulated_hidden
from symdrift.simulation.stretches import half_stretch
from symdrift.simulation.timescales import relaxation
from symdrift.study.problem import Array, LearningProblem, Stimulus
from symdrift.validation.expected import following, theory_of
from symdrift.validation.plan import (
    DEFAULT_REPLICAS,
    PRECISION,
    WINDOW_RELAXATIONS,
    mean_rotation_scales,
    plan_single,
    require_memory,
)

TOLERATED_ERRORS = 3.0
TOLERATED_STIFFNESS = 3.0
"""Prefactor that corrections of relative order ``eta h_max`` may have where they are not known."""

SECOND_ORDER = 2.0
"""Relative correction of second order that may be met, over the square of that of first order."""

MOST_DIRECTIONS = 200
"""Directions reached by noise, ``r (n + m - r)``, up to which displacements have a theory here."""

FEW_PLANES = 3
VANISHING = 1e-6
"""Correlations between planes below this are rows only where there are few planes."""

READ_OFF = ("D_h[", "excess norm of ")
"""Beginnings of quantities read off representations, whose errors no plan foresees."""

NEGLIGIBLE = 1e-3
"""A theoretical value this small beside the standard error has no meaningful ratio."""


@dataclass(frozen=True)
class Row(Record):
    """One quantity, from theory and from simulation.

    Attributes
    ----------
    quantity : str
    theory, simulation, standard_error : float
        Per SGD step.
    allowance : float
        Deviation allowed on top of the standard errors, for higher orders in the rate.
    scale : float
        Size beside which deviations are judged: that of the theory, or its natural size where
        a quantity vanishes or nearly so.
    correction : float or None
        Deviation over ``scale`` that the next order predicts, per unit of the learning rate;
        ``None`` where it is not known.
    at_zero : float or None
        Theory without what is of higher order than the rest, where there is such a part.
    """

    recorded = ("quantity", "theory", "simulation", "standard_error", "z", "ratio")

    quantity: str
    theory: float
    simulation: float
    standard_error: float
    allowance: float
    scale: float
    correction: float | None = None
    at_zero: float | None = None

    @property
    def z(self) -> float:
        """Deviation in standard errors."""
        return (self.simulation - self.theory) / self.standard_error

    @property
    def ratio(self) -> float | None:
        """Simulation over theory; ``None`` where theory is zero beside the standard error."""
        if abs(self.theory) <= NEGLIGIBLE * self.standard_error:
            return None
        return self.simulation / self.theory


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

    recorded = ("stimulus", "lags", "theory", "simulation", "standard_error")

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

    recorded = (
        "rows", "steps", "replicas", "window", "seed", "passed", "rule", "interrupted",
        "completed", "similarity", "displacement",
    )  # fmt: skip

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

        def agrees(row: Row) -> bool:
            following = self.learning_rate * (row.correction or 0.0) * row.scale
            deviation = abs(row.simulation - row.theory - following)
            return deviation <= self.critical_z * row.standard_error + row.allowance

        return all(agrees(row) for row in self.rows)

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
                    row = _row(
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
def validate(
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
    if interrupted and np.count_nonzero(sums.windows) < 2:
        # A standard error needs two independent units: nothing was measured yet.
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
        rows=tuple(_rows(theory, observed, measured, problem.learning_rate, slowest_rate)),
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


def _row(
    quantity: str,
    expected: float,
    found: Estimate,
    scale: float,
    term: float,
    rate: float,
    stiffness: float,
) -> Row:
    """Of a quantity that the next order, if it is known, changes by ``term`` per unit of rate."""
    correction = None if math.isnan(term) else float(term / scale)
    allowed = (
        TOLERATED_STIFFNESS * stiffness
        if correction is None
        else SECOND_ORDER * (correction * rate) ** 2
    )
    return Row(
        quantity=quantity,
        theory=float(expected),
        simulation=found.value,
        standard_error=found.standard_error,
        allowance=float(allowed * scale),
        scale=float(scale),
        correction=correction,
    )


def _rows(
    theory: Evaluation, observed: Observables, measured: Estimates, rate: float, slowest_rate: float
) -> Iterator[Row]:
    stiffness = rate * theory.minimum.hessian_max

    def row(
        quantity: str, expected: float, found: Estimate, scale: float, term: float
    ) -> Row:
        return _row(quantity, expected, found, scale, term, rate, stiffness)

    drift, later = theory.drift, following(theory)
    names = ["".join(map(str, plane)) for plane in drift.planes]
    if any(max(plane) > 9 for plane in drift.planes):
        names = [f"{first},{second}" for first, second in drift.planes]
    variances = drift.variances
    for (left, right), found in zip(observed.pairs, measured.covariance, strict=True):
        if left == right:
            variance, term = variances[left], later.variances[left]
            yield row(f"V[{names[left]}]", variance, found, variance, term)
    crossed = [
        (pair, found)
        for pair, found in zip(observed.pairs, measured.covariance, strict=True)
        if pair[0] != pair[1]
    ]
    # Made when it is asked for, where planes are independent: once, and of few planes only.
    covariance = drift.covariance if crossed else None
    for (left, right), found in crossed:
        assert covariance is not None
        expected = covariance[left, right]
        scale = math.sqrt(variances[left] * variances[right])
        if len(names) <= FEW_PLANES or abs(expected) > VANISHING * scale:
            term = later.crossed(left, right)
            yield row(f"V[{names[left]};{names[right]}]", expected, found, scale, term)
    for name, expected, scale, found, term in zip(
        names,
        drift.mean_rotation,
        mean_rotation_scales(drift, slowest_rate),
        measured.mean_rotation,
        later.mean_rotation,
        strict=True,
    ):
        mean = row(f"mu[{name}]", expected, found, scale, term)
        if mean.correction is None:
            mean = replace(mean, allowance=TOLERATED_STIFFNESS * stiffness * abs(expected))
        yield mean
    for stimulus, found, term in zip(
        theory.stimuli, measured.stimulus_diffusion, later.stimulus_diffusion, strict=False
    ):
        if (size := stimulus.diffusion) > 0:
            yield row(f"D_h[{stimulus.name}]", size, found, size, term)
    fluctuation = theory.fluctuation
    share = fluctuation.weight_variance / (2.0 * float(np.sum(theory.minimum.singular_values)))
    for index, (stimulus, relative) in enumerate(
        zip(theory.stimuli, later.squared_norm, strict=True)
    ):
        if relative and math.isfinite(relative):
            size, change = float(stimulus.squared_norm), rate * float(relative)
            found = measured.similarity[index][index]
            yield Row(
                quantity=f"excess norm of {stimulus.name}",
                theory=change * size,
                simulation=found.value - size,
                standard_error=found.standard_error,
                # Of the order behind, also where mean and fluctuation of the weights cancel.
                allowance=SECOND_ORDER * max(abs(change), float(share)) ** 2 * size,
                scale=max(abs(change), float(share)) * size,
            )
    for quantity, size, found, term in (
        (
            "weight variance",
            fluctuation.weight_variance,
            measured.weight_variance,
            later.weight_variance,
        ),
        ("excess loss", fluctuation.excess_loss, measured.excess_loss, later.excess_loss),
    ):
        yield row(quantity, size, found, size, term)

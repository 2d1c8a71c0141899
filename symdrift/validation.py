"""Theory beside simulation, with standard errors."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Any

import numpy as np

from symdrift.dense.hessian import expected_loss
from symdrift.dense.minimum import MinimumPoint, solve_minimum
from symdrift.errors import RequestError
from symdrift.estimators import Estimate, Estimates, Observables, estimate, observables
from symdrift.evaluation import Evaluation
from symdrift.problem import Array, LearningProblem
from symdrift.roads import evaluate
from symdrift.simulation.ensemble import Diverged, Progress, Schedule, measure
from symdrift.simulation.kernels import Shape
from symdrift.simulation.model import model_of
from symdrift.simulation.timescales import relaxation

WINDOW_RELAXATIONS = 3.0
"""Window length in units of the slowest relaxation time."""

BURN_IN_RELAXATIONS = 6.0
"""Steps before the first window, in units of the slowest relaxation time of any mode."""

PRECISION = 0.01
"""Standard error of a rotation variance, relative, that a planned run aims at."""

BUDGET_SECONDS = 20.0
"""Time that a planned run may take on two cores, by a rough model of the speed."""

DEFAULT_REPLICAS = 256
FEWEST_WINDOWS = 8
UNITS = 64
"""Independent units that standard errors should rest on at least."""

TOLERATED_ERRORS = 3.0
TOLERATED_STIFFNESS = 3.0
"""Corrections of relative order ``eta h_max`` are allowed this prefactor."""

FEW_PLANES = 3
VANISHING = 1e-6
"""Correlations between planes below this are rows only where there are few planes."""

MEMORY_LIMIT = 2**30
"""Bytes that the sums of all replicas may take."""

NEGLIGIBLE = 1e-3
"""A theoretical value this small beside the standard error has no meaningful ratio."""


@dataclass(frozen=True)
class Row:
    """One quantity, from theory and from simulation.

    Attributes
    ----------
    quantity : str
    theory, simulation, standard_error : float
        Per SGD step.
    allowance : float
        Deviation allowed on top of the standard errors, for higher orders in the rate.
    """

    quantity: str
    theory: float
    simulation: float
    standard_error: float
    allowance: float

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

    def to_dict(self) -> dict[str, Any]:
        """Plain Python types, for JSON."""
        return {
            "quantity": self.quantity,
            "theory": self.theory,
            "simulation": self.simulation,
            "standard_error": self.standard_error,
            "z": self.z,
            "ratio": self.ratio,
        }


@dataclass(frozen=True)
class Validation:
    """A simulation set beside the theory.

    Attributes
    ----------
    study : str
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
    """

    study: str
    rows: tuple[Row, ...]
    steps: int
    replicas: int
    window: int
    seed: int
    stiffness: float
    interrupted: bool
    completed: float

    @property
    def critical_z(self) -> float:
        """Standard errors allowed per row.

        Chosen so that all rows together fail by chance as rarely as a single one at
        `TOLERATED_ERRORS`.
        """
        tail = NormalDist().cdf(-TOLERATED_ERRORS) / max(1, len(self.rows))
        return -NormalDist().inv_cdf(tail)

    @property
    def rule(self) -> str:
        """When the validation counts as passed, in a sentence."""
        return (
            f"passed when every row agrees within {self.critical_z:.2f} standard errors "
            f"({TOLERATED_ERRORS:g} for a single row, raised for {len(self.rows)} rows) plus "
            f"{100 * TOLERATED_STIFFNESS * self.stiffness:.2g} % for corrections of higher order "
            f"({TOLERATED_STIFFNESS:g} eta h_max)"
        )

    @property
    def passed(self) -> bool:
        """Whether theory and simulation agree; see `rule`."""
        return all(
            abs(row.simulation - row.theory)
            <= self.critical_z * row.standard_error + row.allowance
            for row in self.rows
        )

    def to_dict(self) -> dict[str, Any]:
        """The JSON record of ``symdrift validate``."""
        return {
            "rows": [row.to_dict() for row in self.rows],
            "steps": self.steps,
            "replicas": self.replicas,
            "window": self.window,
            "seed": self.seed,
            "passed": self.passed,
            "rule": self.rule,
            "interrupted": self.interrupted,
            "completed": self.completed,
        }


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
) -> Validation:
    """Simulate a problem and compare with the theory.

    Parameters
    ----------
    problem : LearningProblem
    steps, replicas : int, optional
        SGD steps of each replica (burn-in included), and replicas.  Default: planned from the
        theory's time scales for the precision, within `BUDGET_SECONDS`.
    seed : int
    progress : callable, optional
        Receives replica-steps done and planned.
    threads : int, optional
        Default: all processors.  Results do not depend on it.
    precision : float
        Relative standard error of rotation variances to plan for.
    theory : Evaluation, optional
        What to compare with.  Default: the exact theory by the road that applies.

    Raises
    ------
    RequestError
        When the theory does not apply, the run is too short for its windows, or SGD diverges.
    """
    if theory is None:
        theory = evaluate(problem)
    _refuse_synaptic_noise(problem)
    minimum = solve_minimum(
        problem.teacher, problem.input_covariance, problem.weight_decay, problem.hidden
    )
    replicas = DEFAULT_REPLICAS if replicas is None else _positive("replicas", replicas)
    schedule = _schedule(problem, minimum, steps, replicas, precision)
    representations = np.array(
        [minimum.first_layer @ stimulus.vector for stimulus in problem.stimuli]
    ).reshape(len(problem.stimuli), minimum.rank)
    observed = observables(minimum.rank, representations)
    _require_memory(problem, observed, schedule, replicas)
    stiffness = problem.learning_rate * theory.minimum.hessian_max
    try:
        sums, interrupted = measure(
            model_of(problem, minimum.rank),
            minimum,
            observed,
            schedule,
            replicas,
            seed,
            threads,
            progress,
        )
    except Diverged as error:
        raise RequestError(
            "learning.rate",
            f"= {problem.learning_rate:g} makes SGD diverge within {error.step} steps (learning "
            f"rate times the largest Hessian eigenvalue is {stiffness:.3g}); lower it",
        ) from error
    minimum_loss = expected_loss(
        minimum.point, problem.teacher, problem.input_covariance, problem.weight_decay
    )
    measured = estimate(observed, sums, schedule.window, minimum_loss)
    return Validation(
        study=problem.study,
        rows=tuple(_rows(problem, theory, observed, measured, stiffness)),
        steps=schedule.steps,
        replicas=replicas,
        window=schedule.window,
        seed=seed,
        stiffness=stiffness,
        interrupted=interrupted,
        completed=float(sums.windows.sum()) / (schedule.windows * replicas),
    )


def _rows(
    problem: LearningProblem,
    theory: Evaluation,
    observed: Observables,
    measured: Estimates,
    stiffness: float,
) -> Iterator[Row]:
    def row(quantity: str, expected: float, found: Estimate, scale: float | None = None) -> Row:
        size = abs(expected) if scale is None else scale
        return Row(
            quantity=quantity,
            theory=float(expected),
            simulation=found.value,
            standard_error=found.standard_error,
            allowance=TOLERATED_STIFFNESS * stiffness * size,
        )

    drift = theory.drift
    names = ["".join(map(str, plane)) for plane in drift.planes]
    if any(max(plane) > 9 for plane in drift.planes):
        names = [f"{first},{second}" for first, second in drift.planes]
    variances = np.diagonal(drift.covariance)
    for (left, right), found in zip(observed.pairs, measured.covariance, strict=True):
        if left == right:
            yield row(f"V[{names[left]}]", drift.covariance[left, left], found)
    for (left, right), found in zip(observed.pairs, measured.covariance, strict=True):
        expected = drift.covariance[left, right]
        scale = math.sqrt(variances[left] * variances[right])
        shown = len(names) <= FEW_PLANES or abs(expected) > VANISHING * scale
        if left != right and shown:
            yield row(f"V[{names[left]};{names[right]}]", expected, found, scale)
    for name, expected, found in zip(
        names, drift.mean_rotation, measured.mean_rotation, strict=True
    ):
        yield row(f"mu[{name}]", expected, found)
    for stimulus, found in zip(theory.stimuli, measured.stimulus_diffusion, strict=True):
        if stimulus.diffusion > 0:
            yield row(f"D_h[{stimulus.name}]", stimulus.diffusion, found)
    yield row("weight variance", theory.fluctuation.weight_variance, measured.weight_variance)
    yield row("excess loss", theory.fluctuation.excess_loss, measured.excess_loss)


def _schedule(
    problem: LearningProblem,
    minimum: MinimumPoint,
    steps: int | None,
    replicas: int,
    precision: float,
) -> Schedule:
    slowest = relaxation(problem, minimum).slowest
    slowest_of_all = min(slowest, minimum.certificate.hessian_min, 2 * problem.weight_decay)
    window = math.ceil(WINDOW_RELAXATIONS / (problem.learning_rate * slowest))
    burn_in = math.ceil(BURN_IN_RELAXATIONS / (problem.learning_rate * slowest_of_all))
    if steps is None:
        shape = model_of(problem, minimum.rank).shape
        wanted = math.ceil(6.0 / precision**2 / replicas)
        affordable = BUDGET_SECONDS * _speed(shape) / replicas - burn_in
        windows = max(FEWEST_WINDOWS, min(wanted, int(affordable / window)))
    else:
        windows = (_positive("steps", steps) - burn_in) // window
        if windows < FEWEST_WINDOWS:
            least = burn_in + FEWEST_WINDOWS * window
            raise RequestError(
                "steps",
                f"= {steps} is too short: {burn_in} steps of burn-in and {FEWEST_WINDOWS} windows "
                f"of {window} steps (three relaxation times) need at least {least}",
            )
    segments = max(1, min(windows // FEWEST_WINDOWS, -(-UNITS // replicas)))
    return Schedule(burn_in=burn_in, window=window, windows=windows, segments=segments)


def _require_memory(
    problem: LearningProblem, observed: Observables, schedule: Schedule, replicas: int
) -> None:
    outputs, inputs = problem.teacher.shape
    stimuli, rank, planes = observed.generators_on_stimuli.shape
    per_unit = planes + 2 * len(observed.pairs) + 2 * stimuli + rank * (inputs + outputs)
    # The sums of all units, the same while they are joined, and the weights themselves.
    needed = 8 * replicas * (2 * schedule.segments * per_unit + 2 * rank * (inputs + outputs))
    if needed > MEMORY_LIMIT:
        raise RequestError(
            "replicas",
            f"= {replicas} is too many: their sums would take about {needed / 2**30:.1f} GiB, and "
            f"{MEMORY_LIMIT / 2**30:.0f} GiB are allowed",
        )


def _speed(shape: Shape) -> float:
    """Replica-steps per second to plan with, on two cores."""
    vectors = 6 * shape.weights * shape.batch + 30 * shape.batch * (shape.inputs + shape.outputs)
    return 2e10 / vectors


def _refuse_synaptic_noise(problem: LearningProblem) -> None:
    if problem.synaptic_noise != 0:
        raise RequestError(
            "learning.synaptic_noise",
            f"= {problem.synaptic_noise:g} cannot be validated: it drives silent hidden units, "
            "which the rotation of active ones does not show; set it to 0",
        )


def _positive(field: str, value: int) -> int:
    if value < 1:
        raise RequestError(field, f"= {value} must be at least 1")
    return value


@dataclass(frozen=True)
class Extrapolation:
    """Ratio of simulation to theory as the learning rate goes to zero.

    The fit is ``ratio = intercept + slope * (eta h_max)``, weighted by the standard errors;
    the theory holds at leading order exactly when every intercept is 1.

    Attributes
    ----------
    quantities : tuple of str
    stiffness : tuple of float
        ``eta * h_max`` of each run.
    runs : tuple of Validation
    intercepts, slopes : tuple of Estimate
        One of each per quantity.
    """

    quantities: tuple[str, ...]
    stiffness: tuple[float, ...]
    runs: tuple[Validation, ...]
    intercepts: tuple[Estimate, ...]
    slopes: tuple[Estimate, ...]

    @property
    def passed(self) -> bool:
        """Whether every intercept is 1 within `TOLERATED_ERRORS` standard errors."""
        return all(
            abs(intercept.value - 1) <= TOLERATED_ERRORS * intercept.standard_error
            for intercept in self.intercepts
        )


def extrapolate(
    problem: LearningProblem,
    rates: Sequence[float],
    replicas: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    *,
    threads: int | None = None,
    precision: float = PRECISION,
) -> Extrapolation:
    """Validate at several learning rates and extrapolate the ratio to rate zero.

    Parameters
    ----------
    problem : LearningProblem
        Its own learning rate is replaced.
    rates : sequence of float
        At least two different learning rates.

    Raises
    ------
    RequestError
        With fewer than two rates, or as `validate`.
    """
    if len(set(rates)) < 2:
        raise RequestError("rates", "must be at least two different learning rates")
    runs = tuple(
        validate(
            replace(problem, learning_rate=rate),
            replicas=replicas,
            seed=seed + index,
            progress=progress,
            threads=threads,
            precision=precision,
        )
        for index, rate in enumerate(rates)
    )
    quantities = tuple(
        row.quantity
        for index, row in enumerate(runs[0].rows)
        if all(run.rows[index].ratio is not None for run in runs)
    )
    stiffness = np.array([run.stiffness for run in runs])
    fits = []
    for quantity in quantities:
        rows = [next(row for row in run.rows if row.quantity == quantity) for run in runs]
        ratios = np.array([row.simulation / row.theory for row in rows])
        errors = np.array([abs(row.standard_error / row.theory) for row in rows])
        fits.append(_weighted_line(stiffness, ratios, errors))
    return Extrapolation(
        quantities=quantities,
        stiffness=tuple(float(value) for value in stiffness),
        runs=runs,
        intercepts=tuple(fit[0] for fit in fits),
        slopes=tuple(fit[1] for fit in fits),
    )


def _weighted_line(
    x: Array,
    y: Array,
    errors: Array,
) -> tuple[Estimate, Estimate]:
    """Intercept and slope of a line through points with known standard errors."""
    design = np.stack([np.ones_like(x), x], axis=1) / errors[:, np.newaxis]
    covariance = np.linalg.inv(design.T @ design)
    intercept, slope = covariance @ design.T @ (y / errors)
    return (
        Estimate(float(intercept), float(np.sqrt(covariance[0, 0]))),
        Estimate(float(slope), float(np.sqrt(covariance[1, 1]))),
    )

"""Networks that learn by any rule at one learning rate, and the theory of that rate beside them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import replace

import numpy as np

from symdrift.errors import RequestError
from symdrift.evaluation.any_rule import RuleDrift, critical_rate, rule_drift
from symdrift.evaluation.any_rule.traced_rule import Point
from symdrift.evaluation.parts import Drift
from symdrift.execution import Diverged, available_processors
from symdrift.memory import require_memory
from symdrift.progress import Progress
from symdrift.simulation.ensemble import WINDOWS_AT_A_TIME, Schedule, too_fast
from symdrift.simulation.estimators import Estimates, WindowSums, estimate
from symdrift.simulation.orbit_gauge import Orbit, orbit_of
from symdrift.simulation.rule_ensemble import BLOCK_REPLICAS, measure_rule, rule_model
from symdrift.study.learner import Learner
from symdrift.validation.plan import mean_rotation_scales, require_slow_rotation
from symdrift.validation.rows import (
    FEW_PLANES,
    TOLERATED_STIFFNESS,
    VANISHING,
    Row,
    row_of,
)
from symdrift.validation.validate import Similarity, Validation

FASTEST = "fastest rate of return"


def returns(learner: Learner, drift: RuleDrift) -> tuple[float, float]:
    """Slowest and fastest rate at which deviations return, per unit of the learning rate."""
    share = learner.rule.core[1]
    return share * float(drift.rates.real.min()), share * float(np.abs(drift.rates).max())


def plane_drift(drift: RuleDrift) -> Drift:
    """The drift of all layers as that of one."""
    planes = tuple((plane.i, plane.j) for plane in drift.planes)
    return Drift(planes, drift.covariance, drift.mean_rotation.copy())


class RuleRun:
    """As `validate.Run`, for any rule.

    Rows are rotations in all planes that turn, of all hidden layers, and the fluctuation about the
    orbit; stimuli are not followed, and no next order is known.

    Parameters
    ----------
    learner : Learner
    point : tuple of Array
        ``theta*``, without velocities.
    schedule : Schedule
    replicas : int
        How many there may be in all.
    seed : int

    Raises
    ------
    RequestError
        When nothing turns, sums would not fit into memory, or rotations in a window cannot be
        followed.
    """

    def __init__(
        self, learner: Learner, point: Point, schedule: Schedule, replicas: int, seed: int
    ) -> None:
        self.learner = learner
        self.schedule = schedule
        self._seed = seed
        self._point = point
        self._drift = rule_drift(learner, point)
        if not self._drift.covariance.any():
            raise RequestError(
                "learning.rule",
                "turns no hidden layer here: every covariance of rotations is zero, so that no "
                "simulation could be set beside one",
            )
        self._orbit = orbit_of(learner, point)
        self._planes = plane_drift(self._drift)
        _require_memory(self._orbit, schedule, replicas)
        require_slow_rotation(self._planes, schedule, replicas, learner.learning_rate)
        self._model = rule_model(learner, point)

    @property
    def rate(self) -> float:
        return self.learner.learning_rate

    @property
    def synaptic_noise(self) -> float:
        return self.learner.rule.weight_noise

    @property
    def _stiffness(self) -> float:
        return self.rate * returns(self.learner, self._drift)[1]

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
            return measure_rule(
                self._model,
                self._orbit,
                self.schedule,
                count,
                self._seed,
                threads,
                progress,
                executor,
                first=first,
            )
        except Diverged as error:
            critical = critical_rate(self.learner, self._point)
            raise too_fast(error, self.rate, critical, "learning") from error

    def compare(self, sums: WindowSums, replicas: int) -> Validation:
        """What so many replicas have shown, beside the theory."""
        schedule = self.schedule
        completed = float(sums.windows.sum()) / (schedule.windows * replicas)
        measured = estimate(self._orbit.observed, sums, schedule.window, 0.0)
        none = np.zeros((0, 0))
        return Validation(
            study=self.learner.study,
            learning_rate=self.rate,
            rows=tuple(self._rows(measured)),
            steps=schedule.steps,
            replicas=replicas,
            window=schedule.window,
            seed=self._seed,
            stiffness=self._stiffness,
            completed=completed,
            units=sums.units,
            similarity=Similarity(none, none, none),
            displacement=(),
            decay_rates=(),
            fastest=FASTEST,
        )

    def _rows(self, measured: Estimates) -> Iterator[Row]:
        # No rule has a next order: with what one may hide nothing would be decided at one rate.
        return (replace(row, unknown=0.0) for row in self._compared(measured))

    def _compared(self, measured: Estimates) -> Iterator[Row]:
        drift, observed, stiffness = self._planes, self._orbit.observed, self._stiffness
        names, variances = self._names(), self._planes.variances
        for (left, right), found in zip(observed.pairs, measured.covariance, strict=True):
            expected = float(drift.covariance[left, right])
            scale = math.sqrt(variances[left] * variances[right])
            related = len(names) <= FEW_PLANES or abs(expected) > VANISHING * scale
            if scale > 0 and (left == right or related):
                name = names[left] if left == right else f"{names[left]};{names[right]}"
                yield row_of(f"V[{name}]", expected, found, scale, np.nan, self.rate, stiffness)
        scales = mean_rotation_scales(drift, self.rate * returns(self.learner, self._drift)[0])
        means = drift.mean_rotation.tolist()
        for name, expected, scale, found in zip(
            names, means, scales.tolist(), measured.mean_rotation, strict=True
        ):
            if scale > 0:
                row = row_of(f"mu[{name}]", expected, found, scale, np.nan, self.rate, stiffness)
                yield replace(row, allowance=TOLERATED_STIFFNESS * stiffness * abs(expected))
        size = self._drift.weight_variance
        found = measured.weight_variance
        yield row_of("weight variance", size, found, size, np.nan, self.rate, stiffness)

    def _names(self) -> list[str]:
        """Of the planes, with their layer where there are several."""
        planes = self._drift.planes
        several = len(set(self._drift.layers)) > 1
        comma = "," if any(plane.j > 9 for plane in planes) else ""
        return [
            (f"{plane.layer}." if several else "") + f"{plane.i}{comma}{plane.j}"
            for plane in planes
        ]


def _require_memory(orbit: Orbit, schedule: Schedule, replicas: int) -> None:
    """Refuse a run whose sums would not fit into memory."""
    observed, weights = orbit.observed, len(orbit.readings)
    per_unit = len(observed.planes) + 2 * len(observed.pairs) + 2 * observed.hidden**2 + weights
    passing = BLOCK_REPLICAS * (WINDOWS_AT_A_TIME * (2 * observed.hidden**2 + 2 * weights))
    # The sums of all units, the same while they are joined, and the weights themselves.
    kept = replicas * (2 * schedule.segments * per_unit + 2 * weights)
    require_memory(
        "replicas",
        8 * (kept + available_processors() * passing),
        f"= {replicas} is too many: they would need",
        "fewer of them fit",
    )

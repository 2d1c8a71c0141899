"""Many networks that learn by one rule, whatever it is, measured as they go."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial

import numpy as np

from symdrift.evaluation.any_rule.traced_rule import Point
from symdrift.execution import Meter, run_blocks
from symdrift.precision import double_precision
from symdrift.progress import Progress
from symdrift.simulation.ensemble import (
    SHORTEST,
    WINDOWS_AT_A_TIME,
    Networks,
    Schedule,
    advance_metered,
    blocks_of,
    compile_here,
    joined_sums,
    refuse_rotation,
)
from symdrift.simulation.estimators import WindowSums, sum_windows
from symdrift.simulation.lanes import LANES
from symdrift.simulation.orbit_gauge import Orbit, OrbitGauge
from symdrift.simulation.random import COEFFICIENTS, replica_streams
from symdrift.simulation.setup import Table, alias_table, on_own_pages
from symdrift.simulation.step_program import StepProgram, step_program
from symdrift.simulation.traced_step import TracedRun, TracedShape, kernel_of
from symdrift.study.learner import Learner
from symdrift.study.problem import Array

BLOCK_REPLICAS = 64
"""Networks of one block: rotations are measured by array operations on all of them."""

FEWEST_MEASURED = 2
"""Blocks of networks that are measured: on few of them arrays take as long as on many."""


@dataclass(frozen=True, eq=False)
class RuleModel:
    """A rule and its inputs, ready to run.

    Attributes
    ----------
    program : StepProgram
    shape : TracedShape
    axes : Array
        Columns are axes along which Gaussian and elliptical inputs are independent, ``(n, n)``.
    scales : Array
        Standard deviations along these over the root of the batch, ``(n,)``.
    table : Table
        Samples, likewise, or lengths of elliptical inputs.
    label_deviations : Array
        Likewise, shape ``(m,)``.
    synaptic_deviation : float
    learning_rate : float
    start : Array
        Weights, velocities included, from which all networks begin, ``(weights,)``.
    """

    program: StepProgram
    shape: TracedShape
    axes: Array
    scales: Array
    table: Table
    label_deviations: Array
    synaptic_deviation: float
    learning_rate: float
    start: Array

    def unpack(self, memory: Array, replicas: int) -> Array:
        """Weights of the first replicas of a block, shape ``(replicas, weights)``."""
        grouped = memory.reshape(-1, self.shape.weights, LANES).swapaxes(1, 2)
        return grouped.reshape(-1, self.shape.weights)[:replicas]


def rule_model(learner: Learner, point: Point) -> RuleModel:
    """The model of a rule, whose networks begin at a fixed point given without velocities."""
    size, outputs = len(learner.inputs.covariance), len(learner.label_noise)
    recipe, covariance, axes = learner.inputs.recipe(), learner.inputs.covariance, np.eye(size)
    if mixed := recipe.components and bool(np.any(covariance - np.diag(np.diagonal(covariance)))):
        axes = np.linalg.eigh(covariance)[1]
    variances = np.maximum(np.diagonal(axes.T @ covariance @ axes), 0.0)
    program = step_program(learner)
    resting = np.concatenate([matrix.ravel() for matrix in point])
    count = sum(view.rows * view.columns for view in program.weights)
    root = np.sqrt(learner.batch)
    noise = learner.rule.weight_noise
    return RuleModel(
        program=program,
        shape=TracedShape(
            inputs=size,
            outputs=outputs,
            batch=learner.batch,
            weights=count,
            shaken=len(resting) if noise > 0 else 0,
            tabulated=not recipe.components,
            elliptical=recipe.lengths,
            mixed=mixed,
            noisy=bool(np.any(learner.label_noise > 0)),
        ),
        axes=axes,
        scales=np.sqrt(variances) / root,
        table=alias_table(
            recipe.rows if recipe.components else recipe.rows / root, recipe.probabilities
        ),
        label_deviations=np.sqrt(learner.label_noise) / root,
        synaptic_deviation=float(np.sqrt(noise)),
        learning_rate=learner.learning_rate,
        start=np.pad(resting, (0, count - len(resting))),
    )


class RuleNetworks(Networks):
    """Networks ``first, ..., first + count - 1`` of an ensemble, in one thread."""

    def __init__(self, model: RuleModel, first: int, count: int, seed: int) -> None:
        groups = -(-count // LANES)
        self._model = model
        weights = on_own_pages(np.tile(np.repeat(model.start, LANES), groups))
        run = TracedRun(
            weights=weights,
            states=on_own_pages(replica_streams(seed, first, count)),
            drawn=on_own_pages(np.zeros(LANES, dtype=np.uint64)),
            coefficients=COEFFICIENTS,
            scales=model.scales,
            table=np.ravel(model.table.rows),
            acceptance=model.table.acceptance,
            alias=model.table.alias,
            axes=np.ravel(model.axes).copy(),
            label_deviations=model.label_deviations,
            numbers=model.program.numbers,
            synaptic_deviation=model.synaptic_deviation,
        )
        kernel = partial(kernel_of(model.program, model.shape), run)
        super().__init__(weights, count, kernel, model.shape.batch)

    @property
    def vectors(self) -> Array:
        """Weights of each network, shape ``(count, weights)``."""
        return self._model.unpack(self.weights, self.count)


def measure_rule(
    model: RuleModel,
    orbit: Orbit,
    schedule: Schedule,
    replicas: int,
    seed: int,
    threads: int | None = None,
    progress: Progress | None = None,
    executor: Executor | None = None,
    *,
    first: int = 0,
) -> tuple[WindowSums, bool]:
    """As `ensemble.measure`: rotations of all hidden layers, and distance from the orbit.

    Losses, similarities and displacements of stimuli are not followed.
    """
    run = partial(_run_block, model, orbit)
    if executor is None:
        kernel = kernel_of(model.program, model.shape)
        compile_here(kernel, partial(run, SHORTEST, seed, first, 1))
    parts, interrupted = run_blocks(
        partial(run, schedule, seed),
        [
            (first + begin, count)
            for begin, count in blocks_of(replicas, BLOCK_REPLICAS, FEWEST_MEASURED)
        ],
        Meter(schedule.steps * replicas),
        progress,
        threads=threads,
        executor=executor,
    )
    return joined_sums(parts), interrupted


@double_precision()
def _run_block(
    model: RuleModel,
    orbit: Orbit,
    schedule: Schedule,
    seed: int,
    first: int,
    count: int,
    meter: Meter | None = None,
) -> list[WindowSums]:
    meter = Meter(schedule.steps * count) if meter is None else meter
    block, gauge = RuleNetworks(model, first, count, seed), OrbitGauge(orbit, count)
    size = len(orbit.readings)
    if advance_metered(block, schedule.burn_in, meter):
        gauge.read(block.vectors[:, :size])
    segments = []
    bounds = np.linspace(0, schedule.windows, schedule.segments + 1).round().astype(int)
    for length in np.diff(bounds).tolist():
        segment: WindowSums | None = None
        while length > 0 and not meter.stopped.is_set():
            planned = min(length, WINDOWS_AT_A_TIME)
            rate = model.learning_rate
            readings = list(_readings(block, gauge, schedule, size, planned, rate, meter))
            if not readings:
                break
            length -= len(readings)
            part = _summed(orbit, readings)
            segment = part if segment is None else segment + part
        if segment is not None:
            segments.append(segment)
    return segments


def _readings(
    block: RuleNetworks,
    gauge: OrbitGauge,
    schedule: Schedule,
    size: int,
    windows: int,
    rate: float,
    meter: Meter,
) -> Iterator[tuple[Array, Array]]:
    """Angles and displacements at the ends of windows, as many as are finished."""
    for _ in range(windows):
        if not advance_metered(block, schedule.window, meter):
            return
        angles, displaced = gauge.read(block.vectors[:, :size])
        refuse_rotation(float(np.abs(angles).max(initial=0.0)), rate)
        yield angles, displaced


def _summed(orbit: Orbit, readings: list[tuple[Array, Array]]) -> WindowSums:
    angles, displaced = (np.stack(column) for column in zip(*readings, strict=True))
    count = angles.shape[-1]
    return sum_windows(
        orbit.observed,
        angles,
        distance=np.sum(displaced**2, axis=-1),
        loss=np.zeros((len(readings), count)),
        normal=displaced.sum(axis=0).T,
        similarity=np.zeros((0, 0, count)),
        travelled=np.zeros((0, 0, count)),
        lag_pairs=np.zeros((0, count)),
        carried=np.zeros((0, count)),
        drifted=np.zeros((0, 0, count)),
        stretches=np.zeros(count),
    )

"""Many replicas of one learning problem, run in blocks over threads, measured as they go."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from symdrift.dense.minimum import MinimumPoint
from symdrift.errors import RequestError
from symdrift.estimators import Observables, WindowSums, sum_windows
from symdrift.problem import Array
from symdrift.simulation.kernels import kernel_for
from symdrift.simulation.lanes import LANES
from symdrift.simulation.model import Model, aligned
from symdrift.simulation.observe import SCALARS, observe
from symdrift.simulation.random import COEFFICIENTS, replica_streams

Result = TypeVar("Result")

Progress = Callable[[int, int], None]
"""Called from time to time with the replica-steps done and those planned."""

CHECK_EVERY = 1000
"""Steps after which a diverging run is noticed at the latest."""

BLOCK_BYTES = 16384
"""Weights of a block should fit beside everything else in the first-level cache."""

WINDOWS_AT_A_TIME = 64
"""Windows whose rotations are held in memory before they are summed."""

GROWTH_LIMIT = 1e4
"""Squared norm of the weights, relative to the minimum's, that counts as divergence."""

LARGEST_ROTATION = 0.3
"""Rotation in one window, in radians, up to which its logarithm is exact to 1e-4."""

LARGEST_DEFECT = 1e-18
"""Squared change in the last step of the polar decomposition that counts as converged."""


@dataclass(frozen=True)
class Schedule:
    """How long to run and when to look.

    Attributes
    ----------
    burn_in : int
        Steps before the first measurement.
    window : int
        Steps between measurements.
    windows : int
        Measured windows of each replica.
    segments : int
        Parts into which the windows of a replica are cut for the standard errors.
    """

    burn_in: int
    window: int
    windows: int
    segments: int

    @property
    def steps(self) -> int:
        """Steps of each replica."""
        return self.burn_in + self.window * self.windows


class Diverged(ArithmeticError):
    """Weights grew without bound; ``step`` is when this was noticed."""

    def __init__(self, step: int) -> None:
        self.step = step
        super().__init__(f"weights grew without bound by step {step}")


class Block:
    """Replicas ``first, ..., first + count - 1`` of an ensemble, in one thread."""

    def __init__(
        self, model: Model, start: tuple[Array, Array], first: int, count: int, seed: int
    ) -> None:
        """Begin with layers ``start = (W, U)``, the same for all replicas."""
        self._model = model
        self.count = count
        self.step = 0
        self.weights = model.pack(*(np.repeat(layer[np.newaxis], count, axis=0) for layer in start))
        shape = model.shape
        self._limit = GROWTH_LIMIT * (1.0 + float(self.weights @ self.weights))
        self._kernel = kernel_for(shape)
        self._arguments = (
            self.weights,
            aligned(replica_streams(seed, first, count)),
            aligned(np.zeros(LANES, dtype=np.uint64)),
            COEFFICIENTS,
            model.scales,
            np.ravel(model.table.rows),
            model.table.acceptance,
            model.table.alias,
            np.ravel(model.teacher if shape.dense else np.diagonal(model.teacher)).copy(),
            model.label_deviations,
            model.learning_rate,
            model.weight_decay,
            model.synaptic_deviation,
        )

    def advance(self, steps: int) -> None:
        """Make a number of SGD steps.

        Raises
        ------
        Diverged
            Within `CHECK_EVERY` steps of the weights' exceeding the limit.
        """
        while steps > 0:
            stride = min(steps, CHECK_EVERY)
            self._kernel(*self._arguments, stride)
            self.step += stride
            steps -= stride
            if not float(self.weights @ self.weights) < self._limit:
                raise Diverged(self.step)


class Meter:
    """Steps done by all blocks, and the wish to stop them."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.done = 0
        self._lock = threading.Lock()
        self.stopped = threading.Event()

    def add(self, steps: int) -> None:
        with self._lock:
            self.done += steps


class Gauge:
    """Measures a block at window ends; remembers each replica's rotation."""

    def __init__(self, model: Model, minimum: MinimumPoint, block: Block) -> None:
        shape = model.shape
        rank = shape.hidden
        groups = -(-block.count // LANES)
        self._groups = groups
        self._block = block
        self._planes = rank * (rank - 1) // 2
        self._angles = aligned(np.zeros(groups * self._planes * LANES))
        self._scalars = aligned(np.zeros(groups * SCALARS * LANES))
        self._unrotated = aligned(np.zeros(len(block.weights)))
        self._star = np.concatenate(
            [np.ravel(minimum.first_layer @ model.basis), np.ravel(minimum.second_layer)]
        )
        identity = np.repeat(np.eye(rank).reshape(1, -1, 1), LANES, axis=2)
        self._arguments = (
            shape.inputs,
            rank,
            shape.outputs,
            block.weights,
            aligned(np.zeros(LANES * (5 * rank**2 + shape.inputs))),
            aligned(np.repeat(identity, groups, axis=0)),
            self._star[: rank * shape.inputs].copy(),
            self._star[rank * shape.inputs :].copy(),
            np.ravel(model.covariance),
            np.ravel(model.teacher),
            model.weight_decay,
            self._angles,
            self._scalars,
            self._unrotated,
        )

    def read(self) -> tuple[Array, Array, Array]:
        """Rotations since the last call, squared distance and loss of each replica.

        Raises
        ------
        RequestError
            When a window is too long for its rotations to be small.
        """
        observe(*self._arguments)
        count = self._block.count
        angles = self._angles.reshape(self._groups, self._planes, LANES).swapaxes(0, 1)
        angles = angles.reshape(self._planes, self._groups * LANES)[:, :count]
        scalars = self._scalars.reshape(-1, SCALARS, LANES).swapaxes(0, 1)
        distance, loss, defect = scalars.reshape(SCALARS, -1)[:, :count]
        largest = float(np.max(np.abs(angles), initial=0.0))
        if not (largest <= LARGEST_ROTATION and float(np.max(defect)) <= LARGEST_DEFECT):
            raise RequestError(
                "learning.rate",
                "is too large for the rotation of the hidden layer to be followed: it turns by "
                f"{largest:.3g} rad within one window, and at most {LARGEST_ROTATION} is allowed",
            )
        return angles.copy(), distance.copy(), loss.copy()

    def take_displacement(self, readings: int) -> Array:
        """Displacement from the minimum summed over the last readings, ``(weights, replicas)``.

        Parameters
        ----------
        readings : int
            Number of calls of `read` since this was last called.
        """
        size = len(self._star)
        summed = self._unrotated.reshape(-1, size, LANES).swapaxes(0, 1).reshape(size, -1)
        result = summed[:, : self._block.count] - readings * self._star[:, np.newaxis]
        self._unrotated[:] = 0.0
        return np.asarray(result)


def measure(
    model: Model,
    minimum: MinimumPoint,
    observed: Observables,
    schedule: Schedule,
    replicas: int,
    seed: int,
    threads: int | None = None,
    progress: Progress | None = None,
) -> tuple[WindowSums, bool]:
    """Run an ensemble from the minimum and sum up what its windows show.

    Every replica draws from its own stream, so that the result depends neither on the number
    of threads nor on how replicas are shared out.

    Parameters
    ----------
    replicas : int
    seed : int
    threads : int, optional
        Default: as many as there are processors to run on.
    progress : callable, optional
        Receives replica-steps done and planned.

    Returns
    -------
    tuple of WindowSums and bool
        One unit per replica and segment; whether an interrupt ended the run early.

    Raises
    ------
    Diverged
        When weights grow without bound.
    """
    meter = Meter(schedule.steps * replicas)

    def run(first: int, count: int) -> list[WindowSums]:
        return _run_block(model, minimum, observed, schedule, first, count, seed, meter)

    parts, interrupted = over_blocks(run, model, replicas, threads, meter, progress)
    sums = [segment for part in parts for segment in part]
    if not sums:
        raise KeyboardInterrupt
    return _join(sums), interrupted


def advance_metered(block: Block, steps: int, meter: Meter) -> bool:
    """Advance a block unless stopped; returns whether all steps were made."""
    while steps > 0 and not meter.stopped.is_set():
        stride = min(steps, CHECK_EVERY)
        block.advance(stride)
        meter.add(stride * block.count)
        steps -= stride
    return steps == 0


def _run_block(
    model: Model,
    minimum: MinimumPoint,
    observed: Observables,
    schedule: Schedule,
    first: int,
    count: int,
    seed: int,
    meter: Meter,
) -> list[WindowSums]:
    start = (minimum.first_layer, minimum.second_layer)
    block = Block(model, start, first, count, seed)
    gauge = Gauge(model, minimum, block)
    advance_metered(block, schedule.burn_in, meter)
    gauge.read()
    gauge.take_displacement(1)
    segments: list[WindowSums] = []
    bounds = np.linspace(0, schedule.windows, schedule.segments + 1).round().astype(int)
    for length in np.diff(bounds):
        segment: WindowSums | None = None
        while length > 0 and not meter.stopped.is_set():
            readings = []
            for _ in range(min(int(length), WINDOWS_AT_A_TIME)):
                if not advance_metered(block, schedule.window, meter):
                    break
                readings.append(gauge.read())
            if not readings:
                break
            length -= len(readings)
            angles, distance, loss = (np.stack(column) for column in zip(*readings, strict=True))
            part = sum_windows(
                observed, angles, distance, loss, gauge.take_displacement(len(readings))
            )
            segment = part if segment is None else segment + part
        if segment is not None:
            segments.append(segment)
    return segments


def _join(sums: list[WindowSums]) -> WindowSums:
    joined = sums[0]
    for part in sums[1:]:
        joined = joined.beside(part)
    return joined


def over_blocks(
    run: Callable[[int, int], Result],
    model: Model,
    replicas: int,
    threads: int | None,
    meter: Meter,
    progress: Progress | None,
) -> tuple[list[Result], bool]:
    """Results of all blocks in order of replicas, and whether they were interrupted."""
    threads = available_processors() if threads is None else threads
    size = replicas_per_block(model, replicas, threads)
    interrupted = False
    with ThreadPoolExecutor(threads) as pool:
        futures = [
            pool.submit(run, first, min(size, replicas - first))
            for first in range(0, replicas, size)
        ]
        try:
            pending = set(futures)
            while pending:
                done, pending = wait(pending, timeout=0.1, return_when="FIRST_EXCEPTION")
                if progress is not None:
                    progress(meter.done, meter.total)
                if any(future.exception() is not None for future in done):
                    break
        except KeyboardInterrupt:
            interrupted = True
        finally:
            if any(not future.done() for future in futures):
                meter.stopped.set()
                for future in futures:
                    future.cancel()
    return [future.result() for future in futures if not future.cancelled()], interrupted


def available_processors() -> int:
    """Processors on which this process may run."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def replicas_per_block(model: Model, replicas: int, threads: int) -> int:
    """Replicas that share a block: fitting the cache, with work for every thread."""
    groups = -(-replicas // LANES)
    fitting = max(1, BLOCK_BYTES // (8 * LANES * model.shape.weights))
    return LANES * max(1, min(fitting, groups // threads))

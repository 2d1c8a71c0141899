"""Many replicas of one learning problem, run in blocks over threads, measured as they go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from symdrift.errors import RequestError
from symdrift.evaluation.dense.landscape import MinimumPoint
from symdrift.evaluation.validity import WARN_ABOVE
from symdrift.execution import Blocks, Diverged, Meter, run_blocks
from symdrift.precision import double_precision
from symdrift.progress import Progress
from symdrift.simulation.descent import Run, kernel_for
from symdrift.simulation.estimators import Observables, WindowSums, sum_windows
from symdrift.simulation.lags import Displacements
from symdrift.simulation.lanes import LANES
from symdrift.simulation.measure import SCALARS, observe
from symdrift.simulation.random import COEFFICIENTS, replica_streams
from symdrift.simulation.setup import Model, on_own_pages, padded_layers
from symdrift.simulation.stretches import Stretches
from symdrift.study.problem import Array

CHECK_EVERY = 1000
"""Steps after which a diverging run, or a wish to stop, is noticed at the latest."""

CHECKED_SAMPLES = 100_000
"""Samples of one network after which it is at the latest, unless one step has more."""

BLOCK_BYTES = 16384
"""Weights of a block should fit beside everything else in the first-level cache."""

FEWEST_BLOCKS = 16
"""Blocks that a run is cut into where its replicas suffice: work for as many processors."""

WINDOWS_AT_A_TIME = 64
"""Windows whose rotations are held in memory before they are summed."""

SHORT_LAGS_EVERY = 4
"""Windows of which one is interrupted for the displacements over a part of it."""

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
    halvings : int
        How often the window is halved for the shortest lag of a displacement.
    half_stretch : int
        Windows of half a stretch over which representations are averaged.
    """

    burn_in: int
    window: int
    windows: int
    segments: int
    halvings: int = 0
    half_stretch: int = 1

    @property
    def steps(self) -> int:
        """Steps of each replica."""
        return self.burn_in + self.window * self.windows

    @property
    def doublings(self) -> int:
        """How often the window is doubled for the longest lag: half a segment or less."""
        return max(0, (self.windows // self.segments // 2).bit_length() - 1)

    @property
    def lags(self) -> tuple[int, ...]:
        """Lags of displacements in steps, increasing; the window is number `halvings`."""
        parts = (max(1, self.window >> halving) for halving in range(self.halvings, 0, -1))
        return (*parts, *(self.window << doubling for doubling in range(self.doublings + 1)))


SHORTEST = Schedule(1, 2, 4, 2, 1)
"""In which all is called that measures."""


class Networks:
    """Replicas of an ensemble in one thread, as lanes of its memory.

    Parameters
    ----------
    weights : Array
        The memory.
    count : int
        Replicas.
    kernel : callable
        Makes a number of steps.
    batch : int
        Samples of a step.
    """

    def __init__(
        self, weights: Array, count: int, kernel: Callable[[int], None], batch: int
    ) -> None:
        self.weights = weights
        self.count = count
        self.step = 0
        self.stride = min(CHECK_EVERY, max(1, CHECKED_SAMPLES // batch))
        self._kernel = kernel
        self._limit = GROWTH_LIMIT * (1.0 + float(weights @ weights))

    @property
    def vectors(self) -> Array:
        """Weights of each network, shape ``(count, weights)``."""
        raise NotImplementedError

    def advance(self, steps: int) -> None:
        """Make a number of steps.

        Raises
        ------
        Diverged
            Within `stride` steps of the weights' exceeding the limit.
        """
        while steps > 0:
            stride = min(steps, self.stride)
            self._kernel(stride)
            self.step += stride
            steps -= stride
            with np.errstate(over="ignore", invalid="ignore"):
                size = float(self.weights @ self.weights)
            if not size < self._limit:
                raise Diverged(self.step)


class Block(Networks):
    """Replicas ``first, ..., first + count - 1`` of an ensemble of two-layer SGD."""

    def __init__(
        self, model: Model, start: tuple[Array, Array], first: int, count: int, seed: int
    ) -> None:
        """Begin with layers ``start = (W, U)``, the same for all replicas."""
        self._model = model
        weights = packed(model, start, count)
        run = run_of(model, weights, first, count, seed)
        super().__init__(weights, count, partial(kernel_for(model.shape), run), model.shape.batch)

    @property
    def vectors(self) -> Array:
        layers = self._model.unpack(self.weights, self.count)
        return np.concatenate([layer.reshape(self.count, -1) for layer in layers], axis=1)


def packed(model: Model, start: tuple[Array, Array], count: int) -> Array:
    """Memory of a block of replicas that all begin with the layers ``start = (W, U)``."""
    return model.pack(*(np.repeat(layer[np.newaxis], count, axis=0) for layer in start))


def run_of(model: Model, weights: Array, first: int, count: int, seed: int) -> Run:
    """What a kernel works on: weights of the replicas ``first, ...``, their streams, the model."""
    shape = model.shape
    return Run(
        weights=weights,
        states=on_own_pages(replica_streams(seed, first, count)),
        drawn=on_own_pages(np.zeros(LANES, dtype=np.uint64)),
        coefficients=COEFFICIENTS,
        scales=model.scales,
        table=np.ravel(model.table.rows),
        acceptance=model.table.acceptance,
        alias=model.table.alias,
        teacher=np.ravel(model.teacher if shape.dense else np.diagonal(model.teacher)).copy(),
        label_deviations=model.label_deviations,
        learning_rate=model.learning_rate,
        weight_decay=model.weight_decay,
        synaptic_deviation=model.synaptic_deviation,
    )


class Gauge:
    """Measures a block at window ends; remembers each replica's rotation.

    Attributes
    ----------
    rotations : Array
        At the last reading, shape ``(groups, p, p, LANES)``.
    """

    def __init__(self, model: Model, minimum: MinimumPoint, block: Block) -> None:
        shape = model.shape
        hidden, active = shape.hidden, minimum.rank
        groups = -(-block.count // LANES)
        self._groups = groups
        self._block = block
        self._rate = model.learning_rate
        self._planes = active * hidden - active * (active + 1) // 2
        self._angles = on_own_pages(np.zeros(groups * self._planes * LANES))
        self._scalars = on_own_pages(np.zeros(groups * SCALARS * LANES))
        self._unrotated = on_own_pages(np.zeros(len(block.weights)))
        self._similarity = on_own_pages(np.zeros(groups * shape.inputs**2 * LANES))
        self._basis = model.basis
        first_star, second_star = padded_layers(minimum, hidden)
        self._star = np.concatenate([np.ravel(first_star @ model.basis), np.ravel(second_star)])
        identity = np.repeat(np.eye(hidden).reshape(1, -1, 1), LANES, axis=2)
        rotations = on_own_pages(np.repeat(identity, groups, axis=0))
        self.rotations = rotations.reshape(groups, hidden, hidden, LANES)
        self._arguments = (
            shape.inputs,
            hidden,
            shape.outputs,
            active,
            block.weights,
            on_own_pages(np.zeros(LANES * (5 * hidden**2 + shape.inputs))),
            rotations,
            self._star[: hidden * shape.inputs].copy(),
            self._star[hidden * shape.inputs :].copy(),
            np.ravel(model.covariance),
            np.ravel(model.teacher),
            model.weight_decay,
            self._angles,
            self._scalars,
            self._unrotated,
            self._similarity,
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
        refuse_rotation(largest, self._rate, float(np.max(defect)))
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

    def take_similarity(self, stimuli: Array) -> Array:
        """``h_a . h_b`` summed over the last readings, ``(stimuli, stimuli, replicas)``.

        Parameters
        ----------
        stimuli : Array
            Shape ``(stimuli, n)``.
        """
        inputs = len(self._basis)
        summed = self._similarity.reshape(-1, inputs, inputs, LANES)
        products = summed.transpose(1, 2, 0, 3).reshape(inputs, inputs, -1)
        turned = stimuli @ self._basis
        result = np.einsum("ai,iju,bj->abu", turned, products, turned, optimize=True)
        self._similarity[:] = 0.0
        return np.asarray(result[..., : self._block.count])


def refuse_rotation(
    largest: float, rate: float, defect: float = 0.0, possible: float = 1.0, beside: str = ""
) -> None:
    """Refuse rotations within a window that are too large to be followed, in rad.

    At half the rate, which is named, they are half as large.  How large they are by chance, or as
    networks run away, says no more of smaller rates; but where the theory of a plan expects it,
    half of the share that it has as ``possible`` is named, and what has to be lowered ``beside``.

    Raises
    ------
    RequestError
        Unless rotation and ``defect``, the distance of its matrix from a small rotation, are small.
    """
    if not (largest <= LARGEST_ROTATION and defect <= LARGEST_DEFECT):
        raise RequestError(
            "learning.rate",
            f"= {rate:g} is too large for the rotation of the hidden layer to be followed: it "
            f"turns by about {largest:.3g} rad within one window, and at most {LARGEST_ROTATION} "
            f"is allowed; try {0.5 * possible * rate:.2g} or less{beside}",
        )


def too_fast(error: Diverged, rate: float, critical: float | None, what: str) -> RequestError:
    """The refusal of a rate at which weights grew without bound, with one at which they do not.

    That is the share of the critical rate up to which the leading order is not warned of, or half
    the rate where it is smaller already, or the critical one not known.

    Parameters
    ----------
    error : Diverged
    rate, critical : float
    what : str
        What diverges.
    """
    size, possible = "", rate / 2
    if critical is not None:
        size = f", at {rate / critical:.2f} of the critical rate"
        possible = min(possible, WARN_ABOVE * critical)
    return RequestError(
        "learning.rate",
        f"= {rate:g} makes {what} diverge within {error.step} steps{size}; lower it to "
        f"{possible:.2g} or less",
    )


def measure(
    model: Model,
    minimum: MinimumPoint,
    observed: Observables,
    stimuli: Array,
    schedule: Schedule,
    replicas: int,
    seed: int,
    threads: int | None = None,
    progress: Progress | None = None,
    executor: Executor | None = None,
    *,
    first: int = 0,
) -> tuple[WindowSums, bool]:
    """Run an ensemble from the minimum and sum up what its windows show.

    Every replica draws from its own stream, and blocks depend on the problem alone: the result
    does not depend on the number of threads or on what executor runs it.

    Parameters
    ----------
    stimuli : Array
        Inputs whose similarities are followed, shape ``(stimuli, n)``.
    replicas : int
    seed : int
    threads : int, optional
        Default: as many as there are processors to run on.
    progress : callable, optional
        Receives replica-steps done and planned.
    executor : concurrent.futures.Executor, optional
        Runs the blocks instead of threads of this process.
    first : int
        Number of the first replica.

    Returns
    -------
    tuple of WindowSums and bool
        One unit per replica and segment; whether an interrupt ended the run early.

    Raises
    ------
    Diverged
        When weights grow without bound.
    """
    run = partial(_run_block, model, minimum, observed, stimuli)
    if executor is None:
        compile_here(kernel_for(model.shape), partial(run, SHORTEST, seed, first, 1))
    parts, interrupted = run_blocks(
        partial(run, schedule, seed),
        [(first + begin, count) for begin, count in blocks_of(replicas, replicas_per_block(model))],
        Meter(schedule.steps * replicas),
        progress,
        threads=threads,
        executor=executor,
    )
    return joined_sums(parts), interrupted


def compile_here(function: Any, trial: Callable[[], object]) -> None:
    """Compile what was not called before by a trial, and all else that the trial calls.

    An interrupt ends what compiles in the main thread; in others it is waited for.

    Parameters
    ----------
    function : callable
        Of `compiled`, or with some of its arguments given.
    trial : callable
    """
    if not getattr(function, "func", function).signatures:
        with suppress(Diverged, RequestError):
            trial()


def advance_metered(block: Networks, steps: int, meter: Meter) -> bool:
    """Advance a block unless stopped; returns whether all steps were made."""
    while steps > 0 and not meter.stopped.is_set():
        stride = min(steps, block.stride)
        block.advance(stride)
        meter.add(stride * block.count)
        steps -= stride
    return steps == 0


@double_precision()
def _run_block(
    model: Model,
    minimum: MinimumPoint,
    observed: Observables,
    stimuli: Array,
    schedule: Schedule,
    seed: int,
    first: int,
    count: int,
    meter: Meter | None = None,
) -> list[WindowSums]:
    meter = Meter(schedule.steps * count) if meter is None else meter
    block = Block(model, padded_layers(minimum, model.shape.hidden), first, count, seed)
    gauge = Gauge(model, minimum, block)
    displacements = Displacements(
        model, stimuli, block.weights, count, schedule.halvings, schedule.doublings
    )
    stretches = Stretches(
        displacements.present,
        gauge.rotations,
        count,
        schedule.half_stretch,
        stimuli @ padded_layers(minimum, model.shape.hidden)[0].T,
    )
    advance_metered(block, schedule.burn_in, meter)
    gauge.read()
    gauge.take_displacement(1)
    gauge.take_similarity(stimuli)
    segments: list[WindowSums] = []
    bounds = np.linspace(0, schedule.windows, schedule.segments + 1).round().astype(int)
    for length in np.diff(bounds):
        segment: WindowSums | None = None
        displacements.begin()
        stretches.begin()
        while length > 0 and not meter.stopped.is_set():
            readings = []
            for window in range(min(int(length), WINDOWS_AT_A_TIME)):
                interrupted = window % SHORT_LAGS_EVERY == 0
                if not _pass_window(block, displacements, schedule, interrupted, meter):
                    break
                readings.append(gauge.read())
                stretches.end_window()
            if not readings:
                break
            length -= len(readings)
            angles, distance, loss = (np.stack(column) for column in zip(*readings, strict=True))
            part = sum_windows(
                observed,
                angles,
                distance,
                loss,
                gauge.take_displacement(len(readings)),
                gauge.take_similarity(stimuli),
                *displacements.take(),
                *stretches.take(),
            )
            segment = part if segment is None else segment + part
        if segment is not None:
            segments.append(segment)
    return segments


def _pass_window(
    block: Block,
    displacements: Displacements,
    schedule: Schedule,
    interrupted: bool,
    meter: Meter,
) -> bool:
    """Advance by one window; returns whether it was finished."""
    passed = 0
    if interrupted:
        for index, lag in enumerate(schedule.lags[: schedule.halvings]):
            if not advance_metered(block, lag - passed, meter):
                return False
            displacements.within_window(index)
            passed = lag
    if not advance_metered(block, schedule.window - passed, meter):
        return False
    displacements.end_window()
    return True


def joined_sums(parts: Sequence[Sequence[WindowSums]]) -> WindowSums:
    """Sums of all segments of all blocks.

    Raises
    ------
    KeyboardInterrupt
        When an interrupt left none.
    """
    sums = [segment for part in parts for segment in part]
    if not sums:
        raise KeyboardInterrupt
    joined = sums[0]
    for segment in sums[1:]:
        joined = joined.beside(segment)
    return joined


def replicas_per_block(model: Model) -> int:
    """Replicas whose weights fit the cache together, a multiple of `LANES`."""
    return LANES * max(1, BLOCK_BYTES // (8 * LANES * model.shape.weights))


def blocks_of(replicas: int, most: int, fewest: int = FEWEST_BLOCKS) -> Blocks:
    """First replica and number of replicas of each block, whatever machine runs them.

    Parameters
    ----------
    replicas : int
    most : int
        Replicas of one block, a multiple of `LANES`.
    fewest : int
        Blocks, where replicas suffice for them.
    """
    groups = -(-replicas // LANES)
    count = min(groups, max(fewest, -(-groups * LANES // most)))
    bounds = [LANES * (groups * k // count) for k in range(count)] + [replicas]
    return [(first, end - first) for first, end in pairwise(bounds)]

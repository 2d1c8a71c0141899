"""Trajectories of an ensemble, thinned out so that they fit into memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from symdrift.errors import RequestError, counted
from symdrift.evaluation.dense.landscape import minimum_of
from symdrift.evaluation.evaluate import validity
from symdrift.evaluation.validity import require_stable
from symdrift.execution import Diverged, Meter, require_counts, run_blocks
from symdrift.files import replacing
from symdrift.memory import available_memory, size_left, size_needed
from symdrift.precision import double_precision
from symdrift.progress import Progress, log_stage
from symdrift.simulation.ensemble import (
    Block,
    Networks,
    advance_metered,
    blocks_of,
    replicas_per_block,
    too_fast,
)
from symdrift.simulation.setup import model_of, padded_layers, simulated_hidden
from symdrift.simulation.timescales import ceiling, relaxation
from symdrift.study.problem import Array, LearningProblem, Stimulus

STORED_BYTES = 2**30
"""Size from which fewer records are kept; the same on every machine, as results must be."""

COPIES = 3
"""Of the records at the worst: of the blocks, of all together, and with silent hidden units."""

MOST_RECORDS = 1000
FEWEST_RECORDS = 2

MOST_RELAXING = 10**12
"""Steps of relaxation before the first record: a day on one core and more."""

DEFAULT_REPLICAS = 64
DEFAULT_RELAXATIONS = 300.0
"""Length of a run in units of the slowest relaxation time, unless steps are given."""

BURN_IN_RELAXATIONS = 6.0
"""Steps before the first record, in units of the slowest relaxation time."""


@dataclass(frozen=True, eq=False)
class Trajectory:
    """Weights of every replica at evenly spaced steps of a stationary run.

    Attributes
    ----------
    study : str
    steps : NDArray[np.int64]
        SGD steps at which weights were recorded, from 0, shape ``(records,)``.
    first_layer, second_layer : Array
        ``W`` and ``U``, shapes ``(records, replicas, p, n)`` and ``(records, replicas, m, p)``.
    problem : LearningProblem
    seed : int
    interrupted : bool
        Whether an interrupt ended the run before the steps that were asked for.
    """

    study: str
    steps: NDArray[np.int64]
    first_layer: Array
    second_layer: Array
    problem: LearningProblem
    seed: int
    interrupted: bool

    def representation(self, stimulus: Stimulus) -> Array:
        """Hidden representation ``h = W x``, shape ``(records, replicas, p)``."""
        return np.asarray(self.first_layer @ stimulus.vector)

    def save(self, path: str | Path) -> None:
        """Write an ``.npz`` archive.

        Its arrays are those of this class (``steps``, ``first_layer``, ``second_layer``) and what
        was simulated: ``teacher``, ``input_covariance``, ``label_noise``, ``learning_rate``,
        ``weight_decay``, ``batch``, ``synaptic_noise``, ``stimuli`` (one per row),
        ``stimulus_names``, ``seed``, ``interrupted``.
        """
        problem = self.problem
        with replacing(path) as temporary:
            np.savez(
                temporary,
                steps=self.steps,
                first_layer=self.first_layer,
                second_layer=self.second_layer,
                teacher=problem.teacher,
                input_covariance=problem.input_covariance,
                label_noise=problem.label_noise,
                learning_rate=problem.learning_rate,
                weight_decay=problem.weight_decay,
                batch=problem.batch,
                synaptic_noise=problem.synaptic_noise,
                stimuli=np.array([stimulus.vector for stimulus in problem.stimuli]),
                stimulus_names=np.array([stimulus.name for stimulus in problem.stimuli]),
                seed=self.seed,
                interrupted=self.interrupted,
            )


@double_precision()
def simulate(
    problem: LearningProblem,
    steps: int | None = None,
    replicas: int | None = None,
    seed: int = 0,
    threads: int | None = None,
    progress: Progress | None = None,
    *,
    executor: Executor | None = None,
) -> Trajectory:
    """Run online SGD from the minimum and record weights.

    Replicas start at the same minimum; recording begins after a burn-in of
    `BURN_IN_RELAXATIONS` slowest relaxation times, when the fluctuation is stationary.

    Parameters
    ----------
    problem : LearningProblem
    steps : int, optional
        SGD steps after the burn-in; default: `DEFAULT_RELAXATIONS` slowest relaxation times.
    replicas : int, optional
        Independent networks; default `DEFAULT_REPLICAS`.
    seed : int
        Replica ``k`` draws from stream ``(seed, k)``, so that results depend neither on the
        number of replicas nor on threads.
    threads : int, optional
        Default: all processors.
    progress : callable, optional
        Receives replica-steps done and planned.
    executor : concurrent.futures.Executor, optional
        Runs the replicas instead of this process; results are the same to the last bit.

    Raises
    ------
    RequestError
        When there is no strict minimum, the learning rate is not below the critical one,
        arguments are not positive, the run would relax for more than `MOST_RELAXING` steps, the
        records do not fit into memory, or SGD diverges.
    """
    require_counts(steps=steps, replicas=replicas, threads=threads, seed=seed)
    limits = validity(problem)
    require_stable(problem, limits)
    minimum = minimum_of(problem)
    replicas = DEFAULT_REPLICAS if replicas is None else replicas
    slowest = min(relaxation(problem, minimum).slowest, minimum.certificate.hessian_min)
    hidden = simulated_hidden(problem, minimum)
    model = model_of(problem, hidden)
    try:
        vectors, recorded, interrupted = record_networks(
            partial(Block, model, padded_layers(minimum, hidden), seed=seed),
            problem.hidden * sum(problem.teacher.shape),
            (problem.learning_rate, slowest),
            steps,
            blocks_of(replicas, replicas_per_block(model)),
            progress,
            threads,
            executor,
            f" with learning.weight_decay = {problem.weight_decay:g}",
        )
    except Diverged as error:
        raise too_fast(error, problem.learning_rate, limits.critical_rate, "SGD") from error
    silent = problem.hidden - hidden
    first, second = np.split(vectors, [hidden * model.shape.inputs], axis=2)
    first = first.reshape(*vectors.shape[:2], hidden, model.shape.inputs)
    second = second.reshape(*vectors.shape[:2], model.shape.outputs, hidden)
    return Trajectory(
        study=problem.study,
        steps=recorded,
        first_layer=np.pad(first, ((0, 0), (0, 0), (0, silent), (0, 0))),
        second_layer=np.pad(second, ((0, 0), (0, 0), (0, 0), (0, silent))),
        problem=problem,
        seed=seed,
        interrupted=interrupted,
    )


def record_networks(
    made: Callable[[int, int], Networks],
    weights: int,
    rates: tuple[float, float],
    steps: int | None,
    blocks: Sequence[tuple[int, int]],
    progress: Progress | None,
    threads: int | None,
    executor: Executor | None,
    beside: str = "",
) -> tuple[Array, NDArray[np.int64], bool]:
    """Weights ``(records, replicas, weights)``, their steps, and whether an interrupt came.

    Parameters
    ----------
    made : callable
        Networks ``first, ..., first + count - 1``.
    weights : int
        Of one network, as many as are kept.
    rates : tuple of float
        Learning rate, and slowest rate of return per unit of it.
    steps, progress, threads, executor
        As for `simulate`.
    blocks : sequence of (int, int)
        First replica of each, and how many it has.
    beside : str
        What else makes returns slow.
    """
    rate, slowest = rates
    replicas, time = sum(count for _, count in blocks), 1.0 / (rate * slowest)
    burn_in = ceiling(BURN_IN_RELAXATIONS * time)
    if burn_in > MOST_RELAXING:
        raise RequestError(
            "learning.rate",
            f"= {rate:g} is too small to be simulated{beside}: deviations return by {slowest:.2g} "
            f"times the learning rate per step, so that they need {burn_in:.1e} steps to become "
            f"stationary, and at most {MOST_RELAXING} are made; raise "
            + ("one of them" if beside else "it"),
        )
    steps = ceiling(DEFAULT_RELAXATIONS * time) if steps is None else steps
    stride = record_stride(weights, steps, replicas)
    records = steps // stride + 1
    log_stage(f"simulating {counted(replicas, 'replica')} of {burn_in + steps} steps")
    if executor is None:
        # In this thread, where an interrupt ends what compiles; in others it is waited for.
        with suppress(Diverged):
            _record(made, 1, 1, 1, 0, 1)
    parts, interrupted = run_blocks(
        partial(_record, made, burn_in, stride, records),
        blocks,
        Meter(replicas * (burn_in + stride * (records - 1))),
        progress,
        threads=threads,
        executor=executor,
    )
    # After an interrupt some blocks may not have begun: the others keep what they have.
    parts = [part for part in parts if len(part)]
    if not parts:
        raise KeyboardInterrupt
    complete = min(map(len, parts))
    vectors = np.concatenate([part[:complete] for part in parts], axis=1)
    return vectors, stride * np.arange(complete, dtype=np.int64), interrupted


@double_precision()
def _record(
    made: Callable[[int, int], Networks],
    burn_in: int,
    stride: int,
    records: int,
    first: int,
    count: int,
    meter: Meter | None = None,
) -> Array:
    """Weights of some networks, shape ``(records, count, weights)``."""
    meter = Meter(count * (burn_in + stride * (records - 1))) if meter is None else meter
    block, found = made(first, count), []
    for record in range(records):
        if not advance_metered(block, stride if record else burn_in, meter):
            break
        found.append(block.vectors.copy())
    return np.array(found)


def record_stride(weights: int, steps: int, replicas: int) -> int:
    """Steps between records: at most `MOST_RECORDS` of them, and no more than `STORED_BYTES`.

    Parameters
    ----------
    weights : int
        Of one network.
    steps, replicas : int

    Raises
    ------
    RequestError
        When memory does not suffice for the records, held `COPIES` times while they are joined.
    """
    record = 8 * replicas * weights
    records = max(FEWEST_RECORDS, min(MOST_RECORDS, STORED_BYTES // record))
    needed, available = COPIES * record * records, available_memory()
    if needed > available:
        raise RequestError(
            "replicas",
            f"= {replicas} is too many: {records} records of their weights would take "
            f"about {size_needed(needed)} of memory, and {size_left(available)} are available",
        )
    return math.ceil(steps / (records - 1))

"""How fast networks are simulated: by a rough model, on this machine, on any machine."""

from __future__ import annotations

import math
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from symdrift.evaluation.dense.landscape import minimum_of
from symdrift.execution import available_processors
from symdrift.simulation.descent import Shape
from symdrift.simulation.ensemble import Block, replicas_per_block
from symdrift.simulation.lanes import LANES
from symdrift.simulation.setup import model_of, padded_layers, simulated_hidden
from symdrift.study.problem import LearningProblem

MODEL_PROCESSORS = 2
"""Processors of the rough model of the speed."""

FASTEST = 10.0
"""Speed that no machine exceeds, over that of the model; here it is 1 to 4."""


def modelled_speed(shape: Shape) -> float:
    """Replica-steps per second to plan with, on two cores."""
    vectors = 6 * shape.weights * shape.batch + 30 * shape.batch * (shape.inputs + shape.outputs)
    if shape.noisy_synapses:
        vectors += 40 * shape.weights
    return 4e10 / vectors


def highest_speed(problem: LearningProblem, processors: int) -> float:
    """Replica-steps per second that no machine with so many processors exceeds."""
    hidden = simulated_hidden(problem, minimum_of(problem))
    return FASTEST * modelled_speed(model_of(problem, hidden).shape) * processors / MODEL_PROCESSORS


def measured_speed(
    problem: LearningProblem, threads: int | None = None, seconds: float = 0.2
) -> float:
    """Replica-steps per second of this machine for a problem, from a short run."""
    # A small rate: the run is about time, and must not diverge.
    slow = replace(problem, learning_rate=1e-3 * problem.learning_rate)
    minimum = minimum_of(slow)
    hidden = simulated_hidden(slow, minimum)
    model = model_of(slow, hidden)
    threads = available_processors() if threads is None else threads
    count = min(replicas_per_block(model), 16)
    start = padded_layers(minimum, hidden)
    blocks = [Block(model, start, index * count, count, 0) for index in range(threads)]
    # Compilation, or reading it from the cache, is not part of the speed.
    blocks[0].advance(1)
    with ThreadPoolExecutor(threads) as pool:
        begin = time.perf_counter()
        done = sum(pool.map(lambda block: _advance_for(block, begin + seconds), blocks))
        return done / (time.perf_counter() - begin)


def _advance_for(block: Block, end: float) -> int:
    while time.perf_counter() < end:
        block.advance(1000)
    return block.step * block.count


def occupied(replicas: int, processors: int) -> int:
    """Replicas that would take as long with every lane of every processor in use."""
    return LANES * processors * math.ceil(replicas / LANES / processors)

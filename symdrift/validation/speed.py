"""How fast networks are simulated: by a rough model on any machine, as measured on this one."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

from symdrift.evaluation.dense.landscape import minimum_of
from symdrift.execution import available_processors
from symdrift.progress import Progress
from symdrift.simulation.descent import kernel_for
from symdrift.simulation.ensemble import Schedule, measure
from symdrift.simulation.estimators import observables
from symdrift.simulation.lags import compare, follow
from symdrift.simulation.lanes import LANES
from symdrift.simulation.measure import observe
from symdrift.simulation.setup import model_of, rows_of_stimuli, simulated_hidden
from symdrift.study.problem import LearningProblem
from symdrift.validation.rounds import UNITS

MODEL_PROCESSORS = 2
"""Processors of the rough model of the speed."""

FASTEST = 10.0
"""Speed that no machine exceeds, over that of the model; here it is 1 to 4."""

LONG = 1000
"""Windows of a run that is ended when its speed is known."""


def modelled_speed(problem: LearningProblem, processors: int = MODEL_PROCESSORS) -> float:
    """Replica-steps per second to plan with."""
    shape = model_of(problem, simulated_hidden(problem, minimum_of(problem))).shape
    vectors = 6 * shape.weights * shape.batch + 30 * shape.batch * (shape.inputs + shape.outputs)
    if shape.noisy_synapses:
        vectors += 40 * shape.weights
    return 4e10 / vectors * processors / MODEL_PROCESSORS


def compile_for(problem: LearningProblem) -> bool:
    """Compile what a run needs, or read it from the cache of an earlier run.

    Returns
    -------
    bool
        Whether anything was compiled.
    """
    hidden = simulated_hidden(problem, minimum_of(problem))
    kernel: Any = kernel_for(model_of(problem, hidden).shape)
    functions: tuple[Any, ...] = (
        kernel.func if isinstance(kernel, partial) else kernel, observe, compare, follow
    )  # fmt: skip

    def compiled() -> int:
        return sum(sum(function.stats.cache_misses.values()) for function in functions)

    before = compiled()
    _simulate(problem, Schedule(1, 2, 4, 2, 1), 1, 1, None)
    return compiled() > before


def measured_speed(
    problem: LearningProblem, window: int, threads: int | None = None, seconds: float = 0.2
) -> float:
    """Replica-steps per second of this machine for a problem, measurements included.

    Parameters
    ----------
    problem : LearningProblem
        For which everything is compiled.
    window : int
        Steps between measurements.
    threads : int, optional
    seconds : float
        That it may take; longer where nothing can be seen by then.
    """
    processors = available_processors() if threads is None else threads
    replicas = max(UNITS, LANES * processors)
    begin = time.perf_counter()
    speed = 0.0

    def report(done: int, total: int) -> None:
        nonlocal speed
        elapsed = time.perf_counter() - begin
        speed = done / elapsed
        if done and elapsed > seconds:
            raise KeyboardInterrupt

    with suppress(KeyboardInterrupt):
        _simulate(problem, Schedule(1, window, LONG, 1), replicas, threads, report)
    return speed


def _simulate(
    problem: LearningProblem,
    schedule: Schedule,
    replicas: int,
    threads: int | None,
    progress: Progress | None,
) -> None:
    """A run that is about time, at a rate so small that it cannot diverge."""
    slow = replace(problem, learning_rate=1e-3 * problem.learning_rate)
    minimum = minimum_of(slow)
    hidden = simulated_hidden(slow, minimum)
    observed, stimuli = observables(minimum.rank, hidden), rows_of_stimuli(slow)
    measure(
        model_of(slow, hidden), minimum, observed, stimuli, schedule, replicas, 0, threads, progress
    )

"""How fast networks are simulated: by a rough model on any machine, as measured on this one."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from symdrift.evaluation.dense.landscape import minimum_of
from symdrift.execution import available_processors
from symdrift.progress import Progress
from symdrift.simulation.descent import kernel_for
from symdrift.simulation.ensemble import SHORTEST, Schedule, measure
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

UNMEASURED = 3.0
"""Factor by which an ordinary machine may be slower than the model."""

LONG = 1000
"""Windows of a run that is ended when its speed is known."""

SECONDS = 0.07
"""That each of three measurements of the speed may take; longer where nothing is seen by then."""

Simulate = Callable[[Schedule, int, int, int | None, Progress | None], tuple[object, bool]]
"""Simulates: schedule, replicas, seed, threads and progress; says whether it was interrupted."""


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
    at_small_rate(problem)(SHORTEST, 1, 0, 1, None)
    return compiled() > before


@dataclass(frozen=True)
class Speed:
    """Replica-steps per second of a machine, measurements included.

    Attributes
    ----------
    now : float
        By the clock, with what else the machine does.
    alone : float
        By the time of the processors, as if it did nothing else: the same whenever it is asked.
    """

    now: float
    alone: float

    @property
    def share(self) -> float:
        """Of its processors that the machine has to spare."""
        return min(1.0, self.now / self.alone)


def measured_speed(simulate: Simulate, window: int, threads: int | None = None) -> Speed:
    """Of this machine.

    Parameters
    ----------
    simulate : callable
        For which everything is compiled, at a rate so small that nothing diverges.
    window : int
        Steps between measurements.
    threads : int, optional

    Returns
    -------
    Speed
        The middle of three by the clock, and the best by the processors.
    """
    found = [_speed(simulate, window, threads) for _ in range(3)]
    now = sorted(speed.now for speed in found)[1]
    return Speed(now, max(now, *(speed.alone for speed in found)))


def _speed(simulate: Simulate, window: int, threads: int | None) -> Speed:
    processors = available_processors() if threads is None else threads
    replicas = max(UNITS, LANES * processors)
    begin, busy = time.perf_counter(), time.process_time()
    speed, ended = Speed(0.0, 0.0), False

    def report(done: int, total: int) -> None:
        nonlocal speed, ended
        elapsed = time.perf_counter() - begin
        used = max((time.process_time() - busy) / processors, 1e-9)
        speed = Speed(done / elapsed, done / min(elapsed, used))
        if ended := done > 0 and elapsed > SECONDS:
            raise KeyboardInterrupt

    interrupted = True
    with suppress(KeyboardInterrupt):
        _, interrupted = simulate(Schedule(1, window, LONG, 1), replicas, 0, threads, report)
    if interrupted and not ended:
        # By somebody else.
        raise KeyboardInterrupt
    return speed


def at_small_rate(problem: LearningProblem) -> Simulate:
    """Runs that are about time, at a rate so small that they cannot diverge."""
    # Synaptic noise that were kept would turn slow networks far.
    slow = replace(
        problem,
        learning_rate=1e-3 * problem.learning_rate,
        synaptic_noise=1e-9 * problem.synaptic_noise,
    )
    minimum = minimum_of(slow)
    hidden = simulated_hidden(slow, minimum)
    observed, stimuli = observables(minimum.rank, hidden), rows_of_stimuli(slow)
    return partial(measure, model_of(slow, hidden), minimum, observed, stimuli)

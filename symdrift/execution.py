"""Blocks of replicas shared out over threads of this process, or over any executor.

A replica draws from its own stream and blocks are cut by the size of the problem alone, so that
results are the same to the last bit on any number of threads, processes or machines of one
kind.  A block that is lost with its worker is run again.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Executor, Future, ThreadPoolExecutor, wait
from typing import Protocol, TypeVar

from symdrift.errors import RequestError
from symdrift.progress import Progress
from symdrift.quoting import shown

Result = TypeVar("Result")
Result_co = TypeVar("Result_co", covariant=True)

POLL_SECONDS = 0.1

MOST_STEPS = 10**15
"""Steps of one replica; the fastest machine takes a month for them."""

MOST_REPLICAS = 10**9
MOST_THREADS = 1024
MOST_SEED = 2**64 - 1

_LOGGER = logging.getLogger("symdrift")


class Diverged(ArithmeticError):
    """Weights grew without bound; ``step`` is when this was noticed."""

    def __init__(self, step: int) -> None:
        self.step = step
        super().__init__(f"weights grew without bound by step {step}")

    def __reduce__(self) -> tuple[type[Diverged], tuple[int]]:
        """Travels between processes, step included."""
        return Diverged, (self.step,)


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


class BlockTask(Protocol[Result_co]):
    """Runs the replicas ``first, ..., first + count - 1``; can be pickled for an executor."""

    def __call__(self, first: int, count: int, meter: Meter | None = None) -> Result_co:
        """Count steps with the meter, and end early when it asks for that."""


Blocks = Sequence[tuple[int, int]]
"""First replica and number of replicas of each block."""


def run_blocks(
    task: BlockTask[Result],
    blocks: Blocks,
    meter: Meter,
    progress: Progress | None = None,
    *,
    threads: int | None = None,
    executor: Executor | None = None,
) -> tuple[list[Result], bool]:
    """Results of blocks in their order, and whether an interrupt ended the run early.

    Parameters
    ----------
    task : BlockTask
    blocks : sequence of pairs of int
    meter : Meter
    progress : callable, optional
    threads : int, optional
        Threads of this process; default: one per processor.
    executor : concurrent.futures.Executor, optional
        Runs the blocks instead, one at a time per worker.

    Raises
    ------
    Diverged, RequestError
        As the task.
    """
    if executor is None:
        return _in_threads(task, blocks, meter, progress, threads)
    finished, interrupted = _on_executor(task, blocks, meter, progress, executor)
    lost = [block for block in blocks if block not in finished]
    if lost and not interrupted:
        _LOGGER.warning("%d blocks were lost with their workers and are run again here", len(lost))
        again, interrupted = _in_threads(task, lost, meter, progress, threads)
        finished |= dict(zip(lost, again, strict=False))
    return [finished[block] for block in blocks if block in finished], interrupted


def require_counts(
    *,
    steps: int | None = None,
    replicas: int | None = None,
    threads: int | None = None,
    seed: int | None = None,
) -> None:
    """Refuse counts that are not positive, or beyond anything that could be run.

    Raises
    ------
    RequestError
    """
    for field, value, least, most in (
        ("steps", steps, 1, MOST_STEPS),
        ("replicas", replicas, 1, MOST_REPLICAS),
        ("threads", threads, 1, MOST_THREADS),
        ("seed", seed, 0, MOST_SEED),
    ):
        if value is not None and not least <= value <= most:
            problem = f"must be at least {least}" if value < least else f"must be at most {most}"
            raise RequestError(field, f"= {shown(str(value))} {problem}")


def available_processors() -> int:
    """Processors on which this process may run."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _in_threads(
    task: BlockTask[Result],
    blocks: Blocks,
    meter: Meter,
    progress: Progress | None,
    threads: int | None,
) -> tuple[list[Result], bool]:
    interrupted = False
    with ThreadPoolExecutor(available_processors() if threads is None else threads) as pool:
        futures = [pool.submit(task, first, count, meter) for first, count in blocks]
        try:
            _follow(futures, lambda: _show(progress, meter))
        except KeyboardInterrupt:
            interrupted = True
        finally:
            if any(not future.done() for future in futures):
                meter.stopped.set()
                for future in futures:
                    future.cancel()
    return [future.result() for future in futures if not future.cancelled()], interrupted


def _on_executor(
    task: BlockTask[Result],
    blocks: Blocks,
    meter: Meter,
    progress: Progress | None,
    executor: Executor,
) -> tuple[dict[tuple[int, int], Result], bool]:
    """Results of the blocks that came back."""
    futures: dict[tuple[int, int], Future[Result]] = {}
    interrupted = False
    replicas = sum(count for _, count in blocks)

    def show() -> None:
        done = sum(count for (_, count), future in futures.items() if _came_back(future))
        meter.done = meter.total * done // replicas
        _show(progress, meter)

    try:
        for block in blocks:
            futures[block] = executor.submit(task, *block)
        _follow(list(futures.values()), show)
    except KeyboardInterrupt:
        interrupted = True
    except RuntimeError as error:
        # Some executors refuse work once a worker has died.
        _LOGGER.warning("the executor takes no more blocks: %s", error)
    finally:
        for future in futures.values():
            future.cancel()
    for future in futures.values():
        if future.done() and not future.cancelled():
            failure = future.exception()
            if isinstance(failure, Diverged | RequestError):
                raise failure
    return {
        block: future.result() for block, future in futures.items() if _came_back(future)
    }, interrupted


def _came_back(future: Future[Result]) -> bool:
    return future.done() and not future.cancelled() and future.exception() is None


def _follow(futures: Sequence[Future[Result]], show: Callable[[], None]) -> None:
    """Wait for all, or for the first that fails."""
    pending = set(futures)
    while pending:
        done, pending = wait(pending, timeout=POLL_SECONDS, return_when=FIRST_EXCEPTION)
        show()
        if any(future.cancelled() or future.exception() is not None for future in done):
            return


def _show(progress: Progress | None, meter: Meter) -> None:
    if progress is not None:
        progress(meter.done, meter.total)

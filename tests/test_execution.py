"""The same ensemble in threads, processes or a cluster; lost blocks are run again."""

from __future__ import annotations

import multiprocessing
import os
import pickle
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pytest
from simulation_cases import problem

from symdrift.errors import RequestError
from symdrift.evaluation.dense.landscape import minimum_of
from symdrift.execution import Diverged, Meter, run_blocks
from symdrift.simulation import simulate
from symdrift.simulation.ensemble import (
    FEWEST_BLOCKS,
    Schedule,
    blocks_of,
    measure,
    replicas_per_block,
)
from symdrift.simulation.estimators import WindowSums, observables
from symdrift.simulation.setup import model_of

GIVEN = problem([2.0, 1.0, 0.7], weight_decay=0.3, learning_rate=0.005)
SCHEDULE = Schedule(burn_in=500, window=700, windows=9, segments=2)
REPLICAS = 150


def measured(executor: Executor | None = None, threads: int | None = None) -> WindowSums:
    minimum = minimum_of(GIVEN)
    model = model_of(GIVEN, 3)
    observed = observables(3, 3)
    sums, interrupted = measure(
        model, minimum, observed, np.eye(3), SCHEDULE, REPLICAS, 5, threads, executor=executor
    )
    assert not interrupted
    return sums


def assert_identical(left: WindowSums, right: WindowSums) -> None:
    for field in fields(WindowSums):
        assert np.array_equal(getattr(left, field.name), getattr(right, field.name)), field.name


@contextmanager
def processes() -> Iterator[Executor]:
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        yield pool


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_threads_change_no_bit(threads: int) -> None:
    assert_identical(measured(threads=threads), measured(threads=3))


def test_processes_change_no_bit() -> None:
    with processes() as executor:
        assert_identical(measured(executor), measured())


def test_a_pool_of_threads_changes_no_bit() -> None:
    with ThreadPoolExecutor(2) as executor:
        assert_identical(measured(executor), measured())


@pytest.mark.slow
def test_trajectories_on_an_executor_change_no_bit() -> None:
    here = simulate(GIVEN, steps=300, replicas=REPLICAS, seed=4)
    with processes() as executor:
        there = simulate(GIVEN, steps=300, replicas=REPLICAS, seed=4, executor=executor)
    lost = simulate(GIVEN, steps=300, replicas=REPLICAS, seed=4, executor=Unreliable(2, 99))
    for other in (there, lost):
        assert np.array_equal(here.steps, other.steps)
        assert np.array_equal(here.first_layer, other.first_layer)
        assert np.array_equal(here.second_layer, other.second_layer)


@pytest.mark.slow
# Its servers and their sockets are closed late, which is no concern of ours.
@pytest.mark.filterwarnings("ignore")
def test_a_dask_cluster_changes_no_bit() -> None:
    distributed: Any = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        assert_identical(measured(client.get_executor()), measured())


@pytest.mark.parametrize("most", [64, replicas_per_block(model_of(GIVEN, 3))])
def test_blocks_cover_every_replica_once_and_are_no_larger_than_they_may_be(most: int) -> None:
    for replicas in (1, 8, 9, 150, 5000):
        blocks = blocks_of(replicas, most)
        covered = [first + k for first, count in blocks for k in range(count)]
        assert covered == list(range(replicas))
        assert all(first % 8 == 0 and count <= most for first, count in blocks)
    assert len(blocks_of(256, most)) == FEWEST_BLOCKS
    assert blocks_of(64, 64, 2) == [(0, 32), (32, 32)]


@dataclass(frozen=True)
class Numbered:
    """Returns the block; kills the worker that runs the ``fatal`` one, once."""

    home: int
    fatal: int

    def __call__(self, first: int, count: int, meter: Meter | None = None) -> tuple[int, int]:
        if first == self.fatal and os.getpid() != self.home:
            os._exit(1)
        return first, count


def test_a_dead_worker_costs_only_its_block(caplog: pytest.LogCaptureFixture) -> None:
    blocks = [(8 * k, 8) for k in range(6)]
    with processes() as executor:
        results, interrupted = run_blocks(
            Numbered(os.getpid(), 24), blocks, Meter(48), executor=executor
        )
    assert results == blocks
    assert not interrupted
    assert "run again" in caplog.text


class Unreliable(Executor):
    """Runs tasks at once, but loses some and refuses more after so many."""

    def __init__(self, lost: int, refused_from: int) -> None:
        self.submitted = 0
        self._lost, self._refused_from = lost, refused_from

    def submit(self, task: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        if self.submitted >= self._refused_from:
            raise RuntimeError("no more")
        future: Future[Any] = Future()
        if self.submitted == self._lost:
            future.set_exception(ConnectionError("worker gone"))
        else:
            future.set_result(task(*args, **kwargs))
        self.submitted += 1
        return future


@pytest.mark.parametrize(("lost", "refused_from"), [(2, 99), (99, 4), (99, 0)])
def test_lost_and_refused_blocks_change_no_bit(lost: int, refused_from: int) -> None:
    executor = Unreliable(lost, refused_from)
    assert_identical(measured(executor), measured())
    assert executor.submitted > 0 or refused_from == 0


class Interrupting(ThreadPoolExecutor):
    """An interrupt comes while the fourth block is handed out."""

    submitted = 0

    def submit(self, task: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        if self.submitted == 3:
            raise KeyboardInterrupt
        self.submitted += 1
        future = super().submit(task, *args, **kwargs)
        future.exception()
        return future


def test_an_interrupt_keeps_the_blocks_that_came_back() -> None:
    blocks = [(8 * k, 8) for k in range(6)]
    with Interrupting(2) as executor:
        results, interrupted = run_blocks(
            Numbered(os.getpid(), -1), blocks, Meter(48), executor=executor
        )
    assert results == blocks[:3]
    assert interrupted


def test_errors_travel_between_processes_whole() -> None:
    diverged = pickle.loads(pickle.dumps(Diverged(1234)))
    assert diverged.step == 1234
    assert str(diverged) == str(Diverged(1234))
    refused = pickle.loads(pickle.dumps(RequestError("learning.rate", "= 5 is unstable")))
    assert (refused.field, refused.problem) == ("learning.rate", "= 5 is unstable")


def test_divergence_on_an_executor_is_reported_and_not_repeated(
    caplog: pytest.LogCaptureFixture,
) -> None:
    given = problem([3.0, 1.0], weight_decay=0.2, learning_rate=0.116)
    minimum = minimum_of(given)
    # So long a burn-in that no window is read, whose rotations could be refused first.
    schedule = Schedule(burn_in=50_000, window=10, windows=2, segments=1)
    with ThreadPoolExecutor(2) as executor, pytest.raises(Diverged, match=r"by step \d+"):
        measure(
            model_of(given, 2),
            minimum,
            observables(2, 2),
            np.eye(2),
            schedule,
            16,
            5,
            executor=executor,
        )
    assert "run again" not in caplog.text


def test_progress_on_an_executor_reaches_the_end() -> None:
    seen: list[tuple[int, int]] = []
    blocks = [(8 * k, 8) for k in range(6)]
    with ThreadPoolExecutor(2) as executor:
        run_blocks(
            Numbered(os.getpid(), -1),
            blocks,
            Meter(4800),
            lambda done, total: seen.append((done, total)),
            executor=executor,
        )
    assert seen == sorted(seen)
    assert seen[-1] == (4800, 4800)

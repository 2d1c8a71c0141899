"""The random numbers of the simulator are independent standard normals."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import scipy.stats
from simulation_cases import ReferenceStream

from symdrift.simulation.lanes import LANES, compiled, pointer, store
from symdrift.simulation.random import (
    COEFFICIENTS,
    STATE_VECTORS,
    fill_normals,
    next_words,
    replica_streams,
)
from symdrift.study.problem import Array

STEPS = 50_000


@compiled
def draw_words(states: Any, words: Any, steps: int) -> None:
    groups = len(states) // (STATE_VECTORS * LANES)
    source, target = pointer(states), pointer(words)
    for step in range(steps):
        for group in range(groups):
            store(target, step * groups + group, next_words(source, group))


@compiled
def draw_normals(states: Any, coefficients: Any, normals: Any, steps: int) -> None:
    # All pairs at once: their order is that of successive steps.
    fill_normals(pointer(states), 0, pointer(coefficients), pointer(normals), steps)


def words(seed: int, replicas: int, steps: int) -> np.ndarray[Any, np.dtype[np.uint64]]:
    """Shape ``(steps, replicas)``."""
    states = replica_streams(seed, 0, replicas)
    drawn = np.empty(steps * replicas, dtype=np.uint64)
    draw_words(states, drawn, steps)
    return drawn.reshape(steps, replicas)


@pytest.fixture(scope="module")
def normals() -> Array:
    """Shape ``(steps, members of the pair, replicas)``."""
    drawn = np.empty(STEPS * 2 * LANES)
    draw_normals(replica_streams(11, 0, LANES), COEFFICIENTS, drawn, STEPS)
    return drawn.reshape(STEPS, 2, LANES)


def test_words_are_those_of_xoshiro256plusplus() -> None:
    drawn = words(3, 16, 100)
    for replica in (0, 7, 8, 15):
        stream = ReferenceStream(3, replica)
        assert [int(word) for word in drawn[:, replica]] == [stream.word() for _ in range(100)]


def test_normals_are_the_box_muller_transform_of_the_words(normals: Array) -> None:
    for replica in (0, 5):
        expected = ReferenceStream(11, replica).normals(2000).reshape(1000, 2)
        np.testing.assert_allclose(normals[:1000, :, replica], expected, rtol=0, atol=2e-11)


def test_every_bit_is_fair_and_independent_of_its_neighbours() -> None:
    bits = np.unpackbits(words(5, 8, 20_000).view(np.uint8)).reshape(-1, 64).astype(float) - 0.5
    count = len(bits)
    assert np.max(np.abs(bits.mean(axis=0))) < 5 * 0.5 / math.sqrt(count)
    correlation = 4 * bits.T @ bits / count - np.eye(64)
    assert np.max(np.abs(correlation)) < 5 / math.sqrt(count)


def test_bytes_are_uniform() -> None:
    counts = np.bincount(words(6, 8, 20_000).view(np.uint8).ravel(), minlength=256)
    assert 1e-4 < scipy.stats.chisquare(counts).pvalue < 1 - 1e-4


@pytest.mark.parametrize("order", range(1, 9))
def test_moments_to_order_eight(normals: Array, order: int) -> None:
    def moment(k: int) -> float:
        return float(scipy.stats.norm.moment(k))

    error = math.sqrt((moment(2 * order) - moment(order) ** 2) / normals.size)
    assert abs(np.mean(normals**order) - moment(order)) < 4 * error


def test_the_distribution_is_normal_out_to_its_tails(normals: Array) -> None:
    edges = np.concatenate([[-np.inf], np.linspace(-3.5, 3.5, 71), [np.inf]])
    counts, _ = np.histogram(normals, edges)
    expected = np.diff(scipy.stats.norm.cdf(edges)) * normals.size
    assert 1e-4 < scipy.stats.chisquare(counts, expected).pvalue < 1 - 1e-4
    for threshold in (3.0, 4.0, 4.5):
        beyond = np.sum(np.abs(normals) > threshold)
        mean = 2 * scipy.stats.norm.sf(threshold) * normals.size
        assert abs(beyond - mean) < 4 * math.sqrt(mean)


@pytest.mark.parametrize("power", [1, 2])
def test_replicas_members_of_a_pair_and_steps_are_uncorrelated(normals: Array, power: int) -> None:
    series = normals.reshape(STEPS, -1) ** power
    series = (series - series.mean(axis=0)) / series.std(axis=0)
    bound = 5 / math.sqrt(STEPS)
    same_step = series.T @ series / STEPS - np.eye(series.shape[1])
    assert np.max(np.abs(same_step)) < bound
    for lag in (1, 2, 3, 10):
        assert np.max(np.abs(series[lag:].T @ series[:-lag] / (STEPS - lag))) < bound


def test_streams_of_a_replica_do_not_depend_on_its_block() -> None:
    whole = replica_streams(9, 0, 24).reshape(3, STATE_VECTORS, LANES)
    part = replica_streams(9, 8, 8).reshape(1, STATE_VECTORS, LANES)
    assert np.array_equal(whole[1], part[0])
    assert len(np.unique(whole[:, 0])) == 24
    assert not np.any(whole == replica_streams(10, 0, 24).reshape(whole.shape))

"""Displacements summed while a run goes are those of its trajectory, at every lag."""

from __future__ import annotations

import numpy as np
import pytest
from simulation_cases import problem

from symdrift.evaluation.dense import solve_minimum
from symdrift.simulation.ensemble import SHORT_LAGS_EVERY, Block, Schedule, measure
from symdrift.simulation.estimators import measured_displacements, observables
from symdrift.simulation.lags import OVERLAP, Displacements
from symdrift.simulation.setup import Model, model_of
from symdrift.study.problem import Array

COVARIANCE = [[1.5, 0.6], [0.6, 0.8]]
GIVEN = problem(COVARIANCE, np.diag([1.2, 0.8]), weight_decay=0.15, learning_rate=0.01)
MINIMUM = solve_minimum(GIVEN.teacher, GIVEN.input_covariance, 0.15, 2)
STIMULI = np.array([[1.0, 0.0], [0.3, -0.8], [1.0, 2.0]])
REPLICAS = 11


def started() -> tuple[Model, Block]:
    model = model_of(GIVEN, 2)
    return model, Block(model, (MINIMUM.first_layer, MINIMUM.second_layer), 0, REPLICAS, 3)


def trajectory(steps: int) -> Array:
    """Representations after every step, from the layers alone: ``(steps + 1, stimuli, p, R)``."""
    model, block = started()
    recorded = []
    for step in range(steps + 1):
        if step:
            block.advance(1)
        first, _ = model.unpack(block.weights, REPLICAS)
        recorded.append(np.einsum("rpn,sn->spr", first, STIMULI))
    return np.array(recorded)


def squared(moved: Array) -> Array:
    return np.asarray(np.sum(moved**2, axis=-2))


def test_sums_are_those_of_a_stored_trajectory() -> None:
    """Short lags from the beginning of the windows that are interrupted, long ones overlapping."""
    window, windows, doublings = 12, 40, 4
    short = (3, 6)
    model, block = started()
    displacements = Displacements(model, STIMULI, block.weights, REPLICAS, 2, doublings)
    displacements.begin()
    for index in range(windows):
        passed = 0
        if index % 5 == 0:
            for number, lag in enumerate(short):
                block.advance(lag - passed)
                displacements.within_window(number)
                passed = lag
        block.advance(window - passed)
        displacements.end_window()
    sums, pairs = displacements.take()

    stored = trajectory(window * windows)
    starts = stored[::window]
    for number, lag in enumerate(short):
        moved = stored[lag : -1 : 5 * window] - stored[: -1 : 5 * window]
        np.testing.assert_allclose(sums[:, number], squared(moved).sum(axis=0), rtol=1e-9)
        assert np.all(pairs[number] == len(moved))
    for doubling in range(doublings + 1):
        span = 2**doubling
        moved = (starts[span:] - starts[:-span])[:: max(1, span // OVERLAP)]
        np.testing.assert_allclose(sums[:, 2 + doubling], squared(moved).sum(axis=0), rtol=1e-9)
        assert np.all(pairs[2 + doubling] == len(moved))


def test_taking_begins_new_sums_and_beginning_forgets_earlier_windows() -> None:
    model, block = started()
    displacements = Displacements(model, STIMULI, block.weights, REPLICAS, 0, 1)
    displacements.begin()
    for _ in range(3):
        block.advance(5)
        displacements.end_window()
    _, pairs = displacements.take()
    assert pairs[:, 0].tolist() == [3, 2]
    again, none = displacements.take()
    assert np.all(again == 0)
    assert np.all(none == 0)
    displacements.begin()
    block.advance(5)
    displacements.end_window()
    assert displacements.take()[1][:, 0].tolist() == [1, 0]


def test_lags_halve_and_double_the_window_up_to_half_a_segment() -> None:
    schedule = Schedule(burn_in=0, window=100, windows=70, segments=2, halvings=3)
    assert schedule.lags == (12, 25, 50, 100, 200, 400, 800, 1600)
    assert Schedule(burn_in=0, window=100, windows=1, segments=1).lags == (100,)


def test_a_run_counts_what_its_schedule_says_in_every_segment() -> None:
    """Twenty-two windows in two segments: no displacement reaches from one into the other."""
    schedule = Schedule(burn_in=10, window=8, windows=22, segments=2, halvings=1)
    sums, interrupted = measure(
        model_of(GIVEN, 2),
        MINIMUM,
        observables(2, 2),
        STIMULI,
        schedule,
        REPLICAS,
        0,
    )
    assert not interrupted
    assert schedule.lags == (4, 8, 16, 32)
    short = -(-11 // SHORT_LAGS_EVERY)
    expected = np.array([short, 11, 10, 8])
    assert np.array_equal(sums.lag_pairs, np.repeat(expected[:, np.newaxis], 2 * REPLICAS, axis=1))
    curves = measured_displacements(sums, schedule.lags)
    for curve, travelled in zip(curves, sums.travelled, strict=True):
        assert curve.mean == pytest.approx(travelled.sum(axis=1) / (expected * 2 * REPLICAS))


def test_the_curve_needs_memory_in_proportion_to_the_number_of_lags_alone() -> None:
    """Ten thousand times the windows: fourteen more lags, and as many numbers for each."""
    model, block = started()

    def numbers(windows: int) -> int:
        schedule = Schedule(burn_in=0, window=8, windows=windows, segments=1, halvings=3)
        displacements = Displacements(
            model, STIMULI, block.weights, REPLICAS, schedule.halvings, schedule.doublings
        )
        return displacements.take()[0].size // len(schedule.lags)

    assert numbers(100) == numbers(1_000_000) == STIMULI.shape[0] * REPLICAS

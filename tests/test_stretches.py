"""How fast a representation diffuses, read off its means over stretches of a run."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from symdrift.simulation.estimators import Estimate, estimate, observables, sum_windows
from symdrift.simulation.lanes import LANES
from symdrift.simulation.stretches import Stretches, half_stretch
from symdrift.study.problem import Array

WALK, SHAKEN = 4e-4, 0.5
"""Variance that each of two components gains in a window, and by fluctuation."""


def seen(
    rng: np.random.Generator,
    windows: int,
    groups: int,
    steady: float = 0.0,
    half: int = 12,
    along: tuple[float, float] = (1.0, 0.0),
) -> Estimate:
    """Diffusion per window of a vector of length 1 that turns, and is shaken from end to end.

    ``along`` is what is taken to be carried by the rotation.
    """
    shape = (windows, groups, LANES)
    angle = np.cumsum(np.sqrt(WALK) * rng.normal(size=shape) + steady, axis=0)
    clean = np.stack([np.cos(angle), np.sin(angle)], axis=2)[:, :, np.newaxis]
    shaken = clean + np.sqrt(SHAKEN) * rng.normal(size=clean.shape)
    frame = np.stack(
        [np.stack([np.cos(angle), -np.sin(angle)], 2), np.stack([np.sin(angle), np.cos(angle)], 2)],
        axis=2,
    )
    return measured(shaken, frame, angle, half, np.array([along]))


def measured(
    representations: Array, frames: Array, angle: Array, half: int, along: Array
) -> Estimate:
    windows, groups = representations.shape[:2]
    units = groups * LANES
    present, frame = np.zeros_like(representations[0]), np.zeros_like(frames[0])
    stretches = Stretches(present, frame, units, half, along)
    for here, turned in zip(representations, frames, strict=True):
        present[:], frame[:] = here, turned
        stretches.end_window()
    nothing = np.zeros((windows, units))
    sums = sum_windows(
        observables(2, 2), -np.diff(angle, axis=0, prepend=0.0).reshape(windows, 1, units),
        nothing, nothing, np.zeros((1, units)),
        np.zeros((1, 1, units)), np.zeros((1, 0, units)), np.zeros((0, units)), *stretches.take(),
    )  # fmt: skip
    (found,) = estimate(observables(2, 2), sums, 1, 0.0, half, along).stimulus_diffusion
    return found


def test_diffusion_is_found_beneath_a_thousandfold_fluctuation() -> None:
    found = seen(np.random.default_rng(1), 600, 60)
    assert abs(found.value - WALK / 2) < 3.5 * found.standard_error
    assert found.standard_error < 0.1 * WALK / 2


def test_a_steady_rotation_is_no_diffusion() -> None:
    """It turns by as much in a stretch as diffusion does."""
    steady = 0.5 * np.sqrt(WALK / 24)
    found = seen(np.random.default_rng(2), 600, 60, steady)
    assert abs(found.value - WALK / 2) < 3.5 * found.standard_error
    assert found.standard_error < 0.1 * WALK / 2
    assert 24 * steady**2 > 0.2 * WALK


def test_intervals_cover_the_truth_as_often_as_they_say() -> None:
    """Of 400 short runs, in which three stretches fit a few times."""
    rng = np.random.default_rng(3)
    quantile = scipy.stats.t.ppf(0.975, 63)
    runs = [seen(rng, 90, 8) for _ in range(400)]
    covered = np.mean([abs(run.value - WALK / 2) < quantile * run.standard_error for run in runs])
    assert abs(covered - 0.95) < 0.035
    mean = np.mean([run.value for run in runs])
    assert abs(mean - WALK / 2) < 3 * np.std([run.value for run in runs]) / 20


@pytest.mark.parametrize("along", [(1.0, 0.0), (0.8, 0.3)])
def test_what_the_rotation_carries_makes_errors_smaller_and_changes_no_mean(
    along: tuple[float, float],
) -> None:
    """Beside nothing carried; also where the vector in its place is a wrong one."""
    plain = seen(np.random.default_rng(5), 600, 60, half=40, along=(0.0, 0.0))
    runs = [
        seen(np.random.default_rng(seed), 600, 60, half=40, along=along) for seed in range(5, 10)
    ]
    assert all(run.standard_error < 0.7 * plain.standard_error for run in runs)
    mean = np.mean([run.value for run in runs])
    error = np.sqrt(sum(run.standard_error**2 for run in runs)) / len(runs)
    assert abs(mean - WALK / 2) < 3 * error
    assert error < 0.04 * WALK / 2


def test_sums_are_those_of_the_definition() -> None:
    rng = np.random.default_rng(4)
    half, windows = 3, 31
    path = rng.normal(size=(windows, 2, 4, 3, LANES))
    frame = rng.normal(size=(2, 3, 3, LANES))
    present = np.zeros_like(path[0])
    carried_along = rng.normal(size=(4, 3))
    stretches = Stretches(present, frame, 13, half, carried_along)
    for here in path:
        present[:] = here
        stretches.end_window()
    carried, drifted, count = stretches.take()
    squares, moves = np.zeros((4, 2, LANES)), np.zeros((4, 3, 2, LANES))
    starts = range(0, windows - 6 * half + 1, half)
    for start in starts:
        first, second, third = (
            path[start + 2 * half * k : start + 2 * half * (k + 1)].mean(axis=0) for k in range(3)
        )
        for moved, weight in ((third - first, 1), (second - first, -0.5), (third - second, -0.5)):
            squares += weight * np.sum(moved**2, axis=2).swapaxes(0, 1)
        moves += 0.5 * np.einsum("gikl,gsil->skgl", frame, third - first)
    np.testing.assert_allclose(carried[:4], squares.reshape(4, -1)[:, :13], rtol=1e-10)
    np.testing.assert_allclose(drifted[:4], moves.reshape(4, 3, -1)[..., :13], rtol=1e-10)
    # A frame at rest carries nothing anywhere.
    np.testing.assert_allclose(carried[4:], 0.0, atol=1e-20)
    assert count.tolist() == [len(starts)] * 13
    assert not np.any(stretches.take()[0])
    stretches.begin()
    for _ in range(6 * half - 1):
        stretches.end_window()
    assert stretches.take()[2].tolist() == [0.0] * 13


@pytest.mark.parametrize(("ratio", "half"), [(0.0, 1), (1.0, 1), (64.0, 10), (1e9, 20)])
def test_stretches_are_long_where_the_fluctuation_is_large(ratio: float, half: int) -> None:
    assert half_stretch(ratio, 1.0, 125) == half
    assert half_stretch(ratio, 1.0, 8) == 1

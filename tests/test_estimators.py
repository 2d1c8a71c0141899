"""Estimates from windows: unbiased, with standard errors that cover, whatever the window."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
import scipy.stats
from simulation_cases import displacement_curve

from symdrift.simulation.estimators import (
    Estimate,
    Observables,
    WindowSums,
    decay_rates,
    estimate,
    measured_displacements,
    observables,
    sum_windows,
    weighted_mean,
)
from symdrift.study.problem import Array

WINDOW = 50
TRUE_COVARIANCE = np.array([[2.0, 0.6, 0.0], [0.6, 1.0, -0.3], [0.0, -0.3, 0.5]]) * 1e-9
TRUE_MEAN = np.array([3e-7, -1e-7, 0.0])


def rotations(
    rng: np.random.Generator, windows: int, units: int, end_noise: float, mean: Array = TRUE_MEAN
) -> Array:
    """Rotations ``X_k`` with long-run covariance and mean known exactly.

    A random walk, seen with an error at each end of a window: ``X_k = walk + e_{k+1} - e_k``.
    Its variance is ``V T + 2 Var(e)``, its long-run variance ``V T``.
    """
    factor = np.linalg.cholesky(TRUE_COVARIANCE * WINDOW)
    walk = np.einsum("pq,kqu->kpu", factor, rng.normal(size=(windows, 3, units)))
    ends = end_noise * rng.normal(size=(windows + 1, 3, units))
    return np.asarray(walk + np.diff(ends, axis=0) + WINDOW * mean[:, np.newaxis])


def sums_of(observed: Observables, angles: Array) -> WindowSums:
    windows, _, units = angles.shape
    nothing = np.zeros((windows, units))
    return sum_windows(
        observed, angles, nothing, nothing, np.zeros((1, units)), *without_stimuli(units)
    )


def without_stimuli(units: int) -> tuple[Array, ...]:
    """Similarity, displacements, and means over stretches of no stimulus."""
    return (
        np.zeros((0, 0, units)), np.zeros((0, 0, units)), np.zeros((0, units)),
        np.zeros((0, units)), np.zeros((0, 2, units)), np.zeros(units),
    )  # fmt: skip


def within(found: Estimate, truth: float, errors: float = 3.5) -> bool:
    return abs(found.value - truth) <= errors * found.standard_error


def test_planes_are_in_lexicographic_order() -> None:
    assert observables(3, 3).planes == ((1, 2), (1, 3), (2, 3))
    assert observables(1, 1).planes == ()
    assert observables(1, 3).planes == ((1, 2), (1, 3))


@pytest.mark.parametrize("end_noise", [0.0, 3e-4])
def test_the_long_run_covariance_and_mean_are_recovered(end_noise: float) -> None:
    """The error at the ends, here up to 180 % of ``V T``, does not enter."""
    observed = observables(3, 3)
    angles = rotations(np.random.default_rng(1), 400, 200, end_noise)
    found = estimate(observed, sums_of(observed, angles), WINDOW, 0.0)
    for (left, right), entry in zip(observed.pairs, found.covariance, strict=True):
        assert within(entry, TRUE_COVARIANCE[left, right])
        assert entry.standard_error < 0.1e-9
    for plane, entry in enumerate(found.mean_rotation):
        assert within(entry, TRUE_MEAN[plane])


def test_the_variance_of_single_windows_would_be_biased_by_their_ends() -> None:
    """Control: the data of the test above do tell a naive estimate from the true one."""
    angles = rotations(np.random.default_rng(1), 400, 200, 3e-4)
    naive = np.var(angles[:, 0]) / WINDOW
    assert naive > 2.5 * TRUE_COVARIANCE[0, 0]


def test_estimates_do_not_depend_on_the_window_length() -> None:
    observed = observables(3, 3)
    angles = rotations(np.random.default_rng(2), 600, 200, 3e-4)
    joined = angles.reshape(200, 3, 3, 200).sum(axis=1)
    short = estimate(observed, sums_of(observed, angles), WINDOW, 0.0)
    long = estimate(observed, sums_of(observed, joined), 3 * WINDOW, 0.0)
    for one, other in zip(short.covariance, long.covariance, strict=True):
        spread = np.hypot(one.standard_error, other.standard_error)
        assert abs(one.value - other.value) < 3 * spread


def test_decay_rates_are_those_of_the_rotation() -> None:
    """Against ``w' Delta w`` with ``Delta = -1/2 sum V_kk' Omega_k Omega_k'`` written out."""
    generators = np.zeros((3, 3, 3))
    observed = observables(3, 3)
    for plane, (i, j) in enumerate(observed.planes):
        generators[plane, i - 1, j - 1], generators[plane, j - 1, i - 1] = 1.0, -1.0
    delta = -0.5 * np.einsum("kl,kab,lbc->ac", TRUE_COVARIANCE, generators, generators)
    vectors = np.array([[1.0, 0.0, 0.0], [0.3, -1.0, 2.0], [0.0, 0.0, 0.0]])
    angles = rotations(np.random.default_rng(3), 400, 200, 1e-4)
    *found, still = decay_rates(observed, sums_of(observed, angles), WINDOW, vectors)
    assert still == Estimate(0.0, 0.0)
    for w, entry in zip(vectors, found, strict=False):
        expected = float(w @ delta @ w / (w @ w))
        assert within(entry, expected)
        assert entry.standard_error < 0.02 * expected


def test_a_unit_has_the_same_sums_to_the_last_bit_beside_any_others() -> None:
    observed = observables(3, 3)
    angles = rotations(np.random.default_rng(6), 20, 5, 0.0)
    whole = sums_of(observed, angles)
    for unit in range(5):
        alone = sums_of(observed, angles[..., [unit]])
        for each in fields(WindowSums):
            beside = getattr(whole, each.name)[..., [unit]]
            assert np.array_equal(getattr(alone, each.name), beside), each.name


def test_parts_of_a_run_add_up_and_units_stand_side_by_side() -> None:
    observed = observables(3, 3)
    angles = rotations(np.random.default_rng(4), 20, 6, 0.0)
    whole = sums_of(observed, angles)
    beside = sums_of(observed, angles[:, :, :2]).beside(sums_of(observed, angles[:, :, 2:]))
    np.testing.assert_allclose(beside.lagged, whole.lagged, rtol=1e-12)
    halves = sums_of(observed, angles[:10]) + sums_of(observed, angles[10:])
    np.testing.assert_allclose(halves.product, whole.product, rtol=1e-12)
    # The pair of windows across the cut is in neither half.
    assert np.all(halves.neighbours == whole.neighbours - 1)


def test_an_unfinished_unit_counts_with_the_windows_it_has() -> None:
    observed = observables(3, 3)
    angles = rotations(np.random.default_rng(5), 400, 100, 0.0)
    sums = sums_of(observed, angles).beside(sums_of(observed, 100 * angles[:1, :, :50]))
    found = estimate(observed, sums, WINDOW, 0.0)
    assert within(found.covariance[0], TRUE_COVARIANCE[0, 0])


def test_fluctuation_is_the_variance_about_the_mean_displacement() -> None:
    rng = np.random.default_rng(6)
    observed = observables(2, 2)
    shift, deviation = np.array([0.2, -0.1, 0.0, 0.3]), 0.05
    displacement = shift[:, np.newaxis] + deviation * rng.normal(size=(300, 4, 100))
    distance = np.sum(displacement**2, axis=1)
    sums = sum_windows(
        observed,
        np.zeros((300, 1, 100)),
        distance,
        7.0 + distance,
        displacement.sum(axis=0),
        *without_stimuli(100),
    )
    found = estimate(observed, sums, WINDOW, 7.0)
    assert within(found.weight_variance, 4 * deviation**2)
    assert within(found.excess_loss, 4 * deviation**2 + float(shift @ shift))


def test_intervals_of_95_percent_cover_the_truth_in_95_percent_of_runs() -> None:
    """400 short runs with strong end effects; the count is binomial."""
    observed = observables(3, 3)
    rng = np.random.default_rng(7)
    runs, units = 400, 64
    quantile = scipy.stats.t.ppf(0.975, units - 1)
    covered = np.zeros(4)
    for _ in range(runs):
        angles = rotations(rng, 30, units, 2e-4)
        found = estimate(observed, sums_of(observed, angles), WINDOW, 0.0)
        truths = (TRUE_COVARIANCE[0, 0], TRUE_COVARIANCE[0, 1], TRUE_MEAN[0], TRUE_COVARIANCE[2, 2])
        entries = (
            found.covariance[0], found.covariance[1], found.mean_rotation[0], found.covariance[5]
        )  # fmt: skip
        covered += [
            within(entry, truth, quantile) for entry, truth in zip(entries, truths, strict=True)
        ]
    assert np.all(np.abs(covered / runs - 0.95) < 0.03)


def test_a_fast_mean_rotation_does_not_widen_the_error_of_the_variance() -> None:
    """The mean is 40 times larger than in the other tests; the scatter about it is the same."""
    observed = observables(3, 3)
    rng = np.random.default_rng(17)
    errors = []
    for speed in (0.0, 40.0):
        angles = rotations(rng, 30, 400, 1e-4, speed * TRUE_MEAN)
        found = estimate(observed, sums_of(observed, angles), WINDOW, 0.0)
        assert within(found.covariance[0], TRUE_COVARIANCE[0, 0])
        (decay,) = decay_rates(observed, sums_of(observed, angles), WINDOW, np.eye(3)[:1])
        assert within(decay, (TRUE_COVARIANCE[0, 0] + TRUE_COVARIANCE[1, 1]) / 2)
        errors.append((found.covariance[0].standard_error, decay.standard_error))
    np.testing.assert_allclose(errors[1], errors[0], rtol=0.25)


def test_only_the_diagonal_is_estimated_for_many_planes() -> None:
    assert len(observables(4, 4).pairs) == 6 * 7 // 2
    assert observables(6, 6).pairs == tuple((k, k) for k in range(15))


def test_the_weighted_mean_needs_two_units() -> None:
    with pytest.raises(ValueError, match="two independent units"):
        weighted_mean(np.array([1.0, 2.0]), np.array([1.0, 0.0]))


def test_equal_weights_give_the_standard_error_of_the_mean() -> None:
    values = np.random.default_rng(8).normal(size=50)
    found = weighted_mean(values, np.ones(50))
    assert found.value == pytest.approx(values.mean())
    assert found.standard_error == pytest.approx(scipy.stats.sem(values))


def test_displacement_of_a_random_walk_grows_in_proportion_to_time() -> None:
    rng = np.random.default_rng(9)
    walk = np.cumsum(rng.normal(size=(400, 300, 2)), axis=0)
    curve = displacement_curve(10 * np.arange(400), walk)
    # Two components of unit variance per record, ten time units apart.
    assert np.all(np.abs(curve.mean - 0.2 * curve.lags) < 4 * curve.standard_error)
    assert curve.lags[0] == 10.0


def test_displacements_are_weighted_means_over_the_units_that_have_seen_a_lag() -> None:
    """Of a hundred units half were cut short; the longest lag was seen by one alone."""
    rng = np.random.default_rng(10)
    pairs = np.zeros((3, 100))
    pairs[0], pairs[1, :50], pairs[2, 0] = 40.0, 20.0, 1.0
    travelled = np.where(pairs > 0, rng.gamma(np.maximum(pairs, 1.0), 2.0), 0.0)[np.newaxis]
    observed = observables(2, 2)
    nothing = np.zeros((9, 100))
    sums = sum_windows(
        observed,
        np.zeros((9, 1, 100)),
        nothing,
        nothing,
        np.zeros((1, 100)),
        np.zeros((1, 1, 100)),
        travelled,
        pairs,
        *without_stimuli(100)[3:],
    )
    (curve,) = measured_displacements(sums, (5, 10, 20))
    assert curve.lags.tolist() == [5.0, 10.0]
    assert np.all(np.abs(curve.mean - 2.0) < 3.5 * curve.standard_error)
    # Exponential displacements of mean 2: 4000 of them, and 1000.
    np.testing.assert_allclose(curve.standard_error, 2.0 / np.sqrt([4000, 1000]), rtol=0.3)

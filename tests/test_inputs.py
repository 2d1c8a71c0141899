from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from declarations import DISTRIBUTIONS
from hypothesis import given
from hypothesis import strategies as st

from symdrift.errors import RequestError
from symdrift.inputs import (
    Elliptical,
    Gaussian,
    InputDistribution,
    Samples,
    StimulusSet,
)
from symdrift.inputs.distribution import Array

COVARIANCE = np.array([[1.5, 0.6, 0.1], [0.6, 0.8, -0.2], [0.1, -0.2, 0.5]])
STIMULI = np.array([[1.0, 0.0, 0.5], [0.2, -1.0, 0.0], [0.3, 0.4, 2.0], [0.0, 0.0, 0.0]])
PROBABILITIES = np.array([0.4, 0.3, 0.2, 0.1])
EVERY_DISTRIBUTION: list[InputDistribution] = [
    Gaussian(COVARIANCE),
    Elliptical(COVARIANCE, 0.5),
    Elliptical(COVARIANCE, 0.005),
    Elliptical(COVARIANCE, -0.2),
    Elliptical(COVARIANCE, -0.4),
    StimulusSet(STIMULI, PROBABILITIES),
    Samples(STIMULI),
]


def test_every_distribution_is_tested() -> None:
    assert {inputs.kind for inputs in EVERY_DISTRIBUTION} == set(DISTRIBUTIONS)


def name_of(inputs: InputDistribution) -> str:
    return f"{inputs.kind} {inputs.kurtosis}"


def fourth_moments(covariance: Array, scale: float) -> Array:
    """``K_abcd`` index by index: the scaled sum over the three pairings."""
    size = len(covariance)
    moments = np.zeros((size,) * 4)
    for a, b, c, d in product(range(size), repeat=4):
        moments[a, b, c, d] = scale * (
            covariance[a, b] * covariance[c, d]
            + covariance[a, c] * covariance[b, d]
            + covariance[a, d] * covariance[b, c]
        )
    return moments


def contracted(moments: Array, covariance: Array, left: Array, right: Array) -> Array:
    """``Cov[(l.x)(r.x)]`` from the full fourth-moment tensor."""
    second = np.einsum("ka,kb,qc,qd,abcd->kq", left, right, left, right, moments)
    means = np.einsum("ka,kb,ab->k", left, right, covariance)
    return np.asarray(second - np.outer(means, means))


def linear_forms(seed: int) -> tuple[Array, Array]:
    generator = np.random.default_rng(seed)
    return generator.standard_normal((5, 3)), generator.standard_normal((5, 3))


@given(st.integers(0, 1000), st.floats(-0.4, 3))
def test_elliptical_fourth_moment_is_scaled_isserlis(seed: int, kurtosis: float) -> None:
    left, right = linear_forms(seed)
    expected = contracted(fourth_moments(COVARIANCE, 1 + kurtosis), COVARIANCE, left, right)
    measured = Elliptical(COVARIANCE, kurtosis).product_covariance(left, right)
    np.testing.assert_allclose(measured, expected, atol=1e-11)


@given(st.integers(0, 1000))
def test_gaussian_fourth_moment_is_isserlis(seed: int) -> None:
    left, right = linear_forms(seed)
    expected = contracted(fourth_moments(COVARIANCE, 1.0), COVARIANCE, left, right)
    measured = Gaussian(COVARIANCE).product_covariance(left, right)
    np.testing.assert_allclose(measured, expected, atol=1e-11)


def test_stimulus_moments_are_sums_over_the_stimuli() -> None:
    left, right = linear_forms(3)
    moments = np.zeros((3, 3, 3, 3))
    second = np.zeros((3, 3))
    for stimulus, probability in zip(STIMULI, PROBABILITIES, strict=True):
        second += probability * np.outer(stimulus, stimulus)
        moments += probability * np.einsum("a,b,c,d->abcd", *[stimulus] * 4)
    inputs = StimulusSet(STIMULI, PROBABILITIES)
    np.testing.assert_allclose(inputs.covariance, second, atol=1e-15)
    np.testing.assert_allclose(
        inputs.product_covariance(left, right),
        contracted(moments, second, left, right),
        atol=1e-12,
    )


def test_samples_are_equally_probable_stimuli() -> None:
    left, right = linear_forms(4)
    twice = np.vstack([STIMULI[:2], STIMULI[:1], STIMULI[:1]])
    samples = Samples(twice)
    stimuli = StimulusSet(STIMULI[:2], np.array([0.75, 0.25]))
    np.testing.assert_allclose(samples.covariance, stimuli.covariance, atol=1e-15)
    np.testing.assert_allclose(
        samples.product_covariance(left, right),
        stimuli.product_covariance(left, right),
        atol=1e-13,
    )


def test_many_samples_have_the_moments_of_their_distribution() -> None:
    """More rows than fit in one block of the accumulation."""
    rows = Gaussian(COVARIANCE).sample(np.random.default_rng(2), (10_001,))
    left, right = linear_forms(5)
    products = (rows @ left.T) * (rows @ right.T)
    np.testing.assert_allclose(
        Samples(rows).product_covariance(left, right),
        np.cov(products.T, bias=True),
        rtol=1e-10,
        atol=1e-10,
    )


@pytest.mark.parametrize("inputs", EVERY_DISTRIBUTION, ids=name_of)
def test_sampler_has_the_stated_moments(inputs: InputDistribution) -> None:
    """Second moments and the covariance of products, within five standard errors."""
    draws = 200_000
    rows = inputs.sample(np.random.default_rng(11), (draws,))
    pairs = [(a, b) for a in range(3) for b in range(a, 3)]
    left, right = np.eye(3)[[a for a, _ in pairs]], np.eye(3)[[b for _, b in pairs]]
    products = (rows @ left.T) * (rows @ right.T)
    means = np.array([inputs.covariance[a, b] for a, b in pairs])
    error = products.std(axis=0) / np.sqrt(draws)
    assert np.all(np.abs(products.mean(axis=0) - means) <= 5 * error)

    centred = products - means
    squares = np.einsum("tk,tq->tkq", centred, centred)
    error = squares.std(axis=0) / np.sqrt(draws)
    deviation = np.abs(squares.mean(axis=0) - inputs.product_covariance(left, right))
    assert np.all(deviation <= 5 * error)


@pytest.mark.parametrize("inputs", EVERY_DISTRIBUTION, ids=name_of)
def test_sampler_shape_and_reproducibility(inputs: InputDistribution) -> None:
    first = inputs.sample(np.random.default_rng(1), (4, 5))
    assert first.shape == (4, 5, 3)
    np.testing.assert_array_equal(first, inputs.sample(np.random.default_rng(1), (4, 5)))


def test_moments_cannot_be_changed_afterwards() -> None:
    values = COVARIANCE.copy()
    inputs = Gaussian(values)
    values[0, 0] = 9
    assert inputs.covariance[0, 0] == 1.5
    with pytest.raises(ValueError, match="read-only"):
        inputs.covariance[0, 0] = 9


@pytest.mark.parametrize(
    ("covariance", "message"),
    [
        ([[1.0, 0.2], [0.1, 1.0]], "inputs.covariance must be symmetric"),
        ([[1.0, 2.0], [2.0, 1.0]], "inputs.covariance is not positive definite"),
        ([[1.0, 0.0], [0.0, 0.0]], "inputs.covariance is not positive definite"),
        ([[1.0, np.nan], [np.nan, 1.0]], "inputs.covariance must be finite"),
        ([[1.0, 0.0]], "inputs.covariance must be a square matrix"),
    ],
)
def test_impossible_covariances_are_refused(covariance: list[list[float]], message: str) -> None:
    with pytest.raises(RequestError, match=message):
        Gaussian(np.array(covariance))
    with pytest.raises(RequestError, match=message):
        Elliptical(np.array(covariance), 0.1)


@pytest.mark.parametrize("kurtosis", [-0.41, -1.0, 2e6, np.inf, -np.inf, np.nan])
def test_impossible_kurtosis_is_refused(kurtosis: float) -> None:
    with pytest.raises(RequestError, match=r"inputs\.kurtosis"):
        Elliptical(COVARIANCE, kurtosis)


@pytest.mark.parametrize("size", [1, 2, 4, 30])
def test_inputs_of_the_least_kurtosis_have_one_length(size: int) -> None:
    """Uniform on an ellipsoid: ``x' Sigma^-1 x = n``; a limit rounded the wrong way is meant."""
    variances = np.linspace(0.5, 2.0, size)
    covariance, inverse = np.diag(variances), np.diag(1 / variances)
    for kurtosis in (-2 / (size + 2), round(-2 / (size + 2), 11)):
        inputs = Elliptical(covariance, kurtosis)
        rows = inputs.sample(np.random.default_rng(4), (1000,))
        lengths = np.einsum("ka,ab,kb->k", rows, inverse, rows)
        np.testing.assert_allclose(lengths, size, rtol=1e-4)
        # The length does not vary: sum_a x_a^2 / lambda_a has no covariance with anything.
        noise = inputs.product_covariance(np.eye(size), inverse)
        np.testing.assert_allclose(noise.sum(axis=1), 0, atol=1e-8)


def test_kurtosis_zero_is_gaussian_up_to_high_moments() -> None:
    rows = Elliptical(np.eye(2), 0.0).sample(np.random.default_rng(6), (200_000,))
    for order, expected in ((2, 1.0), (4, 3.0), (6, 15.0), (8, 105.0)):
        powers = rows[:, 0] ** order
        assert abs(powers.mean() - expected) < 5 * powers.std() / np.sqrt(len(powers))


@pytest.mark.parametrize(
    ("probabilities", "message"),
    [
        ([0.5, 0.5], "one number for each of the 4 stimuli"),
        ([0.5, 0.4, -0.1, 0.2], "finite and positive"),
        ([0.5, 0.4, 0.1, 0.0], "leave out stimuli that are never shown"),
        ([0.5, 0.5, 0.1, 0.1], "sum to 1.2 and must sum to 1"),
    ],
)
def test_impossible_probabilities_are_refused(probabilities: list[float], message: str) -> None:
    with pytest.raises(RequestError, match=message):
        StimulusSet(STIMULI, np.array(probabilities))


def test_stimuli_that_are_all_zero_are_refused() -> None:
    with pytest.raises(RequestError, match="all zero"):
        StimulusSet(np.zeros((2, 3)), np.array([0.5, 0.5]))


@pytest.mark.parametrize("rows", [np.zeros((3, 2)), np.ones(3), np.array([[1.0, np.inf]])])
def test_impossible_samples_are_refused(rows: Array) -> None:
    with pytest.raises(RequestError, match=r"inputs\.file"):
        Samples(rows)

"""The perturbation series is that of the network; its means are those of theory and simulation."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from exact_perturbation import Chain, exact_means
from simulation_cases import problem

from symdrift.evaluation.dense.landscape import minimum_of
from symdrift.evaluation.evaluate import evaluate
from symdrift.inputs import StimulusSet
from symdrift.simulation.perturbation_means import perturbation_means
from symdrift.simulation.perturbation_series import SeriesBlock
from symdrift.simulation.setup import model_of, rows_of_stimuli, simulated_hidden
from symdrift.study.problem import Array, LearningProblem

REPLICAS = 128

LAG = 50
"""Of displacements."""

SKEWED = StimulusSet(np.array([[1.0, 1.2], [-1.0, 0.8], [0.4, -0.9]]), np.array([0.3, 0.3, 0.4]))


def misaligned(rate: float) -> LearningProblem:
    """A teacher across the axes of its inputs: steady rotation."""
    return problem(
        [[1.5, 0.6], [0.6, 0.8]],
        [[1.2, 0.0], [0.0, 0.8]],
        weight_decay=0.15,
        learning_rate=rate,
    )


def shaken_stimuli(rate: float) -> LearningProblem:
    """Inputs far from Gaussian, noisy labels and synapses, a hidden unit that has nothing else."""
    return problem(
        SKEWED.covariance,
        weight_decay=0.15,
        learning_rate=rate,
        inputs=SKEWED,
        label_noise=0.02,
        hidden=3,
        synaptic_noise=0.0005 * rate**3,
    )


def three_planes() -> tuple[LearningProblem, Chain]:
    """Five stimuli, a teacher across them and a noisy label: all planes turn, and together."""
    rng = np.random.default_rng(5)
    stimuli = rng.normal(size=(5, 3)) * np.linspace(1.4, 0.9, 3)
    inputs = StimulusSet(stimuli, np.array([0.3, 0.2, 0.2, 0.2, 0.1]))
    noise = np.array([0.05, 0.0, 0.0])
    given = problem(
        inputs.covariance,
        1.5 * (np.eye(3) + 0.3 * rng.normal(size=(3, 3))),
        weight_decay=0.15,
        learning_rate=0.05,
        inputs=inputs,
        label_noise=noise,
    )
    normal, weights = np.polynomial.hermite_e.hermegauss(6)
    x = np.repeat(stimuli, len(normal), axis=0)
    labels = x @ given.teacher.T
    labels += np.tile(normal, len(stimuli))[:, np.newaxis] * np.sqrt(noise)
    shares = np.outer(inputs.probabilities, weights / weights.sum()).ravel()
    minimum = minimum_of(given)
    layers = minimum.first_layer, minimum.second_layer
    return given, Chain(given, *layers, x, labels, shares)


def block_of(given: LearningProblem) -> SeriesBlock:
    minimum = minimum_of(given)
    model = model_of(given, simulated_hidden(given, minimum))
    return SeriesBlock(model, minimum, 0, REPLICAS, seed=3)


def left_out(rate: float) -> tuple[float, float]:
    """What the first two orders, and all three, leave of a network after a relaxation time."""
    block = block_of(misaligned(rate))
    for _ in range(2):
        block.advance(round(1 / rate))
        block.end_window()
    own, star, one, two, three = block.states()
    rest = own - star - one - two
    return float(np.sqrt(np.mean(rest**2))), float(np.sqrt(np.mean((rest - three) ** 2)))


def test_each_order_of_the_series_is_a_power_of_the_root_of_the_rate() -> None:
    """A factor of 16 in the rate: 4^3 of what the third order has to add, 4^4 of what it leaves."""
    coarse, fine = left_out(0.008), left_out(0.0005)
    assert coarse[0] / fine[0] == pytest.approx(4**3, rel=0.25)
    assert coarse[1] / fine[1] == pytest.approx(4**4, rel=0.35)


@pytest.mark.parametrize("case", [misaligned, shaken_stimuli])
def test_means_of_the_series_are_the_leading_order_as_the_rate_falls(
    case: Callable[[float], LearningProblem],
) -> None:
    """What they add is of the next order: half of it at half the rate."""

    def added(rate: float) -> Array:
        given = case(rate)
        theory, means = evaluate(given), perturbation_means(given, minimum_of(given), LAG)
        found = [
            means.excess_loss / theory.fluctuation.excess_loss,
            means.weight_variance / theory.fluctuation.weight_variance,
            means.covariance.sum(axis=0)[0, 0] / theory.drift.variances[0],
            means.mean_rotation.sum() / theory.drift.mean_rotation[0],
        ]
        return np.array(found) - 1.0

    coarse, fine = added(2e-4), added(1e-4)
    assert np.all(np.abs(fine) < 5e-3)
    assert np.allclose(fine, 0.5 * coarse, rtol=0.01, atol=1e-8)


@pytest.mark.parametrize("case", [misaligned, pytest.param(shaken_stimuli, marks=pytest.mark.slow)])
def test_means_of_the_series_are_those_of_its_simulation(
    case: Callable[[float], LearningProblem],
) -> None:
    """At a rate so large that what is exact in it tells; each within four standard errors."""
    given = case(0.06)
    means, block = perturbation_means(given, minimum_of(given), LAG), block_of(given)
    window, windows = 2 * LAG, 600
    block.advance(8 * LAG)
    block.end_window()
    stimuli = rows_of_stimuli(given) @ model_of(given, 2).basis
    rotations, variances, displacements = [], [], []
    for _ in range(windows):
        start = block.representations(stimuli)
        block.advance(LAG)
        _, first, second = block.representations(stimuli) - start
        displacements.append(np.sum(first**2 + 2.0 * first * second, axis=2))
        block.advance(window - LAG)
        rotations.append(block.end_window().angles[1:])
        _, _, one, two, _ = block.states()
        variances.append(np.sum(one**2 + 2.0 * one * two, axis=(1, 2)))

    def require(values: Array, mean: float) -> None:
        """Of independent replicas."""
        error = np.std(values) / np.sqrt(REPLICAS - 1)
        assert abs(np.mean(values) - mean) < 4 * error

    def long_run(left: Array, right: Array) -> Array:
        crossed = left[1:] * right[:-1] + left[:-1] * right[1:]
        return np.asarray((np.mean(left * right, axis=0) + np.mean(crossed, axis=0)) / window)

    require(np.mean(variances, axis=0), means.weight_variance)
    for values, mean in zip(np.mean(displacements, axis=0).T, means.displacement, strict=True):
        require(values, mean)
    for plane, orders in enumerate(np.array(rotations).transpose(2, 1, 0, 3)):
        known = means.mean_rotation[:, plane]
        for order, mean in zip(orders, known, strict=True):
            require(np.mean(order, axis=0) / window, mean)
        first, second = orders - window * known[:, np.newaxis, np.newaxis]
        leading, crossed = means.covariance[:, plane, plane]
        require(long_run(first, first), leading)
        require(2.0 * long_run(first, second), crossed)


def test_means_of_the_series_are_exact_in_the_learning_rate() -> None:
    """To the last digits, at a large rate, with planes that turn together."""
    given, chain = three_planes()
    found = perturbation_means(given, minimum_of(given), LAG)
    exact = exact_means(chain, rows_of_stimuli(given), LAG)
    for name, expected in vars(exact).items():
        values = np.asarray(getattr(found, name))
        # The orders of a rotation differ in size: each is held to its own.
        for own, right in zip(np.atleast_1d(values), np.atleast_1d(expected), strict=True):
            assert np.all(np.abs(own - right) < 1e-8 * np.max(np.abs(right))), name

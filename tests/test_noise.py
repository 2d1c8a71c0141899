from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from aligned_examples import AlignedExample, aligned_example

from symdrift.study.problem import Array
from symdrift.theory.linear.gradient_noise import gradient_noise
from symdrift.theory.linear.normal_space import reached_directions

EXAMPLES = {
    "all active": aligned_example(2, 0, 2, 2, 2),
    "silent unit": aligned_example(1, 1, 2, 2, 2),
    "bottleneck": aligned_example(1, 1, 1, 2, 2, slope="0.5"),
    "more inputs": aligned_example(2, 1, 2, 3, 2),
    "more outputs": aligned_example(1, 1, 1, 1, 2),
}
each_example = pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES)


def covariance_by_quadrature(example: AlignedExample) -> Array:
    """Covariance of the gradient over Gauss-Hermite nodes of inputs and label noise.

    Five nodes are exact for polynomials up to degree nine; products of two gradients have
    degree four in the inputs and two in the label noise.
    """
    problem, first, second = example.problem, example.first_layer, example.second_layer
    outputs, inputs = problem.teacher.shape
    nodes, weights = np.polynomial.hermite_e.hermegauss(5)
    weights = weights / weights.sum()
    spread = np.sqrt(np.concatenate([np.diagonal(problem.input_covariance), problem.label_noise]))
    mean, square = 0.0, 0.0
    for picked in product(range(5), repeat=inputs + outputs):
        sample = spread * nodes[list(picked)]
        stimulus, hidden = sample[:inputs], first @ sample[:inputs]
        error = problem.teacher @ stimulus + sample[inputs:] - second @ hidden
        gradient = -np.concatenate(
            [np.outer(second.T @ error, stimulus).ravel(), np.outer(error, hidden).ravel()]
        )
        probability = weights[list(picked)].prod()
        mean = mean + probability * gradient
        square = square + probability * np.outer(gradient, gradient)
    return np.asarray(square - np.outer(mean, mean))


@each_example
def test_gradient_noise_is_exact_quadrature(example: AlignedExample) -> None:
    found = example.array(gradient_noise(example.minimum))
    np.testing.assert_allclose(found, covariance_by_quadrature(example), atol=1e-13)


@each_example
def test_noise_stays_in_the_reached_directions(example: AlignedExample) -> None:
    """Their span has dimension ``r (n + m - r)`` and holds the range of the noise."""
    minimum = example.minimum
    reached = reached_directions(minimum)
    basis = np.hstack([example.array(direction.vector) for direction in reached])
    rank, network = minimum.rank, minimum.network
    assert len(reached) == rank * (network.inputs + network.outputs - rank)
    assert np.linalg.matrix_rank(basis) == len(reached)
    projector = basis @ np.linalg.pinv(basis)
    noise = example.array(gradient_noise(minimum))
    np.testing.assert_allclose(projector @ noise, noise, atol=1e-13)
    assert np.linalg.matrix_rank(noise, tol=1e-10) <= len(reached)


@each_example
def test_reached_directions_are_gradients_of_the_learned_map(example: AlignedExample) -> None:
    """Orthogonal to each other, with squared norm ``s_a + s_b``."""
    minimum = example.minimum
    values = [example.number(direction.singular_value) for direction in minimum.directions]
    reached = reached_directions(minimum)
    basis = np.hstack([example.array(direction.vector) for direction in reached])
    norms = [values[direction.output] + values[direction.input] for direction in reached]
    np.testing.assert_allclose(basis.T @ basis, np.diag(norms), atol=1e-13)
    for direction, norm in zip(reached, norms, strict=True):
        assert example.number(direction.squared_norm) == pytest.approx(norm, rel=1e-14)


def test_one_direction_has_the_noise_of_the_theory() -> None:
    """``C_ii = 2 s (2 E^2 lambda^2 + sigma^2 lambda)`` on ``(1, 1) / sqrt(2)``."""
    example = aligned_example(1, 0, 1, 1, 1)
    variance, value, noise, decay = 2.0, 1.1, 0.3**2, 0.3
    expected = 2 * value * (2 * (decay / variance) ** 2 * variance**2 + noise * variance)
    matrix = example.array(gradient_noise(example.minimum))
    np.testing.assert_allclose(matrix, expected / 2 * np.ones((2, 2)), rtol=1e-13)

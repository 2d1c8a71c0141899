from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
import scipy.optimize
import sympy as sp
from aligned_examples import AlignedExample, aligned_example

from symdrift.algebra.rational import is_zero
from symdrift.derivation.symbols import GAMMA, symbol
from symdrift.study.problem import Array
from symdrift.theory.linear.points import (
    AlignedMinimum,
    active_direction,
    inactive_direction,
    loss_reduction,
)

EXAMPLES = {
    "all active": aligned_example(3, 0, 3, 3, 3),
    "silent unit": aligned_example(2, 1, 3, 3, 3),
    "bottleneck": aligned_example(2, 1, 2, 3, 3, slope="0.5"),
    "more inputs": aligned_example(2, 1, 2, 3, 2),
    "more outputs": aligned_example(2, 1, 2, 2, 3),
}
each_example = pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES)


def loss(example: AlignedExample, first: Array, second: Array) -> float:
    problem = example.problem
    error = problem.teacher - second @ first
    quadratic = np.trace(error @ problem.input_covariance @ error.T) + problem.label_noise.sum()
    decay = problem.weight_decay * (np.sum(first**2) + np.sum(second**2))
    return float(quadratic + decay) / 2


@each_example
def test_the_canonical_point_is_stationary(example: AlignedExample) -> None:
    """For all values of the symbols: the mean gradient vanishes identically."""
    assert all(is_zero(entry) for entry in example.minimum.mean_gradient)


@each_example
def test_loss_on_the_manifold(example: AlignedExample) -> None:
    expected = loss(example, example.first_layer, example.second_layer)
    assert example.number(example.minimum.loss) == pytest.approx(expected, rel=1e-13)


@each_example
def test_no_nearby_or_distant_start_ends_lower(example: AlignedExample) -> None:
    shapes = example.first_layer.shape, example.second_layer.shape
    split = example.first_layer.size

    def flat_loss(flat: Array) -> float:
        return loss(example, flat[:split].reshape(shapes[0]), flat[split:].reshape(shapes[1]))

    generator = np.random.default_rng(1)
    size = split + example.second_layer.size
    best = min(
        scipy.optimize.minimize(flat_loss, generator.standard_normal(size), method="BFGS").fun
        for _ in range(6)
    )
    assert example.number(example.minimum.loss) == pytest.approx(best, rel=1e-9)


@each_example
def test_planes_are_the_rotations_that_move_the_point(example: AlignedExample) -> None:
    """All others leave every weight where it is; dimension ``r p - r (r + 1) / 2``."""
    minimum = example.minimum
    rank, hidden = minimum.rank, minimum.network.hidden
    assert len(minimum.planes) == rank * hidden - rank * (rank + 1) // 2
    for i in range(hidden):
        for j in range(i + 1, hidden):
            moves = not minimum.tangent((i, j)).is_zero_matrix
            assert moves == ((i, j) in minimum.planes)


@each_example
def test_four_kinds_of_directions_are_orthogonal_and_all_there_are(example: AlignedExample) -> None:
    """Rotations, what noise reaches, symmetric matrices, and silent units on axes not learned."""
    first, second = example.first_layer, example.second_layer
    (hidden, inputs), outputs, rank = first.shape, len(second), example.minimum.rank

    def units(*shape: int) -> Array:
        return np.eye(np.prod(shape, dtype=int)).reshape(-1, *shape)

    def flat(pairs: list[tuple[Array, Array]]) -> Array:
        return np.array([[*one.ravel(), *other.ravel()] for one, other in pairs]).reshape(
            -1, hidden * (inputs + outputs)
        )

    matrices = [*units(hidden, hidden)]
    none = np.zeros_like(first), np.zeros_like(second)
    kinds = [
        flat([((x - x.T) @ first, -second @ (x - x.T)) for x in matrices]),
        flat([(second.T @ f, f @ first.T) for f in units(outputs, inputs)]),
        flat([((x + x.T) @ first, -second @ (x + x.T)) for x in matrices]),
        flat(
            [(x, none[1]) for x in units(hidden, inputs) if x[rank:, rank:].any()]
            + [(none[0], x) for x in units(outputs, hidden) if x[rank:, rank:].any()]
        ),
    ]
    silent = hidden - rank
    assert [np.linalg.matrix_rank(kind) if len(kind) else 0 for kind in kinds] == [
        rank * silent + rank * (rank - 1) // 2,
        rank * (inputs + outputs - rank),
        rank * silent + rank * (rank + 1) // 2,
        silent * (inputs + outputs - 2 * rank),
    ]
    for one, other in combinations(kinds, 2):
        assert np.abs(one @ other.T).max(initial=0) < 1e-12
    assert np.linalg.matrix_rank(np.concatenate(kinds)) == hidden * (inputs + outputs)


def test_an_active_direction_loses_weight_decay_over_variance() -> None:
    direction = active_direction("i")
    value, variance = symbol("singular_value", "i"), symbol("input_variance", "i")
    assert direction.active
    assert is_zero(direction.gain - value - GAMMA / variance)
    assert direction.coupling == GAMMA


def test_an_inactive_direction_keeps_its_whole_gain_as_residual() -> None:
    direction = inactive_direction("l")
    gain, variance = symbol("gain", "l"), symbol("input_variance", "l")
    assert not direction.active
    assert direction.residual == direction.gain == gain
    assert direction.coupling == variance * gain


def test_loss_reduction_is_half_variance_times_squared_value() -> None:
    """And it is what a single direction with this gain gains by brute force."""
    reduction = loss_reduction()
    value, variance = symbol("singular_value"), symbol("input_variance")
    assert is_zero(reduction - variance * value**2 / 2)
    gain, decay, strength = 1.3, 0.4, 2.0

    def one_direction(weights: Array) -> float:
        error = gain - weights[0] * weights[1]
        return float(0.5 * strength * error**2 + 0.5 * decay * weights @ weights)

    lowest = scipy.optimize.minimize(one_direction, np.ones(2), tol=1e-12).fun
    numbers = {value: gain - decay / strength, variance: strength}
    assert one_direction(np.zeros(2)) - lowest == pytest.approx(
        float(reduction.subs(numbers)), rel=1e-8
    )


def test_weights_are_balanced_roots_of_singular_values() -> None:
    minimum = AlignedMinimum((active_direction("1"), inactive_direction("2")), 2, 2, 2)
    first = minimum.network.first_layer.xreplace(minimum.weights)
    second = minimum.network.second_layer.xreplace(minimum.weights)
    root = sp.sqrt(symbol("singular_value", "1"))
    assert first == second == sp.ImmutableMatrix([[root, 0], [0, 0]])

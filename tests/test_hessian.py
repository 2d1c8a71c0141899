from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
from aligned_examples import AlignedExample, aligned_example

from symdrift.derivation.symbols import GAMMA, symbol
from symdrift.study.problem import Array
from symdrift.theory.linear.curvature import (
    connected_blocks,
    hessian,
    silent_curvatures,
    unreached_curvature,
)

EXAMPLES = {
    "all active": aligned_example(2, 0, 2, 2, 2),
    "silent unit": aligned_example(2, 1, 3, 3, 3),
    "bottleneck": aligned_example(1, 2, 1, 3, 3, slope="0.5"),
    "more inputs": aligned_example(2, 1, 2, 3, 2),
    "more outputs": aligned_example(2, 1, 2, 2, 3),
}
each_example = pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES)


def gradient(example: AlignedExample, flat: Array) -> Array:
    """Mean gradient of a network written in NumPy: first layer by rows, then second layer."""
    problem = example.problem
    split = example.first_layer.size
    first = flat[:split].reshape(example.first_layer.shape)
    second = flat[split:].reshape(example.second_layer.shape)
    slope = (second @ first - problem.teacher) @ problem.input_covariance
    layers = [(second.T @ slope).ravel(), (slope @ first.T).ravel()]
    return np.concatenate(layers) + problem.weight_decay * flat


def curvature_by_differences(example: AlignedExample) -> Array:
    """Finite differences of the mean gradient, in all weights."""
    point = np.concatenate([example.first_layer.ravel(), example.second_layer.ravel()])
    step = 1e-4
    columns = [
        # The gradient is cubic, so that the fourth-order difference is exact.
        (8 * (gradient(example, point + move) - gradient(example, point - move))
         - gradient(example, point + 2 * move) + gradient(example, point - 2 * move)) / (12 * step)
        for move in step * np.eye(point.size)
    ]  # fmt: skip
    return np.transpose(columns)


@each_example
def test_hessian_is_the_finite_difference_of_the_gradient(example: AlignedExample) -> None:
    found = example.array(hessian(example.minimum))
    np.testing.assert_allclose(found, curvature_by_differences(example), atol=1e-10)


@each_example
def test_the_operator_on_learned_maps_is_the_hessian_on_what_they_reach(
    example: AlignedExample,
) -> None:
    """``H J = J B`` with ``J'`` the derivative of the map ``U W`` by the weights."""
    first, second = example.first_layer, example.second_layer
    changes = [second @ unit.reshape(first.shape) for unit in np.eye(first.size)]
    changes += [unit.reshape(second.shape) @ first for unit in np.eye(second.size)]
    reach = np.array([change.ravel() for change in changes])
    curved = reach @ example.array(example.minimum.curvature)
    np.testing.assert_allclose(curvature_by_differences(example) @ reach, curved, atol=1e-10)


@each_example
def test_the_null_space_is_spanned_by_rotations(example: AlignedExample) -> None:
    """Numbers for the rank, exact zeros for the tangent vectors."""
    minimum = example.minimum
    matrix = hessian(minimum)
    for plane in minimum.planes:
        assert (matrix * minimum.tangent(plane)).applyfunc(sp.cancel).is_zero_matrix
    spectrum = np.linalg.eigvalsh(example.array(matrix))
    assert np.sum(np.abs(spectrum) < 1e-12) == len(minimum.planes)
    assert spectrum[len(minimum.planes)] > 0.01


@pytest.mark.parametrize(
    ("links", "blocks"),
    [
        ([], ((0,), (1,), (2,), (3,), (4,))),
        ([(0, 3)], ((0, 3), (1,), (2,), (4,))),
        # A chain that only closes through its last link.
        ([(0, 4), (1, 3), (3, 4)], ((0, 1, 3, 4), (2,))),
        ([(0, 1), (2, 3), (1, 2), (3, 4)], ((0, 1, 2, 3, 4),)),
        ([(4, 2), (3, 1)], ((0,), (1, 3), (2, 4))),
    ],
)
def test_connected_blocks(
    links: list[tuple[int, int]], blocks: tuple[tuple[int, ...], ...]
) -> None:
    matrix = sp.zeros(5, 5)
    for a, b in links:
        matrix[a, b] = matrix[b, a] = sp.Symbol("c")
    assert connected_blocks([sp.ImmutableMatrix(matrix)]) == blocks


def test_blocks_join_what_any_of_the_matrices_couples() -> None:
    one, other = sp.zeros(3, 3), sp.zeros(3, 3)
    one[0, 1] = one[1, 0] = 1
    other[1, 2] = other[2, 1] = 1
    matrices = [sp.ImmutableMatrix(one), sp.ImmutableMatrix(other)]
    assert connected_blocks(matrices[:1]) == ((0, 1), (2,))
    assert connected_blocks(matrices) == ((0, 1, 2),)


def test_unreached_curvature_is_an_eigenvalue_off_the_gradients_of_the_map() -> None:
    """The antisymmetric change of both layers, ``(dW, dU)`` with ``dU W + U dW = 0``."""
    example = aligned_example(2, 0, 2, 2, 2)
    matrix = example.array(hessian(example.minimum))
    first, second = example.first_layer, example.second_layer
    # Columns: derivative of the map U W by each weight.
    by_first = [second @ unit.reshape(2, 2) for unit in np.eye(4)]
    by_second = [unit.reshape(2, 2) @ first for unit in np.eye(4)]
    derivative = np.array([change.ravel() for change in by_first + by_second]).T
    _, _, right = np.linalg.svd(derivative)
    kernel = right[4:]
    restricted = np.linalg.eigvalsh(kernel @ matrix @ kernel.T)
    # One rotation, and three directions in which the map stands still but weights grow.
    assert restricted[0] == pytest.approx(0, abs=1e-12)
    np.testing.assert_allclose(restricted[1:], example.number(unreached_curvature()), rtol=1e-12)


def test_the_unreached_curvature_is_also_that_of_active_axes_with_silent_units() -> None:
    """Two learned axes of three and two silent units: as often as symmetric matrices count."""
    example = aligned_example(2, 1, 4, 3, 3)
    values = np.linalg.eigvalsh(curvature_by_differences(example))
    decay = example.problem.weight_decay
    found = np.count_nonzero(np.abs(values - 2 * decay) < 1e-6)
    learned, silent = 2, 2
    assert found == learned * (learned + 1) // 2 + learned * silent == 7


def test_silent_curvatures_are_those_of_two_weights() -> None:
    """``-lambda a u w + gamma (u^2 + w^2) / 2`` has curvatures ``gamma -+ lambda a``."""
    lower, upper = silent_curvatures()
    strength = symbol("input_variance", "l") * symbol("gain", "l")
    expected = np.linalg.eigvalsh([[0.5, -0.2], [-0.2, 0.5]])
    numbers = {GAMMA: 0.5, symbol("input_variance", "l"): 0.8, symbol("gain", "l"): 0.25}
    found = [float(value.subs(numbers)) for value in (lower, upper)]
    np.testing.assert_allclose(found, expected, rtol=1e-14)
    assert sp.expand(lower.subs(GAMMA, strength)) == 0

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
import sympy as sp
from aligned_examples import AlignedExample, aligned_example
from hypothesis import given
from hypothesis import strategies as st

from symdrift.algebra.equations import solve_lyapunov, solve_sylvester
from symdrift.evaluation import dense
from symdrift.study.problem import Array
from symdrift.theory.linear.normal_space import NormalSpace

EXAMPLES = {
    "all active": aligned_example(3, 0, 3, 3, 3),
    "silent unit": aligned_example(2, 1, 3, 3, 3),
    "bottleneck": aligned_example(2, 1, 2, 3, 3, slope="0.5"),
    "more inputs": aligned_example(2, 1, 2, 3, 2),
    "more outputs": aligned_example(2, 1, 2, 2, 3),
}
each_example = pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES)
SEEDS = st.integers(0, 2**32 - 1)


def positive_matrix(generator: np.random.Generator, size: int) -> Array:
    mixing = generator.standard_normal((size, size))
    return np.asarray(mixing @ mixing.T + 0.1 * np.eye(size))


def floats(matrix: sp.MatrixBase) -> Array:
    return np.array(matrix, dtype=float)


@given(SEEDS, st.sampled_from([1, 2]))
def test_lyapunov_equation_against_scipy(seed: int, size: int) -> None:
    generator = np.random.default_rng(seed)
    operator, source = positive_matrix(generator, size), positive_matrix(generator, size)
    found = solve_lyapunov(sp.Matrix(operator), sp.Matrix(source))
    expected = scipy.linalg.solve_continuous_lyapunov(operator, source)
    np.testing.assert_allclose(floats(found), expected, atol=1e-9 * np.abs(expected).max())


@given(SEEDS, st.sampled_from([1, 2]), st.sampled_from([1, 2]))
def test_sylvester_equation_against_scipy(seed: int, rows: int, columns: int) -> None:
    """Any pair of sizes; the source need not be square."""
    generator = np.random.default_rng(seed)
    left, right = positive_matrix(generator, rows), positive_matrix(generator, columns)
    source = generator.standard_normal((rows, columns))
    found = solve_sylvester(sp.Matrix(left), sp.Matrix(right), sp.Matrix(source))
    expected = scipy.linalg.solve_sylvester(left, right, source)
    np.testing.assert_allclose(floats(found), expected, atol=1e-9 * np.abs(expected).max())


def whole_fluctuation(example: AlignedExample, space: NormalSpace) -> Array:
    """``Gamma`` on all weights, put together from the blocks."""
    total = np.zeros(space.hessian.shape)
    for block in space.blocks:
        basis = example.array(block.basis)
        total += (
            basis @ example.array(block.fluctuation) @ basis.T / example.number(block.squared_norm)
        )
    return total


@each_example
def test_blocks_solve_the_equation_on_all_weights(example: AlignedExample) -> None:
    """``H Gamma + Gamma H = eta C`` with the full Hessian and the full noise."""
    space = NormalSpace(example.minimum)
    hessian, noise = example.array(space.hessian), example.array(space.noise)
    gamma = whole_fluctuation(example, space)
    rate = example.problem.learning_rate
    np.testing.assert_allclose(
        hessian @ gamma + gamma @ hessian, rate * noise, atol=1e-13 * rate * np.abs(noise).max()
    )


@each_example
def test_total_fluctuation_is_that_of_full_matrices(example: AlignedExample) -> None:
    space = NormalSpace(example.minimum)
    full = dense.evaluate(example.problem).fluctuation
    gamma = whole_fluctuation(example, space)
    assert np.trace(gamma) == pytest.approx(full.weight_variance, rel=1e-11)
    excess = np.trace(example.array(space.hessian) @ gamma) / 2
    assert excess == pytest.approx(full.excess_loss, rel=1e-11)


@each_example
def test_blocks_hold_at_most_the_two_directions_of_a_pair(example: AlignedExample) -> None:
    space = NormalSpace(example.minimum)
    network = example.minimum.network
    found = set()
    for block in space.blocks:
        members = {(direction.output, direction.input) for direction in block.directions}
        assert len(members) == len(block.directions)
        assert len({frozenset(pair) for pair in members}) == 1
        found |= members
    rank = example.minimum.rank
    expected = {
        (a, b)
        for a in range(network.outputs)
        for b in range(network.inputs)
        if a < rank or b < rank
    }
    assert found == expected

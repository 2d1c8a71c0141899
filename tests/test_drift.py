from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
from aligned_examples import AlignedExample, aligned_example
from scipy.linalg import solve_sylvester

from symdrift.algebra.matrices import evaluate_matrix
from symdrift.algebra.rational import is_zero
from symdrift.derivation.symbols import ETA
from symdrift.derivation.vocabulary import (
    BLOCK_HESSIAN,
    CENTRED_NOISE,
    COLOURED,
    CORRECTOR,
    HESSIAN,
    NEXT_NORMAL,
    NORMAL,
)
from symdrift.evaluation import dense
from symdrift.theory.area import _corrector
from symdrift.theory.block_solutions import OF_TWO_BLOCKS
from symdrift.theory.linear.curvature import hessian
from symdrift.theory.linear.normal_space import NormalSpace
from symdrift.theory.linear.stochastic_area import (
    couplings,
    mean_rotation,
    rotation_variance,
)

EXAMPLES = {
    "two directions": aligned_example(2, 0, 2, 2, 2),
    "all active": aligned_example(3, 0, 3, 3, 3),
    "silent unit": aligned_example(2, 1, 3, 3, 3),
    "bottleneck": aligned_example(2, 1, 2, 3, 3, slope="0.5"),
    "more inputs": aligned_example(2, 1, 2, 3, 2),
    "more outputs": aligned_example(2, 1, 2, 2, 3),
}
each_example = pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES)


@each_example
def test_explicit_network_drifts_like_full_matrices(example: AlignedExample) -> None:
    """Every plane of every example; a plane with a silent unit does not turn at all."""
    space = NormalSpace(example.minimum)
    full = dense.evaluate(example.problem).drift
    variances = dict(zip(full.planes, np.diagonal(full.covariance), strict=True))
    assert len(variances) == example.minimum.rank * (example.minimum.rank - 1) // 2
    for plane in example.minimum.planes:
        found = example.number(rotation_variance(space, plane))
        expected = variances.get((plane[0] + 1, plane[1] + 1), 0.0)
        assert found == pytest.approx(expected, rel=1e-11)


def test_rows_and_columns_of_the_solution_are_those_that_the_derivation_says() -> None:
    """Rotation and its Sylvester solution of full matrices, between two blocks, both ways."""
    example = EXAMPLES["all active"]
    minimum = example.minimum
    i, j, l = range(3)
    values = [example.number(axis.singular_value) for axis in minimum.directions]
    full, turn = (
        example.array(matrix) for matrix in (hessian(minimum), minimum.network.rotation(i, j))
    )
    vectors = {
        (a, b): example.array(minimum.reach[:, 3 * a + b]).ravel() / np.sqrt(values[a] + values[b])
        for a in range(3)
        for b in range(3)
    }
    basis = np.array(list(vectors.values())).T
    curved, rotated = basis.T @ full @ basis, basis.T @ turn @ basis
    solved = basis @ solve_sylvester(curved, curved, 2 * rotated @ curved) @ basis.T
    first, second = (np.array([vectors[k, l], vectors[l, k]]).T for k in (i, j))
    overlap = np.sqrt(values[i] * values[j] / ((values[i] + values[l]) * (values[j] + values[l])))
    one, other = first.T @ full @ first, second.T @ full @ second
    left, right = (solve_sylvester(one, other, 2 * side) for side in (other, one))
    np.testing.assert_allclose(first.T @ turn @ second, overlap * np.eye(2), atol=1e-14)
    np.testing.assert_allclose(first.T @ solved @ second, overlap * left, rtol=1e-12)
    np.testing.assert_allclose(second.T @ solved @ first, -overlap * right.T, rtol=1e-12)
    roots, minus = np.linalg.eigvalsh(one), -np.linalg.eigvalsh(other)
    blocks = {BLOCK_HESSIAN["il"]: one, BLOCK_HESSIAN["jl"]: other}
    shown = evaluate_matrix(
        OF_TWO_BLOCKS.resultant, {key: sp.ImmutableMatrix(block) for key, block in blocks.items()}
    )
    product = np.prod([root - value for root in roots for value in minus])
    assert float(shown) == pytest.approx(product, rel=1e-12)


def test_a_step_rotates_by_what_the_derivation_shows_of_it() -> None:
    """Stored and kicked area, with the mean that is left, of the network of a full teacher."""
    rng = np.random.default_rng(7)
    size, rate = 4, 0.01
    curved, shaken = (part @ part.T + np.eye(size) for part in rng.standard_normal((2, 4, 4)))
    turn = rng.standard_normal((size, size))
    turn -= turn.T
    corrector = solve_sylvester(curved, curved, (curved @ turn - turn @ curved) / 2)
    fluctuation = solve_sylvester(curved, curved, rate * shaken)
    (shown,) = (e for e in _corrector().equations if e.label == "martingale")
    deviation, kick = rng.standard_normal((2, size, 1))
    after = deviation - rate * (curved @ deviation + kick)
    entries = {
        HESSIAN: curved, CORRECTOR: corrector, COLOURED: turn - 2 * corrector,
        NORMAL: deviation, NEXT_NORMAL: after, CENTRED_NOISE: kick,
    }  # fmt: skip
    known = {key: sp.ImmutableMatrix(value) for key, value in entries.items()}
    found = float(evaluate_matrix(shown.expression.rhs, known).subs(ETA, rate))
    swept = -((after - deviation).T @ turn @ deviation).item()
    assert found == pytest.approx(swept, rel=1e-11)
    # Its mean is the one of the last term, and no other has a mean.
    steady = rate * np.trace(curved @ turn @ fluctuation)
    assert rate**2 * np.trace(corrector @ shaken) == pytest.approx(steady, rel=1e-11)
    assert abs(steady) > 1e-6


@each_example
def test_white_noise_replaces_only_the_coloured_rotation(example: AlignedExample) -> None:
    space = NormalSpace(example.minimum)
    full = dense.evaluate(example.problem, "white").drift
    for (i, j), expected in zip(full.planes, np.diagonal(full.covariance), strict=True):
        plane = (i - 1, j - 1)
        area = sum(coupling.white_area_variance for coupling in couplings(space, plane))
        length = example.number(space.minimum.metric(plane))
        found = example.problem.learning_rate**2 * example.number(area) / length**2
        assert found == pytest.approx(expected, rel=1e-11)


@each_example
def test_metric_is_twice_the_sum_of_singular_values(example: AlignedExample) -> None:
    space = NormalSpace(example.minimum)
    values = [example.number(d.singular_value) for d in example.minimum.directions]
    for i, j in example.minimum.planes:
        length = example.number(space.minimum.metric((i, j)))
        assert length == pytest.approx(2 * (values[i] + values[j]), rel=1e-14)


@each_example
def test_aligned_gaussian_networks_do_not_rotate_on_average(example: AlignedExample) -> None:
    space = NormalSpace(example.minimum)
    assert example.minimum.planes
    assert all(is_zero(mean_rotation(space, plane)) for plane in example.minimum.planes)


def test_a_rotation_couples_the_blocks_of_its_two_axes_and_no_others() -> None:
    """``(i, l)`` with ``(j, l)`` for every ``l``, both ways."""
    space = NormalSpace(EXAMPLES["all active"].minimum)
    for i, j in space.minimum.planes:
        for coupling in couplings(space, (i, j)):
            left, right = (
                {d.output for d in block.directions} | {d.input for d in block.directions}
                for block in (coupling.left, coupling.right)
            )
            assert i in left | right
            assert j in left | right
            # What one side has besides i and j, the other has too.
            assert left - {i, j} == right - {i, j}

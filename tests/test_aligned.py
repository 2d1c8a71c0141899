from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
from aligned_examples import AlignedExample, aligned_example, representative

from symdrift.algebra.rational import is_zero
from symdrift.derivation.symbols import ETA, GAMMA, symbol
from symdrift.evaluation import dense
from symdrift.theory.linear.aligned import renaming
from symdrift.theory.linear.normal_space import NormalSpace
from symdrift.theory.linear.points import Direction
from symdrift.theory.linear.stochastic_area import rotation_variance

LARGER = {
    "five active": aligned_example(5, 0, 6, 5, 5),
    "two left out": aligned_example(3, 2, 3, 5, 5, slope="0.5"),
    "silent units": aligned_example(3, 2, 5, 5, 5),
}


@pytest.mark.slow
@pytest.mark.parametrize("example", LARGER.values(), ids=LARGER)
def test_sub_networks_of_three_make_up_a_network_of_five(example: AlignedExample) -> None:
    full = dense.evaluate(example.problem).drift
    for (i, j), expected in zip(full.planes, np.diagonal(full.covariance), strict=True):
        variance = representative().rotation_variance(example.minimum.directions, i - 1, j - 1)
        assert example.number(variance) == pytest.approx(expected, rel=1e-11)


def test_white_noise_terms_make_up_the_white_noise_approximation() -> None:
    example = LARGER["two left out"]
    directions = example.minimum.directions
    full = dense.evaluate(example.problem, "white").drift
    drift = representative()
    for (first, second), expected in zip(full.planes, np.diagonal(full.covariance), strict=True):
        i, j = directions[first - 1], directions[second - 1]
        area = drift.own_term.white_noise.xreplace(renaming(i=i, j=j))
        area += drift.own_term.white_noise.xreplace(renaming(i=j, j=i))
        for l in directions:
            if l not in (i, j):
                area += drift.other_term.white_noise.xreplace(renaming(i=i, j=j, l=l))
        length = drift.squared_length.xreplace(renaming(i=i, j=j))
        assert example.number(ETA**2 * area / length**2) == pytest.approx(expected, rel=1e-11)


@pytest.mark.slow
@pytest.mark.parametrize("inactive", [0, 1])
def test_sum_over_indices_equals_the_explicit_network_exactly(inactive: int) -> None:
    """At rational numbers, without rounding: the two ways give the same fraction."""
    example = aligned_example(3 - inactive, inactive, 3 - inactive, 3, 3, slope="0.5")
    space = NormalSpace(example.minimum)
    for plane in example.minimum.planes:
        summed = representative().rotation_variance(example.minimum.directions, *plane)
        explicit = rotation_variance(space, plane)
        one, other = (value.xreplace(dict(example.values)) for value in (summed, explicit))
        assert one.is_Rational
        assert one > 0
        assert one == other


@pytest.mark.slow
def test_sum_over_indices_equals_the_explicit_network_identically() -> None:
    """For all values of the symbols."""
    example = aligned_example(2, 1, 2, 3, 3)
    space = NormalSpace(example.minimum)
    summed = representative().rotation_variance(example.minimum.directions, 0, 1)
    assert is_zero(rotation_variance(space, (0, 1)) - summed)


def test_blocks_are_those_of_the_theory() -> None:
    """``H_il`` with ``-kappa = -lambda_l E_l`` off the diagonal, and ``H_ii = 2 s lambda``."""
    s_i, s_l = symbol("singular_value", "i"), symbol("singular_value", "l")
    variance_i, variance_l = symbol("input_variance", "i"), symbol("input_variance", "l")
    residual_l = symbol("residual_map", "l")
    pair, own = representative().pair_block, representative().diagonal_block
    expected = sp.Matrix(
        [
            [(s_i + s_l) * variance_l + GAMMA, -variance_l * residual_l],
            [-variance_l * residual_l, (s_i + s_l) * variance_i + GAMMA],
        ]
    )
    assert (sp.Matrix(pair.hessian) - expected).applyfunc(sp.expand).is_zero_matrix
    assert is_zero(own.hessian[0] - 2 * s_i * variance_i)


def test_noise_is_that_of_the_theory() -> None:
    """``C_il`` and ``C_ii`` of Gaussian inputs with ``E_i = gamma / lambda_i``."""
    s_i, s_l = symbol("singular_value", "i"), symbol("singular_value", "l")
    variance_i, variance_l = symbol("input_variance", "i"), symbol("input_variance", "l")
    noise_i, noise_l = symbol("label_noise", "i") ** 2, symbol("label_noise", "l") ** 2
    e_i, e_l = GAMMA / variance_i, symbol("residual_map", "l")
    pair, own = representative().pair_block, representative().diagonal_block
    signal = variance_i * variance_l
    expected = (s_i + s_l) * sp.Matrix(
        [
            [signal * e_i**2 + noise_i * variance_l, signal * e_i * e_l],
            [signal * e_i * e_l, signal * e_l**2 + noise_l * variance_i],
        ]
    )
    assert (sp.Matrix(pair.noise) - expected).applyfunc(sp.expand).is_zero_matrix
    assert is_zero(own.noise[0] - 2 * s_i * (2 * GAMMA**2 + noise_i * variance_i))


def test_renaming_replaces_all_symbols_of_an_index() -> None:
    numbers = Direction("1", *(sp.Integer(k) for k in (2, 9, 5, 7)))
    term = representative().other_term.exact.xreplace(renaming(i=numbers, j=numbers, l=numbers))
    assert term.free_symbols <= {ETA, GAMMA}

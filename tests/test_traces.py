"""Polynomials that single out no axis, against the same ones written out in explicit matrices."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import numpy as np
import pytest

from symdrift.algebra.series import Series, exponential, logarithm
from symdrift.algebra.traces import (
    Sizes,
    TracePolynomial,
    antisymmetric,
    matrix,
    sample_input,
    sample_noise,
    symmetric,
)

RANDOM = np.random.default_rng(5)
INPUTS, NOISE = 2, Fraction(9, 4)
SIZES = Sizes(Fraction(INPUTS), Fraction(1), NOISE)
HALVES = Sizes(Fraction(INPUTS), Fraction(1, 2), NOISE)


def known(seed: int) -> dict[str, np.ndarray]:
    """A symmetric and an antisymmetric matrix, and the identity."""
    one, other = np.random.default_rng(seed).normal(size=(2, INPUTS, INPUTS))
    return {"s": one + one.T, "A": other - other.T, "": np.eye(INPUTS)}


MATRICES = known(3)
VECTORS = RANDOM.normal(size=(4, INPUTS, 1))


def written_out(
    value: TracePolynomial,
    vectors: np.ndarray = VECTORS,
    matrices: dict[str, np.ndarray] = MATRICES,
) -> np.ndarray:
    found = value.written_out(matrices, list(vectors), float)
    return np.asarray(0.0 if found is None else found)


def sample(sizes: Sizes = SIZES) -> TracePolynomial:
    """``x x'`` and ``epsilon x'``."""
    x = sample_input(sizes)
    return x @ x.T + sample_noise(sizes) @ x.T


def both(sizes: Sizes = SIZES) -> TracePolynomial:
    return matrix("s", sizes) + 2 * matrix("A", sizes)


X, EPSILON = VECTORS[:2]
PLAIN_SAMPLE = X @ X.T + EPSILON @ X.T
PLAIN_BOTH = MATRICES["s"] + 2 * MATRICES["A"]


def test_products_transposes_and_traces_are_those_of_the_matrices() -> None:
    found = both() @ sample() @ both().T
    plain = PLAIN_BOTH @ PLAIN_SAMPLE @ PLAIN_BOTH.T
    for one, other in (
        (found, plain),
        (found.T, plain.T),
        (found.trace(), np.trace(plain)),
        (symmetric(found), (plain + plain.T) / 2),
        (antisymmetric(found), (plain - plain.T) / 2),
        ((both() @ both() @ both()).trace(), np.trace(PLAIN_BOTH @ PLAIN_BOTH @ PLAIN_BOTH)),
    ):
        np.testing.assert_allclose(written_out(one), other, atol=1e-12)


def test_what_vanishes_has_no_terms() -> None:
    s, a, x = matrix("s", SIZES), matrix("A", SIZES), sample_input(SIZES)
    for zero in (a, s @ a, s @ s @ a @ s, x @ x.T @ s @ a @ s):
        assert not zero.trace()
    assert matrix("", SIZES).trace().constant() == INPUTS


def averaged(function: TracePolynomial) -> np.ndarray:
    """By Gauss and Hermite's rule, exactly for this degree."""
    points, weights = np.polynomial.hermite_e.hermegauss(4)
    total = np.zeros(())
    for places in product(range(4), repeat=2 * INPUTS):
        x, epsilon = points[[*places]].reshape(2, INPUTS)
        vectors = np.array([x, float(NOISE) ** 0.5 * epsilon] * 3)[:, :, np.newaxis]
        total = total + np.prod(weights[[*places]]) * written_out(function, vectors)
    return np.asarray(total / weights.sum() ** (2 * INPUTS))


@pytest.mark.parametrize("factors", [1, 2, 3])
def test_means_over_samples_are_those_of_many_points(factors: int) -> None:
    function = sample()
    for _ in range(factors - 1):
        function = function @ both() @ sample()
    np.testing.assert_allclose(written_out(function.mean()), averaged(function), atol=1e-9)


def test_a_batch_averages_over_its_samples() -> None:
    """``E[a b] = E[a] E[b] + Cov(a, b) / B``."""
    one = (sample() @ both() @ sample()).mean()
    whole = (sample(HALVES) @ both(HALVES) @ sample(HALVES)).mean()
    apart = sample().mean() @ both() @ sample().mean()
    np.testing.assert_allclose(written_out(whole), written_out(one + apart) / 2)


def test_a_change_of_the_matrices_is_that_of_the_polynomial() -> None:
    """All powers of it, at a point."""
    s, a = matrix("s", SIZES), matrix("A", SIZES)
    function = (s @ a @ s @ a).trace() + 3 * (s @ s).trace()
    changes = {
        "s": Series({1: symmetric(s @ a + sample()), 2: s}, 2),
        "A": Series({1: antisymmetric(sample())}, 2),
    }
    step = Fraction(1, 3)
    moved = dict(MATRICES)
    for letter, change in changes.items():
        for power, term in change.terms.items():
            moved[letter] = moved[letter] + float(step**power) * written_out(term)
    found = sum(
        float(step**power) * written_out(term, np.concatenate([VECTORS[:2]] * 4))
        for power, term in function.change(changes, 8).terms.items()
    )
    np.testing.assert_allclose(
        found, written_out(function, matrices=moved) - written_out(function), atol=1e-12
    )


def test_logarithm_undoes_the_exponential() -> None:
    one, generator = matrix("", SIZES), Series({1: both(), 2: matrix("s", SIZES)}, 5)
    left = logarithm(exponential(generator, one), one) - generator
    assert not left.terms

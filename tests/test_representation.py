from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from symdrift.derivation.symbols import ETA, TIME
from symdrift.theory.linear.propagator import (
    decay_matrix,
    drift_displacement,
    forgotten_variance,
    propagator,
    splitting,
)

PLANES = ((0, 1), (0, 2), (1, 2))


def generators() -> dict[tuple[int, int], np.ndarray]:
    found = {}
    for i, j in PLANES:
        omega = np.zeros((3, 3))
        omega[i, j], omega[j, i] = 1, -1
        found[i, j] = omega
    return found


def test_decay_matrix_is_minus_half_the_squared_generators() -> None:
    variances = dict(zip(PLANES, (0.3, 0.5, 0.7), strict=True))
    found = decay_matrix({plane: sp.Float(value) for plane, value in variances.items()}, 3)
    expected = -0.5 * sum(variances[plane] * omega @ omega for plane, omega in generators().items())
    np.testing.assert_allclose(np.array(found, dtype=float), expected, rtol=1e-15)


def test_displacement_is_that_of_a_rotational_random_walk() -> None:
    """``E|Q w - w|^2``, from the second moment of ``Q`` propagated without decay matrix.

    One small step ``Q -> Q exp(xi)`` has the mean ``1 + E[xi^2] / 2``; many of them multiply.
    """
    variances = dict(zip(PLANES, (0.3, 0.5, 0.7), strict=True))
    w, time, steps = np.array([1.0, -2.0, 0.5]), 1.7, 2**22
    one_step = np.eye(3) + 0.5 * sum(
        variances[plane] * time / steps * omega @ omega for plane, omega in generators().items()
    )
    mean = np.linalg.matrix_power(one_step, steps)
    expected = 2 * w @ w - 2 * w @ mean @ w
    decay = [0.5 * (0.3 + 0.5), 0.5 * (0.3 + 0.7), 0.5 * (0.5 + 0.7)]
    found = sum(
        float(drift_displacement(sp.Float(w[k] ** 2), sp.Float(decay[k])).subs(TIME, time))
        for k in range(3)
    )
    assert found == pytest.approx(expected, rel=1e-6)


@given(st.integers(0, 2**32 - 1), st.floats(0.01, 50))
def test_propagator_is_the_matrix_exponential(seed: int, time: float) -> None:
    mixing = np.random.default_rng(seed).standard_normal((2, 2))
    matrix = mixing @ mixing.T + 0.05 * np.eye(2)
    hessian = sp.ImmutableMatrix(matrix)
    found = propagator(hessian, splitting(hessian)).subs({ETA: 0.1, TIME: time})
    expected = scipy.linalg.expm(-0.1 * time * matrix)
    np.testing.assert_allclose(np.array(found, dtype=float), expected, atol=1e-12)
    eigenvalues = np.linalg.eigvalsh(matrix)
    assert float(splitting(hessian)) == pytest.approx(np.diff(eigenvalues)[0] / 2, rel=1e-9)


@pytest.mark.parametrize("size", [1, 2])
def test_forgotten_variance_is_the_first_entry_of_what_has_relaxed(size: int) -> None:
    generator = np.random.default_rng(3)
    stiff, spread = (
        mixing @ mixing.T + 0.1 * np.eye(size)
        for mixing in generator.standard_normal((2, size, size))
    )
    hessian, fluctuation = sp.ImmutableMatrix(stiff), sp.ImmutableMatrix(spread)
    half = splitting(hessian) if size == 2 else sp.Integer(0)
    found = forgotten_variance(hessian, fluctuation, half).subs({ETA: 0.1, TIME: 7.0})
    expected = (spread - scipy.linalg.expm(-0.7 * stiff) @ spread)[0, 0]
    assert float(found) == pytest.approx(expected, rel=1e-12)

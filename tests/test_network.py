from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
import sympy as sp

from symdrift.derivation.symbols import GAMMA
from symdrift.study.problem import Array
from symdrift.theory.linear.network import LinearNetwork, generator

INPUTS, HIDDEN, OUTPUTS = 3, 2, 2


def network_and_numbers() -> tuple[LinearNetwork, dict[str, Array], dict[sp.Symbol, sp.Float]]:
    """A network with full teacher and covariance at random numbers."""
    generator = np.random.default_rng(2)
    mixing = generator.standard_normal((INPUTS, INPUTS))
    arrays = {
        "teacher": generator.standard_normal((OUTPUTS, INPUTS)),
        "covariance": mixing @ mixing.T,
        "noise": generator.uniform(0.1, 1, OUTPUTS),
        "first": generator.standard_normal((HIDDEN, INPUTS)),
        "second": generator.standard_normal((OUTPUTS, HIDDEN)),
        "input": generator.standard_normal(INPUTS),
        "label": generator.standard_normal(OUTPUTS),
    }
    network = LinearNetwork(
        hidden=HIDDEN,
        teacher=sp.ImmutableMatrix(arrays["teacher"]).applyfunc(sp.Rational),
        input_covariance=sp.ImmutableMatrix(arrays["covariance"]).applyfunc(sp.Rational),
        label_noise=tuple(sp.Rational(v) for v in arrays["noise"]),
    )
    values = dict(zip(network.first_layer, arrays["first"].ravel(), strict=True))
    values |= dict(zip(network.second_layer, arrays["second"].ravel(), strict=True))
    values |= dict(zip(network.sample_input, arrays["input"], strict=True))
    values |= dict(zip(network.sample_label_noise, arrays["label"], strict=True))
    values[GAMMA] = 0.3
    return network, arrays, {name: sp.Float(float(value)) for name, value in values.items()}


def test_gradient_is_that_of_backpropagation() -> None:
    """``g_W = -U'e x' + gamma W`` and ``g_U = -e h' + gamma U``, first layer first, by rows."""
    network, arrays, values = network_and_numbers()
    first, second, stimulus = arrays["first"], arrays["second"], arrays["input"]
    hidden = first @ stimulus
    error = arrays["teacher"] @ stimulus + arrays["label"] - second @ hidden
    expected = np.concatenate(
        [
            (-np.outer(second.T @ error, stimulus) + 0.3 * first).ravel(),
            (-np.outer(error, hidden) + 0.3 * second).ravel(),
        ]
    )
    found = np.array(network.sample_gradient.xreplace(values), dtype=float).ravel()
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_expected_loss_is_the_trace_formula() -> None:
    network, arrays, values = network_and_numbers()
    error = arrays["teacher"] - arrays["second"] @ arrays["first"]
    expected = 0.5 * np.trace(error @ arrays["covariance"] @ error.T) + 0.5 * arrays["noise"].sum()
    expected += 0.15 * (np.sum(arrays["first"] ** 2) + np.sum(arrays["second"] ** 2))
    assert float(network.expected_loss.xreplace(values)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("plane", [(0, 1), (0, 2), (1, 2)])
def test_rotation_is_the_derivative_of_a_turned_network(plane: tuple[int, int]) -> None:
    """``exp(t Omega)`` acts on ``(W, U)`` as ``(Q W, U Q')``, and on weight space as ``exp``."""
    network = LinearNetwork(
        3, sp.ImmutableMatrix.eye(2, 2), sp.ImmutableMatrix.eye(2), (sp.Integer(0),) * 2
    )
    rng = np.random.default_rng(0)
    first, second = rng.standard_normal((3, 2)), rng.standard_normal((2, 3))
    omega = np.zeros((3, 3))
    omega[plane], omega[plane[::-1]] = 1, -1
    turn = scipy.linalg.expm(0.7 * omega)
    action = scipy.linalg.expm(0.7 * np.array(network.rotation(*plane), dtype=float))
    turned = action @ np.concatenate([first.ravel(), second.ravel()])
    expected = np.concatenate([(turn @ first).ravel(), (second @ turn.T).ravel()])
    np.testing.assert_allclose(turned, expected, atol=1e-14)
    np.testing.assert_array_equal(np.array(generator(3, *plane), dtype=float), omega)


def test_the_loss_of_every_sample_is_invariant_under_rotations() -> None:
    network, arrays, values = network_and_numbers()
    turn = scipy.linalg.expm(0.4 * np.array([[0.0, 1.0], [-1.0, 0.0]]))
    moved = dict(values)
    turned_first, turned_second = turn @ arrays["first"], arrays["second"] @ turn.T
    moved |= dict(zip(network.first_layer, map(sp.Float, turned_first.ravel()), strict=True))
    moved |= dict(zip(network.second_layer, map(sp.Float, turned_second.ravel()), strict=True))
    before, after = (float(network.sample_loss.xreplace(v)) for v in (values, moved))
    assert after == pytest.approx(before, rel=1e-12)

"""The exact expansion of the isotropic autoencoder, against numbers and identities."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import sympy as sp
from simulation_cases import problem

from symdrift.algebra.rational import is_zero
from symdrift.derivation.steps import Step
from symdrift.derivation.symbols import BATCH, GAMMA, INPUTS, symbol
from symdrift.evaluation.evaluate import evaluate
from symdrift.evaluation.next_order.corrected import orders
from symdrift.theory.examples import Examples
from symdrift.theory.linear.isotropic_expansion import (
    REDUCED_NOISE,
    REDUCED_VALUE,
    isotropic_expansion,
)
from symdrift.theory.next_order import next_order

QUIET = isotropic_expansion(label_noise=False)
NOISY = isotropic_expansion(label_noise=True)


def share(found: tuple[sp.Expr, sp.Expr]) -> sp.Expr:
    """What the next order adds, per leading order and learning rate, without batches."""
    return (found[1] / found[0]).xreplace({BATCH: sp.Integer(1), REDUCED_VALUE: 1 - GAMMA})


def test_rotation_of_two_axes_is_what_the_reference_of_the_theory_found() -> None:
    two = share(QUIET.rotation_variance).xreplace({INPUTS: sp.Integer(2)})
    known = sp.Rational(25, 6) - sp.Rational(47, 6) * GAMMA + sp.Rational(5, 2) / (1 - GAMMA)
    assert is_zero(two - known)
    assert float(two.xreplace({GAMMA: sp.Rational(3, 10)})) == pytest.approx(5.388095, abs=5e-7)


def test_forms_that_fit_the_numbers_of_small_networks_hold_for_every_size() -> None:
    """Polynomials of degree two in the size, through numbers of the general expansion."""
    n, g = INPUTS, GAMMA
    rotation = (13 * n + 74) / 24 - g * (35 * n + 118) / 24 + (7 * n + 6) / (8 * (1 - g))
    shares = (
        12 * (n + 1) * (n + 2) - g * (22 * n**2 + 78 * n + 76) + g**2 * (7 * n**2 + 36 * n + 49)
    )
    assert is_zero(share(QUIET.rotation_variance) - rotation)
    assert is_zero(share(QUIET.excess_loss) - shares / (12 * (n + 1) * (1 - g)))
    norm = QUIET.squared_norm.xreplace({BATCH: sp.Integer(1), REDUCED_VALUE: 1 - g})
    assert is_zero(norm + g**2 * (n + 1) / (2 * (1 - g)))


def test_without_label_noise_the_general_formulas_are_the_short_ones() -> None:
    none = {REDUCED_NOISE: sp.Integer(0)}
    for name in ("rotation_variance", "excess_loss", "weight_variance", "decay"):
        for noisy, quiet in zip(getattr(NOISY, name), getattr(QUIET, name), strict=True):
            assert is_zero(noisy.xreplace(none) - quiet), name


def test_squared_weights_are_stationary_to_all_orders_that_are_found() -> None:
    assert list(NOISY.growth) == [3, 4, 5, 6]
    assert all(is_zero(value) for value in NOISY.growth.values())


def test_rotations_have_no_mean_whatever_the_deviation_was() -> None:
    """At the sixth power too, where commutators of rotations enter."""
    last = QUIET.increments(QUIET.poisson, 6).terms[6].mean()
    assert len(last.terms) > 10
    assert all(is_zero(QUIET.expression(value)) for value in last.terms.values())


def test_decay_rates_are_half_the_variances_of_the_other_planes() -> None:
    for rate, variance in zip(NOISY.decay, NOISY.rotation_variance, strict=True):
        assert is_zero(rate - (INPUTS - 1) * variance / 2)


@pytest.mark.parametrize(
    ("inputs", "variance", "gain", "batch", "label_noise"),
    [(2, 1.7, 0.8, 3, 0.5), (3, 0.6, 1.3, 1, 0.2), (3, 1.0, 1.0, 2, 0.0), (1, 1.2, 0.9, 2, 0.3)],
)
def test_numbers_are_those_of_the_general_expansion(
    inputs: int, variance: float, gain: float, batch: int, label_noise: float
) -> None:
    given = replace(
        problem(np.full(inputs, variance), weight_decay=0.4, learning_rate=1e-3),
        teacher=gain * np.eye(inputs), label_noise=np.full(inputs, label_noise), batch=batch,
    )  # fmt: skip
    found, expected = orders(given), orders(given, "dense")
    names = ("weight_variance", "excess_loss", "variances", "gram", "fading", "mean_gram", "decay")
    for name in names:
        for mine, theirs in zip(getattr(found, name), getattr(expected, name), strict=True):
            size = float(np.abs(theirs).max(initial=0.0))
            np.testing.assert_allclose(mine, theirs, rtol=1e-9, atol=1e-12 * size, err_msg=name)


def test_one_axis_that_differs_by_nearly_nothing_changes_nearly_nothing() -> None:
    """Sums over networks of a few axes there, the closed form here."""
    inputs = 60
    alike = problem(np.full(inputs, 2.0), weight_decay=0.3, learning_rate=1e-6, label_noise=0.1)
    other = problem(
        [*np.full(inputs - 1, 2.0), 2 + 1e-7],
        weight_decay=0.3, learning_rate=1e-6, label_noise=0.1,
    )  # fmt: skip
    found, expected = orders(alike), orders(other)
    for name in ("weight_variance", "excess_loss", "variances", "gram"):
        for mine, theirs in zip(getattr(found, name), getattr(expected, name), strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-6, err_msg=name)


def test_what_the_document_displays_is_what_is_evaluated() -> None:
    steps: list[Step] = list(next_order(Examples()))
    shown = {e.label: e.expression for s in steps for e in s.equations}
    variance, decay, batch, inputs = 1.7, 0.4, 3, 5
    given = problem(np.full(inputs, variance), weight_decay=decay, learning_rate=1e-3, batch=batch)
    found = evaluate(given, order=2).next_order
    assert found is not None
    assert found.drift is not None
    values = {
        symbol("input_variance"): variance, GAMMA: decay, BATCH: batch, INPUTS: inputs,
        symbol("gain"): 1, symbol("singular_value"): 1 - decay / variance,
        symbol("label_noise"): 0,
    }  # fmt: skip
    for label, number in (
        ("next-rotation", found.drift.diffusion[0]),
        ("next-excess", found.fluctuation.excess_loss),
        ("next-weights", found.fluctuation.weight_variance),
        ("next-norm", found.stimuli[0].squared_norm),
    ):
        assert float(shown[label].rhs.subs(values)) == pytest.approx(number, rel=1e-9), label

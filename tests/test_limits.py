"""Special cases and limits against full matrices, which know none of them."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import sympy as sp
from aligned_examples import representative

from symdrift.derivation.symbols import BATCH, ETA, GAMMA, INPUTS, symbol
from symdrift.evaluation import dense
from symdrift.evaluation.result import Evaluation
from symdrift.inputs import Gaussian
from symdrift.study.problem import LearningProblem, Stimulus
from symdrift.theory.linear.limits import (
    FrequencyEffect,
    SmallWeightDecay,
    frequency_effect,
    isotropic_diffusion,
    small_weight_decay,
)

RATE = 0.004


def autoencoder(
    variances: list[float],
    weight_decay: float,
    label_noise: float = 0.0,
    gain: float = 1.0,
    hidden: int | None = None,
    outputs: int | None = None,
    learning_rate: float = RATE,
    batch: int = 1,
) -> Evaluation:
    size = len(variances)
    seen = size if outputs is None else outputs
    problem = LearningProblem(
        study="autoencoder",
        hidden=size if hidden is None else hidden,
        inputs=Gaussian(np.diag(variances)),
        teacher=gain * np.eye(seen, size),
        label_noise=np.full(seen, label_noise),
        learning_rate=learning_rate,
        weight_decay=weight_decay,
        batch=batch,
        synaptic_noise=0.0,
        stimuli=tuple(Stimulus(f"axis {k + 1}", axis) for k, axis in enumerate(np.eye(size))),
    )
    return dense.evaluate(problem)


# --- Isotropic inputs -------------------------------------------------------------------


def isotropic(size: int, noise: float, batch: int = 1) -> float:
    """The derived formula at ``lambda = 1.4``, ``a = 1.2``, ``gamma = 0.3``."""
    numbers = {
        symbol("input_variance"): sp.Rational("1.4"),
        symbol("singular_value"): sp.Rational("1.2") - sp.Rational("0.3") / sp.Rational("1.4"),
        symbol("label_noise"): sp.sqrt(sp.nsimplify(noise)),
        GAMMA: sp.Rational("0.3"),
        ETA: sp.Rational("0.004"),
        INPUTS: sp.Integer(size),
        BATCH: sp.Integer(batch),
    }
    return float(isotropic_diffusion(representative()).xreplace(numbers))


@pytest.mark.parametrize("noise", [0.0, 0.25])
@pytest.mark.parametrize("size", [2, 3, 5, 7])
def test_isotropic_formula_matches_full_matrices(size: int, noise: float) -> None:
    full = autoencoder([1.4] * size, 0.3, noise, gain=1.2)
    assert len(full.drift.planes) == size * (size - 1) // 2
    np.testing.assert_allclose(full.drift.diffusion, isotropic(size, noise), rtol=1e-10)


def test_isotropic_formula_is_that_of_the_theory() -> None:
    """``eta^3/64 [(n+2) (2 g^2 + s^2 L)^2 / (L s) + (n-2) s^4 L^2 / (L a)]``, over ``B^2``."""
    variance, value, sigma = (
        symbol(role) for role in ("input_variance", "singular_value", "label_noise")
    )
    gain = value + GAMMA / variance
    signal = (INPUTS + 2) * (2 * GAMMA**2 + sigma**2 * variance) ** 2 / (variance * value)
    labels = (INPUTS - 2) * sigma**4 * variance**2 / (variance * gain)
    difference = isotropic_diffusion(representative()) - ETA**3 * (signal + labels) / 64 / BATCH**2
    assert sp.cancel(difference) == 0


def test_batches_divide_diffusion_by_their_square() -> None:
    full = autoencoder([1.4] * 3, 0.3, 0.25, gain=1.2, batch=4)
    np.testing.assert_allclose(full.drift.diffusion, isotropic(3, 0.25, batch=4), rtol=1e-10)
    assert isotropic(3, 0.25) == pytest.approx(16 * isotropic(3, 0.25, batch=4), rel=1e-13)


# --- Small weight decay -----------------------------------------------------------------

VARIANCES = (2.0, 1.1, 0.6)


@cache
def limits() -> SmallWeightDecay:
    return small_weight_decay(representative())


@cache
def effect() -> FrequencyEffect:
    return frequency_effect(representative())


def leading_diffusion(weight_decay: float, third: str | None) -> float:
    """Leading order of ``D_12`` of an autoencoder; ``third`` is the role of the third axis."""

    def term(limit: tuple[sp.Expr, int], order: str) -> float:
        coefficient, exponent = limit
        numbers = {
            symbol("input_variance", index): sp.Float(VARIANCES[place])
            for place, index in enumerate(order)
        }
        return float(coefficient.subs({**numbers, ETA: RATE})) * weight_decay**exponent

    area = term(limits().own, "ijl") + term(limits().own, "jil")
    if third is not None:
        area += term(getattr(limits(), third), "ijl")
    # G_12 = 2 (s_1 + s_2) tends to 4.
    return RATE**2 * area / (2 * 4**2)


def small_diffusion(weight_decay: float, third: str | None) -> float:
    if third is None:
        return float(autoencoder(list(VARIANCES[:2]), weight_decay).drift.diffusion[0])
    settings = {
        "other": {},
        "left_out": {"hidden": 2},
        "unseen": {"outputs": 2, "hidden": 2},
    }[third]
    return float(autoencoder(list(VARIANCES), weight_decay, **settings).drift.diffusion[0])


@pytest.mark.slow
@pytest.mark.parametrize("third", [None, "other", "left_out", "unseen"])
def test_small_weight_decay_is_approached_linearly(third: str | None) -> None:
    """Ten times less weight decay, ten times closer to the leading order."""
    errors = [
        small_diffusion(decay, third) / leading_diffusion(decay, third) - 1
        for decay in (1e-3, 1e-4)
    ]
    assert abs(errors[1]) < 2e-3
    assert errors[0] / errors[1] == pytest.approx(10, rel=0.02)


@pytest.mark.parametrize("role", ["own", "other", "unseen"])
def test_learned_and_unseen_axes_drive_drift_by_the_fourth_power(role: str) -> None:
    _, exponent = getattr(limits(), role)
    assert exponent == 4
    third = None if role == "own" else role
    slope = np.log10(small_diffusion(1e-3, third) / small_diffusion(1e-4, third))
    assert slope == pytest.approx(4, abs=5e-3)


def test_an_axis_left_out_drives_drift_without_weight_decay() -> None:
    """Its error is not small, and the limit is neither zero nor infinite."""
    _, exponent = limits().left_out
    assert exponent == 0
    assert small_diffusion(1e-4, "left_out") == pytest.approx(
        small_diffusion(1e-6, "left_out"), rel=1e-2
    )
    assert small_diffusion(1e-4, "left_out") > 1e6 * small_diffusion(1e-4, "other")


# --- Frequency --------------------------------------------------------------------------


def central_difference(size: int, noise: float, decay: float, batch: int = 1) -> dict[str, float]:
    """Responses to the variance of the first input, by full matrices."""
    step = 1e-4
    values = []
    for variance in (1 + step, 1 - step):
        variances = [variance] + [1.0] * (size - 1)
        stimuli = autoencoder(variances, decay, noise, batch=batch).stimuli
        values.append(
            np.array(
                [
                    stimuli[0].decay_rate,
                    stimuli[0].decay_rate - stimuli[1].decay_rate,
                    stimuli[0].diffusion,
                ]
            )
        )
    slopes = (values[0] - values[1]) / (2 * step)
    names = ("decay_rate", "decay_rate_difference", "representation_diffusion")
    return dict(zip(names, slopes, strict=True))


@pytest.mark.parametrize("noise", [0.0, 0.02, 1.0])
@pytest.mark.parametrize(("size", "batch"), [(3, 1), (4, 5), (6, 1)])
def test_frequency_effect_matches_finite_differences(size: int, batch: int, noise: float) -> None:
    numbers = {
        symbol("input_variance"): sp.Integer(1),
        symbol("label_noise"): sp.sqrt(sp.nsimplify(noise)),
        GAMMA: sp.Rational("0.3"),
        ETA: sp.Rational("0.004"),
        INPUTS: sp.Integer(size),
        BATCH: sp.Integer(batch),
    }
    for name, slope in central_difference(size, noise, 0.3, batch).items():
        derived = float(getattr(effect(), name).xreplace(numbers))
        assert derived == pytest.approx(slope, rel=1e-5), name


def test_frequent_stimuli_are_slower_unless_labels_are_noisy() -> None:
    """The order of the source paper, and its reversal."""
    quiet, noisy = (central_difference(4, noise, 0.3) for noise in (0.0, 1.0))
    assert quiet["decay_rate_difference"] < 0 < noisy["decay_rate_difference"]
    assert quiet["decay_rate"] < 0
    slower, others, *_ = autoencoder([2.0, 1.0, 1.0, 1.0], 0.3).stimuli
    assert slower.decay_rate < others.decay_rate
    faster, others, *_ = autoencoder([2.0, 1.0, 1.0, 1.0], 0.3, label_noise=1.0).stimuli
    assert faster.decay_rate > others.decay_rate


# --- Scaling exponents ------------------------------------------------------------------


def test_diffusion_grows_with_the_third_power_of_the_learning_rate() -> None:
    slow, fast = (
        autoencoder([2.0, 1.1, 0.6], 0.2, learning_rate=rate).drift.diffusion
        for rate in (1e-3, 2e-3)
    )
    np.testing.assert_allclose(fast, 8 * slow, rtol=1e-11)
    formula = isotropic_diffusion(representative())
    assert sp.cancel(formula.subs(ETA, 2 * ETA) / formula) == 8


def test_diffusion_of_equal_inputs_grows_like_their_number_plus_two() -> None:
    sizes = np.array([2, 3, 6, 8])
    diffusion = [autoencoder([1.0] * size, 0.3).drift.diffusion[0] for size in sizes]
    np.testing.assert_allclose(np.array(diffusion) / (sizes + 2), diffusion[0] / 4, rtol=1e-10)


def test_irrelevant_inputs_add_equal_shares_to_the_drift() -> None:
    """Two axes learned, ``k`` equal ones left out: linear in ``k``."""
    diffusion = [
        autoencoder([2.0, 1.5] + [0.7] * count, 0.1, hidden=2).drift.diffusion[0]
        for count in range(4)
    ]
    shares = np.diff(diffusion)
    assert shares[0] > 0.5 * diffusion[0]
    np.testing.assert_allclose(shares, shares[0], rtol=1e-9)

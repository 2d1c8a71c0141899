"""Units of inputs and outputs: a law that every number obeys, on both roads."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import aligned_problems, general_problems

from symdrift.errors import RequestError
from symdrift.evaluation.evaluate import evaluate
from symdrift.evaluation.result import Evaluation
from symdrift.evaluation.units import natural_units
from symdrift.inputs import Gaussian
from symdrift.study import read_study
from symdrift.study.problem import LearningProblem, Stimulus

POWERS = st.floats(-12, 12)


def in_other_units(problem: LearningProblem, inputs: float, outputs: float) -> LearningProblem:
    """``x -> c x`` and ``y -> d y``, learned by the same steps.

    With ``W, U -> r W, r U`` the output of the network is ``r^2 U W c x``, hence ``r^2 = d / c``.
    The squared error grows by ``d^2``, weight decay must: ``gamma' r^2 = d^2 gamma``.  A step
    changes the weights by ``eta' d^2 / r`` times the old gradient, which must be ``r eta``.
    """
    squared = outputs / inputs
    return replace(
        problem,
        inputs=Gaussian(inputs**2 * problem.input_covariance),
        teacher=squared * problem.teacher,
        label_noise=outputs**2 * problem.label_noise,
        weight_decay=outputs**2 / squared * problem.weight_decay,
        learning_rate=squared / outputs**2 * problem.learning_rate,
        synaptic_noise=squared * problem.synaptic_noise,
        stimuli=tuple(Stimulus(s.name, inputs * s.vector) for s in problem.stimuli),
    )


def assert_scaled(
    other: Evaluation, one: Evaluation, inputs: float, outputs: float, precision: float
) -> None:
    """Weights grow by ``sqrt(d / c)``, representations by that times ``c``, rotations not."""
    maps, curvature = outputs / inputs, outputs * inputs
    assert other.drift.planes == one.drift.planes
    spread = np.sqrt(one.drift.variances)
    allowed = precision * spread * spread[:, np.newaxis]
    assert np.all(np.abs(other.drift.covariance - one.drift.covariance) <= allowed)
    # Rounding turns by less than a part of what noise does.
    steady = np.abs(other.drift.mean_rotation - one.drift.mean_rotation)
    assert np.all(steady <= precision * (np.abs(one.drift.mean_rotation).max(initial=0) + spread))
    np.testing.assert_allclose(
        other.minimum.singular_values, maps * one.minimum.singular_values, rtol=precision
    )

    def same(found: float, expected: float) -> None:
        assert found == pytest.approx(expected, rel=precision)

    same(other.minimum.loss, outputs**2 * one.minimum.loss)
    same(other.minimum.hessian_min, curvature * one.minimum.hessian_min)
    same(other.minimum.hessian_max, curvature * one.minimum.hessian_max)
    same(other.fluctuation.weight_variance, maps * one.fluctuation.weight_variance)
    same(other.fluctuation.excess_loss, outputs**2 * one.fluctuation.excess_loss)
    for found, expected in zip(other.stimuli, one.stimuli, strict=True):
        same(found.squared_norm, curvature * expected.squared_norm)
        same(found.diffusion, curvature * expected.diffusion)
        same(found.decay_rate, expected.decay_rate)


@settings(max_examples=50, deadline=None)
@given(problem=aligned_problems(largest=4), inputs=POWERS, outputs=POWERS)
def test_units_do_not_matter_to_aligned_problems(
    problem: LearningProblem, inputs: float, outputs: float
) -> None:
    c, d = 10.0**inputs, 10.0**outputs
    other = in_other_units(problem, c, d)
    closed = evaluate(problem, "closed-form")
    assert_scaled(evaluate(other, "closed-form"), closed, c, d, 1e-10)
    assert_scaled(evaluate(other, "dense"), closed, c, d, 1e-10)


@settings(max_examples=20, deadline=None)
@given(problem=general_problems(largest=3), inputs=POWERS, outputs=POWERS)
def test_units_do_not_matter_to_problems_without_shared_axes(
    problem: LearningProblem, inputs: float, outputs: float
) -> None:
    c, d = 10.0**inputs, 10.0**outputs
    problem = replace(problem, synaptic_noise=1e-9)
    assert_scaled(evaluate(in_other_units(problem, c, d)), evaluate(problem), c, d, 1e-8)


@given(problem=aligned_problems(largest=3), inputs=st.integers(-40, 40), even=st.integers(-40, 40))
def test_units_of_powers_of_two_change_no_digit(
    problem: LearningProblem, inputs: int, even: int
) -> None:
    c, d = 2.0**inputs, 2.0 ** (2 * even - inputs)
    one = evaluate(problem, "closed-form")
    other = evaluate(in_other_units(problem, c, d), "closed-form")
    np.testing.assert_array_equal(other.drift.variances, one.drift.variances)
    assert other.minimum.loss == d**2 * one.minimum.loss


def test_stimuli_are_rescaled_with_the_inputs() -> None:
    problem = read_study("digits").problem()
    large = replace(problem, teacher=2.0**-20 * problem.teacher)
    units = natural_units(large.teacher, large.input_covariance)
    natural = units.problem(large)
    np.testing.assert_allclose(
        natural.input_covariance, units.inputs**2 * problem.input_covariance, rtol=1e-14
    )
    assert 0.1 < np.abs(natural.teacher @ natural.input_covariance).max() < 10


@pytest.mark.parametrize("method", ["closed-form", "dense"])
def test_large_variances_are_no_tie(method: str) -> None:
    """Three variances of 1e8, two hidden units, weight decay 0.1: those of 2, 1, 1/2 and 1e-9."""
    study = read_study("anisotropic_autoencoder").with_values({"network.hidden": 2})
    large = study.with_values(
        {"inputs.covariance": "[2e8, 1e8, 5e7]", "gamma": 0.1, "eta": 1e-13}
    ).problem()
    small = study.with_values(
        {"inputs.covariance": "[2, 1, 0.5]", "gamma": 1e-9, "eta": 1e-5}
    ).problem()
    rates = [evaluate(problem, method).drift.variances for problem in (large, small)]
    np.testing.assert_allclose(rates[0], rates[1], rtol=1e-10)


@pytest.mark.parametrize(
    ("variances", "gains", "gamma", "hidden", "rates"),
    [
        ([2e8, 1e8, 5e7], [1, 1, 1], 0.1, 2, (1e-10, 1e-14)),
        ([1e4, 1, 1e-4, 1e-8], [1e-3, 1, 1e3, 1e8], 1e-3, 4, (1e-9, 1e-14)),
        ([2e-8, 1e-8, 5e-9], [1, 1, 1], 1e-17, 2, (1e6, 100)),
        ([4e12, 3e12, 3e12 - 1e5], [1, 1, 1], 1e-2, 2, (1e-22, 1e-27)),
    ],
    ids=["large variances", "slopes far apart", "small variances", "nearly equal"],
)
def test_odd_units_are_refused_for_their_rate_and_agree_at_a_stable_one(
    variances: list[float], gains: list[float], gamma: float, hidden: int,
    rates: tuple[float, float],
) -> None:  # fmt: skip
    """Where no axis is tied or at its threshold, no sentence says so."""
    size = len(variances)
    problem = replace(
        read_study("anisotropic_autoencoder").problem(),
        inputs=Gaussian(np.diag(variances)),
        teacher=np.diag(np.array(gains, dtype=float)),
        label_noise=np.zeros(size),
        weight_decay=gamma,
        hidden=hidden,
        stimuli=tuple(Stimulus(f"axis {k}", axis) for k, axis in enumerate(np.eye(size))),
    )
    found = []
    for method in ("closed-form", "dense"):
        with pytest.raises(RequestError, match="from the critical rate") as refusal:
            evaluate(replace(problem, learning_rate=rates[0]), method)
        found.append(evaluate(replace(problem, learning_rate=rates[1]), method))
        said = " ".join([str(refusal.value), *found[-1].warnings])
        assert "tie" not in said
        assert "meets the threshold" not in said
    assert_scaled(found[1], found[0], 1, 1, 1e-8)


@pytest.mark.parametrize("method", ["closed-form", "dense"])
@pytest.mark.parametrize(
    "values",
    [
        {"gamma": 1e-90},
        {"gamma": 1e-4, "eta": 1e-99},
        {"inputs.covariance": "[1e-90, 7e-91, 5e-91]", "gamma": 1e-99, "eta": 1e-30},
    ],
)
def test_rates_too_small_for_double_precision_are_refused(
    method: str, values: dict[str, str | float]
) -> None:
    problem = read_study("anisotropic_autoencoder").with_values(values).problem()
    with pytest.raises(RequestError, match="beyond double precision"):
        evaluate(problem, method)


@pytest.mark.parametrize("method", ["closed-form", "dense"])
def test_label_noise_too_large_for_double_precision_is_refused(method: str) -> None:
    """Beside outputs of variance 1e-198: ``d^2 sigma^2`` has no place."""
    problem = read_study("anisotropic_autoencoder").problem()
    problem = replace(
        problem,
        inputs=Gaussian(np.diag([2e-99, 1e-99, 7e-100])),
        teacher=1e-99 * np.eye(3),
        label_noise=np.full(3, 1e99),
        weight_decay=1e-199,
        learning_rate=1e190,
    )
    with pytest.raises(RequestError, match="beyond double precision"):
        evaluate(problem, method)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("variances", "strengths", "gamma", "hidden"),
    [
        ([1e6, 1, 1e-6], [1, 1.1, 1.2], 0.1, 2),
        ([1.2e5, 0.45, 210, 1.9e-5], [0.65, 0.8, 1.8, 1.5], 0.5, 3),
        ([8.3e-3, 1.3e-5, 570, 2e-5], [1.8, 1.1, 1.67, 0.58], 0.15, 3),
        ([1.2e-6, 1600, 4.7e-5], [1.9, 0.57, 1.6], 0.39, 2),
    ],
)
def test_bottlenecks_of_variances_far_apart_are_the_same_on_both_roads(
    variances: list[float], strengths: list[float], gamma: float, hidden: int
) -> None:
    """Axes of equal strength, so that some are worth 1e12 times what others are."""
    size = len(variances)
    problem = replace(
        read_study("anisotropic_autoencoder").problem(),
        inputs=Gaussian(np.diag(variances)),
        teacher=np.diag(np.divide(strengths, variances)),
        label_noise=np.zeros(size),
        weight_decay=gamma,
        hidden=hidden,
        learning_rate=1e-13,
        stimuli=tuple(Stimulus(f"axis {k}", axis) for k, axis in enumerate(np.eye(size))),
    )
    assert_scaled(evaluate(problem, "dense"), evaluate(problem, "closed-form"), 1, 1, 1e-8)

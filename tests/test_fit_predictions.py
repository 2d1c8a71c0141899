"""Predictions of a fit are those of the theory, on both roads, and their derivatives are exact."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
from aligned_examples import representative
from fit_examples import FREQUENT, predictions

from symdrift.derivation.symbols import BATCH, ETA, GAMMA, symbol
from symdrift.evaluation.evaluate import evaluate
from symdrift.observables.displacement import mean_squared_displacement
from symdrift.observables.process import drift_process
from symdrift.study import Study, read_study
from symdrift.theory.linear.limits import autoencoder_direction, diffusion, own_term

MISALIGNED = read_study("misaligned_teacher")
ASKED = [(name, quantity) for name in ("frequent", "rare") for quantity in (
    "decay_rate", "diffusion", "displacement@30", "displacement@2e6")]  # fmt: skip
EXACT = 1e-8


@pytest.mark.parametrize("study", [FREQUENT, MISALIGNED], ids=lambda study: study.name)
def test_predictions_are_the_numbers_of_the_theory(study: Study) -> None:
    problem = study.problem()
    process = drift_process(problem)
    asked, expected = [], []
    for stimulus, drift in zip(problem.stimuli, evaluate(problem).stimuli, strict=True):
        lags = np.array([30.0, 2e6])
        moved = mean_squared_displacement(process, stimulus, lags).total
        quantities = ("decay_rate", "diffusion", "displacement@30", "displacement@2e6")
        asked += [(stimulus.name, quantity) for quantity in quantities]
        expected += [drift.decay_rate, drift.diffusion, *moved]
    predicted, place = predictions(study, ["gamma"], asked)
    np.testing.assert_allclose(predicted.values(place[np.newaxis])[0], expected, rtol=1e-10)


def test_days_change_rates_and_lags() -> None:
    steps = 1000.0
    asked = [("rare", "decay_rate"), ("rare", "displacement@2")]
    in_days, place = predictions(FREQUENT, ["gamma"], asked, steps)
    in_steps, _ = predictions(
        FREQUENT, ["gamma"], [("rare", "decay_rate"), ("rare", "displacement@2000")]
    )
    days, per_step = (each.values(place[np.newaxis])[0] for each in (in_days, in_steps))
    np.testing.assert_allclose(days, per_step * [steps, 1.0], rtol=1e-14)


@pytest.mark.parametrize(
    ("others", "tolerance"), [([], 1e-12), ([("rare", "displacement@30")], EXACT)],
    ids=["of the formulas", "interpolated"],
)  # fmt: skip
def test_derivatives_are_those_of_the_derived_formula(
    others: list[tuple[str, str]], tolerance: float
) -> None:
    """``d log D_12`` of two axes by every number, in exact rational arithmetic."""
    noise = sp.Symbol("noise", positive=True)
    first, second = (autoencoder_direction(index, noise) for index in ("1", "2"))
    drift = representative()
    area = own_term(drift, first, second) + own_term(drift, second, first)
    formula = diffusion(drift, area, first, second)
    variances = [symbol("input_variance", index) for index in ("1", "2")]
    at = {variances[0]: 2, variances[1]: sp.Rational(7, 10), GAMMA: sp.Rational(1, 5)}
    at |= {noise: sp.Rational(1, 20), ETA: sp.Rational(1, 200), BATCH: 1}
    order = (*variances, GAMMA, noise, ETA)
    small = sp.Rational(1, 10**12)
    middle, *ends = (
        [formula.xreplace(at | {each: at[each] * (1 + sign * small)}) for each in order]
        for sign in (0, 1, -1)
    )
    exact = [
        float((above - below) / (2 * small * here))
        for here, above, below in zip(middle, *ends, strict=True)
    ]
    settings: dict[str, str | float] = {
        "network.inputs": 2, "network.outputs": 2, "network.hidden": 2, "gamma": 0.2, "eta": 0.005,
        "inputs.covariance": "[2, 0.7]", "teacher.label_noise": 0.05,
        "stimulus.0.vector": "[1, 0]", "stimulus.1.vector": "[0, 1]",
    }  # fmt: skip
    study = FREQUENT.with_values(settings)
    free = ["inputs.covariance.0", "inputs.covariance.1", "gamma", "teacher.label_noise", "eta"]
    asked = [("frequent", "decay_rate"), *others]
    predicted, place = predictions(study, free, asked)
    value = predicted.values(place[np.newaxis])[0]
    found = predicted.jacobian(place) / value[:, np.newaxis]
    np.testing.assert_allclose(found[0], exact, rtol=tolerance)
    # Also where the box ends, and the formula is met from one side only.
    for box in ("gamma=0.2:0.5", "gamma=0.1:0.2"):
        one_sided, here = predictions(study, [box], asked)
        np.testing.assert_allclose(one_sided.jacobian(here)[0] / value[0], exact[2], rtol=tolerance)


def test_both_roads_have_the_same_derivatives() -> None:
    free = ["gamma", "lambda_f", "learning.rate", "stimulus.0.vector.0"]
    closed, place = predictions(FREQUENT, free, ASKED)
    dense, _ = predictions(FREQUENT, free, ASKED)
    vars(dense)["_by_formulas"] = False
    first, second = closed.jacobian(place), dense.jacobian(place)
    scale = np.abs(first).max(axis=1, keepdims=True)
    assert np.abs(first - second).max() > 0
    np.testing.assert_allclose(second / scale, first / scale, atol=EXACT)


def test_a_network_turned_as_a_whole_has_the_same_derivatives() -> None:
    """By numbers that leave its axes alone, they are those of the formulas."""
    size = {"network.inputs": 2, "network.outputs": 2, "network.hidden": 2}
    straight = FREQUENT.with_values(
        size | {"inputs.covariance": "[2, 0.7]", "stimulus.0.vector": "[1, 0]"}
        | {"stimulus.1.vector": "[1, 2]"}
    )  # fmt: skip
    # By the angle whose cosine is 3/5.
    turned = FREQUENT.with_values(
        size | {"inputs.covariance": "[[1.168, 0.624], [0.624, 1.532]]"}
        | {"stimulus.0.vector": "[0.6, 0.8]", "stimulus.1.vector": "[-1, 2]"}
    )  # fmt: skip
    free = ["gamma", "eta", "teacher.label_noise=0:1"]
    asked = [pair for pair in ASKED if "@" not in pair[1]]
    first, second = (
        predicted.jacobian(place)
        for predicted, place in (predictions(study, free, asked) for study in (straight, turned))
    )
    np.testing.assert_allclose(second, first, rtol=1e-11)


def test_learning_rate_and_units_scale_by_powers() -> None:
    """Rates go with the cube of the rate; inputs, decay and rate together set a scale."""
    asked = [("frequent", "decay_rate"), ("rare", "diffusion")]
    predicted, place = predictions(FREQUENT, ["eta", "gamma", "lambda_f", "lambda_r"], asked)
    values = predicted.values(place[np.newaxis])[0]
    slopes = predicted.jacobian(place) / values[:, np.newaxis]
    np.testing.assert_allclose(slopes[:, 0], 3.0, rtol=EXACT)
    np.testing.assert_allclose(slopes[:, 1:].sum(axis=1), 3.0, rtol=EXACT)


def test_a_place_without_a_theory_has_no_prediction() -> None:
    predicted, place = predictions(FREQUENT, ["gamma=0.1:5"], ASKED)
    # Beyond the largest variance nothing is learned.
    values = predicted.values(np.array([place, [np.log(3.0)]]))
    assert np.isfinite(values[0]).all() and np.isnan(values[1]).all()
    # Close to a threshold the interval of the derivative becomes short.
    near = np.array([np.log(1 - 1e-4)])
    step = 1e-7
    ends = predicted.values(np.array([near - step, near + step]))
    slope = (ends[1] - ends[0]) / (2 * step)
    np.testing.assert_allclose(predicted.jacobian(near)[:, 0], slope, rtol=1e-5)

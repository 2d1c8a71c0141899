"""The road to the numbers is chosen by what applies, and both roads arrive at the same place."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from shipped import TWO_LAYERS

from symdrift.errors import RequestError
from symdrift.evaluation.closed_form import applies
from symdrift.evaluation.evaluate import evaluate
from symdrift.inputs import Elliptical
from symdrift.observables import observe
from symdrift.study import read_study


def test_aligned_gaussian_problems_take_the_closed_form() -> None:
    assert evaluate(read_study("bottleneck").problem()).method == "closed-form"


@pytest.mark.parametrize(
    "settings",
    [
        {"teacher.map": "[[1, 0.2, 0], [0, 1, 0], [0, 0, 1]]"},
        {
            "inputs.covariance": "[[2, 0.3, 0], [0.3, 1, 0], [0, 0, 0.7]]",
            "teacher.map": "[1, 2, 1]",
        },
    ],
)
def test_misaligned_problems_take_the_dense_road(settings: dict[str, str]) -> None:
    problem = read_study("anisotropic_autoencoder").with_values(settings).problem()
    assert evaluate(problem).method == "dense"
    refusal = r'^method = "closed-form" does not apply: .*; use dense or auto'
    with pytest.raises(RequestError, match=refusal):
        evaluate(problem, "closed-form")


ALIGNED = [name for name in TWO_LAYERS if applies(read_study(name).problem()) is None]


@pytest.mark.parametrize("approximation", ["exact", "white"])
@pytest.mark.parametrize("name", ALIGNED)
def test_both_roads_agree_on_the_shipped_studies(name: str, approximation: str) -> None:
    problem = read_study(name).problem()
    closed = evaluate(problem, "closed-form", approximation)
    dense = evaluate(problem, "dense", approximation)
    assert closed.drift.planes == dense.drift.planes
    scale = closed.drift.covariance.max()
    np.testing.assert_allclose(
        closed.drift.covariance, dense.drift.covariance, rtol=1e-10, atol=1e-10 * scale
    )
    assert closed.minimum.loss == pytest.approx(dense.minimum.loss, rel=1e-12)
    assert closed.minimum.hessian_max == pytest.approx(dense.minimum.hessian_max, rel=1e-10)
    assert closed.fluctuation.excess_loss == pytest.approx(dense.fluctuation.excess_loss, rel=1e-10)


def test_heavy_tails_need_the_dense_road() -> None:
    """Correlated squares couple the blocks of (1, 1) and (2, 2), which changes V_12 by 1 %.

    That is against Gaussian noise scaled by ``1 + kappa``; without kurtosis the closed form
    holds.
    """
    gaussian = read_study("anisotropic_autoencoder").problem()
    covariance = gaussian.input_covariance
    heavy = replace(gaussian, inputs=Elliptical(covariance, 0.5))
    assert evaluate(heavy).method == "dense"
    with pytest.raises(RequestError, match="squares of elliptical inputs are correlated"):
        evaluate(heavy, "closed-form")
    scaled = 1.5**2 * evaluate(gaussian).drift.covariance
    assert evaluate(heavy).drift.covariance[0, 0] > 1.009 * scaled[0, 0]
    light = replace(gaussian, inputs=Elliptical(covariance, 0.0))
    assert evaluate(light).method == "closed-form"
    np.testing.assert_array_equal(
        evaluate(light).drift.covariance, evaluate(gaussian).drift.covariance
    )


@pytest.mark.parametrize("name", ALIGNED)
def test_both_roads_agree_on_stimuli_alone(name: str) -> None:
    problem = read_study(name).problem()
    closed, dense = (
        evaluate(problem, method, quantities="stimuli") for method in ("closed-form", "dense")
    )
    assert (closed.method, dense.method) == ("closed-form", "dense")
    largest = closed.decay_matrix.max()
    np.testing.assert_allclose(
        closed.decay_matrix, dense.decay_matrix, rtol=1e-10, atol=1e-10 * largest
    )
    assert closed.stimuli == evaluate(problem).stimuli


def test_numbers_that_fit_after_rescaling_are_no_obstacle() -> None:
    """Variances of 1e97, in units of which they are 2, 1.5, 1, 1 with a weight decay of 0.01."""
    large = read_study("bottleneck").with_values(
        {
            "inputs.covariance": "[2e97, 1.5e97, 1e97, 1e97]",
            "learning.weight_decay": 1e95,
            "learning.rate": "1e-99",
        }
    )
    plain = read_study("bottleneck").with_values(
        {
            "inputs.covariance": "[2, 1.5, 1, 1]",
            "learning.weight_decay": 0.01,
            "learning.rate": 0.01,
        }
    )
    for method in ("closed-form", "dense"):
        rates = [evaluate(study.problem(), method).drift.variances for study in (large, plain)]
        np.testing.assert_allclose(rates[0], rates[1], rtol=1e-9)


def test_importing_the_package_imports_nothing_else() -> None:
    code = "import sys, symdrift; sys.exit(bool({'numpy', 'sympy', 'click'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("study", "settings", "still"),
    [
        ("anisotropic_autoencoder", {"network.hidden": 1}, True),
        ("misaligned_teacher", {"network.hidden": 1}, True),
        ("anisotropic_autoencoder", {}, False),
        ("synaptic_noise", {"network.hidden": 1}, True),
    ],
)
def test_a_network_in_which_nothing_can_drift_says_so(
    study: str, settings: dict[str, float], still: bool
) -> None:
    problem = read_study(study).with_values(settings).problem()
    evaluation = evaluate(problem)
    said = [warning for warning in evaluation.warnings if "nothing can drift" in warning]
    assert bool(said) is still
    assert (not evaluation.drift.covariance.any()) is still
    assert all((item.decay_rate == 0) is still for item in evaluation.stimuli)
    assert any("nothing can drift" in text for text in observe(problem).warnings) is still

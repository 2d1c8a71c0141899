"""Comparisons against closed forms of isotropic networks."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace

import numpy as np
import pytest

from symdrift.cli import run
from symdrift.errors import RequestError
from symdrift.evaluation.evaluate import evaluate
from symdrift.inputs import (
    Elliptical,
    Gaussian,
    InputDistribution,
    Samples,
    StimulusSet,
)
from symdrift.observables.compare import (
    SynapticComparison,
    isotropic_comparison,
    synaptic_comparison,
    white_noise_comparison,
)
from symdrift.study import read_study
from symdrift.study.problem import LearningProblem, Stimulus


def isotropic(size: int, hidden: int, weight_decay: float = 0.1) -> LearningProblem:
    return LearningProblem(
        study="example",
        hidden=hidden,
        inputs=Gaussian(2.0 * np.eye(size)),
        teacher=np.eye(size),
        label_noise=np.zeros(size),
        learning_rate=0.001,
        weight_decay=weight_decay,
        batch=1,
        synaptic_noise=0.0,
        stimuli=tuple(Stimulus(f"axis {k + 1}", np.eye(size)[k]) for k in range(size)),
    )


@pytest.mark.parametrize("hidden", [3, 5])
def test_matched_synaptic_noise_of_an_isotropic_network(hidden: int) -> None:
    """``(r - 1) D = (varsigma^2 / 4 s) [(r - 1) / 2 + (p - r)]`` with ``D`` of the theory."""
    size, gamma, variance, rate = 3, 0.1, 2.0, 0.001
    result = synaptic_comparison(isotropic(size, hidden))
    value = 1 - gamma / variance
    decay = (size - 1) * rate**3 * (size + 2) * gamma**4 / (16 * variance * value)
    matched = 4 * value * decay / ((size - 1) / 2 + (hidden - size))
    assert result.comparison.mean_decay.study == pytest.approx(decay, rel=1e-11)
    assert result.comparison.mean_decay.counterpart == pytest.approx(decay, rel=1e-11)
    assert result.synaptic_variance == pytest.approx(matched, rel=1e-11)
    planes = {pair.name: pair for pair in result.comparison.planes}
    assert planes["1, 2"].counterpart == pytest.approx(matched / (4 * value), rel=1e-11)
    if hidden > size:
        assert planes["1, 4"].study == 0
        assert planes["1, 4"].ratio is None
        assert planes["1, 4"].counterpart == pytest.approx(matched / (2 * value), rel=1e-11)
    for pair in result.comparison.stimuli:
        assert pair.ratio == pytest.approx(1, rel=1e-9)


def test_only_gradients_of_misaligned_inputs_rotate_steadily() -> None:
    """The reference's rate, which the white-noise approximation keeps: noise on synapses and
    isotropic inputs have no preferred sense of rotation."""
    problem = read_study("misaligned_teacher").problem()
    published = pytest.approx(4.342e-8, rel=1e-4)
    synaptic = synaptic_comparison(problem).comparison
    white, plain = white_noise_comparison(problem), isotropic_comparison(problem)
    for comparison in (synaptic, white, plain):
        assert comparison.steady_rotation.study == published
        assert "steady rotation" in [quantity for quantity, _ in comparison.rows()]
    assert synaptic.steady_rotation.counterpart == plain.steady_rotation.counterpart == 0
    assert white.steady_rotation.counterpart == published
    aligned = white_noise_comparison(read_study("anisotropic_autoencoder").problem())
    assert aligned.steady_rotation.to_dict()["study"] == 0
    assert "steady rotation" not in [quantity for quantity, _ in aligned.rows()]


def test_scaling_laws_of_both_kinds_of_drift() -> None:
    """Exponents of ``(n - 1) eta^3 (n + 2) gamma^4 / (16 lambda s)`` and of ``1 / s``."""
    result = synaptic_comparison(isotropic(3, 3))
    rows = {row.parameter: (row.gradient, row.synaptic) for row in result.scaling}
    # d ln s / d ln gamma = -(gamma / lambda) / s, and the opposite for lambda.
    sensitivity = 0.05 / 0.95
    assert rows["learning rate"] == pytest.approx((3, 0), abs=1e-9)
    assert rows["batch size"] == pytest.approx((-2, 0), abs=1e-9)
    assert rows["weight decay"] == pytest.approx((4 + sensitivity, sensitivity), abs=1e-6)
    assert rows["input variance"] == pytest.approx((-1 - sensitivity, -sensitivity), abs=1e-6)


def test_scaling_with_the_size_of_the_network() -> None:
    """``(n - 1)(n + 2)`` and no effect of silent units; ``(n - 1) / 2 + (p - n)``."""
    result = synaptic_comparison(isotropic(3, 3))
    smallest = result.sizes[0]
    assert [(row.inputs, row.hidden) for row in result.sizes] == [
        (3, 3),
        (6, 6),
        (12, 12),
        (3, 6),
        (3, 12),
    ]
    for row in result.sizes:
        n, p = row.inputs, row.hidden
        assert row.gradient / smallest.gradient == pytest.approx((n - 1) * (n + 2) / 10)
        assert row.synaptic / smallest.synaptic == pytest.approx((n - 1) / 2 + p - n)


def test_a_study_s_own_synaptic_noise_is_left_out() -> None:
    problem = isotropic(2, 3)
    noisy = replace(problem, synaptic_noise=1e-8)
    assert synaptic_comparison(noisy).to_dict() == synaptic_comparison(problem).to_dict()


def test_white_noise_beside_the_exact_result() -> None:
    """The first and fourth row of the theory's checked numbers: 1.3977e-11 and 1.684e-11."""
    problem = replace(
        isotropic(2, 2, 0.2), inputs=Gaussian(np.diag([2, 0.7])), learning_rate=0.0025
    )
    (plane,) = white_noise_comparison(problem).planes
    assert (f"{plane.study:.4e}", f"{plane.counterpart:.3e}") == ("1.3977e-11", "1.684e-11")


def test_rates_by_gradient_noise_have_the_error_expected_of_them(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """All planes of an isotropic network are alike, and so are their errors: ``|c| eta`` and more.

    White noise and noise on synapses are no expansions in the learning rate.
    """
    problem = isotropic(3, 3)
    found = evaluate(problem, order=2).next_order
    assert found is not None
    assert found.drift is not None
    correction = found.drift.diffusion[0]
    assert correction is not None
    least = problem.learning_rate * abs(correction)
    for comparison in (synaptic_comparison, white_noise_comparison, isotropic_comparison):
        result = comparison(problem)
        pairs = result.comparison if isinstance(result, SynapticComparison) else result
        for pair in (pairs.mean_decay, *pairs.planes):
            assert pair.study_expected_error is not None
            assert least < pair.study_expected_error < 1.2 * least
    assert run(["compare", "frequent_stimulus"]) == 0
    assert re.search(r"plane 1, 2 +\S+ \(\d", capsys.readouterr().out)


def test_isotropic_inputs_are_their_own_counterpart() -> None:
    result = isotropic_comparison(isotropic(3, 4))
    assert all(pair.ratio == pytest.approx(1, rel=1e-12) for _, pair in result.rows())


def test_isotropic_counterpart_keeps_the_total_variance() -> None:
    problem = replace(isotropic(2, 2), inputs=Gaussian(np.diag([3.0, 1.0])))
    result = isotropic_comparison(problem)
    expected = synaptic_comparison(isotropic(2, 2)).comparison.mean_decay.study
    assert result.mean_decay.counterpart == pytest.approx(expected, rel=1e-12)


def test_a_bottleneck_has_no_isotropic_counterpart() -> None:
    with pytest.raises(RequestError, match=r"^inputs have no isotropic counterpart .* tie"):
        isotropic_comparison(read_study("bottleneck").problem())


def test_one_hidden_axis_cannot_be_compared() -> None:
    with pytest.raises(RequestError, match="leaves one hidden axis"):
        synaptic_comparison(isotropic(1, 1))


@pytest.mark.parametrize(
    "inputs",
    [
        Gaussian(np.diag([2.0, 1.0])),
        Elliptical(np.diag([2.0, 1.0]), 0.3),
        StimulusSet(np.array([[1.0, 0.5], [0.2, 1.0]]), np.array([0.3, 0.7])),
        Samples(np.array([[1.0, 0.5], [0.2, 1.0], [-1.0, 0.3]])),
    ],
)
def test_scaled_inputs_scale_every_moment(inputs: InputDistribution) -> None:
    forms = np.array([[1.0, 0.3], [0.2, -1.0]])
    scaled = inputs.scaled(3.0)
    np.testing.assert_allclose(scaled.covariance, 3 * inputs.covariance, rtol=1e-13)
    np.testing.assert_allclose(
        scaled.product_covariance(forms, forms),
        9 * inputs.product_covariance(forms, forms),
        rtol=1e-12,
    )


def test_records_are_plain() -> None:
    problem = read_study("misaligned_teacher").problem()
    for comparison in (synaptic_comparison, white_noise_comparison, isotropic_comparison):
        record = comparison(problem).to_dict()
        assert json.loads(json.dumps(record)) == record


def test_every_comparison_from_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Table, JSON and CSV hold the same rates; axes of a silent unit turn by synapses alone."""
    assert run(["compare", "synaptic_noise", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert list(record) == ["study", "synaptic", "white", "isotropic", "warnings"]
    assert run(["compare", "synaptic_noise", "--csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    for name in ("synaptic", "white", "isotropic"):
        pairs = [record[name]["mean_decay"], *record[name]["planes"], *record[name]["stimuli"]]
        written = [row for row in rows if row["comparison"] == name]
        assert [float(row["counterpart"]) for row in written] == [
            pair["counterpart"] for pair in pairs
        ]
    silent = [row for row in rows if row["comparison"] == "synaptic" and row["name"] == "3, 5"]
    assert [(row["study"], row["ratio"]) for row in silent] == [("0.0", "")]
    assert run(["compare", "synaptic_noise"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "Gradient noise beside synaptic noise" in printed
    assert f"{record['synaptic']['synaptic_variance']:.5g} per weight and step" in printed


def test_a_comparison_that_is_refused_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["compare", "frequent_stimulus", "--set", "network.hidden=1", "--json"]) == 0
    output = capsys.readouterr()
    record = json.loads(output.out)
    assert record["synaptic"] is None
    assert record["isotropic"] is None
    assert "at least two hidden units" in output.err
    why = ("nothing can drift", "no comparison with synaptic", "no comparison with isotropic")
    for said, begins in zip(record["warnings"], why, strict=True):
        assert said.startswith(begins)
    assert run(["compare", "digits", "--json", "--csv"]) == 2


def test_an_aligned_study_is_compared_without_matrices_of_all_its_weights(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of 30 axes, 900 directions; silent units decay at ``varsigma^2 / (4 s)`` each beside them.

    All singular values are ``s``: an axis decays at ``varsigma^2 (29 / (8 s) + 4 / (4 s))``.
    """
    monkeypatch.setattr("symdrift.memory.available_memory", lambda: 0)
    size, silent = 30, 4
    axis = Stimulus("axis", np.eye(size)[0])
    problem = replace(isotropic(size, size + silent), stimuli=(axis,))
    found = synaptic_comparison(problem)
    (pair,) = found.comparison.stimuli
    value = 1 - 0.1 / 2
    each = found.synaptic_variance * ((size - 1) / (8 * value) + silent / (4 * value))
    assert pair.counterpart == pytest.approx(each, rel=1e-12)

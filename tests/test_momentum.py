"""Momentum in the derivation: only the effective rate counts at leading order."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import sympy as sp
from scipy.linalg import solve_continuous_lyapunov, solve_discrete_lyapunov

from symdrift.algebra.matrices import evaluate_matrix
from symdrift.derivation.steps import Equation
from symdrift.derivation.symbols import ETA
from symdrift.derivation.vocabulary import FLUCTUATION, NOISE
from symdrift.errors import CheckFailed, RequestError
from symdrift.evaluation.evaluate import evaluate_study
from symdrift.rules.linear import TwoLayerLinear
from symdrift.study import Study, read_study
from symdrift.study.learning_rules import require_derivable
from symdrift.study.reader import study_from_document
from symdrift.theory.derive import derive
from symdrift.theory.examples import Examples
from symdrift.theory.results import results
from symdrift.theory.rules.general_rule import SLOPE_OF_MEAN
from symdrift.theory.rules.momentum import MOMENTUM, momentum, two_layers
from symdrift.theory.subject import subject_of


def oja(**learning: float) -> Study:
    study = read_study("oja")
    return study.with_values({f"learning.{name}": value for name, value in learning.items()})


@cache
def stated() -> dict[str, Equation]:
    return {e.label: e for step in momentum() for e in step.equations}


@cache
def examples() -> Examples:
    return Examples()


def test_a_study_with_momentum_is_derived_and_its_plane_is_that_of_the_engine() -> None:
    study = oja(momentum=0.75)
    derivation = derive(study)
    numbers = {sp.Symbol(s, positive=True): v.evaluate({}) for s, v in study.values.items()}
    derived = derivation.equation("rule-plane-1-2").expression.rhs.xreplace(numbers)
    assert float(derived) == pytest.approx(evaluate_study(study).drift.covariance[0, 0], rel=1e-10)
    assert "momentum-rate" in derivation["rule-total"].rests_on


def test_without_momentum_nothing_is_said_of_it() -> None:
    labels = {e.label for step in derive(oja()).steps for e in step.equations}
    assert "rule-total" in labels
    assert not any("momentum" in label for label in labels)


def layers(rate: float, momentum: str | float, **fields: dict[str, object]) -> Study:
    """Two axes of a teacher with label noise, and an input that no output asks for."""
    document: dict[str, dict[str, object]] = {
        "network": {"inputs": 3, "outputs": 2, "hidden": 2},
        "inputs": {"covariance": [1.4, 0.9, 0.5]},
        "teacher": {"map": [1.0, 0.8], "label_noise": 0.02},
        "learning": {"rate": rate, "weight_decay": 0.05, "momentum": momentum, "batch": 2},
    }
    whole = {key: {**value, **fields.get(key, {})} for key, value in document.items()}
    if isinstance(momentum, str):
        whole["values"] = {"q": 0.6}
    return study_from_document(whole, "layers", Path("layers.toml"), Study)


@pytest.mark.parametrize("momentum", ["q", 0.6])
def test_results_of_two_layers_with_momentum_are_those_of_the_engine(momentum: str | float) -> None:
    """Which has velocities among its weights, and knows no effective rate."""
    study = layers(0.01, momentum)
    (minimum, planes, _) = results(examples(), subject_of(study))
    numbers = {sp.Symbol(s, positive=True): v.evaluate({}) for s, v in study.values.items()}
    known = {
        e.expression.lhs: e.expression.rhs
        for found in (minimum, planes)
        for e in found.equations
        if e.condition is None and isinstance(e.expression, sp.Equality)
    }
    plane = known[sp.Symbol("V_12", positive=True)]
    for _ in range(3):
        plane = plane.xreplace(known).xreplace(numbers)
    assert float(plane) == pytest.approx(evaluate_study(study).drift.covariance[0, 0], rel=1e-8)
    assert "the learning rate in these results is the effective one" in minimum.prose


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"learning": {"synaptic_noise": 1e-9}}, "learning.synaptic_noise = 1e-09"),
        ({"teacher": {"map": [[1.0, 0.1, 0.0], [0.0, 0.8, 0.0]]}}, "teacher.map"),
        ({"inputs": {"distribution": "elliptical", "kurtosis": 1.5}}, "inputs.distribution"),
    ],
)
def test_what_stands_in_the_way_of_two_layers_with_momentum_is_named(
    fields: dict[str, dict[str, object]], named: str
) -> None:
    with pytest.raises(RequestError) as refusal:
        require_derivable(layers(0.01, 0.6, **fields))
    assert str(refusal.value).startswith(named)
    assert 'stands in the way of a derivation under learning.rule = "sgd" with momentum' in str(
        refusal.value
    )


def test_the_effective_rate_of_a_study_is_told_and_a_gradient_without_decay_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    subject = subject_of(read_study("momentum"))
    (told,) = two_layers(examples(), subject)
    assert told.equations[0].expression.rhs == sp.Rational(1, 50)
    whole = TwoLayerLinear.update

    def without_decay(self, weights, sample_input, label_noise):  # type: ignore[no-untyped-def]
        return whole(replace(self, weight_decay=0), weights, sample_input, label_noise)

    monkeypatch.setattr(TwoLayerLinear, "update", without_decay)
    with pytest.raises(CheckFailed, match="two-layers"):
        list(two_layers(examples(), subject))


def test_velocity_and_weights_fluctuate_as_the_last_lines_say() -> None:
    """Another flow, noise and momentum than the checks have, at a small learning rate."""
    rate, kept = 1e-7, 0.9
    flow, kicks = np.array([[-1.0, 0.4], [-0.7, -3.0]]), np.array([[2.0, -0.5], [-0.5, 1.0]])
    one = np.eye(2)
    moved = np.block([[one + rate * flow, rate * kept * one], [flow, kept * one]])
    kicked = np.block([[rate**2 * kicks, rate * kicks], [rate * kicks, kicks]])
    found = solve_discrete_lyapunov(moved, kicked, method="bilinear")
    shift = np.block([[one, rate * kept / (1 - kept) * one], [0 * one, one]])
    shifted = shift @ found @ shift.T
    fluctuation = solve_continuous_lyapunov(flow, -rate / (1 - kept) * kicks)
    entries: dict[sp.Basic, sp.ImmutableMatrix] = {
        SLOPE_OF_MEAN: sp.ImmutableMatrix(flow),
        NOISE: sp.ImmutableMatrix(kicks),
        FLUCTUATION: sp.ImmutableMatrix(fluctuation),
    }
    measured = {
        "momentum-speeds": shifted[2:, 2:],
        "momentum-together": shifted[:2, 2:],
        "momentum-lag": found[:2, :2],
    }
    for label, covariance in measured.items():
        line = stated()[label].links[-1].expression.xreplace({MOMENTUM: kept, ETA: rate})
        derived = np.array(evaluate_matrix(line, entries), dtype=float)
        np.testing.assert_allclose(derived, covariance, rtol=1e-4, atol=1e-4 * derived.max())

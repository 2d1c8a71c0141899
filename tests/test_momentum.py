"""Momentum in the derivation: only the effective rate counts at leading order."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import sympy as sp
from scipy.linalg import solve_continuous_lyapunov, solve_discrete_lyapunov

from symdrift.algebra.matrices import evaluate_matrix
from symdrift.derivation.steps import Equation
from symdrift.derivation.symbols import ETA
from symdrift.derivation.vocabulary import FLUCTUATION, NOISE
from symdrift.errors import RequestError
from symdrift.evaluation.evaluate import evaluate_study
from symdrift.study import Study, read_study
from symdrift.study.learning_rules import require_derivable
from symdrift.theory.derive import derive
from symdrift.theory.rules.general_rule import SLOPE_OF_MEAN
from symdrift.theory.rules.momentum import MOMENTUM, momentum


def oja(**learning: float) -> Study:
    study = read_study("oja")
    return study.with_values({f"learning.{name}": value for name, value in learning.items()})


@cache
def stated() -> dict[str, Equation]:
    return {e.label: e for step in momentum() for e in step.equations}


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


def test_two_layers_with_momentum_are_refused() -> None:
    study = read_study("momentum")
    with pytest.raises(RequestError, match=r"learning\.momentum = 0\.75 cannot be derived here"):
        require_derivable(study)


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

"""Mean updates and fixed orbits of the shipped rules, against the rules themselves in numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
import sympy as sp

from symdrift.algebra.matrices import evaluate_matrix
from symdrift.derivation.steps import Equation
from symdrift.derivation.symbols import GAMMA, symbol
from symdrift.derivation.vocabulary import INPUT_COVARIANCE
from symdrift.errors import CheckFailed
from symdrift.evaluation.any_rule.traced_rule import SampleBlock, TracedRule
from symdrift.rules.oja import Oja
from symdrift.rules.rule import Rule
from symdrift.rules.similarity_matching import SimilarityMatching
from symdrift.rules.tied_autoencoder import TiedAutoencoder
from symdrift.theory.rules import rule_orbit
from symdrift.theory.rules.shipped_rules import RULES, TAU, weight
from symdrift.theory.rules.written_rules import LETTERS, WRITTEN

DECAY, SLOWNESS = 0.2, 0.5
NUMBERS: dict[sp.Basic, float] = {GAMMA: DECAY, TAU: SLOWNESS}
MADE: Mapping[str, Rule] = {
    "oja": Oja(),
    "tied_autoencoder": TiedAutoencoder(DECAY),
    "similarity_matching": SimilarityMatching(SLOWNESS),
}


def stated(name: str) -> dict[str, Equation]:
    return {e.label: e for step in rule_orbit.rule_orbit(name) for e in step.equations}


def test_every_shipped_rule_is_written_down() -> None:
    assert set(WRITTEN) == set(rule_orbit.WORDS) == set(RULES)


@pytest.mark.parametrize("name", RULES)
def test_the_last_line_of_the_mean_update_is_what_samples_do_on_average(name: str) -> None:
    """At weights that no rule has learned, for inputs whose axes are not those of the weights."""
    rng = np.random.default_rng(5)
    rule, sizes = MADE[name], {"inputs": 3, "outputs": 0, "hidden": 2}
    root = rng.standard_normal((3, 3))
    point = tuple(
        rng.standard_normal((sizes[rows], sizes[columns]))
        for rows, columns in rule.weights.values()
    )
    found = TracedRule(rule, sizes).mean_update(point, SampleBlock(root, np.zeros((0, 3))))
    entries: dict[sp.Basic, sp.ImmutableMatrix] = {
        LETTERS[key]: sp.ImmutableMatrix(matrix)
        for key, matrix in zip(rule.weights, point, strict=True)
    }
    entries[INPUT_COVARIANCE] = sp.ImmutableMatrix(root @ root.T)
    equations = stated(name)
    derived = [
        entry
        for key in rule.weights
        for entry in evaluate_matrix(
            equations[f"rule-mean-{key}"].links[-1].expression.xreplace(NUMBERS), entries
        )
    ]
    np.testing.assert_allclose(np.array(derived, dtype=float), found, rtol=1e-10)


@pytest.mark.parametrize("name", RULES)
def test_an_axis_rests_where_learning_ends(name: str) -> None:
    variances = np.array([2.0, 1.5, 0.7])
    point = MADE[name].fixed_points(np.diag(variances), {"inputs": 3, "outputs": 0, "hidden": 2})[0]
    assert point is not None
    equations = stated(name)
    for key, matrix in zip(MADE[name].weights, point, strict=True):
        for k, variance in enumerate(variances[:2]):
            rest = equations[f"rule-rest-{key}"].expression
            numbers = NUMBERS | {symbol("input_variance", "i"): variance}
            power = float(rest.lhs.xreplace({weight(key, "i"): matrix[k, k]}))
            assert power == pytest.approx(float(rest.rhs.xreplace(numbers)), rel=1e-14)


def test_a_rule_written_down_wrong_stops_its_document(monkeypatch: pytest.MonkeyPatch) -> None:
    """Weight decay twice as strong as the rule has it: the first two lines do not fit."""
    rule = WRITTEN["tied_autoencoder"]
    wrong = replace(rule, updates={"W": rule.updates["W"] - GAMMA * LETTERS["W"]})
    monkeypatch.setattr(rule_orbit, "WRITTEN", {rule.name: wrong})
    with pytest.raises(
        CheckFailed, match=r'"rule-sample-W" breaks between its lines 1 and 2: .* by "the rule"'
    ):
        list(rule_orbit.rule_orbit(rule.name))

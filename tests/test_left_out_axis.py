"""What an axis that is not learned adds to the drift, against full matrices in numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import sympy as sp

from symdrift.algebra.matrices import evaluate_matrix
from symdrift.algebra.rational import is_zero
from symdrift.derivation.steps import Equation
from symdrift.derivation.symbols import ETA, GAMMA, symbol
from symdrift.errors import CheckFailed
from symdrift.evaluation.any_rule.engine import rule_drift
from symdrift.evaluation.any_rule.traced_rule import SampleBlock, TracedRule
from symdrift.inputs import Gaussian
from symdrift.rules.oja import Oja
from symdrift.rules.rule import Rule
from symdrift.rules.similarity_matching import SimilarityMatching
from symdrift.rules.tied_autoencoder import TiedAutoencoder
from symdrift.study.learner import Learner
from symdrift.theory.rules import lateral_pairs, left_out_axis
from symdrift.theory.rules.lateral_pairs import matrices_at
from symdrift.theory.rules.left_out_weights import KICK, RATE, SCALE, LeftOutAxis
from symdrift.theory.rules.shipped_rules import RULES, TAU
from symdrift.theory.rules.written_rules import SAMPLE, WRITTEN, ExplicitNetwork

LI, LJ, LL = (symbol("input_variance", index) for index in "ijl")
VARIANCES = [2.0, 1.5, 0.7]
AT: dict[sp.Basic, float] = dict(zip((LI, LJ, LL), VARIANCES, strict=True))
NUMBERS: Mapping[str, dict[sp.Basic, float]] = {
    "oja": AT,
    "tied_autoencoder": AT | {GAMMA: 0.2},
    "similarity_matching": AT | {TAU: 0.5},
}
MADE: Mapping[str, Rule] = {
    "oja": Oja(),
    "tied_autoencoder": TiedAutoencoder(0.2),
    "similarity_matching": SimilarityMatching(0.5),
}


@cache
def stated(name: str) -> dict[str, Equation]:
    return {e.label: e for step in left_out_axis.left_out_axis(name) for e in step.equations}


def last_line(name: str, label: str) -> sp.Expr:
    """Without what its letters abbreviate."""
    scale = stated(name)["rule-scale"].links[-1].expression
    weights = LeftOutAxis(WRITTEN[name]).at_rest
    line = stated(name)[label].links[-1].expression
    return line.xreplace({SCALE: scale}).xreplace(weights)


def covariance(made: Rule, variances: list[float]) -> float:
    """Of the rotations in one plane at unit learning rate, by full matrices."""
    learner = Learner(
        made, {"hidden": 2}, Gaussian(np.diag(variances)), np.zeros(0), learning_rate=1.0
    )
    point = made.fixed_points(np.diag(variances), learner.sizes)[0]
    assert point is not None
    return float(rule_drift(learner, point).covariance[0, 0])


@pytest.mark.parametrize("name", RULES)
def test_the_last_line_is_what_the_axis_adds_to_the_engine(name: str) -> None:
    """The drift with it, less that of a network which has learned all of its inputs."""
    made, term = MADE[name], last_line(name, "rule-term").xreplace(NUMBERS[name])
    added = covariance(made, VARIANCES) - covariance(made, VARIANCES[:2])
    assert float(term) == pytest.approx(added, rel=1e-10)


def test_the_terms_of_oja_and_of_similarity_matching_are_the_closed_forms() -> None:
    oja = last_line("oja", "rule-term")
    assert is_zero(oja - LI * LJ * LL**2 / (2 * (LI + LJ - 2 * LL)))
    assert float(oja.xreplace(AT)) == pytest.approx(0.35, rel=1e-14)
    matching = last_line("similarity_matching", "rule-term").xreplace({TAU: sp.S.One})
    assert float(matching.xreplace(AT)) == pytest.approx(0.0690141, rel=1e-6)
    assert is_zero(matching.xreplace({LJ: LI}) - LL**2 / (4 * LI * (LI - LL)))


def test_the_term_of_the_tied_autoencoder_tends_to_that_of_oja_with_weight_decay() -> None:
    tied, oja = last_line("tied_autoencoder", "rule-term"), last_line("oja", "rule-term")
    assert is_zero(tied.xreplace({GAMMA: sp.S.Zero}) - oja)


@pytest.mark.parametrize("name", RULES)
def test_weights_from_the_axis_return_and_fluctuate_as_the_mean_dynamics_have_it(name: str) -> None:
    """Rate and variance against a numerical derivative of the mean update, and the balance."""
    made, sizes = MADE[name], {"inputs": 3, "outputs": 0, "hidden": 2}
    point = made.fixed_points(np.diag(VARIANCES), sizes)[0]
    assert point is not None
    root = SampleBlock(np.diag(np.sqrt(VARIANCES)), np.zeros((0, 3)))
    moved = [matrix.copy() for matrix in point]
    moved[0][0, 2] += 1e-6
    slope = TracedRule(made, sizes).mean_update(tuple(moved), root)[2] / 1e-6
    numbers = NUMBERS[name]
    rate, noise, spread = (
        float(last_line(name, label).xreplace(numbers | {ETA: 1.0}))
        for label in ("rule-return", "rule-kicks", "rule-spread")
    )
    assert rate == pytest.approx(-slope, rel=1e-5)
    assert spread == pytest.approx(noise / (2 * rate), rel=1e-14)


@pytest.mark.parametrize("tau", [0.3, 1.0, 1.7])
def test_learned_axes_of_similarity_matching_add_what_the_engine_has(tau: float) -> None:
    """Two learned axes and nothing else, and then a third one."""
    made = SimilarityMatching(tau)
    letters = (LI, LJ, symbol("input_variance", "k"))
    numbers = {letter: sp.Rational(str(at)) for letter, at in zip(letters, VARIANCES, strict=True)}
    known = matrices_at({**numbers, TAU: sp.Rational(str(tau))})
    own, third = (
        float(evaluate_matrix(stated("similarity_matching")[label].links[-1].expression, known))
        for label in ("rule-own-term", "rule-third-term")
    )
    assert own == pytest.approx(covariance(made, VARIANCES[:2]), rel=1e-9, abs=1e-12)
    learner = Learner(made, {"hidden": 3}, Gaussian(np.diag(VARIANCES)), np.zeros(0), 1.0)
    point = made.fixed_points(np.diag(VARIANCES), learner.sizes)[0]
    whole = rule_drift(learner, point).covariance[0, 0]
    assert own + third == pytest.approx(whole, rel=1e-9, abs=1e-12)


def test_a_sample_that_turns_the_layer_stops_its_document(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The lateral weights of one sample twice as fast as its rule has them."""
    axes = LeftOutAxis(WRITTEN["similarity_matching"])
    values = vars(ExplicitNetwork)["values"].func

    def faster(network: ExplicitNetwork) -> Mapping[sp.Basic, sp.ImmutableMatrix]:
        found = values(network)
        return {**found, SAMPLE["M"]: 2 * found[SAMPLE["M"]]}

    monkeypatch.setattr(ExplicitNetwork, "values", property(faster))
    with pytest.raises(CheckFailed, match=r'"lateral-still" breaks between its lines 2 and 3'):
        next(lateral_pairs.lateral_pairs(axes))


def test_a_rule_whose_mean_is_another_one_stops_its_document(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Oja's rule with half of what bounds the weights: the first chain that uses it breaks."""
    rule = WRITTEN["oja"]
    hebbian, bounded = rule.products["W"].args
    wrong = replace(rule, updates={"W": hebbian + bounded / 2})
    monkeypatch.setattr(left_out_axis, "WRITTEN", {rule.name: wrong})
    with pytest.raises(CheckFailed, match=r'"rule-linear-W" breaks between its lines 1 and 2'):
        list(left_out_axis.left_out_axis(rule.name))


def test_the_plane_turns_the_other_way_round_with_its_axes_exchanged() -> None:
    for name in RULES:
        first, second = (stated(name)[f"rule-answer-{k}"].links[-1].expression for k in "ij")
        exchanged = {
            RATE["i"]: RATE["j"], RATE["j"]: RATE["i"], KICK["i"]: KICK["j"], KICK["j"]: KICK["i"],
        }  # fmt: skip
        assert is_zero(first.xreplace(exchanged) + second)

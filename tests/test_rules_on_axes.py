"""Exact drift of the shipped rules, found from their terms with symbols for all numbers."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import sympy as sp

from symdrift.algebra.rational import is_zero
from symdrift.derivation.reliance import circle, reached
from symdrift.derivation.symbols import GAMMA, symbol
from symdrift.documents import write_derivation
from symdrift.errors import RequestError
from symdrift.evaluation.any_rule.engine import rule_drift
from symdrift.evaluation.evaluate import evaluate_study
from symdrift.inputs import Gaussian
from symdrift.rules.oja import Oja
from symdrift.rules.rule import Rule
from symdrift.rules.similarity_matching import SimilarityMatching
from symdrift.rules.tied_autoencoder import TiedAutoencoder
from symdrift.study import Study, read_study
from symdrift.study.learner import Learner
from symdrift.study.learning_rules import DERIVED_ON_AXES
from symdrift.theory.derive import derive
from symdrift.theory.rules.rule_area import RuleArea
from symdrift.theory.rules.rule_results import rule_results
from symdrift.theory.rules.shipped_rules import POINT, RULES, TAU, Shares, ShippedRule, shipped

LI, LJ, LK, LL = (symbol("input_variance", index) for index in "ijkl")

NAMES = DERIVED_ON_AXES


@cache
def rule(name: str) -> ShippedRule:
    found = shipped(name)
    # For every tau the shares take half a minute; one value leaves all variances free.
    return found.at({TAU: sp.Integer(1)}) if name == "similarity_matching" else found


def study_of(name: str) -> Study:
    return read_study(name)


def dense(made: Rule, variances: list[float], hidden: int) -> np.ndarray:
    """Covariance of rotations from full matrices, at unit learning rate."""
    learner = Learner(
        made, {"hidden": hidden}, Gaussian(np.diag(variances)), np.zeros(0), learning_rate=1.0
    )
    point = made.fixed_points(np.diag(variances), learner.sizes)[0]
    assert point is not None
    return rule_drift(learner, point).covariance


def summed(
    shares: Shares, variances: list[sp.Rational], hidden: int, gamma: sp.Rational
) -> np.ndarray:
    """The sum over axes for each plane."""
    known = {GAMMA: gamma}
    total = []
    for i in range(hidden):
        for j in range(i + 1, hidden):
            plane = known | {LI: variances[i], LJ: variances[j]}
            value = shares.own.xreplace(plane)
            for k in range(len(variances)):
                if k not in (i, j):
                    share, letter = (shares.learned, LK) if k < hidden else (shares.other, LL)
                    value += share.xreplace(plane | {letter: variances[k]})
            total.append(float(value))
    return np.array(total)


def test_a_rule_is_derived_where_a_study_may_ask_for_it_and_no_other_is_taken_for_it() -> None:
    assert set(RULES) == set(DERIVED_ON_AXES)
    with pytest.raises(KeyError):
        shipped("deep_linear")


def test_oja_drifts_by_what_is_not_learned_alone() -> None:
    shares = rule("oja").shares
    assert shares.own == shares.learned == 0
    assert is_zero(shares.other - LI * LJ * LL**2 / (2 * (LI + LJ - 2 * LL)))


@pytest.mark.parametrize("name", NAMES)
def test_terms_of_axes_are_displayed_with_positive_sums_below_the_line(name: str) -> None:
    for share in (rule(name).shares.own, rule(name).shares.learned, rule(name).shares.other):
        below = [part.base for part in sp.Mul.make_args(share) if part.as_base_exp()[1] < 0]
        sums = [part for part in below if part.is_Add]
        assert all(part.xreplace(POINT) > 0 and part.primitive()[0] == 1 for part in sums)
        assert share == 0 or sums


def test_meanings_of_a_rule_know_no_minimum_and_no_gradient() -> None:
    study = study_of("oja")
    derivation = derive(study)
    rows = " ".join(row.meaning for row in derivation.notation)
    assert "fixed orbit" in rows and "update noise" in rows
    assert not any(word in rows for word in ("minim", "gradient", "manifold", "both layers"))
    assert (
        str(derivation.equation("rule-plane-1-2").expression.rhs) == "3*nu**2/(1000000*(7 - 4*nu))"
    )


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("level", ["outline", "results"])
def test_no_equation_rests_on_itself_and_every_level_can_be_told(
    name: str, level: str, tmp_path: Path
) -> None:
    study = study_of(name)
    uses = {e.label: e.rests_on for step in derive(study).steps for e in step.equations}
    assert circle(uses) == ()
    assert write_derivation(study, tmp_path, ("tex",), level=level)


def test_where_learning_ends_needs_no_gaussian_inputs_and_the_drift_does() -> None:
    derivation = derive(study_of("oja"))
    uses = {e.label: e.rests_on for step in derivation.steps for e in step.equations}
    assert circle(uses) == ()
    assert {"rule-answer-i", "rule-lyapunov"} < reached("rule-term", uses)
    needing = set(derivation.needing("Gaussian inputs"))
    assert {"rule-spread", "rule-term", "rule-total"} <= needing
    assert not needing & {"rule-mean-W", "rule-rest-W", "rule-shape", "rule-return", "rule-kick"}


def test_similarity_matching_at_equal_variances_is_the_closed_form() -> None:
    shares, variance = rule("similarity_matching").shares, symbol("input_variance")
    assert shares.own == shares.learned == 0
    equal = shares.other.xreplace({LI: variance, LJ: variance})
    assert is_zero(equal - LL**2 / (4 * variance * (variance - LL)))


def test_the_tied_autoencoder_tends_to_oja_as_weight_decay_vanishes() -> None:
    shares = rule("tied_autoencoder").shares
    none = {GAMMA: sp.Integer(0)}
    assert shares.own.xreplace(none) == shares.learned.xreplace(none) == 0
    assert is_zero(shares.other.xreplace(none) - rule("oja").shares.other)


@pytest.mark.parametrize("name", NAMES)
def test_shares_add_up_to_the_dense_engine(name: str) -> None:
    rng = np.random.default_rng(3)
    gamma = sp.Rational(1, 5)
    made: Rule = {
        "oja": Oja(),
        "tied_autoencoder": TiedAutoencoder(float(gamma)),
        "similarity_matching": SimilarityMatching(1.0),
    }[name]
    for hidden, size in ((2, 3), (3, 6), (4, 4)):
        spectrum = sorted(rng.integers(11, 40, size), reverse=True)
        variances = [
            sp.Rational(int(value) + 40 * (k < hidden), 30) for k, value in enumerate(spectrum)
        ]
        found = dense(made, [float(value) for value in variances], hidden)
        expected = summed(rule(name).shares, variances, hidden, gamma)
        np.testing.assert_allclose(np.diagonal(found), expected, rtol=1e-10, atol=1e-14)
        assert np.abs(found - np.diag(np.diagonal(found))).max() < 1e-12


def test_similarity_matching_makes_noise_of_its_own_unless_both_layers_are_as_fast() -> None:
    variances = [sp.Rational(2), sp.Rational(3, 2), sp.Rational(9, 8), sp.Rational(7, 10)]
    numbers = dict(zip((LI, LJ, LK, LL), variances, strict=True)) | {TAU: sp.Rational(1, 2)}
    area = RuleArea(shipped("similarity_matching").at(numbers).on_axes(3, 1))
    assert all(area.shares[axes] > 0 for axes in ((), (2,), (3,)))
    found = dense(SimilarityMatching(0.5), [float(value) for value in variances], 3)
    assert float(sum(area.shares.values())) == pytest.approx(found[0, 0], rel=1e-12)


def test_similarity_matching_is_derived_at_the_slowness_of_its_study() -> None:
    """1 where a study does not say it; another one than that of the numbers it is checked at."""
    study = study_of("similarity_matching")
    planes = list(rule_results(study.with_values({"learning.tau": 1})))[-1]
    rate, (li, lj, ll) = sp.Rational(1, 100), (sp.Integer(2), sp.Rational(3, 2), sp.Rational(7, 10))
    expected = rule("similarity_matching").shares.other.xreplace({LI: li, LJ: lj, LL: ll})
    assert planes.equations[-1].expression.rhs == rate**3 * expected
    assert float(expected) == pytest.approx(0.0690141, rel=1e-6)


@pytest.mark.parametrize("name", [*NAMES[:2], pytest.param(NAMES[2], marks=pytest.mark.slow)])
def test_a_study_of_the_rule_is_derived_and_its_planes_are_those_of_the_engine(name: str) -> None:
    study = study_of(name)
    equation = derive(study).equation("rule-plane-1-2").expression
    numbers = {sp.Symbol(s, positive=True): v.evaluate({}) for s, v in study.values.items()}
    found = evaluate_study(study).drift.covariance
    assert float(equation.rhs.xreplace(numbers)) == pytest.approx(found[0, 0], rel=1e-10)


def test_one_axis_spans_no_plane_and_three_span_three() -> None:
    for hidden, told in ((1, "A single axis spans no plane."), (3, "rule-plane-1-2] to [eq:")):
        planes = list(rule_results(study_of("oja").with_values({"network.hidden": hidden})))[-1]
        assert told in planes.prose
        assert len(planes.equations) == 1 + hidden * (hidden - 1) // 2


def test_what_cannot_be_derived_is_refused_with_what_can() -> None:
    study = study_of("oja")
    with pytest.raises(RequestError, match="symdrift derive takes it with Gaussian inputs"):
        derive(study.with_values({"learning.synaptic_noise": 1e-6}))


@pytest.mark.parametrize("name", NAMES)
def test_no_sample_turns_the_layer_and_nothing_turns_it_on_average(name: str) -> None:
    area = RuleArea(rule(name).on_axes(2, 1))
    assert not any(area.rule.mean)
    assert not any(area.direct)
    assert area.mean_rotation == 0

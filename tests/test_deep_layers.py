"""Three linear layers at small weight decay, against full matrices in numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import sympy as sp

from symdrift.derivation.reliance import circle, reached
from symdrift.derivation.symbols import GAMMA, symbol
from symdrift.errors import CheckFailed, RequestError
from symdrift.evaluation.any_rule.engine import rule_drift
from symdrift.evaluation.any_rule.rule_result import rule_tables
from symdrift.evaluation.evaluate import evaluate_any_rule
from symdrift.inputs import Gaussian
from symdrift.rules.deep_linear import DeepLinear
from symdrift.study import Study, read_study
from symdrift.study.learner import Learner
from symdrift.study.learning_rules import require_derivable
from symdrift.study.reader import study_from_document
from symdrift.theory.derive import derive
from symdrift.theory.rules import deep_area
from symdrift.theory.rules.deep_axes import PLANES, area_numerators, left_out_share, share
from symdrift.theory.rules.deep_orbit import deep_orbit
from symdrift.theory.rules.deep_results import deep_results
from symdrift.theory.rules.shipped_rules import weight

VARIANCES, GAINS = (2.0, 1.5, 0.7, 0.4), (0.9, 1.3, 1.1)


def full(decay: float, learned: int, others: int, gains: tuple[float, ...]) -> np.ndarray:
    """Covariance of the rotations of both layers in the first plane, at unit learning rate."""
    variances = np.diag([*VARIANCES[:learned], *VARIANCES[3 : 3 + others]])
    size = learned + others
    teacher = np.diag([*gains[:learned], *[0.0] * others])
    made = DeepLinear(teacher, decay, 3)
    hidden = {"hidden_1": learned, "hidden_2": learned}
    learner = Learner(made, hidden, Gaussian(variances), np.zeros(size), learning_rate=1.0)
    # The first layer is on the axes: none of its units has changed places.
    point = made.fixed_points(variances, learner.sizes)[0]
    order = np.argmax(point[0], axis=1)
    found = rule_drift(learner, point)
    here = sorted(int(np.argwhere(order == axis)[0, 0]) + 1 for axis in (0, 1))
    rows = [k for k, plane in enumerate(found.planes) if [plane.i, plane.j] == here]
    return found.covariance[np.ix_(rows, rows)]


def terms(decay: float, learned: int, others: int, gains: tuple[float, ...]) -> np.ndarray:
    """What the terms of all axes add up to, with the cube of each weight at its gain."""
    numbers: dict[sp.Symbol, float] = {GAMMA: decay}
    for index, variance, gain in zip("ijk", VARIANCES, gains, strict=False):
        numbers |= {symbol("input_variance", index): variance, weight("W", index): gain ** (1 / 3)}
    numbers[symbol("input_variance", "l")] = VARIANCES[3]
    found = {
        layers: sum(float(share(k, layers).xreplace(numbers)) for k in "ijk"[:learned])
        + others * float(left_out_share(layers).xreplace(numbers))
        for layers in PLANES
    }
    return np.array([[found["11"], found["12"]], [found["12"], found["22"]]])


@pytest.mark.parametrize(("learned", "others"), [(2, 0), (2, 1), (3, 0)])
def test_terms_are_the_leading_order_of_full_matrices_linearly_in_weight_decay(
    learned: int, others: int
) -> None:
    """With unequal gains, for the two axes of a plane, one that is left out, and a third."""
    ratios = [
        full(decay, learned, others, GAINS) / terms(decay, learned, others, GAINS)
        for decay in (2e-3, 1e-3)
    ]
    assert np.abs(ratios[1] - 1).max() < 0.01
    np.testing.assert_allclose((ratios[0] - 1) / (ratios[1] - 1), 2.0, rtol=0.02)


def test_an_axis_that_is_left_out_adds_its_term_at_any_weight_decay() -> None:
    """The drift with it less that without, with weights where they rest."""
    decay = 0.15
    made = DeepLinear(np.diag(GAINS[:2]), decay, 3)
    sizes = {"inputs": 2, "outputs": 2, "hidden_1": 2, "hidden_2": 2}
    rested = made.fixed_points(np.diag(VARIANCES[:2]), sizes)[0][0].max(axis=0)
    numbers = {
        GAMMA: decay,
        **{symbol("input_variance", k): VARIANCES["ijkl".index(k)] for k in "ijl"},
        **{weight("W", k): float(size) for k, size in zip("ij", rested, strict=True)},
    }
    found = full(decay, 2, 1, GAINS) - full(decay, 2, 0, GAINS)
    for layers, place in {"11": (0, 0), "12": (0, 1), "22": (1, 1)}.items():
        expected = float(left_out_share(layers).xreplace(numbers))
        assert found[place] == pytest.approx(expected, rel=1e-9)


def of(document: dict[str, dict[str, object]]) -> Study:
    base = {
        "title": "Layers",
        "network": {"inputs": 3, "outputs": 3, "hidden": [2, 2]},
        "inputs": {"covariance": [0.7, 2.0, 0.5]},
        "teacher": {"map": [0.8, 0.8, 0]},
        "learning": {"rule": "deep_linear", "rate": 0.01, "weight_decay": 0.02},
    }
    whole = {
        key: {**value, **document.get(key, {})} if isinstance(value, dict) else value
        for key, value in base.items()
    }
    return study_from_document(whole, "layers", Path("layers.toml"), Study)


def test_planes_of_equal_gains_are_formulas_and_those_of_unequal_ones_are_sums_of_terms() -> None:
    (equal,) = deep_results(of({"learning": {"batch": 2}}))
    labels = [equation.label for equation in equal.equations]
    assert labels == ["deep-total", *(f"deep-plane-{layers}-1-2" for layers in ("11", "12", "22"))]
    li, lj, ll = sp.Integer(2), sp.Rational(7, 10), sp.Rational(1, 2)
    scale = sp.Rational(1, 100) ** 3 / 4 * sp.Rational(1, 50) ** 4
    scale /= sp.Rational(4, 5) ** sp.Rational(4, 3)
    own = (li + 3 * lj) * (3 * li + lj) / (6 * li * lj * (li + lj))
    for equation, turned in zip(equal.equations[1:], (9, 18, 36), strict=True):
        expected = scale * (own + ll / (turned * li * lj))
        assert sp.N(equation.expression.rhs) == pytest.approx(float(expected), rel=1e-14)
    (unequal,) = deep_results(of({"teacher": {"map": [0.8, 0.6, 0]}}))
    assert [equation.label for equation in unequal.equations] == ["deep-total"]
    assert "The gains of this study differ" in unequal.prose


def test_a_document_says_how_far_the_leading_order_is_from_full_matrices() -> None:
    """The ratios of the shipped study, of which the engine's numbers are those of the theory."""
    (planes,) = deep_results(read_study("three_layers"))
    assert "1.53 to 1.56 times" in planes.prose
    assert "1.09 times" in planes.prose
    leading = float(planes.equations[1].expression.rhs)
    assert 2.95648e-9 / leading == pytest.approx(1.526, abs=1e-3)
    # An exact fraction of long numbers, which is read in decimals.
    assert planes.equations[1].expression.rhs.is_Rational
    assert str(planes.equations[1].told.rhs) == f"{leading:.4e}".replace("e-0", "e-")


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({"network": {"hidden": [2, 3]}}, "network.hidden"),
        ({"network": {"hidden": [2, 2, 2]}}, "network.hidden"),
        ({"teacher": {"label_noise": 0.1}}, "teacher.label_noise"),
        ({"learning": {"synaptic_noise": 1e-9}}, "learning.synaptic_noise"),
        ({"learning": {"minimum": 2}}, "learning.minimum"),
        ({"teacher": {"map": [[0.8, 0, 0], [0, 0.8, 0], [0, 0, 0]]}}, "teacher.map"),
    ],
)
def test_what_stands_in_the_way_of_three_layers_is_named(
    document: dict[str, dict[str, object]], field: str
) -> None:
    with pytest.raises(RequestError, match=rf"^{field} .*stands in the way"):
        require_derivable(of(document))


def test_axes_that_are_not_learned_are_refused_where_a_unit_is_there_for_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """At once: deriving what stands above the results takes minutes."""
    begun: list[str] = []
    monkeypatch.setattr("symdrift.theory.derive.log_stage", begun.append)

    def refused_at_once(study: Study) -> str:
        with pytest.raises(RequestError) as refused:
            derive(study)
        assert not begun
        return str(refused.value)

    few = refused_at_once(of({"teacher": {"map": [0.8, 0.8, 0.1]}}))
    assert few.startswith("network.hidden = [2, 2] must be [3, 3]")
    assert "report have the numbers" in refused_at_once(of({"network": {"hidden": [1, 1]}}))
    strong = refused_at_once(of({"learning": {"weight_decay": 0.3}}))
    assert strong.startswith("learning.weight_decay = 0.3 must be above")
    wide = refused_at_once(read_study("oja").with_values({"network.hidden": 4}))
    assert wide.startswith("network.hidden = 4 must be at most 3")


def test_units_that_no_axis_needs_are_said_to_change_nothing() -> None:
    wide = of({"network": {"hidden": [3, 3]}})
    with pytest.raises(RequestError, match="the drift is the same without them"):
        list(deep_results(wide))
    found, narrow = (evaluate_any_rule(study.learner()).drift for study in (wide, of({})))
    turning = np.flatnonzero(np.diagonal(found.covariance) > 0)
    np.testing.assert_allclose(found.covariance[np.ix_(turning, turning)], narrow.covariance)


def test_the_bound_on_weight_decay_is_where_an_axis_no_longer_lowers_the_loss() -> None:
    """Lowest loss just below it has both axes, just above it one."""
    bound = 0.7 * 0.4 ** (4 / 3)
    for factor, learned in ((0.999, 2), (1.001, 1)):
        made = DeepLinear(np.diag([0.8, 0.8]), factor * bound, 3)
        sizes = {"inputs": 2, "outputs": 2, "hidden_1": 2, "hidden_2": 2}
        point = made.fixed_points(np.diag([2.0, 0.7]), sizes)[0]
        assert np.count_nonzero(point[0] > 1e-9) == learned


def test_errors_that_unbalance_layers_stop_the_document(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rule that forgets one of its layers: the chain of its update breaks."""
    whole = DeepLinear.update

    def lazy(self, weights, sample_input, label_noise):  # type: ignore[no-untyped-def]
        first, *others = whole(self, weights, sample_input, label_noise)
        return (first / 2, *others)

    monkeypatch.setattr(DeepLinear, "update", lazy)
    with pytest.raises(CheckFailed, match="deep-sample"):
        list(deep_orbit())


def test_a_wrong_area_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = area_numerators
    monkeypatch.setattr(
        deep_area, "area_numerators", lambda layer, k: whole("2" if layer == "1" else "1", k)
    )
    with pytest.raises(CheckFailed, match="deep-area"):
        list(deep_area.deep_area())


@pytest.mark.slow
def test_what_is_left_out_needs_no_small_weight_decay_and_what_is_learned_does() -> None:
    derivation = derive(read_study("three_layers"))
    uses = {e.label: e.rests_on for step in derivation.steps for e in step.equations}
    assert circle(uses) == ()
    small, gaussian = (
        set(derivation.needing(name)) for name in ("small weight decay", "Gaussian inputs")
    )
    assert {"deep-third", "deep-own", "deep-total", "deep-equal-11"} <= small
    assert not small & {"deep-flow", "deep-kick-ij", "deep-rows-1", "deep-read-1"}
    assert {"deep-left-11", "deep-third", "deep-noise-ij"} <= gaussian
    assert not gaussian & {"deep-kept-1", "deep-rest", "deep-flow", "deep-rows-1", "deep-answer-ik"}
    assert {"deep-read-1", "deep-changed-2", "rule-lyapunov"} < reached(
        "deep-third", uses
    ) | reached("deep-equal-third", uses)
    rows = " ".join(row.meaning for row in derivation.notation)
    assert not any(word in rows for word in ("minim", "gradient", "manifold"))


def test_ends_that_were_looked_for_from_starting_points_say_that_there_may_be_others() -> None:
    """A teacher off the axes has no formula: six ways and nothing learned are all that is known."""
    off = of({
        "network": {"inputs": 2, "outputs": 2},
        "inputs": {"covariance": [2.0, 0.7]},
        "teacher": {"map": [[1.0, 0.2], [0.1, 0.8]]},
    })  # fmt: skip
    found = evaluate_any_rule(off.learner())
    assert found.minimum.orbit.reached == 6
    assert any("there may be more" in warning for warning in found.warnings)
    (table,) = (t for t in rule_tables(found) if t.title.startswith("Where learning ends"))
    assert "6 starting points, of which 6 lead here, and at no weights" in table.caption
    on = evaluate_any_rule(read_study("three_layers").learner())
    assert not any(t.caption for t in rule_tables(on) if t.title.startswith("Where learning ends"))

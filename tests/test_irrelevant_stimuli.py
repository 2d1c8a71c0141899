"""Irrelevant inputs: exact terms against the engine and published forms, and the page of them."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
import sympy as sp

from symdrift.algebra.rational import is_zero
from symdrift.derivation.symbols import GAMMA
from symdrift.documents import irrelevant_stimuli
from symdrift.documents.irrelevant_stimuli import (
    CASES,
    LAYERS,
    MOST_INPUTS,
    RATE,
    SIMULATED,
    Case,
    HiddenLayer,
)
from symdrift.evaluation.evaluate import evaluate_any_rule, evaluate_study
from symdrift.figures.style import save
from symdrift.theory.irrelevant_inputs import RULES, VARIANCE
from symdrift.theory.rules.shipped_rules import TAU
from symdrift.theory.special_cases import IRRELEVANT_VARIANCE

ROOT = Path(__file__).parents[1]
NU = IRRELEVANT_VARIANCE
N, P = sp.symbols("n p")
SUPERVISED = [layer for layer in LAYERS if layer.gain == 0]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_terms_add_up_to_what_evaluate_finds(case: Case) -> None:
    """The engine and the dense road of two layers know no term."""
    study = case.study(sp.Rational(3, 10))
    found = evaluate_study(study).drift.covariance[0, 0]
    assert case.rotation(sp.Rational(3, 10)) * RATE**3 == pytest.approx(found, rel=1e-8)
    noise = 1e-9
    more = evaluate_study(study.with_values({"learning.synaptic_noise": noise})).drift
    direct = noise * float(case.axes.synaptic.subs(case.numbers(sp.Rational(3, 10))))
    assert more.covariance[0, 0] - found == pytest.approx(direct, rel=1e-6)


def in_full(
    layer: HiddenLayer, nu: float, decay: float, inputs: int = 5, noise: float = 0.0
) -> float:
    """Variance of the rotation of a plane with 3 units in each hidden layer."""
    study = layer.study(sp.Rational(nu), (inputs, 3)).with_values({
        "learning.weight_decay": decay, "learning.synaptic_noise": noise
    })  # fmt: skip
    drift = evaluate_any_rule(study.learner()).drift
    (k,) = (
        k
        for k, plane in enumerate(drift.planes)
        if (plane.layer, plane.i, plane.j) == (f"hidden_{layer.layer}", 1, 2)
    )
    return float(drift.covariance[k, k])


@pytest.mark.parametrize("layer", SUPERVISED, ids=lambda layer: layer.name)
@pytest.mark.parametrize("over", [1, 100])
def test_terms_of_three_layers_are_what_full_matrices_tend_to_with_the_weight_decay(
    layer: HiddenLayer, over: int
) -> None:
    """Linearly, at an irrelevant variance as small as the decay and at one much larger."""
    beyond = []
    for decay in (2e-3, 1e-3):
        nu = over * decay
        terms = layer.axes.at({VARIANCE: 1, NU: nu, GAMMA: decay})
        turned = in_full(layer, nu, decay)
        added = turned - in_full(layer, nu, decay, inputs=4)
        noise = 1e3 * turned
        direct = in_full(layer, nu, decay, noise=noise) - turned
        beyond.append([
            turned / RATE**3 / float(terms.variance(5, 3)) - 1,
            added / RATE**3 / float(terms.irrelevant) - 1,
            direct / noise / float(terms.synaptic) - 1,
        ])  # fmt: skip
    assert np.abs(beyond).max() < 0.02
    np.testing.assert_allclose(np.divide(beyond[0], beyond[1]), 2.0, rtol=0.03)


@pytest.mark.parametrize("layer", LAYERS[:2], ids=lambda layer: layer.name)
def test_what_is_asked_for_adds_to_three_layers_what_full_matrices_tend_to(
    layer: HiddenLayer,
) -> None:
    """An autoencoder with a bottleneck, at a variance far above the weight decay."""
    assert layer.gain == 1
    beyond = []
    for decay in (4e-4, 2e-4):
        added = in_full(layer, 0.3, decay) - in_full(layer, 0.3, decay, inputs=4)
        terms = layer.axes.at({VARIANCE: 1, NU: sp.Rational(3, 10), GAMMA: decay})
        beyond.append(added / RATE**3 / float(terms.irrelevant) - 1)
    assert np.abs(beyond).max() < 0.02
    assert beyond[0] / beyond[1] == pytest.approx(2.0, rel=0.03)


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.name)
def test_numbers_of_three_layers_add_up_to_what_a_larger_network_has(layer: HiddenLayer) -> None:
    found = in_full(layer, 0.3, float(irrelevant_stimuli.DECAY))
    nu = sp.Rational(3, 10)
    assert layer.rotation(nu, sizes=(5, 3)) * RATE**3 == pytest.approx(found, rel=1e-8)


@pytest.mark.parametrize(
    ("name", "published"),
    [
        ("Oja's rule", NU**2 * (P - 1) * (N - P) / 8),
        ("similarity matching", NU**2 * (P - 1) * (N - P) / 8),
        ("two layers, autoencoder", NU**2 * (P - 1) * (N - P) / 32),
        ("two layers, supervised", GAMMA**4 * (P - 1) * (P + 2 + (N - P) * NU / 2) / 16),
    ],
)
def test_small_forms_are_the_published_ones(name: str, published: sp.Expr) -> None:
    """``(p - 1) V / (2 eta^3)`` at learned variance one, of arXiv 2510.21588."""
    small = RULES[name]().small
    for n, p in ((4, 2), (9, 3), (9, 8), (5, 5)):
        numbers = {VARIANCE: sp.S.One, TAU: sp.S.One}
        found = (p - 1) * small.at(numbers).variance(n, p) / 2
        assert is_zero(found - published.subs({N: n, P: p}))


@pytest.mark.parametrize("name", RULES)
def test_exponents_are_slopes_of_the_terms_at_small_numbers(name: str) -> None:
    axes = RULES[name]()

    def slope(term: sp.Expr, letter: sp.Symbol) -> float:
        at = {VARIANCE: 1, TAU: sp.S.Half, NU: sp.Rational(1, 10**9), GAMMA: sp.Rational(1, 10**18)}
        values = [sp.log(term.subs({**at, letter: by * at[letter]})).evalf(30) for by in (1, 10)]
        return float((values[1] - values[0]) / sp.log(10))

    own, decay, variance = irrelevant_stimuli.exponents(axes)
    assert (own is None) == (axes.pair == 0)
    if own is not None:
        assert slope(axes.pair, GAMMA) == pytest.approx(own, abs=1e-6)
    assert slope(axes.irrelevant, GAMMA) == pytest.approx(decay, abs=1e-6)
    assert slope(axes.irrelevant, NU) == pytest.approx(variance, abs=1e-6)


def test_exact_forms_are_larger_by_what_small_ones_leave_out() -> None:
    for name, ratio in (
        ("Oja's rule", VARIANCE / (VARIANCE - NU)),
        ("tied autoencoder", VARIANCE / (VARIANCE - NU)),
        ("similarity matching", VARIANCE / (VARIANCE - NU)),
        ("two layers, autoencoder", VARIANCE**2 / (VARIANCE**2 - NU**2)),
    ):
        axes = RULES[name]()
        over = axes.irrelevant.xreplace({GAMMA: sp.S.Zero}) / axes.small.irrelevant
        assert is_zero(sp.together(over) - ratio)


@pytest.mark.parametrize("case", CASES[:3:2], ids=lambda case: case.name)
def test_drift_by_irrelevant_inputs_alone_rises_and_falls_to_zero(case: Case) -> None:
    sizes = range(2, MOST_INPUTS + 1)
    seen = [(p - 1) * case.rotation(SIMULATED, sizes=(MOST_INPUTS, p)) for p in sizes]
    largest = int(np.argmax(seen))
    assert 0 < largest < len(seen) - 1
    assert seen[-1] == 0


def test_supervised_drift_by_irrelevant_inputs_has_two_limits() -> None:
    """Linear in the variance beyond the weight decay, quadratic below it."""
    irrelevant = RULES["two layers, supervised"]().irrelevant
    one = {VARIANCE: sp.S.One}
    at = {GAMMA: sp.Rational(1, 10**6), NU: sp.Rational(1, 100)}
    assert float((irrelevant / GAMMA**4).subs(one | at)) == pytest.approx(0.01 / 16, rel=1e-3)
    at = {GAMMA: sp.Rational(1, 100), NU: sp.Rational(1, 10**6)}
    small = GAMMA**3 * NU**2 / 16
    assert float((irrelevant / small).subs(one | at)) == pytest.approx(1, rel=1e-3)


def test_an_irrelevant_input_turns_the_first_of_three_layers_twice_as_far_as_the_second() -> None:
    first, second = (layer.axes for layer in SUPERVISED)
    assert is_zero(first.irrelevant - 4 * second.irrelevant)
    assert is_zero(first.pair - second.pair) and is_zero(first.third - second.third)
    assert [row.small.irrelevant.coeff(NU) for row in (first, second)] == [
        GAMMA**4 / (turned * VARIANCE**2) for turned in (9, 36)
    ]


def test_the_page_is_what_the_code_writes_now() -> None:
    page = irrelevant_stimuli.page(irrelevant_stimuli.kept())
    assert page == (ROOT / "docs" / "irrelevant_stimuli.md").read_text("utf-8"), (
        "write it again: python -m symdrift.documents.irrelevant_stimuli"
    )


@pytest.mark.slow
def test_the_figure_is_what_the_code_draws_now(tmp_path: Path) -> None:
    drawn_with = json.loads((ROOT / "generated" / "versions.json").read_text("utf-8"))
    if drawn_with != {name: version(name) for name in drawn_with}:
        pytest.skip("drawn with other versions")
    figure = irrelevant_stimuli.figure(irrelevant_stimuli.kept())
    found = save(figure, tmp_path / "irrelevant_stimuli.svg").read_bytes()
    assert found == (ROOT / "docs" / "irrelevant_stimuli.svg").read_bytes()


def test_simulations_agree_with_the_exact_forms_and_tell_them_from_small_ones() -> None:
    """Within three standard errors of the exact form, and further from the small one."""
    kept = irrelevant_stimuli.kept()
    cases = (*CASES, *LAYERS)
    assert set(kept) == {case.name for case in cases}
    for case in cases:
        ratio, error = kept[case.name]["ratio"], kept[case.name]["standard_error"]
        assert abs(ratio - 1) < 3 * error < 0.06
        assert ratio - case.small_rotation(SIMULATED) / case.rotation(SIMULATED) > 3 * error

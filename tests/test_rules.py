"""What one sample does: a rule descends its loss, and turning the hidden layer turns its steps."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from operator import truediv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from symdrift import rules
from symdrift.algebra.matrix_terms import SAMPLE, Letter, evaluate
from symdrift.evaluation.dense.coordinates import joined
from symdrift.evaluation.dense.operator import expected_gradient
from symdrift.rules.deep_linear import DeepLinear
from symdrift.rules.heavy_ball import HeavyBall
from symdrift.rules.linear import TwoLayerLinear
from symdrift.rules.noisy_synapses import SynapticNoise
from symdrift.rules.oja import Oja
from symdrift.rules.own_rule import OwnRule, RuleText
from symdrift.rules.rule import Rule
from symdrift.rules.similarity_matching import SimilarityMatching
from symdrift.rules.tied_autoencoder import TiedAutoencoder
from symdrift.study.problem import Array

Sizes = tuple[int, int, int]
"""Inputs, outputs and hidden units."""
SIZES = st.tuples(*[st.integers(1, 4)] * 3)
Entries = Callable[[int, int], Any]
Fraction = Callable[[int, int], Any]

RULES: dict[type[Rule], Callable[[Sizes, Entries, Fraction], Rule]] = {
    TwoLayerLinear: lambda sizes, matrix, number: TwoLayerLinear(
        matrix(sizes[1], sizes[0]), number(3, 10)
    ),
    DeepLinear: lambda sizes, matrix, number: DeepLinear(
        matrix(sizes[1], sizes[0]), number(1, 10), 3
    ),
    TiedAutoencoder: lambda sizes, matrix, number: TiedAutoencoder(number(3, 10)),
    Oja: lambda sizes, matrix, number: Oja(),
    SimilarityMatching: lambda sizes, matrix, number: SimilarityMatching(number(1, 2)),
    HeavyBall: lambda sizes, matrix, number: HeavyBall(Oja(), number(1, 2), number(1, 10)),
    SynapticNoise: lambda sizes, matrix, number: SynapticNoise(Oja(), 0.1),
    OwnRule: lambda sizes, matrix, number: OwnRule(
        RuleText(
            weights={"U": ("outputs", "hidden"), "V": ("hidden", "inputs")},
            update={"U": "(target - U @ y) @ y.T / scale", "V": "trace(U.T @ U) * y @ x.T - V"},
            define={"y": "V @ x"},
            activity={"hidden": "y"},
            parameters={"scale": number(1, 2)},
        ),
        matrix(sizes[1], sizes[0]),
    ),
}
"""An example of each rule; what it needs of matrices, ``matrix(rows, columns)`` gives, and of
numbers ``number(top, bottom)``.
"""


def lengths_of(rule: Rule, sizes: Sizes) -> dict[str, int]:
    """Length of each axis by its name."""
    inputs, outputs, hidden = sizes
    return {"inputs": inputs, "outputs": outputs} | dict.fromkeys(rule.hidden_axes, hidden)


def weights_of(rule: Rule, sizes: Sizes, matrix: Entries) -> tuple[Any, ...]:
    """Weights of a rule in their order, each of its own shape."""
    units = lengths_of(rule, sizes)
    return tuple(matrix(units[rows], units[columns]) for rows, columns in rule.weights.values())


def drawn(sizes: Sizes, seed: int) -> tuple[TwoLayerLinear, tuple[Array, Array]]:
    """A rule and weights of ``sizes = (n, m, p)``."""
    inputs, outputs, hidden = sizes
    random = np.random.default_rng(seed)
    rule = TwoLayerLinear(random.normal(size=(outputs, inputs)), 0.3)
    return rule, (random.normal(size=(hidden, inputs)), random.normal(size=(outputs, hidden)))


def test_every_rule_has_an_example() -> None:
    for path in Path(rules.__file__).parent.glob("[!_]*.py"):
        if path.stem != "rule":
            import_module(f"symdrift.rules.{path.stem}")
    ours = [rule for rule in Rule.__subclasses__() if rule.__module__.startswith("symdrift.")]
    assert {rule.__name__ for rule in ours} == {rule.__name__ for rule in RULES}


@given(sizes=SIZES, seed=st.integers(0, 99))
def test_the_update_descends_the_loss_of_its_sample(sizes: Sizes, seed: int) -> None:
    rule, weights = drawn(sizes, seed)
    random = np.random.default_rng(seed + 100)
    x, noise = random.normal(size=(sizes[0], 1)), random.normal(size=(sizes[1], 1))
    ways = [random.normal(size=matrix.shape) for matrix in weights]

    def loss(size: float) -> float:
        first, second = (w + size * d for w, d in zip(weights, ways, strict=True))
        moved = (first, second)
        return float(rule.loss(moved, rule.error(moved, x, noise), np.trace))

    # The loss is a polynomial of fourth degree along a line: these differences are exact.
    slope = (8 * (loss(0.5) - loss(-0.5)) - (loss(1.0) - loss(-1.0))) / 6
    changes = rule.update(weights, x, noise)
    along = sum(float(np.sum(c * d)) for c, d in zip(changes, ways, strict=True))
    assert slope == pytest.approx(-along, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("kind", RULES, ids=lambda kind: kind.__name__)
@settings(max_examples=30)
@given(sizes=SIZES, seed=st.integers(0, 99))
def test_turned_weights_learn_turned(kind: type[Rule], sizes: Sizes, seed: int) -> None:
    """Every hidden layer by a rotation of its own."""
    random = np.random.default_rng(seed)

    def matrix(rows: int, columns: int) -> Array:
        return random.normal(size=(rows, columns))

    rule = RULES[kind](sizes, matrix, truediv)
    weights = weights_of(rule, sizes, matrix)
    rotations = {name: np.linalg.qr(matrix(*sizes[2:] * 2))[0] for name in rule.hidden_axes}
    x, noise = matrix(sizes[0], 1), matrix(sizes[1], 1)
    turned = rule.turned(rotations, weights)
    for one, other in zip(
        rule.update(turned, x, noise),
        rule.turned(rotations, rule.update(weights, x, noise)),
        strict=True,
    ):
        np.testing.assert_allclose(one, other, rtol=1e-7, atol=1e-9 * np.abs(other).max())
    seen, before = rule.activities(turned, x), rule.activities(weights, x)
    assert tuple(seen) == tuple(before) == rule.hidden_axes
    for name, rotation in rotations.items():
        expected = rotation @ before[name]
        np.testing.assert_allclose(
            seen[name], expected, rtol=1e-7, atol=1e-9 * np.abs(expected).max()
        )


@pytest.mark.parametrize("kind", RULES, ids=lambda kind: kind.__name__)
def test_turned_weights_learn_turned_for_every_angle(kind: type[Rule]) -> None:
    """The same as an identity: the half-angle makes an arbitrary rotation rational."""
    half = sp.Symbol("t", real=True)
    cosine, sine = (1 - half**2) / (1 + half**2), 2 * half / (1 + half**2)
    rotation = sp.Matrix([[cosine, sine], [-sine, cosine]])
    letters = sp.numbered_symbols()

    def matrix(rows: int, columns: int) -> sp.Matrix:
        return sp.Matrix(rows, columns, lambda *_: next(letters))

    sizes = (1, 1, 2) if kind in (DeepLinear, SimilarityMatching, OwnRule) else (3, 2, 2)
    rule = RULES[kind](sizes, matrix, sp.Rational)
    weights, rotations = weights_of(rule, sizes, matrix), dict.fromkeys(rule.hidden_axes, rotation)
    x, noise = matrix(sizes[0], 1), matrix(sizes[1], 1)
    learned = rule.update(rule.turned(rotations, weights), x, noise)
    expected = rule.turned(rotations, rule.update(weights, x, noise))
    for one, other in zip(learned, expected, strict=True):
        assert (one - other).applyfunc(sp.cancel).is_zero_matrix


@pytest.mark.parametrize("kind", RULES, ids=lambda kind: kind.__name__)
def test_a_rule_is_written_in_terms_whose_axes_fit(kind: type[Rule]) -> None:
    """That they fit is the proof of its symmetry; numbers in their places give the update."""
    sizes, random = (3, 2, 2), np.random.default_rng(0)

    def matrix(rows: int, columns: int) -> Array:
        return random.normal(size=(rows, columns))

    rule = RULES[kind](sizes, matrix, truediv)
    letters = tuple(Letter(*axes, name) for name, axes in rule.weights.items())
    samples = Letter("inputs", SAMPLE, "x"), Letter("outputs", SAMPLE, "epsilon")
    terms = rule.update(letters, *samples)
    assert [(t.rows, t.columns) for t in terms] == [*rule.weights.values()]
    weights, drawn = weights_of(rule, sizes, matrix), (matrix(3, 1), matrix(2, 1))
    found = evaluate(terms, dict(zip((*letters, *samples), (*weights, *drawn), strict=True)))
    for one, other in zip(found, rule.update(weights, *drawn), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)


def test_two_layers_are_the_least_depth() -> None:
    sizes, random = (3, 2, 4), np.random.default_rng(1)

    def matrix(rows: int, columns: int) -> Array:
        return random.normal(size=(rows, columns))

    shallow, weights = drawn(sizes, 1)
    deep = DeepLinear(shallow.teacher, shallow.weight_decay, 2)
    x, noise = matrix(3, 1), matrix(2, 1)
    assert [*deep.weights.values()] == [*shallow.weights.values()]
    for one, other in zip(
        deep.update(weights, x, noise), shallow.update(weights, x, noise), strict=True
    ):
        np.testing.assert_allclose(one, other, atol=1e-14)


@pytest.mark.parametrize("layers", [2, 3, 5])
def test_a_deep_network_descends_its_loss(layers: int) -> None:
    letters = sp.numbered_symbols()

    def matrix(rows: int, columns: int) -> sp.Matrix:
        return sp.Matrix(rows, columns, lambda *_: next(letters))

    rule = DeepLinear(matrix(1, 2), sp.Rational(3, 10), layers)
    weights, x, noise = weights_of(rule, (2, 1, 1), matrix), matrix(2, 1), matrix(1, 1)
    loss = rule.loss(weights, rule.error(weights, x, noise), sp.Matrix.trace)
    for layer, change in zip(weights, rule.update(weights, x, noise), strict=True):
        assert (layer.applyfunc(lambda w: loss.diff(w)) + change).expand().is_zero_matrix


def test_a_tied_autoencoder_descends_its_loss() -> None:
    letters = sp.numbered_symbols()
    weights = (sp.Matrix(2, 2, lambda *_: next(letters)),)
    x = sp.Matrix(2, 1, lambda *_: next(letters))
    rule = TiedAutoencoder(sp.Rational(3, 10))
    loss = rule.loss(weights, x, sp.Matrix.trace)
    (change,) = rule.update(weights, x, sp.zeros(1, 1))
    assert (weights[0].applyfunc(lambda w: loss.diff(w)) + change).expand().is_zero_matrix


@pytest.mark.parametrize("kind", RULES, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("seed", range(3))
def test_weights_of_a_formula_stay_where_they_are(kind: type[Rule], seed: int) -> None:
    """On average over inputs of any covariance; a teacher shares their axes."""
    random = np.random.default_rng(seed)
    axes = np.linalg.qr(random.normal(size=(4, 4)))[0]
    variances = np.array([2.0, 1.2, 1.1, 0.4])
    covariance = (axes * variances) @ axes.T
    rule = RULES[kind]((4, 4, 2), lambda *_: np.diag([0.9, 1.0, 1.2, 0.8]), truediv)
    if isinstance(rule, DeepLinear):
        rule = DeepLinear((axes * np.diagonal(rule.teacher)) @ axes.T, 0.1, 3)
    points = rule.fixed_points(covariance, lengths_of(rule, (4, 4, 2)))
    assert bool(points) == (kind not in (TwoLayerLinear, OwnRule))
    # An update is a sum over samples, so that a root of the covariance stands for all of them.
    for weights in points:
        for change in rule.update(weights, axes * np.sqrt(variances), np.zeros((4, 4))):
            np.testing.assert_allclose(change, 0, atol=1e-12)


def test_momentum_is_a_rate_in_disguise() -> None:
    """``theta + eta beta / (1 - beta) v`` moves by ``eta / (1 - beta) F``, step by step."""
    rate, beta, random = 0.1, 0.7, np.random.default_rng(3)
    rule = HeavyBall(Oja(), beta, rate)
    core, share = rule.core
    weights, velocity = random.normal(size=(2, 2, 3))
    for _ in range(5):
        x, nothing = random.normal(size=(3, 1)), np.zeros((1, 1))
        (expected,) = core.update((weights,), x, nothing)
        changes = rule.update((weights, velocity), x, nothing)
        after, later = weights + rate * changes[0], velocity + rate * changes[1]
        smooth = after + rate * beta / (1 - beta) * later
        before = weights + rate * beta / (1 - beta) * velocity
        np.testing.assert_allclose(smooth - before, rate * share * expected, atol=1e-12)
        weights, velocity = after, later


def test_the_mean_update_is_the_slope_of_the_expected_loss() -> None:
    """Over the corners of a cube, whose second moment is the identity, without an error."""
    rule, (first, second) = drawn((3, 2, 2), 7)
    corners = np.array(np.meshgrid(*[[-1.0, 1.0]] * 3)).reshape(3, -1)
    updates = [
        joined(*rule.update((first, second), corner[:, np.newaxis], np.zeros((2, 1))))
        for corner in corners.T
    ]
    point = joined(first, second)
    np.testing.assert_allclose(
        np.mean(updates, axis=0),
        -expected_gradient(point, rule.teacher, np.eye(3), rule.weight_decay),
        atol=1e-12,
    )

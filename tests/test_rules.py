"""What one sample does: a rule descends its loss, and turning the hidden layer turns its steps."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from symdrift import rules
from symdrift.evaluation.dense.coordinates import joined
from symdrift.evaluation.dense.operator import expected_gradient
from symdrift.rules.linear import TwoLayerLinear
from symdrift.rules.rule import Rule
from symdrift.study.problem import Array

Sizes = tuple[int, int, int]
"""Inputs, outputs and hidden units."""
SIZES = st.tuples(*[st.integers(1, 4)] * 3)
Entries = Callable[[int, int], Any]

RULES: dict[type[Rule], Callable[[Sizes, Entries], Rule]] = {
    TwoLayerLinear: lambda sizes, matrix: TwoLayerLinear(matrix(sizes[1], sizes[0]), 0.3),
}
"""An example of each rule; what it needs of matrices, ``matrix(rows, columns)`` gives."""


def weights_of(kind: type[Rule], sizes: Sizes, matrix: Entries) -> tuple[Any, ...]:
    """Weights of a rule in their order, each of its own shape."""
    units = dict(zip(("inputs", "outputs", "hidden"), sizes, strict=True))
    return tuple(matrix(units[rows], units[columns]) for rows, columns in kind.weights.values())


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
    assert {rule.__name__ for rule in Rule.__subclasses__()} == {rule.__name__ for rule in RULES}


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
@given(sizes=SIZES, seed=st.integers(0, 99))
def test_turned_weights_learn_turned(kind: type[Rule], sizes: Sizes, seed: int) -> None:
    random = np.random.default_rng(seed)

    def matrix(rows: int, columns: int) -> Array:
        return random.normal(size=(rows, columns))

    rule, weights = RULES[kind](sizes, matrix), weights_of(kind, sizes, matrix)
    rotation = np.linalg.qr(matrix(sizes[2], sizes[2]))[0]
    x, noise = matrix(sizes[0], 1), matrix(sizes[1], 1)
    turned = rule.turned(rotation, weights)
    for one, other in zip(
        rule.update(turned, x, noise),
        rule.turned(rotation, rule.update(weights, x, noise)),
        strict=True,
    ):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(
        rule.representation(turned, x), rotation @ rule.representation(weights, x), atol=1e-12
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

    sizes = (3, 2, 2)
    rule, weights = RULES[kind](sizes, matrix), weights_of(kind, sizes, matrix)
    x, noise = matrix(sizes[0], 1), matrix(sizes[1], 1)
    learned = rule.update(rule.turned(rotation, weights), x, noise)
    expected = rule.turned(rotation, rule.update(weights, x, noise))
    for one, other in zip(learned, expected, strict=True):
        assert (one - other).applyfunc(sp.cancel).is_zero_matrix


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

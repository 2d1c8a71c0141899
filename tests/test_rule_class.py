"""A rule of one's own as a Python class is the rule that its text would be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import symdrift
from symdrift.evaluation.evaluate import evaluate_any_rule


class Oja:
    weights = {"W": ("hidden", "inputs")}  # noqa: RUF012

    def update(self, W: Any, x: Any) -> Any:
        y = W @ x
        return {"W": y @ x.T - y @ y.T @ W}

    def activity(self, W: Any, x: Any) -> Any:
        return {"hidden": W @ x}


class Matching:
    weights = {"W": ("hidden", "inputs"), "M": ("hidden", "hidden")}  # noqa: RUF012

    def __init__(self, tau: float) -> None:
        self.parameters = {"tau": tau}

    def update(self, W: Any, M: Any, x: Any, tau: Any) -> Any:
        y = M.inv() @ W @ x
        return {"W": y @ x.T - W, "M": (y @ y.T - M) / tau}

    def activity(self, W: Any, M: Any, x: Any) -> Any:
        return {"hidden": M.inv() @ W @ x}


class Tied:
    weights = {"W": ("hidden", "inputs")}  # noqa: RUF012

    def loss(self, W: Any, x: Any) -> Any:
        error = x - W.T @ W @ x
        # A third has no short decimal: numbers of the class are kept to the last digit.
        return (error.T @ error).trace() / 2 + (1 / 3) / 2 * (W @ W.T).trace()

    def activity(self, W: Any, x: Any) -> Any:
        return {"hidden": W @ x}


class Supervised:
    weights = {"W": ("hidden", "inputs"), "U": ("outputs", "hidden")}  # noqa: RUF012

    def loss(self, U: Any, W: Any, x: Any, target: Any, weight_decay: Any) -> Any:
        error = target - U @ W @ x
        return (error.T @ error).trace() / 2 + weight_decay / 2 * (
            (W @ W.T).trace() + (U.T @ U).trace()
        )

    def activity(self, W: Any, x: Any) -> Any:
        return {"hidden": W @ x}


def drift(study: symdrift.Study) -> tuple[np.ndarray, np.ndarray]:
    found = evaluate_any_rule(study.learner()).drift
    return found.covariance, found.mean_rotation


@pytest.mark.parametrize(
    ("base", "rule", "shipped"),
    [
        ("oja", Oja(), {}),
        ("steady_rotation", Oja(), {}),
        ("oja", Matching(0.3), {"learning.rule": "similarity_matching", "learning.tau": 0.3}),
        ("oja", Tied(), {"learning.rule": "tied_autoencoder", "learning.weight_decay": 1 / 3}),
        ("anisotropic_autoencoder", Supervised(), {}),
    ],
    ids=["oja", "skewed inputs", "similarity matching", "tied autoencoder", "two layers"],
)
def test_a_class_gives_the_numbers_of_the_shipped_rule(
    base: str, rule: object, shipped: dict[str, str | float]
) -> None:
    study = symdrift.read_study(base)
    expected = drift(study.with_values(shipped) if shipped else study)
    for found, known in zip(drift(study.with_rule(rule)), expected, strict=True):
        np.testing.assert_allclose(found, known, rtol=1e-10, atol=1e-22)


def test_a_class_is_a_part_of_the_study() -> None:
    study = symdrift.read_study("oja").with_rule(Matching(0.5))
    slower = study.with_values({"rule.parameters.tau": 0.8})
    fresh = symdrift.read_study("oja").with_rule(Matching(0.8))
    np.testing.assert_allclose(drift(slower)[0], drift(fresh)[0], rtol=1e-10)
    assert symdrift.evaluate_rule(study).parameters["rule.parameters.tau"] == 0.5


def changed(**attributes: Any) -> object:
    return type("Changed", (Oja,), attributes)()


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (
            changed(update=lambda self, W, x: {"W": np.tanh(W @ x) @ x.T - W}),
            r"^rule\.update does what a rule cannot do .* basis of the hidden layer",
        ),
        (
            changed(update=lambda self, W, x: {"W": (W @ x) * (W @ x) @ x.T}),
            r'^rule\.update does not fit: "\(W @ x\) \* \(W @ x\)" multiplies',
        ),
        (
            changed(update=lambda self, W: {"W": W.sum(axis=0)}),
            r"^rule\.update does what a rule cannot do \(.*sum",
        ),
        (
            changed(update=lambda self, W, z: {"W": W}),
            r'^rule\.update asks for "z", which is not there: known are x, target',
        ),
        (
            changed(update=lambda self, W: {"W": 3}),
            r"^rule\.update\.W = 3 must be made of the weights and the sample",
        ),
        (
            changed(update=lambda self, W, x: {"W": W if W @ x else -1 * W}),
            r"^rule\.update does what a rule cannot do \(W @ x is neither true nor false\)",
        ),
        (
            changed(weights={"W": ("hidden", "input")}),
            r'^rule\.weights\.W has the axis "input"; axes are inputs, outputs, hidden',
        ),
        (changed(weights={"W": ("hidden", 2)}), r"^rule\.weights\.W = .* must be its two axes"),
        (Oja, r"^rule is the class Oja; give an object of it"),
        (changed(update=3), r"^rule\.update = 3 must be a method"),
        (changed(weights={"W": "hidden"}), r"^rule\.weights\.W = 'hidden' must be its two axes"),
        (changed(weights=3), r"^rule\.weights = 3 must be a dictionary"),
        (changed(activity=None), r"^rule\.activity is missing"),
        (Supervised(), r"^rule\.weights\.U has the axis outputs, and the study has none"),
    ],
)
def test_a_class_that_is_no_rule_is_refused(rule: object, message: str) -> None:
    with pytest.raises(symdrift.RequestError, match=message):
        symdrift.read_study("oja").with_rule(rule)

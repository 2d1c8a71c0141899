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


class Tied(Oja):
    update = None

    def loss(self, W: Any, x: Any) -> Any:
        error = x - W.T @ W @ x
        # A third has no short decimal: numbers of the class are kept to the last digit.
        return (error.T @ error).trace() / 2 + (1 / 3) / 2 * (W @ W.T).trace()


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


class _Elementwise(Oja):
    def update(self, W: Any, x: Any) -> Any:
        return {"W": np.tanh(W @ x) @ x.T - W}


class _EntryByEntry(Oja):
    def update(self, W: Any, x: Any) -> Any:
        return {"W": (W @ x) * (W @ x) @ x.T}


class _Summed(Oja):
    def update(self, W: Any) -> Any:
        return {"W": W.sum(axis=0)}


class _Unknown(Oja):
    def update(self, W: Any, z: Any) -> Any:
        return {"W": W}


class _Number(Oja):
    def update(self, W: Any) -> Any:
        return {"W": 3}


class _NoMethod(Oja):
    update = 3


class _NoAxes(Oja):
    weights = {"W": "hidden"}  # noqa: RUF012


class _NoTable(Oja):
    weights = 3


class _Incomplete(Oja):
    activity = None


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (_Elementwise(), r"^rule\.update does what a rule cannot do .* basis of the hidden layer"),
        (_EntryByEntry(), r'^rule\.update does not fit: "\(W @ x\) \* \(W @ x\)" multiplies'),
        (_Summed(), r"^rule\.update does what a rule cannot do \(.*sum"),
        (_Unknown(), r'^rule\.update asks for "z", which is not there: known are x, target'),
        (_Number(), r"^rule\.update\.W = 3 must be made of the weights and the sample"),
        (_NoMethod(), r"^rule\.update = 3 must be a method"),
        (_NoAxes(), r"^rule\.weights\.W = 'hidden' must be its two axes"),
        (_NoTable(), r"^rule\.weights = 3 must be a dictionary"),
        (_Incomplete(), r"^rule\.activity is missing"),
        (Supervised(), r"^network\.outputs is missing|^rule\."),
    ],
)
def test_a_class_that_is_no_rule_is_refused(rule: object, message: str) -> None:
    with pytest.raises(symdrift.RequestError, match=message):
        symdrift.read_study("oja").with_rule(rule)

"""A rule of one's own in a document: its update, the proof of its symmetry, what is found of it."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pytest
import sympy as sp

from symdrift.derivation.steps import Equation, Step
from symdrift.derivation.vocabulary import FIRST_LAYER, INPUT
from symdrift.errors import CheckFailed, RequestError
from symdrift.evaluation.evaluate import evaluate_any_rule
from symdrift.study import Study, read_study
from symdrift.study.learning_rules import require_derivable
from symdrift.study.reader import study_from_document
from symdrift.theory.derive import derive
from symdrift.theory.rules import own_results as own_module
from symdrift.theory.rules.own_results import own_results

LAYERS = """
[network]
inputs = 3
outputs = 2
hidden = [2, 2]
[inputs]
covariance = [2.0, 1.2, 0.7]
[learning]
rule = "own"
rate = 0.01
weight_decay = 0.1
[rule]
weights = { A = ["hidden_1", "inputs"], B = ["hidden_2", "hidden_1"], C = ["outputs", "hidden_2"] }
define = { e = "target - C @ B @ A @ x" }
loss = "trace(e.T @ e)/2 + weight_decay/2*(trace(A.T@A) + trace(B.T@B) + trace(C.T@C))"
activity = { hidden_1 = "A @ x", hidden_2 = "B @ A @ x" }
"""


def layers() -> Study:
    return study_from_document(tomllib.loads(LAYERS), "layers", Path("layers.toml"), Study)


def stated(steps: list[Step]) -> dict[str, Equation]:
    return {equation.label: equation for step in steps for equation in step.equations}


def test_whitening_is_written_out_and_drifts_as_its_closed_form() -> None:
    """By hand ``V = (n + 2) / 8 eta^3`` and rates of 2; rows of ``W`` whiten the inputs."""
    steps = list(own_results(read_study("whitening")))
    found = stated(steps)
    written = FIRST_LAYER - FIRST_LAYER * INPUT * INPUT.T * FIRST_LAYER.T * FIRST_LAYER
    assert (found["own-update-W"].expression.rhs - written).doit() == sp.ZeroMatrix(
        *FIRST_LAYER.shape
    )
    for plane in range(1, 4):
        value = found[f"own-plane-{plane}"].expression.rhs
        assert float(value) == pytest.approx(5 / 8 * 0.005**3, rel=1e-4)
    assert [float(found[f"own-{end}"].expression.rhs) for end in ("slowest", "fastest")] == [2, 2]
    point = np.array(found["own-rest-W"].expression.rhs.tolist(), dtype=float)
    np.testing.assert_allclose(point @ np.diag([2.0, 1.5, 0.7]) @ point.T, np.eye(3), atol=1e-4)
    assert "over the units of hidden in" in steps[0].prose
    assert "6 lead to the orbit" in steps[1].prose


def test_several_layers_have_planes_of_their_own() -> None:
    """Three layers by descent, of which the engine's rule has the same numbers."""
    study = layers()
    found = stated(list(own_results(study)))
    variances = np.diagonal(evaluate_any_rule(study.learner()).drift.covariance)
    for number, variance in enumerate(variances, start=1):
        assert float(found[f"own-plane-{number}"].expression.rhs) == pytest.approx(
            variance, rel=1e-4
        )
    assert {"own-update-A", "own-update-B", "own-update-C"} < found.keys()


def test_a_document_of_the_rule_begins_with_what_holds_for_any() -> None:
    derivation = derive(read_study("whitening"))
    sections = list(dict.fromkeys(step.section for step in derivation.steps))
    assert sections == ["Any rule that does not know its hidden basis", "The rule of this study"]
    assert derivation.of_any_rule
    assert all(check.passed for step in derivation.steps for check in step.checks)


def test_what_is_no_rotation_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Turned by a matrix that stretches too, the update of turned weights is another one."""
    monkeypatch.setattr(own_module, "_TRIPLES", ((3, 4, 6),))
    with pytest.raises(CheckFailed, match=r'"own-update" failed its check: In a small network'):
        next(own_results(read_study("whitening")))


@pytest.mark.parametrize("field", ["learning.momentum", "learning.synaptic_noise"])
def test_what_is_added_to_a_rule_of_ones_own_is_refused(field: str) -> None:
    with pytest.raises(RequestError, match=f"^{field} = .* stands in the way of a derivation"):
        require_derivable(read_study("whitening").with_values({field: 1e-6}))

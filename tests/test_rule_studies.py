"""Studies of every learning rule: their files, their numbers, and what they are refused."""

from __future__ import annotations

import csv
import io
import json
import re
import tomllib
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from shipped import OTHER_RULES

import symdrift
from symdrift.cli import run
from symdrift.errors import RequestError
from symdrift.evaluation.sweep_axes import parse_axis
from symdrift.study import Study, shipped_studies
from symdrift.study.learning_rules import is_derived_on_axes, require_derivable
from symdrift.study.model import RULES
from symdrift.study.reader import study_from_document
from symdrift.study.schema import study_schema

CHECKER = jsonschema.Draft7Validator(study_schema())
INPUTS = "[network]\ninputs = 3\nhidden = 2\n[inputs]\ncovariance = [2.0, 1.5, 0.7]\n"
OWN = {
    "oja": """
weights = { W = ["hidden", "inputs"] }
define = { y = "W @ x" }
update = { W = "y @ x.T - y @ y.T @ W" }
activity = { hidden = "y" }
""",
    "similarity_matching": """
weights = { W = ["hidden", "inputs"], M = ["hidden", "hidden"] }
define = { y = "inv(M) @ W @ x" }
update = { W = "y @ x.T - W", M = "(y @ y.T - M)/slow" }
activity = { hidden = "y" }
parameters = { slow = "tau" }
""",
    "tied_autoencoder": """
weights = { W = ["hidden", "inputs"] }
define = { e = "x - W.T @ W @ x" }
loss = "trace(e.T @ e)/2 + weight_decay/2*trace(W.T @ W)"
activity = { hidden = "W @ x" }
""",
}
FIELDS = {"similarity_matching": "tau = 0.5", "tied_autoencoder": "weight_decay = 0.2"}


def shipped_text(rule: str) -> str:
    return f'{INPUTS}[learning]\nrule = "{rule}"\nrate = 0.01\n{FIELDS.get(rule, "")}\n'


def own_text(rule: str) -> str:
    field = FIELDS.get(rule, "") if rule == "tied_autoencoder" else ""
    values = "[values]\ntau = 0.5\n" if rule == "similarity_matching" else ""
    learning = f'[learning]\nrule = "own"\nrate = 0.01\n{field}\n'
    return f"{INPUTS}{learning}[rule]{OWN[rule]}{values}"


def study_of(document: dict[str, Any]) -> Study:
    return study_from_document(document, "example", Path("example.toml"), Study)


def study(text: str) -> Study:
    return study_of(tomllib.loads(text))


def refused(text: str) -> str:
    with pytest.raises(RequestError) as caught:
        study(text)
    message = str(caught.value)
    assert "\n" not in message
    return message


# --- Numbers ----------------------------------------------------------------------------

PRINTED = {
    "oja": [0.35],
    "similarity_matching": [0.249628],
    # (n + 2) / 8 whatever the inputs.
    "whitening": [5 / 8] * 3,
    "tied_autoencoder": [0.415837],
    "three_layers": [0.00295648, 0.00302604],
    # Two-layer SGD at four times the rate: 1.0931e-6 at 0.02.
    "momentum": [1.0931e-6 / 0.005**3],
    # Mean rotation and variance by simulation: `tests/test_validate_rule.py`.
    "steady_rotation": [0.01288789],
}
"""``V / eta^3`` by plane."""


@pytest.mark.parametrize("name", OTHER_RULES)
def test_examples_give_the_printed_numbers(name: str) -> None:
    example = symdrift.read_study(name)
    found = symdrift.evaluate_rule(example)
    scaled = np.diagonal(found.drift.covariance) / found.parameters["learning_rate"] ** 3
    np.testing.assert_allclose(scaled, PRINTED[name], rtol=3e-5 if name == "momentum" else 3e-6)
    # Symmetric inputs turn nothing steadily, to the last digit.
    assert found.drift.mean_rotation.any() == (name == "steady_rotation")


@pytest.mark.parametrize("name", ["three_layers", "momentum"])
def test_layers_that_trade_scale_need_weight_decay(name: str) -> None:
    example = symdrift.read_study(name).with_values({"learning.weight_decay": 0.0})
    with pytest.raises(RequestError, match="= 0 is refused: without weight decay layers trade"):
        symdrift.evaluate_rule(example)


@pytest.mark.parametrize(
    ("name", "change", "field"),
    [
        ("steady_rotation", {}, "inputs.distribution"),
        ("oja", {"learning.synaptic_noise": 1e-9}, "learning.synaptic_noise"),
        ("similarity_matching", {"learning.synaptic_noise": 1e-9}, "learning.synaptic_noise"),
    ],
)
def test_what_stands_in_the_way_of_a_derivation_is_named(
    name: str, change: dict[str, float], field: str
) -> None:
    with pytest.raises(RequestError, match=rf"^{re.escape(field)} = \S+ stands in the way"):
        require_derivable(symdrift.read_study(name).with_values(change))


def test_a_rule_without_a_derivation_is_refused_by_its_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A rule has its numbers before anybody has derived it."""
    monkeypatch.setattr("symdrift.study.learning_rules._DERIVED", ("sgd", "deep_linear"))
    sentence = 'learning.rule = "oja" has no derivation; those that have one are sgd, deep_linear'
    with pytest.raises(RequestError, match=f"^{sentence}, own$"):
        require_derivable(symdrift.read_study("oja"))
    assert not is_derived_on_axes(symdrift.read_study("oja"))


@pytest.mark.parametrize("size", [2, 4])
def test_whitening_drifts_as_fast_whatever_its_inputs_are(size: int) -> None:
    """What it has made white is all that it sees: by hand ``V = (n + 2) / 8 eta^3``."""
    random = np.random.default_rng(size)
    root = random.standard_normal((size, size)) + 2 * np.eye(size)
    document = tomllib.loads(shipped_studies()["whitening"].read_text("utf-8"))
    document["network"] = {"inputs": size, "hidden": size}
    document["inputs"]["covariance"] = (root @ root.T).tolist()
    found = symdrift.evaluate_rule(study_of(document)).drift
    variances = np.diagonal(found.covariance)
    np.testing.assert_allclose(variances, (size + 2) / 8 * 0.005**3, rtol=1e-8)
    np.testing.assert_allclose(found.covariance, np.diag(variances), atol=1e-8 * variances[0])


def test_both_layers_turn_together() -> None:
    found = symdrift.evaluate_rule(symdrift.read_study("three_layers"))
    record = found.to_dict()
    assert record["drift"]["layers"] == ["hidden_1", "hidden_2"]
    assert record["drift"]["planes"] == [[1, 2], [1, 2]]
    assert record["drift"]["covariance"][0][1] == pytest.approx(0.00299097e-6, rel=3e-6)


@pytest.mark.parametrize("rule", sorted(OWN))
def test_a_shipped_rule_written_down_gives_the_same_numbers(rule: str) -> None:
    ours, theirs = (
        {each.column: each.value for each in symdrift.evaluate_rule(study(text)).listed()}
        for text in (own_text(rule), shipped_text(rule))
    )
    assert ours == pytest.approx(theirs, rel=1e-10, abs=1e-22)
    assert theirs["drift.covariance.1-2"] > 1e-8


def test_plain_networks_have_the_same_numbers_on_the_road_of_any_rule() -> None:
    example = symdrift.read_study("anisotropic_autoencoder")
    one, other = symdrift.evaluate(example), symdrift.evaluate_rule(example)
    np.testing.assert_allclose(np.diagonal(other.drift.covariance), one.drift.variances, rtol=1e-9)
    assert other.validity.critical_rate == pytest.approx(one.validity.critical_rate, rel=1e-6)
    for mine, theirs in zip(other.layers[0].stimuli, one.stimuli, strict=True):
        assert mine.decay_rate == pytest.approx(theirs.decay_rate, rel=1e-9)


def test_momentum_is_a_larger_rate_and_synaptic_noise_adds() -> None:
    plain = symdrift.evaluate_rule(study(shipped_text("oja")))
    moving = study(shipped_text("oja")).with_values(
        {"learning.momentum": 0.5, "learning.rate": 0.005, "learning.synaptic_noise": 1e-7}
    )
    found = symdrift.evaluate_rule(moving)
    drift = found.drift
    np.testing.assert_allclose(drift.area, plain.drift.area, rtol=1e-12)
    # Oja's ``psi`` of a plane is ``(1 / l_1, -1 / l_2) / (1 / l_1 + 1 / l_2)``.
    direct = 1e-7 * (2.0**2 + 1.5**2) / (2.0 + 1.5) ** 2
    np.testing.assert_allclose(drift.direct, [[direct]], rtol=1e-12)
    assert found.parameters["momentum"] == 0.5


def test_a_batch_divides_the_drift_of_any_rule() -> None:
    one, four = (
        symdrift.evaluate_rule(study(shipped_text("oja")).with_values({"learning.batch": batch}))
        for batch in (1, 4)
    )
    np.testing.assert_allclose(16 * four.drift.covariance, one.drift.covariance, rtol=1e-12)


def test_a_rule_can_have_a_teacher_and_several_hidden_layers() -> None:
    taught = tomllib.loads("""
title = "Three layers, written down"
network = { inputs = 2, outputs = 2, hidden = [2, 2] }
inputs = { covariance = [2.0, 0.7] }
learning = { rule = "own", rate = 0.01, weight_decay = 0.2 }
[rule]
weights = { A = ["hidden_1", "inputs"], B = ["hidden_2", "hidden_1"], C = ["outputs", "hidden_2"] }
define = { y = "A @ x", z = "B @ y", e = "target - C @ z" }
loss = "trace(e.T @ e)/2 + weight_decay/2*(trace(A @ A.T) + trace(B @ B.T) + trace(C @ C.T))"
activity = { hidden_1 = "y", hidden_2 = "z" }
""")
    # From small weights a deep network may learn one axis only, which is an end like the other.
    one, found = (
        symdrift.evaluate_rule(study_of(taught).with_values({"learning.minimum": number}))
        for number in (1, 2)
    )
    assert (one.minimum.rank, one.minimum.orbits, found.minimum.rank) == (1, 3, 2)
    assert not one.drift.covariance.any()
    assert "nothing drifts" in one.warnings[-1]
    np.testing.assert_allclose(
        found.drift.covariance,
        symdrift.evaluate_rule(symdrift.read_study("three_layers")).drift.covariance,
        rtol=1e-8,
    )
    strong = study_of(taught).with_values({"learning.weight_decay": 5.0})
    assert symdrift.evaluate_rule(strong).drift.planes == ()


# --- On the command line ----------------------------------------------------------------


def test_tables_say_what_is_not_known(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["evaluate", "momentum"]) == 0
    out, err = capsys.readouterr()
    text = " ".join(out.split())
    assert "momentum: learning rule sgd with momentum 0.75, dense method" in text
    assert "Numbers may be off by up to" in text
    assert "learning rate over the critical rate 0.0" in text
    assert err == ""
    assert run(["evaluate", "three_layers", "--steps-per-day", "1e6"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "Time scales by stimulus, in days, hidden_2" in text


def test_json_has_the_fields_of_every_study(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["evaluate", "oja", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert run(["evaluate", "bottleneck", "--json", "--order", "1"]) == 0
    plain = json.loads(capsys.readouterr().out)
    assert set(plain) <= set(record)
    for block in ("minimum", "fluctuation", "validity"):
        assert set(plain[block]) - {"certificate", "others"} <= set(record[block])
    assert set(plain["stimuli"][0]) == set(record["stimuli"][0])
    assert record["drift"]["planes"] == [[1, 2]]
    assert "layers" not in record["drift"]
    assert record["parameters"]["learning_rule"] == "oja"
    assert record["minimum"]["loss"] is None


def test_sweeps_go_point_by_point(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """``V = eta^3 l_i l_j nu^2 / (2 (l_i + l_j - 2 nu))``; a point that ties is a gap."""
    request = ["evaluate", "oja", "--sweep", "nu=0.3:1.5:3"]
    assert run([*request, "--csv", "--plot", str(tmp_path / "nu.png")]) == 0
    out, err = capsys.readouterr()
    rows = list(csv.DictReader(io.StringIO(out)))
    for row in rows[:2]:
        nu = float(row["nu"])
        expected = 1e-6 * 3 * nu**2 / (2 * (3.5 - 2 * nu))
        assert float(row["drift.covariance.1-2"]) == pytest.approx(expected, rel=1e-10)
    assert "where variances or gains tie" in rows[2]["refused"]
    assert "refused: learning.rule stands still" in err
    assert run(request) == 0
    assert "Diffusion and decay rates" in capsys.readouterr().out


def test_sweeps_of_several_layers_are_arrays() -> None:
    example = symdrift.read_study("three_layers")
    arrays = symdrift.sweep(example, [parse_axis("learning.rate=0.005:0.01:2")]).to_dataset()
    assert list(arrays.plane.values) == ["hidden_1.1-2", "hidden_2.1-2"]
    slow, fast = arrays.drift_covariance.values
    np.testing.assert_allclose(8 * slow, fast, rtol=1e-10)


def test_a_sweep_of_momentum_begins_with_plain_sgd() -> None:
    example = symdrift.read_study("momentum")
    found = symdrift.sweep(example, [parse_axis("learning.momentum=0:0.5:2")])
    first, second = found.numbers.cells()["drift.covariance.1-2"]
    assert isinstance(first, float)
    assert second == pytest.approx(8 * first, rel=1e-8)


@pytest.mark.parametrize(
    ("option", "value"),
    [("--method", "closed-form"), ("--approximation", "white"), ("--quantities", "stimuli"),
     ("--order", "2")],
)  # fmt: skip
def test_options_of_plain_sgd_are_refused(
    capsys: pytest.CaptureFixture[str], option: str, value: str
) -> None:
    assert run(["evaluate", "oja", option, value]) == 2
    message = capsys.readouterr().err
    assert 'is there for learning.rule = "sgd" without momentum only' in message
    assert message.count("\n") == 1


@pytest.mark.parametrize("example", ["oja", "momentum"])
@pytest.mark.parametrize("command", ["report --data", "lesson", "fit"])
def test_other_commands_say_what_works(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, example: str, command: str
) -> None:
    out = tmp_path / "out"
    data = tmp_path / "data.csv"
    data.write_text("stimulus,quantity,value,standard_error\naxis 1,decay_rate,1e-7,1e-8\n")
    options = [] if command == "lesson" else ["--data", str(data), "--free", "learning.rate"]
    if command != "fit":
        options += ["--out", str(out)]
    path = example
    assert run([command.partition(" ")[0], path, *options]) == 2
    message = capsys.readouterr().err
    named = 'learning.rule = "oja"' if example == "oja" else "learning.momentum = 0.75"
    assert f"{named} is not taken here" in message
    assert message.count("\n") == 1
    assert {path.name for path in tmp_path.iterdir()} == {"data.csv"}


# --- Files ------------------------------------------------------------------------------


def test_every_rule_has_an_example() -> None:
    assert {symdrift.read_study(name).learning.rule for name in shipped_studies()} == set(RULES)


WRONG = [
    ("oja", "network.outputs", 3, 'network.outputs = 3 does not belong to learning.rule = "oja": '
     "it learns from inputs alone; it belongs to sgd, deep_linear"),
    ("oja", "teacher", {"map": "identity"}, "teacher does not belong"),
    ("oja", "learning.weight_decay", 0.1, "it bounds the weights by itself"),
    ("oja", "learning.tau", 0.5, 'learning.tau = 0.5 does not belong to learning.rule = "oja"; it '
     "belongs to similarity_matching"),
    ("oja", "network.hidden", [2, 2], "network.hidden is a list of sizes, which does not belong"),
    ("oja", "rule", {"weights": {}, "activity": {}}, 'it belongs to "own"'),
    ("oja", "learning.rule", "ojas", 'did you mean "oja"? these are sgd, tied_autoencoder, oja'),
    ("oja", "learning.rule", 3, "learning.rule = 3 is unknown"),
    ("oja", "learning.rule", "own", "needs a [rule] table"),
    ("oja", "learning.momentum", 1.0, "must be at least 0 and below 1"),
    ("oja", "learning.momentum", -0.1, "must be at least 0 and below 1"),
    ("similarity_matching", "learning.tau", 0, "learning.tau = 0 must be positive"),
    ("similarity_matching", "learning.weight_decay", 0.1, "decay at rate 1 is a part of the rule"),
    ("tied_autoencoder", "network.outputs", 3, "its target is its own input"),
    ("three_layers", "learning.tau", 1, "does not belong"),
    ("three_layers", "network.hidden", [2, 0], "network.hidden.1 = 0 must be a whole number"),
    ("three_layers", "network.hidden", [2] * 21, "has 21 layers; at most 20 are allowed"),
    ("momentum", "network.hidden", [2, 2], "it belongs to deep_linear and own"),
    ("whitening", "network.outputs", 3, 'no text of it has "target" in it'),
    ("whitening", "learning.weight_decay", 0.1, 'no text of it has "weight_decay" in it'),
    ("whitening", "learning.tau", 0.1, "it belongs to similarity_matching"),
    ("whitening", "network.hidden", [2, 2], "has 2 sizes, and the rule has 1 hidden layer"),
    ("whitening", "rule.parameters.speed", 1, "rule.parameters.speed is named nowhere in the rule"),
    ("whitening", "rule.parameters.a b", 1, "is not a name"),
    ("whitening", "rule.weights.W", ["hidden"], "must be its two axes"),
    ("whitening", "rule.weights.W", ["hidden", "x"], 'has the axis "x"'),
    ("whitening", "rule.update.W", 3, "must be an expression, as text"),
    ("whitening", "rule.lerning", {}, "rule.lerning is not a field of a study"),
    ("whitening", "rule", [], "must be a [rule] table"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "field", "value", "message"), WRONG)
def test_what_a_rule_has_no_use_for_is_refused(
    name: str, field: str, value: Any, message: str
) -> None:
    document = tomllib.loads(shipped_studies()[name].read_text("utf-8"))
    study_of(deepcopy(document))
    place = document
    *path, last = field.split(".")
    for step in path:
        place = place.setdefault(step, {})
    place[last] = value
    with pytest.raises(RequestError) as caught:
        study_of(document)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "field", "message"),
    [
        ("three_layers", "network.outputs", 'learning.rule = "deep_linear" needs it'),
        ("tied_autoencoder", "learning.weight_decay", 'rule = "tied_autoencoder" needs it'),
        ("momentum", "learning.weight_decay", "learning.weight_decay is missing"),
        ("momentum", "network.outputs", "network.outputs is missing"),
        ("whitening", "rule", "needs a [rule] table"),
        ("whitening", "rule.activity", "rule.activity is missing"),
    ],
)
def test_what_a_rule_needs_is_asked_for(name: str, field: str, message: str) -> None:
    document = tomllib.loads(shipped_studies()[name].read_text("utf-8"))
    *path, last = field.split(".")
    place = document
    for step in path:
        place = place[step]
    del place[last]
    with pytest.raises(RequestError) as caught:
        study_of(document)
    assert message in str(caught.value)
    if name != "whitening":
        assert not CHECKER.is_valid(document)


@pytest.mark.parametrize(
    ("update", "at_fault"),
    [
        ("(y * y) @ x.T - W", '"(W @ x) * (W @ x)" multiplies two matrices entry by entry'),
        ("tanh(y) @ x.T - W", 'has "tanh(": functions are inv and trace'),
        ("y @ x.T - W - 0.1", '"(W @ x) @ x.T + -W + -0.1" adds a number to each entry'),
        ("y @ y.T @ x @ x.T", "meets the axis hidden with the axis inputs"),
        ("y @ X.T", 'names "X", which is not there'),
        ("__import__('os').system('touch marker')", "which is not allowed in it"),
        ("y @ x.T - " + "(" * 60 + "W" + ")" * 60, "is nested more than 40 levels deep"),
        ("target @ x.T", 'names "target", which is not there'),
    ],
)
def test_hostile_studies_end_in_one_sentence(
    write_study: Callable[[str], Path], capsys: pytest.CaptureFixture[str], update: str,
    at_fault: str,
) -> None:  # fmt: skip
    text = own_text("oja").replace("y @ x.T - y @ y.T @ W", update)
    assert run(["evaluate", str(write_study(text))]) == 2
    message = capsys.readouterr().err
    assert "rule.update.W = " in message
    assert at_fault in message
    assert message.count("\n") == 1


def test_networks_that_are_too_large_are_refused_at_once() -> None:
    wide = study(shipped_text("oja")).with_values(
        {"network.inputs": 1000, "network.hidden": 500, "inputs.covariance": 1.0}
    )
    with pytest.raises(RequestError, match="too large for the engine of any rule"):
        symdrift.evaluate_rule(wide)


@pytest.mark.parametrize(
    ("field", "value"), [("learning.rate", 1e-99), ("inputs.covariance", "[1e99, 1, 1e-99]")]
)
def test_numbers_beyond_double_precision_are_refused(field: str, value: str | float) -> None:
    extreme = study(shipped_text("similarity_matching")).with_values({field: value})
    with pytest.raises(RequestError):
        symdrift.evaluate_rule(extreme)

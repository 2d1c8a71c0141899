"""Theory of any rule beside its simulation: what agrees, what is found wrong, what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import combinations_with_replacement, count
from pathlib import Path

import numpy as np
import pytest
from shipped import OTHER_RULES

import symdrift
from symdrift.cli import run
from symdrift.errors import RequestError
from symdrift.evaluation.any_rule import RuleDrift, rule_drift
from symdrift.evaluation.any_rule.traced_rule import Point
from symdrift.study.learner import Learner
from symdrift.validation import rule_run
from symdrift.validation.clock import Clock
from symdrift.validation.judgement import Verdict
from symdrift.validation.validate_rule import (
    pace_of,
    validate_rule_limit,
    validate_rule_rate,
)


def learner(name: str) -> Learner:
    return symdrift.read_study(name).learner()


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name == "oja" else pytest.mark.slow) for name in OTHER_RULES],
)
def test_rules_agree_with_their_simulation_in_the_limit(name: str) -> None:
    found = validate_rule_limit(learner(name), precision=0.025, seed=4)
    assert found.verdict is Verdict.AGREE, found.rows
    assert found.precision is not None
    assert found.precision < 0.035
    (own,) = [run for run in found.runs if run.learning_rate == learner(name).learning_rate]
    names = [row.quantity for row in own.rows]
    planes = {
        "three_layers": ["hidden_1.12", "hidden_2.12"], "whitening": ["12", "13", "23"],
    }.get(name, ["12"])  # fmt: skip
    pairs = combinations_with_replacement(planes, 2)
    covariances = [f"V[{a}]" if a == b else f"V[{a};{b}]" for a, b in pairs]
    assert names == [*covariances, *(f"mu[{plane}]" for plane in planes), "weight variance"]


def test_oja_turns_steadily_on_skewed_inputs() -> None:
    """As fast as half of what diffusion does in a relaxation time."""
    found = validate_rule_rate(learner("steady_rotation"), steps=80_000, replicas=512)
    variance, mean, _ = found.rows
    assert found.verdict is Verdict.AGREE
    assert mean.theory == pytest.approx(-0.0385853 * 0.002**2, rel=1e-5)
    assert abs(mean.z) < 4
    assert mean.standard_error < 0.02 * abs(mean.theory)
    assert variance.ratio == pytest.approx(1.0, abs=0.1)


def test_a_theory_that_is_wrong_is_found_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(learner: Learner, point: Point) -> RuleDrift:
        found = rule_drift(learner, point)
        return replace(found, area=1.25 * found.area)

    monkeypatch.setattr(rule_run, "rule_drift", wrong)
    found = validate_rule_limit(learner("oja"), precision=0.04)
    assert found.verdict is Verdict.DISAGREE
    assert found.judge(found.rows[0]) is Verdict.DISAGREE


def test_a_run_can_be_repeated() -> None:
    first = validate_rule_limit(learner("oja"), replicas=40, windows=9, precision=0.05, seed=2)
    assert first.repeat == "--precision 0.05 --windows 9 --replicas 40 --seed 2"
    again = validate_rule_limit(learner("oja"), 40, 2, windows=9, precision=0.05, threads=1)
    assert first.to_dict() == again.to_dict()


def test_rates_follow_how_fast_deviations_return() -> None:
    """Momentum is a larger rate: its plan is that of plain descent, at a share of the rate."""
    pace = pace_of(learner("momentum"))
    plan = pace.plan(0.01, 512)
    assert pace.fastest / pace.slowest > 10
    assert plan.rates[0] == 0.005
    assert plan.fitted == (False, True, True, True)
    assert plan.schedules[1].window * plan.rates[1] == pytest.approx(3 / pace.slowest, rel=1e-3)
    plain = replace(learner("momentum"), rule=learner("momentum").rule.core[0], learning_rate=0.02)
    assert pace_of(plain).correction == pytest.approx(pace.correction / 4, rel=1e-6)
    assert pace_of(plain).followed == pytest.approx(4 * pace.followed, rel=1e-6)


def test_a_budget_is_kept_or_refused() -> None:
    ticks = count()
    clock = Clock(20.0, now=lambda: 1e-3 * next(ticks))
    found = validate_rule_limit(learner("oja"), clock=clock, replicas=130, precision=0.09)
    assert found.repeat is not None
    words = found.repeat.split()
    given = {name: json.loads(value) for name, value in zip(words[::2], words[1::2], strict=True)}
    again = validate_rule_limit(
        learner("oja"), given["--replicas"], given["--seed"], windows=given["--windows"],
        precision=given["--precision"],
    )  # fmt: skip
    assert again.to_dict() == found.to_dict()
    with pytest.raises(RequestError, match=r"budget = 0\.001 s is too little"):
        validate_rule_limit(learner("oja"), clock=Clock(0.001))
    with pytest.raises(RequestError, match="windows and a budget exclude each other"):
        validate_rule_limit(learner("oja"), clock=Clock(5.0), windows=9)


def test_the_record_is_that_of_two_layers(capsys: pytest.CaptureFixture[str]) -> None:
    path = "oja"
    assert run(["validate", path, "--steps", "15000", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert {"rows", "steps", "replicas", "window", "verdict", "rule"} <= set(record)
    assert "times fastest rate of return" in record["rule"]
    assert run(["validate", path, "--steps", "100"]) == 2
    assert "steps = 100 is too short" in capsys.readouterr().err


REFUSED = {
    "network.hidden=3": "learning.rule turns no hidden layer here",
    "learning.rate=0.9": "learning.rate = 0.9 must be below",
    "learning.rate=2e-15": "learning.rate = 2e-15 is too small to be simulated",
}


@pytest.mark.parametrize("command", ["validate", "simulate"])
@pytest.mark.parametrize("setting", REFUSED)
def test_what_no_simulation_can_do_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, setting: str, command: str
) -> None:
    out = tmp_path / "oja.npz"
    options = ["--out", str(out), "--steps", "10"] if command == "simulate" else []
    status = run([command, "oja", "--set", setting, *options])
    message = capsys.readouterr().err
    if command == "simulate" and "hidden" in setting:
        assert status == 0
        return
    assert status == 2
    assert REFUSED[setting] in message
    assert message.count("\n") == 1
    assert not out.exists()


def test_a_rate_at_which_networks_turn_too_fast_is_refused_with_one_that_runs() -> None:
    fast = replace(learner("steady_rotation"), learning_rate=0.1)
    with pytest.raises(RequestError, match=r"= 0\.1 is too large for the rotation") as refused:
        validate_rule_rate(fast, steps=3000)
    named = float(str(refused.value).split("; try ")[1].split(" or less")[0])
    assert named > 0.02
    assert not validate_rule_rate(replace(fast, learning_rate=named), steps=3000).interrupted


def test_studies_of_other_rules_are_validated_from_python() -> None:
    study = symdrift.read_study("oja")
    found = symdrift.validate_rate(study, steps=9000, replicas=16)
    assert np.isfinite([row.simulation for row in found.rows]).all()
    limit = symdrift.validate(study, 16, windows=8, precision=0.1)
    assert len(limit.runs) >= 3

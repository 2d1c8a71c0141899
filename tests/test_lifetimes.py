"""Time scales: diffusion, steady rotation, and what an experiment would see."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from symdrift.cli.program import run
from symdrift.evaluation.evaluate import evaluate
from symdrift.evaluation.result import evaluation_tables
from symdrift.figures import observables
from symdrift.observables import observe
from symdrift.observables.observation import observation_tables
from symdrift.study import read_study


def test_steady_rotation_decorrelates_where_its_cosine_has_fallen() -> None:
    """Two misaligned axes turn in their plane long before diffusion forgets."""
    problem = read_study("misaligned_teacher").problem()
    for scale in observe(problem).time_scales:
        assert scale.seen == "steady rotation"
        assert scale.turning_time is not None
        assert scale.decay_time is not None
        assert scale.decorrelation_time == pytest.approx(
            math.acos(math.exp(-1)) * scale.turning_time, rel=2e-3
        )
        assert scale.decay_time > 1000 * scale.turning_time
    assert {item.seen for item in evaluate(problem).lifetimes} == {"steady rotation"}


def test_times_of_diffusion_have_the_error_of_their_rates() -> None:
    problem = read_study("bottleneck").problem()
    found = evaluate(problem, order=2)
    lasting = evaluation_tables(found)[-2]
    for row, stimulus in zip(lasting.rows[:2], found.stimuli, strict=False):
        time, error = row[1].rstrip(" %)").split(" (")
        assert float(time) == pytest.approx(1 / stimulus.decay_rate, rel=1e-4)
        expected = found.expected_error(f"stimuli.{stimulus.name}.decay_rate")
        assert float(error) == pytest.approx(100 * expected, rel=0.05)
        assert expected > 0.01


def test_observed_times_have_the_error_that_bands_have_at_that_lag() -> None:
    """An exponential is off by the error of its rate times the lag over its decay time."""
    problem = read_study("bottleneck").problem()
    (last, *_) = observe(problem, np.array([1.0])).time_scales
    assert last.decay_time is not None
    found = observe(problem, np.array([last.decay_time]), seed=0)
    (band,) = (
        each for each in found.bands if (each.subject, each.part) == ("axis 1", "normalised")
    )
    swept = 0.5 * math.log(band.high[0] / band.low[0])
    cells = observation_tables(found)[1].rows[0]
    for cell in (cells[1], cells[3]):
        error = float(cell.rstrip(" %)").split(" (")[1]) / 100
        assert swept / 1.2 < error < 4 * swept
    in_days = replace(found, steps_per_day=10.0)
    (shown, *_) = in_days.to_dict()["days"]["stimuli"]
    assert shown["expected_error"]["decay_time"] == found.expected_error.of("axis 1").decay


def test_aligned_gaussian_inputs_diffuse_only() -> None:
    problem = read_study("isotropic_autoencoder").problem()
    evaluation = evaluate(problem)
    for item, drift in zip(evaluation.lifetimes, evaluation.stimuli, strict=True):
        assert item.turning_time is None
        assert item.decay_time == pytest.approx(1 / drift.decay_rate)
        assert item.seen == "diffusion"
    for scale in observe(problem).time_scales:
        # Equal rates of all axes: an exponential, but for the fluctuation.
        assert scale.decorrelation_time == pytest.approx(scale.decay_time, rel=2e-2)
        assert scale.seen == "diffusion"


def test_a_single_hidden_axis_lasts_for_ever() -> None:
    """What is not represented at the minimum fluctuates all the same."""
    problem = replace(read_study("bottleneck").problem(), hidden=1)
    seen = ["nothing", "fluctuation", "fluctuation", "fluctuation"]
    assert [item.seen for item in evaluate(problem).lifetimes] == seen
    rows = evaluation_tables(evaluate(problem))[-2].rows
    assert [row[1:] for row in rows] == [("never", "never", each) for each in seen]


def test_days_are_steps_over_steps_per_day() -> None:
    observation = observe(read_study("misaligned_teacher").problem())
    in_days = replace(observation, steps_per_day=1000.0)
    days = in_days.to_dict()["days"]["stimuli"]
    for record, scale in zip(days, in_days.time_scales, strict=True):
        for name in ("decay_time", "turning_time", "decorrelation_time"):
            assert record[name] == pytest.approx(getattr(scale, name) / 1000)
    assert "days" not in observation.to_dict()
    assert in_days.to_dict()["time_scales"] == observation.to_dict()["time_scales"]
    last = [float(observation_tables(each)[-1].rows[-1][0]) for each in (observation, in_days)]
    assert last[0] == pytest.approx(1000 * last[1], rel=1e-4)


def test_the_figure_has_the_days_on_its_axis() -> None:
    observation = observe(read_study("misaligned_teacher").problem())
    panel = observables.draw(replace(observation, steps_per_day=1e6)).axes[0]
    assert panel.get_xlabel().endswith("(days)")
    assert np.asarray(panel.lines[0].get_xdata())[-1] == pytest.approx(observation.times[-1] / 1e6)


def test_json_stays_per_step_beside_the_days(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["evaluate", "misaligned_teacher", "--json", "--steps-per-day", "1e6"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["days"]["steps_per_day"] == 1e6
    for drift, days in zip(record["stimuli"], record["days"]["stimuli"], strict=True):
        assert days["decay_time"] == pytest.approx(1e-6 / drift["decay_rate"])
    # What the next order changes is known, and both times say it: a radian is a length over a
    # speed.
    rate = record["parameters"]["learning_rate"]
    for change, days in zip(
        record["next_order"]["stimuli"], record["days"]["stimuli"], strict=True
    ):
        slower = math.sqrt(1 + rate * change["squared_norm"]) / (1 + rate * change["mean_speed"])
        for time, new in (
            ("turning_time", slower),
            ("decay_time", 1 / (1 + rate * change["decay_rate"])),
        ):
            assert abs(new - 1) <= 1.01 * days["expected_error"][time] <= 2.5 * abs(new - 1), time


@pytest.mark.parametrize("command", ["evaluate", "observe"])
@pytest.mark.parametrize(
    "wrong",
    [["0"], ["-5"], ["nan"], ["inf"], ["1e-320"], ["1e40"], ["many"], ["10", "--csv"]],
)
def test_a_day_without_a_length_is_refused(command: str, wrong: list[str]) -> None:
    assert run([command, "bottleneck", "--steps-per-day", *wrong]) == 2

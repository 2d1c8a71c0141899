"""Curves that carry the next order, the bands of what is left, and where they end."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from simulation_cases import problem

from symdrift.cli import run
from symdrift.errors import RequestError
from symdrift.evaluation.evaluate import evaluate
from symdrift.observables import (
    ExpectedError,
    autocorrelation,
    decoder_decay,
    drift_process,
    mean_squared_displacement,
    observe,
    population_angle,
    representational_similarity,
    with_next_order,
)
from symdrift.observables.error_band import bands, known_until
from symdrift.study import read_study
from symdrift.study.problem import LearningProblem, Stimulus

TURN = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0]
SCALED = problem(
    9 * TURN @ np.diag([2.0, 1.0, 0.7]) @ TURN.T, 2 * TURN[:2] @ np.diag([1.0, 1.2, 0.8]),
    weight_decay=2.5, learning_rate=0.0005,
)  # fmt: skip
"""Three inputs and two outputs that share no axes, in units of their own."""


def shipped(name: str) -> LearningProblem:
    return read_study(name).problem()


@pytest.mark.parametrize("name", ["scaled", "bottleneck", "misaligned_teacher", "elliptical"])
def test_the_process_has_the_corrections_of_the_evaluation(name: str) -> None:
    """In its own frame and units; products of two corrections are of higher order."""
    given = SCALED if name == "scaled" else shipped(name)
    if name == "scaled":
        given = replace(given, stimuli=(Stimulus("own", np.array([0.3, -1.0, 0.4])),))
    expected = evaluate(given, order=2).next_order
    leading = drift_process(given)
    process, error = with_next_order(leading, "exact")
    assert error.next_order
    assert expected is not None
    assert expected.drift is not None
    changes = []
    for stimulus, own in zip(given.stimuli, expected.stimuli, strict=True):
        before, after = leading.representation(stimulus), process.representation(stimulus)
        if own.decay_rate is None:
            continue
        slow, fast = (
            w @ some.decay @ w / (w @ w) for w, some in ((before, leading), (after, process))
        )
        changes.append(own.decay_rate * given.learning_rate)
        assert fast / slow - 1 == pytest.approx(changes[-1], rel=0.02)
        if own.mean_speed is not None:
            speeds = [
                np.linalg.norm(some.turning @ w)
                for w, some in ((before, leading), (after, process))
            ]
            turned = own.mean_speed * given.learning_rate
            assert speeds[1] / speeds[0] - 1 == pytest.approx(turned, rel=0.02)
    assert max(changes) < 1.02 * np.sqrt(error.rotation)


@pytest.mark.parametrize(
    "name",
    ["anisotropic_autoencoder", "bottleneck", "elliptical", "frequent_stimulus",
     "misaligned_teacher", "stimulus_set", "teacher_label_noise"],
)  # fmt: skip
def test_where_the_next_order_is_unknown_no_less_is_expected(name: str) -> None:
    """The small numbers know how large the corrections of the shipped studies are."""
    given = shipped(name)
    evaluation = evaluate(given, order=2)
    assert evaluation.next_order is not None
    largest = max(evaluation.errors.values())
    assert largest < evaluation.validity.expected_error < 20 * largest


@pytest.mark.parametrize("name", ["anisotropic_autoencoder", "misaligned_teacher"])
def test_a_band_of_the_size_of_the_next_order_holds_what_carries_it(name: str) -> None:
    given = shipped(name)
    leading = drift_process(given)
    process, error = with_next_order(leading, "exact")
    size = float(np.sqrt(error.rotation))
    lags = np.geomspace(1, 1e8, 30)
    similarity = representational_similarity(leading, lags)
    decoder = decoder_decay(leading, lags)
    angles = [population_angle(leading, item, lags) for item in given.stimuli]
    wide = ExpectedError(False, 1.05 * size, size, None)
    found = bands(leading, wide, lags, angles, similarity, (decoder,))
    first = given.stimuli[0]
    curves = {
        ("displacement", first.name): mean_squared_displacement(process, first, lags).total,
        ("autocorrelation", first.name): autocorrelation(process, first, lags).normalised,
        ("decoder", "teacher"): decoder_decay(process, lags).r_squared,
    }
    for band in found:
        assert np.all(band.low <= band.high)
        curve = curves.pop((band.observable, band.subject), None)
        if curve is not None:
            slack = 1e-3 * np.ptp(curve)
            assert np.all((band.low <= curve + slack) & (curve <= band.high + slack))
    assert not curves


def test_a_turn_is_known_until_it_may_be_a_quarter_off() -> None:
    """There the two ends of the band are of opposite turns."""
    process = drift_process(shipped("misaligned_teacher"))
    speed, error = abs(process.turning[0, 1]), 0.05
    last = known_until(process, error)
    assert last is not None
    assert error * speed * last == pytest.approx(np.pi / 2)
    decaying = drift_process(shipped("anisotropic_autoencoder"))
    assert known_until(decaying, error) is None
    assert known_until(decaying, 2.0) == pytest.approx(0.5 / np.diagonal(decaying.decay).max())


def test_curves_end_where_nothing_is_known(capsys: pytest.CaptureFixture[str]) -> None:
    """White statistics have no next order, so that a steady rotation is lost after some turns."""
    arguments = ["observe", "misaligned_teacher", "--approximation", "white", "--json"]
    assert run([*arguments, "--times", "1e4:1e10:7:log"]) == 0
    captured = capsys.readouterr()
    record = json.loads(captured.out)
    error = record["expected_error"]
    assert not error["next_order"]
    assert record["times"][-1] <= error["known_until"] < 1e10
    assert len(record["displacement"][0]["total"]) == len(record["times"]) < 7
    assert "covers everything from lag" in captured.err
    assert run([*arguments, "--times", "1e10:1e11:3"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "--times from 1e+10 on: the expected error" in captured.err


def test_an_observation_tells_what_displaces_its_gram_matrix() -> None:
    similarity = observe(shipped("misaligned_teacher"), np.array([1.0, 10.0])).similarity
    displaced = np.array(similarity.to_dict()["displaced"])
    assert np.any(displaced != 0)
    assert np.array_equal(displaced, similarity.displaced)


def test_lags_of_which_all_are_unknown_are_refused() -> None:
    with pytest.raises(RequestError, match="give smaller ones, or lower learning"):
        observe(shipped("misaligned_teacher"), np.array([1e30, 1e31]), "white")


@pytest.mark.parametrize("name", ["bottleneck", "misaligned_teacher"])
def test_observations_warn_of_a_large_next_order_as_evaluations_do(name: str) -> None:
    given = shipped(name)
    critical = evaluate(given).validity.critical_rate
    for share, large in ((0.01, False), (0.3, True)):
        at = replace(given, learning_rate=share * critical)
        said = [
            [text for text in warnings if "expected to be off by more than 10 %" in text]
            for warnings in (
                evaluate(at, quantities="stimuli", order=2).warnings,
                observe(at, np.array([1.0, 10.0])).warnings,
            )
        ]
        assert [len(texts) for texts in said] == [large, large]
        assert [text.partition("most of all")[2] for texts in said[:1] for text in texts] == [
            text.partition("most of all")[2] for texts in said[1:] for text in texts
        ]


def test_bands_widen_towards_the_critical_rate() -> None:
    given = shipped("misaligned_teacher")
    critical = evaluate(given).validity.critical_rate
    near = replace(given, learning_rate=0.97 * critical)
    _, error = with_next_order(drift_process(near), "exact")
    assert error.next_order
    assert min(error.rotation, error.fluctuation) > 0.9 * 0.97 / 0.03

"""A bottleneck can have several strict minima: which there are, and the numbers of each."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.linalg
import scipy.optimize

from symdrift.cli.program import run
from symdrift.errors import RequestError
from symdrift.evaluation.closed_form.formula_road import AXIS_FORMULAS
from symdrift.evaluation.dense import (
    expected_gradient,
    expected_loss,
    hessian_matrix,
    solve_minimum,
)
from symdrift.evaluation.evaluate import evaluate
from symdrift.evaluation.result import quantities
from symdrift.evaluation.several_minima import axes_of
from symdrift.evaluation.strict_minima import numbered_minima, strict_minima
from symdrift.kernels.standalone import study_source
from symdrift.observables import observe
from symdrift.study import Study, read_study
from symdrift.study.problem import Array

STUDY = """
network = { inputs = 3, outputs = 3, hidden = 2 }
inputs = { covariance = [4.0, 0.25, 6.0] }
teacher = { map = [0.55, 2.85, 1.0], label_noise = 0.1 }
learning = { rate = 0.001, weight_decay = 0.2 }
"""
VARIANCES, GAINS, DECAY = np.array([4.0, 0.25, 6.0]), np.array([0.55, 2.85, 1.0]), 0.2


@pytest.fixture
def two(tmp_path: Path) -> Study:
    file = tmp_path / "two_minima.toml"
    file.write_text(STUDY)
    return read_study(file)


def least_curvature(point: Array, teacher: Array, covariance: Array, decay: float) -> float:
    """Across the orbit: of all weights, without as many zeros as there are planes."""
    values = np.linalg.eigvalsh(hessian_matrix(point, teacher, covariance, decay))
    planes = len(point) * (len(point) - 1) // 2
    return float(np.delete(values, np.argsort(np.abs(values))[:planes]).min())


@pytest.mark.parametrize("seed", range(30))
def test_strict_minima_are_the_choices_of_axes_with_a_positive_hessian(seed: int) -> None:
    """All choices, by the Hessian in all weights; the first seeds have one to three minima."""
    rng = np.random.default_rng([7, seed])
    size = int(rng.integers(3, 6))
    variances, gains = np.exp(rng.normal(0, 1.2, size)), np.exp(rng.normal(0, 1, size))
    decay = 0.9 * rng.random() * float(np.sort(variances * gains)[1])
    learnable = np.flatnonzero(variances * gains > decay).tolist()
    hidden = int(rng.integers(1, len(learnable)))

    def is_strict(axes: tuple[int, ...]) -> bool:
        point = np.zeros((hidden, 2 * size))
        for unit, axis in enumerate(axes):
            root = np.sqrt(gains[axis] - decay / variances[axis])
            point[unit, axis] = point[unit, size + axis] = root
        return least_curvature(point, np.diag(gains), np.diag(variances), decay) > 0

    strict = {axes for axes in itertools.combinations(learnable, hidden) if is_strict(axes)}
    minima = strict_minima(AXIS_FORMULAS, variances, gains, decay, hidden)
    found = [tuple(sorted(axes)) for axes in minima]
    worth = [sum(variances[k] * (gains[k] - decay / variances[k]) ** 2 for k in axes)
             for axes in found]  # fmt: skip
    assert len(found) == len(strict)
    assert set(found) == strict
    assert worth == sorted(worth, reverse=True)


def test_axes_that_are_alike_are_learned_together_or_not() -> None:
    found = [
        sorted(axes.tolist())
        for axes in strict_minima(AXIS_FORMULAS, np.array([2.0, 2, 1, 0.5]), np.ones(4), 0.1, 2)
    ]
    assert found == [[0, 1]]


def test_both_roads_give_the_numbers_of_either_minimum(two: Study) -> None:
    """Next order included."""
    loss = []
    for number in (1, 2):
        problem = replace(two.problem(), minimum=number)
        closed, dense = (evaluate(problem, road, order=2) for road in ("closed-form", "dense"))
        expected = quantities(dense)
        for name, value in quantities(closed).items():
            assert value == pytest.approx(expected[name], rel=1e-7, abs=1e-25), name
        (one,), (other,) = closed.minimum.others, dense.minimum.others
        assert one.number == other.number == 3 - number
        assert one.input_axes == other.input_axes
        assert one.loss == pytest.approx(other.loss, rel=1e-12)
        loss.append(closed.minimum.loss)
    assert loss[1] == pytest.approx(evaluate(two.problem()).minimum.others[0].loss, rel=1e-14)
    assert loss[0] < loss[1]


def test_descent_from_small_weights_ends_at_the_second(two: Study) -> None:
    """Whose map it learns, from the gradients written out here."""
    rng = np.random.default_rng(0)
    first, second = 0.01 * rng.normal(size=(2, 3)), 0.01 * rng.normal(size=(3, 2))
    for _ in range(20_000):
        slope = (np.diag(GAINS) - second @ first) * VARIANCES
        first, second = (
            first + 0.05 * (second.T @ slope - DECAY * first),
            second + 0.05 * (slope @ first.T - DECAY * second),
        )
    values = np.linalg.svd(second @ first)[1]
    (other,) = evaluate(two.problem()).minimum.others
    assert values[:2] == pytest.approx(other.singular_values, rel=1e-8)
    assert other.input_axes == (3, 1)


@pytest.mark.parametrize(("angle", "count"), [(0.01, 2), (0.02, 2), (0.05, 1), (0.8, 1)])
def test_misaligned_tasks_have_several_as_long_as_they_are_nearly_aligned(
    angle: float, count: int
) -> None:
    """By descent from random weights, large and small, with the Hessian in all weights."""
    turn = np.array([[0, 1, -1], [-1, 0, 0.5], [1, -0.5, 0]])
    teacher = np.diag(GAINS) @ scipy.linalg.expm(angle * turn / np.linalg.norm(turn))
    task = teacher, np.diag(VARIANCES), DECAY
    rng = np.random.default_rng(3)
    losses = set()
    for _ in range(24):
        start = rng.normal(size=12) * np.exp(rng.uniform(-4, 0.5))
        end = scipy.optimize.minimize(
            lambda flat: expected_loss(flat.reshape(2, 6), *task),
            start,
            jac=lambda flat: expected_gradient(flat.reshape(2, 6), *task).ravel(),
            options={"gtol": 1e-9},
        )
        if least_curvature(end.x.reshape(2, 6), *task) > 1e-3:
            losses.add(round(float(end.fun), 6))
    found = solve_minimum(*task, 2)
    assert len(losses) == count
    named = [found.loss, *(other.loss for other in found.others)]
    assert named == pytest.approx(sorted(losses), abs=2e-6)
    for number in range(2, count + 1):
        chosen = solve_minimum(*task, 2, number)
        assert chosen.loss == pytest.approx(named[number - 1], rel=1e-12)
        assert least_curvature(chosen.point, *task) > 0


def test_what_is_said_names_the_other_and_the_option(two: Study) -> None:
    problem = two.problem()
    for said in (evaluate(problem).warnings, observe(problem, np.array([1.0])).warnings):
        (warning,) = (text for text in said if "strict" in text)
        assert "along input axes 3, 1" in warning
        assert "--minimum 2" in warning
    assert not evaluate(replace(problem, hidden=3)).minimum.others


def test_observations_are_those_of_the_chosen_minimum(two: Study) -> None:
    chosen = observe(replace(two.problem(), minimum=2), np.array([1.0]))
    seen = {scale.stimulus: scale.seen for scale in chosen.time_scales}
    assert seen == {"axis 1": "diffusion", "axis 2": "fluctuation", "axis 3": "diffusion"}


def test_kernels_of_a_study_are_those_of_its_minimum(two: Study) -> None:
    names: dict[str, object] = {}
    exec(study_source(two.with_values({"learning.minimum": 2})), names)
    values = names["singular_values"]()  # type: ignore[operator]
    assert values == pytest.approx([0.5, 0, 1 - 0.2 / 6])


def test_the_option_chooses(two: Study, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["evaluate", str(two.source), "--minimum", "2", "--json"]) == 0
    output = capsys.readouterr()
    minimum = json.loads(output.out)["minimum"]
    assert minimum["singular_values"] == pytest.approx([1 - 0.2 / 6, 0.5])
    assert minimum["number"] == 2
    (other,) = minimum["others"]
    assert other["number"] == 1
    assert other["input_axes"] == [2, 3]
    assert "number 1" in output.err


@pytest.mark.parametrize(
    ("minimum", "said"),
    [(3, "the loss has 2 strict minima; give a number from 1 to 2"), (1001, "at most 1000")],
)
@pytest.mark.parametrize("road", ["closed-form", "dense"])
def test_a_minimum_that_is_not_there_is_refused(
    two: Study, road: str, minimum: int, said: str
) -> None:
    with pytest.raises(RequestError, match=said):
        evaluate(replace(two.problem(), minimum=minimum), road)


@pytest.mark.parametrize("value", ["0", "-1", "1.5", "two"])
def test_what_is_no_number_of_a_minimum_is_refused(value: str) -> None:
    assert run(["evaluate", "bottleneck", "--minimum", value]) == 2


@pytest.mark.parametrize("near", [1e-5, 1e-2])
def test_a_minimum_that_is_nearly_lost_is_refused_with_both_axes(near: float) -> None:
    """The determinant of the block of both axes is so near to 0, over its diagonal."""
    variances, decay = np.array([0.5, 2.0]), 0.1
    value = 1 - decay / variances[0]
    first, second = value * variances[1] + decay, value * variances[0] + decay
    gains = np.array([1.0, np.sqrt(first * second * (1 - near)) / variances[1]])
    asked = AXIS_FORMULAS, variances, gains, decay, 1
    (lowest,) = numbered_minima(*asked, 1)[:1]
    assert lowest.tolist() == [False, True]
    if near > 1e-3:
        assert numbered_minima(*asked, 2)[1].tolist() == [True, False]
        return
    with pytest.raises(RequestError) as caught:
        numbered_minima(*asked, 2)
    said = str(caught.value)
    worth = variances * (gains - decay / variances) ** 2
    assert "learns axis 1 in place of axis 2" in said
    assert f"takes {100 * (worth[1] / worth[0] - 1):.3g} % more off the loss" in said
    # At a tie the determinant is s (sqrt(lambda_1) - sqrt(lambda_2))^2 times the weight decay.
    tied = decay * value * np.square(np.subtract(*np.sqrt(variances)))
    assert f"all but {first * second * near / tied:.2g} of what the determinant" in said


def test_directions_between_axes_have_no_names() -> None:
    assert axes_of(np.array([[0, 2, 0], [-0.5, 0, 0]])) == (2, 1)
    assert axes_of(np.array([[0, 2, 0.1], [-0.5, 0, 0]])) == ()

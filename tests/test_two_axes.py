"""Steady rotation of two misaligned axes: the explicit function against full matrices."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType

import numpy as np
import pytest
import sympy as sp
from numpy.typing import NDArray

from symdrift.derivation.symbols import GAMMA
from symdrift.derivation.vocabulary import KURTOSIS
from symdrift.evaluation import dense
from symdrift.evaluation.closed_form import two_axes_formulas
from symdrift.inputs import Elliptical
from symdrift.study.problem import LearningProblem
from symdrift.theory.linear.two_axes import (
    A_1,
    A_2,
    ANGLE,
    LABEL_NOISE,
    LAMBDA_1,
    LAMBDA_2,
    S_1,
    S_2,
    SIGMA_11,
    SIGMA_12,
    SIGMA_22,
    TwoAxes,
)

Array = NDArray[np.float64]

RATE = 0.005


@pytest.fixture(scope="module")
def case() -> TwoAxes:
    return TwoAxes()


@pytest.fixture(scope="module")
def kernels() -> ModuleType:
    return two_axes_formulas


def problem(
    teacher: Array, covariance: Array, decay: float, kurtosis: float = 0.0, label: float = 0.0
) -> LearningProblem:
    return LearningProblem(
        study="two axes",
        hidden=2,
        inputs=Elliptical(covariance, kurtosis),
        teacher=teacher,
        label_noise=np.array([label, label]),
        learning_rate=RATE,
        weight_decay=decay,
        batch=1,
        synaptic_noise=0.0,
        stimuli=(),
    )


def frame(task: LearningProblem) -> tuple[Array, Array]:
    """Singular values and covariance in the canonical frame, from the numerical minimum."""
    found = dense.solve_minimum(task.teacher, task.input_covariance, task.weight_decay, 2)
    axes = found.first_layer / np.sqrt(found.singular_values)[:, np.newaxis]
    return found.singular_values, axes @ task.input_covariance @ axes.T


def explicit(case: TwoAxes, task: LearningProblem, kurtosis: float, label: float) -> float:
    values, covariance = frame(task)
    numbers = {
        S_1: values[0],
        S_2: values[1],
        SIGMA_11: covariance[0, 0],
        SIGMA_12: covariance[0, 1],
        SIGMA_22: covariance[1, 1],
        GAMMA: task.weight_decay,
        KURTOSIS: kurtosis,
        LABEL_NOISE: np.sqrt(label),
    }
    exact = {name: sp.Float(float(value), 30) for name, value in numbers.items()}
    return RATE**2 * float(case.explicit.xreplace(exact))


def random_tasks() -> Iterator[tuple[LearningProblem, float, float]]:
    generator = np.random.default_rng(3)
    for _ in range(12):
        factor = generator.standard_normal((2, 2))
        covariance = factor @ factor.T + 0.3 * np.eye(2)
        teacher = generator.standard_normal((2, 2)) + 1.5 * np.eye(2)
        kurtosis, label = generator.uniform((-0.5, 0), 1)
        decay = 0.1 * np.linalg.svd(teacher @ covariance, compute_uv=False)[1]
        yield problem(teacher, covariance, decay, kurtosis, label), kurtosis, label


def rotated(angle: float) -> Array:
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def tilted(gains: Array, variances: Array, angle: float, decay: float) -> LearningProblem:
    """Covariance whose axes are turned from those of the teacher."""
    turn = rotated(angle)
    return problem(np.diag(gains), turn @ np.diag(variances) @ turn.T, decay)


def test_the_checked_row_of_a_misaligned_task(case: TwoAxes) -> None:
    """Simulated as 4.352e-8 +- 0.085e-8; negative in the frame of the right singular vectors."""
    task = problem(np.diag([1.2, 0.8]), np.array([[1.5, 0.6], [0.6, 0.8]]), 0.15)
    rate = explicit(case, task, 0.0, 0.0)
    assert rate == pytest.approx(-4.342e-8, rel=2e-4)
    drift = dense.evaluate(task).drift
    assert rate == pytest.approx(drift.mean_rotation[0], rel=1e-10)
    assert drift.covariance[0, 0] == pytest.approx(4.443e-11, rel=2e-4)


def test_the_explicit_rate_is_that_of_full_matrices(case: TwoAxes) -> None:
    rates = []
    for task, kurtosis, label in random_tasks():
        found = dense.evaluate(task).drift.mean_rotation
        if found.size:
            rates.append((explicit(case, task, kurtosis, label), found[0]))
    assert len(rates) > 6
    for rate, expected in rates:
        assert rate == pytest.approx(expected, rel=1e-9)


def test_sources_that_are_absent_are_zero(case: TwoAxes) -> None:
    plain = TwoAxes((KURTOSIS, LABEL_NOISE))
    nothing = {KURTOSIS: sp.Integer(0), LABEL_NOISE: sp.Integer(0)}
    point = {S_1: 3, S_2: 2, GAMMA: 1, SIGMA_11: 5, SIGMA_12: 2, SIGMA_22: 4}
    exact = {name: sp.Integer(value) for name, value in point.items()}
    difference = case.explicit.xreplace(nothing | exact) - plain.explicit.xreplace(exact)
    assert sp.simplify(difference) == 0
    assert not plain.explicit.has(KURTOSIS, LABEL_NOISE)


def test_equal_gains_and_equal_variances_do_not_rotate() -> None:
    """An autoencoder has the axes of its inputs; equal variances have no axes."""
    for gains, variances in (((1.0, 1.0), (2.0, 0.7)), ((1.2, 0.8), (1.0, 1.0))):
        task = tilted(np.array(gains), np.array(variances), 0.4, 0.1)
        assert abs(dense.evaluate(task).drift.mean_rotation[0]) < 1e-17


@pytest.mark.parametrize(("first", "second"), [(2.0, 0.7), (0.9, 1.4)])
def test_the_first_order_in_the_angle_is_the_limit_of_full_matrices(
    case: TwoAxes, first: float, second: float
) -> None:
    """The deviation falls with the square of the angle, for either order of the variances."""
    gains, variances = np.array([1.5, 0.8]), np.array([first, second])
    point = {A_1: 1.5, A_2: 0.8, LAMBDA_1: first, LAMBDA_2: second, GAMMA: 0.2}
    silent = {KURTOSIS: 0.0, LABEL_NOISE: 0.0}
    deviations = []
    for angle in (0.02, 0.01):
        exact = {k: sp.Float(v, 30) for k, v in (point | silent | {ANGLE: angle}).items()}
        rate = RATE**2 * float(case.explicit_by_angle.xreplace(exact))
        found = dense.evaluate(tilted(gains, variances, angle, 0.2)).drift.mean_rotation[0]
        deviations.append(found / rate - 1)
    assert abs(deviations[1]) < 1e-3
    assert deviations[0] / deviations[1] == pytest.approx(4, rel=0.05)


def test_small_weight_decay_and_angle_have_the_displayed_order(case: TwoAxes) -> None:
    """The rate over gamma^2 tends to a limit, the diffusion over gamma^4 too."""
    gains, variances = np.array([1.5, 0.8]), np.array([2.0, 0.7])
    rates, variances_of_plane = [], []
    for decay in (1e-3, 5e-4):
        drift = dense.evaluate(tilted(gains, variances, 0.01, decay)).drift
        rates.append(drift.mean_rotation[0] / decay**2)
        variances_of_plane.append(drift.covariance[0, 0] / decay**4)
    assert rates[0] == pytest.approx(rates[1], rel=0.01)
    assert variances_of_plane[0] == pytest.approx(variances_of_plane[1], rel=0.01)


def test_positive_correlation_turns_the_stronger_axis_towards_the_weaker(
    kernels: ModuleType,
) -> None:
    """``Q exp(xi (E_12 - E_21))`` with negative ``xi`` takes the first axis to the second."""
    rate = kernels.mean_rotation([1.1, 0.5], [[1.5, 0.4], [0.4, 0.8]], 0.1, RATE)
    assert rate < 0
    turn = np.eye(2) + rate * np.array([[0, 1], [-1, 0]])
    assert (turn @ [1, 0])[1] > 0


def test_kernels_evaluate_the_explicit_rate(kernels: ModuleType) -> None:
    for task, kurtosis, label in random_tasks():
        found = dense.evaluate(task).drift.mean_rotation
        if not found.size:
            continue
        values, covariance = frame(task)
        rate = kernels.mean_rotation(values, covariance, task.weight_decay, RATE, kurtosis, label)
        assert rate == pytest.approx(found[0], rel=1e-8)


def test_kernels_know_the_teacher_of_a_minimum(kernels: ModuleType) -> None:
    values, covariance = np.array([1.1, 0.5]), np.array([[1.5, 0.4], [0.4, 0.8]])
    teacher = kernels.teacher(values, covariance, 0.1)
    found = dense.solve_minimum(teacher, covariance, 0.1, 2)
    assert found.singular_values == pytest.approx(values, rel=1e-9)
    assert found.second_layer @ found.first_layer == pytest.approx(np.diag(values), abs=1e-9)


def test_kernels_broadcast_and_batches_divide(kernels: ModuleType) -> None:
    rates = kernels.small_angle([1.5, 0.8], [2.0, 0.7], np.linspace(-0.1, 0.1, 5), 0.2, RATE)
    assert rates.shape == (5,)
    assert rates == pytest.approx(-rates[::-1])
    batched = kernels.small_angle([1.5, 0.8], [2.0, 0.7], 0.1, 0.2, RATE, batch=4)
    assert 4 * batched == pytest.approx(rates[-1])


def test_kernels_refuse_what_is_no_minimum(kernels: ModuleType) -> None:
    with pytest.raises(ValueError, match="positive"):
        kernels.mean_rotation([1.0, 0.5], [[1.0, 2.0], [2.0, 1.0]], 0.1, RATE)

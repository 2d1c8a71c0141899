from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.optimize
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import aligned_problems, general_problems

from symdrift.errors import RequestError
from symdrift.evaluation.dense import (
    MinimumPoint,
    evaluate,
    expected_gradient,
    expected_loss,
    solve_minimum,
)
from symdrift.inputs import StimulusSet
from symdrift.study.problem import Array, LearningProblem, Stimulus


def lowest_loss(
    teacher: Array, covariance: Array, weight_decay: float, hidden: int, starts: int
) -> float:
    """Lowest end of plain descent from random weights; knows nothing of the product."""
    outputs, inputs = teacher.shape
    generator = np.random.default_rng(7)

    def loss(flat: Array) -> float:
        first = flat[: hidden * inputs].reshape(hidden, inputs)
        second = flat[hidden * inputs :].reshape(outputs, hidden)
        error = teacher - second @ first
        quadratic = np.trace(error @ covariance @ error.T)
        return float(0.5 * quadratic + 0.5 * weight_decay * np.sum(flat**2))

    def gradient(flat: Array) -> Array:
        first = flat[: hidden * inputs].reshape(hidden, inputs)
        second = flat[hidden * inputs :].reshape(outputs, hidden)
        slope = (second @ first - teacher) @ covariance
        return np.concatenate([(second.T @ slope).ravel(), (slope @ first.T).ravel()]) + (
            weight_decay * flat
        )

    ends = [
        scipy.optimize.minimize(
            loss,
            generator.standard_normal(hidden * (inputs + outputs)),
            jac=gradient,
            method="BFGS",
            options={"gtol": 1e-8},
        ).fun
        for _ in range(starts)
    ]
    return float(min(ends))


def solved(problem: LearningProblem) -> MinimumPoint:
    return solve_minimum(
        problem.teacher, problem.input_covariance, problem.weight_decay, problem.hidden
    )


@given(aligned_problems())
def test_aligned_minimum_shrinks_each_gain(problem: LearningProblem) -> None:
    """``s_i = a_i - gamma / lambda_i`` on the directions that lower the loss most, to rounding."""
    shared = min(problem.teacher.shape)
    variances = np.diagonal(problem.input_covariance)[:shared]
    gains = np.diagonal(problem.teacher)
    shrunk = np.maximum(gains - problem.weight_decay / variances, 0)
    by_worth = sorted(range(shared), key=lambda i: -variances[i] * shrunk[i] ** 2)
    kept = [i for i in by_worth if shrunk[i] > 0][: problem.hidden]
    values = np.zeros(shared)
    values[kept] = shrunk[kept]

    minimum = solved(problem)
    product = np.zeros_like(problem.teacher)
    product[np.arange(shared), np.arange(shared)] = values
    np.testing.assert_allclose(
        minimum.second_layer @ minimum.first_layer, product, atol=1e-14 * values.max()
    )
    expected_axes = sorted(kept, key=lambda i: (-round(float(values[i]), 9), i))
    root = np.sqrt(values[expected_axes])[:, np.newaxis]
    axes = root * np.eye(problem.teacher.shape[1])[expected_axes]
    np.testing.assert_allclose(minimum.first_layer, axes, atol=1e-14 * root.max())


@given(general_problems())
def test_minimum_is_certified(problem: LearningProblem) -> None:
    """No gradient left, balanced layers, and a dual bound that proves it global."""
    minimum = solved(problem)
    residual = expected_gradient(
        minimum.point, problem.teacher, problem.input_covariance, problem.weight_decay
    )
    assert np.abs(residual).max() < 1e-12 * np.abs(minimum.point).max()
    balance = minimum.first_layer @ minimum.first_layer.T
    np.testing.assert_allclose(balance, np.diag(minimum.singular_values), atol=1e-12)
    np.testing.assert_allclose(balance, minimum.second_layer.T @ minimum.second_layer, atol=1e-12)
    assert np.all(np.diff(minimum.singular_values) <= 0)
    assert np.all(np.sort(np.abs(minimum.first_layer))[:, -1] == minimum.first_layer.max(axis=1))
    assert minimum.certificate.duality_gap is not None
    assert abs(minimum.certificate.duality_gap) < 1e-13
    assert minimum.certificate.hessian_min > 0


@pytest.mark.parametrize("hidden", [1, 2, 3, 5])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_minimum_is_no_higher_than_descent_from_random_weights(seed: int, hidden: int) -> None:
    generator = np.random.default_rng(seed)
    mixing = generator.standard_normal((4, 4))
    covariance = mixing @ mixing.T / 4 + 0.2 * np.eye(4)
    teacher = generator.standard_normal((3, 4))
    minimum = solve_minimum(teacher, covariance, 0.2, hidden)
    brute_force = lowest_loss(teacher, covariance, 0.2, hidden, starts=12)
    assert minimum.loss == pytest.approx(brute_force, rel=1e-9)
    assert minimum.loss == pytest.approx(
        expected_loss(minimum.point, teacher, covariance, 0.2), rel=1e-14
    )


def test_bottleneck_keeps_the_largest_loss_reduction_not_the_largest_slope() -> None:
    """Slopes ``lambda a`` are 2, 3; reductions ``(lambda a - gamma)^2 / 2 lambda`` 9/8, 25/24."""
    teacher, covariance = np.diag([2.0, 1.0]), np.diag([1.0, 3.0])
    minimum = solve_minimum(teacher, covariance, 0.5, 1)
    np.testing.assert_allclose(minimum.first_layer, [[np.sqrt(1.5), 0]], atol=1e-14)
    assert minimum.loss == pytest.approx(3.5 - 9 / 8, rel=1e-14)
    assert minimum.loss == pytest.approx(lowest_loss(teacher, covariance, 0.5, 1, 12), rel=1e-9)
    assert minimum.certificate.runner_up == pytest.approx((9 / 8 - 25 / 24) / 3.5, rel=1e-9)


def test_bottleneck_in_general_position_matches_its_aligned_form_after_rotation() -> None:
    generator = np.random.default_rng(5)
    left, _ = np.linalg.qr(generator.standard_normal((4, 4)))
    right, _ = np.linalg.qr(generator.standard_normal((4, 4)))
    variances, gains = np.array([0.5, 2.0, 1.0, 3.0]), np.array([3.0, 1.2, 1.5, 0.6])
    aligned = solve_minimum(np.diag(gains), np.diag(variances), 0.3, 2)
    turned = solve_minimum(
        left @ np.diag(gains) @ right.T, right @ np.diag(variances) @ right.T, 0.3, 2
    )
    np.testing.assert_allclose(turned.singular_values, aligned.singular_values, rtol=1e-13)
    assert turned.loss == pytest.approx(aligned.loss, rel=1e-13)


def test_equal_singular_values_are_ordered_by_input_index() -> None:
    teacher = np.diag([1.0, -2.0, 1.0, 2.0])
    minimum = solve_minimum(teacher, np.eye(4), 0.1, 4)
    root = np.sqrt([1.9, 1.9, 0.9, 0.9])[:, np.newaxis]
    np.testing.assert_allclose(minimum.first_layer, root * np.eye(4)[[1, 3, 0, 2]], atol=1e-15)
    np.testing.assert_allclose(
        minimum.second_layer.T, root * np.diag([1, -1, 1, 1])[[1, 3, 0, 2]], atol=1e-15
    )


@pytest.mark.parametrize("digit", [0.0, 1e-14, -1e-14])
def test_rounding_does_not_choose_between_axes_that_are_seen_alike(digit: float) -> None:
    """The plane across ``(1, 1, 1)`` is as near to one pair of input axes as to another."""
    off = np.array([[0, digit, 0], [digit, 0, 0], [0, 0, 0]])
    minimum = solve_minimum(np.eye(3), 0.8 * np.eye(3) + 0.2 + off, 0.1, 3)
    first = minimum.first_layer / np.sqrt(minimum.singular_values)[:, np.newaxis]
    root = np.sqrt(1 / 3)
    # Symmetric orthogonalisation of what the first two input axes have in the plane.
    own, other = (1 + root) / 2, -(1 - root) / 2
    expected = [[root, root, root], [own, other, -root], [other, own, -root]]
    np.testing.assert_allclose(first, expected, rtol=1e-9)


def test_inputs_that_are_never_seen_carry_no_weight() -> None:
    teacher = np.array([[1.0, 0.4, 2.0], [0.2, 1.0, -1.0]])
    covariance = np.zeros((3, 3))
    covariance[:2, :2] = [[1.0, 0.3], [0.3, 0.8]]
    seen = solve_minimum(teacher[:, :2], covariance[:2, :2], 0.1, 3)
    minimum = solve_minimum(teacher, covariance, 0.1, 3)
    np.testing.assert_allclose(minimum.first_layer[:, 2], 0, atol=1e-14)
    np.testing.assert_allclose(minimum.first_layer[:, :2], seen.first_layer, rtol=1e-12)


def test_what_is_never_seen_and_asked_of_the_network_is_warned_about() -> None:
    """Two stimuli in three dimensions: refused neither, learned only where they are."""
    stimuli = StimulusSet(np.array([[1.0, 0.2, 0.0], [0.3, 1.0, 0.0]]), np.array([0.5, 0.5]))
    problem = LearningProblem(
        study="example",
        hidden=3,
        inputs=stimuli,
        teacher=np.eye(3),
        label_noise=np.zeros(3),
        learning_rate=0.005,
        weight_decay=0.1,
        batch=1,
        synaptic_noise=0.0,
        stimuli=(Stimulus("unseen", np.array([0.0, 0.0, 1.0])),),
    )
    result = evaluate(problem)
    assert result.minimum.rank == 2
    assert result.stimuli[0].squared_norm == 0
    (warning,) = result.warnings
    assert warning.startswith("inputs span 2 of 3 dimensions")
    assert evaluate(replace(problem, teacher=np.diag([1.0, 1.0, 0.0]))).warnings == ()


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_strongly_anisotropic_inputs_are_no_obstacle(seed: int) -> None:
    """Variances over six orders of magnitude in arbitrary axes: still certified to rounding."""
    generator = np.random.default_rng(seed)
    size = 8
    axes, _ = np.linalg.qr(generator.standard_normal((size, size)))
    covariance = (axes * np.geomspace(1e3, 1e-3, size)) @ axes.T
    teacher = np.eye(size) + generator.standard_normal((size, size)) / np.sqrt(size)
    minimum = solve_minimum(teacher, 0.5 * (covariance + covariance.T), 0.01, size)
    assert 2 < minimum.rank < size
    assert minimum.certificate.gradient_norm < 1e-12
    assert minimum.certificate.duality_gap is not None
    # Relative to a loss that is a hundred-thousandth of its terms.
    assert abs(minimum.certificate.duality_gap) < 1e-8
    assert minimum.certificate.hessian_min > 0


def assert_optimal(minimum: MinimumPoint, teacher: Array, covariance: Array, gamma: float) -> None:
    """``E Sigma`` is ``gamma`` times a subgradient of the nuclear norm: the convex minimum."""
    left, _, right = np.linalg.svd(minimum.second_layer @ minimum.first_layer)
    rank = minimum.rank
    slope = left.T @ minimum.error_map @ covariance @ right.T / gamma
    np.testing.assert_allclose(slope[:rank, :rank], np.eye(rank), atol=1e-7)
    np.testing.assert_allclose(slope[:rank, rank:], 0, atol=1e-7)
    np.testing.assert_allclose(slope[rank:, :rank], 0, atol=1e-7)
    assert np.linalg.norm(slope[rank:, rank:], 2) < 1


@pytest.mark.parametrize("seed", [22, 24, 27, 32])
def test_a_saddle_on_the_way_is_not_taken_for_the_minimum(seed: int) -> None:
    """At first the weakest direction is silent although its slope exceeds the weight decay."""
    generator = np.random.default_rng(seed)
    size = 6
    axes, _ = np.linalg.qr(generator.standard_normal((size, size)))
    covariance = (axes * np.geomspace(1, 1e-8, size)) @ axes.T
    teacher = generator.standard_normal((size, size))
    assert_optimal(solve_minimum(teacher, covariance, 1e-3, size), teacher, covariance, 1e-3)


def test_a_hundred_stimuli_of_a_large_network_may_vary_over_six_orders_of_magnitude() -> None:
    generator = np.random.default_rng(3)
    size = 48
    axes, _ = np.linalg.qr(generator.standard_normal((size, size)))
    samples, _ = np.linalg.qr(generator.standard_normal((100, size)))
    stimuli = 10 * samples @ (axes * np.geomspace(1, 1e-3, size)).T
    inputs = StimulusSet(stimuli, np.full(100, 0.01))
    teacher = generator.standard_normal((size, size)) / np.sqrt(size)
    assert np.linalg.cond(inputs.covariance) == pytest.approx(1e6, rel=1e-3)
    minimum = solve_minimum(teacher, inputs.covariance, 0.01, size)
    assert_optimal(minimum, teacher, inputs.covariance, 0.01)
    assert minimum.certificate.gradient_norm < 1e-13
    assert minimum.certificate.duality_gap is not None
    assert abs(minimum.certificate.duality_gap) < 1e-11


@settings(max_examples=25)
@given(general_problems(), st.integers(0, 3))
def test_spare_hidden_units_change_nothing_but_the_spectrum(
    problem: LearningProblem, spare: int
) -> None:
    one = solved(problem)
    other = solve_minimum(
        problem.teacher, problem.input_covariance, problem.weight_decay, one.rank + spare
    )
    np.testing.assert_allclose(other.first_layer, one.first_layer, atol=1e-11)
    np.testing.assert_allclose(other.second_layer, one.second_layer, atol=1e-11)


@pytest.mark.parametrize(
    ("gains", "variances", "weight_decay", "hidden", "message"),
    [
        (
            [1, 1],
            [2, 1],
            0.0,
            2,
            "weight_decay = 0 is refused: without weight decay the loss is the same",
        ),
        ([1, 1], [2, 1], -0.1, 2, "weight_decay = -0.1 is refused"),
        ([1, 1], [2, 1], 2.5, 2, "leaves no active direction"),
        ([1, 1], [2, 1], 2.0, 2, "leaves no active direction"),
        ([1, 1], [2, 0.2], 0.2, 2, "meets the threshold of a direction with equality"),
        ([1, 1, 1], [2, 1, 1], 0.2, 2, "network.hidden = 2 cuts through a tie"),
        # Unlike directions of equal loss reduction (lambda a - gamma)^2 / (2 lambda) = 2.
        ([3, 1.25], [1, 4], 1.0, 1, "network.hidden = 1 cuts through a tie"),
    ],
)
def test_points_without_a_strict_minimum_are_refused(
    gains: list[float],
    variances: list[float],
    weight_decay: float,
    hidden: int,
    message: str,
) -> None:
    teacher, covariance = np.diag(gains).astype(float), np.diag(variances).astype(float)
    with pytest.raises(RequestError, match=message):
        solve_minimum(teacher, covariance, weight_decay, hidden)


@pytest.mark.parametrize(("gain", "kept"), [(1.25 + 1e-6, 1), (1.25 - 1e-6, 0)])
def test_a_near_tie_is_decided(gain: float, kept: int) -> None:
    minimum = solve_minimum(np.diag([3, gain]), np.diag([1.0, 4.0]), 1.0, 1)
    assert np.flatnonzero(np.abs(minimum.first_layer[0]) > 1e-12).tolist() == [kept]


@pytest.mark.parametrize(("gain", "rank"), [(1.001, 2), (0.999, 1)])
def test_a_near_threshold_is_decided(gain: float, rank: int) -> None:
    minimum = solve_minimum(np.diag([1, gain]), np.diag([2.0, 0.2]), 0.2, 3)
    assert minimum.rank == rank
    values = [1 - 0.2 / 2, gain - 0.2 / 0.2][:rank]
    np.testing.assert_allclose(minimum.singular_values, values, atol=1e-14)


def test_matrices_that_do_not_fit_are_refused_with_the_estimate(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("symdrift.memory.available_memory", lambda: 2**30)
    with pytest.raises(RequestError, match=r"network with 80 inputs.*about [0-9.]+ GiB"):
        solve_minimum(np.eye(80), np.eye(80), 0.1, 80)


def test_learning_rate_and_noise_share_a_minimum_that_nobody_can_change() -> None:
    teacher, covariance = np.diag([1.0, 0.8]), np.diag([2.0, 1.0])
    minimum = solve_minimum(teacher, covariance, 0.3, 2)
    assert solve_minimum(teacher.copy(), covariance.copy(), 0.3, 2) is minimum
    for shared in (minimum.first_layer, minimum.second_layer, minimum.singular_values):
        with pytest.raises(ValueError, match="read-only"):
            shared[...] = 0
    # Arrays are known by what is in them now, not by who they are.
    teacher[0, 0] = 1.2
    moved = solve_minimum(teacher, covariance, 0.3, 2)
    np.testing.assert_allclose(moved.singular_values, [1.2 - 0.3 / 2, 0.8 - 0.3], atol=1e-14)
    assert solve_minimum(teacher, covariance, 0.4, 2).singular_values[1] == pytest.approx(0.4)

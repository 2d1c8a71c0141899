"""Synaptic noise turns the hidden layer directly, silent units included."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from strategies import general_problems

from symdrift.evaluation.dense import angular_matrices, solve_minimum
from symdrift.evaluation.evaluate import evaluate
from symdrift.evaluation.synapses import synaptic_decay
from symdrift.inputs import Gaussian
from symdrift.study.problem import Array, LearningProblem, Stimulus

MISALIGNED = LearningProblem(
    study="misaligned",
    hidden=3,
    inputs=Gaussian(np.array([[1.5, 0.6], [0.6, 0.8]])),
    teacher=np.diag([1.2, 0.8]),
    label_noise=np.zeros(2),
    learning_rate=0.005,
    weight_decay=0.15,
    batch=1,
    synaptic_noise=2e-10,
    stimuli=(Stimulus("first", np.array([1.0, 0.0])), Stimulus("second", np.array([0.0, 1.0]))),
)


def autoencoder(size: int, hidden: int, synaptic_noise: float) -> LearningProblem:
    return LearningProblem(
        study="example",
        hidden=hidden,
        inputs=Gaussian(np.eye(size)),
        teacher=np.eye(size),
        label_noise=np.zeros(size),
        learning_rate=0.01,
        weight_decay=0.2,
        batch=1,
        synaptic_noise=synaptic_noise,
        stimuli=(Stimulus("first", np.eye(size)[0]),),
    )


@settings(max_examples=25)
@given(general_problems())
def test_synaptic_noise_adds_variance_over_squared_length(problem: LearningProblem) -> None:
    """``V = V_gradient + varsigma^2 G^-1`` with ``G = 2 (s_i + s_j)``, or ``2 s_i`` if silent."""
    variance = 1e-9
    alone = evaluate(problem, "dense")
    both = evaluate(replace(problem, synaptic_noise=variance), "dense")
    values = alone.minimum.singular_values
    rank = len(values)
    expected = tuple((i, j) for i in range(1, rank + 1) for j in range(i + 1, problem.hidden + 1))
    assert both.drift.planes == expected
    before = dict(zip(alone.drift.planes, alone.drift.covariance.diagonal(), strict=True))
    for (i, j), total in zip(expected, both.drift.covariance.diagonal(), strict=True):
        length = 2 * (values[i - 1] + (values[j - 1] if j <= rank else 0))
        assert total - before.get((i, j), 0) == pytest.approx(variance / length, rel=1e-6)
    # The mean rotation is that of the gradient noise alone.
    moved = dict(zip(both.drift.planes, both.drift.mean_rotation, strict=True))
    for plane, speed in zip(alone.drift.planes, alone.drift.mean_rotation, strict=True):
        assert moved[plane] == speed


@settings(max_examples=25)
@given(general_problems())
def test_stimuli_alone_agree_with_all_planes(problem: LearningProblem) -> None:
    problem = replace(problem, synaptic_noise=1e-9)
    full, stimuli = evaluate(problem), evaluate(problem, quantities="stimuli")
    delta, mean = angular_matrices(full.drift, full.minimum.rank)
    np.testing.assert_allclose(stimuli.decay_matrix, delta, rtol=1e-9, atol=1e-12 * delta.max())
    np.testing.assert_allclose(stimuli.mean_rotation, mean, atol=1e-12 * np.abs(mean).max())
    for one, other in zip(full.stimuli, stimuli.stimuli, strict=True):
        assert one.decay_rate == pytest.approx(other.decay_rate, rel=1e-10)
    assert full.fluctuation == stimuli.fluctuation


def test_decay_in_an_isotropic_network_counts_axes() -> None:
    """``Delta_ii = (varsigma^2 / 4 s) [(r - 1) / 2 + (p - r)]``: silent units count twice."""
    decay = synaptic_decay(np.full(4, 0.8), 10, 1e-6)
    np.testing.assert_allclose(decay, 1e-6 / (4 * 0.8) * (3 / 2 + 6), rtol=1e-14)


def test_a_single_active_axis_turns_into_silent_ones() -> None:
    result = evaluate(autoencoder(1, 3, 1e-8))
    assert result.drift.planes == ((1, 2), (1, 3))
    np.testing.assert_allclose(result.drift.covariance, 1e-8 / 1.6 * np.eye(2), rtol=1e-12)
    assert result.stimuli[0].decay_rate == pytest.approx(1e-8 / 1.6, rel=1e-12)


def test_fluctuation_counts_every_normal_direction() -> None:
    """``tr(H Gamma) / 2 = varsigma^2 / (4 eta)`` per normal direction, ``p (n + m) - planes``."""
    problem = autoencoder(3, 5, 1e-7)
    both, alone = evaluate(problem), evaluate(replace(problem, synaptic_noise=0.0), "dense")
    directions = 5 * 6 - (3 + 3 * 2)
    added = both.fluctuation.excess_loss - alone.fluctuation.excess_loss
    assert added == pytest.approx(1e-7 / (4 * 0.01) * directions, rel=1e-9)


def test_synaptic_noise_that_shakes_the_weights_hard_is_warned_about() -> None:
    assert evaluate(autoencoder(2, 2, 1e-6)).warnings == ()
    (warning,) = evaluate(autoencoder(2, 2, 1e-3)).warnings
    assert warning.startswith("learning.synaptic_noise keeps weights at a variance")


def turned_angles(overlap: Array) -> Array:
    """Rotation angles in the planes (1, 2), (1, 3), (2, 3) of three hidden units, rank two.

    ``overlap`` holds ``W W*' + U'U*`` of each replica, shape ``(replicas, 3, 2)``; its polar
    factor is the first two columns of the rotation, small here.
    """
    left, _, right = np.linalg.svd(overlap, full_matrices=False)
    polar = left @ right
    return np.array([0.5 * (polar[:, 0, 1] - polar[:, 1, 0]), -polar[:, 2, 0], -polar[:, 2, 1]])


@pytest.mark.slow
def test_direct_sgd_with_synaptic_noise_turns_as_predicted() -> None:
    """Three hidden units, one silent; synaptic noise about as strong as gradient noise."""
    problem, replicas, transient, steps = MISALIGNED, 1500, 3000, 6000
    minimum = solve_minimum(problem.teacher, problem.input_covariance, 0.15, 3)
    generator = np.random.default_rng(5)
    first, second = np.zeros((replicas, 3, 2)), np.zeros((replicas, 2, 3))
    first[:, :2], second[:, :, :2] = minimum.first_layer, minimum.second_layer
    rate, decay, strength = 0.005, 0.15, np.sqrt(problem.synaptic_noise)

    def advance(count: int) -> None:
        for _ in range(count):
            stimulus = problem.inputs.sample(generator, (replicas,))[:, :, np.newaxis]
            hidden = first @ stimulus
            error = problem.teacher @ stimulus - second @ hidden
            back = second.transpose(0, 2, 1) @ error
            first[:] += rate * (back * stimulus.transpose(0, 2, 1) - decay * first)
            second[:] += rate * (error * hidden.transpose(0, 2, 1) - decay * second)
            first[:] += strength * generator.standard_normal(first.shape)
            second[:] += strength * generator.standard_normal(second.shape)

    def angles() -> Array:
        overlap = first @ minimum.first_layer.T
        return turned_angles(overlap + second.transpose(0, 2, 1) @ minimum.second_layer)

    advance(transient)
    before = angles()
    advance(steps)
    turned = angles() - before
    drift = evaluate(problem).drift
    assert drift.planes == ((1, 2), (1, 3), (2, 3))
    measured = turned.var(axis=1) / steps
    predicted = np.diagonal(drift.covariance)
    # 3.7 % standard error; the swept half of the first keeps its end points (see test_dense).
    assert measured[0] == pytest.approx(predicted[0], rel=0.18)
    np.testing.assert_allclose(measured[1:], predicted[1:], rtol=0.12)
    error = turned[0].std() / np.sqrt(replicas) / steps
    assert abs(turned[0].mean() / steps - drift.mean_rotation[0]) < 4 * error + 0.05 * abs(
        drift.mean_rotation[0]
    )
    alone = evaluate(replace(problem, synaptic_noise=0.0)).drift.covariance[0, 0]
    assert 0.4 < alone / predicted[0] < 0.6

"""The canonical frame, the normal space and its fluctuation against full matrices."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
import scipy.linalg
from all_weights import reachable_basis, tangent_vectors
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import general_problems, orthogonal_matrices

from symdrift.evaluation.dense import (
    angular_matrices,
    decay_matrix,
    gradient_fluctuation,
    gradient_noise,
    hessian_matrix,
    hidden_drift,
    mean_rotation_matrix,
    reached_hessian,
    reached_noise,
    silent_fluctuation,
    solve_minimum,
    synaptic_fluctuation,
)
from symdrift.evaluation.dense.balanced import factored
from symdrift.evaluation.dense.coordinates import hidden_planes, separated
from symdrift.evaluation.dense.frame import frame_of
from symdrift.evaluation.dense.landscape import MinimumPoint
from symdrift.evaluation.dense.noise_factors import noise_factor
from symdrift.evaluation.dense.sizes import stimulus_memory
from symdrift.evaluation.evaluate import evaluate
from symdrift.inputs import StimulusSet
from symdrift.study.problem import Array, LearningProblem, Stimulus


def solved(problem: LearningProblem) -> MinimumPoint:
    return solve_minimum(
        problem.teacher, problem.input_covariance, problem.weight_decay, problem.hidden
    )


def rotation_statistics(
    problem: LearningProblem, minimum: MinimumPoint, turn: Array
) -> tuple[Array, Array]:
    """``Delta`` and mean rotation from the equations of the theory in a turned hidden layer.

    Whole weight space, Lyapunov and Sylvester equations solved as such, the metric inverted.
    """
    rank, size = minimum.rank, sum(problem.teacher.shape)
    point = turn @ minimum.point
    hessian = hessian_matrix(point, problem.teacher, problem.input_covariance, problem.weight_decay)
    lift = np.kron(turn, np.eye(size))
    noise = gradient_noise(minimum, problem.inputs, problem.label_noise, problem.batch)
    noise = lift @ noise @ lift.T
    planes = hidden_planes(rank)
    tangents = tangent_vectors(point, planes)
    normal = scipy.linalg.null_space(tangents.T)
    hessian, noise = normal.T @ hessian @ normal, normal.T @ noise @ normal
    gamma = scipy.linalg.solve_continuous_lyapunov(hessian, problem.learning_rate * noise)
    generators, responses, means = [], [], []
    for i, j in planes:
        generator = np.zeros((rank, rank))
        generator[i, j], generator[j, i] = 1, -1
        on_normal = normal.T @ np.kron(generator, np.eye(size)) @ normal
        responses.append(scipy.linalg.solve_sylvester(hessian, hessian, 2 * on_normal @ hessian))
        means.append(np.trace(hessian @ on_normal @ gamma))
        generators.append(generator)
    areas = np.array(
        [[np.trace(one.T @ noise @ other @ gamma) for other in responses] for one in responses]
    )
    inverse = np.linalg.inv(tangents.T @ tangents)
    rate = problem.learning_rate
    covariance, mean = rate**2 * inverse @ areas @ inverse, rate * inverse @ np.array(means)
    delta = -0.5 * sum(
        covariance[a, b] * generators[a] @ generators[b]
        for a in range(len(planes))
        for b in range(len(planes))
    )
    return delta, sum(speed * g for speed, g in zip(mean, generators, strict=True))


@settings(max_examples=15)
@given(general_problems(largest=4), st.data())
def test_drift_is_that_of_the_whole_equations_in_any_turned_hidden_layer(
    problem: LearningProblem, data: st.DataObject
) -> None:
    minimum = solved(problem)
    if minimum.rank < 2:
        return
    turn = data.draw(orthogonal_matrices(minimum.rank))
    fluctuation = gradient_fluctuation(problem, minimum)
    rate = problem.learning_rate
    delta = decay_matrix(minimum.point, fluctuation, rate, "exact")
    mean = mean_rotation_matrix(minimum.point, fluctuation, rate)
    expected_delta, expected_mean = rotation_statistics(problem, minimum, turn)
    np.testing.assert_allclose(
        turn @ delta @ turn.T, expected_delta, atol=1e-9 * np.abs(delta).max()
    )
    np.testing.assert_allclose(
        turn @ mean @ turn.T,
        expected_mean,
        atol=1e-9 * max(np.abs(mean).max(), np.sqrt(np.abs(delta).max()) * 1e-3),
    )


@settings(max_examples=15)
@given(general_problems(), st.sampled_from(["exact", "white"]), st.integers(1, 400))
def test_stimuli_need_planes_that_share_an_axis_only(
    problem: LearningProblem, approximation: str, block: int
) -> None:
    """``Delta`` directly, from the covariance of all planes, and with noise taken in blocks."""
    minimum = solved(problem)
    fluctuation = gradient_fluctuation(problem, minimum)
    arguments = (minimum.point, fluctuation, problem.learning_rate, approximation)
    drift = hidden_drift(*arguments)
    delta, mean = angular_matrices(drift, minimum.rank)
    tolerance = 1e-12 * np.abs(delta).max(initial=0.0)
    np.testing.assert_allclose(decay_matrix(*arguments), delta, atol=tolerance)
    np.testing.assert_allclose(
        mean_rotation_matrix(*arguments[:3]), mean, atol=1e-14 * np.abs(mean).max(initial=0.0)
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("symdrift.evaluation.dense.rotation_covariance.BLOCK", block)
        np.testing.assert_allclose(decay_matrix(*arguments), delta, atol=tolerance)
        np.testing.assert_allclose(
            hidden_drift(*arguments).covariance,
            drift.covariance,
            atol=1e-12 * np.abs(drift.covariance).max(initial=0.0),
        )


@pytest.mark.parametrize("shape", [(4, 6), (5, 5), (6, 3)])
def test_hessian_on_the_reached_directions_of_any_balanced_point(shape: tuple[int, int]) -> None:
    """Against the full second variation, at a balanced point that is no minimum."""
    generator = np.random.default_rng(4)
    outputs, inputs = shape
    mixing = generator.standard_normal((inputs, inputs))
    covariance = mixing @ mixing.T
    teacher = generator.standard_normal(shape)
    point = factored(
        generator.standard_normal((outputs, 3)) @ generator.standard_normal((3, inputs))
    )
    first, second = separated(point, inputs)
    frame = frame_of(first, second)
    size = 3 * (inputs + outputs - 3)
    basis = frame.weights(np.eye(size))
    np.testing.assert_allclose(basis.T @ basis, np.eye(size), atol=1e-13)
    full = hessian_matrix(point, teacher, covariance, 0.3)
    reached = reached_hessian(frame, (teacher - second @ first) @ covariance, covariance, 0.3)
    np.testing.assert_allclose(reached, basis.T @ full @ basis, atol=1e-13 * np.abs(full).max())


@settings(max_examples=20)
@given(general_problems())
def test_noise_on_the_reached_directions_is_all_of_it(problem: LearningProblem) -> None:
    minimum = solved(problem)
    arguments = (minimum, problem.inputs, problem.label_noise, problem.batch)
    basis, reached, full = (
        reachable_basis(minimum),
        reached_noise(*arguments),
        gradient_noise(*arguments),
    )
    scale = np.abs(full).max()
    np.testing.assert_allclose(basis @ reached @ basis.T, full, atol=1e-12 * scale)
    factor = noise_factor(reached)
    np.testing.assert_allclose(factor @ factor.T, reached, atol=1e-12 * scale)


def test_a_few_stimuli_make_noise_of_low_rank() -> None:
    """As many directions as stimuli at most; label noise reaches many others."""
    generator = np.random.default_rng(2)
    stimuli = StimulusSet(generator.standard_normal((9, 10)), np.full(9, 1 / 9))
    teacher = generator.standard_normal((10, 10))
    minimum = solve_minimum(teacher, stimuli.covariance, 0.2, 10)
    noise = reached_noise(minimum, stimuli, np.zeros(10), 1)
    assert len(noise) == minimum.rank * (20 - minimum.rank) > 60
    assert noise_factor(noise).shape[1] == np.linalg.matrix_rank(noise, tol=1e-10) <= 9
    assert noise_factor(reached_noise(minimum, stimuli, np.ones(10), 1)).shape[1] > 60


def test_noise_of_very_unequal_strength_keeps_its_relative_precision() -> None:
    strengths = np.geomspace(1, 1e-9, 6)
    correlation = 0.5 * np.eye(6) + 0.5
    noise = strengths[:, np.newaxis] * correlation * strengths
    factor = noise_factor(noise)
    np.testing.assert_allclose(factor @ factor.T, noise, rtol=1e-12)


@pytest.mark.slow
def test_a_wide_network_with_few_stimuli_is_done_in_little_memory() -> None:
    """Sixteen axes, 40 stimuli: less than a tenth of a ``k x k`` matrix for every plane."""
    size = 16
    generator = np.random.default_rng(3)
    rows = generator.standard_normal((40, size)) * np.geomspace(2, 0.5, size)
    problem = LearningProblem(
        study="wide",
        hidden=size,
        inputs=StimulusSet(rows, np.full(40, 1 / 40)),
        teacher=2 * np.eye(size) + 0.2 * generator.standard_normal((size, size)),
        label_noise=np.zeros(size),
        learning_rate=1e-3,
        weight_decay=0.1,
        batch=1,
        synaptic_noise=0.0,
        stimuli=tuple(Stimulus(f"axis {k + 1}", axis) for k, axis in enumerate(np.eye(size))),
    )
    parts: list[tuple[int, int]] = []
    tracemalloc.start()
    stimuli = evaluate(
        problem,
        progress=lambda done, total: parts.append((done, total)),
        quantities="stimuli",
    )
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    planes, reached = size * (size - 1) // 2, size * size
    assert peak < stimulus_memory(size, size, size)
    # The directions that Lanczos keeps for the critical rate come on top: fewer than sixty.
    assert peak < 0.1 * 8 * planes * reached**2 + 8 * (20 + 60) * reached**2
    assert parts == [(done, planes) for done in range(1, planes + 1)]

    full = evaluate(problem)
    spectrum = np.linalg.eigvalsh(full.drift.covariance)
    assert spectrum[0] > -1e-14 * spectrum[-1]
    delta, mean = angular_matrices(full.drift, size)
    np.testing.assert_allclose(stimuli.decay_matrix, delta, atol=1e-12 * delta.max())
    np.testing.assert_allclose(stimuli.mean_rotation, mean, atol=1e-12 * np.abs(mean).max())
    for one, other in zip(full.stimuli, stimuli.stimuli, strict=True):
        assert other.diffusion == pytest.approx(one.diffusion, rel=1e-11)


def test_no_noise_has_no_factor() -> None:
    assert noise_factor(np.zeros((4, 4))).shape == (4, 0)


@settings(max_examples=15)
@given(general_problems(largest=3), st.integers(0, 2))
def test_normal_space_of_the_whole_network(problem: LearningProblem, silent: int) -> None:
    """Every eigenvalue with its multiplicity, and synaptic fluctuation ``varsigma^2/2eta H^-1``."""
    rank = solved(replace(problem, hidden=8)).rank
    problem = replace(problem, hidden=rank + silent, synaptic_noise=1e-6)
    minimum = solved(problem)
    arguments = (problem.teacher, problem.input_covariance, problem.weight_decay)
    size = sum(problem.teacher.shape)
    whole = np.vstack([minimum.point, np.zeros((silent, size))])
    hessian = hessian_matrix(whole, *arguments)
    planes = tuple(plane for plane in hidden_planes(rank + silent) if plane[0] < rank)
    tangents = tangent_vectors(whole, planes)
    normal = scipy.linalg.null_space(tangents.T) if planes else np.eye(len(hessian))
    expected = np.linalg.eigvalsh(normal.T @ hessian @ normal)
    spectrum = minimum.spectrum
    assert spectrum.dimension == len(expected)
    assert spectrum.inverse_trace == pytest.approx(np.sum(1 / expected), rel=1e-10)
    assert spectrum.smallest == pytest.approx(expected[0], rel=1e-10)
    assert spectrum.largest == pytest.approx(expected[-1], rel=1e-12)

    parts = [synaptic_fluctuation(problem, minimum)]
    parts += [silent_fluctuation(problem, minimum)] * silent
    stiffness = np.concatenate([part.stiffness for part in parts])
    np.testing.assert_allclose(np.sort(stiffness), expected, atol=1e-12 * expected[-1])
    basis = scipy.linalg.block_diag(*(part.basis for part in parts))
    np.testing.assert_allclose(basis.T @ basis, np.eye(len(expected)), atol=1e-12)
    np.testing.assert_allclose(basis.T @ tangents, 0, atol=1e-12)
    covariance = scipy.linalg.block_diag(*(part.covariance for part in parts))
    gamma = basis @ covariance @ basis.T
    projector = normal @ normal.T
    rate = problem.learning_rate
    np.testing.assert_allclose(
        hessian @ gamma + gamma @ hessian, 1e-6 / rate * projector, atol=1e-11 * 1e-6 / rate
    )

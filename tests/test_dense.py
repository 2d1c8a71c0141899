from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from all_weights import reachable_basis, stationary_fluctuation, tangent_vectors
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import aligned_problems, general_problems, orthogonal_matrices

from symdrift.errors import RequestError
from symdrift.evaluation.dense import (
    angular_matrices,
    evaluate,
    expected_gradient,
    expected_loss,
    gradient_noise,
    gradient_variances,
    hessian_matrix,
    solve_minimum,
)
from symdrift.evaluation.dense.coordinates import hidden_planes
from symdrift.evaluation.evaluate import evaluate as evaluate_in_full
from symdrift.evaluation.parts import DEGENERACY_TOLERANCE, Drift
from symdrift.evaluation.result import Evaluation
from symdrift.inputs import Elliptical, Gaussian, InputDistribution, Samples, StimulusSet
from symdrift.observables import drift_process
from symdrift.study.problem import Array, LearningProblem, Stimulus


def problem_of(
    inputs: InputDistribution,
    teacher: Array,
    weight_decay: float,
    learning_rate: float,
    hidden: int | None = None,
    label_noise: float = 0.0,
) -> LearningProblem:
    outputs, size = teacher.shape
    return LearningProblem(
        study="example",
        hidden=size if hidden is None else hidden,
        inputs=inputs,
        teacher=teacher,
        label_noise=np.full(outputs, label_noise),
        learning_rate=learning_rate,
        weight_decay=weight_decay,
        batch=1,
        synaptic_noise=0.0,
        stimuli=tuple(Stimulus(f"axis {axis + 1}", np.eye(size)[axis]) for axis in range(size)),
    )


def autoencoder(
    variances: list[float], weight_decay: float, learning_rate: float, hidden: int | None = None
) -> LearningProblem:
    inputs = Gaussian(np.diag(variances))
    return problem_of(inputs, np.eye(len(variances)), weight_decay, learning_rate, hidden)


MISALIGNED = problem_of(
    Gaussian(np.array([[1.5, 0.6], [0.6, 0.8]])), np.diag([1.2, 0.8]), 0.15, 0.005
)
SKEWED = problem_of(
    StimulusSet(np.array([[1.9, -1.8], [1.4, -1.3], [0.1, 1.8]]), np.array([0.5, 0.3, 0.2])),
    np.eye(2),
    0.15,
    0.003,
)


def variances_of(result: Evaluation) -> Array:
    return np.diagonal(result.drift.covariance)


# --- Checked numbers of the theory ------------------------------------------------------


@pytest.mark.parametrize(
    ("problem", "approximation", "printed"),
    [
        (autoencoder([2, 0.7], 0.2, 0.0025), "exact", ["1.3977e-11"]),
        (autoencoder([2, 0.7], 0.2, 0.005), "exact", ["1.1182e-10"]),
        (autoencoder([2, 0.7], 0.2, 0.01), "exact", ["8.9452e-10"]),
        (autoencoder([2, 0.7], 0.2, 0.0025), "white", ["1.684e-11"]),
        (
            autoencoder([2, 1, 0.7], 0.3, 0.005),
            "exact",
            ["6.962e-10", "7.745e-10", "1.1397e-09"],
        ),
        (autoencoder([2, 1.5, 0.7, 0.7], 0.1, 0.02, hidden=2), "exact", ["1.0931e-06"]),
        (MISALIGNED, "exact", ["4.443e-11"]),
    ],
)
def test_checked_rotation_variances(
    problem: LearningProblem, approximation: str, printed: list[str]
) -> None:
    measured = variances_of(evaluate(problem, approximation))
    assert len(measured) == len(printed)
    for value, digits in zip(measured, printed, strict=True):
        decimals = len(digits.split("e")[0].split(".")[1])
        assert f"{value:.{decimals}e}" == digits


def test_checked_mean_rotation_and_its_sign() -> None:
    """4.342e-8 per step; clockwise when both right singular vectors point up their main axis."""
    drift = evaluate(MISALIGNED).drift
    assert f"{drift.mean_rotation[0]:.3e}" == "-4.342e-08"


NOISES = st.just(0.0) | st.floats(1e-3, 0.5)


@given(st.integers(2, 5), NOISES, st.floats(0.5, 2), st.floats(1, 2))
@settings(max_examples=25)
def test_isotropic_closed_form(size: int, noise: float, variance: float, gain: float) -> None:
    """``D = eta^3/64 [(n+2)(2g^2 + s^2 L)^2 / (L s) + (n-2) s^4 L^2 / (L a)]`` in every plane."""
    decay, rate = 0.2, 0.01
    problem = problem_of(
        Gaussian(variance * np.eye(size)), gain * np.eye(size), decay, rate, label_noise=noise
    )
    value = gain - decay / variance
    expected = (rate**3 / 64) * (
        (size + 2) * (2 * decay**2 + noise * variance) ** 2 / (variance * value)
        + (size - 2) * noise**2 * variance / gain
    )
    drift = evaluate(problem).drift
    np.testing.assert_allclose(drift.diffusion, expected, rtol=1e-12)
    np.testing.assert_allclose(
        drift.covariance, np.diag(2 * np.full(len(drift.planes), expected)), atol=1e-13 * expected
    )
    np.testing.assert_allclose(drift.mean_rotation, 0, atol=1e-13 * np.sqrt(expected))


@pytest.mark.slow
@pytest.mark.parametrize("problem", [MISALIGNED, SKEWED], ids=["misaligned", "skewed"])
def test_direct_sgd_rotates_as_predicted(problem: LearningProblem) -> None:
    """Mean (with its sign) and variance of the polar angle of an ensemble, by plain SGD."""
    replicas, transient, steps = 4000, 4000, 6000
    minimum = solve_minimum(
        problem.teacher, problem.input_covariance, problem.weight_decay, problem.hidden
    )
    first = np.repeat(minimum.first_layer[:, :, np.newaxis], replicas, axis=2)
    second = np.repeat(minimum.second_layer[:, :, np.newaxis], replicas, axis=2)
    generator = np.random.default_rng(3)
    rate, decay = problem.learning_rate, problem.weight_decay

    def advance(count: int) -> None:
        for _ in range(count):
            stimulus = problem.inputs.sample(generator, (replicas,)).T
            hidden = np.einsum("kar,ar->kr", first, stimulus)
            error = problem.teacher @ stimulus - np.einsum("okr,kr->or", second, hidden)
            returned = np.einsum("okr,or->kr", second, error)
            first[:] += rate * (returned[:, np.newaxis] * stimulus - decay * first)
            second[:] += rate * (error[:, np.newaxis] * hidden - decay * second)

    def angle() -> Array:
        overlap = np.einsum("kar,la->klr", first, minimum.first_layer)
        overlap += np.einsum("okr,ol->klr", second, minimum.second_layer)
        turned = np.arctan2(overlap[0, 1] - overlap[1, 0], overlap[0, 0] + overlap[1, 1])
        return np.asarray(turned)

    advance(transient)
    before = angle()
    advance(steps)
    turned = angle() - before
    drift = evaluate(problem).drift
    error = turned.std() / np.sqrt(replicas) / steps
    assert abs(drift.mean_rotation[0]) > 15 * error
    assert abs(turned.mean() / steps - drift.mean_rotation[0]) < 4 * error + 0.05 * abs(
        drift.mean_rotation[0]
    )
    # A window of six relaxation times leaves its end points in, and corrections of order
    # eta h_max remain; over 40 000 steps the excess falls from 14 % to 3 %.
    assert turned.var() / steps == pytest.approx(drift.covariance[0, 0], rel=0.2)


# --- Stages against brute force ---------------------------------------------------------


@settings(max_examples=20)
@given(general_problems(largest=3), st.integers(0, 1000))
def test_expected_loss_gradient_and_hessian_are_consistent(
    problem: LearningProblem, seed: int
) -> None:
    """Central differences at a random point, where the error map is not at its minimum."""
    size = sum(problem.teacher.shape)
    point = np.random.default_rng(seed).standard_normal((2, size))
    arguments = (problem.teacher, problem.input_covariance, problem.weight_decay)
    step = 1e-5
    gradient = np.empty(2 * size)
    hessian = np.empty((2 * size, 2 * size))
    for index in range(2 * size):
        offset = np.zeros(2 * size)
        offset[index] = step
        ahead, behind = point + offset.reshape(point.shape), point - offset.reshape(point.shape)
        rise = expected_loss(ahead, *arguments) - expected_loss(behind, *arguments)
        gradient[index] = rise / (2 * step)
        bend = expected_gradient(ahead, *arguments) - expected_gradient(behind, *arguments)
        hessian[index] = bend.ravel() / (2 * step)
    exact = expected_gradient(point, *arguments).ravel()
    np.testing.assert_allclose(gradient, exact, atol=1e-7 * np.abs(exact).max())
    matrix = hessian_matrix(point, *arguments)
    np.testing.assert_allclose(hessian, matrix, atol=1e-7 * np.abs(matrix).max())


def sample_gradient(
    point: Array, stimulus: Array, label: Array, weight_decay: float
) -> tuple[Array, float]:
    """Gradient ``[g_W, g_U']`` and loss of one sample, straight from the network."""
    first, second = point[:, : len(stimulus)], point[:, len(stimulus) :].T
    hidden = first @ stimulus
    error = label - second @ hidden
    from_first = -np.outer(second.T @ error, stimulus)
    from_second = -np.outer(error, hidden)
    loss = 0.5 * float(error @ error) + 0.5 * weight_decay * float(np.sum(point**2))
    return np.hstack([from_first, from_second.T]) + weight_decay * point, loss


def test_expected_loss_is_the_mean_of_sample_losses() -> None:
    generator = np.random.default_rng(0)
    rows, teacher = generator.standard_normal((6, 3)), generator.standard_normal((2, 3))
    point = generator.standard_normal((4, 5))
    samples = [sample_gradient(point, row, teacher @ row, 0.3) for row in rows]
    arguments = (teacher, Samples(rows).covariance, 0.3)
    mean_loss = np.mean([loss for _, loss in samples])
    mean_gradient = np.mean([gradient for gradient, _ in samples], axis=0)
    assert expected_loss(point, *arguments) == pytest.approx(mean_loss, rel=1e-13)
    np.testing.assert_allclose(expected_gradient(point, *arguments), mean_gradient, atol=1e-13)


@given(st.integers(0, 10_000))
def test_every_sample_gradient_is_orthogonal_to_the_orbit(seed: int) -> None:
    generator = np.random.default_rng(seed)
    point = generator.standard_normal((3, 6))
    stimulus, label = generator.standard_normal(4), generator.standard_normal(2)
    gradient, _ = sample_gradient(point, stimulus, label, 0.2)
    components = tangent_vectors(point, hidden_planes(3)).T @ gradient.ravel()
    np.testing.assert_allclose(components, 0, atol=1e-12)


def test_gradient_noise_is_the_covariance_of_sample_gradients() -> None:
    """Finite stimuli and two-valued label noise, enumerated sample by sample."""
    generator = np.random.default_rng(1)
    stimuli = StimulusSet(generator.standard_normal((7, 3)), np.full(7, 1 / 7))
    teacher = generator.standard_normal((2, 3))
    label_noise, batch = np.array([0.3, 0.1]), 4
    minimum = solve_minimum(teacher, stimuli.covariance, 0.1, 3)
    gradients = []
    for stimulus in stimuli.stimuli:
        for signs in ([1, 1], [1, -1], [-1, 1], [-1, -1]):
            label = teacher @ stimulus + np.sqrt(label_noise) * signs
            gradients.append(sample_gradient(minimum.point, stimulus, label, 0.1)[0].ravel())
    np.testing.assert_allclose(np.mean(gradients, axis=0), 0, atol=1e-13)
    np.testing.assert_allclose(
        gradient_noise(minimum, stimuli, label_noise, batch),
        np.cov(np.array(gradients).T, bias=True) / batch,
        atol=1e-13,
    )
    np.testing.assert_allclose(
        gradient_variances(minimum, stimuli, label_noise, batch).ravel(),
        np.var(gradients, axis=0) / batch,
        atol=1e-13,
    )


@settings(max_examples=40)
@given(general_problems())
def test_normal_and_tangent_space_of_the_minimum(problem: LearningProblem) -> None:
    """``H t = 0``, noise and Hessian stay in the reachable space, and Lyapunov's equation."""
    arguments = (problem.teacher, problem.input_covariance, problem.weight_decay)
    minimum = solve_minimum(*arguments, problem.hidden)
    hessian = hessian_matrix(minimum.point, *arguments)
    noise = gradient_noise(minimum, problem.inputs, problem.label_noise, problem.batch)
    reachable = reachable_basis(minimum)
    tangents = tangent_vectors(minimum.point, hidden_planes(minimum.rank))
    size = sum(problem.teacher.shape)
    assert reachable.shape == (minimum.rank * size, minimum.rank * (size - minimum.rank))

    stiffest, noisiest = np.abs(hessian).max(), np.abs(noise).max()
    projector = reachable @ reachable.T
    np.testing.assert_allclose(hessian @ tangents, 0, atol=1e-12 * stiffest)
    np.testing.assert_allclose(noise @ tangents, 0, atol=1e-11 * noisiest)
    np.testing.assert_allclose(projector @ noise, noise, atol=1e-11 * noisiest)
    np.testing.assert_allclose(projector @ hessian, hessian @ projector, atol=1e-11 * stiffest)

    rate = problem.learning_rate
    fluctuation = stationary_fluctuation(hessian, noise, reachable, rate)
    gamma = fluctuation.basis @ fluctuation.covariance @ fluctuation.basis.T
    np.testing.assert_allclose(
        hessian @ gamma + gamma @ hessian, rate * noise, atol=1e-11 * rate * noisiest
    )
    assert fluctuation.excess_loss == pytest.approx(rate / 4 * np.trace(noise), rel=1e-11)
    assert fluctuation.weight_variance == pytest.approx(np.trace(gamma), rel=1e-11)


def test_hessian_extremes_count_silent_units_and_unreached_directions() -> None:
    """The whole Hessian of five hidden units, rank two, without leaving any of them out."""
    teacher, covariance, decay = MISALIGNED.teacher, MISALIGNED.input_covariance, 0.15
    result = evaluate(replace(MISALIGNED, hidden=5)).minimum
    active = solve_minimum(teacher, covariance, decay, 5)
    whole = np.vstack([active.point, np.zeros((3, 4))])
    spectrum = np.linalg.eigvalsh(hessian_matrix(whole, teacher, covariance, decay))
    tangent_dimensions = 2 * 5 - 3
    np.testing.assert_allclose(spectrum[:tangent_dimensions], 0, atol=1e-14)
    assert result.hessian_min == pytest.approx(spectrum[tangent_dimensions], rel=1e-12)
    assert result.hessian_max == pytest.approx(spectrum[-1], rel=1e-12)


def test_silent_unit_closes_the_gap_below_a_threshold() -> None:
    """``gamma - lambda_l a_l`` of an inactive direction is the smallest eigenvalue."""
    problem = problem_of(Gaussian(np.diag([2.0, 0.5])), np.eye(2), 0.51, 0.01, hidden=2)
    assert evaluate(problem).minimum.hessian_min == pytest.approx(0.01, rel=1e-12)
    alone = evaluate(replace(problem, hidden=1)).minimum
    assert alone.hessian_min > 0.1


def test_angular_matrices_contract_the_rotation_covariance() -> None:
    """Against ``Delta`` from sampled rotations: ``-E[X X]/2`` with ``X = sum xi_k Omega_k``."""
    generator = np.random.default_rng(6)
    factor = generator.standard_normal((3, 3))
    drift = Drift(((1, 2), (1, 3), (2, 3)), factor @ factor.T, np.array([0.1, 0.2, 0.3]))
    delta, mean = angular_matrices(drift, 3)
    expected = np.zeros((3, 3))
    for column in factor.T:
        a, b, c = column
        turn = np.array([[0, a, b], [-a, 0, c], [-b, -c, 0]])
        expected -= 0.5 * turn @ turn
    np.testing.assert_allclose(delta, expected, atol=1e-14)
    np.testing.assert_array_equal(mean, [[0, 0.1, 0.2], [-0.1, 0, 0.3], [-0.2, -0.3, 0]])


# --- Invariances and scaling laws -------------------------------------------------------


def assert_same_drift(one: Evaluation, other: Evaluation, scale: float = 1.0) -> None:
    """Equal up to the sign of hidden axes, which a change of coordinates may flip."""
    np.testing.assert_allclose(
        other.minimum.singular_values, one.minimum.singular_values, rtol=1e-10
    )
    expected = scale * np.abs(one.drift.covariance)
    largest = expected.max(initial=0.0)
    np.testing.assert_allclose(np.abs(other.drift.covariance), expected, atol=1e-10 * largest)
    np.testing.assert_allclose(
        np.abs(other.drift.mean_rotation),
        np.sqrt(scale) * np.abs(one.drift.mean_rotation),
        atol=1e-10 * np.sqrt(largest),
    )


@settings(max_examples=25)
@given(general_problems(), st.data())
def test_rotating_inputs_leaves_drift_unchanged(
    problem: LearningProblem, data: st.DataObject
) -> None:
    turn = data.draw(orthogonal_matrices(problem.teacher.shape[1]))
    turned = replace(
        problem,
        inputs=Gaussian(turn @ problem.input_covariance @ turn.T),
        teacher=problem.teacher @ turn.T,
        stimuli=tuple(Stimulus(s.name, turn @ s.vector) for s in problem.stimuli),
    )
    one, other = evaluate(problem), evaluate(turned)
    assert_same_drift(one, other)
    assert other.stimuli[0].diffusion == pytest.approx(one.stimuli[0].diffusion, rel=1e-9)
    assert other.stimuli[0].squared_norm == pytest.approx(one.stimuli[0].squared_norm, rel=1e-9)
    assert other.stimuli[0].mean_speed == pytest.approx(one.stimuli[0].mean_speed, rel=1e-7)


@settings(max_examples=25)
@given(general_problems(), st.data())
def test_rotating_outputs_with_uniform_label_noise_leaves_drift_unchanged(
    problem: LearningProblem, data: st.DataObject
) -> None:
    turn = data.draw(orthogonal_matrices(len(problem.teacher)))
    uniform = replace(problem, label_noise=np.full(len(problem.teacher), 0.3))
    assert_same_drift(evaluate(uniform), evaluate(replace(uniform, teacher=turn @ uniform.teacher)))


@settings(max_examples=25)
@given(aligned_problems(), st.data())
def test_permuting_coordinates_permutes_nothing_observable(
    problem: LearningProblem, data: st.DataObject
) -> None:
    outputs, inputs = problem.teacher.shape
    order_in = np.array(data.draw(st.permutations(range(inputs))))
    order_out = np.array(data.draw(st.permutations(range(outputs))))
    permuted = replace(
        problem,
        inputs=Gaussian(problem.input_covariance[np.ix_(order_in, order_in)]),
        teacher=problem.teacher[np.ix_(order_out, order_in)],
        label_noise=problem.label_noise[order_out],
        stimuli=tuple(Stimulus(s.name, s.vector[order_in]) for s in problem.stimuli),
    )
    for one, other in zip(evaluate(problem).stimuli, evaluate(permuted).stimuli, strict=True):
        assert other.squared_norm == pytest.approx(one.squared_norm, rel=1e-11, abs=1e-15)
        assert other.diffusion == pytest.approx(one.diffusion, rel=1e-11, abs=1e-30)


@settings(max_examples=25)
@given(general_problems(), st.floats(0.1, 1), st.integers(2, 9))
def test_scaling_with_learning_rate_and_batch(
    problem: LearningProblem, slower: float, batch: int
) -> None:
    """``V ~ eta^3 / B^2``, ``mu ~ eta^2 / B``, fluctuation ``~ eta / B``."""
    one = evaluate(replace(problem, batch=1))
    other = evaluate(replace(problem, learning_rate=slower * problem.learning_rate, batch=batch))
    np.testing.assert_allclose(
        other.drift.covariance, slower**3 / batch**2 * one.drift.covariance, rtol=1e-12
    )
    np.testing.assert_allclose(
        other.drift.mean_rotation, slower**2 / batch * one.drift.mean_rotation, rtol=1e-12
    )
    weights = one.fluctuation.weight_variance * slower / batch
    assert other.fluctuation.weight_variance == pytest.approx(weights, rel=1e-12)


@settings(max_examples=25)
@given(general_problems(), st.floats(0.5, 2), st.floats(0.5, 2))
def test_units_of_inputs_and_outputs_are_arbitrary(
    problem: LearningProblem, input_unit: float, output_unit: float
) -> None:
    """Rescaled stimuli and labels, with weight decay and rate in the new units, drift alike."""
    scaled = replace(
        problem,
        inputs=Gaussian(input_unit**2 * problem.input_covariance),
        teacher=output_unit / input_unit * problem.teacher,
        label_noise=output_unit**2 * problem.label_noise,
        weight_decay=input_unit * output_unit * problem.weight_decay,
        learning_rate=problem.learning_rate / (input_unit * output_unit),
    )
    one, other = evaluate(problem), evaluate(scaled)
    np.testing.assert_allclose(
        other.drift.covariance,
        one.drift.covariance,
        atol=1e-10 * np.abs(one.drift.covariance).max(initial=0.0),
    )
    np.testing.assert_allclose(
        other.drift.mean_rotation,
        one.drift.mean_rotation,
        atol=1e-10 * np.abs(one.drift.mean_rotation).max(initial=0.0),
    )


@settings(max_examples=25)
@given(general_problems(), st.integers(1, 3))
def test_hidden_units_beyond_the_rank_and_idle_outputs_do_not_matter(
    problem: LearningProblem, more: int
) -> None:
    inputs = problem.teacher.shape[1]
    one = evaluate(problem)
    assert_same_drift(one, evaluate(replace(problem, hidden=problem.hidden + more)))
    idle = replace(
        problem,
        teacher=np.vstack([problem.teacher, np.zeros((more, inputs))]),
        label_noise=np.concatenate([problem.label_noise, np.zeros(more)]),
    )
    assert_same_drift(one, evaluate(idle))


@given(aligned_problems())
def test_aligned_gaussian_inputs_diffuse_without_rotating(problem: LearningProblem) -> None:
    """``mu = 0`` and ``V`` diagonal, hence ``Delta = diag(sum_j D_ij)``."""
    result = evaluate(problem)
    spread = np.sqrt(variances_of(result))
    np.testing.assert_array_less(np.abs(result.drift.mean_rotation), 1e-12 * spread + 1e-300)
    off_diagonal = result.drift.covariance - np.diag(variances_of(result))
    np.testing.assert_allclose(off_diagonal, 0, atol=1e-12 * spread.max(initial=0.0) ** 2)
    rates = np.zeros(result.minimum.rank)
    for (i, j), diffusion in zip(result.drift.planes, result.drift.diffusion, strict=True):
        rates[i - 1] += diffusion
        rates[j - 1] += diffusion
    seen = {round(s.decay_rate / rates.max(initial=1e-300), 6) for s in result.stimuli[:-1]}
    assert seen <= {0.0, *(round(r / rates.max(initial=1e-300), 6) for r in rates)}


# --- Other inputs -----------------------------------------------------------------------


def test_elliptical_without_kurtosis_is_gaussian() -> None:
    covariance = MISALIGNED.input_covariance
    one = evaluate(MISALIGNED).to_dict()
    other = evaluate(replace(MISALIGNED, inputs=Elliptical(covariance, 0.0))).to_dict()
    named = [record["parameters"].pop("input_distribution") for record in (one, other)]
    assert [record["distribution"] for record in named] == ["gaussian", "elliptical"]
    assert one == other


def test_heavy_tails_speed_up_drift() -> None:
    """Excess loss ``eta/4 tr C``, with the fourth moments of heavy tails in ``C``."""
    problem = autoencoder([1.0, 1.0], 0.2, 0.01)
    heavy = replace(problem, inputs=Elliptical(np.eye(2), 0.4))
    one, other = evaluate(problem), evaluate(heavy)
    value, rate = 0.8, 0.01
    for result, kurtosis in ((one, 0.0), (other, 0.4)):
        squares = 2 * value * 0.2**2 * (2 + 3 * kurtosis)  # Var(x_i^2) = 2 + 3 kappa
        products = 2 * value * 0.2**2 * 2 * (1 + kurtosis)  # E[x_1^2 x_2^2] = 1 + kappa
        trace = 2 * squares + products
        assert result.fluctuation.excess_loss == pytest.approx(rate / 4 * trace, rel=1e-12)
    assert other.drift.diffusion[0] > 1.5 * one.drift.diffusion[0]


def test_stimuli_and_samples_of_equal_moments_drift_equally() -> None:
    rows = np.array([[1.0, 0.2], [0.4, -1.0], [-0.5, 0.9]])
    repeated = Samples(rows[[0, 0, 1, 2]])
    weighted = StimulusSet(rows, np.array([0.5, 0.25, 0.25]))
    one = evaluate(replace(MISALIGNED, inputs=repeated))
    other = evaluate(replace(MISALIGNED, inputs=weighted))
    np.testing.assert_allclose(other.drift.covariance, one.drift.covariance, rtol=1e-11)
    np.testing.assert_allclose(other.drift.mean_rotation, one.drift.mean_rotation, rtol=1e-11)


def spherical_design(size: int) -> Array:
    """Few points whose moments up to the fourth are those of the unit sphere."""
    if size == 2:
        angles = 2 * np.pi * np.arange(5) / 5
        return np.column_stack([np.cos(angles), np.sin(angles)])
    if size == 3:
        golden = (1 + np.sqrt(5)) / 2
        faces = np.array([[0, one, two * golden] for one in (1, -1) for two in (1, -1)])
        points = np.vstack([np.roll(faces, turn, axis=1) for turn in range(3)])
    else:
        signs = np.array(np.meshgrid(*[[1, -1]] * 4)).reshape(4, -1).T
        points = np.vstack([2 * np.eye(4), -2 * np.eye(4), signs])
    return np.asarray(points / np.linalg.norm(points, axis=1, keepdims=True))


@pytest.mark.parametrize("size", [2, 3, 4], ids=["pentagon", "icosahedron", "24-cell"])
def test_inputs_of_constant_length_drift_as_those_of_a_spherical_design(size: int) -> None:
    """The least kurtosis that there is, ``-2 / (n + 2)``: the moments of points on a sphere."""
    points = np.sqrt(size) * spherical_design(size)
    sphere = Elliptical(np.eye(size), -2 / (size + 2))
    stimuli = StimulusSet(points, np.full(len(points), 1 / len(points)))
    teacher, hidden = np.diag([1.5, 1.2, 1.0, 0.7][:size]), min(size, 3)
    one, other = (
        evaluate(problem_of(inputs, teacher, 0.1, 0.005, hidden)) for inputs in (sphere, stimuli)
    )
    np.testing.assert_allclose(other.drift.covariance, one.drift.covariance, rtol=1e-9, atol=1e-22)
    assert other.fluctuation.excess_loss == pytest.approx(one.fluctuation.excess_loss, rel=1e-12)
    assert other.minimum.loss == pytest.approx(one.minimum.loss, rel=1e-12)
    assert np.all(np.diagonal(one.drift.covariance) > 0)


def test_steady_rotation_needs_a_broken_mirror_symmetry() -> None:
    """Autoencoder of skewed stimuli: rotates; presented with their mirror images: does not."""
    assert isinstance(SKEWED.inputs, StimulusSet)
    covariance = SKEWED.input_covariance
    _, axes = np.linalg.eigh(covariance)
    mirror = np.eye(2) - 2 * np.outer(axes[:, 0], axes[:, 0])
    balanced = StimulusSet(
        np.vstack([SKEWED.inputs.stimuli, SKEWED.inputs.stimuli @ mirror]),
        np.tile(SKEWED.inputs.probabilities, 2) / 2,
    )
    np.testing.assert_allclose(balanced.covariance, covariance, atol=1e-14)
    skewed, symmetric = evaluate(SKEWED).drift, evaluate(replace(SKEWED, inputs=balanced)).drift
    assert abs(skewed.mean_rotation[0]) > 1e-3 * np.sqrt(skewed.covariance[0, 0])
    assert abs(symmetric.mean_rotation[0]) < 1e-12 * np.sqrt(symmetric.covariance[0, 0])


def test_an_aligned_teacher_rotates_steadily_where_label_noise_has_other_axes() -> None:
    """Input axes are shared, output axes turned by 0.6 rad; noise differs between outputs."""
    turn = np.array([[np.cos(0.6), -np.sin(0.6)], [np.sin(0.6), np.cos(0.6)]])
    problem = problem_of(Gaussian(np.diag([1.3, 0.6])), turn @ np.diag([1.7, 1.0]), 0.2, 0.005)
    rates = [
        evaluate(replace(problem, label_noise=np.array(noise))).drift.mean_rotation[0]
        for noise in ((0.1, 0.5), (0.3, 0.3), (0.0, 0.0))
    ]
    assert abs(rates[0]) > 1e-3 * 0.005**2
    assert all(abs(rate) < 1e-12 * abs(rates[0]) for rate in rates[1:])


@pytest.mark.parametrize("size", [1e-9, 1.0, 1e200])
def test_a_stimulus_without_representation_does_not_drift(size: float) -> None:
    """A bottleneck turned by 0.3 rad: what rounding leaves of the dropped axis is no stimulus."""
    turn = np.array([[np.cos(0.3), -np.sin(0.3)], [np.sin(0.3), np.cos(0.3)]])
    problem = problem_of(
        Gaussian(turn @ np.diag([2.0, 0.5]) @ turn.T), np.eye(2), 0.2, 0.005, hidden=1
    )
    dropped, nearly = turn[:, 1], turn[:, 1] + 1e-9 * turn[:, 0]
    stimuli = (Stimulus("dropped", size * dropped), Stimulus("nearly", 1e-3 * nearly))
    nothing, little = evaluate(replace(problem, stimuli=stimuli)).stimuli
    assert (nothing.squared_norm, nothing.diffusion, nothing.decay_rate) == (0, 0, 0)
    assert nothing.mean_speed == 0
    assert little.squared_norm == pytest.approx(0.9 * 1e-24, rel=1e-4)


@pytest.mark.parametrize("size", [2, 4])
@pytest.mark.parametrize("quantities", ["all", "stimuli"])
def test_stimuli_at_right_angles_rotate_nothing_at_any_order(size: int, quantities: str) -> None:
    """Every step of SGD changes one axis alone: rounding is no rotation, however axes stand."""
    rng = np.random.default_rng(size)
    axes = np.linalg.qr(rng.normal(size=(size, size)))[0]
    stimuli = StimulusSet(2 * axes, rng.dirichlet(np.full(size, 20)))
    problem = problem_of(stimuli, np.eye(size), 0.01, 0.01)
    found = evaluate_in_full(problem, quantities=quantities, order=2)
    assert found.fluctuation.weight_variance > 0
    assert [each.decay_rate for each in found.stimuli] == [0.0] * size
    assert not found.drift.covariance.any()
    assert not found.decay_matrix.any()
    assert not found.mean_rotation.any()
    assert found.next_order is not None
    assert {each.decay_rate for each in found.next_order.stimuli} == {None}
    (said,) = found.warnings
    assert "nothing drifts at leading order" in said
    assert said in drift_process(problem).warnings


@pytest.mark.parametrize("frequencies", [(0.25, 0.25, 0.25, 0.25), (0.35, 0.35, 0.2, 0.1)])
def test_what_stands_still_has_no_correction_that_is_rounding(
    frequencies: tuple[float, ...],
) -> None:
    """Stimuli at right angles that come equally often: axes of equal singular values."""
    stimuli = StimulusSet(np.eye(4), np.array(frequencies))
    problem = problem_of(stimuli, np.eye(4), 0.05, 0.05)
    found = evaluate_in_full(problem, order=2)
    assert not found.drift.covariance.any()
    assert found.next_order is not None
    assert found.next_order.drift is not None
    assert set(found.next_order.drift.diffusion) == {None}
    assert {each.decay_rate for each in found.next_order.stimuli} == {None}
    assert found.next_order.late == ()


# --- The result -------------------------------------------------------------------------


def test_a_stimulus_on_the_axis_of_a_steady_rotation_does_not_move() -> None:
    """Mirrored there, these stimuli are the same: the steady rotation is about that axis."""
    one = np.eye(3)
    pairs = [one[0] + one[1], one[1] + one[2], one[0] + one[2], one[1] - one[0], one[2] - one[1]]
    inputs = StimulusSet(
        np.array([*one, *pairs, one[0] - one[2]]), np.array([*[0.1] * 6, 0.133, 0.133, 0.134])
    )
    problem = replace(
        problem_of(inputs, np.eye(3), 0.1, 0.01),
        stimuli=(Stimulus("axis", one[0] - one[2]), Stimulus("other", one[0])),
    )
    still, moved = evaluate(problem).stimuli
    assert still.mean_speed == 0 < moved.mean_speed
    assert still.diffusion > 0


def test_rank_one_has_no_planes() -> None:
    result = evaluate(replace(MISALIGNED, hidden=1))
    assert result.minimum.rank == 1
    assert result.drift.planes == ()
    assert result.drift.covariance.shape == (0, 0)
    assert result.stimuli[0].diffusion == 0
    assert result.fluctuation.weight_variance > 0


def test_record_is_plain_json_in_the_stated_order_of_planes() -> None:
    record = json.loads(json.dumps(evaluate(autoencoder([2, 1, 0.7], 0.3, 0.005)).to_dict()))
    assert record["drift"]["planes"] == [[1, 2], [1, 3], [2, 3]]
    assert record["method"] == "dense"
    assert record["parameters"]["teacher"] == np.eye(3).tolist()
    assert record["parameters"]["hidden"] == 3
    # Active loss gamma s + gamma^2 / (2 lambda) of each direction.
    decays = [0.3 * (1 - 0.3 / v) + 0.3**2 / (2 * v) for v in (2, 1, 0.7)]
    assert record["minimum"]["loss"] == pytest.approx(sum(decays), rel=1e-14)


def test_loss_contains_label_noise() -> None:
    noisy = replace(MISALIGNED, label_noise=np.array([0.3, 0.5]))
    difference = evaluate(noisy).minimum.loss - evaluate(MISALIGNED).minimum.loss
    assert difference == pytest.approx(0.4, rel=1e-13)


def test_large_learning_rates_are_warned_about_and_then_refused() -> None:
    stiffest = evaluate(MISALIGNED).minimum.hessian_max
    assert evaluate(MISALIGNED).warnings == ()
    (warning,) = evaluate(replace(MISALIGNED, learning_rate=0.2 / stiffest)).warnings
    assert "learning.rate" in warning
    with pytest.raises(RequestError, match="is unstable"):
        evaluate(replace(MISALIGNED, learning_rate=2.001 / stiffest))


@pytest.mark.parametrize(
    ("problem", "approximation", "message"),
    [
        (
            replace(MISALIGNED, weight_decay=0.0),
            "exact",
            r"learning\.weight_decay = 0 is refused",
        ),
        (MISALIGNED, "grey", 'approximation = "grey" is unknown; allowed are exact, white'),
    ],
)
def test_what_the_road_does_not_cover_is_refused(
    problem: LearningProblem, approximation: str, message: str
) -> None:
    with pytest.raises(RequestError, match=message):
        evaluate(problem, approximation)


@pytest.mark.parametrize("weight_decay", [0.1, 2e-10, 1e-10, 1e-12])
def test_a_mean_rotation_that_symmetry_forbids_is_exactly_none(weight_decay: float) -> None:
    """One frequent corner of a tetrahedron leaves its mirror planes; uneven frequencies do not."""
    corners = np.array([[1.0, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])

    def found(*probabilities: float) -> Evaluation:
        inputs = StimulusSet(corners, np.array(probabilities))
        return evaluate(problem_of(inputs, np.eye(3), weight_decay, 0.005))

    symmetric = found(0.4, 0.2, 0.2, 0.2)
    assert not symmetric.drift.mean_rotation.any()
    # Singular values are 1 - weight_decay / 1.4 and, twice, 1 - weight_decay / 0.8.
    alike = [said for said in symmetric.warnings if "nearest to the input axes" in said]
    assert len(alike) == (0.53 * weight_decay < DEGENERACY_TOLERANCE)
    uneven = found(0.4, 0.3, 0.2, 0.1).drift
    assert np.all(np.abs(uneven.mean_rotation) > 1e-5 * np.sqrt(uneven.covariance.diagonal()))

"""What an experimenter would measure: limits, exact laws and sampled paths."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from simulation_cases import problem

from symdrift.errors import RequestError
from symdrift.evaluation.dense import solve_minimum
from symdrift.evaluation.evaluate import evaluate
from symdrift.evaluation.parts import Drift
from symdrift.inputs import Gaussian, StimulusSet
from symdrift.observables import (
    CorrelatedPlanes,
    DriftProcess,
    ModeFluctuation,
    SilentAxes,
    autocorrelation,
    conjugation_change,
    decoder_decay,
    decorrelation_time,
    drift_process,
    expected_rotation,
    mean_squared_displacement,
    population_angle,
    representational_similarity,
    sample_rotations,
    tuning_change,
)
from symdrift.observables.rotations import plane_generators
from symdrift.observables.tuning import NETWORKS, PILOT_NETWORKS, PRECISION
from symdrift.study import read_study
from symdrift.study.problem import LearningProblem, Stimulus

Numbers = NDArray[np.float64]


def misaligned(learning_rate: float = 0.005, **settings: Any) -> LearningProblem:
    """The misaligned row of the theory's checked numbers."""
    return problem(
        [[1.5, 0.6], [0.6, 0.8]],
        np.diag([1.2, 0.8]),
        weight_decay=0.15,
        learning_rate=learning_rate,
        **settings,
    )


def three_axes() -> LearningProblem:
    """Three active axes, teacher and inputs without common axes, unequal stimuli."""
    covariance = np.array([[2.0, 0.5, 0.1], [0.5, 1.0, 0.3], [0.1, 0.3, 0.8]])
    case = problem(covariance, np.diag([1.2, 1.0, 0.9]), weight_decay=0.2, learning_rate=0.005)
    vectors = [[1, 0, 0], [0.3, 1, 0], [0, 0.5, -1], [1, 1, 1.0]]
    stimuli = tuple(Stimulus(f"s{k}", np.array(vector)) for k, vector in enumerate(vectors))
    return replace(case, stimuli=stimuli)


def with_rotation(process: DriftProcess, covariance: Any, mean: Any) -> DriftProcess:
    """The process with another diffusion and mean of its rotation."""
    rank = len(process.decay)
    planes = tuple((i, j) for i in range(1, rank + 1) for j in range(i + 1, rank + 1))
    drift = Drift(planes, np.atleast_2d(np.array(covariance, float)), np.atleast_1d(mean))
    noise = CorrelatedPlanes(drift, SilentAxes(0, np.zeros((rank, rank))))
    turning = np.tensordot(drift.mean_rotation, plane_generators(drift, rank), 1)
    return replace(process, planes=noise, decay=noise.decay, turning=turning)


def modes_of(process: DriftProcess) -> ModeFluctuation:
    assert isinstance(process.fluctuation, ModeFluctuation)
    return process.fluctuation


def without_fluctuation(process: DriftProcess) -> DriftProcess:
    modes = modes_of(process)
    still = replace(modes, covariance=np.zeros_like(modes.covariance))
    return replace(process, fluctuation=still)


FULL_COVARIANCE = np.array([[1.0, 0.4, -0.2], [0.4, 0.6, 0.3], [-0.2, 0.3, 0.8]])
MEAN_ROTATION = np.array([1.5, -0.7, 0.4])


def rotating() -> DriftProcess:
    """Three axes with correlated planes and a mean rotation of the size of the diffusion."""
    return with_rotation(drift_process(three_axes()), FULL_COVARIANCE, MEAN_ROTATION)


@cache
def brownian_rotations(time: float) -> Numbers:
    """Products of small random rotations with the statistics of `rotating`, by Rodrigues."""
    rng = np.random.default_rng(7)
    steps, samples = 200, 6000
    step = time / steps
    root = np.linalg.cholesky(FULL_COVARIANCE * step)
    path = np.tile(np.eye(3), (samples, 1, 1))
    for _ in range(steps):
        x12, x13, x23 = (MEAN_ROTATION * step + rng.standard_normal((samples, 3)) @ root.T).T
        zero = np.zeros(samples)
        rows = [[zero, x12, x13], [-x12, zero, x23], [-x13, -x23, zero]]
        skew = np.array(rows).transpose(2, 0, 1)
        angle = np.sqrt(x12**2 + x13**2 + x23**2)[:, np.newaxis, np.newaxis]
        turned = path @ skew
        path = path + np.sinc(angle / np.pi) * turned
        path += (1 - np.cos(angle)) / angle**2 * (turned @ skew)
    return path


def mean_and_error(samples: Numbers) -> tuple[Numbers, Numbers]:
    """Mean over the first axis and its standard error."""
    return samples.mean(axis=0), samples.std(axis=0, ddof=1) / np.sqrt(len(samples))


# -- displacement and autocorrelation -----------------------------------------------------


def test_at_first_the_displacement_is_that_of_one_step_of_sgd() -> None:
    """``E|dh|^2 = eta^2 E|g_W x|^2``, enumerated over a finite set of stimuli."""
    inputs = StimulusSet(
        np.array([[1.0, 0.2], [-0.4, 1.1], [0.3, -0.9]]), np.array([0.5, 0.3, 0.2])
    )
    case = misaligned(inputs=inputs)
    minimum = solve_minimum(case.teacher, inputs.covariance, case.weight_decay, case.hidden)
    first, second = minimum.first_layer, minimum.second_layer
    process = drift_process(case)
    for stimulus in case.stimuli:
        expected = 0.0
        for sample, probability in zip(inputs.stimuli, inputs.probabilities, strict=True):
            error = case.teacher @ sample - second @ first @ sample
            gradient = -np.outer(second.T @ error, sample) + case.weight_decay * first
            expected += probability * float(np.sum((gradient @ stimulus.vector) ** 2))
        moved = mean_squared_displacement(process, stimulus, np.array([1e-6]))
        assert moved.total[0] / 1e-6 == pytest.approx(case.learning_rate**2 * expected, rel=1e-6)


def test_synaptic_noise_adds_its_own_displacement_on_every_hidden_unit() -> None:
    """Independent noise of variance ``s`` moves ``h`` by ``s p |x|^2`` in a step."""
    quiet = misaligned(hidden=4)
    noisy = replace(quiet, synaptic_noise=1e-8)
    stimulus, lag = quiet.stimuli[0], np.array([1e-6])
    slopes = [
        mean_squared_displacement(drift_process(case), stimulus, lag).total[0] / 1e-6
        for case in (quiet, noisy)
    ]
    assert slopes[1] - slopes[0] == pytest.approx(4e-8, rel=1e-6)


@pytest.mark.parametrize("make", [misaligned, three_axes])
def test_displacement_and_autocorrelation_share_the_variance(make: Any) -> None:
    process = drift_process(make())
    lags = np.geomspace(1, 1e13, 30)
    for stimulus in process.problem.stimuli:
        moved = mean_squared_displacement(process, stimulus, lags)
        kept = autocorrelation(process, stimulus, lags)
        assert moved.total == pytest.approx(2 * (kept.variance - kept.total), rel=1e-9, abs=1e-14)
        assert kept.normalised[-1] == pytest.approx(0, abs=1e-9)
        assert moved.total[-1] == pytest.approx(2 * kept.variance, rel=1e-9)


def test_between_relaxation_and_decorrelation_the_rates_of_the_evaluation_apply() -> None:
    case = misaligned()
    process, evaluation = drift_process(case), evaluate(case)
    lag = 1e3
    for stimulus, rates in zip(case.stimuli, evaluation.stimuli, strict=True):
        moved = mean_squared_displacement(process, stimulus, np.array([lag]))
        assert moved.diffusion[0] == pytest.approx(2 * rates.diffusion * lag, rel=1e-4)
        assert moved.rotation[0] == pytest.approx((rates.mean_speed * lag) ** 2, rel=1e-4)


def test_an_isotropic_code_forgets_exponentially() -> None:
    """With ``c = |w|^2 exp(-Delta tau)`` past the fluctuation the time is a logarithm."""
    case = read_study("isotropic_autoencoder").problem()
    process, evaluation = drift_process(case), evaluate(case)
    for stimulus, rates in zip(case.stimuli, evaluation.stimuli, strict=True):
        variance = autocorrelation(process, stimulus, np.array([0.0])).variance
        expected = (1 - math.log(variance / rates.squared_norm)) / rates.decay_rate
        assert decorrelation_time(process, stimulus) == pytest.approx(expected, rel=1e-9)


def test_steady_rotation_in_a_plane_decorrelates_by_turning() -> None:
    process = without_fluctuation(with_rotation(drift_process(misaligned()), 0.0, 1e-3))
    time = decorrelation_time(process, process.problem.stimuli[0])
    assert time == pytest.approx(math.acos(math.exp(-1)) / 1e-3, rel=1e-9)


def test_what_keeps_its_direction_never_decorrelates() -> None:
    one_unit = problem([2.0, 0.15], weight_decay=0.2, learning_rate=0.005)
    process = drift_process(one_unit)
    assert decorrelation_time(process, one_unit.stimuli[0]) is None
    far = autocorrelation(process, one_unit.stimuli[0], np.array([1e15]))
    squared_norm = evaluate(one_unit).stimuli[0].squared_norm
    assert far.total[0] == pytest.approx(squared_norm, rel=1e-12)

    # Steady rotation about an axis close to the representation only wobbles.
    spinning = without_fluctuation(with_rotation(rotating(), np.zeros((3, 3)), [1.0, 0, 0]))
    along, across = np.linalg.inv(spinning.first_layer)[:, [2, 0]].T
    assert decorrelation_time(spinning, Stimulus("axis", along + 0.2 * across)) is None
    assert decorrelation_time(spinning, Stimulus("plane", across + 0.2 * along)) is not None


def test_the_first_crossing_is_found_among_many() -> None:
    """Fast turns with little damping cross ``1/e`` many times; nothing earlier is below it."""
    process = without_fluctuation(with_rotation(rotating(), 1e-3 * np.eye(3), [1.0, 0.2, 0]))
    for stimulus in process.problem.stimuli:
        time = decorrelation_time(process, stimulus)
        assert time is not None
        before = autocorrelation(process, stimulus, np.linspace(0, time, 4001))
        assert np.all(before.normalised[:-1] > math.exp(-1))
        assert before.normalised[-1] == pytest.approx(math.exp(-1), rel=1e-9)


def test_a_stimulus_without_representation_forgets_with_the_fluctuation() -> None:
    case = problem([2.0, 0.7, 0.15], weight_decay=0.2, learning_rate=0.005)
    process = drift_process(case)
    silent = autocorrelation(process, case.stimuli[2], np.array([0.0]))
    assert np.all(silent.rotation == 0)
    assert np.all(silent.diffusion == 0)
    assert silent.decorrelation_time is not None
    assert 1 / process.rates.max() <= silent.decorrelation_time <= 2 / process.rates.min()


def test_axes_of_inputs_do_not_matter() -> None:
    case = three_axes()
    turn = Rotation.from_rotvec([0.4, -1.1, 0.7]).as_matrix()
    turned = replace(
        case,
        inputs=Gaussian(turn @ case.input_covariance @ turn.T),
        teacher=case.teacher @ turn.T,
        stimuli=tuple(replace(item, vector=turn @ item.vector) for item in case.stimuli),
    )
    lags = np.geomspace(10, 1e9, 12)
    one, other = (drift_process(each) for each in (case, turned))
    for before, after in zip(case.stimuli, turned.stimuli, strict=True):
        for observable in (mean_squared_displacement, autocorrelation):
            assert observable(one, before, lags).total == pytest.approx(
                observable(other, after, lags).total, rel=1e-8
            )
        angles = [population_angle(one, before, lags), population_angle(other, after, lags)]
        assert angles[0].spread == pytest.approx(angles[1].spread, rel=1e-6)
    for target in ("teacher", "identity"):
        assert decoder_decay(one, lags, target).r_squared == pytest.approx(
            decoder_decay(other, lags, target).r_squared, abs=1e-9
        )


# -- moments of the rotation --------------------------------------------------------------


def test_moments_of_the_rotation_are_those_of_brownian_paths() -> None:
    """Products of many small rotations, within four standard errors each."""
    process = rotating()
    lags = np.array([0.4])
    samples = brownian_rotations(0.4)
    mean, error = mean_and_error(samples)
    assert np.all(np.abs(mean - expected_rotation(process, lags)[0]) < 4 * error)
    matrix = np.array([[1.0, 0.5, -0.2], [0.5, -0.4, 0.8], [-0.2, 0.8, 0.3]])
    mean, error = mean_and_error(samples @ matrix @ samples.swapaxes(1, 2))
    moved = matrix + conjugation_change(process, matrix, lags)[0]
    assert np.all(np.abs(mean - moved) < 4 * error)
    # The order of the factors is told apart: the transposed path is another one.
    backwards, error = mean_and_error(samples.swapaxes(1, 2) @ matrix @ samples)
    assert np.any(np.abs(backwards - moved) > 10 * error)


def test_sampled_paths_have_the_moments_of_the_process() -> None:
    process, lags = rotating(), np.array([0.1, 0.5])
    paths = sample_rotations(process, lags, 5000, np.random.default_rng(3))
    identity = paths @ paths.swapaxes(-1, -2)
    assert np.abs(identity - np.eye(3)).max() < 1e-12
    expected = expected_rotation(process, lags)
    for path, moment in zip(paths, expected, strict=True):
        mean, error = mean_and_error(path)
        assert np.all(np.abs(mean - moment) < 4 * error)


def test_conjugation_conserves_the_trace_and_forgets_the_rest() -> None:
    process = rotating()
    matrix = np.array([[1.0, 0.5, -0.2], [0.5, -0.4, 0.8], [-0.2, 0.8, 0.3]])
    moved = matrix + conjugation_change(process, matrix, np.array([0.01, 1.0, 1e3]))
    assert np.trace(moved, axis1=1, axis2=2) == pytest.approx(np.trace(matrix))
    assert moved[-1] == pytest.approx(np.trace(matrix) / 3 * np.eye(3), abs=1e-12)
    assert conjugation_change(process, np.eye(3), np.array([1.0])) == pytest.approx(0, abs=1e-13)


def test_sampled_fluctuations_remember_as_an_ornstein_uhlenbeck_process() -> None:
    """``E[N_tau x (N_0 y)'] = P_x exp(-eta H tau) Gamma P_y'``, for few and for many inputs."""
    process = modes_of(drift_process(misaligned()))
    lags = np.array([0.5, 1.0, 100.0]) / process.rates.min()
    for vectors in (np.array([[1.0], [-0.5]]), np.array([[1.0, 0.3, 0.2], [-0.5, 1.0, 0.7]])):
        rng = np.random.default_rng(5)
        start, path = process.sample(vectors, lags, 20_000, rng)
        onto = np.einsum("rnk,nv->rvk", process.modes, vectors).reshape(-1, len(process.rates))
        flat = start.reshape(len(start), -1)
        for lag, fluctuation in zip([0.0, *lags], [start, *path], strict=True):
            decayed = np.exp(-lag * process.rates)[:, np.newaxis] * process.covariance
            later = fluctuation.reshape(len(start), -1)
            for one, other, expected in (
                (later, flat, onto @ decayed @ onto.T),
                (later, later, onto @ process.covariance @ onto.T),
            ):
                mean, error = mean_and_error(one[:, :, np.newaxis] * other[:, np.newaxis])
                assert np.all(np.abs(mean - expected) < 4.5 * error)


# -- angle between days -------------------------------------------------------------------


def test_in_a_plane_the_angle_is_a_gaussian_on_the_circle() -> None:
    """``phi ~ N(mu tau, V tau)``: mean and spread of ``cos(phi)`` in closed form."""
    variance, speed = 0.3, 0.8
    process = with_rotation(drift_process(misaligned()), variance, speed)
    process = without_fluctuation(process)
    lags = np.geomspace(1e-4, 30, 20)
    result = population_angle(process, process.problem.stimuli[0], lags)
    mean = np.cos(speed * lags) * np.exp(-variance * lags / 2)
    square = 0.5 * (1 + np.cos(2 * speed * lags) * np.exp(-2 * variance * lags))
    assert result.cosine == pytest.approx(mean, abs=1e-12)
    assert result.spread == pytest.approx(np.sqrt(square - mean**2), rel=1e-4, abs=1e-7)


@pytest.mark.parametrize("slow", [1e-8, 1e-4, 1e-1])
def test_angle_with_fluctuation_agrees_with_sampled_population_vectors(slow: float) -> None:
    """Rotation far smaller than, as large as, and far larger than the fluctuation."""
    process = rotating()
    process = with_rotation(process, slow * FULL_COVARIANCE, math.sqrt(slow) * MEAN_ROTATION)
    modes = modes_of(process)
    modes = replace(modes, rates=np.full_like(modes.rates, 0.7))
    process = replace(process, fluctuation=modes)
    lags = np.array([1.0, 3.0])
    rng = np.random.default_rng(11)
    rotations = sample_rotations(process, lags, 20_000, rng)
    stimulus = process.problem.stimuli[1]
    start, later = modes.sample(stimulus.vector[:, np.newaxis], lags, 20_000, rng)
    representation = process.representation(stimulus)
    onto = modes.onto(stimulus.vector)
    size = np.trace(onto @ modes.covariance @ onto.T) / (representation @ representation)
    before = representation + start[..., 0]
    after = (rotations @ (representation[:, np.newaxis] + later))[..., 0]
    lengths = np.linalg.norm(before, axis=-1) * np.linalg.norm(after, axis=-1)
    cosines = np.sum(before * after, axis=-1) / lengths
    result = population_angle(process, stimulus, lags)
    assert result.spread is not None
    for place in range(2):
        mean, error = mean_and_error(1 - cosines[place])
        loss = 1 - result.cosine[place]
        assert abs(mean - loss) < 4 * error + 10 * size * loss
        assert cosines[place].std() == pytest.approx(result.spread[place], rel=0.04)


# -- similarity ---------------------------------------------------------------------------


def test_rotation_leaves_the_gram_matrix_as_it_is() -> None:
    process = rotating()
    code = np.array([process.representation(item) for item in process.problem.stimuli]).T
    path = sample_rotations(process, np.array([0.5, 5.0]), 10, np.random.default_rng(0))
    moved = path @ code
    assert moved.swapaxes(-1, -2) @ moved == pytest.approx(
        np.broadcast_to(code.T @ code, (2, 10, 4, 4)), abs=1e-12
    )
    assert np.abs(moved - code).max() > 0.1


def test_similarity_matrix_agrees_with_sampled_fluctuations() -> None:
    process = drift_process(three_axes())
    lags = np.array([0.3, 30.0]) / process.rates.min()
    stimuli = process.problem.stimuli
    vectors = np.array([item.vector for item in stimuli]).T
    rng = np.random.default_rng(2)
    start, later = process.fluctuation.sample(vectors, lags, 20_000, rng)
    code = process.first_layer @ vectors

    def grams(fluctuation: Numbers) -> Numbers:
        moved = code + fluctuation
        return np.asarray(moved.swapaxes(1, 2) @ moved)

    result = representational_similarity(process, lags)
    at_start = grams(start)
    mean, error = mean_and_error(at_start)
    # Sampled about the minimum, from which the mean weights are displaced.
    assert np.all(np.abs(mean - (result.gram - result.displaced)) < 4.5 * error)
    assert at_start.std(axis=0) == pytest.approx(result.standard_deviation, rel=0.03)
    for place in range(2):
        change = np.sum((grams(later[place]) - at_start) ** 2, axis=(1, 2)).mean()
        expected = result.gram_change[place] * np.sum(result.gram**2)
        assert change == pytest.approx(expected, rel=0.05)


def test_similarity_stays_to_leading_order_while_representations_change() -> None:
    """The Gram matrix changes by order ``eta``, representations by their whole size."""
    far = np.array([1e15])
    changes = []
    for learning_rate in (0.004, 0.002):
        result = representational_similarity(drift_process(misaligned(learning_rate)), far)
        assert result.representation_change[0] == pytest.approx(2, rel=1e-9)
        changes.append(result.gram_change[0])
    assert changes[0] / changes[1] == pytest.approx(2, rel=0.01)
    assert changes[0] < 1e-3


# -- decoders -----------------------------------------------------------------------------


def test_a_fixed_decoder_decays_as_on_sampled_rotations() -> None:
    """Least squares on the presented stimuli, then applied to every rotated code."""
    inputs = StimulusSet(
        np.array([[1.0, 0.2, 0], [-0.4, 1.1, 0.3], [0.3, -0.9, 1.2], [0, 1, -1]]),
        np.array([0.4, 0.3, 0.2, 0.1]),
    )
    case = replace(three_axes(), inputs=inputs)
    process = with_rotation(drift_process(case), FULL_COVARIANCE, MEAN_ROTATION)
    process = without_fluctuation(process)
    lags = np.array([0.4])
    rotations = brownian_rotations(0.4)

    vectors = np.array([item.vector for item in case.stimuli])
    settings = {
        "teacher": (inputs.stimuli, inputs.stimuli @ case.teacher.T, inputs.probabilities),
        "identity": (vectors, np.eye(4), np.full(4, 0.25)),
    }
    for name, (shown, target, weights) in settings.items():
        root = np.sqrt(weights)[:, np.newaxis]
        code = shown @ process.first_layer.T
        decoder, *_ = np.linalg.lstsq(root * code, root * target, rcond=None)
        power = np.sum((root * target) ** 2)
        errors = root * (target - code @ rotations.swapaxes(1, 2) @ decoder)
        mean, error = mean_and_error(1 - np.sum(errors**2, axis=(1, 2)) / power)
        result = decoder_decay(process, lags, name)
        assert abs(result.r_squared[0] - mean) < 4 * error
        refitted = 1 - np.sum((root * (target - code @ decoder)) ** 2) / power
        assert result.refitted == pytest.approx(refitted, rel=1e-9)


@pytest.mark.parametrize("target", ["teacher", "identity"])
def test_no_rotation_improves_a_fitted_decoder(target: str) -> None:
    process = drift_process(three_axes())
    result = decoder_decay(process, np.concatenate([[0.0], np.geomspace(1e3, 1e12, 40)]), target)
    assert result.r_squared[0] == pytest.approx(result.refitted, rel=1e-12)
    assert np.all(result.r_squared <= result.refitted + 1e-12)
    assert result.r_squared[-1] == pytest.approx(result.limit, rel=1e-9)
    assert result.limit < 0 < result.refitted < 1


@pytest.mark.parametrize(("study", "settings", "limit"), [
    ("anisotropic_autoencoder", {"network.hidden": 1}, 0.5397),
    ("bottleneck", {"network.hidden": 1}, None),
    ("digits", {"network.hidden": 1}, None),
])  # fmt: skip
def test_where_nothing_rotates_a_decoder_keeps_what_it_has(
    study: str, settings: dict[str, float], limit: float | None
) -> None:
    process = drift_process(read_study(study).with_values(settings).problem())
    for target in ("teacher", "identity"):
        result = decoder_decay(process, np.array([1.0, 1e12]), target)
        assert result.limit == pytest.approx(result.refitted, rel=1e-12)
        assert result.r_squared[-1] == pytest.approx(result.refitted, rel=1e-12)
    result = decoder_decay(process, np.array([1.0]))
    assert limit is None or result.limit == pytest.approx(limit, abs=5e-5)


@pytest.mark.parametrize("turning", [0.0, 0.7])
def test_the_limit_of_a_decoder_is_uniform_among_axes_that_turn(turning: float) -> None:
    """Only the first two axes turn: an average over angles, exact with a few of them."""
    problem = three_axes()
    process = with_rotation(
        drift_process(problem), np.diag([0.5, 0.0, 0.0]), np.array([turning, 0.0, 0.0])
    )
    angles = 2 * np.pi * np.arange(8) / 8
    rotations = np.tile(np.eye(3), (8, 1, 1))
    rotations[:, 0, 0] = rotations[:, 1, 1] = np.cos(angles)
    rotations[:, 0, 1], rotations[:, 1, 0] = -np.sin(angles), np.sin(angles)
    covariance, teacher = problem.input_covariance, problem.teacher
    code = process.first_layer @ covariance @ process.first_layer.T
    code += process.fluctuation.second_moment(covariance)
    crossed = teacher @ covariance @ process.first_layer.T
    decoder = crossed @ np.linalg.inv(code)
    explained = [
        2 * np.trace(decoder @ turn @ crossed.T)
        - np.trace(decoder @ turn @ code @ turn.T @ decoder.T)
        for turn in rotations
    ]
    result = decoder_decay(process, np.array([0.0, 1e3, 1e25]))
    power = np.trace(teacher @ covariance @ teacher.T)
    assert result.limit == pytest.approx(np.mean(explained) / power, rel=1e-9)
    assert result.r_squared[1:] == pytest.approx(result.limit, rel=1e-9)
    assert result.limit < result.refitted


@pytest.mark.parametrize(
    "study", ["digits", "misaligned_teacher", "stimulus_set", "synaptic_noise"]
)
def test_observables_stay_bounded_however_long_the_lag(study: str) -> None:
    """A trace that rotations conserve was lost to rounding, exponentially in the lag."""
    process = drift_process(read_study(study).problem())
    lags = np.geomspace(1e10, 1e29, 20)
    for stimulus in process.problem.stimuli:
        angle = population_angle(process, stimulus, lags)
        assert angle.spread is not None
        assert np.all(angle.spread <= 1)
        assert np.all(np.abs(angle.cosine) <= 1)
        assert np.ptp(angle.spread[4:]) < 1e-12
        length = float(np.sum(process.representation(stimulus) ** 2))
        moved = mean_squared_displacement(process, stimulus, lags)
        lost = moved.total - moved.fluctuation
        assert lost[4:] == pytest.approx(2 * length, rel=1e-9)
    decoder = decoder_decay(process, lags)
    assert decoder.r_squared[4:] == pytest.approx(decoder.limit, rel=1e-9)


def test_fluctuation_is_noise_that_the_decoder_allows_for() -> None:
    """Regression of the teacher on simulated codes ``(W* + N) x``."""
    problem = misaligned(0.02)
    process = drift_process(problem)
    rng = np.random.default_rng(9)
    samples = 200_000
    layers, _ = process.fluctuation.sample(np.eye(2), np.array([1.0]), samples, rng)
    inputs = process.problem.inputs.sample(rng, (samples,))
    noise = np.einsum("srn,sn->sr", layers, inputs)
    code = inputs @ process.first_layer.T + noise
    target = inputs @ problem.teacher.T
    decoder, *_ = np.linalg.lstsq(code, target, rcond=None)
    unexplained = np.sum((target - code @ decoder) ** 2) / np.sum(target**2)
    result = decoder_decay(process, np.array([0.0]))
    assert 1 - result.refitted == pytest.approx(unexplained, rel=0.03)


# -- single neurons -----------------------------------------------------------------------


def test_tuning_of_every_neuron_turns_by_the_angle_of_a_plane() -> None:
    """Three stimuli in a star: the correlation of each tuning curve is the cosine."""
    plain = drift_process(misaligned())
    angles = 2 * np.pi * np.arange(3) / 3
    star = np.linalg.solve(plain.first_layer, np.array([np.cos(angles), np.sin(angles)]))
    stimuli = tuple(Stimulus(f"star {k}", vector) for k, vector in enumerate(star.T))
    case = replace(misaligned(), stimuli=stimuli, hidden=5)
    steady = without_fluctuation(with_rotation(replace(plain, problem=case), 0.0, 0.3))
    lags = np.array([0.0, 1.0, 4.0])
    turned = tuning_change(steady, lags, networks=4, seed=1)
    assert turned.neurons.shape == (3, 5)
    assert turned.neurons == pytest.approx(np.cos(0.3 * lags)[:, np.newaxis] * np.ones(5))
    diffusing = without_fluctuation(with_rotation(replace(plain, problem=case), 0.2, 0.3))
    spread = tuning_change(diffusing, lags, networks=2000, seed=2)
    expected = np.cos(0.3 * lags) * np.exp(-0.1 * lags)
    assert np.all(np.abs(spread.mean - expected) < 4 * spread.standard_error + 1e-9)


O1 = """
network = { inputs = 3, outputs = 3, hidden = 3 }
inputs = { covariance = [[1.5, 0.4, 0.2], [0.4, 1.0, -0.3], [0.2, -0.3, 0.7]] }
teacher = { map = [[1, 0.2, 0], [-0.1, 1.2, 0.3], [0.2, 0.1, 0.9]], label_noise = [0.6, 0.2, 0.4] }
learning = { rate = 0.02, weight_decay = 0.1 }
stimulus = [
    { name = "a", vector = [1, 0, 0] }, { name = "b", vector = [0, 1, 0.5] },
    { name = "c", vector = [-0.5, 0.3, 1.2] }, { name = "d", vector = [1, 1, -1] },
]
"""


def test_few_flat_curves_do_not_escape_the_standard_error_of_tuning(tmp_path: Path) -> None:
    """Half of all change comes from one network in thirty; 0.9872 is from 30,000 networks."""
    (tmp_path / "o1.toml").write_text(O1, encoding="utf-8")
    process = drift_process(read_study(tmp_path / "o1.toml").problem())
    lags = np.geomspace(10, 3e6, 13)[:7]
    for seed in (4, 0, 1):
        tuning = tuning_change(process, lags, seed=seed)
        assert tuning.standard_error[6] < 0.0006
        assert abs(tuning.mean[6] - 0.9872) < 3 * tuning.standard_error[6]


def test_intervals_of_tuning_cover_as_often_as_they_say(tmp_path: Path) -> None:
    """With the fewest networks that are taken where they are cheap, and few flat curves."""
    (tmp_path / "o1.toml").write_text(O1, encoding="utf-8")
    process = drift_process(read_study(tmp_path / "o1.toml").problem())
    lags = np.array([10.0, 5e3, 1e5])
    drawn = [tuning_change(process, lags, PILOT_NETWORKS, seed) for seed in range(150)]
    means = np.array([tuning.mean for tuning in drawn])
    errors = np.array([tuning.standard_error for tuning in drawn])
    covered = np.mean(np.abs(means - means.mean(axis=0)) < 1.97 * errors, axis=0)
    # The 0.1 % quantile of 150 that cover with 95 %.
    assert np.all(covered > 0.887)
    assert np.all(covered < 0.994)


def test_as_many_networks_are_taken_as_the_error_of_tuning_needs() -> None:
    """Of others: what has chosen the number is not in the error that is stated."""
    process = drift_process(read_study("bottleneck").problem())
    lags = np.geomspace(10, 1e5, 5)
    tuning = tuning_change(process, lags, seed=2)
    relative = tuning.standard_error / (1 - tuning.mean)
    assert 0.7 * PRECISION < relative.max() < 1.4 * PRECISION
    assert PILOT_NETWORKS < tuning.networks < NETWORKS
    alike = tuning_change(process, lags, tuning.networks, seed=2)
    assert np.array_equal(alike.mean, tuning.mean)


@pytest.mark.parametrize("study", ["teacher_label_noise", "synaptic_noise"])
def test_tuning_of_other_networks_is_within_the_standard_error(study: str) -> None:
    process = drift_process(read_study(study).problem())
    lags = np.array([20.0, 500.0, 3e5])
    drawn = [tuning_change(process, lags, seed=seed) for seed in range(12)]
    means = np.array([tuning.mean for tuning in drawn])
    errors = np.array([tuning.standard_error for tuning in drawn])
    scatter = means.std(axis=0, ddof=1) / np.sqrt(np.mean(errors**2, axis=0))
    # The 0.1 % quantiles of the deviation of twelve normal numbers.
    assert np.all((scatter > 0.36) & (scatter < 1.69))
    assert np.all(np.abs(means - means.mean(axis=0)) < 4 * errors)


def test_tuning_does_not_depend_on_how_many_lags_are_held(monkeypatch: pytest.MonkeyPatch) -> None:
    process = drift_process(three_axes())
    lags = np.array([0.0, 10.0, 1e3, 1e5])
    whole = tuning_change(process, lags, networks=16)
    monkeypatch.setattr("symdrift.observables.tuning.HELD_BYTES", 1)
    np.testing.assert_allclose(tuning_change(process, lags, networks=16).mean, whole.mean)


def test_paths_that_would_take_forever_are_not_followed() -> None:
    """One plane turns ten million times faster than the others."""
    process = with_rotation(drift_process(three_axes()), np.diag([1.0, 1e-7, 1e-7]), np.zeros(3))
    with pytest.raises(RequestError, match=r"--times reach over \d+ steps of sampled paths"):
        tuning_change(process, np.array([1e9]))
    # An axis that never turns is none of the slow ones.
    kept = with_rotation(drift_process(three_axes()), np.diag([1.0, 0.0, 0.0]), np.zeros(3))
    assert tuning_change(kept, np.array([1e9]), networks=4).networks == 4


def test_tuning_is_kept_at_first_and_lost_in_the_end() -> None:
    process = drift_process(three_axes())
    lags = np.array([1e-3, 1e14])
    result = tuning_change(process, lags, networks=200, seed=4)
    assert np.all(result.neurons[0] > 0.999)
    assert abs(result.mean[1]) < 4 * result.standard_error[1]
    assert np.all(np.diff(result.quantiles, axis=1) >= 0)
    again = tuning_change(process, lags, networks=200, seed=4)
    assert np.array_equal(again.neurons, result.neurons)


# -- large networks -----------------------------------------------------------------------


def test_without_the_tensor_displacements_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    from symdrift.observables import process as module

    case = replace(three_axes(), hidden=5, synaptic_noise=1e-9)
    lags = np.geomspace(1, 1e10, 10)
    whole = drift_process(case)
    monkeypatch.setattr(module, "LARGEST_SQUARE", 2)
    lean = drift_process(case)
    assert lean.planes is None
    for stimulus in case.stimuli:
        for observable in (mean_squared_displacement, autocorrelation):
            assert observable(lean, stimulus, lags).total == pytest.approx(
                observable(whole, stimulus, lags).total, rel=1e-9
            )
        assert population_angle(lean, stimulus, lags).spread is None
    with pytest.raises(RequestError, match="covariance of rotations between all planes"):
        decoder_decay(lean, lags)
    with pytest.raises(RequestError, match="sampling rotations needs their covariance"):
        tuning_change(lean, lags)


def test_inputs_that_never_occur_are_warned_about() -> None:
    """The same warning as that of `evaluate`: nothing of the teacher is learned there."""
    seen = StimulusSet(np.array([[1.0, 0, 0], [0, 1, 0], [1, 1, 0]]), np.full(3, 1 / 3))
    case = replace(three_axes(), inputs=seen, weight_decay=0.05)
    (warning,) = drift_process(case).warnings
    assert warning.startswith("inputs span 2 of 3 dimensions")
    assert warning in evaluate(case).warnings


def test_generators_of_planes_are_skew() -> None:
    process = drift_process(three_axes())
    assert isinstance(process.planes, CorrelatedPlanes)
    matrices = plane_generators(process.planes.drift, 3)
    assert np.array_equal(matrices, -matrices.swapaxes(1, 2))
    assert len(matrices) == 3


# -- requests that cannot be met ----------------------------------------------------------


@pytest.mark.parametrize(
    ("lags", "message"),
    [
        ([], "at least one"),
        ([[1.0]], "at least one"),
        ([-1.0, 1.0], "from -1 to 1 must be finite and not negative"),
        ([1.0, np.inf], "must be finite"),
        ([1.0, 3.0, 3.0], "must increase, but 3 is followed by 3"),
    ],
)
def test_times_must_increase_from_zero(lags: Any, message: str) -> None:
    process = drift_process(misaligned())
    stimulus = process.problem.stimuli[0]
    for observable in (mean_squared_displacement, autocorrelation, population_angle):
        with pytest.raises(RequestError, match=message):
            observable(process, stimulus, lags)
    for whole in (decoder_decay, representational_similarity):
        with pytest.raises(RequestError, match=message):
            whole(process, lags)


def test_requests_are_refused_in_a_sentence() -> None:
    process = drift_process(three_axes())
    assert process.stimulus("s1") is process.problem.stimuli[1]
    with pytest.raises(RequestError, match='stimulus = "s9" is unknown; the study has "s0", "s1"'):
        process.stimulus("s9")
    with pytest.raises(RequestError, match='target = "colour" is unknown; allowed are teacher'):
        decoder_decay(process, np.array([1.0]), "colour")
    with pytest.raises(RequestError, match="networks = 1 must be at least 2"):
        tuning_change(process, np.array([1.0]), networks=1)
    with pytest.raises(RequestError, match="seed = -1 must be at least 0"):
        tuning_change(process, np.array([1.0]), seed=-1)
    with pytest.raises(RequestError, match="need at least 3"):
        tuning_change(drift_process(misaligned()), np.array([1.0]))
    with pytest.raises(RequestError, match="has no representation"):
        population_angle(process, Stimulus("nothing", np.zeros(3)), np.array([1.0]))
    with pytest.raises(RequestError, match='approximation = "grey" is unknown'):
        drift_process(misaligned(), "grey")

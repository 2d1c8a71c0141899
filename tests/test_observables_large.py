"""Hidden layers of up to hundreds of axes: what keeps them small agrees with the general form."""

from __future__ import annotations

import json
import math
import re
from dataclasses import astuple, replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from simulation_cases import problem

from symdrift.cli import run
from symdrift.errors import RequestError
from symdrift.evaluation.evaluate import evaluate
from symdrift.evaluation.parts import Drift
from symdrift.inputs import StimulusSet
from symdrift.observables import (
    CorrelatedPlanes,
    DriftProcess,
    IndependentPlanes,
    SilentAxes,
    aligned_process,
    autocorrelation,
    conjugation_change,
    decoder_decay,
    drift_process,
    expected_rotation,
    mean_squared_displacement,
    observe,
    population_angle,
    representational_similarity,
    sample_rotations,
    tuning_change,
)
from symdrift.observables.rotations import conjugation_generator, symmetric_basis
from symdrift.observables.semigroup import Semigroup
from symdrift.study.problem import LearningProblem, Stimulus

Numbers = NDArray[np.float64]

LAGS = np.geomspace(1, 1e9, 7)


def with_stimuli(case: LearningProblem) -> LearningProblem:
    """Five stimuli that share no axes with the inputs, the first of them the last input."""
    inputs = case.teacher.shape[1]
    vectors = np.random.default_rng(1).standard_normal((5, inputs))
    vectors[0] = np.eye(inputs)[-1]
    return replace(
        case, stimuli=tuple(Stimulus(f"s{k}", vector) for k, vector in enumerate(vectors))
    )


def misaligned_with_silent_units(hidden: int) -> LearningProblem:
    """Two active axes that turn steadily, and silent ones reached by synaptic noise."""
    return with_stimuli(
        problem(
            [[1.5, 0.6], [0.6, 0.8]],
            np.diag([1.2, 0.8]),
            weight_decay=0.15,
            learning_rate=0.01,
            hidden=hidden,
            synaptic_noise=2e-9,
        )
    )


SILENT = np.array([[0.2, 0.1, -0.2], [0.1, 0.5, 0.3], [-0.2, 0.3, 1.1]])
"""Covariance of the planes that three active axes have with any silent one."""


def turning_with_silent_axes(count: int) -> DriftProcess:
    """Correlated planes of three active axes, a steady rotation and silent axes."""
    case = problem([2.0, 1.0, 0.7], weight_decay=0.2, learning_rate=0.005, synaptic_noise=1e-9)
    process = drift_process(replace(case, hidden=3 + count))
    covariance = np.array([[1.0, 0.4, -0.2], [0.4, 0.6, 0.3], [-0.2, 0.3, 0.8]])
    mean = np.array([1.5, -0.7, 0.4])
    drift = Drift(((1, 2), (1, 3), (2, 3)), covariance, mean)
    planes = CorrelatedPlanes(drift, SilentAxes(count, SILENT))
    turning = np.zeros((3 + count, 3 + count))
    for (i, j), speed in zip(drift.planes, mean, strict=True):
        turning[i - 1, j - 1], turning[j - 1, i - 1] = speed, -speed
    return replace(process, planes=planes, decay=planes.decay, turning=turning)


# -- silent axes --------------------------------------------------------------------------


def test_one_number_stands_for_all_silent_axes() -> None:
    """Against the generator on all symmetric matrices of all hidden axes, plane by plane."""
    case = misaligned_with_silent_units(6)
    process, drift = drift_process(case), evaluate(case).drift
    assert (3, 4) not in drift.planes and (2, 6) in drift.planes
    whole = Semigroup(conjugation_generator(drift, process.generator))
    square = symmetric_basis(6).reshape(-1, 36)
    matrix = np.diag([1.0, 0.3, *4 * [0.2]])
    matrix[0, 1] = matrix[1, 0] = 0.4
    expected = (whole.change(square @ matrix.ravel(), LAGS) @ square).reshape(-1, 6, 6)
    changed = conjugation_change(process, matrix, LAGS)
    np.testing.assert_allclose(changed, expected, atol=1e-12)
    assert np.trace(changed, axis1=1, axis2=2) == pytest.approx(0, abs=1e-12)
    assert np.abs(changed[-1]).max() > 0.1


def test_decay_counts_every_silent_axis() -> None:
    """``Delta = -1/2 sum V Omega Omega'`` over all planes of the evaluation."""
    case = misaligned_with_silent_units(5)
    drift = evaluate(case).drift
    expected = np.zeros((5, 5))
    for one, (i, j) in enumerate(drift.planes):
        for other, (k, l) in enumerate(drift.planes):
            first, second = np.zeros((2, 5, 5))
            first[i - 1, j - 1], first[j - 1, i - 1] = 1, -1
            second[k - 1, l - 1], second[l - 1, k - 1] = 1, -1
            expected -= 0.5 * drift.covariance[one, other] * first @ second
    np.testing.assert_allclose(drift_process(case).decay, expected, rtol=1e-12, atol=1e-24)


@pytest.mark.parametrize("silent", [2, 5])
def test_paths_with_silent_axes_have_the_moments_of_the_process(silent: int) -> None:
    process, lags, samples = turning_with_silent_axes(silent), np.array([0.1, 0.3]), 1500
    paths = sample_rotations(process, lags, samples, np.random.default_rng(4))
    size = 3 + silent
    assert np.abs(paths @ paths.swapaxes(-1, -2) - np.eye(size)).max() < 1e-12
    matrix = np.diag([1.0, -0.5, 0.3, *silent * [0.2]])
    second = matrix + conjugation_change(process, matrix, lags)
    first = expected_rotation(process, lags)
    for place, path in enumerate(paths):
        for sampled, moment in (
            (path, first[place]),
            (path @ matrix @ path.swapaxes(-1, -2), second[place]),
        ):
            error = sampled.std(axis=0, ddof=1) / math.sqrt(samples)
            assert np.all(np.abs(sampled.mean(axis=0) - moment) < 4.5 * error + 1e-12)


def test_one_learned_direction_wanders_over_the_sphere_of_all_hidden_units() -> None:
    """``E[(v'Qv)^2] = 1/p + (1 - 1/p) exp(-p V tau)`` of Brownian motion on a sphere."""
    case = problem([2.0], weight_decay=0.2, learning_rate=0.01, hidden=300, synaptic_noise=1e-10)
    process = drift_process(case)
    variance = 1e-10 / (2 * 0.9)
    lags = np.array([0.01, 0.5, 2.0, 50.0]) / (300 * variance)
    matrix = np.zeros((300, 300))
    matrix[0, 0] = 1
    moved = 1 + conjugation_change(process, matrix, lags)[:, 0, 0]
    expected = 1 / 300 + (1 - 1 / 300) * np.exp(-300 * variance * lags)
    np.testing.assert_allclose(moved, expected, rtol=1e-10)
    cosine = population_angle(process, case.stimuli[0], lags).rotation_cosine
    np.testing.assert_allclose(cosine, np.exp(-0.5 * 299 * variance * lags), atol=1e-12)


# -- many active axes in correlated planes ------------------------------------------------


def test_correlated_planes_of_more_axes_than_closed_forms_leave_to_matrices() -> None:
    """A stimulus set: slopes of ``(v'Qv)^2`` by the rates of stimuli alone, uniform in the end."""
    size = 16
    rng = np.random.default_rng(8)
    shown = rng.standard_normal((30, size)) * np.linspace(1.4, 0.7, size)
    teacher = np.eye(size) + 0.2 * rng.standard_normal((size, size)) / math.sqrt(size)
    case = problem(
        np.eye(size),
        teacher,
        weight_decay=0.01,
        learning_rate=0.002,
        inputs=StimulusSet(shown, np.full(30, 1 / 30)),
    )
    case = replace(case, stimuli=case.stimuli[:3])
    process = drift_process(case)
    assert isinstance(process.planes, CorrelatedPlanes)
    assert len(process.decay) == size
    rates = evaluate(case, quantities="stimuli").stimuli
    slow = float(-process.eigenvalues.real.max())
    lags = np.array([1e-9, 1e3]) / slow
    for item, expected in zip(case.stimuli, rates, strict=True):
        direction = process.representation(item)
        direction /= np.linalg.norm(direction)
        changed = conjugation_change(process, np.outer(direction, direction), lags)
        lost = changed[0] @ direction @ direction + (expected.mean_speed * lags[0]) ** 2 / (
            expected.squared_norm
        )
        assert lost == pytest.approx(-2 * expected.decay_rate * lags[0], rel=1e-4)
        final = changed[1] + np.outer(direction, direction)
        np.testing.assert_allclose(final, np.eye(size) / size, atol=1e-9)


# -- aligned problems ---------------------------------------------------------------------


def wide() -> LearningProblem:
    """Two inputs without an output, a negative gain, unequal label noise."""
    teacher = np.zeros((3, 5))
    teacher[[0, 1, 2], [0, 1, 2]] = [1.2, -0.8, 1.5]
    return problem(
        [2.0, 1.0, 0.7, 0.9, 0.4],
        teacher,
        weight_decay=0.2,
        learning_rate=0.005,
        label_noise=[0.1, 0.2, 0.0],
    )


def tall() -> LearningProblem:
    """Two outputs without an input."""
    return problem(
        [2.0, 1.0, 0.7],
        np.eye(5, 3) * [1.2, 0.8, 1.5],
        weight_decay=0.2,
        learning_rate=0.005,
        label_noise=[0.1, 0.2, 0.0, 0.1, 0.3],
        batch=3,
    )


def rotated() -> LearningProblem:
    """An autoencoder in axes that no input has, with a silent direction."""
    axes, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((4, 4)))
    return problem(
        axes @ np.diag([2.0, 1.0, 0.7, 0.15]) @ axes.T, weight_decay=0.2, learning_rate=0.005
    )


def narrow() -> LearningProblem:
    """A bottleneck: two directions are worth learning and left out."""
    return problem(
        [2.0, 1.0, 0.7, 0.9],
        weight_decay=0.2,
        learning_rate=0.005,
        hidden=2,
        label_noise=[0.1, 0.2, 0.0, 0.3],
    )


def noisy() -> LearningProblem:
    """Synaptic noise, one inactive direction and two silent units."""
    return replace(rotated(), hidden=5, synaptic_noise=1e-8)


def noisy_and_wide() -> LearningProblem:
    """Synaptic noise, inputs without an output, silent units."""
    return replace(wide(), hidden=6, synaptic_noise=3e-9)


@pytest.mark.parametrize("make", [wide, tall, rotated, narrow, noisy, noisy_and_wide])
@pytest.mark.parametrize("approximation", ["exact", "white"])
def test_pairs_of_weights_give_what_full_matrices_give(make: Any, approximation: str) -> None:
    case = with_stimuli(make())
    full, pairs = (make(case, approximation) for make in (drift_process, aligned_process))
    assert isinstance(full.planes, CorrelatedPlanes)
    assert isinstance(pairs.planes, IndependentPlanes)
    np.testing.assert_allclose(np.abs(pairs.first_layer), np.abs(full.first_layer), atol=1e-12)

    def assert_close(one: Numbers | None, other: Numbers | None) -> None:
        assert one is not None
        assert other is not None
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-14)

    for item in case.stimuli:
        for observable in (mean_squared_displacement, autocorrelation):
            assert_close(observable(pairs, item, LAGS).total, observable(full, item, LAGS).total)
        if not full.representation(item).any():
            continue
        angles = [population_angle(process, item, LAGS) for process in (pairs, full)]
        assert_close(angles[0].cosine, angles[1].cosine)
        assert_close(angles[0].spread, angles[1].spread)
    for target in ("teacher", "identity"):
        decays = [decoder_decay(process, LAGS, target) for process in (pairs, full)]
        assert_close(decays[0].r_squared, decays[1].r_squared)
    similar = [representational_similarity(process, LAGS) for process in (pairs, full)]
    for part in ("gram", "standard_deviation", "gram_change", "representation_change"):
        assert_close(getattr(similar[0], part), getattr(similar[1], part))


@pytest.mark.parametrize("make", [wide, narrow, noisy])
def test_sampled_pairs_of_weights_remember_as_full_matrices_do(make: Any) -> None:
    """Both sample; covariances with day 0 and of each lag agree within their errors."""
    case = with_stimuli(make())
    vectors = np.array([item.vector for item in case.stimuli[:3]]).T
    full, pairs = drift_process(case), aligned_process(case)
    overlaps = np.sum(full.first_layer * pairs.first_layer, axis=1)
    flips = np.where(overlaps < 0, -1.0, 1.0)[:, np.newaxis]
    lags = np.array([0.7, 100.0]) / full.rates.min()
    start, later = pairs.fluctuation.sample(vectors, lags, 20_000, np.random.default_rng(6))
    for lag, path in zip([0.0, *lags], [start, *later], strict=True):
        for k, vector in enumerate(vectors.T):
            stationary = full.fluctuation.second_moment(np.outer(vector, vector))
            kept = stationary - full.fluctuation.forgotten(vector, np.array([lag]))[0]
            for one, expected in ((path, stationary), (start, kept)):
                products = path[:, :, k, np.newaxis] * one[:, np.newaxis, :, k]
                error = products.std(axis=0, ddof=1) / math.sqrt(len(products))
                difference = products.mean(axis=0) - flips * expected * flips.T
                assert np.all(np.abs(difference) < 4.5 * error)


def test_tuning_of_aligned_problems_is_that_of_full_matrices() -> None:
    case = with_stimuli(rotated())
    lags = np.array([1e2, 1e8, 1e9])
    full, pairs = (
        tuning_change(process, lags, networks=400, seed=seed)
        for seed, process in enumerate((drift_process(case), aligned_process(case)))
    )
    error = np.hypot(full.standard_error, pairs.standard_error)
    assert np.all(np.abs(full.mean - pairs.mean) < 4 * error)
    assert pairs.mean[1] < 0.99


def test_an_isotropic_layer_of_a_hundred_axes_wanders_over_a_sphere() -> None:
    """``D`` in every plane: ``E[v'Qv] = exp(-(r - 1) D tau)``, and the second moment."""
    size, rate, gamma = 100, 0.005, 0.2
    case = problem(np.ones(size), weight_decay=gamma, learning_rate=rate)
    process = drift_process(case)
    diffusion = rate**3 * (size + 2) * gamma**4 / (16 * (1 - gamma))
    lags = np.array([0.01, 1.0, 10.0]) / (size * diffusion)
    vector = np.random.default_rng(2).standard_normal(size)
    vector /= np.linalg.norm(vector)
    moved = conjugation_change(process, np.outer(vector, vector), lags) @ vector @ vector
    expected = 1 / size + (1 - 1 / size) * np.exp(-2 * size * diffusion * lags)
    np.testing.assert_allclose(1 + moved, expected, rtol=1e-9)
    angle = population_angle(process, Stimulus("any", vector), lags)
    np.testing.assert_allclose(
        angle.rotation_cosine, np.exp(-(size - 1) * diffusion * lags), rtol=1e-9
    )


def test_every_observable_of_a_large_layer_is_there() -> None:
    case = problem(np.linspace(2, 0.5, 30), weight_decay=0.1, learning_rate=0.005)
    case = replace(case, stimuli=case.stimuli[:4])
    reported: list[tuple[int, int]] = []

    def report(done: int, total: int) -> None:
        reported.append((done, total))

    observation = observe(case, np.array([1.0, 1e9]), seed=1, progress=report)
    stimuli = len(case.stimuli)
    assert reported == [(1, 2), (2, 2), *((k, stimuli) for k in range(1, stimuli + 1))]
    # The power of thirty inputs is what limits the rate.
    (warning,) = observation.warnings
    assert "singular value and power of the inputs is 0.178" in warning
    assert [item.target for item in observation.decoder] == ["teacher", "identity"]
    assert observation.tuning is not None
    assert observation.tuning.neurons.shape == (2, 30)
    assert all(item.spread is not None for item in observation.angle)


def test_what_does_not_fit_is_refused_with_the_estimate(monkeypatch: pytest.MonkeyPatch) -> None:
    case = misaligned_with_silent_units(40)
    monkeypatch.setattr("symdrift.observables.observation.available_memory", lambda: 2**20)
    with pytest.raises(
        RequestError, match=r"--times of 2 lags with 400 hidden axes .* MiB .*network\.hidden"
    ):
        observe(replace(case, hidden=400), np.array([1.0, 2.0]))
    assert observe(case, np.array([1.0])).decoder


def test_the_command_line_observes_a_layer_of_sixty_hidden_units(
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = [
        "observe",
        "synaptic_noise",
        "--set",
        "network.hidden=60",
        "--times",
        "1:1e8:2:log",
    ]
    assert run([*arguments, "--json"]) == 0
    output = capsys.readouterr()
    # A long command names its stages, and nothing else.
    assert re.fullmatch(r"( *\d+ s  [a-z].*\n)*", output.err)
    record = json.loads(output.out)
    assert len(record["tuning"]["neurons"][0]) == 60
    assert record["angle"][0]["spread"][1] > record["angle"][0]["spread"][0] > 0
    first, last = record["decoder"][0]["r_squared"]
    assert last < first < 1


def test_shared_axes_are_observed_without_full_matrices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also few hidden units between many axes, and what is too large for the general expansion."""

    def solved(*_: object) -> None:
        pytest.fail("a minimum was looked for by full matrices")

    monkeypatch.setattr("symdrift.evaluation.dense.landscape.solve_minimum", solved)
    monkeypatch.setattr("symdrift.observables.process.minimum_of", solved)
    for variances, hidden in ((np.ones(30), 30), (np.linspace(2.0, 1.0, 40), 3)):
        case = problem(variances, weight_decay=0.2, learning_rate=0.001, hidden=hidden)
        case = replace(case, stimuli=case.stimuli[:3])
        observed = observe(case, np.array([1e2, 1e6]))
        assert len(observed.displacement) == 3
        assert observed.similarity.gram_change[-1] > 0


def test_curves_with_the_next_order_and_their_bands_are_those_of_full_matrices(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    case, lags = with_stimuli(narrow()), np.geomspace(1, 1e7, 5)
    case = replace(case, stimuli=case.stimuli[:2])
    full = observe(case, lags)
    monkeypatch.setattr("symdrift.observables.process.LARGEST_DENSE", 0)
    pairs = observe(case, lags)
    assert full.expected_error.next_order
    for own, same in zip(pairs.expected_error.stimuli, full.expected_error.stimuli, strict=True):
        assert astuple(own)[1:] == pytest.approx(astuple(same)[1:], rel=1e-9)
    assert pairs.warnings == full.warnings
    assert len(pairs.bands) == len(full.bands) > 8
    for one, other in zip(pairs.bands, full.bands, strict=True):
        assert (one.observable, one.subject, one.part) == (
            other.observable,
            other.subject,
            other.part,
        )
        np.testing.assert_allclose(one.low, other.low, rtol=1e-9, atol=1e-13)
        np.testing.assert_allclose(one.high, other.high, rtol=1e-9, atol=1e-13)

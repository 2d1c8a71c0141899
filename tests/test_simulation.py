"""The simulator is online SGD, driven by sound random numbers, and nothing else."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import scipy.linalg
from all_weights import reachable_basis
from simulation_cases import ReferenceStream, problem

from symdrift.errors import RequestError
from symdrift.evaluation.dense import hessian_matrix, solve_minimum
from symdrift.execution import Diverged
from symdrift.inputs import Elliptical, Samples, StimulusSet
from symdrift.rules.linear import TwoLayerLinear
from symdrift.simulation import simulate
from symdrift.simulation import trajectory as trajectory_module
from symdrift.simulation.descent import STACK_VECTORS
from symdrift.simulation.ensemble import CHECK_EVERY, Block, Gauge, compile_here
from symdrift.simulation.rule_trajectory import simulate_rule
from symdrift.simulation.setup import (
    PAGE_BYTES,
    Model,
    Table,
    model_of,
    on_own_pages,
    padded_layers,
)
from symdrift.simulation.timescales import ceiling, relaxation
from symdrift.simulation.trajectory import MOST_RECORDS
from symdrift.study import read_study
from symdrift.study.problem import Array, LearningProblem

MISALIGNED = ([[1.5, 0.6], [0.6, 0.8]], np.diag([1.2, 0.8]))
STIMULI = np.array([[1.0, 0.0, 0.3], [0.2, 1.0, 0.0], [0.0, 0.5, 1.0], [1.0, 1.0, 0.0]])


OneStep = Callable[[Array, Array, LearningProblem, Array, Array], tuple[Array, Array]]
"""Layers after one SGD step for a batch of inputs and label noise, a sample in each row."""


def textbook_step(
    first: Array, second: Array, given: LearningProblem, inputs: Array, noise: Array
) -> tuple[Array, Array]:
    """As matrix products over the batch."""
    hidden = inputs @ first.T
    error = inputs @ given.teacher.T + noise - hidden @ second.T
    rate, decay, batch = given.learning_rate, given.weight_decay, len(inputs)
    return (
        first + rate * (second.T @ error.T @ inputs / batch - decay * first),
        second + rate * (error.T @ hidden / batch - decay * second),
    )


def step_of_the_rule(
    first: Array, second: Array, given: LearningProblem, inputs: Array, noise: Array
) -> tuple[Array, Array]:
    """As the learning rule says it: the mean of what each sample changes."""
    rule = TwoLayerLinear(given.teacher, given.weight_decay)
    changes = [
        rule.update((first, second), x[:, np.newaxis], error[:, np.newaxis])
        for x, error in zip(inputs, noise, strict=True)
    ]
    mean_first, mean_second = (np.mean(layer, axis=0) for layer in zip(*changes, strict=True))
    return first + given.learning_rate * mean_first, second + given.learning_rate * mean_second


def reference_inputs(stream: ReferenceStream, model: Model, normals: Array) -> Array:
    """One input from the replica's random numbers."""

    def row(table: Table) -> Array:
        word = stream.word()
        index, rest = divmod(word * len(table.rows), 2**64)
        if rest / 2**64 >= table.acceptance[index]:
            index = int(table.alias[index])
        return np.asarray(table.rows[index])

    if model.shape.tabulated:
        return row(model.table)
    length = row(model.table)[0] / np.linalg.norm(normals) if model.shape.elliptical else 1.0
    return np.asarray(model.basis @ (length * model.scales * normals))


def reference_run(
    given: LearningProblem,
    model: Model,
    start: tuple[Array, Array],
    replica: int,
    steps: int,
    one_step: OneStep = textbook_step,
) -> tuple[Array, Array]:
    outputs, inputs = given.teacher.shape
    first, second = start
    stream = ReferenceStream(7, replica)
    for _ in range(steps):
        for_inputs = 0 if model.shape.tabulated else given.batch * inputs
        for_labels = given.batch * outputs if model.shape.noisy else 0
        normals = stream.normals(for_inputs + for_labels)
        x = np.array(
            [
                reference_inputs(stream, model, normals[sample * inputs : (sample + 1) * inputs])
                if for_inputs
                else reference_inputs(stream, model, normals[:0])
                for sample in range(given.batch)
            ]
        )
        noise = np.zeros((given.batch, outputs))
        if for_labels:
            labels = normals[for_inputs:].reshape(given.batch, outputs)
            noise = np.sqrt(given.label_noise) * labels
        first, second = one_step(first, second, given, x, noise)
        if given.synaptic_noise > 0:
            jitter = np.sqrt(given.synaptic_noise) * stream.normals(first.size + second.size)
            # The simulator works in the eigenbasis of the inputs.
            first = first + jitter[: first.size].reshape(first.shape) @ model.basis.T
            second = second + jitter[first.size :].reshape(second.shape)
    return first, second


def rotated_gains(size: int) -> Array:
    """A teacher on which every output depends on every input."""
    turn = np.random.default_rng(1).normal(size=(size, size))
    return np.asarray(scipy.linalg.expm(0.2 * (turn - turn.T) / np.sqrt(size)))


CASES = {
    "autoencoder": problem([2.0, 0.7], weight_decay=0.2, learning_rate=0.05),
    "odd number of normals": problem([2.0, 1.0, 0.7], weight_decay=0.3, learning_rate=0.05),
    "misaligned": problem(*MISALIGNED, weight_decay=0.15, learning_rate=0.05),
    "noisy labels in batches": problem(
        [2.0, 1.0, 0.7],
        np.diag([1.0, 0.9, 1.2])[:2],
        weight_decay=0.3,
        learning_rate=0.05,
        label_noise=[0.1, 0.3],
        batch=3,
    ),
    "elliptical": problem(
        [2.0, 0.7],
        weight_decay=0.2,
        learning_rate=0.02,
        inputs=Elliptical(np.diag([2.0, 0.7]), 0.5),
        batch=2,
    ),
    "stimuli": problem(
        np.eye(3),
        weight_decay=0.1,
        learning_rate=0.05,
        inputs=StimulusSet(STIMULI, np.array([0.4, 0.3, 0.2, 0.1])),
        label_noise=0.2,
        batch=2,
    ),
    "samples": problem(np.eye(3), weight_decay=0.1, learning_rate=0.05, inputs=Samples(STIMULI)),
    "synaptic noise": problem(
        [2.0, 0.7], weight_decay=0.2, learning_rate=0.05, synaptic_noise=1e-4
    ),
    "rows beyond a multiple of four": problem(
        np.linspace(2.0, 1.0, 6), weight_decay=0.2, learning_rate=0.02, hidden=5, label_noise=0.1
    ),
    "weights beyond the first cache": problem(
        np.linspace(1.5, 0.5, 14), weight_decay=0.2, learning_rate=0.01, hidden=11, batch=2
    ),
    "stimuli and weights beyond the first cache": problem(
        np.eye(13),
        rotated_gains(13),
        weight_decay=0.02,
        learning_rate=0.01,
        inputs=StimulusSet(np.vstack([np.eye(13), np.ones(13)]), np.full(14, 1 / 14)),
        label_noise=0.1,
    ),
    "synaptic noise and weights beyond the first cache": problem(
        np.linspace(1.5, 0.5, 13), weight_decay=0.2, learning_rate=0.01, synaptic_noise=1e-4
    ),
    "working vectors beyond the stack": problem(
        [2.0, 0.7], weight_decay=0.2, learning_rate=0.05, label_noise=0.1, batch=350
    ),
}


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow if "beyond" in name else ()) for name in CASES],
)
def test_steps_are_those_of_the_rule_on_the_same_random_numbers(name: str) -> None:
    """One step against the update of the rule, many against a textbook."""
    given = CASES[name]
    outputs, inputs = given.teacher.shape
    rng = np.random.default_rng(0)
    start = (rng.normal(size=(given.hidden, inputs)), rng.normal(size=(outputs, given.hidden)))
    start = (0.3 * start[0], 0.3 * start[1])
    model = model_of(given, given.hidden)
    block = Block(model, start, first=4, count=9, seed=7)
    steps = 25 if given.batch < 10 else 2
    for made, more, one_step, allowed in (
        (1, 1, step_of_the_rule, 1e-9 * given.learning_rate),
        (steps, steps - 1, textbook_step, 1e-9),
    ):
        block.advance(more)
        first, second = model.unpack(block.weights, 9)
        for lane in (0, 3, 8):
            expected = reference_run(given, model, start, 4 + lane, made, one_step)
            np.testing.assert_allclose(first[lane], expected[0], rtol=0, atol=allowed)
            np.testing.assert_allclose(second[lane], expected[1], rtol=0, atol=allowed)


@pytest.mark.parametrize("decay", [0.9, 1.0, 1.2])
def test_weights_that_decay_at_once_are_followed_as_well(decay: float) -> None:
    # After 200 steps the decay alone would have come to less than the smallest number.
    given = problem([2.0, 0.7], weight_decay=decay / 0.05, learning_rate=0.05, synaptic_noise=0.01)
    start = (0.5 * np.eye(2), 0.5 * np.eye(2))
    model = model_of(given, given.hidden)
    block = Block(model, start, first=0, count=2, seed=7)
    block.advance(200)
    first, second = model.unpack(block.weights, 2)
    expected = reference_run(given, model, start, 1, 200)
    np.testing.assert_allclose(first[1], expected[0], rtol=0, atol=1e-9)
    np.testing.assert_allclose(second[1], expected[1], rtol=0, atol=1e-9)


@pytest.mark.parametrize("decay", [0.99, 1.0, 1.01])
def test_large_weights_that_decay_at_once_are_followed_as_well(decay: float) -> None:
    """They are a multiple of a factor that falls below 1e-30 three times, or is none at once."""
    given = problem(
        np.linspace(1.5, 0.5, 13), 6 * np.eye(13), weight_decay=decay / 0.05, learning_rate=0.05
    )
    model = model_of(given, given.hidden)
    assert model.shape.delayed
    rng = np.random.default_rng(2)
    start = (0.1 * rng.normal(size=(13, 13)), 0.1 * rng.normal(size=(13, 13)))
    block = Block(model, start, first=0, count=10, seed=7)
    block.advance(50)
    first, second = model.unpack(block.weights, 10)
    for lane in (1, 9):
        expected = reference_run(given, model, start, lane, 50)
        for found, layer in zip((first[lane], second[lane]), expected, strict=True):
            scale = np.max(np.abs(layer))
            assert scale > 1e-20
            np.testing.assert_allclose(found / scale, layer / scale, rtol=0, atol=1e-9)


@pytest.mark.parametrize("count", [1, 8, 511, 512, 513])
def test_what_a_block_writes_has_pages_of_memory_of_its_own(count: int) -> None:
    """A processor reads ahead to the end of a page, where another thread must not be writing."""
    values = on_own_pages(np.arange(float(count)))
    np.testing.assert_array_equal(values, np.arange(float(count)))
    owned = values.base
    assert isinstance(owned, np.ndarray)
    assert owned.flags.owndata
    first, last = values.ctypes.data, values.ctypes.data + values.nbytes
    assert first % PAGE_BYTES == 0
    assert owned.ctypes.data <= first
    assert -(-last // PAGE_BYTES) * PAGE_BYTES <= owned.ctypes.data + owned.nbytes


def test_small_networks_work_on_the_stack_and_large_ones_do_not() -> None:
    """So that the cases above cover all kinds of kernels."""
    delayed = [name for name, given in CASES.items() if model_of(given, given.hidden).shape.delayed]
    assert delayed == [
        "weights beyond the first cache",
        "stimuli and weights beyond the first cache",
    ]
    on_stack = model_of(CASES["autoencoder"], 2).shape.working_vectors
    beyond = model_of(CASES["working vectors beyond the stack"], 2).shape.working_vectors
    assert sum(on_stack) <= STACK_VECTORS < sum(beyond)


def test_a_run_depends_on_seed_and_replica_only() -> None:
    given = CASES["misaligned"]
    one = simulate(given, steps=300, replicas=5, seed=3, threads=1)
    many = simulate(given, steps=300, replicas=150, seed=3, threads=2)
    other = simulate(given, steps=300, replicas=5, seed=4, threads=1)
    assert np.array_equal(one.first_layer, many.first_layer[:, :5])
    assert np.array_equal(one.second_layer, many.second_layer[:, :5])
    assert not np.any(one.first_layer == other.first_layer)
    ends = many.first_layer[-1].reshape(150, -1)
    assert len(np.unique(ends, axis=0)) == 150


@pytest.mark.slow
def test_silent_hidden_units_stay_silent() -> None:
    given = problem([2.0, 1.5, 0.7], weight_decay=0.9, learning_rate=0.02, hidden=4)
    trajectory = simulate(given, steps=200, replicas=3)
    assert trajectory.first_layer.shape[2:] == (4, 3)
    assert np.all(trajectory.first_layer[..., 2:, :] == 0)
    assert np.all(trajectory.second_layer[..., :, 2:] == 0)
    assert np.all(np.abs(trajectory.first_layer[..., :2, :]).sum(axis=-1) > 0)


def test_synaptic_noise_moves_silent_hidden_units() -> None:
    given = problem([2.0, 0.7], weight_decay=0.2, learning_rate=0.02, hidden=3, synaptic_noise=1e-6)
    trajectory = simulate(given, steps=100, replicas=3)
    assert np.all(trajectory.first_layer[-1, :, 2] != 0)


def test_records_are_evenly_spaced_and_bounded_in_number(tmp_path: Path) -> None:
    given = CASES["autoencoder"]
    trajectory = simulate(given, steps=12_345, replicas=4)
    assert len(trajectory.steps) <= MOST_RECORDS
    assert len(set(np.diff(trajectory.steps))) == 1
    trajectory.save(tmp_path / "run.npz")
    with np.load(tmp_path / "run.npz") as stored:
        assert np.array_equal(stored["first_layer"], trajectory.first_layer)
        assert list(stored["stimulus_names"]) == ["axis 1", "axis 2"]
        assert stored["learning_rate"] == given.learning_rate


def test_divergence_is_reported_with_step_and_share_and_a_rate_that_runs() -> None:
    # Just stable where the map of second moments is linear; so wide a fluctuation is not there.
    given = problem([3.0, 1.0], weight_decay=0.2, learning_rate=0.116)
    said = r"0\.116 makes SGD diverge within \d+ steps, at 0\.\d\d of the critical rate; lower"
    said += r" it to (\S+) or less$"
    with pytest.raises(RequestError, match=said) as refused:
        simulate(given, steps=50_000, replicas=16)
    found = re.search(said, str(refused.value))
    assert found
    named = replace(given, learning_rate=float(found[1]))
    run = simulate(named, steps=50_000, replicas=64)
    # Networks that have run away are nowhere near: squared weights of the minimum are 3 in all.
    assert np.abs(run.first_layer).max() < 3


def test_rates_above_the_critical_one_are_refused_before_they_diverge() -> None:
    # Stable for the mean (eta h_max < 2), unstable for the fourth moment of the inputs.
    given = problem([3.0, 1.0], weight_decay=0.2, learning_rate=0.3)
    with pytest.raises(RequestError, match=r"rate = 0\.3 is unstable: from the critical rate 0\.1"):
        simulate(given, steps=50_000, replicas=16)


@pytest.mark.parametrize("field", ["steps", "replicas", "threads"])
def test_counts_must_be_positive(field: str) -> None:
    counts: dict[str, Any] = {field: 0}
    with pytest.raises(RequestError, match=f"{field} = 0 must be at least 1"):
        simulate(CASES["autoencoder"], **counts)


def test_runs_that_would_never_end_are_refused() -> None:
    with pytest.raises(RequestError, match=r"steps = 10{22} must be at most"):
        simulate(CASES["autoencoder"], steps=10**22)
    with pytest.raises(RequestError, match=r"learning\.rate = 1e-99 is too small to be simulated"):
        simulate(problem([2.0, 0.7], weight_decay=0.2, learning_rate=1e-99))
    with pytest.raises(RequestError, match=r"need .* steps to become stationary, and at most"):
        simulate(problem([2.0, 0.7], weight_decay=1e-10, learning_rate=1e-3), steps=1)


def test_trajectories_beyond_memory_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand records of 64 bytes and replica, held three times, where 1.5 MiB are left."""
    monkeypatch.setattr(trajectory_module, "available_memory", lambda: 3 * 2**19)
    with pytest.raises(RequestError, match=r"replicas = 9 .* 1.7 MiB .* 1.5 MiB are available"):
        simulate(CASES["autoencoder"], steps=10, replicas=9)
    assert len(simulate(CASES["autoencoder"], steps=10, replicas=8).steps) == 11


def test_what_is_not_compiled_is_compiled_in_the_thread_that_an_interrupt_ends() -> None:
    fresh, made = SimpleNamespace(signatures=[]), []

    def interrupted() -> None:
        raise KeyboardInterrupt

    def diverging() -> None:
        made.append(threading.current_thread())
        raise Diverged(1)

    with pytest.raises(KeyboardInterrupt):
        compile_here(fresh, interrupted)
    # The run itself says so.
    compile_here(fresh, diverging)
    compile_here(SimpleNamespace(signatures=[fresh]), interrupted)
    assert made == [threading.main_thread()]


def test_an_interrupt_keeps_what_was_recorded() -> None:
    given = problem([2.0, 0.7], weight_decay=0.2, learning_rate=1e-3)

    def interrupt_halfway(done: int, total: int) -> None:
        if done > total // 2:
            raise KeyboardInterrupt

    trajectory = simulate(given, steps=2_000_000, replicas=256, progress=interrupt_halfway)
    assert trajectory.interrupted
    # Blocks that had not begun are missing; those that had begun may have fewer records.
    records, replicas = trajectory.first_layer.shape[:2]
    assert records > 0
    assert records * replicas < (MOST_RECORDS - 1) * 256
    assert len(trajectory.steps) == len(trajectory.first_layer) == len(trajectory.second_layer)


def skew(rng: np.random.Generator, count: int, size: int, largest: float) -> Array:
    generators = rng.normal(size=(count, size, size))
    generators -= generators.swapaxes(1, 2)
    return np.asarray(largest * generators / np.abs(generators).max())


def gauged(size: int) -> tuple[Model, Block, Gauge]:
    """Eleven replicas at the minimum of an autoencoder, and what measures them."""
    given = problem(np.linspace(2.0, 1.0, size), weight_decay=0.2, learning_rate=0.01)
    minimum = solve_minimum(given.teacher, given.input_covariance, 0.2, size)
    model = model_of(given, size)
    block = Block(model, (minimum.first_layer, minimum.second_layer), 0, 11, 0)
    return model, block, Gauge(model, minimum, block)


@pytest.mark.parametrize("size", [2, 3, 5])
def test_the_gauge_reads_injected_rotations_of_the_minimum_exactly(size: int) -> None:
    model, block, gauge = gauged(size)
    first, second = model.unpack(block.weights, 11)
    rng = np.random.default_rng(size)
    rotation = np.stack([np.eye(size)] * 11)
    for _ in range(40):
        # Q_{t+1} = Q_t exp(X): the increment acts on the minimum's own axes, before Q_t.
        increment = skew(rng, 11, size, 0.1)
        turn = np.stack([scipy.linalg.expm(x) for x in increment])
        rotation = rotation @ turn
        block.weights[:] = model.pack(rotation @ first, second @ rotation.swapaxes(1, 2))
        angles, distance, _loss = gauge.read()
        upper = np.triu_indices(size, 1)
        np.testing.assert_allclose(angles.T, increment[:, *upper], rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(distance, 0, atol=1e-12)
    assert np.max(np.abs(rotation - np.eye(size))) > 0.2


def test_the_gauge_is_the_polar_factor_also_away_from_the_minimum() -> None:
    model, block, gauge = gauged(3)
    first, second = model.unpack(block.weights, 11)
    rng = np.random.default_rng(5)
    moved = (
        first + 0.03 * rng.normal(size=first.shape),
        second + 0.03 * rng.normal(size=second.shape),
    )
    block.weights[:] = model.pack(*moved)
    angles, distance, _ = gauge.read()
    summed = gauge.take_displacement(1)
    for replica in range(11):
        overlap = moved[0][replica] @ first[0].T + moved[1][replica].T @ second[0]
        rotation, _ = scipy.linalg.polar(overlap)
        expected = scipy.linalg.logm(rotation)[np.triu_indices(3, 1)]
        np.testing.assert_allclose(angles[:, replica], expected, rtol=0, atol=1e-8)
        normal = np.concatenate(
            [
                np.ravel(rotation.T @ moved[0][replica] - first[0]),
                np.ravel(moved[1][replica] @ rotation - second[0]),
            ]
        )
        np.testing.assert_allclose(distance[replica], normal @ normal, rtol=1e-10)
        np.testing.assert_allclose(summed[:, replica], normal, atol=1e-12)


def test_silent_axes_are_carried_along_with_the_active_ones() -> None:
    """Five hidden units, of which two are active, at random places near the manifold.

    With ``F`` the images of the active axes since the last measurement, silent axes go to the
    polar factor of ``(1 - F F') E``: the nearest frame of what ``F`` leaves.
    """
    given = problem([2.0, 1.5], weight_decay=0.2, learning_rate=0.01, hidden=5, synaptic_noise=1e-6)
    minimum = solve_minimum(given.teacher, given.input_covariance, 0.2, 5)
    model = model_of(given, 5)
    start = padded_layers(minimum, 5)
    block = Block(model, start, 0, 11, 0)
    gauge = Gauge(model, minimum, block)
    rng = np.random.default_rng(3)
    rotation = np.stack([np.eye(5)] * 11)
    for _ in range(6):
        turn = np.stack([scipy.linalg.expm(x) for x in skew(rng, 11, 5, 0.05)])
        rotation = rotation @ turn
        first = rotation @ (start[0] + 0.01 * rng.normal(size=(11, 5, 2)))
        second = (start[1] + 0.01 * rng.normal(size=(11, 2, 5))) @ rotation.swapaxes(1, 2)
        block.weights[:] = model.pack(first, second)
        before = gauge_rotations(gauge, 11, 5)
        angles, distance, _ = gauge.read()
        after = gauge_rotations(gauge, 11, 5)
        for replica in range(11):
            overlap = first[replica] @ start[0][:2].T + second[replica].T @ start[1][:, :2]
            images, _ = scipy.linalg.polar(before[replica].T @ overlap)
            left = (np.eye(5) - images @ images.T)[:, 2:]
            expected = np.hstack([images, scipy.linalg.polar(left)[0]])
            found = before[replica].T @ after[replica]
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)
            logarithm = scipy.linalg.logm(expected)
            planes = [logarithm[i, j] for i in range(2) for j in range(i + 1, 5)]
            np.testing.assert_allclose(angles[:, replica], planes, rtol=0, atol=1e-5)
            unturned = after[replica].T @ first[replica] - start[0]
            unturned_second = second[replica] @ after[replica] - start[1]
            normal = np.sum(unturned**2) + np.sum(unturned_second**2)
            assert distance[replica] == pytest.approx(normal, rel=1e-9)


def gauge_rotations(gauge: Gauge, replicas: int, size: int) -> Array:
    """Rotations that a gauge remembers, shape ``(replicas, size, size)``."""
    lanes = gauge.rotations.copy()
    return np.asarray(lanes.transpose(0, 3, 1, 2).reshape(-1, size, size)[:replicas])


def test_the_gauge_reads_the_expected_loss() -> None:
    given = CASES["misaligned"]
    minimum = solve_minimum(given.teacher, given.input_covariance, given.weight_decay, 2)
    model = model_of(given, 2)
    block = Block(model, (minimum.first_layer, minimum.second_layer), 0, 8, 0)
    gauge = Gauge(model, minimum, block)
    rng = np.random.default_rng(0)
    first = minimum.first_layer + 0.05 * rng.normal(size=(8, 2, 2))
    second = minimum.second_layer + 0.05 * rng.normal(size=(8, 2, 2))
    block.weights[:] = model.pack(first, second)
    _, _, loss = gauge.read()
    for replica in range(8):
        error = given.teacher - second[replica] @ first[replica]
        decay = np.sum(first[replica] ** 2) + np.sum(second[replica] ** 2)
        expected = 0.5 * np.trace(error @ given.input_covariance @ error.T)
        expected += 0.5 * given.weight_decay * decay
        assert loss[replica] == pytest.approx(expected, rel=1e-12)


def test_the_gauge_sums_the_similarity_of_representations() -> None:
    given = CASES["misaligned"]
    minimum = solve_minimum(given.teacher, given.input_covariance, given.weight_decay, 2)
    model = model_of(given, 2)
    block = Block(model, (minimum.first_layer, minimum.second_layer), 0, 11, 0)
    gauge = Gauge(model, minimum, block)
    rng = np.random.default_rng(1)
    stimuli = rng.normal(size=(3, 2))
    expected = np.zeros((3, 3, 11))
    for _ in range(2):
        first = minimum.first_layer + 0.05 * rng.normal(size=(11, 2, 2))
        block.weights[:] = model.pack(first, np.stack([minimum.second_layer] * 11))
        gauge.read()
        representation = np.einsum("rpn,sn->rsp", first, stimuli)
        expected += np.einsum("rap,rbp->abr", representation, representation)
    np.testing.assert_allclose(gauge.take_similarity(stimuli), expected, rtol=1e-10)
    assert np.all(gauge.take_similarity(stimuli) == 0)


def test_a_batch_that_does_not_fit_is_refused_and_a_large_one_is_checked_often() -> None:
    given = problem([3.0, 1.0], weight_decay=0.2, learning_rate=0.01, batch=20_000)
    block = Block(model_of(given, 2), (np.eye(2), np.eye(2)), 0, 8, 0)
    assert block.stride == 5
    refusal = r"learning\.batch = 1000000000000 has samples for 8 networks at once"
    with pytest.raises(RequestError, match=refusal):
        simulate(replace(given, batch=10**12), steps=10, replicas=1)
    oja = read_study("oja").with_values({"learning.batch": 1e12}).learner()
    with pytest.raises(RequestError, match=refusal):
        simulate_rule(oja, steps=10, replicas=1)


def test_divergence_is_noticed_within_a_thousand_steps_of_its_start() -> None:
    """Nothing has grown yet a thousand steps before the report."""
    given = problem([3.0, 1.0], weight_decay=0.2, learning_rate=0.25)
    minimum = solve_minimum(given.teacher, given.input_covariance, 0.2, 2)
    start = (minimum.first_layer, minimum.second_layer)
    for seed in range(5):
        block = Block(model_of(given, 2), start, 0, 16, seed)
        with pytest.raises(Diverged) as noticed:
            block.advance(10**8)
        again = Block(model_of(given, 2), start, 0, 16, seed)
        again.advance(noticed.value.step - CHECK_EVERY)
        largest = float(np.max(np.abs(again.weights)))
        assert largest < 1e3, "else the weights had grown before"
        assert CHECK_EVERY <= 1000


def test_a_rotation_too_large_for_a_window_is_refused() -> None:
    model, block, gauge = gauged(2)
    first, second = model.unpack(block.weights, 11)
    turn = scipy.linalg.expm(np.array([[0.0, 0.5], [-0.5, 0.0]]))
    block.weights[:] = model.pack(turn @ first, second @ turn.T)
    with pytest.raises(RequestError, match=r"rate = 0.01 is too large .* about 0\.\d+ rad"):
        gauge.read()


@pytest.mark.parametrize("name", ["autoencoder", "misaligned", "noisy labels in batches"])
def test_relaxation_is_the_hessian_on_the_reached_directions(name: str) -> None:
    given = CASES[name]
    minimum = solve_minimum(given.teacher, given.input_covariance, given.weight_decay, given.hidden)
    hessian = hessian_matrix(
        minimum.point, given.teacher, given.input_covariance, given.weight_decay
    )
    basis = reachable_basis(minimum)
    expected = np.linalg.eigvalsh(basis.T @ hessian @ basis)
    found = relaxation(given, minimum)
    assert found.slowest == pytest.approx(expected[0], rel=1e-9)
    assert found.fastest == pytest.approx(expected[-1], rel=1e-9)


def test_relaxation_of_a_large_network_is_found_without_its_hessian() -> None:
    given = problem(np.linspace(2.0, 1.0, 24), weight_decay=0.2, learning_rate=0.01, hidden=6)
    minimum = solve_minimum(given.teacher, given.input_covariance, 0.2, 6)
    hessian = hessian_matrix(minimum.point, given.teacher, given.input_covariance, 0.2)
    basis = reachable_basis(minimum)
    expected = np.linalg.eigvalsh(basis.T @ hessian @ basis)
    found = relaxation(given, minimum)
    assert found.slowest == pytest.approx(expected[0], rel=0.05)
    assert found.fastest == pytest.approx(expected[-1], rel=0.05)


@pytest.mark.parametrize("inputs", [1, 2, 7, 40])
@pytest.mark.parametrize("share", [0.0, 1e-12, 0.5])
def test_lengths_of_light_tails_have_exact_moments(inputs: int, share: float) -> None:
    """From constant length to Gaussian: a share of the way."""
    check_lengths(inputs, (share - 1) * 2 / (inputs + 2))


@pytest.mark.parametrize("kurtosis", [-1e-12, 1e-12, 1e-6, 1e-3, 0.005, 0.5, 5, 50, 1e3, 1e6])
def test_lengths_have_exact_moments_however_small_or_large_the_kurtosis(kurtosis: float) -> None:
    check_lengths(3, kurtosis)


def check_lengths(inputs: int, kurtosis: float) -> None:
    """``E r^4 = (1 + kappa) n (n + 2)``, and all moments are those of the gamma law of ``r^2``."""
    given = problem(
        np.eye(inputs),
        weight_decay=0.1,
        learning_rate=0.01,
        inputs=Elliptical(np.eye(inputs), kurtosis),
    )
    table = model_of(given, inputs).table
    probabilities, squared = table_probabilities(table), table.rows[:, 0] ** 2
    assert probabilities @ squared**2 == pytest.approx(
        (1 + kurtosis) * inputs * (inputs + 2), rel=1e-12
    )
    variance = max(Fraction(0), (2 + Fraction(kurtosis) * (inputs + 2)) / inputs)
    moment = Fraction(1)
    for order in range(1, 9):
        moment *= inputs * (1 + (order - 1) * variance)
        assert probabilities @ squared**order == pytest.approx(float(moment), rel=1e-9)


@pytest.mark.parametrize("kurtosis", [-0.5, -0.3, 0.005, 0.5, 3.0])
def test_elliptical_inputs_of_the_simulator_have_the_stated_moments(kurtosis: float) -> None:
    """Where ``W = 1`` and ``U = 0`` a step of rate 1 makes ``U = x x'`` of each replica's input."""
    covariance = np.array([[1.5, 0.6], [0.6, 0.8]])
    given = problem(
        covariance, weight_decay=0.1, learning_rate=1.0, inputs=Elliptical(covariance, kurtosis)
    )
    model = replace(model_of(given, 2), weight_decay=0.0)
    replicas, products = 800, []
    block = Block(model, (np.eye(2), np.zeros((2, 2))), first=0, count=replicas, seed=5)
    start = block.weights.copy()
    for _ in range(250):
        block.weights[:] = start
        block.advance(1)
        # Entries of U alone are in the axes of the outputs on both sides.
        products.append(model.unpack(block.weights, replicas)[1][:, [0, 0, 1], [0, 1, 1]])
    found = np.concatenate(products)
    means = covariance[[0, 0, 1], [0, 1, 1]]
    assert within_errors(found, means)
    left, right = np.eye(2)[[0, 0, 1]], np.eye(2)[[0, 1, 1]]
    centred = found - means
    squares = np.einsum("tk,tq->tkq", centred, centred).reshape(len(found), -1)
    expected = Elliptical(covariance, kurtosis).product_covariance(left, right)
    assert within_errors(squares, expected.ravel())


def within_errors(values: Array, expected: Array) -> bool:
    """Whether means are as expected within five standard errors."""
    error = values.std(axis=0) / np.sqrt(len(values))
    return bool(np.all(np.abs(values.mean(axis=0) - expected) <= 5 * error + 1e-12))


def test_stimuli_are_drawn_with_their_probabilities() -> None:
    table = model_of(CASES["stimuli"], 2).table
    np.testing.assert_allclose(table_probabilities(table), [0.4, 0.3, 0.2, 0.1], atol=1e-15)


def table_probabilities(table: Table) -> Array:
    """Probability of each row, from the definition of the alias method."""
    count = len(table.acceptance)
    probabilities = table.acceptance / count
    np.add.at(probabilities, table.alias, (1 - table.acceptance) / count)
    return np.asarray(probabilities)


def test_a_length_that_is_whole_up_to_rounding_is_not_a_step_longer() -> None:
    assert ceiling(375.0) == ceiling(375 + 6e-14) == ceiling(375 - 6e-14) == 375
    assert ceiling(375.001) == 376

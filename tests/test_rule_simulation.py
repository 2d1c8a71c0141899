"""Simulated networks of any rule: their steps, their rotation, and what is recorded of them."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from operator import truediv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from simulation_cases import ReferenceStream
from test_rules import RULES, lengths_of, weights_of
from test_simulation import CASES

import symdrift
from symdrift.cli import run
from symdrift.errors import RequestError
from symdrift.evaluation.any_rule import rule_drift
from symdrift.execution import Diverged
from symdrift.inputs import Gaussian
from symdrift.rules.heavy_ball import HeavyBall
from symdrift.rules.linear import TwoLayerLinear
from symdrift.rules.noisy_synapses import SynapticNoise
from symdrift.rules.oja import Oja
from symdrift.rules.own_rule import OwnRule, RuleText
from symdrift.rules.rule import Rule
from symdrift.rules.similarity_matching import SimilarityMatching
from symdrift.simulation import traced_step
from symdrift.simulation.ensemble import Block, Schedule
from symdrift.simulation.estimators import WindowSums, estimate
from symdrift.simulation.orbit_gauge import Orbit, OrbitGauge, orbit_of
from symdrift.simulation.rule_ensemble import RuleNetworks, measure_rule, rule_model
from symdrift.simulation.rule_trajectory import simulate_rule
from symdrift.simulation.setup import model_of
from symdrift.simulation.step_program import Combine, step_program
from symdrift.study.learner import Learner
from symdrift.study.problem import Array

SIZES = (3, 2, 2)
COVARIANCE = np.array([[2.0, 0.3, 0.0], [0.3, 1.5, 0.2], [0.0, 0.2, 0.7]])


def learner_of(rule: Rule, rate: float = 0.01, **fields: Any) -> Learner:
    sizes = lengths_of(rule, SIZES)
    taught = any("outputs" in axes for axes in rule.weights.values())
    given: dict[str, Any] = {
        "inputs": Gaussian(np.diag([2.0, 1.5, 0.7])),
        "label_noise": np.array([0.2, 0.1]) if taught else np.zeros(0),
    }
    hidden = {name: sizes[name] for name in rule.hidden_axes}
    return Learner(rule=rule, hidden=hidden, learning_rate=rate, **given | fields)


def stepped(learner: Learner, weights: tuple[Array, ...], stream: ReferenceStream) -> Any:
    """One step in NumPy, from the numbers that a network draws."""
    variances, axes = np.linalg.eigh(learner.inputs.covariance)
    size, outputs, batch = len(variances), len(learner.label_noise), learner.batch
    heard = outputs if learner.label_noise.any() else 0
    drawn = stream.normals(batch * (size + heard))
    xs = axes @ (np.sqrt(variances)[:, np.newaxis] * drawn[: batch * size].reshape(batch, size).T)
    noise = np.zeros((outputs, batch))
    if heard:
        noise = (
            np.sqrt(learner.label_noise)[:, np.newaxis]
            * drawn[batch * size :].reshape(batch, outputs).T
        )
    updates = [
        learner.rule.update(weights, x[:, np.newaxis], e[:, np.newaxis])
        for x, e in zip(xs.T, noise.T, strict=True)
    ]
    after = [
        w + learner.learning_rate * sum(each) / batch
        for w, *each in zip(weights, *updates, strict=True)
    ]
    if learner.rule.weight_noise:
        shaken = sum(matrix.size for matrix in weights)
        jitter = np.sqrt(learner.rule.weight_noise) * stream.normals(shaken)
        ends = np.cumsum([matrix.size for matrix in weights])[:-1]
        after = [
            w + part.reshape(w.shape) for w, part in zip(after, np.split(jitter, ends), strict=True)
        ]
    return tuple(after)


@pytest.mark.parametrize("kind", RULES, ids=lambda kind: kind.__name__)
def test_steps_are_those_of_the_rule_on_the_same_random_numbers(kind: type[Rule]) -> None:
    random = np.random.default_rng(3)

    def matrix(rows: int, columns: int) -> Array:
        return 0.3 * random.normal(size=(rows, columns)) + np.eye(rows, columns)

    rule = RULES[kind](SIZES, matrix, truediv)
    learner = learner_of(rule, 0.02, inputs=Gaussian(COVARIANCE), batch=2)
    weights = weights_of(rule, SIZES, matrix)
    model = rule_model(learner, weights)
    networks = RuleNetworks(model, first=4, count=9, seed=7)
    networks.advance(3)
    for lane in (0, 8):
        expected, stream = weights, ReferenceStream(7, 4 + lane)
        for _ in range(3):
            expected = stepped(learner, expected, stream)
        flat = np.concatenate([each.ravel() for each in expected])
        np.testing.assert_allclose(networks.vectors[lane], flat, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    "name", ["misaligned", "noisy labels in batches", "elliptical", "stimuli", "synaptic noise"]
)
def test_two_layers_go_the_ways_of_the_loop_written_for_them(name: str) -> None:
    given, random = CASES[name], np.random.default_rng(0)
    outputs, inputs = given.teacher.shape
    start = (
        0.3 * random.normal(size=(given.hidden, inputs)),
        0.3 * random.normal(size=(outputs, given.hidden)),
    )
    model = model_of(given, given.hidden)
    block = Block(model, start, first=2, count=10, seed=5)
    block.advance(40)
    rule = SynapticNoise(TwoLayerLinear(given.teacher, given.weight_decay), given.synaptic_noise)
    learner = Learner(
        rule, {"hidden": given.hidden}, given.inputs, given.label_noise, given.learning_rate,
        given.batch,
    )  # fmt: skip
    networks = RuleNetworks(rule_model(learner, start), first=2, count=10, seed=5)
    networks.advance(40)
    flat = [layer.reshape(10, -1) for layer in model.unpack(block.weights, 10)]
    np.testing.assert_allclose(networks.vectors, np.concatenate(flat, axis=1), atol=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize("stack", [0, 4096])
def test_large_networks_step_in_loops(monkeypatch: pytest.MonkeyPatch, stack: int) -> None:
    """The same with buffers on the stack and without."""
    monkeypatch.setattr(traced_step, "STACK_VECTORS", stack)
    traced_step._loop.cache_clear()
    size, hidden = 24, 7 + (stack > 0)
    random = np.random.default_rng(1)
    rule = SimilarityMatching(0.5)
    weights = random.normal(size=(hidden, size)), 2 * np.eye(hidden)
    covariance = np.diag(np.linspace(2, 0.5, size))
    learner = Learner(rule, {"hidden": hidden}, Gaussian(covariance), np.zeros(0), 0.01)
    networks = RuleNetworks(rule_model(learner, weights), first=0, count=1, seed=3)
    networks.advance(2)
    expected, stream = weights, ReferenceStream(3, 0)
    for _ in range(2):
        x = np.sqrt(np.diagonal(covariance)) * stream.normals(size)
        changes = rule.update(expected, x[:, np.newaxis], np.zeros((0, 1)))
        expected = tuple(w + 0.01 * c for w, c in zip(expected, changes, strict=True))
    flat = np.concatenate([each.ravel() for each in expected])
    np.testing.assert_allclose(networks.vectors[0], flat, rtol=1e-9, atol=1e-9)


def test_a_step_computes_what_it_uses_twice_once() -> None:
    """And a product of ``y y'`` with ``W`` from the right: ``y (y' W)``."""
    largest = Learner(Oja(), {"hidden": 30}, Gaussian(np.eye(40)), np.zeros(0), 0.1)
    operations = step_program(largest).operations
    assert all(isinstance(each, Combine) for each in operations)
    sizes = [(each.target.rows, each.target.columns) for each in operations]
    assert sizes == [(30, 1), (1, 40), (30, 40)]


@pytest.mark.parametrize("name", ["similarity_matching", "three_layers"])
def test_turned_weights_are_seen_to_turn(name: str) -> None:
    """By any small rotation of every layer, whatever the displacement across the orbit."""
    learner = symdrift.read_study(name).learner()
    rule = learner.rule
    orbit = orbit_of(learner, symdrift.evaluate_rule(
        symdrift.read_study(name)
    ).minimum.orbit.point)  # fmt: skip
    random = np.random.default_rng(2)
    star = np.concatenate([matrix.ravel() for matrix in orbit.point])
    shifts = 0.02 * random.normal(size=(5, len(star)))
    # The part along the orbit is taken out: tangents that the readings find.
    shifts -= shifts @ orbit.readings @ np.linalg.pinv(orbit.readings)
    angles = 0.2 * random.uniform(-1, 1, size=(len(orbit.planes), 5))
    turned = []
    for shift, rotation in zip(shifts, angles.T, strict=True):
        frames = {
            layer: np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]])
            for layer, a in zip(rule.hidden_axes, rotation, strict=True)
        }
        ends = np.cumsum([matrix.size for matrix in orbit.point])[:-1]
        moved = [
            part.reshape(matrix.shape)
            for part, matrix in zip(np.split(star + shift, ends), orbit.point, strict=True)
        ]
        turned.append(np.concatenate([m.ravel() for m in rule.turned(frames, tuple(moved))]))
    found, displaced = OrbitGauge(orbit, 5).read(np.array(turned))
    # The logarithm is cut after its fifth power.
    np.testing.assert_allclose(found, angles, atol=1e-6)
    np.testing.assert_allclose(displaced, shifts, atol=1e-7)


def test_a_rotation_that_is_not_found_is_refused() -> None:
    learner = learner_of(Oja())
    orbit = orbit_of(learner, symdrift.evaluation.any_rule.fixed_orbits(learner)[0].point)
    far = np.random.default_rng(0).normal(size=(64, 6)) * 30
    with pytest.raises(RequestError, match=r"of the hidden layers to be found.* rad are left"):
        OrbitGauge(orbit, 64).read(far)


def measured(learner: Learner, schedule: Schedule, replicas: int, **ways: Any) -> Any:
    point = symdrift.evaluation.any_rule.fixed_orbits(learner)[0].point
    model, orbit = rule_model(learner, point), orbit_of(learner, point)
    sums, _ = measure_rule(model, orbit, schedule, replicas, 1, **ways)
    return sums, orbit, model


def test_oja_turns_as_its_formula_says() -> None:
    """``V_ij = eta^3 l_i l_j sum_l l_l^2 / (2 (l_i + l_j - 2 l_l))`` over what is not learned."""
    learned, left, rate = (2.0, 1.5), (0.7, 0.5), 0.004
    learner = learner_of(Oja(), rate, inputs=Gaussian(np.diag([*learned, *left])))
    sums, orbit, _ = measured(learner, Schedule(1900, 950, 25, 1), 256)
    found = estimate(orbit.observed, sums, 950, 0.0)
    expected = rate**3 * 3 * sum(each**2 / (2 * (3.5 - 2 * each)) for each in left)
    (variance,), (mean,) = found.covariance, found.mean_rotation
    assert variance.standard_error < 0.05 * expected
    # The next order is twelve times the rate.
    assert abs(variance.value - expected) < 3 * variance.standard_error + 0.05 * expected
    assert abs(mean.value) < 3.5 * mean.standard_error


def identical(one: WindowSums, other: WindowSums) -> bool:
    return all(
        np.array_equal(getattr(one, each.name), getattr(other, each.name))
        for each in fields(WindowSums)
    )


def test_threads_and_executors_change_no_bit() -> None:
    learner, schedule = learner_of(Oja()), Schedule(100, 90, 8, 2)
    alone, orbit, model = measured(learner, schedule, 70, threads=1)
    with ThreadPoolExecutor(2) as pool:
        other, *_ = measured(learner, schedule, 70, executor=pool)
    assert identical(alone, other)
    # What goes to the workers of a cluster.
    model, orbit = pickle.loads(pickle.dumps((model, orbit)))
    assert identical(alone, measure_rule(model, orbit, schedule, 70, 1, threads=3)[0])


@pytest.mark.parametrize("first", [40, 69])
def test_a_network_goes_its_way_whatever_others_are_measured_with_it(first: int) -> None:
    learner, schedule = learner_of(Oja()), Schedule(100, 90, 12, 1)
    together, orbit, model = measured(learner, schedule, 70)
    alone, *_ = measured(learner, schedule, first)
    rest, _ = measure_rule(model, orbit, schedule, 70 - first, 1, first=first)
    assert identical(together, alone.beside(rest))


def test_what_grows_without_end_is_noticed() -> None:
    networks = RuleNetworks(rule_model(learner_of(Oja(), 3.0), (np.eye(2, 3),)), 0, 8, 0)
    with pytest.raises(Diverged), np.errstate(all="ignore"):
        networks.advance(5000)


def test_rules_at_another_rate_keep_their_proportions() -> None:
    rule = SynapticNoise(HeavyBall(Oja(), 0.5, 0.01), 1e-6)
    slower = rule.at_rate(0.005, 0.5)
    assert slower == SynapticNoise(HeavyBall(Oja(), 0.5, 0.005), 1e-6 / 8)
    one, other = (
        rule_drift(learner_of(each, rate), (np.eye(2, 3),)).covariance
        for each, rate in ((rule, 0.01), (slower, 0.005))
    )
    np.testing.assert_allclose(other, one / 8, rtol=1e-12)


def test_learning_that_runs_away_is_said_so() -> None:
    learner = symdrift.read_study("oja").with_values({"learning.rate": 0.15}).learner()
    (warning,) = symdrift.evaluation.any_rule.orbit_warnings(learner)
    assert warning.endswith("of the critical rate; so near it learning can run away for good")
    nearer = symdrift.read_study("oja").with_values({"learning.rate": 0.1552})
    found = symdrift.evaluate_rule(nearer)
    assert found.validity.critical_rate == pytest.approx(0.155316, abs=1e-6)
    *_, off, near = found.warnings
    assert off.endswith("may be off by more than 1000 % at this learning rate")
    assert near.startswith("learning.rate = 0.1552 is 0.9993 of the critical rate")
    said = r"0\.15 makes learning diverge .*, at 0\.97 of the critical rate; lower it to 0\.016 or"
    with pytest.raises(RequestError, match=said):
        simulate_rule(learner, steps=20_000, replicas=8)
    slower = symdrift.read_study("oja").with_values({"learning.rate": 0.016}).learner()
    weights = simulate_rule(slower, steps=20_000, replicas=8).weights
    assert all(np.abs(matrix).max() < 3 for matrix in weights.values())


def test_a_refusal_is_one_sentence_however_much_could_be_warned_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = [
        "--set",
        "eta=0.18",
        "--steps",
        "1",
        "--replicas",
        "1",
        "--out",
        str(tmp_path / "a.npz"),
    ]
    assert run(["simulate", "anisotropic_autoencoder", *options]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "makes SGD diverge" in line
    assert not list(tmp_path.iterdir())


def test_trajectories_are_stored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "oja.npz"
    options = ["--replicas", "10", "--steps", "600", "--seed", "3", "--out", str(out)]
    assert run(["simulate", "oja", *options]) == 0
    assert capsys.readouterr().out == f"wrote {out}\n"
    stored = np.load(out)
    found = symdrift.simulate_rule(symdrift.read_study("oja"), steps=600, replicas=10, seed=3)
    np.testing.assert_array_equal(stored["weights.W"], found.weights["W"])
    assert stored["weights.W"].shape == (len(stored["steps"]), 10, 2, 3)
    assert (str(stored["learning_rule"]), stored["learning_rate"]) == ("oja", 0.01)
    # Rows stay near unit length while they turn.
    assert np.abs(np.linalg.norm(found.weights["W"], axis=-1) - 1).max() < 0.5


def test_a_rule_without_an_end_is_refused_in_one_sentence() -> None:
    text = RuleText(
        weights={"W": ("hidden", "inputs")},
        update={"W": "W @ x @ x.T"},
        activity={"hidden": "W @ x"},
    )
    learner = learner_of(OwnRule(text))
    with pytest.raises(RequestError, match="grow without end"):
        simulate_rule(learner)


def test_an_orbit_numbers_the_axes_of_all_layers() -> None:
    orbit = Orbit((), (), (2, 3), ((0, 0, 1), (1, 1, 2)), np.zeros((0, 2)))
    assert orbit.observed.planes == ((1, 2), (4, 5))
    assert orbit.observed.hidden == 5
    assert orbit.observed.pairs == ((0, 0), (0, 1), (1, 1))

"""What an experimenter sees under any learning rule."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.linalg

import symdrift
from symdrift.cli import run
from symdrift.errors import RequestError
from symdrift.evaluation.any_rule import evaluate_rule
from symdrift.observables import (
    DriftProcess,
    decoder_decay,
    default_times,
    drift_process,
    mean_squared_displacement,
    population_angle,
    representational_similarity,
)
from symdrift.observables.rule_process import rule_process
from symdrift.simulation.rule_trajectory import simulate_rule
from symdrift.study.learner import Learner
from symdrift.study.problem import Array


def learner_of(rule: str, rate: float | None = None) -> Learner:
    learner = symdrift.read_study(rule).learner()
    return learner if rate is None else replace(learner, learning_rate=rate)


def curves(process: DriftProcess, times: Array) -> list[Array]:
    """Everything that is seen of a process, but for the displaced mean of the Gram matrix."""
    found: list[Array] = []
    for item in process.problem.stimuli:
        found.append(mean_squared_displacement(process, item, times).total)
        if process.representation(item).any():
            angle = population_angle(process, item, times)
            assert angle.spread is not None
            found += [1 - angle.cosine, angle.spread]
    seen = representational_similarity(process, times)
    changed = seen.gram_change * np.sum(seen.gram**2)
    found += [seen.gram - seen.displaced, seen.standard_deviation, changed]
    found += [decoder_decay(process, times, kind).r_squared for kind in ("teacher", "identity")]
    return found


@pytest.mark.parametrize("name", ["bottleneck", "misaligned_teacher", "synaptic_noise"])
def test_two_layers_are_seen_alike_on_both_roads(name: str) -> None:
    study = symdrift.read_study(name)
    plain, general = drift_process(study.problem()), rule_process(study.learner())
    times = default_times(plain)
    np.testing.assert_allclose(default_times(general), times, rtol=1e-9)
    for one, other in zip(curves(plain, times), curves(general, times), strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-9, atol=1e-9 * np.abs(one).max())


@pytest.mark.parametrize(("rule", "axis"), [("oja", 2), ("similarity_matching", 0)])
def test_simulated_networks_move_as_far(rule: str, axis: int) -> None:
    """Extrapolated to rate zero from two rates, after a relaxation time of the slowest."""
    ratios: list[float] = []
    variances: list[float] = []
    for rate, networks in ((0.01, 300), (0.0025, 300)):
        learner = learner_of(rule, rate)
        process = rule_process(learner)
        lag = 1 / process.rates.min()
        run = simulate_rule(learner, round(8 * lag), networks, seed=1)
        apart = max(1, round(lag / run.steps[1]))
        stimulus = learner.stimuli[axis]
        layer, *lateral = run.weights.values()
        seen = np.asarray(layer @ stimulus.vector, dtype=np.float64)
        if lateral:
            seen = np.asarray(np.linalg.solve(lateral[0], seen[..., np.newaxis])[..., 0], float)
        moved = np.sum((seen[apart:] - seen[:-apart]) ** 2, axis=2).mean(axis=0)
        times = np.array([float(apart * run.steps[1])])
        expected = float(mean_squared_displacement(process, stimulus, times).total[0])
        ratios.append(float(moved.mean()) / expected)
        variances.append(float(moved.var(ddof=1)) / networks / expected**2)
    limit = (4 * ratios[1] - ratios[0]) / 3
    error = np.sqrt(16 * variances[1] + variances[0]) / 3
    assert error < 0.03
    assert abs(limit - 1) < 4 * error


@pytest.mark.parametrize(
    ("rule", "changes"),
    [("similarity_matching", {"learning.tau": 5, "learning.rate": 1e-3}), ("steady_rotation", {})],
)
def test_deviations_of_the_activity_return_as_the_mean_update_says(
    rule: str, changes: dict[str, float]
) -> None:
    """``2 tr P (1 - exp(eta J tau)) Gamma P'`` with ``J`` and ``P`` by differences; rates may be
    complex.
    """
    learner = symdrift.read_study(rule).with_values(changes).learner()
    process, found = rule_process(learner), evaluate_rule(learner)
    assert np.iscomplexobj(process.fluctuation.rates) == bool(changes)
    shapes = [matrix.shape for matrix in found.minimum.orbit.point]
    point = np.concatenate([matrix.ravel() for matrix in found.minimum.orbit.point])
    root = np.linalg.cholesky(learner.inputs.covariance)

    def weights(vector: Array) -> tuple[Array, ...]:
        parts = np.split(vector, np.cumsum([np.prod(shape) for shape in shapes])[:-1])
        return tuple(part.reshape(shape) for part, shape in zip(parts, shapes, strict=True))

    def update(vector: Array) -> Array:
        # Of second degree in the sample: the sum over the columns of a root is the average, and
        # what no sample changes stands in each of them.
        silent = learner.rule.update(weights(vector), 0 * root[:, :1], np.zeros((0, 1)))
        total = [
            learner.rule.update(weights(vector), column[:, np.newaxis], np.zeros((0, 1)))
            for column in root.T
        ]
        return sum(
            (np.concatenate([(a - b).ravel() for a, b in zip(each, silent, strict=True)])
             for each in total),
            np.concatenate([b.ravel() for b in silent]),
        )  # fmt: skip

    def slope(function: object, vector: Array) -> Array:
        step = 1e-6
        assert callable(function)
        return np.array([
            (function(vector + step * e) - function(vector - step * e)) / (2 * step)
            for e in np.eye(len(vector))
        ]).T  # fmt: skip

    jacobian = slope(update, point)
    times = np.array([0.3, 2.0, 9.0]) / process.rates.min()
    for item in learner.stimuli:
        seen = slope(
            lambda v, x=item.vector[:, np.newaxis]: learner.rule.activities(weights(v), x)[
                "hidden"
            ][:, 0],
            point,
        )
        gone = [
            2 * np.trace(seen @ (found.drift.fluctuation - scipy.linalg.expm(
                learner.learning_rate * lag * jacobian) @ found.drift.fluctuation) @ seen.T)
            for lag in times
        ]  # fmt: skip
        moved = mean_squared_displacement(process, item, times).fluctuation
        scale = np.trace(seen @ found.drift.fluctuation @ seen.T) + 1e-12
        np.testing.assert_allclose(moved, gone, rtol=1e-5, atol=1e-5 * scale)


@pytest.mark.parametrize(("layer", "printed"), [("hidden_1", 0.00295648), ("hidden_2", 0.00302604)])
def test_each_of_several_layers_has_its_own_curves(layer: str, printed: float) -> None:
    """Three layers with variances (2, 0.7): after long the printed diffusion is left."""
    learner = learner_of("three_layers")
    process = rule_process(learner, layer)
    turned = printed * learner.learning_rate**3
    lag = np.array([1 / turned])
    moved = mean_squared_displacement(process, learner.stimuli[0], lag)
    squared = float(np.sum(process.representation(learner.stimuli[0]) ** 2))
    assert moved.diffusion[0] == pytest.approx(2 * squared * (1 - np.exp(-0.5)), rel=1e-5)
    assert process.layer == layer


def test_a_record_names_the_layer_where_there_are_several(
    capsys: pytest.CaptureFixture[str],
) -> None:
    study = "three_layers"
    assert run(["observe", study, "--times", "1:100:3:log", "--json"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["layer"] == "hidden_1"
    assert "--layer hidden_2" in printed.err
    assert "next order is not known" in printed.err
    assert not json.loads(printed.out)["expected_error"]["next_order"]


def test_curves_lie_in_their_bands_and_begin_at_nothing() -> None:
    seen = symdrift.observe(symdrift.read_study("oja"), np.array([0.0, 1e2, 1e6]))
    by_name = {(band.observable, band.subject, band.part): band for band in seen.bands}
    for moved in seen.displacement:
        band = by_name["displacement", moved.stimulus, "total"]
        assert moved.total[0] == 0
        assert np.all((band.low <= moved.total) & (moved.total <= band.high))
    assert [decoder.target for decoder in seen.decoder] == ["identity"]
    assert any("no fluctuation of axis 1, axis 2" in warning for warning in seen.warnings)


@pytest.mark.parametrize(
    ("name", "changes", "arguments", "said"),
    [
        ("oja", {}, {"approximation": "white"}, 'approximation = "white"'),
        ("oja", {}, {"layer": "hidden_2"}, "there is hidden"),
        ("tied_autoencoder", {"learning.weight_decay": 5}, {}, "nothing to observe"),
        ("oja", {"learning.synaptic_noise": 1e-9}, {}, "moves the weights across"),
    ],
)
def test_what_there_is_not_is_refused(
    name: str, changes: dict[str, float], arguments: dict[str, str], said: str
) -> None:
    study = symdrift.read_study(name).with_values(changes)
    with pytest.raises(RequestError, match=said):
        symdrift.observe(study, np.array([1.0]), **arguments)  # type: ignore[arg-type]


SEVERAL = """
[network]
inputs = 2
outputs = 2
hidden = [2, 2]
[inputs]
covariance = [2.0, 0.7]
[teacher]
map = "identity"
[learning]
rule = "own"
rate = 0.01
weight_decay = 0.2
[rule]
weights = { A = ["hidden_1", "inputs"], B = ["hidden_2", "hidden_1"], C = ["outputs", "hidden_2"] }
define = { e = "target - C @ B @ A @ x" }
loss = "trace(e.T @ e)/2 + weight_decay/2*(trace(A.T @ A) + trace(B.T @ B) + trace(C.T @ C))"
activity = { hidden_1 = "A @ x", hidden_2 = "B @ A @ x" }
"""


@pytest.mark.slow
def test_simulations_say_that_learning_can_end_elsewhere(
    capsys: pytest.CaptureFixture[str], write_study: Callable[[str], Path], tmp_path: Path
) -> None:
    study, out = str(write_study(SEVERAL)), str(tmp_path / "run.npz")
    said = []
    for arguments in (
        ["simulate", study, "--minimum", "2", "--steps", "10", "--replicas", "1", "--out", out],
        ["validate", study, "--minimum", "2", "--steps", "15000", "--replicas", "8"],
    ):
        run(arguments)
        said += [line for line in capsys.readouterr().err.splitlines() if "can end at" in line]
    assert len(said) == 2
    assert len(set(said)) == 1

"""Drift of any rule that does not know its hidden basis."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import combinations
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from symdrift.errors import RequestError
from symdrift.evaluation.any_rule import (
    RuleDrift,
    critical_rate,
    evaluate_rule,
    fixed_orbits,
    rule_critical_rate,
    rule_drift,
    stable_space,
)
from symdrift.evaluation.any_rule.fixed_orbit import orbit_at, orbit_ends
from symdrift.evaluation.dense import evaluate
from symdrift.evaluation.dense.landscape import minimum_of
from symdrift.inputs import Elliptical, Gaussian, InputDistribution, Samples, StimulusSet
from symdrift.rules.deep_linear import DeepLinear
from symdrift.rules.heavy_ball import HeavyBall
from symdrift.rules.linear import TwoLayerLinear
from symdrift.rules.noisy_synapses import SynapticNoise
from symdrift.rules.oja import Oja
from symdrift.rules.rule import Axes, Matrix, Rule
from symdrift.rules.similarity_matching import SimilarityMatching
from symdrift.rules.tied_autoencoder import TiedAutoencoder
from symdrift.study.learner import Learner
from symdrift.study.problem import Array, LearningProblem, Stimulus

THREE = (2.0, 1.5, 0.7)
TWO = (2.0, 0.7)


def learner_of(
    rule: Rule,
    variances: Sequence[float] | Array,
    hidden: int,
    rate: float = 1.0,
    outputs: int = 0,
    stimuli: tuple[Stimulus, ...] = (),
) -> Learner:
    units = dict.fromkeys(rule.hidden_axes, hidden)
    inputs, noise = Gaussian(np.diag(variances)), np.zeros(outputs)
    return Learner(
        rule, units, inputs, noise, rate, stimuli=stimuli, settings={"learning_rule": "example"}
    )


def drift_of(learner: Learner) -> RuleDrift:
    orbit, *_ = fixed_orbits(learner)
    return rule_drift(learner, orbit.point)


def variances_of(rule: Rule, variances: Sequence[float], hidden: int, outputs: int = 0) -> Array:
    """``V / eta^3`` by plane."""
    return np.diagonal(drift_of(learner_of(rule, variances, hidden, outputs=outputs)).covariance)


def digits(value: float, printed: str) -> bool:
    """Whether a value agrees with a printed number in all of its digits."""
    shown = printed.partition("e")[0].replace(".", "").replace("-", "").lstrip("0")
    return float(f"{value:.{len(shown) - 1}e}") == float(printed)


# --- Checked numbers of the theory ------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "printed"),
    [
        (Oja(), "0.35"),
        (SimilarityMatching(0.5), "0.249628"),
        (SimilarityMatching(1.0), "0.0690141"),
        (TiedAutoencoder(0.2), "0.415837"),
    ],
)
def test_one_plane_drifts_as_printed(rule: Rule, printed: str) -> None:
    (variance,) = variances_of(rule, THREE, 2)
    assert digits(variance, printed)


def test_three_layers_turn_both_of_their_hidden_layers_as_printed() -> None:
    learner = learner_of(DeepLinear(np.eye(2), 0.2, 3), TWO, 2, outputs=2)
    orbit, *_ = fixed_orbits(learner)
    for layer in orbit.point:
        assert all(map(digits, np.diagonal(layer), ("0.96416", "0.87684")))
    found = rule_drift(learner, orbit.point)
    assert [plane.layer for plane in found.planes] == ["hidden_1", "hidden_2"]
    (first, both), (_, second) = found.covariance
    assert digits(first, "0.00295648")
    assert digits(second, "0.00302604")
    assert digits(both, "0.00299097")
    assert min(found.rates.real) == pytest.approx(0.4)
    assert not found.direct.any()
    assert not found.mean_rotation.any()


@pytest.mark.parametrize(
    ("variances", "weight_decay", "hidden", "rate", "printed"),
    [
        ((2, 0.7), 0.2, 2, 0.0025, ["1.3977e-11"]),
        ((2, 0.7), 0.2, 2, 0.01, ["8.9452e-10"]),
        ((2, 1, 0.7), 0.3, 3, 0.005, ["6.962e-10", "7.745e-10", "1.1397e-09"]),
        ((2, 1.5, 0.7, 0.7), 0.1, 2, 0.02, ["1.0931e-06"]),
    ],
)
def test_two_layers_drift_as_printed(
    variances: tuple[float, ...], weight_decay: float, hidden: int, rate: float, printed: list[str]
) -> None:
    size = len(variances)
    rule = DeepLinear(np.eye(size), weight_decay, 2)
    found = drift_of(learner_of(rule, variances, hidden, rate, outputs=size))
    assert all(map(digits, np.diagonal(found.covariance), printed))


# --- Closed forms -----------------------------------------------------------------------


@settings(max_examples=15)
@given(
    steps=st.lists(st.integers(5, 100), min_size=2, max_size=6),
    hidden=st.integers(2, 6),
)
def test_what_is_not_learned_drives_the_drift_of_oja(steps: list[int], hidden: int) -> None:
    """``V_ij = eta^3 l_i l_j sum_l l_l^2 / (2 (l_i + l_j - 2 l_l))``, diagonal, and no rotation."""
    variances = np.cumsum(steps)[::-1] / 100
    hidden = min(hidden, len(variances))
    found = drift_of(learner_of(Oja(), variances, hidden))
    left = variances[hidden:]
    expected = [
        one * other * np.sum(left**2 / (2 * (one + other - 2 * left)))
        for one, other in combinations(variances[:hidden], 2)
    ]
    np.testing.assert_allclose(
        found.covariance, np.diag(expected), rtol=1e-10, atol=1e-12 * variances[0] ** 3
    )
    assert np.abs(found.mean_rotation).max() <= 1e-12 * max(expected)


@pytest.mark.parametrize(("weight_decay", "printed"), [(0.01, 1.0088), (0.0001, 1.00009)])
def test_a_tied_autoencoder_tends_to_oja(weight_decay: float, printed: float) -> None:
    (tied,), (oja,) = (
        variances_of(rule, THREE, 2) for rule in (TiedAutoencoder(weight_decay), Oja())
    )
    assert (tied / oja - 1) / (printed - 1) == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("hidden", [2, 3, 4])
def test_similarity_matching_has_its_closed_form(hidden: int) -> None:
    """``V = eta^3 (n - p) l^2 / (4 L (L - l))`` for equal variances, learned and not."""
    learned, left, inputs = 1.3, 0.4, 5
    variances = [learned] * hidden + [left] * (inputs - hidden)
    expected = (inputs - hidden) * left**2 / (4 * learned * (learned - left))
    np.testing.assert_allclose(
        variances_of(SimilarityMatching(1.0), variances, hidden), expected, rtol=1e-10
    )


def test_learned_axes_make_noise_of_their_own_in_similarity_matching() -> None:
    """Unless both matrices learn alike."""
    (alike,), (apart,) = (
        variances_of(SimilarityMatching(tau), [2.0, 1.5], 2) for tau in (1.0, 0.5)
    )
    assert alike < 1e-20
    assert apart > 1e-2


def at_no_weight_decay(found: Sequence[Array]) -> Array:
    """Limit of ratios at a weight decay and at its half."""
    return 2 * found[1] - found[0]


@pytest.mark.parametrize("left", [0.1, 0.4])
def test_an_autoencoder_tends_to_its_closed_form(left: float) -> None:
    """``D = eta^3 (n - p) L^3 l^2 / (32 (L^2 - l^2))`` without weight decay."""
    learned, inputs, hidden = 1.3, 5, 3
    variances = [learned] * hidden + [left] * (inputs - hidden)
    expected = 2 * learned**3 * left**2 / (32 * (learned**2 - left**2))
    ratios = [
        variances_of(DeepLinear(np.eye(inputs), decay, 2), variances, hidden, inputs) / 2 / expected
        for decay in (2e-4, 1e-4)
    ]
    np.testing.assert_allclose(at_no_weight_decay(ratios), 1, rtol=1e-6)


@pytest.mark.parametrize("left", [0.1, 0.6])
def test_a_supervised_network_tends_to_the_published_form(left: float) -> None:
    """``D_y = eta^3 gamma^4 (k - 1) (k + 2 + (n - k) l / 2) / 16`` for ``k`` relevant inputs."""
    inputs, relevant = 6, 3
    variances = [1.0] * relevant + [left] * (inputs - relevant)
    ratios = []
    for decay in (2e-3, 1e-3):
        rule = DeepLinear(np.eye(relevant, inputs), decay, 2)
        found = variances_of(rule, variances, relevant, relevant) / 2
        ratios.append(found / (decay**4 * (relevant + 2 + (inputs - relevant) * left / 2) / 16))
    np.testing.assert_allclose(at_no_weight_decay(ratios), 1, rtol=1e-5)


@pytest.mark.parametrize(
    ("rule", "published", "ratio"),
    [
        (Oja(), 1 / 8, lambda left: 1 / (1 - left)),
        (SimilarityMatching(1.0), 1 / 8, lambda left: 1 / (1 - left)),
        (DeepLinear(np.eye(5), 1e-7, 2), 1 / 32, lambda left: 1 / (1 - left**2)),
    ],
)
@pytest.mark.parametrize("left", [0.2, 0.6])
def test_published_forms_hold_for_small_variances(
    rule: Rule, published: float, ratio: object, left: float
) -> None:
    """``D_y = eta^3 l^2 (p - 1)(n - p)`` times a number; the exact value is larger by a ratio."""
    assert callable(ratio)
    inputs, hidden = 5, 3
    variances = [1.0] * hidden + [left] * (inputs - hidden)
    outputs = inputs if isinstance(rule, DeepLinear) else 0
    of_a_unit = (hidden - 1) * variances_of(rule, variances, hidden, outputs)[0] / 2
    expected = published * left**2 * (hidden - 1) * (inputs - hidden)
    assert of_a_unit / expected == pytest.approx(ratio(left), rel=1e-5)


def test_drift_is_not_monotone_in_the_hidden_units_and_ends_at_none() -> None:
    of_a_unit = [
        (hidden - 1) * variances_of(Oja(), [1.0] * hidden + [0.3] * (8 - hidden), hidden)[0]
        for hidden in range(2, 9)
    ]
    largest = int(np.argmax(of_a_unit))
    assert 0 < largest < len(of_a_unit) - 1
    assert of_a_unit[-1] < 1e-20


# --- The dense road of two layers -------------------------------------------------------

CORRELATED = np.array(
    [[1.4, 0.3, -0.2, 0.1], [0.3, 0.9, 0.2, 0.0], [-0.2, 0.2, 1.1, 0.3], [0.1, 0.0, 0.3, 0.7]]
)
DRAWN = np.random.default_rng(5).standard_normal((40, 4))
FAMILIES: tuple[InputDistribution, ...] = (
    Gaussian(CORRELATED),
    Elliptical(CORRELATED, 0.7),
    Samples(DRAWN**2 @ CORRELATED),
    StimulusSet(2 * DRAWN[:3], np.array([0.5, 0.3, 0.2])),
)


def two_layers(problem: LearningProblem) -> tuple[Learner, tuple[Array, Array]]:
    """The problem for the engine, and the minimum of the dense road, silent units added."""
    minimum = minimum_of(problem)
    outputs, inputs = problem.teacher.shape
    first, second = np.zeros((problem.hidden, inputs)), np.zeros((outputs, problem.hidden))
    first[: minimum.rank], second[:, : minimum.rank] = minimum.first_layer, minimum.second_layer
    rule: Rule = TwoLayerLinear(problem.teacher, problem.weight_decay)
    if problem.synaptic_noise:
        rule = SynapticNoise(rule, problem.synaptic_noise)
    learner = Learner(
        rule,
        {"hidden": problem.hidden},
        problem.inputs,
        problem.label_noise,
        problem.learning_rate,
        problem.batch,
    )
    return learner, (first, second)


@pytest.mark.parametrize("inputs", FAMILIES, ids=lambda inputs: inputs.kind)
@pytest.mark.parametrize("hidden", [3, 5])
def test_two_layers_drift_as_on_the_dense_road(inputs: InputDistribution, hidden: int) -> None:
    problem = LearningProblem(
        study="example",
        hidden=hidden,
        inputs=inputs,
        teacher=np.random.default_rng(7).standard_normal((3, 4)),
        label_noise=np.array([0.2, 0.0, 0.4]),
        learning_rate=0.003,
        weight_decay=0.15,
        batch=2,
        synaptic_noise=0.0,
        stimuli=(),
    )
    for noise in (0.0, 1e-7):
        given_ = replace(problem, synaptic_noise=noise)
        expected, found = evaluate(given_), rule_drift(*two_layers(given_))
        planes = [(plane.i, plane.j) for plane in found.planes]
        shared = [planes.index(plane) for plane in expected.drift.planes]
        # Without noise on the weights silent units stay silent, and their planes still.
        assert noise == 0 or len(shared) == len(planes)
        largest = np.abs(expected.drift.covariance).max()
        np.testing.assert_allclose(
            found.covariance[np.ix_(shared, shared)],
            expected.drift.covariance,
            rtol=1e-9,
            atol=1e-9 * largest,
        )
        np.testing.assert_allclose(
            found.mean_rotation[shared],
            expected.drift.mean_rotation,
            rtol=1e-9,
            atol=1e-9 * np.abs(expected.drift.mean_rotation).max(),
        )
        assert found.weight_variance == pytest.approx(expected.fluctuation.weight_variance, 1e-9)


@pytest.mark.parametrize("inputs", FAMILIES, ids=lambda inputs: inputs.kind)
def test_the_critical_rate_is_that_of_the_dense_road(inputs: InputDistribution) -> None:
    problem = LearningProblem(
        study="example",
        hidden=2,
        inputs=inputs,
        teacher=np.random.default_rng(7).standard_normal((3, 4)),
        label_noise=np.array([0.2, 0.0, 0.4]),
        learning_rate=0.003,
        weight_decay=0.15,
        batch=2,
        synaptic_noise=0.0,
        stimuli=(),
    )
    expected = evaluate(problem).validity.critical_rate
    assert critical_rate(*two_layers(problem)) == pytest.approx(expected, rel=1e-7)


def sample_slopes(rule: Rule, point: tuple[Array, ...], samples: Array) -> Array:
    """``D F`` of each sample, by central differences."""
    weights = np.concatenate([matrix.ravel() for matrix in point])
    ends = np.cumsum([matrix.size for matrix in point])[:-1]

    def update(weights: Array, sample: Array) -> Array:
        parts = zip(np.split(weights, ends), point, strict=True)
        moved = tuple(part.reshape(matrix.shape) for part, matrix in parts)
        changes = rule.update(moved, sample[:, np.newaxis], np.zeros((0, 1)))
        return np.concatenate([change.ravel() for change in changes])

    steps = 1e-4 * np.eye(len(weights))
    return np.array([
        np.transpose([
            (update(weights + step, sample) - update(weights - step, sample)) / 2e-4
            for step in steps
        ])
        for sample in samples
    ])  # fmt: skip


@pytest.mark.parametrize("momentum", [0.5, 0.9])
@pytest.mark.parametrize("rule", [Oja(), SimilarityMatching(0.5)], ids=["gradient", "complex"])
def test_second_moments_grow_beyond_the_critical_rate(rule: Rule, momentum: float) -> None:
    """Of the linearised steps of heavy ball: exactly by Gauss nodes, and in simulation."""
    learner = learner_of(rule, THREE, 2)
    orbit, *_ = fixed_orbits(learner)
    learner = replace(learner, rule=HeavyBall(rule, momentum, 1.0))
    critical = critical_rate(learner, orbit.point)
    assert critical is not None
    nodes, weights = np.polynomial.hermite_e.hermegauss(5)
    samples = np.stack(np.meshgrid(nodes, nodes, nodes), axis=-1).reshape(-1, 3) * np.sqrt(THREE)
    chances = np.prod(np.meshgrid(weights, weights, weights), axis=0).ravel()
    chances /= chances.sum()
    slopes = sample_slopes(rule, orbit.point, samples)
    mean = np.einsum("s,sij->ij", chances, slopes)
    # What turns is left out: the space that returns is the range of the mean slopes.
    rates, axes = np.linalg.eig(mean)
    returning = np.abs(rates) > 1e-6
    across = np.real(axes[:, returning] @ np.linalg.inv(axes)[returning])

    def steps(rate: float) -> Array:
        """On a deviation and ``eta`` times the velocity, across the orbit."""
        kept = np.broadcast_to(momentum * across, slopes.shape)
        forced = rate * across @ slopes @ across
        return np.block([[across + forced, kept], [forced, kept]])

    def growth(rate: float) -> float:
        step = steps(rate)
        second = np.einsum("s,sij,skl->ikjl", chances, step, step, optimize=True)
        return float(np.abs(np.linalg.eigvals(second.reshape(step[0].size, -1))).max())

    assert growth(critical) == pytest.approx(1, abs=1e-6)
    assert growth(0.95 * critical) < 1 - 1e-3
    assert growth(1.05 * critical) > 1 + 1e-3

    generator = np.random.default_rng(0)
    grown = {}
    for factor in (0.8, 1.2):
        step = steps(factor * critical)
        networks = generator.standard_normal((20_000, len(step[0]), 1))
        sizes = []
        for _ in range(40):
            networks = step[generator.choice(len(step), len(networks), p=chances)] @ networks
            sizes.append(np.sum(networks**2))
        grown[factor] = sizes[-1] / sizes[19]
    assert grown[0.8] < 1 < grown[1.2]


def test_stimuli_are_seen_as_on_the_dense_road() -> None:
    size = 3
    stimuli = tuple(Stimulus(f"axis {k}", axis) for k, axis in enumerate(np.eye(size)))
    rule = DeepLinear(np.eye(size), 0.2, 2)
    found = evaluate_rule(learner_of(rule, THREE, 2, 0.01, size, stimuli))
    expected = evaluate(
        LearningProblem(
            study="example",
            hidden=2,
            inputs=Gaussian(np.diag(THREE)),
            teacher=np.eye(size),
            label_noise=np.zeros(size),
            learning_rate=0.01,
            weight_decay=0.2,
            batch=1,
            synaptic_noise=0.0,
            stimuli=stimuli,
        )
    )
    (layer,) = found.layers
    np.testing.assert_allclose(layer.decay_matrix, expected.decay_matrix, rtol=1e-9, atol=1e-20)
    for one, other in zip(layer.stimuli, expected.stimuli, strict=True):
        assert one.decay_rate == pytest.approx(other.decay_rate, rel=1e-9)
        assert one.squared_norm == pytest.approx(other.squared_norm, rel=1e-9)
    validity = found.validity
    assert validity.rate_times_curvature == pytest.approx(expected.validity.rate_times_curvature)
    assert validity.critical_rate == pytest.approx(expected.validity.critical_rate, rel=1e-7)
    assert found.warnings == ()
    json.dumps(found.to_dict(), allow_nan=False)


def test_each_hidden_layer_is_seen_by_itself() -> None:
    rule = DeepLinear(np.eye(2), 0.2, 3)
    stimuli = (Stimulus("first", np.array([1.0, 0.0])),)
    found = evaluate_rule(learner_of(rule, TWO, 2, 0.01, 2, stimuli))
    assert [layer.layer for layer in found.layers] == ["hidden_1", "hidden_2"]
    for layer, variance in zip(found.layers, np.diagonal(found.drift.covariance), strict=True):
        assert layer.stimuli[0].decay_rate == pytest.approx(variance / 2)


# --- Momentum and noise on the weights, over any rule -----------------------------------


@pytest.mark.parametrize("rule", [Oja(), SimilarityMatching(0.5), TiedAutoencoder(0.2)])
def test_momentum_drifts_as_a_larger_rate(rule: Rule) -> None:
    rate, beta = 0.001, 0.8
    with_momentum = drift_of(learner_of(HeavyBall(rule, beta, rate), THREE, 2, rate))
    without = drift_of(learner_of(rule, THREE, 2, rate / (1 - beta)))
    np.testing.assert_allclose(with_momentum.covariance, without.covariance, rtol=1e-12)
    np.testing.assert_allclose(with_momentum.fluctuation, without.fluctuation, rtol=1e-12)


def test_noise_on_the_weights_adds_to_that_of_samples() -> None:
    """Of Oja's rule by what is learned: ``V = varsigma^2 (l_i^2 + l_j^2) / (l_i + l_j)^2``."""
    variance, rate = 1e-6, 0.01
    noisy = drift_of(learner_of(SynapticNoise(Oja(), variance), THREE, 2, rate))
    quiet = drift_of(learner_of(Oja(), THREE, 2, rate))
    np.testing.assert_allclose(noisy.direct, variance * 6.25 / 3.5**2, rtol=1e-12)
    np.testing.assert_allclose(noisy.covariance - noisy.direct, quiet.covariance, rtol=1e-12)
    within = HeavyBall(SynapticNoise(Oja(), variance), 0.5, rate)
    beside = SynapticNoise(HeavyBall(Oja(), 0.5, rate), variance)
    summed, added = (drift_of(learner_of(rule, THREE, 2, rate)).direct for rule in (within, beside))
    np.testing.assert_allclose(summed, 4 * added, rtol=1e-12)
    np.testing.assert_allclose(added, noisy.direct, rtol=1e-12)


# --- What does not matter ---------------------------------------------------------------

RULES = st.sampled_from(
    [
        (Oja(), 0),
        (TiedAutoencoder(0.2), 0),
        (SimilarityMatching(0.5), 0),
        (DeepLinear(np.eye(4), 0.1, 2), 4),
        (DeepLinear(np.eye(4), 0.1, 3), 4),
    ]
)
SKEWED = StimulusSet(
    np.array([[1.9, -1.8, 0, 0.1], [1.4, -1.3, 0.5, 0.4], [0.1, 1.8, -1, 0], [0, 0.3, 1.1, 0.2]]),
    np.array([0.4, 0.3, 0.2, 0.1]),
)
INPUTS = st.sampled_from(
    [Gaussian(CORRELATED), Elliptical(CORRELATED, 0.7), Samples(DRAWN @ CORRELATED), SKEWED]
)


def general(rule: Rule, outputs: int, inputs: InputDistribution, hidden: int = 3) -> Learner:
    units = dict.fromkeys(rule.hidden_axes, hidden)
    return Learner(rule, units, inputs, np.full(outputs, 0.1), 0.01)


@settings(max_examples=15)
@given(rule=RULES, inputs=INPUTS, seed=st.integers(0, 999))
def test_the_point_of_the_orbit_does_not_matter(
    rule: tuple[Rule, int], inputs: InputDistribution, seed: int
) -> None:
    """Hidden layers turned at the starting point: the same rotations in turned planes."""
    learner = general(*rule, inputs)
    orbit, *_ = fixed_orbits(learner)
    random = np.random.default_rng(seed)
    turns = {
        layer: np.linalg.qr(random.standard_normal((3, 3)))[0] for layer in rule[0].hidden_axes
    }
    before = rule_drift(learner, orbit.point)
    after = rule_drift(learner, rule[0].turned(turns, orbit.point))
    # A plane of the turned layer is this combination of those before.
    size = len(before.planes)
    change = np.zeros((size, size))
    for row, new in enumerate(after.planes):
        for column, old in enumerate(before.planes):
            if new.layer == old.layer:
                turn = turns[new.layer][np.ix_([new.i - 1, new.j - 1], [old.i - 1, old.j - 1])]
                change[row, column] = np.linalg.det(turn)
    expected = change @ before.covariance @ change.T
    np.testing.assert_allclose(
        after.covariance, expected, rtol=1e-7, atol=1e-7 * np.abs(expected).max()
    )
    size_of_mean = max(np.abs(before.mean_rotation).max(), 1e-7 * np.sqrt(expected.max()))
    np.testing.assert_allclose(
        after.mean_rotation, change @ before.mean_rotation, atol=1e-7 * size_of_mean
    )
    assert after.weight_variance == pytest.approx(before.weight_variance, rel=1e-8)


@settings(max_examples=10)
@given(rule=RULES, order=st.permutations(range(4)), inputs=INPUTS)
def test_the_order_of_the_inputs_does_not_matter(
    rule: tuple[Rule, int], order: list[int], inputs: InputDistribution
) -> None:
    kind, outputs = rule
    match inputs:
        case Samples(rows=rows):
            moved: InputDistribution = Samples(rows[:, order])
        case StimulusSet(stimuli=stimuli, probabilities=probabilities):
            moved = StimulusSet(stimuli[:, order], probabilities)
        case Gaussian() | Elliptical():
            moved = replace(inputs, covariance=inputs.covariance[np.ix_(order, order)])
    turned = (
        replace(kind, teacher=kind.teacher[np.ix_(order, order)])
        if isinstance(kind, DeepLinear)
        else kind
    )
    before, after = (drift_of(general(k, outputs, i)) for k, i in ((kind, inputs), (turned, moved)))
    np.testing.assert_allclose(
        after.covariance**2,
        before.covariance**2,
        rtol=1e-8,
        atol=1e-9 * before.covariance.max() ** 2,
    )


@settings(max_examples=10)
@given(rule=RULES, inputs=INPUTS, unit=st.floats(0.2, 5))
def test_units_of_the_inputs_do_not_matter(
    rule: tuple[Rule, int], inputs: InputDistribution, unit: float
) -> None:
    """Inputs and answers in other units at a rate that fits are the same learning.

    Of similarity matching, whose weights decay at a rate of their own, at the same rate.
    """
    kind, outputs = rule
    own_rate = isinstance(kind, SimilarityMatching)
    learner = general(kind, outputs, inputs)
    scaled = (
        replace(kind, weight_decay=unit * kind.weight_decay)
        if isinstance(kind, DeepLinear | TiedAutoencoder)
        else kind
    )
    other = Learner(
        scaled,
        learner.hidden,
        inputs.scaled(unit),
        unit * learner.label_noise,
        learner.learning_rate / (1 if own_rate else unit),
    )
    before, after = drift_of(learner), drift_of(other)
    np.testing.assert_allclose(
        after.covariance, before.covariance, rtol=1e-8, atol=1e-10 * before.covariance.max()
    )
    np.testing.assert_allclose(
        after.mean_rotation,
        before.mean_rotation,
        rtol=1e-6,
        atol=1e-9 * np.abs(before.mean_rotation).max(),
    )


@pytest.mark.parametrize("rule", [Oja(), SimilarityMatching(0.5), TiedAutoencoder(0.2)])
def test_skewed_inputs_turn_representations_steadily(rule: Rule) -> None:
    found = drift_of(general(rule, 0, SKEWED))
    assert np.abs(found.mean_rotation).max() > 1e-10
    assert not drift_of(general(rule, 0, Gaussian(SKEWED.covariance))).mean_rotation.any()


@pytest.mark.parametrize(("hidden", "planes"), [(1, 0), (3, 3), (5, 9)])
def test_planes_are_those_that_move_weights(hidden: int, planes: int) -> None:
    """Of an active and a silent unit too, which no sample turns."""
    found = drift_of(learner_of(TiedAutoencoder(0.2), THREE, hidden))
    assert len(found.planes) == planes
    silent = [place for place, plane in enumerate(found.planes) if plane.j > 3]
    assert not found.covariance[np.ix_(silent, silent)].any()


@pytest.mark.parametrize(
    ("rule", "outputs"), [(TiedAutoencoder(9.0), 0), (DeepLinear(np.eye(3), 9.0, 3), 3)]
)
def test_nothing_drifts_where_nothing_is_learned(rule: Rule, outputs: int) -> None:
    found = evaluate_rule(learner_of(rule, THREE, 2, 0.01, outputs))
    assert found.warnings == ("nothing drifts: every covariance of rotations is zero",)


# --- Fixed points without a formula -----------------------------------------------------


@dataclass(frozen=True)
class Unsolved(Rule):
    """A rule whose fixed point is not known."""

    rule: Rule

    @property
    def weights(self) -> Mapping[str, Axes]:
        return self.rule.weights

    def update(
        self, weights: tuple[Matrix, ...], sample_input: Matrix, label_noise: Matrix
    ) -> tuple[Matrix, ...]:
        return self.rule.update(weights, sample_input, label_noise)

    def activities(self, weights: tuple[Matrix, ...], sample_input: Matrix) -> Mapping[str, Matrix]:
        return self.rule.activities(weights, sample_input)


@pytest.mark.parametrize(
    ("rule", "outputs", "hidden"),
    [
        (Oja(), 0, 2),
        (SimilarityMatching(0.5), 0, 2),
        (TiedAutoencoder(0.2), 0, 4),
        (DeepLinear(np.eye(3), 0.1, 2), 3, 2),
    ],
)
def test_following_the_mean_update_ends_at_the_formula(
    rule: Rule, outputs: int, hidden: int
) -> None:
    known = learner_of(rule, THREE, hidden, outputs=outputs)
    found = fixed_orbits(replace(known, rule=Unsolved(rule)))
    assert sum(orbit.reached or 0 for orbit in found) == 6
    assert all(orbit.mean_update < 1e-12 for orbit in found)
    expected = drift_of(known).covariance
    np.testing.assert_allclose(
        rule_drift(known, found[0].point).covariance, expected, rtol=1e-10, atol=1e-12
    )


def test_a_deep_network_can_end_where_it_learned_less() -> None:
    rule = DeepLinear(np.eye(2), 0.2, 3)
    learner = learner_of(Unsolved(rule), TWO, 2, outputs=2)
    found = fixed_orbits(learner)
    assert len(found) > 1
    learned = {int(np.linalg.matrix_rank(orbit.point[0], tol=1e-6)) for orbit in found}
    assert learned > {2} or max(learned) < 2
    formula = fixed_orbits(replace(learner, rule=rule))
    for orbit in found:
        responses = orbit.responses["hidden_1"]
        assert any(
            np.allclose(np.abs(responses), np.abs(each.responses["hidden_1"]), atol=1e-6)
            for each in formula
        )


def test_a_deep_network_can_learn_nothing_whatever_its_teacher() -> None:
    """Where no formula is known, and no starting point is so small."""
    teacher = np.array([[1.0, 0.4], [0.0, 1.2]])
    learner = learner_of(DeepLinear(teacher, 0.1, 3), TWO, 2, outputs=2)
    *others, (point, reached) = orbit_ends(learner)
    assert reached == 0 and not any(matrix.any() for matrix in point)
    assert all(point[0].any() for point, _ in others)
    # Two layers learn from however small weights.
    shallow = learner_of(DeepLinear(teacher, 0.1, 2), TWO, 2, outputs=2)
    assert all(point[0].any() for point, _ in orbit_ends(shallow))


def test_ends_of_many_axes_and_of_equal_ones() -> None:
    """Where each axis disturbs all weaker ones the strongest are learned; equal ones together."""
    rule = DeepLinear(np.eye(14), 0.1, 3)
    ends = orbit_ends(learner_of(rule, np.linspace(2, 0.7, 14), 14, outputs=14))
    ranks = [int(np.linalg.matrix_rank(point[0])) for point, _ in ends]
    assert ranks == list(range(14, -1, -1))
    equal = orbit_ends(learner_of(DeepLinear(np.eye(3), 0.07, 3), [1.3] * 3, 3, outputs=3))
    assert [int(np.linalg.matrix_rank(point[0])) for point, _ in equal] == [3, 0]


@pytest.mark.parametrize(("layers", "hidden"), [(2, 1), (2, 3), (3, 1), (3, 3), (4, 2)])
@pytest.mark.parametrize("seed", range(3))
def test_ends_of_deep_networks_are_the_points_that_attract(
    layers: int, hidden: int, seed: int
) -> None:
    """Of every set of learned axes, by the Jacobian instead of the formula."""
    random = np.random.default_rng(seed)
    variances, gains = random.uniform(0.3, 2, 3), np.diag(random.uniform(0.4, 1.6, 3))
    rule = DeepLinear(gains, 0.15, layers)
    learner = learner_of(rule, variances, hidden, outputs=3)
    expected = set()
    for count in range(hidden + 1):
        for learned in combinations(range(3), count):
            only = np.zeros(3)
            only[list(learned)] = np.diagonal(gains)[list(learned)]
            points = DeepLinear(np.diag(only), 0.15, layers).fixed_points(
                np.diag(variances), learner.sizes
            )
            point = max(points, key=lambda found: np.linalg.matrix_rank(found[0]))
            if np.linalg.matrix_rank(point[0]) == count:
                with suppress(RequestError):
                    orbit_at(learner, (point, None))
                    expected.add(learned)
    found = [
        tuple(np.flatnonzero(np.any(point[0], axis=0)).tolist()) for point, _ in orbit_ends(learner)
    ]
    assert set(found) == expected and len(found) == len(expected)


# --- Other ways to the same numbers -----------------------------------------------------


@dataclass(frozen=True)
class OjaOfAnswers(Rule):
    """Oja's rule on what a noisy teacher answers."""

    teacher: Matrix
    weights = MappingProxyType({"W": ("hidden", "outputs")})

    def update(
        self, weights: tuple[Matrix, ...], sample_input: Matrix, label_noise: Matrix
    ) -> tuple[Matrix, ...]:
        return Oja().update(weights, self.teacher @ sample_input + label_noise, label_noise)

    def activities(self, weights: tuple[Matrix, ...], sample_input: Matrix) -> Mapping[str, Matrix]:
        return {"hidden": weights[0] @ self.teacher @ sample_input}


def test_label_noise_can_meet_itself() -> None:
    """Noisy answers of a Gaussian teacher are Gaussian inputs."""
    teacher = np.random.default_rng(3).standard_normal((4, 4))
    noise = np.array([0.5, 0.0, 1.5, 0.2])
    answers = Gaussian(teacher @ CORRELATED @ teacher.T + np.diag(noise))
    expected = drift_of(Learner(Oja(), {"hidden": 2}, answers, np.zeros(0), 0.01, batch=3))
    rule = OjaOfAnswers(teacher)
    learner = Learner(rule, {"hidden": 2}, Gaussian(CORRELATED), noise, 0.01, batch=3)
    orbit, *_ = fixed_orbits(learner)
    found = rule_drift(learner, orbit.point)
    np.testing.assert_allclose(found.covariance, expected.covariance, rtol=1e-9)
    assert found.weight_variance == pytest.approx(expected.weight_variance)


@pytest.mark.parametrize("rule", [Oja(), SimilarityMatching(0.2), SimilarityMatching(0.9)])
def test_eigenvectors_are_not_needed(rule: Rule, monkeypatch: pytest.MonkeyPatch) -> None:
    """By triangular matrices, as where eigenvectors are too close to be a basis."""
    learner = general(rule, 0, SKEWED)
    by_eigenvectors = drift_of(learner)
    monkeypatch.setattr(stable_space, "APART", 0.0)
    triangular = drift_of(learner)
    assert triangular.rates == pytest.approx(by_eigenvectors.rates)
    for name in ("covariance", "mean_rotation", "fluctuation"):
        one, other = getattr(triangular, name), getattr(by_eigenvectors, name)
        np.testing.assert_allclose(one, other, rtol=1e-8, atol=1e-9 * np.abs(other).max())


# --- Refusals ---------------------------------------------------------------------------


def test_axes_that_tie_are_refused() -> None:
    with pytest.raises(RequestError, match=r"stands still in 2 directions .* explain 1"):
        drift_of(learner_of(Oja(), [2.0, 1.0, 1.0], 2))


def test_a_point_that_does_not_attract_is_refused() -> None:
    learner = learner_of(Oja(), THREE, 2)
    with pytest.raises(RequestError, match=r"has the eigenvalue 0\.8 across the orbit"):
        rule_drift(learner, (np.eye(3)[[0, 2]],))


def test_a_rate_without_stationary_fluctuation_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    learner = learner_of(Oja(), THREE, 2, 0.15)
    orbit, *_ = fixed_orbits(learner)
    critical = critical_rate(learner, orbit.point)
    assert critical is not None
    assert evaluate_rule(learner).validity.critical_rate == pytest.approx(critical)
    with pytest.raises(RequestError, match=r"learning\.rate = 0\.16 must be below 0\.155"):
        evaluate_rule(replace(learner, learning_rate=0.16))
    with_momentum = replace(learner, rule=HeavyBall(Oja(), 0.5, 0.8), learning_rate=0.8)
    with pytest.raises(RequestError, match=r"learning\.rate = 0\.8 must be below 0\.0923"):
        evaluate_rule(with_momentum)
    monkeypatch.setattr(rule_critical_rate, "MOST_OPERATIONS", 0)
    unknown = evaluate_rule(learner)
    assert unknown.validity.critical_rate is None
    assert any("is not computed for so many weights" in each for each in unknown.warnings)
    with pytest.raises(RequestError, match=r"learning\.rate = 0\.8 is unstable: .* at up to 4 per"):
        evaluate_rule(with_momentum)
    with pytest.raises(RequestError, match=r"learning\.minimum = 2 is not there: 1 orbit where"):
        evaluate_rule(replace(learner, minimum=2))


def test_a_point_that_moves_is_refused() -> None:
    with pytest.raises(RequestError, match="does not rest where it is taken to end"):
        rule_drift(learner_of(Oja(), THREE, 2), (1.1 * np.eye(3)[:2],))


@dataclass(frozen=True)
class Steep(Oja):
    """Too high a degree in the sample."""

    def update(
        self, weights: tuple[Matrix, ...], sample_input: Matrix, label_noise: Matrix
    ) -> tuple[Matrix, ...]:
        (change,) = super().update(weights, sample_input, label_noise)
        return ((sample_input.T @ sample_input).trace() * change,)


def test_a_rule_that_needs_more_than_fourth_moments_is_refused() -> None:
    with pytest.raises(RequestError, match="of degree 4 in the sample"):
        drift_of(learner_of(Steep(), THREE, 2))

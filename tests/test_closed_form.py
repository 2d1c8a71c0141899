"""The closed form against full matrices that share no formula with it."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from exact_drift import rotation_variances
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from strategies import aligned_problems, orthogonal_matrices

from symdrift.errors import RequestError
from symdrift.evaluation import closed_form, dense
from symdrift.evaluation.closed_form import formulas as kernels
from symdrift.evaluation.evaluate import require_record_memory
from symdrift.evaluation.result import Evaluation
from symdrift.inputs import Elliptical, Gaussian, StimulusSet
from symdrift.study import read_study
from symdrift.study.problem import LearningProblem, Stimulus

PRECISION = 1e-10
Road = Callable[[LearningProblem], Evaluation]


def aligned(
    variances: list[float],
    gains: list[float],
    weight_decay: float,
    learning_rate: float = 0.002,
    hidden: int | None = None,
) -> LearningProblem:
    size = len(variances)
    return LearningProblem(
        study="example",
        hidden=size if hidden is None else hidden,
        inputs=Gaussian(np.diag(variances)),
        teacher=np.diag(np.array(gains, dtype=float)),
        label_noise=np.zeros(size),
        learning_rate=learning_rate,
        weight_decay=weight_decay,
        batch=1,
        synaptic_noise=0.0,
        stimuli=tuple(Stimulus(f"axis {k + 1}", axis) for k, axis in enumerate(np.eye(size))),
    )


def autoencoder(
    variances: list[float], weight_decay: float, learning_rate: float, hidden: int | None = None
) -> LearningProblem:
    return aligned(variances, [1.0] * len(variances), weight_decay, learning_rate, hidden)


def turned(
    problem: LearningProblem, input_turn: np.ndarray, output_turn: np.ndarray
) -> LearningProblem:
    """The same problem in other coordinates of inputs and outputs."""
    return replace(
        problem,
        inputs=Gaussian(input_turn @ problem.input_covariance @ input_turn.T),
        teacher=output_turn @ problem.teacher @ input_turn.T,
        stimuli=tuple(Stimulus(s.name, input_turn @ s.vector) for s in problem.stimuli),
    )


def assert_same_minimum_and_fluctuation(closed: Evaluation, full: Evaluation) -> None:
    assert closed.minimum.rank == full.minimum.rank
    np.testing.assert_allclose(
        closed.minimum.singular_values, full.minimum.singular_values, rtol=PRECISION
    )
    for name in ("loss", "hessian_min", "hessian_max"):
        expected = getattr(full.minimum, name)
        assert getattr(closed.minimum, name) == pytest.approx(expected, rel=PRECISION), name
    for name in ("weight_variance", "excess_loss"):
        expected = getattr(full.fluctuation, name)
        assert getattr(closed.fluctuation, name) == pytest.approx(expected, rel=PRECISION), name


def assert_same_stimuli(closed: Evaluation, full: Evaluation) -> None:
    fastest = max(s.decay_rate for s in full.stimuli)
    for one, other in zip(closed.stimuli, full.stimuli, strict=True):
        assert one.name == other.name
        assert one.squared_norm == pytest.approx(other.squared_norm, rel=PRECISION)
        assert one.diffusion == pytest.approx(other.diffusion, rel=PRECISION)
        assert one.decay_rate == pytest.approx(other.decay_rate, rel=PRECISION)
        # Zero in the closed form; full matrices leave rounding of sqrt(V).
        assert one.mean_speed == 0
        assert other.mean_speed**2 <= 1e-20 * fastest * max(other.squared_norm, 1e-300)


def assert_same_drift(closed: Evaluation, full: Evaluation) -> None:
    assert closed.drift.planes == full.drift.planes
    np.testing.assert_allclose(closed.drift.diffusion, full.drift.diffusion, rtol=PRECISION)
    largest = closed.drift.covariance.max(initial=0.0)
    np.testing.assert_allclose(
        closed.drift.covariance, full.drift.covariance, rtol=PRECISION, atol=PRECISION * largest
    )
    np.testing.assert_array_equal(closed.drift.mean_rotation, 0)
    np.testing.assert_allclose(full.drift.mean_rotation, 0, atol=PRECISION * np.sqrt(largest))


# --- Random problems --------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("approximation", ["exact", "white"])
@settings(max_examples=200, deadline=None)
@given(problem=aligned_problems())
def test_closed_form_is_what_full_matrices_give(
    approximation: str, problem: LearningProblem
) -> None:
    closed = closed_form.evaluate(problem, approximation)
    full = dense.evaluate(problem, approximation)
    assert closed.approximation == full.approximation == approximation
    assert_same_minimum_and_fluctuation(closed, full)
    assert_same_drift(closed, full)
    assert_same_stimuli(closed, full)


@settings(max_examples=50)
@given(problem=aligned_problems(largest=4), data=st.data())
def test_axes_in_any_position_are_found(problem: LearningProblem, data: st.DataObject) -> None:
    """Teacher and inputs turned; label noise alike on all outputs, so that it stays aligned."""
    outputs, inputs = problem.teacher.shape
    problem = replace(problem, label_noise=np.full(outputs, problem.label_noise[0]))
    other = turned(
        problem,
        data.draw(orthogonal_matrices(inputs), label="input axes"),
        data.draw(orthogonal_matrices(outputs), label="output axes"),
    )
    assert closed_form.applies(other) is None
    closed, full = closed_form.evaluate(other), dense.evaluate(other)
    assert_same_minimum_and_fluctuation(closed, full)
    assert_same_stimuli(closed, full)
    # Hidden axes of equal singular value can be turned among each other.
    values = closed.minimum.singular_values
    if np.all(-np.diff(values) > 1e-6 * values[0]):
        assert_same_drift(closed, full)


@pytest.mark.parametrize(
    ("variances", "gains", "label_noise"),
    [
        pytest.param([0.3, 0.99, 0.3, 0.3], [0.2, 0.0025], [0.01, 0.01], id="weak beside strong"),
        pytest.param([2.0, 1.0, 1.0, 0.5], [0.9, 0.9, 0.9], [0.1, 0.2, 0.3], id="twins, own noise"),
        pytest.param([0.3, 0.3, 1.0, 2.0], [1.0, 1.0, 0.0], [0.5, 0.1, 0.2], id="noise decides"),
    ],
)
def test_axes_are_found_where_few_numbers_tell_them_apart(
    variances: list[float], gains: list[float], label_noise: list[float]
) -> None:
    random = np.random.default_rng(3)
    turn = np.linalg.qr(random.normal(size=(4, 4)))[0]
    problem = LearningProblem(
        study="turned",
        hidden=3,
        inputs=Gaussian(turn @ np.diag(variances) @ turn.T),
        teacher=np.eye(len(gains), 4)[::-1] * [*gains, *[0.0] * (4 - len(gains))] @ turn.T,
        label_noise=np.array(label_noise)[::-1],
        learning_rate=0.01,
        weight_decay=0.05,
        batch=1,
        synaptic_noise=0.0,
        stimuli=(Stimulus("one", turn[:, 0]), Stimulus("all", np.ones(4))),
    )
    assert closed_form.applies(problem) is None
    closed, full = closed_form.evaluate(problem), dense.evaluate(problem)
    assert_same_minimum_and_fluctuation(closed, full)
    assert_same_stimuli(closed, full)


@settings(max_examples=30)
@given(problem=aligned_problems(largest=4), data=st.data())
def test_negative_gains_drift_like_positive_ones(
    problem: LearningProblem, data: st.DataObject
) -> None:
    size = len(problem.teacher)
    sign = st.sampled_from([-1.0, 1.0])
    signs = np.array(data.draw(st.lists(sign, min_size=size, max_size=size)))
    flipped = replace(problem, teacher=signs[:, np.newaxis] * problem.teacher)
    closed, full = closed_form.evaluate(flipped), dense.evaluate(flipped)
    assert_same_minimum_and_fluctuation(closed, full)
    assert_same_drift(closed, full)
    np.testing.assert_array_equal(
        closed.drift.covariance, closed_form.evaluate(problem).drift.covariance
    )


# --- Checked numbers --------------------------------------------------------------------


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
    ],
)
def test_checked_rotation_variances(
    problem: LearningProblem, approximation: str, printed: list[str]
) -> None:
    measured = np.diagonal(closed_form.evaluate(problem, approximation).drift.covariance)
    assert len(measured) == len(printed)
    for value, digits in zip(measured, printed, strict=True):
        decimals = len(digits.split("e")[0].split(".")[1])
        assert f"{value:.{decimals}e}" == digits


def test_rotated_checked_number() -> None:
    """A full covariance with eigenvalues 2 and 0.7, met through a rotation by 0.4 rad."""
    problem = autoencoder([2, 0.7], 0.2, 0.0025)
    turn = np.array([[np.cos(0.4), -np.sin(0.4)], [np.sin(0.4), np.cos(0.4)]])
    result = closed_form.evaluate(turned(problem, turn, turn))
    assert f"{result.drift.covariance[0, 0]:.4e}" == "1.3977e-11"


TINY = (1e-9, 1e-12, 1e-16, 1e-24)
SCALES = st.integers(-8, 8).map(lambda power: 10.0**power)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(
    variances=st.lists(SCALES, min_size=4, max_size=4),
    strengths=st.lists(st.integers(11, 10**7), min_size=4, max_size=4, unique=True),
    noise=st.lists(st.just(0.0) | SCALES, min_size=4, max_size=4),
    weight_decay=SCALES,
    hidden=st.integers(2, 5),
    silent=st.booleans(),
)
def test_variances_keep_every_digit_at_any_scale(
    variances: list[float],
    strengths: list[int],
    noise: list[float],
    weight_decay: float,
    hidden: int,
    silent: bool,
) -> None:
    """Against the theory's formulas with 150 digits."""
    slopes = weight_decay * np.array(strengths) / 10
    if silent:
        slopes[1] = 0.7 * weight_decay
    gains = slopes / np.array(variances)
    learned = slopes > weight_decay
    values = np.where(learned, gains - weight_decay / np.array(variances), 0)
    worth = np.array(variances) * values**2
    active = [int(k) for k in np.argsort(-worth)[:hidden] if learned[k]]
    by_size = np.sort(worth[learned])[::-1]
    assume(np.all(by_size[1:] < 0.99 * by_size[:-1]))
    tensor = kernels.diffusion_tensor(
        variances, weight_decay, 1e-3, gains, noise, 1, inputs=4, outputs=4, hidden=hidden
    )
    exact = rotation_variances(variances, gains.tolist(), weight_decay, 1e-3, noise, active)
    expected = np.array([[float(value) for value in row] for row in exact])
    np.testing.assert_allclose(2 * tensor[np.ix_(active, active)], expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("road", "weight_decay"),
    [
        *((road, power) for road in (closed_form.evaluate, dense.evaluate) for power in TINY),
        (closed_form.evaluate, 1e-60),
    ],
)
@pytest.mark.parametrize(
    ("variances", "gains"), [([2, 1, 0.7], [1, 1, 1]), ([1.5, 0.4, 0.6], [1.2, 3.0, 1.0])]
)
def test_variances_keep_every_digit_at_tiny_weight_decay(
    variances: list[float], gains: list[float], road: Road, weight_decay: float
) -> None:
    drift = road(aligned(variances, gains, weight_decay, learning_rate=0.005)).drift
    order = sorted(range(3), key=lambda k: (-gains[k], k))
    exact = rotation_variances(variances, gains, weight_decay, 0.005, [0, 0, 0], order)
    expected = [float(exact[i - 1][j - 1]) for i, j in drift.planes]
    np.testing.assert_allclose(drift.variances, expected, rtol=1e-12)


def test_disparate_scales_are_no_threshold() -> None:
    """Slopes of 10, 1, 0.1 and 1 against a weight decay of 0.001."""
    variances, gains = [1e4, 1.0, 1e-4, 1e-8], [1e-3, 1.0, 1e3, 1e8]
    problem = aligned(variances, gains, 1e-3, learning_rate=1e-13)
    exact = rotation_variances(variances, gains, 1e-3, 1e-13, [0] * 4, [3, 2, 1, 0])
    for road in (closed_form.evaluate, dense.evaluate):
        result = road(problem)
        expected = [float(exact[i - 1][j - 1]) for i, j in result.drift.planes]
        np.testing.assert_allclose(result.drift.variances, expected, rtol=1e-10)
        assert result.warnings == ()


@settings(max_examples=60, deadline=None)
@given(
    offset=st.sampled_from([0.0, 1e-13, 1e-11, 3e-10, 3e-9, 1e-7, 1e-4]),
    sign=st.sampled_from([-1, 1]),
    hidden=st.integers(1, 4),
    unit=SCALES,
    tie=st.booleans(),
)
def test_both_roads_draw_the_line_at_the_same_place(
    offset: float, sign: int, hidden: int, unit: float, tie: bool
) -> None:
    """The third axis at a distance from its threshold, or from being worth as much as the second.

    ``lambda (1 - gamma / lambda)^2`` of the second axis is ``0.7^2``; a third with ``lambda = 2``
    has as much at ``s = 0.7 / sqrt(2)``.
    """
    gain = (0.15 + 0.7 / np.sqrt(2) if tie else 0.15) * (1 + sign * offset)
    # So near to a threshold only the smallest rates are stable: the critical one is 7 times offset.
    problem = aligned([3 * unit, unit, 2 * unit], [1, 1, gain], 0.3 * unit, 1e-10 / unit, hidden)
    if offset < 1e-9 and (hidden == 2 if tie else hidden >= 3):
        for road in (closed_form.evaluate, dense.evaluate):
            with pytest.raises(RequestError) as refusal:
                road(problem)
            assert refusal.value.field == ("network.hidden" if tie else "learning.weight_decay")
    else:
        closed, full = closed_form.evaluate(problem), dense.evaluate(problem)
        assert closed.minimum.rank == full.minimum.rank
        np.testing.assert_allclose(closed.drift.variances, full.drift.variances, rtol=1e-6)


@pytest.mark.parametrize(
    ("variances", "gains", "order"),
    [
        ([2, 1, 0.5], [1.15, 2.3, 1.6], [1, 0, 2]),
        ([0.5, 1, 2], [1.6, 2.3, 1.15], [1, 0, 2]),
        # All three are equal but for a part in 1e12, which is rounding; one in 1e9 is none.
        ([2, 1, 0.5], [1.15, 1.3, 1.6 + 1e-12], [0, 1, 2]),
        ([2, 1, 0.5], [1.15, 1.3, 1.6 + 1e-9], [2, 0, 1]),
    ],
)
def test_equal_singular_values_are_numbered_by_input_on_both_roads(
    variances: list[float], gains: list[float], order: list[int]
) -> None:
    """Gains less ``0.3 / lambda`` are 1, 2, 1: the second axis first, then the first, the third."""
    problem = aligned(variances, gains, 0.3, learning_rate=0.005)
    exact = rotation_variances(variances, gains, 0.3, 0.005, [0] * 3, order)
    expected = [float(exact[0][1]), float(exact[0][2]), float(exact[1][2])]
    for road in (closed_form.evaluate, dense.evaluate):
        np.testing.assert_allclose(road(problem).drift.variances, expected, rtol=1e-10)


@pytest.mark.parametrize("name", ["bottleneck", "anisotropic_autoencoder", "frequent_stimulus"])
def test_many_outputs_cost_what_the_active_directions_cost(name: str) -> None:
    """Two to four active axes: each of 3000 outputs adds a term to their planes."""
    study = read_study(name).with_values({"network.outputs": 3000})
    tracemalloc.start()
    wide = closed_form.evaluate(study.problem())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 40 * 2**20
    narrow = closed_form.evaluate(read_study(name).problem())
    np.testing.assert_allclose(wide.decay_matrix, narrow.decay_matrix, rtol=1e-13)


# --- What applies and what is refused ---------------------------------------------------


@pytest.mark.parametrize(
    ("problem", "obstacle"),
    [
        (replace(autoencoder([2, 1], 0.2, 0.01), inputs=Elliptical(np.eye(2), 0.1)), "elliptical"),
        (
            replace(
                autoencoder([2, 1], 0.2, 0.01),
                inputs=StimulusSet(np.eye(2), np.array([0.5, 0.5])),
            ),
            "not Gaussian",
        ),
        (replace(autoencoder([2, 1], 0.2, 0.01), synaptic_noise=1e-9), "synaptic noise"),
        (
            replace(autoencoder([2, 1], 0.2, 0.01), teacher=np.array([[1, 0.1], [0, 1]])),
            "share no axes",
        ),
        # Output axes at 45 degrees mix two outputs of unequal noise.
        (
            replace(
                autoencoder([2, 1], 0.2, 0.01),
                teacher=np.array([[1.0, -0.7], [1.0, 0.7]]),
                label_noise=np.array([0.0, 0.1]),
            ),
            "label noise is correlated",
        ),
    ],
)
def test_what_the_closed_form_does_not_cover_is_said(
    problem: LearningProblem, obstacle: str
) -> None:
    reason = closed_form.applies(problem)
    assert reason is not None
    assert obstacle in reason


@pytest.mark.parametrize(
    ("problem", "field"),
    [
        # Weight decay: absent, negative, above and at every threshold, at one threshold.
        (aligned([2, 1], [1, 1], 0.0), "learning.weight_decay"),
        (aligned([2, 1], [1, 1], -0.1), "learning.weight_decay"),
        (aligned([2, 1], [1, 1], 2.5), "learning.weight_decay"),
        (aligned([2, 1], [1, -1], 2.0), "learning.weight_decay"),
        (aligned([2, 0.2], [1, 1], 0.2), "learning.weight_decay"),
        (aligned([2, 0.2], [1, -1], 0.2, hidden=2), "learning.weight_decay"),
        # Bottlenecks that cut through equal axes and through unlike axes of equal worth
        # (lambda a - gamma)^2 / (2 lambda) = 2.
        (aligned([2, 1, 1], [1, 1, 1], 0.2, hidden=2), "network.hidden"),
        (aligned([2, 1, 1], [1, 1, -1], 0.2, hidden=2), "network.hidden"),
        (aligned([1, 4], [3, 1.25], 1.0, hidden=1), "network.hidden"),
        (aligned([1, 4], [3, 1.25 + 1e-11], 1.0, hidden=1), "network.hidden"),
        # Largest Hessian eigenvalue 2 s lambda = 4 (1 - 0.1): the mean is unstable from 2 / 3.6 on,
        # the mean square from 0.1843 on.
        (aligned([2, 1], [1, 1], 0.2, learning_rate=0.56), "learning.rate"),
        (aligned([2, 1], [1, 1], 0.2, learning_rate=0.185), "learning.rate"),
    ],
)
def test_both_roads_refuse_with_the_same_field(problem: LearningProblem, field: str) -> None:
    for road in (closed_form.evaluate, dense.evaluate):
        with pytest.raises(RequestError) as refusal:
            road(problem)
        assert refusal.value.field == field, road.__module__


@pytest.mark.parametrize(
    "problem",
    [
        # Just beside a threshold, at a rate at which fluctuations do not reach it, and a tie.
        aligned([2, 0.2], [1, 1 + 1e-6], 0.2, learning_rate=1e-6),
        aligned([2, 0.2], [1, 1 - 1e-6], 0.2),
        aligned([1, 4], [3, 1.25 + 1e-6], 1.0, hidden=1),
        aligned([1, 4], [3, 1.25 - 1e-6], 1.0, hidden=1),
        # An axis at its threshold for which no hidden unit is left.
        aligned([3, 2, 0.2], [1, 1, 1], 0.2, hidden=1),
        aligned([3, 2, 0.2], [1, 1, 1], 0.2, hidden=2),
        aligned([2, 0.2], [1, -1], 0.2, hidden=1),
        # Small beside the largest, and neither tied nor at a threshold.
        aligned([1e12, 2, 1], [1, 1, 1], 0.2, learning_rate=1e-14, hidden=2),
        aligned([2e8, 1e8, 5e7], [1, 1, 1], 0.1, learning_rate=1e-12, hidden=2),
        aligned([1e14, 1], [1, 1], 0.2, learning_rate=1e-16),
        aligned([2, 1], [1, 1], 0.2, learning_rate=0.18),
    ],
)
def test_both_roads_accept_what_is_strict(problem: LearningProblem) -> None:
    closed, full = closed_form.evaluate(problem), dense.evaluate(problem)
    assert_same_drift(closed, full)
    np.testing.assert_allclose(
        closed.minimum.singular_values, full.minimum.singular_values, rtol=1e-9
    )
    for result in (closed, full):
        stiff = [warning for warning in result.warnings if "Hessian eigenvalue is" in warning]
        assert bool(stiff) == (problem.learning_rate > 0.1)


def test_planes_that_do_not_fit_are_refused_before_anything_is_computed() -> None:
    """1200 axes have 719400 planes, whose covariance would take 27 TiB, and their variances fit."""
    problem = read_study("isotropic_autoencoder").with_values({"n": 1200}).problem()
    with pytest.raises(RequestError, match=r"719400 planes.*without --full-covariance"):
        require_record_memory(problem, full=True)
    require_record_memory(problem)


@pytest.mark.parametrize("gain", [1e-8, 1.0, 1e4, 1e8])
@pytest.mark.parametrize("apart", [0.0, 1e-13, 3e-10])
def test_both_roads_see_a_tie_whatever_the_size_of_the_gains(gain: float, apart: float) -> None:
    """Equal variances: a unit turns freely from one direction into the other."""
    problem = aligned([1 + apart, 1.0, 1 + apart], [-gain, gain, -gain], 0.1 * gain, 1e-3 / gain, 2)
    for road in (closed_form.evaluate, dense.evaluate):
        with pytest.raises(RequestError, match="cuts through a tie"):
            road(problem)


def test_directions_that_are_no_tie_are_told_apart_at_any_size_of_the_gains() -> None:
    for gain in (1e-8, 1.0, 1e8):
        problem = aligned([1.0, 1.0, 1 - 1e-6], [gain] * 3, 0.1 * gain, 5e-7 / gain, 2)
        assert closed_form.evaluate(problem).minimum.rank == 2
        assert dense.evaluate(problem).minimum.rank == 2


def test_a_mean_rotation_of_rounding_is_none() -> None:
    """Axes in another order than their strengths, which mixes the basis of the normal space."""
    for variances in ([0.5, 2.0, 1.0], [1.0, 0.3, 2.0], [3e30, 1e30, 2e30]):
        unit = max(variances)
        problem = aligned(variances, [1.0] * 3, 0.1 * unit, 5e-3 / unit, 2)
        np.testing.assert_array_equal(dense.evaluate(problem).drift.mean_rotation, 0.0)

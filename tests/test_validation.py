"""Theory and simulation agree, and a wrong theory is found out."""

from __future__ import annotations

import json
import tracemalloc
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import scipy.stats
from all_weights import reachable_basis, stationary_fluctuation
from simulation_cases import displacement_curve, problem

from symdrift.errors import RequestError
from symdrift.evaluation import dense
from symdrift.evaluation.dense.landscape import minimum_of
from symdrift.evaluation.evaluate import evaluate
from symdrift.evaluation.parts import Drift, IndependentDrift
from symdrift.evaluation.result import Evaluation
from symdrift.execution import Diverged
from symdrift.inputs import Elliptical, Samples, StimulusSet
from symdrift.observables import observe
from symdrift.simulation import ensemble, simulate
from symdrift.simulation import perturbation_series as series_module
from symdrift.study import read_study
from symdrift.study.problem import LearningProblem, Stimulus
from symdrift.validation import plan as planning
from symdrift.validation import validate as validation_module
from symdrift.validation.expected import theory_of
from symdrift.validation.judgement import Verdict, is_confirmed
from symdrift.validation.ladder import FEWEST_WINDOWS
from symdrift.validation.measured_slopes import measured_slopes
from symdrift.validation.one_look import planned_rate, run_planned
from symdrift.validation.plan import plan_single
from symdrift.validation.rows import READ_OFF, Row
from symdrift.validation.second_look import SecondLook
from symdrift.validation.series_slopes import slopes_beside_series
from symdrift.validation.validate import (
    Run,
    Similarity,
    Validation,
    validate_rate,
)
from symdrift.validation.verdict import validation_table

TWO = problem([2.0, 0.7], weight_decay=0.2, learning_rate=0.005)
THREE = problem([2.0, 1.0, 0.7], weight_decay=0.3, learning_rate=0.005)
BOTTLENECK = problem([2.0, 1.5, 0.7, 0.7], weight_decay=0.1, learning_rate=0.02, hidden=2)
MISALIGNED = problem(
    [[1.5, 0.6], [0.6, 0.8]], np.diag([1.2, 0.8]), weight_decay=0.15, learning_rate=0.005
)
STIMULI = problem(
    np.eye(3),
    weight_decay=0.1,
    learning_rate=0.01,
    inputs=StimulusSet(
        np.array([[1.0, 0.0, 0.3], [0.2, 1.0, 0.0], [0.0, 0.5, 1.0], [1.0, 1.0, 0.0]]),
        np.array([0.4, 0.3, 0.2, 0.1]),
    ),
)
NOISY = problem(
    [2.0, 1.0, 0.7],
    np.diag([1.0, 0.9, 1.2]),
    weight_decay=0.3,
    learning_rate=0.005,
    label_noise=[0.1, 0.2, 0.05],
    batch=2,
)
HEAVY_TAILED = problem(
    [2.0, 0.7],
    weight_decay=0.2,
    learning_rate=0.003,
    inputs=Elliptical(np.diag([2.0, 0.7]), 0.5),
)
SKEWED_ROWS = np.random.default_rng(3).gamma(2.0, 0.5, (300, 3)) * [1.0, 0.8, 0.6]
SAMPLES = problem(np.eye(3), weight_decay=0.15, learning_rate=0.005, inputs=Samples(SKEWED_ROWS))
SYNAPTIC = problem(
    [2.0, 1.0, 0.7], weight_decay=0.3, learning_rate=0.005, hidden=4, synaptic_noise=2.5e-9
)


def compared(
    given: LearningProblem, *, precision: float = 0.01, seed: int = 0, **options: Any
) -> Validation:
    theory = dense.evaluate(given)
    return validate_rate(given, seed=seed, precision=precision, theory=theory, **options)


def row(validation: Validation, quantity: str) -> Row:
    return next(row for row in validation.rows if row.quantity == quantity)


@dataclass(frozen=True)
class Published:
    """A row of the reference table: independent theory and independent simulation."""

    case: LearningProblem
    quantity: str
    theory: float
    simulation: float
    standard_error: float


PUBLISHED = {
    "two, slow": Published(
        replace(TWO, learning_rate=0.0025), "V[12]", 1.3977e-11, 1.415e-11, 0.020e-11
    ),
    "two": Published(TWO, "V[12]", 1.1182e-10, 1.168e-10, 0.017e-10),
    "two, fast": Published(
        replace(TWO, learning_rate=0.01), "V[12]", 8.9452e-10, 9.62e-10, 0.14e-10
    ),
    "three, 12": Published(THREE, "V[12]", 6.962e-10, 7.41e-10, 0.016 * 7.41e-10),
    "three, 13": Published(THREE, "V[13]", 7.745e-10, 8.25e-10, 0.016 * 8.25e-10),
    "three, 23": Published(THREE, "V[23]", 1.1397e-9, 1.167e-9, 0.016 * 1.167e-9),
    "bottleneck": Published(BOTTLENECK, "V[12]", 1.0931e-6, 1.080e-6, 0.017e-6),
    "misaligned": Published(MISALIGNED, "V[12]", 4.443e-11, 4.62e-11, 0.1e-11),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_simulations_are_reproduced(name: str) -> None:
    published = PUBLISHED[name]
    found = row(compared(published.case, seed=1), published.quantity)
    spread = np.hypot(found.standard_error, published.standard_error)
    assert abs(found.simulation - published.simulation) < 3 * spread
    assert found.standard_error < 0.02 * found.simulation


@pytest.mark.slow
def test_the_published_mean_rotation_is_reproduced() -> None:
    """Up to its sign, which depends on the signs of the hidden axes."""
    found = row(compared(MISALIGNED, precision=0.005, seed=2), "mu[12]")
    spread = np.hypot(found.standard_error, 0.085e-8)
    assert abs(abs(found.simulation) - 4.352e-8) < 3 * spread
    assert found.theory == pytest.approx(np.sign(found.simulation) * 4.342e-8, rel=2e-4)


@pytest.mark.parametrize(
    "given",
    [TWO, THREE, BOTTLENECK, MISALIGNED, STIMULI, NOISY, HEAVY_TAILED],
    ids=["two", "three", "bottleneck", "misaligned", "stimuli", "noisy labels", "heavy tails"],
)
def test_theory_and_simulation_agree(given: LearningProblem) -> None:
    validation = compared(given, precision=0.02, seed=3)
    # Two percent and the next order leave room for errors of a tenth in some of many rows.
    assert validation.verdict is not Verdict.DISAGREE, validation.rows
    for found in validation.rows:
        if found.ratio is not None and not found.quantity.startswith(
            ("mu", "V[12;", "V[13;", *READ_OFF)
        ):
            assert found.ratio == pytest.approx(1.0, abs=0.15)


@pytest.mark.slow
def test_the_white_noise_approximation_is_rejected() -> None:
    """It is wrong by 19 % (the reference's number), far beyond corrections and errors."""
    given = replace(TWO, learning_rate=0.0025)
    exact = compared(given, precision=0.005, seed=4)
    white = validate_rate(
        given, seed=4, precision=0.005, theory=dense.evaluate(given, approximation="white")
    )
    assert exact.passed
    assert white.verdict is Verdict.DISAGREE
    assert row(white, "V[12]").theory == pytest.approx(1.684e-11, rel=5e-4)
    assert row(white, "V[12]").z < -10
    # The same random numbers: only the theory differs.
    assert row(white, "V[12]").simulation == row(exact, "V[12]").simulation


def test_a_theory_that_is_wrong_in_one_number_fails() -> None:
    theory = dense.evaluate(THREE)
    wrong = theory.drift.covariance.copy()
    wrong[1, 1] *= 1.25
    spoiled: Evaluation = replace(
        theory, drift=Drift(theory.drift.planes, wrong, theory.drift.mean_rotation)
    )
    found = validate_rate(THREE, seed=3, precision=0.02, theory=spoiled)
    assert found.verdict is Verdict.DISAGREE


def spoiled(theory: Evaluation, factor: float) -> Evaluation:
    """A theory whose rotation variances and mean rotation are wrong by a factor."""
    drift = theory.drift
    return replace(
        theory,
        drift=Drift(drift.planes, factor * drift.covariance, factor * drift.mean_rotation),
    )


@pytest.mark.slow
@pytest.mark.parametrize("factor", [0.9, 1.1])
def test_a_theory_that_is_wrong_by_a_tenth_is_called_wrong_or_nothing_is_decided(
    factor: float,
) -> None:
    """However few networks and windows there are; with enough of them it is called wrong."""
    given = replace(TWO, learning_rate=0.001)
    wrong = spoiled(evaluate(given), factor)
    shortest = planning.schedule_of(given, minimum_of(given), 0.001, FEWEST_WINDOWS, 8).steps
    for replicas, steps in ((1, 2 * shortest), (2, shortest), (8, shortest), (64, shortest)):
        short = validate_rate(given, steps, replicas, theory=wrong)
        assert short.verdict is Verdict.UNDECIDED
        assert not short.passed
        assert short.to_dict()["verdict"] == "undecided"
        assert "V[12]" in short.undecided
    for theory, verdict in ((wrong, Verdict.DISAGREE), (evaluate(given), Verdict.AGREE)):
        assert validate_rate(given, seed=3, precision=0.01, theory=theory).verdict is verdict


@pytest.mark.parametrize("units", [2, 3, 8, 64])
def test_what_is_wrong_by_a_tenth_is_confirmed_as_rarely_as_is_said(units: int) -> None:
    """By intervals whose widths are estimated from so many values, whatever their scatter."""
    for scatter in (0.02, 0.1, 0.5):
        values = np.random.default_rng(units).normal(0.1, scatter, (4000, units))
        errors = values.std(axis=1, ddof=1) / np.sqrt(units)
        confirmed = [
            is_confirmed(deviation, error, units)
            for deviation, error in zip(values.mean(axis=1), errors, strict=True)
        ]
        assert np.mean(confirmed) < 0.05 + 3 * np.sqrt(0.05 / 4000)


def test_one_network_is_cut_into_two_units_or_refused() -> None:
    """One unit has no standard error, and no run is so short."""
    shortest = planning.schedule_of(TWO, minimum_of(TWO), TWO.learning_rate, 1, 1).steps
    with pytest.raises(RequestError, match=rf"steps = {shortest - 1} is too short: .* {shortest}$"):
        compared(TWO, steps=shortest - 1, replicas=1)
    assert compared(TWO, steps=shortest, replicas=1).units == 2


def test_single_windows_are_no_measurement(monkeypatch: pytest.MonkeyPatch) -> None:
    """Interrupted when every network had finished one window, of which there is no successor."""

    def cut(*arguments: Any, **options: Any) -> Any:
        sums, _ = ensemble.measure(*arguments, **options)
        return replace(sums, windows=sums.windows / 8, neighbours=0.0 * sums.neighbours), True

    monkeypatch.setattr(validation_module, "measure", cut)
    with pytest.raises(KeyboardInterrupt):
        schedule = planning.schedule_of(TWO, minimum_of(TWO), TWO.learning_rate, 8, 8)
        run_planned(TWO, evaluate(TWO), schedule, 8, 0)


def test_the_excess_loss_is_a_quarter_of_the_rate_times_the_noise() -> None:
    given = replace(THREE, learning_rate=0.0005)
    minimum = dense.solve_minimum(given.teacher, given.input_covariance, 0.3, 3)
    noise = dense.gradient_noise(minimum, given.inputs, given.label_noise, given.batch)
    found = row(compared(given, precision=0.03, seed=5), "excess loss")
    expected = given.learning_rate / 4 * float(np.trace(noise))
    assert abs(found.simulation - expected) < 3 * found.standard_error
    assert found.standard_error < 0.01 * expected


@pytest.mark.slow
def test_the_autocorrelation_of_a_representation_decays_as_the_theory_says() -> None:
    """``E[h_t . h_{t+T}]`` falls by ``exp(-decay_rate T)`` once the fluctuation is forgotten.

    Of ``E|h_{t+T} - h_t|^2 = 2 E|h|^2 - 2 E[h_t . h_{t+T}]`` the fall is taken relative to the
    first lag, which removes the shift of the mean representation at finite learning rate.
    """
    given = replace(BOTTLENECK, learning_rate=0.01)
    trajectory = simulate(given, steps=300_000, replicas=512, seed=8)
    representation = trajectory.representation(given.stimuli[0])
    curve = displacement_curve(trajectory.steps, representation)
    relaxed = (curve.lags > 3_000) & (curve.lags < 60_000)
    lags, moved, error = (
        values[relaxed] for values in (curve.lags, curve.mean, curve.standard_error)
    )
    first = np.mean(np.sum(representation**2, axis=-1)) - 0.5 * moved[0]
    fall = 0.5 * (moved - moved[0]) / first
    expected = -np.expm1(-dense.evaluate(given).stimuli[0].decay_rate * (lags - lags[0]))
    tolerance = 3 * 0.5 * np.hypot(error, error[0]) / first
    assert np.all(np.abs(fall - expected) <= tolerance + 0.02 * expected)
    assert np.all(tolerance[-3:] < 0.15 * expected[-3:])


@pytest.mark.parametrize("given", [BOTTLENECK, MISALIGNED], ids=["bottleneck", "misaligned"])
def test_displacements_leave_a_plateau_at_twice_the_speed_of_diffusion(
    given: LearningProblem,
) -> None:
    """``2 tr(P Gamma P') + 2 w' Delta w lag`` and the arc of a steady rotation, at long lags.

    Plateau and slope from the full matrices, without the theory of the whole curve.
    """
    given = replace(given, learning_rate=0.25 * given.learning_rate)
    minimum = dense.solve_minimum(
        given.teacher, given.input_covariance, given.weight_decay, given.hidden
    )
    fluctuation = stationary_fluctuation(
        dense.hessian_matrix(
            minimum.point, given.teacher, given.input_covariance, given.weight_decay
        ),
        dense.gradient_noise(minimum, given.inputs, given.label_noise, given.batch),
        reachable_basis(minimum),
        given.learning_rate,
    )
    outputs, inputs = given.teacher.shape
    modes = fluctuation.basis.reshape(minimum.rank, inputs + outputs, -1)[:, :inputs]
    validation = compared(given, precision=0.015, seed=11)
    for stimulus, theory, curve in zip(
        given.stimuli, dense.evaluate(given).stimuli, validation.displacement, strict=True
    ):
        moved = np.einsum("rnk,n->rk", modes, stimulus.vector)
        plateau = 2 * np.einsum("rk,kl,rl->", moved, fluctuation.covariance, moved)
        late = (curve.lags >= 2 * validation.window) & (curve.lags <= 16 * validation.window)
        arc = (theory.mean_speed * curve.lags) ** 2
        expected = (plateau + 2 * theory.diffusion * curve.lags + arc)[late]
        allowed = 4 * curve.standard_error[late] + 4 * validation.stiffness * expected
        assert np.all(np.abs(curve.simulation[late] - expected) < allowed)
        assert np.all(allowed < 0.2 * expected)


def test_displacements_reach_from_the_fastest_relaxation_to_far_beyond_the_window() -> None:
    validation = compared(THREE, precision=0.02, seed=12)
    fastest = 1 / (THREE.learning_rate * dense.evaluate(THREE).minimum.hessian_max)
    assert len(validation.displacement) == len(THREE.stimuli)
    for curve in validation.displacement:
        assert curve.lags[0] < fastest
        assert curve.lags[-1] >= 8 * validation.window
        ratios = curve.lags[1:] / curve.lags[:-1]
        assert np.all(np.abs(ratios - 2.0) < 0.1)
        near = curve.lags <= 4 * validation.window
        deviation = np.abs(curve.simulation - curve.theory)[near]
        assert np.all(deviation < 4 * curve.standard_error[near] + 0.05 * curve.theory[near])
        assert np.all(curve.standard_error[near] < 0.03 * curve.simulation[near])


def test_rotations_are_validated_without_any_stimulus() -> None:
    """Those of the same run with stimuli, of which nothing else is asked."""
    with_stimuli = compared(MISALIGNED, precision=0.3)
    without = compared(replace(MISALIGNED, stimuli=()), precision=0.3)
    assert without.rows == tuple(
        row for row in with_stimuli.rows if not row.quantity.startswith(READ_OFF)
    )
    assert len(without.rows) < len(with_stimuli.rows)
    assert not without.displacement and not without.displacement_rows
    record = json.loads(json.dumps(without.to_dict()))
    assert record["similarity"]["simulation"] == []


def test_displacements_of_wide_networks_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two inputs, outputs and active axes: noise reaches four directions."""
    monkeypatch.setattr(validation_module, "MOST_DIRECTIONS", 3)
    wide = compared(TWO, steps=11_000, replicas=8)
    assert wide.displacement == ()
    assert wide.displacement_rows == ()
    monkeypatch.setattr(validation_module, "MOST_DIRECTIONS", 4)
    assert len(compared(TWO, steps=11_000, replicas=8).displacement) == 2


def test_the_similarity_of_representations_stays_that_of_the_minimum() -> None:
    """Up to corrections in proportion to the rate, while the representations turn."""
    excess = []
    for rate in (0.02, 0.01):
        validation = compared(replace(STIMULI, learning_rate=rate), precision=0.02, seed=9)
        similarity = validation.similarity
        simulation, errors = similarity.simulation, similarity.standard_error
        assert np.array_equal(simulation, simulation.T)
        assert np.all(errors < 1e-3 * np.diagonal(similarity.minimum).max())
        excess.append((simulation - similarity.minimum, errors))
    (fast, fast_errors), (slow, slow_errors) = excess
    assert np.max(np.abs(fast)) < 0.03 * np.diagonal(validation.similarity.minimum).min()
    assert np.max(np.abs(fast) / fast_errors) > 6
    spread = np.hypot(fast_errors, 2 * slow_errors)
    assert np.all(np.abs(fast - 2 * slow) < 4 * spread + 0.1 * np.abs(fast))


@pytest.mark.slow
def test_representations_of_the_shipped_bottleneck_are_those_of_the_next_order() -> None:
    """At its own rate within 3 %, where the minimum is off by 14 %; by a sixteenth of it at 1/4."""
    study = read_study("bottleneck").problem()
    mixed = Stimulus("mixed", np.array([1.0, -1.0, 0.5, 0.0]))
    missed = []
    for rate in (study.learning_rate, study.learning_rate / 4):
        given = replace(study, learning_rate=rate, stimuli=(*study.stimuli[:2], mixed))
        similarity = compared(given, precision=0.01, seed=2).similarity
        expected = observe(given, np.ones(1)).similarity.gram
        lengths = np.sqrt(np.diagonal(expected))
        sizes = np.outer(lengths, lengths)
        missed.append((similarity.simulation - expected) / sizes)
        errors = similarity.standard_error / sizes
        assert np.all(errors < 5e-4)
        at_minimum = (similarity.simulation - similarity.minimum) / sizes
        assert np.abs(np.diagonal(at_minimum)).min() > 4 * np.abs(missed[-1]).max()
    assert np.all(np.abs(missed[0]) < 0.03)
    assert np.all(np.abs(missed[1] - missed[0] / 16) < 4 * errors + 0.2 * np.abs(missed[0]) / 16)


@pytest.mark.slow
@pytest.mark.parametrize("given", [BOTTLENECK, SAMPLES], ids=["bottleneck", "samples"])
def test_diffusion_of_representations_is_that_of_the_shorter_ones(given: LearningProblem) -> None:
    """Of the theory with its next order, which shortens those of the bottleneck by 14 %."""
    validation = validate_rate(given, seed=13, precision=0.01)
    for found in validation.rows:
        if found.quantity.startswith(READ_OFF):
            later = validation.learning_rate * (found.correction or 0.0) * found.scale
            deviation = abs(found.simulation - found.theory - later)
            assert deviation < 3.5 * found.standard_error + found.allowance, found
            assert found.standard_error < 0.1 * found.scale, found


def test_windows_three_times_as_long_give_the_same_estimate() -> None:
    short = row(compared(TWO, precision=0.01, seed=6), "V[12]")
    long = row(compared(TWO, precision=0.01, seed=7, relaxations=9.0), "V[12]")
    spread = np.hypot(short.standard_error, long.standard_error)
    assert abs(short.simulation - long.simulation) < 3 * spread


@pytest.mark.slow
def test_intervals_of_simulated_runs_cover_as_often_as_they_say() -> None:
    """400 independent short runs; 95 % intervals about the mean of all of them.

    That mean replaces the exact value at this learning rate, which differs from the theory's by
    a few percent; its own error is a twentieth of that of a run.
    """
    schedule = plan_single(TWO, minimum_of(TWO), 11_000, 32, 0.01)
    networks = Run(TWO, dense.evaluate(TWO), schedule, 400 * 32, seed=0)
    runs = [
        networks.compare(networks.simulate(first, 32, None, None, None)[0], 32)
        for first in range(0, 400 * 32, 32)
    ]
    quantile = scipy.stats.t.ppf(0.975, 2 * 32 - 1)
    for index, found in enumerate(runs[0].rows):
        values = np.array([run.rows[index].simulation for run in runs])
        errors = np.array([run.rows[index].standard_error for run in runs])
        covered = np.mean(np.abs(values - values.mean()) <= quantile * errors)
        assert 0.93 <= covered <= 0.97, (found.quantity, covered)


def test_results_do_not_depend_on_threads() -> None:
    one = compared(THREE, steps=20_000, replicas=40, threads=1)
    two = compared(THREE, steps=20_000, replicas=40, threads=2)
    for left, right in zip(one.rows, two.rows, strict=True):
        assert left == right


def test_few_replicas_are_cut_into_segments_for_their_standard_errors() -> None:
    few = compared(TWO, steps=600_000, replicas=1)
    many = compared(TWO, steps=13_000, replicas=64)
    ratio = row(few, "V[12]").standard_error / row(many, "V[12]").standard_error
    assert 0.5 < ratio < 2.0


@pytest.mark.slow
def test_rank_one_has_no_planes_but_a_fluctuation() -> None:
    given = problem([2.0, 0.7], weight_decay=0.2, learning_rate=0.005, hidden=1)
    validation = compared(given, precision=0.1)
    names = {found.quantity for found in validation.rows}
    assert not any(name.startswith(("V", "mu", *READ_OFF)) for name in names)
    assert names == {"weight variance", "excess loss"}
    assert [row.quantity for row in validation.displacement_rows] == [
        "displacement of axis 1",
        "displacement of axis 2",
    ]
    assert validation.passed


def test_the_record_has_the_fields_of_the_command_line() -> None:
    record = compared(TWO, steps=20_000, replicas=16).to_dict()
    json.dumps(record, allow_nan=False)
    assert set(record) >= {"rows", "steps", "replicas", "window", "seed", "passed"}
    assert set(record["rows"][0]) == {
        "quantity", "theory", "simulation", "standard_error", "z", "ratio", "predicted",
        "predicted_z",
    }  # fmt: skip
    first = record["rows"][0]
    assert first["z"] == pytest.approx(
        (first["simulation"] - first["theory"]) / first["standard_error"]
    )
    assert next(r for r in record["rows"] if r["quantity"] == "mu[12]")["ratio"] is None


def test_an_excess_norm_that_later_orders_make_larger_is_not_called_wrong() -> None:
    """The next order makes it; behind, each order is smaller by the share of the critical rate."""
    given = read_study("isotropic_autoencoder").with_values({"learning.rate": 0.05}).problem()
    validation = validate_rate(given, 20_000, 64)
    norms = [each for each in validation.rows if each.quantity.startswith("excess norm")]
    assert min(each.predicted_z for each in norms) < -6
    assert validation.verdict is Verdict.UNDECIDED
    # What later orders cannot make is a miss.
    wrong = [replace(each, predicted=0.3 * each.theory) for each in norms]
    assert all(each.judge(5, validation.units) is Verdict.DISAGREE for each in wrong)


def test_where_networks_run_away_a_rate_is_named_that_runs() -> None:
    """How far these turn says nothing of other rates: a share of that would need more steps."""
    given = read_study("misaligned_teacher").with_values({"learning.rate": 0.1}).problem()
    with pytest.raises(RequestError, match=r"= 0\.1 is too large .* try 0\.05 or less"):
        validate_rate(given, 3000)
    assert not validate_rate(replace(given, learning_rate=0.05), 3000).interrupted


def test_a_row_is_judged_by_the_theory_with_its_next_order_and_says_so() -> None:
    """Representations of the bottleneck at its own rate miss the minimum by many errors."""
    given = read_study("bottleneck").problem()
    validation = validate_rate(given, 9000, 256)
    learning = replace(given, learning_rate=0.5 * given.learning_rate)
    for found in validation.rows[:4]:
        assert found.predicted is not None
        assert found.correction is not None
        following = given.learning_rate * found.correction * found.scale
        assert found.predicted == pytest.approx(found.theory + following, rel=1e-12, abs=1e-20)
    table = validation_table(validation.rows, validation.said)
    shown = {cells[0]: dict(zip(table.head, cells, strict=True)) for cells in table.rows}
    assert abs(row(validation, "D_h[axis 1]").z) > 4
    assert float(shown["D_h[axis 1]"]["z from it"]) == pytest.approx(
        row(validation, "D_h[axis 1]").predicted_z, abs=0.006
    )
    # Of an excess that the next order makes, that order is off by more than a tenth.
    assert shown["excess norm of axis 1"]["verdict"] == "undecided"
    assert "excess norm of axis 1" in validation.doubts
    assert "its next order included" in validation.rule
    few = validate_rate(learning, 20_000, 4)
    assert few.shown_only
    assert all(name in few.rule for name in few.shown_only)


def test_the_rule_for_one_row_is_three_standard_errors_and_stricter_for_more() -> None:
    def made(rows: int) -> Validation:
        return Validation(
            study="made",
            learning_rate=0.01,
            rows=(Row("V", 1.0, 1.0, 0.1, 0.0, 1.0),) * rows,
            steps=1,
            replicas=1,
            window=1,
            seed=0,
            stiffness=0.01,
            completed=1.0,
            units=10**9,
            similarity=Similarity(np.zeros((0, 0)), np.zeros((0, 0)), np.zeros((0, 0))),
            displacement=(),
            decay_rates=(),
        )

    assert made(1).critical_z == pytest.approx(3.0)
    assert 3.5 < made(10).critical_z < 3.8
    assert "(3 times learning rate times largest Hessian eigenvalue)" in made(1).rule
    off = replace(made(1), rows=(Row("V", 1.0, 1.31, 0.1, 0.0, 1.0),))
    assert replace(off, second=SecondLook(1, 10**9, off.rows)).verdict is Verdict.DISAGREE
    assert off.verdict is Verdict.UNDECIDED
    assert off.doubts.startswith("there was no time for further replicas, which would judge")
    between = replace(off, second=SecondLook(1, 10**9, (Row("V", 1.0, 1.2, 0.1, 0.0, 1.0),)))
    assert between.verdict is Verdict.UNDECIDED
    assert (
        between.doubts == "what is missed of V is neither confirmed nor refuted by further replicas"
    )
    near = replace(off, rows=(Row("V", 1.0, 1.31, 0.1, 0.02, 1.0),))
    assert near.verdict is Verdict.UNDECIDED
    assert replace(off, rows=(Row("V", 1.0, 1.031, 0.01, 0.002, 1.0),)).passed


@pytest.mark.parametrize(("missed", "verdict"), [(0.02, Verdict.AGREE), (0.052, Verdict.UNDECIDED)])
def test_what_an_unknown_order_may_explain_it_may_hide(missed: float, verdict: Verdict) -> None:
    """An error of 10 %, where 5 % are left to it."""
    found = Row("V", 1.0, 1 + missed, 0.002, 0.05, 1.0, unknown=0.05)
    assert found.judge(3.0, 10**9) is verdict
    assert replace(found, predicted=1.0, unknown=0.0).judge(3.0, 10**9) is Verdict.AGREE


@pytest.mark.slow
@pytest.mark.parametrize(("factor", "verdict"), [(1.0, "agree"), (1.08, "disagree")])
def test_a_fluctuation_partly_by_synapses_is_judged_by_the_next_order_of_the_rest(
    factor: float, verdict: str
) -> None:
    """A seventh of it here; that the order of that part is not known hid an error of all."""
    given = replace(TWO, synaptic_noise=1e-7)
    theory = evaluate(given, order=2)
    wrong = factor * theory.fluctuation.weight_variance
    theory = replace(theory, fluctuation=replace(theory.fluctuation, weight_variance=wrong))
    validation = validate_rate(given, precision=0.02, seed=13, theory=theory)
    assert validation.said(row(validation, "weight variance")) == verdict


def test_an_interrupt_keeps_the_windows_that_were_finished() -> None:
    def interrupt_halfway(done: int, total: int) -> None:
        if done > total // 2:
            raise KeyboardInterrupt

    given = replace(TWO, learning_rate=0.001)
    validation = validate_rate(
        given,
        steps=2_000_000,
        replicas=256,
        theory=dense.evaluate(given),
        progress=interrupt_halfway,
    )
    assert validation.interrupted
    # A second look, half as long, might follow.
    assert 0.3 < validation.completed < 0.6
    assert row(validation, "V[12]").standard_error > 0


def test_an_interrupt_of_the_second_look_leaves_the_first_undecided(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of one whose errors are small, and whose theory is wrong by a half."""
    theory = dense.evaluate(TWO)
    wrong = replace(theory, drift=replace(theory.drift, covariance=1.5 * theory.drift.covariance))
    simulate, seen = Run.simulate, []

    def ended(self: Run, first: int, *rest: Any) -> Any:
        seen.append(first)
        if first:
            raise KeyboardInterrupt
        return simulate(self, first, *rest)

    monkeypatch.setattr(Run, "simulate", ended)
    found = validate_rate(TWO, steps=400_000, replicas=64, theory=wrong)
    assert seen == [0, 64]
    assert [entry.quantity for entry in found.missed] == ["V[12]"]
    assert found.completed == pytest.approx(2 / 3)
    assert found.second is None
    assert {found.said(entry) for entry in found.rows} == {Verdict.UNDECIDED}
    assert found.conclusion == "undecided (66 % of the run)"


def test_an_interrupt_of_the_comparison_keeps_what_was_measured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compare, seen = Run.compare, []

    def ended(self: Run, *measured: Any) -> Any:
        seen.append(measured)
        if len(seen) == 1:
            raise KeyboardInterrupt
        return compare(self, *measured)

    monkeypatch.setattr(Run, "compare", ended)
    found = validate_rate(TWO, steps=40_000, replicas=64, theory=dense.evaluate(TWO))
    assert len(seen) == 2
    assert found.interrupted
    assert found.verdict is Verdict.UNDECIDED


def test_what_needs_a_whole_run_is_ended_by_an_interrupt(monkeypatch: pytest.MonkeyPatch) -> None:
    def cut(*arguments: Any, **options: Any) -> Any:
        return ensemble.measure(*arguments, **options)[0], True

    monkeypatch.setattr(validation_module, "measure", cut)
    with pytest.raises(KeyboardInterrupt):
        planned_rate(TWO, 0.3, 0)
    with pytest.raises(KeyboardInterrupt):
        measured_slopes(TWO, precision=0.3)
    monkeypatch.setattr(series_module, "run_blocks", lambda *_: ([], True))
    with pytest.raises(KeyboardInterrupt):
        slopes_beside_series(TWO, theory_of(TWO), error=1.0)


@pytest.mark.slow
def test_progress_never_goes_back() -> None:
    seen: list[tuple[int, int]] = []
    compared_with_progress = validate_rate(
        TWO,
        steps=1_000_000,
        replicas=256,
        theory=dense.evaluate(TWO),
        progress=lambda done, total: seen.append((done, total)),
    )
    assert seen
    assert seen == sorted(seen)
    assert seen[-1][0] <= seen[-1][1] == compared_with_progress.steps * 256


def test_a_run_too_short_for_its_windows_is_refused() -> None:
    with pytest.raises(RequestError, match=r"steps = 100 is too short: .* at least \d+"):
        compared(TWO, steps=100)


def test_divergence_is_refused_with_step_and_share(monkeypatch: pytest.MonkeyPatch) -> None:
    def diverges(*_: object, **__: object) -> None:
        raise Diverged(128)

    monkeypatch.setattr(validation_module, "measure", diverges)
    said = (
        r"^learning\.rate = 0\.005 makes SGD diverge within 128 steps, at 0\.0\d of the critical "
        r"rate; lower it to 0\.0025 or less$"
    )
    with pytest.raises(RequestError, match=said):
        validate_rate(TWO, steps=20_000, replicas=8)


def test_more_replicas_than_fit_into_memory_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "available_memory", lambda: 2**20)
    with pytest.raises(RequestError, match=r"replicas = 2000 is too many: .* 1 MiB are available"):
        compared(TWO, steps=20_000, replicas=2_000)
    monkeypatch.setattr(planning, "available_memory", lambda: 2**26)
    assert compared(TWO, steps=11_000, replicas=2_000).rows


def test_vanishing_correlations_of_many_planes_are_no_rows() -> None:
    given = problem([2.0, 1.5, 1.0, 0.7], weight_decay=0.3, learning_rate=0.005)
    quantities = [found.quantity for found in compared(given, precision=0.05).rows]
    assert sum(quantity.startswith("V[") for quantity in quantities) == 6


@pytest.mark.slow
@pytest.mark.parametrize("hidden", [2, 4], ids=["all active", "two silent"])
def test_synaptic_noise_turns_active_axes_among_each_other_and_into_silent_ones(
    hidden: int,
) -> None:
    """``V = s^2 / (2 (s_i + s_j))`` beside the area that gradient noise sweeps."""
    variance = 4e-10
    given = replace(TWO, hidden=hidden, synaptic_noise=variance)
    validation = validate_rate(given, precision=0.02, seed=13)
    assert validation.passed, validation.rows
    strengths = np.array([1 - 0.2 / 2.0, 1 - 0.2 / 0.7, 0.0, 0.0])
    for i, j in [(0, j) for j in range(1, hidden)] + [(1, j) for j in range(2, hidden)]:
        swept = PUBLISHED["two"].theory if (i, j) == (0, 1) else 0.0
        direct = variance / (2 * (strengths[i] + strengths[j]))
        found = row(validation, f"V[{i + 1}{j + 1}]")
        assert abs(found.simulation - direct - swept) < 4 * found.standard_error + 0.07 * swept
        assert found.standard_error < 0.03 * (direct + swept)
        assert 0.3 * swept < direct


def test_divergence_names_rate_and_stiffness() -> None:
    given = problem([3.0, 1.0], weight_decay=0.2, learning_rate=0.3)
    with pytest.raises(RequestError, match=r"learning\.rate = 0\.3 .*"):
        compared(given)


def test_planning_holds_no_matrix_of_all_weights() -> None:
    """Of 16 axes 512 weights, whose noise alone would be a matrix of 2 MiB."""
    wide = read_study("isotropic_autoencoder").with_values({"n": 16}).problem()
    theory = evaluate(wide)
    minimum_of(wide)
    tracemalloc.start()
    planning.linear_rate(wide, theory, 0.01)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**19


@pytest.mark.slow
def test_many_independent_planes_are_compared_by_their_variances_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """15 planes: entries beside the diagonal are not estimated, and ``V`` is not made."""
    wide = read_study("isotropic_autoencoder").with_values({"n": 6}).problem()
    monkeypatch.setattr(IndependentDrift, "covariance", property(lambda _: pytest.fail("made")))
    names = [row.quantity for row in validate_rate(wide, 8000, 4).rows]
    assert sum(name.startswith("V[") for name in names) == 15

"""Networks in motion: what their figures show agrees with the theory."""

from __future__ import annotations

from itertools import islice
from typing import Any

import numpy as np
import pytest

from symdrift.documents.drawings import FigureModule
from symdrift.documents.report import Results
from symdrift.evaluation.evaluate import evaluate
from symdrift.figures import fluctuation_spectrum, scaling, standstill, swept_area, weight_decay
from symdrift.figures.fluctuation_spectrum import FluctuationSpectrum
from symdrift.figures.scaling import Isotropic, Scaling, ScalingPanel
from symdrift.figures.simulated import SimulatedPoints, Simulations
from symdrift.figures.standstill import Standstill
from symdrift.figures.style import rendered
from symdrift.figures.swept_area import SweptArea
from symdrift.study import read_study
from symdrift.study.problem import Array
from symdrift.validation.extrapolate import Extrapolation, extrapolate

PROBLEM = read_study("anisotropic_autoencoder").problem()
EVALUATION = evaluate(PROBLEM)
TIME = np.arange(5.0)
POINTS = SimulatedPoints(0, 1 + TIME[:2], np.ones(2), np.array([0.95, 1.02]), np.full(2, 0.04))

KINDS: dict[str, FigureModule] = {
    "standstill": standstill,
    "fluctuation_spectrum": fluctuation_spectrum,
    "swept_area": swept_area,
    "scaling": scaling,
}
EXAMPLES: dict[str, Any] = {
    "standstill": Standstill(
        "frequent $5", 0.03, TIME, 1 + 0.1 * TIME, 1.0, 0.1,
        (("frequent $5", "a stimulus with a long name", TIME),), np.stack([TIME, -TIME], axis=1),
    ),
    "fluctuation_spectrum": FluctuationSpectrum(
        1 + TIME, 1e-3 / (1 + TIME), 1.1e-3 / (1 + TIME), np.full(5, 1e-5), 0.02
    ),
    "swept_area": SweptArea(
        (1, 2), 0.03, np.array([[0.0, 1.0], [1.0, 1.0], [1.0, 0.0], [2.0, 2.0]]), TIME, TIME, TIME
    ),
    "scaling": Scaling(
        tuple(
            ScalingPanel(
                name, 1 + TIME, (("plane (1, 2)", (1 + TIME) ** 3),), (0.02 * (1 + TIME),),
                exponent, 2.0, Simulations((POINTS,), left_out, 0.02),
            )
            for name, exponent, left_out in (("$a$", 3, 0), ("$b$", None, 2), ("$c$", -2, 0))
        ),
        Isotropic(1.5, 0.002),
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", sorted(EXAMPLES))
def test_figures_repeat_to_the_byte_and_name_their_axes(kind: str) -> None:
    drawn = KINDS[kind].draw(EXAMPLES[kind])
    for suffix in (".svg", ".pdf"):
        again = rendered(KINDS[kind].draw(EXAMPLES[kind]), suffix)
        assert rendered(drawn, suffix) == again
    visible = [axes for axes in drawn.axes if axes.get_visible()]
    assert visible[-1].get_xlabel()
    assert all(axes.get_ylabel() for axes in visible)
    assert kind != "scaling" or all("rad$^2$ / step" in axes.get_ylabel() for axes in visible)
    caption = KINDS[kind].caption(EXAMPLES[kind])
    assert caption.endswith(".")
    assert "\\" not in caption


@pytest.mark.slow
def test_the_area_that_the_deviation_sweeps_is_the_rotation_of_the_hidden_layer() -> None:
    moved = swept_area.numbers(PROBLEM, EVALUATION)
    assert moved is not None
    assert moved.plane == (2, 3), "the plane of largest diffusion"
    # The angle is that of polar factors and knows of no area; they agree at leading order.
    assert np.corrcoef(moved.area, moved.angle)[0, 1] > 0.99
    assert np.std(moved.area - moved.angle) < 0.1 * np.std(moved.angle)
    # The path lies in the plane of two deviations, whose size the theory gives.
    spread = np.sqrt(np.mean(moved.path**2))
    weight_variance = EVALUATION.fluctuation.weight_variance * moved.learning_rate / 0.005
    assert 0 < spread < np.sqrt(weight_variance)


def test_the_fluctuation_is_that_of_the_theory_along_every_direction() -> None:
    spectrum = fluctuation_spectrum.numbers(PROBLEM, EVALUATION)
    assert spectrum is not None
    assert np.sum(spectrum.theory) == pytest.approx(EVALUATION.fluctuation.weight_variance)
    assert 0.5 * spectrum.stiffness @ spectrum.theory == pytest.approx(
        EVALUATION.fluctuation.excess_loss
    )
    assert np.all(spectrum.standard_error < 0.02 * spectrum.theory)
    deviation = np.abs(spectrum.simulation - spectrum.theory)
    allowed = 4 * spectrum.standard_error + spectrum.expected_error * spectrum.theory
    assert np.all(deviation < allowed)


@pytest.mark.slow
def test_loss_and_similarities_stay_while_the_representation_moves() -> None:
    still = standstill.numbers(PROBLEM, EVALUATION)
    assert still is not None
    assert still.stimulus == "axis 3", "the weakest axis loses its memory fastest"
    excess = still.loss - still.smallest_loss
    assert np.all(excess > 0)
    assert np.mean(excess) == pytest.approx(still.excess_loss, rel=0.2)
    half = len(still.time) // 2
    for _, _, values in still.similarities:
        early, late = np.mean(values[:half]), np.mean(values[half:])
        assert abs(early - late) < 0.02
    early, late = (np.mean(part, axis=0) for part in np.split(still.representation[: 2 * half], 2))
    assert np.linalg.norm(early - late) > 0.3


@pytest.mark.slow
def test_the_loss_of_a_network_holds_what_label_noise_leaves() -> None:
    problem = read_study("teacher_label_noise").problem()
    evaluation = evaluate(problem)
    still = standstill.numbers(problem, evaluation)
    assert still is not None
    assert still.smallest_loss == pytest.approx(evaluation.minimum.loss)
    assert np.mean(still.loss - still.smallest_loss) == pytest.approx(still.excess_loss, rel=0.2)


@pytest.fixture(scope="module")
def extrapolation() -> Extrapolation:
    return extrapolate(PROBLEM, [0.00125, 0.0025, 0.005], 256, precision=0.04)


@pytest.mark.slow
def test_diffusion_scales_as_the_formulas_say(extrapolation: Extrapolation) -> None:
    laws = scaling.numbers(PROBLEM, EVALUATION, extrapolation)
    assert laws is not None
    assert laws.isotropic is not None
    rate, batch, size = laws.panels
    for panel, exponent in ((rate, 3), (batch, -2)):
        assert panel.exponent == exponent
        for _, diffusion in panel.diffusion:
            slopes = np.diff(np.log(diffusion)) / np.diff(np.log(panel.values))
            assert slopes == pytest.approx(np.full(len(slopes), exponent), abs=1e-6)
    variance = np.mean([2.0, 1.0, 0.7])

    learning_rate = laws.isotropic.learning_rate

    def isotropic(inputs: Array) -> Array:
        value = 1 - 0.3 / variance
        return np.asarray(learning_rate**3 * (inputs + 2) * 0.3**4 / (16 * variance * value))

    assert laws.isotropic.input_variance == pytest.approx(variance)
    assert size.diffusion[0][1] == pytest.approx(isotropic(size.values))
    # Simulations against the formulas: three per panel, and three planes of the study.
    assert size.simulations is not None
    (points,) = size.simulations.points
    assert points.values.tolist() == [2, 4, 8]
    assert_simulated(points, isotropic(points.values))
    assert batch.simulations is not None
    for points, variance_12 in zip(
        batch.simulations.points, np.diagonal(EVALUATION.drift.covariance), strict=True
    ):
        assert len(points.values) == 3
        assert_simulated(points, variance_12 / 2 / points.values**2)
    assert rate.simulations is not None
    for points in rate.simulations.points:
        assert sorted(points.values) == [0.00125, 0.0025, 0.005]


def test_the_weight_decay_has_simulations_on_its_lines(extrapolation: Extrapolation) -> None:
    sweep = weight_decay.numbers(PROBLEM, EVALUATION, extrapolation)
    assert sweep.simulations is not None
    assert sweep.simulations.left_out == 0
    for points, (_, curve) in zip(sweep.simulations.points, sweep.diffusion, strict=True):
        assert sorted(points.values) == pytest.approx([0.09, 0.3, 0.6])
        there = np.isfinite(curve)
        on_line = np.interp(
            np.log(points.values), np.log(sweep.weight_decay[there]), np.log(curve[there])
        )
        assert points.theory == pytest.approx(np.exp(on_line), rel=0.05)
        assert_simulated(points, points.theory)


def assert_simulated(points: SimulatedPoints, theory: Array) -> None:
    """Points with honest errors lie within these and first-order corrections."""
    assert np.all(points.standard_error < 0.06 * theory)
    assert np.all(np.abs(points.simulation - theory) < 4 * points.standard_error + 0.06 * theory)


def test_points_that_take_too_long_are_left_out_and_counted(
    extrapolation: Extrapolation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("symdrift.figures.simulated.MOST_WEIGHT_STEPS", 0.0)
    laws = scaling.numbers(PROBLEM, EVALUATION, extrapolation)
    assert laws is not None
    assert [panel.simulations and panel.simulations.left_out for panel in laws.panels] == [0, 2, 3]
    assert "5 points are left out" in scaling.caption(laws)


def test_captions_state_the_errors_of_points() -> None:
    caption = scaling.caption(EXAMPLES["scaling"])
    assert "at most 4 % of the theory" in caption
    assert "0.95 to 1.02 times the lines" in caption
    assert "2 points are left out" in caption


def test_simulations_of_a_report_are_kept(
    extrapolation: Extrapolation,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    monkeypatch.setenv("SYMDRIFT_CACHE", str(tmp_path_factory.mktemp("kept")))
    results = Results(
        extrapolation=extrapolation, comparisons=None, problem=PROBLEM, exact=EVALUATION,
        white=EVALUATION, frequencies=None,
    )  # fmt: skip
    places = ("standstill", "fluctuation_spectrum", "swept_area")
    for name in places:
        monkeypatch.setattr(KINDS[name], "numbers", lambda *_, name=name: EXAMPLES[name])
    first = list(islice(results.drawings(), 3))
    for name in places:
        monkeypatch.delattr(KINDS[name], "numbers")
    second = list(islice(results.drawings(), 3))
    assert [drawing.stem for drawing in second] == ["standstill", "fluctuation", "area"]
    captions = [[each.figure.caption(each.data) for each in drawn] for drawn in (first, second)]
    assert captions[0] == captions[1]

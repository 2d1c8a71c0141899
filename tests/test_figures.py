"""Figures show the numbers they are given, with units, and repeat to the byte."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import test_figure_numbers
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from symdrift import figures
from symdrift.documents.comparison_tables import compare, comparison_tables
from symdrift.documents.drawings import FigureModule
from symdrift.errors import RequestError
from symdrift.evaluation.evaluate import evaluate
from symdrift.figures import (
    bands,
    blocks,
    counterparts,
    decay_rates,
    frequency,
    irrelevant_variance,
    learning_rate,
    scaling,
    slopes,
    validation,
    weight_decay,
)
from symdrift.figures.blocks import BlockStructure
from symdrift.figures.counterparts import Counterparts, SizeCurve
from symdrift.figures.decay_rates import DecayRates
from symdrift.figures.frequency import FrequencyCurve, FrequencySweep
from symdrift.figures.irrelevant_variance import IrrelevantVariance
from symdrift.figures.learning_rate import (
    DisplacementCurve,
    LearningRateLimit,
    RateSeries,
    RatioLimit,
)
from symdrift.figures.style import rendered, save
from symdrift.figures.validation import ValidationRatios
from symdrift.figures.weight_decay import WeightDecaySweep
from symdrift.inputs import StimulusSet
from symdrift.study import read_study
from symdrift.study.problem import LearningProblem
from symdrift.typesetting.formula import Formula
from symdrift.typesetting.reading import read
from symdrift.validation.extrapolate import Extrapolation, extrapolate
from symdrift.validation.measured_slopes import Slope

GRID = np.geomspace(0.01, 0.5, 12)
RATES = np.array([0.0025, 0.005, 0.01])
LAGS = np.geomspace(1, 1e6, 20)
WIDE = np.array([0.05, 0.1, 0.3])

KINDS: dict[str, FigureModule] = {
    "weight_decay": weight_decay,
    "learning_rate": learning_rate,
    "slopes": slopes,
    "frequency": frequency,
    "decay_rates": decay_rates,
    "blocks": blocks,
    "counterparts": counterparts,
    "irrelevant_variance": irrelevant_variance,
    "validation": validation,
}
EXAMPLES: dict[str, Any] = {
    "slopes": (
        Slope("V[12]", 2.7, 2.8, 0.2), Slope("mu[12]", 0.0, 0.02, 0.05),
        Slope("D_h[axis 1]", 2.5, 2.4, 0.1), Slope("excess loss", 1.4, 1.2, 0.1),
        Slope("D_h[axis 1] by rotation", 2.5, 2.49, 0.02),
    ),
    "weight_decay": WeightDecaySweep(
        GRID, (("(1, 2)", 1e-6 * GRID**4), ("(1, 3)", np.where(GRID < 0.3, 2e-6, np.nan))),
        (0.1 * GRID, np.full(12, 0.02)), 4, 0.1,
    ),
    "learning_rate": LearningRateLimit(
        RATES, 4 * RATES,
        (RateSeries("$V_{12}$", RATES**3, 1.2 * RATES**3, 1.1 * RATES**3, 0.02 * RATES**3),),
        (RateSeries(r"$\mu_{12}$", -(RATES**2), -(RATES**2), -(RATES**2), 0.02 * RATES**2),),
        False,
        "odd $5",
        tuple(DisplacementCurve(rate, LAGS, LAGS, LAGS, 1.1 * LAGS, 0.1 * LAGS) for rate in RATES),
        (RatioLimit("$V_{12}$", 1 + 4 * RATES, np.full(3, 0.02), 1.003, 0.011, 4.0),),
    ),
    "frequency": FrequencySweep(
        np.array([0.1, 0.3, 0.5]), np.array([0.3]),
        (
            FrequencyCurve("own $5", np.array([3.0, 1, 2]), WIDE, np.array([1.1]), np.array([0.1])),
            FrequencyCurve("other", np.array([1.0, 2, 8]), WIDE, np.array([2.0]), np.array([0.1])),
        ),
        0.25,
    ),
    "decay_rates": DecayRates(
        ("frequent", "rare $5"), np.array([1e-6, 2e-6]), np.array([1e-7, 5e-7]), np.full(2, 3e-6)
    ),
    "blocks": BlockStructure(np.diag([1.0, 2.0, 3.0]), np.eye(3), (1, 2)),
    "counterparts": Counterparts(
        ("a", "rare $5"),
        (
            ("gradient noise", np.array([1.0, 2.0]), np.array([0.1, 0.4])),
            ("synaptic noise", np.array([1.5, 1.5]), np.zeros(2)),
        ),
        (SizeCurve("wider", np.array([2.0, 4.0]), np.array([1.0, 2.0]), np.array([1.0, 1.0])),),
    ),
    "irrelevant_variance": IrrelevantVariance(
        3, GRID, (("(1, 2)", 1e-6 * GRID**2), ("(1, 3)", np.where(GRID < 0.3, 2e-6, np.nan))),
        0.1 * GRID, 0.1, None,
    ),
    "validation": ValidationRatios(
        ("$V_{12}$", "loss"), np.array([1.03, np.nan]), np.array([1.02, 0.97]), np.full(2, 0.02)
    ),
}  # fmt: skip


ELSEWHERE = {"observables", "fitted_rates", "irrelevant_axes"}
"""Drawn in the tests of observations, of fits and of the page of irrelevant inputs."""


def draw(kind: str) -> Figure:
    return KINDS[kind].draw(EXAMPLES[kind])


def test_every_figure_has_an_example() -> None:
    found = {
        path.stem: import_module(f"symdrift.figures.{path.stem}")
        for path in Path(figures.__file__).parent.glob("[!_]*.py")
    }
    drawn = {name for name, module in found.items() if {"draw", "caption"} <= set(vars(module))}
    assert drawn == {*KINDS, *test_figure_numbers.KINDS, *ELSEWHERE}


@pytest.mark.parametrize("kind", sorted(EXAMPLES))
@pytest.mark.parametrize("suffix", [".pdf", ".svg"])
def test_a_figure_repeats_to_the_byte_and_holds_no_date_and_no_version(
    kind: str, suffix: str, tmp_path: Path
) -> None:
    first, second = (
        save(draw(kind), tmp_path / f"{name}{suffix}").read_bytes() for name in ("one", "two")
    )
    assert first == second
    assert len(first) > 1000
    assert not re.search(rb"<dc:date>|Matplotlib v|CreationDate", first)


_DRAWN = """
import sys
from matplotlib import get_data_path
from matplotlib.font_manager import fontManager
if sys.argv[1:]:
    fonts = fontManager.ttflist
    fonts[:] = [entry for entry in fonts if not entry.fname.startswith(get_data_path())]
from symdrift.figures.style import one_panel, rendered
with one_panel() as (figure, axes):
    axes.set_xlabel(r"lag $\\tau$ (steps)")
sys.stdout.buffer.write(rendered(figure, ".svg"))
"""


def test_letters_are_the_same_where_the_list_of_fonts_lacks_them() -> None:
    """Matplotlib keeps such a list when it could not open the fonts that it comes with."""
    whole, lacking = (
        subprocess.run([sys.executable, "-c", _DRAWN, *words], stdout=subprocess.PIPE, check=True)
        for words in ([], ["lacking"])
    )
    assert whole.stdout == lacking.stdout
    assert b"STIXGeneral" in whole.stdout


@pytest.mark.parametrize("suffix", [".pdf", ".svg"])
def test_the_last_digits_of_coordinates_are_not_in_a_drawing(suffix: str) -> None:
    def drawn(left: float) -> bytes:
        figure = Figure()
        figure.add_axes((left, 0.1, 0.8, 0.8)).plot([0, 1, 3], "o")
        return rendered(figure, suffix)

    assert drawn(0.1) == drawn(0.1 + 1e-13)
    assert drawn(0.1) != drawn(0.1 + 1e-3)


@pytest.mark.parametrize("kind", sorted(EXAMPLES))
def test_every_axis_says_what_it_shows(kind: str) -> None:
    figure = draw(kind)
    panels = [axes for axes in figure.axes if axes.get_label() != "<colorbar>"]
    shared = {"frequency": panels[:1]}.get(kind, [])
    for axes in panels:
        assert axes.get_xlabel() or axes in shared
        assert axes.get_ylabel() or kind in ("blocks", "validation")


def test_powers_of_ten_stand_in_the_unit_of_a_label() -> None:
    """Ticks times the power in the label are the numbers of the data."""
    data = EXAMPLES["decay_rates"]
    for factor, label in ((1.0, "decay rate ($10^{-6}$ / step)"), (1e6, "decay rate (1 / step)")):
        scaled = replace(data, exact=factor * data.exact, white=factor * data.white)
        figure = decay_rates.draw(scaled)
        figure.canvas.draw()
        (axes,) = figure.axes
        assert axes.get_ylabel() == label
        ticks = [float(tick.get_text()) for tick in axes.get_yticklabels()]
        power = 1e-6 if factor == 1.0 else 1.0
        np.testing.assert_allclose(power * np.array(ticks), axes.get_yticks())
        assert not (axes.yaxis.get_offset_text().get_visible() and factor == 1.0)


def test_rates_carry_their_units() -> None:
    (sweep,) = draw("weight_decay").axes
    assert "rad$^2$ / step" in sweep.get_ylabel()
    (rates,) = draw("decay_rates").axes
    assert rates.get_ylabel() == "decay rate ($10^{-6}$ / step)"
    variance, rotation, *_ = draw("learning_rate").axes
    assert "rad$^2$ / step" in variance.get_ylabel()
    assert "rad / step" in rotation.get_ylabel()


@pytest.mark.parametrize("kind", sorted(EXAMPLES))
def test_a_caption_is_prose_about_its_data(kind: str) -> None:
    caption = KINDS[kind].caption(EXAMPLES[kind])
    assert caption.endswith(".")
    assert "\\" not in caption


def test_captions_quote_the_numbers_they_are_about() -> None:
    limit = EXAMPLES["learning_rate"]
    assert "1.003 ± 0.011" in learning_rate.caption(limit)
    assert "with its sign" in learning_rate.caption(limit)
    assert "what the next order in the learning rate predicts, up to 20 % of" in (
        learning_rate.caption(limit)
    )
    unknown = [replace(limit.variances[0], predicted=np.nan * RATES)]
    plain = replace(limit, variances=tuple(unknown), rotations=(), displacements=())
    assert "is not computed here" in learning_rate.caption(plain)
    still = replace(limit, rotations=(RateSeries("m", 0 * RATES, RATES, RATES, RATES),))
    assert "which the theory says vanishes" in learning_rate.caption(still)
    assert "synaptic noise" not in learning_rate.caption(limit)
    synaptic = learning_rate.caption(replace(limit, synaptic=True))
    assert "variance of the synaptic noise is scaled with the third power" in synaptic
    sweep = EXAMPLES["frequency"]
    assert "lowest at a probability of 0.30" in frequency.caption(sweep)
    assert "lowest" not in frequency.caption(replace(sweep, curves=sweep.curves[1:]))
    rates = decay_rates.caption(EXAMPLES["decay_rates"])
    assert "slowest is “frequent”, the fastest “rare $5”" in rates
    assert "1 of size 1, 1 of size 2" in blocks.caption(EXAMPLES["blocks"])


def test_bars_show_exactly_the_data() -> None:
    bars, sizes = sorted(draw("counterparts").axes, key=lambda axes: -len(axes.patches))
    heights = [bar.get_height() for bar in bars.patches if isinstance(bar, Rectangle)]
    assert heights == pytest.approx([1.0, 2.0, 0.2, 0.8, 1.5, 1.5])
    assert np.asarray(sizes.get_lines()[0].get_ydata()) == pytest.approx([1.0, 2.0])


def test_rates_are_shown_over_the_power_with_which_the_theory_scales() -> None:
    variance, rotation, _, ratio = draw("learning_rate").axes
    assert np.asarray(variance.get_lines()[0].get_ydata()) == pytest.approx(1.0)
    assert np.asarray(rotation.get_lines()[0].get_ydata()) == pytest.approx(-1.0)
    (fit,) = (line for line in ratio.get_lines() if line.get_linestyle() == "--")
    assert np.asarray(fit.get_data()) == pytest.approx(
        np.array([[0.0, 0.04], [1.003, 1.003 + 4 * 0.04]])
    )


def test_the_frequent_stimulus_is_compared_with_the_others() -> None:
    _, ratio = draw("frequency").axes
    assert np.asarray(ratio.get_lines()[0].get_ydata()) == pytest.approx([3.0, 0.5, 0.25])


def test_the_guide_of_small_weight_decay_has_the_stated_slope() -> None:
    (axes,) = draw("weight_decay").axes
    (guide,) = (line for line in axes.get_lines() if "propto" in str(line.get_label()))
    x, y = (np.log(np.asarray(values, dtype=float)) for values in guide.get_data())
    assert np.diff(y) / np.diff(x) == pytest.approx(4.0)


def test_names_with_dollar_signs_are_printed_as_they_are() -> None:
    (axes,) = draw("decay_rates").axes
    assert [label.get_text() for label in axes.get_xticklabels()] == ["frequent", r"rare \$5"]


def test_an_unknown_suffix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"must end in \.png, \.svg, \.pdf"):
        save(draw("decay_rates"), tmp_path / "figure.bmp")
    assert list(tmp_path.iterdir()) == []


# -- the numbers behind the figures -----------------------------------------------------

PROBLEM = read_study("anisotropic_autoencoder").problem()
MISALIGNED = read_study("misaligned_teacher").problem()


def swept(problem: LearningProblem) -> WeightDecaySweep:
    return weight_decay.numbers(problem, evaluate(problem))


def test_blocks_of_an_autoencoder_are_scalars_and_pairs() -> None:
    structure = blocks.numbers(PROBLEM, 3)
    assert structure is not None
    assert structure.blocks == (1, 1, 1, 2, 2, 2)
    # Scalar blocks of the theory: H_ii = 2 s_i lambda_i and C_ii = 4 s_i gamma^2 (no label noise).
    singular = 1 - 0.3 / np.array([2.0, 1.0, 0.7])
    assert np.diagonal(structure.hessian)[:3] == pytest.approx(
        2 * singular * np.array([2.0, 1.0, 0.7])
    )
    assert np.diagonal(structure.noise)[:3] == pytest.approx(4 * singular * 0.09)


def test_the_weight_decay_sweep_approaches_its_power_and_loses_planes_at_thresholds() -> None:
    sweep = swept(PROBLEM)
    assert sweep.exponent == 4
    planes = dict(sweep.diffusion)
    slope = np.diff(np.log(planes["(1, 2)"][:2])) / np.diff(np.log(sweep.weight_decay[:2]))
    assert slope == pytest.approx(4.0, abs=0.05)
    assert np.all(np.isnan(planes["(1, 3)"][sweep.weight_decay > 0.7]))
    assert np.all(np.isfinite(planes["(1, 3)"][sweep.weight_decay < 0.69]))


def test_a_plane_of_learned_axes_ends_at_the_threshold_though_synaptic_noise_turns_on() -> None:
    sweep = swept(read_study("synaptic_noise").problem())
    curves = {name: values for names, values in sweep.diffusion for name in names.split("), (")}
    third, silent = curves["(2, 3)"], curves["(1, 4"]
    assert np.all(np.isnan(third[sweep.weight_decay > 0.7]))
    assert np.all(np.isfinite(third[sweep.weight_decay < 0.69]))
    assert np.all(np.isfinite(silent))


@pytest.mark.slow
def test_the_power_law_is_not_claimed_where_noise_stays() -> None:
    noisy = read_study("anisotropic_autoencoder").with_values({"teacher.label_noise": 0.1})
    assert swept(noisy.problem()).exponent is None
    assert swept(read_study("bottleneck").problem()).exponent is None
    assert swept(read_study("synaptic_noise").problem()).exponent is None


def test_expensive_problems_get_a_coarser_sweep() -> None:
    """The number of points depends on the problem, not on the speed of the machine."""
    fine = swept(read_study("misaligned_teacher").problem())
    wide = replace(
        read_study("elliptical").problem(),
        hidden=9,
        stimuli=(),
    )
    coarse = swept(wide)
    assert len(coarse.weight_decay) < len(fine.weight_decay)
    assert coarse.weight_decay[0] == pytest.approx(0.01)


# -- simulations behind the figures -----------------------------------------------------


@pytest.fixture(scope="module")
def extrapolation() -> Extrapolation:
    return extrapolate(MISALIGNED, [0.02, 0.005, 0.01], 64, precision=0.05)


def test_every_rate_has_its_place_in_the_limit(extrapolation: Extrapolation) -> None:
    """Theory scales with the third and the second power of the rate, and has a sign."""
    limit = learning_rate.numbers(extrapolation)
    assert limit is not None
    np.testing.assert_allclose(limit.learning_rate, [0.005, 0.01, 0.02])
    (variance,), (rotation,) = limit.variances, limit.rotations
    np.testing.assert_allclose(variance.theory, 4.443e-11 * np.array([1, 8, 64]), rtol=1e-3)
    np.testing.assert_allclose(rotation.theory, -4.342e-8 * np.array([1, 4, 16]), rtol=1e-3)
    assert np.all(np.abs(variance.simulation - variance.theory) < 5 * variance.standard_error)
    # README of the benchmarks: at eta h_max = 0.1 the next order takes 13.38 % off to 0.51 % off.
    grown = variance.predicted / variance.theory - 1
    np.testing.assert_allclose(grown / limit.stiffness, (0.9949 / 0.8662 - 1) / 0.1, rtol=0.01)
    assert [curve.learning_rate for curve in limit.displacements] == [0.005, 0.01, 0.02]
    assert {ratio.label for ratio in limit.ratios} >= {"$V_{12}$", "excess loss"}
    for ratio in limit.ratios:
        line = ratio.limit + ratio.slope * limit.stiffness
        assert np.all(np.abs(line - ratio.ratio) < 5 * ratio.standard_error)


def test_a_rate_outside_the_fit_has_a_place_among_the_curves_only() -> None:
    found = extrapolate(MISALIGNED, [0.01, 0.005], 64, precision=0.1, unfitted=[0.02])
    limit = learning_rate.numbers(found)
    assert limit is not None
    np.testing.assert_allclose(limit.learning_rate, [0.005, 0.01, 0.02])
    np.testing.assert_allclose(limit.stiffness, found.runs[0].stiffness * np.array([0.5, 1]))
    assert all(len(ratio.ratio) == 2 for ratio in limit.ratios)
    assert "at the 2 smallest rates" in learning_rate.caption(limit)
    learning_rate.draw(limit)


def test_ratios_that_say_nothing_are_left_out(extrapolation: Extrapolation) -> None:
    run = extrapolation.runs[0]
    rows = [replace(row, theory=1e-9 * row.standard_error) for row in run.rows[:1]]
    shown = validation.numbers(replace(run, rows=(*rows, *run.rows[1:]))).quantities
    assert ("$V_{12}$", *shown) == validation.numbers(run).quantities
    crowd = [replace(run.rows[0], quantity=f"displacement of {k}") for k in range(40)]
    crowded = validation.numbers(replace(run, rows=(*crowd, *run.rows[:2])))
    assert len(crowded.quantities) == 2


@pytest.mark.slow
def test_without_planes_there_is_nothing_to_extrapolate() -> None:
    problem = read_study("misaligned_teacher").with_values({"network.hidden": 1}).problem()
    found = extrapolate(problem, [0.02, 0.01], 64, precision=0.3)
    assert learning_rate.numbers(found) is None


# -- comparisons -------------------------------------------------------------------------


def test_synaptic_noise_of_equal_strength_stands_beside_the_study() -> None:
    comparisons = compare(PROBLEM)
    assert comparisons is not None
    shown = counterparts.numbers(comparisons.synaptic, comparisons.isotropic)
    assert shown is not None
    evaluation = evaluate(PROBLEM)
    assert shown.stimuli == ("axis 1", "axis 2", "axis 3")
    rates = {label: rate for label, rate, _ in shown.rates}
    _, own, errors = shown.rates[0]
    expected = evaluate(PROBLEM, order=2).expected_error("stimuli.axis 1.decay_rate")
    assert errors[0] == pytest.approx(expected * own[0])
    np.testing.assert_allclose(
        rates["gradient noise"], [stimulus.decay_rate for stimulus in evaluation.stimuli]
    )
    # On the axes of the hidden layer the mean over stimuli is tr(Delta) / r, which agrees.
    assert rates["synaptic noise"].mean() == pytest.approx(rates["gradient noise"].mean())
    # Isotropic inputs of the same power treat all axes alike.
    np.testing.assert_allclose(rates["isotropic inputs"], rates["isotropic inputs"][0])
    wider, silent = shown.sizes
    # D = eta^3 (n + 2) gamma^4 / (16 lambda s) on each of n - 1 planes of an axis.
    growth = (wider.hidden + 2) * (wider.hidden - 1)
    np.testing.assert_allclose(wider.gradient / wider.gradient[0], growth / growth[0])
    np.testing.assert_allclose(silent.gradient, silent.gradient[0])
    assert np.all(np.diff(silent.synaptic) > 0)


def test_counterparts_stand_beside_gradient_noise_alone() -> None:
    """Whatever synaptic noise the study has: it would count in one bar and not in the other."""
    with_noise = compare(replace(PROBLEM, synaptic_noise=1e-8))
    without = compare(PROBLEM)
    assert with_noise is not None
    assert without is not None
    shown, expected = (
        counterparts.numbers(each.synaptic, each.isotropic) for each in (with_noise, without)
    )
    assert shown is not None
    assert expected is not None
    for (_, rates, _), (_, others, _) in zip(shown.rates, expected.rates, strict=True):
        np.testing.assert_allclose(rates, others, rtol=1e-12)


def test_displacements_that_were_not_followed_have_no_panel() -> None:
    example = EXAMPLES["learning_rate"]
    data = replace(example, displacements=(), stimulus="", fastest="fastest rate of return")
    panels = learning_rate.draw(data).axes
    assert len(panels) == 3
    assert panels[-1].get_xlabel() == "learning rate times fastest rate of return"
    assert "displacement" not in learning_rate.caption(data)


def test_tables_of_comparisons_state_the_known_exponents() -> None:
    """Diffusion by gradients goes with the third power of the rate, by synapses with none."""
    comparisons = compare(PROBLEM)
    assert comparisons is not None
    sides, scaling, isotropic = comparison_tables(comparisons)
    rows = {row[0]: row[1:] for row in scaling.rows}
    assert rows["exponent of the learning rate"] == (read("3.00"), read("0"))
    # As MathML too: the page shows them.
    minus_two = rows["exponent of the batch size"][0]
    assert isinstance(minus_two, Formula)
    assert (minus_two.latex, "2.00" in minus_two.mathml) == ("-2.00", True)
    for table in (sides, scaling, isotropic):
        assert all(len(row) == len(table.head) for row in table.rows)


def test_what_stands_still_has_no_lines_and_no_bars() -> None:
    """Stimuli at right angles to each other: no plane turns, and no stimulus drifts."""
    still = replace(PROBLEM, inputs=StimulusSet(1.7 * np.eye(3), np.array([0.3, 0.33, 0.37])))
    evaluation, compared = evaluate(still), compare(still)
    assert compared is not None
    assert counterparts.numbers(compared.synaptic, compared.isotropic) is None
    assert scaling.numbers(still, evaluation, None) is None
    assert weight_decay.numbers(still, evaluation, None).diffusion == ()


def test_what_cannot_rotate_has_no_comparison() -> None:
    alone = read_study("misaligned_teacher").with_values({"network.hidden": 1})
    assert compare(alone.problem()) is None


@pytest.mark.parametrize("name", KINDS)
def test_no_panel_lies_where_the_last_digit_of_the_layout_decides(name: str) -> None:
    """With half the width of a text added, a multiple of 1/128, no place is a tie of 6 decimals."""
    figure = draw(name)
    rendered(figure, ".svg")
    size = figure.get_size_inches() * 72
    widths = np.arange(128) / 128
    for axes in figure.axes:
        edges = (axes.get_position().get_points() * size).ravel()
        places = 1e6 * np.add.outer(edges, widths)
        assert np.abs(places - np.floor(places) - 0.5).min() > 0.1


def test_the_error_along_a_line_is_that_of_its_points() -> None:
    """Computed at a few, found between them, and what it may be where that would take long."""
    given = read_study("misaligned_teacher").problem()
    decays = np.geomspace(0.05, 0.2, 11)
    found = [(each, evaluate(each)) for each in
             (replace(given, weight_decay=float(decay)) for decay in decays)]  # fmt: skip
    column = "drift.diffusion.1-2"
    error = bands.expected_errors(decays, found, [column])[column]
    exact = [evaluate(each, order=2).expected_error(column) for each, _ in found]
    assert error[::2] == pytest.approx(exact[::2], rel=1e-9)
    assert error == pytest.approx(exact, rel=0.05)
    large = read_study("digits").problem()
    unknown = bands.expected_errors(decays[:1], [(large, evaluate(large))], [column])[column]
    assert unknown == pytest.approx(evaluate(large).validity.expected_error)


def test_the_furthest_slope_is_told_beside_what_chance_makes_of_so_many() -> None:
    """Of twenty normal numbers drawn many times, by NumPy's generator."""
    slope = Slope("V[12]", 1.0, 1.0 + 0.28, 0.1)
    drawn = np.abs(np.random.default_rng(0).normal(size=(20_000, 20))).max(axis=1)
    share = 100 * np.mean(drawn > slope.z)
    text = slopes.caption((slope, *(replace(slope, fitted=1.0),) * 19))
    found = re.search(r"is 2\.8 standard errors .* in ([\d.]+) % of cases, and within the", text)
    assert found is not None
    assert float(found[1]) == pytest.approx(share, abs=1.0)
    assert "and beyond the 3." in slopes.caption((replace(slope, fitted=1.5),) * 20)

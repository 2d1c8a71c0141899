"""Names of stimuli in figures: whatever a study calls them, a figure can be read."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from matplotlib.text import Text

from symdrift.cli.plots import plot
from symdrift.documents.comparison_tables import compare
from symdrift.evaluation.evaluate import evaluate
from symdrift.evaluation.sweep import sweep
from symdrift.evaluation.sweep_axes import parse_axis
from symdrift.figures import counterparts, decay_rates, learning_rate, observables
from symdrift.figures.style import (
    LONGEST_NAME,
    caption_short,
    drawing,
    short_names,
    short_quantities,
    width,
)
from symdrift.observables import observe
from symdrift.study import Study, read_study

NAMES = {
    "long": [
        "orientation_045deg_contrast_low_session3",
        "orientation_090deg_contrast_low_session1",
    ],
    "alike": [f"orientation_{angle:03}deg_contrast_low_session1" for angle in range(0, 180, 9)],
    "wide": ["W" * 40, "W" * 39 + "M", "M" * 40],
    "words": ["a red square upon a blue background", "blue", "a red circle upon a blue background"],
    "many": [f"grating {angle} deg" for angle in range(0, 180, 9)],
    "one long": ["orientation_045deg", *"abcdefgh"],
}
DRAWN = 100
"""Dots per inch at which overlaps are looked for."""


def study(tmp_path: Path, names: list[str]) -> Study:
    stimuli = "".join(
        f"[[stimulus]]\nname = '{name}'\nvector = [1, {k / 3:.4g}]\n"
        for k, name in enumerate(names)
    )
    path = tmp_path / "named.toml"
    path.write_text(
        "[network]\ninputs = 2\noutputs = 2\nhidden = 2\n"
        '[inputs]\ncovariance = ["lambda_1", "lambda_2"]\n'
        '[learning]\nrate = "eta"\nweight_decay = "gamma"\n'
        f"{stimuli}[values]\nlambda_1 = 2.0\nlambda_2 = 1.0\neta = 0.005\ngamma = 0.3\n"
    )
    return read_study(str(path))


def rectangle(text: Text) -> np.ndarray:
    """Corners of a text on the canvas, turned as it is, without the room around its letters."""
    box, angle = text.get_window_extent(), np.radians(text.get_rotation())
    text.set_rotation(0)
    size = np.array(text.get_window_extent().size)
    text.set_rotation(np.degrees(angle))
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * (size / 2 - 0.1 * size[1])
    along = np.array([(np.cos(angle), np.sin(angle)), (-np.sin(angle), np.cos(angle))])
    return np.asarray((box.p0 + box.p1) / 2 + corners @ along)


def overlap(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether rectangles overlap: no side of either has one on each hand."""
    for side in (one[1] - one[0], one[2] - one[1], other[1] - other[0], other[2] - other[1]):
        first, second = one @ side, other @ side
        if first.max() <= second.min() or second.max() <= first.min():
            return False
    return True


def faults(figure: Figure) -> list[str]:
    """Texts that leave the canvas, and pairs that overlap."""
    drawn: list[Text] = []
    plain = Text.draw

    def draw(text: Text, *args: object, **settings: object) -> None:
        if text.get_visible() and text.get_text().strip():
            drawn.append(text)
        plain(text, *args, **settings)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch, drawing():
        patch.setattr(Text, "draw", draw)
        figure.set_dpi(DRAWN)
        figure.draw_without_rendering()
    placed = {text: rectangle(text) for text in drawn}
    return [
        text.get_text()
        for text, corners in placed.items()
        if corners.min() < -1 or np.any(corners > np.add(figure.bbox.size, 1))
    ] + [
        f"{one.get_text()} | {other.get_text()}"
        for one, other in combinations(placed, 2)
        if overlap(placed[one], placed[other])
    ]


@pytest.mark.slow
@pytest.mark.parametrize("kind", sorted(NAMES))
def test_no_name_covers_another_or_leaves_a_figure_of_a_report(kind: str, tmp_path: Path) -> None:
    problem = study(tmp_path, NAMES[kind]).problem()
    exact = evaluate(problem)
    rates = decay_rates.numbers(exact, exact)
    comparisons = compare(problem)
    assert comparisons is not None
    beside = counterparts.numbers(comparisons.synaptic, comparisons.isotropic)
    assert beside is not None
    for figure in (
        decay_rates.draw(rates),
        counterparts.draw(beside),
        observables.draw(observe(problem, seed=1)),
    ):
        assert faults(figure) == []
    shortened = "shortened" in decay_rates.caption(rates)
    assert shortened == (kind not in ("many", "one long"))


def test_a_long_name_stays_within_the_panel_of_the_learning_rates() -> None:
    (name, _), rates = NAMES["long"], np.array([0.0025, 0.005, 0.01])
    series_of_rates = (learning_rate.RateSeries("$V_{12}$", *4 * [rates]),)
    ratio = learning_rate.RatioLimit("$V_{12}$", 1 + rates, rates, 1.0, 0.01, 1.0)
    data = learning_rate.LearningRateLimit(
        rates, rates, series_of_rates, series_of_rates, False, name,
        tuple(learning_rate.DisplacementCurve(rate, *[1e3 * rates] * 5) for rate in rates),
        (ratio,),
    )  # fmt: skip
    figure = learning_rate.draw(data)
    assert faults(figure) == []
    panel = figure.axes[2]
    assert panel.title.get_window_extent().width < panel.get_window_extent().width
    assert name in learning_rate.caption(data)


@pytest.mark.parametrize("swept", [[], ["gamma=0.2:0.3:2"]])
@pytest.mark.parametrize("kind", sorted(NAMES))
def test_no_name_covers_another_or_leaves_a_plot(
    kind: str, swept: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plots: list[Figure] = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: plots.append(figure))
    axes = [parse_axis(text) for text in swept]
    plot(sweep(study(tmp_path, NAMES[kind]), axes), tmp_path / "plot.png")
    (figure,) = plots
    assert faults(figure) == []


@given(st.lists(st.text("aW _m", min_size=1, max_size=40), unique=True, min_size=1, max_size=12))
def test_short_names_are_short_and_distinct(names: list[str]) -> None:
    short = short_names(names)
    assert len(set(short)) == len(names)
    with drawing():
        assert max(map(width, short)) < LONGEST_NAME + 5
        fit = [width(name) <= LONGEST_NAME for name in names]
    assert short == names or not all(fit)


def test_names_keep_their_ends_or_have_numbers() -> None:
    assert short_names(NAMES["long"]) == ["orientati…session3", "orientati…session1"]
    first, second = short_names(NAMES["alike"][:2])
    assert first.startswith("1: or") and second.startswith("2: or")
    for shipped in ("frequent_stimulus", "stimulus_set", "digits"):
        names = [stimulus.name for stimulus in read_study(shipped).problem().stimuli]
        assert short_names(names) == names
        assert caption_short(names) == ""


def test_quantities_have_the_short_names_of_their_stimuli() -> None:
    one = NAMES["long"][0]
    quantities = ["V[12]", f"D_h[{one}]", f"displacement of {one}", "excess loss", "D_h[a]"]
    (short,) = short_names([one])
    shown = ["V[12]", f"D_h[{short}]", f"displacement of {short}", "excess loss", "D_h[a]"]
    assert short_quantities(quantities) == shown

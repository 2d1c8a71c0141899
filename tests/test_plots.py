"""Pictures of evaluations."""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, QuadMesh
from matplotlib.colors import LogNorm, to_rgb
from matplotlib.contour import QuadContourSet
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.path import Path as Outline
from matplotlib.text import Text
from matplotlib.ticker import LogFormatterSciNotation
from matplotlib.transforms import Affine2D, BboxTransformTo

from symdrift.cli.plots import plot
from symdrift.evaluation.evaluate import evaluate
from symdrift.evaluation.result import Evaluation, listed
from symdrift.evaluation.sweep import sweep
from symdrift.evaluation.sweep_axes import parse_axis
from symdrift.figures.phase_diagram import _round_places, draw
from symdrift.figures.style import PLAIN, drawing
from symdrift.study import read_study


@pytest.mark.parametrize(("correlation", "panels"), [("0", 2), ("0.6", 3)])
def test_the_mean_rotation_is_shown_where_there_is_one(
    correlation: str, panels: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Figure] = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: drawn.append(figure))
    study = read_study("misaligned_teacher").with_values({"correlation": correlation})
    axes = [parse_axis("gamma=0.1:0.2:3")]
    plot(sweep(study, axes), tmp_path / "lines.svg")
    plot(sweep(study, []), tmp_path / "bars.png")
    for figure in drawn:
        assert len(figure.axes) == panels
    if panels == 3:
        lines, bars = (figure.axes[2] for figure in drawn)
        assert "rad/step" in bars.get_ylabel()
        (bar,) = bars.patches
        assert isinstance(bar, Rectangle)
        assert bar.get_height() == pytest.approx(-4.342e-8, rel=1e-3)
        assert np.asarray(lines.get_lines()[0].get_ydata())[1] == pytest.approx(-4.342e-8, rel=1e-3)


def test_of_more_planes_than_a_panel_has_room_for_some_are_shown_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Figure] = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: drawn.append(figure))
    sizes = {f"network.{name}": 30 for name in ("inputs", "outputs", "hidden")}
    study = read_study("isotropic_autoencoder").with_values(
        {"inputs.covariance": np.linspace(1, 2, 30).tolist(), "learning.rate": 1e-4, **sizes}
    )
    plot(sweep(study, []), tmp_path / "bars.png")
    planes, stimuli = drawn[0].axes
    assert planes.get_xlabel() == "plane (45 of 435)"
    assert stimuli.get_xlabel() == "stimulus"
    names = [text.get_text() for text in planes.get_xticklabels()]
    assert (names[0], names[-1]) == ("1-2", "29-30")
    found = evaluate(study.problem()).drift
    heights = dict(zip(found.planes, found.diffusion, strict=True))
    for name, bar in zip(names, planes.patches, strict=True):
        assert isinstance(bar, Rectangle)
        first, second = map(int, name.split("-"))
        assert bar.get_height() == pytest.approx(heights[first, second], rel=1e-12)


def test_the_legend_of_a_sweep_over_three_fields_leaves_room_for_the_panels(tmp_path: Path) -> None:
    """Where it does not, Matplotlib gives up the layout with a warning, an error here."""
    axes = [
        parse_axis(text)
        for text in (
            "learning.rate=1e-3:2e-3:2",
            "learning.weight_decay=0.2:0.3:2",
            "inputs.covariance.0=2:3:2",
        )
    ]
    target = tmp_path / "lines.png"
    plot(sweep(read_study("anisotropic_autoencoder"), axes), target)
    assert target.stat().st_size > 0


def test_two_long_axes_give_a_phase_diagram_with_the_line_of_equal_rates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without label noise the frequent stimulus drifts more slowly, with much of it faster."""
    drawn: list[Figure] = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: drawn.append(figure))
    axes = [parse_axis("gamma=0.1:1.2:12"), parse_axis("teacher.label_noise=0:1:10")]
    swept = sweep(read_study("frequent_stimulus"), axes, groups=("stimuli",))
    plot(swept, tmp_path / "phases.png")
    (figure,) = drawn
    assert "frequent over that of rare" in figure.axes[-1].get_ylabel()
    (legend,) = figure.legends
    labels = [text.get_text() for text in legend.get_texts()]
    assert labels[0] == "both drift alike" and labels[-1] == "no drift"
    frequent, rare = (
        next(v for q, v in swept.numbers.columns.items() if (q.label, q.name) == (name, kind))
        for name, kind in (("frequent", "decay_rate"), ("rare", "decay_rate"))
    )
    faster = (frequent > rare).reshape(12, 10)
    assert not faster[:, 0].any() and faster[0, -1]


def test_labels_of_contours_stand_out_from_the_colours_around_them_and_within_the_panel() -> None:
    """By the contrast that guidelines ask of large letters, on the palest and darkest colours."""

    def luminance(colour: Any) -> float:
        parts = np.array(to_rgb(colour))
        linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        return float(linear @ (0.2126, 0.7152, 0.0722))

    axes = [parse_axis("gamma=0.1:0.8:30"), parse_axis("teacher.label_noise=0:0.5:30")]
    figure = draw(sweep(read_study("frequent_stimulus"), axes, groups=("stimuli",)))
    figure.draw_without_rendering()
    backgrounds = []
    for panel in (each for each in figure.axes if each.texts):
        image = panel.collections[0]
        assert isinstance(image, QuadMesh)
        for text in panel.texts:
            factor, _, power = text.get_text().rpartition("×")
            if power.startswith("10"):
                exponent = power[2:].translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789"))
                power = f"1e{exponent}"
            level = float(factor or 1) * float(power)
            around = luminance(image.to_rgba(np.array([level]))[0, :3])
            ends = sorted((around, luminance(text.get_color())))
            assert (ends[1] + 0.05) / (ends[0] + 0.05) > 3, text.get_text()
            x, y = panel.transAxes.inverted().transform(
                panel.transData.transform(text.get_position())
            )
            assert 0 < x < 1 and 0 < y < 1
            backgrounds.append(around)
    assert min(backgrounds) < 0.05 and max(backgrounds) > 0.6


@pytest.mark.parametrize(
    "axes",
    [
        ("gamma=0.1:0.8:40", "teacher.label_noise=0:0.5:40"),
        ("gamma=0.02:3:40:log", "lambda_f=0.1:10:40:log"),
        ("eta=1e-4:3e-3:40", "gamma=0.05:0.6:40"),
        ("gamma=0.05:0.9:10", "eta=0.001:0.5:12:log", "lambda_f=0.5:2:4"),
    ],
)
def test_every_contour_is_a_labelled_line_of_the_colour_bar_and_labels_are_apart(
    axes: tuple[str, ...],
) -> None:
    """As drawn, with the corners of the turned texts."""
    with drawing(PLAIN):
        figure = draw(sweep(read_study("frequent_stimulus"), list(map(parse_axis, axes))))
        figure.draw_without_rendering()
    panels = [each for each in figure.axes if each.get_xlabel()]
    assert [each.get_title() for each in panels[::2]] == (
        [""] if len(axes) == 2 else [f"lambda_f = {value}" for value in ("0.5", "1.5", "2")]
    )
    seen = 0
    for panel in panels:
        image = panel.collections[0]
        assert isinstance(image, QuadMesh) and image.colorbar is not None
        bar = image.colorbar.ax
        ticks = {
            tick: label.get_text()
            for tick, label in zip(bar.get_yticks(), bar.get_yticklabels(), strict=True)
        }
        marks = [each for each in bar.collections if isinstance(each, LineCollection)]
        marked = [np.asarray(line)[0, 1] for each in marks for line in each.get_segments()]
        labels = [_outline(text) for text in panel.texts]
        for outline in labels:
            assert panel.bbox.contains(*outline.get_extents().min)
            assert panel.bbox.contains(*outline.get_extents().max)
        assert not any(one.intersects_path(other) for one, other in combinations(labels, 2))
        contours = [each for each in panel.collections if isinstance(each, QuadContourSet)]
        lines = [
            (np.exp(level), path.transformed(panel.transData))
            for each in contours
            if not each.filled
            for level, path in zip(each.levels, each.get_paths(), strict=True)
        ]
        named = [text.get_text() for text in panel.texts]
        for level, line in lines:
            (name,) = (ticks[tick] for tick in ticks if np.isclose(tick, level, atol=0))
            assert np.isclose(level, marked, rtol=0.01, atol=0).any()
            others = (outline for text, outline in zip(named, labels, strict=True) if text != name)
            assert not any(outline.intersects_path(line, filled=False) for outline in others)
        seen += len(labels)
    assert seen >= 4


def _outline(text: Text) -> Outline:
    """The box of a text, turned as the text is."""
    angle, place = text.get_rotation(), text.get_transform().transform(text.get_position())
    text.set_rotation(0)
    box = text.get_window_extent()
    text.set_rotation(angle)
    return Outline.unit_rectangle().transformed(
        BboxTransformTo(box) + Affine2D().rotate_deg_around(place[0], place[1], angle)
    )


LOWERED = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")


def test_powers_of_ten_stand_where_matplotlib_has_them_and_are_the_numbers_there() -> None:
    study = read_study("frequent_stimulus").with_values({"teacher.label_noise": 0.1})
    axes = [parse_axis("gamma=0.1:0.4:9"), parse_axis("eta=1e-5:3e-3:10:log")]
    with drawing(PLAIN):
        figure = draw(sweep(study, axes, groups=("stimuli",)))
        figure.draw_without_rendering()
        labelled = []
        for axis in (each.yaxis for each in figure.axes):
            # Ratios have no powers.
            if axis.get_scale() != "log" or "over that of" in axis.get_label_text():
                continue
            for places, formatter in (
                (axis.get_majorticklocs().tolist(), axis.get_major_formatter()),
                (axis.get_minorticklocs().tolist(), axis.get_minor_formatter()),
            ):
                own = LogFormatterSciNotation()
                own.set_axis(axis)
                labels, expected = (each.format_ticks(places) for each in (formatter, own))
                assert [bool(label) for label in labels] == [bool(label) for label in expected]
                labelled += [pair for pair in zip(places, labels, strict=True) if pair[1]]
    assert len(labelled) > 5
    for place, label in labelled:
        number = re.sub("×?10(?=[⁻⁰¹²³⁴⁵⁶⁷⁸⁹])", "e", label).translate(LOWERED)
        assert float(f"1{number}" if number[0] == "e" else number) == pytest.approx(place, rel=1e-9)


@pytest.mark.parametrize("most", [1.01, 1.12, 1.7, 2.5, 9.0, 25.0, 1000.0])
def test_a_bar_of_ratios_has_labels_on_both_sides_of_equal_rates(most: float) -> None:
    places = _round_places(LogNorm(1 / most, most)).tick_values(1 / most, most)
    shown = [place for place in places if 1 / most <= place <= most]
    assert 3 <= len(shown) <= 9 and np.isclose(shown, 1, rtol=1e-9).sum() == 1
    assert min(shown) < 1 < max(shown)
    # As they are labelled.
    assert [float(f"{place:g}") for place in shown] == pytest.approx(shown, rel=1e-9)


def test_a_network_of_one_active_axis_has_a_picture_that_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Figure] = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: drawn.append(figure))
    study = read_study("anisotropic_autoencoder")
    axes = [parse_axis("learning.weight_decay=1.9:1.5:3:log")]
    plot(sweep(study, axes), tmp_path / "lines.svg")
    plot(sweep(study.with_values({axes[0].path: 1.9}), []), tmp_path / "bars.png")
    for figure in drawn:
        planes, stimuli = figure.axes
        assert [text.get_text() for text in planes.texts] == ["nothing can drift"]
        assert not stimuli.texts and (stimuli.lines or stimuli.patches)


def test_every_point_of_a_line_has_the_expected_error_of_its_evaluation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first point is isotropic and has a next order at once; the others have their validity."""
    drawn: list[Figure] = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: drawn.append(figure))
    study = read_study("frequent_stimulus")
    swept = sweep(study, [parse_axis("lambda_f=1:3:11")], order=None)
    plot(swept, tmp_path / "lines.png")
    _, panel = drawn[0].axes
    for label, band in zip(("frequent", "rare"), panel.collections, strict=True):
        column = f"stimuli.{label}.decay_rate"
        corners = np.asarray(band.get_paths()[0].vertices)
        for place, point in zip(np.linspace(1, 3, 11), swept, strict=True):
            found = point.evaluation
            assert isinstance(found, Evaluation)
            (rate,) = (each.value for each in listed(found) if each.column == column)
            edges = corners[np.isclose(corners[:, 0], place), 1]
            error = found.expected_error(column)
            assert (found.next_order is not None) == (place == 1.0)
            assert error > 0.01
            assert [edges.min(), edges.max()] == pytest.approx(
                [rate * (1 - error), rate * (1 + error)]
            )


def _lines_of(panel: Axes) -> list[Line2D]:
    """Curves, without the marks of what does not drift."""
    return [line for line in panel.lines if line.get_linestyle() != "None"]


def test_what_does_not_drift_neither_chooses_the_axis_nor_is_hidden(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The frequent input alone is learned from a weight decay of 1 on, nothing from 2 on."""
    drawn: list[Figure] = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: drawn.append(figure))
    axis = parse_axis("gamma=0.01:2.5:20:log")
    plot(sweep(read_study("frequent_stimulus"), [axis]), tmp_path / "lines.png")
    (figure,) = drawn
    assert "gaps are refused" in figure.get_suptitle()
    planes, stimuli = figure.axes
    still = [value for value in axis.values if 1 < value < 2]
    assert len(still) >= 2 and axis.values[-1] > 2
    for panel in (planes, stimuli):
        assert panel.get_yscale() == "log" and panel.get_ylim()[0] > 0
        low, high = panel.get_xlim()
        assert low < axis.values[0] and axis.values[-1] < high
        for line in _lines_of(panel):
            drifts = np.isfinite(np.asarray(line.get_ydata(), dtype=float))
            assert drifts.tolist() == [value < 1 for value in axis.values]
    marks = [line for line in stimuli.lines if line not in _lines_of(stimuli)]
    assert len(marks) == 2
    for mark in marks:
        assert np.asarray(mark.get_xdata()).tolist() == still
        assert not np.asarray(mark.get_ydata()).any()
        assert mark.get_transform() == stimuli.get_xaxis_transform()
    legend = stimuli.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["frequent", "rare", "no drift"]


@pytest.mark.parametrize(
    ("axes", "titles", "note", "values", "left_out"),
    [
        (("gamma=0.1:0.4:5", "eta=0.001:0.004:4"), [""], "", 4, ""),
        (("eta=0.001:0.004:4", "gamma=0.1:0.4:40"), [""], "", 6, "6 of 40 values of gamma"),
        (
            ("eta=0.001:0.004:4", "gamma=0.1:0.4:31", "lambda_f=2:3:11"),
            ["lambda_f = 2", "lambda_f = 2.5", "lambda_f = 3"],
            "3 of 11 values of lambda_f",
            6,
            "6 of 31 values of gamma",
        ),
        (("eta=0.001:0.001:1", "gamma=0.1:0.4:9"), [""], "", 1, ""),
    ],
)
def test_a_panel_has_few_curves_that_are_told_apart_and_says_what_it_leaves_out(
    axes: tuple[str, ...],
    titles: list[str],
    note: str,
    values: int,
    left_out: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn: list[Figure] = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: drawn.append(figure))
    swept = sweep(read_study("frequent_stimulus"), list(map(parse_axis, axes)))
    plot(swept, tmp_path / "lines.png")
    (figure,) = drawn
    panels = figure.axes[1::2]
    assert [panel.get_title() for panel in panels] == titles
    assert figure.get_suptitle().endswith(note or "expected error")
    for panel in panels:
        curves = _lines_of(panel)
        assert len(curves) == 2 * values
        assert len({(line.get_color(), line.get_linestyle()) for line in curves}) == len(curves)
    legend = panels[-1].get_legend()
    assert legend is not None and legend.get_title().get_text() == left_out
    labels = [text.get_text() for text in legend.get_texts()]
    assert labels[:2] == ["frequent", "rare"] and len(labels) == 2 + values
    abscissa, second = axes[1::-1] if values == 1 else axes[:2]
    assert panels[-1].get_xlabel() == abscissa.split("=")[0]
    # Both ends of the second axis: at the first place of all others, but at the last section.
    path, *ends = re.split("[=:]", second)[:3]
    study = read_study("frequent_stimulus").with_values(
        {axis.path: axis.values[0] for axis in swept.axes}
    )
    if titles[-1]:
        study = study.with_values({"lambda_f": 3.0})
    frequent = _lines_of(panels[-1])[:values]
    for end, line in zip(ends, (frequent[0], frequent[-1]), strict=True):
        assert f"{path} = {float(end):g}" in labels
        found = evaluate(study.with_values({path: float(end)}).problem())
        assert np.asarray(line.get_ydata())[0] == pytest.approx(found.stimuli[0].decay_rate)

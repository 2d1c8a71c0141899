"""``symdrift observe``: every observable as table, JSON, CSV and picture."""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from symdrift.cli import run
from symdrift.errors import RequestError
from symdrift.figures import observables
from symdrift.figures.style import save
from symdrift.observables import (
    Observation,
    decorrelation_time,
    default_times,
    drift_process,
    mean_squared_displacement,
    observe,
    with_next_order,
    with_two_times,
)
from symdrift.observables.observation import (
    CURVES,
    observation_rows,
    observation_tables,
    parse_times,
    series,
)
from symdrift.study import read_study
from symdrift.tables import with_error, write_csv

STUDIES = ("misaligned_teacher", "anisotropic_autoencoder")


@pytest.fixture(scope="module")
def observations() -> dict[str, Observation]:
    return {name: observe(read_study(name).problem(), seed=5) for name in STUDIES}


def test_default_times_span_relaxation_and_decorrelation() -> None:
    for name in STUDIES:
        problem = read_study(name).problem()
        process = drift_process(problem)
        times = default_times(process)
        longest = max(decorrelation_time(process, item) or 0.0 for item in problem.stimuli)
        assert times[0] < 1 / process.rates.max()
        assert times[-1] > 2 * longest
        assert np.all(np.diff(times) > 0)


def test_default_times_resolve_the_turns_of_a_steady_rotation() -> None:
    process = drift_process(read_study("misaligned_teacher").problem())
    period = 2 * np.pi / abs(process.turning[0, 1])
    assert np.diff(default_times(process)).max() < period / 15


def test_json_has_every_observable_and_only_finite_numbers(
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = ["observe", "anisotropic_autoencoder", "--times", "1:1e9:5:log", "--seed", "3"]
    assert run([*arguments, "--json"]) == 0
    printed = capsys.readouterr().out
    record = json.loads(printed)
    assert list(record) == [
        *("study", "approximation", "times", "displacement", "autocorrelation", "angle"),
        *("similarity", "decoder", "tuning", "expected_error", "bands", "warnings", "time_scales"),
    ]
    problem = read_study("anisotropic_autoencoder").problem()
    lags = np.geomspace(1, 1e9, 5)
    process, _ = with_two_times(*with_next_order(drift_process(problem), "exact"))
    moved = mean_squared_displacement(process, problem.stimuli[1], lags)
    assert record["displacement"][1]["total"] == pytest.approx(moved.total.tolist(), rel=1e-12)
    parts = (record["displacement"][1][part] for part in ("fluctuation", "rotation", "diffusion"))
    assert np.sum(list(parts), axis=0) == pytest.approx(moved.total, rel=1e-12)
    assert [item["target"] for item in record["decoder"]] == ["teacher", "identity"]
    assert len(record["tuning"]["neurons"][0]) == 3
    assert run([*arguments, "--json"]) == 0
    assert capsys.readouterr().out == printed


def test_tables_and_captions_have_the_errors_of_the_bands() -> None:
    given = read_study("bottleneck").problem()
    found = observe(given, np.array([1.0, 400.0]))
    activity, _, curves, read = observation_tables(found)
    assert activity.rows[0][1] == "0.818 ± 0.019"
    (band,) = (b for b in found.bands if (b.observable, b.subject) == ("displacement", "axis 1"))
    total = found.displacement[0].total
    assert curves.rows[-1][1] == with_error(total[-1], band.high[-1] - total[-1])
    assert found.tuning is not None
    assert read.rows[-1][-1] == with_error(found.tuning.mean[-1], found.tuning.standard_error[-1])
    assert all(" ± " in cell for row in curves.rows for cell in row[1:])
    moving = [band for band in found.bands if band.observable == "displacement"]
    widest = max(
        float(np.max(b.high / moved.total - 1))
        for b, moved in zip(moving, found.displacement, strict=False)
    )
    assert f"to {100 * widest:.2g} % from their curves" in observables.caption(found)


def test_every_observable_is_a_series_and_counted(observations: dict[str, Observation]) -> None:
    """In files, and in the memory that is foreseen."""
    observation = observations["anisotropic_autoencoder"]
    record = observation.to_dict()
    told = {"study", "approximation", "times", "bands", "warnings", "time_scales"}
    found = {curve.observable for curve in series(observation)} - {"decorrelation_time"}
    assert found == set(record) - told
    first = [value[0] for value in record.values() if isinstance(value, list) and value]
    by_stimulus = [
        curve
        for item in first
        if isinstance(item, dict) and "stimulus" in item
        for curve in item.values()
        if isinstance(curve, list)
    ]
    stimulus = observation.displacement[0].stimulus
    by_stimulus += [
        band[side]
        for band in record["bands"]
        if band["subject"] == stimulus
        for side in ("low", "high")
        if isinstance(band[side], list)
    ]
    assert all(len(curve) == len(observation.times) for curve in by_stimulus)
    assert len(by_stimulus) == CURVES


def test_csv_has_a_row_for_every_number_of_the_json(observations: dict[str, Observation]) -> None:
    observation = observations["anisotropic_autoencoder"]
    stream = io.StringIO()
    write_csv(*observation_rows(observation), stream)
    rows = list(csv.DictReader(io.StringIO(stream.getvalue())))
    assert list(rows[0]) == ["observable", "subject", "part", "time", "value"]
    cells = {
        (row["observable"], row["subject"], row["part"], row["time"]): float(row["value"])
        for row in rows
    }
    assert len(cells) == len(rows)
    record = observation.to_dict()
    time = record["times"][7]
    for angle in record["angle"]:
        assert cells["angle", angle["stimulus"], "spread", str(time)] == angle["spread"][7]
    for kept in record["autocorrelation"]:
        name = kept["stimulus"]
        assert cells["autocorrelation", name, "normalised", str(time)] == kept["normalised"][7]
        assert cells["decorrelation_time", name, "total", ""] == kept["decorrelation_time"]
    tuning = record["tuning"]
    assert cells["tuning", "neuron 2", "correlation", str(time)] == tuning["neurons"][7][1]
    assert cells["tuning", "all neurons", "quantile_0.5", str(time)] == tuning["quantiles"][7][2]
    similarity = record["similarity"]
    pair = " / ".join(similarity["stimuli"][1:])
    assert cells["similarity", pair, "gram", ""] == similarity["gram"][1][2]
    decoder = record["decoder"][0]
    assert cells["decoder", "teacher", "r_squared", str(time)] == decoder["r_squared"][7]


def test_a_table_says_when_nothing_is_forgotten(capsys: pytest.CaptureFixture[str]) -> None:
    settings = ["--set", "correlation=0", "--set", "teacher.map=[1.2, 0.05]"]
    assert run(["observe", "misaligned_teacher", *settings]) == 0
    printed = capsys.readouterr()
    assert "never" in printed.out
    assert "tuning curves need at least 3 stimuli" in printed.err


def test_one_hidden_axis_keeps_everything() -> None:
    settings = {"inputs.covariance": "[2.0, 0.1, 0.1]"}
    problem = read_study("anisotropic_autoencoder").with_values(settings).problem()
    observation = observe(problem, np.geomspace(1e3, 1e15, 5))
    assert observation.autocorrelation[0].decorrelation_time is None
    for decoder in observation.decoder:
        assert decoder.r_squared == pytest.approx(decoder.refitted, rel=1e-12)
    assert observation.tuning is not None
    assert np.all(observation.tuning.neurons > 0.9)


def test_one_hidden_unit_rotates_nowhere_and_its_decoder_stays(
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = ["observe", "anisotropic_autoencoder", "--set", "network.hidden=1"]
    arguments += ["--times", "1:1e12:3:log"]
    assert run([*arguments, "--json"]) == 0
    printed = capsys.readouterr()
    teacher, identity = json.loads(printed.out)["decoder"]
    assert teacher["limit"] == pytest.approx(0.5397, abs=5e-5)
    # The share of the learned axis in the power 2 + 1 + 0.7, but for the fluctuation of the code.
    assert 0 < 2 / 3.7 - teacher["limit"] < 1e-3
    for decoder in (teacher, identity):
        assert decoder["r_squared"] == pytest.approx(3 * [decoder["limit"]], rel=1e-12)
    assert "nothing can drift: the learned map has rank 1" in printed.err
    assert run(arguments) == 0
    assert capsys.readouterr().out.count(" 0.539708 ") == 3


@pytest.mark.parametrize("name", STUDIES)
def test_the_figure_has_a_labelled_panel_for_each_observable(
    observations: dict[str, Observation], name: str
) -> None:
    observation = observations[name]
    figure = observables.draw(observation)
    panels = [axes for axes in figure.axes if axes.get_label() != "<colorbar>"]
    assert len(panels) == (7 if observation.tuning else 6)
    assert all(axes.get_xlabel() and axes.get_ylabel() for axes in panels)
    assert sum("SGD steps" in axes.get_xlabel() for axes in panels) == len(panels) - 1
    (line, *_) = panels[0].get_lines()
    assert np.array_equal(np.asarray(line.get_ydata()), observation.displacement[0].total)
    (legend,) = figure.legends
    names = [moved.stimulus for moved in observation.displacement]
    assert [text.get_text() for text in legend.get_texts()] == [*names, "expected error"]


def test_the_mean_of_the_tuning_has_the_band_that_an_error_of_the_rates_makes() -> None:
    """Of an exponential in the lag: what it is at a tenth more and a tenth less of it."""
    lags = np.linspace(0.0, 3.0, 601)
    observation = observe(read_study("anisotropic_autoencoder").problem(), lags)
    assert observation.tuning is not None
    mean = np.exp(-lags)
    tuning = replace(observation.tuning, mean=mean, quantiles=np.repeat(mean[:, np.newaxis], 5, 1))
    known = observation.expected_error
    error = replace(known, stimuli=tuple(replace(item, decay=0.1) for item in known.stimuli))
    figure = observables.draw(replace(observation, tuning=tuning, expected_error=error))
    (panel,) = (axes for axes in figure.axes if axes.get_ylabel().startswith("correlation of"))
    band = panel.collections[-1]
    corners = np.asarray(band.get_paths()[0].vertices)
    for lag in (1.0, 2.0):
        edges = corners[np.isclose(corners[:, 0], lag), 1]
        found = [edges.min(), edges.max()]
        assert found == pytest.approx([np.exp(-1.1 * lag), np.exp(-0.9 * lag)], rel=1e-4)
    # Beyond, the mean at a tenth more of the lag is not known.
    assert corners[:, 0].max() == pytest.approx(3.0 / 1.1, abs=5e-3)


def test_the_figure_repeats_to_the_byte(
    observations: dict[str, Observation], tmp_path: Path
) -> None:
    observation = observations["misaligned_teacher"]
    first, second = (save(observables.draw(observation), tmp_path / f) for f in ("a.svg", "b.svg"))
    assert first.read_bytes() == second.read_bytes()


def test_the_caption_says_what_is_there(observations: dict[str, Observation]) -> None:
    with_tuning = observables.caption(observations["anisotropic_autoencoder"])
    without = observables.caption(observations["misaligned_teacher"])
    assert "Tuning curves" in with_tuning
    assert "Tuning curves" not in without
    assert with_tuning.endswith(".")


def test_a_picture_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "observables.pdf"
    arguments = ["observe", "misaligned_teacher", "--times", "0:1e8:9", "--plot", str(path)]
    assert run(arguments) == 0
    assert path.read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--times", "1:2"], '--times "1:2" must have the form LO:HI:NUM or LO:HI:NUM:log'),
        (["--times", "5:1:9"], "--times from 5 to 1 must increase"),
        (["--times", "-1:1:9"], "--times from -1 to 1 must increase, and begin"),
        (["--times", "1e3:10**2:9"], "--times from 1e3 to 10**2 must increase"),
        (["--times", "0:9:9:log"], "begin at a number of steps above 0"),
        (["--times", "0:9:1"], "--times = 1 times must be a whole number from 2 to 2000"),
        (["--times", "0:x:3"], "--times"),
        (["--json", "--csv"], "--json and --csv exclude each other"),
        (["--plot", "curves.doc"], '--plot = "curves.doc" must end in'),
        (["--approximation", "grey"], 'approximation = "grey" is unknown'),
    ],
)
def test_wrong_requests_are_refused_in_one_sentence(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert run(["observe", "misaligned_teacher", *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    "settings",
    [
        {"teacher.label_noise": 1e20},
        {"teacher.label_noise": 1e20, "learning.rate": 1e-22},
        {"learning.rate": 1e-90},
        {"inputs.covariance.0": 1e90, "learning.rate": 1e-95},
    ],
)
def test_numbers_beyond_double_precision_are_refused_or_finite(
    settings: dict[str, float],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Warnings are errors here, so that none of NumPy's comes instead."""
    # On a busy machine this is long work, which names its stages.
    monkeypatch.setattr("symdrift.cli.terminal._SOON", math.inf)
    assignments = [f"--set={path}={value}" for path, value in settings.items()]
    code = run(["observe", "bottleneck", *assignments, "--json"])
    output = capsys.readouterr()
    if code == 0:
        json.loads(output.out, parse_constant=pytest.fail)
    else:
        assert (code, output.out) == (2, "")
        assert output.err.count("\n") == 1
    if settings == {"teacher.label_noise": 1e20}:
        # So much noise leaves no stationary variance at any ordinary rate.
        assert "learning.rate = 0.02 is unstable: from the critical rate" in output.err


def test_times_of_the_command_line_are_those_that_were_asked_for() -> None:
    assert parse_times("0:10:3").tolist() == [0, 5, 10]
    assert parse_times("1:100:3:log") == pytest.approx([1, 10, 100])
    with pytest.raises(RequestError, match="must have the form"):
        parse_times("1:100:3:lin")


def test_plain_types_all_the_way(observations: dict[str, Observation]) -> None:
    def plain(value: Any) -> bool:
        if isinstance(value, dict):
            return all(isinstance(key, str) and plain(item) for key, item in value.items())
        if isinstance(value, list):
            return all(map(plain, value))
        return value is None or type(value) in (str, int, float, bool)

    assert all(plain(observation.to_dict()) for observation in observations.values())

"""Sweeps: a point is what `evaluate` says of it, whoever computes it and however often begun."""

from __future__ import annotations

import io
import json
import os
import re
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import aligned_problems

from symdrift.cli import run
from symdrift.errors import RequestError
from symdrift.evaluation.alignment import Alignment, align
from symdrift.evaluation.closed_form import AlignedNetwork
from symdrift.evaluation.closed_form.parameter_grid import grid_numbers
from symdrift.evaluation.closed_form.stability_blocks import MeanSquare
from symdrift.evaluation.closed_form.stability_bound import stable_rate
from symdrift.evaluation.result import Evaluation, Quantity, quantities
from symdrift.evaluation.sweep import sweep
from symdrift.evaluation.sweep_axes import Axis, parse_axis
from symdrift.evaluation.sweep_cost import require_next_orders, sweep_seconds
from symdrift.evaluation.sweep_file import SweepFile
from symdrift.evaluation.sweep_request import SweepRequest
from symdrift.evaluation.swept_numbers import SweptNumbers, joined
from symdrift.expressions import parse
from symdrift.study import read_study
from symdrift.study.problem import Array, LearningProblem
from symdrift.study.varied import DiagonalProblems
from symdrift.tables import write_cells

ALIGNED = (
    "anisotropic_autoencoder", "bottleneck", "frequent_stimulus", "isotropic_autoencoder",
    "teacher_label_noise",
)  # fmt: skip
NEXT_TO_ANOTHER = 1e-6
"""Relative error of a critical rate where two moments nearly share it; elsewhere its square."""


def assert_same(request: SweepRequest) -> None:
    """Points evaluated together are those evaluated one by one, gaps and warnings included."""
    assert request.by_arrays
    numbers = request(0, request.total).numbers
    for place in range(request.total):
        alone = request.point(place)
        assert numbers.refused[place] == alone.refused
        found = {
            each.column: values[place]
            for each, values in numbers.columns.items()
            if not np.isnan(values[place])
        }
        expected = quantities(alone.outcome) if isinstance(alone.outcome, Evaluation) else {}
        assert found.keys() == expected.keys()
        for name, value in expected.items():
            rough = name.removeprefix("validity.") in (
                "critical_rate", "rate_over_critical", "expected_error"
            )  # fmt: skip
            assert found[name] == pytest.approx(value, rel=NEXT_TO_ANOTHER if rough else 1e-13)
        if not alone.refused:
            assert bool(numbers.warned[place]) == bool(alone.evaluation.warnings)


def test_points_in_equal_ratios_are_those_that_people_write() -> None:
    assert parse_axis("learning.batch=1:100:3:log").values == (1.0, 10.0, 100.0)
    assert parse_axis("gamma=0.001:1:4:log").values == (0.001, 0.01, 0.1, 1.0)


def between(low: float, high: float) -> st.SearchStrategy[float]:
    """Numbers that a study may have: those nearer to zero are refused with the whole sweep."""
    return st.floats(low, high).filter(lambda number: not 0 < abs(number) < 1e-90)


@st.composite
def requests(draw: st.DrawFn) -> SweepRequest:
    study = read_study(draw(st.sampled_from(ALIGNED)))
    fields = {
        "learning.weight_decay": between(-0.1, 2.5),
        "learning.rate": between(1e-5, 1.0),
        "learning.batch": st.integers(1, 9).map(float),
        "teacher.label_noise": between(0, 1),
        "learning.minimum": st.integers(1, 3).map(float),
        "network.hidden": st.integers(1, 4).map(float),
    } | {name: between(0.01, 2) for name in study.symbols if name not in ("n", "m", "p")}
    paths = draw(st.lists(st.sampled_from(sorted(fields)), min_size=1, max_size=2, unique=True))
    if {"learning.weight_decay", "gamma"} <= {*paths} or {"learning.rate", "eta"} <= {*paths}:
        paths = paths[:1]
    axes = [Axis(path, tuple(draw(st.lists(fields[path], min_size=2, max_size=3))))
            for path in paths]  # fmt: skip
    return SweepRequest(study, tuple(axes))


@settings(max_examples=25, deadline=None)
@given(requests())
def test_points_of_shipped_studies_are_what_evaluate_says(request: SweepRequest) -> None:
    if request.by_arrays:
        assert_same(request)


@pytest.mark.parametrize(
    "axes",
    [
        ("gamma=-0.1:0.8:10", "learning.batch=1:2:2"),
        ("learning.rate=1e-3:1:6:log",),
        ("eta=1e-90:1e-60:4:log",),
        ("inputs.covariance.0=0.1:3:4", "teacher.label_noise=0:1:2"),
    ],
    ids=" ".join,
)
def test_gaps_and_odd_numbers_are_those_of_single_points(axes: tuple[str, ...]) -> None:
    study = read_study("anisotropic_autoencoder")
    assert_same(SweepRequest(study, tuple(map(parse_axis, axes))))


def test_networks_that_differ_in_the_learning_rate_are_evaluated_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found, whole = [], MeanSquare.critical_rates

    def counted(networks: MeanSquare) -> Array:
        found.append(networks.networks)
        return whole(networks)

    monkeypatch.setattr(MeanSquare, "critical_rates", counted)
    axes = tuple(map(parse_axis, ("eta=0.001:0.01:20", "gamma=0.05:0.5:7")))
    request = SweepRequest(read_study("anisotropic_autoencoder"), axes)
    assert request.by_arrays
    request(0, request.total)
    assert sum(found) == 7


def test_large_networks_along_an_axis_of_the_learning_rate_are_one_part(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Large is here what has an axis: each weight decay is one network, whatever the rate."""
    axes = tuple(map(parse_axis, ("gamma=0.05:0.5:7", "eta=0.001:0.01:20")))
    study = read_study("anisotropic_autoencoder")
    whole = SweepRequest(study, axes)(0, 140).numbers
    monkeypatch.setattr("symdrift.evaluation.sweep_request._AT_A_TIME", 1)
    request = SweepRequest(study, axes)
    assert (request.networks, request.at_a_time) == (7, 20)
    assert SweepRequest(study, axes[::-1]).at_a_time == 1
    parts = joined([request(first, 20).numbers for first in range(0, 140, 20)])
    for quantity, values in whole.columns.items():
        np.testing.assert_allclose(parts.columns[quantity], values, rtol=1e-13)


def test_a_part_of_one_large_network_holds_its_axes_once() -> None:
    """Each of 200 axes is a stimulus, 64 MB at 200 rates."""
    sizes = {f"network.{name}": 200 for name in ("inputs", "outputs", "hidden")}
    study = read_study("isotropic_autoencoder").with_values(sizes)
    axes = tuple(map(parse_axis, ("gamma=0.1:0.2:2", "learning.rate=1e-7:1e-6:200")))
    request = SweepRequest(study, axes, quantities="stimuli")
    assert request.at_a_time == 200
    request(0, 1)
    tracemalloc.start()
    try:
        request(200, 200)
        assert tracemalloc.get_traced_memory()[1] < 16e6
    finally:
        tracemalloc.stop()


def test_a_sweep_that_would_take_days_is_refused_with_what_is_possible(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One evaluation of hundreds of different axes takes seconds."""
    monkeypatch.setattr("symdrift.memory.available_memory", lambda: 2**40)
    monkeypatch.setattr("symdrift.evaluation.sweep_cost.available_processors", lambda: 1)
    sizes: dict[str, Any] = {f"network.{name}": 600 for name in ("inputs", "outputs", "hidden")}
    equal = read_study("isotropic_autoencoder").with_values(sizes)
    study = equal.with_values(
        {"inputs.covariance": str([1 + place / 1000 for place in range(600)])}
    )
    axes = tuple(map(parse_axis, ("learning.rate=1e-7:1e-6:300", "gamma=0.1:0.2:300")))
    with pytest.raises(RequestError) as caught:
        sweep(study, axes, quantities="stimuli")
    said = str(caught.value)
    assert re.search(
        r"90,000 points .* about [\d.]+ hours here \(allowed: 24 hours\); about ", said
    )
    assert "more with learning.rate as the last axis" in said
    # Each weight decay is one network then, and equal axes are one axis.
    seconds = sweep_seconds(SweepRequest(study, axes, quantities="stimuli"))
    last = sweep_seconds(SweepRequest(study, axes[::-1], quantities="stimuli"))
    assert seconds == pytest.approx(300 * last)
    same = sweep_seconds(SweepRequest(equal, axes, quantities="stimuli"))
    assert seconds == pytest.approx(600**3 * same)


def test_next_orders_that_would_take_days_are_refused_with_what_is_possible() -> None:
    """One of eight different axes takes seconds."""
    sizes: dict[str, Any] = {f"network.{name}": 8 for name in ("inputs", "outputs", "hidden")}
    study = read_study("isotropic_autoencoder").with_values(sizes)
    study = study.with_values({"inputs.covariance": str([1 + place / 10 for place in range(8)])})
    few, many = (
        SweepRequest(study, (parse_axis(f"gamma=0.1:0.2:{count}"),), order=2)
        for count in (100, 50_000)
    )
    require_next_orders(few)
    with pytest.raises(RequestError, match=r"50,000 points, .* 24 hours together\); about [1-9]"):
        require_next_orders(many)


def test_sizes_may_vary_along_an_axis() -> None:
    axes = (parse_axis("n=1:4:4"), parse_axis("gamma=0.1:0.5:2"))
    assert_same(SweepRequest(read_study("isotropic_autoencoder"), axes))


def test_minima_of_one_loss_are_swept_and_those_that_are_not_there_are_gaps() -> None:
    axes = (parse_axis("learning.minimum=1:3:3"), parse_axis("gamma=0.05:0.5:3"))
    assert_same(SweepRequest(read_study("bottleneck"), axes))


@settings(max_examples=60, deadline=None)
@given(aligned_problems())
def test_a_rate_below_the_bound_is_stable(problem: LearningProblem) -> None:
    axes = align(problem)
    assert isinstance(axes, Alignment)
    many = DiagonalProblems(
        "random", problem.hidden, axes.input_variances[None], axes.gains[None],
        axes.label_noise[None], np.array([problem.learning_rate]),
        np.array([problem.weight_decay]), np.array([problem.batch]), np.array([1]), {},
    )  # fmt: skip
    found = grid_numbers(many, "exact", ("minimum", "validity"))
    of = {quantity.name: values for quantity, values in found.columns.items()}
    size = max(len(axes.input_variances), len(axes.label_noise))
    variance, noise, gain = (
        np.pad(part, (0, size - len(part)))
        for part in (axes.input_variances, axes.label_noise, axes.gains)
    )
    known = np.where(variance > 0, variance, 1.0)
    value = np.maximum(gain - problem.weight_decay / known, 0.0) * (variance > 0)
    # Those that fit into a bottleneck lower the loss most.
    worth = variance * value**2
    value[np.argsort(-worth, kind="stable")[problem.hidden :]] = 0.0
    residual = np.where(value > 0, problem.weight_decay / known, gain)
    bound = stable_rate(
        variance[None], noise[None], residual[None], value[None], many.weight_decay, many.batch,
        of["hessian_max"],
    )  # fmt: skip
    critical = AlignedNetwork.of(problem).validity().critical_rate
    assert 0.05 * critical < bound[0] <= critical * (1 + 1e-9)


def test_axes_that_are_not_learned_leave_the_critical_rate_alone() -> None:
    """An output that the teacher never uses, at a batch at which the rate is large."""
    rates = []
    for outputs in (1, 2):
        many = DiagonalProblems(
            "one", 1, np.array([[0.3]]), np.array([[1.18]]), np.zeros((1, outputs)),
            np.array([0.002]), np.array([0.12]), np.array([4.0]), np.array([1.0]), {},
        )  # fmt: skip
        rates.append(AlignedNetwork.of(many.problem(0)).validity().critical_rate)
    assert rates[0] == pytest.approx(rates[1], rel=1e-12) == pytest.approx(3.3479268606747, 1e-12)


@given(st.floats(0.01, 5), st.floats(0.01, 5))
def test_expressions_are_the_same_for_arrays(first: float, second: float) -> None:
    values = {"a": first, "b": second}
    arrays = {name: np.array([value, value]) for name, value in values.items()}
    for text in ("a*b + 2/a", "sqrt(a) - b**(3/2)", "cos(a)*sin(b)", "-(a - b)**3"):
        expected = parse(text).evaluate(values)
        assert parse(text).evaluate_all(arrays) == pytest.approx(expected, rel=1e-14, abs=1e-15)


def test_expressions_are_nan_where_one_would_be_refused() -> None:
    quotients = parse("1/a").evaluate_all({"a": np.array([0.0, 1.0])})
    assert np.isnan(quotients).tolist() == [True, False]
    assert np.isnan(parse("sqrt(a)").evaluate_all({"a": np.array([-1.0])})).all()
    assert np.isnan(parse("a*a").evaluate_all({"a": np.array([1e-200])})).all()


AXES = ("gamma=0.05:1.2:9", "teacher.label_noise=0:1:40")


@contextmanager
def processes() -> Iterator[Any]:
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        yield pool


@contextmanager
def cluster() -> Iterator[Any]:
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=2, processes=False, dashboard_address="127.0.0.1:0"
        ) as local,
        distributed.Client(local) as client,
    ):
        yield client.get_executor()


def written(path: Path, study: str, axes: tuple[str, ...], executor: Any = None) -> bytes:
    kept, parsed = SweepFile(path), tuple(map(parse_axis, axes))
    done = sweep(read_study(study), parsed, executor=executor, kept=kept)
    kept.finish(done.request, done.numbers)
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    return path.read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("workers", [processes, cluster])
@pytest.mark.parametrize("name", ["frequent_stimulus", "misaligned_teacher"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_whoever_does_the_work_writes_the_same_bytes(
    name: str, workers: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    axes = AXES if name == "frequent_stimulus" else ("gamma=0.1:0.4:20",)
    with workers() as executor:
        elsewhere = written(tmp_path / "a" / "x.csv", name, axes, executor)
    assert elsewhere == written(tmp_path / "b" / "x.csv", name, axes)


def test_a_sweep_by_arrays_keeps_and_shows_what_is_finished_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two threads: never more than two parts, of 32 that an executor is given together."""
    monkeypatch.setattr("symdrift.evaluation.sweep_request._AT_A_TIME", 1000)
    monkeypatch.setattr("symdrift.evaluation.sweep.available_processors", lambda: 2)
    monkeypatch.setattr("symdrift.evaluation.sweep_file._SECONDS", 0.0)
    path, shown, lines = tmp_path / "x.csv", [0], [0]
    partial = path.with_name("x.csv.partial")

    def look(done: int, _: int) -> None:
        shown.append(done)
        lines.append(partial.read_text().count("\n") - 1)

    study = read_study("frequent_stimulus")
    found = sweep(study, tuple(map(parse_axis, AXES)), progress=look, kept=SweepFile(path))
    assert found.request.by_arrays and shown[-1] == len(found)
    assert max(np.diff(shown)) <= 2 * found.request.at_a_time
    assert len(lines) > 2 and max(np.diff(lines)) <= 2


@pytest.mark.parametrize("suffix", [".csv", pytest.param(".nc", marks=pytest.mark.slow)])
def test_a_sweep_that_was_killed_goes_on_and_writes_the_same_bytes(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if suffix == ".nc":
        pytest.importorskip("h5netcdf")
    monkeypatch.setattr("symdrift.evaluation.sweep_request._AT_A_TIME", 1000)
    monkeypatch.setattr("symdrift.evaluation.sweep._WAVE", 1)
    monkeypatch.setattr("symdrift.evaluation.sweep_file._SECONDS", 0.0)
    whole = written(tmp_path / "whole" / f"x{suffix}", "frequent_stimulus", AXES)
    path = tmp_path / "part" / f"x{suffix}"

    def killed(done: int, total: int) -> None:
        if 2 * done > total:
            raise KeyboardInterrupt

    study, axes = read_study("frequent_stimulus"), tuple(map(parse_axis, AXES))
    with pytest.raises(KeyboardInterrupt):
        sweep(study, axes, progress=killed, kept=SweepFile(path))
    partial = path.with_name(f"{path.name}.partial")
    assert not path.exists() and partial.exists()
    # The last line was cut off.
    partial.write_text(partial.read_text()[:-7])
    counted: list[int] = []
    kept = SweepFile(path)
    found = sweep(study, axes, progress=lambda done, _: counted.append(done), kept=kept)
    kept.finish(found.request, found.numbers)
    assert counted[0] > len(axes[0].values) * len(axes[1].values) / 3
    assert path.read_bytes() == whole
    assert not partial.exists()


def test_parts_of_another_sweep_are_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x.csv"
    path.with_name("x.csv.partial").write_text("another\n")
    arguments = ["evaluate", "bottleneck", "--sweep", "gamma=0.1:0.2:3", "--out", str(path)]
    assert run(arguments) == 2
    assert "parts of another sweep in x.csv.partial" in capsys.readouterr().err
    assert path.with_name("x.csv.partial").read_text() == "another\n"


def test_parts_of_an_edited_study_are_not_taken_and_it_is_said_what_differs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The grid and all symbols are the same; only a field of the study file is another."""
    monkeypatch.setattr("symdrift.evaluation.sweep_file._SECONDS", 0.0)
    study, path = tmp_path / "mine.toml", tmp_path / "x.csv"
    text = (Path(__file__).parents[1] / "derivations" / "anisotropic_autoencoder.toml").read_text()
    study.write_text(text)

    def killed(done: int, _: int) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sweep(
            read_study(study), [parse_axis("gamma=0.1:0.2:3")], progress=killed,
            kept=SweepFile(path),
        )  # fmt: skip
    kept = path.with_name("x.csv.partial").read_bytes()
    arguments = ["evaluate", str(study), "--out", str(path), "--sweep"]
    for edited, points, said in (
        (text.replace("hidden = 3", "hidden = 2"), "3", "the study, or what was set in it, was"),
        (text, "4", "its axes have other points"),
    ):
        study.write_text(edited)
        assert run([*arguments, f"gamma=0.1:0.2:{points}"]) == 2
        assert f"another sweep in x.csv.partial: {said}" in capsys.readouterr().err
        assert path.with_name("x.csv.partial").read_bytes() == kept
    # What is finished is computed again.
    path.with_name("x.csv.partial").unlink()
    assert run([*arguments, "gamma=0.1:0.2:3"]) == 0
    before = path.read_bytes()
    study.write_text(text.replace("hidden = 3", "hidden = 2"))
    assert run([*arguments, "gamma=0.1:0.2:3"]) == 0
    assert path.read_bytes() != before


@pytest.mark.parametrize("suffix", [".csv", ".nc"])
def test_only_the_same_sweep_replaces_what_a_sweep_wrote(
    suffix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Other values, fewer or further axes, another symbol; a study that was edited is the same."""
    if suffix == ".nc":
        pytest.importorskip("h5netcdf")
    path = tmp_path / f"x{suffix}"
    sweep = ["evaluate", "bottleneck", "--out", str(path), "--sweep"]
    assert run([*sweep, "gamma=0.1:0.2:3"]) == 0
    kept = path.read_bytes()
    for other, said in (
        (["gamma=0.1:0.3:3"], "3 values of gamma from 0.1 to 0.2, not 3 values of gamma from 0.1"),
        (["gamma=0.1:0.1:1"], "3 values of gamma from 0.1 to 0.2, not gamma = 0.1"),
        (["network.hidden=1:2:2"], "no network.hidden"),
        (["gamma=0.1:0.2:3", "--set", "eta=0.01"], "eta = 0.02, not eta = 0.01"),
    ):
        assert run([*sweep, *other]) == 2
        (line,) = [each for each in capsys.readouterr().err.splitlines() if "--out" in each]
        assert str(path) in line and f"is there already and has {said}" in line
        assert path.read_bytes() == kept
    assert run([*sweep, "gamma=0.1:0.2:3"]) == 0
    assert path.read_bytes() == kept
    path.write_text("a,b\n1,2\n")
    assert run([*sweep, "gamma=0.1:0.2:3"]) == 2
    assert run(["evaluate", "bottleneck", "--out", str(path)]) == 2
    assert path.read_text() == "a,b\n1,2\n"


def test_a_refused_point_is_a_gap_with_its_reason(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["evaluate", "anisotropic_autoencoder", "--sweep", "gamma=0.6:0.8:3"]
    assert run([*arguments, "--json"]) == 0
    captured = capsys.readouterr()
    first, gap, last = json.loads(captured.out)
    assert first["drift"]["planes"] and last["minimum"]["rank"] == 2
    assert gap["refused"].startswith("learning.weight_decay = 0.7 meets the threshold")
    assert gap["parameters"]["gamma"] == 0.7
    assert captured.err.splitlines()[-1].startswith("warning: at gamma = 0.7: refused: learning")
    assert run([*arguments, "--csv"]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert rows[0].endswith(",refused")
    assert "meets the threshold" in rows[2]
    assert rows[1].endswith(",") and rows[3].endswith(",")


TWO_MINIMA = """
network = { inputs = 3, outputs = 3, hidden = 2 }
inputs = { covariance = [4.0, 0.25, 6.0] }
teacher = { map = [0.55, 2.85, 1.0], label_noise = 0.1 }
learning = { rate = 0.001, weight_decay = 0.2 }
"""


def test_each_minimum_has_its_own_warning(
    write_study: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_study(TWO_MINIMA)
    assert run(["evaluate", str(path), "--sweep", "learning.minimum=1:3:3", "--csv"]) == 0
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("warning")]
    for number in (1, 2):
        (line,) = (line for line in said if f"the numbers of strict minimum {number} " in line)
        assert line.startswith(f"warning: at learning.minimum = {number}: ")
    assert "at learning.minimum = 3: refused: " in said[-1]
    assert_same(SweepRequest(read_study(str(path)), (parse_axis("learning.minimum=1:3:3"),)))


def test_netcdf_without_what_writes_it_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("symdrift.evaluation.sweep_file.find_spec", lambda _: None)
    with pytest.raises(RequestError, match=r"pip install 'symdrift\[data\]'"):
        SweepFile(tmp_path / "x.nc")


def test_a_table_of_many_points_is_written_without_holding_its_cells() -> None:
    """The same text as of all cells at once."""
    rng = np.random.default_rng(3)
    columns = {
        Quantity("drift", "diffusion", 0.0, "plane", f"1-{k}"): rng.normal(size=6000)
        for k in range(2, 22)
    }
    numbers = SweptNumbers({"eta": [0.1] * 6000}, columns, [""] * 6000, [""] * 6000)
    whole, parts = io.StringIO(), io.StringIO()
    write_cells([numbers.cells()], whole)
    write_cells(numbers.cells_in_parts(), parts)
    assert parts.getvalue() == whole.getvalue()
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        tracemalloc.start()
        write_cells(numbers.cells_in_parts(), nowhere)
        taken = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert taken < sum(column.nbytes for column in columns.values())


def test_a_sweep_of_wide_networks_is_refused_before_it_takes_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Numbers of all points would be 400 MB for the variances alone."""
    monkeypatch.setattr("symdrift.memory.available_memory", lambda: 2**30)
    sizes = {f"network.{name}": 600 for name in ("inputs", "outputs", "hidden")}
    study = read_study("isotropic_autoencoder").with_values(sizes)
    ranges = ("learning.rate=1e-7:1e-6:300", "learning.weight_decay=0.1:0.2:300")
    axes = [parse_axis(text) for text in ranges]
    tracemalloc.start()
    try:
        with pytest.raises(RequestError, match=r"90000 points, .* take about .* GiB \(available"):
            sweep(study, axes, quantities="stimuli")
        assert tracemalloc.get_traced_memory()[1] < 100e6
    finally:
        tracemalloc.stop()

"""``symdrift evaluate --quantities stimuli``, and what a dense evaluation adds to its record."""

from __future__ import annotations

import csv
import gc
import io
import json
import re
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from symdrift.cli import run


def printed_json(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    assert run(arguments) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("study", ["bottleneck", "misaligned_teacher", "synaptic_noise"])
def test_stimuli_alone_have_the_numbers_of_the_whole_record(
    capsys: pytest.CaptureFixture[str], study: str
) -> None:
    whole = printed_json(capsys, "evaluate", study, "--json")
    stimuli = printed_json(capsys, "evaluate", study, "--json", "--quantities", "stimuli")
    assert "drift" not in stimuli
    for field in ("study", "method", "approximation", "parameters", "minimum", "warnings"):
        assert stimuli[field] == whole[field]
    for one, other in zip(whole["stimuli"], stimuli["stimuli"], strict=True):
        assert other["name"] == one["name"]
        for name in ("squared_norm", "diffusion", "decay_rate"):
            assert other[name] == pytest.approx(one[name], rel=1e-10)
    matrix = stimuli["hidden_layer"]["decay_matrix"]
    assert len(matrix) == len(matrix[0]) == whole["minimum"]["rank"]


def test_stimuli_alone_in_csv_table_and_plot(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    arguments = ["evaluate", "misaligned_teacher", "--quantities", "stimuli"]
    assert run([*arguments, "--csv"]) == 0
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert not any(name.startswith("drift.") for name in row)
    assert float(row["stimuli.axis 1.decay_rate"]) > 0
    assert run([*arguments, "--plot", str(tmp_path / "rates.png")]) == 0
    text = capsys.readouterr().out
    assert "Drift by stimulus" in text
    assert "Drift by plane" not in text
    assert (tmp_path / "rates.png").stat().st_size > 1000


def test_a_dense_evaluation_shows_the_certificate_of_its_minimum(
    capsys: pytest.CaptureFixture[str],
) -> None:
    record = printed_json(capsys, "evaluate", "misaligned_teacher", "--json")
    certificate = record["minimum"]["certificate"]
    assert set(certificate) == {"gradient_norm", "duality_gap", "starts", "runner_up"}
    assert certificate["gradient_norm"] < 1e-12
    assert abs(certificate["duality_gap"]) < 1e-12
    # A derived formula needs no evidence of that kind.
    assert "certificate" not in printed_json(capsys, "evaluate", "bottleneck", "--json")["minimum"]
    assert run(["evaluate", "misaligned_teacher"]) == 0
    assert "duality gap, relative" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("study", "left_out"), [("bottleneck", True), ("isotropic_autoencoder", False)]
)
def test_what_is_not_learned_is_not_said_to_be_silent(
    capsys: pytest.CaptureFixture[str], study: str, left_out: bool
) -> None:
    assert run(["evaluate", study]) == 0
    words = " ".join(capsys.readouterr().out.split())
    assert ("Where a squared norm is 0 nothing of the stimulus is learned" in words) is left_out


def test_unknown_quantities_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["evaluate", "bottleneck", "--quantities", "planes"]) == 2
    assert 'quantities = "planes" is unknown; allowed are all, stimuli' in capsys.readouterr().err


def test_a_tensor_that_does_not_fit_names_the_way_out(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """96 MB hold the stimuli of 12 learned axes and not the covariance of their planes."""
    size = 12
    arguments = ["evaluate", "misaligned_teacher", "--method", "dense"]
    for field in ("inputs", "outputs", "hidden"):
        arguments += ["--set", f"network.{field}={size}"]
    arguments += ["--set", f"inputs.covariance={[1.0 + k / size for k in range(size)]}"]
    arguments += ["--set", f"teacher.map={[1.0] * size}"]
    from symdrift.evaluation.dense.sizes import stimulus_memory

    monkeypatch.setattr(
        "symdrift.memory.available_memory",
        lambda: stimulus_memory(size, size, size),
    )
    assert run(arguments) == 2
    assert "--quantities stimuli" in capsys.readouterr().err
    assert run([*arguments, "--quantities", "stimuli"]) == 0


def test_progress_counts_planes_of_a_single_evaluation_and_points_of_a_sweep() -> None:
    from symdrift.evaluation.sweep import sweep
    from symdrift.evaluation.sweep_axes import linear_axis
    from symdrift.study import read_study

    study = read_study("misaligned_teacher").with_values({"network.hidden": 2})
    calls: list[tuple[int, int]] = []
    sweep(study, (), "dense", progress=lambda done, total: calls.append((done, total)))
    assert calls == [(1, 1)]
    calls.clear()
    axis = linear_axis("learning.rate", 0.001, 0.002, 3)
    sweep(study, (axis,), progress=lambda done, total: calls.append((done, total)))
    assert calls == [(1, 3), (2, 3), (3, 3)]


def test_a_sweep_whose_results_do_not_fit_is_refused_at_its_first_point(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A point of three planes and three stimuli takes a few kilobytes."""
    monkeypatch.setattr("symdrift.memory.available_memory", lambda: 2**16)
    arguments = ["evaluate", "anisotropic_autoencoder", "--csv", "--sweep"]
    assert run([*arguments, "gamma=0.2:0.3:14"]) == 0
    assert run([*arguments, "gamma=0.2:0.3:200"]) == 2
    assert "--quantities stimuli" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("quantities", ["all", "stimuli"])
def test_points_of_a_sweep_take_what_is_foreseen(quantities: str) -> None:
    """Points evaluated one by one are held; those evaluated as arrays are not."""
    from symdrift.evaluation.sweep import held_memory, sweep
    from symdrift.evaluation.sweep_axes import linear_axis
    from symdrift.study import read_study

    method = "dense"
    study = read_study("isotropic_autoencoder").with_values({"n": 6.0})

    def held(many: int) -> tuple[int, int]:
        """Bytes that a sweep of so many points takes, and those foreseen."""
        tracemalloc.start()
        points = sweep(
            study, (linear_axis("gamma", 0.1, 0.2, many),), method, quantities=quantities
        )
        # Which frees what Python keeps of tuples that are gone.
        gc.collect()
        taken, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        arrays = sum(column.nbytes for column in points.numbers.columns.values())
        return taken, arrays + sum(held_memory(point.evaluation) for point in points)

    # Names of the numbers and the last minima of the dense road are kept once.
    held(3)
    (few, foreseen_few), (many, foreseen_many) = held(10), held(20)
    assert 0.2 < (many - few) / (foreseen_many - foreseen_few) < 1.2


def test_json_of_many_planes_is_refused_before_the_work_and_tables_are_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """40 active axes have 780 planes; with their covariance the record has 608,400 numbers."""
    monkeypatch.setattr("symdrift.evaluation.evaluate.LARGEST_TEXT", 2**22)
    arguments = ["evaluate", "isotropic_autoencoder", "--set", "n=40"]
    with monkeypatch.context() as without:
        without.delattr("symdrift.evaluation.closed_form.formulas.diffusion_tensor")
        assert run([*arguments, "--json", "--full-covariance"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("symdrift: network with 40 active hidden units has 780 planes")
    assert "without --full-covariance" in said
    assert "--quantities stimuli" in said
    for option in (["--csv"], [], ["--json"], ["--json", "--quantities", "stimuli"]):
        assert run([*arguments, *option]) == 0


@pytest.mark.slow
@pytest.mark.parametrize(("size", "full"), [(150, False), (32, True)])
def test_a_json_record_takes_no_more_than_is_foreseen(size: int, full: bool) -> None:
    from symdrift.evaluation.evaluate import planes_memory

    options = ["--full-covariance"] if full else []
    tracemalloc.start()
    assert run(["evaluate", "isotropic_autoencoder", "--set", f"n={size}", "--json", *options]) == 0
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    foreseen = planes_memory(size * (size - 1) // 2)
    assert foreseen / 2 < peak < foreseen + 6 * 2**20


def test_the_size_of_long_json_is_said_and_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of a matrix written row by row, of one whose entries all differ, and of no matrix."""
    monkeypatch.setattr("symdrift.cli.evaluate._LONG", 2**14)
    teacher = np.random.default_rng(1).normal(size=(12, 12)).tolist()
    (tmp_path / "full.toml").write_text(
        "network = {inputs = 12, outputs = 12, hidden = 12}\n"
        f"inputs = {{covariance = {[2 - 0.1 * axis for axis in range(12)]}}}\n"
        f"teacher = {{map = {teacher}}}\nlearning = {{rate = 1e-3, weight_decay = 1e-2}}\n"
    )
    wide = ["evaluate", "isotropic_autoencoder", "--set", "n=16", "--order", "1", "--json"]
    crooked = ["evaluate", str(tmp_path / "full.toml"), "--order", "1", "--json"]
    for given in ([*wide, "--full-covariance"], crooked):
        assert run(given) == 0
        printed = capsys.readouterr()
        (said,) = re.findall(r"writing about ([0-9.]+) MiB of JSON", printed.err)
        assert len(printed.out) == pytest.approx(float(said) * 2**20, rel=0.3)
    assert run(wide) == 0
    assert "writing about" not in capsys.readouterr().err


def test_the_table_says_what_the_sign_of_a_rotation_means(
    capsys: pytest.CaptureFixture[str],
) -> None:
    said = "A positive mean rotation of plane i, j turns hidden axis j towards i"
    assert run(["evaluate", "misaligned_teacher"]) == 0
    assert said in " ".join(capsys.readouterr().out.split())
    assert run(["evaluate", "anisotropic_autoencoder"]) == 0
    assert said not in " ".join(capsys.readouterr().out.split())


def test_the_next_order_has_the_blocks_of_the_record(capsys: pytest.CaptureFixture[str]) -> None:
    """A correction for each number, and none where the number is zero."""
    record = printed_json(capsys, "evaluate", "misaligned_teacher", "--order", "2", "--json")
    found = record["next_order"]
    assert set(found["fluctuation"]) == set(record["fluctuation"])
    assert set(found["drift"]) == set(record["drift"])
    assert found["drift"]["planes"] == record["drift"]["planes"]
    assert [set(stimulus) for stimulus in found["stimuli"]] == [
        set(stimulus) for stimulus in record["stimuli"]
    ]
    aligned = printed_json(capsys, "evaluate", "bottleneck", "--order", "2", "--json")
    assert aligned["next_order"]["drift"]["mean_rotation"] == [None]
    assert aligned["next_order"]["stimuli"][2]["decay_rate"] is None
    assert "off by more than 10 %, 4 of them, most of all" in aligned["warnings"][-1]


@pytest.mark.parametrize("order", ["1", "2"])
def test_a_diagonal_covariance_is_a_matrix_on_request(
    capsys: pytest.CaptureFixture[str], order: str
) -> None:
    given = ("evaluate", "anisotropic_autoencoder", "--json", "--order", order)
    short = printed_json(capsys, *given)
    full = printed_json(capsys, *given, "--full-covariance")
    for record, whole in ((short, full), (short.get("next_order"), full.get("next_order"))):
        if record is not None:
            assert record["drift"].pop("diagonal") is True
            variances = record["drift"].pop("covariance")
            matrix = whole["drift"].pop("covariance")
            assert [matrix[k][k] for k in range(3)] == variances
            assert {matrix[k][l] for k in range(3) for l in range(3) if k != l} <= {0.0, None}
    assert short == full


def test_a_covariance_with_correlations_is_a_matrix(capsys: pytest.CaptureFixture[str]) -> None:
    given = ("evaluate", "misaligned_teacher", "--json")
    record = printed_json(capsys, *given)
    assert "diagonal" not in record["drift"]
    assert record == printed_json(capsys, *given, "--full-covariance")


def test_where_nothing_can_turn_the_full_covariance_is_empty(
    capsys: pytest.CaptureFixture[str],
) -> None:
    alone = ("evaluate", "bottleneck", "--set", "network.hidden=1", "--json")
    record = printed_json(capsys, *alone, "--full-covariance")
    assert record["drift"]["covariance"] == record["next_order"]["drift"]["covariance"] == []


def test_a_full_covariance_is_about_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["evaluate", "bottleneck", "--full-covariance"]) == 2
    assert "--full-covariance is about JSON: give --json too" in capsys.readouterr().err


def test_tables_and_csv_show_the_expected_error(capsys: pytest.CaptureFixture[str]) -> None:
    record = printed_json(capsys, "evaluate", "misaligned_teacher", "--order", "2", "--json")
    correction = record["next_order"]["fluctuation"]["excess_loss"]
    change = abs(correction) * record["parameters"]["learning_rate"]
    ratio = record["validity"]["rate_over_critical"]
    error = 100 * (change + max(change, ratio) * ratio / (1 - ratio))
    assert run(["evaluate", "misaligned_teacher", "--order", "2"]) == 0
    assert f"({error:.2g} %)" in capsys.readouterr().out
    assert run(["evaluate", "misaligned_teacher", "--order", "2", "--csv"]) == 0
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert float(row["next_order.fluctuation.excess_loss"]) == correction


def test_what_is_zero_has_no_expected_error(capsys: pytest.CaptureFixture[str]) -> None:
    """Mean rotations below the smallest number, whose next order is not."""
    at = ["evaluate", "stimulus_set", "--set", "learning.weight_decay=1.2e-10", "--order", "2"]
    record = printed_json(capsys, *at, "--json")
    assert record["drift"]["mean_rotation"] == [0, 0, 0]
    assert any(record["next_order"]["drift"]["mean_rotation"])
    assert run(at) == 0
    text = capsys.readouterr().out
    assert " 0 (" not in text
    assert " %)" in text


def test_planes_of_silent_units_have_a_next_order(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["evaluate", "synaptic_noise", "--order", "2", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    found = record["next_order"]["drift"]
    assert found["planes"] == record["drift"]["planes"]
    assert [3, 5] in found["planes"]
    assert min(found["diffusion"]) > 0


@pytest.mark.parametrize(
    ("study", "options", "sentence"),
    [
        ("bottleneck", ["--order", "3"], 'order = "3" is unknown; allowed are auto, 1, 2'),
        ("bottleneck", ["--order", "2", "--approximation", "white"], "order = 2 needs the exact"),
        ("digits", ["--order", "2", "--set", "network.hidden=8"], "100 normal directions, would"),
    ],
)
def test_a_next_order_that_is_not_there_is_refused(
    capsys: pytest.CaptureFixture[str], study: str, options: list[str], sentence: str
) -> None:
    assert run(["evaluate", study, *options]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert sentence in captured.err
    assert captured.err.count("\n") == 1

"""The command line: its numbers, its formats, and its answers to wrong requests."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from conftest import ANISOTROPIC

from symdrift.cli import run
from symdrift.cli.program import app
from symdrift.cli.terminal import output_console
from symdrift.errors import CheckFailed
from symdrift.simulation.estimators import Estimate
from symdrift.validation.extrapolate import Extrapolation
from symdrift.validation.rows import ExtrapolatedRow, Row
from symdrift.validation.second_look import SecondLook
from symdrift.validation.validate import Similarity, Validation

COMMANDS = (
    *("list", "derive", "evaluate", "compare", "simulate", "observe", "validate", "report"),
    *("lesson", "fit"),
)
TWO_INPUTS = [
    *("--set", "network.inputs=2", "--set", "network.outputs=2", "--set", "network.hidden=2"),
    *("--set", "inputs.covariance=[2, 0.7]", "--set", "gamma=0.2", "--set", "eta=0.0025"),
]


def program(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "symdrift", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def printed_json(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    assert run(arguments) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_each_command_shows_an_example(
    capsys: pytest.CaptureFixture[str], command: str
) -> None:
    assert run([command, "--help"]) == 0
    assert f"Example: symdrift {command}" in " ".join(capsys.readouterr().out.split())


def test_help_names_every_command_and_nothing_stands_for_help(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["--help"]) == 0
    text = capsys.readouterr().out
    assert all(f"\n  {command} " in text for command in COMMANDS)
    assert run([]) == 0
    assert capsys.readouterr().out == text


@pytest.mark.parametrize(
    ("arguments", "limit", "libraries"),
    [
        (["--help"], 0.3, {"click", "lazy_loader"}),
        (
            ["evaluate", "isotropic_autoencoder"],
            0.4,
            # Rich takes the last where it is there.
            {"click", "lazy_loader", "numpy", "rich", "attr"},
        ),
    ],
)
def test_what_needs_few_libraries_loads_no_other_and_answers_at_once(
    arguments: list[str], limit: float, libraries: set[str]
) -> None:
    """In seconds of the processor: what else the machine does is not the program's."""
    times = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert program(*arguments).returncode == 0
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert 0 < min(times) < limit
    code = (
        "import sys; before = set(sys.modules); from symdrift.cli import run\n"
        f"assert run({arguments!r}) == 0\n"
        "loaded = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        f"assert loaded - sys.stdlib_module_names <= {libraries | {'symdrift'}!r}, loaded"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def test_list_has_one_line_per_study(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) >= 5
    assert any(
        re.fullmatch(r"bottleneck +Bottleneck with irrelevant inputs", line) for line in lines
    )


@pytest.mark.parametrize("method", ["closed-form", "dense"])
@pytest.mark.parametrize(
    ("settings", "covariance"),
    [
        (TWO_INPUTS, [1.3977e-11]),
        ([*TWO_INPUTS[:-1], "eta=0.005"], [1.1182e-10]),
        ([], [6.962e-10, 7.745e-10, 1.1397e-9]),
    ],
)
def test_the_checked_numbers_of_the_theory(
    capsys: pytest.CaptureFixture[str], method: str, settings: list[str], covariance: list[float]
) -> None:
    record = printed_json(
        capsys, "evaluate", "anisotropic_autoencoder", *settings, "--method", method, "--json"
    )
    drift = record["drift"]
    diagonal = drift["covariance"] if "diagonal" in drift else np.diagonal(drift["covariance"])
    assert list(diagonal) == pytest.approx(covariance, rel=1e-4)
    assert [2 * value for value in drift["diffusion"]] == pytest.approx(covariance, rel=1e-4)
    assert record["method"] == method


def test_the_white_noise_approximation_is_offered_for_comparison(
    capsys: pytest.CaptureFixture[str],
) -> None:
    record = printed_json(
        capsys,
        *("evaluate", "anisotropic_autoencoder", *TWO_INPUTS, "--json"),
        *("--approximation", "white"),
    )
    assert record["approximation"] == "white"
    assert record["drift"]["covariance"][0] == pytest.approx(1.684e-11, rel=3e-4)


def test_the_json_record_has_the_agreed_fields(capsys: pytest.CaptureFixture[str]) -> None:
    record = printed_json(capsys, "evaluate", "frequent_stimulus", "--json")
    assert list(record) == [
        *("study", "method", "approximation", "parameters", "minimum", "fluctuation", "drift"),
        *("stimuli", "validity", "next_order", "warnings"),
    ]
    assert set(record["minimum"]) == {
        *("rank", "singular_values", "loss", "hessian_min", "hessian_max")
    }
    assert set(record["fluctuation"]) == {"weight_variance", "excess_loss"}
    assert set(record["validity"]) == {
        *("rate_times_curvature", "multiplicative_noise", "imbalance", "threshold"),
        *("critical_rate", "rate_over_critical", "expected_error"),
    }
    assert set(record["drift"]) == {
        *("planes", "covariance", "diagonal", "diffusion", "mean_rotation")
    }
    assert record["drift"]["planes"] == [[1, 2], [1, 3], [1, 4], [2, 3], [2, 4], [3, 4]]
    assert [stimulus["name"] for stimulus in record["stimuli"]] == ["frequent", "rare"]
    assert set(record["stimuli"][0]) == {
        *("name", "squared_norm", "diffusion", "decay_rate", "mean_speed")
    }
    assert record["parameters"]["lambda_f"] == 2.0
    assert record["warnings"] == []
    frequent, rare = record["stimuli"]
    assert frequent["decay_rate"] < rare["decay_rate"], "the frequent stimulus drifts more slowly"


def test_a_sweep_shows_that_diffusion_grows_with_the_cube_of_the_rate(
    capsys: pytest.CaptureFixture[str],
) -> None:
    records = printed_json(
        capsys,
        *("evaluate", "bottleneck", "--json"),
        *("--sweep", "learning.rate=0.0001:0.01:3:log", "--sweep", "learning.batch=1:2:2"),
    )
    points = [
        (record["parameters"]["learning.rate"], record["parameters"]["learning.batch"])
        for record in records
    ]
    assert points == [
        (pytest.approx(rate, rel=1e-14), batch) for rate in (1e-4, 1e-3, 1e-2) for batch in (1, 2)
    ]
    diffusion = [record["drift"]["diffusion"][0] for record in records]
    assert diffusion[2] / diffusion[0] == pytest.approx(1e3, rel=1e-9)
    assert diffusion[4] / diffusion[2] == pytest.approx(1e3, rel=1e-9)
    assert diffusion[0] / diffusion[1] == pytest.approx(4, rel=1e-9)


def test_csv_has_a_column_for_whatever_some_point_has(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["evaluate", "isotropic_autoencoder", "--sweep", "n=2:3:2", "--csv"]
    assert run(arguments) == 0
    text = capsys.readouterr().out
    header = next(csv.reader(io.StringIO(text)))
    assert len(header) == len(set(header))
    assert header[:2] == ["n", "lambda"]
    first, second = csv.DictReader(io.StringIO(text))
    planes = ["drift.diffusion.1-2", "drift.diffusion.1-3", "drift.diffusion.2-3"]
    assert [name for name in header if name.startswith("drift.diffusion")] == planes
    assert float(first["n"]) == 2
    assert [first[plane] != "" for plane in planes] == [True, False, False]
    # Isotropic: (n + 2)(2 gamma^2 + sigma^2 lambda)^2 / (lambda s) + (n - 2) sigma^4 lambda.
    s, variance = 1 - 0.2, 0.3**2
    for n, row in ((2, first), (3, second)):
        formula = (n + 2) * (2 * 0.2**2 + variance) ** 2 / s + (n - 2) * variance**2
        assert float(row[planes[0]]) == pytest.approx(0.005**3 / 64 * formula, rel=1e-12)


def test_csv_and_json_hold_the_same_full_precision(capsys: pytest.CaptureFixture[str]) -> None:
    record = printed_json(capsys, "evaluate", "teacher_label_noise", "--json")
    assert run(["evaluate", "teacher_label_noise", "--csv"]) == 0
    row = next(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert float(row["minimum.loss"]) == record["minimum"]["loss"]
    assert float(row["drift.covariance.2-3"]) == record["drift"]["covariance"][2]
    assert float(row["stimuli.axis 1.decay_rate"]) == record["stimuli"][0]["decay_rate"]


def test_tables_show_planes_and_stimuli(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["evaluate", "anisotropic_autoencoder"]) == 0
    text = capsys.readouterr().out
    assert re.search(r"2, 3 +1\.1397e-09 \(3\.4 %\) +5\.69\d+e-10", text)
    assert "rad^2/step" in text
    assert "axis 3" in text
    assert run(["evaluate", "anisotropic_autoencoder", "--sweep", "gamma=0.1:0.3:3"]) == 0
    text = capsys.readouterr().out
    assert re.search(r"\n 0\.2 ", text)
    assert re.search(r"\n 0\.3 +3\.48\d+e-10", text)


def test_brackets_in_names_are_no_markup(
    write_study: Any, capsys: pytest.CaptureFixture[str], anisotropic: Path
) -> None:
    text = anisotropic.read_text(encoding="utf-8")
    path = write_study(text + '[[stimulus]]\nname = "[red]$x"\nvector = [1, 0, 0]\n')
    assert run(["evaluate", str(path), "--plot", str(path.with_suffix(".png"))]) == 0
    assert "[red]$x" in capsys.readouterr().out


def test_a_large_learning_rate_warns(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["evaluate", "bottleneck", "--set", "learning.rate=0.1", "--json"]) == 0
    captured = capsys.readouterr()
    said = captured.err.splitlines()
    assert said[0].startswith("warning: learning.rate")
    assert said[1].startswith("warning: above 0.5 of the critical rate SGD can run away")
    assert said[2].startswith("warning: numbers of leading order are expected to be off")
    assert json.loads(captured.out)["warnings"] == [line.removeprefix("warning: ") for line in said]


def test_a_sweep_says_a_warning_once_and_where_it_begins(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["evaluate", "bottleneck", "--sweep", "learning.rate=0.01:0.1:4", "--csv"]) == 0
    captured = capsys.readouterr()
    rows = list(csv.DictReader(io.StringIO(captured.out)))
    assert all(float(row["validity.imbalance"]) > 0.1 for row in rows)
    # On a busy machine it also says that it is evaluating.
    first, second, last = [line for line in captured.err.splitlines() if "warning" in line]
    assert first.startswith("warning: at all 4 points, the first at learning.rate = 0.01: ")
    assert second.startswith(
        "warning: at 3 of 4 points, the first at learning.rate = 0.04: numbers of leading order"
    )
    assert last == (
        "warning: at learning.rate = 0.1: above 0.5 of the critical rate SGD can run away from the "
        "minimum for good"
    )


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_plots_are_written_whole(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], suffix: str
) -> None:
    path = tmp_path / f"drift.{suffix}"
    sweep = ["--sweep", "gamma=0.1:0.5:4:log", "--sweep", "lambda_3=0.4:0.9:2"]
    assert run(["evaluate", "anisotropic_autoencoder", *sweep, "--plot", str(path)]) == 0
    start = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[suffix]
    assert path.read_bytes().startswith(start)
    assert list(tmp_path.iterdir()) == [path]
    capsys.readouterr()


# Each case: arguments after a study, and what the one sentence must say.
WRONG = [
    (["--set", "gamma"], "--set .*must have the form PATH=VALUE"),
    (["--set", "gamma="], "--set .*must have the form PATH=VALUE"),
    (["--set", "gamma=1", "--set", "gamma=2"], "--set sets gamma twice"),
    (["--set", "gama=1"], 'gama cannot be set; did you mean "gamma"'),
    (["--set", "gamma=-1"], r"learning\.weight_decay = -1 must not be negative"),
    (["--set", "gamma=0"], r"learning\.weight_decay = 0 "),
    (["--set", "gamma=2"], r"learning\.weight_decay = 2 meets the threshold"),
    (["--set", "gamma=0.7"], r"learning\.weight_decay = 0\.7 meets the threshold"),
    (["--set", "gamma=9"], r"learning\.weight_decay = 9 leaves no active direction"),
    (["--set", "eta=5"], r"learning\.rate = 5 is unstable"),
    (["--sweep", "gamma=0.1:0.2"], "--sweep .*PATH=LO:HI:NUM"),
    (["--sweep", "gamma=0.1:0.2:3:lin"], "--sweep .*PATH=LO:HI:NUM"),
    (["--sweep", "gamma=a:0.2:3"], "--sweep gamma = .*must be a number"),
    (["--sweep", "gamma=0.1:0.2:0"], "--sweep gamma = 0 points"),
    (["--sweep", "gamma=0.1:0.2:x"], "--sweep gamma = x points"),
    (["--sweep", "gamma=0:0.2:3:log"], "--sweep gamma from 0 to 0.2 cannot be logarithmic"),
    (["--sweep", "gamma=-1/3:2e-1:3:log"], "from -1/3 to 2e-1 cannot be logarithmic"),
    (["--sweep", "gamma=0.1:0.2:999", "--sweep", "eta=0.1:0.2:999"], "asks for 998001 points"),
    (["--sweep", "gamma=0.1:0.2:2", "--sweep", "gamma=0.1:0.2:2"], "names gamma twice"),
    (["--sweep", "gamma=3:9:3"], r"--sweep fails at every one of 3 points, the first gamma = 3: "),
    (["--sweep", "network.inputs=3.5:4:2"], r"--sweep fails at every one of 2 points, the first "),
    (["--sweep", "gama=1:2:2"], "--sweep fails at gama = 1: gama cannot be set; did you mean"),
    (["--sweep", "gamma=0.1:0.2:2", "--out", "x.txt"], '--out = "x.txt" must end in .csv or .nc'),
    (["--json", "--csv"], "--json and --csv exclude each other"),
    (["--plot", "picture.jpg"], r'--plot = "picture.jpg" must end in .png, .svg, .pdf'),
    (["--method", "magic"], 'method = "magic" is unknown; allowed are auto'),
    (["--approximation", "grey"], 'approximation = "grey" is unknown; allowed are exact'),
    (["--nonsense"], "No such option"),
    (["extra"], "unexpected extra argument"),
]


@pytest.mark.parametrize(("arguments", "sentence"), WRONG)
def test_a_wrong_request_gets_one_sentence_and_code_two(
    capsys: pytest.CaptureFixture[str], arguments: list[str], sentence: str
) -> None:
    assert run(["evaluate", "anisotropic_autoencoder", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert re.match(rf"symdrift: .*{sentence}", captured.err)
    assert captured.err.count("\n") == 1


def test_equations_and_steps_are_found_where_they_are_derived(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["derive", "anisotropic_autoencoder", "--where", "hessian-pair"]) == 0
    file, line = capsys.readouterr().out.strip().rsplit(":", 1)
    assert "hessian_pair=" in Path(file).read_text("utf-8").splitlines()[int(line) - 1]
    assert run(["derive", "anisotropic_autoencoder", "--where", "step:lyapunov"]) == 0
    file, line = capsys.readouterr().out.strip().rsplit(":", 1)
    assert "def _lyapunov(" in Path(file).read_text("utf-8").splitlines()[int(line) - 1]
    assert run(["derive", "anisotropic_autoencoder", "--where", "step:lyapunow"]) == 2
    assert 'did you mean "step:lyapunov"?' in capsys.readouterr().err
    assert run(["derive", "anisotropic_autoencoder", "--where", "eq:hesian-pair"]) == 2
    assert re.match(
        r'symdrift: --where = "eq:hesian-pair" is no label of this derivation; did you mean '
        r'"hessian-pair"\? labels are error, sample-loss, ',
        capsys.readouterr().err.splitlines()[-1],
    )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["derive", "bottleneck", "--width", "252"], '--width = "252" is no width'),
        (["derive", "bottleneck", "--format", "exe"], '--format = "exe" is unknown'),
        (["derive", "bottleneck", "--level", "all"], '--level = "all" is unknown'),
        (["report", "bottleneck", "--level", "all"], '--level = "all" is unknown'),
        (["derive", "STUDY"], 'names the symbol "T", whose letter stands for'),
        (["lesson", "STUDY"], 'names the symbol "T", whose letter stands for'),
        (["report", "STUDY"], 'names the symbol "T", whose letter stands for'),
    ],
)
def test_what_no_derivation_takes_is_refused_before_sympy_is_loaded(
    write_study: Callable[[str], Path], arguments: list[str], sentence: str
) -> None:
    path = str(write_study(ANISOTROPIC.replace('"lambda_1"', '"T"').partition("[values]")[0]))
    arguments = [path if word == "STUDY" else word for word in arguments]
    code = (
        "import sys; from symdrift.cli import run; "
        f"assert run({arguments!r}) == 2; assert 'sympy' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert sentence in done.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["evaluate"], "Missing argument"),
        (["evaluat"], "No such command"),
        (["evaluate", "nothing.toml"], 'study "nothing.toml" is not there'),
        (["derive", "bottleneck", "--format", "doc"], 'format = "doc" '),
        (["simulate", "bottleneck"], "Missing option '--out'"),
        (["simulate", "bottleneck", "--out", "x.csv"], '--out = "x.csv" must end in .npz'),
        (["validate", "bottleneck", "--steps", "many"], '--steps = "many" must be a'),
        (["validate", "bottleneck", "--replicas", "0"], "replicas"),
        (["validate", "bottleneck", "--seed", "-1"], "--seed = -1 must be a whole number"),
        (["validate", "bottleneck", "--budget", "soon"], '--budget = "soon" must be a time'),
        (["validate", "bottleneck", "--budget", "-1h"], '--budget = "-1h" must be a positive time'),
        (["validate", "bottleneck", "--budget", "0.0m"], '--budget = "0.0m" must be a positive'),
        (["validate", "bottleneck", "--budget", "nan"], '--budget = "nan" must be a positive time'),
        (["validate", "bottleneck", "--precision", "0"], "precision = 0 must be a positive"),
        (["validate", "bottleneck", "--precision", "1e300"], r"--precision = 1e\+300 is no prec"),
        (["validate", "bottleneck", "--precision", "1.01"], r"--precision = 1\.01 is no precision"),
        (["validate", "bottleneck", "--threads", "0"], "--threads = 0 must be a whole number"),
        (["validate", "bottleneck", "--steps", "9", "--budget", "9s"], "--budget and --steps"),
        (["validate", "bottleneck", "--windows", "9", "--budget", "9s"], "windows and a budget"),
        (["validate", "bottleneck", "--windows", "0"], "windows = 0 must be a whole number"),
        (["validate", "bottleneck", "--plot", "x.jpg"], '--plot = "x.jpg" must end in'),
    ],
)
def test_other_commands_refuse_in_one_sentence_too(
    capsys: pytest.CaptureFixture[str], arguments: list[str], sentence: str
) -> None:
    assert run(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert re.match(f"symdrift: .*{sentence}", captured.err)
    assert captured.err.count("\n") == 1


def test_a_symbolic_study_without_values_asks_for_them_by_name(
    anisotropic: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = anisotropic.read_text(encoding="utf-8").partition("[values]")[0]
    anisotropic.write_text(text, encoding="utf-8")
    assert run(["evaluate", str(anisotropic)]) == 2
    message = capsys.readouterr().err
    assert "lambda_1, lambda_2, lambda_3, eta, gamma" in message
    assert "--set lambda_1=..." in message


def test_nothing_is_written_when_a_sweep_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep = ["--sweep", "gamma=3:9:3", "--plot", str(tmp_path / "drift.png")]
    files = ["--out", str(tmp_path / "drift.csv")]
    assert run(["evaluate", "anisotropic_autoencoder", *sweep, *files]) == 2
    assert list(tmp_path.iterdir()) == []
    capsys.readouterr()


def test_a_place_that_cannot_be_written_to_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    target = tmp_path / "file" / "drift.png"
    assert run(["evaluate", "bottleneck", "--plot", str(target)]) == 2
    captured = capsys.readouterr()
    assert "cannot be written" in captured.err
    assert captured.out == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ["simulate", "bottleneck", "--out", "file/x.npz"],
        ["validate", "bottleneck", "--plot", "file/x.png"],
        ["evaluate", "bottleneck", "--plot", "directory.png"],
        ["derive", "bottleneck", "--out", "file"],
        ["report", "bottleneck", "--out", "file/deep"],
        ["lesson", "bottleneck", "--out", "a" * 300],
        *([command, "bottleneck", "--out", ""] for command in ("evaluate", "report", "simulate")),
        ["observe", "bottleneck", "--plot", ""],
    ],
)
def test_a_place_that_cannot_be_written_to_is_refused_before_the_work(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    (tmp_path / "directory.png").mkdir()
    monkeypatch.chdir(tmp_path)
    start = time.process_time()
    assert run(arguments) == 2
    # Each of these takes several seconds of the processor.
    assert time.process_time() - start < 2
    assert re.fullmatch(r"symdrift: --(out|plot) = .*\n", capsys.readouterr().err)
    assert {path.name for path in tmp_path.iterdir()} == {"file", "directory.png"}


@pytest.mark.parametrize(
    "arguments",
    [
        ["9" * 5000],
        ["evaluate", "bottleneck", f"--{'x' * 5000}"],
        ["evaluate", "bottleneck", "x" * 5000],
        ["observe", "bottleneck", "--seed", "9" * 5000],
        ["observe", "bottleneck", "--times", f"1:10:{'9' * 5000}"],
        ["evaluate", "bottleneck", "--sweep", f"gamma=0.1:0.2:{'9' * 5000}"],
        ["evaluate", "bottleneck", "--set", f"{'a.' * 3000}b=1"],
    ],
)
def test_what_was_typed_is_never_quoted_at_length(
    capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert run(arguments) == 2
    sentence = capsys.readouterr().err
    assert sentence.startswith("symdrift: ")
    assert len(sentence) < 600


def test_too_little_memory_is_said_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def exhausted(*_: object, **__: object) -> None:
        raise MemoryError("Unable to allocate 9 TiB")

    monkeypatch.setattr("symdrift.evaluation.sweep.sweep", exhausted)
    assert run(["evaluate", "bottleneck"]) == 2
    assert "too little memory for this request: Unable to allocate 9 TiB." in (
        capsys.readouterr().err
    )


def made_extrapolation(z: float, completed: float = 1.0) -> Extrapolation:
    """A single quantity whose extrapolated ratio misses 1 by so many standard errors."""
    row = Row("V[12]", 1e-9, 2e-9, 1e-11, 0.0, 1e-9)
    similarity = Similarity(np.zeros((0, 0)), np.zeros((0, 0)), np.zeros((0, 0)))
    run = Validation("made", 0.01, (row,), 10, 2, 5, 7, 0.02, 1.0, 10**9, similarity, (), ())
    extrapolated = ExtrapolatedRow(row, Estimate(0.01 * z, 0.01), Estimate(1.0, 0.1))
    return Extrapolation(
        runs=(run, run),
        fitted=(True, True),
        own=0,
        rows=(extrapolated,),
        units=10**9,
        seed=7,
        white_noise=(("V[12]", 12.0),),
        completed=completed,
        synaptic_noise=(0.0, 0.0),
        second=SecondLook(2, 10**9, (extrapolated,)),
    )


@pytest.mark.parametrize(("z", "code"), [(2.9, 0), (-2.9, 0), (3.1, 1), (-3.1, 1)])
def test_the_extrapolated_ratio_decides_the_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], z: float, code: int
) -> None:
    monkeypatch.setattr(
        "symdrift.validation.extrapolate.validate_limit", lambda *_, **__: made_extrapolation(z)
    )
    assert run(["validate", "bottleneck", "--json"]) == code
    captured = capsys.readouterr()
    record = json.loads(captured.out)
    assert record["passed"] is (code == 0)
    assert record["rows"][0]["extrapolated_ratio"] == pytest.approx(1 + 0.01 * z)
    assert record["rows"][0]["extrapolated_standard_error"] == pytest.approx(0.01)
    assert record["rows"][0]["ratio"] == pytest.approx(2.0)
    assert ("disagree" in captured.err) is (code == 1)
    assert run(["validate", "bottleneck"]) == code
    text = capsys.readouterr().out
    assert re.search(r"V\[12\] +1e-09 +2e-09", text)
    assert text.endswith(f"verdict: {'disagree' if code else 'agree'}\n")


def test_a_run_that_decides_nothing_says_so_and_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A standard error of one half, and no deviation."""
    made = made_extrapolation(0.0)
    vague = replace(made.rows[0], deviation=Estimate(0.0, 0.5))
    monkeypatch.setattr(
        "symdrift.validation.extrapolate.validate_limit",
        lambda *_, **__: replace(made, rows=(vague,)),
    )
    assert run(["validate", "bottleneck"]) == 1
    text, said = capsys.readouterr()
    assert "undecided: the theory of V[12] may be wrong by 10 %" in said
    assert text.endswith("verdict: undecided\n")


@pytest.mark.parametrize("z", [0.0, 9.0])
@pytest.mark.parametrize("at_one_rate", [False, True])
def test_an_interrupted_validation_shows_what_it_measured_and_decides_nothing(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    z: float,
    at_one_rate: bool,
) -> None:
    """Whether that agrees, or is missed by both looks."""
    part = made_extrapolation(z, 0.2599)
    off = replace(part.rows[0].measured, simulation=(1 + 0.01 * z) * 1e-9)
    made = replace(part.runs[0], rows=(off,), completed=0.2599) if at_one_rate else part
    name = "validate.validate_rate" if at_one_rate else "extrapolate.validate_limit"
    monkeypatch.setattr(f"symdrift.validation.{name}", lambda *_, **__: made)
    arguments = ["validate", "bottleneck", *(["--steps", "9"] if at_one_rate else [])]
    assert run(arguments) == 130
    captured = capsys.readouterr()
    assert re.search(r"V\[12\] .* undecided *\n", captured.out)
    assert captured.out.endswith("verdict: undecided (25 % of the run)\n")
    assert captured.err.startswith("this is what 25 % of the run measured\n")
    assert run([*arguments, "--json"]) == 130
    record = json.loads(capsys.readouterr().out)
    assert (record["verdict"], record["passed"]) == ("undecided", False)
    assert (record["interrupted"], record["completed"]) == (True, 0.2599)
    assert "interrupted after 25 % of the run" in made._repr_html_()


def test_an_interrupt_while_a_verdict_is_printed_waits_for_its_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another one does not wait."""
    came = [1]

    def interrupted() -> Any:
        for _ in range(came[0]):
            signal.raise_signal(signal.SIGINT)
        return output_console()

    monkeypatch.setattr("symdrift.cli.validate.output_console", interrupted)
    monkeypatch.setattr(
        "symdrift.validation.extrapolate.validate_limit", lambda *_, **__: made_extrapolation(0.0)
    )
    assert run(["validate", "bottleneck"]) == 130
    assert capsys.readouterr().out.endswith("verdict: agree\n")
    came[0] = 2
    assert run(["validate", "bottleneck"]) == 130
    assert "verdict" not in capsys.readouterr().out


@pytest.mark.slow
def test_validation_of_a_given_length_keeps_to_the_rate_of_the_study(
    capsys: pytest.CaptureFixture[str],
) -> None:
    study = "anisotropic_autoencoder"
    record = printed_json(
        capsys, "validate", study, "--steps", "20000", "--replicas", "512", "--json"
    )
    assert record["steps"] <= 20000
    assert "extrapolated_ratio" not in record["rows"][0]
    assert run(["validate", study, "--steps", "20000", "--replicas", "64"]) == 1
    text, said = capsys.readouterr()
    assert "64 replicas of" in text
    assert "undecided: the theory of V[12], V[13]" in said
    assert "may be wrong by 10 %" in said


@pytest.mark.slow
def test_validation_at_several_rates_with_a_picture(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "ratios.svg"
    arguments = ["validate", "bottleneck", "--precision", "0.1", "--budget", "20s"]
    # A tenth is too coarse for a verdict.
    assert run([*arguments, "--seed", "3", "--plot", str(path)]) == 1
    text, said = capsys.readouterr()
    assert "symdrift: bottleneck: undecided: " in said
    assert "ratio at 0" in text
    assert re.search(r"0\.02 \(not fitted\)", text)
    assert path.read_bytes().startswith(b"<?xml")


# Its servers and their sockets are closed late, which is no concern of ours.
@pytest.mark.filterwarnings("ignore")
def test_a_cluster_gives_the_same_numbers_and_trajectories(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    distributed: Any = pytest.importorskip("distributed")
    study = "anisotropic_autoencoder"
    arguments = ["validate", study, "--steps", "9000", "--replicas", "1024", "--json"]
    here = printed_json(capsys, *arguments)
    simulate = ["simulate", "bottleneck", "--steps", "100", "--replicas", "20", "--out"]
    assert run([*simulate, str(tmp_path / "here.npz")]) == 0
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=2, processes=False, dashboard_address="127.0.0.1:0"
    ) as cluster:
        address = ["--dask", cluster.scheduler_address]
        assert run([*simulate, str(tmp_path / "there.npz"), *address]) == 0
        capsys.readouterr()
        there = printed_json(capsys, *arguments, *address)
    assert there == here
    with np.load(tmp_path / "here.npz") as one, np.load(tmp_path / "there.npz") as other:
        assert np.array_equal(one["first_layer"], other["first_layer"])
        assert np.array_equal(one["second_layer"], other["second_layer"])


def test_documents_go_below_generated_unless_told_otherwise(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    calls: list[tuple[object, ...]] = []

    def write(
        study: Any,
        directory: Path,
        *rest: object,
        simulated: bool = True,
        fitted: object = None,
        level: str = "full",
    ) -> list[Path]:
        assert simulated and fitted is None and level == "full"
        calls.append((study.name, directory, *rest))
        return [directory / "derivation.tex"]

    monkeypatch.setattr("symdrift.documents.write_derivation", write, raising=False)
    monkeypatch.setattr("symdrift.documents.write_report", write, raising=False)
    assert run(["derive", "bottleneck", "--format", "tex,html"]) == 0
    assert run(["report", "bottleneck", "--out", "elsewhere"]) == 0
    here = Path("generated") / "bottleneck"
    assert calls[0][:4] == ("bottleneck", here, ("tex", "html"), "article")
    assert calls[1][:2] == ("bottleneck", Path("elsewhere"))
    assert capsys.readouterr().out.splitlines()[0] == f"wrote {here / 'derivation.tex'}"


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (KeyboardInterrupt(), 130, "interrupted"),
        (CheckFailed("step minimum: the check did not hold"), 1, "step minimum"),
    ],
)
def test_interrupts_and_failed_checks_have_their_own_codes(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    code: int,
    sentence: str,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("symdrift.evaluation.sweep.sweep", fail)
    assert run(["evaluate", "bottleneck"]) == code
    assert re.fullmatch(f"symdrift: {sentence}.*\\.\n", capsys.readouterr().err)


def test_the_process_returns_codes_and_prints_no_traceback() -> None:
    assert program("--version").stdout.startswith("symdrift ")
    wrong = program("evaluate", "nothing")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr.startswith('symdrift: study "nothing" is unknown')
    assert "Traceback" not in wrong.stderr


def test_a_reader_that_leaves_early_is_no_error() -> None:
    sweep = "learning.rate=0.0005:0.005:300"
    command = [sys.executable, "-m", "symdrift", "evaluate", "bottleneck", "--sweep", sweep]
    stage = rb" *[0-9]+ s  evaluating 300 points\n"
    with subprocess.Popen(
        [*command, "--csv"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.read(10)
        process.stdout.close()
        assert re.fullmatch(rb"(%b)?" % stage, process.stderr.read())
        assert process.wait(timeout=60) == 0


def test_evaluation_by_closed_form_needs_no_sympy() -> None:
    code = (
        "import sys; from symdrift.cli import run; "
        "code = run(['evaluate', 'anisotropic_autoencoder', '--method', 'closed-form', '--json']); "
        "sys.exit(code or 3 * ('sympy' in sys.modules))"
    )
    environment = {**os.environ, "COLUMNS": "80"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, env=environment, check=False
    )
    assert done.returncode == 0


@pytest.mark.parametrize("study", ["anisotropic_autoencoder", "elliptical"])
@pytest.mark.parametrize("weight_decay", ["1e-17", "1e-20"])
def test_a_tiny_weight_decay_leaves_the_fourth_power_law(
    capsys: pytest.CaptureFixture[str], study: str, weight_decay: str
) -> None:
    """Without label noise ``V`` goes with the fourth power: exact, however small it is."""
    drifts = []
    for factor in ("", "0"):
        text = weight_decay.replace("1e", f"1{factor}e")
        arguments = ["evaluate", study, "--method", "dense", "--set", f"gamma={text}", "--json"]
        assert run(arguments) == 0
        drifts.append(np.array(json.loads(capsys.readouterr().out)["drift"]["diffusion"]))
    np.testing.assert_allclose(drifts[1], 1e4 * drifts[0], rtol=1e-9)


@pytest.mark.parametrize(
    ("command", "code"),
    [("observe", 0), ("compare", 0), ("validate", 2), ("simulate", 2), ("report", 2)],
)
def test_a_tiny_weight_decay_is_computed_with_or_refused_in_one_sentence(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, command: str, code: int
) -> None:
    out = {"simulate": ["--out", str(tmp_path / "x.npz")], "report": ["--out", str(tmp_path)]}
    arguments = [command, "anisotropic_autoencoder", "--set", "gamma=1e-17", *out.get(command, [])]
    assert run(arguments) == code
    captured = capsys.readouterr()
    assert "nan" not in captured.out
    assert list(tmp_path.iterdir()) == []
    if code:
        *stages, sentence = captured.err.splitlines()
        assert all(re.match(r" *\d+ s  ", stage) for stage in stages)
        assert "learning.weight_decay = 1e-17" in sentence


NOTHING = ("x", "", "-1", "nan", "1e400", "x" * 500)
"""Values that no option takes that is a number, a choice, a form or a file of a kind."""

FREE = {"--out", "--dask", "--where"}
"""Options of which any text may be a value: of files, addresses and labels."""


def needed_options(command: str, option: str, folder: Path) -> list[str]:
    """Without which a command refuses another option before it looks at its value."""
    needed = ["--out", str(folder / "out.npz")] if command == "simulate" else []
    if command == "fit" or option in {"--data", "--free"}:
        data = folder / "data.csv"
        data.write_text("stimulus,quantity,value,standard_error\n*,decay_rate,1e-5,1e-6\n")
        needed += ["--data", str(data)] if option != "--data" else []
        needed += ["--free", "gamma"] if option != "--free" else []
    return needed


@pytest.mark.parametrize(
    ("command", "option"),
    [
        (name, parameter.opts[-1])
        for name, command in app.commands.items()
        for parameter in command.params
        if isinstance(parameter, click.Option) and not parameter.is_flag
        if parameter.opts[-1] not in FREE
    ],
)
def test_every_option_names_itself_its_value_and_what_is_allowed(
    command: str, option: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    needed = needed_options(command, option, tmp_path)
    for value in NOTHING:
        arguments = [command, "bottleneck", *needed, option, value]
        assert run(arguments) == 2, arguments
        captured = capsys.readouterr()
        assert captured.out == ""
        (sentence,) = captured.err.strip().splitlines()
        assert sentence.startswith(f"symdrift: {option} "), sentence
        shown = value[:40] if value not in {"1e400", ""} else ""
        assert shown in sentence
        assert re.search(r"must (be|have|end)|allowed are|cannot be read", sentence), sentence
        assert len(sentence) < 400
    assert not (tmp_path / "out.npz").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["validate", "bottleneck", "--budget", "0"], '--budget = "0" must be a positive time'),
        (["evaluate", "bottleneck", "--order", "3"], '--order = "3" is unknown; allowed are auto'),
        (["lesson", "bottleneck", "--students", "501"], "--students = 501 must be a whole number"),
        (["observe", "bottleneck", "--minimum=9"], "--minimum = 9"),
        (["observe", "bottleneck", "--set", "learning.minimum=9"], "learning.minimum = 9"),
        (["evaluate", "bottleneck", "--steps-per-day", "0"], "must be a number from 1e-09 to"),
    ],
)
def test_a_refusal_names_the_option_that_was_given(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 2
    assert sentence in capsys.readouterr().err

"""The command line on odd machines: streams, signals, homes, settings and a TeX that fails."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from matplotlib import rc_context

from symdrift.cli import run
from symdrift.cli.terminal import progress_shown
from symdrift.figures import observables
from symdrift.figures.style import rendered
from symdrift.observables import observe
from symdrift.progress import log_stage
from symdrift.study import read_study

if TYPE_CHECKING:
    from matplotlib.typing import RcKeyType

ROOT = Path(__file__).parent.parent
UNNAMED = """
title = "Beyond ASCII"
network = { inputs = 2, outputs = 2, hidden = 2 }
inputs = { covariance = [2.0, 1.0] }
learning = { rate = 0.005, weight_decay = 0.2 }
[[stimulus]]
name = "%s"
vector = [1, 0]
"""
COMMANDS = [
    *(["list"], ["--help"], ["--version"], ["evaluate", "elliptical"], ["compare", "elliptical"]),
    ["evaluate", "elliptical", "--json"],
    ["evaluate", "elliptical", "--sweep", "gamma=0.1:0.2:3", "--csv"],
    ["observe", "elliptical", "--csv"],
    ["validate", "anisotropic_autoencoder", "--steps", "9000", "--replicas", "1024"],
    ["simulate", "bottleneck", "--steps", "100", "--replicas", "8", "--out", "x.npz"],
]
"""One of each command that is soon done."""
ODOURS = Path(__file__).parents[1] / "docs" / "fitting" / "six_odours"


def shell(
    command: str, *arguments: str, cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """A shell's command in which ``symdrift`` is the program with these arguments."""
    python = (sys.executable, *arguments)
    return subprocess.run(
        ["sh", "-c", command.replace("symdrift", '"$0" -m symdrift "$@"'), *python],
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
    )


def one_sentence(text: str) -> bool:
    lines = [line for line in text.splitlines() if not re.match(r" *\d+ s  ", line)]
    return len(lines) == 1 and lines[0].startswith("symdrift: ") and lines[0].endswith(".")


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_output_that_cannot_be_printed_is_one_sentence(
    arguments: list[str], tmp_path: Path
) -> None:
    lost = ">&-" if len(arguments) % 2 else ">/dev/full"
    done = shell(f"symdrift {lost}", *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert one_sentence(done.stderr)
    assert "standard output cannot be written to" in done.stderr
    if arguments[0] == "simulate":
        assert np.load(tmp_path / "x.npz")["steps"][-1] > 0


@pytest.mark.slow
def test_without_any_stream_the_exit_code_still_tells(tmp_path: Path) -> None:
    arguments = ["evaluate", "bottleneck"]
    assert shell("symdrift <&- >&- 2>&-", *arguments).returncode == 2
    assert shell("symdrift <&- 2>&- >/dev/null", *arguments).returncode == 0
    assert shell("symdrift 2>/dev/full >/dev/null", "evaluate", "nothing").returncode == 2
    assert shell("PYTHONUNBUFFERED=1 symdrift >/dev/full", *arguments).returncode == 2
    # A file that is opened does not become standard output.
    plotted = ["--plot", "drift.svg"]
    assert shell("symdrift >&-", *arguments, *plotted, cwd=tmp_path).returncode == 2
    assert (tmp_path / "drift.svg").read_text().startswith("<?xml")


@pytest.mark.parametrize("arguments", [COMMANDS[0], COMMANDS[3], COMMANDS[6]], ids=" ".join)
def test_a_pipe_closed_early_is_no_error(arguments: list[str]) -> None:
    # A status of the first part of a pipe, in a shell that knows only that of the last.
    done = shell("{ symdrift; echo $? >&2; } | head -c 1 >/dev/null", *arguments)
    assert done.stderr.splitlines()[-1] == "0"
    assert "rror" not in done.stderr


def test_a_failure_is_told_even_to_a_reader_who_has_left() -> None:
    done = shell("{ symdrift; echo $? >&2; } | true", "evaluate", "nothing")
    assert done.stderr.splitlines()[-1] == "2"


@pytest.mark.parametrize(
    ("encoding", "form", "shown"),
    [
        ("cp1252", [], "?-Ionon"),
        ("ascii", [], "?-Ionon"),
        ("cp1252", ["--csv"], r"\u03b2-Ionon"),
        ("ascii", ["--csv"], r"\u03b2-Ionon"),
        ("utf-8", ["--csv"], "β-Ionon"),
    ],
)
def test_characters_that_a_code_page_lacks_are_replaced_and_names_in_data_stay_different(
    encoding: str, shown: str, form: list[str], write_study: Callable[[str], Path]
) -> None:
    study = str(write_study(UNNAMED % "β-Ionon"))
    done = shell("symdrift", "evaluate", study, *form, PYTHONIOENCODING=encoding)
    assert (done.returncode, done.stderr) == (0, "")
    assert shown in done.stdout


@pytest.mark.slow
def test_the_error_bars_of_a_validation_can_be_printed_in_ascii() -> None:
    done = shell(
        "symdrift",
        *("validate", "bottleneck", "--precision", "0.1", "--seed", "3"),
        PYTHONIOENCODING="ascii",
    )
    # So coarse that it decides nothing.
    assert done.returncode == 1
    assert re.search(r"\d \? 0\.\d", done.stdout)
    assert "Traceback" not in done.stderr


# -- signals ------------------------------------------------------------------------------


@contextmanager
def started(*arguments: str, cwd: Path, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """The program, which hears of every signal, also where the tests run under nohup."""
    with subprocess.Popen(
        [sys.executable, "-m", "symdrift", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.slow
def test_a_signal_saves_what_was_recorded(tmp_path: Path) -> None:
    codes = {signal.SIGTERM: 143, signal.SIGINT: 130, signal.SIGHUP: 129}
    simulate = ["simulate", "bottleneck", "--steps", str(10**9), "--replicas", "8"]
    # Compiled before, so that what follows simulates at once.
    assert run([*simulate[:3], "100", "--replicas", "8", "--out", str(tmp_path / "long.npz")]) == 0
    with ExitStack() as stack:
        processes = {}
        for number in codes:
            folder = tmp_path / number.name
            folder.mkdir()
            process = stack.enter_context(started(*simulate, "--out", "long.npz", cwd=folder))
            processes[number] = process
        for process in processes.values():
            assert process.stderr is not None
            # The first line comes when the simulation has run for a while.
            assert "simulating 8 replicas" in process.stderr.readline()
        time.sleep(6)
        for number, process in processes.items():
            process.send_signal(number)
        for number, process in processes.items():
            assert process.stderr is not None
            assert process.wait(timeout=60) == codes[number]
            said = process.stderr.read()
            assert said.endswith("before it was done; files that were written are whole.\n")
            assert "it ends after" in said
    for number in codes:
        with np.load(tmp_path / number.name / "long.npz") as saved:
            assert saved["interrupted"]
            assert 0 < saved["steps"][-1] < 10**9
        assert [path.name for path in (tmp_path / number.name).iterdir()] == ["long.npz"]


@pytest.mark.parametrize(("name", "known"), [("SIGTERM", "{15}"), ("SIGINT", "set()")])
def test_an_interrupt_that_cannot_be_raised_comes_again(name: str, known: str) -> None:
    """As in what a compiler calls back."""
    code = (
        "import signal, time\n"
        "from symdrift.cli.process import interruptible\n"
        "class Lost:\n"
        "    def __del__(self):\n"
        f"        signal.raise_signal(signal.{name})\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "with interruptible() as received:\n"
        "    try:\n"
        "        Lost()\n"
        "        for _ in range(300):\n"
        "            time.sleep(0.1)\n"
        "    except KeyboardInterrupt:\n"
        f"        assert set(received) == {known}\n"
        "    else:\n"
        "        raise SystemExit('lost')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_an_interrupt_before_a_command_begins_is_one_sentence() -> None:
    """While modules are read."""
    code = (
        "import signal, sys\n"
        "class Finder:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'symdrift.cli.options':\n"
        "            signal.raise_signal(signal.SIGINT)\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "sys.meta_path.insert(0, Finder())\n"
        "from symdrift.cli import main\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (130, b"symdrift: interrupted before it was done.\n")


def test_a_command_that_ignores_hangups_goes_on() -> None:
    """As under nohup."""
    code = (
        "import signal, os\n"
        "from symdrift.cli.process import interruptible\n"
        "signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "with interruptible() as received:\n"
        "    os.kill(os.getpid(), signal.SIGHUP)\n"
        "assert not received\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [
        ("evaluate bottleneck --plot a.svg", {"MPLBACKEND": "module://matplotlib_inline.x"}),
        ("evaluate bottleneck --plot a.svg", {"MPLBACKEND": "nosuch"}),
        ("evaluate bottleneck --plot a.svg", {"MATPLOTLIBRC": "settings"}),
        ("simulate bottleneck --steps 9 --out a.npz", {"NUMBA_NUM_THREADS": "0"}),
        ("simulate bottleneck --steps 9 --out a.npz", {"NUMBA_DISABLE_JIT": "1"}),
    ],
)
def test_settings_of_the_libraries_do_not_reach_the_commands(
    arguments: str, environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "settings").write_bytes(b"\xff\xfe")
    done = subprocess.run(
        [sys.executable, "-m", "symdrift", *arguments.split()],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, **environment},
    )
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    assert list(tmp_path.glob("a.*"))


# -- homes --------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("environment", [{}, {"HOME": "/nonexistent", "XDG_CACHE_HOME": "a"}])
def test_a_user_without_name_and_home_gets_numbers_and_pictures(
    environment: dict[str, str],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o777)
        another = ["setpriv", "--reuid=54321", "--regid=54321", "--clear-groups", sys.executable]
        allowed = shutil.which("setpriv") and subprocess.run([*another, "-c", ""], check=False)
        if not allowed or allowed.returncode:
            pytest.skip("needs to become another user who may run this Python")
        done = subprocess.run(
            [*another, "-m", "symdrift", "observe", "bottleneck", "--plot", "drift.svg"],
            capture_output=True,
            text=True,
            check=False,
            cwd=folder,
            env={"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"], **environment},
        )
        assert done.returncode == 0, done.stderr
        assert not re.search("(?i)matplotlib|cache|Traceback", done.stderr)
        assert os.listdir(folder) == ["drift.svg"]


# -- pictures -----------------------------------------------------------------------------

SETTINGS: list[dict[RcKeyType, Any]] = [
    {"text.usetex": True},
    {"font.size": 30, "figure.dpi": 20, "savefig.dpi": 33, "lines.linewidth": 9},
    {"savefig.facecolor": "red", "axes.facecolor": "black", "svg.fonttype": "none"},
]


@pytest.mark.parametrize(
    "arguments",
    [["evaluate", "bottleneck", "--sweep", "gamma=0.1:0.2:2"], ["evaluate", "bottleneck"]],
    ids=["lines", "bars"],
)
def test_pictures_do_not_follow_the_settings_of_the_user(
    arguments: list[str], tmp_path: Path
) -> None:
    pictures = []
    for index, settings in enumerate([{}, *SETTINGS]):
        path = tmp_path / f"{index}.svg"
        with rc_context(settings):
            assert run([*arguments, "--plot", str(path)]) == 0
        pictures.append(path.read_bytes())
    assert len(set(pictures)) == 1


@pytest.mark.slow
def test_figures_of_documents_do_not_follow_the_settings_of_the_user() -> None:
    observation = observe(read_study("bottleneck").problem())
    pictures = []
    for settings in [{}, *SETTINGS]:
        with rc_context(settings):
            pictures.append(rendered(observables.draw(observation), ".svg"))
    assert len(set(pictures)) == 1


@pytest.mark.parametrize("characters", ["漢字", "𓀀𓂀"])
def test_characters_without_a_glyph_are_no_warnings(
    characters: str, write_study: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_study(UNNAMED % characters)
    assert run(["evaluate", str(path), "--plot", str(path.with_suffix(".png"))]) == 0
    assert capsys.readouterr().err == ""


# -- stages -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "stages"),
    [
        (["evaluate", "bottleneck", "--sweep", "gamma=0.1:0.2:3"], ["evaluating 3 points"]),
        (
            ["compare", "elliptical"],
            [f"comparing with {what}" for what in ("white noise", "synaptic noise", "isotropic")],
        ),
        (
            [
                "fit",
                f"{ODOURS}.toml",
                "--data",
                f"{ODOURS}.csv",
                "--free",
                "gamma",
                "--steps-per-day",
                "1e7",
            ],
            [
                "looking at chi-squared",
                "descending from 3 starts",
                "looking for other solutions",
                "following 1 profile",
            ],
        ),
        (
            ["observe", "bottleneck"],
            [
                "evaluating the drift",
                "observing 4 stimuli",
                "following the tuning",
                "comparing 4 stimuli",
                "comparing population vectors",
            ],
        ),
        (
            ["simulate", "bottleneck", "--steps", "100", "--replicas", "8", "--out", "x.npz"],
            ["simulating 8 replicas"],
        ),
        (
            ["validate", "bottleneck", "--precision", "0.03"],
            ["simulating replicas 1 to 512 of 512 at learning rate"] * 4,
        ),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_long_commands_print_a_line_per_stage(
    arguments: list[str],
    stages: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("symdrift.cli.terminal._SOON", 0.0)
    assert run(arguments) == 0
    lines = [
        line for line in capsys.readouterr().err.splitlines() if not line.startswith("warning")
    ]
    assert len(lines) == len(stages)
    for line, stage in zip(lines, stages, strict=True):
        assert re.match(rf" *\d+ s  {stage}", line)


def test_a_stage_that_lasts_says_how_far_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("symdrift.cli.terminal._SOON", 0.0)
    monkeypatch.setattr("symdrift.cli.terminal._SILENCE", 0.0)
    assert run(["evaluate", "elliptical", "--sweep", "gamma=0.1:0.2:4"]) == 0
    said = re.findall(r"evaluating: (\d+)%", capsys.readouterr().err)
    # What lasts is said again.
    assert list(dict.fromkeys(said)) == ["25", "50", "75", "100"]
    with progress_shown("evaluating") as progress:
        progress(14, 90_000)
    assert "evaluating: 0.016%\n" in capsys.readouterr().err


def test_a_first_stage_in_which_nobody_calls_is_named_while_it_lasts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("symdrift.cli.terminal._SOON", 0.01)
    with progress_shown("working"):
        log_stage("solving")
        deadline = time.monotonic() + 10
        said = ""
        while not said and time.monotonic() < deadline:
            time.sleep(0.01)
            said = capsys.readouterr().err
    assert re.match(r" *0 s  solving\n", said)


def test_work_without_stages_is_named_once_it_lasts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("symdrift.cli.terminal._SOON", 0.01)
    monkeypatch.setattr("symdrift.cli.terminal._SILENCE", 0.1)
    with progress_shown("working"):
        deadline, said = time.monotonic() + 10, ""
        while not said and time.monotonic() < deadline:
            time.sleep(0.01)
            said = capsys.readouterr().err
    assert re.fullmatch(r" *0 s  working\n", said)


def test_a_stage_in_which_nobody_calls_is_named_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("symdrift.cli.terminal._SOON", 0.01)
    monkeypatch.setattr("symdrift.cli.terminal._SILENCE", 0.05)
    with progress_shown("working"):
        log_stage("solving")
        deadline, said = time.monotonic() + 10, ""
        while "not done yet" not in said and time.monotonic() < deadline:
            time.sleep(0.02)
            said += capsys.readouterr().err
    assert re.search(r" *0 s  solving\n *0 s  solving: not done yet\n", said)


def test_wide_layers_say_each_stage_with_its_size(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A list of every stage: 3 active units of 4 inputs and outputs move in 15 directions."""
    from symdrift.evaluation.dense import evaluate
    from symdrift.study import read_study

    monkeypatch.setattr("symdrift.evaluation.dense.sizes.SLOW", 0)
    problem = read_study("misaligned_teacher").with_values({"gamma": 0.123}).problem()
    with caplog.at_level("INFO", "symdrift"):
        evaluate(problem)
    said = [record.getMessage() for record in caplog.records]
    begins = ("solving for the minimum", "curvature", "noise and fluctuation", "critical rate")
    for begin in (*begins, "rotations in"):
        assert sum(line.startswith(begin) and any(map(str.isdigit, line)) for line in said) == 1


def test_work_that_is_soon_done_or_refused_says_nothing_else(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("symdrift.cli.terminal._SOON", 1e9)
    assert run(["evaluate", "elliptical", "--sweep", "gamma=0.1:0.2:4"]) == 0
    assert capsys.readouterr().err == ""
    assert run(["evaluate", "anisotropic_autoencoder", "--sweep", "gamma=3:9:3"]) == 2
    assert one_sentence(capsys.readouterr().err)


# -- results and pictures -----------------------------------------------------------------


@pytest.mark.parametrize("command", ["evaluate", "observe"])
def test_a_picture_that_cannot_be_drawn_does_not_cost_the_numbers(
    command: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    assert run([command, "elliptical", "--plot", str(tmp_path / "x.svg"), "--json"]) == 2
    captured = capsys.readouterr()
    assert '"study": "elliptical"' in captured.out
    assert one_sentence(captured.err)
    assert f"--plot = {tmp_path}/x.svg cannot be written: No space left" in captured.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a\x1b[2Jb", "a\nb", "a\u2028b", "\x9bm"])
def test_names_that_would_control_a_terminal_are_refused(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments in (
        ["evaluate", "bottleneck", "--plot", f"{name}.png"],
        ["simulate", "bottleneck", "--out", f"{name}.npz"],
        ["derive", "bottleneck", "--out", f"{name}/d"],
    ):
        assert run(arguments) == 2
        captured = capsys.readouterr()
        assert one_sentence(captured.err)
        assert "must have no control characters" in captured.err
        assert name not in captured.err

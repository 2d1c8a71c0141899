"""What the read-me says can be typed in works."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

import symdrift
from symdrift.cli import run
from symdrift.study import read_study, shipped_studies

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


ODOURS = "docs/fitting/six_odours.toml"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


def commands() -> list[list[str]]:
    """Every call of symdrift, split as a shell would."""
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    lines += re.findall(r"`(\.venv/bin/symdrift [^`]*)`", TEXT)
    return [
        shlex.split(line)[1:] for line in lines if line.startswith(".venv/bin/symdrift ")
    ]  # fmt: skip


def test_the_set_up_commands_make_their_own_environment() -> None:
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    setup = [line for line in lines if "python3 -m venv" in line]
    assert len(setup) == 2
    assert all(line.startswith("python3 -m venv .venv && .venv/bin/pip install ") for line in setup)
    assert setup[0].endswith(".venv/bin/symdrift report anisotropic_autoencoder")
    assert setup[1].endswith(".venv/bin/python -m pytest")


@pytest.mark.parametrize("number", [0, 1, 2])
def test_python_examples_run(number: int, capsys: pytest.CaptureFixture[str]) -> None:
    namespace: dict[str, object] = {}
    source = blocks("python")[number]
    exec(compile(source, f"README.md, example {number}", "exec"), namespace)
    if number == 0:
        assert float(capsys.readouterr().out.strip("[]\n ")) == pytest.approx(0.35e-6)
    elif number == 1:
        rates = [float(line.split()[1]) for line in capsys.readouterr().out.splitlines()]
        assert rates[0] < rates[1]
    else:
        assert getattr(namespace["diffusion"], "shape", None) == (25, 4, 4)


@pytest.mark.slow
def test_the_derivation_example_prints_its_steps(capsys: pytest.CaptureFixture[str]) -> None:
    (source,) = [block for block in blocks("python") if "symdrift.derive" in block]
    assert len(blocks("python")) == 4
    exec(compile(source, "README.md, derivation", "exec"), {})
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 20
    assert all(re.search(r"\([1-9]\d* checks, \d+\.\d\d s\)$", line) for line in lines)


def test_the_study_of_the_example_is_valid(tmp_path: Path) -> None:
    text, rule = blocks("toml")
    path = tmp_path / "two_gains.toml"
    path.write_text(text, encoding="utf-8")
    study = read_study(str(path))
    assert study.symbols == (
        "lambda_1", "lambda_2", "a_1", "a_2", "sigma2", "eta", "gamma",
    )  # fmt: skip
    whole = "[network]\ninputs = 3\nhidden = 2\n[inputs]\ncovariance = [2.0, 1.5, 0.7]\n" + rule
    path.write_text(whole, encoding="utf-8")
    (variance,) = symdrift.evaluate_rule(read_study(path)).drift.covariance.ravel()
    assert variance == pytest.approx(0.35e-6)


def test_evaluations_of_the_read_me_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    evaluations = [arguments for arguments in commands() if arguments[0] == "evaluate"]
    assert len(evaluations) == 7
    for arguments in evaluations:
        assert run(arguments) == 0, arguments
        assert capsys.readouterr().out
    assert (tmp_path / "docs" / "frequent_stimulus.png").stat().st_size > 10_000


@pytest.mark.slow
def test_the_observations_of_the_read_me_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    for arguments in commands():
        if arguments[0] == "observe":
            assert run(arguments) == 0
    assert (tmp_path / "digits.png").stat().st_size > 10_000


def test_the_comparison_of_the_read_me_sets_three_beside_the_study(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    alone, beside = [arguments for arguments in commands() if arguments[0] == "compare"]
    assert run(beside) == 0
    assert "Rates side by side" in capsys.readouterr().out
    assert run(alone) == 0
    printed = capsys.readouterr().out
    assert all(word in printed for word in ("synaptic noise", "white noise", "isotropic inputs"))


@pytest.mark.slow
def test_the_fit_of_the_read_me_finds_the_numbers_that_made_its_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The example's data were drawn, with their errors, at 0.25 and 0.06."""
    (arguments,) = [arguments for arguments in commands() if arguments[0] == "fit"]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    assert run([*arguments, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    for each, truth in zip(found["estimates"], (0.25, 0.06), strict=True):
        assert each["low"] < truth < each["high"]
    assert found["goodness"]["p_value"] > 0.01 and found["open"] == []
    assert (tmp_path / "six_odours.png").stat().st_size > 10_000


def test_other_commands_of_the_read_me_name_what_exists() -> None:
    named = {arguments[1] for arguments in commands() if len(arguments) > 1}
    assert named - {"two_gains.toml", ODOURS} <= set(shipped_studies())
    assert {arguments[0] for arguments in commands()} == {
        "list", "derive", "evaluate", "validate", "observe", "compare", "lesson",
        "fit",
    }  # fmt: skip


def test_pictures_are_there() -> None:
    pictures = re.findall(r"!\[[^]]+\]\(([^)]+)\)", TEXT)
    assert pictures
    assert all((ROOT / picture).is_file() for picture in pictures)

"""What the read-me and the pages that it sends to say can be typed in works."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest

import symdrift
from symdrift.cli import run
from symdrift.study import read_study, shipped_studies
from symdrift.study.roles import PRESETS, ROLES

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "docs" / name for name in ("documents.md", "learning_rules.md", "validity.md")]
TEXT = "\n".join([README, *(page.read_text(encoding="utf-8") for page in PAGES)])

ODOURS = "docs/fitting/six_odours.toml"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


def commands() -> list[list[str]]:
    """Every call of symdrift once, split as a shell would."""
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    lines += re.findall(r"`(\.venv/bin/symdrift [^`]*)`", TEXT)
    calls = [line for line in dict.fromkeys(lines) if line.startswith(".venv/bin/symdrift ")]
    return [shlex.split(line, comments=True)[1:] for line in calls]


def test_the_set_up_commands_make_their_own_environment() -> None:
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    setup = [line for line in lines if "python3 -m venv" in line]
    assert len(setup) == 2
    assert all(line.startswith("python3 -m venv .venv && .venv/bin/pip install ") for line in setup)
    assert setup[0].endswith(".venv/bin/symdrift report anisotropic_autoencoder")
    assert setup[1].endswith(".venv/bin/python -m pytest")


def ran(name: str) -> dict[str, object]:
    """What the one Python example with that name in it leaves."""
    (source,) = [block for block in blocks("python") if name in block]
    namespace: dict[str, object] = {}
    exec(compile(source, f"example with {name}", "exec"), namespace)
    return namespace


def test_there_are_no_examples_but_those_tested_here() -> None:
    assert len(blocks("python")) == 4


def test_the_rule_of_a_class_drifts_as_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    ran("class Oja")
    assert float(capsys.readouterr().out.strip("[]\n ")) == pytest.approx(0.35e-6)


def test_a_frequent_stimulus_drifts_more_slowly(capsys: pytest.CaptureFixture[str]) -> None:
    ran("symdrift.evaluate(")
    frequent, rare = [float(line.split()[1]) for line in capsys.readouterr().out.splitlines()]
    assert frequent < rare


def test_formulas_broadcast() -> None:
    assert getattr(ran("formulas.diffusion_tensor")["diffusion"], "shape", None) == (25, 4, 4)


@pytest.mark.slow
def test_the_derivation_example_prints_its_steps(capsys: pytest.CaptureFixture[str]) -> None:
    ran("symdrift.derive(")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 20
    assert all(re.search(r"\([1-9]\d* checks, \d+\.\d\d s\)$", line) for line in lines)


def test_the_study_of_the_example_is_valid(tmp_path: Path) -> None:
    text, _, rule = blocks("toml")
    path = tmp_path / "two_gains.toml"
    path.write_text(text, encoding="utf-8")
    study = read_study(str(path))
    assert study.symbols == (
        "lambda_1", "lambda_2", "a_1", "a_2", "sigma2", "eta", "gamma",
    )  # fmt: skip
    path.write_text(rule, encoding="utf-8")
    (variance,) = symdrift.evaluate_rule(read_study(path)).drift.covariance.ravel()
    assert variance == pytest.approx(0.35e-6)


def test_chance_rotates_a_sample_and_not_gaussian_inputs_of_its_covariance(tmp_path: Path) -> None:
    """The file of the example, drawn without a mean rotation."""
    rows = np.random.default_rng(1).normal(size=(8000, 3)) * [1.4, 1.2, 1]
    np.savetxt(tmp_path / "responses.csv", rows, delimiter=",")
    path = tmp_path / "own.toml"
    path.write_text(blocks("toml")[1], encoding="utf-8")
    assert np.abs(symdrift.evaluate(read_study(path)).drift.mean_rotation).max() > 1e-10
    covariance = np.cov(rows.T, ddof=0).tolist()
    path.write_text(
        re.sub(r"inputs = \{ d.*", f"inputs = {{ covariance = {covariance} }}", blocks("toml")[1]),
        encoding="utf-8",
    )
    assert np.abs(symdrift.evaluate(read_study(path)).drift.mean_rotation).max() < 1e-18


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
        "list", "derive", "evaluate", "validate", "simulate", "observe", "compare", "lesson",
        "fit",
    }  # fmt: skip


@pytest.mark.parametrize("page", [ROOT / "README.md", *PAGES], ids=lambda page: page.stem)
def test_pictures_and_pages_that_are_named_are_there(page: Path) -> None:
    targets = re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8"))
    assert all((page.parent / target).is_file() for target in targets)


def test_the_page_on_documents_names_every_letter_that_can_be_changed() -> None:
    page = (ROOT / "docs" / "documents.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in page for name in (*ROLES, *PRESETS))

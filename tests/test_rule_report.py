"""The report of any learning rule: the theory in its tables, and why it has no derivation."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

import symdrift
from symdrift.cli import run
from symdrift.documents import report, rule_report
from symdrift.documents.numbers import Cell, Table
from symdrift.documents.report import write_report
from symdrift.documents.rule_report import rule_findings
from symdrift.documents.rule_tables import rule_parameters, rule_results
from symdrift.errors import RequestError
from symdrift.evaluation.evaluate import evaluate_any_rule
from symdrift.figures import decay_rates, irrelevant_variance
from symdrift.figures.style import symbol_of_quantity
from symdrift.progress import Stages
from symdrift.records import json_parts
from symdrift.study import Study
from symdrift.typesetting.formula import Formula


def study(name: str) -> Study:
    return symdrift.read_study(name)


def said(cell: Cell) -> str:
    return cell.latex if isinstance(cell, Formula) else cell


def by_meaning(table: Table) -> dict[str, str]:
    assert all(len(row) == len(table.head) for row in table.rows)
    return {said(row[1]): said(row[2]) for row in table.rows}


def value(shown: str) -> float:
    r"""A number such as ``1.75 \times 10^{-7}``."""
    mantissa, _, power = shown.partition(r" \times 10^{")
    return float(f"{mantissa}e{power.rstrip('}') or 0}")


def oja(first: float, second: float, *others: float) -> float:
    """``V / eta^3`` in the plane of two learned axes, by Oja's closed form."""
    return first * second * sum(x**2 / (2 * (first + second - 2 * x)) for x in others)


# --- Tables -----------------------------------------------------------------------------


def test_results_of_oja_are_those_of_the_closed_form() -> None:
    table = rule_results(evaluate_any_rule(study("oja").learner()), {})
    rows = by_meaning(table)
    diffusion = rows["diffusion, plane (1, 2), rad²"]
    assert value(diffusion) == pytest.approx(0.5e-6 * oja(2.0, 1.5, 0.7), rel=1e-4)
    # One plane: every stimulus decays with its diffusion.
    assert rows["decay rate of “axis 1”"] == rows["decay rate of “axis 2”"] == diffusion
    assert rows["“axis 3” is not represented"] == "0"
    assert rows["response of hidden axis 1"] == "1"
    # l_i + l_j of the radial direction of the first axis twice, and l_j - l_o.
    assert rows["fastest rate of return to the orbit, per learning rate"] == "4"
    assert rows["slowest rate of return to the orbit, per learning rate"] == "0.8"
    assert "may change them by 14 %" in table.caption


def test_every_hidden_layer_has_its_rows() -> None:
    """Numbers of the reference of the theory, ``V / eta^3`` of both layers."""
    rows = by_meaning(rule_results(evaluate_any_rule(study("three_layers").learner()), {}))
    for layer, variance in (("hidden_1", 0.00295648), ("hidden_2", 0.00302604)):
        diffusion = value(rows[f"diffusion, plane (1, 2) of {layer}, rad²"])
        assert diffusion == pytest.approx(0.5e-6 * variance, rel=1e-4)
    parameters = by_meaning(rule_parameters(study("three_layers").learner(), {}))
    assert parameters["number of units of hidden_2"] == "2"
    assert parameters["weight decay"] == "0.2"
    assert parameters["gain of the teacher on each axis"] == r"1 \text{ each}"


@pytest.mark.parametrize(
    ("name", "meaning", "value"),
    [
        ("oja", "learning rule", "oja"),
        ("similarity_matching", "how many times slower the weights within the layer learn", "0.5"),
        ("whitening", "update of W", "W - y @ y.T @ W"),
        ("momentum", "momentum: share of a step that the next one adds", "0.75"),
        ("tied_autoencoder", "weight decay", "0.2"),
    ],
)
def test_parameters_of_a_rule_are_told_by_name(name: str, meaning: str, value: str) -> None:
    learner = study(name).with_values({"learning.synaptic_noise": 1e-9}).learner()
    rows = by_meaning(rule_parameters(learner, {}))
    assert rows[meaning] == value
    assert rows["variance of the synaptic noise, per weight"] == r"1.0000 \times 10^{-9}"
    assert ("number of outputs" in rows) == (name == "momentum")


def test_quantities_of_several_layers_have_their_numbers_raised() -> None:
    assert symbol_of_quantity("V[hidden_1.12;hidden_2.12]") == "V^{(1,2)}_{12,12}"
    assert symbol_of_quantity("mu[hidden_2.3,11]") == r"\mu^{(2)}_{3,11}"


# --- Figures ----------------------------------------------------------------------------


def test_the_line_of_an_irrelevant_variance_is_that_of_the_closed_form() -> None:
    learner = study("oja").learner()
    data = irrelevant_variance.numbers(learner, evaluate_any_rule(learner), None)
    assert data is not None
    ((name, line),) = data.diffusion
    assert (data.axis, data.at, name) == (3, 0.7, "(1, 2)")
    assert data.variance.min() < 0.1 < 1.3 < data.variance.max() < 1.5
    expected = [0.5e-6 * oja(2.0, 1.5, variance) for variance in data.variance]
    np.testing.assert_allclose(line, expected, rtol=1e-9)
    # d ln V / d ln l of l^2 / (3.5 - 2 l) at 0.7.
    assert f"the power {2 + 1.4 / 2.1:.2f} at the study" in irrelevant_variance.caption(data)
    assert "nu" not in irrelevant_variance.draw(data).axes[0].get_xlabel()


def test_where_all_axes_are_learned_no_line_is_drawn() -> None:
    learner = study("three_layers").learner()
    exact = evaluate_any_rule(learner)
    assert irrelevant_variance.numbers(learner, exact, None) is None
    rates = decay_rates.numbers_of_rule(exact)
    assert rates.stimuli[::2] == ("hidden_1: axis 1", "hidden_2: axis 1")
    assert rates.white is None
    assert "white" not in decay_rates.caption(rates)
    assert len(decay_rates.draw(rates).axes[0].containers) == 2


# --- Whole reports ----------------------------------------------------------------------


@pytest.fixture
def without_tex(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr("shutil.which", lambda program: None)
    return tmp_path / "out"


def test_a_rule_without_derivation_has_a_report_of_numbers_that_says_why(
    without_tex: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "write_drawings", lambda *_: ((), []))
    request = ["report", "three_layers", "--no-simulation", "--set", "teacher.label_noise=1e-12"]
    assert run([*request, "--out", str(without_tex)]) == 0
    record = json.loads((without_tex / "numbers.json").read_text("utf-8"))
    assert record["validation"] is record["extrapolated_ratio"] is None
    variances = np.diagonal(record["exact"]["drift"]["covariance"])
    np.testing.assert_allclose(variances, [2.95648e-9, 3.02604e-9], rtol=1e-5)
    assert record["comparisons"]["isotropic"]["mean_decay"]["study"] > 0
    assert not (without_tex / "kernels.py").exists()
    for suffix in ("tex", "html"):
        text = (without_tex / f"report.{suffix}").read_text("utf-8").replace("\\", "")
        text = " ".join(re.sub("<[^>]*>", " ", text).split())
        assert "stands in the way of a derivation" in text
        assert "Nothing was simulated for this report" in text
        assert "number of units of hidden_2" in text
        assert "Notation" not in text


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            ["--level", "outline", "--set", "teacher.label_noise=0.1"],
            '--level = "outline" has nothing to tell less of',
        ),
        (["--set", "learning.minimum=9"], "learning.minimum = 9 is not there"),
        (["--set", "learning.rate=0.5"], "learning.rate = 0.5 must be below"),
        (["--set", "learning.rate=1e-14"], "too small to be simulated"),
        (["--set", 'learning.rate="eta"'], "eta"),
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_is_written(
    without_tex: Path, capsys: pytest.CaptureFixture[str], options: list[str], sentence: str
) -> None:
    request = ["report", "three_layers", *options]
    assert run([*request, "--out", str(without_tex)]) == 2
    *_, message = capsys.readouterr().err.splitlines()
    assert sentence in message
    assert not list(without_tex.rglob("*.*"))


def test_more_hidden_units_than_inputs_have_numbers_and_no_derivation(
    without_tex: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "write_drawings", lambda *_: ((), []))
    wide = study("oja").with_values({"network.hidden": 4})
    with pytest.raises(RequestError):
        symdrift.derive(wide)
    written = write_report(wide, without_tex, simulated=False)
    assert all(path.exists() for path in written)
    page = (without_tex / "report.html").read_text("utf-8")
    assert "network.hidden = 4 must be at most 3" in page


def test_where_nothing_turns_nothing_is_simulated() -> None:
    """All axes are learned, and Oja's rule makes no noise of its own."""
    still = study("oja").with_values({"network.hidden": 3})
    found = rule_findings(still, simulated=True)(Stages(None))
    assert found.extrapolation is None
    assert any("nothing drifts" in warning for warning in found.warnings)


@pytest.mark.slow
def test_a_report_of_oja_is_whole_and_its_numbers_repeat(
    without_tex: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rule_report, "_PRECISION", 0.05)
    monkeypatch.setattr(irrelevant_variance, "_PRECISION", 0.2)
    written = write_report(study("oja"), without_tex)
    assert {path.name for path in written} >= {"report.tex", "report.html", "numbers.json"}
    assert {path.stem for path in written if path.parent.name == "figures"} == {
        "irrelevant_variance", "observables", "validation", "learning_rate", "decay_rates",
        "counterparts",
    }  # fmt: skip
    text = (without_tex / "numbers.json").read_text("utf-8")
    record = json.loads(text)
    assert record["exact"]["drift"]["covariance"] == [[pytest.approx(3.5e-7, rel=1e-9)]]
    limit = record["extrapolated_ratio"]["V[12]"]
    assert abs(limit["ratio"] - 1) < 4 * limit["standard_error"] < 0.3
    source = (without_tex / "report.tex").read_text("utf-8")
    # The derivation, and behind it the simulation with the limit of its ratio.
    assert "Drift of the rule of this study" in source
    shown = f"{limit['ratio']:.3f} ± {limit['standard_error']:.3f} & "
    assert re.search(rf"V_\{{12\}}.*{shown}", source.replace(r"$\pm$", "±"))
    # Simulated afresh.
    monkeypatch.setenv("SYMDRIFT_CACHE", str(tmp_path / "cache"))
    again = rule_findings(study("oja"), simulated=True)(Stages(None))
    assert "".join(json_parts(again.record(), 1, ascii_only=False)) + "\n" == text

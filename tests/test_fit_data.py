"""What a fit reads and refuses: data files, free numbers and their ranges."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fit_examples import FREQUENT

import symdrift
from symdrift.cli import run
from symdrift.documents.fitted_tables import fitted_tables
from symdrift.errors import RequestError
from symdrift.fitting import Measurement, fit, read_measurements
from symdrift.fitting.free_numbers import released
from symdrift.study import read_study

HEAD = "stimulus,quantity,value,standard_error"
ROW = "rare,decay_rate,2.5e-10,1e-11"


Refused = Callable[..., str]


@pytest.fixture
def refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Refused:
    """Sentence of a fit that is refused, of this text as data and these arguments."""

    def sentence(text: str | bytes, *arguments: str) -> str:
        path = tmp_path / "data.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        words = arguments or ("--free", "gamma")
        assert run(["fit", "frequent_stimulus", "--data", str(path), *words]) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        lines = [line for line in captured.err.splitlines() if " s  " not in line]
        assert len(lines) == 1
        return lines[0].removeprefix("symdrift: ")

    return sentence


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty; its first line must be"),
        ("stimulus,quantity,value\n", "has no column standard_error; its first line must name"),
        ("a,b\n1,2\n", "has no columns stimulus and quantity and value and standard_error"),
        ("stimulus,quantity,value,Value,standard_error\n", "has the column value twice"),
        (f"{HEAD}\n", "has 0 measurements for 1 free number"),
        (f"{HEAD}\nrare,decay_rate\n", "line 2 has 2 entries; the first line has 4"),
        (f'{HEAD}\n"rare,decay_rate,1,1\n', "line 2 cannot be read: a quote is not closed"),
        (f"{HEAD}\nrear,decay_rate,1,1\n", 'the stimulus "rear", which is none of the study; did'),
        (f"{HEAD}\nrare,speed,1,1\n", 'line 2: quantity "speed" is unknown; allowed are decay'),
        (f"{HEAD}\nrare,displacement@-3,1,1\n", 'quantity "displacement@-3" is unknown'),
        (f"{HEAD}\nrare,displacement@0,1,1\n", 'quantity "displacement@0" is unknown'),
        (f"{HEAD}\nrare,displacement,1,1\n", 'quantity "displacement" is unknown'),
        (f"{HEAD}\n\n# one\nrare,decay_rate,1,0\n", "line 4: standard_error = 0 must be positive"),
        (f"{HEAD}\nrare,decay_rate,1,-2\n", "standard_error = -2 must be positive and finite"),
        (f"{HEAD}\nrare,decay_rate,1,\n", "line 2: standard_error is missing; it must be a"),
        (f"{HEAD}\nrare,decay_rate,nan,1\n", 'line 2: value is "nan"; it must be a finite number'),
        (f"{HEAD}\nrare,decay_rate,1,inf\n", 'line 2: standard_error is "inf"'),
        ("stimulus;quantity;value;standard_error\nrare;decay_rate;1,5;1\n", 'value is "1,5"'),
        (f"{HEAD}\nrare,decay_rate,1e200,1\n", "value = 1e200 must be 0 or between 1e-100 and"),
        (f"{HEAD}\nrare,decay_rate,1,1e-30\n", "standard_error = 1e-30 is below 1e-12 of its"),
        (b"\xff\xfe\x00", "is UTF-16 text, not CSV; save it as UTF-8"),
        (b"\xe4,\x00", "is not UTF-8 text (byte 0)"),
    ],
    ids=lambda value: str(value)[-24:],
)
def test_a_file_that_says_no_rates_is_refused(refused: Refused, text: str, said: str) -> None:
    sentence = refused(text)
    assert said in sentence and sentence.startswith("--data")


@pytest.mark.parametrize(
    ("free", "said"),
    [
        (["gamma", "eta"], "--data has 1 measurement for 2 free numbers; at least as many"),
        (["gama"], 'gama is no number of the study; did you mean "gamma"? allowed are lambda_f'),
        (["title"], "title is no number of the study"),
        (["teacher.map.0"], "teacher.map.0 is no number of the study"),
        (["network.hidden"], "is a whole number; fit the others for each of its values"),
        (["learning.batch=1:4"], "is a whole number"),
        (["gamma", "gamma"], "names gamma twice"),
        (["gamma=2:1"], "gamma from 2 to 1 is no range; LO must be below HI"),
        (["gamma=1:1"], "from 1 to 1 is no range"),
        (["gamma=1/3: 1e-1"], "from 1/3 to 1e-1 is no range"),
        (["gamma=1"], '"gamma=1" must have the form NAME or NAME=LO:HI'),
        (["=1:2"], '"=1:2" must have the form'),
        (["gamma=a:2"], 'gamma = "a" must be a number'),
        (["gamma=-1:1"], "reaches -1, which the study refuses: learning.weight_decay = -1 must"),
        (["learning.rate=0:1"], "reaches 0, which the study refuses: learning.rate = 0 must be"),
        (["gamma=3:9"], "leaves no place for the theory: learning.weight_decay = 5.19615242271"),
        (["teacher.label_noise"], "= 0 in the study, from which no range follows; give one"),
        (["eta=0.5:1"], "leads out of the theory, whose best fit fails: learning.rate"),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, list) else "",
)
def test_a_number_that_cannot_be_fitted_is_refused(
    refused: Refused, free: list[str], said: str
) -> None:
    words = [word for name in free for word in ("--free", name)]
    assert said in refused(f"{HEAD}\n{ROW}\n", *words)


def test_momentum_cannot_be_fitted() -> None:
    with pytest.raises(RequestError, match="momentum cannot be free: fits are of"):
        released(FREQUENT, ["learning.momentum=0:0.9"])


def test_two_names_of_one_number_are_refused() -> None:
    with pytest.raises(RequestError, match="stands only in a field that is free itself"):
        released(FREQUENT, ["learning.rate", "eta"])
    # A symbol of several fields remains where only one of them is free.
    opened, numbers = released(FREQUENT, ["inputs.covariance.1", "lambda_r"])
    assert [each.value for each in numbers] == [1.0, 1.0] and "lambda_r" in opened.symbols


def test_a_study_without_a_value_is_fitted_in_its_range() -> None:
    study = FREQUENT.with_values({"learning.weight_decay": "wd"})
    assert study.missing == ("wd",)
    with pytest.raises(RequestError, match="wd has no value in the study, from which no range"):
        released(study, ["wd"])
    found = symdrift.fit(study, [Measurement("rare", "decay_rate", 2.5e-10, 1e-11)], ["wd=0.1:0.4"])
    assert 0.15 < found.estimates[0].value < 0.25


def test_a_number_that_may_be_zero_has_a_coordinate_there() -> None:
    _, (noise, shift) = released(FREQUENT, {"teacher.label_noise": (0, 2), "eta": (0.001, 1)})
    for each in (noise, shift):
        for value in (each.low, 0.3, each.high):
            assert each.at(each.coordinate(value)) == pytest.approx(value, abs=1e-15)
            step = 1e-6
            place = each.coordinate(0.3)
            slope = (each.at(place + step) - each.at(place - step)) / (2 * step)
            assert each.slope(place) == pytest.approx(slope, rel=1e-8)
    _, (signed,) = released(FREQUENT, {"stimulus.0.vector.1": (-1, 1)})
    assert signed.box == (-1, 1) and math.isclose(signed.at(-0.5), -0.5)


def test_columns_stand_in_any_order_and_measurements_repeat(tmp_path: Path) -> None:
    path = tmp_path / "rates.csv"
    path.write_text(
        "\ufeffValue;animal;Standard_Error;quantity;stimulus\n# first day\n"
        "2.5e-10;7;1e-11; decay_rate ;rare\n2.5e-10;8;1e-11;decay_rate; rare\n",
        encoding="utf-8",
    )
    measurements = read_measurements(path)
    assert {each.value for each in measurements} == {2.5e-10} and len(measurements) == 2
    found = symdrift.fit(FREQUENT, path, ["gamma"])
    assert [each.stimulus for each in found.data] == ["rare", "rare"]
    assert found.goodness.chi_squared < 1e-6


def test_a_first_line_of_a_spreadsheet_says_what_separates(tmp_path: Path) -> None:
    path = tmp_path / "rates.csv"
    path.write_text("sep=!\nstimulus!quantity!value!standard_error\na;b!decay_rate!1e-9!1e-10\n")
    assert read_measurements(path) == (Measurement("a;b", "decay_rate", 1e-9, 1e-10),)


def test_the_command_prints_the_record_and_draws(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "rates.csv"
    path.write_text(f"{HEAD}\n{ROW}\nfrequent,displacement@100,3.1e-4,2e-5\n", encoding="utf-8")
    words = ["fit", "frequent_stimulus", "--data", str(path), "--free", "gamma"]
    assert run([*words, "--json", "--plot", str(tmp_path / "fit.svg")]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record == symdrift.fit(FREQUENT, path, ["gamma"]).to_dict()
    assert (tmp_path / "fit.svg").stat().st_size > 5_000
    assert run([*words, "--design"]) == 0
    printed = capsys.readouterr().out
    assert all(word in printed for word in ("95 % interval", "Measured and fitted", "gain (bits)"))


def test_a_report_takes_measurements_and_has_them_in_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given: dict[str, Any] = {}

    def write(*_: object, **options: object) -> list[Path]:
        given.update(options)
        return []

    monkeypatch.setattr("symdrift.documents.write_report", write, raising=False)
    path = tmp_path / "rates.csv"
    path.write_text(f"{HEAD}\n{ROW}\n", encoding="utf-8")
    words = ["report", "frequent_stimulus", "--out", str(tmp_path / "out"), "--no-simulation"]
    assert run([*words, "--data", str(path), "--free", "gamma", "--steps-per-day", "1"]) == 0
    estimates, rates = fitted_tables(given["fitted"])
    assert "All other numbers of this document" in estimates.caption
    assert [row[0] for row in estimates.rows] == ["gamma"]
    assert [row[:2] for row in rates.rows] == [("“rare”", "decay rate")]
    assert "days" in rates.caption
    for wrong, said in (
        (["--free", "gamma"], "--data is missing: --free and --steps-per-day belong to it"),
        (["--data", str(path)], "--free is missing; name a number of the study"),
    ):
        capsys.readouterr()
        assert run([*words, *wrong]) == 2
        assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("variances", "left", "message"),
    [
        ([2 + k / 500 for k in range(500)], 2**34, r"500 axes that differ, .* hours \(allowed"),
        (
            [2.0] * 500,
            2**24,
            r"500 axes, .* MiB \(available: 16 MiB\); fewer axes fit",
        ),
    ],
)
def test_a_fit_of_too_wide_a_network_is_refused_before_it_begins(
    variances: list[float],
    left: int,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Too long where axes differ, too much memory where they are alike."""
    file = tmp_path / "wide.toml"
    file.write_text(
        f"""title = "Wide"
network = {{ inputs = 500, outputs = 500, hidden = 500 }}
learning = {{ rate = 1e-6, weight_decay = 0.1 }}
inputs = {{ covariance = {variances} }}
"""
    )
    study = read_study(file)
    monkeypatch.setattr("symdrift.memory.available_memory", lambda: left)
    rates = [Measurement("axis 1", "decay_rate", 1e-9, 1e-10)]
    with pytest.raises(RequestError, match=message):
        fit(study, rates, ["learning.weight_decay"])

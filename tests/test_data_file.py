"""Inputs from data and from a few stimuli: what is read, and the sentence for what cannot be."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import re
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from symdrift.cli import run
from symdrift.documents.number_tables import parameter_table
from symdrift.errors import RequestError
from symdrift.evaluation.evaluate import evaluate
from symdrift.fitting.measurements import read_measurements
from symdrift.inputs import Samples, StimulusSet, input_facts, mean_share
from symdrift.study import read_study
from symdrift.study.data_file import read_samples

WriteStudy = Callable[[str], Path]

ROWS = [[1.0, 2.0], [-0.5, 0.25], [3.0, -1.0]]
STUDY = """
network = {{ inputs = {inputs}, outputs = {inputs}, hidden = 2 }}
learning = {{ rate = 0.005, weight_decay = 0.1 }}
{rest}
"""


def zipped(name: str) -> bytes:
    """A ZIP archive with one file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, "1,2\n3,4\n")
    return buffer.getvalue()


def study_of(inputs: str, size: int = 2, teacher: str = "") -> str:
    return STUDY.format(inputs=size, rest=f"{teacher}\n[inputs]\n{inputs}\n")


@pytest.mark.parametrize(
    "text",
    [
        "1,2\n-0.5,0.25\n3,-1\n",
        "left,right\n1,2\n-0.5,0.25\n3,-1\n",
        "\ufeffleft,right\r\n1,2\r\n-0.5,0.25\r\n3,-1\r\n",
        "\ufeff1,2\n-0.5,0.25\n3,-1",
        "# a note, with commas\n1;2\n\n-0.5;0.25\n 3 ; -1\n",
        "left\tright\n1e0\t2.\n-5e-1\t.25\n+3\t-1\n",
        '"left, front","right"\n"1","2"\n-0.5,0.25\n3,-1\n',
    ],
)
def test_csv_files_of_every_usual_kind_hold_the_same_samples(tmp_path: Path, text: str) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(text.encode())
    np.testing.assert_array_equal(read_samples(path, 2).rows, ROWS)


@pytest.mark.parametrize("kind", ["<f8", ">f8", "<f4", "<i2"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_npy_files_of_every_real_type_hold_the_same_samples(
    tmp_path: Path, kind: str, order: str
) -> None:
    rows = 4 * np.array(ROWS)
    np.save(tmp_path / "rows.npy", np.asarray(rows, dtype=kind, order="F" if order == "F" else "C"))
    np.testing.assert_array_equal(read_samples(tmp_path / "rows.npy", 2).rows, rows)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("1,2\n3,nan\n4,5\n", 'misses 1 value: line 2, column 2, holds "nan"; fill it, leave'),
        ("a,b\n\n1,2\n3,-inf\n", 'line 4, column "b" holds "-inf", which is not a number'),
        ("1,2\n3,four\n", 'line 2, column 2 holds "four", which is not a number'),
        ("1_0,1_1\n1,2\n1_5,3\n2,5\n", 'line 3, column "1_0" holds "1_5", which is not a number'),
        ("1,2\n3,\n", "misses 1 value: line 2, column 2, is empty; fill it, leave that line"),
        ("one,2\n3,4\n5,6\n", 'line 1, column 1 holds "one"'),
        ("1,5;2,5\n3,5;4,5\n", 'line 1, column 1 holds "1,5".* numbers have a decimal point'),
        ("1 2;\n3 4;\n", 'line 1, column 1 holds "1 2".* commas, semicolons, tabs, bars or spaces'),
        ("1 2\n3 x4\n", 'line 2, column 2 holds "x4", which is not a number'),
        ("1,2\n3,1e400\n5,4\n", "has 1e400 in line 2, column 2"),
        (
            "1,2\n3,4\n5,1e99\n",
            r"sizes too far apart for double precision: column 2 reaches 1e\+99 \(line 3\), "
            "column 1 only 5; correct them",
        ),
        ("1,2,3\n4,5,6\n7,8,9\n", "numbers are needed$"),
        ("1,2,3\n4,5,7\n", "numbers are needed: transpose it, a sample is a row"),
        ("1,2\n3\n", "line 2 has 1 entries and line 1 has 2"),
        ('1,"2\n3,4\n', "line 1 opens a quote"),
        ("1,2,3\n4,5,6\n", "holds 2 x 3 numbers; rows of network.inputs = 2 numbers are needed"),
        ("", "it holds no samples"),
        ("a,b\n", "it holds no samples"),
        ("1,2\n", "has 1 row and 2 columns.*add samples, or reduce the columns"),
        ("1,2\n3,2\n5,2\n", r"has the same number in every row of column 2 \(2\); leave out col"),
        ("0\n", r"has the same number in every row of column 1 \(0\); leave out col"),
        ("0,1\n", r"has the same number in every row of column 1 \(0\); leave out col"),
        ("1,2\n1,2\n1,2\n", r"of column 1 \(1\), column 2 \(2\); .* with inputs.columns and"),
        ("1,NA\nNA,2\n1,2\n", "misses 2 values, in column 1, column 2: the first, line 1, col"),
        ("1,1\n2,2\n3,3\n", r"depend linearly on each other \(rank 1\); leave some out, or reduce"),
    ],
)
def test_a_broken_csv_file_is_refused(tmp_path: Path, content: str, sentence: str) -> None:
    path = tmp_path / "x.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(RequestError, match=f'inputs.file = "x.csv" .*{sentence}') as refusal:
        read_samples(path, 2)
    assert "\n" not in str(refusal.value)


def test_text_in_another_encoding_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes("größe,b\n1,2\n3,4\n".encode("latin-1"))
    with pytest.raises(RequestError, match=r"is not UTF-8 text \(byte 2\); save it"):
        read_samples(tmp_path / "x.csv", 2)


FILES_OF_OTHER_KINDS = {
    "a ZIP archive": zipped("x.csv"),
    "an Excel workbook": zipped("[Content_Types].xml"),
    "an archive of NumPy arrays (npz)": zipped("arr_0.npy"),
    "compressed with gzip": gzip.compress(b"1,2\n3,4\n"),
    "compressed with bzip2": bz2.compress(b"1,2\n3,4\n"),
    "compressed with xz": lzma.compress(b"1,2\n3,4\n"),
    "UTF-16 text": "1,2\n3,4\n".encode("utf-16"),
    "a Parquet file": b"PAR1\x15\x04PAR1",
    "a MATLAB file": b"MATLAB 5.0 MAT-file, Platform: GLNXA64",
}


@pytest.mark.parametrize("kind", FILES_OF_OTHER_KINDS)
def test_a_file_of_another_kind_is_said_to_be_of_that_kind(tmp_path: Path, kind: str) -> None:
    """Whatever its name says: as samples, as measurements and as a study."""
    for name in ("x.csv", "x.npy", "x.toml"):
        (tmp_path / name).write_bytes(FILES_OF_OTHER_KINDS[kind])
    for name in ("x.csv", "x.npy"):
        with pytest.raises(RequestError, match=re.escape(f'"{name}" cannot be read: it is {kind}')):
            read_samples(tmp_path / name, 2)
    with pytest.raises(RequestError, match=re.escape(f"is {kind}, not CSV; ")):
        read_measurements(tmp_path / "x.csv")
    with pytest.raises(RequestError, match=re.escape(f"is {kind}; a study is UTF-8 text")):
        read_study(tmp_path / "x.toml")


def test_an_npy_file_is_known_under_the_name_of_a_csv_file(tmp_path: Path) -> None:
    with (tmp_path / "x.csv").open("wb") as stream:
        np.save(stream, RECORDING)
    with pytest.raises(RequestError, match="it is an NPY file, not CSV; call it"):
        read_samples(tmp_path / "x.csv", 5)
    (tmp_path / "x.csv").write_text("BZh,BZi\n0.1,0.2\n0.3,-0.1\n", "utf-8")
    assert read_samples(tmp_path / "x.csv", 2).rows.shape == (2, 2)


@pytest.mark.parametrize(
    ("stored", "sentence"),
    [
        (np.array(ROWS) * 1j, "type complex128; real numbers are needed"),
        (np.array([["1", "2"], ["3", "4"]]), "real numbers are needed"),
        (np.array(ROWS, dtype=object), "it is no NPY file of numbers; write one with numpy.save"),
        (np.array([1.0, 2.0]), "holds 2 numbers"),
        (np.array(3.0), "cannot be read|holds"),
    ],
)
def test_an_npy_file_without_a_real_matrix_is_refused(
    tmp_path: Path, stored: Any, sentence: str
) -> None:
    np.save(tmp_path / "x.npy", stored)
    with pytest.raises(RequestError, match=sentence):
        read_samples(tmp_path / "x.npy", 2)


def test_an_npy_file_that_promises_more_than_it_holds_is_refused(tmp_path: Path) -> None:
    """Its header asks for a terabyte; nothing of that size is allocated."""
    np.save(tmp_path / "x.npy", np.ones((10, 2)))
    content = (tmp_path / "x.npy").read_bytes().replace(b"(10, 2), ", b"(99999999999, 2), ", 1)
    (tmp_path / "x.npy").write_bytes(content)
    with pytest.raises(RequestError, match="cannot be read"):
        read_samples(tmp_path / "x.npy", 2)
    (tmp_path / "x.npy").write_bytes(b"no array")
    with pytest.raises(RequestError, match="cannot be read: it is no NPY file of numbers"):
        read_samples(tmp_path / "x.npy", 2)


STIMULI = 'distribution = "stimuli"\nstimuli = {}\nprobabilities = {}'


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (study_of('distribution = "samples"\nfile = "x.csv"'),
         'misses 1 value: line 3, column 1, holds "nan"'),
        (study_of('distribution = "samples"\nfile = "y.csv"'), '"y.csv" is not there'),
        (study_of('distribution = "samples"\nfile = "x.txt"'), "must be a .csv or .npy file"),
        (study_of("covariance = [[1, 1], [1, 1]]"), "it has rank 1 of 2"),
        (study_of("covariance = [[1, 2], [2, 1]]"), "no inputs have such a covariance"),
        (study_of("covariance = [1, 0]"), "leave out inputs that do not vary"),
        (study_of('distribution = "elliptical"\ncovariance = 1\nkurtosis = -0.6'),
         "inputs.kurtosis = -0.6 must be at least -2/(n + 2), with 2 inputs -0.5,"),
        (study_of(STIMULI.format("[[1, 0], [1, 1]]", "[1, 0]")),
         "inputs.probabilities.1 = 0 stands for a stimulus that is never shown; leave it"),
        (study_of(STIMULI.format("[[1, 0], [1, 1]]", "[0.5, 0.4]")),
         "sum to 0.9 and must sum to 1; divide each by that sum"),
        (study_of(STIMULI.format("[[1, 0], [1, 1]]", "[1.5, -0.5]")),
         "inputs.probabilities.1 = -0.5 must not be negative"),
        (study_of(STIMULI.format("[[1, 0, 0], [1, 1, 0]]", "[0.5, 0.5]"), 3),
         "span 2 of the 3 dimensions of the inputs, and the teacher responds to others, which "
         "cannot be learned; add stimuli, or set a teacher.map that is zero"),
    ],
)  # fmt: skip
def test_the_command_line_answers_bad_inputs_in_one_sentence(
    write_study: WriteStudy, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    text: str, sentence: str,
) -> None:  # fmt: skip
    (tmp_path / "x.csv").write_text("1,2\n3,4\nnan,5\n", encoding="utf-8")
    assert run(["evaluate", str(write_study(text))]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert sentence in output.err
    assert output.err.count("\n") == 1


def test_fewer_stimuli_than_inputs_do_where_the_teacher_asks_for_no_more(
    write_study: WriteStudy,
) -> None:
    """Two stimuli in three inputs drift as they do on the plane that they span."""
    whole = study_of(
        STIMULI.format("[[1, 0, 0], [1, 1, 0]]", "[0.5, 0.5]"),
        3,
        "teacher = { map = [[1, 0, 0], [0, 1, 0], [0, 0, 0]] }",
    )
    problem = read_study(write_study(whole)).problem()
    assert isinstance(problem.inputs, StimulusSet)
    plane = study_of(STIMULI.format("[[1, 0], [1, 1]]", "[0.5, 0.5]"))
    expected = evaluate(read_study(write_study(plane)).problem())
    found = evaluate(problem)
    np.testing.assert_allclose(found.drift.covariance, expected.drift.covariance, rtol=1e-9)
    np.testing.assert_allclose(found.drift.mean_rotation, expected.drift.mean_rotation, rtol=1e-9)


def test_the_digits_are_centred_principal_components() -> None:
    """As data/README.md says: no mean, uncorrelated, in the order of their variances."""
    inputs = read_study("digits").problem().inputs
    assert isinstance(inputs, Samples)
    assert inputs.rows.shape == (1797, 8)
    np.testing.assert_allclose(inputs.rows.mean(axis=0), 0, atol=1e-4)
    variances = np.diagonal(inputs.covariance)
    assert np.all(np.diff(variances) < 0)
    np.testing.assert_allclose(inputs.covariance, np.diag(variances), atol=1e-3)


RECORDING = np.random.default_rng(2).normal(size=(60, 5)).round(3)
NAMES = ["a", "b", "c", "d", "e"]
Column = NDArray[np.float64]


def write_table(path: Path, rows: Column, header: list[str] | None = None) -> Path:
    lines = [",".join(f"{value:.12g}" for value in row) for row in rows]
    path.write_text("\n".join([*([",".join(header)] if header else []), *lines]) + "\n", "utf-8")
    return path


def growing(kind: str) -> Column:
    rng = np.random.default_rng(3)
    count = np.arange(60.0)
    columns: dict[str, Any] = {
        "index from 0": count,
        "index from 1": count + 1,
        "countdown": 60 - count,
        "equal steps": (0.6 * count).round(1),
        "time with jitter": (0.033 * count + 0.01 * rng.random(60)).round(3),
        "unix time": 1.7e9 + np.cumsum(rng.integers(1, 9, 60)),
        "blocks": count // 6,
        "counter of each block": count % 7,
        "clock of each trial": (0.1 * (count % 20)).round(1),
    }
    return np.asarray(columns[kind], dtype=np.float64)


@pytest.mark.parametrize(
    "kind",
    ["index from 0", "index from 1", "countdown", "equal steps", "time with jitter", "unix time",
     "blocks", "counter of each block", "clock of each trial"],
)  # fmt: skip
@pytest.mark.parametrize("place", [0, 5])
def test_a_column_that_counts_or_grows_is_suspicious(tmp_path: Path, kind: str, place: int) -> None:
    rows = np.insert(RECORDING, place, growing(kind), axis=1)
    names = [*NAMES[:place], "step", *NAMES[place:]]
    path = write_table(tmp_path / "x.csv", rows, names)
    with pytest.raises(RequestError, match="look like a row number, a counter or a time") as said:
        read_samples(path, 6)
    assert 'column "step" ' in str(said.value)
    assert 'inputs.columns = ["a", "b", "c", "d", "e"] and network.inputs = 5' in str(said.value)
    np.testing.assert_array_equal(read_samples(path, 5, NAMES).rows, RECORDING)
    # Of the seconds since 1970 nothing is left beside their mean.
    center = kind == "unix time"
    kept = read_samples(path, 6, names, center)
    there = rows - rows.mean(axis=0) if center else rows
    np.testing.assert_allclose(kept.rows, there, rtol=0, atol=1e-12)


def test_a_header_of_numbers_beside_an_index_is_said_with_it(tmp_path: Path) -> None:
    """As pandas writes a table without names: the first name is empty."""
    rows = np.insert(RECORDING, 0, np.arange(60.0), axis=1)
    path = write_table(tmp_path / "x.csv", rows, ["", *"01234"])
    with pytest.raises(RequestError, match=r"column 1 goes from 0 to 59 in equal steps") as said:
        read_samples(path, 6)
    assert "line 1 (, 0, 1, ..., 4) was taken as a header that numbers" in str(said.value)


@pytest.mark.parametrize("code", [-999.0, -9999.0, 99999.0, 999.0])
def test_a_number_that_stands_for_a_missing_value_is_one(tmp_path: Path, code: float) -> None:
    rows = RECORDING / np.abs(RECORDING).max()
    rows[[7, 9], 2] = code
    with pytest.raises(RequestError, match=rf'misses 2 values, .* line 9, .* "{code:g}"'):
        read_samples(write_table(tmp_path / "x.csv", rows, NAMES), 5)
    # Beside numbers of its own size it is a number.
    rows[:, 2] *= 0.3 * abs(code) / np.abs(rows[rows[:, 2] != code, 2]).max()
    rows[[7, 9], 2] = code
    assert read_samples(write_table(tmp_path / "x.csv", rows, NAMES), 5).rows[7, 2] == code


def test_a_column_that_varies_by_rounding_only_does_not_vary(tmp_path: Path) -> None:
    rows = RECORDING.copy()
    rows[:, 1] = 5 + 1e-13 * np.sign(RECORDING[:, 1])
    np.save(tmp_path / "x.npy", rows)
    with pytest.raises(RequestError, match=r"same number in every row of column 2 \(5\)"):
        read_samples(tmp_path / "x.npy", 5)


@pytest.mark.parametrize("name", ["trial", "Time (s)", "t", "sample_id", "frame number"])
@pytest.mark.parametrize("step", [1.0, 0.1])
def test_a_shuffled_counter_is_known_by_its_name(tmp_path: Path, name: str, step: float) -> None:
    shuffled = (np.random.default_rng(4).permutation(60) * step).round(1)
    rows = np.column_stack([RECORDING, shuffled])
    with pytest.raises(RequestError, match="holds each step from 0 to"):
        read_samples(write_table(tmp_path / "x.csv", rows, [*NAMES, name]), 6)
    # Sixty tones, each once.
    rows[:, 5] = 15 * (shuffled / step).round() + 200
    write_table(tmp_path / "x.csv", rows, [*NAMES, "tone"])
    assert read_samples(tmp_path / "x.csv", 6).rows.shape == (60, 6)


@pytest.mark.parametrize(
    ("numbers", "what"),
    [
        (np.arange(60), "holds each step from 0 to 59 once"),
        (np.arange(1, 61), "holds each step from 1 to 60 once"),
        (np.delete(np.arange(75), np.arange(2, 75, 5)), "holds 60 of the whole numbers from 0 to"),
        (np.delete(np.arange(1, 91), np.arange(3, 90, 3)[:29]), "holds 61 of the whole numbers"),
    ],
)
@pytest.mark.parametrize("names", [[], ["i", *NAMES], ["cell", *NAMES]])
def test_a_shuffled_row_number_is_suspicious_under_any_name(
    tmp_path: Path, numbers: Column, what: str, names: list[str]
) -> None:
    """All rows of a table in another order, or those that a split has left."""
    shuffled = np.random.default_rng(3).permutation(numbers)[: len(numbers)]
    drawn = np.random.default_rng(2).normal(size=(len(shuffled), 5)).round(3)
    rows = np.column_stack([shuffled, drawn])
    path = write_table(tmp_path / "x.csv", rows, names)
    with pytest.raises(RequestError, match=f"look like a row number.* {what}"):
        read_samples(path, 6)
    kept: list[str | int] = [*names] if names else [*range(1, 7)]
    np.testing.assert_array_equal(read_samples(path, 6, kept).rows, rows)


@pytest.mark.parametrize(
    "column",
    [
        np.random.default_rng(4).permutation(60) * 15.0,
        np.random.default_rng(4).permutation(60) - 30.0,
        np.random.default_rng(4).permutation(4000)[:60] * 1.0,
        np.repeat([0.0, 1.0], 30),
        np.sin(np.arange(60.0)),
        np.arange(60.0) % 2,
        np.random.default_rng(5).poisson(1.0, 60).astype(float),
    ],
)
def test_other_columns_are_not(tmp_path: Path, column: Column) -> None:
    rows = np.column_stack([RECORDING, column])
    assert read_samples(write_table(tmp_path / "x.csv", rows), 6).rows.shape == (60, 6)


def test_few_samples_in_order_are_no_sign_of_a_counter(tmp_path: Path) -> None:
    rows = np.array([[1.0, 0.3], [2.0, -1.0], [4.5, 0.2], [7.0, 0.9]])
    assert len(read_samples(write_table(tmp_path / "x.csv", rows), 2).rows) == 4


def test_every_column_that_does_not_vary_is_named_at_once(tmp_path: Path) -> None:
    rows = RECORDING.copy()
    rows[:, [1, 3]] = [0, 2.5]
    path = write_table(tmp_path / "x.csv", rows, NAMES)
    with pytest.raises(RequestError) as said:
        read_samples(path, 5)
    assert 'of column "b" (0), column "d" (2.5); leave out' in str(said.value)
    assert 'inputs.columns = ["a", "c", "e"] and network.inputs = 3' in str(said.value)
    assert read_samples(path, 3, ["a", "c", "e"]).rows.shape == (60, 3)
    assert read_samples(path, 3, center=True, components=3).rows.shape == (60, 3)


@pytest.mark.parametrize(
    ("header", "columns", "expected"),
    [
        (NAMES, ["e", "b"], [4, 1]),
        (NAMES, [5, 2], [4, 1]),
        (NAMES, ["e", 2], [4, 1]),
        (None, [5, 2], [4, 1]),
        (["1", "2", "3", "4", "5"], [5, 2], [4, 1]),
        (["0", "1", "2", "3", "4"], ["4", "1"], [4, 1]),
        (["left  front", "a", "a", "b", ""], ["left front", 5], [0, 4]),
    ],
)
def test_columns_are_taken_by_name_or_number(
    tmp_path: Path, header: list[str] | None, columns: list[str | int], expected: list[int]
) -> None:
    path = write_table(tmp_path / "x.csv", RECORDING, header)
    np.testing.assert_array_equal(read_samples(path, 2, columns).rows, RECORDING[:, expected])


@pytest.mark.parametrize(
    ("header", "columns", "sentence"),
    [
        (NAMES, ["a", "f"], 'inputs.columns.1 = "f" is no column; .*columns are "a", "b", "c"'),
        (["alpha", *NAMES[1:]], ["alpa"], 'did you mean "alpha"'),
        (NAMES, ["a", 1], "inputs.columns.1 = 1 is taken twice"),
        (NAMES, [6], "inputs.columns.0 = 6 must be a name, or a number from 1 to 5"),
        (None, ["a"], 'is a name, and "x.csv" has no header that is known as one; give'),
        (["0", "1", "2", "3", "4"], [1], 'may mean the column named "1" or the one in place 1'),
        (["a", "a", "b", "c", "d"], ["a"], "names the columns 1 and 2; give the number of one"),
    ],
)
def test_columns_that_are_not_there_or_not_one_are_refused(
    tmp_path: Path, header: list[str] | None, columns: list[str | int], sentence: str
) -> None:
    path = write_table(tmp_path / "x.csv", RECORDING, header)
    with pytest.raises(RequestError, match=sentence):
        read_samples(path, len(columns), columns)


def test_columns_that_are_not_taken_need_hold_no_numbers(tmp_path: Path) -> None:
    lines = [f"m{k},{x},NA,{y}" for k, (x, y) in enumerate(RECORDING[:, :2])]
    path = tmp_path / "x.csv"
    path.write_text("\n".join(["mouse,x,rate,y", *lines]), "utf-8")
    np.testing.assert_array_equal(read_samples(path, 2, ["x", "y"]).rows, RECORDING[:, :2])
    with pytest.raises(RequestError, match=r'column "mouse" holds "m0".*text in every row: leave'):
        read_samples(path, 4)
    with pytest.raises(RequestError, match='misses 60 values, in column "rate": the first, line 2'):
        read_samples(path, 3, ["x", "rate", "y"])


def test_missing_values_are_counted_over_all_columns(tmp_path: Path) -> None:
    text = write_table(tmp_path / "x.csv", RECORDING, NAMES).read_text("utf-8").split("\n")
    text[7] = "0.1,NA,0.3,0.4,0.5"
    text[9] = "0.1,0.2,0.3,,?"
    (tmp_path / "x.csv").write_text("\n".join(text), "utf-8")
    with pytest.raises(RequestError) as said:
        read_samples(tmp_path / "x.csv", 5)
    assert 'misses 3 values, in column "b", column "d", column "e": the first' in str(said.value)
    assert 'the first, line 8, column "b", holds "NA"; fill them' in str(said.value)
    assert 'inputs.columns = ["a", "c"] and network.inputs = 2' in str(said.value)


@pytest.mark.parametrize("entry", ["1e200", "-1e101", "1e400", "1e-200", "1e-400"])
@pytest.mark.parametrize("suffix", [".csv", ".npy"])
def test_numbers_have_the_range_of_those_of_studies(
    tmp_path: Path, entry: str, suffix: str
) -> None:
    rows = RECORDING[:, :2].copy()
    path = tmp_path / f"x{suffix}"
    if suffix == ".npy":
        rows[3, 1] = float(entry) or 5e-324
        np.save(path, rows)
    else:
        text = write_table(path, rows).read_text("utf-8").split("\n")
        text[3] = f"1.5,{entry}"
        path.write_text("\n".join(text), "utf-8")
    with pytest.raises(RequestError, match=r"(line|row) 4, column 2; numbers other than 0 must be"):
        read_samples(path, 2)


def test_a_quoted_sample_of_two_lines_is_an_open_quote(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text('a,b,c\n1,2,3\n0.1,0.2,"0.3\n4,5,6"\n7,8,9\n', "utf-8")
    with pytest.raises(RequestError, match="line 3 opens a quote that is not closed"):
        read_samples(tmp_path / "x.csv", 3)


def test_centring_takes_the_mean_of_each_column_out(tmp_path: Path) -> None:
    path = write_table(tmp_path / "x.csv", RECORDING + np.arange(5), NAMES)
    found = read_samples(path, 5, center=True)
    np.testing.assert_allclose(found.rows, RECORDING - RECORDING.mean(axis=0), atol=1e-12)
    assert found.source is not None
    assert found.source.centred
    assert mean_share(found) == 0


@pytest.mark.parametrize("rows", [RECORDING * [3, 2, 1, 0.5, 0.2] + 4, RECORDING[:4] * 2])
@pytest.mark.parametrize("center", [True, False])
def test_principal_components_are_those_of_a_singular_value_decomposition(
    tmp_path: Path, rows: Column, center: bool
) -> None:
    path = write_table(tmp_path / "x.csv", rows, NAMES)
    found = read_samples(path, 2, center=center, components=2)
    kept = rows - rows.mean(axis=0) if center else rows
    scores, sizes, axes = np.linalg.svd(kept, full_matrices=False)
    signs = np.sign([axis[np.abs(axis).argmax()] for axis in axes[:2]])
    np.testing.assert_allclose(found.rows, scores[:, :2] * sizes[:2] * signs, atol=1e-9)
    assert found.source is not None
    assert found.source.explained == pytest.approx(sum(sizes[:2] ** 2) / sum(sizes**2))
    assert found.source.names == ("PC 1", "PC 2")


def test_no_more_components_than_directions(tmp_path: Path) -> None:
    rows = RECORDING[:, :2] @ np.array([[1, 0, 1], [0, 1, -1]])
    path = write_table(tmp_path / "x.csv", rows)
    with pytest.raises(RequestError, match=r"inputs.components = 3 is more than the 2 directions"):
        read_samples(path, 3, components=3)


@pytest.mark.parametrize(
    ("header", "columns", "names"),
    [
        (NAMES, [], NAMES),
        (NAMES, ["c", 1], ["c", "a"]),
        (None, [], [f"axis {k}" for k in range(1, 6)]),
        (None, [4, 2], ["column 4", "column 2"]),
        (["0", "1", "2", "3", "4"], [], [f"axis {k}" for k in range(1, 6)]),
        (["0", "1", "2", "3", "4"], ["3", "1"], ["column 3", "column 1"]),
        (["x", "x", "", "z", "e" * 41], [], ["column 1", "column 2", "column 3", "z", "column 5"]),
        (["a", "\x1b[31m", "c", "d", "e"], [], ["a", "column 2", "c", "d", "e"]),
        (["column 3", "x", "x", "d", "e"], [], [f"axis {k}" for k in range(1, 6)]),
    ],
)
def test_axes_are_called_by_the_names_in_the_header(
    tmp_path: Path, header: list[str] | None, columns: list[str | int], names: list[str]
) -> None:
    path = write_table(tmp_path / "x.csv", RECORDING, header)
    found = read_samples(path, len(names), columns)
    assert found.source is not None
    assert list(found.source.names) == names


SAMPLES = 'distribution = "samples"\nfile = "x.csv"'


@pytest.mark.parametrize(
    ("inputs", "size", "sentence"),
    [
        (f"{SAMPLES}\ncolumns = []", 5, "inputs.columns = [] must be a list of columns"),
        (f'{SAMPLES}\ncolumns = "a"', 5, 'inputs.columns = "a" must be a list of columns'),
        (f"{SAMPLES}\ncolumns = [0]", 1, "inputs.columns.0 = 0 must be the name of a column, or"),
        (f"{SAMPLES}\ncolumns = [1.5]", 1, "inputs.columns.0 = 1.5 must be the name of a column"),
        (f"{SAMPLES}\ncolumns = [true]", 1, "inputs.columns.0 = true must be the name of a col"),
        (f"{SAMPLES}\ncolumns = [0x1{'0' * 6000}]", 1, "inputs.columns.0 = "),
        (f'{SAMPLES}\ncolumns = ["a"]', 5, "inputs.columns leads to 1 inputs; network.inputs = 5"),
        (f"{SAMPLES}\ncomponents = 2", 5, "inputs.components leads to 2 inputs; network.inputs ="),
        (f"{SAMPLES}\ncomponents = 0", 5, "inputs.components = 0 must be a whole number from 1"),
        (f"{SAMPLES}\ncomponents = 1.5", 5, "inputs.components = 1.5 must be a whole number"),
        (f'{SAMPLES}\ncenter = "yes"', 5, 'inputs.center = "yes" must be true or false'),
        (f"{SAMPLES}\ncenter = 1", 5, "inputs.center = 1 must be true or false"),
        ("covariance = 1\ncenter = true", 5, "inputs.center does not belong to distribution"),
    ],
)  # fmt: skip
def test_what_is_made_of_a_file_is_checked_with_the_study(
    write_study: WriteStudy, tmp_path: Path, inputs: str, size: int, sentence: str
) -> None:
    write_table(tmp_path / "x.csv", RECORDING, NAMES)
    with pytest.raises(RequestError) as said:
        read_study(write_study(study_of(inputs, size))).problem()
    assert sentence in str(said.value)


def test_columns_centring_and_components_can_be_set(
    write_study: WriteStudy, tmp_path: Path
) -> None:
    write_table(tmp_path / "x.csv", RECORDING + 2, NAMES)
    study = read_study(write_study(study_of(SAMPLES, 5)))
    given: dict[str, str | float] = {
        "inputs.columns": '["d", "b"]', "inputs.center": "true",
        "network.inputs": 2, "network.outputs": 2,
    }  # fmt: skip
    problem = study.with_values(given).problem()
    assert [stimulus.name for stimulus in problem.stimuli] == ["d", "b"]
    expected = np.cov(RECORDING[:, [3, 1]], rowvar=False, bias=True)
    np.testing.assert_allclose(problem.input_covariance, expected, atol=1e-12)
    sizes: dict[str, str | float] = {
        "network.inputs": 3, "network.outputs": 3, "inputs.components": 3,
    }  # fmt: skip
    problem = study.with_values(sizes).problem()
    assert mean_share(problem.inputs) == 0, "components are about the mean if nothing is said"
    raw = study.with_values({**sizes, "inputs.center": "false"}).problem()
    assert mean_share(raw.inputs) == pytest.approx(0.8, abs=0.1)


def test_evaluate_says_what_was_read_and_the_share_of_the_mean(
    write_study: WriteStudy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = RECORDING + 3
    write_table(tmp_path / "x.csv", rows, NAMES)
    path = str(write_study(study_of(f'{SAMPLES}\ncolumns = ["a", "b"]')))
    assert run(["evaluate", path, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)["parameters"]["input_distribution"]
    taken = rows[:, :2]
    power = (taken**2).sum(axis=1).mean()
    share = (taken.mean(axis=0) ** 2).sum() / power
    assert record["mean_share"] == pytest.approx(share, rel=1e-12)
    kept = {name: record[name] for name in ("distribution", "file", "rows", "columns", "used")}
    assert kept == {
        "distribution": "samples", "file": "x.csv", "rows": 60, "columns": 5, "used": ["a", "b"],
    }  # fmt: skip
    assert (record["header"], record["header_line"], record["centred"]) == ("names", 1, False)
    assert run(["evaluate", path]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert all(f"{what} {value}" in text for what, value in input_facts(record))
    for said in (
        "file x.csv",
        "samples 60 rows",
        "columns 2 of 5",
        "header names of the columns",
        f"share of their power {100 * share:.3g} %",
        "Sigma second moment about zero",
    ):
        assert said in text  # fmt: skip
    assert run(["evaluate", path, "--set", "inputs.center=true"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "share of their power 0 %" in text
    assert "Sigma covariance" in text


@pytest.mark.parametrize(("center", "meaning"), [(False, "second moment"), (True, "covariance")])
def test_a_report_says_what_was_read(tmp_path: Path, center: bool, meaning: str) -> None:
    path = write_table(tmp_path / "x.csv", RECORDING[:, :2] @ [[1, 0.5], [0.2, 1]] + 3, ["a", "b"])
    problem = replace(
        read_study("misaligned_teacher").problem(), inputs=read_samples(path, 2, center=center)
    )
    rows = {row[1]: row[2] for row in parameter_table(problem, {}).rows}
    assert rows["samples"] == "60 rows"
    assert rows["columns"] == "2"
    assert rows["header"] == "names of the columns, line 1"
    assert rows["mean taken out"] == ("yes" if center else "no")
    power = np.trace(problem.input_covariance)
    share = problem.inputs.mean @ problem.inputs.mean / power
    shown = "0 %" if center else f"{100 * share:.3g} %"
    assert rows["mean of the inputs, share of their power"] == shown
    assert str(rows["their matrix Sigma"]).startswith(meaning)
    names = {True: "input covariance", False: "second moment of the inputs about zero"}
    assert (names[center] in rows) and (names[not center] not in rows)


def test_a_header_of_numbers_is_said_and_changes_nothing(
    write_study: WriteStudy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Taken as a sample, 0 to 4 would be by far the largest."""
    path = str(write_study(study_of(SAMPLES, 5)))
    found = []
    for entry in ("{0}", "1_{1}", "{1}.0", "{1}"):
        header = [entry.format(name, place) for place, name in enumerate(NAMES)]
        write_table(tmp_path / "x.csv", RECORDING, header)
        assert run(["evaluate", path, "--json"]) == 0
        output = capsys.readouterr()
        found.append(json.loads(output.out))
    rates = [[stimulus["decay_rate"] for stimulus in record["stimuli"]] for record in found]
    for record, decay in zip(found[1:], rates[1:], strict=True):
        assert record["drift"] == found[0]["drift"]
        assert record["minimum"] == found[0]["minimum"]
        assert decay == rates[0]
    assert [s["name"] for s in found[0]["stimuli"]] == NAMES
    assert "line 1 (0, 1, 2, ..., 4) was taken as a header that numbers the columns" in output.err


def test_the_default_stimuli_of_a_set_are_its_stimuli(write_study: WriteStudy) -> None:
    text = STIMULI.format("[[1, 0.5], [0, -1], [0.3, 0.3]]", "[0.5, 0.3, 0.2]")
    stimuli = read_study(write_study(study_of(text))).problem().stimuli
    assert [stimulus.name for stimulus in stimuli] == ["stimulus 1", "stimulus 2", "stimulus 3"]
    np.testing.assert_array_equal([s.vector for s in stimuli], [[1, 0.5], [0, -1], [0.3, 0.3]])


@pytest.mark.parametrize("count", [1001, 8000])
def test_thousands_of_named_stimuli_are_refused_at_once(
    write_study: WriteStudy, count: int
) -> None:
    tables = "".join(f'[[stimulus]]\nname = "s{k}"\nvector = [1, 0]\n' for k in range(count))
    path = write_study(study_of("covariance = 1") + tables)
    with pytest.raises(RequestError, match=f"^stimulus has {count} tables; at most 1000"):
        read_study(path)


def test_a_thousand_named_stimuli_are_read_and_differ(write_study: WriteStudy) -> None:
    names = [f"s{k}" for k in range(1000)]
    tables = "".join(f'[[stimulus]]\nname = "{name}"\nvector = [1, 0]\n' for name in names)
    study = read_study(write_study(study_of("covariance = 1") + tables))
    assert [stimulus.name for stimulus in study.stimulus] == names
    with pytest.raises(RequestError, match=r'stimulus.1.name = "s" is taken; names must differ'):
        read_study(
            write_study(study_of("covariance = 1") + 2 * '[[stimulus]]\nname="s"\nvector=[1, 0]\n')
        )


def test_a_study_of_megabytes_is_refused(write_study: WriteStudy) -> None:
    path = write_study(study_of("covariance = 1") + "#" * 2_000_000)
    with pytest.raises(RequestError, match="is larger than 2000000 bytes"):
        read_study(path)


def test_one_sample_varies_about_zero_and_not_about_its_mean(tmp_path: Path) -> None:
    path = tmp_path / "one.csv"
    path.write_text("5\n")
    assert read_samples(path, 1).rows.tolist() == [[5.0]]
    with pytest.raises(RequestError, match=r"same number in every row of column 1 \(5\)"):
        read_samples(path, 1, center=True)


@pytest.mark.parametrize("offset", [1e4, 1e6, -1e7])
def test_samples_that_are_nearly_all_mean_are_refused_with_the_remedy(
    tmp_path: Path, offset: float
) -> None:
    np.save(tmp_path / "x.npy", RECORDING + offset)
    with pytest.raises(RequestError, match=r"inputs of .* have a mean .* inputs\.center = true"):
        read_samples(tmp_path / "x.npy", 5)
    centred = read_samples(tmp_path / "x.npy", 5, center=True).rows
    np.testing.assert_allclose(centred, RECORDING - RECORDING.mean(axis=0), atol=1e-8)


def test_a_large_mean_is_said_and_a_small_one_is_not(tmp_path: Path) -> None:
    for offset in (30.0, 0.1):
        write_table(tmp_path / "x.csv", RECORDING + offset, NAMES)
        source = read_samples(tmp_path / "x.csv", 5).source
        assert source is not None
        assert ("the mean of the samples has" in source.remark) == (offset > 1)


@pytest.mark.parametrize("probabilities", [[0.5, 0.5], [0.9, 0.1]])
def test_stimuli_that_are_nearly_all_mean_are_refused(
    write_study: WriteStudy, probabilities: list[float]
) -> None:
    given = 'distribution = "stimuli"\nstimuli = [[1e6, 1e6], [1e6, 1000001]]\n'
    study = read_study(write_study(study_of(f"{given}probabilities = {probabilities}")))
    with pytest.raises(RequestError, match=r"inputs\.stimuli have a mean so large .* subtract it"):
        study.problem()


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("cell", np.repeat(np.random.default_rng(1).permutation(30), 2)),
        ("which", np.tile(np.random.default_rng(1).permutation(12) + 1, 5)),
        ("subject", np.random.default_rng(1).integers(101, 109, 60)),
        ("Trial no", np.random.default_rng(1).integers(0, 9, 60)),
        ("mouse_id", np.random.default_rng(1).integers(0, 4, 60)),
    ],
)
def test_identifiers_are_suspicious_by_their_repetition_or_their_name(
    tmp_path: Path, name: str, column: Column
) -> None:
    rows = np.column_stack([column, RECORDING])
    path = write_table(tmp_path / "x.csv", rows, [name, *NAMES])
    with pytest.raises(RequestError, match=f'look like a row number.*column "{name}" holds'):
        read_samples(path, 6)
    assert len(read_samples(path, 6, [name, *NAMES]).rows) == 60


def test_a_column_of_noise_about_one_number_is_refused_or_named(tmp_path: Path) -> None:
    rows = RECORDING.copy()
    for size, center, noise in (
        (1e-9, False, "1e-08"), (5e-11, True, "2e-10"), (1e-6, False, ""), (1e-9, True, "")
    ):  # fmt: skip
        rows[:, 1] = 1 + size * np.sign(RECORDING[:, 1])
        np.save(tmp_path / "x.npy", rows)
        if noise:
            with pytest.raises(RequestError, match=f"column 2 .* but for noise below {noise}"):
                read_samples(tmp_path / "x.npy", 5, center=center)
            continue
        source = read_samples(tmp_path / "x.npy", 5, center=center).source
        assert source is not None
        assert f"column 2 hardly varies, by {2 * size:.1e} of its size" in source.remark


@pytest.mark.parametrize("mean", [1e9, -1e9, 3e8])
def test_what_varies_about_a_huge_mean_is_read_once_that_is_taken_out(
    tmp_path: Path, mean: float
) -> None:
    np.save(tmp_path / "x.npy", RECORDING / 4 + mean)
    with pytest.raises(RequestError, match=r"inputs\.center = true"):
        read_samples(tmp_path / "x.npy", 5)
    found = read_samples(tmp_path / "x.npy", 5, center=True)
    np.testing.assert_allclose(
        found.covariance, np.cov(RECORDING / 4, rowvar=False, bias=True), atol=1e-6
    )
    assert found.source is not None
    assert not found.source.remark


@pytest.mark.parametrize("noise", [np.arange(60) * 2e-12, np.arange(60) // 6 * 1e-11])
def test_noise_that_grows_in_the_last_places_is_no_time(tmp_path: Path, noise: Column) -> None:
    np.save(tmp_path / "x.npy", np.column_stack([RECORDING, 5 + noise]))
    with pytest.raises(RequestError, match=r"same number in every row of column 6 \(5\)"):
        read_samples(tmp_path / "x.npy", 6)
    nanoseconds = 1.7e18 + 1e6 * np.arange(60)
    np.save(tmp_path / "x.npy", np.column_stack([RECORDING, nanoseconds]))
    with pytest.raises(RequestError, match="a counter or a time: column 6 never falls"):
        read_samples(tmp_path / "x.npy", 6)


@pytest.mark.parametrize(
    ("units", "sentence"),
    [
        (["mV"] * 5, "line 2 holds text such as units: delete it"),
        (["Hz", "", "mV", "mV", "mV"], "or delete line 2 if it holds units or other text"),
        (["1", "2", "mV", "4", "5"], "correct it, or delete line 2 if it holds units or other"),
    ],
)
def test_a_line_of_units_below_the_names_is_to_be_deleted(
    tmp_path: Path, units: list[str], sentence: str
) -> None:
    lines = write_table(tmp_path / "x.csv", RECORDING, NAMES).read_text("utf-8").splitlines()
    (tmp_path / "x.csv").write_text("\n".join([lines[0], ",".join(units), *lines[1:]]), "utf-8")
    with pytest.raises(RequestError, match=sentence):
        read_samples(tmp_path / "x.csv", 5)


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (["a", "a", "c", "d", "e"], 'column 1 ("a"), column 2 ("a") cannot be called by'),
        (["a", "b\x07", "c", "d", "e"], r'column 2 ("b\x07") cannot be called by'),
        (["a", "b", "c", "d", "e" * 41], "column 5"),
        (["a", "", "c", "d", "e"], ""),
        (NAMES, ""),
    ],
)
def test_a_name_that_no_axis_can_have_is_not_lost_silently(
    tmp_path: Path, header: list[str], said: str
) -> None:
    source = read_samples(write_table(tmp_path / "x.csv", RECORDING, header), 5).source
    assert source is not None
    assert said in source.remark
    assert bool(said) == bool(source.remark)


@pytest.mark.parametrize("digits", [6, 7])
def test_a_column_that_nearly_combines_others_is_named_with_them(
    tmp_path: Path, digits: int
) -> None:
    rows = RECORDING.copy()
    rows[:, 4] = (rows[:, 0] / 3 - rows[:, 2] / 7).round(digits)
    path = tmp_path / "x.csv"
    source = read_samples(write_table(path, rows, NAMES), 5).source
    assert source is not None
    found = re.search(r'column "(\w)" is nearly a linear combination of (.*), to', source.remark)
    assert found is not None
    assert set(re.findall(r'"(\w)"', found[0])) == {"a", "c", "e"}
    # Of two digits it is a measurement like any other.
    rows[:, 4] = rows[:, 4].round(2)
    source = read_samples(write_table(path, rows, NAMES), 5).source
    assert source is not None
    assert source.remark == ""


@pytest.mark.parametrize(
    "text",
    ["a,b\n1.5,2,3\n4,5.5,6\n7,8,9.1\n", "a,b\n5,2.1,3\n3,5,6.4\n9,8,9\n", "x\n1,2\n2.5,1\n0,4\n"],
)
def test_a_header_shorter_than_the_rows_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.csv").write_text(text)
    with pytest.raises(RequestError, match=r"line 1 has \d names? above rows of \d numbers"):
        read_samples(tmp_path / "x.csv", 3)


@pytest.mark.parametrize("order", [[1, 2, 3], [2, 0, 1]])
def test_a_header_shorter_than_the_rows_stands_beside_their_numbers(
    tmp_path: Path, order: list[int]
) -> None:
    rows = [f"{k},{value}" for k, value in zip(order, ("2.5,3", "5,6.5", "8,1"), strict=True)]
    (tmp_path / "x.csv").write_text("\n".join(["a,b", *rows]))
    kept = read_samples(tmp_path / "x.csv", 2, ["a", "b"])
    np.testing.assert_array_equal(kept.rows, [[2.5, 3], [5, 6.5], [8, 1]])
    assert kept.source is not None
    assert "line 1 has no name for the first column" in kept.source.remark


@pytest.mark.parametrize("entry", ["1e-400", "-1e-400", "0.1e-330", "1e400", "1.50e+200"])
def test_a_number_out_of_range_is_quoted_as_it_stands_in_the_file(
    tmp_path: Path, entry: str
) -> None:
    (tmp_path / "x.csv").write_text(f"a;b\n\n1;2\n# note\n3; {entry}\n5;4\n")
    with pytest.raises(RequestError) as said:
        read_samples(tmp_path / "x.csv", 2)
    assert f'has {entry} in line 5, column "b"' in str(said.value)

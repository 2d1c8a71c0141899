"""Inputs from data and from a few stimuli: what is read, and the sentence for what cannot be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from symdrift import evaluate
from symdrift.cli import run
from symdrift.errors import RequestError
from symdrift.inputs import Samples, StimulusSet
from symdrift.study import read_study
from symdrift.study.samples import read_samples

WriteStudy = Callable[[str], Path]

ROWS = [[1.0, 2.0], [-0.5, 0.25], [3.0, -1.0]]
STUDY = """
network = {{ inputs = {inputs}, outputs = {inputs}, hidden = 2 }}
learning = {{ rate = 0.005, weight_decay = 0.1 }}
{rest}
"""


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
        ("1,2\n3,nan\n4,5\n", 'misses 1 value: line 2, column 2 holds "nan"; fill them, leave'),
        ("a,b\n\n1,2\n3,-inf\n", 'line 4, column "b" holds "-inf", which is not a number'),
        ("1,2\n3,four\n", 'line 2, column 2 holds "four", which is not a number'),
        ("1,2\n3,\n", "misses 1 value: line 2, column 2 is empty; fill them, leave those lines"),
        ("one,2\n3,4\n5,6\n", 'line 1, column 1 holds "one"'),
        ("1,5;2,5\n3,5;4,5\n", 'line 1, column 1 holds "1,5".* numbers have a decimal point'),
        ("1 2\n3 4\n", 'line 1, column 1 holds "1 2".* separated by commas, semicolons or tabs'),
        ("1,2,3\n4,5,6\n7,8,9\n", "numbers are needed$"),
        ("1,2,3\n4,5,7\n", "numbers are needed: transpose it, a sample is a row"),
        ("1,2\n3\n", "line 2 has 1 entries and line 1 has 2"),
        ('1,"2\n3,4\n', "line 1 opens a quote"),
        ("1,2,3\n4,5,6\n", "holds 2 x 3 numbers; rows of network.inputs = 2 numbers are needed"),
        ("", "it holds no samples"),
        ("a,b\n", "it holds no samples"),
        ("1,2\n", "has 1 rows and 2 columns.*add samples, or reduce the columns"),
        ("1,2\n3,2\n5,2\n", r"has the same number in every row of column 2 \(2\); leave out col"),
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
         'misses 1 value: line 3, column 1 holds "nan"'),
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

"""Studies are read as a whole: what they mean, and the sentence when they mean nothing."""

from __future__ import annotations

import pickle
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import process_time

import numpy as np
import pytest
import sympy as sp
from declarations import DISTRIBUTIONS
from hypothesis import given
from hypothesis import strategies as st

from symdrift.derivation.symbolic import symbolic
from symdrift.errors import RequestError
from symdrift.expressions import parse
from symdrift.inputs import Elliptical, Gaussian, Samples, StimulusSet
from symdrift.study import GaussianInputs, Study, read_study, shipped_studies

WriteStudy = Callable[[str], Path]

NUMERIC = """
[network]
inputs = 2
outputs = 3
hidden = 4
[inputs]
covariance = [[1.5, 0.6], [0.6, 0.8]]
[teacher]
map = [1.2, 0.8]
label_noise = [0.1, 0.2, 0.3]
[learning]
rate = 0.005
weight_decay = 0.15
batch = 8
synaptic_noise = 1e-6
[[stimulus]]
name = "odd"
vector = [1, -1]
"""


def replaced(text: str, *changes: tuple[str, str]) -> str:
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return text


def test_a_numeric_study_becomes_the_problem_it_states(write_study: WriteStudy) -> None:
    problem = read_study(write_study(NUMERIC)).problem()
    assert problem.study == "example"
    assert problem.hidden == 4
    np.testing.assert_array_equal(problem.input_covariance, [[1.5, 0.6], [0.6, 0.8]])
    np.testing.assert_array_equal(problem.teacher, [[1.2, 0], [0, 0.8], [0, 0]])
    np.testing.assert_array_equal(problem.label_noise, [0.1, 0.2, 0.3])
    assert (problem.learning_rate, problem.weight_decay) == (0.005, 0.15)
    assert (problem.batch, problem.synaptic_noise) == (8, 1e-6)
    assert [stimulus.name for stimulus in problem.stimuli] == ["odd"]
    np.testing.assert_array_equal(problem.stimuli[0].vector, [1, -1])


def test_defaults_are_a_noiseless_autoencoder_watched_along_its_axes(anisotropic: Path) -> None:
    problem = read_study(anisotropic).problem()
    assert isinstance(problem.inputs, Gaussian)
    np.testing.assert_array_equal(problem.input_covariance, np.diag([2.0, 1.0, 0.7]))
    np.testing.assert_array_equal(problem.teacher, np.eye(3))
    np.testing.assert_array_equal(problem.label_noise, np.zeros(3))
    assert (problem.batch, problem.synaptic_noise) == (1, 0.0)
    assert [stimulus.name for stimulus in problem.stimuli] == ["axis 1", "axis 2", "axis 3"]
    np.testing.assert_array_equal([s.vector for s in problem.stimuli], np.eye(3))


def test_a_study_stays_symbolic_beside_its_values(anisotropic: Path) -> None:
    study = read_study(anisotropic)
    assert study.symbols == ("lambda_1", "lambda_2", "lambda_3", "eta", "gamma")
    assert study.missing == ()
    assert study.learning.rate == parse("eta")
    assert symbolic(study.values["gamma"], {}) == sp.Rational(3, 10)
    assert isinstance(study.inputs, GaussianInputs)
    assert study.numbers["inputs.covariance.2"] == parse("lambda_3")


SPHERE = """
network = { inputs = "n", outputs = "n", hidden = 2 }
inputs = { distribution = "elliptical", covariance = 1, kurtosis = "KURTOSIS" }
learning = { rate = 0.01, weight_decay = 0.1 }
"""


def test_the_least_kurtosis_depends_on_the_number_of_inputs(write_study: WriteStudy) -> None:
    """Checked once that number is known; before, nothing below that of one input passes."""
    sphere = read_study(write_study(SPHERE.replace("KURTOSIS", "-2/(n + 2)")))
    for size in (1, 4, 31):
        assert sphere.with_values({"n": size}).problem().inputs.covariance.shape == (size, size)
    with pytest.raises(RequestError, match=r"kurtosis = -0.4 .* with 4 inputs -0.3333"):
        read_study(write_study(SPHERE.replace("KURTOSIS", "-2/(n + 1)"))).with_values({"n": 4})
    some = read_study(write_study(SPHERE.replace("KURTOSIS", "-0.5")))
    assert isinstance(some.with_values({"n": 2}).problem().inputs, Elliptical)
    with pytest.raises(RequestError, match=r"with 3 inputs -0.4"):
        some.with_values({"n": 3})
    with pytest.raises(RequestError, match=r"kurtosis = -0.7 .* with 1 input -0.6666"):
        read_study(write_study(SPHERE.replace("KURTOSIS", "-0.7")))


def test_other_distributions_are_built(write_study: WriteStudy, tmp_path: Path) -> None:
    elliptical = replaced(NUMERIC, ("[inputs]", '[inputs]\ndistribution = "elliptical"'))
    elliptical = replaced(elliptical, ("covariance = [[1.5", "kurtosis = 0.5\ncovariance = [[1.5"))
    inputs = read_study(write_study(elliptical)).problem().inputs
    assert isinstance(inputs, Elliptical)
    assert inputs.kurtosis == 0.5

    covariance = "covariance = [[1.5, 0.6], [0.6, 0.8]]"
    stimuli = 'distribution = "stimuli"\nstimuli = [[2, 0], [0, 1]]\nprobabilities = ["1/4", 0.75]'
    inputs = read_study(write_study(replaced(NUMERIC, (covariance, stimuli)))).problem().inputs
    assert isinstance(inputs, StimulusSet)
    np.testing.assert_allclose(inputs.covariance, np.diag([1.0, 0.75]), rtol=1e-15)

    rows = np.array([[1.0, 2.0], [-0.5, 0.25], [3.0, -1.0]])
    np.save(tmp_path / "rows.npy", rows)
    (tmp_path / "rows.csv").write_text("left,right\n1,2\n-0.5,0.25\n3,-1\n", encoding="utf-8")
    for name in ("rows.npy", "rows.csv"):
        samples = f'distribution = "samples"\nfile = "{name}"'
        inputs = read_study(write_study(replaced(NUMERIC, (covariance, samples)))).problem().inputs
        assert isinstance(inputs, Samples)
        np.testing.assert_allclose(inputs.covariance, rows.T @ rows / 3, rtol=1e-14)


# Each case: a change to NUMERIC, and the sentence that must answer it.
BROKEN = [
    ("rate = 0.005", "rat = 0.005", r'learning\.rat is not .*did you mean "rate"'),
    ("[learning]", "[lerning]", r'lerning is not .*did you mean "learning"'),
    ("rate = 0.005\n", "", r"learning\.rate is missing"),
    ("[network]\ninputs = 2\noutputs = 3\nhidden = 4", "", r"network is missing"),
    ("[network]", "network = 3\n[networks]", r"network.* is not a field|network = 3 must be"),
    ("rate = 0.005", "rate = -0.005", r"learning\.rate = -0\.005 must be positive"),
    ("rate = 0.005", "rate = 0", r"learning\.rate = 0 must be positive"),
    ("rate = 0.005", "rate = nan", r"learning\.rate = nan must be a finite number"),
    ("rate = 0.005", "rate = inf", r"learning\.rate = inf must be a finite number"),
    ("rate = 0.005", "rate = true", r"learning\.rate = true must be a number"),
    ("rate = 0.005", "rate = 2026-01-01", r"learning\.rate = 2026-01-01 must be a number"),
    ("rate = 0.005", "rate = 2026-01-01T08:30:00Z", r"= 2026-01-01T08:30:00\+00:00 must be a num"),
    ("rate = 0.005", 'rate = {a = [true, "x"], "b c" = 1}',
     r'learning\.rate = \{a = \[true, "x"\], "b c" = 1\} must be a number'),
    ("covariance = [[1.5, 0.6], [0.6, 0.8]]", 'samples = "a.csv"',
     r'inputs\.samples is no field; write inputs\.distribution = "samples", whose fields are file'),
    ("covariance = [[1.5, 0.6], [0.6, 0.8]]", "gaussian = true",
     r"inputs\.gaussian is no field|inputs\.gaussian is not a field"),
    ("covariance = [[1.5, 0.6], [0.6, 0.8]]", "elliptical = {kurtosis = 0.5}",
     r'inputs\.elliptical is no field; write inputs\.distribution = "elliptical"'),
    ("rate = 0.005", "rate = [0.005]", r"learning\.rate = \[0\.005\] must be a number"),
    ("rate = 0.005", "rate = 2020-01-01", r"learning\.rate = .* must be a number"),
    ("rate = 0.005", 'rate = "1/0"', r'learning\.rate = "1/0" divides by zero'),
    ("rate = 0.005", 'rate = "open(1)"', r"learning\.rate = .*functions are sqrt, cos, sin"),
    ("decay = 0.15", "decay = -0.1", r"learning\.weight_decay = -0\.1 must not be negative"),
    ("batch = 8", "batch = 0", r"learning\.batch = 0 must be a positive whole number"),
    ("batch = 8", "batch = 1.5", r"learning\.batch = 1\.5 must be a positive whole number"),
    ("noise = 1e-6", "noise = -1e-6", r"learning\.synaptic_noise .* not be negative"),
    ("inputs = 2", "inputs = 0", r"network\.inputs = 0 must be a whole number from 1"),
    ("hidden = 4", "hidden = 2.5", r"network\.hidden = 2\.5 must be a whole number"),
    ("hidden = 4", "hidden = 5000", r"network\.hidden = 5000 must be a whole number"),
    ("inputs = 2", "inputs = 3", r"inputs\.covariance has 2 entries; network\.inputs = 3"),
    ("inputs = 2", 'inputs = "n"', r'inputs\.covariance is a list .*network\.inputs = "n"'),
    ("outputs = 3", "outputs = 2", r"label_noise has 3 entries; network\.outputs = 2"),
    ("map = [1.2, 0.8]", "map = [1.2]", r"teacher\.map has 1 gains; 2 are needed"),
    ("map = [1.2, 0.8]", "map = [[1, 0], [0, 1]]", r"teacher\.map has 2 entries; .*outputs = 3"),
    ("map = [1.2, 0.8]", "map = [[1], [0], [1]]", r"teacher\.map\.0 has 1 entries"),
    ("map = [1.2, 0.8]", 'map = "eye"', r'teacher\.map = "eye" must be "identity"'),
    ("map = [1.2, 0.8]", "map = []", r"teacher\.map = \[\] must be a list"),
    ("[0.1, 0.2, 0.3]", "[0.1, -0.2, 0.3]", r"label_noise\.1 = -0\.2 must not be negative"),
    ("[0.6, 0.8]]", "[0.5, 0.8]]", r"covariance\.1\.0 = 0\.5 must equal .*symmetric"),
    ("[[1.5, 0.6], [0.6, 0.8]]", "[[1, 2], [2, 1]]", r"covariance is not positive definite.*-1"),
    ("[[1.5, 0.6], [0.6, 0.8]]", "[[1, 1], [1, 1]]", r"rank 1 of 2.*on the one axis along which"),
    ("[[1.5, 0.6], [0.6, 0.8]]", "[[0, 0], [0, 0]]", r"inputs\.covariance is zero"),
    ("[[1.5, 0.6], [0.6, 0.8]]", "[[1e20, 0], [0, 1]]", r"variances from 1 to 1e\+20.*rounding"),
    ("[[1.5, 0.6], [0.6, 0.8]]", '[[1, "x"], ["y", 1]]', r'1\.0 = "y" must equal .*0\.1 = "x"'),
    ("batch = 8", "batch = 9007199254740993", r"must be a positive whole number below 2\^53"),
    ("rate = 0.005", 'rate = "1e-99**8"', r"learning\.rate = .* is not zero, and too small"),
    ("[[1.5, 0.6], [0.6, 0.8]]", "[1, 0]", r"covariance\.1 = 0 must be positive.*leave out"),
    ("[[1.5, 0.6], [0.6, 0.8]]", "[1, -1]", r"inputs\.covariance\.1 = -1 must be positive"),
    ("[[1.5, 0.6], [0.6, 0.8]]", "-2", r"inputs\.covariance = -2 must be positive"),
    ("[[1.5, 0.6], [0.6, 0.8]]", "[[1.5, 0.6], [0.6]]", r"covariance\.1 has 1 entries"),
    ("[[1.5, 0.6], [0.6, 0.8]]", "[[1.5, 0.6], 3]", r"inputs\.covariance = .*list of rows"),
    ("covariance = [[1.5", "kurtosis = 1\ncovariance = [[1.5", r'"gaussian".*elliptical'),
    ("covariance = ", 'distribution = "normal"\ncovariance = ', r'distribution = "normal"'),
    ("covariance = ", "distribution = []\ncovariance = ", r"distribution = \[\] is unknown"),
    ('name = "odd"', "name = 3", r"stimulus\.0\.name = 3 must be text"),
    ('name = "odd"', f'name = "{"a" * 41}"', r"stimulus\.0\.name = .* 1 to 40 characters"),
    ('name = "odd"', 'name = "a\\nb"', r"stimulus\.0\.name = .*one line"),
    ("vector = [1, -1]", "vector = [1]", r"stimulus\.0\.vector has 1 entries"),
    ("vector = [1, -1]", 'vector = [1, -1]\n[[stimulus]]\nname = "odd"\nvector = [0, 1]', "taken"),
    ("[[stimulus]]", "[stimulus]", r"stimulus must be written as \[\[stimulus\]\]"),
    ("[network]", 'title = ""\n[network]', r"title = \"\" must be text"),
    ("[network]", "[values]\ngamma = 1\n[network]", r"values\.gamma belongs to no symbol"),
    ("[network]", '[values]\n"a b" = 1\n[network]', r"values\.a b is not a name"),
    ("[network]", "[notation]\ngama = 'g'\n[network]", r"notation\.gama is no role"),
    ("[network]", "[notation]\nweight_decay = '\\input{x}'\n[network]", r"uses \\input"),
    ("[network]", "[notation]\nweight_decay = '{g'\n[network]", r"close every brace"),
    ("[network]", "[notation]\nweight_decay = 'g$'\n[network]", r'= "g\$" holds "\$"; it must be'),
    ("[network]", "[notation]\nweight_decay = '$g$'\n[network]", r"LaTeX mathematics"),
    ("[network]", "[notation]\nweight_decay = 3\n[network]", r"notation\.weight_decay = 3"),
]


@pytest.mark.parametrize(("old", "new", "sentence"), BROKEN)
def test_a_broken_study_is_refused_in_one_sentence(
    write_study: WriteStudy, old: str, new: str, sentence: str
) -> None:
    path = write_study(replaced(NUMERIC, (old, new)))
    with pytest.raises(RequestError, match=sentence) as refusal:
        read_study(path)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("covariance", ["[1e20, 1]", "[[1e20, 0], [0, 1]]"])
def test_a_covariance_is_refused_in_the_same_sentence_however_it_is_written(
    write_study: WriteStudy, covariance: str
) -> None:
    path = write_study(replaced(NUMERIC, ("[[1.5, 0.6], [0.6, 0.8]]", covariance)))
    with pytest.raises(RequestError, match=r"^inputs\.covariance has variances from 1 to 1e\+20"):
        read_study(path).problem()


def test_expressions_that_agree_make_a_symmetric_covariance(write_study: WriteStudy) -> None:
    entries = '[["a", "b*(c + 1)"], ["b + c*b", 1]]'
    study = read_study(write_study(replaced(NUMERIC, ("[[1.5, 0.6], [0.6, 0.8]]", entries))))
    assert study.missing == ("a", "b", "c")


def test_a_covariance_that_differs_from_its_transpose_by_rounding_is_symmetric(
    write_study: WriteStudy,
) -> None:
    rounded = NUMERIC.replace("[[1.5, 0.6], [0.6, 0.8]]", "[[1.5, 0.6000000000000001], [0.6, 0.8]]")
    covariance = read_study(write_study(rounded)).problem().input_covariance
    np.testing.assert_array_equal(covariance, covariance.T)
    assert covariance[0, 1] == pytest.approx(0.6, rel=1e-15)


def test_a_request_for_values_stays_a_sentence(write_study: WriteStudy) -> None:
    gains = ", ".join(f'"a_{k}"' for k in range(60))
    text = replaced(NUMERIC, ("inputs = 2\noutputs = 3", "inputs = 60\noutputs = 60"))
    text = replaced(text, ("[1.2, 0.8]", f"[{gains}]"), ("[0.1, 0.2, 0.3]", "0"))
    text = replaced(text, ("[[1.5, 0.6], [0.6, 0.8]]", "1")).partition("[[stimulus]]")[0]
    with pytest.raises(RequestError, match="a_18, a_19 and 40 more symbols; give them with --set"):
        read_study(write_study(text)).problem()


STIMULI = replaced(
    NUMERIC,
    (
        "covariance = [[1.5, 0.6], [0.6, 0.8]]",
        'distribution = "stimuli"\nstimuli = [[1, 0], [0, 1]]\nprobabilities = [0.25, 0.75]',
    ),
)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("probabilities = [0.25, 0.75]", "", r"probabilities is missing; give the probability"),
        ("[0.25, 0.75]", "[0.25, 0.7]", r"inputs\.probabilities sum to 0\.95 and must sum to 1"),
        ("[0.25, 0.75]", "[-0.25, 1.25]", r"probabilities\.0 = -0\.25 must not be negative"),
        ("[0.25, 0.75]", "[1]", r"probabilities has 1 entries; one for each of the 2"),
        ("[0.25, 0.75]", "[0, 1]", r"probabilities\.0 = 0 .*never shown; leave it and"),
        ("[[1, 0], [0, 1]]", "[[1, 1], [2, 2]]", r"stimuli span 1 of the 2 .*add stimuli, or set"),
        ("[[1, 0], [0, 1]]", "[[1], [0]]", r"inputs\.stimuli\.0 has 1 entries"),
        ("[[1, 0], [0, 1]]", "[1, 2]", r"inputs\.stimuli = .*list of rows"),
    ],
)
def test_a_broken_stimulus_set_is_refused(
    write_study: WriteStudy, old: str, new: str, sentence: str
) -> None:
    with pytest.raises(RequestError, match=sentence):
        read_study(write_study(replaced(STIMULI, (old, new))))


COMMANDS = "\\\\aaa"

# Each case: a line of NUMERIC, what takes its place, and the sentence that must answer at once.
HOSTILE = [
    ("[network]", f'[notation]\nlearning_rate = "{COMMANDS * 16}$"\n[network]', "LaTeX mathem"),
    ("[network]", f'[notation]\nlearning_rate = "{COMMANDS * 49}$"\n[network]', "LaTeX mathem"),
    ("[network]", f'[notation]\nlearning_rate = "{COMMANDS * 49}"\n[network]', r"uses \\aaa"),
    ("[network]", f'[notation]\nlearning_rate = "{"x" * 199}$"\n[network]', "LaTeX mathem"),
    (
        "rate = 0.005",
        f"rate = 0x{'f' * 4300}",
        r"learning\.rate has the number 0xf+\.\.\., outside",
    ),
    ("decay = 0.15", f"decay = [0o{'7' * 9000}]", r"weight_decay = \[0xf+\.\.\. must be a number"),
    ("[network]", f"title = 0b{'1' * 20000}\n[network]", r"title = 0xf+\.\.\. must be text"),
    ("[network]", f"[values]\nx = 0x{'f' * 4000}\n[network]", r"values\.x has the number 0xf"),
    ("[network]", '"" = 1\n[network]', r'^"" is not a field of a study'),
    ("[network]", '[network]\n"" = 1', r'^network\."" is not a field of a study'),
    ("[network]", '[inputs." "]\n[network]', r'^inputs\." " is not a field of a study'),
    ("[network]", '"a.b" = 1\n[network]', r'^"a\.b" is not a field of a study'),
    ("[network]", '"\\u001b[31mred" = 1\n[network]', r'^"\\x1b\[31mred" is not a field'),
    ("[network]", '[values]\n"\\r\\n" = 1\n[network]', r'^values\."\\r\\n" is not a name'),
    ("[network]", '[notation]\n"\\u202e" = "a"\n[network]', r'^notation\."\\u202e" is no role'),
    ("[network]", f'"{"k" * 10**6}" = 1\n[network]', r'^"k+\.\.\. is not a field'),
    ("[network]", f"a{'.a' * 50_000} = 1\n[network]", "has a key of more than 100 parts"),
    ("[network]", "['a'" + " . 'a'" * 50_000 + "]\n[network]", "key of more than 100 parts"),
    ("rate = 0.005", f"rate = {{ a{'.a' * 50_000} = 1 }}", "has a key of more than 100 parts"),
    ("[network]", f'# """\na{".a" * 50_000} = 1 # """\n[network]', "key of more than 100 parts"),
    ("[network]", f'b = """\\""""\na{".a" * 50_000} = """"""\n[network]', "more than 100 parts"),
    ("rate = 0.005", f"rate = {{ a{'.a' * 90} = 1 }}", r"learning\.rate = \{a = \{a = .*must be"),
    ("rate = 0.005", f"rate = {'[' * 300}{']' * 300}", r"learning\.rate = \[\[.*must be a number"),
    ("rate = 0.005", "rate = 1e-400", r'learning\.rate = "1e-400" .*number 1e-400, outside the ra'),
    ("decay = 0.15", "decay = 0.0001e-330", r"weight_decay = .*0001e-330, outside the range"),
    ("covariance = [[1.5, 0.6], [0.6, 0.8]]", "covariance = 1e999", "number 1e999, outside the"),
    ("rate = 0.005", 'rate = "inf"', r'learning\.rate = "inf" .*"inf" is no finite number'),
]


@pytest.mark.parametrize(
    ("old", "new", "sentence"), HOSTILE, ids=[f"case{k}" for k in range(len(HOSTILE))]
)
def test_a_hostile_study_is_refused_at_once(
    write_study: WriteStudy, old: str, new: str, sentence: str
) -> None:
    path = write_study(replaced(NUMERIC, (old, new)))
    start = process_time()
    with pytest.raises(RequestError, match=sentence) as refusal:
        read_study(path)
    assert process_time() - start < 2
    assert str(refusal.value).isprintable()
    assert len(str(refusal.value)) < 1000


@pytest.mark.parametrize("name", ["...toml", "..toml", " .toml", "a\nb.toml", "\x1b[2J.toml"])
def test_a_file_whose_name_is_no_name_of_a_folder_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text(NUMERIC, encoding="utf-8")
    with pytest.raises(RequestError, match="gives no name to the study") as refusal:
        read_study(path)
    assert str(refusal.value).isprintable()


@pytest.mark.parametrize("path", [f"learning.rate{'.a' * 5000}", "inputs.covariance." + "9" * 5000])
def test_setting_a_path_of_any_length_is_answered_shortly(anisotropic: Path, path: str) -> None:
    with pytest.raises(RequestError) as refusal:
        read_study(anisotropic).with_values({path: "1"})
    assert len(str(refusal.value)) < 1000


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"a = \xff", "is not UTF-8"),
        (b"[network", "is not TOML"),
        (b"a = " + b"9" * 5000, "has an integer of thousands of digits"),
        (b"a = " + b"[" * 5000, "is not"),
    ],
)
def test_a_file_that_is_no_study_is_refused(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_bytes(content)
    with pytest.raises(RequestError, match=sentence):
        read_study(path)


def test_a_study_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match='did you mean "bottleneck"'):
        read_study("botleneck")
    with pytest.raises(RequestError, match="is not there"):
        read_study(tmp_path / "none.toml")
    with pytest.raises(RequestError, match="is a directory"):
        read_study(tmp_path)
    with pytest.raises(RequestError, match=r'"a+\.\.\." cannot be read: File name too long'):
        read_study("a" * 5000)
    with pytest.raises(RequestError, match="is no ordinary file"):
        read_study("/dev/null")


def test_a_byte_order_mark_is_skipped(anisotropic: Path) -> None:
    study = read_study(anisotropic)
    anisotropic.write_bytes(b"\xef\xbb\xbf" + anisotropic.read_bytes())
    assert read_study(anisotropic) == study


def test_missing_values_are_all_named(anisotropic: Path) -> None:
    text = anisotropic.read_text(encoding="utf-8")
    anisotropic.write_text(re.sub(r"(lambda_2|eta) = .*\n", "", text), encoding="utf-8")
    study = read_study(anisotropic)
    assert study.missing == ("lambda_2", "eta")
    with pytest.raises(RequestError, match=r"lambda_2, eta.*--set lambda_2=\.\.\. --set eta="):
        study.problem()


def test_setting_a_symbol_changes_its_value_only(anisotropic: Path) -> None:
    study = read_study(anisotropic)
    other = study.with_values({"gamma": "1/4", "lambda_2": 1.5})
    assert other.numbers == study.numbers
    assert other.problem().weight_decay == 0.25
    assert other.problem().input_covariance[1, 1] == 1.5
    assert study.problem().weight_decay == 0.3


def test_setting_a_field_replaces_the_symbol_there(anisotropic: Path) -> None:
    study = read_study(anisotropic).with_values(
        {"learning.rate": 0.01, "inputs.covariance.0": "3*lambda_3", "learning.batch": "4"}
    )
    assert study.symbols == ("lambda_3", "lambda_2", "gamma")
    assert set(study.values) == set(study.symbols)
    problem = study.problem()
    assert (problem.learning_rate, problem.batch) == (0.01, 4)
    assert problem.input_covariance[0, 0] == pytest.approx(2.1, rel=1e-15)


def test_setting_sizes_and_lists_reaches_another_network(anisotropic: Path) -> None:
    sizes = dict.fromkeys(("network.inputs", "network.outputs", "network.hidden"), 2)
    study = read_study(anisotropic).with_values(
        {**sizes, "inputs.covariance": "[2, 0.7]", "gamma": 0.2, "eta": 0.0025}
    )
    problem = study.problem()
    np.testing.assert_array_equal(problem.input_covariance, np.diag([2.0, 0.7]))
    assert problem.teacher.shape == (2, 2)


def test_setting_a_covariance_entry_keeps_the_matrix_symmetric(write_study: WriteStudy) -> None:
    study = read_study(write_study(NUMERIC))
    problem = study.with_values({"inputs.covariance.0.1": 0.3}).problem()
    np.testing.assert_array_equal(problem.input_covariance, [[1.5, 0.3], [0.3, 0.8]])
    with pytest.raises(RequestError, match="symmetric"):
        study.with_values({"inputs.covariance.0.1": 0.3, "inputs.covariance.1.0": 0.2})


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        ("gama", 1, 'gama cannot be set; did you mean "gamma"'),
        ("lerning.rate", 1, "lerning.rate cannot be set"),
        ("learning.rat", 1, 'learning.rat is not .*did you mean "rate"'),
        ("inputs.covariance.3", 1, "covariance.3 is not an entry; .* has 3, counted from 0"),
        ("inputs.covariance.-1", 1, "is not an entry"),
        ("inputs.covariance.0.0", 1, "inputs.covariance.0 is not a list"),
        ("teacher.map.1", 1, "teacher.map is not a list"),
        ("inputs.covariance", "[1, 2", "is not a list such as"),
        ("inputs.covariance", "[1, 2]", "has 2 entries"),
        ("learning.rate", "", "is not an arithmetic expression"),
        ("learning.rate", -1.0, "must be positive"),
        ("gamma", "eta", "values.gamma .* without symbols"),
        ("values.zeta", 1, "zeta cannot be set"),
        ("stimulus.0.vector.0", 1, "stimulus has 0, counted"),
        ("", 1, "cannot be set"),
        ("..", 1, "cannot be set"),
    ],
)
def test_impossible_settings_are_refused(
    anisotropic: Path, path: str, value: str | float, sentence: str
) -> None:
    with pytest.raises(RequestError, match=sentence):
        read_study(anisotropic).with_values({path: value})


toml_values = st.recursive(
    st.one_of(
        st.none().map(lambda _: "identity"),
        st.booleans(),
        st.integers(-3, 5),
        st.floats(-2, 3),
        st.sampled_from(["gamma", "1/2", "a b", "", "sqrt(2)", float("nan")]),
    ),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=6,
)


@given(
    st.dictionaries(
        st.sampled_from(
            [
                "network.inputs",
                "network.hidden",
                "inputs.covariance",
                "inputs.covariance.1",
                "inputs.distribution",
                "teacher.map",
                "teacher.label_noise",
                "learning.batch",
                "stimulus",
                "gamma",
                "title",
            ]
        ),
        toml_values,
        max_size=3,
    )
)
def test_any_setting_is_either_valid_or_refused(assignments: dict[str, str | float]) -> None:
    study = read_study("anisotropic_autoencoder")
    try:
        problem = study.with_values(assignments).problem()
    except RequestError as refusal:
        assert "\n" not in str(refusal)
        return
    inputs = problem.input_covariance.shape[0]
    assert problem.teacher.shape[1] == inputs
    assert np.linalg.eigvalsh(problem.input_covariance)[0] > 0
    assert all(stimulus.vector.shape == (inputs,) for stimulus in problem.stimuli)


@pytest.mark.parametrize("name", sorted(shipped_studies()))
def test_shipped_studies_are_complete(name: str) -> None:
    study = read_study(name)
    assert study.name == name
    assert study.title != name
    assert study.missing == ()
    learns = study.problem() if study.is_plain else study.learner()
    assert learns.learning_rate > 0


def test_a_study_of_each_kind_is_shipped() -> None:
    kinds = {read_study(name).inputs.distribution for name in shipped_studies()}
    assert kinds == set(DISTRIBUTIONS)
    assert {
        "misaligned_teacher",
        "synaptic_noise",
        "isotropic_autoencoder",
        "anisotropic_autoencoder",
        "teacher_label_noise",
        "bottleneck",
        "frequent_stimulus",
    } <= set(shipped_studies())


@pytest.mark.parametrize("name", sorted(shipped_studies()))
def test_a_study_and_its_numbers_say_the_same_of_the_inputs(name: str) -> None:
    study = read_study(name)
    written, found = study.inputs, (study.problem() if study.is_plain else study.learner()).inputs
    assert found.kind == written.distribution
    known = {symbol: value.evaluate({}) for symbol, value in study.values.items()}
    kurtosis = None if written.kurtosis is None else written.kurtosis.evaluate(known)
    assert found.kurtosis == kurtosis


def test_dots_in_texts_and_comments_are_no_keys(anisotropic: Path) -> None:
    text = anisotropic.read_text("utf-8")
    anisotropic.write_text(f'# {"a." * 200}\n' + text.replace('title = "', f'title = "{"a." * 70}'))
    assert read_study(anisotropic).title.startswith("a.a.")


def test_studies_travel_between_processes(anisotropic: Path) -> None:
    study: Study = read_study(anisotropic)
    assert pickle.loads(pickle.dumps(study)) == study


def test_reading_a_study_needs_no_sympy() -> None:
    program = (
        "import sys, symdrift; symdrift.read_study('anisotropic_autoencoder').problem(); "
        "sys.exit('sympy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_a_symbol_and_the_field_that_alone_contains_it_are_not_both_set() -> None:
    study = read_study("bottleneck")
    with pytest.raises(RequestError, match="gamma cannot be set beside a value for the field"):
        study.with_values({"gamma": 0.1, "learning.weight_decay": 0.2})

"""Exercises: numbers for each student, answers that are right, documents that print."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
import sympy as sp
from documents_example import example_derivation
from shipped import TWO_LAYERS
from tex import needs_tex

from symdrift.cli import run
from symdrift.derivation.steps import Derivation
from symdrift.documents.assembly import theory_printer
from symdrift.errors import CheckFailed, RequestError
from symdrift.study import read_study
from symdrift.teaching.exercises import (
    Answer,
    Exercise,
    Passage,
    Theory,
    draw_exercises,
    problem_sheet,
)
from symdrift.teaching.exercises.drawing import Draw, Flavour
from symdrift.teaching.exercises.layout import HtmlPen, _rounded, sheet_view
from symdrift.teaching.exercises.problems import PROBLEMS
from symdrift.teaching.exercises.sheets import Sheet, _flavour
from symdrift.teaching.exercises.statements import LATEX, MEANINGS, legend, letters, stem
from symdrift.teaching.lesson import write_lesson
from symdrift.teaching.lesson.scope import teachable
from symdrift.theory.derive import derive
from symdrift.theory.linear.aligned import representative_drift
from symdrift.typesetting.printer import TheoryPrinter

PLAIN = Flavour(
    variances=(sp.Integer(2), sp.Integer(1)),
    gains=(sp.Integer(1), sp.Integer(1)),
    label_noise=sp.Integer(0),
    weight_decay=sp.Rational(1, 5),
    learning_rate=sp.Rational(1, 100),
)
FULL = replace(PLAIN, gains=(sp.Rational(5, 4), sp.Integer(1)), label_noise=sp.Rational(1, 5))
BATCHES = replace(FULL, batch=4)


@pytest.fixture(scope="module")
def derivation() -> Derivation:
    return derive(read_study("anisotropic_autoencoder"))


@pytest.fixture(scope="module")
def theory(derivation: Derivation) -> Theory:
    return Theory(representative_drift(), derivation)


def given(exercise: Exercise) -> dict[str, Fraction]:
    """The numbers that a task names, by symbol."""
    equations = [e for e in exercise.task.symbols.values() if isinstance(e, sp.Eq)]
    return {str(e.lhs): Fraction(int(e.rhs.p), int(e.rhs.q)) for e in equations}


def per_axis(numbers: dict[str, Fraction], stem: str) -> list[Fraction]:
    return [value for name, value in sorted(numbers.items()) if name.startswith(f"{stem}_")]


def answers(exercise: Exercise) -> dict[str, sp.Expr]:
    return {str(answer.symbol): answer.value for answer in exercise.answers}


def drawn(theory: Theory, name: str, student: int, flavour: Flavour) -> Exercise:
    return dict(PROBLEMS)[name](Draw(3, student, name, flavour), theory)


@pytest.mark.slow
@pytest.mark.parametrize("flavour", [PLAIN, FULL, BATCHES])
def test_every_answer_agrees_with_the_dense_engine(theory: Theory, flavour: Flavour) -> None:
    for student in (1, 2):
        for name, _ in PROBLEMS:
            exercise = drawn(theory, name, student, flavour)
            assert exercise.checked() is exercise
            assert len(exercise.solution) >= 2
            assert all(answer.value.is_real for answer in exercise.answers)
            assert {stem(a.symbol) for a in exercise.answers} <= said([exercise.task])
            for item in printed(exercise):
                explained = {str(item), stem(item)} & MEANINGS.keys()
                assert explained or item in LATEX or str(item)[:1] in "hyzk", item
            assert "{{" not in "".join(passage.prose for passage in passages_of(exercise))


def said(passages: Iterable[Passage]) -> set[str]:
    """Letters that prose shows by themselves or on the left of an equation, and their stems."""
    found: set[str] = set()
    for passage in passages:
        for name in re.findall(r"\{(\w+)\}", passage.prose):
            item = passage.symbols[name]
            for letter in letters([item.lhs if isinstance(item, sp.Eq) else item]):
                found |= {str(letter), stem(letter)}
    return found


def printed(exercise: Exercise) -> set[sp.Basic]:
    return letters([e for passage in passages_of(exercise) for e in passage.equations])


LESSONS = [
    name
    for name in TWO_LAYERS
    if not isinstance(teachable(read_study(name).problem()), RequestError)
]


@pytest.mark.slow
@pytest.mark.parametrize("study", [*LESSONS, "batches"])
def test_each_symbol_of_a_solution_is_defined_in_its_problem(theory: Theory, study: str) -> None:
    """The exercises of shipped lessons have no label noise, gains of one, or one sample a step."""
    flavour = BATCHES if study == "batches" else _flavour(read_study(study).problem())
    for student in (1, 2, 3):
        for name, _ in PROBLEMS:
            exercise = drawn(theory, name, student, flavour)
            defined = said(passages_of(exercise))
            if "L_reduction" in defined:  # The same letter, with an index.
                defined.add("reduction")
            undefined = [i for i in printed(exercise) if not {str(i), stem(i)} & defined]
            assert not undefined, (student, name)
            # And nothing is defined that the problem does not show.
            shown = letters(
                [
                    *(e for passage in passages_of(exercise) for e in passage.equations),
                    *(e for p in exercise.solution for e in p.inline.values()),
                    *exercise.task.inline.values(),
                ]
            )
            assert set(legend(exercise).symbols.values()) <= shown


@pytest.mark.slow
def test_legends_say_what_the_words_of_a_task_stand_for(theory: Theory) -> None:
    def text(name: str, flavour: Flavour) -> str:
        return legend(drawn(theory, name, 1, flavour)).prose

    active = text("active", PLAIN)
    assert "{a} is the gain of the teacher along a direction, here 1" in active
    assert "{sigma} is the standard deviation of the label noise along a direction, here 0;" in (
        active
    )
    assert "{B} is the number of samples in a step, here 1" in text("plane", PLAIN)
    assert "here" not in text("plane", BATCHES).removeprefix("Here")
    # A letter is explained once, with an index as that of one direction.
    assert text("bottleneck", PLAIN) == (
        "Here {L_reduction} is the reduction of the loss by learning a direction."
    )
    assert text("curvature", FULL) == (
        "Here {s_1} is the singular value of the learned map along the direction of its index."
    )


def test_a_matrix_has_fractions_or_decimals_and_not_both() -> None:
    short, long = sp.Rational(363, 590800), sp.Rational(3006129, 83543343812500000)
    printer = TheoryPrinter({})
    mixed = sp.Eq(sp.Symbol("M"), sp.ImmutableMatrix([[short, long]]), evaluate=False)
    layout = _rounded(mixed, printer)
    assert layout is not None
    ((_, right),) = layout.rows
    assert right.latex.startswith(r"\approx") and "frac" not in right.latex
    assert "0.000614421" in right.latex
    exact = sp.Eq(sp.Symbol("M"), sp.ImmutableMatrix([[short, 0]]), evaluate=False)
    assert _rounded(exact, printer) is None


@pytest.mark.parametrize("name", ["plane", "isotropic"])
def test_noise_of_one_sample_is_called_so_where_a_step_has_more(theory: Theory, name: str) -> None:
    for flavour, said in ((FULL, False), (BATCHES, True)):
        prose = " ".join(passage.prose for passage in drawn(theory, name, 1, flavour).solution)
        assert ("those of one sample in a step" in prose) is said


def passages_of(exercise: Exercise) -> tuple[Passage, ...]:
    return (exercise.task, legend(exercise), *exercise.solution)


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        ("-83/40", True),
        ("999999/7", True),
        ("1/1000000", False),
        ("sqrt(2089)/40", True),
        ("3006129/83543343812500000", False),
        ("sqrt(1234567)", False),
    ],
)
def test_nobody_has_to_write_a_long_fraction(value: str, plain: bool) -> None:
    answer = Answer(sp.Symbol("D"), sp.sympify(value), float(sp.sympify(value)))
    assert (answer.exact is not None) is plain


@pytest.mark.parametrize("value", ["sqrt(1224632929)/28000", "3006129/83543343812500000"])
def test_what_is_too_long_is_displayed_rounded(derivation: Derivation, value: str) -> None:
    printer = theory_printer(derivation)
    long = sp.sympify(value)
    layout = _rounded(sp.Eq(sp.Symbol("h"), long, evaluate=False), printer)
    assert layout is not None
    ((_, right),) = layout.rows
    assert right.latex == rf"\approx {printer.doprint(sp.Float(long.evalf(30), 6)).latex}"


@pytest.mark.parametrize("student", [3, 13, 19])
def test_what_a_student_draws_always_prints(
    derivation: Derivation, theory: Theory, student: int
) -> None:
    """The curvatures that these students find have roots of ten digits."""
    flavour = _flavour(read_study(STUDY).problem())
    exercise = dict(PROBLEMS)["curvature"](Draw(0, student, "curvature", flavour), theory)
    assert sheet_view(Sheet(student, (exercise,)), derivation, HtmlPen())["exercises"]


STUDY = "anisotropic_autoencoder"


@pytest.mark.parametrize(
    ("setting", "value"),
    [("gamma", 0.1), ("learning.rate", 0.001), ("teacher.label_noise", 0.3), ("learning.batch", 8),
     ("inputs.covariance.1", 1.7), ("teacher.map", "[1.5, 1.5, 1.5]")],
)  # fmt: skip
def test_what_is_set_changes_the_numbers_of_the_exercises(setting: str, value: str | float) -> None:
    plain = _flavour(read_study(STUDY).problem())
    changed = _flavour(read_study(STUDY).with_values({setting: value}).problem())
    assert changed != plain
    networks = [
        [Draw(0, student, "plane", flavour).network(axes=4, hidden=4) for student in range(1, 9)]
        for flavour in (plain, changed)
    ]
    assert networks[0] != networks[1]


@pytest.mark.parametrize("decay", ["1/1000", "1/5", "9/10", "40"])
@pytest.mark.parametrize("rate", ["1/100000", "1/100", "3"])
def test_drawn_networks_learn_all_of_their_axes_and_descend(decay: str, rate: str) -> None:
    flavour = replace(
        FULL, weight_decay=sp.Rational(decay), learning_rate=sp.Rational(rate),
        variances=(sp.Integer(1),), gains=(sp.Rational(1, 2),),
    )  # fmt: skip
    for student in range(1, 20):
        network = Draw(0, student, "active", flavour).network(axes=4, hidden=4)
        assert len(set(network.variances)) == 4
        assert all(direction.active for direction in network.directions())
        # The largest curvature is at most four times variance times gain.
        steepest = max(v * a for v, a in zip(network.variances, network.gains, strict=True))
        assert 4 * steepest * network.learning_rate < 1


@pytest.mark.slow
def test_a_wrong_answer_is_not_handed_out(theory: Theory) -> None:
    exercise = drawn(theory, "active", 1, PLAIN)
    wrong = replace(
        exercise.answers[-1], value=exercise.answers[-1].value * sp.Rational(1001, 1000)
    )
    with pytest.raises(CheckFailed, match=r"Is this direction active.*L_min"):
        replace(exercise, answers=(*exercise.answers[:-1], wrong)).checked()
    lost = Answer(sp.Symbol("D"), sp.Integer(1), float("nan"))
    with pytest.raises(CheckFailed):
        replace(exercise, answers=(lost,)).checked()


@pytest.mark.slow
@pytest.mark.parametrize("flavour", [PLAIN, FULL])
@pytest.mark.parametrize("student", range(1, 4))
def test_one_of_four_directions_is_not_learned(
    theory: Theory, student: int, flavour: Flavour
) -> None:
    exercise = drawn(theory, "active", student, flavour)
    numbers, found = given(exercise), answers(exercise)
    decay = numbers["gamma"]
    expected = {
        f"s_{k + 1}": gain - decay / variance
        for k, (variance, gain) in enumerate(
            zip(per_axis(numbers, "lambda"), per_axis(numbers, "a"), strict=True)
        )
        if variance * gain > decay
    }
    assert len(expected) == 3 == found["r"]
    assert {k: v for k, v in found.items() if k.startswith("s_")} == expected


@pytest.mark.slow
@pytest.mark.parametrize("student", range(1, 4))
def test_the_bottleneck_keeps_the_pair_of_smallest_loss(theory: Theory, student: int) -> None:
    exercise = drawn(theory, "bottleneck", student, FULL)
    numbers, found = given(exercise), answers(exercise)
    variances, gains = per_axis(numbers, "lambda"), per_axis(numbers, "a")
    decay, noise = numbers["gamma"], numbers["sigma**2"]

    def loss(kept: tuple[int, ...]) -> Fraction:
        values = [gains[k] - decay / variances[k] if k in kept else Fraction(0) for k in range(4)]
        return sum(
            (
                variances[k] * (gains[k] - values[k]) ** 2 / 2 + decay * values[k] + noise / 2
                for k in range(4)
            ),
            Fraction(0),
        )

    best = min(itertools.combinations(range(4), 2), key=loss)
    assert found["L_min"] == loss(best)
    assert {k for k in found if k.startswith("s_")} == {f"s_{k + 1}" for k in best}


@pytest.mark.slow
@pytest.mark.parametrize("flavour", [PLAIN, FULL])
def test_the_isotropic_constant_is_that_of_the_theory(theory: Theory, flavour: Flavour) -> None:
    for student in range(1, 5):
        exercise = drawn(theory, "isotropic", student, flavour)
        g = given(exercise)
        n, lam, gamma, eta, noise = (g[k] for k in ("n", "lambda", "gamma", "eta", "sigma**2"))
        s = 1 - gamma / lam
        expected = (
            eta**3
            / 64
            * ((n + 2) * (2 * gamma**2 + noise * lam) ** 2 / (lam * s) + (n - 2) * noise**2 * lam)
        )
        (value,) = answers(exercise).values()
        assert value == expected


def test_numbers_depend_on_seed_student_and_exercise_only() -> None:
    def numbers(seed: int, student: int, name: str) -> object:
        return Draw(seed, student, name, FULL).network(axes=4, hidden=4)

    assert numbers(1, 1, "plane") == numbers(1, 1, "plane")
    others = [numbers(2, 1, "plane"), numbers(1, 2, "plane"), numbers(1, 1, "stimuli")]
    assert all(other != numbers(1, 1, "plane") for other in others)
    different = {str(numbers(0, student, "plane")) for student in range(60)}
    assert len(different) == 60


@pytest.mark.slow
def test_studies_without_exact_formulas_have_no_exercises(theory: Theory, tmp_path: Path) -> None:
    study = read_study("anisotropic_autoencoder").with_values({"learning.synaptic_noise": 1e-6})
    with pytest.raises(RequestError, match="no exercises"):
        problem_sheet(study.problem(), theory, 0, 1)
    study = read_study("anisotropic_autoencoder").with_values(eta=1e-80)
    with pytest.raises(RequestError, match="has the number 1e-80; exercises are drawn with"):
        write_lesson(study, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    study = read_study("anisotropic_autoencoder").with_values(gamma=1e-8)
    with pytest.raises(RequestError, match="has numbers around which no exercises can be drawn"):
        problem_sheet(study.problem(), theory, 0, 1)


@pytest.mark.parametrize("students", [0, 501])
def test_a_class_has_from_one_to_500_students(students: int) -> None:
    with pytest.raises(RequestError, match="from 1 to 500"):
        draw_exercises(read_study("anisotropic_autoencoder"), example_derivation(), 0, students)


@pytest.mark.slow
@needs_tex
def test_the_command_writes_page_and_exercises(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["lesson", "anisotropic_autoencoder", "--seed", "4", "--students", "2"]
    # A rate so large that numbers need a warning: 0.66 of the critical one, 0.1967.
    assert run([*command, "--set", "learning.rate=0.13", "--out", str(tmp_path)]) == 0
    said = capsys.readouterr()
    assert "lesson.html" in said.out
    assert "0.66 of the critical rate" in said.err and "expected to be off" in said.err
    written = {p.relative_to(tmp_path).as_posix(): p.read_bytes() for p in tmp_path.rglob("*.*")}
    stems = ("sheet_1", "sheet_2", "solutions_1", "solutions_2", "answer_key")
    assert set(written) == {
        "lesson.html",
        "exercises/answer_key.json",
        *(f"exercises/{stem}{suffix}" for stem in stems for suffix in (".tex", ".html", ".pdf")),
    }
    assert written["exercises/sheet_1.tex"] != written["exercises/sheet_2.tex"]
    sheet = written["exercises/sheet_1.html"].decode()
    solutions = written["exercises/solutions_2.html"].decode()
    assert "<math" in sheet and "<script" not in sheet + solutions
    assert 'class="solution"' in solutions and 'class="solution"' not in sheet
    key = json.loads(written["exercises/answer_key.json"])
    assert [len(student["exercises"]) for student in key["students"]] == [8, 8]
    for student in key["students"]:
        for answer in (a for e in student["exercises"] for a in e["answers"]):
            if answer["exact"] is not None:
                exact = float(sp.sympify(answer["exact"]))
                assert exact == pytest.approx(answer["decimal"], rel=1e-9)
    for name in ("answer_key.json", "solutions_1.html", "answer_key.html"):
        assert not re.search(r"(?<![.\d])\d{9}", written[f"exercises/{name}"].decode()), name
    # The answers are in the printed key and not on the sheet.
    value = key["students"][0]["exercises"][0]["answers"][1]["decimal"]
    printed = re.escape(f"{value:.6g}")
    assert re.search(printed, written["exercises/answer_key.tex"].decode())


def test_a_lesson_warns_of_what_its_study_is_warned_of(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("symdrift.teaching.lesson.write_lesson", lambda *_: [tmp_path])
    command = ["lesson", "anisotropic_autoencoder", "--out", str(tmp_path)]
    assert run(command) == 0
    assert "warning" not in capsys.readouterr().err
    assert run([*command, "--set", "eta=0.12"]) == 0
    said = capsys.readouterr().err
    assert "SGD can run away from the minimum" in said
    assert "expected to be off" in said


@pytest.mark.parametrize("arguments", [["--students", "0"], ["--seed", "-1"]])
def test_a_wrong_class_is_refused_with_code_2(
    tmp_path: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["lesson", "anisotropic_autoencoder", "--out", str(tmp_path), *arguments]
    assert run(command) == 2
    assert arguments[0].strip("-") in capsys.readouterr().err
    assert not list(tmp_path.iterdir())

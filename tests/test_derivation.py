"""A derivation is complete, checked at every step, and stops at the first check that fails."""

from __future__ import annotations

import pickle
import re
import time
from dataclasses import replace
from functools import cache
from importlib import import_module
from pathlib import Path
from string import Formatter
from typing import Any

import numpy as np
import pytest
import scipy.linalg
import sympy as sp
from aligned_examples import representative
from shipped import TWO_LAYERS

from symdrift import theory
from symdrift.algebra.equations import solve_lyapunov
from symdrift.cache import cache_key
from symdrift.derivation import chapter
from symdrift.derivation.chapter import vanishes
from symdrift.derivation.steps import Derivation, Equation, Source, Step
from symdrift.derivation.symbols import BATCH, ETA, GAMMA, symbol
from symdrift.errors import CheckFailed, RequestError
from symdrift.evaluation.evaluate import evaluate
from symdrift.observables.displacement import mean_squared_displacement
from symdrift.observables.process import drift_process
from symdrift.study import read_study
from symdrift.study.problem import Stimulus
from symdrift.theory.derive import SECTIONS, derive
from symdrift.theory.examples import Examples
from symdrift.theory.fluctuation import fluctuation_blocks
from symdrift.theory.representation import FORGOTTEN
from symdrift.theory.subject import called

ROOT = Path(__file__).parents[1]

TOLD_QUICKLY = (
    "anisotropic_autoencoder",
    "bottleneck",
    "frequent_stimulus",
    "isotropic_autoencoder",
    "misaligned_teacher",
)
each_study = pytest.mark.parametrize(
    "study",
    [
        pytest.param(name, marks=() if name in TOLD_QUICKLY else pytest.mark.slow)
        for name in TWO_LAYERS
    ],
)


@cache
def derivation_of(study: str) -> Derivation:
    return derive(read_study(study))


@each_study
def test_every_step_has_passed_a_check(study: str) -> None:
    for step in derivation_of(study).steps:
        assert step.checks, step.identifier
        assert all(check.passed for check in step.checks)
        assert step.seconds >= sum(check.seconds for check in step.checks)


@each_study
def test_what_is_derived_is_found_again(study: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What SymPy changes while it is unpickled would be derived anew each time."""
    known = derivation_of(study)
    monkeypatch.setattr(import_module("symdrift.theory.derive"), "timed", None)
    assert derive(read_study(study)).steps == known.steps


@each_study
def test_labels_are_unique_and_references_resolve(study: str) -> None:
    steps = derivation_of(study).steps
    labels = [equation.label for step in steps for equation in step.equations]
    assert len(labels) == len(set(labels))
    for step in steps:
        texts = (step.prose, *step.assumptions, *(check.statement for check in step.checks))
        for text in texts:
            for piece in text.split("[eq:")[1:]:
                assert piece.partition("]")[0] in labels
            names = {name for _, name, _, _ in Formatter().parse(text) if name}
            assert names <= set(step.symbols)


def test_steps_come_in_the_order_of_the_theory() -> None:
    sections = list(dict.fromkeys(s.section for s in derivation_of("bottleneck").steps))
    assert sections == [
        "Setting",
        "The minimum",
        "Symmetry and the manifold of minima",
        "The normal space and its Hessian",
        "Gradient noise",
        "Fluctuation in the normal space",
        "Drift as a stochastic area",
        "Drift of representations",
        "Mean-square stability",
        "Balance of the layers",
        "What limits the leading order",
        "Special cases and limits",
        "The next order in the learning rate",
        "Results for this study",
    ]


def test_the_isotropic_result_is_the_published_closed_form() -> None:
    equation = derivation_of("isotropic_autoencoder").equation("isotropic").expression
    eta, gamma, lam, s, a, sigma, batch = sp.symbols("eta gamma lambda s a sigma B", positive=True)
    n = sp.Symbol("n", positive=True, integer=True)
    first = (n + 2) * (2 * gamma**2 + sigma**2 * lam) ** 2 / (lam * s)
    published = eta**3 / 64 * (first + (n - 2) * sigma**4 * lam**2 / (lam * a))
    assert sp.expand(equation.rhs * batch**2 - published) == 0


def test_displayed_terms_of_a_study_sum_to_the_dense_variance() -> None:
    """The written-out terms, their permutations included, against full numerical matrices."""
    derivation = derivation_of("anisotropic_autoencoder")
    own = derivation.equation("study-term-1-2-1").expression.rhs
    other = derivation.equation("study-term-1-2-3").expression.rhs
    problem = read_study("anisotropic_autoencoder").problem()
    values = {"lambda_1": 2.0, "lambda_2": 1.0, "lambda_3": 0.7, "gamma": 0.3, "eta": 0.005}
    symbols = {name: sp.Symbol(name, positive=True) for name in values}

    def at(expression: sp.Expr, order: str) -> float:
        swapped = {
            symbols[f"lambda_{k}"]: values[f"lambda_{axis}"]
            for k, axis in enumerate(order, start=1)
        }
        rest = {symbols[name]: values[name] for name in ("gamma", "eta")}
        return float(expression.subs(swapped | rest))

    s = [1 - 0.3 / values[f"lambda_{k}"] for k in (1, 2, 3)]
    dense = evaluate(problem, "dense")
    for (i, j), variance in zip(
        ((1, 2), (1, 3), (2, 3)), np.diagonal(dense.drift.covariance), strict=True
    ):
        (l,) = {1, 2, 3} - {i, j}
        area = at(own, f"{i}{j}{l}") + at(own, f"{j}{i}{l}") + at(other, f"{i}{j}{l}")
        length = 2 * (s[i - 1] + s[j - 1])
        assert 0.005**2 * area / length**2 == pytest.approx(variance, rel=1e-12)


def test_the_displayed_memory_is_that_of_full_matrices_for_a_batch() -> None:
    """The part of the fluctuation in the displacement, summed over axes and inputs."""
    memory = derivation_of("anisotropic_autoencoder").equation("memory").expression.rhs
    problem = replace(read_study("anisotropic_autoencoder").problem(), batch=3)
    variances, decay = np.diagonal(problem.input_covariance), problem.weight_decay
    stimulus, lag = np.array([0.7, -1.1, 0.4]), 40.0
    rest = {ETA: problem.learning_rate, GAMMA: decay, BATCH: problem.batch}
    rest |= {symbol("label_noise", index): 0 for index in "il"}

    def remembered(i: int, l: int) -> float:
        values = dict(rest)
        for index, axis in (("i", i), ("l", l)):
            values[symbol("input_variance", index)] = variances[axis]
            values[symbol("residual_map", index)] = decay / variances[axis]
            values[symbol("singular_value", index)] = 1 - decay / variances[axis]
        drift = representative()
        block = drift.diagonal_block if i == l else drift.pair_block
        stiff, spread = (
            np.array(matrix.xreplace(values), dtype=float)
            for matrix in (block.hessian, block.fluctuation)
        )
        gone = np.eye(len(stiff)) - scipy.linalg.expm(-problem.learning_rate * lag * stiff)
        return float(memory.xreplace(values | {FORGOTTEN: (gone @ spread)[0, 0]}))

    expected = mean_squared_displacement(
        drift_process(problem), Stimulus("x", stimulus), np.array([lag])
    ).fluctuation[0]
    found = 2 * sum(stimulus[l] ** 2 * remembered(i, l) for i in range(3) for l in range(3))
    assert found == pytest.approx(expected, rel=1e-10)


def test_a_frequent_stimulus_drifts_more_slowly_until_label_noise_reverses_it() -> None:
    """Signs of the derived slopes against finite differences of the dense road."""
    derivation = derivation_of("frequent_stimulus")
    critical = derivation.equation("critical-noise").expression.rhs
    n, lam, gamma = 4, 1.0, 0.02
    symbols = {"lambda": lam, "gamma": gamma}
    variance = float(
        critical.subs({sp.Symbol(k, positive=True): v for k, v in symbols.items()}).subs(
            sp.Symbol("n", positive=True, integer=True), n
        )
    )
    study = read_study("frequent_stimulus")
    for factor, sign in ((0.5, -1), (2.0, 1)):
        shifted = study.with_values(
            {
                "lambda_f": 1.001,
                "lambda_r": 1.0,
                "gamma": gamma,
                "teacher.label_noise": factor * variance,
            }
        )
        frequent, rare = evaluate(shifted.problem(), "dense").stimuli
        assert np.sign(frequent.decay_rate - rare.decay_rate) == sign


def test_a_derivation_comes_back_from_the_cache_unchanged_and_fast() -> None:
    first = derivation_of("anisotropic_autoencoder")
    start = time.perf_counter()
    again = derive(read_study("anisotropic_autoencoder"))
    assert time.perf_counter() - start < 5
    assert again == first
    assert pickle.loads(pickle.dumps(again)) == again


def test_equations_that_sympy_would_evaluate_are_kept_as_they_stand() -> None:
    """Whoever keeps them: a relation is evaluated whenever SymPy makes it."""
    for equation in _told_by_its_function("plain", more=False).equations:
        kept = pickle.loads(pickle.dumps(equation))
        assert sp.srepr(kept.expression) == sp.srepr(equation.expression)
        assert kept == equation


def test_a_damaged_cache_is_derived_again(cache: Path) -> None:
    isotropic = derivation_of("isotropic_autoencoder")
    study = read_study(isotropic.study)
    own = cache / f"{cache_key('results', [study.name, study.document])}.pickle"
    kept = own.read_bytes()
    own.write_bytes(b"no pickle")
    again = derive(study)
    assert [s.equations for s in again.steps] == [s.equations for s in isotropic.steps]
    own.write_bytes(kept)


def test_a_wrong_solution_of_the_lyapunov_equation_stops_the_derivation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import symdrift.theory.fluctuation as section
    import symdrift.theory.linear.normal_space as fluctuation

    def wrong(operator: sp.Matrix, source: sp.Matrix) -> Any:
        return 2 * solve_lyapunov(operator, source)

    monkeypatch.setattr(fluctuation, "solve_lyapunov", wrong)
    monkeypatch.setattr(section, "solve_lyapunov", wrong)
    with pytest.raises(CheckFailed, match='step "fluctuation-blocks"'):
        list(fluctuation_blocks(Examples()))


X, Y = sp.symbols("x y")
ZERO = vanishes("Zero is zero.", sp.Integer(0))


def empty() -> Step:
    """Nothing is shown"""
    return chapter.step(checks=())


def wrong() -> Step:
    """One is zero"""
    return chapter.step(checks=(vanishes("It is zero.", X - 1),))


def unknown() -> Step:
    """Unknown symbol

    See {nonsense}.
    """
    return chapter.step(checks=(ZERO,))


def _told_by_its_function(kind: str, more: bool) -> Step:
    """What a step
    is called

    It has <kind> prose over
    two lines.

    And {x}.
    """
    return chapter.step(
        one_side=X > 0,
        both_sides=(X, X),
        family={1: (X, 1), "b": [(X, 1), (1, X)]},
        absent=(X, 2) if more else None,
        symbols={"x": X},
        words={"kind": kind},
        checks=(ZERO,),
    )


def test_a_step_is_told_by_its_function() -> None:
    told = _told_by_its_function("plain", more=False)
    assert (told.identifier, told.title) == ("told-by-its-function", "What a step is called")
    assert told.prose == "It has plain prose over two lines.\n\nAnd {x}."
    assert told.section == (__doc__ or "").partition(":")[0]
    assert [e.label for e in told.equations] == ["one-side", "both-sides", "family-1", "family-b"]
    lines = Path(__file__).read_text("utf-8").splitlines()
    for equation in told.equations:
        assert equation.source is not None
        assert equation.source.file == "tests/test_derivation.py"
        stem = equation.label.replace("-", "_").removesuffix("_1").removesuffix("_b")
        assert lines[equation.source.line - 1].strip().startswith(f"{stem}=")
    assert _told_by_its_function("", more=True).equations[-1].expression.rhs == 2


def chained(*, middle: sp.Expr = X**2 + X, rule: sp.Expr = X) -> Step:
    """A chain of equalities

    It ends with [eq:product].
    """
    return chapter.step(
        product=chapter.chain(
            Y, ("definition of {y}", X * (X + 1), {Y: rule * (X + 1)}), ("expanded", middle)
        ),
        symbols={"y": Y},
    )


def test_a_chain_is_an_equation_with_lines_between_its_ends() -> None:
    (product,) = chained().equations
    assert (product.expression.lhs, product.expression.rhs) == (Y, X**2 + X)
    assert [(link.reason, link.expression) for link in product.links] == [
        ("definition of {y}", X * (X + 1)),
        ("expanded", X**2 + X),
    ]
    assert pickle.loads(pickle.dumps(product)) == product
    assert product.source is not None
    lines = Path(__file__).read_text("utf-8").splitlines()
    assert lines[product.source.line - 1].strip().startswith("product=")
    assert product._repr_latex_().count("=") == 2
    (check,) = chained().checks
    assert check.statement == "Each line of [eq:product] equals the next."


@pytest.mark.parametrize(
    ("wrong", "lines", "between"),
    [
        ({"middle": X**2}, "2 and 3", ["x*(x + 1)", "x**2", "expanded"]),
        ({"rule": sp.Integer(2)}, "1 and 2", ["y", "x*(x + 1)", "definition of {y}"]),
    ],
)
def test_a_chain_that_breaks_names_the_two_lines(
    wrong: dict[str, sp.Expr], lines: str, between: list[str]
) -> None:
    with pytest.raises(CheckFailed) as failure:
        chained(**wrong)
    message = str(failure.value)
    assert f'step "chained": the chain "product" breaks between its lines {lines}' in message
    assert all(f'"{part}"' in message for part in between)


def test_a_step_without_a_check_is_refused() -> None:
    with pytest.raises(CheckFailed, match="has no check"):
        empty()


def test_a_failing_check_names_its_step() -> None:
    with pytest.raises(CheckFailed, match=r'step "wrong" failed its check: It is zero\.'):
        wrong()


def test_a_step_without_its_docstring_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(empty, "__doc__", None)
    with pytest.raises(CheckFailed, match="has lost its prose: run Python without -OO"):
        empty()


@each_study
def test_every_label_stands_on_the_line_that_it_names(study: str) -> None:
    """Families of equations, ``label-1``, ``label-2``, stand together on the line of ``label``."""

    def line_of(source: Source | None) -> str:
        assert source is not None
        assert source.file.startswith("symdrift/theory/")
        return (ROOT / source.file).read_text("utf-8").splitlines()[source.line - 1]

    for step in derivation_of(study).steps:
        assert line_of(step.source).startswith("def "), step.identifier
        for equation in step.equations:
            (keyword,) = re.findall(r"^\s*(\w+)=", line_of(equation.source))
            label = keyword.replace("_", "-")
            assert equation.label == label or equation.label.startswith(f"{label}-")


@each_study
def test_a_derivation_says_what_the_symbols_of_its_study_stand_for(study: str) -> None:
    steps = derivation_of(study).steps
    sentence, symbols = called(read_study(study))
    (step,) = (step for step in steps if sentence in step.prose) if sentence else steps[:1]
    assert symbols.items() <= step.symbols.items()


@pytest.mark.parametrize("text", ["(a + b + phi)**64", "((a + b)**8)**8/(a + 1)*(a + 2)*(b + 3)"])
def test_numbers_that_multiply_out_without_end_are_refused_at_once(
    tmp_path: Path, text: str
) -> None:
    text = text.replace("a", "psi").replace("b", "beta")
    (tmp_path / "s.toml").write_text(
        "network = { inputs = 2, outputs = 2, hidden = 2 }\ninputs = { covariance = [2, 1] }\n"
        f'learning = {{ rate = 0.005, weight_decay = "{text}" }}\n'
    )
    start = time.process_time()
    with pytest.raises(RequestError, match=r"weight_decay = .* multiplies out to .* terms, and a"):
        derive(read_study(tmp_path / "s.toml"))
    assert time.process_time() - start < 2


def test_symbols_of_every_chapter_have_their_print_and_their_meaning() -> None:
    """A module that is not among the sections would print SymPy's own names."""
    folder = Path(theory.__file__).parent
    for name in (path.stem for path in folder.glob("*.py")):
        module = import_module(f"symdrift.theory.{name}")
        if {"LATEX", "MEANINGS"} & vars(module).keys():
            assert module in SECTIONS, name


def test_prose_may_not_name_an_unknown_symbol() -> None:
    with pytest.raises(KeyError, match="nonsense"):
        unknown()


def test_equations_are_found_by_their_labels() -> None:
    derivation = derivation_of("bottleneck")
    for label in ("hessian-pair", "eq:hessian-pair"):
        assert derivation.equation(label).label == "hessian-pair"
        assert derivation.equation(label) in derivation[label].equations
    with pytest.raises(RequestError, match=r'^label = "hesian-pair" is no label .* "hessian-p'):
        derivation["hesian-pair"]
    with pytest.raises(RequestError, match=r"labels are \S+, .* and \d+ more") as refused:
        derivation["x"]
    assert len(str(refused.value)) < 500


def test_equations_show_themselves_in_the_notation_of_the_study() -> None:
    derivation = derivation_of("bottleneck")
    assert r"\gamma" in derivation["singular-values"]._repr_latex_()
    assert derivation.equation("singular-value").latex() == r"s = a - \frac{\gamma}{\lambda}"
    bare = Equation("bare", sp.Symbol("x") > 0, sp.Symbol("y") > 1)
    assert bare.latex() == r"x > 0,\qquad y > 1"


def test_a_derivation_lists_its_steps_in_a_notebook() -> None:
    derivation = derivation_of("bottleneck")
    html = derivation._repr_html_()
    assert html.count("<tr>") == len(derivation.steps) + 1
    assert "A step rotates by the area it sweeps" in html


def test_forms_are_explained_by_named_and_timed_rules() -> None:
    applied = derivation_of("bottleneck")["isotropic"].simplifications
    assert applied[0].rule == "partial fractions in s"
    assert all(rule.seconds >= 0 and rule.operations_before > 0 for rule in applied)


@pytest.mark.slow
def test_an_autoencoder_is_derived_on_the_axes_of_its_covariance() -> None:
    full = {"inputs.covariance": "[[2, 0.5, 0], [0.5, 1, 0], [0, 0, 1]]"}
    study = read_study("anisotropic_autoencoder").with_values(full)
    term = derive(study).equation("study-term-1-2-1").expression.rhs
    assert {str(item) for item in term.free_symbols} == {"lambda_1", "lambda_2", "gamma", "eta"}


def test_an_equation_that_sympy_has_decided_is_no_equation() -> None:
    with pytest.raises(ValueError, match="sum was evaluated to True"):
        Equation("sum", sp.Eq(sp.Integer(2), 2))


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"gamma": "5"}, "learning.weight_decay"),
        ({"gamma": "1"}, "learning.weight_decay"),
        ({"inputs.covariance.0": "gamma"}, "inputs.covariance.0"),
    ],
)
def test_studies_outside_the_derivation_are_refused(settings: dict[str, str], field: str) -> None:
    with pytest.raises(RequestError) as refusal:
        derive(read_study("anisotropic_autoencoder").with_values(settings))
    assert refusal.value.field == field

"""Results of studies with open sizes and with many symbols, against the dense road."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import sympy as sp
from numpy.typing import NDArray
from scipy.linalg import solve_continuous_lyapunov
from tex import needs_tex, pages_of

from symdrift.algebra.matrices import evaluate_matrix
from symdrift.derivation.steps import Derivation, Equation, Step
from symdrift.derivation.symbols import symbol
from symdrift.documents.latex import fragment_latex
from symdrift.documents.levels import at_level
from symdrift.documents.pages import page_of
from symdrift.errors import RequestError
from symdrift.evaluation.dense import hessian_matrix
from symdrift.evaluation.evaluate import evaluate, evaluate_study
from symdrift.files import write_text
from symdrift.kernels.standalone import study_source
from symdrift.rules.linear import TwoLayerLinear
from symdrift.study import Study, read_study
from symdrift.theory.block_invariants import blocks_of_study
from symdrift.theory.block_solutions import OF_ONE_AXIS, OF_TWO_BLOCKS, Solution
from symdrift.theory.derive import derive
from symdrift.theory.examples import Examples
from symdrift.theory.results import results, synaptic_results
from symdrift.theory.subject import called, renamed, subject_of

Write = Callable[[str], Path]
EXAMPLES = Examples()

ISOTROPIC = """
title = "sizes of their own"
network = {{ inputs = {inputs}, outputs = {outputs}, hidden = {hidden} }}
inputs = {{ covariance = "lambda" }}
teacher = {{ map = "identity", label_noise = "s2" }}
learning = {{ rate = "eta", weight_decay = "gamma", batch = "B" }}
"""
SIZES = {"inputs": '"n"', "outputs": '"m"', "hidden": '"p"'}
NUMBERS = {"lambda": 1.3, "s2": 0.1, "gamma": 0.2, "eta": 0.005, "B": 2.0}


def open_study(write_study: Write, sizes: dict[str, str], values: dict[str, float]) -> Study:
    table = "".join(f"{name} = {value}\n" for name, value in values.items())
    return read_study(write_study(f"{ISOTROPIC.format(**SIZES | sizes)}[values]\n{table}"))


def only_step(study: Study) -> Step:
    (found,) = results(EXAMPLES, subject_of(study))
    return found


def right(step: Step, label: str) -> sp.Expr:
    (equation,) = (equation for equation in step.equations if equation.label == label)
    return equation.expression.rhs


def diffusion_of(step: Step, sizes: dict[str, int]) -> float:
    """The displayed diffusion with numbers for every symbol, the rank by its equation."""
    names: dict[str, float] = {
        "lambda": NUMBERS["lambda"],
        "sigma": np.sqrt(NUMBERS["s2"]),
        "gamma": NUMBERS["gamma"],
        "eta": NUMBERS["eta"],
        "B": NUMBERS["B"],
        "r": min(sizes.get("n", 0), sizes.get("m", 0)),
        **sizes,
    }
    names["s"] = 1 - names["gamma"] / names["lambda"]
    shown = right(step, "study-diffusion")
    return float(shown.subs({item: names[item.name] for item in shown.free_symbols}))


ORDERS = [(5, 3, 4), (5, 3, 3), (3, 5, 4), (3, 5, 7), (4, 4, 6), (2, 6, 2), (6, 2, 9)]


@pytest.mark.parametrize("known", [True, False], ids=["sizes given", "sizes open"])
@pytest.mark.parametrize(("n", "m", "p"), ORDERS)
def test_inputs_outputs_and_hidden_units_are_independent(
    write_study: Write, n: int, m: int, p: int, known: bool
) -> None:
    sizes = {"n": n, "m": m, "p": p}
    whole = open_study(write_study, {}, NUMBERS | sizes)
    dense = evaluate(whole.problem(), "dense")
    step = only_step(whole if known else open_study(write_study, {}, NUMBERS))
    diffusion = diffusion_of(step, sizes)
    planes = np.diagonal(dense.drift.covariance) / 2
    np.testing.assert_allclose(planes, diffusion, rtol=1e-10)
    assert planes.size == min(n, m) * (min(n, m) - 1) // 2
    # The representation of an input without output is zero and cannot decay.
    seen = [stimulus.decay_rate for stimulus in dense.stimuli if stimulus.squared_norm > 0.1]
    rate = right(step, "study-rate")
    names = {"D": diffusion, "r": min(n, m), **sizes}
    decay = float(rate.subs({item: names[item.name] for item in rate.free_symbols}))
    np.testing.assert_allclose(seen, decay, rtol=1e-10)


@pytest.mark.parametrize(
    ("sizes", "values"),
    [
        ({"inputs": '"2*m"', "outputs": '"m"', "hidden": '"m + 1"'}, {"m": 3}),
        ({"inputs": '"n"', "outputs": '"n + 2"', "hidden": '"n"'}, {"n": 3}),
        ({"inputs": "5", "outputs": "3", "hidden": '"p"'}, {"p": 4}),
        ({"inputs": '"n"', "outputs": "3", "hidden": "3"}, {"n": 6}),
    ],
    ids=["twice", "two more", "hidden alone", "inputs alone"],
)
def test_sizes_may_be_expressions_and_numbers(
    write_study: Write, sizes: dict[str, str], values: dict[str, int]
) -> None:
    whole = open_study(write_study, sizes, NUMBERS | values)
    (first, *_) = np.diagonal(evaluate(whole.problem(), "dense").drift.covariance) / 2
    assert diffusion_of(only_step(whole), values) == pytest.approx(first, rel=1e-10)


def test_the_document_says_which_size_is_the_smallest(write_study: Write) -> None:
    def conditions(values: dict[str, int]) -> set[str]:
        step = only_step(open_study(write_study, {}, NUMBERS | values))
        assert "The sizes satisfy {sizes}." in step.assumptions
        return {str(part) for part in sp.And.make_args(step.symbols["sizes"])}

    assert conditions({"n": 5, "m": 3, "p": 4}) == {"n >= m", "p >= m"}
    assert conditions({"n": 3, "m": 5, "p": 3}) == {"m >= n", "p >= n"}
    assert conditions({}) == {"p >= r"}
    open_ = only_step(open_study(write_study, {}, NUMBERS))
    n, m = sp.symbols("n m", positive=True, integer=True)
    assert right(open_, "study-rank") == sp.Min(n, m)


@pytest.mark.parametrize("values", [NUMBERS, {"s2": 0.1}], ids=["all", "sizes alone"])
@pytest.mark.parametrize("sizes", [(5, 3, 2), (3, 5, 2), (4, 4, 3)])
def test_a_bottleneck_of_equal_axes_is_refused_as_with_numbers(
    write_study: Write, values: dict[str, float], sizes: tuple[int, int, int]
) -> None:
    study = open_study(write_study, {}, values | dict(zip("nmp", sizes, strict=True)))
    with pytest.raises(RequestError, match="cuts through a tie") as refusal:
        subject_of(study)
    assert refusal.value.field == "network.hidden"


def test_too_few_hidden_units_are_seen_without_numbers(write_study: Write) -> None:
    sizes = {"inputs": '"p + 1"', "outputs": '"p + 2"', "hidden": '"p"'}
    with pytest.raises(RequestError, match=r"= p cuts through a tie.*at least p \+ 1 hidden"):
        subject_of(open_study(write_study, sizes, NUMBERS))


@pytest.mark.parametrize(("n", "m", "p"), [(5, 3, 2), (3, 5, 1), (4, 4, 3), (5, 3, 3)])
def test_equal_axes_that_compete_are_exchanged_at_no_loss_and_by_every_sample(
    n: int, m: int, p: int
) -> None:
    """Why they are refused: rotations of hidden units are not all directions without curvature.

    Along the others, which learn another of the equal axes, the gradient of a sample has a slope:
    learned maps wander by themselves, at an order at which nothing rotates yet.
    """
    gamma, learned = 0.2, min(n, m)
    teacher, axes = np.eye(m, n), np.arange(p)
    point = np.zeros((p, n + m))
    point[axes, axes] = point[axes, n + axes] = np.sqrt(1 - gamma)
    values, directions = np.linalg.eigh(hessian_matrix(point, teacher, np.eye(n), gamma))
    flat = directions[:, np.abs(values) < 1e-12]
    planes = p * (p - 1) // 2
    assert values.min() > -1e-12
    assert flat.shape[1] == planes + p * (learned - p)
    rule, weights = TwoLayerLinear(teacher, gamma), (point[:, :n], point[:, n:].T)
    rng, squares = np.random.default_rng(0), []
    for _ in range(1000):
        sample, noise = rng.normal(size=(n, 1)), 0.3 * rng.normal(size=(m, 1))
        first, second = rule.gradient(weights, sample, rule.error(weights, sample, noise))
        squares.append(np.sum((flat.T @ np.hstack([first, second.T]).ravel()) ** 2))
    # Of an exchanged pair the errors are gamma and 1 times its inputs, besides the label noise.
    expected = p * (learned - p) * (1 - gamma) * ((1 + gamma) ** 2 + 2 * 0.3**2) / 2
    error = np.std(squares) / np.sqrt(len(squares))
    assert abs(np.mean(squares) - expected) < 4 * error + 1e-24


def test_a_tie_says_how_many_hidden_units_learn_all_of_its_axes(write_study: Write) -> None:
    tied = open_study(write_study, {}, NUMBERS | {"n": 5, "m": 3, "p": 2})
    for command in (derive, evaluate_study):
        with pytest.raises(RequestError, match=r"= 2 cuts through a tie.*at least 3 hidden units"):
            command(tied)
    assert evaluate_study(tied.with_values({"p": 3})).minimum.rank == 3


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('map = "identity"', 'map = ["a1", "a2"]'),
        ('label_noise = "s2"', 'label_noise = ["sigma_1", "sigma_2"]'),
        ('covariance = "lambda"', 'covariance = ["lambda_1", "lambda_2"]'),
    ],
)
def test_open_sizes_need_equal_axes(write_study: Write, old: str, new: str) -> None:
    text = ISOTROPIC.format(inputs=2, outputs=2, hidden='"p"').replace(old, new)
    with pytest.raises(RequestError, match="all axes must be alike") as refusal:
        subject_of(read_study(write_study(text)))
    assert refusal.value.field == "network.hidden"


@pytest.mark.parametrize(
    "sizes",
    [{"inputs": '"m"', "outputs": '"n"'}, {"outputs": '"n"', "inputs": "4"}, {"hidden": '"m + 1"',
     "outputs": "3"}],
)  # fmt: skip
def test_the_letter_of_one_size_is_not_that_of_another(
    write_study: Write, sizes: dict[str, str]
) -> None:
    with pytest.raises(RequestError, match=r"stands for the number of (in|out)puts"):
        derive(open_study(write_study, sizes, {}))


def module_of(source: str) -> ModuleType:
    module = ModuleType("kernels")
    exec(compile(source, "kernels.py", "exec"), module.__dict__)
    return module


@pytest.mark.parametrize(("n", "m", "p"), [(5, 3, 4), (3, 5, 4)])
def test_kernels_take_each_size(write_study: Write, n: int, m: int, p: int) -> None:
    study = open_study(write_study, {}, NUMBERS | {"n": n, "m": m, "p": p})
    kernels = module_of(study_source(study))
    found = kernels.diffusion_tensor(
        covariance=NUMBERS["lambda"], weight_decay=NUMBERS["gamma"], learning_rate=NUMBERS["eta"],
        label_noise=NUMBERS["s2"], batch=2, inputs=n, outputs=m, hidden=p,
    )  # fmt: skip
    (first, *_) = np.diagonal(evaluate(study.problem(), "dense").drift.covariance) / 2
    assert found[0, 1] == pytest.approx(first, rel=1e-10)


# What a label noise is called, the other numbers, and what it is in the derivation.
RENAMED = [
    ('"s2"', "eta", {"s2": "sigma**2"}),
    ('"zeta"', "eta", {"zeta": "sigma**2"}),
    ('["s_1", "T"]', "eta", {"s_1": "sigma_1**2", "T": "sigma_2**2"}),
    ('["h", "h"]', "eta", {"h": "sigma_1**2"}),
    # At home, part of more than itself, or the letter of the theory is taken.
    ('"sigma"', "eta", {}),
    ('"s2 + 1"', "eta", {}),
    ('"s2"', "s2", {}),
    ('["s1", "sigma_2"]', "eta", {}),
]


@pytest.mark.parametrize(("noise", "rate", "names"), RENAMED)
def test_a_variance_of_the_label_noise_gets_the_letter_of_the_theory(
    write_study: Write, noise: str, rate: str, names: dict[str, str]
) -> None:
    study = read_study(
        write_study(f"""
network = {{ inputs = 2, outputs = 2, hidden = 2 }}
inputs = {{ covariance = ["lambda_1", "lambda_2"] }}
teacher = {{ map = "identity", label_noise = {noise} }}
learning = {{ rate = "{rate}", weight_decay = "gamma" }}
""")
    )
    assert {name: str(value) for name, value in renamed(study).items()} == names
    text, symbols = called(study)
    if names:
        verb = "is" if len(names) == 1 else "are"
        assert f"{' and '.join(names)} {verb} written" in text
        assert set(map(str, symbols.values())) >= set(names.values())
    else:
        assert "written" not in text
        if "sigma" not in noise or "s1" in noise:
            with pytest.raises(RequestError, match="whose letter stands for the singular value"):
                derive(study)


MANY = """
title = "many symbols"
network = {{ inputs = {inputs}, outputs = {outputs}, hidden = {hidden} }}
inputs = {{ covariance = {covariance} }}
teacher = {{ map = {gains}, label_noise = {noise} }}
learning = {{ rate = "eta", weight_decay = "gamma" }}
[values]
eta = 0.005
gamma = 0.1
"""
LAMBDA = (2.0, 1.0, 0.7, 0.5, 0.4, 0.3)
GAIN = (1.0, 1.5, 1.3, 1.2, 0.9, 0.8)
NOISE = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)


@lru_cache
def many(inputs: int, outputs: int, hidden: int) -> str:
    """A study with a symbol for each variance, gain and label noise."""
    names = {"l": LAMBDA[:inputs], "a": GAIN[: min(inputs, outputs)], "s": NOISE[:outputs]}
    lists = {
        stem: [f"{stem}{k}" for k in range(1, len(values) + 1)] for stem, values in names.items()
    }
    text = MANY.format(
        inputs=inputs, outputs=outputs, hidden=hidden,
        covariance=str(lists["l"]).replace("'", '"'), gains=str(lists["a"]).replace("'", '"'),
        noise=str(lists["s"]).replace("'", '"'),
    )  # fmt: skip
    return text + "".join(
        f"{name} = {value}\n"
        for stem, values in names.items()
        for name, value in zip(lists[stem], values, strict=True)
    )


Block = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]


class Displayed:
    """The terms of a study from the equations of its document, in floating point."""

    def __init__(self, step: Step, axes: list[dict[str, float]]) -> None:
        self.step, self.axes = step, axes

    def at(self, label: str, **places: int) -> sp.Expr:
        values: dict[sp.Basic, sp.Expr] = {symbol("weight_decay"): sp.Float(0.1)}
        for index, place in places.items():
            values |= {symbol(role, index): sp.Float(v) for role, v in self.axes[place].items()}
        return right(self.step, label).doit().subs(values)

    def block(self, i: int, l: int) -> Block:
        kind = "learned" if self.axes[l]["singular_value"] else "left-out"
        hessian, noise = (
            np.array(self.at(f"study-{name}-{kind}", i=i, l=l), dtype=float)
            for name in ("hessian", "noise")
        )
        for name, value in (("trace", np.trace(hessian)), ("determinant", np.linalg.det(hessian))):
            assert float(self.at(f"study-{name}-{kind}", i=i, l=l)) == pytest.approx(value)
        return hessian, noise, solve_continuous_lyapunov(hessian, 0.005 * noise)

    @staticmethod
    def solved(solution: Solution, **given: object) -> NDArray[np.float64]:
        """A displayed solution with numbers in the place of the blocks that it names."""
        ones = sp.ImmutableMatrix(sp.ones(1, 2))
        names = (solution.left.atoms(sp.MatrixSymbol, sp.Symbol)) | (
            solution.resultant.atoms(sp.MatrixSymbol, sp.Symbol)
        )
        matrices = {
            item: ones if str(item) == "ones" else sp.ImmutableMatrix(given[str(item)])
            for item in names
            if isinstance(item, sp.MatrixSymbol)
        }
        scalars = {
            item: sp.Float(given[item.name])
            for item in names
            if isinstance(item, sp.Symbol) and item.name in given
        }
        size = evaluate_matrix(solution.resultant.xreplace(scalars), matrices)
        found = evaluate_matrix(solution.left.xreplace({**scalars, solution.name: size}), matrices)
        return np.array(found, dtype=float)

    def term(self, i: int, j: int, l: int) -> float:
        s_i, s_j, s_l = (self.axes[k]["singular_value"] for k in (i, j, l))
        if l in (i, j):
            i, j = (i, j) if l == i else (j, i)
            axis = self.axes[i]
            h = 2 * axis["input_variance"] * axis["singular_value"]
            c = 2 * axis["singular_value"] * (
                2 * 0.1**2 + axis["label_noise"] ** 2 * axis["input_variance"]
            )  # fmt: skip
            other, noise, moved = self.block(j, i)
            y = self.solved(OF_ONE_AXIS, H_ii=h, H_ji=other)
            z = 2 - y
            s_i, s_j = self.axes[i]["singular_value"], self.axes[j]["singular_value"]
            area = c * (y @ moved @ y.T)[0, 0] + 0.005 * c / (2 * h) * (z @ noise @ z.T)[0, 0]
            return float(s_i * s_j / (2 * s_i * (s_i + s_j)) * area)
        (p, noise_p, moved_p), (q, noise_q, moved_q) = self.block(i, l), self.block(j, l)
        y = self.solved(OF_TWO_BLOCKS, H_il=p, H_jl=q)
        z = 2 * np.eye(2) - y
        area = np.trace(y.T @ noise_p @ y @ moved_q) + np.trace(z @ noise_q @ z.T @ moved_p)
        return float(s_i * s_j / ((s_i + s_l) * (s_j + s_l)) * area)


@pytest.mark.parametrize(
    ("inputs", "outputs", "hidden"),
    [pytest.param(6, 6, 4, marks=pytest.mark.slow), (3, 4, 3), (5, 3, 2)],
    ids=str,
)
def test_long_terms_by_invariants_add_up_to_the_dense_variance(
    write_study: Write, inputs: int, outputs: int, hidden: int
) -> None:
    study = read_study(write_study(many(inputs, outputs, hidden)))
    subject = subject_of(study)
    active = sorted(subject.active)
    planes = [(i, j) for i in active for j in active if i < j]
    count = max(inputs, outputs)
    terms = [(plane, l) for plane in planes for l in range(count)]
    step = blocks_of_study(EXAMPLES, subject, terms)
    axes = []
    for k in range(count):
        variance = LAMBDA[k] if k < inputs else 0.0
        gain = GAIN[k] if k < min(inputs, outputs) else 0.0
        axes.append(
            {
                "input_variance": variance,
                "gain": gain,
                "label_noise": np.sqrt(NOISE[k]) if k < outputs else 0.0,
                "singular_value": gain - 0.1 / variance if k in active else 0.0,
            }
        )
    shown = Displayed(step, axes)
    found = {}
    for i, j in planes:
        area = sum(shown.term(i, j, l) for l in range(count))
        length = 2 * (axes[i]["singular_value"] + axes[j]["singular_value"])
        found[frozenset((i, j))] = 0.005**2 * area / length**2
    dense = evaluate(study.problem(), "dense")
    order = sorted(active, key=lambda k: -axes[k]["singular_value"])
    expected = {
        frozenset((order[a], order[b])): variance
        for (a, b), variance in zip(
            [(a, b) for a in range(len(order)) for b in range(a + 1, len(order))],
            np.diagonal(dense.drift.covariance),
            strict=True,
        )
    }
    assert found == {plane: pytest.approx(value, rel=1e-9) for plane, value in expected.items()}


def test_no_term_is_left_to_the_kernels(write_study: Write) -> None:
    steps = {step.identifier: step for step in results(EXAMPLES, subject_of(read_study(
        write_study(many(3, 3, 3)))))}  # fmt: skip
    labels = {equation.label for step in steps.values() for equation in step.equations}
    # No two of its axes are alike: one formula is that of every plane.
    assert {"study-variance", "study-own-noise"} <= labels
    assert {"study-hessian-learned", "study-determinant-learned"} <= labels
    # All axes of this study are learned.
    assert not any("left-out" in label for label in labels)
    assert "kernels" not in " ".join(step.prose for step in steps.values())


STUDENT = """
network = { inputs = 5, outputs = 5, hidden = 5 }
inputs = { covariance = ["kappa_1", "kappa_2", "kappa_3", "kappa_4", "kappa_5"] }
teacher = { map = "identity", label_noise = "nu**2" }
learning = { rate = "alpha", weight_decay = "beta" }
[values]
kappa_1 = 2.5
kappa_2 = 2.0
kappa_3 = 1.5
kappa_4 = 1.0
kappa_5 = 0.6
alpha = 0.005
beta = 0.2
nu = 0.3
"""


HOST = r"""\documentclass[10pt,a4paper]{article}
\usepackage[T1]{fontenc}\usepackage{lmodern}\usepackage{amsmath,amssymb}
\usepackage[a4paper,textwidth=41.5em]{geometry}
\begin{document}
\section{Drift}
\input{fragment}
\end{document}
"""


@needs_tex
@pytest.mark.slow
def test_all_results_of_five_axes_with_label_noise_take_two_pages(
    write_study: Write, tmp_path: Path
) -> None:
    found = at_level(derive(read_study(write_study(STUDENT))), "results")
    printed = {item.name for e in _equations(found) for item in e.told.free_symbols}
    assert {"kappa_i", "kappa_l", "beta", "nu", "alpha"} <= printed
    assert not printed & {"lambda_i", "lambda_l", "sigma_i", "sigma_l", "gamma", "eta", "a_i", "B"}
    # Letters of the study with an index keep their print.
    assert {found.symbol_names.get(sp.Symbol(f"kappa_{k}", positive=True)) for k in "il"} <= {
        None,
        r"\kappa_{i}",
        r"\kappa_{l}",
    }
    # Ten planes have one formula, with a term for every axis.
    (variance,) = (e for e in _equations(found) if e.label.startswith("study-variance"))
    (terms,) = variance.expression.rhs.atoms(sp.Sum)
    assert terms.limits[0][1:] == (1, 5)
    write_text(tmp_path / "fragment.tex", fragment_latex(found, page_of("article", "results")))
    assert pages_of(write_text(tmp_path / "host.tex", HOST)) <= 2


def _equations(derivation: Derivation) -> list[Equation]:
    return [equation for step in derivation.steps for equation in step.equations]


def test_every_result_of_a_study_fits_a_few_lines(write_study: Write) -> None:
    for text in (many(3, 3, 3), many(5, 3, 2)):
        for step in results(EXAMPLES, subject_of(read_study(write_study(text)))):
            for equation in step.equations:
                sums = [len(part.args) for part in equation.told.atoms(sp.Add)]
                assert max(sums, default=0) <= 12


def test_one_output_alone_cannot_drift(write_study: Write) -> None:
    step = only_step(open_study(write_study, {"outputs": "1"}, {}))
    assert right(step, "study-rate") == 0
    assert "nothing can drift" in step.prose


def test_silent_units_move_with_the_noise_of_synapses(write_study: Write) -> None:
    text = ISOTROPIC.format(**SIZES)
    assert "stay silent" in only_step(read_study(write_study(text))).prose
    noisy = text.replace('batch = "B"', "synaptic_noise = 1e-8")
    subject = subject_of(read_study(write_study(noisy)))
    assert "stay silent" not in next(results(EXAMPLES, subject)).prose
    (added,) = synaptic_results(subject)
    assert "study-silent" in {equation.label for equation in added.equations}

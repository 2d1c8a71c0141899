"""Derivatives of the theory's numbers: against ball arithmetic, SymPy, scaling laws, both roads."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import flint
import numpy as np
import pytest
import sympy as sp
from flint import arb
from hypothesis import given, settings
from strategies import aligned_problems
from test_kernel_accuracy import BITS, ETA, Exact, Networks, drawn

import symdrift
from symdrift.cli import run
from symdrift.documents.sensitivity_tables import sensitivity_tables
from symdrift.errors import RequestError
from symdrift.evaluation import sensitivities as found_by
from symdrift.evaluation.closed_form.changing_numbers import Changes, changing_numbers
from symdrift.evaluation.evaluate import evaluate
from symdrift.evaluation.sensitivities import Sensitivities, sensitivities
from symdrift.evaluation.strict_minima import active_axes
from symdrift.expressions import parse
from symdrift.inputs import Gaussian
from symdrift.kernels.gradients import gradient
from symdrift.kernels.scalar import Argument, ScalarFunction
from symdrift.study import read_study
from symdrift.study.number_changes import derivative, number_changes
from symdrift.study.problem import Array, LearningProblem, Stimulus

ANISOTROPIC = read_study("anisotropic_autoencoder")
BOTTLENECK = read_study("bottleneck")
MISALIGNED = read_study("misaligned_teacher")
SECOND_MINIMUM = BOTTLENECK.with_values(
    {"network.inputs": 3, "network.outputs": 3, "inputs.covariance": "[4, 0.25, 6]",
     "teacher.map": "[0.55, 2.85, 1]", "learning.rate": 0.001, "learning.weight_decay": 0.2,
     "learning.minimum": 2}
)  # fmt: skip


def own_changes(problem: LearningProblem) -> Changes:
    """Every argument by itself, in the order of `Changes`; stimuli stay."""
    outputs, inputs = problem.teacher.shape
    sizes = (inputs, min(inputs, outputs), outputs, 1, 1, 1)
    ends = np.cumsum(sizes)
    parts = [np.eye(ends[-1])[:, end - size : end] for size, end in zip(sizes, ends, strict=True)]
    variances, gains, noise, *numbers = parts
    decay, rate, batch = (part[:, 0] for part in numbers)
    return Changes(
        variances, gains, noise, decay, rate, batch,
        {each.name: np.zeros((ends[-1], inputs)) for each in problem.stimuli},
    )  # fmt: skip


def arguments_of(problem: LearningProblem) -> Array:
    """What `own_changes` changes."""
    return np.concatenate([
        np.diagonal(problem.input_covariance), np.abs(np.diagonal(problem.teacher)),
        problem.label_noise,
        [problem.weight_decay, problem.learning_rate, problem.batch],
    ])  # fmt: skip


# --- Generated derivatives --------------------------------------------------------------


def test_derivatives_of_a_formula_are_those_that_sympy_finds() -> None:
    """Steps, a divisor that is a product, a square that is an argument, and no change at all."""
    a, b, c, s = sp.symbols("a b c s", positive=True)
    half, ratio = sp.symbols("half ratio", positive=True)
    function = ScalarFunction(
        "f", "Summary.", "",
        (Argument(a, "a"), Argument(b, "b"), Argument(s**2, "noise"), Argument(c, "unused")),
        {"y": ratio**2 + half * s**4 - half / a},
        {half: (a + b) / 2, ratio: 3 / (half * b**2)},
    )  # fmt: skip
    noise = sp.Symbol("noise", positive=True)
    middle = (a + b) / 2
    whole = (3 / (middle * b**2)) ** 2 + middle * noise**2 - middle / a
    namespace: dict[str, Any] = {"np": np, "Array": Array}
    exec(gradient(function).source(), namespace)
    at = {a: 1.25, b: 0.75, noise: 2.5}
    found = namespace["f_gradient"](*at.values(), 7.0)
    expected = [whole, *(sp.diff(whole, each) for each in at), sp.Integer(0)]
    np.testing.assert_allclose(found, [float(each.subs(at)) for each in expected], rtol=1e-14)


@pytest.mark.parametrize(
    "text",
    ["3*x", "x - y", "y - x", "x*y*x", "y/x", "(x + 1)/(x*y)", "-x**3", "x**(-3/2)",
     "sqrt(1 - x**2)", "cos(2*x)*y", "sin(x/y)", "1/(1 + 1/x)", "y", "2"],
)  # fmt: skip
def test_expressions_of_a_study_are_differentiated_as_sympy_does(text: str) -> None:
    x, y = sp.symbols("x y", positive=True)
    exact = sp.diff(sp.sympify(text, locals={"x": x, "y": y}), x)
    found = derivative(parse(text), "x").evaluate({"x": 0.625, "y": 1.75})
    expected = float(exact.subs({x: sp.Rational(5, 8), y: sp.Rational(7, 4)}).evalf(30))
    assert found == pytest.approx(expected, rel=1e-14, abs=1e-300)


# --- Closed form ------------------------------------------------------------------------


def test_derivatives_of_the_numbers_are_those_of_the_matrix_equations() -> None:
    """In balls of 400 bits, of which nothing is taken from the package, over twelve decades."""
    networks = drawn(120, seed=5)
    gap = np.abs(networks.covariance * networks.gains / networks.weight_decay[:, None] - 1)
    apart = np.flatnonzero((gap > 1e-2).all(axis=1))
    assert apart.size > 10
    before, flint.ctx.prec = flint.ctx.prec, BITS
    try:
        for place in apart:
            one = Networks(*(part[place : place + 1] for part in networks))
            problem = LearningProblem(
                "drawn", 3, Gaussian(np.diag(one.covariance[0])), np.diag(one.gains[0]),
                one.label_noise[0], ETA, float(one.weight_decay[0]), 1, 0.0,
                (Stimulus("first", np.eye(3)[0]),),
            )  # fmt: skip
            values = one.gains[0] - one.weight_decay[0] / one.covariance[0]
            order = active_axes(np.maximum(values, 0.0)).tolist()
            plane = sorted(order.index(axis) + 1 for axis in (0, 1))
            found = changing_numbers(problem, own_changes(problem))
            names: dict[str, Callable[[Exact], arb]] = {
                f"drift.diffusion.{plane[0]}-{plane[1]}": lambda one: one.diffusion(0, 1, False),
                "fluctuation.weight_variance": Exact.weight_variance,
                "fluctuation.excess_loss": Exact.excess_loss,
                "minimum.loss": Exact.loss,
            }
            arguments = np.concatenate([np.ravel(part) for part in one])
            # Balls know the numbers of a float exactly: only the third derivative is left out.
            for name, number in names.items():
                expected = []
                middle = number(Exact(one, 0))
                for k, argument in enumerate(arguments):
                    ends = []
                    for sign in (1, -1):
                        moved = arguments.copy()
                        moved[k] += sign * 1e-9 * (argument or 1e-9)
                        ends.append((arb(float(moved[k])), number(Exact(_networks(moved), 0))))
                    (above, more), (below, less) = ends
                    slope = (more - less) / (above - below)
                    expected.append(float(slope * (argument or 1.0) / middle))
                change = found[name].change[:10] / found[name].value
                change *= np.where(arguments == 0, 1.0, arguments)
                scale = np.abs(expected).max()
                np.testing.assert_allclose(change / scale, expected / scale, atol=1e-10)
    finally:
        flint.ctx.prec = before


def _networks(arguments: Array) -> Networks:
    variances, gains, noise, decay = np.split(arguments, [3, 6, 9])
    return Networks(variances[np.newaxis], gains[np.newaxis], noise[np.newaxis], decay)


@settings(max_examples=25, deadline=None)
@given(aligned_problems(5))
def test_exponents_add_up_as_units_say(problem: LearningProblem) -> None:
    """``x -> c x``, ``y -> d y`` turn nothing faster; a rate and a batch have their own powers."""
    found = changing_numbers(problem, own_changes(problem))
    outputs, inputs = problem.teacher.shape
    sizes = (inputs, min(inputs, outputs), outputs, 1, 1, 1)
    powers = {"minimum.loss": (0, 2, 0, 0), "fluctuation.excess_loss": (0, 2, 1, -1),
              "fluctuation.weight_variance": (-1, 1, 1, -1)}  # fmt: skip
    for name, (value, change) in found.items():
        if value == 0:
            continue
        own = change * arguments_of(problem) / value
        variance, gain, noise, decay, rate, batch = (
            part.sum() for part in np.split(own, np.cumsum(sizes)[:-1])
        )
        scale = np.abs(own).max()
        by_input, by_output = 2 * variance - gain + decay - rate, gain + 2 * noise + decay - rate
        if name in powers:
            *units, of_rate, of_batch = powers[name]
        elif name.startswith("minimum") or name.endswith("squared_norm"):
            units, of_rate, of_batch = [-1, 1], 0, 0
        elif name.endswith("diffusion") and name.startswith("stimuli"):
            units, of_rate, of_batch = [-1, 1], 3, -2
        else:
            units, of_rate, of_batch = [0, 0], 3, -2
        # The stimuli keep their length here.
        np.testing.assert_allclose([by_input, by_output], units, atol=1e-10 * max(scale, 1))
        np.testing.assert_allclose([rate, batch], [of_rate, of_batch], atol=1e-12)


@settings(max_examples=15, deadline=None)
@given(aligned_problems(4))
def test_numbers_that_change_are_those_of_the_evaluation(problem: LearningProblem) -> None:
    found = changing_numbers(problem, own_changes(problem))
    expected = found_by._numbers(evaluate(problem, "closed-form"))
    for name, number in found.items():
        assert number.value == pytest.approx(expected[name], rel=1e-11), name


@pytest.mark.parametrize(
    "name", ["bottleneck", "second minimum", "teacher_label_noise", "isotropic_autoencoder"]
)
def test_both_roads_agree(name: str) -> None:
    study = SECOND_MINIMUM if name == "second minimum" else read_study(name)
    exact = sensitivities(study)
    problem = study.problem()
    near = found_by._interpolated(study, problem, evaluate(problem), exact.parameters)
    assert (exact.method, near.method) == ("closed-form", "interpolation")
    rows = [list(near.numbers).index(number) for number in exact.numbers]
    slopes = near.gradients[rows]
    scale = np.abs(exact.gradients).max(axis=1, keepdims=True)
    scale = np.where(scale > 0, scale, 1.0)
    known = np.isfinite(slopes)
    # Planes of equal singular values have no derivatives from outside.
    assert known.all() or name == "isotropic_autoencoder"
    difference = np.where(known, slopes - exact.gradients, 0.0) / scale
    np.testing.assert_allclose(difference, 0.0, atol=1e-9)


def test_symbols_of_a_study_move_all_numbers_that_they_stand_in() -> None:
    """A symbol in two fields, one in an expression, and one behind the batch."""
    study = BOTTLENECK.with_values(
        {"learning.weight_decay": "k*eta", "k": 5.0, "learning.batch": "B", "B": 2,
         "teacher.map": "[1, \"-a\", 1, 1]", "a": 1.5}
    )  # fmt: skip
    by_symbol = sensitivities(study)
    assert by_symbol.method == "closed-form"
    plain = BOTTLENECK.with_values({"learning.batch": 2, "teacher.map": "[1, -1.5, 1, 1]"})
    by_field = sensitivities(plain)
    name = "drift.diffusion.1-2"
    decay = by_field.exponent(name, "gamma")
    assert by_symbol.exponent(name, "k") == pytest.approx(decay, rel=1e-12)
    assert by_symbol.exponent(name, "eta") == pytest.approx(3 + decay, rel=1e-12)
    assert by_symbol.exponent(name, "B") == -2
    # A gain counts by its size, whatever its sign.
    assert by_symbol.exponent(name, "a") == by_field.exponent(name, "teacher.map.1") != 0
    assert by_symbol.gradient(name, "a") == -by_field.gradient(name, "teacher.map.1")
    moved = number_changes(study, ["nu", "k"])
    assert moved["inputs.covariance.2"].tolist() == [1.0, 0.0]
    assert moved["learning.weight_decay"].tolist() == [0.0, pytest.approx(0.02)]


def test_equal_directions_are_counted_and_not_computed_one_by_one() -> None:
    wide = read_study("isotropic_autoencoder").with_values({"n": 40.0})
    found = sensitivities(wide)
    small = sensitivities(wide.with_values({"n": 3.0}))
    assert found.exponent("drift.diffusion.7-39", "eta") == 3
    # D = (eta^3/64) [(n+2)(2 gamma^2 + sigma^2 lambda)^2/(lambda s) + (n-2) sigma^4 lambda^2 ...].
    values = {"n": 40, "lambda": 1.0, "gamma": 0.2, "sigma": 0.3}
    n, lam, gamma, sigma = symbols = sp.symbols("n lambda gamma sigma", positive=True)
    value = (n + 2) * (2 * gamma**2 + sigma**2 * lam) ** 2 / (lam * (1 - gamma / lam))
    value += (n - 2) * sigma**4 * lam
    for each in symbols[1:]:
        exact = each * sp.diff(sp.log(value), each)
        for size, one in ((40, found), (3, small)):
            at = dict(zip(symbols, (size, *list(values.values())[1:]), strict=True))
            exponent = one.exponent("drift.diffusion.1-2", each.name)
            assert exponent == pytest.approx(float(exact.subs(at)), rel=1e-11)


# --- Other studies ----------------------------------------------------------------------


def test_a_misaligned_teacher_has_the_exponents_of_the_theory() -> None:
    found = sensitivities(MISALIGNED)
    assert found.method == "interpolation"
    for number, powers in (("drift.diffusion.1-2", (3, -2)), ("drift.mean_rotation.1-2", (2, -1))):
        assert [found.exponent(number, name) for name in ("eta", "learning.batch")] == list(powers)
        variances = ("inputs.covariance.0.0", "inputs.covariance.1.1", "correlation")
        by_input = sum(2 * found.exponent(number, name) for name in variances)
        gains = sum(found.exponent(number, f"teacher.map.{k}") for k in (0, 1))
        decay, rate = (found.exponent(number, name) for name in ("gamma", "eta"))
        assert by_input - gains + decay - rate == pytest.approx(0, abs=1e-7)
        assert gains + decay - rate == pytest.approx(0, abs=1e-7)
    # A number that is zero has a gradient, met from one side, and no exponent.
    assert np.isnan(found.exponent("drift.diffusion.1-2", "teacher.label_noise"))
    step = 1e-6
    noisy = (MISALIGNED.with_values({"teacher.label_noise": k * step}) for k in range(3))
    ends = [evaluate(study.problem()).drift.diffusion[0] for study in noisy]
    slope = (-3 * ends[0] + 4 * ends[1] - ends[2]) / (2 * step)
    found_slope = found.gradient("drift.diffusion.1-2", "teacher.label_noise")
    assert found_slope == pytest.approx(slope, rel=1e-6)


def test_an_axis_that_turns_takes_the_road_of_any_study() -> None:
    """The covariance of an autoencoder: its closed form holds, in axes that a parameter turns."""
    study = ANISOTROPIC.with_values(
        {"inputs.covariance": "[[2, 0.3, 0], [0.3, 1, 0], [0, 0, 0.7]]"}
    )
    names = ["inputs.covariance.0.1", "eta"]
    found = sensitivities(study, names)
    assert (found.method, list(found.parameters)) == ("interpolation", names)
    assert found.exponent("stimuli.axis 1.decay_rate", "eta") == 3
    assert found.exponent("stimuli.axis 1.decay_rate", "inputs.covariance.0.1") != 0
    # By default zeros of the matrix are what kind of study it is, and an entry counts once.
    parameters = sensitivities(study.with_values({"learning.rate": 0.004})).parameters
    assert [name for name in parameters if name.startswith("inputs")] == [
        f"inputs.covariance.{entry}" for entry in ("0.0", "0.1", "1.1", "2.2")
    ]


# --- Requests, records, tables ----------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("network.hidden", "network.hidden is a whole number, by which there are no derivatives"),
        ("gama", 'gama is no number of the study; did you mean "gamma"'),
    ],
)
def test_what_is_no_parameter_is_refused(name: str, message: str) -> None:
    with pytest.raises(RequestError) as error:
        symdrift.sensitivities(ANISOTROPIC, [name])
    assert message in str(error.value)


@pytest.mark.parametrize("option", [["--sweep", "gamma=0.1:0.2:3"], ["--order", "2"]])
def test_the_command_prints_exponents_of_one_point(
    option: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["evaluate", "bottleneck", "--set", "gamma=0.2", "--sensitivities"]
    assert run([*given, "--csv"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "number,value,parameter,parameter_value,gradient,exponent"
    assert any(line.startswith("drift.diffusion.1-2,") and line.endswith(",3.0") for line in lines)
    assert run([*given, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["exponents"]["drift.diffusion.1-2"]["learning.batch"] == -2
    assert run([*given, *option]) == 2
    assert f"--sensitivities has no use for {option[0]}" in capsys.readouterr().err


def test_records_and_tables_have_what_was_found() -> None:
    found = symdrift.sensitivities(ANISOTROPIC)
    assert isinstance(found, Sensitivities)
    record = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert record["exponents"]["drift.diffusion.1-2"]["eta"] == 3
    assert record["exponents"]["drift.diffusion.1-2"]["teacher.label_noise"] is None
    assert record["gradients"]["drift.diffusion.1-2"]["teacher.label_noise"] > 0
    rows = list(found.rows())
    assert len(rows) == found.gradients.size
    assert rows[3]["exponent"] == 0
    assert rows[5]["exponent"] is None
    (table,) = sensitivity_tables(found, {})
    # Parameters that are zero have no column.
    assert len(table.head) == 1 + 6
    assert [row[0] for row in table.rows][:1] == ["decay rate of “axis 1”"]
    assert all(len(row) == len(table.head) for row in table.rows)
    plain = found.table()
    assert plain.rows[6][0] == "drift.diffusion.1-2"
    powers = found.exponents[6]
    assert plain.rows[6][5:] == ("3", f"{powers[4]:.2f}", "", "-2")

"""Generated kernels: the same bytes on every run, arrays like single networks, the right limits."""

from __future__ import annotations

import ast
import inspect
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import scipy.linalg
import sympy as sp
from all_weights import reachable_basis, stationary_fluctuation
from hypothesis import given, settings
from strategies import aligned_problems

from symdrift.evaluation import dense
from symdrift.evaluation.closed_form import (
    area_sums,
    changing_network,
    derivatives,
    in_place,
    isotropic_formulas,
    many_networks,
    network_axes,
    planes,
    two_axes_formulas,
)
from symdrift.evaluation.closed_form import formulas as kernels
from symdrift.evaluation.dense import (
    gradient_noise,
    hessian_matrix,
    solve_minimum,
)
from symdrift.inputs import Gaussian
from symdrift.kernels.printed import FOLDER, PRINTED, printed_source
from symdrift.kernels.scalar import Argument, ScalarFunction
from symdrift.kernels.standalone import standalone_source, study_source
from symdrift.study import read_study
from symdrift.study.problem import Array, LearningProblem, Stimulus

SIZES = {"inputs": 3, "outputs": 4, "hidden": 2}


def arguments_of(problem: LearningProblem) -> dict[str, Any]:
    """Arguments of the kernels for an aligned problem."""
    outputs, inputs = problem.teacher.shape
    return {
        "covariance": np.diagonal(problem.input_covariance),
        "weight_decay": problem.weight_decay,
        "learning_rate": problem.learning_rate,
        "gains": np.diagonal(problem.teacher),
        "label_noise": problem.label_noise,
        "batch": problem.batch,
        "inputs": inputs,
        "outputs": outputs,
        "hidden": problem.hidden,
    }


def module_of(source: str) -> ModuleType:
    module = ModuleType("generated")
    exec(compile(source, "generated", "exec"), module.__dict__)
    return module


# --- Generation -------------------------------------------------------------------------


@pytest.mark.parametrize("name", PRINTED)
def test_printed_formulas_are_what_the_derivation_gives(name: str) -> None:
    assert printed_source(name) == (FOLDER / name).read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("seed", ["1", "27182"])
def test_formulas_that_were_deleted_are_printed_again_in_any_order_of_sets(
    seed: str, tmp_path: Path
) -> None:
    """The derivation does not import what it prints."""
    folder = tmp_path / "symdrift"
    shutil.copytree(FOLDER, folder, ignore=shutil.ignore_patterns("__pycache__"))
    for name in PRINTED:
        (folder / name).unlink()
    subprocess.run(
        [sys.executable, "-m", "symdrift.kernels"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        check=True,
    )
    for name in PRINTED:
        assert (folder / name).read_bytes() == (FOLDER / name).read_bytes()


def test_kernels_import_numpy_and_nothing_of_ours() -> None:
    imported = set()
    for name in ("anisotropic_autoencoder", "isotropic_autoencoder", "misaligned_teacher"):
        for node in ast.parse(study_source(read_study(name))).body:
            if isinstance(node, ast.Import):
                imported |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add(node.module or ".")
    standard = {name for name in imported if name.partition(".")[0] in sys.stdlib_module_names}
    assert imported - standard == {"numpy", "numpy.typing"}


def test_a_study_has_the_lines_of_the_modules_and_of_their_formulas() -> None:
    """But for titles, imports and defaults; printed formulas that nobody calls are left out."""
    source = standalone_source(kernels, "Title.", None, derivatives)
    printed = (FOLDER / "evaluation" / "closed_form" / "printed_aligned.py").read_text("utf-8")
    modules = (
        area_sums, many_networks, in_place, network_axes, planes, changing_network, derivatives,
        kernels,
    )  # fmt: skip
    texts = [inspect.getsource(module) for module in modules]
    assert source.startswith('"""Title.\n')
    assert texts[-1].split('"""')[1].split("\n", 1)[1] in source
    for text in texts:
        last = [node for node in ast.parse(text).body if "Import" in type(node).__name__][-1]
        assert "".join(text.splitlines(keepends=True)[last.end_lineno or 0 :]).strip() in source
    for function in printed.split("\n\n\n")[1:]:
        name = function.removeprefix("def ").partition("(")[0]
        called = any(re.search(rf"^    {name},$|import {name}$", text, re.M) for text in texts)
        assert (function.strip() in source) == called
    # What two modules call by the same name would be one in the file.
    names = [name for node in ast.parse(source).body for name in defined(node)]
    assert {name for name in names if names.count(name) > 1} <= {"Array"}


def defined(node: ast.stmt) -> list[str]:
    """Names that a statement of a module gives a meaning."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    names = (each for each in ast.walk(node) if isinstance(each, ast.Name))
    return [each.id for each in names if isinstance(each.ctx, ast.Store)]


def test_what_a_study_does_not_fix_keeps_its_default() -> None:
    alone = module_of(study_source(read_study("anisotropic_autoencoder")))
    own = inspect.signature(derivatives.derivatives).parameters["logarithmic"].default
    assert inspect.signature(alone.derivatives).parameters["logarithmic"].default is own


def test_derivatives_of_a_study_are_slopes_of_its_kernels() -> None:
    """By every entry of every argument, a bottleneck and a negative gain among them; the error of
    two differences, put together, is of the fourth order in their step."""
    alone = module_of(standalone_source(kernels, "Title.", None, derivatives))
    sizes = {"inputs": 4, "outputs": 3, "hidden": 2}
    arguments: dict[str, Any] = {
        "covariance": np.array([3.0, 2.0, 1.5, 0.1]), "weight_decay": 0.2, "learning_rate": 0.01,
        "gains": np.array([1.0, -1.2, 0.9]), "label_noise": np.array([0.1, 0.2, 0.05]),
        "batch": 2.0,
    }  # fmt: skip
    found = alone.derivatives(**arguments, **sizes)
    exponents = alone.derivatives(**arguments, **sizes, logarithmic=True)
    values = numbers_of(alone, **arguments, **sizes)

    def numbers(name: str, place: tuple[int, ...], step: float) -> dict[str, Array]:
        moved = np.array(arguments[name], dtype=float)
        moved[place] *= 1 + step
        return numbers_of(alone, **{**arguments, name: moved}, **sizes)

    assert set(found) == set(exponents) == set(values)
    for name, value in arguments.items():
        for place in np.ndindex(np.shape(value)):
            slopes = []
            for step in (1e-3, 2e-3):
                more, less = (numbers(name, place, sign * step) for sign in (1, -1))
                width = 2 * step * np.asarray(value)[place]
                slopes.append({key: (more[key] - less[key]) / width for key in more})
            for key, change in found.items():
                expected = (4 * slopes[0][key] - slopes[1][key]) / 3
                exact = change[name][(..., *place)]
                assert exact.shape == expected.shape
                scale = max(np.abs(expected).max(), 1e-300)
                np.testing.assert_allclose(exact / scale, expected / scale, atol=1e-9)
                here = np.asarray(values[key])
                with np.errstate(invalid="ignore", divide="ignore"):
                    power = np.where(here == 0, np.nan, expected * np.asarray(value)[place] / here)
                np.testing.assert_allclose(exponents[key][name][(..., *place)], power, atol=1e-6)
    for name, whole in (("learning_rate", 3), ("batch", -2)):
        assert np.nanmax(np.abs(exponents["diffusion_tensor"][name] - whole)) < 1e-12


def numbers_of(alone: ModuleType, **given: Any) -> dict[str, Array]:
    """By the functions of a study's kernels."""
    minimum = {
        key: value
        for key, value in given.items()
        if key not in ("learning_rate", "label_noise", "batch")
    }
    variance, excess = alone.fluctuation(**given)
    return {
        "singular_values": alone.singular_values(**minimum),
        "loss": alone.loss(**minimum, label_noise=given["label_noise"]),
        "weight_variance": variance,
        "excess_loss": excess,
        "diffusion_tensor": alone.diffusion_tensor(**given),
    }


@pytest.mark.parametrize("module", [kernels, isotropic_formulas, two_axes_formulas])
def test_a_study_offers_the_functions_of_the_module(module: ModuleType) -> None:
    def offered(found: ModuleType) -> dict[str, inspect.Signature]:
        functions = inspect.getmembers(found, inspect.isfunction)
        own = [(name, f) for name, f in functions if f.__module__ == found.__name__]
        return {name: inspect.signature(f) for name, f in own if not name.startswith("_")}

    alone = module_of(standalone_source(module, "Title."))
    functions = {name: inspect.signature(getattr(alone, name)) for name in alone.__all__}
    assert functions == offered(module)


def test_an_expression_without_argument_for_a_symbol_is_refused() -> None:
    """Else the function would be generated and fail, or worse find a global, when called."""
    known, unknown = sp.symbols("known unknown", positive=True)
    function = ScalarFunction(
        "f", "Summary.", "", (Argument(known, "known"),), {"y": known * unknown}
    )
    with pytest.raises(ValueError, match="f: no argument for unknown"):
        function.source()


def test_squares_of_symbols_are_arguments() -> None:
    """Label noise is given as a variance and stands in the formulas as ``sigma``."""
    sigma, gamma = sp.symbols("sigma gamma", positive=True)
    noise = Argument(sigma**2, "noise")
    decay = Argument(gamma, "decay")
    function = ScalarFunction(
        "f", "Summary.", "", (noise, decay), {"y": sigma**4 + gamma / sigma**2, "z": sp.exp(-gamma)}
    )
    namespace: dict[str, Any] = {"np": np, "Array": Array}
    exec(function.source(), namespace)
    y, z = namespace["f"](np.array([2.0, 3.0]), 0.5)
    np.testing.assert_allclose(y, [4.25, 9 + 0.5 / 3], rtol=1e-15)
    assert z == pytest.approx(np.exp(-0.5), rel=1e-15)


# --- Kernels of studies -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "fixed", "symbolic"),
    [
        ("anisotropic_autoencoder", {}, ["covariance", "weight_decay", "learning_rate"]),
        (
            "teacher_label_noise",
            {"learning.weight_decay": "0.2"},
            ["covariance", "learning_rate", "gains", "label_noise"],
        ),
        (
            "bottleneck",
            {
                "inputs.covariance": "[2.0, 1.5, 0.7, 0.7]",
                "learning.weight_decay": "0.1",
                "learning.rate": "0.02",
            },
            [],
        ),
    ],
)
def test_kernels_of_an_aligned_study_match_full_matrices(
    name: str, fixed: dict[str, str | float], symbolic: list[str]
) -> None:
    """What the study fixes is a default; what it leaves as a symbol is an argument."""
    study = read_study(name).with_values(fixed) if fixed else read_study(name)
    problem = study.problem()
    module = module_of(study_source(study))
    values = arguments_of(problem)

    def given(function: Callable[..., Any]) -> dict[str, Any]:
        parameters = inspect.signature(function).parameters.values()
        return {
            p.name: values[p.name] for p in parameters if p.default is p.empty and p.name in values
        }

    assert set(given(module.diffusion_tensor)) == set(symbolic)
    full = dense.evaluate(problem)
    tensor = module.diffusion_tensor(**given(module.diffusion_tensor))
    axes = np.argsort(-module.singular_values(**given(module.singular_values)), kind="stable")
    for (i, j), expected in zip(full.drift.planes, full.drift.diffusion, strict=True):
        assert tensor[axes[i - 1], axes[j - 1]] == pytest.approx(expected, rel=1e-10)
    variance, excess = module.fluctuation(**given(module.fluctuation))
    assert variance == pytest.approx(full.fluctuation.weight_variance, rel=1e-10)
    assert excess == pytest.approx(full.fluctuation.excess_loss, rel=1e-10)
    for stimulus, expected_drift in zip(problem.stimuli, full.stimuli, strict=True):
        rate = module.decay_rate(stimulus.vector, **given(module.decay_rate))
        assert rate == pytest.approx(expected_drift.decay_rate, rel=1e-10)


@pytest.mark.parametrize("size", [2, 3, 6])
def test_kernels_of_the_isotropic_study_match_full_matrices(size: int) -> None:
    study = read_study("isotropic_autoencoder").with_values({"n": float(size)})
    problem = study.problem()
    module = module_of(study_source(read_study("isotropic_autoencoder")))
    arguments: dict[str, Any] = {
        "inputs": size,
        "covariance": problem.input_covariance[0, 0],
        "weight_decay": problem.weight_decay,
        "learning_rate": problem.learning_rate,
        "label_noise": problem.label_noise[0],
    }
    full = dense.evaluate(problem)
    np.testing.assert_allclose(
        full.drift.diffusion, module.diffusion_tensor(**arguments), rtol=1e-10
    )
    variance, excess = module.fluctuation(**arguments)
    assert variance == pytest.approx(full.fluctuation.weight_variance, rel=1e-10)
    assert excess == pytest.approx(full.fluctuation.excess_loss, rel=1e-10)
    assert module.decay_rate(**arguments) == pytest.approx(full.stimuli[0].decay_rate, rel=1e-10)
    times = np.geomspace(1, 1e12, 7)
    stimulus = np.arange(1.0, size + 1)
    np.testing.assert_allclose(
        module.mean_squared_displacement(times, stimulus, **arguments),
        [displacement_by_matrices(problem, stimulus, time) for time in times],
        rtol=1e-9,
    )


# --- Broadcasting -----------------------------------------------------------------------


def calls(stimulus: Array, time: Array, arguments: dict[str, Any]) -> list[Array]:
    """Every public kernel at these arguments."""
    at_minimum = {key: arguments[key] for key in ("covariance", "weight_decay", "gains", *SIZES)}
    return [
        kernels.singular_values(**at_minimum),
        *kernels.hessian_range(**at_minimum),
        kernels.loss(**at_minimum, label_noise=arguments["label_noise"]),
        *kernels.fluctuation(**arguments),
        kernels.diffusion_tensor(**arguments),
        kernels.diffusion_tensor_white_noise(**arguments),
        kernels.representation_diffusion(stimulus, **arguments),
        kernels.decay_rate(stimulus, **arguments),
        kernels.mean_squared_displacement(time, stimulus, **arguments),
    ]


def test_leading_axes_broadcast_like_loops() -> None:
    """Every argument with another leading shape: all of them make (5, 3, 2)."""
    generator = np.random.default_rng(4)
    parts = {
        "covariance": generator.uniform(0.5, 3, (5, 1, 1, 3)),
        "weight_decay": generator.uniform(0.1, 0.4, (3, 1)),
        "learning_rate": np.array([0.001, 0.01]),
        "gains": generator.uniform(-2, 2, (3, 1, 3)),
        "label_noise": generator.uniform(0, 0.5, (2, 4)),
        "batch": np.array(3.0),
        "stimulus": generator.standard_normal((5, 1, 2, 3)),
        "time": np.array([[10.0], [1e4], [1e9]]),
    }
    vectors = {"covariance", "gains", "label_noise", "stimulus"}
    lead = (5, 3, 2)
    together = calls(
        parts["stimulus"],
        parts["time"],
        {k: v for k, v in parts.items() if k not in ("stimulus", "time")} | SIZES,
    )
    for index in np.ndindex(*lead):
        single = {
            name: np.broadcast_to(
                value, (*lead, value.shape[-1]) if name in vectors else lead
            )[index]
            for name, value in parts.items()
        }  # fmt: skip
        alone = calls(
            single["stimulus"],
            single["time"],
            {k: v for k, v in single.items() if k not in ("stimulus", "time")} | SIZES,
        )
        for whole, part in zip(together, alone, strict=True):
            picked = np.broadcast_to(whole, (*lead, *part.shape))[index]
            np.testing.assert_allclose(picked, part, rtol=1e-13, atol=0)


def test_one_number_stands_for_equal_entries() -> None:
    one = kernels.diffusion_tensor(2.0, 0.3, 0.01, inputs=3, outputs=4, hidden=5, label_noise=0.1)
    spelt = kernels.diffusion_tensor(
        np.full(3, 2.0), 0.3, 0.01, np.ones(3), np.full(4, 0.1), 1, inputs=3, outputs=4, hidden=5
    )
    assert np.count_nonzero(one) == 6
    np.testing.assert_array_equal(one, spelt)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"covariance": [1.0, 2.0]}, "covariance has 2 entries on its last axis, not 3"),
        ({"label_noise": [0.1, 0.1, 0.1]}, "label_noise has 3 entries on its last axis, not 4"),
        ({"covariance": [1.0, 0.0, 1.0]}, "must be positive"),
        ({"weight_decay": 0.0}, "must be positive"),
        ({"covariance": [1.0, np.nan, 1.0]}, "must be positive"),
        ({"weight_decay": [0.1, np.nan]}, "must be positive"),
        ({"gains": [1.0, np.nan, 1.0]}, "gains must be numbers"),
        ({"label_noise": [0.1, -0.1, 0.0, 0.0]}, "label_noise must not be negative"),
        ({"learning_rate": -0.005}, "learning_rate and batch must be positive"),
        ({"batch": [1.0, 0.0]}, "learning_rate and batch must be positive"),
    ],
)
def test_arguments_of_wrong_shape_or_sign_are_refused(change: dict[str, Any], message: str) -> None:
    arguments: dict[str, Any] = {
        "covariance": [2.0, 1.0, 0.7],
        "weight_decay": 0.3,
        "learning_rate": 0.005,
    }
    with pytest.raises(ValueError, match=message):
        kernels.diffusion_tensor(**(arguments | SIZES | change))


def test_other_networks_are_refused_too_where_an_argument_is_no_number() -> None:
    with pytest.raises(ValueError, match="must be positive and below"):
        isotropic_formulas.diffusion_tensor(3, [1.0, np.nan], 0.2, 0.01)
    with pytest.raises(ValueError, match="must be positive"):
        two_axes_formulas.mean_rotation([1.0, 0.5], [[1.0, np.nan], [np.nan, 1.0]], 0.2, 0.01)


@pytest.mark.parametrize("lead", [(0,), (4, 0)])
@pytest.mark.parametrize("hidden", [2, 5])
def test_no_network_has_numbers_of_the_shape_of_many(lead: tuple[int, ...], hidden: int) -> None:
    covariance, stimulus = np.array([2.0, 1.5, 1.2]), np.array([1.0, 0.0, 0.5])
    time, numbers = np.array(10.0), {"weight_decay": 0.3, "learning_rate": 0.005, "gains": 1.0}
    others = {**numbers, "label_noise": 0.1, **SIZES, "hidden": hidden}
    one = calls(stimulus, time, {"covariance": covariance, **others})
    none = calls(stimulus, time, {"covariance": np.broadcast_to(covariance, (*lead, 3)), **others})
    assert [part.shape for part in none] == [(*lead, *part.shape) for part in one]


# --- Mean-squared displacement ----------------------------------------------------------


def displacement_by_matrices(problem: LearningProblem, stimulus: Array, time: float) -> float:
    """``2 w' (1 - exp(-Delta t)) w`` plus fluctuation of the first layer, by matrix functions."""
    arguments = (problem.teacher, problem.input_covariance, problem.weight_decay)
    minimum = solve_minimum(*arguments, problem.hidden)
    hessian = hessian_matrix(minimum.point, *arguments)
    fluctuation = stationary_fluctuation(
        hessian,
        gradient_noise(minimum, problem.inputs, problem.label_noise, problem.batch),
        reachable_basis(minimum),
        problem.learning_rate,
    )
    gamma = fluctuation.basis @ fluctuation.covariance @ fluctuation.basis.T
    forgotten = gamma - scipy.linalg.expm(-problem.learning_rate * time * hessian) @ gamma
    outputs, inputs = problem.teacher.shape
    forms = np.zeros((minimum.rank, minimum.rank, inputs + outputs))
    for unit in range(minimum.rank):
        forms[unit, unit, :inputs] = stimulus
    flat = forms.reshape(minimum.rank, -1)
    drift = dense.evaluate(problem).drift
    delta, _ = dense.angular_matrices(drift, minimum.rank)
    representation = minimum.first_layer @ stimulus
    lost = -representation @ (scipy.linalg.expm(-time * delta) - np.eye(minimum.rank))
    return float(2 * lost @ representation + 2 * np.trace(flat @ forgotten @ flat.T))


@settings(max_examples=25)
@given(aligned_problems(largest=4))
def test_displacement_matches_matrix_exponentials(problem: LearningProblem) -> None:
    arguments, stimulus = arguments_of(problem), problem.stimuli[-1].vector
    stiffest = dense.evaluate(problem).minimum.hessian_max
    for time in np.array([0.1, 1.0, 30.0]) / (problem.learning_rate * stiffest):
        measured = kernels.mean_squared_displacement(time, stimulus, **arguments)
        expected = displacement_by_matrices(problem, stimulus, time)
        assert measured == pytest.approx(expected, rel=1e-9)


def test_displacement_of_equal_inputs_of_which_one_has_no_output() -> None:
    """The block of such a pair has two equal Hessian eigenvalues."""
    problem = LearningProblem(
        study="equal",
        hidden=1,
        inputs=Gaussian(0.3 * np.eye(2)),
        teacher=np.array([[2.0, 0.0]]),
        label_noise=np.array([0.1]),
        learning_rate=0.01,
        weight_decay=0.1,
        batch=1,
        synaptic_noise=0.0,
        stimuli=(),
    )
    stimulus = np.array([1.0, 2.0])
    for time in (1.0, 100.0, 1e4):
        measured = kernels.mean_squared_displacement(time, stimulus, **arguments_of(problem))
        expected = displacement_by_matrices(problem, stimulus, time)
        assert measured == pytest.approx(expected, rel=1e-10)


LIMITS = LearningProblem(
    study="limits",
    hidden=3,
    inputs=Gaussian(np.diag([2.0, 1.0, 0.7])),
    teacher=np.eye(3),
    label_noise=np.array([0.1, 0.0, 0.2]),
    learning_rate=0.005,
    weight_decay=0.3,
    batch=1,
    synaptic_noise=0.0,
    stimuli=(Stimulus("across", np.array([1.0, -2.0, 0.5])),),
)


def test_displacement_starts_at_zero_and_grows() -> None:
    times = np.concatenate([[0.0], np.geomspace(1, 1e16, 60)])
    stimulus = LIMITS.stimuli[0].vector
    moved = kernels.mean_squared_displacement(times, stimulus, **arguments_of(LIMITS))
    assert moved[0] == 0
    # Up to the rounding of the final value: after the last memory nothing grows.
    assert np.all(np.diff(moved) >= -1e-14 * moved[-1])
    assert moved[1] > 0


def test_displacement_has_slope_two_diffusions_between_relaxation_and_saturation() -> None:
    full = dense.evaluate(LIMITS)
    (stimulus,) = full.stimuli
    relaxation = 1 / (LIMITS.learning_rate * full.minimum.hessian_min)
    early, late = 40 * relaxation, 50 * relaxation
    assert late * stimulus.decay_rate < 1e-4
    moved = kernels.mean_squared_displacement(
        np.array([early, late]), LIMITS.stimuli[0].vector, **arguments_of(LIMITS)
    )
    slope = (moved[1] - moved[0]) / (late - early)
    assert slope == pytest.approx(2 * stimulus.diffusion, rel=1e-3)


def test_displacement_saturates_at_twice_the_norm_and_the_plateau_of_fluctuation() -> None:
    """Two independent points on the sphere, and two independent fluctuations."""
    full = dense.evaluate(LIMITS)
    (stimulus,) = full.stimuli
    arguments, vector = arguments_of(LIMITS), LIMITS.stimuli[0].vector
    relaxed = 60 / (LIMITS.learning_rate * full.minimum.hessian_min)
    plateau = displacement_by_matrices(LIMITS, vector, relaxed) - 2 * stimulus.diffusion * relaxed
    forgotten = kernels.mean_squared_displacement(1e18, vector, **arguments)
    assert forgotten == pytest.approx(2 * stimulus.squared_norm + plateau, rel=1e-6)
    assert plateau > 1e-3 * stimulus.squared_norm

"""What the package offers by its name: functions that take a study."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys

import numpy as np
import pytest

import symdrift
from symdrift.errors import RequestError
from symdrift.evaluation.evaluate import evaluate
from symdrift.observables.compare import compare_study
from symdrift.records import plain

STUDY = symdrift.read_study("anisotropic_autoencoder")


def test_every_name_of_the_stub_is_there() -> None:
    assert all(getattr(symdrift, name) is not None for name in symdrift.__all__)
    assert set(symdrift.__all__) <= set(dir(symdrift))
    with pytest.raises(AttributeError, match="evalute"):
        symdrift.evalute  # type: ignore[attr-defined]  # noqa: B018


def test_what_functions_return_and_ask_for_has_a_name_here() -> None:
    """Classes of the package in signatures, but what a command alone passes on."""
    functions = [getattr(symdrift, name) for name in symdrift.__all__]
    said = " ".join(
        str(annotation)
        for function in filter(inspect.isfunction, functions)
        for annotation in inspect.get_annotations(function).values()
    )
    shorthands = {"Array", "Free", "Measured", "Progress"}
    named = set(re.findall(r"\b[A-Z]\w+", said)) - {"None", "Path", "Sequence", "Callable"}
    assert named - shorthands - {"Collection", "Executor", "SweepFile"} <= set(symdrift.__all__)


def test_a_name_costs_only_what_stands_behind_it() -> None:
    code = (
        "import sys, symdrift; assert not {'numpy', 'sympy', 'matplotlib'} & set(sys.modules); "
        "symdrift.evaluate(symdrift.read_study('bottleneck')); assert 'sympy' not in sys.modules; "
        "assert not [name for name in sys.modules if 'gradients' in name or 'sensitiv' in name]"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_functions_take_a_study() -> None:
    problem = STUDY.problem()
    drift = symdrift.evaluate(STUDY).drift
    np.testing.assert_array_equal(drift.variances, evaluate(problem).drift.variances)
    alone = symdrift.evaluate(STUDY, quantities="stimuli")
    assert alone.stimuli == symdrift.evaluate(STUDY).stimuli
    compared = symdrift.compare(STUDY)
    assert compared.white is not None
    assert compared.white.to_dict() == plain(compare_study(problem).white)
    observed = symdrift.observe(STUDY, np.array([1e3, 1e6]))
    np.testing.assert_array_equal(observed.times, [1e3, 1e6])
    trajectory = symdrift.simulate(STUDY, steps=1000, replicas=2, seed=1)
    assert trajectory.first_layer.shape[1:] == (2, 3, 3)
    assert symdrift.validate_rate(STUDY, steps=20000, replicas=16).learning_rate == 0.005


def test_values_are_set_by_name_or_by_field() -> None:
    by_name = STUDY.with_values(gamma=0.2)
    assert by_name.problem().weight_decay == 0.2
    assert by_name.document == STUDY.with_values({"gamma": 0.2}).document


@pytest.mark.parametrize("name", ["LearningProblem", "Stimulus", "compare_study", "validate_limit"])
def test_former_names_warn_and_say_where_they_are(name: str) -> None:
    with pytest.warns(DeprecationWarning, match=rf"symdrift\.{name} .* stays as symdrift\."):
        assert getattr(symdrift, name).__name__ == name
    assert name not in symdrift.__all__


def test_evaluations_of_stimuli_alone_are_evaluations() -> None:
    with pytest.warns(DeprecationWarning, match=r"stays as .*result\.Evaluation$"):
        assert symdrift.StimulusEvaluation is symdrift.Evaluation  # type: ignore[attr-defined]
    with pytest.warns(DeprecationWarning, match='quantities="stimuli"'):
        former = symdrift.evaluate_stimuli(STUDY)
    assert former.to_dict() == symdrift.evaluate(STUDY, quantities="stimuli").to_dict()


def test_a_problem_is_taken_with_a_warning() -> None:
    with pytest.warns(DeprecationWarning, match="take the study itself"):
        symdrift.evaluate(STUDY.problem())  # type: ignore[arg-type]


def test_without_the_library_it_is_asked_for_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xarray", None)
    study = symdrift.read_study("bottleneck")
    for result in (symdrift.sweep(study, ()), symdrift.observe(study, np.array([1.0, 10.0]))):
        with pytest.raises(RequestError) as refused:
            result.to_dataset()
        said = "to_dataset needs xarray: pip install 'symdrift[data]'"
        assert str(refused.value) == said


@pytest.mark.parametrize("command", ["evaluate", "observe"])
def test_no_command_loads_the_library(command: str) -> None:
    code = (
        f"import sys; from symdrift.cli import run; run(['{command}', 'bottleneck', '--json'])\n"
        "assert not {'xarray', 'pandas', 'sympy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)

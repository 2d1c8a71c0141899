"""The schema of a study's file, which editors use, says what the reader says."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from declarations import DISTRIBUTIONS
from hypothesis import given
from hypothesis import strategies as st

from symdrift.errors import RequestError
from symdrift.study import Study, shipped_studies
from symdrift.study.reader import study_from_document
from symdrift.study.schema import SCHEMA_FILE, TABLE_FILE, fields_page, study_schema

CHECKER = jsonschema.Draft7Validator(json.loads(SCHEMA_FILE.read_text("utf-8")))
WriteStudy = Callable[[str], Path]

WHOLE = """
title = "All fields"
network = { inputs = 2, outputs = 3, hidden = "p" }
teacher = { map = [1.2, "a"], label_noise = [0.1, 0.2, 0.3] }
learning = { rate = 0.005, weight_decay = "gamma", batch = 8, synaptic_noise = 1e-6, minimum = 2 }
stimulus = [{ name = "odd", vector = [1, -1] }, { name = "even", vector = [1, "1/2"] }]
notation = { preset = ["step_size", "numbered_layers"], hidden = "d_1" }
values = { a = 0.8, gamma = "3/20", p = 4 }
inputs = """
INPUTS = {
    "gaussian": "{ covariance = [[1.5, 0.6], [0.6, 0.8]] }",
    "elliptical": '{ distribution = "elliptical", covariance = [2, 1], kurtosis = 0.5 }',
    "stimuli": '{ distribution = "stimuli", stimuli = [[1, 0], [0, 1]], probabilities = [0.5, 0.5] '
    "}",
    "samples": '{ distribution = "samples", file = "digits.csv", columns = ["component 1", 3], '
    "center = true, components = 2 }",
}
DATA = shipped_studies()["digits"].parent / "data" / "example.toml"


def whole(kind: str) -> dict[str, Any]:
    return tomllib.loads(WHOLE + INPUTS[kind])


def accepted(document: dict[str, Any]) -> bool:
    try:
        study_from_document(document, "example", DATA, Study)
    except RequestError:
        return False
    return True


def test_the_files_are_those_of_the_declarations() -> None:
    """After a change of ``study/model.py``, ``python -m symdrift.study`` writes them."""
    assert json.loads(SCHEMA_FILE.read_text("utf-8")) == study_schema()
    assert TABLE_FILE.read_text("utf-8") == fields_page()


def test_every_distribution_is_written_out() -> None:
    assert set(INPUTS) == set(DISTRIBUTIONS)


def test_the_schema_is_one() -> None:
    jsonschema.Draft7Validator.check_schema(study_schema())


@pytest.mark.parametrize("name", sorted(shipped_studies()))
def test_shipped_studies_are_what_the_schema_describes(name: str) -> None:
    CHECKER.validate(tomllib.loads(shipped_studies()[name].read_text("utf-8")))


@pytest.mark.parametrize("kind", sorted(INPUTS))
def test_all_fields_are_accepted_by_both(kind: str) -> None:
    assert accepted(whole(kind))
    CHECKER.validate(whole(kind))


# Where a field is, and what it may not hold.
WRONG: list[tuple[str, str, Any]] = [
    ("gaussian", "", []),
    ("gaussian", "title", 3),
    ("gaussian", "title", " "),
    ("gaussian", "title", "a" * 201),
    ("gaussian", "lerning", {}),
    ("gaussian", "network", 3),
    ("gaussian", "network.widths", 3),
    ("gaussian", "network.inputs", 0),
    ("gaussian", "network.hidden", 2.5),
    ("gaussian", "network.hidden", 5000),
    ("gaussian", "inputs.distribution", "normal"),
    ("gaussian", "inputs.distribution", []),
    ("gaussian", "inputs.kurtosis", 1),
    ("gaussian", "inputs.covariance", -2),
    ("gaussian", "inputs.covariance", True),
    ("gaussian", "inputs.covariance", []),
    ("gaussian", "inputs.covariance", [1, 0]),
    ("gaussian", "inputs.covariance", [[1.5, 0.6], 3]),
    ("elliptical", "inputs.stimuli", [[1, 0]]),
    ("stimuli", "inputs.stimuli", [1, 0]),
    ("stimuli", "inputs.stimuli", "x"),
    ("stimuli", "inputs.probabilities", 1),
    ("stimuli", "inputs.probabilities", [-0.5, 1.5]),
    ("samples", "inputs.file", "digits.txt"),
    ("samples", "inputs.file", 3),
    ("samples", "inputs.columns", []),
    ("samples", "inputs.columns", [0, 1]),
    ("samples", "inputs.columns", [True]),
    ("samples", "inputs.center", 1),
    ("samples", "inputs.components", 0),
    ("gaussian", "teacher.map", "eye"),
    ("gaussian", "teacher.map", 1),
    ("gaussian", "teacher.label_noise", [0.1, -0.2, 0.3]),
    ("gaussian", "learning.rate", 0),
    ("gaussian", "learning.rate", "a ? b"),
    ("gaussian", "learning.rate", [0.1]),
    ("gaussian", "learning.weight_decay", -0.1),
    ("gaussian", "learning.batch", 1.5),
    ("gaussian", "learning.batch", 2**53),
    ("gaussian", "learning.synaptic_noise", -1e-6),
    ("gaussian", "learning.minimum", 0),
    ("gaussian", "stimulus", {"name": "odd", "vector": [1, -1]}),
    ("gaussian", "stimulus", [{"name": "odd"}]),
    ("gaussian", "stimulus", [{"name": "a" * 41, "vector": [1, 1]}]),
    ("gaussian", "stimulus", [{"name": "odd", "vector": 1}]),
    ("gaussian", "stimulus", [{"name": str(k), "vector": [1, 1]} for k in range(1001)]),
    ("gaussian", "notation.gama", "g"),
    ("gaussian", "notation.weight_decay", 3),
    ("gaussian", "notation.preset", "none"),
    ("gaussian", "values.a b", 1),
    ("gaussian", "values.a", []),
]


@pytest.mark.parametrize(("kind", "field", "value"), WRONG)
def test_what_a_field_may_not_hold_is_refused_by_both(kind: str, field: str, value: Any) -> None:
    document = whole(kind)
    table = document
    *path, name = field.split(".")
    for step in path:
        table = table[step]
    table[name] = value
    assert not accepted(document)
    assert not CHECKER.is_valid(document)


def required(document: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """Fields that every study of its kind has."""
    optional = {"title", "teacher", "stimulus", "notation", "values", "batch", "synaptic_noise"}
    optional |= {"minimum"}
    optional |= {"columns", "center", "components", "distribution"}
    for name, entry in document.items():
        if name not in optional:
            yield (name,)
            yield from ((name, field) for field in entry if field not in optional)


@pytest.mark.parametrize(
    ("kind", "path"), [(kind, path) for kind in sorted(INPUTS) for path in required(whole(kind))]
)
def test_a_missing_field_is_refused_by_both(kind: str, path: tuple[str, ...]) -> None:
    document = whole(kind)
    table = document if len(path) == 1 else document[path[0]]
    del table[path[-1]]
    assert not accepted(document)
    assert not CHECKER.is_valid(document)


entries = st.recursive(
    st.one_of(
        st.booleans(),
        st.integers(-3, 5),
        st.floats(-2, 3),
        st.sampled_from(["gamma", "1/2", "a b", "", "identity", "samples", "digits.csv", "\\rho"]),
    ),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(sorted(INPUTS)), st.randoms(use_true_random=False), entries)
def test_no_editor_complains_of_what_the_reader_accepts(
    kind: str, random: Any, value: object
) -> None:
    document = deepcopy(whole(kind))
    name = random.choice(sorted(document))
    table = document[name]
    if isinstance(table, dict) and random.random() < 0.8:
        table[random.choice(sorted(table))] = value
    else:
        document[name] = value
    assert CHECKER.is_valid(document) or not accepted(document)

"""Results are written by their fields, in the text of the standard library."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from symdrift.evaluation.evaluate import evaluate
from symdrift.evaluation.result import listed
from symdrift.evaluation.validity import MEANINGS, Validity
from symdrift.observables.observation import observe, series
from symdrift.records import DiagonalRows, Record, json_parts, plain
from symdrift.study import read_study

LEAVES = st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False).filter(
    lambda value: abs(value) != float("inf")
)  # fmt: skip
RECORDS = st.recursive(
    LEAVES | st.lists(st.just(0.0), max_size=3),
    lambda parts: st.lists(parts) | st.dictionaries(st.text(), parts),
)


@pytest.mark.slow
@given(RECORDS, st.integers(0, 3), st.booleans())
def test_the_text_is_that_of_the_standard_library(
    record: Any, indent: int, ascii_only: bool
) -> None:
    text = "".join(json_parts(record, indent, ascii_only=ascii_only))
    assert text == json.dumps(record, indent=indent, ensure_ascii=ascii_only)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("wrap", [lambda value: value, lambda value: {"a": [0.0, value]}])
def test_what_is_no_number_is_refused(number: float, wrap: Any) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        list(json_parts(wrap(number)))


@pytest.mark.parametrize("size", range(4))
def test_rows_that_are_made_are_written_like_a_matrix(size: int) -> None:
    diagonal = [float(place + 1) for place in range(size)]
    record = {"covariance": DiagonalRows(diagonal)}
    matrix = {"covariance": np.diag(diagonal).tolist() if diagonal else []}
    assert "".join(json_parts(record)) == json.dumps(matrix, indent=2)
    assert json.loads(json.dumps(record, default=list)) == matrix


def test_objects_become_records_one_after_the_other() -> None:
    """The second is made when the first has been written."""
    made: list[int] = []

    class Part:
        def __init__(self, number: int) -> None:
            self.number = number

        def to_dict(self) -> dict[str, Any]:
            made.append(self.number)
            return {"number": self.number, "missing": None}

    parts = json_parts([Part(1), Part(2)])
    text = ""
    while "1" not in text:
        text += next(parts)
    assert made == [1]
    assert json.loads(text + "".join(parts)) == [
        {"number": 1, "missing": None},
        {"number": 2, "missing": None},
    ]


def test_rows_of_numbers_take_no_longer_than_without_line_breaks() -> None:
    """The standard library's own breaking of lines takes over three times as long."""
    rows = [[0.0] * 1000 for _ in range(300)]

    def seconds(write: Any) -> float:
        times = []
        for _ in range(3):
            start = time.process_time()
            write()
            times.append(time.process_time() - start)
        return min(times)

    ours = seconds(lambda: "".join(json_parts(rows)))
    assert ours < 2 * seconds(lambda: json.dumps(rows))


@dataclass(frozen=True)
class Inner(Record):
    behind = MappingProxyType({"double": "name"})
    name: str

    @property
    def double(self) -> str:
        return 2 * self.name


@dataclass(frozen=True)
class Outer(Record):
    inner: tuple[Inner, ...]
    array: Any
    by_name: dict[str, Any]
    nothing: None = None


def test_a_record_is_the_fields_of_a_result_in_plain_types() -> None:
    record = Outer((Inner("a"),), np.eye(2), {"x": np.float64(0.5), "y": (1, 2)}).to_dict()
    assert record == {
        "inner": [{"double": "aa", "name": "a"}],
        "array": [[1.0, 0.0], [0.0, 1.0]],
        "by_name": {"x": 0.5, "y": [1, 2]},
        "nothing": None,
    }
    assert type(record["by_name"]["x"]) is float
    assert list(record["inner"][0]) == ["name", "double"]


def test_zeros_of_a_sparse_matrix_are_one_object() -> None:
    """A fifth of the memory of its lists; what is written is the same."""
    for matrix in (np.diag([1.5, 0.0, 2.0, 0.5, 1.0]), np.diag([1.0, -0.0, 2.0]), np.ones((2, 3))):
        assert json.dumps(plain(matrix)) == json.dumps(matrix.tolist())
    rows = plain(np.eye(9))
    assert len({id(entry) for row in rows for entry in row if entry == 0.0}) == 1


@pytest.mark.parametrize("method", ["closed-form", "dense"])
def test_every_number_of_an_evaluation_is_listed(method: str) -> None:
    """Beside the evidence of a minimum and the names of what numbers belong to."""
    evaluation = evaluate(read_study("bottleneck").problem(), method)
    told = {"minimum.certificate", "minimum.number", "minimum.others", "drift.planes",
            "drift.diagonal", "stimuli.name"}  # fmt: skip
    found = {f"{each.group}.{each.name}" for each in listed(evaluation)}
    groups = {
        name for name in evaluation.written() if isinstance(getattr(evaluation, name), Record)
    }
    record = evaluation.to_dict() | {"stimuli": evaluation.stimuli[0].to_dict()}
    for group in groups - {"next_order"} | {"stimuli"}:
        assert {f"{group}.{name}" for name in record[group]} - told <= found


def test_every_array_of_an_observation_is_a_series() -> None:
    observation = observe(read_study("teacher_label_noise").problem(), np.array([1e3, 1e6]))
    found = {(each.observable, each.part) for each in series(observation)}
    told = {"lags", "quantiles", "neurons"}
    for field in fields(observation):
        value = getattr(observation, field.name)
        (record, *_) = value if isinstance(value, tuple) and value else (value,)
        if isinstance(record, Record) and field.name not in ("bands", "time_scales"):
            parts = {name for name in record.written() if hasattr(getattr(record, name), "shape")}
            assert {(field.name, name) for name in parts - told} <= found
            assert field.name in {observable for observable, _ in found}


def test_small_numbers_have_a_meaning() -> None:
    numbers = {field.name for field in fields(Validity)}
    assert numbers == MEANINGS.keys() | {"critical_rate", "rate_over_critical"}

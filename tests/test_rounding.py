"""What rounding would decide is decided alike wherever it is computed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from symdrift.rounding import first_largest, quiet, rounded
from symdrift.study.problem import Array


@dataclass(frozen=True)
class Curve:
    name: str
    values: Array
    errors: tuple[float, ...]


def test_records_are_rounded_to_significant_digits() -> None:
    record = {"a": [1.23456789012345, 1e-20 / 3], "b": {"c": 7, "d": None, "e": True}}
    assert rounded(record, 10) == {
        "a": [1.23456789, 3.333333333e-21],
        "b": {"c": 7, "d": None, "e": True},
    }


def test_data_of_figures_are_rounded_field_by_field() -> None:
    curve = Curve("a", np.array([[1 / 3, 0.0], [np.inf, 2e-9 / 3]]), (2 / 3,))
    found = rounded(curve, 3)
    assert (found.name, found.errors) == ("a", (0.667,))
    np.testing.assert_array_equal(found.values, [[0.333, 0.0], [np.inf, 6.67e-10]])
    assert curve.errors == (2 / 3,)


@given(st.integers(min_value=10**5, max_value=10**6 - 1), st.integers(-30, 30))
def test_halves_go_the_same_way_from_either_side(digits: int, power: int) -> None:
    half = (digits + 0.5) * 10.0**power
    below, above = half * (1 - 3e-16), half * (1 + 3e-16)
    assert rounded(below, 6) == rounded(half, 6) == rounded(above, 6)


@given(st.lists(st.floats(-1e3, 1e3), min_size=1), st.data())
def test_the_first_of_equal_numbers_is_the_largest(sizes: list[float], data: st.DataObject) -> None:
    values = np.array(sizes)
    first = first_largest(values)
    assert values[first] >= values.max() - 1e-7 * abs(values.max())
    assert not np.any(values[:first] == values.max())
    digits = data.draw(st.lists(st.floats(-1, 1), min_size=len(sizes), max_size=len(sizes)))
    alike = np.full(len(sizes), values.max()) * (1 + 1e-15 * np.array(digits))
    assert first_largest(alike) == 0


@pytest.mark.parametrize("size", [1e-20, 1.0, 1e20])
def test_what_vanishes_beside_a_size_is_zero(size: float) -> None:
    assert quiet(np.array([1e-13, -1e-13, 1e-9]) * size, size).tolist() == [0.0, 0.0, 1e-9 * size]

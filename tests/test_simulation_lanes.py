"""Lane arithmetic in compiled code is NumPy's, lane by lane, and its cache is never stale."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numba.core import config

from symdrift.simulation import lanes
from symdrift.simulation.lanes import (
    LANES,
    as_floats,
    as_words,
    compiled,
    floats,
    floats_like,
    halves,
    load,
    local_floats,
    pointer,
    shift_left,
    shift_right,
    shift_right_signed,
    signed_to_floats,
    square_root,
    store,
    twin,
    words_like,
)


@compiled
def float_operations(a_array: Any, b_array: Any, result_array: Any) -> None:
    a, b, result = pointer(a_array), pointer(b_array), pointer(result_array)
    left, right = load(a, 0), load(b, 0)
    store(result, 0, left + right)
    store(result, 1, left - right)
    store(result, 2, left * right)
    store(result, 3, left / right)
    store(result, 4, square_root(right))
    store(result, 5, floats(2.5))


@compiled
def word_operations(a_array: Any, b_array: Any, result_array: Any) -> None:
    a, b, result = pointer(a_array), pointer(b_array), pointer(result_array)
    left, right = load(a, 0), load(b, 0)
    store(result, 0, left + right)
    store(result, 1, left - right)
    store(result, 2, left & right)
    store(result, 3, left | right)
    store(result, 4, left ^ right)
    store(result, 5, shift_left(left, 17))
    store(result, 6, shift_right(left, 11))
    store(result, 7, shift_right_signed(left, 52))
    store(result, 8, words_like(left, 12345))


@compiled
def conversions(a_array: Any, result_array: Any) -> None:
    a, result = pointer(a_array), pointer(result_array)
    memory = local_floats(2)
    store(memory, 1, signed_to_floats(load(a, 0)))
    store(result, 0, load(memory, 1))
    store(result, 1, as_floats(as_words(load(result, 0))))


@compiled
def twin_operations(a_array: Any, b_array: Any, result_array: Any) -> None:
    a, b, result = pointer(a_array), pointer(b_array), pointer(result_array)
    both = twin(load(a, 0), load(b, 0))
    numbers = signed_to_floats(shift_right(both ^ words_like(both, 12345), 11))
    early, late = halves(square_root(numbers * numbers + floats_like(both, 2.5)))
    store(result, 0, early)
    store(result, 1, late)


def test_float_operations_are_those_of_numpy() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=LANES), rng.uniform(0.5, 2.0, size=LANES)
    result = np.empty((6, LANES))
    float_operations(a, b, result.reshape(-1))
    expected = [a + b, a - b, a * b, a / b, np.sqrt(b), np.full(LANES, 2.5)]
    assert np.array_equal(result, np.stack(expected))


def test_word_operations_are_those_of_numpy() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.integers(0, 2**64, size=(2, LANES), dtype=np.uint64)
    result = np.empty((9, LANES), dtype=np.uint64)
    word_operations(a, b, result.reshape(-1))
    signed = (a.view(np.int64) >> 52).view(np.uint64)
    expected = [
        a + b, a - b, a & b, a | b, a ^ b, a << np.uint64(17), a >> np.uint64(11), signed,
        np.full(LANES, 12345, dtype=np.uint64),
    ]  # fmt: skip
    assert np.array_equal(result, np.stack(expected))


def test_twin_vectors_are_worked_on_like_their_halves() -> None:
    rng = np.random.default_rng(2)
    a, b = rng.integers(0, 2**64, size=(2, LANES), dtype=np.uint64)
    result = np.empty((2, LANES))
    twin_operations(a, b, result.reshape(-1))
    numbers = ((np.stack([a, b]) ^ np.uint64(12345)) >> np.uint64(11)).astype(float)
    np.testing.assert_allclose(result, np.sqrt(numbers**2 + 2.5), rtol=1e-15)


def test_words_become_floats_as_signed_integers_and_bits_survive() -> None:
    a = np.array([0, 1, 2**52, 2**64 - 1, 2**63, 7, 8, 9], dtype=np.uint64)
    result = np.empty((2, LANES))
    conversions(a, result.reshape(-1))
    assert np.array_equal(result[0], a.view(np.int64).astype(float))
    assert np.array_equal(result[1], result[0])


def test_a_change_in_any_source_file_invalidates_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path))

    def hits_and_misses() -> tuple[int, int]:
        kernel: Any = compiled(float_operations.py_func)  # type: ignore[attr-defined]
        kernel(np.ones(LANES), np.ones(LANES), np.empty(6 * LANES))
        return sum(kernel.stats.cache_hits.values()), sum(kernel.stats.cache_misses.values())

    assert hits_and_misses() == (0, 1)
    assert hits_and_misses() == (1, 0)
    monkeypatch.setattr(lanes, "SOURCES", "other")
    assert hits_and_misses() == (0, 1)

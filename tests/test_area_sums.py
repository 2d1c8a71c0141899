"""Sums over solved blocks: few operations, one result whichever way they are added up."""

from __future__ import annotations

import ast
import inspect
import re
import threading
from typing import Any

import numpy as np
import pytest

from symdrift.evaluation.closed_form import (
    area_sums,
    isotropic_formulas,
    many_networks,
    printed_aligned,
)
from symdrift.evaluation.closed_form import formulas as kernels
from symdrift.evaluation.closed_form.area_sums import CELL, Directions, swept_areas
from symdrift.evaluation.sweep import sweep
from symdrift.evaluation.sweep_axes import linear_axis
from symdrift.study import read_study
from symdrift.study.problem import Array


def directions(networks: int, size: int, active: int) -> tuple[Directions, Array]:
    """Random networks and their weight decay; of other directions some are worth learning."""
    rng = np.random.default_rng(size)
    gamma = rng.uniform(0.1, 0.3, networks)
    variance = rng.uniform(0.5, 3, (networks, size))
    known = np.arange(size) < active
    residual = np.where(known, gamma[:, None] / variance, rng.uniform(0.01, 0.15, size))
    slack = np.where(known, 0.0, gamma[:, None] - variance * residual)
    noise = rng.uniform(0, 0.5, (networks, size))
    value = np.where(known, 1 - residual, 0.0)
    missed = np.maximum(-slack / variance, 0.0)
    strength = variance * (value + missed) ** 2
    rest = np.zeros_like(strength)
    return Directions(variance, noise, value, residual, slack, missed, strength, rest), gamma


@pytest.mark.parametrize("name", ["_solved_block", "_own_term", "_joint_term"])
def test_terms_take_few_operations_and_say_how_many(name: str) -> None:
    source = inspect.getsource(getattr(printed_aligned, name))
    found = sum(
        isinstance(node, ast.BinOp | ast.UnaryOp | ast.Call) for node in ast.walk(ast.parse(source))
    )
    (said,) = re.findall(r"(\d+) operations\.", source)
    assert found == int(said) < 100


@pytest.mark.slow
@pytest.mark.parametrize(("networks", "size", "rows"), [(CELL + 9, 4, 3), (2, CELL + 3, CELL + 1)])
@pytest.mark.parametrize("several", [False, True])
def test_compiled_sums_are_those_of_numpy(
    networks: int, size: int, rows: int, several: bool
) -> None:
    """Many networks, and a large one; every direction once, or some of them several times."""
    pytest.importorskip("numba")
    axes, gamma = directions(networks, size, rows)
    count = 1 + np.arange(size) % 3 if several else np.ones(size, dtype=int)
    plain, compiled = (
        swept_areas(axes, gamma, count, rows, False, compile_it) for compile_it in (False, True)
    )
    assert np.count_nonzero(np.diagonal(plain[0])) == (count[:rows] > 1).sum()
    np.testing.assert_allclose(compiled, plain, rtol=1e-13, atol=0)


@pytest.mark.parametrize(
    ("size", "rows", "several"),
    [(3, 3, False), (70, 3, False), (36, 35, False), (7, 5, True), (36, 34, True)],
)
@pytest.mark.parametrize("white", [False, True])
def test_many_networks_are_added_up_like_one(
    size: int, rows: int, several: bool, white: bool
) -> None:
    """Few and many blocks, of which wide networks keep none; equal directions; few networks."""
    axes, gamma = directions(CELL + 1, size, rows)
    count = 1 + np.arange(size) % 3 if several else np.ones(size, dtype=int)
    together = swept_areas(axes, gamma, count, rows, white, False)
    for k in (0, CELL):
        one = Directions(*(part[k : k + 1] for part in axes))
        alone = swept_areas(one, gamma[k : k + 1], count, rows, white, False)
        np.testing.assert_allclose(alone[0], together[k], rtol=1e-13)
    first = Directions(*(part[:6] for part in axes))
    few = swept_areas(first, gamma[:6], count, rows, white, False)
    np.testing.assert_allclose(few, together[:6], rtol=1e-13)


@pytest.mark.parametrize("absent", ["", "label_noise", "missed_value", "slack", "strength_rest"])
def test_what_no_network_has_is_left_out_of_the_sums(
    absent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Networks together, which do nothing with it, and each alone, which adds zeros.

    Nothing is read from memory that nobody has written to, whatever was left there.
    """
    empty = np.empty

    def left_over(*given: Any, **kind: Any) -> Any:
        memory = empty(*given, **kind)
        if memory.dtype == float:
            memory.fill(np.inf)
        return memory

    monkeypatch.setattr(many_networks, "_HELD", threading.local())
    monkeypatch.setattr(np, "empty", left_over)
    axes, gamma = directions(CELL + 1, 5, 3)
    rest = np.where(axes.missed_value > 0, 1e-3, 0.0)
    axes = axes._replace(strength_rest=rest)
    if absent:
        axes = axes._replace(**{absent: np.zeros_like(rest)})
    count = np.ones(5, dtype=int)
    together = swept_areas(axes, gamma, count, 3, False, False)
    for k in (0, CELL):
        one = Directions(*(part[k : k + 1] for part in axes))
        alone = swept_areas(one, gamma[k : k + 1], count, 3, False, False)
        np.testing.assert_allclose(alone[0], together[k], rtol=1e-13)


def test_directions_that_are_alike_count_as_often_as_there_are_of_them() -> None:
    """Two kinds of three and two directions, active, and two of a third that is not."""
    axes, gamma = directions(1, 3, 2)
    count = np.array([3, 2, 2])
    spread = Directions(*(np.repeat(part, count, axis=1) for part in axes))
    kinds = swept_areas(axes, gamma, count, 2, False, False)[0]
    single = swept_areas(spread, gamma, np.ones(7, dtype=int), 5, False, False)[0]
    kind = np.repeat([0, 1], [3, 2])
    apart = ~np.eye(5, dtype=bool)
    np.testing.assert_allclose(single[apart], kinds[kind[:, None], kind][apart], rtol=1e-13)


def test_a_million_equal_inputs_are_as_quick_as_two() -> None:
    """The isotropic formula, and a bulk with three spikes, whose area has no term of its own."""
    size, stimulus = 10**6, np.zeros(10**6)
    stimulus[:2] = 1.0, 2.0
    sizes = {"inputs": size, "outputs": size, "hidden": size}
    rate = kernels.decay_rate(stimulus, 2.0, 0.3, 1e-9, label_noise=0.1, **sizes)
    expected = isotropic_formulas.decay_rate(size, 2.0, 0.3, 1e-9, label_noise=0.1)
    assert rate == pytest.approx(float(expected), rel=1e-12)
    spectrum = np.full(size, 0.7)
    spectrum[:3] = 4.0, 3.0, 2.0
    spiked: Any = kernels.decay_rate(stimulus, spectrum, 0.3, 1e-9, **sizes)
    smaller = {**dict.fromkeys(sizes, 1000)}
    few = kernels.decay_rate(stimulus[:1000], spectrum[:1000], 0.3, 1e-9, **smaller)
    # Planes with the bulk, and terms of it, are as many as there are inputs in it.
    assert spiked / few == pytest.approx(1e6, rel=0.01)


def test_networks_may_learn_different_directions() -> None:
    """Each is what it would be alone."""
    rng = np.random.default_rng(3)
    spectra = rng.uniform(0.1, 2, (150, 5))
    sizes: dict[str, Any] = {"inputs": 5, "outputs": 5, "hidden": 3}
    together = kernels.diffusion_tensor(spectra, 0.4, 0.01, **sizes)
    assert len({tuple(row) for row in (together[:, 0] > 0).tolist()}) > 5
    for k in range(0, 150, 10):
        alone = kernels.diffusion_tensor(spectra[k], 0.4, 0.01, **sizes)
        np.testing.assert_allclose(together[k], alone, rtol=1e-13)


def test_long_computations_are_compiled_and_short_ones_do_not_load_numba(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wanted: list[bool] = []
    without: Any = swept_areas

    def summed(*arguments: Any) -> Array:
        wanted.append(arguments[-1])
        areas: Array = without(*arguments[:-1], False)
        return areas

    monkeypatch.setattr("symdrift.evaluation.closed_form.planes.swept_areas", summed)
    sizes: dict[str, Any] = {"inputs": 3, "outputs": 3, "hidden": 3}
    kernels.diffusion_tensor([1.0, 2.0, 3.0], 0.3, 0.01, **sizes)
    monkeypatch.setattr("symdrift.evaluation.closed_form.planes.WORTH_COMPILING", 17)
    kernels.diffusion_tensor([1.0, 2.0, 3.0], 0.3, 0.01, **sizes)
    assert wanted == [False, True]


def test_a_sweep_is_compiled_where_all_of_its_networks_are_worth_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A part of four networks is not; learning rates alone make no other networks."""
    wanted: list[bool] = []
    without: Any = swept_areas

    def summed(*arguments: Any) -> Array:
        wanted.append(arguments[-1])
        areas: Array = without(*arguments[:-1], False)
        return areas

    monkeypatch.setattr("symdrift.evaluation.closed_form.planes.swept_areas", summed)
    monkeypatch.setattr("symdrift.evaluation.closed_form.planes.WORTH_COMPILING", 18 * 10)
    monkeypatch.setattr("symdrift.evaluation.sweep_request._MOST_TOGETHER", 4)
    study = read_study("anisotropic_autoencoder")
    for path, high in (("gamma", 0.25), ("eta", 0.005)):
        sweep(study, [linear_axis(path, high / 2, high, 12)])
    assert wanted == [True] * 3 + [False] * 3


def test_without_numba_it_is_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "numba", None)
    area_sums._compiled_loop.cache_clear()
    axes, gamma = directions(2, 3, 3)
    given = (axes, gamma, np.ones(3, dtype=int), 3, False)
    np.testing.assert_array_equal(swept_areas(*given, True), swept_areas(*given, False))
    area_sums._compiled_loop.cache_clear()

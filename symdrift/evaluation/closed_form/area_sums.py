"""Swept areas of all planes: sums over solved blocks, for many networks or for one large one.

Networks stand along the first axis of every array, directions along the last.  Compiled code works
on cells of `CELL` numbers: one direction of as many networks, or as many directions of one network.
NumPy does the same work, and gives the same but for rounding, where Numba is not installed or not
worth its import.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from types import FunctionType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from symdrift.compilation import compiled, digest, inlined
from symdrift.evaluation.closed_form.many_networks import (
    BESIDE,
    FEWEST,
    KNOWN,
    PARTS,
    TERMS,
    Counts,
    areas_of_networks,
)
from symdrift.evaluation.closed_form.network_axes import closeness
from symdrift.evaluation.closed_form.printed_aligned import (
    _beside_blocks,
    _joint_term,
    _own_term,
    _solved_block,
)

Array = NDArray[np.float64]

WORTH_COMPILING = 40_000_000
"""Terms above which compiled code is taken: about a second in NumPy."""

AT_A_TIME = 2**14
"""Numbers that one operation of NumPy is about where they are directions of one network."""

DIRECTIONS_APIECE = 12
"""For each network, up to which several take less time side by side than one after the other."""

CELL, TILE = 64, 4
"""Numbers of a cell, and rows whose blocks are held at a time."""

_LOADING = threading.Lock()
"""Threads that begin together would each load compiled code of their own."""


class Directions(NamedTuple):
    """What the terms know of directions, arrays of shape (networks, directions).

    ``slack`` is gamma less the coupling: 0 where a direction is active.  The last three are as in
    `NetworkAxes`.
    """

    variance: Array
    label_noise: Array
    singular_value: Array
    residual: Array
    slack: Array
    missed_value: Array
    strength: Array
    strength_rest: Array


def swept_areas(
    directions: Directions,
    weight_decay: Array,
    count: Counts,
    rows: int,
    white: bool,
    compile_it: bool,
) -> Array:
    """Swept areas of the planes of the first directions, per eta and for a batch of one sample.

    Parameters
    ----------
    directions : Directions
        Each of which stands for `count` equal ones; the first ones are active.
    weight_decay : ndarray, shape (networks,)
    count : ndarray of int, shape (directions,)
    rows : int
        How many directions have planes.
    white : bool
        The white-noise approximation.
    compile_it : bool
        Whether to use Numba where it is installed; white noise is there for comparison and is not
        worth it.

    Returns
    -------
    ndarray, shape (networks, rows, rows)
        Zero for a direction with itself where there is only one of it.
    """
    loop = None
    if compile_it and not white:
        with _LOADING:
            loop = _compiled_loop()
    if loop is not None:
        return _by_cells(loop, directions, weight_decay, count, rows)
    if len(weight_decay) >= min(FEWEST, max(2, len(count) // DIRECTIONS_APIECE)):
        return areas_of_networks(directions, weight_decay, count, rows, white)
    areas = np.zeros((len(weight_decay), rows, rows))
    for axes, gamma, area in zip(zip(*directions, strict=True), weight_decay, areas, strict=True):
        _by_directions(Directions(*axes), gamma, count, rows, white, area)
    return areas


def _by_directions(
    axes: Directions, gamma: Any, count: Counts, rows: int, white: bool, areas: Array
) -> None:
    """Column by column, each operation about several rows and all directions of one network."""
    own_term, joint_term = TERMS[white]
    size, beside = len(count), _beside_blocks(axes.variance, axes.residual, gamma)
    step = max(1, AT_A_TIME // size)
    for start in range(0, rows, step):
        tile = np.arange(start, min(start + step, rows))
        known = _solved(axes, tile[:, None], slice(None), gamma)
        left = [np.broadcast_to(part, (len(tile), size)) for part in known]
        for j in range(start, rows):
            met = tile[: np.searchsorted(tile, j, side="right")]
            right = [np.broadcast_to(part, size) for part in _solved(axes, j, slice(None), gamma)]
            others = np.broadcast_to(count, (len(met), size)).copy()
            others[np.arange(len(met)), met] -= 1
            others[:, j] -= 1
            term = joint_term(*(part[: len(met)] for part in left), *right, *beside)
            area = np.where(others > 0, others * term, 0.0).sum(axis=1)
            for i, block in (
                (met, [part[met] for part in right]),
                (j, [part[: len(met), j] for part in left]),
            ):
                single = (axes.variance[i], axes.label_noise[i], axes.singular_value[i])
                area += own_term(*single, *block, *(part[i] for part in beside), gamma)
            area[(met == j) & (count[j] < 2)] = 0.0
            areas[met, j] = areas[j, met] = area


def _solved(axes: Directions, i: Any, l: Any, gamma: Any) -> tuple[Array, ...]:
    row, others = (Directions(*(part[k] for part in axes)) for k in (i, l))
    close = closeness(*row[6:], *others[4:])
    return _solved_block(*row[:4], *others[:4], *close, gamma)


@cache
def _compiled_loop() -> Callable[..., None] | None:
    """The loop with the printed formulas in it, compiled; None without Numba."""
    try:
        pieces: dict[str, Any] = {
            "_beside": inlined(_beside_blocks),
            "_solve": inlined(_solved_block),
            "_own_piece": inlined(_own_term),
            "_joint_piece": inlined(_joint_term),
        }
        for function in (_fill, _row, _beside_cell, _solve_cell, _own_cell, _joint_cell):
            pieces[function.__name__] = inlined(_with(function, pieces))
        sources = digest(Path(f.__code__.co_filename) for f in (_loop, _solved_block))
        loop: Callable[..., None] = compiled(_with(_loop, pieces), sources)
        return loop
    except ImportError:
        return None


def _with(function: Any, pieces: dict[str, Any]) -> Any:
    """A function that finds other pieces by their names."""
    return FunctionType(function.__code__, {**globals(), **pieces}, function.__name__)


def _by_cells(
    loop: Callable[..., None], directions: Directions, gamma: Array, count: Counts, rows: int
) -> Array:
    """Run the compiled loop: rows of a single network over threads."""
    networks = len(gamma)
    if networks >= CELL:
        areas = np.zeros((rows, rows, networks))
        axes = [np.ascontiguousarray(part.T) for part in directions]
        loop(*axes, gamma, count, rows, True, 0, 1, areas)
        return np.moveaxis(areas, -1, 0)
    areas = np.zeros((networks, rows, rows, 1))
    workers = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    with ThreadPoolExecutor(workers) as pool:
        for k in range(networks):
            axes = [np.ascontiguousarray(part[k : k + 1].T) for part in directions]
            given = (*axes, gamma[k : k + 1], count, rows, False)
            tasks = [pool.submit(loop, *given, w, workers, areas[k]) for w in range(workers)]
            for task in tasks:
                task.result()
    return areas[..., 0]


# What follows is compiled.  The pieces that it calls are put in the place of these names.
_beside: Any = None
_solve: Any = None
_own_piece: Any = None
_joint_piece: Any = None


def _fill(part: Any, first: int, many: bool, cell: int, out: Any) -> None:
    """Numbers of a cell; what fills the last one up has no weight."""
    size, networks = part.shape
    for x in range(CELL):
        if many:
            out[x] = part[cell, min(first + x, networks - 1)]
        else:
            out[x] = part[min(cell * CELL + x, size - 1), first]


def _row(axes: Any, i: int, many: bool, row: Any) -> None:
    """What is known of one direction, in every place of a cell."""
    for x in range(CELL):
        for part in range(PARTS):
            if many:
                row[part * CELL + x] = axes[i, part * CELL + x]
            else:
                row[part * CELL + x] = axes[i // CELL, part * CELL + i % CELL]


def _beside_cell(axes: Any, gamma: Any, out: Any) -> None:
    for x in range(CELL):
        (
            out[x], out[CELL + x], out[2 * CELL + x], out[3 * CELL + x], out[4 * CELL + x],
            out[5 * CELL + x],
        ) = _beside(axes[x], axes[3 * CELL + x], gamma[x])  # fmt: skip


def _solve_cell(row: Any, axes: Any, gamma: Any, block: Any) -> None:
    for x in range(CELL):
        missed, strength = axes[5 * CELL + x], row[6 * CELL + x]
        apart = (strength - axes[6 * CELL + x]) + (row[7 * CELL + x] - axes[7 * CELL + x])
        gap = apart if missed > 0.0 else strength
        slack = 0.0 if missed > 0.0 else axes[4 * CELL + x]
        (
            block[x], block[CELL + x], block[2 * CELL + x], block[3 * CELL + x],
            block[4 * CELL + x], block[5 * CELL + x], block[6 * CELL + x], block[7 * CELL + x],
            block[8 * CELL + x],
        ) = _solve(
            row[x], row[CELL + x], row[2 * CELL + x], row[3 * CELL + x], axes[x], axes[CELL + x],
            axes[2 * CELL + x], axes[3 * CELL + x], slack, missed, gap, gamma[x],
        )  # fmt: skip


def _own_cell(
    row: Any, block: Any, beside: Any, gamma: Any, place: int, many: bool, sums: Any
) -> None:
    """Add the term of a direction itself, where a cell has it."""
    for x in range(0 if many else place, CELL if many else place + 1):
        sums[x] += _own_piece(
            row[x], row[CELL + x], row[2 * CELL + x],
            block[x], block[CELL + x], block[2 * CELL + x], block[3 * CELL + x],
            block[4 * CELL + x], block[5 * CELL + x], block[6 * CELL + x], block[7 * CELL + x],
            block[8 * CELL + x],
            beside[x], beside[CELL + x], beside[2 * CELL + x], beside[3 * CELL + x],
            beside[4 * CELL + x], beside[5 * CELL + x], gamma[x],
        )  # fmt: skip


def _joint_cell(left: Any, right: Any, beside: Any, weight: Any, sums: Any) -> None:
    for x in range(CELL):
        sums[x] += weight[x] * _joint_piece(
            left[x], left[CELL + x], left[2 * CELL + x], left[3 * CELL + x], left[4 * CELL + x],
            left[5 * CELL + x], left[6 * CELL + x], left[7 * CELL + x], left[8 * CELL + x],
            right[x], right[CELL + x], right[2 * CELL + x], right[3 * CELL + x],
            right[4 * CELL + x], right[5 * CELL + x], right[6 * CELL + x], right[7 * CELL + x],
            right[8 * CELL + x],
            beside[x], beside[CELL + x], beside[2 * CELL + x], beside[3 * CELL + x],
            beside[4 * CELL + x], beside[5 * CELL + x],
        )  # fmt: skip


def _loop(
    variance: Any, label_noise: Any, singular_value: Any, residual: Any, slack: Any,
    missed_value: Any, strength: Any, strength_rest: Any, weight_decay: Any, count: Any, rows: Any,
    many: Any, worker: Any, workers: Any, areas: Any,
) -> None:  # fmt: skip
    """Areas of some rows: every ``workers``-th tile from that of a worker."""
    size, networks = variance.shape
    span = 1 if many else CELL
    cells = (size + span - 1) // span
    axes, beside = np.empty((cells, PARTS * CELL)), np.empty((cells, BESIDE * CELL))
    # The last ones are those of a row outside the tile.
    blocks = np.empty((TILE + 1, cells, KNOWN * CELL))
    sums, rows_of = np.empty((TILE, CELL)), np.empty((TILE + 1, PARTS * CELL))
    gamma, fewer = np.empty(CELL), np.empty(CELL)
    weights = np.zeros((cells, CELL))
    for l in range(size):
        weights[l // span, l % span : (CELL if many else l % span + 1)] = count[l]
    for first in range(0, networks, CELL if many else 1):
        for x in range(CELL):
            gamma[x] = weight_decay[min(first + x, networks - 1) if many else first]
        for cell in range(cells):
            _fill(variance, first, many, cell, axes[cell, :CELL])
            _fill(label_noise, first, many, cell, axes[cell, CELL : 2 * CELL])
            _fill(singular_value, first, many, cell, axes[cell, 2 * CELL : 3 * CELL])
            _fill(residual, first, many, cell, axes[cell, 3 * CELL : 4 * CELL])
            _fill(slack, first, many, cell, axes[cell, 4 * CELL : 5 * CELL])
            _fill(missed_value, first, many, cell, axes[cell, 5 * CELL : 6 * CELL])
            _fill(strength, first, many, cell, axes[cell, 6 * CELL : 7 * CELL])
            _fill(strength_rest, first, many, cell, axes[cell, 7 * CELL :])
            _beside_cell(axes[cell], gamma, beside[cell])
        for start in range(worker * TILE, rows, workers * TILE):
            stop = min(start + TILE, rows)
            for j in range(start, rows):
                held = j - start if j < stop else TILE
                _row(axes, j, many, rows_of[held])
                last = min(stop, j + 1)
                sums[:] = 0.0
                for cell in range(cells):
                    right, weight = blocks[held, cell], weights[cell]
                    if not many or cell != j or count[j] > 1:
                        _solve_cell(rows_of[held], axes[cell], gamma, right)
                    for i in range(start, last):
                        if i == j and count[i] < 2:
                            continue
                        met, total = blocks[i - start, cell], sums[i - start]
                        for x in range(CELL):
                            fewer[x] = weight[x]
                        for turn in range(2):
                            k = j if turn else i
                            if k // span == cell:
                                _own_cell(
                                    rows_of[held if turn else i - start], met if turn else right,
                                    beside[cell], gamma, k % span, many, total,
                                )  # fmt: skip
                                for x in range(k % span, CELL if many else k % span + 1):
                                    fewer[x] -= 1.0
                        if fewer[0] > 0 or not many:
                            _joint_cell(met, right, beside[cell], fewer, total)
                for i in range(start, last):
                    total = sums[i - start]
                    if not many:
                        for x in range(1, CELL):
                            total[0] += total[x]
                    for x in range(min(CELL, networks - first) if many else 1):
                        areas[i, j, first + x] = areas[j, i, first + x] = total[x]

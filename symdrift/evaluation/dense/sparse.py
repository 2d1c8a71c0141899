"""Matrices that are mostly zeros, and turns of few coordinates among each other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np
import scipy.sparse

from symdrift.evaluation.dense.frame import Indices
from symdrift.study.problem import Array

Sparse: TypeAlias = Any
"""A sparse matrix by rows: SciPy ships no types."""

Entry: TypeAlias = tuple[Indices, Indices, Array | float]
"""Rows, columns and values of a sparse matrix, which broadcast."""

Turns: TypeAlias = tuple[tuple[slice, Array], ...]
"""Orthogonal matrices by the coordinates that they turn among each other."""

ROUNDING = 1e-13
"""Relative size of an entry that is rounding."""

MOSTLY_ZERO = 0.05
"""Share of entries up to which a matrix is held as a sparse one."""

FEW = 4
"""Entries per row up to which it is in any case."""


def assembled(shape: tuple[int, int], entries: Sequence[Entry]) -> Sparse:
    """A matrix from rows, columns and values, which broadcast; what meets is added."""
    parts = [[part.ravel() for part in np.broadcast_arrays(*entry)] for entry in entries]
    rows, columns, values = (np.concatenate(part) for part in zip(*parts, strict=True))
    return scipy.sparse.coo_array((values, (rows, columns)), shape=shape).tocsr()


def pruned(matrix: Sparse) -> Sparse:
    """Without what is left of differences of equal numbers: no imbalance changes ``M``."""
    matrix = matrix.tocsr()
    matrix.data[np.abs(matrix.data) < ROUNDING * np.abs(matrix.data).max()] = 0.0
    matrix.eliminate_zeros()
    return matrix


def is_sparse(matrix: Array) -> bool:
    """Whether it has few entries."""
    return bool(np.count_nonzero(matrix) <= max(MOSTLY_ZERO * matrix.size, FEW * len(matrix)))


def uncoupled(matrix: Array) -> Array:
    """A symmetric positive matrix without couplings that are rounding."""
    size = np.sqrt(np.diagonal(matrix))
    return np.where(np.abs(matrix) > ROUNDING * size * size[:, np.newaxis], matrix, 0.0)


def around(factor: Array | Sparse, moments: Array) -> Array:
    """``F X F'`` of a symmetric ``X``."""
    return np.asarray(factor @ (factor @ moments).T)


def blocks(turns: Iterable[tuple[slice, Array]]) -> Turns:
    """The same turns by the smallest blocks along the diagonal."""
    found = []
    for place, turn in turns:
        numbers = np.arange(len(turn))
        pattern = (turn != 0.0) | (turn.T != 0.0)
        reach = np.maximum.accumulate(np.where(pattern, numbers, 0).max(axis=1, initial=0))
        ends = np.flatnonzero(reach == numbers) + 1
        for own in map(slice, [0, *ends[:-1]], ends):
            found.append((slice(place.start + own.start, place.start + own.stop), turn[own, own]))
    return tuple(found)


def turned(turns: Turns, moments: Array) -> Array:
    """A symmetric matrix in other coordinates."""
    result = moments.copy()
    for place, turn in turns:
        result[place] = turn @ result[place]
    for place, turn in turns:
        result[: place.stop, place] = result[: place.stop, place] @ turn.T
    for place, _ in turns:
        result[place.stop :, place] = result[place, place.stop :].T
    return result

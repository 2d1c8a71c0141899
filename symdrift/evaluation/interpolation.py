"""Derivatives of numbers that are analytic functions of others, from their values alone.

Numbers of the theory are analytic but for thresholds where a direction begins to be learned.
Derivatives are those of the polynomial through Chebyshev points of a short interval around the
place, which is halved until the polynomial has converged: exact to about 1e-9 of what a number
changes by.  Where the box ends the interval lies to one side.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.polynomial import chebyshev

from symdrift.study.problem import Array

CONVERGED = 1e-7
"""Last coefficients of a polynomial, relative to the change, at which it has converged: what it
leaves out is smaller by two more powers of the interval."""
_POINTS = 7
"""Values of a polynomial in one number."""
_REACH = 0.02
"""Half the first interval, in units of the coordinate or, where shorter, of half the box."""
_HALVINGS = 20
_NODES = np.cos(np.pi * (np.arange(_POINTS) + 0.5) / _POINTS)
_TO_COEFFICIENTS = np.linalg.inv(chebyshev.chebvander(_NODES, _POINTS - 1))


class Slopes(NamedTuple):
    """Derivatives, shape ``(M, k)``, and what their polynomials leave out, see `CONVERGED`."""

    slopes: Array
    left: Array


def interpolated_slopes(
    values: Callable[[Array], Array], place: Array, boxes: Array, columns: Sequence[int]
) -> Slopes:
    """Derivatives of numbers by some of their coordinates.

    Parameters
    ----------
    values : callable
        From points, shape ``(N, k)``, to numbers, shape ``(N, M)``; ``nan`` where there are none.
    place : Array
        Shape ``(k,)``.
    boxes : Array
        Lowest and highest coordinate, shape ``(k, 2)``.
    columns : sequence of int
        Coordinates to differentiate by.

    Returns
    -------
    Slopes
        A column for each of `columns`, ``nan`` where there are no numbers close by on either side.
    """
    reach = np.minimum(_REACH, np.diff(boxes)[:, 0] / 2)
    open_columns = list(columns)
    found = best = np.empty((0, 0))
    for _ in range(_HALVINGS):
        centres = np.clip(place, boxes[:, 0] + reach, boxes[:, 1] - reach)
        nodes = np.repeat(place[np.newaxis], _POINTS * len(open_columns), axis=0)
        for index, column in enumerate(open_columns):
            rows = slice(index * _POINTS, (index + 1) * _POINTS)
            nodes[rows, column] = centres[column] + reach[column] * _NODES
        numbers = values(nodes)
        by_column = numbers.reshape(len(open_columns), _POINTS, numbers.shape[1])
        if not found.size:
            found = np.full((by_column.shape[-1], len(place)), np.nan)
            best = np.full(found.shape, np.inf)
        still = []
        for column, sampled in zip(open_columns, by_column, strict=True):
            where = (place[column] - centres[column]) / reach[column]
            coefficients = _TO_COEFFICIENTS @ sampled
            slope = chebyshev.chebval(where, chebyshev.chebder(coefficients)) / reach[column]
            size = np.maximum(np.abs(coefficients[1]), reach[column] * np.abs(coefficients[0]))
            with np.errstate(invalid="ignore", divide="ignore"):
                left = np.where(size > 0, np.abs(coefficients[-2:]).max(axis=0) / size, 0.0)
            better = left < best[:, column]
            found[better, column] = slope[better]
            best[better, column] = left[better]
            hopeful = better.any() or not np.isfinite(best[:, column]).all()
            if hopeful and not (best[:, column] <= CONVERGED).all():
                still.append(column)
        open_columns = still
        if not open_columns:
            break
        reach[open_columns] /= 2
    return Slopes(found[:, columns], best[:, columns])

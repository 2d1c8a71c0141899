"""Coordinates of weight space: hidden unit by hidden unit.

A point ``(W, U)`` is one matrix ``Z = [W, U']`` of shape ``(p, n + m)``; row ``k`` holds
everything that hidden unit ``k`` receives and sends.  A hidden rotation acts on it as
``Z -> Q Z``, a generator as ``Z -> Omega Z``.  Vectors of weight space are ``Z`` raveled
row by row, length ``p (n + m)``.
"""

from __future__ import annotations

import numpy as np

from symdrift.study.problem import Array


def joined(first_layer: Array, second_layer: Array) -> Array:
    """``Z = [W, U']`` from ``W`` of shape ``(p, n)`` and ``U`` of shape ``(m, p)``."""
    return np.hstack([first_layer, second_layer.T])


def separated(point: Array, inputs: int) -> tuple[Array, Array]:
    """``(W, U)`` from ``Z`` of shape ``(p, n + m)``."""
    return point[:, :inputs], point[:, inputs:].T


def hidden_planes(hidden: int) -> tuple[tuple[int, int], ...]:
    """Pairs of hidden axes ``i < j``, counted from 0, in lexicographic order."""
    return tuple((i, j) for i in range(hidden) for j in range(i + 1, hidden))

"""Second moments of weights that samples with one input axis each couple.

The Hessian of such a sample couples weights by twos and threes, and those of all samples couple few
more: families.  A positive map that leaves second moments between families at zero grows fastest
within one of them, since its powers of the identity stay there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.sparse.csgraph import connected_components

from symdrift.inputs.distribution import QuarticMap
from symdrift.study.problem import Array

LARGEST_FAMILY = 6
"""Most weights of a family: its second moments are a matrix with the square of that in rows."""

SHARED = 1e-26
"""``E[x_a^2 x_b^2]``, relative to the largest that is possible, that is the square of rounding."""


def single_axes(quartic: QuarticMap, inputs: int) -> Array | None:
    """``E[x_a^4]``, shape ``(n,)``; ``None`` if any sample has a share of two axes."""
    own = np.arange(inputs)
    squares = np.zeros((inputs, inputs, inputs))
    squares[own, own, own] = 1.0
    shared = np.einsum("acc->ac", quartic(squares))
    fourth = np.diagonal(shared).copy()
    apart = shared <= SHARED * np.sqrt(np.outer(fourth, fourth))
    return fourth if (apart | np.eye(inputs, dtype=bool)).all() else None


def fastest_within_families(hessians: Sequence[Any], scale: Array, kept: Array) -> float | None:
    """Largest eigenvalue of ``G -> sum_k D_k (G / scale) D_k / scale + kept G``.

    Parameters
    ----------
    hessians : sequence of sparse array
        The symmetric ``D_k``, shape ``(d, d)`` each.
    scale, kept : Array
        Shape ``(d, d)``; products and quotients are entry by entry.

    Returns
    -------
    float or None
        ``None`` where a family is larger than `LARGEST_FAMILY`.
    """
    family = connected_components(sum(map(abs, hessians)), directed=False)[1]
    sizes = np.bincount(family)
    if sizes.max() > LARGEST_FAMILY:
        return None
    by_family = np.argsort(family, kind="stable")
    largest = -np.inf
    for size in np.unique(sizes):
        members = by_family[sizes[family[by_family]] == size].reshape(-1, size)
        pairs = members.repeat(size, axis=1), np.tile(members, size)
        growth = np.zeros((len(members), size**2, size**2))
        for hessian in hessians:
            blocks = hessian[pairs].toarray().reshape(-1, size, size)
            growth += np.einsum("fab,fcd->facbd", blocks, blocks).reshape(growth.shape)
        growth /= scale[pairs][:, :, np.newaxis] * scale[pairs][:, np.newaxis]
        growth += kept[pairs][:, :, np.newaxis] * np.eye(size**2)
        largest = max(largest, float(np.linalg.eigvalsh(growth).max()))
    return largest

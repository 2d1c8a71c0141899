"""All strict minima of an aligned network whose hidden units are fewer than axes worth learning.

A minimum learns as many axes as there are hidden units.  The Hessian couples a learned axis ``i``
to an axis ``l`` that is left out by one block, and no other can lose its sign: the minimum is
strict where the determinants of all these blocks are positive.  Where that of ``(i, l)`` is not,
``l`` is worth more than ``i``, and whichever minimum learns ``i`` learns ``l``.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from symdrift.evaluation.closed_form.printed_aligned import (
    _loss_reduction,
    _pair_curvature,
    _singular_value,
)
from symdrift.evaluation.result import THRESHOLD_TOLERANCE
from symdrift.study.problem import Array

Indices = NDArray[np.intp]


def strict_minima(
    variances: Array, gains: Array, weight_decay: float, hidden: int
) -> Iterator[Indices]:
    """The axes that each strict minimum learns, in the order of their losses, found as needed.

    Parameters
    ----------
    variances, gains : Array
        ``lambda`` and ``a`` of the axes that have an output, shape ``(min(n, m),)``.
    weight_decay : float
        ``gamma``.
    hidden : int
        Hidden units ``p``.

    Yields
    ------
    ndarray of int
        Positions, shape ``(min(p, axes worth learning),)``, the axis worth most first.
    """
    decay = np.asarray(weight_decay)
    learnable = np.flatnonzero(variances * gains > weight_decay)
    if hidden >= learnable.size:
        yield learnable
        return
    excess = variances * gains - decay
    worth = _loss_reduction(
        variances[learnable], _singular_value(variances[learnable], excess[learnable])
    )
    order = learnable[np.argsort(-worth, kind="stable")]
    worth = np.sort(worth)[::-1]
    above = _displaced_by(variances[order], gains[order], decay)
    # Each part of the choices fixes the axes before a position; those that are worth most of the
    # rest complete it best, and none of them needs an axis that is left out.
    start = np.zeros(order.size, dtype=bool)
    parts = [(-float(worth[:hidden].sum()), 0, start)]
    while parts:
        _, fixed, left_out = heapq.heappop(parts)
        chosen = np.flatnonzero(~left_out)[:hidden]
        yield order[chosen]
        for place in chosen[chosen >= fixed].tolist():
            without = left_out | above[:, place]
            without[place] = True
            rest = np.flatnonzero(~without)[:hidden]
            # Axes that are alike displace each other; without the first of them was before.
            again = np.any((without & ~left_out)[:place])
            if rest.size == hidden and not again:
                heapq.heappush(parts, (-float(worth[rest].sum()), place + 1, without))


def _displaced_by(variances: Array, gains: Array, decay: Array) -> NDArray[np.bool_]:
    """Whether axis ``l`` displaces axis ``i``, shape ``(r, r)``, closed under what follows."""
    none = np.zeros(())
    excess = variances * gains - decay
    values = _singular_value(variances, excess)[:, np.newaxis]
    first, second, determinant = _pair_curvature(
        variances[:, np.newaxis], none, values, variances, none, none, gains, -excess, decay
    )
    displaced = np.asarray(determinant <= THRESHOLD_TOLERANCE * first * second)
    np.fill_diagonal(displaced, False)
    for axis in range(len(displaced)):
        # Axes are in order of worth, and displaced only by such as are worth more.
        displaced[axis] |= displaced[displaced[axis]].any(axis=0)
    return displaced

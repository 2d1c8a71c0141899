"""All strict minima of an aligned network whose hidden units are fewer than axes worth learning.

A minimum learns as many axes as there are hidden units.  The Hessian couples a learned axis ``i``
to an axis ``l`` that is left out by one block, and no other can lose its sign: the minimum is
strict where the determinants of all these blocks are positive.  Where that of ``(i, l)`` is not,
``l`` is worth more than ``i``, and whichever minimum learns ``i`` learns ``l``.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from symdrift.errors import RequestError
from symdrift.evaluation.parts import THRESHOLD_TOLERANCE, hidden_order, require_weight_decay
from symdrift.evaluation.several_minima import MOST_LISTED, no_such_minimum, require_numbered
from symdrift.study.problem import Array

NEARLY_LOST = 1e-3
"""What is left of a determinant where a minimum is refused that is not the lowest.

The determinant of two axes is that of a tie less what the axis that is left out is worth more, and
rounding takes 1e-16 off both: twelve digits remain.
"""

Indices = NDArray[np.intp]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class AxisFormulas:
    """What tells minima apart, as functions of arrays that broadcast.

    They are printed for the closed form; the theory, which needs nothing printed, takes its own.

    Attributes
    ----------
    loss_reduction : callable
        Of axes worth learning, from variance, gain and weight decay.
    pair_curvature : callable
        Diagonal and determinant of the Hessian of a learned and another axis, from variance and
        gain of each and the weight decay.
    """

    loss_reduction: Callable[[Array, Array, Array], Array]
    pair_curvature: Callable[[Array, Array, Array, Array, Array], tuple[Array, Array, Array]]


def active_axes(singular_values: Array) -> Indices:
    """Positions of the active axes in the order of the hidden axes.

    Parameters
    ----------
    singular_values : Array
        By input axis, 0 where it is not active, shape ``(n,)``.
    """
    active = np.flatnonzero(singular_values)
    return active[hidden_order(singular_values[active])]


def refuse_degenerate(
    formulas: AxisFormulas, weight_decay: float, hidden: int, variances: Array, gains: Array
) -> None:
    """Refuse problems without a strict minimum or without any active direction.

    Parameters
    ----------
    formulas : AxisFormulas
    weight_decay : float
    hidden : int
    variances, gains : Array
        Of the axes that have an output, shape ``(min(n, m),)``.

    Raises
    ------
    RequestError
    """
    require_weight_decay(weight_decay)
    strengths = variances * gains
    learnable = strengths > weight_decay * (1 + THRESHOLD_TOLERANCE)
    met = ~learnable & (strengths >= weight_decay * (1 - THRESHOLD_TOLERANCE))
    # Without a silent hidden unit an axis at its threshold has nobody to begin to learn it.
    if met.any() and hidden > np.count_nonzero(learnable):
        axis = int(np.flatnonzero(met)[0]) + 1
        raise RequestError(
            "learning.weight_decay",
            f"= {weight_decay:.12g} meets the threshold of axis {axis} with equality (input "
            "variance times gain equals weight decay), where the minimum is not strict; move it "
            "away from there",
        )
    if not learnable.any():
        raise RequestError(
            "learning.weight_decay",
            f"= {weight_decay:.12g} leaves no active direction: it must stay below the largest "
            f"input variance times gain, {strengths.max():.6g}",
        )
    reductions = np.sort(
        formulas.loss_reduction(variances[learnable], gains[learnable], np.asarray(weight_decay))
    )[::-1]
    if hidden >= reductions.size:
        return
    last, next_ = reductions[hidden - 1 : hidden + 1]
    if last - next_ < THRESHOLD_TOLERANCE * last:
        tied = np.count_nonzero(reductions > (1 - THRESHOLD_TOLERANCE) * last)
        raise RequestError(
            "network.hidden",
            f"= {hidden} cuts through a tie: axes that lower the loss equally compete for the "
            f"last hidden unit; give at least {tied} hidden units, which learn all of these axes, "
            "or change a gain or an input variance",
        )


def numbered_minima(
    formulas: AxisFormulas,
    variances: Array,
    gains: Array,
    weight_decay: float,
    hidden: int,
    number: int,
    listed: int = MOST_LISTED,
) -> tuple[Mask, ...]:
    """Which axes each strict minimum learns: the lowest, and as many as to have that number.

    Parameters
    ----------
    formulas, variances, gains, weight_decay, hidden
        As for `strict_minima`.
    number : int
    listed : int
        How many to look for at least.

    Returns
    -------
    tuple of ndarray of bool
        Shape ``(min(n, m),)`` each.

    Raises
    ------
    RequestError
        When there are fewer, or the one of that number is about to be none.
    """
    require_numbered(number)
    found = strict_minima(formulas, variances, gains, weight_decay, hidden)
    masks = []
    for axes in islice(found, max(number, listed)):
        masks.append(np.zeros(gains.size, dtype=bool))
        masks[-1][axes] = True
    if number > len(masks):
        raise no_such_minimum(number, len(masks))
    if number > 1:
        _refuse_nearly_lost(formulas, variances, gains, weight_decay, masks[number - 1], number)
    return tuple(masks)


def _refuse_nearly_lost(
    formulas: AxisFormulas,
    variances: Array,
    gains: Array,
    weight_decay: float,
    learned: Mask,
    number: int,
) -> None:
    """Refuse a minimum that all but ceases to be one, and name the axes that are to blame."""
    decay = np.asarray(weight_decay)
    inner, outer = np.flatnonzero(learned), np.flatnonzero(~learned & (variances * gains > decay))
    row, rest = (variances[inner, None], gains[inner, None]), (variances[outer], gains[outer])
    *_, determinant = formulas.pair_curvature(*row, *rest, decay)
    kept, more = (formulas.loss_reduction(*axes, decay) for axes in (row, rest))
    roots = np.sqrt(kept) + np.sqrt(more)
    taken = 2 * (more - kept) * (variances[outer] + decay * np.sqrt(2 * variances[outer]) / roots)
    left = np.where(taken > 0, determinant / (determinant + taken), np.inf)
    i, l = np.unravel_index(left.argmin(), left.shape)
    if left[i, l] < NEARLY_LOST:
        gap = 100 * (more[l] / kept[i, 0] - 1)
        raise RequestError(
            "learning.minimum",
            f"= {number} all but ceases to be a minimum: it learns axis {inner[i] + 1} in place of "
            f"axis {outer[l] + 1}, which takes {gap:.3g} % more off the loss, and all but "
            f"{left[i, l]:.2g} of what the determinant of both would be at a tie, so that digits "
            "are lost; change a gain, an input variance or the weight decay",
        )


def strict_minima(
    formulas: AxisFormulas, variances: Array, gains: Array, weight_decay: float, hidden: int
) -> Iterator[Indices]:
    """The axes that each strict minimum learns, in the order of their losses, found as needed.

    Parameters
    ----------
    formulas : AxisFormulas
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
    worth = formulas.loss_reduction(variances[learnable], gains[learnable], decay)
    order = learnable[np.argsort(-worth, kind="stable")]
    worth = np.sort(worth)[::-1]
    above = _displaced_by(formulas, variances[order], gains[order], decay)
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


def _displaced_by(formulas: AxisFormulas, variances: Array, gains: Array, decay: Array) -> Mask:
    """Whether axis ``l`` displaces axis ``i``, shape ``(r, r)``, closed under what follows."""
    first, second, determinant = formulas.pair_curvature(
        variances[:, np.newaxis], gains[:, np.newaxis], variances, gains, decay
    )
    displaced = np.asarray(determinant <= THRESHOLD_TOLERANCE * first * second)
    np.fill_diagonal(displaced, False)
    for axis in range(len(displaced)):
        # Axes are in order of worth, and displaced only by such as are worth more.
        displaced[axis] |= displaced[displaced[axis]].any(axis=0)
    return displaced

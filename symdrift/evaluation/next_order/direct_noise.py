"""Noise of the synapses, which turns the hidden layer directly, to the next order.

Every weight has a change of variance ``varsigma^2 = v eta^3`` of its own in each step.  With this
power of the rate it turns as much as gradient noise does: the step has ``epsilon^3 z`` more, with
``z`` of variance ``v``.  It enters power by power, through ``z_t``, its angles, and ``z_n``, its
part across the orbit:

- ``Xi_3`` has ``z_t`` and ``d_2`` has ``z_n``,
- what is moved before it is read turns ``n`` too: ``Xi_4`` has ``- (z_t n)_t``, where ``X n``
  stands for ``n`` turned, ``d_3`` has ``- (z_t n)_n`` and ``Xi_5`` has ``((z_t n)_t n)_t``.

The next order is therefore linear in ``v``.  No plane turns steadily by it: it would by
``v tr Phi_2``, and for a gradient ``Phi_2`` is the symmetric part of a generator, without a trace,
and ``E[Xi_6]`` has no part either, since ``X_a X_b theta*``, of equal weight on both layers, has no
angle.  Silent hidden units have no force from any sample and
fluctuate by ``z`` alone, ``n = O(epsilon)``: one of them does not change what the active ones do,
nor what another does.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from symdrift.evaluation.next_order.one_step import Slice
from symdrift.evaluation.next_order.poisson import PoissonFunction
from symdrift.evaluation.next_order.stationary import Stationary
from symdrift.study.problem import Array


def fluctuating(stationary: Stationary, curvatures: Array, variance: float) -> Stationary:
    """Moments with those of ``z_n``, ``v / (2 h)`` along each curvature, at ``epsilon^2``."""
    added = np.diag(variance / (2 * curvatures))
    return replace(stationary, second=stationary.second + added)


def direct_rotation(
    slice_: Slice, poisson: PoissonFunction, stationary: Stationary, variance: float
) -> tuple[Array, Array]:
    """Covariance of rotations by ``z``, at ``epsilon^6`` and ``epsilon^8``.

    Parameters
    ----------
    slice_ : Slice
    poisson : PoissonFunction
    stationary : Stationary
    variance : float
        ``v``.

    Returns
    -------
    Array, Array
        Shape ``(planes, planes)`` each.
    """
    angles, second, covariance = slice_.turned_angles, poisson.second, stationary.covariance
    leading = variance * slice_.reading @ slice_.reading.T
    turned = np.einsum("bia,ij->bja", angles, covariance)
    # Two increments of epsilon^4, - (z_t n)_t + 2 Phi_2(n, z_n).
    squares = np.einsum("bc,bja,cjd->ad", leading, turned, angles, optimize=True)
    squares += 4 * variance * np.einsum("aij,bjk,ki->ab", second, second, covariance, optimize=True)
    # One of epsilon^3, z_t, and one of epsilon^5, ((z_t n)_t n)_t - 2 Phi_2(n, (z_t n)_n), or of
    # epsilon^4 with the mean deviation.
    after = np.einsum("bjc,cja->ba", turned, angles)
    after -= 2 * np.einsum("aij,il,blj->ba", second, covariance, slice_.turned, optimize=True)
    after -= np.einsum("bia,i->ba", angles, stationary.mean)
    crossed = leading @ after
    return leading, squares + crossed + crossed.T

"""Moments of the deviation at stationarity, to the next order in the learning rate.

Of a function ``g`` of the deviation one step expects
``E[g(n')] - g(n) = epsilon^2 (L_0 + epsilon L_1 + epsilon^2 L_2 + ...) g``, with
``n' = n + epsilon d_1 + epsilon^2 d_2 + ...`` and

- ``L_0 g = g' E[d_2] + g'' E[d_1 d_1] / 2``, which is Ornstein and Uhlenbeck's,
- ``L_1 g = g' E[d_3] + g'' E[d_1 d_2] + g''' E[d_1 d_1 d_1] / 6``,
- ``L_2 g = g' E[d_4] + g'' (E[d_1 d_3] + E[d_2 d_2] / 2) + g''' E[d_1 d_1 d_2] / 2 + ...``.

The stationary mean of each is zero; applied to products of coordinates they give the moments one
after the other, since ``L_0`` multiplies such a product by minus the sum of its curvatures.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from symdrift.evaluation.next_order.polynomials import symmetrised
from symdrift.study.problem import Array

PRODUCTS = {
    "noise": "force_i force_j -> ij",
    "force_response": "force_i response_jl -> ijl",
    "force_cubed": "force_i force_j force_l -> ijl",
    "force_traced": "force_i traced_j -> ij",
    "response_mixed": "response_ia mixed_ja -> ij",
    "turn_force": "turn_aj force_i -> aij",
}
"""Averages that the stationary moments need."""


@dataclass(frozen=True, eq=False)
class Stationary:
    """Moments of the deviation ``n``, by their power of ``epsilon``; all of the rest vanish.

    Attributes
    ----------
    covariance : Array
        ``<n n>`` at leading order, ``Gamma``, shape ``(d, d)``.
    mean : Array
        ``<n>`` at ``epsilon``, shape ``(d,)``.
    third : Array
        ``<n n n>`` at ``epsilon``, shape ``(d, d, d)``.
    second : Array
        What ``<n n>`` has more at ``epsilon^2``, shape ``(d, d)``.
    """

    covariance: Array
    mean: Array
    third: Array
    second: Array


def leading_covariance(noise: Array, curvatures: Array) -> Array:
    """``Gamma`` in units of the learning rate: ``H Gamma + Gamma H = C``."""
    return np.asarray(noise / (curvatures[:, np.newaxis] + curvatures))


def linear_fourth(turned: Array, turn_force: Array) -> Array:
    """Linear part of ``E[d_4]``: the new deviation turned back, shape ``(d, d)``, result first."""
    return np.asarray(-np.einsum("ail,aij->lj", turned, turn_force))


def stationary_moments(means: Mapping[str, Array], curvatures: Array) -> Stationary:
    """Solve for the moments, from the leading ones up.

    Parameters
    ----------
    means : dict of str to Array
        `PRODUCTS`, the mean ``bend``, and the cubic and linear part of ``E[d_4]``, as
        ``third_bend``, contracted with ``Gamma``, and ``fourth_linear``.
    curvatures : Array
        ``h``, shape ``(d,)``.
    """
    noise, bend = means["noise"], means["bend"]
    crossed = means["force_response"]
    covariance = leading_covariance(noise, curvatures)
    traced = np.einsum("lij,ij->l", bend, covariance)
    mean = traced / curvatures
    driven = (
        # Of four coordinates the mean at leading order is that of their pairs.
        3 * symmetrised(np.einsum("i,jk->ijk", traced, covariance), 0)
        + 6 * symmetrised((covariance @ bend @ covariance), 0)
        + 6 * symmetrised(np.einsum("ijl,lk->ijk", crossed, covariance), 0)
        + means["force_cubed"]
        + 3 * symmetrised(np.einsum("ij,k->ijk", noise, mean), 0)
    )
    two = curvatures[:, np.newaxis] + curvatures
    third = driven / (two[:, :, np.newaxis] + curvatures)
    driven = (
        2 * np.einsum("iab,abj->ij", bend, third)
        + 2 * np.einsum("ijl,l->ij", crossed, mean)
        + 6 * means["third_bend"] @ covariance
        + 2 * means["fourth_linear"] @ covariance
        + 2 * means["force_traced"]
        + means["response_mixed"]
    )
    return Stationary(covariance, mean, third, symmetrised(driven, 0) / two)

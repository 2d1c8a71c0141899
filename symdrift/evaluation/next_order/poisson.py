"""The function of the deviation that turns rotations into increments without memory.

``Phi`` makes ``exp(delta) = exp(-Phi(n)) exp(Xi) exp(Phi(n'))`` martingale differences but for a
constant mean: ``E[delta | n] = mu``.  Power by power, with the mean ``b`` of ``Xi``,

- ``epsilon^4``: ``L_0 Phi_2 = mu_4 - b_4``,
- ``epsilon^5``: ``L_0 Phi_3 = -b_5 - L_1 Phi_2``,
- ``epsilon^6``: ``L_0 Phi_4 = mu_6 - b_6 - L_1 Phi_3 - L_2 Phi_2`` and, since rotations do not
  commute, ``- [b_4 + mu_4, Phi_2] / 2 - E[Xi_3, Phi_2' d_1] / 2``.

``L_0`` multiplies a product of coordinates by minus the sum of their curvatures, and leaves a
polynomial of a degree less by two, which is solved for next.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from symdrift.evaluation.next_order.one_step import Slice
from symdrift.evaluation.next_order.polynomials import symmetrised
from symdrift.evaluation.next_order.stationary import Stationary
from symdrift.study.problem import Array

PRODUCTS = {
    "turn_turn": "turn_ai turn_bj -> aibj",
    "turn_response": "turn_aj response_il -> ajil",
    "second_force": "second_turn_ajl force_i -> aijl",
}
"""Averages that are needed beside those of the stationary moments."""


@dataclass(frozen=True, eq=False)
class PoissonFunction:
    """``Phi`` in powers of ``epsilon``, with mean zero at leading order.

    Attributes
    ----------
    second, second_constant : Array
        At ``epsilon^2``: quadratic and constant, shapes ``(planes, d, d)`` and ``(planes,)``.
    third, third_linear : Array
        At ``epsilon^3``: cubic and linear, shapes ``(planes, d, d, d)`` and ``(planes, d)``.
    fourth, fourth_quadratic : Array
        At ``epsilon^4``: quartic, of which two factors are contracted with ``Gamma``, and
        quadratic, shape ``(planes, d, d)`` each.
    mean : (Array, Array)
        Mean rotation ``mu`` at ``epsilon^4`` and ``epsilon^6``, shape ``(planes,)`` each.
    """

    second: Array
    second_constant: Array
    third: Array
    third_linear: Array
    fourth: Array
    fourth_quadratic: Array
    mean: tuple[Array, Array]


def poisson_function(
    slice_: Slice, means: Mapping[str, Array], stationary: Stationary
) -> PoissonFunction:
    """Solve for ``Phi`` and the mean rotation.

    Parameters
    ----------
    slice_ : Slice
    means : dict of str to Array
        `PRODUCTS`, those of the stationary moments, the means of the fields, and of the cubic
        parts ``third_turn``, ``third_bend``, with ``fourth_linear``.
    stationary : Stationary
    """
    curvatures, covariance = slice_.curvatures, stationary.covariance
    angles, commutators = slice_.turned_angles, slice_.commutators
    noise, bend = means["noise"], means["bend"]
    two = curvatures[:, np.newaxis] + curvatures
    three = two[:, :, np.newaxis] + curvatures

    drift = means["second_turn"]
    leading = np.einsum("aij,ij->a", drift, covariance)
    second = drift / two
    constant = -np.einsum("aij,ij->a", second, covariance)

    turned_force = means["turn_force"]
    third = (
        means["third_turn"] + symmetrised(np.einsum("aij,ilm->ajlm", 2 * second, bend), 1)
    ) / three
    linear = (
        np.einsum("aij,ijl->al", 2 * second, means["force_response"])
        - np.einsum("bia,bij->aj", angles, turned_force)
        + 3 * np.einsum("aijl,ij->al", third, noise)
    ) / curvatures

    quartic = [
        _quartic(plane, slice_, means, second, third, (covariance, noise))
        for plane in range(len(second))
    ]
    fourth, quartic_noise = np.array(quartic).reshape(-1, 2, *two.shape).swapaxes(0, 1)
    quadratic = symmetrised(
        # The mean of Xi_6.
        -np.einsum("bjil,bia->ajl", means["turn_response"], angles)
        - 0.5 * np.einsum("bjcl,bca->ajl", means["turn_turn"], slice_.twice_turned)
        - np.einsum("bijl,bia->ajl", means["second_force"], angles)
        + np.einsum("bij,bic,cla->ajl", turned_force, angles, angles)
        # L_1 Phi_3.
        + 6 * np.einsum("aijl,ijm->alm", third, means["force_response"])
        + np.einsum("ai,ilm->alm", linear, bend)
        # L_2 Phi_2.
        + 2 * np.einsum("aij,il->ajl", second, means["fourth_linear"])
        + 2 * np.einsum("aij,ijlm->alm", second, means["force_bend"])
        + np.einsum("aij,ijlm->alm", second, means["response_response"])
        # Commutators.
        + 0.5 * np.einsum("bij,c,bca->aij", drift, constant, commutators)
        + 0.5 * np.einsum("b,cij,bca->aij", leading, second, commutators)
        + np.einsum("bli,clj,bca->aij", turned_force, second, commutators)
        # What L_0 leaves of the quartic part.
        + 6 * quartic_noise,
        1,
    )
    fourth_quadratic = quadratic / two
    following = (
        np.einsum("aijl,ijl->a", third, means["force_cubed"])
        + 0.5 * np.einsum("b,c,bca->a", leading, constant, commutators)
        + np.einsum("aij,ij->a", fourth_quadratic, noise)
    )
    return PoissonFunction(
        second, constant, third, linear, fourth, fourth_quadratic, (leading, following)
    )


def _quartic(
    plane: int,
    slice_: Slice,
    means: Mapping[str, Array],
    second: Array,
    third: Array,
    contracted: tuple[Array, ...],
) -> list[Array]:
    """Quartic part of ``Phi_4`` in one plane, two factors contracted with each of some matrices.

    Its symmetric form is large and is not made: of its four factors a contraction takes each of
    the six pairs.
    """
    curvatures, commutators = slice_.curvatures, slice_.commutators[:, :, plane]
    two = curvatures[:, np.newaxis] + curvatures
    four = two[:, :, np.newaxis, np.newaxis] + two
    # Symmetric in the last three factors.
    by_three = (
        2 * np.tensordot(second[plane], means["third_bend"], 1)
        - np.tensordot(slice_.turned_angles[:, :, plane], means["third_turn"], (0, 0))
    ) / four
    # Symmetric in the first two and in the last two.
    turned = np.tensordot(commutators, second, (1, 0))
    by_two = (
        3 * np.tensordot(third[plane], means["bend"], 1)
        + 0.5 * np.tensordot(means["second_turn"], turned, (0, 0))
    ) / four
    return [
        symmetrised(
            0.5 * np.tensordot(matrix, by_three, 2)
            + 0.5 * np.einsum("ijlm,jl->im", by_three, matrix)
            + np.tensordot(matrix, by_two, 2) / 6
            + np.tensordot(by_two, matrix, 2) / 6
            + np.einsum("ijlm,il->jm", by_two, matrix) * (4 / 6),
            0,
        )
        for matrix in contracted
    ]

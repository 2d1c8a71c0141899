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

from symdrift.evaluation.next_order.batches import Ensemble, batch_means
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

_OF_SECOND = {
    "pushed_bend": "pushed_aj bend_jlm -> alm",
    "answered_response": "answered_ajl response_jm -> alm",
}
"""Averages of `pushed`."""


@dataclass(frozen=True, eq=False)
class PoissonFunction:
    """``Phi`` in powers of ``epsilon``, with mean zero at leading order.

    Attributes
    ----------
    second, second_constant : Array
        At ``epsilon^2``: quadratic and constant, shapes ``(planes, d, d)`` and ``(planes,)``.
    third, third_linear : Array
        At ``epsilon^3``: cubic and linear, shapes ``(planes, d, d, d)`` and ``(planes, d)``.
    fourth : Array
        At ``epsilon^4`` the quadratic part, shape ``(planes, d, d)``, of an expansion in Hermite
        polynomials: six times the quartic form, of which two factors are contracted with
        ``Gamma``, and what is quadratic beside it.
    mean : (Array, Array)
        Mean rotation ``mu`` at ``epsilon^4`` and ``epsilon^6``, shape ``(planes,)`` each.
    """

    second: Array
    second_constant: Array
    third: Array
    third_linear: Array
    fourth: Array
    mean: tuple[Array, Array]


def pushed(second: Array, fields: Mapping[str, Array]) -> dict[str, Array]:
    """Slopes of ``Phi_2`` that a sample moves: ``pushed`` (planes, d) and ``answered`` by its
    force and its response.
    """
    return {
        "pushed": np.einsum("aij,zi->zaj", second, fields["force"], optimize=True),
        "answered": np.einsum("aij,zil->zajl", second, fields["response"], optimize=True),
    }


def poisson_function(
    slice_: Slice,
    means: Mapping[str, Array],
    stationary: Stationary,
    fields: Mapping[str, Array],
    ensemble: Ensemble,
    batch: int,
) -> PoissonFunction:
    """Solve for ``Phi`` and the mean rotation.

    Parameters
    ----------
    slice_ : Slice
    means : dict of str to Array
        `PRODUCTS`, those of the stationary moments, the means of the fields, and
        `one_step.expected_forms` with ``fourth_linear``.
    stationary : Stationary
    fields : dict of str to Array
        As `one_step.step_fields` gives them, at the points of the ensemble.
    ensemble : Ensemble
    batch : int
        Samples per step.
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
    moved = batch_means(_OF_SECOND, {**fields, **pushed(second, fields)}, ensemble, batch)

    turned_force = means["turn_force"]
    third = (means["third_turn"] + symmetrised(np.tensordot(2 * second, bend, 1), 1)) / three
    linear = (
        np.einsum("aij,ijl->al", 2 * second, means["force_response"])
        - np.einsum("bia,bij->aj", angles, turned_force)
        + 3 * np.einsum("aijl,ij->al", third, noise)
    ) / curvatures

    turned = np.tensordot(commutators, second, (1, 0))
    paired = _paired(slice_, means, covariance, second, third, turned)
    quadratic = symmetrised(
        # The mean of Xi_6.
        -np.einsum("bjil,bia->ajl", means["turn_response"], angles)
        - 0.5 * np.einsum("bjcl,bca->ajl", means["turn_turn"], slice_.twice_turned)
        - np.einsum("bijl,bia->ajl", means["second_force"], angles)
        + np.tensordot(
            np.tensordot(turned_force, angles, ((0, 1), (0, 1))), angles, (1, 0)
        ).transpose(2, 0, 1)
        # L_1 Phi_3.
        + 6 * np.tensordot(third, means["force_response"], ((1, 2), (0, 1)))
        + np.einsum("ai,ilm->alm", linear, bend)
        # L_2 Phi_2.
        + 2 * np.einsum("aij,il->ajl", second, means["fourth_linear"])
        + 2 * moved["pushed_bend"]
        + moved["answered_response"]
        # Commutators.
        + 0.5 * np.einsum("bij,c,bca->aij", drift, constant, commutators)
        + 0.5 * np.einsum("b,cij,bca->aij", leading, second, commutators)
        + np.tensordot(turned_force, turned, ((0, 1), (0, 2))).swapaxes(0, 1),
        1,
    )
    following = (
        np.einsum("aijl,ijl->a", third, means["force_cubed"])
        + 0.5 * np.einsum("b,c,bca->a", leading, constant, commutators)
        + np.einsum("aij,ij->a", quadratic + 3 * paired, covariance)
    )
    fourth = (quadratic + 6 * paired) / two
    return PoissonFunction(second, constant, third, linear, fourth, (leading, following))


def _paired(
    slice_: Slice,
    means: Mapping[str, Array],
    covariance: Array,
    second: Array,
    third: Array,
    turned: Array,
) -> Array:
    """Quartic part of ``-L_0 Phi_4``, of which two factors are contracted with ``Gamma``.

    Its symmetric form is large and is not made: of its four factors a contraction takes each of
    the six pairs.  Nor is that of ``Phi_4``: on Hermite polynomials ``L_0`` is diagonal, so that
    their quadratic part is known without the quartic one.
    """
    angles, drift, bend = slice_.turned_angles, means["second_turn"], means["bend"]
    turn = means["third_turn"]

    def level(form: Array) -> Array:
        """Contracted with ``Gamma`` in the last two factors."""
        return np.tensordot(form, covariance, 2)

    # Of products that are symmetric in their last three factors, and in two pairs of factors.
    by_three = (
        2 * means["sloped_bend"]
        + 2 * second @ means["third_bend"]
        - np.tensordot(np.einsum("bia,ij->abj", angles, covariance), turn, 2)
        - np.einsum("bia,bm->aim", angles, level(turn))
    )
    by_two = (
        3 * np.tensordot(level(third), bend, 1)
        + 3 * third @ level(bend)
        + 0.5 * np.einsum("b,balm->alm", level(drift), turned)
        + 0.5 * np.einsum("bij,ba->aij", drift, level(turned))
        + 12 * np.tensordot(third @ covariance, bend, ((2, 3), (0, 1)))
        + 2 * np.tensordot(drift @ covariance, turned, ((0, 2), (0, 2))).swapaxes(0, 1)
    )
    return symmetrised(by_three / 2 + by_two / 6, 1)

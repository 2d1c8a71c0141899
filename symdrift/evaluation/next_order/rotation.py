"""Covariance of rotations and decay of representations, to the next order in the learning rate.

The increments ``delta`` that `poisson` makes have no memory; the stationary mean of their products
is the covariance of rotations, ``V = <delta delta> - mu mu``, at ``epsilon^6`` and ``epsilon^8``.

Rotations in several planes do not commute.  What an experimenter sees is how ``E[Q_t]`` decays:
``E[exp(delta) (1 + Psi(n'))] = (1 + Psi(n)) Lambda`` and ``K = -log Lambda``.  It is half the sum
of ``-V_ab X_a X_b`` and, at ``epsilon^8``, products of three rotations, since the variance of an
increment depends on the deviation that earlier ones have left.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from symdrift.evaluation.next_order.batches import Ensemble, batch_means
from symdrift.evaluation.next_order.one_step import Slice
from symdrift.evaluation.next_order.poisson import PoissonFunction, pushed
from symdrift.evaluation.next_order.polynomials import symmetrised
from symdrift.evaluation.next_order.stationary import Stationary
from symdrift.study.problem import Array

PRODUCTS = {
    "delta_delta": "delta_ai delta_bj -> abij",
    "delta_force": "delta_ai force_j -> aij",
    "delta_leaning": "delta_ai leaning_bi -> ab",
    "delta_force_force": "delta_ai force_j force_l -> aijl",
    "delta_late": "delta_ai late_bj -> abij",
    "delta_driven_force": "delta_am driven_bij force_i -> abmj",
    "second_second": "white_aij white_bij -> ab",
    "level_level": "level_a level_b -> ab",
    "level_force": "level_a force_l -> al",
    "level_force_force": "level_a force_l force_m -> alm",
    "force_force": "force_i force_j -> ij",
    "force_cubed": "force_i force_j force_l -> ijl",
    "pushed_pushed": "pushed_ai force_i pushed_bj force_j -> ab",
}
"""Averages of what the increments are made of."""


@dataclass(frozen=True, eq=False)
class Rotation:
    """Rotation per step, in powers of the learning rate.

    Attributes
    ----------
    mean : (Array, Array)
        ``mu`` at ``eta^2`` and ``eta^3``, shape ``(planes,)`` each.
    covariance : (Array, Array)
        ``V`` at ``eta^3`` and ``eta^4``, shape ``(planes, planes)`` each.
    decay : (Array, Array)
        Symmetric part of ``K`` at ``eta^3`` and ``eta^4``, shape ``(p, p)`` each.
    """

    mean: tuple[Array, Array]
    covariance: tuple[Array, Array]
    decay: tuple[Array, Array]

    def driven(self, generators: Array, covariance: tuple[Array, Array]) -> Rotation:
        """With independent rotations of a covariance at ``eta^3`` and ``eta^4`` beside it."""
        more = [_decay(generators, part) for part in covariance]
        return Rotation(
            self.mean,
            (self.covariance[0] + covariance[0], self.covariance[1] + covariance[1]),
            (self.decay[0] + more[0], self.decay[1] + more[1]),
        )


def increments(
    slice_: Slice, poisson: PoissonFunction, stationary: Stationary, fields: Mapping[str, Array]
) -> dict[str, Array]:
    """What every sample adds to the rotation, in parts that are linear in its update.

    Returns
    -------
    dict of str to Array
        Beside ``force``: ``delta`` at ``epsilon^3``, linear in ``n``; what is quadratic, at
        ``epsilon^4``, by its mean ``level`` over ``Gamma``, with the third moments, ``leaning``,
        and in coordinates in which ``Gamma`` is the identity, ``white``; at ``epsilon^5``
        ``late``, whose cubic part is contracted with ``Gamma``, and ``driven``, to be multiplied
        by another ``force`` of the step.
    """
    covariance, angles = stationary.covariance, slice_.turned_angles
    second, third, linear = poisson.second, poisson.third, poisson.third_linear
    contracted = np.einsum("aijl,jl->ai", third, covariance)
    variances, axes = np.linalg.eigh(covariance)
    root = axes * np.sqrt(np.maximum(variances, 0))
    force, response = fields["force"], fields["response"]
    turn, bend = fields["turn"], fields["bend"]
    moved = pushed(second, fields)
    delta = turn + 2 * moved["pushed"]
    quadratic = fields["second_turn"] + symmetrised(
        2 * moved["answered"] + 3 * np.einsum("aijl,zi->zajl", third, force, optimize=True),
        2,
    )
    late = (
        fields["third_turn"]
        + 2 * np.einsum("aij,zi->zaj", second, fields["traced"])
        + 4 * np.tensordot(bend, second @ covariance, ((1, 3), (1, 2))).swapaxes(1, 2)
        + np.einsum("ai,zim->zam", 3 * contracted + linear, response)
        + 6 * np.einsum("aijl,zij->zal", third, fields["mixed"], optimize=True)
        + np.einsum("aij,zi->zaj", 2 * poisson.fourth, force)
        + _commuted(slice_, poisson, 0.5 * (turn + delta), covariance)
    )
    driven = 2 * moved["answered"] - np.einsum("zaj,aib->zbij", turn, angles, optimize=True)
    return {
        "force": force,
        "pushed": moved["pushed"],
        "delta": delta,
        "level": np.einsum("zaij,ij->za", quadratic, covariance),
        "leaning": np.tensordot(quadratic, stationary.third, 2),
        "white": root.T @ quadratic @ root,
        "late": late,
        "driven": driven,
    }


def _commuted(slice_: Slice, poisson: PoissonFunction, half: Array, covariance: Array) -> Array:
    """``[Xi_3 + delta_3, Phi_2] / 2``, its cubic part contracted; ``half`` is linear in ``n``."""
    level = np.einsum("bjl,jl->b", poisson.second, covariance) + poisson.second_constant
    own = np.tensordot(half, np.tensordot(slice_.commutators, level, (1, 0)), (1, 0))
    mixed = np.tensordot(slice_.commutators, covariance @ poisson.second, (1, 0))
    return np.asarray(own.swapaxes(1, 2) + 2 * np.tensordot(half, mixed, ((1, 2), (0, 2))))


def rotation(
    slice_: Slice,
    poisson: PoissonFunction,
    stationary: Stationary,
    fields: Mapping[str, Array],
    ensemble: Ensemble,
    batch: int,
) -> Rotation:
    """Mean, covariance and decay, to the next order.

    Parameters
    ----------
    slice_ : Slice
    poisson : PoissonFunction
    stationary : Stationary
    fields : dict of str to Array
        As `one_step.step_fields` gives them, at the points of the ensemble.
    ensemble : Ensemble
    batch : int
        Samples per step.
    """
    parts = increments(slice_, poisson, stationary, fields)
    means = batch_means(PRODUCTS, parts, ensemble, batch)
    covariance = stationary.covariance
    second, third, linear = poisson.second, poisson.third, poisson.third_linear
    leading = np.einsum("abij,ij->ab", means["delta_delta"], covariance)
    # Two increments of epsilon^4: quadratic, linear in the force, and quadratic in it.
    squares = (
        2 * means["second_second"]
        + means["level_level"]
        + np.einsum("ai,bj,ij->ab", linear, linear, means["force_force"])
        + means["pushed_pushed"]
    )
    crossed = (
        np.einsum("al,bl->ab", means["level_force"], linear)
        + np.einsum("alm,blm->ab", means["level_force_force"], second)
        + linear @ np.tensordot(means["force_cubed"], second, ((1, 2), (1, 2)))
        # One of epsilon^3 and one of epsilon^5.
        + np.einsum("abij,ij->ab", means["delta_late"], covariance)
        + np.einsum("abij,ij->ab", means["delta_driven_force"], covariance)
        + 3 * np.tensordot(means["delta_force_force"], covariance @ third, ((1, 2, 3), (2, 1, 3)))
        # One of epsilon^3 and one of epsilon^4, whose mean is of the next order.
        + means["delta_leaning"]
        + np.einsum("aij,bj,i->ab", means["delta_force"], linear, stationary.mean)
        + np.tensordot(
            np.tensordot(means["delta_force_force"], stationary.mean, (1, 0)),
            second,
            ((1, 2), (1, 2)),
        )
    )
    steady = poisson.mean[0]
    following = (
        squares
        + crossed
        + crossed.T
        + np.einsum("abij,ij->ab", means["delta_delta"], stationary.second)
        - np.outer(steady, steady)
    )
    # Psi, with L_0 Psi = -(<delta delta | n> - <delta delta>) / 2.
    two = slice_.curvatures[:, np.newaxis] + slice_.curvatures
    excess = symmetrised(means["delta_delta"], 2) / (2 * two)
    thrice = 2 * np.tensordot(covariance @ means["delta_force"], excess, ((1, 2), (3, 2)))
    turns = slice_.generators
    last = np.tensordot(turns, np.tensordot(thrice, turns, 1), ((0, 2), (1, 2)))
    return Rotation(
        poisson.mean,
        (leading, following),
        (
            _decay(slice_.generators, leading),
            _decay(slice_.generators, following)
            - _symmetric(np.tensordot(turns, last, ((0, 2), (1, 0)))),
        ),
    )


def _decay(generators: Array, covariance: Array) -> Array:
    return np.asarray(-0.5 * np.einsum("ab,aij,bjk->ik", covariance, generators, generators))


def _symmetric(matrix: Array) -> Array:
    return np.asarray(0.5 * (matrix + matrix.T))

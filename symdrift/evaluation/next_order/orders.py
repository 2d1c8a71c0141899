"""Both orders in the learning rate of everything that an evaluation prints."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from symdrift.evaluation.next_order.expansion import Expansion
from symdrift.evaluation.parts import moving_planes
from symdrift.study.problem import Array

ROUNDING = 1e-12
"""Size, beside the largest of its kind or what it is made of, below which a number is zero."""


class Pair(NamedTuple):
    """An array at leading order and what the next adds."""

    leading: Array
    following: Array

    def without_rounding(self, size: float) -> Pair:
        """Exactly 0 where both orders are rounding beside numbers of this size."""
        nothing = (np.abs(self.leading) <= ROUNDING * size) & (
            np.abs(self.following) <= ROUNDING * size
        )
        return Pair(*(np.where(nothing, 0.0, part) for part in self))

    def without_still(self, still: NDArray[np.bool_], size: float) -> Pair:
        """Of variances and all covariances, with zeros where ``still`` at leading order.

        What stands still at leading order may turn at the next.
        """
        leading, following = self
        never = still & (np.abs(np.diagonal(following)) <= ROUNDING * size)
        return Pair(
            *(
                np.where(np.logical_or.outer(none, none), 0.0, part)
                for none, part in ((still, leading), (never, following))
            )
        )


class Synaptic(NamedTuple):
    """First layer by synaptic noise, ``varsigma^2`` over ``eta`` being counted as ``eta``.

    Of higher order than what gradient noise does to it where this noise turns the hidden layer as
    fast as that one, and hence no part of what turns and fades.

    Attributes
    ----------
    shift : Array
        Of its mean, shape ``(r, n)``.
    spread : Array
        Of all hidden units, silent ones too, shape ``(n, n)``.
    """

    shift: Array
    spread: Array

    def mean_gram(self, still: Array) -> Array:
        """What is added to ``E[W]' E[W]``, ``still`` being ``W*``, shape ``(r, n)``."""
        crossed = still.T @ self.shift
        return np.asarray(crossed + crossed.T)

    def gram(self, still: Array) -> Array:
        """What is added to ``E[W' W]``."""
        return np.asarray(self.mean_gram(still) + self.spread)


@dataclass(frozen=True, eq=False)
class Orders:
    """Fluctuation, hidden layer and rotation, in powers of the learning rate.

    In the canonical frame of the active hidden units, ``r`` of them.

    Attributes
    ----------
    weight_variance, excess_loss : (float, float)
        By gradient noise, at ``eta`` and ``eta^2``; the variance is about the mean weights.  That
        by synaptic noise, ``varsigma^2 / (2 eta) tr H^-1``, is of order ``eta^2`` beside it, and
        an evaluation prints it at leading order already.
    first_layer : Pair
        Mean of ``W`` where the hidden layer does not turn, at 1 and ``eta``, shape ``(r, n)``.
    spread : Array
        ``E[(W - E W)' (W - E W)]`` at ``eta``, shape ``(n, n)``.
    variances : Pair
        Of the rotation in each plane that moves, at ``eta^3`` and ``eta^4``, shape ``(planes,)``:
        with synaptic noise in those of an active and a silent unit too.
    covariance : Pair or None
        Between planes too, shape ``(planes, planes)``; ``None`` where they turn independently.
    mean_rotation : Pair
        At ``eta^2`` and ``eta^3``, antisymmetric, shape ``(r, r)``.
    decay : Pair
        ``Delta`` at ``eta^3`` and ``eta^4``, shape ``(r, r)``.
    by_synapses : Synaptic or None
        What synaptic noise adds to the first layer; ``None`` without it.
    """

    weight_variance: tuple[float, float]
    excess_loss: tuple[float, float]
    first_layer: Pair
    spread: Array
    variances: Pair
    covariance: Pair | None
    mean_rotation: Pair
    decay: Pair
    by_synapses: Synaptic | None = None

    @cached_property
    def mean_gram(self) -> Pair:
        """Of the mean weights, ``E[W]' E[W]``, shape ``(n, n)``, at 1 and ``eta``."""
        still, shift = self.first_layer
        crossed = still.T @ shift
        return Pair(still.T @ still, crossed + crossed.T)

    @cached_property
    def gram(self) -> Pair:
        """``E[W' W]``: products of representations are ``x' E[W' W] y``, as measured on a day."""
        leading, following = self.gram_by_gradients
        if self.by_synapses is not None:
            following = following + self.by_synapses.gram(self.first_layer.leading)
        return Pair(leading, following)

    @cached_property
    def gram_by_gradients(self) -> Pair:
        """The same by gradient noise alone."""
        leading, following = self.mean_gram
        return Pair(leading, following + self.spread)

    @cached_property
    def fading(self) -> Pair:
        """``E[W]' Delta E[W]``, shape ``(n, n)``, at ``eta^3`` and ``eta^4``."""
        (still, shift), (leading, following) = self.first_layer, self.decay
        crossed = still.T @ leading @ shift
        return Pair(still.T @ leading @ still, still.T @ following @ still + crossed + crossed.T)

    @cached_property
    def turning(self) -> Pair:
        """``mu E[W]``, shape ``(r, n)``, at ``eta^2`` and ``eta^3``."""
        (still, shift), (leading, following) = self.first_layer, self.mean_rotation
        return Pair(leading @ still, following @ still + leading @ shift)


def general_orders(
    expansion: Expansion, silent: int = 0, standing: NDArray[np.bool_] | None = None
) -> Orders:
    """Those of a problem that has been expanded.

    Parameters
    ----------
    expansion : Expansion
        With one silent hidden unit where there is any that moves.
    silent : int
        Of them there are so many.
    standing : array of bool or None
        Which planes stand still at leading order, shape ``(planes,)``; without it those whose
        variance is the square of rounding.
    """
    slice_, stationary, rotation = expansion.slice_, expansion.stationary, expansion.rotation
    rank = int(np.count_nonzero(slice_.point[0].any(axis=1)))
    still = slice_.point[0][:rank]
    axes = slice_.normal[: slice_.point[0].size].T.reshape(-1, *slice_.point[0].shape)
    weight_variance = float(np.trace(stationary.covariance))
    size = weight_variance**2
    covariance = Pair(*(_of_all_planes(part, rank, silent) for part in rotation.covariance))
    if standing is None:
        standing = np.diagonal(covariance.leading) <= ROUNDING**2 * size
    standing_axes = np.ones(rank + silent, dtype=bool)
    for (i, j), stands in zip(moving_planes(rank, rank + silent), standing, strict=True):
        standing_axes[[i - 1, j - 1]] &= stands
    covariance = covariance.without_still(standing, size)
    turning = (np.tensordot(part, slice_.generators, 1) for part in rotation.mean)
    return Orders(
        weight_variance=(
            weight_variance,
            float(np.trace(stationary.second) - stationary.mean @ stationary.mean),
        ),
        excess_loss=expansion.excess_loss,
        first_layer=Pair(still, np.tensordot(stationary.mean, axes, 1)[:rank]),
        spread=np.einsum("dki,de,ekj->ij", axes, stationary.covariance, axes, optimize=True),
        variances=Pair(*map(np.diagonal, covariance)),
        covariance=covariance,
        mean_rotation=Pair(*(part[:rank, :rank] for part in turning)).without_rounding(
            weight_variance
        ),
        decay=Pair(*(
            decay[:rank, :rank]
            + (0.5 * (silent - 1) * _into_silent(between, rank) if silent > 1 else 0.0)
            for decay, between in zip(rotation.decay, rotation.covariance, strict=True)
        )).without_still(standing_axes[:rank], size),
    )  # fmt: skip


def _of_all_planes(covariance: Array, rank: int, silent: int) -> Array:
    """With every silent unit in the place of the one that is there; different ones turn apart."""
    places = {plane: k for k, plane in enumerate(moving_planes(rank, rank + min(silent, 1)))}
    planes = moving_planes(rank, rank + silent)
    own = np.array([places[i, min(j, rank + 1)] for i, j in planes], dtype=int)
    unit = np.array([max(j - rank, 0) for _, j in planes], dtype=int)
    together = (unit[:, np.newaxis] == unit).astype(float)
    return np.asarray(covariance[np.ix_(own, own)] * together)


def _into_silent(covariance: Array, rank: int) -> Array:
    """Of the planes of the active units and the silent one, shape ``(r, r)``."""
    own = [k for k, (_, j) in enumerate(moving_planes(rank, rank + 1)) if j > rank]
    return np.asarray(covariance[np.ix_(own, own)])

"""Products of representations at two times, to the next order in the learning rate.

A representation is ``v = w + epsilon P n``, turned: ``h_t = Q_t v(n_t)``.  Its correlation with
itself is ``C(tau) = <v' T^tau v>``, where one step makes ``T f = E[exp(Xi) f(n')]`` of a function
``f`` of the deviation.  With ``s = epsilon^2 tau`` and ``T = 1 + epsilon^2 (L_0 + epsilon L_1 +
epsilon^2 L_2 + ...)`` this is ``T^tau = exp(s G)``, ``G`` being the same but for
``- epsilon^2 L_0^2 / 2``: steps are discrete.  Of what remains beside mean representations that
turn and fade as `rotation` says,

``C(tau) = E[v]' exp(-K tau) E[v] + eta F_1(s) + eta^2 F_2(s)``,

``F_1 = tr P exp(-H s) Gamma P'``.  Here is ``F_2``, at any lag: what bends the mean relaxes with
the deviation that it remembers; a rotation of the same steps depends on it, before and after; and
within a relaxation time rotations are not yet independent of each other, which leaves a constant
behind.  A function of the deviation in the place of ``v``, as the direction of ``v`` or a Gram
matrix, has its own powers beside.  All of it is a sum of exponentials and of their divided
differences, which is what one relaxation that drives another gives.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symdrift.evaluation.next_order.one_step import Slice
from symdrift.evaluation.next_order.polynomials import symmetrised
from symdrift.evaluation.next_order.stationary import Stationary
from symdrift.study.problem import Array

CLOSE = 0.1
"""Difference of two exponents below which a divided difference is summed as a series."""

APART = 1e-3
"""Difference of two rates, over the largest, from which on their exponentials are taken alone."""

GONE = 60.0
"""Times of the slowest relaxation after which nothing changes any more."""


@dataclass(frozen=True, eq=False)
class TwoTimes:
    """``F_2`` of any stimulus, from the averages of one step.

    Attributes
    ----------
    slice_ : Slice
    means : dict of str to Array
        Those of `poisson.poisson_function`.
    stationary : Stationary
    """

    slice_: Slice
    means: Mapping[str, Array]
    stationary: Stationary
    _known: dict[float, _Averages] = field(default_factory=dict, repr=False)

    def __call__(self, lags: Array) -> Array:
        """``F_2``, shape ``(T, n, n)``, of which ``x' F_2 x`` is that of a stimulus.

        Parameters
        ----------
        lags : Array
            ``s = eta tau``, shape ``(T,)``.
        """
        return np.array([self._layers(averages) for averages in self._at_all(lags)])

    def of(self, function: Polynomial, lags: Array) -> Array:
        """``F_2`` of a function of the deviation in the place of ``v``, shape ``(T,)``."""
        crossed = self._crossed(function)
        return np.array([
            self._polynomial(averages, function, crossed) for averages in self._at_all(lags)
        ])  # fmt: skip

    def direction(self, x: Array) -> Polynomial:
        """``v / |v|`` of the representation ``v`` of an input that has one."""
        still = self._still @ x
        length = float(np.linalg.norm(still))
        unit, moved = still / length, (self._axes @ x).T / length
        along = unit @ moved
        # 1 / |v| is 1 - a - b / 2 + 3 (a a + a b) / 2 - 5 a a a / 2, a along v and b squared.
        squared = 1.5 * np.outer(along, along) - 0.5 * moved.T @ moved
        crossed = moved[:, :, np.newaxis] * along
        spread = moved @ self.stationary.covariance @ moved.T
        size, across = np.trace(spread), spread @ unit
        own = unit @ across
        cubic = (1.5 * own - 0.5 * size) * moved - spread @ moved + 3 * np.outer(across, along)
        lengthened = (1.5 * size - 7.5 * own) * along + 3 * across @ moved
        return Polynomial(
            still=unit,
            linear=moved - np.outer(unit, along),
            quadratic=unit[:, np.newaxis, np.newaxis] * squared
            - 0.5 * (crossed + crossed.swapaxes(1, 2)),
            cubic=cubic + np.outer(unit, lengthened),
            generators=self.slice_.generators,
        )

    def gram(self, stimuli: Array) -> Polynomial:
        """Products of the representations of several inputs, shape ``(S, n)``: nothing turns."""
        still, moved = stimuli @ self._still.T, np.einsum("irn,an->ari", self._axes, stimuli)
        shape = (len(stimuli) ** 2, moved.shape[-1])
        linear = np.einsum("ap,bpi->abi", still, moved)
        quadratic = np.einsum("api,bpj->abij", moved, moved, optimize=True)
        return Polynomial(
            still=np.ravel(still @ still.T),
            linear=(linear + linear.swapaxes(0, 1)).reshape(shape),
            quadratic=symmetrised(quadratic.reshape(*shape, -1), 1),
            cubic=np.zeros(shape),
            generators=None,
        )

    def _at_all(self, lags: Array) -> list[_Averages]:
        shown = np.minimum(lags, GONE / self.slice_.curvatures.min()).tolist()
        for lag in set(shown) - self._known.keys():
            self._known[lag] = self._at(lag)
        return [self._known[lag] for lag in shown]

    def _at(self, lag: float) -> _Averages:
        rates, pairs = self.slice_.curvatures, self._pairs
        still = np.zeros(())
        alone = np.exp(-rates * lag)
        grown = -np.expm1(-rates * lag) / rates
        pairs_grown = -np.expm1(-pairs * lag) / pairs
        covariance, bend = self.stationary.covariance, self.means["bend"]
        into = first_difference(rates[:, np.newaxis], rates, lag)
        # Two deviations: the one that is remembered, and what bends and steps make of it.
        driven = self._driven * into
        by_pairs = first_difference(rates[:, np.newaxis, np.newaxis], pairs, lag)
        remembered = np.diag(alone) @ (
            self.stationary.second - np.outer(self.stationary.mean, self.stationary.mean)
        )
        remembered += np.einsum("iab,abj->ij", bend * by_pairs, self._third, optimize=True)
        driven = driven + self._twice_driven(lag, alone, into)
        remembered += driven @ covariance
        # A deviation before and one after, and how much is turned between them.
        steady = np.einsum("a,ik->aik", self._steady * lag, alone[:, np.newaxis] * covariance)
        turned = steady + (self._turning_both * into) @ covariance
        # The representation before, a deviation after.
        delayed = second_difference(still, rates[:, np.newaxis, np.newaxis], pairs, lag)
        after = self._turning_after * grown
        after += np.einsum("icd,acd->ai", bend * delayed, self._turning_pair, optimize=True)
        # A deviation before, the representation after.
        delayed = second_difference(still, pairs[:, :, np.newaxis], rates, lag)
        before = np.einsum("acd,cdj->aj", self._drift * pairs_grown, self._third, optimize=True)
        before += (
            np.einsum("acd,cdk->ak", self._drift, self._bent * delayed, optimize=True)
            + self._cubic_turn * grown
        ) @ covariance
        # The representation before and after: rotations that depend on each other.
        late = self._drift * pairs_grown / pairs
        both = np.einsum("bij,aij->ba", self._turning_pair, late, optimize=True)
        return _Averages(lag, alone[:, np.newaxis] * covariance, remembered, turned, after - before,
                         both)  # fmt: skip

    def _layers(self, averages: _Averages) -> Array:
        """``W' T^tau W``, as a symmetric matrix."""
        axes, still, generators = self._axes, self._still, self.slice_.generators
        moved = np.einsum("iru,ij,jrv->uv", axes, averages.deviations, axes, optimize=True)
        moved += np.einsum(
            "kru,arq,aik,iqv->uv", axes, generators, averages.turned, axes, optimize=True
        )
        moved += np.einsum(
            "ru,arq,ai,iqv->uv", still, generators, averages.turning, axes, optimize=True
        )
        moved -= np.einsum(
            "ru,brp,apq,ba,qv->uv", still, generators, generators, averages.both, still,
            optimize=True,
        )  # fmt: skip
        return symmetrised(moved, 0)

    def _crossed(self, function: Polynomial) -> tuple[Array, Array, Array]:
        """Weights of a product of its first power with its second, a sum over three deviations.

        Of ``exp(-h_a - h_b)`` and ``exp(-h_i)``, shapes ``(d, d)`` and ``(d,)``, and of the first
        differences of these two where they are close.
        """
        covariance = self.stationary.covariance
        both = np.tensordot(function.quadratic, function.linear, (0, 0))
        # Three deviations, of one time and of the other; and four, of which two pairs are left.
        still = both * self._third
        driven = self._bent * (both @ covariance)
        driven += 2 * np.einsum(
            "icd,ca,abi,bd->cdi", self.means["bend"], covariance, both, covariance, optimize=True
        )
        apart, close = self._apart
        moved = driven / apart
        moved[close] = 0.0
        return (still - moved).sum(axis=2), (still + moved).sum(axis=(0, 1)), driven[close]

    @cached_property
    def _apart(self) -> tuple[Array, tuple[NDArray[np.intp], ...]]:
        """By how much ``h_a + h_b`` is more than ``h_i``, and where these are close."""
        rates = self.slice_.curvatures
        apart = self._pairs[:, :, np.newaxis] - rates
        close = np.nonzero(np.abs(apart) < APART * rates.max())
        apart[close] = 1.0
        return apart, close

    def _polynomial(
        self, averages: _Averages, function: Polynomial, crossed: tuple[Array, Array, Array]
    ) -> float:
        """The same of a function, with what its other powers add."""
        rates, pairs, lag = self.slice_.curvatures, self._pairs, averages.lag
        covariance, kept = self.stationary.covariance, averages.kept
        linear, quadratic = function.linear, function.quadratic
        found: Any = np.sum((linear.T @ linear) * averages.deviations)
        of_pairs, of_one, driven = crossed
        a, b, i = self._apart[1]
        found += np.sum(np.exp(-pairs * lag) * of_pairs) + np.exp(-rates * lag) @ of_one
        found += driven @ first_difference(pairs[a, b], rates[i], lag)
        found += np.sum((linear.T @ function.cubic) * (kept + kept.T))
        found += 2 * np.sum((kept.T @ quadratic @ kept) * quadratic)
        if function.generators is None:
            return float(found)
        still, generators = function.still, function.generators
        grown = -np.expm1(-pairs * lag) / pairs
        together = self._turning_pair * grown
        together -= 2 * covariance @ (self._drift * grown) @ covariance
        found += np.sum(generators * (linear @ averages.turned.swapaxes(1, 2) @ linear.T))
        turned = np.einsum("r,arq->aq", still, generators)
        found += np.sum((turned @ linear) * averages.turning)
        found += np.sum(np.tensordot(turned, together, (0, 0)) * quadratic)
        return float(found + np.sum((turned @ turned.T) * averages.both))

    def _twice_driven(self, lag: float, alone: Array, into: Array) -> Array:
        """What one deviation drives of another by way of a pair of them, shape ``(d, d)``."""
        apart = self._driving
        found = apart.kept * alone - apart.into * into
        found -= apart.pairs @ np.exp(-self._pairs.ravel() * lag)
        rates, pairs = self.slice_.curvatures, self._pairs.ravel()
        i, pair, c = apart.close
        values = apart.weights * second_difference(rates[i], pairs[pair], rates[c], lag)
        flat = np.bincount(i * len(rates) + c, values, minlength=found.size)
        return np.asarray(found + flat.reshape(found.shape))

    @cached_property
    def _driving(self) -> _Driving:
        """Weights of ``exp(-h_i), exp(-h_a - h_b), exp(-h_c)``, one driving the other.

        Their divided difference is a sum of exponentials but where the middle one is close to
        another.
        """
        rates, pairs = self.slice_.curvatures, self._pairs.ravel()
        size = len(rates)
        weights = (
            self.means["bend"].reshape(size, -1)[:, :, np.newaxis]
            * self._bent.reshape(-1, size)[np.newaxis]
        )
        left, right = rates[:, np.newaxis] - pairs, pairs[:, np.newaxis] - rates
        least = APART * rates.max()
        close = (np.abs(left) < least)[:, :, np.newaxis] | (np.abs(right) < least)
        places = np.nonzero(close & (weights != 0))
        own = weights[places]
        weights[close] = 0.0
        weights /= np.where(np.abs(left) < least, 1.0, left)[:, :, np.newaxis]
        into = weights.sum(axis=1)
        weights /= np.where(np.abs(right) < least, 1.0, right)
        return _Driving(places, own, weights.sum(axis=1), into, weights.swapaxes(1, 2))

    @cached_property
    def _axes(self) -> Array:
        """What each coordinate changes in ``W``, shape ``(d, p, n)``."""
        first = self.slice_.point[0]
        return self.slice_.normal[: first.size].T.reshape(-1, *first.shape)

    @property
    def _still(self) -> Array:
        return self.slice_.point[0]

    @property
    def _pairs(self) -> Array:
        return self.slice_.curvatures[:, np.newaxis] + self.slice_.curvatures

    @property
    def _drift(self) -> Array:
        """Quadratic form of the mean of ``Xi_4``, shape ``(planes, d, d)``."""
        return self.means["second_turn"]

    @cached_property
    def _steady(self) -> Array:
        return np.asarray(np.einsum("aij,ij->a", self._drift, self.stationary.covariance))

    @cached_property
    def _third(self) -> Array:
        """``<n_a n_b n_j>`` less ``<n_a n_b> <n_j>``, shape ``(d, d, d)``."""
        own = self.stationary
        return np.asarray(own.third - own.covariance[:, :, np.newaxis] * own.mean)

    @cached_property
    def _bent(self) -> Array:
        """What drives ``n_a n_b`` and is linear in the deviation, its other parts averaged."""
        bend, crossed = self.means["bend"], self.means["force_response"]
        covariance = self.stationary.covariance
        traced = np.einsum("lij,ij->l", bend, covariance)
        one = (
            traced[np.newaxis, :, np.newaxis] * np.eye(len(traced))[:, np.newaxis]
            + 2 * np.einsum("bcd,da->abc", bend, covariance)
            + crossed
        )
        return np.asarray(one + one.swapaxes(0, 1))

    @cached_property
    def _driven(self) -> Array:
        """What drives ``n`` at ``epsilon^2`` and is linear in it, likewise, shape ``(d, d)``."""
        return np.asarray(
            3 * self.means["third_bend"]
            + self.means["fourth_linear"]
            - 0.5 * np.diag(self.slice_.curvatures**2)
        )

    @cached_property
    def _turning_both(self) -> Array:
        """Rotation that goes with one coordinate and leaves another, shape ``(planes, d, d)``."""
        turned = np.einsum("aij,jl->ali", self._drift, self.stationary.covariance)
        return np.asarray(self.means["turn_force"] + 2 * turned)

    @cached_property
    def _turning_pair(self) -> Array:
        """Mean of the rotation with products of two coordinates, shape ``(planes, d, d)``."""
        covariance = self.stationary.covariance
        forced = self.means["turn_force"] @ covariance
        return np.asarray(
            2 * covariance @ self._drift @ covariance + forced + forced.swapaxes(1, 2)
        )

    @cached_property
    def _cubic_turn(self) -> Array:
        """The mean of ``Xi_5``, linear, its cubic part contracted, shape ``(planes, d)``."""
        cubic = np.einsum("alij,ij->al", self.means["third_turn"], self.stationary.covariance)
        forced = np.einsum("bia,bij->aj", self.slice_.turned_angles, self.means["turn_force"])
        return np.asarray(3 * cubic - forced)

    @cached_property
    def _turning_after(self) -> Array:
        """Mean of the rotation with one coordinate, less that of each, shape ``(planes, d)``."""
        covariance, means = self.stationary.covariance, self.means
        return np.asarray(
            np.einsum("alm,lmi->ai", self._drift, self._third)
            + means["turn_force"] @ self.stationary.mean
            + self._cubic_turn @ covariance
            + np.einsum("ajil,jl->ai", means["turn_response"], covariance)
            + np.einsum("aijl,jl->ai", means["second_force"], covariance)
        )


@dataclass(frozen=True, eq=False)
class Polynomial:
    """A function of the deviation in powers of ``epsilon``, of ``q`` components.

    Attributes
    ----------
    still, linear, quadratic : Array
        Shapes ``(q,)``, ``(q, d)`` and ``(q, d, d)``, the last symmetric.
    cubic : Array
        Of the three factors of this power two are averaged, each pair in turn, shape ``(q, d)``.
    generators : Array or None
        How it turns with the hidden units, shape ``(planes, q, q)``; None where it does not.
    """

    still: Array
    linear: Array
    quadratic: Array
    cubic: Array
    generators: Array | None


@dataclass(frozen=True, eq=False)
class _Averages:
    """What is left of deviations and rotations after a lag.

    Attributes
    ----------
    lag : float
    kept : Array
        ``exp(-H s) Gamma``, the later coordinate first, shape ``(d, d)``.
    deviations : Array
        What ``<n n>`` at two times has more at the next order, likewise.
    turned : Array
        Rotations between a coordinate before and one after, later first, ``(planes, d, d)``.
    turning : Array
        Rotations with a coordinate after, less those with one before, ``(planes, d)``.
    both : Array
        Rotations that depend on each other, shape ``(planes, planes)``.
    """

    lag: float
    kept: Array
    deviations: Array
    turned: Array
    turning: Array
    both: Array


@dataclass(frozen=True, eq=False)
class _Driving:
    """Of sums over pairs of coordinates, ``d^2`` of them.

    Attributes
    ----------
    close : tuple of integer arrays
        Places ``i``, ``(a, b)`` and ``c`` of what is found one by one, with their `weights`.
    weights : Array
    kept, into : Array
        Of ``exp(-h_c)`` and of the first difference of ``h_i`` and ``h_c``, shape ``(d, d)``.
    pairs : Array
        Of ``exp(-h_a - h_b)``, shape ``(d, d, d^2)``.
    """

    close: tuple[NDArray[np.intp], ...]
    weights: Array
    kept: Array
    into: Array
    pairs: Array


def first_difference(left: Array, right: Array, lag: float) -> Array:
    """``integral_0^s exp(-left (s - r)) exp(-right r) dr`` without cancellation."""
    apart = np.abs(left - right) * lag
    shrunk = np.divide(-np.expm1(-apart), apart, out=np.ones_like(apart), where=apart > 0)
    return np.asarray(lag * np.exp(-np.minimum(left, right) * lag) * shrunk)


def second_difference(first: Array, second: Array, third: Array, lag: float) -> Array:
    """The same with three exponentials, one after the other."""
    low, middle, high = np.sort(
        np.stack(np.broadcast_arrays(first, second, third)), axis=0, kind="stable"
    )
    apart = (high - low) * lag
    close = apart < CLOSE
    far = first_difference(low, middle, lag) - first_difference(middle, high, lag)
    found = np.divide(far, high - low, out=np.zeros_like(far), where=~close)
    # Complete homogeneous polynomials of the distances from the lowest, over factorials.
    one, two = (-(place[close] - low[close]) * lag for place in (middle, high))
    total, power, polynomial = np.full_like(one, 0.5), np.ones_like(one), np.ones_like(one)
    factorial = 2.0
    for degree in range(1, 10):
        power = power * one
        polynomial = polynomial * two + power
        factorial *= degree + 2
        total += polynomial / factorial
    found[close] = lag**2 * np.exp(-low[close] * lag) * total
    return np.asarray(found)

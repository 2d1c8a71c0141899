"""Moments of the Brownian rotation ``Q_tau``: exact at every lag.

Rotations of successive steps multiply, ``Q_{t+1} = Q_t exp(X)`` with independent
skew-symmetric ``X`` of mean ``mu`` and covariance ``V``, so that moments of ``Q`` are
exponentials of generators.  How large a hidden layer may be depends on ``V``: planes that are
independent of each other, and silent axes, which are all alike, keep the generators small.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from symdrift.evaluation.dense.rotation_covariance import angular_matrices, plane_positions
from symdrift.evaluation.parts import Drift
from symdrift.observables.semigroup import Semigroup
from symdrift.study.problem import Array

LARGEST_SQUARE = 64
"""Active hidden axes up to which second moments of rotations in correlated planes are computed."""


class Conjugation(Protocol):
    """``E[Q_tau B Q_tau']`` of symmetric matrices that treat all silent axes alike."""

    def change(self, matrix: Array, lags: Array) -> Array:
        """``E[Q_tau B Q_tau'] - B``, shape ``(T, d, d)``."""

    def limit(self, matrix: Array) -> Array:
        """The same at last, shape ``(d, d)``."""


@dataclass(frozen=True, eq=False)
class SilentAxes:
    """Planes of an active and a silent axis, turned by synaptic noise only.

    Attributes
    ----------
    count : int
        Silent axes.
    covariance : Array
        Of the planes ``ik`` and ``jk`` of active axes ``i, j`` with any silent axis ``k``, shape
        ``(r, r)``, per step; diagonal at leading order.
    """

    count: int
    covariance: Array


@dataclass(frozen=True, eq=False)
class CorrelatedPlanes:
    """Any covariance between the planes of active axes.

    Attributes
    ----------
    drift : Drift
        In all planes of active axes.
    silent : SilentAxes
    """

    drift: Drift
    silent: SilentAxes

    @cached_property
    def decay(self) -> Array:
        """``Delta = -1/2 sum V_kq Omega_k Omega_q``, shape ``(d, d)``, per step."""
        active, _ = angular_matrices(self.drift, len(self.silent.covariance))
        return extended_decay(active, self.silent)

    def conjugation(self, generator: Array) -> Conjugation:
        """Second moments, given ``L`` of ``E[Q_tau] = exp(tau L)``."""
        rank, count = len(self.silent.covariance), self.silent.count
        active = conjugation_generator(self.drift, generator[:rank, :rank])
        return _CorrelatedConjugation(
            Semigroup(_with_silent_trace(active, symmetric_basis(rank), self.silent)), rank, count
        )


def plane_generators(drift: Drift, rank: int) -> Array:
    """``Omega_ij = E_ij - E_ji`` of every plane, shape ``(planes, r, r)``."""
    matrices = np.zeros((len(drift.planes), rank, rank))
    for plane, (i, j) in enumerate(drift.planes):
        matrices[plane, i - 1, j - 1] = 1
        matrices[plane, j - 1, i - 1] = -1
    return matrices


@dataclass(frozen=True, eq=False)
class IndependentPlanes:
    """Planes that turn independently of each other and have no steady rotation.

    Attributes
    ----------
    variances : Array
        ``V_ij`` of each plane of active axes, shape ``(r, r)``, symmetric with diagonal 0.
    silent : SilentAxes
    """

    variances: Array
    silent: SilentAxes

    @cached_property
    def decay(self) -> Array:
        """``Delta``, shape ``(d, d)``, per step: diagonal."""
        return extended_decay(0.5 * np.diag(self.variances.sum(axis=1)), self.silent)

    def conjugation(self) -> Conjugation:
        """Entries beside the diagonal decay alone; the diagonal is a Markov chain on axes.

        ``dB_ij = -(Delta_i + Delta_j + V_ij) B_ij``, ``dB_ii = sum_j V_ij (B_jj - B_ii)``.
        """
        rank = len(self.variances)
        decay = np.diagonal(self.decay)[:rank]
        exchange = self.variances - np.diag(2 * decay)
        return _IndependentConjugation(
            rates=decay[:, np.newaxis] + decay + self.variances,
            diagonal=Semigroup(_with_silent_trace(exchange, _diagonal_basis(rank), self.silent)),
            silent_axes=self.silent.count,
        )


@dataclass(frozen=True, eq=False)
class _CorrelatedConjugation:
    """On the symmetric square of ``r`` active axes, and the trace over the silent ones."""

    semigroup: Semigroup
    rank: int
    silent_axes: int

    def change(self, matrix: Array, lags: Array) -> Array:
        return self._matrices(self.semigroup.change(self._coordinates(matrix), lags))

    def limit(self, matrix: Array) -> Array:
        changed = self.semigroup.limit(self._coordinates(matrix))[np.newaxis]
        return np.asarray(self._matrices(changed)[0])

    def _coordinates(self, matrix: Array) -> Array:
        rank = self.rank
        square = symmetric_basis(rank).reshape(-1, rank**2)
        return _with_silent_coordinate(square @ matrix[:rank, :rank].ravel(), matrix, rank)

    def _matrices(self, changed: Array) -> Array:
        rank = self.rank
        square = symmetric_basis(rank).reshape(-1, rank**2)
        active = (changed[:, : len(square)] @ square).reshape(-1, rank, rank)
        return _with_silent_diagonal(active, changed[:, len(square) :], self.silent_axes)


@dataclass(frozen=True, eq=False)
class _IndependentConjugation:
    """Entry by entry beside the diagonal, as a Markov chain on it."""

    rates: Array
    diagonal: Semigroup
    silent_axes: int

    def change(self, matrix: Array, lags: Array) -> Array:
        # Of an axis of the inputs a matrix has a single entry.
        rank = len(self.rates)
        seen = np.flatnonzero(matrix[:rank, :rank].any(axis=0))
        there = np.ix_(seen, seen)
        grown = np.zeros((len(lags), rank, rank))
        grown[:, there[0], there[1]] = np.expm1(-np.multiply.outer(lags, self.rates[there]))
        return self._matrices(matrix, grown, self.diagonal.change(self._coordinates(matrix), lags))

    def limit(self, matrix: Array) -> Array:
        grown = np.where(self.rates > 0, -1.0, 0.0)[np.newaxis]
        changed = self.diagonal.limit(self._coordinates(matrix))[np.newaxis]
        return np.asarray(self._matrices(matrix, grown, changed)[0])

    def _coordinates(self, matrix: Array) -> Array:
        rank = len(self.rates)
        return _with_silent_coordinate(np.diagonal(matrix)[:rank], matrix, rank)

    def _matrices(self, matrix: Array, grown: Array, changed: Array) -> Array:
        rank = len(self.rates)
        active = grown * matrix[:rank, :rank]
        places = np.arange(rank)
        active[:, places, places] = changed[:, :rank]
        return _with_silent_diagonal(active, changed[:, rank:], self.silent_axes)


def symmetric_basis(rank: int) -> Array:
    """Orthonormal symmetric matrices, shape ``(q, r, r)``."""
    first, second = np.triu_indices(rank)
    basis = np.zeros((len(first), rank, rank))
    places = np.arange(len(first))
    entry = np.where(first == second, 1.0, np.sqrt(0.5))
    basis[places, first, second] = entry
    basis[places, second, first] = entry
    return basis


def conjugation_generator(drift: Drift, generator: Array) -> Array:
    """``B -> L B + B L' + sum V_kq Omega_k B Omega_q'`` on symmetric matrices.

    Returns
    -------
    Array
        In the basis of `symmetric_basis`, shape ``(q, q)``, per step.
    """
    rank = len(generator)
    positions, signs = (part.ravel() for part in plane_positions(rank, drift.planes))
    if drift.planes:
        # sum_k Omega_k[a, c] (V Omega)_k[b, d], as one matrix from (c, d) to (a, b).
        paired = drift.covariance[np.ix_(positions, positions)]
        paired *= signs[:, np.newaxis] * signs
    else:
        paired = np.zeros((rank**2, rank**2))
    kernel = paired.reshape((rank,) * 4).transpose(0, 2, 1, 3).reshape(rank**2, rank**2)
    basis = symmetric_basis(rank)
    square = basis.reshape(-1, rank**2)
    turned = generator @ basis
    moved = (turned + turned.swapaxes(1, 2)).reshape(-1, rank**2) + square @ kernel.T
    return np.asarray(square @ moved.T)


def extended_decay(active: Array, silent: SilentAxes) -> Array:
    """``Delta`` of the active axes with what the planes of silent axes add."""
    rank = len(active)
    decay = np.zeros((rank + silent.count,) * 2)
    decay[:rank, :rank] = active + 0.5 * silent.count * silent.covariance
    places = np.arange(rank, len(decay))
    decay[places, places] = 0.5 * np.trace(silent.covariance)
    return decay


def _with_silent_trace(active: Array, basis: Array, silent: SilentAxes) -> Array:
    """A generator of second moments with one more coordinate, ``sqrt(count) B_kk``.

    ``dB_ij`` gains ``V_ik,jk B_kk`` of each silent axis, ``dB_kk`` the same from all of them.
    The basis of symmetric matrices has shape ``(q, r, r)``.
    """
    if not silent.count:
        return active
    size = len(active)
    whole = np.zeros((size + 1, size + 1))
    whole[:size, :size] = active
    whole[:size, size] = np.sqrt(silent.count) * np.tensordot(basis, silent.covariance, 2)
    whole[size, :size] = whole[:size, size]
    whole[size, size] = -np.trace(silent.covariance)
    return whole


def _diagonal_basis(rank: int) -> Array:
    """Diagonal matrices with one entry, shape ``(r, r, r)``."""
    basis = np.zeros((rank,) * 3)
    basis[(np.arange(rank),) * 3] = 1.0
    return basis


def _with_silent_coordinate(active: Array, matrix: Array, rank: int) -> Array:
    """Coordinates of the active axes with that of the silent ones, if there are any."""
    silent = np.diagonal(matrix)[rank:]
    return np.append(active, np.sqrt(silent.size) * silent.mean()) if silent.size else active


def _with_silent_diagonal(active: Array, coordinates: Array, count: int) -> Array:
    """Matrices of the active axes, shape ``(T, r, r)``, extended by the silent ones."""
    if not count:
        return active
    rank = active.shape[-1]
    whole = np.zeros((len(active), rank + count, rank + count))
    whole[:, :rank, :rank] = active
    places = np.arange(rank, rank + count)
    whole[:, places, places] = coordinates / np.sqrt(count)
    return whole

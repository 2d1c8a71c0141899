"""The fluctuation ``N_t`` of the first layer: an Ornstein-Uhlenbeck process in a frame that turns.

Observables need its second moments at two times, ``K_tau(x, y) = E[N_tau x (N_0 y)']``, and
samples.  `ModeFluctuation` takes them from modes that may move every weight,
`symdrift.observables.aligned_layer` from pairs of weights, and `LayerFluctuation` adds up
independent sources.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from symdrift.study.problem import Array

ADDED_VARIANCE = 1e-13
"""Variance added to make a covariance positive definite, relative to its trace."""
FORGOTTEN = 40.0
"""Slowest relaxation times after which nothing is left of a fluctuation."""

Modal = Array | NDArray[np.complex128]
"""Real, or of modes in complex conjugate pairs, which turn while they fade."""


@dataclass(frozen=True, eq=False)
class GramFluctuation:
    """What a fluctuation does to the Gram matrix of ``S`` stimuli.

    Attributes
    ----------
    expected : Array
        ``tr K_0(x_a, x_b)``, shape ``(S, S)``.
    variances : Array
        Of the entries, to first order in the fluctuation, shape ``(S, S)``.
    rates, weights : Array
        ``sum_ab E[(G_t+tau - G_t)_ab^2] = 2 sum_k weights_k (1 - exp(-rates_k tau))``,
        shape ``(k,)`` each.
    """

    expected: Array
    variances: Array
    rates: Modal
    weights: Modal


class Fluctuation(Protocol):
    """Fluctuation of some rows of the first layer, ``d`` of them, for ``n`` inputs."""

    @property
    def rates(self) -> Modal:
        """Every relaxation rate ``eta h``, shape ``(k,)``, per step."""

    def relaxation(self, vector: Array) -> tuple[Modal, Modal]:
        """Rates and weights of ``tr K_tau(x, x) = sum_k weights_k exp(-rates_k tau)``."""

    def forgotten(self, vector: Array, lags: Array) -> Array:
        """``K_0(x, x) - K_tau(x, x)`` without cancellation, shape ``(T, d, d)``."""

    def second_moment(self, moment: Array) -> Array:
        """``E[N S N']`` for a second moment ``S`` of inputs, shape ``(d, d)``."""

    def gram(self, representations: Array, vectors: Array) -> GramFluctuation:
        """For ``w`` of shape ``(S, d)`` and ``x`` of shape ``(S, n)``, a stimulus per row."""

    def sample(
        self, vectors: Array, lags: Array, samples: int, rng: np.random.Generator
    ) -> tuple[Array, Array]:
        """``N x`` of inputs ``x`` as columns, shape ``(n, v)``, on day 0 and at each lag.

        Every lag has the exact joint distribution with day 0; different lags share their
        random numbers, so that curves are smooth, and are no path.

        Returns
        -------
        Array
            On day 0, shape ``(samples, d, v)``.
        Array
            At the lags, shape ``(T, samples, d, v)``.
        """


@dataclass(frozen=True, eq=False)
class ModeFluctuation:
    """Fluctuation along modes that relax exponentially, each at its own rate.

    Attributes
    ----------
    rates : Array
        Shape ``(k,)``, per step.
    modes : Array
        What each mode changes in ``W``, shape ``(d, n, k)``.
    covariance : Array
        Stationary covariance ``E[n n']`` of the modes, shape ``(k, k)``, without conjugation.
    """

    rates: Modal
    modes: Modal
    covariance: Modal

    def onto(self, vector: Array) -> Modal:
        """``P`` of ``N x = P n``: modes to representation, shape ``(d, k)``."""
        return np.asarray(np.einsum("rnk,n->rk", self.modes, vector))

    def relaxation(self, vector: Array) -> tuple[Modal, Modal]:
        """Rates and weights of ``tr[P exp(-eta H tau) Gamma P']``."""
        onto = self.onto(vector)
        return self.rates, np.asarray(np.sum((onto @ self.covariance) * onto, axis=0))

    def forgotten(self, vector: Array, lags: Array) -> Array:
        """``P (1 - exp(-eta H tau)) Gamma P'``."""
        onto = self.onto(vector)
        correlated = self.covariance @ onto.T
        gone = -np.expm1(-np.outer(lags, self.rates))
        # One lag at a time: modes are many.
        return np.real(np.stack([(part * onto) @ correlated for part in gone]))

    def second_moment(self, moment: Array) -> Array:
        """``E[N S N']`` by one product of matrices over inputs and modes."""
        rows = len(self.modes)
        correlated = (self.modes @ self.covariance).reshape(rows, -1)
        weighted = np.einsum("rnk,nm->rmk", self.modes, moment).reshape(rows, -1)
        return np.real(correlated @ weighted.T)

    def gram(self, representations: Array, vectors: Array) -> GramFluctuation:
        """An entry changes by ``g . n`` with ``g_ab = P_a' w_b + P_b' w_a``."""
        onto = np.array([self.onto(vector) for vector in vectors])
        expected, variances = np.empty((2, len(onto), len(onto)))
        weights = np.zeros(len(self.rates), dtype=onto.dtype)
        for a, modes in enumerate(onto):
            expected[a] = np.einsum("rk,brk->b", modes @ self.covariance, onto).real
            slopes = representations @ modes + np.einsum("brk,r->bk", onto, representations[a])
            parts = (slopes @ self.covariance) * slopes
            variances[a] = parts.sum(axis=1).real
            weights += parts.sum(axis=0)
        return GramFluctuation(expected, variances, self.rates, weights)

    def sample(
        self, vectors: Array, lags: Array, samples: int, rng: np.random.Generator
    ) -> tuple[Array, Array]:
        """Drawn in weight space: nothing depends on the basis in which the modes are given."""
        axes, inputs, modes = self.modes.shape
        probes = vectors if vectors.shape[1] <= inputs else np.eye(inputs)
        onto = np.einsum("rnk,nv->rvk", self.modes, probes).reshape(-1, modes)
        size = len(onto)
        stationary = np.real(onto @ self.covariance @ onto.T)
        joint = np.kron(np.eye(2), stationary)
        alone = covariance_root(stationary)
        fresh = rng.standard_normal((2, samples, size))
        path = np.empty((len(lags), samples, size))
        for place, lag in enumerate(lags):
            if lag * self.rates.real.min() > FORGOTTEN:
                path[place] = fresh[1] @ alone.T
                continue
            kept = onto * np.exp(-lag * self.rates)
            remembered = np.real(kept @ self.covariance @ onto.T)
            joint[size:, :size], joint[:size, size:] = remembered, remembered.T
            root = covariance_root(joint)
            path[place] = fresh[0] @ root[size:, :size].T + fresh[1] @ root[size:, size:].T
        # The upper left block of a joint root is the root of day 0.
        start = fresh[0] @ alone.T
        shape = (samples, axes, probes.shape[1])
        first, later = start.reshape(shape), path.reshape(len(lags), *shape)
        return (first, later) if probes is vectors else (first @ vectors, later @ vectors)


@dataclass(frozen=True, eq=False)
class LayerFluctuation:
    """Independent sources on the active hidden units, and silent units that are all alike.

    Attributes
    ----------
    active : tuple of Fluctuation
        Each of the ``r`` active rows.
    silent : Fluctuation
        Of one silent row.
    silent_axes : int
        How many silent rows there are.
    """

    active: tuple[Fluctuation, ...]
    silent: Fluctuation
    silent_axes: int

    @property
    def rates(self) -> Modal:
        sources = self.active if self.silent_axes == 0 else (*self.active, self.silent)
        return np.concatenate([source.rates for source in sources])

    def relaxation(self, vector: Array) -> tuple[Modal, Modal]:
        """Those of every source."""
        parts = [source.relaxation(vector) for source in self.active]
        rates, weights = self.silent.relaxation(vector)
        parts.append((rates, self.silent_axes * weights))
        return _joined(parts)

    def forgotten(self, vector: Array, lags: Array) -> Array:
        """Block diagonal."""
        lost = sum(source.forgotten(vector, lags) for source in self.active)
        return self._extended(np.asarray(lost), self.silent.forgotten(vector, lags))

    def second_moment(self, moment: Array) -> Array:
        """Block diagonal."""
        total = sum(source.second_moment(moment) for source in self.active)
        return self._extended(np.asarray(total), self.silent.second_moment(moment))

    def gram(self, representations: Array, vectors: Array) -> GramFluctuation:
        """Silent rows change entries at second order only: nothing is represented there."""
        rank = representations.shape[1] - self.silent_axes
        parts = [source.gram(representations[:, :rank], vectors) for source in self.active]
        row = self.silent.gram(np.zeros((len(vectors), 1)), vectors)
        rates, weights = _joined([(part.rates, part.weights) for part in parts])
        return GramFluctuation(
            sum(part.expected for part in parts) + self.silent_axes * row.expected,
            np.sum([part.variances for part in parts], axis=0),
            rates,
            weights,
        )

    def sample(
        self, vectors: Array, lags: Array, samples: int, rng: np.random.Generator
    ) -> tuple[Array, Array]:
        """Sources in their order, then every silent row of every sample."""
        drawn = [source.sample(vectors, lags, samples, rng) for source in self.active]
        start, later = sum(first for first, _ in drawn), sum(path for _, path in drawn)
        first, path = self.silent.sample(vectors, lags, samples * self.silent_axes, rng)
        rows = (samples, self.silent_axes, vectors.shape[1])
        return (
            np.concatenate([start, first.reshape(rows)], axis=1),
            np.concatenate([later, path.reshape(len(lags), *rows)], axis=2),
        )

    def _extended(self, active: Array, row: Array) -> Array:
        """Matrices of the active rows with ``row`` for each silent one on the diagonal."""
        rank = active.shape[-1]
        axes = rank + self.silent_axes
        whole = np.zeros((*active.shape[:-2], axes, axes))
        whole[..., :rank, :rank] = active
        silent = np.arange(rank, axes)
        whole[..., silent, silent] = row[..., 0]
        return whole


def covariance_root(covariance: Array) -> Array:
    """Lower triangular ``F`` with ``F F' = covariance``, which may be singular.

    What is added to the diagonal changes samples by a millionth at most.

    Parameters
    ----------
    covariance : Array
        One or several, shape ``(..., d, d)``.
    """
    symmetric = 0.5 * (covariance + covariance.swapaxes(-1, -2))
    trace = np.trace(symmetric, axis1=-2, axis2=-1)[..., np.newaxis, np.newaxis]
    added = ADDED_VARIANCE * trace + np.finfo(float).tiny
    return np.asarray(np.linalg.cholesky(symmetric + added * np.eye(symmetric.shape[-1])))


def kept(rates: Modal, weights: Modal, lags: Array) -> Array:
    """``sum_k weights_k exp(-rates_k tau)``, shape ``(T,)``."""
    return _summed(np.exp(-np.outer(lags, rates)) * weights)


def forgotten(rates: Modal, weights: Modal, lags: Array) -> Array:
    """``sum_k weights_k (1 - exp(-rates_k tau))`` without cancellation, shape ``(T,)``."""
    return _summed(-np.expm1(-np.outer(lags, rates)) * weights)


def _summed(parts: Modal) -> Array:
    """Real part of the sum, to the last bit the same for one lag as among others."""
    return np.asarray(np.real(parts).sum(axis=1))


def _joined(parts: Sequence[tuple[Modal, Modal]]) -> tuple[Modal, Modal]:
    rates, weights = zip(*parts, strict=True)
    return np.concatenate(rates), np.concatenate(weights)

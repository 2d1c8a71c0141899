"""Stationary means of the first two orders of the perturbation series, from the steps alone.

A step of SGD with the deviations of a sample from the expected gradient times ``e`` is a polynomial
in ``e``, whose coefficients a discrete Fourier transform gives.  On polynomials of the deviations
``n_1`` and ``n_2`` up to the weight of ``n_1^3`` and ``n_1 n_2`` its average over samples is a
matrix, fitted at as many random points as it needs.  Stationary means, long-time covariances and
correlations at two times are linear algebra with that matrix; no derivative of the loss, no moment
of the noise and nothing else of the package is in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations_with_replacement

import numpy as np
from scipy.linalg import null_space, qr, solve_triangular

from symdrift.study.problem import Array, LearningProblem

ORDERS = 16
"""Coefficients of a power series, more than a step or a loss has."""

SPARE = 1.2
"""Random points per polynomial."""


@dataclass(frozen=True)
class ExactMeans:
    """As `symdrift.simulation.perturbation_means.PerturbationMeans`."""

    excess_loss: float
    weight_variance: float
    mean_rotation: Array
    covariance: Array
    displacement: Array


@dataclass(frozen=True)
class Chain:
    """Deviations of a network from its minimum, on all samples of a problem.

    Attributes
    ----------
    given : LearningProblem
    first_layer, second_layer : Array
        Of the minimum, in the frame whose planes are counted.
    inputs, labels, shares : Array
        All samples: shapes ``(s, n)``, ``(s, m)``, ``(s,)``.
    """

    given: LearningProblem
    first_layer: Array
    second_layer: Array
    inputs: Array
    labels: Array
    shares: Array

    @cached_property
    def star(self) -> Array:
        return np.concatenate([self.first_layer, self.second_layer.T], axis=1)

    @cached_property
    def generators(self) -> Array:
        size = len(self.star)
        found = np.zeros((size * (size - 1) // 2, size, size))
        for plane, (i, j) in zip(found, zip(*np.triu_indices(size, 1), strict=True), strict=True):
            plane[i, j], plane[j, i] = 1.0, -1.0
        return found

    @cached_property
    def tangents(self) -> Array:
        return (self.generators @ self.star).reshape(len(self.generators), -1)

    @cached_property
    def normal(self) -> Array:
        return np.asarray(null_space(self.tangents))

    def _gradient(self, weights: Array, sample: int) -> Array:
        n = len(self.first_layer[0])
        first, second = weights[..., :n], weights[..., n:].swapaxes(-1, -2)
        x = self.inputs[sample]
        hidden = first @ x
        error = np.einsum("...op,...p->...o", second, hidden) - self.labels[sample]
        back = np.einsum("...op,...o->...p", second, error)
        pulled = np.concatenate(
            [back[..., np.newaxis] * x, hidden[..., np.newaxis] * error[..., np.newaxis, :]], -1
        )
        return np.asarray(pulled + self.given.weight_decay * weights)

    def _loss(self, weights: Array) -> Array:
        n = len(self.first_layer[0])
        made = weights[..., n:].swapaxes(-1, -2) @ weights[..., :n]
        errors = made @ self.inputs.T - self.labels.T
        decay = 0.5 * self.given.weight_decay * np.sum(weights**2, axis=(-1, -2))
        return np.asarray(0.5 * np.sum(errors**2, axis=-2) @ self.shares + decay)

    def _weights(self, one: Array, two: Array) -> Array:
        """At all powers of a root of unity, shape ``(orders, points, p, n + m)``."""
        small = np.exp(2j * np.pi * np.arange(ORDERS) / ORDERS)[:, np.newaxis, np.newaxis]
        moved = small * (one @ self.normal.T) + small**2 * (two @ self.normal.T)
        return np.asarray(self.star + moved.reshape(ORDERS, len(one), *self.star.shape))

    def losses(self, one: Array, two: Array) -> Array:
        """What the first two orders of the deviation make of the expected loss, together."""
        series = np.fft.fft(self._loss(self._weights(one, two)), axis=0).real / ORDERS
        return np.asarray(series[2] + series[3])

    def steps(self, one: Array, two: Array) -> Iterator[tuple[Array, Array, Array, Array]]:
        """Sample by sample, ``n_1'``, ``n_2'`` and both orders of the rotation of a step."""
        weights = self._weights(one, two)
        small = np.exp(2j * np.pi * np.arange(ORDERS) / ORDERS)[
            :, np.newaxis, np.newaxis, np.newaxis
        ]
        each = [self._gradient(weights, sample) for sample in range(len(self.shares))]
        mean = sum(share * own for share, own in zip(self.shares, each, strict=True))
        lengths = np.sum(self.tangents**2, axis=1)
        for own in each:
            moved = weights - self.given.learning_rate * ((1 - small) * mean + small * own)
            _, first, second, third = np.fft.fft(moved, axis=0).real[:4] / ORDERS
            flat = (len(one), -1)
            turn = second.reshape(flat) @ self.tangents.T / lengths
            carried = np.einsum("sk,kij,sjw->siw", turn, self.generators, first)
            again = (third - carried).reshape(flat) @ self.tangents.T / lengths
            yield (
                first.reshape(flat) @ self.normal,
                second.reshape(flat) @ self.normal,
                turn,
                again,
            )


def features(one: Array, two: Array) -> Array:
    """All products of the weight of ``n_1^3`` at the most, the constant first."""
    axes = range(one.shape[1])
    pairs, triples = (
        np.stack(
            [
                np.prod(one[:, list(each)], axis=1)
                for each in combinations_with_replacement(axes, k)
            ],
            axis=1,
        )
        for k in (2, 3)
    )
    crossed = (one[:, :, np.newaxis] * two[:, np.newaxis]).reshape(len(one), -1)
    return np.concatenate([np.ones((len(one), 1)), one, two, pairs, triples, crossed], axis=1)


def exact_means(chain: Chain, stimuli: Array, lag: int) -> ExactMeans:
    """All means at the learning rate of the problem, synaptic noise left out."""
    size = chain.normal.shape[1]
    count = features(*np.zeros((2, 1, size))).shape[1]
    one, two = np.random.default_rng(0).normal(size=(2, int(SPARE * count), size))
    here = features(one, two)
    orthogonal, triangle = qr(here, mode="economic")
    steps, shares = list(chain.steps(one, two)), chain.shares

    def fitted(values: Array) -> Array:
        """Coefficients of some polynomials by their values at the points."""
        flat = values.reshape(len(here), -1)
        found = solve_triangular(triangle, orthogonal.T @ flat)
        assert np.allclose(here @ found, flat, rtol=1e-8, atol=1e-9 * np.max(np.abs(flat)))
        return np.asarray(found.reshape(count, *values.shape[1:]))

    after = [features(first, second) for first, second, *_ in steps]
    ahead = fitted(sum(share * each for share, each in zip(shares, after, strict=True)))
    left = np.eye(count - 1) - ahead[1:, 1:]
    stationary = np.concatenate([[1.0], np.linalg.solve(left.T, ahead[0, 1:])])

    def mean(values: Array) -> Array:
        return np.asarray(np.tensordot(stationary, fitted(values), axes=(0, 0)))

    def averaged(values: list[Array]) -> Array:
        return np.asarray(sum(share * each for share, each in zip(shares, values, strict=True)))

    # Martingale differences of both orders of the rotation.
    turned = [np.stack(step[2:], axis=1) for step in steps]
    pull = fitted(averaged(turned))
    rotation = np.tensordot(stationary, pull, axes=(0, 0))
    ahead_of = np.zeros_like(pull)
    ahead_of[1:] = np.linalg.solve(left, pull[1:].reshape(count - 1, -1)).reshape(pull[1:].shape)
    start = np.tensordot(here, ahead_of, axes=(1, 0))
    gained = [
        own - rotation + np.tensordot(then, ahead_of, axes=(1, 0)) - start
        for own, then in zip(turned, after, strict=True)
    ]
    one_column, two_column = slice(1, 1 + size), slice(1 + size, 1 + 2 * size)
    for each, (kick, *_) in zip(gained, chain.steps(*np.zeros((2, 1, size))), strict=True):
        # Documented as left out: what is cubic in the gradient of a single sample.
        cubed = features(kick, 0 * kick) @ ahead_of[:, 1] - kick @ ahead_of[one_column, 1]
        each[:, 1] -= cubed
    leading, crossed = mean(
        averaged([np.einsum("sk,sbl->sbkl", each[:, 0], each) for each in gained])
    )

    seen = chain.normal.reshape(*chain.star.shape, size)[:, : stimuli.shape[1]]
    seen = np.einsum("piz,si->spz", seen, stimuli)
    moved = np.einsum("kij,jn,sn->sik", chain.generators, chain.first_layer, stimuli)
    later = np.eye(count)[:, : 1 + 2 * size]
    summed, still = np.zeros((count, size)), np.zeros_like(pull[:, 0])
    pending = pull[:, 0]
    for _ in range(lag):
        summed, later = summed + later[:, one_column], ahead @ later
        still, pending = still + pending, ahead @ pending
    then_one, then_two = here @ later[:, one_column], here @ later[:, two_column]

    def product(left: Array, right: Array) -> Array:
        return mean(left[:, :, np.newaxis] * right[:, np.newaxis])

    same, mixed = product(one, one), product(one, two)
    first = 2.0 * same - product(one, then_one) - product(then_one, one)
    second = 2.0 * mixed - product(one, then_two) - product(then_one, two)
    turning = mean(
        averaged(
            [
                np.einsum("sz,sk->szk", then @ summed, own[:, 0])
                for then, own in zip(after, turned, strict=True)
            ]
        )
    ) - product(one, here @ still)
    displacement = np.einsum("spa,ab,spb->s", seen, first + 2.0 * second, seen)
    displacement += 2.0 * np.einsum("spz,spk,zk->s", seen, moved, turning)
    return ExactMeans(
        excess_loss=float(mean(chain.losses(one, two))),
        weight_variance=float(np.trace(same) + 2.0 * np.trace(mixed)),
        mean_rotation=rotation,
        covariance=np.array([leading, crossed + crossed.T]),
        displacement=displacement,
    )

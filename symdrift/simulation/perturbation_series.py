"""Networks beside the perturbation series of their own deviations, which takes out the noise.

What a network shows beyond the leading order drowns in what fluctuates at leading order.  The
first orders of the series (`perturbation_step`) fluctuate alike, since they see the same
samples, and their means are known exactly (`perturbation_means`).  So only the difference is
averaged: its mean is of the next order in the learning rate, and now its scatter is as well.

At the end of each window a network is turned back to the minimum, by what it has turned within the
window.  The series is turned back as well, order by order: ``S_1`` and ``S_2`` are the first orders
of the rotation.  Samples are not turned, which is an exact symmetry.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import partial

import numpy as np

from symdrift.evaluation.dense.landscape import MinimumPoint
from symdrift.evaluation.parts import moving_planes
from symdrift.execution import Meter, run_blocks
from symdrift.precision import double_precision
from symdrift.simulation.ensemble import (
    Networks,
    advance_metered,
    blocks_of,
    packed,
    refuse_rotation,
    run_of,
)
from symdrift.simulation.estimators import (
    Estimate,
    Estimates,
    Observables,
    rotation_matrices,
    weighted_mean,
)
from symdrift.simulation.lanes import LANES
from symdrift.simulation.perturbation_means import PerturbationMeans
from symdrift.simulation.perturbation_step import STATES, series_kernel
from symdrift.simulation.setup import Model, on_own_pages, padded_layers
from symdrift.study.problem import Array


@dataclass(frozen=True)
class Differences:
    """Sums over windows of what networks show beyond the first two orders; units come last.

    Attributes
    ----------
    windows : Array
        Shape ``(units,)``.
    angle : Array
        Rotation, shape ``(planes, units)``.
    product : Array
        Its products in one window and with its neighbours, shape ``(planes, planes, units)``.
    loss, distance : Array
        Shape ``(units,)``.
    shift : Array
        Displacement of the weights, shape ``(weights, units)``.
    travelled : Array
        Squared displacement of each stimulus' representation, shape ``(stimuli, units)``.
    """

    windows: Array
    angle: Array
    product: Array
    loss: Array
    distance: Array
    shift: Array
    travelled: Array

    def beside(self, other: Differences) -> Differences:
        """Both sets of units."""
        return Differences(
            *(
                np.concatenate([getattr(self, f.name), getattr(other, f.name)], axis=-1)
                for f in fields(self)
            )
        )


@dataclass(frozen=True)
class _Layers:
    """The task, for points and deviations ``[W, U']`` of shape ``(..., p, n + m)``."""

    star: Array
    inputs: int
    teacher: Array
    covariance: Array
    weight_decay: float

    def turned(self, deviation: Array) -> Array:
        """Coordinates ``Omega`` of a deviation along the orbit, shape ``(..., p, p)``."""
        overlap = deviation @ self.star.T
        lengths = np.sum(self.star**2, axis=1)
        metric = np.add.outer(lengths, lengths)
        along = overlap - overlap.swapaxes(-1, -2)
        return np.asarray(np.divide(along, metric, out=np.zeros_like(along), where=metric > 0))

    def rotation(self, point: Array) -> Array:
        """Orthogonal ``Q`` for which ``Q' point`` is across the orbit, shape ``(..., p, p)``.

        Silent axes, on which that does not depend, turn no more than they must: what completes the
        columns ``[a; b]`` of active ones is ``[-a^-T b'; 1]``, as in `measure`.
        """
        rank, hidden = int(np.count_nonzero(np.any(self.star, axis=1))), len(self.star)
        overlap = point @ self.star.T
        overlap[..., rank:, rank:] = np.eye(hidden - rank)
        active, below = overlap[..., :rank, :rank], overlap[..., rank:, :rank]
        overlap[..., :rank, rank:] = -np.linalg.solve(
            active.swapaxes(-1, -2), below.swapaxes(-1, -2)
        )
        left, _, right = np.linalg.svd(overlap)
        return np.asarray(left @ right)

    def product(self, point: Array, other: Array) -> Array:
        """``U W`` of the one's ``U`` and the other's ``W``, shape ``(..., m, n)``."""
        second = point[..., self.inputs :].swapaxes(-1, -2)
        return np.asarray(second @ other[..., : self.inputs])

    def fitting(self, left: Array, right: Array) -> Array:
        """``tr(E Sigma F')`` of errors ``E`` and ``F``."""
        return np.asarray(np.sum((left @ self.covariance) * right, axis=(-1, -2)))

    def decaying(self, left: Array, right: Array) -> Array:
        """Weight decay times the scalar product of weights."""
        return np.asarray(self.weight_decay * np.sum(left * right, axis=(-1, -2)))


@dataclass(frozen=True)
class _Window:
    """What one window shows of each replica: of the network, and of the orders of the series.

    Attributes
    ----------
    angles : Array
        Rotations ``X``, ``S_1`` and ``S_2``, shape ``(3, planes, replicas)``.
    loss, distance : Array
        Of the network less that of the first two orders, shape ``(replicas,)``.
    shift : Array
        Displacement of the network less ``n_1``, shape ``(weights, replicas)``.
    """

    angles: Array
    loss: Array
    distance: Array
    shift: Array


class SeriesBlock(Networks):
    """Replicas ``first, ..., first + count - 1``, each beside its series."""

    def __init__(
        self, model: Model, minimum: MinimumPoint, first: int, count: int, seed: int
    ) -> None:
        shape = model.shape
        size, groups = shape.weights, -(-count // LANES)
        start = packed(model, padded_layers(minimum, shape.hidden), count)
        memory = np.zeros((groups, STATES, size, LANES))
        memory[:, :2] = start.reshape(groups, 1, size, LANES)
        weights = on_own_pages(memory)
        kernel, run = series_kernel(shape), run_of(model, weights, first, count, seed)
        covariance, teacher = (
            np.ravel(matrix).copy() for matrix in (model.covariance, model.teacher)
        )
        super().__init__(weights, count, partial(kernel, run, covariance, teacher), shape.batch)
        self._memory = weights.reshape(groups, STATES, size, LANES)
        self._split, self._rate = shape.hidden * shape.inputs, model.learning_rate
        self._shape = shape
        star = self.states()[1, 0]
        self._at = _Layers(star, shape.inputs, model.teacher, model.covariance, model.weight_decay)
        planes = np.array(moving_planes(minimum.rank, shape.hidden), dtype=int).reshape(-1, 2)
        self._first, self._second = planes.T - 1

    def states(self) -> Array:
        """Weights ``[W, U']`` of the networks, of the minimum, and ``n_1``, ``n_2``, ``n_3``.

        Shape ``(STATES, replicas, p, n + m)``, spare lanes included, in the axes of the model.
        """
        shape = self._shape
        flat = self._memory.transpose(1, 0, 3, 2).reshape(STATES, -1, shape.weights)
        first = flat[..., : self._split].reshape(STATES, -1, shape.hidden, shape.inputs)
        second = flat[..., self._split :].reshape(STATES, -1, shape.outputs, shape.hidden)
        return np.concatenate([first, second.swapaxes(-1, -2)], axis=-1)

    def representations(self, stimuli: Array) -> Array:
        """``W x`` of networks, of ``n_1`` and of ``n_2``, shape ``(3, replicas, stimuli, p)``."""
        layers = self.states()[[0, 2, 3], : self.count, :, : self._shape.inputs]
        return np.asarray(np.einsum("krij,sj->krsi", layers, stimuli))

    def _write(self, states: Array) -> None:
        shape = self._shape
        first = states[..., : shape.inputs].reshape(STATES, -1, self._split)
        second = states[..., shape.inputs :].swapaxes(-1, -2).reshape(*first.shape[:2], -1)
        flat = np.concatenate([first, second], axis=-1)
        groups = len(self._memory)
        self._memory[:] = flat.reshape(STATES, groups, LANES, -1).transpose(1, 0, 3, 2)

    def end_window(self) -> _Window:
        """Turn networks and series back to the minimum.

        Raises
        ------
        RequestError
            When a window is too long for its rotations to be small.
        """
        at = self._at
        own, _, one, two, three = self.states()
        rotation = at.rotation(own)
        own = rotation.swapaxes(-1, -2) @ own
        skew = 0.5 * (rotation - rotation.swapaxes(-1, -2))
        square = skew @ skew
        # asinh: a relative error below |skew|^6 / 20.
        angle = skew - skew @ square / 6.0 + 3.0 * skew @ square @ square / 40.0
        # e^-Omega theta in orders: Omega begins with the second.
        turned = at.turned(two)
        two = two - turned @ at.star
        three = three - turned @ one
        further = at.turned(three)
        three = three - further @ at.star
        states = np.stack([own, np.broadcast_to(at.star, own.shape), one, two, three])
        self._write(states)
        refuse_rotation(float(np.max(np.abs(angle), initial=0.0)), self._rate)
        angles = np.stack([angle, turned, further])[:, : self.count, self._first, self._second]
        own, one, two = (state[: self.count] for state in (own, one, two))
        moved = own - at.star
        still = at.product(at.star, at.star) - at.teacher
        errors = at.product(own, own) - at.teacher
        linear, following = (
            at.product(at.star, order) + at.product(order, at.star) for order in (one, two)
        )
        crossed, mixed = at.product(one, one), at.product(one, two) + at.product(two, one)
        # Twice the loss above the minimum: of the network, and of n_1 n_1, n_1 n_1 n_1, n_1 n_2.
        # What is linear in n_2 or n_3 vanishes at the minimum.
        loss = at.fitting(errors, errors) - at.fitting(still, still)
        loss += at.decaying(own, own) - at.decaying(at.star, at.star)
        loss -= at.fitting(linear, linear + 2.0 * (following + crossed))
        loss -= 2.0 * at.fitting(still, crossed + mixed) + at.decaying(one, one + 2.0 * two)
        distance = np.sum(moved**2 - one**2 - 2.0 * one * two, axis=(1, 2))
        shift = (moved - one).reshape(self.count, -1).T
        return _Window(angles.swapaxes(1, 2), 0.5 * loss, distance, shift)


BLOCK_REPLICAS = 64
"""Replicas of one thread at a time: what is done at the end of a window is worth its overhead."""


def run_beside_series(
    model: Model,
    minimum: MinimumPoint,
    means: PerturbationMeans,
    burn_in: int,
    window: int,
    windows: int,
    replicas: int,
    seed: int,
    stimuli: Array,
) -> Differences:
    """Run an ensemble and its series from the minimum; one unit per replica.

    Parameters
    ----------
    model : Model
        With one sample per step.
    minimum : MinimumPoint
    means : PerturbationMeans
        Rotations are taken about their exact means.
    burn_in, window : int
        Steps before the first window, and of each; displacements are those of its first half.
    windows, replicas, seed : int
    stimuli : Array
        Shape ``(stimuli, n)``.

    Raises
    ------
    Diverged
        When weights grow without bound.
    """
    parts, interrupted = run_blocks(
        partial(_run_block, model, minimum, means, burn_in, window, windows, seed, stimuli),
        blocks_of(replicas, BLOCK_REPLICAS),
        Meter(replicas * (burn_in + (windows + 1) * window)),
    )
    if interrupted:
        raise KeyboardInterrupt
    joined = parts[0]
    for part in parts[1:]:
        joined = joined.beside(part)
    return joined


@double_precision()
def _run_block(
    model: Model,
    minimum: MinimumPoint,
    means: PerturbationMeans,
    burn_in: int,
    window: int,
    windows: int,
    seed: int,
    stimuli: Array,
    first: int,
    count: int,
    meter: Meter | None = None,
) -> Differences:
    meter = Meter(count * (burn_in + (windows + 1) * window)) if meter is None else meter
    block = SeriesBlock(model, minimum, first, count, seed)
    advance_metered(block, burn_in, meter)
    block.end_window()
    once, twice = means.mean_rotation * window
    centre = np.array([once + twice, once, twice])[:, :, np.newaxis]

    def angles(found: _Window) -> Array:
        return np.asarray(found.angles - centre)

    def products(left: Array, right: Array) -> Array:
        """``X X - S_1 S_1 - S_1 S_2 - S_2 S_1``, symmetrised."""
        pairs = np.einsum("aku,blu->abklu", left, right)
        found = pairs[0, 0] - pairs[1, 1] - pairs[1, 2] - pairs[2, 1]
        return np.asarray(0.5 * (found + found.swapaxes(0, 1)))

    advance_metered(block, window, meter)
    before = angles(block.end_window())
    angle, product = np.zeros(before.shape[1:]), np.zeros((*2 * before.shape[1:2], count))
    loss, distance = np.zeros(count), np.zeros(count)
    shift = np.zeros((model.shape.weights, count))
    travelled = np.zeros((len(stimuli), count))
    turned = stimuli @ model.basis
    for _ in range(windows):
        start = block.representations(turned)
        half = advance_metered(block, window // 2, meter)
        own, one, two = block.representations(turned) - start
        travelled += np.sum(own**2 - one**2 - 2.0 * one * two, axis=2).T
        if not (half and advance_metered(block, window - window // 2, meter)):
            raise KeyboardInterrupt
        found = block.end_window()
        now = angles(found)
        angle += now[0] - now[1] - now[2]
        product += products(now, now) + 2.0 * products(before, now)
        loss += found.loss
        distance += found.distance
        shift += found.shift
        before = now
    return Differences(
        np.full(count, float(windows)), angle, product, loss, distance, shift, travelled
    )


def estimate_beside_series(
    observed: Observables,
    sums: Differences,
    window: int,
    means: PerturbationMeans,
    layer: Array,
    stimuli: Array,
) -> Estimates:
    """The exact means of the first two orders, and what networks show beyond them.

    Diffusion of stimuli is that of the rotation, acting on their mean representation once rotation
    is undone: what else moves them does not add up.

    Parameters
    ----------
    observed : Observables
    sums : Differences
    window : int
    means : PerturbationMeans
    layer : Array
        ``W*``, shape ``(p, n)``.
    stimuli : Array
        Shape ``(stimuli, n)``, both in the axes of the model.
    """
    count, total = sums.windows, float(sums.windows.sum())
    mean = sums.angle.sum(axis=1) / total
    shift = sums.shift.sum(axis=1) / total
    distance = sums.distance - 2.0 * (shift @ sums.shift) + float(shift @ shift) * count
    known = means.covariance.sum(axis=0) - 3.0 * np.outer(mean, mean) / window
    rates = known[:, :, np.newaxis] + sums.product / (count * window)

    def displaced(weights: Array) -> Array:
        """Displacement of ``W`` from that of all weights."""
        return np.asarray(weights.reshape(len(layer), -1)[:, : layer.shape[1]])

    generators = rotation_matrices(observed, np.eye(len(mean)))
    moved = displaced(shift)
    unit_moved = sums.shift / count - shift[:, np.newaxis]

    def diffusion(stimulus: Array) -> Estimate:
        """Linear in what units scatter by."""
        turned = np.einsum("ijk,j->ki", generators, (layer + moved) @ stimulus)
        own = np.array([displaced(weights) @ stimulus for weights in unit_moved.T])
        change = np.einsum("ijk,uj->kiu", generators, own)
        average = rates.mean(axis=2)
        per_unit = 0.5 * np.einsum("klu,ki,li->u", rates, turned, turned)
        per_unit += np.einsum("kl,ki,liu->u", average, turned, change)
        return weighted_mean(per_unit, count)

    def beyond(known: float, values: Array) -> Estimate:
        found = weighted_mean(values / count, count)
        return Estimate(float(known + found.value), found.standard_error)

    return Estimates(
        mean_rotation=tuple(
            beyond(known, angle / window)
            for known, angle in zip(means.mean_rotation.sum(axis=0), sums.angle, strict=True)
        ),
        covariance=tuple(weighted_mean(rates[pair], count) for pair in observed.pairs),
        stimulus_diffusion=tuple(diffusion(stimulus) for stimulus in stimuli),
        weight_variance=beyond(means.weight_variance, distance),
        excess_loss=beyond(means.excess_loss, sums.loss),
        similarity=(),
    )


def displacements_beside_series(
    sums: Differences, means: PerturbationMeans
) -> tuple[Estimate, ...]:
    """Mean-squared displacement of each stimulus in the first half of a window."""
    found = (weighted_mean(values / sums.windows, sums.windows) for values in sums.travelled)
    return tuple(
        Estimate(float(known + estimate.value), estimate.standard_error)
        for known, estimate in zip(means.displacement, found, strict=True)
    )

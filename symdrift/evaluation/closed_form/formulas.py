"""Drift in aligned networks of any size.

Drift of hidden representations in a two-layer linear network under online SGD, leading
order in the learning rate: arrays and sums around the printed formulas of single directions,
blocks and planes.

Arguments of the public functions, in this order:

covariance : array_like, shape (..., n) or scalar
    Eigenvalues lambda of the input covariance; a matrix would be taken for n spectra.
weight_decay : array_like, shape (...)
    Weight decay gamma, positive.
learning_rate : array_like, shape (...)
    Learning rate eta; results are of leading order in it.
gains : array_like, shape (..., min(n, m)) or scalar
    Gains a of the teacher on the axes of the inputs; 1 for an autoencoder.
label_noise : array_like, shape (..., m) or scalar
    Variance sigma^2 of the label noise of each output.
batch : array_like, shape (...)
    Samples per step.
inputs, outputs, hidden : int
    Sizes n, m, p.
learned : array_like of bool, shape (min(n, m),), optional
    The active directions of a strict minimum that is not the lowest one.

Leading axes broadcast. All rates are per SGD step. A direction i is active when lambda_i |a_i| >
gamma and its loss reduction lambda_i s_i^2 / 2 is among the p largest, unless learned says which
ones are; on a threshold or a tie the minimum is not strict and the results do not hold. Results are
right to 12 digits, close to thresholds and to ties for the last hidden unit too. Where learned
leaves out a direction that is worth more than one of its own, more than a thousandth must be left
of the determinant that the block of both would have at a tie: rounding over that part is lost.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from symdrift.evaluation.closed_form.network_axes import (
    Axis,
    NetworkAxes,
    excess_over,
    network_axes,
)
from symdrift.evaluation.closed_form.planes import Planes, by_network
from symdrift.evaluation.closed_form.printed_aligned import (
    _batch_share,
    _drift_displacement,
    _eigenvalue_distances,
    _excess_loss,
    _half_distance,
    _loss,
    _loss_reduction,
    _own_curvature,
    _own_fluctuation,
    _own_weight_change,
    _pair_curvature,
    _pair_fluctuation,
    _pair_weight_change,
    _silent_curvature,
    _singular_value,
    _squared_component,
    _unreached_curvature,
)

Array = NDArray[np.float64]

PAIRS_AT_A_TIME = 2**15
"""Pairs of directions that one operation is about, of all networks together."""


def _leading(axes: NetworkAxes, *values: ArrayLike) -> tuple[Array, ...]:
    """Scalars per leading axis, with room for two axes of directions."""
    lead = axes.active.shape[:-1]
    return tuple(np.broadcast_to(value, lead)[..., None, None] for value in values)


class _Rows(NamedTuple):
    """Active directions i along axis -2, shape (..., r, 1), and harmless ones to make up r."""

    values: Axis
    strength: tuple[Array, Array]
    active: NDArray[np.bool_]
    number: NDArray[np.intp]


def _rows(axes: NetworkAxes, inputs: int) -> _Rows:
    """The active directions of each network; r is the largest number of them, at least 1."""
    active = axes.active[..., :inputs]
    most = max(1, int(active.sum(axis=-1).max(initial=0)))
    number = np.argsort(~active, axis=-1, kind="stable")[..., :most]

    def picked(part: NDArray[Any]) -> NDArray[Any]:
        # Networks side by side in memory, as sums and extremes over pairs have them.
        return np.asfortranarray(np.take_along_axis(part, number, axis=-1))[..., None]

    active = picked(axes.active)
    values = (
        np.where(active, picked(axes.variance), 1.0),
        picked(axes.label_noise),
        np.where(active, picked(axes.singular_value), 1.0),
    )
    strength = np.where(active, picked(axes.strength), 1.0), picked(axes.strength_rest)
    return _Rows(values, strength, active, number[..., None])


def _tiles(axes: NetworkAxes, inputs: int) -> Iterator[_Rows]:
    """Active directions, so many at a time that what pairs say of them stays in the cache."""
    rows = _rows(axes, inputs)
    step = max(1, PAIRS_AT_A_TIME // max(axes.active.size, 1))
    for start in range(0, rows.number.shape[-2], step):
        here = (..., slice(start, start + step), slice(None))
        yield _Rows(
            (rows.values[0][here], rows.values[1][here], rows.values[2][here]),
            (rows.strength[0][here], rows.strength[1][here]),
            rows.active[here],
            rows.number[here],
        )


def _total_fluctuation(
    axes: NetworkAxes, rows: _Rows, weight_decay: ArrayLike
) -> tuple[Array, Array]:
    """Sums of fluctuation and noise over all directions, per eta and for B = 1."""
    (gamma,) = _leading(axes, weight_decay)
    with np.errstate(divide="ignore", invalid="ignore"):
        own = _own_fluctuation(*rows.values, gamma)
        first, second, _, noise, noise_second = _pair_fluctuation(
            *rows.values, *axes.pairs(), *axes.closeness(*rows.strength), gamma
        )
    # A pair of active directions is met from both sides.
    pairs = rows.active & (np.arange(axes.active.shape[-1]) != rows.number)
    alone = pairs & ~axes.active[..., None, :]

    def total(single: Array, direct: Array, mirrored: Array) -> Array:
        parts = ((single, rows.active), (direct, pairs), (mirrored, alone))
        return sum(
            (np.where(where, part, 0.0).sum(axis=(-1, -2)) for part, where in parts),
            start=np.zeros(()),
        )

    return total(own[0], first, second), total(own[1], noise, noise_second)


def singular_values(
    covariance: ArrayLike,
    weight_decay: ArrayLike,
    gains: ArrayLike = 1.0,
    *,
    inputs: int,
    outputs: int,
    hidden: int,
    learned: ArrayLike | None = None,
) -> Array:
    """Singular values of the learned map.

    s_i = |a_i| - gamma / lambda_i for active directions, else 0.

    Returns
    -------
    ndarray, shape (..., n)
        In the order of the input axes.
    """
    axes = network_axes(covariance, weight_decay, gains, 0.0, inputs, outputs, hidden, learned)
    return axes.singular_value[..., :inputs]


def loss_reductions(covariance: ArrayLike, weight_decay: ArrayLike, gains: ArrayLike) -> Array:
    """By how much learning each direction lowers the loss, (lambda / 2) s^2.

    Parameters
    ----------
    covariance, gains : array_like, shape (...)
        Input variance and gain of directions that are worth learning,
        covariance * |gains| > weight_decay.

    Returns
    -------
    ndarray, shape (...)
    """
    covariance, gain = np.asarray(covariance, dtype=float), np.abs(gains)
    excess = excess_over(covariance, gain, np.asarray(weight_decay))
    return _loss_reduction(covariance, _singular_value(covariance, excess))


def loss(
    covariance: ArrayLike,
    weight_decay: ArrayLike,
    gains: ArrayLike = 1.0,
    label_noise: ArrayLike = 0.0,
    *,
    inputs: int,
    outputs: int,
    hidden: int,
    learned: ArrayLike | None = None,
) -> Array:
    """Expected loss on the minimum-loss manifold, label noise and weight decay included.

    Returns
    -------
    ndarray, shape (...)
    """
    axes = network_axes(
        covariance, weight_decay, gains, label_noise, inputs, outputs, hidden, learned
    )
    gamma = np.broadcast_to(weight_decay, axes.active.shape[:-1])[..., None]
    total: Array = _loss(*axes.at(slice(None)), axes.residual, gamma).sum(axis=-1)
    return total


def hessian_range(
    covariance: ArrayLike,
    weight_decay: ArrayLike,
    gains: ArrayLike = 1.0,
    *,
    inputs: int,
    outputs: int,
    hidden: int,
    learned: ArrayLike | None = None,
) -> tuple[Array, Array]:
    """Smallest and largest Hessian eigenvalue on the normal space.

    Returns
    -------
    smallest, largest : ndarray, shape (...)
    """
    axes = network_axes(covariance, weight_decay, gains, 0.0, inputs, outputs, hidden, learned)
    axes = axes.networks_last()
    extremes = [
        _curvatures(axes, rows, weight_decay, inputs, outputs, hidden)
        for rows in _tiles(axes, inputs)
    ]
    smallest, largest = zip(*extremes, strict=True)
    return np.min(smallest, axis=0), np.max(largest, axis=0)


def _curvatures(
    axes: NetworkAxes, rows: _Rows, weight_decay: ArrayLike, inputs: int, outputs: int, hidden: int
) -> tuple[Array, Array]:
    """Smallest and largest Hessian eigenvalue along some active directions and silent ones."""
    (gamma,) = _leading(axes, weight_decay)
    others = axes.pairs()
    first, second, product = _pair_curvature(
        *rows.values, *others, *axes.closeness(*rows.strength), gamma
    )
    upper = (first + second) / 2 + _half_distance(*rows.values, *others, gamma)
    number = np.arange(axes.active.shape[-1])
    diagonal, has_input, has_output = number == rows.number, number < inputs, number < outputs
    pairs = rows.active & ~diagonal
    no_silent_unit = axes.active.sum(axis=-1)[..., None, None] == hidden
    lowest, highest = _silent_curvature(axes.slack, gamma[..., 0])
    silent = ~axes.active[..., None, :] & ~no_silent_unit
    own, unreached = _own_curvature(*rows.values, gamma), _unreached_curvature(gamma)
    # Smaller and larger of two, and where there are such.
    candidates = (
        (own, own, rows.active),
        (unreached, unreached, rows.active),
        (
            np.where(has_output, product / upper, first),
            np.where(has_output, upper, first),
            pairs & has_input,
        ),
        (second, second, pairs & ~has_input),
        (lowest[..., None, :], highest[..., None, :], silent),
    )
    smallest, largest = (np.full(axes.active.shape[:-1], end) for end in (np.inf, -np.inf))
    for low, high, where in candidates:
        if not where.any():
            continue
        smallest = np.minimum(smallest, np.where(where, low, np.inf).min(axis=(-1, -2)))
        largest = np.maximum(largest, np.where(where, high, -np.inf).max(axis=(-1, -2)))
    return smallest, largest


def fluctuation(
    covariance: ArrayLike,
    weight_decay: ArrayLike,
    learning_rate: ArrayLike,
    gains: ArrayLike = 1.0,
    label_noise: ArrayLike = 0.0,
    batch: ArrayLike = 1,
    *,
    inputs: int,
    outputs: int,
    hidden: int,
    learned: ArrayLike | None = None,
) -> tuple[Array, Array]:
    """Stationary fluctuation of the weights in the normal space.

    tr(Gamma) with H Gamma + Gamma H = eta C / B, and the excess loss (eta / 4) tr(C) / B.

    Returns
    -------
    weight_variance, excess_loss : ndarray, shape (...)
    """
    axes = network_axes(
        covariance, weight_decay, gains, label_noise, inputs, outputs, hidden, learned
    )
    axes = axes.networks_last()
    totals = [_total_fluctuation(axes, rows, weight_decay) for rows in _tiles(axes, inputs)]
    variance, noise = (sum(parts, start=np.zeros(())) for parts in zip(*totals, strict=True))
    eta, size = np.asarray(learning_rate, dtype=float), np.asarray(batch, dtype=float)
    return _batch_share(variance, eta, size), _excess_loss(noise, eta, size)


def diffusion_tensor(
    covariance: ArrayLike,
    weight_decay: ArrayLike,
    learning_rate: ArrayLike,
    gains: ArrayLike = 1.0,
    label_noise: ArrayLike = 0.0,
    batch: ArrayLike = 1,
    *,
    inputs: int,
    outputs: int,
    hidden: int,
    learned: ArrayLike | None = None,
) -> Array:
    """Diffusion coefficients D_ij of the hidden rotations, in rad^2 per step.

    D_ij = eta^3 / (2 B^2 G_ij^2) sum_l T_ijl with G_ij = 2 (s_i + s_j).

    Returns
    -------
    ndarray, shape (..., n, n)
        Symmetric, in the order of the input axes; zero where i or j is not active.
    """
    given = (covariance, weight_decay, learning_rate, gains, label_noise, batch)
    return by_network(Planes.tensor, *given, inputs, outputs, hidden, learned)


def diffusion_tensor_white_noise(
    covariance: ArrayLike,
    weight_decay: ArrayLike,
    learning_rate: ArrayLike,
    gains: ArrayLike = 1.0,
    label_noise: ArrayLike = 0.0,
    batch: ArrayLike = 1,
    *,
    inputs: int,
    outputs: int,
    hidden: int,
    learned: ArrayLike | None = None,
) -> Array:
    """Diffusion coefficients in the white-noise approximation, in rad^2 per step.

    For comparison only: noise and fluctuation are treated as uncorrelated in time.

    Returns
    -------
    ndarray, shape (..., n, n)
    """
    given = (covariance, weight_decay, learning_rate, gains, label_noise, batch)
    return by_network(Planes.tensor, *given, inputs, outputs, hidden, learned, white=True)


def representation_diffusion(
    stimulus: ArrayLike,
    covariance: ArrayLike,
    weight_decay: ArrayLike,
    learning_rate: ArrayLike,
    gains: ArrayLike = 1.0,
    label_noise: ArrayLike = 0.0,
    batch: ArrayLike = 1,
    *,
    inputs: int,
    outputs: int,
    hidden: int,
    learned: ArrayLike | None = None,
) -> Array:
    """Diffusion w' Delta w of the representation w = W* x of a stimulus, per step.

    Delta_i = sum_j D_ij, w_i^2 = s_i x_i^2.

    Parameters
    ----------
    stimulus : array_like, shape (..., n)

    Returns
    -------
    ndarray, shape (...)
    """
    axes = network_axes(
        covariance, weight_decay, gains, label_noise, inputs, outputs, hidden, learned
    )
    given = (covariance, weight_decay, learning_rate, gains, label_noise, batch)
    decay = by_network(Planes.rates, *given, inputs, outputs, hidden, learned)
    component = _squared_component(np.asarray(stimulus), axes.singular_value[..., :inputs])
    diffusion: Array = (component * decay).sum(axis=-1)
    return diffusion


def decay_rate(
    stimulus: ArrayLike,
    covariance: ArrayLike,
    weight_decay: ArrayLike,
    learning_rate: ArrayLike,
    gains: ArrayLike = 1.0,
    label_noise: ArrayLike = 0.0,
    batch: ArrayLike = 1,
    *,
    inputs: int,
    outputs: int,
    hidden: int,
    learned: ArrayLike | None = None,
) -> Array:
    """Rate w' Delta w / w'w at which the representation of a stimulus decorrelates, per step.

    Parameters
    ----------
    stimulus : array_like, shape (..., n)

    Returns
    -------
    ndarray, shape (...)
        Zero for a stimulus without representation.
    """
    axes = network_axes(
        covariance, weight_decay, gains, label_noise, inputs, outputs, hidden, learned
    )
    given = (covariance, weight_decay, learning_rate, gains, label_noise, batch)
    decay = by_network(Planes.rates, *given, inputs, outputs, hidden, learned)
    component = _squared_component(np.asarray(stimulus), axes.singular_value[..., :inputs])
    diffusion, norm = (component * decay).sum(axis=-1), component.sum(axis=-1)
    # What is no number is not unseen.
    return np.where(norm == 0, 0.0, diffusion / np.where(norm == 0, 1.0, norm))


def mean_squared_displacement(
    time: ArrayLike,
    stimulus: ArrayLike,
    covariance: ArrayLike,
    weight_decay: ArrayLike,
    learning_rate: ArrayLike,
    gains: ArrayLike = 1.0,
    label_noise: ArrayLike = 0.0,
    batch: ArrayLike = 1,
    *,
    inputs: int,
    outputs: int,
    hidden: int,
    learned: ArrayLike | None = None,
) -> Array:
    """Mean-squared displacement E|h(t + tau) - h(t)|^2 of a representation.

    Drift, sum_i 2 w_i^2 (1 - exp(-Delta_i tau)), plus fluctuation of the first layer,
    sum_ib 2 x_b^2 [(1 - exp(-eta tau H)) Gamma]_(W_ib).

    Parameters
    ----------
    time : array_like, shape (...)
        Time lag tau in steps.
    stimulus : array_like, shape (..., n)

    Returns
    -------
    ndarray, shape (...)
    """
    time, stimulus = np.asarray(time, dtype=float), np.asarray(stimulus, dtype=float)
    axes = network_axes(
        covariance, weight_decay, gains, label_noise, inputs, outputs, hidden, learned
    )
    given = (covariance, weight_decay, learning_rate, gains, label_noise, batch)
    decay = by_network(Planes.rates, *given, inputs, outputs, hidden, learned)
    component = _squared_component(stimulus, axes.singular_value[..., :inputs])
    drift = _drift_displacement(component, decay, time[..., None]).sum(axis=-1)
    gamma, eta = _leading(axes, weight_decay, learning_rate)
    rows = _rows(axes, inputs)
    pairs = (*rows.values, *axes.pairs())
    lag = time[..., None, None]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        rho = _half_distance(*pairs, gamma)
        # A block whose two eigenvalues coincide is diagonal: the limit of vanishing rho.
        rho = np.where(rho > 0, rho, np.finfo(float).tiny)
        first, second, product = _pair_curvature(*pairs, *axes.closeness(*rows.strength), gamma)
        far, near = _eigenvalue_distances(*pairs, gamma, rho)
        upper = (first + second) / 2 + rho
        lower = product / upper
        ahead, behind = (np.where(side, far, near) for side in (first < second, first >= second))
        forgotten = _forgotten(eta * lag, lower, upper)
        change = _pair_weight_change(*pairs, gamma, eta, lower, upper, ahead, behind, *forgotten)
        own = _own_weight_change(*rows.values, gamma, eta, lag)
    change = np.where(np.arange(axes.active.shape[-1]) == rows.number, own, change)
    change = np.where(rows.active, change, 0.0)[..., :inputs]
    change = change / np.broadcast_to(batch, axes.active.shape[:-1])[..., None, None]
    moved: Array = drift + (change * stimulus[..., None, :] ** 2).sum(axis=(-1, -2))
    return moved


def _forgotten(clock: Array, lower: Array, upper: Array) -> tuple[Array, Array, Array]:
    """g(h) = (1 - exp(-clock h)) / h at two curvatures, and by how much it falls per curvature."""
    # Later than that nothing is remembered.
    clock = np.minimum(clock, _FORGOTTEN_AFTER / lower)
    slow, fast = (-np.expm1(-clock * curvature) / curvature for curvature in (lower, upper))
    x, y = clock * lower, clock * upper
    met = np.where(y > x, -np.expm1(x - y) / (y - x), 1.0)
    together = (slow - x * np.exp(-x) * met / lower) / upper
    apart = np.where((x < 0.5) & (y >= 1), (slow - fast) / (upper - lower), together)
    early = y < 1
    x, y = (np.where(early, part, 0.0) for part in (x, y))
    series, powers, factor = np.zeros_like(y), np.ones_like(y), 1.0
    for k in range(1, _EARLY_TERMS):
        factor /= -(k + 1)
        series = series - factor * powers
        powers = y * powers + x**k
    return slow, fast, np.where(early, series * clock**2, apart)


_FORGOTTEN_AFTER, _EARLY_TERMS = 800.0, 20
"""Relaxation times after which exp(-x) is nothing, and terms of the series for early times."""

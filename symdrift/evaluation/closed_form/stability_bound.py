"""A learning rate below which SGD is surely stable in mean square, from a few operations per pair.

With the Hessian ``R`` of a step second moments are multiplied by ``eta E[R Gamma R]`` against
``H Gamma + Gamma H``.  Both are positive, so that ``E[R^2] <= 2 mu H`` across the orbit says that
no eigenvalue is above ``mu``, the inverse of the rate: the comparison of moments with the identity.
Of one sample

``E|R n|^2 <= E|G x|^2 |x|^2 + 3/2 E|M x|^2 |W x|^2 + 3 E|E x|^2 |V x|^2 + noise + 2 gamma n'H n``

with ``M = dU W + U dW``, ``V = dW`` and ``G = U'M - dU'E``, which falls into blocks.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from symdrift.study.problem import Array


def stable_rate(
    variance: Array,
    label_noise: Array,
    residual: Array,
    singular_value: Array,
    weight_decay: Array,
    batch: Array,
    hessian_max: Array,
) -> Array:
    """A lower bound of the critical rate, about half of it.

    Parameters
    ----------
    variance, label_noise, residual, singular_value : Array
        ``lambda``, ``sigma^2``, ``E`` and ``s`` of all axes, shape ``(points, axes)``; 0 where
        there is no such input or output.
    weight_decay, batch, hessian_max : Array
        Shape ``(points,)``.
    """
    order = np.argsort(-singular_value, axis=1, kind="stable")
    # Axes first, learned ones before the others: in a pair the first is learned, if one is.
    lam, sig, res, val = (
        np.take_along_axis(part, order, axis=1).T
        for part in (variance, label_noise, residual, singular_value)
    )
    gamma, share = weight_decay, 1 / batch
    power, learned = lam.sum(axis=0), (val * lam).sum(axis=0)
    left, noise = (res**2 * lam).sum(axis=0), sig.sum(axis=0)
    on_inputs = lam * (power + 2 * lam)
    on_maps = 1.5 * lam * (learned + 2 * val * lam)
    on_first = lam * (3 * (left + 2 * res**2 * lam) + noise)
    on_second = sig * power
    on_residual = on_inputs * res**2
    unbalanced = (on_residual + on_first + on_second) * val / (8 * gamma)
    active = val > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        both = np.sqrt(2) * val - np.sqrt(0.5) * res
        own = (on_inputs * both**2 + 2 * on_maps * val + (on_first + on_second) / 2) / (
            4 * val * lam
        ) + (on_inputs * res**2 + on_first + on_second) / (8 * gamma)
        largest = np.where(active, own, 0.0).max(axis=0)
        terms = (val, lam, res, on_inputs, on_maps, on_first, on_second, on_residual, unbalanced)
        for a in range(int(active.sum(axis=0).max(initial=0))):
            b = slice(a + 1, None)
            pair = _pair(((part[a], part[b]) for part in terms), gamma)
            largest = np.maximum(largest, np.where(active[a], pair, 0.0).max(axis=0, initial=0.0))
    return np.asarray(1 / ((1 - share) * hessian_max / 2 + share * (gamma + largest)))


def _pair(terms: Iterable[tuple[Array, Array]], gamma: Array) -> Array:
    """The bound of one learned axis with others: two modes that reach each other, an imbalance."""
    (
        (s, s_l), (lam, lam_l), (res, res_l), (inputs, inputs_l), (maps, maps_l),
        (first, first_l), (second, second_l), (residual, residual_l), (unbalanced, unbalanced_l),
    ) = terms  # fmt: skip
    total = s + s_l
    one = (inputs_l * s + maps_l) * total + (first_l * s + (residual + second) * s_l) / total
    other = (inputs * s_l + maps) * total + (first * s_l + (residual_l + second_l) * s) / total
    mixed = -(inputs_l * s * res_l + inputs * s_l * res)
    curved, curved_l, coupling = total * lam_l + gamma, total * lam + gamma, res_l * lam_l
    determinant = curved * curved_l - coupling**2
    trace = (one * curved_l + other * curved + 2 * coupling * mixed) / determinant
    product = (one * other - mixed**2) / determinant
    reached = (trace + np.sqrt(np.maximum(trace**2 - 4 * product, 0.0))) / 4
    return np.asarray(reached + np.where(s_l > 0, (unbalanced + unbalanced_l) / total, 0.0))

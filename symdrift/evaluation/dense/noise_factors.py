"""Covariance of the gradient of one SGD step at the minimum."""

from __future__ import annotations

import numpy as np
import scipy.linalg

from symdrift.evaluation.dense.landscape import MinimumPoint
from symdrift.inputs import InputDistribution
from symdrift.study.problem import Array


def reached_noise(
    minimum: MinimumPoint, inputs: InputDistribution, label_noise: Array, batch: int
) -> Array:
    """Gradient-noise covariance ``C = Cov(g) / B`` on the reached directions.

    The gradient of a sample has the component ``-sqrt(s_a + s_b) (p_a . e)(r_b . x)`` on
    direction ``(a, b)`` with the error ``e = E x + eps``, hence
    ``C = Cov[(E'u . x)(r . x)] + (u' diag(sigma^2) u')(r' Sigma r')`` with ``u, r`` along
    output and input axis.

    Parameters
    ----------
    minimum : MinimumPoint
    inputs : InputDistribution
        Inputs of dimension ``n``.
    label_noise : Array
        Variances ``sigma^2``, shape ``(m,)``.
    batch : int
        Samples per step ``B``.

    Returns
    -------
    Array
        Shape ``(k, k)``, ``k = r (n + m - r)``, in squared gradient units.
    """
    frame = minimum.frame
    by_output, by_input = frame.pairs
    lengths = frame.lengths[frame.pairs][:, np.newaxis]
    output_forms = lengths * frame.output_axes.T[by_output]
    input_forms = frame.input_axes.T[by_input]
    return _noise(output_forms, input_forms, minimum.error_map, inputs, label_noise) / batch


def gradient_noise(
    minimum: MinimumPoint, inputs: InputDistribution, label_noise: Array, batch: int
) -> Array:
    """Gradient-noise covariance ``C = Cov(g) / B`` on all weights of active hidden units.

    Every component of a per-sample gradient is, up to the constant weight-decay term,
    ``-(u . e)(r . x)``: ``u = U e_k`` and ``r = e_a`` for the weight ``W_ka``, ``u = e_o`` and
    ``r = W' e_k`` for the weight ``U_ok``.

    Returns
    -------
    Array
        Shape ``(r (n + m), r (n + m))``, in squared gradient units.
    """
    rank = minimum.rank
    outputs, size = minimum.error_map.shape
    output_forms = np.zeros((rank, size + outputs, outputs))
    output_forms[:, :size] = minimum.second_layer.T[:, np.newaxis]
    output_forms[:, size:] = np.eye(outputs)
    input_forms = np.zeros((rank, size + outputs, size))
    input_forms[:, :size] = np.eye(size)
    input_forms[:, size:] = minimum.first_layer[:, np.newaxis]
    forms = output_forms.reshape(-1, outputs), input_forms.reshape(-1, size)
    return _noise(*forms, minimum.error_map, inputs, label_noise) / batch


def gradient_variances(
    minimum: MinimumPoint, inputs: InputDistribution, label_noise: Array, batch: int
) -> Array:
    """Diagonal of `gradient_noise`, unit by unit: its matrix may be far larger than all else.

    Returns
    -------
    Array
        Shape ``(r, n + m)``, laid out as the point.
    """
    outputs, size = minimum.error_map.shape
    variances = np.empty((minimum.rank, size + outputs))
    output_forms = np.zeros((size + outputs, outputs))
    output_forms[size:] = np.eye(outputs)
    input_forms = np.zeros((size + outputs, size))
    input_forms[:size] = np.eye(size)
    for unit in range(minimum.rank):
        output_forms[:size] = minimum.second_layer[:, unit]
        input_forms[size:] = minimum.first_layer[unit]
        noise = _noise(output_forms, input_forms, minimum.error_map, inputs, label_noise)
        variances[unit] = np.diagonal(noise)
    return variances / batch


def noise_factor(noise: Array) -> Array:
    """``L`` with ``L L' = C`` and as many columns as ``C`` has rank.

    Cholesky with pivots on the correlations: directions of weak noise keep their relative
    precision, and a finite set of stimuli shows as a rank that it limits.

    Parameters
    ----------
    noise : Array
        Positive semidefinite, shape ``(k, k)``.

    Returns
    -------
    Array
        Shape ``(k, rank)``.
    """
    spread = np.sqrt(np.maximum(np.diagonal(noise), 0.0))
    scale = np.where(spread > 0, spread, 1.0)
    correlation = noise / scale / scale[:, np.newaxis]
    upper, pivots, rank, _ = scipy.linalg.lapack.dpstrf(correlation)
    factor = np.zeros((len(noise), rank))
    factor[pivots - 1] = np.triu(upper).T[:, :rank]
    return np.asarray(factor * scale[:, np.newaxis])


def _noise(
    output_forms: Array,
    input_forms: Array,
    error_map: Array,
    inputs: InputDistribution,
    label_noise: Array,
) -> Array:
    """Covariance of ``(u . e)(r . x)`` for forms ``u`` on outputs and ``r`` on inputs."""
    covariance = inputs.product_covariance(output_forms @ error_map, input_forms)
    if np.any(label_noise):
        from_labels = (output_forms * label_noise) @ output_forms.T
        covariance += from_labels * (input_forms @ inputs.covariance @ input_forms.T)
    return covariance

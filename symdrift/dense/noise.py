"""Covariance of the gradient of one SGD step at the minimum."""

from __future__ import annotations

import numpy as np

from symdrift.dense.minimum import MinimumPoint
from symdrift.inputs import InputDistribution
from symdrift.problem import Array


def gradient_noise(
    minimum: MinimumPoint, inputs: InputDistribution, label_noise: Array, batch: int
) -> Array:
    """Gradient-noise covariance ``C = Cov(g) / B``.

    Every component of a per-sample gradient is, up to the constant weight-decay term,
    ``-(u . e)(r . x)`` with the error ``e = E x + eps``: ``u = U e_k`` and ``r = e_a`` for
    the weight ``W_ka``, ``u = e_o`` and ``r = W' e_k`` for the weight ``U_ok``.  Hence
    ``C = Cov[(E'u . x)(r . x)] + (u' diag(sigma^2) u')(r' Sigma r')``.

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
        Shape ``(r (n + m), r (n + m))``, in squared gradient units.
    """
    output_forms, input_forms = _linear_forms(minimum)
    covariance = inputs.product_covariance(output_forms @ minimum.error_map, input_forms)
    from_labels = (output_forms * label_noise) @ output_forms.T
    covariance += from_labels * (input_forms @ inputs.covariance @ input_forms.T)
    return covariance / batch


def reachable_basis(minimum: MinimumPoint) -> Array:
    """Orthonormal basis of the directions that gradient noise of any kind can reach.

    Every sample's gradient is ``-(U'F, F W')`` with ``F = e x'``.  The image of all
    matrices ``F`` is orthogonal to the orbit and invariant under the Hessian, so noise and
    fluctuation live in it.  Its dimension is ``r (n + m - r)``.

    Returns
    -------
    Array
        Shape ``(r (n + m), r (n + m - r))``.
    """
    output_forms, input_forms = _linear_forms(minimum)
    projections = (output_forms @ output_forms.T) * (input_forms @ input_forms.T)
    _, vectors = np.linalg.eigh(projections)
    unreached = minimum.rank**2
    return vectors[:, unreached:]


def _linear_forms(minimum: MinimumPoint) -> tuple[Array, Array]:
    """Forms ``u`` on outputs and ``r`` on inputs of every weight, one per row."""
    rank = minimum.rank
    outputs, inputs = minimum.error_map.shape
    output_forms = np.zeros((rank, inputs + outputs, outputs))
    output_forms[:, :inputs] = minimum.second_layer.T[:, np.newaxis]
    output_forms[:, inputs:] = np.eye(outputs)
    input_forms = np.zeros((rank, inputs + outputs, inputs))
    input_forms[:, :inputs] = np.eye(inputs)
    input_forms[:, inputs:] = minimum.first_layer[:, np.newaxis]
    return output_forms.reshape(-1, outputs), input_forms.reshape(-1, inputs)

"""Drift in isotropic networks whose size is an argument.

Drift of hidden representations in a two-layer linear network under online SGD, leading
order in the learning rate, for n equal inputs, outputs and hidden units.

Arguments of the public functions, in this order:

inputs : array_like of int
    Number n of inputs, outputs and hidden units.
covariance : array_like
    Input variance lambda, the same along every axis.
weight_decay : array_like
    Weight decay gamma, between 0 and covariance * gains.
learning_rate : array_like
    Learning rate eta; results are of leading order in it.
gains : array_like
    Gain a of the teacher; 1 for an autoencoder.
label_noise : array_like
    Variance sigma^2 of the label noise.
batch : array_like
    Samples per step.

Everything broadcasts.  All rates are per SGD step.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from symdrift.evaluation.closed_form.printed_isotropic import (
    _decay_rate,
    _diffusion,
    _displacement,
    _excess_loss,
    _representation_diffusion,
    _singular_value,
    _weight_variance,
)

Array = NDArray[np.float64]


def _network(
    inputs: ArrayLike,
    covariance: ArrayLike,
    weight_decay: ArrayLike,
    learning_rate: ArrayLike,
    gains: ArrayLike,
    label_noise: ArrayLike,
    batch: ArrayLike,
) -> tuple[Array, ...]:
    """The arguments as float arrays; refuses a network that learns nothing."""
    given = (inputs, covariance, weight_decay, learning_rate, gains, label_noise, batch)
    network = tuple(np.asarray(value, dtype=float) for value in given)
    _, variance, decay, _, gain, _, _ = network
    if not (np.all(decay > 0) and np.all(variance * gain > decay)):
        raise ValueError("weight_decay must be positive and below covariance * gains")
    return network


def _squared_norm(stimulus: ArrayLike) -> Array:
    return np.asarray(np.sum(np.square(stimulus), axis=-1))


def singular_values(
    covariance: ArrayLike, weight_decay: ArrayLike, gains: ArrayLike = 1.0
) -> Array:
    """Singular value of the learned map, s = a - gamma / lambda."""
    _, variance, decay, _, gain, _, _ = _network(1, covariance, weight_decay, 0, gains, 0, 1)
    return _singular_value(variance, decay, gain)


def fluctuation(
    inputs: ArrayLike,
    covariance: ArrayLike,
    weight_decay: ArrayLike,
    learning_rate: ArrayLike,
    gains: ArrayLike = 1.0,
    label_noise: ArrayLike = 0.0,
    batch: ArrayLike = 1,
) -> tuple[Array, Array]:
    """Stationary fluctuation in the normal space: tr(Gamma) and the excess loss.

    Returns
    -------
    weight_variance, excess_loss : ndarray
    """
    network = _network(inputs, covariance, weight_decay, learning_rate, gains, label_noise, batch)
    return _weight_variance(*network), _excess_loss(*network)


def diffusion_tensor(
    inputs: ArrayLike,
    covariance: ArrayLike,
    weight_decay: ArrayLike,
    learning_rate: ArrayLike,
    gains: ArrayLike = 1.0,
    label_noise: ArrayLike = 0.0,
    batch: ArrayLike = 1,
) -> Array:
    """Diffusion coefficient D of every hidden plane, in rad^2 per step."""
    return _diffusion(
        *_network(inputs, covariance, weight_decay, learning_rate, gains, label_noise, batch)
    )


def representation_diffusion(
    stimulus: ArrayLike,
    inputs: ArrayLike,
    covariance: ArrayLike,
    weight_decay: ArrayLike,
    learning_rate: ArrayLike,
    gains: ArrayLike = 1.0,
    label_noise: ArrayLike = 0.0,
    batch: ArrayLike = 1,
) -> Array:
    """Diffusion w' Delta w of the representation of a stimulus, per step.

    Parameters
    ----------
    stimulus : array_like, shape (..., n)
    """
    return _representation_diffusion(
        _squared_norm(stimulus),
        *_network(inputs, covariance, weight_decay, learning_rate, gains, label_noise, batch),
    )


def decay_rate(
    inputs: ArrayLike,
    covariance: ArrayLike,
    weight_decay: ArrayLike,
    learning_rate: ArrayLike,
    gains: ArrayLike = 1.0,
    label_noise: ArrayLike = 0.0,
    batch: ArrayLike = 1,
) -> Array:
    """Rate at which every representation decorrelates, per step."""
    return _decay_rate(
        *_network(inputs, covariance, weight_decay, learning_rate, gains, label_noise, batch)
    )


def mean_squared_displacement(
    time: ArrayLike,
    stimulus: ArrayLike,
    inputs: ArrayLike,
    covariance: ArrayLike,
    weight_decay: ArrayLike,
    learning_rate: ArrayLike,
    gains: ArrayLike = 1.0,
    label_noise: ArrayLike = 0.0,
    batch: ArrayLike = 1,
) -> Array:
    """Mean-squared displacement E|h(t + tau) - h(t)|^2 of a representation.

    Parameters
    ----------
    time : array_like
        Time lag tau in steps.
    stimulus : array_like, shape (..., n)
    """
    return _displacement(
        np.asarray(time, dtype=float),
        _squared_norm(stimulus),
        *_network(inputs, covariance, weight_decay, learning_rate, gains, label_noise, batch),
    )

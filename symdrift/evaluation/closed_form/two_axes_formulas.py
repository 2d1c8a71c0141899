"""Steady rotation of two misaligned axes.

Steady rotation of hidden representations in a two-layer linear network with two inputs and
two outputs under online SGD, leading order in the learning rate, for a teacher and inputs
that share no axes.

The explicit rate is a function of the minimum, which has no closed form: the two singular
values of the learned map and the input covariance in its canonical frame.  `teacher` gives
the teacher that has this minimum.  A positive rate turns the second hidden axis towards the
first.  Everything broadcasts.  All rates are in radians per SGD step.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from symdrift.evaluation.closed_form.printed_two_axes import _mean_rotation, _small_angle

Array = NDArray[np.float64]


def _floats(*values: ArrayLike) -> tuple[Array, ...]:
    return tuple(np.asarray(value, dtype=float) for value in values)


def _frame(singular_values: ArrayLike, covariance: ArrayLike) -> tuple[Array, ...]:
    """Scalars of the canonical frame as float arrays; refuses what is no minimum."""
    values, matrix = _floats(singular_values, covariance)
    s1, s2 = values[..., 0], values[..., 1]
    sigma11, sigma12, sigma22 = matrix[..., 0, 0], matrix[..., 0, 1], matrix[..., 1, 1]
    if not (np.all(s2 > 0) and np.all(sigma11 > 0) and np.all(sigma11 * sigma22 > sigma12**2)):
        raise ValueError("singular_values and covariance must be positive")
    return s1, s2, sigma11, sigma12, sigma22


def teacher(singular_values: ArrayLike, covariance: ArrayLike, weight_decay: ArrayLike) -> Array:
    """Teacher in the canonical frame, S + gamma Sigma^-1, shape (..., 2, 2).

    Parameters
    ----------
    singular_values : array_like, shape (..., 2)
    covariance : array_like, shape (..., 2, 2)
        Input covariance in the canonical frame.
    weight_decay : array_like
    """
    _frame(singular_values, covariance)
    values, matrix, decay = _floats(singular_values, covariance, weight_decay)
    learned: Array = values[..., np.newaxis] * np.eye(2)
    return learned + decay[..., np.newaxis, np.newaxis] * np.linalg.inv(matrix)


def mean_rotation(
    singular_values: ArrayLike,
    covariance: ArrayLike,
    weight_decay: ArrayLike,
    learning_rate: ArrayLike,
    kurtosis: ArrayLike = 0.0,
    label_noise: ArrayLike = 0.0,
    batch: ArrayLike = 1,
) -> Array:
    """Exact mean rotation mu_12 per step.

    Parameters
    ----------
    singular_values : array_like, shape (..., 2)
        The larger one first.
    covariance : array_like, shape (..., 2, 2)
        Input covariance in the canonical frame.
    weight_decay, learning_rate, kurtosis, label_noise, batch : array_like
    """
    return _mean_rotation(
        *_frame(singular_values, covariance),
        *_floats(weight_decay, learning_rate, kurtosis, label_noise, batch),
    )


def small_angle(
    gains: ArrayLike,
    variances: ArrayLike,
    angle: ArrayLike,
    weight_decay: ArrayLike,
    learning_rate: ArrayLike,
    kurtosis: ArrayLike = 0.0,
    label_noise: ArrayLike = 0.0,
    batch: ArrayLike = 1,
) -> Array:
    """Mean rotation mu_12 per step, to first order in the angle.

    Parameters
    ----------
    gains : array_like, shape (..., 2)
        Gains of the teacher; the axis of the larger singular value first.
    variances : array_like, shape (..., 2)
        Input variances along the axes next to those of the teacher.
    angle : array_like
        Angle of the axes of the inputs, from the first axis of the teacher towards the
        second, in radians.
    weight_decay, learning_rate, kurtosis, label_noise, batch : array_like
    """
    gain, variance = _floats(gains, variances)
    return _small_angle(
        gain[..., 0],
        gain[..., 1],
        variance[..., 0],
        variance[..., 1],
        *_floats(angle, weight_decay, learning_rate, kurtosis, label_noise, batch),
    )

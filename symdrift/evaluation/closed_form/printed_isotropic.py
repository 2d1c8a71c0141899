"""Formulas of an isotropic network whose size is an argument.

Printed by ``python -m symdrift.kernels`` from the symbolic derivation: do not edit.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def _singular_value(covariance: Array, weight_decay: Array, gains: Array) -> Array:
    """Singular value of every direction.

    2 operations.
    """
    # s = a - gamma / lambda
    _singular_value = gains - weight_decay/covariance
    return _singular_value


def _weight_variance(
    inputs: Array,
    covariance: Array,
    weight_decay: Array,
    learning_rate: Array,
    gains: Array,
    label_noise: Array,
    batch: Array,
) -> Array:
    """Total fluctuation tr(Gamma).

    51 operations.
    """
    # n Gamma_ii + n (n - 1) Gamma_il, divided by B
    t0 = 1/covariance
    t1 = gains - t0*weight_decay
    t2 = covariance*t1
    t3 = 2*t2
    t4 = label_noise*t3
    t5 = t1*weight_decay**2
    t6 = 4*weight_decay
    t7 = 4*covariance**2*t1**2 + t2*t6
    t8 = 2*t5
    t9 = learning_rate*(t4 + t8)
    t10 = t3 + weight_decay
    _weight_variance = (
        ((1/4)*inputs*learning_rate*t0*(t4 + 4*t5)/t1 + inputs*(inputs -
        1)*(t10*(2*learning_rate*t1*weight_decay**3 + t10*t9) + t7*t9 +
        weight_decay*(learning_rate*t10*t8 + t9*weight_decay))/(t7*(8*t2 + t6)))/batch
    )
    return _weight_variance


def _excess_loss(
    inputs: Array,
    covariance: Array,
    weight_decay: Array,
    learning_rate: Array,
    gains: Array,
    label_noise: Array,
    batch: Array,
) -> Array:
    """Excess loss.

    20 operations.
    """
    # (eta / 4) tr(C) / B
    t0 = gains - weight_decay/covariance
    t1 = 2*covariance*label_noise*t0
    t2 = t0*weight_decay**2
    _excess_loss = (
        (1/4)*learning_rate*(inputs*(inputs - 1)*(t1 + 2*t2) + inputs*(t1 + 4*t2))/batch
    )
    return _excess_loss


def _diffusion(
    inputs: Array,
    covariance: Array,
    weight_decay: Array,
    learning_rate: Array,
    gains: Array,
    label_noise: Array,
    batch: Array,
) -> Array:
    """Diffusion coefficient of every plane.

    54 operations.
    """
    # D = eta^3 / (64 B^2) ((n + 2) (2 gamma^2 + sigma^2 lambda)^2 / (lambda s) + (n - 2) sigma^4
    # lambda / a)
    t0 = 1/covariance
    t1 = gains - t0*weight_decay
    t2 = covariance*t1
    t3 = weight_decay**5
    t4 = 4*inputs
    t5 = 8*label_noise
    t6 = covariance*weight_decay**3
    t7 = label_noise*t4
    t8 = label_noise**2
    t9 = 2*t8
    t10 = covariance**2
    t11 = t10*weight_decay
    t12 = t2*weight_decay**4
    t13 = t1*t10*weight_decay**2
    _diffusion = (
        (1/64)*learning_rate**3*t0*(covariance**3*inputs*t1*t9 + inputs*t11*t8 + t11*t9 +
        t12*t4 + 8*t12 + t13*t5 + t13*t7 + t3*t4 + 8*t3 + t5*t6 + t6*t7)/(batch**2*t1*(t2 +
        weight_decay))
    )
    return _diffusion


def _representation_diffusion(
    stimulus_squared_norm: Array,
    inputs: Array,
    covariance: Array,
    weight_decay: Array,
    learning_rate: Array,
    gains: Array,
    label_noise: Array,
    batch: Array,
) -> Array:
    """Diffusion of the representation of a stimulus.

    56 operations.
    """
    # s |x|^2 (n - 1) D
    t0 = 1/covariance
    t1 = gains - t0*weight_decay
    t2 = covariance*t1
    t3 = weight_decay**5
    t4 = 4*inputs
    t5 = 8*label_noise
    t6 = covariance*weight_decay**3
    t7 = label_noise*t4
    t8 = label_noise**2
    t9 = 2*t8
    t10 = covariance**2
    t11 = t10*weight_decay
    t12 = t2*weight_decay**4
    t13 = t1*t10*weight_decay**2
    _representation_diffusion = (
        (1/64)*learning_rate**3*stimulus_squared_norm*t0*(inputs -
        1)*(covariance**3*inputs*t1*t9 + inputs*t11*t8 + t11*t9 + t12*t4 + 8*t12 + t13*t5 +
        t13*t7 + t3*t4 + 8*t3 + t5*t6 + t6*t7)/(batch**2*(t2 + weight_decay))
    )
    return _representation_diffusion


def _decay_rate(
    inputs: Array,
    covariance: Array,
    weight_decay: Array,
    learning_rate: Array,
    gains: Array,
    label_noise: Array,
    batch: Array,
) -> Array:
    """Decay rate of every representation.

    56 operations.
    """
    # (n - 1) D
    t0 = 1/covariance
    t1 = gains - t0*weight_decay
    t2 = covariance*t1
    t3 = weight_decay**5
    t4 = 4*inputs
    t5 = 8*label_noise
    t6 = covariance*weight_decay**3
    t7 = label_noise*t4
    t8 = label_noise**2
    t9 = 2*t8
    t10 = covariance**2
    t11 = t10*weight_decay
    t12 = t2*weight_decay**4
    t13 = t1*t10*weight_decay**2
    _decay_rate = (
        (1/64)*learning_rate**3*t0*(inputs - 1)*(covariance**3*inputs*t1*t9 + inputs*t11*t8 +
        t11*t9 + t12*t4 + 8*t12 + t13*t5 + t13*t7 + t3*t4 + 8*t3 + t5*t6 +
        t6*t7)/(batch**2*t1*(t2 + weight_decay))
    )
    return _decay_rate


def _displacement(
    time: Array,
    stimulus_squared_norm: Array,
    inputs: Array,
    covariance: Array,
    weight_decay: Array,
    learning_rate: Array,
    gains: Array,
    label_noise: Array,
    batch: Array,
) -> Array:
    """Mean-squared displacement of a representation.

    135 operations.
    """
    # 2 s |x|^2 (1 - exp(-(n - 1) D tau)) plus the fluctuation of the first layer
    t0 = inputs - 1
    t1 = 1/covariance
    t2 = gains - t1*weight_decay
    t3 = covariance*t2
    t4 = weight_decay**5
    t5 = 4*inputs
    t6 = 8*label_noise
    t7 = weight_decay**3
    t8 = covariance*t7
    t9 = 2*weight_decay
    t10 = covariance**2
    t11 = label_noise**2
    t12 = t10*t11
    t13 = weight_decay**4
    t14 = 8*t3
    t15 = t2*weight_decay**2
    t16 = 2*t2
    t17 = 4*t10
    t18 = t1/t2
    t19 = 2*t3
    t20 = learning_rate*time
    t21 = np.exp(-t19*t20)
    t22 = label_noise*t19
    t23 = 4*weight_decay
    t24 = 1/(t14 + t23)
    t25 = t17*t2**2 + t23*t3
    t26 = 1/t25
    t27 = 2*t15
    t28 = learning_rate*(t22 + t27)
    t29 = t19 + weight_decay
    t30 = learning_rate*t27
    t31 = t28*weight_decay + t29*t30
    t32 = learning_rate*t16*t7 + t28*t29
    t33 = t25*t28 + t29*t32 + t31*weight_decay
    t34 = (1/2)*t21
    t35 = (1/2)*np.exp(-t20*(t19 + t9))
    t36 = t24*t26
    _displacement = (
        stimulus_squared_norm*t16*(1 -
        np.exp(-1/64*learning_rate**3*t0*t18*time*(covariance**3*inputs*t11*t16 +
        inputs*label_noise*t15*t17 + inputs*t12*weight_decay + label_noise*t5*t8 + t10*t15*t6
        + t12*t9 + t13*t14 + t13*t3*t5 + t4*t5 + 8*t4 + t6*t8)/(batch**2*(t3 +
        weight_decay)))) + stimulus_squared_norm*((1/4)*learning_rate*t18*(1 - t21)*(4*t15 +
        t22) + t0*(t24*t26*t33 - t33*t36*(t34 + t35) - t36*(t34 - t35)*(t25*t30 + t29*t31 +
        t32*weight_decay)))/batch
    )
    return _displacement

"""Formulas of both orders of an isotropic autoencoder whose size is an argument.

Printed by ``python -m symdrift.kernels`` from the symbolic derivation: do not edit.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def _weight_variance(
    inputs: Array,
    batch: Array,
    weight_decay: Array,
    label_noise: Array,
) -> tuple[Array, Array]:
    """Total fluctuation, at eta and eta^2.

    158 operations.
    """
    # in units in which input variance and gain are 1
    t0 = label_noise*weight_decay
    t1 = inputs*label_noise
    t2 = weight_decay**2
    t3 = 2*t2
    t4 = inputs*t0
    t5 = 192*t1
    t6 = 192*t2
    t7 = weight_decay**3
    t8 = 448*t7
    t9 = weight_decay**4
    t10 = weight_decay**5
    t11 = weight_decay**6
    t12 = batch*t6
    t13 = batch*t8
    t14 = 320*batch
    t15 = 64*batch
    t16 = t10*t15
    t17 = label_noise**2
    t18 = inputs*t17
    t19 = inputs*t2
    t20 = inputs*t9
    t21 = 32*t11
    t22 = inputs**2
    t23 = label_noise*t22
    t24 = 8*label_noise
    t25 = t17*weight_decay
    t26 = t1*t2
    t27 = t1*t7
    t28 = t22*t9
    t29 = t17*t2
    t30 = t17*t7
    leading = (1/4)*inputs*(inputs*t3 + t0 + 2*t1 + t3 - t4)/batch
    following = (
        -1/128*inputs*(448*batch*t4 - batch*t5 + 252*inputs*t10 - inputs*t12 + inputs*t13 +
        inputs*t16 - inputs*t21 + 896*inputs*t7 - 136*label_noise*t2 + 544*t0*t22 + 192*t0 +
        196*t10*t22 - 224*t10 + 64*t11 - t12 + t13 - t14*t20 - t14*t26 - t14*t9 + t15*t27 +
        t16 - 19*t17*t19 + 30*t17*t22 + 3*t18*t7 + 24*t18*weight_decay - 6*t18 - 384*t19 -
        484*t2*t23 - 724*t20 - t21*t22 - 44*t22*t25 + 11*t22*t29 + t22*t30 - t22*t6 + t22*t8 +
        132*t23*t7 - 192*t23 - t24*t28 + t24*t9 + 12*t25 - 436*t26 + 92*t27 - 428*t28 + 8*t29
        - 4*t30 + 544*t4 - t5 - t6 + t8 - 32*t9)/(batch**2*(weight_decay - 3)*(weight_decay -
        1))
    )
    return leading, following


def _excess_loss(
    inputs: Array,
    batch: Array,
    weight_decay: Array,
    label_noise: Array,
) -> tuple[Array, Array]:
    """Excess loss, at eta and eta^2.

    144 operations.
    """
    # in units in which input variance and gain are 1
    t0 = weight_decay**2
    t1 = inputs*label_noise
    t2 = inputs*t0
    t3 = 144*t1
    t4 = label_noise*weight_decay
    t5 = 144*t0
    t6 = weight_decay**3
    t7 = weight_decay**4
    t8 = weight_decay**5
    t9 = batch*t5
    t10 = batch*t6
    t11 = 336*t10
    t12 = 240*batch
    t13 = 48*batch*t8
    t14 = label_noise**2
    t15 = inputs*t7
    t16 = inputs**2
    t17 = label_noise*t16
    t18 = label_noise*t0
    t19 = label_noise*t6
    t20 = t14*weight_decay
    t21 = 9*t20
    t22 = 264*t1
    t23 = 3*t14
    leading = -1/2*inputs*(weight_decay - 1)*(t0 + t1 + t2)/batch
    following = (
        (1/96)*inputs*(-96*batch*t18 + 24*batch*t19 - 144*batch*t2 + batch*t22*weight_decay -
        batch*t3 + 72*batch*t4 + inputs*t11 + inputs*t13 + 6*inputs*t14 + inputs*t21 +
        744*inputs*t6 + 96*inputs*t8 - t0*t22 + t0*t23 + 24*t1*t10 + 48*t1*t6 - t1*t9 +
        408*t1*weight_decay + t11 - t12*t15 - t12*t7 + t13 + 30*t14*t16 - 504*t15 -
        168*t16*t18 - 12*t16*t20 - t16*t5 + 312*t16*t6 - 172*t16*t7 + 28*t16*t8 + 24*t17*t6 +
        336*t17*weight_decay - 144*t17 - 288*t18 + 72*t19 - t2*t23 - 288*t2 - t21 - t3 +
        216*t4 - t5 + 672*t6 - 652*t7 + 148*t8 - t9)/(batch**2*(weight_decay - 3))
    )
    return leading, following


def _mean_shift(inputs: Array, batch: Array, weight_decay: Array, label_noise: Array) -> Array:
    """Displacement of the mean of W, at eta: times the identity.

    21 operations.
    """
    # in units in which input variance and gain are 1
    t0 = weight_decay - 1
    t1 = label_noise*weight_decay
    t2 = 6*weight_decay**2
    _mean_shift = (
        (1/16)*np.sqrt(-t0)*(4*inputs*label_noise - inputs*t1 + inputs*t2 + 2*label_noise + t1
        + t2)/(batch*t0)
    )
    return _mean_shift


def _spread(inputs: Array, batch: Array, weight_decay: Array, label_noise: Array) -> Array:
    """Spread of W, at eta: times the identity.

    14 operations.
    """
    # in units in which input variance and gain are 1
    t0 = label_noise*weight_decay
    t1 = 2*weight_decay**2
    _spread = (1/8)*(2*inputs*label_noise - inputs*t0 + inputs*t1 + t0 + t1)/batch
    return _spread


def _rotation_variance(
    inputs: Array,
    batch: Array,
    weight_decay: Array,
    label_noise: Array,
) -> tuple[Array, Array]:
    """Variance of the rotation in every plane, at eta^3 and eta^4.

    324 operations.
    """
    # in units in which input variance and gain are 1
    t0 = weight_decay - 1
    t1 = weight_decay**4
    t2 = label_noise**2
    t3 = 2*t2
    t4 = 4*inputs
    t5 = weight_decay**2
    t6 = label_noise*t5
    t7 = inputs*t2
    t8 = label_noise**3
    t9 = 9792*t1
    t10 = weight_decay**5
    t11 = weight_decay**6
    t12 = weight_decay**7
    t13 = weight_decay**8
    t14 = 3456*batch
    t15 = 8448*batch
    t16 = 384*batch
    t17 = inputs*t8
    t18 = inputs*t11
    t19 = inputs*t13
    t20 = weight_decay**3
    t21 = label_noise*t1
    t22 = batch*t7
    t23 = 1728*batch
    t24 = 4224*batch
    t25 = 192*batch
    t26 = inputs*t6
    t27 = inputs*t21
    t28 = label_noise*t18
    t29 = inputs**2
    t30 = t29*t8
    t31 = t1*t29
    t32 = t11*t29
    t33 = t2*t5
    t34 = t5*t7
    leading = (
        -1/32*(inputs*t3 + t1*t4 + 8*t1 + t3*weight_decay + t4*t6 + 8*t6 -
        t7*weight_decay)/(batch**2*t0)
    )
    following = (
        -1/1536*(1536*batch*inputs*label_noise*t10 + 4608*batch*inputs*label_noise*t20 +
        4608*batch*inputs*t10 + 1536*batch*inputs*t12 + 768*batch*inputs*t2*t20 +
        2304*batch*inputs*t2*weight_decay + 3072*batch*label_noise*t10 +
        9216*batch*label_noise*t20 + 9216*batch*t10 + 3072*batch*t12 - 2112*batch*t34 +
        12256*inputs*label_noise*t10 + 20736*inputs*label_noise*t20 + 408*inputs*t1*t2 -
        inputs*t1*t23 + 24*inputs*t1*t8 + 23808*inputs*t10 + 9792*inputs*t12 +
        1872*inputs*t2*t20 + 5040*inputs*t2*weight_decay + 468*inputs*t5*t8 - inputs*t9 +
        5704*label_noise*t10*t29 + 1696*label_noise*t10 - label_noise*t11*t16 +
        1616*label_noise*t11 + 96*label_noise*t12*t29 - 384*label_noise*t12 +
        7488*label_noise*t20*t29 + 11520*label_noise*t20 - 1276*label_noise*t32 - t1*t14 +
        840*t1*t2 - 96*t1*t22 - 12*t1*t8 + 120*t10*t2*t29 - 192*t10*t2 + 5088*t10*t29 -
        144*t10*t7 + 27264*t10 - t11*t15 - 28448*t11 + 2064*t12*t29 + 11328*t12 - t13*t16 -
        280*t13*t29 - 1504*t13 - t14*t6 - t15*t21 - 192*t17*t20 - 216*t17*weight_decay -
        324*t17 - t18*t24 - 24416*t18 - t19*t25 - 1312*t19 + 4524*t2*t20*t29 - 144*t2*t20 +
        4608*t2*t29*weight_decay - 1296*t2*t29 - 1206*t2*t31 + 1440*t2*weight_decay +
        72*t20*t29*t8 + 96*t20*t8 - 10428*t21*t29 - 12720*t21 - 864*t22 - t23*t26 - t24*t27 -
        t25*t28 - 6912*t26 - 27216*t27 - 1744*t28 - 7254*t29*t33 - 2592*t29*t6 +
        390*t29*t8*weight_decay - 231*t30*t5 - 306*t30 - 9*t31*t8 - 2448*t31 - 5096*t32 -
        2808*t33 - 6888*t34 - 252*t5*t8 - 3456*t6 - 1728*t7 + 312*t8*weight_decay - 288*t8 -
        t9)/(batch**3*t0**2*(weight_decay - 3)**2)
    )
    return leading, following


def _decay_share(inputs: Array) -> Array:
    """Decay rate of representations over the variance of a rotation, at both orders.

    4 operations.
    """
    # in units in which input variance and gain are 1
    _decay_share = (1/2)*inputs - 1/2
    return _decay_share

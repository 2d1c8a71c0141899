"""Formulas of the rotation of two misaligned axes.

Printed by ``python -m symdrift.kernels`` from the symbolic derivation: do not edit.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def _mean_rotation(
    s1: Array,
    s2: Array,
    sigma11: Array,
    sigma12: Array,
    sigma22: Array,
    weight_decay: Array,
    learning_rate: Array,
    kurtosis: Array,
    label_noise: Array,
    batch: Array,
) -> Array:
    """Mean rotation mu_12 per step.

    5003 operations.
    """
    # -eta^2 sqrt(s_1 s_2) (s_1 - s_2) Sigma_12 / (2 (s_1 + s_2) B) times the bracket ((1 + kappa)
    # gamma^2 N / det(Sigma) + kappa gamma^2 N_kappa + gamma sigma^2 (s_1 + s_2) N_sigma) / D
    gaussian = (
        2*s1**5*sigma11**6*sigma22 - 2*s1**5*sigma11**5*sigma12**2 +
        23*s1**5*sigma11**5*sigma22**2 - 41*s1**5*sigma11**4*sigma12**2*sigma22 +
        20*s1**5*sigma11**4*sigma22**3 + 18*s1**5*sigma11**3*sigma12**4 -
        40*s1**5*sigma11**3*sigma12**2*sigma22**2 + 3*s1**5*sigma11**3*sigma22**4 +
        24*s1**5*sigma11**2*sigma12**4*sigma22 - 5*s1**5*sigma11**2*sigma12**2*sigma22**3 -
        4*s1**5*sigma11*sigma12**6 + 2*s1**5*sigma11*sigma12**4*sigma22**2 +
        10*s1**4*s2*sigma11**6*sigma22 - 10*s1**4*s2*sigma11**5*sigma12**2 +
        86*s1**4*s2*sigma11**5*sigma22**2 - 136*s1**4*s2*sigma11**4*sigma12**2*sigma22 +
        135*s1**4*s2*sigma11**4*sigma22**3 + 50*s1**4*s2*sigma11**3*sigma12**4 -
        223*s1**4*s2*sigma11**3*sigma12**2*sigma22**2 + 64*s1**4*s2*sigma11**3*sigma22**4 +
        88*s1**4*s2*sigma11**2*sigma12**4*sigma22 -
        106*s1**4*s2*sigma11**2*sigma12**2*sigma22**3 + 9*s1**4*s2*sigma11**2*sigma22**5 +
        46*s1**4*s2*sigma11*sigma12**4*sigma22**2 - 13*s1**4*s2*sigma11*sigma12**2*sigma22**4
        - 4*s1**4*s2*sigma12**6*sigma22 + 4*s1**4*s2*sigma12**4*sigma22**3 +
        2*s1**4*sigma11**6*weight_decay + 30*s1**4*sigma11**5*sigma22*weight_decay -
        25*s1**4*sigma11**4*sigma12**2*weight_decay +
        94*s1**4*sigma11**4*sigma22**2*weight_decay -
        140*s1**4*sigma11**3*sigma12**2*sigma22*weight_decay +
        46*s1**4*sigma11**3*sigma22**3*weight_decay +
        50*s1**4*sigma11**2*sigma12**4*weight_decay -
        77*s1**4*sigma11**2*sigma12**2*sigma22**2*weight_decay +
        4*s1**4*sigma11**2*sigma22**4*weight_decay +
        36*s1**4*sigma11*sigma12**4*sigma22*weight_decay -
        6*s1**4*sigma11*sigma12**2*sigma22**3*weight_decay - 4*s1**4*sigma12**6*weight_decay +
        2*s1**4*sigma12**4*sigma22**2*weight_decay + 14*s1**3*s2**2*sigma11**6*sigma22 -
        14*s1**3*s2**2*sigma11**5*sigma12**2 + 112*s1**3*s2**2*sigma11**5*sigma22**2 -
        154*s1**3*s2**2*sigma11**4*sigma12**2*sigma22 + 268*s1**3*s2**2*sigma11**4*sigma22**3
        + 42*s1**3*s2**2*sigma11**3*sigma12**4 -
        398*s1**3*s2**2*sigma11**3*sigma12**2*sigma22**2 +
        214*s1**3*s2**2*sigma11**3*sigma22**4 + 122*s1**3*s2**2*sigma11**2*sigma12**4*sigma22
        - 316*s1**3*s2**2*sigma11**2*sigma12**2*sigma22**3 +
        58*s1**3*s2**2*sigma11**2*sigma22**5 + 8*s1**3*s2**2*sigma11*sigma12**6 +
        102*s1**3*s2**2*sigma11*sigma12**4*sigma22**2 -
        72*s1**3*s2**2*sigma11*sigma12**2*sigma22**4 + 6*s1**3*s2**2*sigma11*sigma22**6 +
        14*s1**3*s2**2*sigma12**4*sigma22**3 - 6*s1**3*s2**2*sigma12**2*sigma22**5 +
        4*s1**3*s2*sigma11**6*weight_decay + 70*s1**3*s2*sigma11**5*sigma22*weight_decay -
        47*s1**3*s2*sigma11**4*sigma12**2*weight_decay +
        292*s1**3*s2*sigma11**4*sigma22**2*weight_decay -
        338*s1**3*s2*sigma11**3*sigma12**2*sigma22*weight_decay +
        308*s1**3*s2*sigma11**3*sigma22**3*weight_decay +
        88*s1**3*s2*sigma11**2*sigma12**4*weight_decay -
        388*s1**3*s2*sigma11**2*sigma12**2*sigma22**2*weight_decay +
        88*s1**3*s2*sigma11**2*sigma22**4*weight_decay +
        112*s1**3*s2*sigma11*sigma12**4*sigma22*weight_decay -
        102*s1**3*s2*sigma11*sigma12**2*sigma22**3*weight_decay +
        6*s1**3*s2*sigma11*sigma22**5*weight_decay +
        24*s1**3*s2*sigma12**4*sigma22**2*weight_decay -
        5*s1**3*s2*sigma12**2*sigma22**4*weight_decay + 5*s1**3*sigma11**5*weight_decay**2 +
        60*s1**3*sigma11**4*sigma22*weight_decay**2 -
        49*s1**3*sigma11**3*sigma12**2*weight_decay**2 +
        98*s1**3*sigma11**3*sigma22**2*weight_decay**2 -
        115*s1**3*sigma11**2*sigma12**2*sigma22*weight_decay**2 +
        28*s1**3*sigma11**2*sigma22**3*weight_decay**2 +
        24*s1**3*sigma11*sigma12**4*weight_decay**2 -
        35*s1**3*sigma11*sigma12**2*sigma22**2*weight_decay**2 +
        s1**3*sigma11*sigma22**4*weight_decay**2 + 8*s1**3*sigma12**4*sigma22*weight_decay**2
        - s1**3*sigma12**2*sigma22**3*weight_decay**2 + 6*s1**2*s2**3*sigma11**6*sigma22 -
        6*s1**2*s2**3*sigma11**5*sigma12**2 + 58*s1**2*s2**3*sigma11**5*sigma22**2 -
        72*s1**2*s2**3*sigma11**4*sigma12**2*sigma22 + 214*s1**2*s2**3*sigma11**4*sigma22**3 +
        14*s1**2*s2**3*sigma11**3*sigma12**4 -
        316*s1**2*s2**3*sigma11**3*sigma12**2*sigma22**2 +
        268*s1**2*s2**3*sigma11**3*sigma22**4 + 102*s1**2*s2**3*sigma11**2*sigma12**4*sigma22
        - 398*s1**2*s2**3*sigma11**2*sigma12**2*sigma22**3 +
        112*s1**2*s2**3*sigma11**2*sigma22**5 + 122*s1**2*s2**3*sigma11*sigma12**4*sigma22**2
        - 154*s1**2*s2**3*sigma11*sigma12**2*sigma22**4 + 14*s1**2*s2**3*sigma11*sigma22**6 +
        8*s1**2*s2**3*sigma12**6*sigma22 + 42*s1**2*s2**3*sigma12**4*sigma22**3 -
        14*s1**2*s2**3*sigma12**2*sigma22**5 + 2*s1**2*s2**2*sigma11**6*weight_decay +
        46*s1**2*s2**2*sigma11**5*sigma22*weight_decay -
        27*s1**2*s2**2*sigma11**4*sigma12**2*weight_decay +
        282*s1**2*s2**2*sigma11**4*sigma22**2*weight_decay -
        278*s1**2*s2**2*sigma11**3*sigma12**2*sigma22*weight_decay +
        524*s1**2*s2**2*sigma11**3*sigma22**3*weight_decay +
        60*s1**2*s2**2*sigma11**2*sigma12**4*weight_decay -
        590*s1**2*s2**2*sigma11**2*sigma12**2*sigma22**2*weight_decay +
        282*s1**2*s2**2*sigma11**2*sigma22**4*weight_decay +
        152*s1**2*s2**2*sigma11*sigma12**4*sigma22*weight_decay -
        278*s1**2*s2**2*sigma11*sigma12**2*sigma22**3*weight_decay +
        46*s1**2*s2**2*sigma11*sigma22**5*weight_decay + 8*s1**2*s2**2*sigma12**6*weight_decay
        + 60*s1**2*s2**2*sigma12**4*sigma22**2*weight_decay -
        27*s1**2*s2**2*sigma12**2*sigma22**4*weight_decay +
        2*s1**2*s2**2*sigma22**6*weight_decay + 6*s1**2*s2*sigma11**5*weight_decay**2 +
        93*s1**2*s2*sigma11**4*sigma22*weight_decay**2 -
        55*s1**2*s2*sigma11**3*sigma12**2*weight_decay**2 +
        256*s1**2*s2*sigma11**3*sigma22**2*weight_decay**2 -
        213*s1**2*s2*sigma11**2*sigma12**2*sigma22*weight_decay**2 +
        186*s1**2*s2*sigma11**2*sigma22**3*weight_decay**2 +
        24*s1**2*s2*sigma11*sigma12**4*weight_decay**2 -
        149*s1**2*s2*sigma11*sigma12**2*sigma22**2*weight_decay**2 +
        34*s1**2*s2*sigma11*sigma22**4*weight_decay**2 +
        8*s1**2*s2*sigma12**4*sigma22*weight_decay**2 -
        23*s1**2*s2*sigma12**2*sigma22**3*weight_decay**2 +
        s1**2*s2*sigma22**5*weight_decay**2 + 4*s1**2*sigma11**4*weight_decay**3 +
        28*s1**2*sigma11**3*sigma22*weight_decay**3 -
        20*s1**2*sigma11**2*sigma12**2*weight_decay**3 +
        28*s1**2*sigma11**2*sigma22**2*weight_decay**3 -
        24*s1**2*sigma11*sigma12**2*sigma22*weight_decay**3 +
        4*s1**2*sigma11*sigma22**3*weight_decay**3 -
        4*s1**2*sigma12**2*sigma22**2*weight_decay**3 + 9*s1*s2**4*sigma11**5*sigma22**2 -
        13*s1*s2**4*sigma11**4*sigma12**2*sigma22 + 64*s1*s2**4*sigma11**4*sigma22**3 +
        4*s1*s2**4*sigma11**3*sigma12**4 - 106*s1*s2**4*sigma11**3*sigma12**2*sigma22**2 +
        135*s1*s2**4*sigma11**3*sigma22**4 + 46*s1*s2**4*sigma11**2*sigma12**4*sigma22 -
        223*s1*s2**4*sigma11**2*sigma12**2*sigma22**3 + 86*s1*s2**4*sigma11**2*sigma22**5 -
        4*s1*s2**4*sigma11*sigma12**6 + 88*s1*s2**4*sigma11*sigma12**4*sigma22**2 -
        136*s1*s2**4*sigma11*sigma12**2*sigma22**4 + 10*s1*s2**4*sigma11*sigma22**6 +
        50*s1*s2**4*sigma12**4*sigma22**3 - 10*s1*s2**4*sigma12**2*sigma22**5 +
        6*s1*s2**3*sigma11**5*sigma22*weight_decay -
        5*s1*s2**3*sigma11**4*sigma12**2*weight_decay +
        88*s1*s2**3*sigma11**4*sigma22**2*weight_decay -
        102*s1*s2**3*sigma11**3*sigma12**2*sigma22*weight_decay +
        308*s1*s2**3*sigma11**3*sigma22**3*weight_decay +
        24*s1*s2**3*sigma11**2*sigma12**4*weight_decay -
        388*s1*s2**3*sigma11**2*sigma12**2*sigma22**2*weight_decay +
        292*s1*s2**3*sigma11**2*sigma22**4*weight_decay +
        112*s1*s2**3*sigma11*sigma12**4*sigma22*weight_decay -
        338*s1*s2**3*sigma11*sigma12**2*sigma22**3*weight_decay +
        70*s1*s2**3*sigma11*sigma22**5*weight_decay +
        88*s1*s2**3*sigma12**4*sigma22**2*weight_decay -
        47*s1*s2**3*sigma12**2*sigma22**4*weight_decay + 4*s1*s2**3*sigma22**6*weight_decay +
        s1*s2**2*sigma11**5*weight_decay**2 + 34*s1*s2**2*sigma11**4*sigma22*weight_decay**2 -
        23*s1*s2**2*sigma11**3*sigma12**2*weight_decay**2 +
        186*s1*s2**2*sigma11**3*sigma22**2*weight_decay**2 -
        149*s1*s2**2*sigma11**2*sigma12**2*sigma22*weight_decay**2 +
        256*s1*s2**2*sigma11**2*sigma22**3*weight_decay**2 +
        8*s1*s2**2*sigma11*sigma12**4*weight_decay**2 -
        213*s1*s2**2*sigma11*sigma12**2*sigma22**2*weight_decay**2 +
        93*s1*s2**2*sigma11*sigma22**4*weight_decay**2 +
        24*s1*s2**2*sigma12**4*sigma22*weight_decay**2 -
        55*s1*s2**2*sigma12**2*sigma22**3*weight_decay**2 +
        6*s1*s2**2*sigma22**5*weight_decay**2 + 4*s1*s2*sigma11**4*weight_decay**3 +
        32*s1*s2*sigma11**3*sigma22*weight_decay**3 -
        8*s1*s2*sigma11**2*sigma12**2*weight_decay**3 +
        56*s1*s2*sigma11**2*sigma22**2*weight_decay**3 -
        16*s1*s2*sigma11*sigma12**2*sigma22*weight_decay**3 +
        32*s1*s2*sigma11*sigma22**3*weight_decay**3 -
        8*s1*s2*sigma12**2*sigma22**2*weight_decay**3 + 4*s1*s2*sigma22**4*weight_decay**3 +
        3*s2**5*sigma11**4*sigma22**3 - 5*s2**5*sigma11**3*sigma12**2*sigma22**2 +
        20*s2**5*sigma11**3*sigma22**4 + 2*s2**5*sigma11**2*sigma12**4*sigma22 -
        40*s2**5*sigma11**2*sigma12**2*sigma22**3 + 23*s2**5*sigma11**2*sigma22**5 +
        24*s2**5*sigma11*sigma12**4*sigma22**2 - 41*s2**5*sigma11*sigma12**2*sigma22**4 +
        2*s2**5*sigma11*sigma22**6 - 4*s2**5*sigma12**6*sigma22 +
        18*s2**5*sigma12**4*sigma22**3 - 2*s2**5*sigma12**2*sigma22**5 +
        4*s2**4*sigma11**4*sigma22**2*weight_decay -
        6*s2**4*sigma11**3*sigma12**2*sigma22*weight_decay +
        46*s2**4*sigma11**3*sigma22**3*weight_decay +
        2*s2**4*sigma11**2*sigma12**4*weight_decay -
        77*s2**4*sigma11**2*sigma12**2*sigma22**2*weight_decay +
        94*s2**4*sigma11**2*sigma22**4*weight_decay +
        36*s2**4*sigma11*sigma12**4*sigma22*weight_decay -
        140*s2**4*sigma11*sigma12**2*sigma22**3*weight_decay +
        30*s2**4*sigma11*sigma22**5*weight_decay - 4*s2**4*sigma12**6*weight_decay +
        50*s2**4*sigma12**4*sigma22**2*weight_decay -
        25*s2**4*sigma12**2*sigma22**4*weight_decay + 2*s2**4*sigma22**6*weight_decay +
        s2**3*sigma11**4*sigma22*weight_decay**2 - s2**3*sigma11**3*sigma12**2*weight_decay**2
        + 28*s2**3*sigma11**3*sigma22**2*weight_decay**2 -
        35*s2**3*sigma11**2*sigma12**2*sigma22*weight_decay**2 +
        98*s2**3*sigma11**2*sigma22**3*weight_decay**2 +
        8*s2**3*sigma11*sigma12**4*weight_decay**2 -
        115*s2**3*sigma11*sigma12**2*sigma22**2*weight_decay**2 +
        60*s2**3*sigma11*sigma22**4*weight_decay**2 +
        24*s2**3*sigma12**4*sigma22*weight_decay**2 -
        49*s2**3*sigma12**2*sigma22**3*weight_decay**2 + 5*s2**3*sigma22**5*weight_decay**2 +
        4*s2**2*sigma11**3*sigma22*weight_decay**3 -
        4*s2**2*sigma11**2*sigma12**2*weight_decay**3 +
        28*s2**2*sigma11**2*sigma22**2*weight_decay**3 -
        24*s2**2*sigma11*sigma12**2*sigma22*weight_decay**3 +
        28*s2**2*sigma11*sigma22**3*weight_decay**3 -
        20*s2**2*sigma12**2*sigma22**2*weight_decay**3 + 4*s2**2*sigma22**4*weight_decay**3
    )
    length = (
        6*s1**5*sigma11**4*sigma22 - 6*s1**5*sigma11**3*sigma12**2 +
        6*s1**5*sigma11**3*sigma22**2 - 10*s1**5*sigma11**2*sigma12**2*sigma22 +
        4*s1**5*sigma11*sigma12**4 + 10*s1**4*s2*sigma11**4*sigma22 -
        10*s1**4*s2*sigma11**3*sigma12**2 + 14*s1**4*s2*sigma11**3*sigma22**2 -
        14*s1**4*s2*sigma11**2*sigma12**2*sigma22 + 4*s1**4*s2*sigma11**2*sigma22**3 -
        8*s1**4*s2*sigma11*sigma12**2*sigma22**2 + 4*s1**4*s2*sigma12**4*sigma22 +
        6*s1**4*sigma11**4*weight_decay + 28*s1**4*sigma11**3*sigma22*weight_decay -
        20*s1**4*sigma11**2*sigma12**2*weight_decay +
        10*s1**4*sigma11**2*sigma22**2*weight_decay -
        12*s1**4*sigma11*sigma12**2*sigma22*weight_decay + 4*s1**4*sigma12**4*weight_decay -
        6*s1**3*s2**2*sigma11**4*sigma22 + 6*s1**3*s2**2*sigma11**3*sigma12**2 -
        10*s1**3*s2**2*sigma11**3*sigma22**2 + 18*s1**3*s2**2*sigma11**2*sigma12**2*sigma22 -
        14*s1**3*s2**2*sigma11**2*sigma22**3 - 8*s1**3*s2**2*sigma11*sigma12**4 +
        14*s1**3*s2**2*sigma11*sigma12**2*sigma22**2 - 10*s1**3*s2**2*sigma11*sigma22**4 +
        10*s1**3*s2**2*sigma12**2*sigma22**3 + 4*s1**3*s2*sigma11**4*weight_decay +
        16*s1**3*s2*sigma11**3*sigma22*weight_decay +
        4*s1**3*s2*sigma11**2*sigma12**2*weight_decay +
        4*s1**3*s2*sigma11**2*sigma22**2*weight_decay +
        16*s1**3*s2*sigma11*sigma12**2*sigma22*weight_decay -
        8*s1**3*s2*sigma11*sigma22**3*weight_decay +
        12*s1**3*s2*sigma12**2*sigma22**2*weight_decay + 16*s1**3*sigma11**3*weight_decay**2 +
        28*s1**3*sigma11**2*sigma22*weight_decay**2 -
        8*s1**3*sigma11*sigma12**2*weight_decay**2 +
        4*s1**3*sigma11*sigma22**2*weight_decay**2 - 10*s1**2*s2**3*sigma11**4*sigma22 +
        10*s1**2*s2**3*sigma11**3*sigma12**2 - 14*s1**2*s2**3*sigma11**3*sigma22**2 +
        14*s1**2*s2**3*sigma11**2*sigma12**2*sigma22 - 10*s1**2*s2**3*sigma11**2*sigma22**3 +
        18*s1**2*s2**3*sigma11*sigma12**2*sigma22**2 - 6*s1**2*s2**3*sigma11*sigma22**4 -
        8*s1**2*s2**3*sigma12**4*sigma22 + 6*s1**2*s2**3*sigma12**2*sigma22**3 -
        2*s1**2*s2**2*sigma11**4*weight_decay - 36*s1**2*s2**2*sigma11**3*sigma22*weight_decay
        + 36*s1**2*s2**2*sigma11**2*sigma12**2*weight_decay -
        44*s1**2*s2**2*sigma11**2*sigma22**2*weight_decay +
        56*s1**2*s2**2*sigma11*sigma12**2*sigma22*weight_decay -
        36*s1**2*s2**2*sigma11*sigma22**3*weight_decay - 8*s1**2*s2**2*sigma12**4*weight_decay
        + 36*s1**2*s2**2*sigma12**2*sigma22**2*weight_decay -
        2*s1**2*s2**2*sigma22**4*weight_decay - 4*s1**2*s2*sigma11**3*weight_decay**2 -
        16*s1**2*s2*sigma11**2*sigma22*weight_decay**2 +
        16*s1**2*s2*sigma11*sigma12**2*weight_decay**2 -
        24*s1**2*s2*sigma11*sigma22**2*weight_decay**2 +
        24*s1**2*s2*sigma12**2*sigma22*weight_decay**2 - 4*s1**2*s2*sigma22**3*weight_decay**2
        + 8*s1**2*sigma11**2*weight_decay**3 + 8*s1**2*sigma11*sigma22*weight_decay**3 +
        4*s1*s2**4*sigma11**3*sigma22**2 - 8*s1*s2**4*sigma11**2*sigma12**2*sigma22 +
        14*s1*s2**4*sigma11**2*sigma22**3 + 4*s1*s2**4*sigma11*sigma12**4 -
        14*s1*s2**4*sigma11*sigma12**2*sigma22**2 + 10*s1*s2**4*sigma11*sigma22**4 -
        10*s1*s2**4*sigma12**2*sigma22**3 - 8*s1*s2**3*sigma11**3*sigma22*weight_decay +
        12*s1*s2**3*sigma11**2*sigma12**2*weight_decay +
        4*s1*s2**3*sigma11**2*sigma22**2*weight_decay +
        16*s1*s2**3*sigma11*sigma12**2*sigma22*weight_decay +
        16*s1*s2**3*sigma11*sigma22**3*weight_decay +
        4*s1*s2**3*sigma12**2*sigma22**2*weight_decay + 4*s1*s2**3*sigma22**4*weight_decay -
        4*s1*s2**2*sigma11**3*weight_decay**2 - 24*s1*s2**2*sigma11**2*sigma22*weight_decay**2
        + 24*s1*s2**2*sigma11*sigma12**2*weight_decay**2 -
        16*s1*s2**2*sigma11*sigma22**2*weight_decay**2 +
        16*s1*s2**2*sigma12**2*sigma22*weight_decay**2 - 4*s1*s2**2*sigma22**3*weight_decay**2
        - 8*s1*s2*sigma11**2*weight_decay**3 - 16*s1*s2*sigma11*sigma22*weight_decay**3 -
        8*s1*s2*sigma22**2*weight_decay**3 + 6*s2**5*sigma11**2*sigma22**3 -
        10*s2**5*sigma11*sigma12**2*sigma22**2 + 6*s2**5*sigma11*sigma22**4 +
        4*s2**5*sigma12**4*sigma22 - 6*s2**5*sigma12**2*sigma22**3 +
        10*s2**4*sigma11**2*sigma22**2*weight_decay -
        12*s2**4*sigma11*sigma12**2*sigma22*weight_decay +
        28*s2**4*sigma11*sigma22**3*weight_decay + 4*s2**4*sigma12**4*weight_decay -
        20*s2**4*sigma12**2*sigma22**2*weight_decay + 6*s2**4*sigma22**4*weight_decay +
        4*s2**3*sigma11**2*sigma22*weight_decay**2 +
        28*s2**3*sigma11*sigma22**2*weight_decay**2 -
        8*s2**3*sigma12**2*sigma22*weight_decay**2 + 16*s2**3*sigma22**3*weight_decay**2 +
        8*s2**2*sigma11*sigma22*weight_decay**3 + 8*s2**2*sigma22**2*weight_decay**3
    )
    labels = (
        5*s1**3*sigma11**4*sigma22 - 5*s1**3*sigma11**3*sigma12**2 -
        2*s1**3*sigma11**3*sigma22**2 + 4*s1**3*sigma11**2*sigma12**2*sigma22 -
        3*s1**3*sigma11**2*sigma22**3 - 2*s1**3*sigma11*sigma12**4 +
        5*s1**3*sigma11*sigma12**2*sigma22**2 - 2*s1**3*sigma12**4*sigma22 -
        2*s1**2*s2*sigma11**4*sigma22 + 2*s1**2*s2*sigma11**3*sigma12**2 +
        9*s1**2*s2*sigma11**3*sigma22**2 - 11*s1**2*s2*sigma11**2*sigma12**2*sigma22 -
        4*s1**2*s2*sigma11**2*sigma22**3 + 2*s1**2*s2*sigma11*sigma12**4 +
        2*s1**2*s2*sigma11*sigma12**2*sigma22**2 - 3*s1**2*s2*sigma11*sigma22**4 +
        2*s1**2*s2*sigma12**4*sigma22 + 3*s1**2*s2*sigma12**2*sigma22**3 -
        s1**2*sigma11**4*weight_decay + 5*s1**2*sigma11**3*sigma22*weight_decay -
        7*s1**2*sigma11**2*sigma12**2*weight_decay -
        3*s1**2*sigma11**2*sigma22**2*weight_decay +
        2*s1**2*sigma11*sigma12**2*sigma22*weight_decay -
        s1**2*sigma11*sigma22**3*weight_decay + s1**2*sigma12**2*sigma22**2*weight_decay -
        3*s1*s2**2*sigma11**4*sigma22 + 3*s1*s2**2*sigma11**3*sigma12**2 -
        4*s1*s2**2*sigma11**3*sigma22**2 + 2*s1*s2**2*sigma11**2*sigma12**2*sigma22 +
        9*s1*s2**2*sigma11**2*sigma22**3 + 2*s1*s2**2*sigma11*sigma12**4 -
        11*s1*s2**2*sigma11*sigma12**2*sigma22**2 - 2*s1*s2**2*sigma11*sigma22**4 +
        2*s1*s2**2*sigma12**4*sigma22 + 2*s1*s2**2*sigma12**2*sigma22**3 -
        s1*s2*sigma11**4*weight_decay - 4*s1*s2*sigma11**3*sigma22*weight_decay -
        2*s1*s2*sigma11**2*sigma12**2*weight_decay +
        10*s1*s2*sigma11**2*sigma22**2*weight_decay -
        20*s1*s2*sigma11*sigma12**2*sigma22*weight_decay -
        4*s1*s2*sigma11*sigma22**3*weight_decay - 2*s1*s2*sigma12**2*sigma22**2*weight_decay -
        s1*s2*sigma22**4*weight_decay - 3*s2**3*sigma11**3*sigma22**2 +
        5*s2**3*sigma11**2*sigma12**2*sigma22 - 2*s2**3*sigma11**2*sigma22**3 -
        2*s2**3*sigma11*sigma12**4 + 4*s2**3*sigma11*sigma12**2*sigma22**2 +
        5*s2**3*sigma11*sigma22**4 - 2*s2**3*sigma12**4*sigma22 -
        5*s2**3*sigma12**2*sigma22**3 - s2**2*sigma11**3*sigma22*weight_decay +
        s2**2*sigma11**2*sigma12**2*weight_decay - 3*s2**2*sigma11**2*sigma22**2*weight_decay
        + 2*s2**2*sigma11*sigma12**2*sigma22*weight_decay +
        5*s2**2*sigma11*sigma22**3*weight_decay - 7*s2**2*sigma12**2*sigma22**2*weight_decay -
        s2**2*sigma22**4*weight_decay
    )
    common = (
        6*s1**6*sigma11**5*sigma22 - 6*s1**6*sigma11**4*sigma12**2 +
        9*s1**6*sigma11**4*sigma22**2 - 13*s1**6*sigma11**3*sigma12**2*sigma22 +
        3*s1**6*sigma11**3*sigma22**3 + 4*s1**6*sigma11**2*sigma12**4 -
        5*s1**6*sigma11**2*sigma12**2*sigma22**2 + 2*s1**6*sigma11*sigma12**4*sigma22 +
        32*s1**5*s2*sigma11**5*sigma22 - 32*s1**5*s2*sigma11**4*sigma12**2 +
        69*s1**5*s2*sigma11**4*sigma22**2 - 73*s1**5*s2*sigma11**3*sigma12**2*sigma22 +
        46*s1**5*s2*sigma11**3*sigma22**3 + 4*s1**5*s2*sigma11**2*sigma12**4 -
        58*s1**5*s2*sigma11**2*sigma12**2*sigma22**2 + 9*s1**5*s2*sigma11**2*sigma22**4 +
        12*s1**5*s2*sigma11*sigma12**4*sigma22 - 13*s1**5*s2*sigma11*sigma12**2*sigma22**3 +
        4*s1**5*s2*sigma12**4*sigma22**2 + 6*s1**5*sigma11**5*weight_decay +
        32*s1**5*sigma11**4*sigma22*weight_decay - 27*s1**5*sigma11**3*sigma12**2*weight_decay
        + 24*s1**5*sigma11**3*sigma22**2*weight_decay -
        29*s1**5*sigma11**2*sigma12**2*sigma22*weight_decay +
        4*s1**5*sigma11**2*sigma22**3*weight_decay + 6*s1**5*sigma11*sigma12**4*weight_decay -
        6*s1**5*sigma11*sigma12**2*sigma22**2*weight_decay +
        2*s1**5*sigma12**4*sigma22*weight_decay + 52*s1**4*s2**2*sigma11**5*sigma22 -
        52*s1**4*s2**2*sigma11**4*sigma12**2 + 178*s1**4*s2**2*sigma11**4*sigma22**2 -
        170*s1**4*s2**2*sigma11**3*sigma12**2*sigma22 + 189*s1**4*s2**2*sigma11**3*sigma22**3
        - 8*s1**4*s2**2*sigma11**2*sigma12**4 -
        187*s1**4*s2**2*sigma11**2*sigma12**2*sigma22**2 +
        69*s1**4*s2**2*sigma11**2*sigma22**4 - 2*s1**4*s2**2*sigma11*sigma12**4*sigma22 -
        73*s1**4*s2**2*sigma11*sigma12**2*sigma22**3 + 6*s1**4*s2**2*sigma11*sigma22**5 +
        4*s1**4*s2**2*sigma12**4*sigma22**2 - 6*s1**4*s2**2*sigma12**2*sigma22**4 +
        14*s1**4*s2*sigma11**5*weight_decay + 146*s1**4*s2*sigma11**4*sigma22*weight_decay -
        90*s1**4*s2*sigma11**3*sigma12**2*weight_decay +
        200*s1**4*s2*sigma11**3*sigma22**2*weight_decay -
        160*s1**4*s2*sigma11**2*sigma12**2*sigma22*weight_decay +
        76*s1**4*s2*sigma11**2*sigma22**3*weight_decay +
        2*s1**4*s2*sigma11*sigma12**4*weight_decay -
        71*s1**4*s2*sigma11*sigma12**2*sigma22**2*weight_decay +
        6*s1**4*s2*sigma11*sigma22**4*weight_decay +
        6*s1**4*s2*sigma12**4*sigma22*weight_decay -
        5*s1**4*s2*sigma12**2*sigma22**3*weight_decay + 17*s1**4*sigma11**4*weight_decay**2 +
        39*s1**4*sigma11**3*sigma22*weight_decay**2 -
        29*s1**4*sigma11**2*sigma12**2*weight_decay**2 +
        15*s1**4*sigma11**2*sigma22**2*weight_decay**2 -
        16*s1**4*sigma11*sigma12**2*sigma22*weight_decay**2 +
        s1**4*sigma11*sigma22**3*weight_decay**2 + 2*s1**4*sigma12**4*weight_decay**2 -
        s1**4*sigma12**2*sigma22**2*weight_decay**2 + 32*s1**3*s2**3*sigma11**5*sigma22 -
        32*s1**3*s2**3*sigma11**4*sigma12**2 + 178*s1**3*s2**3*sigma11**4*sigma22**2 -
        170*s1**3*s2**3*sigma11**3*sigma12**2*sigma22 + 292*s1**3*s2**3*sigma11**3*sigma22**3
        - 8*s1**3*s2**3*sigma11**2*sigma12**4 -
        268*s1**3*s2**3*sigma11**2*sigma12**2*sigma22**2 +
        178*s1**3*s2**3*sigma11**2*sigma22**4 - 24*s1**3*s2**3*sigma11*sigma12**4*sigma22 -
        170*s1**3*s2**3*sigma11*sigma12**2*sigma22**3 + 32*s1**3*s2**3*sigma11*sigma22**5 -
        8*s1**3*s2**3*sigma12**4*sigma22**2 - 32*s1**3*s2**3*sigma12**2*sigma22**4 +
        10*s1**3*s2**2*sigma11**5*weight_decay +
        170*s1**3*s2**2*sigma11**4*sigma22*weight_decay -
        96*s1**3*s2**2*sigma11**3*sigma12**2*weight_decay +
        460*s1**3*s2**2*sigma11**3*sigma22**2*weight_decay -
        284*s1**3*s2**2*sigma11**2*sigma12**2*sigma22*weight_decay +
        324*s1**3*s2**2*sigma11**2*sigma22**3*weight_decay -
        12*s1**3*s2**2*sigma11*sigma12**4*weight_decay -
        218*s1**3*s2**2*sigma11*sigma12**2*sigma22**2*weight_decay +
        62*s1**3*s2**2*sigma11*sigma22**4*weight_decay -
        4*s1**3*s2**2*sigma12**4*sigma22*weight_decay -
        38*s1**3*s2**2*sigma12**2*sigma22**3*weight_decay +
        2*s1**3*s2**2*sigma22**5*weight_decay + 27*s1**3*s2*sigma11**4*weight_decay**2 +
        182*s1**3*s2*sigma11**3*sigma22*weight_decay**2 -
        68*s1**3*s2*sigma11**2*sigma12**2*weight_decay**2 +
        148*s1**3*s2*sigma11**2*sigma22**2*weight_decay**2 -
        80*s1**3*s2*sigma11*sigma12**2*sigma22*weight_decay**2 +
        26*s1**3*s2*sigma11*sigma22**3*weight_decay**2 -
        12*s1**3*s2*sigma12**2*sigma22**2*weight_decay**2 +
        s1**3*s2*sigma22**4*weight_decay**2 + 10*s1**3*sigma11**3*weight_decay**3 +
        12*s1**3*sigma11**2*sigma22*weight_decay**3 -
        10*s1**3*sigma11*sigma12**2*weight_decay**3 +
        2*s1**3*sigma11*sigma22**2*weight_decay**3 -
        2*s1**3*sigma12**2*sigma22*weight_decay**3 + 6*s1**2*s2**4*sigma11**5*sigma22 -
        6*s1**2*s2**4*sigma11**4*sigma12**2 + 69*s1**2*s2**4*sigma11**4*sigma22**2 -
        73*s1**2*s2**4*sigma11**3*sigma12**2*sigma22 + 189*s1**2*s2**4*sigma11**3*sigma22**3 +
        4*s1**2*s2**4*sigma11**2*sigma12**4 - 187*s1**2*s2**4*sigma11**2*sigma12**2*sigma22**2
        + 178*s1**2*s2**4*sigma11**2*sigma22**4 - 2*s1**2*s2**4*sigma11*sigma12**4*sigma22 -
        170*s1**2*s2**4*sigma11*sigma12**2*sigma22**3 + 52*s1**2*s2**4*sigma11*sigma22**5 -
        8*s1**2*s2**4*sigma12**4*sigma22**2 - 52*s1**2*s2**4*sigma12**2*sigma22**4 +
        2*s1**2*s2**3*sigma11**5*weight_decay + 62*s1**2*s2**3*sigma11**4*sigma22*weight_decay
        - 38*s1**2*s2**3*sigma11**3*sigma12**2*weight_decay +
        324*s1**2*s2**3*sigma11**3*sigma22**2*weight_decay -
        218*s1**2*s2**3*sigma11**2*sigma12**2*sigma22*weight_decay +
        460*s1**2*s2**3*sigma11**2*sigma22**3*weight_decay -
        4*s1**2*s2**3*sigma11*sigma12**4*weight_decay -
        284*s1**2*s2**3*sigma11*sigma12**2*sigma22**2*weight_decay +
        170*s1**2*s2**3*sigma11*sigma22**4*weight_decay -
        12*s1**2*s2**3*sigma12**4*sigma22*weight_decay -
        96*s1**2*s2**3*sigma12**2*sigma22**3*weight_decay +
        10*s1**2*s2**3*sigma22**5*weight_decay + 11*s1**2*s2**2*sigma11**4*weight_decay**2 +
        136*s1**2*s2**2*sigma11**3*sigma22*weight_decay**2 -
        50*s1**2*s2**2*sigma11**2*sigma12**2*weight_decay**2 +
        330*s1**2*s2**2*sigma11**2*sigma22**2*weight_decay**2 -
        128*s1**2*s2**2*sigma11*sigma12**2*sigma22*weight_decay**2 +
        136*s1**2*s2**2*sigma11*sigma22**3*weight_decay**2 -
        4*s1**2*s2**2*sigma12**4*weight_decay**2 -
        50*s1**2*s2**2*sigma12**2*sigma22**2*weight_decay**2 +
        11*s1**2*s2**2*sigma22**4*weight_decay**2 + 12*s1**2*s2*sigma11**3*weight_decay**3 +
        66*s1**2*s2*sigma11**2*sigma22*weight_decay**3 -
        14*s1**2*s2*sigma11*sigma12**2*weight_decay**3 +
        24*s1**2*s2*sigma11*sigma22**2*weight_decay**3 -
        6*s1**2*s2*sigma12**2*sigma22*weight_decay**3 + 2*s1**2*s2*sigma22**3*weight_decay**3
        + 9*s1*s2**5*sigma11**4*sigma22**2 - 13*s1*s2**5*sigma11**3*sigma12**2*sigma22 +
        46*s1*s2**5*sigma11**3*sigma22**3 + 4*s1*s2**5*sigma11**2*sigma12**4 -
        58*s1*s2**5*sigma11**2*sigma12**2*sigma22**2 + 69*s1*s2**5*sigma11**2*sigma22**4 +
        12*s1*s2**5*sigma11*sigma12**4*sigma22 - 73*s1*s2**5*sigma11*sigma12**2*sigma22**3 +
        32*s1*s2**5*sigma11*sigma22**5 + 4*s1*s2**5*sigma12**4*sigma22**2 -
        32*s1*s2**5*sigma12**2*sigma22**4 + 6*s1*s2**4*sigma11**4*sigma22*weight_decay -
        5*s1*s2**4*sigma11**3*sigma12**2*weight_decay +
        76*s1*s2**4*sigma11**3*sigma22**2*weight_decay -
        71*s1*s2**4*sigma11**2*sigma12**2*sigma22*weight_decay +
        200*s1*s2**4*sigma11**2*sigma22**3*weight_decay +
        6*s1*s2**4*sigma11*sigma12**4*weight_decay -
        160*s1*s2**4*sigma11*sigma12**2*sigma22**2*weight_decay +
        146*s1*s2**4*sigma11*sigma22**4*weight_decay +
        2*s1*s2**4*sigma12**4*sigma22*weight_decay -
        90*s1*s2**4*sigma12**2*sigma22**3*weight_decay + 14*s1*s2**4*sigma22**5*weight_decay +
        s1*s2**3*sigma11**4*weight_decay**2 + 26*s1*s2**3*sigma11**3*sigma22*weight_decay**2 -
        12*s1*s2**3*sigma11**2*sigma12**2*weight_decay**2 +
        148*s1*s2**3*sigma11**2*sigma22**2*weight_decay**2 -
        80*s1*s2**3*sigma11*sigma12**2*sigma22*weight_decay**2 +
        182*s1*s2**3*sigma11*sigma22**3*weight_decay**2 -
        68*s1*s2**3*sigma12**2*sigma22**2*weight_decay**2 +
        27*s1*s2**3*sigma22**4*weight_decay**2 + 2*s1*s2**2*sigma11**3*weight_decay**3 +
        24*s1*s2**2*sigma11**2*sigma22*weight_decay**3 -
        6*s1*s2**2*sigma11*sigma12**2*weight_decay**3 +
        66*s1*s2**2*sigma11*sigma22**2*weight_decay**3 -
        14*s1*s2**2*sigma12**2*sigma22*weight_decay**3 +
        12*s1*s2**2*sigma22**3*weight_decay**3 + 3*s2**6*sigma11**3*sigma22**3 -
        5*s2**6*sigma11**2*sigma12**2*sigma22**2 + 9*s2**6*sigma11**2*sigma22**4 +
        2*s2**6*sigma11*sigma12**4*sigma22 - 13*s2**6*sigma11*sigma12**2*sigma22**3 +
        6*s2**6*sigma11*sigma22**5 + 4*s2**6*sigma12**4*sigma22**2 -
        6*s2**6*sigma12**2*sigma22**4 + 4*s2**5*sigma11**3*sigma22**2*weight_decay -
        6*s2**5*sigma11**2*sigma12**2*sigma22*weight_decay +
        24*s2**5*sigma11**2*sigma22**3*weight_decay + 2*s2**5*sigma11*sigma12**4*weight_decay
        - 29*s2**5*sigma11*sigma12**2*sigma22**2*weight_decay +
        32*s2**5*sigma11*sigma22**4*weight_decay + 6*s2**5*sigma12**4*sigma22*weight_decay -
        27*s2**5*sigma12**2*sigma22**3*weight_decay + 6*s2**5*sigma22**5*weight_decay +
        s2**4*sigma11**3*sigma22*weight_decay**2 - s2**4*sigma11**2*sigma12**2*weight_decay**2
        + 15*s2**4*sigma11**2*sigma22**2*weight_decay**2 -
        16*s2**4*sigma11*sigma12**2*sigma22*weight_decay**2 +
        39*s2**4*sigma11*sigma22**3*weight_decay**2 + 2*s2**4*sigma12**4*weight_decay**2 -
        29*s2**4*sigma12**2*sigma22**2*weight_decay**2 + 17*s2**4*sigma22**4*weight_decay**2 +
        2*s2**3*sigma11**2*sigma22*weight_decay**3 -
        2*s2**3*sigma11*sigma12**2*weight_decay**3 +
        12*s2**3*sigma11*sigma22**2*weight_decay**3 -
        10*s2**3*sigma12**2*sigma22*weight_decay**3 + 10*s2**3*sigma22**3*weight_decay**3
    )
    t0 = weight_decay**2
    mean_rotation = (
        -learning_rate**2*np.sqrt(s1)*np.sqrt(s2)*sigma12*(s1 - s2)*(gaussian*t0*(kurtosis +
        1)/(sigma11*sigma22 - sigma12**2) + kurtosis*length*t0 +
        label_noise*labels*weight_decay*(s1 + s2))/(batch*common*(2*s1 + 2*s2))
    )
    return mean_rotation


def _small_angle(
    a1: Array,
    a2: Array,
    lambda1: Array,
    lambda2: Array,
    angle: Array,
    weight_decay: Array,
    learning_rate: Array,
    kurtosis: Array,
    label_noise: Array,
    batch: Array,
) -> Array:
    """Mean rotation mu_12 per step, to first order in the angle.

    355 operations.
    """
    # The first-order term of the explicit rate, with s_i = a_i - gamma / lambda_i
    t0 = lambda1 - lambda2
    t1 = 1/lambda1
    t2 = t1*weight_decay
    t3 = a1 - t2
    t4 = 1/lambda2
    t5 = t4*weight_decay
    t6 = a2 - t5
    t7 = lambda2**2
    t8 = t7*weight_decay
    t9 = t3*t8
    t10 = lambda1*t3
    t11 = t10*weight_decay
    t12 = lambda1**2
    t13 = 3*t7
    t14 = t3**2
    t15 = lambda1*t14
    t16 = t6**2
    t17 = t12*t14
    t18 = 2*t6
    t19 = t18*t7
    t20 = 2*weight_decay
    t21 = lambda1*t6
    t22 = lambda2*t3
    t23 = lambda2*t6
    t24 = t10 + t23
    t25 = lambda1*lambda2
    t26 = t16*t25
    t27 = t23*weight_decay
    t28 = t12*t3
    t29 = t14*t25
    t30 = 4*t10*t23 + t21*weight_decay + t22*weight_decay
    t31 = t16*t7
    t32 = (
        1/((t11 + t19*t3 + 3*t26 + 5*t27 + t29 + t30 + 6*t31)*(5*t11 + 6*t17 + t18*t28 + t26 +
        t27 + 3*t29 + t30))
    )
    t33 = t32*(t3 + t6)/(t20 + t21 + t22 + t24)
    t34 = weight_decay**2
    t35 = 2*t34
    t36 = 5*weight_decay
    t37 = t6**3
    t38 = lambda1*t37
    t39 = t3**3
    t40 = lambda2*t39
    t41 = 3*t12
    t42 = 3*weight_decay
    t43 = t6*t9
    t44 = t12*weight_decay
    t45 = t3*t44*t6
    t46 = t14*t21
    t47 = t16*t22
    t48 = lambda1**3
    t49 = weight_decay**3
    t50 = 4*t49
    t51 = lambda2**3
    t52 = 28*t49
    t53 = lambda1**4
    t54 = t34*t53
    t55 = lambda2**4
    t56 = t34*t55
    t57 = lambda2**5
    t58 = lambda1**5
    t59 = t20*t58
    t60 = t20*t57
    t61 = 28*t34
    t62 = 60*t34
    t63 = 4*weight_decay
    t64 = 30*weight_decay
    t65 = t16*t55
    t66 = t48*t51
    t67 = 20*t66
    t68 = t53*t7
    t69 = 98*t34*t7
    t70 = 46*weight_decay
    t71 = t3*t6
    t72 = t55*t6
    t73 = t3*t53
    t74 = 92*t66
    t75 = t14*t6
    mean_rotation = (
        -angle*learning_rate**2*t0*np.sqrt(t3)*np.sqrt(t6)*(a1 - a2)*(kurtosis*t32*t35*(t10 -
        t23)*(-2*t10*t31 + t10*t35 - 5*t12*t47 - t13*t38 + 2*t17*t23 + t17*t42 - t21*t35 +
        t22*t35 - t23*t35 - t26*t36 + t29*t36 - t31*t42 + t40*t41 + t43 - t45 + 5*t46*t7)/t24
        - label_noise*t0*t33*weight_decay*(4*lambda1*lambda2*t6*weight_decay +
        5*lambda1*t16*t7 - 4*lambda2*t11 + 3*lambda2*t12*t16 + 2*lambda2*t12*t3*t6 -
        5*lambda2*t17 - t10*t19 + t12*t3*weight_decay + t12*t6*weight_decay - t13*t15 - t6*t8
        - t9) + t1*t33*t34*t4*(kurtosis + 1)*(lambda1*t52*t7 + lambda1*t64*t65 +
        lambda2*t12*t52 + lambda2*t14*t53*t64 + lambda2*t16*t53*t63 + 8*t10*t16*t57 +
        t10*t51*t61 + 38*t11*t72 + 23*t12*t37*t55 + t12*t6*t69 + t13*t37*t53 + 8*t14*t23*t58 +
        94*t14*t48*t8 + t14*t59 + t15*t55*t63 + t16*t3*t74 + 94*t16*t44*t51 + t16*t60 +
        t17*t51*t70 + 41*t17*t72 + t21*t51*t62 + t22*t48*t62 + t23*t48*t61 + 38*t27*t73 +
        61*t28*t65 + t28*t69 + 5*t3*t54 + t3*t56 + t31*t48*t70 + 41*t31*t73 + t37*t67 +
        2*t38*t57 + t39*t41*t55 + t39*t67 + 23*t39*t68 + 2*t40*t58 + 168*t43*t48 + 168*t45*t51
        + 6*t46*t57 + 6*t47*t58 + t48*t50 + t50*t51 + t54*t6 + 5*t56*t6 + t59*t71 + t60*t71 +
        61*t68*t75 + t74*t75))/(batch*(2*a1 + 2*a2 - 2*t2 - 2*t5))
    )
    return mean_rotation

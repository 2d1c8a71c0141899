"""Derivatives of the formulas of single directions, blocks and planes.

Printed by ``python -m symdrift.kernels`` from the symbolic derivation: do not edit.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def _learned_value_gradient(
    variance: Array,
    gain: Array,
    weight_decay: Array,
) -> tuple[Array, Array, float, Array]:
    """Singular value of an active direction, and its derivatives.

    6 operations.
    """
    # s = a - gamma/lambda
    singular_value = gain - weight_decay / variance
    by_variance = weight_decay / variance**2
    by_gain = 1
    by_weight_decay = -1 / variance
    return singular_value, by_variance, by_gain, by_weight_decay


def _slack_gradient(
    variance: Array,
    gain: Array,
    weight_decay: Array,
) -> tuple[Array, Array, Array, float]:
    """What a direction lacks to be worth learning, and its derivatives.

    5 operations.
    """
    # gamma - lambda a
    slack = -gain * variance + weight_decay
    by_variance = -gain
    by_gain = -variance
    by_weight_decay = 1
    return slack, by_variance, by_gain, by_weight_decay


def _residual_gradient(variance: Array, weight_decay: Array) -> tuple[Array, Array, Array]:
    """What an active direction leaves of the gain, and its derivatives.

    4 operations.
    """
    # E = gamma/lambda
    residual = weight_decay / variance
    t0 = 1 / variance
    by_variance = -residual * t0
    by_weight_decay = t0
    return residual, by_variance, by_weight_decay


def _loss_gradient(
    variance: Array,
    label_noise: Array,
    singular_value: Array,
    residual: Array,
    weight_decay: Array,
) -> tuple[Array, Array, float, Array, Array, Array]:
    """Expected loss of one direction, and its derivatives.

    14 operations.
    """
    # lambda E^2 / 2 + sigma^2 / 2 + gamma s
    loss = (1 / 2) * label_noise + (1 / 2) * residual**2 * variance + singular_value * weight_decay
    by_variance = (1 / 2) * residual**2
    by_label_noise = 1 / 2
    by_singular_value = weight_decay
    by_residual = residual * variance
    by_weight_decay = singular_value
    return loss, by_variance, by_label_noise, by_singular_value, by_residual, by_weight_decay


def _batch_share_gradient(
    total: Array,
    learning_rate: Array,
    batch: Array,
) -> tuple[Array, Array, Array, Array]:
    """Total fluctuation from its value per eta and for B = 1, and its derivatives.

    7 operations.
    """
    # eta tr(Gamma) / B
    share = learning_rate * total / batch
    t0 = 1 / batch
    by_total = learning_rate * t0
    by_learning_rate = t0 * total
    by_batch = -share * t0
    return share, by_total, by_learning_rate, by_batch


def _excess_loss_gradient(
    noise: Array,
    learning_rate: Array,
    batch: Array,
) -> tuple[Array, Array, Array, Array]:
    """Excess loss from the total gradient noise for B = 1, and its derivatives.

    11 operations.
    """
    # tr(H Gamma) / 2 = eta tr(C) / (4 B)
    excess = (1 / 4) * learning_rate * noise / batch
    t0 = 1 / batch
    t1 = (1 / 4) * t0
    by_noise = learning_rate * t1
    by_learning_rate = noise * t1
    by_batch = -excess * t0
    return excess, by_noise, by_learning_rate, by_batch


def _diffusion_gradient(
    area: Array,
    singular_value_i: Array,
    singular_value_j: Array,
    learning_rate: Array,
    batch: Array,
) -> tuple[Array, Array, Array, Array, Array, Array]:
    """Diffusion coefficient of one plane from its swept area, and its derivatives.

    37 operations.
    """
    # D = eta^3 area / (2 B^2 G^2)
    diffusion = (
        (1 / 2)
        * area
        * learning_rate**3
        / (batch**2 * (2 * singular_value_i + 2 * singular_value_j) ** 2)
    )
    t0 = 2 * singular_value_i + 2 * singular_value_j
    t1 = t0 ** (-2.0)
    t2 = batch ** (-2.0)
    t3 = learning_rate**3 * t2
    t4 = -2 * area * t3 / t0**3
    by_area = (1 / 2) * t1 * t3
    by_singular_value_i = t4
    by_singular_value_j = t4
    by_learning_rate = (3 / 2) * area * learning_rate**2 * t1 * t2
    by_batch = -2 * diffusion / batch
    return (
        diffusion,
        by_area,
        by_singular_value_i,
        by_singular_value_j,
        by_learning_rate,
        by_batch,
    )


def _own_variance_gradient(
    variance_i: Array,
    label_noise_i: Array,
    singular_value_i: Array,
    weight_decay: Array,
) -> tuple[Array, Array, float, Array, Array]:
    """Fluctuation of the direction (i, i), per eta and for B = 1, and its derivatives.

    43 operations.
    """
    # H Gamma + Gamma H = C
    variance = (
        (1 / 4)
        * (
            2 * label_noise_i * singular_value_i * variance_i
            + 4 * singular_value_i * weight_decay**2
        )
        / (singular_value_i * variance_i)
    )
    t0 = 1 / variance_i
    t1 = 1 / singular_value_i
    t2 = 2 * label_noise_i * variance_i
    t3 = 4 * weight_decay**2
    t4 = (1 / 4) * singular_value_i * t2 + (1 / 4) * singular_value_i * t3
    by_variance_i = (1 / 2) * label_noise_i * t0 - t1 * t4 / variance_i**2
    by_label_noise_i = 1 / 2
    by_singular_value_i = (1 / 4) * t0 * t1 * (t2 + t3) - t0 * t4 / singular_value_i**2
    by_weight_decay = 2 * t0 * weight_decay
    return variance, by_variance_i, by_label_noise_i, by_singular_value_i, by_weight_decay


def _pair_variance_gradient(
    variance_i: Array,
    label_noise_i: Array,
    singular_value_i: Array,
    variance_l: Array,
    label_noise_l: Array,
    singular_value_l: Array,
    residual_l: Array,
    slack_l: Array,
    weight_decay: Array,
    mirrored: Array,
) -> tuple[Array, ...]:
    """Fluctuation of the block (i, l), per eta and for B = 1, and its derivatives.

    310 operations.
    """
    # H Gamma + Gamma H = C for two rows: Gamma = (det(H) C + adj(H) C adj(H)) / (2 tr(H) det(H))
    hessian_p11 = singular_value_i * variance_l + singular_value_l * variance_l + weight_decay
    hessian_p22 = singular_value_i * variance_i + singular_value_l * variance_i + weight_decay
    coupling_p = residual_l * variance_l
    determinant_p = (
        slack_l * (-slack_l + 2 * weight_decay)
        + weight_decay
        * (
            singular_value_i * variance_i
            + singular_value_i * variance_l
            + singular_value_l * variance_i
            + singular_value_l * variance_l
        )
        + (singular_value_i * variance_i + singular_value_l * variance_i)
        * (singular_value_i * variance_l + singular_value_l * variance_l)
    )
    noise_p11 = (
        label_noise_i * singular_value_i * variance_l
        + label_noise_i * singular_value_l * variance_l
        + singular_value_i * variance_l * weight_decay**2 / variance_i
        + singular_value_l * variance_l * weight_decay**2 / variance_i
    )
    noise_p12 = (
        residual_l * singular_value_i * variance_l * weight_decay
        + residual_l * singular_value_l * variance_l * weight_decay
    )
    noise_p22 = (
        label_noise_l * singular_value_i * variance_i
        + label_noise_l * singular_value_l * variance_i
        + residual_l**2 * singular_value_i * variance_i * variance_l
        + residual_l**2 * singular_value_l * variance_i * variance_l
    )
    t0 = coupling_p * noise_p22 + hessian_p22 * noise_p12
    t1 = coupling_p * noise_p12
    t2 = hessian_p22 * noise_p11 + t1
    t3 = 1 / (determinant_p * (2 * hessian_p11 + 2 * hessian_p22))
    variance_il = t3 * (coupling_p * t0 + determinant_p * noise_p11 + hessian_p22 * t2)
    variance_li = t3 * (
        coupling_p * (coupling_p * noise_p11 + hessian_p11 * noise_p12)
        + determinant_p * noise_p22
        + hessian_p11 * (hessian_p11 * noise_p22 + t1)
    )
    variance = mirrored * variance_li + variance_il
    by_t3 = (
        coupling_p * t0
        + determinant_p * noise_p11
        + hessian_p22 * t2
        + mirrored
        * (
            coupling_p * (coupling_p * noise_p11 + hessian_p11 * noise_p12)
            + determinant_p * noise_p22
            + hessian_p11 * (hessian_p11 * noise_p22 + t1)
        )
    )
    by_t2 = hessian_p22 * t3
    by_t1 = by_t2 + hessian_p11 * mirrored * t3
    by_t0 = coupling_p * t3
    by_noise_p22 = by_t0 * coupling_p + mirrored * t3 * (determinant_p + hessian_p11**2)
    by_noise_p12 = (
        by_t0 * hessian_p22 + by_t1 * coupling_p + coupling_p * hessian_p11 * mirrored * t3
    )
    by_noise_p11 = by_t2 * hessian_p22 + coupling_p**2 * mirrored * t3 + determinant_p * t3
    by_determinant_p = -by_t3 * t3 / determinant_p + mirrored * noise_p22 * t3 + noise_p11 * t3
    by_coupling_p = (
        by_t0 * noise_p22
        + by_t1 * noise_p12
        + mirrored * t3 * (2 * coupling_p * noise_p11 + hessian_p11 * noise_p12)
        + t0 * t3
    )
    by_hessian_p22 = (
        by_t0 * noise_p12
        + by_t2 * noise_p11
        - 2 * by_t3 / (determinant_p * (2 * hessian_p11 + 2 * hessian_p22) ** 2)
        + t2 * t3
    )
    by_hessian_p11 = -2 * by_t3 / (
        determinant_p * (2 * hessian_p11 + 2 * hessian_p22) ** 2
    ) + mirrored * t3 * (coupling_p * noise_p12 + 2 * hessian_p11 * noise_p22 + t1)
    t0 = singular_value_i + singular_value_l
    t1 = t0 * weight_decay
    t2 = singular_value_i * variance_l
    t3 = singular_value_l * variance_l
    t4 = t2 + t3
    t5 = residual_l**2
    t6 = weight_decay**2
    t7 = t6 / variance_i**2
    t8 = residual_l * weight_decay
    t9 = 1 / variance_i
    t10 = t6 * t9
    t11 = singular_value_i * variance_i
    t12 = singular_value_l * variance_i
    t13 = t11 + t12
    t14 = (
        by_determinant_p
        * (t13 * variance_l + t4 * variance_i + weight_decay * (variance_i + variance_l))
        + by_hessian_p11 * variance_l
        + by_hessian_p22 * variance_i
        + by_noise_p11 * (label_noise_i * variance_l + t10 * variance_l)
        + by_noise_p12 * t8 * variance_l
        + by_noise_p22 * (label_noise_l * variance_i + t5 * variance_i * variance_l)
    )
    t15 = residual_l * t2
    t16 = 2 * variance_i
    t17 = residual_l * t3
    t18 = 2 * slack_l
    t19 = 2 * t9 * weight_decay
    by_variance_i = (
        by_determinant_p * (t0 * t4 + t1)
        + by_hessian_p22 * t0
        + by_noise_p11 * (-t2 * t7 - t3 * t7)
        + by_noise_p22
        * (label_noise_l * singular_value_i + label_noise_l * singular_value_l + t2 * t5 + t3 * t5)
    )
    by_label_noise_i = by_noise_p11 * t4
    by_singular_value_i = t14
    by_variance_l = (
        by_coupling_p * residual_l
        + by_determinant_p * (t0 * t13 + t1)
        + by_hessian_p11 * t0
        + by_noise_p11
        * (
            label_noise_i * singular_value_i
            + label_noise_i * singular_value_l
            + singular_value_i * t10
            + singular_value_l * t10
        )
        + by_noise_p12 * (singular_value_i * t8 + singular_value_l * t8)
        + by_noise_p22 * (t11 * t5 + t12 * t5)
    )
    by_label_noise_l = by_noise_p22 * t13
    by_singular_value_l = t14
    by_residual_l = (
        by_coupling_p * variance_l
        + by_noise_p12 * (t2 * weight_decay + t3 * weight_decay)
        + by_noise_p22 * (t15 * t16 + t16 * t17)
    )
    by_slack_l = by_determinant_p * (-t18 + 2 * weight_decay)
    by_weight_decay = (
        by_determinant_p * (t13 + t18 + t4)
        + by_hessian_p11
        + by_hessian_p22
        + by_noise_p11 * (t19 * t2 + t19 * t3)
        + by_noise_p12 * (t15 + t17)
    )
    by_mirrored = variance_li
    return (
        variance,
        by_variance_i,
        by_label_noise_i,
        by_singular_value_i,
        by_variance_l,
        by_label_noise_l,
        by_singular_value_l,
        by_residual_l,
        by_slack_l,
        by_weight_decay,
        by_mirrored,
    )


def _own_noise_gradient(
    variance_i: Array,
    label_noise_i: Array,
    singular_value_i: Array,
    weight_decay: Array,
) -> tuple[Array, Array, Array, Array, Array]:
    """Gradient noise of the direction (i, i), per eta and for B = 1, and its derivatives.

    17 operations.
    """
    # H Gamma + Gamma H = C
    noise = (
        2 * label_noise_i * singular_value_i * variance_i + 4 * singular_value_i * weight_decay**2
    )
    t0 = 2 * singular_value_i
    by_variance_i = label_noise_i * t0
    by_label_noise_i = t0 * variance_i
    by_singular_value_i = 2 * label_noise_i * variance_i + 4 * weight_decay**2
    by_weight_decay = 8 * singular_value_i * weight_decay
    return noise, by_variance_i, by_label_noise_i, by_singular_value_i, by_weight_decay


def _pair_noise_gradient(
    variance_i: Array,
    label_noise_i: Array,
    singular_value_i: Array,
    variance_l: Array,
    label_noise_l: Array,
    singular_value_l: Array,
    residual_l: Array,
    slack_l: Array,
    weight_decay: Array,
    mirrored: Array,
) -> tuple[Array | float, ...]:
    """Gradient noise of the block (i, l), per eta and for B = 1, and its derivatives.

    89 operations.
    """
    # H Gamma + Gamma H = C for two rows: Gamma = (det(H) C + adj(H) C adj(H)) / (2 tr(H) det(H))
    noise_p11 = (
        label_noise_i * singular_value_i * variance_l
        + label_noise_i * singular_value_l * variance_l
        + singular_value_i * variance_l * weight_decay**2 / variance_i
        + singular_value_l * variance_l * weight_decay**2 / variance_i
    )
    noise_p22 = (
        label_noise_l * singular_value_i * variance_i
        + label_noise_l * singular_value_l * variance_i
        + residual_l**2 * singular_value_i * variance_i * variance_l
        + residual_l**2 * singular_value_l * variance_i * variance_l
    )
    noise_il = noise_p11
    noise_li = noise_p22
    noise = mirrored * noise_li + noise_il
    t0 = singular_value_i * variance_l
    t1 = weight_decay**2
    t2 = t1 / variance_i**2
    t3 = singular_value_l * variance_l
    t4 = residual_l**2
    t5 = 1 / variance_i
    t6 = t1 * t5
    t7 = (
        label_noise_i * variance_l
        + mirrored * (label_noise_l * variance_i + t4 * variance_i * variance_l)
        + t6 * variance_l
    )
    t8 = singular_value_i * variance_i
    t9 = singular_value_l * variance_i
    t10 = 2 * t0
    t11 = residual_l * variance_i
    t12 = 2 * t3
    t13 = t5 * weight_decay
    by_variance_i = (
        mirrored
        * (label_noise_l * singular_value_i + label_noise_l * singular_value_l + t0 * t4 + t3 * t4)
        - t0 * t2
        - t2 * t3
    )
    by_label_noise_i = t0 + t3
    by_singular_value_i = t7
    by_variance_l = (
        label_noise_i * singular_value_i
        + label_noise_i * singular_value_l
        + mirrored * (t4 * t8 + t4 * t9)
        + singular_value_i * t6
        + singular_value_l * t6
    )
    by_label_noise_l = mirrored * (t8 + t9)
    by_singular_value_l = t7
    by_residual_l = mirrored * (t10 * t11 + t11 * t12)
    by_slack_l = 0
    by_weight_decay = t10 * t13 + t12 * t13
    by_mirrored = noise_li
    return (
        noise,
        by_variance_i,
        by_label_noise_i,
        by_singular_value_i,
        by_variance_l,
        by_label_noise_l,
        by_singular_value_l,
        by_residual_l,
        by_slack_l,
        by_weight_decay,
        by_mirrored,
    )


def _own_area_gradient(
    variance_i: Array,
    label_noise_i: Array,
    singular_value_i: Array,
    residual_i: Array,
    variance_j: Array,
    label_noise_j: Array,
    singular_value_j: Array,
    residual_j: Array,
    weight_decay: Array,
) -> tuple[Array, ...]:
    """What the direction (i, i) adds to the swept area of (i, j), and its derivatives.

    453 operations.
    """
    # o^2 (tr(Y' C_P Y Gamma_Q) + tr(Z C_Q Z' Gamma_P)) per eta and for B = 1, with h Y + Y H = 2 (1
    # 1) H and H Z' + Z' h = 2 h (1 1)', both over det(H + h)
    total_q = singular_value_i + singular_value_j
    coupling_q = residual_i * variance_i
    bare_1_q = total_q * variance_i
    bare_2_q = total_q * variance_j
    first_q = bare_1_q + weight_decay
    second_q = bare_2_q + weight_decay
    determinant_q = bare_1_q * bare_2_q + weight_decay * (bare_1_q + bare_2_q)
    noise_11_q = singular_value_j * variance_i * (label_noise_j + residual_j * weight_decay)
    noise_12_q = coupling_q * singular_value_j * weight_decay
    noise_22_q = singular_value_j * variance_j * (coupling_q * residual_i + label_noise_i)
    trace_q = first_q + second_q
    scale_q = 2 / (determinant_q * trace_q)
    moved_11_q = coupling_q * noise_12_q + noise_11_q * second_q
    moved_12_q = coupling_q * noise_11_q + first_q * noise_12_q
    moved_21_q = coupling_q * noise_22_q + noise_12_q * second_q
    moved_22_q = coupling_q * noise_12_q + first_q * noise_22_q
    variance_11_q = scale_q * (
        coupling_q * moved_21_q + determinant_q * noise_11_q + moved_11_q * second_q
    )
    covariance_12_q = (
        2 * scale_q * (coupling_q * moved_22_q + determinant_q * noise_12_q + moved_12_q * second_q)
    )
    variance_22_q = scale_q * (
        coupling_q * moved_12_q + determinant_q * noise_22_q + first_q * moved_22_q
    )
    curvature = 2 * singular_value_i * variance_i
    noise = 2 * singular_value_i * (label_noise_i * variance_i + 2 * weight_decay**2)
    total = singular_value_i + singular_value_j
    inverse = 1 / (curvature * (curvature + trace_q) + determinant_q)
    forward_11 = inverse * (curvature * total * variance_i + determinant_q)
    forward_12 = inverse * (curvature * total * variance_j + determinant_q)
    backward_11 = inverse * (coupling_q + curvature + second_q)
    backward_21 = inverse * (coupling_q + curvature + first_q)
    area = (
        (1 / 2)
        * noise
        * (
            2
            * curvature
            * (
                backward_11 * (backward_11 * noise_11_q + 2 * backward_21 * noise_12_q)
                + backward_21**2 * noise_22_q
            )
            + forward_11 * (covariance_12_q * forward_12 + forward_11 * variance_11_q)
            + forward_12**2 * variance_22_q
        )
    )
    by_backward_21 = (
        curvature * noise * (2 * backward_11 * noise_12_q + 2 * backward_21 * noise_22_q)
    )
    by_backward_11 = (
        curvature * noise * (2 * backward_11 * noise_11_q + 2 * backward_21 * noise_12_q)
    )
    by_forward_12 = (
        (1 / 2) * noise * (covariance_12_q * forward_11 + 2 * forward_12 * variance_22_q)
    )
    by_forward_11 = (
        (1 / 2) * noise * (covariance_12_q * forward_12 + 2 * forward_11 * variance_11_q)
    )
    by_inverse = (
        by_backward_11 * (coupling_q + curvature + second_q)
        + by_backward_21 * (coupling_q + curvature + first_q)
        + by_forward_11 * (curvature * total * variance_i + determinant_q)
        + by_forward_12 * (curvature * total * variance_j + determinant_q)
    )
    by_total = (
        by_forward_11 * curvature * inverse * variance_i
        + by_forward_12 * curvature * inverse * variance_j
    )
    by_noise = (
        curvature
        * (
            backward_11 * (backward_11 * noise_11_q + 2 * backward_21 * noise_12_q)
            + backward_21**2 * noise_22_q
        )
        + (1 / 2) * forward_11 * (covariance_12_q * forward_12 + forward_11 * variance_11_q)
        + (1 / 2) * forward_12**2 * variance_22_q
    )
    by_curvature = (
        by_backward_11 * inverse
        + by_backward_21 * inverse
        + by_forward_11 * inverse * total * variance_i
        + by_forward_12 * inverse * total * variance_j
        + by_inverse
        * (-2 * curvature - trace_q)
        / (curvature * (curvature + trace_q) + determinant_q) ** 2
        + (1 / 2)
        * noise
        * (
            2 * backward_11 * (backward_11 * noise_11_q + 2 * backward_21 * noise_12_q)
            + 2 * backward_21**2 * noise_22_q
        )
    )
    by_variance_22_q = (1 / 2) * forward_12**2 * noise
    by_covariance_12_q = (1 / 2) * forward_11 * forward_12 * noise
    by_variance_11_q = (1 / 2) * forward_11**2 * noise
    by_moved_22_q = (
        2 * by_covariance_12_q * coupling_q * scale_q + by_variance_22_q * first_q * scale_q
    )
    by_moved_21_q = by_variance_11_q * coupling_q * scale_q
    by_moved_12_q = (
        2 * by_covariance_12_q * scale_q * second_q + by_variance_22_q * coupling_q * scale_q
    )
    by_moved_11_q = by_variance_11_q * scale_q * second_q
    by_scale_q = (
        by_covariance_12_q
        * (2 * coupling_q * moved_22_q + 2 * determinant_q * noise_12_q + 2 * moved_12_q * second_q)
        + by_variance_11_q
        * (coupling_q * moved_21_q + determinant_q * noise_11_q + moved_11_q * second_q)
        + by_variance_22_q
        * (coupling_q * moved_12_q + determinant_q * noise_22_q + first_q * moved_22_q)
    )
    by_trace_q = (
        -by_inverse * curvature / (curvature * (curvature + trace_q) + determinant_q) ** 2
        - by_scale_q * scale_q / trace_q
    )
    by_noise_22_q = (
        backward_21**2 * curvature * noise
        + by_moved_21_q * coupling_q
        + by_moved_22_q * first_q
        + by_variance_22_q * determinant_q * scale_q
    )
    by_noise_12_q = (
        2 * backward_11 * backward_21 * curvature * noise
        + 2 * by_covariance_12_q * determinant_q * scale_q
        + by_moved_11_q * coupling_q
        + by_moved_12_q * first_q
        + by_moved_21_q * second_q
        + by_moved_22_q * coupling_q
    )
    by_noise_11_q = (
        backward_11**2 * curvature * noise
        + by_moved_11_q * second_q
        + by_moved_12_q * coupling_q
        + by_variance_11_q * determinant_q * scale_q
    )
    by_determinant_q = (
        2 * by_covariance_12_q * noise_12_q * scale_q
        + by_forward_11 * inverse
        + by_forward_12 * inverse
        - by_inverse / (curvature * (curvature + trace_q) + determinant_q) ** 2
        - by_scale_q * scale_q / determinant_q
        + by_variance_11_q * noise_11_q * scale_q
        + by_variance_22_q * noise_22_q * scale_q
    )
    by_second_q = (
        by_backward_11 * inverse
        + 2 * by_covariance_12_q * moved_12_q * scale_q
        + by_moved_11_q * noise_11_q
        + by_moved_21_q * noise_12_q
        + by_trace_q
        + by_variance_11_q * moved_11_q * scale_q
    )
    by_first_q = (
        by_backward_21 * inverse
        + by_moved_12_q * noise_12_q
        + by_moved_22_q * noise_22_q
        + by_trace_q
        + by_variance_22_q * moved_22_q * scale_q
    )
    by_bare_2_q = by_determinant_q * (bare_1_q + weight_decay) + by_second_q
    by_bare_1_q = by_determinant_q * (bare_2_q + weight_decay) + by_first_q
    by_coupling_q = (
        by_backward_11 * inverse
        + by_backward_21 * inverse
        + 2 * by_covariance_12_q * moved_22_q * scale_q
        + by_moved_11_q * noise_12_q
        + by_moved_12_q * noise_11_q
        + by_moved_21_q * noise_22_q
        + by_moved_22_q * noise_12_q
        + by_noise_12_q * singular_value_j * weight_decay
        + by_noise_22_q * residual_i * singular_value_j * variance_j
        + by_variance_11_q * moved_21_q * scale_q
        + by_variance_22_q * moved_12_q * scale_q
    )
    by_total_q = by_bare_1_q * variance_i + by_bare_2_q * variance_j
    t0 = 2 * by_curvature
    t1 = 2 * label_noise_i
    t2 = by_noise * singular_value_i
    t3 = curvature * inverse * total
    t4 = label_noise_j + residual_j * weight_decay
    t5 = by_noise_11_q * singular_value_j
    t6 = by_noise_22_q * singular_value_j
    t7 = t6 * variance_j
    t8 = by_total + by_total_q
    t9 = coupling_q * residual_i + label_noise_i
    t10 = t5 * variance_i
    t11 = by_noise_12_q * coupling_q
    by_variance_i = (
        by_bare_1_q * total_q
        + by_coupling_q * residual_i
        + by_forward_11 * t3
        + singular_value_i * t0
        + t1 * t2
        + t4 * t5
    )
    by_label_noise_i = 2 * t2 * variance_i + t7
    by_singular_value_i = by_noise * (t1 * variance_i + 4 * weight_decay**2) + t0 * variance_i + t8
    by_residual_i = by_coupling_q * variance_i + coupling_q * t7
    by_variance_j = by_bare_2_q * total_q + by_forward_12 * t3 + t6 * t9
    by_label_noise_j = t10
    by_singular_value_j = (
        by_noise_11_q * t4 * variance_i + by_noise_22_q * t9 * variance_j + t11 * weight_decay + t8
    )
    by_residual_j = t10 * weight_decay
    by_weight_decay = (
        by_determinant_q * (bare_1_q + bare_2_q)
        + by_first_q
        + by_second_q
        + residual_j * t10
        + singular_value_j * t11
        + 8 * t2 * weight_decay
    )
    return (
        area,
        by_variance_i,
        by_label_noise_i,
        by_singular_value_i,
        by_residual_i,
        by_variance_j,
        by_label_noise_j,
        by_singular_value_j,
        by_residual_j,
        by_weight_decay,
    )


def _joint_area_gradient(
    variance_i: Array,
    label_noise_i: Array,
    singular_value_i: Array,
    residual_i: Array,
    variance_j: Array,
    label_noise_j: Array,
    singular_value_j: Array,
    residual_j: Array,
    variance_l: Array,
    label_noise_l: Array,
    singular_value_l: Array,
    residual_l: Array,
    slack_l: Array,
    weight_decay: Array,
) -> tuple[Array, ...]:
    """What the direction l adds to the swept area of (i, j), and its derivatives.

    787 operations.
    """
    # o^2 (tr(Y' C_P Y Gamma_Q) + tr(Z C_Q Z' Gamma_P)) per eta and for B = 1, with H_P Y + Y H_Q =
    # 2 H_Q and H_P Z + Z H_Q = 2 H_P, both as 2 diag(scales) weights / resultant
    total_p = singular_value_i + singular_value_l
    coupling_p = residual_l * variance_l
    bare_1_p = total_p * variance_l
    bare_2_p = total_p * variance_i
    first_p = bare_1_p + weight_decay
    second_p = bare_2_p + weight_decay
    determinant_p = (
        bare_1_p * bare_2_p
        + slack_l * (coupling_p + weight_decay)
        + weight_decay * (bare_1_p + bare_2_p)
    )
    noise_11_p = singular_value_i * variance_l * (label_noise_i + residual_i * weight_decay)
    noise_12_p = coupling_p * singular_value_i * weight_decay
    noise_22_p = singular_value_i * variance_i * (coupling_p * residual_l + label_noise_l)
    trace_p = first_p + second_p
    scale_p = 2 / (determinant_p * trace_p)
    moved_11_p = coupling_p * noise_12_p + noise_11_p * second_p
    moved_12_p = coupling_p * noise_11_p + first_p * noise_12_p
    moved_21_p = coupling_p * noise_22_p + noise_12_p * second_p
    moved_22_p = coupling_p * noise_12_p + first_p * noise_22_p
    first_determinant_p = determinant_p * first_p
    second_determinant_p = determinant_p * second_p
    variance_11_p = scale_p * (
        coupling_p * moved_21_p + determinant_p * noise_11_p + moved_11_p * second_p
    )
    covariance_12_p = (
        2 * scale_p * (coupling_p * moved_22_p + determinant_p * noise_12_p + moved_12_p * second_p)
    )
    variance_22_p = scale_p * (
        coupling_p * moved_12_p + determinant_p * noise_22_p + first_p * moved_22_p
    )
    total_q = singular_value_j + singular_value_l
    coupling_q = residual_l * variance_l
    bare_1_q = total_q * variance_l
    bare_2_q = total_q * variance_j
    first_q = bare_1_q + weight_decay
    second_q = bare_2_q + weight_decay
    determinant_q = (
        bare_1_q * bare_2_q
        + slack_l * (coupling_q + weight_decay)
        + weight_decay * (bare_1_q + bare_2_q)
    )
    noise_11_q = singular_value_j * variance_l * (label_noise_j + residual_j * weight_decay)
    noise_12_q = coupling_q * singular_value_j * weight_decay
    noise_22_q = singular_value_j * variance_j * (coupling_q * residual_l + label_noise_l)
    trace_q = first_q + second_q
    scale_q = 2 / (determinant_q * trace_q)
    moved_11_q = coupling_q * noise_12_q + noise_11_q * second_q
    moved_12_q = coupling_q * noise_11_q + first_q * noise_12_q
    moved_21_q = coupling_q * noise_22_q + noise_12_q * second_q
    moved_22_q = coupling_q * noise_12_q + first_q * noise_22_q
    first_determinant_q = determinant_q * first_q
    second_determinant_q = determinant_q * second_q
    variance_11_q = scale_q * (
        coupling_q * moved_21_q + determinant_q * noise_11_q + moved_11_q * second_q
    )
    covariance_12_q = (
        2 * scale_q * (coupling_q * moved_22_q + determinant_q * noise_12_q + moved_12_q * second_q)
    )
    variance_22_q = scale_q * (
        coupling_q * moved_12_q + determinant_q * noise_22_q + first_q * moved_22_q
    )
    difference = -determinant_p + determinant_q
    crossed_p = determinant_q * trace_p
    crossed_q = determinant_p * trace_q
    resultant = difference**2 + (crossed_p + crossed_q) * (trace_p + trace_q)
    inverse = 1 / resultant
    beside = coupling_p * difference * inverse
    scale_1 = first_q + second_p
    scale_2 = first_p + second_q
    scales_11 = scale_1**2
    scales_12 = scale_1 * scale_2
    scales_22 = scale_2**2
    forward_1 = inverse * (crossed_p + determinant_p * first_q + second_determinant_q)
    forward_2 = inverse * (crossed_p + determinant_p * second_q + first_determinant_q)
    forward_noise_11 = noise_11_p * scales_11
    forward_noise_12 = noise_12_p * scales_12
    forward_noise_22 = noise_22_p * scales_22
    forward_moved_11 = beside * forward_noise_12 + forward_1 * forward_noise_11
    forward_moved_12 = beside * forward_noise_11 + forward_2 * forward_noise_12
    forward_moved_21 = beside * forward_noise_22 + forward_1 * forward_noise_12
    forward_moved_22 = beside * forward_noise_12 + forward_2 * forward_noise_22
    forward_swept_11 = beside * forward_moved_21 + forward_1 * forward_moved_11
    forward_swept_12 = beside * forward_moved_22 + forward_1 * forward_moved_12
    forward_swept_22 = beside * forward_moved_12 + forward_2 * forward_moved_22
    backward_1 = inverse * (crossed_q + determinant_q * first_p + second_determinant_p)
    backward_2 = inverse * (crossed_q + determinant_q * second_p + first_determinant_p)
    backward_noise_11 = noise_11_q * scales_22
    backward_noise_12 = noise_12_q * scales_12
    backward_noise_22 = noise_22_q * scales_11
    backward_moved_11 = backward_1 * backward_noise_11 - backward_noise_12 * beside
    backward_moved_12 = backward_2 * backward_noise_12 - backward_noise_11 * beside
    backward_moved_21 = backward_1 * backward_noise_12 - backward_noise_22 * beside
    backward_moved_22 = backward_2 * backward_noise_22 - backward_noise_12 * beside
    backward_swept_11 = backward_1 * backward_moved_11 - backward_moved_21 * beside
    backward_swept_12 = backward_1 * backward_moved_12 - backward_moved_22 * beside
    backward_swept_22 = backward_2 * backward_moved_22 - backward_moved_12 * beside
    area = (
        backward_swept_11 * variance_11_p
        + backward_swept_12 * covariance_12_p
        + backward_swept_22 * variance_22_p
        + covariance_12_q * forward_swept_12
        + forward_swept_11 * variance_11_q
        + forward_swept_22 * variance_22_q
    )
    by_backward_moved_22 = backward_2 * variance_22_p - beside * covariance_12_p
    by_backward_moved_21 = -beside * variance_11_p
    by_backward_moved_12 = backward_1 * covariance_12_p - beside * variance_22_p
    by_backward_moved_11 = backward_1 * variance_11_p
    by_backward_noise_22 = backward_2 * by_backward_moved_22 - beside * by_backward_moved_21
    by_backward_noise_12 = (
        backward_1 * by_backward_moved_21
        + backward_2 * by_backward_moved_12
        - beside * by_backward_moved_11
        - beside * by_backward_moved_22
    )
    by_backward_noise_11 = backward_1 * by_backward_moved_11 - beside * by_backward_moved_12
    by_backward_2 = (
        backward_moved_22 * variance_22_p
        + backward_noise_12 * by_backward_moved_12
        + backward_noise_22 * by_backward_moved_22
    )
    by_backward_1 = (
        backward_moved_11 * variance_11_p
        + backward_moved_12 * covariance_12_p
        + backward_noise_11 * by_backward_moved_11
        + backward_noise_12 * by_backward_moved_21
    )
    by_forward_moved_22 = beside * covariance_12_q + forward_2 * variance_22_q
    by_forward_moved_21 = beside * variance_11_q
    by_forward_moved_12 = beside * variance_22_q + covariance_12_q * forward_1
    by_forward_moved_11 = forward_1 * variance_11_q
    by_forward_noise_22 = beside * by_forward_moved_21 + by_forward_moved_22 * forward_2
    by_forward_noise_12 = (
        beside * by_forward_moved_11
        + beside * by_forward_moved_22
        + by_forward_moved_12 * forward_2
        + by_forward_moved_21 * forward_1
    )
    by_forward_noise_11 = beside * by_forward_moved_12 + by_forward_moved_11 * forward_1
    by_forward_2 = (
        by_forward_moved_12 * forward_noise_12
        + by_forward_moved_22 * forward_noise_22
        + forward_moved_22 * variance_22_q
    )
    by_forward_1 = (
        by_forward_moved_11 * forward_noise_11
        + by_forward_moved_21 * forward_noise_12
        + covariance_12_q * forward_moved_12
        + forward_moved_11 * variance_11_q
    )
    by_scales_22 = by_backward_noise_11 * noise_11_q + by_forward_noise_22 * noise_22_p
    by_scales_12 = by_backward_noise_12 * noise_12_q + by_forward_noise_12 * noise_12_p
    by_scales_11 = by_backward_noise_22 * noise_22_q + by_forward_noise_11 * noise_11_p
    by_scale_2 = by_scales_12 * scale_1 + 2 * by_scales_22 * scale_2
    by_scale_1 = 2 * by_scales_11 * scale_1 + by_scales_12 * scale_2
    by_beside = (
        -backward_moved_12 * variance_22_p
        - backward_moved_21 * variance_11_p
        - backward_moved_22 * covariance_12_p
        - backward_noise_11 * by_backward_moved_12
        - backward_noise_12 * by_backward_moved_11
        - backward_noise_12 * by_backward_moved_22
        - backward_noise_22 * by_backward_moved_21
        + by_forward_moved_11 * forward_noise_12
        + by_forward_moved_12 * forward_noise_11
        + by_forward_moved_21 * forward_noise_22
        + by_forward_moved_22 * forward_noise_12
        + covariance_12_q * forward_moved_22
        + forward_moved_12 * variance_22_q
        + forward_moved_21 * variance_11_q
    )
    by_inverse = (
        by_backward_1 * (crossed_q + determinant_q * first_p + second_determinant_p)
        + by_backward_2 * (crossed_q + determinant_q * second_p + first_determinant_p)
        + by_beside * coupling_p * difference
        + by_forward_1 * (crossed_p + determinant_p * first_q + second_determinant_q)
        + by_forward_2 * (crossed_p + determinant_p * second_q + first_determinant_q)
    )
    by_resultant = -by_inverse * inverse / resultant
    by_crossed_q = (
        by_backward_1 * inverse + by_backward_2 * inverse + by_resultant * (trace_p + trace_q)
    )
    by_crossed_p = (
        by_forward_1 * inverse + by_forward_2 * inverse + by_resultant * (trace_p + trace_q)
    )
    by_difference = by_beside * coupling_p * inverse + 2 * by_resultant * difference
    by_second_determinant_q = by_forward_1 * inverse
    by_first_determinant_q = by_forward_2 * inverse
    by_moved_22_q = (
        2 * coupling_q * forward_swept_12 * scale_q + first_q * forward_swept_22 * scale_q
    )
    by_moved_21_q = coupling_q * forward_swept_11 * scale_q
    by_moved_12_q = (
        coupling_q * forward_swept_22 * scale_q + 2 * forward_swept_12 * scale_q * second_q
    )
    by_moved_11_q = forward_swept_11 * scale_q * second_q
    by_scale_q = (
        forward_swept_11
        * (coupling_q * moved_21_q + determinant_q * noise_11_q + moved_11_q * second_q)
        + forward_swept_12
        * (2 * coupling_q * moved_22_q + 2 * determinant_q * noise_12_q + 2 * moved_12_q * second_q)
        + forward_swept_22
        * (coupling_q * moved_12_q + determinant_q * noise_22_q + first_q * moved_22_q)
    )
    by_trace_q = (
        by_crossed_q * determinant_p
        + by_resultant * (crossed_p + crossed_q)
        - by_scale_q * scale_q / trace_q
    )
    by_noise_22_q = (
        by_backward_noise_22 * scales_11
        + by_moved_21_q * coupling_q
        + by_moved_22_q * first_q
        + determinant_q * forward_swept_22 * scale_q
    )
    by_noise_12_q = (
        by_backward_noise_12 * scales_12
        + by_moved_11_q * coupling_q
        + by_moved_12_q * first_q
        + by_moved_21_q * second_q
        + by_moved_22_q * coupling_q
        + 2 * determinant_q * forward_swept_12 * scale_q
    )
    by_noise_11_q = (
        by_backward_noise_11 * scales_22
        + by_moved_11_q * second_q
        + by_moved_12_q * coupling_q
        + determinant_q * forward_swept_11 * scale_q
    )
    by_determinant_q = (
        by_backward_1 * first_p * inverse
        + by_backward_2 * inverse * second_p
        + by_crossed_p * trace_p
        + by_difference
        + by_first_determinant_q * first_q
        - by_scale_q * scale_q / determinant_q
        + by_second_determinant_q * second_q
        + forward_swept_11 * noise_11_q * scale_q
        + 2 * forward_swept_12 * noise_12_q * scale_q
        + forward_swept_22 * noise_22_q * scale_q
    )
    by_second_q = (
        by_forward_2 * determinant_p * inverse
        + by_moved_11_q * noise_11_q
        + by_moved_21_q * noise_12_q
        + by_scale_2
        + by_second_determinant_q * determinant_q
        + by_trace_q
        + forward_swept_11 * moved_11_q * scale_q
        + 2 * forward_swept_12 * moved_12_q * scale_q
    )
    by_first_q = (
        by_first_determinant_q * determinant_q
        + by_forward_1 * determinant_p * inverse
        + by_moved_12_q * noise_12_q
        + by_moved_22_q * noise_22_q
        + by_scale_1
        + by_trace_q
        + forward_swept_22 * moved_22_q * scale_q
    )
    by_bare_2_q = by_determinant_q * (bare_1_q + weight_decay) + by_second_q
    by_bare_1_q = by_determinant_q * (bare_2_q + weight_decay) + by_first_q
    by_coupling_q = (
        by_determinant_q * slack_l
        + by_moved_11_q * noise_12_q
        + by_moved_12_q * noise_11_q
        + by_moved_21_q * noise_22_q
        + by_moved_22_q * noise_12_q
        + by_noise_12_q * singular_value_j * weight_decay
        + by_noise_22_q * residual_l * singular_value_j * variance_j
        + forward_swept_11 * moved_21_q * scale_q
        + 2 * forward_swept_12 * moved_22_q * scale_q
        + forward_swept_22 * moved_12_q * scale_q
    )
    by_total_q = by_bare_1_q * variance_l + by_bare_2_q * variance_j
    by_second_determinant_p = by_backward_1 * inverse
    by_first_determinant_p = by_backward_2 * inverse
    by_moved_22_p = (
        2 * backward_swept_12 * coupling_p * scale_p + backward_swept_22 * first_p * scale_p
    )
    by_moved_21_p = backward_swept_11 * coupling_p * scale_p
    by_moved_12_p = (
        2 * backward_swept_12 * scale_p * second_p + backward_swept_22 * coupling_p * scale_p
    )
    by_moved_11_p = backward_swept_11 * scale_p * second_p
    by_scale_p = (
        backward_swept_11
        * (coupling_p * moved_21_p + determinant_p * noise_11_p + moved_11_p * second_p)
        + backward_swept_12
        * (2 * coupling_p * moved_22_p + 2 * determinant_p * noise_12_p + 2 * moved_12_p * second_p)
        + backward_swept_22
        * (coupling_p * moved_12_p + determinant_p * noise_22_p + first_p * moved_22_p)
    )
    by_trace_p = (
        by_crossed_p * determinant_q
        + by_resultant * (crossed_p + crossed_q)
        - by_scale_p * scale_p / trace_p
    )
    by_noise_22_p = (
        backward_swept_22 * determinant_p * scale_p
        + by_forward_noise_22 * scales_22
        + by_moved_21_p * coupling_p
        + by_moved_22_p * first_p
    )
    by_noise_12_p = (
        2 * backward_swept_12 * determinant_p * scale_p
        + by_forward_noise_12 * scales_12
        + by_moved_11_p * coupling_p
        + by_moved_12_p * first_p
        + by_moved_21_p * second_p
        + by_moved_22_p * coupling_p
    )
    by_noise_11_p = (
        backward_swept_11 * determinant_p * scale_p
        + by_forward_noise_11 * scales_11
        + by_moved_11_p * second_p
        + by_moved_12_p * coupling_p
    )
    by_determinant_p = (
        backward_swept_11 * noise_11_p * scale_p
        + 2 * backward_swept_12 * noise_12_p * scale_p
        + backward_swept_22 * noise_22_p * scale_p
        + by_crossed_q * trace_q
        - by_difference
        + by_first_determinant_p * first_p
        + by_forward_1 * first_q * inverse
        + by_forward_2 * inverse * second_q
        - by_scale_p * scale_p / determinant_p
        + by_second_determinant_p * second_p
    )
    by_second_p = (
        backward_swept_11 * moved_11_p * scale_p
        + 2 * backward_swept_12 * moved_12_p * scale_p
        + by_backward_2 * determinant_q * inverse
        + by_moved_11_p * noise_11_p
        + by_moved_21_p * noise_12_p
        + by_scale_1
        + by_second_determinant_p * determinant_p
        + by_trace_p
    )
    by_first_p = (
        backward_swept_22 * moved_22_p * scale_p
        + by_backward_1 * determinant_q * inverse
        + by_first_determinant_p * determinant_p
        + by_moved_12_p * noise_12_p
        + by_moved_22_p * noise_22_p
        + by_scale_2
        + by_trace_p
    )
    by_bare_2_p = by_determinant_p * (bare_1_p + weight_decay) + by_second_p
    by_bare_1_p = by_determinant_p * (bare_2_p + weight_decay) + by_first_p
    by_coupling_p = (
        backward_swept_11 * moved_21_p * scale_p
        + 2 * backward_swept_12 * moved_22_p * scale_p
        + backward_swept_22 * moved_12_p * scale_p
        + by_beside * difference * inverse
        + by_determinant_p * slack_l
        + by_moved_11_p * noise_12_p
        + by_moved_12_p * noise_11_p
        + by_moved_21_p * noise_22_p
        + by_moved_22_p * noise_12_p
        + by_noise_12_p * singular_value_i * weight_decay
        + by_noise_22_p * residual_l * singular_value_i * variance_i
    )
    by_total_p = by_bare_1_p * variance_l + by_bare_2_p * variance_i
    t0 = by_noise_22_p * (coupling_p * residual_l + label_noise_l)
    t1 = by_noise_11_p * variance_l
    t2 = singular_value_i * t1
    t3 = by_noise_12_p * coupling_p
    t4 = label_noise_i + residual_i * weight_decay
    t5 = by_noise_22_q * (coupling_q * residual_l + label_noise_l)
    t6 = by_noise_11_q * variance_l
    t7 = singular_value_j * t6
    t8 = by_noise_12_q * coupling_q
    t9 = label_noise_j + residual_j * weight_decay
    t10 = by_noise_22_p * singular_value_i * variance_i
    t11 = by_noise_22_q * singular_value_j * variance_j
    by_variance_i = by_bare_2_p * total_p + singular_value_i * t0
    by_label_noise_i = t2
    by_singular_value_i = by_total_p + t0 * variance_i + t1 * t4 + t3 * weight_decay
    by_residual_i = t2 * weight_decay
    by_variance_j = by_bare_2_q * total_q + singular_value_j * t5
    by_label_noise_j = t7
    by_singular_value_j = by_total_q + t5 * variance_j + t6 * t9 + t8 * weight_decay
    by_residual_j = t7 * weight_decay
    by_variance_l = (
        by_bare_1_p * total_p
        + by_bare_1_q * total_q
        + by_coupling_p * residual_l
        + by_coupling_q * residual_l
        + by_noise_11_p * singular_value_i * t4
        + by_noise_11_q * singular_value_j * t9
    )
    by_label_noise_l = t10 + t11
    by_singular_value_l = by_total_p + by_total_q
    by_residual_l = (
        by_coupling_p * variance_l
        + by_coupling_q * variance_l
        + coupling_p * t10
        + coupling_q * t11
    )
    by_slack_l = by_determinant_p * (coupling_p + weight_decay) + by_determinant_q * (
        coupling_q + weight_decay
    )
    by_weight_decay = (
        by_determinant_p * (bare_1_p + bare_2_p + slack_l)
        + by_determinant_q * (bare_1_q + bare_2_q + slack_l)
        + by_first_p
        + by_first_q
        + by_second_p
        + by_second_q
        + residual_i * t2
        + residual_j * t7
        + singular_value_i * t3
        + singular_value_j * t8
    )
    return (
        area,
        by_variance_i,
        by_label_noise_i,
        by_singular_value_i,
        by_residual_i,
        by_variance_j,
        by_label_noise_j,
        by_singular_value_j,
        by_residual_j,
        by_variance_l,
        by_label_noise_l,
        by_singular_value_l,
        by_residual_l,
        by_slack_l,
        by_weight_decay,
    )


def _squared_component_gradient(
    stimulus_i: Array,
    singular_value_i: Array,
) -> tuple[Array, Array, Array]:
    """Squared component w_i^2 of the representation along one hidden axis, and its derivatives.

    5 operations.
    """
    # w_i^2 = s_i x_i^2
    squared_component = singular_value_i * stimulus_i**2
    by_stimulus_i = 2 * singular_value_i * stimulus_i
    by_singular_value_i = stimulus_i**2
    return squared_component, by_stimulus_i, by_singular_value_i

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
    singular_value = gain - weight_decay/variance
    by_variance = weight_decay/variance**2
    by_gain = 1
    by_weight_decay = -1/variance
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
    slack = -gain*variance + weight_decay
    by_variance = -gain
    by_gain = -variance
    by_weight_decay = 1
    return slack, by_variance, by_gain, by_weight_decay


def _residual_gradient(variance: Array, weight_decay: Array) -> tuple[Array, Array, Array]:
    """What an active direction leaves of the gain, and its derivatives.

    4 operations.
    """
    # E = gamma/lambda
    residual = weight_decay/variance
    t0 = 1/variance
    by_variance = -residual*t0
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
    loss = (1/2)*label_noise + (1/2)*residual**2*variance + singular_value*weight_decay
    by_variance = (1/2)*residual**2
    by_label_noise = 1/2
    by_singular_value = weight_decay
    by_residual = residual*variance
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
    share = learning_rate*total/batch
    t0 = 1/batch
    by_total = learning_rate*t0
    by_learning_rate = t0*total
    by_batch = -share*t0
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
    excess = (1/4)*learning_rate*noise/batch
    t0 = 1/batch
    t1 = (1/4)*t0
    by_noise = learning_rate*t1
    by_learning_rate = noise*t1
    by_batch = -excess*t0
    return excess, by_noise, by_learning_rate, by_batch


def _diffusion_gradient(
    area: Array,
    singular_value_i: Array,
    singular_value_j: Array,
    learning_rate: Array,
    batch: Array,
) -> tuple[Array, Array, Array, Array, Array, Array]:
    """Diffusion coefficient of one plane from its swept area, and its derivatives.

    55 operations.
    """
    # D = eta^3 s_i s_j area / (2 B^2 G^2): the area comes without both singular values
    diffusion = (
        (1/2)*area*learning_rate**3*singular_value_i*singular_value_j/(batch**2*(2*singular_value_i
        + 2*singular_value_j)**2)
    )
    t0 = 2*singular_value_i
    t1 = 2*singular_value_j + t0
    t2 = t1**(-2.0)
    t3 = singular_value_i*t2
    t4 = batch**(-2.0)
    t5 = learning_rate**3
    t6 = singular_value_j*t4*t5
    t7 = area*t0*t6/t1**3
    by_area = (1/2)*t3*t6
    by_singular_value_i = (1/2)*area*singular_value_j*t2*t4*t5 - t7
    by_singular_value_j = (1/2)*area*singular_value_i*t2*t4*t5 - t7
    by_learning_rate = (3/2)*area*learning_rate**2*singular_value_j*t3*t4
    by_batch = -2*diffusion/batch
    return (
        diffusion, by_area, by_singular_value_i, by_singular_value_j, by_learning_rate, by_batch
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
        (1/4)*(2*label_noise_i*singular_value_i*variance_i +
        4*singular_value_i*weight_decay**2)/(singular_value_i*variance_i)
    )
    t0 = 1/variance_i
    t1 = 1/singular_value_i
    t2 = 2*label_noise_i*variance_i
    t3 = 4*weight_decay**2
    t4 = (1/4)*singular_value_i*t2 + (1/4)*singular_value_i*t3
    by_variance_i = (1/2)*label_noise_i*t0 - t1*t4/variance_i**2
    by_label_noise_i = 1/2
    by_singular_value_i = (1/4)*t0*t1*(t2 + t3) - t0*t4/singular_value_i**2
    by_weight_decay = 2*t0*weight_decay
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
    missed_value_l: Array,
    gap: Array,
    weight_decay: Array,
    mirrored: Array,
) -> tuple[Array, ...]:
    """Fluctuation of the block (i, l), per eta and for B = 1, and its derivatives.

    407 operations.
    """
    # H Gamma + Gamma H = C for two rows: Gamma = (det(H) C + adj(H) C adj(H)) / (2 tr(H) det(H))
    total = singular_value_i + singular_value_l
    coupling = residual_l*variance_l
    separation = gap + singular_value_l*variance_i*(singular_value_i + total)
    variances = variance_i*variance_l
    root = np.sqrt(variances)
    spread = 2*root + variance_i + variance_l
    worth = missed_value_l*root + total*variance_i
    determinant = (
        separation*variance_l + slack_l*(coupling + weight_decay) +
        weight_decay*(2*root*separation*spread + total*worth*(variance_i -
        variance_l)**2)/(spread*worth)
    )
    hessian_11 = singular_value_i*variance_l + singular_value_l*variance_l + weight_decay
    hessian_22 = singular_value_i*variance_i + singular_value_l*variance_i + weight_decay
    noise_11 = (
        label_noise_i*singular_value_i*variance_l + label_noise_i*singular_value_l*variance_l
        + singular_value_i*variance_l*weight_decay**2/variance_i +
        singular_value_l*variance_l*weight_decay**2/variance_i
    )
    noise_12 = (
        residual_l*singular_value_i*variance_l*weight_decay +
        residual_l*singular_value_l*variance_l*weight_decay
    )
    noise_22 = (
        label_noise_l*singular_value_i*variance_i + label_noise_l*singular_value_l*variance_i
        + residual_l**2*singular_value_i*variance_i*variance_l +
        residual_l**2*singular_value_l*variance_i*variance_l
    )
    t0 = coupling*noise_22 + hessian_22*noise_12
    t1 = coupling*noise_12
    t2 = hessian_22*noise_11 + t1
    t3 = 1/(determinant*(2*hessian_11 + 2*hessian_22))
    variance_il = t3*(coupling*t0 + determinant*noise_11 + hessian_22*t2)
    variance_li = (
        t3*(coupling*(coupling*noise_11 + hessian_11*noise_12) + determinant*noise_22 +
        hessian_11*(hessian_11*noise_22 + t1))
    )
    variance = mirrored*variance_li + variance_il
    by_t3 = (
        coupling*t0 + determinant*noise_11 + hessian_22*t2 +
        mirrored*(coupling*(coupling*noise_11 + hessian_11*noise_12) + determinant*noise_22 +
        hessian_11*(hessian_11*noise_22 + t1))
    )
    by_t2 = hessian_22*t3
    by_t1 = by_t2 + hessian_11*mirrored*t3
    by_t0 = coupling*t3
    by_noise_22 = by_t0*coupling + mirrored*t3*(determinant + hessian_11**2)
    by_noise_12 = by_t0*hessian_22 + by_t1*coupling + coupling*hessian_11*mirrored*t3
    by_noise_11 = by_t2*hessian_22 + coupling**2*mirrored*t3 + determinant*t3
    by_hessian_22 = (
        by_t0*noise_12 + by_t2*noise_11 - 2*by_t3/(determinant*(2*hessian_11 +
        2*hessian_22)**2) + t2*t3
    )
    by_hessian_11 = (
        -2*by_t3/(determinant*(2*hessian_11 + 2*hessian_22)**2) +
        mirrored*t3*(coupling*noise_12 + 2*hessian_11*noise_22 + t1)
    )
    by_determinant = -by_t3*t3/determinant + mirrored*noise_22*t3 + noise_11*t3
    by_worth = (
        by_determinant*(total*weight_decay*(variance_i - variance_l)**2/(spread*worth) -
        weight_decay*(2*root*separation*spread + total*worth*(variance_i -
        variance_l)**2)/(spread*worth**2))
    )
    by_spread = (
        by_determinant*(2*root*separation*weight_decay/(spread*worth) -
        weight_decay*(2*root*separation*spread + total*worth*(variance_i -
        variance_l)**2)/(spread**2*worth))
    )
    by_root = (
        2*by_determinant*separation*weight_decay/worth + 2*by_spread + by_worth*missed_value_l
    )
    by_variances = (1/2)*by_root/np.sqrt(variances)
    by_separation = by_determinant*(2*root*weight_decay/worth + variance_l)
    by_coupling = (
        by_determinant*slack_l + by_t0*noise_22 + by_t1*noise_12 +
        mirrored*t3*(2*coupling*noise_11 + hessian_11*noise_12) + t0*t3
    )
    by_total = (
        by_determinant*weight_decay*(variance_i - variance_l)**2/spread +
        by_separation*singular_value_l*variance_i + by_worth*variance_i
    )
    t0 = singular_value_i + singular_value_l
    t1 = by_separation*(singular_value_i + total)
    t2 = 2*variance_l
    t3 = -t2 + 2*variance_i
    t4 = 1/spread
    t5 = t4*total*weight_decay
    t6 = residual_l**2
    t7 = singular_value_i*variance_l
    t8 = singular_value_l*variance_l
    t9 = weight_decay**2
    t10 = t9/variance_i**2
    t11 = singular_value_l*variance_i
    t12 = 1/variance_i
    t13 = t12*t9
    t14 = residual_l*weight_decay
    t15 = (
        by_hessian_11*variance_l + by_hessian_22*variance_i +
        by_noise_11*(label_noise_i*variance_l + t13*variance_l) + by_noise_12*t14*variance_l +
        by_noise_22*(label_noise_l*variance_i + t6*variance_i*variance_l) + by_total
    )
    t16 = singular_value_i*variance_i
    t17 = residual_l*t2
    t18 = t12*t2*weight_decay
    by_variance_i = (
        by_determinant*t3*t5 + by_hessian_22*t0 + by_noise_11*(-t10*t7 - t10*t8) +
        by_noise_22*(label_noise_l*singular_value_i + label_noise_l*singular_value_l + t6*t7 +
        t6*t8) + by_spread + by_variances*variance_l + by_worth*total + singular_value_l*t1
    )
    by_label_noise_i = by_noise_11*(t7 + t8)
    by_singular_value_i = by_separation*t11 + t15
    by_variance_l = (
        by_coupling*residual_l + by_determinant*(separation - t3*t5) + by_hessian_11*t0 +
        by_noise_11*(label_noise_i*singular_value_i + label_noise_i*singular_value_l +
        singular_value_i*t13 + singular_value_l*t13) + by_noise_12*(singular_value_i*t14 +
        singular_value_l*t14) + by_noise_22*(t11*t6 + t16*t6) + by_spread +
        by_variances*variance_i
    )
    by_label_noise_l = by_noise_22*(t11 + t16)
    by_singular_value_l = t1*variance_i + t15
    by_residual_l = (
        by_coupling*variance_l + by_noise_12*(t7*weight_decay + t8*weight_decay) +
        by_noise_22*(t11*t17 + t16*t17)
    )
    by_slack_l = by_determinant*(coupling + weight_decay)
    by_missed_value_l = by_worth*root
    by_gap = by_separation
    by_weight_decay = (
        by_determinant*(slack_l + t4*(2*root*separation*spread + total*worth*(variance_i -
        variance_l)**2)/worth) + by_hessian_11 + by_hessian_22 +
        by_noise_11*(singular_value_i*t18 + singular_value_l*t18) + by_noise_12*(residual_l*t7
        + residual_l*t8)
    )
    by_mirrored = variance_li
    return (
        variance, by_variance_i, by_label_noise_i, by_singular_value_i, by_variance_l,
        by_label_noise_l, by_singular_value_l, by_residual_l, by_slack_l, by_missed_value_l,
        by_gap, by_weight_decay, by_mirrored
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
    noise = 2*label_noise_i*singular_value_i*variance_i + 4*singular_value_i*weight_decay**2
    t0 = 2*singular_value_i
    by_variance_i = label_noise_i*t0
    by_label_noise_i = t0*variance_i
    by_singular_value_i = 2*label_noise_i*variance_i + 4*weight_decay**2
    by_weight_decay = 8*singular_value_i*weight_decay
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
    missed_value_l: Array,
    gap: Array,
    weight_decay: Array,
    mirrored: Array,
) -> tuple[Array | float, ...]:
    """Gradient noise of the block (i, l), per eta and for B = 1, and its derivatives.

    89 operations.
    """
    # H Gamma + Gamma H = C for two rows: Gamma = (det(H) C + adj(H) C adj(H)) / (2 tr(H) det(H))
    noise_11 = (
        label_noise_i*singular_value_i*variance_l + label_noise_i*singular_value_l*variance_l
        + singular_value_i*variance_l*weight_decay**2/variance_i +
        singular_value_l*variance_l*weight_decay**2/variance_i
    )
    noise_22 = (
        label_noise_l*singular_value_i*variance_i + label_noise_l*singular_value_l*variance_i
        + residual_l**2*singular_value_i*variance_i*variance_l +
        residual_l**2*singular_value_l*variance_i*variance_l
    )
    noise_il = noise_11
    noise_li = noise_22
    noise = mirrored*noise_li + noise_il
    t0 = singular_value_i*variance_l
    t1 = weight_decay**2
    t2 = t1/variance_i**2
    t3 = singular_value_l*variance_l
    t4 = residual_l**2
    t5 = 1/variance_i
    t6 = t1*t5
    t7 = (
        label_noise_i*variance_l + mirrored*(label_noise_l*variance_i +
        t4*variance_i*variance_l) + t6*variance_l
    )
    t8 = singular_value_i*variance_i
    t9 = singular_value_l*variance_i
    t10 = 2*t0
    t11 = residual_l*variance_i
    t12 = 2*t3
    t13 = t5*weight_decay
    by_variance_i = (
        mirrored*(label_noise_l*singular_value_i + label_noise_l*singular_value_l + t0*t4 +
        t3*t4) - t0*t2 - t2*t3
    )
    by_label_noise_i = t0 + t3
    by_singular_value_i = t7
    by_variance_l = (
        label_noise_i*singular_value_i + label_noise_i*singular_value_l + mirrored*(t4*t8 +
        t4*t9) + singular_value_i*t6 + singular_value_l*t6
    )
    by_label_noise_l = mirrored*(t8 + t9)
    by_singular_value_l = t7
    by_residual_l = mirrored*(t10*t11 + t11*t12)
    by_slack_l = 0
    by_missed_value_l = 0
    by_gap = 0
    by_weight_decay = t10*t13 + t12*t13
    by_mirrored = noise_li
    return (
        noise, by_variance_i, by_label_noise_i, by_singular_value_i, by_variance_l,
        by_label_noise_l, by_singular_value_l, by_residual_l, by_slack_l, by_missed_value_l,
        by_gap, by_weight_decay, by_mirrored
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

    430 operations.
    """
    # o^2 (tr(Y' C_P Y Gamma_Q) + tr(Z C_Q Z' Gamma_P)) / (s_i s_j) per eta and for B = 1, with h Y
    # + Y H = 2 (1 1) H and H Z' + Z' h = 2 h (1 1)', both over det(H + h)
    coupling = residual_i*variance_i
    noise_12 = coupling*weight_decay
    doubled_12 = 2*noise_12
    total_q = singular_value_i + singular_value_j
    coupling_q = residual_i*variance_i
    separation_q = (
        singular_value_i*variance_j*(singular_value_j + total_q) +
        singular_value_j**2*variance_j
    )
    variances_q = variance_i*variance_j
    root_q = np.sqrt(variances_q)
    spread_q = 2*root_q + variance_i + variance_j
    worth_q = total_q*variance_j
    determinant_q = (
        separation_q*variance_i + weight_decay*(2*root_q*separation_q*spread_q +
        total_q*worth_q*(-variance_i + variance_j)**2)/(spread_q*worth_q)
    )
    bare_1_q = total_q*variance_i
    bare_2_q = total_q*variance_j
    first_q = bare_1_q + weight_decay
    second_q = bare_2_q + weight_decay
    weight_q = 2/(first_q + second_q)
    noise_11_q = variance_i*(label_noise_j + residual_j*weight_decay)
    noise_22_q = variance_j*(coupling_q*residual_i + label_noise_i)
    determinant_weight_q = determinant_q*weight_q
    curvature = 2*singular_value_i*variance_i
    noise = label_noise_i*variance_i + 2*weight_decay**2
    inverse = 1/(curvature*(curvature + first_q + second_q) + determinant_q)
    moved = coupling + curvature
    forward_11 = inverse*(bare_1_q*curvature + determinant_q)
    forward_12 = inverse*(bare_2_q*curvature + determinant_q)
    backward_11 = inverse*(moved + second_q)
    backward_21 = inverse*(first_q + moved)
    area = (
        noise*(weight_q*(forward_11*(doubled_12*forward_12 + forward_11*noise_11_q) +
        forward_12**2*noise_22_q) + (2*curvature +
        determinant_weight_q)*(backward_11*(backward_11*noise_11_q + backward_21*doubled_12) +
        backward_21**2*noise_22_q))
    )
    by_backward_21 = (
        noise*(2*curvature + determinant_weight_q)*(backward_11*doubled_12 +
        2*backward_21*noise_22_q)
    )
    by_backward_11 = (
        noise*(2*curvature + determinant_weight_q)*(2*backward_11*noise_11_q +
        backward_21*doubled_12)
    )
    by_forward_12 = noise*weight_q*(doubled_12*forward_11 + 2*forward_12*noise_22_q)
    by_forward_11 = noise*weight_q*(doubled_12*forward_12 + 2*forward_11*noise_11_q)
    by_moved = by_backward_11*inverse + by_backward_21*inverse
    by_inverse = (
        by_backward_11*(moved + second_q) + by_backward_21*(first_q + moved) +
        by_forward_11*(bare_1_q*curvature + determinant_q) + by_forward_12*(bare_2_q*curvature
        + determinant_q)
    )
    by_noise = (
        weight_q*(forward_11*(doubled_12*forward_12 + forward_11*noise_11_q) +
        forward_12**2*noise_22_q) + (2*curvature +
        determinant_weight_q)*(backward_11*(backward_11*noise_11_q + backward_21*doubled_12) +
        backward_21**2*noise_22_q)
    )
    by_curvature = (
        bare_1_q*by_forward_11*inverse + bare_2_q*by_forward_12*inverse +
        by_inverse*(-2*curvature - first_q - second_q)/(curvature*(curvature + first_q +
        second_q) + determinant_q)**2 + by_moved +
        noise*(2*backward_11*(backward_11*noise_11_q + backward_21*doubled_12) +
        2*backward_21**2*noise_22_q)
    )
    by_determinant_weight_q = (
        noise*(backward_11*(backward_11*noise_11_q + backward_21*doubled_12) +
        backward_21**2*noise_22_q)
    )
    by_noise_22_q = (
        noise*(backward_21**2*(2*curvature + determinant_weight_q) + forward_12**2*weight_q)
    )
    by_noise_11_q = (
        noise*(backward_11**2*(2*curvature + determinant_weight_q) + forward_11**2*weight_q)
    )
    by_weight_q = (
        by_determinant_weight_q*determinant_q + noise*(forward_11*(doubled_12*forward_12 +
        forward_11*noise_11_q) + forward_12**2*noise_22_q)
    )
    by_second_q = (
        by_backward_11*inverse - by_inverse*curvature/(curvature*(curvature + first_q +
        second_q) + determinant_q)**2 - 2*by_weight_q/(first_q + second_q)**2
    )
    by_first_q = (
        by_backward_21*inverse - by_inverse*curvature/(curvature*(curvature + first_q +
        second_q) + determinant_q)**2 - 2*by_weight_q/(first_q + second_q)**2
    )
    by_bare_2_q = by_forward_12*curvature*inverse + by_second_q
    by_bare_1_q = by_first_q + by_forward_11*curvature*inverse
    by_determinant_q = (
        by_determinant_weight_q*weight_q + by_forward_11*inverse + by_forward_12*inverse -
        by_inverse/(curvature*(curvature + first_q + second_q) + determinant_q)**2
    )
    by_worth_q = (
        by_determinant_q*(total_q*weight_decay*(-variance_i +
        variance_j)**2/(spread_q*worth_q) - weight_decay*(2*root_q*separation_q*spread_q +
        total_q*worth_q*(-variance_i + variance_j)**2)/(spread_q*worth_q**2))
    )
    by_spread_q = (
        by_determinant_q*(2*root_q*separation_q*weight_decay/(spread_q*worth_q) -
        weight_decay*(2*root_q*separation_q*spread_q + total_q*worth_q*(-variance_i +
        variance_j)**2)/(spread_q**2*worth_q))
    )
    by_root_q = 2*by_determinant_q*separation_q*weight_decay/worth_q + 2*by_spread_q
    by_variances_q = (1/2)*by_root_q/np.sqrt(variances_q)
    by_separation_q = by_determinant_q*(2*root_q*weight_decay/worth_q + variance_i)
    by_coupling_q = by_noise_22_q*residual_i*variance_j
    by_total_q = (
        by_bare_1_q*variance_i + by_bare_2_q*variance_j +
        by_determinant_q*weight_decay*(-variance_i + variance_j)**2/spread_q +
        by_separation_q*singular_value_i*variance_j + by_worth_q*variance_j
    )
    by_doubled_12 = (
        noise*(backward_11*backward_21*(2*curvature + determinant_weight_q) +
        forward_11*forward_12*weight_q)
    )
    by_noise_12 = 2*by_doubled_12
    by_coupling = by_moved + by_noise_12*weight_decay
    t0 = 2*variance_i
    t1 = 2*variance_j
    t2 = t0 - t1
    t3 = 1/spread_q
    t4 = t3*total_q*weight_decay
    t5 = by_noise_22_q*variance_j
    t6 = singular_value_j + total_q
    t7 = by_noise_11_q*variance_i
    by_variance_i = (
        by_bare_1_q*total_q + by_coupling*residual_i + by_coupling_q*residual_i +
        2*by_curvature*singular_value_i + by_determinant_q*(separation_q + t2*t4) +
        by_noise*label_noise_i + by_noise_11_q*(label_noise_j + residual_j*weight_decay) +
        by_spread_q + by_variances_q*variance_j
    )
    by_label_noise_i = by_noise*variance_i + t5
    by_singular_value_i = by_curvature*t0 + by_separation_q*t6*variance_j + by_total_q
    by_residual_i = by_coupling*variance_i + by_coupling_q*variance_i + coupling_q*t5
    by_variance_j = (
        by_bare_2_q*total_q - by_determinant_q*t2*t4 + by_noise_22_q*(coupling_q*residual_i +
        label_noise_i) + by_separation_q*(singular_value_i*t6 + singular_value_j**2) +
        by_spread_q + by_variances_q*variance_i + by_worth_q*total_q
    )
    by_label_noise_j = t7
    by_singular_value_j = (
        by_separation_q*(singular_value_i*variance_j + singular_value_j*t1) + by_total_q
    )
    by_residual_j = t7*weight_decay
    by_weight_decay = (
        by_determinant_q*t3*(2*root_q*separation_q*spread_q + total_q*worth_q*(-variance_i +
        variance_j)**2)/worth_q + by_first_q + 4*by_noise*weight_decay + by_noise_12*coupling
        + by_second_q + residual_j*t7
    )
    return (
        area, by_variance_i, by_label_noise_i, by_singular_value_i, by_residual_i, by_variance_j,
        by_label_noise_j, by_singular_value_j, by_residual_j, by_weight_decay
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
    missed_value_l: Array,
    gap_i: Array,
    gap_j: Array,
    weight_decay: Array,
) -> tuple[Array, ...]:
    """What the direction l adds to the swept area of (i, j), and its derivatives.

    754 operations.
    """
    # o^2 (tr(Y' C_P Y Gamma_Q) + tr(Z C_Q Z' Gamma_P)) / (s_i s_j) per eta and for B = 1, with H_P
    # Y + Y H_Q = 2 H_Q, H_P Z + Z H_Q = 2 H_P and H_P W + W H_Q = 2: of F(X) = tr(C_P X C_Q X') it
    # is o^2 (F(Y) / (2 tr(H_Q)) + F(Z) / (2 tr(H_P)) + F(W) (det(H_Q) / (2 tr(H_Q)) + det(H_P) / (2
    # tr(H_P)))) / (s_i s_j)
    coupling = residual_l*variance_l
    noise_12 = coupling*weight_decay
    doubled_12 = 2*noise_12
    squared_coupling = coupling**2
    coupled_noise = coupling*doubled_12
    squared_noise = doubled_12*noise_12
    total_p = singular_value_i + singular_value_l
    coupling_p = residual_l*variance_l
    separation_p = gap_i + singular_value_l*variance_i*(singular_value_i + total_p)
    variances_p = variance_i*variance_l
    root_p = np.sqrt(variances_p)
    spread_p = 2*root_p + variance_i + variance_l
    worth_p = missed_value_l*root_p + total_p*variance_i
    determinant_p = (
        separation_p*variance_l + slack_l*(coupling_p + weight_decay) +
        weight_decay*(2*root_p*separation_p*spread_p + total_p*worth_p*(variance_i -
        variance_l)**2)/(spread_p*worth_p)
    )
    bare_1_p = total_p*variance_l
    bare_2_p = total_p*variance_i
    first_p = bare_1_p + weight_decay
    second_p = bare_2_p + weight_decay
    weight_p = 2/(first_p + second_p)
    noise_11_p = variance_l*(label_noise_i + residual_i*weight_decay)
    noise_22_p = variance_i*(coupling_p*residual_l + label_noise_l)
    determinant_weight_p = determinant_p*weight_p
    total_q = singular_value_j + singular_value_l
    coupling_q = residual_l*variance_l
    separation_q = gap_j + singular_value_l*variance_j*(singular_value_j + total_q)
    variances_q = variance_j*variance_l
    root_q = np.sqrt(variances_q)
    spread_q = 2*root_q + variance_j + variance_l
    worth_q = missed_value_l*root_q + total_q*variance_j
    determinant_q = (
        separation_q*variance_l + slack_l*(coupling_q + weight_decay) +
        weight_decay*(2*root_q*separation_q*spread_q + total_q*worth_q*(variance_j -
        variance_l)**2)/(spread_q*worth_q)
    )
    bare_1_q = total_q*variance_l
    bare_2_q = total_q*variance_j
    first_q = bare_1_q + weight_decay
    second_q = bare_2_q + weight_decay
    weight_q = 2/(first_q + second_q)
    noise_11_q = variance_l*(label_noise_j + residual_j*weight_decay)
    noise_22_q = variance_j*(coupling_q*residual_l + label_noise_l)
    determinant_weight_q = determinant_q*weight_q
    firsts = first_p + first_q
    seconds = second_p + second_q
    crossed_1 = determinant_p*first_q + determinant_q*first_p
    crossed_2 = determinant_p*second_q + determinant_q*second_p
    scale_1 = first_q + second_p
    scale_2 = first_p + second_q
    ahead_1 = crossed_1 + determinant_q*seconds
    ahead_2 = crossed_2 + determinant_q*firsts
    behind_1 = crossed_1 + determinant_p*seconds
    behind_2 = crossed_2 + determinant_p*firsts
    resultant = ahead_1*scale_1 + behind_1*scale_2
    inverse = 1/resultant
    turn_1 = inverse*scale_1
    turn_2 = inverse*scale_2
    both = scale_2*turn_1
    turned_1 = noise_11_p*turn_1
    turned_2 = noise_22_p*turn_2
    back_1 = noise_11_q*turn_2
    back_2 = noise_22_q*turn_1
    noise_11 = noise_11_p*noise_11_q
    noise_22 = noise_22_p*noise_22_q
    mixed_1 = coupled_noise*(back_1 + turned_1)
    mixed_2 = coupled_noise*(back_2 + turned_2)
    square = squared_coupling*(back_1*turned_2 + back_2*turned_1 + squared_noise*turn_1*turn_2)
    difference = determinant_p - determinant_q
    outer_11 = difference*mixed_1
    outer_12 = difference*mixed_2
    outer_13 = difference**2*square
    traces = firsts + seconds
    forward_1 = ahead_1*turn_1
    forward_2 = ahead_2*turn_2
    forward_area = (
        forward_1*(forward_1*noise_11 + forward_2*squared_noise - outer_11) +
        forward_2*(forward_2*noise_22 - outer_12) + outer_13
    )
    backward_1 = behind_1*turn_2
    backward_2 = behind_2*turn_1
    backward_area = (
        backward_1*(backward_1*noise_11 + backward_2*squared_noise + outer_11) +
        backward_2*(backward_2*noise_22 + outer_12) + outer_13
    )
    still_1 = both*seconds
    still_2 = both*firsts
    still_area = (
        square*traces**2 + still_1*(mixed_1*traces + noise_11*still_1 + squared_noise*still_2)
        + still_2*(mixed_2*traces + noise_22*still_2)
    )
    area = (
        backward_area*weight_p + forward_area*weight_q + still_area*(determinant_weight_p +
        determinant_weight_q)
    )
    by_still_area = determinant_weight_p + determinant_weight_q
    by_still_2 = by_still_area*(mixed_2*traces + 2*noise_22*still_2 + squared_noise*still_1)
    by_still_1 = by_still_area*(mixed_1*traces + 2*noise_11*still_1 + squared_noise*still_2)
    by_backward_2 = weight_p*(backward_1*squared_noise + 2*backward_2*noise_22 + outer_12)
    by_backward_1 = weight_p*(2*backward_1*noise_11 + backward_2*squared_noise + outer_11)
    by_forward_2 = weight_q*(forward_1*squared_noise + 2*forward_2*noise_22 - outer_12)
    by_forward_1 = weight_q*(2*forward_1*noise_11 + forward_2*squared_noise - outer_11)
    by_traces = by_still_area*(mixed_1*still_1 + mixed_2*still_2 + 2*square*traces)
    by_outer_13 = weight_p + weight_q
    by_outer_12 = backward_2*weight_p - forward_2*weight_q
    by_outer_11 = backward_1*weight_p - forward_1*weight_q
    by_difference = by_outer_11*mixed_1 + by_outer_12*mixed_2 + 2*by_outer_13*difference*square
    by_square = by_outer_13*difference**2 + by_still_area*traces**2
    by_mixed_2 = by_outer_12*difference + by_still_area*still_2*traces
    by_mixed_1 = by_outer_11*difference + by_still_area*still_1*traces
    by_noise_22 = backward_2**2*weight_p + by_still_area*still_2**2 + forward_2**2*weight_q
    by_noise_11 = backward_1**2*weight_p + by_still_area*still_1**2 + forward_1**2*weight_q
    by_back_2 = by_mixed_2*coupled_noise + by_square*squared_coupling*turned_1
    by_back_1 = by_mixed_1*coupled_noise + by_square*squared_coupling*turned_2
    by_turned_2 = back_1*by_square*squared_coupling + by_mixed_2*coupled_noise
    by_turned_1 = back_2*by_square*squared_coupling + by_mixed_1*coupled_noise
    by_both = by_still_1*seconds + by_still_2*firsts
    by_turn_2 = (
        ahead_2*by_forward_2 + behind_1*by_backward_1 + by_back_1*noise_11_q +
        by_square*squared_coupling*squared_noise*turn_1 + by_turned_2*noise_22_p
    )
    by_turn_1 = (
        ahead_1*by_forward_1 + behind_2*by_backward_2 + by_back_2*noise_22_q + by_both*scale_2
        + by_square*squared_coupling*squared_noise*turn_2 + by_turned_1*noise_11_p
    )
    by_inverse = by_turn_1*scale_1 + by_turn_2*scale_2
    by_resultant = -by_inverse*inverse/resultant
    by_behind_2 = by_backward_2*turn_1
    by_behind_1 = by_backward_1*turn_2 + by_resultant*scale_2
    by_ahead_2 = by_forward_2*turn_2
    by_ahead_1 = by_forward_1*turn_1 + by_resultant*scale_1
    by_scale_2 = behind_1*by_resultant + by_both*turn_1 + by_turn_2*inverse
    by_scale_1 = ahead_1*by_resultant + by_turn_1*inverse
    by_crossed_2 = by_ahead_2 + by_behind_2
    by_crossed_1 = by_ahead_1 + by_behind_1
    by_seconds = (
        both*by_still_1 + by_ahead_1*determinant_q + by_behind_1*determinant_p + by_traces
    )
    by_firsts = both*by_still_2 + by_ahead_2*determinant_q + by_behind_2*determinant_p + by_traces
    by_noise_22_q = by_back_2*turn_1 + by_noise_22*noise_22_p
    by_noise_11_q = by_back_1*turn_2 + by_noise_11*noise_11_p
    by_weight_q = determinant_q*still_area + forward_area
    by_second_q = (
        by_crossed_2*determinant_p + by_scale_2 + by_seconds - 2*by_weight_q/(first_q +
        second_q)**2
    )
    by_first_q = (
        by_crossed_1*determinant_p + by_firsts + by_scale_1 - 2*by_weight_q/(first_q +
        second_q)**2
    )
    by_determinant_q = (
        by_ahead_1*seconds + by_ahead_2*firsts + by_crossed_1*first_p + by_crossed_2*second_p
        - by_difference + still_area*weight_q
    )
    by_worth_q = (
        by_determinant_q*(total_q*weight_decay*(variance_j - variance_l)**2/(spread_q*worth_q)
        - weight_decay*(2*root_q*separation_q*spread_q + total_q*worth_q*(variance_j -
        variance_l)**2)/(spread_q*worth_q**2))
    )
    by_spread_q = (
        by_determinant_q*(2*root_q*separation_q*weight_decay/(spread_q*worth_q) -
        weight_decay*(2*root_q*separation_q*spread_q + total_q*worth_q*(variance_j -
        variance_l)**2)/(spread_q**2*worth_q))
    )
    by_root_q = (
        2*by_determinant_q*separation_q*weight_decay/worth_q + 2*by_spread_q +
        by_worth_q*missed_value_l
    )
    by_variances_q = (1/2)*by_root_q/np.sqrt(variances_q)
    by_separation_q = by_determinant_q*(2*root_q*weight_decay/worth_q + variance_l)
    by_coupling_q = by_determinant_q*slack_l + by_noise_22_q*residual_l*variance_j
    by_total_q = (
        by_determinant_q*weight_decay*(variance_j - variance_l)**2/spread_q +
        by_first_q*variance_l + by_second_q*variance_j +
        by_separation_q*singular_value_l*variance_j + by_worth_q*variance_j
    )
    by_noise_22_p = by_noise_22*noise_22_q + by_turned_2*turn_2
    by_noise_11_p = by_noise_11*noise_11_q + by_turned_1*turn_1
    by_weight_p = backward_area + determinant_p*still_area
    by_second_p = (
        by_crossed_2*determinant_q + by_scale_1 + by_seconds - 2*by_weight_p/(first_p +
        second_p)**2
    )
    by_first_p = (
        by_crossed_1*determinant_q + by_firsts + by_scale_2 - 2*by_weight_p/(first_p +
        second_p)**2
    )
    by_determinant_p = (
        by_behind_1*seconds + by_behind_2*firsts + by_crossed_1*first_q +
        by_crossed_2*second_q + by_difference + still_area*weight_p
    )
    by_worth_p = (
        by_determinant_p*(total_p*weight_decay*(variance_i - variance_l)**2/(spread_p*worth_p)
        - weight_decay*(2*root_p*separation_p*spread_p + total_p*worth_p*(variance_i -
        variance_l)**2)/(spread_p*worth_p**2))
    )
    by_spread_p = (
        by_determinant_p*(2*root_p*separation_p*weight_decay/(spread_p*worth_p) -
        weight_decay*(2*root_p*separation_p*spread_p + total_p*worth_p*(variance_i -
        variance_l)**2)/(spread_p**2*worth_p))
    )
    by_root_p = (
        2*by_determinant_p*separation_p*weight_decay/worth_p + 2*by_spread_p +
        by_worth_p*missed_value_l
    )
    by_variances_p = (1/2)*by_root_p/np.sqrt(variances_p)
    by_separation_p = by_determinant_p*(2*root_p*weight_decay/worth_p + variance_l)
    by_coupling_p = by_determinant_p*slack_l + by_noise_22_p*residual_l*variance_i
    by_total_p = (
        by_determinant_p*weight_decay*(variance_i - variance_l)**2/spread_p +
        by_first_p*variance_l + by_second_p*variance_i +
        by_separation_p*singular_value_l*variance_i + by_worth_p*variance_i
    )
    by_squared_noise = (
        backward_1*backward_2*weight_p + by_square*squared_coupling*turn_1*turn_2 +
        by_still_area*still_1*still_2 + forward_1*forward_2*weight_q
    )
    by_coupled_noise = by_mixed_1*(back_1 + turned_1) + by_mixed_2*(back_2 + turned_2)
    by_squared_coupling = (
        by_square*(back_1*turned_2 + back_2*turned_1 + squared_noise*turn_1*turn_2)
    )
    by_doubled_12 = by_coupled_noise*coupling + by_squared_noise*noise_12
    by_noise_12 = 2*by_doubled_12 + by_squared_noise*doubled_12
    by_coupling = (
        by_coupled_noise*doubled_12 + by_noise_12*weight_decay +
        2*by_squared_coupling*coupling
    )
    t0 = singular_value_i + total_p
    t1 = by_separation_p*singular_value_l
    t2 = -2*variance_l
    t3 = t2 + 2*variance_i
    t4 = 1/spread_p
    t5 = t4*total_p*weight_decay
    t6 = by_noise_11_p*variance_l
    t7 = singular_value_j + total_q
    t8 = by_separation_q*singular_value_l
    t9 = t2 + 2*variance_j
    t10 = 1/spread_q
    t11 = t10*total_q*weight_decay
    t12 = by_noise_11_q*variance_l
    t13 = by_noise_22_p*variance_i
    t14 = by_noise_22_q*variance_j
    t15 = -variance_l
    by_variance_i = (
        by_determinant_p*t3*t5 + by_noise_22_p*(coupling_p*residual_l + label_noise_l) +
        by_second_p*total_p + by_spread_p + by_variances_p*variance_l + by_worth_p*total_p +
        t0*t1
    )
    by_label_noise_i = t6
    by_singular_value_i = by_total_p + t1*variance_i
    by_residual_i = t6*weight_decay
    by_variance_j = (
        by_determinant_q*t11*t9 + by_noise_22_q*(coupling_q*residual_l + label_noise_l) +
        by_second_q*total_q + by_spread_q + by_variances_q*variance_l + by_worth_q*total_q +
        t7*t8
    )
    by_label_noise_j = t12
    by_singular_value_j = by_total_q + t8*variance_j
    by_residual_j = t12*weight_decay
    by_variance_l = (
        by_coupling*residual_l + by_coupling_p*residual_l + by_coupling_q*residual_l +
        by_determinant_p*(separation_p - t3*t5) + by_determinant_q*(separation_q - t11*t9) +
        by_first_p*total_p + by_first_q*total_q + by_noise_11_p*(label_noise_i +
        residual_i*weight_decay) + by_noise_11_q*(label_noise_j + residual_j*weight_decay) +
        by_spread_p + by_spread_q + by_variances_p*variance_i + by_variances_q*variance_j
    )
    by_label_noise_l = t13 + t14
    by_singular_value_l = (
        by_separation_p*t0*variance_i + by_separation_q*t7*variance_j + by_total_p +
        by_total_q
    )
    by_residual_l = (
        by_coupling*variance_l + by_coupling_p*variance_l + by_coupling_q*variance_l +
        coupling_p*t13 + coupling_q*t14
    )
    by_slack_l = (
        by_determinant_p*(coupling_p + weight_decay) + by_determinant_q*(coupling_q +
        weight_decay)
    )
    by_missed_value_l = by_worth_p*root_p + by_worth_q*root_q
    by_gap_i = by_separation_p
    by_gap_j = by_separation_q
    by_weight_decay = (
        by_determinant_p*(slack_l + t4*(2*root_p*separation_p*spread_p + total_p*worth_p*(t15
        + variance_i)**2)/worth_p) + by_determinant_q*(slack_l +
        t10*(2*root_q*separation_q*spread_q + total_q*worth_q*(t15 + variance_j)**2)/worth_q)
        + by_first_p + by_first_q + by_noise_12*coupling + by_second_p + by_second_q +
        residual_i*t6 + residual_j*t12
    )
    return (
        area, by_variance_i, by_label_noise_i, by_singular_value_i, by_residual_i, by_variance_j,
        by_label_noise_j, by_singular_value_j, by_residual_j, by_variance_l, by_label_noise_l,
        by_singular_value_l, by_residual_l, by_slack_l, by_missed_value_l, by_gap_i, by_gap_j,
        by_weight_decay
    )


def _squared_component_gradient(
    stimulus_i: Array,
    singular_value_i: Array,
) -> tuple[Array, Array, Array]:
    """Squared component w_i^2 of the representation along one hidden axis, and its derivatives.

    5 operations.
    """
    # w_i^2 = s_i x_i^2
    squared_component = singular_value_i*stimulus_i**2
    by_stimulus_i = 2*singular_value_i*stimulus_i
    by_singular_value_i = stimulus_i**2
    return squared_component, by_stimulus_i, by_singular_value_i

"""Formulas of single directions, blocks and planes of an aligned network.

Printed by ``python -m symdrift.kernels`` from the symbolic derivation: do not edit.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def _singular_value(variance: Array, gain: Array, weight_decay: Array) -> Array:
    """Singular value of an active direction."""
    # s = a - gamma/lambda
    singular_value = gain - weight_decay/variance
    return singular_value


def _residual(variance: Array, weight_decay: Array) -> Array:
    """What an active direction leaves of the gain."""
    # E = gamma/lambda
    residual = weight_decay/variance
    return residual


def _loss(
    variance: Array,
    label_noise: Array,
    singular_value: Array,
    residual: Array,
    weight_decay: Array,
) -> Array:
    """Expected loss of one direction."""
    # lambda E^2 / 2 + sigma^2 / 2 + gamma s
    loss = (1/2)*label_noise + (1/2)*residual**2*variance + singular_value*weight_decay
    return loss


def _loss_reduction(variance: Array, singular_value: Array) -> Array:
    """By how much learning a direction lowers the loss."""
    # lambda s^2 / 2
    reduction = (1/2)*singular_value**2*variance
    return reduction


def _batch_share(total: Array, learning_rate: Array, batch: Array) -> Array:
    """Total fluctuation from its value per eta and for B = 1."""
    # eta tr(Gamma) / B
    share = learning_rate*total/batch
    return share


def _excess_loss(noise: Array, learning_rate: Array, batch: Array) -> Array:
    """Excess loss from the total gradient noise for B = 1."""
    # tr(H Gamma) / 2 = eta tr(C) / (4 B)
    excess = (1/4)*learning_rate*noise/batch
    return excess


def _own_curvature(
    variance_i: Array,
    label_noise_i: Array,
    singular_value_i: Array,
    weight_decay: Array,
) -> Array:
    """Hessian of the direction (i, i)."""
    # 2 s_i lambda_i
    curvature = 2*singular_value_i*variance_i
    return curvature


def _pair_curvature(
    variance_i: Array,
    label_noise_i: Array,
    singular_value_i: Array,
    variance_l: Array,
    label_noise_l: Array,
    singular_value_l: Array,
    residual_l: Array,
    weight_decay: Array,
) -> tuple[Array, Array, Array]:
    """Diagonal and determinant of the Hessian of the block (i, l)."""
    # H_11 = (s_i + s_l) lambda_l + gamma, H_22 = (s_i + s_l) lambda_i + gamma, H_11 H_22 - H_12^2
    t0 = singular_value_i*variance_l + singular_value_l*variance_l
    t1 = singular_value_i*variance_i + singular_value_l*variance_i
    t2 = residual_l*variance_l
    first = t0 + weight_decay
    second = t1 + weight_decay
    product = t0*t1 + weight_decay*(t0 + t1) + (-t2 + weight_decay)*(t2 + weight_decay)
    return first, second, product


def _pair_block(
    variance_i: Array,
    label_noise_i: Array,
    singular_value_i: Array,
    variance_l: Array,
    label_noise_l: Array,
    singular_value_l: Array,
    residual_l: Array,
    weight_decay: Array,
) -> tuple[Array, Array, Array, Array, Array, Array]:
    """Entries of Hessian and gradient noise of the block (i, l), for B = 1."""
    # H = [[first, -coupling], [-coupling, second]], C = [[noise_il, shared], [shared, noise_li]]
    t0 = singular_value_i*variance_l
    t1 = singular_value_l*variance_l
    t2 = singular_value_i*variance_i
    t3 = singular_value_l*variance_i
    t4 = weight_decay**2/variance_i
    t5 = residual_l**2*variance_i
    t6 = residual_l*weight_decay
    first = t0 + t1 + weight_decay
    second = t2 + t3 + weight_decay
    coupling = residual_l*variance_l
    noise_il = label_noise_i*t0 + label_noise_i*t1 + t0*t4 + t1*t4
    noise_li = label_noise_l*t2 + label_noise_l*t3 + t0*t5 + t1*t5
    shared = t0*t6 + t1*t6
    return first, second, coupling, noise_il, noise_li, shared


def _unreached_curvature(weight_decay: Array) -> Array:
    """Hessian of normal directions between active axes that noise does not reach."""
    # 2*gamma
    curvature = 2*weight_decay
    return curvature


def _silent_curvature(variance_l: Array, gain_l: Array, weight_decay: Array) -> tuple[Array, Array]:
    """Hessian of a silent hidden unit along an axis that is not learned."""
    # gamma - lambda |a| and gamma + lambda |a|
    t0 = gain_l*variance_l
    lower = -t0 + weight_decay
    upper = t0 + weight_decay
    return lower, upper


def _own_fluctuation(
    variance_i: Array,
    label_noise_i: Array,
    singular_value_i: Array,
    weight_decay: Array,
) -> tuple[Array, Array]:
    """Fluctuation and gradient noise of the direction (i, i), per eta and for B = 1."""
    # H Gamma + Gamma H = C
    t0 = 2*label_noise_i*singular_value_i*variance_i + 4*singular_value_i*weight_decay**2
    variance_ii = (1/4)*t0/(singular_value_i*variance_i)
    noise_ii = t0
    return variance_ii, noise_ii


def _pair_fluctuation(
    variance_i: Array,
    label_noise_i: Array,
    singular_value_i: Array,
    variance_l: Array,
    label_noise_l: Array,
    singular_value_l: Array,
    residual_l: Array,
    weight_decay: Array,
) -> tuple[Array, Array, Array, Array, Array]:
    """Fluctuation and gradient noise of the block (i, l), per eta and for B = 1."""
    # H Gamma + Gamma H = C for two rows: Gamma = (det(H) C + adj(H) C adj(H)) / (2 tr(H) det(H))
    hessian_p11 = singular_value_i*variance_l + singular_value_l*variance_l + weight_decay
    hessian_p22 = singular_value_i*variance_i + singular_value_l*variance_i + weight_decay
    coupling_p = residual_l*variance_l
    determinant_p = (
        weight_decay*(singular_value_i*variance_i + singular_value_i*variance_l +
        singular_value_l*variance_i + singular_value_l*variance_l) + (-residual_l*variance_l +
        weight_decay)*(residual_l*variance_l + weight_decay) + (singular_value_i*variance_i +
        singular_value_l*variance_i)*(singular_value_i*variance_l +
        singular_value_l*variance_l)
    )
    noise_p11 = (
        label_noise_i*singular_value_i*variance_l + label_noise_i*singular_value_l*variance_l
        + singular_value_i*variance_l*weight_decay**2/variance_i +
        singular_value_l*variance_l*weight_decay**2/variance_i
    )
    noise_p12 = (
        residual_l*singular_value_i*variance_l*weight_decay +
        residual_l*singular_value_l*variance_l*weight_decay
    )
    noise_p22 = (
        label_noise_l*singular_value_i*variance_i + label_noise_l*singular_value_l*variance_i
        + residual_l**2*singular_value_i*variance_i*variance_l +
        residual_l**2*singular_value_l*variance_i*variance_l
    )
    t0 = coupling_p*noise_p22 + hessian_p22*noise_p12
    t1 = coupling_p*noise_p12
    t2 = hessian_p22*noise_p11 + t1
    t3 = 1/(determinant_p*(2*hessian_p11 + 2*hessian_p22))
    variance_il = t3*(coupling_p*t0 + determinant_p*noise_p11 + hessian_p22*t2)
    variance_li = (
        t3*(coupling_p*(coupling_p*noise_p11 + hessian_p11*noise_p12) +
        determinant_p*noise_p22 + hessian_p11*(hessian_p11*noise_p22 + t1))
    )
    covariance_il = t3*(coupling_p*t2 + determinant_p*noise_p12 + hessian_p11*t0)
    noise_il = noise_p11
    noise_li = noise_p22
    return variance_il, variance_li, covariance_il, noise_il, noise_li


def _own_term(
    variance_i: Array,
    label_noise_i: Array,
    singular_value_i: Array,
    variance_j: Array,
    label_noise_j: Array,
    singular_value_j: Array,
    weight_decay: Array,
) -> Array:
    """What index l = i adds to the swept area of (i, j)."""
    # o^2 (tr(Y' C_P Y Gamma_Q) + tr(Z C_Q Z' Gamma_P)) per eta and for B = 1, with H_P Y + Y H_Q =
    # 2 J H_Q, H_P Z + Z H_Q = 2 H_P J, H Gamma + Gamma H = C
    hessian_p = 2*singular_value_i*variance_i
    noise_p = 2*label_noise_i*singular_value_i*variance_i + 4*singular_value_i*weight_decay**2
    kept_q1 = singular_value_i*variance_j + singular_value_j*variance_j
    kept_q2 = singular_value_i*variance_i + singular_value_j*variance_i
    hessian_q11 = singular_value_i*variance_j + singular_value_j*variance_j + weight_decay
    hessian_q22 = singular_value_i*variance_i + singular_value_j*variance_i + weight_decay
    coupling_q = weight_decay
    determinant_q = (
        weight_decay*(singular_value_i*variance_i + singular_value_i*variance_j +
        singular_value_j*variance_i + singular_value_j*variance_j) +
        (singular_value_i*variance_i +
        singular_value_j*variance_i)*(singular_value_i*variance_j +
        singular_value_j*variance_j)
    )
    noise_q11 = (
        label_noise_i*singular_value_i*variance_j + label_noise_i*singular_value_j*variance_j
        + singular_value_i*variance_j*weight_decay**2/variance_i +
        singular_value_j*variance_j*weight_decay**2/variance_i
    )
    noise_q12 = singular_value_i*weight_decay**2 + singular_value_j*weight_decay**2
    noise_q22 = (
        label_noise_j*singular_value_i*variance_i + label_noise_j*singular_value_j*variance_i
        + singular_value_i*variance_i*weight_decay**2/variance_j +
        singular_value_j*variance_i*weight_decay**2/variance_j
    )
    t0 = coupling_q + hessian_p
    t1 = (determinant_q + hessian_p**2 + hessian_p*(hessian_q11 + hessian_q22))**(-1.0)
    t2 = 2*hessian_p
    t3 = t1*t2
    t4 = t3*(hessian_q22 + t0)
    t5 = t3*(hessian_q11 + t0)
    t6 = coupling_q*noise_q22 + hessian_q22*noise_q12
    t7 = coupling_q*noise_q12
    t8 = hessian_q22*noise_q11 + t7
    t9 = 2*determinant_q
    t10 = t1*(kept_q1*t2 + t9)
    t11 = 1/(determinant_q*(2*hessian_q11 + 2*hessian_q22))
    t12 = t10*t11
    t13 = determinant_q*noise_q12
    t14 = hessian_q11*noise_q22 + t7
    t15 = coupling_q*noise_q11 + hessian_q11*noise_q12
    t16 = t1*(kept_q2*t2 + t9)
    t17 = t11*t16
    area = (
        (1/2)*singular_value_j*(noise_p*(t10*(t12*(coupling_q*t6 + determinant_q*noise_q11 +
        hessian_q22*t8) + t17*(coupling_q*t14 + hessian_q22*t15 + t13)) +
        t16*(t12*(coupling_q*t8 + hessian_q11*t6 + t13) + t17*(coupling_q*t15 +
        determinant_q*noise_q22 + hessian_q11*t14))) + (1/2)*noise_p*(t4*(noise_q11*t4 +
        noise_q12*t5) + t5*(noise_q12*t4 + noise_q22*t5))/hessian_p)/(singular_value_i +
        singular_value_j)
    )
    return area


def _other_term(
    variance_i: Array,
    label_noise_i: Array,
    singular_value_i: Array,
    variance_j: Array,
    label_noise_j: Array,
    singular_value_j: Array,
    variance_l: Array,
    label_noise_l: Array,
    singular_value_l: Array,
    residual_l: Array,
    weight_decay: Array,
) -> Array:
    """What index l adds to the swept area of (i, j)."""
    # o^2 (tr(Y' C_P Y Gamma_Q) + tr(Z C_Q Z' Gamma_P)) per eta and for B = 1, with H_P Y + Y H_Q =
    # 2 J H_Q, H_P Z + Z H_Q = 2 H_P J, H Gamma + Gamma H = C
    hessian_p11 = singular_value_i*variance_l + singular_value_l*variance_l + weight_decay
    hessian_p22 = singular_value_i*variance_i + singular_value_l*variance_i + weight_decay
    coupling_p = residual_l*variance_l
    determinant_p = (
        weight_decay*(singular_value_i*variance_i + singular_value_i*variance_l +
        singular_value_l*variance_i + singular_value_l*variance_l) + (-residual_l*variance_l +
        weight_decay)*(residual_l*variance_l + weight_decay) + (singular_value_i*variance_i +
        singular_value_l*variance_i)*(singular_value_i*variance_l +
        singular_value_l*variance_l)
    )
    noise_p11 = (
        label_noise_i*singular_value_i*variance_l + label_noise_i*singular_value_l*variance_l
        + singular_value_i*variance_l*weight_decay**2/variance_i +
        singular_value_l*variance_l*weight_decay**2/variance_i
    )
    noise_p12 = (
        residual_l*singular_value_i*variance_l*weight_decay +
        residual_l*singular_value_l*variance_l*weight_decay
    )
    noise_p22 = (
        label_noise_l*singular_value_i*variance_i + label_noise_l*singular_value_l*variance_i
        + residual_l**2*singular_value_i*variance_i*variance_l +
        residual_l**2*singular_value_l*variance_i*variance_l
    )
    hessian_q11 = singular_value_j*variance_l + singular_value_l*variance_l + weight_decay
    hessian_q22 = singular_value_j*variance_j + singular_value_l*variance_j + weight_decay
    determinant_q = (
        weight_decay*(singular_value_j*variance_j + singular_value_j*variance_l +
        singular_value_l*variance_j + singular_value_l*variance_l) + (-residual_l*variance_l +
        weight_decay)*(residual_l*variance_l + weight_decay) + (singular_value_j*variance_j +
        singular_value_l*variance_j)*(singular_value_j*variance_l +
        singular_value_l*variance_l)
    )
    noise_q11 = (
        label_noise_j*singular_value_j*variance_l + label_noise_j*singular_value_l*variance_l
        + singular_value_j*variance_l*weight_decay**2/variance_j +
        singular_value_l*variance_l*weight_decay**2/variance_j
    )
    noise_q12 = (
        residual_l*singular_value_j*variance_l*weight_decay +
        residual_l*singular_value_l*variance_l*weight_decay
    )
    noise_q22 = (
        label_noise_l*singular_value_j*variance_j + label_noise_l*singular_value_l*variance_j
        + residual_l**2*singular_value_j*variance_j*variance_l +
        residual_l**2*singular_value_l*variance_j*variance_l
    )
    t0 = coupling_p*noise_q11
    t1 = determinant_p - determinant_q
    t2 = hessian_p11 + hessian_q22
    t3 = hessian_q11 + hessian_q22
    t4 = hessian_p11 + hessian_p22
    t5 = (t3 + t4)*(determinant_p*t3 + determinant_q*t4)
    t6 = 2/(t1**2 + t5)
    t7 = t2*t6
    t8 = t1*t7
    t9 = hessian_p22 + hessian_q11
    t10 = t6*t9
    t11 = t10*(determinant_p*(hessian_p11 + t3) + determinant_q*hessian_p22)
    t12 = noise_q12*t11 + t0*t8
    t13 = coupling_p*t8
    t14 = coupling_p*noise_q12
    t15 = noise_q22*t11 + t14*t8
    t16 = coupling_p*noise_p11
    t17 = hessian_p11*noise_p12 + t16
    t18 = coupling_p*noise_p12
    t19 = hessian_p11*noise_p22 + t18
    t20 = 1/(determinant_p*(2*hessian_p11 + 2*hessian_p22))
    t21 = t1*t10
    t22 = t7*(determinant_p*(hessian_p22 + t3) + determinant_q*hessian_p11)
    t23 = noise_q11*t22 + t14*t21
    t24 = coupling_p*noise_q22
    t25 = noise_q12*t22 + t21*t24
    t26 = determinant_p*noise_p12
    t27 = coupling_p*t21
    t28 = hessian_p22*noise_p11 + t18
    t29 = coupling_p*noise_p22
    t30 = hessian_p22*noise_p12 + t29
    t31 = -t1
    t32 = 2/(t31**2 + t5)
    t33 = t31*t32
    t34 = t33*t9
    t35 = t2*(determinant_p*hessian_q22 + determinant_q*(hessian_q11 + t4))
    t36 = t32*t35
    t37 = noise_p22*t36 + t18*t34
    t38 = t2*t33
    t39 = coupling_p*t38
    t40 = noise_p12*t32
    t41 = t16*t34 + t35*t40
    t42 = t9*(determinant_p*hessian_q11 + determinant_q*(hessian_q22 + t4))
    t43 = t32*t42
    t44 = determinant_q*noise_q12
    t45 = hessian_q22*noise_q11 + t14
    t46 = hessian_q22*noise_q12 + t24
    t47 = 1/(determinant_q*(2*hessian_q11 + 2*hessian_q22))
    t48 = t29*t38 + t40*t42
    t49 = noise_p11*t43 + t18*t38
    t50 = coupling_p*t34
    t51 = hessian_q11*noise_q12 + t0
    t52 = hessian_q11*noise_q22 + t14
    area = (
        singular_value_i*singular_value_j*(t20*(t11*t15 + t12*t13)*(coupling_p*t17 +
        determinant_p*noise_p22 + hessian_p11*t19) + t20*(t11*t25 + t13*t23)*(coupling_p*t19 +
        hessian_p22*t17 + t26) + t20*(t12*t22 + t15*t27)*(coupling_p*t28 + hessian_p11*t30 +
        t26) + t20*(t22*t23 + t25*t27)*(coupling_p*t30 + determinant_p*noise_p11 +
        hessian_p22*t28) + t47*(t36*t37 + t41*t50)*(coupling_p*t51 + determinant_q*noise_q22 +
        hessian_q11*t52) + t47*(t36*t48 + t49*t50)*(coupling_p*t52 + hessian_q22*t51 + t44) +
        t47*(t37*t39 + t41*t43)*(coupling_p*t45 + hessian_q11*t46 + t44) + t47*(t39*t48 +
        t43*t49)*(coupling_p*t46 + determinant_q*noise_q11 +
        hessian_q22*t45))/((singular_value_i + singular_value_l)*(singular_value_j +
        singular_value_l))
    )
    return area


def _own_term_white_noise(
    variance_i: Array,
    label_noise_i: Array,
    singular_value_i: Array,
    variance_j: Array,
    label_noise_j: Array,
    singular_value_j: Array,
    weight_decay: Array,
) -> Array:
    """What index l = i adds to the swept area of (i, j)."""
    # o^2 (tr(J' C_P J Gamma_Q) + tr(J C_Q J' Gamma_P)) per eta and for B = 1: the white-noise
    # approximation, with H Gamma + Gamma H = C
    hessian_p = 2*singular_value_i*variance_i
    noise_p = 2*label_noise_i*singular_value_i*variance_i + 4*singular_value_i*weight_decay**2
    hessian_q11 = singular_value_i*variance_j + singular_value_j*variance_j + weight_decay
    hessian_q22 = singular_value_i*variance_i + singular_value_j*variance_i + weight_decay
    coupling_q = weight_decay
    determinant_q = (
        weight_decay*(singular_value_i*variance_i + singular_value_i*variance_j +
        singular_value_j*variance_i + singular_value_j*variance_j) +
        (singular_value_i*variance_i +
        singular_value_j*variance_i)*(singular_value_i*variance_j +
        singular_value_j*variance_j)
    )
    noise_q11 = (
        label_noise_i*singular_value_i*variance_j + label_noise_i*singular_value_j*variance_j
        + singular_value_i*variance_j*weight_decay**2/variance_i +
        singular_value_j*variance_j*weight_decay**2/variance_i
    )
    noise_q12 = singular_value_i*weight_decay**2 + singular_value_j*weight_decay**2
    noise_q22 = (
        label_noise_j*singular_value_i*variance_i + label_noise_j*singular_value_j*variance_i
        + singular_value_i*variance_i*weight_decay**2/variance_j +
        singular_value_j*variance_i*weight_decay**2/variance_j
    )
    t0 = coupling_q*noise_q11 + hessian_q11*noise_q12
    t1 = coupling_q*noise_q12
    t2 = hessian_q11*noise_q22 + t1
    t3 = 1/(determinant_q*(2*hessian_q11 + 2*hessian_q22))
    t4 = determinant_q*noise_q12
    t5 = hessian_q22*noise_q11 + t1
    t6 = coupling_q*noise_q22 + hessian_q22*noise_q12
    area = (
        (1/2)*singular_value_j*(noise_p*(t3*(coupling_q*t0 + determinant_q*noise_q22 +
        hessian_q11*t2) + t3*(coupling_q*t2 + hessian_q22*t0 + t4) + t3*(coupling_q*t5 +
        hessian_q11*t6 + t4) + t3*(coupling_q*t6 + determinant_q*noise_q11 + hessian_q22*t5))
        + (1/2)*noise_p*(noise_q11 + 2*noise_q12 + noise_q22)/hessian_p)/(singular_value_i +
        singular_value_j)
    )
    return area


def _other_term_white_noise(
    variance_i: Array,
    label_noise_i: Array,
    singular_value_i: Array,
    variance_j: Array,
    label_noise_j: Array,
    singular_value_j: Array,
    variance_l: Array,
    label_noise_l: Array,
    singular_value_l: Array,
    residual_l: Array,
    weight_decay: Array,
) -> Array:
    """What index l adds to the swept area of (i, j)."""
    # o^2 (tr(J' C_P J Gamma_Q) + tr(J C_Q J' Gamma_P)) per eta and for B = 1: the white-noise
    # approximation, with H Gamma + Gamma H = C
    hessian_p11 = singular_value_i*variance_l + singular_value_l*variance_l + weight_decay
    hessian_p22 = singular_value_i*variance_i + singular_value_l*variance_i + weight_decay
    coupling_p = residual_l*variance_l
    determinant_p = (
        weight_decay*(singular_value_i*variance_i + singular_value_i*variance_l +
        singular_value_l*variance_i + singular_value_l*variance_l) + (-residual_l*variance_l +
        weight_decay)*(residual_l*variance_l + weight_decay) + (singular_value_i*variance_i +
        singular_value_l*variance_i)*(singular_value_i*variance_l +
        singular_value_l*variance_l)
    )
    noise_p11 = (
        label_noise_i*singular_value_i*variance_l + label_noise_i*singular_value_l*variance_l
        + singular_value_i*variance_l*weight_decay**2/variance_i +
        singular_value_l*variance_l*weight_decay**2/variance_i
    )
    noise_p12 = (
        residual_l*singular_value_i*variance_l*weight_decay +
        residual_l*singular_value_l*variance_l*weight_decay
    )
    noise_p22 = (
        label_noise_l*singular_value_i*variance_i + label_noise_l*singular_value_l*variance_i
        + residual_l**2*singular_value_i*variance_i*variance_l +
        residual_l**2*singular_value_l*variance_i*variance_l
    )
    hessian_q11 = singular_value_j*variance_l + singular_value_l*variance_l + weight_decay
    hessian_q22 = singular_value_j*variance_j + singular_value_l*variance_j + weight_decay
    determinant_q = (
        weight_decay*(singular_value_j*variance_j + singular_value_j*variance_l +
        singular_value_l*variance_j + singular_value_l*variance_l) + (-residual_l*variance_l +
        weight_decay)*(residual_l*variance_l + weight_decay) + (singular_value_j*variance_j +
        singular_value_l*variance_j)*(singular_value_j*variance_l +
        singular_value_l*variance_l)
    )
    noise_q11 = (
        label_noise_j*singular_value_j*variance_l + label_noise_j*singular_value_l*variance_l
        + singular_value_j*variance_l*weight_decay**2/variance_j +
        singular_value_l*variance_l*weight_decay**2/variance_j
    )
    noise_q12 = (
        residual_l*singular_value_j*variance_l*weight_decay +
        residual_l*singular_value_l*variance_l*weight_decay
    )
    noise_q22 = (
        label_noise_l*singular_value_j*variance_j + label_noise_l*singular_value_l*variance_j
        + residual_l**2*singular_value_j*variance_j*variance_l +
        residual_l**2*singular_value_l*variance_j*variance_l
    )
    t0 = coupling_p*noise_p22 + hessian_p22*noise_p12
    t1 = coupling_p*noise_p12
    t2 = hessian_p22*noise_p11 + t1
    t3 = 1/(determinant_p*(2*hessian_p11 + 2*hessian_p22))
    t4 = determinant_p*noise_p12
    t5 = hessian_p11*noise_p22 + t1
    t6 = coupling_p*noise_p11 + hessian_p11*noise_p12
    t7 = noise_q12*t3
    t8 = coupling_p*noise_q22 + hessian_q22*noise_q12
    t9 = coupling_p*noise_q12
    t10 = hessian_q22*noise_q11 + t9
    t11 = 1/(determinant_q*(2*hessian_q11 + 2*hessian_q22))
    t12 = determinant_q*noise_q12
    t13 = hessian_q11*noise_q22 + t9
    t14 = coupling_p*noise_q11 + hessian_q11*noise_q12
    t15 = noise_p12*t11
    area = (
        singular_value_i*singular_value_j*(noise_p11*t11*(coupling_p*t8 +
        determinant_q*noise_q11 + hessian_q22*t10) + noise_p22*t11*(coupling_p*t14 +
        determinant_q*noise_q22 + hessian_q11*t13) + noise_q11*t3*(coupling_p*t0 +
        determinant_p*noise_p11 + hessian_p22*t2) + noise_q22*t3*(coupling_p*t6 +
        determinant_p*noise_p22 + hessian_p11*t5) + t15*(coupling_p*t10 + hessian_q11*t8 +
        t12) + t15*(coupling_p*t13 + hessian_q22*t14 + t12) + t7*(coupling_p*t2 +
        hessian_p11*t0 + t4) + t7*(coupling_p*t5 + hessian_p22*t6 + t4))/((singular_value_i +
        singular_value_l)*(singular_value_j + singular_value_l))
    )
    return area


def _diffusion(
    area: Array,
    singular_value_i: Array,
    singular_value_j: Array,
    learning_rate: Array,
    batch: Array,
) -> Array:
    """Diffusion coefficient of one plane from its swept area."""
    # D = eta^3 area / (2 B^2 G^2)
    diffusion = (
        (1/2)*area*learning_rate**3/(batch**2*(2*singular_value_i + 2*singular_value_j)**2)
    )
    return diffusion


def _squared_component(stimulus_i: Array, singular_value_i: Array) -> Array:
    """Squared component w_i^2 of the representation along one hidden axis."""
    # w_i^2 = s_i x_i^2
    squared_component = singular_value_i*stimulus_i**2
    return squared_component


def _drift_displacement(squared_component: Array, decay: Array, time: Array) -> Array:
    """Mean-squared displacement by drift along one hidden axis."""
    # 2 w_i^2 (1 - exp(-Delta_i tau))
    displacement = 2*squared_component*(1 - np.exp(-decay*time))
    return displacement


def _half_distance(
    variance_i: Array,
    label_noise_i: Array,
    singular_value_i: Array,
    variance_l: Array,
    label_noise_l: Array,
    singular_value_l: Array,
    residual_l: Array,
    weight_decay: Array,
) -> Array:
    """Half the distance of the two Hessian eigenvalues of the block (i, l)."""
    # rho = sqrt((H_11 - H_22)^2 / 4 + H_12^2)
    t0 = (1/2)*variance_i
    rho = (
        np.sqrt(residual_l**2*variance_l**2 + (-singular_value_i*t0 +
        (1/2)*singular_value_i*variance_l - singular_value_l*t0 +
        (1/2)*singular_value_l*variance_l)**2)
    )
    return rho


def _own_weight_change(
    variance_i: Array,
    label_noise_i: Array,
    singular_value_i: Array,
    weight_decay: Array,
    learning_rate: Array,
    time: Array,
) -> Array:
    """Mean-squared change of the first-layer weight (i, i) by its fluctuation."""
    # E[(n_{t+tau} - n_t)^2] = 2 (1 - exp(-eta tau H)) Gamma / 2 for B = 1
    t0 = 2*singular_value_i*variance_i
    change = (
        (1/4)*learning_rate*(1 - np.exp(-learning_rate*t0*time))*(label_noise_i*t0 +
        4*singular_value_i*weight_decay**2)/(singular_value_i*variance_i)
    )
    return change


def _pair_weight_change(
    variance_i: Array,
    label_noise_i: Array,
    singular_value_i: Array,
    variance_l: Array,
    label_noise_l: Array,
    singular_value_l: Array,
    residual_l: Array,
    weight_decay: Array,
    learning_rate: Array,
    time: Array,
    rho: Array,
) -> Array:
    """Mean-squared change of the first-layer weight (i, l) by its fluctuation."""
    # E[(n_{t+tau} - n_t)^2] = 2 s_i / (s_i + s_l) [(1 - exp(-eta tau H)) Gamma]_11, B = 1
    hessian_p11 = singular_value_i*variance_l + singular_value_l*variance_l + weight_decay
    hessian_p22 = singular_value_i*variance_i + singular_value_l*variance_i + weight_decay
    coupling_p = residual_l*variance_l
    determinant_p = (
        weight_decay*(singular_value_i*variance_i + singular_value_i*variance_l +
        singular_value_l*variance_i + singular_value_l*variance_l) + (-residual_l*variance_l +
        weight_decay)*(residual_l*variance_l + weight_decay) + (singular_value_i*variance_i +
        singular_value_l*variance_i)*(singular_value_i*variance_l +
        singular_value_l*variance_l)
    )
    noise_p11 = (
        label_noise_i*singular_value_i*variance_l + label_noise_i*singular_value_l*variance_l
        + singular_value_i*variance_l*weight_decay**2/variance_i +
        singular_value_l*variance_l*weight_decay**2/variance_i
    )
    noise_p12 = (
        residual_l*singular_value_i*variance_l*weight_decay +
        residual_l*singular_value_l*variance_l*weight_decay
    )
    noise_p22 = (
        label_noise_l*singular_value_i*variance_i + label_noise_l*singular_value_l*variance_i
        + residual_l**2*singular_value_i*variance_i*variance_l +
        residual_l**2*singular_value_l*variance_i*variance_l
    )
    t0 = determinant_p**(-1.0)
    t1 = (2*hessian_p11 + 2*hessian_p22)**(-1.0)
    t2 = coupling_p*noise_p12
    t3 = (
        coupling_p*(coupling_p*noise_p22 + hessian_p22*noise_p12) + determinant_p*noise_p11 +
        hessian_p22*(hessian_p22*noise_p11 + t2)
    )
    t4 = learning_rate*t0*t1
    t5 = (1/2)*hessian_p11
    t6 = (1/2)*hessian_p22
    t7 = t5 + t6
    t8 = learning_rate*time
    t9 = np.exp(-t8*(rho + t7))
    t10 = np.exp(-t8*(-rho + t7))
    t11 = (1/2)*(t10 - t9)/rho
    change = (
        2*singular_value_i*(-coupling_p*t11*t4*(coupling_p*(hessian_p11*noise_p22 + t2) +
        determinant_p*noise_p12 + hessian_p22*(coupling_p*noise_p11 + hessian_p11*noise_p12))
        + learning_rate*t0*t1*t3 - t3*t4*((1/2)*t10 - t11*(t5 - t6) +
        (1/2)*t9))/(singular_value_i + singular_value_l)
    )
    return change

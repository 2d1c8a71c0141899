"""Formulas of single directions, blocks and planes of an aligned network.

Printed by ``python -m symdrift.kernels`` from the symbolic derivation: do not edit.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def _singular_value(variance: Array, excess: Array) -> Array:
    """Singular value of an active direction.

    1 operation.
    """
    # s = a - gamma/lambda, from the excess lambda a - gamma
    singular_value = excess / variance
    return singular_value


def _residual(variance: Array, weight_decay: Array) -> Array:
    """What an active direction leaves of the gain.

    1 operation.
    """
    # E = gamma/lambda
    residual = weight_decay / variance
    return residual


def _loss(
    variance: Array,
    label_noise: Array,
    singular_value: Array,
    residual: Array,
    weight_decay: Array,
) -> Array:
    """Expected loss of one direction.

    9 operations.
    """
    # lambda E^2 / 2 + sigma^2 / 2 + gamma s
    loss = (1 / 2) * label_noise + (1 / 2) * residual**2 * variance + singular_value * weight_decay
    return loss


def _loss_reduction(variance: Array, singular_value: Array) -> Array:
    """By how much learning a direction lowers the loss.

    4 operations.
    """
    # lambda s^2 / 2
    reduction = (1 / 2) * singular_value**2 * variance
    return reduction


def _batch_share(total: Array, learning_rate: Array, batch: Array) -> Array:
    """Total fluctuation from its value per eta and for B = 1.

    2 operations.
    """
    # eta tr(Gamma) / B
    share = learning_rate * total / batch
    return share


def _excess_loss(noise: Array, learning_rate: Array, batch: Array) -> Array:
    """Excess loss from the total gradient noise for B = 1.

    4 operations.
    """
    # tr(H Gamma) / 2 = eta tr(C) / (4 B)
    excess = (1 / 4) * learning_rate * noise / batch
    return excess


def _own_curvature(
    variance_i: Array,
    label_noise_i: Array,
    singular_value_i: Array,
    weight_decay: Array,
) -> Array:
    """Hessian of the direction (i, i).

    2 operations.
    """
    # 2 s_i lambda_i
    curvature = 2 * singular_value_i * variance_i
    return curvature


def _pair_curvature(
    variance_i: Array,
    label_noise_i: Array,
    singular_value_i: Array,
    variance_l: Array,
    label_noise_l: Array,
    singular_value_l: Array,
    residual_l: Array,
    slack_l: Array,
    weight_decay: Array,
) -> tuple[Array, Array, Array]:
    """Diagonal and determinant of the Hessian of the block (i, l).

    17 operations.
    """
    # H_11 = (s_i + s_l) lambda_l + gamma, H_22 = (s_i + s_l) lambda_i + gamma, H_11 H_22 - H_12^2
    t0 = singular_value_i * variance_l + singular_value_l * variance_l
    t1 = singular_value_i * variance_i + singular_value_l * variance_i
    first = t0 + weight_decay
    second = t1 + weight_decay
    product = slack_l * (-slack_l + 2 * weight_decay) + t0 * t1 + weight_decay * (t0 + t1)
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
    """Entries of Hessian and gradient noise of the block (i, l), for B = 1.

    31 operations.
    """
    # H = [[first, -coupling], [-coupling, second]], C = [[noise_il, shared], [shared, noise_li]]
    t0 = singular_value_i * variance_l
    t1 = singular_value_l * variance_l
    t2 = singular_value_i * variance_i
    t3 = singular_value_l * variance_i
    t4 = weight_decay**2 / variance_i
    t5 = residual_l**2 * variance_i
    t6 = residual_l * weight_decay
    first = t0 + t1 + weight_decay
    second = t2 + t3 + weight_decay
    coupling = residual_l * variance_l
    noise_il = label_noise_i * t0 + label_noise_i * t1 + t0 * t4 + t1 * t4
    noise_li = label_noise_l * t2 + label_noise_l * t3 + t0 * t5 + t1 * t5
    shared = t0 * t6 + t1 * t6
    return first, second, coupling, noise_il, noise_li, shared


def _unreached_curvature(weight_decay: Array) -> Array:
    """Hessian of normal directions between active axes that noise does not reach.

    1 operation.
    """
    # 2*gamma
    curvature = 2 * weight_decay
    return curvature


def _silent_curvature(slack_l: Array, weight_decay: Array) -> tuple[Array, Array]:
    """Hessian of a silent hidden unit along an axis that is not learned.

    3 operations.
    """
    # gamma - lambda |a| = slack and gamma + lambda |a|
    lower = slack_l
    upper = -slack_l + 2 * weight_decay
    return lower, upper


def _own_fluctuation(
    variance_i: Array,
    label_noise_i: Array,
    singular_value_i: Array,
    weight_decay: Array,
) -> tuple[Array, Array]:
    """Fluctuation and gradient noise of the direction (i, i), per eta and for B = 1.

    11 operations.
    """
    # H Gamma + Gamma H = C
    t0 = 2 * label_noise_i * singular_value_i * variance_i + 4 * singular_value_i * weight_decay**2
    variance_ii = (1 / 4) * t0 / (singular_value_i * variance_i)
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
    slack_l: Array,
    weight_decay: Array,
) -> tuple[Array, Array, Array, Array, Array]:
    """Fluctuation and gradient noise of the block (i, l), per eta and for B = 1.

    101 operations.
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
    covariance_il = t3 * (coupling_p * t2 + determinant_p * noise_p12 + hessian_p11 * t0)
    noise_il = noise_p11
    noise_li = noise_p22
    return variance_il, variance_li, covariance_il, noise_il, noise_li


def _solved_block(
    variance_i: Array,
    label_noise_i: Array,
    singular_value_i: Array,
    residual_i: Array,
    variance_l: Array,
    label_noise_l: Array,
    singular_value_l: Array,
    residual_l: Array,
    slack_l: Array,
    weight_decay: Array,
) -> tuple[Array, ...]:
    """What terms need of the block (i, l).

    59 operations.
    """
    # H Gamma + Gamma H = C, per eta and for B = 1: H, det(H), tr(H), H_11 det(H), H_22 det(H), o C
    # and 4 o Gamma (twice beside the diagonal), with the share o = s_i / (s_i + s_l)
    total = singular_value_i + singular_value_l
    coupling = residual_l * variance_l
    bare_1 = total * variance_l
    bare_2 = total * variance_i
    first = bare_1 + weight_decay
    second = bare_2 + weight_decay
    determinant = (
        bare_1 * bare_2 + slack_l * (coupling + weight_decay) + weight_decay * (bare_1 + bare_2)
    )
    noise_11 = singular_value_i * variance_l * (label_noise_i + residual_i * weight_decay)
    noise_12 = coupling * singular_value_i * weight_decay
    noise_22 = singular_value_i * variance_i * (coupling * residual_l + label_noise_l)
    trace = first + second
    scale = 2 / (determinant * trace)
    moved_11 = coupling * noise_12 + noise_11 * second
    moved_12 = coupling * noise_11 + first * noise_12
    moved_21 = coupling * noise_22 + noise_12 * second
    moved_22 = coupling * noise_12 + first * noise_22
    first_determinant = determinant * first
    second_determinant = determinant * second
    variance_11 = scale * (coupling * moved_21 + determinant * noise_11 + moved_11 * second)
    covariance_12 = 2 * scale * (coupling * moved_22 + determinant * noise_12 + moved_12 * second)
    variance_22 = scale * (coupling * moved_12 + determinant * noise_22 + first * moved_22)
    return (
        first,
        second,
        coupling,
        determinant,
        trace,
        first_determinant,
        second_determinant,
        noise_11,
        noise_12,
        noise_22,
        variance_11,
        covariance_12,
        variance_22,
    )


def _own_term(
    variance_i: Array,
    label_noise_i: Array,
    singular_value_i: Array,
    variance_j: Array,
    singular_value_j: Array,
    first_q: Array,
    second_q: Array,
    coupling_q: Array,
    determinant_q: Array,
    trace_q: Array,
    first_determinant_q: Array,
    second_determinant_q: Array,
    noise_11_q: Array,
    noise_12_q: Array,
    noise_22_q: Array,
    variance_11_q: Array,
    covariance_12_q: Array,
    variance_22_q: Array,
    weight_decay: Array,
) -> Array:
    """What the direction (i, i) and the solved block (j, i) add to the swept area of (i, j).

    48 operations.
    """
    # o^2 (tr(Y' C_P Y Gamma_Q) + tr(Z C_Q Z' Gamma_P)) per eta and for B = 1, with h Y + Y H = 2 (1
    # 1) H and H Z' + Z' h = 2 h (1 1)', both over det(H + h)
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
    return area


def _joint_term(
    first_p: Array,
    second_p: Array,
    coupling_p: Array,
    determinant_p: Array,
    trace_p: Array,
    first_determinant_p: Array,
    second_determinant_p: Array,
    noise_11_p: Array,
    noise_12_p: Array,
    noise_22_p: Array,
    variance_11_p: Array,
    covariance_12_p: Array,
    variance_22_p: Array,
    first_q: Array,
    second_q: Array,
    coupling_q: Array,
    determinant_q: Array,
    trace_q: Array,
    first_determinant_q: Array,
    second_determinant_q: Array,
    noise_11_q: Array,
    noise_12_q: Array,
    noise_22_q: Array,
    variance_11_q: Array,
    covariance_12_q: Array,
    variance_22_q: Array,
) -> Array:
    """What the solved blocks (i, l) and (j, l) add to the swept area of (i, j).

    92 operations.
    """
    # o^2 (tr(Y' C_P Y Gamma_Q) + tr(Z C_Q Z' Gamma_P)) per eta and for B = 1, with H_P Y + Y H_Q =
    # 2 H_Q and H_P Z + Z H_Q = 2 H_P, both as 2 diag(scales) weights / resultant
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
    return area


def _own_term_white_noise(
    variance_i: Array,
    label_noise_i: Array,
    singular_value_i: Array,
    variance_j: Array,
    singular_value_j: Array,
    first_q: Array,
    second_q: Array,
    coupling_q: Array,
    determinant_q: Array,
    trace_q: Array,
    first_determinant_q: Array,
    second_determinant_q: Array,
    noise_11_q: Array,
    noise_12_q: Array,
    noise_22_q: Array,
    variance_11_q: Array,
    covariance_12_q: Array,
    variance_22_q: Array,
    weight_decay: Array,
) -> Array:
    """What the direction (i, i) and the solved block (j, i) add to the swept area of (i, j).

    23 operations.
    """
    # o^2 (tr(C_P Gamma_Q) + tr(C_Q Gamma_P)) with (1 1) between the two, per eta and for B = 1: the
    # white-noise approximation
    curvature = 2 * singular_value_i * variance_i
    area = (
        singular_value_i
        * (label_noise_i * variance_i + 2 * weight_decay**2)
        * (
            (1 / 4) * covariance_12_q
            + (1 / 4) * variance_11_q
            + (1 / 4) * variance_22_q
            + (1 / 2) * (noise_11_q + 2 * noise_12_q + noise_22_q) / curvature
        )
    )
    return area


def _joint_term_white_noise(
    first_p: Array,
    second_p: Array,
    coupling_p: Array,
    determinant_p: Array,
    trace_p: Array,
    first_determinant_p: Array,
    second_determinant_p: Array,
    noise_11_p: Array,
    noise_12_p: Array,
    noise_22_p: Array,
    variance_11_p: Array,
    covariance_12_p: Array,
    variance_22_p: Array,
    first_q: Array,
    second_q: Array,
    coupling_q: Array,
    determinant_q: Array,
    trace_q: Array,
    first_determinant_q: Array,
    second_determinant_q: Array,
    noise_11_q: Array,
    noise_12_q: Array,
    noise_22_q: Array,
    variance_11_q: Array,
    covariance_12_q: Array,
    variance_22_q: Array,
) -> Array:
    """What the solved blocks (i, l) and (j, l) add to the swept area of (i, j).

    23 operations.
    """
    # o^2 (tr(C_P Gamma_Q) + tr(C_Q Gamma_P)) per eta and for B = 1: the white-noise approximation
    area = (
        (1 / 4) * covariance_12_p * noise_12_q
        + (1 / 4) * covariance_12_q * noise_12_p
        + (1 / 4) * noise_11_p * variance_11_q
        + (1 / 4) * noise_11_q * variance_11_p
        + (1 / 4) * noise_22_p * variance_22_q
        + (1 / 4) * noise_22_q * variance_22_p
    )
    return area


def _diffusion(
    area: Array,
    singular_value_i: Array,
    singular_value_j: Array,
    learning_rate: Array,
    batch: Array,
) -> Array:
    """Diffusion coefficient of one plane from its swept area.

    11 operations.
    """
    # D = eta^3 area / (2 B^2 G^2)
    diffusion = (
        (1 / 2)
        * area
        * learning_rate**3
        / (batch**2 * (2 * singular_value_i + 2 * singular_value_j) ** 2)
    )
    return diffusion


def _squared_component(stimulus_i: Array, singular_value_i: Array) -> Array:
    """Squared component w_i^2 of the representation along one hidden axis.

    2 operations.
    """
    # w_i^2 = s_i x_i^2
    squared_component = singular_value_i * stimulus_i**2
    return squared_component


def _drift_displacement(squared_component: Array, decay: Array, time: Array) -> Array:
    """Mean-squared displacement by drift along one hidden axis.

    6 operations.
    """
    # 2 w_i^2 (1 - exp(-Delta_i tau))
    displacement = 2 * squared_component * (1 - np.exp(-decay * time))
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
    """Half the distance of the two Hessian eigenvalues of the block (i, l).

    12 operations.
    """
    # rho = sqrt((H_11 - H_22)^2 / 4 + H_12^2)
    rho = np.sqrt(
        residual_l**2 * variance_l**2
        + (1 / 4) * (singular_value_i + singular_value_l) ** 2 * (variance_i - variance_l) ** 2
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
    """Mean-squared change of the first-layer weight (i, i) by its fluctuation.

    18 operations.
    """
    # E[(n_{t+tau} - n_t)^2] = 2 (1 - exp(-eta tau H)) Gamma / 2 for B = 1
    t0 = 2 * singular_value_i * variance_i
    change = (
        (1 / 4)
        * learning_rate
        * (1 - np.exp(-learning_rate * t0 * time))
        * (label_noise_i * t0 + 4 * singular_value_i * weight_decay**2)
        / (singular_value_i * variance_i)
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
    slack_l: Array,
    weight_decay: Array,
    learning_rate: Array,
    time: Array,
    rho: Array,
) -> Array:
    """Mean-squared change of the first-layer weight (i, l) by its fluctuation.

    137 operations.
    """
    # E[(n_{t+tau} - n_t)^2] = 2 s_i / (s_i + s_l) [(1 - exp(-eta tau H)) Gamma]_11, B = 1
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
    t0 = 1 / determinant_p
    t1 = 1 / (2 * hessian_p11 + 2 * hessian_p22)
    t2 = coupling_p * noise_p12
    t3 = (
        coupling_p * (coupling_p * noise_p22 + hessian_p22 * noise_p12)
        + determinant_p * noise_p11
        + hessian_p22 * (hessian_p22 * noise_p11 + t2)
    )
    t4 = learning_rate * t0 * t1
    t5 = (1 / 2) * hessian_p11
    t6 = (1 / 2) * hessian_p22
    t7 = t5 + t6
    t8 = learning_rate * time
    t9 = np.exp(-t8 * (rho + t7))
    t10 = np.exp(-t8 * (-rho + t7))
    t11 = (1 / 2) * (t10 - t9) / rho
    change = (
        2
        * singular_value_i
        * (
            -coupling_p
            * t11
            * t4
            * (
                coupling_p * (hessian_p11 * noise_p22 + t2)
                + determinant_p * noise_p12
                + hessian_p22 * (coupling_p * noise_p11 + hessian_p11 * noise_p12)
            )
            + learning_rate * t0 * t1 * t3
            - t3 * t4 * ((1 / 2) * t10 - t11 * (t5 - t6) + (1 / 2) * t9)
        )
        / (singular_value_i + singular_value_l)
    )
    return change

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
    singular_value = excess/variance
    return singular_value


def _residual(variance: Array, weight_decay: Array) -> Array:
    """What an active direction leaves of the gain.

    1 operation.
    """
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
    """Expected loss of one direction.

    9 operations.
    """
    # lambda E^2 / 2 + sigma^2 / 2 + gamma s
    loss = (1/2)*label_noise + (1/2)*residual**2*variance + singular_value*weight_decay
    return loss


def _loss_reduction(variance: Array, singular_value: Array) -> Array:
    """By how much learning a direction lowers the loss.

    4 operations.
    """
    # lambda s^2 / 2
    reduction = (1/2)*singular_value**2*variance
    return reduction


def _batch_share(total: Array, learning_rate: Array, batch: Array) -> Array:
    """Total fluctuation from its value per eta and for B = 1.

    2 operations.
    """
    # eta tr(Gamma) / B
    share = learning_rate*total/batch
    return share


def _excess_loss(noise: Array, learning_rate: Array, batch: Array) -> Array:
    """Excess loss from the total gradient noise for B = 1.

    4 operations.
    """
    # tr(H Gamma) / 2 = eta tr(C) / (4 B)
    excess = (1/4)*learning_rate*noise/batch
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
    slack_l: Array,
    missed_value_l: Array,
    gap: Array,
    weight_decay: Array,
) -> tuple[Array, Array, Array]:
    """Diagonal and determinant of the Hessian of the block (i, l).

    38 operations.
    """
    # H_11 = (s_i + s_l) lambda_l + gamma, H_22 = (s_i + s_l) lambda_i + gamma, H_11 H_22 - H_12^2
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
    first = singular_value_i*variance_l + singular_value_l*variance_l + weight_decay
    second = singular_value_i*variance_i + singular_value_l*variance_i + weight_decay
    return first, second, determinant


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
    """Hessian of normal directions between active axes that noise does not reach.

    1 operation.
    """
    # 2*gamma
    curvature = 2*weight_decay
    return curvature


def _silent_curvature(slack_l: Array, weight_decay: Array) -> tuple[Array, Array]:
    """Hessian of a silent hidden unit along an axis that is not learned.

    3 operations.
    """
    # gamma - lambda |a| = slack and gamma + lambda |a|
    lower = slack_l
    upper = -slack_l + 2*weight_decay
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
    slack_l: Array,
    missed_value_l: Array,
    gap: Array,
    weight_decay: Array,
) -> tuple[Array, Array, Array, Array, Array]:
    """Fluctuation and gradient noise of the block (i, l), per eta and for B = 1.

    109 operations.
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
    covariance_il = t3*(coupling*t2 + determinant*noise_12 + hessian_11*t0)
    noise_il = noise_11
    noise_li = noise_22
    return variance_il, variance_li, covariance_il, noise_il, noise_li


def _beside_blocks(
    variance_l: Array,
    residual_l: Array,
    weight_decay: Array,
) -> tuple[Array, Array, Array, Array, Array, Array]:
    """What all blocks (i, l) of a direction l have beside their diagonals.

    6 operations.
    """
    # For B = 1: kappa = -H_12, c = o C_12 / s_i with the share o = s_i / (s_i + s_l), 2 c, kappa^2,
    # 2 kappa c and 2 c^2
    coupling = residual_l*variance_l
    noise_12 = coupling*weight_decay
    doubled_12 = 2*noise_12
    squared_coupling = coupling**2
    coupled_noise = coupling*doubled_12
    squared_noise = doubled_12*noise_12
    return coupling, noise_12, doubled_12, squared_coupling, coupled_noise, squared_noise


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
    missed_value_l: Array,
    gap: Array,
    weight_decay: Array,
) -> tuple[Array, ...]:
    """What terms need of the block (i, l).

    43 operations.
    """
    # For B = 1: H_11, H_22, det(H), o C_11 / s_i and o C_22 / s_i with the share o = s_i / (s_i +
    # s_l), 2 / tr(H), 2 det(H) / tr(H), H_11 - gamma and H_22 - gamma
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
    bare_1 = total*variance_l
    bare_2 = total*variance_i
    first = bare_1 + weight_decay
    second = bare_2 + weight_decay
    weight = 2/(first + second)
    noise_11 = variance_l*(label_noise_i + residual_i*weight_decay)
    noise_22 = variance_i*(coupling*residual_l + label_noise_l)
    determinant_weight = determinant*weight
    return (
        first, second, determinant, noise_11, noise_22, weight, determinant_weight, bare_1, bare_2
    )


def _learned_block(
    variance_i: Array,
    label_noise_i: Array,
    singular_value_i: Array,
    residual_i: Array,
    variance_l: Array,
    label_noise_l: Array,
    singular_value_l: Array,
    residual_l: Array,
    weight_decay: Array,
) -> tuple[Array, ...]:
    """What terms need of the block (i, l) of two learned directions.

    18 operations.
    """
    # For B = 1: H_11, H_22, det(H), o C_11 / s_i and o C_22 / s_i with the share o = s_i / (s_i +
    # s_l), 2 / tr(H), 2 det(H) / tr(H), H_11 - gamma and H_22 - gamma
    total = singular_value_i + singular_value_l
    bare_1 = total*variance_l
    bare_2 = total*variance_i
    first = bare_1 + weight_decay
    second = bare_2 + weight_decay
    determinant = bare_1*bare_2 + weight_decay*(bare_1 + bare_2)
    weight = 2/(first + second)
    noise_11 = variance_l*(label_noise_i + residual_i*weight_decay)
    noise_22 = variance_i*(label_noise_l + residual_l*weight_decay)
    determinant_weight = determinant*weight
    return (
        first, second, determinant, noise_11, noise_22, weight, determinant_weight, bare_1, bare_2
    )


def _own_term(
    variance_i: Array,
    label_noise_i: Array,
    singular_value_i: Array,
    first_q: Array,
    second_q: Array,
    determinant_q: Array,
    noise_11_q: Array,
    noise_22_q: Array,
    weight_q: Array,
    determinant_weight_q: Array,
    bare_1_q: Array,
    bare_2_q: Array,
    coupling: Array,
    noise_12: Array,
    doubled_12: Array,
    squared_coupling: Array,
    coupled_noise: Array,
    squared_noise: Array,
    weight_decay: Array,
) -> Array:
    """What the direction (i, i) and the solved block (j, i) add to the swept area of (i, j).

    42 operations.
    """
    # o^2 (tr(Y' C_P Y Gamma_Q) + tr(Z C_Q Z' Gamma_P)) / (s_i s_j) per eta and for B = 1, with h Y
    # + Y H = 2 (1 1) H and H Z' + Z' h = 2 h (1 1)', both over det(H + h)
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
    return area


def _joint_term(
    first_p: Array,
    second_p: Array,
    determinant_p: Array,
    noise_11_p: Array,
    noise_22_p: Array,
    weight_p: Array,
    determinant_weight_p: Array,
    bare_1_p: Array,
    bare_2_p: Array,
    first_q: Array,
    second_q: Array,
    determinant_q: Array,
    noise_11_q: Array,
    noise_22_q: Array,
    weight_q: Array,
    determinant_weight_q: Array,
    bare_1_q: Array,
    bare_2_q: Array,
    coupling: Array,
    noise_12: Array,
    doubled_12: Array,
    squared_coupling: Array,
    coupled_noise: Array,
    squared_noise: Array,
) -> Array:
    """What the solved blocks (i, l) and (j, l) add to the swept area of (i, j).

    94 operations.
    """
    # o^2 (tr(Y' C_P Y Gamma_Q) + tr(Z C_Q Z' Gamma_P)) / (s_i s_j) per eta and for B = 1, with H_P
    # Y + Y H_Q = 2 H_Q, H_P Z + Z H_Q = 2 H_P and H_P W + W H_Q = 2: of F(X) = tr(C_P X C_Q X') it
    # is o^2 (F(Y) / (2 tr(H_Q)) + F(Z) / (2 tr(H_P)) + F(W) (det(H_Q) / (2 tr(H_Q)) + det(H_P) / (2
    # tr(H_P)))) / (s_i s_j)
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
    return area


def _own_term_white_noise(
    variance_i: Array,
    label_noise_i: Array,
    singular_value_i: Array,
    first_q: Array,
    second_q: Array,
    determinant_q: Array,
    noise_11_q: Array,
    noise_22_q: Array,
    weight_q: Array,
    determinant_weight_q: Array,
    bare_1_q: Array,
    bare_2_q: Array,
    coupling: Array,
    noise_12: Array,
    doubled_12: Array,
    squared_coupling: Array,
    coupled_noise: Array,
    squared_noise: Array,
    weight_decay: Array,
) -> Array:
    """What the direction (i, i) and the solved block (j, i) add to the swept area of (i, j).

    47 operations.
    """
    # o^2 (tr(C_P Gamma_Q) + tr(C_Q Gamma_P)) / (s_i s_j) with (1 1) between the two, per eta and
    # for B = 1: the white-noise approximation
    curvature = 2*singular_value_i*variance_i
    t0 = noise_11_q + noise_22_q
    t1 = 2*noise_12
    t2 = coupling**2
    t3 = coupling*first_q
    t4 = coupling*second_q
    area = (
        (label_noise_i*variance_i + 2*weight_decay**2)*((1/4)*weight_q*(t0 + t1 +
        (first_q**2*noise_22_q + first_q*second_q*t1 + noise_11_q*second_q**2 + noise_11_q*t2
        + 2*noise_11_q*t4 + noise_22_q*t2 + 2*noise_22_q*t3 + t1*t2 + t1*t3 +
        t1*t4)/determinant_q) + (1/2)*(doubled_12 + t0)/curvature)
    )
    return area


def _joint_term_white_noise(
    first_p: Array,
    second_p: Array,
    determinant_p: Array,
    noise_11_p: Array,
    noise_22_p: Array,
    weight_p: Array,
    determinant_weight_p: Array,
    bare_1_p: Array,
    bare_2_p: Array,
    first_q: Array,
    second_q: Array,
    determinant_q: Array,
    noise_11_q: Array,
    noise_22_q: Array,
    weight_q: Array,
    determinant_weight_q: Array,
    bare_1_q: Array,
    bare_2_q: Array,
    coupling: Array,
    noise_12: Array,
    doubled_12: Array,
    squared_coupling: Array,
    coupled_noise: Array,
    squared_noise: Array,
) -> Array:
    """What the solved blocks (i, l) and (j, l) add to the swept area of (i, j).

    65 operations.
    """
    # o^2 (tr(C_P Gamma_Q) + tr(C_Q Gamma_P)) / (s_i s_j) per eta and for B = 1: the white-noise
    # approximation
    t0 = noise_11_p*noise_11_q
    t1 = noise_22_p*noise_22_q
    t2 = 2*noise_12**2
    t3 = 2*coupling*noise_12
    t4 = first_p*t3
    t5 = second_p*t3
    t6 = coupling**2
    t7 = noise_11_p*noise_22_q*t6 + noise_11_q*noise_22_p*t6 + t2*t6
    t8 = t0 + t1 + t2
    t9 = first_q*t3
    t10 = second_q*t3
    area = (
        (1/4)*weight_p*(t8 + (first_p**2*t1 + first_p*second_p*t2 + noise_11_p*t5 +
        noise_11_q*t5 + noise_22_p*t4 + noise_22_q*t4 + second_p**2*t0 + t7)/determinant_p) +
        (1/4)*weight_q*(t8 + (first_q**2*t1 + first_q*second_q*t2 + noise_11_p*t10 +
        noise_11_q*t10 + noise_22_p*t9 + noise_22_q*t9 + second_q**2*t0 + t7)/determinant_q)
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

    13 operations.
    """
    # D = eta^3 s_i s_j area / (2 B^2 G^2): the area comes without both singular values
    diffusion = (
        (1/2)*area*learning_rate**3*singular_value_i*singular_value_j/(batch**2*(2*singular_value_i
        + 2*singular_value_j)**2)
    )
    return diffusion


def _squared_component(stimulus_i: Array, singular_value_i: Array) -> Array:
    """Squared component w_i^2 of the representation along one hidden axis.

    2 operations.
    """
    # w_i^2 = s_i x_i^2
    squared_component = singular_value_i*stimulus_i**2
    return squared_component


def _drift_displacement(squared_component: Array, decay: Array, time: Array) -> Array:
    """Mean-squared displacement by drift along one hidden axis.

    6 operations.
    """
    # 2 w_i^2 (1 - exp(-Delta_i tau))
    displacement = -2*squared_component*np.expm1(-decay*time)
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
    rho = (
        np.sqrt(residual_l**2*variance_l**2 + (1/4)*(singular_value_i +
        singular_value_l)**2*(variance_i - variance_l)**2)
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
    t0 = 2*singular_value_i*variance_i
    change = (
        -1/4*learning_rate*(label_noise_i*t0 +
        4*singular_value_i*weight_decay**2)*np.expm1(-learning_rate*t0*time)/(singular_value_i*variance_i)
    )
    return change


def _eigenvalue_distances(
    variance_i: Array,
    label_noise_i: Array,
    singular_value_i: Array,
    variance_l: Array,
    label_noise_l: Array,
    singular_value_l: Array,
    residual_l: Array,
    weight_decay: Array,
    rho: Array,
) -> tuple[Array, Array]:
    """From the larger Hessian eigenvalue of the block (i, l) to its diagonal.

    11 operations.
    """
    # h_2 - min(H_11, H_22) = rho + |H_11 - H_22| / 2 and h_2 - max(H_11, H_22), which is H_12^2
    # over the other one
    t0 = rho + (1/2)*(singular_value_i + singular_value_l)*abs(variance_i - variance_l)
    far = t0
    near = residual_l**2*variance_l**2/t0
    return far, near


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
    lower: Array,
    upper: Array,
    ahead: Array,
    behind: Array,
    slow: Array,
    fast: Array,
    apart: Array,
) -> Array:
    """Mean-squared change of the first-layer weight (i, l) by its fluctuation.

    71 operations.
    """
    # E[(n_{t+tau} - n_t)^2] = 2 s_i / (s_i + s_l) [(1 - exp(-eta tau H)) Gamma]_11, B = 1; ahead =
    # h_2 - H_11, behind = h_2 - H_22 with the eigenvalues h of H, slow and fast are g = (1 -
    # exp(-eta tau h)) / h of the lower and the upper one, apart = (g_1 - g_2) / (h_2 - h_1)
    coupling = residual_l*variance_l
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
    t0 = 2*hessian_22
    change = (
        2*learning_rate*singular_value_i*(apart*coupling*(coupling*noise_22 + noise_12*t0) +
        noise_11*(ahead*slow*(hessian_22 + lower) + behind*fast*(hessian_22 + upper))/(ahead +
        behind))/((2*hessian_11 + t0)*(singular_value_i + singular_value_l))
    )
    return change

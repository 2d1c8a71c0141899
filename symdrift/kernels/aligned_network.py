"""The scalar formulas of an aligned network, ready to be printed as NumPy."""

from __future__ import annotations

from dataclasses import replace

import sympy as sp

from symdrift.derivation.symbols import BATCH, ETA, GAMMA, TIME, symbol
from symdrift.kernels.positive import (
    PositiveBlock,
    coloured,
    coloured_column,
    coloured_row,
    determinant,
)
from symdrift.kernels.scalar import Argument, ScalarFunction
from symdrift.theory.linear.aligned import DriftTerm, RepresentativeDrift, any_direction
from symdrift.theory.linear.curvature import silent_curvatures, unreached_curvature
from symdrift.theory.linear.normal_space import NormalBlock
from symdrift.theory.linear.points import AlignedMinimum, loss_reduction
from symdrift.theory.linear.propagator import drift_displacement, forgotten_variance, splitting

WEIGHT_DECAY = Argument(GAMMA, "weight_decay")
LEARNING_RATE = Argument(ETA, "learning_rate")
BATCH_SIZE = Argument(BATCH, "batch")


def axis_arguments(index: str) -> tuple[Argument, ...]:
    """Variance, label noise and singular value of one direction."""
    return (
        Argument(symbol("input_variance", index), f"variance_{index}"),
        Argument(symbol("label_noise", index) ** 2, f"label_noise_{index}"),
        Argument(symbol("singular_value", index), f"singular_value_{index}"),
    )


def _residual(index: str) -> Argument:
    return Argument(symbol("residual_map", index), f"residual_{index}")


def _named_block(block: NormalBlock, label: str) -> tuple[PositiveBlock, dict[sp.Symbol, sp.Expr]]:
    """A block of two rows whose entries are symbols, and the expressions they stand for."""
    hessian, noise = block.hessian, block.noise
    entries = {
        sp.Symbol(f"{name}_{label}{suffix}", positive=True): expression
        for name, suffix, expression in (
            ("hessian", "11", hessian[0, 0]),
            ("hessian", "22", hessian[1, 1]),
            ("coupling", "", -hessian[0, 1]),
            ("determinant", "", determinant(hessian)),
            ("noise", "11", noise[0, 0]),
            ("noise", "12", noise[0, 1]),
            ("noise", "22", noise[1, 1]),
        )
    }
    first, second, coupling, product, *noises = entries
    matrix = sp.ImmutableMatrix([[noises[0], noises[1]], [noises[1], noises[2]]])
    return PositiveBlock(first, second, coupling, product, matrix), entries


def _term(name: str, term: DriftTerm, indices: str, white: bool) -> ScalarFunction:
    """One index's contribution, with the entries of the two blocks named."""
    forward = term.couplings[0]
    summed = _other_area if "l" in indices else _own_area
    expression, intermediates = summed(forward.left, forward.right, white)
    expression *= forward.overlap**2
    used = expression.free_symbols
    arguments = [argument for index in indices for argument in axis_arguments(index)]
    if "l" in indices:
        arguments.append(_residual("l"))
    rotation = "J" if white else "Y"
    return ScalarFunction(
        name=name,
        summary=(
            f"What index {'l' if 'l' in indices else 'l = i'} adds to the swept area of (i, j)."
        ),
        formula=(
            f"o^2 (tr({rotation}' C_P {rotation} Gamma_Q) + tr(Z C_Q Z' Gamma_P)) per eta and for "
            "B = 1, with H_P Y + Y H_Q = 2 J H_Q, H_P Z + Z H_Q = 2 H_P J, H Gamma + Gamma H = C"
            if not white
            else "o^2 (tr(J' C_P J Gamma_Q) + tr(J C_Q J' Gamma_P)) per eta and for B = 1: the "
            "white-noise approximation, with H Gamma + Gamma H = C"
        ),
        arguments=(*arguments, WEIGHT_DECAY),
        results={"area": expression},
        intermediates={k: v for k, v in intermediates.items() if k in used},
    )


def _own_area(
    left: NormalBlock, right: NormalBlock, white: bool
) -> tuple[sp.Expr, dict[sp.Symbol, sp.Expr]]:
    """``tr(Y' C_P Y Gamma_Q) + tr(Z C_Q Z' Gamma_P)`` for a block of one row and one of two."""
    curvature, noise, *kept = sp.symbols("hessian_p noise_p kept_q1 kept_q2", positive=True)
    block, entries = _named_block(right, "q")
    values = {curvature: left.hessian[0], noise: left.noise[0]}
    values |= {kept[k]: sp.expand(right.hessian[k, k] + right.hessian[0, 1]) for k in (0, 1)}
    forward, backward = sp.ones(1, 2), sp.ones(2, 1)
    if not white:
        forward = coloured_row(curvature, block, sp.Matrix([kept]))
        backward = coloured_column(curvature, block)
    swept = noise * (forward * block.fluctuation * forward.T)[0]
    returned = (backward.T * block.noise * backward)[0] * noise / (2 * curvature)
    return swept + returned, values | entries


def _other_area(
    left: NormalBlock, right: NormalBlock, white: bool
) -> tuple[sp.Expr, dict[sp.Symbol, sp.Expr]]:
    """The same for two blocks of two rows."""
    first, values = _named_block(left, "p")
    second, further = _named_block(right, "q")
    second = replace(second, coupling=first.coupling)
    forward = backward = sp.eye(2)
    if not white:
        forward, backward = coloured(first, second), coloured(second, first)
    swept = forward.T * first.noise * forward * second.fluctuation
    returned = backward.T * second.noise * backward * first.fluctuation
    return swept.trace() + returned.trace(), values | further


def aligned_kernels(drift: RepresentativeDrift) -> tuple[ScalarFunction, ...]:
    """The scalar functions behind the kernels of an aligned study."""
    pair, own = drift.pair_block, drift.diagonal_block
    area = sp.Symbol("area", positive=True)
    variance, gain = symbol("input_variance"), symbol("gain")
    singular_value = gain - GAMMA / variance
    s_i, s_j = (symbol("singular_value", index) for index in "ij")
    positive, pair_entries = _named_block(pair, "p")
    gamma_pair = positive.fluctuation
    pair_arguments = (*axis_arguments("i"), *axis_arguments("l"), _residual("l"), WEIGHT_DECAY)
    own_arguments = (*axis_arguments("i"), WEIGHT_DECAY)
    stimulus, decay = sp.Symbol("stimulus", real=True), sp.Symbol("decay", positive=True)
    half_distance = sp.Symbol("half_distance", positive=True)
    unreached = unreached_curvature()
    return (
        ScalarFunction(
            "_singular_value",
            "Singular value of an active direction.",
            f"s = {singular_value}",
            (
                Argument(variance, "variance"),
                Argument(gain, "gain"),
                WEIGHT_DECAY,
            ),
            {"singular_value": singular_value},
        ),
        ScalarFunction(
            "_residual",
            "What an active direction leaves of the gain.",
            f"E = {gain - singular_value}",
            (Argument(variance, "variance"), WEIGHT_DECAY),
            {"residual": gain - singular_value},
        ),
        ScalarFunction(
            "_loss",
            "Expected loss of one direction.",
            "lambda E^2 / 2 + sigma^2 / 2 + gamma s",
            (
                Argument(symbol("input_variance"), "variance"),
                Argument(symbol("label_noise") ** 2, "label_noise"),
                Argument(symbol("singular_value"), "singular_value"),
                Argument(symbol("residual_map"), "residual"),
                WEIGHT_DECAY,
            ),
            {"loss": AlignedMinimum((any_direction(""),), hidden=1, inputs=1, outputs=1).loss},
        ),
        ScalarFunction(
            "_loss_reduction",
            "By how much learning a direction lowers the loss.",
            "lambda s^2 / 2",
            (
                Argument(variance, "variance"),
                Argument(symbol("singular_value"), "singular_value"),
            ),
            {"reduction": loss_reduction()},
        ),
        ScalarFunction(
            "_batch_share",
            "Total fluctuation from its value per eta and for B = 1.",
            "eta tr(Gamma) / B",
            (Argument(area, "total"), LEARNING_RATE, BATCH_SIZE),
            {"share": ETA * area / BATCH},
        ),
        ScalarFunction(
            "_excess_loss",
            "Excess loss from the total gradient noise for B = 1.",
            "tr(H Gamma) / 2 = eta tr(C) / (4 B)",
            (Argument(area, "noise"), LEARNING_RATE, BATCH_SIZE),
            {"excess": ETA * area / (4 * BATCH)},
        ),
        ScalarFunction(
            "_own_curvature",
            "Hessian of the direction (i, i).",
            "2 s_i lambda_i",
            (*axis_arguments("i"), WEIGHT_DECAY),
            {"curvature": own.hessian[0]},
        ),
        ScalarFunction(
            "_pair_curvature",
            "Diagonal and determinant of the Hessian of the block (i, l).",
            "H_11 = (s_i + s_l) lambda_l + gamma, H_22 = (s_i + s_l) lambda_i + gamma, "
            "H_11 H_22 - H_12^2",
            (*axis_arguments("i"), *axis_arguments("l"), _residual("l"), WEIGHT_DECAY),
            {
                "first": pair.hessian[0, 0],
                "second": pair.hessian[1, 1],
                "product": determinant(pair.hessian),
            },
        ),
        ScalarFunction(
            "_pair_block",
            "Entries of Hessian and gradient noise of the block (i, l), for B = 1.",
            "H = [[first, -coupling], [-coupling, second]], C = [[noise_il, shared], "
            "[shared, noise_li]]",
            pair_arguments,
            {
                "first": pair.hessian[0, 0],
                "second": pair.hessian[1, 1],
                "coupling": -pair.hessian[0, 1],
                "noise_il": pair.noise[0, 0],
                "noise_li": pair.noise[1, 1],
                "shared": pair.noise[0, 1],
            },
        ),
        ScalarFunction(
            "_unreached_curvature",
            "Hessian of normal directions between active axes that noise does not reach.",
            f"{unreached}",
            (WEIGHT_DECAY,),
            {"curvature": unreached},
        ),
        ScalarFunction(
            "_silent_curvature",
            "Hessian of a silent hidden unit along an axis that is not learned.",
            "gamma - lambda |a| and gamma + lambda |a|",
            (
                Argument(symbol("input_variance", "l"), "variance_l"),
                Argument(symbol("gain", "l"), "gain_l"),
                WEIGHT_DECAY,
            ),
            dict(zip(("lower", "upper"), silent_curvatures(), strict=True)),
        ),
        ScalarFunction(
            "_own_fluctuation",
            "Fluctuation and gradient noise of the direction (i, i), per eta and for B = 1.",
            "H Gamma + Gamma H = C",
            own_arguments,
            {
                "variance_ii": own.fluctuation[0].xreplace({ETA: sp.Integer(1)}),
                "noise_ii": own.noise[0],
            },
        ),
        ScalarFunction(
            "_pair_fluctuation",
            "Fluctuation and gradient noise of the block (i, l), per eta and for B = 1.",
            "H Gamma + Gamma H = C for two rows: "
            "Gamma = (det(H) C + adj(H) C adj(H)) / (2 tr(H) det(H))",
            pair_arguments,
            {
                "variance_il": gamma_pair[0, 0],
                "variance_li": gamma_pair[1, 1],
                "covariance_il": gamma_pair[0, 1],
                "noise_il": positive.noise[0, 0],
                "noise_li": positive.noise[1, 1],
            },
            pair_entries,
        ),
        _term("_own_term", drift.own_term, "ij", white=False),
        _term("_other_term", drift.other_term, "ijl", white=False),
        _term("_own_term_white_noise", drift.own_term, "ij", white=True),
        _term("_other_term_white_noise", drift.other_term, "ijl", white=True),
        ScalarFunction(
            "_diffusion",
            "Diffusion coefficient of one plane from its swept area.",
            "D = eta^3 area / (2 B^2 G^2)",
            (
                Argument(area, "area"),
                *(Argument(s, f"singular_value_{k}") for k, s in (("i", s_i), ("j", s_j))),
                LEARNING_RATE,
                BATCH_SIZE,
            ),
            {"diffusion": ETA**3 * area / (2 * BATCH**2 * drift.squared_length**2)},
        ),
        ScalarFunction(
            "_squared_component",
            "Squared component w_i^2 of the representation along one hidden axis.",
            "w_i^2 = s_i x_i^2",
            (
                Argument(stimulus, "stimulus_i"),
                Argument(s_i, "singular_value_i"),
            ),
            {"squared_component": s_i * stimulus**2},
        ),
        ScalarFunction(
            "_drift_displacement",
            "Mean-squared displacement by drift along one hidden axis.",
            "2 w_i^2 (1 - exp(-Delta_i tau))",
            (
                Argument(sp.Symbol("w2"), "squared_component"),
                Argument(decay, "decay"),
                Argument(TIME, "time"),
            ),
            {"displacement": drift_displacement(sp.Symbol("w2"), decay)},
        ),
        ScalarFunction(
            "_half_distance",
            "Half the distance of the two Hessian eigenvalues of the block (i, l).",
            "rho = sqrt((H_11 - H_22)^2 / 4 + H_12^2)",
            (*axis_arguments("i"), *axis_arguments("l"), _residual("l"), WEIGHT_DECAY),
            {"rho": splitting(pair.hessian)},
        ),
        ScalarFunction(
            "_own_weight_change",
            "Mean-squared change of the first-layer weight (i, i) by its fluctuation.",
            "E[(n_{t+tau} - n_t)^2] = 2 (1 - exp(-eta tau H)) Gamma / 2 for B = 1",
            (*own_arguments, LEARNING_RATE, Argument(TIME, "time")),
            {
                "change": 2
                * weight_share(own)
                * forgotten_variance(own.hessian, own.fluctuation, half_distance)
            },
        ),
        ScalarFunction(
            "_pair_weight_change",
            "Mean-squared change of the first-layer weight (i, l) by its fluctuation.",
            "E[(n_{t+tau} - n_t)^2] = 2 s_i / (s_i + s_l) [(1 - exp(-eta tau H)) Gamma]_11, B = 1",
            (
                *pair_arguments,
                LEARNING_RATE,
                Argument(TIME, "time"),
                Argument(half_distance, "rho"),
            ),
            {
                "change": 2
                * weight_share(pair)
                * forgotten_variance(
                    sp.ImmutableMatrix(
                        [
                            [positive.first, -positive.coupling],
                            [-positive.coupling, positive.second],
                        ]
                    ),
                    ETA * sp.ImmutableMatrix(gamma_pair),
                    half_distance,
                )
            },
            pair_entries,
        ),
    )


def weight_share(block: NormalBlock) -> sp.Expr:
    """Squared weight of the first layer in the first unit vector of a block."""
    direction = block.directions[0]
    hidden_first = direction.vector[: _first_layer_size(block)]
    return sp.Add(*(entry**2 for entry in hidden_first)) / direction.squared_norm


def _first_layer_size(block: NormalBlock) -> int:
    """Coordinates of the first layer, for a sub-network with as many inputs as outputs."""
    return int(block.directions[0].vector.rows) // 2

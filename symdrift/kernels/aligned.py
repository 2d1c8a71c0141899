"""The scalar formulas of an aligned network, ready to be printed as NumPy."""

from __future__ import annotations

from dataclasses import dataclass, replace

import sympy as sp

from symdrift.aligned import DriftTerm, RepresentativeDrift, any_direction
from symdrift.fluctuation import NormalBlock
from symdrift.hessian import silent_curvatures, unreached_curvature
from symdrift.kernels.scalar import Argument, ScalarFunction
from symdrift.manifold import AlignedMinimum, loss_reduction
from symdrift.notation import BATCH, ETA, GAMMA, TIME, symbol
from symdrift.representation import drift_displacement, forgotten_variance, splitting

WEIGHT_DECAY = Argument(GAMMA, "weight_decay", "Weight decay gamma.")
LEARNING_RATE = Argument(ETA, "learning_rate", "Learning rate eta.")
BATCH_SIZE = Argument(BATCH, "batch", "Samples per step B.")


def axis_arguments(index: str) -> tuple[Argument, ...]:
    """Variance, label noise and singular value of one direction."""
    return (
        Argument(
            symbol("input_variance", index), f"variance_{index}", f"Input variance lambda_{index}."
        ),
        Argument(
            symbol("label_noise", index) ** 2,
            f"label_noise_{index}",
            f"Variance sigma_{index}^2 of the label noise.",
        ),
        Argument(
            symbol("singular_value", index),
            f"singular_value_{index}",
            f"Singular value s_{index} of the learned map.",
        ),
    )


def _residual(index: str) -> Argument:
    return Argument(
        symbol("residual_map", index), f"residual_{index}", f"Residual E_{index} of the gain."
    )


@dataclass(frozen=True)
class _Named:
    """A block whose entries are symbols, with the expressions that they stand for."""

    block: NormalBlock
    entries: dict[sp.Symbol, sp.Expr]


def _name_entries(block: NormalBlock, label: str, known: dict[sp.Expr, sp.Symbol]) -> _Named:
    entries: dict[sp.Symbol, sp.Expr] = {}

    def named(kind: str, matrix: sp.ImmutableMatrix) -> sp.ImmutableMatrix:
        def entry(row: int, column: int) -> sp.Symbol:
            row, column = sorted((row, column))
            expression = matrix[row, column]
            if expression not in known:
                suffix = f"{row + 1}{column + 1}" if matrix.rows > 1 else ""
                known[expression] = sp.Symbol(f"{kind}_{label}{suffix}", real=True)
                entries[known[expression]] = expression
            return known[expression]

        return sp.ImmutableMatrix(matrix.rows, matrix.cols, entry)

    hessian = named("hessian", block.hessian)
    noise = named("noise", block.noise)
    return _Named(replace(block, hessian=hessian, noise=noise), entries)


def _term(name: str, term: DriftTerm, indices: str, white: bool) -> ScalarFunction:
    """One index's contribution, with the entries of the two blocks named."""
    known: dict[sp.Expr, sp.Symbol] = {}
    forward, backward = term.couplings
    left = _name_entries(forward.left, "p", known)
    right = _name_entries(forward.right, "q", known)
    named = DriftTerm(
        (
            replace(forward, left=left.block, right=right.block),
            replace(backward, left=right.block, right=left.block),
        )
    )
    expression = named.white_noise if white else named.exact
    used = expression.free_symbols
    intermediates = {k: v for k, v in (left.entries | right.entries).items() if k in used}
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
        results={"area": expression.xreplace({ETA: sp.Integer(1)})},
        intermediates=intermediates,
    )


def aligned_kernels(drift: RepresentativeDrift) -> tuple[ScalarFunction, ...]:
    """The scalar functions behind the kernels of an aligned study."""
    pair, own = drift.pair_block, drift.diagonal_block
    area = sp.Symbol("area", positive=True)
    variance, gain = symbol("input_variance"), symbol("gain")
    singular_value = gain - GAMMA / variance
    s_i, s_j = (symbol("singular_value", index) for index in "ij")
    gamma_pair = pair.fluctuation.xreplace({ETA: sp.Integer(1)})
    pair_arguments = (*axis_arguments("i"), *axis_arguments("l"), _residual("l"), WEIGHT_DECAY)
    own_arguments = (*axis_arguments("i"), WEIGHT_DECAY)
    stimulus, decay = sp.Symbol("stimulus", real=True), sp.Symbol("decay", positive=True)
    half_distance = sp.Symbol("half_distance", positive=True)
    named = _name_entries(pair, "p", {})
    unreached = unreached_curvature()
    return (
        ScalarFunction(
            "_singular_value",
            "Singular value of an active direction.",
            f"s = {singular_value}",
            (
                Argument(variance, "variance", "Input variance lambda."),
                Argument(gain, "gain", "Modulus of the gain a of the teacher."),
                WEIGHT_DECAY,
            ),
            {"singular_value": singular_value},
        ),
        ScalarFunction(
            "_loss",
            "Expected loss of one direction.",
            "lambda E^2 / 2 + sigma^2 / 2 + gamma s",
            (
                Argument(symbol("input_variance"), "variance", "Input variance lambda."),
                Argument(symbol("label_noise") ** 2, "label_noise", "Label noise sigma^2."),
                Argument(symbol("singular_value"), "singular_value", "Singular value s."),
                Argument(symbol("residual_map"), "residual", "Residual E of the gain."),
                WEIGHT_DECAY,
            ),
            {"loss": AlignedMinimum((any_direction(""),), hidden=1, inputs=1, outputs=1).loss},
        ),
        ScalarFunction(
            "_loss_reduction",
            "By how much learning a direction lowers the loss.",
            "lambda s^2 / 2",
            (
                Argument(variance, "variance", "Input variance lambda."),
                Argument(symbol("singular_value"), "singular_value", "Singular value s."),
            ),
            {"reduction": loss_reduction()},
        ),
        ScalarFunction(
            "_batch_share",
            "Total fluctuation from its value per eta and for B = 1.",
            "eta tr(Gamma) / B",
            (Argument(area, "total", "tr(Gamma) for eta = 1, B = 1."), LEARNING_RATE, BATCH_SIZE),
            {"share": ETA * area / BATCH},
        ),
        ScalarFunction(
            "_excess_loss",
            "Excess loss from the total gradient noise for B = 1.",
            "tr(H Gamma) / 2 = eta tr(C) / (4 B)",
            (Argument(area, "noise", "tr(C) for B = 1."), LEARNING_RATE, BATCH_SIZE),
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
            "Diagonal of the Hessian of the block (i, l).",
            "H_11 = (s_i + s_l) lambda_l + gamma, H_22 = (s_i + s_l) lambda_i + gamma",
            (*axis_arguments("i"), *axis_arguments("l"), WEIGHT_DECAY),
            {"first": pair.hessian[0, 0], "second": pair.hessian[1, 1]},
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
                Argument(symbol("input_variance", "l"), "variance_l", "Input variance lambda_l."),
                Argument(symbol("gain", "l"), "gain_l", "Modulus of the gain a_l."),
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
                "noise_il": pair.noise[0, 0],
                "noise_li": pair.noise[1, 1],
            },
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
                Argument(area, "area", "Sum of the terms of all indices l."),
                *(
                    Argument(s, f"singular_value_{k}", f"Singular value s_{k}.")
                    for k, s in (("i", s_i), ("j", s_j))
                ),
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
                Argument(stimulus, "stimulus_i", "Component x_i of the stimulus."),
                Argument(s_i, "singular_value_i", "Singular value s_i."),
            ),
            {"squared_component": s_i * stimulus**2},
        ),
        ScalarFunction(
            "_drift_displacement",
            "Mean-squared displacement by drift along one hidden axis.",
            "2 w_i^2 (1 - exp(-Delta_i tau))",
            (
                Argument(sp.Symbol("w2"), "squared_component", "Squared component w_i^2."),
                Argument(decay, "decay", "Entry Delta_i of the decay matrix, per step."),
                Argument(TIME, "time", "Time lag tau in steps."),
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
            (*own_arguments, LEARNING_RATE, Argument(TIME, "time", "Time lag tau in steps.")),
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
                Argument(TIME, "time", "Time lag tau in steps."),
                Argument(half_distance, "rho", "Half the distance of the two eigenvalues of H."),
            ),
            {
                "change": 2
                * weight_share(pair)
                * forgotten_variance(named.block.hessian, named.block.fluctuation, half_distance)
            },
            named.entries,
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

"""The scalar formulas of an aligned network, ready to be printed as NumPy."""

from __future__ import annotations

import sympy as sp
from sympy.codegen.cfunctions import expm1

from symdrift.derivation.symbols import BATCH, ETA, GAMMA, TIME, symbol
from symdrift.kernels.area_terms import (
    CLOSENESS,
    SLACK,
    WEIGHT_DECAY,
    Steps,
    area_kernels,
    axis_arguments,
    close_axes,
    residual_argument,
    weight_share,
)
from symdrift.kernels.positive import Forgetting, PositiveBlock
from symdrift.kernels.scalar import Argument, ScalarFunction
from symdrift.theory.linear.aligned import RepresentativeDrift, any_direction
from symdrift.theory.linear.curvature import silent_curvatures, unreached_curvature
from symdrift.theory.linear.normal_space import NormalBlock
from symdrift.theory.linear.points import AlignedMinimum, learned_value, loss_reduction
from symdrift.theory.linear.propagator import drift_displacement, forgotten_variance, splitting

LEARNING_RATE = Argument(ETA, "learning_rate")
BATCH_SIZE = Argument(BATCH, "batch")


def _named_block(block: NormalBlock) -> tuple[PositiveBlock, Steps]:
    """A block of two rows whose entries are symbols, and the expressions they stand for."""
    hessian, noise, steps = block.hessian, block.noise, Steps()
    axes, determinant = close_axes(steps)
    first, second = (steps.name(f"hessian_{k + 1}{k + 1}", hessian[k, k]) for k in (0, 1))
    named = steps.symmetric("noise", noise)
    return PositiveBlock(first, second, axes.coupling, determinant, named.as_immutable()), steps


def aligned_kernels(drift: RepresentativeDrift) -> tuple[ScalarFunction, ...]:
    """The scalar functions behind the kernels of an aligned study."""
    pair, own = drift.pair_block, drift.diagonal_block
    area = sp.Symbol("area", positive=True)
    variance, gain = symbol("input_variance"), symbol("gain")
    singular_value = learned_value(gain, variance)
    excess = sp.Symbol("excess", positive=True)
    s_i, s_j = (symbol("singular_value", index) for index in "ij")
    positive, pair_entries = _named_block(pair)
    closeness = Steps()
    _, determinant = close_axes(closeness)
    gamma_pair = positive.fluctuation
    pair_arguments = (
        *axis_arguments("i"),
        *axis_arguments("l"),
        residual_argument("l"),
        WEIGHT_DECAY,
    )
    tight_arguments = (*pair_arguments[:-1], *CLOSENESS, WEIGHT_DECAY)
    own_arguments = (*axis_arguments("i"), WEIGHT_DECAY)
    stimulus, decay = sp.Symbol("stimulus", real=True), sp.Symbol("decay", positive=True)
    half_distance = sp.Symbol("half_distance", positive=True)
    forgetting = Forgetting(*sp.symbols("lower upper ahead behind slow fast apart", positive=True))
    unequal = sp.factor(pair.hessian[0, 0] - pair.hessian[1, 1])
    shown = sp.Matrix([positive.trace, positive.coupling, *positive.noise]).free_symbols
    unreached = unreached_curvature()
    silent_gain = (GAMMA - SLACK.value) / symbol("input_variance", "l")
    return (
        ScalarFunction(
            "_singular_value",
            "Singular value of an active direction.",
            f"s = {singular_value}, from the excess lambda a - gamma",
            (Argument(variance, "variance"), Argument(excess, "excess")),
            {"singular_value": sp.cancel(singular_value.subs(gain, (excess + GAMMA) / variance))},
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
            tight_arguments,
            {
                "first": pair.hessian[0, 0],
                "second": pair.hessian[1, 1],
                "determinant": determinant,
            },
            closeness,
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
            "gamma - lambda |a| = slack and gamma + lambda |a|",
            (SLACK, WEIGHT_DECAY),
            {
                name: sp.cancel(curvature.subs(symbol("gain", "l"), silent_gain))
                for name, curvature in zip(("lower", "upper"), silent_curvatures(), strict=True)
            },
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
            tight_arguments,
            {
                "variance_il": gamma_pair[0, 0],
                "variance_li": gamma_pair[1, 1],
                "covariance_il": gamma_pair[0, 1],
                "noise_il": positive.noise[0, 0],
                "noise_li": positive.noise[1, 1],
            },
            pair_entries,
        ),
        *area_kernels(drift),
        ScalarFunction(
            "_diffusion",
            "Diffusion coefficient of one plane from its swept area.",
            "D = eta^3 s_i s_j area / (2 B^2 G^2): the area comes without both singular values",
            (
                Argument(area, "area"),
                *(Argument(s, f"singular_value_{k}") for k, s in (("i", s_i), ("j", s_j))),
                LEARNING_RATE,
                BATCH_SIZE,
            ),
            {"diffusion": ETA**3 * s_i * s_j * area / (2 * BATCH**2 * drift.squared_length**2)},
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
            {"displacement": _for_short_times(drift_displacement(sp.Symbol("w2"), decay))},
        ),
        ScalarFunction(
            "_half_distance",
            "Half the distance of the two Hessian eigenvalues of the block (i, l).",
            "rho = sqrt((H_11 - H_22)^2 / 4 + H_12^2)",
            (*axis_arguments("i"), *axis_arguments("l"), residual_argument("l"), WEIGHT_DECAY),
            {"rho": sp.sqrt(sp.Add(*map(sp.factor, (splitting(pair.hessian) ** 2).args)))},
        ),
        ScalarFunction(
            "_own_weight_change",
            "Mean-squared change of the first-layer weight (i, i) by its fluctuation.",
            "E[(n_{t+tau} - n_t)^2] = 2 (1 - exp(-eta tau H)) Gamma / 2 for B = 1",
            (*own_arguments, LEARNING_RATE, Argument(TIME, "time")),
            {
                "change": _for_short_times(
                    2
                    * weight_share(own)
                    * forgotten_variance(own.hessian, own.fluctuation, half_distance)
                )
            },
        ),
        ScalarFunction(
            "_eigenvalue_distances",
            "From the larger Hessian eigenvalue of the block (i, l) to its diagonal.",
            "h_2 - min(H_11, H_22) = rho + |H_11 - H_22| / 2 and h_2 - max(H_11, H_22), which is "
            "H_12^2 over the other one",
            (*pair_arguments, Argument(half_distance, "rho")),
            {
                "far": half_distance + sp.Abs(unequal) / 2,
                "near": pair.hessian[0, 1] ** 2 / (half_distance + sp.Abs(unequal) / 2),
            },
        ),
        ScalarFunction(
            "_pair_weight_change",
            "Mean-squared change of the first-layer weight (i, l) by its fluctuation.",
            "E[(n_{t+tau} - n_t)^2] = 2 s_i / (s_i + s_l) [(1 - exp(-eta tau H)) Gamma]_11, B = 1; "
            "ahead = h_2 - H_11, behind = h_2 - H_22 with the eigenvalues h of H, slow and fast "
            "are g = (1 - exp(-eta tau h)) / h of the lower and the upper one, apart = (g_1 - "
            "g_2) / (h_2 - h_1)",
            (
                *pair_arguments,
                LEARNING_RATE,
                *(Argument(value, value.name) for value in vars(forgetting).values()),
            ),
            {"change": ETA * 2 * weight_share(pair) * forgetting.variance(positive)},
            {name: pair_entries[name] for name in pair_entries if name in shown},
        ),
    )


def _for_short_times(change: sp.Expr) -> sp.Expr:
    """With ``1 - exp`` as a function of its own, which keeps its digits."""
    return change.replace(sp.exp, lambda power: 1 + expm1(power))

"""Symbols that a document displays beyond those of the calculation, and their print."""

from __future__ import annotations

import sympy as sp

from symdrift.derivation.symbols import BATCH, ETA, GAMMA, INPUTS, TIME, symbol

OUTPUTS = symbol("outputs", positive=True, integer=True)
HIDDEN = symbol("hidden", positive=True, integer=True)
RANK = sp.Symbol("r", positive=True, integer=True)

FIRST_LAYER = sp.MatrixSymbol("W", HIDDEN, INPUTS)
SECOND_LAYER = sp.MatrixSymbol("U", OUTPUTS, HIDDEN)
INPUT = sp.MatrixSymbol("x", INPUTS, 1)
LABEL_NOISE = sp.MatrixSymbol("epsilon", OUTPUTS, 1)
ERROR = sp.MatrixSymbol("e", OUTPUTS, 1)
TEACHER = sp.MatrixSymbol("A", OUTPUTS, INPUTS)
RESIDUAL = sp.MatrixSymbol("E", OUTPUTS, INPUTS)
INPUT_COVARIANCE = sp.MatrixSymbol("Sigma", INPUTS, INPUTS)
NOISE_COVARIANCE = sp.MatrixSymbol("S", OUTPUTS, OUTPUTS)
GRADIENT_FIRST = sp.MatrixSymbol("g_W", HIDDEN, INPUTS)
GRADIENT_SECOND = sp.MatrixSymbol("g_U", OUTPUTS, HIDDEN)
MEAN_FIRST = sp.MatrixSymbol("L_W", HIDDEN, INPUTS)
MEAN_SECOND = sp.MatrixSymbol("L_U", OUTPUTS, HIDDEN)
STEP_FIRST = sp.MatrixSymbol("dW", HIDDEN, INPUTS)
STEP_SECOND = sp.MatrixSymbol("dU", OUTPUTS, HIDDEN)
ROTATION = sp.MatrixSymbol("Q", HIDDEN, HIDDEN)

GENERATOR = sp.MatrixSymbol("Omega_hidden", HIDDEN, HIDDEN)
PLANE_GENERATOR = sp.MatrixSymbol("Omega_ij", HIDDEN, HIDDEN)
UNIT_I, UNIT_J = (sp.MatrixSymbol(f"unit_{index}", HIDDEN, 1) for index in "ij")

SIZE = sp.Symbol("N", positive=True, integer=True)
MINIMUM_POINT = sp.MatrixSymbol("theta_star", SIZE, 1)
WEIGHTS = sp.MatrixSymbol("theta", SIZE, 1)
NEXT_WEIGHTS = sp.MatrixSymbol("theta_next", SIZE, 1)
GRADIENT = sp.MatrixSymbol("g", SIZE, 1)
NORMAL = sp.MatrixSymbol("n_t", SIZE, 1)
NEXT_NORMAL = sp.MatrixSymbol("n_next", SIZE, 1)
CENTRED_NOISE = sp.MatrixSymbol("zeta_t", SIZE, 1)
HESSIAN = sp.MatrixSymbol("H", SIZE, SIZE)
NOISE = sp.MatrixSymbol("C", SIZE, SIZE)
FLUCTUATION = sp.MatrixSymbol("Gamma", SIZE, SIZE)
TURN = sp.MatrixSymbol("Omega", SIZE, SIZE)
OTHER_TURN = sp.MatrixSymbol("Omega_prime", SIZE, SIZE)
CORRECTOR = sp.MatrixSymbol("K", SIZE, SIZE)
COLOURED = sp.MatrixSymbol("Y", SIZE, SIZE)
OTHER_COLOURED = sp.MatrixSymbol("Y_prime", SIZE, SIZE)

LOSS = sp.Symbol("loss")
EXPECTED_LOSS = sp.Symbol("L")
AXIS_SLOPE = sp.Symbol("L_slope", real=True)
AXIS_LOSS = sp.Symbol("L_axis", positive=True)
REDUCTION = sp.Symbol("L_reduction", positive=True)
DIMENSION = sp.Symbol("dimension", positive=True)
CURVATURE = sp.Symbol("second_variation", real=True)
METRIC = sp.Symbol("G", positive=True)
OTHER_METRIC = sp.Symbol("G_prime", positive=True)
ROTATION_STEP = sp.Symbol("xi_t", real=True)
I_INDEX, J_INDEX, L_INDEX = sp.symbols("i j l", integer=True, positive=True)
TERM = sp.IndexedBase("T")
NOISE_ENTRY = sp.IndexedBase("noise_entry")

BLOCK_HESSIAN, BLOCK_NOISE, BLOCK_FLUCTUATION = (
    {index: sp.MatrixSymbol(f"{stem}_{index}", 2, 2) for index in ("il", "jl")}
    for stem in ("H", "C", "Gamma")
)
OWN_HESSIAN, OWN_NOISE, OWN_FLUCTUATION = (
    symbol(role, "ii") for role in ("hessian", "gradient_noise", "fluctuation")
)
PLANE_METRIC = symbol("metric", "ij")
LEFT_SOLUTION, RIGHT_SOLUTION = (sp.MatrixSymbol(f"{stem}_ijl", 2, 2) for stem in "YZ")

MAPS = OUTPUTS * INPUTS
"""Number of entries of a matrix of the shape of the learned map."""

LEFT_AXES = sp.MatrixSymbol("P_axes", OUTPUTS, RANK)
RIGHT_AXES = sp.MatrixSymbol("R_axes", INPUTS, RANK)
VALUES = sp.MatrixSymbol("S_values", RANK, RANK)
ROOTS = sp.MatrixSymbol("S_roots", RANK, RANK)
CANONICAL_FIRST = sp.MatrixSymbol("first_star", RANK, INPUTS)
CANONICAL_SECOND = sp.MatrixSymbol("second_star", OUTPUTS, RANK)
LEARNED_MAP = sp.MatrixSymbol("M_map", OUTPUTS, INPUTS)
OTHER_MAP = sp.MatrixSymbol("M_other", OUTPUTS, INPUTS)
SLOPE = sp.MatrixSymbol("slope", OUTPUTS, INPUTS)
UNLEARNED = sp.MatrixSymbol("slope_unlearned", OUTPUTS, INPUTS)
INVERSE_COVARIANCE = sp.MatrixSymbol("Sigma_inverse", INPUTS, INPUTS)
NUCLEAR, OTHER_NUCLEAR, SLOPE_NORM = sp.symbols("nuclear nuclear_other slope_norm", positive=True)
REACH_RANK = sp.Symbol("reach_rank", positive=True, integer=True)
EXCESS_OVER_MINIMUM = sp.Symbol("loss_above", real=True)

ANY_MAP = sp.MatrixSymbol("F_map", OUTPUTS, INPUTS)
REACHED_FIRST = sp.MatrixSymbol("reached_first", HIDDEN, INPUTS)
REACHED_SECOND = sp.MatrixSymbol("reached_second", OUTPUTS, HIDDEN)
REACH = sp.MatrixSymbol("J_reach", SIZE, MAPS)
CURVED = sp.MatrixSymbol("H_map_F", OUTPUTS, INPUTS)
SHAKEN = sp.MatrixSymbol("C_map_F", OUTPUTS, INPUTS)
TURNED = sp.MatrixSymbol("O_map_F", OUTPUTS, INPUTS)
MEAN_PRODUCT = sp.MatrixSymbol("E_FGF", OUTPUTS, INPUTS)
MAP_HESSIAN = sp.MatrixSymbol("H_map", MAPS, MAPS)
MAP_NOISE = sp.MatrixSymbol("C_map", MAPS, MAPS)
MAP_FLUCTUATION = sp.MatrixSymbol("X_map", MAPS, MAPS)
MAP_TURN = sp.MatrixSymbol("O_map", MAPS, MAPS)
MAP_COLOURED = sp.MatrixSymbol("Y_map", MAPS, MAPS)
OTHER_MAP_COLOURED = sp.MatrixSymbol("Y_map_prime", MAPS, MAPS)

KURTOSIS = sp.Symbol("kurtosis", real=True)
SYNAPTIC_NOISE = sp.Symbol("synaptic", positive=True)

LATEX: dict[sp.Basic, str] = {
    MINIMUM_POINT: r"\theta^{*}",
    WEIGHTS: r"\theta_t",
    NEXT_WEIGHTS: r"\theta_{t+1}",
    NORMAL: r"\delta_t",
    NEXT_NORMAL: r"\delta_{t+1}",
    CENTRED_NOISE: r"\zeta_t",
    MEAN_FIRST: r"\partial_W L",
    MEAN_SECOND: r"\partial_U L",
    STEP_FIRST: r"\delta W",
    STEP_SECOND: r"\delta U",
    LOSS: r"\ell",
    AXIS_SLOPE: r"\partial_{\sqrt{s}} L",
    AXIS_LOSS: r"L_{\mathrm{axis}}",
    REDUCTION: r"\delta L",
    CURVATURE: r"\delta^2 L",
    DIMENSION: r"\mathrm{dim}",
    GENERATOR: r"\Omega",
    PLANE_GENERATOR: r"\Omega_{ij}",
    UNIT_I: "I_i",
    UNIT_J: "I_j",
    TURN: r"\tilde\Omega",
    OTHER_TURN: r"\tilde\Omega'",
    OTHER_METRIC: "G'",
    OTHER_COLOURED: "Y'",
    ROTATION_STEP: r"\xi_t",
    NOISE_COVARIANCE: r"\Sigma^{\varepsilon}",
    NOISE_ENTRY.label: "C",
    LEFT_AXES: "P",
    RIGHT_AXES: "R",
    VALUES: "S",
    ROOTS: "S^{1/2}",
    CANONICAL_FIRST: "W^{*}",
    CANONICAL_SECOND: "U^{*}",
    LEARNED_MAP: "M",
    OTHER_MAP: "M'",
    SLOPE: r"\Lambda",
    UNLEARNED: r"\Lambda_{\perp}",
    INVERSE_COVARIANCE: r"\Sigma^{-1}",
    NUCLEAR: r"\lVert M\rVert_{*}",
    OTHER_NUCLEAR: r"\lVert M'\rVert_{*}",
    SLOPE_NORM: r"\lVert\Lambda\rVert_{2}",
    EXCESS_OVER_MINIMUM: "L(M') - L(M)",
    ANY_MAP: "F",
    REACHED_FIRST: r"(J F)_{W}",
    REACHED_SECOND: r"(J F)_{U}",
    REACH: "J",
    REACH_RANK: r"\operatorname{rank}(J)",
    CURVED: r"\mathcal{H} F",
    SHAKEN: r"\mathcal{C} F",
    TURNED: r"\mathcal{O} F",
    MEAN_PRODUCT: (
        r"\mathbb{E}[\operatorname{tr}(F^{\mathsf{T}} e x^{\mathsf{T}})\, e x^{\mathsf{T}}]"
    ),
    MAP_HESSIAN: r"\mathcal{H}",
    MAP_NOISE: r"\mathcal{C}",
    MAP_FLUCTUATION: r"\mathcal{X}",
    MAP_TURN: r"\mathcal{O}",
    MAP_COLOURED: r"\mathcal{Y}",
    OTHER_MAP_COLOURED: r"\mathcal{Y}'",
    KURTOSIS: r"\kappa",
    SYNAPTIC_NOISE: r"\varsigma",
}
"""How the display symbols print; roles of a study's notation come on top."""

MADE_OF: dict[sp.Basic, tuple[sp.Basic, ...]] = {ROOTS: (VALUES,)}
"""Symbols in the print of which others stand that the table has rows for."""

MEANINGS: tuple[tuple[sp.Basic, str, str], ...] = (
    (ERROR, "error of one sample", "m"),
    (LOSS, "loss of one sample", "scalar"),
    (EXPECTED_LOSS, "expected loss", "scalar"),
    (NOISE_COVARIANCE, "covariance of the label noise", "m by m"),
    (OTHER_MAP, "any other map", "m by n"),
    (WEIGHTS, "weights of both layers", "vector"),
    (GRADIENT, "gradient of one step", "vector"),
    (RANK, "rank of the learned map", "scalar"),
    (LEARNED_MAP, "learned map", "m by n"),
    (LEFT_AXES, "output axes of the learned map", "m by r"),
    (RIGHT_AXES, "input axes of the learned map", "n by r"),
    (VALUES, "diagonal matrix of the singular values", "r by r"),
    (CANONICAL_FIRST, "first layer in the canonical frame", "r by n"),
    (CANONICAL_SECOND, "second layer in the canonical frame", "m by r"),
    (SLOPE, "slope: pull of the task at the minimum", "m by n"),
    (UNLEARNED, "its part between axes that are not learned", "m by n"),
    (symbol("residual_map", "i"), "residual of an axis", "scalar"),
    (REDUCTION, "loss reduction by learning an axis", "scalar"),
    (AXIS_LOSS, "what one axis adds to the loss of a minimum", "scalar"),
    (ROTATION, "rotation of the hidden layer", "p by p"),
    (UNIT_I, "column of the identity", "p"),
    (DIMENSION, "dimension of the manifold of minima", "scalar"),
    (MINIMUM_POINT, "canonical point of the manifold, silent units with zeros", "vector"),
    (TURN, "generator of a hidden rotation on weight space", "matrix"),
    (ANY_MAP, "any matrix of the shape of the learned map", "m by n"),
    (REACH, "pull on the weights by a pull on the learned map", "operator"),
    (MAP_HESSIAN, "Hessian on learned maps", "operator"),
    (MAP_NOISE, "gradient noise on learned maps", "operator"),
    (NORMAL, "deviation from the manifold", "vector"),
    (STEP_FIRST, "change of the first layer", "p by n"),
    (STEP_SECOND, "change of the second layer", "m by p"),
    (CURVATURE, "second variation of the loss", "scalar"),
    (BLOCK_HESSIAN["il"], "block of the Hessian, for one axis a number", "2 by 2"),
    (BLOCK_NOISE["il"], "block of the gradient noise, for one axis a number", "2 by 2"),
    (BLOCK_FLUCTUATION["il"], "block of the fluctuation, for one axis a number", "2 by 2"),
    (CENTRED_NOISE, "gradient of one sample, less its mean", "vector"),
    (ROTATION_STEP, "rotation of one step", "rad"),
    (CORRECTOR, "corrector of the rotation", "matrix"),
    (COLOURED, "solution of the Sylvester equation", "matrix"),
    (TERM[I_INDEX, J_INDEX, L_INDEX], "contribution of one axis to a covariance", "scalar"),
    (MAP_FLUCTUATION, "fluctuation on learned maps", "operator"),
    (MAP_TURN, "generator of a rotation on learned maps", "operator"),
    (MAP_COLOURED, "solution of the Sylvester equation on learned maps", "operator"),
    (KURTOSIS, "kurtosis of elliptical inputs", "scalar"),
    (SYNAPTIC_NOISE, "standard deviation of the noise of a synapse", "per step"),
)
"""Rows of the notation table for what is no role: symbol, meaning, shape."""

COMMON: dict[str, sp.Basic] = {
    "n": INPUTS,
    "m": OUTPUTS,
    "p": HIDDEN,
    "r": RANK,
    "eta": ETA,
    "gamma": GAMMA,
    "batch": BATCH,
    "tau": TIME,
    "W": FIRST_LAYER,
    "U": SECOND_LAYER,
    "x": INPUT,
    "epsilon": LABEL_NOISE,
    "e": ERROR,
    "A": TEACHER,
    "E": RESIDUAL,
    "Sigma": INPUT_COVARIANCE,
    "theta": WEIGHTS,
    "L": EXPECTED_LOSS,
    "H": HESSIAN,
    "C": NOISE,
    "Gamma": FLUCTUATION,
    "Omega": TURN,
    "K": CORRECTOR,
    "Y": COLOURED,
    "n_t": NORMAL,
    "zeta": CENTRED_NOISE,
    "xi": ROTATION_STEP,
    "G": METRIC,
    "i": I_INDEX,
    "j": J_INDEX,
    "l": L_INDEX,
    "Q": ROTATION,
    "lambda": symbol("input_variance"),
    "a": symbol("gain"),
    "s": symbol("singular_value"),
    "sigma": symbol("label_noise"),
    "residual": symbol("residual_map"),
}
for _index in ("i", "j", "l"):
    COMMON |= {
        f"lambda_{_index}": symbol("input_variance", _index),
        f"a_{_index}": symbol("gain", _index),
        f"s_{_index}": symbol("singular_value", _index),
        f"sigma_{_index}": symbol("label_noise", _index),
        f"E_{_index}": symbol("residual_map", _index),
    }
"""Inline symbols that any step may name in its prose."""

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

BLOCK_HESSIAN, BLOCK_NOISE, BLOCK_FLUCTUATION = (
    {index: sp.MatrixSymbol(f"{stem}_{index}", 2, 2) for index in ("il", "jl")}
    for stem in ("H", "C", "Gamma")
)
LEFT_SOLUTION = sp.MatrixSymbol("Y", 2, 2)
RIGHT_SOLUTION = sp.MatrixSymbol("Z", 2, 2)

LATEX = {
    MINIMUM_POINT: r"\theta^{*}",
    WEIGHTS: r"\theta_t",
    NEXT_WEIGHTS: r"\theta_{t+1}",
    NORMAL: "n_t",
    NEXT_NORMAL: "n_{t+1}",
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
    DIMENSION: r"\dim",
    GENERATOR: r"\Omega",
    PLANE_GENERATOR: r"\Omega_{ij}",
    UNIT_I: "e_i",
    UNIT_J: "e_j",
    TURN: r"\tilde\Omega",
    OTHER_TURN: r"\tilde\Omega'",
    OTHER_METRIC: "G'",
    OTHER_COLOURED: "Y'",
    ROTATION_STEP: r"\xi_t",
    NOISE_COVARIANCE: r"\mathcal{S}",
}
"""How the display symbols print; roles of a study's notation come on top."""

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
    "Z": RIGHT_SOLUTION,
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

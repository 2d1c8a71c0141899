"""Symbols of the general theory: the learned map, and operators on matrices of its shape."""

from __future__ import annotations

import sympy as sp

from symdrift.derivation.symbols import INPUTS
from symdrift.derivation.vocabulary import (
    HIDDEN,
    OUTPUTS,
    RANK,
    SIZE,
)
from symdrift.theory.linear.two_axes import KURTOSIS

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
EXCESS_OVER_MINIMUM = sp.Symbol("loss_above", real=True)

ANY_MAP = sp.MatrixSymbol("F_map", OUTPUTS, INPUTS)
FLAT = sp.MatrixSymbol("F_flat", MAPS, 1)
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

SYNAPTIC_NOISE = sp.Symbol("synaptic", positive=True)

LATEX: dict[sp.Basic, str] = {
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
    SLOPE_NORM: r"\lVert\Lambda\rVert",
    EXCESS_OVER_MINIMUM: "L(M') - L(M)",
    ANY_MAP: "F",
    FLAT: "F",
    REACHED_FIRST: r"(J F)_{W}",
    REACHED_SECOND: r"(J F)_{U}",
    REACH: "J",
    CURVED: r"\mathcal{H} F",
    SHAKEN: r"\mathcal{C} F",
    TURNED: r"\mathcal{O} F",
    MEAN_PRODUCT: r"\mathbb{E}[\langle e x^{\mathsf{T}}, F\rangle\, e x^{\mathsf{T}}]",
    MAP_HESSIAN: r"\mathcal{H}",
    MAP_NOISE: r"\mathcal{C}",
    MAP_FLUCTUATION: r"\mathcal{X}",
    MAP_TURN: r"\mathcal{O}",
    MAP_COLOURED: r"\mathcal{Y}",
    OTHER_MAP_COLOURED: r"\mathcal{Y}'",
    KURTOSIS: r"\kappa",
    SYNAPTIC_NOISE: r"\varsigma",
}

MEANINGS: tuple[tuple[sp.Basic, str, str], ...] = (
    (RANK, "rank of the learned map", "scalar"),
    (LEARNED_MAP, "learned map", "m by n"),
    (LEFT_AXES, "output axes of the learned map", "m by r"),
    (RIGHT_AXES, "input axes of the learned map", "n by r"),
    (VALUES, "singular values of the learned map, on the diagonal", "r by r"),
    (SLOPE, "slope of the loss at the minimum", "m by n"),
    (REACH, "change of the weights by a change of the learned map", "operator"),
    (MAP_HESSIAN, "Hessian on learned maps", "operator"),
    (MAP_NOISE, "gradient noise on learned maps", "operator"),
    (MAP_FLUCTUATION, "fluctuation on learned maps", "operator"),
    (MAP_TURN, "generator of a rotation on learned maps", "operator"),
    (MAP_COLOURED, "solution of the Sylvester equation on learned maps", "operator"),
    (KURTOSIS, "kurtosis of elliptical inputs", "scalar"),
    (SYNAPTIC_NOISE, "standard deviation of the noise of a synapse", "per step"),
)
"""Rows of the notation table for what is no role: symbol, meaning, shape."""

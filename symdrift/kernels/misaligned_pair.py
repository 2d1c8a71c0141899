"""The scalar formulas of two misaligned axes."""

from __future__ import annotations

import sympy as sp

from symdrift.derivation.symbols import BATCH, ETA, GAMMA
from symdrift.derivation.vocabulary import KURTOSIS
from symdrift.kernels.scalar import Argument, ScalarFunction
from symdrift.theory.linear.two_axes import (
    A_1,
    A_2,
    ANGLE,
    COMMON,
    DETERMINANT,
    DETERMINANT_VALUE,
    GAUSSIAN,
    LABEL_NOISE,
    LABELS,
    LAMBDA_1,
    LAMBDA_2,
    LENGTH,
    S_1,
    S_2,
    SIGMA_11,
    SIGMA_12,
    SIGMA_22,
    TwoAxes,
)

RULE = (
    Argument(GAMMA, "weight_decay"),
    Argument(ETA, "learning_rate"),
    Argument(KURTOSIS, "kurtosis"),
    Argument(LABEL_NOISE**2, "label_noise"),
    Argument(BATCH, "batch"),
)
MINIMUM = (
    Argument(S_1, "s1"),
    Argument(S_2, "s2"),
    Argument(SIGMA_11, "sigma11"),
    Argument(SIGMA_12, "sigma12"),
    Argument(SIGMA_22, "sigma22"),
)
TASK = (
    Argument(A_1, "a1"),
    Argument(A_2, "a2"),
    Argument(LAMBDA_1, "lambda1"),
    Argument(LAMBDA_2, "lambda2"),
    Argument(ANGLE, "angle"),
)


def two_axes_kernels(case: TwoAxes) -> tuple[ScalarFunction, ...]:
    """Explicit rate of rotation, and its first order in the misalignment."""
    names = {part: sp.Symbol(name) for part, name in _PARTS.items()}
    exact = ETA**2 / BATCH * case.assembled.xreplace({DETERMINANT: DETERMINANT_VALUE})
    return (
        ScalarFunction(
            "_mean_rotation",
            "Mean rotation mu_12 per step.",
            "-eta^2 sqrt(s_1 s_2) (s_1 - s_2) Sigma_12 / (2 (s_1 + s_2) B) times the bracket "
            "((1 + kappa) gamma^2 N / det(Sigma) + kappa gamma^2 N_kappa "
            "+ gamma sigma^2 (s_1 + s_2) N_sigma) / D",
            (*MINIMUM, *RULE),
            {"mean_rotation": exact.xreplace(names)},
            {names[part]: case.parts[part] for part in _PARTS},
        ),
        ScalarFunction(
            "_small_angle",
            "Mean rotation mu_12 per step, to first order in the angle.",
            "The first-order term of the explicit rate, with s_i = a_i - gamma / lambda_i",
            (*TASK, *RULE),
            {"mean_rotation": ETA**2 / BATCH * case.explicit_by_angle},
        ),
    )


_PARTS = {GAUSSIAN: "gaussian", LENGTH: "length", LABELS: "labels", COMMON: "common"}

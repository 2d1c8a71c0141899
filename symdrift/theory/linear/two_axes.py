"""Two misaligned axes: the steady rotation as an explicit function of the minimum.

In the axes of the learned map a network with two inputs, two outputs and two learned
directions has two singular values and a covariance as its parameters; the teacher follows
from them.  The mean rotation is a rational function of these, times a square root.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property

import sympy as sp

from symdrift.algebra.rational import RationalField, factor, solve_linear
from symdrift.derivation.symbols import GAMMA, symbol
from symdrift.derivation.vocabulary import KURTOSIS
from symdrift.errors import CheckFailed
from symdrift.theory.linear.maps import elliptical_noise
from symdrift.theory.linear.points import ChosenMinimum, learned_value

S_1, S_2 = (symbol("singular_value", k) for k in (1, 2))
LAMBDA_1, LAMBDA_2 = (symbol("input_variance", k) for k in (1, 2))
A_1, A_2 = (symbol("gain", k) for k in (1, 2))
SIGMA_11, SIGMA_22 = (symbol("input_covariance", index) for index in ("11", "22"))
SIGMA_12 = symbol("input_covariance", "12", real=True)
LABEL_NOISE = symbol("label_noise")
ANGLE = sp.Symbol("angle", real=True)

GAUSSIAN, LENGTH, LABELS, COMMON = sp.symbols("N_gauss N_length N_label D_rate", real=True)
DETERMINANT = sp.Symbol("det_Sigma", positive=True)

WEIGHTS: Mapping[sp.Symbol, sp.Expr] = {
    GAUSSIAN: (1 + KURTOSIS) * GAMMA**2 / DETERMINANT,
    LENGTH: KURTOSIS * GAMMA**2,
    LABELS: GAMMA * LABEL_NOISE**2 * (S_1 + S_2),
}
"""What each part of the mean rotation is multiplied by."""

DETERMINANT_VALUE = SIGMA_11 * SIGMA_22 - SIGMA_12**2
LEARNED: Mapping[sp.Symbol, sp.Expr] = {
    S_1: learned_value(A_1, LAMBDA_1),
    S_2: learned_value(A_2, LAMBDA_2),
}
"""Singular values without misalignment."""
STRAIGHT: Mapping[sp.Symbol, sp.Expr] = {
    SIGMA_12: sp.Integer(0),
    SIGMA_11: LAMBDA_1,
    SIGMA_22: LAMBDA_2,
    DETERMINANT: LAMBDA_1 * LAMBDA_2,
}
TILT = (LAMBDA_1 - LAMBDA_2) * (A_1 - A_2) * ANGLE / (S_1 - S_2)
"""Misalignment ``Sigma_12`` in the canonical frame, to first order in the angle."""


def two_axes_minimum() -> ChosenMinimum:
    """Two axes in their canonical frame: everything is a symbol."""
    return ChosenMinimum(
        left=sp.ImmutableMatrix(sp.eye(2)),
        right=sp.ImmutableMatrix(sp.eye(2)),
        singular_values=(S_1, S_2),
        input_covariance=sp.ImmutableMatrix([[SIGMA_11, SIGMA_12], [SIGMA_12, SIGMA_22]]),
        weight_decay=GAMMA,
        unlearned_slope=sp.ImmutableMatrix(sp.zeros(2, 2)),
        label_noise=(LABEL_NOISE**2, LABEL_NOISE**2),
    )


@dataclass(frozen=True)
class TwoAxes:
    """Mean rotation of two axes, for one sample per step.

    ``mu_12 = -eta^2 sqrt(s_1 s_2) (s_1 - s_2) Sigma_12 / (2 (s_1 + s_2)) sum_k w_k N_k / D``
    with the weights of :data:`WEIGHTS` and polynomials ``N_k`` and ``D``.

    Attributes
    ----------
    absent : collection of sympy.Symbol
        Sources of noise to leave out: kurtosis, label noise.
    """

    absent: Collection[sp.Symbol] = ()

    @cached_property
    def minimum(self) -> ChosenMinimum:
        """Two axes in their canonical frame."""
        return two_axes_minimum()

    @cached_property
    def noise(self) -> sp.ImmutableMatrix:
        """Noise on learned maps, shape ``(4, 4)``."""
        full = elliptical_noise(self.minimum, KURTOSIS)
        return full.xreplace(dict.fromkeys(self.absent, sp.Integer(0)))

    @cached_property
    def turn(self) -> sp.ImmutableMatrix:
        """Rotation on learned maps without its factor ``sqrt(s_1 s_2)``: entries 0, 1, -1."""
        return (self.minimum.turn((0, 1)) / sp.sqrt(S_1 * S_2)).applyfunc(sp.cancel)

    @cached_property
    def pull(self) -> sp.ImmutableMatrix:
        """Symmetric part of ``B' O``, which the mean rotation contracts with ``X``."""
        product = self.minimum.curvature.T * self.turn
        return (product + product.T) / 2

    @cached_property
    def response(self) -> sp.ImmutableMatrix:
        """Symmetric ``Z`` with ``tr(Z C) = tr(B' O X)``, without the factor of the rotation.

        It solves ``B' Z + Z B`` = symmetric part of ``B' O``, the adjoint of the Lyapunov
        equation, so that the noise enters linearly.
        """
        curvature = sp.Matrix(self.minimum.curvature)
        places = [(a, b) for a in range(4) for b in range(a, 4)]
        position = {place: k for k, place in enumerate(places)}
        matrix, right = sp.zeros(10, 10), sp.zeros(10, 1)
        for (a, b), row in position.items():
            for k in range(4):
                matrix[row, position[min(k, b), max(k, b)]] += curvature[k, a]
                matrix[row, position[min(a, k), max(a, k)]] += curvature[k, b]
            right[row] = self.pull[a, b]
        found = solve_linear(matrix, right)
        return sp.ImmutableMatrix(4, 4, lambda a, b: found[position[min(a, b), max(a, b)]])

    @cached_property
    def sources(self) -> Mapping[sp.Symbol, tuple[sp.ImmutableMatrix, sp.Expr]]:
        """The noise of each source without its strength, and what else its numerator lacks."""
        nothing = sp.Integer(0)
        quiet = self.noise.xreplace({LABEL_NOISE: nothing})
        gaussian = quiet.xreplace({KURTOSIS: nothing})
        sources = {GAUSSIAN: (gaussian * DETERMINANT_VALUE, GAMMA**2)}
        if KURTOSIS not in self.absent:
            length = (quiet.diff(KURTOSIS) - gaussian).applyfunc(sp.cancel)
            sources[LENGTH] = (length, GAMMA**2)
        if LABEL_NOISE not in self.absent:
            labels = (self.noise - quiet).applyfunc(sp.expand) / LABEL_NOISE**2
            sources[LABELS] = (labels, GAMMA * (S_1 + S_2))
        return sources

    @cached_property
    def characteristic(self) -> tuple[sp.Expr, ...]:
        """Sums of all products of one, two, three and four eigenvalues of the Hessian."""
        coefficients = sp.Matrix(self.minimum.curvature).charpoly().all_coeffs()
        return tuple((-1) ** k * sp.expand(part) for k, part in enumerate(coefficients[1:], 1))

    @cached_property
    def parts(self) -> Mapping[sp.Symbol, sp.Expr]:
        """The polynomials, expanded: a numerator for each source of noise, one denominator."""
        scale = -(S_1 - S_2) * SIGMA_12
        field = RationalField([*self.response, scale, GAMMA])
        parts: dict[sp.Symbol, sp.Expr] = {}
        for name, (source, weight) in self.sources.items():
            trace = field.contract(self.response, source)
            numerator, denominator = field.divide(trace, field.fraction(scale * weight))
            content, common = denominator.primitive()
            # Positive where every parameter is one.
            sign = 1 if sum(common.coeffs()) > 0 else -1
            if parts.setdefault(COMMON, field.expand(sign * common)) != field.expand(sign * common):
                raise CheckFailed("the parts of the mean rotation have different denominators")
            parts[name] = sp.expand(field.expand(numerator) / (sign * int(content)))
        return parts

    @property
    def names(self) -> tuple[sp.Symbol, ...]:
        """The numerators that there are."""
        return tuple(name for name in WEIGHTS if name in self.parts)

    @cached_property
    def assembled(self) -> sp.Expr:
        """``mu_12 / eta^2`` in the names of the parts."""
        bracket = sp.Add(*(WEIGHTS[name] * name for name in self.names))
        prefactor = sp.sqrt(S_1) * sp.sqrt(S_2) * (S_1 - S_2) * SIGMA_12 / (2 * (S_1 + S_2))
        rate = -prefactor * bracket / COMMON
        return rate.xreplace({KURTOSIS: sp.Integer(0)}) if KURTOSIS in self.absent else rate

    @cached_property
    def explicit(self) -> sp.Expr:
        """``mu_12 / eta^2`` with the parts put in."""
        return self.assembled.xreplace({DETERMINANT: DETERMINANT_VALUE}).xreplace(self.parts)

    @cached_property
    def quotients(self) -> Mapping[sp.Symbol, sp.Expr]:
        """Each numerator over the denominator without misalignment, factored."""
        common = self.parts[COMMON].xreplace(STRAIGHT)
        return {name: factor(self.parts[name].xreplace(STRAIGHT) / common) for name in self.names}

    @cached_property
    def by_angle(self) -> sp.Expr:
        """``mu_12 / eta^2`` to first order in the angle.

        The numerators stand for the quotients, the denominator for one; the singular
        values are those of :data:`LEARNED`.
        """
        per_tilt = self.assembled / SIGMA_12
        return TILT * per_tilt.xreplace({COMMON: sp.Integer(1)}).xreplace(STRAIGHT)

    @cached_property
    def explicit_by_angle(self) -> sp.Expr:
        """The same in gains, variances and angle."""
        return self.by_angle.xreplace(self.quotients).xreplace(LEARNED)

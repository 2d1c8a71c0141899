"""Two misaligned axes: the steady rotation as an explicit function."""

from __future__ import annotations

from itertools import combinations

import sympy as sp

from symdrift.algebra.equations import solve_operator
from symdrift.algebra.matrices import evaluate_matrix
from symdrift.algebra.rational import RationalField, is_zero
from symdrift.derivation.chapter import Chain, Folded, chain, holds, step
from symdrift.derivation.premises import Premise
from symdrift.derivation.steps import Method, Step
from symdrift.derivation.symbols import BATCH, ETA, GAMMA, symbol
from symdrift.derivation.vocabulary import (
    INPUT_COVARIANCE,
    KURTOSIS,
    LEFT_AXES,
    RANK,
    RIGHT_AXES,
    TEACHER,
)
from symdrift.theory.linear.points import ChosenMinimum
from symdrift.theory.linear.two_axes import (
    ANGLE,
    COMMON,
    DETERMINANT,
    DETERMINANT_VALUE,
    GAUSSIAN,
    LABEL_NOISE,
    LABELS,
    LENGTH,
    S_1,
    S_2,
    SIGMA_11,
    SIGMA_12,
    SIGMA_22,
    TwoAxes,
)
from symdrift.theory.linear.weight_space import WeightSpace

MEAN = symbol("mean_rotation", "12", real=True)
LABEL_MEAN = sp.Symbol("mean_label", real=True)
QUOTIENTS = {
    GAUSSIAN: sp.Symbol("q_gauss", real=True),
    LENGTH: sp.Symbol("q_length", real=True),
    LABELS: sp.Symbol("q_label", real=True),
}
"""Names of the quotients without misalignment."""
CANONICAL_TEACHER = sp.MatrixSymbol("A_canonical", 2, 2)
CANONICAL_COVARIANCE = sp.MatrixSymbol("Sigma_canonical", 2, 2)
CURVATURE, NOISE, TURN, FLUCTUATION, COLOURED = (
    sp.MatrixSymbol(f"{name}_map_4", 4, 4) for name in "HCOXY"
)
VARIANCE = symbol("rotation_covariance", "12")
RESPONSE = sp.MatrixSymbol("Z_map_4", 4, 4)
FRAME_MAP, FRAME_VALUES, FRAME_SIGMA, FRAME_TURN, *FRAME_IMAGES = (
    sp.MatrixSymbol(f"{name}_in_frame", 2, 2) for name in ("F", "S", "Sigma", "Omega", *"HOC")
)
"""Any map, singular values, covariance and generator in the canonical frame, and images."""
SOURCES = {
    name: sp.MatrixSymbol(f"C_{text}_map_4", 4, 4)
    for name, text in ((GAUSSIAN, "gauss"), (LENGTH, "length"), (LABELS, "label"))
}
"""Names of the parts of the noise, where there are several."""
EIGENVALUES = sp.symbols("h_1:5", positive=True)
"""Of the Hessian on learned maps."""

LATEX: dict[sp.Basic, str] = {
    GAUSSIAN: r"\mathcal{N}",
    LENGTH: r"\mathcal{N}_{\kappa}",
    LABELS: r"\mathcal{N}_{\sigma}",
    COMMON: r"\mathcal{D}",
    DETERMINANT: r"\det(\Sigma)",
    CURVATURE: r"\mathcal{H}",
    NOISE: r"\mathcal{C}",
    TURN: r"\mathcal{O}",
    FLUCTUATION: r"\mathcal{X}",
    COLOURED: r"\mathcal{Y}",
    RESPONSE: r"\mathcal{Z}",
    FRAME_MAP: "F",
    FRAME_VALUES: "S",
    FRAME_SIGMA: r"\Sigma",
    FRAME_TURN: r"\Omega",
    **{image: rf"\mathcal{{{name}}} F" for image, name in zip(FRAME_IMAGES, "HOC", strict=True)},
    SOURCES[GAUSSIAN]: r"\mathcal{C}_{0}",
    SOURCES[LENGTH]: r"\mathcal{C}_{\kappa}",
    SOURCES[LABELS]: r"\mathcal{C}_{\sigma}",
    LABEL_MEAN: r"\mu_{12}^{\sigma}",
    QUOTIENTS[GAUSSIAN]: "q",
    QUOTIENTS[LENGTH]: r"q_{\kappa}",
    QUOTIENTS[LABELS]: r"q_{\sigma}",
    CANONICAL_TEACHER: r"P^{\mathsf{T}} A R",
    CANONICAL_COVARIANCE: r"R^{\mathsf{T}} \Sigma R",
    ANGLE: r"\varphi",
}

_MEANINGS = {
    GAUSSIAN: "{gaussian} is the part of Gaussian moments",
    LENGTH: "{length} that of a random common length with kurtosis {kurtosis}",
    LABELS: "{labels} that of label noise of variance {variance}",
}
MADE_OF = {
    CANONICAL_TEACHER: (LEFT_AXES, TEACHER, RIGHT_AXES, RANK),
    CANONICAL_COVARIANCE: (RIGHT_AXES, INPUT_COVARIANCE, RANK),
}

MEANINGS: tuple[tuple[sp.Basic, str, str], ...] = (
    (RESPONSE, "response of the mean rotation to the noise on learned maps", "4 by 4"),
    (GAUSSIAN, "numerator of the mean rotation", "scalar"),
    (COMMON, "denominator of the mean rotation", "scalar"),
    (QUOTIENTS[GAUSSIAN], "numerator over denominator without misalignment", "scalar"),
    (ANGLE, "angle between the axes of teacher and inputs", "rad"),
    (EIGENVALUES[0], "eigenvalue of the Hessian on learned maps", "scalar"),
)

_ONLY = "{gaussian} is this polynomial"

_LABELS = {GAUSSIAN: "gaussian", LENGTH: "length", LABELS: "labels", COMMON: "common"}


def premises_of(case: TwoAxes) -> tuple[Premise, ...]:
    """What is assumed of inputs and label noise where kurtosis or label noise are left out."""
    inputs = Premise.GAUSSIAN if KURTOSIS in case.absent else Premise.ELLIPTICAL
    return (inputs, Premise.QUIET_LABELS) if LABEL_NOISE in case.absent else (inputs,)


def two_axes_rate(case: TwoAxes) -> Step:
    """The rate of rotation, explicitly

    For two axes the first of [eq:map-equations] is a linear system of ten equations for
    {fluctuation}, of which the trace [eq:frame-mean] asks for one number. The matrix {response} of
    [eq:response] reads it off any noise, [eq:response-rate]: it solves the transposed system, with
    what the trace multiplies {fluctuation} by, without the factor {roots}, on the right side. This
    is the rate at leading order in {eta}.<parts>

    The entries of {response} are quotients of polynomials in the parameters of the minimum, found
    by computer algebra. Their common denominator {common}, [eq:rate-common], is half the product of
    all sums of two of the four eigenvalues {first} to {last} of the Hessian [eq:frame-hessian]. Of
    the numerator the misalignment {correlation} and the difference of the singular values are
    factors, and the rest has a name in [eq:explicit-rate]: <meanings>.

    The determinant of the ten equations has all these sums for factors, and those of each
    eigenvalue with itself too; computer algebra finds that the latter cancel. Reversing one axis
    changes the sign of {correlation} and the sense of rotation, [step:reflection]. Where the
    singular values are equal, the axes of the map can be those of the inputs, which leaves no
    misalignment, and the plane has the same generator in all these frames.
    """
    several = len(case.names) > 1
    meanings = ", ".join(
        f"{_MEANINGS[name] if several else _ONLY}, [eq:rate-{_LABELS[name]}]" for name in case.names
    )
    noise = {name: SOURCES[name] if several else NOISE for name in case.names}
    added = [
        sp.MatMul(strength, noise[name], evaluate=False)
        for name, strength in _STRENGTHS.items()
        if name in case.names
    ]
    product = 2 * sp.sqrt(S_1) * sp.sqrt(S_2)
    pull = (CURVATURE.T * TURN + TURN.T * CURVATURE) / product
    common = sp.Mul(*(first + second for first, second in combinations(EIGENVALUES, 2))) / 2
    return step(
        under={"explicit_rate": premises_of(case)},
        response=(CURVATURE.T * RESPONSE + RESPONSE * CURVATURE, pull),
        response_rate=_by_response_chain(case, pull),
        rate_noise=(NOISE, sp.MatAdd(*added, evaluate=False)) if several else None,
        explicit_rate=(MEAN, ETA**2 / BATCH * case.assembled),
        rate={
            _LABELS[name]: Folded((name, case.parts[name]), (name, _by_response(name, noise[name])))
            for name in case.names
        }
        | {_LABELS[COMMON]: Folded((COMMON, case.parts[COMMON]), (COMMON, common))},
        symbols={
            "roots": sp.sqrt(S_1) * sp.sqrt(S_2),
            "gaussian": GAUSSIAN,
            "length": LENGTH,
            "labels": LABELS,
            "common": COMMON,
            "kurtosis": KURTOSIS,
            "variance": LABEL_NOISE**2,
            "correlation": SIGMA_12,
            "response": RESPONSE,
            "fluctuation": FLUCTUATION,
            "first": EIGENVALUES[0],
            "last": EIGENVALUES[-1],
        },
        words={
            "meanings": meanings,
            "parts": " The noise [eq:frame-noise] is the sum [eq:rate-noise] of one part for each "
            "of its sources."
            if several
            else "",
        },
        checks=(
            holds(
                "With the coefficients of the characteristic polynomial of [eq:frame-hessian] for "
                "the elementary symmetric functions of its eigenvalues, [eq:rate-common] is the "
                "polynomial.",
                Method.IDENTITY,
                lambda: _is_product_of_sums(case, common),
            ),
            holds(
                "The response that the linear system gives satisfies [eq:response], as a matrix of "
                "rational functions.",
                Method.IDENTITY,
                lambda: _solves_its_equation(case),
            ),
            holds(
                "Multiplied out, the rate [eq:explicit-rate] is the trace [eq:response-rate] of "
                "response and noise, source of noise by source.",
                Method.IDENTITY,
                lambda: _adds_up(case),
            ),
            holds(
                "No numerator and no denominator changes with the sign of the misalignment: the "
                "rate is odd.",
                Method.CASES,
                lambda: all(
                    term.as_coeff_exponent(SIGMA_12)[1] % 2 == 0
                    for part in case.parts.values()
                    for term in sp.Add.make_args(part)
                ),
            ),
            holds(
                "At a rational point it is the number that the full matrices in all eight "
                "weights give.",
                Method.POINTS,
                lambda: _agrees_in_weights(case),
            ),
        ),
    )


def _by_response_chain(case: TwoAxes, pull: sp.MatrixExpr) -> Chain:
    """The mean rotation from its trace with the fluctuation to that with the noise."""
    metric, root = 2 * (S_1 + S_2), sp.sqrt(S_1) * sp.sqrt(S_2)
    turned = CURVATURE.T * TURN + TURN.T * CURVATURE
    adjoint = CURVATURE.T * RESPONSE + RESPONSE * CURVATURE
    relaxed = CURVATURE * FLUCTUATION + FLUCTUATION * CURVATURE.T
    curvature, noise = (part.xreplace(POINT) for part in (case.minimum.curvature, case.noise))
    fluctuation = solve_operator(curvature, curvature.T, noise)
    entries: dict[sp.Basic, sp.ImmutableMatrix] = {
        CURVATURE: curvature,
        NOISE: noise,
        TURN: sp.ImmutableMatrix(case.turn * root.xreplace(POINT)),
        RESPONSE: case.response.xreplace(POINT),
        FLUCTUATION: ETA / BATCH * sp.ImmutableMatrix(fluctuation),
    }
    rate = ETA**2 / BATCH * case.explicit
    return chain(
        MEAN,
        ("[eq:frame-mean]", ETA * sp.Trace(CURVATURE.T * TURN * FLUCTUATION) / metric),
        ("{fluctuation} is symmetric", ETA * sp.Trace(turned * FLUCTUATION) / (2 * metric)),
        ("by [eq:response]", ETA * root * sp.Trace(adjoint * FLUCTUATION) / metric),
        ("turned cyclically", ETA * root * sp.Trace(RESPONSE * relaxed) / metric),
        (
            "by [eq:map-equations], for a batch",
            ETA**2 * root * sp.Trace(RESPONSE * NOISE) / (BATCH * metric),
        ),
        value=lambda line: evaluate_matrix(line.xreplace({MEAN: rate}), entries).xreplace(POINT),
        method=Method.POINTS,
    )


SOURCE_WEIGHTS = {
    GAUSSIAN: GAMMA**2 / DETERMINANT,
    LENGTH: GAMMA**2,
    LABELS: GAMMA * (S_1 + S_2),
}
"""What is left of the trace of response and noise beside its numerator."""

_STRENGTHS = {GAUSSIAN: 1 + KURTOSIS, LENGTH: KURTOSIS, LABELS: LABEL_NOISE**2}
"""What each part of the noise is multiplied by, where there are several."""


def _by_response(name: sp.Symbol, noise: sp.MatrixSymbol) -> sp.Expr:
    """A numerator by the trace of response and noise."""
    scale = -(S_1 - S_2) * SIGMA_12 * SOURCE_WEIGHTS[name]
    return COMMON * sp.Trace(RESPONSE * noise) / scale


def _is_product_of_sums(case: TwoAxes, product: sp.Expr) -> bool:
    """Whether the common denominator is a symmetric function of the eigenvalues."""
    sums = [
        sp.Add(*(sp.Mul(*chosen) for chosen in combinations(EIGENVALUES, count)))
        for count in range(1, 5)
    ]
    names = sp.symbols("sum_1:5")
    by_sums = (names[0] * names[1] * names[2] - names[2] ** 2 - names[0] ** 2 * names[3]) / 2
    polynomial = by_sums.xreplace(dict(zip(names, case.characteristic, strict=True)))
    return is_zero(by_sums.xreplace(dict(zip(names, sums, strict=True))) - product) and is_zero(
        polynomial - case.parts[COMMON]
    )


def _solves_its_equation(case: TwoAxes) -> bool:
    """Whether ``B' Z + Z B`` is the symmetric part of ``B' O``, entry by entry."""
    curvature, response, pull = case.minimum.curvature, case.response, case.pull
    field = RationalField([*curvature, *response, *pull])
    return all(
        field.contract(
            [*curvature[:, a], *response[a, :], pull[a, b]],
            [*response[:, b], *curvature[:, b], sp.Integer(-1)],
        )[0]
        == 0
        for a in range(4)
        for b in range(4)
    )


def _adds_up(case: TwoAxes) -> bool:
    """Whether the displayed rate is ``sqrt(s_1 s_2) tr(Z C) / G``."""
    shown = case.explicit / (sp.sqrt(S_1) * sp.sqrt(S_2)) * case.minimum.metric((0, 1))
    field = RationalField([shown, *case.response, *case.noise])
    difference = field.contract([*case.response, shown], [*case.noise.T, sp.Integer(-1)])
    if difference[0] != 0:
        return False
    trace = sp.Symbol("trace")
    for name, (source, _) in case.sources.items():
        # What is displayed, with the noise of this source; the Gaussian one has a determinant.
        noise = source / DETERMINANT_VALUE if name == GAUSSIAN else source
        told = _by_response(name, NOISE).replace(sp.Trace, lambda _: trace)
        told = told.xreplace({DETERMINANT: DETERMINANT_VALUE, COMMON: case.parts[COMMON]})
        rate = told.coeff(trace) / case.parts[COMMON]
        quotient = case.parts[name] / case.parts[COMMON]
        own = RationalField([*case.response, *noise, rate, quotient])
        if own.contract([*case.response, quotient / rate], [*noise.T, sp.Integer(-1)])[0] != 0:
            return False
    return True


POINT = {
    S_1: sp.Integer(4),
    S_2: sp.Integer(1),
    GAMMA: sp.Rational(1, 3),
    SIGMA_12: sp.Rational(2, 5),
    SIGMA_11: sp.Rational(3, 2),
    SIGMA_22: sp.Rational(1, 2),
    KURTOSIS: sp.Rational(1, 4),
    LABEL_NOISE: sp.Rational(1, 5),
}
"""A rational minimum, with rational square roots of the singular values."""


def at_rational_point(case: TwoAxes) -> tuple[ChosenMinimum, WeightSpace]:
    """The minimum at :data:`POINT`, and Hessian and noise in all weights."""
    numbers = ChosenMinimum(
        left=case.minimum.left,
        right=case.minimum.right,
        singular_values=(POINT[S_1], POINT[S_2]),
        input_covariance=case.minimum.input_covariance.xreplace(POINT),
        weight_decay=POINT[GAMMA],
        unlearned_slope=case.minimum.unlearned_slope,
        label_noise=(POINT[LABEL_NOISE] ** 2,) * 2,
    )
    noise = numbers.reach * case.noise.xreplace(POINT) * numbers.reach.T
    return numbers, WeightSpace(numbers, sp.ImmutableMatrix(noise))


def _agrees_in_weights(case: TwoAxes) -> bool:
    """The rate at a rational point against full matrices in all weights."""
    _, space = at_rational_point(case)
    return bool(space.mean((0, 1)) == case.explicit.xreplace(POINT))

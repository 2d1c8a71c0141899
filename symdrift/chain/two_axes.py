"""Two misaligned axes: the steady rotation as an explicit function, and its expansions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import sympy as sp

from symdrift.chain.map_examples import MapExamples, WeightSpace
from symdrift.chain.map_vocabulary import ANGLE, CORRELATION, KURTOSIS, VARIANCES
from symdrift.chain.steps import derived, holds, vanishes
from symdrift.derivation import Equation, Step
from symdrift.errors import CheckFailed
from symdrift.learned_map import MapMinimum
from symdrift.notation import BATCH, ETA, GAMMA, symbol
from symdrift.rational import cancel, factor, leading_term, solve_linear

SECTION = "Two misaligned axes"

MEAN = symbol("mean_rotation", "12", real=True)
S_1, S_2 = (symbol("singular_value", k) for k in (1, 2))
SIGMA = symbol("label_noise")
LAMBDA_1, LAMBDA_2 = (symbol("input_variance", k) for k in (1, 2))
A_1, A_2 = (symbol("gain", k) for k in (1, 2))
BY_ANGLE, LENGTH_BY_ANGLE, LABELS_BY_ANGLE = sp.symbols("q_gauss q_length q_label", real=True)
GAUSSIAN, LENGTH, LABELS, COMMON = sp.symbols("N_gauss N_length N_label D_rate", real=True)
CANONICAL_TEACHER = sp.MatrixSymbol("A_canonical", 2, 2)
CANONICAL_COVARIANCE = sp.MatrixSymbol("Sigma_canonical", 2, 2)
DETERMINANT = sp.Symbol("det_Sigma", positive=True)
FIRST_ORDER = (LAMBDA_1 - LAMBDA_2) * (A_1 - A_2) * ANGLE
LABEL_MEAN = sp.Symbol("mean_label", real=True)
CURVATURE = sp.MatrixSymbol("H_map_4", 4, 4)

LATEX: dict[sp.Basic, str] = {
    GAUSSIAN: r"\mathcal{N}",
    LENGTH: r"\mathcal{N}_{\kappa}",
    LABELS: r"\mathcal{N}_{\sigma}",
    COMMON: r"\mathcal{D}",
    DETERMINANT: r"\det\Sigma",
    CURVATURE: r"\mathcal{H}",
    LABEL_MEAN: r"\mu_{12}^{\sigma}",
    BY_ANGLE: "q",
    LENGTH_BY_ANGLE: r"q_{\kappa}",
    LABELS_BY_ANGLE: r"q_{\sigma}",
    CANONICAL_TEACHER: r"P^{\mathsf{T}} A R",
    CANONICAL_COVARIANCE: r"R^{\mathsf{T}} \Sigma R",
}


@dataclass(frozen=True)
class TwoAxes:
    """Mean rotation of two axes as a rational function of the minimum.

    ``mu_12 = -eta^2 sqrt(s_1 s_2) (s_1 - s_2) Sigma_12 / (2 (s_1 + s_2)) * bracket`` with the
    bracket ``(1 + kappa) gamma^2 N / (det(Sigma) D) + kappa gamma^2 N_kappa / D
    + gamma sigma^2 (s_1 + s_2) N_sigma / D``.

    Attributes
    ----------
    minimum : MapMinimum
        Two axes in their canonical frame, with symbols as entries.
    noise : sympy.ImmutableMatrix
        Noise on learned maps, shape ``(4, 4)``.
    """

    minimum: MapMinimum
    noise: sp.ImmutableMatrix

    @cached_property
    def response(self) -> sp.ImmutableMatrix:
        """Symmetric ``Z`` with ``tr(Z C) = tr(B' O X)``, without the factor of the rotation.

        It solves ``B' Z + Z B`` = symmetric part of ``B' O``, the adjoint of the Lyapunov
        equation, so that the noise enters linearly.
        """
        curvature = sp.Matrix(self.minimum.curvature)
        turn = (self.minimum.turn(0, 1) / sp.sqrt(S_1 * S_2)).applyfunc(sp.cancel)
        pull = curvature.T * turn
        pull = (pull + pull.T) / 2
        places = [(a, b) for a in range(4) for b in range(a, 4)]
        position = {place: k for k, place in enumerate(places)}
        matrix, right = sp.zeros(10, 10), sp.zeros(10, 1)
        for (a, b), row in position.items():
            for k in range(4):
                matrix[row, position[min(k, b), max(k, b)]] += curvature[k, a]
                matrix[row, position[min(a, k), max(a, k)]] += curvature[k, b]
            right[row] = pull[a, b]
        found = solve_linear(matrix, right)
        return sp.ImmutableMatrix(4, 4, lambda a, b: found[position[min(a, b), max(a, b)]])

    @cached_property
    def mean(self) -> sp.Expr:
        """``mu_12 / eta^2`` from response and noise, not simplified."""
        trace = (self.response * self.noise).trace()
        return sp.sqrt(S_1 * S_2) * trace / self.minimum.metric(0, 1)

    @cached_property
    def parts(self) -> dict[sp.Symbol, sp.Expr]:
        """The four polynomials, expanded: three numerators and the common denominator."""
        trace = (self.response * self.noise).trace()
        quiet, light = {SIGMA: sp.Integer(0)}, {KURTOSIS: sp.Integer(0)}
        gaussian = trace.xreplace(quiet).xreplace(light)
        scale = -(S_1 - S_2) * CORRELATION
        determinant = VARIANCES[0] * VARIANCES[1] - CORRELATION**2
        labels = (trace - trace.xreplace(quiet)) / (scale * GAMMA * (S_1 + S_2) * SIGMA**2)
        length = (trace.xreplace(quiet) - gaussian) / KURTOSIS - gaussian
        length = length / (scale * GAMMA**2)
        gaussian = gaussian * determinant / (scale * GAMMA**2)
        named = {GAUSSIAN: cancel(gaussian), LENGTH: cancel(length), LABELS: cancel(labels)}
        denominator = sp.denom(named[GAUSSIAN])
        at_unit_point = denominator.xreplace(dict.fromkeys(denominator.free_symbols, sp.S.One))
        content = sp.Poly(denominator).content() * sp.sign(at_unit_point)
        common = sp.expand(denominator / content)
        parts = {name: cancel(value * common) for name, value in named.items()}
        if not all(part.is_polynomial() for part in parts.values()):
            raise CheckFailed("the parts of the mean rotation have different denominators")
        return {name: sp.expand(part) for name, part in parts.items()} | {COMMON: common}

    @cached_property
    def explicit(self) -> sp.Expr:
        """``mu_12 / eta^2`` with the parts put in."""
        determinant = VARIANCES[0] * VARIANCES[1] - CORRELATION**2
        return self.assembled.xreplace({DETERMINANT: determinant}).xreplace(self.parts)

    @cached_property
    def small_angle(self) -> dict[sp.Symbol, sp.Expr]:
        """Each part over the common denominator at vanishing correlation, factored."""
        straight = _straight()
        common = self.parts[COMMON].xreplace(straight)
        return {
            name: factor(self.parts[name].xreplace(straight) / common)
            for name in (GAUSSIAN, LENGTH, LABELS)
        }

    @cached_property
    def small_angle_rate(self) -> sp.Expr:
        """``mu_12 / eta^2`` to first order in the angle, in gains and variances."""
        values = {S_1: A_1 - GAMMA / LAMBDA_1, S_2: A_2 - GAMMA / LAMBDA_2}
        named = {BY_ANGLE: GAUSSIAN, LENGTH_BY_ANGLE: LENGTH, LABELS_BY_ANGLE: LABELS}
        parts = {name: self.small_angle[part] for name, part in named.items()}
        return _rate_by_angle().xreplace(parts).xreplace(values)

    @cached_property
    def assembled(self) -> sp.Expr:
        """``mu_12 / eta^2`` in the names of the parts."""
        bracket = (
            (1 + KURTOSIS) * GAMMA**2 * GAUSSIAN / DETERMINANT
            + KURTOSIS * GAMMA**2 * LENGTH
            + GAMMA * SIGMA**2 * (S_1 + S_2) * LABELS
        )
        prefactor = sp.sqrt(S_1) * sp.sqrt(S_2) * (S_1 - S_2) * CORRELATION / (2 * (S_1 + S_2))
        return -prefactor * bracket / COMMON


def two_axes(examples: MapExamples) -> Iterator[Step]:
    """Operators, exact rate, expansions in misalignment and weight decay."""
    case = TwoAxes(examples.two_axes, examples.two_axes_noise)
    yield _frame(case)
    yield _exact(case)
    yield _small_angle(case)
    yield _small_decay(case)


def _frame(case: TwoAxes) -> Step:
    minimum = case.minimum
    covariance = minimum.input_covariance
    curvature = minimum.curvature.applyfunc(sp.expand)
    maps = [sp.Matrix(2, 2, [int(k == place) for k in range(4)]) for place in range(4)]
    values = sp.diag(*minimum.singular_values)
    columns = [[*((values * f + f * values) * covariance + GAMMA * f - GAMMA * f.T)] for f in maps]
    return derived(
        "two-axes-frame",
        SECTION,
        "The canonical frame",
        "Two inputs, two outputs and two learned directions are the smallest network that can "
        "rotate. Turn inputs and outputs into the axes of the learned map, so that it is the "
        "diagonal matrix of {s_1} and {s_2}; all that is left of the task is the covariance in "
        "this frame, [eq:frame-covariance], and its off-diagonal entry {correlation} measures the "
        "misalignment. The teacher follows from [eq:task]. The operator [eq:map-hessian], in the "
        "order 11, 12, 21, 22 of the entries of a map, is the matrix [eq:frame-hessian].",
        symbols={"s_1": S_1, "s_2": S_2, "correlation": CORRELATION},
        equations=(
            Equation("frame-covariance", sp.Eq(CANONICAL_COVARIANCE, covariance, evaluate=False)),
            Equation(
                "frame-teacher",
                sp.Eq(CANONICAL_TEACHER, minimum.teacher.applyfunc(_as_one), evaluate=False),
            ),
            Equation("frame-hessian", sp.Eq(CURVATURE, curvature, evaluate=False)),
        ),
        tests=(
            vanishes(
                "The mean gradient of this network vanishes in every weight.",
                minimum.mean_gradient,
            ),
            vanishes(
                "Each column of the matrix is [eq:map-hessian] applied to a map with a single "
                "entry.",
                sp.Matrix(columns).T - curvature,
            ),
        ),
        assumptions=("Both directions are learned; label noise is the same in both outputs.",),
    )


def _as_one(entry: sp.Expr) -> sp.Expr:
    """An entry of the teacher as singular value plus one fraction."""
    value = entry.coeff(GAMMA, 0)
    return value + factor(entry - value)


def _exact(case: TwoAxes) -> Step:
    parts = case.parts
    point = {
        S_1: sp.Integer(4),
        S_2: sp.Integer(1),
        GAMMA: sp.Rational(1, 3),
        CORRELATION: sp.Rational(2, 5),
        VARIANCES[0]: sp.Rational(3, 2),
        VARIANCES[1]: sp.Rational(1, 2),
        KURTOSIS: sp.Rational(1, 4),
        SIGMA: sp.Rational(1, 5),
    }

    def in_weights() -> bool:
        numbers = MapMinimum(
            left=case.minimum.left,
            right=case.minimum.right,
            singular_values=(point[S_1], point[S_2]),
            input_covariance=case.minimum.input_covariance.xreplace(point),
            weight_decay=point[GAMMA],
            unlearned_slope=case.minimum.unlearned_slope,
            label_noise=(point[SIGMA] ** 2,) * 2,
        )
        noise = numbers.reach * case.noise.xreplace(point) * numbers.reach.T
        space = WeightSpace(numbers, sp.ImmutableMatrix(noise))
        turn = numbers.network.rotation(0, 1)
        found = (space.stiffened * turn * space.fluctuation).trace() / numbers.metric(0, 1)
        return bool(found == case.explicit.xreplace(point))

    return derived(
        "two-axes-rate",
        SECTION,
        "The exact rate of rotation",
        "Solving [eq:map-equations] for two axes is a linear system of ten equations over "
        "rational functions. The mean rotation per step is [eq:exact-rate]: {gaussian} is the "
        "part of Gaussian moments, {length} that of a random common length with kurtosis "
        "{kurtosis}, {labels} that of label noise of variance {variance}, and {common} their "
        "common denominator, all polynomials in the parameters of the minimum. The rate is odd "
        "in the misalignment {correlation}, and it vanishes for equal singular values, where the "
        "canonical frame loses its meaning.",
        symbols={
            "gaussian": GAUSSIAN,
            "length": LENGTH,
            "labels": LABELS,
            "common": COMMON,
            "kurtosis": KURTOSIS,
            "variance": SIGMA**2,
            "correlation": CORRELATION,
        },
        equations=(
            Equation("exact-rate", sp.Eq(MEAN, ETA**2 / BATCH * case.assembled, evaluate=False)),
            *(
                Equation(label, sp.Eq(name, parts[name], evaluate=False))
                for label, name in (
                    ("rate-gaussian", GAUSSIAN),
                    ("rate-length", LENGTH),
                    ("rate-labels", LABELS),
                    ("rate-common", COMMON),
                )
            ),
        ),
        tests=(
            vanishes(
                "The response that the linear system gives satisfies it, as a matrix of rational "
                "functions.",
                _response_residue(case),
            ),
            vanishes(
                "The displayed parts add up to the trace of response and noise.",
                case.explicit - case.mean,
            ),
            vanishes(
                "The rate changes its sign with the misalignment.",
                case.explicit + case.explicit.subs(CORRELATION, -CORRELATION),
            ),
            holds(
                "At a rational point it is the number that the full matrices in all eight "
                "weights give.",
                "exact evaluation at a rational point",
                in_weights,
            ),
        ),
    )


def _response_residue(case: TwoAxes) -> sp.ImmutableMatrix:
    curvature = case.minimum.curvature
    pull = curvature.T * (case.minimum.turn(0, 1) / sp.sqrt(S_1 * S_2)).applyfunc(sp.cancel)
    return curvature.T * case.response + case.response * curvature - (pull + pull.T) / 2


def _small_angle(case: TwoAxes) -> Step:
    by_angle = case.small_angle
    values = {S_1: A_1 - GAMMA / LAMBDA_1, S_2: A_2 - GAMMA / LAMBDA_2}
    rate, first_order = _rate_by_angle(), FIRST_ORDER
    names = {BY_ANGLE: GAUSSIAN, LENGTH_BY_ANGLE: LENGTH, LABELS_BY_ANGLE: LABELS}

    def positive() -> bool:
        numerator, denominator = sp.fraction(by_angle[GAUSSIAN])
        return all(
            coefficient > 0
            for part in (numerator, denominator)
            for coefficient in sp.Poly(sp.expand(part)).coeffs()
        )

    return derived(
        "small-angle",
        SECTION,
        "Small misalignment",
        "Let the teacher have the gains {a_1} and {a_2} along its axes, and turn the axes of a "
        "covariance with variances {lambda_1} and {lambda_2} by a small angle {angle}, from the "
        "first axis of the teacher towards the second. To first order the singular values stay "
        "those of the aligned task, [eq:angle-values], and the misalignment in the canonical "
        "frame is [eq:angle-correlation]: the learned map sides partly with the inputs. The mean "
        "rotation is [eq:angle-rate], linear in the angle. It vanishes without an angle, for "
        "equal variances, whose axes are arbitrary, and for equal gains, as in every "
        "autoencoder. All coefficients of {q} are positive: for Gaussian inputs without label "
        "noise the sense of rotation is decided by the sign of the angle alone, and the hidden "
        "axis of the larger singular value turns towards the other one when their inputs are "
        "positively correlated.",
        symbols={
            "a_1": A_1,
            "a_2": A_2,
            "lambda_1": LAMBDA_1,
            "lambda_2": LAMBDA_2,
            "angle": ANGLE,
            "q": BY_ANGLE,
        },
        equations=(
            Equation(
                "angle-values",
                sp.And(*(sp.Eq(k, v, evaluate=False) for k, v in values.items())),
            ),
            Equation(
                "angle-correlation",
                sp.Eq(CORRELATION, first_order / (S_1 - S_2), evaluate=False),
            ),
            Equation("angle-rate", sp.Eq(MEAN, ETA**2 / BATCH * rate, evaluate=False)),
            *(
                Equation(label, sp.Eq(name, by_angle[names[name]], evaluate=False))
                for label, name in (
                    ("angle-gaussian", BY_ANGLE),
                    ("angle-length", LENGTH_BY_ANGLE),
                    ("angle-labels", LABELS_BY_ANGLE),
                )
            ),
        ),
        tests=(
            vanishes(
                "Turning the teacher [eq:frame-teacher] into its own axes, to first order in the "
                "correlation, leaves the covariance with the off-diagonal entry of a turn by the "
                "angle.",
                *_turned_to_teacher(values, first_order),
            ),
            vanishes(
                "The rate is the first-order term of the exact rate in the misalignment.",
                sp.diff(case.assembled, CORRELATION).xreplace(
                    {DETERMINANT: LAMBDA_1 * LAMBDA_2}
                    | {
                        name: by_angle[name] if name in by_angle else sp.Integer(1)
                        for name in (GAUSSIAN, LENGTH, LABELS, COMMON)
                    }
                )
                * first_order
                / (S_1 - S_2)
                - rate.xreplace({name: by_angle[names[name]] for name in names}),
                *(
                    case.parts[name].xreplace(_straight())
                    - by_angle[name] * case.parts[COMMON].xreplace(_straight())
                    for name in (GAUSSIAN, LENGTH, LABELS)
                ),
            ),
            holds(
                "Numerator and denominator of [eq:angle-gaussian] have positive coefficients only.",
                "all coefficients inspected",
                positive,
            ),
        ),
    )


def _rate_by_angle() -> sp.Expr:
    """``mu_12 / eta^2`` to first order in the angle, in singular values and named parts."""
    bracket = (
        (1 + KURTOSIS) * GAMMA**2 * BY_ANGLE / (LAMBDA_1 * LAMBDA_2)
        + KURTOSIS * GAMMA**2 * LENGTH_BY_ANGLE
        + GAMMA * SIGMA**2 * (S_1 + S_2) * LABELS_BY_ANGLE
    )
    return -sp.sqrt(S_1) * sp.sqrt(S_2) / (2 * (S_1 + S_2)) * FIRST_ORDER * bracket


def _straight() -> dict[sp.Symbol, sp.Expr]:
    return {CORRELATION: sp.Integer(0), VARIANCES[0]: LAMBDA_1, VARIANCES[1]: LAMBDA_2}


def _turned_to_teacher(
    values: dict[sp.Symbol, sp.Expr], first_order: sp.Expr
) -> tuple[sp.Expr, sp.Expr]:
    """Off-diagonal entries of teacher and covariance in the axes of the teacher."""
    size, turn = sp.symbols("size turn")
    correlation = size * first_order / (values[S_1] - values[S_2])
    covariance = sp.Matrix([[LAMBDA_1, correlation], [correlation, LAMBDA_2]])
    teacher = sp.diag(values[S_1], values[S_2]) + GAMMA * covariance.inv()
    rotation = sp.Matrix([[1, size * turn], [-size * turn, 1]])

    def first(matrix: sp.Matrix) -> sp.Expr:
        entry = (rotation * matrix * rotation.T)[0, 1]
        return sp.diff(entry, size).subs(size, 0)

    (angle,) = sp.solve(first(teacher), turn)
    found = first(covariance).subs(turn, angle)
    diagonal = teacher[0, 0].subs(size, 0) - A_1
    return found - (LAMBDA_1 - LAMBDA_2) * ANGLE, diagonal


def _small_decay(case: TwoAxes) -> Step:
    gains = {S_1: A_1, S_2: A_2}
    flat = {GAMMA: sp.Integer(0)}
    gaussian, _, labels = (
        factor(case.small_angle[name].xreplace(gains).xreplace(flat))
        for name in (GAUSSIAN, LENGTH, LABELS)
    )
    prefactor = (
        -sp.sqrt(A_1)
        * sp.sqrt(A_2)
        * (LAMBDA_1 - LAMBDA_2)
        * (A_1 - A_2)
        * ANGLE
        / (2 * (A_1 + A_2))
    )
    quiet = prefactor * gaussian / (LAMBDA_1 * LAMBDA_2)
    noisy = factor((A_1 + A_2) * labels)
    return derived(
        "small-decay",
        SECTION,
        "Small misalignment and weak decay",
        "When the weight decay is small too, the singular values are the gains. Without label "
        "noise the leading term is [eq:decay-rate-quiet], of order {orders}; the diffusion of the "
        "same network is of order {diffusion}, so that the steady rotation wins at small learning "
        "rate and small decay. Label noise adds [eq:decay-rate-noisy], of first order in the "
        "weight decay; its sign also depends on which axis has the larger variance.",
        symbols={
            "orders": ETA**2 * GAMMA**2 * ANGLE,
            "diffusion": ETA**3 * GAMMA**4,
        },
        equations=(
            Equation(
                "decay-rate-quiet",
                sp.Eq(MEAN, ETA**2 * GAMMA**2 * quiet / BATCH, evaluate=False),
            ),
            Equation(
                "decay-rate-noisy",
                sp.Eq(
                    LABEL_MEAN,
                    ETA**2 * GAMMA * SIGMA**2 * prefactor * noisy / BATCH,
                    evaluate=False,
                ),
            ),
        ),
        tests=(
            vanishes(
                "The terms are the leading orders of [eq:angle-rate] in the weight decay.",
                _leading(case, prefactor, GAUSSIAN) - quiet,
                _leading(case, prefactor, LABELS) - prefactor * noisy,
            ),
        ),
    )


def _leading(case: TwoAxes, prefactor: sp.Expr, part: sp.Symbol) -> sp.Expr:
    """Coefficient of the lowest power of the weight decay in one part of the rate."""
    values = {S_1: A_1 - GAMMA / LAMBDA_1, S_2: A_2 - GAMMA / LAMBDA_2}
    term = case.small_angle[part]
    term *= S_1 + S_2 if part == LABELS else 1 / (LAMBDA_1 * LAMBDA_2)
    coefficient, order = leading_term(term.xreplace(values), GAMMA)
    if order != 0:
        raise CheckFailed("the leading order in the weight decay is another one")
    return prefactor * coefficient

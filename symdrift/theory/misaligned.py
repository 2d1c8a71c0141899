"""Two misaligned axes: canonical frame, traces, and expansions of the steady rotation."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import sympy as sp

from symdrift.algebra.matrices import evaluate_matrix
from symdrift.algebra.rational import factor, leading_term
from symdrift.derivation.chapter import chain, holds, step, vanishes
from symdrift.derivation.premises import Premise
from symdrift.derivation.steps import Method, Step
from symdrift.derivation.symbols import BATCH, ETA, GAMMA
from symdrift.derivation.vocabulary import KURTOSIS
from symdrift.errors import CheckFailed
from symdrift.theory.linear.maps import MapDrift
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
    LEARNED,
    LENGTH,
    S_1,
    S_2,
    SIGMA_12,
    STRAIGHT,
    TILT,
    TwoAxes,
)
from symdrift.theory.misaligned_rate import (
    _LABELS,
    CANONICAL_COVARIANCE,
    CANONICAL_TEACHER,
    COLOURED,
    CURVATURE,
    FLUCTUATION,
    FRAME_IMAGES,
    FRAME_MAP,
    FRAME_SIGMA,
    FRAME_TURN,
    FRAME_VALUES,
    LABEL_MEAN,
    MEAN,
    NOISE,
    POINT,
    QUOTIENTS,
    RESPONSE,
    TURN,
    VARIANCE,
    at_rational_point,
    premises_of,
    two_axes_rate,
)


def two_axes(absent: Collection[sp.Symbol]) -> Iterator[Step]:
    """Operators and traces, explicit rate, expansions in misalignment and weight decay.

    Parameters
    ----------
    absent : collection of sympy.Symbol
        Sources of noise that the formulas leave out: kurtosis, label noise.
    """
    case = TwoAxes(tuple(absent))
    yield _two_axes_frame(case)
    yield _two_axes_traces(case)
    yield two_axes_rate(case)
    yield _small_angle(case)
    yield _small_decay(case)


def _two_axes_frame(case: TwoAxes) -> Step:
    """The canonical frame

    Two inputs, two outputs and two learned directions make the smallest network that can rotate.
    Express inputs and outputs in the axes of the learned map, so that it is the diagonal matrix {S}
    of {s_1} and {s_2}; all that is left of the task is the covariance in this frame,
    [eq:frame-covariance], and its off-diagonal entry {correlation} measures the misalignment. In
    the rest of this section {frame_sigma} is this matrix. As both directions are learned,
    [eq:slope-form] makes the slope {gamma} times the identity, the residual map {residual_here} and
    the teacher [eq:frame-teacher]. The operator [eq:map-hessian] is then [eq:frame-pull]. In the
    order 11, 12, 21, 22 of the entries of a map the operator [eq:map-hessian] is the matrix
    [eq:frame-hessian].
    """
    minimum = case.minimum
    covariance = minimum.input_covariance
    curvature = minimum.curvature.applyfunc(sp.expand)
    f, values = FRAME_MAP, FRAME_VALUES
    teacher = values + GAMMA * FRAME_SIGMA.I
    pulled = (values * f + f * values) * FRAME_SIGMA + GAMMA * (f - f.T)
    return step(
        frame_covariance=(CANONICAL_COVARIANCE, covariance),
        frame_teacher=(CANONICAL_TEACHER, teacher),
        frame_pull=(FRAME_IMAGES[0], pulled),
        frame_hessian=(CURVATURE, curvature),
        symbols={
            "s_1": S_1,
            "s_2": S_2,
            "S": FRAME_VALUES,
            "correlation": SIGMA_12,
            "frame_sigma": FRAME_SIGMA,
            "residual_here": GAMMA * FRAME_SIGMA.I,
        },
        checks=(
            vanishes(
                "The mean gradient of this network vanishes in every weight.",
                minimum.mean_gradient,
            ),
            vanishes(
                "Its teacher is [eq:frame-teacher].",
                (evaluate_matrix(teacher, _frame(case)), minimum.teacher),
            ),
            vanishes(
                "Each column of [eq:frame-hessian] is [eq:frame-pull] of a map with a single "
                "entry.",
                (_columns(case, pulled), curvature),
            ),
        ),
        assumptions=("Both directions are learned.",),
    )


def _two_axes_traces(case: TwoAxes) -> Step:
    """Rate and variance as traces

    In this frame a rotation and the noise of one sample act on a learned map by
    [eq:frame-operators]. In the same order of entries the rotation of the two hidden axes,
    [eq:map-turn], is the matrix [eq:frame-turn], and the noise [eq:frame-noise], to be divided by
    the size of a batch.

    With [eq:frame-hessian], and with rotation and noise as matrices in the same order, the
    equations [eq:map-equations] are linear systems for matrices of four rows. Their solutions give
    the mean rotation per step, [eq:frame-mean], and its variance per step, [eq:frame-variance].
    Both are leading orders in {eta}, without any other approximation.
    """
    metric = 2 * (S_1 + S_2)
    mean = ETA * sp.Trace(CURVATURE.T * TURN * FLUCTUATION) / metric
    variance = ETA**2 * sp.Trace(COLOURED.T * NOISE * COLOURED * FLUCTUATION) / metric**2
    kurtosis, labels = (
        sp.Integer(0) if source in case.absent else source for source in (KURTOSIS, LABEL_NOISE)
    )

    inputs = "Gaussian" if KURTOSIS in case.absent else "elliptical with the kurtosis {kurtosis}"
    noise_of_labels = (
        "there is no label noise"
        if LABEL_NOISE in case.absent
        else "label noise is independent in the two outputs, of variance {variance} in both"
    )

    f = FRAME_MAP
    turned = sp.sqrt(S_1) * sp.sqrt(S_2) * (FRAME_TURN * f - f * FRAME_TURN)
    noisy = GAMMA**2 * sp.MatMul(
        1 + kurtosis, FRAME_SIGMA.I * f * FRAME_SIGMA + f.T, evaluate=False
    ).doit(deep=False)
    if kurtosis != 0:
        noisy += kurtosis * GAMMA**2 * sp.Trace(f) * sp.Identity(2)
    if labels != 0:
        noisy += labels**2 * f * FRAME_SIGMA
    turn = sp.sqrt(S_1) * sp.sqrt(S_2) * case.turn
    shown_noise = _shown_noise(case).xreplace({DETERMINANT: DETERMINANT_VALUE}).as_explicit()
    return step(
        under={"frame_noise": premises_of(case)},
        frame_operators=[(FRAME_IMAGES[1], turned), (FRAME_IMAGES[2], noisy)],
        frame_turn=(TURN, _scaled_turn(case)),
        frame_noise=(NOISE, _shown_noise(case)),
        frame_mean=(MEAN, mean),
        frame_variance=(VARIANCE, variance),
        checks=(
            vanishes(
                "Each column of the two matrices is [eq:frame-operators] of a map with a single "
                "entry, and the second is the noise of the task on learned maps.",
                (_columns(case, turned), turn),
                (_columns(case, noisy), shown_noise),
                (shown_noise, case.noise),
            ),
            holds(
                "At a rational point mean and variance are the numbers that the full matrices in "
                "all eight weights give.",
                Method.POINTS,
                lambda: _traces_agree_in_weights(case),
            ),
        ),
        symbols={"kurtosis": KURTOSIS, "variance": LABEL_NOISE**2},
        assumptions=(f"Inputs are {inputs}, and {noise_of_labels}.",),
    )


def _frame(case: TwoAxes) -> dict[sp.Basic, sp.ImmutableMatrix]:
    """Singular values, covariance and generator in the canonical frame."""
    return {
        FRAME_VALUES: sp.ImmutableMatrix(sp.diag(*case.minimum.singular_values)),
        FRAME_SIGMA: case.minimum.input_covariance,
        FRAME_TURN: sp.ImmutableMatrix([[0, 1], [-1, 0]]),
    }


def _columns(case: TwoAxes, image: sp.MatrixExpr) -> sp.ImmutableMatrix:
    """What an operator makes of the four maps with a single entry, as columns."""
    frame = _frame(case)
    maps = (sp.ImmutableMatrix(2, 2, [int(k == n) for k in range(4)]) for n in range(4))
    images = [evaluate_matrix(image, {**frame, FRAME_MAP: entry}) for entry in maps]
    return sp.ImmutableMatrix(sp.Matrix([[*found] for found in images]).T)


def _scaled_turn(case: TwoAxes) -> sp.MatMul:
    return sp.MatMul(sp.sqrt(S_1) * sp.sqrt(S_2), case.turn, evaluate=False)


def _shown_noise(case: TwoAxes) -> sp.MatAdd:
    """The noise on learned maps as a sum with one constant matrix, or one in ``Sigma``, each."""
    kurtosis = sp.Integer(0) if KURTOSIS in case.absent else KURTOSIS
    strength = (1 + kurtosis) * GAMMA**2
    covariance = case.minimum.input_covariance
    flat = sp.Matrix([*sp.eye(2)])
    terms = [
        (strength / DETERMINANT, sp.kronecker_product(covariance.adjugate(), covariance)),
        (strength, sp.Matrix(4, 4, lambda a, b: int(divmod(a, 2) == divmod(b, 2)[::-1]))),
    ]
    if kurtosis != 0:
        terms.append((kurtosis * GAMMA**2, flat * flat.T))
    if LABEL_NOISE not in case.absent:
        terms.append((LABEL_NOISE**2, sp.kronecker_product(sp.eye(2), covariance)))
    return sp.MatAdd(
        *(
            sp.MatMul(factor, sp.ImmutableMatrix(matrix), evaluate=False)
            for factor, matrix in terms
        ),
        evaluate=False,
    )


def _traces_agree_in_weights(case: TwoAxes) -> bool:
    """Mean and variance by the displayed matrices, and by those in all weights."""
    numbers, space = at_rational_point(case)
    noise = _shown_noise(case).xreplace({DETERMINANT: DETERMINANT_VALUE}).as_explicit()
    on_maps = MapDrift(numbers, sp.ImmutableMatrix(noise.xreplace(POINT)))
    plane = (0, 1)
    swept = space.variance(plane)
    return bool(
        space.mean(plane) == on_maps.mean(plane)
        and swept == on_maps.covariance(plane, plane)
        and swept > 0
    )


def _small_angle(case: TwoAxes) -> Step:
    """Small misalignment

    Let the teacher have the gains {a_1} and {a_2} along its axes, and turn the axes of a covariance
    with variances {lambda_1} and {lambda_2} by a small angle {angle}, from the first axis of the
    teacher towards the second. To first order the singular values, which are even in the angle,
    stay those of the aligned task, [eq:angle-values]. In the canonical frame the first axes of
    inputs and teacher lie at small angles, their off-diagonal entries over the difference of their
    diagonal ones: the difference {angle} of these angles is {between}, by [eq:frame-covariance] and
    [eq:frame-teacher]. This is collected in [eq:angle-between]. The misalignment in the canonical
    frame is therefore [eq:angle-correlation].

    The mean rotation is [eq:angle-rate], linear in the angle, where <quotients> without
    misalignment. The numerator is a trace that was divided by {correlation}: {response} and {noise}
    are expanded in it to first order, about a {curvature} that falls apart into the entries 11 and
    22 and the block of 12 and 21. The rate vanishes without an angle, for equal variances, whose
    axes are arbitrary, and for equal gains, as in every autoencoder. It does not contain the
    difference of the singular values. In all frames of the hidden units that turn into each other
    without reflection the equations for maps are the same, and so is the generator of the plane:
    the rate is a smooth function of learned map and covariance, also where singular values are
    equal. Its slope in the angle is therefore continuous, and [eq:angle-rate] holds there and
    nearby too.<sense>
    """
    shown = {name: QUOTIENTS[name] for name in case.names}
    rate = case.by_angle.xreplace(shown)
    slope = (
        case.assembled.diff(SIGMA_12)
        .xreplace(STRAIGHT)
        .xreplace(
            {COMMON: case.parts[COMMON].xreplace(STRAIGHT)}
            | {name: case.parts[name].xreplace(STRAIGHT) for name in case.names}
        )
    )
    sense = (
        " All coefficients of numerator and denominator of {q} are positive: for Gaussian inputs "
        "without label noise the sense of rotation is decided by three signs, that of the angle "
        "and those of the differences of the gains and of the variances. In the canonical "
        "frame, where {s_1} is larger than {s_2}, a positive correlation of the inputs makes "
        "the rate negative, which turns the hidden axis of the larger singular value towards "
        "the other one."
    )

    slant = GAMMA * SIGMA_12 / (LAMBDA_1 * LAMBDA_2 * (A_1 - A_2))
    apart = SIGMA_12 / (LAMBDA_1 - LAMBDA_2) + slant
    between = SIGMA_12 * ANGLE / TILT
    quotients = ", ".join(
        f"{{{text}}}, [eq:angle-{text}], is {{{text}_part}} over {{common}}"
        for text in map(_LABELS.__getitem__, case.names)
    )

    def positive() -> bool:
        return all(
            coefficient > 0
            for part in sp.fraction(case.quotients[GAUSSIAN])
            for coefficient in sp.Poly(sp.expand(part)).coeffs()
        )

    return step(
        under={"angle_rate": premises_of(case)},
        angle_values=list(LEARNED.items()),
        angle_between=chain(
            ANGLE,
            (
                "by [eq:frame-covariance] and [eq:frame-teacher]",
                apart,
                {ANGLE: between.xreplace(LEARNED)},
            ),
            ("by [eq:angle-values]", between, LEARNED),
        ),
        angle_correlation=(SIGMA_12, TILT),
        angle_rate=(MEAN, ETA**2 / BATCH * rate),
        angle={_LABELS[name]: (shown[name], case.quotients[name]) for name in case.names},
        symbols={
            "s_1": S_1,
            "s_2": S_2,
            "a_1": A_1,
            "a_2": A_2,
            "lambda_1": LAMBDA_1,
            "lambda_2": LAMBDA_2,
            "angle": ANGLE,
            "between": apart,
            "q": QUOTIENTS[GAUSSIAN],
            "response": RESPONSE,
            "noise": NOISE,
            "curvature": CURVATURE,
            "correlation": SIGMA_12,
            "common": COMMON,
            **{_LABELS[name]: QUOTIENTS[name] for name in case.names},
            **{f"{_LABELS[name]}_part": name for name in case.names},
        },
        words={"sense": sense, "quotients": quotients},
        checks=(
            vanishes(
                "Turning the teacher [eq:frame-teacher] into its own axes, to first order in the "
                "misalignment, leaves the covariance with the off-diagonal entry of a turn by "
                "the angle.",
                *_turned_to_teacher(),
            ),
            vanishes(
                "The rate is the slope of the explicit rate in the misalignment, times "
                "[eq:angle-correlation].",
                (slope * TILT, case.by_angle.xreplace(case.quotients)),
            ),
            holds(
                "Numerator and denominator of [eq:angle-gaussian] have positive coefficients only.",
                Method.CASES,
                positive,
            ),
        ),
        assumptions=(
            "The angle is small against the difference of the singular values, so that "
            "{correlation} is small.",
        ),
    )


def _turned_to_teacher() -> tuple[sp.Expr, sp.Expr]:
    """What the turn into the axes of the teacher leaves over, to first order."""
    size, turn = sp.symbols("size turn")
    correlation = size * TILT.xreplace(LEARNED)
    covariance = sp.Matrix([[LAMBDA_1, correlation], [correlation, LAMBDA_2]])
    teacher = sp.diag(*LEARNED.values()) + GAMMA * covariance.inv()
    rotation = sp.Matrix([[1, size * turn], [-size * turn, 1]])

    def first(matrix: sp.Matrix) -> sp.Expr:
        entry = (rotation * matrix * rotation.T)[0, 1]
        return sp.diff(entry, size).subs(size, 0)

    off_axis = sp.Poly(first(teacher), turn)
    found = first(covariance).subs(turn, -off_axis.nth(0) / off_axis.nth(1))
    gain = teacher[0, 0].subs(size, 0) - A_1
    return found - (LAMBDA_1 - LAMBDA_2) * ANGLE, gain


def _small_decay(case: TwoAxes) -> Step:
    """Small misalignment and weak decay

    When angle and weight decay are both small, the singular values are the gains, and without label
    noise the mean rotation [eq:frame-mean] with [eq:angle-correlation], at first order in the angle
    and at the lowest power of {gamma}, is [eq:decay-rate-quiet], of order {orders}. It is
    [eq:angle-rate] at the lowest power of {gamma}. Noise is then of second order in the weight
    decay, so that the diffusion, which needs noise and fluctuation, is of order {diffusion}: before
    it has spread the axes by a radian the steady rotation has turned them by an angle of the order
    of {turned}, which is large when {eta} and {gamma} are small.<added>
    """
    gains = {S_1: A_1, S_2: A_2}
    weak = {
        name: factor(quotient.xreplace(gains).xreplace({GAMMA: sp.Integer(0)}))
        for name, quotient in case.quotients.items()
    }
    quiet_sources = {name: weak.get(name, sp.Integer(0)) for name in (GAUSSIAN, LENGTH)}
    only_labels = {GAUSSIAN: sp.Integer(0), LENGTH: sp.Integer(0)}
    shown = case.by_angle.xreplace(gains)
    quiet = shown.xreplace({LABELS: sp.Integer(0)}).xreplace(quiet_sources)
    noisy = shown.xreplace(only_labels).xreplace(weak)
    # The square root, which becomes that of the gains, is no rational function.
    exact = case.by_angle / (sp.sqrt(S_1) * sp.sqrt(S_2))
    exact = exact.xreplace(case.quotients).xreplace(LEARNED)
    root = sp.sqrt(A_1) * sp.sqrt(A_2)
    silent = {LABEL_NOISE: sp.Integer(0)}
    tests = [
        vanishes(
            "Without label noise [eq:decay-rate-quiet] is the leading order of [eq:angle-rate] in "
            "the weight decay.",
            (_leading(exact.xreplace(silent), 2), _leading(quiet / root, 2)),
        ),
        vanishes(
            "Without label noise the noise is of second order in the weight decay.",
            *(
                case.noise.xreplace(silent).diff(GAMMA, order).xreplace({GAMMA: sp.Integer(0)})
                for order in (0, 1)
            ),
        ),
    ]
    added = ""
    if LABELS in case.names:
        added = (
            " Label noise adds [eq:decay-rate-noisy], of first order in the weight decay; its "
            "sign also depends on which axis has the larger variance."
        )
        tests.append(
            vanishes(
                "The term of label noise is the leading order of what it adds.",
                (_leading(exact - exact.xreplace(silent), 1), _leading(noisy / root, 1)),
            )
        )
    return step(
        under=[*premises_of(case), Premise.SMALL_DECAY],
        decay_rate_quiet=(MEAN, _arranged(quiet)),
        decay_rate_noisy=(LABEL_MEAN, _arranged(noisy)) if LABELS in case.names else None,
        symbols={
            "orders": ETA**2 * GAMMA**2 * ANGLE,
            "diffusion": ETA**3 * GAMMA**4,
            "turned": ANGLE / (ETA * GAMMA**2),
        },
        words={"added": added},
        checks=tests,
    )


def _arranged(rate: sp.Expr) -> sp.Expr:
    """A rate with the root of the gains in front of a rational function."""
    root = sp.sqrt(A_1) * sp.sqrt(A_2)
    return ETA**2 / BATCH * root * factor(rate / root)


def _leading(rate: sp.Expr, order: int) -> sp.Expr:
    """Coefficient of the lowest power of the weight decay, which has to be ``order``."""
    coefficient, found = leading_term(rate, GAMMA)
    if found != order:
        raise CheckFailed(f"the mean rotation is of order {found} in the weight decay")
    return coefficient

"""Any rule that does not know its hidden basis: fixed orbit, fluctuation, area."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

import sympy as sp

from symdrift.derivation.chapter import holds, step, vanishes
from symdrift.derivation.steps import Method, Step
from symdrift.derivation.symbols import ETA, symbol
from symdrift.derivation.vocabulary import (
    CENTRED_NOISE,
    CORRECTOR,
    FIRST_LAYER,
    FLUCTUATION,
    METRIC,
    MINIMUM_POINT,
    NEXT_NORMAL,
    NEXT_WEIGHTS,
    NOISE,
    NORMAL,
    ROTATION_STEP,
    SIZE,
    STEP_FIRST,
    TURN,
    WEIGHTS,
)
from symdrift.theory.correlations import ROTATION_COVARIANCE
from symdrift.theory.rules.rule_area import RuleArea, sylvester
from symdrift.theory.rules.shipped_rules import RULES, TAU, shipped

UPDATE, STILL = (sp.MatrixSymbol(f"update_{name}", SIZE, 1) for name in ("sample", "mean"))
SLOPE_OF_MEAN, SLOPE_OF_SAMPLE, FORM = (
    sp.MatrixSymbol(f"rule_{name}", SIZE, SIZE) for name in ("mean_slope", "sample_slope", "form")
)
RESPONSES = sp.MatrixSymbol("rule_responses", SIZE, SIZE)
READING, RESPONSE = (sp.MatrixSymbol(f"rule_{name}", SIZE, 1) for name in ("reading", "response"))
MEAN_ROTATION = symbol("mean_rotation", real=True)

LATEX: dict[sp.Basic, str] = {
    UPDATE: "F_t",
    STILL: r"f(\theta^{*})",
    SLOPE_OF_MEAN: "J",
    SLOPE_OF_SAMPLE: r"\mathcal{D}",
    FORM: r"\mathcal{B}",
    READING: "u",
    RESPONSE: "z",
    RESPONSES: r"\mathbb{E}[z z^{\mathsf{T}}]",
}

MEANINGS = (
    (STILL, "mean update at a point of the fixed orbit", "vector"),
    (UPDATE, "what the sample of a step changes, per learning rate", "vector"),
    (SLOPE_OF_MEAN, "derivative of the mean update at the fixed orbit", "matrix"),
    (SLOPE_OF_SAMPLE, "derivative of the update of a sample", "matrix"),
    (READING, "left null vector, which reads a rotation", "vector"),
    (FORM, "bend of the mean update as a rotation reads it", "matrix"),
    (RESPONSE, "response of a rotation to the deviation, in one step", "vector"),
)

OF_AN_UPDATE: Mapping[sp.Basic, str] = MappingProxyType({
    NOISE: "covariance of the part of the update in the stable subspace",
    FLUCTUATION: "covariance of the deviation from the fixed orbit",
    FIRST_LAYER: "weights from the inputs to the hidden layer",
    STEP_FIRST: "change of these weights",
    WEIGHTS: "all weights",
    MINIMUM_POINT: "a point of the fixed orbit",
    NORMAL: "deviation from the fixed orbit",
    CENTRED_NOISE: "update noise: part of the update in the stable subspace",
})  # fmt: skip
"""What symbols mean where an update need not be a gradient."""


def general_rule() -> Iterator[Step]:
    """What holds for every rule, checked on those that come with symdrift."""
    half = {TAU: sp.Rational(1, 2)}
    areas = tuple(RuleArea(shipped(name).at(half).on_axes(2, 1)) for name in RULES)
    yield _rule_orbit(areas)
    yield _rule_reading(areas)
    yield _rule_fluctuation(areas)
    yield _rule_drift(areas)


def _rule_orbit(areas: tuple[RuleArea, ...]) -> Step:
    """A fixed orbit

    One sample changes all weights {theta} by [eq:rule-step]. The rule does not know the basis of
    its hidden layer: the update of turned weights is the turned update. So where the mean update
    {still} vanishes at one point {theta_star}, it vanishes on the whole orbit of that point.
    Differentiated along a rotation with the generator {Omega} this says that the derivative {J} of
    the mean update has the tangent vectors of the orbit for null vectors, [eq:rule-tangent].
    Stochastic gradient descent is the special case in which the update is minus the gradient of a
    loss, and {J} minus its Hessian.
    """
    return step(
        rule_step=(NEXT_WEIGHTS, WEIGHTS + ETA * UPDATE),
        rule_tangent=(SLOPE_OF_MEAN * TURN * MINIMUM_POINT, sp.ZeroMatrix(SIZE, 1)),
        symbols={"still": STILL, "theta_star": MINIMUM_POINT, "J": SLOPE_OF_MEAN},
        checks=(
            vanishes(
                "At the fixed point of Oja's rule, of the tied autoencoder and of similarity "
                "matching, with symbols for all variances, the mean update vanishes, and so does "
                "[eq:rule-tangent].",
                *(
                    entry
                    for area in areas
                    for entry in (*area.rule.mean, *(area.rule.jacobian * sp.Matrix(area.tangent)))
                ),
            ),
        ),
    )


def _rule_reading(areas: tuple[RuleArea, ...]) -> Step:
    """Left null vectors read rotations

    {J} need not be symmetric. What a change of the weights turns is then not its projection on the
    tangent vector, but what the left null vector {u} reads, [eq:rule-null], normalised by
    [eq:rule-normalised]. All that it does not read lies in the range of {J}, the stable subspace,
    from which the mean update returns to the orbit. For a gradient {J} is symmetric, and the
    reading is the tangent vector over its squared length, [eq:rule-gradient]. Where several hidden
    layers turn, each has a reading of its own, to which the rotations of the others are nothing.
    """
    tangent = TURN * MINIMUM_POINT
    tied = areas[RULES.index("tied_autoencoder")]
    length = sum(entry**2 for entry in tied.tangent)
    return step(
        rule_null=(READING.T * SLOPE_OF_MEAN, sp.ZeroMatrix(1, SIZE)),
        rule_normalised=(sp.Trace(READING.T * tangent), 1),
        rule_gradient=(READING, tangent / METRIC),
        symbols={"J": SLOPE_OF_MEAN, "u": READING},
        checks=(
            vanishes(
                "The readings of the three rules satisfy [eq:rule-null] and [eq:rule-normalised].",
                *(
                    entry
                    for area in areas
                    for entry in (
                        *(sp.Matrix([area.reading]) * area.rule.jacobian),
                        (sp.Matrix([area.reading]) * sp.Matrix(area.tangent))[0] - 1,
                    )
                ),
            ),
            vanishes(
                "The tied autoencoder descends a gradient: its derivative is symmetric, and its "
                "reading is [eq:rule-gradient].",
                tied.rule.jacobian - tied.rule.jacobian.T,
                sp.Matrix(tied.reading) - sp.Matrix(tied.tangent) / length,
            ),
        ),
        assumptions=(
            "Nothing but the tangent vectors stands still, and all else returns to the orbit.",
        ),
    )


def _rule_fluctuation(areas: tuple[RuleArea, ...]) -> Step:
    """Noise across the orbit and the fluctuation

    Write the weights as a rotated copy of the fixed point plus a deviation {n_t} that {u} does not
    read. It follows [eq:rule-normal], where {zeta} is the part of the update in the stable
    subspace. With its covariance {C} the fluctuation {Gamma} is stationary where it solves
    [eq:rule-lyapunov]. No sample of these rules turns the layer at the fixed point itself,
    [eq:rule-quiet]: noise does not push along the orbit.
    """
    stable = tuple(block for area in areas for block in area.stable)
    return step(
        rule_normal=(NEXT_NORMAL, NORMAL + ETA * (SLOPE_OF_MEAN * NORMAL + CENTRED_NOISE)),
        rule_lyapunov=(
            SLOPE_OF_MEAN * FLUCTUATION + FLUCTUATION * SLOPE_OF_MEAN.T + ETA * NOISE,
            sp.ZeroMatrix(SIZE, SIZE),
        ),
        rule_quiet=(READING.T * UPDATE, sp.ZeroMatrix(1, 1)),
        symbols={"u": READING},
        checks=(
            vanishes(
                "What is read of the update of a sample vanishes for each product of its inputs, "
                "for the three rules.",
                *(area.direct for area in areas),
            ),
            vanishes(
                "The fluctuation of each block of weights of the three rules satisfies "
                "[eq:rule-lyapunov].",
                *(
                    block.flow * block.fluctuation + block.fluctuation * block.flow.T + block.noise
                    for block in stable
                ),
            ),
        ),
    )


def _rule_drift(areas: tuple[RuleArea, ...]) -> Step:
    """Area, mean and covariance of rotations

    At leading order the rotation of a step is linear in the deviation through the derivative {D} of
    the update of its sample, and quadratic through the bend {b} of the mean update. The quadratic
    part is the change of a bounded quantity, {stored}, if the matrix {K} solves the Poisson
    equation of the fluctuation, [eq:rule-poisson]. So a rotation is [eq:rule-martingale] with the
    response [eq:rule-response] to the deviation, and responses of different steps are
    uncorrelated. Per step the rotations of a plane have the variance [eq:rule-variance] and the
    mean [eq:rule-mean].
    """
    flow = sp.Matrix(2, 2, sp.symbols("j_11 j_12 j_21 j_22"))
    bend = sp.Matrix(2, 2, lambda a, b: sp.Symbol(f"b_{min(a, b)}{max(a, b)}"))
    corrector = sylvester(flow.T, flow, bend)
    n, kick, slope = (sp.Matrix(sp.symbols(f"{name}_1:3")) for name in "nzd")
    moved = n + ETA * (flow * n + kick)
    rotation = ETA * ((slope.T * n)[0] + (n.T * bend * n)[0])
    stored = (moved.T * corrector * moved)[0] - (n.T * corrector * n)[0]
    response = ETA * ((slope + 2 * corrector * kick).T * n)[0]
    residue = sp.diff(rotation + stored - response, ETA).subs(ETA, 0)
    return step(
        rule_poisson=(
            SLOPE_OF_MEAN.T * CORRECTOR + CORRECTOR * SLOPE_OF_MEAN + FORM,
            sp.ZeroMatrix(SIZE, SIZE),
        ),
        rule_response=(RESPONSE, SLOPE_OF_SAMPLE.T * READING + 2 * CORRECTOR * CENTRED_NOISE),
        rule_martingale=(
            ROTATION_STEP,
            sp.Trace(NORMAL.T * CORRECTOR * NORMAL)
            - sp.Trace(NEXT_NORMAL.T * CORRECTOR * NEXT_NORMAL)
            + ETA * sp.Trace(RESPONSE.T * NORMAL),
        ),
        rule_variance=(
            ROTATION_COVARIANCE,
            ETA**2 * sp.Trace(RESPONSES * FLUCTUATION),
        ),
        rule_mean=(MEAN_ROTATION, ETA * sp.Trace(FORM * FLUCTUATION)),
        symbols={
            "D": SLOPE_OF_SAMPLE,
            "b": FORM,
            "stored": sp.Trace(NORMAL.T * CORRECTOR * NORMAL),
        },
        checks=(
            vanishes(
                "Along a single step with arbitrary flow, bend, deviation and noise in two "
                "dimensions, the two sides of [eq:rule-martingale] agree to first order in the "
                "learning rate.",
                residue,
            ),
            holds(
                "The mean rotation of the three rules vanishes.",
                Method.IDENTITY,
                lambda: all(area.mean_rotation == 0 for area in areas),
            ),
        ),
        assumptions=("Rotations within one relaxation time of the fluctuation are small.",),
    )

"""The normal space and its Hessian: what noise never reaches, and which minima are strict."""

from __future__ import annotations

from collections.abc import Iterator

import sympy as sp

from symdrift.algebra.matrices import evaluate_matrix
from symdrift.derivation.chapter import chain, holds, step, vanishes
from symdrift.derivation.premises import Premise
from symdrift.derivation.steps import Method, Step
from symdrift.derivation.symbols import GAMMA, INPUTS, symbol
from symdrift.derivation.vocabulary import (
    DIMENSION,
    FIRST_LAYER,
    GENERATOR,
    HIDDEN,
    OUTPUTS,
    RANK,
    REACH,
    REACH_RANK,
    SECOND_LAYER,
    SLOPE,
)
from symdrift.theory.examples import Examples
from symdrift.theory.linear.curvature import hessian, silent_curvatures, unreached_curvature
from symdrift.theory.linear.network import LinearNetwork
from symdrift.theory.linear.normal_space import NormalSpace
from symdrift.theory.linear.points import AlignedMinimum, active_direction, inactive_direction

DETERMINANT = sp.Symbol("det_H_il", real=True)
SILENT_LOWER, SILENT_UPPER = sp.symbols("h_l_minus h_l_plus", real=True)
EXCHANGED = sp.Symbol("det_H_li", real=True)
WOULD_BE = sp.Symbol("s_l_lost", positive=True)
STRETCH = sp.MatrixSymbol("stretch", HIDDEN, HIDDEN)
STRETCHED_FIRST = sp.MatrixSymbol("stretched_first", *FIRST_LAYER.shape)
STRETCHED_SECOND = sp.MatrixSymbol("stretched_second", *SECOND_LAYER.shape)

LATEX = {
    DETERMINANT: r"\det(H_{il})",
    EXCHANGED: r"\det(H_{li})",
    SILENT_LOWER: "h_l^{-}",
    SILENT_UPPER: "h_l^{+}",
    WOULD_BE: r"\bar s_l",
    STRETCH: r"\Omega_{+}",
    STRETCHED_FIRST: r"(H (\Omega_{+} W, -U \Omega_{+}))_{W}",
    STRETCHED_SECOND: r"(H (\Omega_{+} W, -U \Omega_{+}))_{U}",
}

MEANINGS = (
    (STRETCH, "any symmetric matrix on the hidden layer", "p by p"),
    (SILENT_LOWER, "curvature of a silent hidden unit along an axis", "scalar"),
    (SILENT_UPPER, "the larger one", "scalar"),
    (WOULD_BE, "singular value that an axis left out would have", "scalar"),
)


def strictness(examples: Examples) -> Iterator[Step]:
    """Curvature that noise never reaches, and where all curvature across the orbit is positive."""
    yield _unreached(examples)
    yield _strictness(examples)
    yield _several_minima(examples)


def _unreached(examples: Examples) -> Step:
    """Curvature of the remaining normal directions

    The normal directions that noise at the minimum does not excite matter for the drift at leading
    order by their stability alone. Between two active axes, within one, and between an active axis
    and a silent hidden unit their curvature is {between}. These directions leave the learned map as
    it is: with a symmetric matrix {stretch} where a tangent vector has a generator, the layers
    change by {stretched}. By [eq:slope-pairs] the slope pulls at this as much as weight decay does,
    and in the same sense, so that the Hessian multiplies it by {between}. For both layers this is
    [eq:stretched-first] and [eq:stretched-second]. Since the map does not change, the directions
    are orthogonal to the image of {J}. They are orthogonal to the tangent vectors too: by
    [eq:balance] the product with one is minus the trace of {turned}, two terms that cancel, as
    transposing one of them shows. A silent hidden unit has the curvatures [eq:silent] along an axis
    {l} that is not learned: its two weights of this axis are coupled by the slope {slope} alone,
    and their sum and their difference are curved by themselves.

    There are no other directions. The tangent vectors, the directions that noise reaches, the free
    entries of {stretch} but for those between silent units, and the weights between silent units
    and axes that are not learned are orthogonal to each other, and no such {stretch} but zero
    leaves the weights as they are, since the active units have independent weights. In number they
    are those of all weights, [eq:all-weights].
    """
    lower, upper = silent_curvatures()
    between = unreached_curvature()
    s = sp.Symbol("h", real=True)
    characteristic = (s * sp.eye(2) - sp.Matrix(hessian(_left_out()))).det()
    minimum = examples.indexed
    hidden = minimum.network.hidden
    stretch = sp.ImmutableMatrix(
        hidden, hidden, lambda a, b: sp.Symbol(f"x_{min(a, b)}{max(a, b)}")
    )
    first, second = stretch * minimum.first_layer, -minimum.second_layer * stretch
    change = sp.Matrix([*first, *second])
    curved = hessian(minimum) * change
    count = len(first)
    entries = {
        FIRST_LAYER: minimum.first_layer,
        SECOND_LAYER: minimum.second_layer,
        SLOPE: minimum.slope,
        STRETCH: stretch,
        STRETCHED_FIRST: sp.ImmutableMatrix(*first.shape, curved[:count]),
        STRETCHED_SECOND: sp.ImmutableMatrix(*second.shape, curved[count:]),
    }

    def value(line: sp.Basic) -> sp.ImmutableMatrix:
        """A line for two learned axes, one that is left out and a silent unit."""
        return evaluate_matrix(line, entries)

    tangents = [minimum.tangent(plane) for plane in minimum.planes]
    silent = HIDDEN - RANK
    stretches = RANK * silent + RANK * (RANK + 1) / 2
    beyond = silent * (INPUTS + OUTPUTS - 2 * RANK)
    reached = RANK * (INPUTS + OUTPUTS - RANK)
    return step(
        under=[Premise.SHARED_AXES],
        stretched_first=chain(
            STRETCHED_FIRST,
            (
                "[eq:hessian-pull], where the map does not change and {stretch} is symmetric",
                STRETCH * SECOND_LAYER.T * SLOPE + GAMMA * STRETCH * FIRST_LAYER,
            ),
            ("by [eq:slope-pairs]", 2 * GAMMA * STRETCH * FIRST_LAYER),
            value=value,
        ),
        stretched_second=chain(
            STRETCHED_SECOND,
            (
                "the same for the second layer",
                -SLOPE * FIRST_LAYER.T * STRETCH - GAMMA * SECOND_LAYER * STRETCH,
            ),
            ("by [eq:slope-pairs]", -2 * GAMMA * SECOND_LAYER * STRETCH),
            value=value,
        ),
        silent=[(SILENT_LOWER, lower), (SILENT_UPPER, upper)],
        all_weights=chain(
            DIMENSION + REACH_RANK + stretches + beyond,
            (
                "[eq:dimension] and [eq:reach-rank]",
                RANK * silent + RANK * (RANK - 1) / 2 + reached + stretches + beyond,
                {DIMENSION: RANK * HIDDEN - RANK * (RANK + 1) / 2, REACH_RANK: reached},
            ),
            ("added up", HIDDEN * (INPUTS + OUTPUTS)),
        ),
        symbols={
            "J": REACH,
            "turned": FIRST_LAYER * FIRST_LAYER.T * (GENERATOR * STRETCH + STRETCH * GENERATOR),
            "between": between,
            "stretch": STRETCH,
            "stretched": sp.Tuple(STRETCH * FIRST_LAYER, -SECOND_LAYER * STRETCH),
            "slope": symbol("input_variance", "l") * symbol("gain", "l"),
        },
        checks=(
            vanishes(
                "The two curvatures of a silent unit are the roots of the characteristic "
                "polynomial of its Hessian.",
                (characteristic, (s - lower) * (s - upper)),
            ),
            vanishes(
                "All curvatures of two learned axes, with the tangent direction, add up to the "
                "trace of the Hessian.",
                _traces(between),
            ),
            vanishes(
                "With a symmetric matrix the change is orthogonal to the tangent vectors and to "
                "what noise reaches.",
                *((change.T * tangent)[0] for tangent in tangents),
                change.T * minimum.reach,
            ),
        ),
    )


def _left_out() -> AlignedMinimum:
    return AlignedMinimum((inactive_direction("l"),), hidden=1, inputs=1, outputs=1)


def _traces(between: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    minimum = AlignedMinimum((active_direction("i"), active_direction("j")), 2, 2, 2)
    space = NormalSpace(minimum)
    return space.hessian.trace(), sum(b.hessian.trace() for b in space.blocks) + 3 * between


def _strictness(examples: Examples) -> Step:
    """When the minimum is strict

    A minimum is strict when all curvature across the orbit is positive. The curvature {own} of an
    active axis vanishes when its singular value does; that of a silent unit, [eq:silent], vanishes
    at the same threshold from the other side. The block [eq:hessian-pair] of two active axes has
    the slope {gamma} off the diagonal and more than {gamma} on it, so that its determinant is
    positive, and with it the block. That of an active {i} and an {l} below the threshold is more
    than {below}, which is positive. At a bottleneck a direction {l} is left out that could have the
    singular value [eq:would-be], and the block with an active {i} has the determinant
    [eq:determinant], which grows with {s_i}. Where the loss reductions of both tie, {tied}, the
    determinant is [eq:tie]: not negative, and zero only for equal input variances. If that of {i}
    is larger, so is {s_i}. The minimum with the largest reductions is therefore strict, as
    [eq:lyapunov] needs it to be, and at a tie of unequal variances two separate orbits have the
    same loss.
    """
    pair = examples.representative.pair_block
    lam_i, lam_l = symbol("input_variance", "i"), symbol("input_variance", "l")
    s_i, s_l = symbol("singular_value", "i"), symbol("singular_value", "l")
    residual = symbol("residual_map", "l")
    gain = symbol("gain", "l")
    would_be = gain - GAMMA / lam_l
    determinant = pair.hessian.xreplace({s_l: sp.Integer(0), residual: gain}).det()
    in_gain = (lam_l * s_i + GAMMA) * (lam_i * s_i + GAMMA) - (lam_l * gain) ** 2
    back = {gain: WOULD_BE + GAMMA / lam_l}
    arranged = lam_l * (lam_i * s_i**2 - lam_l * WOULD_BE**2) + GAMMA * (
        s_i * (lam_i + lam_l) - 2 * lam_l * WOULD_BE
    )
    root_i, root_l = sp.sqrt(lam_i), sp.sqrt(lam_l)
    tie = arranged.subs(s_i, WOULD_BE * root_l / root_i)
    at_tie = GAMMA * WOULD_BE * root_l / root_i * (root_i - root_l) ** 2
    lower, _ = silent_curvatures()
    return step(
        would_be=(WOULD_BE, would_be),
        determinant=chain(
            DETERMINANT,
            (
                "the block [eq:hessian-pair] without {s_l}, and with the slope of its gain",
                in_gain,
                {DETERMINANT: determinant},
            ),
            ("by [eq:would-be]; the square of {gamma} drops out", arranged, back),
        ),
        tie=(DETERMINANT, at_tie),
        symbols={
            "own": 2 * symbol("input_variance") * symbol("singular_value"),
            "below": GAMMA**2 - (lam_l * gain) ** 2,
            "tied": sp.Eq(s_i * sp.sqrt(lam_i), WOULD_BE * sp.sqrt(lam_l)),
        },
        checks=(
            vanishes(
                "The block of {i} and {l} has the determinant [eq:determinant], which exceeds "
                "{below} by a positive amount.",
                (
                    determinant - GAMMA**2 + (lam_l * gain) ** 2,
                    lam_i * lam_l * s_i**2 + GAMMA * s_i * (lam_i + lam_l),
                ),
            ),
            vanishes("At the tie it reduces to [eq:tie].", (tie, at_tie)),
            vanishes(
                "The curvature of a silent unit vanishes where input variance times gain equals "
                "weight decay.",
                lower.subs(symbol("gain", "l"), GAMMA / lam_l),
            ),
        ),
    )


def _several_minima(examples: Examples) -> Step:
    """Several strict minima

    At a bottleneck every choice of as many active directions as there are hidden units gives a
    stationary point. It is a strict minimum where the determinant [eq:determinant], in terms of the
    gains [eq:turning], is positive for each active {i} and each {l} that is left out, since all
    other curvatures across the orbit are positive. Where it is negative a hidden unit turns from
    {i} to {l} downhill: {l} displaces {i}. The choice that has learned {l} in the place of {i} has
    the determinant with {i} and {l} exchanged; over the variances of the directions left out the
    two add up to [eq:exchange]. Where the larger variance goes with the larger slope at zero
    weights, variance times gain, at least one of them is positive; where it does not, that of the
    direction {i} of the larger slope is, since no term of [eq:turning] is then against it. Of two
    directions one at the most displaces the other. Several strict minima, at each of which learning
    can end, need two of which neither does: a direction {i} that only the one minimum has learned
    and an {l} that only the other has. Nothing that either leaves out may displace anything else
    that it has learned. That of two directions neither displaces the other takes weight decay,
    without which [eq:exchange] vanishes, a larger variance with a larger slope, and directions of
    unequal gain: for equal gains [eq:turning] is {alike}, and of the opposite sign with {i} and {l}
    exchanged.
    """
    lam_i, lam_l = symbol("input_variance", "i"), symbol("input_variance", "l")
    a_i, a_l = symbol("gain", "i"), symbol("gain", "l")
    s_i, s_l = symbol("singular_value", "i"), symbol("singular_value", "l")
    slope_i, slope_l = lam_i * a_i, lam_l * a_l
    block = examples.representative.pair_block.hessian.xreplace(
        {symbol("singular_value", "l"): sp.Integer(0), symbol("residual_map", "l"): a_l}
    )
    determinant = block.det().xreplace({s_i: a_i - GAMMA / lam_i})
    exchanged = determinant.xreplace({lam_i: lam_l, lam_l: lam_i, a_i: a_l, a_l: a_i})
    total = GAMMA * (lam_i - lam_l) * (slope_i - slope_l) / (lam_i * lam_l)
    turning = (slope_i**2 - slope_l**2) + slope_i * s_i * (lam_l - lam_i)

    def two_of_three() -> bool:
        """Two strict minima of three choices."""
        variances, gains = (sp.Integer(4), sp.Rational(1, 4), sp.Integer(6)), (
            sp.Rational(11, 20), sp.Rational(57, 20), sp.Integer(1)
        )  # fmt: skip

        def keeps(i: int, l: int) -> bool:
            numbers = {lam_i: variances[i], a_i: gains[i], lam_l: variances[l], a_l: gains[l]}
            return bool(determinant.xreplace({**numbers, GAMMA: sp.Rational(1, 5)}) > 0)

        strict = [keeps(1, 0) and keeps(2, 0), keeps(0, 1) and keeps(2, 1)]
        return all(strict) and not (keeps(0, 2) and keeps(1, 2))

    def off_axes() -> bool:
        """One hidden unit between two axes: no slope, and curved both ways."""
        first, second = (sp.ImmutableMatrix(parts) / 5 for parts in ([[3, 4]], [[4], [3]]))
        network = LinearNetwork(
            hidden=1,
            teacher=sp.ImmutableMatrix.diag(sp.Rational(24, 23), 12),
            input_covariance=sp.ImmutableMatrix.diag(sp.Rational(23, 9), sp.Rational(1, 8)),
            label_noise=(sp.Integer(0), sp.Integer(0)),
        )
        here = dict(zip(network.coordinates, (*first, *second), strict=True)) | {GAMMA: 1}
        loss = network.expected_loss
        slopes = [sp.diff(loss, weight).subs(here) for weight in network.coordinates]
        curved = sp.hessian(loss, network.coordinates).subs(here)
        return not any(slopes) and bool(curved.trace() > 0 and curved.is_indefinite)

    learned = {a_i: s_i + GAMMA / lam_i, a_l: s_l + GAMMA / lam_l}
    apart = s_i * (lam_i / lam_l - 1) + s_l * (lam_l / lam_i - 1)
    common = (lam_i - lam_l) / (lam_i * lam_l)
    gain = symbol("gain")
    alike = gain * (lam_i - lam_l) * (lam_l * gain + GAMMA)
    equal = dict.fromkeys((a_i, a_l), gain)
    return step(
        turning=chain(
            DETERMINANT,
            (
                "[eq:determinant] before the last line, with {own}",
                slope_i * (lam_l * s_i + GAMMA) - slope_l**2,
                {DETERMINANT: determinant, s_i: a_i - GAMMA / lam_i},
            ),
            ("once more", turning, {s_i: a_i - GAMMA / lam_i}),
        ),
        exchange=chain(
            DETERMINANT / lam_l + EXCHANGED / lam_i,
            (
                "[eq:determinant] twice, with the singular value that either would have; their "
                "squares cancel",
                GAMMA * apart,
                {DETERMINANT: determinant, EXCHANGED: exchanged}
                | {s_i: a_i - GAMMA / lam_i, s_l: a_l - GAMMA / lam_l},
            ),
            ("over one denominator", GAMMA * common * (lam_i * s_i - lam_l * s_l)),
            ("{own}, and the same for {l}", total, learned),
        ),
        symbols={"own": sp.Eq(lam_i * s_i + GAMMA, slope_i), "alike": alike},
        checks=(
            vanishes(
                "For equal gains the determinant is {alike}.",
                (turning.xreplace({s_i: a_i - GAMMA / lam_i}).xreplace(equal), alike),
            ),
            holds(
                "A bottleneck has stationary points off the shared axes as well: with one hidden "
                "unit, variances 23/9 and 1/8, gains 24/23 and 12 and the weight decay 1, the "
                "weights 3/5 and 4/5 of the first layer and 4/5 and 3/5 of the second are a "
                "saddle.",
                Method.POINTS,
                off_axes,
            ),
            holds(
                "Three axes of variances 4, 1/4 and 6 and gains 11/20, 57/20 and 1, two hidden "
                "units and the weight decay 1/5: of the three choices two are strict minima, "
                "those that learn the third axis.",
                Method.POINTS,
                two_of_three,
            ),
        ),
    )

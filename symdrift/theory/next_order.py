"""The next order in the learning rate: what the leading order lacks where all axes are alike."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sympy as sp

from symdrift.algebra.forms import Simplified, partial_fractions, simplify_by, substitute
from symdrift.algebra.rational import cancel
from symdrift.algebra.series import Series, exponential
from symdrift.algebra.traces import TracePolynomial
from symdrift.derivation.chapter import holds, step, vanishes
from symdrift.derivation.premises import Premise
from symdrift.derivation.steps import Method, Step
from symdrift.derivation.symbols import BATCH, ETA, GAMMA, INPUTS, symbol
from symdrift.rules.linear import TwoLayerLinear
from symdrift.theory.drift import PLANE_VARIANCE
from symdrift.theory.examples import Examples
from symdrift.theory.later_moments import FIRST_GENERATOR, ROOT, TURN
from symdrift.theory.later_orders import ANGLE, WAITING
from symdrift.theory.linear.aligned import renaming
from symdrift.theory.linear.isotropic_expansion import (
    LETTERS,
    REDUCED_NOISE,
    REDUCED_VALUE,
    IsotropicExpansion,
    isotropic_expansion,
)
from symdrift.theory.linear.limits import isotropic_diffusion, isotropic_direction
from symdrift.theory.seven_moments import RATES

VALUE, VARIANCE, GAIN, LABEL_NOISE = (
    symbol(role) for role in ("singular_value", "input_variance", "gain", "label_noise")
)
LAYERS = [sp.MatrixSymbol(f"{name}_alike", INPUTS, INPUTS) for name in ("first", "second")]
BOTH, TURNED, APART = (sp.MatrixSymbol(f"F_{name}", INPUTS, INPUTS) for name in LETTERS)
SAMPLE = sp.MatrixSymbol("x", INPUTS, 1)
FIRST_TURN, FIRST_WAITED, FIRST_INCREMENT = (
    sp.MatrixSymbol(f"first_{name}", INPUTS, INPUTS) for name in ("turn", "waited", "increment")
)
MISSED_VARIANCE, MISSED_EXCESS, MISSED_NORM, MISSED_WEIGHTS = sp.symbols(
    "missed_V missed_L missed_h missed_Gamma", positive=True
)
EXCESS, NORM, WEIGHT_VARIANCE = sp.symbols("excess_loss squared_norm_of_h trace_of_Gamma")

_ALIKE = (Premise.GAUSSIAN, Premise.SHARED_AXES, Premise.EQUAL_AXES)
_QUIET = (*_ALIKE, Premise.QUIET_LABELS)

LATEX: dict[sp.Basic, str] = {
    LAYERS[0]: "W",
    LAYERS[1]: "U",
    BOTH: r"\hat\delta_{+}",
    TURNED: r"\hat\delta_{-}",
    APART: r"\hat\delta_{\perp}",
    FIRST_TURN: r"\Xi_3",
    FIRST_WAITED: r"\Phi_2",
    FIRST_INCREMENT: r"\hat\Xi_3",
    MISSED_VARIANCE: r"\delta V_{ij}",
    MISSED_EXCESS: r"\delta \langle L \rangle",
    MISSED_NORM: r"\delta \lVert Wx \rVert^2",
    MISSED_WEIGHTS: r"\delta \operatorname{tr}\Gamma",
    EXCESS: r"(\langle L \rangle - L^{*})",
    NORM: r"\lVert Wx \rVert^2",
    WEIGHT_VARIANCE: r"\operatorname{tr}\Gamma",
}

MEANINGS = (
    (BOTH, "symmetric part that both layers share, of the deviation over the root", "n by n"),
    (TURNED, "skew part that they share", "n by n"),
    (APART, "part in which they differ", "n by n"),
    (NORM, "squared norm of a hidden representation", "scalar"),
)


def next_order(examples: Examples) -> Iterator[Step]:
    """The autoencoder whose axes are all alike, for any number of inputs."""
    quiet, noisy = isotropic_expansion(label_noise=False), isotropic_expansion(label_noise=True)
    yield _one_step_expanded(quiet, noisy)
    yield _expected_change(examples, quiet)
    yield _without_memory(quiet)
    yield _next_fluctuation(examples, quiet, noisy)
    yield _next_rotation(examples, quiet)


def in_units(correction: sp.Expr) -> Simplified:
    """A correction per learning rate, with input variance and gain in it again."""
    whole = VALUE + GAMMA / VARIANCE
    units = {REDUCED_VALUE: VALUE / whole, REDUCED_NOISE: LABEL_NOISE**2 / (whole**2 * VARIANCE)}
    return simplify_by(
        VARIANCE * whole * correction,
        substitute("input variance and gain in place of units", units),
        partial_fractions(VALUE),
        substitute(
            "gain in the place of singular value plus weight decay over input variance",
            {GAMMA + VARIANCE * VALUE: VARIANCE * GAIN},
        ),
    )


def _shown(value: TracePolynomial, found: IsotropicExpansion) -> sp.Expr:
    """As an expression in the matrix symbols of this chapter."""
    matrices = dict(zip(LETTERS, (BOTH, TURNED, APART), strict=True))

    def number(coefficient: Any) -> sp.Expr:
        return cancel(found.expression(coefficient).xreplace({REDUCED_VALUE: 1 - GAMMA}))

    return value.written_out(
        {**matrices, "": sp.Identity(INPUTS)}, (SAMPLE, sp.ZeroMatrix(INPUTS, 1)), number
    )


_ALL_ALIKE = (
    "Inputs are Gaussian with equal variances, the teacher is a multiple of the identity, and "
    "there are at least as many hidden units as inputs."
)


def _one_step_expanded(found: IsotropicExpansion, noisy: IsotropicExpansion) -> Step:
    """One step where all axes are alike

    Now let all {n} inputs have one variance and all outputs one gain, let all axes be learned, and
    measure in units in which {lambda} and {a} are 1, so that {s} is {value}. The layers then
    deviate by [eq:alike-layers], with deviations counted in units of {unit}: a symmetric matrix
    {both} and an antisymmetric one {turning} that they have in common, and a symmetric one {apart}
    in which they differ, as an antisymmetric difference would be a rotation. The lines
    [eq:collected-2] to [eq:collected-6] then fix {turn}. It begins with [eq:alike-turn] where there
    is no label noise.

    As no axis is singled out, everything is made of products of these matrices and {sample}, and
    of traces of such products. The number of inputs enters as the trace of the identity alone: what
    is found holds for every {n} at once.
    """
    deviations = [BOTH + TURNED + APART, BOTH + TURNED - APART]
    identity = sp.Identity(INPUTS)
    return step(
        under={"alike_layers": _ALIKE, "alike_turn": _QUIET},
        alike_layers=[
            (layer, sp.sqrt(VALUE) * (identity + ROOT * deviation))
            for layer, deviation in zip(LAYERS, deviations, strict=True)
        ],
        alike_turn=(FIRST_TURN, _shown(found.step.turn.terms[3], found)),
        symbols={
            "turn": TURN,
            "value": 1 - GAMMA,
            "unit": sp.sqrt(VALUE),
            "both": BOTH,
            "turning": TURNED,
            "apart": APART,
            "sample": SAMPLE * SAMPLE.T,
        },
        checks=(
            holds(
                "Written out for two inputs with rational entries, label noise included, rotation "
                "and new deviation give what the rule makes of the weights, up to the fourth "
                "power.",
                Method.POINTS,
                lambda: _step_agrees(noisy),
            ),
        ),
        assumptions=(_ALL_ALIKE,),
    )


def _step_agrees(found: IsotropicExpansion) -> bool:
    """The rule on explicit matrices, against the expansion with their entries."""
    highest, root = 4, sp.Rational(2, 3)
    both, turning, apart = (
        sp.ImmutableMatrix(entries)
        for entries in (
            [[1, sp.Rational(1, 2)], [sp.Rational(1, 2), 3]],
            [[0, sp.Rational(2, 5)], [sp.Rational(-2, 5), 0]],
            [[sp.Rational(3, 4), -1], [-1, sp.Rational(1, 3)]],
        )
    )
    identity = sp.ImmutableMatrix(sp.eye(2))
    vectors = [sp.ImmutableMatrix(entries) for entries in ([[1], [-2]], [[sp.Rational(1, 3)], [2]])]
    matrices = {**dict(zip(LETTERS, (both, turning, apart), strict=True)), "": identity}

    def written_out(series: Series, up_to: int) -> Series:
        return Series(series.terms, up_to).mapped(
            lambda term: term.written_out(
                matrices, vectors * 2, lambda c: found.ring.at(c, 2, root)
            )
        )

    # Of the weights they are one power higher.
    changes = [written_out(found.step.changes[letter], highest - 1) for letter in LETTERS]
    start = [Series({0: part}, highest - 1) for part in (both, turning, apart)]
    moved = [a + b for a, b in zip(start, changes, strict=True)]

    def layers(both: Series, turning: Series, apart: Series) -> tuple[Series, Series]:
        first, second = (
            root * (Series({0: identity}, highest) + (both + turning + part).shifted(1))
            for part in (apart, -1 * apart)
        )
        return first, second

    weights, after = layers(*start), layers(*moved)
    rule = TwoLayerLinear(Series({0: identity}, highest), 1 - root**2)
    x, noise = (Series({0: vector}, highest) for vector in vectors)
    updates = rule.update(weights, x, noise)
    expected = [w + update.shifted(2) for w, update in zip(weights, updates, strict=True)]
    rotation = exponential(written_out(found.step.turn, highest), identity)
    turned = rule.turned({"hidden": rotation}, after)
    return all(
        (one - other).terms.get(power, sp.zeros(2)).is_zero_matrix
        for one, other in zip(turned, expected, strict=True)
        for power in range(highest + 1)
    )


def _in_symbols(value: sp.Expr) -> sp.Expr:
    """In the symbols of the theory, in units in which input variance and gain are 1."""
    return value.xreplace({REDUCED_VALUE: VALUE})


def _in_own_units(expression: sp.Expr) -> sp.Expr:
    """A result for any input variance and gain in these units, without label noise."""
    given = {VARIANCE: sp.Integer(1), LABEL_NOISE: sp.Integer(0), GAMMA: 1 - VALUE}
    return expression.xreplace(given)


def _expected_change(examples: Examples, found: IsotropicExpansion) -> Step:
    """Stationary means where all axes are alike

    Moments of a sample follow by Wick's rule. The first generator, {first}, multiplies a product of
    entries by minus the sum of their curvatures, [eq:alike-curvatures], and pairs two of them by
    the gradient noise: it is inverted degree by degree, and [eq:stationary-mean] gives every mean
    as a series in {eta}.
    """
    equal = isotropic_direction()
    pair = examples.representative.pair_block.hessian.xreplace(renaming(i=equal, l=equal))
    rates = [found.expression(found.curvatures[letter]) for letter in LETTERS]
    both, turning, _ = (VARIANCE * rate.xreplace({REDUCED_VALUE: VALUE}) for rate in rates)
    scaled = turning * (VALUE + GAMMA / VARIANCE)
    return step(
        under=_ALIKE,
        alike_curvatures=[
            (name, cancel(rate.xreplace({REDUCED_VALUE: 1 - GAMMA})))
            for name, rate in zip(RATES, rates, strict=True)
        ],
        checks=(
            vanishes(
                "Two of these curvatures, times input variance and gain, are those of the block of "
                "two equal axes.",
                (pair.trace() - both, scaled),
                (pair.det(), both * scaled),
            ),
            vanishes(
                "One step leaves the mean of the squared weights as it is, in every power up to "
                "{third}, where what it adds is found from the gradients alone.",
                *found.growth.values(),
            ),
        ),
        symbols={"first": FIRST_GENERATOR, "third": ETA**3},
    )


def _without_memory(found: IsotropicExpansion) -> Step:
    """Rotations without memory where all axes are alike

    No rotation is steady here, so that the rotations of [eq:increments] have no mean. Without label
    noise {waited} begins with [eq:alike-poisson], and these rotations begin with
    [eq:alike-increment]: the gradient noise is symmetric and the same in both layers, without a
    part along {turning} or {apart}, so that of [eq:free-turns-3] the rotation [eq:alike-turn] of
    the step is left. The covariance of the rotation is the stationary mean of their products within
    one step.
    """
    return step(
        under=_QUIET,
        alike_poisson=(FIRST_WAITED, _shown(found.poisson.terms[2], found)),
        alike_increment=(FIRST_INCREMENT, _shown(found.delta.terms[3], found)),
        symbols={"waited": WAITING, "turning": TURNED, "apart": APART},
        checks=(
            vanishes(
                "The mean of these rotations vanishes at the third, fourth and fifth power, for "
                "any deviation.",
                *(
                    found.expression(coefficient)
                    for term in found.delta.terms.values()
                    for coefficient in term.mean().terms.values()
                ),
            ),
        ),
    )


def _next_fluctuation(
    examples: Examples, quiet: IsotropicExpansion, noisy: IsotropicExpansion
) -> Step:
    """Fluctuation where all axes are alike

    Each number is the sum of the stationary means of its parts, each to the next order of its own.
    Without label noise the excess loss, of the parts of the loss of second to fourth degree in the
    deviation, is larger than its leading order by the fraction {eta} times [eq:next-excess], and
    the fluctuation of the weights, of second moments less the squares of means, by the fraction
    {eta} times [eq:next-weights]. What is left of these in a large batch is due to discrete steps.
    The rest, divided by {batch}, is due to curvatures that differ between samples and to a loss
    that is no parabola, and grows with the number of inputs. The squared norm of a representation
    differs from that on the manifold by the fraction {eta} times [eq:next-norm], label noise
    included, as [eq:mean-length] has it already: the fluctuation adds to it, but the mean of the
    weights is drawn in by more.
    """
    orders = (quiet.excess_loss, quiet.weight_variance)
    shares = [following / leading for leading, following in orders]
    excess, weights, norm = (in_units(share) for share in (*shares, noisy.squared_norm))
    axis = isotropic_direction()
    drift = examples.representative
    own = drift.diagonal_block.fluctuation[0].xreplace(renaming(i=axis))
    pair = drift.pair_block.fluctuation.xreplace(renaming(i=axis, l=axis))[0, 0]
    leading = INPUTS * own + INPUTS * (INPUTS - 1) * pair
    noise = INPUTS * drift.diagonal_block.noise[0].xreplace(renaming(i=axis))
    noise += INPUTS * (INPUTS - 1) * drift.pair_block.noise[0, 0].xreplace(renaming(i=axis, l=axis))
    return step(
        under={"next_excess": _QUIET, "next_weights": _QUIET, "next_norm": _ALIKE},
        next_excess=(MISSED_EXCESS / (ETA * EXCESS), excess.expression),
        next_weights=(MISSED_WEIGHTS / (ETA * WEIGHT_VARIANCE), weights.expression),
        next_norm=(MISSED_NORM / (ETA * NORM), norm.expression),
        checks=(
            vanishes(
                "At leading order fluctuation and excess loss are what the blocks of equal axes "
                "give.",
                (_in_symbols(BATCH * quiet.weight_variance[0]), _in_own_units(leading / ETA)),
                (_in_symbols(BATCH * quiet.excess_loss[0]), _in_own_units(noise) / 4),
            ),
        ),
        simplified=(excess, weights, norm),
    )


def _next_rotation(examples: Examples, found: IsotropicExpansion) -> Step:
    """Rotation where all axes are alike

    Without label noise the variance of the rotation is larger than its leading order by the
    fraction {eta} times [eq:next-rotation], in every plane of two active units. So are the decay
    rates of representations: the mean square of a rotation depends on the deviation that earlier
    steps have left, but what it has in common with their rotations averages to zero here: the
    product of a skew matrix and a symmetric one has no trace, and where all axes are alike its mean
    is a multiple of the identity. [eq:next-rotation] counts all that changes averages at the
    relative order {eta}, [step:order-by-order], with what [eq:lyapunov] leaves out of
    [eq:covariance-step]. This fraction is [eq:variance-next] over the mean square of {angle} at
    leading order, and for the decay rates [eq:decay-next] over [eq:decay-first], where the first
    term vanishes.
    """
    leading, following = found.rotation_variance
    form = in_units(following / leading)
    return step(
        under=_QUIET,
        next_rotation=(MISSED_VARIANCE / (ETA * PLANE_VARIANCE), form.expression),
        symbols={"angle": ANGLE},
        checks=(
            vanishes(
                "At leading order it is the isotropic result.",
                (
                    _in_symbols(leading),
                    2 * _in_own_units(isotropic_diffusion(examples.representative)) / ETA**3,
                ),
            ),
            vanishes(
                "Decay rates are half the variance times the number of other axes, at both orders.",
                *(
                    (rate, (INPUTS - 1) * variance / 2)
                    for rate, variance in zip(found.decay, found.rotation_variance, strict=True)
                ),
            ),
        ),
        assumptions=(_ALL_ALIKE,),
        simplified=(form,),
    )

"""The minimum: what is learned where teacher and inputs share axes, and what loss remains."""

from __future__ import annotations

from collections.abc import Iterator

import sympy as sp

from symdrift.algebra.matrices import evaluate_matrix
from symdrift.derivation.chapter import Given, chain, holds, step, vanishes
from symdrift.derivation.premises import Premise
from symdrift.derivation.steps import Method, Step
from symdrift.derivation.symbols import GAMMA, symbol
from symdrift.derivation.vocabulary import (
    AXIS_LOSS,
    AXIS_SLOPE,
    INPUT_COVARIANCE,
    LEARNED_MAP,
    OTHER_MAP,
    REDUCTION,
    TEACHER,
)
from symdrift.theory.examples import Examples
from symdrift.theory.linear.aligned import any_direction
from symdrift.theory.linear.points import (
    AlignedMinimum,
    loss_reduction,
)

LEARNABLE, LEARNABLE_SLOPE = (
    sp.MatrixSymbol(name, *LEARNED_MAP.shape) for name in ("M_learnable", "slope_learnable")
)
COVARIANCE_ROOT = sp.MatrixSymbol("Sigma_root", *INPUT_COVARIANCE.shape)

LATEX = {
    LEARNABLE: r"\bar M",
    LEARNABLE_SLOPE: r"\bar\Lambda",
    COVARIANCE_ROOT: r"\Sigma^{1/2}",
}

MEANINGS = (
    (LEARNABLE, "map with all directions that can be learned", "m by n"),
    (LEARNABLE_SLOPE, "its slope", "m by n"),
)


def learned_axes(examples: Examples) -> Iterator[Step]:
    """Singular values, active directions and the loss that remains, on shared axes."""
    one = AlignedMinimum((any_direction(""),), hidden=1, inputs=1, outputs=1)
    gain, value = symbol("gain"), symbol("singular_value")
    slope = sp.factor(sum(one.mean_gradient).subs(symbol("residual_map"), gain - value))
    (root,) = sp.solve(slope / sp.sqrt(value), value)
    yield _singular_values(examples, slope, root)
    yield _active(examples, one, root)


def _singular_values(examples: Examples, slope: sp.Expr, root: sp.Expr) -> Step:
    """Singular values of an aligned task

    Where teacher and inputs share axes, the minimum of lowest loss shares them, by the theorem of
    Eckart and Young: a lower bound on weight decay, linear in the map and attained there, completes
    the task to a squared distance from a map on the axes. We follow the stationary points on the
    axes. At a bottleneck there can be others, such as a saddle between two of these that are both
    minima; which of the points on the axes are minima, [step:several-minima] says. On the axes
    every hidden unit serves one axis with equal weights in both layers, and the singular value {s}
    is the square of that weight. All units are counted along the axes, and label noise of different
    axes is independent. With input variance {lambda} and gain {a} the loss changes with the weight
    {root} of an axis as in [eq:axis-slope]: the derivative vanishes for a direction that is not
    learned and, as [eq:slope-form] asks, where the input variance times what is missing of the gain
    equals the weight decay: there the singular value is [eq:singular-value]. The residual map is
    diagonal too, and its entry [eq:axis-residual] is what is left of the gain. Of a direction that
    is not learned this is the gain. That no other map has a lower loss, with weight decay in it, is
    shown with [eq:completed].
    """
    gain, value = symbol("gain"), symbol("singular_value")
    residual = sp.expand(gain - root).subs(symbol("input_variance"), symbol("input_variance", "i"))
    return step(
        under=[Premise.SHARED_AXES],
        axis_slope=(AXIS_SLOPE, slope),
        singular_value=(value, root),
        axis_residual=(symbol("residual_map", "i"), residual),
        symbols={"root": sp.sqrt(value)},
        checks=(
            vanishes(
                "The solution makes the mean gradient of its axis vanish.",
                (slope / sp.sqrt(value)).subs(value, root),
            ),
            vanishes(
                "Two learned directions and one that is left out: the mean gradient vanishes in "
                "every weight of the network with three axes.",
                examples.bottleneck.minimum.mean_gradient,
            ),
        ),
        assumptions=(
            "The input covariance is diagonal in the axes of the teacher, with variances "
            "{lambda_i} and gains {a_i}; a negative gain is a positive one with its output axis "
            "reversed.",
        ),
    )


def _active(examples: Examples, one: AlignedMinimum, value_learned: sp.Expr) -> Step:
    """Which directions are learned

    A direction can be learned when its singular value is positive, [eq:active]. Those with positive
    singular value in the learned map are called active. Learning a direction lowers the loss by
    [eq:reduction]; with fewer hidden units than directions that can be learned - a bottleneck - the
    lowest loss has those with the largest reductions. Learning can end with others too, as
    [step:several-minima] shows. Each direction contributes to the loss of a minimum, [eq:axis-loss]
    when active and [eq:axis-loss-left-out] when not, and the expected loss is their sum.

    No other map {other}, on the axes or off them, has a lower loss than the one with the largest
    reductions. Let {best} be the map with the singular values of all directions that can be
    learned, and {best_slope} its slope, which is {gamma} along these and less, {lost}, along the
    others. Weight decay costs at least {gamma} times the nuclear norm of {other},
    [eq:weights-above], and this is at least {earned}: the trace is the sum of the singular values
    of {other}, each times the entry of the slope between its axes, and the slope has no singular
    value, and so no entry, above {gamma}. With that in the place of weight decay the loss, but for
    label noise, is [eq:completed]. Here {other} enters by half the squared distance between
    {best_root}, whose singular values are {learnable_root}, and {other_root}, whose rank the number
    of hidden units bounds. By the theorem of Eckart and Young this is least where {other} keeps the
    largest of these singular values, and nowhere else unless the last one kept and the first one
    left out tie; and there weight decay costs just {earned}. What {other} makes of an input without
    variance enters neither the square nor {earned} and only adds to the nuclear norm: at the
    minimum it vanishes.
    """
    variance, gain, value = (symbol(r) for r in ("input_variance", "gain", "singular_value"))
    residual = symbol("residual_map")
    reduction = loss_reduction()
    left_out = one.loss.xreplace({value: sp.Integer(0), residual: gain})
    learned = one.loss.xreplace({residual: GAMMA / variance})
    network = examples.generic
    entries = {
        TEACHER: network.teacher,
        INPUT_COVARIANCE: network.input_covariance,
        OTHER_MAP: sp.ImmutableMatrix(2, 3, sp.symbols("m_1:7")),
        LEARNABLE: sp.ImmutableMatrix(2, 3, sp.symbols("k_1:7")),
    }
    entries[LEARNABLE_SLOPE] = (entries[TEACHER] - entries[LEARNABLE]) * entries[INPUT_COVARIANCE]

    def power(matrix: sp.MatrixExpr) -> sp.Expr:
        """Mean square of what a map makes of the inputs, halved."""
        return sp.Trace(matrix * INPUT_COVARIANCE * matrix.T) / 2

    earned = sp.Trace(LEARNABLE_SLOPE.T * OTHER_MAP)
    # Of a positive symbol SymPy would decide both conditions.
    learned_or_not = symbol("singular_value", nonnegative=True)
    return step(
        active=sp.Gt(variance * gain, GAMMA),
        reduction=chain(
            REDUCTION,
            (
                "the loss [eq:axis-loss-left-out] less [eq:axis-loss]",
                variance * gain**2 / 2 - GAMMA * value - GAMMA**2 / (2 * variance),
                {REDUCTION: left_out - learned},
            ),
            ("{gain}", reduction, {gain: value + GAMMA / variance}),
        ),
        symbols={
            "gain": sp.Eq(gain, value + GAMMA / variance),
            "other": OTHER_MAP,
            "best": LEARNABLE,
            "best_slope": LEARNABLE_SLOPE,
            "its_slope": sp.Eq(LEARNABLE_SLOPE, (TEACHER - LEARNABLE) * INPUT_COVARIANCE),
            "lost": variance * gain,
            "earned": earned,
            "best_root": LEARNABLE * COVARIANCE_ROOT,
            "other_root": OTHER_MAP * COVARIANCE_ROOT,
            "learnable_root": sp.sqrt(variance) * value,
        },
        axis_loss=Given((AXIS_LOSS, learned), sp.Gt(learned_or_not, 0)),
        axis_loss_left_out=Given((AXIS_LOSS, left_out), sp.Eq(learned_or_not, 0)),
        completed=chain(
            power(TEACHER - OTHER_MAP) + earned,
            (
                "{its_slope}",
                power(TEACHER - OTHER_MAP)
                + sp.Trace(INPUT_COVARIANCE * (TEACHER - LEARNABLE).T * OTHER_MAP),
            ),
            (
                "multiplied out",
                power(TEACHER)
                - sp.Trace(LEARNABLE * INPUT_COVARIANCE * OTHER_MAP.T)
                + power(OTHER_MAP),
            ),
            (
                "the square completed",
                power(LEARNABLE - OTHER_MAP) + power(TEACHER) - power(LEARNABLE),
            ),
            value=lambda line: evaluate_matrix(line, entries),
        ),
        checks=(
            vanishes(
                "The reduction is the loss without the direction minus the loss with it.",
                ((left_out - learned).subs(gain, value + GAMMA / variance), reduction),
            ),
            holds(
                "The singular value closes where input variance times gain equals weight decay.",
                Method.IDENTITY,
                lambda: sp.solve(value_learned, gain) == [GAMMA / variance],
            ),
            vanishes(
                "The loss of a network with two learned directions and one left out is the sum "
                "over its directions.",
                (_sum_over_directions(learned, left_out), examples.bottleneck.minimum.loss),
            ),
        ),
        assumptions=(
            "No direction meets [eq:active] with equality, and no two directions with equal "
            "reduction compete for the last hidden unit: there the minimum is not strict or not "
            "unique.",
        ),
    )


def _sum_over_directions(learned: sp.Expr, left_out: sp.Expr) -> sp.Expr:
    total = sp.Integer(0)
    for expression, index in ((learned, "1"), (learned, "2"), (left_out, "3")):
        total += expression.xreplace(
            {
                symbol(role): symbol(role, index)
                for role in ("input_variance", "gain", "singular_value", "label_noise")
            }
        )
    return total

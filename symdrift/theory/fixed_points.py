"""The minimum: which directions are learned, and how strongly."""

from __future__ import annotations

from collections.abc import Iterator

import sympy as sp

from symdrift.algebra.rational import is_zero
from symdrift.derivation.chapter import Given, holds, step, vanishes
from symdrift.derivation.steps import Step
from symdrift.derivation.symbols import GAMMA, symbol
from symdrift.derivation.vocabulary import (
    AXIS_LOSS,
    AXIS_SLOPE,
    FIRST_LAYER,
    MEAN_FIRST,
    MEAN_SECOND,
    REDUCTION,
    SECOND_LAYER,
)
from symdrift.theory.linear.aligned import any_direction
from symdrift.theory.linear.network import LinearNetwork
from symdrift.theory.linear.points import (
    AlignedMinimum,
    active_direction,
    inactive_direction,
    loss_reduction,
)


def minimum(network: LinearNetwork) -> Iterator[Step]:
    """Balance, singular values, active directions and the loss that remains."""
    yield balance(network)
    yield from _aligned_minimum()


def balance(network: LinearNetwork) -> Step:
    """The two layers are balanced

    At a minimum both mean gradients vanish, [eq:stationary]. Multiplying one by {U}, the other
    by {W}, and subtracting, the task drops out and weight decay alone remains,
    [eq:balance-identity]: with {gamma} positive the two layers are balanced, [eq:balance].
    """
    zero_first = sp.ZeroMatrix(*FIRST_LAYER.shape)
    zero_second = sp.ZeroMatrix(*SECOND_LAYER.shape)
    slopes = [sp.diff(network.expected_loss, weight) for weight in network.coordinates]
    count = network.hidden * network.inputs
    first = sp.ImmutableMatrix(network.hidden, network.inputs, slopes[:count])
    second = sp.ImmutableMatrix(network.outputs, network.hidden, slopes[count:])
    difference = network.second_layer.T * second - first * network.first_layer.T
    imbalance = network.second_layer.T * network.second_layer - (
        network.first_layer * network.first_layer.T
    )
    return step(
        stationary=[(MEAN_FIRST, zero_first), (MEAN_SECOND, zero_second)],
        balance_identity=(
            SECOND_LAYER.T * MEAN_SECOND - MEAN_FIRST * FIRST_LAYER.T,
            GAMMA * (SECOND_LAYER.T * SECOND_LAYER - FIRST_LAYER * FIRST_LAYER.T),
        ),
        balance=(FIRST_LAYER * FIRST_LAYER.T, SECOND_LAYER.T * SECOND_LAYER),
        checks=(
            vanishes(
                "[eq:balance-identity] holds for arbitrary weights of an explicit network with a "
                "full teacher and a full covariance.",
                difference - GAMMA * imbalance,
            ),
        ),
        assumptions=("Weight decay is positive.",),
    )


def _aligned_minimum() -> Iterator[Step]:
    one = AlignedMinimum((any_direction(""),), hidden=1, inputs=1, outputs=1)
    gain, value = symbol("gain"), symbol("singular_value")
    slope = sp.factor(sum(one.mean_gradient).subs(symbol("residual_map"), gain - value))
    (root,) = sp.solve(slope / sp.sqrt(value), value)
    yield _singular_values(slope, root)
    yield _active(one, root)


def _singular_values(slope: sp.Expr, root: sp.Expr) -> Step:
    """Singular values of an aligned task

    When teacher and inputs share axes, the balanced minimum can be turned so that every hidden
    unit serves one axis with equal weights in both layers: the singular value {s} of the
    learned map is the square of that weight. On an axis with input variance {lambda} and gain
    {a} the loss changes with that weight as in [eq:axis-slope]. The slope vanishes for a
    direction that is not learned, and for [eq:singular-value], which leaves the residual
    [eq:axis-residual] of the gain. Any further direction stays as it is: its residual is its
    gain.
    """
    gain, value = symbol("gain"), symbol("singular_value")
    residual = symbol("residual_map")
    return step(
        axis_slope=(AXIS_SLOPE, slope),
        singular_value=(value, root),
        axis_residual=(residual, sp.expand(gain - root)),
        checks=(
            vanishes(
                "The solution makes the mean gradient of its axis vanish.",
                (slope / sp.sqrt(value)).subs(value, root),
            ),
            vanishes(
                "Two learned directions and one that is left out: the mean gradient vanishes in "
                "every weight of the network with three axes.",
                _three().mean_gradient,
            ),
        ),
        assumptions=(
            "The input covariance is diagonal in the axes of the teacher, with variances "
            "{lambda_i} and gains {a_i}; a negative gain is a positive one with its output axis "
            "reversed.",
        ),
    )


def _active(one: AlignedMinimum, value_learned: sp.Expr) -> Step:
    """Which directions are learned

    A direction can be learned when its singular value is positive, [eq:active]; the loss is
    then lower by [eq:reduction]. With fewer hidden units than such directions - a bottleneck -
    the network keeps those with the largest reduction. Directions with positive singular value
    in the learned map are called active. Each direction contributes to the loss on the
    manifold, [eq:axis-loss] when active and [eq:axis-loss-left-out] when not, and the expected
    loss is their sum.
    """
    variance, gain, value = (symbol(r) for r in ("input_variance", "gain", "singular_value"))
    residual = symbol("residual_map")
    reduction = loss_reduction()
    left_out = one.loss.xreplace({value: sp.Integer(0), residual: gain})
    learned = one.loss.xreplace({residual: GAMMA / variance})
    return step(
        active=sp.Gt(variance * gain, GAMMA),
        reduction=(REDUCTION, reduction),
        axis_loss=Given((AXIS_LOSS, learned), sp.Gt(variance * gain, GAMMA)),
        axis_loss_left_out=Given((AXIS_LOSS, left_out), sp.Lt(variance * gain, GAMMA)),
        checks=(
            vanishes(
                "The reduction is the loss without the direction minus the loss with it.",
                (left_out - learned).subs(gain, value + GAMMA / variance) - reduction,
            ),
            holds(
                "The singular value closes where input variance times gain equals weight decay.",
                "solved",
                lambda: sp.solve(value_learned, gain) == [GAMMA / variance],
            ),
            holds(
                "The loss of a network with two learned directions and one left out is the sum "
                "over its directions.",
                "numerator expanded to zero",
                lambda: is_zero(_sum_over_directions(learned, left_out) - _three().loss),
            ),
        ),
        assumptions=(
            "No direction meets [eq:active] with equality, and no two directions with equal "
            "reduction compete for the last hidden unit: there the minimum is not strict or not "
            "unique.",
        ),
    )


def _three() -> AlignedMinimum:
    return AlignedMinimum(
        (active_direction("i"), active_direction("j"), inactive_direction("l")), 2, 3, 3
    )


def _sum_over_directions(learned: sp.Expr, left_out: sp.Expr) -> sp.Expr:
    total = sp.Integer(0)
    for expression, index in ((learned, "i"), (learned, "j"), (left_out, "l")):
        total += expression.xreplace(
            {
                symbol(role): symbol(role, index)
                for role in ("input_variance", "gain", "singular_value", "label_noise")
            }
        )
    return total

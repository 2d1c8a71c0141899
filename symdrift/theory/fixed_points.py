"""The minimum: its factors, and why it is the global one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sympy as sp

from symdrift.algebra.matrices import evaluate_matrix
from symdrift.derivation.chapter import chain, holds, step, vanishes
from symdrift.derivation.premises import Premise
from symdrift.derivation.steps import Method, Step
from symdrift.derivation.symbols import GAMMA
from symdrift.derivation.vocabulary import (
    CANONICAL_FIRST,
    CANONICAL_SECOND,
    EXCESS_OVER_MINIMUM,
    FIRST_LAYER,
    INPUT_COVARIANCE,
    INVERSE_COVARIANCE,
    LEARNED_MAP,
    LEFT_AXES,
    MEAN_FIRST,
    MEAN_SECOND,
    NUCLEAR,
    OTHER_MAP,
    OTHER_NUCLEAR,
    RANK,
    RESIDUAL,
    RIGHT_AXES,
    ROOTS,
    SECOND_LAYER,
    SLOPE,
    SLOPE_NORM,
    TEACHER,
    UNLEARNED,
    VALUES,
)
from symdrift.theory.examples import Examples
from symdrift.theory.linear.network import LinearNetwork, any_turn
from symdrift.theory.linear.points import (
    ChosenMinimum,
)


def minimum(examples: Examples) -> Iterator[Step]:
    """Balance, singular value decomposition and slope, for any task."""
    yield _balance(examples.generic)
    yield _factored(examples)
    yield _slope(examples)


def optimality(examples: Examples) -> Iterator[Step]:
    """Global optimality, and the task of a minimum."""
    yield _optimal(examples)
    yield _chosen(examples)


def _balance(network: LinearNetwork) -> Step:
    """The two layers are balanced

    Weight decay makes the loss of large weights large, so that it has a minimum. At this
    [eq:stationary] holds. Multiplying one mean gradient by {U}, the other by {W}, and subtracting,
    the task drops out and weight decay alone remains, [eq:balance-identity]. Both mean gradients
    vanish at a minimum, so that with {gamma} positive the two layers are balanced there,
    [eq:balance].
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
        under={"balance": [Premise.POSITIVE_DECAY]},
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
                (difference, GAMMA * imbalance),
            ),
        ),
        assumptions=("Weight decay is positive.",),
    )


def _factored(examples: Examples) -> Step:
    """The learned map and its factors

    Turn the hidden layer so that the symmetric matrix [eq:balance] becomes diagonal, [eq:frame]:
    the rows of the first layer are orthogonal to each other, as are the columns of the second, and
    both have the same squared lengths. In an eigenbasis of [eq:balance], chosen once as the
    canonical frame, the layers are therefore the factors [eq:factored] and [eq:factored-second],
    and the product of the layers is the singular value decomposition [eq:learned-map] of the
    learned map, of rank {r}, with orthonormal columns of {P} and of {R}; hidden units beyond the
    rank are silent, without weights, and left out. Half of the squared weights is therefore the sum
    of the singular values, the nuclear norm [eq:nuclear]. Hidden axes are numbered by decreasing
    singular value; where some are equal, any of these frames will do. By [step:invariance] the loss
    and all that follows are the same in any other frame.

    No other pair of layers with the same product has a smaller sum of squared weights. In
    [eq:weights-above] {W} and {U} are any such pair: the last trace is the nuclear norm of their
    product, by [eq:learned-map], and the squares are not negative.
    """
    squares = (
        sp.Trace(FIRST_LAYER * FIRST_LAYER.T) / 2 + sp.Trace(SECOND_LAYER * SECOND_LAYER.T) / 2
    )
    minimum = examples.left_out
    turn = any_turn(2)

    def squared(matrix: sp.MatrixBase) -> sp.Expr:
        return sp.Add(*(entry**2 for entry in matrix))

    def half_square(part: sp.MatrixExpr) -> sp.Expr:
        return sp.Trace(part * part.T) / 2

    on_left, on_right = LEFT_AXES.T * SECOND_LAYER, RIGHT_AXES.T * FIRST_LAYER.T
    beyond = half_square(SECOND_LAYER - LEFT_AXES * on_left) + half_square(
        FIRST_LAYER - FIRST_LAYER * RIGHT_AXES * RIGHT_AXES.T
    )
    # Any layers of two inputs, hidden units and outputs, and any axes of one direction.
    entries = {
        FIRST_LAYER: sp.ImmutableMatrix(2, 2, sp.symbols("w_1:5")),
        SECOND_LAYER: sp.ImmutableMatrix(2, 2, sp.symbols("u_1:5")),
        LEFT_AXES: turn[:, 0],
        RIGHT_AXES: turn[:, 0].xreplace(dict.fromkeys(turn.free_symbols, sp.Symbol("v"))),
    }

    def canonical(line: sp.Basic) -> Any:
        """A line for the network of two learned directions in three."""
        values = sp.ImmutableMatrix.diag(*minimum.singular_values)
        known = {
            LEARNED_MAP: minimum.learned_map,
            CANONICAL_FIRST: minimum.first_layer,
            CANONICAL_SECOND: minimum.second_layer,
            LEFT_AXES: minimum.left,
            RIGHT_AXES: minimum.right,
            VALUES: values,
            ROOTS: values.applyfunc(sp.sqrt),
        }
        return evaluate_matrix(line, known)

    return step(
        frame=[
            (CANONICAL_FIRST * CANONICAL_FIRST.T, VALUES),
            (CANONICAL_SECOND.T * CANONICAL_SECOND, VALUES),
        ],
        factored=(CANONICAL_FIRST, ROOTS * RIGHT_AXES.T),
        factored_second=(CANONICAL_SECOND, LEFT_AXES * ROOTS),
        learned_map=chain(
            LEARNED_MAP,
            ("the product of the layers", CANONICAL_SECOND * CANONICAL_FIRST),
            (
                "by [eq:factored] and [eq:factored-second]",
                LEFT_AXES * ROOTS * ROOTS * RIGHT_AXES.T,
            ),
            ("the roots square", LEFT_AXES * VALUES * RIGHT_AXES.T),
            value=canonical,
            method=Method.POINTS,
        ),
        nuclear=(squares, NUCLEAR),
        weights_above=chain(
            squares,
            (
                "each layer by its part on the axes and the rest; {orthonormal}, and so for {R}",
                half_square(on_left) + half_square(on_right) + beyond,
            ),
            (
                "the parts on the axes by their difference",
                sp.Trace(LEFT_AXES.T * SECOND_LAYER * FIRST_LAYER * RIGHT_AXES)
                + half_square(on_left - on_right)
                + beyond,
            ),
            value=lambda line: evaluate_matrix(line, entries),
        ),
        symbols={
            "P": LEFT_AXES,
            "R": RIGHT_AXES,
            "orthonormal": sp.Eq(LEFT_AXES.T * LEFT_AXES, sp.Identity(RANK), evaluate=False),
        },
        checks=(
            vanishes(
                "Two networks with rational entries accompany the derivation, so that what is "
                "checked on them is exact. One has three inputs, two outputs and two learned "
                "directions, the other three inputs and outputs, of which it leaves a direction "
                "out; both have label noise. Their factors are balanced, with the learned map for "
                "their product and the sum of the singular values for half of their squared "
                "entries.",
                *(
                    expression
                    for network in examples.rational
                    for expression in (
                        network.second_layer * network.first_layer - network.learned_map,
                        network.first_layer * network.first_layer.T
                        - network.second_layer.T * network.second_layer,
                        (squared(network.first_layer) + squared(network.second_layer)) / 2
                        - sum(network.singular_values),
                    )
                ),
                method=Method.POINTS,
            ),
            vanishes(
                "In both networks the layers of the canonical frame satisfy [eq:frame].",
                *(
                    matrix - sp.diag(*network.singular_values)
                    for network in examples.rational
                    for matrix in (
                        network.first_layer * network.first_layer.T,
                        network.second_layer.T * network.second_layer,
                    )
                ),
                method=Method.POINTS,
            ),
            holds(
                "Teacher and covariance of the two networks do not share axes.",
                Method.POINTS,
                lambda: all(
                    not _share_axes(network.teacher, network.input_covariance)
                    for network in examples.rational
                ),
            ),
        ),
    )


def _slope(examples: Examples) -> Step:
    """Stationarity in terms of the slope

    The task pulls at the learned map with the slope {Lambda}, [eq:slope]. With it the mean
    gradients vanish where [eq:slope-pairs] holds. In the factors [eq:factored] and
    [eq:factored-second], without their common root, this is [eq:slope-axes]. On the axes of the map
    it equals the weight decay, and the rest of it, {rest}, joins axes that are not learned,
    [eq:slope-form].
    """
    return step(
        slope=(SLOPE, RESIDUAL * INPUT_COVARIANCE),
        slope_pairs=[
            (SECOND_LAYER.T * SLOPE, GAMMA * FIRST_LAYER),
            (SLOPE * FIRST_LAYER.T, GAMMA * SECOND_LAYER),
        ],
        slope_axes=[
            (LEFT_AXES.T * SLOPE, GAMMA * RIGHT_AXES.T),
            (SLOPE * RIGHT_AXES, GAMMA * LEFT_AXES),
        ],
        slope_form=[
            (SLOPE, GAMMA * LEFT_AXES * RIGHT_AXES.T + UNLEARNED),
            (LEFT_AXES.T * UNLEARNED, sp.ZeroMatrix(*RIGHT_AXES.T.shape)),
            (UNLEARNED * RIGHT_AXES, sp.ZeroMatrix(*LEFT_AXES.shape)),
        ],
        symbols={
            "Lambda": SLOPE,
            "rest": UNLEARNED,
        },
        checks=(
            vanishes(
                "With a slope of this form the mean gradient of both layers vanishes: the two "
                "networks with rational entries.",
                *(
                    expression
                    for network in examples.rational
                    for expression in (
                        network.second_layer.T * network.slope
                        - network.weight_decay * network.first_layer,
                        network.slope * network.first_layer.T
                        - network.weight_decay * network.second_layer,
                        network.left.T * network.slope - network.weight_decay * network.right.T,
                        network.slope * network.right - network.weight_decay * network.left,
                        network.left.T * network.unlearned_slope,
                        network.unlearned_slope * network.right,
                    )
                ),
                method=Method.POINTS,
            ),
        ),
    )


def _optimal(examples: Examples) -> Step:
    """The minimum is the global one

    As a function of the learned map alone, with the least weights, [eq:weights-above], the loss is
    convex: a quadratic form plus {gamma} times the nuclear norm. That of another map {other}
    exceeds that of [eq:learned-map] by [eq:above]. What the slope earns there, {earned}, is a sum
    over the singular values of {other}, each times an entry of the slope between two unit vectors.
    When no singular value of the slope is larger than the weight decay, [eq:dual] with the largest
    of them for the norm, it is no more than the nuclear norm costs, so that no map has a lower
    loss; and where inputs vary in every direction, the quadratic form is positive and the minimum
    is the only one. The pair of [eq:slope-form] and [eq:dual] is therefore a certificate of the
    minimum. With enough hidden units the minimum always has it: were a singular value of the slope
    larger than {gamma}, a little of the product of its two unit vectors, added to the map, would
    lower the loss.
    """
    change = OTHER_MAP - LEARNED_MAP
    moved = sp.Trace(change * INPUT_COVARIANCE * change.T) / 2
    earned, earned_here = (sp.Trace(SLOPE.T * learned) for learned in (OTHER_MAP, LEARNED_MAP))
    network, minimum = examples.generic, examples.left_out
    here = sp.Matrix(2, 3, sp.symbols("m_1:7"))
    there = sp.Matrix(2, 3, sp.symbols("k_1:7"))
    teacher, covariance = network.teacher, network.input_covariance

    def quadratic(matrix: sp.MatrixBase) -> sp.Expr:
        return (matrix * covariance * matrix.T).trace() / 2

    def slope_is_bounded(minimum: ChosenMinimum) -> bool:
        """All principal minors of ``gamma^2 - Lambda Lambda'`` are non-negative."""
        slope = minimum.slope
        rest = minimum.weight_decay**2 * sp.eye(slope.rows) - slope * slope.T
        return bool(rest.is_positive_semidefinite)

    inverse = minimum.input_covariance.inv()

    def missed(learned: sp.MatrixBase) -> sp.Expr:
        """What a map costs in the network of two learned directions in three, but for decay."""
        residual = minimum.learned_map + minimum.slope * inverse - learned
        return (residual * minimum.input_covariance * residual.T).trace() / 2

    any_map = sp.ImmutableMatrix(3, 3, sp.symbols("m_1:10"))
    entries = {
        OTHER_MAP: any_map,
        LEARNED_MAP: minimum.learned_map,
        INPUT_COVARIANCE: minimum.input_covariance,
        SLOPE: minimum.slope,
    }
    numbers = {
        GAMMA: minimum.weight_decay,
        NUCLEAR: sum(minimum.singular_values),
        EXCESS_OVER_MINIMUM: missed(any_map)
        - missed(minimum.learned_map)
        + minimum.weight_decay * (OTHER_NUCLEAR - sum(minimum.singular_values)),
    }
    return step(
        above=chain(
            EXCESS_OVER_MINIMUM,
            (
                "by [eq:expected-loss], the square multiplied out; {slope}",
                moved - earned + earned_here + GAMMA * (OTHER_NUCLEAR - NUCLEAR),
            ),
            ("{costs} by [eq:slope-form]", moved - earned + GAMMA * OTHER_NUCLEAR),
            value=lambda line: evaluate_matrix(line, entries).xreplace(numbers),
            method=Method.POINTS,
        ),
        dual=sp.Le(SLOPE_NORM, GAMMA, evaluate=False),
        symbols={
            "other": OTHER_MAP,
            "earned": earned,
            "slope": sp.Eq(SLOPE, RESIDUAL * INPUT_COVARIANCE),
            "costs": sp.Eq(earned_here, GAMMA * NUCLEAR),
        },
        checks=(
            vanishes(
                "The quadratic parts of the two losses differ as in [eq:above], for arbitrary "
                "maps, a full teacher and a full covariance.",
                quadratic(teacher - there)
                - quadratic(teacher - here)
                - quadratic(there - here)
                + ((teacher - here) * covariance * (there - here).T).trace(),
            ),
            vanishes(
                "The slope earns exactly what the nuclear norm of the learned map costs.",
                *(
                    (network.slope.T * network.learned_map).trace()
                    - network.weight_decay * sum(network.singular_values)
                    for network in examples.rational
                ),
                method=Method.POINTS,
            ),
            holds(
                "In both networks with rational entries the slope satisfies [eq:dual].",
                Method.POINTS,
                lambda: all(slope_is_bounded(network) for network in examples.rational),
            ),
        ),
        assumptions=(
            "There are at least as many hidden units as directions that the convex problem "
            "learns. With fewer, the minimum of lowest loss is searched numerically; what "
            "follows holds there too, [eq:dual] does not.",
        ),
    )


def _chosen(examples: Examples) -> Step:
    """The task of a minimum

    A teacher and a covariance that share no axes have a minimum without a formula. Read backwards
    there is one: axes, singular values, slope and covariance can be chosen, as far as [eq:dual] and
    an invertible covariance allow, and [eq:task] is the teacher that has this minimum.
    """
    teacher = (
        LEFT_AXES * VALUES * RIGHT_AXES.T
        + (GAMMA * LEFT_AXES * RIGHT_AXES.T + UNLEARNED) * INVERSE_COVARIANCE
    )
    return step(
        task=(TEACHER, teacher),
        checks=(
            vanishes(
                "The two networks with rational entries were made in this way. Their mean "
                "gradient vanishes in every weight, from the loss of a sample by differentiation "
                "and averaging. Where a check needs the fourth moments of their inputs and does "
                "not say which, they are elliptical.",
                *(network.mean_gradient for network in examples.rational),
                method=Method.POINTS,
            ),
        ),
    )


def _share_axes(teacher: sp.MatrixBase, covariance: sp.MatrixBase) -> bool:
    product = teacher.T * teacher * covariance
    return bool((product - product.T).is_zero_matrix)

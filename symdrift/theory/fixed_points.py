"""The minimum: its factors, why it is the global one, and what is learned on shared axes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sympy as sp

from symdrift.algebra.matrices import evaluate_matrix
from symdrift.derivation.chapter import Given, chain, holds, step, vanishes
from symdrift.derivation.premises import Premise
from symdrift.derivation.steps import Method, Step
from symdrift.derivation.symbols import GAMMA, symbol
from symdrift.derivation.vocabulary import (
    AXIS_LOSS,
    AXIS_SLOPE,
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
    REDUCTION,
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
from symdrift.theory.linear.aligned import any_direction
from symdrift.theory.linear.network import LinearNetwork, any_turn
from symdrift.theory.linear.points import (
    AlignedMinimum,
    ChosenMinimum,
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
    (OTHER_MAP, "any other map", "m by n"),
    (LEARNABLE, "map with all directions that can be learned", "m by n"),
    (LEARNABLE_SLOPE, "its slope", "m by n"),
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


def learned_axes(examples: Examples) -> Iterator[Step]:
    """Singular values, active directions and the loss that remains, on shared axes."""
    one = AlignedMinimum((any_direction(""),), hidden=1, inputs=1, outputs=1)
    gain, value = symbol("gain"), symbol("singular_value")
    slope = sp.factor(sum(one.mean_gradient).subs(symbol("residual_map"), gain - value))
    (root,) = sp.solve(slope / sp.sqrt(value), value)
    yield _singular_values(examples, slope, root)
    yield _active(examples, one, root)


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
    both have the same squared lengths, so that the layers are the factors [eq:factored] and
    [eq:factored-second]. In the eigenbasis of [eq:balance], the canonical frame, the product of the
    layers is the singular value decomposition [eq:learned-map] of the learned map, of rank {r},
    with orthonormal columns of {P} and of {R}. Half of the squared weights is therefore the sum of
    the singular values, the nuclear norm [eq:nuclear]. Hidden axes are numbered by decreasing
    singular value. By [step:invariance] the loss and all that follows are the same in any other
    frame. Of {p} hidden units those beyond the rank are silent: all of their weights vanish, and
    the factors leave out these rows of the first layer and columns of the second.

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

    The task pulls at the learned map with the slope {Lambda}, [eq:slope]. With it the two
    conditions [eq:stationary] are [eq:slope-pairs], and in the factors [eq:factored] and
    [eq:factored-second], without their common root, [eq:slope-axes]. On the axes of the learned map
    the slope equals the weight decay, and the rest of it, {rest}, joins axes that are not learned,
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
        symbols={"Lambda": SLOPE, "rest": UNLEARNED},
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

    As a function of the learned map alone the loss is convex: a quadratic form plus {gamma}
    times the nuclear norm. That of another map {other} exceeds that of [eq:learned-map] by
    [eq:above]. What the slope earns there, {earned}, is a sum over the singular values of
    {other}, each times an entry of the slope between two unit vectors. When no singular value of
    the slope is larger than the weight decay, [eq:dual], it is no more than the nuclear norm costs,
    so that no map has a lower loss; and where inputs vary in every direction, the quadratic form is
    positive and the minimum is the only one. The pair of [eq:slope-form] and [eq:dual] is therefore
    a certificate of the minimum, which a numerical solution has to satisfy too.
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


def _singular_values(examples: Examples, slope: sp.Expr, root: sp.Expr) -> Step:
    """Singular values of an aligned task

    Where teacher and inputs share axes, the minimum of lowest loss has these axes too, by the
    theorem of Eckart and Young, and we follow the stationary points on them. At a bottleneck there
    can be others, such as a saddle between two of these that are both minima; which of the points
    on the axes are minima, [step:several-minima] says. On the axes every hidden unit serves one
    axis with equal weights in both layers, and the singular value {s} is the square of that weight.
    With input variance {lambda} and gain {a} the loss changes with the weight {root} of an axis as
    in [eq:axis-slope]: the derivative vanishes for a direction that is not learned and, as
    [eq:slope-form] asks, where the input variance times what is missing of the gain equals the
    weight decay, so that there the singular value is [eq:singular-value]. The residual map is
    diagonal as well, and its entry [eq:axis-residual] is what is left of the gain. Of a direction
    that is not learned this is the gain. Outputs are counted along the output axes of the teacher,
    and from one of these to another label noise is independent.
    """
    gain, value = symbol("gain"), symbol("singular_value")
    residual = symbol("residual_map")
    return step(
        under=[Premise.SHARED_AXES],
        axis_slope=(AXIS_SLOPE, slope),
        singular_value=(value, root),
        axis_residual=(residual, sp.expand(gain - root)),
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
    singular value in the learned map are called active, and hidden units beyond them are silent.
    Learning a direction lowers the loss by [eq:reduction]; with fewer hidden units than directions
    that can be learned - a bottleneck - the lowest loss has those with the largest reductions.
    Learning can end with others too, as [step:several-minima] shows. Each direction contributes to
    the loss of a minimum, [eq:axis-loss] when active and [eq:axis-loss-left-out] when not, and the
    expected loss is their sum.

    No other map {other}, on the axes or off them, has a lower loss than this. Let {best} be the map
    with the singular values of all directions that can be learned, and {best_slope} its slope,
    which is {gamma} along these and less, {lost}, along the others. Weight decay costs at least
    {gamma} times the nuclear norm of {other}, [step:factored], and this is at least {earned}: the
    slope has no singular value above {gamma}, and so no entry above it between the axes of {other}.
    With that in the place of weight decay the loss, but for label noise, is [eq:completed]. Here
    {other} enters by half the squared distance between {best_root}, whose singular values are
    {learnable_root}, and {other_root}, whose rank the number of hidden units bounds. By the theorem
    of Eckart and Young this is least where {other} keeps the largest of these singular values, and
    nowhere else unless the last one kept and the first one left out tie; and there weight decay
    costs just {earned}. What {other} makes of an input without variance enters neither the square
    nor {earned} and only adds to the nuclear norm: at the minimum it vanishes.
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

"""The normal space and its Hessian: what noise reaches, and how the loss curves there."""

from __future__ import annotations

from collections.abc import Iterator

import sympy as sp

from symdrift.algebra.matrices import evaluate_matrix
from symdrift.derivation.chapter import Side, chain, holds, step, vanishes
from symdrift.derivation.premises import Premise
from symdrift.derivation.steps import Method, Step
from symdrift.derivation.symbols import GAMMA, INPUTS
from symdrift.derivation.vocabulary import (
    ANY_MAP,
    CANONICAL_FIRST,
    CANONICAL_SECOND,
    CENTRED_NOISE,
    CURVATURE,
    CURVED,
    FIRST_LAYER,
    GENERATOR,
    HESSIAN,
    INPUT_COVARIANCE,
    LEFT_AXES,
    MAP_HESSIAN,
    MAPS,
    MINIMUM_POINT,
    OUTPUTS,
    RANK,
    REACH,
    REACH_RANK,
    REACHED_FIRST,
    REACHED_SECOND,
    RESIDUAL,
    RIGHT_AXES,
    SECOND_LAYER,
    SIZE,
    SLOPE,
    STEP_FIRST,
    STEP_SECOND,
    TURN,
    VALUES,
)
from symdrift.theory.examples import SHARED, Examples
from symdrift.theory.linear.curvature import hessian
from symdrift.theory.linear.minimum import HESSIAN_ON_MAPS, Minimum, reach
from symdrift.theory.linear.network import LinearNetwork

FLAT_SLOPE, SAMPLE_PRODUCT = (
    sp.MatrixSymbol(name, MAPS, 1) for name in ("slope_flat", "sample_product")
)

CHANGED_FIRST, PULL_FIRST = (
    sp.MatrixSymbol(f"{name}_first", *FIRST_LAYER.shape) for name in ("changed", "curved_image")
)
CHANGED_SECOND, PULL_SECOND = (
    sp.MatrixSymbol(f"{name}_second", *SECOND_LAYER.shape) for name in ("changed", "curved_image")
)

LATEX = {
    FLAT_SLOPE: r"\Lambda",
    SAMPLE_PRODUCT: r"e x^{\mathsf{T}}",
    CHANGED_FIRST: r"(H (\delta W, \delta U))_{W}",
    CHANGED_SECOND: r"(H (\delta W, \delta U))_{U}",
    PULL_FIRST: r"(H J F)_{W}",
    PULL_SECOND: r"(H J F)_{U}",
}


def curvature(examples: Examples) -> Iterator[Step]:
    """Second variation, flat directions, the reached space and the Hessian on it."""
    yield _second_variation(examples.generic)
    yield _flat(examples)
    yield _reached(examples)
    yield _map_hessian(examples)


def changed_map(first: sp.MatrixExpr, second: sp.MatrixExpr) -> sp.MatrixExpr:
    """What changes of the two layers change in the learned map, at first order."""
    return second * FIRST_LAYER + SECOND_LAYER * first


CHANGED = (
    SECOND_LAYER.T * changed_map(STEP_FIRST, STEP_SECOND) * INPUT_COVARIANCE
    - STEP_SECOND.T * SLOPE
    + GAMMA * STEP_FIRST,
    changed_map(STEP_FIRST, STEP_SECOND) * INPUT_COVARIANCE * FIRST_LAYER.T
    - SLOPE * STEP_FIRST.T
    + GAMMA * STEP_SECOND,
)
"""What the Hessian makes of a change of both layers, in each of them."""


def _second_variation(network: LinearNetwork) -> Step:
    """Second variation of the loss

    For small changes of both layers the expected loss changes at second order by half of
    [eq:second-variation]. The first term is the change of the learned map, the second what is won
    by changing both layers together, the third weight decay.
    """
    change = changed_map(STEP_FIRST, STEP_SECOND)
    formula = (
        sp.Trace(change * INPUT_COVARIANCE * change.T)
        - 2 * sp.Trace(INPUT_COVARIANCE * RESIDUAL.T * STEP_SECOND * STEP_FIRST)
        + GAMMA * (sp.Trace(STEP_FIRST * STEP_FIRST.T) + sp.Trace(STEP_SECOND * STEP_SECOND.T))
    )

    def along_a_line() -> tuple[Side, Side]:
        size = sp.Symbol("size")
        steps = [sp.Symbol(f"d{k}") for k in range(len(network.coordinates))]
        moved = {w: w + size * d for w, d in zip(network.coordinates, steps, strict=True)}
        along = sp.Poly(sp.expand(network.expected_loss.xreplace(moved)), size)
        count = network.hidden * network.inputs
        entries = {
            FIRST_LAYER: network.first_layer,
            SECOND_LAYER: network.second_layer,
            INPUT_COVARIANCE: network.input_covariance,
            RESIDUAL: network.teacher - network.second_layer * network.first_layer,
            STEP_FIRST: sp.ImmutableMatrix(network.hidden, network.inputs, steps[:count]),
            STEP_SECOND: sp.ImmutableMatrix(network.outputs, network.hidden, steps[count:]),
        }
        return 2 * along.nth(2), evaluate_matrix(formula, entries)

    return step(
        second_variation=(CURVATURE, formula),
        checks=(
            vanishes(
                "The second-order coefficient of the expected loss along an arbitrary line in "
                "weight space equals the formula, for a full teacher and a full covariance.",
                along_a_line(),
            ),
        ),
    )


def _flat(examples: Examples) -> Step:
    """The Hessian vanishes along the manifold

    The mean gradient vanishes at every point of the orbit. Its derivative along the orbit is the
    Hessian {H} times a tangent vector, which therefore vanishes too, [eq:flat]. Here {theta_star}
    has the weights in the canonical frame, zero for silent units, and {Omega} turns both layers:
    the tangent vector consists of {first} and {second}. What is left is the normal space. The
    gradient noise lies in it, by [eq:orthogonal].
    """
    return step(
        flat=(HESSIAN * TURN * MINIMUM_POINT, sp.ZeroMatrix(SIZE, 1)),
        symbols={
            "theta_star": MINIMUM_POINT,
            "first": GENERATOR * CANONICAL_FIRST,
            "second": -CANONICAL_SECOND * GENERATOR,
        },
        checks=(
            vanishes(
                "Hessian and gradient noise of networks whose teacher and inputs share axes, as "
                "full matrices in all weights, annihilate each tangent vector: three learned axes, "
                "a bottleneck, a silent hidden unit.",
                *(
                    matrix * space.minimum.tangent(plane)
                    for space in (examples.all_active, examples.bottleneck, examples.silent_unit)
                    for plane in space.minimum.planes
                    for matrix in (space.hessian, space.noise)
                ),
            ),
            vanishes(
                "So does the full Hessian of the two networks with rational entries.",
                *(
                    space.hessian * space.minimum.tangent((0, 1))
                    for space in examples.weight_spaces
                ),
                method=Method.POINTS,
            ),
        ),
    )


def _reached(examples: Examples) -> Step:
    """What the noise reaches

    The weights enter the error through the learned map only. So the gradient of a sample is weight
    decay minus the image of the error times the input under {J}, and noise stays in the image of
    {J}, the reached space: a pull {F} on the map, a matrix of its shape, pulls at the weights
    through {J}, the transpose of the derivative of the map, [eq:reach]. As weight decay is the same
    for every sample, the noise of a sample, its deviation from the mean, is [eq:noise-reached], and
    no sample pushes on a silent hidden unit. Only pulls with {no_first} and {no_second} have no
    image: they join outputs and inputs that are both not learned. The dimension of the image is
    that of all pulls, {all}, less that of these, {without}: [eq:reach-rank].
    """
    network = examples.generic
    error_times_input = sp.Matrix([*(network.residual * network.sample_input.T)])
    point = sp.Matrix(network.coordinates)
    operator = reach(network.first_layer, network.second_layer)
    rank = RANK * (INPUTS + OUTPUTS - RANK)

    def normal(minimum: Minimum) -> bool:
        return all((minimum.reach.T * minimum.tangent(p)).is_zero_matrix for p in minimum.planes)

    def sizes(minimum: Minimum) -> dict[sp.Symbol, int]:
        network = minimum.network
        return {INPUTS: network.inputs, OUTPUTS: network.outputs, RANK: minimum.rank}

    return step(
        reach=[
            (REACHED_FIRST, SECOND_LAYER.T * ANY_MAP),
            (REACHED_SECOND, ANY_MAP * FIRST_LAYER.T),
        ],
        noise_reached=(CENTRED_NOISE, -REACH * (SAMPLE_PRODUCT - FLAT_SLOPE)),
        reach_rank=(REACH_RANK, rank),
        symbols={
            "F": ANY_MAP,
            "J": REACH,
            "no_first": sp.Eq(LEFT_AXES.T * ANY_MAP, sp.ZeroMatrix(RANK, INPUTS), evaluate=False),
            "no_second": sp.Eq(ANY_MAP * RIGHT_AXES, sp.ZeroMatrix(OUTPUTS, RANK), evaluate=False),
            "all": MAPS,
            "without": (OUTPUTS - RANK) * (INPUTS - RANK),
        },
        checks=(
            vanishes(
                "At arbitrary weights the gradient of a sample is weight decay minus the image "
                "of error times input, in every weight.",
                network.sample_gradient - GAMMA * point + operator * error_times_input,
            ),
            vanishes(
                "Its mean is the image of the slope: at a minimum it balances weight decay, in "
                f"the networks with rational entries and in those with shared axes: {SHARED}.",
                *(
                    (
                        minimum.reach * sp.Matrix([*minimum.slope]),
                        minimum.weight_decay * minimum.point,
                    )
                    for minimum in examples.minima
                ),
            ),
            holds(
                "In all of them the image is orthogonal to the tangent vectors.",
                Method.IDENTITY,
                lambda: all(normal(minimum) for minimum in examples.minima),
            ),
            holds(
                "In all of them {J} has the rank [eq:reach-rank].",
                Method.CASES,
                lambda: all(
                    minimum.overlap.rank() == rank.subs(sizes(minimum))
                    for minimum in examples.minima
                ),
            ),
        ),
    )


def _change_of_mean_gradient(network: LinearNetwork) -> tuple[Side, Side]:
    """Derivative of the slope of the expected loss along a line, and the displayed one."""
    weights = network.coordinates
    change = sp.symbols(f"d0:{len(weights)}")
    slopes = [sp.diff(network.expected_loss, weight) for weight in weights]
    found = [
        sp.Add(*(sp.diff(slope, weight) * d for weight, d in zip(weights, change, strict=True)))
        for slope in slopes
    ]
    count = network.hidden * network.inputs
    residual = network.teacher - network.second_layer * network.first_layer
    entries = {
        FIRST_LAYER: network.first_layer,
        SECOND_LAYER: network.second_layer,
        INPUT_COVARIANCE: network.input_covariance,
        SLOPE: residual * network.input_covariance,
        STEP_FIRST: sp.ImmutableMatrix(network.hidden, network.inputs, change[:count]),
        STEP_SECOND: sp.ImmutableMatrix(network.outputs, network.hidden, change[count:]),
    }
    shown = [entry for formula in CHANGED for entry in evaluate_matrix(formula, entries)]
    return sp.Matrix(found), sp.Matrix(shown)


def _map_hessian(examples: Examples) -> Step:
    """The Hessian on learned maps

    The Hessian keeps the reached space, the image of all pulls {F} on the map, in which noise
    stays, since but for weight decay a sample pulls at the weights by {pushed}: what the Hessian
    does to the image {image} of {F} under {J} is the image of what the operator {curvature} does to
    {F}, [eq:intertwined]. The change of the mean gradients along this image, with [eq:slope-pairs]
    for the layers beside the slope, makes it [eq:map-hessian]: the task, with the covariance of the
    inputs; what is won by changing both layers together, with the slope; and weight decay. It
    involves the number of hidden units nowhere, and it is rational in axes, singular values, slope,
    covariance and weight decay, since {inner} is {inner_axes} and {outer} is {outer_axes}.

    To see it, let the weights change along the image of {F} in [eq:mean-first] and
    [eq:mean-second]: by [eq:slope-pairs] both mean gradients then change by the image of one and
    the same map. At first order in any change the Hessian makes of it [eq:hessian-pull]; of the
    image of {F} it makes [eq:pull-first] and [eq:pull-second], by [eq:slope-pairs]. The operator
    {curvature} is fixed up to what {J} does not see.
    """
    two_axes = examples.two_axes.minimum
    network, space = examples.generic, examples.weight_spaces[1]
    minimum = space.minimum
    any_map = sp.ImmutableMatrix(*minimum.slope.shape, sp.symbols("f_1:10"))
    pulled = space.hessian * minimum.reach * sp.Matrix([*any_map])
    count = minimum.first_layer.rows * minimum.first_layer.cols
    entries = {
        FIRST_LAYER: minimum.first_layer,
        SECOND_LAYER: minimum.second_layer,
        INPUT_COVARIANCE: minimum.network.input_covariance,
        SLOPE: minimum.slope,
        ANY_MAP: any_map,
        PULL_FIRST: sp.ImmutableMatrix(*minimum.first_layer.shape, pulled[:count]),
        PULL_SECOND: sp.ImmutableMatrix(*minimum.second_layer.shape, pulled[count:]),
    }

    def value(line: sp.Basic) -> sp.ImmutableMatrix:
        """A line for the second network with rational entries, and any map."""
        return evaluate_matrix(line, entries).xreplace({GAMMA: minimum.weight_decay})

    moved = ANY_MAP * FIRST_LAYER.T * FIRST_LAYER + SECOND_LAYER * SECOND_LAYER.T * ANY_MAP
    image = {STEP_FIRST: SECOND_LAYER.T * ANY_MAP, STEP_SECOND: ANY_MAP * FIRST_LAYER.T}
    bracket = HESSIAN_ON_MAPS
    return step(
        under={"map_hessian": [Premise.POSITIVE_DECAY]},
        hessian_pull=[(CHANGED_FIRST, CHANGED[0]), (CHANGED_SECOND, CHANGED[1])],
        pull_first=chain(
            PULL_FIRST,
            (
                "[eq:hessian-pull] for {image}",
                SECOND_LAYER.T * moved * INPUT_COVARIANCE
                - FIRST_LAYER * ANY_MAP.T * SLOPE
                + GAMMA * SECOND_LAYER.T * ANY_MAP,
            ),
            ("{W} by [eq:slope-pairs]", SECOND_LAYER.T * bracket),
            value=value,
            method=Method.POINTS,
        ),
        pull_second=chain(
            PULL_SECOND,
            (
                "the same for the second layer",
                moved * INPUT_COVARIANCE * FIRST_LAYER.T
                - SLOPE * ANY_MAP.T * SECOND_LAYER
                + GAMMA * ANY_MAP * FIRST_LAYER.T,
            ),
            ("{U} by [eq:slope-pairs]", bracket * FIRST_LAYER.T),
            value=value,
            method=Method.POINTS,
        ),
        intertwined=(HESSIAN * REACH, REACH * MAP_HESSIAN),
        map_hessian=(CURVED, HESSIAN_ON_MAPS),
        symbols={
            "F": ANY_MAP,
            "J": REACH,
            "curvature": MAP_HESSIAN,
            "pushed": REACH * SAMPLE_PRODUCT,
            "image": sp.Tuple(*image.values()),
            "inner": FIRST_LAYER.T * FIRST_LAYER,
            "inner_axes": RIGHT_AXES * VALUES * RIGHT_AXES.T,
            "outer": SECOND_LAYER * SECOND_LAYER.T,
            "outer_axes": LEFT_AXES * VALUES * LEFT_AXES.T,
        },
        checks=(
            vanishes(
                "The derivative of the mean gradient along an arbitrary line at arbitrary weights "
                "is [eq:hessian-pull], in every weight.",
                _change_of_mean_gradient(network),
            ),
            vanishes(
                "The full Hessian, from second derivatives of the expected loss, satisfies "
                "[eq:intertwined]: the networks with rational entries and those with shared axes.",
                *(
                    (
                        space.hessian * space.minimum.reach,
                        space.minimum.reach * space.minimum.curvature,
                    )
                    for space in examples.weight_spaces
                ),
                *(space.missed_curvature for space in examples.shared_axes),
            ),
            vanishes(
                "So does that of a network with two axes in which singular values, covariance "
                "and weight decay are symbols.",
                (hessian(two_axes) * two_axes.reach, two_axes.reach * two_axes.curvature),
            ),
        ),
    )

"""The normal space and its Hessian: what noise reaches, for any task."""

from __future__ import annotations

from collections.abc import Iterator

import sympy as sp

from symdrift.derivation.chapter import holds, step, vanishes
from symdrift.derivation.steps import Step
from symdrift.derivation.symbols import GAMMA
from symdrift.derivation.vocabulary import (
    ANY_MAP,
    CENTRED_NOISE,
    CURVED,
    FIRST_LAYER,
    FLAT,
    HESSIAN,
    INPUT_COVARIANCE,
    MAP_HESSIAN,
    MINIMUM_POINT,
    REACH,
    REACHED_FIRST,
    REACHED_SECOND,
    SECOND_LAYER,
    SIZE,
    SLOPE,
    TURN,
)
from symdrift.theory.hessian import second_variation
from symdrift.theory.linear.curvature import hessian
from symdrift.theory.linear.minimum import reach as reach_of
from symdrift.theory.maps.map_examples import MapExamples

FLAT_SLOPE = sp.MatrixSymbol("slope_flat", *FLAT.shape)

SAMPLE_PRODUCT = sp.MatrixSymbol("sample_product", *FLAT.shape)

LATEX = {FLAT_SLOPE: r"\Lambda", SAMPLE_PRODUCT: r"e x^{\mathsf{T}}"}


def reach(examples: MapExamples) -> Iterator[Step]:
    """Second variation, flat directions, the reached space and the Hessian on it."""
    yield second_variation(examples.generic)
    yield _flat(examples)
    yield _reached(examples)
    yield _map_hessian(examples)


def _flat(examples: MapExamples) -> Step:
    """The Hessian vanishes along the manifold

    Equal loss along the orbit means that the Hessian {H} annihilates every tangent vector,
    [eq:flat]. What is left is the normal space, the orthogonal complement of the tangent
    vectors.
    """
    return step(
        flat=(HESSIAN * TURN * MINIMUM_POINT, sp.ZeroMatrix(SIZE, 1)),
        checks=(
            vanishes(
                "The Hessian of the two networks with rational entries, as a full matrix in all "
                "weights, annihilates the tangent vector.",
                *(
                    space.hessian * space.minimum.tangent((0, 1))
                    for space in examples.weight_spaces
                ),
            ),
        ),
    )


def _reached(examples: MapExamples) -> Step:
    """What the noise reaches

    The weights enter the error through the learned map only. A change {F} of the map reaches
    the weights through {J}, the transpose of the derivative of the map by the weights,
    [eq:reach]. The gradient of a sample is weight decay minus the image of the error times the
    input, and the noise, its deviation from the mean, is [eq:noise-reached]. So noise stays in
    the image of {J}: matrices of the shape of the learned map, whatever the number of hidden
    units. Silent hidden units are not reached.
    """
    network = examples.generic
    error_times_input = sp.Matrix([*(network.residual * network.sample_input.T)])
    point = sp.Matrix(network.coordinates)
    operator = reach_of(network.first_layer, network.second_layer)

    def normal() -> bool:
        return all(
            (space.minimum.reach.T * space.minimum.tangent((0, 1))).is_zero_matrix
            for space in examples.weight_spaces
        )

    return step(
        reach=[
            (REACHED_FIRST, SECOND_LAYER.T * ANY_MAP),
            (REACHED_SECOND, ANY_MAP * FIRST_LAYER.T),
        ],
        noise_reached=[(CENTRED_NOISE, -REACH * (FLAT - FLAT_SLOPE)), (FLAT, SAMPLE_PRODUCT)],
        symbols={"F": ANY_MAP, "J": REACH},
        checks=(
            vanishes(
                "At arbitrary weights the gradient of a sample is weight decay minus the image "
                "of error times input, in every weight.",
                network.sample_gradient - GAMMA * point + operator * error_times_input,
            ),
            vanishes(
                "Its mean is the image of the slope: at a minimum it balances weight decay.",
                *(
                    minimum.reach * sp.Matrix([*minimum.slope])
                    - minimum.weight_decay * minimum.point
                    for minimum in examples.rational
                ),
            ),
            holds(
                "The image is orthogonal to the tangent vectors.",
                "matrix product",
                normal,
            ),
        ),
    )


def _map_hessian(examples: MapExamples) -> Step:
    """The Hessian on learned maps

    The Hessian keeps the reached space: what it does to the image of {F} is the image of what
    the operator {curvature} does to {F}, [eq:intertwined]. The operator is [eq:map-hessian]:
    the first term is the task, the second weight decay, the third the gain from changing both
    layers together. It involves the number of hidden units nowhere, and it is rational in
    axes, singular values, covariance and weight decay.
    """
    change = SECOND_LAYER * SECOND_LAYER.T * ANY_MAP + ANY_MAP * FIRST_LAYER.T * FIRST_LAYER
    curved = change * INPUT_COVARIANCE + GAMMA * ANY_MAP - SLOPE * ANY_MAP.T * SLOPE / GAMMA
    two_axes = examples.two_axes.minimum
    return step(
        intertwined=(HESSIAN * REACH, REACH * MAP_HESSIAN),
        map_hessian=(CURVED, curved),
        symbols={"F": ANY_MAP, "curvature": MAP_HESSIAN},
        checks=(
            vanishes(
                "The full Hessian of the two networks with rational entries, from second "
                "derivatives of the expected loss, satisfies [eq:intertwined].",
                *(
                    space.hessian * space.minimum.reach
                    - space.minimum.reach * space.minimum.curvature
                    for space in examples.weight_spaces
                ),
            ),
            vanishes(
                "So does that of a network with two axes in which singular values, covariance "
                "and weight decay are symbols.",
                hessian(two_axes) * two_axes.reach - two_axes.reach * two_axes.curvature,
            ),
        ),
    )

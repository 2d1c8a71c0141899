"""Symmetry and the manifold of minima: equivalent minima and tangent vectors."""

from __future__ import annotations

from collections.abc import Iterator

import sympy as sp

from symdrift.algebra.rational import cancel
from symdrift.derivation.chapter import chain, holds, step, vanishes
from symdrift.derivation.steps import Method, Step
from symdrift.derivation.vocabulary import (
    DIMENSION,
    FIRST_LAYER,
    GENERATOR,
    GRADIENT_FIRST,
    GRADIENT_SECOND,
    HIDDEN,
    PLANE_GENERATOR,
    PLANE_METRIC,
    RANK,
    ROTATION,
    SECOND_LAYER,
    UNIT_I,
    UNIT_J,
)
from symdrift.theory.examples import Examples
from symdrift.theory.linear.network import LinearNetwork, any_turn, generator
from symdrift.theory.linear.points import AlignedMinimum


def symmetry(examples: Examples) -> Iterator[Step]:
    """Rotations of the hidden layer, their tangent vectors and the dimension they span."""
    yield _invariance(examples.generic)
    yield _noise_is_normal(examples.generic)
    yield _tangent(examples.indexed)


def _invariance(network: LinearNetwork) -> Step:
    """Rotating the hidden layer changes nothing

    The output depends on the weights through the product {product} alone. An orthogonal matrix {Q}
    that turns the hidden layer, [eq:rotated], leaves the product and both norms as they are. So not
    only the expected loss but the loss of every single sample is invariant, and minima come in
    whole orbits.
    """
    turn = any_turn(network.hidden)
    rotated = dict(
        zip(
            network.coordinates,
            [*(turn * network.first_layer), *(network.second_layer * turn.T)],
            strict=True,
        )
    )
    return step(
        rotated=(
            (SECOND_LAYER * ROTATION.T) * (ROTATION * FIRST_LAYER),
            SECOND_LAYER * FIRST_LAYER,
        ),
        symbols={"product": SECOND_LAYER * FIRST_LAYER},
        checks=(
            vanishes(
                "The loss of one sample is unchanged by a rotation of two hidden units through "
                "an arbitrary angle, with the rational parametrisation of the circle.",
                (network.sample_loss.xreplace(rotated), network.sample_loss),
            ),
        ),
    )


def _noise_is_normal(network: LinearNetwork) -> Step:
    """No sample ever pushes along the orbit

    A rotation {Q} through a small angle is the identity plus that angle times a skew generator
    {generator}, and changes the layers by the angle times {tangent}. That a sample has the same
    loss with {turned} as with {W} and {U} gives, differentiated along this change, [eq:orthogonal],
    with the gradients {g_W} and {g_U} of the two layers, at all weights: the gradient of a sample
    is orthogonal to the orbit. Noise cannot push along the manifold. To first order there is no
    drift; it has to come from the second.
    """
    tangents = [
        network.rotation(i, j) * sp.Matrix(network.coordinates)
        for i in range(network.hidden)
        for j in range(i + 1, network.hidden)
    ]
    return step(
        orthogonal=(
            sp.Trace(GRADIENT_FIRST.T * GENERATOR * FIRST_LAYER)
            - sp.Trace(GRADIENT_SECOND.T * SECOND_LAYER * GENERATOR),
            0,
        ),
        symbols={
            "generator": GENERATOR,
            "tangent": sp.Tuple(GENERATOR * FIRST_LAYER, -SECOND_LAYER * GENERATOR),
            "turned": sp.Tuple(ROTATION * FIRST_LAYER, SECOND_LAYER * ROTATION.T),
            "g_W": GRADIENT_FIRST,
            "g_U": GRADIENT_SECOND,
        },
        checks=(
            vanishes(
                "The scalar product of a sample's gradient with the tangent vector of each "
                "rotation vanishes as a polynomial in weights, sample and teacher.",
                *((network.sample_gradient.T * tangent)[0] for tangent in tangents),
            ),
        ),
    )


def _tangent(minimum: AlignedMinimum) -> Step:
    """Tangent vectors and dimension

    The rotation in the plane of hidden units {i} and {j} has the generator [eq:generator], written
    with the columns {unit_i} and {unit_j} of the identity; it moves the weights along the tangent
    vector {tangent}. This has the rows {i} and {j} of the first layer and the columns {i} and {j}
    of the second exchanged, but for a sign, and zeros elsewhere. In the canonical frame rows of the
    first layer are orthogonal to each other and so are columns of the second, with the singular
    values for their squared lengths: the tangent vectors of different planes are orthogonal, even
    where these share an axis, and have the squared length [eq:metric]; a silent hidden unit has
    singular value zero. Planes of two silent units move nothing, so {r} active directions
    and {p} hidden units give a manifold of dimension [eq:dimension]; what is orthogonal to all
    tangent vectors is the normal space.
    """
    tangents = {plane: minimum.tangent(plane) for plane in minimum.planes}
    lengths = {plane: (t.T * t)[0] for plane, t in tangents.items()}
    gram = sp.Matrix.hstack(*tangents.values())
    dimension = RANK * HIDDEN - RANK * (RANK + 1) / 2
    return step(
        generator=(PLANE_GENERATOR, UNIT_I * UNIT_J.T - UNIT_J * UNIT_I.T),
        metric=(PLANE_METRIC, lengths[0, 1]),
        dimension=chain(
            DIMENSION,
            (
                "planes of two active units, and of an active and a silent one",
                RANK * (RANK - 1) / 2 + RANK * (HIDDEN - RANK),
                {DIMENSION: dimension},
            ),
            ("added up", dimension),
        ),
        symbols={
            "tangent": sp.Tuple(GENERATOR * FIRST_LAYER, -SECOND_LAYER * GENERATOR),
            "unit_i": UNIT_I,
            "unit_j": UNIT_J,
        },
        checks=(
            vanishes(
                "Two active directions and a silent unit: the Gram matrix of the tangent vectors "
                "is diagonal with [eq:metric] on its diagonal.",
                (gram.T * gram, sp.diag(*(_length(minimum, plane) for plane in tangents))),
            ),
            vanishes(
                "The generator is skew-symmetric and moves only its own plane.",
                generator(3, 0, 1) + generator(3, 0, 1).T,
            ),
            holds(
                "The tangent vectors are linearly independent.",
                Method.IDENTITY,
                lambda: gram.rank(simplify=cancel) == len(tangents),
            ),
        ),
    )


def _length(minimum: AlignedMinimum, plane: tuple[int, int]) -> sp.Expr:
    def value(unit: int) -> sp.Expr:
        return minimum.directions[unit].singular_value if unit < minimum.rank else sp.Integer(0)

    return 2 * (value(plane[0]) + value(plane[1]))

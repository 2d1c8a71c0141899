"""The Hessian at the minimum in all weights, and the blocks into which matrices fall.

Blocks are *found*: they are the connected components of the graph in which two
coordinates are joined when one of the matrices couples them.
"""

from __future__ import annotations

from collections.abc import Iterable

import sympy as sp

from symdrift.algebra.rational import RationalField
from symdrift.derivation.symbols import GAMMA
from symdrift.errors import CheckFailed
from symdrift.theory.linear.minimum import Minimum
from symdrift.theory.linear.points import AlignedMinimum, active_direction, inactive_direction


def hessian(minimum: Minimum) -> sp.ImmutableMatrix:
    """Second derivatives of the expected loss at the canonical point, in all weights.

    Returns
    -------
    sympy.ImmutableMatrix
        Shape ``(p (n + m), p (n + m))``.
    """
    weights = minimum.network.coordinates
    loss = minimum.network.expected_loss.xreplace({GAMMA: minimum.weight_decay})
    field = RationalField([loss, *weights, *minimum.weights.values()])
    values = [field.fraction(minimum.weights[weight]) for weight in weights]
    zeros = {k for k, weight in enumerate(weights) if minimum.weights[weight] == 0}
    size = len(weights)
    entries = [[field.zero] * size for _ in range(size)]
    for exponents, coefficient in field.collected(loss, weights).items():
        present = [k for k, exponent in enumerate(exponents) if exponent]
        # At the canonical point most weights are zero: a monomial with three of them is flat.
        if sum(exponents[k] for k in present if k in zeros) > 2:
            continue
        for a in present:
            for b in present:
                if exponents[a] > (a == b):
                    remaining = list(exponents)
                    factor = remaining[a]
                    remaining[a] -= 1
                    factor *= remaining[b]
                    remaining[b] -= 1
                    term = field.multiply(coefficient, field.fraction(sp.Integer(factor)))
                    for k in present:
                        for _ in range(remaining[k]):
                            term = field.multiply(term, values[k])
                    entries[a][b] = field.add(entries[a][b], term)
    return sp.ImmutableMatrix([[field.expression(entry) for entry in row] for row in entries])


def connected_blocks(matrices: Iterable[sp.ImmutableMatrix]) -> tuple[tuple[int, ...], ...]:
    """Finest common block structure of symmetric matrices of one size.

    Returns
    -------
    tuple of tuple of int
        Coordinates of each block in increasing order; blocks by their first coordinate.
    """
    matrices = tuple(matrices)
    size = matrices[0].rows
    label = list(range(size))
    for a in range(size):
        for b in range(a):
            if any(matrix[a, b] != 0 for matrix in matrices) and label[a] != label[b]:
                merged, kept = sorted((label[a], label[b]), reverse=True)
                label = [kept if value == merged else value for value in label]
    return tuple(tuple(k for k in range(size) if label[k] == name) for name in sorted(set(label)))


def unreached_curvature() -> sp.Expr:
    """Hessian eigenvalue of the normal directions between active axes that noise misses.

    Weights ``(i, j)`` and ``(j, i)`` of both layers span four directions: one tangent, two
    gradients of the learned map, and one more, found here as what is orthogonal to them.

    Raises
    ------
    CheckFailed
        When that direction is no eigenvector of the Hessian.
    """
    minimum = AlignedMinimum((active_direction("i"), active_direction("j")), 2, 2, 2)
    known = sp.Matrix.vstack(minimum.reach.T, minimum.tangent((0, 1)).T)
    curvatures = set()
    for direction in known.nullspace():
        curved = (hessian(minimum) * direction).applyfunc(sp.expand)
        curvature = sp.cancel((direction.T * curved)[0] / (direction.T * direction)[0])
        if not (curved - curvature * direction).applyfunc(sp.cancel).is_zero_matrix:
            raise CheckFailed("a normal direction that noise misses is no eigenvector")
        curvatures.add(curvature)
    (curvature,) = curvatures
    return curvature


def silent_curvatures() -> tuple[sp.Expr, sp.Expr]:
    """Hessian eigenvalues of a silent hidden unit along an axis that is not learned.

    Returns
    -------
    tuple of sympy.Expr
        The smaller and the larger; the smaller closes at the threshold
        ``lambda a = gamma``.
    """
    minimum = AlignedMinimum((inactive_direction("l"),), hidden=1, inputs=1, outputs=1)
    curvature = hessian(minimum)
    eigenvectors = [sp.Matrix([1, 1]), sp.Matrix([1, -1])]
    lower, upper = ((v.T * curvature * v)[0] / 2 for v in eigenvectors)
    for value, vector in zip((lower, upper), eigenvectors, strict=True):
        if not (curvature * vector - value * vector).applyfunc(sp.expand).is_zero_matrix:
            raise CheckFailed("the weights of a silent unit do not split evenly")
    return sp.expand(lower), sp.expand(upper)

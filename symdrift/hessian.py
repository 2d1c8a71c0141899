"""The Hessian at the minimum and the blocks into which weight space falls.

The blocks are *found*: they are the connected components of the graph in which two
weights are joined when the Hessian or the gradient noise couples them.
"""

from __future__ import annotations

from collections.abc import Iterable

import sympy as sp

from symdrift.manifold import AlignedMinimum


def hessian(minimum: AlignedMinimum) -> sp.ImmutableMatrix:
    """Second derivatives of the expected loss at the canonical point.

    Returns
    -------
    sympy.ImmutableMatrix
        Shape ``(p (n + m), p (n + m))``.
    """
    network = minimum.network
    size = len(network.coordinates)
    slopes = [sp.diff(network.expected_loss, weight) for weight in network.coordinates]
    matrix = sp.zeros(size, size)
    for a in range(size):
        for b in range(a, size):
            curvature = sp.diff(slopes[a], network.coordinates[b]).xreplace(minimum.weights)
            matrix[a, b] = matrix[b, a] = sp.expand(curvature)
    return sp.ImmutableMatrix(matrix)


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
    return tuple(
        tuple(k for k in range(size) if label[k] == name) for name in sorted(set(label))
    )

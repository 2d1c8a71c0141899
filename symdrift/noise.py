"""Gradient noise at the minimum: its covariance and the directions it reaches."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from symdrift.manifold import AlignedMinimum


def gradient_noise(minimum: AlignedMinimum) -> sp.ImmutableMatrix:
    """Covariance of the gradient of one sample at the canonical point.

    Fourth moments of the inputs enter through the Wick rule.

    Returns
    -------
    sympy.ImmutableMatrix
        ``C``, shape ``(p (n + m), p (n + m))``; divide by the batch size for batches.
    """
    gradient, mean = minimum.sample_gradient, minimum.mean_gradient
    average = minimum.network.average
    size = gradient.rows
    matrix = sp.zeros(size, size)
    for a in range(size):
        for b in range(a, size):
            if gradient[a] != 0 and gradient[b] != 0:
                moment = average(sp.expand(gradient[a] * gradient[b]))
                matrix[a, b] = matrix[b, a] = sp.expand(moment - mean[a] * mean[b])
    return sp.ImmutableMatrix(matrix)


@dataclass(frozen=True)
class ReachedDirection:
    """A direction of weight space into which gradients of single samples point.

    It is the gradient of one entry ``(U W)_ab`` of the learned map; the gradient of a
    sample is ``gamma theta - sum_ab e_a x_b (gradient of (U W)_ab)``.

    Attributes
    ----------
    output, input : int
        ``a`` and ``b``, counted from 0.
    vector : sympy.ImmutableMatrix
        Shape ``(p (n + m), 1)``, not normalised.
    squared_norm : sympy.Expr
        ``s_a + s_b``.
    """

    output: int
    input: int
    vector: sp.ImmutableMatrix
    squared_norm: sp.Expr


def reached_directions(minimum: AlignedMinimum) -> tuple[ReachedDirection, ...]:
    """The directions that the noise can reach: gradients of the entries of ``U W``.

    Entries between two inactive directions have zero gradient and are left out.
    """
    network = minimum.network
    product = network.second_layer * network.first_layer
    found = []
    for a in range(network.outputs):
        for b in range(network.inputs):
            vector = sp.ImmutableMatrix(
                [sp.diff(product[a, b], weight) for weight in network.coordinates]
            ).xreplace(minimum.weights)
            squared_norm = (vector.T * vector)[0]
            if squared_norm != 0:
                found.append(ReachedDirection(a, b, vector, squared_norm))
    return tuple(found)

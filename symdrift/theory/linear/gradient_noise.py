"""Gradient noise at the minimum: its covariance and the directions it reaches."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import sympy as sp

from symdrift.algebra.rational import Fraction
from symdrift.algebra.wick import GaussianMoments
from symdrift.theory.linear.points import AlignedMinimum, Minimum


def gradient_noise(minimum: Minimum) -> sp.ImmutableMatrix:
    """Covariance of the gradient of one sample at the canonical point.

    Fourth moments of the inputs enter through the Wick rule.

    Returns
    -------
    sympy.ImmutableMatrix
        ``C``, shape ``(p (n + m), p (n + m))``; divide by the batch size for batches.
    """
    gradient = minimum.sample_gradient
    moments = GaussianMoments(minimum.network.sample_covariance, gradient)
    field = moments.field
    entries = [field.collected(entry, moments.variables) for entry in gradient]

    @cache
    def covariance(first: tuple[int, ...], second: tuple[int, ...]) -> Fraction:
        joint = tuple(k + l for k, l in zip(first, second, strict=True))
        separate = field.multiply(moments.moment(first), moments.moment(second))
        return field.subtract(moments.moment(joint), separate)

    size = len(entries)
    matrix = sp.zeros(size, size)
    for a in range(size):
        for b in range(a, size):
            total = field.zero
            for first, c in entries[a].items():
                for second, d in entries[b].items():
                    total = field.add(
                        total, field.multiply(field.multiply(c, d), covariance(first, second))
                    )
            matrix[a, b] = matrix[b, a] = field.expression(total)
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

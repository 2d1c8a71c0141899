"""Gradient noise at the minimum: its covariance and the directions it reaches."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from symdrift.theory.linear.points import AlignedMinimum, Minimum


def gradient_noise(minimum: Minimum) -> sp.ImmutableMatrix:
    """Covariance of the gradient of one sample at the canonical point.

    Fourth moments of the inputs enter through the Wick rule.

    Returns
    -------
    sympy.ImmutableMatrix
        ``C``, shape ``(p (n + m), p (n + m))``; divide by the batch size for batches.
    """
    network = minimum.network
    variables = (*network.sample_input, *network.sample_label_noise)
    entries = [
        dict(sp.Poly(entry, *variables).terms()) if entry != 0 else {}
        for entry in minimum.sample_gradient
    ]
    moments: dict[tuple[int, ...], sp.Expr] = {}

    def moment(exponents: tuple[int, ...]) -> sp.Expr:
        if exponents not in moments:
            monomial = sp.Mul(*(v**k for v, k in zip(variables, exponents, strict=True)))
            moments[exponents] = network.average(monomial)
        return moments[exponents]

    def covariance(first: tuple[int, ...], second: tuple[int, ...]) -> sp.Expr:
        joint = tuple(k + l for k, l in zip(first, second, strict=True))
        return moment(joint) - moment(first) * moment(second)

    size = len(entries)
    matrix = sp.zeros(size, size)
    for a in range(size):
        for b in range(a, size):
            matrix[a, b] = matrix[b, a] = sp.expand(
                sp.Add(
                    *(
                        c * d * covariance(first, second)
                        for first, c in entries[a].items()
                        for second, d in entries[b].items()
                    )
                )
            )
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

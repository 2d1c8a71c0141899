"""Gradient noise at the minimum: its covariance in all weights."""

from __future__ import annotations

from functools import cache

import sympy as sp

from symdrift.algebra.rational import Fraction
from symdrift.algebra.wick import Covariance, GaussianMoments
from symdrift.theory.linear.minimum import Minimum


def gradient_noise(minimum: Minimum) -> sp.ImmutableMatrix:
    """Covariance of the gradient of one sample at the canonical point.

    Fourth moments of the inputs enter through the Wick rule.

    Returns
    -------
    sympy.ImmutableMatrix
        ``C``, shape ``(p (n + m), p (n + m))``; divide by the batch size for batches.
    """
    return covariance_of(minimum.sample_gradient, minimum.network.sample_covariance)


def covariance_of(vector: sp.ImmutableMatrix, sample: Covariance) -> sp.ImmutableMatrix:
    """Covariance of polynomials in Gaussian inputs and label noise.

    Parameters
    ----------
    vector : sympy.ImmutableMatrix
        Shape ``(k, 1)``.
    sample : Mapping
        Second moments of inputs and label noise, pair by pair.

    Returns
    -------
    sympy.ImmutableMatrix
        Shape ``(k, k)``.
    """
    moments = GaussianMoments(sample, vector)
    field = moments.field
    entries = [field.collected(entry, moments.variables) for entry in vector]

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

"""Matrices that are polynomials of a deviation, for many samples at once.

A rule is written with ``@``, ``+``, ``.T`` and numbers; on these matrices it gives its own Taylor
series, exactly and without a derivative typed in.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from math import factorial

import numpy as np

from symdrift.study.problem import Array

DEGREE = 3
"""Highest degree that is kept: that of the update of a two-layer network."""


@dataclass(frozen=True, eq=False)
class PolynomialMatrix:
    """A matrix for every sample, polynomial in ``d`` coordinates.

    Attributes
    ----------
    terms : dict of int to Array
        By degree ``k``, shape ``(samples or 1,) + (d,) * k + (rows, columns)``.  The order of
        the coordinates within a term means nothing; see `form`.
    """

    terms: dict[int, Array]

    # Products with arrays are those below.
    __array_ufunc__ = None

    @property
    def T(self) -> PolynomialMatrix:
        """Of every matrix its transpose."""
        return PolynomialMatrix({degree: term.swapaxes(-1, -2) for degree, term in self})

    def __iter__(self):  # type: ignore[no-untyped-def]
        return iter(self.terms.items())

    def __add__(self, other: PolynomialMatrix) -> PolynomialMatrix:
        terms = dict(self.terms)
        for degree, term in other:
            terms[degree] = terms[degree] + term if degree in terms else term
        return PolynomialMatrix(terms)

    def __sub__(self, other: PolynomialMatrix) -> PolynomialMatrix:
        return self + -1.0 * other

    def __rmul__(self, factor: float) -> PolynomialMatrix:
        return PolynomialMatrix({degree: factor * term for degree, term in self})

    def __matmul__(self, other: PolynomialMatrix) -> PolynomialMatrix:
        product: dict[int, Array] = {}
        for left, first in self:
            for right, second in other:
                if left + right > DEGREE:
                    continue
                term = _outer_product(first, second)
                degree = left + right
                product[degree] = product[degree] + term if degree in product else term
        return PolynomialMatrix(product)

    def form(self, degree: int, coordinates: int) -> Array:
        """Symmetric multilinear form of a degree, shape ``(samples, entries) + (d,) * degree``."""
        if degree not in self.terms:
            return np.zeros((1, 1) + (coordinates,) * degree)
        term = self.terms[degree]
        flat = term.reshape(*term.shape[: 1 + degree], term.shape[-2] * term.shape[-1])
        return symmetrised(np.moveaxis(flat, -1, 1), 2)


def constant(matrices: Array) -> PolynomialMatrix:
    """A matrix, or one per sample, that does not depend on the deviation."""
    return PolynomialMatrix({0: matrices.reshape((-1, *matrices.shape[-2:]))})


def _outer_product(first: Array, second: Array) -> Array:
    """Matrix products of all coefficients of one with all of the other, sample by sample."""
    samples = max(len(first), len(second))
    left = first.reshape(len(first), -1, 1, *first.shape[-2:])
    right = second.reshape(len(second), 1, -1, *second.shape[-2:])
    shape = (samples, *first.shape[1:-2], *second.shape[1:-2], first.shape[-2], second.shape[-1])
    return np.asarray((left @ right).reshape(shape))


def symmetrised(array: Array, kept: int) -> Array:
    """The mean over all orders of the axes after the first ``kept``."""
    axes = range(kept, array.ndim)
    orders = (array.transpose(*range(kept), *order) for order in permutations(axes))
    return np.asarray(sum(orders) / factorial(array.ndim - kept))

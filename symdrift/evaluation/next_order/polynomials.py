"""Matrices that are polynomials of a deviation, for many samples at once.

A rule is written with ``@``, ``+``, ``.T`` and numbers; on these matrices it gives its own Taylor
series, exactly and without a derivative typed in.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from math import prod

import numpy as np

from symdrift.study.problem import Array


@dataclass(frozen=True, eq=False)
class PolynomialMatrix:
    """A matrix for every sample, polynomial in ``d`` coordinates.

    Attributes
    ----------
    terms : dict of int to Array
        By degree ``k``, shape ``(rows, columns, samples or 1) + (d,) * k``: long axes last, for
        speed.  The order of the coordinates within a term means nothing; see `form`.
    highest : int
        Degree above which terms are left out; of a sum or a product, the lower of the two.
    """

    terms: dict[int, Array]
    highest: int

    # Products with arrays are those below.
    __array_ufunc__ = None

    @property
    def T(self) -> PolynomialMatrix:
        """Of every matrix its transpose."""
        return self._mapped(lambda term: term.swapaxes(0, 1))

    def _mapped(self, change: Callable[[Array], Array]) -> PolynomialMatrix:
        terms = {degree: change(term) for degree, term in self.terms.items()}
        return PolynomialMatrix(terms, self.highest)

    def __add__(self, other: PolynomialMatrix) -> PolynomialMatrix:
        terms = dict(self.terms)
        for degree, term in other.terms.items():
            terms[degree] = terms[degree] + term if degree in terms else term
        return PolynomialMatrix(terms, min(self.highest, other.highest))

    def __sub__(self, other: PolynomialMatrix) -> PolynomialMatrix:
        return self + -1.0 * other

    def __rmul__(self, factor: float) -> PolynomialMatrix:
        return self._mapped(lambda term: factor * term)

    def __matmul__(self, other: PolynomialMatrix) -> PolynomialMatrix:
        product: dict[int, Array] = {}
        highest = min(self.highest, other.highest)
        for (left, first), (right, second) in itertools.product(
            self.terms.items(), other.terms.items()
        ):
            if (degree := left + right) <= highest:
                term = _outer_product(first, second)
                product[degree] = product[degree] + term if degree in product else term
        return PolynomialMatrix(product, highest)

    def form(self, degree: int) -> Array:
        """Symmetric multilinear form of a degree, shape ``(samples, entries) + (d,) * degree``."""
        term = self.terms[degree]
        flat = term.reshape(len(term) * term.shape[1], *term.shape[2:])
        return symmetrised(flat.swapaxes(0, 1), 2)


def constant(matrices: Array, highest: int) -> PolynomialMatrix:
    """A matrix, or one per sample along the first axis, that no deviation changes."""
    stacked = matrices.reshape(-1, *matrices.shape[-2:])
    return PolynomialMatrix({0: np.ascontiguousarray(np.moveaxis(stacked, 0, -1))}, highest)


def _outer_product(first: Array, second: Array) -> Array:
    """Matrix products of all coefficients of one with all of the other, sample by sample."""
    (samples,) = np.broadcast_shapes(first.shape[2:3], second.shape[2:3])
    shape = (len(first), second.shape[1], samples, *first.shape[3:], *second.shape[3:])
    if samples == 1:
        product = np.tensordot(first[:, :, 0], second[:, :, 0], (1, 0))
        return np.moveaxis(product, first.ndim - 2, 1).reshape(shape)
    left = first.reshape(*first.shape[:3], prod(first.shape[3:]), 1)
    right = second.reshape(*second.shape[:3], 1, prod(second.shape[3:]))
    products = sum(left[:, k, np.newaxis] * right[k] for k in range(len(right)))
    return np.asarray(products).reshape(shape)


def symmetrised(array: Array, kept: int) -> Array:
    """The mean over all orders of the axes after the first ``kept``."""
    many = array.ndim - kept
    if many < 2:
        return array
    # The mean over all orders of the later axes, then over the places of the first.
    inner = symmetrised(array, kept + 1)
    total = inner + inner.swapaxes(kept, kept + 1)
    for axis in range(kept + 2, array.ndim):
        total += inner.swapaxes(kept, axis)
    total /= many
    return total

"""Moments of Gaussian variables by the Wick (Isserlis) rule, symbolically."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import product

import sympy as sp

from symdrift.algebra.rational import Fraction, RationalField

Covariance = Mapping[tuple[sp.Symbol, sp.Symbol], sp.Expr]
"""``covariance[u, v] = E[u v]``; pairs that are absent are uncorrelated."""


class GaussianMoments:
    """Moments of zero-mean Gaussian variables, in a field of rational functions.

    Parameters
    ----------
    covariance : Mapping
        Of the variables that it names; everything else is constant.
    expressions : iterable of sympy.Expr
        What the field must hold besides the covariance.

    Notes
    -----
    ``E[z_1 z_2 ... z_k] = sum_b E[z_1 z_b] E[rest]``: the first variable is paired with
    each of the others in turn.
    """

    def __init__(self, covariance: Covariance, expressions: Iterable[sp.Expr]) -> None:
        self.variables = tuple(
            sorted({item for pair in covariance for item in pair}, key=lambda v: v.name)
        )
        self.field = RationalField([*expressions, *covariance.values(), *self.variables])
        self._pairs = {pair: self.field.fraction(value) for pair, value in covariance.items()}
        self._known: dict[tuple[int, ...], Fraction] = {}

    def expectation(self, polynomial: Mapping[tuple[int, ...], Fraction]) -> Fraction:
        """Expectation of a polynomial, given as in `RationalField.collected`."""
        total = self.field.zero
        for exponents, coefficient in polynomial.items():
            total = self.field.add(total, self.field.multiply(coefficient, self.moment(exponents)))
        return total

    def moment(self, exponents: tuple[int, ...]) -> Fraction:
        """Expectation of a product of powers of the variables."""
        known = self._known.get(exponents)
        if known is None:
            known = self._known[exponents] = self._moment(exponents)
        return known

    def _moment(self, exponents: tuple[int, ...]) -> Fraction:
        first = next((k for k, exponent in enumerate(exponents) if exponent), None)
        if first is None:
            return self.field.one
        total = self.field.zero
        if sum(exponents) % 2:
            return total
        rest = list(exponents)
        rest[first] -= 1
        for partner, count in enumerate(rest):
            pair = (self.variables[first], self.variables[partner])
            value = self._pairs.get(pair, self._pairs.get(pair[::-1]))
            if count and value is not None:
                remaining = list(rest)
                remaining[partner] -= 1
                ways = self.field.multiply(value, self.field.fraction(sp.Integer(count)))
                total = self.field.add(
                    total, self.field.multiply(ways, self.moment(tuple(remaining)))
                )
        return total


def expectation(polynomial: sp.Expr, covariance: Covariance) -> sp.Expr:
    """Expectation of a polynomial in zero-mean Gaussian variables, as a sum of terms.

    Parameters
    ----------
    polynomial : sympy.Expr
        Polynomial in the variables named by ``covariance``; everything else is constant.
    covariance : Mapping
        ``covariance[u, v] = E[u v]``, each variance included; other pairs that are absent are
        uncorrelated.
    """
    pairs = product(polynomial.free_symbols, repeat=2)
    moments = GaussianMoments(
        {pair: covariance[pair] for pair in pairs if pair in covariance}, [polynomial]
    )
    collected = moments.field.collected(polynomial, moments.variables)
    return moments.field.expression(moments.expectation(collected))

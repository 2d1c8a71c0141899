"""Moments of Gaussian variables by the Wick (Isserlis) rule, symbolically."""

from __future__ import annotations

from collections.abc import Mapping

import sympy as sp


def expectation(
    polynomial: sp.Expr, covariance: Mapping[tuple[sp.Symbol, sp.Symbol], sp.Expr]
) -> sp.Expr:
    """Expectation of a polynomial in zero-mean Gaussian variables.

    Parameters
    ----------
    polynomial : sympy.Expr
        Polynomial in the variables named by ``covariance``; everything else is constant.
    covariance : Mapping
        ``covariance[u, v] = E[u v]``; pairs that are absent are uncorrelated.

    Notes
    -----
    ``E[z_1 z_2 ... z_k] = sum_b E[z_1 z_b] E[rest]``: the first variable is paired with
    each of the others in turn.
    """
    variables = sorted({item for pair in covariance for item in pair}, key=lambda v: v.name)
    return sp.Add(
        *(
            coefficient * _moment(exponents, tuple(variables), covariance)
            for exponents, coefficient in sp.Poly(polynomial, *variables).terms()
        )
    )


def _moment(
    exponents: tuple[int, ...],
    variables: tuple[sp.Symbol, ...],
    covariance: Mapping[tuple[sp.Symbol, sp.Symbol], sp.Expr],
) -> sp.Expr:
    first = next((k for k, exponent in enumerate(exponents) if exponent), None)
    if first is None:
        return sp.Integer(1)
    if sum(exponents) % 2:
        return sp.Integer(0)
    rest = list(exponents)
    rest[first] -= 1
    total = sp.Integer(0)
    for partner, count in enumerate(rest):
        pair = (variables[first], variables[partner])
        value = covariance.get(pair, covariance.get(pair[::-1]))
        if count and value is not None:
            remaining = list(rest)
            remaining[partner] -= 1
            total += count * value * _moment(tuple(remaining), variables, covariance)
    return total

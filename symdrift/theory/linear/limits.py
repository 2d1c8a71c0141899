"""Special cases and limits of the drift, derived from its general terms."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from symdrift.algebra.rational import cancel, factor, leading_term, replaced
from symdrift.derivation.symbols import BATCH, ETA, GAMMA, INPUTS, symbol
from symdrift.theory.linear.aligned import RepresentativeDrift, renaming
from symdrift.theory.linear.points import Direction, learned_direction

Term = tuple[sp.Expr, int]
"""Coefficient and exponent of a leading order."""


def autoencoder_direction(index: str, label_noise: sp.Expr) -> Direction:
    """A learned direction of an autoencoder: gain one, ``s = 1 - gamma / lambda``."""
    variance = symbol("input_variance", index)
    return learned_direction(index, variance, label_noise, sp.Integer(1))


def own_term(drift: RepresentativeDrift, i: Direction, j: Direction) -> sp.Expr:
    """The term ``l = i`` of the plane ``(i, j)``."""
    return replaced(drift.own_term.exact, renaming(i=i, j=j))


def other_term(drift: RepresentativeDrift, i: Direction, j: Direction, l: Direction) -> sp.Expr:
    """The term of another index ``l`` of the plane ``(i, j)``."""
    return replaced(drift.other_term.exact, renaming(i=i, j=j, l=l))


def diffusion(drift: RepresentativeDrift, area: sp.Expr, i: Direction, j: Direction) -> sp.Expr:
    """``D_ij = eta^2 area / (2 B^2 G_ij^2)`` from the sum of the terms."""
    squared_length = drift.squared_length.xreplace(renaming(i=i, j=j))
    return ETA**2 * area / (2 * BATCH**2 * squared_length**2)


def isotropic_direction() -> Direction:
    """The direction that all axes share when inputs, teacher and noise are isotropic."""
    variance = symbol("input_variance")
    return Direction(
        "", variance, symbol("label_noise") ** 2, symbol("singular_value"), GAMMA / variance
    )


def isotropic_diffusion(drift: RepresentativeDrift) -> sp.Expr:
    """Diffusion coefficient of any plane for ``n`` equal directions, all active.

    The terms ``l = i`` and ``l = j`` are equal, and so are the ``n - 2`` others.
    """
    axis = isotropic_direction()
    area = 2 * own_term(drift, axis, axis) + (INPUTS - 2) * other_term(drift, axis, axis, axis)
    return factor(diffusion(drift, area, axis, axis))


def isotropic_extras(drift: RepresentativeDrift) -> tuple[sp.Expr, sp.Expr]:
    """What an input without output and an output without input add to it, for any plane."""
    axis = isotropic_direction()
    input_only, output_only = (
        factor(diffusion(drift, other_term(drift, axis, axis, l), axis, axis))
        for l in unmatched(axis)
    )
    return input_only, output_only


def unmatched(axis: Direction) -> tuple[Direction, Direction]:
    """An input without output and an output without input, otherwise like an axis."""
    none = sp.Integer(0)
    return (
        Direction("", axis.input_variance, none, none, none),
        Direction("", none, axis.label_noise, none, none),
    )


@dataclass(frozen=True)
class SmallWeightDecay:
    """Leading order in the weight decay for an autoencoder without label noise.

    Attributes
    ----------
    own, other : Term
        Of the terms ``l = i`` and ``l`` another active direction.
    left_out : Term
        Of the term of an inactive direction ``l`` that has an output.
    unseen : Term
        Of the term of an input ``l`` without output.
    """

    own: Term
    other: Term
    left_out: Term
    unseen: Term


def small_weight_decay(drift: RepresentativeDrift) -> SmallWeightDecay:
    """Leading orders of the terms as the weight decay tends to zero."""
    none = sp.Integer(0)
    i, j, l = (autoencoder_direction(index, none) for index in "ijl")
    variance = symbol("input_variance", "l")
    left_out = Direction("l", variance, none, none, sp.Integer(1))
    unseen = Direction("l", variance, none, none, none)
    return SmallWeightDecay(
        own=leading_term(own_term(drift, i, j), GAMMA),
        other=leading_term(other_term(drift, i, j, l), GAMMA),
        left_out=leading_term(other_term(drift, i, j, left_out), GAMMA),
        unseen=leading_term(other_term(drift, i, j, unseen), GAMMA),
    )


@dataclass(frozen=True)
class FrequencyEffect:
    """How drift responds when one of ``n`` equal inputs becomes more frequent.

    Derivatives with respect to the variance ``lambda_1`` of the frequent input, at the
    isotropic point of an autoencoder with label noise.

    Attributes
    ----------
    decay_rate : sympy.Expr
        Of the frequent stimulus.
    decay_rate_difference : sympy.Expr
        Frequent minus any other stimulus.
    representation_diffusion : sympy.Expr
        Of the frequent stimulus, a unit vector.
    """

    decay_rate: sp.Expr
    decay_rate_difference: sp.Expr
    representation_diffusion: sp.Expr


@dataclass(frozen=True)
class FrequencyTerms:
    """How the terms of two planes respond: of the frequent axis 1 and axis 2, and of 2 and 3.

    Attributes
    ----------
    frequent, other, third : sympy.Expr
        Derivatives by ``lambda_1`` of the terms ``l = 1``, ``l = 2`` and ``l = 3`` of the plane
        (1, 2), at the isotropic point.
    apart : sympy.Expr
        Of the term ``l = 1`` of the plane (2, 3).
    """

    frequent: sp.Expr
    other: sp.Expr
    third: sp.Expr
    apart: sp.Expr


def frequency_terms(drift: RepresentativeDrift, noise: sp.Expr) -> FrequencyTerms:
    """Differentiate the terms of two planes of an autoencoder with a label noise."""
    frequent, other = autoencoder_direction("1", noise), autoencoder_direction("", noise)

    def response(term: sp.Expr) -> sp.Expr:
        slope = sp.diff(cancel(term), frequent.input_variance)
        return factor(replaced(slope, {frequent.input_variance: other.input_variance}))

    return FrequencyTerms(
        frequent=response(own_term(drift, frequent, other)),
        other=response(own_term(drift, other, frequent)),
        third=response(other_term(drift, frequent, other, other)),
        apart=response(other_term(drift, other, other, frequent)),
    )


def frequency_effect(drift: RepresentativeDrift) -> FrequencyEffect:
    """Differentiate the drift of ``n`` inputs by the variance of one of them."""
    noise = symbol("label_noise") ** 2
    frequent, other = autoencoder_direction("1", noise), autoencoder_direction("", noise)
    mixed = diffusion(
        drift,
        cancel(own_term(drift, frequent, other))
        + cancel(own_term(drift, other, frequent))
        + (INPUTS - 2) * cancel(other_term(drift, frequent, other, other)),
        frequent,
        other,
    )
    plain = diffusion(
        drift,
        2 * cancel(own_term(drift, other, other))
        + cancel(other_term(drift, other, other, frequent))
        + (INPUTS - 3) * cancel(other_term(drift, other, other, other)),
        other,
        other,
    )
    frequent_rate = (INPUTS - 1) * mixed
    other_rate = mixed + (INPUTS - 2) * plain

    def response(rate: sp.Expr) -> sp.Expr:
        slope = sp.diff(rate, frequent.input_variance)
        return factor(replaced(slope, {frequent.input_variance: other.input_variance}))

    return FrequencyEffect(
        decay_rate=response(frequent_rate),
        decay_rate_difference=response(frequent_rate - other_rate),
        representation_diffusion=response(frequent.singular_value * frequent_rate),
    )

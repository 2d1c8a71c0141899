"""Irrelevant inputs: drift of each rule where axes that no hidden unit learns are alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from functools import cache, partial
from types import MappingProxyType

import sympy as sp

from symdrift.algebra.rational import factor, leading_term
from symdrift.derivation.symbols import ETA, GAMMA, symbol
from symdrift.theory.linear.aligned import RepresentativeDrift, renaming, representative_drift
from symdrift.theory.linear.limits import autoencoder_direction, other_term, own_term
from symdrift.theory.linear.points import Direction
from symdrift.theory.rules.deep_area import null_rows
from symdrift.theory.rules.deep_axes import (
    EQUAL_WEIGHTS,
    LAYER_WEIGHT,
    LI,
    LJ,
    LK,
    LL,
    left_out_share,
    reach,
    share,
)
from symdrift.theory.rules.deep_network import at_numbers
from symdrift.theory.rules.rule_area import RuleArea
from symdrift.theory.rules.shipped_rules import INDICES, shipped, weight
from symdrift.theory.special_cases import IRRELEVANT_VARIANCE

VARIANCE = symbol("input_variance")
"""Of each learned axis."""
PARTS = (PAIR, THIRD, IRRELEVANT) = ("pair", "third", "irrelevant")
"""The two axes of a plane, a further learned axis, an axis that is not learned."""


@dataclass(frozen=True, eq=False)
class EqualAxes:
    """What the variance of the rotation in any plane is made of.

    Learning noise turns it by ``V = eta^3 (pair + (p - 2) third + (n - p) irrelevant)`` per step,
    noise of variance ``varsigma^2`` on every weight by ``V = varsigma^2 synaptic``.

    Attributes
    ----------
    pair : sympy.Expr
        Of the two axes of the plane.
    third : sympy.Expr
        Of each further learned axis.
    irrelevant : sympy.Expr
        Of each axis that is not learned.
    synaptic : sympy.Expr
        Squared length of what reads the rotation.
    """

    pair: sp.Expr
    third: sp.Expr
    irrelevant: sp.Expr
    synaptic: sp.Expr

    @property
    def small(self) -> EqualAxes:
        """Leading order in the weight decay, and then in the irrelevant variance."""
        parts = {name: getattr(self, name) for name in PARTS}
        led = {name: leading_term(part, GAMMA) for name, part in parts.items() if part != 0}
        lowest = min(exponent for _, exponent in led.values())
        kept = {
            name: coefficient * GAMMA**lowest
            for name, (coefficient, exponent) in led.items()
            if exponent == lowest
        }
        if IRRELEVANT in kept:
            coefficient, exponent = leading_term(kept[IRRELEVANT], IRRELEVANT_VARIANCE)
            kept[IRRELEVANT] = coefficient * IRRELEVANT_VARIANCE**exponent
        return replace(self, **{name: kept.get(name, sp.S.Zero) for name in PARTS})

    def at(self, numbers: Mapping[sp.Symbol, sp.Rational | int]) -> EqualAxes:
        """With numbers for symbols."""
        return EqualAxes(*(getattr(self, field.name).subs(numbers) for field in fields(self)))

    def variance(self, inputs: int, hidden: int) -> sp.Expr:
        """``V / eta^3`` in each plane of a network with one hidden unit for each learned axis."""
        counts = (1, hidden - 2, inputs - hidden)
        parts = (getattr(self, name) for name in PARTS)
        return sp.Add(*(count * part for count, part in zip(counts, parts, strict=True)))


@cache
def equal_axes_of_rule(name: str) -> EqualAxes:
    """A shipped rule that learns from inputs alone, by its name in a study."""
    learned = INDICES[:3]
    alike = {symbol("input_variance", k): symbol("input_variance", "i") for k in learned}
    alike |= {weight("W", k): weight("W", "i") for k in learned}
    rule = shipped(name).at(alike)
    letters = {
        symbol("input_variance", "i"): VARIANCE,
        symbol("input_variance", "l"): IRRELEVANT_VARIANCE,
    }
    shares = rule.shares
    length = sp.Add(*(entry**2 for entry in RuleArea(rule.on_axes(2, 1)).reading))
    found = (shares.own, shares.learned, shares.other, rule.in_variances(length))
    return EqualAxes(*(factor(part.xreplace(letters)) for part in found))


@cache
def equal_axes_of_layers(gain: int) -> EqualAxes:
    """Two layers trained by SGD towards gain one on learned axes, without label noise.

    Parameters
    ----------
    gain : int
        Of the teacher on the others: 1 for an autoencoder, whose bottleneck leaves them out, 0 for
        inputs that no output asks for.
    """
    drift, none = _drift(), sp.S.Zero
    first = autoencoder_direction("", none)
    other = Direction("", IRRELEVANT_VARIANCE, none, none, sp.Integer(gain))
    squared_length = drift.squared_length.xreplace(renaming(i=first, j=first))
    squared = squared_length**2
    parts = (
        2 * own_term(drift, first, first) / squared,
        other_term(drift, first, first, first) / squared,
        other_term(drift, first, first, other) / squared,
        1 / squared_length,
    )
    # The areas have the learning rate of their fluctuation.
    return EqualAxes(*(factor(part.xreplace({ETA: sp.S.One})) for part in parts))


@cache
def equal_axes_of_three_layers(layer: int, gain: int) -> EqualAxes:
    """A hidden layer of three, trained towards gain one on learned axes, without label noise.

    All terms are at leading order in the weight decay, that of an irrelevant axis at any ratio of
    its variance to the decay where no output asks for it, and at a larger variance otherwise.

    Parameters
    ----------
    layer : int
    gain : int
        As for `equal_axes_of_layers`.
    """
    alike = EQUAL_WEIGHTS | dict.fromkeys((LI, LJ, LK), VARIANCE) | {LL: IRRELEVANT_VARIANCE}
    both = f"{layer}{layer}"
    length = sp.Add(*(entry**2 for entry in null_rows(layer))) / (2 * reach("ij")) ** 2
    left_out = _asked_for(layer) if gain else left_out_share(both)
    parts = share("i", both) + share("j", both), share("k", both), left_out, length
    # Equal weights have their cube at the gain, up to the order of the weight decay.
    resting = {LAYER_WEIGHT: sp.S.One}
    return EqualAxes(*(factor(part.xreplace(alike).xreplace(resting)) for part in parts))


def _asked_for(layer: int) -> sp.Expr:
    """What an axis adds that an output asks for but no hidden unit has: by the terms of the rule,
    where learned weights are one.
    """
    learned = dict.fromkeys((LI, LJ), VARIANCE) | {LL: IRRELEVANT_VARIANCE}
    resting = {weight("W", index): sp.S.One for index in "ij"}
    rule = at_numbers("ij", "l", learned | resting, gain=sp.S.One)
    return leading_term(RuleArea(rule, layer - 1).share_of(2), GAMMA)[0]


@cache
def _drift() -> RepresentativeDrift:
    return representative_drift()


RULES: Mapping[str, Callable[[], EqualAxes]] = MappingProxyType({
    "Oja's rule": partial(equal_axes_of_rule, "oja"),
    "tied autoencoder": partial(equal_axes_of_rule, "tied_autoencoder"),
    "similarity matching": partial(equal_axes_of_rule, "similarity_matching"),
    "two layers, autoencoder": partial(equal_axes_of_layers, 1),
    "two layers, supervised": partial(equal_axes_of_layers, 0),
    "three layers, autoencoder, layer 1": partial(equal_axes_of_three_layers, 1, 1),
    "three layers, autoencoder, layer 2": partial(equal_axes_of_three_layers, 2, 1),
    "three layers, supervised, layer 1": partial(equal_axes_of_three_layers, 1, 0),
    "three layers, supervised, layer 2": partial(equal_axes_of_three_layers, 2, 0),
})  # fmt: skip
"""Drift of each rule by the name that pages give it."""

"""The rules that come with symdrift, with letters for their parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType

import sympy as sp

from symdrift.algebra.matrix_terms import SCALAR, Letter
from symdrift.algebra.rational import cancel, factor
from symdrift.derivation.chapter import Folded
from symdrift.derivation.symbols import GAMMA, symbol
from symdrift.evaluation.any_rule.traced_rule import TracedRule
from symdrift.rules.oja import Oja
from symdrift.rules.rule import Rule
from symdrift.rules.similarity_matching import SimilarityMatching
from symdrift.rules.tied_autoencoder import TiedAutoencoder
from symdrift.theory.rules.rule_area import RuleArea
from symdrift.theory.rules.rule_on_axes import RuleOnAxes

TAU = sp.Symbol("slowness", positive=True)
_PARAMETERS = {"weight_decay": GAMMA, "tau": TAU}
INDICES = ("i", "j", "k", "l", "o")
"""Two learned axes of a plane, a third one, and two that are not learned."""
_MAKERS: Mapping[str, tuple[Callable[..., Rule], tuple[str, ...]]] = {
    "oja": (Oja, ()),
    "tied_autoencoder": (TiedAutoencoder, ("weight_decay",)),
    "similarity_matching": (SimilarityMatching, ("tau",)),
}
"""What makes each rule, and its parameters."""
RULES = tuple(_MAKERS)
"""Rules whose drift is derived with symbols."""
DIGITS, _READ = 5, 10**8
"""Of decimal numbers, and what whole numbers in a fraction stay below."""


@dataclass(frozen=True)
class Shares:
    """What makes the rotation in a plane ``ij``: ``V B^2 / eta^3`` is the sum over all axes.

    Attributes
    ----------
    own : sympy.Expr
        Of the two axes themselves.
    learned : sympy.Expr
        Of a third learned axis ``k``.
    other : sympy.Expr
        Of an axis ``l`` that is not learned.
    """

    own: sp.Expr
    learned: sp.Expr
    other: sp.Expr


@dataclass(frozen=True, eq=False)
class ShippedRule:
    """A rule, and what it says on axes.

    Attributes
    ----------
    rule : Rule
        With letters for its parameters.
    parameters : Mapping of Letter to sympy.Expr
        Their symbols.
    numbers : Mapping of sympy.Symbol to sympy.Expr
        What stands for some of the symbols.
    """

    rule: Rule
    parameters: Mapping[Letter, sp.Expr]
    numbers: Mapping[sp.Symbol, sp.Expr] = field(default_factory=dict)

    def at(self, numbers: Mapping[sp.Symbol, sp.Expr]) -> ShippedRule:
        """The rule with numbers for some symbols."""
        return replace(self, numbers={**self.numbers, **numbers})

    def has(self, parameter: sp.Symbol) -> bool:
        """Whether it is a parameter of the rule."""
        return parameter in self.parameters.values()

    @cached_property
    def one_axis(self) -> RuleOnAxes:
        """One learned axis, with symbols for the weights."""
        entries = tuple((weight(name, ""),) for name in self.rule.weights)
        return self._on_axes((symbol("input_variance"),), entries, 1)

    @cached_property
    def rest(self) -> Mapping[sp.Symbol, sp.Expr]:
        """Where one axis rests: its weights, or the variance by its weight.

        The variance where the weights would be roots.
        """
        variance = symbol("input_variance")
        unknown = [weight(name, "") for name in self.rule.weights]
        solutions = sp.solve([e for e in self.one_axis.mean if e != 0], unknown, dict=True)
        (found,) = [s for s in solutions if len(s) == len(unknown) and all(s.values())]
        if all(value.is_rational_function() for value in found.values()):
            return dict(found)
        (equation,) = self.one_axis.mean
        (value,) = sp.solve(sp.factor(equation), variance)
        return {variance: value}

    def on_axes(self, learned: int, others: int) -> RuleOnAxes:
        """The rule on learned axes, the third one ``k``, and others."""
        names = [*INDICES[:learned], *INDICES[3 : 3 + others]]
        rest = self.rest
        variances, entries = [], []
        for place, index in enumerate(names):
            own = {symbol("input_variance"): symbol("input_variance", index)}
            own |= {weight(name, ""): weight(name, index) for name in self.rule.weights}
            at_rest = {key: value.xreplace(own) for key, value in rest.items()}
            given = at_rest.get(symbol("input_variance"), symbol("input_variance", index))
            variances.append(given if place < learned else symbol("input_variance", index))
            entries.append(
                [at_rest.get(weight(name, ""), weight(name, index)) for name in self.rule.weights]
            )
        diagonals = tuple(zip(*entries[:learned], strict=True))
        return self._on_axes(tuple(variances), diagonals, learned)

    def in_variances(self, expression: sp.Expr) -> sp.Expr:
        """An expression without the weights that `rest` keeps, which it has in even powers."""
        variance = symbol("input_variance")
        if variance not in self.rest:
            return told(factor(expression))
        (name,) = self.rule.weights
        square = sp.Dummy(positive=True)
        (value,) = sp.solve(
            (self.rest[variance] - variance).xreplace({weight(name, ""): sp.sqrt(square)}), square
        )
        squares = {index: sp.Dummy(positive=True) for index in INDICES}
        even = expression.xreplace({weight(name, k): sp.sqrt(q) for k, q in squares.items()})
        values = {
            q: value.xreplace({variance: symbol("input_variance", k)}) for k, q in squares.items()
        }
        return told(factor(cancel(even).xreplace(values)))

    @cached_property
    def shares(self) -> Shares:
        """Two learned axes, a third, and one that is not learned."""
        found = RuleArea(self.on_axes(3, 1)).shares
        own, third, other = (
            self.in_variances(found.get(axes, sp.S.Zero)) for axes in ((), (2,), (3,))
        )
        return Shares(own, third, other)

    def _on_axes(
        self,
        variances: tuple[sp.Expr, ...],
        entries: tuple[tuple[sp.Expr, ...], ...],
        learned: int,
    ) -> RuleOnAxes:
        sizes = {"inputs": len(variances), "outputs": 0, "hidden": learned}

        def given(value: sp.Expr) -> sp.Expr:
            return sp.sympify(value).xreplace(self.numbers)

        return RuleOnAxes(
            TracedRule(self.rule, sizes),
            {letter: given(value) for letter, value in self.parameters.items()},
            tuple(map(given, variances)),
            tuple(tuple(map(given, diagonal)) for diagonal in entries),
        )


def weight(name: str, index: str) -> sp.Symbol:
    """Diagonal entry of a weight matrix."""
    return sp.Symbol(f"{name.lower()}_{index}" if index else name.lower(), positive=True)


POINT: Mapping[sp.Symbol, sp.Expr] = MappingProxyType(
    {GAMMA: sp.Rational(1, 5), TAU: sp.Rational(1, 2)}
    | {symbol("input_variance", k): sp.Rational(11 - 2 * n, 5) for n, k in enumerate(INDICES)}
    | {weight("W", index): sp.Rational(n + 6, 10) for n, index in enumerate("kji")}
)
"""Numbers for all symbols of five axes, variances in their order, and for the parameters that a
study leaves open."""


def told(quotient: sp.Expr) -> sp.Expr:
    """A product whose sums are positive at `POINT`, with numbers taken out of them."""
    number, factors = sp.S.One, []
    for part in sp.Mul.make_args(quotient):
        base, exponent = part.as_base_exp()
        if base.is_Add and exponent.is_Integer:
            content, base = base.primitive()
            if base.xreplace(POINT).is_negative:
                content, base = -content, -base
            number, part = number * content**exponent, base**exponent
        factors.append(part)
    return sp.Mul(number, *factors)


def of_plane(name: sp.Symbol, total: sp.Expr) -> Folded | tuple[sp.Symbol, sp.Expr]:
    """The variance in a plane of a study; a fraction of long numbers is read in decimals."""
    if total.is_Rational and total.q >= _READ:
        return Folded((name, total), (name, sp.Float(total, DIGITS)))
    return name, total


def shipped(name: str) -> ShippedRule:
    """The rule of a study by its name."""
    make, parameters = _MAKERS[name]
    letters = {Letter(SCALAR, SCALAR, key): _PARAMETERS[key] for key in parameters}
    return ShippedRule(make(*letters), letters)


def in_symbols(name: str) -> Rule:
    """The rule of a study by its name, with symbols for its parameters."""
    make, parameters = _MAKERS[name]
    return make(*(_PARAMETERS[key] for key in parameters))

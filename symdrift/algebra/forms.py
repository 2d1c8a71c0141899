"""Named, timed simplification rules: each is one decision about form, and none searches.

A formula is brought into its displayed form by the rules that its step names, in that
order.  What each rule did is kept with the step: a form that no rule explains cannot
appear in a document.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import sympy as sp

from symdrift.algebra import rational


@dataclass(frozen=True)
class Rule:
    """One way of rewriting an expression without changing its value.

    Attributes
    ----------
    name : str
        Short and unique; documents print it.
    apply : callable
    """

    name: str
    apply: Callable[[sp.Expr], sp.Expr]


@dataclass(frozen=True)
class AppliedRule:
    """What a rule did: operations before and after, and the time it took."""

    rule: str
    operations_before: int
    operations_after: int
    seconds: float = field(compare=False)


@dataclass(frozen=True)
class Simplified:
    """An expression in its displayed form, and how it came about."""

    expression: sp.Expr
    applied: tuple[AppliedRule, ...]


FACTOR = Rule("irreducible factors", rational.factor)


def partial_fractions(variable: sp.Symbol) -> Rule:
    """Partial fractions in one variable, each of them factored."""

    def apply(expression: sp.Expr) -> sp.Expr:
        parts = sp.Add.make_args(sp.apart(rational.cancel(expression), variable))
        return sp.Add(*(rational.factor(part) for part in parts))

    return Rule(f"partial fractions in {variable}", apply)


def substitute(name: str, replacements: dict[sp.Expr, sp.Expr]) -> Rule:
    """Replace exactly what stands there; nothing is inferred."""
    return Rule(name, lambda expression: expression.xreplace(replacements))


def simplify_by(expression: sp.Expr, *rules: Rule) -> Simplified:
    """Apply rules in their order and keep a record of each."""
    applied = []
    for rule in rules:
        start = time.perf_counter()
        before = int(sp.count_ops(expression))
        expression = rule.apply(expression)
        applied.append(
            AppliedRule(
                rule.name,
                before,
                int(sp.count_ops(expression)),
                time.perf_counter() - start,
            )
        )
    return Simplified(expression, tuple(applied))

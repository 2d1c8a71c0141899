"""The shipped rules as a textbook writes them, in matrix symbols, and what follows from that."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

import sympy as sp

from symdrift.algebra.matrices import evaluate_matrix
from symdrift.derivation.symbols import GAMMA, INPUTS, symbol
from symdrift.derivation.vocabulary import FIRST_LAYER, HIDDEN, INPUT, INPUT_COVARIANCE
from symdrift.theory.rules.explicit_entries import Entries, ExplicitEntries
from symdrift.theory.rules.shipped_rules import TAU, in_symbols, weight
from symdrift.typesetting.printer import MeanMatrix

ACTIVITY = sp.MatrixSymbol("hidden_activity", HIDDEN, 1)
MISSED = sp.MatrixSymbol("missed_input", INPUTS, 1)
LATERAL = sp.MatrixSymbol("lateral_weights", HIDDEN, HIDDEN)
LETTERS: Mapping[str, sp.MatrixSymbol] = MappingProxyType({"W": FIRST_LAYER, "M": LATERAL})
"""Matrix symbols of the weights, by their names."""
SAMPLE, MEAN = (
    {name: sp.MatrixSymbol(f"{kind}_update_{name}", *letter.shape)
     for name, letter in LETTERS.items()}
    for kind in ("sample", "mean")
)  # fmt: skip
OUTER = MeanMatrix(INPUT * INPUT.T)

LATEX: dict[sp.Basic, str] = {
    ACTIVITY: "y",
    MISSED: "e",
    LATERAL: "M",
    **{letter: f"F_{name}" for name, letter in SAMPLE.items()},
    **{letter: f"f_{name}" for name, letter in MEAN.items()},
    **{weight(name, index): f"{name.lower()}_{index}" for name in LETTERS for index in "ijkl"},
}

MEANINGS = (
    (ACTIVITY, "activity of the hidden units", "p"),
    (MISSED, "what the network misses of an input", "n"),
    (LATERAL, "weights within the hidden layer", "p by p"),
    (SAMPLE["W"], "what a sample changes in W, per learning rate", "p by n"),
    (SAMPLE["M"], "what a sample changes in M, per learning rate", "p by p"),
    (MEAN["W"], "mean update of W", "p by n"),
    (MEAN["M"], "mean update of M", "p by p"),
    (weight("W", "i"), "weight of hidden unit i from its own axis", "scalar"),
    (weight("M", "i"), "weight of hidden unit i within the layer", "scalar"),
)


@dataclass(frozen=True, eq=False)
class WrittenRule:
    """A shipped rule in matrix symbols.

    Attributes
    ----------
    name : str
    updates : Mapping of str to sympy.MatrixExpr
        Of a sample, by weight matrix, as a textbook writes them.
    defined : Mapping of sympy.MatrixSymbol to sympy.MatrixExpr
        What their letters stand for, the last ones in terms of the first.
    solved : Mapping of str to (str, sympy.Expr, sympy.Expr)
        Mean updates of one axis in the order in which they are solved: for a power of which
        weight, and what stands before its root less that power.
    """

    name: str
    updates: Mapping[str, sp.MatrixExpr]
    defined: Mapping[sp.MatrixSymbol, sp.MatrixExpr]
    solved: Mapping[str, tuple[str, sp.Expr, sp.Expr]]

    def in_inputs(self, expression: sp.MatrixExpr) -> sp.MatrixExpr:
        """An expression with the activity written out and brackets multiplied out."""
        for letter in reversed(self.defined):
            expression = expression.xreplace({letter: self.defined[letter]})
        return sp.expand(expression.doit())

    @cached_property
    def products(self) -> Mapping[str, sp.MatrixExpr]:
        """Updates of a sample as sums of products."""
        return {name: self.in_inputs(update) for name, update in self.updates.items()}

    @cached_property
    def means(self) -> Mapping[str, sp.MatrixExpr]:
        """Mean updates, with the covariance of the inputs."""
        return {name: averaged(update, INPUT_COVARIANCE) for name, update in self.products.items()}

    def sample_update(self, values: Mapping[sp.Basic, sp.MatrixBase]) -> dict[str, sp.MatrixBase]:
        """What the rule itself makes of explicit weights and an explicit input."""
        rule = in_symbols(self.name)
        weights = tuple(values[LETTERS[name]] for name in rule.weights)
        found = rule.update(weights, values[INPUT], sp.zeros(0, 1))
        return dict(zip(rule.weights, map(sp.ImmutableMatrix, found), strict=True))


def averaged(expression: sp.MatrixExpr, outer: sp.MatrixExpr) -> sp.MatrixExpr:
    """Products with a matrix in the place of the sample times its transpose."""
    terms = []
    for term in sp.MatAdd.make_args(expression):
        coefficient, factors = term.as_coeff_matrices()
        rest = list(factors)
        if INPUT in rest:
            place = rest.index(INPUT)
            rest[place : place + 2] = [outer]
        terms.append(coefficient * sp.MatMul(*rest))
    return sp.MatAdd(*terms)


def differential(
    expression: sp.MatrixExpr, changes: Mapping[sp.MatrixSymbol, sp.MatrixSymbol]
) -> sp.MatrixExpr:
    """What a sum of products changes by when its letters do, at first order."""
    terms = []
    for term in sp.MatAdd.make_args(expression):
        coefficient, factors = term.as_coeff_matrices()
        for place, single in enumerate(factors):
            if (change := _changed(single, changes)) is not None:
                product = sp.MatMul(*factors[:place], change, *factors[place + 1 :]).doit()
                terms.append(coefficient * product)
    return sp.MatAdd(*terms) if terms else sp.ZeroMatrix(*expression.shape)


def _changed(
    single: sp.MatrixExpr, changes: Mapping[sp.MatrixSymbol, sp.MatrixSymbol]
) -> sp.MatrixExpr | None:
    """The change of one factor: a letter, its transpose, or the inverse of one of these."""
    if isinstance(single, sp.Inverse):
        inside = _changed(single.arg, changes)
        return None if inside is None else -single * inside * single
    if isinstance(single, sp.Transpose):
        inside = _changed(single.arg, changes)
        return None if inside is None else inside.T
    return changes.get(single)


@dataclass(frozen=True, eq=False)
class ExplicitNetwork(ExplicitEntries):
    """A network of one hidden layer, entry by entry.

    Attributes
    ----------
    rule : WrittenRule
    """

    rule: WrittenRule

    @cached_property
    def values(self) -> Entries:
        """Of all matrix symbols; updates are those of the rule itself."""
        known = {**self.entries, INPUT: self.inputs}
        for letter, meaning in self.rule.defined.items():
            known[letter] = evaluate_matrix(meaning, known)
        for name, update in self.rule.sample_update(known).items():
            known |= {SAMPLE[name]: update, MEAN[name]: self.mean(update)}
        return known


def any_network(rule: WrittenRule, hidden: int, inputs: int) -> ExplicitNetwork:
    """Every weight and every entry of the covariance a symbol."""
    sizes = {HIDDEN: hidden, INPUTS: inputs}

    def full(letter: sp.MatrixSymbol, entry: Callable[[int, int], sp.Symbol]) -> sp.Matrix:
        return sp.ImmutableMatrix(*(sizes[length] for length in letter.shape), entry)

    def named(name: str) -> Callable[[int, int], sp.Symbol]:
        return lambda a, b: sp.Symbol(f"{name}_{a + 1}{b + 1}")

    entries = {LETTERS[name]: full(LETTERS[name], named(name)) for name in rule.updates}
    entries[INPUT_COVARIANCE] = full(
        INPUT_COVARIANCE, lambda a, b: sp.Symbol(f"Sigma_{min(a, b) + 1}{max(a, b) + 1}")
    )
    return ExplicitNetwork(entries, rule)


def network_on_axes(rule: WrittenRule, learned: str, others: str) -> ExplicitNetwork:
    """A hidden unit for each learned axis, weights without any other entries; axes by index."""
    axes = learned + others
    sizes = {HIDDEN: len(learned), INPUTS: len(axes)}
    entries = {
        LETTERS[name]: sp.ImmutableMatrix(
            *(sizes[length] for length in LETTERS[name].shape),
            lambda a, b, name=name: weight(name, learned[a]) if a == b else sp.S.Zero,
        )
        for name in rule.updates
    }
    variances = [symbol("input_variance", index) for index in axes]
    entries[INPUT_COVARIANCE] = sp.ImmutableMatrix(sp.diag(*variances))
    return ExplicitNetwork(entries, rule)


_HEBBIAN = ACTIVITY * INPUT.T
_W, _M, _VARIANCE = weight("W", "i"), weight("M", "i"), symbol("input_variance", "i")

WRITTEN: Mapping[str, WrittenRule] = MappingProxyType({
    "oja": WrittenRule(
        "oja",
        {"W": _HEBBIAN - ACTIVITY * ACTIVITY.T * FIRST_LAYER},
        {ACTIVITY: FIRST_LAYER * INPUT},
        {"W": ("W", _W**2, _VARIANCE * _W)},
    ),
    "tied_autoencoder": WrittenRule(
        "tied_autoencoder",
        {"W": ACTIVITY * MISSED.T + FIRST_LAYER * MISSED * INPUT.T - GAMMA * FIRST_LAYER},
        {ACTIVITY: FIRST_LAYER * INPUT, MISSED: INPUT - FIRST_LAYER.T * ACTIVITY},
        {"W": ("W", _W**2, 2 * _VARIANCE * _W)},
    ),
    "similarity_matching": WrittenRule(
        "similarity_matching",
        {
            "W": _HEBBIAN - FIRST_LAYER,
            "M": (ACTIVITY * ACTIVITY.T - LATERAL) / TAU,
        },
        {ACTIVITY: LATERAL.I * FIRST_LAYER * INPUT},
        {"W": ("M", _M, _W / _M), "M": ("W", _W**2, -_VARIANCE / (TAU * _M**2))},
    ),
})  # fmt: skip
"""By the names that studies have for them."""

"""Two learned axes and one that is not: letters of their weights, and what rules make of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

import sympy as sp

from symdrift.algebra.matrices import evaluate_matrix
from symdrift.algebra.rational import cancel, factor, is_zero
from symdrift.algebra.wick import expectation
from symdrift.derivation.symbols import ETA, symbol
from symdrift.derivation.vocabulary import STEP_FIRST
from symdrift.theory.rules.rule_area import RuleArea, StableBlock
from symdrift.theory.rules.rule_orbit import resting_weights
from symdrift.theory.rules.rule_results import OTHER
from symdrift.theory.rules.shipped_rules import TAU, shipped, told, weight
from symdrift.theory.rules.written_rules import (
    LATERAL,
    LETTERS,
    ExplicitNetwork,
    WrittenRule,
    differential,
    network_on_axes,
)
from symdrift.typesetting.printer import Mean

STEP_LATERAL = sp.MatrixSymbol("lateral_change", *LATERAL.shape)
CHANGES = {"W": STEP_FIRST, "M": STEP_LATERAL}
OTHER_CHANGES = {
    name: sp.MatrixSymbol(f"other_change_{name}", *letter.shape) for name, letter in LETTERS.items()
}
MEAN_CHANGE = {
    name: sp.MatrixSymbol(f"mean_update_change_{name}", *letter.shape)
    for name, letter in LETTERS.items()
}
RATE, KICK, SLOPE, ANSWER = (
    {index: sp.Symbol(f"{name}_{index}l", real=True) for index in "ij"}
    for name in ("return_rate", "axis_kick", "axis_slope", "axis_answer")
)
NOISE, FLUCTUATION = (
    {index: symbol(role, f"{index}l") for index in "ij"}
    for role in ("gradient_noise", "fluctuation")
)
READ = {
    (name, pair): sp.Symbol(f"read_{name}_{pair}", real=True)
    for name in LETTERS
    for pair in ("ij", "ji")
}
SCALE = sp.Symbol("reading_scale", positive=True)
PAIR_KICK = {name: sp.Symbol(f"pair_kick_{name}", real=True) for name in LETTERS}
BEND, CORRECTOR = sp.symbols("axis_bend axis_corrector", real=True)
PAIR = {
    (name, pair): sp.Symbol(f"weight_{name}_{pair}", real=True)
    for name in LETTERS
    for pair in ("ij", "ji")
}
PAIR_SIZE = sp.Symbol("pair_size", positive=True, integer=True)
FLOW = sp.MatrixSymbol("pair_flow", PAIR_SIZE, PAIR_SIZE)
TANGENT, PAIR_READING = (
    sp.MatrixSymbol(f"pair_{name}", PAIR_SIZE, 1) for name in ("tangent", "reading")
)
LI, LJ, LL = (symbol("input_variance", index) for index in "ijl")
XI, XJ, XL = (symbol("input", index, real=True) for index in "ijl")
W_I, W_J = (weight("W", index) for index in "ij")

LATEX: dict[sp.Basic, str] = {
    STEP_LATERAL: r"\delta M",
    **{letter: rf"\delta f_{name}" for name, letter in MEAN_CHANGE.items()},
    **{letter: f"r_{{{index}l}}" for index, letter in RATE.items()},
    **{letter: rf"\zeta_{{{index}l}}" for index, letter in KICK.items()},
    **{
        letter: rf"(\mathcal{{D}}^{{\mathsf{{T}}}}u)_{{{index}l}}"
        for index, letter in SLOPE.items()
    },
    **{letter: f"z_{{{index}l}}" for index, letter in ANSWER.items()},
    **{letter: f"u^{{{name}}}_{{{pair}}}" for (name, pair), letter in READ.items()},
    SCALE: "N_{ij}",
    **{letter: f"(F_{name})_{{ij}}" for name, letter in PAIR_KICK.items()},
    BEND: r"\mathcal{B}_{il,jl}",
    CORRECTOR: "K_{il,jl}",
    FLOW: "J_{ij}",
    TANGENT: r"(\tilde\Omega\theta^{*})_{ij}",
    PAIR_READING: "u_{ij}",
    **{letter: f"{name}_{{{pair}}}" for (name, pair), letter in PAIR.items()},
}

MEANINGS = (
    (MEAN_CHANGE["W"], "change of the mean update of W", "p by n"),
    (MEAN_CHANGE["M"], "change of the mean update of M", "p by p"),
    (STEP_LATERAL, "change of the weights within the layer", "p by p"),
    (RATE["i"], "rate at which the weight of unit i from axis l returns to zero", "scalar"),
    (KICK["i"], "update of that weight by a sample", "scalar"),
    (READ["W", "ij"], "entry of the reading for the weight of unit i from axis j", "scalar"),
    (READ["M", "ij"], "entry of the reading for the weight between units i and j", "scalar"),
    (SCALE, "what the row that reads a rotation is divided by", "scalar"),
)

PLANES: Mapping[str, tuple[sp.Expr, sp.Expr, sp.Expr]] = MappingProxyType({
    "oja": (LJ, LI + LJ, sp.S.Half),
    "tied_autoencoder": (W_J, W_I**2 + W_J**2, 1 / SCALE),
    "similarity_matching": (LJ, LI**2 + LJ**2 - TAU * (LI - LJ) ** 2, 1 / SCALE),
})  # fmt: skip
"""Of each rule the first entry of the null vector, whose length is free, its product with the
tangent vector, and how far the area that two weights sweep turns the plane."""


@dataclass(frozen=True, eq=False)
class LeftOutAxis:
    """Two learned axes ``i``, ``j`` and one that is not, ``l``.

    Attributes
    ----------
    rule : WrittenRule
    """

    rule: WrittenRule

    @cached_property
    def drawn(self) -> Mapping[sp.Symbol, sp.Symbol]:
        """Letters of the inputs of a sample."""
        return dict(zip(self.network.inputs, (XI, XJ, XL), strict=True))

    @property
    def null_start(self) -> sp.Expr:
        """First entry of the null vector."""
        return PLANES[self.rule.name][0]

    @property
    def turned_by(self) -> sp.Expr:
        """How far the area that the two weights from the axis ``l`` sweep turns the plane."""
        return PLANES[self.rule.name][2]

    @cached_property
    def network(self) -> ExplicitNetwork:
        """Weights and variances as letters."""
        return network_on_axes(self.rule, "ij", "l")

    @cached_property
    def at_rest(self) -> Mapping[sp.Symbol, sp.Expr]:
        """The weights where they rest."""
        return resting_weights(self.rule, "i") | resting_weights(self.rule, "j")

    @cached_property
    def area(self) -> RuleArea:
        """What the terms of the rule give, without the formulas of this chapter."""
        return RuleArea(shipped(self.rule.name).on_axes(2, 1))

    @cached_property
    def pair(self) -> tuple[tuple[str, int, int], ...]:
        """Weights between the learned axes."""
        return tuple((name, *place) for name in self.rule.updates for place in ((0, 1), (1, 0)))

    @cached_property
    def letters(self) -> tuple[sp.Symbol, ...]:
        """What reads a rotation of them."""
        return tuple(READ[name, "ij" if a < b else "ji"] for name, a, b in self.pair)

    def place(self, weight_of: tuple[str, int, int]) -> int:
        """Position of a weight among those of the rule."""
        return self.area.rule.weights.index(weight_of)

    def block(self, unit: int) -> StableBlock:
        """The weight of a unit from the axis that is not learned, which stands alone."""
        (found,) = (b for b in self.area.stable if b.block == (self.place(("W", unit, 2)),))
        return found

    def share(self, block: StableBlock) -> sp.Expr:
        """What a weight from the axis ``l`` adds to ``V / eta^3``."""
        response = self.area.response(block)
        return (response * self.area.rule.moments * response.T * block.fluctuation)[0]

    def of_sample(self, row: sp.MatrixBase) -> sp.Expr:
        """What is to be multiplied with 1 and the products of two inputs, multiplied."""
        inputs = (XI, XJ, XL)
        products = (sp.S.One, *(inputs[a] * inputs[b] for a, b in self.area.rule.products))
        return sp.Add(*(entry * product for entry, product in zip(row, products, strict=True)))

    @cached_property
    def found(self) -> Mapping[sp.Basic, sp.Expr]:
        """Values of the letters of this chapter by the terms of the rule."""
        area, units = self.area, {"i": self.block(0), "j": self.block(1)}
        reading = {
            letter: area.reading[self.place(at)]
            for letter, at in zip(self.letters, self.pair, strict=True)
        }
        length = self.null_start / reading[self.letters[0]]
        first, second = (self.place(("W", unit, 2)) for unit in (0, 1))
        found = {
            **{RATE[k]: -block.flow[0] for k, block in units.items()},
            **{KICK[k]: self.of_sample(block.jumps.row(0)) for k, block in units.items()},
            **{NOISE[k]: block.noise[0] for k, block in units.items()},
            **{FLUCTUATION[k]: ETA * block.fluctuation[0] for k, block in units.items()},
            **{SLOPE[k]: self.of_sample(area.slopes.row(block.block[0]))
               for k, block in units.items()},
            **{ANSWER[k]: self.of_sample(area.response(block).row(0))
               for k, block in units.items()},
            **reading,
            SCALE: length,
            BEND: area.form[first, second],
            CORRECTOR: area.corrector(units["i"], units["j"])[0],
            OTHER: sum(self.share(block) for block in units.values()),
        }  # fmt: skip
        return {letter: self.rested(value) for letter, value in found.items()}

    @cached_property
    def null(self) -> tuple[sp.Expr, ...]:
        """Null vector of the pair, `SCALE` times what reads a rotation."""
        return tuple(self.rested(self.found[u] * self.found[SCALE]) for u in self.letters)

    def over_scale(self, expression: sp.Expr, *, without: sp.Expr = sp.S.One) -> sp.Expr:
        """What is linear in the reading, with the null vector over `SCALE` for it."""
        null = dict(zip(self.letters, self.null, strict=True))
        return self.rested(expression.xreplace(null) / without) * without / SCALE

    def value(self, line: sp.Basic) -> sp.Expr:
        """What a line stands for: letters, weights at rest, means over Gaussian inputs."""
        covariance = {(x, x): variance for x, variance in ((XI, LI), (XJ, LJ), (XL, LL))}
        known = line.xreplace(self.found)
        averaged = known.replace(
            Mean, lambda part: expectation(sp.expand(part.xreplace(self.at_rest)), covariance)
        )
        return averaged.xreplace(self.at_rest)

    def rested(self, expression: sp.Expr) -> sp.Expr:
        """With variances for the weights; where these are roots, a single one is kept."""
        kept = sp.S.One
        for letter in (W_I, W_J):
            if self.at_rest[letter].is_Pow and is_zero(
                expression + expression.xreplace({letter: -letter})
            ):
                kept, expression = kept * letter, expression / letter
        whole = factor(cancel(expression).xreplace(self.at_rest))
        return told(whole) * kept

    def entry(
        self, expression: sp.MatrixExpr, at: tuple[int, int], *changes: tuple[str, int, int]
    ) -> sp.Expr:
        """An entry at rest, where one weight and perhaps a second one changes by one."""
        values = dict(self.network.values)
        for letters, changed in zip((CHANGES, OTHER_CHANGES), changes, strict=False):
            for name in self.rule.updates:
                change = sp.zeros(*self.network.entries[LETTERS[name]].shape)
                if name == changed[0]:
                    change[changed[1:]] = 1
                values[letters[name]] = sp.ImmutableMatrix(change)
        if isinstance(expression, sp.ZeroMatrix):
            return sp.S.Zero
        return sp.expand(evaluate_matrix(expression, values)[at]).xreplace(self.drawn)

    @cached_property
    def rate(self) -> tuple[sp.Expr, sp.Expr]:
        """At which the weight of ``i`` from ``l`` returns, with the weights and with variances."""
        pulled = -self.entry(self.moved(self.rule.means)["W"], (0, 2), ("W", 0, 2))
        return pulled, self.rested(pulled)

    @cached_property
    def kick(self) -> tuple[sp.Expr, sp.Expr]:
        """Update of that weight by a sample, and with variances by what it multiplies inputs."""
        kicked = self.entry(self.rule.products["W"], (0, 2))
        return kicked, self.rested(sp.expand(kicked / (XI * XL)))

    def moved(
        self, expressions: Mapping[str, sp.MatrixExpr], *, again: bool = False
    ) -> dict[str, sp.MatrixExpr]:
        """First, or second, order changes of what belongs to the weight matrices."""
        found = {}
        for name, expression in expressions.items():
            first = differential(expression, {LETTERS[k]: CHANGES[k] for k in self.rule.updates})
            second = {LETTERS[k]: OTHER_CHANGES[k] for k in self.rule.updates}
            found[name] = differential(first, second) if again else first
        return found


def swapped(expression: sp.Expr) -> sp.Expr:
    """With the two learned axes exchanged."""
    pairs = ((LI, LJ), (W_I, W_J), (XI, XJ))
    return expression.xreplace({a: b for one, two in pairs for a, b in ((one, two), (two, one))})

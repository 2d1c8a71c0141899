"""Three linear layers: their letters, and explicit networks in the place of these."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

import sympy as sp

from symdrift.algebra.matrices import evaluate_matrix
from symdrift.algebra.matrix_terms import SCALAR, Letter
from symdrift.derivation.symbols import GAMMA, INPUTS, symbol
from symdrift.derivation.vocabulary import (
    ERROR,
    HIDDEN,
    INPUT,
    INPUT_COVARIANCE,
    OUTPUTS,
    TEACHER,
)
from symdrift.evaluation.any_rule.traced_rule import TracedRule
from symdrift.rules.deep_linear import DeepLinear
from symdrift.theory.rules.explicit_entries import Entries, ExplicitEntries
from symdrift.theory.rules.rule_on_axes import RuleOnAxes
from symdrift.theory.rules.shipped_rules import weight

LAYERS = (1, 2, 3)
_SHAPES = {1: (HIDDEN, INPUTS), 2: (HIDDEN, HIDDEN), 3: (OUTPUTS, HIDDEN)}


def _matrices(name: str) -> dict[int, sp.MatrixSymbol]:
    return {k: sp.MatrixSymbol(f"deep_{name}_{k}", *_SHAPES[k]) for k in LAYERS}


WEIGHTS, SAMPLE, MEAN, CARRIED, CHANGE, AT_REST = map(
    _matrices, ("layer", "sample", "mean", "carried", "change", "resting")
)
FIRST, SECOND = (sp.MatrixSymbol(f"deep_activity_{k}", HIDDEN, 1) for k in (1, 2))
ERRORS, MEAN_ERRORS, DEVIATION, MAP_CHANGE = (
    sp.MatrixSymbol(f"deep_{name}", OUTPUTS, INPUTS)
    for name in ("errors", "mean_errors", "deviation", "map_change")
)
ROTATIONS, IMBALANCE, IMBALANCE_CHANGE = (
    {k: sp.MatrixSymbol(f"deep_{name}_{k}", HIDDEN, HIDDEN) for k in (1, 2)}
    for name in ("rotation", "imbalance", "imbalance_change")
)
LEARNED_MAP = WEIGHTS[3] * WEIGHTS[2] * WEIGHTS[1]

LATEX: dict[sp.Basic, str] = {
    **{letter: f"W_{k}" for k, letter in WEIGHTS.items()},
    **{letter: f"F_{k}" for k, letter in SAMPLE.items()},
    **{letter: f"f_{k}" for k, letter in MEAN.items()},
    **{letter: rf"\delta W_{k}" for k, letter in CARRIED.items()},
    **{letter: rf"\delta F_{k}" for k, letter in CHANGE.items()},
    **{letter: f"W_{k}^{{*}}" for k, letter in AT_REST.items()},
    FIRST: "y_1",
    SECOND: "y_2",
    ERRORS: r"\mathcal{E}",
    MEAN_ERRORS: r"\mathbb{E}[\mathcal{E}]",
    DEVIATION: r"\mathcal{M}",
    MAP_CHANGE: r"\delta(W_3 W_2 W_1)",
    **{letter: f"Q_{k}" for k, letter in ROTATIONS.items()},
    **{letter: rf"\mathcal{{I}}_{k}" for k, letter in IMBALANCE.items()},
    **{letter: rf"\delta\mathcal{{I}}_{k}" for k, letter in IMBALANCE_CHANGE.items()},
}

MEANINGS = (
    (WEIGHTS[1], "weights from the inputs to the first hidden layer", "p by n"),
    (WEIGHTS[2], "weights from the first to the second hidden layer", "p by p"),
    (WEIGHTS[3], "weights from the second hidden layer to the outputs", "m by p"),
    (FIRST, "activity of the first hidden layer", "p"),
    (SECOND, "activity of the second hidden layer", "p"),
    (ERRORS, "error of a sample times its input", "m by n"),
    (SAMPLE[1], "what a sample changes in the first layer, per learning rate", "p by n"),
    (MEAN[1], "mean update of the first layer", "p by n"),
    (IMBALANCE[1], "imbalance of the first two layers", "p by p"),
    (ROTATIONS[1], "rotation of the first hidden layer", "p by p"),
    (AT_REST[1], "a point of the fixed orbit, on the axes of the inputs", "p by n"),
    (DEVIATION, "errors that carry the weights to where they are", "m by n"),
)

OF_LAYERS: Mapping[sp.Basic, str] = MappingProxyType({
    weight("W", "i"): "weight of each layer along axis i",
    ERROR: "error of a sample",
})  # fmt: skip
"""What symbols of other rules mean here."""


@dataclass(frozen=True, eq=False)
class ExplicitLayers(ExplicitEntries):
    """Three layers, teacher and covariance, entry by entry."""

    @cached_property
    def rule(self) -> DeepLinear:
        """The rule, with the teacher of the entries."""
        return DeepLinear(self.entries[TEACHER], GAMMA, len(LAYERS))

    @cached_property
    def values(self) -> Entries:
        """Of all letters; updates are those of the rule itself."""
        weights = tuple(self.entries[WEIGHTS[k]] for k in LAYERS)
        quiet = sp.zeros(self.entries[TEACHER].rows, 1)
        found = map(sp.ImmutableMatrix, self.rule.update(weights, self.inputs, quiet))
        known: dict[sp.Basic, sp.ImmutableMatrix] = {**self.entries, INPUT: self.inputs}
        known |= dict(zip(SAMPLE.values(), found, strict=True))
        known[FIRST] = evaluate_matrix(WEIGHTS[1] * INPUT, known)
        known[SECOND] = evaluate_matrix(WEIGHTS[2] * FIRST, known)
        known[ERROR] = sp.ImmutableMatrix(self.rule.error(weights, self.inputs, quiet))
        known[ERRORS] = evaluate_matrix(ERROR * INPUT.T, known)
        known[MEAN_ERRORS] = self.mean(known[ERRORS])
        return known | {MEAN[k]: self.mean(known[SAMPLE[k]]) for k in LAYERS}


def any_layers(inputs: int = 2) -> ExplicitLayers:
    """Two units in each hidden layer and two outputs, every entry a symbol."""
    sizes = {HIDDEN: 2, OUTPUTS: 2, INPUTS: inputs}
    entries = {
        letter: sp.ImmutableMatrix(
            *(sizes[length] for length in letter.shape),
            lambda a, b, name=name: sp.Symbol(f"{name}_{a + 1}{b + 1}"),
        )
        for name, letter in {**{f"w{k}": WEIGHTS[k] for k in LAYERS}, "t": TEACHER}.items()
    }
    entries[INPUT_COVARIANCE] = sp.ImmutableMatrix(
        inputs, inputs, lambda a, b: sp.Symbol(f"s_{min(a, b) + 1}{max(a, b) + 1}")
    )
    return ExplicitLayers(entries)


def layers_on_axes(learned: str, others: str) -> ExplicitLayers:
    """Balanced layers with a hidden unit for each learned axis, and an output for each axis.

    The teacher asks for nothing along the other axes.
    """
    axes, hidden = learned + others, len(learned)
    shapes = {1: (hidden, len(axes)), 2: (hidden, hidden), 3: (len(axes), hidden)}
    entries = {
        WEIGHTS[k]: sp.ImmutableMatrix(
            *shape, lambda a, b: weight("W", axes[a]) if a == b else sp.S.Zero
        )
        for k, shape in shapes.items()
    }
    gains = [symbol("gain", index) for index in learned] + [sp.S.Zero] * len(others)
    entries[TEACHER] = sp.ImmutableMatrix(sp.diag(*gains))
    variances = (symbol("input_variance", index) for index in axes)
    entries[INPUT_COVARIANCE] = sp.ImmutableMatrix(sp.diag(*variances))
    return ExplicitLayers(entries)


def resting_gain(index: str) -> sp.Expr:
    """Gain of the teacher at which every layer has the weight of an axis."""
    own, variance = weight("W", index), symbol("input_variance", index)
    return own**3 + GAMMA / (variance * own)


def at_numbers(
    learned: str, others: str, numbers: Mapping[sp.Symbol, sp.Expr], gain: sp.Expr = sp.S.Zero
) -> RuleOnAxes:
    """The terms of the rule on axes at any weight decay, with numbers for weights and variances.

    Parameters
    ----------
    learned, others : str
        Indices of the axes.
    numbers : Mapping of sympy.Symbol to sympy.Expr
    gain : sympy.Expr
        Of the teacher on the others.
    """
    axes = learned + others
    target, decay = Letter("outputs", "inputs", "target"), Letter(SCALAR, SCALAR, "weight_decay")
    gains = [resting_gain(index).xreplace(numbers) for index in learned]
    teacher = sp.ImmutableMatrix(sp.diag(*gains, *[gain] * len(others)))
    rule = DeepLinear(target, decay, len(LAYERS))
    sizes = {"inputs": len(axes), "outputs": len(axes)} | dict.fromkeys(
        rule.hidden_axes, len(learned)
    )
    diagonal = tuple(weight("W", index).xreplace(numbers) for index in learned)
    return RuleOnAxes(
        TracedRule(rule, sizes),
        {target: teacher, decay: GAMMA},
        tuple(symbol("input_variance", index).xreplace(numbers) for index in axes),
        (diagonal,) * len(LAYERS),
    )

"""Small aligned networks with numbers for all of their symbols."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
import sympy as sp

from symdrift.derivation.symbols import BATCH, ETA, GAMMA, symbol
from symdrift.inputs import Gaussian
from symdrift.study.problem import Array, LearningProblem, Stimulus
from symdrift.theory.linear.aligned import RepresentativeDrift, representative_drift
from symdrift.theory.linear.points import AlignedMinimum, active_direction, inactive_direction

VARIANCES = ("2", "1.3", "0.7", "0.9", "1.7")
SINGULAR_VALUES = ("1.1", "0.8", "0.6", "0.5", "0.3")
NOISES = ("0.3", "0.1", "0.5", "0.2", "0.4")
WEIGHT_DECAY, LEARNING_RATE = "0.3", "0.004"


@dataclass(frozen=True)
class AlignedExample:
    """An aligned minimum with symbols, and values of the symbols."""

    minimum: AlignedMinimum
    values: Mapping[sp.Symbol, sp.Rational]

    def number(self, expression: sp.Expr) -> float:
        """Value of an expression in the symbols of the network."""
        return float(sp.sympify(expression).xreplace(dict(self.values)).evalf(30))

    def array(self, matrix: sp.MatrixBase) -> Array:
        """Values of a matrix in the symbols of the network."""
        return np.array([[self.number(matrix[a, b]) for b in range(matrix.cols)]
                         for a in range(matrix.rows)])  # fmt: skip

    @cached_property
    def first_layer(self) -> Array:
        """``W*``, shape ``(p, n)``."""
        return self.array(self.minimum.network.first_layer.xreplace(self.minimum.weights))

    @cached_property
    def second_layer(self) -> Array:
        """``U*``, shape ``(m, p)``."""
        return self.array(self.minimum.network.second_layer.xreplace(self.minimum.weights))

    @cached_property
    def problem(self) -> LearningProblem:
        """The same network for the numerical roads."""
        network = self.minimum.network
        return LearningProblem(
            study="example",
            hidden=network.hidden,
            inputs=Gaussian(self.array(network.input_covariance)),
            teacher=self.array(network.teacher),
            label_noise=np.array([self.number(variance) for variance in network.label_noise]),
            learning_rate=float(LEARNING_RATE),
            weight_decay=float(WEIGHT_DECAY),
            batch=1,
            synaptic_noise=0.0,
            stimuli=(Stimulus("across", np.arange(1.0, network.inputs + 1)),),
        )


def aligned_example(
    active: int, inactive: int, hidden: int, inputs: int, outputs: int, slope: str = "0.2"
) -> AlignedExample:
    """Active directions by decreasing singular value, then inactive ones with ``lambda a = slope``.

    The weight decay is 0.3: a larger slope is worth learning, and left out by a bottleneck.
    Directions beyond the inputs or outputs of the network have no input or output axis.
    """
    size = active + inactive
    directions = tuple(
        active_direction(str(k + 1)) if k < active else inactive_direction(str(k + 1))
        for k in range(size)
    )
    values = {
        GAMMA: sp.Rational(WEIGHT_DECAY),
        ETA: sp.Rational(LEARNING_RATE),
        BATCH: sp.Integer(1),
    }
    for k in range(size):
        variance = sp.Rational(VARIANCES[k])
        values[symbol("input_variance", str(k + 1))] = variance
        values[symbol("label_noise", str(k + 1))] = sp.Rational(NOISES[k])
        values[symbol("singular_value", str(k + 1))] = sp.Rational(SINGULAR_VALUES[k])
        values[symbol("gain", str(k + 1))] = sp.Rational(slope) / variance
    return AlignedExample(AlignedMinimum(directions, hidden, inputs, outputs), values)


@cache
def representative() -> RepresentativeDrift:
    """Blocks and terms of a generic plane, derived once for all tests."""
    return representative_drift()

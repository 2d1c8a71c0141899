"""What a sample does to a deviation from the minimum, and what it does on average to second order.

A deviation ``n = (dW, dU)`` is flattened like the weights.  Averages over the stationary state are
taken with the fluctuation of a `WeightSpace`, per unit of learning rate.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import sympy as sp
from sympy.polys.matrices import DomainMatrix

from symdrift.algebra.equations import solve_operator
from symdrift.algebra.matrices import evaluate_matrix
from symdrift.derivation.symbols import GAMMA
from symdrift.derivation.vocabulary import (
    ERROR,
    FIRST_LAYER,
    INPUT,
    INPUT_COVARIANCE,
    SECOND_LAYER,
    STEP_FIRST,
    STEP_SECOND,
)
from symdrift.theory.linear.minimum import Minimum
from symdrift.theory.linear.network import LinearNetwork
from symdrift.theory.linear.weight_space import WeightSpace

Layers = tuple[sp.MatrixExpr, sp.MatrixExpr]

MAP_CHANGE = STEP_SECOND * FIRST_LAYER + SECOND_LAYER * STEP_FIRST
"""First-order change of the learned map by a deviation."""

SEEN: Layers = (
    SECOND_LAYER.T * MAP_CHANGE * INPUT * INPUT.T
    - STEP_SECOND.T * ERROR * INPUT.T
    + GAMMA * STEP_FIRST,
    MAP_CHANGE * INPUT * INPUT.T * FIRST_LAYER.T
    - ERROR * INPUT.T * STEP_FIRST.T
    + GAMMA * STEP_SECOND,
)
"""The Hessian of one sample, applied to a deviation."""


def deviation(network: LinearNetwork) -> tuple[sp.ImmutableMatrix, sp.ImmutableMatrix]:
    """``(dW, dU)`` of free symbols."""
    entries = sp.symbols(f"d_0:{len(network.coordinates)}", real=True)
    return in_layers(network, sp.Matrix(entries))


def in_layers(
    network: LinearNetwork, vector: sp.MatrixBase
) -> tuple[sp.ImmutableMatrix, sp.ImmutableMatrix]:
    """A vector of all weights as the two layers."""
    hidden, count = network.hidden, network.hidden * network.inputs
    return (
        sp.ImmutableMatrix(hidden, network.inputs, list(vector)[:count]),
        sp.ImmutableMatrix(network.outputs, hidden, list(vector)[count:]),
    )


def seen(
    minimum: Minimum, change: tuple[sp.ImmutableMatrix, sp.ImmutableMatrix]
) -> sp.ImmutableMatrix:
    """What the Hessian of one sample makes of a deviation from a minimum, in all weights."""
    network = minimum.network
    layers = minimum.first_layer, minimum.second_layer
    error = network.rule.error(layers, network.sample_input, network.sample_label_noise)
    entries = {
        **in_symbols(layers, change),
        INPUT: network.sample_input,
        ERROR: sp.ImmutableMatrix(error),
    }
    images = [evaluate_matrix(formula, entries) for formula in SEEN]
    vector = sp.ImmutableMatrix([entry for image in images for entry in image])
    return vector.xreplace({GAMMA: minimum.weight_decay}).applyfunc(sp.expand)


def carried_by_samples(space: WeightSpace) -> int:
    """Dimension of what samples make of gradient noise across the orbit, again and again."""
    minimum, change = space.minimum, deviation(space.minimum.network)
    network = minimum.network
    pull = sp.Matrix(seen(minimum, change)).jacobian([entry for layer in change for entry in layer])
    tangents = sp.Matrix.hstack(*(minimum.tangent(plane) for plane in minimum.planes))
    across = sp.eye(pull.rows) - tangents * (tangents.T * tangents).LUsolve(tangents.T)
    drawn = (*network.sample_input, *network.sample_label_noise)
    # A few samples are enough to reach what all of them do.
    samples = (
        across
        * pull.subs({x: sp.Rational((3 * k + j) % 5 - 2, j + 2) for j, x in enumerate(drawn)})
        for k in range(4)
    )
    pulls = [DomainMatrix.from_Matrix(pull).convert_to(sp.QQ) for pull in samples]
    reached, rank = DomainMatrix.from_Matrix(sp.Matrix(space.noise)).convert_to(sp.QQ), 0
    while (found := reached.rank()) > rank:
        rank = found
        reached = reached.columnspace()
        reached = reached.hstack(*(pull * reached for pull in pulls))
    return rank


def in_symbols(
    layers: tuple[sp.ImmutableMatrix, sp.ImmutableMatrix],
    change: tuple[sp.ImmutableMatrix, sp.ImmutableMatrix],
) -> dict[sp.MatrixSymbol, sp.ImmutableMatrix]:
    """Weights and a deviation from them, for `evaluate_matrix`."""
    symbols = FIRST_LAYER, SECOND_LAYER, STEP_FIRST, STEP_SECOND
    return dict(zip(symbols, (*layers, *change), strict=True))


@dataclass(frozen=True)
class StationaryMeans:
    """Means over the fluctuation around an exact minimum, per unit of learning rate.

    Attributes
    ----------
    space : WeightSpace
    """

    space: WeightSpace

    @property
    def minimum(self) -> Minimum:
        return self.space.minimum

    @cached_property
    def change(self) -> tuple[sp.ImmutableMatrix, sp.ImmutableMatrix]:
        """``(dW, dU)``, the fluctuation."""
        return deviation(self.minimum.network)

    def mean(self, quadratic: sp.MatrixBase) -> sp.ImmutableMatrix:
        """Of a matrix of quadratic forms in the deviation."""
        variables = [entry for layer in self.change for entry in layer]
        covariance = self.space.fluctuation

        def averaged(form: sp.Expr) -> sp.Expr:
            total = sp.Integer(0)
            for exponents, coefficient in sp.Poly(form, *variables).terms():
                places = [k for k, exponent in enumerate(exponents) for _ in range(exponent)]
                total += coefficient * covariance[tuple(places)]
            return total

        return sp.ImmutableMatrix(quadratic.applyfunc(averaged))

    def bent(self, formulas: Layers) -> sp.ImmutableMatrix:
        """Mean gradient in all weights that the quadratic forms of `formulas` leave."""
        minimum = self.minimum
        entries = {
            **in_symbols((minimum.first_layer, minimum.second_layer), self.change),
            INPUT_COVARIANCE: minimum.network.input_covariance,
        }
        parts = [self.mean(evaluate_matrix(formula, entries)) for formula in formulas]
        return sp.ImmutableMatrix([entry for part in parts for entry in part])

    def shift(self, formulas: Layers) -> tuple[sp.ImmutableMatrix, sp.ImmutableMatrix]:
        """Mean deviation ``(dW, dU)`` for which the pull back balances `bent` across the orbit."""
        bent = self.bent(formulas)
        tangents = sp.Matrix.hstack(*(self.minimum.tangent(p) for p in self.minimum.planes))
        along = (tangents.T * tangents).LUsolve(tangents.T * bent)
        across = bent - tangents * along
        held = solve_operator(self.space.stiffened, sp.zeros(1, 1), -across)
        return in_layers(self.minimum.network, held)

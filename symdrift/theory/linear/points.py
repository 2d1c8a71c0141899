"""The minimum-loss manifold of an aligned network, at explicit directions.

A *direction* is an axis that teacher and input covariance share: input axis, output
axis and, where the network has learned it, a hidden unit.  A list of directions and a
number of hidden units is a network small enough for full matrices; with the indices
``i``, ``j``, ``l`` it represents any larger one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import sympy as sp

from symdrift.derivation.symbols import GAMMA, symbol
from symdrift.theory.linear.network import LinearNetwork


@dataclass(frozen=True)
class Direction:
    """One shared axis of teacher and inputs.

    Attributes
    ----------
    index : str
        How the direction is called: ``"i"`` or ``"1"``.
    input_variance : sympy.Expr
        ``lambda``; zero for an output without input.
    label_noise : sympy.Expr
        Variance ``sigma^2``; zero for an input without output.
    singular_value : sympy.Expr
        ``s`` of the learned map; zero when the direction is inactive.
    residual : sympy.Expr
        ``E``, what the network leaves of the gain: ``gamma / lambda`` when active, the
        whole gain when inactive.
    """

    index: str
    input_variance: sp.Expr
    label_noise: sp.Expr
    singular_value: sp.Expr
    residual: sp.Expr

    @property
    def active(self) -> bool:
        """Whether the network has learned the direction."""
        return bool(self.singular_value != 0)

    @property
    def gain(self) -> sp.Expr:
        """``a = s + E``."""
        return self.singular_value + self.residual

    @property
    def coupling(self) -> sp.Expr:
        """``kappa = lambda E``: weight decay when active, ``lambda a`` when not."""
        return self.input_variance * self.residual


def active_direction(index: str) -> Direction:
    """A learned direction with its own symbols: ``a = s + gamma / lambda``."""
    variance = symbol("input_variance", index)
    return Direction(
        index=index,
        input_variance=variance,
        label_noise=symbol("label_noise", index) ** 2,
        singular_value=symbol("singular_value", index),
        residual=GAMMA / variance,
    )


def inactive_direction(index: str) -> Direction:
    """A direction that the network leaves out, with its own symbols: ``E = a``."""
    return Direction(
        index=index,
        input_variance=symbol("input_variance", index),
        label_noise=symbol("label_noise", index) ** 2,
        singular_value=sp.Integer(0),
        residual=symbol("gain", index),
    )


class Minimum(Protocol):
    """A network at a point of its minimum-loss manifold, whatever its task."""

    @property
    def network(self) -> LinearNetwork:
        """The network whose minimum this is."""

    @property
    def weights(self) -> Mapping[sp.Symbol, sp.Expr]:
        """Value of every weight."""

    @property
    def sample_gradient(self) -> sp.ImmutableMatrix:
        """Gradient of one sample."""


@dataclass(frozen=True)
class AlignedMinimum:
    """An aligned network together with a point of its minimum-loss manifold.

    Attributes
    ----------
    directions : tuple of Direction
        Active directions first.
    hidden : int
        Hidden units, at least as many as active directions; the rest is silent.
    inputs, outputs : int
        How many of the directions have an input axis and an output axis, counted from
        the first.
    """

    directions: tuple[Direction, ...]
    hidden: int
    inputs: int
    outputs: int

    @cached_property
    def rank(self) -> int:
        """Number of active directions."""
        return sum(direction.active for direction in self.directions)

    @cached_property
    def network(self) -> LinearNetwork:
        """The network whose minimum this is."""
        gains = sp.zeros(self.outputs, self.inputs)
        for k in range(min(self.inputs, self.outputs)):
            gains[k, k] = self.directions[k].gain
        return LinearNetwork(
            hidden=self.hidden,
            teacher=sp.ImmutableMatrix(gains),
            input_covariance=sp.ImmutableMatrix(
                sp.diag(*(d.input_variance for d in self.directions[: self.inputs]))
            ),
            label_noise=tuple(d.label_noise for d in self.directions[: self.outputs]),
        )

    @cached_property
    def weights(self) -> dict[sp.Symbol, sp.Expr]:
        """The canonical point ``W* = S^(1/2) R'``, ``U* = P S^(1/2)``, weight by weight."""
        network = self.network
        values: dict[sp.Symbol, sp.Expr] = dict.fromkeys(network.coordinates, sp.Integer(0))
        for k, direction in enumerate(self.directions[: self.rank]):
            root = sp.sqrt(direction.singular_value)
            values[network.first_layer[k, k]] = root
            values[network.second_layer[k, k]] = root
        return values

    @cached_property
    def point(self) -> sp.ImmutableMatrix:
        """The canonical point as a vector of weight space."""
        return sp.ImmutableMatrix([self.weights[w] for w in self.network.coordinates])

    @cached_property
    def sample_gradient(self) -> sp.ImmutableMatrix:
        """Gradient of one sample at the canonical point."""
        first, second = (layer.xreplace(self.weights) for layer in self.network.layers)
        return self.network.sample_gradient_at((first, second)).applyfunc(sp.expand)

    @cached_property
    def mean_gradient(self) -> sp.ImmutableMatrix:
        """Expected gradient at the canonical point; zero when it is stationary."""
        return self.sample_gradient.applyfunc(self.network.average)

    @cached_property
    def loss(self) -> sp.Expr:
        """Expected loss on the manifold."""
        return sp.expand(self.network.expected_loss.xreplace(self.weights))

    @cached_property
    def planes(self) -> tuple[tuple[int, int], ...]:
        """Hidden rotations that move the point: ``(i, j)`` with ``i`` active."""
        return tuple((i, j) for i in range(self.rank) for j in range(i + 1, self.hidden))

    def tangent(self, plane: tuple[int, int]) -> sp.ImmutableMatrix:
        """Tangent vector of a hidden rotation at the canonical point."""
        return self.network.rotation(*plane) * self.point


def loss_reduction() -> sp.Expr:
    """By how much learning one direction lowers the expected loss, ``lambda s^2 / 2``.

    The difference between a network without the direction and one that has learned it,
    from the expected loss of a single direction; it decides which directions survive a
    bottleneck.
    """
    gain, variance = symbol("gain"), symbol("input_variance")
    value = symbol("singular_value")
    left_out = Direction("", variance, sp.Integer(0), sp.Integer(0), gain)
    learned = Direction("", variance, sp.Integer(0), value, gain - value)
    losses = [AlignedMinimum((d,), hidden=1, inputs=1, outputs=1).loss for d in (left_out, learned)]
    difference = sp.expand(losses[0] - losses[1]).subs(gain, value + GAMMA / variance)
    return sp.expand(difference)

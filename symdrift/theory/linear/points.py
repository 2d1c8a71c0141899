"""Explicit minima: of an aligned network at explicit directions, or of chosen axes.

A *direction* is an axis that teacher and input covariance share: input axis, output
axis and, where the network has learned it, a hidden unit.  A list of directions and a
number of hidden units is a network small enough for full matrices; with the indices
``i``, ``j``, ``l`` it represents any larger one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import sympy as sp

from symdrift.derivation.symbols import GAMMA, symbol
from symdrift.theory.linear.minimum import Minimum
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


def learned_value(gain: sp.Expr, variance: sp.Expr, weight_decay: sp.Expr = GAMMA) -> sp.Expr:
    """``s = a - gamma / lambda`` of an active direction, which `fixed_points` derives."""
    return gain - weight_decay / variance


def learned_direction(
    index: str,
    variance: sp.Expr,
    label_noise: sp.Expr,
    gain: sp.Expr,
    weight_decay: sp.Expr = GAMMA,
) -> Direction:
    """A learned direction of a given gain."""
    value = learned_value(gain, variance, weight_decay)
    return Direction(index, variance, label_noise, value, weight_decay / variance)


@dataclass(frozen=True)
class AlignedMinimum(Minimum):
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
    def first_layer(self) -> sp.ImmutableMatrix:
        """``W* = S^(1/2) R'``: one weight for each active direction."""
        return self._roots(self.hidden, self.inputs)

    @cached_property
    def second_layer(self) -> sp.ImmutableMatrix:
        """``U* = P S^(1/2)``, the same weights."""
        return self._roots(self.outputs, self.hidden)

    @cached_property
    def residual_map(self) -> sp.ImmutableMatrix:
        """``E``: the residual of each direction that has an input and an output."""
        residuals = sp.zeros(self.outputs, self.inputs)
        for k in range(min(self.inputs, self.outputs)):
            residuals[k, k] = self.directions[k].residual
        return sp.ImmutableMatrix(residuals)

    @cached_property
    def loss(self) -> sp.Expr:
        """Expected loss on the manifold."""
        return sp.expand(self.network.expected_loss.xreplace(dict(self.weights)))

    def _roots(self, rows: int, columns: int) -> sp.ImmutableMatrix:
        roots = sp.zeros(rows, columns)
        for k, direction in enumerate(self.directions[: self.rank]):
            roots[k, k] = sp.sqrt(direction.singular_value)
        return sp.ImmutableMatrix(roots)


@dataclass(frozen=True)
class ChosenMinimum(Minimum):
    """A minimum of chosen axes, singular values and covariance, and the task that has it.

    For any choice the stationarity conditions give the teacher; with rational choices
    everything is exact.

    Attributes
    ----------
    left : sympy.ImmutableMatrix
        ``P``, orthonormal columns, shape ``(m, r)``.
    right : sympy.ImmutableMatrix
        ``R``, orthonormal columns, shape ``(n, r)``.
    singular_values : tuple of sympy.Expr
        Of the learned map ``M = P S R'``.
    input_covariance : sympy.ImmutableMatrix
        ``Sigma``, shape ``(n, n)``.
    unlearned_slope : sympy.ImmutableMatrix
        What the slope has off the axes of the learned map, shape ``(m, n)``; zero where
        every direction is learned.
    label_noise : tuple of sympy.Expr
        Variance of the label noise of each output.
    weight_decay : sympy.Expr
        ``gamma``.
    """

    left: sp.ImmutableMatrix
    right: sp.ImmutableMatrix
    singular_values: tuple[sp.Expr, ...]
    input_covariance: sp.ImmutableMatrix
    unlearned_slope: sp.ImmutableMatrix
    label_noise: tuple[sp.Expr, ...]
    weight_decay: sp.Expr = GAMMA

    @property
    def rank(self) -> int:
        """Number of learned directions ``r``."""
        return len(self.singular_values)

    @cached_property
    def first_layer(self) -> sp.ImmutableMatrix:
        """``W* = S^(1/2) R'``, shape ``(r, n)``."""
        return sp.ImmutableMatrix(self._roots * self.right.T)

    @cached_property
    def second_layer(self) -> sp.ImmutableMatrix:
        """``U* = P S^(1/2)``, shape ``(m, r)``."""
        return sp.ImmutableMatrix(self.left * self._roots)

    @cached_property
    def learned_map(self) -> sp.ImmutableMatrix:
        """``M = P S R'``, shape ``(m, n)``."""
        return sp.ImmutableMatrix(self.left * sp.diag(*self.singular_values) * self.right.T)

    @cached_property
    def slope(self) -> sp.ImmutableMatrix:
        """``Lambda = gamma P R' + Lambda_perp``, shape ``(m, n)``."""
        return sp.ImmutableMatrix(
            self.weight_decay * self.left * self.right.T + self.unlearned_slope
        )

    @cached_property
    def residual_map(self) -> sp.ImmutableMatrix:
        """``E = Lambda Sigma^-1``, shape ``(m, n)``."""
        return sp.ImmutableMatrix(self.slope * self.input_covariance.inv())

    @cached_property
    def teacher(self) -> sp.ImmutableMatrix:
        """``A = M + E``, shape ``(m, n)``: the task that has this minimum."""
        return sp.ImmutableMatrix(self.learned_map + self.residual_map)

    @cached_property
    def network(self) -> LinearNetwork:
        """The network with ``r`` hidden units and this task."""
        return LinearNetwork(
            hidden=self.rank,
            teacher=self.teacher,
            input_covariance=self.input_covariance,
            label_noise=self.label_noise,
        )

    @property
    def _roots(self) -> sp.ImmutableMatrix:
        return sp.ImmutableMatrix(sp.diag(*(sp.sqrt(value) for value in self.singular_values)))


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

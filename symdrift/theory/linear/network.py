"""The two-layer linear network: loss, gradient and the rotations of its hidden layer.

Everything here is at explicit sizes and at arbitrary weights.  Coordinates of weight
space are the entries of the first layer row by row, then those of the second layer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import sympy as sp

from symdrift.algebra.wick import expectation
from symdrift.derivation.symbols import GAMMA, symbol
from symdrift.rules.linear import TwoLayerLinear


@dataclass(frozen=True)
class LinearNetwork:
    """A two-layer linear network, its inputs and its teacher, with symbolic entries.

    Attributes
    ----------
    hidden : int
        Hidden units ``p``.
    teacher : sympy.ImmutableMatrix
        ``A``, shape ``(m, n)``.
    input_covariance : sympy.ImmutableMatrix
        ``Sigma``, shape ``(n, n)``.
    label_noise : tuple of sympy.Expr
        Variance of the label noise, one per output.
    """

    hidden: int
    teacher: sp.ImmutableMatrix
    input_covariance: sp.ImmutableMatrix
    label_noise: tuple[sp.Expr, ...]

    @property
    def inputs(self) -> int:
        """Number of inputs ``n``."""
        return int(self.teacher.cols)

    @property
    def outputs(self) -> int:
        """Number of outputs ``m``."""
        return int(self.teacher.rows)

    @cached_property
    def first_layer(self) -> sp.ImmutableMatrix:
        """``W``, shape ``(p, n)``, free symbols."""
        return sp.ImmutableMatrix(self.hidden, self.inputs, _entry("first_layer"))

    @cached_property
    def second_layer(self) -> sp.ImmutableMatrix:
        """``U``, shape ``(m, p)``, free symbols."""
        return sp.ImmutableMatrix(self.outputs, self.hidden, _entry("second_layer"))

    @cached_property
    def sample_input(self) -> sp.ImmutableMatrix:
        """``x``, shape ``(n, 1)``."""
        return sp.ImmutableMatrix(self.inputs, 1, lambda i, _: symbol("input", i + 1, real=True))

    @cached_property
    def sample_label_noise(self) -> sp.ImmutableMatrix:
        """``epsilon``, shape ``(m, 1)``."""
        return sp.ImmutableMatrix(
            self.outputs, 1, lambda i, _: symbol("label_noise_sample", i + 1, real=True)
        )

    @cached_property
    def coordinates(self) -> tuple[sp.Symbol, ...]:
        """All weights, first layer then second."""
        return (*self.first_layer, *self.second_layer)

    @property
    def rule(self) -> TwoLayerLinear:
        """How it learns."""
        return TwoLayerLinear(self.teacher, GAMMA)

    @property
    def layers(self) -> tuple[sp.ImmutableMatrix, sp.ImmutableMatrix]:
        """``(W, U)``."""
        return self.first_layer, self.second_layer

    @cached_property
    def residual(self) -> sp.ImmutableMatrix:
        """Error of one sample, shape ``(m, 1)``."""
        return self.rule.error(self.layers, self.sample_input, self.sample_label_noise)

    @cached_property
    def sample_loss(self) -> sp.Expr:
        """Loss of one sample."""
        return self.rule.loss(self.layers, self.residual, sp.Matrix.trace)

    @cached_property
    def sample_gradient(self) -> sp.ImmutableMatrix:
        """Slope of the sample loss in every weight, shape ``(p (n + m), 1)``."""
        return self.sample_gradient_at(self.layers)

    def sample_gradient_at(
        self, layers: tuple[sp.ImmutableMatrix, sp.ImmutableMatrix]
    ) -> sp.ImmutableMatrix:
        """The same slope where the layers ``(W, U)`` have these entries."""
        error = self.rule.error(layers, self.sample_input, self.sample_label_noise)
        slopes = self.rule.gradient(layers, self.sample_input, error)
        return sp.ImmutableMatrix([entry for slope in slopes for entry in slope])

    @cached_property
    def expected_loss(self) -> sp.Expr:
        """The loss averaged over inputs and label noise."""
        return self.average(self.sample_loss)

    @cached_property
    def sample_covariance(self) -> dict[tuple[sp.Symbol, sp.Symbol], sp.Expr]:
        """Second moments of inputs and label noise, pair by pair."""
        return {
            (self.sample_input[a], self.sample_input[b]): self.input_covariance[a, b]
            for a in range(self.inputs)
            for b in range(self.inputs)
        } | {
            (noise, noise): variance
            for noise, variance in zip(self.sample_label_noise, self.label_noise, strict=True)
        }

    def average(self, polynomial: sp.Expr) -> sp.Expr:
        """Expectation over inputs and label noise by the Wick rule."""
        return expectation(polynomial, self.sample_covariance)

    def rotation(self, i: int, j: int) -> sp.ImmutableMatrix:
        """Action of ``Omega_ij = E_ij - E_ji`` on weight space: ``(Omega W, -U Omega)``.

        Parameters
        ----------
        i, j : int
            Hidden units, counted from 0.

        Returns
        -------
        sympy.ImmutableMatrix
            Skew-symmetric, shape ``(p (n + m), p (n + m))``.
        """
        omega = generator(self.hidden, i, j)
        return sp.ImmutableMatrix(
            sp.diag(
                sp.kronecker_product(omega, sp.eye(self.inputs)),
                # Row-major vec(-U Omega) = (I kron -Omega') vec(U), and Omega' = -Omega.
                sp.kronecker_product(sp.eye(self.outputs), omega),
            )
        )


def any_turn(size: int) -> sp.ImmutableMatrix:
    """Rotation of the first two hidden units through an angle ``2 arctan(t)``: any but a half turn.

    Rational in the symbol ``t``; shape ``(size, size)``.
    """
    half = sp.Symbol("t", real=True)
    cosine, sine = (1 - half**2) / (1 + half**2), 2 * half / (1 + half**2)
    turn = sp.eye(size)
    turn[0, 0] = turn[1, 1] = cosine
    turn[0, 1], turn[1, 0] = sine, -sine
    return sp.ImmutableMatrix(turn)


def generator(size: int, i: int, j: int) -> sp.ImmutableMatrix:
    """``Omega_ij = E_ij - E_ji``, indices counted from 0, shape ``(size, size)``."""
    omega = sp.zeros(size, size)
    omega[i, j], omega[j, i] = 1, -1
    return sp.ImmutableMatrix(omega)


def _entry(role: str) -> Callable[[int, int], sp.Symbol]:
    return lambda i, j: symbol(role, f"{i + 1}{j + 1}", real=True)

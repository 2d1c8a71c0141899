"""A point of the minimum-loss manifold, and the operators of the theory there on learned maps.

Loss and noise know the weights through the learned map ``U W`` alone.  With ``J`` the transpose
of its derivative by the weights, ``J F = (U' F, F W')``, every quantity of the theory is an
operator on matrices ``F`` of shape ``(m, n)``; there it is rational in the parameters of the
minimum.  Matrices are flattened row by row.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import cached_property

import sympy as sp

from symdrift.derivation.symbols import GAMMA
from symdrift.theory.linear.network import LinearNetwork, generator

Plane = tuple[int, int]


class Minimum(ABC):
    """A network at a point of its minimum-loss manifold, in the canonical frame."""

    @property
    @abstractmethod
    def network(self) -> LinearNetwork:
        """The network whose minimum this is."""

    @property
    @abstractmethod
    def rank(self) -> int:
        """Number of learned directions ``r``."""

    @property
    @abstractmethod
    def first_layer(self) -> sp.ImmutableMatrix:
        """``W*``, shape ``(p, n)``."""

    @property
    @abstractmethod
    def second_layer(self) -> sp.ImmutableMatrix:
        """``U*``, shape ``(m, p)``."""

    @property
    @abstractmethod
    def residual_map(self) -> sp.ImmutableMatrix:
        """``E = A - U W``, shape ``(m, n)``."""

    @property
    def weight_decay(self) -> sp.Expr:
        """``gamma``."""
        return GAMMA

    @cached_property
    def slope(self) -> sp.ImmutableMatrix:
        """``Lambda = E Sigma``, shape ``(m, n)``."""
        return sp.ImmutableMatrix(self.residual_map * self.network.input_covariance)

    @cached_property
    def point(self) -> sp.ImmutableMatrix:
        """``theta*``: first layer, then second layer, row by row, as a column."""
        return sp.ImmutableMatrix([*self.first_layer, *self.second_layer])

    @cached_property
    def weights(self) -> Mapping[sp.Symbol, sp.Expr]:
        """Value of every weight of the network at this point."""
        return dict(zip(self.network.coordinates, self.point, strict=True))

    @cached_property
    def sample_gradient(self) -> sp.ImmutableMatrix:
        """Gradient of one sample at this point."""
        gradient = self.network.sample_gradient_at((self.first_layer, self.second_layer))
        return gradient.xreplace({GAMMA: self.weight_decay}).applyfunc(sp.expand)

    @cached_property
    def mean_gradient(self) -> sp.ImmutableMatrix:
        """Expected gradient at this point; zero when it is stationary."""
        return self.sample_gradient.applyfunc(self.network.average)

    @cached_property
    def planes(self) -> tuple[Plane, ...]:
        """Hidden rotations that move the point: ``(i, j)`` with ``i`` active."""
        hidden = self.network.hidden
        return tuple((i, j) for i in range(self.rank) for j in range(i + 1, hidden))

    def tangent(self, plane: Plane) -> sp.ImmutableMatrix:
        """Tangent vector of a hidden rotation at this point."""
        return self.network.rotation(*plane) * self.point

    def metric(self, plane: Plane) -> sp.Expr:
        """``G``: squared length of the tangent vector of a plane."""
        tangent = self.tangent(plane)
        return (tangent.T * tangent)[0]

    @cached_property
    def reach(self) -> sp.ImmutableMatrix:
        """``J``: the map ``F -> (U' F, F W')``, shape ``(p (n + m), m n)``."""
        return reach(self.first_layer, self.second_layer)

    @cached_property
    def overlap(self) -> sp.ImmutableMatrix:
        """``J'J``: the map ``F -> U U' F + F W' W``, shape ``(m n, m n)``."""
        network = self.network
        return sp.ImmutableMatrix(
            sp.kronecker_product(self.second_layer * self.second_layer.T, sp.eye(network.inputs))
            + sp.kronecker_product(sp.eye(network.outputs), self.first_layer.T * self.first_layer)
        )

    @cached_property
    def curvature(self) -> sp.ImmutableMatrix:
        """``F -> (J'J F) Sigma + gamma F - Lambda F' Lambda / gamma``, shape ``(m n, m n)``."""
        outputs, inputs = self.network.outputs, self.network.inputs
        behind = sp.kronecker_product(sp.eye(outputs), self.network.input_covariance)
        return sp.ImmutableMatrix(
            behind * self.overlap
            + self.weight_decay * sp.eye(outputs * inputs)
            - self.crossed / self.weight_decay
        )

    @cached_property
    def crossed(self) -> sp.ImmutableMatrix:
        """``F -> Lambda F' Lambda``, shape ``(m n, m n)``."""
        swapped = exchange(self.network.outputs, self.network.inputs)
        return sp.ImmutableMatrix(sp.kronecker_product(self.slope, self.slope.T) * swapped)

    def turn(self, plane: Plane) -> sp.ImmutableMatrix:
        """``J' Omega J``: the map ``F -> U Omega U' F - F W' Omega W``."""
        omega = generator(self.network.hidden, *plane)
        first = self.second_layer * omega * self.second_layer.T
        second = self.first_layer.T * omega * self.first_layer
        return sp.ImmutableMatrix(
            sp.kronecker_product(first, sp.eye(self.network.inputs))
            - sp.kronecker_product(sp.eye(self.network.outputs), second.T)
        )


def reach(first_layer: sp.MatrixBase, second_layer: sp.MatrixBase) -> sp.ImmutableMatrix:
    """The map ``F -> (U' F, F W')`` at any weights, shape ``(p (n + m), m n)``."""
    first = sp.kronecker_product(second_layer.T, sp.eye(first_layer.cols))
    second = sp.kronecker_product(sp.eye(second_layer.rows), first_layer)
    return sp.ImmutableMatrix(sp.Matrix.vstack(first, second))


def exchange(rows: int, columns: int) -> sp.ImmutableMatrix:
    """Permutation that takes a flattened ``(rows, columns)`` matrix to its transpose."""
    size = rows * columns
    matrix = sp.zeros(size, size)
    for row in range(rows):
        for column in range(columns):
            matrix[column * rows + row, row * columns + column] = 1
    return sp.ImmutableMatrix(matrix)

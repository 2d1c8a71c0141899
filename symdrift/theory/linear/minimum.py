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
from types import MappingProxyType

import sympy as sp

from symdrift.algebra.matrices import evaluate_matrix
from symdrift.derivation.symbols import GAMMA
from symdrift.derivation.vocabulary import (
    ANY_MAP,
    FIRST_LAYER,
    GENERATOR,
    INPUT_COVARIANCE,
    NOISE_COVARIANCE,
    RESIDUAL,
    SECOND_LAYER,
    SLOPE,
)
from symdrift.theory.linear.network import LinearNetwork, generator

Plane = tuple[int, int]

HESSIAN_ON_MAPS = (
    (SECOND_LAYER * SECOND_LAYER.T * ANY_MAP + ANY_MAP * FIRST_LAYER.T * FIRST_LAYER)
    * INPUT_COVARIANCE
    + GAMMA * ANY_MAP
    - SLOPE * ANY_MAP.T * SLOPE / GAMMA
)
"""What the Hessian makes of a map, where the Hessian in weights acts on its image."""
TURN_ON_MAPS = (
    SECOND_LAYER * GENERATOR * SECOND_LAYER.T * ANY_MAP
    - ANY_MAP * FIRST_LAYER.T * GENERATOR * FIRST_LAYER
)
"""What a hidden rotation makes of a map."""


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
    def _gradient(self) -> sp.ImmutableMatrix:
        """Gradient of one sample at this point, as the rule has it."""
        gradient = self.network.sample_gradient_at((self.first_layer, self.second_layer))
        return gradient.xreplace({GAMMA: self.weight_decay})

    @cached_property
    def sample_gradient(self) -> sp.ImmutableMatrix:
        """Gradient of one sample at this point, as a sum of products."""
        return self._gradient.applyfunc(sp.expand)

    @cached_property
    def mean_gradient(self) -> sp.ImmutableMatrix:
        """Expected gradient at this point; zero when it is stationary."""
        return self._gradient.applyfunc(self.network.average)

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
        """The Hessian on learned maps, shape ``(m n, m n)``."""
        return self.operator(HESSIAN_ON_MAPS)

    def turn(self, plane: Plane) -> sp.ImmutableMatrix:
        """``J' Omega J``, a hidden rotation on learned maps, shape ``(m n, m n)``."""
        return self.operator(TURN_ON_MAPS, {GENERATOR: generator(self.network.hidden, *plane)})

    def operator(
        self,
        formula: sp.MatrixExpr,
        entries: Mapping[sp.MatrixSymbol, sp.ImmutableMatrix] = MappingProxyType({}),
    ) -> sp.ImmutableMatrix:
        """The matrix of a formula that says what becomes of a map.

        Parameters
        ----------
        formula : sympy.MatrixExpr
            In the symbols of layers, slope, residual map and moments, and in
            :data:`~symdrift.derivation.vocabulary.ANY_MAP`.
        entries : Mapping, optional
            What stands for its other symbols.

        Returns
        -------
        sympy.ImmutableMatrix
            Shape ``(m n, m n)``: each column is the image of a map with a single entry.
        """
        network = self.network
        here = {
            FIRST_LAYER: self.first_layer,
            SECOND_LAYER: self.second_layer,
            SLOPE: self.slope,
            RESIDUAL: self.residual_map,
            INPUT_COVARIANCE: network.input_covariance,
            NOISE_COVARIANCE: sp.ImmutableMatrix(sp.diag(*network.label_noise)),
            **entries,
        }
        shape = network.outputs, network.inputs
        size = shape[0] * shape[1]
        images = []
        for k in range(size):
            single = sp.ImmutableMatrix(*shape, [int(place == k) for place in range(size)])
            images.append([*evaluate_matrix(formula, {**here, ANY_MAP: single})])
        return sp.ImmutableMatrix(images).T.xreplace({GAMMA: self.weight_decay})


def reach(first_layer: sp.MatrixBase, second_layer: sp.MatrixBase) -> sp.ImmutableMatrix:
    """The map ``F -> (U' F, F W')`` at any weights, shape ``(p (n + m), m n)``."""
    first = sp.kronecker_product(second_layer.T, sp.eye(first_layer.cols))
    second = sp.kronecker_product(sp.eye(second_layer.rows), first_layer)
    return sp.ImmutableMatrix(sp.Matrix.vstack(first, second))

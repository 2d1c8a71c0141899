"""Minima of any teacher and covariance, and the operators of the theory on learned maps.

Loss and noise know the weights through the learned map ``M = U W`` alone.  With ``J`` the
transpose of the derivative of ``M`` by the weights, ``J F = (U' F, F W')``, every quantity
of the theory is an operator on matrices ``F`` of shape ``(m, n)``; there it is rational in
the parameters of the minimum.  Matrices are flattened row by row.

A minimum can be *chosen*: for any axes, singular values and covariance, the stationarity
conditions give the teacher that has it.  With rational choices everything is exact.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sympy as sp
from sympy.polys.domains import QQ
from sympy.polys.matrices import DomainMatrix

from symdrift.derivation.symbols import GAMMA
from symdrift.theory.linear.network import LinearNetwork, generator


@dataclass(frozen=True)
class MapMinimum:
    """A minimum of the regularised loss in the canonical frame, and the task that has it.

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
    weight_decay : sympy.Expr
        ``gamma``.
    unlearned_slope : sympy.ImmutableMatrix
        What the slope has off the axes of the learned map, shape ``(m, n)``; zero where
        every direction is learned.
    label_noise : tuple of sympy.Expr
        Variance of the label noise of each output.
    """

    left: sp.ImmutableMatrix
    right: sp.ImmutableMatrix
    singular_values: tuple[sp.Expr, ...]
    input_covariance: sp.ImmutableMatrix
    weight_decay: sp.Expr
    unlearned_slope: sp.ImmutableMatrix
    label_noise: tuple[sp.Expr, ...]

    @property
    def rank(self) -> int:
        """Number of learned directions ``r``."""
        return len(self.singular_values)

    @property
    def outputs(self) -> int:
        """Number of outputs ``m``."""
        return int(self.left.rows)

    @property
    def inputs(self) -> int:
        """Number of inputs ``n``."""
        return int(self.right.rows)

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
        """``Lambda = E Sigma = gamma P R' + Lambda_perp``, shape ``(m, n)``."""
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

    @cached_property
    def point(self) -> sp.ImmutableMatrix:
        """``theta*``: first layer, then second layer, row by row, as a column."""
        return sp.ImmutableMatrix([*self.first_layer, *self.second_layer])

    @cached_property
    def weights(self) -> Mapping[sp.Symbol, sp.Expr]:
        """Value of every weight of the network at the minimum."""
        return dict(zip(self.network.coordinates, self.point, strict=True))

    @cached_property
    def sample_gradient(self) -> sp.ImmutableMatrix:
        """Gradient of one sample at the minimum."""
        values = {**self.weights, GAMMA: self.weight_decay}
        return self.network.sample_gradient.xreplace(values).applyfunc(sp.expand)

    @cached_property
    def mean_gradient(self) -> sp.ImmutableMatrix:
        """Expected gradient at the minimum; zero, because the teacher was made so."""
        return self.sample_gradient.applyfunc(self.network.average)

    @cached_property
    def reach(self) -> sp.ImmutableMatrix:
        """``J``: the map ``F -> (U' F, F W')``, shape ``(r (n + m), m n)``."""
        return reach(self.first_layer, self.second_layer)

    @cached_property
    def overlap(self) -> sp.ImmutableMatrix:
        """``J'J``: the map ``F -> U U' F + F W' W``, shape ``(m n, m n)``."""
        left = self.left * sp.diag(*self.singular_values) * self.left.T
        right = self.right * sp.diag(*self.singular_values) * self.right.T
        return sp.ImmutableMatrix(
            sp.kronecker_product(left, sp.eye(self.inputs))
            + sp.kronecker_product(sp.eye(self.outputs), right)
        )

    @cached_property
    def curvature(self) -> sp.ImmutableMatrix:
        """``F -> (J'J F) Sigma + gamma F - Lambda F' Lambda / gamma``, shape ``(m n, m n)``."""
        size = self.outputs * self.inputs
        behind = sp.kronecker_product(sp.eye(self.outputs), self.input_covariance)
        crossed = sp.kronecker_product(self.slope, self.slope.T) * exchange(
            self.outputs, self.inputs
        )
        return sp.ImmutableMatrix(
            behind * self.overlap + self.weight_decay * sp.eye(size) - crossed / self.weight_decay
        )

    def turn(self, i: int, j: int) -> sp.ImmutableMatrix:
        """``J' Omega_ij J``: the map ``F -> U Omega U' F - F W' Omega W``."""
        omega = generator(self.rank, i, j)
        first = self.second_layer * omega * self.second_layer.T
        second = self.first_layer.T * omega * self.first_layer
        return sp.ImmutableMatrix(
            sp.kronecker_product(first, sp.eye(self.inputs))
            - sp.kronecker_product(sp.eye(self.outputs), second.T)
        )

    def metric(self, i: int, j: int) -> sp.Expr:
        """``G_ij = 2 (s_i + s_j)``."""
        return 2 * (self.singular_values[i] + self.singular_values[j])

    @property
    def _roots(self) -> sp.ImmutableMatrix:
        return sp.ImmutableMatrix(sp.diag(*(sp.sqrt(value) for value in self.singular_values)))


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


def elliptical_noise(minimum: MapMinimum, kurtosis: sp.Expr) -> sp.ImmutableMatrix:
    """Covariance of ``F = e x'`` for elliptical inputs, flattened.

    As an operator, ``G -> (1 + kappa) (E Sigma E' G Sigma + Lambda G' Lambda)
    + kappa <Lambda, G> Lambda + N G Sigma`` with the covariance ``N`` of the label noise.

    Parameters
    ----------
    minimum : MapMinimum
    kurtosis : sympy.Expr
        ``kappa``; zero for Gaussian inputs.

    Returns
    -------
    sympy.ImmutableMatrix
        Shape ``(m n, m n)``.
    """
    covariance, slope = minimum.input_covariance, minimum.slope
    missed = minimum.residual_map * covariance * minimum.residual_map.T
    flat = sp.Matrix([*slope])
    crossed = sp.kronecker_product(slope, slope.T) * exchange(minimum.outputs, minimum.inputs)
    return sp.ImmutableMatrix(
        (1 + kurtosis) * (sp.kronecker_product(missed, covariance) + crossed)
        + kurtosis * flat * flat.T
        + sp.kronecker_product(sp.diag(*minimum.label_noise), covariance)
    )


def solve_operator(
    left: sp.MatrixBase, right: sp.MatrixBase, source: sp.MatrixBase
) -> sp.ImmutableMatrix:
    """Solve ``A X + X B = F`` over the rational numbers, exactly.

    Raises
    ------
    DMNonInvertibleMatrixError
        When ``A`` and ``-B`` share an eigenvalue.
    """
    rows, columns = source.shape
    system: dict[int, dict[int, Any]] = {}
    for i in range(rows):
        for j in range(columns):
            entries: dict[int, Any] = {}
            for k in range(rows):
                _accumulate(entries, k * columns + j, left[i, k])
            for k in range(columns):
                _accumulate(entries, i * columns + k, right[k, j])
            system[i * columns + j] = entries
    size = rows * columns
    matrix = DomainMatrix(system, (size, size), QQ).to_dense()
    known = DomainMatrix([[_rational(entry)] for entry in source], (size, 1), QQ)
    solution = matrix.lu_solve(known).to_list_flat()
    return sp.ImmutableMatrix(rows, columns, [QQ.to_sympy(value) for value in solution])


def _accumulate(entries: dict[int, Any], position: int, value: sp.Expr) -> None:
    if value != 0:
        entries[position] = entries.get(position, QQ(0)) + _rational(value)


def _rational(value: sp.Expr) -> Any:
    return QQ(int(value.p), int(value.q))


@dataclass(frozen=True)
class MapDrift:
    """Fluctuation and rotation of an exact minimum, computed on learned maps.

    Rates are for one sample per step; ``V`` in units of ``eta^3`` and ``mu`` in units of
    ``eta^2``.

    Attributes
    ----------
    minimum : MapMinimum
        With rational entries.
    noise : sympy.ImmutableMatrix
        Covariance of ``F = e x'``, shape ``(m n, m n)``.
    """

    minimum: MapMinimum
    noise: sp.ImmutableMatrix

    @cached_property
    def fluctuation(self) -> sp.ImmutableMatrix:
        """``X`` with ``B X + X B' = C``, per unit of learning rate."""
        curvature = self.minimum.curvature
        return solve_operator(curvature, curvature.T, self.noise)

    def coloured(self, i: int, j: int) -> sp.ImmutableMatrix:
        """``Y`` with ``B' Y + Y B = 2 O B``."""
        curvature = self.minimum.curvature
        source = 2 * self.minimum.turn(i, j) * curvature
        return solve_operator(curvature.T, curvature, source)

    def covariance(self, first: tuple[int, int], second: tuple[int, int]) -> sp.Expr:
        """``tr(Y' C Y X) / (G G')``, the covariance of two rotations per ``eta^3``."""
        swept = self.coloured(*first).T * self.noise * self.coloured(*second) * self.fluctuation
        return swept.trace() / (self.minimum.metric(*first) * self.minimum.metric(*second))

    def mean(self, i: int, j: int) -> sp.Expr:
        """``tr(B' O X) / G``, the mean rotation per ``eta^2``."""
        pulled = self.minimum.curvature.T * self.minimum.turn(i, j) * self.fluctuation
        return pulled.trace() / self.minimum.metric(i, j)

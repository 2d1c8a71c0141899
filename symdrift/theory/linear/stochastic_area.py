"""Drift along the manifold: the stochastic area swept by the normal fluctuation."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import sympy as sp

from symdrift.algebra.equations import solve_sylvester
from symdrift.algebra.matrices import product
from symdrift.derivation.symbols import ETA
from symdrift.theory.linear.minimum import Plane
from symdrift.theory.linear.normal_space import NormalBlock, NormalSpace


@dataclass(frozen=True)
class BlockCoupling:
    """How one hidden rotation couples two blocks of the normal space.

    The rotation, between the orthonormal bases of the blocks, is ``overlap`` times
    ``orientation``.

    Attributes
    ----------
    left, right : NormalBlock
    overlap : sympy.Expr
        ``sqrt(s_i s_j / (N_P N_Q))`` for the plane ``(i, j)``, with the squared norms
        ``N`` of the vectors of the two blocks before normalisation.
    orientation : sympy.ImmutableMatrix
        Entries 0, 1 and -1.
    """

    left: NormalBlock
    right: NormalBlock
    overlap: sp.Expr
    orientation: sp.ImmutableMatrix

    @cached_property
    def coloured_orientation(self) -> sp.ImmutableMatrix:
        """``Y`` with ``H_P Y + Y H_Q = 2 J H_Q`` for the orientation ``J``.

        It replaces the orientation because noise and fluctuation are correlated in time.
        """
        left, right = sp.Matrix(self.left.hessian), sp.Matrix(self.right.hessian)
        return sp.ImmutableMatrix(
            solve_sylvester(left, right, 2 * sp.Matrix(self.orientation) * right)
        )

    @cached_property
    def area_variance(self) -> sp.Expr:
        """``overlap^2 tr(Y' C_P Y Gamma_Q)``."""
        return self._area(self.coloured_orientation)

    @cached_property
    def white_area_variance(self) -> sp.Expr:
        """The same in the white-noise approximation: ``Y`` replaced by the orientation."""
        return self._area(self.orientation)

    def _area(self, rotation: sp.ImmutableMatrix) -> sp.Expr:
        swept = product(rotation.T, self.left.noise, rotation, self.right.fluctuation)
        return self.overlap**2 * swept.trace()


def couplings(space: NormalSpace, plane: Plane) -> tuple[BlockCoupling, ...]:
    """The ordered pairs of blocks between which a hidden rotation has an entry."""
    minimum = space.minimum
    turn = minimum.turn(plane)
    entries_of = [[d.place for d in block.directions] for block in space.blocks]
    weight = sp.sqrt(sp.Mul(*(minimum.directions[k].singular_value for k in plane)))
    found = []
    for left, rows in zip(space.blocks, entries_of, strict=True):
        for right, columns in zip(space.blocks, entries_of, strict=True):
            entries = turn.extract(rows, columns)
            if not entries.is_zero_matrix:
                orientation = entries.applyfunc(lambda entry: sp.cancel(entry / weight))
                overlap = weight / sp.sqrt(left.squared_norm * right.squared_norm)
                found.append(BlockCoupling(left, right, overlap, sp.ImmutableMatrix(orientation)))
    return tuple(found)


def rotation_variance(space: NormalSpace, plane: Plane) -> sp.Expr:
    """Variance per step of the rotation in one plane, for a batch of one sample.

    ``V = eta^2 sum tr(Y' C Y Gamma) / G^2``, the sum over ordered pairs of blocks.
    """
    area = sp.Add(*(coupling.area_variance for coupling in couplings(space, plane)))
    return ETA**2 * area / space.minimum.metric(plane) ** 2


def mean_rotation(space: NormalSpace, plane: Plane) -> sp.Expr:
    """Mean rotation per step, ``eta tr(H Omega Gamma) / G``, for a batch of one sample."""
    total = sp.Add(
        *(
            coupling.overlap
            * product(
                coupling.left.hessian, coupling.orientation, coupling.right.fluctuation
            ).trace()
            for coupling in couplings(space, plane)
            if coupling.left is coupling.right
        )
    )
    return ETA * total / space.minimum.metric(plane)

"""Stationary fluctuation in the normal space: the Lyapunov equation, block by block.

For blocks of one or two rows the matrix equations have closed solutions in traces,
determinants and adjugates (Cayley-Hamilton), which stay small where a general linear
solve does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import sympy as sp

from symdrift.algebra.rational import cancel
from symdrift.derivation.symbols import ETA
from symdrift.theory.linear.curvature import connected_blocks, hessian
from symdrift.theory.linear.gradient_noise import (
    ReachedDirection,
    gradient_noise,
    reached_directions,
)
from symdrift.theory.linear.points import AlignedMinimum


def solve_lyapunov(operator: sp.Matrix, source: sp.Matrix) -> sp.Matrix:
    """Solve ``A X + X A = Q`` for symmetric ``A`` of one or two rows.

    ``X = (det(A) Q + adj(A) Q adj(A)) / (2 tr(A) det(A))`` for two rows.
    """
    if operator.rows == 1:
        return source / (2 * operator[0])
    determinant, adjugate = operator.det(), operator.adjugate()
    return (determinant * source + adjugate * source * adjugate) / (
        2 * operator.trace() * determinant
    )


def solve_sylvester(left: sp.Matrix, right: sp.Matrix, source: sp.Matrix) -> sp.Matrix:
    """Solve ``A Y + Y B = F`` for square ``A`` and ``B`` of one or two rows.

    By Cayley-Hamilton for ``A``, ``Y (B^2 + tr(A) B + det(A)) = F B + adj(A) F``, and
    ``B^2 = tr(B) B - det(B)`` leaves a matrix of two rows to invert.
    """
    if left.rows == 1:
        shifted = left[0] * sp.eye(right.rows) + right
        return source * shifted.adjugate() / shifted.det()
    if right.rows == 1:
        shifted = right[0] * sp.eye(left.rows) + left
        return shifted.adjugate() * source / shifted.det()
    pencil = (left.trace() + right.trace()) * right + (left.det() - right.det()) * sp.eye(2)
    return (source * right + left.adjugate() * source) * pencil.adjugate() / pencil.det()


@dataclass(frozen=True)
class NormalBlock:
    """One block of the normal space that the noise reaches.

    Attributes
    ----------
    directions : tuple of ReachedDirection
        One or two; they have one common norm.
    hessian, noise : sympy.ImmutableMatrix
        Hessian and gradient noise in the orthonormal basis of the block.
    """

    directions: tuple[ReachedDirection, ...]
    hessian: sp.ImmutableMatrix
    noise: sp.ImmutableMatrix

    @property
    def squared_norm(self) -> sp.Expr:
        """Squared norm of the vectors before normalisation."""
        return self.directions[0].squared_norm

    @cached_property
    def basis(self) -> sp.ImmutableMatrix:
        """The vectors of the block as columns, not normalised."""
        return sp.ImmutableMatrix(sp.Matrix.hstack(*(d.vector for d in self.directions)))

    @cached_property
    def fluctuation(self) -> sp.ImmutableMatrix:
        """``Gamma`` with ``H Gamma + Gamma H = eta C`` for a batch of one sample."""
        return sp.ImmutableMatrix(
            solve_lyapunov(sp.Matrix(self.hessian), ETA * sp.Matrix(self.noise))
        )


@dataclass(frozen=True)
class NormalSpace:
    """The part of weight space that the noise reaches around one minimum.

    Attributes
    ----------
    minimum : AlignedMinimum
    hessian, noise : sympy.ImmutableMatrix
        In all coordinates, shape ``(p (n + m), p (n + m))``.
    blocks : tuple of NormalBlock
    """

    minimum: AlignedMinimum
    hessian: sp.ImmutableMatrix
    noise: sp.ImmutableMatrix
    blocks: tuple[NormalBlock, ...]


def normal_space(minimum: AlignedMinimum) -> NormalSpace:
    """Reduce Hessian and noise to the reached directions and find their blocks.

    Raises
    ------
    ValueError
        When two coupled directions differ in norm, so that a block would not be
        rational; it does not happen for aligned networks.
    """
    full_hessian, full_noise = hessian(minimum), gradient_noise(minimum)
    reached = reached_directions(minimum)
    basis = sp.Matrix.hstack(*(d.vector for d in reached))
    reduced = tuple(
        sp.ImmutableMatrix(basis.T * matrix * basis).applyfunc(cancel)
        for matrix in (full_hessian, full_noise)
    )
    blocks = []
    for members in connected_blocks(reduced):
        directions = tuple(reached[k] for k in members)
        if len({direction.squared_norm for direction in directions}) != 1:
            raise ValueError("directions of one block differ in norm")
        hessian_block, noise_block = (
            sp.ImmutableMatrix(matrix.extract(list(members), list(members))).applyfunc(
                lambda entry, norm=directions[0].squared_norm: sp.expand(cancel(entry / norm))
            )
            for matrix in reduced
        )
        blocks.append(NormalBlock(directions, hessian_block, noise_block))
    return NormalSpace(minimum, full_hessian, full_noise, tuple(blocks))

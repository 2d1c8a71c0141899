"""The normal space of an aligned network: blocks of the operators on learned maps.

Where teacher and inputs share axes the operators couple the entries ``il`` and ``li`` of a map
alone, and the images of these entries in weight space are orthogonal, with a common norm.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import sympy as sp

from symdrift.algebra.equations import solve_lyapunov
from symdrift.algebra.rational import cancel
from symdrift.derivation.symbols import ETA
from symdrift.theory.linear.curvature import connected_blocks, hessian
from symdrift.theory.linear.gradient_noise import gradient_noise
from symdrift.theory.linear.maps import elliptical_noise
from symdrift.theory.linear.points import AlignedMinimum


@dataclass(frozen=True)
class ReachedDirection:
    """A direction of weight space into which gradients of single samples point.

    It is the image under ``J`` of a map with a single entry.

    Attributes
    ----------
    output, input : int
        Row and column of the entry, counted from 0.
    place : int
        Where it stands in the flattened map.
    vector : sympy.ImmutableMatrix
        Shape ``(p (n + m), 1)``, not normalised.
    squared_norm : sympy.Expr
        ``s_a + s_b`` for the entry ``ab``.
    """

    output: int
    input: int
    place: int
    vector: sp.ImmutableMatrix
    squared_norm: sp.Expr


def reached_directions(minimum: AlignedMinimum) -> tuple[ReachedDirection, ...]:
    """The directions that the noise can reach, entry by entry of the learned map.

    Entries between two inactive directions have no image and are left out.
    """
    columns = [minimum.reach[:, k] for k in range(minimum.reach.cols)]
    return tuple(
        ReachedDirection(*divmod(k, minimum.inputs), k, vector, minimum.overlap[k, k])
        for k, vector in enumerate(columns)
        if not vector.is_zero_matrix
    )


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

    def within(self, matrix: sp.ImmutableMatrix) -> sp.ImmutableMatrix:
        """What a matrix in all weights is in the orthonormal basis of the block."""
        return (self.basis.T * matrix * self.basis / self.squared_norm).applyfunc(cancel)

    @cached_property
    def fluctuation(self) -> sp.ImmutableMatrix:
        """``Gamma`` with ``H Gamma + Gamma H = eta C`` for a batch of one sample."""
        return sp.ImmutableMatrix(
            solve_lyapunov(sp.Matrix(self.hessian), ETA * sp.Matrix(self.noise))
        )


@dataclass(frozen=True)
class NormalSpace:
    """The part of weight space that the noise reaches around one aligned minimum."""

    minimum: AlignedMinimum

    @cached_property
    def hessian(self) -> sp.ImmutableMatrix:
        """Second derivatives in all weights, shape ``(p (n + m), p (n + m))``."""
        return hessian(self.minimum)

    @cached_property
    def noise(self) -> sp.ImmutableMatrix:
        """Covariance of the gradient in all weights, shape ``(p (n + m), p (n + m))``."""
        return gradient_noise(self.minimum)

    @cached_property
    def map_noise(self) -> sp.ImmutableMatrix:
        """Covariance of error times input, shape ``(m n, m n)``."""
        return elliptical_noise(self.minimum, sp.Integer(0))

    @property
    def missed_curvature(self) -> sp.ImmutableMatrix:
        """``H J - J B``: what the operator on learned maps misses of the Hessian it stands for."""
        reach = self.minimum.reach
        return self.hessian * reach - reach * self.minimum.curvature

    @property
    def missed_noise(self) -> sp.ImmutableMatrix:
        """``C - J C_map J'``: what the noise on learned maps misses of that in all weights."""
        reach = self.minimum.reach
        return self.noise - reach * self.map_noise * reach.T

    @cached_property
    def blocks(self) -> tuple[NormalBlock, ...]:
        """Blocks of Hessian and noise on learned maps, in orthonormal bases of their images.

        Raises
        ------
        ValueError
            When two coupled directions differ in norm, so that a block would not be
            rational; it does not happen for aligned networks.
        """
        reached = reached_directions(self.minimum)
        places = [direction.place for direction in reached]
        operators = [
            matrix.extract(places, places) for matrix in (self.minimum.curvature, self.map_noise)
        ]
        blocks = []
        for members in map(list, connected_blocks(operators)):
            directions = tuple(reached[k] for k in members)
            norm = directions[0].squared_norm
            if any(direction.squared_norm != norm for direction in directions):
                raise ValueError("directions of one block differ in norm")
            curvature, noise = (matrix.extract(members, members) for matrix in operators)
            blocks.append(
                NormalBlock(
                    directions, curvature.applyfunc(sp.expand), (norm * noise).applyfunc(sp.expand)
                )
            )
        return tuple(blocks)

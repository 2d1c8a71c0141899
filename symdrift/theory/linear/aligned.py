"""The aligned network of any size, from representative indices and a sum over ``l``.

The rotation of the hidden units ``i`` and ``j`` couples the block of ``(i, l)`` to the
block of ``(j, l)`` for each ``l``, and nothing else.  Three directions ``i``, ``j``,
``l`` therefore contain one term of the sum completely, and the number of inputs can
stay a symbol.  Two directions contain the terms ``l = i`` and ``l = j``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import sympy as sp

from symdrift.algebra.rational import replaced
from symdrift.derivation.symbols import ETA, symbol
from symdrift.theory.linear.normal_space import NormalBlock, NormalSpace
from symdrift.theory.linear.points import AlignedMinimum, Direction, active_direction
from symdrift.theory.linear.stochastic_area import BlockCoupling, couplings


def any_direction(index: str) -> Direction:
    """A direction that may be active or not: ``s`` and ``E`` are separate symbols.

    At a minimum they satisfy ``s (gamma - lambda E) = 0``.
    """
    return Direction(
        index=index,
        input_variance=symbol("input_variance", index),
        label_noise=symbol("label_noise", index) ** 2,
        singular_value=symbol("singular_value", index),
        residual=symbol("residual_map", index),
    )


@dataclass(frozen=True)
class DriftTerm:
    """What one index ``l`` adds to ``V_ij G_ij^2 / eta^2``, for a batch of one sample.

    Attributes
    ----------
    couplings : tuple of BlockCoupling
        From the block of ``(i, l)`` to that of ``(j, l)``, and back.
    """

    couplings: tuple[BlockCoupling, BlockCoupling]

    @property
    def exact(self) -> sp.Expr:
        """``overlap^2 (tr(Y' C_P Y Gamma_Q) + tr(Z C_Q Z' Gamma_P))``."""
        return sp.Add(*(coupling.area_variance for coupling in self.couplings))

    @property
    def white_noise(self) -> sp.Expr:
        """The same with ``Y`` and ``Z`` replaced by the rotation itself."""
        return sp.Add(*(coupling.white_area_variance for coupling in self.couplings))


@dataclass(frozen=True)
class RepresentativeDrift:
    """Blocks and drift terms of a generic plane ``(i, j)``.

    Attributes
    ----------
    diagonal_block : NormalBlock
        The block of ``(i, i)``.
    pair_block : NormalBlock
        The block of ``(i, l)``, ``l`` any other direction.
    own_term : DriftTerm
        The term ``l = i``.
    other_term : DriftTerm
        The term of any ``l`` other than ``i`` and ``j``, active or not.
    squared_length : sympy.Expr
        ``G_ij``.
    """

    diagonal_block: NormalBlock
    pair_block: NormalBlock
    own_term: DriftTerm
    other_term: DriftTerm
    squared_length: sp.Expr

    def rotation_variance(self, directions: Sequence[Direction], i: int, j: int) -> sp.Expr:
        """``V_ij`` of a network with these directions, for a batch of one sample.

        Parameters
        ----------
        directions : sequence of Direction
            All directions of the network.
        i, j : int
            Positions of two active directions.
        """
        own = (
            replaced(self.own_term.exact, renaming(i=directions[i], j=directions[j])),
            replaced(self.own_term.exact, renaming(i=directions[j], j=directions[i])),
        )
        others = (
            replaced(self.other_term.exact, renaming(i=directions[i], j=directions[j], l=direction))
            for l, direction in enumerate(directions)
            if l not in (i, j)
        )
        squared_length = self.squared_length.xreplace(renaming(i=directions[i], j=directions[j]))
        return ETA**2 * sp.Add(*own, *others) / squared_length**2


def renaming(**directions: Direction) -> dict[sp.Symbol, sp.Expr]:
    """Substitution that puts directions in the place of the indices ``i``, ``j``, ``l``."""
    substitution: dict[sp.Symbol, sp.Expr] = {}
    for index, direction in directions.items():
        substitution |= {
            symbol("input_variance", index): direction.input_variance,
            symbol("label_noise", index): sp.sqrt(direction.label_noise),
            symbol("singular_value", index): direction.singular_value,
            symbol("residual_map", index): direction.residual,
        }
    return substitution


def block_of(space: NormalSpace, output: int, input_: int) -> NormalBlock:
    """The block that contains the direction of one output and one input."""
    for block in space.blocks:
        if any((d.output, d.input) == (output, input_) for d in block.directions):
            return block
    raise KeyError((output, input_))


def representative_drift() -> RepresentativeDrift:
    """Derive blocks and drift terms on the sub-network of the indices ``i``, ``j``, ``l``."""
    directions = (active_direction("i"), active_direction("j"), any_direction("l"))
    space = NormalSpace(AlignedMinimum(directions, hidden=3, inputs=3, outputs=3))
    found = couplings(space, (0, 1))

    def term(l: int) -> DriftTerm:
        first, second = block_of(space, 0, l), block_of(space, 1, l)
        (forward,) = (c for c in found if c.left is first and c.right is second)
        (backward,) = (c for c in found if c.left is second and c.right is first)
        return DriftTerm((forward, backward))

    own, other = term(0), term(2)
    return RepresentativeDrift(
        diagonal_block=own.couplings[0].left,
        pair_block=other.couplings[0].left,
        own_term=own,
        other_term=other,
        squared_length=space.minimum.metric((0, 1)),
    )


@dataclass(frozen=True)
class Counterpart:
    """A coupled pair of blocks of an explicit network, and the generic pair it should be.

    Attributes
    ----------
    found : BlockCoupling
        From the full matrices of the explicit network.
    generic : BlockCoupling
        From the representative indices.
    names : dict
        Puts the directions of the explicit network into the generic pair.
    """

    found: BlockCoupling
    generic: BlockCoupling
    names: dict[sp.Symbol, sp.Expr]


def counterparts(space: NormalSpace, drift: RepresentativeDrift) -> Iterator[Counterpart]:
    """Pair what the first plane couples in an explicit network with the generic couplings."""
    directions = space.minimum.directions
    for found in couplings(space, (0, 1)):
        left_axes, right_axes = (
            {axis for direction in block.directions for axis in (direction.output, direction.input)}
            for block in (found.left, found.right)
        )
        (l,) = left_axes & right_axes
        if l < 2:
            generic = drift.own_term.couplings[found.left.hessian.rows - 1]
            names = renaming(i=directions[l], j=directions[1 - l])
        else:
            generic = drift.other_term.couplings[1 - (0 in left_axes)]
            names = renaming(i=directions[0], j=directions[1], l=directions[l])
        yield Counterpart(found, generic, names)

"""The aligned network of any size, from representative indices and a sum over ``l``.

The rotation of the hidden units ``i`` and ``j`` couples the block of ``(i, l)`` to the
block of ``(j, l)`` for each ``l``, and nothing else.  Three directions ``i``, ``j``,
``l`` therefore contain one term of the sum completely, and the number of inputs can
stay a symbol.  Two directions contain the terms ``l = i`` and ``l = j``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import sympy as sp

from symdrift.algebra.rational import cancel, is_zero, replaced
from symdrift.derivation.symbols import ETA, GAMMA, symbol
from symdrift.errors import CheckFailed
from symdrift.theory.linear.normal_space import NormalBlock, NormalSpace, normal_space
from symdrift.theory.linear.points import AlignedMinimum, Direction, active_direction
from symdrift.theory.linear.stochastic_area import BlockCoupling, couplings, metric


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


def use_stationarity(block: NormalBlock, direction: Direction) -> NormalBlock:
    """Simplify a pair block by ``s (gamma - kappa) = 0`` of its second direction.

    The off-diagonal entry ``-(kappa s_i + gamma s_l) / (s_i + s_l)`` becomes ``-kappa``.

    Raises
    ------
    CheckFailed
        When an entry changes for an active or for an inactive second direction.
    """
    hessian = sp.Matrix(block.hessian)
    for row, column in ((0, 1), (1, 0)):
        hessian[row, column] = cancel(hessian[row, column].subs(GAMMA, direction.coupling))
    for case in (
        {direction.residual: GAMMA / direction.input_variance},
        {direction.singular_value: sp.Integer(0)},
    ):
        if not all(is_zero(entry) for entry in (hessian - block.hessian).xreplace(case)):
            raise CheckFailed("the pair block is not one formula for active and inactive axes")
    return replace(block, hessian=sp.ImmutableMatrix(hessian))


def representative_drift() -> RepresentativeDrift:
    """Derive blocks and drift terms on the sub-network of the indices ``i``, ``j``, ``l``."""
    directions = (active_direction("i"), active_direction("j"), any_direction("l"))
    space = normal_space(AlignedMinimum(directions, hidden=3, inputs=3, outputs=3))
    found = couplings(space, (0, 1))

    def term(first: NormalBlock, second: NormalBlock, l: int) -> DriftTerm:
        def between(left: NormalBlock, right: NormalBlock) -> BlockCoupling:
            (coupling,) = (c for c in found if c.left is left and c.right is right)
            if l < 2:
                return coupling
            return replace(
                coupling,
                left=use_stationarity(left, directions[l]),
                right=use_stationarity(right, directions[l]),
            )

        return DriftTerm((between(first, second), between(second, first)))

    own = term(block_of(space, 0, 0), block_of(space, 1, 0), 0)
    other = term(block_of(space, 0, 2), block_of(space, 1, 2), 2)
    return RepresentativeDrift(
        diagonal_block=own.couplings[0].left,
        pair_block=other.couplings[0].left,
        own_term=own,
        other_term=other,
        squared_length=metric(space, (0, 1)),
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

"""Rotations of a rule as areas that its fluctuation sweeps, block by block, with symbols."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property

import sympy as sp
from sympy.polys.matrices import DomainMatrix

from symdrift.algebra.matrices import product
from symdrift.algebra.rational import cancel, factor, is_zero, solve_linear
from symdrift.errors import CheckFailed
from symdrift.theory.rules.rule_on_axes import Block, RuleOnAxes, Vector


@dataclass(frozen=True, eq=False)
class StableBlock:
    """What returns to the orbit of the weights of a block, in coordinates.

    Attributes
    ----------
    block : tuple of int
        Positions of its weights.
    basis : sympy.ImmutableMatrix
        Directions as columns, shape ``(weights, k)``.
    coordinates : sympy.ImmutableMatrix
        From a change of its weights, shape ``(k, weights)``.
    flow : sympy.ImmutableMatrix
        ``J`` in them, shape ``(k, k)``.
    jumps : sympy.ImmutableMatrix
        ``zeta`` of a sample in them: what to multiply ``phi`` with.
    noise : sympy.ImmutableMatrix
        ``C`` in them.
    fluctuation : sympy.ImmutableMatrix
        ``Gamma / eta`` in them.
    """

    block: Block
    basis: sp.ImmutableMatrix
    coordinates: sp.ImmutableMatrix
    flow: sp.ImmutableMatrix
    jumps: sp.ImmutableMatrix
    noise: sp.ImmutableMatrix
    fluctuation: sp.ImmutableMatrix


@dataclass(frozen=True, eq=False)
class RuleArea:
    """The rotation in the plane of the first two hidden axes.

    Attributes
    ----------
    rule : RuleOnAxes
    layer : int
        Which hidden layer turns, counted from zero.
    """

    rule: RuleOnAxes
    layer: int = 0

    @cached_property
    def tangent(self) -> Vector:
        """``Omega theta*``."""
        return self.rule.tangents(0, 1)[self.layer]

    @cached_property
    def reading(self) -> Vector:
        """``psi``: ``psi J = 0``, and of the tangents of all layers it reads its own as 1."""
        return _readings(self.rule, 0, 1)[self.layer]

    @cached_property
    def direct(self) -> sp.ImmutableMatrix:
        """``<psi, F>`` of a sample: what to multiply ``phi`` with."""
        return _reduced(sp.Matrix([self.reading]) * self.rule.update)

    @cached_property
    def form(self) -> sp.ImmutableMatrix:
        """``b`` on all weights."""
        return self.rule.form(self.reading)

    @cached_property
    def stable(self) -> tuple[StableBlock, ...]:
        """Each block of weights."""
        return tuple(_stable(self.rule, block) for block in self.rule.blocks)

    def corrector(self, first: StableBlock, second: StableBlock) -> sp.ImmutableMatrix:
        """``K`` between two blocks: ``J' K + K J + b = 0``."""
        bent = product(first.basis.T, self.form.extract(first.block, second.block), second.basis)
        return sylvester(first.flow.T, second.flow, bent)

    def response(self, first: StableBlock) -> sp.ImmutableMatrix:
        """``u`` of a sample in the coordinates of a block: what to multiply ``phi`` with."""
        total = product(first.basis.T, self.slopes.extract(first.block, _all(self.slopes)))
        for block in self.rule.blocks:
            if any(self.form[k, m] != 0 for k in first.block for m in block):
                second = _stable(self.rule, block)
                total += product(2 * self.corrector(first, second), second.jumps)
        return _reduced(total)

    @cached_property
    def slopes(self) -> sp.ImmutableMatrix:
        """``(DF)' psi`` of a sample."""
        return self.rule.slopes(self.reading)

    @cached_property
    def shares(self) -> Mapping[tuple[int, ...], sp.Expr]:
        """What each further axis adds to ``V / eta^3``; the plane's own axes add that of ``()``."""
        return self.shares_with(self)

    def shares_with(self, other: RuleArea) -> Mapping[tuple[int, ...], sp.Expr]:
        """The same of the covariance with the rotation of another hidden layer."""
        found: dict[tuple[int, ...], sp.Expr] = {}
        for stable in self.stable:
            if (share := self._share(stable, other)) != 0:
                axes = tuple(k for k in self.rule.axes_of(stable.block) if k > 1)
                found[axes] = factor(found.get(axes, sp.S.Zero) + share)
        return found

    def share_of(self, axis: int) -> sp.Expr:
        """What one further axis adds, from its own blocks and those that they are bent with."""
        blocks = (block for block in self.rule.blocks if axis in self.rule.axes_of(block))
        return factor(sp.Add(*(self._share(_stable(self.rule, block), self) for block in blocks)))

    def _share(self, stable: StableBlock, other: RuleArea) -> sp.Expr:
        response = self.response(stable)
        if not any(response):
            return sp.S.Zero
        second = _reduced(product(response, self.rule.moments, other.response(stable).T))
        return product(second, stable.fluctuation).trace()

    @cached_property
    def mean_rotation(self) -> sp.Expr:
        """``mu / eta^2``."""
        total = sp.S.Zero
        for stable in self.stable:
            bent = product(
                stable.basis.T, self.form.extract(stable.block, stable.block), stable.basis
            )
            total += product(bent, stable.fluctuation).trace()
        return cancel(total) if total != 0 else total


@cache
def _stable(rule: RuleOnAxes, block: Block) -> StableBlock:
    """Coordinates of what returns to the orbit, and its stationary covariance."""
    size = len(block)
    own = sp.ImmutableMatrix(rule.jacobian.extract(block, block))
    axes = rule.axes_of(block)
    learned = len(rule.entries[0])
    basis, coordinates = sp.eye(size), sp.eye(size)
    if len(axes) == 2 and max(axes) < learned:
        tangents, read = (
            sp.Matrix([[vector[k] for k in block] for vector in found])
            for found in (rule.tangents(*axes), _readings(rule, *axes))
        )
        pivots = list(read.rref(iszerofunc=is_zero)[1])
        others = [k for k in range(size) if k not in pivots]
        solved = -read.extract(list(range(read.rows)), pivots).inv() * read
        basis = sp.zeros(size, len(others))
        for place, k in enumerate(others):
            basis[k, place] = 1
            for row, pivot in enumerate(pivots):
                basis[pivot, place] = solved[row, k]
        coordinates = (sp.eye(size) - tangents.T * read).extract(others, list(range(size)))
    flow = product(coordinates, own, basis).applyfunc(cancel)
    jumps = _reduced(product(coordinates, rule.update.extract(block, _all(rule.update))))
    noise = _reduced(product(jumps, rule.moments, jumps.T))
    fluctuation = sylvester(flow, flow.T, noise)
    matrices = map(sp.ImmutableMatrix, (basis, coordinates, flow, jumps, noise, fluctuation))
    return StableBlock(block, *matrices)


@cache
def _readings(rule: RuleOnAxes, i: int, j: int) -> tuple[Vector, ...]:
    """The left null vectors that read the rotations of each hidden layer in a plane."""
    tangents = rule.tangents(i, j)
    moved = next(k for k, entry in enumerate(tangents[0]) if entry != 0)
    block = next(block for block in rule.blocks if moved in block)
    own = rule.jacobian.extract(list(block), list(block))
    null = DomainMatrix.from_Matrix(own.T).to_field().nullspace().to_Matrix()
    if null.rows != len(tangents):
        raise CheckFailed(
            f"the orbit explains {len(tangents)} of {null.rows} directions that stand still"
        )
    lengths = null * sp.Matrix([[tangent[k] for k in block] for tangent in tangents]).T
    found = sp.zeros(len(tangents), len(tangents[0]))
    for place, column in enumerate(block):
        found[:, column] = (lengths.inv() * null[:, place]).applyfunc(factor)
    return tuple(tuple(found.row(layer)) for layer in range(found.rows))


def sylvester(left: sp.MatrixBase, right: sp.MatrixBase, source: sp.MatrixBase) -> sp.Matrix:
    """Solution of ``A X + X B + S = 0``."""
    rows, columns = source.shape
    if all(entry == 0 for entry in source):
        return sp.zeros(rows, columns)
    system = sp.kronecker_product(left, sp.eye(columns)) + sp.kronecker_product(
        sp.eye(rows), sp.Matrix(right).T
    )
    return sp.Matrix(rows, columns, solve_linear(system, -sp.Matrix(list(source))))


def _reduced(matrix: sp.MatrixBase) -> sp.ImmutableMatrix:
    return sp.ImmutableMatrix(matrix.applyfunc(cancel))


def _all(matrix: sp.MatrixBase) -> list[int]:
    return list(range(matrix.cols))

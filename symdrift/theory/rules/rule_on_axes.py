"""A rule on the axes of its inputs, with symbols for all numbers: what its terms give there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import sympy as sp

from symdrift.algebra.matrix_terms import Letter, Term, rebuilt
from symdrift.algebra.rational import cancel
from symdrift.evaluation.any_rule.traced_rule import TracedRule

Vector = tuple[sp.Expr, ...]
"""One entry for each weight."""

Values = dict[Letter, sp.ImmutableMatrix]
"""Matrices by letter."""

Block = tuple[int, ...]
"""Positions of weights that the mean dynamics mixes."""


@dataclass(frozen=True, eq=False)
class RuleOnAxes:
    """A rule at the fixed point where each hidden unit has an axis of the inputs for itself.

    Gaussian inputs with independent axes, of which the first are learned, and no label noise.

    Attributes
    ----------
    traced : TracedRule
        With letters for its parameters.
    parameters : Mapping of Letter to sympy.Expr or sympy.ImmutableMatrix
        What stands for them.
    variances : tuple of sympy.Expr
        Of the inputs, shape ``(n,)``.
    entries : tuple of tuple of sympy.Expr
        Of each weight matrix the diagonal, one entry for each hidden unit.
    """

    traced: TracedRule
    parameters: Mapping[Letter, sp.Basic]
    variances: tuple[sp.Expr, ...]
    entries: tuple[tuple[sp.Expr, ...], ...]

    @cached_property
    def products(self) -> tuple[tuple[int, int], ...]:
        """Pairs of inputs ``a <= b``: what of a sample an update depends on, beside a constant."""
        size = len(self.variances)
        return tuple((a, b) for a in range(size) for b in range(a, size))

    @cached_property
    def moments(self) -> sp.ImmutableMatrix:
        """``E[phi phi']`` of the vector ``phi`` of 1 and of all `products`."""
        own = [(), *self.products]
        return sp.ImmutableMatrix([[self._moment((*a, *b)) for b in own] for a in own])

    @cached_property
    def weights(self) -> tuple[tuple[str, int, int], ...]:
        """Matrix, row and column of each weight."""
        return tuple(
            (name, row, column)
            for name, shape in zip(self.traced.rule.weights, self.traced.shapes, strict=True)
            for row in range(shape[0])
            for column in range(shape[1])
        )

    @cached_property
    def update(self) -> sp.ImmutableMatrix:
        """``F`` of a sample at the fixed point: what to multiply ``phi`` with."""
        return self._of_samples(self.traced.terms, {})

    @cached_property
    def mean(self) -> Vector:
        """``f = E[F]`` there, which is zero."""
        return self._averaged(self.traced.terms, {})

    @cached_property
    def jacobian(self) -> sp.ImmutableMatrix:
        """``J = Df``, shape ``(N, N)``."""
        moved = self.traced.moved(self.traced.terms)
        rows = [self._averaged(moved, change) for change in self._directions]
        return sp.ImmutableMatrix(rows).T

    def tangents(self, i: int, j: int) -> tuple[Vector, ...]:
        """``Omega_ij theta*`` of each hidden layer."""
        return tuple(self._tangent(layer, i, j) for layer in self.traced.rule.hidden_axes)

    def _tangent(self, hidden: str, i: int, j: int) -> Vector:
        generator = sp.zeros(self.traced.sizes[hidden])
        generator[i, j], generator[j, i] = 1, -1
        found: list[sp.Expr] = []
        for axes, matrix in zip(self.traced.rule.weights.values(), self._point, strict=True):
            change = sp.zeros(*matrix.shape)
            if axes[0] == hidden:
                change += generator * matrix
            if axes[1] == hidden:
                change -= matrix * generator
            found += list(change)
        return tuple(found)

    def slopes(self, reading: Sequence[sp.Expr]) -> sp.ImmutableMatrix:
        """``(DF)' psi`` of a sample: what to multiply ``phi`` with."""
        return self._of_samples(self.traced.slopes, self._read(reading))

    def form(self, reading: Sequence[sp.Expr]) -> sp.ImmutableMatrix:
        """``b``, with ``b(n, n) = <psi, D^2 f[n, n]> / 2``, shape ``(N, N)``."""
        bent, read = self.traced.moved(self.traced.slopes), self._read(reading)
        rows = [self._averaged(bent, read | change) for change in self._directions]
        return sp.ImmutableMatrix(rows) / 2

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """Weights that the mean dynamics mixes with each other."""
        found: list[set[int]] = []
        for k in range(len(self.weights)):
            near = {k, *(m for m in range(len(self.weights)) if self.jacobian[k, m] != 0)}
            meeting = [block for block in found if block & near]
            found = [block for block in found if not block & near]
            found.append(near.union(*meeting))
        return tuple(sorted(tuple(sorted(block)) for block in found))

    def axes_of(self, block: Block) -> tuple[int, ...]:
        """The axes that the weights of a block join."""
        return tuple(sorted({axis for k in block for axis in self.weights[k][1:]}))

    def _paired(self, first: sp.MatrixBase, second: sp.MatrixBase) -> Values:
        """Two changes of the input, column by column, without label noise."""
        still = sp.ImmutableMatrix.zeros(self.traced.sizes["outputs"], first.cols)
        pairs = zip(self.traced.pairs, (first, second), strict=True)
        return {letter: value for (moved, noise), change in pairs
                for letter, value in ((moved, change), (noise, still))}  # fmt: skip

    @cached_property
    def _directions(self) -> tuple[Values, ...]:
        """A change of each weight by one."""
        units = sp.eye(len(self.weights))
        return tuple(
            dict(zip(self.traced.changes, self._matrices(list(units.row(k))), strict=True))
            for k in range(units.rows)
        )

    @cached_property
    def _point(self) -> tuple[sp.ImmutableMatrix, ...]:
        return tuple(
            sp.ImmutableMatrix(*shape, lambda a, b, d=diagonal: d[a] if a == b else 0)
            for shape, diagonal in zip(self.traced.shapes, self.entries, strict=True)
        )

    def _moment(self, places: tuple[int, ...]) -> sp.Expr:
        """Moment of independent Gaussian inputs up to the fourth."""
        factors = []
        for place in set(places):
            count = places.count(place)
            factors.append(sp.factorial2(count - 1) * self.variances[place] ** (count // 2))
            if count % 2:
                return sp.S.Zero
        return sp.Mul(*factors)

    def _matrices(self, vector: Sequence[sp.Expr]) -> tuple[sp.ImmutableMatrix, ...]:
        found, start = [], 0
        for rows, columns in self.traced.shapes:
            part = vector[start : start + rows * columns]
            found.append(sp.ImmutableMatrix(rows, columns, list(part)))
            start += rows * columns
        return tuple(found)

    def _read(self, reading: Sequence[sp.Expr]) -> Values:
        return dict(zip(self.traced.readings, self._matrices(reading), strict=True))

    def _averaged(self, terms: Sequence[Term | None], values: Values) -> Vector:
        """Expectation over samples: half of what the columns of two matrices change together."""
        size = len(self.variances)
        pair = self._paired(
            sp.ImmutableMatrix(sp.eye(size)), sp.ImmutableMatrix(sp.diag(*self.variances))
        )
        still = self._vector(terms, values)
        swept = self._vector(self.traced.twice(terms), values | pair)
        return tuple(cancel(one + other / 2) for one, other in zip(still, swept, strict=True))

    def _of_samples(self, terms: Sequence[Term | None], values: Values) -> sp.ImmutableMatrix:
        """Terms as what to multiply ``phi`` with."""
        twice, units = self.traced.twice(terms), sp.ImmutableMatrix(sp.eye(len(self.variances)))
        columns = [self._vector(terms, values)]
        for a, b in self.products:
            found = self._vector(twice, values | self._paired(units.col(a), units.col(b)))
            columns.append(tuple(entry / 2 for entry in found) if a == b else found)
        return sp.ImmutableMatrix(columns).T.applyfunc(cancel)

    def _vector(self, terms: Sequence[Term | None], values: Values) -> Vector:
        """Entries of terms with the axes of the weights; without a sample, where none is left."""
        traced = self.traced
        known = {s: sp.ImmutableMatrix.zeros(traced.sizes[s.rows], 1) for s in traced.samples}
        known |= dict(zip(traced.letters, self._point, strict=True)) | values
        known |= dict(self.parameters)
        found = iter(rebuilt([t for t in terms if t is not None], known, sp.Rational))
        entries: list[sp.Expr] = []
        for term, shape in zip(terms, self.traced.shapes, strict=True):
            entries += list(sp.zeros(*shape) if term is None else next(found))
        return tuple(entries)

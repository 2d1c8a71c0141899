"""A rule on the axes of its inputs, with symbols for all numbers: what its terms give there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import sympy as sp

from symdrift.algebra.matrix_terms import (
    SAMPLE,
    Letter,
    Term,
    differential,
    gradient,
    rebuilt,
)
from symdrift.algebra.rational import cancel
from symdrift.rules.rule import Rule

Vector = tuple[sp.Expr, ...]
"""One entry for each weight."""

Values = dict[Letter, sp.ImmutableMatrix]
"""Matrices by letter."""

Block = tuple[int, ...]
"""Positions of weights that the mean dynamics mixes."""


@dataclass(frozen=True, eq=False)
class RuleOnAxes:
    """A rule at the fixed point where each hidden unit has an axis of the inputs for itself.

    Gaussian inputs with independent axes, of which the first are learned.

    Attributes
    ----------
    rule : Rule
        With letters for its parameters.
    parameters : Mapping of Letter to sympy.Expr
        What stands for them.
    variances : tuple of sympy.Expr
        Of the inputs, shape ``(n,)``.
    entries : tuple of tuple of sympy.Expr
        Of each weight matrix the diagonal, one entry for each hidden unit.
    sizes : Mapping of str to int
        Length of each axis by its name.
    """

    rule: Rule
    parameters: Mapping[Letter, sp.Expr]
    variances: tuple[sp.Expr, ...]
    entries: tuple[tuple[sp.Expr, ...], ...]
    sizes: Mapping[str, int]

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
            for name, shape in zip(self.rule.weights, self._shapes, strict=True)
            for row in range(shape[0])
            for column in range(shape[1])
        )

    @cached_property
    def update(self) -> sp.ImmutableMatrix:
        """``F`` of a sample at the fixed point: what to multiply ``phi`` with."""
        return self._of_samples(self._terms, {})

    @cached_property
    def mean(self) -> Vector:
        """``f = E[F]`` there, which is zero."""
        return self._averaged(self._terms, {})

    @cached_property
    def jacobian(self) -> sp.ImmutableMatrix:
        """``J = Df``, shape ``(N, N)``."""
        moved = self._moved(self._terms)
        rows = [self._averaged(moved, change) for change in self._directions]
        return sp.ImmutableMatrix(rows).T

    def tangent(self, i: int, j: int) -> Vector:
        """``Omega_ij theta*``."""
        (hidden,) = self.rule.hidden_axes
        generator = sp.zeros(self.sizes[hidden])
        generator[i, j], generator[j, i] = 1, -1
        found: list[sp.Expr] = []
        for axes, matrix in zip(self.rule.weights.values(), self._point, strict=True):
            change = sp.zeros(*matrix.shape)
            if axes[0] == hidden:
                change += generator * matrix
            if axes[1] == hidden:
                change -= matrix * generator
            found += list(change)
        return tuple(found)

    def slopes(self, reading: Sequence[sp.Expr]) -> sp.ImmutableMatrix:
        """``(DF)' psi`` of a sample: what to multiply ``phi`` with."""
        return self._of_samples(self._slopes, self._read(reading))

    def form(self, reading: Sequence[sp.Expr]) -> sp.ImmutableMatrix:
        """``b``, with ``b(n, n) = <psi, D^2 f[n, n]> / 2``, shape ``(N, N)``."""
        bent, read = self._moved(self._slopes), self._read(reading)
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

    @cached_property
    def _letters(self) -> tuple[Letter, ...]:
        return tuple(Letter(*axes, name) for name, axes in self.rule.weights.items())

    @cached_property
    def _samples(self) -> tuple[Letter, Letter]:
        return Letter("inputs", SAMPLE, "x"), Letter("outputs", SAMPLE, "label_noise")

    @cached_property
    def _pair(self) -> tuple[Letter, Letter]:
        """Two changes of the sample."""
        return Letter("inputs", SAMPLE, "x_1"), Letter("inputs", SAMPLE, "x_2")

    @cached_property
    def _terms(self) -> tuple[Term, ...]:
        return self.rule.update(self._letters, *self._samples)

    @cached_property
    def _readings(self) -> tuple[Letter, ...]:
        return tuple(self._marked(letter, "psi_") for letter in self._letters)

    @cached_property
    def _changes(self) -> tuple[Letter, ...]:
        return tuple(self._marked(letter, "d") for letter in self._letters)

    @cached_property
    def _directions(self) -> tuple[Values, ...]:
        """A change of each weight by one."""
        units = sp.eye(len(self.weights))
        return tuple(
            dict(zip(self._changes, self._matrices(list(units.row(k))), strict=True))
            for k in range(units.rows)
        )

    @cached_property
    def _slopes(self) -> tuple[Term | None, ...]:
        """Of ``<psi, F>`` in the weights."""
        return gradient(self._terms, self._readings, self._letters)

    @cached_property
    def _shapes(self) -> tuple[tuple[int, int], ...]:
        return tuple((self.sizes[r], self.sizes[c]) for r, c in self.rule.weights.values())

    @cached_property
    def _point(self) -> tuple[sp.ImmutableMatrix, ...]:
        return tuple(
            sp.ImmutableMatrix(*shape, lambda a, b, d=diagonal: d[a] if a == b else 0)
            for shape, diagonal in zip(self._shapes, self.entries, strict=True)
        )

    @staticmethod
    def _marked(letter: Letter, mark: str) -> Letter:
        return Letter(letter.rows, letter.columns, f"{mark}{letter.name}")

    def _moment(self, places: tuple[int, ...]) -> sp.Expr:
        """Moment of independent Gaussian inputs up to the fourth."""
        factors = []
        for place in set(places):
            count = places.count(place)
            factors.append(sp.factorial2(count - 1) * self.variances[place] ** (count // 2))
            if count % 2:
                return sp.S.Zero
        return sp.Mul(*factors)

    def _moved(self, terms: Sequence[Term | None]) -> tuple[Term | None, ...]:
        return _differential(terms, dict(zip(self._letters, self._changes, strict=True)))

    def _twice(self, terms: Sequence[Term | None]) -> tuple[Term | None, ...]:
        """Second differential in the sample."""
        for change in self._pair:
            terms = _differential(terms, {self._samples[0]: change})
        return tuple(terms)

    def _matrices(self, vector: Sequence[sp.Expr]) -> tuple[sp.ImmutableMatrix, ...]:
        found, start = [], 0
        for rows, columns in self._shapes:
            part = vector[start : start + rows * columns]
            found.append(sp.ImmutableMatrix(rows, columns, list(part)))
            start += rows * columns
        return tuple(found)

    def _read(self, reading: Sequence[sp.Expr]) -> Values:
        return dict(zip(self._readings, self._matrices(reading), strict=True))

    def _averaged(self, terms: Sequence[Term | None], values: Values) -> Vector:
        """Expectation over samples: half of what the columns of two matrices change together."""
        size = len(self.variances)
        pair = sp.ImmutableMatrix(sp.eye(size)), sp.ImmutableMatrix(sp.diag(*self.variances))
        still = self._vector(terms, values)
        swept = self._vector(self._twice(terms), values | dict(zip(self._pair, pair, strict=True)))
        return tuple(cancel(one + other / 2) for one, other in zip(still, swept, strict=True))

    def _of_samples(self, terms: Sequence[Term | None], values: Values) -> sp.ImmutableMatrix:
        """Terms as what to multiply ``phi`` with."""
        twice, units = self._twice(terms), sp.ImmutableMatrix(sp.eye(len(self.variances)))
        columns = [self._vector(terms, values)]
        for a, b in self.products:
            pair = dict(zip(self._pair, (units.col(a), units.col(b)), strict=True))
            found = self._vector(twice, values | pair)
            columns.append(tuple(entry / 2 for entry in found) if a == b else found)
        return sp.ImmutableMatrix(columns).T.applyfunc(cancel)

    def _vector(self, terms: Sequence[Term | None], values: Values) -> Vector:
        """Entries of terms with the axes of the weights; without a sample, where none is left."""
        samples = sp.zeros(self.sizes["inputs"], 1), sp.zeros(self.sizes["outputs"], 1)
        known = dict(zip(self._samples, map(sp.ImmutableMatrix, samples), strict=True))
        known |= dict(zip(self._letters, self._point, strict=True)) | values | dict(self.parameters)
        found = iter(rebuilt([t for t in terms if t is not None], known, sp.Rational))
        entries: list[sp.Expr] = []
        for term, shape in zip(terms, self._shapes, strict=True):
            entries += list(sp.zeros(*shape) if term is None else next(found))
        return tuple(entries)


def _differential(
    terms: Sequence[Term | None], changes: Mapping[Letter, Term]
) -> tuple[Term | None, ...]:
    found = iter(differential([term for term in terms if term is not None], changes))
    return tuple(None if term is None else next(found) for term in terms)

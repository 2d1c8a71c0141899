"""The step of any rule as a list of a few operations on matrices.

Every sum of products becomes one operation that goes over its entries once: the step of a weight
matrix is ``W <- W + eta F``, and what several terms use is computed once.  Chains of products are
put in the order that takes fewest multiplications.  Numbers are kept apart from the operations, so
that code made for these serves all values of parameters.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np

from symdrift.algebra.matrix_terms import (
    SAMPLE,
    SCALAR,
    Given,
    Identity,
    Inverted,
    Letter,
    Multiple,
    Product,
    Sum,
    Term,
    Traced,
    Transposed,
    in_order,
)
from symdrift.evaluation.any_rule.traced_rule import TracedRule
from symdrift.study.learner import Learner
from symdrift.study.problem import Array

WEIGHTS, INPUTS, LABEL_NOISE, BUFFER, NUMBERS = range(5)
"""Where matrices stand: all are in lanes but the numbers, which are the same for all networks."""


class View(NamedTuple):
    """A matrix in some memory: entry ``i, j`` stands at ``first + i down + j across``."""

    memory: int
    first: int
    down: int
    across: int
    rows: int
    columns: int

    @property
    def T(self) -> View:
        """The transpose, in the same place."""
        return View(self.memory, self.first, self.across, self.down, self.columns, self.rows)


class Item(NamedTuple):
    """A number, times scalars, times one matrix or the product of two."""

    number: int
    scalars: tuple[View, ...]
    factors: tuple[View, ...]


class Combine(NamedTuple):
    """``target = sum of items``."""

    target: View
    items: tuple[Item, ...]

    @property
    def terms(self) -> int:
        """Products that are added up for one entry."""
        return sum(each.factors[0].columns if len(each.factors) > 1 else 1 for each in self.items)


class Invert(NamedTuple):
    """Invert in place, of a matrix or a scalar."""

    target: View


class Trace(NamedTuple):
    """``target = trace(source)``."""

    target: View
    source: View


Operation = Combine | Invert | Trace


@dataclass(frozen=True, eq=False)
class StepProgram:
    """One step of learning.

    Attributes
    ----------
    operations : tuple of Operation
        The last ones compute the new weights, in the order of the rule, in buffers.
    results : tuple of View
        Where these stand then.
    weights : tuple of View
        Where they belong.
    numbers : Array
        That the operations use.
    buffers : int
        Entries of all buffers.
    """

    operations: tuple[Operation, ...]
    results: tuple[View, ...]
    weights: tuple[View, ...]
    numbers: Array
    buffers: int


_Sum = list[tuple[float, tuple[View, ...], tuple[View, ...]]]


def step_program(learner: Learner) -> StepProgram:
    """The step of a rule in a network of given sizes.

    Samples of a batch are columns of one matrix: an update is even in the sample and of second
    degree, so that that of samples over the root of their number is the average of theirs.
    """
    return _Writer(TracedRule(learner.rule, learner.sizes), learner).program()


class _Writer:
    """Terms to operations, each term once."""

    def __init__(self, traced: TracedRule, learner: Learner) -> None:
        self._traced = traced
        self._rate = learner.learning_rate
        self._sizes = {**learner.sizes, SAMPLE: learner.batch, SCALAR: 1}
        self._numbers: list[float] = []
        self._buffers = 0
        self._operations: list[Operation] = []
        self._used = Counter(
            part for term in in_order(traced.terms) for part in _direct(term)
        ) + Counter(traced.terms)
        self._places: dict[Term, View] = {}
        sample, noise = traced.samples
        self._places[sample] = self._columns(INPUTS, self._sizes["inputs"])
        self._places[noise] = self._columns(LABEL_NOISE, self._sizes["outputs"])
        first, weights = 0, []
        for letter, (rows, columns) in zip(traced.letters, traced.shapes, strict=True):
            weights.append(View(WEIGHTS, first, columns, 1, rows, columns))
            self._places[letter] = weights[-1]
            first += rows * columns
        self._weights = tuple(weights)

    def program(self) -> StepProgram:
        results = []
        for term, place in zip(self._traced.terms, self._weights, strict=True):
            items: _Sum = [(1.0, (), (place,)), *self._items(term, self._rate)]
            results.append(self._combined(items, place.rows, place.columns))
        return StepProgram(
            tuple(self._operations),
            tuple(results),
            self._weights,
            np.array(self._numbers, dtype=np.float64),
            self._buffers,
        )

    def _columns(self, memory: int, rows: int) -> View:
        """Samples of a batch one after the other."""
        return View(memory, 0, 1, rows, rows, self._sizes[SAMPLE])

    def _shape(self, term: Term) -> tuple[int, int]:
        """Length of the axes of a term."""
        match term:
            case Given(values=values):
                return values.shape[0], values.shape[1]
            case Product(first=first, second=second):
                return self._shape(first)[0], self._shape(second)[1]
            case Sum(first=first) | Multiple(term=first) | Inverted(term=first):
                return self._shape(first)
            case Transposed(term=inner):
                rows, columns = self._shape(inner)
                return columns, rows
        return self._sizes[term.rows], self._sizes[term.columns]

    def _view(self, term: Term) -> View:
        """Where a term stands, once it is computed."""
        if term not in self._places:
            self._places[term] = self._placed(term)
        return self._places[term]

    def _placed(self, term: Term) -> View:
        match term:
            case Given(values=values):
                return self._given(values)
            case Identity():
                return self._given(np.eye(self._sizes[term.rows]))
            case Transposed(term=inner):
                return self._view(inner).T
            case Inverted(term=inner):
                target = self._combined(self._items(inner, 1.0), *self._shape(inner))
                self._operations.append(Invert(target))
                return target
            case Traced(term=inner):
                source, target = self._view(inner), self._buffer(1, 1)
                self._operations.append(Trace(target, source))
                return target
        return self._combined(self._expanded(term, 1.0), *self._shape(term))

    def _given(self, values: Array) -> View:
        first = len(self._numbers)
        self._numbers += np.ravel(values).tolist()
        return View(NUMBERS, first, values.shape[1], 1, *values.shape)

    def _buffer(self, rows: int, columns: int) -> View:
        first = self._buffers
        self._buffers += rows * columns
        return View(BUFFER, first, columns, 1, rows, columns)

    def _combined(self, items: _Sum, rows: int, columns: int) -> View:
        """A sum in a buffer; what occurs several times has one number."""
        together: dict[tuple[tuple[View, ...], tuple[View, ...]], float] = {}
        for number, scalars, factors in items:
            key = scalars, factors
            together[key] = together.get(key, 0.0) + number
        written = []
        for (scalars, factors), number in together.items():
            written.append(Item(len(self._numbers), scalars, factors))
            self._numbers.append(number)
        target = self._buffer(rows, columns)
        self._operations.append(Combine(target, tuple(written)))
        return target

    def _items(self, term: Term, number: float) -> _Sum:
        """A term as a sum; what others use too is computed by itself."""
        if self._used[term] > 1 or isinstance(term, Letter | Given | Identity | Inverted | Traced):
            return [(number, (), (self._view(term),))]
        return self._expanded(term, number)

    def _expanded(self, term: Term, number: float) -> _Sum:
        match term:
            case Sum(first=first, second=second):
                return self._items(first, number) + self._items(second, number)
            case Multiple(factor=float() as factor, term=inner):
                return self._items(inner, factor * number)
            case Multiple(factor=Term() as factor, term=inner):
                scalar = self._view(factor)
                return [
                    (n, (scalar, *scalars), factors)
                    for n, scalars, factors in self._items(inner, number)
                ]
            case Product():
                factor, chain = self._chain(term)
                return [(factor * number, (), self._multiplied(chain))]
        return [(number, (), (self._view(term),))]

    def _chain(self, term: Term) -> tuple[float, list[View]]:
        """Factors of a product, and the number before it."""
        match term:
            case Multiple(factor=float() as factor, term=inner) if self._used[term] < 2:
                number, chain = self._chain(inner)
                return factor * number, chain
            case Product(first=first, second=second):
                (one, left), (other, right) = (
                    (1.0, [self._view(part)]) if self._used[part] > 1 else self._chain(part)
                    for part in (first, second)
                )
                return one * other, left + right
        return 1.0, [self._view(term)]

    def _multiplied(self, chain: Sequence[View]) -> tuple[View, View]:
        """Two factors whose product is that of a chain, the others multiplied out."""
        sizes = [chain[0].rows, *(view.columns for view in chain)]

        @cache
        def cost(begin: int, end: int) -> tuple[int, int]:
            """Least multiplications for factors ``begin, ..., end - 1``, and where to cut."""
            if end - begin < 2:
                return 0, begin
            return min(
                (
                    cost(begin, cut)[0]
                    + cost(cut, end)[0]
                    + sizes[begin] * sizes[cut] * sizes[end],
                    cut,
                )
                for cut in range(begin + 1, end)
            )

        def part(begin: int, end: int) -> View:
            if end - begin == 1:
                return chain[begin]
            cut = cost(begin, end)[1]
            factors = part(begin, cut), part(cut, end)
            return self._combined([(1.0, (), factors)], sizes[begin], sizes[end])

        cut = cost(0, len(chain))[1]
        return part(0, cut), part(cut, len(chain))


def _direct(term: Term) -> tuple[Term, ...]:
    """Terms that a term is made of at once."""
    match term:
        case Sum(first=first, second=second) | Product(first=first, second=second):
            return first, second
        case Multiple(factor=Term() as factor, term=inner):
            return factor, inner
        case Multiple(term=inner) | Transposed(term=inner) | Inverted(term=inner):
            return (inner,)
        case Traced(term=inner):
            return (inner,)
    return ()

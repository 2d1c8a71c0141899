"""A rule as terms, and what follows from it by differentiation: arrays at a point of weight space.

Weights are vectors, the matrices of a rule raveled one after the other.  An update is even in the
sample and of second degree, so that it is a sum over samples beside what no sample changes: an
average is the update of a root of the second moment, column by column a sample.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from symdrift.algebra.matrix_terms import (
    SAMPLE,
    Letter,
    Term,
    degree,
    differential,
    evaluate,
    gradient,
)
from symdrift.errors import RequestError
from symdrift.rules.rule import Rule
from symdrift.study.problem import Array

Point = tuple[Array, ...]
"""Weight matrices in the order of the rule, or stacks of them."""


@dataclass(frozen=True, eq=False)
class SampleBlock:
    """Samples side by side, as columns, or a stack of such blocks.

    Attributes
    ----------
    inputs : Array
        Shape ``(..., n, K)``.
    label_noise : Array
        Shape ``(..., m, K)``.
    """

    inputs: Array
    label_noise: Array


@dataclass(frozen=True, eq=False)
class TracedRule:
    """A rule in letters.

    Attributes
    ----------
    rule : Rule
    sizes : Mapping of str to int
        Length of each axis by its name.

    Raises
    ------
    RequestError
        When an update is of higher than second degree in the sample.
    """

    rule: Rule
    sizes: Mapping[str, int]

    def __post_init__(self) -> None:
        for name, term in zip(self.rule.weights, self.terms, strict=True):
            if (found := degree(term, self.samples)) > 2:
                kind = "no polynomial" if found == float("inf") else f"of degree {found:.0f}"
                raise RequestError(
                    "learning.rule",
                    f"changes {name} by what is {kind} in the sample; the fourth moments of the "
                    "inputs are enough up to the second degree",
                )

    @cached_property
    def letters(self) -> tuple[Letter, ...]:
        """The weight matrices."""
        return tuple(Letter(*axes, name) for name, axes in self.rule.weights.items())

    @cached_property
    def terms(self) -> tuple[Term, ...]:
        """The update of one sample."""
        return self.rule.update(self.letters, *self.samples)

    @cached_property
    def shapes(self) -> tuple[tuple[int, int], ...]:
        """Of the weight matrices."""
        return tuple((self.sizes[r], self.sizes[c]) for r, c in self.rule.weights.values())

    @property
    def count(self) -> int:
        """Weights in all, ``N``."""
        return sum(rows * columns for rows, columns in self.shapes)

    def separated(self, vectors: Array) -> Point:
        """Weight matrices from vectors, shape ``(..., N)``."""
        ends = np.cumsum([rows * columns for rows, columns in self.shapes])[:-1]
        parts = np.split(vectors, ends, axis=-1)
        return tuple(
            part.reshape(*vectors.shape[:-1], *shape)
            for part, shape in zip(parts, self.shapes, strict=True)
        )

    def mean_update(self, point: Point, root: SampleBlock) -> Array:
        """``f = E[F]``, shape ``(N,)``.

        Parameters
        ----------
        point : tuple of Array
        root : SampleBlock
            Of the second moment of inputs and label noise.
        """
        return self._vectors(self.terms, self._at(point, root), ())

    def jacobian(self, point: Point, root: SampleBlock) -> Array:
        """``J = Df``, shape ``(N, N)``; arguments as for `mean_update`."""
        changes = self.separated(np.eye(self.count))
        values = self._at(point, root) | dict(zip(self.changes, changes, strict=True))
        return self._vectors(self.moved(self.terms), values, (self.count,)).T

    def curvature(
        self, point: Point, root: SampleBlock, reading: Array, directions: Array
    ) -> Array:
        """``D^2 <psi, f>`` in directions of weight space, as slopes.

        Parameters
        ----------
        point, root
            As for `mean_update`.
        reading : Array
            ``psi``, shape ``(N,)``.
        directions : Array
            One in each row, shape ``(d, N)``.

        Returns
        -------
        Array
            Shape ``(d, N)``.
        """
        values = self._at(point, root)
        values |= dict(zip(self.readings, self.separated(reading), strict=True))
        values |= dict(zip(self.changes, self.separated(directions), strict=True))
        return self._vectors(self._bent, values, (len(directions),))

    def products(self, point: Point, first: SampleBlock, second: SampleBlock) -> Array:
        """What pairs of samples change together, the second differential of ``F`` in the sample.

        Parameters
        ----------
        point : tuple of Array
        first, second : SampleBlock
            Stacks of ``q`` single samples.

        Returns
        -------
        Array
            Shape ``(q, N)``.
        """
        values = self._paired(point, first, second)
        return self._vectors(self.twice(self.terms), values, (len(first.inputs),))

    def product_slopes(
        self, point: Point, reading: Array, first: SampleBlock, second: SampleBlock
    ) -> Array:
        """``D <psi, F>`` in the weights, as `products` of samples, shape ``(q, N)``."""
        values = self._paired(point, first, second)
        values |= dict(zip(self.readings, self.separated(reading), strict=True))
        return self._vectors(self._sample_slopes, values, (len(first.inputs),))

    def product_jacobians(
        self, point: Point, directions: Array, first: SampleBlock, second: SampleBlock
    ) -> Array:
        """``D F`` in directions of weight space, as `products` of samples.

        Parameters
        ----------
        point, first, second
            As for `products`.
        directions : Array
            One in each row, shape ``(d, N)``.

        Returns
        -------
        Array
            Shape ``(q, d, N)``.
        """
        values = self._paired(point, first, second)
        for letter in (*self.pairs[0], *self.pairs[1]):
            values[letter] = values[letter][:, np.newaxis]
        values |= dict(zip(self.changes, self.separated(directions), strict=True))
        stack = len(first.inputs), len(directions)
        return self._vectors(self.twice(self.moved(self.terms)), values, stack)

    def activity_changes(self, point: Point, directions: Array) -> dict[str, Array]:
        """How the activity of each hidden layer changes, for each input axis.

        Parameters
        ----------
        point : tuple of Array
        directions : Array
            One in each row, shape ``(d, N)``.

        Returns
        -------
        dict of str to Array
            By hidden layer, shape ``(d, p, n)``.
        """
        axes = np.eye(self.sizes["inputs"])
        values = dict(zip((*self.letters, self.samples[0]), (*point, axes), strict=True))
        values |= dict(zip(self.changes, self.separated(directions), strict=True))
        activities = self.rule.activities(self.letters, self.samples[0])
        moved = self.moved([*activities.values()])
        found = iter(evaluate([term for term in moved if term is not None], values))
        return {
            layer: np.zeros((len(directions), self.sizes[layer], len(axes)))
            if term is None
            else next(found)
            for layer, term in zip(activities, moved, strict=True)
        }

    @property
    def quadratic_in_label_noise(self) -> bool:
        """Whether label noise meets itself in the update."""
        return any(degree(term, self.samples[1:]) > 1 for term in self.terms)

    @cached_property
    def samples(self) -> tuple[Letter, Letter]:
        """Input and label noise."""
        return Letter("inputs", SAMPLE, "x"), Letter("outputs", SAMPLE, "label_noise")

    @cached_property
    def pairs(self) -> tuple[tuple[Letter, ...], tuple[Letter, ...]]:
        """Two changes of input and label noise."""
        first, second = (
            tuple(Letter(s.rows, SAMPLE, f"{s.name}_{number}") for s in self.samples)
            for number in (1, 2)
        )
        return first, second

    @cached_property
    def changes(self) -> tuple[Letter, ...]:
        """A change of each weight matrix."""
        return tuple(Letter(w.rows, w.columns, f"d{w.name}") for w in self.letters)

    @cached_property
    def readings(self) -> tuple[Letter, ...]:
        """``psi``, on each weight matrix."""
        return tuple(Letter(w.rows, w.columns, f"psi_{w.name}") for w in self.letters)

    @cached_property
    def slopes(self) -> tuple[Term | None, ...]:
        """Of ``<psi, F>`` in the weights."""
        return gradient(self.terms, self.readings, self.letters)

    @cached_property
    def _bent(self) -> tuple[Term | None, ...]:
        return self.moved(self.slopes)

    @cached_property
    def _sample_slopes(self) -> tuple[Term | None, ...]:
        return self.twice(self.slopes)

    def moved(self, terms: Sequence[Term | None]) -> tuple[Term | None, ...]:
        """What `changes` of the weights change in terms; None where that is nothing."""
        return _differential(terms, dict(zip(self.letters, self.changes, strict=True)))

    def twice(self, terms: Sequence[Term | None]) -> tuple[Term | None, ...]:
        """Second differential of terms in the sample, along `pairs`."""
        first, second = (dict(zip(self.samples, pair, strict=True)) for pair in self.pairs)
        return _differential(_differential(terms, first), second)

    def _at(self, point: Point, root: SampleBlock) -> dict[Letter, Array]:
        letters = (*self.letters, *self.samples)
        return dict(zip(letters, (*point, root.inputs, root.label_noise), strict=True))

    def _paired(self, point: Point, first: SampleBlock, second: SampleBlock) -> dict[Letter, Array]:
        letters = (*self.letters, *self.pairs[0], *self.pairs[1])
        samples = (first.inputs, first.label_noise, second.inputs, second.label_noise)
        return dict(zip(letters, (*point, *samples), strict=True))

    def _vectors(
        self, terms: Sequence[Term | None], values: Mapping[Letter, Array], stack: tuple[int, ...]
    ) -> Array:
        """Values of terms with the axes of the weights, raveled, shape ``stack + (N,)``."""
        found = iter(evaluate([term for term in terms if term is not None], values))
        parts = [
            np.zeros(shape) if term is None else next(found)
            for term, shape in zip(terms, self.shapes, strict=True)
        ]
        flat = [
            np.broadcast_to(part, (*stack, *shape)).reshape(*stack, -1)
            for part, shape in zip(parts, self.shapes, strict=True)
        ]
        return np.concatenate(flat, axis=-1)


def _differential(
    terms: Sequence[Term | None], changes: Mapping[Letter, Term]
) -> tuple[Term | None, ...]:
    found = iter(differential([term for term in terms if term is not None], changes))
    return tuple(None if term is None else next(found) for term in terms)

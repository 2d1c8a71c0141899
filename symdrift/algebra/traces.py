"""Polynomials in matrices of any size, and their means over samples, where no axis is singled out.

With Gaussian inputs that are alike in all directions, all that can be made of some ``n`` by ``n``
matrices and of the vectors of a sample are products of them, and traces of products.  The size
enters by the trace of the identity alone, so that a polynomial of this kind is the same for every
``n``, and ``n`` is a symbol of its coefficients.

A monomial is a set of strands.  A strand is a word of matrices between two ends, which are vectors
of a sample, or the free row or column of the monomial; a trace is a strand without ends.
"""

from __future__ import annotations

import operator
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, reduce
from itertools import combinations, pairwise, product
from typing import Any

from symdrift.algebra.series import Series

Strand = tuple[int, str, int]
"""Left end, word, right end."""

Monomial = tuple[Strand, ...]

TRACE, ROW, COLUMN = -2, -1, 10**6
"""Ends; others are the input ``2 k`` and the label noise ``2 k + 1`` of a sample ``k``."""

End = int
"""Place of an end among the strands: twice that of its strand, and one more on the right."""

Pieces = tuple[Monomial | None, int, int]
"""A monomial or None where it vanishes, its sign, and the traces of the identity beside it."""


@dataclass(frozen=True)
class Sizes:
    """What polynomials of one kind have in common, as elements of the ring of coefficients.

    Attributes
    ----------
    inputs : ring element
        ``n``.
    inverse_batch : ring element
        ``1 / B``; a sample in a polynomial stands for the mean over a batch.
    label_noise : ring element
        Variance of the label noise, that of the inputs being 1.
    """

    inputs: Any
    inverse_batch: Any
    label_noise: Any


class TracePolynomial:
    """A scalar, vector or matrix, as its monomials have a free row, a free column, or both.

    Lower-case letters of a word are symmetric matrices, capitals antisymmetric ones.  A column
    times a row is of one sample; other factors that have samples have different ones of a batch,
    which may be the same.

    Parameters
    ----------
    terms : Mapping of Monomial to ring element
    sizes : Sizes
    """

    def __init__(self, terms: Mapping[Monomial, Any], sizes: Sizes) -> None:
        self.terms = dict(terms)
        self.sizes = sizes

    def __bool__(self) -> bool:
        return bool(self.terms)

    def __add__(self, other: TracePolynomial | int) -> TracePolynomial:
        if isinstance(other, int):  # The start of a sum.
            return self
        terms = dict(self.terms)
        for monomial, coefficient in other.terms.items():
            _add(terms, monomial, coefficient)
        return TracePolynomial(terms, self.sizes)

    __radd__ = __add__

    def __sub__(self, other: TracePolynomial) -> TracePolynomial:
        return self + -1 * other

    def __rmul__(self, factor: Any) -> TracePolynomial:
        return self.mapped(lambda coefficient: factor * coefficient)

    def __truediv__(self, divisor: Any) -> TracePolynomial:
        return self.mapped(lambda coefficient: coefficient / divisor)

    def mapped(self, change: Callable[[Any], Any]) -> TracePolynomial:
        """Every coefficient changed, those left out that become zero."""
        changed = {monomial: change(value) for monomial, value in self.terms.items()}
        return TracePolynomial({key: value for key, value in changed.items() if value}, self.sizes)

    def __matmul__(self, other: TracePolynomial) -> TracePolynomial:
        return self._collected(
            (_product(first, second), left * right)
            for first, left in self.terms.items()
            for second, right in other.terms.items()
        )

    @property
    def T(self) -> TracePolynomial:
        """The transpose."""
        return self._collected((_transposed(key), value) for key, value in self.terms.items())

    def trace(self) -> TracePolynomial:
        """Of a matrix, as a scalar."""
        return self._collected((_traced(key), value) for key, value in self.terms.items())

    def _collected(self, found: Iterable[tuple[Pieces, Any]]) -> TracePolynomial:
        terms: dict[Monomial, Any] = {}
        for (monomial, sign, loops), coefficient in found:
            if monomial is not None:
                _add(terms, monomial, self._with_loops(sign * coefficient, loops))
        return TracePolynomial(terms, self.sizes)

    def _with_loops(self, coefficient: Any, loops: int) -> Any:
        return coefficient * self.sizes.inputs**loops if loops else coefficient

    @property
    def degree(self) -> int:
        """Number of matrices in the longest monomial."""
        return max((sum(len(word) for _, word, _ in key) for key in self.terms), default=0)

    def of_degree(self, degree: int) -> TracePolynomial:
        """The monomials with so many matrices."""
        return TracePolynomial(
            {
                key: value
                for key, value in self.terms.items()
                if sum(len(word) for _, word, _ in key) == degree
            },
            self.sizes,
        )

    def constant(self) -> Any:
        """What stands without matrices and vectors in a scalar."""
        return self.terms.get((), 0 * self.sizes.inputs)

    def written_out(
        self, matrices: Mapping[str, Any], vectors: Sequence[Any], number: Callable[[Any], Any]
    ) -> Any:
        """The polynomial in given matrices, explicit ones or symbols.

        Parameters
        ----------
        matrices : Mapping of str to matrix
            By letter; that of the empty word is the identity.
        vectors : sequence of matrix
            Input and label noise of the first sample, then those of the next.
        number : callable
            What a coefficient is among the numbers of the matrices.
        """

        @cache
        def strand(left: int, word: str, right: int) -> Any:
            factors = [vectors[left].T] if _is_sample(left) else []
            factors += [matrices[letter] for letter in word]
            factors += [vectors[right]] if _is_sample(right) else []
            return reduce(operator.matmul, factors) if factors else matrices[""]

        total = None
        for monomial, coefficient in self.terms.items():
            value, factors = number(coefficient), []
            for left, word, right in monomial:
                part = strand(left, word, right)
                if left == TRACE:
                    value = value * part.trace()
                elif left != ROW and right != COLUMN:
                    value = value * part[0, 0]
                else:
                    factors.append(part)
            term = value * reduce(operator.matmul, factors) if factors else value
            total = term if total is None else total + term
        return total

    def mean(self) -> TracePolynomial:
        """Average over independent Gaussian samples, in batches."""
        terms: dict[Monomial, Any] = {}
        for monomial, coefficient in self.terms.items():
            renamed, sign, _ = _samples_in_order(monomial)
            if renamed is None:
                continue
            for mean, loops, shared, noisy, count in _mean(renamed):
                _add(
                    terms,
                    mean,
                    sign * count
                    * self.sizes.inputs**loops
                    * self.sizes.inverse_batch**shared
                    * self.sizes.label_noise**noisy
                    * coefficient,
                )  # fmt: skip
        return TracePolynomial(terms, self.sizes)

    def change(self, changes: Mapping[str, Series], highest: int) -> Series:
        """What is added when every matrix changes by a series, up to some power.

        Parameters
        ----------
        changes : Mapping of str to Series of TracePolynomial
            By letter; each begins at the first power, and has the symmetry of its letter.
        highest : int
        """
        terms: dict[int, dict[Monomial, Any]] = defaultdict(dict)
        for monomial, coefficient in self.terms.items():
            places = [(i, k) for i, strand in enumerate(monomial) for k in range(len(strand[1]))]
            for count in range(1, min(len(places), highest) + 1):
                for chosen in combinations(places, count):
                    letters = (monomial[i][1][k] for i, k in chosen)
                    parts = [changes[letter].terms.items() for letter in letters]
                    for choice in product(*parts):
                        if (power := sum(own for own, _ in choice)) > highest:
                            continue
                        for inserted in product(*(part.terms.items() for _, part in choice)):
                            monomials = [key for key, _ in inserted]
                            found, sign, loops = _inserted(monomial, chosen, monomials)
                            if found is None:
                                continue
                            value = self._with_loops(sign * coefficient, loops)
                            for _, factor in inserted:
                                value = value * factor
                            _add(terms[power], found, value)
        return Series(
            {power: TracePolynomial(part, self.sizes) for power, part in terms.items()}, highest
        )


def matrix(letter: str, sizes: Sizes) -> TracePolynomial:
    """One matrix; the identity where the letter is empty."""
    return TracePolynomial({((ROW, letter, COLUMN),): sizes.inputs**0}, sizes)


def sample_input(sizes: Sizes) -> TracePolynomial:
    """The vector ``x``."""
    return TracePolynomial({((ROW, "", 0),): sizes.inputs**0}, sizes)


def sample_noise(sizes: Sizes) -> TracePolynomial:
    """The label noise of the same sample."""
    return TracePolynomial({((ROW, "", 1),): sizes.inputs**0}, sizes)


def symmetric(value: TracePolynomial) -> TracePolynomial:
    """The symmetric part of a matrix."""
    return (value + value.T) / 2


def antisymmetric(value: TracePolynomial) -> TracePolynomial:
    """The antisymmetric part of a matrix."""
    return (value - value.T) / 2


def _add(terms: dict[Monomial, Any], monomial: Monomial, coefficient: Any) -> None:
    total = terms[monomial] + coefficient if monomial in terms else coefficient
    if total:
        terms[monomial] = total
    else:
        terms.pop(monomial, None)


def _is_sample(end: int) -> bool:
    return 0 <= end < COLUMN


def _end(strand: Strand, side: int) -> int:
    return strand[2] if side else strand[0]


def _odd(word: str) -> bool:
    return sum(letter.isupper() for letter in word) % 2 == 1


def _ordered(strands: Iterable[Strand]) -> tuple[Monomial | None, int]:
    """Strands in one of their equal forms, with its sign; None where they vanish.

    A strand read backwards is its transpose, which has a sign for every antisymmetric matrix.
    """
    found, sign = [], 1
    for left, word, right in strands:
        back = word[::-1]
        if left == TRACE:
            forward = min((word[k:] + word[:k] for k in range(len(word))), default="")
            backward = min((back[k:] + back[:k] for k in range(len(back))), default="")
            one, other = (TRACE, forward, TRACE), (TRACE, backward, TRACE)
        else:
            one, other = (left, word, right), (right, back, left)
        if _odd(word):
            if one == other:
                return None, 0
            sign = -sign if other < one else sign
        found.append(min(one, other))
    return tuple(sorted(found)), sign


def _joined(strands: Sequence[Strand], partners: Mapping[End, End]) -> Pieces:
    """Strands tied to each other at some ends, which vanish there."""
    found = [strand for strand in strands if strand[0] == TRACE]
    passed = {place for place, strand in enumerate(strands) if strand[0] == TRACE}
    loops, sign = 0, 1

    def followed(start: End) -> tuple[str, End]:
        nonlocal sign
        word, end = "", start
        while True:
            place, from_right = divmod(end, 2)
            passed.add(place)
            own = strands[place][1]
            if from_right:
                sign = -sign if _odd(own) else sign
                own = own[::-1]
            word += own
            if (end ^ 1) not in partners or partners[end ^ 1] == start:
                return word, end ^ 1
            end = partners[end ^ 1]

    for place, strand in enumerate(strands):
        for side in (0, 1):
            if place not in passed and 2 * place + side not in partners:
                word, last = followed(2 * place + side)
                found.append((_end(strand, side), word, _end(strands[last // 2], last % 2)))
    for place in range(len(strands)):
        if place not in passed:
            word, _ = followed(2 * place)
            if word:
                found.append((TRACE, word, TRACE))
            else:
                loops += 1
    ordered, own_sign = _ordered(found)
    return ordered, sign * own_sign, loops


def _place(strands: Sequence[Strand], end: int) -> End | None:
    """Where the free row or column stands."""
    for place, (left, _, right) in enumerate(strands):
        if end in (left, right):
            return 2 * place + (left != end)
    return None


def _samples(monomial: Monomial) -> int:
    """How many samples a monomial names."""
    ends = [end // 2 for left, _, right in monomial for end in (left, right) if _is_sample(end)]
    return max(ends, default=-1) + 1


def _renamed(monomial: Monomial, rename: Callable[[int], int]) -> Monomial:
    return tuple((rename(left), word, rename(right)) for left, word, right in monomial)


def _later(monomial: Monomial, count: int) -> Monomial:
    """With the samples counted from another number on."""
    return _renamed(monomial, lambda end: end + 2 * count if _is_sample(end) else end)


def _both_ways(pairs: Iterable[tuple[End, End]]) -> dict[End, End]:
    return {a: b for pair in pairs for a, b in (pair, pair[::-1])}


@cache
def _product(first: Monomial, second: Monomial) -> Pieces:
    left, right = _place(first, COLUMN), _place(second, ROW)
    if left is None or right is None:
        # A column times a row: both of one sample.
        ordered, sign = _ordered((*first, *second))
        return ordered, sign, 0
    strands = (*first, *_later(second, _samples(first)))
    return _joined(strands, _both_ways([(left, right + 2 * len(first))]))


@cache
def _transposed(monomial: Monomial) -> Pieces:
    turned = {ROW: COLUMN, COLUMN: ROW}
    ordered, sign = _ordered(_renamed(monomial, lambda end: turned.get(end, end)))
    return ordered, sign, 0


@cache
def _traced(monomial: Monomial) -> Pieces:
    row, column = _place(monomial, ROW), _place(monomial, COLUMN)
    assert row is not None and column is not None
    return _joined(monomial, _both_ways([(row, column)]))


@cache
def _samples_in_order(monomial: Monomial) -> Pieces:
    """Samples counted in the order in which they stand, so that equal means are found once."""
    numbers: dict[int, int] = {}

    def rename(end: int) -> int:
        if not _is_sample(end):
            return end
        return 2 * numbers.setdefault(end // 2, len(numbers)) + end % 2

    def kinds(strand: Strand) -> tuple[object, ...]:
        left, word, right = strand
        return word, *(end % 2 if _is_sample(end) else end for end in (left, right))

    ordered, sign = _ordered(_renamed(tuple(sorted(monomial, key=kinds)), rename))
    return ordered, sign, 0


def _pairings(ends: Sequence[End]) -> Iterator[tuple[tuple[End, End], ...]]:
    if not ends:
        yield ()
        return
    first, *others = ends
    for k, partner in enumerate(others):
        for rest in _pairings([*others[:k], *others[k + 1 :]]):
            yield ((first, partner), *rest)


@cache
def _mean(monomial: Monomial) -> tuple[tuple[Monomial, int, int, int, int], ...]:
    """Sum over all pairings of equal vectors: Wick's rule.

    In a batch, paired vectors are of one sample, any of ``B``: samples that pairings tie together
    count as one, and each of the others has left a factor ``1 / B``.

    Returns
    -------
    tuple of (monomial, traces of the identity, powers of 1 / B, powers of the noise, times)
    """
    ends = {
        2 * place + side: _end(strand, side)
        for place, strand in enumerate(monomial)
        for side in (0, 1)
        if _is_sample(_end(strand, side))
    }
    kinds = [[end for end, vector in ends.items() if vector % 2 == kind] for kind in (0, 1)]
    if any(len(own) % 2 for own in kinds):
        return ()
    counts: dict[tuple[Monomial, int, int, int], int] = defaultdict(int)
    for pairs in product(*(list(_pairings(own)) for own in kinds)):
        tied = [pair for own in pairs for pair in own]
        found, sign, loops = _joined(monomial, _both_ways(tied))
        if found is not None:
            samples = [(ends[a] // 2, ends[b] // 2) for a, b in tied]
            shared = len({vector // 2 for vector in ends.values()}) - _classes(samples)
            counts[found, loops, shared, len(pairs[1])] += sign
    return tuple((*key, count) for key, count in counts.items() if count)


def _classes(pairs: Iterable[tuple[int, int]]) -> int:
    """Into how many classes pairs of equal things fall."""
    classes: list[set[int]] = []
    for pair in pairs:
        met = [own for own in classes if own.intersection(pair)]
        classes = [own for own in classes if own not in met] + [set(pair).union(*met)]
    return len(classes)


def _inserted(
    monomial: Monomial, places: Sequence[tuple[int, int]], inserted: Sequence[Monomial]
) -> Pieces:
    """Some letters, given by strand and place in its word, replaced by monomials."""
    cuts: dict[int, list[tuple[int, Monomial]]] = defaultdict(list)
    for (strand, letter), own in zip(places, inserted, strict=True):
        cuts[strand].append((letter, own))
    strands: list[Strand] = []
    ties: list[tuple[End, Monomial, End]] = []
    for place, (left, word, right) in enumerate(monomial):
        at = [letter for letter, _ in cuts[place]]
        edges = [-1, *at, len(word)]
        parts = [word[a + 1 : b] for a, b in pairwise(edges)]
        start = len(strands)
        if left == TRACE and at:
            # The last part goes on at the first.
            parts = [*parts[1:-1], parts[-1] + parts[0]]
            following = [start + k for k in range(len(at))]
            before = [start + (k - 1) % len(at) for k in range(len(at))]
            # No part is left open at an end: what stands there is of no account.
            strands += [(ROW, part, ROW) for part in parts]
        else:
            before = [start + k for k in range(len(at))]
            following = [start + k + 1 for k in range(len(at))]
            ends = [left, *[ROW] * (2 * len(at)), right]
            strands += [(ends[2 * k], part, ends[2 * k + 1]) for k, part in enumerate(parts)]
        for k, (_, own) in enumerate(cuts[place]):
            ties.append((2 * before[k] + 1, own, 2 * following[k]))
    partners: dict[End, End] = {}
    samples = _samples(monomial)
    for left_end, own, right_end in ties:
        row, column = _place(own, ROW), _place(own, COLUMN)
        assert row is not None and column is not None
        start = 2 * len(strands)
        strands += _later(own, samples)
        samples += _samples(own)
        partners |= _both_ways([(left_end, start + row), (start + column, right_end)])
    return _joined(strands, partners)

"""Matrix expressions whose axes have names, differentiated and evaluated on stacks of arrays.

A term is built with ``@ + - *``, ``/`` by a scalar, ``.T``, ``inverse`` and ``trace``, as arrays
are.  Two axes meet in a product or a sum only where they have the same name.  So an axis that may
be turned is only ever contracted with itself: turned letters give the turned term, and that the
axes fit is the proof.  Nothing here needs an algebra system.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

SCALAR = "scalar"
"""Name of both axes of a scalar."""

SAMPLE = "sample"
"""Name of the axis that counts samples."""

ANY = "any"
"""Name of the axes of a matrix of numbers, which fit inputs and outputs only."""

TURNING = "hidden"
"""Names of axes that may be turned begin so."""

DEEPEST_WRITTEN = 10
"""Terms inside one another that a message writes out."""

LONGEST_WRITTEN = 200
"""Characters of a term in a message."""


class AxesDoNotFit(ValueError):
    """Two axes meet that are not the same; the message has the term at fault."""


@dataclass(frozen=True, eq=False)
class Term:
    """A matrix, or a scalar, made of letters; terms are the same where they are one object.

    Attributes
    ----------
    rows, columns : str
        Names of its axes.
    """

    rows: str
    columns: str

    __array_ufunc__ = None
    """Arrays leave operations with a term to it."""

    @property
    def T(self) -> Term:
        """The transpose."""
        return self.term if isinstance(self, Transposed) else Transposed.of(self)

    @property
    def axes(self) -> str:
        """Names of the axes, as text."""
        return f"[{self.rows}, {self.columns}]"

    @property
    def is_scalar(self) -> bool:
        return self.rows == self.columns == SCALAR

    def inv(self) -> Term:
        """The inverse."""
        self._require_square("inv", "inverse")
        return Inverted(self.rows, self.columns, self)

    def trace(self) -> Term:
        """The trace."""
        self._require_square("trace", "trace")
        return self if self.is_scalar else Traced(SCALAR, SCALAR, self)

    def __bool__(self) -> bool:
        raise TypeError(f"{written(self)} is neither true nor false")

    def _require_square(self, function: str, what: str) -> None:
        if self.rows != self.columns:
            raise AxesDoNotFit(
                f'"{function}({written(self)})" is the {what} of a matrix {self.axes}, whose axes '
                "must be the same"
            )

    def __matmul__(self, other: Term | Array) -> Term:
        return product(self, other if isinstance(other, Term) else given(other))

    def __rmatmul__(self, other: Array) -> Term:
        return product(given(other), self)

    def __add__(self, other: Term | float) -> Term:
        if not isinstance(other, Term):
            other = Given(SCALAR, SCALAR, np.full((1, 1), float(other)))
        if self.is_scalar != other.is_scalar:
            matrix = other if self.is_scalar else self
            raise AxesDoNotFit(
                f'"{_between(self, "+", other)}" adds a number to each entry of a matrix '
                f"{matrix.axes}"
            )
        terms = (self, "+", other)
        rows = _same(self.rows, other.rows, terms)
        columns = _same(self.columns, other.columns, terms)
        return Sum(rows, columns, self, other)

    def __radd__(self, other: float) -> Term:
        return self + other

    def __sub__(self, other: Term | float) -> Term:
        return self + -1 * other

    def __rsub__(self, other: float) -> Term:
        return -1 * self + other

    def __neg__(self) -> Term:
        return -1 * self

    def __mul__(self, other: Term | float) -> Term:
        if not isinstance(other, Term):
            return multiple(float(other), self)
        if self.is_scalar:
            return multiple(self, other)
        if other.is_scalar:
            return multiple(other, self)
        raise AxesDoNotFit(
            f'"{_between(self, "*", other)}" multiplies two matrices entry by entry, which '
            'depends on the basis of the hidden layer; "@" is the product of matrices'
        )

    def __rmul__(self, other: float) -> Term:
        return multiple(float(other), self)

    def __truediv__(self, other: Term | float) -> Term:
        if not isinstance(other, Term):
            return multiple(1 / float(other), self)
        if not other.is_scalar:
            raise AxesDoNotFit(
                f'"{_between(self, "/", other)}" divides by a matrix {other.axes}; only scalars '
                'divide, and "inv" is the inverse'
            )
        return multiple(other.inv(), self)

    def __rtruediv__(self, other: float) -> Term:
        return other * self.inv()


@dataclass(frozen=True, eq=False)
class Letter(Term):
    """A matrix with a name."""

    name: str


@dataclass(frozen=True, eq=False)
class Given(Term):
    """A matrix of numbers."""

    values: Array


@dataclass(frozen=True, eq=False)
class Identity(Term):
    """The identity on an axis, as long as that is."""


@dataclass(frozen=True, eq=False)
class Sum(Term):
    """``first + second``."""

    first: Term
    second: Term


@dataclass(frozen=True, eq=False)
class Product(Term):
    """``first @ second``."""

    first: Term
    second: Term


@dataclass(frozen=True, eq=False)
class Multiple(Term):
    """``factor * term``, of a number or a scalar."""

    factor: float | Term
    term: Term


@dataclass(frozen=True, eq=False)
class Transposed(Term):
    """``term.T``."""

    term: Term

    @staticmethod
    def of(term: Term) -> Term:
        """The transpose; a scalar and a multiple of the identity are their own."""
        if term.is_scalar or isinstance(term, Identity):
            return term
        if isinstance(term, Multiple) and isinstance(term.term, Identity):
            return term
        return Transposed(term.columns, term.rows, term)


@dataclass(frozen=True, eq=False)
class Inverted(Term):
    """``inv(term)``."""

    term: Term


@dataclass(frozen=True, eq=False)
class Traced(Term):
    """``trace(term)``."""

    term: Term


def given(values: Array) -> Given:
    """A matrix of numbers, none of whose axes may be turned."""
    return Given(ANY, ANY, np.asarray(values, dtype=np.float64))


def product(first: Term, second: Term) -> Term:
    """``first @ second``."""
    if first.is_scalar or second.is_scalar:
        raise AxesDoNotFit(f'"{_between(first, "@", second)}" has a scalar: write "*"')
    _same(first.columns, second.rows, (first, "@", second))
    match first, second:
        case (Identity(), other) | (other, Identity()):
            return other
        case (Multiple(factor=factor, term=Identity()), other):
            return multiple(factor, other)
        case (other, Multiple(factor=factor, term=Identity())):
            return multiple(factor, other)
    return Product(first.rows, second.columns, first, second)


def multiple(factor: float | Term, term: Term) -> Term:
    """``factor * term``; numbers in a row are one number."""
    if isinstance(factor, Given):
        factor = float(factor.values.flat[0])
    if isinstance(factor, float):
        if isinstance(term, Given):
            return Given(term.rows, term.columns, factor * term.values)
        if factor == 1:
            return term
        if isinstance(term, Multiple) and isinstance(term.factor, float):
            return multiple(factor * term.factor, term.term)
    return Multiple(term.rows, term.columns, factor, term)


def written(term: Term, depth: float = DEEPEST_WRITTEN, longest: float = LONGEST_WRITTEN) -> str:
    """A term as text that is read as this term; what lies deeper, or is too long, is left out."""
    match term:
        case Letter(name=name):
            return name
        case Given(values=values):
            return _number(values.flat[0]) if term.is_scalar else "(numbers)"
        case Identity():
            return "1"
    if depth == 0:
        return "..."

    def factor(part: Term) -> str:
        return _enclosed(part, inside(part))

    def inside(part: Term) -> str:
        return written(part, depth - 1, longest)

    text = ""
    match term:
        case Sum(first=first, second=second):
            text = f"{inside(first)} + {inside(second)}"
        case Product(first=first, second=second):
            text = f"{factor(first)} @ {factor(second)}"
        case Multiple(factor=-1.0, term=inner):
            text = f"-{factor(inner)}"
        case Multiple(factor=number, term=inner):
            times = factor(number) if isinstance(number, Term) else _number(number)
            text = f"{times} * {factor(inner)}"
        case Transposed(term=inner):
            text = f"{factor(inner)}.T"
        case Inverted(term=inner):
            text = f"inv({inside(inner)})"
        case Traced(term=inner):
            text = f"trace({inside(inner)})"
    return text if len(text) <= longest else f"{text[:LONGEST_WRITTEN]}..."


def _number(value: float) -> str:
    short = f"{value:g}"
    return short if float(short) == value else repr(float(value))


def _enclosed(term: Term, text: str) -> str:
    """The text of a term that is a factor."""
    return f"({text})" if isinstance(term, Sum | Product | Multiple) else text


def _between(first: Term, sign: str, second: Term) -> str:
    """Two terms with a sign between them, as text."""
    one, other = written(first), written(second)
    if sign != "+":
        one, other = _enclosed(first, one), _enclosed(second, other)
    return f"{one} {sign} {other}"


def _same(one: str, other: str, terms: tuple[Term, str, Term]) -> str:
    """The name of two axes that meet in terms with a sign between them."""
    if one == other:
        return one
    text = _between(*terms)
    if ANY in (one, other):
        name = other if one == ANY else one
        if not name.startswith(TURNING) and name not in (SAMPLE, SCALAR):
            return name
        raise AxesDoNotFit(f'"{text}" meets the axis {name} with a matrix of numbers')
    why = "; a hidden axis may only meet itself, so that its basis does not matter"
    hidden = TURNING in (one[: len(TURNING)], other[: len(TURNING)])
    raise AxesDoNotFit(
        f'"{text}" meets the axis {one} with the axis {other}{why if hidden else ""}'
    )


def _parts(term: Term) -> tuple[Term, ...]:
    match term:
        case Sum(first=first, second=second) | Product(first=first, second=second):
            return first, second
        case Multiple(factor=factor, term=inner):
            return (factor, inner) if isinstance(factor, Term) else (inner,)
        case Transposed(term=inner) | Inverted(term=inner) | Traced(term=inner):
            return (inner,)
    return ()


def in_order(terms: Iterable[Term]) -> tuple[Term, ...]:
    """Terms and all they are made of, each once, parts first."""
    found: dict[Term, None] = {}
    waiting = [*terms][::-1]
    while waiting:
        term = waiting[-1]
        new = [part for part in _parts(term) if part not in found]
        if new and term not in found:
            waiting += new[::-1]
        else:
            found.setdefault(waiting.pop())
    return tuple(found)


def degree(term: Term, letters: Iterable[Letter]) -> float:
    """Degree of a term as a polynomial in letters; infinite where it is none."""
    degrees: dict[Term, float] = dict.fromkeys(letters, 1)
    for part in in_order([term]):
        if part not in degrees:
            found = [degrees[inner] for inner in _parts(part)]
            if isinstance(part, Sum):
                degrees[part] = max(found)
            elif isinstance(part, Inverted):
                degrees[part] = float("inf") if found[0] else 0
            else:
                degrees[part] = sum(found)
    return degrees[term]


def _added(one: Term | None, other: Term | None) -> Term | None:
    if one is None or other is None:
        return other if one is None else one
    return one + other


def differential(terms: Sequence[Term], changes: Mapping[Letter, Term]) -> tuple[Term | None, ...]:
    """First change of terms with their letters; ``None`` where it is zero.

    Parameters
    ----------
    terms : sequence of Term
    changes : Mapping of Letter to Term
        By letter its change.
    """
    found: dict[Term, Term | None] = dict(changes.items())
    for part in in_order(terms):
        if part not in found:
            found[part] = _changed(part, found)
    return tuple(found[term] for term in terms)


def _changed(term: Term, changes: Mapping[Term, Term | None]) -> Term | None:
    """Change of a term from those of its parts."""
    match term:
        case Sum(first=first, second=second):
            return _added(changes[first], changes[second])
        case Product(first=first, second=second):
            left, right = changes[first], changes[second]
            return _added(
                None if left is None else left @ second, None if right is None else first @ right
            )
        case Multiple(factor=factor, term=inner):
            scaled = changes[inner]
            grown = changes[factor] if isinstance(factor, Term) else None
            return _added(
                None if scaled is None else multiple(factor, scaled),
                None if grown is None else multiple(grown, inner),
            )
        case Transposed(term=inner):
            return None if (change := changes[inner]) is None else change.T
        case Traced(term=inner):
            return None if (change := changes[inner]) is None else change.trace()
        case Inverted(term=inner):
            if (change := changes[inner]) is None:
                return None
            if term.is_scalar:
                return -1 * (term * term * change)
            return -1 * (term @ change @ term)
    return None


def gradient(
    terms: Sequence[Term], weights: Sequence[Term], letters: Sequence[Letter]
) -> tuple[Term | None, ...]:
    """Slope of ``sum_k tr(weights_k' terms_k)`` in letters; ``None`` where it is zero.

    Parameters
    ----------
    terms, weights : sequence of Term
        With the same axes one by one.
    letters : sequence of Letter
    """
    slopes: dict[Term, Term | None] = {}
    for term, weight in zip(terms, weights, strict=True):
        slopes[term] = _added(slopes.get(term), weight)
    for part in reversed(in_order(terms)):
        if (slope := slopes.get(part)) is not None:
            for inner, share in _shares(part, slope):
                slopes[inner] = _added(slopes.get(inner), share)
    return tuple(slopes.get(letter) for letter in letters)


def _shares(term: Term, slope: Term) -> tuple[tuple[Term, Term], ...]:
    """What a slope in a term is in its parts."""
    match term:
        case Sum(first=first, second=second):
            return (first, slope), (second, slope)
        case Product(first=first, second=second):
            return (first, slope @ second.T), (second, first.T @ slope)
        case Multiple(factor=factor, term=inner):
            shares = ((inner, multiple(factor, slope)),)
            if not isinstance(factor, Term):
                return shares
            if inner.is_scalar:
                return (*shares, (factor, slope * inner))
            return (*shares, (factor, (slope.T @ inner).trace()))
        case Transposed(term=inner):
            return ((inner, slope.T),)
        case Traced(term=inner):
            return ((inner, multiple(slope, Identity(inner.rows, inner.columns))),)
        case Inverted(term=inner):
            if term.is_scalar:
                return ((inner, -1 * (term * term * slope)),)
            return ((inner, -1 * (term.T @ slope @ term.T)),)
    return ()


def evaluate(terms: Sequence[Term], values: Mapping[Letter, Array]) -> tuple[Array, ...]:
    """Values of terms.

    Parameters
    ----------
    terms : sequence of Term
    values : Mapping of Letter to Array
        By letter a matrix or a stack of them, shape ``(..., rows, columns)``; the axes in front
        are broadcast against each other.
    """
    sizes: dict[str, int] = {}
    for letter, array in values.items():
        sizes[letter.rows], sizes[letter.columns] = array.shape[-2:]
    found: dict[Term, Array] = dict(values.items())
    for part in in_order(terms):
        if part not in found:
            found[part] = _value(part, found, sizes)
    return tuple(found[term] for term in terms)


def _value(term: Term, values: Mapping[Term, Array], sizes: Mapping[str, int]) -> Array:
    """Value of a term from those of its parts."""
    match term:
        case Given(values=array):
            return array
        case Identity():
            return np.eye(sizes[term.rows])
        case Sum(first=first, second=second):
            return np.asarray(values[first] + values[second])
        case Product(first=first, second=second):
            return _stacked_product(values[first], values[second])
        case Multiple(factor=factor, term=inner):
            number: Any = values[factor] if isinstance(factor, Term) else factor
            return np.asarray(number * values[inner])
        case Transposed(term=inner):
            return values[inner].swapaxes(-1, -2)
        case Traced(term=inner):
            sums = np.trace(values[inner], axis1=-2, axis2=-1)
            return np.asarray(sums[..., np.newaxis, np.newaxis])
        case Inverted(term=inner):
            return np.asarray(np.linalg.inv(values[inner]))
    raise KeyError(f"no value for {written(term)}")


def rebuilt(
    terms: Sequence[Term], values: Mapping[Letter, Any], number: Callable[[float], Any] = float
) -> tuple[Any, ...]:
    """Terms built anew of other matrices: arrays, symbols, or terms.

    Parameters
    ----------
    terms : sequence of Term
        Without matrices of numbers.
    values : Mapping of Letter to matrix
        By letter a matrix, by that of a scalar a number.
    number : callable, optional
        What stands for a number in a term: itself, or the same exactly.
    """
    found: dict[Term, Any] = dict(values.items())
    for part in in_order(terms):
        if part in found:
            continue
        match part:
            case Given(values=array):
                found[part] = number(float(array.flat[0]))
            case Identity(rows=axis):
                found[part] = _identity(axis, values)
            case Sum(first=first, second=second):
                found[part] = found[first] + found[second]
            case Product(first=first, second=second):
                found[part] = found[first] @ found[second]
            case Multiple(factor=factor, term=inner):
                times = found[factor] if isinstance(factor, Term) else number(factor)
                found[part] = times * found[inner]
            case Transposed(term=inner):
                found[part] = found[inner].T
            case Traced(term=inner):
                found[part] = found[inner].trace()
            case Inverted(term=inner) if part.is_scalar:
                found[part] = 1 / found[inner]
            case Inverted(term=inner):
                found[part] = inverse(found[inner])
    return tuple(found[term] for term in terms)


def inverse(matrix: Any) -> Any:
    """``matrix^-1`` of an array, of a matrix of symbols, or of a term."""
    return np.linalg.inv(matrix) if isinstance(matrix, np.ndarray) else matrix.inv()


def _identity(axis: str, values: Mapping[Letter, Any]) -> Any:
    """The identity on an axis, of the kind and length of a matrix with that axis."""
    letter, side = next(
        (letter, side)
        for letter in values
        for side, name in enumerate((letter.rows, letter.columns))
        if name == axis
    )
    matrix = values[letter]
    if isinstance(matrix, Term):
        name = (matrix.rows, matrix.columns)[side]
        return Identity(name, name)
    length = matrix.shape[side]
    return np.eye(length) if isinstance(matrix, np.ndarray) else matrix.eye(length)


def _stacked_product(first: Array, second: Array) -> Array:
    """``first @ second``; a stack times one matrix is a single product of matrices."""
    if first.ndim > 2 and second.ndim == 2:
        flat = first.reshape(-1, first.shape[-1]) @ second
        return flat.reshape(*first.shape[:-1], second.shape[-1])
    if first.ndim == 2 and second.ndim > 2:
        return _stacked_product(second.swapaxes(-1, -2), first.T).swapaxes(-1, -2)
    return np.asarray(first @ second)

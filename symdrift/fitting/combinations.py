"""Which combinations of the free numbers the data determine, and which they leave open."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from symdrift.errors import enumerated
from symdrift.fitting.free_numbers import FreeNumber, sizes
from symdrift.fitting.least_squares import THRESHOLD
from symdrift.records import Record
from symdrift.study.problem import Array

NOT_AT_ALL = 1e-7
"""Singular value of the Jacobian, relative to the largest, that is zero up to rounding."""
_COMPONENT = 1e-5
"""Of a direction, in units of the box: free numbers below it take no part."""
_SMALL_SHARE = 0.05
"""The same where it is errors that leave a direction open, whose end nobody knows that well."""
_WHOLE = 1e-5
"""How close to whole numbers exponents must be."""
_LARGEST_DENOMINATOR = 12
_PRODUCT, _SUM, _TANGENT = "product", "sum", "tangent"
"""What stays the same along open directions: everywhere one of these, or the tangent at the best
fit only.
"""


@dataclass(frozen=True)
class Combination(Record):
    """A product of powers of free numbers, or a sum of multiples where one may be zero.

    Attributes
    ----------
    exponents : dict of str to float
        By free number; those that do not occur are left out.
    exact : bool
        Whether the exponents are whole numbers up to rounding, and the same elsewhere.
    """

    exponents: dict[str, float]
    exact: bool


@dataclass(frozen=True)
class OpenNumbers(Record):
    """Free numbers that the data do not tell apart.

    Attributes
    ----------
    numbers : tuple of str
        They can change together without a change of the predictions.
    determined : tuple of Combination
        What of them is determined.
    freedom : int
        How many directions remain in which they can change.
    everywhere : bool
        Whether the same holds at other points of the box, or only close to the best fit.
    text : str
        All this in a sentence.
    """

    numbers: tuple[str, ...]
    determined: tuple[Combination, ...]
    freedom: int
    everywhere: bool
    text: str


@dataclass(frozen=True, eq=False)
class Directions:
    """Directions of the free numbers and how well each is known, in units of the box.

    Attributes
    ----------
    strengths : Array
        Change of the residuals from one end of the box to the other, decreasing, shape ``(k,)``.
    vectors : Array
        Rows, orthonormal, shape ``(k, k)``.
    """

    strengths: Array
    vectors: Array

    @classmethod
    def of(cls, scaled: Array) -> Directions:
        """Of the derivatives of the residuals in units of the box, shape ``(M, k)``, ``M >= k``."""
        _, strengths, vectors = np.linalg.svd(scaled, full_matrices=False)
        return cls(strengths, vectors)

    @property
    def rank(self) -> int:
        """Directions on which the data depend at all."""
        return int(np.count_nonzero(self.strengths > NOT_AT_ALL * self.strengths[0]))

    @property
    def known(self) -> int:
        """Directions of which the data exclude a part of the box, at 95 %."""
        clear = self.strengths > np.sqrt(THRESHOLD)
        return min(self.rank, int(np.count_nonzero(clear)))

    @property
    def silent(self) -> Array:
        """Directions that leave the predictions alone, rows of shape ``(k - rank, k)``."""
        return self.vectors[self.rank :]

    def covariance(self, numbers: Sequence[FreeNumber]) -> Array:
        """Of the coordinates, shape ``(k, k)``; infinite on the diagonal where nothing is known."""
        known = self.vectors[: self.rank] / self.strengths[: self.rank, np.newaxis]
        found: Array = known.T @ known * np.outer(sizes(numbers), sizes(numbers))
        unknown = np.abs(self.silent).max(axis=0, initial=0.0) > _COMPONENT
        found[np.diag_indices(len(found))] += np.where(unknown, np.inf, 0.0)
        return found


def open_numbers(
    numbers: Sequence[FreeNumber],
    best: tuple[Array, Array],
    elsewhere: Sequence[tuple[Array, Array]],
) -> tuple[OpenNumbers, ...]:
    """Free numbers that the data leave open: those that nothing tells apart, then those that the
    errors of the measurements are too large for.

    Parameters
    ----------
    numbers : sequence of FreeNumber
    best : tuple of Array
        Coordinates of the best fit, shape ``(k,)``, and the derivatives of the residuals by them
        there, shape ``(M, k)``.
    elsewhere : sequence of tuple of Array
        The same at other points of the box.
    """
    place, jacobian = best
    directions = Directions.of(jacobian * sizes(numbers))
    found, blocks = [], _blocks(directions.silent)
    for block in blocks:
        silent = block * sizes(numbers)
        # Products of powers are the same ones everywhere in logarithms, sums in the numbers.
        products, sums = (
            _everywhere(silent, slopes, (numbers, place), elsewhere)
            for slopes in (_by_logarithm, _by_value)
        )
        how = _PRODUCT if products else _SUM if sums else _TANGENT
        found.append(_open(silent, numbers, place, how, certain=True))
    if directions.known < directions.rank:
        weak = directions.vectors[directions.known : directions.rank]
        moving = np.abs(weak).max(axis=0) > _SMALL_SHARE
        # What nothing tells is part of it where it has a number in common with that.
        linked = [each for each in blocks if (np.abs(each[:, moving]) > _COMPONENT).any()]
        weak = np.vstack([weak, *linked]) * sizes(numbers)
        found.append(_open(weak, numbers, place, _TANGENT, certain=False))
    return tuple(found)


def _blocks(silent: Array) -> list[Array]:
    """Directions with free numbers of their own, bases of shape ``(d, k)`` each."""
    projector = silent.T @ silent
    linked = np.abs(projector) > _COMPONENT
    left = {int(place) for place in np.flatnonzero(np.diagonal(linked))}
    left |= {int(place) for place in np.flatnonzero(linked.any(axis=0))}
    found = []
    while left:
        block, new = set[int](), {min(left)}
        while new:
            block |= new
            new = {int(at) for one in new for at in np.flatnonzero(linked[one])} - block
        left -= block
        part = np.zeros_like(projector)
        own = np.ix_(sorted(block), sorted(block))
        part[own] = projector[own]
        _, values, vectors = np.linalg.svd(part)
        # Those of a projector are 0 or 1; without any, numbers take part by rounding only.
        if (values > 0.5).any():
            found.append(vectors[values > 0.5])
    return found


def _everywhere(
    silent: Array,
    slopes: Callable[[Sequence[FreeNumber], Array], Array],
    here: tuple[Sequence[FreeNumber], Array],
    elsewhere: Sequence[tuple[Array, Array]],
) -> bool:
    """Whether directions of constant steps in some units leave predictions alone elsewhere too."""
    numbers, place = here
    steps = silent * slopes(numbers, place)
    return bool(elsewhere) and all(
        np.abs(other @ (steps / slopes(numbers, there)).T).max()
        <= NOT_AT_ALL * np.linalg.norm(other) * np.linalg.norm(silent)
        for there, other in elsewhere
    )


def _by_value(numbers: Sequence[FreeNumber], place: Array) -> Array:
    """Change of each number with its coordinate."""
    return np.array([each.slope(at) for each, at in zip(numbers, place.tolist(), strict=True)])


def _by_logarithm(numbers: Sequence[FreeNumber], place: Array) -> Array:
    """Change of the logarithm of each number with its coordinate; 1 where it has none."""
    slopes = []
    for each, coordinate in zip(numbers, place.tolist(), strict=True):
        value = each.at(coordinate)
        slopes.append(each.slope(coordinate) / value if value > 0 else 1.0)
    return np.array(slopes)


def _open(
    directions: Array,
    numbers: Sequence[FreeNumber],
    place: Array,
    how: str,
    certain: bool,
) -> OpenNumbers:
    """What directions in the coordinates, shape ``(d, k)``, leave open and what they do not."""
    shares = np.abs(directions / sizes(numbers)).max(axis=0)
    least = _COMPONENT if certain else _SMALL_SHARE
    taking_part = np.flatnonzero(shares > least * shares.max()).tolist()
    some = [numbers[index] for index in taking_part]
    names = tuple(each.name for each in some)
    positive = [each.at(place[index]) > 0 for index, each in zip(taking_part, some, strict=True)]
    powers = how != _SUM and all(positive)
    everywhere = how != _TANGENT
    slopes = _by_logarithm if powers else _by_value
    moving = directions * slopes(numbers, place)
    combined = determined_combinations(moving[:, taking_part], names)
    if not everywhere:
        combined = tuple(replace(each, exact=False) for each in combined)
    because = "" if certain else " within the errors of the measurements"
    if not combined:
        text = f"the data say nothing about {enumerated(names)}{because}"
    else:
        where = "" if everywhere else ", near the best fit,"
        listed = enumerated([_written(each, powers) for each in combined])
        verb = "is" if len(combined) == 1 else "are"
        order = ", to first order" if certain and not everywhere else ""
        text = f"of {enumerated(names)}{where} only {listed} {verb} determined{because}{order}"
    return OpenNumbers(names, combined, len(directions), everywhere, text)


def determined_combinations(silent: Array, names: Sequence[str]) -> tuple[Combination, ...]:
    """Exponents whose products stay the same along silent directions, as simple as they can be.

    Parameters
    ----------
    silent : Array
        Rows, in coordinates, shape ``(d, q)``.
    names : sequence of str
        Of the coordinates.
    """
    _, values, vectors = np.linalg.svd(silent)
    rank = int(np.count_nonzero(values > NOT_AT_ALL * values[0]))
    return tuple(_combination(row, names) for row in _reduced(vectors[rank:]))


def _reduced(rows: Array) -> Array:
    """Reduced row echelon form: each row begins with a 1 in a column of its own."""
    rows = rows.copy()
    done = 0
    for column in range(rows.shape[1]):
        if done == len(rows):
            break
        pivot = done + int(np.argmax(np.abs(rows[done:, column])))
        if abs(rows[pivot, column]) < 1e-6:
            continue
        rows[[done, pivot]] = rows[[pivot, done]]
        rows[done] /= rows[done, column]
        others = np.arange(len(rows)) != done
        rows[others] -= np.outer(rows[others, column], rows[done])
        done += 1
    return rows


def _combination(row: Array, names: Sequence[str]) -> Combination:
    """Exponents of a row as small whole numbers, or as they are, with two digits."""
    fractions = [Fraction(value).limit_denominator(_LARGEST_DENOMINATOR) for value in row.tolist()]
    exact = all(
        abs(float(near) - value) < _WHOLE for near, value in zip(fractions, row, strict=True)
    )
    if exact:
        factor = int(np.lcm.reduce([near.denominator for near in fractions]))
        exponents = [float(near * factor) for near in fractions]
    else:
        exponents = [float(f"{value:.2g}") if abs(value) > _WHOLE else 0.0 for value in row]
    return Combination(
        {name: value for name, value in zip(names, exponents, strict=True) if value}, exact
    )


def _written(combination: Combination, powers: bool) -> str:
    if not powers:
        terms = [
            f"{'-' if value < 0 else '+'} {'' if abs(value) == 1 else f'{abs(value):g}*'}{name}"
            for name, value in combination.exponents.items()
        ]
        return " ".join(terms).removeprefix("+ ")
    above = [(name, value) for name, value in combination.exponents.items() if value > 0]
    below = [(name, -value) for name, value in combination.exponents.items() if value < 0]
    text = "*".join(_power(*each) for each in above) or "1"
    if not below:
        return text
    under = "*".join(_power(*each) for each in below)
    return f"{text}/({under})" if len(below) > 1 else f"{text}/{under}"


def _power(name: str, exponent: float) -> str:
    return name if exponent == 1 else f"{name}^{exponent:g}"

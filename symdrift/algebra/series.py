"""Power series in a small number, cut off, whose coefficients are scalars, vectors or matrices."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import product
from typing import Any


class Series:
    """``sum_k epsilon^k terms[k]``, up to a highest power.

    Parameters
    ----------
    terms : Mapping of int to coefficient
        By power; those that are zero are left out.
    highest : int
        Power above which terms are left out.
    """

    def __init__(self, terms: Mapping[int, Any], highest: int) -> None:
        self.terms = {k: term for k, term in terms.items() if k <= highest and term}
        self.highest = highest

    def __add__(self, other: Series | int) -> Series:
        if isinstance(other, int):  # The start of a sum.
            return self
        terms = dict(self.terms)
        for power, term in other.terms.items():
            terms[power] = terms[power] + term if power in terms else term
        return Series(terms, min(self.highest, other.highest))

    __radd__ = __add__

    def __sub__(self, other: Series) -> Series:
        return self + -1 * other

    def __rmul__(self, factor: Any) -> Series:
        return self.mapped(lambda term: factor * term)

    def __truediv__(self, divisor: Any) -> Series:
        return self.mapped(lambda term: term / divisor)

    def __matmul__(self, other: Series) -> Series:
        highest = min(self.highest, other.highest)
        terms: dict[int, Any] = {}
        for (left, first), (right, second) in product(self.terms.items(), other.terms.items()):
            if (power := left + right) <= highest:
                term = first @ second
                terms[power] = terms[power] + term if power in terms else term
        return Series(terms, highest)

    @property
    def T(self) -> Series:
        """Of every term its transpose."""
        return self.mapped(lambda term: term.T)

    def mapped(self, change: Callable[[Any], Any]) -> Series:
        """Every term changed."""
        return Series({power: change(term) for power, term in self.terms.items()}, self.highest)

    def shifted(self, powers: int) -> Series:
        """Times a power of the small number; the highest power moves with it."""
        terms = {power + powers: term for power, term in self.terms.items()}
        return Series(terms, self.highest + powers)


def exponential(series: Series, one: Any) -> Series:
    """``exp`` of a matrix series without constant term; ``one`` is the identity."""
    power = total = Series({0: one}, series.highest)
    for k in range(1, series.highest + 1):
        power = power @ series / k
        total = total + power
    return total


def logarithm(series: Series, one: Any) -> Series:
    """``log`` of a matrix series whose constant term is the identity ``one``."""
    power = total = rest = series - Series({0: one}, series.highest)
    for k in range(2, series.highest + 1):
        power = power @ rest
        total = total + (-1) ** (k + 1) * power / k
    return total

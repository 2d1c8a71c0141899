"""Weighted least squares from many starts, and the profile of the likelihood around the best."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import brentq, least_squares
from scipy.stats import chi2, qmc

from symdrift.fitting.predictions import Predictions
from symdrift.study.problem import Array

LEVEL = 0.95
THRESHOLD = float(chi2.ppf(LEVEL, 1))
"""By how much chi-squared may exceed its minimum within the interval."""
MOST_LOOKED_AT = 256
"""Points of the box at which chi-squared is looked at, at most: sixteen for one free number, twice
as many for each further one, which Sobol's sequence fills evenly."""

_TOLERANCE, _TOLERANCE_OF_PROFILES = 1e-8, 1e-6
_MOST_STEPS = 150
_FAR = 50.0
"""Root of chi-squared above its minimum that stands for places without a theory."""
_WIDEN, _MOST_WIDENED = 1.5, 5.0
_EDGE = 1e-9
"""Of the box: coordinates that close to an end lie on it."""
_ROUGH = 1e-3
"""Relative precision of the ends of an interval."""


class _Lost(ArithmeticError):
    """The study cannot be evaluated on any side of a place."""


@dataclass(frozen=True, eq=False)
class Descent:
    """Where a descent ended: coordinates, shape ``(k,)``, and chi-squared there."""

    place: Array
    chi_squared: float


@dataclass(frozen=True, eq=False)
class Profile:
    """Least chi-squared against one free number, all others fitted.

    Attributes
    ----------
    low, high : float or None
        Coordinates of the ends of the 95 % interval; None where chi-squared stays below it up to
        the end of the box.
    coordinates, excess : Array
        Where it was computed, in order, and by how much it exceeds its minimum, shape ``(T,)``.
    lowest : Descent
        The best of these places: another than the best fit where that was none.
    """

    low: float | None
    high: float | None
    coordinates: Array
    excess: Array
    lowest: Descent


@dataclass(frozen=True, eq=False)
class Problem:
    """Residuals ``(prediction - value) / standard error`` in the box of the free numbers."""

    predictions: Predictions
    values: Array
    errors: Array

    @property
    def box(self) -> Array:
        """Ends of the coordinates, shape ``(2, k)``."""
        return np.array([each.box for each in self.predictions.numbers]).T

    def of(self, rows: Sequence[int]) -> Problem:
        """The same of some of the measurements."""
        asked = tuple(self.predictions.measurements[row] for row in rows)
        picked = list(rows)
        return Problem(
            replace(self.predictions, measurements=asked), self.values[picked], self.errors[picked]
        )

    def residuals(self, places: Array) -> Array:
        """At points of shape ``(N, k)``; shape ``(N, M)``, ``nan`` without a theory."""
        return (self.predictions.values(places) - self.values) / self.errors

    def chi_squared(self, places: Array) -> Array:
        """At points of shape ``(N, k)``; infinite without a theory."""
        with np.errstate(over="ignore"):
            total = np.sum(self.residuals(places) ** 2, axis=1)
        return np.where(np.isfinite(total), total, np.inf)

    def jacobian(self, place: Array, columns: Sequence[int] | None = None) -> Array:
        """Derivatives of the residuals by the coordinates, or by some, shape ``(M, k)``."""
        return self.predictions.jacobian(place, columns) / self.errors[:, np.newaxis]

    def descend(self, start: Array, fixed: int | None = None) -> Descent:
        """Minimise chi-squared from a point; one coordinate may be kept where it is."""
        free = [place for place in range(len(start)) if place != fixed]
        if not free:
            return Descent(start, float(self.chi_squared(start[np.newaxis])[0]))

        def whole(part: Array) -> Array:
            place = start.copy()
            place[free] = part
            return place

        def jacobian(part: Array) -> Array:
            found = self.jacobian(whole(part), free)
            if not np.isfinite(found).all():
                raise _Lost
            return found

        low, high = self.box[:, free]
        margin = _EDGE * (high - low)
        tolerance = _TOLERANCE if fixed is None else _TOLERANCE_OF_PROFILES
        try:
            with np.errstate(all="ignore"):
                found = least_squares(
                    lambda part: self.residuals(whole(part)[np.newaxis])[0],
                    np.clip(start[free], low + margin, high - margin),
                    jacobian,
                    (low, high),
                    x_scale="jac",
                    ftol=tolerance,
                    xtol=tolerance,
                    gtol=tolerance,
                    max_nfev=_MOST_STEPS,
                )
        except (_Lost, ValueError, np.linalg.LinAlgError):
            return Descent(start, np.inf)
        return Descent(whole(found.x), float(2 * found.cost))

    def descend_at(
        self, coordinate: float, index: int, known: Sequence[Array], valley: Sequence[Array]
    ) -> Descent:
        """Minimise chi-squared with one coordinate given, all others from the best of some places,
        and of where the line through two places of a valley leads.
        """
        candidates = np.array(known)
        candidates[:, index] = coordinate
        if len(valley) == 2:
            first, second = valley
            share = (coordinate - first[index]) / (first[index] - second[index])
            led = np.clip(first + share * (first - second), *self.box)
            led[index] = coordinate
            candidates = np.vstack([candidates, led])
        candidates = np.unique(candidates, axis=0)
        alone = len(candidates) == 1
        best = 0 if alone else int(np.argmin(self.chi_squared(candidates)))
        return self.descend(candidates[best], index)


def starts(problem: Problem, given: Array, seed: int) -> list[Array]:
    """What is given, and the best of the points that Sobol's sequence spreads over the box: two
    for each free number.

    Parameters
    ----------
    problem : Problem
    given : Array
        Points that are starts in any case where there is a theory, shape ``(N, k)``.
    seed : int
        Of the sequence, which is scrambled.
    """
    low, high = problem.box
    looked_at = min(8 * 2 ** len(low), MOST_LOOKED_AT)
    spread = qmc.Sobol(len(low), rng=np.random.default_rng(seed)).random(looked_at)
    spread = low + spread * (high - low)
    order = np.argsort(chi := problem.chi_squared(spread), kind="stable")
    best = [spread[place] for place in order[: 2 * len(low)] if np.isfinite(chi[place])]
    known = [place for place in given if np.isfinite(problem.chi_squared(place[np.newaxis])[0])]
    return known + best


def scan(problem: Problem, index: int, count: int, known: Sequence[Array]) -> list[Descent]:
    """Valleys of the least chi-squared over the whole range of one free number, others fitted.

    Parameters
    ----------
    problem : Problem
    index : int
        Of the free number.
    count : int
        Coordinates at which it is computed, from one end of the box to the other.
    known : sequence of Array
        Places whose other coordinates are tried as a start, and those of the coordinate before.

    Returns
    -------
    list of Descent
        Where it is below both neighbours, the lowest first.
    """
    found: list[Descent] = []
    low, high = problem.box[:, index]
    for coordinate in np.linspace(low, high, count):
        before = [each.place for each in found[:-3:-1]]
        found.append(problem.descend_at(coordinate, index, [*known, *before[:1]], before))
    heights = np.array([np.inf, *(each.chi_squared for each in found), np.inf])
    with np.errstate(invalid="ignore"):
        lower = (heights[1:-1] <= heights[:-2]) & (heights[1:-1] < heights[2:])
    return best_descents([each for each, is_low in zip(found, lower, strict=True) if is_low])


def profile(
    problem: Problem,
    best: Descent,
    index: int,
    step: float,
    progress: Callable[[], None],
    least: float | None = None,
) -> Profile:
    """Profile of one free number around a minimum, followed to the ends of its interval.

    Parameters
    ----------
    problem : Problem
    best : Descent
    index : int
        Of the free number.
    step : float
        Where the end of the interval is expected, from the minimum.
    progress : callable
        Called when a side is done.
    least : float, optional
        Chi-squared of the best fit, where the minimum is another.
    """
    least = best.chi_squared if least is None else least
    solved = {float(best.place[index]): best}

    def root(coordinate: float) -> float:
        """Root of the excess of chi-squared, others fitted from the closest place known."""
        if coordinate not in solved:
            nearest = sorted(solved, key=lambda other: abs(other - coordinate))[:2]
            known = [solved[each].place for each in nearest]
            found = problem.descend_at(coordinate, index, known, known)
            if np.isfinite(found.chi_squared):
                solved[coordinate] = found
            else:
                return _FAR
        excess = solved[coordinate].chi_squared - least
        return min(float(np.sqrt(max(excess, 0.0))), _FAR)

    ends = []
    for direction, bound in zip((-1, 1), problem.box[:, index].tolist(), strict=True):
        ends.append(_end(root, float(best.place[index]), direction * step, bound))
        progress()
    places = np.array(sorted(solved))
    excess = np.array([solved[place].chi_squared - least for place in places.tolist()])
    lowest = min(solved.values(), key=lambda each: each.chi_squared)
    return Profile(ends[0], ends[1], places, np.maximum(excess, 0.0), lowest)


def _end(root: Callable[[float], float], centre: float, step: float, bound: float) -> float | None:
    """Coordinate at which the root of the excess reaches the threshold; None within the box."""
    target = float(np.sqrt(THRESHOLD))
    inner = centre
    room = abs(bound - centre)
    length = min(abs(step), room)
    while True:
        outer = bound if length >= room else centre + np.copysign(length, step)
        above = root(outer)
        if above >= target:
            break
        if outer == bound:
            return None
        inner = outer
        length *= min(max(1.1 * target / max(above, 1e-9), _WIDEN), _MOST_WIDENED)
    found = brentq(
        lambda coordinate: root(coordinate) - target,
        inner,
        outer,
        xtol=_ROUGH * max(abs(inner - centre), abs(outer - inner)),
        rtol=4 * np.finfo(float).eps,
    )
    return float(found)


def best_descents(descents: Sequence[Descent]) -> list[Descent]:
    """Those that ended somewhere, the lowest first."""
    return sorted(
        (each for each in descents if np.isfinite(each.chi_squared)),
        key=lambda each: each.chi_squared,
    )

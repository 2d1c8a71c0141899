"""Stationary moments of one axis with synaptic noise, to as many digits as one asks for.

For ``n = m = 1`` and ``p`` hidden units each step multiplies the vectors ``w + u`` and ``w - u`` by
``k + b`` and ``k - b``, with ``k = 1 - eta gamma`` and ``b = eta x (y - w.u x)``, and adds
independent normal numbers of variance ``2 varsigma^2`` to each of their ``p`` entries.  So
``P = |w + u|^2`` and ``N = |w - u|^2``, of which ``w.u = (P - N) / 4``, are a Markov chain whose
moments are linear equations, cut at a degree that does not matter at tiny rates.  Nothing is
expanded in the learning rate, no gauge is chosen, and nothing is taken from the package.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product

from mpmath import binomial, lu_solve, matrix, mp, mpf, rf, sqrt

DIGITS = 60
DEGREE = 4
"""At which moments of the deviation of ``P`` and ``N`` are cut: as many as the next order takes."""

Polynomial = dict[tuple[int, int], mpf]
"""Coefficients by the powers of ``P - P*`` and ``N``."""


@dataclass(frozen=True)
class OneAxis:
    """Gaussian input of variance ``variance``, target ``gain x`` with label noise.

    ``synaptic_noise`` is its variance over the third power of the learning rate.
    """

    variance: float
    gain: float
    weight_decay: float
    label_noise: float
    synaptic_noise: float
    hidden: int


def fluctuation(given: OneAxis, rate: mpf) -> tuple[mpf, mpf]:
    """Variance of the weights about their mean, with the rotation undone, and excess loss."""
    with mp.workdps(DIGITS):
        moments, start = _moments(given, rate)
        lam, decay = mpf(given.variance), mpf(given.weight_decay)
        length = sum(
            binomial(mpf(1) / 2, i) * moments[i, 0] / start**i for i in range(DEGREE + 1)
        ) * sqrt(start)
        squares = (start + moments[1, 0] + moments[0, 1]) / 2
        # a - w.u is gamma / lambda - d with d = (P - P* - N) / 4.
        first = (moments[1, 0] - moments[0, 1]) / 4
        second = (moments[2, 0] - 2 * moments[1, 1] + moments[0, 2]) / 16
        excess = lam * second / 2 - decay * first + decay * (moments[1, 0] + moments[0, 1]) / 4
        return squares - length**2 / 2, excess


def _moments(given: OneAxis, rate: mpf) -> tuple[Polynomial, mpf]:
    """``E[(P - P*)^i N^j]``, and ``P*``."""
    lam, decay = mpf(given.variance), mpf(given.weight_decay)
    start = 4 * (mpf(given.gain) - decay / lam)
    keep, jitter = 1 - rate * decay, mpf(given.synaptic_noise) * rate**3
    powers = [(i, j) for i, j in product(range(DEGREE + 1), repeat=2) if i + j <= DEGREE]
    whole: Polynomial = {(0, 0): start, (1, 0): mpf(1)}
    rest: Polynomial = {(0, 1): mpf(1)}
    factors = _mean_powers(given, rate)

    def image(up: int, down: int) -> Polynomial:
        """Of ``P^up N^down`` in one step."""
        result: Polynomial = {}
        for i, j in product(range(up + 1), range(down + 1)):
            weight = _shaken(up, i, given.hidden, jitter) * _shaken(down, j, given.hidden, jitter)
            held = _times(_power(whole, i), _power(rest, j))
            for a, b in product(range(2 * i + 1), range(2 * j + 1)):
                share = binomial(2 * i, a) * binomial(2 * j, b) * (-1) ** b
                share *= keep ** (2 * i + 2 * j - a - b)
                for place, value in _times(factors[a + b], held).items():
                    result[place] = result.get(place, mpf(0)) + weight * share * value
        return result

    images = {power: image(*power) for power in powers}
    unknown = powers[1:]
    system, known = matrix(len(unknown)), matrix(len(unknown), 1)
    for row, (i, j) in enumerate(unknown):
        equation: Polynomial = {(i, j): mpf(-1)}
        for k in range(i + 1):
            for place, value in images[k, j].items():
                added = binomial(i, k) * (-start) ** (i - k) * value
                equation[place] = equation.get(place, mpf(0)) + added
        known[row] = -equation.get((0, 0), mpf(0))
        for column, place in enumerate(unknown):
            system[row, column] = equation.get(place, mpf(0))
    solved = lu_solve(system, known)
    return {(0, 0): mpf(1)} | dict(zip(unknown, solved, strict=True)), start


def _mean_powers(given: OneAxis, rate: mpf) -> list[Polynomial]:
    """``E[b^c]`` over inputs and label noise, as polynomials of the state."""
    lam, noise = mpf(given.variance), mpf(given.label_noise)
    error: Polynomial = {
        (0, 0): mpf(given.weight_decay) / lam, (1, 0): mpf(-1) / 4, (0, 1): mpf(1) / 4
    }  # fmt: skip
    return [
        _sum(
            _scaled(
                _power(error, c - l),
                rate**c * binomial(c, l) * _normal(2 * c - l, lam) * _normal(l, noise),
            )
            for l in range(0, c + 1, 2)
        )
        for c in range(2 * DEGREE + 1)
    ]


def _normal(power: int, variance: mpf) -> mpf:
    """``E[x^power]`` of a centred normal number."""
    return mpf(0) if power % 2 else variance ** (power // 2) * mp.fac2(power - 1)


def _shaken(power: int, kept: int, hidden: int, jitter: mpf) -> mpf:
    """Coefficient of ``q^kept`` in ``E[|v + z|^(2 power)]`` with ``|v|^2 = q``.

    Entries of ``z`` have twice the variance ``jitter``.
    """
    gone = power - kept
    return binomial(power, kept) * (4 * jitter) ** gone * rf(mpf(hidden) / 2 + kept, gone)


def _times(left: Polynomial, right: Polynomial) -> Polynomial:
    result: Polynomial = {}
    for (i, j), a in left.items():
        for (k, l), b in right.items():
            if i + j + k + l <= DEGREE:
                place = (i + k, j + l)
                result[place] = result.get(place, mpf(0)) + a * b
    return result


def _power(base: Polynomial, exponent: int) -> Polynomial:
    result: Polynomial = {(0, 0): mpf(1)}
    for _ in range(exponent):
        result = _times(result, base)
    return result


def _scaled(polynomial: Polynomial, factor: mpf) -> Polynomial:
    return {place: factor * value for place, value in polynomial.items()}


def _sum(polynomials: Iterable[Polynomial]) -> Polynomial:
    result: Polynomial = {}
    for polynomial in polynomials:
        for place, value in polynomial.items():
            result[place] = result.get(place, mpf(0)) + value
    return result

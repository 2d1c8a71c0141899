"""Second moments of deviations on equal axes, for any number of them.

When all axes are alike nothing singles out a frame, and the second moment of two matrices is a sum
over the three ways to pair its indices,
``<X_ob Z_ud> = c_1 1_ob 1_ud + c_2 1_ou 1_bd + c_3 1_od 1_bu``.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import sympy as sp

from symdrift.algebra.rational import cancel
from symdrift.derivation.symbols import GAMMA, INPUTS, symbol

VARIANCE, VALUE, LABEL_NOISE = (
    symbol(role) for role in ("input_variance", "singular_value", "label_noise")
)


@dataclass(frozen=True)
class Pairings:
    """Coefficients of the three pairings in a second moment of two matrices."""

    split: sp.Expr
    straight: sp.Expr
    crossed: sp.Expr

    @property
    def coefficients(self) -> tuple[sp.Expr, sp.Expr, sp.Expr]:
        return self.split, self.straight, self.crossed

    def __add__(self, other: Pairings) -> Pairings:
        pairs = zip(self.coefficients, other.coefficients, strict=True)
        return Pairings(*(a + b for a, b in pairs))

    def __rmul__(self, factor: sp.Expr) -> Pairings:
        return Pairings(*(factor * a for a in self.coefficients))

    @property
    def turned(self) -> Pairings:
        """With one of the two matrices transposed."""
        return Pairings(self.split, self.crossed, self.straight)

    @property
    def swapped(self) -> Pairings:
        """``<X_ub Z_od>``: with the rows exchanged."""
        return Pairings(self.straight, self.split, self.crossed)

    @property
    def summed_rows(self) -> sp.Expr:
        """``sum_o <X_ob Z_od>``, the same for each ``b = d``."""
        return self.split + INPUTS * self.straight + self.crossed

    @property
    def summed_product(self) -> sp.Expr:
        """``sum_b <X_ob Z_bd>``, the same for each ``o = d``."""
        return self.split + self.straight + INPUTS * self.crossed

    @property
    def sampled(self) -> Pairings:
        """``<(X C)_ob (Z C)_ud> / lambda^2`` for ``C = x x' - lambda`` and Gaussian inputs."""
        return Pairings(self.crossed, self.summed_rows + self.straight, self.split)

    @property
    def sampled_across(self) -> Pairings:
        """``<(X C)_ob (C Z)_ud> / lambda^2``, and with the sides exchanged."""
        return self.turned.sampled.turned


def modes() -> tuple[sp.Symbol, ...]:
    """What a second moment across the orbit has: seven numbers.

    ``N_+ = (dW + dU) / sqrt 2`` is any matrix, ``N_- = (dW - dU) / sqrt 2`` a symmetric one, as
    the rest of it is a rotation: three pairings of ``N_+`` with itself, two with ``N_-`` and two
    of ``N_-`` with itself.
    """
    return tuple(sp.Symbol(f"moment_{k}") for k in range(7))


def response() -> sp.ImmutableMatrix:
    """``E[(H_x - H) Psi (H_x - H)]`` on the seven numbers, for one sample per step.

    A sample makes ``dg_W = s (dW + dU) C - E dU' C - dU' eps x'`` and
    ``dg_U = s (dW + dU) C - E C dW' - eps x' dW'`` of a deviation.
    """
    numbers = modes()
    full = Pairings(*numbers[:3])
    mixed, difference = (Pairings(a, b, b) for a, b in (numbers[3:5], numbers[5:]))
    half, minus = sp.Rational(1, 2), sp.Integer(-1)
    first = half * (full + 2 * mixed + difference)
    second = half * (full + -2 * mixed + difference)
    between = half * (full + minus * difference)
    missed, labels = GAMMA / VARIANCE, LABEL_NOISE**2 * VARIANCE
    both = first + 2 * between + second
    with_first, with_second = first + between, second + between

    def heard(moments: Pairings) -> Pairings:
        """What label noise makes of the moments of the other layer."""
        return Pairings(sp.Integer(0), labels * moments.summed_rows, sp.Integer(0))

    change_first = VARIANCE**2 * (
        VALUE**2 * both + -2 * VALUE * missed * with_second.turned + missed**2 * second
    ).sampled + heard(second)
    change_second = VARIANCE**2 * (
        (VALUE**2 * both).sampled
        + -2 * VALUE * missed * with_first.turned.sampled_across
        + missed**2 * first.turned.sampled_across.turned
    ) + heard(first)
    change_between = (
        VARIANCE**2
        * (
            (VALUE**2 * both + -VALUE * missed * with_second.turned).sampled
            + -missed * (VALUE * with_first.turned + -missed * between).sampled_across
        )
        + labels * between.swapped
    )
    changed = (
        *(half * (change_first + 2 * change_between + change_second)).coefficients,
        *_symmetric(half * (change_first + minus * change_second)),
        *_symmetric(half * (change_first + -2 * change_between + change_second)),
    )
    return _on_modes(changed)


def curvatures() -> tuple[sp.Expr, sp.Expr, sp.Expr]:
    """Hessian eigenvalues of symmetric and skew ``N_+``, and of ``N_-``."""
    return 2 * VARIANCE * VALUE, 2 * VARIANCE * VALUE + 2 * GAMMA, 2 * GAMMA


def inverse_rates(batch: sp.Expr = sp.S.One) -> sp.ImmutableMatrix:
    """The matrix whose largest eigenvalue is the inverse of the critical rate, shape ``(7, 7)``.

    ``H Psi + Psi H = eta (H Psi H + E[(H_x - H) Psi (H_x - H)] / B)`` on the seven
    numbers, solved for the right side.
    """
    even, odd, apart = curvatures()
    relaxed = _by_curvature(1 / (2 * even), 1 / (2 * odd), 1 / (even + apart), 1 / (2 * apart))
    steady = _by_curvature(even / 2, odd / 2, even * apart / (even + apart), apart / 2)
    return sp.ImmutableMatrix(steady + relaxed * response() / batch).applyfunc(cancel)


def _by_curvature(
    even: sp.Expr, odd: sp.Expr, mixed: sp.Expr, apart: sp.Expr
) -> sp.ImmutableMatrix:
    numbers = modes()
    sums = even * (numbers[1] + numbers[2]) / 2
    differences = odd * (numbers[1] - numbers[2]) / 2
    return _on_modes(
        (
            even * numbers[0],
            sums + differences,
            sums - differences,
            *(mixed * item for item in numbers[3:5]),
            *(apart * item for item in numbers[5:]),
        )
    )


def _symmetric(moments: Pairings) -> tuple[sp.Expr, sp.Expr]:
    """Of the symmetric part of the second matrix."""
    return moments.split, (moments.straight + moments.crossed) / 2


def _on_modes(changed: tuple[sp.Expr, ...]) -> sp.ImmutableMatrix:
    """Matrix of a linear map of the seven numbers."""
    numbers = modes()
    return sp.ImmutableMatrix([[sp.expand(row).coeff(item) for item in numbers] for row in changed])


def traces_over_sums(axes: int) -> tuple[sp.Expr, sp.Expr, sp.Expr]:
    """Traces over all sums of both layers, entry by entry, for a few equal axes.

    Of the Hessian, of its square, and of the square of the Hessian of a Gaussian sample without
    label noise, on average.
    """
    places = [(a, b) for a in range(axes) for b in range(axes)]
    products = {pair: sp.Symbol(f"x_{min(pair)}{max(pair)}") for pair in places}
    mean = {item: VARIANCE * int(a == b) for (a, b), item in products.items()}
    names = sorted(set(products.values()), key=str)
    pairs = {item: pair for pair, item in products.items()}

    def entry(row: tuple[int, int], column: tuple[int, int]) -> sp.Expr:
        """What the entry of the row gets of that of the column."""
        (a, b), (c, d) = row, column
        pulled = 2 * VALUE * products[d, b] * int(a == c)
        turned = products[c, b] * int(a == d) + products[a, d] * int(b == c)
        return pulled - GAMMA / (2 * VARIANCE) * turned + GAMMA * int(row == column)

    def averaged(polynomial: sp.Expr) -> sp.Expr:
        total = sp.Integer(0)
        for exponents, coefficient in sp.Poly(polynomial, *names).terms():
            present = [pairs[x] for x, k in zip(names, exponents, strict=True) for _ in range(k)]
            if len(present) == 2:
                (a, b), (c, d) = present
                ways = ((a, b, c, d), (a, c, b, d), (a, d, b, c))
                coefficient *= VARIANCE**2 * sum(i == j and k == l for i, j, k, l in ways)
            else:
                coefficient *= sp.Mul(*(VARIANCE * int(a == b) for a, b in present))
            total += coefficient
        return total

    of_sample = sp.Matrix(len(places), len(places), lambda k, q: entry(places[k], places[q]))
    of_mean = of_sample.xreplace(mean)
    squared = sp.Add(*(sp.expand(x * y) for x, y in zip(of_sample, of_sample.T, strict=True)))
    return of_mean.trace(), (of_mean * of_mean).trace(), averaged(squared)


def squares_of_heard(apart: sp.ImmutableMatrix) -> tuple[sp.Expr, sp.Expr]:
    """Mean squares of the trace and of all entries of what label noise makes of a matrix."""
    axes, heard = apart.rows, VARIANCE * LABEL_NOISE**2
    of_trace = of_entries = sp.Integer(0)
    # Products of one label noise and one input are independent of each other.
    for o, a in product(range(axes), repeat=2):
        one = sp.zeros(axes, axes)
        one[o, a] += 1
        part = (apart * (one + one.T) + (one + one.T) * apart) / 4
        of_trace += heard * part.trace() ** 2
        of_entries += heard * sp.Add(*(entry**2 for entry in part))
    return of_trace, of_entries

"""The next order in the learning rate of the isotropic autoencoder, for any number of inputs.

All ``n`` inputs have one variance, the teacher is the identity, all axes are learned.  In natural
units, in which variance and gain are 1, the weights are ``W = u (1 + epsilon (F + D))`` and
``U = u (1 + epsilon (F - D))`` with ``u^2 = s`` and ``epsilon^2 = eta``: an antisymmetric part of
``D`` would be a rotation of the hidden layer.  No axis is singled out, so that everything is a
polynomial in ``F``, ``D`` and the vectors of a sample, the same for every ``n``.

The expansion is that of `symdrift.evaluation.next_order`, from the rule on and without its numbers:
the two are held to each other by tests.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property, reduce
from itertools import product
from typing import Any

import flint
import sympy as sp

from symdrift.algebra.series import Series, exponential, logarithm
from symdrift.algebra.traces import (
    Sizes,
    TracePolynomial,
    antisymmetric,
    matrix,
    sample_input,
    sample_noise,
    symmetric,
)
from symdrift.derivation.symbols import BATCH, INPUTS
from symdrift.rules.linear import TwoLayerLinear

LETTERS = "sAd"
"""Symmetric and antisymmetric part of ``F``, and ``D``."""

MOST_LETTERS = 4
"""Degree of the polynomials that are solved for."""

REDUCED_VALUE, REDUCED_NOISE = sp.symbols("reduced_value reduced_noise", positive=True)
"""Singular value and variance of the label noise in natural units."""

Orders = tuple[sp.Expr, sp.Expr]
"""Coefficients of two orders that follow each other."""


class Ring:
    """Coefficients: polynomials in the size and the rates, and in inverse sums of curvatures.

    A sum of curvatures is inverted by a generator of its own, which is put in at the end.
    """

    def __init__(self) -> None:
        counts = product(range(MOST_LETTERS + 1), repeat=len(LETTERS))
        self._sums = [count for count in counts if 0 < sum(count) <= MOST_LETTERS]
        names = [f"inverse_{''.join(map(str, count))}" for count in self._sums]
        self._context = flint.fmpq_mpoly_ctx.get(
            ["inputs", "inverse_batch", "label_noise", "root", *names], flint.Ordering.lex
        )
        inputs, inverse_batch, label_noise, self.root, *inverses = self._context.gens()
        self._plain = 4
        self.sizes = Sizes(inputs, inverse_batch, label_noise)
        self._inverses = dict(zip(self._sums, inverses, strict=True))

    def inverse(self, words: Iterable[str]) -> Any:
        """One over the sum of the curvatures of all letters."""
        letters = "".join(words)
        return self._inverses[tuple(letters.count(letter) for letter in LETTERS)]

    def sums(self, curvatures: Mapping[str, Any]) -> list[Any]:
        """What the generators of inverses are the inverses of."""
        own = [curvatures[letter] for letter in LETTERS]
        return [
            sum((k * h for k, h in zip(count, own, strict=True) if k), self._context.constant(0))
            for count in self._sums
        ]

    def at(self, value: Any, inputs: int, root: sp.Rational) -> sp.Rational:
        """A coefficient of one step as a number; it has no mean in it and no curvature."""
        given = (inputs, 1, 1, flint.fmpq(root.p, root.q), *[0] * len(self._sums))
        found = value(*given)
        return sp.Rational(int(found.p), int(found.q))

    def expression(self, value: Any, sums: list[Any]) -> sp.Expr:
        """As a SymPy expression in lowest terms."""
        one = self._context.constant(1)
        degrees = [max(int(degree), 0) for degree in value.degrees()[self._plain :]]
        groups: dict[tuple[int, ...], dict[tuple[int, ...], Any]] = {}
        for exponents, coefficient in value.terms():
            powers = tuple(int(k) for k in exponents[self._plain :])
            plain = (*exponents[: self._plain], *[0] * len(powers))
            groups.setdefault(powers, {})[plain] = coefficient

        def multiplied(powers: Iterable[int]) -> Any:
            total = one
            for base, power in zip(sums, powers, strict=True):
                total = total * base**power if power else total
            return total

        numerator = sum(
            (
                self._context.from_dict(part)
                * multiplied(most - power for most, power in zip(degrees, powers, strict=True))
                for powers, part in groups.items()
            ),
            0 * one,
        )
        denominator = multiplied(degrees)
        common = numerator.gcd(denominator)
        return self._plain_expression(numerator / common) / self._plain_expression(
            denominator / common
        )

    def _plain_expression(self, polynomial: Any) -> sp.Expr:
        bases = (INPUTS, 1 / BATCH, REDUCED_NOISE, sp.sqrt(REDUCED_VALUE))
        return sp.Add(
            *(
                sp.Rational(int(coefficient.p), int(coefficient.q))
                * sp.Mul(*(b ** int(k) for b, k in zip(bases, exponents, strict=False)))
                for exponents, coefficient in polynomial.terms()
            )
        )


@dataclass(frozen=True)
class StepForms:
    """One step, power by power.

    Attributes
    ----------
    turn : Series
        ``Xi``, antisymmetric.
    changes : dict of str to Series
        What is added to every matrix of the deviation, by its letter.
    """

    turn: Series
    changes: dict[str, Series]


class IsotropicExpansion:
    """Both orders of everything, as functions of size, batch, weight decay and label noise.

    Parameters
    ----------
    label_noise : bool
        Without, the formulas are short.
    """

    HIGHEST = 6
    """Power of ``epsilon`` up to which a step is expanded."""

    def __init__(self, label_noise: bool) -> None:
        self.ring = Ring()
        self._noisy = label_noise

    @property
    def _one(self) -> TracePolynomial:
        return matrix("", self.ring.sizes)

    def _constant(self, value: TracePolynomial) -> Series:
        return Series({0: value}, self.HIGHEST)

    @cached_property
    def _rule(self) -> TwoLayerLinear:
        return TwoLayerLinear(self._constant(self._one), 1 - self.ring.root**2)

    @cached_property
    def _sample(self) -> tuple[Series, Series]:
        noise = sample_noise(self.ring.sizes)
        present = noise if self._noisy else TracePolynomial({}, self.ring.sizes)
        return self._constant(sample_input(self.ring.sizes)), self._constant(present)

    @cached_property
    def deviations(self) -> tuple[TracePolynomial, ...]:
        """Symmetric and antisymmetric part of ``F``, and ``D``."""
        return tuple(matrix(letter, self.ring.sizes) for letter in LETTERS)

    @cached_property
    def layers(self) -> tuple[TracePolynomial, TracePolynomial]:
        """``F + D`` and ``F - D``, the deviations of both layers in units of their size."""
        both, turning, apart = self.deviations
        return both + turning + apart, both + turning - apart

    @cached_property
    def _weights(self) -> tuple[Series, Series]:
        first, second = (
            self.ring.root * Series({0: self._one, 1: deviation}, self.HIGHEST)
            for deviation in self.layers
        )
        return first, second

    @cached_property
    def step(self) -> StepForms:
        """Rotation and new deviation of one step, from the rule."""
        root = self.ring.root
        updates = self._rule.update(self._weights, *self._sample)
        # In units of the root of the singular value, in which weights are 1 at the minimum.
        moved = tuple(
            Series((weights + update.shifted(2)).terms, self.HIGHEST) / root
            for weights, update in zip(self._weights, updates, strict=True)
        )
        turn = Series({}, self.HIGHEST)
        for power in range(1, self.HIGHEST + 1):
            first, second = self._turned_back(turn, moved)
            rotation = antisymmetric(self._at(first - second, power)) / 2
            turn = Series({**turn.terms, power: rotation}, self.HIGHEST)
        first, second = (
            (layer - Series({0: self._one, 1: deviation}, self.HIGHEST)).shifted(-1)
            for layer, deviation in zip(self._turned_back(turn, moved), self.layers, strict=True)
        )
        together, apart = (first + second) / 2, (first - second) / 2
        parts = (together.mapped(symmetric), together.mapped(antisymmetric), apart)
        changes = (
            Series({k: term for k, term in part.terms.items() if k > 0}, part.highest)
            for part in parts
        )
        return StepForms(turn, dict(zip(LETTERS, changes, strict=True)))

    def _turned_back(self, turn: Series, weights: tuple[Series, ...]) -> tuple[Series, Series]:
        first, second = self._rule.turned({"hidden": exponential(-1 * turn, self._one)}, weights)
        return first, second

    def _at(self, series: Series, power: int) -> TracePolynomial:
        found: TracePolynomial = series.terms.get(power, TracePolynomial({}, self.ring.sizes))
        return found

    @cached_property
    def curvatures(self) -> dict[str, Any]:
        """Rates at which the matrices of the deviation relax, each by itself, by letter."""
        found = {}
        for letter, change in self.step.changes.items():
            (own,), pulled = matrix(letter, self.ring.sizes).terms, change.terms[2].mean().terms
            if {*pulled} != {own}:
                raise ValueError(f"{letter} does not relax by itself")
            found[letter] = -pulled[own]
        return found

    def generator(self, function: TracePolynomial, highest: int) -> Series:
        """``E[g(n')] - g(n)``, up to some power."""
        return function.change(self.step.changes, highest).mapped(TracePolynomial.mean)

    def solve(self, right: TracePolynomial) -> tuple[TracePolynomial, TracePolynomial]:
        """``L_0 g = right - <right>``, and the stationary mean ``<right>``."""
        noise = {
            letter: Series({1: self._at(change, 1)}, 2)
            for letter, change in self.step.changes.items()
        }
        solution, left = TracePolynomial({}, self.ring.sizes), right
        for degree in range(right.degree, 0, -1):
            part = left.of_degree(degree)
            part = TracePolynomial(
                {
                    key: -1 * self.ring.inverse(word for _, word, _ in key) * value
                    for key, value in part.terms.items()
                },
                self.ring.sizes,
            )
            solution = solution + part
            left = left - self._at(part.change(noise, 2), 2).mean()
        return solution, left.of_degree(0)

    def stationary(self, function: Series) -> dict[int, Any]:
        """Stationary means of a scalar, by their power of ``epsilon``, up to its highest.

        ``<(L_0 + epsilon L_1 + epsilon^2 L_2 + ...) g> = 0``, with the ``g`` of ``L_0 g``, takes
        what a power leaves to the next ones.
        """
        means, left = {}, function
        for power in range(min(function.terms, default=0), function.highest + 1):
            solution, mean = self.solve(self._at(left, power))
            means[power] = mean.constant()
            expected = self.generator(solution, 2 + function.highest - power)
            later = {k: term for k, term in expected.terms.items() if k > 2}
            left = left - Series(later, expected.highest).shifted(power - 2)
        return means

    def increments(self, poisson: Series, highest: int) -> Series:
        """``log(exp(-Phi(n)) exp(Xi) exp(Phi(n')))``."""
        added = Series({}, highest)
        for power, part in poisson.terms.items():
            added = added + part.change(self.step.changes, highest - power).shifted(power)
        before, after = Series(poisson.terms, highest), Series(poisson.terms, highest) + added
        turn = Series(self.step.turn.terms, highest)
        parts = (exponential(part, self._one) for part in (-1 * before, turn, after))
        return logarithm(reduce(operator.matmul, parts), self._one)

    @cached_property
    def poisson(self) -> Series:
        """``Phi``, which makes the increments ones without memory."""
        found = Series({}, MOST_LETTERS)
        for power in range(2, MOST_LETTERS + 1):
            drift = self._at(self.increments(found, power + 2), power + 2).mean()
            solution, _ = self.solve(-1 * drift)
            found = Series({**found.terms, power: solution}, MOST_LETTERS)
        return found

    @cached_property
    def delta(self) -> Series:
        """The increments without memory, as far as their second moment needs them."""
        return self.increments(self.poisson, 5)

    def expression(self, value: Any) -> sp.Expr:
        """A coefficient as an expression in `REDUCED_VALUE` and `REDUCED_NOISE`."""
        return self.ring.expression(value, self._sums)

    @cached_property
    def _sums(self) -> list[Any]:
        return self.ring.sums(self.curvatures)

    def _means(self, function: Series) -> dict[int, sp.Expr]:
        return {k: self.expression(mean) for k, mean in self.stationary(function).items()}

    def _orders(self, function: Series) -> Orders:
        """Means at the highest power but one, and at the highest."""
        means = self._means(function)
        return means[function.highest - 2], means[function.highest]

    @cached_property
    def excess_loss(self) -> Orders:
        """At ``eta`` and ``eta^2``."""
        error = self._rule.error(self._weights, *self._sample)
        loss: Series = self._rule.loss(self._weights, error, _trace)
        above = {k: term.mean() for k, term in loss.terms.items() if k > 0}
        return self._orders(Series(above, 4))

    @cached_property
    def mean_deviation(self) -> sp.Expr:
        """``<F>`` at ``eta``, a multiple of the identity."""
        both = self.deviations[0]
        return self._means(Series({1: both.trace()}, 2))[2] / INPUTS

    @cached_property
    def spread(self) -> sp.Expr:
        """``E[(W - E W)' (W - E W)]`` at ``eta``, a multiple of the identity."""
        first, _ = self.layers
        (leading,) = self._means(Series({2: (first.T @ first).trace()}, 2)).values()
        return REDUCED_VALUE * leading / INPUTS

    @cached_property
    def weight_variance(self) -> Orders:
        """About the mean weights, at ``eta`` and ``eta^2``."""
        squares = sum((layer.T @ layer).trace() for layer in self.layers)
        leading, following = self._orders(Series({2: squares}, 4))
        shift = 2 * INPUTS * self.mean_deviation**2
        return REDUCED_VALUE * leading, REDUCED_VALUE * (following - shift)

    @cached_property
    def squared_norm(self) -> sp.Expr:
        """Correction of ``E[W' W]``, a multiple of the identity like all of these."""
        return 2 * self.mean_deviation + self.spread / REDUCED_VALUE

    @cached_property
    def rotation_variance(self) -> Orders:
        """Of the rotation in any plane, at ``eta^3`` and ``eta^4``."""
        terms, none = self.delta.terms, TracePolynomial({}, self.ring.sizes)
        squares = {
            power: sum(
                ((terms[k].T @ terms[power - k]).trace() for k in terms if power - k in terms),
                none,
            ).mean()
            for power in (6, 7, 8)
        }
        leading, following = self._orders(Series(squares, 8))
        entries = INPUTS * (INPUTS - 1)
        return leading / entries, following / entries

    @cached_property
    def decay(self) -> Orders:
        """Rate at which representations decay, at ``eta^3`` and ``eta^4``.

        Half the sum of the squared rotations, and what these have to do with the deviation that
        earlier ones have left: ``E[exp(delta) (1 + Psi(n'))] = (1 + Psi(n)) Lambda``.
        """
        increment = self.delta.terms[3]
        deviation, _ = self.solve(-1 * (increment @ increment).mean() / 2)
        moved = self._at(deviation.change(self.step.changes, 1), 1)
        _, coupled = self.solve((increment @ moved).trace().mean())
        leading, following = ((INPUTS - 1) * part / 2 for part in self.rotation_variance)
        return leading, following - self.expression(coupled.constant()) / INPUTS

    @cached_property
    def growth(self) -> dict[int, sp.Expr]:
        """What one step expects to add to the squared weights, power by power: zero, as they are.

        It is found from the updates alone, without the new deviation.
        """
        updates = self._rule.update(self._weights, *self._sample)
        grown = Series({}, self.HIGHEST)
        for weights, update in zip(self._weights, updates, strict=True):
            grown = grown + 2 * _trace(weights.T @ update).shifted(2)
            grown = grown + _trace(update.T @ update).shifted(4)
        expected = grown.mapped(TracePolynomial.mean)
        return self._means(expected)


def _trace(series: Series) -> Series:
    return series.mapped(TracePolynomial.trace)


@cache
def isotropic_expansion(label_noise: bool) -> IsotropicExpansion:
    """The expansion, made once."""
    return IsotropicExpansion(label_noise)

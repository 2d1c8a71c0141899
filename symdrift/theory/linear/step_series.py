"""One step of an explicit network in powers of the root of the learning rate, exactly.

Samples are a few stimuli with rational probabilities, so that all averages are finite sums.  Of the
deviation everything is a polynomial with rational coefficients.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from itertools import combinations_with_replacement
from typing import Any

import numpy as np
import sympy as sp
from sympy.polys.matrices import DomainMatrix

from symdrift.rules.linear import TwoLayerLinear
from symdrift.theory.linear.points import ChosenMinimum
from symdrift.theory.linear.weight_space import WeightSpace

HIGHEST = 6
"""Power up to which a step is expanded."""

Powers = dict[int, Any]
"""Coefficients by their power of the root of the learning rate."""

Moments = dict[int, dict[tuple[int, ...], Any]]
"""Stationary means of products of coordinates, by power and by the exponents of the product."""


def beside(power: int, turns: Mapping[int, Any], moves: Mapping[int, Any], point: Any) -> Any:
    """What a power of ``exp(Xi) (theta* + epsilon n')`` has but for ``Xi theta*`` and ``n'``.

    Parameters
    ----------
    power : int
    turns : Mapping
        ``Xi`` by power, from 3 on, on all weights.
    moves : Mapping
        ``n'`` by power: 0 is the deviation ``n``.
    point : matrix
        ``theta*``.

    Returns
    -------
    matrix or None
    """
    parts = [turns[k] @ moves[power - k - 1] for k in range(3, power)]
    if power == 6:
        parts.append(turns[3] @ turns[3] @ point / 2)
    return reduce(lambda a, b: a + b, parts) if parts else None


@dataclass(frozen=True)
class Sampled:
    """A minimum and a few samples whose averages it belongs to.

    Attributes
    ----------
    minimum : ChosenMinimum
        With rational entries.
    samples : tuple
        Probability, input and label noise of each.
    """

    minimum: ChosenMinimum
    samples: tuple[tuple[sp.Rational, tuple[int, ...], tuple[sp.Rational, ...]], ...]

    @classmethod
    def of(
        cls,
        roots: Sequence[sp.Rational],
        samples: Iterable[tuple[sp.Rational, tuple[int, ...], tuple[sp.Rational, ...]]],
    ) -> Sampled:
        """A network of as many inputs, hidden units and outputs, in its canonical frame."""
        samples = tuple(samples)
        one = sp.ImmutableMatrix(sp.eye(len(roots)))
        covariance = sum((f * sp.Matrix(x) * sp.Matrix(x).T for f, x, _ in samples), 0 * one)
        minimum = ChosenMinimum(
            left=one,
            right=one,
            singular_values=tuple(root**2 for root in roots),
            input_covariance=sp.ImmutableMatrix(covariance),
            weight_decay=sp.Rational(1, 3),
            unlearned_slope=0 * one,
            label_noise=(sp.Integer(0),) * len(roots),
        )
        return cls(minimum, samples)

    @cached_property
    def space(self) -> WeightSpace:
        """Full matrices in all weights, with the noise of these samples."""
        size = len(self.minimum.point)
        noise = sp.zeros(size)
        for probability, x, label in self.samples:
            gradient = self._gradient(self._layers(exact_array(self.minimum.point)), x, label)
            vector = sp.Matrix([sp.Rational(str(entry)) for entry in gradient])
            noise += probability * vector * vector.T
        return WeightSpace(self.minimum, sp.ImmutableMatrix(noise))

    @cached_property
    def normal(self) -> Any:
        """Rational axes of the deviation as columns."""
        rows = sp.Matrix.hstack(*(self.minimum.tangent(p) for p in self.minimum.planes)).T
        return exact_array(sp.Matrix.hstack(*rows.nullspace()))

    @cached_property
    def ring(self) -> Any:
        """Polynomials in the coordinates of the deviation."""
        names = [f"n_{k}" for k in range(self.normal.shape[1])]
        return sp.polys.rings.ring(names, sp.QQ)[0]

    def steps(self, deviation: Any) -> tuple[OneStep, ...]:
        """What each sample does at a deviation, whose entries are linear polynomials."""
        return tuple(OneStep(self, f, x, label, deviation) for f, x, label in self.samples)

    def _layers(self, weights: Any) -> tuple[Any, Any]:
        network = self.minimum.network
        count = network.hidden * network.inputs
        return (
            weights[:count].reshape(network.hidden, network.inputs),
            weights[count:].reshape(network.outputs, network.hidden),
        )

    def _gradient(self, layers: tuple[Any, Any], x: Sequence[Any], label: Sequence[Any]) -> Any:
        rule = TwoLayerLinear(exact_array(self.minimum.teacher), _exact(self.minimum.weight_decay))
        inputs, noise = (np.array([[_exact(v)] for v in vector], object) for vector in (x, label))
        return -np.concatenate([part.ravel() for part in rule.update(layers, inputs, noise)])


def _exact(number: sp.Expr | int) -> Any:
    return sp.QQ.from_sympy(sp.sympify(number))


def exact_array(matrix: sp.MatrixBase) -> Any:
    """With exact numbers of the polynomials; a column becomes a vector."""
    entries = np.array([[_exact(v) for v in row] for row in matrix.tolist()], object)
    return entries[:, 0] if matrix.cols == 1 else entries


def at_length(entries: Any, length: sp.Rational) -> sp.ImmutableMatrix:
    """Polynomials in the length of a deviation at one length; a vector becomes a column."""
    rows = np.atleast_2d(entries.T).T.tolist()
    return sp.ImmutableMatrix([
        [sum(sp.QQ.to_sympy(c) * length ** sum(k) for k, c in entry.terms()) for entry in row]
        for row in rows
    ])  # fmt: skip


@dataclass(frozen=True)
class OneStep:
    """What one sample does, power by power.

    Attributes
    ----------
    network : Sampled
    probability : sympy.Rational
    sample_input, label_noise : tuple
    deviation : array
        ``n`` in all weights, linear polynomials.
    """

    network: Sampled
    probability: sp.Rational
    sample_input: tuple[int, ...]
    label_noise: tuple[sp.Rational, ...]
    deviation: Any

    @cached_property
    def whole_gradient(self) -> Any:
        """At the deviation, polynomials in all weights."""
        layers = self.network._layers(exact_array(self.network.minimum.point) + self.deviation)
        return self.network._gradient(layers, self.sample_input, self.label_noise)

    @cached_property
    def gradient(self) -> Powers:
        """``g_0`` to ``g_3``: its parts of each degree in the deviation."""
        whole = self.whole_gradient
        return {k: np.array([_of_degree(entry, k) for entry in whole], object) for k in range(4)}

    @cached_property
    def orders(self) -> tuple[Powers, Powers, Powers]:
        """Rotations on all weights, new deviations, and angles by plane."""
        minimum = self.network.minimum
        point = exact_array(minimum.point)
        planes = [
            (exact_array(minimum.network.rotation(*p)), exact_array(minimum.tangent(p)),
             _exact(minimum.metric(p)))
            for p in minimum.planes
        ]  # fmt: skip
        turns: Powers = {}
        moves: Powers = {0: self.deviation}
        angles: Powers = {}
        for power in range(2, HIGHEST + 1):
            left = -self.gradient[power - 2] if power < 6 else 0 * point
            if (known := beside(power, turns, moves, point)) is not None:
                left = left - known
            angles[power] = [(tangent @ left) * (1 / metric) for _, tangent, metric in planes]
            turned = list(zip(angles[power], planes, strict=True))
            turns[power] = sum(rotation * angle for angle, (rotation, _, _) in turned)
            moves[power - 1] = left - sum(tangent * angle for angle, (_, tangent, _) in turned)
        return turns, moves, angles


def _of_degree(polynomial: Any, degree: int) -> Any:
    """The part of a polynomial that is of one degree."""
    ring = polynomial.ring
    return ring.from_dict({k: v for k, v in polynomial.terms() if sum(k) == degree})


@dataclass(frozen=True)
class StationaryPolynomials:
    """Moments of the deviation in the stationary state, to the next order.

    Attributes
    ----------
    network : Sampled
        With one plane.
    """

    network: Sampled

    @cached_property
    def coordinates(self) -> tuple[Any, ...]:
        found: tuple[Any, ...] = self.network.ring.gens
        return found

    @cached_property
    def steps(self) -> tuple[OneStep, ...]:
        return self.network.steps(self.network.normal @ np.array(self.coordinates, object))

    @cached_property
    def moved(self) -> list[list[Powers]]:
        """Every coordinate after a step with every sample, up to the fourth power."""
        normal = self.network.normal
        gram = sp.Matrix([[sp.QQ.to_sympy(v) for v in row] for row in normal.T @ normal])
        reading = exact_array(gram.inv()) @ normal.T
        return [
            [{k: (reading @ step.orders[1][k])[a] for k in range(5)} for a in range(len(reading))]
            for step in self.steps
        ]

    def average(self, parts: Iterable[Any]) -> Any:
        """Over the samples."""
        return sum(
            (part * _exact(step.probability) for part, step in zip(parts, self.steps, strict=True)),
            self.network.ring.zero,
        )

    def expected(self, factors: Sequence[int], power: int) -> Any:
        """``L_k f`` for a product of coordinates, by the power ``k + 2`` of the change."""
        series = ([moved[a] for a in factors] for moved in self.moved)
        return self.average(_coefficient(parts, power) for parts in series)

    def generated(self, function: Any, power: int = 0) -> Any:
        """``L_k f`` for a polynomial."""
        parts = (
            self.expected([a for a, m in enumerate(powers) for _ in range(m)], power + 2) * c
            for powers, c in function.terms()
        )
        return sum(parts, self.network.ring.zero)

    @cached_property
    def moments(self) -> Moments:
        """Leading second and fourth moments, first and third at 1, second at 2."""
        found: Moments = {0: {self._zero: sp.QQ(1)}, 1: {}, 2: {}}
        self._solve(found, 0, 2)
        second = dict(found[0])
        for factors in combinations_with_replacement(range(len(self.coordinates)), 4):
            pairs = ((0, 1, 2, 3), (0, 2, 1, 3), (0, 3, 1, 2))
            found[0][self._exponents(factors)] = sum(
                second[self._exponents((factors[a], factors[b]))]
                * second[self._exponents((factors[c], factors[d]))]
                for a, b, c, d in pairs
            )
        self._solve(found, 1, 1)
        self._solve(found, 1, 3)
        self._solve(found, 2, 2)
        return found

    def mean(self, polynomial: Any, power: int, moments: Moments | None = None) -> Any:
        """Stationary mean at a power; moments that vanish by symmetry are not listed."""
        known = (self.moments if moments is None else moments)[power]
        return sum((c * known.get(k, sp.QQ(0)) for k, c in polynomial.terms()), sp.QQ(0))

    @property
    def _zero(self) -> tuple[int, ...]:
        return (0,) * len(self.coordinates)

    def _exponents(self, factors: Sequence[int]) -> tuple[int, ...]:
        return tuple(factors.count(k) for k in range(len(self.coordinates)))

    def _solve(self, found: Moments, power: int, degree: int) -> None:
        """The moments of a degree at a power from those already found, as a linear system."""
        products = list(combinations_with_replacement(range(len(self.coordinates)), degree))
        places = {self._exponents(factors): k for k, factors in enumerate(products)}
        rows, right = [], []
        for factors in products:
            row, rest = [sp.QQ(0)] * len(products), sp.QQ(0)
            for exponents, c in self.expected(factors, 2).terms():
                if exponents in places:
                    row[places[exponents]] = c
                else:
                    rest += c * found[power].get(exponents, sp.QQ(0))
            for lower in range(power):
                rest += self.mean(self.expected(factors, 2 + power - lower), lower, found)
            rows.append(row)
            right.append([-rest])
        count = len(products)
        solved = DomainMatrix(rows, (count, count), sp.QQ).lu_solve(
            DomainMatrix(right, (count, 1), sp.QQ)
        )
        for exponents, place in places.items():
            found[power][exponents] = solved.to_list()[place][0]

    def growth(self, entries: Sequence[int]) -> list[Any]:
        """Mean change of a product of entries of ``U W - M``, at the fourth and sixth power.

        From the update of the weights alone: neither frame nor rotation enter.
        """
        network = self.network
        first, second = (
            np.array([[_exact(v) for v in row] for row in layer.tolist()], object)
            for layer in (network.minimum.first_layer, network.minimum.second_layer)
        )
        before: list[list[Powers]] = []
        after: list[list[Powers]] = []
        for step in self.steps:
            deviated = network._layers(self.steps[0].deviation)
            updates = {k + 2: network._layers(-g) for k, g in step.gradient.items()}
            start = tuple({0: w, 1: d} for w, d in zip((first, second), deviated, strict=True))
            moved = tuple(
                {**layer, **{k: u[side] for k, u in updates.items()}}
                for side, layer in enumerate(start)
            )
            for kept, (w, u) in ((before, start), (after, moved)):
                kept.append([_entry(u, w, place) for place in entries])
        changes = {
            power: self.average(
                _coefficient(new, power) - _coefficient(old, power)
                for new, old in zip(after, before, strict=True)
            )
            for power in (4, 5, 6)
        }
        return [
            self.mean(changes[4], 0),
            self.mean(changes[4], 2) + self.mean(changes[5], 1) + self.mean(changes[6], 0),
        ]

    @cached_property
    def waiting(self) -> Powers:
        """``Phi_2`` to ``Phi_4`` in the plane, by which means of rotations become numbers."""
        found: Powers = {}
        for power in (2, 3, 4):
            found[power] = self._relaxed(-self.average(self.angles(power + 2, found)))
        return found

    def increments(self, power: int) -> list[Any]:
        """Angles of the rotations without memory, of every sample."""
        return self.angles(power, self.waiting)

    def moment(self, factors: tuple[int, int], power: int) -> Any:
        """Stationary mean of a product of two increments."""
        pairs = zip(*map(self.increments, factors), strict=True)
        return self.mean(self.average(a * b for a, b in pairs), power)

    def angles(self, power: int, waiting: Powers) -> list[Any]:
        """Angles of one power, ``-Phi(n)`` and ``Phi(n')`` added as far as they are known."""
        found = []
        for step, moved in zip(self.steps, self.moved, strict=True):
            angle = step.orders[2][power][0]
            for own, function in waiting.items():
                # Of the power 0 the two cancel.
                for exponents, c in function.terms() if power > own else ():
                    factors = [moved[a] for a, count in enumerate(exponents) for _ in range(count)]
                    angle += _coefficient(factors, power - own) * c
            found.append(angle)
        return found

    def _relaxed(self, wanted: Any) -> Any:
        """What ``L_0`` makes a polynomial of, but for a number."""
        found = self.network.ring.zero
        while degree := max(map(sum, wanted.itermonoms()), default=0):
            products = list(combinations_with_replacement(range(len(self.coordinates)), degree))
            places = [self._exponents(factors) for factors in products]
            images = [self.expected(factors, 2) for factors in products]
            matrix = [[image.get(place, sp.QQ(0)) for image in images] for place in places]
            count = len(places)
            right = [[wanted.get(place, sp.QQ(0))] for place in places]
            solved = DomainMatrix(matrix, (count, count), sp.QQ).lu_solve(
                DomainMatrix(right, (count, 1), sp.QQ)
            )
            for place, image, (c,) in zip(places, images, solved.to_list(), strict=True):
                found += self.network.ring.from_dict({place: c})
                wanted -= image * c
        return found


def _coefficient(factors: Sequence[Powers], power: int) -> Any:
    """Of a product of series."""
    (first, *others) = factors
    if not others:
        return first.get(power, 0)
    return sum(part * _coefficient(others, power - k) for k, part in first.items() if k <= power)


def _entry(second: Powers, first: Powers, place: int) -> Powers:
    """An entry of ``U W`` without its value at the minimum, from the first power to the fifth."""
    found: Powers = {}
    for k, u in second.items():
        for l, w in first.items():
            if 0 < k + l < HIGHEST:
                found[k + l] = found.get(k + l, 0) + (u @ w).ravel()[place]
    return found

"""The map of second moments of an aligned network, and its largest eigenvalue from powers alone.

The map is ``D + R' F R``: blocks ``D`` of their own, and powers ``R x`` of the rows of every axis,
which ``F`` feeds back.  Moments ``x`` of an eigenvalue ``mu`` are therefore what powers make of
them, ``x = (mu - D)^-1 R' F y``, and of powers that are consistent ``K(mu) y = y`` with
``K(mu) = R (mu - D)^-1 R' F``: few numbers by axis in the place of ten by pair of axes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symdrift.evaluation.closed_form.axis_kinds import Indices
from symdrift.evaluation.conjugate_directions import Operator
from symdrift.study.problem import Array

SMALLEST_SHARE = 0.05
"""Of the eigenvalue, below which a diagonal of the preconditioner is not taken."""

MARGIN = 0.01
"""By which what an axis feeds back to itself is solved for above the value."""

MOST_ROUNDS = 8

SETTLED = 1e-6
"""Relative change of the eigenvalue in the last round: what is left is of the order of its square,
at a thousand axes 50 times it."""


@dataclass(frozen=True, eq=False)
class Pairs:
    """What the map does to moments of some pairs of axes.

    Attributes
    ----------
    curvatures : Array
        Of the modes between two axes, shape ``(3, pairs)``.
    pair, cross : Array
        What it does to moments between two axes, shape ``(6, 6, pairs)``, and to those of the two
        by themselves, a factor, ``(4, pairs)``.
    exchange : Array
        From moments between two axes to those of the two by themselves, ``(4, 6, pairs)``.
    powers : tuple of (Array, Indices)
        Power of rows by axis, shape ``(k, 6, pairs)``, and the kind of that axis: of both axes.
    number : Array
        How many such pairs there are.
    """

    curvatures: Array
    pair: Array
    cross: Array
    exchange: Array
    powers: tuple[tuple[Array, Indices], ...]
    number: Array

    @property
    def identity(self) -> Array:
        """The same moment of all weights between two axes."""
        rooted = rooted_sums(self.curvatures) * np.sqrt(self.number)
        return _upper(np.eye(3))[:, np.newaxis] * rooted

    def read(self, pair: Array, total: Array) -> None:
        """Add powers of the rows of every kind, shape ``(k, g)``."""
        for reading, kinds in self.powers:
            _add_by_kind(_applied(reading, pair), kinds, total)

    def written(self, fed: Array) -> Array:
        """What powers that are fed back do to moments between two axes."""
        first, second = (
            _applied(reading.swapaxes(0, 1), fed[:, kinds]) for reading, kinds in self.powers
        )
        return first + second

    def resolvent(self, value: float) -> tuple[Array, Array]:
        """``(value - D)^-1``: of two axes, ``(pairs, 6, 6)``, and on to their own moments."""
        onward = self.exchange / (value - self.cross)[:, np.newaxis]
        left = -self.pair - np.einsum("cip,cjp->ijp", self.exchange, onward)
        np.einsum("iip->ip", left)[:] += value
        return _inverse(left), onward

    def rest(self, value: Array) -> tuple[Array, Array]:
        """What values, by network, are above the diagonal."""
        return _above(value, np.einsum("iip->ip", self.pair)), _above(value, self.cross)


@dataclass(frozen=True, eq=False)
class MomentMap:
    """The map of second moments, in coordinates in which it is symmetric.

    Attributes
    ----------
    parts : iterable of Pairs
        So many pairs each that what is said of them stays in the cache; of many axes they are
        made again each time.
    own : Array
        What it does to moments of an axis by itself, ``(3, 3, g)``.
    power : Array
        Power of rows of an axis by itself, ``(k, 3, g)``.
    fed_back : Array
        What powers do, shape ``(k, k)``.
    count : Array
        Axes of each kind.
    networks : int
        How many maps these are at once: along the last axes the networks are fastest.
    """

    parts: Iterable[Pairs]
    own: Array
    power: Array
    fed_back: Array
    count: Array
    networks: int

    def split(self, vector: Array) -> tuple[list[tuple[Array, Array]], Array]:
        """Moments between two axes and of the two by themselves, part by part; of one by itself."""
        moments, at = [], 0
        for part in self.parts:
            pairs = len(part.number)
            ends = at + 6 * pairs, at + 10 * pairs
            moments.append((
                vector[at : ends[0]].reshape(6, pairs), vector[slice(*ends)].reshape(4, pairs)
            ))  # fmt: skip
            at = ends[1]
        return moments, vector[at:].reshape(3, len(self.count))

    def powers_in(self, vector: Array) -> Array:
        """Powers of the rows of every axis, by kind, shape ``(k, g)``."""
        return self._read(vector) / self.count

    def _read(self, vector: Array) -> Array:
        """Powers of the rows of every kind, shape ``(k, g)``."""
        moments, own = self.split(vector)
        total = np.zeros((len(self.fed_back), len(self.count)))
        for part, (pair, _) in zip(self.parts, moments, strict=True):
            part.read(pair, total)
        return total + _applied(self.power, own)

    def identity(self) -> Array:
        """The same moment of all weights."""
        own = _upper(np.eye(2))[:, np.newaxis] * np.sqrt(self.count)
        parts = [(part.identity, np.zeros_like(part.cross)) for part in self.parts]
        return _joined((*(each for part in parts for each in part), own))

    def __call__(self, vector: Array) -> Array:
        found = np.empty(vector.shape)
        (moments, own), (into, on_own) = self.split(vector), self.split(found)
        fed = self.fed_back @ self._read(vector) / self.count
        for part, (pair, cross), (on_pair, on_cross) in zip(self.parts, moments, into, strict=True):
            on_pair[:] = part.written(fed) + _applied(part.pair, pair)
            on_pair += _applied(part.exchange.swapaxes(0, 1), cross)
            on_cross[:] = _applied(part.exchange, pair) + part.cross * cross
        on_own[:] = _applied(self.power.swapaxes(0, 1), fed) + _applied(self.own, own)
        return found

    def own_resolvent(self, value: float) -> Array:
        """``(value - D)^-1`` of every axis by itself, shape ``(g, 3, 3)``."""
        return _inverse(value * np.eye(3)[..., np.newaxis] - self.own)

    def quotient(self, value: float, powers: Array) -> float:
        """Rayleigh quotient of the moments that powers make at a value, of one network."""
        fed = self.fed_back @ powers
        read = np.zeros(fed.shape)
        given = _applied(self.power.swapaxes(0, 1), fed)
        own = _applied(np.moveaxis(self.own_resolvent(value), 0, -1), given)
        read += _applied(self.power, own)
        length = np.vdot(own, own)
        for part in self.parts:
            inverse, onward = part.resolvent(value)
            pair = _applied(_last(inverse), part.written(fed))
            cross = _applied(onward, pair)
            part.read(pair, read)
            length += np.vdot(pair, pair) + np.vdot(cross, cross)
        # D x is value x less what was given, and R x is read.
        change = read / self.count - powers
        return value + float(np.vdot(read, self.fed_back @ change) / length)

    def preconditioner(self, value: Array) -> Operator:
        """About the inverse of ``value`` less the map, by network.

        The diagonal of every block is inverted with what each axis' power feeds back to itself;
        what it passes on to other axes is left out.
        """
        size, width = len(self.count), len(self.fed_back)
        passed = np.zeros((width * width, size))

        def through(reading: Array, divisor: Array) -> Array:
            product = np.einsum("ixp,kxp->ikp", reading, reading / divisor)
            return np.asarray(product.reshape(width**2, -1))

        own_rest = _above(value, np.einsum("iip->ip", self.own))
        for part in self.parts:
            divisor, _ = part.rest(value)
            for reading, kinds in part.powers:
                _add_by_kind(through(reading, divisor), kinds, passed)
        passed += through(self.power, own_rest)
        by_kind = np.moveaxis(passed.reshape(width, width, size), -1, 0)
        left = np.eye(width) - by_kind @ self.fed_back / self.count[:, np.newaxis, np.newaxis]

        def apply(vector: Array) -> Array:
            found = np.empty(vector.shape)
            (moments, own), (into, on_own) = self.split(vector), self.split(found)
            for part, given, divided in zip(self.parts, moments, into, strict=True):
                for out, moment, divisor in zip(divided, given, part.rest(value), strict=True):
                    np.divide(moment, divisor, out=out)
            np.divide(own, own_rest, out=on_own)
            powers = self._read(found).T[..., np.newaxis]
            solved = np.asarray(np.linalg.solve(left, powers), dtype=np.float64)[..., 0].T
            fed = self.fed_back @ solved / self.count
            for part, (on_pair, _) in zip(self.parts, into, strict=True):
                on_pair += part.written(fed) / part.rest(value)[0]
            on_own += _applied(self.power.swapaxes(0, 1), fed) / own_rest
            return found

        return apply


@dataclass(frozen=True, eq=False)
class _Coupling:
    """``K`` of one network at one value.

    Attributes
    ----------
    between : NDArray
        From powers of each kind to those of another, a symmetric matrix on ``(g, k)``, packed as
        its upper triangle, to single precision.
    within : Array
        By kind, shape ``(k, k, g)``.
    """

    between: NDArray[np.float32]
    within: Array
    fed_back: Array
    count: Array

    @classmethod
    def of(cls, moments: MomentMap, value: float) -> _Coupling:
        width, size = moments.power.shape[0], len(moments.count)
        within = np.zeros((width * width, size))
        between = np.zeros(width * size * (width * size + 1) // 2, np.float32)
        powers = np.arange(width)
        for part in moments.parts:
            inverse, _ = part.resolvent(value)
            (one, a), (other, b) = ((np.moveaxis(of, -1, 0), kinds) for of, kinds in part.powers)
            onto = inverse @ other.swapaxes(1, 2)
            _add_by_kind(_flat(other @ onto), b, within)
            _add_by_kind(_flat(one @ inverse @ one.swapaxes(1, 2)), a, within)
            across, alike = one @ onto, a == b
            row, column = (
                width * kinds[:, np.newaxis, np.newaxis] + place
                for kinds, place in ((a, powers[:, np.newaxis]), (b, powers))
            )
            column, row = np.maximum(row, column), np.minimum(row, column)
            place = column * (column + 1) // 2 + row
            between[place[~alike]] = across[~alike]
            to_itself = across[alike] + across[alike].swapaxes(1, 2)
            _add_by_kind(_flat(to_itself), a[alike], within)
        own = np.moveaxis(moments.power, -1, 0)
        within += _flat(own @ moments.own_resolvent(value) @ own.swapaxes(1, 2))
        return cls(between, within.reshape(width, width, size), moments.fed_back, moments.count)

    def strongest(self, start: Array) -> Array:
        """The powers that are reproduced most.

        What an axis feeds back to itself is solved for: what is left changes powers smoothly, and
        few of its eigenvalues are near the largest.
        """
        from scipy.linalg.blas import sspmv
        from scipy.sparse.linalg import LinearOperator, eigs

        alone = np.moveaxis(self.within / self.count, -1, 0) @ self.fed_back
        left = _last(np.linalg.inv((1 + MARGIN) * np.eye(len(self.fed_back)) - alone))

        def passed(powers: Array) -> Array:
            fed = (self.fed_back @ powers.reshape(start.shape)).T.astype(np.float32)
            total = sspmv(fed.size, 1.0, self.between, fed.ravel()).reshape(fed.shape).T
            total = total / self.count + MARGIN * powers.reshape(start.shape)
            return _applied(left, total).ravel()

        operator = LinearOperator((start.size, start.size), matvec=passed, dtype=np.float64)
        _, vectors = eigs(operator, 1, v0=start.ravel(), which="LM", tol=1e-6, ncv=10)
        return np.asarray(vectors[:, 0].real).reshape(start.shape)


def largest_of_powers(moments: MomentMap, value: float, powers: Array) -> tuple[float, Array]:
    """Largest eigenvalue of the map of one network, and its powers by kind of axis.

    Blocks are made anew each time that they are needed.  In turn powers are those that are
    reproduced most at the last value, and the value is the Rayleigh quotient of the moments that
    they make: its error is about the square of the one before.

    Parameters
    ----------
    value, powers : float and Array
        About these, powers of shape ``(k, g)``.

    Returns
    -------
    value : float
        NaN where it is not found.
    powers : Array
    """
    from scipy.sparse.linalg import ArpackError

    value = moments.quotient(value, powers)
    for _ in range(MOST_ROUNDS):
        try:
            powers = _Coupling.of(moments, value).strongest(powers)
        except ArpackError:
            break
        before, value = value, moments.quotient(value, powers)
        if abs(value - before) <= SETTLED * abs(value):
            return value, powers
    return np.nan, powers


def _above(value: Array, diagonal: Array) -> Array:
    """What values, by network, are above the diagonal of blocks, and not too little."""
    above = np.tile(value, diagonal.shape[1] // len(value))
    return np.asarray(np.maximum(above - diagonal, SMALLEST_SHARE * above))


def _inverse(blocks: Array) -> Array:
    """Of matrices ``(d, d, blocks)``, as ``(blocks, d, d)``."""
    return np.asarray(np.linalg.inv(np.moveaxis(blocks, -1, 0)))


def _last(matrices: NDArray[Any]) -> Array:
    """Blocks along the last axis, which are along the first."""
    return np.ascontiguousarray(np.moveaxis(matrices, 0, -1))


def _flat(matrices: Array) -> Array:
    """Entries of matrices ``(blocks, k, k)``, shape ``(k k, blocks)``."""
    return matrices.reshape(len(matrices), matrices.shape[1] ** 2).T


def _add_by_kind(rows: Array, kinds: Indices, total: Array) -> None:
    """Add rows, block by block, to the kinds of axes that blocks belong to."""
    for sums, row in zip(total, rows, strict=True):
        sums += np.bincount(kinds, row, len(sums))


def _applied(matrices: NDArray[Any], vectors: NDArray[Any]) -> Array:
    return np.asarray(np.einsum("ixp,xp->ip", matrices, vectors))


def _upper(matrix: Array) -> Array:
    """Coordinates of a symmetric matrix, an orthonormal basis: its upper triangle."""
    x, y = np.triu_indices(len(matrix))
    return np.asarray(np.where(x == y, 1.0, np.sqrt(2)) * matrix[x, y])


def rooted_sums(curvatures: Array) -> Array:
    """Square root of ``h_x + h_y`` on the upper triangle, block by block."""
    x, y = np.triu_indices(len(curvatures))
    return np.asarray(np.sqrt(curvatures[x] + curvatures[y]))


def _joined(parts: Iterable[Array]) -> Array:
    return np.concatenate([part.ravel() for part in parts])

"""The map of second moments of an aligned network, from moments and from powers alone.

The map is ``D + R' F R``: blocks ``D`` of their own, and powers ``R x`` of the rows of every axis,
which ``F`` feeds back.  Moments ``x`` of an eigenvalue ``mu`` are therefore what powers make of
them, ``x = (mu - D)^-1 R' F y``, and of powers that are consistent ``K(mu) y = y`` with
``K(mu) = R (mu - D)^-1 R' F``: few numbers by axis in the place of ten by pair of axes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symdrift.evaluation.closed_form.axis_kinds import Indices
from symdrift.evaluation.conjugate_directions import Operator
from symdrift.study.problem import Array

ABOVE = 1.3
"""Times an eigenvalue and the diagonal at which the preconditioner is made: nearer to an eigenvalue
that is not the largest it would keep to that one."""

NEXT = 1 + 1e-9
"""By which a value is next above an eigenvalue of a block."""


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
        return _upper(np.eye(3))[:, np.newaxis] * np.sqrt(self.number)

    def read(self, pair: Array, total: Array) -> None:
        """Add powers of the rows of every kind, shape ``(k, g)``."""
        for reading, kinds in self.powers:
            add_by_kind(applied(reading, pair), kinds, total)

    def written(self, fed: Array) -> Array:
        """What powers that are fed back do to moments between two axes."""
        first, second = (
            applied(reading.swapaxes(0, 1), fed[:, kinds]) for reading, kinds in self.powers
        )
        return first + second

    def resolvent(self, value: float) -> tuple[Array, Array]:
        """Between two axes the inverse of ``(value - D)^-1``, and on to their own moments.

        Of the first, ``(6, 6, pairs)``, what is above the diagonal.
        """
        onward = self.exchange / (value - self.cross)[:, np.newaxis]
        left = -self.pair
        for k in range(len(left)):
            left[k, k:] -= np.einsum("cp,cyp->yp", onward[:, k], self.exchange[:, k:])
            left[k, k] += value
        return left, onward

    def above(self, value: float) -> float:
        """The value, or what is next above the largest eigenvalue of a block that exceeds it."""
        # Each of these stands on the diagonal of a block.
        value = max(value, NEXT * float(self.cross.max(initial=0.0)))
        left, _ = self.resolvent(value)
        solved(left, np.empty((len(left), 0, len(self.number))))
        low = ~_positive(left)
        if not low.any():
            return value
        blocks = np.zeros((low.sum(), 10, 10))
        blocks[:, :6, :6] = np.moveaxis(self.pair[..., low], -1, 0)
        blocks[:, 6:, :6] = np.moveaxis(self.exchange[..., low], -1, 0)
        blocks[:, 6:, 6:] = self.cross[:, low].T[:, np.newaxis] * np.eye(4)
        return max(value, NEXT * float(np.linalg.eigvalsh(blocks).max()))

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

    def _split(self, vector: Array) -> tuple[list[tuple[Array, Array]], Array]:
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
        moments, own = self._split(vector)
        total = np.zeros((len(self.fed_back), len(self.count)))
        for part, (pair, _) in zip(self.parts, moments, strict=True):
            part.read(pair, total)
        return total + applied(self.power, own)

    def identity(self) -> Array:
        """The same moment of all weights."""
        own = _upper(np.eye(2))[:, np.newaxis] * np.sqrt(self.count)
        parts = [(part.identity, np.zeros_like(part.cross)) for part in self.parts]
        return _joined((*(each for part in parts for each in part), own))

    def __call__(self, vector: Array) -> Array:
        found = np.empty(vector.shape)
        (moments, own), (into, on_own) = self._split(vector), self._split(found)
        fed = self.fed_back @ self._read(vector) / self.count
        for part, (pair, cross), (on_pair, on_cross) in zip(self.parts, moments, into, strict=True):
            on_pair[:] = part.written(fed) + applied(part.pair, pair)
            on_pair += applied(part.exchange.swapaxes(0, 1), cross)
            on_cross[:] = applied(part.exchange, pair) + part.cross * cross
        on_own[:] = applied(self.power.swapaxes(0, 1), fed) + applied(self.own, own)
        return found

    def own_resolvent(self, value: float) -> Array:
        """The inverse of ``(value - D)^-1`` of every axis by itself, shape ``(3, 3, g)``."""
        return np.asarray(value * np.eye(3)[..., np.newaxis] - self.own)

    def above(self, value: float) -> float:
        """The value, or what is next above the largest eigenvalue of ``D`` where that exceeds it.

        Only there ``K`` takes positive powers to positive ones, and falls as the value rises.
        """
        value = max(value, NEXT * float(np.linalg.eigvalsh(np.moveaxis(self.own, -1, 0)).max()))
        for part in self.parts:
            value = part.above(value)
        return value

    def quotient(self, value: float, powers: Array) -> tuple[float, Array, float]:
        """Rayleigh quotient of the moments that powers make at a value, of one network.

        And the powers of these moments, ``K(value) y``, and their squared length.  The quotient is
        NaN where the value is not above ``D``.
        """
        fed = self.fed_back @ powers
        given = applied(self.power.swapaxes(0, 1), fed)
        left = self.own_resolvent(value)
        own = solved(left, given[:, np.newaxis])[:, 0]
        above = _positive(left).all()
        read = applied(self.power, own)
        length = np.vdot(own, own)
        for part in self.parts:
            left, onward = part.resolvent(value)
            pair = solved(left, part.written(fed)[:, np.newaxis])[:, 0]
            above &= _positive(left).all() and (part.cross < value).all()
            cross = applied(onward, pair)
            part.read(pair, read)
            length += np.vdot(pair, pair) + np.vdot(cross, cross)
        # D x is value x less what was given, and R x is read.
        reproduced = read / self.count
        change = self.fed_back @ (reproduced - powers)
        found = value + float(np.vdot(read, change) / length) if above else np.nan
        return found, reproduced, float(length)

    @cached_property
    def _largest_diagonal(self) -> Array:
        """Of every network, and no more than its largest eigenvalue."""
        diagonals = [np.einsum("iip->ip", self.own)]
        for part in self.parts:
            diagonals += [np.einsum("iip->ip", part.pair), part.cross]
        rows = [each.reshape(-1, self.networks) for each in diagonals]
        return np.asarray(np.max([row.max(axis=0, initial=0.0) for row in rows], axis=0))

    def preconditioner(self, value: Array) -> Operator:
        """About the inverse of the map below something above ``value``, by network.

        The diagonal of every block is inverted with what each axis' power feeds back to itself;
        what it passes on to other axes is left out.
        """
        value = ABOVE * np.maximum(value, self._largest_diagonal)
        size, width = len(self.count), len(self.fed_back)
        passed = np.zeros((width * width, size))

        def through(reading: Array, divisor: Array) -> Array:
            product = np.einsum("ixp,kxp->ikp", reading, reading / divisor)
            return np.asarray(product.reshape(width**2, -1))

        own_rest = _above(value, np.einsum("iip->ip", self.own))
        for part in self.parts:
            divisor, _ = part.rest(value)
            for reading, kinds in part.powers:
                add_by_kind(through(reading, divisor), kinds, passed)
        passed += through(self.power, own_rest)
        by_kind = np.moveaxis(passed.reshape(width, width, size), -1, 0)
        left = np.eye(width) - by_kind @ self.fed_back / self.count[:, np.newaxis, np.newaxis]

        def apply(vector: Array) -> Array:
            found = np.empty(vector.shape)
            (moments, own), (into, on_own) = self._split(vector), self._split(found)
            for part, given, divided in zip(self.parts, moments, into, strict=True):
                for out, moment, divisor in zip(divided, given, part.rest(value), strict=True):
                    np.divide(moment, divisor, out=out)
            np.divide(own, own_rest, out=on_own)
            powers = self._read(found).T[..., np.newaxis]
            fed = self.fed_back @ np.linalg.solve(left, powers)[..., 0].T / self.count
            for part, (on_pair, _) in zip(self.parts, into, strict=True):
                on_pair += part.written(fed) / part.rest(value)[0]
            on_own += applied(self.power.swapaxes(0, 1), fed) / own_rest
            return found

        return apply


def _above(value: Array, diagonal: Array) -> Array:
    """What values, by network, are above the diagonal of blocks."""
    return np.asarray(np.tile(value, diagonal.shape[1] // len(value)) - diagonal)


def solved(left: Array, given: Array) -> Array:
    """``left^-1 given``, block by block, as ``L D L'``; both are used up.

    Parameters
    ----------
    left : Array
        Symmetric, shape ``(d, d, blocks)``: only what is above the diagonal is read.
    given : Array
        Shape ``(d, k, blocks)``.
    """
    for k, row in enumerate(left):
        ratio = row[k + 1 :] / row[k]
        for i, share in enumerate(ratio, k + 1):
            left[i, i:] -= share * row[i:]
        given[k + 1 :] -= ratio[:, np.newaxis] * given[k]
        row[k + 1 :] = ratio
    for k, row in reversed(list(enumerate(left))):
        given[k] /= row[k]
        given[k] -= np.einsum("ip,icp->cp", row[k + 1 :], given[k + 1 :])
    return given


def _positive(left: Array) -> NDArray[np.bool_]:
    """Whether all pivots that `solved` has left are positive, block by block."""
    return np.asarray((np.einsum("iip->ip", left) > 0).all(axis=0))


def add_by_kind(rows: Array, kinds: Indices, total: Array) -> None:
    """Add rows, block by block, to the kinds of axes that blocks belong to."""
    for sums, row in zip(total, rows, strict=True):
        sums += np.bincount(kinds, row, len(sums))


def applied(matrices: NDArray[Any], vectors: NDArray[Any]) -> Array:
    """Products of matrices with vectors, block by block."""
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

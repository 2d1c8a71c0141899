"""Largest eigenvalue of the map of second moments of one network with many kinds of axes.

Powers ``y`` that are reproduced, ``K(mu) y = y``, are looked for by axis, and the eigenvalue is the
Rayleigh quotient of the moments that they make.  What an axis feeds back to itself is the most of
``K``, close to 1, and what others pass on to it changes little from an axis to its neighbour: so
that a network with a fifth of the axes tells how powers have to be corrected.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from symdrift.evaluation.closed_form.axis_kinds import Indices
from symdrift.evaluation.closed_form.moment_map import MomentMap, add_by_kind, applied, solved
from symdrift.evaluation.conjugate_directions import Operator
from symdrift.study.problem import Array

MARGIN = 0.01
"""By which what an axis feeds back to itself is solved for above the value."""

LITTLE = 1e-4
"""The same where the value is known."""

MOST_ROUNDS = 30

NEWTON_STEPS = 3

SQUARES = [0, 3, 5]
"""Of the powers, those of ``F``, ``M`` and ``V`` with themselves."""

EVEN = 0.2
"""Growth of powers of an axis beside those of all that counts as none, as a share of what every
axis grows less by itself: one that grows more by itself is beside them by more than all of that."""

CERTAIN = 1e-3
"""The same of any axis: the value is not too small by a larger share of it."""

ROUNDING = 1e-12
"""Share of the largest power below which one is nothing."""

FAR = 0.01
"""Relative error of the eigenvalue from which a network with fewer axes is no help."""

SETTLED = 1e-9
"""Relative change of the eigenvalue by the last step or round, or by the next step, foreseen to
about a tenth, which is then added: the next one changes less than a tenth of that."""


@dataclass(frozen=True, eq=False)
class Coupling:
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
    def of(cls, moments: MomentMap, value: float) -> Coupling:
        width, size = moments.power.shape[0], len(moments.count)
        within = np.zeros((width * width, size))
        between = np.zeros(width * size * (width * size + 1) // 2, np.float32)
        powers = np.arange(width)[:, np.newaxis, np.newaxis]
        for part in moments.parts:
            (one, a), (other, b) = part.powers
            given = np.concatenate([one, other]).swapaxes(0, 1)
            onto_a, onto_b = np.split(solved(part.resolvent(value)[0], given), 2, axis=1)
            add_by_kind(_flat(_products(one, onto_a)), a, within)
            add_by_kind(_flat(_products(other, onto_b)), b, within)
            across, alike = _products(one, onto_b), a == b
            row, column = width * a + powers, width * b + powers.swapaxes(0, 1)
            place = np.maximum(row, column)
            place *= place + 1
            place //= 2
            place += np.minimum(row, column)
            between[place] = across * ~alike
            to_itself = across[..., alike] + across[..., alike].swapaxes(0, 1)
            add_by_kind(_flat(to_itself), a[alike], within)
        own = solved(moments.own_resolvent(value), moments.power.swapaxes(0, 1).copy())
        within += _flat(_products(moments.power, own))
        return cls(between, within.reshape(width, width, size), moments.fed_back, moments.count)

    @property
    def _alone(self) -> Array:
        """What every axis feeds back to itself, shape ``(g, k, k)``."""
        return np.moveaxis(self.within / self.count, -1, 0) @ self.fed_back

    def most_within(self) -> float:
        """By how much an axis reproduces its powers by itself, the most of all."""
        return float(np.linalg.eigvals(self._alone).real.max())

    def one_axis(self) -> Array:
        """Powers of the axis that reproduces its own the most."""
        factors, vectors = np.linalg.eig(self._alone)
        axis, most = np.unravel_index(factors.real.argmax(), factors.shape)
        found = np.zeros(factors.shape[::-1])
        found[:, axis] = vectors[axis, :, most].real
        return found

    def within_solved(self, margin: float) -> Array:
        """The inverse of what an axis feeds back to itself less 1 and a margin, ``(k, k, g)``.

        What is left changes powers smoothly, and few of its eigenvalues are near the largest.
        """
        left = np.linalg.inv((1 + margin) * np.eye(len(self.fed_back)) - self._alone)
        return np.ascontiguousarray(np.moveaxis(left, 0, -1))

    def passing(self, left: Array, margin: float) -> Operator:
        """What powers become that are reproduced where others' are passed on, and a margin."""
        from scipy.linalg.blas import sspmv

        def passed(powers: Array) -> Array:
            given = powers.reshape(len(self.fed_back), -1)
            fed = (self.fed_back @ given).T.astype(np.float32)
            total = sspmv(fed.size, 1.0, self.between, fed.ravel()).reshape(fed.shape).T
            return applied(left, total / self.count + margin * given).ravel()

        return passed

    def strongest(self, start: Array) -> Array:
        """The powers that are reproduced most."""
        from scipy.sparse.linalg import LinearOperator, eigs

        passed = self.passing(self.within_solved(MARGIN), MARGIN)
        operator = LinearOperator((start.size, start.size), matvec=passed, dtype=np.float64)
        _, vectors = eigs(operator, 1, v0=start.ravel(), which="LM", tol=1e-6, ncv=10)
        return np.asarray(vectors[:, 0].real).reshape(start.shape)


@dataclass(frozen=True, eq=False)
class Coarse:
    """A network with some of the axes of another, about like it.

    Attributes
    ----------
    places : Indices
        Which axes of the other.
    powers : Array
        That are reproduced there, shape ``(k, g)``.
    coupling : Coupling
        At its largest eigenvalue.
    """

    places: Indices
    powers: Array
    coupling: Coupling

    def on(self, axes: int, numbers: Array) -> Array:
        """Numbers of all axes of the other network, between those of this one: cubic curves.

        Hermite's, as of `scipy.interpolate`, which takes longer to load than all the rest here.
        """
        slopes = np.gradient(numbers, self.places, axis=-1)
        at = np.arange(axes)
        before = np.searchsorted(self.places[1:-1], at, side="right")
        width = np.diff(self.places)[before]
        later = (at - self.places[before]) / width
        earlier = 1 - later
        return np.asarray(
            numbers[..., before] * earlier**2 * (1 + 2 * later)
            + numbers[..., before + 1] * later**2 * (1 + 2 * earlier)
            + width * earlier * later
            * (slopes[..., before] * earlier - slopes[..., before + 1] * later)
        )  # fmt: skip

    def improved(
        self, moments: MomentMap, value: float, powers: Array
    ) -> tuple[float, Array, bool]:
        """Value and powers of the other network by Newton steps, and whether they are settled.

        The error of powers solves ``(kappa - K) e = c`` beside them, with ``c = K y - kappa y``.
        What an axis feeds back to itself is solved for there, and what it passes on, here.  The
        value lacks ``<e - c, c>`` to second order, and little more where it has hardly changed.
        """
        from scipy.sparse.linalg import LinearOperator, gmres

        axes, left = powers.shape[1], self.coupling.within_solved(LITTLE)
        passed = self.coupling.passing(left, LITTLE)
        operator = LinearOperator(
            (self.powers.size, self.powers.size), matvec=lambda e: e - passed(e), dtype=np.float64
        )
        most = min(CERTAIN, EVEN * (1 - self.coupling.most_within()))
        closer = powers
        for step in range(NEWTON_STEPS):
            found, reproduced, length = moments.quotient(value, closer)
            if np.isnan(found):
                break
            change = _beside(closer, reproduced, moments)
            even = _growth_beside(closer, change) <= most
            if even and step and abs(found - value) <= SETTLED * found:
                return found, closer, True
            if step and found < value * (1 - SETTLED):
                break
            here = applied(left, _beside(self.powers, change[:, self.places], self.coupling))
            error, _ = gmres(operator, here.ravel(), rtol=1e-3, restart=12, maxiter=1)
            error = applied(self.on(axes, left), change) + self.on(
                axes, passed(error).reshape(here.shape)
            )
            lacking = moments.fed_back @ change * moments.count * (error - change) / length
            off = (np.abs(lacking).sum() + (found - value) ** 2 / found) / found
            value, powers, closer = found, closer, closer + error
            if even and off <= SETTLED:
                return value + float(lacking.sum()), closer, True
            if off > FAR or off <= SETTLED:
                break
        return value, powers, False


def largest_of_powers(
    moments: MomentMap, value: float, powers: Array, coarse: Coarse | None = None
) -> tuple[float, Array]:
    """Largest eigenvalue of the map of one network, and its powers by kind of axis.

    Blocks are made anew each time that they are needed.  In turn powers are those that are
    reproduced most at the last value, and the value is the Rayleigh quotient of the moments that
    they make: its error is about the square of the one before.  That is Newton's method for
    ``1 / theta(mu) = 1``, with ``theta`` the largest eigenvalue of ``K``: above ``D`` the left side
    is concave and rises, so that from anywhere the first value is none too large, nor any next one.

    Parameters
    ----------
    value, powers : float and Array
        Where to begin, powers of shape ``(k, g)``.
    coarse : Coarse, optional
        A network that is about like it.  Where it is not, all axes are coupled to each other.

    Returns
    -------
    value : float
        NaN where it is not found.
    powers : Array
    """
    from scipy.sparse.linalg import ArpackError

    begun = value
    if coarse is not None:
        value, powers, settled = coarse.improved(moments, value, powers)
        if settled:
            return value, powers
    beginning = moments.powers_in(moments.identity())
    beginning /= np.linalg.norm(beginning)
    if not value > begun:
        value = moments.above(value)
    for _ in range(MOST_ROUNDS):
        coupling = Coupling.of(moments, value)
        if coupling.most_within() > 1 + MARGIN / 2:
            powers = coupling.one_axis()
        else:
            # All axes are there to begin with, so that none that grows is missed.
            powers = powers / (np.linalg.norm(powers) * np.sign(powers[SQUARES].sum()))
            try:
                powers = coupling.strongest(powers + beginning)
            except ArpackError:
                break
        found, *_ = moments.quotient(value, powers)
        if found < value * (1 - SETTLED):
            found = moments.above(found)
        if abs(found - value) <= SETTLED * value:
            return found, powers
        value = found
    return np.nan, powers


def _beside(powers: Array, others: Array, of: MomentMap | Coupling) -> Array:
    """Others less their share of powers, in the product in which ``K`` is symmetric."""
    weights = of.fed_back @ powers * of.count
    return others - powers * (np.vdot(weights, others) / np.vdot(weights, powers))


def _growth_beside(powers: Array, change: Array) -> float:
    """By how much the powers of an axis grow beside those of all, the most, relative to them.

    A step takes positive moments to positive ones, and by Collatz and Wielandt such a map has no
    eigenvalue above the most that anything positive grows by.  Seen by the mean squares of ``F``,
    ``M`` and ``V``; infinite where one is not positive.
    """
    squares = powers[SQUARES] * np.sign(powers[SQUARES].sum())
    seen = np.abs(squares) > ROUNDING * squares.max(axis=1, keepdims=True)
    if (squares[seen] < 0).any():
        return np.inf
    return float((np.abs(change[SQUARES])[seen] / squares[seen]).max())


def _products(left: Array, right: Array) -> Array:
    return np.asarray(np.einsum("kxp,xlp->klp", left, right))


def _flat(matrices: Array) -> Array:
    """Entries of matrices ``(k, k, blocks)``, shape ``(k k, blocks)``."""
    return matrices.reshape(matrices.shape[0] ** 2, matrices.shape[-1])

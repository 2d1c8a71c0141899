"""Rotation of the hidden layers of any rule, measured against the orbit of its fixed point.

Weights are ``Q (theta* + n)`` with ``<psi, n> = 0`` for the left null vectors ``psi`` of the orbit,
as in `evaluation.any_rule`: Newton's method finds the rotations ``Q`` of all layers together, since
``<psi, Q^-1 theta - theta*>`` are the angles that are left, to first order.  In the long run any
other way to tell ``Q`` from ``n`` would give the same rotation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from symdrift.errors import RequestError
from symdrift.evaluation.any_rule.engine import orbit_space
from symdrift.evaluation.any_rule.traced_rule import Point
from symdrift.simulation.estimators import Observables
from symdrift.study.learner import Learner
from symdrift.study.problem import Array

NEWTON_STEPS = 40

FOUND = 1e-9
"""Angle, in radians, that need not be looked for."""

LARGEST_LEFT = 1e-6
"""Angle that Newton's method may leave of a rotation, in radians."""


@dataclass(frozen=True, eq=False)
class Orbit:
    """What rotations are measured against.

    Attributes
    ----------
    point : tuple of Array
        ``theta*``, without velocities.
    layers : tuple of pairs of int
        By weight matrix the hidden layers that its rows and columns count, -1 for none.
    sizes : tuple of int
        Units of each hidden layer.
    planes : tuple of (int, int, int)
        Layer and axes of each plane, from 0.
    readings : Array
        ``psi``, shape ``(N, planes)``.
    """

    point: Point
    layers: tuple[tuple[int, int], ...]
    sizes: tuple[int, ...]
    planes: tuple[tuple[int, int, int], ...]
    readings: Array

    @property
    def observed(self) -> Observables:
        """Planes with the axes of all layers numbered one after the other."""
        first = np.concatenate([[1], 1 + np.cumsum(self.sizes)])
        planes = tuple(
            (int(first[layer]) + i, int(first[layer]) + j) for layer, i, j in self.planes
        )
        return Observables.of(planes, sum(self.sizes))


def orbit_of(learner: Learner, point: Point) -> Orbit:
    """The orbit through a fixed point of the rule, without velocities."""
    traced, space = orbit_space(learner, point)
    names = {name: place for place, name in enumerate(traced.rule.hidden_axes)}
    return Orbit(
        point=point,
        layers=tuple((names.get(r, -1), names.get(c, -1)) for r, c in traced.rule.weights.values()),
        sizes=tuple(learner.sizes[name] for name in names),
        planes=tuple((names[plane.layer], plane.i - 1, plane.j - 1) for plane in space.planes),
        readings=space.readings,
    )


class OrbitGauge:
    """Remembers the rotation of each of some networks.

    Attributes
    ----------
    frames : list of Array
        By layer ``Q`` at the last reading, shape ``(replicas, p, p)``.
    """

    def __init__(self, orbit: Orbit, replicas: int) -> None:
        self._orbit = orbit
        self._star = np.concatenate([matrix.ravel() for matrix in orbit.point])
        self.frames = [np.tile(np.eye(size), (replicas, 1, 1)) for size in orbit.sizes]

    def read(self, weights: Array) -> tuple[Array, Array]:
        """Rotations since the last call, of each network as if it were alone.

        Parameters
        ----------
        weights : Array
            Shape ``(replicas, N)``, without velocities.

        Returns
        -------
        tuple
            Angles by plane, shape ``(planes, replicas)``; displacement ``n``, shape
            ``(replicas, N)``.

        Raises
        ------
        RequestError
            When Newton's method does not find the rotation of some network.
        """
        orbit, before = self._orbit, [frames.copy() for frames in self.frames]
        displaced, left = np.empty(weights.shape), np.empty(len(weights))
        # Products of stacks are made one by one, whose rounding no other network changes.
        waiting = np.arange(len(weights))
        for _ in range(NEWTON_STEPS):
            displaced[waiting] = self._unrotated(weights, waiting) - self._star
            angles = (displaced.take(waiting, axis=0)[:, np.newaxis] @ orbit.readings)[:, 0]
            left[waiting] = np.abs(angles).max(axis=1, initial=0.0)
            away = left[waiting] > FOUND
            waiting = waiting[away]
            if not waiting.size:
                break
            for layer, step in enumerate(self._generators(angles[away])):
                half, one = 0.5 * step, np.eye(step.shape[-1])
                turn = np.linalg.solve(one - half, one + half)
                self.frames[layer][waiting] = self.frames[layer].take(waiting, axis=0) @ turn
        if not (worst := float(left.max())) <= LARGEST_LEFT:
            raise RequestError(
                "learning.rate",
                "is too large for the rotation of the hidden layers to be found: weights are so "
                f"far from where learning ends that after {NEWTON_STEPS} steps of Newton's method "
                f"{worst:.2g} rad are left, and at most {LARGEST_LEFT:g} are allowed",
            )
        turned = [
            _logarithm(old.swapaxes(-1, -2) @ new)
            for old, new in zip(before, self.frames, strict=True)
        ]
        found = np.array([turned[layer][:, i, j] for layer, i, j in orbit.planes])
        return found.reshape(len(orbit.planes), len(weights)), displaced

    def _unrotated(self, weights: Array, chosen: NDArray[np.int64]) -> Array:
        """``Q^-1 theta`` of some networks, shape ``(chosen, N)``."""
        parts, first = [], 0
        for star, (rows, columns) in zip(self._orbit.point, self._orbit.layers, strict=True):
            part = weights[:, first : first + star.size].take(chosen, axis=0)
            part = part.reshape(-1, *star.shape)
            first += star.size
            if rows >= 0:
                part = self.frames[rows].take(chosen, axis=0).swapaxes(-1, -2) @ part
            if columns >= 0:
                part = part @ self.frames[columns].take(chosen, axis=0)
            parts.append(part.reshape(len(chosen), -1))
        return np.concatenate(parts, axis=1)

    def _generators(self, angles: Array) -> list[Array]:
        """By layer the antisymmetric matrix of angles ``(replicas, planes)``."""
        found = [np.zeros((len(angles), size, size)) for size in self._orbit.sizes]
        for plane, (layer, i, j) in enumerate(self._orbit.planes):
            found[layer][:, i, j] = angles[:, plane]
            found[layer][:, j, i] = -angles[:, plane]
        return found


def _logarithm(rotations: Array) -> Array:
    """``log R = asinh((R - R') / 2)`` of small rotations, cut after the fifth power."""
    skew = 0.5 * (rotations - rotations.swapaxes(-1, -2))
    square = skew @ skew
    return np.asarray(skew + (3 / 40 * square @ square - square / 6) @ skew)

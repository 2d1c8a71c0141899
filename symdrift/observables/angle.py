"""Angle between the population vectors of one stimulus on two days."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from symdrift.errors import RequestError
from symdrift.observables.process import NOTHING, DriftProcess, checked_lags, conjugation_change
from symdrift.records import Record
from symdrift.study.problem import Array, Stimulus

HELD_ENTRIES = 2**17
"""Entries of a matrix of all hidden axes at each lag that stay near the processor."""
ENTRY = 3e-8
"""Seconds of such an entry, on one core of a desktop computer."""


@dataclass(frozen=True, eq=False)
class PopulationAngle(Record):
    """Cosine of the angle between ``h_t`` and ``h_{t+tau}`` of one stimulus.

    Attributes
    ----------
    stimulus : str
    lags : Array
        ``tau`` in SGD steps, shape ``(T,)``; the other arrays have the same shape.
    cosine : Array
        Its expectation.
    rotation_cosine : Array
        Expectation without the fluctuation, ``w' E[Q_tau] w / |w|^2``.
    spread : Array or None
        Standard deviation from one realisation to the next; None with more than
        `symdrift.observables.rotations.LARGEST_SQUARE` active axes in correlated planes.
    following : float or None
        Largest relative change, by the next order, of what is lost to fluctuation at any lag; None
        where it is not known.
    carried : bool
        Whether the cosine carries it: not where it is not known, and where less than nothing would
        be lost at some lag.
    """

    unwritten = ("carried",)

    behind = MappingProxyType({"angle": "spread"})

    stimulus: str
    lags: Array
    cosine: Array
    rotation_cosine: Array
    spread: Array | None
    following: float | None = None
    carried: bool = False

    @property
    def angle(self) -> Array:
        """Angle of the expected cosine in radians, shape ``(T,)``."""
        return np.arccos(np.clip(self.cosine, -1.0, 1.0))


def population_angle(process: DriftProcess, stimulus: Stimulus, lags: Array) -> PopulationAngle:
    """Cosine between the population vectors of two days: expectation and spread.

    With ``v = w / |w|`` and ``K`` the covariance of the fluctuation across ``v``, relative to
    ``|w|^2``, the expectation is ``v'E[Q]v (1 - tr K_0 + tr K_tau)``.  For small angles
    ``1 - cos`` is half the square of a Gaussian displacement across ``v`` of covariance
    ``D + F``, ``D`` from rotation and ``F = 2 K_0 - K_tau - K_tau'`` from fluctuation, so that
    its variance is ``Var(v'Qv) + tr(D F) + tr(F F) / 2`` (``D`` with the square of the mean).
    ``Var(v'Qv)`` and ``D`` are exact for every angle; the spread is of leading order in the
    learning rate, the expectation of that of the process, at every lag.

    Raises
    ------
    RequestError
        When lags are not finite, increasing and non-negative, or the stimulus has no
        representation.
    """
    times = checked_lags(lags)
    still = process.minimum_representation(stimulus)
    length = float(np.linalg.norm(still))
    if length == 0:
        raise RequestError("stimulus", f'= "{stimulus.name}" has no representation, hence no angle')
    direction = mean_direction(process, stimulus)
    held = max(1, HELD_ENTRIES // len(direction) ** 2)
    parts = [
        _lost(process, direction, still / length, stimulus.vector / length, times[first:][:held])
        for first in range(0, len(times), held)
    ]
    change, lost, variance = (np.concatenate(column) for column in zip(*parts, strict=True))
    more = process.later.forgotten_direction(stimulus, times) if process.later else None
    following, carried = _following(process, stimulus, still / length, length)
    if more is not None and carried:
        lost = lost + more
    cosine = (1 + change) * (1 - lost)
    spread = None
    if process.planes is not None:
        # No cosine varies more, whatever the theory of small fluctuations makes of large ones.
        spread = np.sqrt(np.clip(variance, 0.0, np.maximum(1 - cosine**2, 0.0)))
    return PopulationAngle(stimulus.name, times, cosine, 1 + change, spread, following, carried)


def mean_direction(process: DriftProcess, stimulus: Stimulus) -> Array:
    """Direction of ``E[h / |h|]``, shape ``(d,)``.

    At the next order it is not that of ``E[h]``: a representation that is longer when it leans to
    one side points to the other on average.
    """
    mean = process.representation(stimulus)
    direction = mean / np.linalg.norm(mean)
    if process.shift is None:
        return np.asarray(direction)
    x = stimulus.vector
    lean = process.fluctuation.second_moment(np.outer(x, x)) @ direction / (mean @ mean)
    direction = direction - lean + (lean @ direction) * direction
    return np.asarray(direction / np.linalg.norm(direction))


def _following(
    process: DriftProcess, stimulus: Stimulus, direction: Array, length: float
) -> tuple[float | None, bool]:
    """Largest relative change of what is lost to fluctuation, and whether it stays positive."""
    lags = process.every_lag
    more = process.later.forgotten_direction(stimulus, lags) if process.later else None
    if more is None:
        return None, False
    forgotten = process.fluctuation.forgotten(stimulus.vector / length, lags)
    least = NOTHING * float(np.trace(forgotten, axis1=1, axis2=2).max())
    across = np.trace(_across(forgotten, direction), axis1=1, axis2=2)
    return relative_change(across, more, least), stays_positive(across, more, least)


def relative_change(leading: Array, following: Array, least: float = 0.0) -> float:
    """Largest change of a curve by its next order.

    Both at all lags of `DriftProcess.every_lag`, where the curve is larger than ``least``.
    """
    some = leading > least
    return float(np.max(np.abs(following[some] / leading[some]), initial=0.0))


def stays_positive(leading: Array, following: Array, least: float = 0.0) -> bool:
    """Whether it does with that, likewise: otherwise the next order says nothing of it."""
    some = leading > least
    return bool(np.all(following[some] > -leading[some]))


def rotation_cosine(process: DriftProcess, direction: Array, times: Array) -> Array:
    """Expected cosine without the fluctuation, ``v'E[Q_tau]v``, shape ``(T,)``."""
    return np.asarray(1 + process.rotation.change(direction, times) @ direction)


def angle_seconds(process: DriftProcess, lags: int) -> float:
    """Seconds that `population_angle` takes at most of an aligned problem."""
    return ENTRY * lags * len(process.decay) ** 2


def _lost(
    process: DriftProcess, direction: Array, still: Array, vector: Array, times: Array
) -> tuple[Array, Array, Array]:
    """``v'E[Q]v - 1``, what the fluctuation takes of it, and its variance, shape ``(T,)`` each."""
    # K_0 - K_tau, shape (T, d, d).
    forgotten = _across(process.fluctuation.forgotten(vector, times), still)
    change = process.rotation.change(direction, times) @ direction
    lost = np.trace(forgotten, axis1=1, axis2=2)
    if process.planes is None:
        return change, lost, np.full_like(lost, np.nan)
    second = conjugation_change(process, np.outer(direction, direction), times)
    rotation = second @ direction @ direction - change * (2 + change)
    jitter = forgotten + forgotten.swapaxes(1, 2)
    # Across v the matrix v v' itself has no part: its change is D.
    return change, lost, rotation + np.sum((second + 0.5 * jitter) * jitter, axis=(1, 2))


def _across(matrices: Array, direction: Array) -> Array:
    """``P K P`` with ``P = 1 - v v'``, for several ``K`` of shape ``(T, d, d)``."""
    kept = matrices - (matrices @ direction)[:, :, np.newaxis] * direction
    return np.asarray(kept - direction[:, np.newaxis] * (direction @ kept)[:, np.newaxis])

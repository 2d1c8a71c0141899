"""Random paths of the rotation, and random networks."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from symdrift.observables.displacement import NEUTRAL
from symdrift.observables.layer import covariance_root
from symdrift.observables.process import DriftProcess
from symdrift.observables.rotations import (
    CorrelatedPlanes,
    IndependentPlanes,
    SilentAxes,
    plane_generators,
)
from symdrift.study.problem import Array

Draw = Callable[[np.random.Generator, tuple[int, ...]], Array]
"""Random numbers of a shape, to which one axis of angles is appended."""

LARGEST_DECAY = 0.02
"""Decay by diffusion of the fastest direction in one step of a path."""
UNIFORM = 12.0
"""Slowest decay times of the rotation after which it is uniform, whatever it was."""


def rotation_paths(
    process: DriftProcess, lags: Array, samples: int, rng: np.random.Generator
) -> Iterator[Array]:
    """Paths of the Brownian rotation that starts at the identity, one lag after the other.

    In the frame that turns steadily the rotation of an interval ``delta`` is ``exp(X)`` with
    Gaussian ``X`` of covariance ``int_0^delta Ad(s) V Ad(s)' ds``, ``Ad(s)`` the steady rotation
    acting on planes: exact for two hidden axes, for more with an error of the decay rates
    that `LARGEST_DECAY` keeps below one percent.  Steady rotation is exact always.

    Parameters
    ----------
    lags : Array
        Increasing, shape ``(T,)``.

    Yields
    ------
    Array
        ``Q_tau``, shape ``(samples, d, d)``, orthogonal to rounding.

    Raises
    ------
    ValueError
        With correlated planes beyond `symdrift.observables.rotations.LARGEST_SQUARE` axes.
    """
    axes, planes = len(process.decay), process.planes
    if planes is None:
        raise ValueError(f"rotations in {axes} hidden axes are too many to sample")
    rank = axes - planes.silent.count
    turning = process.turning[:rank, :rank]
    speeds, turning_frame = np.linalg.eigh(1j * turning)
    active = _active_noise(planes, turning)
    silent = _silent_noise(
        planes.silent, speeds if turning.any() else np.zeros(rank), turning_frame
    )
    rotation = np.tile(np.eye(axes), (samples, 1, 1))
    for interval, count in _intervals(process, lags):
        step = interval / count
        within, outward = active.over(step), silent.over(step)
        phases = np.exp(-1j * step * speeds)
        steady = ((turning_frame * phases) @ turning_frame.conj().T).real
        for _ in range(count):
            inside = _skew(within(rng, (samples,)), rank)
            across = outward(rng, (samples, planes.silent.count))
            rotation = _turned(rotation, inside, across)
            rotation[:, :, :rank] = rotation[:, :, :rank] @ steady
        yield rotation


def path_steps(process: DriftProcess, lags: Array) -> int:
    """Steps that `rotation_paths` makes up to the last lag."""
    return sum(count for _, count in _intervals(process, lags))


def _intervals(process: DriftProcess, lags: Array) -> Iterator[tuple[float, int]]:
    """Length of the path from each lag to the next, and the number of its steps."""
    fastest = float(np.linalg.norm(process.decay, 2))
    decay = -process.eigenvalues.real
    # A longer interval would give the same distribution in more steps.
    longest = UNIFORM / float(decay[decay > NEUTRAL * fastest].min(initial=np.inf))
    for interval in np.diff(lags, prepend=0.0):
        length = min(float(interval), longest) if longest > 0 else float(interval)
        yield length, max(1, math.ceil(length * fastest / LARGEST_DECAY))


def sample_rotations(
    process: DriftProcess, lags: Array, samples: int, rng: np.random.Generator
) -> Array:
    """The paths of `rotation_paths` at all lags, shape ``(T, samples, d, d)``."""
    return np.array([path.copy() for path in rotation_paths(process, lags, samples, rng)])


def random_frames(size: int, vectors: int, samples: int, rng: np.random.Generator) -> Array:
    """Orthonormal columns of uniform (Haar) distribution, shape ``(samples, size, vectors)``."""
    columns, triangle = np.linalg.qr(rng.standard_normal((samples, size, vectors)))
    signs = np.sign(np.diagonal(triangle, axis1=1, axis2=2))
    return np.asarray(columns * signs[:, np.newaxis])


@dataclass(frozen=True, eq=False)
class _TurningNoise:
    """Correlated Gaussian noise seen from a frame that turns steadily.

    Attributes
    ----------
    covariance : NDArray
        In the basis ``frame``, shape ``(q, q)``, per step.
    frequencies : Array
        Of the basis vectors, per step.
    frame : NDArray
        Unitary, shape ``(q, q)``.
    """

    covariance: NDArray[np.complex128]
    frequencies: Array
    frame: NDArray[np.complex128]

    def over(self, step: float) -> Draw:
        """What an interval adds up to, from a root of its covariance."""
        beats = step * (self.frequencies[:, np.newaxis] - self.frequencies)
        turned = self.covariance * (step * _mean_phase(beats))
        root = covariance_root((self.frame @ turned @ self.frame.conj().T).real)
        return lambda rng, shape: rng.standard_normal((*shape, len(root))) @ root.T


@dataclass(frozen=True, eq=False)
class _CorrelatedNoise:
    """Correlated noise, where nothing turns; ``covariance`` of shape ``(q, q)`` per step."""

    covariance: Array

    def over(self, step: float) -> Draw:
        """What an interval adds up to."""
        root = self._root * np.sqrt(step)
        return lambda rng, shape: rng.standard_normal((*shape, len(root))) @ root.T

    @cached_property
    def _root(self) -> Array:
        return covariance_root(self.covariance)


@dataclass(frozen=True, eq=False)
class _SeparateNoise:
    """Independent noise, where nothing turns; ``variances`` of shape ``(q,)`` per step."""

    variances: Array

    def over(self, step: float) -> Draw:
        """What an interval adds up to."""
        deviations = np.sqrt(self.variances * step)
        return lambda rng, shape: rng.standard_normal((*shape, len(deviations))) * deviations


_Noise = _TurningNoise | _CorrelatedNoise | _SeparateNoise


def _active_noise(planes: CorrelatedPlanes | IndependentPlanes, turning: Array) -> _Noise:
    """Noise in the planes of active axes, in lexicographic order."""
    rank = len(turning)
    if isinstance(planes, IndependentPlanes):
        return _SeparateNoise(planes.variances[np.triu_indices(rank, 1)])
    covariance = planes.drift.covariance
    if not turning.any():
        return _CorrelatedNoise(covariance)
    skew = plane_generators(planes.drift, rank)
    first, second = np.triu_indices(rank, 1)
    commutators = turning @ skew - skew @ turning
    frequencies, frame = np.linalg.eigh(1j * commutators[:, first, second].T)
    return _TurningNoise(frame.conj().T @ covariance @ frame, frequencies, frame)


def _silent_noise(silent: SilentAxes, speeds: Array, frame: NDArray[np.complex128]) -> _Noise:
    """Noise in the planes of each active axis with one silent axis."""
    own = silent.covariance
    if speeds.any():
        return _TurningNoise(frame.conj().T @ own @ frame, speeds, frame)
    if np.any(own != np.diag(np.diagonal(own))):
        return _CorrelatedNoise(own)
    return _SeparateNoise(np.diagonal(own))


def _skew(angles: Array, rank: int) -> Array:
    """``sum_k angles_k Omega_k`` of several samples, shape ``(samples, r, r)``."""
    first, second = np.triu_indices(rank, 1)
    skew = np.zeros((len(angles), rank, rank))
    skew[:, first, second], skew[:, second, first] = angles, -angles
    return skew


def _turned(rotation: Array, active: Array, across: Array) -> Array:
    """``Q exp(X)`` of several samples, ``X`` skew-symmetric without a part between silent axes.

    Parameters
    ----------
    rotation : Array
        ``Q``, shape ``(samples, d, d)``.
    active : Array
        ``X`` between active axes, shape ``(samples, r, r)``.
    across : Array
        ``X`` from active to silent axes, shape ``(samples, d - r, r)``.
    """
    if not across.shape[1]:
        return np.asarray(rotation @ _exponential(active))
    # X moves the active axes and the at most r silent directions that they are turned into.
    rank = active.shape[-1]
    reached, triangle = np.linalg.qr(across)
    size = rank + triangle.shape[1]
    skew = np.zeros((len(active), size, size))
    skew[:, :rank, :rank] = active
    skew[:, rank:, :rank] = triangle
    skew[:, :rank, rank:] = -triangle.swapaxes(1, 2)
    moved = np.concatenate([rotation[:, :, :rank], rotation[:, :, rank:] @ reached], axis=2)
    change = moved @ (_exponential(skew) - np.eye(size))
    turned = rotation.copy()
    turned[:, :, :rank] += change[:, :, :rank]
    turned[:, :, rank:] += change[:, :, rank:] @ reached.swapaxes(1, 2)
    return turned


def _mean_phase(angles: Array) -> NDArray[np.complex128]:
    """Mean of ``exp(-i phi)`` for ``phi`` from 0 to the angle."""
    half = 0.5 * angles
    return np.asarray(np.exp(-1j * half) * np.sinc(half / np.pi))


def _exponential(skew: Array) -> Array:
    """``exp(X)`` of small skew-symmetric ``X``, orthogonal to rounding.

    ``exp(X) = (1 - T)^-1 (1 + T)`` with ``T = tanh(X / 2) = X/2 - X^3/24 + X^5/240 - ...``.
    """
    squared = skew @ skew
    identity = np.eye(skew.shape[-1])
    tangent = skew @ (0.5 * identity - squared @ (identity / 24 - squared / 240))
    return np.asarray(np.linalg.solve(identity - tangent, identity + tangent), dtype=np.float64)

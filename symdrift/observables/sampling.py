"""Random paths of the process: rotations and fluctuations at given lags."""

from __future__ import annotations

import math

import numpy as np

from symdrift.observables.displacement import NEUTRAL
from symdrift.observables.process import DriftProcess
from symdrift.observables.rotations import plane_generators
from symdrift.problem import Array

LARGEST_DECAY = 0.02
"""Decay by diffusion of the fastest direction in one step of a path."""
ADDED_VARIANCE = 1e-13
"""Variance added to make a covariance positive definite, relative to its trace."""
FORGOTTEN = 40.0
"""Slowest relaxation times after which nothing is left of a fluctuation."""
UNIFORM = 12.0
"""Slowest decay times of the rotation after which it is uniform, whatever it was."""


def sample_rotations(
    process: DriftProcess, lags: Array, samples: int, rng: np.random.Generator
) -> Array:
    """Paths of the Brownian rotation that starts at the identity.

    In the frame that turns steadily the rotation of an interval ``delta`` is ``exp(X)`` with
    Gaussian ``X`` of covariance ``int_0^delta Ad(s) V Ad(s)' ds``, ``Ad(s)`` the steady rotation
    acting on planes: exact for two hidden axes, for more with an error of the decay rates
    that `LARGEST_DECAY` keeps below one percent.  Steady rotation is exact always.

    Parameters
    ----------
    lags : Array
        Increasing, shape ``(T,)``.

    Returns
    -------
    Array
        ``Q_tau``, shape ``(T, samples, r, r)``, orthogonal to rounding.

    Raises
    ------
    ValueError
        Beyond `symdrift.observables.rotations.LARGEST_SQUARE` hidden axes.
    """
    rank, drift = len(process.decay), process.drift
    if drift is None:
        raise ValueError(f"rotations in {rank} hidden axes are too many to sample")
    skew = plane_generators(drift, rank)
    first, second = (np.array([plane[axis] for plane in drift.planes], int) - 1 for axis in (0, 1))
    commutators = process.turning @ skew - skew @ process.turning
    frequencies, frame = np.linalg.eigh(1j * commutators[:, first, second].T)
    noise = frame.conj().T @ drift.covariance @ frame
    beats = -1j * (frequencies[:, np.newaxis] - frequencies)
    speeds, turning_frame = np.linalg.eigh(1j * process.turning)
    fastest = float(np.linalg.norm(process.decay, 2))
    slowest = float(-np.linalg.eigvals(process.generator).real.max())
    # A longer interval would give the same distribution in more steps.
    longest = UNIFORM / slowest if slowest > NEUTRAL * fastest else np.inf
    rotation = np.broadcast_to(np.eye(rank), (samples, rank, rank))
    path = np.empty((len(lags), samples, rank, rank))
    before = 0.0
    for place, lag in enumerate(lags):
        interval = min(float(lag) - before, longest)
        count = max(1, math.ceil(interval * fastest / LARGEST_DECAY))
        step = interval / count
        turned_noise = frame @ (noise * step * _mean_exponential(beats * step)) @ frame.conj().T
        root = _root(turned_noise.real)
        phases = np.exp(-1j * step * speeds)
        steady = ((turning_frame * phases) @ turning_frame.conj().T).real
        for _ in range(count):
            angles = rng.standard_normal((samples, len(skew))) @ root.T
            rotation = rotation @ _exponential(np.tensordot(angles, skew, 1)) @ steady
        path[place] = rotation
        before = float(lag)
    return path


def sample_fluctuations(
    process: DriftProcess, vectors: Array, lags: Array, samples: int, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Fluctuation ``N x`` of several inputs on day 0 and at each lag.

    Every lag has the exact joint distribution with day 0; different lags share their random
    numbers, so that curves are smooth, and are no path.  Nothing depends on the basis in
    which the modes are given.

    Parameters
    ----------
    vectors : Array
        Inputs ``x`` as columns, shape ``(n, v)``.
    lags : Array
        Shape ``(T,)``.

    Returns
    -------
    Array
        On day 0, shape ``(samples, d, v)``.
    Array
        At the lags, shape ``(T, samples, d, v)``.
    """
    axes, inputs, modes = process.modes.shape
    probes = vectors if vectors.shape[1] <= inputs else np.eye(inputs)
    onto = np.einsum("rnk,nv->rvk", process.modes, probes).reshape(-1, modes)
    size = len(onto)
    stationary = onto @ process.covariance @ onto.T
    joint = np.kron(np.eye(2), stationary)
    alone = _root(stationary)
    fresh = rng.standard_normal((2, samples, size))
    path = np.empty((len(lags), samples, size))
    for place, lag in enumerate(lags):
        if lag * process.rates.min() > FORGOTTEN:
            path[place] = fresh[1] @ alone.T
            continue
        remembered = (onto * np.exp(-lag * process.rates)) @ process.covariance @ onto.T
        joint[size:, :size], joint[:size, size:] = remembered, remembered.T
        root = _root(joint)
        path[place] = fresh[0] @ root[size:, :size].T + fresh[1] @ root[size:, size:].T
    # The upper left block of a joint root is the root of day 0.
    start = fresh[0] @ alone.T
    shape = (samples, axes, probes.shape[1])
    first, later = start.reshape(shape), path.reshape(len(lags), *shape)
    return (first, later) if probes is vectors else (first @ vectors, later @ vectors)


def random_orthogonal(size: int, samples: int, rng: np.random.Generator) -> Array:
    """Orthogonal matrices of uniform (Haar) distribution, shape ``(samples, size, size)``."""
    columns, triangle = np.linalg.qr(rng.standard_normal((samples, size, size)))
    signs = np.sign(np.diagonal(triangle, axis1=1, axis2=2))
    return np.asarray(columns * signs[:, np.newaxis])


def _root(covariance: Array) -> Array:
    """Lower triangular ``F`` with ``F F' = covariance``, which may be singular.

    What is added to the diagonal changes samples by a millionth at most.
    """
    symmetric = 0.5 * (covariance + covariance.T)
    added = ADDED_VARIANCE * np.trace(symmetric) + np.finfo(float).tiny
    return np.asarray(np.linalg.cholesky(symmetric + added * np.eye(len(symmetric))))


def _mean_exponential(exponents: Array) -> Array:
    """``(exp(z) - 1) / z`` of imaginary ``z``, 1 at 0."""
    half = 0.5 * exponents.imag
    return np.asarray(np.exp(1j * half) * np.sinc(half / np.pi))


def _exponential(skew: Array) -> Array:
    """``exp(X)`` of small skew-symmetric ``X``, orthogonal to rounding.

    ``exp(X) = (1 - T)^-1 (1 + T)`` with ``T = tanh(X / 2) = X/2 - X^3/24 + X^5/240 - ...``.
    """
    squared = skew @ skew
    identity = np.eye(skew.shape[-1])
    tangent = skew @ (0.5 * identity - squared @ (identity / 24 - squared / 240))
    return np.asarray(np.linalg.solve(identity - tangent, identity + tangent), dtype=np.float64)

"""Tuning curves of single neurons in a random basis of the hidden layer."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

import numpy as np

from symdrift.errors import RequestError
from symdrift.observables.process import DriftProcess, checked_lags
from symdrift.observables.rotations import LARGEST_SQUARE
from symdrift.observables.sampling import path_steps, random_frames, rotation_paths
from symdrift.progress import Progress
from symdrift.records import Record
from symdrift.study.problem import Array

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
FEWEST_STIMULI = 3
"""Stimuli from which a correlation of two tuning curves says more than a sign."""
NETWORKS = 4096
"""At most taken where they are cheap."""
PRECISION = 0.03
"""Standard error, relative to the change of the tuning, that is aimed at for every lag."""
PILOT_NETWORKS, PILOT_LAGS = 256, 8
"""From which the scatter between networks is found: few show flat curves, which change most."""
FLAT_NEURONS = 16
"""Neurons with a preference for flat curves that count in the mean of a network."""
BLUR = 1e-10
"""Relative change of codes that is too small to be told from none."""
LARGEST_LOGARITHM = 700.0
"""Of a double-precision number."""
USUAL_NETWORKS = 64
FEWEST_NETWORKS = 8
"""Taken where the hidden layer is large and averages over many neurons by itself."""
MOST_ROTATIONS = 64 * 48**2
"""Entries of the sampled rotations that are followed by default."""
MOST_TURNS = 6_000_000
"""Entries of the sampled rotations, times steps of their paths, beyond `USUAL_NETWORKS`."""
MOST_PATH_STEPS = 200_000
"""Steps of a path that take a minute."""
TOO_FAR = f"and at most {MOST_PATH_STEPS} are followed: some planes turn far faster than others"
PRODUCT, PRODUCTS, PAIR = 1e-10, 8, 30_000
"""Seconds of a multiplication in a product of matrices, products of a step, and what a pair of
weights takes at each lag, in such multiplications."""
HELD_BYTES = 2**25
"""Sampled fluctuations that are held at a time."""


@dataclass(frozen=True, eq=False)
class TuningChange(Record):
    """Correlation of each neuron's tuning curve with that of day 0.

    Attributes
    ----------
    lags : Array
        ``tau`` in SGD steps, shape ``(T,)``.
    mean : Array
        Over neurons and networks, shape ``(T,)``.
    standard_error : Array
        Of the mean, from the scatter between networks, shape ``(T,)``.
    quantiles : Array
        The `QUANTILES` over neurons and networks, shape ``(T, 5)``.
    neurons : Array
        Every neuron of the first network, shape ``(T, p)``.
    networks, seed : int
    """

    behind = MappingProxyType({"quantile_levels": "standard_error"})
    quantile_levels: ClassVar[tuple[float, ...]] = QUANTILES

    lags: Array
    mean: Array
    standard_error: Array
    quantiles: Array
    neurons: Array
    networks: int
    seed: int


def tuning_change(
    process: DriftProcess,
    lags: Array,
    networks: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> TuningChange:
    """Correlations of tuning curves over the named stimuli, by sampling the process.

    Neurons are the rows of ``O W`` with a random orthogonal ``O`` for each network: which
    basis of the hidden layer the neurons are depends on where training began.  Each network
    has its own path of rotation and fluctuation.

    Parameters
    ----------
    networks : int, optional
        At least 2; default: as many as make the standard error `PRECISION` of the change, as far as
        they are cheap; fewer than `USUAL_NETWORKS` above 48 hidden axes, and at least
        `FEWEST_NETWORKS`.
    seed : int
        Of all random numbers.
    progress : callable, optional
        Called with the number of finished lags and of all.

    Raises
    ------
    RequestError
        When lags are not finite, increasing and non-negative, there are too few stimuli or
        networks, paths would take more than `MOST_PATH_STEPS`, or the seed is negative.
    """
    times = checked_lags(lags)
    if seed < 0:
        raise RequestError("seed", f"= {seed} must be at least 0")
    stimuli = process.problem.stimuli
    if len(stimuli) < FEWEST_STIMULI:
        raise RequestError(
            "stimulus",
            f"names {len(stimuli)} and tuning curves need at least {FEWEST_STIMULI}; add "
            "[[stimulus]] tables",
        )
    axes = len(process.decay)
    if process.planes is None:
        raise RequestError(
            "network.hidden",
            f"leads to {axes} hidden axes; sampling rotations needs their "
            f"covariance between all planes, which is computed for at most {LARGEST_SQUARE} active "
            "ones",
        )
    hidden = process.units
    steps = path_steps(process, times)
    if steps > MOST_PATH_STEPS:
        raise RequestError("--times", f"reach over {steps} steps of sampled paths, {TOO_FAR}")
    if networks is None:
        networks = _cheap_networks(hidden, axes, steps)
        if networks > PILOT_NETWORKS:
            networks = min(networks, _networks_for_precision(process, times, seed))
    if networks < 2:
        raise RequestError("networks", f"= {networks} must be at least 2")
    rng_of = np.random.default_rng
    turns, bases, noise, flattest = np.random.SeedSequence(seed).spawn(4)
    neurons = random_frames(hidden, axes, networks, rng_of(bases))
    vectors = np.array([stimulus.vector for stimulus in stimuli]).T
    representations = np.array([process.representation(stimulus) for stimulus in stimuli]).T
    start, _ = process.fluctuation.sample(vectors, times[:0], networks, rng_of(noise))
    code = representations + start
    before = neurons @ code
    flat = rng_of(flattest).standard_normal((networks, FLAT_NEURONS, axes))
    mean, error = np.empty((2, len(times)))
    quantiles = np.empty((len(times), len(QUANTILES)))
    followed = np.empty((len(times), hidden))
    paths = rotation_paths(process, times, networks, rng_of(turns))
    fluctuations = _fluctuations(process, vectors, times, networks, noise)
    for place, (rotation, later) in enumerate(zip(paths, fluctuations, strict=True)):
        recoded = rotation @ (representations + later)
        correlations = _correlation(before, neurons @ recoded)
        by_network = _mean_correlation(neurons, flat, code, recoded)
        mean[place] = by_network.mean()
        error[place] = by_network.std(ddof=1) / np.sqrt(networks)
        quantiles[place] = np.quantile(correlations, QUANTILES)
        followed[place] = correlations[0]
        if progress is not None:
            progress(place + 1, len(times))
    return TuningChange(
        lags=times,
        mean=mean,
        standard_error=error,
        quantiles=quantiles,
        neurons=followed,
        networks=networks,
        seed=seed,
    )


def tuning_seconds(process: DriftProcess, lags: Array) -> float:
    """Seconds that `tuning_change` takes at most by default, on one core of a desktop computer.

    By the products of matrices in each step of a path and the fluctuations at each lag.
    """
    axes = len(process.decay)
    hidden, steps = process.units, path_steps(process, lags)
    networks = _cheap_networks(hidden, axes, steps)
    stimuli = len(process.problem.stimuli)
    at_lag = axes * (hidden + axes) * stimuli * networks + PAIR * axes**2
    return PRODUCT * (PRODUCTS * networks * steps * axes**3 + len(lags) * at_lag)


def _cheap_networks(hidden: int, axes: int, steps: int) -> int:
    """Networks that take seconds, or as few as are taken of large ones."""
    cheap = min(MOST_ROTATIONS // (hidden * axes), MOST_TURNS // (steps * axes**2))
    fewest = int(np.clip(MOST_ROTATIONS // axes**2, FEWEST_NETWORKS, USUAL_NETWORKS))
    return int(np.clip(cheap, fewest, NETWORKS))


def _networks_for_precision(process: DriftProcess, times: Array, seed: int) -> int:
    """Networks with which the standard error is `PRECISION` of the change, from others."""
    lags = times[:: max(1, len(times) // PILOT_LAGS)]
    # Not the seed of any other sample: the error that is stated must not have chosen the number.
    own = int(np.random.SeedSequence((seed, PILOT_NETWORKS)).generate_state(1)[0])
    pilot = tuning_change(process, lags, PILOT_NETWORKS, own)
    change = 1 - pilot.mean
    changed = change > BLUR
    relative = pilot.standard_error[changed] / change[changed]
    wanted = PILOT_NETWORKS * (float(relative.max(initial=0.0)) / PRECISION) ** 2
    return max(PILOT_NETWORKS, math.ceil(wanted))


def _fluctuations(
    process: DriftProcess,
    vectors: Array,
    times: Array,
    networks: int,
    seed: np.random.SeedSequence,
) -> Iterator[Array]:
    """Fluctuation of the representations at one lag after the other, with shared randomness."""
    one = 8 * networks * len(process.decay) * max(vectors.shape)
    held = max(1, HELD_BYTES // one)
    for first in range(0, len(times), held):
        lags = times[first : first + held]
        _, later = process.fluctuation.sample(vectors, lags, networks, np.random.default_rng(seed))
        yield from later


def _mean_correlation(neurons: Array, flat: Array, code: Array, recoded: Array) -> Array:
    """Mean correlation of each network over neurons of every direction, shape ``(networks,)``.

    Directions ``u`` are uniform for some of the neurons, and for the others those of Gaussian
    vectors with the covariance ``P^-1``, ``P = A A' + |B - A|^2 / d`` for centred codes ``A`` and
    ``B`` before and after: likelier than uniform by ``|P|^(1/2) (u'P u)^(-d/2)``.

    Parameters
    ----------
    neurons, flat : Array
        Shape ``(networks, neurons, d)``; ``flat`` Gaussian of covariance 1.
    code, recoded : Array
        Shape ``(networks, d, stimuli)``.
    """
    axes = code.shape[1]
    first = code - code.mean(axis=-1, keepdims=True)
    moved = recoded - recoded.mean(axis=-1, keepdims=True) - first
    # A little more than the change, which may be none.
    blur = np.sum(moved**2 + BLUR * first**2, axis=(1, 2), keepdims=True) / axes
    metric = first @ first.swapaxes(1, 2) + (blur + np.finfo(float).tiny) * np.eye(axes)
    root = np.linalg.cholesky(metric)
    preferring = np.linalg.solve(root.swapaxes(1, 2), flat.swapaxes(1, 2)).swapaxes(1, 2)
    drawn = np.concatenate([neurons, preferring], axis=1)
    drawn = drawn / np.linalg.norm(drawn, axis=-1, keepdims=True)
    stretched = np.sum((drawn @ root) ** 2, axis=-1)
    volume = np.log(np.diagonal(root, axis1=1, axis2=2)).sum(axis=1, keepdims=True)
    likelier = np.exp(np.minimum(volume - 0.5 * axes * np.log(stretched), LARGEST_LOGARITHM))
    share = flat.shape[1] / drawn.shape[1]
    weights = 1 / (1 - share + share * likelier)
    changes = 1 - _correlation(drawn @ code, drawn @ recoded)
    return np.asarray(1 - np.mean(weights * changes, axis=1))


def _correlation(first: Array, second: Array) -> Array:
    """Pearson correlation along the last axis; 0 where a curve is flat."""
    left = first - first.mean(axis=-1, keepdims=True)
    right = second - second.mean(axis=-1, keepdims=True)
    scale = np.sqrt(np.sum(left**2, axis=-1) * np.sum(right**2, axis=-1))
    product = np.sum(left * right, axis=-1)
    return np.asarray(np.divide(product, scale, out=np.zeros_like(product), where=scale > 0))

"""Tuning curves of single neurons in a random basis of the hidden layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from symdrift.errors import RequestError
from symdrift.observables.process import DriftProcess, checked_lags
from symdrift.observables.rotations import LARGEST_SQUARE
from symdrift.observables.sampling import random_orthogonal, rotation_paths
from symdrift.problem import Array
from symdrift.progress import Progress

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
FEWEST_STIMULI = 3
"""Stimuli from which a correlation of two tuning curves says more than a sign."""
NETWORKS = 64
FEWEST_NETWORKS = 8
"""Taken where the hidden layer is large and averages over many neurons by itself."""
MOST_ROTATIONS = 64 * 48**2
"""Entries of the sampled rotations that are followed by default."""


@dataclass(frozen=True, eq=False)
class TuningChange:
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

    lags: Array
    mean: Array
    standard_error: Array
    quantiles: Array
    neurons: Array
    networks: int
    seed: int

    def to_dict(self) -> dict[str, Any]:
        """JSON record in plain Python types."""
        return {
            "lags": self.lags.tolist(),
            "mean": self.mean.tolist(),
            "standard_error": self.standard_error.tolist(),
            "quantile_levels": list(QUANTILES),
            "quantiles": self.quantiles.tolist(),
            "neurons": self.neurons.tolist(),
            "networks": self.networks,
            "seed": self.seed,
        }


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
        At least 2; default: `NETWORKS`, fewer above 48 hidden axes and at least
        `FEWEST_NETWORKS`.
    seed : int
        Of all random numbers.
    progress : callable, optional
        Called with the number of finished lags and of all.

    Raises
    ------
    RequestError
        When lags are not finite, increasing and non-negative, there are too few stimuli or
        networks, or the seed is negative.
    """
    times = checked_lags(lags)
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
    if networks is None:
        networks = int(np.clip(MOST_ROTATIONS // axes**2, FEWEST_NETWORKS, NETWORKS))
    if networks < 2:
        raise RequestError("networks", f"= {networks} must be at least 2")
    if seed < 0:
        raise RequestError("seed", f"= {seed} must be at least 0")
    turns, bases, noise = np.random.default_rng(seed).spawn(3)
    hidden = max(process.problem.hidden, axes)
    neurons = random_orthogonal(hidden, networks, bases)[:, :, :axes]
    vectors = np.array([stimulus.vector for stimulus in stimuli]).T
    start, later = process.fluctuation.sample(vectors, times, networks, noise)
    representations = np.array([process.representation(stimulus) for stimulus in stimuli]).T
    before = neurons @ (representations + start)
    correlations = np.empty((len(times), networks, hidden))
    for place, rotation in enumerate(rotation_paths(process, times, networks, turns)):
        after = neurons @ (rotation @ (representations + later[place]))
        correlations[place] = _correlation(before, after)
        if progress is not None:
            progress(place + 1, len(times))
    by_network = correlations.mean(axis=2)
    return TuningChange(
        lags=times,
        mean=by_network.mean(axis=1),
        standard_error=by_network.std(axis=1, ddof=1) / np.sqrt(networks),
        quantiles=np.quantile(correlations.reshape(len(times), -1), QUANTILES, axis=1).T,
        neurons=correlations[:, 0],
        networks=networks,
        seed=seed,
    )


def _correlation(first: Array, second: Array) -> Array:
    """Pearson correlation along the last axis; 0 where a curve is flat."""
    left = first - first.mean(axis=-1, keepdims=True)
    right = second - second.mean(axis=-1, keepdims=True)
    scale = np.sqrt(np.sum(left**2, axis=-1) * np.sum(right**2, axis=-1))
    product = np.sum(left * right, axis=-1)
    return np.asarray(np.divide(product, scale, out=np.zeros_like(product), where=scale > 0))

"""Between which values the curves of an observation are expected, at every lag.

An error of the rates stretches the lag: the band of a curve is what it sweeps between
``(1 - e) tau`` and ``(1 + e) tau``.  A band at a lag is the same whatever other lags are asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from symdrift.evaluation.lifetimes import TimeErrors
from symdrift.observables.angle import PopulationAngle, mean_direction, rotation_cosine
from symdrift.observables.decoding import DecoderDecay, decoder_decay, lost_to_fluctuation
from symdrift.observables.displacement import (
    autocorrelation,
    decorrelation_time,
    mean_squared_displacement,
    rotation_losses,
)
from symdrift.observables.expected_error import (
    ExpectedError,
    StimulusError,
    fluctuation_error,
    left_out,
)
from symdrift.observables.layer import forgotten
from symdrift.observables.process import DriftProcess
from symdrift.observables.similarity import RepresentationalSimilarity, squared_activity
from symdrift.records import Record
from symdrift.study.problem import Array, Stimulus

EVERYTHING = 0.95
"""Share of the range of all values from which on a band covers it."""

SHORTEST_STRETCH = 1e-6
"""Of a lag where rates may be zero: lags stay apart."""

SLOPE = 1e-3
"""Of a lag, over which an autocorrelation is nearly straight."""


@dataclass(frozen=True, eq=False)
class Band(Record):
    """Between which values a curve is expected, shape ``(T,)`` each, or a number, shape ``()``.

    Attributes
    ----------
    observable, subject, part : str
        Which curve, as in CSV.
    low, high : Array
    possible : float
        Length of the range of all values that there can be; infinite where it is not known.
    """

    unwritten = ("possible",)

    observable: str
    subject: str
    part: str
    low: Array
    high: Array
    possible: float = np.inf

    @property
    def covers_everything(self) -> NDArray[np.bool_]:
        """Where it says nothing of the curve, shape ``(T,)``."""
        return np.asarray(self.high - self.low >= EVERYTHING * self.possible)


def bands(
    process: DriftProcess,
    error: ExpectedError,
    lags: Array,
    angles: Iterable[PopulationAngle],
    similarity: RepresentationalSimilarity,
    decoders: tuple[DecoderDecay, ...],
) -> tuple[Band, ...]:
    """Bands of all curves but those that are sampled.

    Parameters
    ----------
    process : DriftProcess
    error : ExpectedError
    lags : Array
        Shape ``(T,)``.
    angles : iterable of PopulationAngle
    similarity : RepresentationalSimilarity
    decoders : tuple of DecoderDecay
        Of this process at these lags.
    """
    stimuli = process.problem.stimuli
    errors = [error.of(item.name) for item in stimuli]
    around = [_variance(process, item, own) for item, own in zip(stimuli, errors, strict=True)]
    moved = [
        _displacement(process, item, lags, own, variance)
        for item, own, variance in zip(stimuli, errors, around, strict=True)
    ]
    found = list(moved)
    found += [
        _autocorrelation(process, item, lags, own)
        for item, own in zip(stimuli, errors, strict=True)
    ]
    named = {item.name: item for item in stimuli}
    found += [_angle(process, named[angle.stimulus], angle, error) for angle in angles]
    found += around
    left = _left(process, similarity.following, similarity.carried, error)
    gram, everything = similarity.gram_change, squared_activity(process)
    found.append(
        Band("similarity", "all stimuli", "gram_change", (1 - min(left, 1)) * gram,
             (1 + left) * gram)
    )  # fmt: skip
    if everything > 0:
        sums = (
            np.sum([getattr(band, part) for band in moved], axis=0) / everything
            for part in ("low", "high", "possible")
        )
        found.append(Band("similarity", "all stimuli", "representation_change", *sums))
    found += [_decoder(process, decoder.target, lags, error) for decoder in decoders]
    return tuple(found)


def stretch(error: StimulusError, speed: float, fading: float, lags: Array) -> Array:
    """Error of a lag, relative to it, by that of both rates.

    Each counts by its share of what has happened until then: by the turn ``theta = mu tau``, or
    its square where that is less, and by the decay ``Delta tau``.

    Parameters
    ----------
    error : StimulusError
    speed, fading : float
        ``mu`` and ``Delta``, per SGD step.
    lags : Array
        ``tau`` in SGD steps, shape ``(T,)``.

    Returns
    -------
    Array
        Shape ``(T,)``.
    """
    # Over the lag, so that lag 0 has the error of what comes first.
    turned, faded = speed * np.minimum(speed * lags, 1.0), np.full(len(lags), fading)
    off = error.turning * turned + error.decay * faded
    return np.asarray(
        np.divide(off, turned + faded, out=np.zeros(len(lags)), where=turned + faded > 0)
    )


def _rates(process: DriftProcess, representation: Array) -> tuple[float, float]:
    """How fast a representation turns steadily, and how fast it decays."""
    size = float(representation @ representation) or 1.0
    speed = float(np.linalg.norm(process.turning @ representation)) / np.sqrt(size)
    return float(speed), float(representation @ process.decay @ representation) / size


def _swept(
    curve: Callable[[Array], Array], lags: Array, process: DriftProcess, off: Array
) -> tuple[Array, Array]:
    """Least and largest value between ``(1 - e) tau`` and ``(1 + e) tau``, shape ``(T,)`` each.

    Decay is monotone: its ends suffice.  A turn has an extremum between them.
    """
    between = 5 if process.turning.any() else 2
    least = np.maximum(1 - off, SHORTEST_STRETCH)
    values = [curve(factor * lags) for factor in np.linspace(least, 1 + off, between)]
    values.append(curve(lags))
    return np.min(values, axis=0), np.max(values, axis=0)


def _displacement(
    process: DriftProcess, stimulus: Stimulus, lags: Array, error: StimulusError, variance: Band
) -> Band:
    """Of a displacement, which is no further than to what is unrelated or, turning, opposite."""

    def turned(at: Array) -> Array:
        return 2 * rotation_losses(process, stimulus, at)[1]

    off = stretch(error, *_rates(process, process.representation(stimulus)), lags)
    low, high = _swept(turned, lags, process, off)
    moving = mean_squared_displacement(process, stimulus, lags).fluctuation
    left = fluctuation_error(process, stimulus, lags, error)
    least = (1 - min(error.squared, 1.0)) * np.maximum(low, 0.0) + (
        1 - np.minimum(left, 1)
    ) * moving
    most = (1 + error.squared) * high + (1 + left) * moving
    furthest = 2 * (1 - _least_cosine(process)) * float(variance.high)
    return Band("displacement", stimulus.name, "total", least, np.minimum(most, furthest), furthest)


def _least_cosine(process: DriftProcess) -> float:
    """Between a representation and a later one: what only decays is unrelated in the end."""
    return -1.0 if process.turning.any() else 0.0


def _left(
    process: DriftProcess, following: float | None, carried: bool, error: ExpectedError
) -> float:
    """The same of a part that the next order, where it is known, changes by so much at most."""
    if following is None:
        return error.largest.fluctuation
    if not carried:
        return left_out(following)
    return max(min(following, 1.0) ** 2, process.validity.later_orders(following))


def _autocorrelation(
    process: DriftProcess, stimulus: Stimulus, lags: Array, error: StimulusError
) -> Band:
    """Of the normalised one, in which all errors cancel at lag 0.

    Where the variance is right, it may be forgotten sooner or later by as much.
    """
    still = float(np.sum(process.representation(stimulus) ** 2))

    def turned(at: Array) -> Array:
        return still - rotation_losses(process, stimulus, at)[1]

    off = stretch(error, *_rates(process, process.representation(stimulus)), lags)
    low, high = _swept(turned, lags, process, off)
    kept = autocorrelation(process, stimulus, lags)
    left = fluctuation_error(process, stimulus, lags, error)
    values = []
    own, less, more = np.ones_like(lags), np.maximum(1 - left, SHORTEST_STRETCH), 1 + left
    relaxing = process.relaxation(stimulus)
    shortest, longest = max(1 - error.fluctuation, SHORTEST_STRETCH), 1 + error.fluctuation
    for factor, passed in ((less, 1.0), (more, 1.0), (own, shortest), (own, longest)):
        variance = still + factor * (kept.variance - still)
        sooner = forgotten(*relaxing, passed * lags) - forgotten(*relaxing, lags)
        for part in (low, high):
            total = part + factor * kept.fluctuation - sooner
            values.append(np.divide(total, variance, out=np.zeros_like(total), where=variance > 0))
    low, high = np.clip([np.min(values, axis=0), np.max(values, axis=0)], -1, 1)
    possible = 1 - _least_cosine(process)
    return Band("autocorrelation", stimulus.name, "normalised", low, high, possible)


def _variance(process: DriftProcess, stimulus: Stimulus, error: StimulusError) -> Band:
    """Of ``E|h|^2``: the variance is what is forgotten in the end."""
    still = float(np.sum(process.representation(stimulus) ** 2))
    total = process.squared_activity(stimulus)
    off = error.squared * still + error.fluctuation * (total - still)
    return Band("autocorrelation", stimulus.name, "variance",
                np.array(max(total - off, 0.0)), np.array(total + off))  # fmt: skip


def _angle(
    process: DriftProcess, stimulus: Stimulus, angle: PopulationAngle, error: ExpectedError
) -> Band:
    direction = mean_direction(process, stimulus)
    off = stretch(error.of(stimulus.name), *_rates(process, direction), angle.lags)
    low, high = _swept(lambda at: rotation_cosine(process, direction, at), angle.lags, process, off)
    moved = angle.cosine - angle.rotation_cosine
    spread = _left(process, angle.following, angle.carried, error) * np.abs(moved)
    edges = (high + moved + spread, low + moved - spread)
    nearest, furthest = (np.arccos(np.clip(edge, -1.0, 1.0)) for edge in edges)
    possible = float(np.arccos(_least_cosine(process)))
    return Band("angle", stimulus.name, "angle", nearest, furthest, possible)


def _decoder(process: DriftProcess, target: str, lags: Array, error: ExpectedError) -> Band:
    def fixed(at: Array) -> Array:
        increasing, places = np.unique(at, return_inverse=True)
        return np.asarray(decoder_decay(process, increasing, target).r_squared[places])

    most = error.largest
    speed, fading = (float(np.linalg.norm(part, 2)) for part in (process.turning, process.decay))
    low, high = _swept(fixed, lags, process, stretch(most, speed, fading, lags))
    # The decoder has the fluctuation at leading order, beside representations that may be longer.
    off = (error.fluctuation + most.squared) * lost_to_fluctuation(process, target)
    return Band("decoder", target, "r_squared", low - off, np.minimum(high + off, 1.0))


def time_errors(process: DriftProcess, error: ExpectedError) -> TimeErrors:
    """Expected relative errors of the time scales of each stimulus."""
    return {
        item.name: {
            "decay_time": error.of(item.name).decay,
            "turning_time": error.of(item.name).turning,
            "decorrelation_time": _of_decorrelation(process, item, error.of(item.name)),
        }
        for item in process.problem.stimuli
    }


def _of_decorrelation(process: DriftProcess, stimulus: Stimulus, error: StimulusError) -> float:
    """Of the lag at which the autocorrelation has fallen to ``1/e``.

    Rotation and fluctuation count by how much they fall there while the lag grows by its own
    length, and the variance of the fluctuation by how much it changes what is left: together they
    are what the autocorrelation falls by.
    """
    last = decorrelation_time(process, stimulus)
    if last is None:
        return 0.0
    near = last * (1 + np.array([-SLOPE, 0.0, SLOPE]))
    kept = autocorrelation(replace(process, later=None), stimulus, near)
    falling = [
        float(part[0] - part[2]) / (2 * SLOPE)
        for part in (kept.rotation + kept.diffusion, kept.fluctuation)
    ]
    still = process.representation(stimulus)
    # Of more fluctuation a part is left, and what it is compared with rises by its share.
    moved = abs(float(kept.fluctuation[1]) - (kept.variance - still @ still) / np.e)
    rates = float(stretch(error, *_rates(process, still), near[1:2])[0])
    off = falling[0] * rates + (falling[1] + moved) * error.fluctuation + moved * error.squared
    return float(off / sum(falling))

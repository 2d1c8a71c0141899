"""How far a representation moves, and for how long it resembles itself."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

import numpy as np

from symdrift.observables.layer import forgotten, kept
from symdrift.observables.process import DriftProcess, checked_lags
from symdrift.records import Record
from symdrift.study.problem import Array, Stimulus

HORIZON = 50.0
"""Longest time scales of the process after which memory that is left is kept for good."""
CROSSING_TOLERANCE = 1e-12
"""Relative length of a step at which the search for a crossing ends."""
NEUTRAL = 1e-12
"""Rate, relative to the largest of the rotation, that counts as none."""
MOST_STEPS = 100_000


@dataclass(frozen=True, eq=False)
class _Curve(Record):
    """A curve against the lag as the sum of what moves a representation.

    Attributes
    ----------
    stimulus : str
    lags : Array
        ``tau`` in SGD steps, shape ``(T,)``; so are the parts.
    fluctuation, rotation, diffusion : Array
    """

    behind: ClassVar[Mapping[str, str]] = MappingProxyType({"total": "lags"})

    stimulus: str
    lags: Array
    fluctuation: Array
    rotation: Array
    diffusion: Array

    @property
    def total(self) -> Array:
        """Sum of the parts, shape ``(T,)``."""
        return self.fluctuation + self.rotation + self.diffusion


@dataclass(frozen=True, eq=False)
class Displacement(_Curve):
    """Mean-squared displacement ``E|h_{t+tau} - h_t|^2`` of one stimulus and its parts.

    Attributes
    ----------
    stimulus : str
    lags : Array
        ``tau`` in SGD steps, shape ``(T,)``; the other arrays have the same shape.
    fluctuation : Array
        ``2 tr[P (1 - exp(-eta H tau)) Gamma P']``, and what the next order adds to it.
    rotation : Array
        ``2 w'(1 - exp(tau mu)) w``: steady rotation alone.
    diffusion : Array
        What diffusion adds to it, ``2 w'(exp(tau mu) - exp(tau L)) w``: negative where
        steady rotation alone would lead further away.
    """


@dataclass(frozen=True, eq=False)
class Autocorrelation(_Curve):
    """Autocorrelation ``E[h_t . h_{t+tau}]`` of one stimulus and its parts.

    Attributes
    ----------
    stimulus : str
    lags : Array
        ``tau`` in SGD steps, shape ``(T,)``; the other arrays have the same shape.
    fluctuation : Array
        ``tr[P exp(-eta H tau) Gamma P']``, and what the next order adds to it.
    rotation : Array
        ``w' exp(tau mu) w``: what steady rotation alone would leave.
    diffusion : Array
        What diffusion adds, ``w'(exp(tau L) - exp(tau mu)) w``: negative as a rule.
    variance : float
        ``E|h|^2``, the autocorrelation at lag 0.
    decorrelation_time : float or None
        First lag at which the normalised autocorrelation is ``1/e``; None if it never is.
    """

    behind = MappingProxyType({**_Curve.behind, "normalised": "diffusion"})

    variance: float
    decorrelation_time: float | None

    @property
    def normalised(self) -> Array:
        """Autocorrelation over its value at lag 0, shape ``(T,)``; 0 without activity."""
        return self.total / self.variance if self.variance > 0 else np.zeros_like(self.total)


def mean_squared_displacement(
    process: DriftProcess, stimulus: Stimulus, lags: Array
) -> Displacement:
    """``E|h_{t+tau} - h_t|^2``, to the order of the process in the learning rate at every lag.

    Within a relaxation time the rotation is not yet Brownian; what moves the representation
    there is the fluctuation, larger by a factor of order ``1 / eta``.

    Raises
    ------
    RequestError
        When lags are not finite, increasing and non-negative.
    """
    times = checked_lags(lags)
    rates, weights = process.relaxation(stimulus)
    rotation, both = rotation_losses(process, stimulus, times)
    start, later = process.following(stimulus, times)
    return Displacement(
        stimulus=stimulus.name,
        lags=times,
        fluctuation=2 * forgotten(rates, weights, times) + 2 * (start - later),
        rotation=2 * rotation,
        diffusion=2 * (both - rotation),
    )


def autocorrelation(process: DriftProcess, stimulus: Stimulus, lags: Array) -> Autocorrelation:
    """``E[h_t . h_{t+tau}]``, to the order of the process in the learning rate at every lag.

    Raises
    ------
    RequestError
        When lags are not finite, increasing and non-negative.
    """
    times = checked_lags(lags)
    rates, weights = process.relaxation(stimulus)
    representation = process.representation(stimulus)
    rotation, both = rotation_losses(process, stimulus, times)
    later = process.following(stimulus, times)[1]
    squared_norm = float(representation @ representation)
    return Autocorrelation(
        stimulus=stimulus.name,
        lags=times,
        fluctuation=kept(rates, weights, times) + later,
        rotation=squared_norm - rotation,
        diffusion=rotation - both,
        variance=process.squared_activity(stimulus),
        decorrelation_time=decorrelation_time(process, stimulus),
    )


def decorrelation_time(process: DriftProcess, stimulus: Stimulus) -> float | None:
    """First lag at which the normalised autocorrelation has fallen to ``1/e``.

    The autocorrelation ``c`` is followed in steps of ``(c - c(0)/e) / b``, where ``b`` bounds
    its slope from here on: averages of rotations shorten vectors, so that
    ``b = |L'w| |exp(tau L) w|`` for the rotation and ``sum |weight rate exp(-rate tau)|`` for
    the fluctuation do not increase.  No step can therefore pass the first crossing.

    Returns
    -------
    float or None
        In SGD steps; None when it does not happen within `HORIZON` times the slowest time
        scale of the process (one hidden axis, steady rotation about an axis close to the
        representation), or when there is no activity.
    """
    representation = process.representation(stimulus)
    rates, weights = process.relaxation(stimulus)
    variance = float(representation @ representation + weights.sum().real)
    if variance <= 0:
        return None
    floor = variance / math.e
    speed = float(np.linalg.norm(process.generator.T @ representation))
    horizon = HORIZON / slowest_rate(process)
    lag = 0.0
    for _ in range(MOST_STEPS):
        change = process.rotation.change(representation, np.array([lag]))[0]
        remembered = representation + change
        decayed = weights * np.exp(-lag * rates)
        excess = float(representation @ remembered + decayed.sum().real) - floor
        slope = speed * float(np.linalg.norm(remembered))
        slope += float(np.abs(decayed) @ np.abs(rates))
        if excess > slope * (horizon - lag):
            return None
        step = max(excess, 0.0) / slope
        lag += step
        if step <= CROSSING_TOLERANCE * lag:
            return lag
    return None


def slowest_rate(process: DriftProcess) -> float:
    """Slowest rate of the process: of decay, of turning or of relaxation, per step."""
    rotational = np.abs(np.concatenate([process.eigenvalues.real, process.eigenvalues.imag]))
    moving = rotational[rotational > NEUTRAL * rotational.max(initial=0.0)]
    return float(min(moving.min(initial=np.inf), process.rates.min()))


def rotation_losses(process: DriftProcess, stimulus: Stimulus, lags: Array) -> tuple[Array, Array]:
    """``w'(1 - exp(tau mu)) w`` and ``w'(1 - exp(tau L)) w``, shape ``(T,)`` each."""
    representation = process.representation(stimulus)
    steady = process.steady.change(representation, lags)
    both = process.rotation.change(representation, lags)
    # For a rotation R, |(R - 1) w|^2 = 2 w'(1 - R) w.
    return 0.5 * np.sum(steady**2, axis=1), -both @ representation

"""Small studies with measurements, for the tests of fits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from symdrift.evaluation.evaluate import evaluate
from symdrift.fitting import Measurement
from symdrift.fitting.free_numbers import Free, released
from symdrift.fitting.predictions import Predictions
from symdrift.study import Study, read_study
from symdrift.study.problem import Array


def rates_of(study: Study, error: float, noise: Sequence[float] = ()) -> tuple[Measurement, ...]:
    """Decay rate and diffusion of every stimulus, with a relative error and noise in its units."""
    found: list[Measurement] = []
    for stimulus in evaluate(study.problem(), quantities="stimuli").stimuli:
        for quantity in ("decay_rate", "diffusion"):
            value = getattr(stimulus, quantity)
            off = noise[len(found)] if len(noise) else 0.0
            found.append(
                Measurement(stimulus.name, quantity, value * (1 + error * off), error * value)
            )
    return tuple(found)


def predictions(
    study: Study, free: Free, asked: Sequence[tuple[str, str]], steps_per_day: float | None = None
) -> tuple[Predictions, Array]:
    """Predictions of quantities of stimuli, and the coordinates of the study's own numbers."""
    opened, numbers = released(study, free)
    measurements = tuple(Measurement(*each, 0.0, 1.0) for each in asked)
    place = np.array([each.coordinate(each.value or 0.0) for each in numbers])
    return Predictions(opened, numbers, measurements, steps_per_day), place


FREQUENT = read_study("frequent_stimulus")

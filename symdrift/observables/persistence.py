"""How long a representation lasts as it is measured, fluctuation included."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from symdrift.evaluation.lifetimes import NOTHING, Lifetime, separate_times
from symdrift.observables.displacement import autocorrelation, decorrelation_time
from symdrift.observables.process import DriftProcess
from symdrift.study.problem import Stimulus

SEEN = {"fluctuation": "fluctuation", "rotation": "steady rotation", "diffusion": "diffusion"}
"""Parts of an autocorrelation, as they are called."""


@dataclass(frozen=True)
class Persistence(Lifetime):
    """How long the representation of one stimulus lasts.

    Attributes
    ----------
    stimulus, decay_time, turning_time
        As of `Lifetime`.
    seen : str
        What takes most of the autocorrelation until it has fallen to ``1/e``: "diffusion",
        "steady rotation" or "fluctuation"; "nothing" where it never does.
    decorrelation_time : float or None
        Lag at which the autocorrelation has fallen to ``1/e`` by all of them together.
    """

    times: ClassVar[tuple[str, ...]] = (*Lifetime.times, "decorrelation_time")

    decorrelation_time: float | None


def persistence(process: DriftProcess, stimulus: Stimulus) -> Persistence:
    """Time scales of one stimulus, in SGD steps."""
    representation = process.representation(stimulus)
    squared_norm = float(representation @ representation)
    decay = float(representation @ process.decay @ representation)
    speed = float(np.linalg.norm(process.turning @ representation))
    last, seen = decorrelation_time(process, stimulus), NOTHING
    if last is not None:
        kept = autocorrelation(process, stimulus, np.array([0.0, last]))
        lost = {part: float(-np.diff(getattr(kept, part))[0]) for part in SEEN}
        seen = SEEN[max(lost, key=lost.__getitem__)]
    return Persistence(
        stimulus.name,
        *separate_times(decay / squared_norm if squared_norm > 0 else 0.0, speed, squared_norm),
        seen,
        last,
    )

"""The sliders of the page: where they start, how far they go, what they are called."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from symdrift.evaluation.alignment import Alignment
from symdrift.evaluation.result import Evaluation
from symdrift.records import Record
from symdrift.study.problem import Array, LearningProblem

STIFFEST = 0.25
"""Largest product of learning rate and curvature that the learning rate can be moved to."""

OCTAVE = 12
"""Detents in which a ratio slider doubles its number: a half and a quarter are detents too."""


@dataclass(frozen=True)
class Control(Record):
    """One slider; its numbers are computed in the page and, for what the page claims, here.

    Attributes
    ----------
    key : str
        Name of the number that it moves.
    role : str
        Role of the symbol in its label; empty for a label without symbol.
    index : int
        Index of the symbol, counted from 1; 0 for none.
    text : str
        Label in words.
    unit : str
        Printed behind the number.
    start : float
        Value at position 0: the number of the study.
    lowest, highest : int
        First and last position.
    step : float
        Distance of two positions; 0 for a ratio slider, on which ``OCTAVE`` positions double
        the number.
    network : bool
        Whether moving it makes another network.
    """

    key: str
    role: str
    index: int
    text: str
    unit: str
    start: float
    lowest: int
    highest: int
    step: float
    network: bool

    @property
    def positions(self) -> Array:
        """All detents, shape ``(highest - lowest + 1,)``."""
        return np.arange(self.lowest, self.highest + 1.0)

    @property
    def values(self) -> Array:
        """The numbers of all detents."""
        if self.step == 0:
            return np.asarray(self.start * 2.0 ** (self.positions / OCTAVE))
        values = self.start + self.positions * self.step
        # What rounding leaves of zero is zero.
        return np.where(np.abs(values) < 1e-9 * self.step, 0.0, values)


def controls(
    problem: LearningProblem, aligned: Alignment, evaluation: Evaluation
) -> tuple[Control, ...]:
    """The sliders of a study."""
    stiffness = problem.learning_rate * evaluation.minimum.hessian_max
    largest = float(np.clip(STIFFEST / stiffness, 2.0, 10.0))
    noise = aligned.label_noise
    if np.all(noise == noise[0]):
        noises = [_label_noise("label_noise", 0, float(noise[0]))]
    else:
        noises = [
            _label_noise(f"label_noise.{k}", k + 1, float(value)) for k, value in enumerate(noise)
        ]
    return (
        *(
            _ratio(f"covariance.{k}", "input_variance", k + 1, "input variance", value, 4.0, 4.0)
            for k, value in enumerate(aligned.input_variances)
        ),
        *_gains(aligned),
        _ratio("weight_decay", "weight_decay", 0, "weight decay", problem.weight_decay, 8.0, 5.0),
        _ratio(
            "learning_rate", "learning_rate", 0, "learning rate", problem.learning_rate, 10.0,
            largest,
        ),
        *noises,
        # How many times as often against the others; shown is its share of the total variance.
        _ratio("frequency", "", 0, "frequency of the first stimulus", 1.0, 5.0, 5.0, " %"),
        _steps("rotation", "rotation of the hidden layer", "°", 0, -180, 180, 5),
        _steps("stretch", "stretch of both layers", " %", 25, -40, 40, 1),
        _steps("probe", "direction of the probe", "°", 60, 0, 90, 2),
        _steps("phase", "phase of the loop", "°", 0, -180, 180, 5),
    )  # fmt: skip


def _gains(aligned: Alignment) -> tuple[Control, ...]:
    """A slider for each gain that the study gives its teacher; an autoencoder has none."""
    if np.all((aligned.gains == 0) | np.isclose(aligned.gains, 1, rtol=1e-12)):
        return ()
    return tuple(
        _ratio(f"gains.{k}", "gain", k + 1, "gain", gain, 4.0, 4.0)
        for k, gain in enumerate(aligned.gains)
        if gain > 0
    )


def _ratio(
    key: str,
    role: str,
    index: int,
    text: str,
    start: float,
    down: float,
    up: float,
    unit: str = "",
) -> Control:
    """Down and up by at most these factors, in whole detents."""
    lowest, highest = (math.floor(OCTAVE * math.log2(factor) + 1e-9) for factor in (down, up))
    return Control(key, role, index, text, unit, float(start), -lowest, highest, 0.0, True)


def _label_noise(key: str, index: int, start: float) -> Control:
    """From no label noise to five times the study's, or to 1 where the study has none."""
    step = start / 10 if start > 0 else 0.02
    lowest, highest = (-10, 40) if start > 0 else (0, 50)
    return Control(key, "label_noise", index, "label noise", "", start, lowest, highest, step, True)


def _steps(key: str, text: str, unit: str, start: int, low: int, high: int, step: int) -> Control:
    return Control(
        key, "", 0, text, unit, start, (low - start) // step, (high - start) // step, step, False
    )

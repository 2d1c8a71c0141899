"""The sliders of the page: where they start, how far they go, what they are called."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from symdrift.closed_form import Alignment
from symdrift.evaluation import Evaluation
from symdrift.problem import LearningProblem

STIFFEST = 0.25
"""Largest product of learning rate and curvature that the learning rate can be moved to."""


@dataclass(frozen=True)
class Control:
    """One slider; all of its positions but the middle one are computed in the page.

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
    kind : {"ratio", "linear"}
        Whether positions multiply the start or are added to it.
    start : float
        Value at position 0: the number of the study.
    lowest, positions : int
        First and last position; a ratio slider goes from ``-positions``.
    step : float
        Distance of two positions of a linear slider.
    down, up : float
        Factors by which a ratio slider can shrink and grow the number.
    network : bool
        Whether moving it makes another network.
    """

    key: str
    role: str
    index: int
    text: str
    unit: str
    kind: str
    start: float
    lowest: int
    positions: int
    step: float
    down: float
    up: float
    network: bool

    def to_dict(self) -> dict[str, Any]:
        """What the page's script needs of it."""
        return asdict(self)


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
            _ratio(f"covariance.{k}", "input_variance", k + 1, "eigenvalue", value, 4.0, 4.0)
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
        _angle("rotation", "rotation of the hidden layer", 0, -180, 180, 5),
        Control(
            "stretch", "", 0, "stretch of both layers", " %", "linear", 25, -65, 15, 1, 1, 1, False
        ),
        _angle("probe", "direction of the probe", 60, 0, 90, 2),
        _angle("phase", "phase of the loop", 0, -180, 180, 5),
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
    return Control(
        key, role, index, text, unit, "ratio", float(start), -40, 40, 0.0, down, up, True
    )


def _label_noise(key: str, index: int, start: float) -> Control:
    """From no label noise to five times the study's, or to 1 where the study has none."""
    step = start / 10 if start > 0 else 0.02
    lowest = -10 if start > 0 else 0
    return Control(
        key, "label_noise", index, "label noise", "", "linear", start, lowest, 40 if start else 50,
        step, 1, 1, True,
    )  # fmt: skip


def _angle(key: str, text: str, start: int, low: int, high: int, step: int) -> Control:
    return Control(
        key, "", 0, text, "°", "linear", start, (low - start) // step, (high - start) // step,
        step, 1, 1, False,
    )  # fmt: skip

"""How fast the representations of stimuli decorrelate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from symdrift.evaluation.any_rule import RuleEvaluation
from symdrift.evaluation.result import Evaluation
from symdrift.figures.bands import CAPTION_OF_BOXES, draw_error_boxes
from symdrift.figures.style import (
    COLOURS,
    caption_short,
    label_in_units,
    label_stimuli,
    one_panel,
)
from symdrift.rounding import first_largest
from symdrift.study.problem import Array

_ROOM = 60
"""Letters along the axis of stimuli."""


@dataclass(frozen=True)
class DecayRates:
    """Decay rate of the representation of each stimulus, per step, and its expected error.

    ``white`` is None under a rule without a white-noise approximation.
    """

    stimuli: tuple[str, ...]
    exact: Array
    error: Array
    white: Array | None


def numbers_of_rule(exact: RuleEvaluation) -> DecayRates:
    """The same of every hidden layer under any rule."""
    several = len(exact.layers) > 1
    found = [
        (f"{layer.layer}: {each.name}" if several else each.name, each.decay_rate)
        for layer in exact.layers
        for each in layer.stimuli
        if each.squared_norm > 0
    ]
    rates = np.array([rate for _, rate in found])
    error = rates * exact.validity.expected_error
    return DecayRates(tuple(name for name, _ in found), rates, error, None)


def numbers(exact: Evaluation, white: Evaluation) -> DecayRates:
    """Decay rates of all stimuli that have a representation."""
    pairs = [
        (one, other)
        for one, other in zip(exact.stimuli, white.stimuli, strict=True)
        if one.squared_norm > 0
    ]
    return DecayRates(
        stimuli=tuple(one.name for one, _ in pairs),
        exact=np.array([one.decay_rate for one, _ in pairs]),
        error=np.array(
            [
                one.decay_rate * exact.expected_error(f"stimuli.{one.name}.decay_rate")
                for one, _ in pairs
            ]
        ),
        white=np.array([other.decay_rate for _, other in pairs]),
    )


def draw(data: DecayRates) -> Figure:
    """Decay rate per stimulus, exact beside the white-noise approximation."""
    with one_panel() as (figure, axes):
        places = np.arange(len(data.stimuli))
        shift = 0.0 if data.white is None else -0.2
        axes.bar(places + shift, data.exact, 0.4, color=COLOURS[0], label="exact")
        draw_error_boxes(axes, shift, data.exact, data.error)
        if data.white is not None:
            axes.bar(
                places - shift, data.white, 0.4, color="white", edgecolor=COLOURS[1], hatch="///",
                label="white-noise approximation",
            )  # fmt: skip
        axes.grid(axis="x", visible=False)
        label_stimuli(axes, data.stimuli, _ROOM)
        label_in_units(axes, "y", "decay rate", "/ step")
        if data.white is not None:
            axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2, borderaxespad=0.2)
    return figure


def caption(data: DecayRates) -> str:
    """What the figure shows."""
    beside = "" if data.white is None else (
        ", beside the white-noise approximation, which ignores that noise and fluctuation are "
        "correlated in time"
    )  # fmt: skip
    text = (
        "Rate at which the representation of each stimulus decorrelates by rotation"
        f"{beside}. {CAPTION_OF_BOXES}"
    )
    if len(data.stimuli) > 1 and not np.allclose(data.exact, data.exact[0]):
        slowest = data.stimuli[first_largest(-data.exact)]
        fastest = data.stimuli[first_largest(data.exact)]
        text += f" The slowest is “{slowest}”, the fastest “{fastest}”."
    return text + caption_short(data.stimuli)

"""How numbers change with the learning rate: the next order and simulations."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from symdrift.figures.style import HEIGHT, drawing
from symdrift.study.problem import LearningProblem
from symdrift.validation.judgement import TOLERATED_ERRORS
from symdrift.validation.measured_slopes import Slope, measured_slopes

PRECISION = 0.004
"""Standard error of the simulated variances.

Slopes are then known to about a tenth of the largest, those of diffusion of stimuli to a third or
better.
"""

_KINDS = {
    "V[": "rotation variances",
    "mu[": "mean rotations",
    "D_h[": "diffusion of stimuli",
    "displacement": "displacements",
    "weight variance": "weight variance",
    "excess loss": "excess loss",
}
"""Quantities of a validation by the beginning of their names."""


def numbers(problem: LearningProblem, seed: int) -> tuple[Slope, ...] | None:
    """Slopes of all quantities; None where the next order is not known."""
    return measured_slopes(problem, precision=PRECISION, seed=seed) or None


def draw(data: tuple[Slope, ...]) -> Figure:
    """Fitted against predicted slopes, and the line on which they are equal."""
    with drawing():
        figure = Figure(figsize=(HEIGHT * 1.5, HEIGHT * 1.3), layout="constrained")
        axes = figure.subplots()
        axes.axline((0, 0), slope=1, color="0.5", linewidth=0.8)
        shown = {
            words: [slope for slope in data if slope.quantity.startswith(begin)]
            for begin, words in _KINDS.items()
        }
        for index, (words, slopes) in enumerate(shown.items()):
            if slopes:
                axes.errorbar(
                    [slope.predicted for slope in slopes], [slope.fitted for slope in slopes],
                    [slope.standard_error for slope in slopes], fmt="os^Dvx"[index], capsize=2,
                    markersize=4, label=words,
                )  # fmt: skip
        axes.set_xlabel(r"slope of the next order, per $\eta\,h_{\max}$")
        axes.set_ylabel(r"slope of simulations, per $\eta\,h_{\max}$")
        axes.legend(fontsize=8)
    return figure


def caption(data: tuple[Slope, ...]) -> str:
    """What the figure shows."""
    missed = np.abs([slope.z for slope in data])
    apart = int(np.count_nonzero(missed > TOLERATED_ERRORS))
    verdict = f"{apart} of them {'is' if apart == 1 else 'are'} further than" if apart else (
        "all are within"
    )
    return (
        "Relative change of every number with the learning rate, at rate zero: as the next order "
        "says and as simulations of SGD have it (bars: one standard error), at four rates, the "
        "largest of which changes one of the numbers by about a seventh. Deviations from the "
        "leading order are fitted by a line through zero and a square; a bar has what a cube may "
        "change of the line. On the grey line both are "
        f"equal; the furthest of {len(data)} is {missed.max():.1f} standard errors away from it, "
        f"and {verdict} {TOLERATED_ERRORS:g}."
    )

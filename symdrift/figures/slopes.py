"""How numbers change with the learning rate: the next order and simulations."""

from __future__ import annotations

import math
import re

from matplotlib.figure import Figure

from symdrift.evaluation.dense.landscape import minimum_of
from symdrift.evaluation.next_order.cost import normal_directions
from symdrift.figures.style import HEIGHT, drawing
from symdrift.study.problem import LearningProblem
from symdrift.validation.expected import theory_of
from symdrift.validation.judgement import chance, critical_z
from symdrift.validation.measured_slopes import Slope, measured_slopes
from symdrift.validation.series_slopes import joined_slopes, slopes_beside_series

ERROR = 0.04
"""Of slopes beside the perturbation series, over the steepest."""

PRECISION = 0.006
"""Standard error of variances of networks alone, which show what the series does not.

Slopes of the diffusion that stimuli are seen to have are then known to about a third.
"""

MOST_DIRECTIONS = 40
"""Normal directions up to which a series beside networks takes no longer than a report."""

_KINDS = {
    r"V\[.*": "rotation variances",
    r"mu\[.*": "mean rotations",
    r"D_h\[.*\] by rotation": "diffusion of stimuli by rotation",
    r"D_h\[.*\]": "diffusion of stimuli, as it is seen",
    "displacement.*": "displacements",
    "weight variance": "weight variance",
    "excess loss": "excess loss",
}
"""Quantities by the pattern of their names."""


def numbers(problem: LearningProblem, seed: int) -> tuple[Slope, ...] | None:
    """Slopes of all quantities; None where the next order is not known."""
    theory = theory_of(problem)
    alone = measured_slopes(problem, precision=PRECISION, seed=seed, theory=theory)
    outputs, inputs = problem.teacher.shape
    if normal_directions(inputs, outputs, minimum_of(problem).rank) > MOST_DIRECTIONS:
        return alone or None
    beside = slopes_beside_series(problem, theory, error=ERROR, seed=seed)
    return joined_slopes(beside, alone) or None


def draw(data: tuple[Slope, ...]) -> Figure:
    """Fitted against predicted slopes, and the line on which they are equal."""
    with drawing():
        figure = Figure(figsize=(HEIGHT * 1.5, HEIGHT * 1.3), layout="constrained")
        axes = figure.subplots()
        axes.axline((0, 0), slope=1, color="0.5", linewidth=0.8)
        shown = {
            words: [slope for slope in data if re.fullmatch(pattern, slope.quantity)]
            for pattern, words in _KINDS.items()
        }
        for index, (words, slopes) in enumerate(shown.items()):
            if slopes:
                axes.errorbar(
                    [slope.predicted for slope in slopes], [slope.fitted for slope in slopes],
                    [slope.standard_error for slope in slopes], fmt="osD^vxp"[index], capsize=2,
                    markersize=4, label=words,
                )  # fmt: skip
        axes.set_xlabel(r"slope of the next order, per $\eta\,h_{\max}$")
        axes.set_ylabel(r"slope of simulations, per $\eta\,h_{\max}$")
        axes.legend(fontsize=8)
    return figure


def caption(data: tuple[Slope, ...]) -> str:
    """What the figure shows."""
    furthest = max(abs(slope.z) for slope in data)
    allowed = critical_z(len(data), math.inf)
    verdict = "within" if furthest <= allowed else "beyond"
    known_best = (
        " Known best are slopes from networks that run beside the perturbation series of their own "
        "deviations: the first orders of that series have exact means, and only the rest has to be "
        "averaged."
        if any(slope.quantity.endswith("by rotation") for slope in data)
        else ""
    )
    return (
        "Relative change of every number with the learning rate, at rate zero: across, as the next "
        "order predicts it; upwards, as simulations of SGD show it (bars: one standard error). "
        "Slopes are per unit of the product on the axes: the learning rate times the largest "
        "eigenvalue of the Hessian. Networks are simulated at four rates, the largest of which "
        "changes one of the numbers by about a seventh. Their deviations from the leading order "
        "are fitted by a linear and a quadratic term; the bars allow for what a cubic term would "
        f"change of the slope.{known_best} On the grey line both are equal; the furthest of "
        f"{len(data)} is {furthest:.1f} standard errors away from it, as chance alone makes it "
        f"of so many in {100 * chance(furthest, len(data)):.2g} % of cases, and "
        f"{verdict} the {allowed:.1f} that so many comparisons are allowed."
    )

"""Simulation beside theory, a row per quantity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from symdrift.figures.style import COLOURS, WIDTH, drawing, label_of_quantity, short_quantities
from symdrift.study.problem import Array
from symdrift.validation.validate import Validation

_MOST_RATIOS = 28
_UNCERTAIN = 0.3
"""Relative standard error of a ratio that says nothing."""


@dataclass(frozen=True)
class ValidationRatios:
    """Simulation over theory with one standard error, a row per quantity.

    ``quantities`` holds labels in Matplotlib's mark-up, ``expected`` the ratio that the next order
    predicts, NaN where it is not known.
    """

    quantities: tuple[str, ...]
    expected: Array
    ratio: Array
    standard_error: Array


def numbers(validation: Validation) -> ValidationRatios:
    """Ratios of the rows whose theory is well above its standard error.

    Where these are too many, covariances between planes and then displacements are left out.
    """
    rows = [row for row in validation.rows if row.standard_error < _UNCERTAIN * abs(row.theory)]
    for kind in (";", "displacement of"):
        if len(rows) > _MOST_RATIOS:
            rows = [row for row in rows if kind not in row.quantity]
    rows = rows[:_MOST_RATIOS]
    return ValidationRatios(
        quantities=tuple(map(label_of_quantity, short_quantities([row.quantity for row in rows]))),
        expected=np.array(
            [
                np.nan
                if row.correction is None
                else 1 + validation.learning_rate * row.correction * row.scale / row.theory
                for row in rows
            ]
        ),
        ratio=np.array([row.simulation / row.theory for row in rows]),
        standard_error=np.array([abs(row.standard_error / row.theory) for row in rows]),
    )


def draw(data: ValidationRatios) -> Figure:
    """Ratio of simulation and theory, a row per quantity."""
    rows = len(data.quantities)
    with drawing():
        figure = Figure(figsize=(WIDTH, 0.9 + 0.26 * rows), layout="constrained")
        axes = figure.subplots()
        places = np.arange(rows)[::-1]
        axes.axvline(1.0, color=COLOURS[0])
        axes.barh(places, data.expected - 1, 0.7, 1.0, color=COLOURS[0], alpha=0.3, linewidth=0)
        axes.errorbar(
            data.ratio, places, xerr=data.standard_error, fmt="o", capsize=2, color=COLOURS[1]
        )
        axes.set_yticks(places, data.quantities)
        axes.set_ylim(-0.7, rows - 0.3)
        axes.set_xlabel("simulation / theory")
    return figure


def caption(data: ValidationRatios) -> str:
    """What the figure shows."""
    corrected = (
        "the bars reach from there to what the next order in the learning rate predicts"
        if np.isfinite(data.expected).any()
        else "its corrections, of the next order in the learning rate, are not computed here"
    )
    return (
        "Direct simulation over theory, with one standard error. The line at 1 is the "
        f"theory of leading order, which has no free parameter; {corrected}. Quantities that "
        "vanish in theory, or are small beside their standard error, have no ratio and are in "
        "numbers.json."
    )

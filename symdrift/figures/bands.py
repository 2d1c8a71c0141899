"""Expected errors as bands around the lines of the theory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from symdrift.evaluation.evaluate import corrected_at_once
from symdrift.evaluation.next_order.cost import AT_ONCE
from symdrift.evaluation.result import Evaluation
from symdrift.figures.style import percent
from symdrift.study.problem import Array, LearningProblem

if TYPE_CHECKING:
    from matplotlib.axes import Axes

POINTS = 6
"""Of a line at which the next order is computed, about."""

SHADE = 0.25
"""Opacity of a band."""
_LOWEST = 0.01
"""Share of a line at which its band ends on a logarithmic axis, where it would end at zero."""

CAPTION_OF_BOXES = (
    "The light box at the end of a bar is the expected error of the rate: by so much, up or down, "
    "the next orders in the learning rate change it or may change it. For a bar without a box no "
    "such error is known."
)

Evaluated = tuple[LearningProblem, Evaluation]


def expected_errors(
    values: Array, found: Sequence[Evaluated | None], columns: Sequence[str]
) -> dict[str, Array]:
    """Relative expected error of some numbers along a line.

    The next order at a few points, and between them its interpolation, where all of these take
    about a second; otherwise what it may be.

    Parameters
    ----------
    values : Array
        Of the parameter, positive and increasing, shape ``(points,)``.
    found : sequence of (LearningProblem, Evaluation) or None
        None where there is no theory.
    columns : sequence of str
        Dotted names of the numbers.

    Returns
    -------
    dict of str to Array
        By name, shape ``(points,)``; NaN where there is no theory.
    """
    there = [place for place, each in enumerate(found) if each is not None]
    few = sorted({*there[:: max(1, len(there) // (POINTS - 1))], *there[-1:]})
    known = {
        place: corrected_at_once(*each, AT_ONCE / len(few))
        for place in few
        if (each := found[place]) is not None
    }
    errors = {column: np.full(len(values), np.nan) for column in columns}
    if all(evaluation.next_order is not None for evaluation in known.values()):
        for column, error in errors.items():
            own = [(values[k], each.expected_error(column)) for k, each in known.items()]
            # A plane that is not there has no error.
            sure = np.log([(value, size) for value, size in own if size > 0])
            if len(sure):
                error[there] = np.exp(np.interp(np.log(values[there]), *sure.T))
        return errors
    for place in there:
        each = found[place]
        assert each is not None
        for error in errors.values():
            error[place] = each[1].validity.expected_error
    return errors


def draw_band(axes: Axes, values: Array, line: Array, error: Array, colour: str) -> None:
    """A band around a line, of its relative error."""
    low = line * np.maximum(1 - error, _LOWEST)
    axes.fill_between(
        values, low, line * (1 + error), color=colour, alpha=SHADE, linewidth=0, zorder=1
    )


def draw_error_boxes(axes: Axes, shift: float, heights: Array, errors: Array) -> None:
    """The expected error of bars, at their ends; the bars stand at whole numbers and a shift."""
    axes.bar(
        shift + np.arange(len(heights)), 2 * errors, 0.26, heights - errors, color="white",
        edgecolor="black", alpha=0.6, linewidth=0.8,
    )  # fmt: skip


def caption_bands(errors: Sequence[Array]) -> str:
    """Sentence about the bands of all lines; empty without any."""
    sizes = np.concatenate([np.ravel(error) for error in errors]) if errors else np.array([])
    sizes = sizes[np.isfinite(sizes)]
    if not len(sizes):
        return ""
    return (
        f" Shaded bands are the expected error, {percent(sizes.min())} to {percent(sizes.max())} "
        "of the lines: what the next orders in the learning rate are expected to change. Where the "
        "next order takes long to compute, they are estimated from the numbers that the theory "
        "takes to be small."
    )

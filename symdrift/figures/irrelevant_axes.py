"""Drift against variance and number of irrelevant inputs, for all rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from symdrift.figures.style import STYLE, WIDTH, colour, drawing
from symdrift.study.problem import Array

_LINEAR = 1e-5
"""Below which the right panel is linear: lines end at zero."""


@dataclass(frozen=True, eq=False)
class RuleCurves:
    """One rule in both panels.

    Attributes
    ----------
    name : str
    exact, small : Array
        ``V / eta^3`` in rad^2 against the irrelevant variance, shape ``(variances,)``.
    by_hidden : Array
        ``(p - 1) V / (2 eta^3)`` in rad^2 against the hidden units, shape ``(sizes,)``.
    simulated : tuple of (float, float, float)
        Irrelevant variance, ``V / eta^3`` and its standard error.
    """

    name: str
    exact: Array
    small: Array
    by_hidden: Array
    simulated: tuple[tuple[float, float, float], ...] = ()


def draw(variances: Array, hidden: Array, curves: Sequence[RuleCurves]) -> Figure:
    """Against the variance of irrelevant inputs on the left, hidden units on the right."""
    with drawing({**STYLE, "font.size": 9, "legend.fontsize": 8}):
        figure = Figure(figsize=(1.3 * WIDTH, 3.6), layout="constrained")
        left, right = figure.subplots(1, 2)
        for place, curve in enumerate(curves):
            own = colour(place)
            # Similarity matching lies upon Oja's rule, and the tied autoencoder near both.
            wide = 4.0 - 1.3 * min(place, 2)
            left.plot(variances, curve.exact, color=own, linewidth=wide, label=curve.name)
            left.plot(variances, curve.small, color=own, linestyle="--", linewidth=0.9)
            for at, value, error in curve.simulated:
                left.errorbar(at, value, error, color=own, marker="o", capsize=2.5, zorder=3)
            right.plot(hidden, curve.by_hidden, color=own, linewidth=wide, marker="o")
        left.set(
            xscale="log", yscale="log", xlabel=r"irrelevant variance $\nu$ (of the learned ones)",
            ylabel=r"rotation in a plane $V/\eta^3$ (rad$^2$)",
        )  # fmt: skip
        right.set(
            xlabel="hidden units $p$",
            ylabel=r"diffusion of a stimulus $(p-1)V/2\eta^3$ (rad$^2$)",
        )
        right.set_yscale("symlog", linthresh=_LINEAR)
        right.set_ylim(bottom=0)
        right.set_xticks(hidden)
        figure.legend(loc="outside upper center", ncols=3)
    return figure


def caption(inputs: int, hidden: int, variance: str, decay: str) -> str:
    """What the figure shows."""
    return (
        f"Left: rotation variance per step in a plane of {inputs} inputs and {hidden} hidden "
        "units, exact (lines), at small irrelevant variance (dashed) and simulated (points with "
        "one standard error, extrapolated to a vanishing learning rate). Right: what a stimulus "
        "along a learned axis sees of all planes, against the hidden units, with as many inputs "
        f"as the last point has and ν = {variance} (linear below the first mark of the axis). "
        f"Learned variances are 1, weight decay is {decay}."
    )

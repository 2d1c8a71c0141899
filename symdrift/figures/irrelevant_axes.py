"""Drift against variance and number of irrelevant inputs, for all rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure

from symdrift.figures.style import COLOURS, STYLE, WIDTH, colour, drawing
from symdrift.study.problem import Array


@dataclass(frozen=True, eq=False)
class RuleCurves:
    """One rule in all panels.

    Attributes
    ----------
    name : str
    exact, small : Array
        ``V / eta^3`` in rad^2 against the irrelevant variance, shape ``(variances,)``.
    by_hidden : Array
        ``(p - 1) V`` over its largest value against the hidden units, shape ``(sizes,)``.
    small_ratio : float
        Small form over exact form where simulations are.
    simulated : tuple of (float, float)
        Simulation over exact form there, and its standard error.
    """

    name: str
    exact: Array
    small: Array
    by_hidden: Array
    small_ratio: float
    simulated: tuple[float, float]


def draw(variances: Array, hidden: Array, curves: Sequence[RuleCurves]) -> Figure:
    """Against the irrelevant variance, against hidden units, and beside simulations."""
    with drawing({**STYLE, "font.size": 9, "legend.fontsize": 8}):
        figure = Figure(figsize=(1.45 * WIDTH, 3.4), layout="constrained")
        left, middle, right = figure.subplots(1, 3)
        for place, curve in enumerate(curves):
            # Similarity matching lies upon Oja's rule, and the tied autoencoder near both.
            line: dict[str, Any] = {"color": colour(place), "linewidth": 4 - 1.3 * min(place, 2)}
            marker = "o"
            if place >= len(COLOURS):
                # Colours begin again.
                line, marker = line | {"linestyle": "-."}, "s"
            left.plot(variances, curve.exact, label=curve.name, **line)
            left.plot(variances, curve.small, color=colour(place), linestyle="--", linewidth=0.9)
            middle.plot(hidden, curve.by_hidden, marker=marker, **line)
            right.plot(curve.small_ratio, -place, marker="x", color=colour(place))
            ratio, error = curve.simulated
            right.errorbar(
                ratio, -place, xerr=error, color=colour(place), marker=marker, capsize=2.5
            )
        left.set(
            xscale="log", yscale="log", xlabel=r"irrelevant variance $\nu$ ($\lambda = 1$)",
            ylabel=r"rotation in a plane $V/\eta^3$ (rad$^2$)",
        )  # fmt: skip
        middle.set(
            xlabel="hidden units $p$",
            ylabel="diffusion of a stimulus / its largest",
            ylim=(0, 1.05),
        )
        middle.set_xticks(hidden)
        right.axvline(1, color="0.4", linewidth=0.8, linestyle=":")
        right.set(xlabel="$V$ / exact $V$", yticks=[], xlim=(0, 1.3))
        figure.legend(loc="outside upper center", ncols=3)
    return figure


def caption(beside: str, most_inputs: int, variance: str, decay: str) -> str:
    """What the figure shows."""
    return (
        f"Left: variance of the rotation per step in a plane, of {beside}: exact (lines) and at "
        "small irrelevant variance (dashed). Middle: diffusion of a stimulus along a learned axis, "
        f"(p − 1) V / 2, over its largest value, for {most_inputs} inputs and ν = {variance}; "
        "Oja's rule, all autoencoders and similarity matching with τ = 1 lie upon each other. "
        f"Right: simulation over exact form, extrapolated to a vanishing learning rate, with one "
        "standard error (points), and small form over exact form (crosses) for "
        f"{beside} at ν = {variance}. Learned variances are 1, weight decay is {decay}."
    )

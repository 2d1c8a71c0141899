"""Networks in motion: what stands still, what fluctuates, and what turns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

from symdrift.figures.style import (
    COLOURS,
    WIDTH,
    colour,
    drawing,
    label_in_units,
    literal,
    short_names,
)
from symdrift.study.problem import Array

_MOST_AXES = 6
_LONGEST_NAME = 12
"""Letters that leave room for the curves beside the names of two stimuli."""


@dataclass(frozen=True)
class Standstill:
    """One network over a long time: its loss, similarities, and one representation.

    Attributes
    ----------
    stimulus : str
        Whose representation is followed.
    learning_rate : float
        Of this network.
    time : Array
        Steps, shape ``(records,)``.
    loss : Array
        Expected loss of the network, shape ``(records,)``.
    smallest_loss, excess_loss : float
        At the minimum, and what the theory adds to it on average.
    similarities : tuple of (str, str, Array)
        Two stimuli and the scalar product of their representations, ``(records,)``.
    representation : Array
        By hidden axis, shape ``(records, axes)``.
    """

    stimulus: str
    learning_rate: float
    time: Array
    loss: Array
    smallest_loss: float
    excess_loss: float
    similarities: tuple[tuple[str, str, Array], ...]
    representation: Array


@dataclass(frozen=True)
class FluctuationSpectrum:
    """Stationary variance along the eigenvectors of the Hessian.

    Attributes
    ----------
    stiffness : Array
        Hessian eigenvalues, shape ``(modes,)``.
    theory, simulation, standard_error : Array
        Variance of the weights along each, shape ``(modes,)``.
    largest_stiffness : float
        Learning rate times largest Hessian eigenvalue: size of the corrections.
    """

    stiffness: Array
    theory: Array
    simulation: Array
    standard_error: Array
    largest_stiffness: float


@dataclass(frozen=True)
class SweptArea:
    """Fluctuation of one network in one plane, its area, and the rotation.

    Attributes
    ----------
    plane : tuple of int
        Hidden axes, from 1.
    learning_rate : float
        Of this network.
    path : Array
        Deviation along two Hessian eigenvectors, shape ``(points, 2)``, a point per step.
    time : Array
        Steps, shape ``(records,)``.
    area, angle : Array
        Swept area divided by the metric, summed up, and angle by which the hidden layer has
        turned, in rad, shape ``(records,)``.
    """

    plane: tuple[int, int]
    learning_rate: float
    path: Array
    time: Array
    area: Array
    angle: Array


def draw_standstill(data: Standstill) -> Figure:
    """Loss and similarities, which stay, above a representation, which does not."""
    with drawing():
        figure = Figure(figsize=(WIDTH, 5.4), layout="constrained")
        loss, similarity, moving = figure.subplots(3, 1, sharex=True, height_ratios=(2, 3, 4))
        loss.plot(data.time, data.loss, color="0.4", linewidth=0.7)
        loss.axhline(
            data.smallest_loss + data.excess_loss, color=COLOURS[1], label="mean, by theory"
        )
        loss.axhline(data.smallest_loss, color=COLOURS[0], linestyle="--", label="minimum")
        loss.set_ylim(bottom=data.smallest_loss - data.excess_loss)
        loss.set_ylabel("expected\nloss")
        loss.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2, borderaxespad=0.2)
        names = list(dict.fromkeys(name for pair in data.similarities for name in pair[:2]))
        short = dict(zip(names, map(literal, short_names(names, _LONGEST_NAME)), strict=True))
        for place, (one, other, values) in enumerate(data.similarities):
            pair = f"{short[one]} · {short[other]}"
            similarity.plot(data.time, values, color=colour(place), linewidth=0.8, label=pair)
        similarity.set_ylabel("similarity\n$h_a \\cdot h_b$")
        similarity.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), handlelength=1.2)
        for axis, values in enumerate(data.representation.T[:_MOST_AXES]):
            moving.plot(
                data.time, values, color=colour(axis), linewidth=0.8, label=f"axis {axis + 1}"
            )
        moving.set_ylabel("representation $h$")
        label_in_units(moving, "x", "time", "SGD steps")
        moving.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), handlelength=1.2)
    return figure


def caption_standstill(data: Standstill) -> str:
    """What the figure shows."""
    return (
        "Drift at constant loss, in one simulated network. Top: the expected loss stays near the "
        "level that the theory gives to leading order. Middle: the scalar products of the "
        "representations of pairs of stimuli, their similarity matrix, stay as well. Bottom: the "
        "representation of "
        f"“{data.stimulus}”, by hidden axis, wanders all the same. Learning rate "
        f"{data.learning_rate:.2g}, at which drift is fast enough to be seen."
    )


def draw_fluctuation_spectrum(data: FluctuationSpectrum) -> Figure:
    """Variance against stiffness, and the ratio of simulation and theory."""
    with drawing():
        figure = Figure(figsize=(WIDTH, 4.2), layout="constrained")
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
        upper.plot(
            data.stiffness, data.theory, linestyle="none", marker="o", markersize=8,
            markerfacecolor="none", color=COLOURS[0], label="theory",
        )  # fmt: skip
        upper.errorbar(
            data.stiffness, data.simulation, data.standard_error, fmt=".", capsize=2,
            color=COLOURS[1], label="simulation",
        )  # fmt: skip
        upper.set(yscale="log")
        upper.set_ylabel("variance of the weights")
        upper.legend()
        lower.axhline(1.0, color=COLOURS[0])
        lower.errorbar(
            data.stiffness, data.simulation / data.theory, data.standard_error / data.theory,
            fmt=".", capsize=2, color=COLOURS[1],
        )  # fmt: skip
        lower.set_xlabel("curvature of the loss along the direction")
        lower.set_ylabel("simulation /\ntheory")
    return figure


def caption_fluctuation_spectrum(data: FluctuationSpectrum) -> str:
    """What the figure shows."""
    return (
        "Fluctuation across the manifold of minima: variance of the weights along each "
        "eigenvector of the Hessian that the noise reaches. Theory (circles) and simulation "
        "(points, one standard error) agree up to corrections of first order in the learning "
        f"rate, which times the largest Hessian eigenvalue is {data.largest_stiffness:.2g} here; "
        "directions along which the noise nearly vanishes are corrected most."
    )


def draw_swept_area(data: SweptArea) -> Figure:
    """Path of the fluctuation with the triangles that it sweeps, beside what they add up to."""
    with drawing():
        figure = Figure(figsize=(WIDTH, 2.9), layout="constrained")
        plane, sums = figure.subplots(1, 2, width_ratios=(2, 3))
        steps = np.stack([data.path[:-1], data.path[1:]], axis=1)
        triangles = np.concatenate([np.zeros_like(steps[:, :1]), steps], axis=1)
        signs = np.sign(steps[:, 0, 0] * steps[:, 1, 1] - steps[:, 0, 1] * steps[:, 1, 0])
        for sign, shade in ((1, COLOURS[0]), (-1, COLOURS[1])):
            plane.add_collection(
                PolyCollection(list(triangles[signs == sign]), facecolor=shade, alpha=0.18)
            )
        plane.plot(*data.path.T, color="0.3", linewidth=0.7)
        plane.plot(0, 0, marker="+", color="black", markersize=8)
        plane.tick_params(labelsize=8)
        label_in_units(plane, "x", "deviation, one direction", "")
        label_in_units(plane, "y", "another direction", "")
        sums.plot(data.time, data.angle, color=COLOURS[1], linewidth=2.4, label="rotation")
        sums.plot(
            data.time, data.area, color=COLOURS[0], linestyle="--", linewidth=1.1,
            label="swept area / metric",
        )  # fmt: skip
        label_in_units(sums, "x", "time", "SGD steps")
        label_in_units(sums, "y", "angle", "rad")
        sums.legend()
    return figure


def caption_swept_area(data: SweptArea) -> str:
    """What the figure shows."""
    one, other = data.plane
    return (
        "Area that becomes rotation, in one simulated network. Left: the first steps of the "
        "deviation from the manifold along two of its normal directions; each step sweeps a "
        "triangle with the minimum (cross), counted positive in one sense of turning and "
        f"negative in the other. Right: the areas of all such pairs for the plane ({one}, "
        f"{other}) of hidden axes, added up and divided by the metric, are the angle by which the "
        f"hidden layer has turned. Learning rate {data.learning_rate:.2g}."
    )

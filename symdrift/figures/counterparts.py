"""A study beside simpler counterparts: other inputs, another kind of noise, other sizes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from symdrift.figures.bands import CAPTION_OF_BOXES, draw_error_boxes
from symdrift.figures.style import (
    COLOURS,
    caption_short,
    colour,
    drawing,
    label_in_units,
    label_stimuli,
    literal,
)
from symdrift.observables.compare import DriftComparison, RatePair, SynapticComparison
from symdrift.study.problem import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_GRADIENT = "gradient noise"
"""What drives the drift of a study that descends a loss; under other rules how synaptic noise turns
a layer depends on the inputs in other ways too."""
_MOST_STIMULI = 12
_ROOM = 30
"""Letters along the axis of stimuli."""


@dataclass(frozen=True)
class SizeCurve:
    """Mean decay rate of isotropic networks against their number of hidden units.

    ``hidden``, ``gradient`` and ``synaptic`` have shape ``(sizes,)``; rates per step.
    """

    label: str
    hidden: Array
    gradient: Array
    synaptic: Array


@dataclass(frozen=True)
class Counterparts:
    """Decay rates of a study and of its counterparts.

    Attributes
    ----------
    stimuli : tuple of str
    rates : tuple of (str, Array, Array)
        What is compared, the decay rate of each stimulus per step, and by how much that is expected
        to be off, 0 where it is not known; the study first.
    sizes : tuple of SizeCurve
        Empty where isotropic networks learn nothing.
    """

    stimuli: tuple[str, ...]
    rates: tuple[tuple[str, Array, Array], ...]
    sizes: tuple[SizeCurve, ...]


def numbers(synaptic: SynapticComparison, isotropic: DriftComparison | None) -> Counterparts | None:
    """Decay rates of all stimuli that drift, and the scaling with size; None where none does."""
    pairs = [pair for pair in synaptic.comparison.stimuli if pair.study > 0][:_MOST_STIMULI]
    if not pairs:
        return None
    names = tuple(pair.name for pair in pairs)
    rates = [
        _with_errors(
            synaptic.comparison.study, [(pair.study, pair.study_expected_error) for pair in pairs]
        ),
        _with_errors("synaptic noise", map(_of_counterpart, pairs)),
    ]
    if isotropic is not None:
        by_name = {pair.name: _of_counterpart(pair) for pair in isotropic.stimuli}
        rates.append(_with_errors("isotropic inputs", [by_name[name] for name in names]))
    wider = [row for row in synaptic.sizes if row.inputs == row.hidden]
    silent = [row for row in synaptic.sizes if row.inputs == synaptic.sizes[0].inputs]
    curves = (("wider", wider), ("with silent units", silent)) if wider else ()
    return Counterparts(
        names,
        tuple(rates),
        tuple(
            SizeCurve(
                label,
                np.array([row.hidden for row in rows], dtype=np.float64),
                np.array([row.gradient for row in rows]),
                np.array([row.synaptic for row in rows]),
            )
            for label, rows in curves
        ),
    )


def _of_counterpart(pair: RatePair) -> tuple[float, float | None]:
    return pair.counterpart, pair.counterpart_expected_error


def _with_errors(
    label: str, found: Iterable[tuple[float, float | None]]
) -> tuple[str, Array, Array]:
    """Rates and their errors, from relative ones."""
    rates, errors = np.array([(rate, rate * (error or 0.0)) for rate, error in found]).T
    return label, rates, errors


def draw(data: Counterparts) -> Figure:
    """Decay rate of every stimulus, and its scaling with the size of the network."""
    with drawing():
        figure = Figure(figsize=(6.2, 3.2), layout="constrained")
        if data.sizes:
            bars, sizes = figure.subplots(1, 2, width_ratios=(3, 2))
            _draw_sizes(sizes, data)
        else:
            bars = figure.subplots()
        places = np.arange(len(data.stimuli))
        width = 0.8 / len(data.rates)
        for index, (label, rates, errors) in enumerate(data.rates):
            shift = width * (index - (len(data.rates) - 1) / 2)
            bars.bar(places + shift, rates, width, color=colour(index), label=literal(label))
            if errors.any():
                draw_error_boxes(bars, shift, rates, errors)
        bars.grid(axis="x", visible=False)
        label_stimuli(bars, data.stimuli, _ROOM)
        label_in_units(bars, "y", "decay rate", "/ step")
        figure.legend(loc="outside upper center", ncols=3)
    return figure


def caption(data: Counterparts) -> str:
    """What the figure shows."""
    noise = data.rates[0][0]
    text = (
        f"{'Left: rate' if data.sizes else 'Rate'} at which the representation of each stimulus "
        f"decorrelates: in the study ({noise}), in the same network with synaptic noise instead"
    )
    if len(data.rates) > 2:
        text += ", and in the study with isotropic Gaussian inputs of the same total variance"
    text += (
        ". The variance of the synaptic noise is the one at which the mean decay rate is that of "
        "the study."
    )
    if any(errors.any() for *_, errors in data.rates):
        text += " " + CAPTION_OF_BOXES
    if noise == _GRADIENT:
        text += " Synaptic noise depends on the inputs only through what the network has learned."
    if data.sizes:
        text += (
            " Right: mean decay rate of networks whose inputs are all alike, at leading order, "
            "against the number of hidden units, by gradient noise (circles) and by synaptic noise "
            "(squares). Solid: as many inputs as hidden units; dashed: the inputs stay as few, and "
            "the further hidden units stay silent."
        )
    return text + caption_short(data.stimuli)


def _draw_sizes(axes: Axes, data: Counterparts) -> None:
    for curve, style in zip(data.sizes, ("-", "--"), strict=False):
        axes.plot(curve.hidden, curve.gradient, "o", linestyle=style, color=COLOURS[0])
        axes.plot(curve.hidden, curve.synaptic, "s", linestyle=style, color=COLOURS[1])
    axes.set(xscale="log", yscale="log")
    ticks = sorted({int(size) for curve in data.sizes for size in curve.hidden})
    axes.set_xticks(ticks, [str(size) for size in ticks])
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("hidden units")
    axes.set_ylabel("mean decay rate (1 / step)")

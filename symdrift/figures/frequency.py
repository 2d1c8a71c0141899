"""Drift of a set of stimuli against how often one of them is shown."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from symdrift.errors import RequestError
from symdrift.evaluation.evaluate import evaluate
from symdrift.evaluation.result import Evaluation
from symdrift.figures.bands import Evaluated, caption_bands, draw_band, expected_errors
from symdrift.figures.style import WIDTH, caption_short, colour, drawing, literal, short_names
from symdrift.study import StimulusInputs, Study
from symdrift.study.problem import Array
from symdrift.validation.one_look import planned_rate
from symdrift.validation.validate import Validation

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_GRID = np.linspace(0.02, 0.98, 49)
_SIMULATED = (0.05, 0.15, 0.3, 0.5, 0.65, 0.8)
_PRECISION = 0.03
_MOST_CURVES = 5


@dataclass(frozen=True)
class FrequencyCurve:
    """Decay rate of the representation of one stimulus by rotation, per step.

    Attributes
    ----------
    stimulus : str
    theory : Array
        Shape ``(points,)``; NaN where the theory does not apply.
    error : Array
        Relative expected error of that, shape ``(points,)``.
    simulation, standard_error : Array
        Shape ``(simulated points,)``.
    """

    stimulus: str
    theory: Array
    error: Array
    simulation: Array
    standard_error: Array


@dataclass(frozen=True)
class FrequencySweep:
    """Decay rates while one stimulus is shown more and more often.

    Attributes
    ----------
    frequency, simulated_frequency : Array
        Probability of that stimulus, shapes ``(points,)`` and ``(simulated points,)``.
    curves : tuple of FrequencyCurve
        That stimulus first, then the others.
    balanced : float or None
        Probability at which all stimuli of the set are equally frequent.
    """

    frequency: Array
    simulated_frequency: Array
    curves: tuple[FrequencyCurve, ...]
    balanced: float | None


def numbers(study: Study, seed: int | None) -> FrequencySweep | None:
    """Theory and simulation from a rare to a dominant stimulus.

    Made for studies in which the probability of one stimulus is a symbol of its own, and that
    stimulus and another one are followed; None for all others.

    Parameters
    ----------
    study : Study
        With values for all symbols.
    seed : int or None
        Of the simulations; None for none.
    """
    swept = _swept(study)
    if swept is None:
        return None
    symbol, own = swept
    theory = _evaluations(study, symbol, _GRID.tolist())
    beside = {} if seed is None else _evaluations(study, symbol, _SIMULATED)
    runs = [
        planned_rate(study.with_values({symbol: value}).problem(), _PRECISION, seed)
        for value in beside
        if seed is not None
    ]
    errors = expected_errors(
        np.array(list(theory)),
        [*theory.values()],
        [f"stimuli.{stimulus.name}.decay_rate" for stimulus in study.problem().stimuli],
    )
    order = [own, *(index for index in range(len(study.stimulus)) if index != own)]
    return FrequencySweep(
        frequency=np.array(list(theory)),
        simulated_frequency=np.array(list(beside)),
        curves=tuple(
            _curve(
                index,
                [evaluation for _, evaluation in theory.values()],
                runs,
                [*errors.values()][index],
            )
            for index in order[:_MOST_CURVES]
        ),
        balanced=_balanced(study, symbol),
    )


def draw(data: FrequencySweep) -> Figure:
    """Decay rates, and below those of the stimulus in question over those of the others."""
    with drawing():
        figure = Figure(figsize=(WIDTH, 4.8), layout="constrained")
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
        names = list(map(literal, short_names([curve.stimulus for curve in data.curves])))
        for index, curve in enumerate(data.curves):
            _draw_curve(upper, data, curve.theory, curve.simulation, curve.standard_error, index)
            draw_band(upper, data.frequency, curve.theory, curve.error, colour(index))
            upper.plot([], [], color=colour(index), marker="o", label=names[index])
        own = data.curves[0]
        for index, other in enumerate(data.curves[1:], start=1):
            ratio = own.simulation / other.simulation
            # Both come from one simulation; their errors are not quite independent.
            error = ratio * np.hypot(
                own.standard_error / own.simulation, other.standard_error / other.simulation
            )
            _draw_curve(lower, data, own.theory / other.theory, ratio, error, index)
        lower.axhline(1.0, color="0.5", linewidth=0.8)
        for axes in (upper, lower):
            axes.set_yscale("log")
            if data.balanced is not None:
                axes.axvline(data.balanced, color="0.4", linewidth=0.8, linestyle=":")
        upper.set_ylabel("decay rate (1 / step)")
        upper.legend()
        lower.set_ylabel("ratio to the others")
        lower.set_xlabel(f"probability of “{names[0]}”")
    return figure


def caption(data: FrequencySweep) -> str:
    """What the figure shows."""
    own = data.curves[0]
    known = np.isfinite(own.theory)
    least = float(data.frequency[known][np.argmin(own.theory[known])])
    inner = data.frequency[known][0] < least < data.frequency[known][-1]
    shown = "theory (lines)"
    if len(data.simulated_frequency):
        shown += (
            " and the rotation of the hidden layer in direct simulations of SGD at the study's "
            "learning rate (points, one standard error)"
        )
    text = (
        f"Decay rate of the representation of “{own.stimulus}” and of other stimuli, from rare to "
        f"dominant: {shown}. Below, its rate over that of the others."
    )
    text += caption_bands([curve.error for curve in data.curves])
    if data.balanced is not None:
        text += " At the dotted line all stimuli are shown equally often."
    if inner:
        text += f" Its own rate is lowest at a probability of {least:.2f}."
    return text + caption_short([curve.stimulus for curve in data.curves])


def _swept(study: Study) -> tuple[str, int] | None:
    """Symbol that is a probability, and which of the followed stimuli is shown with it."""
    inputs = study.inputs
    if not isinstance(inputs, StimulusInputs) or len(study.stimulus) < 2:
        return None
    followed = [stimulus.vector for stimulus in study.stimulus]
    for vector, probability in zip(inputs.stimuli, inputs.probabilities, strict=True):
        if str(probability) in study.symbols and vector in followed:
            return str(probability), followed.index(vector)
    return None


def _evaluations(study: Study, symbol: str, frequencies: Sequence[float]) -> dict[float, Evaluated]:
    """Evaluations by frequency, where the same directions are learned as in the study itself."""
    rank = evaluate(study.problem()).minimum.rank
    found = {}
    for frequency in frequencies:
        # Another probability may become negative, or a direction reach its threshold.
        with suppress(RequestError):
            problem = study.with_values({symbol: frequency}).problem()
            evaluation = evaluate(problem)
            if evaluation.minimum.rank == rank:
                found[frequency] = problem, evaluation
    return found


def _curve(
    index: int,
    theory: list[Evaluation],
    runs: list[Validation],
    error: Array,
) -> FrequencyCurve:
    name = theory[0].stimuli[index].name
    measured = [run.decay_rates[index] for run in runs]
    return FrequencyCurve(
        stimulus=name,
        theory=np.array([evaluation.stimuli[index].decay_rate for evaluation in theory]),
        error=error,
        simulation=np.array([entry.value for entry in measured]),
        standard_error=np.array([entry.standard_error for entry in measured]),
    )


def _balanced(study: Study, symbol: str) -> float | None:
    """The value at which all stimuli of the set are shown equally often."""
    probabilities = [
        number
        for field, number in study.numbers.items()
        if field.startswith("inputs.probabilities.")
    ]
    equal = 1 / len(probabilities)
    values = {name: value.evaluate({}) for name, value in study.values.items()} | {symbol: equal}
    shown = [probability.evaluate(values) for probability in probabilities]
    return equal if np.allclose(shown, equal) else None


def _draw_curve(
    axes: Axes, data: FrequencySweep, theory: Array, simulation: Array, error: Array, index: int
) -> None:
    axes.plot(data.frequency, theory, color=colour(index))
    axes.errorbar(
        data.simulated_frequency, simulation, error, fmt="o", capsize=2, color=colour(index)
    )

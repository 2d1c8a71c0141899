"""The drift of a stimulus set against the frequency of one stimulus, for its report."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import numpy as np

from symdrift.errors import RequestError
from symdrift.evaluation.evaluate import evaluate
from symdrift.evaluation.result import Evaluation
from symdrift.figures import FrequencyCurve, FrequencySweep
from symdrift.study import StimulusInputs, Study
from symdrift.validation.validate import Validation, validate

_GRID = np.linspace(0.02, 0.98, 49)
_SIMULATED = (0.05, 0.15, 0.3, 0.5, 0.65, 0.8)
_PRECISION = 0.03
_MOST_CURVES = 5


def frequency_sweep(study: Study, seed: int | None) -> FrequencySweep | None:
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
        validate(study.with_values({symbol: value}).problem(), seed=seed, precision=_PRECISION)
        for value in beside
        if seed is not None
    ]
    order = [own, *(index for index in range(len(study.stimulus)) if index != own)]
    return FrequencySweep(
        frequency=np.array(list(theory)),
        simulated_frequency=np.array(list(beside)),
        curves=tuple(
            _curve(index, [*theory.values()], [*beside.values()], runs)
            for index in order[:_MOST_CURVES]
        ),
        balanced=_balanced(study, symbol),
    )


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


def _evaluations(
    study: Study, symbol: str, frequencies: Sequence[float]
) -> dict[float, Evaluation]:
    """Evaluations by frequency, where the same directions are learned as in the study itself."""
    rank = evaluate(study.problem()).minimum.rank
    found = {}
    for frequency in frequencies:
        # Another probability may become negative, or a direction reach its threshold.
        with suppress(RequestError):
            evaluation = evaluate(study.with_values({symbol: frequency}).problem())
            if evaluation.minimum.rank == rank:
                found[frequency] = evaluation
    return found


def _curve(
    index: int,
    theory: list[Evaluation],
    beside: list[Evaluation],
    runs: list[Validation],
) -> FrequencyCurve:
    name = theory[0].stimuli[index].name
    measured = [next(row for row in run.rows if row.quantity == f"D_h[{name}]") for run in runs]
    norms = np.array([evaluation.stimuli[index].squared_norm for evaluation in beside])
    return FrequencyCurve(
        stimulus=name,
        theory=np.array([evaluation.stimuli[index].decay_rate for evaluation in theory]),
        simulation=np.array([row.simulation for row in measured]) / norms,
        standard_error=np.array([row.standard_error for row in measured]) / norms,
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

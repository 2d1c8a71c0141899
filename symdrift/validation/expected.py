"""What the next order in the learning rate lets a simulation deviate from the theory."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from symdrift.errors import RequestError
from symdrift.evaluation.corrections import StimulusCorrections
from symdrift.evaluation.evaluate import evaluate
from symdrift.evaluation.next_order.corrected import corrections
from symdrift.evaluation.next_order.cost import AT_ONCE, QUICK, TooExpensive
from symdrift.evaluation.parts import IndependentDrift
from symdrift.evaluation.result import Evaluation
from symdrift.study.problem import Array, LearningProblem

PATIENT = 60.0
"""Seconds that the next order may take where there is no budget."""

LEAST_SHARE = 0.9
"""Of gradient noise in a number whose next order is known: that of synaptic noise is not."""


@dataclass(frozen=True, eq=False)
class Following:
    """The terms that follow those of the theory: what its numbers change by per learning rate.

    They are not a number where the next order is not known, or is that of a part only.

    Attributes
    ----------
    variances : Array
        Of rotations, shape ``(planes,)``.
    covariance : Array or None
        Between planes too, shape ``(planes, planes)``; ``None`` where they turn independently.
    mean_rotation : Array
        Shape ``(planes,)``.
    stimulus_diffusion : Array
        Of each stimulus, shape ``(stimuli,)``.
    squared_norm : Array
        Of each representation, relative to that at the minimum; 0 where that is 0, shape
        ``(stimuli,)``.
    weight_variance, excess_loss : float
    parts : dict of str to (float, float)
        Of both with synaptic noise: change by gradient noise per learning rate, relative to what
        that makes, and share of synaptic noise, whose own next order is not known.
    """

    variances: Array
    covariance: Array | None
    mean_rotation: Array
    stimulus_diffusion: Array
    squared_norm: Array
    weight_variance: float
    excess_loss: float
    parts: Mapping[str, tuple[float, float]]

    def crossed(self, left: int, right: int) -> float:
        """Of the covariance between two planes."""
        if self.covariance is None:
            return 0.0 * float(self.variances[left])
        return float(self.covariance[left, right])


def theory_at_once(
    problem: LearningProblem, theory: Evaluation, longest: float = QUICK
) -> tuple[Evaluation, float]:
    """What `theory_of` a problem says, but for a next order that takes seconds, and those seconds.

    Parameters
    ----------
    problem : LearningProblem
    theory : Evaluation
        Of it, at leading order.
    longest : float
        Seconds that the next order may take.
    """
    try:
        return replace(theory, next_order=corrections(problem, theory, AT_ONCE)), 0.0
    except TooExpensive as error:
        return theory, error.cost.seconds if AT_ONCE < error.cost.seconds <= longest else 0.0
    except RequestError:
        return theory, 0.0


def patience(budget: float | None) -> float:
    """Seconds that the next order may take: half of a budget, and always a few."""
    return PATIENT if budget is None else max(QUICK, 0.5 * budget)


def theory_of(problem: LearningProblem, longest: float = QUICK) -> Evaluation:
    """The theory of a problem, with its next order where that takes no longer, in seconds."""
    theory = evaluate(problem)
    with suppress(RequestError):
        return replace(theory, next_order=corrections(problem, theory, longest))
    return theory


def theory_at(problem: LearningProblem, theory: Evaluation) -> Evaluation:
    """The theory of a problem at another learning rate, with the next order that is known.

    Parameters
    ----------
    problem : LearningProblem
        At that rate, with synaptic noise as by `at_learning_rate`.
    theory : Evaluation
        At the first rate.
    """
    leading, found = evaluate(problem), theory.next_order
    if found is not None and problem.synaptic_noise > 0:
        # What synaptic noise makes of the fluctuation grows with the square of the rate.
        before, now = (
            np.array([one.fluctuation.weight_variance, one.fluctuation.excess_loss])
            / one.parameters["learning_rate"]
            for one in (theory, leading)
        )
        shares = tuple((found.fluctuation.by_gradients * before / now).tolist())
        growth = problem.learning_rate / theory.parameters["learning_rate"]
        found = replace(
            found,
            fluctuation=replace(found.fluctuation, by_gradients=shares),
            stimuli=tuple(_with_synapses(each, growth) for each in found.stimuli),
        )
    return replace(leading, next_order=found)


def _with_synapses(stimulus: StimulusCorrections, growth: float) -> StimulusCorrections:
    """With what synaptic noise does to the norm per learning rate so many times as large."""
    norm, own = stimulus.squared_norm, stimulus.by_gradients
    if norm is None or own is None:
        return stimulus
    return replace(stimulus, squared_norm=own + growth * (norm - own))


def following(theory: Evaluation) -> Following:
    """The terms behind those of a theory.

    A number that is zero has no relative correction: it vanishes by a symmetry of the task, and
    at every order.

    Parameters
    ----------
    theory : Evaluation
    """
    drift, fluctuation, found = theory.drift, theory.fluctuation, theory.next_order
    planes = len(drift.planes)
    if found is None:
        return Following(
            variances=np.full(planes, np.nan),
            covariance=None,
            mean_rotation=np.full(planes, np.nan),
            stimulus_diffusion=np.full(len(theory.stimuli), np.nan),
            squared_norm=np.full(len(theory.stimuli), np.nan),
            weight_variance=np.nan,
            excess_loss=np.nan,
            parts={},
        )
    assert found.drift is not None
    variances = _terms(drift.variances, found.drift.diffusion)
    covariance = None
    if not isinstance(drift, IndependentDrift):
        covariance = _terms(drift.covariance, found.drift.covariance)
    own = found.fluctuation
    variance = float(_terms(fluctuation.weight_variance, own.weight_variance))
    loss = float(_terms(fluctuation.excess_loss, own.excess_loss))
    of_variance, of_loss = own.by_gradients
    return Following(
        variances=variances,
        covariance=covariance,
        mean_rotation=_terms(drift.mean_rotation, found.drift.mean_rotation),
        stimulus_diffusion=_terms(
            [stimulus.diffusion for stimulus in theory.stimuli],
            [stimulus.diffusion for stimulus in found.stimuli],
        ),
        squared_norm=_terms(
            np.ones(len(theory.stimuli)), [stimulus.squared_norm for stimulus in found.stimuli]
        ),
        weight_variance=variance if of_variance > LEAST_SHARE else np.nan,
        excess_loss=loss if of_loss > LEAST_SHARE else np.nan,
        parts={
            name: (change, 1 - share)
            for name, change, share in (
                ("weight variance", own.weight_variance, of_variance),
                ("excess loss", own.excess_loss, of_loss),
            )
            if change is not None and theory.parameters["synaptic_noise"] > 0
        },
    )


def _terms(values: ArrayLike, corrections: object) -> Array:
    """Numbers times their corrections, zero where there is none."""
    relative = np.array(corrections, dtype=float).reshape(np.shape(values))
    return np.asarray(np.multiply(values, np.nan_to_num(relative)), dtype=np.float64)

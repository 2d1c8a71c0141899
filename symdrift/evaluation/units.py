"""Units of inputs and outputs, and what a change of them does to every number.

With ``x -> c x`` and ``y -> d y`` the loss is multiplied by ``d^2`` and has its minima at
``sqrt(d/c)`` times the weights, when the weight decay is multiplied by ``c d``; curvatures are
multiplied by ``c d`` as well, and steps are the same ones when the learning rate is divided by it.
Rotations of the hidden layer have no unit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from symdrift.errors import RequestError
from symdrift.evaluation.parts import Fluctuation, StimulusDrift
from symdrift.study.problem import Array, LearningProblem, Stimulus


@dataclass(frozen=True)
class Units:
    """Factors of inputs and outputs: powers of two, so that no digit is rounded.

    Attributes
    ----------
    inputs, outputs : float
        ``c`` and ``d``; ``c d`` and ``d / c`` are squares.
    """

    inputs: float
    outputs: float

    @property
    def maps(self) -> float:
        """Factor of teacher, singular values and variances of weights, ``d / c``."""
        return self.outputs / self.inputs

    @property
    def weights(self) -> float:
        """Factor of the weights of both layers, ``sqrt(d / c)``."""
        return float(np.sqrt(self.maps))

    @property
    def curvature(self) -> float:
        """Factor of curvatures and squared representations, ``c d``."""
        return self.outputs * self.inputs

    @property
    def loss(self) -> float:
        """Factor of losses and variances of the label noise, ``d^2``."""
        return self.outputs**2

    @property
    def inverse(self) -> Units:
        return Units(1 / self.inputs, 1 / self.outputs)

    def problem(self, problem: LearningProblem) -> LearningProblem:
        """The same problem in these units.

        Raises
        ------
        RequestError
            When one of its numbers has no place in double precision there.
        """
        try:
            inputs = problem.inputs.scaled(self.inputs**2)
        except RequestError:
            raise beyond_double_precision(problem.study) from None
        scaled = replace(
            problem,
            inputs=inputs,
            teacher=problem.teacher * self.maps,
            label_noise=problem.label_noise * self.loss,
            learning_rate=problem.learning_rate / self.curvature,
            weight_decay=problem.weight_decay * self.curvature,
            synaptic_noise=problem.synaptic_noise * self.maps,
            stimuli=tuple(
                Stimulus(item.name, item.vector * self.inputs) for item in problem.stimuli
            ),
        )
        before, after = _numbers(problem), _numbers(scaled)
        if not np.isfinite(after).all() or np.any((before != 0) != (after != 0)):
            raise beyond_double_precision(problem.study)
        return scaled

    def fluctuation(self, fluctuation: Fluctuation) -> Fluctuation:
        return Fluctuation(
            fluctuation.weight_variance * self.maps, fluctuation.excess_loss * self.loss
        )

    def stimulus(self, drift: StimulusDrift) -> StimulusDrift:
        return replace(
            drift,
            squared_norm=drift.squared_norm * self.curvature,
            diffusion=drift.diffusion * self.curvature,
            mean_speed=drift.mean_speed * float(np.sqrt(self.curvature)),
        )


def natural_units(teacher: Array, covariance: Array) -> Units:
    """Units in which the largest input variance and the strongest slope are about 1.

    Parameters
    ----------
    teacher : Array
        ``A``, shape ``(m, n)``.
    covariance : Array
        ``Sigma``, shape ``(n, n)``; the slope is ``A Sigma``.
    """
    slope = float(np.abs(teacher @ covariance).max())
    by_input = -round(_exponent(float(np.diagonal(covariance).max())) / 2)
    both = -2 * round(_exponent(slope) / 2)
    return Units(2.0**by_input, 2.0 ** (both - by_input))


def _exponent(value: float) -> float:
    """Of two, rounded; 0 for what has none."""
    return float(np.round(np.log2(value))) if value > 0 else 0.0


def _numbers(problem: LearningProblem) -> Array:
    """Everything that a change of units changes, but the inputs."""
    scalars = [problem.learning_rate, problem.weight_decay, problem.synaptic_noise]
    vectors = [stimulus.vector for stimulus in problem.stimuli]
    return np.concatenate([scalars, problem.teacher.ravel(), problem.label_noise, *vectors])


def beyond_double_precision(study: str) -> RequestError:
    """The refusal of a problem whose numbers cannot be held."""
    return RequestError("study", f'"{study}" leads to numbers beyond double precision; rescale it')

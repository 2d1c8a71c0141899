"""Every number of an aligned problem from the generated kernels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symdrift.errors import RequestError
from symdrift.evaluation.alignment import Alignment, align
from symdrift.evaluation.closed_form import formulas as kernels
from symdrift.evaluation.closed_form.axis_kinds import Kinds, imbalance, threshold
from symdrift.evaluation.closed_form.network_axes import closeness, excess_over, strength_of
from symdrift.evaluation.closed_form.printed_aligned import _pair_curvature, _singular_value
from symdrift.evaluation.closed_form.stability_blocks import MeanSquare
from symdrift.evaluation.conjugate_directions import not_found
from symdrift.evaluation.parts import (
    Fluctuation,
    IndependentDrift,
    Minimum,
    parameters_of,
    stillness_warnings,
    stimulus_drifts,
)
from symdrift.evaluation.result import Evaluation
from symdrift.evaluation.several_minima import (
    MOST_LISTED,
    StrictMinimum,
    axes_of,
    several_warnings,
)
from symdrift.evaluation.strict_minima import (
    AxisFormulas,
    active_axes,
    numbered_minima,
    refuse_degenerate,
)
from symdrift.evaluation.units import Units, natural_units
from symdrift.evaluation.validity import Validity, validity_warnings
from symdrift.study.problem import Array, LearningProblem


def _curvature_beside(
    variance: Array, gain: Array, other_variance: Array, other_gain: Array, decay: Array
) -> tuple[Array, Array, Array]:
    none = np.zeros(())
    value, missed = (
        _singular_value(known, excess_over(known, worth, decay))
        for known, worth in ((variance, gain), (other_variance, other_gain))
    )
    strength, other = (
        strength_of(known, worth, decay)
        for known, worth in ((variance, gain), (other_variance, other_gain))
    )
    close = closeness(*strength, none, missed, *other)
    return _pair_curvature(
        variance, none, value, other_variance, none, none, other_gain, *close, decay
    )


AXIS_FORMULAS = AxisFormulas(
    lambda variance, gain, decay: kernels.loss_reductions(variance, decay, gain), _curvature_beside
)
"""The printed formulas that tell minima apart."""

DIFFUSION_TENSORS = {
    "exact": kernels.diffusion_tensor,
    "white": kernels.diffusion_tensor_white_noise,
}
"""The kernel of each approximation."""


def applies(problem: LearningProblem) -> str | None:
    """Why the closed form does not apply, as a sentence; ``None`` when it does."""
    if problem.inputs.not_gaussian is not None:
        return problem.inputs.not_gaussian
    if problem.synaptic_noise != 0:
        return "synaptic noise is not covered by it"
    aligned = align(problem)
    return aligned if isinstance(aligned, str) else None


def evaluate(problem: LearningProblem, approximation: str = "exact") -> Evaluation:
    """Evaluate the closed form, in which planes rotate independently: ``Delta = diag(sum_j D_ij)``.

    Parameters
    ----------
    problem : LearningProblem
        Aligned, with Gaussian inputs; see :func:`applies`.
    approximation : {"exact", "white"}

    Raises
    ------
    RequestError
        When the problem is not aligned, the minimum is not strict, no direction is
        active, the learning rate is unstable, or a number has no place in double precision.
    """
    given = AlignedNetwork.of(problem)
    back = given.units.inverse
    values = given.singular_values
    axes = active_axes(values)
    smallest, largest = given.hessian_range
    limits = given.validity()
    others = given.others()
    warnings = (
        *validity_warnings(problem, limits),
        *stillness_warnings(problem, axes.size),
        *several_warnings(problem.minimum, others),
    )
    weight_variance, excess_loss = kernels.fluctuation(**given.minimum, **given.learning)
    diffusion_tensor = DIFFUSION_TENSORS[approximation](**given.minimum, **given.learning)
    diffusion_tensor = diffusion_tensor[np.ix_(axes, axes)]
    drift = IndependentDrift(
        axes.size, axes.size, 2 * diffusion_tensor[np.triu_indices(axes.size, 1)]
    )
    delta = np.diag(diffusion_tensor.sum(axis=1))
    del diffusion_tensor
    first_layer = np.sqrt(values[axes])[:, None] * given.alignment.input_axes[:, axes].T
    # Memory that nothing is written to is not taken.
    mean_rotation = np.zeros(delta.shape)
    return Evaluation(
        study=problem.study,
        method="closed-form",
        approximation=approximation,
        parameters=parameters_of(problem),
        minimum=Minimum(
            rank=axes.size,
            singular_values=values[axes] * back.maps,
            loss=given.loss(given.minimum["learned"]),
            hessian_min=smallest,
            hessian_max=largest,
            number=problem.minimum,
            others=others,
        ),
        fluctuation=back.fluctuation(Fluctuation(float(weight_variance), float(excess_loss))),
        drift=drift,
        decay_matrix=delta,
        mean_rotation=mean_rotation,
        stimuli=tuple(
            map(
                back.stimulus,
                stimulus_drifts(given.natural.stimuli, first_layer, delta, mean_rotation),
            )
        ),
        validity=limits,
        warnings=warnings,
    )


def learned_axes(problem: LearningProblem) -> NDArray[np.bool_] | None:
    """Which axes a minimum learns that is not the lowest, shape ``(min(n, m),)``; else ``None``.

    Parameters
    ----------
    problem : LearningProblem

    Raises
    ------
    RequestError
        When the problem is not aligned, has no strict minimum of that number, or no direction is
        active.
    """
    learned: NDArray[np.bool_] | None = None
    if problem.minimum != 1:
        learned = AlignedNetwork.of(problem).minimum["learned"]
    return learned


@dataclass(frozen=True, eq=False)
class AlignedNetwork:
    """A problem with a strict minimum as arguments of the kernels, in natural units."""

    units: Units
    natural: LearningProblem
    alignment: Alignment
    strict: tuple[NDArray[np.bool_], ...]
    minimum: dict[str, Any]
    learning: dict[str, Any]

    @classmethod
    def of(cls, problem: LearningProblem) -> AlignedNetwork:
        aligned = align(problem)
        if isinstance(aligned, str):
            raise RequestError("method", f'= "closed-form" does not apply: {aligned}')
        variances = aligned.input_variances[: aligned.gains.size]
        refuse_degenerate(
            AXIS_FORMULAS, problem.weight_decay, problem.hidden, variances, aligned.gains
        )
        units = natural_units(problem.teacher, problem.input_covariance)
        natural = units.problem(problem)
        outputs, inputs = problem.teacher.shape
        minimum = {
            "covariance": aligned.input_variances * units.inputs**2,
            "weight_decay": natural.weight_decay,
            "gains": aligned.gains * units.maps,
            "inputs": inputs,
            "outputs": outputs,
            "hidden": problem.hidden,
        }
        number = problem.minimum
        strict = numbered_minima(
            AXIS_FORMULAS,
            minimum["covariance"][: aligned.gains.size],
            minimum["gains"],
            natural.weight_decay,
            problem.hidden,
            number,
        )
        # The lowest needs no list of its axes.
        minimum["learned"] = None if number == 1 else strict[number - 1]
        learning = {
            "learning_rate": natural.learning_rate,
            "label_noise": aligned.label_noise * units.loss,
            "batch": problem.batch,
        }
        return cls(units, natural, aligned, strict, minimum, learning)

    @property
    def singular_values(self) -> Array:
        values: Array = kernels.singular_values(**self.minimum)
        return values

    def loss(self, learned: NDArray[np.bool_] | None) -> float:
        """Expected loss of a strict minimum, in the units of the study."""
        arguments = {**self.minimum, "learned": learned}
        loss = kernels.loss(**arguments, label_noise=self.learning["label_noise"])
        return float(loss) * self.units.inverse.loss

    def others(self) -> tuple[StrictMinimum, ...]:
        """The lowest of the other strict minima."""
        found = []
        for number, learned in enumerate(self.strict[:MOST_LISTED], start=1):
            if number != self.natural.minimum:
                values = kernels.singular_values(**{**self.minimum, "learned": learned})
                axes = active_axes(values)
                found.append(
                    StrictMinimum(
                        number,
                        values[axes] * self.units.inverse.maps,
                        axes_of(self.alignment.input_axes[:, axes].T),
                        self.loss(learned),
                    )
                )
        return tuple(found)

    @cached_property
    def hessian_range(self) -> tuple[float, float]:
        """Smallest and largest curvature, in the units of the study."""
        smallest, largest = kernels.hessian_range(**self.minimum)
        curvature = self.units.inverse.curvature
        return float(smallest) * curvature, float(largest) * curvature

    def validity(self) -> Validity:
        """What the leading order assumes to be small."""
        natural, rate = self.natural, self.natural.learning_rate
        kinds = Kinds.of(
            self.minimum["covariance"],
            self.learning["label_noise"],
            self.minimum["gains"],
            self.singular_values,
            natural.weight_decay,
        )
        gamma = np.asarray(natural.weight_decay)
        noisy = kinds.variance, kinds.label_noise
        unbalanced = imbalance(*noisy, kinds.residual, kinds.singular_value, kinds.count, gamma)
        single = gamma[np.newaxis], np.array([natural.batch])
        critical = float(MeanSquare(kinds, *single).critical_rates()[0])
        if math.isnan(critical):
            raise not_found()
        return Validity(
            rate_times_curvature=rate * self.units.curvature * self.hessian_range[1],
            multiplicative_noise=rate * kinds.multiplicative_noise / natural.batch,
            imbalance=rate * float(unbalanced) / natural.batch,
            threshold=rate * float(threshold(*noisy, kinds.singular_value, gamma)) / natural.batch,
            critical_rate=critical * self.units.curvature,
            rate_over_critical=rate / critical,
        )

"""All stages of the dense road in a row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from symdrift.errors import require_known
from symdrift.evaluation.dense.landscape import MinimumPoint, in_units, minimum_of
from symdrift.evaluation.dense.lyapunov import NormalFluctuation, gradient_fluctuation
from symdrift.evaluation.dense.rotation_covariance import (
    angular_matrices,
    decay_matrix,
    hidden_drift,
    mean_rotation_matrix,
)
from symdrift.evaluation.dense.sizes import (
    log_slow_stage,
    reached_dimension,
    require_stimulus_memory,
    require_tensor_memory,
)
from symdrift.evaluation.dense.stability import dense_validity
from symdrift.evaluation.parts import (
    APPROXIMATIONS,
    DEGENERACY_TOLERANCE,
    DeferredDrift,
    Drift,
    Fluctuation,
    Minimum,
    moving_planes,
    parameters_of,
    stillness_warnings,
    stimulus_drifts,
    subspaces,
)
from symdrift.evaluation.result import Evaluation
from symdrift.evaluation.several_minima import StrictMinimum, several_warnings
from symdrift.evaluation.synapses import synaptic_decay, synaptic_warnings, with_synaptic_noise
from symdrift.evaluation.units import natural_units
from symdrift.evaluation.validity import Validity, validity_warnings
from symdrift.progress import Progress
from symdrift.study.problem import Array, LearningProblem

UNSEEN_TOLERANCE = 1e-9
"""Relative size below which what the teacher does where no input occurs counts as zero."""

ROUNDED = 1e-13
"""Relative distance of singular values that is rounding."""

STANDSTILL = (
    "nothing drifts at leading order in the learning rate: no sample's gradient turns the hidden "
    "layer; every rate of drift is zero"
)


def evaluate(
    problem: LearningProblem,
    approximation: str = "exact",
    progress: Progress | None = None,
    later: Callable[[LearningProblem], Drift] | None = None,
) -> Evaluation:
    """Every number of a problem from full matrices: any teacher, any inputs.

    Parameters
    ----------
    problem : LearningProblem
    approximation : {"exact", "white"}
        ``"white"`` treats noise and fluctuation as uncorrelated in time.
    progress : callable, optional
        Called with the number of finished planes and of all.
    later : callable, optional
        Computes the drift by plane, once it is asked for: the covariance of rotations between
        all planes is by far the largest part, and stimuli need its contraction only.  Without
        it all of it is computed at once.

    Raises
    ------
    RequestError
        When the approximation is unknown, the learning rate is unstable, the minimum is
        refused (see `solve_minimum`), or memory does not suffice.
    """
    require_known("approximation", approximation, APPROXIMATIONS)
    given = minimum = minimum_of(problem)
    certificate, noise = minimum.certificate, problem.synaptic_noise
    numbers = Minimum(
        rank=minimum.rank,
        singular_values=minimum.singular_values,
        loss=minimum.loss + _loss_of_noise(problem),
        hessian_min=certificate.hessian_min,
        hessian_max=certificate.hessian_max,
        certificate=certificate,
        number=problem.minimum,
        others=_others(problem, minimum),
    )
    outputs, inputs = problem.teacher.shape
    # Refused before anything that does not fit is begun.
    if later is None:
        hidden = problem.hidden if noise > 0 else minimum.rank
        planes = len(moving_planes(minimum.rank, hidden))
        require_tensor_memory(inputs, outputs, minimum.rank, planes)
    else:
        require_stimulus_memory(inputs, outputs, minimum.rank)
    units = natural_units(problem.teacher, problem.input_covariance)
    natural, minimum = units.problem(problem), in_units(minimum, units)
    directions = reached_dimension(inputs, outputs, minimum.rank)
    log_slow_stage(directions, f"noise and fluctuation in {directions} directions")
    fluctuation = gradient_fluctuation(natural, minimum)
    weights = minimum.rank * (inputs + outputs)
    log_slow_stage(directions, f"critical rate from the second moments of {weights} weights")
    limits = replace(
        found := dense_validity(natural, minimum, fluctuation),
        critical_rate=found.critical_rate * units.curvature,
    )
    warnings = dense_warnings(problem, given, limits)
    turning = (minimum.point, fluctuation, natural.learning_rate)
    values, noise = minimum.singular_values, natural.synaptic_noise
    moving = minimum.rank * (minimum.rank - 1) // 2
    log_slow_stage(directions, f"rotations in {moving} planes by {directions} directions")
    if later is None:
        drift = hidden_drift(*turning, approximation, progress)
        if noise > 0:
            drift = with_synaptic_noise(drift, values, problem.hidden, noise)
        delta, mean_rotation = angular_matrices(drift, minimum.rank)
    else:
        drift = DeferredDrift(problem, later)
        delta = decay_matrix(*turning, approximation, progress)
        if noise > 0:
            delta[np.diag_indices(minimum.rank)] += synaptic_decay(values, problem.hidden, noise)
        mean_rotation = mean_rotation_matrix(*turning)
    if minimum.rank > 1 and not delta.any():
        warnings += (STANDSTILL,)
    return Evaluation(
        study=problem.study,
        method="dense",
        approximation=approximation,
        parameters=parameters_of(problem),
        minimum=numbers,
        fluctuation=units.inverse.fluctuation(_fluctuation(natural, minimum, fluctuation)),
        drift=drift,
        decay_matrix=delta,
        mean_rotation=mean_rotation,
        stimuli=tuple(
            map(
                units.inverse.stimulus,
                stimulus_drifts(natural.stimuli, minimum.first_layer, delta, mean_rotation),
            )
        ),
        validity=limits,
        warnings=warnings,
    )


def validity(problem: LearningProblem) -> Validity:
    """How far the numbers of full matrices hold; nothing else is computed.

    Raises
    ------
    RequestError
        When the minimum is refused (see `solve_minimum`), or memory does not suffice.
    """
    minimum = minimum_of(problem)
    units = natural_units(problem.teacher, problem.input_covariance)
    natural, minimum = units.problem(problem), in_units(minimum, units)
    found = dense_validity(natural, minimum, gradient_fluctuation(natural, minimum))
    return replace(found, critical_rate=found.critical_rate * units.curvature)


def _loss_of_noise(problem: LearningProblem) -> float:
    """What label noise adds to every loss."""
    return 0.5 * float(np.sum(problem.label_noise))


def _others(problem: LearningProblem, minimum: MinimumPoint) -> tuple[StrictMinimum, ...]:
    """The other strict minima, label noise included."""
    added = _loss_of_noise(problem)
    return tuple(replace(other, loss=other.loss + added) for other in minimum.others)


def minimum_warnings(problem: LearningProblem) -> tuple[str, ...]:
    """Say which strict minima there are beside that of a problem."""
    return several_warnings(problem.minimum, _others(problem, minimum_of(problem)))


def _fluctuation(
    problem: LearningProblem, minimum: MinimumPoint, fluctuation: NormalFluctuation
) -> Fluctuation:
    """Fluctuation by gradient noise and by synaptic noise, ``varsigma^2 / (2 eta) H^-1``."""
    variance = problem.synaptic_noise / (2 * problem.learning_rate)
    spectrum = minimum.spectrum
    return Fluctuation(
        weight_variance=fluctuation.weight_variance + variance * spectrum.inverse_trace,
        excess_loss=fluctuation.excess_loss + 0.5 * variance * spectrum.dimension,
    )


def dense_warnings(
    problem: LearningProblem, minimum: MinimumPoint, limits: Validity
) -> tuple[str, ...]:
    """Where results of full matrices are doubtful; refused where SGD diverges."""
    certificate = minimum.certificate
    warnings = validity_warnings(problem, limits) + unseen_warnings(problem)
    warnings += stillness_warnings(problem, minimum.rank)
    warnings += likeness_warnings(minimum.singular_values)
    warnings += several_warnings(problem.minimum, _others(problem, minimum))
    if problem.synaptic_noise > 0:
        smallest = float(minimum.singular_values[-1])
        warnings += synaptic_warnings(problem, certificate.hessian_min, smallest)
    return warnings


def likeness_warnings(values: Array) -> tuple[str, ...]:
    """Say which hidden axes are chosen, where singular values differ by little but do differ."""
    runs = ((run, 1 - values[run.stop - 1] / values[run.start]) for run in subspaces(values))
    return tuple(
        f"singular values {run.start + 1} to {run.stop} differ by {apart:.2g} of their size, less "
        f"than the {DEGENERACY_TOLERANCE:g} that are told apart: their hidden axes are those "
        "nearest to the input axes, and covariance and mean rotation of planes between them are "
        "of these axes; what is said of stimuli is the same for any"
        for run, apart in runs
        if apart > ROUNDED
    )


def unseen_warnings(problem: LearningProblem) -> tuple[str, ...]:
    """Warn when the teacher acts on inputs that never occur: nothing of it is learned."""
    if problem.inputs.full_rank:
        return ()
    variances, axes = np.linalg.eigh(problem.input_covariance)
    size = len(variances)
    unseen = variances <= size * np.finfo(float).eps * variances[-1]
    acted_on = np.linalg.norm(problem.teacher @ axes[:, unseen])
    if acted_on <= UNSEEN_TOLERANCE * np.linalg.norm(problem.teacher):
        return ()
    return (
        f"inputs span {size - np.count_nonzero(unseen)} of {size} dimensions; what the teacher "
        "does in the others is not learned and has no representation: add stimuli that span "
        "them, or leave those inputs out",
    )

"""Every number of an aligned problem from the generated kernels."""

from __future__ import annotations

import numpy as np

from symdrift.closed_form import kernels
from symdrift.closed_form.alignment import Alignment, align
from symdrift.errors import RequestError
from symdrift.evaluation import (
    Drift,
    Evaluation,
    Fluctuation,
    Minimum,
    StimulusEvaluation,
    parameters_of,
    require_weight_decay,
    stillness_warnings,
    stimulus_drift,
    validity_warnings,
)
from symdrift.inputs import Elliptical, Gaussian
from symdrift.memory import available_memory
from symdrift.problem import Array, LearningProblem

NUMBER = 8
"""Bytes of a number."""

TIE = 1e-9
"""Relative distance below which a threshold or a tie counts as met with equality."""


def applies(problem: LearningProblem) -> str | None:
    """Why the closed form does not apply, as a sentence; ``None`` when it does."""
    inputs = problem.inputs
    if isinstance(inputs, Elliptical) and inputs.kurtosis != 0:
        # Cov(x_i^2, x_l^2) != 0 couples the blocks of the directions (i, i) to each other.
        return "the squares of elliptical inputs are correlated"
    if not isinstance(inputs, Gaussian | Elliptical):
        return "the inputs are not Gaussian"
    if problem.synaptic_noise != 0:
        return "synaptic noise is not covered by it"
    aligned = align(problem)
    return aligned if isinstance(aligned, str) else None


def evaluate(problem: LearningProblem, approximation: str = "exact") -> Evaluation:
    """Evaluate the closed form.

    Parameters
    ----------
    problem : LearningProblem
        Aligned, with Gaussian inputs; see :func:`applies`.
    approximation : {"exact", "white"}

    Raises
    ------
    RequestError
        When the problem is not aligned, the minimum is not strict, no direction is
        active, the learning rate is unstable, or the covariance of all planes does not
        fit into memory.
    """
    _require_memory(problem)
    stimuli, diffusion_tensor = _evaluated(problem, approximation)
    first, second = np.triu_indices(stimuli.minimum.rank, 1)
    return Evaluation(
        study=stimuli.study,
        method=stimuli.method,
        approximation=approximation,
        parameters=stimuli.parameters,
        minimum=stimuli.minimum,
        fluctuation=stimuli.fluctuation,
        drift=Drift(
            planes=tuple((int(i) + 1, int(j) + 1) for i, j in zip(first, second, strict=True)),
            covariance=np.diag(2 * diffusion_tensor[first, second]),
            mean_rotation=np.zeros(first.size),
        ),
        stimuli=stimuli.stimuli,
        warnings=stimuli.warnings,
    )


def evaluate_stimuli(problem: LearningProblem, approximation: str = "exact") -> StimulusEvaluation:
    """Evaluate the closed form for the stimuli only, ``Delta = diag(sum_j D_ij)``.

    Parameters
    ----------
    problem, approximation
        As for :func:`evaluate`.

    Raises
    ------
    RequestError
        As for :func:`evaluate`.
    """
    return _evaluated(problem, approximation)[0]


def _require_memory(problem: LearningProblem) -> None:
    """Refuse a problem whose covariance of rotations between all planes does not fit."""
    axes = min(*problem.teacher.shape, problem.hidden)
    planes = axes * (axes - 1) // 2
    # Held once, and as plain numbers when it is printed.
    needed, available = 2 * NUMBER * planes**2, available_memory()
    if needed > available:
        raise RequestError(
            "network",
            f"with up to {axes} active hidden units has {planes} planes, and the covariance of "
            f"their rotations would need about {needed / 2**30:.1f} GiB (available: "
            f"{available / 2**30:.1f} GiB); stimulus quantities alone need less: "
            "--quantities stimuli",
        )


def _evaluated(problem: LearningProblem, approximation: str) -> tuple[StimulusEvaluation, Array]:
    """Numbers of the stimuli, and the diffusion of each plane, shape ``(rank, rank)``."""
    aligned = align(problem)
    if isinstance(aligned, str):
        raise RequestError("method", f'= "closed-form" does not apply: {aligned}')
    _refuse_degenerate(problem, aligned)
    outputs, inputs = problem.teacher.shape
    sizes = {"inputs": inputs, "outputs": outputs, "hidden": problem.hidden}
    minimum_arguments = {
        "covariance": aligned.input_variances,
        "weight_decay": problem.weight_decay,
        "gains": aligned.gains,
        **sizes,
    }
    arguments = minimum_arguments | {
        "learning_rate": problem.learning_rate,
        "label_noise": aligned.label_noise,
        "batch": problem.batch,
    }
    values = kernels.singular_values(**minimum_arguments)
    axes = sorted(np.flatnonzero(values), key=lambda k: (-values[k], k))
    smallest, largest = kernels.hessian_range(**minimum_arguments)
    warnings = validity_warnings(problem, float(largest)) + stillness_warnings(problem, len(axes))
    weight_variance, excess_loss = kernels.fluctuation(**arguments)
    diffusion_tensor = (
        kernels.diffusion_tensor
        if approximation == "exact"
        else kernels.diffusion_tensor_white_noise
    )(**arguments)[np.ix_(axes, axes)]
    rank = len(axes)
    roots = np.sqrt(values[axes])
    first_layer = roots[:, None] * aligned.input_axes[:, axes].T
    delta = np.diag(diffusion_tensor.sum(axis=1))
    mean_rotation = np.zeros((rank, rank))
    stimuli = StimulusEvaluation(
        study=problem.study,
        method="closed-form",
        approximation=approximation,
        parameters=parameters_of(problem),
        minimum=Minimum(
            rank=rank,
            singular_values=values[axes],
            loss=float(kernels.loss(**minimum_arguments, label_noise=aligned.label_noise)),
            hessian_min=float(smallest),
            hessian_max=float(largest),
        ),
        fluctuation=Fluctuation(float(weight_variance), float(excess_loss)),
        decay_matrix=delta,
        mean_rotation=mean_rotation,
        stimuli=tuple(
            stimulus_drift(stimulus, first_layer, delta, mean_rotation)
            for stimulus in problem.stimuli
        ),
        warnings=warnings,
    )
    return stimuli, diffusion_tensor


def _refuse_degenerate(problem: LearningProblem, aligned: Alignment) -> None:
    """Refuse problems without a strict minimum or without any active direction."""
    gamma = problem.weight_decay
    require_weight_decay(gamma)
    variances = aligned.input_variances[: aligned.gains.size]
    strengths = variances * aligned.gains
    learnable = strengths > gamma * (1 + TIE)
    reductions = np.sort(
        kernels.loss_reductions(variances[learnable], gamma, aligned.gains[learnable])
    )[::-1]
    hidden = problem.hidden
    met = ~learnable & (strengths >= gamma * (1 - TIE))
    # A bottleneck leaves out an axis at its threshold, and stays strict.
    if met.any() and hidden >= reductions.size:
        axis = int(np.flatnonzero(met)[0]) + 1
        raise RequestError(
            "learning.weight_decay",
            f"= {gamma:g} meets the threshold of axis {axis} with equality (input variance times "
            "gain equals weight decay), where the minimum is not strict; move it away from there",
        )
    if not learnable.any():
        raise RequestError(
            "learning.weight_decay",
            f"= {gamma:g} leaves no active direction: it must stay below the largest input "
            f"variance times gain, {strengths.max():.6g}",
        )
    if hidden < reductions.size and reductions[hidden - 1] - reductions[hidden] < TIE * 0.5 * (
        strengths @ aligned.gains
    ):
        raise RequestError(
            "network.hidden",
            f"= {hidden} cuts through a tie: axes that lower the loss equally compete for the "
            "last hidden unit; change the number of hidden units, a gain or an input variance",
        )

"""The corrections of a problem's numbers, from its expansion."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from symdrift.errors import RequestError
from symdrift.evaluation.corrections import (
    Corrections,
    DriftCorrections,
    FluctuationCorrections,
    MinimumCorrections,
    StimulusCorrections,
)
from symdrift.evaluation.dense.coordinates import hidden_planes
from symdrift.evaluation.dense.landscape import in_units, solve_minimum
from symdrift.evaluation.next_order.expansion import Expansion, expand
from symdrift.evaluation.units import natural_units
from symdrift.memory import available_memory
from symdrift.study.problem import LearningProblem, Stimulus

ROUNDING = 1e-12
"""Size, relative to the largest of its kind, below which a number is zero and has no correction."""


def corrections(problem: LearningProblem) -> Corrections:
    """Corrections of all numbers of a problem, by the general expansion.

    Parameters
    ----------
    problem : LearningProblem
        Of up to about 30 normal directions, without synaptic noise.

    Raises
    ------
    RequestError
        When the minimum is refused, weights have synaptic noise, or memory does not suffice.
    """
    if problem.synaptic_noise > 0:
        raise RequestError(
            "learning.synaptic_noise",
            f"= {problem.synaptic_noise:g} must be 0 for the next order in the learning rate",
        )
    minimum = solve_minimum(
        problem.teacher, problem.input_covariance, problem.weight_decay, problem.hidden
    )
    _require_memory(problem, minimum.rank)
    units = natural_units(problem.teacher, problem.input_covariance)
    natural, minimum = units.problem(problem), in_units(minimum, units)
    expansion = expand(natural, minimum)
    stationary, turning = expansion.stationary, expansion.rotation
    excess = expansion.excess_loss
    # A rate in natural units is the rate over the factor of the curvature, and so is 1 / c.
    per_rate = 1 / units.curvature

    def relative(leading: float, following: float, scale: float) -> float | None:
        return following / leading * per_rate if abs(leading) > ROUNDING * scale else None

    loss = minimum.loss + 0.5 * float(np.sum(natural.label_noise))
    variance = float(np.trace(stationary.covariance))
    # About the mean of the deviation, which is of the next order itself.
    wider = float(np.trace(stationary.second) - stationary.mean @ stationary.mean)
    covariance, after = turning.covariance
    largest = float(np.abs(covariance).max(initial=0.0))
    steady, later = turning.mean
    return Corrections(
        minimum=MinimumCorrections(excess[0] / loss * per_rate),
        fluctuation=FluctuationCorrections(
            relative(variance, wider, variance),
            relative(*excess, excess[0]),
        ),
        drift=DriftCorrections(
            tuple((i + 1, j + 1) for i, j in hidden_planes(minimum.rank)),
            tuple(
                tuple(relative(a, b, largest) for a, b in zip(*rows, strict=True))
                for rows in zip(covariance.tolist(), after.tolist(), strict=True)
            ),
            tuple(
                relative(a, b, float(np.sqrt(largest)))
                for a, b in zip(steady.tolist(), later.tolist(), strict=True)
            ),
        ),
        stimuli=tuple(
            _of_stimulus(stimulus, expansion, relative)
            for stimulus in natural.stimuli
        ),
    )


def _require_memory(problem: LearningProblem, rank: int) -> None:
    """Refuse what does not fit: the cubic forms of the update and their products."""
    outputs, inputs = problem.teacher.shape
    planes = rank * (rank - 1) // 2
    size = rank * (inputs + outputs) - planes
    needed = 8 * (8 * size**4 + 6 * planes**2 * size**4)
    if needed > available_memory():
        raise RequestError(
            "network",
            f"with {inputs} inputs, {outputs} outputs and {rank} active hidden units has {size} "
            f"normal directions, whose next order in the learning rate would need about "
            f"{needed / 2**30:.0f} GiB (available: {available_memory() / 2**30:.1f} GiB); about "
            "30 are possible",
        )


def _of_stimulus(
    stimulus: Stimulus,
    expansion: Expansion,
    relative: Callable[[float, float, float], float | None],
) -> StimulusCorrections:
    """What is seen of one stimulus: its norm, and how its mean representation fades and turns.

    Its mean is the representation ``w`` at the minimum and, of the next order, that of the mean
    deviation; the turning and fading act on both.
    """
    slice_, stationary, turning = expansion.slice_, expansion.stationary, expansion.rotation
    axes = slice_.normal[: slice_.point[0].size].T.reshape(-1, *slice_.point[0].shape)
    still = slice_.rule.representation(slice_.point, stimulus.vector)
    moved = axes @ stimulus.vector
    shift = stationary.mean @ moved
    norm = float(still @ still)
    spread = float(np.sum((moved @ moved.T) * stationary.covariance))
    leading, following = turning.decay
    fading = float(still @ leading @ still)
    faded = float(still @ following @ still + 2 * still @ leading @ shift)
    mean, later = (np.tensordot(part, slice_.generators, 1) for part in turning.mean)
    speed = float(np.linalg.norm(mean @ still))
    faster = float((mean @ still) @ (later @ still + mean @ shift)) / speed if speed else 0.0
    size = float(np.sum(slice_.point[0] ** 2) * (stimulus.vector @ stimulus.vector))
    rates = float(np.trace(leading))
    diffusion = relative(fading, faded, size * rates)
    longer = relative(norm, 2 * float(still @ shift), size)
    return StimulusCorrections(
        name=stimulus.name,
        squared_norm=relative(norm, 2 * float(still @ shift) + spread, size),
        diffusion=diffusion,
        decay_rate=None if diffusion is None or longer is None else diffusion - longer,
        mean_speed=relative(speed, faster, float(np.sqrt(size * rates))),
    )

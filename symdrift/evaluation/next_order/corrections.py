"""The correction of each number of an evaluation, per unit of the learning rate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from symdrift.errors import RequestError
from symdrift.evaluation.dense.coordinates import hidden_planes
from symdrift.evaluation.dense.landscape import MinimumPoint, in_units, solve_minimum
from symdrift.evaluation.next_order.batches import batch_means
from symdrift.evaluation.next_order.one_step import (
    Samples,
    Slice,
    expected_forms,
    slice_at,
    step_fields,
    update_forms,
)
from symdrift.evaluation.next_order.poisson import PRODUCTS as POISSON_PRODUCTS
from symdrift.evaluation.next_order.poisson import poisson_function
from symdrift.evaluation.next_order.polynomials import constant
from symdrift.evaluation.next_order.rotation import Rotation, rotation
from symdrift.evaluation.next_order.stationary import PRODUCTS as STATIONARY_PRODUCTS
from symdrift.evaluation.next_order.stationary import (
    Stationary,
    leading_covariance,
    linear_fourth,
    stationary_moments,
)
from symdrift.evaluation.units import natural_units
from symdrift.memory import available_memory
from symdrift.records import Record
from symdrift.rules.linear import TwoLayerLinear
from symdrift.study.problem import Array, LearningProblem, Stimulus

MEANS = {
    **STATIONARY_PRODUCTS,
    **POISSON_PRODUCTS,
    "bend": "bend_ijl -> ijl",
    "second_turn": "second_turn_aij -> aij",
}

ROUNDING = 1e-12
"""Size, relative to the largest of its kind, below which a number is zero and has no correction."""


@dataclass(frozen=True)
class FluctuationCorrections(Record):
    """Corrections of `Fluctuation`: of the squared distance from the minima, and of the loss."""

    weight_variance: float | None
    excess_loss: float | None


@dataclass(frozen=True)
class DriftCorrections(Record):
    """Corrections of `Drift`, by planes as there; ``None`` where the number itself is zero."""

    planes: tuple[tuple[int, int], ...]
    covariance: tuple[tuple[float | None, ...], ...]
    mean_rotation: tuple[float | None, ...]


@dataclass(frozen=True)
class StimulusCorrections(Record):
    """Corrections of `StimulusDrift`."""

    name: str
    squared_norm: float | None
    diffusion: float | None
    decay_rate: float | None
    mean_speed: float | None


@dataclass(frozen=True)
class Corrections(Record):
    """``c`` of ``q = q_0 (1 + c eta + ...)`` for each number; ``None`` where ``q_0 = 0``.

    Attributes
    ----------
    loss : float
        Of the loss at the minimum: its excess, to leading order.
    fluctuation : FluctuationCorrections
    drift : DriftCorrections
    stimuli : tuple of StimulusCorrections
    """

    loss: float
    fluctuation: FluctuationCorrections
    drift: DriftCorrections
    stimuli: tuple[StimulusCorrections, ...]


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
    expansion = _expanded(natural, minimum)
    stationary, turning = expansion.stationary, expansion.rotation
    excess = expansion.excess_loss
    # A rate in natural units is the rate over the factor of the curvature, and so is 1 / c.
    per_rate = 1 / units.curvature

    def relative(leading: float, following: float, scale: float) -> float | None:
        return following / leading * per_rate if abs(leading) > ROUNDING * scale else None

    loss = minimum.loss + 0.5 * float(np.sum(natural.label_noise))
    variance = float(np.trace(stationary.covariance))
    covariance, after = turning.covariance
    largest = float(np.abs(covariance).max(initial=0.0))
    steady, later = turning.mean
    return Corrections(
        loss=excess[0] / loss * per_rate,
        fluctuation=FluctuationCorrections(
            relative(variance, float(np.trace(stationary.second)), variance),
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


@dataclass(frozen=True, eq=False)
class _Expansion:
    slice_: Slice
    stationary: Stationary
    excess_loss: tuple[float, float]
    rotation: Rotation


def _expanded(problem: LearningProblem, minimum: MinimumPoint) -> _Expansion:
    """Moments of the deviation, excess loss and rotation, at both orders."""
    average = _average_samples(problem)
    rule = TwoLayerLinear(constant(problem.teacher, 3), problem.weight_decay)
    point = (minimum.first_layer, minimum.second_layer)
    slice_ = slice_at(rule, point, average, minimum.rank)
    curvatures, batch = slice_.curvatures, problem.batch
    samples = _samples(problem)
    force = update_forms(rule, point, slice_.normal, samples, 0)[0] @ slice_.normal
    gamma = leading_covariance((force.T * samples.weights) @ force / batch, curvatures)
    means = batch_means(MEANS, step_fields(slice_, samples, gamma), batch)
    means |= expected_forms(slice_, average, means["second_turn"])
    means["fourth_linear"] = linear_fourth(slice_.turned, means["turn_force"])
    stationary = stationary_moments(means, curvatures)
    following = (
        0.5 * curvatures @ np.diagonal(stationary.second)
        - np.sum(means["pull"] * stationary.third) / 3
        - np.sum(means["cubic_pull"] * stationary.fourth) / 4
    )
    poisson = poisson_function(slice_, means, stationary)
    return _Expansion(
        slice_,
        stationary,
        (0.5 * float(curvatures @ np.diagonal(stationary.covariance)), float(following)),
        rotation(slice_, poisson, stationary, step_fields(slice_, samples, gamma), batch),
    )


def _average_samples(problem: LearningProblem) -> Samples:
    """Points with the second moment of the inputs, which is all that the expected update needs."""
    variances, axes = np.linalg.eigh(problem.input_covariance)
    size = len(variances)
    points = (axes * np.sqrt(size * np.maximum(variances, 0))).T
    return Samples(points, np.zeros((size, len(problem.label_noise))), np.full(size, 1 / size))


def _samples(problem: LearningProblem) -> Samples:
    """Inputs and label noise together: all pairs of their points."""
    inputs, shares = problem.inputs.nodes()
    noise, weights = noise_nodes(problem.label_noise)
    return Samples(
        np.repeat(inputs, len(noise), axis=0),
        np.tile(noise, (len(inputs), 1)),
        np.outer(shares, weights).ravel(),
    )


def noise_nodes(variances: Array) -> tuple[Array, Array]:
    """Points and weights that average polynomials of label noise up to the fifth degree exactly.

    The ``2 k^2 + 1`` points of Stroud's formula for ``k`` noisy outputs: the origin, points on
    the axes, and on the diagonals between two of them.
    """
    noisy = np.flatnonzero(variances)
    size = len(noisy)
    unit = np.eye(size)
    rows, columns = np.triu_indices(size, 1)
    diagonals = np.concatenate([unit[rows] + unit[columns], unit[rows] - unit[columns]])
    points = np.concatenate([
        np.zeros((1, size)),
        np.sqrt(size + 2) * np.concatenate([unit, -unit]),
        np.sqrt((size + 2) / 2) * np.concatenate([diagonals, -diagonals]),
    ])  # fmt: skip
    weights = np.concatenate([
        [2 / (size + 2)],
        np.full(2 * size, (4 - size) / (2 * (size + 2) ** 2)),
        np.full(2 * len(diagonals), 1 / (size + 2) ** 2),
    ])  # fmt: skip
    noise = np.zeros((len(points), len(variances)))
    noise[:, noisy] = points * np.sqrt(variances[noisy])
    return noise, weights


def _of_stimulus(
    stimulus: Stimulus,
    expansion: _Expansion,
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

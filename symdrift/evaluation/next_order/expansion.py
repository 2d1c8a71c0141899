"""Both orders of one problem: moments of the deviation, excess loss, rotation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from symdrift.errors import RequestError
from symdrift.evaluation.next_order.batches import Ensemble, batch_means
from symdrift.evaluation.next_order.direct_noise import direct_rotation, fluctuating
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
from symdrift.evaluation.next_order.two_times import TwoTimes
from symdrift.rules.linear import TwoLayerLinear
from symdrift.study.problem import Array, LearningProblem

MEANS = {
    **STATIONARY_PRODUCTS,
    **POISSON_PRODUCTS,
    "bend": "bend_ijl -> ijl",
    "second_turn": "second_turn_aij -> aij",
}


RESOLVED = 1e-12
"""Smallest curvature, over the largest, whose inverse has digits that count."""


@dataclass(frozen=True, eq=False)
class Expansion:
    """Moments and rotation in powers of the learning rate.

    Attributes
    ----------
    slice_ : Slice
    stationary : Stationary
        By gradient noise: what synaptic noise adds is ``varsigma^2 / (2 eta h)``.
    excess_loss : (float, float)
        At ``eta`` and ``eta^2``, of the same.
    rotation : Rotation
    """

    slice_: Slice
    stationary: Stationary
    excess_loss: tuple[float, float]
    rotation: Rotation


def expand(problem: LearningProblem, point: tuple[Array, Array]) -> Expansion:
    """Expand one step around the minimum and solve for both orders.

    Parameters
    ----------
    problem : LearningProblem
        In units in which its numbers are about 1.
    point : (Array, Array)
        Weights ``W*`` and ``U*`` at the minimum, of the active hidden units, in the same units.
        Silent ones have no gradient; with synaptic noise they may follow.
    """
    step = _one_step(problem, point)
    slice_, means, stationary = step.slice_, step.means, step.stationary
    curvatures = slice_.curvatures
    following = (
        0.5 * curvatures @ np.diagonal(stationary.second)
        - np.sum(means["pull"] * stationary.third) / 3
        - 0.75 * np.sum(means["cubic_pull"] * stationary.covariance)
    )
    poisson = poisson_function(slice_, means, stationary, step.fields, step.ensemble, problem.batch)
    synaptic = problem.synaptic_noise / problem.learning_rate**3
    turning = rotation(
        slice_, poisson, fluctuating(stationary, curvatures, synaptic), step.fields, step.ensemble,
        problem.batch,
    ).driven(slice_.generators, direct_rotation(slice_, poisson, stationary, synaptic))  # fmt: skip
    return Expansion(
        slice_,
        stationary,
        (0.5 * float(curvatures @ np.diagonal(stationary.covariance)), float(following)),
        turning,
    )


def two_times(problem: LearningProblem, point: tuple[Array, Array]) -> TwoTimes:
    """Of a problem its representations at two times, by gradient noise.

    Parameters
    ----------
    problem, point
        As for `expand`.
    """
    step = _one_step(problem, point)
    return TwoTimes(step.slice_, step.means, step.stationary)


class _Step(NamedTuple):
    """One step around a minimum, what it does on average, and the moments that it keeps."""

    slice_: Slice
    fields: dict[str, Array]
    ensemble: Ensemble
    means: dict[str, Array]
    stationary: Stationary


def _one_step(problem: LearningProblem, point: tuple[Array, Array]) -> _Step:
    slice_, points, ensemble, gamma = _leading(problem, point)
    fields = step_fields(slice_, points, gamma)
    means = batch_means(MEANS, fields, ensemble, problem.batch)
    means |= expected_forms(slice_, _average_samples(problem), means["second_turn"], gamma)
    means["fourth_linear"] = linear_fourth(slice_.turned, means["turn_force"])
    return _Step(slice_, fields, ensemble, means, stationary_moments(means, slice_.curvatures))


def mean_layer(problem: LearningProblem, point: tuple[Array, Array]) -> tuple[Array, Array]:
    """Displacement of the mean of ``W``, and its spread, at order ``eta``, and no more than that.

    Parameters
    ----------
    problem, point
        As for `expand`.

    Returns
    -------
    shift, spread : Array
        Shapes ``(r, n)`` and ``(n, n)``, as in `orders.Orders`.
    """
    slice_, _, _, gamma = _leading(problem, point)
    return _mean_and_spread(problem, slice_, slice_.normal, gamma, np.zeros(len(gamma)))


def mean_layer_by_synapses(
    problem: LearningProblem, point: tuple[Array, Array], silent: int = 0
) -> tuple[Array, Array]:
    """The same by synaptic noise alone, of ``varsigma^2 / (2 eta h)`` along each curvature.

    Noise along the orbit has a part in it, too: weights that it moves on a straight line, in the
    direction of a turn ``X``, leave the orbit by ``-X X theta* / 2``.

    Parameters
    ----------
    problem, point
        As for `expand`, with one silent unit if there are any.
    silent : int
        Of them there are so many, and what one adds they add one by one.

    Returns
    -------
    shift, spread : Array
        Shapes ``(p, n)`` and ``(n, n)``, in units of the learning rate like those of `mean_layer`.
    """
    slice_ = _slice(problem, point)
    quiet = [~point[0].any(axis=1, keepdims=True), ~point[1].any(axis=0, keepdims=True)]
    number = np.concatenate([
        np.where(own, float(silent), 1.0 + np.zeros(layer.shape)).ravel()
        for own, layer in zip(quiet, point, strict=True)
    ])  # fmt: skip
    moved = slice_.normal * np.sqrt(number)[:, np.newaxis]
    angles = slice_.reading * np.sqrt(number)
    twice = np.einsum("aw,bw,aij,bjk->ik", angles, angles, *[slice_.generators] * 2, optimize=True)
    outwards = [-0.5 * twice @ point[0], -0.5 * point[1] @ twice]
    variance = problem.synaptic_noise / problem.learning_rate**2
    return _mean_and_spread(
        problem, slice_, moved, np.diag(variance / (2 * slice_.curvatures)),
        variance * np.concatenate([layer.ravel() for layer in outwards]) @ slice_.normal,
    )  # fmt: skip


def _mean_and_spread(
    problem: LearningProblem, slice_: Slice, moved: Array, gamma: Array, pushed: Array
) -> tuple[Array, Array]:
    """Of the first layer, where weights vary along some axes, shape ``(weights, d)``, by Gamma.

    Something else pushes them along the curvatures.
    """
    average, first = _average_samples(problem), slice_.point[0]
    pull = np.zeros(len(slice_.normal))
    for place, weight in enumerate(average.weights):
        one = average[place : place + 1]
        quadratic = update_forms(slice_.rule, slice_.point, moved, one, 2)[2][0]
        pull += weight * np.tensordot(quadratic, gamma, 2)
    shift = slice_.normal[: first.size] @ ((slice_.normal.T @ pull + pushed) / slice_.curvatures)
    axes = moved[: first.size].T.reshape(-1, *first.shape)
    spread = np.einsum("dki,de,ekj->ij", axes, gamma, axes, optimize=True)
    return shift.reshape(first.shape), spread


def _slice(problem: LearningProblem, point: tuple[Array, Array]) -> Slice:
    rule = TwoLayerLinear(constant(problem.teacher, 3), problem.weight_decay)
    return slice_at(rule, point, _average_samples(problem), len(point[0]))


def _leading(
    problem: LearningProblem, point: tuple[Array, Array]
) -> tuple[Slice, Samples, Ensemble, Array]:
    """Coordinates across the orbit, points that stand for the samples, and ``Gamma``."""
    slice_ = _slice(problem, point)
    smallest, largest = slice_.curvatures.min(), slice_.curvatures.max()
    if smallest < RESOLVED * largest:
        raise RequestError(
            "learning.weight_decay",
            f"= {problem.weight_decay:g} in natural units leaves a curvature that double precision "
            f"does not tell from zero beside the largest, {largest:.2g}: the next order in the "
            "learning rate needs a larger one",
        )
    points, ensemble = samples_of(problem).reduced()
    force = update_forms(slice_.rule, point, slice_.normal, points, 0)[0] @ slice_.normal
    products = {"noise": STATIONARY_PRODUCTS["noise"]}
    means = batch_means(products, {"force": force}, ensemble, problem.batch)
    return slice_, points, ensemble, leading_covariance(means["noise"], slice_.curvatures)


def _average_samples(problem: LearningProblem) -> Samples:
    """Inputs, as columns of one sample, with the second moment that the expected update needs."""
    variances, axes = np.linalg.eigh(problem.input_covariance)
    columns = axes * np.sqrt(np.maximum(variances, 0))
    noise = np.zeros((1, len(problem.label_noise), len(variances)))
    return Samples(columns[np.newaxis], noise, np.ones(1))


def samples_of(problem: LearningProblem) -> Samples:
    """Inputs and label noise together, all pairs of their points."""
    inputs, shares = problem.inputs.nodes()
    noise, weights = noise_nodes(problem.label_noise)
    return Samples(
        np.repeat(inputs, len(noise), axis=0),
        np.tile(noise, (len(inputs), 1)),
        np.outer(shares, weights).ravel(),
    )


def noise_node_count(noisy: int) -> int:
    """Points of `noise_nodes` for so many noisy outputs."""
    return 2 * noisy**2 + 1


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

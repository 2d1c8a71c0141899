"""Numbers of the figures that show networks in motion, from short simulations."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from symdrift import figures
from symdrift.documents.computed import computed
from symdrift.documents.drawings import Drawing
from symdrift.evaluation.dense.landscape import MinimumPoint, solve_minimum
from symdrift.evaluation.dense.lyapunov import NormalFluctuation, gradient_fluctuation
from symdrift.evaluation.dense.operator import expected_loss
from symdrift.evaluation.result import Evaluation
from symdrift.figures import FluctuationSpectrum, Standstill, SweptArea
from symdrift.simulation.trajectory import DEFAULT_RELAXATIONS, Trajectory, simulate
from symdrift.study.problem import Array, LearningProblem

SHOWN_STIFFNESS, LARGEST_STIFFNESS = 0.1, 0.15
"""Learning rate times largest Hessian eigenvalue at which single networks are shown, and that
of networks that would drift too slowly otherwise."""

MOST_WEIGHT_STEPS = 6e7
"""Steps times weights of the network whose drift is shown: about a second."""

SHOWN_SIMILARITIES = 3
MOST_MODES = 64

MOST_STEPS = 4_000_000
MOST_ENSEMBLE_STEPS = 1.5e9
"""Steps times weights of all networks whose fluctuation is measured."""

SHOWN_RECORDS = 350
"""Records of a long run that are drawn."""

_STILL = 1e-9
"""Variance, relative to the largest, of directions that noise does not reach."""

_SEED = 0
_AREA_STEPS = 1000
_PATH_STEPS = 150
_REPLICAS = 64
_VISIBLE = 0.3
"""Part of the drift wanted with which a figure is content."""

_DRIFT_SHOWN = 1.5
"""Length of the drift that is shown, in units of the time in which memory is lost."""


def motion_drawings(problem: LearningProblem, evaluation: Evaluation) -> Iterator[Drawing]:
    """Figures of networks in motion; their simulations are made once for the same problem.

    With synaptic noise deviations have parts that gradients do not reach, and only the drift
    at constant loss is shown.
    """

    def simulate_all() -> tuple[
        Standstill | None, FluctuationSpectrum | None, SweptArea | None
    ]:
        still = standstill(problem, evaluation)
        if problem.synaptic_noise > 0:
            return still, None, None
        return still, fluctuation_spectrum(problem), swept_area(problem, evaluation)

    still, spectrum, area = computed("motion", problem, simulate_all, _SEED)
    if still is not None:
        yield Drawing(
            "standstill", still, figures.draw_standstill, figures.caption_standstill(still)
        )
    if spectrum is not None:
        yield Drawing(
            "fluctuation",
            spectrum,
            figures.draw_fluctuation_spectrum,
            figures.caption_fluctuation_spectrum(spectrum),
        )
    if area is not None:
        yield Drawing("area", area, figures.draw_swept_area, figures.caption_swept_area(area))


@dataclass(frozen=True)
class _Unrotated:
    """A trajectory as rotation along the manifold and deviation from it.

    Attributes
    ----------
    rotation : Array
        ``Q_t``, the polar factor of ``Z_t Z*'``, shape ``(..., r, r)``.
    deviation : Array
        ``n_t = Q_t' Z_t - Z*``, shape ``(..., r, n + m)``.
    """

    rotation: Array
    deviation: Array


def standstill(problem: LearningProblem, evaluation: Evaluation) -> Standstill | None:
    """One network for as long as its fastest stimulus takes to forget its direction.

    None without a stimulus that drifts.
    """
    rates = [entry.decay_rate for entry in evaluation.stimuli]
    if not max(rates, default=0.0) > 0:
        return None
    fastest = int(np.argmax(rates))
    chosen = problem.stimuli[fastest]
    minimum = _minimum(problem)
    longest = min(MOST_WEIGHT_STEPS / minimum.point.size, MOST_STEPS)
    for stiffness in (SHOWN_STIFFNESS, LARGEST_STIFFNESS):
        fast = _at_stiffness(problem, minimum, stiffness)
        # The decay rate is of third order in the learning rate.
        speed = (fast.learning_rate / problem.learning_rate) ** 3
        wanted = _DRIFT_SHOWN / (speed * rates[fastest])
        if _VISIBLE * wanted <= longest:
            break
    steps = min(wanted, longest)
    run = _thinned(_completed(simulate(fast, max(int(steps), 1000), 1, _SEED, threads=1)))
    loss = [_loss(problem, point) for point in _points(run, problem.hidden)[:, 0]]
    return Standstill(
        stimulus=chosen.name,
        learning_rate=fast.learning_rate,
        time=run.steps.astype(np.float64),
        loss=np.array(loss),
        smallest_loss=_loss(problem, minimum.point),
        excess_loss=evaluation.fluctuation.excess_loss * fast.learning_rate / problem.learning_rate,
        similarities=_similarities(run),
        representation=run.representation(chosen)[:, 0, : minimum.rank],
    )


def fluctuation_spectrum(problem: LearningProblem) -> FluctuationSpectrum:
    """Variance of the deviation along each Hessian eigenvector, in theory and simulation.

    Networks are independent, so that their scatter is the standard error of their mean.
    """
    minimum = _minimum(problem)
    fluctuation = gradient_fluctuation(problem, minimum)
    relaxation_time = 1.0 / (problem.learning_rate * minimum.certificate.hessian_min)
    steps = min(
        DEFAULT_RELAXATIONS * relaxation_time,
        MOST_ENSEMBLE_STEPS / (_REPLICAS * minimum.point.size),
    )
    run = _completed(simulate(problem, math.ceil(steps), _REPLICAS, _SEED))
    deviation = _unrotated(run, minimum).deviation
    modes = deviation.reshape(*deviation.shape[:2], -1) @ fluctuation.basis
    variances = np.mean(modes**2, axis=0)
    theory = np.diagonal(fluctuation.covariance)
    shown = np.argsort(-theory, kind="stable")[:MOST_MODES]
    shown = shown[theory[shown] > _STILL * theory.max()]
    return FluctuationSpectrum(
        stiffness=fluctuation.stiffness[shown],
        theory=theory[shown],
        simulation=variances.mean(axis=0)[shown],
        standard_error=(variances.std(axis=0, ddof=1) / np.sqrt(_REPLICAS))[shown],
        largest_stiffness=problem.learning_rate * minimum.certificate.hessian_max,
    )


def swept_area(problem: LearningProblem, evaluation: Evaluation) -> SweptArea | None:
    """Area that the deviation of one network sweeps, and how far its hidden layer turns.

    ``xi_t = -<n_{t+1} - n_t, Omega n_t> / G`` in the plane that turns fastest; None without
    planes.
    """
    if not evaluation.drift.planes:
        return None
    minimum = _minimum(problem)
    fast = _at_stiffness(problem, minimum, SHOWN_STIFFNESS)
    fastest = int(np.argmax(evaluation.drift.diffusion))
    first, second = (axis - 1 for axis in evaluation.drift.planes[fastest])
    if max(first, second) >= minimum.rank:
        return None
    run = _completed(simulate(fast, _AREA_STEPS - 1, 1, _SEED, threads=1))
    moved = _unrotated(run, minimum)
    rotation, deviation = moved.rotation[:, 0], moved.deviation[:, 0]
    turned = np.zeros_like(deviation)
    turned[:, first], turned[:, second] = deviation[:, second], -deviation[:, first]
    change = np.diff(deviation, axis=0)
    metric = 2 * (minimum.singular_values[first] + minimum.singular_values[second])
    area = -np.sum(change * turned[:-1], axis=(1, 2)) / metric
    steps = rotation[:-1].swapaxes(-1, -2) @ rotation[1:]
    angle = 0.5 * (steps[:, first, second] - steps[:, second, first])
    coordinates = _largest_pair(gradient_fluctuation(fast, minimum), minimum.rank, first, second)
    path = deviation.reshape(len(deviation), -1) @ coordinates
    return SweptArea(
        plane=(first + 1, second + 1),
        learning_rate=fast.learning_rate,
        path=path[:_PATH_STEPS],
        time=run.steps.astype(np.float64),
        area=np.concatenate([[0.0], np.cumsum(area)]),
        angle=np.concatenate([[0.0], np.cumsum(angle)]),
    )


def _largest_pair(fluctuation: NormalFluctuation, rank: int, first: int, second: int) -> Array:
    """The two eigenvectors whose common plane adds most to the area, shape ``(K, 2)``."""
    rows = fluctuation.basis.reshape(rank, -1, len(fluctuation.stiffness))
    turn = rows[first].T @ rows[second]
    scale = np.sqrt(np.diagonal(fluctuation.covariance))
    reach = np.abs(turn - turn.T) * np.outer(scale, scale)
    one, other = sorted(np.unravel_index(int(np.argmax(reach)), reach.shape))
    return fluctuation.basis[:, [one, other]]


def _at_stiffness(
    problem: LearningProblem, minimum: MinimumPoint, stiffness: float
) -> LearningProblem:
    """The problem at a learning rate at which a single network visibly drifts, or its own."""
    rate = stiffness / minimum.certificate.hessian_max
    return replace(problem, learning_rate=max(rate, problem.learning_rate))


def _points(run: Trajectory, rank: int) -> Array:
    """``Z = [W, U']`` of every record and replica, shape ``(records, replicas, r, n + m)``."""
    layers = [run.first_layer, run.second_layer.swapaxes(-1, -2)]
    return np.concatenate(layers, axis=-1)[..., :rank, :]


def _unrotated(run: Trajectory, minimum: MinimumPoint) -> _Unrotated:
    points = _points(run, minimum.rank)
    left, _, right = np.linalg.svd(points @ minimum.point.T)
    rotation = left @ right
    return _Unrotated(rotation, rotation.swapaxes(-1, -2) @ points - minimum.point)


def _similarities(run: Trajectory) -> tuple[tuple[str, str, Array], ...]:
    """Scalar products of the representations of the first stimuli, shape ``(records,)`` each."""
    shown = run.problem.stimuli[:SHOWN_SIMILARITIES]
    represented = [run.representation(stimulus)[:, 0] for stimulus in shown]
    return tuple(
        (shown[a].name, shown[b].name, np.sum(represented[a] * represented[b], axis=-1))
        for a in range(len(shown))
        for b in range(a, len(shown))
    )


def _completed(run: Trajectory) -> Trajectory:
    """A run that was not interrupted."""
    if run.interrupted:
        raise KeyboardInterrupt
    return run


def _thinned(run: Trajectory) -> Trajectory:
    """Every so many records."""
    stride = max(1, len(run.steps) // SHOWN_RECORDS)
    return replace(
        run,
        steps=run.steps[::stride],
        first_layer=run.first_layer[::stride],
        second_layer=run.second_layer[::stride],
    )


def _loss(problem: LearningProblem, point: Array) -> float:
    """Expected loss, with the label noise that no network can learn."""
    learnable = expected_loss(
        point, problem.teacher, problem.input_covariance, problem.weight_decay
    )
    return learnable + 0.5 * float(np.sum(problem.label_noise))


def _minimum(problem: LearningProblem) -> MinimumPoint:
    return solve_minimum(
        problem.teacher, problem.input_covariance, problem.weight_decay, problem.hidden
    )

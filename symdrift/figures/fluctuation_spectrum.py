"""Fluctuation across the manifold of minima, direction by direction."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from symdrift.evaluation.dense.landscape import minimum_of
from symdrift.evaluation.dense.lyapunov import gradient_fluctuation
from symdrift.evaluation.result import Evaluation
from symdrift.figures.style import COLOURS, WIDTH, drawing, percent
from symdrift.figures.trajectories import SEED, completed, settled, unrotated
from symdrift.simulation.trajectory import DEFAULT_RELAXATIONS, simulate
from symdrift.study.problem import Array, LearningProblem

MOST_MODES = 64
MOST_ENSEMBLE_STEPS = 1.5e9
"""Steps times weights of all networks whose fluctuation is measured."""

_REPLICAS = 64
_STILL = 1e-9
"""Variance, relative to the largest, of directions that noise does not reach."""


@dataclass(frozen=True)
class FluctuationSpectrum:
    """Stationary variance along the eigenvectors of the Hessian.

    Attributes
    ----------
    stiffness : Array
        Hessian eigenvalues, shape ``(modes,)``.
    theory, simulation, standard_error : Array
        Variance of the weights along each, shape ``(modes,)``.
    expected_error : float
        Relative correction of the variance of all weights.
    """

    stiffness: Array
    theory: Array
    simulation: Array
    standard_error: Array
    expected_error: float


def numbers(problem: LearningProblem, evaluation: Evaluation) -> FluctuationSpectrum | None:
    """Variance of the deviation along each Hessian eigenvector, in theory and simulation.

    Networks are independent, so that their scatter is the standard error of their mean.
    None with synaptic noise: deviations then have parts that gradients do not reach.
    """
    if problem.synaptic_noise > 0:
        return None
    minimum = minimum_of(problem)
    fluctuation = settled(gradient_fluctuation(problem, minimum))
    relaxation_time = 1.0 / (problem.learning_rate * minimum.certificate.hessian_min)
    steps = min(
        DEFAULT_RELAXATIONS * relaxation_time,
        MOST_ENSEMBLE_STEPS / (_REPLICAS * minimum.point.size),
    )
    run = completed(simulate(problem, math.ceil(steps), _REPLICAS, SEED))
    deviation = unrotated(run, minimum).deviation
    modes = deviation.reshape(*deviation.shape[:2], -1) @ fluctuation.basis
    variances = np.mean(modes**2, axis=0)
    theory = np.diagonal(fluctuation.covariance)
    shown = np.sort(np.argsort(-theory, kind="stable")[:MOST_MODES])
    shown = shown[theory[shown] > _STILL * theory.max()]
    return FluctuationSpectrum(
        stiffness=fluctuation.stiffness[shown],
        theory=theory[shown],
        simulation=variances.mean(axis=0)[shown],
        standard_error=(variances.std(axis=0, ddof=1) / np.sqrt(_REPLICAS))[shown],
        expected_error=evaluation.expected_error("fluctuation.weight_variance"),
    )


def draw(data: FluctuationSpectrum) -> Figure:
    """Variance against stiffness, and the ratio of simulation and theory."""
    with drawing():
        figure = Figure(figsize=(WIDTH, 4.2), layout="constrained")
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
        upper.plot(
            data.stiffness, data.theory, linestyle="none", marker="o", markersize=8,
            markerfacecolor="none", color=COLOURS[0], label="theory",
        )  # fmt: skip
        upper.errorbar(
            data.stiffness, data.simulation, data.standard_error, fmt=".", capsize=2,
            color=COLOURS[1], label="simulation",
        )  # fmt: skip
        upper.set(yscale="log")
        upper.set_ylabel("variance of the weights")
        upper.legend()
        lower.axhline(1.0, color=COLOURS[0])
        lower.axhspan(
            1 - data.expected_error, 1 + data.expected_error, color=COLOURS[0], alpha=0.2,
            linewidth=0,
        )  # fmt: skip
        lower.errorbar(
            data.stiffness, data.simulation / data.theory, data.standard_error / data.theory,
            fmt=".", capsize=2, color=COLOURS[1],
        )  # fmt: skip
        lower.set_xlabel("curvature of the loss along the direction")
        lower.set_ylabel("simulation /\ntheory")
    return figure


def caption(data: FluctuationSpectrum) -> str:
    """What the figure shows."""
    return (
        "Fluctuation across the manifold of minima: variance of the weights along each "
        "eigenvector of the Hessian that the noise reaches. Theory (circles) and simulation "
        "(points, one standard error) agree up to corrections of first order in the learning "
        f"rate: the band is that of the variance of all weights, {percent(data.expected_error)}; "
        "directions along which the noise nearly vanishes are corrected most."
    )

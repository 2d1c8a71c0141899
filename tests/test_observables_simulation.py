"""Displacement and decorrelation of representations in direct simulations of SGD."""

from __future__ import annotations

import math

import numpy as np
from simulation_cases import problem

from symdrift.evaluation.evaluate import evaluate
from symdrift.observables import (
    decorrelation_time,
    drift_process,
    mean_squared_displacement,
)
from symdrift.simulation import Trajectory, simulate
from symdrift.study.problem import LearningProblem, Stimulus


def misaligned(learning_rate: float) -> LearningProblem:
    """The misaligned row of the theory's checked numbers."""
    return problem(
        [[1.5, 0.6], [0.6, 0.8]],
        np.diag([1.2, 0.8]),
        weight_decay=0.15,
        learning_rate=learning_rate,
    )


def measured(trajectory: Trajectory, stimulus: Stimulus, records: int) -> tuple[float, float]:
    """Mean-squared displacement over so many records, and its standard error."""
    code = trajectory.representation(stimulus)
    squares = np.sum((code[records:] - code[:-records]) ** 2, axis=-1).mean(axis=0)
    return float(squares.mean()), float(squares.std(ddof=1) / np.sqrt(len(squares)))


def test_displacement_of_sgd_approaches_the_theory_as_the_rate_falls() -> None:
    """Ratios at ``eta`` and ``eta / 2``, at the same ``eta tau``, extrapolate to 1."""
    ratios: list[list[tuple[float, float]]] = []
    for learning_rate, stride in ((0.01, 10), (0.005, 20)):
        case = misaligned(learning_rate)
        trajectory = simulate(case, steps=999 * stride, replicas=256, seed=1)
        assert trajectory.steps[1] == stride
        process = drift_process(case)
        row = []
        for stimulus in case.stimuli:
            for records in (3, 30, 300):
                lag = np.array([float(records * stride)])
                theory = mean_squared_displacement(process, stimulus, lag).total[0]
                value, error = measured(trajectory, stimulus, records)
                row.append((value / theory, error / theory))
        ratios.append(row)
    for (coarse, coarse_error), (fine, fine_error) in zip(*ratios, strict=True):
        assert abs(coarse - 1) < 3 * coarse_error + 0.08
        limit, error = 2 * fine - coarse, math.hypot(2 * fine_error, coarse_error)
        assert abs(limit - 1) < 3 * error + 0.005


def test_sgd_decorrelates_when_the_theory_says() -> None:
    """Past the fluctuation, where steady rotation leads; corrections are of order ``eta h``."""
    case = misaligned(0.02)
    process = drift_process(case)
    trajectory = simulate(case, steps=2_000_000, replicas=64, seed=3)
    stride = int(trajectory.steps[1])
    correction = 2 * case.learning_rate * evaluate(case).minimum.hessian_max
    assert correction < 0.2
    for stimulus in case.stimuli:
        for records in (1, 30, 300):
            lag = np.array([float(records * stride)])
            theory = mean_squared_displacement(process, stimulus, lag).total[0]
            value, error = measured(trajectory, stimulus, records)
            assert abs(value - theory) < 3 * error + correction * theory
        time = decorrelation_time(process, stimulus)
        assert time is not None
        records = round(time / stride)
        code = trajectory.representation(stimulus)
        products = np.sum(code[records:] * code[:-records], axis=-1).mean(axis=0)
        products /= np.sum(code**2, axis=-1).mean()
        error = float(products.std(ddof=1) / np.sqrt(len(products)))
        # Turning faster by a fraction c lowers the cosine by c arccos(1/e) sin(arccos(1/e)).
        assert abs(products.mean() - math.exp(-1)) < 3 * error + 1.11 * correction

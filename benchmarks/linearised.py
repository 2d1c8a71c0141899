"""SGD linearised at the minimum, simulated: it is what becomes unstable at the critical rate."""

from __future__ import annotations

import numpy as np

from symdrift.evaluation.dense.landscape import solve_minimum
from symdrift.study.problem import LearningProblem


def simulated_growth(problem: LearningProblem, particles: int) -> tuple[float, float]:
    """Growth of the second moment of SGD linearised at the minimum, per step, by simulation.

    This is the map of which the critical rate is, not SGD itself.
    Small deviations ``(v, u)`` of many networks see samples of their own.  After each step the
    networks are drawn anew in proportion to their squared size, so that the mean growth of squared
    sizes is that of the second moment, which a few large deviations decide.  With the standard
    error, from ten blocks of steps.
    """
    random = np.random.default_rng(3)
    minimum = solve_minimum(
        problem.teacher, problem.input_covariance, problem.weight_decay, problem.hidden
    )
    first, second, values = minimum.first_layer, minimum.second_layer, minimum.singular_values
    missing = problem.teacher - second @ first
    deviation = np.sqrt(problem.label_noise)[:, np.newaxis]
    root = np.linalg.cholesky(problem.input_covariance)
    rate, decay, batch = problem.learning_rate, problem.weight_decay, problem.batch
    v = random.standard_normal((particles, *first.shape))
    u = random.standard_normal((particles, *second.shape))
    growth = []
    for _ in range(350):
        x = root @ random.standard_normal((particles, len(root), batch))
        noise = deviation * random.standard_normal((particles, len(deviation), batch))
        across = x.swapaxes(1, 2) / batch
        error = missing @ x + noise
        changed = -(u @ (first @ x) + second @ (v @ x))
        change_v = (u.swapaxes(1, 2) @ error + second.T @ changed) @ across - decay * v
        change_u = changed @ (across @ first.T) + error @ (across @ v.swapaxes(1, 2)) - decay * u
        v, u = v + rate * change_v, u + rate * change_u
        turned = v @ first.T - second.T @ u
        turned = (turned - turned.swapaxes(1, 2)) / 2 / np.add.outer(values, values)
        v, u = v - turned @ first, u + second @ turned
        squared = np.sum(v**2, axis=(1, 2)) + np.sum(u**2, axis=(1, 2))
        growth.append(squared.mean())
        shares = np.cumsum(squared) / squared.sum()
        drawn = np.searchsorted(shares, (np.arange(particles) + random.random()) / particles)
        size = np.sqrt(squared)[drawn, np.newaxis, np.newaxis]
        v, u = v[drawn] / size, u[drawn] / size
    blocks = np.mean(np.reshape(growth[150:], (10, -1)), axis=1)
    return float(blocks.mean()), float(blocks.std(ddof=1) / np.sqrt(len(blocks)))

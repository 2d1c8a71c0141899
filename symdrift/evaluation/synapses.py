"""Drift by synaptic noise: independent noise on every weight at each step.

Noise ``zeta`` of variance ``varsigma^2`` per weight has a component along the orbit, unlike
gradient noise, and turns the hidden layer by ``G^-1 <zeta, Omega theta*>`` directly:
``V = varsigma^2 G^-1``, in every plane that moves the weights.  These are the planes of two
active axes, ``G_ij = 2 (s_i + s_j)``, and of an active with a silent one, ``G_ik = 2 s_i``.

Gradient noise adds the area that its own fluctuation sweeps.  The area swept with synaptic
fluctuation is smaller than the direct rotation by a factor of the order of ``|n|^2 / s``, like
the change of the metric across the fluctuation, which opposes it: corrections beyond leading
order, left out.  At a fluctuation of a tenth of the smallest singular value that area alone would
add 7 %; simulated rotations differ from ``varsigma^2 G^-1`` by 1.3 +- 1.3 %.
"""

from __future__ import annotations

import numpy as np

from symdrift.evaluation.parts import Drift, IndependentDrift, moving_planes
from symdrift.study.problem import Array, LearningProblem

WARN_ABOVE = 0.1
"""Variance of the softest weight over the smallest singular value that carries a warning."""


def with_synaptic_noise(
    drift: Drift, singular_values: Array, hidden: int, variance: float
) -> Drift:
    """Add the direct rotation by synaptic noise to the drift by gradient noise.

    Parameters
    ----------
    drift : Drift
        In the planes of active hidden axes.
    singular_values : Array
        Shape ``(r,)``.
    hidden : int
        Hidden units ``p >= r``.
    variance : float
        ``varsigma^2`` per step and weight, positive.

    Returns
    -------
    Drift
        In all planes that move the weights, silent hidden units included.
    """
    direct = synaptic_drift(singular_values, hidden, variance)
    covariance, mean_rotation = direct.covariance, direct.mean_rotation.copy()
    rank = len(singular_values)
    active = np.array([place for place, (_, j) in enumerate(direct.planes) if j <= rank], dtype=int)
    covariance[np.ix_(active, active)] += drift.covariance
    mean_rotation[active] = drift.mean_rotation
    return Drift(direct.planes, covariance, mean_rotation)


def synaptic_drift(singular_values: Array, hidden: int, variance: float) -> IndependentDrift:
    """Direct rotation by synaptic noise alone, ``V = varsigma^2 G^-1``.

    Parameters
    ----------
    singular_values, hidden, variance
        As for `with_synaptic_noise`.
    """
    rank = len(singular_values)
    planes = moving_planes(rank, hidden)
    values = np.concatenate([singular_values, np.zeros(hidden - rank)])
    first, second = (np.array([plane[axis] for plane in planes], dtype=int) - 1 for axis in (0, 1))
    return IndependentDrift(rank, hidden, variance / (2 * (values[first] + values[second])))


def synaptic_decay(singular_values: Array, hidden: int, variance: float) -> Array:
    """Diagonal of ``Delta`` by synaptic noise on the active axes.

    ``Delta_ii = (varsigma^2 / 4) [sum_(j != i) 1 / (s_i + s_j) + (p - r) / s_i]``.

    Returns
    -------
    Array
        Shape ``(r,)``, per step.
    """
    pairs = 1 / (singular_values[:, np.newaxis] + singular_values)
    silent = (hidden - len(singular_values)) / singular_values
    active = pairs.sum(axis=1) - np.diagonal(pairs)
    return np.asarray(0.25 * variance * (active + silent))


def synaptic_warnings(
    problem: LearningProblem, hessian_min: float, smallest_value: float
) -> tuple[str, ...]:
    """Warn where synaptic fluctuation is not small beside the weights that it moves."""
    variance = problem.synaptic_noise / (2 * problem.learning_rate * hessian_min)
    if variance <= WARN_ABOVE * smallest_value:
        return ()
    return (
        f"learning.synaptic_noise keeps weights at a variance up to {variance:.3g} beside a "
        f"smallest singular value of {smallest_value:.3g}; the leading-order results assume it "
        "is much smaller",
    )

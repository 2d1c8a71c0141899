"""Learning rate from which on fluctuations of any rule have no stationary size."""

from __future__ import annotations

from functools import partial

import numpy as np

from symdrift.evaluation.any_rule.sample_noise import sample_noise
from symdrift.evaluation.any_rule.stable_space import stable_space
from symdrift.evaluation.any_rule.traced_rule import Point, TracedRule
from symdrift.study.learner import Learner
from symdrift.study.problem import Array

FEW_DIRECTIONS = 12
"""So many stable directions, of which second moments are few enough for a matrix of their map; the
iteration may find nothing to iterate where these are a handful.
"""
MOST_OPERATIONS = 1e10
"""Additions and products in one application of the map of second moments, of which tens are
needed; seconds in all.
"""


def critical_rate(learner: Learner, point: Point) -> float | None:
    """Where second moments, linearised across the orbit, cease to have a stationary value.

    With ``G = D F - J`` of a sample a step maps them as
    ``X -> (1 + eta J) X (1 + eta J)' + eta^2 E[G X G'] / B``, and this map has the eigenvalue 1 at
    ``eta = 1 / rho``, with the spectral radius ``rho`` of
    ``X -> -L^-1 (J X J' + E[G X G'] / B)``, ``L X = J X + X J'``.

    Parameters
    ----------
    learner : Learner
    point : tuple of Array
        An attracting fixed point of the rule, without velocities.

    Returns
    -------
    float or None
        ``None`` for a rule with momentum, whose velocity a linear map of the weights leaves out,
        where a step of this map takes more than `MOST_OPERATIONS`, and where its iteration does not
        converge.

    Raises
    ------
    RequestError
        As for `rule_drift`.
    """
    from scipy.sparse.linalg import ArpackError, LinearOperator, eigs

    core, share = learner.rule.core
    if share != 1:
        return None
    traced = TracedRule(core, learner.sizes)
    noise = sample_noise(learner.inputs, learner.label_noise, traced.quadratic_in_label_noise)
    if 4 * len(noise.first.inputs) * traced.count**3 > MOST_OPERATIONS:
        return None
    jacobian = traced.jacobian(point, noise.root)
    space = stable_space(traced, point, jacobian, traced.mean_update(point, noise.root))
    changes = noise.modes(partial(traced.product_jacobians, point, space.directions))
    changes = space.coordinates @ changes.swapaxes(-1, -2) / np.sqrt(learner.batch)
    size = len(space.directions)
    flow = np.diag(space.flow) if space.flow.ndim == 1 else space.flow

    def step(moments: Array) -> Array:
        moments = moments.reshape(size, size)
        noisy = np.sum(changes @ moments @ changes.swapaxes(-1, -2), axis=0)
        return np.asarray(space.stationary(flow @ moments @ flow.T + noisy)).ravel()

    if size <= FEW_DIRECTIONS:
        whole = np.column_stack([step(unit) for unit in np.eye(size**2, dtype=changes.dtype)])
        return float(1 / np.abs(np.linalg.eigvals(whole)).max())
    operator = LinearOperator((size**2, size**2), step, dtype=changes.dtype)
    start = np.real(space.coordinates @ space.coordinates.T).ravel().astype(changes.dtype)
    try:
        largest = eigs(operator, 1, which="LM", v0=start, return_eigenvectors=False)
    except ArpackError:
        return None
    return float(1 / np.abs(largest[0]))

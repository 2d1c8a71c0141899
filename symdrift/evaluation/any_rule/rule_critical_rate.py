"""Learning rate from which on fluctuations of any rule have no stationary size."""

from __future__ import annotations

from collections.abc import Callable
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

SEARCH_STEPS = 10
"""Rates at which a rule with momentum is looked at, which has another map at each."""

SEARCH_FACTOR = 1.5


def critical_rate(learner: Learner, point: Point) -> float | None:
    """Where second moments, linearised across the orbit, cease to have a stationary value.

    With ``G = D F - J`` of a sample a step maps them as
    ``X -> (1 + eta J) X (1 + eta J)' + eta^2 E[G X G'] / B``, and this map has the eigenvalue 1 at
    ``eta = 1 / rho``, with the spectral radius ``rho`` of
    ``X -> -L^-1 (J X J' + E[G X G'] / B)``, ``L X = J X + X J'``.

    With momentum a step maps a deviation and ``eta`` times the velocity.  Along eigenvectors of
    ``J`` to ``j`` and ``k`` noise of covariance 1 in both sums up to a second moment
    ``R(eta j, eta k)`` of the deviations, and ``eta`` is where the spectral radius of
    ``X -> eta^2 R E[G X G'] / B``, with the product entry by entry, is 1.

    Parameters
    ----------
    learner : Learner
    point : tuple of Array
        An attracting fixed point of the rule, without velocities.

    Returns
    -------
    float or None
        ``None`` where the steps of this map take more than `MOST_OPERATIONS`, where its iteration
        does not converge, and with momentum where eigenvectors of ``J`` are too close for a basis.

    Raises
    ------
    RequestError
        As for `rule_drift`.
    """
    core, share = learner.rule.core
    momentum = 1 - 1 / share
    traced = TracedRule(core, learner.sizes)
    noise = sample_noise(learner.inputs, learner.label_noise, traced.quadratic_in_label_noise)
    operations = 4 * len(noise.first.inputs) * traced.count**3
    if operations * (SEARCH_STEPS if momentum else 1) > MOST_OPERATIONS:
        return None
    jacobian = traced.jacobian(point, noise.root)
    space = stable_space(traced, point, jacobian, traced.mean_update(point, noise.root))
    changes = noise.modes(partial(traced.product_jacobians, point, space.directions))
    changes = space.coordinates @ changes.swapaxes(-1, -2) / np.sqrt(learner.batch)
    flow = np.diag(space.flow) if space.flow.ndim == 1 else space.flow
    start = np.real(space.coordinates @ space.coordinates.T).astype(changes.dtype)

    def noisy(moments: Array) -> Array:
        return np.asarray(np.sum(changes @ moments @ changes.swapaxes(-1, -2), axis=0))

    def step(moments: Array) -> Array:
        return space.stationary(flow @ moments @ flow.T + noisy(moments))

    radius = _spectral_radius(step, start)
    if radius is None or not momentum:
        return None if radius is None else 1 / radius
    if space.flow.ndim != 1:
        return None
    from scipy.optimize import brentq

    def left(rate: float) -> float:
        """One over the radius of what noise makes of second moments, less one."""
        response = _response(rate * space.flow, momentum)
        if response is None:
            return -1.0
        found = _spectral_radius(lambda moments: rate**2 * response * noisy(moments), start)
        return np.nan if found is None else 1 / found - 1

    below = above = 1 / radius / share
    while left(below) < 0:
        below /= SEARCH_FACTOR
    while left(above) > 0:
        above *= SEARCH_FACTOR
    found = np.nan if np.isnan(left(below) + left(above)) else brentq(left, below, above)
    return None if np.isnan(found) else float(found)


def _spectral_radius(step: Callable[[Array], Array], start: Array) -> float | None:
    """Of a linear map of matrices; ``None`` where its iteration does not converge."""
    shape, size = start.shape, start.size
    if len(start) <= FEW_DIRECTIONS:
        units = np.eye(size, dtype=start.dtype).reshape(size, *shape)
        whole = np.column_stack([step(unit).ravel() for unit in units])
        return float(np.abs(np.linalg.eigvals(whole)).max())

    from scipy.sparse.linalg import ArpackError, LinearOperator, eigs

    def applied(moments: Array) -> Array:
        return step(moments.reshape(shape)).ravel()

    operator = LinearOperator((size, size), applied, dtype=start.dtype)
    try:
        largest = eigs(operator, 1, which="LM", v0=start.ravel(), return_eigenvectors=False)
    except ArpackError:
        return None
    return float(np.abs(largest[0]))


def _response(flow: Array, momentum: float) -> Array | None:
    """Stationary second moments of heavy ball, over those of its noise, by pair of directions.

    Parameters
    ----------
    flow : Array
        ``eta J``, diagonal.
    momentum : float

    Returns
    -------
    Array or None
        ``None`` where deviations grow from step to step without noise.
    """
    kept = np.full(len(flow), momentum)
    step = np.moveaxis(np.array([[1 + flow, kept], [flow, kept]]), 2, 0)
    if np.abs(np.linalg.eigvals(step)).max(initial=0.0) >= 1:
        return None
    pairs = np.einsum("aij,bkl->abikjl", step, step).reshape(*2 * (len(flow),), 4, 4)
    found = np.linalg.solve(np.eye(4) - pairs, np.ones((*pairs.shape[:3], 1)))
    return np.asarray(found[..., 0, 0])

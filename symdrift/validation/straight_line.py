"""Lines through points with known standard errors, as they are extrapolated to rate zero."""

from __future__ import annotations

import numpy as np

from symdrift.simulation.estimators import Estimate
from symdrift.study.problem import Array
from symdrift.validation.rows import SECOND_ORDER


def weighted_limit(x: Array, y: Array, errors: Array, slope: float) -> tuple[Estimate, float]:
    """Intercept of a line of known slope through points, and curvature as for `weighted_line`."""
    weights = errors**-2 / np.sum(errors**-2)
    intercept = float(weights @ (y - slope * x))
    bent = float(SECOND_ORDER * weights @ (slope * x) ** 2)
    return Estimate(intercept, float(np.sum(errors**-2) ** -0.5)), bent


def partly_known_limit(
    x: Array, y: Array, errors: Array, known: Array, unknown: Array
) -> tuple[Estimate, float]:
    """Intercept where part of each number changes as is not known, and curvature.

    That part is expected to change like the rest, give or take as much, or as ``x`` where that is
    more: an observation with that standard error beside the points.

    Parameters
    ----------
    x, y, errors : Array
    known : Array
        Change of the rest at each point, relative to the rest.
    unknown : Array
        Share of that part.
    """
    otherwise = np.maximum(np.abs(known), x) * unknown
    design = np.stack([1 / errors, otherwise / errors], axis=1)
    covariance = np.linalg.inv(design.T @ design + np.diag([0.0, 1.0]))
    weights = covariance @ design.T / errors
    intercept, other = weights @ (y - known)
    bent = SECOND_ORDER * weights[0] @ (known + other * otherwise) ** 2
    return Estimate(float(intercept), float(np.sqrt(covariance[0, 0]))), abs(float(bent))


def weighted_line(
    x: Array,
    y: Array,
    errors: Array,
    known: float | None = None,
    largest: Array | float = np.inf,
) -> tuple[Estimate, Estimate, float]:
    """Intercept and slope of a line through points with known standard errors, and curvature.

    The last is what a term as large as `SECOND_ORDER` times the square of the first order does
    to the intercept.  What it does to the slope is in the error of that.

    Parameters
    ----------
    known : float, optional
        First order, where it need not be taken from the points.
    largest : Array or float
        That it may have at each point where it is taken from them: what deviates further is no
        measure of it.
    """
    design = np.stack([np.ones_like(x), x], axis=1) / errors[:, np.newaxis]
    covariance = np.linalg.inv(design.T @ design)
    weights = covariance @ design.T / errors
    intercept, slope = weights @ y
    first = np.minimum(abs(slope * x), largest) if known is None else known * x
    bent, turned = SECOND_ORDER * weights @ first**2
    return (
        Estimate(float(intercept), float(np.sqrt(covariance[0, 0]))),
        Estimate(float(slope), float(np.hypot(np.sqrt(covariance[1, 1]), turned))),
        abs(float(bent)),
    )

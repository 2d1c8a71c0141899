"""Elliptical inputs: a Gaussian direction with a length of its own, heavy-tailed or not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from symdrift.errors import RequestError
from symdrift.inputs.distribution import (
    GAUSSIAN_RECIPE,
    AroundZero,
    Array,
    QuarticMap,
    Recipe,
    gaussian_fourth_moments,
    gaussian_node_count,
    gaussian_nodes,
    paired_moments,
)

ROUNDING = 1e-15
"""Of a covariance beside the parts that it is made of."""

KURTOSIS_TOLERANCE = 1e-9
"""Relative deviation from the least kurtosis that counts as rounding."""

LENGTH_NODES = 32
"""Nodes of the quadrature that stands for the random length in a compiled loop."""

LARGEST_KURTOSIS = 1e6
"""Beyond it all of the variance is in less than one sample of a million."""


@dataclass(frozen=True, eq=False)
class Elliptical(AroundZero):
    """Elliptical inputs ``x = r L u``: ``u`` uniform on the unit sphere, ``Sigma = L L'``.

    The squared length ``r^2`` is independent of ``u`` and gamma distributed, with mean ``n`` and
    relative variance ``rho = (2 + kappa (n + 2)) / n``.  So ``E r^4 = (1 + kappa) n (n + 2)``, and
    the fourth moment of ``x`` is ``(1 + kappa)`` times the Gaussian one: with ``kappa = 0`` the
    inputs are Gaussian, and at the least kurtosis that any inputs of this kind can have,
    ``-2 / (n + 2)``, they have one length.

    Attributes
    ----------
    covariance : Array
        Shape ``(n, n)``, symmetric and positive definite.
    kurtosis : float
        Excess ``kappa`` (a third of the excess kurtosis of each component), at least
        ``-2 / (n + 2)``; what misses that by rounding is moved there.

    Raises
    ------
    RequestError
        When the covariance is not symmetric positive definite, or the kurtosis is too small or
        so large that fourth moments are beyond double precision.
    """

    kurtosis: float
    kind: ClassVar[str] = "elliptical"

    def __post_init__(self) -> None:
        super().__post_init__()
        inputs = len(self.covariance)
        require_kurtosis(self.kurtosis, inputs)
        object.__setattr__(self, "kurtosis", max(self.kurtosis, least_kurtosis(inputs)))

    @property
    def description(self) -> str:
        return f"elliptical, kurtosis {self.kurtosis:.5g}, squared length gamma distributed"

    @property
    def not_gaussian(self) -> str | None:
        # Cov(x_i^2, x_l^2) != 0 couples the blocks of the directions (i, i) to each other.
        return "the squares of elliptical inputs are correlated" if self.kurtosis != 0 else None

    @property
    def always_noisy(self) -> bool:
        return self.kurtosis > 0

    @property
    def length_variance(self) -> float:
        """Relative variance ``rho`` of the squared length ``r^2``."""
        inputs = len(self.covariance)
        return max(0.0, (2 + self.kurtosis * (inputs + 2)) / inputs)

    def product_covariance(self, left: Array, right: Array) -> Array:
        """Scaled Isserlis: ``(1 + kappa) Cov_gauss(z) + kappa E[z] E[z]'``."""
        means = np.einsum("ka,ab,kb->k", left, self.covariance, right)
        gaussian = paired_moments(self.covariance, left, right)
        spread, lengths = (1 + self.kurtosis) * gaussian, self.kurtosis * np.outer(means, means)
        covariance = spread + lengths
        # Products that are the same for all inputs of one length.
        rounding = ROUNDING * (np.abs(spread) + np.abs(lengths))
        return np.asarray(np.where(np.abs(covariance) <= rounding, 0.0, covariance))

    def fourth_moments(self, axes: Array) -> QuarticMap:
        """``1 + kappa`` times those of a Gaussian vector."""
        gaussian = gaussian_fourth_moments(self.covariance, axes)
        return lambda forms: (1 + self.kurtosis) * gaussian(forms)

    def nodes(self) -> tuple[Array, Array]:
        """Gauss points at five lengths, weighted so that the moments of the length are right."""
        points, weights = gaussian_nodes(self.covariance)
        inputs, variance = len(self.covariance), self.length_variance
        powers = np.arange(5)
        # Moments of r^2 over those of the Gaussian's squared length, E r^2k / E |z|^2k.
        steps = inputs * (1 + variance * powers[:-1]) / (inputs + 2 * powers[:-1])
        moments = np.concatenate([[1.0], np.cumprod(steps)])
        squares = np.linspace(0.5, 1.5, 5) * moments[4] / moments[3]
        shares = np.linalg.solve(np.vander(squares, 5, increasing=True).T, moments)
        scaled = np.sqrt(squares)[:, np.newaxis, np.newaxis] * points
        return scaled.reshape(-1, inputs), np.outer(shares, weights).ravel()

    @property
    def node_count(self) -> int:
        """Of those of a Gaussian, at five lengths."""
        return 5 * gaussian_node_count(len(self.covariance))

    def sample(self, rng: np.random.Generator, size: tuple[int, ...]) -> Array:
        """Independent inputs, shape ``size + (n,)``."""
        inputs, variance = len(self.covariance), self.length_variance
        directions = rng.standard_normal((*size, inputs))
        directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
        squared = np.full(size, float(inputs))
        if variance > 0:
            squared = inputs * variance * rng.gamma(1 / variance, size=size)
        return np.asarray(
            np.sqrt(squared)[..., np.newaxis] * directions @ np.linalg.cholesky(self.covariance).T
        )

    def recipe(self) -> Recipe:
        """A finite distribution of ``r^2`` stands for its gamma law."""
        if self.kurtosis == 0:
            return GAUSSIAN_RECIPE
        nodes, weights = length_nodes(self.length_variance)
        return Recipe(True, True, np.sqrt(len(self.covariance) * nodes)[:, np.newaxis], weights)


def length_nodes(variance: float) -> tuple[Array, Array]:
    """Values of ``r^2 / n``, of relative variance ``rho``, that stand for all, and their weights.

    The nodes of Gauss-Laguerre quadrature reproduce the moments of ``r^2`` up to order
    ``2 * LENGTH_NODES - 1`` exactly, far beyond the second, which is all that the fourth
    moment of the inputs involves.  ``r^2 / n`` has the orthogonal polynomials whose recurrence
    is written down here, without a singular end: at relative variance 0 every node is 1.

    Returns
    -------
    nodes, weights : Array
        Shape ``(LENGTH_NODES,)`` each.
    """
    from scipy.linalg import eigh_tridiagonal

    order = np.arange(LENGTH_NODES)
    lower = order[1:]
    nodes, axes = eigh_tridiagonal(
        1 + 2 * variance * order, np.sqrt(variance * lower * (1 + variance * (lower - 1)))
    )
    weights = axes[0] ** 2
    return np.maximum(nodes, 0.0), weights / weights.sum()


def least_kurtosis(inputs: int) -> float:
    """``-2 / (n + 2)``: that of inputs of one length."""
    return -2 / (inputs + 2)


def require_kurtosis(kurtosis: float, inputs: int) -> None:
    """Refuse a kurtosis that no elliptical inputs have, or that cannot be computed with.

    Raises
    ------
    RequestError
        Naming the least one for the number of inputs.
    """
    field, least = "inputs.kurtosis", least_kurtosis(inputs)
    if not kurtosis >= least * (1 + KURTOSIS_TOLERANCE):
        raise RequestError(
            field,
            f"= {kurtosis:.12g} must be at least -2/(n + 2), with {inputs} input"
            f"{'s' if inputs > 1 else ''} {least:.12g}, where all of them have one length; "
            "0 is the Gaussian, more is heavier tails",
        )
    if kurtosis > LARGEST_KURTOSIS:
        raise RequestError(
            field,
            f"= {kurtosis:.12g} must be at most {LARGEST_KURTOSIS:g}; no sample shows more",
        )

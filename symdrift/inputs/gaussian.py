"""Gaussian inputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

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


@dataclass(frozen=True, eq=False)
class Gaussian(AroundZero):
    """Gaussian inputs; the closed form applies to these when teacher and inputs align.

    Attributes
    ----------
    covariance : Array
        Shape ``(n, n)``, symmetric and positive definite.

    Raises
    ------
    RequestError
        When the covariance is not finite, square, symmetric and positive definite.
    """

    kind: ClassVar[str] = "gaussian"
    description: ClassVar[str] = "Gaussian"
    not_gaussian: ClassVar[None] = None
    kurtosis: ClassVar[float] = 0.0
    always_noisy: ClassVar[bool] = True

    def product_covariance(self, left: Array, right: Array) -> Array:
        """Isserlis: ``Cov = (L S L')*(R S R') + (L S R')*(R S L')`` (entrywise products)."""
        return paired_moments(self.covariance, left, right)

    def fourth_moments(self, axes: Array) -> QuarticMap:
        """Isserlis: ``tr(Sigma P) Sigma + Sigma (P + P') Sigma``."""
        return gaussian_fourth_moments(self.covariance, axes)

    def nodes(self) -> tuple[Array, Array]:
        """Gauss points and weights."""
        return gaussian_nodes(self.covariance)

    @property
    def node_count(self) -> int:
        """Gauss points."""
        return gaussian_node_count(len(self.covariance))

    def sample(self, rng: np.random.Generator, size: tuple[int, ...]) -> Array:
        """Independent inputs, shape ``size + (n,)``."""
        factor = np.linalg.cholesky(self.covariance)
        return np.asarray(rng.standard_normal((*size, len(factor))) @ factor.T)

    def recipe(self) -> Recipe:
        return GAUSSIAN_RECIPE

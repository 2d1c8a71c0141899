"""Gaussian inputs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from symdrift.inputs.distribution import (
    GAUSSIAN_RECIPE,
    Array,
    NamedVector,
    QuarticMap,
    Recipe,
    checked_covariance,
    gaussian_fourth_moments,
    gaussian_node_count,
    gaussian_nodes,
    named_axes,
    paired_moments,
)


@dataclass(frozen=True, eq=False)
class Gaussian:
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

    covariance: Array
    kind: ClassVar[str] = "gaussian"
    full_rank: ClassVar[bool] = True
    description: ClassVar[str] = "Gaussian"
    not_gaussian: ClassVar[None] = None
    source: ClassVar[None] = None
    kurtosis: ClassVar[float] = 0.0
    always_noisy: ClassVar[bool] = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "covariance", checked_covariance(self.covariance))

    @property
    def mean(self) -> Array:
        """Zero, shape ``(n,)``."""
        return np.zeros(len(self.covariance))

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

    def named_stimuli(self, most: int) -> tuple[NamedVector, ...]:
        return named_axes(len(self.covariance))

    def scaled(self, factor: float) -> Gaussian:
        """The same inputs with ``factor`` times the variance in every direction."""
        return replace(self, covariance=factor * self.covariance)

"""Stochastic gradient descent in an autoencoder with one matrix for both layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from symdrift.rules.rule import Array, Axes, Matrix, Rule, principal_axes


@dataclass(frozen=True)
class TiedAutoencoder(Rule):
    """Squared error of ``W' W x`` as an image of ``x``, and weight decay.

    Attributes
    ----------
    weight_decay : float or sympy.Expr
        ``gamma``.
    """

    weight_decay: Any

    weights: ClassVar[Mapping[str, Axes]] = MappingProxyType({"W": ("hidden", "inputs")})

    def loss(
        self,
        weights: tuple[Matrix, ...],
        sample_input: Matrix,
        trace: Callable[[Matrix], Any],
    ) -> Any:
        """``tr(e e') / 2 + gamma tr(W W') / 2`` with the error ``e = x - W' W x``."""
        (layer,) = weights
        error = sample_input - layer.T @ layer @ sample_input
        return trace(error @ error.T) / 2 + self.weight_decay * trace(layer @ layer.T) / 2

    def update(
        self, weights: tuple[Matrix, ...], sample_input: Matrix, label_noise: Matrix
    ) -> tuple[Matrix, ...]:
        """``W (e x' + x e') - gamma W``."""
        (layer,) = weights
        activity = layer @ sample_input
        error = sample_input - layer.T @ activity
        reached = activity @ error.T + layer @ error @ sample_input.T
        return (reached - self.weight_decay * layer,)

    def activities(self, weights: tuple[Matrix, ...], sample_input: Matrix) -> Mapping[str, Matrix]:
        return {"hidden": weights[0] @ sample_input}

    def fixed_points(
        self, covariance: Array, sizes: Mapping[str, int]
    ) -> tuple[tuple[Array, ...], ...]:
        """Principal axes of length ``1 - gamma / (2 lambda)`` squared, where that is positive."""
        variances, axes = principal_axes(covariance)
        kept = min(sizes["hidden"], int(np.sum(2 * variances > self.weight_decay)))
        lengths = np.sqrt(1 - self.weight_decay / (2 * variances[:kept]))
        layer = np.zeros((sizes["hidden"], len(covariance)))
        layer[:kept] = lengths[:, np.newaxis] * axes[:kept]
        return ((layer,),)

"""Oja's subspace rule: the hidden layer learns the subspace in which inputs vary most."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

import numpy as np

from symdrift.rules.rule import Array, Axes, Matrix, Rule, principal_axes


@dataclass(frozen=True)
class Oja(Rule):
    """``W`` grows by ``y x' - y y' W`` with ``y = W x``."""

    weights: ClassVar[Mapping[str, Axes]] = MappingProxyType({"W": ("hidden", "inputs")})

    def update(
        self, weights: tuple[Matrix, ...], sample_input: Matrix, label_noise: Matrix
    ) -> tuple[Matrix, ...]:
        (layer,) = weights
        activity = layer @ sample_input
        return (activity @ sample_input.T - activity @ activity.T @ layer,)

    def activities(self, weights: tuple[Matrix, ...], sample_input: Matrix) -> Mapping[str, Matrix]:
        return {"hidden": weights[0] @ sample_input}

    def fixed_points(
        self, covariance: Array, sizes: Mapping[str, int]
    ) -> tuple[tuple[Array, ...], ...]:
        """The principal axes; units beyond them are silent."""
        layer = np.zeros((sizes["hidden"], len(covariance)))
        axes = principal_axes(covariance)[1][: len(layer)]
        layer[: len(axes)] = axes
        return ((layer,),)

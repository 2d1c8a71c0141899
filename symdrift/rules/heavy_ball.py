"""Heavy-ball momentum over any rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from symdrift.rules.rule import Array, Axes, Matrix, Rule


@dataclass(frozen=True)
class HeavyBall(Rule):
    """``v <- beta v + F`` and ``theta <- theta + eta v`` with the update ``F`` of a rule.

    With ``theta~ = theta + eta beta / (1 - beta) v`` a step is exactly
    ``theta~ <- theta~ + eta / (1 - beta) F(theta)``: the velocity forgets within
    ``1 / (1 - beta)`` steps, however small the learning rate, and in the long run the rule learns
    as without momentum at ``eta / (1 - beta)``.

    Attributes
    ----------
    rule : Rule
    momentum : float or sympy.Expr
        ``beta``, at least 0 and below 1.
    learning_rate : float or sympy.Expr
        ``eta``, by which the change of the velocity is divided, as that of all weights is given
        per unit of it.
    """

    rule: Rule
    momentum: Any
    learning_rate: Any

    @property
    def weights(self) -> Mapping[str, Axes]:
        """Those of the rule, and a velocity of each."""
        axes = self.rule.weights
        return {**axes, **{f"{name}_velocity": pair for name, pair in axes.items()}}

    def update(
        self, weights: tuple[Matrix, ...], sample_input: Matrix, label_noise: Matrix
    ) -> tuple[Matrix, ...]:
        moving, velocities = self._split(weights)
        changes = self.rule.update(moving, sample_input, label_noise)
        after = tuple(self.momentum * v + c for v, c in zip(velocities, changes, strict=True))
        gained = tuple(
            (new - v) / self.learning_rate for new, v in zip(after, velocities, strict=True)
        )
        return after + gained

    def activities(self, weights: tuple[Matrix, ...], sample_input: Matrix) -> Mapping[str, Matrix]:
        return self.rule.activities(self._split(weights)[0], sample_input)

    def fixed_points(
        self, covariance: Array, sizes: Mapping[str, int]
    ) -> tuple[tuple[Array, ...], ...]:
        """Those of the rule, at rest."""
        points = self.rule.fixed_points(covariance, sizes)
        return tuple(point + tuple(map(np.zeros_like, point)) for point in points)

    @property
    def weight_noise(self) -> float:
        """Noise within the update of the rule, which the velocity sums."""
        return self.rule.weight_noise / float(1 - self.momentum) ** 2

    @property
    def core(self) -> tuple[Rule, float]:
        core, share = self.rule.core
        return core, share / float(1 - self.momentum)

    def at_rate(self, rate: float, growth: float) -> Rule:
        return replace(self, rule=self.rule.at_rate(rate, growth), learning_rate=rate)

    def _split(self, weights: tuple[Matrix, ...]) -> tuple[tuple[Matrix, ...], tuple[Matrix, ...]]:
        count = len(self.rule.weights)
        return weights[:count], weights[count:]

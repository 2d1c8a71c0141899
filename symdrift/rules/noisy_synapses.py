"""Noise on every weight beside any rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from symdrift.rules.rule import Array, Axes, Matrix, Rule


@dataclass(frozen=True)
class SynapticNoise(Rule):
    """A rule, and independent noise of one variance that is added to every weight at each step.

    The noise is no matter of the sample: what a sample changes is that of the rule.  Unlike a
    sample's update it may move weights along the orbit.

    Attributes
    ----------
    rule : Rule
    variance : float
        ``varsigma^2`` per step and weight, beside what noise the rule has.
    """

    rule: Rule
    variance: float

    @property
    def weights(self) -> Mapping[str, Axes]:
        return self.rule.weights

    def update(
        self, weights: tuple[Matrix, ...], sample_input: Matrix, label_noise: Matrix
    ) -> tuple[Matrix, ...]:
        return self.rule.update(weights, sample_input, label_noise)

    def activities(self, weights: tuple[Matrix, ...], sample_input: Matrix) -> Mapping[str, Matrix]:
        return self.rule.activities(weights, sample_input)

    def fixed_points(
        self, covariance: Array, sizes: Mapping[str, int]
    ) -> tuple[tuple[Array, ...], ...]:
        return self.rule.fixed_points(covariance, sizes)

    @property
    def weight_noise(self) -> float:
        return self.variance + self.rule.weight_noise

    @property
    def core(self) -> tuple[Rule, float]:
        return self.rule.core

    def at_rate(self, rate: float, growth: float) -> Rule:
        rule = self.rule.at_rate(rate, growth)
        return replace(self, rule=rule, variance=self.variance * growth**3)

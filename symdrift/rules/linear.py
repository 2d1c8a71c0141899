"""Stochastic gradient descent in a two-layer linear network with weight decay."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

from symdrift.rules.rule import Axes, Matrix, Rule


@dataclass(frozen=True)
class TwoLayerLinear(Rule):
    """Squared error of a linear network that learns from a linear teacher, one sample at a time.

    Attributes
    ----------
    teacher : Matrix
        ``A``, shape ``(m, n)``.
    weight_decay : float or sympy.Expr
        ``gamma``, on both layers.
    """

    teacher: Matrix
    weight_decay: Any

    weights: ClassVar[Mapping[str, Axes]] = MappingProxyType(
        {"first_layer": ("hidden", "inputs"), "second_layer": ("outputs", "hidden")}
    )

    def error(
        self, weights: tuple[Matrix, Matrix], sample_input: Matrix, label_noise: Matrix
    ) -> Matrix:
        """``e = A x + epsilon - U W x``, shape ``(m, 1)``."""
        first, second = weights
        return self.teacher @ sample_input + label_noise - second @ first @ sample_input

    def loss(
        self, weights: tuple[Matrix, Matrix], error: Matrix, trace: Callable[[Matrix], Any]
    ) -> Any:
        """``tr(e e') / 2`` of a sample with error ``e``, and the penalty."""
        return trace(error @ error.T) / 2 + self.penalty(weights, trace)

    def penalty(self, weights: tuple[Matrix, Matrix], trace: Callable[[Matrix], Any]) -> Any:
        """``gamma (tr(W W') + tr(U U')) / 2``; ``trace`` is that of the matrices at hand."""
        return self.weight_decay * sum(trace(matrix @ matrix.T) for matrix in weights) / 2

    def gradient(
        self, weights: tuple[Matrix, Matrix], sample_input: Matrix, error: Matrix
    ) -> tuple[Matrix, Matrix]:
        """Slope of the loss: ``gamma W - U' e x'`` and ``gamma U - e x' W'``."""
        first, second = weights
        return (
            self.weight_decay * first - second.T @ error @ sample_input.T,
            self.weight_decay * second - error @ sample_input.T @ first.T,
        )

    def update(
        self, weights: tuple[Matrix, ...], sample_input: Matrix, label_noise: Matrix
    ) -> tuple[Matrix, ...]:
        first, second = weights
        error = self.error((first, second), sample_input, label_noise)
        slopes = self.gradient((first, second), sample_input, error)
        return tuple(-1 * slope for slope in slopes)

    def activities(self, weights: tuple[Matrix, ...], sample_input: Matrix) -> Mapping[str, Matrix]:
        return {"hidden": weights[0] @ sample_input}

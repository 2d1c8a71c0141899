"""What a learning rule is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

Matrix = Any
"""A NumPy array of two axes, an explicit SymPy matrix, a SymPy matrix symbol, or a term of
`symdrift.algebra.matrix_terms`.

``@``, ``+``, ``.T`` and products with numbers mean the same to all of them, so that what a rule
says once is an equation on matrix symbols, a polynomial on explicit matrices, a step of training
on arrays, and on terms all of its derivatives.
"""

Axes = tuple[str, str]
"""What the rows and columns of a matrix count: ``inputs``, ``outputs``, or a hidden layer."""


class Rule(ABC):
    """A rule by which a network learns from one sample.

    Axes of its weights whose names begin with ``hidden`` may be turned: the update of turned
    weights is the turned update.
    """

    @property
    @abstractmethod
    def weights(self) -> Mapping[str, Axes]:
        """Names of the weight matrices, with what their rows and columns count."""

    @abstractmethod
    def update(
        self, weights: tuple[Matrix, ...], sample_input: Matrix, label_noise: Matrix
    ) -> tuple[Matrix, ...]:
        """What one sample changes in each weight matrix, per unit of the learning rate.

        Parameters
        ----------
        weights : tuple of Matrix
            In the order of `weights`.
        sample_input : Matrix
            ``x``, shape ``(n, 1)``.
        label_noise : Matrix
            ``epsilon``, shape ``(m, 1)``.
        """

    @abstractmethod
    def activities(self, weights: tuple[Matrix, ...], sample_input: Matrix) -> Mapping[str, Matrix]:
        """Activity ``h`` of each hidden layer by its name, shape ``(p, 1)``."""

    def fixed_points(
        self, covariance: Array, sizes: Mapping[str, int]
    ) -> tuple[tuple[Array, ...], ...]:
        """Weights that stay where they are on average and attract, where a formula has them.

        Parameters
        ----------
        covariance : Array
            Second moment ``Sigma`` of the inputs, shape ``(n, n)``.
        sizes : Mapping of str to int
            Length of each axis by its name.

        Returns
        -------
        tuple of tuple of Array
            One point of each orbit where learning can end, the best first, in the order of
            `weights`, hidden axes by decreasing variance of their activity; none without a formula.
        """
        return ()

    @property
    def weight_noise(self) -> float:
        """Variance of independent noise on every weight at each step."""
        return 0.0

    @property
    def core(self) -> tuple[Rule, float]:
        """A rule of one sample at a time, and the share of its learning rate with which it learns
        as this one does in the long run.
        """
        return self, 1.0

    def at_rate(self, rate: float, growth: float) -> Rule:
        """The rule at another learning rate, with weight noise in the same proportion to the rest.

        Parameters
        ----------
        rate : float
            The other learning rate.
        growth : float
            Over its own; drift by samples, and so the variance of the noise, grow as the cube.
        """
        return self

    @property
    def hidden_axes(self) -> tuple[str, ...]:
        """Names of the hidden layers, in the order in which the weights name them."""
        names = [axis for axes in self.weights.values() for axis in axes]
        return tuple(dict.fromkeys(name for name in names if name.startswith("hidden")))

    def turned(
        self, rotations: Mapping[str, Matrix], weights: tuple[Matrix, ...]
    ) -> tuple[Matrix, ...]:
        """The weights after orthogonal matrices have turned the hidden layers.

        Parameters
        ----------
        rotations : Mapping of str to Matrix
            By hidden layer ``Q``, shape ``(p, p)``; others stay as they are.
        weights : tuple of Matrix
            In the order of `weights`.
        """
        after = []
        for (rows, columns), matrix in zip(self.weights.values(), weights, strict=True):
            if rows in rotations:
                matrix = rotations[rows] @ matrix
            if columns in rotations:
                matrix = matrix @ rotations[columns].T
            after.append(matrix)
        return tuple(after)


def principal_axes(covariance: Array) -> tuple[Array, Array]:
    """Variances in decreasing order, and their axes as rows, each with its largest component > 0.

    Inputs that share the coordinate axes keep them: equal variances stay in their order.
    """
    variances = np.diagonal(covariance)
    if np.any(covariance - np.diag(variances)):
        values, axes = np.linalg.eigh(covariance)
    else:
        values, axes = variances, np.eye(len(variances))
    order = np.argsort(-values, kind="stable")
    rows = axes.T[order]
    largest = np.take_along_axis(rows, np.abs(rows).argmax(axis=1)[:, np.newaxis], axis=1)
    return np.asarray(values[order]), np.asarray(rows * np.sign(largest))

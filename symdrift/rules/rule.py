"""What a learning rule is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

Matrix = Any
"""A NumPy array of two axes, an explicit SymPy matrix, or a SymPy matrix symbol.

``@``, ``+``, ``.T`` and products with numbers mean the same to all three, so that what a rule
says once is an equation on matrix symbols, a polynomial on explicit matrices, and a step of
training on arrays.
"""


class Rule(ABC):
    """A rule by which a network learns from one sample, and the symmetry that it respects.

    What a rule says is an equation, a polynomial or a step of training, as its matrices are; its
    symmetry can be proved, and its training written as a loop.  No study names a rule yet: theory,
    numbers and simulation are those of `TwoLayerLinear`.  Of these the setting of the theory takes
    error, loss and gradient from the rule; what follows from them, and the compiled step of the
    simulator, is written for two linear layers, and checks and tests hold it to the rule.
    """

    weights: ClassVar[Mapping[str, tuple[str, str]]]
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
    def turned(self, rotation: Matrix, weights: tuple[Matrix, ...]) -> tuple[Matrix, ...]:
        """The weights after an orthogonal ``Q``, shape ``(p, p)``, has turned the hidden layer.

        The rule respects it: the update of turned weights is the turned update.
        """

    @abstractmethod
    def representation(self, weights: tuple[Matrix, ...], sample_input: Matrix) -> Matrix:
        """Activity ``h`` of the hidden layer, shape ``(p, 1)``."""

"""Matrices of symbols or numbers in the place of matrix symbols, and means over their inputs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import sympy as sp

from symdrift.algebra.matrices import evaluate_matrix
from symdrift.algebra.wick import expectation
from symdrift.derivation.vocabulary import INPUT_COVARIANCE
from symdrift.typesetting.printer import MeanMatrix

Entries = Mapping[sp.Basic, sp.ImmutableMatrix]


@dataclass(frozen=True, eq=False)
class ExplicitEntries(ABC):
    """A network with a symbol for each entry of its matrices, or for those that are not zero.

    Attributes
    ----------
    entries : Mapping of sympy.MatrixSymbol to sympy.ImmutableMatrix
        Of the weights and of what else is given, the covariance of the inputs included.
    """

    entries: Entries

    @property
    @abstractmethod
    def values(self) -> Entries:
        """Of all matrix symbols; updates are those of the rule itself."""

    @cached_property
    def inputs(self) -> sp.ImmutableMatrix:
        """A sample."""
        size = self.entries[INPUT_COVARIANCE].rows
        return sp.ImmutableMatrix(size, 1, lambda a, _: sp.Symbol(f"x_{a + 1}", real=True))

    def mean(self, matrix: sp.ImmutableMatrix) -> sp.ImmutableMatrix:
        """Expectation of each entry by the moments of the inputs."""
        second = self.entries[INPUT_COVARIANCE]
        places = product(range(second.rows), repeat=2)
        covariance = {(self.inputs[a], self.inputs[b]): second[a, b] for a, b in places}
        return sp.ImmutableMatrix(matrix.applyfunc(lambda entry: expectation(entry, covariance)))

    def value(self, line: sp.Basic) -> sp.ImmutableMatrix:
        """What a line in matrix symbols stands for."""
        means = {
            part: self.mean(evaluate_matrix(part.args[0], self.values))
            for part in line.atoms(MeanMatrix)
        }
        return evaluate_matrix(line, {**self.values, **means})

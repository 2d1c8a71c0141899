"""A rule and what it learns from, with every number filled in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from symdrift.inputs import InputDistribution, read_only
from symdrift.rules.rule import Rule
from symdrift.study.problem import Array


@dataclass(frozen=True, eq=False)
class Learner:
    """A rule with every number filled in.

    Attributes
    ----------
    rule : Rule
    hidden : Mapping of str to int
        Units of each hidden layer by its name.
    inputs : InputDistribution
        Of dimension ``n``.
    label_noise : Array
        Variances of Gaussian label noise, shape ``(m,)``; empty without outputs.
    learning_rate : float
        ``eta`` per step.
    batch : int
        Samples per step ``B``.
    """

    rule: Rule
    hidden: Mapping[str, int]
    inputs: InputDistribution
    label_noise: Array
    learning_rate: float
    batch: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "label_noise", read_only(self.label_noise))

    @property
    def sizes(self) -> dict[str, int]:
        """Length of each axis by its name."""
        size, outputs = len(self.inputs.covariance), len(self.label_noise)
        return {"inputs": size, "outputs": outputs, **self.hidden}

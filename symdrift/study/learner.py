"""A rule and what it learns from, with every number filled in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from symdrift.inputs import InputDistribution, read_only
from symdrift.rules.rule import Rule
from symdrift.study.problem import Array, Stimulus


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
    study : str
        Name of the study, for messages and results.
    stimuli : tuple of Stimulus
        Whose activity is followed.
    minimum : int
        Number of the orbit at which learning has ended, from 1.
    teacher : Array or None
        What the rule learns from, shape ``(m, n)``, for results; ``None`` without outputs.
    settings : Mapping of str to object
        What of the rule results name beside all of this.
    """

    rule: Rule
    hidden: Mapping[str, int]
    inputs: InputDistribution
    label_noise: Array
    learning_rate: float
    batch: int = 1
    study: str = ""
    stimuli: tuple[Stimulus, ...] = ()
    minimum: int = 1
    teacher: Array | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "label_noise", read_only(self.label_noise))

    @property
    def sizes(self) -> dict[str, int]:
        """Length of each axis by its name."""
        size, outputs = len(self.inputs.covariance), len(self.label_noise)
        return {"inputs": size, "outputs": outputs, **self.hidden}

    def at_rate(self, rate: float) -> Learner:
        """The same at another rate, with noise on the weights in the same proportion.

        The variance of that noise goes with the third power of the rate.
        """
        rule = self.rule.at_rate(rate, rate / self.learning_rate)
        return replace(self, rule=rule, learning_rate=rate)

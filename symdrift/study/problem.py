"""A fully numerical learning problem: what every numerical road starts from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from symdrift.inputs import InputDistribution, read_only

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Stimulus:
    """A named input whose hidden representation is followed.

    Attributes
    ----------
    name : str
    vector : Array
        Shape ``(n,)``.
    """

    name: str
    vector: Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "vector", read_only(self.vector))


@dataclass(frozen=True, eq=False)
class LearningProblem:
    """Network, inputs, teacher and learning rule with every number filled in.

    Arrays are copied and cannot be changed; ``dataclasses.replace`` makes other problems.

    Attributes
    ----------
    study : str
        Name of the study, for messages and results.
    hidden : int
        Hidden units ``p``.
    inputs : InputDistribution
        Inputs of dimension ``n`` (second and fourth moments, sampler).
    teacher : Array
        Teacher map ``A``, shape ``(m, n)``.
    label_noise : Array
        Label-noise variances, shape ``(m,)``.
    learning_rate, weight_decay : float
        ``eta`` and ``gamma``, per SGD step.
    batch : int
        Samples per SGD step.
    synaptic_noise : float
        Variance added to each weight at each step.
    stimuli : tuple of Stimulus
        Stimuli whose drift is reported.
    minimum : int
        Strict minimum at which learning has ended, by its place in the order of losses.
    """

    study: str
    hidden: int
    inputs: InputDistribution
    teacher: Array
    label_noise: Array
    learning_rate: float
    weight_decay: float
    batch: int
    synaptic_noise: float
    stimuli: tuple[Stimulus, ...]
    minimum: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "teacher", read_only(self.teacher))
        object.__setattr__(self, "label_noise", read_only(self.label_noise))

    @property
    def input_covariance(self) -> Array:
        """Second moment ``Sigma`` of the inputs, shape ``(n, n)``."""
        return self.inputs.covariance

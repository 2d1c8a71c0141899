"""Parameters drawn from a seed: exact rational numbers that stay away from thresholds."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import sympy as sp

from symdrift.inputs import Gaussian
from symdrift.manifold import Direction
from symdrift.problem import LearningProblem, Stimulus

VARIANCES = ("1/2", "3/4", "1", "3/2", "2", "5/2", "3", "4")
GAINS = ("4/5", "1", "6/5", "3/2")
WEIGHT_DECAYS = ("1/10", "1/8", "1/5", "1/4", "3/10")
LEARNING_RATES = ("1/50", "1/100", "1/200")
NOISES = ("1/10", "1/5", "1/4", "2/5")


@dataclass(frozen=True)
class Flavour:
    """What the exercises of a study contain, beside inputs and weight decay.

    Attributes
    ----------
    gains : bool
        Whether the teacher has gains other than one.
    label_noise : bool
    """

    gains: bool
    label_noise: bool


@dataclass(frozen=True)
class Network:
    """A network with exact numbers on the axes of its inputs.

    Attributes
    ----------
    variances, gains, noises : tuple of sympy.Rational
        Input variance, gain and label-noise variance of each axis.
    weight_decay, learning_rate : sympy.Rational
    hidden : int
    """

    variances: tuple[sp.Rational, ...]
    gains: tuple[sp.Rational, ...]
    noises: tuple[sp.Rational, ...]
    weight_decay: sp.Rational
    learning_rate: sp.Rational
    hidden: int

    def directions(self) -> tuple[Direction, ...]:
        """The axes at the minimum: what is learned, and what is left over."""
        worth = [
            (self.reduction(k), -k)
            for k in range(len(self.variances))
            if self.variances[k] * self.gains[k] > self.weight_decay
        ]
        active = {-k for _, k in sorted(worth, reverse=True)[: self.hidden]}
        found = []
        for k, (variance, gain, noise) in enumerate(
            zip(self.variances, self.gains, self.noises, strict=True)
        ):
            residual = self.weight_decay / variance if k in active else gain
            found.append(Direction(str(k + 1), variance, noise, gain - residual, residual))
        return tuple(found)

    def reduction(self, axis: int) -> sp.Rational:
        """By how much learning one axis lowers the loss."""
        value = self.gains[axis] - self.weight_decay / self.variances[axis]
        return self.variances[axis] * value**2 / 2

    def problem(self, name: str) -> LearningProblem:
        """The same network for the dense engine; stimuli are the axes."""
        size = len(self.variances)
        floats = [np.array([float(v) for v in row]) for row in (self.variances, self.gains)]
        return LearningProblem(
            study=name,
            hidden=self.hidden,
            inputs=Gaussian(np.diag(floats[0])),
            teacher=np.diag(floats[1]),
            label_noise=np.array([float(v) for v in self.noises]),
            learning_rate=float(self.learning_rate),
            weight_decay=float(self.weight_decay),
            batch=1,
            synaptic_noise=0.0,
            stimuli=tuple(Stimulus(f"axis {k + 1}", np.eye(size)[k]) for k in range(size)),
        )


class Draw:
    """Draws of one exercise; the same seed and name give the same numbers everywhere."""

    def __init__(self, seed: int, student: int, exercise: str, flavour: Flavour) -> None:
        self._random = random.Random(f"symdrift exercises {seed} {student} {exercise}")
        self.flavour = flavour

    def number(self, choices: Sequence[str]) -> sp.Rational:
        """One of some exact numbers."""
        return sp.Rational(choices[self._random.randrange(len(choices))])

    def integer(self, low: int, high: int) -> int:
        """An integer from ``low`` to ``high``, both included."""
        return low + self._random.randrange(high - low + 1)

    def distinct(self, choices: Sequence[str], count: int) -> tuple[sp.Rational, ...]:
        """Different exact numbers in any order."""
        left = list(choices)
        return tuple(sp.Rational(left.pop(self._random.randrange(len(left)))) for _ in range(count))

    def position(self, count: int) -> int:
        """One of ``count`` positions."""
        return self._random.randrange(count)

    def network(self, axes: int, hidden: int, gains: bool | None = None) -> Network:
        """A network whose axes are all worth learning, with different variances."""
        with_gains = self.flavour.gains if gains is None else gains
        noise = self.number(NOISES) if self.flavour.label_noise else sp.Integer(0)
        return Network(
            variances=self.distinct(VARIANCES, axes),
            gains=tuple(self.number(GAINS) if with_gains else sp.Integer(1) for _ in range(axes)),
            noises=(noise,) * axes,
            weight_decay=self.number(WEIGHT_DECAYS),
            learning_rate=self.number(LEARNING_RATES),
            hidden=hidden,
        )

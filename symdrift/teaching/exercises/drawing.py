"""Parameters drawn from a seed: exact rational numbers that stay away from thresholds."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import sympy as sp

from symdrift.evaluation.closed_form.formulas import singular_values
from symdrift.inputs import Gaussian
from symdrift.study.problem import LearningProblem, Stimulus
from symdrift.theory.linear.points import Direction, learned_direction

VARIANCES = ("1/2", "3/4", "1", "5/4", "3/2", "2")
GAINS = ("4/5", "1", "6/5")
WEIGHT_DECAYS = ("1/2", "3/4", "1", "5/4", "3/2")
LEARNING_RATES = ("1/2", "1", "2")
NOISES = ("1/2", "1", "3/2", "2")
"""What the numbers of a study are multiplied with."""

_MARGIN = sp.Rational(5, 4)
"""By how much input variance times gain exceeds the weight decay at least."""
_STEEPEST = sp.Rational(1, 8)
"""Largest learning rate times input variance times gain, far from where descent diverges."""


@dataclass(frozen=True)
class Flavour:
    """Numbers of a study, around which those of its exercises are drawn.

    Attributes
    ----------
    variances, gains : tuple of sympy.Rational
        Of the axes that have both, positive.
    label_noise : sympy.Rational
        Mean variance over the outputs; zero for none.
    weight_decay, learning_rate : sympy.Rational
    batch : int
    """

    variances: tuple[sp.Rational, ...]
    gains: tuple[sp.Rational, ...]
    label_noise: sp.Rational
    weight_decay: sp.Rational
    learning_rate: sp.Rational
    batch: int = 1


@dataclass(frozen=True)
class Network:
    """A network with exact numbers on the axes of its inputs.

    Attributes
    ----------
    variances, gains, noises : tuple of sympy.Rational
        Input variance, gain and label-noise variance of each axis.
    weight_decay, learning_rate : sympy.Rational
    hidden, batch : int
    """

    variances: tuple[sp.Rational, ...]
    gains: tuple[sp.Rational, ...]
    noises: tuple[sp.Rational, ...]
    weight_decay: sp.Rational
    learning_rate: sp.Rational
    hidden: int
    batch: int = 1

    def directions(self) -> tuple[Direction, ...]:
        """The axes at the minimum: what is learned, and what is left over."""
        size = len(self.variances)
        found = singular_values(
            np.array(self.variances, dtype=float),
            float(self.weight_decay),
            np.array(self.gains, dtype=float),
            inputs=size,
            outputs=size,
            hidden=self.hidden,
        )
        return tuple(
            self.learned(k)
            if value > 0
            else replace(self.learned(k), singular_value=sp.Integer(0), residual=self.gains[k])
            for k, value in enumerate(found)
        )

    def learned(self, axis: int) -> Direction:
        """An axis that the network learns."""
        return learned_direction(
            str(axis + 1),
            self.variances[axis],
            self.noises[axis],
            self.gains[axis],
            self.weight_decay,
        )

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
            batch=self.batch,
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

    def network(self, axes: int, hidden: int, gains: bool = True) -> Network:
        """A network whose axes are all worth learning, with different variances.

        Without ``gains`` its teacher is the identity.
        """
        study = self.flavour
        teaches = gains and any(gain != 1 for gain in study.gains)
        drawn = tuple(
            study.gains[self.position(len(study.gains))] * self.number(GAINS)
            if teaches else sp.Integer(1) for _ in range(axes)
        )  # fmt: skip
        decay = study.weight_decay * self.number(WEIGHT_DECAYS)
        choices = {v * sp.Rational(factor) for v in study.variances for factor in VARIANCES}
        while len(usable := [v for v in choices if v * min(drawn) >= _MARGIN * decay]) < axes:
            choices = {2 * v for v in choices}
        variances = self.distinct([str(v) for v in sorted(usable)], axes)
        rate = study.learning_rate * self.number(LEARNING_RATES)
        while rate * max(variances) * max(drawn) > _STEEPEST:
            rate /= 2
        return Network(
            variances=variances,
            gains=drawn,
            noises=(study.label_noise * self.number(NOISES),) * axes,
            weight_decay=decay,
            learning_rate=rate,
            hidden=hidden,
            batch=study.batch,
        )

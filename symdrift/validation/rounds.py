"""A plan of simulations, and the rounds in which its networks are simulated."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from symdrift.simulation.ensemble import Schedule
from symdrift.simulation.lanes import LANES

UNITS = 64
"""Independent units that standard errors should rest on at least."""

MOST_ROUNDS = 8
"""Rounds into which the networks of a plan are divided when there is a budget."""

SINGLE_ROUND_MARGIN = 1.4
"""Time kept for a plan of one round, which cannot be cut short, over what it should take."""

SECOND_SHARE = 0.5
"""Networks of a second look, over those of the first; of a budget the time for them is kept."""

FIRST_SHARE = 1 / (1 + SECOND_SHARE)
"""Networks of the first look, over those of both."""


def cut_to(completed: float) -> float:
    """Fraction of a run, a second look included, of whose first look an interrupt left so much."""
    return FIRST_SHARE * completed


def further(replicas: int) -> int:
    """Networks of a second look at what so many have shown."""
    return math.ceil(SECOND_SHARE * replicas)


@dataclass(frozen=True)
class Plan:
    """Learning rates of an extrapolation to zero, and how long to run at each.

    Attributes
    ----------
    rates : tuple of float
        At least two learning rates, decreasing.
    schedules : tuple of Schedule
        One per rate.
    fitted : tuple of bool
        Which rates are small enough for the extrapolation.
    replicas : int
    precision : float
        That rates were chosen for.
    windows : int or None
        That schedules were made for, which with precision and replicas are the whole plan;
        ``None`` where rates were given.
    """

    rates: tuple[float, ...]
    schedules: tuple[Schedule, ...]
    fitted: tuple[bool, ...]
    replicas: int
    precision: float
    windows: int | None

    @property
    def replica_steps(self) -> int:
        """Steps of all replicas in all runs."""
        return self.replicas * sum(schedule.steps for schedule in self.schedules)

    def seconds(self, speed: float, processors: int) -> float:
        """Time that all runs take.

        Parameters
        ----------
        speed : float
            Replica-steps per second of all processors, each with full vectors.
        processors : int
        """
        steps = sum(schedule.steps for schedule in self.schedules)
        return steps * occupied(self.replicas, processors) / speed

    def options(self, replicas: int, seed: int) -> str | None:
        """Options that repeat what so many of the replicas have shown."""
        if self.windows is None:
            return None
        return (
            f"--precision {self.precision!r} --windows {self.windows} --replicas {replicas} "
            f"--seed {seed}"
        )

    def rounds(self, processors: int) -> list[tuple[int, int]]:
        """First replica and number of replicas of each round, after any of which one may stop.

        Standard errors of a single round rest on `UNITS` units, and it occupies all processors.
        """
        size = max(UNITS, LANES * processors, self.replicas // MOST_ROUNDS // LANES * LANES)
        count = max(1, self.replicas // size)
        bounds = [LANES * (self.replicas // LANES * k // count) for k in range(count)]
        return [(first, end - first) for first, end in pairwise([*bounds, self.replicas])]

    def fits(self, seconds: float, speed: float, processors: int) -> bool:
        """Whether it can be expected to end in time."""
        return self.seconds_kept(speed, processors) <= seconds

    def seconds_kept(self, speed: float, processors: int) -> float:
        """Time to keep for it and a second look: more where it cannot be cut short."""
        margin = SINGLE_ROUND_MARGIN if len(self.rounds(processors)) == 1 else 1.0
        return margin * (1 + SECOND_SHARE) * self.seconds(speed, processors)


def occupied(replicas: int, processors: int) -> int:
    """Replicas that would take as long with every lane of every processor in use."""
    return LANES * processors * math.ceil(replicas / LANES / processors)


def seed_of_run(seed: int, index: int) -> int:
    """Of one run: runs of one seed are independent of each other and of those of other seeds."""
    return int(np.random.SeedSequence((seed, index)).generate_state(1)[0])

"""A budget of time for a validation, and what can still be done with it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from symdrift.evaluation.result import Evaluation
from symdrift.simulation.ensemble import Schedule
from symdrift.study.problem import LearningProblem
from symdrift.validation.plan import Plan, plan_extrapolation, shortened
from symdrift.validation.speed import occupied

OVERTIME = 1.1
"""Time that a run may take, over its share of what is left of a budget."""

START_UP = 0.1
"""Share of the whole budget in which threads may start, on top of that."""


class Clock:
    """A budget of seconds.

    Parameters
    ----------
    seconds : float
    processors : int
    begun : float, optional
        Since when it is spent; default: since now.
    now : callable, optional
        Seconds since whenever.
    """

    def __init__(
        self,
        seconds: float,
        processors: int,
        begun: float | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._begin = now() if begun is None else begun
        self._now = now
        self._seconds = seconds
        self._processors = processors
        self._speed = math.inf

    @property
    def spent(self) -> float:
        """Seconds since the beginning."""
        return self._now() - self._begin

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """What is done in here costs nothing."""
        stopped = self._now()
        yield
        self._begin += self._now() - stopped

    def count_on(self, speed: float) -> None:
        """Expect so many replica-steps per second, of all processors."""
        self._speed = speed

    @property
    def left(self) -> float:
        """Seconds of the budget that are left."""
        return self._seconds - self.spent

    def plan(
        self,
        problem: LearningProblem,
        theory: Evaluation,
        replicas: int | None,
        precision: float | None = None,
        spent: float | None = None,
    ) -> Plan:
        """Runs for what is left after ``spent`` seconds, or a refusal that names the least."""
        return plan_extrapolation(
            problem,
            theory,
            precision=precision,
            budget=self._seconds,
            spent=self.spent if spent is None else spent,
            replicas=replicas,
            speed=self._speed,
            processors=self._processors,
        )

    def shortened(self, schedules: Sequence[Schedule], replicas: int) -> tuple[Schedule, ...]:
        """Runs that are left, with as many windows as there is time for."""
        return shortened(schedules, replicas, self.left, self._speed, self._processors)

    def end_of(self, schedules: Sequence[Schedule]) -> float:
        """What may be left when the first of some runs ends, and the others have their share."""
        share = schedules[0].steps / sum(schedule.steps for schedule in schedules)
        return self.left * (1 - share * OVERTIME) - START_UP * self._seconds

    def learn(self, steps: float, replicas: int, seconds: float) -> None:
        """Count on the speed that a run had, where that is less than expected."""
        self._speed = min(self._speed, steps * occupied(replicas, self._processors) / seconds)

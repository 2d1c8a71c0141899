"""A budget of time, for work that goes on in rounds until there is none left."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from symdrift.errors import RequestError

RESERVED = 0.06
"""Share of a budget, at least, that is kept for estimates, tables and printing."""

ENDING = 0.25
"""What these take, over what it took to get ready, on however busy a machine."""

OVERTIME = 0.1
"""Share of a budget by which a round may end late, before it is given up."""

PATIENCE = 0.3
"""Share of what is left after which a round is given up that would end too late."""

HOPELESS = 0.1
"""The same of one that would take more than twice as long as it may."""


class Clock:
    """A budget of seconds, spent from now on.

    Parameters
    ----------
    seconds : float
    now : callable, optional
        Seconds since whenever.

    Raises
    ------
    RequestError
        When the time is not positive.
    """

    def __init__(self, seconds: float, now: Callable[[], float] = time.monotonic) -> None:
        if not (math.isfinite(seconds) and seconds > 0):
            raise RequestError("budget", f"= {seconds:g} must be a positive number")
        self.seconds = seconds
        self._now = now
        self._begin = now()
        self._reserved = RESERVED * seconds

    @property
    def spent(self) -> float:
        """Seconds since the beginning."""
        return self._now() - self._begin

    @property
    def left(self) -> float:
        """Seconds in which rounds of work may still be made."""
        return self.seconds - self._reserved - self.spent

    def be_ready(self) -> None:
        """Keep time for the end by what was spent until now."""
        self._reserved = max(self._reserved, ENDING * self.spent)

    def forgive(self, seconds: float) -> None:
        """Leave out time that something took which is not part of the budget."""
        self._begin += seconds

    def is_late(self, since: float, share: float) -> bool:
        """Whether a round that began when so much was spent must be given up.

        Parameters
        ----------
        since : float
        share : float
            Of the round that is done.
        """
        end = (1 + OVERTIME) * self.seconds - self._reserved
        elapsed = self.spent - since
        if elapsed < HOPELESS * (end - since):
            return False
        slowness = 1.0 if elapsed >= PATIENCE * (end - since) else 2.0
        return self.spent > end or elapsed > slowness * share * (end - since)


def used_up(clock: Clock) -> RequestError:
    """The refusal of a budget in which nothing was measured."""
    return RequestError(
        "budget",
        f"= {clock.seconds:g} s was used up before anything was measured: the machine is "
        "busier than when its speed was measured; give it more time",
    )

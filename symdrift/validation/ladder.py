"""Learning rates of an extrapolation and runs at each, from time scales, whatever learns."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from symdrift.simulation.ensemble import Schedule
from symdrift.simulation.timescales import ceiling
from symdrift.validation.rounds import UNITS, Plan

BURN_IN_RELAXATIONS = 6.0
"""Steps before the first window, in units of the slowest relaxation time of any mode."""

SHORTEST_LAG = 0.5
"""Shortest lag of a displacement, at most, in units of the fastest relaxation time."""

FEWEST_WINDOWS = 8
"""Of one unit."""

LADDER = (1.0, 0.5, 0.25)
"""Learning rates of an extrapolation, relative to the largest."""

LADDER_SHARES = (1.0, 0.5, 2.0)
"""Windows at these rates: the ends fix the line, and steps are cheapest at the largest."""

BISECTIONS = 6
"""Of the precision that a budget allows: to a few percent."""

COARSEST_AIM = 0.1
"""Standard error that a run without a budget is kept with: a larger one says nothing of a ratio."""

DECIDING_AIM = 0.04
"""Standard error with which a theory that is right is seen to be right to a tenth.

Of a dozen ratios the worst is off by about two and a half of its errors, 1.65 more are its
interval, and the square of the correction is kept below half of this.  Variances that are
extrapolated by a known slope have half of the error that is planned for.
"""


def timed_schedule(
    rate: float,
    slowest: float,
    fastest: float,
    slowest_of_all: float,
    windows: int,
    replicas: int,
    relaxations: float,
) -> Schedule:
    """A run of so many windows per replica at a learning rate.

    Parameters
    ----------
    rate : float
    slowest, fastest, slowest_of_all : float
        Rates of return per unit of the learning rate: of what noise reaches, and of anything.
    windows, replicas : int
    relaxations : float
        Length of a window in slowest relaxation times.
    """
    windows = max(fewest_windows(replicas), windows)
    window = ceiling(relaxations / (rate * slowest))
    halvings = ceiling(math.log2(relaxations * fastest / slowest / SHORTEST_LAG))
    return Schedule(
        burn_in=ceiling(BURN_IN_RELAXATIONS / (rate * slowest_of_all)),
        window=window,
        windows=windows,
        segments=_segments(windows, replicas),
        halvings=max(0, min(halvings, window.bit_length() - 1)),
    )


def laddered(
    own: float,
    top: float,
    schedule: Callable[[float, int], Schedule],
    aim: float,
    replicas: int,
    windows: int,
) -> Plan:
    """Rates from the largest down, the own among them.

    Parameters
    ----------
    own, top : float
        The study's own rate, and the largest from which a line leads to zero.
    schedule : callable
        Of a rate and a number of windows.
    aim : float
        Precision that all of this is for.
    replicas : int
    windows : int
        At the largest rate.
    """
    if 0.5 * top <= own <= top:
        top = own
    rates = [top * factor for factor in LADDER]
    schedules = [
        schedule(rate, math.ceil(share * windows))
        for rate, share in zip(rates, LADDER_SHARES, strict=True)
    ]
    fitted = [True] * len(rates)
    if own != top:
        # The own rate, when tiny, gets no more steps than the smallest rate of the ladder.
        longest = schedules[-1].steps
        wish = schedule(own, windows)
        affordable = (longest - wish.burn_in) // wish.window
        if wish.windows > affordable:
            wish = schedule(own, max(FEWEST_WINDOWS, affordable))
        rates.append(own)
        schedules.append(wish)
        fitted.append(own <= top)
    order = sorted(range(len(rates)), key=lambda index: -rates[index])
    return Plan(
        rates=tuple(rates[index] for index in order),
        schedules=tuple(schedules[index] for index in order),
        fitted=tuple(fitted[index] for index in order),
        replicas=replicas,
        precision=aim,
        windows=windows,
    )


def affordable_plan(
    plan: Callable[[float, int], Plan],
    fits: Callable[[Plan], bool],
    precision: float,
    counts: Sequence[int],
    coarsest: float = DECIDING_AIM,
) -> tuple[Plan, bool]:
    """The plan that comes nearest to a precision, and whether it fits.

    Precision is given up first, and in the end replicas, each of which has a burn-in of its own.

    Parameters
    ----------
    plan : callable
        For a precision and a number of replicas.
    fits : callable
        Whether a plan can be expected to end in time.
    precision : float
    counts : sequence of int
        Numbers of replicas, the one that is wished for first.
    coarsest : float
        Precision below which none is given up.
    """
    if fits(planned := plan(precision, counts[0])):
        return planned, True
    coarsest = max(precision, coarsest)
    for count in counts:
        if fits(planned := plan(coarsest, count)):
            finest = precision
            for _ in range(BISECTIONS):
                # Few digits: whoever repeats the run writes them down.
                aim = float(f"{math.sqrt(finest * coarsest):.3g}")
                if fits(finer := plan(aim, count)):
                    coarsest, planned = aim, finer
                else:
                    finest = aim
            return planned, True
    return planned, False


def _segments(windows: int, replicas: int) -> int:
    """Parts of a run that are independent enough for the scatter of their estimates."""
    return max(1, min(windows // FEWEST_WINDOWS, -(-UNITS // replicas)))


def fewest_windows(replicas: int) -> int:
    """Windows of each replica, at least: a standard error needs two independent units."""
    return FEWEST_WINDOWS * (2 if replicas == 1 else 1)

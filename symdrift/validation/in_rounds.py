"""Networks at several learning rates, simulated some after others as long as there is time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from functools import partial

from symdrift.errors import RequestError
from symdrift.progress import Progress, log_stage
from symdrift.simulation.estimators import WindowSums
from symdrift.validation.clock import Clock
from symdrift.validation.rounds import SECOND_SHARE
from symdrift.validation.validate import RateRun


class TooSlow(Exception):
    """The first round of a budget was given up.

    Parameters
    ----------
    seconds : float
        That it took.
    share : float
        Of it that was done by then.
    """

    def __init__(self, seconds: float, share: float) -> None:
        super().__init__(seconds, share)
        self.seconds = seconds
        self.share = share


def in_rounds(
    runs: Sequence[RateRun],
    rounds: Sequence[tuple[int, int]],
    own_rate: float,
    progress: Progress | None,
    threads: int | None,
    executor: Executor | None,
    clock: Clock | None,
) -> tuple[list[WindowSums], int, bool]:
    """Simulate networks at all rates in each round, as long as there is time.

    Returns
    -------
    tuple
        Sums of each run, replicas that these are of, and whether an interrupt ended it all.
        Interrupted in the first round, the last of the runs may be incomplete, and later ones
        missing; what was made of a later round is left out.

    Raises
    ------
    TooSlow
        When there is no time for the first round.
    RequestError
        When networks turn too far or diverge; of a rate above ``own_rate``, the study's, it says
        who chose it.
    """
    whole = sum(run.schedule.steps for run in runs)
    planned = sum(rounds[-1])
    total = whole * planned
    sums: list[WindowSums] = []
    replicas = 0
    for first, count in rounds:
        begin, share = 0.0 if clock is None else clock.spent, 0.0

        def report(done: int, first: int = first, count: int = count, begin: float = begin) -> None:
            nonlocal share
            share = done / (count * whole)
            if progress is not None:
                progress(first * whole + done, total)
            if clock is not None and clock.is_late(begin, share):
                raise KeyboardInterrupt

        made, interrupted = _one_round(
            runs, first, count, planned, own_rate, report, threads, executor
        )
        if interrupted:
            late = clock is not None and clock.is_late(begin, share)
            if clock is not None and late and not sums:
                raise TooSlow(clock.spent - begin, share)
            if not (sums or made):
                raise KeyboardInterrupt
            return sums or made, replicas or count, not late
        sums = [old.beside(new) for old, new in zip(sums, made, strict=True)] if sums else made
        replicas += count
        if clock is not None:
            # A round more, and a second look at all that there is then.
            ahead = count + SECOND_SHARE * (replicas + count)
            if clock.left * count < ahead * (clock.spent - begin):
                break
    return sums, replicas, False


def _one_round(
    runs: Sequence[RateRun],
    first: int,
    count: int,
    replicas: int,
    own_rate: float,
    report: Callable[[int], None],
    threads: int | None,
    executor: Executor | None,
) -> tuple[list[WindowSums], bool]:
    """Sums of each run, after an interrupt of those that show anything."""
    made: list[WindowSums] = []
    before = 0
    for run in runs:
        log_stage(
            f"simulating replicas {first + 1} to {first + count} of {replicas} at learning rate "
            f"{run.rate:.4g}"
        )
        try:
            part, interrupted = run.simulate(
                first, count, partial(_add, report, before), threads, executor
            )
        except KeyboardInterrupt:
            return made, True
        except RequestError as error:
            if error.field != "learning.rate" or run.rate <= own_rate:
                raise
            raise RequestError(
                error.field,
                f"{error.problem}; it is not the study's {own_rate:g}: the precision allows it, "
                "and a finer one takes smaller rates",
            ) from None
        # A standard error needs two independent units.
        if part.units > 1:
            made.append(part)
        if interrupted:
            return made, True
        before += count * run.schedule.steps
    return made, False


def _add(report: Callable[[int], None], before: int, done: int, _: int) -> None:
    report(before + done)

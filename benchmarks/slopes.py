"""What the next order predicts beside what simulations show, for every shipped study.

    python benchmarks/slopes.py [STUDY ...] [--error E] [--seconds S] [--ways WAY ...]
        [--stimuli NAME ...]

The tables are Markdown.  First, for each quantity, the relative change per unit of ``eta h_max``
as predicted and as simulated with its standard error, and their difference in standard errors;
then, for each study and kind of quantity, how well the slopes are known.  They are those of
networks beside the perturbation series of their deviations; the diffusion of stimuli as it is seen,
and everything where there is no such series, is that of networks alone.

Each slope that does not vanish is to be known to the error that is asked for, relative to itself;
of networks alone that is asked of what the series does not show.  A study of which a first
simulation does not show that is simulated again, longer and with other random numbers, as far as
the seconds go: of the first simulation only standard errors count.  What takes long in one of the
two ways is asked of that way alone, and a stimulus that is seen less well than others can be
followed alone: its representations are then averaged as long as suits it.
"""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace

from symdrift.errors import RequestError
from symdrift.evaluation.dense.landscape import minimum_of
from symdrift.evaluation.evaluate import evaluate
from symdrift.study import read_study, shipped_studies
from symdrift.validation.measured_slopes import Slope, measured_slopes
from symdrift.validation.plan import FINEST_PRECISION
from symdrift.validation.series_slopes import has_series, joined_slopes, slopes_beside_series

SAFETY = 1.1
"""By which a second run is more precise than errors of the first ask for."""

FIRST_PRECISION, FIRST_ERROR = 0.004, 0.05
"""Of first simulations alone, and beside the series."""

WAYS = ("alone", "beside")
"""Networks alone, and beside the series of their deviations."""

VANISHING = 1e-6
"""Slopes this small are zero by a symmetry."""


def kind(quantity: str) -> str:
    """What a quantity is, without its indices: ``V[12]`` is a ``V``."""
    return re.sub(r"\[.*\]| of .*", "", quantity)


def largest(slopes: tuple[Slope, ...]) -> float:
    return max(abs(slope.predicted) for slope in slopes)


def of_own(slopes: tuple[Slope, ...]) -> float:
    """Largest standard error relative to the slope itself, of those that do not vanish."""
    moving = [slope for slope in slopes if abs(slope.predicted) > VANISHING]
    return max((slope.standard_error / abs(slope.predicted) for slope in moving), default=0.0)


def of_kind(slopes: tuple[Slope, ...]) -> float:
    """Largest standard error relative to the largest slope of its kind."""
    return max(
        max(slope.standard_error for slope in alike) / largest(alike)
        for what in {kind(slope.quantity) for slope in slopes}
        if largest(alike := tuple(s for s in slopes if kind(s.quantity) == what)) > VANISHING
    )


def twice(
    measured: Callable[[float, int], tuple[Slope, ...]],
    first: float,
    finest: float,
    ratio: Callable[[tuple[Slope, ...]], float],
    seconds: float,
) -> tuple[Slope, ...]:
    """Slopes at a first precision, or at the one that they show to be needed and to be in time."""
    begun = time.perf_counter()
    found = measured(first, 0)
    taken = time.perf_counter() - begun
    if not found or ratio(found) <= 1:
        return found
    in_time = first * min(1.0, taken / seconds) ** 0.5
    return measured(max(finest, in_time, first / ratio(found) / SAFETY), 1)


def slopes_of(
    name: str, error: float, seconds: float, ways: Sequence[str], stimuli: Sequence[str]
) -> tuple[Slope, ...]:
    """Slopes of a study by these of the ways, as well known as the error or time allows.

    Of stimuli those that are named, or all.
    """
    problem = read_study(name).problem()
    followed = tuple(each for each in problem.stimuli if each.name in stimuli or not stimuli)
    problem = replace(problem, stimuli=followed)
    theory = evaluate(problem, order=2)
    there = has_series(problem, minimum_of(problem))

    def alone(precision: float, seed: int) -> tuple[Slope, ...]:
        return measured_slopes(
            problem, precision=precision, seed=seed, seconds=seconds, theory=theory
        )

    def beside(aim: float, seed: int) -> tuple[Slope, ...]:
        return slopes_beside_series(problem, theory, error=aim, seed=seed)

    def unknown(slopes: tuple[Slope, ...]) -> float:
        """Of slopes that only networks alone show."""
        only = tuple(s for s in slopes if not there or s.quantity.startswith("D_h"))
        return of_own(only) / error

    rough: tuple[Slope, ...] = ()
    fine: tuple[Slope, ...] = ()
    if "alone" in ways:
        rough = twice(alone, FIRST_PRECISION, FINEST_PRECISION, unknown, seconds)
    if "beside" in ways:
        fine = twice(beside, FIRST_ERROR, 0.0, lambda slopes: of_own(slopes) / error, seconds)
    return joined_slopes(fine, rough)


def of_two_layers() -> list[str]:
    """Shipped studies of the rule that has a next order."""
    found = []
    for name in sorted(shipped_studies()):
        with suppress(RequestError):
            read_study(name).problem()
            found.append(name)
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("studies", nargs="*", default=of_two_layers())
    parser.add_argument("--error", type=float, default=0.1)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS)
    parser.add_argument("--stimuli", nargs="+", default=())
    arguments = parser.parse_args()
    print("| study | quantity | predicted | simulated | z |\n| --- | --- | --- | --- | --- |")
    furthest, summary = [], []
    for name in arguments.studies:
        begun = time.perf_counter()
        slopes = slopes_of(
            name, arguments.error, arguments.seconds, arguments.ways, arguments.stimuli
        )
        if not slopes:
            summary.append(f"| {name} | turns too far in a window | | | | | |")
        for slope in slopes:
            furthest.append(abs(slope.z))
            print(
                f"| {name} | {slope.quantity} | {slope.predicted:.3g} | "
                f"{slope.fitted:.3g} ± {slope.standard_error:.2g} | {slope.z:.1f} |",
                flush=True,
            )
        for what in dict.fromkeys(kind(slope.quantity) for slope in slopes):
            alike = tuple(slope for slope in slopes if kind(slope.quantity) == what)
            error = max(slope.standard_error for slope in alike)
            known = f"± {error:.2g} | |"
            if largest(alike) > VANISHING:
                known = f"{100 * of_kind(alike):.1f} % | {100 * of_own(alike):.0f} % |"
            summary.append(
                f"| {name} | {what} | {len(alike)} | {largest(alike):.3g} | {known} "
                f"{max(abs(slope.z) for slope in alike):.1f} |"
            )
        print(f"<!-- {name}: {time.perf_counter() - begun:.0f} s -->", flush=True)
    print(
        f"\n{len(furthest)} slopes, the furthest {max(furthest, default=0.0):.1f} standard errors "
        "away.\n\n| study | kind | slopes | largest slope | worst error, of the largest | "
        "of its own slope | largest z |\n| --- | --- | --- | --- | --- | --- | --- |"
    )
    print("\n".join(summary))

"""What the next order predicts beside what simulations show, for every shipped study.

    python benchmarks/slopes.py [STUDY ...] [--precision P] [--error E] [--seconds S]

The tables are Markdown.  First, for each quantity, the relative change per unit of ``eta h_max``
as predicted and as simulated with its standard error, and their difference in standard errors;
then, for each study and kind of quantity, how well the slopes are known.  Where one is known worse
than to the error that is asked for, relative to the study's largest slope, the study is simulated
again, longer and with other random numbers: of the first simulation only standard errors count.
"""

from __future__ import annotations

import argparse
import time
from functools import partial

from symdrift.evaluation.evaluate import evaluate
from symdrift.study import read_study, shipped_studies
from symdrift.validation.measured_slopes import Slope, measured_slopes
from symdrift.validation.plan import FINEST_PRECISION

SAFETY = 1.1
"""By which a second run is more precise than errors of the first ask for."""


def worst(slopes: tuple[Slope, ...]) -> float:
    """Largest standard error relative to the study's largest slope."""
    return max(slope.standard_error for slope in slopes) / largest(slopes)


def largest(slopes: tuple[Slope, ...]) -> float:
    return max(abs(slope.predicted) for slope in slopes)


def slopes_of(name: str, precision: float, error: float, seconds: float) -> tuple[Slope, ...]:
    """Slopes of a study, each known to ``error`` of its largest as far as time allows."""
    problem = read_study(name).problem()
    measured = partial(measured_slopes, problem, seconds=seconds, theory=evaluate(problem, order=2))
    found = measured(precision=precision)
    if found and worst(found) > error:
        finer = max(FINEST_PRECISION, precision * error / worst(found) / SAFETY)
        found = measured(precision=finer, seed=1)
    return found


def kind(quantity: str) -> str:
    """What a quantity is, without its indices: ``V[12]`` is a ``V``."""
    return quantity.partition("[")[0].partition(" of ")[0]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("studies", nargs="*", default=sorted(shipped_studies()))
    parser.add_argument("--precision", type=float, default=0.004)
    parser.add_argument("--error", type=float, default=0.1)
    parser.add_argument("--seconds", type=float, default=300.0)
    arguments = parser.parse_args()
    print("| study | quantity | predicted | simulated | z |\n| --- | --- | --- | --- | --- |")
    furthest, summary = [], []
    for name in arguments.studies:
        begun = time.perf_counter()
        slopes = slopes_of(name, arguments.precision, arguments.error, arguments.seconds)
        if not slopes:
            summary.append(f"| {name} | turns too far in a window | | | | |")
        for slope in slopes:
            furthest.append(abs(slope.z))
            print(
                f"| {name} | {slope.quantity} | {slope.predicted:.3g} | "
                f"{slope.fitted:.3g} ± {slope.standard_error:.2g} | {slope.z:.1f} |",
                flush=True,
            )
        for what in dict.fromkeys(kind(slope.quantity) for slope in slopes):
            of_kind = tuple(slope for slope in slopes if kind(slope.quantity) == what)
            error = max(slope.standard_error for slope in of_kind) / largest(slopes)
            summary.append(
                f"| {name} | {what} | {len(of_kind)} | {largest(of_kind):.3g} | "
                f"{100 * error:.1f} % | {max(abs(slope.z) for slope in of_kind):.1f} |"
            )
        print(f"<!-- {name}: {time.perf_counter() - begun:.0f} s -->", flush=True)
    print(
        f"\n{len(furthest)} slopes, the furthest {max(furthest, default=0.0):.1f} standard errors "
        "away.\n\n| study | kind | slopes | largest slope | worst standard error | largest z |"
        "\n| --- | --- | --- | --- | --- | --- |"
    )
    print("\n".join(summary))

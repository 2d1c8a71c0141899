"""``symdrift validate``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from symdrift.cli.options import (
    Real,
    Whole,
    dask_option,
    json_option,
    minimum_option,
    plot_option,
    replicas_option,
    seed_option,
    set_option,
    study_argument,
    threads_option,
)
from symdrift.cli.process import held_back
from symdrift.cli.requests import chosen_study, dask_executor
from symdrift.cli.terminal import (
    output_console,
    print_json,
    print_tables,
    progress_shown,
    say_warnings,
)
from symdrift.errors import CheckFailed, RequestError
from symdrift.validation.clock import Clock

if TYPE_CHECKING:
    from symdrift.study import Study
    from symdrift.validation.extrapolate import Extrapolation
    from symdrift.validation.validate import Validation


@click.command(epilog="Example: symdrift validate anisotropic_autoencoder --precision 0.02 --json")
@study_argument
@click.option(
    "--steps",
    type=Whole(least=1),
    metavar="N",
    help="SGD steps of each replica, at the study's learning rate alone; default: several rates, "
    "extrapolated to zero.",
)
@replicas_option
@seed_option
@click.option(
    "--precision",
    type=Real(),
    metavar="P",
    help="Standard error of the ratios; default: 0.01, or finer where the white-noise "
    "approximation differs by little.",
)
@click.option(
    "--budget",
    metavar="TIME",
    help="Time that all of this may take, as 60s or 2m; compiling, once for a kind of network, "
    "comes on top. A third of it is kept for further replicas, which judge what the first miss. "
    "Default: 225s at the speed of two ordinary cores.",
)
@click.option(
    "--windows",
    type=Whole(least=1),
    metavar="N",
    help="Windows of each replica at the largest rate, as a run says that is to be repeated.",
)
@threads_option
@dask_option
@plot_option
@json_option
@set_option
@minimum_option
def validate(
    study: str,
    steps: int | None,
    replicas: int | None,
    seed: int,
    precision: float | None,
    budget: str | None,
    windows: int | None,
    threads: int | None,
    dask: str | None,
    plot: Path | None,
    as_json: bool,
    assignments: Sequence[str],
    minimum: int | None,
) -> None:
    """Set theory beside simulation.

    Ratios with standard errors, at the study's learning rate and extrapolated to rate zero;
    the exit code is 1 when they miss 1, also in further replicas, or when the run decides nothing,
    as where further replicas neither confirm nor refute what is missed. What is interrupted is
    shown, and undecided.
    """
    clock = None if budget is None else Clock(_seconds(budget))
    if steps is not None:
        given = {"precision": precision, "budget": budget, "windows": windows, "plot": plot}
        for option, value in given.items():
            if value is not None:
                raise RequestError(f"--{option}", "and --steps exclude each other")
    if plot is not None:
        from symdrift.cli.plots import require_picture

        require_picture(plot)
    chosen = chosen_study(study, assignments, minimum)
    at_one_rate, in_the_limit, warnings = _validated(chosen)
    result: Validation | Extrapolation
    with (
        ExitStack() as afterwards,
        progress_shown("simulating") as progress,
        dask_executor(dask) as executor,
    ):
        if steps is not None:
            result = at_one_rate(
                steps, replicas, seed, progress, threads=threads, executor=executor
            )
        else:
            result = limit = in_the_limit(
                replicas,
                seed,
                progress,
                precision=precision,
                windows=windows,
                clock=clock,
                threads=threads,
                executor=executor,
            )
        # Printed even when the picture cannot be drawn.
        afterwards.callback(_print, result, as_json)
        # Not before: what is refused is refused in one sentence.
        afterwards.callback(say_warnings, warnings)
        if plot is not None:
            from symdrift.figures.ratios import plot_extrapolation

            plot_extrapolation(limit, plot)
    if result.interrupted:
        print(f"this is what {result.part} measured", file=sys.stderr)
        raise KeyboardInterrupt
    if result.objection is not None:
        raise CheckFailed(f"{chosen.name}: {result.objection}")


def _validated(
    study: Study,
) -> tuple[Callable[..., Validation], Callable[..., Extrapolation], tuple[str, ...]]:
    """How a study with every number filled in is validated at its rate, and in the limit, and
    warnings of it.
    """
    if not study.is_plain:
        from symdrift.evaluation.any_rule import orbit_warnings
        from symdrift.validation.validate_rule import validate_rule_limit, validate_rule_rate

        learner = study.learner()
        return (
            partial(validate_rule_rate, learner),
            partial(validate_rule_limit, learner),
            orbit_warnings(learner),
        )
    problem = study.problem()
    from symdrift.evaluation.dense.matrix_road import minimum_warnings
    from symdrift.validation.extrapolate import validate_limit
    from symdrift.validation.validate import validate_rate

    return (
        partial(validate_rate, problem),
        partial(validate_limit, problem),
        minimum_warnings(problem),
    )


def _print(result: Validation | Extrapolation, as_json: bool) -> None:
    with held_back():
        if as_json:
            print_json(result)
        else:
            _print_validation(result)


def _print_validation(result: Validation | Extrapolation) -> None:
    from symdrift.validation.validate import Validation
    from symdrift.validation.verdict import extrapolation_table, validation_table

    console = output_console()
    if isinstance(result, Validation):
        table = validation_table(result.rows, result.said)
    else:
        table = extrapolation_table(result.rows, result.said, result.interrupted)
    print_tables(console, [table])
    console.print(result.summary)
    console.print(f"verdict: {result.conclusion}")


_LONGEST = 1e9
"""Seconds: thirty years."""


def _seconds(text: str) -> float:
    """Duration in seconds from ``90``, ``90s``, ``1.5m`` or ``1h``."""
    units = {"s": 1.0, "m": 60.0, "h": 3600.0}
    number, unit = (text[:-1], units[text[-1]]) if text[-1:] in units else (text, 1.0)
    try:
        seconds = unit * float(number)
    except ValueError:
        raise RequestError("--budget", f'= "{text}" must be a time such as 60s or 2m') from None
    if not seconds > 0:
        raise RequestError("--budget", f'= "{text}" must be a positive time, such as 60s or 2m')
    if seconds > _LONGEST:
        raise RequestError("--budget", f'= "{text}" must be at most {_LONGEST:.0e}s')
    return seconds

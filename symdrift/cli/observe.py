"""``symdrift observe``."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from symdrift.cli.options import JsonOption, SeedOption, SetOption, StudyArgument
from symdrift.cli.requests import chosen_study, require_one_format
from symdrift.cli.terminal import output_console, print_result, print_tables, progress_shown

if TYPE_CHECKING:
    from symdrift.observables import Observation


def observe(
    study: StudyArgument,
    assignments: SetOption = None,
    times: Annotated[
        str | None,
        typer.Option(
            metavar="LO:HI:NUM[:log]",
            help="Lags in SGD steps; default: from the fastest relaxation to a few decorrelation "
            "times.",
        ),
    ] = None,
    seed: SeedOption = 0,
    as_json: JsonOption = False,
    as_csv: Annotated[
        bool, typer.Option("--csv", help="Print CSV: a row per observable, subject, part and lag.")
    ] = False,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a picture (.png, .svg or .pdf)."),
    ] = None,
    approximation: Annotated[
        str,
        typer.Option(
            metavar="exact|white", help="white: noise and fluctuation taken as uncorrelated."
        ),
    ] = "exact",
) -> None:
    """Print what an experimenter would measure.

    Displacement, autocorrelation and decorrelation time of each stimulus, angle between
    days, similarity of stimuli, decay of a fixed decoder, tuning of single neurons.
    """
    require_one_format(as_json, as_csv)
    if plot is not None:
        from symdrift.cli.plots import require_picture

        require_picture(plot)
    from symdrift.observables import observe as run_observe
    from symdrift.observables.observation import parse_times

    lags = None if times is None else parse_times(times)
    problem = chosen_study(study, assignments).problem()
    with ExitStack() as afterwards, progress_shown("observing") as progress:
        observation = run_observe(problem, lags, approximation, seed, progress)
        # Printed even when the picture cannot be drawn.
        afterwards.callback(_print, observation, as_json, as_csv)
        if plot is not None:
            from symdrift.figures import observables
            from symdrift.figures.style import save

            save(observables.draw(observation), plot, field="--plot")


def _print(observation: Observation, as_json: bool, as_csv: bool) -> None:
    from symdrift.observables.observation import observation_rows

    print_result(
        observation,
        lambda: observation_rows(observation),
        lambda: _print_observation(observation),
        as_json,
        as_csv,
    )
    for warning in observation.warnings:
        print(f"warning: {warning}", file=sys.stderr)


def _print_observation(observation: Observation) -> None:
    from symdrift.observables.observation import observation_tables

    console = output_console()
    console.print(
        f"{observation.study}: {observation.approximation} statistics; lags in SGD steps",
    )
    print_tables(console, observation_tables(observation))

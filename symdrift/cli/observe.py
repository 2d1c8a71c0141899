"""``symdrift observe``."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from symdrift.cli.options import (
    approximation_option,
    json_option,
    minimum_option,
    plot_option,
    seed_option,
    set_option,
    steps_per_day_option,
    study_argument,
)
from symdrift.cli.requests import chosen_study, require_days, require_one_format
from symdrift.cli.terminal import (
    output_console,
    print_result,
    print_tables,
    progress_shown,
    say_warnings,
)

if TYPE_CHECKING:
    from symdrift.observables import Observation


@click.command(epilog="Example: symdrift observe digits --times 1e3:4e7:121:log --plot digits.pdf")
@study_argument
@set_option
@minimum_option
@steps_per_day_option
@click.option(
    "--times",
    metavar="LO:HI:NUM[:log]",
    help="Lags in SGD steps; default: from the fastest relaxation to a few decorrelation times.",
)
@click.option("--layer", help="Hidden layer, where a rule has several; default: the first.")
@seed_option
@json_option
@click.option(
    "--csv",
    "as_csv",
    is_flag=True,
    help="Print CSV: a row per observable, subject, part and lag.",
)
@plot_option
@approximation_option
def observe(
    study: str,
    assignments: Sequence[str],
    minimum: int | None,
    steps_per_day: float | None,
    times: str | None,
    layer: str | None,
    seed: int,
    as_json: bool,
    as_csv: bool,
    plot: Path | None,
    approximation: str,
) -> None:
    """Print what an experimenter would measure.

    Displacement, autocorrelation and decorrelation time of each stimulus, angle between
    days, similarity of stimuli, decay of a fixed decoder, tuning of single neurons.
    """
    require_one_format(as_json, as_csv)
    require_days(steps_per_day, as_csv)
    if plot is not None:
        from symdrift.cli.plots import require_picture

        require_picture(plot)
    from symdrift.observables import observe as run_observe
    from symdrift.observables.observation import parse_times

    lags = None if times is None else parse_times(times)
    chosen = chosen_study(study, assignments, minimum)
    problem = chosen.problem() if chosen.is_plain else chosen.learner()
    with ExitStack() as afterwards, progress_shown("observing") as progress:
        observation = run_observe(problem, lags, approximation, seed, progress, layer)
        observation = replace(observation, steps_per_day=steps_per_day)
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
    say_warnings(observation.warnings)


def _print_observation(observation: Observation) -> None:
    from symdrift.observables.observation import observation_tables

    console = output_console()
    layer = f", {observation.layer}" if observation.layer else ""
    order = "with the next" if observation.expected_error.next_order else "leading"
    console.print(
        f"{observation.study}{layer}: {observation.approximation} statistics, {order} order in the "
        "learning rate; "
        f"lags in {'SGD steps' if observation.steps_per_day is None else 'days'}",
    )
    print_tables(console, observation_tables(observation))

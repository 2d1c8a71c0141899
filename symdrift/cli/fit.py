"""``symdrift fit``."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from symdrift.cli.options import (
    PATH,
    Decorator,
    in_days,
    json_option,
    minimum_option,
    plot_option,
    seed_option,
    set_option,
    study_argument,
)
from symdrift.cli.requests import plain_study, require_days
from symdrift.cli.terminal import (
    output_console,
    print_json,
    print_tables,
    progress_shown,
    say_warnings,
)

if TYPE_CHECKING:
    from symdrift.fitting import Fit


def data_option(*, required: bool) -> Decorator:
    """File of measurements."""
    return click.option(
        "--data",
        type=PATH,
        required=required,
        metavar="FILE",
        help="CSV with columns stimulus, quantity (decay_rate, diffusion, displacement@LAG), "
        "value, standard_error.",
    )


def free_option(*, required: bool) -> Decorator:
    """Numbers that are fitted to it."""
    return click.option(
        "--free",
        multiple=True,
        required=required,
        metavar="NAME[=LO:HI]",
        help="Number that is fitted: a symbol of the study or a field (learning.rate); default "
        "range: a tenth to ten times its value; repeatable.",
    )


days_option = in_days("Data are in days of N SGD steps: rates per day, lags in days.")


@click.command(
    epilog="Example: symdrift fit six_odours.toml --data six_odours.csv --steps-per-day 1e7 "
    "--free gamma --free sigma2=0:1"
)
@study_argument
@data_option(required=True)
@free_option(required=True)
@set_option
@minimum_option
@days_option
@click.option(
    "--design",
    is_flag=True,
    help="Say which further measurement would tell most of what is open; lags as in the data, in "
    "SGD steps or days.",
)
@seed_option
@json_option
@plot_option
def fit(
    study: str,
    data: Path,
    free: Sequence[str],
    assignments: Sequence[str],
    minimum: int | None,
    steps_per_day: float | None,
    design: bool,
    seed: int,
    as_json: bool,
    plot: Path | None,
) -> None:
    """Find numbers of a study that explain measured rates of drift.

    Least squares from many starts, 95 % intervals by the profile of the likelihood, and in
    words what the data leave open.
    """
    require_days(steps_per_day, as_csv=False)
    if plot is not None:
        from symdrift.cli.plots import require_picture

        require_picture(plot)
    from symdrift.fitting import fit as run_fit

    chosen = plain_study(study, assignments, minimum)
    with ExitStack() as afterwards, progress_shown("fitting") as progress:
        found = run_fit(chosen, data, free, steps_per_day, design, seed, progress)
        # Printed even when the picture cannot be drawn.
        afterwards.callback(_print, found, as_json)
        if plot is not None:
            from symdrift.figures import fitted_rates
            from symdrift.figures.style import save

            save(fitted_rates.draw(found), plot, field="--plot")


def _print(found: Fit, as_json: bool) -> None:
    if as_json:
        print_json(found)
    else:
        from symdrift.fitting.best_fit import fit_head, fit_remarks, fit_tables

        console = output_console()
        console.print(fit_head(found))
        print_tables(console, fit_tables(found))
        for remark in fit_remarks(found):
            console.print(remark)
    say_warnings(found.warnings)

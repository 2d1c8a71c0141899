"""``symdrift evaluate``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from symdrift.cli.options import (
    approximation_option,
    json_option,
    minimum_option,
    plot_option,
    set_option,
    steps_per_day_option,
    study_argument,
)
from symdrift.cli.requests import (
    chosen_study,
    require_days,
    require_json,
    require_one_format,
)
from symdrift.cli.terminal import output_console, print_result, print_tables, progress_shown

if TYPE_CHECKING:
    from symdrift.evaluation.sweep import Sweep

_COLUMN = 13
"""Typical columns that one number of a table takes."""


@click.command(
    epilog="Example: symdrift evaluate anisotropic_autoencoder --set gamma=0.2 "
    "--sweep lambda_3=0.4:0.9:6 --csv"
)
@study_argument
@set_option
@minimum_option
@steps_per_day_option
@click.option(
    "--sweep",
    "sweeps",
    multiple=True,
    metavar="PATH=LO:HI:NUM[:log]",
    help="Evaluate at NUM values between LO and HI; repeatable: all combinations.",
)
@json_option
@click.option(
    "--csv", "as_csv", is_flag=True, help="Print CSV: a column per parameter and quantity."
)
@click.option(
    "--full-covariance",
    is_flag=True,
    help="JSON with the covariance of rotations as a matrix where it is diagonal too.",
)
@plot_option
@click.option(
    "--method", default="auto", metavar="auto|closed-form|dense", help="Road to the numbers."
)
@approximation_option
@click.option(
    "--quantities",
    default="all",
    metavar="all|stimuli",
    help="stimuli: without the drift by plane, for wide networks.",
)
@click.option(
    "--order",
    default="auto",
    metavar="auto|1|2",
    help="2: with the next order in the learning rate, which says how far the numbers hold; auto: "
    "where it takes under a second.",
)
def evaluate(
    study: str,
    assignments: Sequence[str],
    minimum: int | None,
    steps_per_day: float | None,
    sweeps: Sequence[str],
    as_json: bool,
    as_csv: bool,
    full_covariance: bool,
    plot: Path | None,
    method: str,
    approximation: str,
    quantities: str,
    order: str,
) -> None:
    """Print the numbers of a study.

    Minimum, fluctuation around it, drift by plane of the hidden layer and by stimulus.
    JSON has the covariance of rotations: a list of variances where planes turn independently of
    each other, which "diagonal": true says, else a matrix. CSV and table have its diagonal.
    """
    require_one_format(as_json, as_csv)
    require_days(steps_per_day, as_csv)
    require_json("--full-covariance", full_covariance, as_json)
    if plot is not None:
        from symdrift.cli.plots import require_picture

        require_picture(plot)
    from symdrift.errors import require_known
    from symdrift.evaluation.sweep import parse_axis, sweep

    require_known("order", order, ("auto", "1", "2"))
    orders = None if order == "auto" else int(order)
    axes = [parse_axis(text) for text in sweeps]
    chosen = chosen_study(study, assignments, minimum)
    with ExitStack() as afterwards, progress_shown("evaluating") as progress:
        points = sweep(
            chosen, axes, method, approximation, progress, quantities, as_json, orders,
            full_covariance,
        )  # fmt: skip
        if steps_per_day is not None:
            points = points.in_days(steps_per_day)
        # Printed even when the picture cannot be drawn.
        afterwards.callback(_print, points, as_json, as_csv)
        if plot is not None:
            from symdrift.cli.plots import plot as draw

            draw(points, plot)


def _print(points: Sweep, as_json: bool, as_csv: bool) -> None:
    from symdrift.evaluation.sweep import sweep_rows, sweep_warnings

    result = points.points if points.axes else points[0]
    print_result(result, lambda: sweep_rows(points), lambda: _print_points(points), as_json, as_csv)
    for warning in sweep_warnings(points):
        print(f"warning: {warning}", file=sys.stderr)


def _print_points(points: Sweep) -> None:
    from symdrift.evaluation.overview import evaluation_head, evaluation_tables
    from symdrift.evaluation.sweep import sweep_table

    console = output_console()
    if points.axes:
        table, left_out = sweep_table(points, console.width // _COLUMN)
        print_tables(console, [table])
        if left_out:
            print(f"{left_out} more quantities do not fit: use --csv or --json", file=sys.stderr)
        return
    evaluation = points[0].evaluation
    console.print(evaluation_head(evaluation))
    print_tables(console, evaluation_tables(evaluation))

"""``symdrift evaluate``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from symdrift.cli.options import (
    PATH,
    approximation_option,
    dask_option,
    json_option,
    minimum_option,
    plot_option,
    set_option,
    steps_per_day_option,
    study_argument,
)
from symdrift.cli.requests import (
    chosen_study,
    dask_executor,
    require_alone,
    require_days,
    require_json,
    require_one_format,
)
from symdrift.cli.terminal import (
    announce,
    csv_output,
    output_console,
    print_json,
    print_result,
    print_tables,
    progress_shown,
    say_warnings,
)

if TYPE_CHECKING:
    from symdrift.evaluation.sweep import Sweep
    from symdrift.study import Study

_COLUMN = 13
"""Typical columns that one number of a table takes."""

_LONG = 100 * 2**20
"""Bytes of JSON whose size is said before they are written."""


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
@click.option(
    "--out",
    type=PATH,
    metavar="FILE",
    help="Write all numbers to a table (.csv) or arrays with names and units (.nc). A sweep that "
    "was interrupted goes on where it was; the file of another one is left alone.",
)
@dask_option
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
@click.option(
    "--sensitivities",
    is_flag=True,
    help="How numbers answer to parameters: exponents d ln(number) / d ln(parameter).",
)
def evaluate(
    study: str,
    assignments: Sequence[str],
    minimum: int | None,
    steps_per_day: float | None,
    sweeps: Sequence[str],
    out: Path | None,
    dask: str | None,
    as_json: bool,
    as_csv: bool,
    full_covariance: bool,
    plot: Path | None,
    method: str,
    approximation: str,
    quantities: str,
    order: str,
    sensitivities: bool,
) -> None:
    """Print the numbers of a study.

    Minimum, fluctuation around it, drift by plane of the hidden layer and by stimulus.
    JSON has the covariance of rotations: a list of variances where planes turn independently of
    each other, which "diagonal": true says, else a matrix. CSV and table have its diagonal.

    A point of a sweep that the theory refuses is a gap with its reason.
    """
    require_one_format(as_json, as_csv)
    if sensitivities:
        require_alone("--sensitivities", ("study", "assignments", "minimum", "as_json", "as_csv"))
        _print_sensitivities(chosen_study(study, assignments, minimum), as_json, as_csv)
        return
    require_days(steps_per_day, as_csv)
    require_json("--full-covariance", full_covariance, as_json)
    if plot is not None:
        from symdrift.cli.plots import require_picture

        require_picture(plot)
    from symdrift.errors import require_known
    from symdrift.evaluation.sweep import sweep
    from symdrift.evaluation.sweep_axes import parse_axis
    from symdrift.evaluation.sweep_request import GROUPS

    require_known("order", order, ("auto", "1", "2"))
    orders = None if order == "auto" else int(order)
    axes = [parse_axis(text) for text in sweeps]
    kept = None
    if out is not None:
        from symdrift.evaluation.sweep_file import SweepFile

        kept = SweepFile(out)
    chosen = chosen_study(study, assignments, minimum)
    # Neither pictures nor tables show the others, and JSON has evaluations of its own.
    groups = GROUPS if as_csv or out is not None else ("drift", "stimuli")
    with (
        ExitStack() as afterwards,
        dask_executor(dask) as executor,
        progress_shown("evaluating") as progress,
    ):
        points = sweep(
            chosen, axes, method, approximation, progress, quantities, as_json, orders,
            full_covariance, groups=groups, executor=executor, kept=kept,
        )  # fmt: skip
        if steps_per_day is not None:
            points = points.in_days(steps_per_day)
        # Printed even when a file cannot be written.
        afterwards.callback(_print, points, as_json, as_csv, out)
        if kept is not None:
            kept.finish(points.request, points.numbers)
        if plot is not None:
            from symdrift.cli.plots import plot as draw

            draw(points, plot)


def _print_sensitivities(study: Study, as_json: bool, as_csv: bool) -> None:
    from symdrift.evaluation.sensitivities import COLUMNS, sensitivities

    with progress_shown("evaluating"):
        found = sensitivities(study)

    def print_text() -> None:
        print_tables(output_console(), [found.table()])

    print_result(found, lambda: (COLUMNS, found.rows()), print_text, as_json, as_csv)


def _print(points: Sweep, as_json: bool, as_csv: bool, out: Path | None) -> None:
    from symdrift.evaluation.swept_tables import sweep_warnings

    if as_json:
        _announce_size(points)
        print_json(points if points.axes else points[0])
    elif as_csv:
        from symdrift.tables import write_cells

        if points.axes:
            write_cells(points.numbers.cells_in_parts(), csv_output())
        else:
            cells = points.numbers.cells()
            del cells["refused"]
            write_cells([cells], csv_output())
    elif out is not None:
        announce([out])
    else:
        _print_points(points)
    say_warnings(sweep_warnings(points))


def _announce_size(points: Sweep) -> None:
    """Say how long JSON will be, where that is long."""
    from symdrift.evaluation.sweep import matrix_text

    if (size := matrix_text(points)) > _LONG:
        from symdrift.memory import size_needed

        print(
            f"writing about {size_needed(size)} of JSON: the covariance between all planes; "
            "--quantities stimuli leaves them out",
            file=sys.stderr,
        )


def _print_points(points: Sweep) -> None:
    from symdrift.evaluation.result import Evaluation, evaluation_head, evaluation_tables
    from symdrift.evaluation.swept_tables import sweep_table

    console = output_console()
    if points.axes:
        table, columns, rows = sweep_table(points, console.width // _COLUMN)
        print_tables(console, [table])
        for many, what in ((columns, "quantities"), (rows, "points")):
            if many:
                print(f"{many} more {what} do not fit: use --csv, --json or --out", file=sys.stderr)
        return
    evaluation = points[0].evaluation
    if isinstance(evaluation, Evaluation):
        console.print(evaluation_head(evaluation))
        print_tables(console, evaluation_tables(evaluation))
        return
    from symdrift.evaluation.any_rule.rule_result import rule_head, rule_tables

    console.print(rule_head(evaluation))
    print_tables(console, rule_tables(evaluation))

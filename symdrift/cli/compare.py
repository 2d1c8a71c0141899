"""``symdrift compare``."""

from __future__ import annotations

from collections.abc import Sequence

import click

from symdrift.cli.options import json_option, minimum_option, set_option, study_argument
from symdrift.cli.requests import chosen_study, require_one_format
from symdrift.cli.terminal import (
    output_console,
    print_result,
    print_tables,
    progress_shown,
    say_warnings,
)


@click.command(epilog="Example: symdrift compare synaptic_noise --csv")
@study_argument
@set_option
@minimum_option
@json_option
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV: a row per comparison and rate.")
def compare(
    study: str, assignments: Sequence[str], minimum: int | None, as_json: bool, as_csv: bool
) -> None:
    """Set the drift of a study beside that of something simpler.

    Synaptic noise of equal mean decay rate (plane by plane, and how both scale), the white-noise
    approximation, and isotropic inputs of equal total variance.
    """
    require_one_format(as_json, as_csv)
    from symdrift.observables.compare import compare_study, comparison_rows, rate_tables

    problem = chosen_study(study, assignments, minimum).problem()
    with progress_shown("comparing"):
        compared = compare_study(problem)

    def print_text() -> None:
        console = output_console()
        console.print(
            f"{compared.study}: rates per SGD step, of decay by diffusion alone; each ratio is "
            "that of the second column to the first",
        )
        if problem.synaptic_noise > 0:
            console.print(
                "The synaptic noise of the study counts in the comparisons with white noise and "
                "isotropic inputs only; elsewhere gradient noise stands alone.",
            )
        print_tables(console, rate_tables(compared))

    print_result(compared, lambda: comparison_rows(compared), print_text, as_json, as_csv)
    say_warnings(compared.warnings)

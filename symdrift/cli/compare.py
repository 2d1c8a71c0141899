"""``symdrift compare``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

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
from symdrift.errors import RequestError

if TYPE_CHECKING:
    from symdrift.study import Study


@click.command(epilog="Example: symdrift compare synaptic_noise --csv")
@study_argument
@click.option(
    "--with",
    "others",
    multiple=True,
    metavar="STUDY",
    help="Another study to stand beside it, of whatever learning rule; repeatable. --set "
    "applies to all of them.",
)
@set_option
@minimum_option
@json_option
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV: a row per comparison and rate.")
def compare(
    study: str,
    others: Sequence[str],
    assignments: Sequence[str],
    minimum: int | None,
    as_json: bool,
    as_csv: bool,
) -> None:
    """Set the drift of a study beside that of something simpler, or of other studies.

    Synaptic noise of equal mean decay rate (plane by plane, and how both scale), the white-noise
    approximation of two-layer SGD, and isotropic inputs of equal total variance; with --with the
    rates of studies side by side, each by its own learning rule.
    """
    require_one_format(as_json, as_csv)
    chosen = chosen_study(study, assignments, minimum)
    if others:
        beside = [_beside(other, assignments, minimum) for other in others]
        _print_side_by_side([chosen, *beside], as_json, as_csv)
        return
    from symdrift.observables.compare import compare_study, comparison_rows, rate_tables

    with progress_shown("comparing"):
        if chosen.is_plain:
            problem = chosen.problem()
            compared, shaken = compare_study(problem), problem.synaptic_noise > 0
        else:
            from symdrift.observables.compare_rule import compare_learner

            learner = chosen.learner()
            compared, shaken = compare_learner(learner), learner.rule.weight_noise > 0

    def print_text() -> None:
        console = output_console()
        console.print(
            f"{compared.study}: rates per SGD step, of decay by diffusion alone; each ratio is "
            "that of the second column to the first",
        )
        if shaken:
            console.print(
                "The synaptic noise of the study counts in the comparisons with white noise and "
                "isotropic inputs only; elsewhere the noise of samples stands alone.",
            )
        print_tables(console, rate_tables(compared))

    print_result(compared, lambda: comparison_rows(compared), print_text, as_json, as_csv)
    say_warnings(compared.warnings)


def _beside(name: str, assignments: Sequence[str], minimum: int | None) -> Study:
    """A study to stand beside another, whose refusals name the option."""
    try:
        return chosen_study(name, assignments, minimum)
    except RequestError as refusal:
        raise RequestError("--with", f"cannot be read: {refusal}") from refusal


def _print_side_by_side(studies: Sequence[Study], as_json: bool, as_csv: bool) -> None:
    from symdrift.observables.side_by_side import beside_rows, beside_table, side_by_side

    with progress_shown("comparing"):
        beside = side_by_side(studies)

    def print_text() -> None:
        console = output_console()
        console.print("Rates per SGD step; hidden axes are numbered within each study")
        print_tables(console, [beside_table(beside)])

    print_result(beside, lambda: beside_rows(beside), print_text, as_json, as_csv)
    say_warnings(beside.warnings)

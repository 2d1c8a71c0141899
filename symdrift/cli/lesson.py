"""``symdrift lesson``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from symdrift.cli.options import Whole, out_option, seed_option, set_option, study_argument
from symdrift.cli.requests import output_directory, plain_study
from symdrift.cli.terminal import announce, progress_shown, say_warnings


@click.command(epilog="Example: symdrift lesson anisotropic_autoencoder --students 20")
@study_argument
@out_option
@seed_option
@click.option(
    "--students",
    type=Whole(1, 500),
    default=1,
    metavar="N",
    help="Problem sheets to draw, one per student.",
)
@set_option
def lesson(
    study: str, out: Path | None, seed: int, students: int, assignments: Sequence[str]
) -> None:
    """Write teaching material: an interactive page and exercises.

    The page is one file that works offline. Every student gets the same exercises with other
    numbers, drawn around those of the study, and solutions of their own; an answer key for the
    class comes with them.
    """
    chosen = plain_study(study, assignments)
    # Before what takes seconds to import.
    from symdrift.study.symbol_names import printed_symbols

    printed_symbols(chosen)
    directory = output_directory(out, chosen)
    from symdrift.evaluation.evaluate import evaluate_study
    from symdrift.teaching.lesson import write_lesson

    with progress_shown("writing") as progress:
        written = write_lesson(chosen, directory, seed, students, progress)
    say_warnings(evaluate_study(chosen, order=None).warnings)
    announce(written)

"""``symdrift lesson``."""

from __future__ import annotations

from typing import Annotated

import typer

from symdrift.cli.options import OutOption, SeedOption, SetOption, StudyArgument
from symdrift.cli.requests import chosen_study, output_directory
from symdrift.cli.terminal import announce, progress_shown


def lesson(
    study: StudyArgument,
    out: OutOption = None,
    seed: SeedOption = 0,
    students: Annotated[
        int,
        typer.Option(metavar="N", min=1, max=500, help="Problem sheets to draw, one per student."),
    ] = 1,
    assignments: SetOption = None,
) -> None:
    """Write teaching material: an interactive page and exercises.

    The page is one file that works offline. Every student gets the same exercises with other
    numbers, drawn around those of the study, and solutions of their own; an answer key for the
    class comes with them.
    """
    chosen = chosen_study(study, assignments)
    directory = output_directory(out, chosen)
    from symdrift.teaching.lesson import write_lesson

    with progress_shown("writing") as progress:
        written = write_lesson(chosen, directory, seed, students, progress)
    announce(written)

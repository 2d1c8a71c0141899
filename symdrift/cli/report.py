"""``symdrift report``."""

from __future__ import annotations

from typing import Annotated

import typer

from symdrift.cli.options import OutOption, SetOption, StudyArgument
from symdrift.cli.requests import chosen_study, output_directory
from symdrift.cli.terminal import announce, progress_shown


def report(
    study: StudyArgument,
    out: OutOption = None,
    simulation: Annotated[
        bool,
        typer.Option(
            "--simulation/--no-simulation",
            help="Whether simulations stand beside the theory; they take most of the time.",
        ),
    ] = True,
    assignments: SetOption = None,
) -> None:
    """Write everything about a study in one document.

    Derivation, numbers, validation by simulation, and figures.
    """
    chosen = chosen_study(study, assignments)
    directory = output_directory(out, chosen)
    from symdrift.documents import write_report

    with progress_shown("reporting") as progress:
        written = write_report(chosen, directory, progress, simulated=simulation)
    announce(written)

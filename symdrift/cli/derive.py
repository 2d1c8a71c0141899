"""``symdrift derive``."""

from __future__ import annotations

from typing import Annotated

import typer

from symdrift.cli.options import OutOption, SetOption, StudyArgument
from symdrift.cli.requests import chosen_study, output_directory
from symdrift.cli.terminal import announce


def derive(
    study: StudyArgument,
    out: OutOption = None,
    formats: Annotated[
        str, typer.Option("--format", metavar="LIST", help="Any of tex,html,pdf.")
    ] = "tex,html,pdf",
    assignments: SetOption = None,
) -> None:
    """Derive a study, check every step, write it down.

    Writes the document of the derivation and the kernels that evaluate its results.
    """
    wanted = tuple(dict.fromkeys(part.strip() for part in formats.split(",")))
    chosen = chosen_study(study, assignments)
    from symdrift.documents import write_derivation

    announce(write_derivation(chosen, output_directory(out, chosen), wanted))

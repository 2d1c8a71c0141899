"""``symdrift report``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from symdrift.cli.options import minimum_option, out_option, set_option, study_argument
from symdrift.cli.requests import chosen_study, output_directory
from symdrift.cli.terminal import announce, progress_shown


@click.command(epilog="Example: symdrift report anisotropic_autoencoder")
@study_argument
@out_option
@click.option(
    "--simulation/--no-simulation",
    default=True,
    help="Whether simulations stand beside the theory; they take most of the time.",
)
@set_option
@minimum_option
def report(
    study: str, out: Path | None, simulation: bool, assignments: Sequence[str], minimum: int | None
) -> None:
    """Write everything about a study in one document.

    Derivation, numbers, validation by simulation, and figures.
    """
    chosen = chosen_study(study, assignments, minimum)
    directory = output_directory(out, chosen)
    from symdrift.documents import write_report

    with progress_shown("reporting") as progress:
        written = write_report(chosen, directory, progress, simulated=simulation)
    announce(written)

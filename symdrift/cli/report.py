"""``symdrift report``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from symdrift.cli.fit import data_option, days_option, free_option
from symdrift.cli.options import (
    level_option,
    minimum_option,
    out_option,
    set_option,
    study_argument,
)
from symdrift.cli.requests import chosen_study, output_directory, plain_study, require_days
from symdrift.cli.terminal import announce, progress_shown
from symdrift.errors import RequestError


@click.command(epilog="Example: symdrift report anisotropic_autoencoder")
@study_argument
@out_option
@click.option(
    "--simulation/--no-simulation",
    default=True,
    help="Whether simulations stand beside the theory; they take most of the time.",
)
@level_option
@set_option
@minimum_option
@data_option(required=False)
@free_option(required=False)
@days_option
def report(
    study: str,
    out: Path | None,
    simulation: bool,
    level: str,
    assignments: Sequence[str],
    minimum: int | None,
    data: Path | None,
    free: Sequence[str],
    steps_per_day: float | None,
) -> None:
    """Write everything about a study in one document.

    Derivation, numbers, validation by simulation, and figures; with --data also what fits. Of a
    learning rule without a derivation the report has the numbers, and says why. An earlier report
    in the same folder is replaced as a whole, figures that this one does not have included.
    """
    if data is None and (free or steps_per_day is not None):
        raise RequestError("--data", "is missing: --free and --steps-per-day belong to it")
    require_days(steps_per_day, as_csv=False)
    # Before what takes seconds to import.
    from symdrift.documents.pages import REPORT_FILES, require_level
    from symdrift.study.symbol_names import printed_symbols

    require_level(level)
    take = chosen_study if data is None else plain_study
    chosen = take(study, assignments, minimum)
    printed_symbols(chosen)
    directory = output_directory(out, chosen, REPORT_FILES)
    from symdrift.documents import write_report

    with progress_shown("reporting") as progress:
        fitted = None
        if data is not None:
            from symdrift.fitting import fit

            fitted = fit(chosen, data, free, steps_per_day, design=True, progress=progress)
        written = write_report(
            chosen, directory, progress, simulated=simulation, fitted=fitted, level=level
        )
    announce(written)

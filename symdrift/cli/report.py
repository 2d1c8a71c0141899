"""``symdrift report``."""

from __future__ import annotations

from symdrift.cli.options import OutOption, SetOption, StudyArgument
from symdrift.cli.requests import chosen_study, output_directory
from symdrift.cli.terminal import announce, progress_shown


def report(study: StudyArgument, out: OutOption = None, assignments: SetOption = None) -> None:
    """Write everything about a study in one document.

    Derivation, numbers, validation by simulation, and figures.
    """
    chosen = chosen_study(study, assignments)
    from symdrift.documents import write_report

    with progress_shown("reporting") as progress:
        written = write_report(chosen, output_directory(out, chosen), progress)
    announce(written)

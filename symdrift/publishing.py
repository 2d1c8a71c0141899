"""Everything that symdrift writes of a study, and ``generated/`` made of the shipped ones.

``python -m symdrift.publishing`` makes ``generated/`` again, with names of studies theirs alone.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

from symdrift.documents import write_derivation, write_report
from symdrift.errors import RequestError
from symdrift.files import write_text
from symdrift.quoting import shown
from symdrift.study import Study, read_study, shipped_studies
from symdrift.study.learning_rules import is_derived_on_axes
from symdrift.teaching.lesson import write_lesson
from symdrift.teaching.lesson.scope import teachable

DRAWN_WITH = ("matplotlib",)
"""Packages whose version decides the bytes of the figures."""


def publish(study: Study, directory: Path) -> list[Path]:
    """Write report, handouts of its derivation and, where the study can have one, lesson.

    Parameters
    ----------
    study : Study
        With all numbers given.
    directory : Path
        Made when missing.

    Returns
    -------
    list of Path
        What was written.

    Raises
    ------
    RequestError
        When the study is outside the theory, or a file cannot be written.
    CheckFailed
        When a check of the derivation or of an answer, or a compilation fails.
    """
    written = write_report(study, directory)
    if study.is_plain or is_derived_on_axes(study):
        written += write_derivation(study, directory, ("fragment", "slides", "sheet"))
    if study.is_plain and not isinstance(teachable(study.problem()), RequestError):
        written += write_lesson(study, directory)
    return list(dict.fromkeys(written))


def _publish_shipped(names: Iterable[str], target: Path) -> None:
    for name in names:
        for path in publish(read_study(name), target / name):
            print(path)
    versions = {package: version(package) for package in DRAWN_WITH}
    write_text(target / "versions.json", json.dumps(versions, indent=1) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        prog="python -m symdrift.publishing",
        description="Write generated/ of the working directory again: shipped studies, "
        "with report, handouts, lesson and exercises. Takes minutes.",
    )
    parser.add_argument("names", nargs="*", metavar="STUDY", help="default: every shipped study")
    chosen, shipped = parser.parse_args().names, shipped_studies()
    for name in chosen:
        if name not in shipped:
            parser.error(f"STUDY = {shown(name)} is not shipped; allowed are {', '.join(shipped)}")
    _publish_shipped(chosen or shipped, Path("generated"))

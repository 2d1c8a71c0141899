"""Writing the teaching material of a study."""

from __future__ import annotations

from pathlib import Path

from symdrift.files import write_text
from symdrift.lesson.page import lesson_html
from symdrift.study import Study


def write_lesson(study: Study, directory: Path) -> list[Path]:
    """Write ``lesson.html`` of a study into a directory.

    Raises
    ------
    RequestError
        When the study cannot become a lesson, or the file cannot be written.
    CheckFailed
        When a step of the derivation fails.
    """
    return [write_text(Path(directory) / "lesson.html", lesson_html(study))]

"""Writing the teaching material of a study."""

from __future__ import annotations

from pathlib import Path

from symdrift.exercises import write_exercises
from symdrift.files import write_text
from symdrift.lesson.page import lesson_html
from symdrift.study import Study


def write_lesson(study: Study, directory: Path, seed: int = 0, students: int = 1) -> list[Path]:
    """Write the page and the exercises of a study into a directory.

    Parameters
    ----------
    study : Study
        Aligned, with Gaussian inputs and all numbers given.
    directory : Path
        Made when missing; receives ``lesson.html`` and ``exercises/``.
    seed : int
        Of the numbers in the exercises.
    students : int
        Problem sheets to draw.

    Returns
    -------
    list of Path
        What was written.

    Raises
    ------
    RequestError
        When the study cannot become a lesson, or a file cannot be written.
    CheckFailed
        When a step of the derivation or an answer fails its check, or TeX finds fault with
        an exercise.
    """
    directory = Path(directory)
    page = lesson_html(study)
    written = write_exercises(study, directory / "exercises", seed, students)
    return [write_text(directory / "lesson.html", page), *written]

"""Writing the teaching material of a study."""

from __future__ import annotations

from pathlib import Path

from symdrift.errors import RequestError
from symdrift.files import write_text
from symdrift.progress import Progress, Stages, log_stage
from symdrift.study import Study
from symdrift.teaching.exercises import draw_exercises, write_sheets
from symdrift.teaching.lesson.page import lesson_html
from symdrift.teaching.lesson.scope import teachable
from symdrift.theory.derive import derive


def write_lesson(
    study: Study,
    directory: Path,
    seed: int = 0,
    students: int = 1,
    progress: Progress | None = None,
) -> list[Path]:
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
    progress : callable, optional
        Receives percentages.

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
    aligned = teachable(study.problem())
    if isinstance(aligned, RequestError):
        raise aligned
    stages = Stages(progress)
    # The longest part, kept on disk for the page and the exercises.
    derivation = derive(study, stages.stage(0, 40))
    log_stage("writing the page")
    page = lesson_html(study)
    stages.reach(50)
    # What is refused is refused before anything is written.
    sheets = draw_exercises(study, derivation, seed, students, stages.stage(50, 70))
    written = [write_text(directory / "lesson.html", page)]
    exercises, progress = directory / "exercises", stages.stage(70, 100)
    return written + write_sheets(study, derivation, exercises, seed, sheets, progress)

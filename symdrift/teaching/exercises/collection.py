"""Writing problem sheets, worked solutions and the answer key of a class."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from symdrift.derivation.steps import Derivation
from symdrift.documents.pdf import TEX_MISSING, compile_pdfs, log_overfull
from symdrift.documents.rendering import render_html, render_latex
from symdrift.errors import CheckFailed, RequestError
from symdrift.files import write_text
from symdrift.progress import Progress, Stages, log_stage
from symdrift.study import Study
from symdrift.teaching.exercises.layout import HtmlPen, LatexPen, sheet_view
from symdrift.teaching.exercises.sheets import Sheet, problem_sheet
from symdrift.teaching.exercises.statements import Theory
from symdrift.theory.linear.aligned import representative_drift

MOST_STUDENTS = 500

_LOGGER = logging.getLogger("symdrift")

Item = TypeVar("Item")


def draw_exercises(
    study: Study,
    derivation: Derivation,
    seed: int,
    students: int,
    progress: Progress | None = None,
) -> list[Sheet]:
    """Draw the exercises of each student and check every answer.

    Parameters
    ----------
    study : Study
        Aligned, with Gaussian inputs and all numbers given.
    derivation : Derivation
        Of the study.
    seed : int
        Same seed, same exercises.
    students : int
    progress : callable, optional
        Receives percentages.

    Raises
    ------
    RequestError
        When the study is of another kind, or there are no or too many students.
    CheckFailed
        When an answer disagrees with the dense engine.
    """
    if not 1 <= students <= MOST_STUDENTS:
        raise RequestError("students", f"= {students} must be from 1 to {MOST_STUDENTS}")
    if seed < 0:
        raise RequestError("seed", f"= {seed} must not be negative")
    problem = study.problem()
    theory = Theory(representative_drift(), derivation)
    log_stage(f"drawing exercises for {students} students")
    return _counted(
        (problem_sheet(problem, theory, seed, k + 1) for k in range(students)),
        students,
        Stages(progress).stage(0, 100),
    )


def write_sheets(
    study: Study,
    derivation: Derivation,
    directory: Path,
    seed: int,
    sheets: Sequence[Sheet],
    progress: Progress | None = None,
) -> list[Path]:
    """Write a problem sheet and its solutions for each student, and the answers of all.

    Parameters
    ----------
    study : Study
    derivation : Derivation
        Of the study.
    directory : Path
        Made when missing; receives ``sheet_K.tex`` and ``.html`` of student ``K``,
        ``solutions_K.tex`` and ``.html``, ``answer_key.tex``, ``.html`` and ``.json``, and
        PDFs where TeX is installed.
    seed : int
        With which they were drawn.
    sheets : sequence of Sheet
    progress : callable, optional
        Receives percentages.

    Returns
    -------
    list of Path
        What was written.

    Raises
    ------
    CheckFailed
        When TeX finds fault with a sheet.
    """
    directory, stages = Path(directory), Stages(progress)
    about = {"title": study.title, "study": study.name, "seed": seed}
    digits = len(str(len(sheets)))
    written: list[Path] = []
    for sheet in sheets:
        number = f"{sheet.student:0{digits}d}"
        for stem, part in (("sheet", "tasks"), ("solutions", "solutions")):
            written += _write([sheet], derivation, directory, f"{stem}_{number}", part, about)
    written += _write(sheets, derivation, directory, "answer_key", "answers", about)
    key = json.dumps(_key(sheets) | about, indent=1, ensure_ascii=False) + "\n"
    written.append(write_text(directory / "answer_key.json", key))
    stages.reach(20)
    sources = [path for path in written if path.suffix == ".tex"]
    return [*written, *_compiled(sources, stages.stage(20, 100))]


def _counted(items: Iterable[Item], total: int, progress: Progress) -> list[Item]:
    """All items, counted as they come."""
    found = []
    for item in items:
        found.append(item)
        progress(len(found), total)
    return found


def _write(
    sheets: Sequence[Sheet],
    derivation: Derivation,
    directory: Path,
    stem: str,
    part: str,
    about: dict[str, Any],
) -> list[Path]:
    """One document as LaTeX and HTML: tasks, solutions or answers of some sheets."""
    latex = [sheet_view(sheet, derivation, LatexPen()) for sheet in sheets]
    html = [sheet_view(sheet, derivation, HtmlPen()) for sheet in sheets]
    return [
        write_text(
            directory / f"{stem}.tex",
            render_latex("exercises.tex.jinja", sheets=latex, part=part, **about),
        ),
        write_text(
            directory / f"{stem}.html",
            render_html("exercises.html.jinja", sheets=html, part=part, **about),
        ),
    ]


def _key(sheets: Sequence[Sheet]) -> dict[str, Any]:
    """Answers as plain data: decimals, and exact where that is short."""
    return {
        "students": [
            {
                "student": sheet.student,
                "exercises": [
                    {
                        "identifier": exercise.identifier,
                        "answers": [
                            {
                                "symbol": str(answer.symbol),
                                "exact": None if answer.exact is None else str(answer.exact),
                                "decimal": float(f"{answer.decimal:.12g}"),
                            }
                            for answer in exercise.answers
                        ],
                    }
                    for exercise in sheet.exercises
                ],
            }
            for sheet in sheets
        ]
    }


def _compiled(sources: Sequence[Path], progress: Progress) -> list[Path]:
    """PDFs of LaTeX files; none where TeX is missing, which is said once."""
    log_stage(f"compiling {len(sources)} sheets")
    results = compile_pdfs(sources, progress)
    missing = next((result for result in results if not result.available), None)
    if missing is not None:
        _LOGGER.warning("; ".join((*missing.errors, TEX_MISSING)))
    faults = [
        f"{source.name} does not compile cleanly: {result.fault}"
        for source, result in zip(sources, results, strict=True)
        if result.available and (result.pdf is None or result.faults)
    ]
    if faults:
        raise CheckFailed(f"{faults[0]}; what needs no TeX was written to {sources[0].parent}")
    for source, result in zip(sources, results, strict=True):
        log_overfull(source, result)
    return [result.pdf for result in results if result.pdf is not None]

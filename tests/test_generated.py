"""What is committed in ``generated/`` is what the code generates now."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path

import pytest

from symdrift.documents import write_report
from symdrift.study import read_study, shipped_studies

GENERATED = Path(__file__).parents[1] / "generated"
DRAWN_WITH = json.loads((GENERATED / "versions.json").read_text("utf-8"))
SAME_FIGURES = all(version(package) == number for package, number in DRAWN_WITH.items())


def committed(study: str) -> dict[str, Path]:
    """Files of a study by relative name; documents as PDF are made but not committed."""
    folder = GENERATED / study
    return {
        path.relative_to(folder).as_posix(): path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not (path.parent == folder and path.suffix == ".pdf")
    }


@pytest.mark.slow
@pytest.mark.parametrize("study", sorted(shipped_studies()))
def test_every_committed_file_is_what_the_code_generates(study: str, tmp_path: Path) -> None:
    write_report(read_study(study), tmp_path)
    kept = committed(study)
    made = {
        path.relative_to(tmp_path).as_posix()
        for path in tmp_path.rglob("*")
        if path.is_file() and not (path.parent == tmp_path and path.suffix == ".pdf")
    }
    assert made == set(kept)
    for name, path in kept.items():
        # Another version of the drawing library may write the same figure in other bytes.
        if SAME_FIGURES or not name.startswith("figures/"):
            assert (tmp_path / name).read_bytes() == path.read_bytes(), name


def test_every_shipped_study_has_its_folder() -> None:
    folders = {path.name for path in GENERATED.iterdir() if path.is_dir()}
    assert folders == set(shipped_studies())


@pytest.mark.parametrize("study", sorted(shipped_studies()))
def test_kernels_are_generated_alike_in_every_run(study: str) -> None:
    from symdrift.kernels import study_source

    assert study_source(read_study(study)) == (GENERATED / study / "kernels.py").read_text("utf-8")

"""What is committed in ``generated/`` is what the code generates now."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path

import pytest
from shipped import TWO_LAYERS

from symdrift.publishing import publish
from symdrift.study import read_study, shipped_studies

GENERATED = Path(__file__).parents[1] / "generated"
DRAWN_WITH = json.loads((GENERATED / "versions.json").read_text("utf-8"))
SAME_FIGURES = all(version(package) == number for package, number in DRAWN_WITH.items())


def files(folder: Path) -> dict[str, Path]:
    """Files by relative name; documents as PDF are made but not committed, figures are."""
    found = {
        path.relative_to(folder).as_posix(): path
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    return {
        name: path
        for name, path in found.items()
        if path.suffix != ".pdf" or name.startswith("figures/")
    }


def committed(study: str) -> dict[str, Path]:
    """Files of a study by relative name."""
    return files(GENERATED / study)


# From the end, where studies are that share little of their derivation with what other tests derive
# meanwhile.
@pytest.mark.slow
@pytest.mark.parametrize("study", sorted(shipped_studies(), reverse=True))
def test_every_committed_file_is_what_the_code_generates(study: str, tmp_path: Path) -> None:
    publish(read_study(study), tmp_path)
    kept = committed(study)
    assert set(files(tmp_path)) == set(kept)
    # Another version of the drawing library may write the same figure in other bytes.
    compared = [name for name in kept if SAME_FIGURES or not name.startswith("figures/")]
    # Names alone: to explain how long files differ takes longer than to make them.
    assert [n for n in compared if (tmp_path / n).read_bytes() != kept[n].read_bytes()] == []


def test_every_shipped_study_has_its_folder() -> None:
    folders = {path.name for path in GENERATED.iterdir() if path.is_dir()}
    assert folders == set(shipped_studies())


@pytest.mark.parametrize("study", TWO_LAYERS)
def test_kernels_are_generated_alike_in_every_run(study: str, tmp_path: Path) -> None:
    """Studies without formulas to evaluate have no kernels, there as here."""
    from symdrift.kernels.standalone import write_kernels

    kept = GENERATED / study / "kernels.py"
    made = write_kernels(read_study(study), tmp_path)
    assert [path.read_bytes() for path in made] == ([kept.read_bytes()] if kept.exists() else [])

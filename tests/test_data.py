"""The data of the shipped studies are what their script makes of the source."""

from __future__ import annotations

import runpy

import pytest

from symdrift.study import shipped_studies

STUDY = shipped_studies()["digits"]
DATA = STUDY.parent / "data"


def test_source_and_licence_of_the_data_stand_beside_them() -> None:
    text = (DATA / "README.md").read_text(encoding="utf-8")
    assert "10.24432/C50P49" in text
    assert "Creative Commons Attribution 4.0" in text
    assert {path.name for path in DATA.glob("*.csv")} == {"digits.csv"}


@pytest.mark.slow
def test_the_digits_are_made_again_from_their_source() -> None:
    """Where scikit-learn, which ships the images, is installed."""
    pytest.importorskip("sklearn")
    script = runpy.run_path(str(DATA / "digits.py"))
    assert script["samples_text"]() == (DATA / "digits.csv").read_text(encoding="utf-8")
    assert STUDY.read_text(encoding="utf-8").endswith(script["stimuli_text"]())

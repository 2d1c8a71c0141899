"""Figures of a report: their labels are in the letters of the study."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from symdrift.documents.drawings import Drawing, reletter, write_drawings
from symdrift.figures import weight_decay
from symdrift.study.letters import resolve_notation

SWEEP = weight_decay.WeightDecaySweep(
    np.array([0.1, 0.2]), (("(1, 2)", np.array([1.0, 16.0])),), (np.full(2, 0.1),), 4, 0.1
)


def labels(figure: Figure) -> set[str]:
    return {found.get_text() for found in figure.findobj(Text)}


def test_labels_and_legends_take_the_letters_of_the_study() -> None:
    figure = weight_decay.draw(SWEEP)
    assert {r"weight decay $\gamma$", r"$\propto \gamma^{4}$"} <= labels(figure)
    reletter(figure, resolve_notation(["ridge"], {"diffusion_tensor": r"\mathsf{D}"}))
    assert {
        r"weight decay $\lambda$",
        r"$\propto \lambda^{4}$",
        r"diffusion $\mathsf{D}_{ij}$ (rad$^2$ / step)",
    } <= labels(figure)


def test_what_is_no_mathematics_keeps_its_letters() -> None:
    figure = Figure()
    figure.text(0, 0, r"costs \$5 per a and \$6")
    figure.text(0, 0, r"$R^2$ of a")
    reletter(figure, {"gain": "g", "input_variance": r"\rho"})
    assert labels(figure) == {r"costs \$5 per a and \$6", r"$R^2$ of a"}


@pytest.mark.parametrize(
    "letter", [r"\mathrm{decay}", r"\textrm{decay}", r"\hat{c}", "c^{(1)}", r"c_{\mathrm{in}}"]
)
def test_letters_that_a_study_may_use_are_drawn_and_not_taken_from_the_cache(
    letter: str, tmp_path: Path
) -> None:
    drawing = Drawing("weight_decay", weight_decay, SWEEP)
    ((plain,), _) = write_drawings([drawing], tmp_path / "plain", {})
    own = resolve_notation([], {"weight_decay": letter})
    ((lettered,), _) = write_drawings([drawing], tmp_path / "own", own)
    assert lettered.svg != plain.svg

"""Figures of a report as files: drawn once for the same numbers, then found again."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

from matplotlib.figure import Figure
from matplotlib.text import Text

from symdrift.cache import cached, digest_of
from symdrift.documents.numbers import FigureFile
from symdrift.documents.pages import REPORT_SUFFIXES, ReportFigure
from symdrift.figures.style import rendered
from symdrift.files import write_bytes
from symdrift.rounding import SIMULATION_DIGITS, rounded
from symdrift.study.letters import in_notation

_MATHEMATICS = re.compile(r"(?<!\\)\$(.+?)(?<!\\)\$")


class FigureModule(Protocol):
    """A file of `symdrift.figures`."""

    def draw(self, data: Any, /) -> Figure:
        """Draw numbers."""

    def caption(self, data: Any, /) -> str:
        """What their drawing shows."""


@dataclass(frozen=True)
class Drawing:
    """A figure of a report.

    Attributes
    ----------
    name : str
    figure : FigureModule
        What draws it.
    data : object
        Its numbers; None for no figure.
    layer : str
        Name of the hidden layer that it is of, where there are several.
    """

    name: ReportFigure
    figure: FigureModule
    data: object
    layer: str = ""

    @property
    def stem(self) -> str:
        """Name of its files."""
        return f"{self.name}_{self.layer}" if self.layer else self.name


def write_drawings(
    drawings: Iterable[Drawing], directory: Path, notation: Mapping[str, str]
) -> tuple[tuple[FigureFile, ...], list[Path]]:
    """Write every figure as PDF and SVG; what was drawn from the same numbers is kept.

    Parameters
    ----------
    drawings : iterable of Drawing
        Their labels are written in the default letters.
    directory : Path
    notation : Mapping of str to str
        LaTeX by role: the letters that the files show.

    Returns
    -------
    tuple of FigureFile
        As the documents beside ``directory`` name them.
    list of Path
        What was written.

    Raises
    ------
    RequestError
        When a file cannot be written.
    """
    named: list[FigureFile] = []
    written: list[Path] = []
    for drawing in drawings:
        if drawing.data is None:
            continue
        files = _rendered(drawing, notation)
        written += [
            write_bytes(directory / f"{drawing.stem}{suffix}", content)
            for suffix, content in files.items()
        ]
        path = f"{directory.name}/{drawing.stem}"
        named.append(FigureFile(path, drawing.figure.caption(drawing.data), files[".svg"].decode()))
    return tuple(named), written


def _rendered(drawing: Drawing, notation: Mapping[str, str]) -> Mapping[str, bytes]:
    drawing = replace(drawing, data=rounded(drawing.data, SIMULATION_DIGITS))
    return cached(
        f"figure {drawing.figure.draw.__module__}",
        [digest_of(drawing.data), dict(notation), version("matplotlib")],
        lambda: _render(drawing, notation),
        lambda kept: isinstance(kept, dict) and tuple(kept) == REPORT_SUFFIXES,
    )


def _render(drawing: Drawing, notation: Mapping[str, str]) -> dict[str, bytes]:
    figure = drawing.figure.draw(drawing.data)
    reletter(figure, notation)
    return {suffix: rendered(figure, suffix) for suffix in REPORT_SUFFIXES}


def reletter(figure: Figure, notation: Mapping[str, str]) -> None:
    """Print the labels of a figure, drawn in the default letters, in those of a study.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Changed in place.
    notation : Mapping of str to str
        LaTeX by role.
    """
    if not notation:
        return
    # Matplotlib knows the upright font of formulas by one name only.
    letters = {role: latex.replace(r"\textrm", r"\mathrm") for role, latex in notation.items()}
    for text in figure.findobj(Text):
        assert isinstance(text, Text)
        written = text.get_text()
        own = _MATHEMATICS.sub(lambda part: f"${in_notation(part[1], letters)}$", written)
        if own != written:
            text.set_text(own)

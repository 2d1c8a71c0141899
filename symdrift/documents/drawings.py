"""Figures of a report as files: drawn once for the same numbers, then found again."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from symdrift import figures
from symdrift.cache import cached
from symdrift.documents.numbers import FigureFile
from symdrift.files import write_bytes

REPORT_SUFFIXES = (".pdf", ".svg")
"""PDF for the article, SVG for the page."""


@dataclass(frozen=True)
class Drawing:
    """A figure of a report: its name, the numbers in it, how they are drawn, its caption."""

    stem: str
    data: object
    draw: Callable[[Any], Figure]
    caption: str


def write_drawings(
    drawings: Iterable[Drawing], directory: Path
) -> tuple[tuple[FigureFile, ...], list[Path]]:
    """Write every figure as PDF and SVG; what was drawn from the same numbers is kept.

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
        files = _rendered(drawing)
        written += [
            write_bytes(directory / f"{drawing.stem}{suffix}", content)
            for suffix, content in files.items()
        ]
        path = f"{directory.name}/{drawing.stem}"
        named.append(FigureFile(path, drawing.caption, files[".svg"].decode()))
    return tuple(named), written


def _rendered(drawing: Drawing) -> Mapping[str, bytes]:
    numbers = sha256(pickle.dumps(drawing.data)).hexdigest()
    return cached(
        f"figure {drawing.draw.__module__}.{drawing.draw.__qualname__}",
        [numbers, version("matplotlib")],
        lambda: _render(drawing),
        lambda kept: isinstance(kept, dict) and tuple(kept) == REPORT_SUFFIXES,
    )


def _render(drawing: Drawing) -> dict[str, bytes]:
    figure = drawing.draw(drawing.data)
    return {suffix: figures.rendered(figure, suffix) for suffix in REPORT_SUFFIXES}

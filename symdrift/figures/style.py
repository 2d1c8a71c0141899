"""One style for all figures, and files whose bytes depend on the numbers only."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from matplotlib import rc_context, rcdefaults, rcParams
from matplotlib.figure import Figure

from symdrift.errors import RequestError
from symdrift.files import write_bytes
from symdrift.quoting import figure_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.typing import RcKeyType

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Palette of Okabe and Ito."""
SUFFIXES = (".pdf", ".svg", ".png")

STYLE: dict[RcKeyType, Any] = {
    "font.family": "STIXGeneral",
    "mathtext.fontset": "stix",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "lines.linewidth": 1.4,
    "lines.markersize": 4.5,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "pdf.fonttype": 42,
    "svg.fonttype": "path",
    "svg.hashsalt": "symdrift",
}
PLAIN: dict[RcKeyType, Any] = {"svg.hashsalt": "symdrift"}
"""Style of pictures that are looked at once: Matplotlib's own."""
WIDTH, HEIGHT = 5.6, 3.2
"""Size of a figure with one panel, in inches."""
SMALLEST_PLAIN, LARGEST_PLAIN = -1, 3
"""Powers of ten of the largest number on an axis that needs no power in its unit."""

_SHARED = re.compile(rb'(id="|#)([a-zA-Z][0-9a-f]{10})\b')

_METADATA: dict[str, dict[str, str | None]] = {
    ".pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    ".svg": {"Date": None, "Creator": None},
    ".png": {"Software": None},
}


@contextmanager
def drawing(style: Mapping[RcKeyType, Any] = STYLE) -> Iterator[None]:
    """The style while a figure is drawn, whatever the user's settings of Matplotlib are."""
    with rc_context():
        rcdefaults()
        rcParams.update(style)
        yield


def save(
    figure: Figure,
    path: Path,
    style: Mapping[RcKeyType, Any] = STYLE,
    field: str = "out",
) -> Path:
    """Write a figure as PDF, SVG or PNG by the suffix; the bytes depend on its content only.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    path : Path
    style : Mapping
        In which it was drawn.
    field : str
        What a refusal calls the path.

    Raises
    ------
    RequestError
        For another suffix, or when the file cannot be written.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise RequestError(field, f"= {path} must end in {', '.join(SUFFIXES)}")
    return write_bytes(path, rendered(figure, suffix, style), field)


def rendered(figure: Figure, suffix: str, style: Mapping[RcKeyType, Any] = STYLE) -> bytes:
    """Bytes of a figure in the format of one of `SUFFIXES`; they depend on its content only."""
    content = BytesIO()
    with drawing(style):
        figure.savefig(content, format=suffix[1:], metadata=_METADATA[suffix], dpi=150)
    return _numbered(content.getvalue()) if suffix == ".svg" else content.getvalue()


def _numbered(svg: bytes) -> bytes:
    """The same picture, whose shared parts are numbered in the order of their appearance.

    Matplotlib names them after the digits of coordinates that are not printed, the last of which
    differ between processors.
    """
    numbers: dict[bytes, int] = {}

    def renamed(found: re.Match[bytes]) -> bytes:
        return found[1] + b"shared%d" % numbers.setdefault(found[2], len(numbers) + 1)

    return _SHARED.sub(renamed, svg)


@contextmanager
def one_panel() -> Iterator[tuple[Figure, Axes]]:
    """Figure with one panel, and the style while it is drawn."""
    with drawing():
        figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
        yield figure, figure.subplots()


def label_in_units(axes: Axes, axis: Literal["x", "y"], name: str, unit: str) -> None:
    """Label a linear axis after its data are drawn; its power of ten is part of the unit.

    Matplotlib prints that power by itself, far from the label.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    axis : {"x", "y"}
    name, unit : str
        Printed as ``name (unit)``; empty for plain numbers, ``/ step`` for a rate.
    """
    chosen = axes.xaxis if axis == "x" else axes.yaxis
    largest = float(np.abs(chosen.get_view_interval()).max())
    power = math.floor(math.log10(largest))
    parts = [unit] if unit else []
    if not SMALLEST_PLAIN <= power <= LARGEST_PLAIN:
        axes.ticklabel_format(axis=axis, style="sci", scilimits=(power, power), useOffset=False)
        chosen.get_offset_text().set_visible(False)
        parts.insert(0, f"$10^{{{power}}}$")
    elif unit.startswith("/"):
        parts.insert(0, "1")
    chosen.set_label_text(f"{name} ({' '.join(parts)})" if parts else name)


def colour(index: int) -> str:
    """Colour of a curve, the palette in a circle."""
    return COLOURS[index % len(COLOURS)]


def literal(text: str) -> str:
    """Plain text in which Matplotlib sees no mathematics, with raised powers."""
    # After a backslash, the sign of mathematics would be one to print.
    return re.sub(r"(?<!\\)\^2", "$^2$", figure_text(text))

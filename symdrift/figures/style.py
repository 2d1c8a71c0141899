"""One style for all figures, and files whose bytes depend on the numbers only."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from functools import cache
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from matplotlib import get_data_path, rc_context, rcdefaults, rcParams
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, fontManager
from matplotlib.textpath import text_to_path

from symdrift.errors import RequestError
from symdrift.files import write_bytes
from symdrift.quoting import figure_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.typing import RcKeyType

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Palette of Okabe and Ito."""
SUFFIXES = (".png", ".svg", ".pdf")

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

_SHORT_NAME, _LETTER = 8, 0.06
"""Letters of a turned name that stays centred, and the height of each further one in inches."""
LONGEST_NAME = 16
"""Room of a name in a figure, in letters of usual width."""
_OF_STIMULUS = re.compile(r"(D_h\[|displacement of |excess norm of )(.*?)(\]?)")
"""Quantity of a validation that has the name of a stimulus."""
_OF_LAYER = re.compile(r"hidden_(\d+)\.")
_OF_PLANES = re.compile(r"(V|mu)\[(.*)\]")
"""Quantity of a validation that has planes for indices."""

POINTS_PER_INCH = 72
_DOTS_PER_INCH = 150
_BESIDE = 0.0031317
"""Points from two decimals to a place that no multiple of 1/128 added to it moves to a middle."""

_SHARED = re.compile(rb'(id="|#)([a-zA-Z][0-9a-f]{10})\b')

_METADATA: dict[str, dict[str, str | None]] = {
    ".pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    ".svg": {"Date": None, "Creator": None},
    ".png": {"Software": None},
}


@contextmanager
def drawing(style: Mapping[RcKeyType, Any] = STYLE) -> Iterator[None]:
    """The style while a figure is drawn, whatever the user's settings of Matplotlib are."""
    _offer_fonts()
    with rc_context():
        rcdefaults()
        rcParams.update(style)
        yield


@cache
def _offer_fonts() -> None:
    """Make Matplotlib know the fonts that it comes with.

    The list of fonts that it keeps for later lacks, without a word, those that could not be opened
    when the list was made: other letters would take their place, on that machine from then on.
    """
    known = {Path(entry.fname) for entry in fontManager.ttflist}
    for font in sorted(Path(get_data_path(), "fonts", "ttf").glob("*.ttf")):
        if font not in known:
            fontManager.addfont(font)


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
    check_suffix(path, field)
    return write_bytes(path, rendered(figure, path.suffix.lower(), style), field)


def check_suffix(path: Path, field: str) -> None:
    """Refuse a file name whose suffix names no supported picture format.

    Raises
    ------
    RequestError
    """
    if path.suffix.lower() not in SUFFIXES:
        raise RequestError(field, f'= "{path}" must end in {", ".join(SUFFIXES)}')


def rendered(figure: Figure, suffix: str, style: Mapping[RcKeyType, Any] = STYLE) -> bytes:
    """Bytes of a figure in the format of one of `SUFFIXES`; they depend on its content only."""
    content = BytesIO()
    with drawing(style):
        if suffix != ".png":
            _settle(figure)
        elif (engine := figure.get_layout_engine()) is not None:
            # Matplotlib would draw the figure once more to lay it out.
            figure.set_dpi(_DOTS_PER_INCH)
            engine.execute(figure)
            figure.set_layout_engine(None)
        with _six_decimals() if suffix == ".pdf" else nullcontext():
            figure.savefig(
                content, format=suffix[1:], metadata=_METADATA[suffix], dpi=_DOTS_PER_INCH
            )
    return _numbered(content.getvalue()) if suffix == ".svg" else content.getvalue()


@contextmanager
def _six_decimals() -> Iterator[None]:
    """Matplotlib's PDF with six decimals of a point everywhere, as its paths and SVG have.

    It writes places of letters and marks with ten, the last of which depend on the processor.
    """
    from matplotlib.backends import backend_pdf

    written: Callable[[object], bytes] = backend_pdf.pdfRepr
    # What is added makes a zero of its negative, which rounding leaves.
    backend_pdf.pdfRepr = lambda it: written(round(it, 6) + 0.0 if isinstance(it, float) else it)
    try:
        yield
    finally:
        backend_pdf.pdfRepr = written


def _settle(figure: Figure) -> None:
    """Lay a figure out for good, on places that are written alike wherever it is drawn.

    Drawings in vectors have six decimals of a point.  Widths of letters are multiples of 1/64,
    so that half of all places would lie in the middle between two of these, where the last digits
    of the layout, which processors compute differently, decide.
    """
    if figure.get_layout_engine() is None:
        return
    figure.set_dpi(POINTS_PER_INCH)
    figure.draw_without_rendering()
    # Not "none", which is an engine too, for which each format would be drawn twice more.
    figure.set_layout_engine(None)
    for axes in figure.axes:
        parent = axes.get_figure()
        assert parent is not None
        size = np.array([parent.bbox.width, parent.bbox.height])
        low, high = np.round(axes.get_position().get_points() * size + 0.0013, 2) + _BESIDE
        axes.set_position((*(low / size), *((high - low) / size)))


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


def label_stimuli(axes: Axes, names: Sequence[str], room: float) -> None:
    """Label the places 0, 1, ... of an axis with names, turned where they would touch.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    names : sequence of str
    room : float
        Letters of usual width along the axis.
    """
    short = short_names(names)
    axes.set_xticks(range(len(short)), list(map(literal, short)))
    axes.set_xlabel("stimulus")
    if not turn(short, room):
        return
    axes.tick_params(axis="x", labelrotation=60)
    further = max(map(width, short)) - _SHORT_NAME
    if further > 0:
        # About its centre, a long name would turn into its neighbours and take room from the bars.
        for label in axes.get_xticklabels():
            label.set(horizontalalignment="right", rotation_mode="anchor")
        figure = axes.get_figure(root=True)
        assert figure is not None
        figure.set_figheight(figure.get_figheight() + _LETTER * further)


def colour(index: int) -> str:
    """Colour of a curve, the palette in a circle."""
    return COLOURS[index % len(COLOURS)]


def percent(share: float) -> str:
    """A share as a caption says it, with two digits."""
    return f"{100 * share:{'.2g' if share < 0.995 else '.0f'}} %"


def literal(text: str) -> str:
    """Plain text in which Matplotlib sees no mathematics, with raised powers."""
    # After a backslash, the sign of mathematics would be one to print.
    return re.sub(r"(?<!\\)\^2", "$^2$", figure_text(text))


def width(text: str) -> float:
    """Width of a text in the font of the current style, over that of the letter n."""
    wide, usual = (
        text_to_path.get_text_width_height_descent(written, FontProperties(size=10), False)[0]
        for written in (figure_text(text), "n")
    )
    return float(wide / usual)


def short_names(names: Sequence[str], longest: float = LONGEST_NAME) -> list[str]:
    """Names as a figure has room for: long ones lose their middle, and stay distinct.

    Parameters
    ----------
    names : sequence of str
        All that the figure tells apart.
    longest : float
        In letters of usual width.

    Returns
    -------
    list of str
        Plain text; where two would be the same, all begin with their number in the sequence.
    """
    # In one font whatever is drawn: a stimulus has the same name in all figures.
    with drawing():
        short = [_shortened(name, longest) for name in names]
        if len(set(short)) < len(set(names)):
            heads = [f"{number}: " for number in range(1, len(names) + 1)]
            short = [
                head + _shortened(name, longest - width(head))
                for head, name in zip(heads, names, strict=True)
            ]
    return short


def caption_short(names: Sequence[str]) -> str:
    """Sentence of a caption about names that the figure shortens; empty where there are none."""
    if short_names(names) == list(names):
        return ""
    return " Long names are shortened and, where they would look the same, numbered."


def short_quantities(quantities: Sequence[str], longest: float = LONGEST_NAME) -> list[str]:
    """Quantities of a validation with :func:`short_names` of their stimuli."""
    found = [_OF_STIMULUS.fullmatch(quantity) for quantity in quantities]
    names = list(dict.fromkeys(match[2] for match in found if match))
    short = dict(zip(names, short_names(names, longest), strict=True))
    return [
        f"{match[1]}{short[match[2]]}{match[3]}" if match else quantity
        for match, quantity in zip(found, quantities, strict=True)
    ]


def symbol_of_quantity(quantity: str) -> str | None:
    """LaTeX of a quantity of a validation, in default letters; None where it has words only.

    Of several hidden layers the numbers are raised.
    """
    match = _OF_PLANES.fullmatch(quantity)
    if match is None:
        return None
    stem = {"V": "V", "mu": r"\mu"}[match[1]]
    layers = ",".join(_OF_LAYER.findall(match[2]))
    planes = _OF_LAYER.sub("", match[2]).replace(";", ",")
    return f"{stem}{f'^{{({layers})}}' if layers else ''}_{{{planes}}}"


def words_of_quantity(quantity: str) -> str:
    """A quantity of a validation that has no symbol, in words."""
    match = _OF_STIMULUS.fullmatch(quantity)
    return f"diffusion of “{match[2]}”" if match and match[1] == "D_h[" else quantity


def label_of_quantity(quantity: str) -> str:
    """A quantity of a validation in Matplotlib's mark-up."""
    symbol = symbol_of_quantity(quantity)
    return literal(words_of_quantity(quantity)) if symbol is None else f"${symbol}$"


def turn(names: Sequence[str], room: float) -> bool:
    """Whether names along an axis must be turned: upright, two neighbours would touch.

    Parameters
    ----------
    names : sequence of str
        At equal distances.
    room : float
        Of the whole axis, in letters of usual width.
    """
    with drawing():
        widths = [width(name) + 1 for name in names]
    return any((one + other) / 2 > room / len(names) for one, other in pairwise(widths))


def _shortened(name: str, longest: float) -> str:
    if width(name) <= longest:
        return name
    head, tail = name[: len(name) // 2], name[len(name) // 2 :]
    while head and width(f"{head}…{tail}") > longest:
        if width(head) > width(tail):
            head = head[:-1]
        else:
            tail = tail[1:]
    return f"{head.rstrip()}…{tail.lstrip()}"

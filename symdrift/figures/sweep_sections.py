"""What a picture has room for of a sweep over several axes: panels for few values of the third."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from symdrift.evaluation.sweep import Sweep
    from symdrift.evaluation.sweep_axes import Axis

_ROWS, _TWO_EACH = 3, 2
"""Values of a third axis that have panels of their own, and of the third and fourth."""


@dataclass(frozen=True, eq=False)
class Section:
    """A sweep at fixed values of all axes but the first two.

    Attributes
    ----------
    label : str
        These values; empty where there are two axes or fewer.
    places : NDArray
        Of its points in the sweep, the first axis first.
    """

    label: str
    places: NDArray[np.int_]


def spread(count: int, most: int) -> list[int]:
    """At most so many of the places 0, 1, ..., both ends among them, at about equal distances."""
    chosen = np.linspace(0, count - 1, min(count, most))
    return [int(place) for place in np.round(chosen)]


def sections(sweep: Sweep) -> list[Section]:
    """The sections of a sweep that a picture shows, few and spread over the further axes."""
    shape, further = sweep.request.shape, sweep.axes[2:]
    grid = np.arange(len(sweep)).reshape(shape if len(shape) > 1 else (-1, 1))
    by_section = np.moveaxis(grid, (0, 1), (-2, -1))
    found = []
    for chosen in product(*_shown(sweep)):
        values = zip(further, chosen, strict=True)
        label = ", ".join(f"{axis.path} = {axis.values[place]:g}" for axis, place in values)
        found.append(Section(label, by_section[chosen]))
    return found


def left_out(axes: Sequence[Axis], shown: Sequence[Sequence[int]]) -> str:
    """Of which axes not all values are shown; empty where all are."""
    return ", ".join(
        f"{len(places)} of {len(axis.values)} values of {axis.path}"
        for axis, places in zip(axes, shown, strict=True)
        if len(places) < len(axis.values)
    )


def sections_left_out(sweep: Sweep) -> str:
    """The same, of the axes that the sections fix."""
    return left_out(sweep.axes[2:], _shown(sweep))


def _shown(sweep: Sweep) -> list[list[int]]:
    """Places along each axis from the third on that have panels."""
    further = sweep.axes[2:]
    most = [_ROWS] if len(further) == 1 else [_TWO_EACH, _TWO_EACH, *[1] * (len(further) - 2)]
    return [
        spread(len(axis.values), each)
        for axis, each in zip(further, most[: len(further)], strict=True)
    ]

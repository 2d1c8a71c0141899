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

_ROWS = 3
"""Values of a third axis that have panels of their own; of two further axes, two each."""


@dataclass(frozen=True, eq=False)
class Sections:
    """A sweep over two axes, at few values of all further ones.

    Attributes
    ----------
    axes : tuple of Axis
        The two, or as many as there are.
    labels : list of str
        Values of the further axes, by section; one empty label where there are none.
    places : NDArray
        Of points in the sweep, shape ``(sections, first axis, second axis)``.
    left_out : str
        Which values have no section; empty where all have.
    """

    axes: tuple[Axis, ...]
    labels: list[str]
    places: NDArray[np.int_]
    left_out: str


def spread(count: int, most: int) -> list[int]:
    """At most so many of the places 0, 1, ..., both ends among them, at about equal distances."""
    chosen = np.linspace(0, count - 1, min(count, most))
    return [int(place) for place in np.round(chosen)]


def sections(sweep: Sweep) -> Sections:
    """What is shown of a sweep; the axes are in its order, those of one value behind the others."""
    order = sorted(range(len(sweep.axes)), key=lambda axis: len(set(sweep.axes[axis].values)) == 1)
    axes = tuple(sweep.axes[axis] for axis in order)
    further = axes[2:]
    several = sum(len(set(axis.values)) > 1 for axis in further)
    most = (_ROWS if several == 1 else 2, 2, *[1] * len(further))
    chosen = [spread(len(axis.values), each) for axis, each in zip(further, most, strict=False)]
    grid = np.arange(len(sweep)).reshape(sweep.request.shape).transpose(order)
    grid = grid.reshape((*grid.shape, *[1] * (2 - grid.ndim)))
    by_section = np.moveaxis(grid, (0, 1), (-2, -1))
    return Sections(
        axes[:2],
        [
            ", ".join(
                f"{axis.path} = {axis.values[place]:g}"
                for axis, place in zip(further, each, strict=True)
            )
            for each in product(*chosen)
        ],
        np.array([by_section[each] for each in product(*chosen)]),
        left_out(further, chosen),
    )


def left_out(axes: Sequence[Axis], shown: Sequence[Sequence[int]]) -> str:
    """Of which axes not all values are shown; empty where all are."""
    return ", ".join(
        f"{len(places)} of {len(axis.values)} values of {axis.path}"
        for axis, places in zip(axes, shown, strict=True)
        if len(places) < len(axis.values)
    )

"""Strict minima beside the one whose numbers are asked for: which there are, and their names.

With fewer hidden units than directions worth learning the loss can have several strict minima,
numbered in the order of their losses.  Learning may end at any of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from symdrift.errors import RequestError, counted
from symdrift.inputs import read_only
from symdrift.records import Record
from symdrift.study.problem import Array

MOST_LISTED = 10
"""Strict minima that a result lists, those of the lowest losses."""

MOST_NUMBERED = 1000
"""Strict minima that can be asked for by their numbers."""

_MOST_NAMED = 3
"""Strict minima that a warning names."""

_SAME_AXIS = 1e-6
"""What a direction along an input axis may have beside it."""


@dataclass(frozen=True, eq=False)
class StrictMinimum(Record):
    """A strict minimum by what it learns.

    Attributes
    ----------
    number : int
        In the order of losses, from 1.
    singular_values : Array
        Shape ``(rank,)``, decreasing.
    input_axes : tuple of int
        Input axes that are learned, from 1, in the order of the singular values; empty where a
        learned direction is none of them.
    loss : float
        Expected loss, label noise and weight decay included.
    """

    number: int
    singular_values: Array
    input_axes: tuple[int, ...]
    loss: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "singular_values", read_only(self.singular_values))

    def written(self) -> tuple[str, ...]:
        """Axes where there are any."""
        return tuple(name for name in super().written() if name != "input_axes" or self.input_axes)

    def __str__(self) -> str:
        values = ", ".join(f"{value:.4g}" for value in self.singular_values)
        axes = ", ".join(map(str, self.input_axes))
        along = f" along input axes {axes}" if axes else ""
        return f"number {self.number} (singular values {values}{along}, loss {self.loss:.6g})"


def axes_of(directions: Array) -> tuple[int, ...]:
    """Input axes, from 1, on which directions lie; none where one of them lies between axes.

    Parameters
    ----------
    directions : Array
        One in each row, of any length, shape ``(r, n)``.
    """
    sizes = np.abs(directions)
    along = sizes.argmax(axis=1)
    beside = np.linalg.norm(sizes, axis=1) - sizes.max(axis=1)
    if np.any(beside > _SAME_AXIS * sizes.max(axis=1)):
        return ()
    return tuple(int(axis) + 1 for axis in along)


def require_numbered(number: int) -> None:
    """Refuse a number of a minimum up to which none are counted."""
    if number > MOST_NUMBERED:
        raise RequestError("learning.minimum", f"= {number} must be at most {MOST_NUMBERED}")


def no_such_minimum(number: int, found: int) -> RequestError:
    """The refusal of a number that no strict minimum has."""
    return RequestError(
        "learning.minimum",
        f"= {number} is not there: the loss has {counted(found, 'strict minimum', 'strict minima')}"
        f"; give {'1' if found == 1 else f'a number from 1 to {found}'}, in the order of losses",
    )


def several_warnings(number: int, others: Sequence[StrictMinimum]) -> tuple[str, ...]:
    """Say that other strict minima exist than the one with this number, and name them."""
    if not others:
        return ()
    named = "; ".join(map(str, others[:_MOST_NAMED]))
    more = len(others) - _MOST_NAMED
    many = f"at least {len(others)}" if len(others) >= MOST_LISTED - 1 else str(len(others))
    beside = "another strict minimum exists" if len(others) == 1 else f"{many} others exist"
    return (
        f"these are the numbers of strict minimum {number} in the order of losses, and {beside}, "
        f"where learning can end as well: {named}{f'; and {more} more' if more > 0 else ''}; "
        f"--minimum {others[0].number}, or learning.minimum = {others[0].number} in a study, gives "
        "its numbers",
    )

"""The numbers of many points of a sweep, a column each: joined, written down, read again."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from symdrift.evaluation.result import Evaluation, Quantity, listed
from symdrift.study.problem import Array

if TYPE_CHECKING:
    from symdrift.evaluation.any_rule import RuleEvaluation

Setting = int | float | str | None
"""A parameter at one point; None where the point is refused."""

POINTS_TOGETHER = 256
"""Points whose cells are made at once."""

_INDEX = re.compile(r"\.\d+(-\d+)?$")
_NUMBER = re.compile(r"(?<![\d.])(?<!strict minimum )\d[\d.]*(e[-+]\d+)?")
_CLAUSE = re.compile(r"[;,]")


@dataclass(frozen=True, eq=False)
class SweptNumbers:
    """Consecutive points of a sweep.

    Attributes
    ----------
    settings : Mapping of str to list
        Where points lie on the axes, symbols, parameters of one value, and the road.
    columns : Mapping of Quantity to Array
        Every number by what it is (there the value is 0), shape ``(points,)``; NaN where a point
        has none.
    refused : list of str
        Why a point has no numbers, by point; empty where it has.
    warned : list of str
        The same text where the same warnings apply; empty where none do.
    """

    settings: Mapping[str, list[Setting]]
    columns: Mapping[Quantity, Array]
    refused: list[str]
    warned: list[str]

    def __len__(self) -> int:
        return len(self.refused)

    @cached_property
    def ordered(self) -> list[Quantity]:
        """Kinds in the order in which they appear, indices of one kind in order."""
        names = {quantity.column: quantity for quantity in self.columns}
        return [names[name] for name in in_order(names)]

    def cells(self, rows: slice = slice(None)) -> dict[str, list[object]]:
        """Cells of a table by column: settings, numbers and, last, why there are none."""
        cells: dict[str, list[object]] = {
            name: list(self.settings[name][rows]) for name in in_order(self.settings)
        }
        for quantity in self.ordered:
            whole = quantity.name == "rank"
            cells[quantity.column] = [
                None if value != value else int(value) if whole else value
                for value in self.columns[quantity][rows].tolist()
            ]
        cells["refused"] = [reason or None for reason in self.refused[rows]]
        return cells

    def cells_in_parts(self) -> Iterator[dict[str, list[object]]]:
        """The same, few points at a time: as Python's objects they take much memory."""
        for start in range(0, len(self), POINTS_TOGETHER):
            yield self.cells(slice(start, start + POINTS_TOGETHER))

    def line(self) -> str:
        """A line of JSON, with all digits."""
        columns = [
            [*quantity, [None if value != value else value for value in values.tolist()]]
            for quantity, values in self.columns.items()
        ]
        record = {
            "settings": dict(self.settings), "columns": columns, "refused": self.refused,
            "warned": self.warned,
        }  # fmt: skip
        return json.dumps(record, allow_nan=False, separators=(",", ":"))

    @classmethod
    def of_line(cls, line: str) -> SweptNumbers:
        """From what `line` wrote.

        Raises
        ------
        ValueError
            When it wrote no such line, or not all of it.
        """
        try:
            record = json.loads(line)
            columns = {
                Quantity(*parts): np.array(values, dtype=float) for *parts, values in
                record["columns"]
            }  # fmt: skip
            return cls(record["settings"], columns, record["refused"], record["warned"])
        except (KeyError, TypeError) as error:
            raise ValueError("not a line of a sweep") from error


def joined(parts: Sequence[SweptNumbers]) -> SweptNumbers:
    """One after the other; what some do not have is missing there."""
    settings: dict[str, list[Setting]] = {}
    columns: dict[Quantity, Array] = {}
    total, at = sum(map(len, parts)), 0
    for part in parts:
        for name, values in part.settings.items():
            settings.setdefault(name, [None] * total)[at : at + len(part)] = values
        for quantity, numbers in part.columns.items():
            if quantity not in columns:
                columns[quantity] = np.full(total, np.nan)
            columns[quantity][at : at + len(part)] = numbers
        at += len(part)
    return SweptNumbers(
        settings,
        columns,
        [reason for part in parts for reason in part.refused],
        [kind for part in parts for kind in part.warned],
    )


def numbers_of(
    settings: Mapping[str, Setting], outcome: Evaluation | RuleEvaluation | Exception
) -> SweptNumbers:
    """Of one point, evaluated or refused."""
    if isinstance(outcome, Exception):
        return SweptNumbers(
            {name: [value] for name, value in settings.items()}, {}, [str(outcome)], [""]
        )
    found = listed(outcome) if isinstance(outcome, Evaluation) else outcome.listed()
    return SweptNumbers(
        {name: [value] for name, value in {**settings, **settings_of(outcome)}.items()},
        {each._replace(value=0.0): np.array([each.value], float) for each in found},
        [""],
        ["\n".join(map(kind_of_warning, outcome.warnings))],
    )


def settings_of(evaluation: Evaluation | RuleEvaluation) -> dict[str, Setting]:
    """Parameters of one value, and the road to the numbers."""
    values: dict[str, Setting] = {
        name: value
        for name, value in evaluation.parameters.items()
        if isinstance(value, (int, float, str))
    }
    return values | {"method": evaluation.method, "approximation": evaluation.approximation}


def kind_of_warning(said: str) -> str:
    """Warnings are one whose first clauses differ in their numbers only."""
    return _NUMBER.sub("#", _CLAUSE.split(said)[0])


def first_of_each(kinds: Iterable[str]) -> Iterator[tuple[int, int]]:
    """First point with each combination of warnings, and how many points have it."""
    listed = list(kinds)
    many = Counter(listed)
    for kind in filter(None, many):
        yield listed.index(kind), many[kind]


def in_order(names: Iterable[str]) -> list[str]:
    """Kinds in order of appearance, indices of one kind in order."""
    kinds: dict[str, int] = {}
    order: dict[str, tuple[int, list[int]]] = {}
    for name in names:
        index = _INDEX.search(name)
        kind = name[: index.start()] if index else name
        numbers = axes_in(index.group()[1:]) if index else []
        order[name] = (kinds.setdefault(kind, len(kinds)), numbers)
    return sorted(order, key=order.__getitem__)


def axes_in(label: str) -> list[int]:
    """Of the axes in the label of a plane or an axis, whatever its layer."""
    return [int(part) for part in label.rpartition(".")[2].split("-")]

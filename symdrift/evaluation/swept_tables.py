"""A sweep as tables, as a data set, and in sentences."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from symdrift.datasets import Coordinate, Entry, dataset
from symdrift.errors import RequestError
from symdrift.evaluation.sweep_request import place_of
from symdrift.evaluation.swept_numbers import axes_in, first_of_each, kind_of_warning
from symdrift.tables import Table, record_table

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from xarray import Dataset

    from symdrift.evaluation.sweep import Sweep

MOST_ROWS = 100
"""Points of a table that is printed."""


def sweep_warnings(sweep: Sweep) -> Iterator[str]:
    """Every warning once, as it is where it begins; in a sweep with how many points have it.

    Points that are refused are said in the same way.
    """
    found: dict[str, list[tuple[int, int, str]]] = {}
    # Numbers of a single point need not be made for it.
    warned = first_of_each(sweep.numbers.warned) if sweep.axes else [(0, 1)]
    refused = sweep.numbers.refused if sweep.axes else []
    for first, many in warned:
        for said in sweep[first].evaluation.warnings:
            found.setdefault(kind_of_warning(said), []).append((first, many, said))
    for first, many in first_of_each(map(kind_of_warning, refused)):
        said = refused[first]
        found.setdefault(kind_of_warning(said), []).append((first, many, f"refused: {said}"))
    for each in found.values():
        first, _, said = min(each)
        place = place_of(sweep.request.swept(first)) if sweep.axes else ""
        many = sum(of for _, of, _ in each)
        if place and many > 1:
            of = "all" if many == len(sweep) else f"{many} of"
            place = f"{of} {len(sweep)} points, the first at {place}"
        yield f"at {place}: {said}" if place else said


def sweep_table(sweep: Sweep, most_columns: int) -> tuple[Table, int, int]:
    """Table of a sweep, and how many of its quantities and of its points it leaves out.

    One row per point: where it lies, then the diffusion of each plane (rad^2/step) and
    the decay rate of each stimulus (1/step).
    """
    shown = {("drift", "diffusion"): "D ", ("stimuli", "decay_rate"): ""}
    axes = [axis.path for axis in sweep.axes]
    found = [each for each in sweep.numbers.ordered if (each.group, each.name) in shown]
    kept = found[: max(most_columns - len(axes), 1)]
    columns = {axis: axis for axis in axes} | {
        each.column: f"{shown[each.group, each.name]}{each.label}\n{each.unit}" for each in kept
    }
    rows = (
        {
            **sweep.request.swept(place),
            **{
                each.column: None if np.isnan(value) else float(value)
                for each in kept
                for value in (sweep.numbers.columns[each][place],)
            },
        }
        for place in range(min(len(sweep), MOST_ROWS))
    )
    table = record_table("Diffusion and decay rates", columns, rows)
    return table, len(found) - len(kept), max(len(sweep) - MOST_ROWS, 0)


def sweep_dataset(sweep: Sweep) -> Dataset:
    """Quantities of every point, where the point lies in the grid."""
    numbers, shape = sweep.numbers, sweep.request.shape
    paths = tuple(axis.path for axis in sweep.axes)
    own: dict[str, dict[str, int]] = {"hidden_axis": {}, "plane": {}, "stimulus": {}}
    for of, places in own.items():
        labels = [each.label for each in dict.fromkeys(numbers.columns) if each.of == of]
        labels = list(dict.fromkeys(labels))
        ordered = labels if of == "stimulus" else sorted(labels, key=axes_in)
        places.update((label, place) for place, label in enumerate(ordered))
    # A refused point has no parameters; what it lacks does not make them vary.
    given = {
        name: [value for value in values if value is not None]
        for name, values in numbers.settings.items()
    }
    varying = [name for name, values in given.items() if len(set(values)) > 1 and name not in paths]
    for name in (*paths, *varying):
        if name in own:
            raise RequestError("to_dataset", f'has an axis "{name}" of its own; rename the symbol')

    def laid_out(name: str) -> NDArray[Any]:
        values, known = numbers.settings[name], given[name]
        blank = "" if isinstance(known[0], str) else np.nan
        whole = [blank if value is None else value for value in values]
        return np.reshape(np.array(whole), shape)

    result = dataset(
        (
            Entry(
                f"{each.group}_{each.name}".replace(".", "_"),
                each.unit,
                {each.of: own[each.of][each.label]} if each.of else {},
                values.reshape(shape),
                paths,
            )
            for each, values in numbers.columns.items()
        ),
        {axis.path: Coordinate((axis.path,), axis.values) for axis in sweep.axes}
        | {of: Coordinate((of,), tuple(places)) for of, places in own.items()}
        | {name: Coordinate(paths, laid_out(name)) for name in varying}
        | {"refused": Coordinate(paths, np.reshape(np.array(numbers.refused), shape))},
        {"study": sweep.request.study.name}
        | {
            name: values[0]
            for name, values in given.items()
            if name not in (*paths, *varying) and values
        },
    )
    return result.transpose(*paths, ...)

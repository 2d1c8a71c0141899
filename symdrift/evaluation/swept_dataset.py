"""A sweep as a data set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from symdrift.datasets import Coordinate, Entry, dataset
from symdrift.errors import RequestError
from symdrift.evaluation.long_names import number_name, setting_name
from symdrift.evaluation.sweep_request import SweepRequest
from symdrift.evaluation.swept_numbers import SweptNumbers, axes_in

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray
    from xarray import Dataset


def sweep_dataset(request: SweepRequest, numbers: SweptNumbers) -> Dataset:
    """Quantities of every point, where the point lies in the grid."""
    shape, paths = request.shape, tuple(axis.path for axis in request.axes)
    own: dict[str, dict[str, int]] = {"hidden_axis": {}, "plane": {}, "stimulus": {}}
    for of, places in own.items():
        labels = [each.label for each in dict.fromkeys(numbers.columns) if each.of == of]
        labels = list(dict.fromkeys(labels))
        ordered = labels if of == "stimulus" else sorted(labels, key=_place)
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

    def coordinate(name: str, along: tuple[str, ...], values: ArrayLike) -> Coordinate:
        # Text has no unit.
        unit = "" if np.asarray(values).dtype.kind == "U" or name in own else "1"
        return Coordinate(along, values, unit, setting_name(request.study, name))

    names = {each: number_name(each) for each in numbers.columns}
    result = dataset(
        (
            Entry(
                f"{each.group}_{each.name}".replace(".", "_"),
                names[each].unit,
                {each.of: own[each.of][each.label]} if each.of else {},
                values.reshape(shape),
                paths,
                names[each].text,
            )
            for each, values in numbers.columns.items()
        ),
        {axis.path: coordinate(axis.path, (axis.path,), axis.values) for axis in request.axes}
        | {of: coordinate(of, (of,), tuple(places)) for of, places in own.items()}
        | {name: coordinate(name, paths, laid_out(name)) for name in varying}
        | {"refused": coordinate("refused", paths, np.reshape(np.array(numbers.refused), shape))},
        {"study": request.study.name}
        | {
            name: values[0]
            for name, values in given.items()
            if name not in (*paths, *varying) and values
        },
    )
    return result.transpose(*paths, ...)


def _place(label: str) -> tuple[str, list[int]]:
    """Of a plane or an axis, within its layer."""
    return label.rpartition(".")[0], axes_in(label)

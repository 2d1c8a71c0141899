"""Results that are arrays over axes, as data sets whose axes, units and numbers have names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from symdrift.errors import RequestError

if TYPE_CHECKING:
    from xarray import Dataset


class Entry(NamedTuple):
    """A part of a variable: its numbers at one place of some axes, along all of others."""

    variable: str
    unit: str
    place: Mapping[str, int]
    values: ArrayLike
    along: tuple[str, ...] = ()
    long_name: str = ""


class Coordinate(NamedTuple):
    """Labels along one axis, or values of something else over some axes."""

    along: tuple[str, ...]
    values: ArrayLike
    unit: str = ""
    long_name: str = ""


def dataset(
    entries: Iterable[Entry],
    coordinates: Mapping[str, Coordinate],
    attributes: Mapping[str, Any],
) -> Dataset:
    """Variables put together from their parts; where one has no number, it is NaN.

    Parameters
    ----------
    entries : iterable of Entry
        Those of one variable have the same axes.
    coordinates : mapping of str to Coordinate
        Those of every axis, and others.
    attributes : mapping
        Of the whole, plain numbers and text.

    Raises
    ------
    RequestError
        Without xarray, which is an extra.
    """
    try:
        import xarray
    except ImportError:
        raise RequestError("to_dataset", "needs xarray: pip install 'symdrift[data]'") from None
    variables: dict[str, Any] = {}
    for name, unit, place, values, along, long_name in entries:
        if name not in variables:
            axes = (*place, *along)
            empty = np.full([len(np.asarray(coordinates[axis].values)) for axis in axes], np.nan)
            variables[name] = (axes, empty, _attributes(unit, long_name))
        variables[name][1][tuple(place.values())] = values
    labels = {
        name: (along, np.asarray(values), _attributes(unit, long_name))
        for name, (along, values, unit, long_name) in coordinates.items()
    }
    return xarray.Dataset(variables, labels, attributes)


def _attributes(unit: str, long_name: str) -> dict[str, str]:
    given = {"units": unit, "long_name": long_name}
    return {name: text for name, text in given.items() if text}

"""What rounding would decide, decided otherwise: processors differ in the last digits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

THEORY_DIGITS = 10
SIMULATION_DIGITS = 6

TIED = 1e-8
"""Relative difference below which numbers of which one is chosen are equal."""

_MET = 12
"""Digits that processors agree in."""
_NOISE = 1e-11
"""What numbers that vanish are up to rounding, relative to others."""


def quiet(values: NDArray[np.float64] | float, size: float) -> NDArray[np.float64]:
    """Numbers that vanish up to rounding, beside a size, as zeros: no digit of them is stable."""
    return np.where(np.abs(values) < _NOISE * size, 0.0, values)


def first_largest(sizes: NDArray[np.float64]) -> int:
    """Index of the first of the largest numbers, of which equal ones are told apart by place."""
    largest = sizes.max()
    return int(np.argmax(sizes >= largest - TIED * abs(largest)))


def rounded(value: Any, digits: int) -> Any:
    """The same record or data with every float rounded to so many significant digits."""
    if isinstance(value, float):
        if not value:
            # Of a diagonal covariance nearly all are the same zero, and stay it.
            return value
        # Halves are met from either side.
        return float(f"{float(f'{value:.{_MET}g}'):.{digits}g}")
    if isinstance(value, Mapping):
        return {key: rounded(entry, digits) for key, entry in value.items()}
    if isinstance(value, list):
        return [rounded(entry, digits) for entry in value]
    if isinstance(value, tuple):
        return tuple(rounded(entry, digits) for entry in value)
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        entries = [rounded(entry, digits) for entry in value.ravel().tolist()]
        return np.array(entries).reshape(value.shape)
    if is_dataclass(value) and not isinstance(value, type):
        held = {field.name: getattr(value, field.name) for field in fields(value) if field.init}
        return replace(value, **rounded(held, digits))
    return value

"""Digits that are the same wherever a number is computed: processors differ in the last ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np

from symdrift.study.problem import Array

THEORY_DIGITS = 10
SIMULATION_DIGITS = 6

_NOISE = 1e-11
"""What numbers that vanish are up to rounding, relative to others."""


def quiet(values: Array | float, size: float) -> Array:
    """Numbers that vanish up to rounding, beside a size, as zeros: no digit of them is stable."""
    return np.where(np.abs(values) < _NOISE * size, 0.0, values)


def rounded(value: Any, digits: int) -> Any:
    """The same record or data with every float rounded to so many significant digits."""
    if isinstance(value, float):
        if not value:
            # Of a diagonal covariance nearly all are the same zero, and stay it.
            return value
        return float(f"{value:.{digits}g}")
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

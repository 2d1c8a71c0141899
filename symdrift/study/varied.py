"""A study at many values of some of its fields and symbols at once, as arrays over these points."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symdrift.errors import RequestError
from symdrift.expressions import LARGEST_NUMBER, Array
from symdrift.inputs import Gaussian
from symdrift.study.assignments import mirrored, unchecked
from symdrift.study.fields import held_numbers
from symdrift.study.kinds import leaves
from symdrift.study.model import RULES, GaussianInputs
from symdrift.study.problem import LearningProblem, Stimulus
from symdrift.study.study import Study
from symdrift.study.values import check_shapes

SIZES = ("network.inputs", "network.outputs", "network.hidden")


@dataclass(frozen=True, eq=False)
class DiagonalProblems:
    """Learning problems of one size: Gaussian inputs, covariance and teacher both diagonal.

    Attributes
    ----------
    study : str
    hidden : int
    variances : Array
        ``lambda``, shape ``(points, n)``.
    gains : Array
        ``|a|``, shape ``(points, min(n, m))``.
    label_noise : Array
        Shape ``(points, m)``.
    learning_rate, weight_decay, batch, minimum : Array
        Shape ``(points,)``.
    stimuli : mapping of str to Array
        By name, shape ``(points, n)``.
    """

    study: str
    hidden: int
    variances: Array
    gains: Array
    label_noise: Array
    learning_rate: Array
    weight_decay: Array
    batch: Array
    minimum: Array
    stimuli: Mapping[str, Array]

    def __getitem__(self, points: NDArray[Any] | slice) -> DiagonalProblems:
        """Those at some of the points."""
        parts: dict[str, Any] = {
            name: value[points]
            for name, value in vars(self).items()
            if isinstance(value, np.ndarray)
        }
        # What is one row for all points stays that: all axes at all points are too many.
        count = np.arange(len(self.weight_decay))[points].size
        stimuli = {
            name: rows[points]
            if rows.strides[0]
            else np.broadcast_to(rows[:1], (count, rows.shape[1]))
            for name, rows in self.stimuli.items()
        }
        return replace(self, **parts, stimuli=stimuli)

    def alike(self, *but: str) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """First points of those that differ in these alone, and which of them each is like."""
        held = {name: part for name, part in vars(self).items() if name not in but}
        # What is the same everywhere need not be compared.
        parts = [
            part.reshape(len(self.weight_decay), -1)
            for part in (*held.values(), *held.get("stimuli", {}).values())
            if isinstance(part, np.ndarray) and part.strides[0]
        ]
        table = np.concatenate([np.empty((len(self.weight_decay), 0)), *parts], axis=1)
        rows = np.ascontiguousarray(table[:, (table != table[0]).any(axis=0)])
        if not rows.shape[1]:
            return np.zeros(1, np.intp), np.zeros(len(rows), np.intp)
        # Integers are sorted sooner than so many bytes.
        kind = "i8" if rows.shape[1] == 1 else f"V{rows.shape[1] * rows.itemsize}"
        _, first, like = np.unique(rows.view(kind), return_index=True, return_inverse=True)
        return first, like.reshape(-1)

    def settings(self) -> dict[str, list[Any]]:
        """What has one value at each point, by its name in the parameters of an evaluation."""
        points, inputs = self.variances.shape
        return {
            "inputs": [inputs] * points,
            "outputs": [self.label_noise.shape[1]] * points,
            "hidden": [self.hidden] * points,
            "learning_rate": self.learning_rate.tolist(),
            "weight_decay": self.weight_decay.tolist(),
            "batch": self.batch.astype(np.int64).tolist(),
            "synaptic_noise": [0.0] * points,
        }

    def problem(self, point: int) -> LearningProblem:
        """One of them."""
        inputs, outputs = self.variances.shape[1], self.label_noise.shape[1]
        teacher = np.zeros((outputs, inputs))
        np.fill_diagonal(teacher, self.gains[point])
        return LearningProblem(
            study=self.study,
            hidden=self.hidden,
            inputs=Gaussian(np.diag(self.variances[point])),
            teacher=teacher,
            label_noise=self.label_noise[point],
            learning_rate=float(self.learning_rate[point]),
            weight_decay=float(self.weight_decay[point]),
            batch=int(self.batch[point]),
            synaptic_noise=0.0,
            stimuli=tuple(Stimulus(name, rows[point]) for name, rows in self.stimuli.items()),
            minimum=int(self.minimum[point]),
        )


@dataclass(frozen=True, eq=False)
class VariedStudy:
    """A study whose fields and symbols take other values at each of some points.

    Attributes
    ----------
    study : Study
        At the first point; its numbers may not fit each other.
    swept : Mapping of str to Array
        Values of these fields and symbols, shape ``(points,)``.
    """

    study: Study
    swept: Mapping[str, Array]

    @classmethod
    def of(cls, study: Study, swept: Mapping[str, Array]) -> VariedStudy:
        """The study with these values.

        Raises
        ------
        RequestError
            When there is no such field or symbol.
        """
        first = {path: float(values[0]) for path, values in swept.items()}
        return cls(unchecked(study, first), swept)

    def __len__(self) -> int:
        return len(next(iter(self.swept.values())))

    @cached_property
    def symbols(self) -> dict[str, Array]:
        """Values of the symbols that have some, shape ``(points,)`` or ``()``."""
        return {
            name: self._given(name, f"values.{name}", default=value.evaluate_all({}))
            for name, value in self.study.values.items()
        }

    @cached_property
    def numbers(self) -> dict[str, Array]:
        """Every number by its dotted field, shape ``(points,)`` or ``()``; NaN where it is none."""
        found = {}
        for field, expression in self.study.numbers.items():
            names = (field, mirrored(field))
            if any(name in self.swept for name in names):
                found[field] = self._given(*names, default=np.nan)
            elif all(name in self.symbols for name in expression.symbols):
                found[field] = expression.evaluate_all(self.symbols)
        return found

    def _given(self, *names: str, default: Any) -> Array:
        """Swept values; NaN for what no file could hold."""
        values = next((self.swept[name] for name in names if name in self.swept), None)
        if values is None:
            return np.asarray(default, dtype=float)
        sizes = np.abs(values)
        held = (sizes >= 1 / LARGEST_NUMBER) & (sizes <= LARGEST_NUMBER)
        return np.where(held | (values == 0), values, np.nan)

    @cached_property
    def in_range(self) -> NDArray[np.bool_]:
        """Where every number is one, and one that its field may hold, shape ``(points,)``."""
        held = np.ones(len(self), dtype=bool)
        for value in self.numbers.values():
            held &= np.isfinite(value)
        for field, kind, entries in held_numbers(self.study):
            # Entries of matrices are free.
            if not (isinstance(entries, tuple) and isinstance(entries[0], tuple)):
                for path, _ in leaves(entries, field):
                    held &= kind.range.holds(np.nan_to_num(self.numbers[path]))
        return held

    def at(self, points: NDArray[np.intp]) -> VariedStudy:
        """The study at some of the points."""
        return VariedStudy(self.study, {path: each[points] for path, each in self.swept.items()})

    def by_size(self) -> Iterator[NDArray[np.intp]]:
        """Points whose networks have the same sizes."""
        numbers = [self.numbers[size] for size in SIZES]
        if not any(size.ndim for size in numbers):
            yield np.arange(len(self))
            return
        sizes = np.stack([np.broadcast_to(size, len(self)) for size in numbers])
        _, kinds = np.unique(sizes, axis=1, return_inverse=True)
        for kind in range(kinds.max() + 1):
            yield np.flatnonzero(kinds.reshape(-1) == kind)

    def diagonal_problems(self) -> DiagonalProblems | None:
        """The problems, where sizes are the same at all points and all matrices are diagonal.

        None too with other inputs, or with synaptic noise.  Numbers may be out of their ranges.
        """
        study = self.study
        if not study.inputs.gaussian or study.missing or study.learning.rule != RULES[0]:
            return None
        try:
            check_shapes(study)
        except RequestError:
            return None
        others = ("learning.synaptic_noise", "learning.momentum")
        if any(np.any(self.numbers[field] != 0) for field in others):
            return None
        sizes = [self.numbers[size] for size in SIZES]
        if not all(np.isfinite(size).all() and np.all(size == size.flat[0]) for size in sizes):
            return None
        inputs, outputs, hidden = (int(size.flat[0]) for size in sizes)
        parts = diagonal_parts(study, self.numbers, len(self), (inputs, outputs))
        if parts is None:
            return None
        parts["gains"] = np.abs(parts["gains"])
        return DiagonalProblems(study=study.name, hidden=hidden, **parts)


def diagonal_parts(
    study: Study,
    numbers: Mapping[str, Array],
    points: int,
    sizes: tuple[int, int],
    constant: float = 1.0,
) -> dict[str, Any] | None:
    """Parts of `DiagonalProblems`, each a linear function of the numbers, gains with their sign.

    Parameters
    ----------
    study : Study
        With Gaussian inputs.
    numbers : Mapping of str to Array
        By dotted field, shape ``(points,)`` or ``()``.
    points : int
    sizes : tuple of int
        Inputs and outputs.
    constant : float
        What stands for a one that is no number of the study; 0 where the numbers are changes.

    Returns
    -------
    dict or None
        None where a matrix has something beside its diagonal.
    """
    inputs, outputs = sizes

    def stacked(field: str, size: int, place: str = ".{0}") -> Array:
        """Numbers of a list side by side, shape ``(points, size)``."""
        parts = [numbers[field + place.format(index)] for index in range(size)]
        return np.stack([np.broadcast_to(part, points) for part in parts], axis=-1)

    def diagonal(field: str, entries: Any, size: int) -> Array | None:
        """One number for all, a list, or the diagonal of a matrix with nothing beside it."""
        if not isinstance(entries, tuple):
            return np.broadcast_to(numbers[field][..., np.newaxis], (points, size))
        if not isinstance(entries[0], tuple):
            return stacked(field, size)
        beside = [
            numbers[f"{field}.{i}.{j}"]
            for i, row in enumerate(entries)
            for j in range(len(row))
            if i != j
        ]
        return None if any(map(np.any, beside)) else stacked(field, size, ".{0}.{0}")

    gains: Array | None = np.full((points, min(sizes)), constant)
    if isinstance(study.teacher.map, tuple):
        gains = diagonal("teacher.map", study.teacher.map, min(sizes))
    assert isinstance(study.inputs, GaussianInputs)
    variances = diagonal("inputs.covariance", study.inputs.covariance, inputs)
    noise = diagonal("teacher.label_noise", study.teacher.label_noise, outputs)
    if gains is None or variances is None or noise is None:
        return None
    return {
        "variances": variances,
        "gains": gains,
        "label_noise": noise,
        **{
            name: np.broadcast_to(numbers[f"learning.{key}"], points)
            for name, key in (
                ("learning_rate", "rate"), ("weight_decay", "weight_decay"),
                ("batch", "batch"), ("minimum", "minimum"),
            )
        },
        "stimuli": {
            stimulus.name: stacked(f"stimulus.{index}.vector", len(stimulus.vector))
            for index, stimulus in enumerate(study.stimulus)
        } or {
            f"axis {axis + 1}": np.broadcast_to(row, (points, inputs))
            for axis, row in enumerate(constant * np.eye(inputs))
        },
    }  # fmt: skip

"""Which parameter moves which number: derivatives of numbers by parameters of a study.

Where the closed form applies and no parameter turns the shared axes they are derivatives of its
formulas, exact to rounding.  Else numbers are evaluated close by, on the road that applies, and
interpolated: exact to about 1e-9.  Exponents ``d ln(number) / d ln(parameter)`` have no unit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from symdrift.errors import RequestError
from symdrift.evaluation.closed_form import applies
from symdrift.evaluation.closed_form.changing_numbers import Changes, changing_numbers
from symdrift.evaluation.evaluate import evaluate
from symdrift.evaluation.interpolation import CONVERGED, interpolated_slopes
from symdrift.evaluation.parts import subspaces
from symdrift.evaluation.result import Evaluation, listed
from symdrift.memory import require_memory
from symdrift.records import Record
from symdrift.study.assignments import unchecked
from symdrift.study.number_changes import BATCH, number_changes, parameters
from symdrift.study.problem import Array, LearningProblem
from symdrift.study.study import Study
from symdrift.study.varied import diagonal_parts
from symdrift.tables import Row, Table, printed

COLUMNS = ("number", "value", "parameter", "parameter_value", "gradient", "exponent")
"""Of `Sensitivities.rows`."""
ROUNDING = {"closed-form": 1e-11, "interpolation": 1e-7}
"""Distance at which an exponent is taken for a whole number, by method."""

ROADS = {
    "closed-form": "from derivatives of the formulas",
    "interpolation": "interpolated between numbers close by",
}
"""What the methods are called."""
_LEFT_OUT = {"rank", "covariance", "mean_speed", "hessian_min", "hessian_max"}
_GROUPS = ("minimum", "fluctuation", "drift", "stimuli")


@dataclass(frozen=True, eq=False)
class Sensitivities(Record):
    """Derivatives of the numbers of a study by its parameters.

    Attributes
    ----------
    study : str
    method : {"closed-form", "interpolation"}
        Derivatives of the formulas, or of numbers evaluated close by.
    parameters : dict of str to float
        Values, by symbol or dotted field.
    numbers : dict of str to float
        Values, by dotted name; rates per SGD step.
    gradients : Array
        ``d number / d parameter``, shape ``(numbers, parameters)``; ``nan`` where there is none,
        as for a plane of equal singular values that a parameter parts.
    """

    behind = MappingProxyType({"exponents": "gradients"})

    study: str
    method: str
    parameters: dict[str, float]
    numbers: dict[str, float]
    gradients: Array

    def __post_init__(self) -> None:
        self.gradients.setflags(write=False)

    @property
    def exponents(self) -> Array:
        """``d ln(number) / d ln(parameter)``, ``nan`` where one of the two is zero.

        Those within `ROUNDING` of a whole number are it.
        """
        values = np.array(list(self.numbers.values()))[:, np.newaxis]
        at = np.array(list(self.parameters.values()))
        with np.errstate(divide="ignore", invalid="ignore"):
            found = np.where((values == 0) | (at == 0), np.nan, self.gradients * at / values)
        whole = np.round(found) + 0.0
        return np.where(np.abs(found - whole) < ROUNDING[self.method], whole, found)

    def exponent(self, number: str, parameter: str) -> float:
        """Exponent of one number by one parameter."""
        return float(self._at(self.exponents, number, parameter))

    def gradient(self, number: str, parameter: str) -> float:
        """Derivative of one number by one parameter."""
        return float(self._at(self.gradients, number, parameter))

    def _at(self, array: Array, number: str, parameter: str) -> Any:
        return array[list(self.numbers).index(number), list(self.parameters).index(parameter)]

    def to_dict(self) -> dict[str, Any]:
        """The JSON record: by number and then by parameter, None where there is no derivative."""
        *plain, gradients, exponents = self.written()
        record: dict[str, Any] = {name: getattr(self, name) for name in plain}
        for name in (gradients, exponents):
            record[name] = {
                number: {
                    parameter: value if np.isfinite(value) else None
                    for parameter, value in zip(self.parameters, row, strict=True)
                }
                for number, row in zip(self.numbers, getattr(self, name).tolist(), strict=True)
            }
        return record

    def rows(self) -> Iterator[Row]:
        """A row for each number and parameter, as for CSV."""
        for number, slopes, powers in zip(
            self.numbers.items(), self.gradients.tolist(), self.exponents.tolist(), strict=True
        ):
            for given, *found in zip(self.parameters.items(), slopes, powers, strict=True):
                known = (value if np.isfinite(value) else None for value in found)
                yield dict(zip(COLUMNS, (*number, *given, *known), strict=True))

    def shown(self, exponent: float) -> str:
        """An exponent with two digits; whole ones, which are exact, without decimals."""
        if not np.isfinite(exponent):
            return ""
        if exponent.is_integer():
            return str(int(exponent))
        return f"{exponent:.2f}" if abs(exponent) >= 0.01 else f"{exponent:.1g}"

    @property
    def explanation(self) -> str:
        """How exponents are read."""
        digits = "exactly" if self.method == "closed-form" else "to seven decimals"
        return (
            "With the exponent 2 one percent more of a parameter makes two percent more of a "
            "number, and twice the parameter four times the number, as far as the exponent stays "
            "the same; what has a negative one becomes less. Whole numbers without decimals hold "
            f"{digits}, at leading order in the learning rate."
        )

    def table(self) -> Table:
        """Exponents, a row for each number."""
        return Table(
            f"{self.study}: exponents by parameter, {ROADS[self.method]}",
            ("number", "value", *self.parameters),
            tuple(
                (name, printed(value), *map(self.shown, row))
                for (name, value), row in zip(
                    self.numbers.items(), self.exponents.tolist(), strict=True
                )
            ),
            self.explanation,
        )


def sensitivities(study: Study, names: Sequence[str] = ()) -> Sensitivities:
    """Derivatives of the numbers of a study by its parameters.

    Parameters
    ----------
    study : Study
        With a value for each symbol.
    names : sequence of str
        Parameters, see :func:`symdrift.study.number_changes.parameters`.

    Raises
    ------
    RequestError
        When a name is no number of the study, or the study is outside the theory.
    """
    problem = study.problem()
    chosen = parameters(study, names)
    evaluation = evaluate(problem)
    planes = len(evaluation.drift.planes)
    require_memory(
        "network",
        _ENTRY * planes * len(chosen),
        f"has {planes} planes, whose derivatives by {len(chosen)} parameters would need",
        "name fewer parameters",
    )
    changes = formula_changes(study, problem, list(chosen))
    if changes is None:
        return _interpolated(study, problem, evaluation, chosen)
    found, numbers = changing_numbers(problem, changes), _numbers(evaluation)
    return Sensitivities(
        study.name,
        "closed-form",
        chosen,
        {name: numbers[name] for name in found},
        np.array([each.change for each in found.values()]).reshape(len(found), len(chosen)),
    )


_ENTRY = 3 * 8
"""Bytes of one derivative, and of what it is made from."""


def formula_changes(study: Study, problem: LearningProblem, names: Sequence[str]) -> Changes | None:
    """Changes of a network with parameters of its study.

    Parameters
    ----------
    study : Study
    problem : LearningProblem
        Of the study.
    names : sequence of str
        Parameters.

    Returns
    -------
    Changes or None
        None where the closed form does not apply, or its axes may turn.
    """
    if applies(problem) is not None or not study.inputs.gaussian:
        return None
    moved = number_changes(study, names)
    outputs, inputs = problem.teacher.shape
    changes = diagonal_parts(study, moved, len(names), (inputs, outputs), constant=0.0)
    covariance, teacher = problem.input_covariance, problem.teacher
    on_axes = all(
        np.count_nonzero(matrix) == np.count_nonzero(np.diagonal(matrix))
        for matrix in (covariance, teacher)
    )
    if changes is None or np.any(moved["learning.synaptic_noise"]):
        return None
    # Axes of their own do not turn with what is the same for all of them.
    shared = (changes["variances"], changes["label_noise"])
    if not on_axes and (
        np.any(changes["gains"]) or any(np.ptp(each, axis=1).any() for each in shared)
    ):
        return None
    del changes["minimum"]
    changes["gains"] = changes["gains"] * np.where(np.diagonal(teacher) < 0, -1.0, 1.0)
    return Changes(**changes)


def _numbers(evaluation: Evaluation) -> dict[str, float]:
    """Numbers that have derivatives, by dotted name."""
    return {
        each.column: float(each.value)
        for each in listed(evaluation)
        if each.group in _GROUPS and each.name not in _LEFT_OUT
    }


def _interpolated(
    study: Study, problem: LearningProblem, evaluation: Evaluation, chosen: dict[str, float]
) -> Sensitivities:
    """Derivatives by logarithms of parameters, by those themselves where they are zero."""
    numbers = _numbers(evaluation)
    values = np.array(list(chosen.values()))
    sizes = np.where(values == 0, 1.0, np.abs(values))
    signs = np.where(values < 0, -1.0, 1.0)

    def at(node: Array) -> list[float]:
        try:
            place = np.where(values == 0, node, signs * sizes * np.exp(node))
            moved = _moved(study, problem, chosen, place)
            found = _numbers(evaluate(moved))
        except RequestError:
            found = {}
        return [found.get(name, np.nan) for name in numbers]

    # Variances and rates that are zero cannot be less.
    boxes = np.array([[0.0 if value == 0 else -1.0, 1.0] for value in values]).reshape(-1, 2)
    slopes, left = interpolated_slopes(
        lambda nodes: np.array([at(node) for node in nodes]).reshape(len(nodes), len(numbers)),
        np.zeros(len(values)),
        boxes,
        range(len(values)),
    )
    slopes = np.where(left <= _ROUGH, slopes, np.nan) / np.where(values == 0, 1.0, values)
    # Hidden axes of equal singular values have no names of their own.
    runs = [range(run.start, run.stop) for run in subspaces(evaluation.minimum.singular_values)]
    tied = {str(axis + 1) for run in runs if len(run) > 1 for axis in run}
    for row, name in enumerate(numbers):
        of = set(name.rpartition(".")[2].split("-"))
        if name.startswith(("drift.", "minimum.singular")) and tied & of:
            slopes[row] = np.nan
    return Sensitivities(study.name, "interpolation", chosen, numbers, slopes)


_ROUGH = 10 * CONVERGED
"""What a polynomial may leave out where the interval was halved as often as it may be; a slope that
is known less well is none."""


def _moved(
    study: Study, problem: LearningProblem, chosen: dict[str, float], place: Array
) -> LearningProblem:
    """The problem at other values of its parameters; a batch may be no whole number."""
    changed = {
        name: float(value)
        for (name, own), value in zip(chosen.items(), place, strict=True)
        if value != own
    }
    batch = study.numbers[BATCH]
    values = {name: value.evaluate({}) for name, value in study.values.items()}
    size = changed.pop(BATCH, None)
    if size is None:
        size = batch.evaluate(values | changed)
    moved = unchecked(study, changed).problem() if changed else problem
    return replace(moved, batch=size)  # type: ignore[arg-type]

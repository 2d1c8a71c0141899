"""What an evaluation returns, whichever road computed it: a record, flat records, tables.

Every rate is per SGD step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, NamedTuple

from symdrift.evaluation.corrections import (
    Correction,
    Corrections,
    IndependentDriftCorrections,
    change_and_later,
)
from symdrift.evaluation.lifetimes import (
    Lifetime,
    TimeErrors,
    days_record,
    lifetime,
    lifetimes_table,
)
from symdrift.evaluation.parts import Drift, Fluctuation, IndependentDrift, Minimum, StimulusDrift
from symdrift.evaluation.validity import MEANINGS, Validity, at_most_off, with_expected_error
from symdrift.inputs import input_facts
from symdrift.records import Record
from symdrift.study.problem import Array
from symdrift.tables import Table, html_page, printed, record_table

QUANTITIES = ("all", "stimuli")

SIGNS = (
    "A positive mean rotation of plane i, j turns hidden axis j towards i; the sign of an axis "
    "makes the largest component of its right singular vector positive."
)
"""What the sign of a mean rotation means."""

_EXPECTED = (
    "In brackets the expected error: by how much the next order in the learning rate changes the "
    "number, and what later orders are expected to, which grow towards the critical rate."
)

_ONLY_FLUCTUATES = (
    "Where a squared norm is 0 nothing of the stimulus is learned; what fluctuates there is among "
    "the activities that observe prints."
)

_UNKNOWN = (
    "Numbers have no expected error here, which is that of the next order in the learning rate: it "
    "was left out, is not known, or takes more than a second (--order 2)."
)

UNITS = {
    ("drift", "covariance"): "rad^2/step",
    ("drift", "diffusion"): "rad^2/step",
    ("drift", "mean_rotation"): "rad/step",
    ("stimuli", "diffusion"): "1/step",
    ("stimuli", "decay_rate"): "1/step",
    ("stimuli", "mean_speed"): "1/step",
}
"""Of rates, by group and name."""


class Quantity(NamedTuple):
    """One number of an evaluation, and what it belongs to where there are several of its kind."""

    group: str
    name: str
    value: float
    of: str = ""
    label: str = ""

    @property
    def column(self) -> str:
        """Dotted name."""
        if self.of == "stimulus":
            return f"{self.group}.{self.label}.{self.name}"
        return f"{self.group}.{self.name}" + (f".{self.label}" if self.label else "")

    @property
    def unit(self) -> str:
        """Unit; none where it is that of the study, or a plain number."""
        return UNITS.get((self.group, self.name), "")


@dataclass(frozen=True, eq=False)
class Evaluation(Record):
    """Every number of one study at one set of parameters.

    Attributes
    ----------
    study : str
    method : {"closed-form", "dense"}
        The road that was taken.
    approximation : {"exact", "white"}
    parameters : dict
        What was evaluated, by name, in plain Python types.
    minimum : Minimum
    fluctuation : Fluctuation
    drift : Drift
        By plane of the hidden layer, per SGD step; computed when it is asked for where
        stimuli were evaluated alone.
    decay_matrix : Array
        ``Delta = -1/2 sum V_kk' Omega_k Omega_k'`` on the active hidden axes, shape
        ``(rank, rank)``, per step.
    mean_rotation : Array
        ``sum mu_k Omega_k``, shape ``(rank, rank)``, per step.
    stimuli : tuple of StimulusDrift
        By stimulus of the study, per SGD step.
    validity : Validity
        What the leading order assumes to be small, and the critical rate.
    warnings : tuple of str
        Where leading-order results are doubtful.
    quantities : {"all", "stimuli"}
        Whether records and tables list the planes of the hidden layer; where they do not, the
        record has the two matrices.
    next_order : Corrections or None
        What the numbers are corrected by at the next order in the learning rate.
    steps_per_day : float or None
        Where it is known tables have days, and the record a block of times in days.
    """

    behind = MappingProxyType(
        {"hidden_layer": "drift", "days": "stimuli", "next_order": "validity"}
    )
    unwritten = ("decay_matrix", "mean_rotation", "quantities", "steps_per_day")

    study: str
    method: str
    approximation: str
    parameters: dict[str, Any]
    minimum: Minimum
    fluctuation: Fluctuation
    drift: Drift
    decay_matrix: Array
    mean_rotation: Array
    stimuli: tuple[StimulusDrift, ...]
    validity: Validity
    warnings: tuple[str, ...]
    quantities: str = "all"
    next_order: Corrections | None = None
    steps_per_day: float | None = None

    def __post_init__(self) -> None:
        self.decay_matrix.setflags(write=False)
        self.mean_rotation.setflags(write=False)

    @property
    def hidden_layer(self) -> dict[str, Array]:
        """How the hidden layer turns, without its planes."""
        return {"decay_matrix": self.decay_matrix, "mean_rotation": self.mean_rotation}

    @property
    def lifetimes(self) -> tuple[Lifetime, ...]:
        """How long representations last, by stimulus, in SGD steps."""
        return tuple(map(lifetime, self.stimuli))

    @property
    def days(self) -> dict[str, Any]:
        """The same in days."""
        return days_record(self.lifetimes, self.steps_per_day or 1.0, _of_times(self))

    def with_full_covariance(self) -> Evaluation:
        """The same with the covariance of rotations as a matrix where it is diagonal too.

        Its record makes the rows of that matrix when they are asked for: ``json.dumps`` takes it
        with ``default=list``.
        """
        drift, found = self.drift, self.next_order
        if not isinstance(drift, IndependentDrift):
            return self
        if found is not None and isinstance(found.drift, IndependentDriftCorrections):
            found = replace(found, drift=found.drift.full())
        return replace(self, drift=drift.full(), next_order=found)

    def written(self) -> tuple[str, ...]:
        """By plane or as two matrices, days and corrections where there are any."""
        left_out = {"hidden_layer" if self.quantities == "all" else "drift"}
        if self.steps_per_day is None:
            left_out.add("days")
        if self.next_order is None:
            left_out.add("next_order")
        return tuple(name for name in super().written() if name not in left_out)

    def expected_error(self, column: str, share: float = 1.0) -> float:
        """Relative error of a number; numbers that are zero have none.

        By the next order and what those after it add (`Corrections.errors`), or how large it may
        be where that is not known (`Validity.expected_error`).

        Parameters
        ----------
        column : str
            Dotted name.
        share : float
            At so many times the learning rate of the evaluation.
        """
        if self.next_order is None:
            return self.validity.at(share).expected_error
        errors = self.errors if share == 1 else self._errors_at(share)
        return errors.get(column, 0.0)

    @cached_property
    def errors(self) -> dict[str, float]:
        """Expected errors by dotted name, where the next order is known."""
        return self._errors_at(1.0)

    def _errors_at(self, share: float) -> dict[str, float]:
        found, rate = self.next_order, share * self.parameters["learning_rate"]
        if found is None:
            return {}
        # Beyond the range of numbers a rotation is zero here that is not in its next order.
        zero = {number.column for number in _leading(self) if number.value == 0}
        errors = found.errors(rate, self.validity.at(share))
        return {column: error for column, error in errors.items() if column not in zero}

    def _repr_html_(self) -> str:
        return html_page(evaluation_head(self), evaluation_tables(self), self.warnings)


def listed(evaluation: Evaluation) -> Iterator[Quantity]:
    """Every number of an evaluation, in the order of the theory, and then their corrections.

    Of the covariance of rotations only the diagonal is listed, by plane (``1-2``).
    """
    found = dict(evaluation.next_order.listed()) if evaluation.next_order else {}
    corrections = []
    for number in _leading(evaluation):
        yield number
        if number.column in found:
            group, correction = f"next_order.{number.group}", found[number.column]
            corrections.append(number._replace(group=group, value=correction))
    yield from corrections


def _leading(evaluation: Evaluation) -> Iterator[Quantity]:
    minimum, drift = evaluation.minimum, evaluation.drift
    for name in ("rank", "loss", "hessian_min", "hessian_max"):
        yield Quantity("minimum", name, getattr(minimum, name))
    for index, value in enumerate(minimum.singular_values.tolist(), start=1):
        yield Quantity("minimum", "singular_values", value, "hidden_axis", str(index))
    for group in ("fluctuation", "validity"):
        for name, value in getattr(evaluation, group).to_dict().items():
            yield Quantity(group, name, value)
    if evaluation.quantities == "all":
        planes = [f"{i}-{j}" for i, j in drift.planes]
        for name, values in drift.by_plane.items():
            for plane, value in zip(planes, values.tolist(), strict=True):
                yield Quantity("drift", name, value, "plane", plane)
    for stimulus in evaluation.stimuli:
        for name, value in stimulus.to_dict().items():
            if name != "name":
                yield Quantity("stimuli", name, value, "stimulus", stimulus.name)


def quantities(evaluation: Evaluation) -> dict[str, float]:
    """Every number of an evaluation by a dotted name, as :func:`listed`."""
    return {quantity.column: quantity.value for quantity in listed(evaluation)}


def evaluation_head(evaluation: Evaluation) -> str:
    """What was evaluated, and how, in a line."""
    return (
        f"{evaluation.study}: {evaluation.method} method, {evaluation.approximation} statistics; "
        "rates per SGD step"
    )


def evaluation_tables(evaluation: Evaluation) -> list[Table]:
    """Tables of one evaluation: inputs, minimum and fluctuation, planes, stimuli."""
    # A single unit turns in no plane.
    by_plane = evaluation.quantities == "all" and len(evaluation.drift.planes) > 0
    cell = _cells(evaluation)
    return [
        *_inputs_table(evaluation),
        _overview_table(evaluation, cell),
        *_minima_table(evaluation),
        *([_drift_table(evaluation.drift, cell)] if by_plane else []),
        record_table(
            "Drift by stimulus",
            _with_units(
                "stimuli",
                name="stimulus",
                squared_norm="squared norm",
                diffusion="diffusion",
                decay_rate="decay rate",
                mean_speed="mean speed",
            ),
            (
                {
                    name: cell(value, f"stimuli.{stimulus.name}.{name}")
                    for name, value in stimulus.to_dict().items()
                }
                for stimulus in evaluation.stimuli
            ),
            caption=" ".join(_of_stimuli(evaluation)),
        ),
        lifetimes_table(evaluation.lifetimes, evaluation.steps_per_day, _of_times(evaluation)),
        _validity_table(evaluation),
    ]


def _of_stimuli(evaluation: Evaluation) -> Iterator[str]:
    """What is said below their table."""
    if evaluation.next_order:
        yield _EXPECTED
    if any(stimulus.squared_norm == 0 for stimulus in evaluation.stimuli):
        yield _ONLY_FLUCTUATES


def _validity_table(evaluation: Evaluation) -> Table:
    """The numbers that should be small, and where SGD becomes unstable."""
    validity = evaluation.validity
    return Table(
        "How far this holds",
        ("what should be small", "value"),
        (
            *((meaning, f"{getattr(validity, name):.2g}") for name, meaning in MEANINGS.items()),
            (
                f"learning rate over the critical rate {printed(validity.critical_rate)}",
                validity.share,
            ),
        ),
        ""
        if evaluation.next_order
        else f"{_UNKNOWN} By the numbers above it may be {at_most_off(validity.expected_error)}, "
        "and more where leading terms nearly cancel.",
    )


def _of_times(evaluation: Evaluation) -> TimeErrors:
    """Expected errors of lifetimes by stimulus, where the next order is known."""
    following = evaluation.next_order
    if following is None:
        return {}

    def error(correction: Correction) -> float:
        if correction is None:
            return 0.0
        rate = evaluation.parameters["learning_rate"]
        return change_and_later(correction, rate, evaluation.validity)

    return {
        item.name: {"decay_time": error(item.decay_rate), "turning_time": error(item.turning_rate)}
        for item in following.stimuli
    }


def _cells(evaluation: Evaluation) -> Callable[[object, str], str]:
    """How a number is shown: in brackets its expected error, where the next order is known."""

    def cell(value: object, column: str) -> str:
        error = evaluation.expected_error(column) if evaluation.next_order else 0.0
        return with_expected_error(value, error)

    return cell


def _inputs_table(evaluation: Evaluation) -> Iterator[Table]:
    """What was read, and which share of the inputs is their mean, where they are data."""
    record = evaluation.parameters["input_distribution"]
    facts = list(input_facts(record))
    if facts:
        file = [("file", record["file"])] if "file" in record else []
        yield Table("Inputs", ("what", "value"), (*file, *facts))


def _overview_table(evaluation: Evaluation, cell: Callable[[object, str], str]) -> Table:
    minimum, fluctuation = evaluation.minimum, evaluation.fluctuation
    certificate = minimum.certificate
    left = (
        ()
        if certificate is None
        else (
            ("gradient left, relative", certificate.gradient_norm),
            ("duality gap, relative", certificate.duality_gap),
            ("next best stationary point, relative", certificate.runner_up),
        )
    )
    return Table(
        "Minimum and fluctuation",
        ("quantity", "value"),
        (
            ("rank", str(minimum.rank)),
            ("singular values", ", ".join(map(printed, minimum.singular_values))),
            ("loss at the minimum", cell(minimum.loss, "minimum.loss")),
            ("smallest normal Hessian eigenvalue", printed(minimum.hessian_min)),
            ("largest Hessian eigenvalue", printed(minimum.hessian_max)),
            *((name, f"{value:.1g}") for name, value in left if value is not None),
            (
                "weight variance, tr Gamma",
                cell(fluctuation.weight_variance, "fluctuation.weight_variance"),
            ),
            ("excess loss", cell(fluctuation.excess_loss, "fluctuation.excess_loss")),
        ),
    )


def _minima_table(evaluation: Evaluation) -> Iterator[Table]:
    """The strict minimum of the evaluation among the others, where there are any."""
    minimum = evaluation.minimum
    if not minimum.others:
        return
    rows = [
        (other.number, other.singular_values, ", ".join(map(str, other.input_axes)), other.loss)
        for other in minimum.others
    ]
    rows.append((minimum.number, minimum.singular_values, "this one", minimum.loss))
    yield Table(
        "Strict minima in the order of losses",
        ("number", "singular values", "along input axes", "loss"),
        tuple(
            (str(number), ", ".join(map(printed, values)), axes, printed(loss))
            for number, values, axes, loss in sorted(rows, key=lambda row: row[0])
        ),
    )


def _drift_table(drift: Drift, cell: Callable[[object, str], str]) -> Table:
    columns = _with_units(
        "drift",
        plane="plane",
        covariance="variance V",
        diffusion="diffusion V/2",
        mean_rotation="mean rotation",
    )
    # Each is made whenever it is asked for.
    by_plane = drift.by_plane
    return record_table(
        "Drift by plane of the hidden layer",
        columns,
        (
            {"plane": f"{i}, {j}"}
            | {
                name: cell(values[place], f"drift.{name}.{i}-{j}")
                for name, values in by_plane.items()
            }
            for place, (i, j) in enumerate(drift.planes)
        ),
        caption=SIGNS if drift.mean_rotation.any() else "",
    )


def _with_units(group: str, **headings: str) -> dict[str, str]:
    """Headings of a group's columns, the unit of rates below them."""
    return {
        name: f"{heading}\n{UNITS[group, name]}" if (group, name) in UNITS else heading
        for name, heading in headings.items()
    }

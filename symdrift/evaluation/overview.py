"""An evaluation as flat records and as tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from symdrift.evaluation.lifetimes import lifetimes_table
from symdrift.evaluation.validity import MEANINGS, percent_off
from symdrift.inputs import input_facts
from symdrift.tables import Table, html_page, printed, record_table

if TYPE_CHECKING:
    from symdrift.evaluation.result import Drift, Evaluation

SIGNS = (
    "A positive mean rotation of plane i, j turns hidden axis j towards i; the sign of an axis "
    "makes the largest component of its right singular vector positive."
)
"""What the sign of a mean rotation means."""

_EXPECTED = (
    "In brackets the expected error: by how much the next order in the learning rate changes the "
    "number, and what later orders are expected to, which grow towards the critical rate."
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
        for name, values in (
            ("covariance", drift.variances),
            ("diffusion", drift.diffusion),
            ("mean_rotation", drift.mean_rotation),
        ):
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


def evaluation_html(evaluation: Evaluation) -> str:
    """Tables of an evaluation, and its warnings."""
    return html_page(
        evaluation_head(evaluation), evaluation_tables(evaluation), evaluation.warnings
    )


def evaluation_tables(evaluation: Evaluation) -> list[Table]:
    """Tables of one evaluation: inputs, minimum and fluctuation, planes, stimuli."""
    by_plane = evaluation.quantities == "all"
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
            caption=_EXPECTED if evaluation.next_order else "",
        ),
        lifetimes_table(evaluation.lifetimes, evaluation.steps_per_day),
        _validity_table(evaluation),
    ]


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
        else f"{_UNKNOWN} By the numbers above it may be up to "
        f"{percent_off(validity.expected_error)}.",
    )


def _cells(evaluation: Evaluation) -> Callable[[object, str], str]:
    """How a number is shown: in brackets its expected error, where the next order is known."""

    def cell(value: object, column: str) -> str:
        error = evaluation.expected_error(column) if evaluation.next_order else 0.0
        return printed(value) + (f" ({percent_off(error)})" if error else "")

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
        ("quantity", "value", "unit"),
        (
            ("rank", str(minimum.rank), ""),
            ("singular values", ", ".join(map(printed, minimum.singular_values)), ""),
            ("loss at the minimum", cell(minimum.loss, "minimum.loss"), ""),
            ("smallest normal Hessian eigenvalue", printed(minimum.hessian_min), ""),
            ("largest Hessian eigenvalue", printed(minimum.hessian_max), ""),
            *((name, f"{value:.1g}", "") for name, value in left if value is not None),
            (
                "weight variance, tr Gamma",
                cell(fluctuation.weight_variance, "fluctuation.weight_variance"),
                "",
            ),
            ("excess loss", cell(fluctuation.excess_loss, "fluctuation.excess_loss"), ""),
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
        covariance="covariance V",
        diffusion="diffusion V/2",
        mean_rotation="mean rotation",
    )
    numbers = {name: getattr(drift, name) for name in ("diffusion", "mean_rotation")}
    numbers = {"covariance": drift.variances, **numbers}
    return record_table(
        "Drift by plane of the hidden layer",
        columns,
        (
            {"plane": f"{i}, {j}"}
            | {
                name: cell(values[place], f"drift.{name}.{i}-{j}")
                for name, values in numbers.items()
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

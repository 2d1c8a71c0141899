"""Rates of studies side by side, whatever their learning rules: in one table, per SGD step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from symdrift.errors import RequestError
from symdrift.evaluation.evaluate import evaluate_study
from symdrift.observables.layer_rates import (
    EXPECTED,
    UNITS,
    Rate,
    layer_rates,
    mean_decay,
    rate_cell,
    steady_rotation,
)
from symdrift.precision import double_precision
from symdrift.progress import log_stage
from symdrift.records import Record
from symdrift.study import Study
from symdrift.tables import Row, Table, record_table

_NONE = Rate(0.0)
"""In the place of what a study has not."""


@dataclass(frozen=True)
class RateRow(Record):
    """One rate of every study, and the error expected of each.

    A rate is ``None`` where a study has no such plane or stimulus; for an error see `Rate`.
    """

    quantity: str
    name: str
    rates: tuple[float | None, ...]
    expected_errors: tuple[float | None, ...]


@dataclass(frozen=True)
class SideBySide(Record):
    """Rates of several studies.

    Attributes
    ----------
    studies, rules : tuple of str
        Names, and what each learns by.
    rows : tuple of RateRow
        Hidden axes are numbered within each study.
    warnings : tuple of str
        With the name of the study that they are of.
    """

    studies: tuple[str, ...]
    rules: tuple[str, ...]
    rows: tuple[RateRow, ...]
    warnings: tuple[str, ...]


@double_precision()
def side_by_side(studies: Sequence[Study]) -> SideBySide:
    """Rates of studies, each by its own learning rule, at leading order.

    Parameters
    ----------
    studies : sequence of Study
        At least two.

    Raises
    ------
    RequestError
        When there are fewer, or one of them cannot be evaluated; the sentence names it.
    """
    if len(studies) < 2:
        raise RequestError("studies", f"are {len(studies)}; two or more stand side by side")
    evaluations = []
    for study in studies:
        log_stage(f"evaluating {study.name}")
        try:
            evaluations.append(evaluate_study(study, order=None))
        except RequestError as problem:
            raise RequestError(
                "studies", f"cannot all be evaluated: {study.name}: {problem}"
            ) from None
    layers = [layer_rates(each) for each in evaluations]
    columns: list[dict[tuple[str, str], Rate]] = []
    for each in layers:
        column = {
            ("mean decay rate", "hidden axes"): mean_decay(each),
            ("steady rotation", "fastest plane"): steady_rotation(each),
        }
        for kind, part in (("rotation variance", "planes"), ("decay rate", "stimuli")):
            for layer in each:
                column |= {(kind, name): rate for name, rate in getattr(layer, part).items()}
        columns.append(column)
    places = dict.fromkeys(place for column in columns for place in column)
    kinds = ("mean decay rate", "steady rotation", "rotation variance", "decay rate")

    def row(place: tuple[str, str]) -> RateRow:
        found = [column.get(place, _NONE) for column in columns]
        return RateRow(
            *place,
            tuple(None if rate is _NONE else rate.value for rate in found),
            tuple(rate.expected_error for rate in found),
        )

    return SideBySide(
        tuple(study.name for study in studies),
        tuple(study.learning.rule for study in studies),
        tuple(map(row, sorted(places, key=lambda place: kinds.index(place[0])))),
        tuple(
            f"{study.name}: {warning}"
            for study, each in zip(studies, evaluations, strict=True)
            for warning in each.warnings
        ),
    )


def beside_rows(beside: SideBySide) -> tuple[tuple[str, ...], Iterator[Row]]:
    """Columns, and one row per rate with a cell for each study."""
    columns = _columns(beside)
    return ("quantity", "name", *columns), (
        {"quantity": row.quantity, "name": row.name} | dict(zip(columns, row.rates, strict=True))
        for row in beside.rows
    )


def beside_table(beside: SideBySide) -> Table:
    """Rates of all studies, a column for each."""
    columns = _columns(beside)
    rules = zip(columns, beside.rules, strict=True)
    return record_table(
        "Rates side by side",
        {"quantity": "quantity", "name": "of"} | {c: f"{c}\n{rule}" for c, rule in rules},
        (
            {"quantity": f"{row.quantity}, {UNITS.get(row.quantity, '1/step')}"}
            | {"name": f"plane {row.name}" if row.quantity == "rotation variance" else row.name}
            | {
                column: "" if rate is None else rate_cell(Rate(rate, error))
                for column, rate, error in zip(columns, row.rates, row.expected_errors, strict=True)
            }
            for row in beside.rows
        ),
        caption=EXPECTED if any(any(row.expected_errors) for row in beside.rows) else "",
    )


def _columns(beside: SideBySide) -> list[str]:
    """Names of the studies, numbered where they are the same."""
    return [
        f"{name} {place + 1}" if beside.studies.count(name) > 1 else name
        for place, name in enumerate(beside.studies)
    ]

"""A study beside its counterparts, for its report: what is compared, and the tables."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import groupby, islice
from operator import itemgetter

from symdrift.documents.number_tables import number
from symdrift.documents.numbers import Cell, Table
from symdrift.errors import RequestError
from symdrift.evaluation.validity import error_cell
from symdrift.observables.compare import (
    DriftComparison,
    RatePair,
    SynapticComparison,
    exponent,
    isotropic_comparison,
    synaptic_comparison,
)
from symdrift.records import Record
from symdrift.study.problem import LearningProblem
from symdrift.typesetting.reading import read

_MOST_ROWS = 10
_ERROR = "error"
_MEANT = "what the leading order is expected to be off by at the learning rate of the study"


@dataclass(frozen=True)
class Comparisons(Record):
    """Synaptic noise and isotropic inputs beside the gradient noise of a study.

    ``isotropic`` is None where isotropic inputs leave the task no strict minimum.
    """

    synaptic: SynapticComparison
    isotropic: DriftComparison | None


def compare(problem: LearningProblem) -> Comparisons | None:
    """The comparisons of a report; None for a hidden layer that cannot rotate.

    Synaptic noise of the study itself is left out of all, so that they can stand side by side.
    """
    isotropic = None
    with suppress(RequestError):
        isotropic = isotropic_comparison(replace(problem, synaptic_noise=0.0))
    try:
        return Comparisons(synaptic_comparison(problem), isotropic)
    except RequestError:
        return None


def comparison_tables(comparisons: Comparisons) -> Iterator[Table]:
    """Rates side by side, and how the two kinds of noise scale."""
    synaptic = comparisons.synaptic
    heads = synaptic.comparison.study, synaptic.comparison.counterpart
    yield _side_by_side(
        f"{heads[0].capitalize()} beside noise on the synapses themselves, of the variance at "
        "which both have the same mean decay rate. Planes and stimuli, per step",
        ("quantity", heads[0], _ERROR, heads[1], "ratio"),
        (
            ("variance added to each weight", "", "", number(synaptic.synaptic_variance), ""),
            *_rows(synaptic.comparison),
        ),
    )
    yield Table(
        "Mean decay rate by either noise at leading order in the learning rate: exponent with "
        "which it answers to a parameter"
        + (", and its value in isotropic networks of other sizes." if synaptic.sizes else "."),
        ("quantity", *heads),
        (
            *(
                (
                    f"exponent of the {row.parameter}",
                    read(exponent(row.gradient)),
                    read(exponent(row.synaptic)),
                )
                for row in synaptic.scaling
            ),
            *(
                (
                    f"rate with {row.inputs} inputs, {row.hidden} hidden units",
                    number(row.gradient),
                    number(row.synaptic),
                )
                for row in synaptic.sizes
            ),
        ),
    )
    if comparisons.isotropic is not None:
        yield _side_by_side(
            "The inputs of the study beside isotropic Gaussian inputs of equal total variance: "
            f"rates by {heads[0]}, per step",
            ("quantity", "study", _ERROR, "isotropic inputs", _ERROR, "ratio"),
            tuple(_rows(comparisons.isotropic, both=True)),
        )


def _side_by_side(caption: str, head: tuple[str, ...], rows: tuple[tuple[Cell, ...], ...]) -> Table:
    """Rates with their expected errors, or without a column of these where none is known."""
    errors = [place for place, title in enumerate(head) if title == _ERROR]
    if any(row[place] for row in rows for place in errors):
        return Table(f"{caption}; the error is {_MEANT}.", head, rows)
    kept = [place for place in range(len(head)) if place not in errors]
    return Table(
        f"{caption}, at leading order in the learning rate.",
        tuple(head[place] for place in kept),
        tuple(tuple(row[place] for place in kept) for row in rows),
    )


_CALLED = {
    "mean decay rate": "mean decay rate",
    "steady rotation": "fastest steady rotation, rad",
    "rotation variance": "rotation variance, plane ({})",
    "decay rate": "decay rate of “{}”",
}
"""Kinds of rates, with room for what one is of."""


def _rows(comparison: DriftComparison, *, both: bool = False) -> Iterator[tuple[Cell, ...]]:
    """Rates with the expected error of the first, or of both."""
    for kind, pairs in groupby(comparison.rows(), key=itemgetter(0)):
        for _, pair in islice(pairs, _MOST_ROWS):
            yield _row(_CALLED[kind].format(pair.name), pair, both=both)


def _row(quantity: str, pair: RatePair, *, both: bool) -> tuple[Cell, ...]:
    ratio: Cell = "" if pair.ratio is None else number(pair.ratio, 4)
    other: list[Cell] = [number(pair.counterpart)]
    if both:
        other.append(_off(pair.counterpart_expected_error))
    return quantity, number(pair.study), _off(pair.study_expected_error), *other, ratio


def _off(error: float | None) -> str:
    return error_cell(error)

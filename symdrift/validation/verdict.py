"""What a validation says: tables of theory beside simulation, and what decides."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from symdrift.quoting import printable
from symdrift.tables import Table, record_table
from symdrift.validation.judgement import MATTERING_MISS, Verdict
from symdrift.validation.rows import ExtrapolatedRow, Row

AnyRow = TypeVar("AnyRow", Row, ExtrapolatedRow)

_MEASURED = {
    "quantity": "quantity",
    "theory": "theory",
    "simulation": "simulation",
    "standard_error": "standard error",
}
"""Headings of what both tables of a validation begin with."""

AGREED, DISAGREED = "theory and simulation agree", "theory and simulation disagree"

MATTERING = f"{100 * MATTERING_MISS:g} %"

MOST_NAMES = 6
"""Quantities that one sentence names."""


def objection(verdict: Verdict, doubts: str) -> str | None:
    """Why theory and simulation do not agree, if they do not; ``doubts`` if that is undecided."""
    if verdict is Verdict.UNDECIDED:
        return f"undecided: {doubts}"
    return DISAGREED if verdict is Verdict.DISAGREE else None


def doubts(
    rows: Iterable[AnyRow],
    undecided: Sequence[str],
    is_missed: Callable[[AnyRow], bool],
    missed: str,
    vague: str,
) -> str:
    """Of what nothing is decided, and why.

    Parameters
    ----------
    rows, undecided, is_missed
        Of a validation or an extrapolation.
    missed, vague : str
        What is said of the undecided quantities that are missed by more than standard errors
        explain, and of the others, with braces in the place of their names.
    """
    parted = zip(_parted(rows, undecided, is_missed), (missed, vague), strict=True)
    return "; ".join(said.format(_listed(names)) for names, said in parted if names)


def _parted(
    rows: Iterable[AnyRow], undecided: Sequence[str], is_missed: Callable[[AnyRow], bool]
) -> tuple[list[str], list[str]]:
    """Undecided quantities that are missed by more than standard errors explain, and the others."""
    missed: list[str] = []
    vague: list[str] = []
    for row in rows:
        if row.quantity in undecided:
            (missed if is_missed(row) else vague).append(row.quantity)
    return missed, vague


def _listed(names: Sequence[str]) -> str:
    """Names, the first few of many."""
    shown = ", ".join(map(printable, names[:MOST_NAMES]))
    rest = len(names) - MOST_NAMES
    return shown if rest <= 0 else f"{shown} and {rest} more"


def validation_table(rows: Iterable[Row]) -> Table:
    """Theory beside simulation at one learning rate."""
    return record_table(
        "Theory and simulation",
        _MEASURED | {"z": "z", "ratio": "ratio"},
        (row.to_dict() for row in rows),
        {"z": ".2f", "ratio": ".4f"},
    )


def extrapolation_table(rows: Iterable[ExtrapolatedRow]) -> Table:
    """Theory beside simulation at the study's learning rate, and the ratio at rate zero."""

    def cells(row: ExtrapolatedRow) -> dict[str, object]:
        ratio, slope, predicted = row.ratio, row.slope, row.predicted_slope
        own = None if ratio is None else row.of_ratio
        return row.measured.to_dict() | {
            "limit": None if ratio is None else f"{ratio.value:.4f} ± {ratio.standard_error:.4f}",
            "z": row.z,
            "slope": None
            if own is None or slope is None
            else f"{own * slope.value:.2g} ± {abs(own) * slope.standard_error:.1g}",
            "predicted": None if own is None or predicted is None else own * predicted,
        }

    return record_table(
        "Theory and simulation",
        _MEASURED
        | {"ratio": "ratio", "limit": "ratio at 0", "z": "z", "slope": "slope of the ratio"}
        | {"predicted": "by theory"},
        map(cells, rows),
        {"standard_error": ".2g", "ratio": ".4f", "z": ".2f", "predicted": ".2g"},
    )

"""What a validation says: tables of theory beside simulation, and what decides."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from symdrift.quoting import printable
from symdrift.tables import Table, record_table, short, with_error
from symdrift.validation.judgement import MATTERING_MISS, TOLERATED_ERRORS, Verdict
from symdrift.validation.rows import READ_OFF, ExtrapolatedRow, Row

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

SHOWN_ONLY = "shown only"
"""Said of a row that decides nothing."""


def decides(row: AnyRow, verdict: Verdict, missed: bool) -> bool:
    """Whether a row has a part in the verdict; without one is what is `READ_OFF` and not known.

    Parameters
    ----------
    row : Row or ExtrapolatedRow
    verdict : Verdict
        Of the row.
    missed : bool
        Whether standard errors alone do not explain its deviation.
    """
    return verdict is not Verdict.UNDECIDED or missed or not row.quantity.startswith(READ_OFF)


def rows_that_decide(shown: Sequence[str]) -> str:
    """The end of a rule: which rows decide, and which are shown only."""
    if not shown:
        return "every row decides"
    return (
        f"every row decides but {listed(shown)}, read off the representations and not known to "
        f"{MATTERING}: {SHOWN_ONLY}"
    )


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
    return "; ".join(said.format(listed(names)) for names, said in parted if names)


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


def listed(names: Sequence[str]) -> str:
    """Names, the first few of many."""
    shown = ", ".join(map(printable, names[:MOST_NAMES]))
    rest = len(names) - MOST_NAMES
    return shown if rest <= 0 else f"{shown} and {rest} more"


def validation_table(rows: Iterable[Row], said: Callable[[Row], str]) -> Table:
    """Theory beside simulation at one learning rate, and what is said of each row.

    Deviations are from the theory with its next order, a column of its own where that is known.
    """
    rows = tuple(rows)
    known = any(row.predicted is not None for row in rows)
    judged = {"predicted": "with next order", "predicted_z": "z from it"}
    return record_table(
        "Theory and simulation",
        _MEASURED
        | {"ratio": "ratio"}
        | (judged if known else {"predicted_z": "z"})
        | {"said": "verdict"},
        (row.to_dict() | {"said": said(row)} for row in rows),
        {"predicted_z": ".2f", "ratio": ".4f"},
    )


def extrapolation_table(
    rows: Iterable[ExtrapolatedRow], said: Callable[[ExtrapolatedRow], str]
) -> Table:
    """Theory beside simulation at the study's learning rate, the ratio at rate zero, and the word.

    ``said`` is that of a row; slopes agree within `TOLERATED_ERRORS`.
    """

    def cells(row: ExtrapolatedRow) -> dict[str, object]:
        ratio, slope, predicted = row.ratio, row.slope, row.predicted_slope
        own = None if ratio is None else row.of_ratio
        slopes = None if row.slope_z is None else abs(row.slope_z) <= TOLERATED_ERRORS
        return row.measured.to_dict() | {
            "limit": None if ratio is None else with_error(ratio.value, ratio.standard_error),
            "z": row.z,
            "slope": None
            if own is None or slope is None
            else with_error(own * slope.value, abs(own) * slope.standard_error),
            "by theory": None if own is None or predicted is None else short(own * predicted),
            "slopes": None if slopes is None else "agree" if slopes else "apart",
            "said": said(row),
        }

    return record_table(
        "Theory and simulation",
        _MEASURED
        | {"ratio": "ratio", "limit": "ratio at 0", "z": "z", "slope": "slope of the ratio"}
        | {"by theory": "by theory", "slopes": "slopes", "said": "verdict"},
        map(cells, rows),
        {"standard_error": ".2g", "ratio": ".4f", "z": ".2f"},
    )

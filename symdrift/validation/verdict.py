"""What a validation says: tables of theory beside simulation, and what decides."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Generic

from symdrift.errors import counted
from symdrift.quoting import printable
from symdrift.tables import Table, as_sentence, record_table, short, with_error
from symdrift.validation.judgement import MATTERING_MISS, TOLERATED_ERRORS, Verdict, critical_z
from symdrift.validation.rows import NEGLIGIBLE, READ_OFF, ExtrapolatedRow, Row
from symdrift.validation.second_look import MOST_NAMES, AnyRow, SecondLook

_MEASURED = {
    "quantity": "quantity",
    "theory": "theory",
    "simulation": "simulation",
    "standard_error": "standard error",
}
"""Headings of what both tables of a validation begin with."""

AGREED, DISAGREED = "theory and simulation agree", "theory and simulation disagree"

MATTERING = f"{100 * MATTERING_MISS:g} %"

UNCONFIRMED = "what is missed of {} is neither confirmed nor refuted by further replicas"
UNEXCUSED = (
    "the slope of {} is missed, for which no higher order accounts: another --seed would tell "
    "chance from error"
)
UNJUDGED = "there was no time for further replicas, which would judge what is missed of {}"

SHOWN_ONLY = "shown only"
"""Said of a row that decides nothing."""


class Judged(ABC, Generic[AnyRow]):
    """What is judged row by row, at one learning rate or in the limit of several.

    Attributes
    ----------
    rows : tuple of Row or ExtrapolatedRow
    units : int
        Independent units that the standard errors rest on.
    completed : float
        Fraction of the run that was made, a second look included.
    second : SecondLook or None
        At the rows that these miss.
    repeat : str or None
        Options that repeat it, where they are to be said.
    """

    rows: tuple[AnyRow, ...]
    units: int
    completed: float
    second: SecondLook[AnyRow] | None
    repeat: str | None = None

    @property
    def interrupted(self) -> bool:
        """Whether the run was ended before its time, so that it decides nothing."""
        return self.completed < 1

    @property
    def part(self) -> str:
        """How much of the run was made, in words."""
        return f"{int(100 * self.completed)} % of the run"

    @property
    def conclusion(self) -> str:
        """The verdict, of an interrupted run with the part that it is of."""
        return f"{self.verdict} ({self.part})" if self.interrupted else self.verdict

    @property
    @abstractmethod
    def rule(self) -> str:
        """When it counts as passed, in sentences."""

    @property
    def critical_z(self) -> float:
        """Standard errors allowed per row."""
        return critical_z(len(self.rows), self.units)

    @property
    def missed(self) -> tuple[AnyRow, ...]:
        """Rows at fault, which a second look is to judge."""
        return tuple(
            row for row in self.rows if row.judge(self.critical_z, self.units) is Verdict.DISAGREE
        )

    def judge(self, row: AnyRow) -> Verdict:
        """Whether a row is missed by both looks, or known well enough to be right."""
        if self.interrupted:
            return Verdict.UNDECIDED
        verdict = row.judge(self.critical_z, self.units)
        if verdict is not Verdict.DISAGREE:
            return verdict
        return Verdict.UNDECIDED if self.second is None else self.second.judge(row)

    def is_missed(self, row: AnyRow) -> bool:
        """Whether standard errors do not explain its deviation, and no second look refutes it.

        What is refuted by networks that do not know the number well enough is not known.
        """
        refuted = self.second is not None and self.second.refutes(row)
        return row.is_missed(self.critical_z) and not refuted

    @property
    @abstractmethod
    def doubts(self) -> str:
        """Of what nothing is decided, why, and what would decide."""

    @property
    def verdict(self) -> Verdict:
        """Whether theory and simulation agree; see `rule`."""
        if any(self.judge(row) is Verdict.DISAGREE for row in self.rows):
            return Verdict.DISAGREE
        return Verdict.UNDECIDED if self.undecided else Verdict.AGREE

    @property
    def passed(self) -> bool:
        return self.verdict is Verdict.AGREE

    @property
    def undecided(self) -> tuple[str, ...]:
        """Quantities for which the verdict waits, as they are not known well enough."""
        return tuple(row.quantity for row in self.rows if self.said(row) == Verdict.UNDECIDED)

    @property
    def shown_only(self) -> tuple[str, ...]:
        """Quantities that are not known well enough to have a part in the verdict."""
        return tuple(row.quantity for row in self.rows if self.said(row) == SHOWN_ONLY)

    def said(self, row: AnyRow) -> str:
        """The verdict on one row, or that it is shown only: what is `READ_OFF` and not known."""
        verdict = self.judge(row)
        known = verdict is not Verdict.UNDECIDED or self.is_missed(row) or self.interrupted
        return verdict if known or not row.quantity.startswith(READ_OFF) else SHOWN_ONLY

    @property
    def rows_that_decide(self) -> str:
        """The end of a rule: which rows decide, and which are shown only."""
        if self.interrupted:
            return "No row of an interrupted run decides."
        but = ["what is undecided"] if self.undecided else []
        if shown := self.shown_only:
            but.append(f"what is {SHOWN_ONLY}")
        said = "Every row decides" + (f" but {' and '.join(but)}" if but else "") + "."
        if shown:
            said += (
                f" Read off the representations, not known to {MATTERING}, and therefore "
                f"{SHOWN_ONLY}: {listed(shown)}."
            )
        slight = [each.quantity for each in self.rows if each.is_slight]
        if names := [quantity for quantity in slight if quantity not in shown]:
            said += f" Judged beside a natural size larger than their own: {listed(names)}."
        return said

    @property
    @abstractmethod
    def compared(self) -> tuple[str, ...]:
        """What was simulated, and what the columns of the table are, in sentences."""

    @property
    def found(self) -> tuple[str, ...]:
        """What comes of it, in sentences."""
        counts = Counter(map(self.said, self.rows))
        rows = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
        said = [f"verdicts of {counted(len(self.rows), 'row')}: {rows}", self.looked_again]
        return tuple(map(as_sentence, filter(None, said)))

    @property
    def summary(self) -> str:
        """What was compared, what is asked for, what was found and what is open, in lines."""
        lines = [
            f"Compared: {' '.join(self.compared)}",
            f"Agreement: {self.rule}",
            f"Found: {' '.join(self.found)}",
        ]
        if self.verdict is Verdict.UNDECIDED and self.objection is not None:
            lines.append(as_sentence(self.objection))
        if self.repeat is not None:
            lines.append(f"The same numbers again: {self.repeat}")
        return "\n".join(lines)

    @property
    def looked_again(self) -> str | None:
        """What both looks say of the rows that the first misses, where there are two."""
        return None if self.second is None else self.second.beside(self.missed)

    @property
    def objection(self) -> str | None:
        """Why theory and simulation do not agree, if they do not."""
        if self.interrupted:
            return f"undecided: it was interrupted after {self.part}, and a part decides nothing"
        if self.verdict is Verdict.UNDECIDED:
            return f"undecided: {self.doubts}"
        return DISAGREED if self.verdict is Verdict.DISAGREE else None

    def _doubted(self, missed: str, vague: str) -> str:
        """Sentences on undecided quantities, with braces in the place of their names.

        Parameters
        ----------
        missed, vague : str
            Of those that are missed by more than standard errors explain, and of the others.
        """
        open_rows = [row for row in self.rows if row.quantity in self.undecided]
        at_fault = [row.quantity for row in self.missed if self.is_missed(row)]
        others = [row for row in open_rows if row.quantity not in at_fault]
        parted = {
            UNCONFIRMED if self.second else UNJUDGED: [
                row.quantity for row in open_rows if row.quantity in at_fault
            ],
            missed: [row.quantity for row in others if self.is_missed(row) and _is_excused(row)],
            UNEXCUSED: [
                row.quantity for row in others if self.is_missed(row) and not _is_excused(row)
            ],
            vague: [row.quantity for row in others if not self.is_missed(row)],
        }
        return "; ".join(said.format(listed(names)) for said, names in parted.items() if names)


def _is_excused(row: Row | ExtrapolatedRow) -> bool:
    """Whether higher orders may account for anything: not for what vanishes by a symmetry."""
    found = row.missed_by
    return found is None or row.excused > NEGLIGIBLE * found.standard_error


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
    rows: Iterable[ExtrapolatedRow],
    said: Callable[[ExtrapolatedRow], str],
    interrupted: bool = False,
) -> Table:
    """Theory beside simulation at the study's learning rate, the ratio at rate zero, and the word.

    ``said`` is that of a row; slopes that are shown agree within `TOLERATED_ERRORS`, of which an
    interrupted run says nothing.
    """

    def cells(row: ExtrapolatedRow) -> dict[str, object]:
        ratio, slope, predicted = row.ratio, row.slope, row.predicted_slope
        own = None if ratio is None else row.of_ratio
        slope_z = None if interrupted or own is None else row.slope_z
        slopes = None if slope_z is None else abs(slope_z) <= TOLERATED_ERRORS
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

"""Networks of their own that judge what others have missed.

Of many comparisons some miss by chance, once in so many runs even by more than all of them together
are allowed.  What a run is suspected of therefore does not count as evidence against the theory:
further networks, whose random numbers are their own, are the evidence, and only of the numbers that
are suspected.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from symdrift.errors import counted
from symdrift.quoting import printable
from symdrift.records import Record
from symdrift.simulation.estimators import Estimate
from symdrift.validation.judgement import Verdict, critical_z, is_refuted
from symdrift.validation.rows import ExtrapolatedRow, Row

AnyRow = TypeVar("AnyRow", Row, ExtrapolatedRow)

MOST_NAMES = 6
"""Quantities that one sentence names."""


@dataclass(frozen=True)
class SecondLook(Record, Generic[AnyRow]):
    """What further networks show of the rows that the first ones miss.

    Attributes
    ----------
    replicas : int
    units : int
        Independent units that the standard errors rest on.
    rows : tuple of Row or ExtrapolatedRow
    """

    replicas: int
    units: int
    rows: tuple[AnyRow, ...]

    @classmethod
    def at(
        cls, missed: Sequence[AnyRow], rows: Sequence[AnyRow], replicas: int, units: int
    ) -> SecondLook[AnyRow]:
        """Of all rows of further networks those that others have missed."""
        names = {row.quantity for row in missed}
        return cls(replicas, units, tuple(row for row in rows if row.quantity in names))

    @property
    def allowed(self) -> float:
        """Standard errors allowed per row."""
        return critical_z(len(self.rows), self.units)

    def judge(self, first: AnyRow) -> Verdict:
        """Whether a row that others have missed is missed again.

        It is right where these networks agree with the theory alone, not with the others.
        """
        row = self._again(first)
        verdict = Verdict.UNDECIDED if row is None else row.judge(self.allowed, self.units)
        right = verdict is Verdict.AGREE
        return Verdict.UNDECIDED if right and not self.refutes(first) else verdict

    def refutes(self, first: AnyRow) -> bool:
        """Whether these networks miss nothing, and exclude what others have missed a row by."""
        row, before = self._again(first), first.missed_by
        if row is None or (now := row.missed_by) is None or before is None:
            return False
        return is_refuted(before.value, now.value, now.standard_error, row.excused, self.units)

    def _again(self, first: AnyRow) -> AnyRow | None:
        return next((row for row in self.rows if row.quantity == first.quantity), None)

    def beside(self, missed: Sequence[AnyRow]) -> str:
        """By how much the first networks miss rows, and these."""
        named = {row.quantity: row.missed_by for row in self.rows}
        both = [
            f"{printable(row.quantity)} by {_sigmas(row.missed_by)} and then by {_sigmas(again)}"
            for row in missed
            if (again := named.get(row.quantity)) is not None
        ]
        rest = f", and so {len(both) - MOST_NAMES} more" if len(both) > MOST_NAMES else ""
        return (
            f"what is missed is judged by {counted(self.replicas, 'further replica')} alone, "
            f"within {self.allowed:.2f} standard errors: "
            f"{', '.join(both[:MOST_NAMES])} standard errors{rest}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain Python types, for JSON."""
        rows = [row.to_dict() for row in self.rows]
        return super().to_dict() | {"allowed": self.allowed, "rows": rows}


def _sigmas(deviation: Estimate | None) -> str:
    return "" if deviation is None else f"{deviation.value / deviation.standard_error:+.1f}"

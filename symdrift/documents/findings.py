"""What a report says in numbers: tables, drawings, warnings and a record, whatever the rule."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from symdrift.documents.comparison_tables import Comparisons
from symdrift.documents.drawings import Drawing
from symdrift.documents.numbers import Table
from symdrift.rounding import SIMULATION_DIGITS, rounded
from symdrift.validation.extrapolate import Extrapolation
from symdrift.validation.judgement import Verdict
from symdrift.validation.validate import Validation


@dataclass(frozen=True, kw_only=True)
class Findings(ABC):
    """Theory, simulations and comparisons of a report.

    Attributes
    ----------
    extrapolation : Extrapolation or None
        Simulations at several learning rates; None in a report of the theory alone.
    comparisons : Comparisons or None
        None for a hidden layer that cannot rotate.
    """

    extrapolation: Extrapolation | None
    comparisons: Comparisons | None

    @property
    def validation(self) -> Validation | None:
        """The simulation at the study's own learning rate."""
        found = self.extrapolation
        return None if found is None else found.runs[found.own]

    @property
    def undecided(self) -> tuple[str, ...]:
        """What the simulation at the study's own learning rate leaves open, if anything."""
        return () if self.validation is None else undecided(self.validation)

    @property
    def objection(self) -> str | None:
        """What the simulation at the study's own learning rate misses, and by how much, if any."""
        validated = self.validation
        if validated is None or validated.verdict is not Verdict.DISAGREE:
            return None
        missed = [row for row in validated.rows if validated.judge(row) is Verdict.DISAGREE]
        worst = max(missed, key=lambda row: abs(row.predicted_z))
        expected = worst.theory if worst.predicted is None else worst.predicted
        return (
            f"{worst.quantity} is {worst.simulation:.6g} in simulation and {expected:.6g} in "
            f"theory, {worst.predicted_z:+.1f} standard errors apart"
        )

    @property
    def limits(self) -> dict[str, Any] | None:
        """Ratios of simulation and theory, extrapolated to a vanishing learning rate."""
        limit = self.extrapolation
        if limit is None:
            return None
        return {
            name: {"ratio": ratio.value, "standard_error": ratio.standard_error}
            for name, ratio in zip(limit.quantities, limit.intercepts, strict=True)
        }

    @property
    def beside_theory(self) -> dict[str, Any]:
        """The part of the record that sets something beside the theory."""
        validated, compared = self.validation, self.comparisons
        return {
            "validation": rounded(
                None if validated is None else validated.to_dict(), SIMULATION_DIGITS
            ),
            "extrapolated_ratio": rounded(self.limits, SIMULATION_DIGITS),
            "comparisons": rounded(
                None if compared is None else compared.to_dict(), SIMULATION_DIGITS
            ),
        }

    @property
    @abstractmethod
    def warnings(self) -> tuple[str, ...]:
        """What the numbers do not hold for, or leave open."""

    @abstractmethod
    def tables(self, notation: Mapping[str, str]) -> tuple[Table, ...]:
        """Tables in their order, in the letters of a study by role."""

    @abstractmethod
    def drawings(self) -> Iterator[Drawing]:
        """Figures in their order; numbers that take seconds are kept."""

    @abstractmethod
    def record(self) -> dict[str, Any]:
        """The content of ``numbers.json``."""


def undecided(validated: Validation) -> tuple[str, ...]:
    """What a simulation at a study's own learning rate leaves open, if anything."""
    open_ = validated.doubts if validated.verdict is Verdict.UNDECIDED else None
    said = filter(None, [open_, validated.looked_again])
    return tuple(f"at the learning rate of the study, {sentence}" for sentence in said)

"""Tables of what measurements say about the numbers of a study."""

from __future__ import annotations

from collections.abc import Iterator

from symdrift.documents.number_tables import number
from symdrift.documents.numbers import Table
from symdrift.fitting import Fit
from symdrift.fitting.best_fit import fit_remarks, interval, without_error
from symdrift.fitting.measurements import unit_of_lags

_MOST_ROWS = 40
"""Measurements of a table."""


def fitted_tables(found: Fit) -> Iterator[Table]:
    """Estimates with their intervals, and measurements beside what is fitted to them."""
    goodness = found.goodness
    chance = "" if goodness.p_value is None else f" (probability {goodness.p_value:.2g})"
    yield Table(
        " ".join(
            [
                f"Numbers that explain {len(found.data)} measured rates, with standard errors and "
                "95 % intervals by the profile of the likelihood; chi-squared is "
                f"{goodness.chi_squared:.3g} with {goodness.degrees_of_freedom} degrees of freedom"
                f"{chance}. All other numbers of this document are those of the study's file.",
                *fit_remarks(found),
            ]
        ),
        ("free number", "estimate", "standard error", "95 % interval", "range"),
        tuple(
            (
                each.name,
                number(each.value),
                without_error(each)
                if each.standard_error is None
                else number(each.standard_error, 2),
                interval(each),
                f"{each.lowest:.5g} to {each.highest:.5g}",
            )
            for each in found.estimates
        ),
    )
    more = len(found.data) - _MOST_ROWS
    yield Table(
        f"Measured and fitted rates; times in {unit_of_lags(found.steps_per_day)}, "
        "deviations in standard errors"
        f"{f'; {more} more are not listed' if more > 0 else ''}.",
        ("stimulus", "quantity", "measured", "standard error", "fitted", "deviation"),
        tuple(
            (
                f"“{each.stimulus}”",
                each.quantity.replace("_", " "),
                number(each.value),
                number(each.standard_error, 2),
                number(each.predicted),
                f"{each.deviation:.2f}",
            )
            for each in found.data[:_MOST_ROWS]
        ),
    )

"""What a validation says: tables of theory beside simulation, and what decides."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, TypeVar

from symdrift.errors import counted
from symdrift.quoting import printable
from symdrift.tables import Table, html_page, record_table
from symdrift.validation.judgement import MATTERING_MISS, Verdict

if TYPE_CHECKING:
    from symdrift.validation.extrapolate import ExtrapolatedRow, Extrapolation
    from symdrift.validation.rows import Row
    from symdrift.validation.validate import Validation

AnyRow = TypeVar("AnyRow", "Row", "ExtrapolatedRow")

_MEASURED = {
    "quantity": "quantity",
    "theory": "theory",
    "simulation": "simulation",
    "standard_error": "standard error",
}
"""Headings of what both tables of a validation begin with."""

AGREED, DISAGREED = "theory and simulation agree", "theory and simulation disagree"

_MATTERING = f"{100 * MATTERING_MISS:g} %"

MOST_NAMES = 6
"""Quantities that one sentence names."""


def validation_html(validation: Validation) -> str:
    """Theory beside simulation, and what decides."""
    title = objection_at_one_rate(validation) or AGREED
    return html_page(title, [validation_table(validation)], [validation.rule])


def extrapolation_html(extrapolation: Extrapolation) -> str:
    """Theory beside simulations at several learning rates, and what they say together."""
    title = objection_in_the_limit(extrapolation) or AGREED
    return html_page(title, [extrapolation_table(extrapolation)], [summary(extrapolation)])


def objection_at_one_rate(validation: Validation) -> str | None:
    """Why theory and simulation do not agree at one learning rate, if they do not."""
    if validation.verdict is Verdict.UNDECIDED:
        return f"undecided: {undecided_at_one_rate(validation)}"
    return DISAGREED if validation.verdict is Verdict.DISAGREE else None


def objection_in_the_limit(extrapolation: Extrapolation) -> str | None:
    """Why theory and simulations do not agree as the learning rate vanishes, if they do not."""
    if extrapolation.verdict is Verdict.UNDECIDED:
        return f"undecided: {_undecided_in_the_limit(extrapolation)}"
    return DISAGREED if extrapolation.verdict is Verdict.DISAGREE else None


def undecided_at_one_rate(validation: Validation) -> str:
    """Of what one learning rate decides nothing, why, and what would decide."""
    missed, vague = _parted(validation.rows, validation.undecided, validation.is_missed)
    reasons = []
    if missed:
        reasons.append(
            f"deviations of {_listed(missed)} may be due to higher orders in the learning rate, "
            "and a smaller one would decide"
        )
    if vague:
        reasons.append(
            f"the theory of {_listed(vague)} may be wrong by {_MATTERING} for all that the "
            "simulation shows, and more steps or more replicas would decide"
        )
    return "; ".join(reasons)


def _undecided_in_the_limit(extrapolation: Extrapolation) -> str:
    """Of what an extrapolation decides nothing, why, and what would decide."""
    missed, vague = _parted(extrapolation.rows, extrapolation.undecided, extrapolation.is_missed)
    reasons = []
    if missed:
        reasons.append(
            "the learning rates are too large for a linear extrapolation of "
            f"{_listed(missed)}: the next order may account for what is missed"
        )
    if vague:
        reasons.append(
            f"the theory of {_listed(vague)} may be wrong by {_MATTERING} for all that the "
            "simulations show"
        )
    return f"{'; '.join(reasons)}; a finer --precision takes smaller rates and more windows"


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


def validation_table(validation: Validation) -> Table:
    """Theory beside simulation at one learning rate."""
    return record_table(
        "Theory and simulation",
        _MEASURED | {"z": "z", "ratio": "ratio"},
        (row.to_dict() for row in validation.rows),
        {"z": ".2f", "ratio": ".4f"},
    )


def extrapolation_table(extrapolation: Extrapolation) -> Table:
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
        map(cells, extrapolation.rows),
        {"standard_error": ".2g", "ratio": ".4f", "z": ".2f", "predicted": ".2g"},
    )


def summary(extrapolation: Extrapolation) -> str:
    """What was run, how precise it is, and what it rejects, in sentences."""
    runs = ", ".join(
        f"{run.learning_rate:.4g}{'' if fitted else ' (not fitted)'}"
        for run, fitted in zip(extrapolation.runs, extrapolation.fitted, strict=True)
    )
    own = extrapolation.runs[extrapolation.own]
    sentences = [
        f"{counted(own.replicas, 'replica')} at learning rates {runs}",
        f"ratio at 0 and z: extrapolated against learning rate times {own.fastest}, by "
        "the slope of the next order where that is known; slopes are those of the ratio",
        extrapolation.rule,
    ]
    if (objection := objection_in_the_limit(extrapolation)) is not None:
        sentences.append(objection)
    if extrapolation.precision is not None:
        known = f"standard errors are at most {extrapolation.precision:.2g}"
        if (wider := extrapolation.precision_read_off) is not None:
            known += (
                f", and {wider:.2g} where diffusion and norm are read off the representations "
                "themselves, which fluctuate more than they diffuse"
            )
        sentences.append(known)
    if extrapolation.white_noise:
        quantity, errors = max(extrapolation.white_noise, key=lambda entry: abs(entry[1]))
        sentences.append(
            f"the white-noise approximation of {quantity} misses these data by {abs(errors):.1f} "
            "standard errors"
        )
    if any(extrapolation.synaptic_noise):
        sentences.append(
            "synaptic noise is scaled with the third power of the learning rate, as diffusion by "
            "gradient noise is"
        )
    if any(run.displacement for run in extrapolation.runs):
        sentences.append(f"displacements are those in half a window, {own.window // 2} steps")
    if extrapolation.repeat is not None:
        sentences.append(f"the same numbers again: {extrapolation.repeat}")
    return "; ".join(sentences)

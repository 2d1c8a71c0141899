"""What a validation says: tables of theory beside simulation, and what decides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from symdrift.errors import counted
from symdrift.quoting import printable
from symdrift.tables import Table, html_page, record_table
from symdrift.validation.judgement import MATTERING_MISS, Verdict

if TYPE_CHECKING:
    from symdrift.validation.extrapolate import ExtrapolatedRow, Extrapolation
    from symdrift.validation.validate import Validation

_MEASURED = {
    "quantity": "quantity",
    "theory": "theory",
    "simulation": "simulation",
    "standard_error": "standard error",
}
"""Headings of what both tables of a validation begin with."""

MOST_NAMES = 6
"""Quantities that one sentence names."""


def validation_html(validation: Validation) -> str:
    """Theory beside simulation, and what decides."""
    tables = [validation_table(validation)]
    return html_page(_sentence(validation.verdict), tables, [validation.rule])


def extrapolation_html(extrapolation: Extrapolation) -> str:
    """Theory beside simulations at several learning rates, and what they say together."""
    tables = [extrapolation_table(extrapolation)]
    return html_page(_sentence(extrapolation.verdict), tables, [summary(extrapolation)])


def _sentence(verdict: Verdict) -> str:
    return "undecided" if verdict is Verdict.UNDECIDED else f"theory and simulation {verdict}"


def undecided_at_one_rate(validation: Validation) -> str:
    """Of what one learning rate decides nothing."""
    return (
        f"{_listed(validation.undecided)} may be wrong by {MATTERING_MISS:.0%} for all that this "
        "run shows: more steps, more replicas or a smaller learning rate would decide"
    )


def undecided_in_the_limit(extrapolation: Extrapolation) -> str:
    """Of what an extrapolation decides nothing, and why."""
    names = set(extrapolation.undecided)
    curved: list[str] = []
    vague: list[str] = []
    for row in extrapolation.rows:
        if row.quantity in names:
            (curved if extrapolation.is_missed(row) else vague).append(row.quantity)
    reasons = []
    if curved:
        reasons.append(
            "the learning rates are too large for a linear extrapolation of "
            f"{_listed(curved)}: the next order may account for what is missed"
        )
    if vague:
        reasons.append(
            f"{_listed(vague)} may be wrong by {MATTERING_MISS:.0%} for all that these runs show"
        )
    return f"{'; '.join(reasons)}; a finer --precision takes smaller rates and more windows"


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
        ratio, slope = row.ratio, row.slope
        return row.measured.to_dict() | {
            "limit": None if ratio is None else f"{ratio.value:.4f} ± {ratio.standard_error:.4f}",
            "z": row.z,
            "slope": None if slope is None else f"{slope.value:.2g} ± {slope.standard_error:.1g}",
            "predicted": row.predicted_slope,
        }

    return record_table(
        "Theory and simulation",
        _MEASURED
        | {"ratio": "ratio", "limit": "ratio at 0", "z": "z", "slope": "slope"}
        | {"predicted": "slope of theory"},
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
        "ratio at 0, z and slope: extrapolated against learning rate times largest Hessian "
        "eigenvalue, by the slope of the next order where that is known",
        extrapolation.rule,
    ]
    if extrapolation.verdict is Verdict.UNDECIDED:
        sentences.append(f"undecided: {undecided_in_the_limit(extrapolation)}")
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

"""What a validation says: tables of theory beside simulation, and what decides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from symdrift.errors import counted
from symdrift.quoting import printable
from symdrift.tables import Table, html_page, record_table

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


def validation_html(validation: Validation) -> str:
    """Theory beside simulation, and what decides."""
    return html_page(_verdict(validation), [validation_table(validation)], [validation.rule])


def extrapolation_html(extrapolation: Extrapolation) -> str:
    """Theory beside simulations at several learning rates, and what they say together."""
    tables = [extrapolation_table(extrapolation)]
    return html_page(_verdict(extrapolation), tables, [summary(extrapolation)])


def _verdict(result: Validation | Extrapolation) -> str:
    return "theory and simulation agree" if result.passed else objection(result)


def objection(result: Validation | Extrapolation) -> str:
    """Why a validation is not passed, in a sentence."""
    names = ", ".join(printable(name) for name in result.undecided)
    if not names:
        return "theory and simulation disagree"
    if result.undecided == result.imprecise:
        return (
            f"undecided: a theory that is wrong by half would pass, so little do these simulations "
            f"say of {names}; longer ones, or more replicas, say more"
        )
    return (
        f"undecided: the learning rates are too large for a linear extrapolation of {names}, and "
        "the next order may account for what is missed; a finer precision takes smaller rates"
    )


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
        "ratio at 0 and z: extrapolated against learning rate times largest Hessian eigenvalue, by "
        "the slope of the next order where that is known; slopes are those of the ratio",
        extrapolation.rule,
    ]
    if extrapolation.undecided:
        sentences.append(objection(extrapolation))
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
    return "; ".join(sentences)

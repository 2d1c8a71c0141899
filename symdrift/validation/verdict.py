"""What a validation says: tables of theory beside simulation, and what decides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from symdrift.errors import counted
from symdrift.quoting import printable
from symdrift.tables import Table, html_page, printed

if TYPE_CHECKING:
    from symdrift.validation.extrapolate import Extrapolation
    from symdrift.validation.validate import Validation


def validation_html(validation: Validation) -> str:
    """Theory beside simulation, and what decides."""
    return html_page(_verdict(validation.passed), [validation_table(validation)], [validation.rule])


def extrapolation_html(extrapolation: Extrapolation) -> str:
    """Theory beside simulations at several learning rates, and what they say together."""
    tables = [extrapolation_table(extrapolation)]
    return html_page(_verdict(extrapolation.passed), tables, [summary(extrapolation)])


def _verdict(passed: bool) -> str:
    return f"theory and simulation {'agree' if passed else 'disagree'}"


def validation_table(validation: Validation) -> Table:
    """Theory beside simulation at one learning rate."""
    return Table(
        "Theory and simulation",
        ("quantity", "theory", "simulation", "standard error", "z", "ratio"),
        tuple(
            (
                row.quantity,
                printed(row.theory),
                printed(row.simulation),
                printed(row.standard_error),
                f"{row.z:.2f}",
                "" if row.ratio is None else f"{row.ratio:.4f}",
            )
            for row in validation.rows
        ),
    )


def extrapolation_table(extrapolation: Extrapolation) -> Table:
    """Theory beside simulation at the study's learning rate, and the ratio at rate zero."""
    return Table(
        "Theory and simulation",
        (
            *("quantity", "theory", "simulation", "standard error"),
            *("ratio", "ratio at 0", "z", "slope"),
        ),
        tuple(
            (
                row.quantity,
                f"{row.measured.theory:.5g}",
                f"{row.measured.simulation:.5g}",
                f"{row.measured.standard_error:.2g}",
                "" if row.measured.ratio is None else f"{row.measured.ratio:.4f}",
                ""
                if row.ratio is None
                else f"{row.ratio.value:.4f} ± {row.ratio.standard_error:.4f}",
                "" if row.z is None else f"{row.z:.2f}",
                ""
                if row.slope is None
                else f"{row.slope.value:.2g} ± {row.slope.standard_error:.1g}",
            )
            for row in extrapolation.rows
        ),
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
        "eigenvalue",
        extrapolation.rule,
    ]
    if extrapolation.undecided:
        sentences.append(
            f"the learning rates are too large for a linear extrapolation of "
            f"{', '.join(printable(name) for name in extrapolation.undecided)}"
        )
    if extrapolation.precision is not None:
        sentences.append(f"standard errors are at most {extrapolation.precision:.2g}")
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

"""An evaluation as flat records and as tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from symdrift.inputs import input_facts
from symdrift.tables import Record, Table, html_page, printed

if TYPE_CHECKING:
    from symdrift.evaluation.result import Drift, Evaluation, StimulusDrift, StimulusEvaluation

SIGNS = (
    "A positive mean rotation of plane i, j turns hidden axis j towards i; the sign of an axis "
    "makes the largest component of its right singular vector positive."
)
"""What the sign of a mean rotation means."""


def quantities(evaluation: Evaluation | StimulusEvaluation) -> Record:
    """Every number of an evaluation by a dotted name, in the order of the theory.

    Of the covariance of rotations only the diagonal is listed, by plane (``1-2``).
    """
    minimum, fluctuation = evaluation.minimum, evaluation.fluctuation
    record: Record = {
        "minimum.rank": minimum.rank,
        "minimum.loss": minimum.loss,
        "minimum.hessian_min": minimum.hessian_min,
        "minimum.hessian_max": minimum.hessian_max,
    }
    for index, value in enumerate(minimum.singular_values, start=1):
        record[f"minimum.singular_values.{index}"] = float(value)
    record["fluctuation.weight_variance"] = fluctuation.weight_variance
    record["fluctuation.excess_loss"] = fluctuation.excess_loss
    drift: Drift | None = getattr(evaluation, "drift", None)
    if drift is not None:
        record |= _drift_quantities(drift)
    for stimulus in evaluation.stimuli:
        record[f"stimuli.{stimulus.name}.squared_norm"] = stimulus.squared_norm
        record[f"stimuli.{stimulus.name}.diffusion"] = stimulus.diffusion
        record[f"stimuli.{stimulus.name}.decay_rate"] = stimulus.decay_rate
        record[f"stimuli.{stimulus.name}.mean_speed"] = stimulus.mean_speed
    return record


def _drift_quantities(drift: Drift) -> Record:
    record: Record = {}
    for name, values in (
        ("covariance", drift.variances),
        ("diffusion", drift.diffusion),
        ("mean_rotation", drift.mean_rotation),
    ):
        for (i, j), value in zip(drift.planes, values, strict=True):
            record[f"drift.{name}.{i}-{j}"] = float(value)
    return record


def evaluation_html(evaluation: Evaluation | StimulusEvaluation) -> str:
    """Tables of an evaluation, and its warnings."""
    head = (
        f"{evaluation.study}: {evaluation.method} method, {evaluation.approximation} statistics; "
        "rates per SGD step"
    )
    return html_page(head, evaluation_tables(evaluation), evaluation.warnings)


def evaluation_tables(evaluation: Evaluation | StimulusEvaluation) -> list[Table]:
    """Tables of one evaluation: inputs, minimum and fluctuation, planes, stimuli."""
    drift: Drift | None = getattr(evaluation, "drift", None)
    return [
        *_inputs_table(evaluation),
        _overview_table(evaluation),
        *([] if drift is None else [_drift_table(drift)]),
        _stimulus_table(evaluation.stimuli),
    ]


def _inputs_table(evaluation: Evaluation | StimulusEvaluation) -> Iterator[Table]:
    """What was read, and which share of the inputs is their mean, where they are data."""
    record = evaluation.parameters["input_distribution"]
    facts = list(input_facts(record))
    if facts:
        file = [("file", record["file"])] if "file" in record else []
        yield Table("Inputs", ("what", "value"), (*file, *facts))


def _overview_table(evaluation: Evaluation | StimulusEvaluation) -> Table:
    minimum, fluctuation = evaluation.minimum, evaluation.fluctuation
    certificate = minimum.certificate
    left = (
        ()
        if certificate is None
        else (
            ("gradient left, relative", certificate.gradient_norm),
            ("duality gap, relative", certificate.duality_gap),
            ("next best stationary point, relative", certificate.runner_up),
        )
    )
    return Table(
        "Minimum and fluctuation",
        ("quantity", "value", "unit"),
        (
            ("rank", str(minimum.rank), ""),
            ("singular values", ", ".join(map(printed, minimum.singular_values)), ""),
            ("loss at the minimum", printed(minimum.loss), ""),
            ("smallest normal Hessian eigenvalue", printed(minimum.hessian_min), ""),
            ("largest Hessian eigenvalue", printed(minimum.hessian_max), ""),
            *((name, f"{value:.1g}", "") for name, value in left if value is not None),
            ("weight variance, tr Gamma", printed(fluctuation.weight_variance), ""),
            ("excess loss", printed(fluctuation.excess_loss), ""),
        ),
    )


def _drift_table(drift: Drift) -> Table:
    numbers = zip(drift.variances, drift.diffusion, drift.mean_rotation, strict=True)
    return Table(
        "Drift by plane of the hidden layer",
        (
            "plane",
            "covariance V\nrad^2/step",
            "diffusion V/2\nrad^2/step",
            "mean rotation\nrad/step",
        ),
        tuple(
            (f"{i}, {j}", *map(printed, values))
            for (i, j), values in zip(drift.planes, numbers, strict=True)
        ),
        SIGNS if drift.mean_rotation.any() else "",
    )


def _stimulus_table(stimuli: Sequence[StimulusDrift]) -> Table:
    return Table(
        "Drift by stimulus",
        (
            "stimulus",
            "squared norm",
            "diffusion\n1/step",
            "decay rate\n1/step",
            "mean speed\n1/step",
        ),
        tuple(
            (
                stimulus.name,
                printed(stimulus.squared_norm),
                printed(stimulus.diffusion),
                printed(stimulus.decay_rate),
                printed(stimulus.mean_speed),
            )
            for stimulus in stimuli
        ),
    )

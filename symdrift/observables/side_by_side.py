"""Rates of studies side by side, whatever their learning rules: in one table, per SGD step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from symdrift.errors import RequestError
from symdrift.evaluation.any_rule import RuleEvaluation
from symdrift.evaluation.evaluate import evaluate_study
from symdrift.evaluation.result import Evaluation
from symdrift.precision import double_precision
from symdrift.progress import log_stage
from symdrift.records import Record
from symdrift.study import Study
from symdrift.study.problem import Array
from symdrift.tables import Row, Table, printed, record_table

UNITS = {"rotation variance": "rad^2/step", "steady rotation": "rad/step"}
"""Of a rate; others are per step."""


@dataclass(frozen=True, eq=False)
class LayerRates:
    """Rates of one hidden layer.

    Attributes
    ----------
    prefix : str
        Of the names of its planes and stimuli: the layer, where there are several.
    rank : int
        Hidden axes that respond, the first ones.
    decay, turning : Array
        ``Delta`` and ``sum mu_k Omega_k``, shape ``(d, d)``, per step, ``d >= rank``.
    planes, stimuli : dict of str to float
        ``V_kk`` by plane, rad^2/step, and decay rates by stimulus, per step.
    """

    prefix: str
    rank: int
    decay: Array
    turning: Array
    planes: dict[str, float]
    stimuli: dict[str, float]


def layer_rates(found: Evaluation | RuleEvaluation) -> tuple[LayerRates, ...]:
    """Rates of every hidden layer of an evaluation."""
    if isinstance(found, Evaluation):
        planes = zip(found.drift.planes, found.drift.variances.tolist(), strict=True)
        stimuli = {stimulus.name: stimulus.decay_rate for stimulus in found.stimuli}
        return (
            LayerRates(
                "", found.minimum.rank, found.decay_matrix, found.mean_rotation,
                {f"{i}, {j}": variance for (i, j), variance in planes}, stimuli,
            ),
        )  # fmt: skip
    several, drift = len(found.layers) > 1, found.drift
    variances = np.diagonal(drift.covariance).tolist()
    rates = []
    for layer in found.layers:
        prefix = f"{layer.layer}: " if several else ""
        response = found.minimum.orbit.responses[layer.layer]
        planes_of = {
            f"{prefix}{plane.i}, {plane.j}": variance
            for plane, variance in zip(drift.planes, variances, strict=True)
            if plane.layer == layer.layer
        }
        stimuli = {f"{prefix}{each.name}": each.decay_rate for each in layer.stimuli}
        rank = int(np.sum(response.any(axis=1)))
        rates.append(
            LayerRates(prefix, rank, layer.decay_matrix, layer.mean_rotation, planes_of, stimuli)
        )
    return tuple(rates)


def mean_decay(layers: Sequence[LayerRates]) -> float:
    """``tr(Delta) / r`` of the axes that respond, of all layers together."""
    ranks = sum(layer.rank for layer in layers)
    lost = sum(float(np.trace(layer.decay[: layer.rank, : layer.rank])) for layer in layers)
    return lost / ranks if ranks else 0.0


def steady_rotation(layers: Sequence[LayerRates]) -> float:
    """Fastest steady rotation of any layer: its fastest plane, whatever the hidden frame."""
    return max(float(np.linalg.norm(layer.turning, 2)) for layer in layers)


@dataclass(frozen=True)
class RateRow(Record):
    """One rate of every study; ``None`` where a study has no such plane or stimulus."""

    quantity: str
    name: str
    rates: tuple[float | None, ...]


@dataclass(frozen=True)
class SideBySide(Record):
    """Rates of several studies.

    Attributes
    ----------
    studies, rules : tuple of str
        Names, and what each learns by.
    rows : tuple of RateRow
        Hidden axes are numbered within each study.
    warnings : tuple of str
        With the name of the study that they are of.
    """

    studies: tuple[str, ...]
    rules: tuple[str, ...]
    rows: tuple[RateRow, ...]
    warnings: tuple[str, ...]


@double_precision()
def side_by_side(studies: Sequence[Study]) -> SideBySide:
    """Rates of studies, each by its own learning rule, at leading order.

    Parameters
    ----------
    studies : sequence of Study
        At least two.

    Raises
    ------
    RequestError
        When there are fewer, or one of them cannot be evaluated; the sentence names it.
    """
    if len(studies) < 2:
        raise RequestError("studies", f"are {len(studies)}; two or more stand side by side")
    evaluations = []
    for study in studies:
        log_stage(f"evaluating {study.name}")
        try:
            evaluations.append(evaluate_study(study))
        except RequestError as problem:
            raise RequestError(
                "studies", f"cannot all be evaluated: {study.name}: {problem}"
            ) from None
    layers = [layer_rates(each) for each in evaluations]
    columns: list[dict[tuple[str, str], float]] = []
    for each in layers:
        column = {
            ("mean decay rate", "hidden axes"): mean_decay(each),
            ("steady rotation", "fastest plane"): steady_rotation(each),
        }
        for kind, part in (("rotation variance", "planes"), ("decay rate", "stimuli")):
            for layer in each:
                column |= {(kind, name): rate for name, rate in getattr(layer, part).items()}
        columns.append(column)
    places = dict.fromkeys(place for column in columns for place in column)
    kinds = ("mean decay rate", "steady rotation", "rotation variance", "decay rate")
    return SideBySide(
        tuple(study.name for study in studies),
        tuple(study.learning.rule for study in studies),
        tuple(
            RateRow(*place, tuple(column.get(place) for column in columns))
            for place in sorted(places, key=lambda place: kinds.index(place[0]))
        ),
        tuple(
            f"{study.name}: {warning}"
            for study, each in zip(studies, evaluations, strict=True)
            for warning in each.warnings
        ),
    )


def beside_rows(beside: SideBySide) -> tuple[tuple[str, ...], Iterator[Row]]:
    """Columns, and one row per rate with a cell for each study."""
    columns = _columns(beside)
    return ("quantity", "name", *columns), (
        {"quantity": row.quantity, "name": row.name} | dict(zip(columns, row.rates, strict=True))
        for row in beside.rows
    )


def beside_table(beside: SideBySide) -> Table:
    """Rates of all studies, a column for each."""
    columns = _columns(beside)
    rules = zip(columns, beside.rules, strict=True)
    return record_table(
        "Rates side by side",
        {"quantity": "quantity", "name": "of"} | {c: f"{c}\n{rule}" for c, rule in rules},
        (
            {"quantity": f"{row.quantity}, {UNITS.get(row.quantity, '1/step')}"}
            | {"name": f"plane {row.name}" if row.quantity == "rotation variance" else row.name}
            | {c: "" if r is None else printed(r) for c, r in zip(columns, row.rates, strict=True)}
            for row in beside.rows
        ),
    )


def _columns(beside: SideBySide) -> list[str]:
    """Names of the studies, numbered where they are the same."""
    return [
        f"{name} {place + 1}" if beside.studies.count(name) > 1 else name
        for place, name in enumerate(beside.studies)
    ]

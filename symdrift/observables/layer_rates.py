"""Rates of hidden layers, whatever the learning rule, with the error expected of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from symdrift.evaluation.any_rule import RuleEvaluation
from symdrift.evaluation.result import Evaluation
from symdrift.evaluation.validity import with_expected_error
from symdrift.study.problem import Array

UNITS = {"rotation variance": "rad^2/step", "steady rotation": "rad/step"}
"""Of a rate; others are per step."""

EXPECTED = (
    "In brackets: by how much the leading order is expected to be off at the learning rate of the "
    "study, or may be where its next order is not computed."
)


class Rate(NamedTuple):
    """A rate per SGD step, and its expected error, relative.

    The error is that of the leading order (`Evaluation.expected_error`); ``None`` where that order
    is not what a rate lacks most: in the white-noise approximation, under noise on the synapses
    alone, and of other learning rules, whose next order is not known.
    """

    value: float
    expected_error: float | None = None


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
    planes, stimuli : dict of str to Rate
        ``V_kk`` by plane, rad^2/step, and decay rates by stimulus, per step.
    means : tuple of float
        Errors that are expected of the mean rotations.
    """

    prefix: str
    rank: int
    decay: Array
    turning: Array
    planes: dict[str, Rate]
    stimuli: dict[str, Rate]
    means: tuple[float, ...] = ()


def layer_rates(found: Evaluation | RuleEvaluation) -> tuple[LayerRates, ...]:
    """Rates of every hidden layer of an evaluation."""
    if isinstance(found, Evaluation):
        return (_rates(found),)
    several, drift = len(found.layers) > 1, found.drift
    variances = np.diagonal(drift.covariance).tolist()
    rates = []
    for layer in found.layers:
        prefix = f"{layer.layer}: " if several else ""
        response = found.minimum.orbit.responses[layer.layer]
        planes_of = {
            f"{prefix}{plane.i}, {plane.j}": Rate(variance)
            for plane, variance in zip(drift.planes, variances, strict=True)
            if plane.layer == layer.layer
        }
        stimuli = {f"{prefix}{each.name}": Rate(each.decay_rate) for each in layer.stimuli}
        rank = int(np.sum(response.any(axis=1)))
        rates.append(
            LayerRates(prefix, rank, layer.decay_matrix, layer.mean_rotation, planes_of, stimuli)
        )
    return tuple(rates)


def _rates(found: Evaluation) -> LayerRates:
    """Of two-layer SGD."""

    def error(column: str) -> float | None:
        return found.expected_error(column) if found.approximation == "exact" else None

    planes = found.drift.planes
    variances = zip(planes, found.drift.variances.tolist(), strict=True)
    means = (error(f"drift.mean_rotation.{i}-{j}") for i, j in planes)
    return LayerRates(
        prefix="",
        rank=found.minimum.rank,
        decay=found.decay_matrix,
        turning=found.mean_rotation,
        planes={
            f"{i}, {j}": Rate(variance, error(f"drift.diffusion.{i}-{j}"))
            for (i, j), variance in variances
        },
        stimuli={
            each.name: Rate(each.decay_rate, error(f"stimuli.{each.name}.decay_rate"))
            for each in found.stimuli
        },
        means=tuple(mean for mean in means if mean is not None),
    )


def mean_decay(layers: Sequence[LayerRates]) -> Rate:
    """``tr(Delta) / r`` of the axes that respond, of all layers together.

    Its error is the mean of those of the planes, each with its share of the rotation.
    """
    ranks = sum(layer.rank for layer in layers)
    lost = sum(float(np.trace(layer.decay[: layer.rank, : layer.rank])) for layer in layers)
    planes = [rate for layer in layers for rate in layer.planes.values() if rate.value]
    known = [(rate.value, off) for rate in planes if (off := rate.expected_error) is not None]
    error = None
    if known and len(known) == len(planes):
        error = sum(value * off for value, off in known) / sum(value for value, _ in known)
    return Rate(lost / ranks if ranks else 0.0, error)


def steady_rotation(layers: Sequence[LayerRates]) -> Rate:
    """Fastest steady rotation of any layer: its fastest plane, whatever the hidden frame."""
    fastest = max(float(np.linalg.norm(layer.turning, 2)) for layer in layers)
    errors = [off for layer in layers for off in layer.means]
    return Rate(fastest, max(errors, default=None) if fastest else None)


def rate_cell(rate: Rate) -> str:
    """A rate, in brackets its expected error."""
    error = rate.expected_error
    return with_expected_error(rate.value, error or 0.0)

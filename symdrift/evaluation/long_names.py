"""What the numbers of a sweep are, in words and with their units, for files that say so."""

from __future__ import annotations

from typing import NamedTuple

from symdrift.evaluation.result import Quantity
from symdrift.evaluation.validity import MEANINGS
from symdrift.study import Study
from symdrift.study.fields import meaning_of


class LongName(NamedTuple):
    """What something is, and its unit: 1 of a plain number or in the units of the study."""

    text: str
    unit: str = "1"


_OWN_UNITS = "in the units of the study"

_NUMBERS = {
    ("minimum", "rank"): "number of hidden axes that respond",
    ("minimum", "loss"): f"expected loss at the minimum, {_OWN_UNITS}",
    ("minimum", "hessian_min"): f"smallest curvature across the orbit of minima, {_OWN_UNITS}",
    ("minimum", "hessian_max"): f"largest curvature across the orbit of minima, {_OWN_UNITS}",
    ("minimum", "singular_values"): f"singular values of the learned map, {_OWN_UNITS}",
    ("minimum", "slowest_return"): "slowest return to the orbit per step and unit of learning rate",
    ("minimum", "fastest_return"): "fastest return to the orbit per step and unit of learning rate",
    ("fluctuation", "weight_variance"): f"variance of all weights across the orbit, {_OWN_UNITS}",
    ("fluctuation", "excess_loss"): f"expected loss above that of the minimum, {_OWN_UNITS}",
    ("validity", "critical_rate"): f"learning rate above which the fluctuation grows, {_OWN_UNITS}",
    ("validity", "rate_over_critical"): "learning rate over the critical rate",
    (
        "validity",
        "expected_error",
    ): "relative error expected where the next order is not computed",
    ("drift", "covariance"): "variance of the rotation in the plane per SGD step",
    ("drift", "diffusion"): "diffusion coefficient of the rotation in the plane per SGD step",
    ("drift", "mean_rotation"): "mean rotation in the plane per SGD step",
    ("stimuli", "squared_norm"): f"squared length of the representation, {_OWN_UNITS}",
    ("stimuli", "diffusion"): f"diffusion of the representation per SGD step, {_OWN_UNITS}",
    ("stimuli", "decay_rate"): "rate at which the representation decorrelates per SGD step",
    ("stimuli", "mean_speed"): f"speed of the mean representation per SGD step, {_OWN_UNITS}",
    **{("validity", name): meaning for name, meaning in MEANINGS.items()},
}

_PARAMETERS = {
    **{name: f"network.{name}" for name in ("inputs", "outputs", "hidden")},
    **{name: f"learning.{name}" for name in (
        "weight_decay", "batch", "synaptic_noise", "momentum"
    )},
    "learning_rate": "learning.rate", "learning_rule": "learning.rule",
}  # fmt: skip
"""Fields of the study that parameters of an evaluation are."""

_OTHERS = {
    "refused": "why a point has no numbers; empty where it has",
    "plane": "hidden axes of the plane, in order of decreasing singular value",
    "hidden_axis": "hidden axis, in order of decreasing singular value",
    "stimulus": "stimulus",
    "method": "road to the numbers",
    "approximation": "whether noise is correlated in time, exact, or not, white",
}


def number_name(quantity: Quantity) -> LongName:
    """Of a number of an evaluation; that of the next order is a relative change."""
    order, _, group = quantity.group.rpartition(".")
    text = _NUMBERS[group, quantity.name]
    if order:
        return LongName(f"relative change by the next order per unit of learning rate: {text}")
    return LongName(text, quantity.unit or "1")


def setting_name(study: Study, name: str) -> str:
    """Of a field, a symbol or a parameter, and of what else numbers are given over."""
    if name in _OTHERS:
        return _OTHERS[name]
    if name in study.symbols:
        return f"symbol {name} of the study"
    return meaning_of(study, _PARAMETERS.get(name, name)) or name.replace("_", " ")

"""What an evaluation of any rule returns: a record, flat records, tables; rates per step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from symdrift.evaluation.any_rule.engine import RuleDrift
from symdrift.evaluation.any_rule.fixed_orbit import STARTS, FixedOrbit
from symdrift.evaluation.lifetimes import days_record, lifetime, lifetimes_table
from symdrift.evaluation.parts import StimulusDrift
from symdrift.evaluation.result import UNITS, Quantity
from symdrift.evaluation.validity import (
    UNKNOWN_FACTOR,
    at_most_off,
    share_of_critical,
    towards_critical,
)
from symdrift.inputs import input_facts
from symdrift.records import Record
from symdrift.study.problem import Array
from symdrift.tables import Table, html_page, printed, record_table

UNKNOWN = (
    "Numbers may be off by {error} by these: the next order in the learning rate, which "
    'would tell, is known for learning.rule = "sgd" without momentum only.'
)

SIGNS = (
    "A positive mean rotation of plane i, j turns hidden axis j towards i; the sign of an axis "
    "makes its largest response to an input axis positive."
)


@dataclass(frozen=True, eq=False)
class LayerDrift(Record):
    """How one hidden layer turns, whatever the others do.

    Attributes
    ----------
    layer : str
        Name of the hidden axis.
    decay_matrix : Array
        ``Delta = -1/2 sum V_kk' Omega_k Omega_k'``, shape ``(p, p)``, per step.
    mean_rotation : Array
        ``sum mu_k Omega_k``, shape ``(p, p)``, per step.
    stimuli : tuple of StimulusDrift
        By stimulus, per step.
    """

    layer: str
    decay_matrix: Array
    mean_rotation: Array
    stimuli: tuple[StimulusDrift, ...]


@dataclass(frozen=True, eq=False)
class OrbitEnd(Record):
    """Where learning has ended; what a rule need not have is ``None``.

    Attributes
    ----------
    number, orbits : int
        Of the orbit, and how many were found at which learning can end.
    orbit : FixedOrbit
    slowest_return, fastest_return : float
        Rates at which deviations return per unit of the learning rate, real parts: for a rule
        that descends a loss, eigenvalues of its Hessian.
    """

    behind = MappingProxyType(dict.fromkeys(
        ("hessian_max", "hessian_min", "loss", "singular_values", "rank"), "number"
    ))  # fmt: skip
    singular_values: ClassVar[None] = None
    loss: ClassVar[None] = None
    hessian_min: ClassVar[None] = None
    hessian_max: ClassVar[None] = None

    number: int
    orbits: int
    orbit: FixedOrbit
    slowest_return: float
    fastest_return: float

    @property
    def rank(self) -> int:
        """Hidden axes that respond, in the layer with the fewest of them."""
        return min(int(np.sum(r.any(axis=1))) for r in self.orbit.responses.values())


@dataclass(frozen=True)
class RuleFluctuation(Record):
    """Stationary fluctuation; a rule need not have a loss.

    Attributes
    ----------
    weight_variance : float
        ``tr(Gamma)``.
    """

    excess_loss: ClassVar[None] = None
    behind = MappingProxyType({"excess_loss": "weight_variance"})

    weight_variance: float


@dataclass(frozen=True)
class RuleValidity(Record):
    """How far the leading order holds; what is known of two-layer SGD only is ``None``.

    Attributes
    ----------
    rate_times_curvature : float
        Learning rate times the fastest rate of return: steps are discrete.
    critical_rate : float or None
        Learning rate from which on the fluctuation has no stationary size (`critical_rate`).
    rate_over_critical : float or None
        ``eta`` over that.
    relative_variance : float
        ``tr(Gamma)`` over the squared weights.
    """

    unwritten = ("relative_variance",)

    behind = MappingProxyType(dict.fromkeys(
        ("threshold", "imbalance", "multiplicative_noise"), "rate_times_curvature"
    ) | {"expected_error": "rate_over_critical"})  # fmt: skip
    multiplicative_noise: ClassVar[None] = None
    imbalance: ClassVar[None] = None
    threshold: ClassVar[None] = None

    rate_times_curvature: float
    critical_rate: float | None
    rate_over_critical: float | None
    relative_variance: float

    @property
    def expected_error(self) -> float:
        """How large relative corrections may be: none of them is computed."""
        small = self.rate_times_curvature + self.relative_variance
        return UNKNOWN_FACTOR * max(small, self.later_orders(1.0))

    def later_orders(self, change: float) -> float:
        """As `Validity.later_orders`; 0 where the critical rate is not known."""
        return towards_critical(change, self.rate_over_critical or 0.0)


@dataclass(frozen=True, eq=False)
class RuleEvaluation(Record):
    """Numbers of leading order in the learning rate.

    Attributes
    ----------
    study : str
    parameters : dict
        What was evaluated, by name, in plain Python types.
    minimum : OrbitEnd
    drift : RuleDrift
        By plane of all hidden layers.
    layers : tuple of LayerDrift
    validity : RuleValidity
    warnings : tuple of str
    steps_per_day : float or None
        Where it is known the record has a block of times in days.
    """

    behind = MappingProxyType({
        "approximation": "study", "method": "study", "fluctuation": "minimum", "stimuli": "drift",
        "days": "stimuli",
    })  # fmt: skip
    unwritten = ("layers", "steps_per_day")
    method: ClassVar[str] = "dense"
    approximation: ClassVar[str] = "exact"

    study: str
    parameters: dict[str, Any]
    minimum: OrbitEnd
    drift: RuleDrift
    layers: tuple[LayerDrift, ...]
    validity: RuleValidity
    warnings: tuple[str, ...]
    steps_per_day: float | None = None

    @property
    def fluctuation(self) -> RuleFluctuation:
        return RuleFluctuation(self.drift.weight_variance)

    @property
    def stimuli(self) -> tuple[dict[str, Any], ...]:
        """Records of all layers, with the layer where there are several."""
        named = len(self.layers) > 1
        return tuple(
            {**({"layer": layer.layer} if named else {}), **each.to_dict()}
            for layer in self.layers
            for each in layer.stimuli
        )

    @property
    def days(self) -> dict[str, Any]:
        """How long representations last, in days, in the order of `stimuli`."""
        times = (lifetime(each) for layer in self.layers for each in layer.stimuli)
        return days_record(times, self.steps_per_day or 1.0)

    def written(self) -> tuple[str, ...]:
        """Days where it is known how long one is."""
        left_out = () if self.steps_per_day else ("days",)
        return tuple(name for name in super().written() if name not in left_out)

    @property
    def held_memory(self) -> int:
        """Bytes of its arrays."""
        drift = self.drift
        arrays = (drift.direct, drift.area, drift.fluctuation, drift.rates)
        return sum(array.nbytes for array in arrays)

    def listed(self) -> Iterator[Quantity]:
        """Every number, in the order of the theory; of covariances the diagonal."""
        minimum, drift, several = self.minimum, self.drift, len(self.layers) > 1
        yield Quantity("minimum", "rank", minimum.rank)
        for name in ("slowest_return", "fastest_return"):
            yield Quantity("minimum", name, getattr(minimum, name))
        yield Quantity("fluctuation", "weight_variance", drift.weight_variance)
        for name, value in self.validity.to_dict().items():
            if value is not None:
                yield Quantity("validity", name, value)
        places = [
            (f"{plane.layer}." if several else "") + f"{plane.i}-{plane.j}"
            for plane in drift.planes
        ]
        columns = {
            "covariance": np.diagonal(drift.covariance),
            "diffusion": drift.diffusion,
            "mean_rotation": drift.mean_rotation,
        }
        for name, values in columns.items():
            for place, value in zip(places, values.tolist(), strict=True):
                yield Quantity("drift", name, value, "plane", place)
        for layer in self.layers:
            for stimulus in layer.stimuli:
                label = (f"{layer.layer}." if several else "") + stimulus.name
                for name, value in stimulus.to_dict().items():
                    if name != "name":
                        yield Quantity("stimuli", name, value, "stimulus", label)

    def _repr_html_(self) -> str:
        return html_page(rule_head(self), rule_tables(self), self.warnings)


def rule_head(evaluation: RuleEvaluation) -> str:
    """What was evaluated, and how, in a line."""
    parameters = evaluation.parameters
    momentum = parameters["momentum"]
    beside = f" with momentum {momentum:g}" if momentum else ""
    return (
        f"{evaluation.study}: learning rule {parameters['learning_rule']}{beside}, dense method; "
        "rates per step"
    )


def rule_tables(evaluation: RuleEvaluation) -> list[Table]:
    """Tables of one evaluation: inputs, orbit, planes, stimuli, and how far they hold."""
    # A single unit turns in no plane.
    planes = [_planes(evaluation)] if evaluation.drift.planes else []
    return [*_inputs(evaluation), _orbit(evaluation), *planes, *_seen(evaluation)]


def _inputs(evaluation: RuleEvaluation) -> Iterator[Table]:
    record = evaluation.parameters["input_distribution"]
    if facts := list(input_facts(record)):
        file = [("file", record["file"])] if "file" in record else []
        yield Table("Inputs", ("what", "value"), (*file, *facts))


def _orbit(evaluation: RuleEvaluation) -> Table:
    minimum = evaluation.minimum
    several = len(evaluation.layers) > 1
    responses = tuple(
        (
            "response of the hidden axes" + (f" of {layer}" if several else ""),
            ", ".join(map(printed, np.linalg.norm(response, axis=1).tolist())),
        )
        for layer, response in minimum.orbit.responses.items()
    )
    return Table(
        "Where learning ends, and fluctuation",
        ("quantity", "value"),
        (
            ("hidden axes that respond", str(minimum.rank)),
            *responses,
            ("slowest rate of return, per learning rate", printed(minimum.slowest_return)),
            ("fastest rate of return, per learning rate", printed(minimum.fastest_return)),
            ("mean update left, relative", f"{minimum.orbit.mean_update:.1g}"),
            ("weight variance, tr Gamma", printed(evaluation.drift.weight_variance)),
        ),
        "" if (reached := minimum.orbit.reached) is None else
        f"Ends of learning were looked for from {STARTS} starting points, of which {reached} lead "
        "here, and at no weights at all; there may be others.",
    )  # fmt: skip


def _planes(evaluation: RuleEvaluation) -> Table:
    drift, several = evaluation.drift, len(evaluation.layers) > 1
    headings = {
        "covariance": "variance V",
        "diffusion": "diffusion V/2",
        "mean_rotation": "mean rotation",
    }
    columns = {name: f"{heading}\n{UNITS['drift', name]}" for name, heading in headings.items()}
    values = (np.diagonal(drift.covariance), drift.diffusion, drift.mean_rotation)
    rows = (
        {"layer": plane.layer, "plane": f"{plane.i}, {plane.j}"}
        | dict(zip(columns, numbers, strict=True))
        for plane, *numbers in zip(drift.planes, *(v.tolist() for v in values), strict=True)
    )
    return record_table(
        "Drift by plane of the hidden layer" + ("s" if several else ""),
        {**({"layer": "layer"} if several else {}), "plane": "plane", **columns},
        rows,
        caption=SIGNS if drift.mean_rotation.any() else "",
    )


def _seen(evaluation: RuleEvaluation) -> Iterator[Table]:
    """What is seen of each layer, and how far all of this holds."""
    for layer in evaluation.layers:
        of = f", {layer.layer}" if len(evaluation.layers) > 1 else ""
        rates = {
            name: f"{name.replace('_', ' ')}\n{UNITS['stimuli', name]}"
            for name in ("diffusion", "decay_rate", "mean_speed")
        }
        yield record_table(
            f"Drift by stimulus{of}",
            {"name": "stimulus", "squared_norm": "squared norm", **rates},
            (stimulus.to_dict() for stimulus in layer.stimuli),
        )
        times = lifetimes_table(
            [lifetime(stimulus) for stimulus in layer.stimuli], evaluation.steps_per_day
        )
        yield Table(f"{times.title}{of}", times.head, times.rows, times.caption)
    validity = evaluation.validity
    critical, share = validity.critical_rate, validity.rate_over_critical
    yield Table(
        "How far this holds",
        ("what should be small", "value"),
        (
            (
                "learning rate times the fastest rate of return",
                f"{validity.rate_times_curvature:.2g}",
            ),
            (
                "learning rate over the critical rate"
                + (f" {printed(critical)}" if critical is not None else ""),
                "not computed" if share is None else share_of_critical(share),
            ),
        ),
        UNKNOWN.format(error=at_most_off(validity.expected_error)),
    )

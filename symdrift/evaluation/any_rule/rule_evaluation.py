"""Every number of a rule at one set of parameters: orbit, fluctuation, drift, and what is seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from symdrift.errors import RequestError, counted
from symdrift.evaluation.any_rule.engine import RuleDrift, rule_drift
from symdrift.evaluation.any_rule.fixed_orbit import FixedOrbit, fixed_orbits
from symdrift.evaluation.any_rule.learner import Learner
from symdrift.evaluation.any_rule.rule_critical_rate import critical_rate
from symdrift.evaluation.dense import angular_matrices
from symdrift.evaluation.parts import Drift, StimulusDrift, stimulus_drift
from symdrift.progress import Progress
from symdrift.records import Record
from symdrift.study.problem import Array, Stimulus


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
class RuleEvaluation(Record):
    """Numbers of leading order in the learning rate.

    Attributes
    ----------
    orbit : FixedOrbit
        Where learning has ended.
    orbits : int
        How many were found where it can end.
    drift : RuleDrift
        By plane of all hidden layers.
    layers : tuple of LayerDrift
    rate_times_curvature : float
        Learning rate times the fastest rate of return: steps are discrete.
    critical_rate : float or None
        Learning rate from which on the fluctuation has no stationary size (`critical_rate`).
    warnings : tuple of str
    """

    orbit: FixedOrbit
    orbits: int
    drift: RuleDrift
    layers: tuple[LayerDrift, ...]
    rate_times_curvature: float
    critical_rate: float | None
    warnings: tuple[str, ...]


def evaluate_rule(
    learner: Learner,
    stimuli: Sequence[Stimulus] = (),
    number: int = 1,
    progress: Progress | None = None,
) -> RuleEvaluation:
    """Orbit, fluctuation and drift of a rule.

    Parameters
    ----------
    learner : Learner
    stimuli : sequence of Stimulus
        Whose activity is followed.
    number : int
        Of the orbit, among those of `fixed_orbits`, from 1.
    progress : callable, optional
        Called with the number of finished planes and of all.

    Raises
    ------
    RequestError
        When there is no such orbit, the learning rate is unstable, or for the reasons of
        `fixed_orbits` and `rule_drift`.
    """
    orbits = fixed_orbits(learner)
    if not 1 <= number <= len(orbits):
        raise RequestError(
            "learning.minimum",
            f"= {number} is not there: {counted(len(orbits), 'orbit')} where learning can end "
            f"{'was' if len(orbits) == 1 else 'were'} found",
        )
    orbit = orbits[number - 1]
    critical = critical_rate(learner, orbit.point)
    if critical is not None and learner.learning_rate >= critical:
        raise RequestError(
            "learning.rate",
            f"= {learner.learning_rate:g} must be below {critical:.6g}, from where on the "
            "fluctuation has no stationary size",
        )
    drift = rule_drift(learner, orbit.point, progress)
    warnings = []
    if len(orbits) > 1:
        warnings.append(
            f"learning can end at {counted(len(orbits), 'orbit')}, and these are the numbers of "
            f"number {number}, to which {orbit.reached} of all starting points lead"
        )
    if critical is None:
        warnings.append(
            "the learning rate from which on the fluctuation has no stationary size was not "
            "computed: of rules with momentum and of so many weights it is not"
        )
    if not drift.covariance.any():
        warnings.append("nothing drifts: every covariance of rotations is zero")
    return RuleEvaluation(
        orbit=orbit,
        orbits=len(orbits),
        drift=drift,
        layers=tuple(_layer(drift, *entry, stimuli) for entry in orbit.responses.items()),
        rate_times_curvature=float(
            learner.learning_rate * learner.rule.core[1] * np.abs(drift.rates).max()
        ),
        critical_rate=critical,
        warnings=tuple(warnings),
    )


def _layer(
    drift: RuleDrift, layer: str, response: Array, stimuli: Sequence[Stimulus]
) -> LayerDrift:
    """The part of one hidden layer, with its activity for each input axis, shape ``(p, n)``."""
    own = [place for place, plane in enumerate(drift.planes) if plane.layer == layer]
    planes = tuple((drift.planes[place].i, drift.planes[place].j) for place in own)
    still = np.zeros((len(response), len(response)))
    part = Drift(planes, drift.covariance[np.ix_(own, own)], drift.mean_rotation[own])
    delta, mean = angular_matrices(part, len(response)) if own else (still, still)
    followed = tuple(stimulus_drift(stimulus, response, delta, mean) for stimulus in stimuli)
    return LayerDrift(layer, delta, mean, followed)

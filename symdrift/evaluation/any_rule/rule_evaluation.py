"""Every number of a rule at one set of parameters: orbit, fluctuation, drift, and what is seen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from symdrift.errors import RequestError, counted
from symdrift.evaluation.any_rule.engine import RuleDrift, require_engine_memory, rule_drift
from symdrift.evaluation.any_rule.fixed_orbit import End, orbit_at, orbit_ends
from symdrift.evaluation.any_rule.rule_critical_rate import critical_rate
from symdrift.evaluation.any_rule.rule_result import (
    LayerDrift,
    OrbitEnd,
    RuleEvaluation,
    RuleValidity,
)
from symdrift.evaluation.dense import angular_matrices
from symdrift.evaluation.parts import stimulus_drifts
from symdrift.evaluation.validity import (
    RUNS_AWAY_ABOVE,
    WARN_ABOVE,
    at_most_off,
    share_of_critical,
)
from symdrift.inputs import input_record
from symdrift.progress import Progress
from symdrift.records import plain
from symdrift.study.learner import Learner
from symdrift.study.problem import Array, Stimulus

UNRELIABLE = 0.5
"""Relative error that numbers may have, above which all results are warned of."""

LEAST_STEP = 1e-15
"""Of a deviation, by one step: less is lost in double precision."""


def evaluate_rule(learner: Learner, progress: Progress | None = None) -> RuleEvaluation:
    """Orbit, fluctuation and drift of a rule.

    Parameters
    ----------
    learner : Learner
    progress : callable, optional
        Called with the number of finished planes and of all.

    Raises
    ------
    RequestError
        When there is no such orbit, the learning rate is unstable, memory does not suffice, or
        for the reasons of `orbit_ends`, `orbit_at` and `rule_drift`.
    """
    require_engine_memory(learner)
    ends, number = orbit_ends(learner), learner.minimum
    if not 1 <= number <= len(ends):
        raise RequestError(
            "learning.minimum",
            f"= {number} is not there: {counted(len(ends), 'orbit')} where learning can end "
            f"{'was' if len(ends) == 1 else 'were'} found",
        )
    orbit = orbit_at(learner, ends[number - 1])
    critical = critical_rate(learner, orbit.point)
    if critical is not None and learner.learning_rate >= critical:
        raise RequestError(
            "learning.rate",
            f"= {learner.learning_rate:g} must be below {critical:.6g}, from where on the "
            "fluctuation has no stationary size",
        )
    drift = rule_drift(learner, orbit.point, progress)
    _require_shrinking(learner, drift.rates)
    rates = drift.rates.real
    size = sum(float(np.sum(matrix**2)) for matrix in orbit.point)
    validity = RuleValidity(
        float(learner.learning_rate * learner.rule.core[1] * np.abs(drift.rates).max()),
        critical,
        None if critical is None else learner.learning_rate / critical,
        drift.weight_variance / size if size > 0 else 0.0,
    )
    warnings = list(_warnings(learner, validity))
    warnings += _several(ends, number)
    if not drift.covariance.any():
        warnings.append("nothing drifts: every covariance of rotations is zero")
    return RuleEvaluation(
        study=learner.study,
        parameters=_parameters(learner),
        minimum=OrbitEnd(number, len(ends), orbit, float(rates.min()), float(rates.max())),
        drift=drift,
        layers=tuple(
            layer_drift(drift, *each, learner.stimuli) for each in orbit.responses.items()
        ),
        validity=validity,
        warnings=tuple(warnings),
    )


def orbit_warnings(learner: Learner) -> tuple[str, ...]:
    """Say that learning can end at other orbits than that of a learner, or run away from it.

    Raises
    ------
    RequestError
        As `orbit_ends`.
    """
    ends, number, rate = orbit_ends(learner), learner.minimum, learner.learning_rate
    said = list(_several(ends, number))
    if 1 <= number <= len(ends):
        critical = critical_rate(learner, ends[number - 1][0])
        said += _running_away(rate, 0.0 if critical is None else rate / critical)
    return tuple(said)


def _several(ends: Sequence[End], number: int) -> Iterator[str]:
    if len(ends) > 1 and 1 <= number <= len(ends):
        point, reached = ends[number - 1]
        learned = np.linalg.matrix_rank(point[0])
        how = (
            f"where {counted(int(learned), 'axis', 'axes')} of the inputs "
            f"{'is' if learned == 1 else 'are'} learned; the first has the lowest loss"
            if reached is None
            else f"to which {reached} of {sum(n or 0 for _, n in ends)} starting points lead; "
            "there may be more, to which none of them does"
        )
        yield (
            f"learning can end at {counted(len(ends), 'orbit')}, and these are the numbers of "
            f"number {number}, {how}; --minimum takes another"
        )


def _require_shrinking(learner: Learner, rates: Array) -> None:
    """Refuse a rate at which deviations grow from step to step, noise or none.

    Along an eigenvector of ``J`` to ``-r`` a step of heavy ball has as eigenvalues the roots of
    ``z^2 - (1 + beta - eta r) z + beta``.
    """
    momentum = 1 - 1 / learner.rule.core[1]
    middle = 1 + momentum - learner.learning_rate * rates
    apart = np.sqrt(middle**2 - 4 * momentum)
    if learner.learning_rate * np.abs(rates).max() < LEAST_STEP:
        raise RequestError(
            "learning.rate",
            f"= {learner.learning_rate:g} times the fastest rate of return, "
            f"{np.abs(rates).max():.4g}, is below {LEAST_STEP:g}: no step changes a number of "
            "double precision",
        )
    if np.any(np.abs([(middle + apart) / 2, (middle - apart) / 2]) >= 1):
        raise RequestError(
            "learning.rate",
            f"= {learner.learning_rate:g} is unstable: deviations return at up to "
            f"{np.abs(rates).max():.4g} per learning rate, and grow from step to step",
        )


def _warnings(learner: Learner, validity: RuleValidity) -> Iterator[str]:
    """Where the leading order is doubtful, or nobody knows whether it is."""
    if (source := learner.inputs.source) is not None and source.remark:
        yield source.remark
    curvature, share = validity.rate_times_curvature, validity.rate_over_critical
    if curvature > WARN_ABOVE:
        yield (
            f"learning rate times the fastest rate of return is {curvature:.3g}; the leading-order "
            f"results assume that this is well below {WARN_ABOVE:g}"
        )
    if validity.expected_error > UNRELIABLE:
        yield (
            "numbers of leading order may be off by "
            f"{at_most_off(validity.expected_error)} at this learning rate"
        )
    if share is None:
        yield (
            "the learning rate from which on the fluctuation has no stationary size is not "
            "known here: it is not computed for so many weights"
        )
    else:
        yield from _running_away(learner.learning_rate, share)


def _running_away(rate: float, share: float) -> Iterator[str]:
    if RUNS_AWAY_ABOVE < share < 1:
        yield (
            f"learning.rate = {rate:g} is {share_of_critical(share)} of the critical rate; so near "
            "it learning can run away for good"
        )


def _parameters(learner: Learner) -> dict[str, Any]:
    """The parameters by name, in plain Python types."""
    sizes = [*learner.hidden.values()]
    taught = {} if learner.teacher is None else {
        "teacher": plain(learner.teacher), "label_noise": learner.label_noise.tolist(),
    }  # fmt: skip
    return {
        "inputs": len(learner.inputs.covariance),
        "outputs": len(learner.label_noise),
        "hidden": sizes[0] if len(sizes) == 1 else sizes,
        "input_distribution": input_record(learner.inputs),
        "input_covariance": plain(learner.inputs.covariance),
        **taught,
        "learning_rate": float(learner.learning_rate),
        "batch": int(learner.batch),
        **learner.settings,
    }


def layer_drift(
    drift: RuleDrift, layer: str, response: Array, stimuli: Sequence[Stimulus]
) -> LayerDrift:
    """The part of one hidden layer, with its activity for each input axis, shape ``(p, n)``."""
    delta, mean = angular_matrices(drift.of_layer(layer, len(response)), len(response))
    return LayerDrift(layer, delta, mean, stimulus_drifts(stimuli, response, delta, mean))

"""Any learning rule beside something simpler: noise on the synapses, isotropic inputs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from symdrift.errors import RequestError
from symdrift.evaluation.any_rule import (
    RuleDrift,
    RuleEvaluation,
    layer_drift,
)
from symdrift.evaluation.any_rule.engine import orbit_space
from symdrift.evaluation.evaluate import evaluate_any_rule
from symdrift.inputs import Gaussian
from symdrift.observables.compare import (
    STEP,
    ComparedStudy,
    ScalingRow,
    SynapticComparison,
    compared,
    slope,
)
from symdrift.observables.layer_rates import layer_rates, mean_decay
from symdrift.precision import double_precision
from symdrift.progress import log_stage
from symdrift.rules.noisy_synapses import SynapticNoise
from symdrift.rules.rule import Rule
from symdrift.study.learner import Learner

NO_WHITE_NOISE = (
    'no comparison with white noise: that approximation is there for learning.rule = "sgd" without '
    "momentum only"
)


@double_precision()
def compare_learner(learner: Learner) -> ComparedStudy:
    """A rule beside synaptic noise and isotropic inputs.

    Raises
    ------
    RequestError
        When the study cannot be evaluated.
    """
    found = evaluate_any_rule(learner)
    synaptic, isotropic, warnings = None, None, [NO_WHITE_NOISE]
    log_stage("comparing with synaptic noise")
    try:
        synaptic = synaptic_beside_rule(learner)
    except RequestError as error:
        warnings.append(f"no comparison with synaptic noise: {error}")
    log_stage("comparing with isotropic inputs")
    size = len(learner.inputs.covariance)
    even = Gaussian(float(np.trace(learner.inputs.covariance)) / size * np.eye(size))
    try:
        isotropic = compared(
            found, evaluate_any_rule(replace(learner, inputs=even, minimum=1)),
            "study", "isotropic inputs", planes=False,
        )  # fmt: skip
    except RequestError as error:
        warnings.append(
            "no comparison with isotropic inputs: inputs have no isotropic counterpart of equal "
            f"total variance: {error}"
        )
    return ComparedStudy(learner.study, synaptic, None, isotropic, tuple(warnings))


def synaptic_beside_rule(learner: Learner) -> SynapticComparison:
    """The noise of samples beside noise on every weight, of equal mean decay rate.

    Noise of variance ``varsigma^2`` on the weights turns hidden layers by what the left null
    vectors of the orbit read of it: ``V = varsigma^2 psi' psi``.

    Parameters
    ----------
    learner : Learner
        Its own synaptic noise is left out.

    Raises
    ------
    RequestError
        When the rule cannot be evaluated, or no hidden layer can rotate.
    """
    learner = replace(learner, rule=_quiet(learner.rule))
    found = evaluate_any_rule(learner)
    unit = _shaken(learner, found, 1.0)
    decay, per_variance = (mean_decay(layer_rates(each)).value for each in (found, unit))
    if not per_variance > 0:
        raise RequestError(
            "network.hidden",
            "leaves no plane of a hidden layer that could rotate; a comparison of drifts needs at "
            "least two hidden units",
        )
    variance = decay / per_variance
    return SynapticComparison(
        comparison=compared(
            found, _shaken(learner, found, variance), "noise of samples", "synaptic noise"
        ),
        synaptic_variance=variance,
        scaling=_scaling(learner),
        sizes=(),
    )


def _quiet(rule: Rule) -> Rule:
    return _quiet(rule.rule) if isinstance(rule, SynapticNoise) else rule


def _shaken(learner: Learner, found: RuleEvaluation, variance: float) -> RuleEvaluation:
    """The same with noise on the weights in the place of all other."""
    orbit = found.minimum.orbit
    readings = orbit_space(learner, orbit.point)[1].readings
    still = np.zeros_like(found.drift.area)
    drift = replace(
        found.drift,
        direct=variance * readings.T @ readings,
        area=still,
        mean_rotation=np.zeros(len(still)),
    )
    return _with_drift(learner, found, drift)


def _with_drift(learner: Learner, found: RuleEvaluation, drift: RuleDrift) -> RuleEvaluation:
    responses = found.minimum.orbit.responses
    layers = tuple(layer_drift(drift, *each, learner.stimuli) for each in responses.items())
    return replace(found, drift=drift, layers=layers)


def _scaling(learner: Learner) -> tuple[ScalingRow, ...]:
    """Exponents of both mean decay rates at the study's parameters."""
    small, rate = float(np.exp(STEP)), learner.learning_rate

    def input_power(factor: float) -> Learner:
        return replace(learner, inputs=learner.inputs.scaled(factor))

    def weight_decay(factor: float) -> Learner:
        return replace(learner, rule=_decaying(learner.rule, factor))

    twice = replace(learner, batch=2 * learner.batch)
    rows = [
        _exponents(
            "learning rate", learner.at_rate(rate / small), learner.at_rate(small * rate), 2 * STEP
        ),
        _exponents("batch size", learner, twice, float(np.log(2))),
    ]
    if learner.settings.get("weight_decay"):
        row = _exponents("weight decay", weight_decay(1 / small), weight_decay(small), 2 * STEP)
        rows.append(row)
    rows.append(_exponents("input variance", input_power(1 / small), input_power(small), 2 * STEP))
    return tuple(rows)


def _decaying(rule: Rule, factor: float) -> Rule:
    """The rule with so many times its weight decay."""
    if (inner := getattr(rule, "rule", None)) is not None:
        return replace(rule, rule=_decaying(inner, factor))  # type: ignore[type-var]
    return replace(rule, weight_decay=factor * rule.weight_decay)  # type: ignore[type-var, attr-defined]


def _exponents(parameter: str, before: Learner, after: Learner, step: float) -> ScalingRow:
    samples, synapses = [], []
    for learner in (before, after):
        found = evaluate_any_rule(learner)
        samples.append(mean_decay(layer_rates(found)).value)
        synapses.append(mean_decay(layer_rates(_shaken(learner, found, 1.0))).value)
    return ScalingRow(parameter, slope(samples, step), slope(synapses, step))

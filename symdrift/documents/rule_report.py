"""What a report says in numbers under any learning rule, as `report.Results` of two-layer SGD."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from symdrift.documents.comparison_tables import Comparisons, comparison_tables
from symdrift.documents.computed import computed
from symdrift.documents.drawings import Drawing
from symdrift.documents.findings import Findings
from symdrift.documents.number_tables import simulation_table
from symdrift.documents.numbers import Table
from symdrift.documents.rule_tables import rule_parameters, rule_results
from symdrift.evaluation.any_rule import RuleEvaluation
from symdrift.evaluation.evaluate import evaluate_any_rule
from symdrift.evaluation.validity import percent_off
from symdrift.figures import (
    counterparts,
    decay_rates,
    irrelevant_variance,
    learning_rate,
    observables,
    validation,
)
from symdrift.observables import Observation, observe
from symdrift.observables.compare_rule import compare_learner
from symdrift.observables.rule_process import NO_NEXT_ORDER
from symdrift.progress import Stages
from symdrift.rounding import THEORY_DIGITS, quiet, rounded
from symdrift.study import Study
from symdrift.study.learner import Learner
from symdrift.validation.extrapolate import Extrapolation
from symdrift.validation.judgement import Verdict
from symdrift.validation.validate_rule import pace_of, validate_rule_limit
from symdrift.validation.verdict import listed

_PRECISION = 0.01
"""Standard error of extrapolated ratios that simulations are planned for."""
_SEED = 0


def rule_findings(study: Study, simulated: bool) -> Callable[[Stages], RuleFindings]:
    """What finds the numbers of a rule, begun with those of the theory.

    Where nothing turns nothing is followed or simulated.

    Raises
    ------
    RequestError
        When numbers are missing or outside the theory, or a simulation would not end.
    """
    learner = study.learner()
    exact = evaluate_any_rule(learner)
    drifts = bool(exact.drift.covariance.any())
    simulated = simulated and drifts
    if simulated:
        pace_of(learner)

    def find(stages: Stages) -> RuleFindings:
        seen = []
        for layer in learner.hidden if drifts else ():
            look = partial(observe, learner, seed=_SEED, layer=layer)
            seen.append(computed("observables", learner, look, _SEED, layer))
        stages.reach(30)
        compared = computed("comparisons", learner, partial(_compared, study))
        stages.reach(40)
        extrapolation = None
        if simulated:
            simulate = partial(_simulated, learner, stages)
            extrapolation = computed("simulation", learner, simulate, _SEED, _PRECISION)
        stages.reach(80)
        return RuleFindings(
            extrapolation=extrapolation,
            comparisons=compared,
            learner=learner,
            exact=exact,
            observations=tuple(seen),
        )

    return find


def _compared(study: Study) -> Comparisons | None:
    """The comparisons; synaptic noise of the study itself is left out of all."""
    learner = study.with_values({"learning.synaptic_noise": 0.0}).learner()
    compared = compare_learner(learner)
    if compared.synaptic is None:
        return None
    return Comparisons(compared.synaptic, compared.isotropic)


def _simulated(learner: Learner, stages: Stages) -> Extrapolation:
    progress = stages.stage(40, 80)
    found = validate_rule_limit(learner, None, _SEED, progress, precision=_PRECISION)
    if found.interrupted:
        raise KeyboardInterrupt
    return found


@dataclass(frozen=True, kw_only=True)
class RuleFindings(Findings):
    """Those of a rule.

    Attributes
    ----------
    learner : Learner
    exact : RuleEvaluation
    observations : tuple of Observation
        By hidden layer; none where nothing turns.
    """

    learner: Learner
    exact: RuleEvaluation
    observations: tuple[Observation, ...]

    @property
    def warnings(self) -> tuple[str, ...]:
        # The table of results says it of all numbers.
        known = NO_NEXT_ORDER.format(error=percent_off(self.exact.validity.expected_error))
        seen = (warning for found in self.observations for warning in found.warnings)
        all_of_them = dict.fromkeys((*self.exact.warnings, *seen))
        return tuple(warning for warning in all_of_them if warning != known)

    @property
    def objection(self) -> str | None:
        """What the limit of a vanishing learning rate misses: no next order is known at others."""
        limit = self.extrapolation
        if limit is None or limit.verdict is not Verdict.DISAGREE:
            return None
        missed = [row.quantity for row in limit.rows if limit.judge(row) is Verdict.DISAGREE]
        return f"{limit.objection} on {listed(missed)} in the limit of a vanishing learning rate"

    @property
    def undecided(self) -> tuple[str, ...]:
        validated = self.validation
        if validated is None or validated.verdict is not Verdict.DISAGREE:
            return super().undecided
        return (
            f"at the learning rate of the study {validated.objection}: corrections of higher order "
            "are larger there than the numbers that should be small let expect",
        )

    def tables(self, notation: Mapping[str, str]) -> tuple[Table, ...]:
        limit, compared = self.extrapolation, self.comparisons
        return (
            rule_parameters(self.learner, notation),
            rule_results(self.exact, notation),
            *(() if limit is None else (simulation_table(limit.runs[limit.own], notation, limit),)),
            *(() if compared is None else comparison_tables(compared)),
        )

    def drawings(self) -> Iterator[Drawing]:
        several = len(self.observations) > 1
        line = partial(irrelevant_variance.numbers, self.learner, self.exact, self.extrapolation)
        precision = None if self.extrapolation is None else _PRECISION
        kept = computed("irrelevant variance", self.learner, line, _SEED, precision)
        yield Drawing("irrelevant_variance", irrelevant_variance, kept)
        for found in self.observations:
            layer = found.layer if several and found.layer else ""
            yield Drawing("observables", observables, found, layer)
        if (limits := self.extrapolation) is not None:
            yield Drawing("validation", validation, validation.numbers(limits.runs[limits.own]))
            yield Drawing("learning_rate", learning_rate, learning_rate.numbers(limits))
        if self.observations:
            yield Drawing("decay_rates", decay_rates, decay_rates.numbers_of_rule(self.exact))
        if (compared := self.comparisons) is not None:
            beside = counterparts.numbers(compared.synaptic, compared.isotropic)
            yield Drawing("counterparts", counterparts, beside)

    def record(self) -> dict[str, Any]:
        exact = rounded(_without_noise(self.exact).to_dict(), THEORY_DIGITS)
        return {"exact": exact, **self.beside_theory}


def _without_noise(found: RuleEvaluation) -> RuleEvaluation:
    """Numbers that vanish up to rounding as zeros."""
    drift, orbit = found.drift, found.minimum.orbit
    largest = float(np.abs(drift.covariance).max(initial=0.0))
    mean = quiet(drift.mean_rotation, float(np.sqrt(largest)))
    still = not mean.any()
    layers = tuple(
        replace(
            layer,
            stimuli=tuple(
                replace(each, mean_speed=0.0 if still else each.mean_speed)
                for each in layer.stimuli
            ),
        )
        for layer in found.layers
    )
    responses = {
        layer: quiet(response, float(np.abs(response).max(initial=0.0)))
        for layer, response in orbit.responses.items()
    }
    # What is left of the mean update is rounding where it was found, and so are its digits.
    update = float(quiet(np.array(orbit.mean_update), 1.0))
    return replace(
        found,
        minimum=replace(
            found.minimum, orbit=replace(orbit, responses=responses, mean_update=update)
        ),
        drift=replace(
            drift,
            direct=quiet(drift.direct, largest),
            area=quiet(drift.area, largest),
            mean_rotation=mean,
        ),
        layers=layers,
    )

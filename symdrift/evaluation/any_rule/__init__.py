"""The dense road of any learning rule that does not know its hidden basis.

Stages, each a pure function with a frozen result: `fixed_orbits`, `rule_drift`, `critical_rate`;
`evaluate_rule` runs them all.
"""

from symdrift.evaluation.any_rule.engine import RuleDrift, rule_drift
from symdrift.evaluation.any_rule.fixed_orbit import FixedOrbit, fixed_orbits
from symdrift.evaluation.any_rule.rule_critical_rate import critical_rate
from symdrift.evaluation.any_rule.rule_evaluation import (
    evaluate_rule,
    layer_drift,
    orbit_warnings,
)
from symdrift.evaluation.any_rule.rule_result import LayerDrift, RuleEvaluation
from symdrift.evaluation.any_rule.stable_space import HiddenPlane

__all__ = [
    "FixedOrbit",
    "HiddenPlane",
    "LayerDrift",
    "RuleDrift",
    "RuleEvaluation",
    "critical_rate",
    "evaluate_rule",
    "fixed_orbits",
    "layer_drift",
    "orbit_warnings",
    "rule_drift",
]

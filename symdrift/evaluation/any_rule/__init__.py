"""The dense road of any learning rule that does not know its hidden basis."""

from symdrift.evaluation.any_rule.engine import RuleDrift, rule_drift
from symdrift.evaluation.any_rule.fixed_orbit import FixedOrbit, fixed_orbits
from symdrift.evaluation.any_rule.learner import Learner
from symdrift.evaluation.any_rule.stable_space import HiddenPlane

__all__ = ["FixedOrbit", "HiddenPlane", "Learner", "RuleDrift", "fixed_orbits", "rule_drift"]

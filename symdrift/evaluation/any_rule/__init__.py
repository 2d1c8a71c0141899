"""The dense road of any learning rule that does not know its hidden basis."""

from symdrift.evaluation.any_rule.engine import Learner, RuleDrift, rule_drift
from symdrift.evaluation.any_rule.stable_space import HiddenPlane

__all__ = ["HiddenPlane", "Learner", "RuleDrift", "rule_drift"]

from .derivation.steps import Derivation as Derivation
from .documents import write_derivation as write_derivation
from .documents import write_report as write_report
from .errors import CheckFailed as CheckFailed
from .errors import RequestError as RequestError
from .evaluation.any_rule import RuleEvaluation as RuleEvaluation
from .evaluation.result import Evaluation as Evaluation
from .evaluation.sensitivities import Sensitivities as Sensitivities
from .evaluation.sweep import Sweep as Sweep
from .evaluation.sweep import sweep as sweep
from .evaluation.sweep_axes import Axis as Axis
from .face import compare as compare
from .face import evaluate as evaluate
from .face import evaluate_rule as evaluate_rule
from .face import evaluate_stimuli as evaluate_stimuli
from .face import fit as fit
from .face import observe as observe
from .face import sensitivities as sensitivities
from .face import simulate as simulate
from .face import simulate_rule as simulate_rule
from .face import validate as validate
from .face import validate_rate as validate_rate
from .fitting import Fit as Fit
from .fitting import Measurement as Measurement
from .observables import Observation as Observation
from .observables.compare import ComparedStudy as ComparedStudy
from .simulation import Trajectory as Trajectory
from .simulation.rule_trajectory import RuleTrajectory as RuleTrajectory
from .study import Study as Study
from .study import read_study as read_study
from .study import shipped_studies as shipped_studies
from .teaching.lesson import write_lesson as write_lesson
from .theory.derive import derive as derive
from .validation.extrapolate import Extrapolation as Extrapolation
from .validation.validate import Validation as Validation

__all__: list[str]
__version__: str

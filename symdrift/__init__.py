"""Why the hidden representations of a trained two-layer linear network keep drifting.

>>> import symdrift
>>> study = symdrift.read_study("anisotropic_autoencoder")
>>> symdrift.evaluate(study.problem()).drift.diffusion  # doctest: +SKIP

Names are imported on first use, so that ``import symdrift`` costs nothing and no
numerical command loads SymPy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from symdrift.derivation.steps import Derivation as Derivation
    from symdrift.errors import CheckFailed as CheckFailed
    from symdrift.errors import RequestError as RequestError
    from symdrift.evaluation.evaluate import evaluate as evaluate
    from symdrift.evaluation.evaluate import evaluate_stimuli as evaluate_stimuli
    from symdrift.evaluation.result import Evaluation as Evaluation
    from symdrift.evaluation.result import StimulusEvaluation as StimulusEvaluation
    from symdrift.evaluation.sweep import sweep as sweep
    from symdrift.observables import Observation as Observation
    from symdrift.observables import observe as observe
    from symdrift.observables.compare import compare_study as compare_study
    from symdrift.observables.compare import isotropic_comparison as isotropic_comparison
    from symdrift.observables.compare import synaptic_comparison as synaptic_comparison
    from symdrift.observables.compare import white_noise_comparison as white_noise_comparison
    from symdrift.simulation import simulate as simulate
    from symdrift.study import Study as Study
    from symdrift.study import read_study as read_study
    from symdrift.study import shipped_studies as shipped_studies
    from symdrift.study.problem import LearningProblem as LearningProblem
    from symdrift.study.problem import Stimulus as Stimulus
    from symdrift.teaching.lesson import write_lesson as write_lesson
    from symdrift.theory.derive import derive as derive
    from symdrift.validation.extrapolate import validate_limit as validate_limit
    from symdrift.validation.validate import validate as validate

__version__ = "0.1.0"

_HOMES = {
    "CheckFailed": "symdrift.errors",
    "Derivation": "symdrift.derivation.steps",
    "Evaluation": "symdrift.evaluation.result",
    "LearningProblem": "symdrift.study.problem",
    "Observation": "symdrift.observables",
    "RequestError": "symdrift.errors",
    "Stimulus": "symdrift.study.problem",
    "StimulusEvaluation": "symdrift.evaluation.result",
    "Study": "symdrift.study",
    "compare_study": "symdrift.observables.compare",
    "derive": "symdrift.theory.derive",
    "evaluate": "symdrift.evaluation.evaluate",
    "evaluate_stimuli": "symdrift.evaluation.evaluate",
    "isotropic_comparison": "symdrift.observables.compare",
    "observe": "symdrift.observables",
    "read_study": "symdrift.study",
    "shipped_studies": "symdrift.study",
    "simulate": "symdrift.simulation",
    "sweep": "symdrift.evaluation.sweep",
    "synaptic_comparison": "symdrift.observables.compare",
    "validate": "symdrift.validation.validate",
    "validate_limit": "symdrift.validation.extrapolate",
    "white_noise_comparison": "symdrift.observables.compare",
    "write_lesson": "symdrift.teaching.lesson",
}

__all__ = [
    "CheckFailed",
    "Derivation",
    "Evaluation",
    "LearningProblem",
    "Observation",
    "RequestError",
    "Stimulus",
    "StimulusEvaluation",
    "Study",
    "compare_study",
    "derive",
    "evaluate",
    "evaluate_stimuli",
    "isotropic_comparison",
    "observe",
    "read_study",
    "shipped_studies",
    "simulate",
    "sweep",
    "synaptic_comparison",
    "validate",
    "validate_limit",
    "white_noise_comparison",
    "write_lesson",
]


if not TYPE_CHECKING:  # A checker sees the imports above, and misspelt names as errors.

    def __getattr__(name: str) -> Any:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])

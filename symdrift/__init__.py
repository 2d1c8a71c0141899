"""Why the hidden representations of a trained two-layer linear network keep drifting.

>>> import symdrift
>>> study = symdrift.read_study("anisotropic_autoencoder")
>>> symdrift.evaluate(study).drift.diffusion  # doctest: +SKIP

Names are those of ``__init__.pyi``, imported on first use, so that ``import symdrift`` costs
nothing and no numerical command loads SymPy.
"""

import warnings
from importlib import import_module

import lazy_loader

__version__ = "0.1.0"

_public, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

_FORMER = {
    "LearningProblem": "study.problem.LearningProblem",
    "Stimulus": "study.problem.Stimulus",
    "StimulusEvaluation": "evaluation.result.Evaluation",
    "compare_study": "observables.compare.compare_study",
    "isotropic_comparison": "observables.compare.isotropic_comparison",
    "synaptic_comparison": "observables.compare.synaptic_comparison",
    "validate_limit": "validation.extrapolate.validate_limit",
    "white_noise_comparison": "observables.compare.white_noise_comparison",
}
"""Names that this face had in the release before, and what they name; they go with the next."""


def __getattr__(name: str) -> object:
    if name not in _FORMER:
        return _public(name)
    home, _, attribute = f"{__name__}.{_FORMER[name]}".rpartition(".")
    message = f"symdrift.{name} goes with the next release; it stays as {home}.{attribute}"
    warnings.warn(message, DeprecationWarning, stacklevel=2)
    return getattr(import_module(home), attribute)

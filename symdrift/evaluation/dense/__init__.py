"""The dense numerical road: full matrices, no block structure, no derived formula.

It covers any teacher, any input distribution with known fourth moments and any number
of hidden units, and it is the independent oracle of the closed form.  Stages, each a pure
function with a frozen result: `solve_minimum`, `gradient_fluctuation`, `hidden_drift` or, for
stimuli only, `decay_matrix`; `evaluate` runs them all.
"""

from symdrift.evaluation.dense.frame import CanonicalFrame, reached_hessian
from symdrift.evaluation.dense.landscape import MinimumPoint, minimum_of, solve_minimum
from symdrift.evaluation.dense.lyapunov import (
    NormalFluctuation,
    gradient_fluctuation,
    silent_fluctuation,
    synaptic_fluctuation,
)
from symdrift.evaluation.dense.matrix_road import evaluate
from symdrift.evaluation.dense.noise_factors import (
    gradient_noise,
    gradient_variances,
    reached_noise,
)
from symdrift.evaluation.dense.operator import expected_gradient, expected_loss, hessian_matrix
from symdrift.evaluation.dense.rotation_covariance import (
    angular_matrices,
    decay_matrix,
    hidden_drift,
    mean_rotation_matrix,
)
from symdrift.evaluation.dense.spectrum import NormalSpectrum, normal_spectrum

__all__ = [
    "CanonicalFrame",
    "MinimumPoint",
    "NormalFluctuation",
    "NormalSpectrum",
    "angular_matrices",
    "decay_matrix",
    "evaluate",
    "expected_gradient",
    "expected_loss",
    "gradient_fluctuation",
    "gradient_noise",
    "gradient_variances",
    "hessian_matrix",
    "hidden_drift",
    "mean_rotation_matrix",
    "minimum_of",
    "normal_spectrum",
    "reached_hessian",
    "reached_noise",
    "silent_fluctuation",
    "solve_minimum",
    "synaptic_fluctuation",
]

"""The dense numerical road: full matrices, no block structure, no derived formula.

It covers any teacher, any input distribution with known fourth moments and any number
of hidden units, and it is the independent oracle of the closed form.  Stages, each a pure
function with a frozen result: `solve_minimum`, `hessian_matrix`, `gradient_noise`,
`stationary_fluctuation`, `hidden_drift`; `evaluate` runs them all.
"""

from symdrift.dense.drift import angular_matrices, hidden_drift
from symdrift.dense.fluctuation import NormalFluctuation, stationary_fluctuation
from symdrift.dense.hessian import (
    expected_gradient,
    expected_loss,
    hessian_matrix,
)
from symdrift.dense.minimum import MinimumPoint, solve_minimum
from symdrift.dense.noise import gradient_noise, reachable_basis
from symdrift.dense.road import evaluate
from symdrift.dense.spectrum import NormalSpectrum, normal_spectrum

__all__ = [
    "MinimumPoint",
    "NormalFluctuation",
    "NormalSpectrum",
    "angular_matrices",
    "evaluate",
    "expected_gradient",
    "expected_loss",
    "gradient_noise",
    "hessian_matrix",
    "hidden_drift",
    "normal_spectrum",
    "reachable_basis",
    "solve_minimum",
    "stationary_fluctuation",
]

"""Closed-form road: the generated kernels, evaluated for aligned Gaussian problems.

Nothing here needs SymPy.
"""

from symdrift.evaluation.closed_form.formula_road import (
    AlignedNetwork,
    applies,
    evaluate,
    learned_axes,
)

__all__ = [
    "AlignedNetwork",
    "applies",
    "evaluate",
    "learned_axes",
]

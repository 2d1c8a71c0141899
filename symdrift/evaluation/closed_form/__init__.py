"""Closed-form road: the generated kernels, evaluated for aligned Gaussian problems.

Nothing here needs SymPy.
"""

from symdrift.evaluation.closed_form.formula_road import (
    applies,
    evaluate,
    learned_axes,
    rank,
    validity,
)

__all__ = [
    "applies",
    "evaluate",
    "learned_axes",
    "rank",
    "validity",
]

"""Closed-form road: the generated kernels, evaluated for aligned Gaussian problems.

Nothing here needs SymPy.
"""

from symdrift.evaluation.closed_form.alignment import Alignment, align
from symdrift.evaluation.closed_form.formula_road import (
    active_axes,
    applies,
    evaluate,
    learned_axes,
    rank,
    validity,
)

__all__ = [
    "Alignment",
    "active_axes",
    "align",
    "applies",
    "evaluate",
    "learned_axes",
    "rank",
    "validity",
]

"""Closed-form road: the generated kernels, evaluated for aligned Gaussian problems.

Nothing here needs SymPy.
"""

from symdrift.closed_form.alignment import Alignment, align
from symdrift.closed_form.road import applies, evaluate, evaluate_stimuli

__all__ = ["Alignment", "align", "applies", "evaluate", "evaluate_stimuli"]

"""Which axes the minimum of a study learns, from the formulas of the theory at its numbers."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import sympy as sp

from symdrift.derivation.symbols import GAMMA, symbol
from symdrift.evaluation.alignment import Alignment
from symdrift.evaluation.strict_minima import (
    AxisFormulas,
    Indices,
    active_axes,
    numbered_minima,
    refuse_degenerate,
)
from symdrift.evaluation.units import natural_units
from symdrift.study.problem import Array, LearningProblem
from symdrift.theory.linear.normal_space import NormalSpace
from symdrift.theory.linear.points import (
    AlignedMinimum,
    active_direction,
    inactive_direction,
    learned_value,
    loss_reduction,
)


def learned(problem: LearningProblem, axes: Alignment) -> tuple[Indices, Array]:
    """Axes that the minimum of a problem learns, in the order of the hidden axes, and their values.

    Parameters
    ----------
    problem : LearningProblem
    axes : Alignment
        Those that its teacher and its inputs share.

    Returns
    -------
    positions : ndarray of int
        Shape ``(r,)``.
    singular_values : Array
        By position, shape ``(min(n, m),)``; 0 where nothing is learned.

    Raises
    ------
    RequestError
        When there is no strict minimum, none of the number that is asked for, or no active axis.
    """
    formulas, value = _formulas()
    variances, hidden = axes.input_variances[: axes.gains.size], problem.hidden
    refuse_degenerate(formulas, problem.weight_decay, hidden, variances, axes.gains)
    units = natural_units(problem.teacher, problem.input_covariance)
    natural = variances * units.inputs**2, axes.gains * units.maps
    decay = units.problem(problem).weight_decay
    minima = numbered_minima(formulas, *natural, decay, hidden, problem.minimum, listed=1)
    kept = minima[problem.minimum - 1]
    values = np.zeros(axes.gains.size)
    values[kept] = value(axes.gains[kept], variances[kept], problem.weight_decay)
    return active_axes(values), values


@cache
def _formulas() -> tuple[AxisFormulas, Callable[..., Array]]:
    """What tells minima apart, and the singular value from gain, variance and weight decay."""
    active, other = active_direction("i"), inactive_direction("l")
    space = NormalSpace(AlignedMinimum((active, other), hidden=1, inputs=2, outputs=2))
    (pair,) = (block.hessian for block in space.blocks if block.hessian.rows == 2)
    variance, gain = symbol("input_variance"), symbol("gain")
    value = learned_value(gain, variance)
    of_pair = [symbol(name, k) for k in "il" for name in ("input_variance", "gain")]
    singular_value = learned_value(of_pair[1], of_pair[0])
    curvature = [
        entry.xreplace({active.singular_value: singular_value})
        for entry in (pair[0, 0], pair[1, 1], pair.det())
    ]
    reduction = loss_reduction().xreplace({symbol("singular_value"): value})
    return (
        AxisFormulas(
            sp.lambdify((variance, gain, GAMMA), reduction),
            sp.lambdify((*of_pair, GAMMA), curvature),
        ),
        sp.lambdify((gain, variance, GAMMA), value),
    )

"""Largest eigenvalue of a symmetric operator that is known by what it does to a vector."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from symdrift.evaluation.conjugate_directions import not_found
from symdrift.study.problem import Array

MOST_STEPS = 300

FEW_STEPS = 4
"""After which the next value is about known."""

TOLERANCE = 1e-9
"""Relative uncertainty of the eigenvalue at which the iteration ends, where it is the only one."""

RESIDUAL = 2e-6
"""Largest relative residual with which it ends: eigenvalues that are closer count as one."""

CLOSE = 1e-4
"""The same after `MOST_STEPS`, which many eigenvalues next to the largest take."""


def largest_eigenvalue(apply: Callable[[Array], Array], start: Array) -> float:
    """Largest eigenvalue by Lanczos iteration; three vectors are held.

    Without orthogonalisation against all of them eigenvalues are found again after a while, which
    does no harm to the largest.

    Parameters
    ----------
    apply : callable
        The operator, symmetric on vectors of shape ``(k,)``; what it returns is changed.
    start : Array
        A vector with a share of the eigenvector that is looked for.

    Raises
    ------
    RequestError
        When it is not found.
    """
    before, vector, coupling = np.zeros_like(start), start / np.linalg.norm(start), 0.0
    diagonal: list[float] = []
    couplings: list[float] = []
    largest, residual = 0.0, np.inf
    for _ in range(MOST_STEPS):
        following = apply(vector)
        diagonal.append(float(vector @ following))
        following -= diagonal[-1] * vector
        following -= coupling * before
        coupling = float(np.linalg.norm(following))
        # Only the lower triangle is read.
        values, axes = np.linalg.eigh(np.diag(diagonal) + np.diag(couplings, -1))
        largest = float(values[-1])
        # A value is off by no more than its residual, nor by its square over the distance to the
        # next one, which is no larger once it is known.
        residual = coupling * abs(axes[-1, -1])
        apart = largest - float(values[-2]) if len(values) > FEW_STEPS else residual
        if residual <= RESIDUAL * abs(largest) and (
            residual**2 <= TOLERANCE * abs(largest) * apart
        ):
            return largest
        couplings.append(coupling)
        following /= coupling
        before, vector = vector, following
    if residual > CLOSE * abs(largest):
        raise not_found()
    return largest

"""Largest eigenvalue of a symmetric operator that is known by what it does to a vector."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from symdrift.errors import RequestError
from symdrift.study.problem import Array

Operator = Callable[[Array], Array]

MOST_STEPS = 300

TOLERANCE = 1e-10
"""Relative growth of the eigenvalue in a step at which the iteration ends."""

RESIDUAL = 2e-6
"""Largest relative residual with which it ends: the eigenvalue is off by its square over the
distance to the next one."""

PATIENCE = 25
"""Steps after which the preconditioner is made for a value that is larger by `MARGIN`."""

MARGIN = 0.1

CHANGED = 0.01
"""Relative change of the eigenvalue after which the preconditioner is made again."""


def largest_eigenvalue(
    apply: Operator, start: Array, preconditioner: Callable[[float], Operator]
) -> tuple[float, Array]:
    """Largest eigenvalue and its vector by preconditioned conjugate gradients.

    Six vectors are held.

    In each step the best vector is taken of those that the vector before, its residual,
    preconditioned, and the direction of the last step span.

    Parameters
    ----------
    apply : callable
        The operator, symmetric on vectors of shape ``(k,)``.
    start : Array
        A vector with a share of the eigenvector that is looked for.
    preconditioner : callable
        From a value above the largest eigenvalue to about the inverse of that value less the
        operator.

    Raises
    ------
    RequestError
        When it is not found.
    """
    spanned = (start / np.linalg.norm(start))[np.newaxis]
    images = apply(spanned[0])[np.newaxis]
    value, before, made = float(spanned[0] @ images[0]), 0.0, 0.0
    for number in range(MOST_STEPS):
        residual = images[0] - value * spanned[0]
        size = float(np.linalg.norm(residual))
        if size <= RESIDUAL * value and (
            value - before <= TOLERANCE * value or size**2 <= TOLERANCE**2 * value**2
        ):
            return value, spanned[0]
        # What is about the operator may have a larger eigenvalue than itself.
        above = (value + size) * (1 + MARGIN * (number // PATIENCE))
        if abs(above - made) > CHANGED * made:
            made = above
            precondition = preconditioner(made)
        added = precondition(residual)
        added -= (spanned @ added) @ spanned
        # What is left may be little, and rounding beside it.
        added /= np.linalg.norm(added)
        added -= (spanned @ added) @ spanned
        added /= np.linalg.norm(added)
        spanned, images = np.vstack([spanned, added]), np.vstack([images, apply(added)])
        # Only the lower triangle is read.
        values, shares = np.linalg.eigh(images @ spanned.T)
        before, value = value, float(values[-1])
        kept = _kept(shares[:, -1])
        spanned, images = kept @ spanned, kept @ images
    raise RequestError(
        "network", f"has axes too much alike: its critical rate is not found in {MOST_STEPS} steps"
    )


def _kept(shares: Array) -> Array:
    """The best vector, and that orthogonal to it in which the first of those spanned moved."""
    moved = -shares[0] * shares
    moved[0] += 1.0
    length = float(np.linalg.norm(moved))
    return np.array([shares, moved / length]) if length > 0 else shares[np.newaxis]

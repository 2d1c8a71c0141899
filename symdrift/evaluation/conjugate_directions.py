"""Largest eigenvalues of symmetric operators that are known by what they do to vectors."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from symdrift.errors import RequestError
from symdrift.study.problem import Array

Operator = Callable[[Array], Array]

MOST_STEPS = 300

TOLERANCE = 1e-10
"""Relative growth of the eigenvalue in a step at which the iteration ends."""

RESIDUAL = 2e-6
"""Largest relative residual with which it ends: the eigenvalue is off by its square over the
distance to the next one, or, where several are closer to it than that, by about as much."""

PATIENCE = 25
"""Steps after which the preconditioner is made for a value that is larger by `MARGIN`."""

MARGIN = 0.1

ROWS_TOGETHER = 2**15
"""Entries of a vector that sums are made of at a time."""

CHANGED = 0.01
"""Relative change of the eigenvalue after which the preconditioner is made again."""


def not_found() -> RequestError:
    """Of a network whose critical rate is not found."""
    return RequestError(
        "network", "has axes whose critical rate is not found: "
        "fewer axes that differ, or another weight decay, may help"
    )  # fmt: skip


def largest_eigenvalues(
    apply: Operator, start: Array, preconditioner: Callable[[Array], Operator], operators: int = 1
) -> tuple[Array, Array]:
    """Largest eigenvalue of each operator and its vector by preconditioned conjugate gradients.

    In each step the best vector is taken of those that the vector before, its residual,
    preconditioned, and the direction of the last step span; six vectors are held, and little
    beside them.

    Parameters
    ----------
    apply : callable
        The operators at once, symmetric, on vectors of shape ``(k * operators,)``, the operators
        fastest.
    start : Array
        A vector with a share of each eigenvector that is looked for; its place is used.
    preconditioner : callable
        From values above the largest eigenvalues, shape ``(operators,)``, to about the inverse of
        these values less the operators.
    operators : int

    Returns
    -------
    values : Array
        Shape ``(operators,)``; NaN where it is not found.
    vectors : Array
        Shape ``(k * operators,)``.
    """

    def on(operator: Operator, vector: Array) -> Array:
        return operator(vector.ravel()).reshape(-1, operators)

    spanned = [start.reshape(-1, operators)]
    spanned[0] /= _length(spanned[0])
    images = [on(apply, spanned[0])]
    value, vectors = _dot(spanned[0], images[0]), np.zeros(spanned[0].shape)
    before, made = np.zeros(operators), np.zeros(operators)
    found, going = np.full(operators, np.nan), np.ones(operators, dtype=bool)
    for number in range(MOST_STEPS):
        residual = value * spanned[0]
        np.subtract(images[0], residual, out=residual)
        size = np.sqrt(_dot(residual, residual))
        ends = (value - before <= TOLERANCE * value) | (size**2 <= TOLERANCE**2 * value**2)
        ended = going & (size <= RESIDUAL * value) & ends
        # Once found a value stays: further steps are rounding.
        found[ended], vectors[:, ended] = value[ended], spanned[0][:, ended]
        going &= ~ended
        if not going.any():
            break
        # What is about the operator may have a larger eigenvalue than itself.
        above = (value + size) * (1 + MARGIN * (number // PATIENCE))
        stale = (going & (np.abs(above - made) > CHANGED * made)) | (made == 0)
        if stale.any():
            made = np.where(stale, above, made)
            precondition = preconditioner(made)
        added = on(precondition, residual)
        del residual
        # What is left may be little, and rounding beside it.
        for _ in range(2):
            for each in spanned:
                share = _dot(each, added)
                for here in _rows(added):
                    added[here] -= share * each[here]
            added /= _length(added)
        spanned.append(added)
        images.append(on(apply, added))
        # Only the lower triangle is read.
        products = np.zeros((operators, len(spanned), len(spanned)))
        for i, image in enumerate(images):
            for j in range(i + 1):
                products[:, i, j] = _dot(image, spanned[j])
        values, shares = np.linalg.eigh(products)
        before, value = value, values[:, -1]
        kept = _kept(shares[:, :, -1].T)
        _combine(spanned, kept)
        _combine(images, kept)
    vectors[:, going] = spanned[0][:, going]
    return found, vectors.ravel()


def _combine(vectors: list[Array], shares: Array) -> None:
    """Put sums of vectors, few rows at a time, in the place of the first ones."""
    for here in _rows(vectors[0]):
        parts = [vector[here] for vector in vectors]
        sums = [sum(share * part for share, part in zip(row, parts, strict=True)) for row in shares]
        for part, found in zip(parts, sums, strict=False):
            part[:] = found
    del vectors[len(shares) :]


def _rows(vectors: Array) -> Iterator[slice]:
    """Few rows at a time, so that nothing of the size of a vector is held in passing."""
    step = max(1, ROWS_TOGETHER // vectors.shape[1])
    return (slice(start, start + step) for start in range(0, len(vectors), step))


def _kept(shares: Array) -> Array:
    """The best vector, and that orthogonal to it in which the first of those spanned moved.

    Shares of what is spanned, shape ``(2, spanned, operators)``; zero where nothing moved.
    """
    moved = -shares[0] * shares
    moved[0] += 1.0
    return np.array([shares, _unit(moved)])


def _dot(left: Array, right: Array) -> Array:
    """By operator."""
    return np.asarray(np.einsum("dk,dk->k", left, right))


def _unit(vectors: Array) -> Array:
    """Of length 1, unless it is 0."""
    return np.asarray(vectors / _length(vectors))


def _length(vectors: Array) -> Array:
    """By operator; 1 of what is 0."""
    length = np.sqrt(_dot(vectors, vectors))
    return np.asarray(np.where(length > 0, length, 1.0))

"""Exponentials of one generator at many times."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from symdrift.study.problem import Array

WORST_CONDITION = 1e6
"""Condition of the eigenvectors above which exponentials are computed without them."""
SYMMETRIC = 1e-12
"""Antisymmetric part, relative to the whole, that is rounding."""
GONE = 1e3
"""Times of the slowest decay after which nothing is left of what decays."""

Eigenvectors = NDArray[np.complex128] | Array


@dataclass(frozen=True, eq=False)
class Semigroup:
    """``exp(tau L)`` of a generator whose eigenvalues have no positive real part.

    Attributes
    ----------
    generator : Array
        ``L``, shape ``(d, d)``, per step.
    """

    generator: Array

    def change(self, vectors: Array, lags: Array) -> Array:
        """``(exp(tau L) - 1) v`` without cancellation at small lags.

        In the eigenbasis of ``L``; where its eigenvectors are close to dependent, as a block
        of the exponential of ``[[tau L, tau L v], [0, 0]]``.

        Parameters
        ----------
        vectors : Array
            One or several ``v`` as columns, shape ``(d,)`` or ``(d, c)``.
        lags : Array
            ``tau``, shape ``(T,)``.

        Returns
        -------
        Array
            Shape ``(T, d)`` or ``(T, d, c)``.
        """
        if self._spectrum is not None:
            values, _, _ = self._spectrum
            return self._changed(vectors, np.expm1(np.multiply.outer(values, lags)))
        size = len(self.generator)
        columns = vectors.reshape(size, -1)
        whole = size + columns.shape[1]
        augmented = np.zeros((whole, whole))
        augmented[:size, :size] = self.generator
        augmented[:size, size:] = self.generator @ columns
        shown = np.minimum(lags, self._longest)
        changes = np.stack([scipy.linalg.expm(lag * augmented)[:size, size:] for lag in shown])
        return np.asarray(changes.reshape(len(lags), *vectors.shape))

    def limit(self, vectors: Array) -> Array:
        """``(exp(tau L) - 1) v`` averaged over all lags: what decays or turns is gone.

        Parameters
        ----------
        vectors : Array
            As for `change`.

        Returns
        -------
        Array
            Of the shape of ``vectors``.
        """
        if self._spectrum is None:
            return np.asarray(self.change(vectors, np.array([self._longest]))[0])
        values, _, _ = self._spectrum
        gone = np.where(values == 0, 0.0, -1.0)[:, np.newaxis]
        return np.asarray(self._changed(vectors, gone)[0])

    def _changed(self, vectors: Array, grown: Eigenvectors) -> Array:
        """Change where modes grow to ``1 + grown``, shape ``(modes, T)``."""
        assert self._spectrum is not None
        _, right, left = self._spectrum
        size = len(self.generator)
        columns = vectors.reshape(size, -1)
        # One product of matrices for all lags and columns.
        parts = grown[:, :, np.newaxis] * (left @ columns)[:, np.newaxis]
        changes = (right @ parts.reshape(size, -1)).real.reshape(parts.shape).swapaxes(0, 1)
        return np.asarray(changes.reshape(grown.shape[1], *vectors.shape))

    @cached_property
    def _longest(self) -> float:
        """Lag from which on nothing changes: longer ones would only gather rounding."""
        decay = np.asarray(-np.linalg.eigvals(self.generator).real, dtype=np.float64)
        decaying = decay[decay > _rounding(decay, WORST_CONDITION)]
        return GONE / float(decaying.min(initial=np.inf))

    @cached_property
    def _spectrum(self) -> tuple[Eigenvectors, Eigenvectors, Eigenvectors] | None:
        """Eigenvalues, eigenvectors as columns and their inverse; None when ill-conditioned.

        No mode grows.  One whose rate is rounding stays, as it would otherwise not at long lags.
        """
        generator = self.generator
        skew = np.linalg.norm(generator - generator.T)
        values: Any
        right: Any
        if skew <= SYMMETRIC * np.linalg.norm(generator):
            values, right = np.linalg.eigh(0.5 * (generator + generator.T))
            left, condition = right.T, 1.0
            values = np.minimum(values, 0.0)
        else:
            values, right = np.linalg.eig(generator)
            condition = float(np.linalg.cond(right))
            if not condition < WORST_CONDITION:
                return None
            left = np.linalg.inv(right)
            values = np.asarray(np.minimum(values.real, 0.0) + 1j * values.imag)
        return np.where(np.abs(values) > _rounding(values, condition), values, 0.0), right, left


def _rounding(values: Eigenvectors, condition: float) -> float:
    """Errors of eigenvalues, given the condition of their eigenvectors."""
    largest = float(np.abs(values).max(initial=0.0))
    return len(values) * condition * float(np.finfo(float).eps) * largest

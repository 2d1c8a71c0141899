"""Exponentials of one generator at many times."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from symdrift.problem import Array

WORST_CONDITION = 1e6
"""Condition of the eigenvectors above which exponentials are computed without them."""
SYMMETRIC = 1e-12
"""Antisymmetric part, relative to the whole, that is rounding."""

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
        size = len(self.generator)
        columns = vectors.reshape(size, -1)
        if self._spectrum is not None:
            values, right, left = self._spectrum
            grown = np.expm1(np.multiply.outer(values, lags))
            # One product of matrices for all lags and columns.
            parts = grown[:, :, np.newaxis] * (left @ columns)[:, np.newaxis]
            changes = (right @ parts.reshape(size, -1)).real.reshape(parts.shape).swapaxes(0, 1)
        else:
            whole = size + columns.shape[1]
            augmented = np.zeros((whole, whole))
            augmented[:size, :size] = self.generator
            augmented[:size, size:] = self.generator @ columns
            changes = np.stack([scipy.linalg.expm(lag * augmented)[:size, size:] for lag in lags])
        return np.asarray(changes.reshape(len(lags), *vectors.shape))

    @cached_property
    def _spectrum(self) -> tuple[Eigenvectors, Eigenvectors, Eigenvectors] | None:
        """Eigenvalues, eigenvectors as columns and their inverse; None when ill-conditioned."""
        generator = self.generator
        skew = np.linalg.norm(generator - generator.T)
        if skew <= SYMMETRIC * np.linalg.norm(generator):
            values, right = np.linalg.eigh(0.5 * (generator + generator.T))
            return values, right, right.T
        values, right = np.linalg.eig(generator)
        if not np.linalg.cond(right) < WORST_CONDITION:
            return None
        return values, right, np.linalg.inv(right)

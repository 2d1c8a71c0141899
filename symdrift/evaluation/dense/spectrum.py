"""All Hessian eigenvalues on the normal space of a minimum."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.sparse.csgraph import connected_components

from symdrift.errors import RequestError
from symdrift.evaluation.dense.frame import CanonicalFrame, reached_hessian
from symdrift.study.problem import Array

EPSILON = float(np.finfo(np.float64).eps)

LEAST_CURVATURE = 1e-11
"""Ratio of Hessian eigenvalues of one block below which the smallest have few digits."""


@dataclass(frozen=True, eq=False)
class NormalSpectrum:
    """Curvatures of the expected loss across the minimum-loss manifold.

    Attributes
    ----------
    reached : Array
        On the directions that gradient noise reaches, shape ``(r (n + m - r),)``, increasing.
    imbalance : Array
        Along differences of the two layers' Gram matrices ``W W' - U'U`` of active hidden
        units: ``2 gamma`` each, shape ``(r (r + 1) / 2,)``.
    silent : Array
        Of one silent hidden unit, shape ``(n + m - r,)``: ``2 gamma`` towards each active one,
        ``gamma - sigma`` and ``gamma + sigma`` for the singular values ``sigma`` of what
        ``E Sigma`` leaves out; empty without silent units.
    silent_units : int
        How many silent hidden units there are, ``p - r``.
    """

    reached: Array
    imbalance: Array
    silent: Array
    silent_units: int

    @cached_property
    def distinct(self) -> Array:
        """Eigenvalues in increasing order, those of the silent units listed once."""
        return np.sort(np.concatenate([self.reached, self.imbalance, self.silent]))

    @property
    def smallest(self) -> float:
        return float(self.distinct[0])

    @property
    def largest(self) -> float:
        return float(self.distinct[-1])

    @property
    def dimension(self) -> int:
        """Dimension of the normal space, silent hidden units included."""
        return len(self.reached) + len(self.imbalance) + self.silent_units * len(self.silent)

    @property
    def inverse_trace(self) -> float:
        """``tr(H^-1)`` on the normal space, silent hidden units included."""
        of_active = float(np.sum(1 / self.reached) + np.sum(1 / self.imbalance))
        return of_active + self.silent_units * float(np.sum(1 / self.silent))


def eigensystem(hessian: Array) -> tuple[Array, Array]:
    """Eigenvalues and eigenvectors of a positive Hessian, block by block.

    Directions that nothing couples are kept apart, so that the small curvatures of one block
    are not lost in the rounding of large ones of another.

    Parameters
    ----------
    hessian : Array
        Symmetric, shape ``(k, k)``.

    Returns
    -------
    Array
        Shape ``(k,)``, increasing within each block.
    Array
        One eigenvector per column, shape ``(k, k)``.

    Raises
    ------
    RequestError
        When the curvatures of one block differ by so much that the smallest are rounding.
    """
    size = np.sqrt(np.abs(np.diagonal(hessian)))
    coupled = np.abs(hessian) > EPSILON * size * size[:, np.newaxis]
    count, block_of = connected_components(coupled, directed=False)
    values, vectors = np.empty(len(hessian)), np.zeros(hessian.shape)
    order = np.argsort(block_of, kind="stable")
    for members in np.split(order, np.cumsum(np.bincount(block_of, minlength=count))[:-1]):
        within = np.ix_(members, members)
        values[members], vectors[within] = np.linalg.eigh(hessian[within])
        smallest, largest = values[members][[0, -1]]
        if len(members) > 2 and smallest < LEAST_CURVATURE * largest:
            raise RequestError(
                "inputs",
                "or teacher of scales that differ too much: coupled directions have Hessian "
                f"eigenvalues in a ratio of {smallest / largest:.2g}, and full matrices hold "
                f"ratios down to {LEAST_CURVATURE:g}",
            )
    return values, vectors


def normal_spectrum(
    frame: CanonicalFrame, slope: Array, covariance: Array, weight_decay: float, hidden: int
) -> NormalSpectrum:
    """Hessian eigenvalues on the normal space of a minimum with ``hidden`` hidden units.

    The Hessian leaves the reached directions, the imbalances and each silent unit to
    themselves.  An imbalance changes the product ``U W`` at second order only.

    Parameters
    ----------
    frame : CanonicalFrame
        At a minimum of rank ``r``.
    slope : Array
        ``E Sigma`` there, shape ``(m, n)``.
    covariance : Array
        ``Sigma``, shape ``(n, n)``.
    weight_decay : float
        ``gamma``.
    hidden : int
        Hidden units ``p >= r`` of the network.
    """
    rank = frame.rank
    hessian = reached_hessian(frame, slope, covariance, weight_decay)
    return NormalSpectrum(
        reached=np.sort(eigensystem(hessian)[0]),
        imbalance=np.full(rank * (rank + 1) // 2, 2 * weight_decay),
        silent=_silent_spectrum(frame, slope, weight_decay) if hidden > rank else np.zeros(0),
        silent_units=hidden - rank,
    )


def _silent_spectrum(frame: CanonicalFrame, slope: Array, weight_decay: float) -> Array:
    rank = frame.rank
    left_out = frame.turned(slope)[rank:, rank:]
    slopes = np.linalg.svd(left_out, compute_uv=False) if left_out.size else np.zeros(0)
    unpaired = np.full(abs(frame.outputs - frame.inputs), weight_decay)
    towards_active = np.full(rank, 2 * weight_decay)
    return np.concatenate([towards_active, weight_decay - slopes, weight_decay + slopes, unpaired])

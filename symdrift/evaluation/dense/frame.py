"""The canonical frame of a balanced point, and the directions that gradient noise reaches.

In the singular axes ``P``, ``R`` of the product ``U W = P S R'`` every sample's gradient is the
image ``(U'F, F W')`` of a matrix ``F`` of shape ``(m, n)``.  The images of its entries are
orthogonal to each other and to the orbit: direction ``(a, b)`` is the unit vector

``u_ab = (sqrt(s_a) dW_ab + sqrt(s_b) dU_ab) / sqrt(s_a + s_b)``

of the weight from input axis ``b`` to hidden unit ``a`` and of the weight from hidden unit ``b``
to output axis ``a``.  Pairs in which neither index is active do not exist.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from symdrift.rounding import TIED
from symdrift.study.problem import Array

Indices = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class CanonicalFrame:
    """Singular axes of a balanced point of rank ``r``, completed to bases.

    Attributes
    ----------
    output_axes : Array
        ``P`` as columns, shape ``(m, m)``.
    input_axes : Array
        ``R`` as columns, shape ``(n, n)``.
    singular_values : Array
        ``s``, shape ``(r,)``.
    """

    output_axes: Array
    input_axes: Array
    singular_values: Array

    @property
    def rank(self) -> int:
        return len(self.singular_values)

    @property
    def outputs(self) -> int:
        return len(self.output_axes)

    @property
    def inputs(self) -> int:
        return len(self.input_axes)

    @cached_property
    def positions(self) -> Indices:
        """Number of direction ``(a, b)``, shape ``(m, n)``; -1 where it does not exist."""
        positions = np.full((self.outputs, self.inputs), -1, dtype=np.intp)
        exists = np.ones(positions.shape, dtype=bool)
        exists[self.rank :, self.rank :] = False
        positions[exists] = np.arange(np.count_nonzero(exists))
        return positions

    @cached_property
    def pairs(self) -> tuple[Indices, Indices]:
        """Output index ``a`` and input index ``b`` of every direction, shape ``(k,)`` each."""
        outputs, inputs = np.nonzero(self.positions >= 0)
        return outputs, inputs

    @cached_property
    def lengths(self) -> Array:
        """``sqrt(s_a + s_b)``, shape ``(m, n)``; ``s = 0`` for an inactive index."""
        by_output, by_input = np.zeros(self.outputs), np.zeros(self.inputs)
        by_output[: self.rank] = by_input[: self.rank] = self.singular_values
        return np.asarray(np.sqrt(by_output[:, np.newaxis] + by_input))

    @cached_property
    def first_shares(self) -> Array:
        """Component of ``u_ab`` on the first-layer weight ``W_ab``, shape ``(r, n)``."""
        roots = np.sqrt(self.singular_values)[:, np.newaxis]
        return np.asarray(roots / self.lengths[: self.rank])

    @cached_property
    def second_shares(self) -> Array:
        """Component of ``u_ab`` on the second-layer weight ``U_ab``, shape ``(m, r)``."""
        return np.asarray(np.sqrt(self.singular_values) / self.lengths[:, : self.rank])

    def turned(self, matrix: Array) -> Array:
        """``P' X R`` for ``X`` of shape ``(m, n)``."""
        return self.output_axes.T @ matrix @ self.input_axes

    def weights(self, coefficients: Array) -> Array:
        """Displacements of the weights from coefficients on the directions.

        Parameters
        ----------
        coefficients : Array
            Shape ``(k, c)``, one displacement per column.

        Returns
        -------
        Array
            Displacements of ``Z = [W, U']`` raveled, shape ``(r (n + m), c)``.
        """
        rank, columns = self.rank, coefficients.shape[1]
        first = coefficients[self.positions[:rank]] * self.first_shares[:, :, np.newaxis]
        second = coefficients[self.positions[:, :rank].T]
        second *= self.second_shares.T[:, :, np.newaxis]
        joined = np.empty((rank, self.inputs + self.outputs, columns))
        np.matmul(self.input_axes, first, out=joined[:, : self.inputs])
        np.matmul(self.output_axes, second, out=joined[:, self.inputs :])
        return joined.reshape(-1, columns)


def frame_of(first_layer: Array, second_layer: Array) -> CanonicalFrame:
    """Frame of balanced layers whose hidden units are singular axes of the product.

    Parameters
    ----------
    first_layer : Array
        ``W = S^(1/2) R'``, shape ``(r, n)``.
    second_layer : Array
        ``U = P S^(1/2)``, shape ``(m, r)``.
    """
    values = np.sum(first_layer**2, axis=1)
    roots = np.sqrt(values)
    return CanonicalFrame(
        output_axes=_completed(second_layer / roots),
        input_axes=_completed(first_layer.T / roots),
        singular_values=values,
    )


def _completed(axes: Array) -> Array:
    """Orthonormal columns and a basis of what they leave out, square."""
    left, _, _ = np.linalg.svd(axes, full_matrices=True)
    rest = left[:, axes.shape[1] :].T
    return np.hstack([axes, (towards_axes(rest) @ rest).T])


def towards_axes(basis: Array) -> Array:
    """Rotation of orthonormal rows towards the axes that they span best, in their order.

    Of axes spanned equally well the first are taken: rounding does not tell them apart.
    """
    falling = 1 - TIED * np.linspace(0, 1, basis.shape[1])
    _, _, pivots = scipy.linalg.qr(basis * falling, mode="economic", pivoting=True)
    left, _, right = np.linalg.svd(basis[:, np.sort(pivots[: len(basis)])])
    return np.asarray((left @ right).T)


def reached_hessian(
    frame: CanonicalFrame, slope: Array, covariance: Array, weight_decay: float
) -> Array:
    """Hessian of the expected loss on the reached directions of a balanced point.

    ``delta^2 L = tr(dM Sigma dM') - 2 tr(Sigma E' dU dW) + gamma (|dU|^2 + |dW|^2)`` with
    ``dM_ab = sqrt(s_a + s_b) f_ab`` for coefficients ``f``: the first term couples the
    directions of one output, the second those that share a hidden unit.

    Parameters
    ----------
    frame : CanonicalFrame
    slope : Array
        ``E Sigma`` at the point, shape ``(m, n)``.
    covariance : Array
        ``Sigma``, shape ``(n, n)``.

    Returns
    -------
    Array
        Symmetric, shape ``(k, k)`` with ``k = r (n + m - r)``.
    """
    rank, positions = frame.rank, frame.positions
    size = len(frame.pairs[0])
    hessian = np.zeros((size, size))
    hessian[np.diag_indices(size)] = weight_decay
    turned = frame.input_axes.T @ covariance @ frame.input_axes
    for output in range(frame.outputs):
        known = slice(None) if output < rank else slice(rank)
        index, lengths = positions[output, known], frame.lengths[output, known]
        hessian[np.ix_(index, index)] += lengths[:, np.newaxis] * turned[known, known] * lengths
    slopes = frame.turned(slope)
    for unit in range(rank):
        crossed = frame.second_shares[:, unit, np.newaxis] * slopes * frame.first_shares[unit]
        sent, received = positions[:, unit], positions[unit]
        hessian[np.ix_(sent, received)] -= crossed
        hessian[np.ix_(received, sent)] -= crossed.T
    return hessian

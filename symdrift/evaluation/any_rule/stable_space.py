"""The orbit through a fixed point, its left null vectors, and the space that returns to it.

``J = Df`` need not be symmetric.  What a change of the weights turns is read by the left null
vectors ``psi J = 0``, ``<psi_k, Omega_l theta*> = delta_kl``; the rest lies in the range of ``J``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.linalg

from symdrift.errors import RequestError
from symdrift.evaluation.any_rule.traced_rule import Point, TracedRule
from symdrift.evaluation.dense.coordinates import hidden_planes
from symdrift.records import Record
from symdrift.study.problem import Array

STANDSTILL = 1e-9
"""Rate of return, relative to the fastest, that counts as none."""

ALONG_THE_ORBIT = 1e-8
"""Sine of the angle between the orbit and the range of ``J`` that counts as none."""

STILL = 1e-9
"""Mean update of a fixed point, relative to the rates and the weights."""

APART = 1e7
"""Condition of eigenvectors beyond which they are too close for their basis."""


@dataclass(frozen=True)
class HiddenPlane(Record):
    """A plane of a hidden layer.

    Attributes
    ----------
    layer : str
        Name of the hidden axis.
    i, j : int
        Axes ``i < j``, counted from 1.
    """

    layer: str
    i: int
    j: int


@dataclass(frozen=True, eq=False)
class StableSpace:
    """Coordinates of what returns to the orbit, in which ``J`` is diagonal or triangular.

    Attributes
    ----------
    planes : tuple of HiddenPlane
        Those whose rotation moves the weights.
    tangents : Array
        ``Omega theta*``, shape ``(N, planes)``.
    readings : Array
        ``psi``, shape ``(N, planes)``.
    directions : Array
        A basis of the space, one in each row, shape ``(k, N)``; complex where rates are.
    coordinates : Array
        From a change of the weights its coordinates in that basis, shape ``(k, N)``.
    flow : Array
        ``J`` in that basis: its eigenvalues, shape ``(k,)``, or a quasi-triangular matrix.
    rates : Array
        Eigenvalues of ``-J`` beside the zeros of the orbit, slowest first, complex, shape ``(k,)``.
    """

    planes: tuple[HiddenPlane, ...]
    tangents: Array
    readings: Array
    directions: Array
    coordinates: Array
    flow: Array
    rates: Array

    def stationary(self, noise: Array) -> Array:
        """Solution of ``J X + X J' + C = 0`` in the coordinates, shape ``(k, k)``."""
        if self.flow.ndim == 1:
            return np.asarray(-noise / self._sums)
        return _triangular(self.flow, noise, "N", "T")

    def corrector(self, form: Array) -> Array:
        """Solution of ``J' K + K J + b = 0`` in the coordinates, shape ``(k, k)``."""
        if self.flow.ndim == 1:
            return np.asarray(-form / self._sums)
        return _triangular(self.flow, form, "T", "N")

    @cached_property
    def _sums(self) -> Array:
        return np.asarray(self.flow[:, np.newaxis] + self.flow)


def stable_space(traced: TracedRule, point: Point, jacobian: Array, left: Array) -> StableSpace:
    """The space across the orbit through a fixed point.

    Parameters
    ----------
    traced : TracedRule
    point : tuple of Array
        ``theta*``.
    jacobian : Array
        ``J`` there, shape ``(N, N)``.
    left : Array
        Mean update ``f(theta*)`` that is left, shape ``(N,)``.

    Raises
    ------
    RequestError
        When the point is none, does not attract, or stands still in more ways than the symmetry
        explains.
    """
    planes, tangents = orbit_tangents(traced, point)
    outward, sizes, _ = np.linalg.svd(jacobian)
    _require_fixed(jacobian @ tangents, left, sizes[0], point)
    moving = len(jacobian) - len(planes)
    if moving == 0 or sizes[moving - 1] <= STANDSTILL * sizes[0]:
        found = int(np.sum(sizes <= STANDSTILL * sizes[0]))
        raise RequestError(
            "learning.rule",
            f"stands still in {found} directions at its fixed point, of which the rotations of "
            f"the hidden layers explain {len(planes)}; where variances or gains tie, part them, "
            "and where weight decay is far below the other rates, raise it",
        )
    basis, null = outward[:, :moving], outward[:, moving:]
    crossed = null.T @ tangents
    lengths = np.linalg.norm(tangents, axis=0)
    if len(planes) and np.linalg.svd(crossed / lengths)[1][-1] <= ALONG_THE_ORBIT:
        raise RequestError(
            "learning.rule",
            "has at its fixed point an eigenvalue 0 that is not semisimple: the hidden layer "
            "turns at a speed that its distance from the orbit sets, and does not diffuse",
        )
    readings = np.linalg.solve(crossed, null.T).T if len(planes) else null
    within = basis.T @ jacobian @ basis
    symmetric = np.abs(jacobian - jacobian.T).max() <= 1e-13 * np.abs(jacobian).max()
    flow, axes, into = _diagonal(within, symmetric)
    rates = -(flow if flow.ndim == 1 else np.linalg.eigvals(within)).astype(complex)
    rates = rates[np.argsort(rates.real, kind="stable")]
    if rates[0].real <= STANDSTILL * np.abs(rates).max():
        raise RequestError(
            "learning.rule",
            f"does not return to its fixed point: the mean update has the eigenvalue "
            f"{_eigenvalue(-rates[0])} across the orbit, and none may have a real part of 0 or "
            "more",
        )
    coordinates = into @ (basis.T - (basis.T @ tangents) @ readings.T)
    return StableSpace(planes, tangents, readings, (basis @ axes).T, coordinates, flow, rates)


def orbit_tangents(traced: TracedRule, point: Point) -> tuple[tuple[HiddenPlane, ...], Array]:
    """Planes whose rotation moves the weights, and how, shape ``(N, planes)``."""
    planes, columns = [], []
    for layer in traced.rule.hidden_axes:
        for i, j in hidden_planes(traced.sizes[layer]):
            tangent = generated(traced, layer, (i, j), point)
            if tangent.any():
                planes.append(HiddenPlane(layer, i + 1, j + 1))
                columns.append(tangent)
    return tuple(planes), np.array(columns).reshape(-1, traced.count).T


def generated(traced: TracedRule, layer: str, plane: tuple[int, int], point: Point) -> Array:
    """``Omega theta`` raveled: rows of the layer by ``Omega``, columns by ``Omega' = -Omega``."""
    i, j = plane
    parts = []
    for axes, matrix in zip(traced.rule.weights.values(), point, strict=True):
        change = np.zeros_like(matrix)
        if axes[0] == layer:
            change[i] += matrix[j]
            change[j] -= matrix[i]
        if axes[1] == layer:
            change[:, i] += matrix[:, j]
            change[:, j] -= matrix[:, i]
        parts.append(change.ravel())
    return np.concatenate(parts)


def _require_fixed(moved: Array, left: Array, fastest: float, point: Point) -> None:
    """Refuse a point that moves, or an orbit along which the mean update changes."""
    scale = fastest * np.sqrt(sum(float(np.sum(matrix**2)) for matrix in point))
    if not (scale > 0 or left.any()):
        return  # Nothing is learned, and nothing moves.
    off, turned = np.linalg.norm(left) / scale, np.abs(moved).max(initial=0.0) / scale
    if not max(off, turned) <= STILL:
        raise RequestError(
            "learning.rule",
            "does not rest where it is taken to end: in the time of the fastest return its mean "
            f"update is {max(off, turned):.2g} of the weights, and at most {STILL:g} is allowed; "
            "either this is no fixed point, or fixed points are more than the rotations of one",
        )


def _diagonal(within: Array, symmetric: bool) -> tuple[Array, Array, Array]:
    """``J`` as eigenvalues or a triangular matrix, its basis as columns, and their inverse."""
    if symmetric:
        flow, axes = np.linalg.eigh(0.5 * (within + within.T))
        return flow, axes, axes.T
    flow, axes = np.linalg.eig(within)
    if np.linalg.cond(axes) < APART:
        return flow, axes, np.linalg.inv(axes)
    triangular, vectors = scipy.linalg.schur(within)
    return triangular, vectors, vectors.T


def _triangular(flow: Array, source: Array, first: str, second: str) -> Array:
    solution, scale, _ = scipy.linalg.lapack.dtrsyl(flow, flow, -source, first, second)
    return np.asarray(solution / scale)


def _eigenvalue(value: complex) -> str:
    if abs(value.imag) <= STANDSTILL * abs(value):
        return f"{value.real:.4g}"
    return f"{value.real:.4g} + {abs(value.imag):.4g}i"

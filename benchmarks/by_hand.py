"""The diffusion coefficients of an autoencoder as one would write them for speed, by hand.

Every block's Hessian, noise and fluctuation once per spectrum, with what a term needs of them; the
Sylvester equation by adjugates; no more generality than an autoencoder without label noise.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

CHUNK = 4096


@numba.njit(inline="always", error_model="numpy")  # type: ignore[untyped-decorator]
def _block(a: Any, b: Any, gamma: Any) -> Any:
    """Hessian, noise and fluctuation, with the share of the overlap, of axes of variance a, b."""
    s, t = 1 - gamma / a, 1 - gamma / b
    total = s + t
    first, second = total * b + gamma, total * a + gamma
    det = total * b * total * a + gamma * total * (a + b)
    square = gamma * gamma * s
    c11, c12, c22 = square * b / a, square, square * a / b
    scale = 0.5 / ((first + second) * det)
    m11, m12 = c11 * second + c12 * gamma, c11 * gamma + c12 * first
    m21, m22 = c12 * second + c22 * gamma, c12 * gamma + c22 * first
    g11 = scale * (det * c11 + second * m11 + gamma * m21)
    g12 = scale * (det * c12 + second * m12 + gamma * m22)
    g22 = scale * (det * c22 + gamma * m12 + first * m22)
    return first, second, det, c11, c12, c22, g11, g12, g22


@numba.njit(inline="always", error_model="numpy")  # type: ignore[untyped-decorator]
def _own(a: Any, b: Any, q: Any, gamma: Any) -> Any:
    """The direction of a and the block of b and a."""
    first, second, det, c11, c12, c22, g11, g12, g22 = q
    s, total = 1 - gamma / a, 2 - gamma / a - gamma / b
    h, c = 2 * s * a, 4 * s * gamma * gamma
    scale = 2 / (h * h + h * (first + second) + det)
    r1, r2 = scale * (det + h * total * a), scale * (det + h * total * b)
    k1, k2 = scale * h * (second + gamma + h), scale * h * (first + gamma + h)
    swept = r1 * (r1 * g11 + 2 * r2 * g12) + r2 * r2 * g22
    back = k1 * (k1 * c11 + 2 * k2 * c12) + k2 * k2 * c22
    return 0.5 * c * (swept + back / (2 * h))


@numba.njit(inline="always", error_model="numpy")  # type: ignore[untyped-decorator]
def _joint(p: Any, q: Any, gamma: Any) -> Any:
    """Two blocks with one axis in common."""
    p1, p2, d, pc11, pc12, pc22, pg11, pg12, pg22 = p
    q1, q2, e, qc11, qc12, qc22, qg11, qg12, qg22 = q
    t, u, k = p1 + p2, q1 + q2, gamma * (e - d)
    a, b = q1 + p2, q2 + p1
    scale = 2 / ((e - d) * (e - d) + (t + u) * (t * e + u * d))
    m1, m2 = (t + q2) * e + q1 * d, (t + q1) * e + q2 * d
    y11, y12, y21, y22 = scale * a * m1, scale * a * k, scale * b * k, scale * b * m2
    z11, z12, z21, z22 = 2 - y11, -y12, -y21, 2 - y22
    # Y' C_P Y and Z C_Q Z', both symmetric.
    x11, x12 = pc11 * y11 + pc12 * y21, pc11 * y12 + pc12 * y22
    x21, x22 = pc12 * y11 + pc22 * y21, pc12 * y12 + pc22 * y22
    swept = (y11 * x11 + y21 * x21) * qg11 + (y12 * x12 + y22 * x22) * qg22
    swept += 2 * (y11 * x12 + y21 * x22) * qg12
    w11, w12 = qc11 * z11 + qc12 * z12, qc11 * z21 + qc12 * z22
    w21, w22 = qc12 * z11 + qc22 * z12, qc12 * z21 + qc22 * z22
    swept += (z11 * w11 + z12 * w21) * pg11 + (z21 * w12 + z22 * w22) * pg22
    swept += 2 * (z11 * w12 + z12 * w22) * pg12
    return swept


@numba.njit(error_model="numpy")  # type: ignore[untyped-decorator]
def _loop(spectra: Any, gamma: Any, rate: Any, tensor: Any) -> None:
    networks, size = spectra.shape
    known = np.empty((size, size, 9))
    for k in range(networks):
        spectrum = spectra[k]
        for i in range(size):
            for l in range(size):
                block = _block(spectrum[i], spectrum[l], gamma)
                for m in range(9):
                    known[i, l, m] = block[m]
        for i in range(size):
            tensor[k, i, i] = 0.0
            for j in range(i + 1, size):
                a, b = spectrum[i], spectrum[j]
                area = _own(a, b, _read(known[j, i]), gamma) + _own(b, a, _read(known[i, j]), gamma)
                for l in range(size):
                    if l not in (i, j):
                        area += _joint(_read(known[i, l]), _read(known[j, l]), gamma)
                length = 2 * (2 - gamma / a - gamma / b)
                tensor[k, i, j] = tensor[k, j, i] = rate**3 * area / (2 * length * length)


@numba.njit(inline="always")  # type: ignore[untyped-decorator]
def _read(x: Any) -> Any:
    return x[0], x[1], x[2], x[3], x[4], x[5], x[6], x[7], x[8]


def numba_loop(spectra: Array, gamma: float, rate: float) -> Array:
    """One spectrum after the other, shape (networks, n, n)."""
    tensor = np.empty((*spectra.shape, spectra.shape[1]))
    _loop(spectra, gamma, rate, tensor)
    return tensor


def numpy_chunks(spectra: Array, gamma: float, rate: float) -> Array:
    """The same formulas over chunks of spectra that stay in the cache."""
    networks, size = spectra.shape
    tensor = np.zeros((networks, size, size))
    block, own, joint = _block.py_func, _own.py_func, _joint.py_func
    for start in range(0, networks, CHUNK):
        columns = np.ascontiguousarray(spectra[start : start + CHUNK].T)
        known = [[block(a, b, gamma) for b in columns] for a in columns]
        for i in range(size):
            for j in range(i + 1, size):
                a, b = columns[i], columns[j]
                area = own(a, b, known[j][i], gamma) + own(b, a, known[i][j], gamma)
                for l in range(size):
                    if l not in (i, j):
                        area += joint(known[i][l], known[j][l], gamma)
                length = 2 * (2 - gamma / a - gamma / b)
                found = rate**3 * area / (2 * length * length)
                tensor[start : start + CHUNK, i, j] = tensor[start : start + CHUNK, j, i] = found
    return tensor

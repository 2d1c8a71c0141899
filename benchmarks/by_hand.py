"""The diffusion coefficients of an autoencoder as one would write them for speed, by hand.

Every block's Hessian and noise once per spectrum, with what a term needs of them; sums of positive
terms, which lose no digits where curvatures differ or variances are close to the weight decay; what
all terms of a plane have in common once.  No more generality than an autoencoder with one label
noise, whose axes are all learned.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy import add, divide, multiply, square, subtract
from numpy.typing import NDArray

Array = NDArray[np.float64]

CHUNK, TOGETHER = 8192, 1024
"""Spectra that an operation is about, in one plane or in all of them."""


@numba.njit(inline="always", error_model="numpy")  # type: ignore[untyped-decorator]
def _block(a: Any, b: Any, s: Any, t: Any, e: Any, f: Any, gamma: Any) -> Any:
    """Hessian and noise of axes of variance a, b, without what their singular values add to it."""
    bare, other = (s + t) * b, (s + t) * a
    first, second = bare + gamma, other + gamma
    det, trace = bare * other + gamma * (bare + other), first + second
    weight = 4 / trace
    return (
        bare, other, first, second, det, trace, first * det, second * det, b * e, a * f, weight,
        weight * det,
    )  # fmt: skip


@numba.njit(inline="always", error_model="numpy")  # type: ignore[untyped-decorator]
def _own(h: Any, c: Any, q: Any, gamma: Any) -> Any:
    """The direction of an axis, with Hessian h, and the block of another one and it."""
    bare, other, first, second, det, trace, _, _, n1, n2, weight, moved = q
    scale = 1 / (h * (h + trace) + det)
    y1, y2 = scale * (h * bare + det), scale * (h * other + det)
    z1, z2 = scale * (gamma + h + second), scale * (gamma + h + first)
    swept = y1 * (n1 * y1 + 2 * y2) + n2 * y2 * y2
    back = z1 * (n1 * z1 + 2 * z2) + n2 * z2 * z2
    return c * (weight * swept + (moved + 4 * h) * back)


@numba.njit(inline="always", error_model="numpy")  # type: ignore[untyped-decorator]
def _joint(p: Any, q: Any, gamma: Any) -> Any:
    """Two blocks with one axis in common."""
    _, _, p1, p2, d, t, dp1, dp2, n1, n2, v, dv = p
    _, _, q1, q2, e, u, eq1, eq2, m1, m2, w, ew = q
    te, ud = t * e, u * d
    a1, a2 = te + d * q1 + eq2, te + d * q2 + eq1
    b1, b2 = ud + e * p1 + dp2, ud + e * p2 + dp1
    one, two = q1 + p2, p1 + q2
    scale = 1 / (one * a1 + two * b1)
    one, product = scale * one, scale * one * two
    two = scale * two
    half1, half2 = 0.5 * n1 * m1, 0.5 * n2 * m2
    x1, x2, z1, z2 = n1 * one, n2 * two, m1 * two, m2 * one
    mixed1, mixed2, still = x1 + z1, x2 + z2, 0.5 * (x1 * z2 + x2 * z1) + one * two
    beside = gamma * (d - e)
    o1, o2, o3 = beside * mixed1, beside * mixed2, beside * beside * still
    y1, y2 = one * a1, two * a2
    swept = y1 * (half1 * y1 + (y2 - o1)) + y2 * (half2 * y2 - o2) + o3
    y1, y2 = two * b1, one * b2
    back = y1 * (half1 * y1 + (y2 + o1)) + y2 * (half2 * y2 + o2) + o3
    beside = gamma * (t + u)
    y1, y2 = product * (p2 + q2), product * (p1 + q1)
    rest = y1 * (half1 * y1 + (y2 + beside * mixed1)) + y2 * (half2 * y2 + beside * mixed2)
    return w * swept + v * back + (dv + ew) * (rest + beside * beside * still)


@numba.njit(error_model="numpy")  # type: ignore[untyped-decorator]
def _loop(spectra: Any, gamma: Any, rate: Any, noise: Any, tensor: Any) -> None:
    networks, size = spectra.shape
    known = np.empty((size, size, 12))
    value, single, own, around = np.empty((4, size))
    ratio = noise / gamma**2
    for k in range(networks):
        spectrum = spectra[k]
        for i in range(size):
            value[i] = (spectrum[i] - gamma) / spectrum[i]
            single[i] = 1 / spectrum[i] + ratio
            own[i] = 2 * value[i] * spectrum[i]
            around[i] = 0.5 * (2 + ratio * spectrum[i])
        for i in range(size):
            for l in range(i + 1, size):
                block = _block(
                    spectrum[i], spectrum[l], value[i], value[l], single[i], single[l], gamma
                )
                for m in range(12):
                    known[i, l, m] = block[m]
                    known[l, i, m] = block[m ^ 1 if m < 4 or 5 < m < 10 else m]
        for i in range(size):
            tensor[k, i, i] = 0.0
            for j in range(i + 1, size):
                area = _own(own[i], around[i], _read(known[j, i]), gamma)
                area += _own(own[j], around[j], _read(known[i, j]), gamma)
                for l in range(size):
                    if l not in (i, j):
                        area += _joint(_read(known[i, l]), _read(known[j, l]), gamma)
                share = value[i] * value[j] / (value[i] + value[j]) ** 2
                tensor[k, i, j] = tensor[k, j, i] = rate**3 * gamma**4 / 8 * share * area


@numba.njit(inline="always")  # type: ignore[untyped-decorator]
def _read(x: Any) -> Any:
    return x[0], x[1], x[2], x[3], x[4], x[5], x[6], x[7], x[8], x[9], x[10], x[11]


def numba_loop(spectra: Array, gamma: float, rate: float, noise: float = 0.0) -> Array:
    """One spectrum after the other, shape (networks, n, n)."""
    tensor = np.empty((*spectra.shape, spectra.shape[1]))
    _loop(spectra, gamma, rate, noise, tensor)
    return tensor


def numpy_chunks(spectra: Array, gamma: float, rate: float, noise: float = 0.0) -> Array:
    """The same formulas, as they are, over chunks of spectra that stay in the cache."""
    networks, size = spectra.shape
    tensor = np.zeros((networks, size, size))
    solve, own_term, joint = _block.py_func, _own.py_func, _joint.py_func
    ratio = noise / gamma**2
    for start in range(0, networks, CHUNK):
        lam = np.ascontiguousarray(spectra[start : start + CHUNK].T)
        value, single = (lam - gamma) / lam, 1 / lam + ratio
        own, around = 2 * value * lam, 1 + 0.5 * ratio * lam
        known: dict[tuple[int, int], Any] = {}
        for i in range(size):
            for l in range(i + 1, size):
                block = solve(lam[i], lam[l], value[i], value[l], single[i], single[l], gamma)
                known[i, l] = block
                known[l, i] = [block[m ^ 1 if m < 4 or 5 < m < 10 else m] for m in range(12)]
        for i in range(size):
            for j in range(i + 1, size):
                area = own_term(own[i], around[i], known[j, i], gamma)
                area += own_term(own[j], around[j], known[i, j], gamma)
                for l in range(size):
                    if l not in (i, j):
                        area += joint(known[i, l], known[j, l], gamma)
                area *= rate**3 * gamma**4 / 8 * value[i] * value[j] / (value[i] + value[j]) ** 2
                tensor[start : start + CHUNK, i, j] = tensor[start : start + CHUNK, j, i] = area
    return tensor


def numpy_in_place(spectra: Array, gamma: float, rate: float, noise: float = 0.0) -> Array:
    """The same formulas, all terms of some spectra at a time, in arrays that stay in the cache.

    Block (i, l) stands in row ``i - l - 1`` and column l of ``known``, rows again from the first
    one, so that a shift of rows brings blocks with the axis l in common together, each two once.
    """
    networks, size = spectra.shape
    others, turns = size - 1, (size - 1) // 2
    axes = np.arange(size)
    first = (axes + 1 + np.arange(others + turns)[:, None] % others) % size
    row, column = np.triu_indices(size, 1)
    pairs = len(row)
    place = np.empty((size, size), dtype=int)
    # Pairs the other way around stand behind those in order.
    place[row, column], place[column, row] = np.arange(pairs), np.arange(pairs) + pairs
    here = place[first, axes]
    there = (here + pairs) % (2 * pairs)
    solved = np.empty((4, 2 * pairs, TOGETHER))
    alike = np.empty((4, pairs, TOGETHER))
    known = np.empty((12, *first.shape, TOGETHER))
    w = np.empty((14, others, size, TOGETHER))
    area, areas = np.empty((others, size, TOGETHER)), np.empty((2 * pairs, TOGETHER))
    lam, value, single, own, around, spare = np.empty((6, size, TOGETHER))
    ratio, tensor = noise / gamma**2, np.zeros((networks, size, size))
    for start in range(0, networks, TOGETHER):
        count = min(TOGETHER, networks - start)
        lam[:, :count] = spectra[start : start + count].T
        lam[:, count:] = lam[:, :1]
        divide(subtract(lam, gamma, value), lam, value)
        add(divide(1, lam, single), ratio, single)
        multiply(multiply(2, value, own), lam, own)
        add(multiply(0.5 * ratio, lam, around), 1, around)
        _solve(lam, value, single, gamma, row, column, solved, alike)
        for field, table in zip((0, 2, 6, 8), solved, strict=True):
            table.take(here, 0, known[field], "clip")
            table.take(there, 0, known[field + 1], "clip")
        for field, table in zip((4, 5, 10, 11), alike, strict=True):
            table.take(here % pairs, 0, known[field], "clip")
        _own_in_place(own, around, known[:, :others], gamma, w, area)
        areas[:] = 0.0
        for k in range(others):
            for l in range(size):
                plane = place[first[k, l], l] % pairs
                add(areas[plane], area[k, l], areas[plane])
        for turn in range(1, turns + 1):
            met = turns if 2 * turn == others else others
            found = area[:met]
            _joint_in_place(known[:, :met], known[:, turn : turn + met], gamma, w[:, :met], found)
            for k in range(met):
                for l in range(size):
                    plane = place[first[k, l], first[k + turn, l]] % pairs
                    add(areas[plane], area[k, l], areas[plane])
        for plane, (i, j) in enumerate(zip(row, column, strict=True)):
            total = areas[plane]
            multiply(multiply(value[i], value[j], spare[0]), rate**3 * gamma**4 / 8, spare[0])
            divide(spare[0], square(add(value[i], value[j], spare[1]), spare[1]), spare[0])
            multiply(total, spare[0], total)
            tensor[start : start + count, i, j] = tensor[start : start + count, j, i] = total[
                :count
            ]
    return tensor


def _solve(
    lam: Array, value: Array, single: Array, gamma: float, row: Any, column: Any,
    solved: Array, alike: Array,
) -> None:  # fmt: skip
    """Blocks of all pairs in order, and what is other in the other order."""
    pairs = len(row)
    bare, hessian, moved, noise = solved
    det, trace, weight, weighted = alike
    for p, (i, l) in enumerate(zip(row, column, strict=True)):
        total = add(value[i], value[l], weight[p])
        multiply(total, lam[l], bare[p])
        multiply(total, lam[i], bare[p + pairs])
        multiply(lam[l], single[i], noise[p])
        multiply(lam[i], single[l], noise[p + pairs])
    add(bare, gamma, hessian)
    add(bare[:pairs], bare[pairs:], det)
    multiply(det, gamma, det)
    add(det, multiply(bare[:pairs], bare[pairs:], weight), det)
    add(hessian[:pairs], hessian[pairs:], trace)
    multiply(hessian[:pairs], det, moved[:pairs])
    multiply(hessian[pairs:], det, moved[pairs:])
    divide(4, trace, weight)
    multiply(weight, det, weighted)


def _own_in_place(own: Array, around: Array, q: Array, gamma: float, w: Array, out: Array) -> None:
    bare, other, first, second, det, trace, _, _, n1, n2, weight, moved = q
    scale, y1, y2, z1, z2, swept, back, spare = w[:8]
    multiply(own, add(own, trace, scale), scale)
    divide(1, add(scale, det, scale), scale)
    multiply(scale, add(multiply(own, bare, y1), det, y1), y1)
    multiply(scale, add(multiply(own, other, y2), det, y2), y2)
    shifted = own + gamma
    multiply(scale, add(shifted, second, z1), z1)
    multiply(scale, add(shifted, first, z2), z2)
    for one, two, form in ((y1, y2, swept), (z1, z2, back)):
        add(multiply(n1, one, form), add(two, two, spare), form)
        multiply(one, form, form)
        add(form, multiply(n2, square(two, spare), spare), form)
    add(moved, 4 * own, spare)
    add(multiply(weight, swept, swept), multiply(spare, back, back), out)
    multiply(around, out, out)


def _joint_in_place(p: Array, q: Array, gamma: float, w: Array, out: Array) -> None:
    _, _, p1, p2, d, t, dp1, dp2, n1, n2, v, dv = p
    _, _, q1, q2, e, u, eq1, eq2, m1, m2, weight, ew = q
    a1, a2, b1, b2, one, two, product, mixed1, mixed2, still, half1, half2, x, y = w
    multiply(t, e, x)
    add(add(x, multiply(d, q1, a1), a1), eq2, a1)
    add(add(x, multiply(d, q2, a2), a2), eq1, a2)
    multiply(u, d, x)
    add(add(x, multiply(e, p1, b1), b1), dp2, b1)
    add(add(x, multiply(e, p2, b2), b2), dp1, b2)
    add(q1, p2, one)
    add(p1, q2, two)
    add(multiply(one, a1, x), multiply(two, b1, y), x)
    divide(1, x, x)
    multiply(x, one, one)
    multiply(one, two, product)
    multiply(x, two, two)
    # Y and Z, but for what is beside their diagonals.
    multiply(a1, one, a1)
    multiply(a2, two, a2)
    multiply(b1, two, b1)
    multiply(b2, one, b2)
    multiply(n1, m1, half1)
    multiply(half1, 0.5, half1)
    multiply(n2, m2, half2)
    multiply(half2, 0.5, half2)
    multiply(n1, one, mixed1)
    multiply(n2, two, mixed2)
    multiply(m1, two, x)
    multiply(m2, one, y)
    multiply(mixed1, y, still)
    add(mixed1, x, mixed1)
    add(still, multiply(mixed2, x, x), still)
    add(mixed2, y, mixed2)
    multiply(still, 0.5, still)
    # `one * two` is the product times the scale, which is not held any more.
    add(still, multiply(one, two, x), still)
    multiply(subtract(d, e, x), gamma, x)
    o1, o2 = one, two
    multiply(x, mixed1, o1)
    multiply(x, mixed2, o2)
    multiply(square(x, x), still, x)
    add(subtract(a2, o1, y), multiply(half1, a1, out), y)
    multiply(a1, y, a1)
    multiply(a2, subtract(multiply(half2, a2, y), o2, y), a2)
    add(add(a1, a2, a1), x, a1)
    multiply(weight, a1, out)
    add(add(b2, o1, y), multiply(half1, b1, a2), y)
    multiply(b1, y, b1)
    multiply(b2, add(multiply(half2, b2, y), o2, y), b2)
    add(add(b1, b2, b1), x, b1)
    add(out, multiply(v, b1, b1), out)
    multiply(product, add(p2, q2, x), a1)
    multiply(product, add(p1, q1, x), a2)
    multiply(add(t, u, x), gamma, x)
    multiply(mixed1, x, mixed1)
    multiply(mixed2, x, mixed2)
    multiply(still, square(x, x), still)
    add(add(a2, mixed1, x), multiply(half1, a1, y), x)
    multiply(a1, x, a1)
    multiply(a2, add(multiply(half2, a2, x), mixed2, x), a2)
    add(add(a1, a2, a1), still, a1)
    add(out, multiply(a1, add(dv, ew, x), a1), out)

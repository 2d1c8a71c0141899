"""Compiled measurements at the end of each window: rotation, fluctuation, loss.

Hidden axes are those of the minimum ``W*, U*``.  With ``Z = W W*' + U' U*`` the orthogonal polar
factor ``Q`` of ``Z`` is the rotation of the hidden layer, ``log(Q' Q_next)`` the rotation in a
window, and the squared distance from the manifold
``|Q'W - W*|^2 + |UQ - U*|^2 = |W|^2 + |U|^2 + |W*|^2 + |U*|^2 - 2 tr(Q'Z)``.  The weights with the
rotation undone, ``Q'W`` and ``UQ``, are summed up for the mean displacement.

Silent hidden units are simulated where synapses fluctuate by themselves.  Then ``Z`` has ``r``
columns, its polar factor gives the images of the ``r`` active axes, and the silent ones are
carried along without turning among themselves: with ``Q'Z = [a; b]`` at the last ``Q``, the
columns ``[-a^-T b'; 1]`` span what is orthogonal to ``Q'Z``, so that the polar factor of both
together keeps the images of the active axes and turns the silent ones no more than it must.
"""

from __future__ import annotations

from typing import Any

from symdrift.simulation.lanes import (
    LANES,
    compiled,
    floats,
    inlined,
    load,
    pointer,
    square_root,
    store,
)

POLAR_STEPS = 9
"""Newton steps of the polar decomposition; the scaled iteration converges quadratically."""

SCALARS = 3
"""Numbers measured per replica besides the rotation angles."""


@inlined
def _invert(matrix: Any, first: int, size: int) -> None:
    """Invert in place by Gauss-Jordan elimination; pivots stay on the diagonal.

    Near the manifold the matrices are close to symmetric positive definite ones, so the
    diagonal pivots are safe; where they are not, the orthogonality defect tells.
    """
    one = floats(1.0)
    for k in range(size):
        pivot = one / load(matrix, first + k * size + k)
        store(matrix, first + k * size + k, one)
        for j in range(size):
            store(matrix, first + k * size + j, pivot * load(matrix, first + k * size + j))
        for i in range(size):
            if i != k:
                factor = load(matrix, first + i * size + k)
                store(matrix, first + i * size + k, floats(0.0))
                for j in range(size):
                    store(
                        matrix,
                        first + i * size + j,
                        load(matrix, first + i * size + j)
                        - factor * load(matrix, first + k * size + j),
                    )


@inlined
def _orthogonalise(work: Any, matrix: int, inverse: int, size: int) -> Any:
    """Replace a matrix by its orthogonal polar factor; returns the last change, squared.

    Newton's iteration ``X <- (g X + (g X)^{-T}) / 2`` with Frobenius-norm scaling ``g``.
    """
    change = floats(0.0)
    for _ in range(POLAR_STEPS):
        for k in range(size * size):
            store(work, inverse + k, load(work, matrix + k))
        _invert(work, inverse, size)
        direct = floats(0.0)
        inverted = floats(0.0)
        for k in range(size * size):
            direct = direct + load(work, matrix + k) * load(work, matrix + k)
            inverted = inverted + load(work, inverse + k) * load(work, inverse + k)
        scale = square_root(square_root(inverted / direct))
        left = floats(0.5) * scale
        right = floats(0.5) / scale
        change = floats(0.0)
        for i in range(size):
            for j in range(size):
                before = load(work, matrix + i * size + j)
                after = left * before + right * load(work, inverse + j * size + i)
                store(work, matrix + i * size + j, after)
                change = change + (after - before) * (after - before)
    return change


@inlined
def _product(work: Any, left: int, right: int, target: int, size: int) -> None:
    for i in range(size):
        for j in range(size):
            total = floats(0.0)
            for k in range(size):
                total = total + load(work, left + i * size + k) * load(work, right + k * size + j)
            store(work, target + i * size + j, total)


@inlined
def _logarithm(work: Any, rotation: int, skew: int, second: int, fourth: int, size: int) -> None:
    """Leave ``log R = asinh(S)``, ``S = (R - R') / 2``, of a small rotation in place of ``second``.

    The series is cut after ``S^5``: a relative error below ``|S|^6 / 20``.
    """
    for i in range(size):
        for j in range(size):
            difference = load(work, rotation + i * size + j) - load(work, rotation + j * size + i)
            store(work, skew + i * size + j, floats(0.5) * difference)
    _product(work, skew, skew, second, size)
    _product(work, second, second, fourth, size)
    for k in range(size * size):
        series = floats(3.0 / 40.0) * load(work, fourth + k) - floats(1.0 / 6.0) * load(
            work, second + k
        )
        store(work, fourth + k, series)
    _product(work, fourth, skew, second, size)
    for k in range(size * size):
        store(work, second + k, load(work, second + k) + load(work, skew + k))


@inlined
def _complement(work: Any, matrix: int, inverse: int, active: int, size: int) -> None:
    """Fill the columns from ``active`` on with ``[-a^-T b'; 1]`` (see the module)."""
    for i in range(active):
        for j in range(active):
            store(work, inverse + i * active + j, load(work, matrix + i * size + j))
    _invert(work, inverse, active)
    for k in range(active, size):
        for i in range(active):
            total = floats(0.0)
            for j in range(active):
                total = total - load(work, inverse + j * active + i) * load(
                    work, matrix + k * size + j
                )
            store(work, matrix + i * size + k, total)
        for i in range(active, size):
            store(work, matrix + i * size + k, floats(1.0 if i == k else 0.0))


@compiled
def observe(
    inputs: int,
    hidden: int,
    outputs: int,
    active: int,
    weights_array: Any,
    work_array: Any,
    gauge_array: Any,
    first_star_array: Any,
    second_star_array: Any,
    covariance_array: Any,
    teacher_array: Any,
    weight_decay: float,
    angles_array: Any,
    scalars_array: Any,
    unrotated_array: Any,
    similarity_array: Any,
) -> None:
    """Measure every replica of a block and move its gauge to the present rotation.

    Parameters
    ----------
    active : int
        Hidden units ``r`` that are not silent at the minimum; the first ones.
    weights_array : Array
        Memory of the block.
    work_array : Array
        ``LANES * (5 p^2 + n)`` floats of working memory.
    gauge_array : Array
        Rotations ``Q`` at the last measurement, ``(groups, p, p, LANES)`` flattened; updated.
    first_star_array, second_star_array : Array
        ``W*`` and ``U*`` with the silent units' zeros, flattened.
    covariance_array, teacher_array : Array
        Input second moment and teacher map, flattened.
    angles_array : Array
        Receives the rotation in each plane that contains an active axis since the last
        measurement, ``(groups, planes, LANES)`` flattened.
    scalars_array : Array
        Receives squared distance from the manifold, expected loss without the label noise,
        and the squared change in the last Newton step of the polar decomposition,
        ``(groups, 3, LANES)`` flattened.
    unrotated_array : Array
        To which ``(Q'W, UQ)`` is added, laid out as the memory of the block.
    similarity_array : Array
        To which ``W'W`` is added, ``(groups, n, n, LANES)`` flattened.
    """
    weights = pointer(weights_array)
    work = pointer(work_array)
    gauges = pointer(gauge_array)
    first_star = pointer(first_star_array)
    second_star = pointer(second_star_array)
    covariance = pointer(covariance_array)
    teacher = pointer(teacher_array)
    angles = pointer(angles_array)
    scalars = pointer(scalars_array)
    unrotated = pointer(unrotated_array)
    similarity = pointer(similarity_array)
    size = hidden * (inputs + outputs)
    square = hidden * hidden
    planes = active * hidden - active * (active + 1) // 2
    groups = len(weights_array) // (LANES * size)
    overlap = 0
    relative = square
    rotation = 2 * square
    third = 3 * square
    fourth = 4 * square
    residual = 5 * square
    norm_star = 0.0
    for k in range(hidden * inputs):
        norm_star += first_star[k] * first_star[k]
    for k in range(outputs * hidden):
        norm_star += second_star[k] * second_star[k]
    for group in range(groups):
        w = group * size
        u = w + hidden * inputs
        gauge = group * square
        for i in range(hidden):
            for j in range(active):
                total = floats(0.0)
                for k in range(inputs):
                    total = total + load(weights, w + i * inputs + k) * floats(
                        first_star[j * inputs + k]
                    )
                for k in range(outputs):
                    total = total + load(weights, u + k * hidden + i) * floats(
                        second_star[k * hidden + j]
                    )
                store(work, overlap + i * hidden + j, total)
        for i in range(hidden):
            for j in range(active):
                total = floats(0.0)
                for k in range(hidden):
                    total = total + load(gauges, gauge + k * hidden + i) * load(
                        work, overlap + k * hidden + j
                    )
                store(work, relative + i * hidden + j, total)
        if active < hidden:
            _complement(work, relative, third, active, hidden)
        for k in range(square):
            store(work, rotation + k, load(work, relative + k))
        defect = _orthogonalise(work, rotation, third, hidden)
        norm = floats(norm_star)
        for k in range(size):
            norm = norm + load(weights, w + k) * load(weights, w + k)
        aligned = floats(0.0)
        for i in range(hidden):
            for j in range(active):
                at = i * hidden + j
                aligned = aligned + load(work, relative + at) * load(work, rotation + at)
        store(scalars, group * SCALARS, norm - floats(2.0) * aligned)
        for i in range(hidden):
            for j in range(hidden):
                total = floats(0.0)
                for k in range(hidden):
                    total = total + load(gauges, gauge + i * hidden + k) * load(
                        work, rotation + k * hidden + j
                    )
                store(work, overlap + i * hidden + j, total)
        for k in range(square):
            store(gauges, gauge + k, load(work, overlap + k))
        for i in range(hidden):
            for j in range(inputs):
                total = load(unrotated, w + i * inputs + j)
                for k in range(hidden):
                    total = total + load(gauges, gauge + k * hidden + i) * load(
                        weights, w + k * inputs + j
                    )
                store(unrotated, w + i * inputs + j, total)
        for o in range(outputs):
            for i in range(hidden):
                total = load(unrotated, u + o * hidden + i)
                for k in range(hidden):
                    total = total + load(weights, u + o * hidden + k) * load(
                        gauges, gauge + k * hidden + i
                    )
                store(unrotated, u + o * hidden + i, total)
        for i in range(inputs):
            for j in range(inputs):
                total = load(similarity, (group * inputs + i) * inputs + j)
                for k in range(hidden):
                    total = total + load(weights, w + k * inputs + i) * load(
                        weights, w + k * inputs + j
                    )
                store(similarity, (group * inputs + i) * inputs + j, total)
        _logarithm(work, rotation, relative, third, fourth, hidden)
        plane = group * planes
        for i in range(active):
            for j in range(i + 1, hidden):
                store(angles, plane, load(work, third + i * hidden + j))
                plane += 1
        loss = floats(0.0)
        for k in range(size):
            loss = loss + load(weights, w + k) * load(weights, w + k)
        loss = floats(weight_decay) * loss
        for o in range(outputs):
            for j in range(inputs):
                error = floats(teacher[o * inputs + j])
                for i in range(hidden):
                    error = error - load(weights, u + o * hidden + i) * load(
                        weights, w + i * inputs + j
                    )
                store(work, residual + j, error)
            for j in range(inputs):
                total = floats(0.0)
                for k in range(inputs):
                    total = total + floats(covariance[j * inputs + k]) * load(work, residual + k)
                loss = loss + total * load(work, residual + j)
        store(scalars, group * SCALARS + 1, floats(0.5) * loss)
        store(scalars, group * SCALARS + 2, defect)

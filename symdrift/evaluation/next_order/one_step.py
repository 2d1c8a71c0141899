"""One step of training, in powers of the root of the learning rate.

Weights are ``Q (theta* + epsilon n)``: a rotation ``Q`` of the hidden layer, and a deviation ``n``
orthogonal to the orbit.  A step adds ``epsilon^2 F(theta* + epsilon n)``, with
``F = F_0 + epsilon F_1 n + epsilon^2 F_2 n n + epsilon^3 F_3 n n n``, and is read as

``theta* + epsilon n + epsilon^2 F = exp(Xi) (theta* + epsilon n')``.

The rotation ``Xi`` begins at ``epsilon^3``, since no sample's gradient has a component along the
orbit; power by power its part along the orbit fixes ``Xi``, and what remains is ``n'``.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from symdrift.evaluation.next_order.batches import Ensemble
from symdrift.evaluation.next_order.polynomials import (
    PolynomialMatrix,
    constant,
    symmetrised,
)
from symdrift.rules.rule import Rule
from symdrift.study.problem import Array

AT_A_TIME = 2**16
"""Entries of a form that are held at a time where samples are only summed over."""


@dataclass(frozen=True, eq=False)
class Samples:
    """Points that stand for the samples of a problem.

    Attributes
    ----------
    inputs, noise : Array
        Shapes ``(K, n)`` and ``(K, m)``, or with a last axis of columns, whose updates are added.
    weights : Array
        With which averages of polynomials of even degree up to eight are exact, shape ``(K,)``.
    """

    inputs: Array
    noise: Array
    weights: Array

    def __getitem__(self, part: slice | Array) -> Samples:
        return Samples(self.inputs[part], self.noise[part], self.weights[part])

    def reduced(self) -> tuple[Samples, Ensemble]:
        """Fewer points, from which everything linear in ``x x'`` and ``epsilon x'`` is found.

        A function of this kind is known in every sample when it is at the origin, at the unit
        vectors and at the sums of two of them.
        """
        inputs, size = self.inputs, self.inputs.shape[1]
        noisy = np.flatnonzero(self.noise.any(axis=0))
        rows, columns = np.triu_indices(size, 1)
        pairs = inputs[:, rows] * inputs[:, columns]
        crossed = self.noise[:, np.newaxis, noisy] * inputs[:, :, np.newaxis]
        alone = inputs * (2 * inputs - inputs.sum(axis=1, keepdims=True)) - crossed.sum(axis=2)
        shares = np.hstack([alone, pairs, crossed.reshape(len(inputs), -1)])
        count = 1 + shares.shape[1]
        if len(inputs) <= count:
            return self, Ensemble(self.weights, np.eye(len(inputs)))
        shares = np.hstack([1 - shares.sum(axis=1, keepdims=True), shares])
        unit = np.eye(size)
        points = [np.zeros((1, size)), unit, unit[rows] + unit[columns]]
        points.append(np.repeat(unit, len(noisy), axis=0))
        noise = np.zeros((count, self.noise.shape[1]))
        last = noise[count - size * len(noisy) :]
        last[:, noisy] = np.tile(np.eye(len(noisy)), (size, 1))
        unweighted = np.full(count, np.nan)
        return Samples(np.concatenate(points), noise, unweighted), Ensemble(self.weights, shares)


@dataclass(frozen=True, eq=False)
class Slice:
    """Coordinates across the orbit, at one of its points.

    Attributes
    ----------
    rule : Rule
    point : tuple of Array
        Weights ``theta*``, as the rule orders them.
    normal : Array
        Orthonormal axes of the deviation, shape ``(weights, d)``.
    curvatures : Array
        ``h``, of the expected loss along them, shape ``(d,)``.
    reading : Array
        What turns weights into angles of rotation, shape ``(planes, weights)``.
    generators : Array
        ``E_ij - E_ji`` of each plane, shape ``(planes, p, p)``.
    turned : Array
        A normal axis turned by a generator, in normal coordinates, shape ``(planes, d, d)``;
        the last axis is that of the result.
    turned_angles : Array
        The same as angles, shape ``(planes, d, planes)``.
    twice_turned : Array
        ``theta*`` turned by two generators, the second first, as angles, shape
        ``(planes, planes, planes)``.
    commutators : Array
        ``[X_a, X_b] = sum_c f_abc X_c``, shape ``(planes, planes, planes)``.
    """

    rule: Rule
    point: tuple[Array, ...]
    normal: Array
    curvatures: Array
    reading: Array
    generators: Array
    turned: Array
    turned_angles: Array
    twice_turned: Array
    commutators: Array

    @property
    def dimension(self) -> int:
        """Normal coordinates ``d``."""
        return len(self.curvatures)


def slice_at(rule: Rule, point: tuple[Array, ...], samples: Samples, hidden: int) -> Slice:
    """Coordinates across the orbit through a minimum.

    Parameters
    ----------
    rule : Rule
    point : tuple of Array
        Weights at the minimum.
    samples : Samples
        Exact to the second degree, which the expected update needs.
    hidden : int
        Hidden units ``p``.  Active ones come first; planes of two silent ones move no weight and
        are left out.
    """
    rows, columns = np.triu_indices(hidden, 1)
    active = np.count_nonzero(point[0].any(axis=1))
    rows, columns = rows[rows < active], columns[rows < active]
    places = np.arange(len(rows))
    generators = np.zeros((len(rows), hidden, hidden))
    generators[places, rows, columns], generators[places, columns, rows] = 1.0, -1.0

    def turned(weights: Array) -> Array:
        """Weights raveled along the first axis, shape ``(..., weights)``, by every generator."""
        return np.array([_turned(rule, point, generator, weights) for generator in generators])

    flat = _raveled(point)
    size = len(flat)
    tangents = turned(flat).reshape(len(rows), size)
    basis, _ = np.linalg.qr(tangents.T)
    outside = np.eye(size) - basis @ basis.T
    forms = update_forms(rule, point, np.eye(size), samples, 1)
    response = np.tensordot(samples.weights, forms[1], 1)
    hessian = -symmetrised(response, 0)
    # Curvatures on the orbit itself are moved out of the way.
    lifted = outside @ hessian @ outside + 2 * np.trace(hessian) * basis @ basis.T
    curvatures, axes = np.linalg.eigh(lifted)
    dimension = size - len(rows)
    normal = axes[:, :dimension]
    reading = np.linalg.solve(tangents @ tangents.T, tangents) if len(rows) else tangents
    moved = turned(normal.T).reshape(len(rows), dimension, size)
    twice = turned(tangents).reshape(len(rows), len(rows), size)
    products = np.einsum("aij,bjk->abik", generators, generators)
    return Slice(
        rule=rule,
        point=point,
        normal=normal,
        curvatures=curvatures[:dimension],
        reading=np.asarray(reading),
        generators=generators,
        turned=moved @ normal,
        turned_angles=moved @ reading.T,
        twice_turned=twice @ reading.T,
        commutators=(products - products.swapaxes(0, 1))[:, :, rows, columns],
    )


def _raveled(weights: tuple[Array, ...]) -> Array:
    return np.concatenate([matrix.ravel() for matrix in weights])


def _turned(rule: Rule, point: tuple[Array, ...], generator: Array, weights: Array) -> Array:
    """What an infinitesimal rotation adds to weights, shape ``(..., weights)``."""
    matrices = tuple(constant(matrix, 1) for matrix in _separated(weights, point))
    identity = np.eye(len(generator))
    rotation = PolynomialMatrix(
        {0: identity[..., np.newaxis], 1: generator[..., np.newaxis, np.newaxis]}, 1
    )
    moved = [matrix.form(1)[..., 0] for matrix in rule.turned({"hidden": rotation}, matrices)]
    return np.concatenate(moved, axis=1).reshape(weights.shape)


def step_fields(slice_: Slice, samples: Samples, fluctuation: Array) -> dict[str, Array]:
    """What every sample does to rotation and deviation.

    Parameters
    ----------
    slice_ : Slice
    samples : Samples
    fluctuation : Array
        ``Gamma``, shape ``(d, d)``.

    Returns
    -------
    dict of str to Array
        The fields, linear in the sample's update, each with a first axis for the samples:

        - ``force`` (d,): ``F_0``, the new deviation at ``epsilon``;
        - ``response`` (d, d): its next power, linear in ``n``;
        - ``bend`` (d, d, d): the next, quadratic;
        - ``mixed`` (d, d) and ``traced`` (d,): these two, contracted with ``Gamma``;
        - ``turn`` (planes, d): the rotation at ``epsilon^3``, linear;
        - ``second_turn`` (planes, d, d): at ``epsilon^4``, quadratic;
        - ``third_turn`` (planes, d): at ``epsilon^5``, the cubic part, of which two factors are
          contracted with ``Gamma`` in every way.
    """
    read = slice_.reading
    first, second, third = update_forms(slice_.rule, slice_.point, slice_.normal, samples, 2)
    turn = read @ second
    # Averaged over deviations, the response has more: three times the cubic form.  That of a
    # gradient is symmetric, so that the few directions that are read may come first.
    around = _around(slice_, fluctuation)
    averaged = np.zeros((len(turn), *read.T.shape))
    for part in _parts(len(around), averaged.size):
        some = around[part]
        points = _separated(np.repeat(some, len(turn), axis=0), slice_.point)
        each = samples[np.tile(np.arange(len(turn)), len(some))]
        responses = update_forms(slice_.rule, points, read.T, each, 1)[1]
        for response in responses.reshape(len(some), *averaged.shape):
            averaged += response / len(around)
    second_turn = _projected(read, third) - _after(turn, slice_.turned_angles)
    response = slice_.normal.T @ second
    bend = _projected(slice_.normal.T, third) - _after(turn, slice_.turned)
    lost = 2 * second_turn @ fluctuation
    level = np.einsum("zbij,ij->zb", second_turn, fluctuation)
    return {
        "force": first @ slice_.normal,
        "response": response,
        "mixed": response @ fluctuation,
        "bend": bend,
        "traced": np.tensordot(bend, fluctuation, 2),
        "turn": turn,
        "second_turn": second_turn,
        "third_turn": (slice_.normal.T @ averaged).swapaxes(1, 2)
        - turn
        - np.einsum("zbil,bla->zai", lost, slice_.turned_angles, optimize=True)
        - np.einsum("zb,bla->zal", level, slice_.turned_angles, optimize=True),
    }


def _parts(count: int, entries: int) -> list[slice]:
    """Slices of so many forms of so many entries, few enough to be held."""
    block = max(1, AT_A_TIME // max(entries, 1))
    return [slice(start, start + block) for start in range(0, count, block)]


def _around(slice_: Slice, fluctuation: Array) -> Array:
    """Rows of weights whose deviations from the minimum have mean 0 and covariance ``Gamma``."""
    variances, axes = np.linalg.eigh(fluctuation)
    size = len(variances)
    deviations = slice_.normal @ (axes * np.sqrt(size * np.maximum(variances, 0)))
    both = np.stack([deviations.T, -deviations.T], axis=1).reshape(2 * size, -1)
    return np.asarray(_raveled(slice_.point) + both)


def _separated(flat: Array, like: tuple[Array, ...]) -> tuple[Array, ...]:
    """Matrices of the shapes of others from weights raveled along the last axis."""
    shapes = [matrix.shape[-2:] for matrix in like]
    parts = np.split(flat, np.cumsum([prod(shape) for shape in shapes])[:-1], axis=-1)
    return tuple(
        part.reshape(*flat.shape[:-1], *shape) for part, shape in zip(parts, shapes, strict=True)
    )


def update_forms(
    rule: Rule, point: tuple[Array, ...], axes: Array, samples: Samples, highest: int
) -> list[Array]:
    """``F_0``, ``F_1``, ... of every sample, multilinear forms of a deviation along some axes.

    Parameters
    ----------
    point : tuple of Array
        Weights, or those of each sample along the first axis.
    axes : Array
        Shape ``(weights, d)``.
    highest : int
        Degree of the last form.

    Returns
    -------
    list of Array
        Shapes ``(K, weights)``, ``(K, weights, d)``, and so on.
    """
    along = _separated(axes.T, point)
    weights = tuple(
        PolynomialMatrix(
            {
                **constant(matrix, highest).terms,
                1: np.moveaxis(linear, 0, -1)[:, :, np.newaxis],
            },
            highest,
        )
        for matrix, linear in zip(point, along, strict=True)
    )
    update = rule.update(
        weights,
        constant(samples.inputs.reshape(*samples.inputs.shape[:2], -1), highest),
        constant(samples.noise.reshape(*samples.noise.shape[:2], -1), highest),
    )
    return [
        np.concatenate([matrix.form(degree) for matrix in update], axis=1)
        for degree in range(highest + 1)
    ]


def _projected(rows: Array, form: Array) -> Array:
    """Components of a form on some directions, shape ``(K, directions) + ...``."""
    return np.asarray(np.moveaxis(np.tensordot(form, rows, axes=(1, 1)), -1, 1))


def _after(turn: Array, moved: Array) -> Array:
    """A turn that is linear in ``n``, applied to ``n``: a symmetric form of degree two."""
    return symmetrised(np.einsum("zbi,bja->zaij", turn, moved, optimize=True), 2)


def expected_forms(
    slice_: Slice, samples: Samples, second_turn: Array, covariance: Array
) -> dict[str, Array]:
    """Forms of the expected update, which the second moment of the inputs decides.

    It is the slope of the expected loss, so that its forms are symmetric in all factors.  Cubic
    ones, which are large, are known by contractions: as differences of lower ones at other points,
    which are exact, since the update is cubic itself.

    Parameters
    ----------
    slice_ : Slice
    samples : Samples
        Exact to the second degree.
    second_turn : Array
        Its mean, shape ``(planes, d, d)``.
    covariance : Array
        ``Gamma``, shape ``(d, d)``.

    Returns
    -------
    dict of str to Array
        ``pull`` (d, d, d), the quadratic update along the normal axes, and ``cubic_pull`` (d, d),
        the cubic one, of which two factors are contracted with ``Gamma``; ``third_turn``
        (planes, d, d, d), the cubic part of the rotation at ``epsilon^5``; ``third_bend`` (d, d),
        that of the new deviation, contracted with ``Gamma``, and ``sloped_bend`` (planes, d, d),
        contracted with that and with ``second_turn`` over sums of two curvatures, which takes
        the place of the result.
    """
    normal, turned = slice_.normal, slice_.turned
    still = _raveled(slice_.point)

    def forms(displaced: Array, degree: int) -> Array:
        """Of some degree, of the expected update at some points."""
        points = _separated(still + displaced, slice_.point)
        total = np.zeros(())
        for place, weight in enumerate(samples.weights):
            one = samples[place : place + 1]
            total = total + weight * update_forms(slice_.rule, points, normal, one, degree)[degree]
        return np.tensordot(total, normal, (1, 0))

    size = slice_.dimension
    two = slice_.curvatures[:, np.newaxis] + slice_.curvatures
    slopes = second_turn / two @ covariance
    values, axes = np.linalg.eigh(np.concatenate([covariance[np.newaxis], symmetrised(slopes, 1)]))
    aside = (normal @ axes).swapaxes(1, 2).reshape(-1, len(still))
    there, back = forms(np.concatenate([aside, -aside]), 1).reshape(2, *axes.shape, size)
    apart = there + back + 2 * np.diag(slice_.curvatures)
    cubic = np.einsum("me,mekl->mkl", values / 6, apart)
    quadratic = forms(np.concatenate([np.zeros((1, len(still))), slice_.reading]), 2)
    after = np.einsum("bij,bla->aijl", second_turn, slice_.turned_angles)
    bent = (
        np.einsum("b,bma->am", np.tensordot(second_turn, covariance, 2), turned)
        + 2 * np.tensordot(turned, second_turn @ covariance, ((0, 1), (0, 2)))
    ) / 3
    passed = turned @ slopes[:, np.newaxis]
    sloped = (
        np.tensordot(np.trace(passed, axis1=2, axis2=3), second_turn, 1)
        + 2 * np.tensordot(second_turn, passed, ((0, 2), (1, 3))).swapaxes(0, 1)
    ) / 3
    return {
        "pull": quadratic[0],
        "cubic_pull": cubic[0],
        "third_turn": (quadratic[1:] - quadratic[0]) / 3 - symmetrised(after, 1),
        "third_bend": cubic[0] - bent,
        "sloped_bend": cubic[1:] - symmetrised(sloped, 1),
    }

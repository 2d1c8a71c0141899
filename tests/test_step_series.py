"""Exact moments and rotations of explicit networks, against the numbers of the next order."""

from __future__ import annotations

from itertools import pairwise, product
from typing import Any

import numpy as np
import pytest
import sympy as sp
from sampled_networks import (
    GAUSSIAN_VARIANCES,
    NETWORKS,
    exact,
    floats,
    gaussian_autoencoder,
    numbers,
)
from simulation_cases import problem

from symdrift.evaluation.evaluate import evaluate
from symdrift.evaluation.next_order.expansion import expand
from symdrift.evaluation.next_order.one_step import Slice
from symdrift.evaluation.next_order.stationary import Stationary
from symdrift.inputs import StimulusSet
from symdrift.study.problem import Array
from symdrift.theory.later_moments import PLANE, SPACE
from symdrift.theory.linear.step_series import OneStep, StationaryPolynomials, at_length


def in_weights(axes: Array, tensor: Array) -> Array:
    """Moments of coordinates along some axes as those of all weights."""
    for place in range(tensor.ndim):
        tensor = np.moveaxis(np.tensordot(axes, tensor, axes=(1, place)), 0, place)
    return tensor


def moment(plane: StationaryPolynomials, power: int, degree: int) -> Array:
    axes = plane.network.normal.astype(float)
    places = product(range(axes.shape[1]), repeat=degree)
    known = plane.moments[power]
    entries = [
        float(known[tuple(place.count(k) for k in range(axes.shape[1]))]) for place in places
    ]
    return in_weights(axes, np.reshape(entries, (axes.shape[1],) * degree))


def require_the_same(plane: StationaryPolynomials, slice_: Slice, found: Stationary) -> None:
    for (power, degree), numeric in zip(
        ((0, 2), (1, 1), (1, 3), (2, 2)),
        (found.covariance, found.mean, found.third, found.second),
        strict=True,
    ):
        there = in_weights(slice_.normal, numeric)
        here = moment(plane, power, degree)
        assert np.abs(here).max() > 1e-3
        np.testing.assert_allclose(here, there, rtol=0, atol=1e-12 * np.abs(there).max())


@pytest.mark.parametrize("name", NETWORKS)
def test_moments_are_those_of_the_evaluation(name: str) -> None:
    slice_, stationary, _ = numbers(exact(name).network)
    require_the_same(exact(name), slice_, stationary)


def test_moments_of_gaussian_inputs_are_those_of_the_evaluation() -> None:
    """Leading order and next order of an anisotropic autoencoder, exactly and by cubature."""
    network = gaussian_autoencoder()
    given = problem(tuple(map(float, GAUSSIAN_VARIANCES)), weight_decay=1 / 3, learning_rate=0.01)
    assert floats(network.minimum.teacher) == pytest.approx(given.teacher)
    point = floats(network.minimum.first_layer), floats(network.minimum.second_layer)
    found = expand(given, point)
    require_the_same(StationaryPolynomials(network), found.slice_, found.stationary)


def next_variance(plane: StationaryPolynomials) -> Any:
    """Of the angle of one step without memory, at the eighth power of the root of the rate."""
    return (
        plane.moment((3, 3), 2) + 2 * plane.moment((3, 4), 1) + 2 * plane.moment((3, 5), 0)
        + plane.moment((4, 4), 0) - plane.mean(plane.average(plane.increments(4)), 0) ** 2
    )  # fmt: skip


@pytest.mark.parametrize("name", ["label noise and turned inputs", "stimulus set"])
def test_mean_and_variance_of_the_rotation_are_those_of_the_evaluation(name: str) -> None:
    """At both orders, with Poisson functions of exact polynomials."""
    plane = exact(name)
    found = numbers(plane.network)[2]
    mean = [plane.average(plane.increments(power)) for power in (4, 6)]
    assert all(part.is_ground for part in mean)
    assert [float(plane.mean(part, 0)) for part in mean] == pytest.approx(
        [float(part[0]) for part in found.mean], rel=1e-11
    )
    variance = [float(plane.moment((3, 3), 0)), float(next_variance(plane))]
    assert variance == pytest.approx([float(part[0, 0]) for part in found.covariance], rel=1e-11)


def test_the_listed_correction_of_the_drift_is_the_exact_one() -> None:
    """What `evaluate` lists for a set of stimuli, in its own units."""
    plane = exact("stimulus set")
    minimum = plane.network.minimum
    shares, inputs, _ = zip(*plane.network.samples, strict=True)
    given = problem(
        floats(minimum.input_covariance), floats(minimum.teacher), weight_decay=1 / 3,
        learning_rate=1e-3,
        inputs=StimulusSet(np.array(inputs, dtype=float), np.array(shares, dtype=float)),
    )  # fmt: skip
    found = evaluate(given, order=2).next_order
    assert found is not None and found.drift is not None
    share = float(next_variance(plane) / plane.moment((3, 3), 0))
    assert found.drift.diffusion == pytest.approx((share,), rel=1e-9)


def test_the_mean_of_what_a_step_does_to_products_of_weights_is_stationary() -> None:
    """A wrong next moment is found by updates of the weights, without frame and rotation."""
    plane = StationaryPolynomials(PLANE)
    assert plane.growth((0, 1)) == [0, 0]
    plane.moments[2][next(iter(plane.moments[2]))] += sp.QQ(1, 7)
    assert plane.growth((0, 1))[1] != 0


def test_a_step_of_three_rotating_axes_is_the_matrix_exponential_of_its_series() -> None:
    """The rest is as large as the first power that is left out, at two rates."""
    axes = SPACE.normal
    gens = SPACE.ring.gens
    step: OneStep = SPACE.steps(axes @ np.array([gens[0]] * axes.shape[1], object))[0]
    turns, moves, _ = step.orders
    point = floats(SPACE.minimum.point)

    def value(entries: Array) -> Array:
        return floats(at_length(entries, sp.S.One))

    rests = []
    for root in (0.02, 0.01):
        turn = sum(root**k * value(turned) for k, turned in turns.items() if k > 2)
        moved = sum(root ** (k + 1) * value(part) for k, part in moves.items())
        update = sum(root ** (k + 2) * value(part) for k, part in step.gradient.items())
        terms = [point + moved]
        for k in range(1, 12):
            terms.append(turn @ terms[-1] / k)
        rests.append(np.abs(sum(terms) - (point + root * value(step.deviation) - update)).max())
    assert all(2**6 < one / next_one < 2**8 for one, next_one in pairwise(rests))

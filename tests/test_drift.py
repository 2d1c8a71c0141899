from __future__ import annotations

import numpy as np
import pytest
from aligned_examples import AlignedExample, aligned_example

from symdrift.algebra.rational import is_zero
from symdrift.evaluation import dense
from symdrift.theory.linear.normal_space import NormalSpace
from symdrift.theory.linear.stochastic_area import (
    couplings,
    mean_rotation,
    rotation_variance,
)

EXAMPLES = {
    "two directions": aligned_example(2, 0, 2, 2, 2),
    "all active": aligned_example(3, 0, 3, 3, 3),
    "silent unit": aligned_example(2, 1, 3, 3, 3),
    "bottleneck": aligned_example(2, 1, 2, 3, 3, slope="0.5"),
    "more inputs": aligned_example(2, 1, 2, 3, 2),
    "more outputs": aligned_example(2, 1, 2, 2, 3),
}
each_example = pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES)


@each_example
def test_explicit_network_drifts_like_full_matrices(example: AlignedExample) -> None:
    """Every plane of every example; a plane with a silent unit does not turn at all."""
    space = NormalSpace(example.minimum)
    full = dense.evaluate(example.problem).drift
    variances = dict(zip(full.planes, np.diagonal(full.covariance), strict=True))
    assert len(variances) == example.minimum.rank * (example.minimum.rank - 1) // 2
    for plane in example.minimum.planes:
        found = example.number(rotation_variance(space, plane))
        expected = variances.get((plane[0] + 1, plane[1] + 1), 0.0)
        assert found == pytest.approx(expected, rel=1e-11)


@each_example
def test_white_noise_replaces_only_the_coloured_rotation(example: AlignedExample) -> None:
    space = NormalSpace(example.minimum)
    full = dense.evaluate(example.problem, "white").drift
    for (i, j), expected in zip(full.planes, np.diagonal(full.covariance), strict=True):
        plane = (i - 1, j - 1)
        area = sum(coupling.white_area_variance for coupling in couplings(space, plane))
        length = example.number(space.minimum.metric(plane))
        found = example.problem.learning_rate**2 * example.number(area) / length**2
        assert found == pytest.approx(expected, rel=1e-11)


@each_example
def test_metric_is_twice_the_sum_of_singular_values(example: AlignedExample) -> None:
    space = NormalSpace(example.minimum)
    values = [example.number(d.singular_value) for d in example.minimum.directions]
    for i, j in example.minimum.planes:
        length = example.number(space.minimum.metric((i, j)))
        assert length == pytest.approx(2 * (values[i] + values[j]), rel=1e-14)


@each_example
def test_aligned_gaussian_networks_do_not_rotate_on_average(example: AlignedExample) -> None:
    space = NormalSpace(example.minimum)
    assert example.minimum.planes
    assert all(is_zero(mean_rotation(space, plane)) for plane in example.minimum.planes)


def test_a_rotation_couples_the_blocks_of_its_two_axes_and_no_others() -> None:
    """``(i, l)`` with ``(j, l)`` for every ``l``, both ways."""
    space = NormalSpace(EXAMPLES["all active"].minimum)
    for i, j in space.minimum.planes:
        for coupling in couplings(space, (i, j)):
            left, right = (
                {d.output for d in block.directions} | {d.input for d in block.directions}
                for block in (coupling.left, coupling.right)
            )
            assert i in left | right
            assert j in left | right
            # What one side has besides i and j, the other has too.
            assert left - {i, j} == right - {i, j}

"""Beside their perturbation series networks show the next order to a few per cent."""

from __future__ import annotations

from dataclasses import replace

import pytest

from symdrift.evaluation.dense.landscape import minimum_of
from symdrift.evaluation.evaluate import evaluate
from symdrift.study import read_study
from symdrift.validation.measured_slopes import Slope
from symdrift.validation.series_slopes import has_series, joined_slopes, slopes_beside_series


@pytest.mark.slow
def test_predicted_slopes_are_those_of_networks_beside_their_series() -> None:
    given = read_study("misaligned_teacher").problem()
    found = slopes_beside_series(given, evaluate(given, order=2), error=0.05)
    assert {"V[12]", "mu[12]", "weight variance", "excess loss", "D_h[axis 1] by rotation"} < {
        slope.quantity for slope in found
    }
    for slope in found:
        assert abs(slope.z) < 3.5, slope
        assert slope.standard_error < 0.12 * abs(slope.predicted), slope


def test_batches_have_no_series() -> None:
    given = read_study("misaligned_teacher").problem()
    minimum = minimum_of(given)
    assert has_series(given, minimum)
    assert not has_series(replace(given, batch=2), minimum)


def test_of_a_quantity_that_both_have_the_better_slope_counts() -> None:
    rough, fine = Slope("V", 1.0, 1.3, 0.2), Slope("V", 1.0, 1.01, 0.02)
    other, new = Slope("D_h", 1.0, 0.9, 0.1), Slope("D_h by rotation", 1.0, 0.99, 0.01)
    assert joined_slopes([fine, new], [rough, other]) == (fine, other, new)

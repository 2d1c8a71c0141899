"""Simulations leave the leading order as the next order says."""

from __future__ import annotations

import pytest
from simulation_cases import problem

from symdrift.evaluation.evaluate import evaluate
from symdrift.study import read_study
from symdrift.validation.measured_slopes import SHARES, measured_slopes, slopes_of_rows
from symdrift.validation.rows import Row


@pytest.mark.slow
def test_predicted_slopes_are_those_of_simulations() -> None:
    given = read_study("misaligned_teacher").problem()
    found = measured_slopes(given, precision=0.006)
    theory = evaluate(given, order=2)
    assert theory.next_order is not None
    assert theory.next_order.drift is not None
    (own,) = (slope.predicted for slope in found if slope.quantity == "mu[12]")
    (correction,) = theory.next_order.drift.mean_rotation
    assert own * theory.minimum.hessian_max == pytest.approx(correction, rel=1e-6)
    assert {"V[12]", "mu[12]", "weight variance", "excess loss"} < {s.quantity for s in found}
    for slope in found:
        assert abs(slope.z) < 3.5, slope
    # Without the next order all would be predicted to vanish: that is excluded.
    assert max(slope.predicted / slope.standard_error for slope in found) > 10


def test_there_is_no_slope_where_the_next_order_is_out_of_reach() -> None:
    many = problem([2.0 - 0.1 * axis for axis in range(12)], weight_decay=0.1, learning_rate=0.001)
    assert measured_slopes(many, precision=0.1) == ()


@pytest.mark.parametrize(
    ("slope", "cubic", "error"),
    [(4.0, 1.0, 1e-4), (4.0, -1.0, 1e-4), (4.0, 0.0, 1e-2), (12.0, 1.0, 1e-4), (12.0, -1.0, 1e-4)],
)
def test_a_third_order_no_larger_than_that_of_the_steepest_stays_within_the_error(
    slope: float, cubic: float, error: float
) -> None:
    """Data without scatter, and errors that would tell a bias from zero if it were left out.

    The steepest of all numbers of the theory, or the number itself where that is steeper.
    """
    steepest, stiffness = 5.0, 3.0

    def row(rate: float) -> Row:
        simulated = slope * rate + 12 * rate**2 + cubic * (max(steepest, slope) * rate) ** 3
        return Row(
            quantity="V", theory=0.0, simulation=simulated, standard_error=error, allowance=0.0,
            scale=1.0, correction=slope,
        )  # fmt: skip

    rates = [share * 0.03 for share in SHARES]
    measured = [[row(rate)] for rate in rates]
    (found,) = slopes_of_rows(rates, measured, stiffness, steepest)
    assert found.predicted == pytest.approx(slope / stiffness)
    assert abs(found.z) < 1
    if cubic:
        # A steeper number has the larger cube, and is known less well.
        assert found.standard_error < (0.02 if slope < steepest else 0.06) * found.predicted
    else:
        assert found.fitted == pytest.approx(found.predicted, rel=1e-9)

"""Rotations at the next order and the expected error as displayed, against numbers."""

from __future__ import annotations

import pytest
import sympy as sp
from sampled_networks import exact, numbers

from symdrift.derivation.symbols import ETA
from symdrift.documents.levels import ELABORATIONS
from symdrift.errors import CheckFailed
from symdrift.evaluation.validity import towards_critical
from symdrift.theory.examples import Examples
from symdrift.theory.later_moments import PLANE
from symdrift.theory.later_orders import (
    CHANGE,
    PRODUCTS,
    STEADY_ANGLE,
    _decay_by_order,
    _eighth_of_variance,
    _rotation_in_powers,
    _without_memory,
    later_orders,
)
from symdrift.theory.linear.step_series import StationaryPolynomials
from symdrift.theory.mean_square import CRITICAL_RATE

CHAPTER = tuple(later_orders(Examples()))
SHOWN = {equation.label: equation.expression for one in CHAPTER for equation in one.equations}
NAMES = ["label noise and turned inputs", "stimulus set"]


def test_the_chapter_is_told_in_the_full_document_alone() -> None:
    assert {one.identifier for one in CHAPTER} <= ELABORATIONS


@pytest.mark.parametrize("name", NAMES)
def test_the_displayed_variance_is_the_next_order_of_the_evaluation(name: str) -> None:
    plane = exact(name)
    mean = plane.mean(plane.average(plane.increments(4)), 0)
    known = {STEADY_ANGLE: sp.QQ.to_sympy(mean)} | {
        base[power]: sp.QQ.to_sympy(plane.moment(pair, power))
        for pair, base in PRODUCTS.items()
        for power in range(3)
    }
    found = SHOWN["variance-next"].rhs.xreplace(known)
    (numeric,) = numbers(plane.network)[2].covariance[1].ravel()
    assert float(found) == pytest.approx(numeric, rel=1e-11)


def test_every_term_of_the_variance_counts() -> None:
    shown = SHOWN["variance-next"].rhs
    assert sp.expand(_eighth_of_variance() - shown) == 0
    assert all(sp.expand(_eighth_of_variance() - shown - term) != 0 for term in shown.args)


def test_every_term_of_the_poisson_equation_counts() -> None:
    shown, plane = SHOWN["poisson"].rhs, exact(NAMES[0])
    assert _without_memory(plane, shown)
    assert not any(_without_memory(plane, shown + term) for term in shown.args)


def test_every_term_of_the_decay_counts() -> None:
    waiting, following = SHOWN["decay-waiting"].rhs, SHOWN["decay-next"].rhs
    assert _decay_by_order(waiting, following)
    assert not any(_decay_by_order(waiting + term, following) for term in waiting.args)
    assert not any(_decay_by_order(waiting, following + term) for term in following.args)


def test_rotations_that_remember_are_refused() -> None:
    plane = StationaryPolynomials(PLANE)
    plane.waiting[3] *= 2
    with pytest.raises(CheckFailed, match='step "rotation-in-powers" failed its check: With the'):
        _rotation_in_powers(plane)


@pytest.mark.parametrize(("rate", "change"), [(0.01, 5.0), (0.01, 0.5), (0.09, 3.0)])
def test_the_displayed_error_is_the_printed_one(rate: float, change: float) -> None:
    critical = 0.1
    shown = SHOWN["expected-error"].rhs
    found = shown.xreplace({ETA: rate, CHANGE: change, CRITICAL_RATE: critical})
    printed = rate * change + towards_critical(rate * change, rate / critical)
    assert float(found) == pytest.approx(printed, rel=1e-12)

"""One step and its stationary moments as they are displayed: a changed coefficient is found."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
import sympy as sp

from symdrift.derivation.steps import Step
from symdrift.errors import CheckFailed
from symdrift.theory import later_moments
from symdrift.theory.later_moments import (
    EXPECTED,
    PLANE,
    SPACE,
    _generators_agree,
    _lines_left,
    _rational_steps,
    _triangular_rest,
    moments_in_powers,
    step_in_powers,
)
from symdrift.theory.linear.step_series import StationaryPolynomials, beside

PLANE_MOMENTS = StationaryPolynomials(PLANE)


@cache
def steps() -> tuple[Step, Step]:
    return step_in_powers(), moments_in_powers(PLANE_MOMENTS)


def displayed(label: str) -> Any:
    (found,) = (e.expression for step in steps() for e in step.equations if e.label == label)
    return found


def doubled(shown: sp.Basic) -> Iterator[sp.Basic]:
    """A sum with each of its terms twice as large, one at a time."""
    for term in shown.args if shown.is_Add or shown.is_MatAdd else (shown,):
        yield shown + term


@pytest.mark.parametrize("power", range(2, 7))
def test_every_term_of_a_line_of_the_step_counts(power: int) -> None:
    line, gradient = displayed(f"collected-{power}"), displayed("gradient-powers").rhs
    (found, *_) = _rational_steps(SPACE)
    assert not any(_lines_left(found, [(line.lhs, line.rhs)], gradient))
    for wrong in doubled(line.rhs):
        assert any(_lines_left(found, [(line.lhs, wrong)], gradient))
    if power < 6:
        assert any(_lines_left(found, [(2 * line.lhs, line.rhs)], gradient))


def test_every_term_of_the_gradient_counts() -> None:
    (found, *_) = _rational_steps(SPACE)
    for wrong in doubled(displayed("gradient-powers").rhs):
        assert any(_lines_left(found, [], wrong))


@pytest.mark.parametrize("power", range(3))
def test_every_term_of_a_generator_counts(power: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert displayed(f"generator-terms-{power}").rhs == EXPECTED[power]
    for wrong in doubled(EXPECTED[power]):
        tampered = (*EXPECTED[:power], wrong, *EXPECTED[power + 1 :])
        monkeypatch.setattr(later_moments, "EXPECTED", tampered)
        assert not _generators_agree(PLANE_MOMENTS)
    with pytest.raises(CheckFailed, match='step "moments-in-powers" failed its check: For prod'):
        moments_in_powers(PLANE_MOMENTS)


@pytest.mark.parametrize("name", ["second", "mean", "third", "next"])
def test_every_term_of_a_moment_counts(name: str) -> None:
    labels = [f"moment-{each}" for each in ("second", "mean", "third", "next")]
    shown = {
        label.replace("-", "_"): (displayed(label).lhs, displayed(label).rhs) for label in labels
    }
    assert not any(map(sp.expand, _triangular_rest(shown)))
    left, right = shown[f"moment_{name}"]
    for wrong in ((2 * left, right), *((left, each) for each in doubled(right))):
        tampered = shown | {f"moment_{name}": wrong}
        assert any(map(sp.expand, _triangular_rest(tampered)))


def test_a_mean_that_is_not_stationary_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(later_moments, "_within", lambda means: 2 * means)
    with pytest.raises(CheckFailed, match="Where nothing is gained"):
        moments_in_powers(PLANE_MOMENTS)


def test_a_step_that_is_no_rotation_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a line has beside rotation and new deviation, twice: display and numbers part."""
    whole = beside
    monkeypatch.setattr(
        later_moments,
        "beside",
        lambda *given: None if (found := whole(*given)) is None else 2 * found,
    )
    with pytest.raises(CheckFailed, match='step "step-in-powers" failed its check: For these'):
        step_in_powers()

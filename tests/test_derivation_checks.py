"""A derivation with a wrong stage does not pass: its checks are not made of what they check."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest
import sympy as sp

from symdrift.algebra.equations import solve_lyapunov, solve_sylvester
from symdrift.algebra.rational import Fraction
from symdrift.algebra.wick import GaussianMoments
from symdrift.derivation.steps import Step
from symdrift.errors import CheckFailed
from symdrift.theory.drift import drift
from symdrift.theory.examples import Examples
from symdrift.theory.fluctuation import fluctuation, fluctuation_blocks
from symdrift.theory.hessian import curvature
from symdrift.theory.hessian_blocks import hessian_blocks
from symdrift.theory.linear.curvature import hessian
from symdrift.theory.linear.gradient_noise import gradient_noise
from symdrift.theory.linear.network import LinearNetwork, generator
from symdrift.theory.linear.points import AlignedMinimum
from symdrift.theory.noise import noise
from symdrift.theory.noise_blocks import noise_blocks
from symdrift.theory.symmetry import symmetry

Section = Callable[[Examples], Iterable[Step]]


def doubled(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *arguments: 2 * function(*arguments)


def hessian_with_extra_decay(minimum: AlignedMinimum) -> sp.ImmutableMatrix:
    exact = hessian(minimum)
    return sp.ImmutableMatrix(exact + sp.eye(exact.rows))


def one_pairing_only(moments: GaussianMoments, exponents: tuple[int, ...]) -> Fraction:
    """Fourth moments as if the three ways to pair were one."""
    value = ORIGINAL_MOMENT(moments, exponents)
    third = moments.field.fraction(sp.Rational(1, 3))
    return moments.field.multiply(value, third) if sum(exponents) == 4 else value


def both_layers_alike(network: LinearNetwork, i: int, j: int) -> sp.ImmutableMatrix:
    """The second layer turned with the first one instead of against it."""
    omega = generator(network.hidden, i, j)
    first = sp.kronecker_product(omega, sp.eye(network.inputs))
    second = sp.kronecker_product(sp.eye(network.outputs), -omega)
    return sp.ImmutableMatrix(sp.diag(first, second))


ORIGINAL_MOMENT = GaussianMoments.moment

SECTIONS: dict[str, Section] = {
    "symmetry": symmetry,
    "curvature": curvature,
    "hessian blocks": hessian_blocks,
    "noise": noise,
    "noise blocks": noise_blocks,
    "fluctuation": fluctuation,
    "fluctuation blocks": fluctuation_blocks,
    "drift": drift,
}


@pytest.mark.parametrize(
    ("target", "replacement", "section", "step"),
    [
        (
            "symdrift.theory.linear.network.LinearNetwork.rotation",
            both_layers_alike,
            "symmetry",
            "noise-is-normal",
        ),
        (
            "symdrift.theory.linear.network.LinearNetwork.rotation",
            doubled(LinearNetwork.rotation),
            "symmetry",
            "tangent",
        ),
        (
            "symdrift.theory.linear.normal_space.hessian",
            hessian_with_extra_decay,
            "curvature",
            "flat",
        ),
        ("symdrift.algebra.wick.GaussianMoments.moment", one_pairing_only, "noise", "map-noise"),
        (
            "symdrift.theory.linear.normal_space.gradient_noise",
            doubled(gradient_noise),
            "noise",
            "map-noise",
        ),
        (
            "symdrift.theory.linear.normal_space.solve_lyapunov",
            doubled(solve_lyapunov),
            "fluctuation blocks",
            "fluctuation-blocks",
        ),
        (
            "symdrift.theory.fluctuation.solve_lyapunov",
            doubled(solve_lyapunov),
            "fluctuation blocks",
            "fluctuation-blocks",
        ),
        pytest.param(
            "symdrift.theory.linear.stochastic_area.solve_sylvester",
            doubled(solve_sylvester),
            "drift",
            "terms",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_wrong_stage_stops_the_derivation_at_the_step_that_it_breaks(
    monkeypatch: pytest.MonkeyPatch,
    target: str,
    replacement: Callable[..., Any],
    section: str,
    step: str,
) -> None:
    monkeypatch.setattr(target, replacement)
    with pytest.raises(CheckFailed, match=f'^step "{step}" failed its check: '):
        list(SECTIONS[section](Examples()))


@pytest.mark.slow
@pytest.mark.parametrize("section", SECTIONS)
def test_untampered_sections_pass_and_say_what_they_checked(section: str) -> None:
    steps = list(SECTIONS[section](Examples()))
    assert len({step.identifier for step in steps}) == len(steps)
    for step in steps:
        assert step.checks
        assert all(check.passed and check.statement for check in step.checks)

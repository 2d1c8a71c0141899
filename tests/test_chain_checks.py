"""A derivation with a wrong stage does not pass: its checks are not made of what they check."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest
import sympy as sp

import symdrift.gaussian
from symdrift.chain.curvature import curvature
from symdrift.chain.drift import drift
from symdrift.chain.examples import Examples
from symdrift.chain.noise import noise
from symdrift.chain.normal import normal
from symdrift.chain.symmetry import symmetry
from symdrift.derivation import Step
from symdrift.errors import CheckFailed
from symdrift.fluctuation import solve_lyapunov, solve_sylvester
from symdrift.hessian import hessian
from symdrift.manifold import AlignedMinimum
from symdrift.network import LinearNetwork, generator
from symdrift.noise import gradient_noise

Section = Callable[[Examples], Iterable[Step]]


def doubled(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *arguments: 2 * function(*arguments)


def hessian_with_extra_decay(minimum: AlignedMinimum) -> sp.ImmutableMatrix:
    exact = hessian(minimum)
    return sp.ImmutableMatrix(exact + sp.eye(exact.rows))


def one_pairing_only(exponents: tuple[int, ...], *rest: Any) -> sp.Expr:
    """Fourth moments as if the three ways to pair were one."""
    value = ORIGINAL_MOMENT(exponents, *rest)
    return value / 3 if sum(exponents) == 4 else value


def both_layers_alike(network: LinearNetwork, i: int, j: int) -> sp.ImmutableMatrix:
    """The second layer turned with the first one instead of against it."""
    omega = generator(network.hidden, i, j)
    first = sp.kronecker_product(omega, sp.eye(network.inputs))
    second = sp.kronecker_product(sp.eye(network.outputs), -omega)
    return sp.ImmutableMatrix(sp.diag(first, second))


def symmetry_of_generic(examples: Examples) -> Iterable[Step]:
    return symmetry(examples.generic)


ORIGINAL_MOMENT = symdrift.gaussian._moment

SECTIONS: dict[str, Section] = {
    "symmetry": symmetry_of_generic,
    "curvature": curvature,
    "noise": noise,
    "normal": normal,
    "drift": drift,
}


@pytest.mark.parametrize(
    ("target", "replacement", "section", "step"),
    [
        (
            "symdrift.network.LinearNetwork.rotation",
            both_layers_alike,
            "symmetry",
            "noise-is-normal",
        ),
        (
            "symdrift.network.LinearNetwork.rotation",
            doubled(LinearNetwork.rotation),
            "symmetry",
            "tangent",
        ),
        ("symdrift.fluctuation.hessian", hessian_with_extra_decay, "curvature", "flat"),
        ("symdrift.gaussian._moment", one_pairing_only, "noise", "moments"),
        (
            "symdrift.fluctuation.gradient_noise",
            doubled(gradient_noise),
            "noise",
            "batches",
        ),
        (
            "symdrift.fluctuation.solve_lyapunov",
            doubled(solve_lyapunov),
            "normal",
            "fluctuation-blocks",
        ),
        (
            "symdrift.chain.normal.solve_lyapunov",
            doubled(solve_lyapunov),
            "normal",
            "fluctuation-blocks",
        ),
        pytest.param(
            "symdrift.drift.solve_sylvester",
            doubled(solve_sylvester),
            "drift",
            "total",
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

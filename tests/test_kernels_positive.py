"""Solutions written as sums of positive terms solve their equations, as identities."""

from __future__ import annotations

import sympy as sp

from symdrift.algebra.rational import is_zero
from symdrift.derivation.symbols import GAMMA
from symdrift.kernels.positive import (
    PositiveBlock,
    coloured,
    coloured_column,
    coloured_row,
    determinant,
)

KAPPA, CURVATURE = sp.symbols("kappa h", positive=True)


def block(name: str, coupling: sp.Expr) -> tuple[PositiveBlock, sp.Matrix]:
    """A block with generic entries, and its Hessian."""
    first, second, noise_first, noise_second, noise_both = sp.symbols(
        f"{name}_1 {name}_2 c{name}_11 c{name}_22 c{name}_12", positive=True
    )
    hessian = sp.Matrix([[first, -coupling], [-coupling, second]])
    noise = sp.ImmutableMatrix([[noise_first, noise_both], [noise_both, noise_second]])
    return PositiveBlock(first, second, coupling, hessian.det(), noise), hessian


P, HESSIAN_P = block("p", KAPPA)
Q, HESSIAN_Q = block("q", KAPPA)


def vanishes(residual: sp.Matrix) -> bool:
    return all(is_zero(entry) for entry in residual)


def test_the_determinant_loses_no_difference_of_curvatures() -> None:
    a, b = sp.symbols("a b", positive=True)
    hessian = sp.ImmutableMatrix([[a + GAMMA, -KAPPA], [-KAPPA, b + GAMMA]])
    assert is_zero(determinant(hessian) - hessian.det())


def test_the_fluctuation_solves_its_lyapunov_equation() -> None:
    gamma = P.fluctuation
    assert vanishes(HESSIAN_P * gamma + gamma * HESSIAN_P - P.noise)


def test_the_coloured_area_solves_its_sylvester_equation() -> None:
    solution = coloured(P, Q).solution
    assert vanishes(HESSIAN_P * solution + solution * HESSIAN_Q - 2 * HESSIAN_Q)


def test_its_counterpart_is_what_is_left_of_two() -> None:
    """``P Z + Z Q = 2 P`` for ``Z = 2 - Y``, and the roles of the blocks exchanged give it."""
    assert vanishes(coloured(P, Q).solution + coloured(Q, P).solution.T - 2 * sp.eye(2))


def test_a_row_beside_a_single_direction_solves_its_equation() -> None:
    ones = sp.ones(1, 2)
    solution = coloured_row(CURVATURE, Q, ones * HESSIAN_Q)
    assert vanishes(CURVATURE * solution + solution * HESSIAN_Q - 2 * ones * HESSIAN_Q)


def test_a_column_beside_a_single_direction_solves_its_equation() -> None:
    ones = sp.ones(2, 1)
    solution = coloured_column(CURVATURE, P)
    assert vanishes(HESSIAN_P * solution + solution * CURVATURE - 2 * CURVATURE * ones)

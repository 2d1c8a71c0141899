"""Solutions written as sums of positive terms solve their equations, as identities."""

from __future__ import annotations

import random

import pytest
import sympy as sp

from symdrift.algebra.rational import is_zero
from symdrift.derivation.symbols import GAMMA
from symdrift.kernels.area_terms import area_kernels
from symdrift.kernels.positive import (
    CloseAxes,
    Forgetting,
    PositiveBlock,
    coloured,
    coloured_column,
    coloured_row,
    resting,
)
from symdrift.theory.linear.aligned import representative_drift

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


@pytest.mark.parametrize("left_out", [True, False])
def test_the_determinant_loses_no_difference_of_strengths(left_out: bool) -> None:
    """Of roots r of the variances; the other axis is left out, or short of its threshold."""
    r_i, r_l, total, missed, slack = sp.symbols("r_i r_l s t d", positive=True)
    missed, slack = (missed, sp.Integer(0)) if left_out else (sp.Integer(0), slack)
    first, second = r_i**2, r_l**2
    coupling = GAMMA + second * missed - slack
    axes = CloseAxes(
        first, second, total, missed, slack, coupling, first * total**2 - second * missed**2,
        r_i * r_l,
    )  # fmt: skip
    hessian = sp.Matrix([[total * second + GAMMA, -coupling], [-coupling, total * first + GAMMA]])
    assert is_zero(axes.determinant - hessian.det())


def test_the_fluctuation_solves_its_lyapunov_equation() -> None:
    gamma = P.fluctuation
    assert vanishes(HESSIAN_P * gamma + gamma * HESSIAN_P - P.noise)


def test_the_coloured_area_solves_its_sylvester_equation() -> None:
    solution = coloured(P, Q).solution
    assert vanishes(HESSIAN_P * solution + solution * HESSIAN_Q - 2 * HESSIAN_Q)


def test_its_counterpart_is_what_is_left_of_two() -> None:
    """``P Z + Z Q = 2 P`` for ``Z = 2 - Y``, and the roles of the blocks exchanged give it."""
    assert vanishes(coloured(P, Q).solution + coloured(Q, P).solution.T - 2 * sp.eye(2))


def test_what_is_still_solves_its_equation_and_gives_the_coloured_areas() -> None:
    solution = resting(P, Q).solution
    assert vanishes(HESSIAN_P * solution + solution * HESSIAN_Q - 2 * sp.eye(2))
    assert vanishes(solution * HESSIAN_Q - coloured(P, Q).solution)


def test_a_swept_fluctuation_needs_no_division_by_the_determinant() -> None:
    swept, still = coloured(P, Q).solution, resting(P, Q).solution
    noise = sp.Matrix(Q.noise)
    parts = swept * noise * swept.T + Q.determinant * still * noise * still.T
    assert vanishes(swept * Q.fluctuation * swept.T - parts / (2 * Q.trace))


def test_what_is_forgotten_needs_no_division_by_the_determinant() -> None:
    """For any function ``g`` of the Hessian, by its values at both eigenvalues."""
    a, b, low, slow, fast = sp.symbols("a b h_1 g_1 g_2", positive=True)
    high = low + a**2 + b**2
    hessian = sp.Matrix([[high - a**2, -a * b], [-a * b, high - b**2]])
    noise = sp.Matrix(P.noise)
    known = PositiveBlock(hessian[0, 0], hessian[1, 1], a * b, hessian.det(), P.noise)
    forgetting = Forgetting(low, high, a**2, b**2, slow, fast, (slow - fast) / (high - low))
    function = slow * (high * sp.eye(2) - hessian) + fast * (hessian - low * sp.eye(2))
    expected = (function * hessian * known.fluctuation)[0, 0] / (high - low)
    assert is_zero(forgetting.variance(known) - expected)
    assert vanishes(hessian * known.fluctuation + known.fluctuation * hessian - noise)


def solved(left: sp.Matrix, right: sp.Matrix, source: sp.Matrix) -> sp.Matrix:
    """``X`` with ``A X + X B = F``, as a linear system."""
    rows, columns = source.shape
    system = sp.kronecker_product(left, sp.eye(columns))
    system += sp.kronecker_product(sp.eye(rows), right.T)
    return sp.Matrix(rows, columns, list(system.LUsolve(sp.Matrix(list(source)))))


def test_printed_terms_are_the_areas_that_the_matrix_equations_give() -> None:
    """At rational points, in the steps in which they are printed."""
    functions = {function.name: function for function in area_kernels(representative_drift())}
    rng = random.Random(4)

    def drawn(low: int = 1) -> sp.Rational:
        return sp.Rational(rng.randint(low, 30), rng.randint(5, 9))

    def printed(name: str, values: dict[str, sp.Expr]) -> sp.Expr:
        known = dict(values)
        for step, expression in functions[name].statements():
            known[step] = expression.xreplace({s: known[s.name] for s in expression.free_symbols})
        return known["area"]

    def block(
        name: str, coupling: sp.Rational, beside: sp.Rational
    ) -> tuple[dict[str, sp.Expr], sp.Matrix, sp.Matrix]:
        hessian = sp.Matrix([[drawn(20), -coupling], [-coupling, drawn(20)]])
        noise = sp.Matrix([[beside + drawn(), beside], [beside, beside + drawn()]])
        trace, product = hessian.trace(), hessian.det()
        known = (
            hessian[0, 0], hessian[1, 1], product, noise[0, 0], noise[1, 1],
            2 / trace, 2 * product / trace,
        )  # fmt: skip
        names = functions["_joint_term"].arguments[: len(known)]
        return (
            {
                f"{each.name.removesuffix('_p')}_{name}": value
                for each, value in zip(names, known, strict=True)
            },
            hessian,
            noise,
        )

    for _ in range(5):
        coupling, beside = sp.Rational(rng.randint(1, 10), 7), drawn()
        (known_p, p, c_p), (known_q, q, c_q) = (block(name, coupling, beside) for name in "pq")
        shared = {
            "coupling": coupling, "noise_12": beside, "doubled_12": 2 * beside,
            "squared_coupling": coupling**2, "coupled_noise": 2 * coupling * beside,
            "squared_noise": 2 * beside**2,
        }  # fmt: skip
        swept, back = solved(p, q, 2 * q), solved(p, q, 2 * p)
        around_p, around_q = solved(p, p, c_p), solved(q, q, c_q)
        area = (swept.T * c_p * swept * around_q + back * c_q * back.T * around_p).trace()
        assert printed("_joint_term", known_p | known_q | shared) == area
        white = (c_p * around_q + c_q * around_p).trace()
        assert printed("_joint_term_white_noise", known_p | known_q | shared) == white


def test_a_row_beside_a_single_direction_solves_its_equation() -> None:
    ones = sp.ones(1, 2)
    solution = coloured_row(CURVATURE, Q, ones * HESSIAN_Q)
    assert vanishes(CURVATURE * solution + solution * HESSIAN_Q - 2 * ones * HESSIAN_Q)


def test_a_column_beside_a_single_direction_solves_its_equation() -> None:
    ones = sp.ones(2, 1)
    solution = coloured_column(CURVATURE, P)
    assert vanishes(HESSIAN_P * solution + solution * CURVATURE - 2 * CURVATURE * ones)

"""Special cases and limits: small weight decay, after small learning rates."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from symdrift.algebra.equations import solve_lyapunov
from symdrift.algebra.matrices import evaluate_matrix
from symdrift.algebra.rational import cancel, replaced
from symdrift.derivation.chapter import chain, holds, step, vanishes
from symdrift.derivation.premises import Premise
from symdrift.derivation.steps import Method, Step
from symdrift.derivation.symbols import BATCH, ETA, GAMMA, INPUTS, symbol
from symdrift.derivation.vocabulary import (
    BLOCK_FLUCTUATION,
    BLOCK_HESSIAN,
    BLOCK_NOISE,
    I_INDEX,
    J_INDEX,
    L_INDEX,
    LEFT_SOLUTION,
    OWN_FLUCTUATION,
    OWN_NOISE,
    RIGHT_SOLUTION,
    TERM,
)
from symdrift.theory.block_solutions import ROW_LEFT, ROW_RIGHT
from symdrift.theory.coupled_blocks import OVERLAP, OWN_OVERLAP
from symdrift.theory.drift import MIXED_FLUCTUATION, MIXED_NOISE
from symdrift.theory.examples import Examples
from symdrift.theory.linear.limits import (
    autoencoder_direction,
    isotropic_diffusion,
    other_term,
    own_term,
)


def small_weight_decay(examples: Examples) -> Step:
    """Small weight decay

    For an autoencoder, whose gains are all one, without label noise the residuals vanish with the
    weight decay. The terms of the diffusion tensor are then, to leading order, [eq:small-own] for
    equal indices and [eq:small-other] for any other active axis: rational functions of the input
    variances times the fourth power of {gamma}. Singular values are one there and Hessian blocks
    diagonal, so that fluctuation and solutions follow entry by entry.

    With every singular value at one and every residual at {small_residual} of its axis, the blocks
    of two active axes are [eq:small-blocks] at leading order. For diagonal blocks the equations
    [eq:sylvester-left] and [eq:sylvester-right] are solved entry by entry, which gives
    [eq:small-solutions]. One axis has [eq:white-axis], and the solutions [eq:white-rows] of
    [eq:own-sylvester].

    Here and wherever {gamma} tends to zero, {eta} has tended to zero first: these are limits of
    leading orders in {eta} at fixed {gamma}. At a fixed learning rate there is no such limit where
    errors remain, because weight decay alone takes the imbalance of the layers away,
    [step:unbalanced-and-lost].
    """
    limits = examples.small_weight_decay
    i, j, l = (autoencoder_direction(index, sp.Integer(0)) for index in "ijl")
    terms = {
        "own": (own_term(examples.representative, i, j), limits.own),
        "other": (other_term(examples.representative, i, j, l), limits.other),
    }
    left, right, beside = (
        small_block(*(axis.input_variance for axis in axes)) for axes in ((i, l), (j, l), (j, i))
    )
    one, ones = sp.Matrix([[2 * i.input_variance]]), sp.ones(1, 2)
    y, z = (small_solution(left.hessian, right.hessian, x.hessian) for x in (right, left))
    row_y, row_z = (
        small_solution(one, beside.hessian, side) for side in (ones * beside.hessian, one * ones)
    )
    blocks = {
        LEFT_SOLUTION: y,
        RIGHT_SOLUTION: z,
        BLOCK_NOISE["il"]: left.noise,
        BLOCK_NOISE["jl"]: right.noise,
        BLOCK_FLUCTUATION["il"]: left.fluctuation,
        BLOCK_FLUCTUATION["jl"]: right.fluctuation,
        ROW_LEFT: row_y,
        ROW_RIGHT: row_z,
        MIXED_NOISE: beside.noise,
        MIXED_FLUCTUATION: beside.fluctuation,
    }
    to_right = LEFT_SOLUTION.T * BLOCK_NOISE["il"] * LEFT_SOLUTION * BLOCK_FLUCTUATION["jl"]
    to_left = RIGHT_SOLUTION * BLOCK_NOISE["jl"] * RIGHT_SOLUTION.T * BLOCK_FLUCTUATION["il"]
    own = {OWN_NOISE: 4 * GAMMA**2, OWN_FLUCTUATION: ETA * GAMMA**2 / i.input_variance}
    leading = {
        name: coefficient * GAMMA**exponent for name, (_, (coefficient, exponent)) in terms.items()
    }

    def approaches() -> bool:
        """The relative error at a rational point is small and shrinks with weight decay."""
        point = {
            direction.input_variance: value
            for direction, value in zip((i, j, l), map(sp.Integer, (2, 3, 5)), strict=True)
        }
        for name, (term, _) in terms.items():
            errors = []
            for size in (6, 7):
                small = {**point, GAMMA: sp.Rational(1, 10**size)}
                ratio = replaced(term, small) / leading[name].xreplace(small)
                errors.append(abs(cancel(ratio) - 1))
            if not (errors[0] < sp.Rational(1, 10**4) and 9 * errors[1] < errors[0]):
                return False
        return True

    return step(
        under=[Premise.SMALL_DECAY, Premise.QUIET_LABELS],
        small_blocks=[
            (BLOCK_HESSIAN["il"], left.hessian),
            (BLOCK_NOISE["il"], left.noise),
            (BLOCK_FLUCTUATION["il"], left.fluctuation),
        ],
        small_solutions=[(LEFT_SOLUTION, y), (RIGHT_SOLUTION, z)],
        small_own=chain(
            TERM[I_INDEX, J_INDEX, I_INDEX],
            (
                "by [eq:own-term], where {own_overlap} tends to {quarter}",
                OWN_NOISE * sp.Trace(ROW_LEFT * MIXED_FLUCTUATION * ROW_LEFT.T) / 4
                + OWN_FLUCTUATION * sp.Trace(ROW_RIGHT * MIXED_NOISE * ROW_RIGHT.T) / 4,
                {TERM[I_INDEX, J_INDEX, I_INDEX]: leading["own"], **own},
            ),
            (
                "by [eq:white-axis], [eq:white-rows] and [eq:small-blocks]",
                leading["own"],
                own,
            ),
            value=lambda line: evaluate_matrix(line, blocks),
        ),
        small_other=chain(
            TERM[I_INDEX, J_INDEX, L_INDEX],
            (
                "by [eq:term], where {overlap} tends to {quarter}",
                sp.Trace(to_right) / 4 + sp.Trace(to_left) / 4,
                {TERM[I_INDEX, J_INDEX, L_INDEX]: leading["other"]},
            ),
            ("by [eq:small-solutions] and [eq:small-blocks]", leading["other"]),
            value=lambda line: evaluate_matrix(line, blocks),
        ),
        symbols={
            "small_residual": GAMMA / symbol("input_variance"),
            "own_overlap": OWN_OVERLAP**2,
            "overlap": OVERLAP**2,
            "quarter": sp.Rational(1, 4),
        },
        checks=(
            holds(
                "At a rational point the exact terms approach these, and ten times smaller weight "
                "decay leaves about a tenth of the error.",
                Method.POINTS,
                approaches,
            ),
            vanishes(
                "With equal input variances they add up to the isotropic result.",
                _isotropic_leading(examples, limits.own[0], limits.other[0]),
            ),
        ),
        assumptions=("The network is an autoencoder without label noise.",),
    )


@dataclass(frozen=True)
class SmallBlock:
    """Leading orders in the weight decay of the block of two active axes."""

    hessian: sp.ImmutableMatrix
    noise: sp.ImmutableMatrix
    fluctuation: sp.ImmutableMatrix


def small_block(first: sp.Expr, second: sp.Expr, label_noise: sp.Expr = sp.S.Zero) -> SmallBlock:
    """With singular values one, residuals ``gamma / lambda`` and a variance of label noise."""
    hessian = sp.ImmutableMatrix(sp.diag(2 * second, 2 * first))
    noise = 2 * GAMMA**2 * sp.ImmutableMatrix([[second / first, 1], [1, first / second]])
    noise += label_noise * hessian
    fluctuation = solve_lyapunov(sp.Matrix(hessian), ETA * sp.Matrix(noise)).applyfunc(sp.factor)
    return SmallBlock(hessian, noise, sp.ImmutableMatrix(fluctuation))


def small_axis(variance: sp.Expr, label_noise: sp.Expr) -> SmallBlock:
    """The block of one learned axis with itself."""
    return _one_row(2 * variance, 4 * GAMMA**2 + 2 * variance * label_noise)


def small_lonely(
    axis: sp.Expr, variance: sp.Expr, label_noise: sp.Expr
) -> tuple[SmallBlock, SmallBlock]:
    """Of a learned axis: with an input without output, and with an output without input."""
    return (
        _one_row(variance, GAMMA**2 * variance / axis + variance * label_noise),
        _one_row(axis, axis * label_noise),
    )


def _one_row(stiffness: sp.Expr, noise: sp.Expr) -> SmallBlock:
    entries = stiffness, noise, ETA * noise / (2 * stiffness)
    return SmallBlock(*(sp.ImmutableMatrix([[entry]]) for entry in entries))


def small_solution(
    left: sp.MatrixBase, right: sp.MatrixBase, side: sp.MatrixBase
) -> sp.ImmutableMatrix:
    """The solution ``Y`` of ``left Y + Y right = 2 side`` for diagonal ``left`` and ``right``."""
    return sp.ImmutableMatrix(
        left.rows,
        right.rows,
        lambda a, b: sp.factor(2 * side[a, b] / (left[a, a] + right[b, b])),
    )


def small_own_term(alone: SmallBlock, beside: SmallBlock) -> sp.Expr:
    """The term of equal indices, by the block of the axis and that of both."""
    ones = sp.ones(1, 2)
    y, z = (
        small_solution(alone.hessian, beside.hessian, side)
        for side in (ones * beside.hessian, alone.hessian * ones)
    )
    return (
        (alone.noise * y * beside.fluctuation * y.T)[0]
        + (alone.fluctuation * z * beside.noise * z.T)[0]
    ) / 4


def small_term(left: SmallBlock, right: SmallBlock) -> sp.Expr:
    """That of another axis, whose overlap is one half where its blocks have two rows."""
    y, z = (small_solution(left.hessian, right.hessian, x.hessian) for x in (right, left))
    total = (y.T * left.noise * y * right.fluctuation).trace()
    return (total + (z * right.noise * z.T * left.fluctuation).trace()) / left.noise.rows**2


def _isotropic_leading(examples: Examples, own: sp.Expr, other: sp.Expr) -> sp.Expr:
    equal = {symbol("input_variance", k): symbol("input_variance") for k in "ijl"}
    total = ETA**2 * (2 * own + (INPUTS - 2) * other).xreplace(equal) / (2 * BATCH**2 * 4**2)
    quiet = isotropic_diffusion(examples.representative).xreplace(
        {symbol("label_noise"): sp.Integer(0)}
    )
    limit = quiet.xreplace({symbol("singular_value"): sp.Integer(1)}) / GAMMA**4
    return total - limit

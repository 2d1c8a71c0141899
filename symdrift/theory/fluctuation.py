"""Fluctuation in the normal space: its stationary covariance."""

from __future__ import annotations

from collections.abc import Iterator

import sympy as sp

from symdrift.algebra.equations import solve_lyapunov
from symdrift.algebra.matrices import evaluate_matrix
from symdrift.derivation.chapter import Side, chain, holds, step, vanishes
from symdrift.derivation.premises import Premise
from symdrift.derivation.steps import Method, Step
from symdrift.derivation.symbols import ETA
from symdrift.derivation.vocabulary import (
    BLOCK_FLUCTUATION,
    BLOCK_HESSIAN,
    BLOCK_NOISE,
    CENTRED_NOISE,
    FLUCTUATION,
    HESSIAN,
    NEXT_NORMAL,
    NOISE,
    NOISE_ENTRY,
    NORMAL,
    OWN_FLUCTUATION,
)
from symdrift.theory.examples import Examples
from symdrift.theory.linear.normal_space import NormalSpace

EXCESS, LEAST = sp.symbols("L_excess L_least", positive=True)
ADJUGATE = sp.MatrixSymbol("adjugate_il", 2, 2)
STIFFNESS, FLUCTUATION_ENTRY = sp.IndexedBase("stiffness"), sp.IndexedBase("fluctuation_entry")
B, C = sp.symbols("b c", integer=True, positive=True)

LATEX: dict[sp.Basic, str] = {
    EXCESS: r"\langle L \rangle - L^{*}",
    LEAST: "L^{*}",
    ADJUGATE: r"\operatorname{adj}(H_{il})",
    STIFFNESS.label: "h",
    FLUCTUATION_ENTRY.label: r"\Gamma",
}

MEANINGS = (
    (STIFFNESS[B], "eigenvalue of the Hessian", "scalar"),
    (LEAST, "loss of the minimum", "scalar"),
    (EXCESS, "excess loss", "scalar"),
    (ADJUGATE, "adjugate of a block", "2 by 2"),
)


def fluctuation(examples: Examples) -> Iterator[Step]:
    """The Lyapunov equation and the excess loss, for any task."""
    yield _lyapunov()
    yield _excess_loss(examples)


def fluctuation_blocks(examples: Examples) -> Iterator[Step]:
    """The closed solution in the blocks of shared axes."""
    yield _fluctuation_blocks(examples)


def _lyapunov() -> Step:
    """An Ornstein-Uhlenbeck process

    A deviation {n_t} normal to the orbit, [step:area], is kicked by the centred noise {zeta} and
    pulled back by the Hessian of the sample, of which only the mean {H} counts at leading order,
    [eq:normal-step]. Why, [step:order-by-order] shows. As the noise of a fresh sample is
    independent of the deviation, a covariance {Gamma} that a step leaves as it is satisfies
    [eq:covariance-step]; with {Gamma} of order {eta}, its leading order is the Lyapunov equation
    [eq:lyapunov]. Every deviation is pulled back where the minimum is strict, and the equation then
    has one solution: in the eigenbasis of {H} it says {entries}, with positive eigenvalues {h_b}
    and {h_c}.
    """
    size = NORMAL.shape[0]
    identity = sp.Identity(size)

    def second_moment_balance() -> bool:
        """One step maps Gamma to (1 - eta H) Gamma (1 - eta H) + eta^2 C; keep order eta^2."""
        h, c = sp.symbols("H C", commutative=False)
        scaled = sp.Symbol("Gamma_1", commutative=False)
        change = sp.expand((1 - ETA * h) * ETA * scaled * (1 - ETA * h) + ETA**2 * c - ETA * scaled)
        leading = sp.expand(change).coeff(ETA, 2)
        return bool(sp.expand(leading - (c - h * scaled - scaled * h)) == 0)

    return step(
        under={"lyapunov": [Premise.LEADING_ORDER, Premise.STRICT]},
        normal_step=(NEXT_NORMAL, NORMAL - ETA * (HESSIAN * NORMAL + CENTRED_NOISE)),
        covariance_step=(
            FLUCTUATION,
            (identity - ETA * HESSIAN) * FLUCTUATION * (identity - ETA * HESSIAN) + ETA**2 * NOISE,
        ),
        lyapunov=(HESSIAN * FLUCTUATION + FLUCTUATION * HESSIAN, ETA * NOISE),
        symbols={
            "h_b": STIFFNESS[B],
            "h_c": STIFFNESS[C],
            "entries": sp.Eq(
                (STIFFNESS[B] + STIFFNESS[C]) * FLUCTUATION_ENTRY[B, C], ETA * NOISE_ENTRY[B, C]
            ),
        },
        checks=(
            holds(
                "With a covariance proportional to the learning rate, the change in one step is "
                "of second order, and that order is [eq:lyapunov].",
                Method.IDENTITY,
                second_moment_balance,
            ),
        ),
        assumptions=(
            "The minimum is strict: in the normal space the Hessian is positive.",
            "The learning rate is small against the critical rate, up to which the fluctuation is "
            "stationary.",
        ),
    )


def _excess_loss(examples: Examples) -> Step:
    """Excess loss

    A fluctuating network exceeds the loss {least} of the minimum by {half_trace}, the excess loss,
    which by [eq:lyapunov] is [eq:excess-loss] and does not depend on the Hessian. It is constant
    while the representation drifts.
    """
    space = examples.weight_spaces[0]
    entries = {HESSIAN: space.hessian, FLUCTUATION: space.fluctuation, NOISE: space.noise}
    second_order = sp.Trace(HESSIAN * FLUCTUATION) / 2
    return step(
        excess_loss=chain(
            EXCESS,
            (
                "the loss to second order in the deviation, averaged",
                second_order,
                {EXCESS: evaluate_matrix(second_order, entries)},
            ),
            (
                "the trace is cyclic",
                sp.Trace(HESSIAN * FLUCTUATION + FLUCTUATION * HESSIAN) / 4,
            ),
            ("by [eq:lyapunov]", ETA * sp.Trace(NOISE) / 4, {ETA: sp.Integer(1)}),
            value=lambda line: evaluate_matrix(line, entries),
            method=Method.POINTS,
        ),
        symbols={"least": LEAST, "half_trace": second_order},
        checks=(
            vanishes(
                "Half the trace of Hessian times fluctuation equals a quarter of the trace of the "
                "noise covariance, in the two networks with rational entries, with elliptical "
                "inputs, full matrices in all weights and unit learning rate.",
                *(
                    (space.hessian * space.fluctuation).trace() / 2 - space.noise.trace() / 4
                    for space in examples.weight_spaces
                ),
                method=Method.POINTS,
            ),
            vanishes(
                "The same on shared axes, with symbols: the trace summed over the blocks, and that "
                "of the full noise covariance, for three learned axes and for a bottleneck.",
                *(
                    (
                        sum((block.hessian * block.fluctuation).trace() for block in space.blocks)
                        / 2,
                        ETA * space.noise.trace() / 4,
                    )
                    for space in (examples.all_active, examples.bottleneck)
                ),
            ),
        ),
    )


def _fluctuation_blocks(examples: Examples) -> Step:
    """Fluctuation of each block

    On shared axes [eq:lyapunov] falls apart into one equation for each block. Blocks of two rows
    have a closed solution in trace and determinant, [eq:lyapunov-solution]. Inserting shows it, as
    the block times {difference} is its determinant. With the adjugate {adjugate} of the block,
    {difference}, the matrix in its bracket satisfies [eq:lyapunov-bracket]. By [eq:lyapunov],
    [eq:hessian-own], [eq:noise-own] and [eq:axis-residual] an axis with itself fluctuates by
    [eq:fluctuation-own].
    """
    h, c, gamma = BLOCK_HESSIAN["il"], BLOCK_NOISE["il"], BLOCK_FLUCTUATION["il"]
    trace, determinant = sp.Trace(h), sp.Determinant(h)
    adjugate = sp.Trace(h) * sp.Identity(2) - h
    solution = ETA * (determinant * c + adjugate * c * adjugate) / (2 * trace * determinant)
    own = examples.representative.diagonal_block
    bracket = determinant * c + ADJUGATE * c * ADJUGATE
    a, b, d, e, f, g = sp.symbols("a b d e f g")
    block = sp.ImmutableMatrix([[a, b], [b, d]])
    entries = {
        h: block,
        c: sp.ImmutableMatrix([[e, f], [f, g]]),
        ADJUGATE: sp.ImmutableMatrix(block.adjugate()),
    }

    def generic() -> Iterator[tuple[Side, Side]]:
        operator, source = sp.Matrix(block), sp.Matrix(entries[c])
        found = solve_lyapunov(operator, source)
        yield operator * found + found * operator, source
        yield operator.adjugate(), operator.trace() * sp.eye(2) - operator

    spaces = (examples.all_active, examples.bottleneck, examples.more_outputs)
    return step(
        lyapunov_bracket=chain(
            h * bracket + bracket * h,
            (
                "a block times its adjugate is its determinant",
                determinant * (h * c + c * h + ADJUGATE * c + c * ADJUGATE),
            ),
            ("a block and its adjugate add up to its trace", 2 * trace * determinant * c),
            value=lambda line: evaluate_matrix(line, entries),
        ),
        lyapunov_solution=(gamma, solution),
        fluctuation_own=(OWN_FLUCTUATION, sp.factor(own.fluctuation[0])),
        symbols={"adjugate": ADJUGATE, "difference": adjugate},
        checks=(
            vanishes(
                "Substituted into the Lyapunov equation with arbitrary symmetric blocks, the "
                "solution satisfies it.",
                *generic(),
            ),
            vanishes(
                "The fluctuation assembled from the blocks satisfies the Lyapunov equation as a "
                "full matrix in all weights: three learned axes, a bottleneck, more outputs than "
                "inputs.",
                *(_balanced(space) for space in spaces),
            ),
        ),
    )


def _balanced(space: NormalSpace) -> tuple[Side, Side]:
    full = sp.zeros(space.hessian.rows, space.hessian.rows)
    for block in space.blocks:
        full += block.basis * block.fluctuation * block.basis.T / block.squared_norm
    return space.hessian * full + full * space.hessian, ETA * space.noise

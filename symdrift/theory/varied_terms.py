"""Special cases and limits: how the terms of equal axes change when one of the axes does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sympy as sp

from symdrift.algebra.equations import solve_lyapunov, solve_sylvester
from symdrift.algebra.matrices import evaluate_matrix
from symdrift.derivation.chapter import chain, step, vanishes
from symdrift.derivation.premises import Premise
from symdrift.derivation.steps import Step
from symdrift.derivation.symbols import ETA
from symdrift.derivation.vocabulary import (
    BLOCK_FLUCTUATION,
    BLOCK_HESSIAN,
    BLOCK_NOISE,
    LEFT_SOLUTION,
    OWN_FLUCTUATION,
    OWN_HESSIAN,
    OWN_NOISE,
    RIGHT_SOLUTION,
)
from symdrift.theory.block_solutions import MIXED_HESSIAN, ONES, ROW_LEFT, ROW_RIGHT
from symdrift.theory.drift import MIXED_FLUCTUATION, MIXED_NOISE

_STEMS = {"hessian": "H", "noise": "C", "fluctuation": r"\Gamma"}
VARIED_HESSIAN, VARIED_NOISE, VARIED_FLUCTUATION = (
    {index: sp.MatrixSymbol(f"varied_{name}_{index}", 2, 2) for index in ("il", "jl", "ji")}
    for name in _STEMS
)
OWN_CHANGES = tuple(sp.Symbol(f"varied_own_{name}", real=True) for name in _STEMS)
"""Of Hessian, noise and fluctuation of an axis with itself."""
VARIED_LEFT, VARIED_RIGHT = (sp.MatrixSymbol(f"varied_{side}", 2, 2) for side in "YZ")
VARIED_TERM, VARIED_OWN_TERM, VARIED_OVERLAP, VARIED_OWN_OVERLAP = sp.symbols(
    "varied_term varied_own_term varied_overlap varied_own_overlap", real=True
)

LATEX: dict[sp.Basic, str] = {
    **{
        item: rf"\partial {stem}_{{{index}}}"
        for part, stem in zip(
            (VARIED_HESSIAN, VARIED_NOISE, VARIED_FLUCTUATION), _STEMS.values(), strict=True
        )
        for index, item in part.items()
    },
    **{
        item: rf"\partial {stem}_{{ii}}"
        for item, stem in zip(OWN_CHANGES, _STEMS.values(), strict=True)
    },
    VARIED_LEFT: r"\partial Y_{ijl}",
    VARIED_RIGHT: r"\partial Z_{ijl}",
    VARIED_TERM: r"\partial T_{ijl}",
    VARIED_OWN_TERM: r"\partial T_{iji}",
    VARIED_OVERLAP: r"\partial o_{ijl}^2",
    VARIED_OWN_OVERLAP: r"\partial o_{iji}^2",
}

MEANINGS = ((VARIED_HESSIAN["il"], "derivative of a block by the variance of one axis", "2 by 2"),)

_H, _C, _GAMMA = (part["il"] for part in (BLOCK_HESSIAN, BLOCK_NOISE, BLOCK_FLUCTUATION))


def _of_a_term(blocks: int) -> sp.Expr:
    """What the product rule leaves of a term, for changes of as many of its two blocks."""
    noise, hessian = (
        sum((part[index] for index in ("il", "jl")[1:blocks]), part["il"])
        for part in (VARIED_NOISE, VARIED_HESSIAN)
    )
    moved = sp.Trace(_GAMMA * noise) - sp.Trace(_GAMMA**2 * hessian) / ETA
    return 2 * VARIED_OVERLAP * sp.Trace(_C * _GAMMA) + moved / 2


def _summed(block: sp.MatrixSymbol) -> sp.Expr:
    """All entries of a block together."""
    return sp.Trace(ONES * block * ONES.T)


CHANGE_OF_TERM = _of_a_term(2)
_PULLED, _SHAKEN, _SPREAD = OWN_CHANGES
CHANGE_OF_OWN_TERM = (
    4 * VARIED_OWN_OVERLAP * OWN_NOISE * OWN_FLUCTUATION
    + OWN_FLUCTUATION * (2 * _SHAKEN + _summed(VARIED_NOISE["ji"])) / 2
    - OWN_FLUCTUATION**2 * (2 * _PULLED + _summed(VARIED_HESSIAN["ji"])) / (2 * ETA)
)
"""By the changes of blocks and overlaps, where all axes are alike."""


def product_rule() -> Step:
    """How a term changes when one of equal axes does

    Let all axes be alike, and let the variance of one of them change; {change} is the derivative of
    a block by it. All blocks have the same eigenvectors, so that they commute, {Y} and {Z} are the
    identity, and the squared overlaps are a quarter. The first order of [eq:lyapunov] is
    [eq:varied-lyapunov], of which a term needs no more than [eq:varied-moved]. By
    [eq:solution-right] {Z} changes by minus what {Y} does; as both count alike, neither change is
    left in that of [eq:term], [eq:varied-term]. In the same way [eq:own-term] changes by
    [eq:varied-own]: the row of ones is {root} times an eigenvector of the block, with the
    eigenvalues {own}, {own_noise} and {own_moved}.
    """
    entries, known = _alike()

    def value(line: sp.Basic) -> Any:
        """A line for blocks of equal axes and any change of them."""
        return evaluate_matrix(line.xreplace(known), entries)

    varied = VARIED_FLUCTUATION
    turned = _C * _GAMMA * (VARIED_LEFT + VARIED_RIGHT)
    area = sp.Trace((VARIED_NOISE["il"] + VARIED_NOISE["jl"]) * _GAMMA) + sp.Trace(
        _C * (varied["il"] + varied["jl"])
    )
    own_area = (
        OWN_FLUCTUATION * _SHAKEN
        + OWN_NOISE * _SPREAD
        + (OWN_FLUCTUATION * _summed(VARIED_NOISE["ji"]) + OWN_NOISE * _summed(varied["ji"])) / 2
    )
    overlap = 4 * VARIED_OWN_OVERLAP * OWN_NOISE * OWN_FLUCTUATION
    changed = ETA * VARIED_NOISE["il"] - VARIED_HESSIAN["il"] * _GAMMA
    changed -= _GAMMA * VARIED_HESSIAN["il"]
    return step(
        under=[Premise.SHARED_AXES, Premise.EQUAL_AXES],
        varied_lyapunov=(_H * varied["il"] + varied["il"] * _H, changed),
        varied_moved=chain(
            ETA * sp.Trace(_C * varied["il"]),
            (
                "by [eq:lyapunov]; the trace is cyclic",
                sp.Trace(_GAMMA * (_H * varied["il"] + varied["il"] * _H)),
            ),
            (
                "by [eq:varied-lyapunov]",
                ETA * sp.Trace(_GAMMA * VARIED_NOISE["il"])
                - 2 * sp.Trace(_GAMMA**2 * VARIED_HESSIAN["il"]),
            ),
            value=value,
        ),
        varied_term=chain(
            VARIED_TERM,
            (
                "the product rule",
                2 * VARIED_OVERLAP * sp.Trace(_C * _GAMMA) + area / 4 + sp.Trace(turned) / 2,
            ),
            ("the last trace vanishes; by [eq:varied-moved]", CHANGE_OF_TERM),
            value=value,
        ),
        varied_own=chain(
            VARIED_OWN_TERM,
            ("the product rule; the changes of {y} and {z} cancel", overlap + own_area / 2),
            (
                "by [eq:varied-lyapunov] between rows of ones, and so for an axis with itself",
                CHANGE_OF_OWN_TERM,
            ),
            value=value,
        ),
        symbols={
            "change": VARIED_HESSIAN["il"],
            "Y": LEFT_SOLUTION,
            "Z": RIGHT_SOLUTION,
            "y": ROW_LEFT,
            "z": ROW_RIGHT,
            "root": sp.sqrt(2),
            "own": OWN_HESSIAN,
            "own_noise": OWN_NOISE,
            "own_moved": OWN_FLUCTUATION,
        },
        checks=(
            vanishes(
                "For blocks of equal axes and any change of them, [eq:varied-lyapunov] is the "
                "first order of [eq:lyapunov].",
                evaluate_matrix(
                    _H * varied["il"] + varied["il"] * _H - changed,
                    entries,
                ),
            ),
        ),
    )


def _alike() -> tuple[dict[Any, Any], Mapping[sp.Basic, sp.Expr]]:
    """Blocks of equal axes with any change of them, and what the terms change by for these.

    The terms are [eq:term] and [eq:own-term], of which the coefficient of a small change is taken.
    """
    small, stiff, joint, shaken, shared = sp.symbols("small h k c d")
    hessian = sp.ImmutableMatrix([[stiff, joint], [joint, stiff]])
    noise = sp.ImmutableMatrix([[shaken, shared], [shared, shaken]])
    fluctuation = sp.ImmutableMatrix(solve_lyapunov(sp.Matrix(hessian), ETA * sp.Matrix(noise)))
    own, own_noise = stiff + joint, shaken + shared
    own_moved = ETA * own_noise / (2 * own)
    spread = (ETA * _SHAKEN - 2 * own_moved * _PULLED) / (2 * own)
    blocks = {_H: hessian, _C: noise, _GAMMA: fluctuation, BLOCK_NOISE["jl"]: noise}
    blocks |= {BLOCK_FLUCTUATION["jl"]: fluctuation, MIXED_HESSIAN: hessian, MIXED_NOISE: noise}
    entries: dict[Any, Any] = {
        **blocks,
        MIXED_FLUCTUATION: fluctuation,
        ONES: sp.ImmutableMatrix([[1, 1]]),
        OWN_HESSIAN: own,
        OWN_NOISE: own_noise,
        OWN_FLUCTUATION: own_moved,
        _SPREAD: spread,
    }
    for index in ("il", "jl", "ji"):
        pulled, pushed = (
            sp.ImmutableMatrix([[a, b], [b, d]])
            for a, b, d in (sp.symbols(f"{part}_{index}_1:4") for part in ("h", "c"))
        )
        rest = ETA * pushed - pulled * fluctuation - fluctuation * pulled
        entries |= {
            VARIED_HESSIAN[index]: pulled,
            VARIED_NOISE[index]: pushed,
            VARIED_FLUCTUATION[index]: sp.ImmutableMatrix(
                solve_lyapunov(sp.Matrix(hessian), sp.Matrix(rest))
            ),
        }
    apart = entries[VARIED_HESSIAN["jl"]] - entries[VARIED_HESSIAN["il"]]
    left = sp.ImmutableMatrix(
        solve_sylvester(sp.Matrix(hessian), sp.Matrix(hessian), sp.Matrix(apart))
    )
    entries |= {VARIED_LEFT: left, VARIED_RIGHT: -left}

    def near(block: Any, change: Any) -> Any:
        return block + small * change

    quarter, unit = sp.Rational(1, 4), sp.ImmutableMatrix(sp.eye(2))
    y, z = near(unit, left), near(unit, -left)
    noises, moved = (
        [near(block, entries[change[index]]) for index in ("il", "jl")]
        for block, change in ((noise, VARIED_NOISE), (fluctuation, VARIED_FLUCTUATION))
    )
    term = near(quarter, VARIED_OVERLAP) * (
        (z * noises[1] * z.T * moved[0]).trace() + (y.T * noises[0] * y * moved[1]).trace()
    )
    ones, mixed = entries[ONES], entries[VARIED_HESSIAN["ji"]]
    # [eq:own-sylvester] to first order, where its solution is the row of ones.
    row = ones * (mixed - _PULLED * unit) * (own * unit + hessian).inv()
    y, z = near(ones, row), near(ones, -row)
    own_term = near(quarter, VARIED_OWN_OVERLAP) * (
        near(own_noise, _SHAKEN)
        * (y * near(fluctuation, entries[VARIED_FLUCTUATION["ji"]]) * y.T)[0]
        + near(own_moved, spread) * (z * near(noise, entries[VARIED_NOISE["ji"]]) * z.T)[0]
    )
    return entries, {
        VARIED_TERM: term.diff(small).subs(small, 0),
        VARIED_OWN_TERM: own_term.diff(small).subs(small, 0),
    }

"""Drift as a stochastic area: blocks that a rotation couples, and the equations between them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sympy as sp

from symdrift.algebra.equations import solve_sylvester
from symdrift.algebra.matrices import evaluate_matrix
from symdrift.derivation.chapter import Side, chain, holds, step, vanishes
from symdrift.derivation.premises import Premise
from symdrift.derivation.steps import Method, Step
from symdrift.derivation.symbols import symbol
from symdrift.derivation.vocabulary import (
    BLOCK_HESSIAN,
    LEFT_SOLUTION,
    RIGHT_SOLUTION,
    SIZE,
    TURN,
)
from symdrift.theory.block_solutions import OF_TWO_BLOCKS, RESULTANT, UNIT
from symdrift.theory.examples import SHARED, Examples
from symdrift.theory.linear.aligned import any_direction
from symdrift.theory.linear.normal_space import reached_directions
from symdrift.theory.linear.points import AlignedMinimum, active_direction

OVERLAP = sp.Symbol("o_ijl", positive=True)
OWN_OVERLAP = sp.Symbol("o_iji", positive=True)
W_IL, W_JL, W_LJ, U_LI, U_LJ, U_JL = (
    sp.MatrixSymbol(f"unit_{name}", SIZE, 1)
    for name in ("W_il", "W_jl", "W_lj", "U_li", "U_lj", "U_jl")
)
NORMAL_IL, NORMAL_JL, NORMAL_LI, NORMAL_LJ, NORMAL_II, NORMAL_JI = (
    sp.MatrixSymbol(f"normal_vector_{index}", SIZE, 1)
    for index in ("il", "jl", "li", "lj", "ii", "ji")
)

LATEX = {
    OVERLAP: "o_{ijl}",
    OWN_OVERLAP: "o_{iji}",
    **{
        vector: rf"I^{{{layer}}}_{{{index}}}"
        for vector, layer, index in (
            (W_IL, "W", "il"),
            (W_JL, "W", "jl"),
            (W_LJ, "W", "lj"),
            (U_LI, "U", "li"),
            (U_LJ, "U", "lj"),
            (U_JL, "U", "jl"),
        )
    },
    **{
        vector: f"u_{{{index}}}"
        for vector, index in (
            (NORMAL_IL, "il"),
            (NORMAL_JL, "jl"),
            (NORMAL_LI, "li"),
            (NORMAL_LJ, "lj"),
            (NORMAL_II, "ii"),
            (NORMAL_JI, "ji"),
        )
    },
}

MEANINGS: tuple[tuple[sp.Basic, str, str], ...] = ((OVERLAP, "overlap of two blocks", "scalar"),)


def coupled_blocks(examples: Examples) -> Iterator[Step]:
    """Which blocks a rotation couples, and the Sylvester equation between two of them."""
    yield _couplings(examples)
    yield _sylvester_blocks()


def _couplings(examples: Examples) -> Step:
    """A rotation couples two blocks for each third axis

    The rotation of the hidden units {i} and {j} carries the blocks of the axes {i} and {l} and of
    {j} and {l} into each other, for each {l}. In rows of the first and columns of the second it is
    a multiple of the identity, [eq:overlap], and with rows and columns exchanged it is minus that,
    since {Omega} is skew. Of single weights it makes [eq:carried]; the other two weights of the
    second block, {W_lj} and {U_jl}, belong to no unit that turns unless {l} is {i}, which is the
    case that follows. For {l} equal to {i} the first block has a single row, to which both unit
    vectors of the second contribute alike: the identity becomes a row of ones, [eq:own-overlap].
    What {u_jl} has along {W_jl} becomes part of {u_il}, and what {u_lj} has along {U_lj} becomes
    part of {u_li}, by the same factors of [eq:reached]. No two planes share a pair of blocks. A
    plane with a silent hidden unit couples none: the overlaps with a learned {l} vanish with the
    singular value of that unit, and for any other {l} there is no second block, since noise does
    not reach it.
    """
    minimum = AlignedMinimum(
        (active_direction("i"), active_direction("j"), any_direction("l")), 3, 3, 3
    )
    s_i, s_j, s_l = (sp.sqrt(symbol("singular_value", index)) for index in "ijl")

    def weight(layer: str, row: int, column: int) -> sp.ImmutableMatrix:
        """Unit vector of a single weight."""
        place = 9 * (layer == "U") + 3 * row + column
        return sp.ImmutableMatrix(18, 1, lambda k, _: int(k == place))

    def reached(output: int, column: int) -> sp.ImmutableMatrix:
        """[eq:reached], with the squared length that it has."""
        roots = (s_i, s_j, s_l)
        vector = roots[output] * weight("W", output, column)
        vector += roots[column] * weight("U", output, column)
        return vector / sp.sqrt(roots[output] ** 2 + roots[column] ** 2)

    entries: dict[Any, Any] = {
        TURN: minimum.network.rotation(0, 1),
        W_IL: weight("W", 0, 2),
        W_JL: weight("W", 1, 2),
        U_LI: weight("U", 2, 0),
        U_LJ: weight("U", 2, 1),
        NORMAL_IL: reached(0, 2),
        NORMAL_JL: reached(1, 2),
        NORMAL_II: reached(0, 0),
        NORMAL_JI: reached(1, 0),
    }

    def value(line: sp.Basic) -> Any:
        """A line for three hidden units, of which two turn."""
        return evaluate_matrix(line, entries)

    representative = examples.representative
    other, own = representative.other_term.couplings[0], representative.own_term.couplings[0]

    def structure() -> bool:
        """With four axes, plane (i, j) joins blocks {i, l} and {j, l}, and only these."""
        minimum = examples.four_axes
        reached = reached_directions(minimum)
        seen: set[frozenset[frozenset[int]]] = set()
        for i, j in minimum.planes:
            rotation = minimum.network.rotation(i, j)
            joined = {
                frozenset(frozenset((d.output, d.input)) for d in (left, right))
                for right in reached
                for image in [rotation * right.vector]
                for left in reached
                if (left.vector.T * image)[0] != 0
            }
            stated = {frozenset((frozenset((i, l)), frozenset((j, l)))) for l in range(4)}
            if joined != stated or joined & seen:
                return False
            seen |= joined
        return True

    return step(
        under=[Premise.SHARED_AXES],
        carried=[(TURN * W_JL, W_IL), (TURN * U_LJ, U_LI)],
        overlap=chain(
            OVERLAP,
            (
                "between the unit vectors",
                sp.Trace(NORMAL_IL.T * TURN * NORMAL_JL),
                {OVERLAP: other.overlap},
            ),
            ("by [eq:carried] and [eq:reached]", other.overlap),
            value=value,
        ),
        own_overlap=chain(
            OWN_OVERLAP,
            (
                "between the unit vectors",
                sp.Trace(NORMAL_II.T * TURN * NORMAL_JI),
                {OWN_OVERLAP: own.overlap},
            ),
            ("by [eq:carried] and [eq:reached]", own.overlap),
            value=value,
        ),
        symbols={
            "W_jl": W_JL,
            "W_lj": W_LJ,
            "U_lj": U_LJ,
            "U_jl": U_JL,
            "u_il": NORMAL_IL,
            "u_jl": NORMAL_JL,
            "u_li": NORMAL_LI,
            "u_lj": NORMAL_LJ,
        },
        checks=(
            vanishes(
                "The rotation of two of three units carries single weights as in [eq:carried], and "
                "no other weight of the second block.",
                (value(TURN * W_JL), value(W_IL)),
                (value(TURN * U_LJ), value(U_LI)),
                value(TURN) * weight("W", 2, 1),
                value(TURN) * weight("U", 1, 2),
            ),
            holds(
                "With four axes each plane couples exactly these blocks, never a block with "
                "itself, and each pair of blocks belongs to one plane.",
                Method.CASES,
                structure,
            ),
            vanishes(
                "Between the images of two maps the rotation in all weights is that on learned "
                f"maps: {SHARED}.",
                *(
                    (
                        space.minimum.reach.T
                        * space.minimum.network.rotation(*plane)
                        * space.minimum.reach,
                        space.minimum.turn(plane),
                    )
                    for space in examples.shared_axes
                    for plane in space.minimum.planes
                ),
            ),
            vanishes(
                "The rotation between the two blocks is the stated multiple of the identity and "
                "of a row of ones.",
                (other.orientation, sp.eye(2)),
                (own.orientation, sp.ones(1, 2)),
            ),
        ),
    )


def _sylvester_blocks() -> Step:
    """Solving for two blocks

    In rows of the block of {i} and {l} and columns of that of {j} and {l} the matrix {Y} of
    [eq:sylvester] is the overlap times {left}; with rows and columns exchanged it is minus the
    overlap times the transpose of {right}, and where the rotation couples no blocks it vanishes.
    Without the overlap the equation becomes [eq:sylvester-left], and transposed
    [eq:sylvester-right]. Multiplied by the adjugate of {first} from the left and used once more,
    the former leaves {left} times a polynomial in the other block, by the theorem of Cayley and
    Hamilton. Its inverse gives the first solution, [eq:solution-left], over the resultant
    [eq:resultant] of the characteristic polynomials of {first} and {negative}. The sum of both is
    solved by {sum}, which gives the second one, [eq:solution-right]. The resultant is positive, as
    the traces and determinants of both blocks are, so that each equation has one solution.

    The right side of [eq:sylvester] is in these places the overlap times {twice}, and minus the
    overlap times {other_twice}. To find the first solution, [eq:sylvester-left] is used to move
    blocks from one side of {left} to the other, which leaves {left} times a matrix,
    [eq:cayley-left], and [eq:cayley-inverse] divides by that matrix.
    """
    p, q = BLOCK_HESSIAN["il"], BLOCK_HESSIAN["jl"]
    found = OF_TWO_BLOCKS
    a, b, d, e, f, g = sp.symbols("a b d e f g")
    first, second = sp.ImmutableMatrix([[a, b], [b, d]]), sp.ImmutableMatrix([[e, f], [f, g]])
    blocks = {
        p: first,
        q: second,
        LEFT_SOLUTION: sp.ImmutableMatrix(
            solve_sylvester(sp.Matrix(first), sp.Matrix(second), 2 * sp.Matrix(second))
        ),
    }
    known = {RESULTANT: evaluate_matrix(found.resultant, blocks)}

    def value(line: sp.Basic) -> Any:
        """A line for arbitrary symmetric blocks."""
        return evaluate_matrix(line.xreplace(known), blocks)

    both = sp.Trace(p) + sp.Trace(q)
    apart = sp.Determinant(p) - sp.Determinant(q)
    moved = 2 * (sp.Trace(p) * UNIT - p) * q + 2 * q**2
    beside = q**2 + sp.Trace(p) * q + sp.Determinant(p) * UNIT
    inverse = both * (sp.Trace(q) * UNIT - q) + apart * UNIT

    def solved() -> tuple[tuple[Side, Side], ...]:
        left, right = first, second
        y, z = found.at({p: left, q: right})
        return (left * y + y * right, 2 * right), (left * z + z * right, 2 * left)

    def common_roots() -> tuple[Side, Side]:
        """The resultant is the product of all sums of an eigenvalue of each block."""
        sums = sp.Mul(*(one + other for one in (a, b) for other in (e, f)))
        blocks = {p: sp.ImmutableMatrix.diag(a, b), q: sp.ImmutableMatrix.diag(e, f)}
        return evaluate_matrix(found.resultant, blocks), sums

    return step(
        sylvester_left=(p * LEFT_SOLUTION + LEFT_SOLUTION * q, 2 * q),
        sylvester_right=(p * RIGHT_SOLUTION + RIGHT_SOLUTION * q, 2 * p),
        resultant=(RESULTANT, found.resultant),
        cayley_left=chain(
            LEFT_SOLUTION * beside,
            (
                "{moved} by [eq:sylvester-left], once and twice",
                (p**2 - sp.Trace(p) * p + sp.Determinant(p) * UNIT) * LEFT_SOLUTION + moved,
            ),
            ("the theorem for {first}", moved),
            value=value,
        ),
        cayley_inverse=chain(
            beside * inverse,
            ("the theorem for {second}", (both * q + apart * UNIT) * inverse),
            (
                "multiplied out, the theorem once more, and [eq:resultant]",
                RESULTANT * UNIT,
            ),
            value=value,
        ),
        solution_left=chain(
            LEFT_SOLUTION,
            ("by [eq:cayley-left] and [eq:cayley-inverse]", 1 / RESULTANT * moved * inverse),
            ("multiplied out, the theorem once more", found.left),
            value=value,
        ),
        solution_right=(RIGHT_SOLUTION, found.right(LEFT_SOLUTION)),
        symbols={
            "left": LEFT_SOLUTION,
            "right": RIGHT_SOLUTION,
            "twice": 2 * q,
            "other_twice": 2 * p,
            "first": p,
            "second": q,
            "negative": -q,
            "moved": sp.Eq(LEFT_SOLUTION * q, 2 * q - p * LEFT_SOLUTION),
            "sum": sp.Eq(LEFT_SOLUTION + RIGHT_SOLUTION, 2 * UNIT),
        },
        checks=(
            vanishes(
                "With arbitrary symmetric blocks in their places, [eq:solution-left] satisfies "
                "[eq:sylvester-left] and [eq:solution-right] satisfies [eq:sylvester-right].",
                *solved(),
            ),
            vanishes(
                "[eq:resultant] is the product of all sums of an eigenvalue of the one block and "
                "an eigenvalue of the other: it vanishes for no two positive blocks.",
                common_roots(),
            ),
        ),
    )

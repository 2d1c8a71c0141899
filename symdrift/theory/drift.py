"""Drift as a stochastic area: the diffusion tensor of an aligned network."""

from __future__ import annotations

from collections.abc import Iterator

import sympy as sp

from symdrift.algebra.equations import solve_sylvester
from symdrift.algebra.matrices import evaluate_matrix
from symdrift.algebra.rational import factor, is_zero, leading_term, replaced
from symdrift.derivation.chapter import Side, holds, step, vanishes
from symdrift.derivation.premises import Premise
from symdrift.derivation.steps import Method, Step
from symdrift.derivation.symbols import BATCH, ETA, GAMMA, symbol
from symdrift.derivation.vocabulary import (
    BLOCK_FLUCTUATION,
    BLOCK_HESSIAN,
    BLOCK_NOISE,
    FLUCTUATION,
    I_INDEX,
    J_INDEX,
    L_INDEX,
    LEFT_SOLUTION,
    NOISE,
    OWN_FLUCTUATION,
    OWN_HESSIAN,
    OWN_NOISE,
    PLANE_METRIC,
    RIGHT_SOLUTION,
    TERM,
    TURN,
)
from symdrift.theory.block_solutions import (
    MIXED_HESSIAN,
    OF_ONE_AXIS,
    OF_TWO_BLOCKS,
    ONES,
    OWN_RESULTANT,
    RESULTANT,
    ROW_LEFT,
    ROW_RIGHT,
    term,
)
from symdrift.theory.examples import SHARED, Examples
from symdrift.theory.linear.aligned import DriftTerm, counterparts, renaming
from symdrift.theory.linear.limits import autoencoder_direction
from symdrift.theory.linear.normal_space import NormalSpace, reached_directions
from symdrift.theory.linear.stochastic_area import couplings, mean_rotation

PLANE_VARIANCE = symbol("rotation_covariance", "ij")
WHITE_VARIANCE = sp.Symbol("V_white", positive=True)
WHITE_RATIO = sp.Symbol("white_ratio", positive=True)
WHITE_TERM = sp.Symbol("term_white", positive=True)
PLANE_MEAN = symbol("mean_rotation", "ij", real=True)
OVERLAP = sp.Symbol("o_ijl", positive=True)
OWN_OVERLAP = sp.Symbol("o_iji", positive=True)
DIRECTIONS = sp.Symbol("n_axes", positive=True, integer=True)
MIXED_NOISE, MIXED_FLUCTUATION = (sp.MatrixSymbol(f"{stem}_ji", 2, 2) for stem in ("C", "Gamma"))

LATEX = {
    WHITE_VARIANCE: r"V^{\mathrm{white}}_{ij}",
    WHITE_RATIO: r"T_{iji} / T^{\mathrm{white}}_{iji}",
    WHITE_TERM: r"T^{\mathrm{white}}_{iji}",
    OVERLAP: "o_{ijl}",
    OWN_OVERLAP: "o_{iji}",
    DIRECTIONS: r"\max(n, m)",
}

MEANINGS: tuple[tuple[sp.Basic, str, str], ...] = (
    (OVERLAP, "overlap of two blocks", "scalar"),
    (WHITE_TERM, "contribution of one axis in the white-noise approximation", "scalar"),
)


def drift(examples: Examples) -> Iterator[Step]:
    """From coupled blocks to the diffusion tensor, and what approximates it."""
    yield _couplings(examples)
    yield _sylvester_blocks()
    yield _terms(examples)
    yield _total(examples)
    yield _no_mean_rotation(examples)
    yield _white_noise(examples)


def _couplings(examples: Examples) -> Step:
    """A rotation couples two blocks for each third axis

    The rotation of the hidden units {i} and {j} carries the block of the axes {i} and {l} into
    that of {j} and {l}, for each {l}; between the unit vectors of the two blocks it is a
    multiple of the identity, [eq:overlap]. For {l} equal to {i} the first block has a single
    row, and the identity becomes a row of ones, [eq:own-overlap]. No two planes share a pair
    of blocks.
    """
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
        overlap=(OVERLAP, other.overlap),
        own_overlap=(OWN_OVERLAP, own.overlap),
        checks=(
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

    From the block of {i} and {l} to that of {j} and {l} the matrix {Y} of [eq:sylvester] is the
    overlap times {left}, and on the way back it is the overlap times the transpose of {right},
    with a minus sign. Without the overlap the Sylvester equation becomes [eq:sylvester-left] and
    [eq:sylvester-right]. By the theorem of Cayley and Hamilton the solutions are polynomials in
    the two blocks: the first is [eq:solution-left], divided by the resultant [eq:resultant] of
    their characteristic polynomials, and the sum of both equations gives the second,
    [eq:solution-right].
    """
    p, q = BLOCK_HESSIAN["il"], BLOCK_HESSIAN["jl"]
    found = OF_TWO_BLOCKS

    def solved() -> tuple[tuple[Side, Side], ...]:
        a, b, d, e, f, g = sp.symbols("a b d e f g")
        left, right = sp.ImmutableMatrix([[a, b], [b, d]]), sp.ImmutableMatrix([[e, f], [f, g]])
        y, z = found.at({p: left, q: right})
        return (left * y + y * right, 2 * right), (left * z + z * right, 2 * left)

    def common_roots() -> tuple[Side, Side]:
        """The resultant is the product of all sums of an eigenvalue of each block."""
        a, b, e, f = sp.symbols("a b e f")
        sums = sp.Mul(*(one + other for one in (a, b) for other in (e, f)))
        blocks = {p: sp.ImmutableMatrix.diag(a, b), q: sp.ImmutableMatrix.diag(e, f)}
        return evaluate_matrix(found.resultant, blocks), sums

    return step(
        sylvester_left=(p * LEFT_SOLUTION + LEFT_SOLUTION * q, 2 * q),
        sylvester_right=(p * RIGHT_SOLUTION + RIGHT_SOLUTION * q, 2 * p),
        resultant=(RESULTANT, found.resultant),
        solution_left=(LEFT_SOLUTION, found.left),
        solution_right=(RIGHT_SOLUTION, found.right(LEFT_SOLUTION)),
        symbols={"left": LEFT_SOLUTION, "right": RIGHT_SOLUTION},
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


def _terms(examples: Examples) -> Step:
    """What each axis contributes

    The trace in [eq:covariance] falls apart into one term for each {l}, [eq:term], with the
    blocks [eq:hessian-pair], [eq:noise-pair] and [eq:lyapunov-solution]. For {l} equal to {i}
    it is [eq:own-term], where the rows {y} and {z} solve [eq:own-sylvester]: they are
    [eq:own-solution-left] and [eq:own-solution-right] with the resultant [eq:own-resultant].
    For {l} equal to {j} the indices {i} and {j} change places.
    """
    representative = examples.representative
    y, z = LEFT_SOLUTION, RIGHT_SOLUTION
    found = OF_ONE_AXIS
    other, own = term("i", "j", "l"), term("i", "j", "i")

    def solved() -> tuple[tuple[Side, Side], ...]:
        e, f, g, h = sp.symbols("e f g h")
        block, ones = sp.ImmutableMatrix([[e, f], [f, g]]), sp.ones(1, 2)
        left, right = found.at({MIXED_HESSIAN: block}, {OWN_HESSIAN: h})
        return (
            (h * left + left * block, 2 * ones * block),
            (h * right + right * block, 2 * h * ones),
        )

    def entries(area: DriftTerm, names: tuple[sp.Basic, ...]) -> dict[sp.Basic, sp.Matrix]:
        forward, backward = area.couplings
        left, right = forward.left, forward.right
        values = (
            forward.coloured_orientation,
            # The way back is the transpose with reversed sign of the rotation.
            -backward.coloured_orientation.T,
            left.noise,
            right.noise,
            left.fluctuation,
            right.fluctuation,
        )
        return dict(zip(names, values, strict=True))

    def compare(
        area: DriftTerm,
        formula: sp.Expr,
        overlap: sp.Symbol,
        names: tuple[sp.Basic, ...],
        scalars: tuple[sp.Symbol, ...],
    ) -> bool:
        known = entries(area, names)
        given = {name: known[name][0] for name in scalars}
        plain = {name: value for name, value in known.items() if name not in scalars}
        value = evaluate_matrix(
            formula.xreplace(given).xreplace({overlap: area.couplings[0].overlap}), plain
        )
        # Exact at a point where every entry is a different rational number.
        symbols = sorted((value - area.exact).free_symbols, key=lambda item: item.name)
        point = {item: sp.Rational(2 * k + 3, k + 2) for k, item in enumerate(symbols)}
        return bool(replaced(value - area.exact, point) == 0)

    pair_names = (y, z, *BLOCK_NOISE.values(), *BLOCK_FLUCTUATION.values())
    own_names = (ROW_LEFT, ROW_RIGHT, OWN_NOISE, MIXED_NOISE, OWN_FLUCTUATION, MIXED_FLUCTUATION)
    return step(
        term=other,
        own_sylvester=[
            (OWN_HESSIAN * ROW_LEFT + ROW_LEFT * MIXED_HESSIAN, 2 * ONES * MIXED_HESSIAN),
            (OWN_HESSIAN * ROW_RIGHT + ROW_RIGHT * MIXED_HESSIAN, 2 * OWN_HESSIAN * ONES),
        ],
        own_resultant=(OWN_RESULTANT, found.resultant),
        own_solution_left=(ROW_LEFT, found.left),
        own_solution_right=(ROW_RIGHT, found.right(ROW_LEFT)),
        own_term=own,
        symbols={"y": ROW_LEFT, "z": ROW_RIGHT},
        checks=(
            vanishes(
                "With an arbitrary number and an arbitrary symmetric block in their places, "
                "[eq:own-solution-left] and [eq:own-solution-right] satisfy [eq:own-sylvester].",
                *solved(),
            ),
            holds(
                "The displayed term, with the explicit blocks put in, is the contribution of the "
                "two blocks to the trace.",
                Method.POINTS,
                lambda: compare(representative.other_term, other[1], OVERLAP, pair_names, ()),
            ),
            holds(
                "So is the displayed term for equal indices.",
                Method.POINTS,
                lambda: compare(
                    representative.own_term,
                    own[1],
                    OWN_OVERLAP,
                    own_names,
                    (OWN_NOISE, OWN_FLUCTUATION),
                ),
            ),
        ),
    )


def _total(examples: Examples) -> Step:
    """The diffusion tensor

    The rotation of the plane of {i} and {j} has the variance per step [eq:total], a sum over
    all axes; different planes are uncorrelated. Half of it is the diffusion coefficient of the
    plane. Axes without input or without output are included as axes of zero input variance or
    zero gain.
    """
    representative = examples.representative
    total = (
        ETA**2
        / (BATCH**2 * PLANE_METRIC**2)
        * sp.Sum(TERM[I_INDEX, J_INDEX, L_INDEX], (L_INDEX, 1, DIRECTIONS))
    )
    spaces = (examples.all_active, examples.bottleneck, examples.silent_unit)

    def terms(
        space: NormalSpace, absent: tuple[sp.Symbol, ...] = ()
    ) -> Iterator[tuple[Side, Side]]:
        """Each contribution as a rational function, with label noise left out for size."""
        quiet = dict.fromkeys(absent, sp.Integer(0)) | {
            symbol("label_noise", direction.index): sp.Integer(0)
            for direction in space.minimum.directions
        }
        for pair in counterparts(space, representative):
            generic = replaced(pair.generic.area_variance, pair.names)
            yield replaced(pair.found.area_variance, quiet), replaced(generic, quiet)

    def same_ingredients(space: NormalSpace) -> bool:
        """Label noise included: blocks, orientation and overlap of each coupled pair."""
        for pair in counterparts(space, representative):
            found, generic = pair.found, pair.generic
            blocks = (
                (found.left.hessian, generic.left.hessian),
                (found.right.hessian, generic.right.hessian),
                (found.left.noise, generic.left.noise),
                (found.right.noise, generic.right.noise),
            )
            same = all(_equal_up_to_order(a, b.xreplace(pair.names)) for a, b in blocks)
            overlap = is_zero(found.overlap**2 - (generic.overlap**2).xreplace(pair.names))
            sign = found.orientation[0] * generic.orientation[0]
            turned = sign**2 * found.orientation == sign * generic.orientation
            if not (same and overlap and turned):
                return False
        return True

    def silent_planes() -> bool:
        space = examples.silent_unit
        return all(not couplings(space, plane) for plane in space.minimum.planes if plane[1] == 2)

    named = "three learned axes, a bottleneck, a silent hidden unit."
    tests = (
        vanishes(
            "Each term of the first plane of an explicit network and of the representative indices "
            f"is the same rational function, without label noise: {named}",
            *(pair for space in spaces for pair in terms(space)),
        ),
        vanishes(
            "So it is for an input without output, where the gain is zero in the representative "
            "term, and for an output without input, where the input variance is.",
            *terms(examples.more_inputs, (symbol("gain", 3),)),
            *terms(examples.more_outputs, (symbol("input_variance", 3),)),
        ),
        holds(
            "With label noise the terms are built from the same blocks, entry by entry, and the "
            f"same overlaps: {named}",
            Method.IDENTITY,
            lambda: all(same_ingredients(space) for space in spaces),
        ),
        vanishes(
            "Assembled from the blocks, the matrix that replaces the rotation satisfies "
            "[eq:sylvester] as a full matrix on everything that noise reaches, for the first plane "
            "of three learned axes and of a bottleneck.",
            _sylvester_residue(examples.all_active),
            _sylvester_residue(examples.bottleneck),
        ),
        holds(
            "Planes that contain a silent hidden unit couple no blocks: they do not diffuse.",
            Method.CASES,
            silent_planes,
        ),
    )
    return step(
        total=(PLANE_VARIANCE, total),
        checks=tests,
    )


def _equal_up_to_order(found: sp.ImmutableMatrix, generic: sp.ImmutableMatrix) -> bool:
    """Equal entries, possibly with the two rows and columns of a block exchanged."""
    if found.shape != generic.shape:
        return False
    turned = sp.ImmutableMatrix(found.rows, found.cols, lambda a, b: found[~a, ~b])
    return any(all(is_zero(entry) for entry in variant - generic) for variant in (found, turned))


def _sylvester_residue(space: NormalSpace) -> sp.ImmutableMatrix:
    """``B' (H Y + Y H - 2 Omega H) B`` for the first plane, in all weights.

    Without the common factor ``sqrt(s_1 s_2)`` of the rotation.
    """
    minimum = space.minimum
    weight = sp.sqrt(sp.Mul(*(d.singular_value for d in minimum.directions[:2])))
    size = space.hessian.rows
    coloured = sp.zeros(size, size)
    for coupling in couplings(space, (0, 1)):
        left, right = coupling.left, coupling.right
        coloured += (left.basis * coupling.coloured_orientation * right.basis.T) / (
            left.squared_norm * right.squared_norm
        )
    basis = sp.Matrix.hstack(*(block.basis for block in space.blocks))
    turn = (minimum.network.rotation(0, 1) / weight).applyfunc(sp.cancel)
    residue = space.hessian * coloured + coloured * space.hessian - 2 * turn * space.hessian
    return sp.ImmutableMatrix(basis.T * residue * basis)


def _no_mean_rotation(examples: Examples) -> Step:
    """No mean rotation

    Hessian and fluctuation stay within a block and a rotation always leaves it: the trace in
    [eq:mean] is empty, [eq:no-mean]. Aligned Gaussian inputs make representations diffuse
    without a preferred sense of rotation.
    """
    spaces = (examples.all_active, examples.bottleneck, examples.more_outputs)
    return step(
        under=[Premise.SHARED_AXES, Premise.GAUSSIAN],
        no_mean=(PLANE_MEAN, 0),
        checks=(
            vanishes(
                "The mean rotation of every plane vanishes, with full matrices: three learned "
                "axes, a bottleneck, more outputs than inputs.",
                *(
                    mean_rotation(space, plane)
                    for space in spaces
                    for plane in space.minimum.planes
                ),
                *(
                    (space.hessian * space.minimum.network.rotation(*plane) * space.noise).trace()
                    for space in spaces
                    for plane in space.minimum.planes
                ),
            ),
        ),
    )


def _white_noise(examples: Examples) -> Step:
    """The white-noise approximation

    Treating noise and fluctuation as uncorrelated in time means putting {Omega} in the place
    of {Y}, [eq:white]. It misses that kicks are pulled back. The approximate term {white_term} of
    equal indices is [eq:own-term] with the row of two ones in the place of both solutions. For an
    autoencoder with small weight decay and without label noise, the blocks of
    [step:small-weight-decay] make the exact term the approximate one times [eq:white-ratio]: equal
    input variances leave nothing to miss, unequal ones do. The approximation is offered for
    comparison only.
    """
    area = sp.Trace(NOISE * TURN * FLUCTUATION * TURN.T)
    exact, approximate = _own_term_and_white(examples)
    shown = white_ratio(examples)
    lam_i, lam_j = symbol("input_variance", "i"), symbol("input_variance", "j")
    return step(
        under={
            "white": [Premise.WHITE_NOISE],
            "white_ratio": [
                Premise.GAUSSIAN,
                Premise.SHARED_AXES,
                Premise.SMALL_DECAY,
                Premise.QUIET_LABELS,
                Premise.WHITE_NOISE,
            ],
        },
        white=(WHITE_VARIANCE, ETA**2 * area / PLANE_METRIC**2),
        white_ratio=(WHITE_RATIO, shown),
        symbols={"white_term": WHITE_TERM},
        checks=(
            holds(
                "The approximation is not exact: the ratio differs from one.",
                Method.IDENTITY,
                lambda: not is_zero(shown - 1),
            ),
            vanishes(
                "The ratio is one for equal input variances.",
                (shown.subs(lam_i, lam_j), 1),
            ),
            holds(
                "Both terms have the same power of the weight decay.",
                Method.ORDER,
                lambda: exact[1] == approximate[1],
            ),
            vanishes(
                "Exact and approximate term agree when all Hessian eigenvalues are equal, where "
                "the Sylvester equation has the rotation itself as its solution.",
                (
                    solve_sylvester(
                        sp.Symbol("h") * sp.eye(2),
                        sp.Symbol("h") * sp.eye(2),
                        2 * sp.Symbol("h") * sp.eye(2),
                    ),
                    sp.eye(2),
                ),
            ),
        ),
    )


def _own_term_and_white(examples: Examples) -> tuple[tuple[sp.Expr, int], ...]:
    """Leading orders of both in the weight decay, for an autoencoder without label noise."""
    first, second = (autoencoder_direction(k, sp.Integer(0)) for k in "ij")
    term = examples.representative.own_term
    return tuple(
        leading_term(found.xreplace(renaming(i=first, j=second)), GAMMA)
        for found in (term.exact, term.white_noise)
    )


def white_ratio(examples: Examples) -> sp.Expr:
    """Term of equal indices by its white-noise approximation, for small weight decay."""
    exact, approximate = _own_term_and_white(examples)
    return factor(exact[0] / approximate[0])

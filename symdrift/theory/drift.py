"""Drift as a stochastic area: the diffusion tensor of an aligned network."""

from __future__ import annotations

from collections.abc import Iterator

import sympy as sp

from symdrift.algebra.equations import solve_sylvester
from symdrift.algebra.matrices import evaluate_matrix, product
from symdrift.algebra.rational import factor, is_zero, leading_term, replaced
from symdrift.derivation.chapter import Side, chain, holds, step, vanishes
from symdrift.derivation.premises import Premise
from symdrift.derivation.steps import Method, Step
from symdrift.derivation.symbols import BATCH, ETA, GAMMA, symbol
from symdrift.derivation.vocabulary import (
    BLOCK_FLUCTUATION,
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
    ONES,
    OWN_RESULTANT,
    ROW_LEFT,
    ROW_RIGHT,
    UNIT,
    term,
)
from symdrift.theory.coupled_blocks import OVERLAP, OWN_OVERLAP, coupled_blocks
from symdrift.theory.examples import Examples
from symdrift.theory.linear.aligned import DriftTerm, counterparts, renaming
from symdrift.theory.linear.limits import autoencoder_direction
from symdrift.theory.linear.normal_space import NormalSpace
from symdrift.theory.linear.stochastic_area import couplings, mean_rotation

PLANE_VARIANCE = symbol("rotation_covariance", "ij")
WHITE_VARIANCE = sp.Symbol("V_white", positive=True)
WHITE_RATIO = sp.Symbol("white_ratio", positive=True)
PLANE_MEAN = symbol("mean_rotation", "ij", real=True)
DIRECTIONS = sp.Symbol("n_axes", positive=True, integer=True)
MIXED_NOISE, MIXED_FLUCTUATION = (sp.MatrixSymbol(f"{stem}_ji", 2, 2) for stem in ("C", "Gamma"))

LATEX = {
    WHITE_VARIANCE: r"V^{\mathrm{white}}_{ij}",
    WHITE_RATIO: r"T_{iji} / T^{\mathrm{white}}_{iji}",
    DIRECTIONS: r"\max(n, m)",
}

MEANINGS = (
    (WHITE_VARIANCE, "covariance of the rotation for noise without memory", "rad^2 per step"),
    (WHITE_RATIO, "term of an axis over that for noise without memory", "scalar"),
)


def drift(examples: Examples) -> Iterator[Step]:
    """From coupled blocks to the diffusion tensor, and what approximates it."""
    yield from coupled_blocks(examples)
    yield _terms(examples)
    yield _total(examples)
    yield _no_mean_rotation(examples)
    yield _white_noise(examples)


def _terms(examples: Examples) -> Step:
    """What each axis contributes

    The trace in [eq:covariance] falls apart into one term for each {l}, [eq:term], with the blocks
    [eq:hessian-pair], [eq:noise-pair] and [eq:lyapunov-solution]. The part with {left} is that of
    rows in the block of {i} and {l}, and the part with {right} that of rows in the other, where the
    minus sign squares away. For {l} equal to {i} the term is [eq:own-term], and for {l} equal to
    {j} it is this with {i} and {j} exchanged; the rows {y} and {z} in it solve [eq:own-sylvester]:
    they are [eq:own-solution-left] and [eq:own-solution-right] with the resultant
    [eq:own-resultant].
    """
    representative = examples.representative
    y, z = LEFT_SOLUTION, RIGHT_SOLUTION
    found = OF_ONE_AXIS
    other, own = term("i", "j", "l"), term("i", "j", "i")

    e, f, g, h = sp.symbols("e f g h")
    mixed = sp.ImmutableMatrix([[e, f], [f, g]])
    blocks = {
        MIXED_HESSIAN: mixed,
        ONES: sp.ImmutableMatrix(sp.ones(1, 2)),
        ROW_LEFT: sp.ImmutableMatrix(
            solve_sylvester(sp.Matrix([[h]]), sp.Matrix(mixed), 2 * sp.ones(1, 2) * mixed)
        ),
    }
    resultant = evaluate_matrix(found.resultant.xreplace({OWN_HESSIAN: h}), blocks)
    known_numbers = {OWN_HESSIAN: h, OWN_RESULTANT: resultant}
    trace = sp.Trace(MIXED_HESSIAN)

    def value(line: sp.Basic) -> sp.ImmutableMatrix:
        """A line with an arbitrary number and an arbitrary block."""
        return evaluate_matrix(line.xreplace(known_numbers), blocks)

    def solved() -> tuple[tuple[Side, Side], ...]:
        block, ones = mixed, sp.ones(1, 2)
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
        own_solution_left=chain(
            ROW_LEFT,
            (
                "[eq:own-sylvester] solved",
                2 * ONES * MIXED_HESSIAN * sp.Inverse(OWN_HESSIAN * UNIT + MIXED_HESSIAN),
            ),
            (
                "two rows: the adjugate over the determinant, which is [eq:own-resultant]",
                2
                / OWN_RESULTANT
                * ONES
                * MIXED_HESSIAN
                * ((OWN_HESSIAN + trace) * UNIT - MIXED_HESSIAN),
            ),
            ("by the theorem of Cayley and Hamilton for {block}", found.left),
            value=value,
        ),
        own_solution_right=(ROW_RIGHT, found.right(ROW_LEFT)),
        own_term=own,
        symbols={
            "left": LEFT_SOLUTION,
            "right": RIGHT_SOLUTION,
            "y": ROW_LEFT,
            "z": ROW_RIGHT,
            "block": MIXED_HESSIAN,
        },
        checks=(
            vanishes(
                "With an arbitrary number and an arbitrary symmetric block in their places, "
                "[eq:own-solution-left] and [eq:own-solution-right] satisfy [eq:own-sylvester].",
                *solved(),
            ),
            vanishes(
                "Assembled from the blocks, the matrix that replaces the rotation satisfies "
                "[eq:sylvester] as a full matrix on everything that noise reaches, for the first "
                "plane of three learned axes and of a bottleneck.",
                _sylvester_residue(examples.all_active),
                _sylvester_residue(examples.bottleneck),
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

    The plane of {i} and {j} turns with the variance per step [eq:total], twice its diffusion
    coefficient {D_ij}: a sum over all axes, where a batch divides noise and fluctuation by its
    size; axes without input count as axes of zero input variance, those without output as axes of
    zero gain and without label noise. The weight that an axis without input or output lacks has
    neither noise nor coupling, and adds nothing.
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
        holds(
            "Planes that contain a silent hidden unit couple no blocks: they do not diffuse.",
            Method.CASES,
            silent_planes,
        ),
    )
    return step(
        total=(PLANE_VARIANCE, total),
        symbols={"D_ij": symbol("diffusion_tensor", "ij")},
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
        coloured += product(left.basis, coupling.coloured_orientation, right.basis.T) / (
            left.squared_norm * right.squared_norm
        )
    basis = sp.Matrix.hstack(*(block.basis for block in space.blocks))
    turn = (minimum.network.rotation(0, 1) / weight).applyfunc(sp.cancel)
    hessian = space.hessian
    residue = product(hessian, coloured) + product(coloured, hessian) - 2 * product(turn, hessian)
    return product(basis.T, residue, basis)


def _no_mean_rotation(examples: Examples) -> Step:
    """No mean rotation

    Hessian and fluctuation stay within a block, which a rotation leaves: [eq:mean] vanishes,
    [eq:no-mean]. Aligned Gaussian inputs make representations diffuse without a preferred sense of
    rotation.
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


def _before(factor_: sp.Expr, matrix: sp.ImmutableMatrix) -> sp.MatMul:
    """A matrix with a common factor in front of it."""
    inner = matrix.applyfunc(lambda entry: sp.cancel(entry / factor_))
    return sp.MatMul(factor_, inner, evaluate=False)


def _white_noise(examples: Examples) -> Step:
    """The white-noise approximation

    Treating noise and fluctuation as uncorrelated in time means putting {Omega} in the place of
    {Y}, [eq:white], and rows of ones in that of {y} and {z}. It misses that kicks are pulled back.
    For the term [eq:own-term] of an autoencoder, where all gains are one, with small weight decay
    and without label noise, the exact term is the approximate one times [eq:white-ratio]: equal
    input variances leave nothing to miss, unequal ones do. What stands in it is then, at leading
    order in {gamma}, [eq:white-axis] for the axis with itself, [eq:white-block] for the block, the
    fluctuation of which follows entry by entry from [eq:lyapunov], and [eq:white-rows]; put in,
    these give the ratio. The approximation is offered for comparison only.
    """
    area = sp.Trace(NOISE * TURN * FLUCTUATION * TURN.T)
    exact, approximate = (
        leading_term(
            term.xreplace(
                renaming(
                    i=autoencoder_direction("i", sp.Integer(0)),
                    j=autoencoder_direction("j", sp.Integer(0)),
                )
            ),
            GAMMA,
        )
        for term in (
            examples.representative.own_term.exact,
            examples.representative.own_term.white_noise,
        )
    )
    shown = factor(exact[0] / approximate[0])
    coupling = examples.representative.own_term.couplings[0]
    quiet = renaming(
        i=autoencoder_direction("i", sp.Integer(0)), j=autoencoder_direction("j", sp.Integer(0))
    )

    def leading(matrix: sp.ImmutableMatrix) -> sp.ImmutableMatrix:
        """Each entry to the lowest order in the weight decay that the whole has."""
        terms = [leading_term(entry.xreplace(quiet), GAMMA) for entry in matrix]
        lowest = min(order for size, order in terms if size != 0)
        kept = [size * GAMMA**order if order == lowest else 0 for size, order in terms]
        # The block found begins with the entry ``ij``, that of [eq:own-term] with ``ji``.
        return sp.ImmutableMatrix(*matrix.shape, kept[::-1])

    own, block = coupling.left, coupling.right
    curved, shaken = leading(block.hessian), leading(block.noise)
    fluctuating = sp.ImmutableMatrix(
        2, 2, lambda a, b: ETA * shaken[a, b] / (curved[a, a] + curved[b, b])
    )
    row = leading(coupling.coloured_orientation)
    other_row = leading(2 * coupling.orientation - coupling.coloured_orientation)
    (axis_curved,), (axis_shaken,), (axis_moved,) = (
        leading(matrix) for matrix in (own.hessian, own.noise, own.fluctuation)
    )

    def area_of(left: sp.ImmutableMatrix, right: sp.ImmutableMatrix) -> sp.Expr:
        """[eq:own-term] at leading order, over the overlap."""
        return (
            axis_shaken * (left * fluctuating * left.T)[0]
            + axis_moved * (right * shaken * right.T)[0]
        )

    ones = sp.ImmutableMatrix(sp.ones(1, 2))
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
        white_axis=[
            (OWN_HESSIAN, axis_curved),
            (OWN_NOISE, axis_shaken),
            (OWN_FLUCTUATION, axis_moved),
        ],
        white_block=[(MIXED_HESSIAN, curved), (MIXED_NOISE, _before(2 * GAMMA**2, shaken))],
        white_rows=[(ROW_LEFT, row), (ROW_RIGHT, other_row)],
        white_ratio=(WHITE_RATIO, shown),
        symbols={"y": ROW_LEFT, "z": ROW_RIGHT},
        checks=(
            vanishes(
                "The displayed blocks and rows, put in the term of equal indices, give the ratio.",
                (area_of(row, other_row) / area_of(ones, ones), shown),
            ),
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

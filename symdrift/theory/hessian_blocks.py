"""The normal space and its Hessian: small blocks, where teacher and inputs share axes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import sympy as sp

from symdrift.algebra.matrices import evaluate_matrix
from symdrift.derivation.chapter import Side, chain, holds, step, vanishes
from symdrift.derivation.premises import Premise
from symdrift.derivation.steps import Method, Step
from symdrift.derivation.symbols import GAMMA, symbol
from symdrift.derivation.vocabulary import (
    ANY_MAP,
    BLOCK_HESSIAN,
    FIRST_LAYER,
    INPUT_COVARIANCE,
    OWN_HESSIAN,
    REACH,
    RESIDUAL,
    SECOND_LAYER,
    STEP_FIRST,
    STEP_SECOND,
)
from symdrift.theory.examples import SHARED, Examples
from symdrift.theory.hessian import changed_map
from symdrift.theory.linear.aligned import any_direction, block_of
from symdrift.theory.linear.curvature import (
    connected_blocks,
    hessian,
)
from symdrift.theory.linear.normal_space import NormalSpace
from symdrift.theory.linear.points import AlignedMinimum, active_direction, inactive_direction
from symdrift.theory.linear.two_axes import LAMBDA_1, LAMBDA_2, S_1, S_2, STRAIGHT, TwoAxes

AXES = sp.Symbol("N_axes", positive=True, integer=True)
WEIGHT_COUNT = sp.Symbol("weight_count", positive=True, integer=True)
U_IL, U_LI = (sp.Symbol(f"step_U_{index}") for index in ("il", "li"))
W_IL, W_LI = (sp.Symbol(f"step_W_{index}") for index in ("il", "li"))
NORMAL_IL, NORMAL_LI = (sp.Symbol(f"normal_{index}") for index in ("il", "li"))
COUPLING = sp.Symbol("coupling_l", positive=True)
OTHER_FIRST, OTHER_SECOND, MAP_CHANGE, OTHER_CHANGE = (
    sp.MatrixSymbol(name, *shaped.shape)
    for name, shaped in (
        ("dW_other", FIRST_LAYER),
        ("dU_other", SECOND_LAYER),
        ("dM", RESIDUAL),
        ("dM_other", RESIDUAL),
    )
)
FIRST_ENTRY, CROSS_ENTRY = sp.symbols("hessian_entry_first hessian_entry_cross", real=True)

LATEX = {
    AXES: "N",
    WEIGHT_COUNT: r"\#_{\mathrm{weights}}",
    U_IL: r"I^{U}_{il}",
    U_LI: r"I^{U}_{li}",
    W_IL: r"I^{W}_{il}",
    W_LI: r"I^{W}_{li}",
    NORMAL_IL: "u_{il}",
    NORMAL_LI: "u_{li}",
    COUPLING: r"\Lambda_l",
    OTHER_FIRST: r"\delta W^{\prime}",
    OTHER_SECOND: r"\delta U^{\prime}",
    MAP_CHANGE: r"\delta M",
    OTHER_CHANGE: r"\delta M^{\prime}",
    FIRST_ENTRY: "(H_{il})_{11}",
    CROSS_ENTRY: "(H_{il})_{12}",
}

MEANINGS = (
    (AXES, "number of axes", "scalar"),
    (U_IL, "unit vector of one weight of the second layer", "vector"),
    (W_IL, "the same for the first layer", "vector"),
    (NORMAL_IL, "unit vector of the normal space", "vector"),
    (MAP_CHANGE, "change of the learned map", "m by n"),
    (COUPLING, "slope along an axis", "scalar"),
    (WEIGHT_COUNT, "number of weights", "scalar"),
)


def hessian_blocks(examples: Examples) -> Iterator[Step]:
    """Blocks, unit vectors and Hessian of shared axes."""
    yield _blocks(examples)
    yield _unit_vectors(examples)
    yield _hessian_entries()
    yield _hessian_blocks(examples)


def _blocks(examples: Examples) -> Step:
    """Weight space falls into small blocks

    When teacher and inputs share axes, and inputs, outputs and hidden units are counted along them,
    hidden unit {i} being the one that serves axis {i}, both layers, slope and input covariance are
    diagonal, and the operator [eq:map-hessian] couples an entry of a map to its mirror image
    alone. So does the Hessian with the weights: in [eq:hessian-pull] the entry for {i} and {l} of
    either layer contains of both changes the entries for {i} and {l} and for {l} and {i}, and no
    other. A network with {axes} axes and as many hidden units has [eq:pattern] weights, which fall
    into blocks of four for each pair of axes and of two for each axis with itself.
    """
    space = examples.all_active
    first = [f"W{i + 1}{j + 1}" for i in range(3) for j in range(3)]
    second = [f"U{i + 1}{j + 1}" for i in range(3) for j in range(3)]
    names = [*first, *second]

    def pairs_only(blocks: tuple[tuple[int, ...], ...], names: list[str]) -> bool:
        return all(len({frozenset(names[k][1:]) for k in block}) == 1 for block in blocks)

    def four_axes() -> bool:
        labels = [f"{layer}{i + 1}{j + 1}" for layer in "WU" for i in range(4) for j in range(4)]
        return pairs_only(connected_blocks([hessian(examples.four_axes)]), labels)

    found = connected_blocks([space.hessian])
    counted = 2 * AXES + 4 * AXES * (AXES - 1) / 2
    return step(
        under=[Premise.SHARED_AXES],
        pattern=(WEIGHT_COUNT, counted),
        symbols={"axes": AXES},
        checks=(
            holds(
                "Weights that the full Hessian of a network with three axes couples, directly or "
                "by others, belong to one pair of axes: three components of four and three of two.",
                Method.CASES,
                lambda: pairs_only(found, names) and sorted(map(len, found)) == [2, 2, 2, 4, 4, 4],
            ),
            holds("So does each component of the network with four axes.", Method.CASES, four_axes),
            vanishes(
                "All weights together are those of the two layers.",
                (sum(len(block) for block in found), counted.subs(AXES, 3)),
                (counted, 2 * AXES**2),
            ),
        ),
    )


def _unit_vectors(examples: Examples) -> Step:
    """Unit vectors of a pair of axes

    Take a map {F} with a single entry, for output {i} and input {l}: its image under {J} is what an
    error of that output does to the weights that carry that input. Let {U_il} and {W_il} stand for
    the unit vectors of single weights, from hidden unit {l} to output {i} and from input {l} to
    hidden unit {i}; for an {l} that is not learned there is no hidden unit: {s_l} is zero, and the
    weight drops out. Normalised, the images of the two entries between two axes are [eq:reached],
    with equal indices for one. All of them are orthogonal to each other.
    """
    first, second = examples.representative.pair_block.directions
    root = sp.sqrt(examples.representative.pair_block.squared_norm)
    s_i, s_l = symbol("singular_value", "i"), symbol("singular_value", "l")

    def combination(u: sp.Symbol, w: sp.Symbol, of_u: sp.Expr, of_w: sp.Expr) -> sp.Expr:
        return (of_u * u + of_w * w) / root

    def gradient(space: NormalSpace) -> tuple[Side, Side]:
        minimum = space.minimum
        network = minimum.network
        error = network.residual.xreplace(dict(minimum.weights))
        total = GAMMA * minimum.point
        for block in space.blocks:
            for d in block.directions:
                total -= error[d.output] * network.sample_input[d.input] * d.vector
        return total, minimum.sample_gradient

    return step(
        under=[Premise.SHARED_AXES],
        reached=[
            (NORMAL_IL, combination(U_IL, W_IL, sp.sqrt(s_l), sp.sqrt(s_i))),
            (NORMAL_LI, combination(U_LI, W_LI, sp.sqrt(s_i), sp.sqrt(s_l))),
        ],
        symbols={"F": ANY_MAP, "J": REACH, "U_il": U_IL, "W_il": W_IL},
        checks=(
            vanishes(
                "The unit vectors displayed are the images of two entries of the learned map.",
                *((direction.squared_norm, s_i + s_l) for direction in (first, second)),
                *zip((first.vector, second.vector), _displayed_vectors(), strict=True),
            ),
            holds(
                f"The images of different entries are orthogonal: {SHARED}.",
                Method.IDENTITY,
                lambda: all(space.minimum.overlap.is_diagonal() for space in examples.shared_axes),
            ),
            vanishes(
                "Every sample's gradient is weight decay plus a combination of them, in the same "
                "networks.",
                *map(gradient, examples.shared_axes),
            ),
        ),
    )


def _displayed_vectors() -> tuple[sp.Matrix, sp.Matrix]:
    """The displayed gradients of the entries ``il`` and ``li``.

    In the sub-network of ``i``, ``j``, ``l`` the first layer comes first, row by row.
    """
    s_i, s_l = (sp.sqrt(symbol("singular_value", index)) for index in ("i", "l"))
    size, i, l = 3, 0, 2
    expected_first, expected_second = sp.zeros(2 * size**2, 1), sp.zeros(2 * size**2, 1)
    second_layer = size**2
    expected_first[i * size + l] = s_i
    expected_first[second_layer + i * size + l] = s_l
    expected_second[l * size + i] = s_l
    expected_second[second_layer + l * size + i] = s_i
    return expected_first, expected_second


def _hessian_entries() -> Step:
    """A block of the Hessian, entry by entry

    The entries of a block are the second variation [eq:second-variation] along its unit vectors.
    Along {normal} the only entry of {step_U} is {of_U}, for output {i} and hidden unit {l}, and
    that of {step_W} is {of_W}, for hidden unit {i} and input {l}, by [eq:reached]. The layers
    themselves are diagonal, with the roots of the singular values, and so are covariance and
    residual map, with entries such as {lambda_i} and {E_i}. The map therefore changes in the same
    entry, by {changed} together, and {both} vanishes, since its two factors do not meet in an
    index. This gives the first entry [eq:hessian-first]; the last one is the same with {i} and {l}
    exchanged. Between the two unit vectors the second variation is replaced by its bilinear form,
    in which primes mark what belongs to the second of them. The map changes in different entries
    along the two, so that only the slope is left, and stationarity turns it into
    [eq:hessian-cross]. Along the unit vector of one axis, {own_first} in both layers, all three
    terms contribute to [eq:hessian-axis].
    """
    minimum = AlignedMinimum((any_direction("i"), any_direction("l")), 2, 2, 2)
    network, curved = minimum.network, hessian(minimum)
    s_i, s_l = symbol("singular_value", "i"), symbol("singular_value", "l")
    lam_i, lam_l = symbol("input_variance", "i"), symbol("input_variance", "l")
    e_i, e_l = symbol("residual_map", "i"), symbol("residual_map", "l")
    norm = sp.sqrt(s_i + s_l)
    second_il, first_il = sp.sqrt(s_l) / norm, sp.sqrt(s_i) / norm
    second_li, first_li = first_il, second_il
    half = 1 / sp.sqrt(2)

    def weights(entries: dict[tuple[str, int, int], sp.Expr]) -> sp.ImmutableMatrix:
        """A change of all weights, first layer then second, from its entries that are not zero."""
        layers = {name: sp.zeros(2, 2) for name in "WU"}
        for (layer, row, column), entry in entries.items():
            layers[layer][row, column] = entry
        return sp.ImmutableMatrix([*layers["W"], *layers["U"]])

    along = weights({("U", 0, 1): second_il, ("W", 0, 1): first_il})
    across = weights({("U", 1, 0): second_li, ("W", 1, 0): first_li})
    own = weights({("U", 0, 0): half, ("W", 0, 0): half})

    def value(change: sp.ImmutableMatrix, other: sp.ImmutableMatrix) -> Callable[[sp.Basic], Any]:
        """What a line is when the layers change by these."""
        entries = {
            FIRST_LAYER: minimum.first_layer,
            SECOND_LAYER: minimum.second_layer,
            INPUT_COVARIANCE: network.input_covariance,
            RESIDUAL: minimum.residual_map,
        }
        for part, first, second, product in (
            (change, STEP_FIRST, STEP_SECOND, MAP_CHANGE),
            (other, OTHER_FIRST, OTHER_SECOND, OTHER_CHANGE),
        ):
            entries |= {first: part[:4, :].reshape(2, 2), second: part[4:, :].reshape(2, 2)}
            entries[product] = evaluate_matrix(changed_map(first, second), entries)
        return lambda line: evaluate_matrix(line, entries)

    def found(change: sp.ImmutableMatrix, other: sp.ImmutableMatrix) -> sp.Expr:
        return (change.T * curved * other)[0]

    quadratic = (
        sp.Trace(MAP_CHANGE * INPUT_COVARIANCE * MAP_CHANGE.T)
        - 2 * sp.Trace(INPUT_COVARIANCE * RESIDUAL.T * STEP_SECOND * STEP_FIRST)
        + GAMMA * (sp.Trace(STEP_FIRST * STEP_FIRST.T) + sp.Trace(STEP_SECOND * STEP_SECOND.T))
    )
    bilinear = (
        sp.Trace(MAP_CHANGE * INPUT_COVARIANCE * OTHER_CHANGE.T)
        - sp.Trace(
            INPUT_COVARIANCE * RESIDUAL.T * (STEP_SECOND * OTHER_FIRST + OTHER_SECOND * STEP_FIRST)
        )
        + GAMMA * (sp.Trace(STEP_FIRST * OTHER_FIRST.T) + sp.Trace(STEP_SECOND * OTHER_SECOND.T))
    )
    coupled = lam_i * e_i * second_il * first_li + lam_l * e_l * second_li * first_il
    return step(
        under=[Premise.SHARED_AXES],
        hessian_first=chain(
            FIRST_ENTRY,
            (
                "[eq:second-variation] along {normal}, where {step_M} is the change of the map",
                quadratic,
                {FIRST_ENTRY: found(along, along)},
            ),
            (
                "the single entries of {step_M}, {step_W} and {step_U}; {both} vanishes",
                lam_l * (first_il * sp.sqrt(s_i) + second_il * sp.sqrt(s_l)) ** 2
                + GAMMA * (first_il**2 + second_il**2),
            ),
            (
                "the roots of {s_i} and {s_l} square; the vector has unit length",
                lam_l * (s_i + s_l) + GAMMA,
            ),
            value=value(along, along),
        ),
        hessian_cross=chain(
            CROSS_ENTRY,
            (
                "the bilinear form of [eq:second-variation] between {normal} and {mirror}",
                bilinear,
                {CROSS_ENTRY: found(along, across)},
            ),
            ("first and last term join entries at different places", -coupled),
            (
                "stationarity: both slopes are {gamma} if {l} is learned, and {s_l} is 0 if not",
                -lam_l * e_l * (s_i + s_l) / norm**2,
                {e_i: lam_l * e_l / lam_i},
            ),
            value=value(along, across),
        ),
        hessian_axis=chain(
            OWN_HESSIAN,
            (
                "[eq:second-variation] along the unit vector of the axis {i}",
                quadratic,
                {OWN_HESSIAN: found(own, own)},
            ),
            (
                "the single entries; the map changes by {own_change}",
                2 * lam_i * s_i - lam_i * e_i + GAMMA,
            ),
            ("stationarity of a learned axis", 2 * lam_i * s_i, {e_i: GAMMA / lam_i}),
            value=value(own, own),
        ),
        symbols={
            "normal": NORMAL_IL,
            "mirror": NORMAL_LI,
            "step_U": STEP_SECOND,
            "step_W": STEP_FIRST,
            "step_M": MAP_CHANGE,
            "both": STEP_SECOND * STEP_FIRST,
            "of_U": second_il,
            "of_W": first_il,
            "changed": norm,
            "own_first": half,
            "own_change": sp.sqrt(2 * s_i),
        },
    )


def _hessian_blocks(examples: Examples) -> Step:
    """Hessian blocks

    In the unit vectors [eq:reached] of an active direction {i} and any other direction {l} the
    operator [eq:map-hessian], which on shared axes couples an entry of a map to its mirror image
    alone, is the block [eq:hessian-pair]. The images of both entries have the same length, so that
    the matrix of the operator is that of the Hessian. Task and weight decay multiply the entry for
    output {i} and input {l} by {first} and by {gamma}, and the term with the slope brings in the
    mirror image. The coupling [eq:coupling], input variance times residual, is the slope along the
    axis {l}: it equals the weight decay when {l} is active, and {lost} when it is not. An axis with
    itself has [eq:hessian-own].
    """
    representative = examples.representative
    pair, own = representative.pair_block, representative.diagonal_block
    coupling = symbol("input_variance", "l") * symbol("residual_map", "l")
    displayed = pair.hessian.applyfunc(
        lambda entry: sp.collect(
            entry.xreplace({coupling: COUPLING, -coupling: -COUPLING}),
            symbol("input_variance", "i"),
        )
    ).applyfunc(lambda entry: sp.collect(entry, symbol("input_variance", "l")))
    return step(
        under=[Premise.SHARED_AXES],
        hessian_pair=(BLOCK_HESSIAN["il"], displayed),
        coupling=(COUPLING, coupling),
        hessian_own=(OWN_HESSIAN, own.hessian[0]),
        symbols={
            "first": (symbol("singular_value", "i") + symbol("singular_value", "l"))
            * symbol("input_variance", "l"),
            "lost": symbol("input_variance", "l") * symbol("gain", "l"),
        },
        checks=(
            vanishes(
                "With three learned axes, the block found in the full Hessian is the displayed "
                "one.",
                (
                    _instance(displayed, coupling, "3", active=True),
                    block_of(examples.all_active, 0, 2).within(examples.all_active.hessian),
                ),
            ),
            vanishes(
                "The same with one axis left out.",
                (
                    _instance(displayed, coupling, "3", active=False),
                    block_of(examples.bottleneck, 0, 2).within(examples.bottleneck.hessian),
                ),
            ),
            vanishes(
                "The operator [eq:map-hessian] of two misaligned axes has these blocks where the "
                "misalignment vanishes.",
                *_without_misalignment(displayed, coupling, own.hessian[0]),
            ),
            vanishes(
                "An input without output is a direction of gain zero, an output without input one "
                "of input variance zero: the single entries found are those of the block.",
                (
                    block_of(examples.more_inputs, 0, 2).within(examples.more_inputs.hessian)[0],
                    _instance(displayed, coupling, "3", active=False)[0, 0],
                ),
                (
                    block_of(examples.more_outputs, 2, 0).within(examples.more_outputs.hessian)[0],
                    _instance(displayed, coupling, "3", active=False)[1, 1],
                ),
            ),
        ),
    )


def _without_misalignment(
    displayed: sp.ImmutableMatrix, coupling: sp.Expr, own: sp.Expr
) -> tuple[tuple[Side, Side], ...]:
    """Operator on learned maps of two straightened axes, and the displayed blocks."""
    general = TwoAxes().minimum.curvature.xreplace(dict(STRAIGHT))
    names = {
        symbol("input_variance", "i"): LAMBDA_1,
        symbol("singular_value", "i"): S_1,
        symbol("input_variance", "l"): LAMBDA_2,
        symbol("singular_value", "l"): S_2,
    }
    pair = displayed.xreplace({COUPLING: coupling}).xreplace(
        {symbol("residual_map", "l"): GAMMA / symbol("input_variance", "l")}
    )
    return (
        (general.extract([1, 2], [1, 2]), pair.xreplace(names)),
        (general[0], own.xreplace(names)),
    )


def _instance(
    displayed: sp.ImmutableMatrix, coupling: sp.Expr, other: str, *, active: bool
) -> sp.ImmutableMatrix:
    """The displayed block for axis 1 and another axis of an explicit network."""
    direction = active_direction(other) if active else inactive_direction(other)
    return displayed.xreplace({COUPLING: coupling}).xreplace(
        {
            symbol("input_variance", "i"): symbol("input_variance", "1"),
            symbol("singular_value", "i"): symbol("singular_value", "1"),
            symbol("input_variance", "l"): direction.input_variance,
            symbol("singular_value", "l"): direction.singular_value,
            symbol("residual_map", "l"): direction.residual,
        }
    )

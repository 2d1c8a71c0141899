"""Gradient noise: small blocks, where teacher and Gaussian inputs share axes."""

from __future__ import annotations

from collections.abc import Iterator

import sympy as sp

from symdrift.derivation.chapter import chain, holds, step, vanishes
from symdrift.derivation.premises import Premise
from symdrift.derivation.steps import Method, Step
from symdrift.derivation.symbols import GAMMA, symbol
from symdrift.derivation.vocabulary import BLOCK_NOISE, OWN_NOISE
from symdrift.theory.examples import Examples
from symdrift.theory.linear.aligned import any_direction, block_of
from symdrift.theory.linear.curvature import connected_blocks, hessian
from symdrift.theory.linear.gradient_noise import gradient_noise
from symdrift.theory.linear.points import AlignedMinimum, active_direction, inactive_direction
from symdrift.typesetting.printer import Mean

PUSH, OWN_PUSH, SLOPE_FIRST, SLOPE_SECOND = sp.symbols("push push_own g_W_il g_U_il", real=True)
FIRST_ENTRY, CROSS_ENTRY = sp.symbols("noise_entry_first noise_entry_cross", real=True)
ERROR_I, ERROR_L = sp.symbols("e_i e_l", real=True)
INPUT_I, INPUT_L = (symbol("input", index, real=True) for index in "il")
LABEL_I, LABEL_L = (symbol("label_noise_sample", index, real=True) for index in "il")

LATEX: dict[sp.Basic, str] = {
    PUSH: r"g^{\mathsf{T}} u_{il}",
    OWN_PUSH: r"g^{\mathsf{T}} u_{ii}",
    SLOPE_FIRST: "(g_W)_{il}",
    SLOPE_SECOND: "(g_U)_{il}",
    FIRST_ENTRY: "(C_{il})_{11}",
    CROSS_ENTRY: "(C_{il})_{12}",
}


_PUSHED = (
    -sp.sqrt(symbol("singular_value", "i") + symbol("singular_value", "l")) * ERROR_I * INPUT_L
)
_OWN_PUSHED = -sp.sqrt(2 * symbol("singular_value", "i")) * ERROR_I * INPUT_I
_CONSTANT = GAMMA * sp.sqrt(2 * symbol("singular_value", "i"))
_SPLIT_ERROR = sp.Eq(ERROR_I, symbol("residual_map", "i") * INPUT_I + LABEL_I)


def noise_blocks(examples: Examples) -> Iterator[Step]:
    """Noise of Gaussian inputs in the blocks of shared axes."""
    yield _noise_blocks(examples)
    yield _noise_entries()


def _noise_blocks(examples: Examples) -> Step:
    """Noise blocks

    On shared axes, and with Gaussian inputs, the covariance of the gradient falls into the same
    blocks as the Hessian, [step:blocks]: of a map with a single entry the operator
    [eq:map-noise-gaussian] makes that entry and its mirror image, and [eq:noise-intertwined]
    carries both to the weights.

    Hidden unit {l} hands on {activity}, and the error {error} comes back to hidden unit {i} as
    {reached}: along the unit vectors [eq:reached] the gradient of a sample has {push} and, but for
    a constant, {own_push}. The covariance of these, since inputs and label noise of different axes
    are independent and {fourth}, is [eq:noise-pair] for two axes, uncorrelated with any other, and
    [eq:noise-own] for one, with variances {variance_i} and {variance_l} of label noise. Without
    label noise the block of two axes has rank one; what an axis does not explain of its target is
    noise for the others.
    """
    representative = examples.representative
    pair, own = representative.pair_block, representative.diagonal_block
    lam_i, e_i = symbol("input_variance", "i"), symbol("residual_map", "i")
    s_i, s_l = symbol("singular_value", "i"), symbol("singular_value", "l")
    to_residual = {GAMMA: lam_i * e_i}
    inner = pair.noise.xreplace(to_residual).applyfunc(
        lambda entry: sp.expand(sp.cancel(entry / (s_i + s_l)))
    )
    displayed = sp.MatMul(s_i + s_l, inner, evaluate=False)
    own_displayed = sp.factor(own.noise[0].xreplace(to_residual))

    def explicit(other_active: bool) -> sp.ImmutableMatrix:
        other = active_direction("3") if other_active else inactive_direction("3")
        first = active_direction("1")
        values: dict[sp.Basic, sp.Expr] = {}
        for index, direction in (("i", first), ("l", other)):
            values |= {
                symbol("input_variance", index): direction.input_variance,
                symbol("singular_value", index): direction.singular_value,
                symbol("residual_map", index): direction.residual,
                symbol("label_noise", index): symbol("label_noise", direction.index),
            }
        return displayed.doit().xreplace(values)

    def joins_nothing(curved: sp.ImmutableMatrix, shaken: sp.ImmutableMatrix) -> bool:
        return connected_blocks([curved, shaken]) == connected_blocks([curved])

    spaces = (examples.all_active, examples.bottleneck, examples.silent_unit)
    four = examples.four_axes
    return step(
        under=[Premise.GAUSSIAN, Premise.SHARED_AXES],
        noise_pair=(BLOCK_NOISE["il"], displayed),
        noise_own=(OWN_NOISE, own_displayed),
        symbols={
            "activity": sp.sqrt(s_l) * INPUT_L,
            "reached": sp.sqrt(s_i) * ERROR_I,
            "error": _SPLIT_ERROR,
            "push": sp.Eq(PUSH, _PUSHED),
            "own_push": sp.Eq(OWN_PUSH, _OWN_PUSHED),
            "fourth": sp.Eq(Mean(INPUT_I**4), 3 * lam_i**2),
            "variance_i": symbol("label_noise", "i") ** 2,
            "variance_l": symbol("label_noise", "l") ** 2,
        },
        checks=(
            vanishes(
                "With three learned axes, the block found in the full covariance of all weights "
                "is the displayed one.",
                (
                    explicit(True),
                    block_of(examples.all_active, 0, 2).within(examples.all_active.noise),
                ),
            ),
            vanishes(
                "The same with one axis left out.",
                (
                    explicit(False),
                    block_of(examples.bottleneck, 0, 2).within(examples.bottleneck.noise),
                ),
            ),
            vanishes(
                "Projecting the full covariance on the unit vectors loses nothing: traces agree, "
                "with three learned axes, with a bottleneck and with a silent hidden unit.",
                *(
                    (space.noise.trace(), sum(block.noise.trace() for block in space.blocks))
                    for space in spaces
                ),
            ),
            holds(
                "The connected components of Hessian and noise together are those of the Hessian: "
                "three learned axes, a bottleneck, a silent hidden unit, and four learned axes.",
                Method.CASES,
                lambda: all(
                    joins_nothing(*matrices)
                    for matrices in (
                        *((space.hessian, space.noise) for space in spaces),
                        (hessian(four), gradient_noise(four)),
                    )
                ),
            ),
        ),
        assumptions=("Inputs are Gaussian.",),
    )


def _noise_entries() -> Step:
    """A block of the noise, entry by entry

    What the gradient of one sample, [eq:gradient-first] and [eq:gradient-second], has along a unit
    vector of two axes is [eq:noise-push]; between two different axes there is no weight to decay.
    The error {e_i} is what the residual map {E_i} leaves of the input {x_i}, with the label noise
    {epsilon_i}. The means of such products need no more than the moment rule [eq:moments] and that
    different inputs and label noise are independent of each other. They give the first entry of
    [eq:noise-pair], [eq:noise-first]; the last one is the same with {i} and {l} exchanged, and
    [eq:noise-cross] stands between them. For one axis the mean does not vanish, and the variance is
    [eq:noise-axis].
    """
    minimum = AlignedMinimum((any_direction("i"), any_direction("l")), 2, 2, 2)
    network, gradient = minimum.network, minimum.sample_gradient
    shaken = gradient_noise(minimum)
    s_i, s_l = symbol("singular_value", "i"), symbol("singular_value", "l")
    lam_i, lam_l = symbol("input_variance", "i"), symbol("input_variance", "l")
    e_i, e_l = symbol("residual_map", "i"), symbol("residual_map", "l")
    noise_i = symbol("label_noise", "i")
    norm = sp.sqrt(s_i + s_l)
    # Weights of the first layer, row by row, and then of the second.
    along, across, own = (sp.zeros(8, 1) for _ in range(3))
    along[4 + 1], along[1] = sp.sqrt(s_l) / norm, sp.sqrt(s_i) / norm
    across[4 + 2], across[2] = sp.sqrt(s_i) / norm, sp.sqrt(s_l) / norm
    own[4], own[0] = 1 / sp.sqrt(2), 1 / sp.sqrt(2)
    sample = {
        ERROR_I: e_i * INPUT_I + LABEL_I,
        ERROR_L: e_l * INPUT_L + LABEL_L,
        SLOPE_FIRST: gradient[1],
        SLOPE_SECOND: gradient[4 + 1],
    }
    drawn = dict(
        zip(
            (INPUT_I, INPUT_L, LABEL_I, LABEL_L),
            (*network.sample_input, *network.sample_label_noise),
            strict=True,
        )
    )

    def value(line: sp.Expr) -> sp.Expr:
        """A line with the sample written out and averaged."""
        averaged = line.replace(
            Mean, lambda part: network.average(sp.expand(part.xreplace(sample).xreplace(drawn)))
        )
        return averaged.xreplace(sample).xreplace(drawn)

    def found(change: sp.Matrix, other: sp.Matrix) -> sp.Expr:
        return (change.T * shaken * other)[0]

    quiet = e_i**2 * Mean(INPUT_I**2 * INPUT_L**2)
    return step(
        under=[Premise.GAUSSIAN, Premise.SHARED_AXES],
        noise_push=chain(
            PUSH,
            (
                "the unit vector [eq:reached]",
                (sp.sqrt(s_l) * SLOPE_SECOND + sp.sqrt(s_i) * SLOPE_FIRST) / norm,
                {PUSH: (gradient.T * along)[0]},
            ),
            (
                "the entries of [eq:gradient-first] and [eq:gradient-second]",
                -(s_l * ERROR_I * INPUT_L + s_i * ERROR_I * INPUT_L) / norm,
            ),
            ("collected", _PUSHED),
            value=value,
        ),
        noise_first=chain(
            FIRST_ENTRY,
            (
                "the variance of [eq:noise-push], which has no mean",
                (s_i + s_l) * Mean(ERROR_I**2 * INPUT_L**2),
                {FIRST_ENTRY: found(along, along)},
            ),
            (
                "{error}; label noise is independent of the inputs",
                (s_i + s_l) * (quiet + Mean(LABEL_I**2) * Mean(INPUT_L**2)),
            ),
            (
                "one of the three pairings of [eq:moments] is left",
                (s_i + s_l) * (e_i**2 * lam_i * lam_l + noise_i**2 * lam_l),
            ),
            value=value,
        ),
        noise_cross=chain(
            CROSS_ENTRY,
            (
                "the covariance of [eq:noise-push] and of its mirror image",
                (s_i + s_l) * Mean(ERROR_I * INPUT_L * ERROR_L * INPUT_I),
                {CROSS_ENTRY: found(along, across)},
            ),
            (
                "label noise of the two outputs is independent",
                (s_i + s_l) * e_i * e_l * Mean(INPUT_I**2 * INPUT_L**2),
            ),
            ("the same pairing", (s_i + s_l) * e_i * e_l * lam_i * lam_l),
            value=value,
        ),
        noise_axis=chain(
            OWN_NOISE,
            (
                "{own_push}, where weight decay is a constant",
                2 * s_i * (Mean(ERROR_I**2 * INPUT_I**2) - Mean(ERROR_I * INPUT_I) ** 2),
                {OWN_NOISE: found(own, own)},
            ),
            (
                "{error}",
                2
                * s_i
                * (e_i**2 * Mean(INPUT_I**4) + noise_i**2 * lam_i - e_i**2 * Mean(INPUT_I**2) ** 2),
            ),
            (
                "three pairings, one of which the mean takes away",
                2 * s_i * (2 * e_i**2 * lam_i**2 + noise_i**2 * lam_i),
            ),
            value=value,
        ),
        symbols={
            "x_i": INPUT_I,
            "e_i": ERROR_I,
            "epsilon_i": LABEL_I,
            "error": _SPLIT_ERROR,
            "own_push": sp.Eq(OWN_PUSH, _CONSTANT + _OWN_PUSHED),
        },
        checks=(
            vanishes(
                "The gradient of a sample along the unit vector of one axis is the stated one.",
                (
                    (gradient.T * own)[0],
                    value(_CONSTANT + _OWN_PUSHED),
                ),
            ),
        ),
        assumptions=("Inputs are Gaussian.",),
    )

"""Gradient noise: its covariance, from the fourth moments of the inputs."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations_with_replacement

import sympy as sp

from symdrift.algebra.wick import expectation
from symdrift.derivation.chapter import chain, holds, step, vanishes
from symdrift.derivation.steps import Step
from symdrift.derivation.symbols import BATCH, GAMMA, INPUTS, symbol
from symdrift.derivation.vocabulary import (
    ANY_MAP,
    BLOCK_NOISE,
    KURTOSIS,
    MAP_NOISE,
    MEAN_PRODUCT,
    NOISE,
    NOISE_COVARIANCE,
    NOISE_ENTRY,
    OWN_NOISE,
    REACH,
    SHAKEN,
    SLOPE,
)
from symdrift.theory.examples import EXAMPLE_KURTOSIS, Examples, turned
from symdrift.theory.linear.aligned import any_direction, block_of
from symdrift.theory.linear.curvature import connected_blocks, hessian
from symdrift.theory.linear.gradient_noise import gradient_noise
from symdrift.theory.linear.maps import ELLIPTICAL_ON_MAPS, GAUSSIAN_ON_MAPS, elliptical_noise
from symdrift.theory.linear.points import (
    AlignedMinimum,
    ChosenMinimum,
    active_direction,
    inactive_direction,
)
from symdrift.typesetting.printer import Mean

BATCH_NOISE = sp.MatrixSymbol("C_batch", *NOISE.shape)
MOMENT = sp.IndexedBase("fourth")
ENTRY = sp.IndexedBase("mapnoise_entry")
RESIDUAL_ENTRY = sp.IndexedBase("missed_entry")
SLOPE_ENTRY = sp.IndexedBase("slope_entry")
COVARIANCE_ENTRY = sp.IndexedBase("covariance_entry")
LABEL_ENTRY = sp.IndexedBase("label_entry")
PROBABILITY = sp.IndexedBase("probability")
SAMPLE_GRADIENT = sp.IndexedBase("sample_gradient")
STIMULI = sp.Symbol("stimulus_count", positive=True, integer=True)
PUSH, OWN_PUSH, SLOPE_FIRST, SLOPE_SECOND = sp.symbols("push push_own g_W_il g_U_il", real=True)
FIRST_ENTRY, CROSS_ENTRY = sp.symbols("noise_entry_first noise_entry_cross", real=True)
ERROR_I, ERROR_L = sp.symbols("e_i e_l", real=True)
INPUT_I, INPUT_L = (symbol("input", index, real=True) for index in "il")
LABEL_I, LABEL_L = (symbol("label_noise_sample", index, real=True) for index in "il")
A, B, C, D, O, U = sp.symbols("a b c d o u", integer=True, positive=True)

LATEX: dict[sp.Basic, str] = {
    BATCH_NOISE: "C_B",
    MOMENT.label: r"\mathcal{K}",
    ENTRY.label: r"\mathcal{C}",
    RESIDUAL_ENTRY.label: "E",
    SLOPE_ENTRY.label: r"\Lambda",
    COVARIANCE_ENTRY.label: r"\Sigma",
    LABEL_ENTRY.label: r"\mathcal{S}",
    PROBABILITY.label: "f",
    SAMPLE_GRADIENT.label: "g",
    PUSH: r"\langle g, u_{il}\rangle",
    OWN_PUSH: r"\langle g, u_{ii}\rangle",
    SLOPE_FIRST: "(g_W)_{il}",
    SLOPE_SECOND: "(g_U)_{il}",
    FIRST_ENTRY: "(C_{il})_{11}",
    CROSS_ENTRY: "(C_{il})_{12}",
    STIMULI: r"\#_{\mathrm{stimuli}}",
    **{item: item.name for item in (A, B, C, D, O, U)},
}

MEANINGS = (
    (MOMENT[A, B, C, D], "fourth moments of the inputs", "scalar"),
    (PROBABILITY[C], "probability of a stimulus", "scalar"),
)


def noise(examples: Examples) -> Iterator[Step]:
    """Noise of Gaussian inputs on learned maps, and batches, for any task."""
    yield _map_noise(examples)
    yield _batches(examples)


def other_inputs(examples: Examples) -> Iterator[Step]:
    """Noise of any inputs: fourth moments, elliptical inputs, stimulus sets."""
    yield _contraction()
    yield _elliptical(examples)
    yield _stimulus_noise()


def noise_blocks(examples: Examples) -> Iterator[Step]:
    """Noise of Gaussian inputs in the blocks of shared axes."""
    yield _noise_entries()
    yield _noise_blocks(examples)


def _map_noise(examples: Examples) -> Step:
    """Noise on learned maps

    By [eq:noise-reached] the covariance of the gradient is the image of the covariance {noise} of
    error times input, [eq:noise-intertwined], which as an operator on matrices {F} is
    [eq:map-noise]. It needs the fourth moments {moments} of the inputs, the indices of which are
    components of a sample. For Gaussian inputs these are sums over the three pairings,
    [eq:moments], and the operator is [eq:map-noise-gaussian]: what the residual map misses, once
    for each pairing that the mean does not take away, and the label noise, of covariance
    {label_noise}.
    """
    return step(
        noise_intertwined=(NOISE, REACH * MAP_NOISE * REACH.T),
        map_noise=(SHAKEN, MEAN_PRODUCT - sp.Trace(SLOPE.T * ANY_MAP) * SLOPE),
        moments=(MOMENT[A, B, C, D], _pairings()),
        map_noise_gaussian=(SHAKEN, GAUSSIAN_ON_MAPS),
        symbols={
            "F": ANY_MAP,
            "noise": MAP_NOISE,
            "label_noise": NOISE_COVARIANCE,
            "moments": MOMENT[A, B, C, D],
        },
        checks=(
            holds(
                "The moments agree with derivatives of the moment generating function.",
                "differentiation",
                _generating_function,
            ),
            vanishes(
                "For Gaussian inputs the covariance of the gradient in all weights, entry by "
                "entry by the Gaussian moment rule, is the image of [eq:map-noise-gaussian]: the "
                "two networks with rational entries, label noise included, and three learned "
                "axes, a bottleneck and a silent hidden unit.",
                *(
                    gradient_noise(minimum)
                    - minimum.reach * minimum.operator(GAUSSIAN_ON_MAPS) * minimum.reach.T
                    for minimum in examples.rational
                ),
                *(
                    space.missed_noise
                    for space in (examples.all_active, examples.bottleneck, examples.silent_unit)
                ),
            ),
        ),
    )


def _pairings() -> sp.Expr:
    """Fourth moments of Gaussian inputs."""
    return (
        COVARIANCE_ENTRY[A, B] * COVARIANCE_ENTRY[C, D]
        + COVARIANCE_ENTRY[A, C] * COVARIANCE_ENTRY[B, D]
        + COVARIANCE_ENTRY[A, D] * COVARIANCE_ENTRY[B, C]
    )


def _generating_function() -> bool:
    """Moments are derivatives of ``exp(t' Sigma t / 2)`` at zero, for two inputs."""
    t = sp.symbols("t_1 t_2", real=True)
    sigma = sp.Matrix(2, 2, lambda a, b: sp.Symbol(f"S_{min(a, b)}{max(a, b)}"))
    form = (sp.Matrix(1, 2, t) * sigma * sp.Matrix(t))[0] / 2
    function = sp.exp(form)
    for entries in combinations_with_replacement(range(2), 4):
        names = dict(zip((A, B, C, D), entries, strict=True))
        shown = sp.Add(
            *(
                sp.Mul(*(sigma[tuple(names[k] for k in pair.indices)] for pair in term.args))
                for term in _pairings().args
            )
        )
        found = sp.diff(function, *(t[k] for k in entries)).subs(dict.fromkeys(t, 0))
        if sp.expand(found - shown) != 0:
            return False
    return True


def _batches(examples: Examples) -> Step:
    """Batches

    The mean over a batch of {batch} independent samples has the covariance [eq:batch]. Below,
    {C} is that of the batch; formulas in terms of the network's parameters are written for
    single samples, and the batch size is restored where a result is stated.
    """
    space = examples.bottleneck
    network = space.minimum.network
    first = dict(zip(network.sample_input, sp.symbols("b_1:4", real=True), strict=True))
    noise_copy = sp.symbols("d_1:4", real=True)
    second = first | dict(zip(network.sample_label_noise, noise_copy, strict=True))
    gradient = space.minimum.sample_gradient

    def halves() -> bool:
        """Covariance of the mean of two independent gradients, entry by entry."""
        copy = gradient.xreplace(second)
        variances = dict(
            zip(
                (*network.sample_input, *network.sample_label_noise),
                (*network.input_covariance.diagonal(), *network.label_noise),
                strict=True,
            )
        )
        covariance = {(v, v): value for v, value in variances.items()} | {
            (second[v], second[v]): value for v, value in variances.items()
        }
        mean = (gradient + copy) / 2
        picked = [k for k in range(gradient.rows) if gradient[k] != 0][:4]
        for a in picked:
            for b in picked:
                moment = expectation(sp.expand(mean[a] * mean[b]), covariance)
                average = expectation(sp.expand(mean[a]), covariance) * expectation(
                    sp.expand(mean[b]), covariance
                )
                if sp.expand(moment - average - space.noise[a, b] / 2) != 0:
                    return False
        return True

    return step(
        batch=(BATCH_NOISE, NOISE / BATCH),
        checks=(
            holds(
                "The covariance of the mean of two independent gradients is half of that of one.",
                "expansion",
                halves,
            ),
        ),
    )


def _contraction() -> Step:
    """Only a contraction of the fourth moments matters

    For other inputs [eq:map-noise] stays. Written out for output {o} and input {a} of one factor,
    output {u} and input {b} of the other, the covariance is [eq:contraction]: the fourth
    moments {moment} of the inputs enter contracted with the residual map twice. Third moments never
    enter, because label noise is independent of the inputs.
    """
    entry = (
        sp.Sum(
            RESIDUAL_ENTRY[O, C] * RESIDUAL_ENTRY[U, D] * MOMENT[C, A, D, B],
            (C, 1, INPUTS),
            (D, 1, INPUTS),
        )
        - SLOPE_ENTRY[O, A] * SLOPE_ENTRY[U, B]
        + LABEL_ENTRY[O, U] * COVARIANCE_ENTRY[A, B]
    )
    return step(
        contraction=(ENTRY[O, A, U, B], entry),
        symbols={
            "o": O,
            "a": A,
            "u": U,
            "b": B,
            "moment": MOMENT[A, B, C, D],
        },
        checks=(
            holds(
                "For two inputs and two outputs every product of two entries of error times "
                "input, averaged monomial by monomial with arbitrary second and fourth moments, "
                "has the covariance [eq:contraction].",
                "expansion",
                _averaged_by_hand,
            ),
        ),
    )


def _averaged_by_hand() -> bool:
    """Cov(e_o x_a, e_q x_b) from monomials against the contraction, entry by entry."""
    x = sp.symbols("x_1 x_2")
    eps = sp.symbols("eps_1 eps_2")
    residual = sp.Matrix(2, 2, sp.symbols("E_11 E_12 E_21 E_22"))
    noise = sp.symbols("N_1 N_2")
    second = {(k, 2 - k): sp.Symbol(f"m2_{k}") for k in range(3)}
    fourth = {(k, 4 - k): sp.Symbol(f"m4_{k}") for k in range(5)}
    errors = [residual[o, 0] * x[0] + residual[o, 1] * x[1] + eps[o] for o in range(2)]

    def average(polynomial: sp.Expr) -> sp.Expr:
        total = sp.Integer(0)
        for (i, j, k, l), coefficient in sp.Poly(polynomial, *x, *eps).terms():
            if k % 2 or l % 2:
                continue
            inputs = {0: {(0, 0): sp.Integer(1)}, 2: second, 4: fourth}[i + j][i, j]
            total += coefficient * inputs * noise[0] ** (k // 2) * noise[1] ** (l // 2)
        return total

    def counted(*indices: int) -> tuple[int, int]:
        return indices.count(0), indices.count(1)

    covariance = sp.Matrix(2, 2, lambda a, b: second[counted(a, b)])
    slope = residual * covariance
    for o in range(2):
        for a in range(2):
            for q in range(2):
                for b in range(2):
                    found = average(sp.expand(errors[o] * x[a] * errors[q] * x[b])) - average(
                        sp.expand(errors[o] * x[a])
                    ) * average(sp.expand(errors[q] * x[b]))
                    formula = sum(
                        residual[o, c] * residual[q, d] * fourth[counted(c, a, d, b)]
                        for c in range(2)
                        for d in range(2)
                    )
                    formula -= slope[o, a] * slope[q, b]
                    formula += (noise[o] if o == q else 0) * covariance[a, b]
                    if sp.expand(found - formula) != 0:
                        return False
    return True


def _elliptical(examples: Examples) -> Step:
    """Elliptical inputs

    Elliptical inputs are a linear map of vectors of uniform direction and independent random
    length. Their fourth moments are those of Gaussian inputs times one plus the kurtosis
    {kurtosis}, [eq:pairings], and the contraction is [eq:map-noise-elliptical]: beside the terms
    of [eq:map-noise-gaussian] there is one that couples all axes through the common length.
    Gaussian inputs have kurtosis zero.
    """
    return step(
        pairings=(MOMENT[A, B, C, D], sp.Mul(1 + KURTOSIS, _pairings(), evaluate=False)),
        map_noise_elliptical=(SHAKEN, ELLIPTICAL_ON_MAPS),
        symbols={"kurtosis": KURTOSIS},
        checks=(
            vanishes(
                "Contracting [eq:pairings] entry by entry gives the operator "
                "[eq:map-noise-elliptical]: the two networks with rational entries.",
                *(
                    _contracted(minimum, EXAMPLE_KURTOSIS)
                    - elliptical_noise(minimum, EXAMPLE_KURTOSIS)
                    for minimum in examples.rational
                ),
            ),
        ),
    )


def _contracted(minimum: ChosenMinimum, kurtosis: sp.Expr) -> sp.ImmutableMatrix:
    """[eq:contraction] with the moments [eq:pairings], by explicit sums."""
    residual, sigma, slope = minimum.residual_map, minimum.input_covariance, minimum.slope
    inputs = minimum.network.inputs

    def fourth(a: int, b: int, c: int, d: int) -> sp.Expr:
        return (1 + kurtosis) * (
            sigma[a, b] * sigma[c, d] + sigma[a, c] * sigma[b, d] + sigma[a, d] * sigma[b, c]
        )

    def entry(row: int, column: int) -> sp.Expr:
        (o, a), (q, b) = divmod(row, inputs), divmod(column, inputs)
        total = -slope[o, a] * slope[q, b]
        if o == q:
            total += minimum.label_noise[o] * sigma[a, b]
        for c in range(inputs):
            for d in range(inputs):
                total += residual[o, c] * residual[q, d] * fourth(c, a, d, b)
        return total

    size = minimum.network.outputs * inputs
    return sp.ImmutableMatrix(size, size, entry)


def _stimulus_noise() -> Step:
    """A finite set of stimuli

    When the inputs are a finite set of stimuli, stimulus {c} shown with probability {f},
    nothing is left to average: between the weights {a} and {b} the covariance is the sum
    [eq:stimulus-noise] over the gradients of the stimuli at the minimum, where their mean
    vanishes; label noise adds its part as before. Rows of a data file are stimuli of equal
    probability. Without label noise the noise has at most as many dimensions as there are stimuli.
    """
    total = sp.Sum(PROBABILITY[C] * SAMPLE_GRADIENT[C, A] * SAMPLE_GRADIENT[C, B], (C, 1, STIMULI))
    return step(
        stimulus_noise=(NOISE_ENTRY[A, B], total),
        symbols={"c": C, "f": PROBABILITY[C], "a": A, "b": B},
        checks=(
            holds(
                "For four rational stimuli of unequal probability and a misaligned teacher the "
                "sum is the image of the contraction of their fourth moments.",
                "matrix product",
                _stimuli_agree,
            ),
        ),
    )


def _stimuli_agree() -> bool:
    stimuli = [sp.Matrix(row) for row in ([1, 2], [2, -1], [-1, 1], [1, 1])]
    probabilities = [sp.Rational(k, 10) for k in (1, 2, 3, 4)]
    covariance = sp.zeros(2, 2)
    for stimulus, probability in zip(stimuli, probabilities, strict=True):
        covariance += probability * stimulus * stimulus.T
    minimum = ChosenMinimum(
        left=turned(2, 0, 1, sp.Rational(1, 3)),
        right=turned(2, 0, 1, sp.Rational(1, 2)),
        singular_values=(sp.Integer(4), sp.Integer(1)),
        input_covariance=sp.ImmutableMatrix(covariance),
        weight_decay=sp.Rational(1, 2),
        unlearned_slope=sp.ImmutableMatrix(sp.zeros(2, 2)),
        label_noise=(sp.Integer(0), sp.Integer(0)),
    )
    network = minimum.network
    by_gradients = sp.zeros(8, 8)
    on_maps = -sp.Matrix([*minimum.slope]) * sp.Matrix([*minimum.slope]).T
    quiet = dict.fromkeys(network.sample_label_noise, sp.Integer(0))
    for stimulus, probability in zip(stimuli, probabilities, strict=True):
        sample = {**quiet, **dict(zip(network.sample_input, stimulus, strict=True))}
        gradient = sp.Matrix(minimum.sample_gradient.xreplace(sample))
        by_gradients += probability * gradient * gradient.T
        product = sp.Matrix([*(minimum.residual_map * stimulus * stimulus.T)])
        on_maps += probability * product * product.T
    return bool((by_gradients - minimum.reach * on_maps * minimum.reach.T).is_zero_matrix)


def _noise_entries() -> Step:
    """A block of the noise, entry by entry

    The noise along a unit vector is what the gradient of one sample, [eq:gradient-first] and
    [eq:gradient-second], has along it.
    On shared axes the hidden activity of unit {l} is {activity}, and the error reaches unit {i} as
    {reached}. Between two different axes there is no weight to decay, which leaves [eq:noise-push]:
    the error of one output times the input of another axis, with {x_i} and {x_l} the components of
    the sample. The error {e_i} is what the residual map {E_i} leaves of the input {x_i}, with the
    label noise {epsilon_i}. The means of such products need no more than the moment rule
    [eq:moments] and that different inputs and label noise are independent of each other. They give
    the first entry of the block, [eq:noise-first]; the last one is the same with {i} and {l}
    exchanged, and [eq:noise-cross] stands between them. For one axis the mean does not vanish, and
    the variance is [eq:noise-axis].
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
            ("collected", -norm * ERROR_I * INPUT_L),
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
            "activity": sp.sqrt(s_l) * INPUT_L,
            "reached": sp.sqrt(s_i) * ERROR_I,
            "x_i": INPUT_I,
            "x_l": INPUT_L,
            "e_i": ERROR_I,
            "epsilon_i": LABEL_I,
            "error": sp.Eq(ERROR_I, e_i * INPUT_I + LABEL_I),
            "own_push": sp.Eq(
                OWN_PUSH, GAMMA * sp.sqrt(2 * s_i) - sp.sqrt(2 * s_i) * ERROR_I * INPUT_I
            ),
        },
        checks=(
            vanishes(
                "The gradient of a sample along the unit vector of one axis is the stated one.",
                (gradient.T * own)[0]
                - value(GAMMA * sp.sqrt(2 * s_i) - sp.sqrt(2 * s_i) * ERROR_I * INPUT_I),
            ),
        ),
        assumptions=("Inputs are Gaussian.",),
    )


def _noise_blocks(examples: Examples) -> Step:
    """Noise blocks

    On shared axes, and with Gaussian inputs, the covariance of the gradient falls into the same
    blocks as the Hessian, [step:blocks]. In the unit vectors [eq:reached] the operator
    [eq:map-noise-gaussian], carried to the weights by [eq:noise-intertwined], is [eq:noise-pair]
    for two axes and [eq:noise-own] for one, with residuals {E_i} and {E_l} and label-noise
    variances {variance_i} and {variance_l}. Without label noise the block of two axes has rank
    one; what an axis does not explain of its target is noise for the others.
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
        noise_pair=(BLOCK_NOISE["il"], displayed),
        noise_own=(OWN_NOISE, own_displayed),
        symbols={
            "variance_i": symbol("label_noise", "i") ** 2,
            "variance_l": symbol("label_noise", "l") ** 2,
        },
        checks=(
            vanishes(
                "With three learned axes, the block found in the full covariance of all weights "
                "is the displayed one.",
                explicit(True)
                - block_of(examples.all_active, 0, 2).within(examples.all_active.noise),
            ),
            vanishes(
                "With one axis left out, too.",
                explicit(False)
                - block_of(examples.bottleneck, 0, 2).within(examples.bottleneck.noise),
            ),
            vanishes(
                "Projecting the full covariance on the unit vectors loses nothing: traces agree, "
                "with three learned axes, with a bottleneck and with a silent hidden unit.",
                *(
                    space.noise.trace() - sum(block.noise.trace() for block in space.blocks)
                    for space in spaces
                ),
            ),
            holds(
                "The connected components of Hessian and noise together are those of the Hessian: "
                "three learned axes, a bottleneck, a silent hidden unit, and four learned axes.",
                "connected components",
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

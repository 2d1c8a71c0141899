"""Gradient noise: its covariance, from the fourth moments of the inputs."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations_with_replacement

import sympy as sp

from symdrift.algebra.matrices import evaluate_matrix
from symdrift.algebra.wick import expectation
from symdrift.derivation.chapter import chain, holds, step, vanishes
from symdrift.derivation.premises import Premise
from symdrift.derivation.steps import Method, Step
from symdrift.derivation.symbols import BATCH, INPUTS
from symdrift.derivation.vocabulary import (
    ANY_MAP,
    I_INDEX,
    INPUT,
    INPUT_COVARIANCE,
    J_INDEX,
    KURTOSIS,
    L_INDEX,
    LABEL_NOISE,
    MAP_NOISE,
    MEAN_PRODUCT,
    NOISE,
    NOISE_COVARIANCE,
    NOISE_ENTRY,
    REACH,
    RESIDUAL,
    SHAKEN,
    SLOPE,
)
from symdrift.theory.examples import EXAMPLE_KURTOSIS, Examples, turned
from symdrift.theory.linear.gradient_noise import gradient_noise
from symdrift.theory.linear.maps import ELLIPTICAL_ON_MAPS, GAUSSIAN_ON_MAPS, elliptical_noise
from symdrift.theory.linear.points import ChosenMinimum
from symdrift.theory.setting import explicit_network
from symdrift.typesetting.printer import MeanMatrix

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
B, C, D = sp.symbols("b c d", integer=True, positive=True)

LATEX: dict[sp.Basic, str] = {
    BATCH_NOISE: "C_B",
    MOMENT.label: r"\langle xxxx\rangle",
    ENTRY.label: r"\mathcal{C}",
    RESIDUAL_ENTRY.label: "E",
    SLOPE_ENTRY.label: r"\Lambda",
    COVARIANCE_ENTRY.label: r"\Sigma",
    LABEL_ENTRY.label: r"\Sigma^{\varepsilon}",
    PROBABILITY.label: "f",
    SAMPLE_GRADIENT.label: "g",
    STIMULI: r"\#_{\mathrm{stimuli}}",
    **{item: item.name for item in (B, C, D)},
}

MEANINGS = (
    (MOMENT[B, C, D, L_INDEX], "fourth moments of the inputs", "scalar"),
    (PROBABILITY[C], "probability of a stimulus", "scalar"),
    (BATCH_NOISE, "gradient noise of a batch", "matrix"),
    (STIMULI, "number of stimuli", "scalar"),
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


def _map_noise(examples: Examples) -> Step:
    """Noise on learned maps

    By [eq:noise-reached] the covariance of the gradient is the image of the covariance {noise} of
    error times input, [eq:noise-intertwined], which as an operator on matrices {F} is
    [eq:map-noise]. It needs the fourth moments {moments} of the inputs, the indices of which are
    components of a sample. For Gaussian inputs these are sums over the three pairings,
    [eq:moments]. With Gaussian inputs the covariance of error times input makes of a map {F} the
    map [eq:map-noise-gaussian], with the covariance {label_noise} of the label noise.
    """
    network = explicit_network(2, 2, 1)
    residual, any_map = (sp.ImmutableMatrix(2, 2, sp.symbols(f"{name}_1:5")) for name in ("E", "f"))
    x, label = network.sample_input, network.sample_label_noise
    error = residual * x + label
    slope = residual * network.input_covariance

    def averaged(matrix: sp.MatrixBase) -> sp.ImmutableMatrix:
        return sp.ImmutableMatrix(matrix).applyfunc(lambda entry: network.average(sp.expand(entry)))

    of_inputs = MeanMatrix(INPUT * INPUT.T * RESIDUAL.T * ANY_MAP * INPUT * INPUT.T)
    of_labels = MeanMatrix(LABEL_NOISE * LABEL_NOISE.T * ANY_MAP * INPUT * INPUT.T)
    entries = {
        RESIDUAL: residual,
        ANY_MAP: any_map,
        SLOPE: slope,
        INPUT_COVARIANCE: network.input_covariance,
        NOISE_COVARIANCE: sp.ImmutableMatrix.diag(*network.label_noise),
        SHAKEN: averaged((any_map.T * error * x.T).trace() * error * x.T)
        - (slope.T * any_map).trace() * slope,
        of_inputs: averaged(x * x.T * residual.T * any_map * x * x.T),
        of_labels: averaged(label * label.T * any_map * x * x.T),
    }
    paired = (
        sp.Trace(RESIDUAL.T * ANY_MAP * INPUT_COVARIANCE) * INPUT_COVARIANCE
        + INPUT_COVARIANCE * RESIDUAL.T * ANY_MAP * INPUT_COVARIANCE
        + INPUT_COVARIANCE * ANY_MAP.T * RESIDUAL * INPUT_COVARIANCE
    )
    mean = sp.Trace(SLOPE.T * ANY_MAP) * SLOPE
    return step(
        under={"moments": [Premise.GAUSSIAN], "map_noise_gaussian": [Premise.GAUSSIAN]},
        noise_intertwined=(NOISE, REACH * MAP_NOISE * REACH.T),
        map_noise=(SHAKEN, MEAN_PRODUCT - mean),
        moments=(MOMENT[B, C, D, L_INDEX], _pairings()),
        map_noise_gaussian=chain(
            SHAKEN,
            (
                "by [eq:error-split]; label noise is independent of the inputs",
                RESIDUAL * of_inputs + of_labels - mean,
            ),
            (
                "the three pairings of [eq:moments]",
                RESIDUAL * paired + NOISE_COVARIANCE * ANY_MAP * INPUT_COVARIANCE - mean,
            ),
            ("by [eq:slope]; the mean takes the first pairing away", GAUSSIAN_ON_MAPS),
            value=lambda line: evaluate_matrix(line, entries),
        ),
        symbols={
            "F": ANY_MAP,
            "noise": MAP_NOISE,
            "label_noise": NOISE_COVARIANCE,
            "moments": MOMENT[B, C, D, L_INDEX],
        },
        checks=(
            vanishes(
                "The moments agree with derivatives of the moment generating function.",
                *_generating_function(),
            ),
            vanishes(
                "For Gaussian inputs the covariance of the gradient in all weights, entry by "
                "entry by the Gaussian moment rule, is the image of [eq:map-noise-gaussian]: the "
                "two networks with rational entries, label noise included, and three learned "
                "axes, a bottleneck and a silent hidden unit.",
                *(
                    (
                        gradient_noise(minimum),
                        minimum.reach * minimum.operator(GAUSSIAN_ON_MAPS) * minimum.reach.T,
                    )
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
        COVARIANCE_ENTRY[B, C] * COVARIANCE_ENTRY[D, L_INDEX]
        + COVARIANCE_ENTRY[B, D] * COVARIANCE_ENTRY[C, L_INDEX]
        + COVARIANCE_ENTRY[B, L_INDEX] * COVARIANCE_ENTRY[C, D]
    )


def _generating_function() -> Iterator[tuple[sp.Expr, sp.Expr]]:
    """Moments are derivatives of ``exp(t' Sigma t / 2)`` at zero, for two inputs."""
    t = sp.symbols("t_1 t_2", real=True)
    sigma = sp.Matrix(2, 2, lambda a, b: sp.Symbol(f"S_{min(a, b)}{max(a, b)}"))
    form = (sp.Matrix(1, 2, t) * sigma * sp.Matrix(t))[0] / 2
    function = sp.exp(form)
    for entries in combinations_with_replacement(range(2), 4):
        names = dict(zip((B, C, D, L_INDEX), entries, strict=True))
        shown = sp.Add(
            *(
                sp.Mul(*(sigma[tuple(names[k] for k in pair.indices)] for pair in term.args))
                for term in _pairings().args
            )
        )
        found = sp.diff(function, *(t[k] for k in entries)).subs(dict.fromkeys(t, 0))
        yield found, shown


def _batches(examples: Examples) -> Step:
    """Batches

    The mean over a batch of {batch} independent samples has the covariance [eq:batch]. A batch
    divides {C} by {batch}, and with it everything that is linear in {C}: the fluctuation, the
    excess loss and the mean rotation. The covariance of rotations has noise and fluctuation as
    factors, and is divided by the square of {batch}.
    """
    space = examples.bottleneck
    network = space.minimum.network
    first = dict(zip(network.sample_input, sp.symbols("b_1:4", real=True), strict=True))
    noise_copy = sp.symbols("d_1:4", real=True)
    second = first | dict(zip(network.sample_label_noise, noise_copy, strict=True))
    gradient = space.minimum.sample_gradient

    def halves() -> Iterator[tuple[sp.Expr, sp.Expr]]:
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
                yield moment - average, space.noise[a, b] / 2

    return step(
        batch=(BATCH_NOISE, NOISE / BATCH),
        checks=(
            vanishes(
                "The covariance of the mean of two independent gradients is half of that of one.",
                *halves(),
            ),
        ),
    )


def _contraction() -> Step:
    """Only a contraction of the fourth moments matters

    For other inputs [eq:map-noise] stays. Written out for output {i} and input {b} of one factor,
    output {j} and input {c} of the other, the covariance is [eq:contraction]: the fourth moments
    {moment} of the inputs enter contracted with the residual map twice. Third moments never enter,
    because label noise is independent of the inputs and has no mean.
    """
    i, j, l = I_INDEX, J_INDEX, L_INDEX
    entry = (
        sp.Sum(
            RESIDUAL_ENTRY[i, D] * RESIDUAL_ENTRY[j, l] * MOMENT[D, B, l, C],
            (D, 1, INPUTS),
            (l, 1, INPUTS),
        )
        - SLOPE_ENTRY[i, B] * SLOPE_ENTRY[j, C]
        + LABEL_ENTRY[i, j] * COVARIANCE_ENTRY[B, C]
    )
    return step(
        contraction=(ENTRY[i, B, j, C], entry),
        symbols={
            "b": B,
            "c": C,
            "moment": MOMENT[B, C, D, L_INDEX],
        },
        checks=(
            vanishes(
                "For two inputs and two outputs every product of two entries of error times "
                "input, averaged monomial by monomial with arbitrary second and fourth moments, "
                "has the covariance [eq:contraction].",
                *_averaged_by_hand(),
            ),
        ),
    )


def _averaged_by_hand() -> Iterator[tuple[sp.Expr, sp.Expr]]:
    """Cov(e_o x_a, e_q x_b) from monomials, and the contraction, entry by entry."""
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
                    yield found, formula


def _elliptical(examples: Examples) -> Step:
    """Elliptical inputs

    Elliptical inputs are a linear map of vectors of uniform direction and independent random
    length. Their fourth moments are those of Gaussian inputs times one plus the kurtosis
    {kurtosis}, a third of the usual excess kurtosis, [eq:pairings], and the noise on learned maps
    is [eq:map-noise-elliptical]: beside the terms of [eq:map-noise-gaussian] there is one that
    couples all axes through the common length. Gaussian inputs have kurtosis zero. Where the next
    order in the learning rate needs moments up to the eighth, in [step:moments-in-powers] and
    [step:rotation-in-powers], the squared length is taken to be gamma distributed and label noise
    to be Gaussian.
    """
    return step(
        under=[Premise.ELLIPTICAL],
        pairings=(MOMENT[B, C, D, L_INDEX], sp.Mul(1 + KURTOSIS, _pairings(), evaluate=False)),
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
                method=Method.POINTS,
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
    nothing is left to average: between the weights {b} and {d} the covariance is the sum
    [eq:stimulus-noise] over the gradients of the stimuli at the minimum, where their mean
    vanishes; label noise adds its part as before. Rows of a data file are stimuli of equal
    probability. Without label noise the noise has at most as many dimensions as there are stimuli.
    """
    total = sp.Sum(PROBABILITY[C] * SAMPLE_GRADIENT[C, B] * SAMPLE_GRADIENT[C, D], (C, 1, STIMULI))
    return step(
        stimulus_noise=(NOISE_ENTRY[B, D], total),
        symbols={"c": C, "f": PROBABILITY[C], "b": B, "d": D},
        checks=(
            holds(
                "For four rational stimuli of unequal probability and a misaligned teacher the "
                "sum is the image of the contraction of their fourth moments.",
                Method.POINTS,
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

"""Mean-square stability: the rate up to which the fluctuation is stationary."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product

import sympy as sp
from sympy.matrices.expressions.matexpr import MatrixElement

from symdrift.algebra.matrices import evaluate_matrix
from symdrift.derivation.chapter import chain, holds, step, vanishes
from symdrift.derivation.premises import Premise
from symdrift.derivation.steps import Method, Step
from symdrift.derivation.symbols import BATCH, ETA, INPUTS
from symdrift.derivation.vocabulary import (
    CENTRED_NOISE,
    ERROR,
    FIRST_LAYER,
    HESSIAN,
    HIDDEN,
    I_INDEX,
    INPUT,
    INPUT_COVARIANCE,
    J_INDEX,
    L_INDEX,
    LABEL_NOISE,
    NEXT_NORMAL,
    NOISE,
    NOISE_COVARIANCE,
    NORMAL,
    OUTPUTS,
    RESIDUAL,
    SECOND_LAYER,
    SIZE,
    STEP_FIRST,
    STEP_SECOND,
)
from symdrift.theory.examples import Examples
from symdrift.theory.linear.gradient_noise import covariance_of
from symdrift.theory.linear.network import LinearNetwork
from symdrift.theory.linear.points import ChosenMinimum
from symdrift.theory.linear.second_moments import (
    MAP_CHANGE,
    SEEN,
    carried_by_samples,
    deviation,
    in_layers,
    in_symbols,
    seen,
)
from symdrift.theory.noise import COVARIANCE_ENTRY, MOMENT, B, C, D

CRITICAL_RATE = sp.Symbol("eta_critical", positive=True)
SAMPLE_HESSIAN, RELAXED, GROWN, SCATTERED, SECOND_MOMENT, NEXT_MOMENT, STEADY_MOMENT = (
    sp.MatrixSymbol(name, SIZE, SIZE)
    for name in ("H_sample", "relaxed", "grown", "scattered", "Psi", "Psi_next", "Psi_steady")
)
RELAXATION, GROWTH = (sp.MatrixSymbol(name, SIZE, SIZE) for name in ("relaxation", "growth"))
SEEN_FIRST = sp.MatrixSymbol("seen_first", HIDDEN, INPUTS)
SEEN_SECOND = sp.MatrixSymbol("seen_second", OUTPUTS, HIDDEN)
SPREAD_INPUT = sp.MatrixSymbol("spread_input", INPUTS, INPUTS)
SPREAD_ERROR = sp.MatrixSymbol("spread_error", OUTPUTS, INPUTS)
EXCESS_FIRST = sp.MatrixSymbol("excess_first", HIDDEN, INPUTS)
EXCESS_SECOND = sp.MatrixSymbol("excess_second", OUTPUTS, HIDDEN)
EXCESS = (
    SECOND_LAYER.T * MAP_CHANGE * SPREAD_INPUT - STEP_SECOND.T * SPREAD_ERROR,
    MAP_CHANGE * SPREAD_INPUT * FIRST_LAYER.T - SPREAD_ERROR * STEP_FIRST.T,
)
"""What the pull of a sample at a deviation has beyond its mean."""
MOMENTS, SAMPLED = sp.IndexedBase("deviations"), sp.IndexedBase("deviations_sampled")
TWO_READ = MOMENTS[I_INDEX, B, J_INDEX, D]
VARIANCES = sp.Symbol("axis_variance")
LABELS_FIRST, LABELS_SECOND, LABELS_BOTH = sp.symbols("labels_first labels_second labels_both")

FED_TO_FIRST = STEP_SECOND.T * NOISE_COVARIANCE * STEP_SECOND
FED_TO_SECOND = STEP_FIRST * INPUT_COVARIANCE * STEP_FIRST.T
SENT, RECEIVED = NOISE_COVARIANCE * STEP_SECOND, STEP_FIRST * INPUT_COVARIANCE
"""What label noise makes of a deviation: in each layer by itself, and between them."""

_PULL_FIRST = r"(\delta U^{\mathsf{T}} \varepsilon x^{\mathsf{T}})"
_PULL_SECOND = r"(\varepsilon x^{\mathsf{T}} \delta W^{\mathsf{T}})"


def _expected(first: str, second: str) -> str:
    return rf"\mathbb{{E}}[{first}\, {second}]"


LATEX: dict[sp.Basic, str] = {
    CRITICAL_RATE: r"\eta_{\mathrm{c}}",
    SAMPLE_HESSIAN: "H_x",
    RELAXED: r"\Theta \Psi",
    GROWN: r"\Pi \Psi",
    RELAXATION: r"\Theta",
    GROWTH: r"\Pi",
    SCATTERED: r"\mathbb{E}[(H_x - H) \Psi (H_x - H)]",
    SECOND_MOMENT: r"\Psi",
    STEADY_MOMENT: r"\Psi",
    NEXT_MOMENT: r"\Psi_{t+1}",
    LABELS_FIRST: _expected(_PULL_FIRST + "_{ib}", _PULL_FIRST + "_{jd}"),
    LABELS_SECOND: _expected(_PULL_SECOND + "_{li}", _PULL_SECOND + "_{cj}"),
    LABELS_BOTH: _expected(_PULL_FIRST + "_{ib}", _PULL_SECOND + "_{lj}"),
    SEEN_FIRST: r"(H_x \delta_t)_{W}",
    SEEN_SECOND: r"(H_x \delta_t)_{U}",
    SPREAD_INPUT: r"\delta(x x^{\mathsf{T}})",
    SPREAD_ERROR: r"\delta(e x^{\mathsf{T}})",
    EXCESS_FIRST: r"((H_x - H) \delta_t)_{W}",
    EXCESS_SECOND: r"((H_x - H) \delta_t)_{U}",
    MOMENTS.label: r"\mathcal{V}",
    SAMPLED.label: r"\mathcal{V}'",
    VARIANCES: r"\lambda",
}

MEANINGS = (
    (RELAXATION, "relaxation of second moments", "operator"),
    (GROWTH, "growth of second moments by what samples add", "operator"),
    (SAMPLE_HESSIAN, "Hessian of the loss of one sample", "matrix"),
    (CRITICAL_RATE, "critical rate: up to it the fluctuation is stationary", "scalar"),
    (SECOND_MOMENT, "second moment of a deviation", "matrix"),
    (SPREAD_INPUT, "what a product of inputs has beyond its mean", "n by n"),
    (SPREAD_ERROR, "what error times input has beyond its mean", "m by n"),
    (TWO_READ, "second moments of what is read; primed, of its products", "scalar"),
)


def mean_square(examples: Examples) -> Iterator[Step]:
    """The Hessian of a sample, when second moments are stationary, and what they need."""
    yield _sample_hessian(examples)
    yield _second_moments(examples)
    yield _read_by_samples(examples)


def mean_square_on_axes(examples: Examples) -> Iterator[Step]:
    """Which second moments meet on shared axes."""
    yield _moments_on_axes()


def _sample_hessian(examples: Examples) -> Step:
    """The Hessian of one sample

    In the Lyapunov equation the expected loss pulls at a deviation. What really pulls is the
    loss of the sample of that step, whose Hessian {H_x} has {H} for its mean, [eq:sample-step].
    With {first} and {second} the two layers of the deviation, the error {e} of the sample at the
    minimum changes by {changed}, and by [eq:gradient-first] and [eq:gradient-second] the sample
    pulls by [eq:sample-hessian].
    """
    network = examples.generic
    return step(
        sample_step=(NEXT_NORMAL, NORMAL - ETA * (SAMPLE_HESSIAN * NORMAL + CENTRED_NOISE)),
        sample_hessian=[(SEEN_FIRST, SEEN[0]), (SEEN_SECOND, SEEN[1])],
        symbols={
            "H_x": SAMPLE_HESSIAN,
            "first": STEP_FIRST,
            "second": STEP_SECOND,
            "changed": -(SECOND_LAYER * STEP_FIRST + STEP_SECOND * FIRST_LAYER) * INPUT,
        },
        checks=(
            vanishes(
                "The gradient of one sample changes along an arbitrary line in weight space at "
                "first order by [eq:sample-hessian], at arbitrary weights.",
                _missed_slope(network),
            ),
            vanishes(
                "Its mean is the Hessian of the expected loss, in all weights of a network with "
                "rational entries.",
                *(
                    seen(minimum, change).applyfunc(minimum.network.average)
                    - space.hessian * sp.Matrix([entry for layer in change for entry in layer])
                    for space in examples.weight_spaces[:1]
                    for minimum in [space.minimum]
                    for change in [deviation(minimum.network)]
                ),
                method=Method.POINTS,
            ),
        ),
        assumptions=("The deviation is small: the sample's pull is taken at first order in it.",),
    )


def _missed_slope(network: LinearNetwork) -> sp.ImmutableMatrix:
    """Derivative of the sample gradient along a line minus the displayed one."""
    change = deviation(network)

    def gradient(size: int) -> sp.Matrix:
        """At a distance along the line; a polynomial of degree three in it."""
        first, second = (
            sp.ImmutableMatrix(layer + size * part)
            for layer, part in zip(network.layers, change, strict=True)
        )
        return sp.Matrix(network.sample_gradient_at((first, second)))

    # Differences at two distances, without what is of second and third order.
    near, far = (gradient(size) - gradient(-size) for size in (1, 2))
    slope = (8 * near - far) / 12
    entries = {
        **in_symbols(network.layers, change),
        INPUT: network.sample_input,
        ERROR: network.residual,
    }
    shown = [entry for formula in SEEN for entry in evaluate_matrix(formula, entries)]
    return sp.ImmutableMatrix(slope - sp.Matrix(shown))


def _second_moments(examples: Examples) -> Step:
    """When second moments are stationary

    Let {Psi} be the second moment of the deviation in one step. In the next it is
    [eq:second-moments]: at first order in {eta} the pull of the mean takes away {relaxed},
    [eq:relaxed]; at second order the squares of the pulls of samples add {grown}, [eq:grown], and
    the noise adds {C} over {batch}, whether or not there is a deviation. Products of noise and pull
    have the mean deviation for a factor, which vanishes for [eq:sample-step]. In a batch of {batch}
    samples the mean pull is the same, and its variance is divided by {batch}. The Lyapunov equation
    [eq:lyapunov] leaves {grown} out; with it, a second moment that stays is a solution of
    [eq:stationary-moments].

    Without {C} one step of these linearised dynamics makes {average} of a second moment, on average
    over batches, with the Hessian of the batch. As all Hessians are symmetric, exchanging two
    second moments in the trace of one times the image of the other changes nothing: this map is
    symmetric too, and its largest eigenvalue is the largest value of {quotient} among all symmetric
    {Psi} across the orbit with {unit}. It keeps positive matrices positive, so that none of its
    eigenvalues is larger by size, and a positive matrix belongs to the largest (Perron and
    Frobenius; for matrices, Krein and Rutman). Across the orbit {decay} is positive. Weights of
    silent hidden units are left out: a sample pulls at them in proportion to themselves, so that
    they stay zero. The largest eigenvalue is thus smaller than one, and what noise adds dies out,
    exactly as long as {eta} times {growth} is smaller than {decay} for all {Psi}. The boundary is
    the critical rate {critical}, the smallest positive rate for which [eq:critical] has a solution
    other than zero; its inverse is the largest value of {growth} over {decay}, the largest
    eigenvalue of {inverse}. From this rate on the largest eigenvalue of a step is one or more: the
    trace of a second moment times the positive matrix that belongs to this eigenvalue never
    shrinks, and noise adds to this trace where samples carry noise to all directions across the
    orbit, as with Gaussian inputs along two axes or more where inputs, and targets with their label
    noise if any, vary in every direction. The second moment is then not stationary, even where
    {eta} times every curvature is small.

    Below this rate [eq:moments-solved] solves [eq:stationary-moments]: {solved} times what the
    Lyapunov equation gives. On the solution of [eq:critical] {inverse} is one over {critical}: the
    part of the fluctuation that grows fastest exceeds the leading order by the factor {above}, and
    in the powers of {eta} each term is {ratio} times the one before, [step:expected-error].
    """
    h, x = sp.symbols("H Psi", commutative=False)
    sample, other = sp.symbols("D_1 D_2", commutative=False)

    def averaged(expression: sp.Expr) -> sp.Expr:
        """Terms with an independent deviation of a sample an odd number of times vanish."""
        terms = sp.Add.make_args(sp.expand(expression))
        return sp.Add(
            *(
                term
                for term in terms
                if all(_times(term, part) in (0, 2) for part in (sample, other))
            )
        )

    relaxed, grown = h * x + x * h, h * x * h + sample * x * sample
    mean = h + (sample + other) / 2
    kept = x - ETA * relaxed
    of_one = (1 - ETA * (h + sample)) * x * (1 - ETA * (h + sample)) - kept - ETA**2 * grown
    halved = h * x * h + (sample * x * sample + other * x * other) / 4
    of_batch = (1 - ETA * mean) * x * (1 - ETA * mean) - kept - ETA**2 * halved
    a, b, d, e, f, g = sp.symbols("a b d e f g")
    first, second = sp.Matrix([[a, b], [b, d]]), sp.Matrix([[e, f], [f, g]])
    pull = sp.Matrix([[sp.Symbol("p"), sp.Symbol("q")], [sp.Symbol("q"), sp.Symbol("r")]])
    space = examples.weight_spaces[0]
    squared = sp.Trace(SECOND_MOMENT * SECOND_MOMENT)
    growth, decay = (sp.Trace(SECOND_MOMENT * part) for part in (GROWN, RELAXED))
    one, leading = sp.Identity(SIZE), ETA / BATCH * NOISE
    # Any two operators will do, and a vector for a second moment.
    points = {
        RELAXATION: sp.ImmutableMatrix([[3, 1], [1, 2]]),
        GROWTH: sp.ImmutableMatrix([[1, sp.Rational(1, 2)], [sp.Rational(1, 2), 5]]),
        NOISE: sp.ImmutableMatrix([2, 7]),
        one: sp.ImmutableMatrix(sp.eye(2)),
    }
    points[STEADY_MOMENT] = (points[RELAXATION] - ETA * points[GROWTH]).LUsolve(
        ETA / BATCH * points[NOISE]
    )
    return step(
        second_moments=(
            NEXT_MOMENT,
            SECOND_MOMENT - ETA * RELAXED + ETA**2 * (GROWN + NOISE / BATCH),
        ),
        relaxed=(RELAXED, HESSIAN * SECOND_MOMENT + SECOND_MOMENT * HESSIAN),
        grown=(GROWN, HESSIAN * SECOND_MOMENT * HESSIAN + SCATTERED / BATCH),
        stationary_moments=(RELAXED, ETA * (GROWN + NOISE / BATCH)),
        critical=(RELAXED, CRITICAL_RATE * GROWN),
        moments_solved=chain(
            STEADY_MOMENT,
            ("by [eq:stationary-moments]", (RELAXATION - ETA * GROWTH).I * leading),
            (
                "{relaxation} taken out",
                (one - ETA * RELAXATION.I * GROWTH).I * RELAXATION.I * leading,
            ),
            value=lambda line: evaluate_matrix(line, points),
            method=Method.POINTS,
        ),
        symbols={
            "Psi": SECOND_MOMENT,
            "relaxed": RELAXED,
            "grown": GROWN,
            "average": sp.MatMul(
                one - ETA * SAMPLE_HESSIAN, SECOND_MOMENT, one - ETA * SAMPLE_HESSIAN
            ),
            "quotient": 1 - ETA * decay + ETA**2 * growth,
            "unit": sp.Eq(squared, 1, evaluate=False),
            "growth": growth,
            "decay": decay,
            "critical": CRITICAL_RATE,
            "relaxation": RELAXATION,
            "inverse": RELAXATION.I * GROWTH,
            "solved": (one - ETA * RELAXATION.I * GROWTH).I,
            "above": CRITICAL_RATE / (CRITICAL_RATE - ETA),
            "ratio": ETA / CRITICAL_RATE,
        },
        checks=(
            holds(
                "The average over a sample whose Hessian deviates from the mean is "
                "[eq:second-moments] with [eq:relaxed] and [eq:grown].",
                Method.IDENTITY,
                lambda: averaged(of_one) == 0,
            ),
            holds(
                "In a batch of two independent samples the part by which they differ is halved.",
                Method.IDENTITY,
                lambda: averaged(of_batch) == 0,
            ),
            vanishes(
                "For symmetric matrices of two rows the squares of the pulls are symmetric as a "
                "map: exchanging two second moments does not change the trace.",
                ((first * pull * second * pull).trace(), (second * pull * first * pull).trace()),
            ),
            vanishes(
                "Noise, and what samples make of it, has all dimensions across the orbit: a "
                "network with rational entries.",
                carried_by_samples(space) - space.noise.rows + len(space.minimum.planes),
                method=Method.POINTS,
            ),
        ),
        assumptions=(
            "Of the pulls of samples the part across the orbit counts: what they move along the "
            "orbit is rotation.",
        ),
    )


def _times(term: sp.Expr, factor: sp.Symbol) -> int:
    """How often a factor stands in a product of non-commuting symbols."""
    total = 0
    for part in sp.Mul.make_args(term):
        base, exponent = part.as_base_exp()
        total += int(exponent) if base == factor else 0
    return total


def _read_by_samples(examples: Examples) -> Step:
    """What samples read of a deviation

    Let {spread} be what {product} has beyond its mean, and {error_spread} what {error_product} has,
    [eq:error-spread]. What the pull [eq:sample-hessian] has beyond its mean is then
    [eq:read-excess]: a sample reads a deviation through three matrices, the change {change} of the
    learned map, {missed} and {first}, each of them times {spread}, multiplied by weights and
    residual map, which are fixed. The entry {i}, {c} of the first such product is {entry}. Let {V}
    be the second moment of the entries {i}, {b} of one of the three and {j}, {d} of the same or
    another. That of the two products is [eq:read], with the fourth moments {moments} of the inputs.

    Label noise, independent of the inputs, pulls at {W} through {second} and at {U} through
    {first}. Terms with a single factor of it vanish on average. The others are averaged over
    deviations; for one they are [eq:read-labels], with {i} and {j} for hidden units, {b} and {d}
    for inputs, {c} and {l} for outputs: between the layers, within the first and within the second.
    """
    i, j, l = I_INDEX, J_INDEX, L_INDEX
    kept = MOMENT[B, C, D, l] - COVARIANCE_ENTRY[B, C] * COVARIANCE_ENTRY[D, l]
    spread = sp.Sum(TWO_READ * kept, (B, 1, INPUTS), (D, 1, INPUTS))
    return step(
        error_spread=(SPREAD_ERROR, RESIDUAL * SPREAD_INPUT + LABEL_NOISE * INPUT.T),
        read_excess=[(EXCESS_FIRST, EXCESS[0]), (EXCESS_SECOND, EXCESS[1])],
        read=(SAMPLED[i, C, j, l], spread),
        read_labels=[
            (LABELS_FIRST, MatrixElement(FED_TO_FIRST, i, j) * COVARIANCE_ENTRY[B, D]),
            (LABELS_SECOND, NOISE_COVARIANCE[l, C] * MatrixElement(FED_TO_SECOND, i, j)),
            (LABELS_BOTH, MatrixElement(SENT, l, i) * MatrixElement(RECEIVED, j, B)),
        ],
        symbols={
            "change": MAP_CHANGE,
            "missed": STEP_SECOND.T * RESIDUAL,
            "first": STEP_FIRST,
            "second": STEP_SECOND,
            "spread": SPREAD_INPUT,
            "error_spread": SPREAD_ERROR,
            "product": INPUT * INPUT.T,
            "error_product": ERROR * INPUT.T,
            "entry": sp.Sum(
                MatrixElement(MAP_CHANGE, i, B) * MatrixElement(SPREAD_INPUT, B, C), (B, 1, INPUTS)
            ),
            "c": C,
            "V": TWO_READ,
            "moments": MOMENT[B, C, D, l],
            "b": B,
            "d": D,
            "l": l,
        },
        checks=(
            vanishes(
                "For any sample [eq:read-excess] is [eq:sample-hessian] less its mean: a network "
                "with rational entries.",
                _missed_excess(examples.rectangular),
            ),
            vanishes(
                "Put together from [eq:read] and [eq:read-labels], the covariance of the pull on a "
                "rational deviation is that of the samples, averaged monomial by monomial for "
                "Gaussian inputs and label noise in all weights: a network with rational entries.",
                _missed_spread(examples.rectangular),
                method=Method.POINTS,
            ),
        ),
    )


def _missed_excess(minimum: ChosenMinimum) -> sp.ImmutableMatrix:
    """What a sample makes of a deviation, less its mean and less [eq:read-excess]."""
    network, sample = minimum.network, minimum.network.sample_input
    change = deviation(network)
    pulled = seen(minimum, change)
    spread = sp.ImmutableMatrix(sample * sample.T - minimum.input_covariance)
    noise = sp.ImmutableMatrix(network.sample_label_noise)
    entries = {
        **in_symbols((minimum.first_layer, minimum.second_layer), change),
        SPREAD_INPUT: spread,
        SPREAD_ERROR: sp.ImmutableMatrix(minimum.residual_map * spread + noise * sample.T),
    }
    shown = [entry for formula in EXCESS for entry in evaluate_matrix(formula, entries)]
    return sp.ImmutableMatrix(pulled - pulled.applyfunc(network.average) - sp.Matrix(shown))


def _missed_spread(minimum: ChosenMinimum) -> sp.ImmutableMatrix:
    """Covariance of what samples make of one deviation, minus what the three matrices give."""
    network, sigma = minimum.network, minimum.input_covariance
    count = len(network.coordinates)
    change = in_layers(network, sp.Matrix([sp.Rational(k % 5 - 1, k + 2) for k in range(count)]))
    averaged = covariance_of(seen(minimum, change), network.sample_covariance)
    first, second = minimum.first_layer, minimum.second_layer
    read = sp.Matrix.vstack(
        change[1] * first + second * change[0], change[1].T * minimum.residual_map, change[0]
    )

    def fourth(a: int, c: int, b: int, d: int) -> sp.Expr:
        return sigma[a, c] * sigma[b, d] + sigma[a, b] * sigma[c, d] + sigma[a, d] * sigma[c, b]

    inputs = range(network.inputs)
    # Sums over a and b for all rows at once.
    forms = {
        (c, d): sp.Matrix(
            network.inputs,
            network.inputs,
            lambda a, b, c=c, d=d: fourth(a, c, b, d) - sigma[a, c] * sigma[b, d],
        )
        for c, d in product(inputs, inputs)
    }
    spread = sp.zeros(read.rows * network.inputs)
    for (c, d), form in forms.items():
        found = read * form * read.T
        for o, u in product(range(read.rows), repeat=2):
            spread[o * network.inputs + c, u * network.inputs + d] = found[o, u]
    one = sp.eye(network.inputs)
    maps, missed, steps = network.outputs, network.hidden, network.hidden
    onto_first = sp.Matrix.hstack(
        sp.kronecker_product(second.T, one),
        -sp.eye(missed * network.inputs),
        sp.zeros(missed * network.inputs, steps * network.inputs),
    )
    turned = sp.zeros(network.outputs * network.hidden, steps * network.inputs)
    for o, k, a in product(range(network.outputs), range(network.hidden), inputs):
        turned[o * network.hidden + k, k * network.inputs + a] = -minimum.residual_map[o, a]
    onto_second = sp.Matrix.hstack(
        sp.kronecker_product(sp.eye(maps), first),
        sp.zeros(maps * network.hidden, missed * network.inputs),
        turned,
    )
    writing = sp.Matrix.vstack(onto_first, onto_second)
    return sp.ImmutableMatrix(averaged - writing * spread * writing.T - _by_labels(minimum, change))


def _by_labels(
    minimum: ChosenMinimum, change: tuple[sp.ImmutableMatrix, sp.ImmutableMatrix]
) -> sp.ImmutableMatrix:
    """[eq:read-labels] of one deviation, in all weights."""
    network = minimum.network
    units, inputs, outputs = (range(n) for n in (network.hidden, network.inputs, network.outputs))
    sigma, noise = minimum.input_covariance, sp.ImmutableMatrix(sp.diag(*network.label_noise))
    entries = dict(zip((STEP_FIRST, STEP_SECOND), change, strict=True))
    entries |= {INPUT_COVARIANCE: sigma, NOISE_COVARIANCE: noise}
    first, second, sent, received = (
        evaluate_matrix(part, entries) for part in (FED_TO_FIRST, FED_TO_SECOND, SENT, RECEIVED)
    )
    places = [*product(units, inputs), *product(outputs, units)]
    behind = len(units) * len(inputs)

    def entry(x: int, y: int) -> sp.Expr:
        if x >= behind > y:
            x, y = y, x
        (p, q), (r, s) = places[x], places[y]
        if y < behind:
            return first[p, r] * sigma[q, s]
        return sent[r, p] * received[s, q] if x < behind else noise[p, r] * second[q, s]

    return sp.ImmutableMatrix(len(places), len(places), entry)


def _moments_on_axes() -> Step:
    """Which second moments meet

    On shared axes, changing the sign of an axis in inputs, outputs and hidden layer changes no
    average. The second moment that grows fastest can be taken as a positive matrix, and its average
    over these signs grows as fast and does not vanish. Only those of its entries are left in which
    each axis stands an even number of times: between two axes {i} and {j}, in either direction, and
    of each axis to itself. For Gaussian inputs [eq:moments] makes [eq:read-shared] of [eq:read],
    with Kronecker's symbol. From this line one reads [eq:read-pair], the same with {j} equal to {i}
    for an axis by itself; [eq:read-back] between the two directions; and [eq:read-apart] between
    two axes by themselves. In these blocks the critical rate is computed. Of these only the sum
    over {l} in [eq:read-pair] joins the blocks: what a unit deviates by along any input is felt
    along all of them, because a sample has all inputs at once. Label noise joins them too, by the
    sums in [eq:read-labels].
    """
    i, j, l = I_INDEX, J_INDEX, L_INDEX
    variance = sp.IndexedBase(VARIANCES)
    together = pair_read(i, j, l)
    back = variance[i] * variance[j] * MOMENTS[i, i, j, j]
    apart = variance[i] * variance[j] * MOMENTS[i, j, j, i]
    same = sp.Sum(variance[B] * MOMENTS[i, B, j, B], (B, 1, INPUTS))
    shared = variance[C] * (sp.KroneckerDelta(C, l) * same + variance[l] * MOMENTS[i, l, j, C])

    def at(o: int, c: int, u: int, d: int) -> sp.Expr:
        three = shared.xreplace({INPUTS: sp.Integer(3)}).doit()
        return three.subs(dict(zip((i, C, j, l), (o, c, u, d), strict=True)))

    def odd(indices: Iterable[int]) -> frozenset[int]:
        """Which axes stand an odd number of times."""
        places = list(indices)
        return frozenset(k for k in places if places.count(k) % 2)

    def agree() -> bool:
        """All entries for three axes."""
        axes = range(1, 4)
        for o, c, u, d in product(axes, repeat=4):
            found = sp.Add(
                *(
                    MOMENTS[o, a, u, b] * _paired(variance, a, c, b, d)
                    for a, b in product(axes, repeat=2)
                )
            )
            read = [m.indices for m in found.atoms(sp.Indexed) if m.base == MOMENTS]
            if sp.expand(found - at(o, c, u, d)) != 0 or any(
                odd(m) != odd((o, c, u, d)) for m in read
            ):
                return False
        return True

    def read_off() -> bool:
        pairs = ((together, (1, 2, 1, 2)), (back, (1, 2, 2, 1)), (apart, (1, 1, 2, 2)))
        return all(
            sp.expand(
                formula.xreplace({INPUTS: sp.Integer(3)}).doit().subs({i: 1, j: 2}) - at(*places)
            )
            == 0
            for formula, places in pairs
        )

    return step(
        under=[Premise.GAUSSIAN, Premise.SHARED_AXES],
        read_shared=(SAMPLED[i, C, j, l], shared),
        read_pair=(SAMPLED[i, j, i, j], together),
        read_back=(SAMPLED[i, j, j, i], back),
        read_apart=(SAMPLED[i, i, j, j], apart),
        checks=(
            holds(
                "For three axes [eq:read-shared] is [eq:read] with the fourth moments of Gaussian "
                "inputs, entry by entry, and an axis stands an odd number of times on both sides "
                "or on none.",
                Method.CASES,
                agree,
            ),
            holds(
                "Its entries are [eq:read-pair], [eq:read-back] and [eq:read-apart].",
                Method.CASES,
                read_off,
            ),
        ),
        assumptions=("Inputs are Gaussian.",),
    )


def _paired(variance: sp.IndexedBase, a: int, c: int, b: int, d: int) -> sp.Expr:
    """Fourth moments on shared axes, less the product of the means."""
    return variance[a] * variance[c] * (int(a == b and c == d) + int(a == d and c == b))


def pair_read(i: sp.Symbol, j: sp.Symbol, l: sp.Symbol) -> sp.Expr:
    """What samples read of a deviation between two axes on shared axes."""
    variance = sp.IndexedBase(VARIANCES)
    felt = sp.Sum(variance[l] * MOMENTS[i, l, i, l], (l, 1, INPUTS))
    return variance[j] * (felt + variance[j] * MOMENTS[i, j, i, j])

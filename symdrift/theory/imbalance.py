"""Balance of the layers: what noise does to it, and where the mean of the weights is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product

import sympy as sp

from symdrift.algebra.matrices import evaluate_matrix
from symdrift.derivation.chapter import chain, holds, step, vanishes
from symdrift.derivation.premises import Premise
from symdrift.derivation.steps import Method, Step
from symdrift.derivation.symbols import BATCH, ETA, GAMMA, INPUTS, symbol
from symdrift.derivation.vocabulary import (
    FIRST_LAYER,
    HESSIAN,
    HIDDEN,
    INPUT,
    INPUT_COVARIANCE,
    KURTOSIS,
    NOISE_COVARIANCE,
    OUTPUTS,
    RESIDUAL,
    SECOND_LAYER,
    SIZE,
    STEP_FIRST,
    STEP_SECOND,
)
from symdrift.theory.examples import EXAMPLE_KURTOSIS, Examples
from symdrift.theory.linear.equal_axes import Pairings
from symdrift.theory.linear.maps import elliptical_noise
from symdrift.theory.linear.minimum import Minimum
from symdrift.theory.linear.network import LinearNetwork
from symdrift.theory.linear.points import ChosenMinimum
from symdrift.theory.linear.second_moments import (
    MAP_CHANGE,
    StationaryMeans,
    deviation,
    in_symbols,
)
from symdrift.theory.linear.weight_space import WeightSpace

PULL_FIRST = sp.MatrixSymbol("pull_first", HIDDEN, INPUTS)
PULL_SECOND = sp.MatrixSymbol("pull_second", OUTPUTS, HIDDEN)
IMBALANCE, NEXT_IMBALANCE, MEAN_IMBALANCE, FED = (
    sp.MatrixSymbol(name, HIDDEN, HIDDEN)
    for name in ("imbalance", "imbalance_next", "imbalance_mean", "imbalance_fed")
)
OTHER_INPUT = sp.MatrixSymbol("x_prime", INPUTS, 1)
BENT, SHIFT = (sp.MatrixSymbol(name, SIZE, 1) for name in ("bent", "shift"))
BENT_FIRST, SHIFT_FIRST = (
    sp.MatrixSymbol(name, HIDDEN, INPUTS) for name in ("bent_first", "shift_first")
)
BENT_SECOND = sp.MatrixSymbol("bent_second", OUTPUTS, HIDDEN)
FIRST_PRODUCT = sp.MatrixSymbol("second_change", HIDDEN, INPUTS)
SECOND_PRODUCT = sp.MatrixSymbol("change_first", OUTPUTS, HIDDEN)
BOTH = sp.MatrixSymbol("both_layers", OUTPUTS, INPUTS)
ERROR_POWER = sp.MatrixSymbol("error_power", OUTPUTS, OUTPUTS)
INPUT_POWER = sp.MatrixSymbol("input_power", INPUTS, INPUTS)
EVEN_PART, ODD_PART, EVEN_SQUARE, ODD_SQUARE, BENT_ALIKE, SHIFT_ALIKE = (
    sp.MatrixSymbol(f"{name}_alike", INPUTS, INPUTS)
    for name in ("even", "odd", "even_square", "odd_square", "bent", "shift")
)
MEAN_GRAM, SPREAD_GRAM = (
    sp.MatrixSymbol(name, INPUTS, INPUTS) for name in ("gram_mean", "gram_spread")
)

LATEX: dict[sp.Basic, str] = {
    PULL_FIRST: r"\bar g_{W}",
    PULL_SECOND: r"\bar g_{U}",
    IMBALANCE: r"\Upsilon_t",
    NEXT_IMBALANCE: r"\Upsilon_{t+1}",
    MEAN_IMBALANCE: r"\langle \Upsilon \rangle",
    FED: r"\mathbb{E}[\bar g_{W} \bar g_{W}^{\mathsf{T}} - \bar g_{U}^{\mathsf{T}} \bar g_{U}]",
    ERROR_POWER: r"\mathbb{E}[e x^{\mathsf{T}} x e^{\mathsf{T}}]",
    INPUT_POWER: r"\mathbb{E}[x e^{\mathsf{T}} e x^{\mathsf{T}}]",
    BENT: r"\langle \partial L \rangle_{\perp}",
    OTHER_INPUT: "x'",
    SHIFT: r"\langle \delta_t \rangle",
    BENT_FIRST: r"\langle \partial_W L \rangle",
    BENT_SECOND: r"\langle \partial_U L \rangle",
    FIRST_PRODUCT: r"\langle \delta U^{\mathsf{T}} (\delta U W + U \delta W) \rangle",
    SECOND_PRODUCT: r"\langle (\delta U W + U \delta W) \Sigma \delta W^{\mathsf{T}} \rangle",
    BOTH: r"\langle \delta U \delta W \rangle",
    SHIFT_FIRST: r"\langle \delta W \rangle",
    EVEN_PART: r"\delta_{\mathrm{s}}",
    ODD_PART: r"\delta_{\mathrm{a}}",
    EVEN_SQUARE: r"\langle \delta_{\mathrm{s}}^2 \rangle",
    ODD_SQUARE: r"\langle \delta_{\mathrm{a}}^2 \rangle",
    BENT_ALIKE: r"\langle \partial_W L \rangle",
    SHIFT_ALIKE: r"\langle \delta W \rangle",
    SPREAD_GRAM: r"\langle \delta W^{\mathsf{T}} \delta W \rangle",
    MEAN_GRAM: r"\langle (W + \delta W)^{\mathsf{T}} (W + \delta W) \rangle",
}

MEANINGS = (
    (PULL_FIRST, "gradient of a batch without weight decay, first layer", "p by n"),
    (PULL_SECOND, "the same for the second layer", "m by p"),
    (IMBALANCE, "imbalance of the layers", "p by p"),
    (SHIFT, "mean deviation from the manifold", "vector"),
    (EVEN_PART, "symmetric deviation that both layers share", "n by n"),
    (BENT, "mean gradient across the orbit", "vector"),
    (ODD_PART, "skew deviation that both layers share", "n by n"),
    (MEAN_GRAM, "mean inner products of representations", "n by n"),
)

BENDING = (
    STEP_SECOND.T * MAP_CHANGE * INPUT_COVARIANCE
    + SECOND_LAYER.T * STEP_SECOND * STEP_FIRST * INPUT_COVARIANCE,
    MAP_CHANGE * INPUT_COVARIANCE * STEP_FIRST.T
    + STEP_SECOND * STEP_FIRST * INPUT_COVARIANCE * FIRST_LAYER.T,
)
"""What the expected gradient has of second order in a deviation."""

ERROR_COVARIANCE = RESIDUAL * INPUT_COVARIANCE * RESIDUAL.T
HIDDEN_COVARIANCE = FIRST_LAYER * INPUT_COVARIANCE * FIRST_LAYER.T
FROM_TASK = (
    sp.Trace(INPUT_COVARIANCE) * SECOND_LAYER.T * ERROR_COVARIANCE * SECOND_LAYER
    - sp.Trace(ERROR_COVARIANCE) * HIDDEN_COVARIANCE
)
FROM_LABELS = (
    sp.Trace(INPUT_COVARIANCE) * SECOND_LAYER.T * NOISE_COVARIANCE * SECOND_LAYER
    - sp.Trace(NOISE_COVARIANCE) * HIDDEN_COVARIANCE
)
FEEDING = sp.MatMul(1 + KURTOSIS, FROM_TASK, evaluate=False) + FROM_LABELS
BY_POWERS = (
    SECOND_LAYER.T * ERROR_POWER * SECOND_LAYER,
    FIRST_LAYER * INPUT_POWER * FIRST_LAYER.T,
)
"""Mean squares of the gradients of one sample, first layer and second layer."""


def _times_kurtosis(paired: sp.MatrixExpr, power: sp.Expr, spread: sp.MatrixExpr) -> sp.MatrixExpr:
    return sp.MatMul(1 + KURTOSIS, 2 * paired + power * spread, evaluate=False)


POWERS_PAIRED = {
    ERROR_POWER: _times_kurtosis(
        RESIDUAL * INPUT_COVARIANCE * INPUT_COVARIANCE * RESIDUAL.T,
        sp.Trace(INPUT_COVARIANCE),
        ERROR_COVARIANCE,
    )
    + sp.Trace(INPUT_COVARIANCE) * NOISE_COVARIANCE,
    INPUT_POWER: _times_kurtosis(
        INPUT_COVARIANCE * RESIDUAL.T * RESIDUAL * INPUT_COVARIANCE,
        sp.Trace(ERROR_COVARIANCE),
        INPUT_COVARIANCE,
    )
    + sp.Trace(NOISE_COVARIANCE) * INPUT_COVARIANCE,
}
"""What fourth moments of elliptical inputs make of them."""
"""What samples feed the imbalance, for elliptical inputs and one sample per step."""


def imbalance(examples: Examples) -> Iterator[Step]:
    """The imbalance in one step and on average, and the mean of the weights, for any task."""
    yield _imbalance_step(examples.generic)
    yield _mean_imbalance(examples)
    yield _mean_shift(examples)


def imbalance_of_equal_axes(examples: Examples) -> Iterator[Step]:
    """The length of representations where all axes are alike."""
    yield _mean_length()


def _imbalance_step(network: LinearNetwork) -> Step:
    """Noise unbalances the layers

    At the minimum the layers are balanced, as [step:balance] shows. In training they are not: let
    {imbalance} be the difference {difference}. The gradient of any batch, without weight
    decay, is {pull_first} and {pull_second}. The error enters both through the same
    product with the input, so that [eq:no-turn] holds for every sample, at all weights; all terms
    of first order in these gradients therefore cancel in the change of {imbalance} over one step,
    and what remains is [eq:imbalance-step], exactly, at any learning rate and for any inputs.
    Weight decay shrinks the imbalance, and squares of gradients change it.
    """
    gradient_first, gradient_second = network.rule.gradient(
        network.layers, network.sample_input, network.residual
    )
    first, second = network.layers
    pull_first = sp.ImmutableMatrix(gradient_first - GAMMA * first)
    pull_second = sp.ImmutableMatrix(gradient_second - GAMMA * second)
    kept = 1 - ETA * GAMMA

    def expands() -> bool:
        """One step of both layers, with products of matrices that do not commute."""
        w, wt, u, ut, g, gt, f, ft = sp.symbols("w wt u ut g gt f ft", commutative=False)
        after = (kept * w - ETA * g) * (kept * wt - ETA * gt)
        after -= (kept * ut - ETA * ft) * (kept * u - ETA * f)
        shown = kept**2 * (w * wt - ut * u) + ETA**2 * (g * gt - ft * f)
        # [eq:no-turn] and its transpose.
        crossed = ETA * kept * ((g * wt - ut * f) + (w * gt - ft * u))
        return bool(sp.expand(after - shown + crossed) == 0)

    return step(
        no_turn=(PULL_FIRST * FIRST_LAYER.T, SECOND_LAYER.T * PULL_SECOND),
        imbalance_step=(
            NEXT_IMBALANCE,
            sp.MatMul(kept**2, IMBALANCE, evaluate=False)
            + ETA**2 * (PULL_FIRST * PULL_FIRST.T - PULL_SECOND.T * PULL_SECOND),
        ),
        symbols={
            "imbalance": IMBALANCE,
            "difference": FIRST_LAYER * FIRST_LAYER.T - SECOND_LAYER.T * SECOND_LAYER,
            "pull_first": PULL_FIRST,
            "pull_second": PULL_SECOND,
        },
        checks=(
            vanishes(
                "For one sample [eq:no-turn] is an identity in all weights, the teacher and the "
                "sample; for a batch it follows by averaging.",
                (pull_first * first.T, second.T * pull_second),
            ),
            holds(
                "Both sides of [eq:imbalance-step] differ by nothing but [eq:no-turn] and its "
                "transpose.",
                Method.IDENTITY,
                expands,
            ),
        ),
    )


def _mean_imbalance(examples: Examples) -> Step:
    """The mean imbalance

    Where second moments are stationary the two parts of [eq:imbalance-step] cancel on average,
    [eq:imbalance-mean]. This too is exact, in a fixed frame of the hidden units. To leading order,
    where the turning of the frame does not matter, the gradients are those at the minimum. Let
    inputs be elliptical: their fourth moments are those of Gaussian inputs times one plus the
    kurtosis {kurtosis}, so that {kurtosis} is a third of the usual excess kurtosis, and zero when
    inputs are Gaussian. Terms in the slope cancel, since by [eq:slope-pairs] they are {gamma}
    squared times products of the layers, which are alike by [eq:balance]. Then [eq:imbalance-fed]
    is left: the power of the inputs times the covariance of the errors that come back to the hidden
    units, minus the power of the errors times the covariance of the hidden units. The first part
    feeds incoming weights, the second outgoing ones. To this order weight decay alone takes an
    imbalance away. Label noise, and inputs that are not learned, leave errors when weight decay is
    small; unless both parts cancel, the imbalance is then large.
    """
    paired = [part.xreplace(POWERS_PAIRED) for part in BY_POWERS]
    space = examples.weight_spaces[0]
    known = {FED: _fed(space) / BATCH} | _powers(space.minimum)

    return step(
        under={
            "imbalance_mean": [Premise.POSITIVE_DECAY],
            "imbalance_fed": [Premise.ELLIPTICAL],
        },
        imbalance_mean=(MEAN_IMBALANCE, ETA / (GAMMA * (2 - ETA * GAMMA)) * FED),
        imbalance_fed=chain(
            FED,
            (
                "gradients of the samples of a batch are independent; their means drop out, by "
                "[eq:stationary] and [eq:balance]",
                (BY_POWERS[0] - BY_POWERS[1]) / BATCH,
            ),
            ("fourth moments", (paired[0] - paired[1]) / BATCH),
            (
                "the terms with a factor two cancel: by [eq:slope-pairs] they are {squared} times "
                "products of the layers, alike by [eq:balance]",
                FEEDING / BATCH,
            ),
            value=lambda line: evaluate_matrix(line, known).xreplace({KURTOSIS: EXAMPLE_KURTOSIS}),
            method=Method.POINTS,
        ),
        symbols={"kurtosis": KURTOSIS, "squared": GAMMA**2},
        checks=(
            vanishes(
                "The mean of [eq:imbalance-mean] is what one step leaves unchanged.",
                _steady_defect(),
            ),
            vanishes(
                "At the minimum the traces over inputs and outputs of the covariance of the "
                "gradient in all weights differ by [eq:imbalance-fed]: the two networks with "
                "rational entries, label noise and elliptical inputs included.",
                *(
                    _fed(space) - feeding(space.minimum, EXAMPLE_KURTOSIS)
                    for space in examples.weight_spaces
                ),
                method=Method.POINTS,
            ),
        ),
        assumptions=("Inputs are elliptical; label noise is independent of them.",),
    )


def _powers(minimum: Minimum) -> dict[sp.MatrixSymbol, sp.ImmutableMatrix]:
    """Matrices of a minimum, with the mean squares of error times input summed by hand."""
    sigma, missed = minimum.network.input_covariance, minimum.residual_map
    labels = sp.ImmutableMatrix(sp.diag(*minimum.network.label_noise))
    outputs, inputs = missed.shape

    def fourth(a: int, b: int, c: int, d: int) -> sp.Expr:
        pairs = sigma[a, b] * sigma[c, d] + sigma[a, c] * sigma[b, d] + sigma[a, d] * sigma[b, c]
        return (1 + EXAMPLE_KURTOSIS) * pairs

    def product_of(o: int, a: int, u: int, b: int) -> sp.Expr:
        """``E[e_o x_a e_u x_b]``."""
        return labels[o, u] * sigma[a, b] + sp.Add(
            *(
                missed[o, c] * missed[u, d] * fourth(c, d, a, b)
                for c, d in product(range(inputs), repeat=2)
            )
        )

    def summed(size: int, count: int, entry: Callable[[int, int, int], sp.Expr]) -> sp.Matrix:
        return sp.ImmutableMatrix(
            size, size, lambda j, k: sp.Add(*(entry(j, k, l) for l in range(count)))
        )

    return {
        FIRST_LAYER: minimum.first_layer,
        SECOND_LAYER: minimum.second_layer,
        RESIDUAL: missed,
        INPUT_COVARIANCE: sigma,
        NOISE_COVARIANCE: labels,
        ERROR_POWER: summed(outputs, inputs, lambda o, u, a: product_of(o, a, u, a)),
        INPUT_POWER: summed(inputs, outputs, lambda a, b, o: product_of(o, a, o, b)),
    }


def _steady_defect() -> sp.Expr:
    """A number fed at the rate ``f`` that one step of the imbalance should leave alone."""
    fed = sp.Symbol("f")
    steady = ETA / (GAMMA * (2 - ETA * GAMMA)) * fed
    return (1 - ETA * GAMMA) ** 2 * steady + ETA**2 * fed - steady


def _fed(space: WeightSpace) -> sp.ImmutableMatrix:
    """``E[g_W g_W' - g_U' g_U]`` from the gradient noise in all weights."""
    network, noise = space.minimum.network, space.noise
    units, inputs, outputs = network.hidden, network.inputs, network.outputs
    behind = units * inputs

    def entry(k: int, l: int) -> sp.Expr:
        received = sum(noise[k * inputs + a, l * inputs + a] for a in range(inputs))
        sent = sum(noise[behind + o * units + k, behind + o * units + l] for o in range(outputs))
        return received - sent

    return sp.ImmutableMatrix(units, units, entry)


def feeding(minimum: Minimum, kurtosis: sp.Expr) -> sp.ImmutableMatrix:
    """[eq:imbalance-fed] at a minimum, for one sample per step."""
    entries = {
        FIRST_LAYER: minimum.first_layer,
        SECOND_LAYER: minimum.second_layer,
        RESIDUAL: minimum.residual_map,
        INPUT_COVARIANCE: minimum.network.input_covariance,
        NOISE_COVARIANCE: sp.ImmutableMatrix(sp.diag(*minimum.network.label_noise)),
    }
    return evaluate_matrix(FEEDING.xreplace({KURTOSIS: kurtosis}), entries)


def _mean_shift(examples: Examples) -> Step:
    """The mean of the weights is not on the manifold

    The loss is no parabola, so that a fluctuation that is symmetric around the minimum leaves a
    mean gradient, [eq:bent]: what [eq:mean-first] and [eq:mean-second] have of second order in
    {first} and {second}, the two layers of the deviation, averaged with {Gamma}. Its part along the
    orbit makes the steady rotation, [eq:mean]. The part across the orbit, {bent}, is held by a mean
    deviation that pulls back as much, [eq:mean-shift], of the order of {eta}. The turning of the
    frame adds nothing to this at leading order, as kick and deviation are independent and neither
    has a mean. What an experimenter sees of it are lengths of representations and angles between
    them, which no rotation changes: for the stimuli {x} and {other} their inner product is
    {product} with [eq:mean-gram], where {W} is the first layer at the minimum.
    """
    first_shown = FIRST_PRODUCT * INPUT_COVARIANCE + SECOND_LAYER.T * BOTH * INPUT_COVARIANCE
    second_shown = SECOND_PRODUCT + BOTH * INPUT_COVARIANCE * FIRST_LAYER.T
    gram = (
        FIRST_LAYER.T * FIRST_LAYER
        + SHIFT_FIRST.T * FIRST_LAYER
        + FIRST_LAYER.T * SHIFT_FIRST
        + SPREAD_GRAM
    )
    return step(
        bent=[(BENT_FIRST, first_shown), (BENT_SECOND, second_shown)],
        mean_shift=(HESSIAN * SHIFT, -BENT),
        mean_gram=(MEAN_GRAM, gram),
        symbols={
            "first": STEP_FIRST,
            "second": STEP_SECOND,
            "bent": BENT,
            "other": OTHER_INPUT,
            "product": INPUT.T * MEAN_GRAM * OTHER_INPUT,
        },
        checks=(
            vanishes(
                "The expected gradient along an arbitrary line in weight space has at second "
                "order what is averaged in [eq:bent], at arbitrary weights.",
                _missed_bending(examples.generic),
            ),
            vanishes(
                "Mean and covariance of the deviation together give the imbalance "
                "[eq:imbalance-mean] at leading order, which was found from one step alone: the "
                "two networks with rational entries.",
                *(_unbalanced(space) for space in examples.weight_spaces),
                method=Method.POINTS,
            ),
        ),
        assumptions=("Terms of higher than first order in the learning rate are left out.",),
    )


def _missed_bending(network: LinearNetwork) -> sp.ImmutableMatrix:
    """Second-order part of the expected gradient along a line, minus the displayed one."""
    change = deviation(network)
    sigma = network.input_covariance

    def gradient(size: int) -> sp.Matrix:
        """At a distance along the line; a polynomial of degree three in it."""
        first, second = (
            layer + size * part for layer, part in zip(network.layers, change, strict=True)
        )
        slope = (network.teacher - second * first) * sigma
        return sp.Matrix([*(GAMMA * first - second.T * slope), *(GAMMA * second - slope * first.T)])

    entries = {**in_symbols(network.layers, change), INPUT_COVARIANCE: sigma}
    shown = [entry for formula in BENDING for entry in evaluate_matrix(formula, entries)]
    even = (gradient(1) + gradient(-1)) / 2 - gradient(0)
    return sp.ImmutableMatrix(even - sp.Matrix(shown))


def _unbalanced(space: WeightSpace) -> sp.ImmutableMatrix:
    """Imbalance from the moments of the deviation, minus that from one step."""
    means = StationaryMeans(space)
    minimum = means.minimum
    first, second = minimum.first_layer, minimum.second_layer
    shift_first, shift_second = means.shift(BENDING)
    change_first, change_second = means.change
    crossed = shift_first * first.T - second.T * shift_second
    spread = means.mean(change_first * change_first.T - change_second.T * change_second)
    fed = feeding(minimum, EXAMPLE_KURTOSIS) / (2 * minimum.weight_decay)
    return sp.ImmutableMatrix(crossed + crossed.T + spread - fed)


def _mean_length() -> Step:
    """The mean length of representations

    When all {n} axes are alike and learned, the two layers stay balanced on average, as
    [eq:imbalance-fed] vanishes, and all mean values are multiples of the identity. Noise reaches
    only the part of a deviation that both layers have in common: each deviates by the sum of {even}
    and {odd}, a symmetric and a skew matrix. The unit vector [eq:reached] of one axis has the share
    {one_share} in each layer; of two axes the sum of both unit vectors over {root} has curvature
    and noise of one axis, and the share {two_share} in each of four weights. So an entry of {even}
    has the variance {diagonal} over {batch} on the diagonal, and half of it beside. Products of one
    of each matrix average to zero, and [eq:bent] becomes [eq:alike-bent]. The Hessian multiplies a
    shift of both layers by a multiple of the identity by {stiff}, so that [eq:mean-shift] is
    [eq:alike-shift]. The inner products [eq:mean-gram] become [eq:mean-length]: the singular value
    less {half} times the variance {own} of [eq:fluctuation-own] divided by {batch}. All
    representations are shorter than those on the manifold, the more so the more axes there are.
    """
    value, one = symbol("singular_value"), sp.Identity(INPUTS)
    variance, labels = symbol("input_variance"), symbol("label_noise") ** 2
    own = ETA * (2 * GAMMA**2 + variance * labels) / (2 * variance * BATCH)
    skewed, root = sp.Symbol("skewed", positive=True), sp.sqrt(value)
    # Of both layers' sum over the square root of two.
    moments = Pairings(sp.Integer(0), (own + skewed) / 2, (own - skewed) / 2)
    bent = variance * root * (moments.summed_rows + moments.summed_product / 2)
    shift = -bent / (2 * variance * value)
    numbers = {
        one: sp.Integer(1),
        EVEN_SQUARE: (INPUTS + 1) * own / 4,
        ODD_SQUARE: -(INPUTS - 1) * skewed / 4,
        BENT_ALIKE: bent,
        SHIFT_ALIKE: shift,
        MEAN_GRAM: value + 2 * root * shift + moments.summed_rows / 2,
    }

    def number(line: sp.MatrixExpr) -> sp.Expr:
        """What the multiple of the identity that a line stands for has on its diagonal."""
        terms = (part.as_coeff_mmul() for part in sp.MatAdd.make_args(line.doit().expand()))
        return sp.Add(*(factor * numbers[matrix.doit()] for factor, matrix in terms))

    squares, twice = (
        EVEN_SQUARE - ODD_SQUARE,
        sp.MatMul(2, EVEN_SQUARE - ODD_SQUARE, evaluate=False),
    )
    products = sp.MatAdd(twice, EVEN_SQUARE + ODD_SQUARE, evaluate=False)
    return step(
        under=[Premise.GAUSSIAN, Premise.SHARED_AXES, Premise.EQUAL_AXES],
        alike_bent=chain(
            BENT_ALIKE,
            ("by [eq:bent]", sp.MatMul(variance * root, products, evaluate=False)),
            ("collected", variance * root * (3 * EVEN_SQUARE - ODD_SQUARE)),
            value=number,
        ),
        alike_shift=(2 * variance * value * SHIFT_ALIKE, -BENT_ALIKE),
        mean_length=chain(
            MEAN_GRAM,
            ("by [eq:mean-gram]", value * one + 2 * root * SHIFT_ALIKE + squares),
            ("by [eq:alike-shift] and [eq:alike-bent]", value * one - 2 * EVEN_SQUARE),
            (
                "the variance of an entry of {even} is {diagonal} over {batch} on the diagonal, "
                "and half of it beside",
                sp.MatMul(value - (INPUTS + 1) * own / 2, one, evaluate=False),
            ),
            value=number,
        ),
        symbols={
            "own": symbol("fluctuation", "ii"),
            "diagonal": symbol("fluctuation", "ii") / 2,
            "one_share": 1 / sp.sqrt(2),
            "two_share": sp.Rational(1, 2),
            "root": sp.sqrt(2),
            "half": (INPUTS + 1) / 2,
            "even": EVEN_PART,
            "odd": ODD_PART,
            "stiff": 2 * variance * value,
        },
        checks=(
            vanishes(
                "The full matrices of networks with two and with three equal axes, label noise "
                "included, have this mean length.",
                *(_missed_length(axes, value - (INPUTS + 1) * own / 2) for axes in (2, 3)),
            ),
        ),
        assumptions=("Inputs are Gaussian; all axes have equal variances, gains and label noise.",),
    )


def _missed_length(axes: int, shown: sp.Expr) -> sp.ImmutableMatrix:
    """``E[W' W]`` of an explicit network of equal axes, minus the displayed multiple of one."""
    value, variance, labels = sp.Rational(9, 4), sp.Integer(2), sp.Rational(1, 3)
    one = sp.ImmutableMatrix(sp.eye(axes))
    minimum = ChosenMinimum(
        left=one,
        right=one,
        singular_values=(value,) * axes,
        input_covariance=variance * one,
        weight_decay=sp.Rational(1, 4),
        unlearned_slope=sp.ImmutableMatrix(sp.zeros(axes, axes)),
        label_noise=(labels,) * axes,
    )
    noise = minimum.reach * elliptical_noise(minimum, sp.Integer(0)) * minimum.reach.T
    means = StationaryMeans(WeightSpace(minimum, sp.ImmutableMatrix(noise)))
    first, change = minimum.first_layer, means.change[0]
    shift, _ = means.shift(BENDING)
    found = first.T * first + shift.T * first + first.T * shift + means.mean(change.T * change)
    at = {
        ETA: 1, BATCH: 1, INPUTS: axes, GAMMA: minimum.weight_decay,
        symbol("singular_value"): value, symbol("input_variance"): variance,
    }  # fmt: skip
    squared = shown.subs(symbol("label_noise"), sp.sqrt(labels)).subs(at)
    return sp.ImmutableMatrix(found - squared * one)

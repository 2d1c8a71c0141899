"""What limits the leading order: four numbers that must be small."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations_with_replacement

import sympy as sp

from symdrift.derivation.chapter import step, vanishes
from symdrift.derivation.premises import Premise
from symdrift.derivation.steps import Method, Step
from symdrift.derivation.symbols import BATCH, ETA, GAMMA, INPUTS, symbol
from symdrift.derivation.vocabulary import (
    FLUCTUATION,
    I_INDEX,
    INPUT,
    INPUT_COVARIANCE,
    L_INDEX,
    LEFT_AXES,
    NOISE_ENTRY,
    OUTPUTS,
    OWN_FLUCTUATION,
    RIGHT_AXES,
    SIZE,
)
from symdrift.theory.drift import DIRECTIONS
from symdrift.theory.examples import Examples
from symdrift.theory.fluctuation import STIFFNESS
from symdrift.theory.imbalance import MEAN_IMBALANCE, feeding
from symdrift.theory.linear.aligned import block_of
from symdrift.theory.linear.gradient_noise import covariance_of
from symdrift.theory.linear.minimum import Minimum
from symdrift.theory.linear.points import AlignedMinimum
from symdrift.theory.linear.second_moments import MAP_CHANGE
from symdrift.theory.mean_square import VARIANCES
from symdrift.theory.noise import B

FLUCTUATION_ENTRY = sp.IndexedBase("fluctuation_entry")
LARGEST_CURVATURE = sp.Symbol("h_largest", positive=True)
SQUARED_INPUT = sp.MatrixSymbol("squared_input", INPUTS, INPUTS)
INVERSE_ROOTS = sp.MatrixSymbol("S_inverse_roots", *MEAN_IMBALANCE.shape)
UNIT_WEIGHTS = sp.MatrixSymbol("unit_weights", SIZE, 1)
OUTPUT_AXIS = sp.MatrixSymbol("output_axis", OUTPUTS, 1)
INPUT_AXIS = sp.MatrixSymbol("input_axis", INPUTS, 1)
RESIDUALS, LABELS = sp.symbols("axis_residual axis_label_noise")
MEAN_IMBALANCE_OWN = sp.Symbol("imbalance_ii", real=True)
I_VALUE = symbol("singular_value", "i")

LATEX: dict[sp.Basic, str] = {
    FLUCTUATION_ENTRY.label: r"\Gamma",
    LARGEST_CURVATURE: r"h_{\mathrm{max}}",
    SQUARED_INPUT: r"\mathbb{E}[x x^{\mathsf{T}} x x^{\mathsf{T}}]",
    INVERSE_ROOTS: "S^{-1/2}",
    UNIT_WEIGHTS: r"\theta^{*}_i",
    OUTPUT_AXIS: "P_i",
    INPUT_AXIS: "R_i",
    RESIDUALS: "E",
    LABELS: r"\sigma",
    MEAN_IMBALANCE_OWN: r"\langle \Upsilon \rangle_{ii}",
}

MEANINGS = ((LARGEST_CURVATURE, "largest Hessian eigenvalue", "scalar"),)


def small_numbers(examples: Examples) -> Iterator[Step]:
    """Discrete steps, multiplicative noise, unbalanced layers and lost axes, for any task."""
    yield _discrete_steps()
    yield _multiplicative_noise(examples)
    yield _unbalanced_and_lost(examples)


def small_numbers_on_axes(examples: Examples) -> Iterator[Step]:
    """The last two on shared axes."""
    yield _on_axes(examples)


def _discrete_steps() -> Step:
    """Steps are discrete

    All results are leading orders in the learning rate. Four numbers and the critical rate
    [eq:critical] say whether it is small enough, and each can fail while the others are small. The
    first is {number}, where {h_max} is the largest Hessian eigenvalue. The solution of
    [eq:covariance-step], in which every sample pulls as the mean does, has the diagonal
    [eq:discrete-steps] in the eigenvectors of the Hessian, of eigenvalues {h_b}; what the Lyapunov
    equation gives falls short of it by the fraction {fraction}.
    """

    def variance(curvature: sp.Expr, noise: sp.Expr) -> sp.Expr:
        return ETA * noise / (curvature * (2 - ETA * curvature))

    h, c = sp.symbols("h c", positive=True)
    return step(
        discrete_steps=(FLUCTUATION_ENTRY[B, B], variance(STIFFNESS[B], NOISE_ENTRY[B, B])),
        symbols={
            "number": ETA * LARGEST_CURVATURE,
            "h_max": LARGEST_CURVATURE,
            "h_b": STIFFNESS[B],
            "fraction": ETA * STIFFNESS[B] / 2,
        },
        checks=(
            vanishes(
                "One step leaves this variance as it is.",
                ((1 - ETA * h) ** 2 * variance(h, c) + ETA**2 * c, variance(h, c)),
            ),
            vanishes(
                "The solution of the Lyapunov equation falls short of it by the stated share.",
                (variance(h, c) * (1 - ETA * h / 2), ETA * c / (2 * h)),
            ),
        ),
    )


def _multiplicative_noise(examples: Examples) -> Step:
    """Curvature differs between samples

    The second is {number} divided by {batch}, where {s_1} is the largest singular value. In
    [eq:sample-hessian] both layers of a learned axis together pull with twice its singular value
    times {product}. In the mean this is twice its singular value times {Sigma}; but [eq:grown] has
    the mean of the square, and that is [eq:squared-input] for Gaussian inputs: not the square of a
    variance along one axis but a variance times the power {power} of all inputs, divided by {batch}
    where a batch averages over samples. Where weight decay is small and all inputs are learned with
    {s_1}, this adds to a second moment that is one in all directions, by [eq:second-moments], about
    {grown} along an axis whose variance {lambda} is small against {power}, and relaxation takes
    away {relaxed}: the quotient of both is the second number. The quotient is less where
    inputs are learned with smaller singular values, or not at all. The second number grows with
    the number of inputs at given variances while {discrete} does not. Where it reaches the order of
    one, the critical rate of [eq:critical] is near, or has been passed.
    """
    network = examples.rectangular.network
    sample, sigma = network.sample_input, network.input_covariance
    products = [sample[a] * sample[b] for a, b in _pairs(network.inputs)]
    spread = covariance_of(sp.ImmutableMatrix(products), network.sample_covariance)
    place = {pair: k for k, pair in enumerate(_pairs(network.inputs))}

    def entry(a: int, b: int) -> sp.Expr:
        """``E[(x x' x x')_ab]``."""
        total = sp.Integer(0)
        for c in range(network.inputs):
            first, second = ((min(u, v), max(u, v)) for u, v in ((a, c), (c, b)))
            total += spread[place[first], place[second]] + sigma[a, c] * sigma[c, b]
        return total

    square = sp.ImmutableMatrix(network.inputs, network.inputs, entry)
    return step(
        under=[Premise.GAUSSIAN],
        squared_input=(
            SQUARED_INPUT,
            sp.Trace(INPUT_COVARIANCE) * INPUT_COVARIANCE + 2 * INPUT_COVARIANCE * INPUT_COVARIANCE,
        ),
        symbols={
            "number": ETA * symbol("singular_value", 1) * sp.Trace(INPUT_COVARIANCE),
            "s_1": symbol("singular_value", 1),
            "product": INPUT * INPUT.T,
            "power": sp.Trace(INPUT_COVARIANCE),
            "discrete": ETA * LARGEST_CURVATURE,
            "grown": 4
            * ETA**2
            * symbol("singular_value", 1) ** 2
            * symbol("input_variance")
            * sp.Trace(INPUT_COVARIANCE)
            / BATCH,
            "relaxed": 4 * ETA * symbol("singular_value", 1) * symbol("input_variance"),
        },
        checks=(
            vanishes(
                "[eq:squared-input], summed entry by entry from fourth moments, for three inputs "
                "with a full covariance.",
                (square, sigma.trace() * sigma + 2 * sigma * sigma),
            ),
        ),
    )


def _pairs(count: int) -> list[tuple[int, int]]:
    return list(combinations_with_replacement(range(count), 2))


def _unbalanced_and_lost(examples: Examples) -> Step:
    """Unbalanced layers and lost axes

    The third number is the largest eigenvalue, by size, of {imbalance} on the learned hidden axes:
    the mean imbalance [eq:imbalance-mean] against the singular values, which are the squared
    lengths of the rows of {W} and of the columns of {U} on the manifold. All results are those of
    weights on the manifold, where the layers are balanced. This number is of the order of {eta}
    over {gamma} times the noise that errors make. Where label noise or inputs that are not learned
    leave errors when weight decay tends to zero, nothing of the theory is left then at a fixed
    learning rate, and limits of small weight decay mean that the learning rate tends to zero first.
    Even where its mean vanishes, the imbalance in general fluctuates: by [eq:imbalance-step]
    changes of second order in {eta} are remembered for about {remembered} steps, so that its
    variance is of third order.

    The fourth is the largest {own} over {s_i}. Let {unit} be the weights of hidden unit {i} at the
    minimum, of squared length {length}, and {own} the variance of the weights along them,
    [eq:unit-variance]. A deviation by {unit} itself changes the learned map by [eq:unit-change],
    with the columns {P_i} and {R_i} of {P} and {R}, and so only {s_i}.
    Where {own} reaches {s_i}, the axis is lost at times and found again, at an angle that owes
    nothing to where it was: it then drifts faster than the theory says. Along {unit} slope and
    weight decay cancel by [eq:slope-pairs]; noise and stiffness along it, at length one, are
    therefore by [eq:unit-change] proportional to {s_i}, and {own} keeps its size: where {s_i}
    tends to zero, this happens at any learning rate.
    """
    return step(
        unit_variance=(
            OWN_FLUCTUATION,
            sp.Trace(UNIT_WEIGHTS.T * FLUCTUATION * UNIT_WEIGHTS) / (2 * I_VALUE),
        ),
        unit_change=(
            MAP_CHANGE,
            sp.MatMul(2 * I_VALUE, OUTPUT_AXIS, INPUT_AXIS.T, evaluate=False),
        ),
        symbols={
            "imbalance": INVERSE_ROOTS * MEAN_IMBALANCE * INVERSE_ROOTS,
            "remembered": 1 / (2 * ETA * GAMMA),
            "unit": UNIT_WEIGHTS,
            "P_i": OUTPUT_AXIS,
            "R_i": INPUT_AXIS,
            "P": LEFT_AXES,
            "R": RIGHT_AXES,
            "length": 2 * I_VALUE,
            "own": OWN_FLUCTUATION,
        },
        checks=(
            vanishes(
                "[eq:unit-change] holds for each hidden unit of the two networks with rational "
                "entries, with the axes of their learned maps.",
                *(
                    second * first_part
                    + second_part * first
                    - 2 * value * minimum.left[:, k] * minimum.right[:, k].T
                    for minimum in examples.rational
                    for first, second in [(minimum.first_layer, minimum.second_layer)]
                    for k, value in enumerate(minimum.singular_values)
                    for first_part, second_part in [_of_unit(minimum, k)]
                ),
                method=Method.POINTS,
            ),
            vanishes(
                "Their weights have the stated squared length.",
                *(
                    sum(entry**2 for part in _of_unit(minimum, k) for entry in part) - 2 * value
                    for minimum in examples.rational
                    for k, value in enumerate(minimum.singular_values)
                ),
                method=Method.POINTS,
            ),
        ),
    )


def _of_unit(minimum: Minimum, unit: int) -> tuple[sp.Matrix, sp.Matrix]:
    """The weights of one hidden unit, the others zero."""
    chosen = sp.zeros(minimum.network.hidden)
    chosen[unit, unit] = 1
    return chosen * minimum.first_layer, minimum.second_layer * chosen


def _on_axes(examples: Examples) -> Step:
    """Both numbers on shared axes

    On shared axes the mean imbalance is diagonal too, and with Gaussian inputs the third number is
    the largest of [eq:imbalance-own] by size, which is [eq:imbalance-mean] with [eq:imbalance-fed]
    at first order in {eta}. Axes that are not learned count in the sums, as their inputs and errors
    are noise for the others; an input without output counts with its variance alone, and an output
    without input with its label noise. The fourth is the largest of [eq:lost-own],
    with [eq:fluctuation-own] for a batch of {batch} samples: it grows without bound where a
    singular value vanishes.
    """
    i, l = I_INDEX, L_INDEX
    variance, missed, labels = (sp.IndexedBase(base) for base in (VARIANCES, RESIDUALS, LABELS))

    def errors(k: sp.Basic) -> sp.Expr:
        return variance[k] * missed[k] ** 2 + labels[k] ** 2

    fed = errors(i) * sp.Sum(variance[l], (l, 1, DIRECTIONS)) - variance[i] * sp.Sum(
        errors(l), (l, 1, DIRECTIONS)
    )
    block = examples.representative.diagonal_block
    lam_i, noise_i = symbol("input_variance", "i"), symbol("label_noise", "i") ** 2
    lost = ETA * (2 * GAMMA**2 + lam_i * noise_i) / (2 * lam_i * I_VALUE * BATCH)

    def displayed(minimum: AlignedMinimum, k: int) -> sp.Expr:
        count = len(minimum.directions)
        values: dict[sp.Expr, sp.Expr] = {}
        for place, direction in enumerate(minimum.directions, 1):
            values[variance[place]] = direction.input_variance
            values[missed[place]] = direction.residual
            values[labels[place]] = sp.sqrt(direction.label_noise)
        return fed.xreplace({DIRECTIONS: sp.Integer(count)}).doit().subs(i, k + 1).subs(values)

    def fed_at(minimum: AlignedMinimum) -> sp.Matrix:
        return sp.diag(
            *(
                direction.singular_value * displayed(minimum, k)
                for k, direction in enumerate(minimum.directions[: minimum.network.hidden])
            )
        )

    spaces = (examples.all_active, examples.bottleneck)
    return step(
        under=[Premise.GAUSSIAN, Premise.SHARED_AXES],
        imbalance_own=(MEAN_IMBALANCE_OWN / I_VALUE, ETA / (2 * GAMMA * BATCH) * fed),
        lost_own=(OWN_FLUCTUATION / I_VALUE, lost),
        checks=(
            vanishes(
                "[eq:imbalance-fed] of Gaussian inputs, written out in all entries, is singular "
                "value times the bracket of [eq:imbalance-own] on the diagonal and zero elsewhere: "
                "three learned axes, and a bottleneck.",
                *(
                    (feeding(space.minimum, sp.Integer(0)), fed_at(space.minimum))
                    for space in spaces
                ),
            ),
            vanishes(
                "The weights of a hidden unit are the direction in which [eq:fluctuation-own] "
                "holds, and its variance over the singular value is [eq:lost-own].",
                *(
                    (
                        block_of(space, 0, 0).basis,
                        sp.Matrix([e for part in _of_unit(space.minimum, 0) for e in part]),
                    )
                    for space in spaces
                ),
                (block.fluctuation[0] / I_VALUE, lost * BATCH),
            ),
        ),
        assumptions=("Inputs are Gaussian.",),
    )

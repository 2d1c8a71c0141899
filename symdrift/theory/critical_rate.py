"""Mean-square stability: the equation of the critical rate where axes are shared, or all alike."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import sympy as sp

from symdrift.algebra.rational import cancel, is_zero
from symdrift.derivation.chapter import holds, step, vanishes
from symdrift.derivation.premises import Premise
from symdrift.derivation.steps import Method, Step
from symdrift.derivation.symbols import BATCH, GAMMA, INPUTS, symbol
from symdrift.derivation.vocabulary import I_INDEX, J_INDEX, L_INDEX, SIZE
from symdrift.theory.examples import Examples
from symdrift.theory.linear.equal_axes import (
    LABEL_NOISE,
    Pairings,
    curvatures,
    inverse_rates,
    response,
)
from symdrift.theory.mean_square import (
    CRITICAL_RATE,
    GROWTH,
    MOMENTS,
    RELAXATION,
    SAMPLED,
    VARIANCES,
    pair_read,
)
from symdrift.theory.noise import B, D, O, U

SPLIT, STRAIGHT, CROSSED = sp.symbols("moment_1 moment_2 moment_3", real=True)
NEXT_SPLIT, NEXT_STRAIGHT, NEXT_CROSSED = sp.symbols("next_1 next_2 next_3", real=True)
POWERS = sp.IndexedBase("power")
POWER_VECTOR = sp.MatrixSymbol("powers", SIZE, 1)
OWN_BLOCKS, READ_POWERS, FED_BACK = (
    sp.MatrixSymbol(name, SIZE, SIZE) for name in ("own_blocks", "read_powers", "fed_back")
)
RATES = sp.symbols("h_both h_turned h_apart", positive=True)
"""Hessian eigenvalues of equal axes: of symmetric and skew deviations that both layers share, and
of those in which they differ."""
LABELS, STRENGTH, ABOVE, BELOW = sp.symbols("q_label q_own q_above q_below", positive=True)
RELAXED_DIAGONAL, MEAN_DIAGONAL = (
    sp.MatrixSymbol(f"{name}_diagonal", 1, 7) for name in ("relaxed", "mean")
)
SEVEN_RELAXED, SEVEN_MEAN, SEVEN_SAMPLES = (
    sp.MatrixSymbol(f"seven_{name}", 7, 7) for name in ("relaxed", "mean", "samples")
)

COMMON_PART, APART_PART = (
    sp.MatrixSymbol(f"part_{name}", INPUTS, INPUTS) for name in ("common", "apart")
)

LATEX: dict[sp.Basic, str] = {
    SPLIT: r"\mathcal{V}_1",
    STRAIGHT: r"\mathcal{V}_2",
    CROSSED: r"\mathcal{V}_3",
    NEXT_SPLIT: r"\mathcal{V}'_1",
    NEXT_STRAIGHT: r"\mathcal{V}'_2",
    NEXT_CROSSED: r"\mathcal{V}'_3",
    POWERS.label: r"\mathcal{K}",
    POWER_VECTOR: r"\mathcal{K}",
    OWN_BLOCKS: r"\mathcal{B}",
    READ_POWERS: r"\mathcal{G}",
    FED_BACK: r"\mathcal{F}",
    RATES[0]: "h_{+}",
    RATES[1]: "h_{-}",
    RATES[2]: r"h_{\perp}",
    LABELS: r"q_{\sigma}",
    STRENGTH: "q",
    ABOVE: "q_{+}",
    BELOW: "q_{-}",
    RELAXED_DIAGONAL: r"\operatorname{diag} \Theta_7",
    MEAN_DIAGONAL: r"\operatorname{diag} \Pi_7",
    COMMON_PART: r"\delta_{+}",
    APART_PART: r"\delta_{\perp}",
    SEVEN_RELAXED: r"\Theta_7",
    SEVEN_MEAN: r"\Pi_7",
    SEVEN_SAMPLES: r"\Pi'_7",
}

_ALIKE = (Premise.GAUSSIAN, Premise.SHARED_AXES, Premise.EQUAL_AXES)


def critical_rate(examples: Examples) -> Iterator[Step]:
    """The equation of the critical rate on shared axes, and for equal ones its matrix."""
    yield _powers_of_axes()
    yield _equal_axes()
    yield _seven_numbers()


def _powers_of_axes() -> Step:
    """The equation of the critical rate

    The sums over all inputs are the powers {power} of [eq:power-of-axis]; with them [eq:read-pair]
    is [eq:read-power], and of other pairs nothing is left in the moments of a pair. Six such powers
    for each axis, of two of the three matrices at a time, and with label noise one more of the
    variance that a unit has, are therefore all that joins the blocks. In coordinates in which
    {relaxation} is the identity, let {own} be what a step does within blocks, {read} what reads the
    powers off the moments, and {fed} what is fed back of them: {whole} is all of {growth}. Moments
    of the eigenvalue {value} are then {moments}, and their own powers are {power} again,
    [eq:powers-again]. The critical rate is the smallest for which this has a solution: one equation
    for a few numbers by axis, in the place of ten by pair of axes.
    """
    i, j, l = I_INDEX, J_INDEX, L_INDEX
    variance = sp.IndexedBase(VARIANCES)
    felt = sp.Sum(variance[l] * MOMENTS[i, l, i, l], (l, 1, INPUTS))
    told = variance[j] * (POWERS[i] + variance[j] * MOMENTS[i, j, i, j])
    value = 1 / CRITICAL_RATE
    solved = (value * sp.Identity(SIZE) - OWN_BLOCKS).I
    again = READ_POWERS * solved * READ_POWERS.T * FED_BACK * POWER_VECTOR
    return step(
        under=[Premise.GAUSSIAN, Premise.SHARED_AXES],
        power_of_axis=(POWERS[i], felt),
        read_power=(SAMPLED[i, j, i, j], told),
        powers_again=(POWER_VECTOR, again),
        symbols={
            "power": POWERS[i],
            "relaxation": RELAXATION,
            "growth": GROWTH,
            "own": OWN_BLOCKS,
            "read": READ_POWERS,
            "fed": FED_BACK,
            "whole": OWN_BLOCKS + READ_POWERS.T * FED_BACK * READ_POWERS,
            "value": value,
            "moments": solved * READ_POWERS.T * FED_BACK * POWER_VECTOR,
        },
        checks=(
            vanishes(
                "With the power put in, [eq:read-power] is [eq:read-pair].",
                (told.xreplace({POWERS[i]: felt}), pair_read(i, j, l)),
            ),
            holds(
                "For two blocks of two moments and two powers, with rational entries, the "
                "polynomial whose roots solve [eq:powers-again] is the characteristic one of the "
                "whole.",
                Method.POINTS,
                _same_eigenvalues,
            ),
        ),
        assumptions=("Inputs are Gaussian.",),
    )


def _same_eigenvalues() -> bool:
    """Whether both determinants vanish together, for two blocks of two that two powers join."""
    value = sp.Symbol("value")
    own = sp.diag(sp.Matrix([[1, 2], [2, 3]]), sp.Matrix([[5, -1], [-1, 4]])) / 3
    blocks = value * sp.eye(4) - own
    read = sp.Matrix([[2, 1, 0, -3], [0, 1, 4, 1]]) / 5
    fed = sp.Matrix([[0, -1], [-1, 1]])
    whole = (blocks - read.T * fed * read).det(method="berkowitz")
    loop = sp.eye(2) - read * blocks.adjugate() * read.T * fed / blocks.det()
    return is_zero(whole - blocks.det() * loop.det())


def _equal_axes() -> Step:
    """The critical rate of equal axes

    When all {n} axes are alike and learned, a second moment has the three coefficients of
    [eq:pairings-of-axes], one for each way to pair its indices, and [eq:read] turns them into
    [eq:read-equal]. The deviation across the orbit is any matrix, the mean of both
    layers, and a symmetric one, their difference: seven numbers in all, and the inverse of the
    critical rate is the largest eigenvalue of a matrix of seven rows. The equation for it is
    [eq:seven-critical]. For small weight decay, and without label noise, the inverse of the
    critical rate is [eq:critical-quiet] up to terms of second order in {gamma}: samples disperse
    the learned map, and the rate times {s} times the power {power} of all inputs, over {batch},
    must be small. With label noise, weight decay can be so small that the
    difference of the layers disperses first: the inverse rate then tends to [eq:critical-labels],
    the larger, the smaller {gamma}. So far away from balance, terms that the linearised dynamics
    leave out hold the layers together: what ends there is the theory, not the training.
    """
    variance, value, labels = symbol("input_variance"), symbol("singular_value"), LABEL_NOISE**2
    quiet_matrix = inverse_rates(BATCH)
    noisy = (GAMMA * quiet_matrix).applyfunc(cancel).xreplace({GAMMA: sp.Integer(0)})
    quiet_matrix = quiet_matrix.xreplace({LABEL_NOISE: sp.Integer(0)}).applyfunc(cancel)
    limit = quiet_matrix.xreplace({GAMMA: sp.Integer(0)})
    slope = quiet_matrix.diff(GAMMA).xreplace({GAMMA: sp.Integer(0)})
    own = value * variance
    largest = own * (1 + (INPUTS + 1) / BATCH)
    lowered = ((INPUTS + 1) ** 2 - BATCH * (INPUTS - 1)) / (2 * BATCH * INPUTS)
    left, right = sp.Matrix([[1, INPUTS, 1, 0, 0, 0, 0]]), sp.eye(7)[:, 1]
    unknown = sp.Symbol("largest")
    polynomial, noisy_polynomial = (matrix.charpoly(unknown).as_expr() for matrix in (limit, noisy))
    spread = INPUTS + 2
    steep = labels * variance * (spread + sp.sqrt(spread**2 + 16)) / (32 * BATCH * GAMMA)
    alike = (Premise.GAUSSIAN, Premise.SHARED_AXES, Premise.EQUAL_AXES)
    return step(
        under={
            **dict.fromkeys(("pairings_of_axes", "read_equal"), alike),
            "critical_quiet": (*alike, Premise.SMALL_DECAY, Premise.QUIET_LABELS),
            "critical_labels": (*alike, Premise.SMALL_DECAY),
        },
        pairings_of_axes=(
            MOMENTS[O, B, U, D],
            SPLIT * sp.KroneckerDelta(O, B) * sp.KroneckerDelta(U, D)
            + STRAIGHT * sp.KroneckerDelta(O, U) * sp.KroneckerDelta(B, D)
            + CROSSED * sp.KroneckerDelta(O, D) * sp.KroneckerDelta(B, U),
        ),
        read_equal=[
            (NEXT_SPLIT, variance**2 * CROSSED),
            (NEXT_STRAIGHT, variance**2 * (SPLIT + (INPUTS + 1) * STRAIGHT + CROSSED)),
            (NEXT_CROSSED, variance**2 * SPLIT),
        ],
        critical_quiet=(1 / CRITICAL_RATE, largest - GAMMA * lowered),
        critical_labels=(1 / CRITICAL_RATE, steep),
        symbols={"power": INPUTS * variance},
        checks=(
            vanishes(
                "Summing the pairings with the fourth moments of Gaussian inputs gives "
                "[eq:read-equal], entry by entry, with two axes and with three.",
                *(_missed_pairings(axes) for axes in (2, 3)),
            ),
            vanishes(
                "Without label noise the matrix of seven rows has, in the limit of no weight "
                "decay, the eigenvalue that begins [eq:critical-quiet], a smaller one, one that "
                "is the smaller of the two, and zero.",
                (
                    polynomial,
                    unknown**4
                    * (unknown - largest)
                    * (unknown - own * (1 + 1 / BATCH))
                    * (unknown - own * (1 - 1 / BATCH)),
                ),
            ),
            vanishes(
                "Left and right eigenvectors give its change at first order in the weight decay.",
                (left * limit, largest * left),
                (limit * right, largest * right),
                (left * slope * right)[0] / (left * right)[0] + lowered,
            ),
            vanishes(
                "With label noise, the matrix times weight decay has the eigenvalue "
                "[eq:critical-labels] in that limit; of the others one is negative, and the rest "
                "vanish.",
                sp.expand(noisy_polynomial.subs(unknown, steep * GAMMA)),
                sp.cancel(noisy_polynomial / unknown**5).subs(unknown, 0)
                + (variance * labels / BATCH) ** 2 / 64,
            ),
        ),
        assumptions=("Inputs are Gaussian; all axes have equal variances, gains and label noise.",),
    )


def _missed_pairings(axes: int) -> sp.ImmutableMatrix:
    """Explicit sums over the pairings of a number of axes, minus the displayed coefficients."""
    numbers = SPLIT, STRAIGHT, CROSSED
    variance = symbol("input_variance")
    changed = Pairings(*numbers).sampled.coefficients
    places = list(product(range(axes), repeat=4))

    def moment(values: tuple[sp.Expr, ...], o: int, a: int, u: int, b: int) -> sp.Expr:
        pairs = ((o == a, u == b), (o == u, a == b), (o == b, a == u))
        return sp.Add(*(c for c, pair in zip(values, pairs, strict=True) if all(pair)))

    missed = []
    for o, c, u, d in places:
        summed = sp.Add(
            *(
                moment(numbers, o, a, u, b) * (int(a == b and c == d) + int(a == d and c == b))
                for a, b in product(range(axes), repeat=2)
            )
        )
        missed.append(variance**2 * (summed - moment(changed, o, c, u, d).subs(INPUTS, axes)))
    return sp.ImmutableMatrix(missed)


def _seven_numbers() -> Step:
    """The matrix of seven rows

    A deviation of equal axes is {both}, the sum of the two layers over {root}, and {apart}, their
    difference over {root}. The curvatures are {h_both} for the symmetric part of {both}, {h_turned}
    for its skew part, and {h_apart} for {apart}: with [eq:seven-curvatures] these are all
    eigenvalues of the Hessian across the orbit. The seven numbers are, in this order: of {both}
    with itself, the first coefficient, and sum and difference of the second and third; of {both}
    with {apart}, the first and the second; of {apart} with itself, the first and the second. In the
    last two cases the third equals the second, as {apart} is symmetric. In these numbers
    {relaxation} is diagonal, [eq:seven-relaxed], and so is what the squared pull of the mean adds,
    [eq:seven-mean]. What samples add is [eq:seven-samples] over {batch}, with the abbreviations
    [eq:seven-letters]; without label noise {q_label} vanishes. The equation [eq:critical] then is
    [eq:seven-critical], of seventh degree in {critical}; the critical rate is its smallest positive
    root, which is found numerically.
    """
    variance = symbol("input_variance")
    even, odd, apart = RATES
    noise = LABEL_NOISE**2 * variance
    strength = 2 * GAMMA**2 + LABELS
    letters = {
        LABELS: noise,
        STRENGTH: strength,
        ABOVE: STRENGTH + 4 * GAMMA * even + 2 * even**2,
        BELOW: STRENGTH - 4 * GAMMA * even + 2 * even**2,
    }
    n, q, gamma = INPUTS, LABELS, GAMMA
    samples = sp.ImmutableMatrix([
        [0, BELOW, q - 2 * even**2, 0, 0, 0, -2 * q],
        [4 * BELOW, (n + 2) * BELOW, n * (q + 2 * even**2) - 2 * q, 0, 0, 0, 2 * n * q],
        [4 * q, n * q + 2 * (n + 2) * even**2, n * ABOVE, 0, 8 * (n + 2) * gamma * even, 0,
         2 * (n + 2) * STRENGTH],
        [0, 0, -2 * gamma * even, 0, 4 * gamma * (even - gamma), 0, 0],
        [0, 0, n * gamma * even, 4 * gamma * even - 2 * STRENGTH,
         2 * (n + 2) * gamma * (even - gamma) - 2 * (n + 1) * q, 0, 0],
        [0, -q, -STRENGTH, 0, 0, 0, 2 * STRENGTH],
        [0, n * q / 2, n * STRENGTH / 2, 0, 0, 2 * STRENGTH, (n + 2) * STRENGTH],
    ])  # fmt: skip
    relaxed = [2 * even, 2 * even, 2 * odd, even + apart, even + apart, 2 * apart, 2 * apart]
    mean = [even**2, even**2, odd**2, even * apart, even * apart, apart**2, apart**2]
    # Sum and difference of the second and the third coefficient in the place of the two.
    turned = sp.eye(7)
    turned[1:3, 1:3] = sp.Matrix([[1, 1], [1, -1]])
    rates = dict(zip(RATES, curvatures(), strict=True))

    def explicit(shown: sp.MatrixBase) -> sp.MatrixBase:
        for given in (*({name: letters[name]} for name in (ABOVE, BELOW, STRENGTH, LABELS)), rates):
            shown = shown.xreplace(given)
        return shown

    found = turned * response() * turned.inv()
    steady, pulled = (explicit(sp.diag(*row)) for row in (relaxed, mean))
    both = steady.inv() * (pulled + explicit(samples) / (4 * BATCH))
    inner = SEVEN_RELAXED - CRITICAL_RATE * (SEVEN_MEAN + SEVEN_SAMPLES / BATCH)
    return step(
        under=_ALIKE,
        seven_curvatures=list(rates.items()),
        seven_relaxed=(RELAXED_DIAGONAL, sp.ImmutableMatrix([relaxed])),
        seven_mean=(MEAN_DIAGONAL, sp.ImmutableMatrix([mean])),
        seven_samples=(SEVEN_SAMPLES, sp.MatMul(sp.Rational(1, 4), samples, evaluate=False)),
        seven_letters=list(letters.items()),
        seven_critical=(sp.Determinant(inner), 0),
        symbols={
            "both": COMMON_PART,
            "apart": APART_PART,
            "root": sp.sqrt(2),
            "h_both": even,
            "h_turned": odd,
            "h_apart": apart,
            "relaxation": RELAXATION,
            "q_label": LABELS,
            "critical": CRITICAL_RATE,
        },
        checks=(
            vanishes(
                "The matrix [eq:seven-samples] is that of the pulls of samples on the three "
                "pairings of each two parts, which [eq:read-equal] and [eq:read-labels] give.",
                (explicit(samples) / 4, found),
            ),
            vanishes(
                "The inverse of [eq:seven-relaxed] times [eq:seven-mean] and [eq:seven-samples] is "
                "the matrix from which the limits of [step:equal-axes] are taken.",
                (both, turned * inverse_rates(BATCH) * turned.inv()),
            ),
        ),
        assumptions=("Inputs are Gaussian; all axes have equal variances, gains and label noise.",),
    )

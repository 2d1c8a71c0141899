"""Mean-square stability: the equation of the critical rate where axes are shared, or all alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product

import sympy as sp

from symdrift.algebra.matrices import evaluate_matrix
from symdrift.algebra.rational import cancel, is_zero
from symdrift.derivation.chapter import chain, holds, step, vanishes
from symdrift.derivation.premises import Premise
from symdrift.derivation.steps import Method, Step
from symdrift.derivation.symbols import BATCH, GAMMA, INPUTS, symbol
from symdrift.derivation.vocabulary import (
    FIRST_LAYER,
    I_INDEX,
    J_INDEX,
    L_INDEX,
    RESIDUAL,
    SECOND_LAYER,
    SIZE,
    STEP_FIRST,
    STEP_SECOND,
)
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
    EXCESS,
    GROWTH,
    MOMENTS,
    RELAXATION,
    SAMPLED,
    SPREAD_ERROR,
    SPREAD_INPUT,
    VARIANCES,
    pair_read,
)
from symdrift.theory.noise import B, D, O, U

SPLIT, STRAIGHT, CROSSED = sp.symbols("moment_1 moment_2 moment_3", real=True)
NEXT_SPLIT, NEXT_STRAIGHT, NEXT_CROSSED = sp.symbols("next_1 next_2 next_3", real=True)
POWERS = sp.IndexedBase("power")
POWER_VECTOR, MOMENT_VECTOR = (sp.MatrixSymbol(name, SIZE, 1) for name in ("powers", "moments"))
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

QUIET_LIMIT = sp.MatrixSymbol("quiet_limit", 3, 3)
QUIET_SLOPE = sp.MatrixSymbol("quiet_slope", 3, 1)
NOISY_BLOCK = sp.MatrixSymbol("noisy_block", 2, 2)
ERROR_SPREAD, EXCESS_COMMON, EXCESS_APART = (
    sp.MatrixSymbol(f"{name}_alike", INPUTS, INPUTS)
    for name in ("error_spread", "excess_1", "excess_2")
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
    MOMENT_VECTOR: r"\mathcal{V}",
    OWN_BLOCKS: r"\mathcal{B}",
    READ_POWERS: r"\mathcal{G}",
    FED_BACK: r"\mathcal{F}",
    QUIET_LIMIT: r"\mathcal{R}_3 |_{\gamma = 0}",
    QUIET_SLOPE: r"\frac{\partial \mathcal{R}_3}{\partial \gamma}"
    r" (0\, 1\, 0)^{\mathsf{T}}",
    NOISY_BLOCK: r"\mathcal{R}_2",
    RATES[0]: "h_{+}",
    RATES[1]: "h_{-}",
    RATES[2]: r"h_{\perp}",
    LABELS: r"q_{\sigma}",
    STRENGTH: "q",
    ABOVE: "q_{+}",
    BELOW: "q_{-}",
    RELAXED_DIAGONAL: r"\operatorname{diag} \Theta_7",
    MEAN_DIAGONAL: r"\operatorname{diag} \Pi_7",
    ERROR_SPREAD: r"\delta(e x^{\mathsf{T}})",
    EXCESS_COMMON: r"((H_x - H) \delta_t)_{+}",
    EXCESS_APART: r"((H_x - H) \delta_t)_{\perp}",
    COMMON_PART: r"\delta_{+}",
    APART_PART: r"\delta_{\perp}",
    SEVEN_RELAXED: r"\Theta_7",
    SEVEN_MEAN: r"\Pi_7",
    SEVEN_SAMPLES: r"\Pi'_7",
}

MEANINGS = (
    (SPLIT, "coefficient of a pairing in a second moment of equal axes", "scalar"),
    (POWERS[I_INDEX], "power of a deviation, summed over all inputs", "scalar"),
    (OWN_BLOCKS, "growth of second moments within blocks", "matrix"),
    (READ_POWERS, "what reads the powers off the moments", "matrix"),
    (FED_BACK, "what is fed back of the powers", "matrix"),
    (QUIET_LIMIT, "inverse rates of the sum of the layers, equal axes", "3 by 3"),
    (NOISY_BLOCK, "those of their difference", "2 by 2"),
    (COMMON_PART, "sum of the layers of a deviation of equal axes over the root of two", "n by n"),
    (APART_PART, "difference of these layers over the root of two", "n by n"),
    (RATES[0], "curvature of symmetric deviations that both layers share", "scalar"),
    (RATES[1], "curvature of skew ones", "scalar"),
    (RATES[2], "curvature of deviations in which the layers differ", "scalar"),
    (SEVEN_RELAXED, "relaxation of the seven second moments of equal axes", "7 by 7"),
    (SEVEN_MEAN, "their growth by the squared pull of the mean", "7 by 7"),
    (SEVEN_SAMPLES, "their growth by what samples add", "7 by 7"),
    (LABELS, "strength of the label noise", "scalar"),
    (STRENGTH, "strength of residuals and label noise", "scalar"),
    (ABOVE, "this strength, with the curvature", "scalar"),
    (BELOW, "the same with the other sign of the weight decay", "scalar"),
)

_ALIKE = (Premise.GAUSSIAN, Premise.SHARED_AXES, Premise.EQUAL_AXES)


def critical_rate(examples: Examples) -> Iterator[Step]:
    """The equation of the critical rate on shared axes, and for equal ones its matrix."""
    yield _powers_of_axes()
    yield _equal_axes()
    yield _seven_numbers()


def _powers_of_axes() -> Step:
    """The equation of the critical rate

    The sums over all inputs are the powers {power} of [eq:power-of-axis]; with them [eq:read-pair]
    is [eq:read-power], and of other pairs nothing is left in the moments of a pair. There are six
    such powers for each axis, of two of the three matrices at a time, and with label noise one more
    of the variance that a unit has; they are all that joins the blocks. In coordinates in which
    {relaxation} is the identity, let {own} be what a step does within blocks, {read} what reads the
    powers off the moments, and {fed} what is fed back of them, a matrix of variances, weights and
    residuals. What returns a pull to the weights is the transpose of what reads it, as in
    [eq:reach], but for {missed} and {first}, which change places in [eq:read-excess]: the one is
    read from {second} and pulls at {W}, the other is read from {first} and pulls at {U}. This
    exchange is part of {fed}, so that {whole} is all of {growth}. Moments of the eigenvalue {value}
    are then {moments}, and their own powers are {power} again, [eq:powers-again]. No solution is
    missed, as a positive second moment has positive powers. The critical rate is the smallest for
    which there is a solution: one equation for a few numbers by axis. By pair of axes there would
    be ten: six products of the three directions across the orbit between both, and two for each
    axis with itself.
    """
    i, j, l = I_INDEX, J_INDEX, L_INDEX
    variance = sp.IndexedBase(VARIANCES)
    felt = sp.Sum(variance[l] * MOMENTS[i, l, i, l], (l, 1, INPUTS))
    told = variance[j] * (POWERS[i] + variance[j] * MOMENTS[i, j, i, j])
    value = 1 / CRITICAL_RATE
    solved = (value * sp.Identity(SIZE) - OWN_BLOCKS).I
    moments = solved * READ_POWERS.T * FED_BACK * POWER_VECTOR
    entries = _joined_blocks()
    return step(
        under=[Premise.GAUSSIAN, Premise.SHARED_AXES],
        power_of_axis=(POWERS[i], felt),
        read_power=(SAMPLED[i, j, i, j], told),
        powers_again=chain(
            POWER_VECTOR,
            ("by [eq:power-of-axis]", READ_POWERS * MOMENT_VECTOR),
            ("by [eq:critical], solved for the moments", READ_POWERS * moments),
            value=lambda line: evaluate_matrix(line.xreplace({value: _VALUE}), entries),
            method=Method.POINTS,
        ),
        symbols={
            "power": POWERS[i],
            "relaxation": RELAXATION,
            "growth": GROWTH,
            "own": OWN_BLOCKS,
            "read": READ_POWERS,
            "fed": FED_BACK,
            "whole": OWN_BLOCKS + READ_POWERS.T * FED_BACK * READ_POWERS,
            "value": value,
            "moments": moments,
            "missed": STEP_SECOND.T * RESIDUAL,
            "first": STEP_FIRST,
            "second": STEP_SECOND,
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


_VALUE = sp.Rational(3, 2)


def _joined_blocks() -> dict[sp.MatrixExpr, sp.ImmutableMatrix]:
    """Two blocks of two moments and two powers, where a vector of moments has `_VALUE`."""
    read = sp.ImmutableMatrix([[2, 1, 0, -3], [0, 1, 4, 1]])
    fed = sp.ImmutableMatrix([[0, -1], [-1, 1]])
    moments = sp.ImmutableMatrix([1, 2, -1, 3])
    # A symmetric matrix that makes of these moments what is missing.
    missing = _VALUE * moments - read.T * fed * read * moments
    squared = moments.dot(moments)
    own = (missing * moments.T + moments * missing.T) / squared
    own -= missing.dot(moments) * moments * moments.T / squared**2
    return {
        OWN_BLOCKS: sp.ImmutableMatrix(own),
        READ_POWERS: read,
        FED_BACK: fed,
        MOMENT_VECTOR: moments,
        POWER_VECTOR: sp.ImmutableMatrix(read * moments),
        sp.Identity(SIZE): sp.ImmutableMatrix(sp.eye(4)),
    }


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

    Let all {n} axes be alike and learned, with as many inputs as outputs. A rotation or reflection
    of inputs, outputs and hidden layer together then changes nothing, and of the second moment that
    grows fastest, again a positive matrix, the average over all of these is left. It has the three
    coefficients of [eq:pairings-of-axes], one for each way to pair its indices, with Kronecker's
    symbols, and [eq:read-shared] turns them into [eq:read-equal]. The deviation across the orbit is
    any matrix, the sum of both layers, and a symmetric one, their difference: seven numbers in all,
    and the inverse of the critical rate is the largest eigenvalue of a matrix of seven rows. The
    equation for it is [eq:seven-critical].

    Without label noise and without weight decay, its first three rows and columns, those of the
    sum, are [eq:quiet-limit], and the others vanish. Its largest eigenvalue has the left
    eigenvector {left_row} and the right one {right_column}, of which the derivative of the matrix
    by {gamma} makes [eq:quiet-slope]. To first order in {gamma} the inverse of the critical rate
    without label noise is [eq:critical-quiet]: samples disperse the learned map, and the rate times
    {s} times the power {power} of all inputs, over {batch}, must be small. With label noise, weight
    decay can be so small that the difference of the layers disperses first: the inverse rate then
    tends to [eq:critical-labels], and the critical rate to zero with {gamma}. This is the larger
    eigenvalue of [eq:noisy-block], the last two rows and columns at leading order; nothing else in
    the matrix grows as the inverse of {gamma} and feeds back on itself. So far away from balance,
    terms that the linearised dynamics leave out hold the layers together: what ends there is the
    theory, not the training.
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
    row, column = left[:, :3], (slope * right)[:3, :].applyfunc(sp.factor)
    changed = sp.Add(*(a * b for a, b in zip(row, column, strict=True)))
    block = sp.ImmutableMatrix([[0, 2], [2, spread]])
    noisy_rate = labels * variance / (16 * BATCH * GAMMA)
    alike = (Premise.GAUSSIAN, Premise.SHARED_AXES, Premise.EQUAL_AXES)
    return step(
        under={
            **dict.fromkeys(("pairings_of_axes", "read_equal"), alike),
            "quiet_limit": (*alike, Premise.QUIET_LABELS),
            "noisy_block": (*alike, Premise.SMALL_DECAY),
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
        quiet_limit=(QUIET_LIMIT, sp.MatMul(own, _sums_of_batch(limit[:3, :3] / own))),
        quiet_slope=(QUIET_SLOPE, sp.ImmutableMatrix(column)),
        critical_quiet=chain(
            1 / CRITICAL_RATE,
            (
                "the left eigenvector times [eq:quiet-slope], over {overlap}, its product with the "
                "right one",
                largest + GAMMA / INPUTS * changed,
                {1 / CRITICAL_RATE: largest - GAMMA * lowered},
            ),
            ("added up", largest - GAMMA * lowered),
        ),
        noisy_block=(NOISY_BLOCK, sp.MatMul(noisy_rate, block, evaluate=False)),
        critical_labels=(1 / CRITICAL_RATE, steep),
        symbols={
            "power": INPUTS * variance,
            "overlap": INPUTS,
            "left_row": sp.ImmutableMatrix(row),
            "right_column": sp.ImmutableMatrix(right[:3, :].T),
        },
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
                (noisy[5:, 5:], block * noisy_rate * GAMMA),
                sp.expand(noisy_polynomial.subs(unknown, steep * GAMMA)),
                sp.cancel(noisy_polynomial / unknown**5).subs(unknown, 0)
                + (variance * labels / BATCH) ** 2 / 64,
            ),
        ),
        assumptions=("Inputs are Gaussian; all axes have equal variances, gains and label noise.",),
    )


def _sums_of_batch(matrix: sp.MatrixBase) -> sp.ImmutableMatrix:
    """Each entry as a sum of powers of the batch size."""
    return sp.ImmutableMatrix(matrix.applyfunc(lambda entry: sp.collect(sp.expand(entry), BATCH)))


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
    difference over {root}, which is symmetric. The curvatures are {h_both} for the symmetric part
    of {both}, {h_turned} for its skew part, and {h_apart} for {apart}: with [eq:seven-curvatures]
    these are all eigenvalues of the Hessian across the orbit. The seven numbers are, in this order:
    of {both} with itself {V_1}, {V_sum} and {V_difference}; of {both} with {apart} the first and
    the second; of {apart} with itself the first and the second. In the last two cases the third
    equals the second, as {apart} is symmetric. In these numbers {relaxation} is diagonal,
    [eq:seven-relaxed], and so is what the squared pull of the mean adds, [eq:seven-mean].

    In both layers the weights are {one_value}, and [eq:read-excess] becomes [eq:seven-pulls], of
    the second of which the symmetric part counts. With [eq:error-spread], in which the residual is
    {residual}, computer algebra squares these pulls and inserts [eq:pairings-of-axes],
    [eq:read-equal] and [eq:read-labels]. What samples add is thus [eq:seven-samples] over {batch},
    with the abbreviations [eq:seven-letters]; without label noise {q_label} vanishes. By hand one
    follows the first row without weight decay and label noise, when only {bare} is left:
    [eq:seven-first]. The equation [eq:critical] then is [eq:seven-critical], of seventh degree in
    {critical}; the critical rate is its smallest positive root, which is found numerically.
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

    def explicit(shown: sp.MatrixBase, last: Mapping[sp.Symbol, sp.Expr] = rates) -> sp.MatrixBase:
        for name in (ABOVE, BELOW, STRENGTH, LABELS):
            shown = shown.xreplace({name: letters[name]})
        return shown.xreplace(last)

    bare_row = explicit(samples, {LABEL_NOISE: sp.Integer(0), GAMMA: sp.Integer(0)})[0, :]
    pulls = _pulls()
    found = turned * response() * turned.inv()
    steady, pulled = (explicit(sp.diag(*row)) for row in (relaxed, mean))
    both = steady.inv() * (pulled + explicit(samples) / (4 * BATCH))
    inner = SEVEN_RELAXED - CRITICAL_RATE * (SEVEN_MEAN + SEVEN_SAMPLES / BATCH)
    return step(
        under=_ALIKE,
        seven_curvatures=list(rates.items()),
        seven_relaxed=(RELAXED_DIAGONAL, sp.ImmutableMatrix([relaxed])),
        seven_mean=(MEAN_DIAGONAL, sp.ImmutableMatrix([mean])),
        seven_pulls=[(EXCESS_COMMON, pulls[0]), (EXCESS_APART, pulls[1])],
        seven_first=chain(
            NEXT_SPLIT,
            (
                "first row of [eq:seven-samples]",
                bare_row[1] / 4 * (STRAIGHT + CROSSED) + bare_row[2] / 4 * (STRAIGHT - CROSSED),
                {NEXT_SPLIT: 4 * symbol("singular_value") ** 2 * variance**2 * CROSSED, **rates},
            ),
            (
                "by [eq:read-equal], with the square of {factor}",
                4 * symbol("singular_value") ** 2 * variance**2 * CROSSED,
                rates,
            ),
        ),
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
            "V_1": SPLIT,
            "V_sum": STRAIGHT + CROSSED,
            "V_difference": STRAIGHT - CROSSED,
            "one_value": sp.sqrt(symbol("singular_value")) * sp.Identity(INPUTS),
            "residual": GAMMA / variance * sp.Identity(INPUTS),
            "bare": 2 * symbol("singular_value") * COMMON_PART * SPREAD_INPUT,
            "factor": 2 * symbol("singular_value"),
        },
        checks=(
            vanishes(
                "With two axes, [eq:seven-pulls] are sum and difference over {root} of "
                "[eq:read-excess].",
                *_missed_pulls(pulls),
            ),
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


def _pulls() -> tuple[sp.MatrixExpr, sp.MatrixExpr]:
    """What a sample pulls beyond its mean at the sum of both layers and at their difference."""
    second, first = COMMON_PART.T - APART_PART, COMMON_PART.T + APART_PART
    half = sp.Rational(1, 2)
    return (
        2 * symbol("singular_value") * COMMON_PART * SPREAD_INPUT
        - half * (second * ERROR_SPREAD + ERROR_SPREAD * first),
        half * (ERROR_SPREAD * first - second * ERROR_SPREAD),
    )


def _missed_pulls(
    pulls: tuple[sp.MatrixExpr, sp.MatrixExpr],
) -> tuple[sp.ImmutableMatrix, ...]:
    """Sum and difference of the pulls at both layers, for two axes, minus the displayed ones."""

    def free(name: str) -> sp.ImmutableMatrix:
        return sp.ImmutableMatrix(2, 2, sp.symbols(f"{name}_1:5"))

    common, apart = free("p"), free("a")
    layer = sp.ImmutableMatrix(sp.sqrt(symbol("singular_value")) * sp.eye(2))
    apart = sp.ImmutableMatrix(apart + apart.T)
    entries = {
        COMMON_PART: common,
        APART_PART: apart,
        FIRST_LAYER: layer,
        SECOND_LAYER: layer,
        STEP_FIRST: sp.ImmutableMatrix((common + apart) / sp.sqrt(2)),
        STEP_SECOND: sp.ImmutableMatrix((common - apart) / sp.sqrt(2)),
        SPREAD_INPUT: free("x"),
        SPREAD_ERROR: free("e"),
        ERROR_SPREAD: free("e"),
    }
    first, second = (evaluate_matrix(formula, entries) for formula in EXCESS)
    sums = ((first + second) / sp.sqrt(2), (first - second) / sp.sqrt(2))
    return tuple(
        sp.ImmutableMatrix((found - evaluate_matrix(shown, entries)).applyfunc(sp.expand))
        for found, shown in zip(sums, pulls, strict=True)
    )

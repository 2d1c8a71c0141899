"""Mean-square stability: the equation of the critical rate where axes are shared, or all alike."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import sympy as sp
from sympy.matrices.expressions.matexpr import MatrixElement

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
    OUTPUTS,
    RESIDUAL,
    SECOND_LAYER,
    SIZE,
    STEP_FIRST,
    STEP_SECOND,
)
from symdrift.theory.examples import Examples
from symdrift.theory.linear.equal_axes import LABEL_NOISE, Pairings, inverse_rates
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
from symdrift.theory.small_numbers import LABELS

SPLIT, STRAIGHT, CROSSED = sp.symbols("moment_1 moment_2 moment_3", real=True)
NEXT_SPLIT, NEXT_STRAIGHT, NEXT_CROSSED = sp.symbols("next_1 next_2 next_3", real=True)
POWERS = sp.IndexedBase("power")
POWER_VECTOR, MOMENT_VECTOR = (sp.MatrixSymbol(name, SIZE, 1) for name in ("powers", "moments"))
OWN_BLOCKS, READ_POWERS, FED_BACK = (
    sp.MatrixSymbol(name, SIZE, SIZE) for name in ("own_blocks", "read_powers", "fed_back")
)
READING, EXCHANGE, SIX_POWERS, PAIR_MOMENTS, FED = (
    sp.MatrixSymbol(name, 3, 3)
    for name in ("reading", "exchange", "six_powers", "pair_moments", "fed_by_powers")
)
LABEL_POWER, HEARD = sp.symbols("label_power heard", positive=True)
WEIGHTS_READ = (
    MatrixElement(STEP_FIRST, I_INDEX, L_INDEX),
    MatrixElement(STEP_SECOND, I_INDEX, L_INDEX),
    MatrixElement(STEP_SECOND, L_INDEX, I_INDEX),
)

QUIET_LIMIT = sp.MatrixSymbol("quiet_limit", 3, 3)
QUIET_SLOPE = sp.MatrixSymbol("quiet_slope", 3, 1)
NOISY_BLOCK = sp.MatrixSymbol("noisy_block", 2, 2)

LATEX: dict[sp.Basic, str] = {
    SPLIT: r"\mathcal{V}_1",
    STRAIGHT: r"\mathcal{V}_2",
    CROSSED: r"\mathcal{V}_3",
    NEXT_SPLIT: r"\mathcal{V}'_1",
    NEXT_STRAIGHT: r"\mathcal{V}'_2",
    NEXT_CROSSED: r"\mathcal{V}'_3",
    POWERS.label: r"\mathcal{K}",
    POWER_VECTOR: r"\mathcal{K}",
    MOMENT_VECTOR: r"\Psi",
    OWN_BLOCKS: r"\mathcal{B}",
    READ_POWERS: r"\mathcal{G}",
    FED_BACK: r"\mathcal{F}",
    READING: r"\mathcal{G}_{il}",
    EXCHANGE: r"\mathcal{F}_0",
    SIX_POWERS: r"\mathcal{K}_{i}",
    PAIR_MOMENTS: r"\Psi_{il}",
    FED: r"(\Pi \Psi)^{\mathcal{K}}_{il}",
    LABEL_POWER: r"\mathcal{K}^{\sigma}_{i}",
    HEARD: r"\langle (\delta U)_{li}^2 \rangle",
    QUIET_LIMIT: r"\mathcal{R}_3 |_{\gamma = 0}",
    QUIET_SLOPE: r"\frac{\partial \mathcal{R}_3}{\partial \gamma}"
    r" (0\, 1\, 0)^{\mathsf{T}}",
    NOISY_BLOCK: r"\mathcal{R}_2",
}

MEANINGS = (
    (SPLIT, "coefficient of a pairing in a second moment of equal axes", "scalar"),
    (POWERS[I_INDEX], "power of a deviation, summed over all inputs", "scalar"),
    (OWN_BLOCKS, "growth of second moments within blocks", "matrix"),
    (READ_POWERS, "what reads the powers off the moments", "matrix"),
    (FED_BACK, "what is fed back of the powers", "matrix"),
    (READING, "what samples read of three weights", "3 by 3"),
    (EXCHANGE, "exchange of what is read and what is pulled at", "3 by 3"),
    (QUIET_LIMIT, "inverse rates of the sum of the layers, equal axes", "3 by 3"),
    (NOISY_BLOCK, "those of their difference", "2 by 2"),
)


def critical_rate(examples: Examples) -> Iterator[Step]:
    """The equation of the critical rate on shared axes, and its limits for equal ones."""
    yield _powers_of_axes()
    yield _equal_axes()


def _powers_of_axes() -> Step:
    """The equation of the critical rate

    The sums over all inputs are the powers {power} of [eq:power-of-axis]; with them [eq:read-pair]
    is [eq:read-power]. Sums of [eq:read-shared] with two different {o} and {u} vanish, as these
    axes stand an odd number of times. For two of the three matrices at a time there are six powers
    of each axis. To see what they do, take the weights {w_il}, {u_il} and {u_li}, from which the
    entry {i}, {l} of the three matrices is read: the change of the learned map, {missed} and
    {first} are {reading} times these, with [eq:read-rows]. So the six powers, as a symmetric matrix
    {six}, are [eq:power-matrix], with the second moments {pair_moments} of these weights. What
    returns a pull to the weights is the transpose of what reads it, as in [eq:reach], but for
    {missed} and {first}, which in [eq:read-excess] change places and sign, {exchange}: the one is
    read from {second} and pulls at {W}, the other is read from {first} and pulls at {U}. Label
    noise has a power of its own, [eq:label-power]. By [eq:read-power] and [eq:read-labels] powers
    therefore add [eq:fed-power] to the growth of these moments, and nothing else joins the blocks.
    A weight of the second layer stands among those of {i}, {l} and of {l}, {i}, and grows by both;
    for {l} equal to {i} two of the three are one, and their rows and columns are added.
    Of an axis {i} that is not learned there is no hidden unit: {w_il} and {u_li} drop out.

    In coordinates in which {relaxation} is the identity, let {own} be what a step does within
    blocks and {read} what reads all powers off the moments; they are fed back by its transpose and
    a matrix {fed}, which exchanges them as in [eq:fed-power]. Then {whole} is all of {growth}.
    Moments of the eigenvalue {value} are {moments}, and their own powers are {power} again,
    [eq:powers-again]. No solution is missed, as a positive second moment has positive powers. The
    critical rate is the smallest for which there is a solution: one equation for a few numbers by
    axis. By pair of axes there would be ten: six products of the three directions across the orbit
    between both, and four of the two directions of one axis by itself with the two of the other.
    """
    i, j, l = I_INDEX, J_INDEX, L_INDEX
    variance, labels = sp.IndexedBase(VARIANCES), sp.IndexedBase(LABELS)
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
        read_rows=[(READING, _READ), (EXCHANGE, _EXCHANGED)],
        power_matrix=(
            SIX_POWERS,
            sp.Sum(variance[l] * READING * PAIR_MOMENTS * READING.T, (l, 1, INPUTS)),
        ),
        label_power=(LABEL_POWER, sp.Sum(labels[l] ** 2 * HEARD, (l, 1, OUTPUTS))),
        fed_power=(FED, _fed_by_powers()),
        powers_again=chain(
            POWER_VECTOR,
            ("by [eq:power-matrix] and [eq:label-power]", READ_POWERS * MOMENT_VECTOR),
            ("by [eq:critical], solved for the moments", READ_POWERS * moments),
            value=lambda line: evaluate_matrix(line.xreplace({value: _VALUE}), entries),
            method=Method.POINTS,
        ),
        symbols={
            "power": POWERS[i],
            "o": O,
            "u": U,
            "w_il": WEIGHTS_READ[0],
            "u_il": WEIGHTS_READ[1],
            "u_li": WEIGHTS_READ[2],
            "reading": READING,
            "six": SIX_POWERS,
            "pair_moments": PAIR_MOMENTS,
            "exchange": EXCHANGE,
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
            vanishes(
                "With three axes, and moments in which an axis stands an even number of times, the "
                "covariance of [eq:read-excess] at the weights of two axes is [eq:fed-power] of "
                "either, but for moments of these two axes.",
                *_moments_beside(),
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


_MISSED = symbol("residual_map", "l")
_READ = sp.ImmutableMatrix([
    [sp.sqrt(symbol("singular_value", "i")), sp.sqrt(symbol("singular_value", "l")), 0],
    [0, 0, _MISSED],
    [1, 0, 0],
])  # fmt: skip
_EXCHANGED = sp.ImmutableMatrix([[1, 0, 0], [0, 0, -1], [0, -1, 0]])


def _fed_by_powers() -> sp.MatrixExpr:
    """What the powers of an axis add to the growth of the moments of three weights."""
    variance, labels = (sp.IndexedBase(base)[L_INDEX] for base in (VARIANCES, LABELS))
    heard = sp.ImmutableMatrix.diag(
        variance * LABEL_POWER, 0, labels**2 * MatrixElement(SIX_POWERS, 2, 2)
    )
    return (variance / BATCH) * READING.T * EXCHANGE * SIX_POWERS * EXCHANGE * READING + sp.MatMul(
        1 / BATCH, heard, evaluate=False
    )


def _moments_beside() -> Iterator[sp.Expr]:
    """What moments of a third axis have left in the covariance of the pulls at two axes.

    What the displayed powers of both axes feed back is taken away.
    """
    axes = range(3)
    roots, missed, variances, loud = (
        sp.symbols(f"{name}_1:4", positive=True) for name in ("r", "E", "lambda", "sigma")
    )
    w, u, x, n = (
        sp.ImmutableMatrix(3, 3, lambda a, b, name=name: sp.Symbol(f"{name}_{a}{b}"))
        for name in "wuxn"
    )
    layer, residual = sp.ImmutableMatrix.diag(*roots), sp.ImmutableMatrix.diag(*missed)
    entries: dict[sp.Basic, sp.ImmutableMatrix] = {
        **dict(zip((FIRST_LAYER, SECOND_LAYER), (layer, layer), strict=True)),
        **dict(zip((STEP_FIRST, STEP_SECOND), (w, u), strict=True)),
        SPREAD_INPUT: x,
        SPREAD_ERROR: residual * x + n,
    }
    first, second = (evaluate_matrix(formula, entries) for formula in EXCESS)

    def covariance(left: sp.Expr, right: sp.Expr) -> sp.Expr:
        """For Gaussian inputs and label noise; both are linear in a sample."""
        total = sp.Integer(0)
        for a, b in product(axes, repeat=2):
            moved = left.diff(x[a, b]) * (right.diff(x[a, b]) + right.diff(x[b, a]))
            heard = left.diff(n[a, b]) * right.diff(n[a, b])
            total += variances[b] * (variances[a] * moved + loud[a] ** 2 * heard)
        return total

    def fed(i: int, l: int) -> sp.MatrixBase:
        """The displayed feedback, for one deviation."""

        def reading(c: int) -> sp.ImmutableMatrix:
            own = {symbol("singular_value", "i"): roots[i] ** 2, _MISSED: missed[c]}
            return _READ.xreplace(own | {symbol("singular_value", "l"): roots[c] ** 2})

        rows = [reading(c) * sp.Matrix([w[i, c], u[i, c], u[c, i]]) for c in axes]
        powers = sum((v * row * row.T for v, row in zip(variances, rows, strict=True)), sp.zeros(3))
        formula = _fed_by_powers().xreplace({
            sp.IndexedBase(VARIANCES)[L_INDEX]: variances[l],
            sp.IndexedBase(LABELS)[L_INDEX]: loud[l],
            LABEL_POWER: sp.Add(*(loud[c] ** 2 * u[c, i] ** 2 for c in axes)),
            MatrixElement(SIX_POWERS, 2, 2): powers[2, 2],
            BATCH: sp.Integer(1),
        })  # fmt: skip
        known = {READING: reading(l), EXCHANGE: _EXCHANGED, SIX_POWERS: sp.ImmutableMatrix(powers)}
        return evaluate_matrix(formula, known)

    # The weights w_01, u_01, u_10 and w_10; the first three belong to axis 0, the last to axis 1.
    pulls = [first[0, 1], second[0, 1], second[1, 0], first[1, 0]]
    left = sp.Matrix(4, 4, lambda a, b: covariance(pulls[a], pulls[b]))
    left[:3, :3] -= fed(0, 1)
    for (a, row), (b, column) in product(enumerate((3, 2, 1)), repeat=2):
        left[row, column] -= fed(1, 0)[a, b]
    weights = (*w, *u)

    def beside(powers: tuple[int, ...]) -> bool:
        used = "".join(str(v)[2:] * k for v, k in zip(weights, powers, strict=True))
        return "2" in used and all(used.count(str(k)) % 2 == 0 for k in axes)

    for entry in left:
        kept = {k: c for k, c in sp.Poly(sp.expand(entry), *weights).terms() if beside(k)}
        yield sp.Poly(kept or {(0,) * len(weights): 0}, *weights).as_expr()


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
    any matrix, the sum of both layers, and a symmetric one, their difference: seven numbers in all
    are left of its second moment. The inverse of the critical rate is the largest eigenvalue of a
    matrix of seven rows, that of relaxation turned around times that of growth.
    [step:seven-numbers] derives it.

    Without label noise and without weight decay this matrix is [eq:quiet-limit] on the three
    coefficients {V_1}, {V_2} and {V_3} of the sum, and vanishes beside. Its largest eigenvalue has
    the left eigenvector {left_row} and the right one {right_column}, of which the derivative of the
    matrix by {gamma}, at fixed singular value, makes [eq:quiet-slope]. To first order in {gamma}
    the inverse of the critical rate without label noise is [eq:critical-quiet]: samples disperse
    the learned map, and the rate times {s} times the power {power} of all inputs, over {batch},
    must be small. With label noise, weight decay can be so small that the difference of the layers
    disperses first: the inverse rate then tends to [eq:critical-labels], and the critical rate to
    zero with {gamma}. This is the larger eigenvalue of [eq:noisy-block], the last two rows and
    columns at leading order; nothing else in the matrix grows as the inverse of {gamma} and feeds
    back on itself. So far away from balance, terms that the linearised dynamics leave out hold the
    layers together: what ends there is the theory, not the training.
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
        quiet_slope=(
            QUIET_SLOPE,
            sp.MatMul(-1 / (2 * BATCH), sp.ImmutableMatrix(-2 * BATCH * column), evaluate=False),
        ),
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
            "V_1": SPLIT,
            "V_2": STRAIGHT,
            "V_3": CROSSED,
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
                "decay, the eigenvalue that begins [eq:critical-quiet], two smaller ones, and "
                "zero.",
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

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
    ERROR,
    FIRST_LAYER,
    I_INDEX,
    INPUT,
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
from symdrift.theory.linear.equal_axes import (
    LABEL_NOISE,
    inverse_rates,
    squares_of_heard,
    traces_over_sums,
)
from symdrift.theory.linear.second_moments import SEEN
from symdrift.theory.mean_square import (
    CRITICAL_RATE,
    EXCESS,
    GROWN,
    GROWTH,
    MOMENTS,
    RELAXATION,
    RELAXED,
    SAMPLED,
    SECOND_MOMENT,
    SPREAD_ERROR,
    SPREAD_INPUT,
    VARIANCES,
    pair_read,
)
from symdrift.theory.small_numbers import LABELS

SPLIT, STRAIGHT, CROSSED = sp.symbols("moment_1 moment_2 moment_3", real=True)
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

COMMON_PART, APART_PART, SEEN_TOGETHER, SEEN_APART = (
    sp.MatrixSymbol(name, INPUTS, INPUTS)
    for name in ("part_common", "part_apart", "seen_together", "seen_apart")
)
LABELLED = sp.MatrixSymbol("epsilon", INPUTS, 1)
HEARD_PARTS = LABELLED * INPUT.T + INPUT * LABELLED.T
TRACE, TRACE_OF_MEAN, TRACE_OF_SAMPLE, HEARD_TRACE, HEARD_ENTRIES = sp.symbols(
    "trace trace_of_mean trace_of_sample heard_trace heard_entries", positive=True
)

LATEX: dict[sp.Basic, str] = {
    SPLIT: r"\mathcal{V}_1",
    STRAIGHT: r"\mathcal{V}_2",
    CROSSED: r"\mathcal{V}_3",
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
    COMMON_PART: r"\delta_{+}",
    APART_PART: r"\delta_{\perp}",
    SEEN_TOGETHER: r"(H_x \delta_{+})_{+}",
    SEEN_APART: r"(H_x \delta_{\perp})_{\perp}",
    LABELLED: r"\varepsilon",
    TRACE: r"\operatorname{tr}_{+}(H)",
    TRACE_OF_MEAN: r"\operatorname{tr}_{+}(H^2)",
    TRACE_OF_SAMPLE: r"\mathbb{E}[\operatorname{tr}_{+}(H_x^2)]",
    HEARD_TRACE: r"\mathbb{E}[\operatorname{tr}((H_x \delta_{\perp})_{\perp})^2]",
    HEARD_ENTRIES: r"\mathbb{E}[\lVert (H_x \delta_{\perp})_{\perp} \rVert^2]",
}

MEANINGS = (
    (SPLIT, "coefficient of a pairing in a second moment of equal axes", "scalar"),
    (OWN_BLOCKS, "growth of second moments within blocks", "matrix"),
    (READ_POWERS, "what reads the powers off the moments", "matrix"),
    (FED_BACK, "what is fed back of the powers", "matrix"),
    (POWER_VECTOR, "all powers as a column", "vector"),
    (SIX_POWERS, "powers of an axis, summed over inputs; a power is an entry", "3 by 3"),
    (LABEL_POWER, "power of the label noise", "scalar"),
    (READING, "what samples read of three weights", "3 by 3"),
    (PAIR_MOMENTS, "second moments of three weights", "3 by 3"),
    (FED, "what the powers add to their growth", "3 by 3"),
    (EXCHANGE, "exchange of what is read and what is pulled at", "3 by 3"),
    (COMMON_PART, "sum of the layers of a deviation, over the root of two", "n by n"),
    (APART_PART, "their difference over the root of two", "n by n"),
    (TRACE, "trace over all sums of the layers", "scalar"),
)


def critical_rate(examples: Examples) -> Iterator[Step]:
    """The equation of the critical rate on shared axes, and its limits for equal ones."""
    yield _powers_of_axes()
    yield _equal_axes()


def _powers_of_axes() -> Step:
    """The equation of the critical rate

    The sums over all inputs are the powers {power} of [eq:power-of-axis]; with them [eq:read-pair]
    is [eq:read-power]. Sums of [eq:read-shared] with two different {i} and {j} vanish, as these
    axes stand an odd number of times. For two of the three matrices at a time there are six powers
    of each axis. To see what they do, take the weights {w_il}, {u_il} and {u_li}, from which the
    entry {i}, {l} of the three matrices is read: the change of the learned map, {missed} and
    {first} are {reading} times these, with [eq:read-rows]. So the symmetric matrix {six} of the six
    powers is [eq:power-matrix], with the second moments {pair_moments}. What returns a pull to the
    weights is the transpose of what reads it, as in [eq:reach], but for {missed} and {first}, which
    in [eq:read-excess] change places and sign, {exchange}: the one is read from {second} and pulls
    at {W}, the other is read from {first} and pulls at {U}. Label noise has a power of its own,
    [eq:label-power]. By [eq:read-power] and [eq:read-labels] powers therefore add [eq:fed-power] to
    the growth of these moments, and nothing else joins the blocks. A weight of the second layer
    stands among those of {i}, {l} and of {l}, {i}, and grows by both; for {l} equal to {i} two of
    the three are the same, and their rows and columns are added. Of an axis {i} that is not learned
    there is no hidden unit: {w_il} and {u_li} drop out, and {u_il} of an {l} that is not.

    In coordinates across the orbit in which {relaxation} is the identity, let {own} be what
    {growth} does within blocks and {read} what reads all powers off the moments; they are fed back
    by its transpose, meant for the trace of products, in which {six} counts as a whole matrix, and
    by a matrix {fed}. By [eq:fed-power] this puts, over {batch}, {exchanged} with {label_power}
    added to its last diagonal entry in the place of {six}, and the last diagonal entry of {six} in
    the place of {label_power}. Then {whole} is all of {growth}. Moments of the eigenvalue {value}
    are {moments}, and their own powers are the same again, [eq:powers-again]. Unless {value} is an
    eigenvalue of {own}, no solution is missed and none is added: as the identity less a product has
    the same determinant with the factors exchanged, {det_own} times {det_loop} is the
    characteristic polynomial of {whole}. The critical rate is the smallest for which there is a
    solution: one equation for seven numbers by axis, six powers and that of the label noise.
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
            "w_il": WEIGHTS_READ[0],
            "u_il": WEIGHTS_READ[1],
            "u_li": WEIGHTS_READ[2],
            "reading": READING,
            "six": SIX_POWERS,
            "pair_moments": PAIR_MOMENTS,
            "exchange": EXCHANGE,
            "exchanged": EXCHANGE * SIX_POWERS * EXCHANGE,
            "label_power": LABEL_POWER,
            "batch": BATCH,
            "det_own": sp.Determinant(value * sp.Identity(SIZE) - OWN_BLOCKS),
            "det_loop": sp.Determinant(
                sp.Identity(SIZE) - READ_POWERS * solved * READ_POWERS.T * FED_BACK
            ),
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

    Let all {n} axes be alike and learned, with as many inputs as outputs: both layers are the root
    of {s} times the identity. A rotation or reflection of inputs, outputs and hidden layer together
    then changes nothing, and the second moment that grows fastest, a positive matrix, can be
    replaced by its average over these. The deviation across the orbit is any matrix {both}, the sum
    of the two layers over {root}, and a symmetric one {apart}, the first layer less the second over
    {root}. Seven numbers are left of its second moment, and [step:seven-numbers] derives the matrix
    of seven rows of which the inverse of the critical rate is the largest eigenvalue. Two limits
    need only traces.

    Without label noise the error of a sample at the minimum is {missed}, and what the sample makes
    of {both} has by [eq:sample-hessian] the part [eq:alike-pull] along {both}. Without weight decay
    only the first term is left, and applied twice it is on average a multiple of {both}, by
    [eq:moments]. So entries of {both} that are uncorrelated and of equal variance solve
    [eq:critical], and grow fastest: solutions of different rates are orthogonal, and no positive
    matrix on {both} is orthogonal to a multiple of the identity. There the quotient of {growth} and
    {decay} is stationary, so that they give it to first order in {gamma} too: second moments of
    {apart} relax at first order only, but {growth} joins them to others at second. Over all {both}
    the pull [eq:alike-pull] then has the traces [eq:alike-traces]: with symmetric factors on both
    sides of {both} a map has the product of their traces for its trace, and around the transpose
    the trace of their product; {fourth} has by [eq:moments] the mean {fourth_mean}. With these the
    quotient is [eq:critical-quiet], for {gamma} small against {s} times the power {power} of all
    inputs, over {batch}: samples disperse the learned map. In larger batches the largest curvature
    decides, [step:discrete-steps].

    With label noise, weight decay can be so small that the difference of the layers disperses
    first, since second moments of {apart} relax by {slow} only, and no others slow down. Label
    noise makes of {apart} the part [eq:heard-pull] along {apart}. Since {heard_twice} has the mean
    {twice_mean}, and {heard_around} the mean {around_mean}, by [eq:heard-pull] squares then have
    the means [eq:heard-squares], which make of the squared trace and the sum of squared entries a
    matrix of two rows: its larger eigenvalue, over {slow} and {batch}, is the limit
    [eq:critical-labels]. The critical rate tends to zero with {gamma}. Beyond it training goes on
    as long as what the linearised dynamics leave out holds the layers together.
    """
    variance, value, labels = symbol("input_variance"), symbol("singular_value"), LABEL_NOISE**2
    quiet_matrix = inverse_rates(BATCH)
    none = {GAMMA: sp.Integer(0)}
    noisy = (GAMMA * quiet_matrix).applyfunc(cancel).xreplace(none)
    quiet_matrix = quiet_matrix.xreplace({LABEL_NOISE: sp.Integer(0)}).applyfunc(cancel)
    limit, slope = quiet_matrix.xreplace(none), quiet_matrix.diff(GAMMA).xreplace(none)
    own, heard, n = value * variance, labels * variance, INPUTS
    largest = own * (1 + (n + 1) / BATCH)
    lowered = ((n + 1) ** 2 - BATCH * (n - 1)) / (2 * BATCH * n)
    left, right = sp.Matrix([[1, n, 1, 0, 0, 0, 0]]), sp.eye(7)[:, 1]
    unknown = sp.Symbol("largest")
    polynomial, noisy_polynomial = (matrix.charpoly(unknown).as_expr() for matrix in (limit, noisy))
    steep = heard * (n + 2 + sp.sqrt((n + 2) ** 2 + 16)) / (32 * BATCH * GAMMA)
    traces = {
        TRACE: 2 * n**2 * own + n * (n - 1) * GAMMA,
        TRACE_OF_MEAN: 2 * n * (n + 1) * own**2 + 2 * n * (n - 1) * (own + GAMMA) ** 2,
        TRACE_OF_SAMPLE: 4 * n**2 * (n + 2) * own**2
        - 8 * n * GAMMA * own
        + GAMMA**2 * n * (n**2 + 5 * n - 2) / 2,
    }
    quotient = (TRACE_OF_MEAN + (TRACE_OF_SAMPLE - TRACE_OF_MEAN) / BATCH) / (2 * TRACE)
    squares = (
        heard * sp.Trace(APART_PART * APART_PART),
        heard / 4 * ((n + 2) * sp.Trace(APART_PART * APART_PART) + sp.Trace(APART_PART) ** 2),
    )
    of_squares = heard * sp.Matrix([[0, 1], [sp.Rational(1, 4), (n + 2) / 4]])
    alike = (Premise.GAUSSIAN, Premise.SHARED_AXES, Premise.EQUAL_AXES)

    def to_first_order(line: sp.Expr) -> sp.Expr:
        explicit = line.xreplace(traces)
        return explicit.xreplace(none) + GAMMA * explicit.diff(GAMMA).xreplace(none)

    return step(
        under={
            **dict.fromkeys(("alike_pull", "alike_traces"), (*alike, Premise.QUIET_LABELS)),
            "critical_quiet": (*alike, Premise.SMALL_DECAY, Premise.QUIET_LABELS),
            **dict.fromkeys(
                ("heard_pull", "heard_squares", "critical_labels"), (*alike, Premise.SMALL_DECAY)
            ),
        },
        alike_pull=(SEEN_TOGETHER, _seen_together()),
        alike_traces=list(traces.items()),
        critical_quiet=chain(
            1 / CRITICAL_RATE,
            (
                "the quotient, where entries of {both} are uncorrelated and of equal variance",
                quotient,
                {1 / CRITICAL_RATE: largest - GAMMA * lowered},
            ),
            ("[eq:alike-traces], to first order in {gamma}", largest - GAMMA * lowered),
            value=to_first_order,
            method=Method.ORDER,
        ),
        heard_pull=(SEEN_APART, _seen_apart()),
        heard_squares=list(zip((HEARD_TRACE, HEARD_ENTRIES), squares, strict=True)),
        critical_labels=(1 / CRITICAL_RATE, steep),
        symbols={
            "both": COMMON_PART,
            "apart": APART_PART,
            "root": sp.sqrt(2),
            "missed": GAMMA / variance * INPUT,
            "growth": sp.Trace(SECOND_MOMENT * GROWN),
            "decay": sp.Trace(SECOND_MOMENT * RELAXED),
            "power": n * variance,
            "slow": 4 * GAMMA,
            "fourth": sp.Trace(INPUT * INPUT.T) ** 2,
            "fourth_mean": n * (n + 2) * variance**2,
            "heard_twice": HEARD_PARTS**2,
            "twice_mean": 2 * (n + 1) * heard * sp.Identity(n),
            "heard_around": sp.MatMul(HEARD_PARTS, APART_PART, HEARD_PARTS),
            "around_mean": 2 * heard * (APART_PART + sp.Trace(APART_PART) * sp.Identity(n)),
        },
        checks=(
            vanishes(
                "With two axes, [eq:alike-pull] and [eq:heard-pull] are sum and difference over "
                "{root} of [eq:sample-hessian], symmetric as far as the difference is.",
                *_missed_parts(),
            ),
            vanishes(
                "With one axis, two, three and four, the map [eq:alike-pull] and its mean have the "
                "traces [eq:alike-traces], and the part of label noise has the mean squares "
                "[eq:heard-squares].",
                *(
                    sp.expand(shown.subs(INPUTS, axes) - explicit)
                    for axes in (1, 2, 3, 4)
                    for shown, explicit in zip(
                        (*traces.values(), *(_on_axes(shown, axes) for shown in squares)),
                        (*traces_over_sums(axes), *squares_of_heard(_apart(axes))),
                        strict=True,
                    )
                ),
            ),
            vanishes(
                "Without label noise the matrix of seven rows has, in the limit of no weight "
                "decay, the eigenvalue that begins [eq:critical-quiet], two smaller ones, and "
                "zero.",
                (
                    polynomial,
                    unknown**4 * (unknown - largest) * ((unknown - own) ** 2 - (own / BATCH) ** 2),
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
                "[eq:critical-labels] in that limit, as [eq:heard-squares] over relaxation and "
                "batch has; of the others one is negative, and the rest vanish.",
                (of_squares / (4 * GAMMA * BATCH)).charpoly(unknown).as_expr().subs(unknown, steep),
                sp.expand(noisy_polynomial.subs(unknown, steep * GAMMA)),
                sp.cancel(noisy_polynomial / unknown**5).subs(unknown, 0)
                + (variance * labels / BATCH) ** 2 / 64,
            ),
        ),
        assumptions=("Inputs are Gaussian; all axes have equal variances, gains and label noise.",),
    )


def _seen_together() -> sp.MatrixExpr:
    """What a sample without label noise makes of the sum of both layers, along this sum."""
    squared = INPUT * INPUT.T
    turned = COMMON_PART.T * squared + squared * COMMON_PART.T
    pulled = 2 * symbol("singular_value") * COMMON_PART * squared
    return pulled - GAMMA / (2 * symbol("input_variance")) * turned + GAMMA * COMMON_PART


def _seen_apart() -> sp.MatrixExpr:
    """What label noise makes of the difference of the layers, along this difference."""
    return (APART_PART * HEARD_PARTS + HEARD_PARTS * APART_PART) / 4


def _missed_parts() -> Iterator[sp.ImmutableMatrix]:
    """Sum and difference of what a sample makes of both layers, minus the displayed parts."""
    common, apart = (
        sp.ImmutableMatrix(2, 2, sp.symbols(f"{name}_1:5")) for name in ("common", "apart")
    )
    apart = sp.ImmutableMatrix(apart + apart.T)
    sample, noise = (sp.ImmutableMatrix(sp.symbols(f"{name}_1:3")) for name in ("x", "epsilon"))
    layer = sp.ImmutableMatrix(sp.sqrt(symbol("singular_value")) * sp.eye(2))
    known: dict[sp.Basic, sp.ImmutableMatrix] = {
        FIRST_LAYER: layer,
        SECOND_LAYER: layer,
        COMMON_PART: common,
        APART_PART: apart,
        INPUT: sample,
        LABELLED: noise,
    }

    def seen(first: sp.MatrixBase, second: sp.MatrixBase, error: sp.MatrixBase) -> list[sp.Matrix]:
        steps = dict(zip((STEP_FIRST, STEP_SECOND, ERROR), (first, second, error), strict=True))
        images = (evaluate_matrix(formula, known | steps) for formula in SEEN)
        return [sp.Matrix(image) for image in images]

    half = 1 / sp.sqrt(2)
    missed = GAMMA / symbol("input_variance") * sample
    upper, lower = seen(half * common, half * common, missed)
    together = evaluate_matrix(_seen_together(), known)
    yield sp.ImmutableMatrix((half * (upper + lower) - together).applyfunc(sp.expand))
    upper, lower = seen(half * apart, -half * apart, noise)
    difference = half * (upper - lower) - GAMMA * apart
    symmetric = (difference + difference.T) / 2 - evaluate_matrix(_seen_apart(), known)
    yield sp.ImmutableMatrix(symmetric.applyfunc(sp.expand))


def _apart(axes: int) -> sp.ImmutableMatrix:
    """A symmetric difference of the layers."""
    return sp.ImmutableMatrix(axes, axes, lambda a, b: sp.Symbol(f"d_{min(a, b)}{max(a, b)}"))


def _on_axes(shown: sp.Expr, axes: int) -> sp.Expr:
    """A displayed mean square, for that difference."""
    return evaluate_matrix(shown, {APART_PART: _apart(axes)})

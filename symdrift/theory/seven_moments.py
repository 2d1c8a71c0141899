"""Mean-square stability: the seven second moments of a deviation of equal axes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product

import sympy as sp

from symdrift.algebra.matrices import evaluate_matrix
from symdrift.derivation.chapter import step, vanishes
from symdrift.derivation.premises import Premise
from symdrift.derivation.steps import Step
from symdrift.derivation.symbols import BATCH, GAMMA, INPUTS, symbol
from symdrift.derivation.vocabulary import (
    FIRST_LAYER,
    I_INDEX,
    J_INDEX,
    SECOND_LAYER,
    STEP_FIRST,
    STEP_SECOND,
)
from symdrift.theory.critical_rate import APART_PART, COMMON_PART, CROSSED, SPLIT, STRAIGHT
from symdrift.theory.examples import Examples
from symdrift.theory.linear.equal_axes import (
    LABEL_NOISE,
    VALUE,
    VARIANCE,
    Pairings,
    curvatures,
    inverse_rates,
    response,
)
from symdrift.theory.mean_square import (
    CRITICAL_RATE,
    EXCESS,
    MOMENTS,
    RELAXATION,
    SPREAD_ERROR,
    SPREAD_INPUT,
)
from symdrift.theory.noise import B, D

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
ERROR_SPREAD, EXCESS_COMMON, EXCESS_APART = (
    sp.MatrixSymbol(f"{name}_alike", INPUTS, INPUTS)
    for name in ("error_spread", "excess_1", "excess_2")
)
NEXT_SPLIT, NEXT_STRAIGHT, NEXT_CROSSED = sp.symbols("next_1 next_2 next_3", real=True)
SAME_SIDE, OTHER_SIDE, SAME_ERRORS, OTHER_ERRORS = (
    sp.MatrixSymbol(f"growth_{name}", 3, 3)
    for name in ("same", "other", "same_errors", "other_errors")
)
"""What two products make of the three coefficients of the deviations beside them."""
COLUMNS, NEXT_COLUMNS = (
    {parts: sp.MatrixSymbol(f"{name}_{parts}", 3, 1) for parts in ("++", r"+\perp", r"\perp\perp")}
    for name in ("column", "next_column")
)
TURNED_COLUMN = sp.MatrixSymbol("column_turned", 3, 1)

LATEX: dict[sp.Basic, str] = {
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
    NEXT_SPLIT: r"\mathcal{V}'_1",
    NEXT_STRAIGHT: r"\mathcal{V}'_2",
    NEXT_CROSSED: r"\mathcal{V}'_3",
    SEVEN_RELAXED: r"\Theta_7",
    SEVEN_MEAN: r"\Pi_7",
    SEVEN_SAMPLES: r"\Pi'_7",
    SAME_SIDE: r"\Pi_{\mathrm{s}}",
    OTHER_SIDE: r"\Pi_{\mathrm{o}}",
    SAME_ERRORS: r"\Pi^{e}_{\mathrm{s}}",
    OTHER_ERRORS: r"\Pi^{e}_{\mathrm{o}}",
    **{item: rf"\mathcal{{V}}_{{{parts}}}" for parts, item in COLUMNS.items()},
    **{item: rf"\mathcal{{V}}'_{{{parts}}}" for parts, item in NEXT_COLUMNS.items()},
    TURNED_COLUMN: r"\bar{\mathcal{V}}_{++}",
}

MEANINGS = (
    (SAME_SIDE, "growth by products that stand on the same side of both deviations", "3 by 3"),
    (SAME_ERRORS, "the same for error times input", "3 by 3"),
    (OTHER_SIDE, "growth by products on opposite sides of the two deviations", "3 by 3"),
    (OTHER_ERRORS, "the same for error times input", "3 by 3"),
    (COLUMNS["++"], "coefficients of the pairings as a column", "3"),
    (TURNED_COLUMN, "this column with the last two exchanged", "3"),
    (COLUMNS[r"+\perp"], "the same column for sum and difference of the layers", "3"),
    (COLUMNS[r"\perp\perp"], "that for their difference with itself", "3"),
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


def seven_moments(examples: Examples) -> Iterator[Step]:
    """The matrix whose largest eigenvalue is the inverse of the critical rate of equal axes."""
    yield _seven_numbers()


def _seven_numbers() -> Step:
    """The matrix of seven rows

    A second moment that no rotation or reflection changes has the three coefficients of
    [eq:pairings-of-axes], one for each way to pair its indices, with Kronecker's symbols, and
    [eq:read-shared] turns them into [eq:read-equal]. A deviation of equal axes is {both}, the sum
    of the two layers over {root}, and {apart}, the first layer less the second over {root}, which
    is symmetric. The curvatures are {h_both} for the symmetric part
    of {both}, {h_turned} for its skew part, and {h_apart} for {apart}: with [eq:seven-curvatures]
    these are all eigenvalues of the Hessian across the orbit. Let {plain}, {mixed} and {alone} be
    the columns of the three coefficients of [eq:pairings-of-axes]: of {both} with itself, of {both}
    with {apart}, and of {apart} with itself. In the last two the third equals the second, as
    {apart} is symmetric. The seven numbers are, in this order: {V_1}, {V_sum} and {V_difference} of
    the first, and the first two of each of the others. In these numbers {relaxation} is diagonal,
    [eq:seven-relaxed], and so is what the squared pull of the mean adds, [eq:seven-mean].

    In both layers the weights are {one_value}, and [eq:read-excess] becomes [eq:seven-pulls]. In
    the mean product of two such terms, {spread} stands on the same side of both deviations, or on
    opposite sides. On the same side [eq:read-equal] says what it makes of the coefficients, on the
    left as on the right, since transposing both deviations changes none of them; on opposite sides
    the same sums over pairings give {other_side}, [eq:seven-sides]. Two factors {error_spread}, by
    [eq:error-spread] with the residual {residual}, make [eq:seven-errors], in which the matrices of
    the label noise are [eq:read-labels] summed over pairings. One factor of each kind makes
    {times_error} times [eq:seven-sides]. Transposing one of two deviations exchanges the second
    coefficient and the third: {turned} is {plain} with these exchanged. With this the pulls
    [eq:seven-pulls], multiplied out, give [eq:seven-plain] to [eq:seven-alone], of the last two of
    which the symmetric part counts, the mean of the second and third coefficient. In the seven
    numbers, what samples add is thus [eq:seven-samples] over {batch}, with the abbreviations
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
        for name in (ABOVE, BELOW, STRENGTH, LABELS):
            shown = shown.xreplace({name: letters[name]})
        return shown.xreplace(rates)

    pulls, squares = _pulls(), _squares()
    steady, pulled = (explicit(sp.diag(*row)) for row in (relaxed, mean))
    both = steady.inv() * (pulled + explicit(samples) / (4 * BATCH))
    inner = SEVEN_RELAXED - CRITICAL_RATE * (SEVEN_MEAN + SEVEN_SAMPLES / BATCH)
    return step(
        under=_ALIKE,
        pairings_of_axes=(
            MOMENTS[I_INDEX, B, J_INDEX, D],
            SPLIT * sp.KroneckerDelta(I_INDEX, B) * sp.KroneckerDelta(J_INDEX, D)
            + STRAIGHT * sp.KroneckerDelta(I_INDEX, J_INDEX) * sp.KroneckerDelta(B, D)
            + CROSSED * sp.KroneckerDelta(I_INDEX, D) * sp.KroneckerDelta(B, J_INDEX),
        ),
        read_equal=[
            (NEXT_SPLIT, variance**2 * CROSSED),
            (NEXT_STRAIGHT, variance**2 * (SPLIT + (INPUTS + 1) * STRAIGHT + CROSSED)),
            (NEXT_CROSSED, variance**2 * SPLIT),
        ],
        seven_curvatures=list(rates.items()),
        seven_relaxed=(RELAXED_DIAGONAL, sp.ImmutableMatrix([relaxed])),
        seven_mean=(MEAN_DIAGONAL, sp.ImmutableMatrix([mean])),
        seven_pulls=[(EXCESS_COMMON, pulls[0]), (EXCESS_APART, pulls[1])],
        seven_sides=[
            (SAME_SIDE, sp.MatMul(variance**2, _SAME, evaluate=False)),
            (OTHER_SIDE, sp.MatMul(variance**2, _OTHER, evaluate=False)),
        ],
        seven_errors=[
            (
                errors,
                (GAMMA / variance) ** 2 * sides + sp.MatMul(noise, labels, evaluate=False),
            )
            for errors, sides, labels in (
                (SAME_ERRORS, SAME_SIDE, _SAME_LABELS),
                (OTHER_ERRORS, OTHER_SIDE, _OTHER_LABELS),
            )
        ],
        seven_plain=(NEXT_COLUMNS["++"], squares[0]),
        seven_mixed=(NEXT_COLUMNS[r"+\perp"], squares[1]),
        seven_alone=(NEXT_COLUMNS[r"\perp\perp"], squares[2]),
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
            "spread": SPREAD_INPUT,
            "error_spread": ERROR_SPREAD,
            "times_error": GAMMA / variance,
            "other_side": OTHER_SIDE,
            "plain": COLUMNS["++"],
            "mixed": COLUMNS[r"+\perp"],
            "alone": COLUMNS[r"\perp\perp"],
            "turned": TURNED_COLUMN,
        },
        checks=(
            vanishes(
                "Summing the pairings with the fourth moments of Gaussian inputs gives "
                "[eq:read-equal], entry by entry, with two axes and with three.",
                *(_missed_pairings(axes) for axes in (2, 3)),
            ),
            vanishes(
                "With two axes, [eq:seven-pulls] are sum and difference over {root} of "
                "[eq:read-excess].",
                *_missed_pulls(pulls),
            ),
            vanishes(
                "Summing the pairings with the moments of Gaussian inputs and of label noise gives "
                "the matrices of [eq:seven-sides] and [eq:seven-errors], entry by entry, with two "
                "axes and with three.",
                *(missed for axes in (2, 3) for missed in _missed_sides(axes)),
            ),
            vanishes(
                "In the seven numbers [eq:seven-plain] to [eq:seven-alone] are [eq:seven-samples].",
                (explicit(samples) / 4, turned * _on_seven(squares) * turned.inv()),
            ),
            vanishes(
                "So is what the pulls at both layers give, without their sum and difference.",
                (explicit(samples) / 4, turned * response() * turned.inv()),
            ),
            vanishes(
                "The inverse of [eq:seven-relaxed] times [eq:seven-mean] and [eq:seven-samples] is "
                "the matrix from which the limits of [step:equal-axes] are taken.",
                (both, turned * inverse_rates(BATCH) * turned.inv()),
            ),
        ),
        assumptions=("Inputs are Gaussian; all axes have equal variances, gains and label noise.",),
    )


_SAME, _OTHER, _SAME_LABELS, _OTHER_LABELS = (
    sp.ImmutableMatrix(rows)
    for rows in (
        [[0, 0, 1], [1, INPUTS + 1, 1], [1, 0, 0]],
        [[0, 1, 0], [1, 0, 0], [1, 1, INPUTS + 1]],
        [[0, 0, 0], [1, INPUTS, 1], [0, 0, 0]],
        [[0, 1, 0], [1, 0, 0], [0, 0, 1]],
    )
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


def _squares() -> tuple[sp.MatrixExpr, sp.MatrixExpr, sp.MatrixExpr]:
    """Mean products of the pulls: of the sum with itself, with the difference, of that."""
    plain, mixed, alone = COLUMNS.values()
    cross, half = VALUE * GAMMA / VARIANCE, sp.Rational(1, 2)
    less, more = TURNED_COLUMN - mixed, TURNED_COLUMN + mixed
    same, other = SAME_ERRORS * (plain + alone), OTHER_ERRORS * (plain - alone)
    return (
        4 * VALUE**2 * SAME_SIDE * plain
        - 2 * cross * (SAME_SIDE * less + OTHER_SIDE * more)
        + half * (same + other),
        cross * (OTHER_SIDE * more - SAME_SIDE * less) - SAME_ERRORS * mixed,
        half * (same - other),
    )


def _on_seven(squares: tuple[sp.MatrixExpr, ...]) -> sp.ImmutableMatrix:
    """The matrix of the displayed products, in the coefficients themselves."""
    numbers = sp.symbols("moment_0:7")
    plain, (a, b), (c, d) = numbers[:3], numbers[3:5], numbers[5:]
    labels, missed = LABEL_NOISE**2 * VARIANCE, (GAMMA / VARIANCE) ** 2
    same, other = VARIANCE**2 * _SAME, VARIANCE**2 * _OTHER
    columns = (plain, (a, b, b), (c, d, d))
    entries: dict[sp.Basic, sp.ImmutableMatrix] = {
        SAME_SIDE: same,
        OTHER_SIDE: other,
        SAME_ERRORS: missed * same + labels * _SAME_LABELS,
        OTHER_ERRORS: missed * other + labels * _OTHER_LABELS,
        TURNED_COLUMN: sp.ImmutableMatrix([plain[0], plain[2], plain[1]]),
        **dict(zip(COLUMNS.values(), map(sp.ImmutableMatrix, columns), strict=True)),
    }
    first, *others = (evaluate_matrix(square, entries) for square in squares)
    rows = [*first, *(row for found in others for row in (found[0], (found[1] + found[2]) / 2))]
    return sp.ImmutableMatrix([[sp.expand(row).coeff(item) for item in numbers] for row in rows])


def _missed_sides(axes: int) -> Iterator[sp.Expr]:
    """Explicit sums over pairings of a number of axes, minus the displayed matrices."""
    numbers = SPLIT, STRAIGHT, CROSSED
    places = range(axes)

    def moment(values: Iterable[sp.Expr], o: int, a: int, u: int, b: int) -> sp.Expr:
        pairs = ((o == a, u == b), (o == u, a == b), (o == b, a == u))
        return sp.Add(*(value for value, pair in zip(values, pairs, strict=True) if all(pair)))

    def inputs(a: int, c: int, b: int, d: int) -> int:
        return int(a == b and c == d) + int(a == d and c == b)

    def errors(a: int, c: int, b: int, d: int) -> int:
        return int(a == b and c == d)

    for factors, same, other in ((inputs, _SAME, _OTHER), (errors, _SAME_LABELS, _OTHER_LABELS)):
        shown = [
            tuple((matrix * sp.Matrix(numbers)).subs(INPUTS, axes)) for matrix in (same, other)
        ]
        for o, c, u, d in product(places, repeat=4):
            pairs = list(product(places, repeat=2))
            behind = (moment(numbers, o, a, u, b) * factors(a, c, b, d) for a, b in pairs)
            across = (moment(numbers, o, a, b, d) * factors(a, c, u, b) for a, b in pairs)
            yield sp.Add(*behind) - moment(shown[0], o, c, u, d)
            yield sp.Add(*across) - moment(shown[1], o, c, u, d)


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

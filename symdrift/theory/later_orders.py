"""The next order in the learning rate: rotations of any task, and the error of a number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from functools import reduce
from itertools import product
from operator import mul
from typing import Any

import sympy as sp

from symdrift.derivation.chapter import chain, holds, step, vanishes
from symdrift.derivation.steps import Method, Step
from symdrift.derivation.symbols import ETA, INPUTS
from symdrift.theory.area import MEAN_ROTATION
from symdrift.theory.examples import Examples
from symdrift.theory.later_moments import (
    FIRST_GENERATOR,
    GENERATORS,
    GRADIENT_PARTS,
    NEXT_DEVIATION,
    PLANE,
    POWER,
    TURN_PARTS,
    moments_in_powers,
    step_in_powers,
)
from symdrift.theory.linear.step_series import StationaryPolynomials
from symdrift.theory.mean_square import CRITICAL_RATE
from symdrift.typesetting.printer import Mean

WAITING_PARTS, LEFT, STEADY = (sp.IndexedBase(name) for name in ("waiting_part", "left", "steady"))
WAITING = sp.Symbol("waiting")
INCREMENT, UNWAITED, TURNED_ONCE, WAITED = (
    sp.MatrixSymbol(f"exponential_{name}", INPUTS, INPUTS)
    for name in ("increment", "old", "turn", "new")
)
PRODUCTS = {
    pair: sp.IndexedBase(f"increments_{''.join(map(str, pair))}")
    for pair in ((3, 3), (3, 4), (3, 5), (4, 4))
}
NEXT_VARIANCE, STEADY_ANGLE, ANGLE, PSI = sp.symbols(
    "next_variance steady_angle angle_free psi_decay"
)
HERE, THERE, DECAYED = (
    sp.MatrixSymbol(f"decay_{name}", INPUTS, INPUTS) for name in ("here", "there", "decayed")
)
WAITING_DECAY, SQUARED, KICKED, DECAY_FIRST, DECAY_NEXT = sp.symbols(
    "waiting_decay squared kicked decay_first decay_next"
)
SQUARES = {power: sp.IndexedBase(f"squares_{power}") for power in (6, 7, 8)}
"""Means of products of two rotations, by the sum of their powers."""
STEADY_TURN = sp.IndexedBase("steady_turn")
STEADY_LEFT = {power: sp.IndexedBase(f"steady_left_{power}") for power in (4, 6)}
ROTATION_FRAME, WAITED_BEFORE = (
    sp.MatrixSymbol(name, INPUTS, INPUTS) for name in ("frame", "exponential_before")
)
OWN_TURNS, FREE_TURNS = (
    {power: sp.MatrixSymbol(f"{name}_turn_{power}", INPUTS, INPUTS) for power in (3, 4, 5)}
    for name in ("own", "free")
)
SECOND_WAITING, THIRD_WAITING, COMMUTED = (
    sp.MatrixSymbol(name, INPUTS, INPUTS)
    for name in ("second_waiting", "third_waiting", "commuted")
)
CHANGED = {
    (moves, own): sp.MatrixSymbol(f"changed_{own}_{''.join(map(str, moves))}", INPUTS, INPUTS)
    for own, some in (
        (2, ((1,), (2,), (1, 1), (3,), (1, 2))),
        (3, ((1,), (2,), (1, 1))),
        (4, ((1,),)),
    )
    for moves in some
}
"""Derivatives of the terms of `WAITING` along the powers of the new deviation."""
FREE_OF_MEMORY = {
    3: OWN_TURNS[3] + CHANGED[(1,), 2],
    4: OWN_TURNS[4] + CHANGED[(2,), 2] + CHANGED[(1, 1), 2] / 2 + CHANGED[(1,), 3],
    5: OWN_TURNS[5]
    + CHANGED[(3,), 2]
    + CHANGED[(1, 2), 2]
    + CHANGED[(2,), 3]
    + CHANGED[(1, 1), 3] / 2
    + CHANGED[(1,), 4]
    + ((OWN_TURNS[3] + FREE_TURNS[3]) * SECOND_WAITING) / 2
    - (SECOND_WAITING * (OWN_TURNS[3] + FREE_TURNS[3])) / 2,
}
COMMUTATORS = (
    (OWN_TURNS[3] * FREE_TURNS[3]) / 2
    - (FREE_TURNS[3] * OWN_TURNS[3]) / 2
    + ((OWN_TURNS[3] + FREE_TURNS[3]) * THIRD_WAITING) / 2
    - (THIRD_WAITING * (OWN_TURNS[3] + FREE_TURNS[3])) / 2
    + ((OWN_TURNS[4] + FREE_TURNS[4]) * SECOND_WAITING) / 2
    - (SECOND_WAITING * (OWN_TURNS[4] + FREE_TURNS[4])) / 2
)
"""What a rotation without memory has of them at the sixth power."""
EXPECTED_ERROR, EXPECTED_LOSS_ERROR, EXPECTED_NORM, CHANGE = sp.symbols(
    "expected_error expected_error_loss expected_error_norm change_of_next_order", positive=True
)

LATEX: dict[sp.Basic, str] = {
    WAITING: r"\Phi",
    WAITING_PARTS.label: r"\Phi",
    LEFT.label: r"\mathbb{E}_{-}[\hat\Xi]",
    STEADY.label: r"\langle \mathbb{E}_{-}[\hat\Xi]_{l + 2} \rangle",
    STEADY_TURN.label: r"\langle \mathbb{E}[\Xi_4] \rangle",
    **{
        base.label: rf"\langle \mathbb{{E}}_{{-}}[\hat\Xi]_{power} \rangle"
        for power, base in STEADY_LEFT.items()
    },
    ROTATION_FRAME: "Q",
    WAITED_BEFORE: r"\mathrm{e}^{\Phi(\hat\delta)}",
    INCREMENT: r"\mathrm{e}^{\hat\Xi}",
    UNWAITED: r"\mathrm{e}^{-\Phi(\hat\delta)}",
    TURNED_ONCE: r"\mathrm{e}^{\Xi}",
    WAITED: r"\mathrm{e}^{\Phi(\hat\delta')}",
    **{
        base.label: rf"\langle \hat\xi_{first} \hat\xi_{second} \rangle"
        for (first, second), base in PRODUCTS.items()
    },
    **{item: rf"\Xi_{power}" for power, item in OWN_TURNS.items()},
    **{item: rf"\hat\Xi_{power}" for power, item in FREE_TURNS.items()},
    SECOND_WAITING: r"\Phi_2",
    THIRD_WAITING: r"\Phi_3",
    COMMUTED: r"\hat\Xi_6^{\times}",
    **{
        item: "".join(
            rf"(\hat\delta'_{move} \cdot \partial)" + (f"^{count}" if count > 1 else "")
            for move, count in Counter(moves).items()
        )
        + rf" \Phi_{own}"
        for (moves, own), item in CHANGED.items()
    },
    NEXT_VARIANCE: r"\hat V_{+}",
    STEADY_ANGLE: r"\langle \hat\xi_4 \rangle_0",
    ANGLE: r"\hat\xi",
    PSI: r"\mathcal{S}",
    HERE: r"(I + \mathcal{S}(\hat\delta))",
    THERE: r"\mathbb{E}[\mathrm{e}^{\hat\Xi} (I + \mathcal{S}(\hat\delta'))]",
    DECAYED: r"\mathcal{T}",
    WAITING_DECAY: r"\mathcal{S}_4",
    SQUARED: r"\mathbb{E}[\hat\Xi_3^2]",
    SQUARES[6].label: r"\langle \hat\Xi_3^2 \rangle",
    SQUARES[7].label: r"\langle \hat\Xi_3 \hat\Xi_4 + \hat\Xi_4 \hat\Xi_3 \rangle",
    SQUARES[8].label: r"\langle \hat\Xi_3 \hat\Xi_5 + \hat\Xi_5 \hat\Xi_3 + \hat\Xi_4^2"
    r" \rangle",
    DECAY_FIRST: r"\mathcal{T}_6",
    KICKED: r"\langle \hat\Xi_3\, (\hat\delta'_1 \cdot \partial) \mathcal{S}_4 \rangle_0",
    DECAY_NEXT: r"\mathcal{T}_8",
    EXPECTED_ERROR: r"\Delta_{\mathrm{rel}}",
    EXPECTED_LOSS_ERROR: r"\Delta_{L}",
    EXPECTED_NORM: r"\Delta_{\lVert Wx \rVert^2}",
    CHANGE: r"\Delta_{\eta}",
}

MEANINGS = (
    (WAITING, "what makes rotations ones without memory", "p by p"),
    (INCREMENT, "a rotation without memory", "p by p"),
    (COMMUTED, "what commutators add to it at the sixth power", "p by p"),
    (LEFT[POWER], "mean over a sample of what is known of its part of one power", "p by p"),
    (ANGLE, "angle of a rotation without memory", "rad"),
    (NEXT_VARIANCE, "next order of the variance of these angles", "rad^2 per step"),
    (PSI, "what makes the mean orientation decay without memory", "p by p"),
    (DECAYED, "decay of the mean orientation in a step", "p by p"),
    (EXPECTED_ERROR, "expected relative error of a printed number", "scalar"),
    (EXPECTED_LOSS_ERROR, "that of the loss", "scalar"),
    (EXPECTED_NORM, "that of the squared norm of a representation", "scalar"),
    (CHANGE, "size of the relative change by the next order, over the learning rate", "scalar"),
)


def later_orders(examples: Examples) -> Iterator[Step]:
    """One step in powers of the rate, the moments and the rotation that follow from it."""
    plane = StationaryPolynomials(PLANE)
    yield step_in_powers()
    yield moments_in_powers(plane)
    yield _rotation_in_powers(plane)
    yield _expected_error()


def _rotation_in_powers(plane: StationaryPolynomials) -> Step:
    """Rotation at the next order

    Rotations of different steps are correlated, as a deviation lasts. As for the leading order, a
    function {waited} of the deviation takes this out. Let {Q} be the frame, which is multiplied by
    {turn} in each step. Then {waiting_frame} is multiplied by the rotations [eq:increments]. It
    stays beside the frame, as {waited} does not accumulate, and its rotations have the same mean
    whatever the deviation was, where {waited}, of which {waited_series} is needed, solves
    [eq:poisson] power by power. In powers of the root of {eta}, [eq:increments] is
    [eq:free-turns-3] to [eq:free-turns-5]: to the rotation of a step comes what it changes {waited}
    by, in Taylor's series along the parts of {moved}, where derivatives act on {waited} alone, and
    the first commutator; {second_waited} is of second degree.

    Of the sixth power only the mean is needed, and none of a higher one: a rotation, of the third
    power, and later deviations have only a kick in common, of one power more; with a mean of the
    seventh, over the one over {eta} steps that a deviation lasts, these are eleven powers less two,
    nine, and the variance is wanted to the eighth. In several planes the mean contains that of
    [eq:commutators]: half the commutators of any two of the three exponents in [eq:increments],
    where {waited} changes by what [eq:free-turns-3] and [eq:free-turns-4] add to the rotation;
    nested ones begin with the seventh power, as {waited} has the same second part before and after
    a step. At the power {next_power} the terms with {waited_l} have the mean {generated}. On the
    right of [eq:poisson] stands the mean {left} over samples that this power has without them,
    taken from its stationary mean at leading order. In one plane, where nothing fails to commute,
    the first two lines are [eq:poisson-first], and the sixth power has [eq:poisson-sixth]. The
    first term on the right, which no deviation enters, is the mean that these rotations have at
    this power: in one plane the mean rotation is [eq:mean-next], as odd powers vanish by the
    symmetry of [eq:read-step].

    Rotations whose mean does not depend on what went before are uncorrelated when this mean is
    taken away, and their variances add up. In one plane, with the angles {angle} of these
    rotations, the variance per step is {third} times {leading_shown} at leading order. To this
    {fourth} times [eq:variance-next] is added: all products of two angles whose powers add up to
    the eighth, less the square of the mean. The seventh power vanishes by the same symmetry.

    Rotations in several planes do not commute, and what is seen of them is how the mean orientation
    decays. What follows is written for a mean rotation that vanishes; where it does not, it turns
    the frame in which the orientation decays, and its products with {psi} are counted with the
    others. In one plane [eq:mean-next] and [eq:variance-next] are all that is needed. With {psi}
    and {decay} as in [eq:decay-equation], {here} behind the frame {waiting_frame} is on average
    multiplied by {decay} in each step, so that over many steps the mean orientation decays with the
    powers of {decay}: its decay rates are the logarithms of the eigenvalues, with the sign changed.
    Here {psi} begins with the fourth power, and {decay} is the identity plus {decay_series}, with
    [eq:decay-first]: by [eq:decay-waiting] {psi} takes out of the mean square of a rotation what
    depends on the deviation. At the eighth power take the stationary mean of [eq:decay-equation]:
    the two means of {psi} cancel, as a step changes no stationary mean, and products of a rotation
    with {psi} before the step vanish, as the rotation has no mean given the deviation. What is left
    is [eq:decay-next]: half the mean square, with all products whose powers add up to the eighth,
    and what a rotation and the change of {psi} in the same step have in common, since later
    rotations depend on that change.
    """
    space = plane.network.space
    next_variance = (
        PRODUCTS[3, 3][2] + 2 * PRODUCTS[3, 4][1] + 2 * PRODUCTS[3, 5][0] + PRODUCTS[4, 4][0]
        - STEADY_ANGLE**2
    )  # fmt: skip
    relaxed = STEADY[0] - LEFT[POWER + 2]
    waiting = (SQUARES[6][0] - SQUARED) / 2
    following = SQUARES[6][2] / 2 + SQUARES[7][1] / 2 + SQUARES[8][0] / 2 + KICKED
    first_two = [
        (FIRST_GENERATOR * WAITING_PARTS[2], STEADY_TURN[0] - Mean(TURN_PARTS[4])),
        (
            FIRST_GENERATOR * WAITING_PARTS[3],
            -Mean(TURN_PARTS[5]) - GENERATORS[1] * WAITING_PARTS[2],
        ),
    ]
    return step(
        increments=(INCREMENT, UNWAITED * TURNED_ONCE * WAITED),
        free_turns={power: (FREE_TURNS[power], shown) for power, shown in FREE_OF_MEMORY.items()},
        commutators=(COMMUTED, COMMUTATORS),
        poisson=(FIRST_GENERATOR * WAITING_PARTS[POWER], relaxed),
        poisson_first=first_two,
        poisson_sixth=chain(
            FIRST_GENERATOR * WAITING_PARTS[4],
            ("[eq:poisson] for the fourth part", STEADY_LEFT[6][0] - LEFT[6]),
            (
                "the mean rotation of a step, and what the next two parts of the generator make of "
                "the parts of {waited} before",
                STEADY_LEFT[6][0]
                - Mean(TURN_PARTS[6])
                - GENERATORS[1] * WAITING_PARTS[3]
                - GENERATORS[2] * WAITING_PARTS[2],
            ),
            value=lambda line: _in_one_plane(plane, line),
            method=Method.POINTS,
        ),
        mean_next=(MEAN_ROTATION, ETA**2 * STEADY_LEFT[4][0] + ETA**3 * STEADY_LEFT[6][0]),
        variance_next=(NEXT_VARIANCE, next_variance),
        decay_equation=(THERE, HERE * DECAYED),
        decay_first=(DECAY_FIRST, SQUARES[6][0] / 2),
        decay_waiting=(FIRST_GENERATOR * WAITING_DECAY, waiting),
        decay_next=(DECAY_NEXT, following),
        symbols={
            "waited": WAITING,
            "waited_series": sp.Add(
                *(ETA ** sp.Rational(k, 2) * WAITING_PARTS[k] for k in (2, 3, 4))
            ),
            "turn": TURNED_ONCE,
            "moved": NEXT_DEVIATION,
            "second_waited": SECOND_WAITING,
            "waited_l": WAITING_PARTS[POWER],
            "generated": FIRST_GENERATOR * WAITING_PARTS[POWER],
            "next_power": POWER + 2,
            "waiting_frame": ROTATION_FRAME * WAITED_BEFORE,
            "decay_series": ETA**3 * DECAY_FIRST + ETA**4 * DECAY_NEXT,
            "left": LEFT[POWER + 2],
            "angle": ANGLE,
            "third": ETA**3,
            "fourth": ETA**4,
            "leading_shown": PRODUCTS[3, 3][0],
            "psi": PSI,
            "here": HERE,
            "decay": DECAYED,
        },
        checks=(
            holds(
                "Multiplied out with symbols that do not commute, [eq:increments] is "
                "[eq:free-turns-3] to [eq:free-turns-5], and at the sixth power what is not "
                "linear in the exponents is [eq:commutators].",
                Method.ORDER,
                _free_by_order,
            ),
            holds(
                "In one plane the derivatives in [eq:free-turns-3] to [eq:free-turns-5] make, of "
                "the solutions of [eq:poisson], what inserting the new deviation does: the network "
                "with two axes and four samples.",
                Method.POINTS,
                lambda: all(_free_turns_agree(plane, power) for power in FREE_OF_MEMORY),
            ),
            holds(
                "With the solutions of [eq:poisson] the mean of these rotations over samples is a "
                "number in each power up to the sixth, whatever the deviation: the network with "
                "two axes and four samples.",
                Method.POINTS,
                lambda: _without_memory(plane, relaxed),
            ),
            holds(
                "Its first two lines are [eq:poisson-first], and the mean of the rotations of "
                "[eq:increments] vanishes at the fifth power: the same network.",
                Method.POINTS,
                lambda: _first_lines(plane),
            ),
            vanishes(
                "At leading order mean and variance of these rotations are those of [eq:mean] and "
                "[eq:covariance] with full matrices in all weights: the same network.",
                sp.QQ.to_sympy(plane.mean(plane.average(plane.increments(4)), 0))
                - space.mean((0, 1)),
                sp.QQ.to_sympy(plane.moment((3, 3), 0)) - space.variance((0, 1)),
                method=Method.POINTS,
            ),
            holds(
                "The second moment of the sum of these angles, less the square of its mean, has at "
                "the eighth power [eq:variance-next].",
                Method.ORDER,
                lambda: sp.expand(_eighth_of_variance() - next_variance) == 0,
            ),
            holds(
                "Multiplied out with symbols that do not commute, the sixth and the eighth power "
                "of [eq:decay-equation] are [eq:decay-waiting] and [eq:decay-next].",
                Method.ORDER,
                lambda: _decay_by_order(waiting, following),
            ),
        ),
        assumptions=("No noise is added to the weights; it would turn the hidden layer directly.",),
    )


def _free_by_order() -> bool:
    """The product of three exponentials up to the sixth power, against the displayed rotations."""
    symbols: dict[sp.Basic, sp.Expr] = {
        item: sp.Symbol(str(item), commutative=False)
        for item in (*OWN_TURNS.values(), *CHANGED.values(), SECOND_WAITING, THIRD_WAITING)
    }
    waiting = {2: symbols[SECOND_WAITING], 3: symbols[THIRD_WAITING]}
    waiting |= {k: sp.Symbol(f"waiting_{k}", commutative=False) for k in (4, 5, 6)}
    changed = {k: _scalar(shown.xreplace(_ALONE), symbols) for k, shown in FREE_OF_MEMORY.items()}
    turns = {k: symbols[item] for k, item in OWN_TURNS.items()}
    changed[6], turns[6] = sp.symbols("changed_6 own_6", commutative=False)
    free: dict[int, sp.Expr] = {}
    for power, shown in FREE_OF_MEMORY.items():
        free[power] = symbols[FREE_TURNS[power]] = _scalar(shown, symbols)
    free[6] = turns[6] + changed[6] + _scalar(COMMUTATORS, symbols)

    def times(left: dict[int, sp.Expr], right: dict[int, sp.Expr]) -> dict[int, sp.Expr]:
        """Of two series, up to the sixth power."""
        total = dict.fromkeys(range(7), sp.S.Zero)
        for (k, one), (l, other) in product(left.items(), right.items()):
            if k + l < 7:
                total[k + l] += sp.expand(one * other)
        return total

    def exponential(parts: dict[int, sp.Expr]) -> dict[int, sp.Expr]:
        squares = times(parts, parts)
        cubes = times(squares, parts)
        return {0: sp.S.One} | {
            k: parts.get(k, 0) + squares[k] / 2 + cubes[k] / 6 for k in range(1, 7)
        }

    before = exponential({k: -part for k, part in waiting.items()})
    after = exponential({k: part + changed.get(k, 0) for k, part in waiting.items()})
    found = times(times(before, exponential(turns)), after)
    return all(sp.expand(found[k] - part) == 0 for k, part in exponential(free).items())


_ALONE = dict.fromkeys((*OWN_TURNS.values(), FREE_TURNS[3]), sp.ZeroMatrix(INPUTS, INPUTS))
"""What leaves of a rotation without memory the change of the waiting function."""


def _scalar(shown: sp.MatrixExpr, symbols: Mapping[sp.Basic, sp.Expr]) -> sp.Expr:
    """A sum of products of matrices in symbols that do not commute."""
    if shown in symbols:
        return symbols[shown]
    if isinstance(shown, (sp.MatAdd, sp.Add)):
        return sp.Add(*(_scalar(part, symbols) for part in shown.args))
    if isinstance(shown, (sp.MatMul, sp.Mul)):
        return reduce(mul, (_scalar(part, symbols) for part in shown.args))
    return sp.S.Zero if shown.is_Matrix else shown


def _free_turns_agree(plane: StationaryPolynomials, power: int) -> bool:
    """The displayed rotation in one plane, against the angles that have no memory."""

    def along(moves: tuple[int, ...], function: Any, moved: list[Any]) -> Any:
        if not moves:
            return function
        slopes = (along(moves[1:], function.diff(x), moved) for x in plane.coordinates)
        return sum(part[moves[0]] * slope for part, slope in zip(moved, slopes, strict=True))

    shown = FREE_OF_MEMORY[power]
    weights = {
        item: part.args[0] if isinstance(part, sp.MatMul) else sp.S.One
        for part in shown.args
        for item in part.atoms(sp.MatrixSymbol) & set(CHANGED.values())
    }
    return not any(
        angle
        - step.orders[2][power][0]
        - sum(
            along(moves, plane.waiting[own], moved) * sp.QQ.from_sympy(weights[item])
            for (moves, own), item in CHANGED.items()
            if item in weights
        )
        for angle, step, moved in zip(
            plane.increments(power), plane.steps, plane.moved, strict=True
        )
    )


def _without_memory(plane: StationaryPolynomials, relaxed: sp.Expr) -> bool:
    """The displayed Poisson equation for what leaves every mean a number."""
    steady, left = (relaxed.coeff(part) for part in (STEADY[0], LEFT[POWER + 2]))
    for power, function in plane.waiting.items():
        before = {k: part for k, part in plane.waiting.items() if k < power}
        mean = plane.average(plane.angles(power + 2, before))
        wanted = mean * sp.QQ.from_sympy(left) + plane.mean(mean, 0) * sp.QQ.from_sympy(steady)
        if plane.generated(function) - wanted:
            return False
    return all(plane.average(plane.increments(power)).is_ground for power in range(3, 7))


def _eighth_of_variance() -> sp.Expr:
    """Of a sum of angles, whose means of products are themselves series."""
    products = (
        PRODUCTS[min(pair), max(pair)][8 - sum(pair)]
        for pair in product((3, 4, 5), repeat=2)
        if sum(pair) <= 8
    )
    return sp.Add(*products) - STEADY_ANGLE**2


def _decay_by_order(waiting: sp.Expr, following: sp.Expr) -> bool:
    """The exponential in its powers, but for what is linear in a rotation or in ``S``.

    A rotation before which the deviation is known has no mean, which leaves ``y psi_4`` none.
    """
    small = sp.Symbol("small")
    turns = {k: sp.Symbol(f"x_{k}", commutative=False) for k in (3, 4, 5)}
    after = {k: sp.Symbol(f"psi_{k}", commutative=False) for k in (4, 5)}
    turned = sp.Add(*(small**k * part for k, part in turns.items()))
    left = sp.Add(*(small**k * part for k, part in after.items()))
    whole = sp.expand((1 + turned + turned**2 / 2) * (1 + left) - 1 - turned - left)
    x, y, z = turns.values()
    squares = {6: x * x, 7: x * y + y * x, 8: x * z + z * x + y * y}
    shown = {k: following.coeff(SQUARES[k][8 - k]) * part for k, part in squares.items()}
    shown[7] += x * after[4]
    shown[8] += following.coeff(KICKED) * x * after[5] + y * after[4]
    # What the mean square is less than its own stationary mean, the waiting function makes up.
    balanced = waiting.coeff(SQUARED) == -waiting.coeff(SQUARES[6][0]) == -sp.Rational(1, 2)
    return balanced and all(
        sp.expand(whole.coeff(small, power) - part) == 0 for power, part in shown.items()
    )


def _in_one_plane(plane: StationaryPolynomials, line: sp.Expr) -> sp.Expr:
    """A line on the sixth power as a polynomial in the deviation, for a network of one plane."""
    waiting = plane.waiting
    left = plane.average(plane.angles(6, {2: waiting[2], 3: waiting[3]}))
    known = {
        FIRST_GENERATOR * WAITING_PARTS[4]: plane.generated(waiting[4]),
        GENERATORS[1] * WAITING_PARTS[3]: plane.generated(waiting[3], 1),
        GENERATORS[2] * WAITING_PARTS[2]: plane.generated(waiting[2], 2),
        LEFT[6]: left,
        STEADY_LEFT[6][0]: left.ring(plane.mean(left, 0)),
        Mean(TURN_PARTS[6]): plane.average(plane.angles(6, {})),
    }
    return sp.Add(*(c * known[term].as_expr() for term, c in line.as_coefficients_dict().items()))


def _first_lines(plane: StationaryPolynomials) -> bool:
    """The first two lines of the Poisson equation in one plane, and what has no mean."""
    fourth, fifth = (plane.average(plane.angles(power, {})) for power in (4, 5))
    second, third = plane.waiting[2], plane.waiting[3]
    return not (
        plane.generated(second) - plane.mean(fourth, 0) + fourth
        or plane.generated(third) + plane.generated(second, 1) + fifth
        or plane.average(plane.increments(5))
    )


def _expected_error() -> Step:
    """By how much a number is expected to be off

    The numbers that symdrift prints for a study beside this document follow from these equations:
    {forms} from the rule of learning, averages over samples by rules of integration that are exact
    for polynomials of this degree, and moments, {waited} and {psi} in the eigenvectors of the
    Hessian, without differences or fits. The variance of all weights is the trace of the second
    moments less the squares of the means; excess loss, loss and the squared norm of a
    representation are the means of polynomials in the deviation, of which second and third moments
    and means are needed.

    Let {coefficient} be the size of the relative change of a number by the next order, over {eta}.
    It is printed with the error [eq:expected-error]: the change {change}, and all later orders as a
    geometric series. This is an estimate, not a bound. As in [eq:moments-solved], each order is
    expected to be {ratio} times the one before, and the first of them to be this ratio times the
    change, or times the ratio itself where that is larger. Of the loss, later orders change the
    excess loss, not the loss of the minimum; the ratio would count them for both, so that the
    change alone stands in the place of the larger of the two, which leaves
    [eq:expected-error-loss]. The change of a squared norm is fluctuation already. In simulations
    what follows it was up to 1.6 times the ratio times the change; taking twice as an empirical
    rule makes [eq:expected-error-norm].
    """
    ratio, change = ETA / CRITICAL_RATE, ETA * CHANGE
    largest = sp.Symbol("largest", positive=True)
    later = largest * ETA / (CRITICAL_RATE - ETA)
    shown = change + later.xreplace({largest: sp.Max(change, ratio)})
    of_loss = change * CRITICAL_RATE / (CRITICAL_RATE - ETA)
    of_norm = change * (CRITICAL_RATE + ETA) / (CRITICAL_RATE - ETA)
    return step(
        expected_error=(EXPECTED_ERROR, shown),
        expected_error_loss=(EXPECTED_LOSS_ERROR, of_loss),
        expected_error_norm=(EXPECTED_NORM, of_norm),
        symbols={
            "forms": GRADIENT_PARTS[POWER],
            "coefficient": CHANGE,
            "waited": WAITING,
            "psi": PSI,
            "change": change,
            "ratio": ratio,
        },
        checks=(
            vanishes(
                "What [eq:expected-error] has beside the change is its first term and the ratio "
                "times itself.",
                later - ratio * (largest + later),
            ),
            vanishes(
                "With the change in the place of the larger of the two it is "
                "[eq:expected-error-loss].",
                (change + later.xreplace({largest: change}), of_loss),
            ),
            vanishes(
                "What [eq:expected-error-norm] has beside the change is twice the ratio times the "
                "change and the ratio times itself.",
                (of_norm - change) - ratio * (2 * change + of_norm - change),
            ),
        ),
    )

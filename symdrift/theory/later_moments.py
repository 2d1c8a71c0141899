"""The next order in the learning rate: one step of any task and its stationary moments."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import reduce
from itertools import product
from typing import Any

import numpy as np
import sympy as sp

from symdrift.algebra.matrices import evaluate_matrix
from symdrift.derivation.chapter import holds, step, vanishes
from symdrift.derivation.steps import Method, Step
from symdrift.derivation.symbols import ETA
from symdrift.derivation.vocabulary import GRADIENT, MINIMUM_POINT, SIZE
from symdrift.theory.fluctuation import STIFFNESS
from symdrift.theory.linear.step_series import (
    HIGHEST,
    OneStep,
    Sampled,
    StationaryPolynomials,
    at_length,
    beside,
    exact_array,
)
from symdrift.typesetting.printer import Mean, Stationary

ROOT = sp.sqrt(ETA)
DEVIATION_ENTRY = sp.IndexedBase("deviation_entry")
POWER = sp.Symbol("l", integer=True, positive=True)
B, C, D, L = sp.symbols("b c d l", integer=True)
DEVIATION, NEXT_DEVIATION = (sp.MatrixSymbol(f"n_{name}", SIZE, 1) for name in ("old", "new"))
TURN_OF_WEIGHTS = sp.MatrixSymbol("turn_of_weights", SIZE, SIZE)
GRADIENTS = [sp.MatrixSymbol(f"gradient_{k}", SIZE, 1) for k in range(4)]
MOVES = {0: DEVIATION} | {k: sp.MatrixSymbol(f"moved_{k}", SIZE, 1) for k in range(1, 6)}
TURNS = {k: sp.MatrixSymbol(f"turn_of_weights_{k}", SIZE, SIZE) for k in range(3, 7)}
TURN, FUNCTION, MEAN_GAIN = sp.symbols("turn function_of_n mean_gain")
GRADIENT_PARTS, TURN_PARTS, GENERATORS, MOVED, SLOPES = (
    sp.IndexedBase(name) for name in ("gradient_part", "turn_part", "generator", "moved", "slopes")
)
FIRST_GENERATOR = GENERATORS[0]
OF_ONE = {index: sp.IndexedBase(f"moment_{index}") for index in (B, C, D)}
OF_TWO, OF_THREE, FIRST_OF_TWO, FIRST_OF_THREE, SECOND_OF_TWO, NOISE_OF_ONE = (
    sp.IndexedBase(name)
    for name in (
        "moment_two", "moment_three", "first_two", "first_three", "second_two", "first_one",
    )
)  # fmt: skip

LATEX: dict[sp.Basic, str] = {
    # Before what it acts on.
    GENERATORS.label: r"\mathcal{L}",
    DEVIATION: r"\hat\delta",
    DEVIATION_ENTRY.label: r"\hat\delta",
    NEXT_DEVIATION: r"\hat\delta'",
    TURN_OF_WEIGHTS: r"\mathrm{e}^{\tilde\Xi}",
    **{item: f"g_{k}" for k, item in enumerate(GRADIENTS)},
    **{MOVES[k]: rf"\hat\delta'_{k}" for k in range(1, 6)},
    **{item: rf"\tilde\Xi_{k}" for k, item in TURNS.items()},
    POWER: "l",
    TURN: r"\Xi",
    TURN_PARTS.label: r"\Xi",
    MOVED.label: r"\hat\delta'",
    SLOPES.label: r"\mathcal{J}",
    FUNCTION: r"\mathcal{J}",
    GRADIENT_PARTS.label: "g",
    MEAN_GAIN: r"\mathbb{E}[\mathcal{J}(\hat\delta')] - \mathcal{J}(\hat\delta)",
    **{base.label: rf"\langle \hat\delta_{index} \rangle" for index, base in OF_ONE.items()},
    OF_TWO.label: r"\langle \hat\delta_b \hat\delta_c \rangle",
    OF_THREE.label: r"\langle \hat\delta_b \hat\delta_c \hat\delta_d \rangle",
    NOISE_OF_ONE.label: r"\langle \mathcal{L}_1 \hat\delta_b \rangle",
    FIRST_OF_TWO.label: r"\langle \mathcal{L}_1 \hat\delta_b \hat\delta_c \rangle",
    SECOND_OF_TWO.label: r"\langle \mathcal{L}_2 \hat\delta_b \hat\delta_c \rangle",
    FIRST_OF_THREE.label: r"\langle \mathcal{L}_1 \hat\delta_b \hat\delta_c \hat\delta_d \rangle",
}

MEANINGS = (
    (TURN, "rotation of one step as a matrix", "p by p"),
    (TURN_OF_WEIGHTS, "what it does to the weights", "matrix"),
    (GENERATORS[POWER], "generator of the deviation, by power of the root of the rate", "operator"),
    (FUNCTION, "a function of the deviation", "scalar"),
)

EXPECTED = (
    SLOPES[B] * Mean(MOVED[2, B]) + SLOPES[B, C] * Mean(MOVED[1, B] * MOVED[1, C]) / 2,
    SLOPES[B] * Mean(MOVED[3, B])
    + SLOPES[B, C] * Mean(MOVED[1, B] * MOVED[2, C])
    + SLOPES[B, C, D] * Mean(MOVED[1, B] * MOVED[1, C] * MOVED[1, D]) / 6,
    SLOPES[B] * Mean(MOVED[4, B])
    + SLOPES[B, C] * Mean(MOVED[1, B] * MOVED[3, C])
    + SLOPES[B, C] * Mean(MOVED[2, B] * MOVED[2, C]) / 2
    + SLOPES[B, C, D] * Mean(MOVED[1, B] * MOVED[1, C] * MOVED[2, D]) / 2
    + SLOPES[B, C, D, L] * Mean(MOVED[1, B] * MOVED[1, C] * MOVED[1, D] * MOVED[1, L]) / 24,
)
"""What a step expects of a function ``f``, by power; indices that stand twice are summed."""

_THIRD, _SIXTH = sp.Rational(1, 3), sp.Rational(1, 6)
_HALF = sp.Rational(1, 2)

PLANE = Sampled.of(
    (sp.Rational(3, 2), sp.Integer(1)),
    (
        (_SIXTH, (1, 0), (_HALF, sp.Integer(0))),
        (_SIXTH, (1, 0), (-_HALF, sp.Integer(0))),
        (_THIRD, (1, 2), (sp.Integer(0),) * 2),
        (_THIRD, (1, -1), (sp.Integer(0),) * 2),
    ),
)
"""Two learned axes that the inputs do not share, label noise in one output."""

SPACE = Sampled.of(
    (sp.Rational(3, 2), sp.Integer(1), _HALF),
    (
        (_THIRD, (1, 0, 1), (_HALF, sp.Integer(0), sp.Integer(1))),
        (_THIRD, (1, 2, 0), (sp.Integer(0),) * 3),
        (_THIRD, (1, -1, 3), (sp.Integer(0),) * 3),
    ),
)
"""Three learned axes, whose rotations do not commute."""


def series_in_root(part: sp.Expr, first: int, last: int) -> sp.Expr:
    """A sum of coefficients, of which one is given, and powers of the root of the rate."""
    return sp.Sum(ETA ** (POWER / 2) * part, (POWER, first, last))


def step_in_powers() -> Step:
    """One step in powers of the root of the learning rate

    After learning, the weights deviate from the manifold by {deviation}, where {hat} is of order
    one and normal to the orbit. What a step against the gradient {gradient} of a sample makes of
    them is read as a rotation {turn} of the hidden layer, {turned_weights} on all weights, and a
    new deviation {moved} that is normal again, [eq:read-step]. For the leading order it was enough
    to know both as far as [eq:rotation-orders] and [eq:normal-orders]. Now let them be series,
    [eq:read-series] and [eq:move-series], as far as they are needed. The gradient is of third
    degree in the weights, so that [eq:gradient-powers] has no rest; {g_l} is of degree {l} in
    {hat}. In [eq:read-step], power by power from the second to the sixth, these series give the
    lines [eq:collected-2] to [eq:collected-6], where the tilde says that a rotation acts on all
    weights.

    Each line is solved by looking at it in two directions. In each, the rotation that acts on
    {point} is along the orbit, and the last new deviation is normal to it; all that stands beside
    these two is known from the lines before. The part along the orbit therefore gives the
    rotation, and what is left the new deviation. At the second power nothing is along the orbit,
    by [eq:transfer] without a deviation, which is why the rotation begins at the third. Both are
    polynomials: {turn_l} is of degree {turn_degree} in {hat}, and {moved_l} of degree
    {move_degree}.
    """
    collected = {}
    for power in range(2, HIGHEST + 1):
        left = -GRADIENTS[power - 2] if power < HIGHEST else sp.ZeroMatrix(SIZE, 1)
        parts = [MOVES[power - 1]]
        if power in TURNS:
            parts.append(TURNS[power] * MINIMUM_POINT)
        known = beside(power, TURNS, MOVES, MINIMUM_POINT)
        collected[power] = (left, reduce(lambda a, b: a + b, (*parts, *([known] if known else []))))
    gradient = reduce(lambda a, b: a + b, (ROOT**k * part for k, part in enumerate(GRADIENTS)))
    found = _rational_steps(SPACE)
    return step(
        read_step=(
            MINIMUM_POINT + ROOT * DEVIATION - ETA * GRADIENT,
            TURN_OF_WEIGHTS * (MINIMUM_POINT + ROOT * NEXT_DEVIATION),
        ),
        gradient_powers=(GRADIENT, gradient),
        read_series=(TURN, series_in_root(TURN_PARTS[POWER], 3, HIGHEST)),
        move_series=(
            NEXT_DEVIATION,
            reduce(lambda a, b: a + b, (ROOT**k * moved for k, moved in MOVES.items())),
        ),
        collected=collected,
        symbols={
            "deviation": ROOT * DEVIATION,
            "hat": DEVIATION,
            "turn": TURN,
            "turned_weights": TURN_OF_WEIGHTS,
            "point": MINIMUM_POINT,
            "g_l": GRADIENT_PARTS[POWER],
            "l": POWER,
            "gradient": GRADIENT,
            "moved": NEXT_DEVIATION,
            "turn_l": TURN_PARTS[POWER],
            "moved_l": MOVED[POWER],
            "turn_degree": POWER - 2,
            "move_degree": POWER - 1,
        },
        checks=(
            holds(
                "With rotation and new deviation from [eq:collected-2] to [eq:collected-6], the "
                "exponential of the rotation multiplied out gives what a step makes of the "
                "weights, in every power up to the sixth: three learned axes, three samples with "
                "rational entries.",
                Method.POINTS,
                lambda: all(map(_step_agrees, found)),
            ),
            vanishes(
                "For these samples [eq:collected-2] to [eq:collected-6] and [eq:gradient-powers] "
                "hold as they are printed.",
                *(
                    rest
                    for sample in found
                    for rest in _lines_left(sample, collected.values(), gradient)
                ),
                method=Method.POINTS,
            ),
            holds(
                "The new deviation is normal to the orbit in every power.",
                Method.POINTS,
                lambda: all(map(_stays_normal, found)),
            ),
        ),
    )


def _rational_steps(network: Sampled) -> tuple[Any, ...]:
    """What samples do at one rational deviation, of any length."""
    length = network.ring.gens[0]
    axes = network.normal
    places = np.array([sp.QQ(k % 4 - 1, k % 3 + 1) for k in range(axes.shape[1])], object)
    return network.steps(np.array([length * entry for entry in axes @ places], object))


def _step_agrees(found: OneStep) -> bool:
    point = exact_array(found.network.minimum.point)
    zero = point * found.network.ring.zero
    turns, moves, _ = found.orders
    expected = {0: point, 1: found.deviation}
    expected |= {k + 2: -gradient for k, gradient in found.gradient.items()}
    term = {0: point} | {k + 1: moved for k, moved in moves.items()}
    turned = dict.fromkeys(range(HIGHEST + 1), zero)
    for factorial in range(1, HIGHEST):
        turned = {k: part + term.get(k, zero) for k, part in turned.items()}
        # The next term of the exponential of the rotation, on the new weights.
        term = {
            power: sum(
                (turns[k] @ term.get(power - k, zero) * sp.QQ(1, factorial) for k in TURNS),
                zero,
            )
            for power in range(HIGHEST + 1)
        }
    return not any((turned[k] - expected.get(k, zero)).any() for k in turned)


def _lines_left(
    found: OneStep, lines: Iterable[tuple[sp.Basic, sp.Basic]], gradient: sp.Basic
) -> Iterator[sp.Expr]:
    """What is left of the displayed lines at one deviation, of the gradient at half of it."""
    turns, moves, _ = found.orders
    entries: dict[sp.Basic, sp.ImmutableMatrix] = {
        MINIMUM_POINT: found.network.minimum.point,
        **{MOVES[k]: at_length(moved, sp.S.One) for k, moved in moves.items()},
        **{TURNS[k]: at_length(turned, sp.S.One) for k, turned in turns.items() if k in TURNS},
        **{GRADIENTS[k]: at_length(part, sp.S.One) for k, part in found.gradient.items()},
    }
    for left, right in lines:
        known = () if left.is_ZeroMatrix else evaluate_matrix(left, entries)
        yield from evaluate_matrix(right, entries) - (known or 0 * found.network.minimum.point)
    half = evaluate_matrix(gradient, entries).xreplace({ETA: sp.Rational(1, 4)})
    yield from half - at_length(found.whole_gradient, _HALF)


def _stays_normal(found: OneStep) -> bool:
    minimum = found.network.minimum
    tangents = [exact_array(minimum.tangent(plane)) for plane in minimum.planes]
    return not any(tangent @ moved for moved in found.orders[1].values() for tangent in tangents)


def moments_in_powers(plane: StationaryPolynomials) -> Step:
    """Stationary moments, order by order

    The mean of a function {f} of the deviation changes in one step by [eq:generators], written as
    far as it is needed here. With the new deviation in the place of the old one, Taylor's series of
    {f} gives the three terms [eq:generator-terms-0] to [eq:generator-terms-2]: lower indices of {f}
    are its derivatives, those of {moved} first the power and then the component, indices of
    components that stand twice in these terms are summed, and means are those over samples. At the
    power {root} stands the mean of {first_moved}, which vanishes, as that is minus the gradient
    noise; the mean of {second_moved} is minus the pull {pull} of the Hessian. In the stationary
    state no mean changes: with stationary means in angle brackets, [eq:stationary-mean] says what
    that of {first_of} is, from those of the next two. The first, {first}, is the generator, as one
    says of a Markov process, of the Ornstein–Uhlenbeck process of the leading order: the Hessian
    pulls, and the noise spreads. In the eigenvectors of the Hessian it multiplies a product of
    components by minus the sum of their eigenvalues {h_b}, and adds products that are shorter by
    two.

    With such products for {f}, [eq:stationary-mean] is therefore a triangular system, power by
    power; the index {l} behind a stationary mean means its coefficient of {root} to the power {l}.
    It gives [eq:moment-second], which is the Lyapunov equation, then mean and third moments at the
    next power, [eq:moment-mean] and [eq:moment-third], and then the next order of the second
    moments, [eq:moment-next]. On the right stand moments found before; those of four components at
    leading order are sums over pairs, as the fluctuation is Gaussian there.
    Moments that are missing here vanish by the symmetry of [eq:read-step]: it is the same step when
    the root of {eta} and {hat} change their signs.
    """
    acting = GENERATORS[POWER] * FUNCTION
    two = STIFFNESS[B] + STIFFNESS[C]
    places = ((B, C, D), (B, D, C), (C, D, B))
    shared = sp.Add(*(Mean(MOVED[1, a] * MOVED[1, b]) * OF_ONE[c][1] for a, b, c in places))
    triangular = {
        "moment_second": (two * OF_TWO[0], Mean(MOVED[1, B] * MOVED[1, C])),
        "moment_mean": (STIFFNESS[B] * OF_ONE[B][1], NOISE_OF_ONE[0]),
        "moment_third": ((two + STIFFNESS[D]) * OF_THREE[1], FIRST_OF_THREE[0] + shared),
        "moment_next": (two * OF_TWO[2], FIRST_OF_TWO[1] + SECOND_OF_TWO[0]),
    }
    gain = ETA * series_in_root(acting, 0, 2)
    steady = Stationary(acting.subs(POWER, 0)), -series_in_root(Stationary(acting), 1, 2)
    return step(
        generators=(MEAN_GAIN, gain),
        generator_terms={k: (acting.subs(POWER, k), terms) for k, terms in enumerate(EXPECTED)},
        stationary_mean=steady,
        moment_second=triangular["moment_second"],
        moment_mean=triangular["moment_mean"],
        moment_third=triangular["moment_third"],
        moment_next=triangular["moment_next"],
        symbols={
            "f": FUNCTION,
            "hat": DEVIATION,
            "moved": NEXT_DEVIATION,
            "first": FIRST_GENERATOR,
            "first_of": acting.subs(POWER, 0),
            "h_b": STIFFNESS[B],
            "root": ROOT,
            "l": POWER,
            "first_moved": MOVED[1, B],
            "second_moved": MOVED[2, B],
            "pull": STIFFNESS[B] * DEVIATION_ENTRY[B],
        },
        checks=(
            holds(
                "For products of two, three and four components of the deviation, "
                "[eq:generator-terms-0] to [eq:generator-terms-2] are what inserting the new "
                "deviation gives: two axes and four samples with rational entries.",
                Method.POINTS,
                lambda: _generators_agree(plane),
            ),
            holds(
                "Where nothing is gained the stationary mean of [eq:generators] is "
                "[eq:stationary-mean].",
                Method.IDENTITY,
                lambda: not sp.expand((gain / ETA - _within(steady[0] - steady[1])).doit()),
            ),
            holds(
                "[eq:generator-terms-0] on products of one, two and three components, where the "
                "mean of what a step adds at its second power is minus eigenvalue times "
                "component, gives [eq:moment-second] to [eq:moment-next] by [eq:stationary-mean].",
                Method.IDENTITY,
                lambda: not any(map(sp.expand, _triangular_rest(triangular))),
            ),
            vanishes(
                "With these moments one step leaves the mean of each product of two entries of the "
                "learned map, less the map at the minimum, as it is, at leading order and at the "
                "next. What a step adds is found from the updates of the weights, without "
                "frame and rotation: the same network.",
                *(
                    sp.QQ.to_sympy(change)
                    for first in range(4)
                    for second in range(first, 4)
                    for change in plane.growth((first, second))
                ),
                method=Method.POINTS,
            ),
        ),
    )


def _within(means: sp.Expr) -> sp.Expr:
    """What stationary means are taken of."""
    return means.replace(Stationary, lambda inside: inside)


def _triangular_rest(shown: Mapping[str, tuple[sp.Expr, sp.Expr]]) -> Iterator[sp.Expr]:
    """What is left of the displayed moments in the mean of the generators on products."""
    components = {index: sp.Symbol(f"component_{index}") for index in (B, C, D)}

    def first(indices: tuple[sp.Symbol, ...]) -> sp.Expr:
        function = sp.prod([components[a] for a in indices])
        pull, noise = sp.S.Zero, sp.S.Zero
        for a in indices:
            slope = function.diff(components[a])
            pull -= STIFFNESS[a] * components[a] * slope
            for b in indices:
                kicks = Mean(MOVED[1, a] * MOVED[1, b])
                noise += kicks * slope.diff(components[b]) / 2
        return sp.expand(pull + noise)

    a, b, c = components.values()
    one, pair, three = first((B,)), first((B, C)), first((B, C, D))
    kicked = pair.subs({a: 0, b: 0})
    # Means of products, of which those of one component are left in the third moment.
    stationary = {
        "moment_second": pair.subs(a * b, OF_TWO[0]),
        "moment_mean": one.subs(a, OF_ONE[B][1]) + NOISE_OF_ONE[0],
        "moment_third": three.subs(a * b * c, OF_THREE[1]).subs(
            {components[i]: OF_ONE[i][1] for i in components}
        ) + FIRST_OF_THREE[0],
        "moment_next": (pair - kicked).subs(a * b, OF_TWO[2]) + FIRST_OF_TWO[1] + SECOND_OF_TWO[0],
    }  # fmt: skip
    return (left - right + stationary[name] for name, (left, right) in shown.items())


def _generators_agree(plane: StationaryPolynomials) -> bool:
    """The displayed generators on products of components, against what a step makes of these."""
    products = ((0, 0), (0, 1), (0, 2, 5), (1, 1, 3), (0, 1, 2, 2), (3, 4, 5, 6))
    return all(
        not (plane.expected(factors, power + 2) - _applied(plane, shown, factors))
        for factors in products
        for power, shown in enumerate(EXPECTED)
    )


def _applied(plane: StationaryPolynomials, shown: sp.Expr, factors: tuple[int, ...]) -> Any:
    """A displayed generator on a product of components."""
    ring = plane.network.ring
    function = reduce(lambda a, b: a * b, (plane.coordinates[a] for a in factors))
    total = ring.zero
    for term in shown.args:
        (slope,) = term.atoms(sp.Indexed) & {part for part in term.args if part.has(SLOPES)}
        (mean,) = term.atoms(Mean)
        indices = slope.indices
        moved = [part.indices for part in sp.Mul.make_args(mean.args[0].doit())]
        weight = sp.QQ.from_sympy(term / slope / mean)
        for places in product(sorted(set(factors)), repeat=len(indices)):
            derivative = reduce(lambda f, a: f.diff(plane.coordinates[a]), places, function)
            if not derivative:
                continue
            at = dict(zip(indices, places, strict=True))
            averaged = plane.average(
                reduce(lambda a, b: a * b, (sample[at[c]][int(k)] for k, c in moved))
                for sample in plane.moved
            )
            total += averaged * derivative * weight
    return total

"""The next order in the learning rate: one step, its moments and its rotation, for any task."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import reduce
from itertools import product
from typing import Any

import numpy as np
import sympy as sp

from symdrift.derivation.chapter import holds, step, vanishes
from symdrift.derivation.steps import Method, Step
from symdrift.derivation.symbols import ETA, INPUTS
from symdrift.derivation.vocabulary import GRADIENT, MINIMUM_POINT, SIZE
from symdrift.theory.area import STIFFNESS
from symdrift.theory.examples import Examples
from symdrift.theory.linear.step_series import (
    HIGHEST,
    Sampled,
    StationaryPolynomials,
    beside,
    exact_array,
)
from symdrift.theory.mean_square import CRITICAL_RATE
from symdrift.typesetting.printer import Mean

ROOT = sp.sqrt(ETA)
POWER = sp.Symbol("k", integer=True, positive=True)
A, B, C, D = sp.symbols("a b c d", integer=True)
DEVIATION, NEXT_DEVIATION = (sp.MatrixSymbol(f"n_{name}", SIZE, 1) for name in ("old", "new"))
TURN_OF_WEIGHTS = sp.MatrixSymbol("turn_of_weights", SIZE, SIZE)
GRADIENTS = [sp.MatrixSymbol(f"gradient_{k}", SIZE, 1) for k in range(4)]
MOVES = {0: DEVIATION} | {k: sp.MatrixSymbol(f"moved_{k}", SIZE, 1) for k in range(1, 6)}
TURNS = {k: sp.MatrixSymbol(f"turn_of_weights_{k}", SIZE, SIZE) for k in range(3, 7)}
TURN, FUNCTION, FIRST_GENERATOR = sp.symbols("turn function_of_n generator_0")
TURN_PARTS, EXPECTED_PARTS, MEAN_PARTS, RELAXED, LEFT, STEADY, MOVED, SLOPES = (
    sp.IndexedBase(name)
    for name in (
        "turn_part", "expected_part", "mean_part", "relaxed", "left", "steady", "moved", "slopes",
    )
)  # fmt: skip
OF_ONE = {index: sp.IndexedBase(f"moment_{index}") for index in (A, B, C)}
OF_TWO, OF_THREE, FIRST_OF_TWO, FIRST_OF_THREE, SECOND_OF_TWO, NOISE_OF_ONE = (
    sp.IndexedBase(name)
    for name in (
        "moment_two", "moment_three", "first_two", "first_three", "second_two", "first_one",
    )
)  # fmt: skip
GRADIENT_PARTS = sp.IndexedBase("gradient_part")
MEAN_GAIN, WAITING = sp.symbols("mean_gain waiting")
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
WAITING_DECAY, SQUARED, KICKED, DECAY_NEXT, SQUARED_NEXT = sp.symbols(
    "waiting_decay squared kicked decay_next squared_next"
)
MEAN_SQUARED = sp.Symbol("mean_squared")
EXPECTED_ERROR, CHANGE = sp.symbols("expected_error change_of_next_order", positive=True)

LATEX: dict[sp.Basic, str] = {
    DEVIATION: r"\hat\delta",
    NEXT_DEVIATION: r"\hat\delta'",
    TURN_OF_WEIGHTS: r"\mathrm{e}^{\tilde\Xi}",
    **{item: f"g_{k}" for k, item in enumerate(GRADIENTS)},
    **{MOVES[k]: rf"\hat\delta'_{k}" for k in range(1, 6)},
    **{item: rf"\tilde\Xi_{k}" for k, item in TURNS.items()},
    POWER: "k",
    TURN: r"\Xi",
    TURN_PARTS.label: r"\Xi",
    MOVED.label: r"\hat\delta'",
    SLOPES.label: r"\mathcal{J}",
    WAITING: r"\Phi",
    EXPECTED_PARTS.label: r"(\mathcal{L} \mathcal{J})",
    FUNCTION: r"\mathcal{J}",
    MEAN_PARTS.label: r"\langle \mathcal{L} \mathcal{J} \rangle",
    GRADIENT_PARTS.label: "g",
    **{base.label: rf"\langle \hat\delta_{index} \rangle" for index, base in OF_ONE.items()},
    OF_TWO.label: r"\langle \hat\delta_a \hat\delta_b \rangle",
    OF_THREE.label: r"\langle \hat\delta_a \hat\delta_b \hat\delta_c \rangle",
    NOISE_OF_ONE.label: r"\langle \mathcal{L}_1 \hat\delta_a \rangle",
    FIRST_OF_TWO.label: r"\langle \mathcal{L}_1 \hat\delta_a \hat\delta_b \rangle",
    SECOND_OF_TWO.label: r"\langle \mathcal{L}_2 \hat\delta_a \hat\delta_b \rangle",
    FIRST_OF_THREE.label: r"\langle \mathcal{L}_1 \hat\delta_a \hat\delta_b \hat\delta_c \rangle",
    RELAXED.label: r"\mathcal{L}_0 \Phi",
    LEFT.label: r"\mathbb{E}'[\hat\Xi]",
    STEADY.label: r"\langle \mathbb{E}'[\hat\Xi] \rangle",
    FIRST_GENERATOR: r"\mathcal{L}_0",
    MEAN_GAIN: r"\mathbb{E}[\mathcal{J}(\hat\delta')] - \mathcal{J}(\hat\delta)",
    INCREMENT: r"\mathrm{e}^{\hat\Xi}",
    UNWAITED: r"\mathrm{e}^{-\Phi(\hat\delta)}",
    TURNED_ONCE: r"\mathrm{e}^{\Xi}",
    WAITED: r"\mathrm{e}^{\Phi(\hat\delta')}",
    **{
        base.label: rf"\langle \hat\xi_{first} \hat\xi_{second} \rangle"
        for (first, second), base in PRODUCTS.items()
    },
    NEXT_VARIANCE: r"\hat V'",
    STEADY_ANGLE: r"\langle \hat\xi_4 \rangle_0",
    ANGLE: r"\hat\xi",
    PSI: r"\mathcal{S}",
    HERE: r"(I + \mathcal{S}(\hat\delta))",
    THERE: r"\mathbb{E}[\mathrm{e}^{\hat\Xi} (I + \mathcal{S}(\hat\delta'))]",
    DECAYED: r"\mathcal{T}",
    WAITING_DECAY: r"\mathcal{L}_0 \mathcal{S}_4",
    SQUARED: r"\mathbb{E}[\hat\Xi_3^2]",
    MEAN_SQUARED: r"\langle \hat\Xi_3^2 \rangle_0",
    SQUARED_NEXT: r"\langle \hat\Xi^2 \rangle_8",
    KICKED: r"\langle \hat\Xi_3\, (\hat\delta'_1 \cdot \partial) \mathcal{S}_4 \rangle_0",
    DECAY_NEXT: r"\mathcal{T}_8",
    EXPECTED_ERROR: r"\Delta_{\mathrm{rel}}",
    CHANGE: r"\lvert c \rvert",
}

MEANINGS = (
    (DEVIATION, "deviation from the manifold over the root of the learning rate", "vector"),
    (TURN, "rotation of one step as a matrix", "p by p"),
    (WAITING, "what makes rotations ones without memory", "p by p"),
    (EXPECTED_ERROR, "expected relative error of a printed number", "scalar"),
    (CHANGE, "relative change of a number by the next order", "scalar"),
)

GENERATORS = (
    SLOPES[A] * Mean(MOVED[2, A]) + SLOPES[A, B] * Mean(MOVED[1, A] * MOVED[1, B]) / 2,
    SLOPES[A] * Mean(MOVED[3, A])
    + SLOPES[A, B] * Mean(MOVED[1, A] * MOVED[2, B])
    + SLOPES[A, B, C] * Mean(MOVED[1, A] * MOVED[1, B] * MOVED[1, C]) / 6,
    SLOPES[A] * Mean(MOVED[4, A])
    + SLOPES[A, B] * Mean(MOVED[1, A] * MOVED[3, B])
    + SLOPES[A, B] * Mean(MOVED[2, A] * MOVED[2, B]) / 2
    + SLOPES[A, B, C] * Mean(MOVED[1, A] * MOVED[1, B] * MOVED[2, C]) / 2
    + SLOPES[A, B, C, D] * Mean(MOVED[1, A] * MOVED[1, B] * MOVED[1, C] * MOVED[1, D]) / 24,
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


def later_orders(examples: Examples) -> Iterator[Step]:
    """One step in powers of the rate, the moments and the rotation that follow from it."""
    plane = StationaryPolynomials(PLANE)
    yield _step_in_powers()
    yield _moments_in_powers(plane)
    yield _rotation_in_powers(plane)
    yield _expected_error()


def series_in_root(parts: sp.IndexedBase, first: int, last: int) -> sp.Expr:
    """A sum of coefficients and powers of the root of the learning rate."""
    return sp.Sum(ETA ** (POWER / 2) * parts[POWER], (POWER, first, last))


def _step_in_powers() -> Step:
    """One step in powers of the root of the learning rate

    After learning, the weights deviate from the manifold by {deviation}, where {hat} is of order
    one and normal to the orbit. What a step makes of them is read as a rotation {turn} of the
    hidden layer, {turned_weights} on all weights, and a new deviation that is normal again,
    [eq:read-step]. For the leading order it was enough to know both as far as
    [eq:rotation-orders] and [eq:normal-orders]. Now let them be series, [eq:read-series] and
    [eq:move-series]. The gradient of a sample is of third degree in the weights, so that
    [eq:gradient-powers] has no rest; {g_k} is of degree {k} in {hat}. Put into [eq:read-step],
    power by power from the second to the sixth, this gives the lines [eq:collected-2] to
    [eq:collected-6]. Each is solved by looking at it in two directions. In each, the rotation that
    acts on {point} is along the orbit, and the last new deviation is normal to it; all that stands
    beside these two is known from the lines before. The part along the orbit therefore gives the
    rotation, and what is left the new deviation. At the second power nothing is along the orbit,
    by [eq:transfer] at the minimum, which is why the rotation begins at the third. Both are
    polynomials: of a power {k} the rotation is of degree {turn_degree} in {hat}, the new deviation
    of degree {move_degree}.
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
    return step(
        read_step=(
            MINIMUM_POINT + ROOT * DEVIATION - ETA * GRADIENT,
            TURN_OF_WEIGHTS * (MINIMUM_POINT + ROOT * NEXT_DEVIATION),
        ),
        gradient_powers=(GRADIENT, gradient),
        read_series=(TURN, series_in_root(TURN_PARTS, 3, HIGHEST)),
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
            "g_k": GRADIENT_PARTS[POWER],
            "k": POWER,
            "turn_degree": POWER - 2,
            "move_degree": POWER - 1,
        },
        checks=(
            holds(
                "With rotation and new deviation from these lines, the exponential of the rotation "
                "multiplied out gives what a step makes of the weights, in every power up to the "
                "sixth: three learned axes, three samples with rational entries.",
                Method.POINTS,
                lambda: _step_agrees(SPACE),
            ),
            holds(
                "The parts [eq:gradient-powers] of the gradient add up to all of it.",
                Method.POINTS,
                lambda: all(
                    not (found.whole_gradient - sum(found.gradient.values())).any()
                    for found in _rational_steps(SPACE)
                ),
            ),
            holds(
                "The new deviation is normal to the orbit in every power.",
                Method.POINTS,
                lambda: _stays_normal(SPACE),
            ),
        ),
    )


def _rational_steps(network: Sampled) -> tuple[Any, ...]:
    """What samples do at one rational deviation, of any length."""
    length = network.ring.gens[0]
    axes = network.normal
    places = np.array([sp.QQ(k % 4 - 1, k % 3 + 1) for k in range(axes.shape[1])], object)
    return network.steps(np.array([length * entry for entry in axes @ places], object))


def _step_agrees(network: Sampled) -> bool:
    point = exact_array(network.minimum.point)
    zero = point * network.ring.zero
    for found in _rational_steps(network):
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
        if any((turned[k] - expected.get(k, zero)).any() for k in turned):
            return False
    return True


def _stays_normal(network: Sampled) -> bool:
    tangents = [exact_array(network.minimum.tangent(p)) for p in network.minimum.planes]
    return not any(
        tangent @ moved
        for found in _rational_steps(network)
        for moved in found.orders[1].values()
        for tangent in tangents
    )


def _moments_in_powers(plane: StationaryPolynomials) -> Step:
    """Stationary moments, order by order

    The mean of a function {f} of the deviation changes in one step by [eq:generators]. With the
    new deviation in the place of the old one, Taylor's series of {f} gives the three terms
    [eq:generator-terms-0] to [eq:generator-terms-2]: lower indices of {f} are its derivatives,
    those of {moved} first the power and then the component, indices that stand twice are summed,
    and means are those over samples. In the stationary state no mean changes, and
    [eq:stationary-mean] takes what one power leaves to the following ones. The first generator,
    {first}, is that of the Ornstein–Uhlenbeck process of the leading order: the Hessian pulls, and
    the noise spreads. In the eigenvectors of the Hessian it multiplies a product of components by
    minus the sum of their eigenvalues, and leaves a product that is shorter by two. With such
    products for {f}, [eq:stationary-mean] is therefore a triangular system: it gives
    [eq:moment-second], which is the Lyapunov equation, then mean and third moments at the next
    power, [eq:moment-mean] and [eq:moment-third], and then the next order of the second moments,
    [eq:moment-next]. On the right stand moments found before; those of four components at
    leading order are those of a Gaussian. Moments that are missing here vanish by the symmetry of
    [eq:read-step]: it is the same step when the root of {eta} and {hat} change their signs.
    """
    two = STIFFNESS[A] + STIFFNESS[B]
    places = ((A, B, C), (A, C, B), (B, C, A))
    shared = sp.Add(*(Mean(MOVED[1, a] * MOVED[1, b]) * OF_ONE[c][1] for a, b, c in places))
    triangular = {
        "moment_second": (two * OF_TWO[0], Mean(MOVED[1, A] * MOVED[1, B])),
        "moment_mean": (STIFFNESS[A] * OF_ONE[A][1], NOISE_OF_ONE[0]),
        "moment_third": ((two + STIFFNESS[C]) * OF_THREE[1], FIRST_OF_THREE[0] + shared),
        "moment_next": (two * OF_TWO[2], FIRST_OF_TWO[1] + SECOND_OF_TWO[0]),
    }
    return step(
        generators=(MEAN_GAIN, ETA * series_in_root(EXPECTED_PARTS, 0, 2)),
        generator_terms={k: (EXPECTED_PARTS[k], terms) for k, terms in enumerate(GENERATORS)},
        stationary_mean=(MEAN_PARTS[0], -series_in_root(MEAN_PARTS, 1, 2)),
        moment_second=triangular["moment_second"],
        moment_mean=triangular["moment_mean"],
        moment_third=triangular["moment_third"],
        moment_next=triangular["moment_next"],
        symbols={
            "f": FUNCTION,
            "hat": DEVIATION,
            "moved": NEXT_DEVIATION,
            "first": FIRST_GENERATOR,
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


def _triangular_rest(shown: Mapping[str, tuple[sp.Expr, sp.Expr]]) -> Iterator[sp.Expr]:
    """What is left of the displayed moments in the mean of the generators on products."""
    components = {index: sp.Symbol(f"component_{index}") for index in (A, B, C)}

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
    one, pair, three = first((A,)), first((A, B)), first((A, B, C))
    kicked = pair.subs({a: 0, b: 0})
    # Means of products, of which those of one component are left in the third moment.
    stationary = {
        "moment_second": pair.subs(a * b, OF_TWO[0]),
        "moment_mean": one.subs(a, OF_ONE[A][1]) + NOISE_OF_ONE[0],
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
        for power, shown in enumerate(GENERATORS)
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


def _rotation_in_powers(plane: StationaryPolynomials) -> Step:
    """Rotation at the next order

    Rotations of different steps are correlated, as a deviation lasts. As for the leading order, a
    function {waited} of the deviation takes this out: the rotations of [eq:increments] have the
    same mean whatever the deviation was, where {waited} solves [eq:poisson] power by power,
    beginning with the second. On its right stands the mean that this power of the rotation would
    have without the term of {waited} that is looked for, commutators of earlier ones included, less
    its stationary value, which is the mean rotation at this power. What is left has no memory. In
    one plane, with the angles {angle} of these rotations, the variance per step is {third} times
    {leading_shown} at leading order, and {fourth} times [eq:variance-next] is added to it.

    Rotations in several planes do not commute, and what is seen of them is how the mean orientation
    decays. With {psi} and {decay} as in [eq:decay-equation], each step makes of {here} on average
    itself times {decay}, so that over many steps the mean orientation decays with the powers of
    {decay}: its decay rates are the logarithms of the eigenvalues, with the sign changed. Without a
    mean rotation, {psi} begins with the fourth power, which solves [eq:decay-waiting], and the
    next order of {decay} is [eq:decay-next]: beside half the mean square of these rotations stands
    what they have to do with the deviation that earlier ones have left.
    """
    mean, variance = plane.rotation
    space = plane.network.space
    next_variance = (
        PRODUCTS[3, 3][2] + 2 * PRODUCTS[3, 4][1] + 2 * PRODUCTS[3, 5][0] + PRODUCTS[4, 4][0]
        - STEADY_ANGLE**2
    )  # fmt: skip
    return step(
        increments=(INCREMENT, UNWAITED * TURNED_ONCE * WAITED),
        poisson=(RELAXED[POWER], STEADY[POWER + 2] - LEFT[POWER + 2]),
        variance_next=(NEXT_VARIANCE, next_variance),
        decay_equation=(THERE, HERE * DECAYED),
        decay_waiting=(WAITING_DECAY, (MEAN_SQUARED - SQUARED) / 2),
        decay_next=(DECAY_NEXT, SQUARED_NEXT / 2 + KICKED),
        symbols={
            "waited": WAITING,
            "k": POWER,
            "angle": ANGLE,
            "third": ETA**3,
            "fourth": ETA**4,
            "leading_shown": PRODUCTS[3, 3][0],
            "psi": PSI,
            "here": HERE,
            "decay": DECAYED,
        },
        checks=(
            vanishes(
                "At leading order mean and variance of these rotations are those of [eq:mean] and "
                "[eq:covariance] with full matrices in all weights: the network with two axes and "
                "four samples.",
                sp.QQ.to_sympy(mean) - space.mean((0, 1)),
                sp.QQ.to_sympy(variance) - space.variance((0, 1)),
                method=Method.POINTS,
            ),
            holds(
                "Multiplied out with symbols that do not commute, the sixth and the eighth power "
                "of [eq:decay-equation] are [eq:decay-waiting] and [eq:decay-next], and the second "
                "moment of a sum of angles has the eighth power [eq:variance-next].",
                Method.ORDER,
                _decay_by_order,
            ),
        ),
        assumptions=("No noise is added to the weights; it would turn the hidden layer directly.",),
    )


def _decay_by_order() -> bool:
    """The exponential in its powers, but for what is linear in a rotation or in ``Psi``."""
    small = sp.Symbol("small")
    turns = {k: sp.Symbol(f"x_{k}", commutative=False) for k in (3, 4, 5)}
    after = {k: sp.Symbol(f"psi_{k}", commutative=False) for k in (4, 5)}
    turned = sp.Add(*(small**k * part for k, part in turns.items()))
    left = sp.Add(*(small**k * part for k, part in after.items()))
    whole = sp.expand((1 + turned + turned**2 / 2) * (1 + left) - 1 - turned - left)
    x, y, z = turns.values()
    squared = {6: x * x, 7: x * y + y * x, 8: x * z + z * x + y * y}
    coupled = {6: 0, 7: x * after[4], 8: y * after[4] + x * after[5]}
    angles = sp.symbols("angle_3:6")
    summed = sp.Add(*(small**k * part for k, part in zip(turns, angles, strict=True)))
    eighth = sp.expand(summed**2).coeff(small, 8)
    return eighth == 2 * angles[0] * angles[2] + angles[1] ** 2 and all(
        sp.expand(whole.coeff(small, k) - squared[k] / 2 - coupled[k]) == 0 for k in squared
    )


def _expected_error() -> Step:
    """By how much a number is expected to be off

    The numbers beside this document are computed by these equations: {forms} from the rule of
    learning, averages over samples by cubatures that are exact for their degree, and moments,
    {waited} and {psi} in the eigenvectors of the Hessian, without differences or fits. With
    {change} the relative change of a number by the next order, [eq:expected-error] is the error
    that is printed with it. To the change itself it adds all later orders, as a geometric series.
    Each is expected to be {ratio} times the one before, with the critical rate of [eq:critical],
    and the first of them to be this ratio times the change, or times the ratio itself where that
    is larger.
    """
    ratio = ETA / CRITICAL_RATE
    largest, share = sp.symbols("largest share", positive=True)
    return step(
        expected_error=(
            EXPECTED_ERROR,
            CHANGE + sp.Max(CHANGE, ratio) * ETA / (CRITICAL_RATE - ETA),
        ),
        symbols={
            "forms": GRADIENT_PARTS[POWER],
            "waited": WAITING,
            "psi": PSI,
            "change": CHANGE,
            "ratio": ratio,
        },
        checks=(
            vanishes(
                "The geometric series leaves itself when its first term is taken away and the rest "
                "divided by the ratio.",
                largest * share / (1 - share)
                - largest * share
                - share * (largest * share / (1 - share)),
                (share / (1 - share)).subs(share, ratio) - ETA / (CRITICAL_RATE - ETA),
            ),
        ),
        assumptions=(
            "Quantities that do not grow towards the critical rate, such as the squared norm of a "
            "representation, are given the change alone.",
        ),
    )

"""From the fixed orbit to the drift: what learned axes add in similarity matching, line by line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import sympy as sp

from symdrift.algebra.matrices import evaluate_matrix
from symdrift.derivation.chapter import chain, step, vanishes
from symdrift.derivation.premises import Premise
from symdrift.derivation.steps import Method, Step
from symdrift.derivation.symbols import ETA, symbol
from symdrift.derivation.vocabulary import FIRST_LAYER, INPUT
from symdrift.theory.rules.left_out_weights import (
    LI,
    LJ,
    PAIR,
    SCALE,
    LeftOutAxis,
)
from symdrift.theory.rules.rule_area import sylvester
from symdrift.theory.rules.rule_results import K_INDEX, LEARNED, OWN
from symdrift.theory.rules.shipped_rules import POINT, TAU, shipped
from symdrift.theory.rules.written_rules import (
    LATERAL,
    SAMPLE,
    ExplicitNetwork,
    any_network,
)

PAIRS = ("ij", "ik", "jk", "ii", "jj")
"""Axes between which weights deviate."""
DEVIATION = sp.MatrixSymbol("lateral_deviation", 2, 1)
PARTS = {place: sp.Symbol(f"lateral_deviation_{place}", real=True) for place in (1, 2)}
RETURN, SPREAD, WEIGHTS = (
    {pair: sp.MatrixSymbol(f"lateral_{name}_{pair}", 2, 2) for pair in PAIRS}
    for name in ("return", "spread", "weights")
)
STIFFNESS, DAMPING, NOISE = (
    {pair: sp.Symbol(f"lateral_{name}_{pair}", real=True) for pair in PAIRS}
    for name in ("stiffness", "damping", "noise")
)
MIRRORED = sp.MatrixSymbol("lateral_weights_ji", 2, 2)
KICKED = sp.MatrixSymbol("lateral_kicked", 2, 1)
COUNTED = sp.MatrixSymbol("lateral_counted", 2, 2)
SWEPT = {"ik": ("ik", "jk"), "ii": ("ii", "ij"), "jj": ("ij", "jj")}
"""Pairs of deviations whose area turns the plane of ``i`` and ``j``."""
AREA, CORRECTED = (
    {key: sp.MatrixSymbol(f"lateral_{name}_{key}", 2, 2) for key in SWEPT}
    for name in ("area", "corrected")
)
ANSWER = {pair: sp.MatrixSymbol(f"lateral_answer_{pair}", 2, 1) for pair in ("ik", "jk")}
PUSH = {pair: sp.MatrixSymbol(f"lateral_push_{pair}", 2, 1) for pair in ("ij", "ik", "jk")}
_INDEX = {"ik": "ik,jk", "ii": "ii,ij", "jj": "ij,jj"}

LATEX: dict[sp.Basic, str] = {
    DEVIATION: r"\delta_{ij}",
    **{letter: rf"(\delta_{{ij}})_{place}" for place, letter in PARTS.items()},
    KICKED: "v",
    COUNTED: r"\mathcal{T}",
    **{letter: f"R_{{{pair}}}" for pair, letter in RETURN.items()},
    **{letter: rf"\Gamma_{{{pair}}}" for pair, letter in SPREAD.items()},
    **{letter: f"P_{{{pair}}}" for pair, letter in WEIGHTS.items()},
    MIRRORED: "P_{ji}",
    **{letter: rf"\kappa_{{{pair}}}" for pair, letter in STIFFNESS.items()},
    **{letter: f"r_{{{pair}}}" for pair, letter in DAMPING.items()},
    **{letter: f"C_{{{pair}}}" for pair, letter in NOISE.items()},
    **{letter: rf"\mathcal{{A}}_{{{_INDEX[key]}}}" for key, letter in AREA.items()},
    **{letter: f"Y_{{{_INDEX[key]}}}" for key, letter in CORRECTED.items()},
    **{letter: f"z_{{{pair}}}" for pair, letter in ANSWER.items()},
    **{letter: rf"\zeta_{{{pair}}}" for pair, letter in PUSH.items()},
}

MEANINGS = (
    (DEVIATION, "deviation between learned axes, which no rotation moves", "2"),
    (RETURN["ij"], "how that deviation returns", "2 by 2"),
    (STIFFNESS["ij"], "how strongly it is pulled back", "scalar"),
    (DAMPING["ij"], "rate at which it is damped", "scalar"),
    (PUSH["ij"], "update of that deviation by a sample", "2"),
    (KICKED, "direction of that update", "2"),
    (NOISE["ij"], "variance of the product of two inputs", "scalar"),
    (WEIGHTS["ij"], "the weights of unit i in the deviation between i and j", "2 by 2"),
    (AREA["ik"], "how far areas of two deviations turn the plane", "2 by 2"),
    (CORRECTED["ik"], "that area with the corrector", "2 by 2"),
    (COUNTED, "how weights are counted in an area", "2 by 2"),
)


def lateral_pairs(axes: LeftOutAxis) -> Iterator[Step]:
    """What learned axes add, for similarity matching."""
    yield _still_layer(axes)
    yield _lateral_deviation(axes)
    yield _lateral_spread()
    yield _lateral_areas()
    yield _lateral_terms(axes)


def _variances(pair: str) -> tuple[sp.Expr, sp.Expr]:
    first, second = (symbol("input_variance", index) for index in pair)
    return first, second


def _scale(pair: str) -> sp.Expr:
    """``N``: what the row that reads a rotation is divided by."""
    first, second = _variances(pair)
    return first**2 + second**2 - TAU * (first - second) ** 2


def _stiffness(pair: str) -> sp.Expr:
    first, second = _variances(pair)
    return 2 - (1 - 1 / TAU) * (first / second + second / first)


def _return(stiffness: sp.Expr, damping: sp.Expr) -> sp.ImmutableMatrix:
    return sp.ImmutableMatrix([[0, 1], [-stiffness, -damping]])


def _returned(pair: str) -> sp.ImmutableMatrix:
    """The same in variances."""
    stiffness = _stiffness(pair)
    return _return(stiffness, stiffness + 1 / TAU)


_V = sp.ImmutableMatrix([1, -1 / TAU])
_T = sp.ImmutableMatrix([[1, 0], [0, -TAU]])


def _scaled_weights(pair: str) -> sp.ImmutableMatrix:
    first, second = _variances(pair)
    apart = first - second
    return sp.ImmutableMatrix([
        [first * (first + second) - TAU * apart**2, TAU * apart * second],
        [-(apart**2), -(first**2) - second**2],
    ])  # fmt: skip


def _weights(pair: str) -> sp.ImmutableMatrix:
    """From the deviation to what it is in the weights of the first unit, where nothing is read."""
    return _scaled_weights(pair) / _scale(pair)


def _noise(pair: str) -> sp.Expr:
    first, second = _variances(pair)
    return (2 if pair[0] == pair[1] else 1) * first * second


def _spread(stiffness: sp.Expr, damping: sp.Expr, noise: sp.Expr) -> sp.ImmutableMatrix:
    """``Gamma`` of a deviation."""
    last = (stiffness + 1 / TAU**2) / (2 * damping)
    first = (last + damping / 2 - 1 / TAU) / stiffness
    return ETA * noise * sp.ImmutableMatrix([[first, -sp.S.Half], [-sp.S.Half, last]])


def _still_layer(axes: LeftOutAxis) -> Step:
    """No sample turns the layer

    Weights within the layer stay symmetric. Where they are, a sample changes both matrices such
    that [eq:lateral-still] holds, at any weights; at the fixed orbit this is [eq:rule-quiet]. Put
    turned weights that deviate from it into [eq:lateral-still]. What is linear in the deviation is
    what is read of its change, which is nothing. The rotation of the plane stands there times
    {scale}, and what is left are products of a deviation and its change: the areas that deviations
    sweep. In them a change of {W} counts once, and one of {M} counts {minus_tau} times.
    """
    rule = axes.rule
    network = any_network(rule, 2, 3)
    lateral = network.entries[LATERAL]
    symmetric = sp.ImmutableMatrix(2, 2, lambda a, b: lateral[min(a, b), max(a, b)])
    explicit = ExplicitNetwork({**network.entries, LATERAL: symmetric}, rule)
    change, within = SAMPLE["W"], SAMPLE["M"]
    seen = INPUT * INPUT.T * FIRST_LAYER.T
    return step(
        lateral_still=chain(
            change * FIRST_LAYER.T - FIRST_LAYER * change.T,
            (
                "[eq:rule-sample-W], where {M} is symmetric",
                LATERAL.I * FIRST_LAYER * seen - FIRST_LAYER * seen * LATERAL.I,
            ),
            (
                "[eq:rule-sample-M], where {M} is symmetric",
                TAU * within * LATERAL - TAU * LATERAL * within,
            ),
            value=explicit.value,
        ),
        symbols={"W": FIRST_LAYER, "M": LATERAL, "scale": SCALE, "minus_tau": -TAU},
    )


def _lateral_deviation(axes: LeftOutAxis) -> Step:
    """Deviations between learned axes

    Of the weights between {i} and {j}, the one within the layer the same both ways, two
    combinations are moved by no rotation: [eq:lateral-pair-1] and [eq:lateral-pair-2], together
    the deviation {delta}. The mean update changes it by its product with [eq:lateral-return]. The
    second part is the speed of the first. It is pulled back by [eq:lateral-stiffness] and damped by
    [eq:lateral-damping]; slow weights within the layer make it swing. A sample pushes it by
    [eq:lateral-push], in the direction [eq:lateral-kicked]. All this holds for {j} equal to {i}
    too. Where nothing is read as rotation, the weights {weights_of_i} of unit {i} are the product
    of [eq:lateral-weights] and the deviation.
    """
    first, second = LI, LJ
    both = first + second
    moved = sp.ImmutableMatrix([
        [first / both, second / both, 0, 0],
        [1 - 2 * first / both, 1 - 2 * second / both, -sp.S.Half, -sp.S.Half],
    ])  # fmt: skip
    names = [("W", "ij"), ("W", "ji"), ("M", "ij"), ("M", "ji")]
    pair = sp.ImmutableMatrix([
        (first * PAIR["W", "ij"] + second * PAIR["W", "ji"]) / both,
        (second - first) * (PAIR["W", "ij"] - PAIR["W", "ji"]) / both - PAIR["M", "ij"],
    ])  # fmt: skip
    places = [axes.place(at) for at in axes.pair]
    flow = axes.area.rule.jacobian.extract(places, places)
    tangent = sp.ImmutableMatrix([axes.area.tangent[k] for k in places])
    reading = sp.ImmutableMatrix([[axes.area.reading[k] for k in places]])
    back = _returned("ij")
    within = sp.ImmutableMatrix([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 1]])
    own, mirrored = _weights("ij"), _weights("ji")
    deviated = sp.ImmutableMatrix([own.row(0), mirrored.row(0), own.row(1), mirrored.row(1)])
    symmetric = {PAIR[name]: sp.Dummy() for name in names}
    symmetric[PAIR["M", "ji"]] = symmetric[PAIR["M", "ij"]]
    written = moved * sp.ImmutableMatrix([PAIR[name] for name in names]) - pair
    kicks = axes.area.rule.update.extract(places, [*range(axes.area.rule.update.cols)])
    product = 1 + axes.area.rule.products.index((0, 1))
    return step(
        lateral_pair={place: (PARTS[place], pair[place - 1]) for place in (1, 2)},
        lateral_return=(RETURN["ij"], _return(STIFFNESS["ij"], DAMPING["ij"])),
        lateral_stiffness=(STIFFNESS["ij"], _stiffness("ij")),
        lateral_damping=(DAMPING["ij"], STIFFNESS["ij"] + 1 / TAU),
        lateral_push=(
            PUSH["ij"],
            sp.Mul(symbol("input", "i", real=True), symbol("input", "j", real=True)) * KICKED,
        ),
        lateral_kicked=(KICKED, _V),
        lateral_weights=(
            WEIGHTS["ij"],
            sp.MatMul(1 / SCALE, _scaled_weights("ij"), evaluate=False),
        ),
        symbols={
            "weights_of_i": sp.Tuple(PAIR["W", "ij"], PAIR["M", "ij"]),
            "delta": DEVIATION,
        },
        checks=(
            vanishes(
                "No rotation moves the deviation, and the mean update takes it back by "
                "[eq:lateral-return].",
                *written.xreplace(symmetric),
                *(moved * tangent),
                *((moved * flow - back * moved) * within),
            ),
            vanishes(
                "A sample pushes it by [eq:lateral-push].",
                *(moved * kicks.col(product) - _V),
            ),
            vanishes(
                "With the weights of [eq:lateral-weights] the deviation is itself, and nothing is "
                "read.",
                *(moved * deviated - sp.eye(2)),
                *(reading * deviated),
            ),
            vanishes(
                "With {j} equal to {i} the mean update and a sample do the same.",
                *self_pair(axes),
            ),
        ),
    )


def self_pair(axes: LeftOutAxis) -> list[sp.Expr]:
    """What must vanish for the weights along one axis to be a deviation like any other."""
    places = [axes.place(at) for at in (("W", 0, 0), ("M", 0, 0))]
    moved = sp.ImmutableMatrix([[1, 0], [0, -1]])
    flow = axes.area.rule.jacobian.extract(places, places)
    product = 1 + axes.area.rule.products.index((0, 0))
    kick = axes.area.rule.update.extract(places, [product])
    same = {LJ: LI}
    return [
        *(moved * flow - _returned("ii") * moved),
        *(moved * kick - _V),
        *(_weights("ij").xreplace(same) * moved - sp.eye(2)),
    ]


def _lateral_spread() -> Step:
    """How they fluctuate

    The product of two inputs has the variance [eq:lateral-noise-ij], the square of one
    [eq:lateral-noise-ii]. With it [eq:rule-lyapunov] is for one deviation three equations, one
    after the other for the entries of [eq:lateral-spread]. For {j} equal to {i} it holds too.
    """
    stiffness, damping, noise = STIFFNESS["ij"], DAMPING["ij"], NOISE["ij"]
    found, back = _spread(stiffness, damping, noise), _return(stiffness, damping)
    return step(
        under=[Premise.GAUSSIAN],
        lateral_noise={pair: (NOISE[pair], _noise(pair)) for pair in ("ij", "ii")},
        lateral_spread=(SPREAD["ij"], found),
        checks=(
            vanishes(
                "[eq:lateral-spread] solves [eq:rule-lyapunov].",
                *(back * found + found * back.T + ETA * noise * _V * _V.T),
            ),
        ),
    )


def _lateral_areas() -> Step:
    """Areas that turn the plane

    In the plane of {i} and {j} two deviations sweep an area with each axis {k}: those of unit {i}
    and of unit {j} with that axis. By [eq:lateral-still] it turns the plane by
    [eq:lateral-area], in deviations, where [eq:lateral-counted] says how weights count. The part
    of the area that the mean update sweeps is the change of a bounded quantity where
    [eq:lateral-poisson] holds; this is [eq:rule-poisson] with the area added to the corrector, four
    linear equations. The response [eq:rule-response] of either deviation to the push that the
    other one gets is then [eq:lateral-answer-ik] and [eq:lateral-answer-jk].
    """
    first, second = SWEPT["ik"]
    area, corrected = AREA["ik"], CORRECTED["ik"]
    return step(
        lateral_area=(area, WEIGHTS[first].T * COUNTED * WEIGHTS[second] / SCALE),
        lateral_counted=(COUNTED, _T),
        lateral_poisson=(
            RETURN[first].T * corrected + corrected * RETURN[second],
            2 * RETURN[first].T * area,
        ),
        lateral_answer={
            "ik": (ANSWER["ik"], corrected * PUSH["jk"]),
            "jk": (ANSWER["jk"], (corrected - 2 * area).T * PUSH["ik"]),
        },
        symbols={"k": K_INDEX},
        checks=(
            vanishes(
                "With arbitrary returns and an arbitrary area, what the mean update sweeps in a "
                "step is at leading order what the corrector changes by.",
                *_swept(),
            ),
        ),
    )


def _swept() -> list[sp.Expr]:
    """Area of a step and change of the corrector, by deviations and pushes."""

    def full(name: str) -> sp.ImmutableMatrix:
        return sp.ImmutableMatrix(2, 2, lambda a, b: sp.Symbol(f"{name}_{a}{b}"))

    def column(name: str) -> sp.ImmutableMatrix:
        return sp.ImmutableMatrix(2, 1, lambda a, _: sp.Symbol(f"{name}_{a}"))

    one, other, area = full("r"), full("s"), full("a")
    here, there, push, pushed = map(column, ("d", "e", "p", "q"))
    corrected = sylvester(one.T, other, -2 * one.T * area)
    step_here, step_there = one * here + push, other * there + pushed
    turned = here.T * area * step_there - step_here.T * area * there
    corrector = corrected - area
    changed = step_here.T * corrector * there + here.T * corrector * step_there
    answers = here.T * corrected * pushed + there.T * (corrected - 2 * area).T * push
    return [(turned + changed - answers)[0]]


def _lateral_terms(axes: LeftOutAxis) -> Step:
    """What learned axes add to the drift

    Deviations and pushes between different axes are independent, so that the trace in
    [eq:rule-variance] is a sum of two, [eq:rule-third-term]. With the axes of the plane itself in
    the place of {k} the same holds, [eq:rule-own-term]: one of the two deviations is then the one
    along an axis, and {P_ji} in [eq:lateral-area] is [eq:lateral-weights] with {i} and {j}
    exchanged. What they are in variances, at the slowness of a study, is told with its results.
    """
    numbers = dict(POINT)
    shares = shipped(axes.rule.name).at(numbers).shares

    def share(key: str) -> sp.Expr:
        (first, second), area, corrected = SWEPT[key], AREA[key], CORRECTED[key]
        outer = KICKED * KICKED.T
        rest = corrected - 2 * area
        return (
            NOISE[second] * sp.Trace(SPREAD[first] * corrected * outer * corrected.T)
            + NOISE[first] * sp.Trace(SPREAD[second] * rest.T * outer * rest)
        ) / ETA

    known = matrices_at(numbers) | {LEARNED: shares.learned, OWN: shares.own}

    def value(line: sp.Basic) -> sp.Expr:
        return sp.sympify(evaluate_matrix(line, known)).xreplace(numbers | {ETA: sp.S.One})

    reason = (
        "[eq:rule-variance] over {cube}, with [eq:lateral-answer-ik] and [eq:lateral-answer-jk]"
    )
    return step(
        under=[Premise.GAUSSIAN, Premise.LEADING_ORDER],
        rule_third_term=chain(LEARNED, (reason, share("ik")), value=value, method=Method.POINTS),
        rule_own_term=chain(
            OWN,
            ("[eq:rule-third-term] with {i} and with {j} for {k}", share("ii") + share("jj")),
            value=value,
            method=Method.POINTS,
        ),
        symbols={"k": K_INDEX, "cube": ETA**3, "P_ji": MIRRORED},
    )


def matrices_at(numbers: Mapping[sp.Basic, sp.Expr]) -> dict[sp.Basic, sp.Basic]:
    """What stands in the terms, with numbers for variances and the slowness, per learning rate."""

    def at(matrix: sp.MatrixBase) -> sp.ImmutableMatrix:
        return sp.ImmutableMatrix(matrix.xreplace({**numbers, ETA: sp.S.One}))

    known: dict[sp.Basic, sp.Basic] = {KICKED: at(_V), COUNTED: at(_T), ETA: sp.S.One}
    for pair in PAIRS:
        back, noise = at(_returned(pair)), _noise(pair).xreplace(numbers)
        known |= {
            RETURN[pair]: back,
            SPREAD[pair]: at(_spread(-back[1, 0], -back[1, 1], noise)),
            NOISE[pair]: noise,
        }
    scale = _scale("ij").xreplace(numbers)
    # The weights of unit i in the first deviation, and those of unit j in the second one.
    units = {"ik": ("ik", "jk"), "ii": ("ii", "ji"), "jj": ("ij", "jj")}
    for key, (first, second) in SWEPT.items():
        here, there = (at(_weights(unit)) for unit in units[key])
        area = sp.ImmutableMatrix(here.T * known[COUNTED] * there / scale)
        back = known[RETURN[first]].T
        known[AREA[key]] = area
        known[CORRECTED[key]] = sp.ImmutableMatrix(
            sylvester(back, known[RETURN[second]], -2 * back * area)
        )
    return known

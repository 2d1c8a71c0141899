"""Three layers on axes: letters of deviations between two axes, and what rates and areas they have.

At leading order in the weight decay; axes ``i``, ``j`` and ``k`` are learned, ``l`` is not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType

import sympy as sp

from symdrift.algebra.rational import factor, leading_term
from symdrift.algebra.wick import expectation
from symdrift.derivation.symbols import GAMMA, symbol
from symdrift.theory.rules.deep_network import LAYERS, at_numbers
from symdrift.theory.rules.rule_area import RuleArea
from symdrift.theory.rules.shipped_rules import weight

AXES = "ijkl"
W: Mapping[str, sp.Expr] = MappingProxyType(
    {index: weight("W", index) for index in "ijk"} | {"l": sp.S.Zero}
)
VARIANCES = {index: symbol("input_variance", index) for index in AXES}
X = {index: symbol("input", index, real=True) for index in AXES}
WI, WJ, WK = (W[index] for index in "ijk")
LI, LJ, LK, LL = VARIANCES.values()

PAIRS = ("ij", "ji", "ii", "jj", "ik", "ki", "jk", "kj", "il", "jl")
RATE, KICK, MOVED, SENT = (
    {pair: sp.Symbol(f"deep_{name}_{pair}", real=True) for pair in PAIRS}
    for name in ("rate", "kick", "deviation_of", "error_of")
)
REACH = {pair: sp.Symbol(f"deep_reach_{pair}", positive=True) for pair in ("ij", "il")}
TOGETHER = (*((pair, pair) for pair in PAIRS), ("ik", "ki"), ("jk", "kj"), ("ij", "ji"))
NOISE, FLUCTUATION = (
    {(one, two): sp.Symbol(f"deep_{name}_{one}_{two}", real=True) for one, two in TOGETHER}
    for name in ("noise", "fluctuation")
)
ROWS, COLUMNS, LEFT_OUT = (
    {layer: sp.Symbol(f"deep_area_{name}_{layer}", real=True) for layer in "12bd"}
    for name in ("rows", "columns", "left_out")
)
ANSWER = {
    (layer, pair): sp.Symbol(f"deep_answer_{layer}_{pair}", real=True)
    for layer in "bd"
    for pair in ("ik", "jk", "ki", "kj", "il", "jl")
}
BEND, CORRECTOR, TURNED = sp.symbols("deep_bend deep_corrector deep_turned", real=True)
OWN, THIRD, OTHER, TOTAL, AT_I, AT_J = (
    sp.Symbol(f"deep_share_{name}", real=True)
    for name in ("own", "third", "other", "total", "third_i", "third_j")
)
OTHER_OF, TOTAL_OF = (
    {pair: sp.Symbol(f"deep_share_{name}_{pair}", real=True) for pair in ("11", "12", "22")}
    for name in ("other", "total")
)
NUMBERS: Mapping[sp.Symbol, sp.Integer] = MappingProxyType(
    dict(zip((WI, WJ, WK, LI, LJ, LK, LL), map(sp.Integer, (1, 2, 3, 5, 3, 2, 7)), strict=True))
)
"""For weights and variances, where the weight decay stays a symbol."""
LAYER_WEIGHT, VARIANCE = weight("W", ""), symbol("input_variance")
EQUAL_WEIGHTS = dict.fromkeys((WI, WJ, WK), LAYER_WEIGHT)
PLANES = {pair: sp.IndexedBase(f"deep_plane_{pair}") for pair in OTHER_OF}
STORED = sp.Symbol("deep_stored", real=True)
TANGENTS, READINGS = (
    {k: sp.MatrixSymbol(f"deep_{name}_{k}", 6, 1) for k in (1, 2)}
    for name in ("tangent", "reading")
)
LENGTHS, FLOW = (sp.MatrixSymbol(f"deep_{name}", 2, 2) for name in ("lengths", "flow"))
FLOW_OF = {pair: sp.Symbol(f"deep_flow_{pair}", real=True) for pair in ("ii", "il")}
PAIR = {
    (k, pair): sp.Symbol(f"deep_weight_{k}_{pair}", real=True)
    for k in LAYERS
    for pair in ("ij", "ji")
}


def _two(pair: tuple[str, str]) -> str:
    return pair[0] if pair[0] == pair[1] else f"{pair[0]},{pair[1]}"


LATEX: dict[sp.Basic, str] = {
    **{letter: f"r_{{{pair}}}" for pair, letter in RATE.items()},
    **{letter: rf"\zeta_{{{pair}}}" for pair, letter in KICK.items()},
    **{letter: rf"\mathcal{{M}}_{{{pair}}}" for pair, letter in MOVED.items()},
    **{letter: rf"\mathcal{{E}}_{{{pair}}}" for pair, letter in SENT.items()},
    **{letter: f"c_{{{pair}}}" for pair, letter in REACH.items()},
    **{letter: f"C_{{{_two(pair)}}}" for pair, letter in NOISE.items()},
    **{letter: rf"\Gamma_{{{_two(pair)}}}" for pair, letter in FLUCTUATION.items()},
    **{letter: rf"\mathcal{{A}}^{{{layer}}}_{{ik,jk}}" for layer, letter in ROWS.items()},
    **{letter: rf"\mathcal{{A}}^{{{layer}}}_{{ki,kj}}" for layer, letter in COLUMNS.items()},
    **{letter: rf"\mathcal{{A}}^{{{layer}}}_{{il,jl}}" for layer, letter in LEFT_OUT.items()},
    **{letter: f"z^{{{layer}}}_{{{pair}}}" for (layer, pair), letter in ANSWER.items()},
    BEND: r"\mathcal{B}_{ik,jk}",
    CORRECTOR: "K_{ik,jk}",
    TURNED: r"\xi_{ik,jk}",
    OWN: "T^{bd}_{ij}",
    THIRD: "T^{bd}_{ijk}",
    OTHER: "T^{bd}_{ijl}",
    AT_I: "T^{bd}_{iji}",
    AT_J: "T^{bd}_{ijj}",
    TOTAL: "V^{bd}_{ij}",
    **{letter: f"T^{{{pair}}}_{{ijl}}" for pair, letter in OTHER_OF.items()},
    **{letter: f"V^{{{pair}}}_{{ij}}" for pair, letter in TOTAL_OF.items()},
    **{base.label: f"V^{{{pair}}}" for pair, base in PLANES.items()},
    STORED: r"\delta(\mathcal{M}_{ik}\mathcal{M}_{jk})/\eta",
    LAYER_WEIGHT: "w",
    **{letter: rf"(\tilde\Omega_{k}\theta^{{*}})_{{ij}}" for k, letter in TANGENTS.items()},
    **{letter: f"u^{k}_{{ij}}" for k, letter in READINGS.items()},
    LENGTHS: "G_{ij}",
    FLOW: "R_{ij}",
    **{letter: f"R_{{{pair}}}" for pair, letter in FLOW_OF.items()},
    **{letter: rf"(W_{k})_{{{pair}}}" for (k, pair), letter in PAIR.items()},
}

MEANINGS = (
    (REACH["ij"], "how far an error between two axes moves the learned map there", "scalar"),
    (RATE["ij"], "rate at which a deviation between two axes returns", "scalar"),
    (KICK["ij"], "error of a sample between two axes, less its mean", "scalar"),
    (NOISE["ij", "ij"], "variance of that error", "scalar"),
    (FLUCTUATION["ij", "ij"], "variance of the deviation between two axes", "scalar"),
    (ROWS["1"], "how far the area of two deviations turns layer 1", "scalar"),
    (OWN, "contribution of the two axes of a plane, layers b and d", "scalar"),
    (THIRD, "contribution of a third learned axis, layers b and d", "scalar"),
    (OTHER, "contribution of an axis that is not learned, layers b and d", "scalar"),
    (TOTAL, "covariance of the rotations of layers b and d", "rad^2 per step"),
    (FLOW, "relaxation of the deviations of two axes", "2 by 2"),
)


def standing_for(values: Mapping[sp.Basic, sp.Basic]) -> Callable[[sp.Basic], sp.Basic]:
    """What a line stands for, with these in the place of letters."""
    return lambda line: line.xreplace(values)


def reach(pair: str) -> sp.Expr:
    """How far a unit error between two axes moves the learned map between them."""
    one, two = (W[index] for index in pair)
    return one**4 + one**2 * two**2 + two**4


def rate(pair: str) -> sp.Expr:
    """At which a deviation between two axes returns."""
    return VARIANCES[pair[1]] * reach(pair)


def kick(pair: str) -> sp.Expr:
    """Error of a sample between two axes, less its mean."""
    one, two = pair[0], pair[1]
    mean = VARIANCES[one] if one == two else 0
    return GAMMA / (VARIANCES[one] * W[one]) * (X[one] * X[two] - mean)


def averaged(expression: sp.Expr) -> sp.Expr:
    """Mean over Gaussian inputs, independent along their axes."""
    covariance = {(X[index], X[index]): VARIANCES[index] for index in AXES}
    return factor(expectation(sp.expand(expression), covariance))


def noise(pair: tuple[str, str]) -> sp.Expr:
    """Covariance of the errors between two pairs of axes."""
    return averaged(kick(pair[0]) * kick(pair[1]))


def area_numerators(layer: str, k: str) -> tuple[sp.Expr, sp.Expr]:
    """Areas of ``ik`` and ``jk`` in a column, ``ki`` and ``kj`` in a row, times twice the reach."""
    squares = WI**2 * WJ**2 + (WI**2 + WJ**2) * W[k] ** 2
    found = WI**2 * WJ**2 * (WI**2 + WJ**2 + W[k] ** 2), WI * WJ * squares
    return found if layer == "1" else found[::-1]


def areas(layer: str, k: str) -> tuple[sp.Expr, sp.Expr]:
    """How far these areas turn a layer."""
    one, two = area_numerators(layer, k)
    return one / (2 * reach("ij")), two / (2 * reach("ij"))


def third_term() -> sp.Expr:
    """What an axis ``k`` adds to the covariance of two layers, in letters."""
    r = {pair: RATE[pair] for pair in ("ik", "jk", "ki", "kj")}
    one, two = r["ik"] + r["jk"], r["ki"] + r["kj"]
    mixed = r["ik"] * r["ki"] / (r["ik"] + r["ki"]) + r["jk"] * r["kj"] / (r["jk"] + r["kj"])
    return (
        2 * ROWS["b"] * ROWS["d"] * NOISE["ik", "ik"] * NOISE["jk", "jk"] / one
        + 2 * COLUMNS["b"] * COLUMNS["d"] * NOISE["ki", "ki"] * NOISE["kj", "kj"] / two
        + 4 * (ROWS["b"] * COLUMNS["d"] + COLUMNS["b"] * ROWS["d"])
        * NOISE["ik", "ki"] * NOISE["jk", "kj"] / (one * two) * mixed
    )  # fmt: skip


def left_out_term() -> sp.Expr:
    """What an axis ``l`` adds that nothing is asked of, in letters."""
    noises = NOISE["il", "il"] * NOISE["jl", "jl"]
    return 2 * LEFT_OUT["b"] * LEFT_OUT["d"] * noises / (RATE["il"] + RATE["jl"])


def at_axis(k: str, layers: str) -> dict[sp.Symbol, sp.Expr]:
    """What the letters of `third_term` stand for, at the axis ``k`` and for two layers.

    At one of the axes of the plane this is what that axis adds to its own plane.
    """
    first, second = (areas(layer, k) for layer in layers)
    values: dict[sp.Symbol, sp.Expr] = {
        ROWS["b"]: first[0], ROWS["d"]: second[0], COLUMNS["b"]: first[1], COLUMNS["d"]: second[1],
    }  # fmt: skip
    named = {pair: pair.replace("k", k) for pair in ("ik", "jk", "ki", "kj")}
    values |= {RATE[pair]: rate(at) for pair, at in named.items()}
    values |= {
        NOISE[one, two]: noise((named[one], named[two]))
        for one, two in NOISE
        if one in named and two in named
    }
    return values


def share(k: str, layers: str) -> sp.Expr:
    """What a learned axis adds to ``V / eta^3``, at leading order in the weight decay."""
    return third_term().xreplace(at_axis(k, layers))


def left_out_share(layers: str) -> sp.Expr:
    """What an axis ``l`` adds to it, at any weight decay."""
    first, second = (areas(layer, "l")[0] for layer in layers)
    both = LL * (WI**4 + WJ**4) + 2 * GAMMA
    return factor(2 * first * second * noise(("il", "il")) * noise(("jl", "jl")) / both)


def small(expression: sp.Expr) -> sp.Expr:
    """Leading order in the weight decay."""
    coefficient, exponent = leading_term(expression, GAMMA)
    return coefficient * GAMMA**exponent


@cache
def exact(learned: str, others: str) -> tuple[RuleArea, RuleArea]:
    """What the terms of the rule give at `NUMBERS` for each layer, without these formulas."""
    rule = at_numbers(learned, others, NUMBERS)
    return RuleArea(rule), RuleArea(rule, 1)

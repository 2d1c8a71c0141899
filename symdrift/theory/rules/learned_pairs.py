"""From the fixed orbit to the drift: what learned axes add in a tied autoencoder, line by line."""

from __future__ import annotations

from collections.abc import Iterator

import sympy as sp

from symdrift.derivation.chapter import chain, step
from symdrift.derivation.premises import Premise
from symdrift.derivation.steps import Step
from symdrift.derivation.symbols import ETA, GAMMA, symbol
from symdrift.theory.rules.left_out_weights import (
    LI,
    LJ,
    READ,
    SCALE,
    W_I,
    W_J,
    XI,
    XJ,
    LeftOutAxis,
)
from symdrift.theory.rules.rule_results import K_INDEX, LEARNED, OWN
from symdrift.theory.rules.shipped_rules import shipped
from symdrift.typesetting.printer import Mean

RATE, PUSH, NOISE = (
    {pair: sp.Symbol(f"pair_{name}_{pair}", real=True) for pair in ("ij", "ii", "jj", "ik", "jk")}
    for name in ("rate", "push", "noise")
)
AREA, SLOPE = sp.symbols("pair_area pair_slope", real=True)

LATEX: dict[sp.Basic, str] = {
    **{letter: f"r_{{{pair}}}" for pair, letter in RATE.items()},
    **{letter: rf"\zeta_{{{pair}}}" for pair, letter in PUSH.items()},
    **{letter: f"C_{{{pair}}}" for pair, letter in NOISE.items()},
    AREA: r"\mathcal{A}_{ij}",
    SLOPE: r"(\mathcal{D}^{\mathsf{T}}u)_{ii}",
}

MEANINGS = (
    (RATE["ij"], "rate at which a deviation between learned axes returns", "scalar"),
    (PUSH["ij"], "update of that deviation by a sample", "scalar"),
    (NOISE["ij"], "variance of that update", "scalar"),
    (AREA, "how far the area of two such deviations turns the plane", "scalar"),
)


def learned_pairs(axes: LeftOutAxis) -> Iterator[Step]:
    """What learned axes add, for the tied autoencoder."""
    yield _pair_deviation(axes)
    yield _learned_terms(axes)


def _values(axes: LeftOutAxis) -> dict[sp.Basic, sp.Expr]:
    """Rates and pushes of a pair and of a single axis, by the matrices of the rule."""
    linear, kicked = axes.moved(axes.rule.means)["W"], axes.rule.products["W"]

    def pull(at: tuple[int, int], *changes: tuple[sp.Expr, int, int]) -> sp.Expr:
        return -sp.Add(*(
            number * axes.entry(linear, at, ("W", a, b)) for number, a, b in changes
        )) / W_I  # fmt: skip

    both = W_I * axes.entry(kicked, (0, 1)) + W_J * axes.entry(kicked, (1, 0))
    return {
        RATE["ij"]: pull((0, 1), (W_I, 0, 1), (W_J, 1, 0)),
        RATE["ii"]: pull((0, 0), (W_I, 0, 0)),
        PUSH["ij"]: both / (W_I**2 + W_J**2),
        PUSH["ii"]: axes.entry(kicked, (0, 0)) / W_I,
    }


def _renamed(expression: sp.Expr, first: str, second: str) -> sp.Expr:
    """With other axes in the place of ``i`` and ``j``."""
    return expression.xreplace({
        LI: symbol("input_variance", first), LJ: symbol("input_variance", second),
    })  # fmt: skip


def _numbers(axes: LeftOutAxis) -> dict[sp.Symbol, sp.Expr]:
    """Rates and noises of all pairs, in variances."""
    found = _values(axes)
    push = {pair: axes.rested(sp.expand(found[PUSH[pair]]).coeff(product))
            for pair, product in (("ij", XI * XJ), ("ii", XI**2))}  # fmt: skip
    rate = {pair: axes.rested(found[RATE[pair]]) for pair in ("ij", "ii")}
    noise = {"ij": push["ij"] ** 2 * LI * LJ, "ii": 2 * push["ii"] ** 2 * LI**2}
    known: dict[sp.Symbol, sp.Expr] = {}
    for letters, values in ((RATE, rate), (NOISE, noise)):
        for first, second in ("ij", "ik", "jk"):
            known[letters[first + second]] = _renamed(values["ij"], first, second)
        for index in ("i", "j"):
            known[letters[index * 2]] = _renamed(values["ii"], index, index)
    return known


def _pair_deviation(axes: LeftOutAxis) -> Step:
    """Deviations between learned axes

    Of the two weights between the learned axes {i} and {j} one direction is the tangent vector.
    The flow is symmetric, so that the other one, {direction}, is left to itself: a deviation along
    it returns at the rate [eq:rule-pair-return-ij]. Along a single axis the weight returns at
    [eq:rule-pair-return-ii]. A sample moves these deviations by [eq:rule-pair-push-ij] and
    [eq:rule-pair-push-ii], with the variances [eq:rule-pair-noise-ij] and [eq:rule-pair-noise-ii].
    Read as a rotation, the update of a sample between {i} and {j} changes with the deviation along
    {i} by [eq:rule-pair-slope]: by what pushes the deviation between the two, times the area
    [eq:rule-pair-area]. It is the area of two weights in [eq:rule-slope], with deviations that are
    counted in weights.
    """
    found, numbers = _values(axes), _numbers(axes)
    sloped = axes.moved(axes.rule.products)["W"]
    slope = sp.Add(*(
        READ["W", pair] * W_I * axes.entry(sloped, at, ("W", 0, 0))
        for pair, at in (("ij", (0, 1)), ("ji", (1, 0)))
    ))  # fmt: skip
    area = W_I * W_J / SCALE
    known = found | {SLOPE: slope, AREA: slope / found[PUSH["ij"]]}
    known |= {NOISE[pair]: numbers[NOISE[pair]] for pair in ("ij", "ii")}

    def value(line: sp.Basic) -> sp.Expr:
        return axes.value(line.xreplace(known))

    rests = "[eq:rule-rest-W]"
    coefficient = axes.rested(sp.expand(found[PUSH["ij"]]).coeff(XI * XJ))
    along = axes.rested(sp.expand(found[PUSH["ii"]]).coeff(XI**2))
    raw = {pair: found[RATE[pair]] for pair in ("ij", "ii")}
    return step(
        under={"rule_pair_noise": [Premise.GAUSSIAN]},
        rule_pair_return={
            "ij": chain(
                RATE["ij"],
                (
                    "[eq:rule-flow] along this direction, less its sign",
                    sp.expand(raw["ij"]),
                ),
                (rests, axes.rested(raw["ij"])),
                value=value,
            ),
            "ii": chain(
                RATE["ii"],
                ("[eq:rule-linear-W] along the axis, less its sign", sp.expand(raw["ii"])),
                (rests, axes.rested(raw["ii"])),
                value=value,
            ),
        },
        rule_pair_push={
            "ij": chain(
                PUSH["ij"],
                ("[eq:rule-pair-kick-W] both ways, along this direction", found[PUSH["ij"]]),
                (rests, coefficient * XI * XJ),
                value=value,
            ),
            "ii": chain(
                PUSH["ii"],
                ("[eq:rule-sample-W] on the axis, over the weight", found[PUSH["ii"]]),
                (rests, along * XI**2 - GAMMA),
                value=value,
            ),
        },
        rule_pair_noise={
            "ij": chain(
                NOISE["ij"],
                ("the mean square of [eq:rule-pair-push-ij]", Mean(PUSH["ij"] ** 2)),
                ("Gaussian inputs, independent along their axes", numbers[NOISE["ij"]]),
                value=value,
            ),
            "ii": chain(
                NOISE["ii"],
                ("the mean square of [eq:rule-pair-push-ii]", Mean(PUSH["ii"] ** 2)),
                ("Gaussian inputs", numbers[NOISE["ii"]]),
                value=value,
            ),
        },
        rule_pair_slope=chain(
            SLOPE,
            ("the derivative of [eq:rule-sample-W] by the deviation along {i}, read", slope),
            ("[eq:rule-read] and [eq:rule-pair-push-ij]", area * PUSH["ij"]),
            value=value,
        ),
        rule_pair_area=chain(
            AREA, ("[eq:rule-pair-slope] over [eq:rule-pair-push-ij]", area), value=value
        ),
        symbols={"direction": sp.Tuple(W_I, W_J)},
    )


def _learned_terms(axes: LeftOutAxis) -> Step:
    """What learned axes add to the drift

    As with an axis that is not learned, two deviations that return by themselves turn the plane by
    the area that they sweep, and add twice the product of their noises over the sum of their rates,
    times the square of the area. With a third learned axis {k} these are the deviations between
    {i} and {k} and between {j} and {k}, [eq:rule-third-term]. With the axes of the plane itself
    they are the one between {i} and {j} and that along {i}, or that along {j}, which are
    kicked independently: [eq:rule-own-term].
    """
    numbers, shares = _numbers(axes), shipped(axes.rule.name).shares
    area = W_I * W_J / SCALE

    def share(first: str, second: str) -> sp.Expr:
        return 2 * AREA**2 * NOISE[first] * NOISE[second] / (RATE[first] + RATE[second])

    def value(line: sp.Basic) -> sp.Expr:
        known = numbers | {AREA: area, LEARNED: shares.learned, OWN: shares.own}
        return axes.value(line.xreplace(known))

    reason = "[eq:rule-variance] over {cube}, as in [eq:rule-term]"
    cited = (
        "[eq:rule-pair-area], [eq:rule-pair-noise-ij] and [eq:rule-pair-return-ij] for each pair"
    )
    return step(
        under=[Premise.GAUSSIAN, Premise.LEADING_ORDER],
        rule_third_term=chain(
            LEARNED,
            (reason, share("ik", "jk")),
            (cited, share("ik", "jk").xreplace(numbers).xreplace({AREA: area})),
            value=value,
        ),
        rule_own_term=chain(
            OWN,
            (reason, share("ii", "ij") + share("jj", "ij")),
            (
                f"{cited}, with [eq:rule-pair-noise-ii] and [eq:rule-pair-return-ii]",
                (share("ii", "ij") + share("jj", "ij")).xreplace(numbers).xreplace({AREA: area}),
            ),
            value=value,
        ),
        symbols={"k": K_INDEX, "cube": ETA**3},
    )

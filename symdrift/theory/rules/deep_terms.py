"""What axes add: terms of three layers on representative axes, and those of equal gains."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import sympy as sp

from symdrift.algebra.rational import cancel, factor, leading_term
from symdrift.derivation.chapter import chain, holds, step, vanishes
from symdrift.derivation.premises import Premise
from symdrift.derivation.steps import Method, Step
from symdrift.derivation.symbols import ETA, GAMMA, INPUTS
from symdrift.derivation.vocabulary import HIDDEN
from symdrift.theory.rules.deep_axes import (
    ANSWER,
    AT_I,
    AT_J,
    COLUMNS,
    EQUAL_WEIGHTS,
    FLUCTUATION,
    KICK,
    LAYER_WEIGHT,
    LEFT_OUT,
    LI,
    LJ,
    LK,
    LL,
    NOISE,
    NUMBERS,
    OTHER,
    OTHER_OF,
    OWN,
    RATE,
    ROWS,
    THIRD,
    TOTAL_OF,
    VARIANCE,
    WI,
    WJ,
    areas,
    exact,
    left_out_share,
    left_out_term,
    noise,
    share,
    small,
    standing_for,
    third_term,
)
from symdrift.theory.rules.rule_results import K_INDEX
from symdrift.theory.rules.shipped_rules import told
from symdrift.typesetting.printer import Mean

LAYERS_OF = {"11": (0, 0), "12": (0, 1), "22": (1, 1)}
"""Positions of the hidden layers whose rotations vary together."""


def deep_terms() -> Iterator[Step]:
    """The chapter, for three layers."""
    yield _deep_left_out()
    yield _deep_third()
    yield _deep_own()
    yield _deep_equal()


def _in_letters(area: Mapping[str, sp.Symbol], one: str, two: str) -> dict[sp.Symbol, sp.Expr]:
    """Responses of two layers to two deviations, by their rates and the kicks of the other."""
    both = RATE[one] + RATE[two]
    return {
        ANSWER[layer, pair]: sign * 2 * area[layer] * RATE[pair] / both * KICK[other]
        for layer in "bd"
        for sign, pair, other in ((1, one, two), (-1, two, one))
    }


def _traced(pairs: tuple[tuple[str, ...], ...]) -> sp.Expr:
    """The trace of the variance of a rotation over groups of deviations, over ``eta^3``."""
    return sp.Add(*(
        Mean(ANSWER["b", one] * ANSWER["d", two]) * FLUCTUATION[_known(one, two)] / ETA
        for group in pairs
        for one in group
        for two in group
    ))  # fmt: skip


def _known(one: str, two: str) -> tuple[str, str]:
    return (one, two) if (one, two) in NOISE else (two, one)


def _of_letters(answers: Mapping[sp.Symbol, sp.Expr], line: sp.Basic) -> sp.Expr:
    """What a trace stands for, in areas, rates and covariances of kicks."""
    pairs = {letter: pair for pair, letter in KICK.items()}

    def mean(product: sp.Expr) -> sp.Expr:
        answered = product.xreplace(answers)
        kicks = [
            pairs[base]
            for base, power in (part.as_base_exp() for part in sp.Mul.make_args(answered))
            if base in pairs
            for _ in range(int(power))
        ]
        return answered / sp.Mul(*(KICK[pair] for pair in kicks)) * NOISE[_known(*kicks)]

    spread = {
        letter: ETA * NOISE[pair] / (RATE[pair[0]] + RATE[pair[1]])
        for pair, letter in FLUCTUATION.items()
    }
    return line.replace(Mean, mean).xreplace(spread)


def _deep_left_out() -> Step:
    """What an axis that is not learned adds

    Along an axis {l} the teacher asks for nothing and no unit is there, but its input meets the
    errors of the others. Its two deviations are kicked independently and return by themselves at
    any weight decay, [eq:deep-single-il], so that here no order but that of the learning rate is
    neglected. Any two layers turn together by [eq:deep-other]: the product of the noises
    over the sum of the rates. With the numbers of the axes this is [eq:deep-left-11] for the first
    layer, [eq:deep-left-22] for the second one, and [eq:deep-left-12] for both together. The
    first layer, which has the weights from that axis, turns farther.
    """
    answers = _in_letters(LEFT_OUT, "il", "jl")
    area = exact("ij", "l")

    def value(line: sp.Basic) -> sp.Expr:
        known: dict[sp.Basic, sp.Expr] = {OTHER: left_out_term()}
        return _of_letters(answers, line.xreplace(known))

    return step(
        under=[Premise.GAUSSIAN, Premise.LEADING_ORDER],
        deep_other=chain(
            OTHER,
            ("[eq:rule-variance] over {cube}", _traced((("il",), ("jl",)))),
            ("[eq:deep-answer-ik] and [eq:deep-spread] for this axis", left_out_term()),
            value=value,
        ),
        deep_left={
            layers: chain(
                OTHER_OF[layers],
                (
                    "[eq:deep-other] with [eq:deep-rows-1], [eq:deep-rows-2], [eq:deep-noise-ij] "
                    "and [eq:deep-single-il]",
                    left_out_share(layers),
                ),
                value=standing_for({OTHER_OF[layers]: _put_in_left_out(layers)}),
            )
            for layers in LAYERS_OF
        },
        symbols={"cube": ETA**3},
        checks=(
            vanishes(
                "At rational weights and variances and any weight decay, the terms of the rule "
                "give [eq:deep-left-11], [eq:deep-left-12] and [eq:deep-left-22].",
                *(
                    area[one].shares_with(area[two])[(2,)]
                    - left_out_share(layers).xreplace(NUMBERS)
                    for layers, (one, two) in LAYERS_OF.items()
                ),
                method=Method.POINTS,
            ),
        ),
    )  # fmt: skip


def _put_in_left_out(layers: str) -> sp.Expr:
    first, second = (areas(layer, "l")[0] for layer in layers)
    return left_out_term().xreplace({
        LEFT_OUT["b"]: first, LEFT_OUT["d"]: second,
        RATE["il"]: LL * WI**4 + GAMMA, RATE["jl"]: LL * WJ**4 + GAMMA,
        **{NOISE[pair, pair]: noise((pair, pair)) for pair in ("il", "jl")},
    })  # fmt: skip


def _deep_third() -> Step:
    """What a third learned axis adds

    With a third learned axis {k} there are two areas: one in the column of {k}, one in its row. The
    same inputs and errors kick both, so that they turn the plane together. The trace in
    [eq:rule-variance] is over four deviations, of which those of {i} and those of {j} are kicked
    together among themselves, and it becomes [eq:deep-third]: a term for each area, and one for
    both.
    """
    answers = _in_letters(ROWS, "ik", "jk") | _in_letters(COLUMNS, "ki", "kj")
    area = exact("ijk", "")

    def value(line: sp.Basic) -> sp.Expr:
        return _of_letters(answers, line.xreplace({THIRD: third_term()}))

    return step(
        under=[Premise.GAUSSIAN, Premise.LEADING_ORDER, Premise.SMALL_DECAY],
        deep_third=chain(
            THIRD,
            ("[eq:rule-variance] over {cube}", _traced((("ik", "ki"), ("jk", "kj")))),
            ("[eq:deep-answer-ik], [eq:deep-answer-jk] and [eq:deep-spread]", third_term()),
            value=value,
        ),
        symbols={"cube": ETA**3, "k": K_INDEX},
        checks=(
            holds(
                "At rational weights and variances [eq:deep-third], with the numbers of the axes, "
                "is the leading order in the weight decay of what the terms of the rule give for "
                "both layers together.",
                Method.ORDER,
                lambda: _leads(area[0].shares_with(area[1])[(2,)], share("k", "12")),
            ),
        ),
    )


def _leads(exact: sp.Expr, leading: sp.Expr) -> bool:
    """Whether it is the leading order in the weight decay, at `NUMBERS`."""
    coefficient, exponent = leading_term(exact, GAMMA)
    return bool(cancel(coefficient * GAMMA**exponent - leading.xreplace(NUMBERS)) == 0)


def _deep_own() -> Step:
    """What the two axes of a plane add

    In the plane of {i} and {j} the two deviations between these axes sweep areas with that along
    {i} and with that along {j}, which are kicked independently. Both are the case of
    [eq:deep-third] where the third axis is one of the two, with the variance [eq:deep-noise-ii] and
    with the covariance [eq:deep-noise-both]: {at_i} with {i} in the place of {k}, {at_j} with {j}.
    Their sum is [eq:deep-own].
    """
    area = exact("ij", "l")
    return step(
        under=[Premise.GAUSSIAN, Premise.LEADING_ORDER, Premise.SMALL_DECAY],
        deep_own=(OWN, AT_I + AT_J),
        symbols={"at_i": AT_I, "at_j": AT_J, "k": K_INDEX},
        checks=(
            holds(
                "At rational weights and variances [eq:deep-own], with the numbers of the axes, is "
                "the leading order in the weight decay of what the terms of the rule give for each "
                "layer and for both together.",
                Method.ORDER,
                lambda: all(
                    _leads(
                        area[one].shares_with(area[two])[()],
                        share("i", layers) + share("j", layers),
                    )
                    for layers, (one, two) in LAYERS_OF.items()
                ),
            ),
        ),
    )


def alike_total(layers: str) -> sp.Expr:
    """Covariance per step in each plane, with equal gains and learned variances."""
    weighed = {"11": 9, "12": 18, "22": 36}[layers]
    number = (HIDDEN + 2) / sp.Integer(3) + (INPUTS - HIDDEN) * LL / (weighed * VARIANCE)
    return ETA**3 * GAMMA**4 / (VARIANCE * LAYER_WEIGHT**4) * number


def _deep_equal() -> Step:
    """Equal gains

    Where the teacher has the same gain on all learned axes the weights {w} are the same too, up to
    the order of the weight decay, and all areas of learned axes are {half}. A third axis then adds
    [eq:deep-equal-third], the two axes of the plane add [eq:deep-equal-own], to each layer and to
    both together: what is learned turns the two layers as one. An axis that is not learned adds
    [eq:deep-equal-11], [eq:deep-equal-12] and [eq:deep-equal-22], which turns the first layer twice
    as far as the second.

    With the same variance {variance} on all learned axes the {p} units of each layer rotate in
    every plane by [eq:deep-alike-11], [eq:deep-alike-12] and [eq:deep-alike-22] per step. All drift
    is of the third power of the learning rate and the fourth of the weight decay, as with two
    layers that are trained by a teacher, and of the first power of the variance of what is not
    learned.
    """
    alike = dict.fromkeys((LI, LJ, LK), VARIANCE)
    thirds, owns = (
        {pair: factor(found.xreplace(EQUAL_WEIGHTS)) for pair, found in shares.items()}
        for shares in (
            {pair: share("k", pair) for pair in OTHER_OF},
            {pair: share("i", pair) + share("j", pair) for pair in OTHER_OF},
        )
    )
    left = {pair: small(left_out_share(pair).xreplace(EQUAL_WEIGHTS)) for pair in OTHER_OF}

    def summed(pair: str) -> sp.Expr:
        """Over all axes, in each plane."""
        counted = (1, HIDDEN - 2, INPUTS - HIDDEN)
        parts = (owns[pair], thirds[pair], left[pair])
        return ETA**3 * sp.Add(*(
            number * part.xreplace(alike) for number, part in zip(counted, parts, strict=True)
        ))  # fmt: skip

    return step(
        under=[Premise.SMALL_DECAY],
        deep_equal_third=chain(
            THIRD,
            ("[eq:deep-third] with [eq:deep-rows-1], [eq:deep-columns-1], [eq:deep-noise-ij], "
             "[eq:deep-noise-both] and [eq:deep-rate] at equal weights", told(thirds["12"])),
            value=standing_for({THIRD: thirds["12"]}),
        ),
        deep_equal_own=chain(
            OWN,
            ("[eq:deep-own] with the same and [eq:deep-noise-ii]", told(owns["12"])),
            value=standing_for({OWN: owns["12"]}),
        ),
        deep_equal={
            pair: chain(
                OTHER_OF[pair],
                (f"[eq:deep-left-{pair}] at leading order in the weight decay", told(left[pair])),
                value=standing_for({OTHER_OF[pair]: left[pair]}),
            )
            for pair in OTHER_OF
        },
        deep_alike={
            pair: chain(
                TOTAL_OF[pair],
                (
                    f"[eq:deep-equal-own], [eq:deep-equal-third] and [eq:deep-equal-{pair}]",
                    alike_total(pair),
                ),
                value=standing_for({TOTAL_OF[pair]: summed(pair)}),
            )
            for pair in OTHER_OF
        },
        symbols={"w": LAYER_WEIGHT, "variance": VARIANCE, "half": LAYER_WEIGHT**2 / 2},
        checks=(
            vanishes(
                "With equal weights the areas of learned axes are {half} in both layers.",
                *(
                    area.xreplace(EQUAL_WEIGHTS) - LAYER_WEIGHT**2 / 2
                    for layer in "12"
                    for k in "ijk"
                    for area in areas(layer, k)
                ),
            ),
            vanishes(
                "Then learned axes add the same to each layer and to both together.",
                *(
                    found[pair] - found["12"]
                    for found in (thirds, owns)
                    for pair in ("11", "22")
                ),
            ),
        ),
    )  # fmt: skip

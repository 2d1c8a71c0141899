"""From the fixed orbit to the drift: what an axis that is not learned adds to it, line by line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

import sympy as sp

from symdrift.algebra.matrices import evaluate_matrix
from symdrift.derivation.chapter import chain, step, vanishes
from symdrift.derivation.premises import Premise
from symdrift.derivation.steps import Step
from symdrift.derivation.symbols import ETA
from symdrift.theory.rules.lateral_pairs import lateral_pairs
from symdrift.theory.rules.learned_pairs import learned_pairs
from symdrift.theory.rules.left_out_weights import (
    ANSWER,
    BEND,
    CHANGES,
    CORRECTOR,
    FLOW,
    FLUCTUATION,
    KICK,
    LI,
    LL,
    MEAN_CHANGE,
    NOISE,
    PAIR,
    PAIR_KICK,
    PAIR_READING,
    PLANES,
    RATE,
    SCALE,
    SLOPE,
    TANGENT,
    XI,
    XJ,
    XL,
    LeftOutAxis,
    swapped,
)
from symdrift.theory.rules.rule_results import OTHER
from symdrift.theory.rules.shipped_rules import TAU
from symdrift.theory.rules.written_rules import (
    LETTERS,
    MEAN,
    SAMPLE,
    WRITTEN,
    WrittenRule,
    any_network,
)
from symdrift.typesetting.printer import Mean

LEARNED: Mapping[str, str] = MappingProxyType({
    "oja": "This vanishes where the axes rest, [eq:rule-rest-W], for equal axes too. What is "
    "learned makes no noise, and all drift is driven by what is left out.",
    "tied_autoencoder": "The kick is proportional to the weight decay. So are the noise of the "
    "learned axes and what it adds to the drift: without weight decay all drift is driven by what "
    "is left out.",
    "similarity_matching": "Weights from the inputs and within the layer are kicked together, the "
    "latter {tau_M} times less.",
})  # fmt: skip
"""What the kicks between learned axes say of each rule."""


def left_out_axis(name: str) -> Iterator[Step]:
    """The chapter, for a shipped rule.

    Parameters
    ----------
    name : str
        As studies call it.
    """
    axes = LeftOutAxis(WRITTEN[name])
    yield _linear_response(axes)
    yield _axis_left_out(axes)
    yield _read_pair(axes)
    yield _answer(axes)
    yield _other_term(axes)
    yield _learned_kicks(axes)
    if name == "tied_autoencoder":
        yield from learned_pairs(axes)
    elif name == "similarity_matching":
        yield from lateral_pairs(axes)


def _linear_response(axes: LeftOutAxis) -> Step:
    """The mean update near the orbit

    Weights that differ a little from a point of the orbit are pulled by the mean update at first
    order in the difference. By the product rule one factor of <means> changes after the other,
    which gives <updates>.
    """
    rule = axes.rule
    network = any_network(rule, 2, 3)
    changes = {
        CHANGES[name]: sp.ImmutableMatrix(
            *network.entries[LETTERS[name]].shape,
            lambda a, b, name=name: sp.Symbol(f"change_{name}_{a + 1}{b + 1}"),
        )
        for name in rule.updates
    }
    moving = [
        (entry, change)
        for name in rule.updates
        for entry, change in zip(
            network.entries[LETTERS[name]], changes[CHANGES[name]], strict=True
        )
    ]
    found = {
        MEAN_CHANGE[name]: sp.ImmutableMatrix(
            sum(
                (network.values[MEAN[name]].diff(entry) * change for entry, change in moving),
                sp.zeros(*network.values[MEAN[name]].shape),
            )
        )
        for name in rule.updates
    }
    return step(
        rule_linear={
            name: chain(
                MEAN_CHANGE[name],
                (f"the product rule on [eq:rule-mean-{name}]", line),
                value=lambda line: evaluate_matrix(line, {**network.values, **changes, **found}),
            )
            for name, line in axes.moved(rule.means).items()
        },
        words={
            "means": _cited("rule-mean", rule),
            "updates": _cited("rule-linear", rule),
        },
    )


def _axis_left_out(axes: LeftOutAxis) -> Step:
    """A weight from an axis that is not learned

    The weight of unit {i} from an axis {l} that no unit has learned is zero at rest and is mixed
    with no other: in [eq:rule-linear-W] its change alone pulls on it, and it returns at the rate
    [eq:rule-return]. This is positive where {lambda_i} is larger than {lambda_l}: the orbit on
    which learning ends has for learned axes those along which the inputs vary most. A sample
    kicks the weight by [eq:rule-kick], with {x_i} and {x_l} the components of the input, so that
    its noise has the variance [eq:rule-kicks], and the weight fluctuates about zero by
    [eq:rule-spread]. For unit {j} all this is the same with {j} in the place of {i}.
    """
    pulled, rate = axes.rate
    kicked, push = axes.kick
    noise = axes.rested(push**2 * LI * LL)
    rests = _cited("rule-rest", axes.rule)
    return step(
        under={"rule_kicks": [Premise.GAUSSIAN], "rule_spread": [Premise.LEADING_ORDER]},
        rule_return=chain(
            RATE["i"],
            ("[eq:rule-linear-W], less its sign", pulled),
            (rests, rate),
            value=axes.value,
        ),
        rule_kick=chain(
            KICK["i"],
            ("[eq:rule-sample-W] between the axes {i} and {l}", kicked),
            (rests, push * XI * XL),
            value=axes.value,
        ),
        rule_kicks=chain(
            NOISE["i"],
            ("[eq:rule-kick], which has no mean", push**2 * Mean(XI**2 * XL**2)),
            ("Gaussian inputs, independent along their axes", noise),
            value=axes.value,
        ),
        rule_spread=chain(
            FLUCTUATION["i"],
            ("[eq:rule-lyapunov] for one weight", ETA * NOISE["i"] / (2 * RATE["i"])),
            ("[eq:rule-kicks] and [eq:rule-return]", ETA * axes.rested(noise / (2 * rate))),
            value=axes.value,
        ),
        symbols={"x_i": XI, "x_l": XL},
        assumptions=("Inputs are Gaussian.",),
    )


def _read_pair(axes: LeftOutAxis) -> Step:
    """How a rotation is read

    A rotation in the plane of {i} and {j} moves the weights between these two axes, in the order
    {order}, by [eq:rule-tangent-pair] at first order. On them the mean update near the orbit is
    the matrix [eq:rule-flow], for which the tangent vector is a null vector. What reads a rotation
    is its left null vector, [eq:rule-null]: the row [eq:rule-read], divided as [eq:rule-normalised]
    demands by its product [eq:rule-scale] with the tangent vector.
    """
    linear = axes.moved(axes.rule.means)
    flow = sp.ImmutableMatrix(
        [[axes.rested(axes.entry(linear[at[0]], at[1:], change)) for change in axes.pair]
         for at in axes.pair]
    )  # fmt: skip
    places = [axes.place(at) for at in axes.pair]
    tangent = sp.ImmutableMatrix([axes.rested(axes.area.tangent[k]) for k in places])
    null = sp.ImmutableMatrix([axes.null])
    product = sp.Add(*(axes.null[k] * tangent[k] for k in range(len(places))))
    told_scale = PLANES[axes.rule.name][1]
    found = axes.area.rule.jacobian.extract(places, places)
    return step(
        rule_tangent_pair=(TANGENT, tangent),
        rule_flow=(FLOW, flow),
        rule_read=(PAIR_READING.T, sp.MatMul(1 / SCALE, null, evaluate=False)),
        rule_scale=chain(
            SCALE,
            *(
                [("[eq:rule-read] times [eq:rule-tangent-pair]", product)]
                if product != told_scale
                else []
            ),
            (
                "collected" if product != told_scale else
                "[eq:rule-read] times [eq:rule-tangent-pair]",
                told_scale,
            ),
            value=axes.value,
        ),
        symbols={"order": sp.Tuple(*(PAIR[at[0], "ij" if at[1] < at[2] else "ji"]
                                     for at in axes.pair))},
        checks=(
            vanishes(
                "The matrix is the derivative of the mean update that the terms of the rule give.",
                (found - flow).applyfunc(lambda entry: entry.xreplace(axes.at_rest)),
            ),
            vanishes(
                "[eq:rule-flow] has [eq:rule-tangent-pair] for a null vector and [eq:rule-read] "
                "for a left one.",
                *(part.applyfunc(lambda entry: entry.xreplace(axes.at_rest))
                  for part in (flow * tangent, null * flow)),
            ),
        ),
    )  # fmt: skip


def _answer(axes: LeftOutAxis) -> Step:
    """The response to an axis that is not learned

    The response [eq:rule-response] has two parts, here for the weight of unit {i} from the axis
    {l}. The first is how the update of a sample between {i} and {j}, as a rotation reads it,
    changes with that weight, [eq:rule-slope]. The second is the corrector: the mean update between
    {i} and {j} has a term in the product of the two weights from {l}, read with the coefficient
    [eq:rule-bend], and for two single weights [eq:rule-poisson] is solved by a division,
    [eq:rule-corrector]. Together they are the response [eq:rule-answer-i] to the kick that the
    other weight gets: what turns the plane is the area that the two weights sweep. With {i} and
    {j} exchanged it is swept the other way round, [eq:rule-answer-j].
    """
    sloped, bent = axes.moved(axes.rule.products), axes.moved(axes.rule.means, again=True)
    first, second = ("W", 0, 2), ("W", 1, 2)
    slope, bend = (
        sp.Add(
            *(
                letter * axes.entry(expressions[at[0]], at[1:], *changes)
                for letter, at in zip(axes.letters, axes.pair, strict=True)
            )
        )
        for expressions, changes in ((sloped, (first,)), (bent, (first, second)))
    )
    sloping, bending = axes.over_scale(slope, without=XJ * XL), axes.over_scale(bend / 2)
    rate, push = axes.rate[1], swapped(axes.kick[1])
    both = RATE["i"] + RATE["j"]
    corrector = axes.rested(bending * SCALE / (rate + swapped(rate))) / SCALE
    samples, means = (_cited(label, axes.rule) for label in ("rule-sample", "rule-mean"))
    at_rest = f"[eq:rule-read], with the weights of {_cited('rule-rest', axes.rule)}"
    return step(
        rule_slope=chain(
            SLOPE["i"],
            (f"the derivative of {samples} by that weight, read", slope),
            (at_rest, sloping),
            value=axes.value,
        ),
        rule_bend=chain(
            BEND,
            (f"half the second derivative of {means} by both weights, read", bend / 2),
            (at_rest, bending),
            value=axes.value,
        ),
        rule_corrector=chain(
            CORRECTOR,
            ("[eq:rule-poisson] between two single weights", BEND / both),
            ("[eq:rule-bend] and [eq:rule-return]", corrector),
            value=axes.value,
        ),
        rule_answer={
            "i": chain(
                ANSWER["i"],
                ("[eq:rule-response]", SLOPE["i"] + 2 * CORRECTOR * KICK["j"]),
                (
                    "[eq:rule-slope], [eq:rule-corrector] and [eq:rule-kick]",
                    sloping + 2 * corrector * push * XJ * XL,
                ),
                (
                    "collected, by [eq:rule-return] and [eq:rule-scale]",
                    2 * axes.turned_by * RATE["i"] * KICK["j"] / both,
                ),
                value=axes.value,
            ),
            "j": chain(
                ANSWER["j"],
                (
                    "[eq:rule-answer-i] with {i} and {j} exchanged",
                    -2 * axes.turned_by * RATE["j"] * KICK["i"] / both,
                ),
                value=axes.value,
            ),
        },
    )


def _other_term(axes: LeftOutAxis) -> Step:
    """What the axis adds to the drift

    The two weights from {l} fluctuate independently of each other and of the next sample, so that
    the trace in [eq:rule-variance] is a sum of two products, [eq:rule-term]. Of the rates at which
    they return only the sum is left: two weights sweep areas by the product of their noises over
    the sum of their rates.
    """
    both = RATE["i"] + RATE["j"]
    noise = axes.rested(axes.kick[1] ** 2 * LI * LL)
    rate = axes.rate[1]
    turned = axes.turned_by
    inserted = axes.rested(2 * noise * swapped(noise) / (rate + swapped(rate))) * turned**2
    return step(
        under=[Premise.GAUSSIAN, Premise.LEADING_ORDER],
        rule_term=chain(
            OTHER,
            (
                "[eq:rule-variance] over {cube}",
                (
                    Mean(ANSWER["i"] ** 2) * FLUCTUATION["i"]
                    + Mean(ANSWER["j"] ** 2) * FLUCTUATION["j"]
                )
                / ETA,
            ),
            (
                "[eq:rule-answer-i] and [eq:rule-answer-j]",
                4 * turned**2 / both**2
                * (RATE["i"] ** 2 * NOISE["j"] * FLUCTUATION["i"]
                   + RATE["j"] ** 2 * NOISE["i"] * FLUCTUATION["j"])
                / ETA,
            ),
            ("[eq:rule-spread]", 2 * turned**2 * NOISE["i"] * NOISE["j"] / both),
            ("[eq:rule-kicks] and [eq:rule-return]", inserted),
            value=axes.value,
        ),
        symbols={"cube": ETA**3},
    )  # fmt: skip


def _learned_kicks(axes: LeftOutAxis) -> Step:
    """Kicks between learned axes

    A sample also kicks the weights between learned axes, here those of unit {i} with the axis {j},
    by <kicks>. <meaning>
    """
    kicks = {name: axes.entry(product, (0, 1)) for name, product in axes.rule.products.items()}
    found = {
        PAIR_KICK[name]: axes.network.values[SAMPLE[name]][0, 1].xreplace(axes.drawn)
        for name in kicks
    }
    return step(
        rule_pair_kick={
            name: chain(
                PAIR_KICK[name],
                (f"[eq:rule-sample-{name}] between the axes {{i}} and {{j}}", kick, found),
                ("factored", sp.factor_terms(kick))
                if axes.rested(kick) == 0
                else (_cited("rule-rest", axes.rule), axes.rested(kick), axes.at_rest),
            )
            for name, kick in kicks.items()
        },
        words={
            "kicks": _cited("rule-pair-kick", axes.rule),
            "meaning": LEARNED[axes.rule.name],
        },
        symbols={"tau_M": TAU},
    )


def _cited(label: str, rule: WrittenRule) -> str:
    """References to the equations of a family."""
    return " and ".join(f"[eq:{label}-{name}]" for name in rule.updates)

"""From the fluctuation to the rotations: readings, areas and responses of two hidden layers."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import sympy as sp

from symdrift.algebra.matrices import evaluate_matrix
from symdrift.derivation.chapter import Chain, chain, step, vanishes
from symdrift.derivation.premises import Premise
from symdrift.derivation.steps import Method, Step
from symdrift.derivation.symbols import ETA
from symdrift.theory.rules.deep_axes import (
    ANSWER,
    AXES,
    BEND,
    COLUMNS,
    CORRECTOR,
    KICK,
    LENGTHS,
    MOVED,
    NUMBERS,
    PAIR,
    RATE,
    REACH,
    READINGS,
    ROWS,
    SENT,
    STORED,
    TANGENTS,
    TURNED,
    WI,
    WJ,
    area_numerators,
    exact,
    reach,
)
from symdrift.theory.rules.deep_fluctuation import CARRY, carried_on_axes, named
from symdrift.theory.rules.deep_network import (
    CARRIED,
    CHANGE,
    DEVIATION,
    ERRORS,
    LAYERS,
    WEIGHTS,
    any_layers,
    layers_on_axes,
)
from symdrift.theory.rules.deep_orbit import BACK
from symdrift.theory.rules.explicit_entries import Entries
from symdrift.theory.rules.rule_area import sylvester
from symdrift.theory.rules.rule_results import K_INDEX
from symdrift.theory.rules.shipped_rules import weight
from symdrift.theory.rules.written_rules import differential

PLACES = tuple((k, pair) for k in LAYERS for pair in ("ij", "ji"))


def deep_area() -> Iterator[Step]:
    """The chapter, for three layers."""
    yield _deep_reading()
    yield _deep_area()
    yield _deep_answer()


def _deep_reading() -> Step:
    """How the rotations of two layers are read

    A rotation of the first layer in the plane of {i} and {j} moves the weights between these axes,
    in the order {order}, by [eq:deep-tangent-1], one of the second layer by [eq:deep-tangent-2].
    Both layers move the weights between them, so that these vectors are not orthogonal: they have
    the products [eq:deep-lengths]. Learning descends a gradient, the derivative of the mean update
    is symmetric, and the left null vectors lie in the plane of the tangent vectors. Each must read
    its own rotation as one and that of the other layer as nothing, which by the inverse of
    [eq:deep-lengths] makes them [eq:deep-read-1] and [eq:deep-read-2].
    """
    known = layers_on_axes("ij", "").entries
    generator = sp.Matrix([[0, 1], [-1, 0]])
    first, second, third = (known[WEIGHTS[k]] for k in LAYERS)
    moves = {
        1: (generator * first, -second * generator, sp.zeros(2)),
        2: (sp.zeros(2), generator * second, -third * generator),
    }
    tangents = {
        layer: sp.ImmutableMatrix([move[at] for move in found for at in ((0, 1), (1, 0))])
        for layer, found in moves.items()
    }
    both = sp.Matrix.hstack(*tangents.values())
    lengths = sp.ImmutableMatrix((both.T * both).applyfunc(sp.expand))
    reached = 2 * REACH["ij"]
    combined = both * lengths.inv()
    area = exact("ij", "l")
    places = [
        area[0].rule.weights.index((f"W_{k}", *((0, 1) if pair == "ij" else (1, 0))))
        for k, pair in PLACES
    ]

    def value(line: sp.Basic) -> sp.ImmutableMatrix:
        values = {
            **{TANGENTS[k]: tangents[k] for k in (1, 2)},
            **{READINGS[k]: sp.ImmutableMatrix(combined[:, k - 1]) for k in (1, 2)},
            LENGTHS: lengths,
        }
        return evaluate_matrix(line.xreplace({REACH["ij"]: reach("ij")}), values)

    return step(
        deep_tangent={k: (TANGENTS[k], tangents[k]) for k in (1, 2)},
        deep_lengths=(LENGTHS, lengths),
        deep_read={
            k: chain(
                READINGS[k],
                (
                    "the inverse of [eq:deep-lengths], its determinant by [eq:deep-reached]",
                    sp.MatAdd(*(
                        sp.MatMul(number / reached, TANGENTS[other])
                        for other, number in zip(
                            (k, 3 - k), (WI**2 + WJ**2, WI * WJ), strict=True
                        )
                    )),
                ),
                (
                    "[eq:deep-tangent-1] and [eq:deep-tangent-2]",
                    sp.MatMul(1 / reached, sp.ImmutableMatrix(null_rows(k)), evaluate=False),
                ),
                value=value,
            )
            for k in (1, 2)
        },
        symbols={"order": sp.Tuple(*(PAIR[at] for at in PLACES))},
        checks=(
            vanishes(
                "At rational weights and variances and any weight decay, these are the left null "
                "vectors of the derivative of the mean update that the terms of the rule give, and "
                "that derivative is symmetric.",
                *(
                    found.reading[place] - entry.xreplace(NUMBERS)
                    for k, found in enumerate(area)
                    for place, entry in zip(places, combined[:, k], strict=True)
                ),
                area[0].rule.jacobian - area[0].rule.jacobian.T,
                method=Method.POINTS,
            ),
        ),
    )  # fmt: skip


def null_rows(layer: int) -> list[sp.Expr]:
    """The reading of a layer times twice the reach."""
    total, product = WI**2 + WJ**2, WI * WJ
    first = [total * WJ, -total * WI, -(WI**3), WJ**3, -product * WI, product * WJ]
    second = [product * WJ, -product * WI, WJ**3, -(WI**3), -total * WI, total * WJ]
    return first if layer == 1 else second


def _deep_area() -> Step:
    """Areas that turn the layers

    At the fixed orbit errors carry the weights along directions that no rotation moves. Weights
    that have been carried by {M} let further errors carry them a little differently, by
    [eq:deep-changed-1], [eq:deep-changed-2] and [eq:deep-changed-3], and of this a part is read as
    rotation: products of a deviation and an error. Errors are, per learning rate, the changes of
    the deviations. So what is even in the exchange of the two is the change of a bounded quantity,
    [eq:deep-stored], and what is odd is the area that two deviations sweep. In the plane of {i} and
    {j} these are deviations of the map in one column, {ik} and {jk}, or in one row, {ki} and {kj}.
    Areas in a column turn the first layer by [eq:deep-rows-1] and the second one by
    [eq:deep-rows-2], areas in a row by [eq:deep-columns-1] and [eq:deep-columns-2]: the same two
    numbers with the layers exchanged. They hold for {k} equal to {i} or {j} too, and for an axis
    {l} that is not learned with {w_l} zero.
    """
    known = carried_on_axes("ijk", "l")
    moved = {WEIGHTS[k]: CARRIED[k] for k in LAYERS}
    changes = {k: differential(BACK[k], moved) for k in LAYERS}
    on_axes = {k: evaluate_matrix(changes[k], known) for k in LAYERS}
    any_known = _any_carried()

    turned = {
        layer: sp.expand(
            sum(
                (on_axes[k][0, 1] if pair == "ij" else on_axes[k][1, 0]) * entry
                for (k, pair), entry in zip(PLACES, null_rows(layer), strict=True)
            )
        )
        for layer in (1, 2)
    }

    def read(layer: int, deviation: str, error: str) -> sp.Expr:
        """Coefficient of a product in a rotation, times twice the reach."""
        return turned[layer].coeff(MOVED[deviation] * SENT[error], 1)

    pairs = {"rows": ("ik", "jk"), "columns": ("ki", "kj")}
    found = {
        (kind, layer): read(layer, one, two) - read(layer, two, one)
        for layer in (1, 2)
        for kind, (one, two) in pairs.items()
    }
    values = {
        letters[str(layer)]: found[kind, layer] / (4 * reach("ij"))
        for kind, letters in (("rows", ROWS), ("columns", COLUMNS))
        for layer in (1, 2)
    }
    one, two, sent_one, sent_two = MOVED["ik"], MOVED["jk"], SENT["ik"], SENT["jk"]
    gained = (one + ETA * sent_one) * (two + ETA * sent_two) - one * two

    def told(kind: str, place: int) -> dict[str, Chain]:
        letters, pair = (ROWS, "{forth}") if kind == "rows" else (COLUMNS, "{across}")
        return {
            layer: chain(
                letters[layer],
                (
                    f"half the difference of what [eq:deep-read-{layer}] reads of {pair} in "
                    "[eq:deep-changed-1], [eq:deep-changed-2] and [eq:deep-changed-3]",
                    found[kind, int(layer)] / (4 * REACH["ij"]),
                ),
                ("collected", area_numerators(layer, "k")[place] / (2 * REACH["ij"])),
                value=lambda line: line.xreplace(values).xreplace({REACH["ij"]: reach("ij")}),
            )
            for layer in ("1", "2")
        }

    return step(
        deep_changed={
            k: chain(
                CHANGE[k],
                (f"the product rule on [eq:deep-sample-{k}]", changes[k]),
                value=lambda line: evaluate_matrix(line, any_known),
            )
            for k in LAYERS
        },
        deep_stored=(
            STORED,
            one * sent_two + two * sent_one,
        ),
        deep_rows=told("rows", 0),
        deep_columns=told("columns", 1),
        symbols={
            "M": DEVIATION,
            "forth": sp.Tuple(one * sent_two, two * sent_one),
            "across": sp.Tuple(MOVED["ki"] * SENT["kj"], MOVED["kj"] * SENT["ki"]),
            "ik": one, "jk": two, "ki": MOVED["ki"], "kj": MOVED["kj"],
            "w_l": weight("W", "l"), "k": K_INDEX,
        },
        checks=(
            vanishes(
                "To first order in the learning rate, the product of two deviations changes in a "
                "step by [eq:deep-stored].",
                sp.diff(gained, ETA).subs(ETA, 0) - one * sent_two - two * sent_one,
            ),
            vanishes(
                "With three learned axes and one that is not, all that a rotation in this plane "
                "reads and that is odd in the exchange of deviations and errors are the areas of "
                "[eq:deep-rows-1] to [eq:deep-columns-2], with {k} equal to {i} or {j} too.",
                *(turned[layer] - _exchanged(turned[layer]) - _swept(layer) for layer in (1, 2)),
            ),
        ),
    )  # fmt: skip


def _exchanged(expression: sp.Expr) -> sp.Expr:
    """With errors for deviations and deviations for errors."""
    pairs = {named("m", a + b): named("e", a + b) for a in "ijk" for b in AXES}
    return expression.xreplace(pairs | {error: moved for moved, error in pairs.items()})


def _swept(layer: int) -> sp.Expr:
    """All areas, each twice, times twice the reach."""
    total = sp.S.Zero
    for k in AXES:
        in_column, in_row = area_numerators(str(layer), k)
        swept = ((in_column, "i" + k, "j" + k), (in_row, k + "i", k + "j"))
        for number, one, two in swept[: 1 if k == "l" else 2]:
            total += 2 * number * named("m", one) * named("e", two)
            total -= 2 * number * named("m", two) * named("e", one)
    return sp.expand(total)


@cache
def _any_carried() -> Entries:
    """Weights, deviations and errors with a symbol for each entry, and what these change."""
    known: dict[sp.Basic, sp.ImmutableMatrix] = dict(any_layers().entries)
    for letter, name in ((DEVIATION, "m"), (ERRORS, "e")):
        known[letter] = sp.ImmutableMatrix(
            2, 2, lambda a, b, name=name: sp.Symbol(f"{name}_{a + 1}{b + 1}")
        )
    known |= {CARRIED[k]: evaluate_matrix(CARRY[k], known) for k in LAYERS}
    small = sp.Dummy()
    moved = known | {WEIGHTS[k]: known[WEIGHTS[k]] + small * known[CARRIED[k]] for k in LAYERS}
    changed = {
        CHANGE[k]: evaluate_matrix(BACK[k], moved).applyfunc(
            lambda entry: sp.expand(entry).coeff(small, 1)
        )
        for k in LAYERS
    }
    return known | changed


def _deep_answer() -> Step:
    """The response of a rotation to a deviation

    In a column the rotation of a step is [eq:deep-turned-by], where an error is a kick less what
    returns. The mean of what is quadratic in the deviations bends the mean update by
    [eq:deep-bend], and since every deviation returns by itself, [eq:rule-poisson] is solved by a
    division, [eq:deep-corrector]. This makes the response [eq:deep-answer-ik] to one deviation, and
    with {i} and {j} exchanged [eq:deep-answer-jk] to the other. In a row it is the same with the
    area of the row and the rates of {ki} and {kj}, and for an axis that is not learned with {il}
    and {jl}.
    """
    area = ROWS["b"]
    one, two = MOVED["ik"], MOVED["jk"]
    r, kicks = (RATE["ik"], RATE["jk"]), (KICK["ik"], KICK["jk"])
    both = r[0] + r[1]
    bend = area * (r[0] - r[1]) / 2
    sent = {SENT["ik"]: kicks[0] - r[0] * one, SENT["jk"]: kicks[1] - r[1] * two}
    turned = ETA * area * (one * SENT["jk"] - two * SENT["ik"])
    known: dict[sp.Basic, sp.Expr] = {
        TURNED: turned.xreplace(sent),
        BEND: sp.diff(sp.expand(turned.xreplace(sent) / ETA), one, two) / 2,
    }
    (known[CORRECTOR],) = sylvester(
        sp.Matrix([[-r[0]]]), sp.Matrix([[-r[1]]]), sp.Matrix([[known[BEND]]])
    )
    for pair, own, other in (("ik", one, kicks[1]), ("jk", two, kicks[0])):
        slope = sp.diff(known[TURNED] / ETA, own).coeff(area, 1).subs({one: 0, two: 0})
        known[ANSWER["b", pair]] = area * slope + 2 * known[CORRECTOR] * other

    def value(line: sp.Basic) -> sp.Expr:
        return line.xreplace(known).xreplace(sent)

    return step(
        under=[Premise.SMALL_DECAY],
        deep_turned_by=chain(
            TURNED,
            ("[eq:deep-stored] left out, by [eq:deep-rows-1]", turned),
            ("an error is a kick less what returns", turned.xreplace(sent)),
            (
                "sorted",
                ETA * area * (one * kicks[1] - two * kicks[0] + (r[0] - r[1]) * one * two),
            ),
            value=value,
        ),
        deep_bend=chain(
            BEND,
            ("half of what stands with the product of both", bend),
            value=value,
        ),
        deep_corrector=chain(
            CORRECTOR,
            ("[eq:rule-poisson] between two single deviations", BEND / both),
            ("[eq:deep-bend]", bend / both),
            value=value,
        ),
        deep_answer={
            "ik": chain(
                ANSWER["b", "ik"],
                ("[eq:rule-response]", area * kicks[1] + 2 * CORRECTOR * kicks[1]),
                ("[eq:deep-corrector]", 2 * area * r[0] / both * kicks[1]),
                value=value,
            ),
            "jk": chain(
                ANSWER["b", "jk"],
                ("[eq:rule-response]", -area * kicks[0] + 2 * CORRECTOR * kicks[0]),
                ("[eq:deep-corrector]", -2 * area * r[1] / both * kicks[0]),
                value=value,
            ),
        },
        symbols={pair: MOVED[pair] for pair in ("ki", "kj", "il", "jl")} | {"k": K_INDEX},
    )  # fmt: skip

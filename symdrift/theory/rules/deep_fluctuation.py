"""From balanced layers to the fluctuation: what errors carry, how it returns, what kicks it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache

import sympy as sp

from symdrift.algebra.matrices import evaluate_matrix
from symdrift.algebra.rational import cancel, factor
from symdrift.derivation.chapter import chain, step, vanishes
from symdrift.derivation.premises import Premise
from symdrift.derivation.steps import Step
from symdrift.derivation.symbols import ETA, GAMMA, symbol
from symdrift.theory.rules.deep_axes import (
    FLOW,
    FLOW_OF,
    FLUCTUATION,
    KICK,
    LI,
    LJ,
    LL,
    MOVED,
    NOISE,
    PAIR,
    RATE,
    REACH,
    SENT,
    WI,
    WJ,
    W,
    X,
    averaged,
    kick,
    noise,
    rate,
    reach,
    standing_for,
)
from symdrift.theory.rules.deep_network import (
    CARRIED,
    DEVIATION,
    ERRORS,
    LAYERS,
    LEARNED_MAP,
    MAP_CHANGE,
    MEAN,
    WEIGHTS,
    ExplicitLayers,
    any_layers,
    layers_on_axes,
    resting_gain,
)
from symdrift.theory.rules.deep_orbit import BACK
from symdrift.theory.rules.explicit_entries import Entries
from symdrift.theory.rules.rule_area import sylvester
from symdrift.theory.rules.written_rules import differential
from symdrift.typesetting.printer import Mean

AT_REST = {symbol("gain", index): resting_gain(index) for index in "ijk"}
CARRY = {k: BACK[k].xreplace({ERRORS: DEVIATION}) for k in LAYERS}
"""What errors carry the weights by."""


def deep_fluctuation() -> Iterator[Step]:
    """The chapter, for three layers."""
    yield _deep_carried()
    yield _deep_return()
    yield _deep_kicks()


@cache
def carried_on_axes(learned: str, others: str) -> Entries:
    """Weights on axes, deviations and errors between learned axes and any, and what they carry."""
    axes = learned + others
    known: dict[sp.Basic, sp.ImmutableMatrix] = dict(layers_on_axes(learned, others).entries)
    for letter, name in ((DEVIATION, "m"), (ERRORS, "e")):
        known[letter] = sp.ImmutableMatrix(
            len(axes),
            len(axes),
            lambda a, b, name=name: named(name, axes[a] + axes[b]) if a < len(learned) else 0,
        )
    return known | {CARRIED[k]: evaluate_matrix(CARRY[k], known) for k in LAYERS}


def named(name: str, pair: str) -> sp.Symbol:
    """Entry of the deviations, ``m``, or of the errors, ``e``, between two axes."""
    known = {"m": MOVED, "e": SENT}[name]
    return known.get(pair, sp.Symbol(f"{name}_{pair}", real=True))


def _changed(network: ExplicitLayers, changes: Entries) -> dict[int, sp.ImmutableMatrix]:
    """What the mean updates change by, at first order, when the weights do."""
    small = sp.Dummy()
    moved = {WEIGHTS[k]: network.entries[WEIGHTS[k]] + small * changes[CARRIED[k]] for k in LAYERS}
    values = ExplicitLayers({**network.entries, **moved}).values
    return {
        k: values[MEAN[k]].applyfunc(lambda entry: sp.expand(entry).coeff(small, 1)) for k in LAYERS
    }


def _deep_carried() -> Step:
    """Errors carry the weights

    Beside weight decay an update is linear in the errors [eq:deep-errors]. So all that samples can
    do to the weights near the orbit, they do as if they had been carried there by a matrix of
    errors {M}: by [eq:deep-carried-1], [eq:deep-carried-2] and [eq:deep-carried-3]. Between two
    axes {i} and {j} these are the weights [eq:deep-along], in the order of the layers, and the
    learned map changes by [eq:deep-reached]: by the same factor for {i} and {j} exchanged, and for
    an axis {l} that is not learned by {c_il}. The orbit is the other part of the space: its
    tangent vectors leave the map as it is. What is left are imbalances, which no sample makes.
    """
    known = dict(carried_on_axes("ij", "l"))
    network = any_layers()
    pair = MOVED["ij"]
    moved = {WEIGHTS[k]: CARRIED[k] for k in LAYERS}
    change = differential(LEARNED_MAP, moved)
    any_known = {
        **network.entries,
        **{
            CARRIED[k]: network.entries[WEIGHTS[k]].applyfunc(lambda s: sp.Symbol(f"d{s}"))
            for k in LAYERS
        },
    }
    small = sp.Dummy()
    whole = evaluate_matrix(
        LEARNED_MAP,
        {WEIGHTS[k]: any_known[WEIGHTS[k]] + small * any_known[CARRIED[k]] for k in LAYERS},
    )
    any_known[MAP_CHANGE] = whole.applyfunc(lambda entry: sp.expand(entry).coeff(small, 1))
    along = sp.ImmutableMatrix([WI**2, WI * WJ, WJ**2]) * pair
    mapped = evaluate_matrix(change, known)
    return step(
        deep_carried={k: (CARRIED[k], CARRY[k]) for k in LAYERS},
        deep_map=chain(
            MAP_CHANGE,
            ("the product rule", change),
            value=lambda line: evaluate_matrix(line, any_known),
        ),
        deep_along=chain(
            sp.ImmutableMatrix([PAIR[k, "ij"] for k in LAYERS]),
            ("[eq:deep-carried-1], [eq:deep-carried-2] and [eq:deep-carried-3] on axes", along),
            value=lambda line: line.xreplace(
                {PAIR[k, "ij"]: known[CARRIED[k]][0, 1] for k in LAYERS}
            ),
        ),
        deep_reached=chain(
            REACH["ij"],
            ("[eq:deep-map] with [eq:deep-along], over {M_ij}", WI**2 * WI**2 + WI * (WI * WJ) * WJ
             + WJ**2 * WJ**2),
            value=standing_for({REACH["ij"]: mapped[0, 1] / pair}),
        ),
        symbols={"M": DEVIATION, "M_ij": pair, "c_il": sp.Eq(REACH["il"], reach("il"))},
        checks=(
            vanishes(
                "Each entry of {M} between two learned axes, or from one that is not, moves that "
                "entry of the map alone, by its factor.",
                *(
                    mapped[a, b] - reach("ijl"[a] + "ijl"[b]) * known[DEVIATION][a, b]
                    for a in range(3)
                    for b in range(3)
                ),
            ),
        ),
    )  # fmt: skip


def _deep_return() -> Step:
    """How deviations return

    The mean update near the orbit moves what errors carried back along the same directions. Of the
    two deviations between the axes {i} and {j} it takes the matrix [eq:deep-flow], of one along a
    single axis [eq:deep-single-ii], of one from an axis that is not learned [eq:deep-single-il];
    these are exact. As the weight decay tends to zero every deviation returns by itself, at the
    rate [eq:deep-rate]: the variance of its input times its reach. Imbalances return slower, at
    the rate {forgotten} of [eq:deep-kept-1], but nothing drives them, so that they have no part in
    the fluctuation.
    """
    network, known = layers_on_axes("ij", "l"), carried_on_axes("ij", "l")
    found = _changed(network, known)
    coupling = GAMMA * (WI**2 + WJ**2) / (WI * WJ)
    flow = sp.ImmutableMatrix(
        [[LJ * REACH["ij"] + GAMMA, -coupling], [-coupling, LI * REACH["ij"] + GAMMA]]
    )
    own = {"ii": 3 * LI * WI**4 - GAMMA, "il": LL * WI**4 + GAMMA}
    exchanged = {WI: WJ, WJ: WI, LI: LJ, LJ: LI}
    rows = {
        "ij": {"ij": flow[0, 0], "ji": flow[0, 1]},
        "ji": {"ij": flow[1, 0], "ji": flow[1, 1]},
        **{pair: {pair: rate} for pair, rate in own.items()},
        "jj": {"jj": own["ii"].xreplace(exchanged)},
        "jl": {"jl": own["il"].xreplace(exchanged)},
    }
    returned = sp.zeros(3, 3)
    for one, row in rows.items():
        place = tuple("ijl".index(index) for index in one)
        returned[place] = -sp.Add(*(number * MOVED[two] for two, number in row.items())).xreplace(
            {REACH["ij"]: reach("ij")}
        )
    back = {**network.entries, DEVIATION: sp.ImmutableMatrix(returned)}
    slope = {(one, two): _slope(found, one, two) for one, row in rows.items() for two in row}

    def value(line: sp.Basic) -> sp.Basic:
        line = line.xreplace(
            {RATE["ij"]: rate("ij"), RATE["ji"]: rate("ji"), REACH["ij"]: reach("ij")}
        )
        values = {
            FLOW: sp.ImmutableMatrix(
                2, 2, [slope[one, two] for one in ("ij", "ji") for two in ("ij", "ji")]
            )
        }
        return evaluate_matrix(line, values)

    linear = "the derivative of [eq:deep-mean-1] along [eq:deep-along], less its sign"
    return step(
        under={"deep_rate": [Premise.SMALL_DECAY]},
        deep_flow=chain(
            FLOW,
            (linear, flow),
            (
                "at leading order in the weight decay",
                sp.ImmutableMatrix(sp.diag(LJ * REACH["ij"], LI * REACH["ij"])),
                {GAMMA: sp.S.Zero},
            ),
            value=value,
        ),
        deep_single={
            pair: chain(
                FLOW_OF[pair],
                (linear, own[pair]),
                value=standing_for({FLOW_OF[pair]: slope[pair, pair]}),
            )
            for pair in own
        },
        deep_rate=chain(
            RATE["ij"],
            ("[eq:deep-flow]", LJ * REACH["ij"]),
            ("[eq:deep-reached]", LJ * reach("ij")),
            value=lambda line: line.xreplace({RATE["ij"]: slope["ij", "ij"].subs(GAMMA, 0),
                                              REACH["ij"]: reach("ij")}),
        ),
        symbols={"forgotten": 2 * GAMMA, "M": DEVIATION},
        checks=(
            vanishes(
                "With two learned axes and one that is not, the mean update of all three layers, "
                "changed by what {M} carries, is what the returning {M} carries.",
                *(
                    (found[k] - evaluate_matrix(CARRY[k], back)).applyfunc(
                        lambda entry: entry.xreplace(AT_REST)
                    )
                    for k in LAYERS
                ),
            ),
        ),
    )  # fmt: skip


def _slope(found: Mapping[int, sp.ImmutableMatrix], one: str, two: str) -> sp.Expr:
    """What one deviation takes away from another, read from the first layer."""
    place = tuple("ijl".index(index) for index in one)
    moved = sp.expand(found[1][place]).coeff(MOVED[two], 1)
    return cancel(-moved.xreplace(AT_REST) / W[one[0]] ** 2)


def _deep_kicks() -> Step:
    """Kicks and the fluctuation

    At rest the mean of the errors on an axis holds the weights against their decay. What is left
    kicks the deviations: between two axes by [eq:deep-kick-ij], along one by [eq:deep-kick-ii]. All
    kicks are proportional to the weight decay, since without it nothing learned is missed. For
    Gaussian inputs their variances are [eq:deep-noise-ij] and [eq:deep-noise-ii]; the same two
    inputs kick the map between {i} and {j} both ways, with the covariance [eq:deep-noise-both].
    With rates of their own for all deviations the stationary fluctuation has the entries
    [eq:deep-spread].
    """
    gains = {index: symbol("gain", index) for index in "i"}
    missed = {
        pair: (gains["i"] - WI**3) * (X["i"] * X[pair[1]] - (LI if pair == "ii" else 0))
        for pair in ("ij", "ii")
    }
    squares = {
        "ij": GAMMA**2 / (LI * WI) ** 2 * Mean(X["i"] ** 2 * X["j"] ** 2),
        "ii": GAMMA**2 / (LI * WI) ** 2 * Mean((X["i"] ** 2 - LI) ** 2),
    }
    both = GAMMA**2 / (LI * WI * LJ * WJ) * Mean(X["i"] ** 2 * X["j"] ** 2)

    def value(line: sp.Basic) -> sp.Basic:
        known = {NOISE[pair]: noise(pair) for pair in (("ij", "ij"), ("ii", "ii"), ("ij", "ji"))}
        line = line.replace(Mean, averaged)
        return line.xreplace({**known, **{KICK[pair]: kick(pair) for pair in missed}})

    rates = {RATE["ij"]: rate("ij"), RATE["ji"]: rate("ji")}
    flow = sp.diag(-RATE["ij"], -RATE["ji"])
    shaken = sp.Matrix(
        2, 2, [NOISE["ij", "ij"], NOISE["ij", "ji"], NOISE["ij", "ji"], NOISE["ji", "ji"]]
    )
    solved = ETA * sylvester(flow, flow, shaken)[0, 1]
    spread = ETA * NOISE["ij", "ji"] / (RATE["ij"] + RATE["ji"])
    return step(
        under={
            "deep_noise": [Premise.GAUSSIAN],
            "deep_spread": [Premise.LEADING_ORDER, Premise.SMALL_DECAY],
        },
        deep_kick={
            pair: chain(
                KICK[pair],
                ("[eq:deep-errors], less its mean", missed[pair]),
                ("[eq:deep-rest]", kick(pair)),
                value=lambda line: value(line).xreplace(AT_REST),
            )
            for pair in missed
        },
        deep_noise={
            "ij": chain(
                NOISE["ij", "ij"],
                ("the mean square of [eq:deep-kick-ij]", squares["ij"]),
                ("Gaussian inputs, independent along their axes", noise(("ij", "ij"))),
                value=value,
            ),
            "ii": chain(
                NOISE["ii", "ii"],
                ("the mean square of [eq:deep-kick-ii]", squares["ii"]),
                ("Gaussian inputs", noise(("ii", "ii"))),
                value=value,
            ),
            "both": chain(
                NOISE["ij", "ji"],
                ("[eq:deep-kick-ij] times the same with {i} and {j} exchanged", both),
                ("Gaussian inputs, independent along their axes", noise(("ij", "ji"))),
                value=value,
            ),
        },
        deep_spread=chain(
            FLUCTUATION["ij", "ji"],
            ("[eq:rule-lyapunov], entry by entry", spread),
            (
                "[eq:deep-noise-both] and [eq:deep-rate]",
                factor(spread.xreplace({NOISE["ij", "ji"]: noise(("ij", "ji")), **rates})),
            ),
            value=lambda line: line.xreplace({FLUCTUATION["ij", "ji"]: solved}).xreplace(
                {NOISE["ij", "ji"]: noise(("ij", "ji")), **rates}
            ),
        ),
        assumptions=("Inputs are Gaussian.",),
    )  # fmt: skip

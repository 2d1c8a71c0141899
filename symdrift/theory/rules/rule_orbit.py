"""From one sample to the fixed orbit: the update of the rule, its mean, and where that vanishes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

import sympy as sp

from symdrift.algebra.matrices import evaluate_matrix
from symdrift.derivation.chapter import Chain, chain, step, vanishes
from symdrift.derivation.steps import Step
from symdrift.derivation.symbols import GAMMA, symbol
from symdrift.derivation.vocabulary import (
    FIRST_LAYER,
    HIDDEN,
    LOSS,
    ROTATION,
)
from symdrift.theory.rules.shipped_rules import TAU, shipped, weight
from symdrift.theory.rules.written_rules import (
    LATERAL,
    LETTERS,
    MEAN,
    MISSED,
    OUTER,
    SAMPLE,
    WRITTEN,
    ExplicitNetwork,
    WrittenRule,
    any_network,
    averaged,
    network_on_axes,
)
from symdrift.typesetting.printer import MeanMatrix

AT_REST = {
    name: sp.MatrixSymbol(f"resting_{name}", *letter.shape) for name, letter in LETTERS.items()
}
ON_AXIS = {name: sp.Symbol(f"mean_update_on_axis_{name}", real=True) for name in LETTERS}
LEARNED_VARIANCES = sp.MatrixSymbol("learned_variances", HIDDEN, HIDDEN)
IDENTITY = sp.Identity(HIDDEN)

LATEX: dict[sp.Basic, str] = {
    **{letter: f"{name}^{{*}}" for name, letter in AT_REST.items()},
    **{letter: f"(f_{name})_{{ii}}" for name, letter in ON_AXIS.items()},
    LEARNED_VARIANCES: r"\Lambda",
}

MEANINGS = (
    (AT_REST["W"], "a point of the fixed orbit, on the axes of the inputs", "p by n"),
    (AT_REST["M"], "the weights within the layer there", "p by p"),
    (LEARNED_VARIANCES, "variances of the learned axes, on the diagonal", "p by p"),
)


@dataclass(frozen=True)
class Words:
    """What only one rule has to be told of it.

    Attributes
    ----------
    story : str
        What a sample does.
    root : str
        Where an axis rests.
    orbit : str
        What all points of the orbit have in common.
    """

    story: str
    root: str
    orbit: str


WORDS: Mapping[str, Words] = MappingProxyType({
    "oja": Words(
        "A weight grows by the product of the two activities that it joins, which is Hebb's rule, "
        "but an input counts only by what the hidden layer does not make of it yet, so that the "
        "weights stay bounded.",
        "A weight of zero grows, at the rate {lambda_i}, until its square is [eq:rule-rest-W]: "
        "one, whatever the variance of its axis.",
        "In all of them the rows of {W} are orthogonal and of unit length, [eq:rule-shape]: the "
        "layer has learned a subspace, and no basis of it.",
    ),
    "tied_autoencoder": Words(
        "The same weights make of the activity an image of the input, which misses [eq:rule-error] "
        "of it. The rule descends the loss [eq:rule-loss]: half the squared error, and weight "
        "decay of strength {gamma}.",
        "A weight of zero grows if the variance of its axis is more than {threshold}, until its "
        "square is [eq:rule-rest-W]: weight decay takes from an axis the more, the less it varies.",
        "In all of them these squares are the eigenvalues of [eq:rule-shape], with the learned "
        "variances on the diagonal of {variances}.",
    ),
    "similarity_matching": Words(
        "Weights from the inputs grow by the product of the two activities that they join, which "
        "is Hebb's rule, and decay. Those within the layer do the same {tau_M} times slower; the "
        "activity goes through the inverse of {M}, so that units which are active together push "
        "each other apart.",
        "The first of the two vanishes where the weight within the layer is [eq:rule-rest-M], and "
        "then the second one where the weight from the axis has the square [eq:rule-rest-W]: both "
        "weights are the variance of their axis.",
        "In all of them the weights within the layer are [eq:rule-lateral], with the learned "
        "variances on the diagonal of {variances}, and those from the inputs satisfy "
        "[eq:rule-shape]: the rows of {filters}, which make the activity, are orthogonal and of "
        "unit length.",
    ),
})  # fmt: skip
"""By the names of the rules."""


def rule_orbit(name: str) -> Iterator[Step]:
    """The chapter, for a shipped rule.

    Parameters
    ----------
    name : str
        As studies call it.
    """
    rule, words = WRITTEN[name], WORDS[name]
    yield _sample_update(rule, words)
    yield _mean_update(rule)
    yield _resting_axis(rule, words)
    yield _turned_axes(rule, words)


def _sample_update(rule: WrittenRule, words: Words) -> Step:
    """The update of one sample

    A network with {n} inputs and {p} hidden units answers an input {x} with the activity
    [eq:rule-activity]. <story> Per unit of the learning rate one sample changes the weights by
    <updates>. Written out in the input and multiplied out, each term has the input at most twice,
    in the product {outer} of a column and a row.
    """
    network = any_network(rule, 2, 3)
    (activity, answered), *others = rule.defined.items()
    loss = _loss(rule)
    checks = () if loss is None else (
        vanishes(
            "The update is minus the derivative of [eq:rule-loss] by each weight, with 3 inputs, 2 "
            "hidden units and a symbol for each entry.",
            *(
                sp.diff(network.value(loss), entry) + changed
                for entry, changed in zip(
                    network.entries[FIRST_LAYER], network.values[SAMPLE["W"]], strict=True
                )
            ),
        ),
    )  # fmt: skip
    return step(
        rule_activity=(activity, answered),
        rule_error=others[0] if others else None,
        rule_loss=None if loss is None else (LOSS, loss),
        rule_sample={
            name: chain(
                SAMPLE[name],
                ("the rule", written),
                ("[eq:rule-activity], multiplied out", rule.products[name]),
                value=network.value,
            )
            for name, written in rule.updates.items()
        },
        symbols={"outer": sp.MatMul(*OUTER.args[0].args), "tau_M": TAU, "M": LATERAL},
        words={"story": words.story, "updates": _listed("rule-sample", rule)},
        checks=checks,
    )


def _mean_update(rule: WrittenRule) -> Step:
    """The mean update

    Weights were made by earlier samples, and the next one does not depend on them. The mean over
    inputs therefore passes by the weights to the product {outer}, the mean of which is the
    covariance {Sigma} of the inputs. This gives <updates>. Only second moments enter: where
    learning ends is the same for all inputs of one covariance.
    """
    network = any_network(rule, 2, 3)
    return step(
        rule_mean={
            name: chain(
                MEAN[name],
                (f"the mean of [eq:rule-sample-{name}]", MeanMatrix(product)),
                (
                    "the weights do not depend on the sample",
                    averaged(product, OUTER),
                ),
                ("the covariance of the inputs, which have no mean", rule.means[name]),
                value=network.value,
            )
            for name, product in rule.products.items()
        },
        symbols={"outer": sp.MatMul(*OUTER.args[0].args)},
        words={"updates": _listed("rule-mean", rule)},
        assumptions=("Inputs have zero mean.",),
    )


def _resting_axis(rule: WrittenRule, words: Words) -> Step:
    """Where an axis comes to rest

    Along the axes of the inputs {Sigma} is diagonal. Give each hidden unit one of these axes for
    itself: unit {i} has the weight {w_i} from the axis {i}<lateral>, and no other. The mean update
    then has no entry between two different axes, and on the axis {i} it is <updates>. <root>
    """
    network = network_on_axes(rule, "ij", "l")
    lines, means = _on_axis(rule), _traced_on_axis(rule)

    def apart(matrix: sp.ImmutableMatrix) -> Iterator[sp.Expr]:
        return (matrix[a, b] for a in range(matrix.rows) for b in range(matrix.cols) if a != b)

    return step(
        rule_axis={
            name: chain(
                ON_AXIS[name],
                (
                    f"[eq:rule-mean-{name}], where each matrix has a single entry",
                    line,
                    {ON_AXIS[name]: means[name]},
                ),
                ("factored", sp.factor_terms(sp.together(line))),
            )
            for name, line in lines.items()
        },
        rule_rest=_rests(rule),
        symbols={
            "w_i": weight("W", "i"),
            "m_i": weight("M", "i"),
            "threshold": GAMMA / 2,
        },
        words={
            "lateral": ", and {m_i} within the layer" if "M" in rule.updates else "",
            "updates": _listed("rule-axis", rule),
            "root": words.root,
        },
        checks=(
            vanishes(
                "With two learned axes and one that is not, the mean update has no entry between "
                "different axes.",
                *(entry for name in rule.updates for entry in apart(network.values[MEAN[name]])),
            ),
            vanishes(
                "With these weights the mean update of an axis vanishes.",
                *(mean.xreplace(resting_weights(rule, "i")) for mean in means.values()),
            ),
        ),
    )


def _on_axis(rule: WrittenRule) -> dict[str, sp.Expr]:
    """The mean updates of one axis, from the matrices."""
    values = network_on_axes(rule, "i", "").entries
    return {name: evaluate_matrix(mean, values)[0] for name, mean in rule.means.items()}


def _traced_on_axis(rule: WrittenRule) -> dict[str, sp.Expr]:
    """The same, from the terms of the rule."""
    own = {weight(name, ""): weight(name, "i") for name in rule.updates}
    own[symbol("input_variance")] = symbol("input_variance", "i")
    traced = shipped(rule.name).one_axis.mean
    return dict(zip(rule.updates, (mean.xreplace(own) for mean in traced), strict=True))


@cache
def _rests(rule: WrittenRule) -> Mapping[str, Chain]:
    """The roots of the mean updates of an axis, by the weights that they are for."""
    lines, means = _on_axis(rule), _traced_on_axis(rule)
    rests: dict[str, Chain] = {}
    known: dict[sp.Basic, sp.Expr] = {}
    for name, (of, root, front) in rule.solved.items():
        mean = ON_AXIS[name]
        found = sp.expand(root + sp.expand(lines[name]) / front)
        links: list[tuple[str, sp.Basic, Mapping[sp.Basic, sp.Basic]]] = [
            ("the mean update vanishes", root + mean / front, {mean: sp.S.Zero}),
            (f"[eq:rule-axis-{name}]", found, {mean: means[name]}),
        ]
        if known.keys() & found.free_symbols:
            cited = " and ".join(f"[eq:rule-rest-{earlier}]" for earlier in rests)
            links.append((cited, found.xreplace(known), dict(known)))
        rests[of] = chain(root, *links)
        known[root] = links[-1][1]
    return rests


def resting_weights(rule: WrittenRule, index: str) -> dict[sp.Symbol, sp.Expr]:
    """The weights of the unit of a learned axis where they rest, by their symbols."""
    own = {symbol("input_variance", "i"): symbol("input_variance", index)}
    found = {}
    for name, rest in _rests(rule).items():
        exponent = rest.start.as_base_exp()[1]
        value = rest.links[-1].expression.xreplace(own)
        found[weight(name, index)] = value ** (1 / exponent)
    return found


def _turned_axes(rule: WrittenRule, words: Words) -> Step:
    """The fixed orbit

    A weight matrix that rests on the axes is one of many: the update of turned weights is the
    turned update, so that the mean update vanishes after every rotation {Q} of the hidden layer,
    at <turned>. All these points together are the fixed orbit. <orbit>
    """
    network = network_on_axes(rule, "ij", "l")
    half = sp.Symbol("half_angle", real=True)
    cosine, sine = (1 - half**2) / (1 + half**2), 2 * half / (1 + half**2)
    turn = sp.ImmutableMatrix([[cosine, sine], [-sine, cosine]])
    lateral = "M" in rule.updates
    turned = {"W": ROTATION * AT_REST["W"]}
    if lateral:
        turned["M"] = ROTATION * AT_REST["M"] * ROTATION.T
    variances = (symbol("input_variance", index) for index in "ij")
    entries: dict[sp.Basic, sp.ImmutableMatrix] = {
        ROTATION: turn,
        LEARNED_VARIANCES: sp.ImmutableMatrix(sp.diag(*variances)),
        IDENTITY: sp.ImmutableMatrix(sp.eye(2)),
        **{AT_REST[name]: network.entries[LETTERS[name]] for name in turned},
    }
    points = {LETTERS[name]: evaluate_matrix(at, entries) for name, at in turned.items()}
    there = ExplicitNetwork({**network.entries, **points}, rule)
    at_rest = resting_weights(rule, "i") | resting_weights(rule, "j")

    def value(line: sp.Basic) -> sp.ImmutableMatrix:
        return evaluate_matrix(line, entries | points)

    squared = ROTATION * AT_REST["W"] * AT_REST["W"].T * ROTATION.T
    shapes = {
        "oja": (("[eq:rule-rest-W] on each axis", ROTATION * ROTATION.T),
                ("{Q} is orthogonal", IDENTITY)),
        "tied_autoencoder": (
            ("[eq:rule-rest-W] on each axis",
             ROTATION * (IDENTITY - GAMMA / 2 * LEARNED_VARIANCES.I) * ROTATION.T),
        ),
        "similarity_matching": (
            ("[eq:rule-rest-W] on each axis", ROTATION * LEARNED_VARIANCES**2 * ROTATION.T),
            ("[eq:rule-lateral], and {Q} is orthogonal", LATERAL**2),
        ),
    }  # fmt: skip
    return step(
        rule_turned={name: (LETTERS[name], at) for name, at in turned.items()},
        rule_lateral=chain(
            LATERAL,
            ("[eq:rule-turned-M]", turned["M"]),
            (
                "[eq:rule-rest-M] on each axis",
                ROTATION * LEARNED_VARIANCES * ROTATION.T,
                at_rest,
            ),
            value=value,
        )
        if lateral
        else None,
        rule_shape=chain(
            FIRST_LAYER * FIRST_LAYER.T,
            ("[eq:rule-turned-W]", squared),
            *((reason, line, at_rest) for reason, line in shapes[rule.name]),
            value=value,
        ),
        symbols={"variances": LEARNED_VARIANCES, "filters": LATERAL.I * FIRST_LAYER},
        words={"turned": _listed("rule-turned", rule), "orbit": words.orbit},
        checks=(
            vanishes(
                "With a rotation of two units by any angle, the update of turned weights is the "
                "turned update, for every input.",
                *(
                    there.values[SAMPLE[name]]
                    - _turned(turn, network.values[SAMPLE[name]], square=name == "M")
                    for name in turned
                ),
            ),
        ),
    )


def _turned(
    turn: sp.ImmutableMatrix, matrix: sp.ImmutableMatrix, *, square: bool
) -> sp.ImmutableMatrix:
    return turn * matrix * turn.T if square else turn * matrix


def _loss(rule: WrittenRule) -> sp.Expr | None:
    """The loss of a sample that the rule descends, where it is a gradient."""
    if MISSED not in rule.defined:
        return None
    return sp.Trace(MISSED * MISSED.T) / 2 + GAMMA * sp.Trace(FIRST_LAYER * FIRST_LAYER.T) / 2


def _listed(label: str, rule: WrittenRule) -> str:
    """References to the equations of a family."""
    return " and ".join(f"[eq:{label}-{name}]" for name in rule.updates)

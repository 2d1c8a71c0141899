"""Drift of the rule of this study: its fixed point, its terms and its planes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations

import sympy as sp

from symdrift.algebra.rational import cancel, leading_term
from symdrift.derivation.chapter import holds, step, vanishes
from symdrift.derivation.premises import Premise
from symdrift.derivation.steps import Method, Step
from symdrift.derivation.symbolic import symbolic
from symdrift.derivation.symbols import BATCH, ETA, GAMMA, INPUTS, symbol
from symdrift.derivation.vocabulary import HIDDEN, L_INDEX
from symdrift.errors import RequestError
from symdrift.study import Study
from symdrift.theory.rules.momentum import EFFECTIVE
from symdrift.theory.rules.rule_area import RuleArea
from symdrift.theory.rules.shipped_rules import (
    POINT,
    TAU,
    ShippedRule,
    of_plane,
    shipped,
    told,
)

OWN, LEARNED, OTHER = (sp.Symbol(f"rule_share_{name}") for name in ("own", "learned", "other"))
K_INDEX = sp.Symbol("k", integer=True, positive=True)
LI, LJ, LK, LL = (symbol("input_variance", index) for index in "ijkl")

LATEX: dict[sp.Basic, str] = {
    OWN: "T_{ij}", LEARNED: "T_{ijk}", OTHER: "T_{ijl}", TAU: r"\tau_M",
}  # fmt: skip

MEANINGS = (
    (OWN, "contribution of the two axes of a plane", "scalar"),
    (LEARNED, "contribution of a third learned axis", "scalar"),
    (OTHER, "contribution of an axis that is not learned", "scalar"),
    (TAU, "how many times slower the weights within the layer learn", "scalar"),
)


def require_axes(study: Study) -> None:
    """Refuse axes of which the planes of the study cannot be told.

    Raises
    ------
    RequestError
        As `axis_variances`.
    """
    axis_variances(study, _values(study))


def _values(study: Study) -> dict[str, sp.Expr]:
    """By dotted field."""
    return {
        field: symbolic(value, {s: sp.Symbol(s, positive=True) for s in value.symbols})
        for field, value in study.numbers.items()
    }


def rule_results(study: Study) -> Iterator[Step]:
    """The rule on representative axes, and the planes of the study."""
    values = _values(study)
    rule = shipped(study.learning.rule)
    numbers = {TAU: values.get("learning.tau", sp.Integer(1))} if rule.has(TAU) else {}
    rule = rule.at(numbers)
    yield _rule_terms(rule)
    yield _rule_planes(study, rule, values)


def _rule_terms(rule: ShippedRule) -> Step:
    """Terms of representative axes

    Inputs are Gaussian with independent axes; a hidden unit has each learned axis for itself. The
    Jacobian of the mean update mixes only weights that join the same two axes, so that every
    rotation in a plane {i}, {j} is a sum over the other axes. At representative axes the equations
    of the first section, solved as linear systems, give [eq:rule-own] for the two axes themselves
    and [eq:rule-learned] for a third learned axis. For an axis that is not learned they give once
    more what was found line by line, [eq:rule-other]. Where that axis varies little its term is
    [eq:rule-small] at leading order.
    """
    shares = rule.shares
    coefficient, exponent = leading_term(shares.other, LL)
    pair = RuleArea(rule.on_axes(2, 1))

    def again() -> bool:
        found = rule.in_variances(pair.shares.get((2,), sp.S.Zero))
        return bool(cancel(found - shares.other) == 0)

    return step(
        under=[Premise.GAUSSIAN, Premise.LEADING_ORDER],
        rule_own=(OWN, shares.own),
        rule_learned=(LEARNED, shares.learned),
        rule_other=(OTHER, shares.other),
        rule_small=(OTHER, told(coefficient * LL**exponent)),
        checks=(
            vanishes("The mean update at the fixed point of the rule vanishes.", *pair.rule.mean),
            holds(
                "A network without the third learned axis gives the same [eq:rule-other].",
                Method.IDENTITY,
                again,
            ),
        ),
    )


def _rule_planes(study: Study, rule: ShippedRule, values: dict[str, sp.Expr]) -> Step:
    """Planes of this study

    In each plane of learned axes the variance of the rotation per step is the sum of these terms
    over all axes, [eq:rule-total], where {i} and {j} have no part in the first sum. A batch of
    {batch} samples divides the noise, and with it the fluctuation, and it divides the mean square
    of the response. <planes>
    """
    variances = axis_variances(study, values)
    hidden = int(values["network.hidden"])
    shares = rule.shares
    known = {GAMMA: values.get("learning.weight_decay", GAMMA)}
    rate = values["learning.rate"] / (1 - values["learning.momentum"])
    power = rate**3 / values["learning.batch"] ** 2
    planes = {}
    for i, j in combinations(range(hidden), 2):
        plane = known | {LI: variances[i], LJ: variances[j]}
        total = told(power * shares.own.xreplace(plane))
        for k in range(len(variances)):
            if k not in (i, j):
                share, letter = (shares.learned, LK) if k < hidden else (shares.other, LL)
                total += told(power * share.xreplace(plane | {letter: variances[k]}))
        name = symbol("rotation_covariance", f"{i + 1}{j + 1}")
        planes[f"{i + 1}-{j + 1}"] = of_plane(name, total)

    def whole() -> bool:
        """Three learned axes and two others at a rational point, without representatives."""
        open_numbers = {letter: at for letter, at in POINT.items() if letter not in rule.numbers}
        area = RuleArea(rule.at(open_numbers).on_axes(3, 2))
        i, j, k, l, o = area.rule.variances
        at = {GAMMA: POINT[GAMMA], LI: i, LJ: j}
        total = shares.own.xreplace(at) + shares.learned.xreplace(at | {LK: k})
        total += sum(shares.other.xreplace(at | {LL: variance}) for variance in (l, o))
        return bool(cancel(sum(area.shares.values()) - total) == 0)

    third = sp.Sum(LEARNED, (K_INDEX, 1, HIDDEN))
    total = OWN + third + sp.Sum(OTHER, (L_INDEX, HIDDEN + 1, INPUTS))
    shown_rate = EFFECTIVE if study.has_momentum else ETA
    names = list(planes)
    ends = dict.fromkeys(f"[eq:rule-plane-{name}]" for name in (*names[:1], *names[-1:]))
    told_planes = "A single axis spans no plane."
    if ends:
        told_planes = (
            "At the learning rate and the batch size of the study this is "
            + " to ".join(ends)
            + "."
        )
    return step(
        under=[Premise.GAUSSIAN, Premise.LEADING_ORDER],
        rule_total=(symbol("rotation_covariance", "ij"), shown_rate**3 / BATCH**2 * total),
        rule_plane=planes,
        words={"planes": told_planes},
        checks=(
            holds(
                "In a network of three learned axes and two others, with numbers for their "
                "variances, the terms of all axes add up to the whole.",
                Method.POINTS,
                whole,
            ),
        ),
    )


def axis_variances(study: Study, values: Mapping[str, sp.Expr]) -> list[sp.Expr]:
    """Variances of the inputs, learned ones first: by the numbers of the study, where it has them.

    Raises
    ------
    RequestError
        When more axes would be learned than there are, or variances tie where learning ends.
    """
    inputs, hidden = (int(values[f"network.{size}"]) for size in ("inputs", "hidden"))
    if hidden > inputs:
        raise RequestError(
            "network.hidden",
            f"= {hidden} must be at most {inputs}, the number of inputs: a derivation of this rule "
            "has an axis for each hidden unit",
        )
    given = [v for field, v in values.items() if field.startswith("inputs.covariance")]
    variances = given * inputs if len(given) == 1 else given
    if study.missing:
        return variances
    numbers = {sp.Symbol(s, positive=True): symbolic(v, {}) for s, v in study.values.items()}
    sizes = [value.xreplace(numbers) for value in variances]
    order = sorted(range(inputs), key=lambda k: -sizes[k])
    least = 0
    if "learning.weight_decay" in values:
        least = values["learning.weight_decay"].xreplace(numbers) / 2
    last = sizes[order[hidden - 1]]
    if last <= least or (hidden < inputs and sizes[order[hidden]] == last):
        raise RequestError(
            "inputs.covariance",
            f"does not say which {hidden} axes are learned: the variance {last} ties with that of "
            "an axis that is not, or is too small to be learned",
        )
    return [variances[k] for k in order]

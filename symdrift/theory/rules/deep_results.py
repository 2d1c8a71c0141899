"""Drift of the network of this study: its axes, and the planes of its two hidden layers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
import sympy as sp

from symdrift.algebra.rational import factor
from symdrift.derivation.chapter import holds, step, vanishes
from symdrift.derivation.premises import Premise
from symdrift.derivation.steps import Method, Step
from symdrift.derivation.symbolic import symbolic
from symdrift.derivation.symbols import BATCH, ETA, GAMMA, INPUTS, symbol
from symdrift.derivation.vocabulary import HIDDEN, L_INDEX
from symdrift.errors import RequestError
from symdrift.evaluation.any_rule import evaluate_rule
from symdrift.study import Study
from symdrift.study.learning_rules import NUMBERS_ALL_THE_SAME
from symdrift.study.problem import Array
from symdrift.theory.rules.deep_axes import (
    EQUAL_WEIGHTS,
    LAYER_WEIGHT,
    LI,
    LJ,
    LK,
    LL,
    OTHER,
    OWN,
    PLANES,
    THIRD,
    TOTAL,
    VARIANCE,
    left_out_share,
    share,
    small,
)
from symdrift.theory.rules.deep_terms import alike_total
from symdrift.theory.rules.momentum import EFFECTIVE
from symdrift.theory.rules.rule_results import K_INDEX
from symdrift.theory.rules.shipped_rules import of_plane, told, weight


@dataclass(frozen=True, eq=False)
class Axes:
    """What a study says of the axes of its network.

    Attributes
    ----------
    study : Study
    """

    study: Study

    @cached_property
    def values(self) -> Mapping[str, sp.Expr]:
        """By dotted field."""
        return {
            field: symbolic(value, {s: sp.Symbol(s, positive=True) for s in value.symbols})
            for field, value in self.study.numbers.items()
        }

    @cached_property
    def gains(self) -> list[sp.Expr]:
        """Of the teacher on each axis of the inputs."""
        inputs, outputs = (int(self.values[f"network.{size}"]) for size in ("inputs", "outputs"))
        given = [v for field, v in self.values.items() if field.startswith("teacher.map")]
        answered = min(inputs, outputs)
        found = given or [sp.S.One] * answered
        return [*found[:answered], *[sp.S.Zero] * (inputs - answered)]

    @cached_property
    def variances(self) -> list[sp.Expr]:
        """Of the inputs on each axis."""
        given = [v for field, v in self.values.items() if field.startswith("inputs.covariance")]
        return given * len(self.gains) if len(given) == 1 else given

    @cached_property
    def learned(self) -> list[int]:
        """Axes that a hidden unit has for itself.

        Raises
        ------
        RequestError
            When there are not as many as hidden units, or one of them cannot be learned.
        """
        found = [k for k, gain in enumerate(self.gains) if gain != 0]
        hidden = int(self.values["network.hidden.0"])
        if len(found) != hidden:
            instead = (
                "units beyond these stay silent, and the drift is the same without them"
                if hidden > len(found)
                else f"where some of these axes find no unit, {NUMBERS_ALL_THE_SAME}"
            )
            raise RequestError(
                "network.hidden",
                f"= [{hidden}, {hidden}] must be [{len(found)}, {len(found)}]: a derivation of "
                "three layers has a unit of each hidden layer for each axis on which the teacher "
                f"has a gain; {instead}",
            )
        if not self.study.missing:
            self._require_learned(found)
        return sorted(found, key=self._falling)

    def _falling(self, axis: int) -> tuple[float, int]:
        """Numbers of the study, where it has them, by falling variance; as given otherwise."""
        if self.study.missing:
            return 0.0, axis
        return -float(self.variances[axis].xreplace(self.numbers)), axis

    @cached_property
    def numbers(self) -> Mapping[sp.Symbol, sp.Expr]:
        """Of the symbols of the study."""
        return {sp.Symbol(s, positive=True): symbolic(v, {}) for s, v in self.study.values.items()}

    def _require_learned(self, found: list[int]) -> None:
        numbers = self.numbers
        decay = float(self.values["learning.weight_decay"].xreplace(numbers))
        for k in found:
            variance, gain = (
                float(part[k].xreplace(numbers)) for part in (self.variances, self.gains)
            )
            largest = variance * (abs(gain) / 2) ** (4 / 3)
            if not 0 < decay < largest:
                raise RequestError(
                    "learning.weight_decay",
                    f"= {decay:g} must be above 0 and below {largest:g}, from where on axis "
                    f"{k + 1} costs less where it is not learned",
                )

    @property
    def power(self) -> sp.Expr:
        """What the terms of all axes are multiplied with."""
        rate = self.values["learning.rate"] / (1 - self.values["learning.momentum"])
        return rate**3 / self.values["learning.batch"] ** 2

    @property
    def equal(self) -> bool:
        """Whether the teacher has one gain on all learned axes."""
        return len({self.gains[k] for k in self.learned}) == 1


def require_axes(study: Study) -> None:
    """Refuse axes of which the planes of the study cannot be told.

    Raises
    ------
    RequestError
        As `Axes.learned`.
    """
    _ = Axes(study).learned


def deep_results(study: Study) -> Iterator[Step]:
    """The planes of the study."""
    yield _deep_planes(study, Axes(study))


def _deep_planes(study: Study, axes: Axes) -> Step:
    """Planes of this study

    In each plane of learned axes the rotations of the two layers have per step the covariance
    [eq:deep-total], a sum over all axes, where {i} and {j} have no part in the first sum. A batch
    of {batch} samples divides the noise, and with it the fluctuation, and it divides the mean
    square of the response. <planes> <beside>
    """
    values, learned = axes.values, axes.learned
    planes = {
        f"{layers}-{i}-{j}": (
            PLANES[layers][i, j],
            told(axes.power * _whole(axes, learned[i - 1], learned[j - 1], layers)),
        )
        for i, j in combinations(range(1, len(learned) + 1), 2)
        for layers in PLANES
        if axes.equal
    }  # fmt: skip
    decay = values["learning.weight_decay"]
    third = sp.Sum(THIRD, (K_INDEX, 1, HIDDEN))
    total = OWN + third + sp.Sum(OTHER, (L_INDEX, HIDDEN + 1, INPUTS))
    shown_rate = EFFECTIVE if study.has_momentum else ETA
    return step(
        under=[Premise.GAUSSIAN, Premise.LEADING_ORDER, Premise.SMALL_DECAY],
        deep_total=(TOTAL, shown_rate**3 / BATCH**2 * total),
        deep_plane={
            name: of_plane(left, right.xreplace({GAMMA: decay}))
            for name, (left, right) in planes.items()
        },
        words={
            "planes": _told_planes(axes, list(planes)),
            "beside": _told_ratios(axes),
        },
        checks=(
            vanishes(
                "With equal gains and variances of three learned axes, and two others of one "
                "variance, the terms of all axes add up to what the last chapter has.",
                *(_alike(layers) for layers in PLANES),
            ),
            *(() if axes.study.missing or len(learned) == 1 else (
                holds(
                    "What full matrices give tends to what the terms of all axes add up to "
                    "linearly in the weight decay: at half a small one the difference is half, to "
                    "a hundredth.",
                    Method.ORDER,
                    lambda: _tends(axes),
                ),
            )),
        ),
    )  # fmt: skip


def _whole(axes: Axes, i: int, j: int, layers: str) -> sp.Expr:
    """``V / eta^3`` in a plane with equal gains, at leading order in the weight decay."""
    own = {LI: axes.variances[i], LJ: axes.variances[j]}
    total = (share("i", layers) + share("j", layers)).xreplace(own | EQUAL_WEIGHTS)
    for k, variance in enumerate(axes.variances):
        if k in axes.learned and k not in (i, j):
            total += share("k", layers).xreplace(own | EQUAL_WEIGHTS | {LK: variance})
        elif k not in axes.learned:
            left = small(left_out_share(layers).xreplace(EQUAL_WEIGHTS))
            total += left.xreplace(own | {LL: variance})
    gain = sp.Abs(axes.gains[i])
    return factor(total / GAMMA**4 * LAYER_WEIGHT**4) * GAMMA**4 / gain ** sp.Rational(4, 3)


def _alike(layers: str) -> sp.Expr:
    """What the terms of equal axes add up to, less the sum of the last chapter."""
    alike = EQUAL_WEIGHTS | dict.fromkeys((LI, LJ, LK), VARIANCE)
    own, third = (
        sum(share(k, layers) for k in places).xreplace(alike) for places in (("i", "j"), ("k",))
    )
    left = small(left_out_share(layers).xreplace(alike))
    counted = {HIDDEN: sp.Integer(3), INPUTS: sp.Integer(5), ETA: sp.S.One}
    return own + third + 2 * left - alike_total(layers).xreplace(counted)


def _full_over(axes: Axes, decay: float, *, resting: bool) -> Array:
    """What full matrices give over the terms of all axes, for each plane and pair of layers.

    Parameters
    ----------
    axes : Axes
        Of a study with all its numbers.
    decay : float
        Weight decay.
    resting : bool
        Whether these have the weights at which the axes rest, or their limit.
    """
    learner = axes.study.with_values({"learning.weight_decay": decay}).learner()
    full = evaluate_rule(learner)
    point, places = full.minimum.orbit.point, {
        (plane.layer, plane.i, plane.j): place for place, plane in enumerate(full.drift.planes)
    }  # fmt: skip
    given = {k: float(v.xreplace(axes.numbers)) for k, v in enumerate(axes.variances)}
    gains = {k: abs(float(axes.gains[k].xreplace(axes.numbers))) for k in axes.learned}
    weights = np.linalg.norm(point[0], axis=0)
    power = float(axes.power.xreplace(axes.numbers))

    def numbers(letters: str, *places: int) -> dict[sp.Symbol, sp.Float]:
        found = {GAMMA: sp.Float(decay)}
        for letter, k in zip(letters, places, strict=True):
            found[symbol("input_variance", letter)] = sp.Float(given[k])
            if letter != "l":
                size = weights[k] if resting else gains[k] ** (1 / 3)
                found[weight("W", letter)] = sp.Float(float(size))
        return found

    ratios = []
    for (one, i), (two, j) in combinations(enumerate(axes.learned, start=1), 2):
        for layers in PLANES:
            own = numbers("ij", i, j)
            total = sum(share(k, layers).xreplace(own) for k in "ij")
            for k in given:
                if k in (i, j):
                    continue
                letter = "k" if k in axes.learned else "l"
                added = share("k", layers) if letter == "k" else left_out_share(layers)
                total += added.xreplace(numbers("ij" + letter, i, j, k))
            first, second = (places[f"hidden_{layer}", one, two] for layer in layers)
            ratios.append(full.drift.covariance[first, second] / (power * float(total)))
    return np.array(ratios)


def _tends(axes: Axes) -> bool:
    """Whether full matrices leave the leading order linearly in the weight decay."""
    scale = min(
        float((axes.variances[k] * sp.Abs(axes.gains[k]) ** sp.Rational(4, 3)).xreplace(
            axes.numbers
        ))
        for k in axes.learned
    )  # fmt: skip
    whole, half = (_full_over(axes, part * scale, resting=False) - 1 for part in (1e-3, 5e-4))
    return bool(np.all(np.abs(whole) < 0.1) and np.all(np.abs(half / whole - 0.5) < 0.01))


def _told_planes(axes: Axes, names: list[str]) -> str:
    if len(axes.learned) == 1:
        return "A single axis spans no plane."
    if not names:
        return (
            "The gains of this study differ, so that its planes are sums of the terms of unequal "
            "weights, [eq:deep-own], [eq:deep-third] and [eq:deep-other]."
        )
    return (
        "With the gain of this study, and its learning rate, batch size and variances, "
        "[eq:deep-total] becomes by [eq:deep-equal-own], [eq:deep-equal-third] and "
        "[eq:deep-equal-11] to [eq:deep-equal-22] what stands in "
        f"[eq:deep-plane-{names[0]}] to [eq:deep-plane-{names[-1]}]. Axes are numbered by falling "
        "variance, and raised are the two layers."
    )


def _told_ratios(axes: Axes) -> str:
    """How far the leading order is from the whole, at the numbers of the study."""
    if axes.study.missing or len(axes.learned) == 1:
        return ""
    decay = float(axes.values["learning.weight_decay"].xreplace(axes.numbers))
    limit, resting = (_span(_full_over(axes, decay, resting=at)) for at in (False, True))
    return (
        "At the weight decay of the study full matrices, which the tables of a report have, give "
        f"{limit} times what the terms of all axes add up to with the cube of each weight at the "
        f"gain of its axis, [eq:deep-small-rest]; with the weights of [eq:deep-rest] instead, "
        f"{resting} times. The rest is of higher order in the weight decay."
    )


def _span(numbers: Array) -> str:
    low, high = f"{numbers.min():.3g}", f"{numbers.max():.3g}"
    return low if low == high else f"{low} to {high}"

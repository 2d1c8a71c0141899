"""The rule of this study: why it knows no basis of its hidden layers, and what is found of it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, cycle

import numpy as np
import sympy as sp

from symdrift.algebra.matrix_terms import (
    SCALAR,
    Identity,
    Letter,
    Product,
    Traced,
    in_order,
    rebuilt,
    written,
)
from symdrift.derivation.chapter import holds, step, vanishes
from symdrift.derivation.premises import Premise
from symdrift.derivation.steps import Method, Step
from symdrift.derivation.symbols import GAMMA, INPUTS
from symdrift.derivation.vocabulary import (
    HIDDEN,
    INPUT,
    LABEL_NOISE,
    OUTPUTS,
    TEACHER,
)
from symdrift.errors import counted
from symdrift.evaluation.any_rule import evaluate_rule
from symdrift.evaluation.any_rule.engine import orbit_space, rule_drift
from symdrift.evaluation.any_rule.fixed_orbit import STARTS
from symdrift.evaluation.any_rule.rule_result import RuleEvaluation
from symdrift.evaluation.any_rule.traced_rule import TracedRule
from symdrift.rules.own_rule import OwnRule
from symdrift.study import Study
from symdrift.study.learner import Learner
from symdrift.study.learning_rules import MOST_LAYERS
from symdrift.study.problem import Array
from symdrift.theory.rules.general_rule import SLOPE_OF_MEAN
from symdrift.theory.rules.shipped_rules import DIGITS

PLANES = {k: sp.IndexedBase(f"own_plane_{k}") for k in range(MOST_LAYERS + 1)}
"""By the number of a hidden layer, nought where it is the only one."""
SLOWEST, FASTEST = sp.symbols("own_slowest own_fastest", positive=True)
_SHOWN, _SAME = 6, 1e-9
"""Largest weight matrix that is shown, and what nine digits leave."""

LATEX: dict[sp.Basic, str] = {
    **{base.label: f"V^{{({k})}}" if k else "V" for k, base in PLANES.items()},
    SLOWEST: r"r_{\min}",
    FASTEST: r"r_{\max}",
}

MEANINGS = (
    (SLOWEST, "slowest rate at which a deviation returns, per learning rate", "scalar"),
    (FASTEST, "fastest rate at which a deviation returns, per learning rate", "scalar"),
)


def meanings_of(study: Study) -> Iterator[tuple[sp.Basic, str, str]]:
    """Rows of the table of notation for what is called after the weights of a rule."""
    rule = study.learner().rule
    assert isinstance(rule, OwnRule)
    for name, axes in rule.weights.items():
        changed = f"what a sample changes in {name}, per learning rate"
        yield _letter(f"F_{name}", axes), changed, "matrix"
        yield _letter(f"{name}_rest", axes), f"{name} on the fixed orbit", "matrix"


def own_results(study: Study) -> Iterator[Step]:
    """The chapter, for a rule of one's own with all its numbers."""
    learner = study.learner()
    found = evaluate_rule(learner)
    yield _own_update(learner)
    yield _own_orbit(learner, found)
    yield _own_drift(learner, found)


def _own_update(learner: Learner) -> Step:
    """The update, and the proof that it knows no basis

    Every matrix of the rule has rows and columns that count something: inputs, outputs, the units
    of a hidden layer, or the sample. <axes> A product is only read where what it sums over is the
    same on both sides, and a sum only where both axes are. So an axis of hidden units is nowhere
    met by anything but itself: where the layer is turned by {Q}, the rotation and its transpose
    meet in every product and cancel, and what is left is the turned update. That the axes fit is
    the proof. <products> <update>
    """
    rule = learner.rule
    assert isinstance(rule, OwnRule)
    matrices = ", ".join(
        f"{name} has {rows} by {columns}" for name, (rows, columns) in rule.weights.items()
    )
    shown = _in_symbols(rule)
    labels = [f"[eq:own-update-{name}]" for name in shown]
    return step(
        own_update={name: (_letter(f"F_{name}", rule.weights[name]), line)
                    for name, line in shown.items()},
        symbols={"Q": sp.MatrixSymbol("Q", HIDDEN, HIDDEN)},
        words={
            "axes": f"Here {matrices}.",
            "products": _products(rule),
            "update": f"Written out, a sample changes the weights by {_and(labels)}."
            if labels else "",
        },
        checks=(
            vanishes(
                "In a small network with rational weights and a rational sample, whose hidden "
                "layers are turned by rational rotations, the update of turned weights is the "
                "turned update.",
                *_turned_less_turned(rule),
                method=Method.POINTS,
            ),
        ),
    )  # fmt: skip


def _in_symbols(rule: OwnRule) -> dict[str, sp.MatrixExpr]:
    """The update by weight matrix; nothing where a trace or an identity stands in it."""
    parts = in_order(rule.in_letters)
    if any(isinstance(part, (Traced, Identity)) for part in parts):
        return {}
    known: dict[Letter, sp.Basic] = {
        letter: _letter(letter.name, (letter.rows, letter.columns))
        for letter in parts
        if isinstance(letter, Letter)
    }
    given = {"x": INPUT, "weight_decay": GAMMA, "target": TEACHER * INPUT + LABEL_NOISE}
    known = {letter: given.get(letter.name, found) for letter, found in known.items()}
    lines = rebuilt(rule.in_letters, known, lambda number: sp.Rational(str(number)))
    return {name: sp.expand(line.doit()) for name, line in zip(rule.weights, lines, strict=True)}


def _letter(name: str, axes: tuple[str, str]) -> sp.Basic:
    """A matrix symbol with the axes of a letter, or a scalar."""
    if axes[0] == SCALAR:
        return sp.Symbol(name, positive=True)
    sizes = {"inputs": INPUTS, "outputs": OUTPUTS, "sample": sp.S.One, "hidden": HIDDEN}
    rows, columns = (sizes.get(axis, sp.Symbol(axis, positive=True, integer=True)) for axis in axes)
    return sp.MatrixSymbol(name, rows, columns)


def _products(rule: OwnRule) -> str:
    """What the products of the update sum over."""
    met: dict[str, list[str]] = {}
    for term in in_order(rule.in_letters):
        if isinstance(term, Product):
            met.setdefault(_axis(term), []).append(f"“{written(term)}”")
    told = [f"over {axis} in {_and(list(dict.fromkeys(terms)))}" for axis, terms in met.items()]
    return f"The products of this rule sum {'; '.join(told)}." if told else ""


def _axis(term: Product) -> str:
    counted = {"inputs": "inputs", "outputs": "outputs", "sample": "the single sample"}
    axis = term.first.columns
    return counted.get(axis, "the units of " + axis.replace("_", " "))


def _and(names: list[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def _turned_less_turned(rule: OwnRule) -> Iterator[sp.MatrixBase]:
    """Update of turned weights less the turned update, with two units, inputs and outputs."""
    numbers = count(1)
    weights = tuple(
        sp.ImmutableMatrix(2, 2, lambda a, b: sp.Integer(next(numbers))) for _ in rule.weights
    )
    turns = {
        axis: sp.ImmutableMatrix([[a, b], [-b, a]]) / c
        for axis, (a, b, c) in zip(rule.hidden_axes, cycle(_TRIPLES), strict=False)
    }
    sample = sp.ImmutableMatrix([sp.Rational(2, 3), sp.Rational(-5, 7)])

    def update(at: tuple[sp.MatrixBase, ...]) -> tuple[sp.MatrixBase, ...]:
        known = dict(zip(rule.weights, at, strict=True))
        values = {
            letter: known.get(letter.name, sp.Rational(1, 3) if letter.is_scalar else sample)
            for letter in in_order(rule.in_letters)
            if isinstance(letter, Letter)
        }
        return rebuilt(rule.in_letters, values, lambda number: sp.Rational(str(number)))

    after = update(tuple(map(sp.ImmutableMatrix, rule.turned(turns, weights))))
    for moved, expected in zip(after, rule.turned(turns, update(weights)), strict=True):
        yield sp.ImmutableMatrix(moved - expected)


_TRIPLES = ((3, 4, 5), (5, 12, 13), (8, 15, 17))


def _own_orbit(learner: Learner, found: RuleEvaluation) -> Step:
    """The fixed orbit, as it is found

    No formula is known for where this rule comes to rest. <search> At the point that is found
    <point>nothing is left of the mean update but rounding, and there the derivative {J} stands
    still along the tangent vectors of the orbit, [eq:rule-tangent], and
    along nothing else: all other deviations return, at rates from [eq:own-slowest] to
    [eq:own-fastest]. So the left null vectors, the fluctuation and the areas of the first section
    exist, and are found as they are defined there, by [eq:rule-normalised], [eq:rule-lyapunov] and
    [eq:rule-poisson], in decimal numbers.
    """
    orbit = found.minimum.orbit
    shown = {
        name: (_letter(f"{name}_rest", learner.rule.weights[name]), _decimal(matrix))
        for name, matrix in zip(learner.rule.weights, orbit.point, strict=True)
        if max(matrix.shape) <= _SHOWN
    }
    reached = orbit.reached or 0
    others = found.minimum.orbits - 1
    search = (
        f"Its mean update is followed from {STARTS} starting points, of which {reached} lead to "
        "the orbit of this study, and Newton's method ends the way; where all weights vanish is "
        "tried too. "
        + (f"Learning can also end at {counted(others, 'other orbit')} that "
           f"{'was' if others == 1 else 'were'} found. " if others else "")
        + "Others, to which none of these lead, may exist."
    )  # fmt: skip
    labels = [f"[eq:own-rest-{name}]" for name in shown]
    _, space = orbit_space(learner, orbit.point)
    slowest, fastest = found.minimum.slowest_return, found.minimum.fastest_return
    return step(
        own_rest=shown,
        own_slowest=(SLOWEST, sp.Float(slowest, DIGITS)),
        own_fastest=(FASTEST, sp.Float(fastest, DIGITS)),
        symbols={
            "J": SLOPE_OF_MEAN,
        },
        words={"search": search, "point": f"{_and(labels)} " if labels else ""},
        checks=(
            holds(
                "The mean update vanishes at the point that was found, relative to its rates and "
                "to the weights.",
                Method.DIGITS,
                lambda: orbit.mean_update < _SAME,
            ),
            holds(
                "As many directions stand still as rotations of the layers move the point in, and "
                "the real parts of all other rates are positive.",
                Method.DIGITS,
                lambda: (
                    len(space.rates) + len(found.drift.planes) == _count(learner)
                    and bool(np.all(found.drift.rates.real > 0))
                ),
            ),
        ),
    )


def _count(learner: Learner) -> int:
    """Weights in all."""
    return TracedRule(learner.rule, learner.sizes).count


def _decimal(matrix: Array) -> sp.ImmutableMatrix:
    """With few digits, and zeros for rounding."""
    small = _SAME * float(np.abs(matrix).max(initial=0.0))
    return sp.ImmutableMatrix(
        [[sp.Float(x, DIGITS) if abs(x) > small else sp.S.Zero for x in row]
         for row in matrix.tolist()]
    )  # fmt: skip


def _own_drift(learner: Learner, found: RuleEvaluation) -> Step:
    """Drift of the rule

    With fluctuation and response at this orbit [eq:rule-variance] is in each plane of the hidden
    axes that respond <planes>, at the learning rate of the study and at leading order in it.
    <direct> These are numbers of this study, not formulas: the tables of a report have all of them,
    and how they answer to learning rate, batch size and variances.
    """
    planes = found.drift.planes
    variances = np.diagonal(found.drift.covariance)
    shown = {
        f"{number}": (PLANES[_index(plane.layer)][plane.i, plane.j], sp.Float(float(v), DIGITS))
        for number, (plane, v) in enumerate(zip(planes, variances, strict=True), start=1)
        if number <= _SHOWN
    }
    turned = rule_drift(learner, _somewhere_else(learner, found.minimum.orbit.point))
    here, there = (
        sum(drift.covariance[k, k] for k in range(len(planes))) for drift in (found.drift, turned)
    )
    labels = [f"[eq:own-plane-{number}]" for number in shown]
    return step(
        under=[Premise.LEADING_ORDER],
        own_plane=shown,
        words={
            "planes": _and(labels) if labels else "nothing, since no plane turns",
            "direct": "Samples turn the layers at the fixed point itself too, which adds to it."
            if found.drift.direct.any()
            else "No sample turns a layer at the fixed point itself, [eq:rule-quiet].",
        },
        checks=(
            holds(
                "At another point of the orbit, where the layers are turned by arbitrary "
                "rotations, the variances of all planes have the same sum.",
                Method.DIGITS,
                lambda: bool(abs(there - here) <= _SAME * abs(here)),
            ),
        ),
    )


def _index(layer: str) -> int:
    """Number of a hidden layer, nought where it is the only one."""
    return int(layer.partition("_")[2] or 0)


def _somewhere_else(learner: Learner, point: tuple[Array, ...]) -> tuple[Array, ...]:
    """Another point of the orbit."""
    random = np.random.default_rng(0)
    turns = {
        axis: np.linalg.qr(random.standard_normal((learner.sizes[axis],) * 2))[0]
        for axis in learner.rule.hidden_axes
    }
    return learner.rule.turned(turns, point)

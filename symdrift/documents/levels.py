"""How much of a derivation a document tells: results, an outline, an appendix, or every line."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import sympy as sp

from symdrift.derivation.premises import Premise
from symdrift.derivation.reliance import shortened, stated, symbols_of
from symdrift.derivation.steps import (
    Derivation,
    Equation,
    Notation,
    Shown,
    Step,
    relation,
    taken_apart,
)
from symdrift.study.roles import ROLES

ESSENTIAL = frozenset([
    "sample-loss", "update", "residual", "balance", "learned-map", "singular-value",
    "axis-residual", "active", "reduction", "generator", "metric", "reach",
    "dimension", "hessian-pair", "coupling", "hessian-own", "noise-pair",
    "noise-own", "lyapunov", "lyapunov-solution", "fluctuation-own", "excess-loss",
    "transfer", "rotation-step", "corrector", "sylvester", "covariance", "mean", "overlap",
    "own-overlap", "sylvester-left", "sylvester-right", "resultant", "solution-left",
    "solution-right", "term", "own-resultant", "own-solution-left", "own-solution-right",
    "own-sylvester", "own-term", "total", "mean-rotation", "axis-decay",
    "representation-diffusion", "decay-rate", "isotropic", "isotropic-quiet", "next-rotation",
    "irrelevant", "frequency-difference", "orthogonal", "no-mean", "factored", "slope",
    "slope-form", "map-hessian", "map-noise", "map-noise-elliptical", "stimulus-noise",
    "map-turn", "map-equations", "map-covariance", "map-mean", "decay-matrix", "diffusion",
    "mean-matrix", "rate", "speed", "synaptic", "silent-metric", "frame-mean",
    "frame-variance", "response-rate",
    "angle-correlation", "decay-rate-quiet", "momentum-rate", "study-effective",
])  # fmt: skip
"""Labels of the formulas to know, where a derivation has them."""

OBSERVED = (
    "excess-loss", "axis-decay", "component", "representation-diffusion", "decay-rate",
    "decay-matrix", "hidden-vector", "diffusion", "rate", "speed",
)  # fmt: skip
"""Labels of what is observed, which the results of a study give for it."""

DEFINITIONS = "What these results are made of"
"""Heading of the formulas that results refer to."""

ON_SHARED_AXES = {
    "factored": "singular-value", "reach": "hessian-pair", "slope": "axis-residual",
    "slope-form": "axis-residual", "map-noise": "noise-pair", "decay-matrix": "axis-decay",
    "diffusion": "representation-diffusion", "rate": "decay-rate", "speed": "no-mean",
    "mean-matrix": "no-mean",
}  # fmt: skip
"""Formulas of any task, and what stands for them where teacher and inputs share axes."""

ELABORATIONS = frozenset([
    "hessian-entries", "several-minima", "noise-entries",
    "correlations", "summed-over-lags", "white-noise", "read-by-samples", "moments-on-axes",
    "powers-of-axes", "seven-numbers",
    "on-axes", "hidden-units", "chosen",
    "one-step-expanded", "expected-change", "without-memory", "next-fluctuation",
    "step-in-powers", "moments-in-powers", "rotation-in-powers", "expected-error",
    "frequency-plane", "frequency-apart", "noise-turning",
    "total-variance",
    "small-blocks", "small-solutions", "small-noise", "diffusion-near",
    "moments-solved",
    "frame-pull", "frame-operators", "angle-between",
    "varied-hessian", "varied-quiet", "varied-noise",
    "error-split", "slope-axes", "hessian-pull",
    "pull-first", "pull-second", "stretched-first", "stretched-second",
    "lyapunov-bracket", "tangent-pull", "corrector-entries", "carried",
    "white-axis", "white-block", "white-rows", "one-turn",
    *(f"{kind}-terms-{term}" for kind in ("frequency", "noise") for term in (121, 122, 123, 231)),
    *(f"small-terms-{term}" for term in (121, 122, 123, 231, 232, 234)),
    *(f"small-terms-{plane}{kind}" for plane in (12, 23) for kind in ("in", "out")),
])  # fmt: skip
"""Steps and labels that only the full document has: single entries, second roads, remarks."""

CONCISE = frozenset([
    "gradient", "balance", "factored", "tangent", "hessian-blocks", "map-noise", "noise-blocks",
    "fluctuation-blocks", "terms", "irrelevant", "average-rotation", "study",
])  # fmt: skip
"""Steps of which the outline tells single sentences, understood without what leads up to them."""

_REFERENCE = re.compile(r"\[(eq|step):([^\]]*)\]")
_LEANING = re.compile(
    r"(It|Its|They|Their|This|These|Those|That|There|Here|Then|Together|Two of these|Both|Of this|"
    r"Without this|By its|"
    r"The (first|second|third|other|operator|derivative|last|covariance of these))\b"
)
"""Begin sentences that nobody understands without the one before."""

_SENTENCE = re.compile(r"(?<=[.?!]) +(?=[A-Z{\[])")


def essential_labels(derivation: Derivation) -> frozenset[str]:
    """Labels of the formulas to know in a derivation."""
    stated = {equation.label for step in derivation.steps for equation in step.equations}
    instead = {label for label, own in ON_SHARED_AXES.items() if own in stated}
    return (ESSENTIAL - instead) & stated


def at_level(derivation: Derivation, level: str) -> Derivation:
    """What a document of a level tells of a derivation, under the same labels.

    Parameters
    ----------
    derivation : Derivation
    level : {"results", "outline", "paper", "full"}
        The full document tells everything.  At the level of a paper no checks are stated, steps
        that elaborate are left out, as are results of the study whose whole is too long to read,
        and chains of equalities say what they begin and end with.  The outline has the essential
        formulas, the results of the study, and of each paragraph what leads up to the sentences
        that tell them, with the equations to which these refer.  Results come without the
        derivation: those of the study first, then a list of the formulas that say what stands in
        them, and what is observed.

    Notes
    -----
    A sentence that refers to something left out is left out.
    """
    if level == "full":
        return derivation
    steps = tuple(
        replace(step, checks=(), simplifications=())
        for step in without_links(derivation).steps
        if step.identifier not in ELABORATIONS
    )
    last = steps[-1].section
    # What a study only puts into formulas that stand above, too long to be printed as a whole.
    repeated = {
        e.label for s in steps if s.section == last for e in s.equations if e.brief is not None
    }
    kept = {e.label for step in steps for e in step.equations} - ELABORATIONS - repeated
    steps = tuple(_reduced(step, steps, kept) for step in steps)
    told = steps
    if level in ("results", "outline"):
        results = {e.label for step in steps if step.section == last for e in step.equations}
        kept = _closed(steps, (essential_labels(derivation) & kept) | results)
        steps = tuple(
            replace(step, prose=_joined(_telling(step, kept)))
            for step in steps
            if kept.intersection(e.label for e in step.equations)
        )
        steps = tuple(_reduced(step, steps, kept) for step in steps)
    if level == "results":
        steps = _results(derivation, told, steps)
    uses = {e.label: e.rests_on for step in derivation.steps for e in step.equations}
    rests_on = shortened(uses, {e.label for step in steps for e in step.equations})
    steps = tuple(
        replace(
            step,
            equations=tuple(replace(e, rests_on=tuple(rests_on[e.label])) for e in step.equations),
        )
        for step in steps
    )
    shown = (item for step in steps for item in step.shown)
    return replace(
        derivation,
        steps=steps,
        notation=tuple(notation_of(derivation, shown)),
        results_only=level == "results",
    )


def _results(
    derivation: Derivation, paper: Iterable[Step], outline: Sequence[Step]
) -> tuple[Step, ...]:
    """The results of a study, and the formulas that say what stands in them, in its letters."""
    section = outline[-1].section
    printed = {e.label for step in outline for e in step.equations}
    first, *others = (
        replace(step, equations=tuple(e for e in step.equations if e.label in printed))
        for step in paper
        if step.section == section
    )
    general = [step for step in outline if step.section != section]
    instead = {label for label, own in ON_SHARED_AXES.items() if own in printed}
    defining = essential_labels(derivation)
    known = set[sp.Basic]().union(
        *(stated(equation) for step in (first, *others) for equation in step.equations)
    )
    shown = [equation for step in (first, *others) for equation in step.equations]
    shown += [
        equation
        for step in general
        for equation in step.equations
        if equation.label in OBSERVED and equation.label not in instead
    ]
    kept = {equation.label for equation in shown}
    # What a formula is made of is defined too, unless the results say what it is.
    while shown:
        needed = symbols_of(shown.pop()) - known
        for equation in (equation for step in general for equation in step.equations):
            if equation.label in defining - kept and needed & stated(equation):
                shown.append(equation)
                kept.add(equation.label)
    needs = {premise for step in (first, *others) for e in step.equations for premise in e.needs}
    listed = "; ".join(premise for premise in Premise if premise in needs)
    premises = (f"{listed[0].upper()}{listed[1:]}.",) if listed else ()
    definitions = (
        replace(
            step,
            section=DEFINITIONS,
            prose="",
            assumptions=(),
            equations=tuple(
                _in_letters(equation, derivation.in_study)
                for equation in step.equations
                if equation.label in kept
            ),
        )
        for step in general
        if kept.intersection(equation.label for equation in step.equations)
    )
    results = (replace(first, assumptions=(*first.assumptions, *premises)), *others)
    steps = (*results, *definitions)
    return tuple(_reduced(step, steps, kept) for step in steps)


def _in_letters(equation: Equation, letters: Mapping[sp.Symbol, sp.Expr]) -> Equation:
    """An equation with what the study has in the place of symbols of the theory."""
    shown = taken_apart(equation.expression)
    written: Shown
    if isinstance(shown, list):
        written = [(_put(left, letters), _put(right, letters)) for left, right in shown]
    elif isinstance(shown, tuple):
        written = _put(shown[0], letters), _put(shown[1], letters)
    else:
        written = _put(shown, letters)
    return replace(equation, expression=relation(written))


def _put(side: object, letters: Mapping[sp.Symbol, sp.Expr]) -> sp.Basic:
    return sp.sympify(side).xreplace(letters)


def without_links(derivation: Derivation) -> Derivation:
    """A derivation the chains of which are the equations of their two ends."""

    def ends(step: Step) -> Step:
        return replace(step, equations=tuple(replace(e, links=()) for e in step.equations))

    return replace(derivation, steps=tuple(ends(step) for step in derivation.steps))


def _reduced(step: Step, steps: Collection[Step], kept: Collection[str]) -> Step:
    """A step with the equations kept, and without sentences that refer to what is not."""
    known = {("eq", label) for label in kept} | {("step", other.identifier) for other in steps}

    def rest(text: str) -> str:
        return _joined(
            [s for s in paragraph if known.issuperset(_REFERENCE.findall(s))]
            for paragraph in _sentences(text)
        )

    prose = rest(step.prose)
    assumptions = tuple(text for text in map(rest, step.assumptions) if text)
    texts = (prose, *assumptions)
    return replace(
        step,
        prose=prose,
        assumptions=assumptions,
        equations=tuple(e for e in step.equations if e.label in kept),
        symbols={
            name: item
            for name, item in step.symbols.items()
            if any(f"{{{name}}}" in text for text in texts)
        },
    )


def _sentences(text: str) -> Iterator[list[str]]:
    """Sentences of each paragraph."""
    return (_SENTENCE.split(part) for part in text.split("\n\n"))


def _joined(paragraphs: Iterable[list[str]]) -> str:
    return "\n\n".join(" ".join(part) for part in paragraphs if part)


def _cited(text: str) -> set[str]:
    return {name for kind, name in _REFERENCE.findall(text) if kind == "eq"}


def _telling(step: Step, kept: Collection[str]) -> list[list[str]]:
    """What of each paragraph tells the equations kept: all, where one is named nowhere."""
    own = {equation.label for equation in step.equations if equation.label in kept}
    paragraphs = list(_sentences(step.prose))
    if not own <= _cited(step.prose):
        return paragraphs
    return [list(_understood(part, own, step.identifier in CONCISE)) for part in paragraphs]


def _understood(paragraph: list[str], untold: set[str], concise: bool) -> Iterator[str]:
    """The sentences that are the first to name an equation, and what leads up to them.

    Where they are concise, only the sentences on which they lean lead up to them.
    """
    leading: list[str] = []
    for sentence, following in zip(paragraph, [*paragraph[1:], ""], strict=True):
        leading.append(sentence)
        if untold & _cited(sentence):
            untold -= _cited(sentence)
            yield from leading
            leading = []
        elif concise and not _LEANING.match(following):
            leading = []


def _closed(steps: Iterable[Step], labels: Collection[str]) -> set[str]:
    """The labels, and those to which the sentences that tell them refer, and so on."""
    kept, found = set[str](), set(labels)
    while found - kept:
        kept |= found
        for step in steps:
            if kept.intersection(e.label for e in step.equations):
                found |= _cited(_joined(_telling(step, kept)))
                found |= _cited(" ".join(step.assumptions))
    return kept


def notation_of(derivation: Derivation, shown: Iterable[sp.Basic]) -> list[Notation]:
    """Rows of the notation for the symbols in some expressions, with or without an index."""
    used = derivation.shown_in(shown)
    names = {derivation.stem(item) for item in used}
    return [
        row
        for row in derivation.notation
        if (row.symbol.base if isinstance(row.symbol, sp.Indexed) else row.symbol) in used
        or (row.role in ROLES and derivation.stem(row.symbol) in names)
    ]

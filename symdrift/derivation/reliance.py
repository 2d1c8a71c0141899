"""What rests on what, read off the steps themselves.

An equation rests on another one in four ways, none of which is written down a second time: it
holds a quantity that the other is the first to state; a link of its chain names the other as its
reason; the prose names the other on the way to it; a check of its step names both.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache

import sympy as sp

from symdrift.derivation.premises import DISTRIBUTIONS, Premise
from symdrift.derivation.steps import Equation, Step

_CITED = re.compile(r"\[eq:([^\]]*)\]")
_LIST = re.compile(r"[\s,]*(and|to)?[\s,]*")
_FOLLOWS = re.compile(r"[^.?!]*(:|\b(which|therefore|hence|thus|so|then)\b)[^.?!]*")
_QUIET = Premise.QUIET_LABELS
_KINDS = (sp.Symbol, sp.MatrixSymbol, sp.IndexedBase)


def with_reliance(steps: Sequence[Step]) -> tuple[Step, ...]:
    """The steps of a whole derivation, each equation with what it rests on and what it needs."""
    uses, needs = _reliance(steps)

    def own(equation: Equation) -> Equation:
        label = equation.label
        return replace(equation, rests_on=uses[label], needs=needs[label])

    return tuple(replace(step, equations=tuple(map(own, step.equations))) for step in steps)


def circle(uses: Mapping[str, Iterable[str]]) -> tuple[str, ...]:
    """Labels each of which rests on the next, and the last on the first; empty where none do."""
    done: set[str] = set()

    def followed(label: str, path: tuple[str, ...]) -> tuple[str, ...]:
        if label in path:
            return path[path.index(label) :]
        if label not in done:
            for other in uses.get(label, ()):
                if found := followed(other, (*path, label)):
                    return found
            done.add(label)
        return ()

    return next((found for label in uses if (found := followed(label, ()))), ())


def reached(label: str, uses: Mapping[str, Iterable[str]]) -> set[str]:
    """An equation and everything that it rests on."""
    found, waiting = {label}, [label]
    while waiting:
        new = set(uses.get(waiting.pop(), ())) - found
        found |= new
        waiting += new
    return found


def shortened(uses: Mapping[str, Iterable[str]], kept: Collection[str]) -> dict[str, list[str]]:
    """What the equations kept rest on among each other, past those that are left out."""

    @cache
    def nearest(label: str) -> frozenset[str]:
        return frozenset[str]().union(
            *({name} if name in kept else nearest(name) for name in uses.get(label, ()))
        )

    found = {label: nearest(label) for label in uses if label in kept}
    return {label: [name for name in uses if name in near] for label, near in found.items()}


def nearest_only(uses: Mapping[str, Collection[str]]) -> dict[str, list[str]]:
    """What each equation rests on, without what another one of these rests on already."""
    below = {label: reached(label, uses) - {label} for label in uses}
    return {
        label: [name for name in names if not any(name in below[other] for other in names)]
        for label, names in uses.items()
    }


def _reasons(equation: Equation) -> set[str]:
    """What the reasons of a chain refer to."""
    return {name for link in equation.links for name in _CITED.findall(link.reason)}


def _reliance(
    steps: Sequence[Step],
) -> tuple[dict[str, tuple[str, ...]], dict[str, tuple[Premise, ...]]]:
    """For each label, what it rests on directly and the premises of all that it rests on."""
    places = {e.label: (place, e) for place, step in enumerate(steps) for e in step.equations}
    order = {label: number for number, label in enumerate(places)}
    first: dict[sp.Basic, str] = {}
    often = Counter[sp.Basic]()
    for label, (_, equation) in places.items():
        for item in stated(equation):
            first.setdefault(item, label)
            often[item] += 1
    uses: dict[str, tuple[str, ...]] = {}

    def put_in(labels: Collection[str]) -> set[Premise]:
        """Premises of these equations and of what they rest on."""
        below = set[str]().union(*(reached(label, uses) for label in labels))
        return {premise for label in below for premise in places[label][1].premises}

    for place, step in enumerate(steps):
        told = _told(step, order)
        for equation in step.equations:
            label, symbols = equation.label, symbols_of(equation)
            used = told.get(label, set()) | _checked(step, label, order)
            used |= _reasons(equation)
            values = set[str]()
            for item in symbols & first.keys():
                name = first[item]
                there, other = places[name]
                # What is stated later gives a value to what was free; below in the same step it
                # says what a letter stands for, unless the letter is the unknown of an equation.
                solved = not stated(equation) or label in told.get(name, set()) | _reasons(other)
                if there > place or (order[name] > order[label] and solved):
                    continue
                # An equation may say in general what was found for some inputs before.
                again = not stated(equation).isdisjoint(stated(other))
                assumed = put_in([name]) if again else set(other.premises)
                # What is stated without label noise first, and then with it, has two values.
                of_case = _QUIET in assumed and often[item] > 1
                (values if of_case or DISTRIBUTIONS & assumed else used).add(name)
            # A value for some inputs is used by what is about these inputs already.  On shared
            # axes they are Gaussian.
            within = put_in([label, *used])
            for name in values:
                needed = (DISTRIBUTIONS | {_QUIET}) & put_in([name])
                if Premise.SHARED_AXES in within:
                    needed -= DISTRIBUTIONS
                if needed <= within:
                    used.add(name)
            uses[label] = tuple(sorted(used - {label}, key=order.__getitem__))
    needs = {label: put_in([label]) for label in uses}
    return uses, {
        label: tuple(premise for premise in Premise if premise in found)
        for label, found in needs.items()
    }


def _told(step: Step, order: Mapping[str, int]) -> dict[str, set[str]]:
    """What the prose of a step names on the way to each of its equations.

    What a list of equations is told by belongs to each of them; an equation that follows from
    the one before it in its sentence rests on that too.
    """
    own = {equation.label for equation in step.equations}
    found: dict[str, set[str]] = {}
    for paragraph in step.prose.split("\n\n"):
        on_the_way, last, end = set[str](), "", 0
        for reference in _CITED.finditer(paragraph):
            name, between = reference[1], paragraph[end : reference.start()]
            if name not in own:
                if order.get(name, len(order)) < min(map(order.__getitem__, own), default=0):
                    on_the_way.add(name)
            elif name not in found:
                if last and _LIST.fullmatch(between):
                    found[name] = set(found[last])
                else:
                    found[name] = on_the_way | ({last} if last and _follows(between) else set())
                    on_the_way = set()
                last = name
            end = reference.end()
    return found


def _follows(between: str) -> bool:
    return _FOLLOWS.fullmatch(between) is not None


def _checked(step: Step, label: str, order: Mapping[str, int]) -> set[str]:
    """Earlier equations that a check names together with this one."""
    own = {equation.label for equation in step.equations}
    cited = (set(_CITED.findall(check.statement)) for check in step.checks)
    return {
        name
        for names in cited
        if label in names
        for name in names - own
        if order.get(name, len(order)) < order[label]
    }


def stated(equation: Equation) -> set[sp.Basic]:
    """The quantities that an equation says what they are: its left sides."""
    shown = equation.expression
    parts = shown.args if isinstance(shown, sp.And) else (shown,)
    sides = (part.lhs for part in parts if isinstance(part, sp.Eq))
    heads = (side.base if isinstance(side, sp.Indexed) else side for side in sides)
    return {head for head in heads if isinstance(head, _KINDS)}


def symbols_of(equation: Equation) -> set[sp.Basic]:
    """All quantities that stand in an equation, in the lines of its chain too."""
    shown = (equation.expression, *(link.expression for link in equation.links))
    return {item for line in shown for item in line.atoms(*_KINDS)}

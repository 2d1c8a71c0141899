"""Building a step: its checks are run here, and a check that fails stops everything."""

from __future__ import annotations

import ast
import inspect
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import pairwise, product
from pathlib import Path
from string import Formatter
from types import CodeType, MappingProxyType
from typing import Any, TypeAlias

import sympy as sp
from sympy.matrices import MatrixBase

from symdrift.algebra.forms import Simplified
from symdrift.algebra.rational import is_zero
from symdrift.derivation.premises import Premise
from symdrift.derivation.steps import (
    Check,
    Compared,
    Equation,
    Link,
    Method,
    Shown,
    Source,
    Step,
    relation,
)
from symdrift.derivation.vocabulary import COMMON
from symdrift.errors import CheckFailed

NOTHING: Mapping[sp.Basic, sp.Basic] = MappingProxyType({})

Side: TypeAlias = sp.Expr | MatrixBase | int
"""What can be compared."""


@dataclass(frozen=True)
class Test:
    """A check to be run: what it verifies, how, what decides it, and what that compares."""

    statement: str
    method: Method
    decide: Callable[[], bool]
    compared: tuple[Compared, ...] = ()


def vanishes(
    statement: str,
    *expressions: Side | tuple[Side, Side],
    method: Method = Method.IDENTITY,
) -> Test:
    """All expressions, or all entries of matrices, are identically zero.

    Of two sides that stand for it this is the difference.  Each is brought over one denominator
    and its numerator expanded, in exact arithmetic.  Where they are numbers from the start, the
    method is that of points.
    """
    pairs = [part if isinstance(part, tuple) else (part, 0) for part in expressions]
    names = [str(place) if len(pairs) > 1 else "" for place in range(1, len(pairs) + 1)]
    compared = (
        part for name, pair in zip(names, pairs, strict=True) for part in _by_entry(name, *pair)
    )
    return Test(statement, method, lambda: all(_agree(*pair) for pair in pairs), tuple(compared))


def _agree(left: Any, right: Any) -> bool:
    difference = left if isinstance(right, int) and right == 0 else left - right
    entries = difference if isinstance(difference, MatrixBase) else [difference]
    return all(is_zero(entry) for entry in entries)


def _by_entry(name: str, left: Any, right: Any) -> Iterator[Compared]:
    """Two sides, or two matrices entry by entry."""
    if isinstance(left, sp.MatMul):
        left = left.as_explicit()
    if not isinstance(left, MatrixBase):
        yield Compared(name, sp.sympify(left), sp.sympify(right))
        return
    rows, columns = left.shape
    others = right if isinstance(right, MatrixBase) else sp.zeros(rows, columns)
    for row, column in product(range(rows), range(columns)):
        entry = "-".join(filter(None, (name, f"entry-{row + 1}-{column + 1}")))
        yield Compared(entry, left[row, column], others[row, column])


def holds(statement: str, method: Method, decide: Callable[[], bool]) -> Test:
    """Anything else that can be decided exactly."""
    return Test(statement, method, decide)


@dataclass(frozen=True)
class Given:
    """An equation and the condition under which it holds."""

    shown: Shown
    condition: sp.Basic


@dataclass(frozen=True)
class Folded:
    """An equation that is too long to read, and the same in named quantities, which is read."""

    shown: Shown
    brief: Shown


@dataclass(frozen=True)
class Chain:
    """Equalities to be checked one by one, with the reason for each.

    Attributes
    ----------
    start : sympy.Basic
        What it begins with.
    links : tuple of Link
        What that equals, line by line.
    given : tuple of Mapping
        What is put in the place of what, by the reason of each link, before the two lines that it
        joins are compared.
    value : callable
        Expression or matrix that a line stands for, where the line itself is formal.
    method : Method
        How two lines are compared.
    """

    start: sp.Basic
    links: tuple[Link, ...]
    given: tuple[Mapping[Any, Any], ...]
    value: Callable[[Any], Any]
    method: Method

    @cached_property
    def pairs(self) -> tuple[tuple[Any, Any], ...]:
        """What is compared: two lines after the other, with what the reason between them allows."""
        values = [self.value(line) for line in self._lines]
        return tuple(
            (left.xreplace(given), right.xreplace(given))
            for (left, right), given in zip(pairwise(values), self.given, strict=True)
        )

    @property
    def _lines(self) -> tuple[sp.Basic, ...]:
        return self.start, *(link.expression for link in self.links)

    def broken(self) -> str:
        """The first two lines that differ and the reason that should join them, or nothing."""
        for place, (link, pair) in enumerate(zip(self.links, self.pairs, strict=True)):
            if not _agree(*pair):
                above, below = (shortened(str(line)) for line in self._lines[place : place + 2])
                return (
                    f'between its lines {place + 1} and {place + 2}: "{above}" is not "{below}" by '
                    f'"{link.reason}"'
                )
        return ""


_LONGEST_LINE = 160


def shortened(text: str) -> str:
    """A text for a message, its middle left out where it is long."""
    half = _LONGEST_LINE // 2
    return text if len(text) <= _LONGEST_LINE else f"{text[:half]} ... {text[-half:]}"


def chain(
    start: sp.Basic,
    *links: tuple[str, sp.Basic] | tuple[str, sp.Basic, Mapping[Any, Any]],
    value: Callable[[Any], Any] = lambda line: line,
    method: Method = Method.IDENTITY,
) -> Chain:
    """A chain of equalities with a reason at each sign, displayed as one equation.

    Parameters
    ----------
    start : sympy.Basic
    *links : tuple
        Reason, in the mark-up of prose, and the next line; perhaps with what the reason allows
        to be put in the place of what.
    value : callable, optional
        Expression or matrix that a line stands for; the line itself, unless told otherwise.
    method : Method, optional
        How that compares two lines.
    """
    return Chain(
        sp.sympify(start),
        tuple(Link(reason, sp.sympify(line)) for reason, line, *_ in links),
        tuple(given[0] if given else NOTHING for _, _, *given in links),
        value,
        method,
    )


Stated: TypeAlias = Shown | Given | Folded | Chain
"""What a step displays under one label."""


def step(
    *,
    checks: Iterable[Test] = (),
    symbols: Mapping[str, sp.Basic] | None = None,
    assumptions: Iterable[str] = (),
    simplified: Iterable[Simplified] = (),
    words: Mapping[str, str] | None = None,
    identifier: str | None = None,
    under: Mapping[str, Iterable[Premise]] | Iterable[Premise] = (),
    **equations: Stated | Mapping[object, Stated] | None,
) -> Step:
    """The step that the calling function describes, with its checks run.

    The first line of the function's docstring is the title and the rest the prose; the
    section is the first line of its module's, up to the colon.  The name of the function is
    the identifier of the step.

    Parameters
    ----------
    checks : iterable of Test
    symbols : Mapping, optional
        Inline mathematics of prose, assumptions and statements, by name.
    assumptions : iterable of str
    simplified : iterable of Simplified
        How the equations came into their form.
    words : Mapping, optional
        What stands for ``<name>`` in the docstring, where the study decides.
    identifier : str, optional
        Where several functions describe one step, each for some studies.
    under : iterable of Premise, or mapping of str to these
        What its equations assume, or those of some keywords.
    **equations
        The displayed equations and chains by label, with ``_`` for ``-``.  A mapping is a family
        of equations whose labels end in its keys; None leaves the equation out.

    Raises
    ------
    CheckFailed
        Naming the step and the statement that did not hold, or the chain and the two lines
        between which it breaks.
    KeyError
        When the prose names a symbol that does not exist.
    """
    frame = inspect.currentframe()
    assert frame is not None and frame.f_back is not None
    place, code = frame.f_back.f_globals, frame.f_back.f_code
    name = identifier or code.co_name.strip("_").replace("_", "-")
    described = place[code.co_name].__doc__
    if described is None:
        raise CheckFailed(f'step "{name}" has lost its prose: run Python without -OO')
    for slot, text in (words or {}).items():
        described = described.replace(f"<{slot}>", text)
    title, *paragraphs = re.split(r"\n\s*\n", described.strip())
    prose = "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
    results = []
    for test in checks:
        start = time.perf_counter()
        # What cannot be decided, as SymPy's None, has not been passed.
        if test.decide() is not True:
            raise CheckFailed(f'step "{name}" failed its check: {test.statement}')
        seconds = time.perf_counter() - start
        results.append(Check(test.statement, test.method, True, seconds, test.compared))
    results += _linked(name, equations)
    if not results:
        raise CheckFailed(f'step "{name}" has no check')
    assumptions = tuple(assumptions)
    known = COMMON | dict(symbols or {})
    shown = tuple(_labelled(equations, code, under))
    reasons = (link.reason for equation in shown for link in equation.links)
    texts = (prose, *assumptions, *reasons, *(check.statement for check in results))
    named = {key: known[key] for text in texts for _, key, _, _ in Formatter().parse(text) if key}
    return Step(
        identifier=name,
        section=place["__doc__"].partition(":")[0],
        title=" ".join(title.split()),
        prose=prose,
        symbols=named,
        equations=shown,
        assumptions=assumptions,
        checks=tuple(results),
        simplifications=tuple(rule for form in simplified for rule in form.applied),
        source=Source(_within_package(code.co_filename), code.co_firstlineno),
    )


def _linked(
    name: str, equations: Mapping[str, Stated | Mapping[object, Stated] | None]
) -> Iterator[Check]:
    """The checks of the chains of a step, those of one method together."""
    chains = [
        (label, stated) for _, label, stated in _members(equations) if isinstance(stated, Chain)
    ]
    for method in dict.fromkeys(stated.method for _, stated in chains):
        start = time.perf_counter()
        compared = {label: stated for label, stated in chains if stated.method == method}
        for label, stated in compared.items():
            if broken := stated.broken():
                raise CheckFailed(f'step "{name}": the chain "{label}" breaks {broken}')
        *others, last = (f"[eq:{label}]" for label in compared)
        listed = f"{', '.join(others)} and {last}" if others else last
        seconds = time.perf_counter() - start
        pairs = (
            part
            for label, stated in compared.items()
            for place, pair in enumerate(stated.pairs, start=1)
            for part in _by_entry(f"{label}-line-{place}", *pair)
        )
        statement = f"Each line of {listed} equals the next."
        yield Check(statement, method, True, seconds, tuple(pairs))


def _members(
    equations: Mapping[str, Stated | Mapping[object, Stated] | None],
) -> Iterator[tuple[str, str, Stated]]:
    """Keyword, label and content of each equation, those of families one by one."""
    for keyword, value in equations.items():
        if value is None:
            continue
        for key, member in (value if isinstance(value, Mapping) else {None: value}).items():
            yield keyword, keyword.replace("_", "-") + ("" if key is None else f"-{key}"), member


def _labelled(
    equations: Mapping[str, Stated | Mapping[object, Stated] | None],
    code: CodeType,
    under: Mapping[str, Iterable[Premise]] | Iterable[Premise],
) -> Iterator[Equation]:
    """The equations of a step, each with the line on which its label stands."""
    lines = _keyword_lines(code.co_filename, code.co_name)
    common = () if isinstance(under, Mapping) else tuple(under)
    for keyword, label, stated in _members(equations):
        premises = tuple(under.get(keyword, ())) if isinstance(under, Mapping) else common
        source = Source(_within_package(code.co_filename), lines[keyword])
        match stated:
            case Chain(start=start, links=links):
                ends = relation((start, links[-1].expression))
                yield Equation(label, ends, source=source, links=links, premises=premises)
            case Given(shown=shown, condition=condition):
                held = relation(shown)
                yield Equation(label, held, condition, source=source, premises=premises)
            case Folded(shown=shown, brief=brief):
                whole, read = relation(shown), relation(brief)
                yield Equation(label, whole, source=source, brief=read, premises=premises)
            case _:
                yield Equation(label, relation(stated), source=source, premises=premises)


@lru_cache
def _keyword_lines(file: str, function: str) -> Mapping[str, int]:
    """Where the keywords of the calls of `step` in a function of a file stand."""
    tree = ast.parse(Path(file).read_text(encoding="utf-8"))
    (body,) = (
        node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == function
    )
    return {
        keyword.arg: keyword.lineno
        for call in ast.walk(body)
        if isinstance(call, ast.Call) and ast.unparse(call.func).rpartition(".")[2] == "step"
        for keyword in call.keywords
        if keyword.arg
    }


def _within_package(file: str) -> str:
    package = Path(__file__).parents[2]
    return Path(file).resolve().relative_to(package.resolve()).as_posix()


def timed(steps: Iterable[Step]) -> Iterator[Step]:
    """The steps with the time that deriving and checking each of them took."""
    start = time.perf_counter()
    for step in steps:
        yield replace(step, seconds=time.perf_counter() - start)
        start = time.perf_counter()

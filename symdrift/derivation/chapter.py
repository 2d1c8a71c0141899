"""Building a step: its checks are run here, and a check that fails stops everything."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from string import Formatter

import sympy as sp

from symdrift.algebra.forms import Simplified
from symdrift.algebra.rational import is_zero
from symdrift.derivation.steps import Check, Equation, Step
from symdrift.derivation.vocabulary import COMMON
from symdrift.errors import CheckFailed


@dataclass(frozen=True)
class Test:
    """A check to be run: what it verifies, how, and the computation that decides it."""

    statement: str
    method: str
    decide: Callable[[], bool]


def vanishes(statement: str, *expressions: sp.Expr | sp.MatrixBase) -> Test:
    """All expressions, or all entries of matrices, are identically zero.

    Each is brought over one denominator and its numerator expanded, in exact arithmetic.
    """

    def decide() -> bool:
        entries = [
            entry
            for expression in expressions
            for entry in (expression if isinstance(expression, sp.MatrixBase) else [expression])
        ]
        return all(is_zero(entry) for entry in entries)

    return Test(statement, "numerator expanded to zero", decide)


def holds(statement: str, method: str, decide: Callable[[], bool]) -> Test:
    """Anything else that can be decided exactly."""
    return Test(statement, method, decide)


def derived(
    identifier: str,
    section: str,
    title: str,
    prose: str,
    *,
    equations: Iterable[Equation] = (),
    tests: Iterable[Test],
    symbols: Mapping[str, sp.Basic] | None = None,
    assumptions: Iterable[str] = (),
    simplified: Iterable[Simplified] = (),
) -> Step:
    """Run the checks and build the step.

    Raises
    ------
    CheckFailed
        Naming the step and the statement that did not hold.
    KeyError
        When the prose names a symbol that does not exist.
    """
    checks = []
    for test in tests:
        start = time.perf_counter()
        if not test.decide():
            raise CheckFailed(f'step "{identifier}" failed its check: {test.statement}')
        checks.append(Check(test.statement, test.method, True, time.perf_counter() - start))
    if not checks:
        raise CheckFailed(f'step "{identifier}" has no check')
    assumptions = tuple(assumptions)
    known = COMMON | dict(symbols or {})
    texts = (prose, *assumptions, *(check.statement for check in checks))
    named = {
        name: known[name] for text in texts for _, name, _, _ in Formatter().parse(text) if name
    }
    return Step(
        identifier=identifier,
        section=section,
        title=title,
        prose=prose,
        symbols=named,
        equations=tuple(equations),
        assumptions=assumptions,
        checks=tuple(checks),
        simplifications=tuple(rule for form in simplified for rule in form.applied),
    )


def timed(steps: Iterable[Step]) -> Iterator[Step]:
    """The steps with the time that deriving and checking each of them took."""
    start = time.perf_counter()
    for step in steps:
        yield replace(step, seconds=time.perf_counter() - start)
        start = time.perf_counter()
